//! Delivery (送达): how the result comes to the applicant — download, pick-up at a window, post — and the proof that it did.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod view;
pub(crate) mod web;
