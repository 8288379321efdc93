//! Using keys (密码运算): what is asked, whether it is allowed, what comes of it.

pub(crate) mod model;
mod reckon;
pub(crate) mod service;
pub(crate) mod web;
