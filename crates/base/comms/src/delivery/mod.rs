//! One delivery: a message on its way over one channel, with attempts, receipt and re-send.
pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
