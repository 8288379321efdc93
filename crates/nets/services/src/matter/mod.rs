//! Matters (事项).

pub(crate) mod elements;
pub(crate) mod model;
pub(crate) mod pack;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
