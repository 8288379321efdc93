//! A figure: how many of how many records, always with both counts, never a percentage out of nothing.

pub(crate) mod model;
pub(crate) mod samples;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;

pub(crate) use model::MOVED_BY;
