//! The life of an official (公职人员): joining, posts, moving, leaving, coming back.
//!
//! - [`model`]: records, states, rules; pure
//! - [`store`]: the SQL of records, and of posts held and proposed ([`store::held`])
//! - [`join`]: joining, coming back, the one-time secret
//! - [`activate`]: the person sets the own password
//! - [`change`]: name, phone, login
//! - [`assign`]: posts are proposed, approved, ended
//! - [`leave`]: leaving, suspension
//! - [`find`]: one, and lists
//!
//! These verbs do not ask whether their caller may: [`service`] does for people at their browsers, a directory does for itself.

pub(crate) mod activate;
pub(crate) mod assign;
pub(crate) mod change;
pub(crate) mod find;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;

pub(crate) use store::held;
