//! Who can do what to what (权限查询): for auditors and administrators, answered by the same policies that decide.

pub(crate) mod service;
pub(crate) mod web;
