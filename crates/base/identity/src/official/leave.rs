//! Leaving and suspension.

use super::model::{self, Record, State};
use super::{assign, find, held, store};
use crate::account::service as accounts;
use crate::{factor, passkey};
use kernel::{Ctx, Fact, Refusal, Result, Tx, Uuid};
use serde_json::json;

/// Job that closes the accounts of those whose last day has passed.
pub(crate) const DAILY: &str = "identity.officials";

/// Somebody leaves. `on` is the last day in office; empty or not later than today the account is closed at once: sessions, API
/// tokens, second factors, passkeys and what other systems were granted end, posts end, proposals are taken back. Later, posts
/// are limited to that day and the account is closed when it has passed.
///
/// # Errors
/// `identity-official-day`, `identity-official-reason` with the field; `identity-official-state` (409) for somebody who has left.
pub fn leave(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, on: &str, reason: &str) -> Result<()> {
    let reason = model::reason(reason)?;
    let today = ctx.today();
    let on = match on.trim() {
        "" => today,
        text => text
            .parse()
            .map_err(|_| Refusal::new("identity-official-day").field("on", "identity-official-day"))?,
    };
    tx.lock(&format!("official:{account}"))?;
    let mut record = find::record(tx, account)?;
    if record.state == State::Left {
        return Err(find::not_now(ctx, &record));
    }
    record.reason.clone_from(&reason);
    if on <= today {
        return close(ctx, tx, record, &today.to_string());
    }
    let last = on.to_string();
    record.left_on = Some(last.clone());
    let now = today.to_string();
    for h in held::holdings(tx, account)?.iter().filter(|h| h.lasts(&now)) {
        match h.until.as_ref().is_none_or(|u| *u > last) {
            true if h.from <= last => assign::ended(ctx, tx, h, &last, &reason)?,
            true => assign::cut(ctx, tx, h, &reason)?,
            false => {}
        }
    }
    store::save(tx, &record, ctx.now())?;
    let fact = Fact::new("identity.official.leaving", account).payload(json!({ "on": last }));
    ctx.emit(tx, fact.touch(&crate::OFFICIAL, account))?;
    Ok(())
}

/// Closes an account for good, until its owner comes back.
fn close(ctx: &Ctx, tx: &mut Tx<'_>, mut record: Record, on: &str) -> Result<()> {
    let account = record.account;
    for q in held::proposals(tx, account)?
        .iter()
        .filter(|q| q.state == "waiting")
    {
        assign::withdraw(ctx, tx, &q.id)?;
    }
    let today = ctx.today().to_string();
    for h in held::holdings(tx, account)?.iter().filter(|h| h.lasts(&today)) {
        match h.from <= today {
            true => assign::ended(ctx, tx, h, &today, &record.reason)?,
            false => assign::cut(ctx, tx, h, &record.reason)?,
        }
    }
    for f in factor::store::factors(tx, account)? {
        factor::service::take_away(ctx, tx, &f, true)?;
    }
    for p in passkey::store::passkeys(tx, account)? {
        passkey::service::take_away(ctx, tx, &p, true)?;
    }
    store::end_activations(tx, account)?;
    accounts::end_all(ctx, tx, account)?;
    store::set_retired(tx, account, Some(ctx.now()))?;
    store::set_password(tx, account, "")?;
    record.state = State::Left;
    record.left_on = Some(on.into());
    store::save(tx, &record, ctx.now())?;
    let fact = Fact::new("identity.official.left", account)
        .payload(json!({ "on": on }))
        .touch(&crate::ACCOUNT, account)
        .touch(&crate::OFFICIAL, account);
    ctx.emit(tx, fact)?;
    Ok(())
}

/// Takes back that somebody is going to leave; posts keep their last days.
///
/// # Errors
/// `identity-official-state` (409) when nobody is about to leave.
pub fn stay(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    tx.lock(&format!("official:{account}"))?;
    let mut record = find::record(tx, account)?;
    if record.state == State::Left || record.left_on.is_none() {
        return Err(find::not_now(ctx, &record));
    }
    record.left_on = None;
    record.reason = String::new();
    store::save(tx, &record, ctx.now())?;
    let fact = Fact::new("identity.official.staying", account);
    ctx.emit(tx, fact.touch(&crate::OFFICIAL, account))?;
    Ok(())
}

/// The daily job.
pub(crate) async fn daily(ctx: Ctx) -> Result<()> {
    loop {
        let n = ctx
            .tx("identity.close-accounts", |tx| {
                let today = ctx.today().to_string();
                let due = store::overdue(tx, &today)?;
                for account in &due {
                    let record = find::record(tx, *account)?;
                    let on = record.left_on.clone().unwrap_or_default();
                    close(&ctx, tx, record, &on)?;
                }
                Ok(due.len())
            })
            .await?;
        if n == 0 {
            return Ok(());
        }
    }
}

/// Nobody signs in with this account for a while; its sessions and API tokens end, posts and factors stay.
///
/// # Errors
/// `identity-official-reason`; `identity-official-state` (409) for somebody who is suspended or has left.
pub fn suspend(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid, reason: &str) -> Result<()> {
    let reason = model::reason(reason)?;
    tx.lock(&format!("official:{account}"))?;
    let mut record = find::record(tx, account)?;
    if !matches!(record.state, State::Active | State::Invited) {
        return Err(find::not_now(ctx, &record));
    }
    record.state = State::Suspended;
    record.reason = reason;
    accounts::end_all(ctx, tx, account)?;
    turn(ctx, tx, &record, Some(ctx.now()), "identity.official.suspended")
}

/// The account may be used again.
///
/// # Errors
/// `identity-official-state` (409) for somebody who is not suspended.
pub fn resume(ctx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    tx.lock(&format!("official:{account}"))?;
    let mut record = find::record(tx, account)?;
    if record.state != State::Suspended {
        return Err(find::not_now(ctx, &record));
    }
    let has_password = crate::account::store::account(tx, account)?.is_some_and(|a| !a.password.is_empty());
    record.state = if has_password {
        State::Active
    } else {
        State::Invited
    };
    record.reason = String::new();
    turn(ctx, tx, &record, None, "identity.official.resumed")
}

fn turn(ctx: &Ctx, tx: &mut Tx<'_>, r: &Record, retired: Option<i64>, kind: &'static str) -> Result<()> {
    store::set_retired(tx, r.account, retired)?;
    store::save(tx, r, ctx.now())?;
    let fact = Fact::new(kind, r.account)
        .touch(&crate::ACCOUNT, r.account)
        .touch(&crate::OFFICIAL, r.account);
    ctx.emit(tx, fact)?;
    Ok(())
}
