//! The public ledger (办件公开): what was accepted today and what has ended lately, without any person in it. The live
//! figures of the home page open to it.

pub(crate) mod store;
pub(crate) mod web;
