//! Keys of the service (密钥): what they are, their versions, who may use them.

pub(crate) mod grant;
pub(crate) mod model;
mod samples;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
