//! The verbs of powers. Who gives, changes and ends one: the representative and, for agents, a manager within the own scope;
//! whoever holds one may give it back.

mod act;
mod appoint;
mod firm;

pub(crate) use act::{Act, act, end_by_official};
pub(crate) use appoint::{answer, change, invite, scope_of};
pub(crate) use firm::{establish, establish_at_counter};
pub(super) use firm::{hand_over, registered};

use super::model::{DAY, Power};
use super::store;
use crate::account::store as accounts;
use crate::api;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::{Value as Json, json};

pub(super) fn me(ctx: &Ctx) -> Result<String> {
    Ok(ctx.actor.subject.clone().ok_or_else(Refusal::sign_in)?)
}

/// Writes down what happened to a power, with its row, in the history of whom it is for; tells its holder and the heads.
pub(super) fn emit(ctx: &Ctx, tx: &mut Tx<'_>, kind: &'static str, p: &Power) -> Result<String> {
    emit_after(ctx, tx, kind, p, None)
}

fn extent(p: &Power) -> Json {
    json!({ "verbs": p.verbs, "matters": p.matters, "until": p.until_on })
}

/// The same with how far the power went before.
fn emit_after(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    kind: &'static str,
    p: &Power,
    before: Option<&Power>,
) -> Result<String> {
    let mut payload = json!({ "power": p.id, "role": p.role, "now": extent(p) });
    if let Some(before) = before {
        payload["was"] = extent(before);
    }
    let fact = Fact::new(kind, &p.principal).payload(payload);
    Ok(ctx.emit(tx, fact.touch(&crate::POWER, &p.id))?)
}

pub(super) fn told(ctx: &Ctx, tx: &mut Tx<'_>, kind: &'static str, p: &Power) -> Result<()> {
    told_after(ctx, tx, kind, p, None)
}

fn told_after(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    kind: &'static str,
    p: &Power,
    before: Option<&Power>,
) -> Result<()> {
    let cause = emit_after(ctx, tx, kind, p, before)?;
    let mut people = api::heads_of(ctx, tx, &p.principal)?;
    match p.holder.is_empty() {
        false => people.push(p.holder.clone()),
        true => people.extend(accounts::subject_by_index(tx, &p.invitee)?),
    }
    notify(ctx, tx, "power-changed", p, people, &cause)
}

/// A power's id as one step of an address: those that a migration made of two others hold a slash.
pub(super) fn segment(power: &str) -> String {
    kernel::http::percent(power).replace('/', "%2F")
}

/// The page of a power.
pub(super) fn place(firm: &str, power: &str) -> String {
    format!("/me/firms/{firm}/powers/{}", segment(power))
}

pub(super) fn notify(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    kind: &str,
    p: &Power,
    mut people: Vec<String>,
    cause: &str,
) -> Result<()> {
    // A ward who has an account is told whatever happens to a guardianship.
    if p.role == "guardian" && accounts::has_account(tx, &p.principal)? {
        people.push(p.principal.clone());
    }
    people.sort();
    people.dedup();
    let link = match (p.role.as_str(), p.holder.is_empty()) {
        ("guardian", _) => format!("/me/family/{}", p.id),
        (_, true) => "/me/firms".to_string(),
        _ => place(&p.principal, &p.id),
    };
    let until = p.until_on.clone().unwrap_or_default();
    for to in people {
        let notice = comms::api::Notice {
            to: &to,
            kind,
            reference: &p.id,
            link: &link,
            args: &[
                ("until".to_string(), until.clone()),
                ("whom".to_string(), p.principal.clone()),
            ]
            .into(),
            cause,
        };
        comms::api::notify(ctx, tx, &notice)?;
    }
    Ok(())
}

pub(super) fn locked(tx: &mut Tx<'_>, principal: &str) -> Result<()> {
    Ok(tx.lock(&format!("power:{principal}"))?)
}

/// A number that the pack sets under `[powers]`.
pub(super) fn setting(ctx: &Ctx, name: &str, usual: i64) -> i64 {
    ctx.app.city["powers"][name].as_i64().unwrap_or(usual)
}

/// Refuses who has tried too often today, from whatever address: `tries` of `name` a day.
pub(super) fn not_too_often(tries: i64, ctx: &Ctx, name: &str, usual: i64) -> Result<()> {
    if tries >= setting(ctx, name, usual) {
        return Err(Refusal::new("identity-power-too-often").status(429).into());
    }
    Ok(())
}

