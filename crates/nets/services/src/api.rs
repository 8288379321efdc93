//! What other crates may ask of services.

pub use crate::matter::model::Sheet;
pub use crate::matter::pack::notes as pack_notes;
pub use crate::matter::service::{all, find, revise};
