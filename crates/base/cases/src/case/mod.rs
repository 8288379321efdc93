//! Cases: drafts, submission, handling, materials.
//!
//! `web` → `service` (one verb, one transaction) → `runtime` (the engine's effects on rows) → `store` (SQL).

pub(crate) mod materials;
pub(crate) mod model;
pub(crate) mod runtime;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod view;
pub(crate) mod web;
pub(crate) mod work_web;
