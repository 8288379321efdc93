//! Readings of codes: at a counter or a gate, with and without a network; what the holder sees of them.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
