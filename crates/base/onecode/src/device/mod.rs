//! Phones and browsers that show a code: bound, certified, removed.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
