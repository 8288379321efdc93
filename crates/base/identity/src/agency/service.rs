//! The verbs of powers. Who gives, changes and ends one: the representative and, for agents, a manager within the own scope;
//! whoever holds one may give it back.

use super::model::{self, ANSWER, GRACE, Power, Wanted};
use super::store;
use crate::account::store as accounts;
use crate::api;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

const NAME: &str = "firm-name";
const STATUS: &str = "firm-status";
const HEAD: &str = "legal-representative-id";

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

/// What the library of legal persons says of a firm: (name, number of the representative), when it exists there.
pub(super) fn registered(ctx: &Ctx, tx: &mut Tx<'_>, firm: &str) -> Result<Option<(String, String)>> {
    let elements = [NAME, STATUS, HEAD].map(String::from);
    let held = ctx.ask(tx, firm, &elements, &ctx.t("identity-firm-purpose", &[]))?;
    let value = |e: &str| held.iter().find(|h| h.element == e).map(|h| h.value.clone());
    if value(STATUS).as_deref() == Some("cancelled") {
        return Ok(None);
    }
    Ok(value(NAME).zip(value(HEAD)))
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

/// Ends the representatives of a firm other than `keep`; managers and agents may then only go on with what runs, for a month,
/// until the new representative confirms each (变更交接).
pub(super) fn hand_over(ctx: &Ctx, tx: &mut Tx<'_>, firm: &str, keep: &str) -> Result<()> {
    let powers = store::of_principal(tx, firm, 1000)?;
    let old: Vec<&Power> = powers
        .iter()
        .filter(|p| p.role == "representative" && p.live() && p.holder != keep)
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let grace = ctx
        .today()
        .checked_add(jiff::Span::new().days(GRACE))
        .unwrap_or(ctx.today())
        .to_string();
    for p in &old {
        end(ctx, tx, (*p).clone(), "representative-changed")?;
    }
    for p in powers.iter().filter(|p| p.role != "representative" && p.live()) {
        if p.state == "invited" {
            end(ctx, tx, p.clone(), "representative-changed")?;
            continue;
        }
        let mut p = p.clone();
        if p.state == "active" {
            p.state = "unconfirmed".into();
        }
        let until = p.until_on.take().filter(|u| *u < grace);
        p.until_on = Some(until.unwrap_or_else(|| grace.clone()));
        store::save(tx, &p)?;
        told(ctx, tx, "identity.power.questioned", &p)?;
    }
    Ok(())
}

/// The representative establishes the own firm (法人开通): by the library of legal persons.
///
/// # Errors
/// `identity-firm-level` below R2; else one answer for every reason, so that nobody learns whose firm it is.
pub(crate) async fn establish(ctx: &Ctx, code: &str) -> Result<String> {
    let person = me(ctx)?;
    let code = code.trim().to_uppercase();
    codes::credit_code(&code)
        .map_err(|e| Refusal::new("identity-firm-code").field("code", ctx.t(e.key(), &[])))?;
    let done = ctx
        .tx("identity.establish", |tx| {
            if api::level(ctx, tx, &person)? < 2 {
                return Err(Refusal::new("identity-firm-level").into());
            }
            let own = api::party(ctx, tx, &person)?.map(|p| p.code).unwrap_or_default();
            let firm = accounts::subject_by_index(tx, &ctx.protect().index("code", &code))?;
            let known = match &firm {
                Some(firm) => registered(ctx, tx, firm)?,
                None => None,
            };
            let (Some(firm), Some((_, head))) = (firm, known) else {
                return refused(ctx, tx);
            };
            if ctx.protect().index("code", &head) != ctx.protect().index("code", &own) {
                return refused(ctx, tx);
            }
            represent(
                ctx,
                tx,
                &firm,
                &person,
                active(ctx, &firm, &person, "representative", "library"),
            )?;
            Ok(Some(firm))
        })
        .await?;
    Ok(done.ok_or_else(|| Refusal::new("identity-firm-refused").status(403))?)
}

/// The refusal is kept as a fact, so the transaction must not be undone.
pub(super) fn refused(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Option<String>> {
    let who = ctx.actor.account.map(|a| a.to_string()).unwrap_or_default();
    ctx.emit(tx, Fact::new("identity.power.refused", who))?;
    Ok(None)
}

fn represent(ctx: &Ctx, tx: &mut Tx<'_>, firm: &str, person: &str, p: Power) -> Result<()> {
    locked(tx, firm)?;
    let held = store::of_principal(tx, firm, 1000)?;
    let mine = |p: &&Power| p.holder == person && p.live();
    if held.iter().filter(mine).any(|p| p.role == "representative") {
        return Err(Refusal::new("identity-firm-there").status(409).into());
    }
    hand_over(ctx, tx, firm, person)?;
    for old in store::of_principal(tx, firm, 1000)?.iter().filter(mine) {
        end(ctx, tx, old.clone(), "became-representative")?;
    }
    store::insert(tx, &p)?;
    told(ctx, tx, "identity.power.established", &p)
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

/// An official establishes a firm at the counter, with the licence shown.
pub(crate) async fn establish_at_counter(ctx: &Ctx, c: &Counter) -> Result<String> {
    needed(ctx, "document", &c.document)?;
    needed(ctx, "reason", &c.reason)?;
    let code = c.code.trim().to_uppercase();
    codes::credit_code(&code)
        .map_err(|e| Refusal::new("identity-firm-code").field("code", ctx.t(e.key(), &[])))?;
    ctx.tx("identity.establish-at-counter", |tx| {
        let person = person_of(ctx, tx, &c.number, &c.person, "number")?;
        if ctx.actor.subject.as_deref() == Some(&person.id) {
            return Err(Refusal::new("identity-own-case").status(403).into());
        }
        if api::level(ctx, tx, &person.id)? < 2 {
            return Err(Refusal::new("identity-firm-level")
                .field("number", ctx.t("identity-firm-level", &[]))
                .into());
        }
        let firm = match accounts::subject_by_index(tx, &ctx.protect().index("code", &code))? {
            Some(firm) => firm,
            None => {
                needed(ctx, "name", &c.name)?;
                let new = api::NewParty {
                    kind: "legal",
                    name: c.name.trim(),
                    code: &code,
                    phone: None,
                    area_code: &code[2..8],
                    synthetic: false,
                };
                api::know(ctx, tx, &new)?
            }
        };
        let mut p = active(ctx, &firm, &person.id, "representative", "counter");
        p.reason = c.reason.trim().into();
        p.document = Some(
            ctx.protect()
                .seal(&format!("identity_power.document:{}", p.id), c.document.trim())?,
        );
        represent(ctx, tx, &firm, &person.id, p)?;
        Ok(firm)
    })
    .await
}

/// The power by which the actor rules over those of a principal.
fn giver(ctx: &Ctx, tx: &mut Tx<'_>, principal: &str) -> Result<Power> {
    let today = ctx.today().to_string();
    let mine = store::in_force(tx, &me(ctx)?, principal, &today)?;
    Ok(mine
        .filter(|p| matches!(p.role.as_str(), "representative" | "manager") && p.state == "active")
        .ok_or_else(Refusal::not_found)?)
}

/// Invites somebody to be manager or agent. Whether anybody has this number is told to nobody.
pub(crate) async fn invite(ctx: &Ctx, firm: &str, number: &str, name: &str, w: &Wanted) -> Result<()> {
    let number = number.trim().to_uppercase();
    codes::citizen_id(&number)
        .map_err(|e| Refusal::new("identity-power-number").field("number", ctx.t(e.key(), &[])))?;
    needed(ctx, "name", name)?;
    let invitee = ctx.protect().index("code", &number);
    ctx.tx("identity.invite", |tx| {
        locked(tx, firm)?;
        let mine = giver(ctx, tx, firm)?;
        model::fits(&mine, w, ctx.today())?;
        let own = accounts::subject_by_index(tx, &invitee)?;
        if own == ctx.actor.subject {
            return Err(Refusal::new("identity-power-self")
                .field("number", ctx.t("identity-power-self", &[]))
                .into());
        }
        let open = store::of_principal(tx, firm, 1000)?.into_iter().any(|p| {
            let same = p.invitee == invitee || own.as_deref() == Some(p.holder.as_str());
            same && p.live() && !matches!(p.shown(&ctx.today().to_string(), ctx.now()), "lapsed" | "expired")
        });
        if open {
            return Err(Refusal::new("identity-power-there").status(409).into());
        }
        let mut p = active(ctx, firm, "", &w.role, "appointment");
        p.state = "invited".into();
        p.name = Some(
            ctx.protect()
                .seal(&format!("identity_power.name:{}", p.id), name.trim())?,
        );
        p.invitee = invitee.clone();
        p.verbs = w.verbs.clone();
        p.matters = w.matters.clone();
        p.until_on = Some(w.until.clone());
        p.answer_by = Some(ctx.now() + ANSWER);
        store::insert(tx, &p)?;
        told(ctx, tx, "identity.power.invited", &p)
    })
    .await
}

/// The one who was invited says yes or no; nobody else finds the invitation.
pub(crate) async fn answer(ctx: &Ctx, id: &str, yes: bool) -> Result<()> {
    let person = me(ctx)?;
    ctx.tx("identity.answer-invitation", |tx| {
        let mut p = store::get(tx, id)?.ok_or_else(Refusal::not_found)?;
        locked(tx, &p.principal)?;
        let own = api::party(ctx, tx, &person)?.ok_or_else(Refusal::not_found)?;
        let named = match &p.name {
            Some(sealed) => ctx.protect().open(&format!("identity_power.name:{id}"), sealed)?,
            None => String::new(),
        };
        if p.invitee.is_empty()
            || p.invitee != ctx.protect().index("code", &own.code)
            || named.trim() != own.name.trim()
        {
            return Err(Refusal::not_found().into());
        }
        if p.state != "invited" || p.answer_by.is_none_or(|by| by < ctx.now()) {
            return Err(Refusal::new("identity-power-over").status(409).into());
        }
        if yes && api::level(ctx, tx, &person)? < 2 {
            return Err(Refusal::new("identity-firm-level").into());
        }
        if p.principal == person {
            return Err(Refusal::new("identity-power-self").into());
        }
        p.holder = person.clone();
        p.state = if yes { "active" } else { "declined" }.into();
        p.ended_at = (!yes).then_some(ctx.now());
        store::save(tx, &p)?;
        let kind = if yes {
            "identity.power.accepted"
        } else {
            "identity.power.declined"
        };
        told(ctx, tx, kind, &p)
    })
    .await
}

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

/// Changes scope and term of a power within one's own.
pub(crate) async fn change(ctx: &Ctx, id: &str, w: &Wanted) -> Result<()> {
    ctx.tx("identity.change-power", |tx| {
        let mut p = ruled(ctx, tx, id)?;
        let mine = giver(ctx, tx, &p.principal)?;
        let w = Wanted {
            role: p.role.clone(),
            ..w.clone()
        };
        model::fits(&mine, &w, ctx.today())?;
        p.verbs = w.verbs;
        p.matters = w.matters;
        p.until_on = Some(w.until);
        store::save(tx, &p)?;
        told(ctx, tx, "identity.power.changed", &p)
    })
    .await
}

/// The power, when the actor may rule over it.
fn ruled(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Power> {
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

/// An official ends a power with a reason that is kept.
pub(crate) async fn end_by_official(ctx: &Ctx, id: &str, reason: &str) -> Result<Power> {
    needed(ctx, "reason", reason)?;
    ctx.tx("identity.end-power", |tx| {
        let p = store::get(tx, id)?
            .filter(Power::live)
            .ok_or_else(Refusal::not_found)?;
        locked(tx, &p.principal)?;
        if ctx.actor.subject.as_deref() == Some(&p.holder) {
            return Err(Refusal::new("identity-own-case").status(403).into());
        }
        end(ctx, tx, p.clone(), reason.trim())?;
        Ok(p)
    })
    .await
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
