//! Users: officials whom a directory keeps.
//!
//! - [`model`]: what of a resource is the official's record, and the resource that a record makes
//! - [`store`]: what the directory notes beside it
//! - [`service`], [`keep`]: finding; joining, changing, leaving
//! - [`web`]: the requests

pub(crate) mod keep;
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
