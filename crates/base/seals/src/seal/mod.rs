//! Seals as records: application, approval, making, custody, suspension, destruction.

pub(crate) mod model;
pub(crate) mod pack;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod view;
pub(crate) mod web;
