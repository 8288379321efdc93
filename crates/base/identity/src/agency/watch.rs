//! What happens to powers by itself: the daily look at the libraries, warnings before a term ends, facts for migrated rows.

use super::model::{self, Power};
use super::{guard, service, store};
use crate::api;
use kernel::{Ctx, Result, Tx};

pub(crate) const DAILY: &str = "identity.powers";

/// A power that rests on a library and that the library no longer bears out is ended.
pub(crate) fn check(ctx: &Ctx, tx: &mut Tx<'_>, p: &Power) -> Result<()> {
    service::locked(tx, &p.principal)?;
    if p.role == "guardian" {
        if !guard::still(ctx, tx, p)? {
            service::end(ctx, tx, p.clone(), "library")?;
        }
        return Ok(());
    }
    let own = api::party(ctx, tx, &p.holder)?
        .map(|o| o.code)
        .unwrap_or_default();
    let held = ctx.ask(
        tx,
        &p.principal,
        &["firm-name".to_string()],
        &ctx.t("identity-firm-purpose", &[]),
    )?;
    if held.is_empty() {
        // A library that says nothing ends nothing.
        return Ok(());
    }
    match service::registered(ctx, tx, &p.principal)? {
        Some((_, head)) if head.eq_ignore_ascii_case(&own) => Ok(()),
        _ => service::hand_over(ctx, tx, &p.principal, ""),
    }
}

/// Powers that a migration took over from an earlier version get the fact that covers them; called at every start.
pub(crate) async fn take_over(ctx: &Ctx) -> Result<()> {
    loop {
        let n = ctx
            .tx("identity.cover-powers", |tx| {
                tx.lock("identity-cover-powers")?;
                let all = store::uncovered(tx)?;
                for p in &all {
                    store::save(tx, p)?;
                    service::emit(ctx, tx, "identity.power.taken-over", p)?;
                }
                Ok(all.len())
            })
            .await?;
        if n == 0 {
            return Ok(());
        }
    }
}

/// Guardianships of children who have come of age, and those whose term is over, are ended.
async fn outgrow(ctx: &Ctx) -> Result<()> {
    let mut after = String::new();
    loop {
        let page = ctx
            .tx("identity.outgrow-guardians", |tx| {
                let page = store::guardianships(tx, &after)?;
                for p in &page {
                    let Some(ward) = api::party(ctx, tx, &p.principal)? else {
                        continue;
                    };
                    if let Some(why) = model::outgrown(p, &ward.code, ctx.today()) {
                        service::locked(tx, &p.principal)?;
                        service::end(ctx, tx, p.clone(), why)?;
                    }
                }
                Ok(page)
            })
            .await?;
        match page.last() {
            Some(last) => after.clone_from(&last.id),
            None => return Ok(()),
        }
    }
}

/// The daily job.
pub(crate) async fn daily(ctx: Ctx) -> Result<()> {
    take_over(&ctx).await?;
    outgrow(&ctx).await?;
    let before = service::setting(&ctx, "warn_days", 14).clamp(1, 365);
    let by = ctx.today().checked_add(jiff::Span::new().days(before));
    let (today, by) = (ctx.today().to_string(), by.unwrap_or(ctx.today()).to_string());
    ctx.tx("identity.warn-powers", |tx| {
        for p in store::ending(tx, &today, &by)? {
            store::warned(tx, &p.id, ctx.now())?;
            let mut people = api::heads_of(&ctx, tx, &p.principal)?;
            people.push(p.holder.clone());
            let cause = format!("power-ending:{}:{}", p.id, p.until_on.clone().unwrap_or_default());
            service::notify(&ctx, tx, "power-ending", &p, people, &cause)?;
        }
        Ok(())
    })
    .await?;
    let mut after = String::new();
    loop {
        let page = ctx
            .tx("identity.check-powers", |tx| {
                let page = store::from_library(tx, &after)?;
                for p in &page {
                    check(&ctx, tx, p)?;
                }
                Ok(page)
            })
            .await?;
        match page.last() {
            Some(last) => after.clone_from(&last.id),
            None => return Ok(()),
        }
    }
}
