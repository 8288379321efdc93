//! Phone numbers (手机号): confirmed by a code sent by SMS, and signing in with one.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
