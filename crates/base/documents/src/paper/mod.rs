//! Official papers (文书) of a case: notices, decisions, receipts. Ordered with a number and everything they say, printed and
//! sealed by a job, kept as they are; a corrected one supersedes an earlier one and replaces nothing.

pub(crate) mod model;
pub(crate) mod pack;
pub(crate) mod service;
pub(crate) mod store;
