//! The log of requests: what a directory asked and what became of it.

pub(crate) mod service;
pub(crate) mod store;
