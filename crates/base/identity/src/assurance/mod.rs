//! Real-name levels (实名等级): R1 an account, R2 name and number as the population library has them, R3 a face or bank check of
//! an outside service, R4 the person stood at a counter with the document.

pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
