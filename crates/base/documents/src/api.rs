//! What other crates may ask of documents.

pub use crate::certificate::model::Certificate;
pub use crate::certificate::produce::{Order, order};
use crate::certificate::store;
use kernel::{Ctx, Fault, Tx};

/// Certificates that a case led to.
pub fn of_case(tx: &mut Tx<'_>, case: &str) -> Result<Vec<Certificate>, Fault> {
    store::of_case(tx, case)
}

/// The actor's own certificates, newest first.
pub fn own(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Certificate>, Fault> {
    match ctx.actor.party() {
        Some(party) => store::of_holder(tx, party),
        None => Ok(Vec::new()),
    }
}
