//! Hosts that are told by HTTP.
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
