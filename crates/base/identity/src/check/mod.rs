//! Checks of a person by somebody who can see them (人脸核验 银行核验): asked of an adapter, answered by its signed receipt.

mod service;
mod store;
pub(crate) mod web;
