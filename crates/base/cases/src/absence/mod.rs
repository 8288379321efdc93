//! Absence (外出代办): who is away and who stands in. For that time the stand-in sees and does the work of the one who is away,
//! by that person's rights and in that person's name.

pub(crate) mod api;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
