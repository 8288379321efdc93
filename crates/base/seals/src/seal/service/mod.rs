//! The verbs of seals, and what all of them share.

mod application;
mod custody;
mod decision;
mod grants;
mod life;

pub(crate) use application::{Application, apply, own_organisations, preview, withdraw};
pub(crate) use custody::{answer, near, offer};
pub(crate) use decision::{decide, make, standing};
pub(crate) use grants::{NewGrant, give, grants_by, posts, revoke};
pub(crate) use life::{destroy, lift, suspend};

use crate::seal::model::{Act, Seal};
use crate::seal::store::{self, Event};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

/// Longest words that people write here.
const LONG: usize = 500;

fn long(text: &str, most: usize) -> bool {
    text.chars().count() > most
}

/// Notes what was done and tells it.
pub(crate) fn said(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    s: &Seal,
    fact: &'static str,
    what: &str,
    note: &str,
) -> Result<()> {
    let event = Event {
        id: ctx.id().to_string(),
        what: what.into(),
        actor: ctx.actor.id.clone(),
        note: note.into(),
        at: ctx.now(),
    };
    store::note(tx, &s.id, &event)?;
    let payload = json!({ "organisation": s.organisation, "kind": s.kind, "state": s.state.name() });
    let fact = Fact::new(fact, &s.id).payload(payload).touch(&crate::SEAL, &s.id);
    ctx.emit(tx, fact.touch(&crate::EVENT, &event.id))?;
    Ok(())
}

/// Loads a seal for a verb and asks whether the actor may.
fn loaded(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Seal> {
    let seal = readable(ctx, tx, id)?;
    ctx.may(permission, &seal.resource())?;
    Ok(seal)
}

/// A seal that the actor may see, locked.
fn readable(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Seal> {
    let seal = store::locked(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    if ctx.may("seals.seal.read", &seal.resource()).is_err() {
        return Err(Refusal::not_found().into());
    }
    Ok(seal)
}

fn moved(seal: &mut Seal, act: Act) -> Result<(), Refusal> {
    seal.state = seal
        .state
        .after(act)
        .ok_or_else(|| Refusal::new("seals-not-now").status(409))?;
    Ok(())
}

fn saved(tx: &mut Tx<'_>, seal: &Seal) -> Result<()> {
    if !store::save(tx, seal)? {
        return Err(Refusal::stale().into());
    }
    Ok(())
}

fn worded(words: &str) -> Result<&str, Refusal> {
    let words = words.trim();
    if words.is_empty() || long(words, LONG) {
        return Err(Refusal::new("seals-words-needed"));
    }
    Ok(words)
}
