//! Declared directories: which registered system keeps the people of which organisation.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
