//! Registered systems (依赖方): who may send people here to sign in, where to, and what they may be told.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
