//! Reviews of access (权限复核): who holds a post confirms nothing of it themselves; somebody else says that it is still needed, or
//! ends it.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
