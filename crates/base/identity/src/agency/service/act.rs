//! Suspending, resuming, confirming, ending and giving back.

use super::{end, locked, needed, ruled, told};
use crate::agency::model::Power;
use crate::agency::store;
use kernel::{Ctx, Refusal, Result};

/// What is done to a power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    Suspend,
    Resume,
    /// After a change of the representative.
    Confirm,
    End,
    Resign,
}

/// Suspends, resumes, confirms, ends or gives back.
pub(crate) async fn act(ctx: &Ctx, id: &str, act: Act) -> Result<()> {
    ctx.tx("identity.act-on-power", |tx| {
        let mut p = match act {
            Act::Resign => {
                let p = store::get(tx, id)?.filter(|p| Some(&p.holder) == ctx.actor.subject.as_ref());
                let p = p.ok_or_else(Refusal::not_found)?;
                if !p.live() || p.role == "guardian" {
                    return Err(Refusal::new("identity-power-over").status(409).into());
                }
                p
            }
            _ => ruled(ctx, tx, id)?,
        };
        let (from, to, kind) = match act {
            Act::Resign => return end(ctx, tx, p, "resigned"),
            Act::End => return end(ctx, tx, p, "ended-by-firm"),
            Act::Suspend => ("active", "suspended", "identity.power.suspended"),
            Act::Resume => ("suspended", "active", "identity.power.resumed"),
            Act::Confirm => ("unconfirmed", "active", "identity.power.confirmed"),
        };
        if p.state != from {
            return Err(Refusal::new("identity-power-over").status(409).into());
        }
        p.state = to.into();
        if act == Act::Confirm {
            // The term that was cut for the handover; the representative sets another by changing it.
            let half = ctx.today().checked_add(jiff::Span::new().months(6));
            p.until_on = half.ok().map(|d| d.to_string());
        }
        store::save(tx, &p)?;
        told(ctx, tx, kind, &p)
    })
    .await
}

/// An official ends a power for a firm, or a guardianship, with a reason that is kept.
pub(crate) async fn end_by_official(ctx: &Ctx, id: &str, reason: &str, guardian: bool) -> Result<Power> {
    needed(ctx, "reason", reason)?;
    ctx.tx("identity.end-power", |tx| {
        let p = store::get(tx, id)?
            .filter(|p| p.live() && (p.role == "guardian") == guardian)
            .ok_or_else(Refusal::not_found)?;
        locked(tx, &p.principal)?;
        let own = |s: &String| *s == p.holder || *s == p.principal;
        if ctx.actor.subject.as_ref().is_some_and(own) {
            return Err(Refusal::new("identity-own-case").status(403).into());
        }
        end(ctx, tx, p.clone(), reason.trim())?;
        Ok(p)
    })
    .await
}
