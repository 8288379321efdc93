//! The organisation tree with its history: organisations and posts are founded, renamed, moved and retired, each from a day on. The path of
//! an organisation is the key by which rights and rows of other crates know it: it stays what it was at the founding.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
