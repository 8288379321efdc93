//! PDF and OFD files that somebody seals by hand, one or many at a time.

mod glyphs;
mod look;
pub(crate) mod model;
mod ofd;
mod pdf;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
mod words;
