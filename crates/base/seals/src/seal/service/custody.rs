//! Who keeps a seal.

use super::{loaded, moved, readable, said, saved};
use crate::seal::model::{Act, Seal, State};
use crate::seal::store::{self, Handover};
use kernel::{Ctx, Fact, Refusal, Result};
use serde_json::json;

/// Offers the custody to an official of the organisation: the authority of a seal that nobody keeps yet, afterwards its
/// custodian; the authority also when the custodian is gone.
///
/// # Errors
/// `seals-taker` for somebody who may not keep it, `seals-not-now`.
pub(crate) async fn offer(ctx: &Ctx, id: &str, taker: &str) -> Result<()> {
    ctx.tx("seals.offer", |tx| {
        let seal = readable(ctx, tx, id)?;
        let keeps = seal.custodian.as_deref() == Some(ctx.actor.id.as_str());
        if !keeps {
            ctx.may("seals.seal.decide", &seal.resource())?;
        } else {
            ctx.may("seals.custody.hold", &seal.resource())?;
        }
        if !matches!(seal.state, State::Made | State::Active | State::Suspended) {
            return Err(Refusal::new("seals-not-now").status(409).into());
        }
        let fits = identity::api::official(ctx, tx, taker)?
            .filter(|o| o.actor != ctx.actor.id && seal.custodian.as_deref() != Some(&o.actor))
            .is_some_and(|o| near(&seal, &o));
        if !fits {
            return Err(Refusal::new("seals-taker").into());
        }
        if let Some(before) = store::offered(tx, id)? {
            store::answer(tx, &before.id, "withdrawn", ctx.now())?;
            let fact = Fact::new("seals.custody.ended", &before.id);
            ctx.emit(tx, fact.touch(&crate::HANDOVER, &before.id))?;
        }
        let h = Handover {
            id: ctx.id().to_string(),
            seal: seal.id.clone(),
            giver: ctx.actor.id.clone(),
            taker: taker.into(),
            state: "offered".into(),
            offered_at: ctx.now(),
            answered_at: None,
        };
        store::offer(tx, &h)?;
        let fact = Fact::new("seals.custody.offered", &h.id).payload(json!({ "seal": seal.id }));
        ctx.emit(tx, fact.touch(&crate::HANDOVER, &h.id))?;
        said(ctx, tx, &seal, "seals.seal.noted", "offered", "")
    })
    .await
}

/// Whether an official belongs to the organisation of a seal, or one above it that covers it.
pub(crate) fn near(seal: &Seal, o: &identity::api::Official) -> bool {
    o.grants
        .iter()
        .any(|g| seal.org_path.starts_with(&g.org_path) && g.org_path.len() > 1)
        && (o.organisation == seal.organisation || o.grants.iter().any(|g| g.org == seal.organisation))
}

/// The one to whom custody was offered accepts it, which makes a new seal active, or declines.
///
/// # Errors
/// 404 when nothing is offered to the actor.
pub(crate) async fn answer(ctx: &Ctx, id: &str, accept: bool) -> Result<()> {
    ctx.tx("seals.answer", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.custody.hold")?;
        let h = store::offered(tx, id)?
            .filter(|h| h.taker == ctx.actor.id)
            .ok_or_else(Refusal::not_found)?;
        let (state, fact) = if accept {
            ("accepted", "seals.custody.accepted")
        } else {
            ("declined", "seals.custody.ended")
        };
        if seal.state == State::Destroyed || !store::answer(tx, &h.id, state, ctx.now())? {
            return Err(Refusal::new("seals-not-now").status(409).into());
        }
        let told = Fact::new(fact, &h.id).payload(json!({ "seal": seal.id }));
        ctx.emit(tx, told.touch(&crate::HANDOVER, &h.id))?;
        if !accept {
            return said(ctx, tx, &seal, "seals.seal.noted", "declined", "");
        }
        seal.custodian = Some(ctx.actor.id.clone());
        let first = seal.state == State::Made;
        if first {
            moved(&mut seal, Act::Activate)?;
            seal.active_at = Some(ctx.now());
        }
        saved(tx, &seal)?;
        let fact = if first {
            "seals.seal.activated"
        } else {
            "seals.seal.noted"
        };
        said(ctx, tx, &seal, fact, "accepted", "")
    })
    .await
}
