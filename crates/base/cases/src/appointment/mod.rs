//! Appointments (预约): a window's slots, who comes when, and who came. Windows and hours are content of the pack; which days
//! are open follows the holiday table.

pub(crate) mod model;
pub(crate) mod pack;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod web;
