//! Sign-ins of people to systems (授权登录): requests, consent, codes, tokens, what is told.

pub(crate) mod model;
pub(crate) mod own;
pub(crate) mod person;
pub(crate) mod request;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod web;
