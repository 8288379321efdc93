//! Papers (文书) of a case: which event makes which, what it says, who may read and correct it. Documents prints and keeps them.

pub(crate) mod model;
pub(crate) mod service;
pub(crate) mod view;
pub(crate) mod web;
