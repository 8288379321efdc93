//! Electronic certificates (电子证照): ordered by a case, printed and sealed by a job, verified by anyone.

pub(crate) mod model;
pub(crate) mod produce;
pub(crate) mod store;
pub(crate) mod web;
