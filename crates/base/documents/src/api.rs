//! What other crates may ask of documents.

pub use crate::certificate::model::Certificate;
pub use crate::certificate::produce::{Order, order};
use crate::certificate::{produce, store};
use kernel::{Ctx, Fault, Result, Tx};

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

/// The finished file of a certificate and its detached SM2 signature; `None` until it is issued.
pub fn file(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    produce::file(ctx, tx, id)
}
