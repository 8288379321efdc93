//! Guardians (监护人): who acts in the name of a child or a dependant adult.

use super::model::{self, Power};
use super::service::{Counter, active, end, locked, may_try, me, needed, person_of, refused, told};
use super::store;
use crate::account::store as accounts;
use crate::api;
use kernel::{Ctx, Refusal, Result, Tx};

/// Element of the population library that names a child's guardian.
const GUARDIAN: &str = "guardian-id";

/// Nobody guards themselves, no minor guards, nobody under guardianship guards, nobody who guards comes under it, two at most.
fn begin(ctx: &Ctx, tx: &mut Tx<'_>, p: Power, child: &api::Party, guardian: &api::Party) -> Result<()> {
    locked(tx, &child.id)?;
    let no = |key: &str| Err(Refusal::new(key).status(409).into());
    if child.id == guardian.id {
        return no("identity-guard-self");
    }
    if model::age(&guardian.code, ctx.today()).is_none_or(|a| a < 18) {
        return no("identity-guard-minor");
    }
    let today = ctx.today().to_string();
    let guards = |tx: &mut Tx<'_>, whom: &str| -> Result<Vec<Power>> {
        let all = store::live_of(tx, whom)?;
        Ok(all
            .into_iter()
            .filter(|p| p.role == "guardian" && p.until_on.as_deref().is_none_or(|u| u >= today.as_str()))
            .collect())
    };
    let guarding = store::of_holder(tx, &child.id)?;
    if !guards(tx, &guardian.id)?.is_empty()
        || guarding.iter().any(|p| p.role == "guardian" && p.runs(&today))
    {
        return no("identity-guard-chain");
    }
    let held = guards(tx, &child.id)?;
    if held.iter().any(|p| p.holder == guardian.id) {
        return no("identity-power-there");
    }
    if held.len() >= 2 {
        return no("identity-guard-two");
    }
    store::insert(tx, &p)?;
    told(ctx, tx, "identity.power.established", &p)
}

/// A parent takes up the guardianship of the own child, by the population library. One answer for every reason why not.
pub(crate) async fn claim(ctx: &Ctx, number: &str, name: &str) -> Result<String> {
    let person = me(ctx)?;
    let number = number.trim().to_uppercase();
    codes::citizen_id(&number)
        .map_err(|e| Refusal::new("identity-power-number").field("number", ctx.t(e.key(), &[])))?;
    needed(ctx, "name", name)?;
    let done = ctx
        .tx("identity.claim-child", |tx| {
            if api::level(ctx, tx, &person)? < 2 {
                return Err(Refusal::new("identity-firm-level").into());
            }
            may_try(ctx, tx)?;
            let own = api::party(ctx, tx, &person)?.ok_or_else(Refusal::not_found)?;
            if own.code == number {
                return Err(Refusal::new("identity-guard-self").status(409).into());
            }
            let known = accounts::subject_by_index(tx, &ctx.protect().index("code", &number))?;
            let Some(child) = known else {
                return refused(ctx, tx);
            };
            let child = api::party(ctx, tx, &child)?.ok_or_else(Refusal::not_found)?;
            let held = ctx.ask(
                tx,
                &child.id,
                &[GUARDIAN.to_string()],
                &ctx.t("identity-guard-purpose", &[]),
            )?;
            let mine = held.iter().any(|h| h.value.eq_ignore_ascii_case(&own.code));
            let minor = model::age(&number, ctx.today()).is_some_and(|a| a < 18);
            if !mine || !minor || child.name.trim() != name.trim() {
                return refused(ctx, tx);
            }
            let mut p = active(ctx, &child.id, &person, "guardian", "library");
            p.until_on = model::last_minor_day(&number).map(|d| d.to_string());
            begin(ctx, tx, p, &child, &own)?;
            Ok(Some(child.id))
        })
        .await?;
    Ok(done.ok_or_else(|| Refusal::new("identity-guard-refused").status(403))?)
}

