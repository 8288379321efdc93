//! Groups: posts of the directory's organisation. Their members are the officials who hold them; whoever becomes a member is
//! proposed for the post, and is one when the proposal was approved.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
