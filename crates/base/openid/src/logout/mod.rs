//! Signing out: started by a system (RP-Initiated Logout), told to systems (Back-Channel Logout).

pub(crate) mod service;
pub(crate) mod web;
