//! Signing keys and their rotation: a key is published a day before it signs, and a month after the next has taken over.

pub(crate) mod service;
mod store;
