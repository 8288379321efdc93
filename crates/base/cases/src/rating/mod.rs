//! Rating (好差评): five grades for a finished case; a bad one opens a follow-up with a deadline.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
