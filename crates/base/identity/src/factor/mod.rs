//! Second factors (第二因素): codes of an authenticator app, recovery codes; the steps of a sign-in that asks for one.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