/// An official confirms a guardianship by its document. That of an adult names its last day.
pub(crate) async fn confirm(ctx: &Ctx, c: &Counter) -> Result<()> {
    needed(ctx, "document", &c.document)?;
    needed(ctx, "reason", &c.reason)?;
    ctx.tx("identity.confirm-guardian", |tx| {
        let child = person_of(ctx, tx, &c.code, &c.name, "code")?;
        let guardian = person_of(ctx, tx, &c.number, &c.person, "number")?;
        if ctx
            .actor
            .subject
            .as_ref()
            .is_some_and(|s| *s == child.id || *s == guardian.id)
        {
            return Err(Refusal::new("identity-own-case").status(403).into());
        }
        if api::level(ctx, tx, &guardian.id)? < 2 {
            return Err(Refusal::new("identity-firm-level")
                .field("number", ctx.t("identity-firm-level", &[]))
                .into());
        }
        let minor = model::age(&child.code, ctx.today()).is_some_and(|a| a < 18);
        let until = match minor {
            true => model::last_minor_day(&child.code),
            false => c
                .until
                .trim()
                .parse::<jiff::civil::Date>()
                .ok()
                .filter(|d| *d > ctx.today()),
        };
        let Some(until) = until else {
            return Err(Refusal::new("identity-guard-until")
                .field("until", ctx.t("identity-guard-until", &[]))
                .into());
        };
        let mut p = active(ctx, &child.id, &guardian.id, "guardian", "counter");
        p.until_on = Some(until.to_string());
        p.reason = c.reason.trim().into();
        p.document = Some(
            ctx.protect()
                .seal(&format!("identity_power.document:{}", p.id), c.document.trim())?,
        );
        begin(ctx, tx, p, &child, &guardian)
    })
    .await
}

/// A guardian gives the guardianship up.
pub(crate) async fn leave(ctx: &Ctx, id: &str) -> Result<()> {
    let person = me(ctx)?;
    ctx.tx("identity.leave-guardianship", |tx| {
        let p = store::get(tx, id)?
            .filter(|p| p.role == "guardian" && p.holder == person)
            .ok_or_else(Refusal::not_found)?;
        locked(tx, &p.principal)?;
        if !p.live() {
            return Err(Refusal::new("identity-power-over").status(409).into());
        }
        end(ctx, tx, p, "ended-by-guardian")
    })
    .await
}

/// The guardianships over and of the person with this citizen number, for an official; `None` when nobody has it.
pub(crate) fn found(ctx: &Ctx, tx: &mut Tx<'_>, number: &str) -> Result<Option<(api::Party, Vec<Power>)>> {
    let index = ctx.protect().index("code", &number.trim().to_uppercase());
    let person = match accounts::subject_by_index(tx, &index)? {
        Some(id) => api::party(ctx, tx, &id)?.filter(|p| p.kind == "natural"),
        None => None,
    };
    let Some(person) = person else { return Ok(None) };
    let mut all = store::page_of(tx, &person.id, None, 100, 0)?;
    all.extend(store::of_holder(tx, &person.id)?);
    all.retain(|p| p.role == "guardian");
    let mut subjects = vec![person.id.clone()];
    subjects.extend(all.iter().flat_map(|p| [p.principal.clone(), p.holder.clone()]));
    subjects.sort();
    subjects.dedup();
    ctx.accessed(tx, &subjects, &["name"], &ctx.t("identity-power-counter", &[]))?;
    Ok(Some((person, all)))
}

/// Whether the population library still names this guardian.
pub(super) fn still(ctx: &Ctx, tx: &mut Tx<'_>, p: &Power) -> Result<bool> {
    let elements = [GUARDIAN, "person-status"].map(String::from);
    let held = ctx.ask(tx, &p.principal, &elements, &ctx.t("identity-guard-purpose", &[]))?;
    if held
        .iter()
        .any(|h| h.element == "person-status" && h.value == "cancelled")
    {
        return Ok(false);
    }
    let Some(own) = api::party(ctx, tx, &p.holder)? else {
        return Ok(false);
    };
    let named: Vec<_> = held.iter().filter(|h| h.element != "person-status").collect();
    // A library that says nothing ends nothing.
    Ok(named.is_empty() || named.iter().any(|h| h.value.eq_ignore_ascii_case(&own.code)))
}
