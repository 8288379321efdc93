//! Stock phrases (常用语) for opinions: an official's own, and those a supervisor shares with the office.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
