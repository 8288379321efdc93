//! The base library: files of sources are collected by rules; of each subject and element every source's
//! newest value is kept, and the newest of all is answered, with its source and date.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;

pub use service::{Library, collect_all};
