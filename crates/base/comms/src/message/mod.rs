//! Notices to people: one row each, read in their own list.
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
