//! Suspension and destruction.

use super::{loaded, moved, readable, said, saved, worded};
use crate::seal::model::Act;
use crate::seal::store;
use kernel::{Ctx, Fact, Result};
use serde_json::json;

/// Stops every use at once: the authority, the organisation's head, or the custodian who has lost control of it.
pub(crate) async fn suspend(ctx: &Ctx, id: &str, reason: &str) -> Result<()> {
    let reason = worded(reason)?;
    ctx.tx("seals.suspend", |tx| {
        let mut seal = readable(ctx, tx, id)?;
        if seal.custodian.as_deref() != Some(ctx.actor.id.as_str()) {
            ctx.may("seals.seal.suspend", &seal.resource())?;
        }
        moved(&mut seal, Act::Suspend)?;
        saved(tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.suspended", "suspended", reason)
    })
    .await
}

/// The authority lets a suspended seal be used again; what waited goes on.
pub(crate) async fn lift(ctx: &Ctx, id: &str, reason: &str) -> Result<()> {
    let reason = worded(reason)?;
    ctx.tx("seals.lift", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.decide")?;
        moved(&mut seal, Act::Lift)?;
        saved(tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.lifted", "lifted", reason)
    })
    .await
}

/// Ends a seal for ever: its private keys are destroyed and the revocation of its certificates is asked for. What it sealed
/// before still verifies.
pub(crate) async fn destroy(ctx: &Ctx, id: &str, reason: &str) -> Result<()> {
    let reason = worded(reason)?;
    ctx.tx("seals.destroy", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.decide")?;
        moved(&mut seal, Act::Destroy)?;
        seal.ended_at = Some(ctx.now());
        saved(tx, &seal)?;
        if let Some(open) = store::offered(tx, id)? {
            store::answer(tx, &open.id, "withdrawn", ctx.now())?;
            let fact = Fact::new("seals.custody.ended", &open.id);
            ctx.emit(tx, fact.touch(&crate::HANDOVER, &open.id))?;
        }
        trust::api::retire_seal(ctx, tx, &seal.key_name)?;
        said(ctx, tx, &seal, "seals.seal.destroyed", "destroyed", reason)?;
        let payload = json!({ "seal": seal.id, "key": seal.key_name, "reason": "cessationOfOperation" });
        ctx.emit(
            tx,
            Fact::new("seals.revocation.requested", &seal.id).payload(payload),
        )?;
        Ok(())
    })
    .await
}
