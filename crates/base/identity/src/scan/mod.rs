//! Scan-to-login (扫码登录): a browser shows a picture, the person's phone, signed in already, answers for it.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
