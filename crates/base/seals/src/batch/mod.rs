//! PDF files that somebody seals by hand, one or many at a time.

pub(crate) mod model;
pub(crate) mod pdf;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
