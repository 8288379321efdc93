//! Writing requests down, and forgetting them.

use super::store::{self, Request};
use kernel::{Ctx, Result};

/// Rows are kept so long; networks' logs must be kept for six months.
const KEPT: i64 = 200 * 86_400_000;

/// Writes a request down.
pub(crate) async fn note(ctx: &Ctx, request: &Request) -> Result<()> {
    ctx.tx("provisioning.note", |tx| Ok(store::insert(tx, request)?))
        .await
}

/// Forgets rows that were kept long enough.
pub(crate) async fn sweep(ctx: Ctx) -> Result<()> {
    let before = ctx.now() - KEPT;
    while ctx
        .tx("provisioning.sweep", |tx| Ok(store::sweep(tx, before)?))
        .await?
        > 0
    {}
    Ok(())
}
