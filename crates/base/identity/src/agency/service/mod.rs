//! The verbs of powers. Who gives, changes and ends one: the representative and, for agents, a manager within the own scope;
//! whoever holds one may give it back.

mod act;
mod appoint;
mod firm;

pub(crate) use act::{Act, act, end_by_official};
pub(crate) use appoint::{answer, change, invite};
pub(crate) use firm::{establish, establish_at_counter};
pub(super) use firm::{hand_over, registered};

use super::model::Power;
use super::store;
use crate::account::store as accounts;
use crate::api;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

pub(super) fn me(ctx: &Ctx) -> Result<String> {
    Ok(ctx.actor.subject.clone().ok_or_else(Refusal::sign_in)?)
}

/// Writes down what happened to a power, with its row, in the history of whom it is for; tells its holder and the heads.
pub(super) fn emit(ctx: &Ctx, tx: &mut Tx<'_>, kind: &'static str, p: &Power) -> Result<String> {
    let fact = Fact::new(kind, &p.principal).payload(json!({ "power": p.id, "role": p.role }));
    Ok(ctx.emit(tx, fact.touch(&crate::POWER, &p.id))?)
}

pub(super) fn told(ctx: &Ctx, tx: &mut Tx<'_>, kind: &'static str, p: &Power) -> Result<()> {
    let cause = emit(ctx, tx, kind, p)?;
    let mut people = api::heads_of(ctx, tx, &p.principal)?;
    match p.holder.is_empty() {
        false => people.push(p.holder.clone()),
        true => people.extend(accounts::subject_by_index(tx, &p.invitee)?),
    }
    notify(ctx, tx, "power-changed", p, people, &cause)
}

pub(super) fn notify(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    kind: &str,
    p: &Power,
    mut people: Vec<String>,
    cause: &str,
) -> Result<()> {
    people.sort();
    people.dedup();
    let link = if p.role == "guardian" {
        "/me/family"
    } else {
        "/me/firms"
    };
    let until = p.until_on.clone().unwrap_or_default();
    for to in people {
        let notice = comms::api::Notice {
            to: &to,
            kind,
            reference: &p.id,
            link,
            args: &[("until".to_string(), until.clone())].into(),
            cause,
        };
        comms::api::notify(ctx, tx, &notice)?;
    }
    Ok(())
}

pub(super) fn locked(tx: &mut Tx<'_>, principal: &str) -> Result<()> {
    Ok(tx.lock(&format!("power:{principal}"))?)
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
        .filter(|p| matches!(p.role.as_str(), "representative" | "manager") && p.state == "active")
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
