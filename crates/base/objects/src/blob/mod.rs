//! The register of what lies in the store.

mod model;
mod service;
mod store;

pub(crate) use service::{Store, check, command, discard, get, keep, put, sweep, trouble};
