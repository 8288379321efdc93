//! The use log (使用日志): one row for each request, its page, and what brings it into the proof log.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
