//! Who may use a seal, for what, how often; and every use.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
