//! Lists of matters as spreadsheets: out as CSV or Excel, in with a report row by row.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
