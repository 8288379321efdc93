//! One notice: published once, never changed.
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