/// The same for taking up a firm or a guardianship, by what was refused and what succeeded.
pub(super) fn may_try(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<()> {
    let since = ctx.now() - DAY;
    let who = ctx.actor.account.map(|a| a.to_string()).unwrap_or_default();
    let tries =
        store::refused_since(tx, &who, since)? + store::given_since(tx, &ctx.actor.id, "library", since)?;
    not_too_often(tries, ctx, "tries_a_day", 10)
}

/// A power that is in force at once.
pub(super) fn active(ctx: &Ctx, principal: &str, holder: &str, role: &str, basis: &str) -> Power {
    Power {
        id: ctx.id().to_string(),
        principal: principal.into(),
        holder: holder.into(),
        role: role.into(),
        state: "active".into(),
        basis: basis.into(),
        granted_by: ctx.actor.id.clone(),
        from_on: ctx.today().to_string(),
        created_at: ctx.now(),
        ..Power::default()
    }
}

/// Ends one power; a child's or firm's other powers stay.
pub(super) fn end(ctx: &Ctx, tx: &mut Tx<'_>, mut p: Power, reason: &str) -> Result<()> {
    p.state = "ended".into();
    p.reason = reason.chars().take(200).collect();
    p.ended_at = Some(ctx.now());
    store::save(tx, &p)?;
    told(ctx, tx, "identity.power.ended", &p)
}

/// The refusal is kept as a fact, so the transaction must not be undone.
pub(super) fn refused(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Option<String>> {
    let who = ctx.actor.account.map(|a| a.to_string()).unwrap_or_default();
    ctx.emit(tx, Fact::new("identity.power.refused", who))?;
    Ok(None)
}

/// What an official types at the counter.
#[derive(Default)]
pub(crate) struct Counter {
    pub code: String,
    pub name: String,
    pub number: String,
    pub person: String,
    pub document: String,
    pub reason: String,
    pub until: String,
}

pub(super) fn needed(ctx: &Ctx, field: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() || text.chars().count() > 200 {
        return Err(Refusal::new("identity-power-needed")
            .field(field, ctx.t("identity-power-needed", &[]))
            .into());
    }
    Ok(())
}

/// The person with this number and name, who must be known here by level R2.
pub(super) fn person_of(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    number: &str,
    name: &str,
    field: &str,
) -> Result<api::Party> {
    let nobody = || Refusal::new("identity-power-nobody").field(field, ctx.t("identity-power-nobody", &[]));
    let number = number.trim().to_uppercase();
    codes::citizen_id(&number)
        .map_err(|e| Refusal::new("identity-power-nobody").field(field, ctx.t(e.key(), &[])))?;
    let id = accounts::subject_by_index(tx, &ctx.protect().index("code", &number))?.ok_or_else(nobody)?;
    let person = api::party(ctx, tx, &id)?
        .filter(|p| p.kind == "natural" && p.name.trim() == name.trim())
        .ok_or_else(nobody)?;
    ctx.accessed(
        tx,
        &[id],
        &["name", "code"],
        &ctx.t("identity-power-counter", &[]),
    )?;
    Ok(person)
}

/// The power by which the actor rules over those of a principal.
pub(super) fn giver(ctx: &Ctx, tx: &mut Tx<'_>, principal: &str) -> Result<Power> {
    let today = ctx.today().to_string();
    let mine = store::in_force(tx, &me(ctx)?, principal, &today)?;
    Ok(mine
        .filter(|p| p.heads() && p.state == "active")
        .ok_or_else(Refusal::not_found)?)
}

/// The power, when the actor may rule over it.
pub(super) fn ruled(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Power> {
    let p = store::get(tx, id)?.ok_or_else(Refusal::not_found)?;
    locked(tx, &p.principal)?;
    let mine = giver(ctx, tx, &p.principal)?;
    if !mine.appoints(&p.role) {
        return Err(Refusal::new("identity-power-may-not").status(403).into());
    }
    if !p.live() {
        return Err(Refusal::new("identity-power-over").status(409).into());
    }
    Ok(p)
}

/// The powers of the demonstration's pack, in force at once.
pub(crate) fn from_pack(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    firm: &str,
    person: &str,
    role: &str,
    from: &str,
) -> Result<()> {
    if store::in_force(tx, person, firm, &ctx.today().to_string())?.is_some() {
        return Ok(());
    }
    let role = match role {
        "法定代表人" => "representative",
        "管理员" => "manager",
        _ => "agent",
    };
    let mut p = active(ctx, firm, person, role, "pack");
    p.from_on = from.into();
    store::insert(tx, &p)?;
    emit(ctx, tx, "identity.power.established", &p)?;
    Ok(())
}
