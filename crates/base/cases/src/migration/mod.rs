//! Migration (迁移): running cases go on by the newest version of their matter, one by one, where the process allows it.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
