//! Editions (编制): the work on a matter between two versions, written by one person and published by another.

pub(crate) mod check;
pub(crate) mod fields;
pub(crate) mod living;
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
mod table;
pub(crate) mod view;
pub(crate) mod web;
