//! Passkeys (通行密钥): added on the security page; a complete sign-in of their own, or the second step after a password.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
