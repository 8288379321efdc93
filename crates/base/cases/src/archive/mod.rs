//! Archive packages (归档): what an ended case leaves behind, in one ZIP file that any program can read in thirty years.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
mod zip;
