//! The verbs of cases. Each is one transaction: authorise, engine, rows, fact.
//!
//! - [`apply`]: the applicant begins, fills in, hands in, withdraws
//! - [`handle`]: officials finish work, ask for corrections, send back, stop the clock
//! - [`idiom`]: 加签 会签 转办 委托 催办 撤回 容缺受理 告知承诺 特别程序 延长
//! - [`intake`]: at the counter a clerk applies for somebody who came
//!
//! This file says who may: owners, clerks who entered a case, holders of a work item.

mod apply;
mod handle;
mod idiom;
mod intake;

pub use apply::{amend, check, save, start, submit, withdraw};
pub use handle::{Finish, complete_work, request_correction, send_back, suspend};
pub(crate) use idiom::{
    Given, Giving, assign, candidates, extend, let_through, message, raise, recall, sign, special, supply,
    urge,
};
pub(crate) use intake::{Person, intake};

use super::model::{Case, WorkRow, state};
use super::store;
use crate::catalogue::Matter;
use form::{Checks, Message, Wrong};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::{Map, Value as Json, json};

/// Whether the actor, or whom the actor acts for, is a party to the case.
pub(crate) fn owns(ctx: &Ctx, case: &Case) -> bool {
    let mut owners = case.resource().owners;
    if !ctx.actor.is_official() {
        // Who once applied for a firm has no right of the own to its case.
        owners.truncate(1);
    }
    [&ctx.actor.subject, &ctx.actor.on_behalf]
        .into_iter()
        .flatten()
        .any(|s| owners.contains(s))
}

/// Refuses to sign for the applicant (告知承诺, 签收) who acts by a power that does not hold `sign`. One's own case is not
/// another's because one happens to act for somebody.
pub(crate) fn signs(ctx: &Ctx, case: &Case) -> Result<(), Refusal> {
    let (own, other) = (&ctx.actor.subject, &ctx.actor.on_behalf);
    if other.as_ref() == Some(&case.applicant) && own.as_ref() != Some(&case.applicant) {
        return identity::api::covers(ctx, "sign");
    }
    Ok(())
}

/// Whether the actor is the clerk who entered this case at the counter.
pub(crate) fn entered(ctx: &Ctx, case: &Case) -> bool {
    case.clerk.as_deref() == Some(ctx.actor.id.as_str())
}

/// The case, when the actor is a party to it and may do this; while it can be edited also for the clerk who entered it.
pub(crate) fn own(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Case> {
    tx.lock(&format!("case:{id}"))?;
    let case = store::load(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    if entered(ctx, &case) && case.editable() {
        ctx.may("cases.case.intake", &case.resource())?;
    } else if owns(ctx, &case) {
        ctx.may(permission, &case.resource())?;
    } else {
        return Err(Refusal::not_found().into());
    }
    Ok(case)
}

/// The case, when the actor may read it. Who may not is told the same as for a case that is not there.
pub(crate) fn readable(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Case> {
    let case = store::load(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    // A draft belongs to those who write it until it is submitted.
    if case.state == state::DRAFT && !owns(ctx, &case) && !entered(ctx, &case) {
        return Err(Refusal::not_found().into());
    }
    ctx.may("cases.case.read", &case.resource())
        .map_err(|r| match identity::api::beyond_scope(&r) {
            true => r,
            false => Refusal::not_found(),
        })?;
    Ok(case)
}

/// The case for reading, when the actor is a party to it or entered it.
pub(crate) fn own_read(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Case> {
    let case = readable(ctx, tx, id)?;
    if owns(ctx, &case) || entered(ctx, &case) {
        Ok(case)
    } else {
        Err(Refusal::not_found().into())
    }
}

/// The case for an official's command.
fn handled(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, version: i64, permission: &str) -> Result<Case> {
    tx.lock(&format!("case:{id}"))?;
    let case = readable(ctx, tx, id)?;
    ctx.may(permission, &case.resource())?;
    if case.version != version {
        return Err(Refusal::stale().into());
    }
    Ok(case)
}

/// A work item that the actor may act on now, with the case.
struct Held {
    case: Case,
    row: WorkRow,
    /// Who decides whether it may be done: the actor, or (委托) the one in whose name the actor acts.
    mandate: Ctx,
}

/// Loads a case and one of its open work items for its holder; refuses for anybody else, and when the page is stale.
fn holding(ctx: &Ctx, tx: &mut Tx<'_>, case: &str, version: i64, work: u32) -> Result<Held> {
    tx.lock(&format!("case:{case}"))?;
    let loaded = readable(ctx, tx, case)?;
    let mut row = store::works(ctx, tx, case)?
        .into_iter()
        .find(|w| w.work == work && w.kind != "note")
        .ok_or_else(Refusal::not_found)?;
    if row.status != "open" {
        return Err(Refusal::new("cases-not-open").status(409).into());
    }
    let mandate = mandate(ctx, tx, &mut row, &loaded.area_code)?
        .ok_or_else(|| Refusal::new("cases-not-yours").status(403))?;
    mandate.may(permission_for(&row.kind), &loaded.resource())?;
    // Nobody handles a case of their own, in whosever name (回避).
    if owns(ctx, &loaded) {
        return Err(Refusal::new("cases-own-case").status(403).into());
    }
    if loaded.version != version {
        return Err(Refusal::stale().into());
    }
    Ok(Held {
        case: loaded,
        row,
        mandate,
    })
}

/// By whose rights the actor works on an item: the own ones, those of the person who delegated it (委托), those of the
/// person the actor stands in for; `None` when it is somebody else's.
pub(crate) fn mandate(ctx: &Ctx, tx: &mut Tx<'_>, row: &mut WorkRow, area_code: &str) -> Result<Option<Ctx>> {
    let as_grants_of = |tx: &mut Tx<'_>, account: &str| -> Result<Option<Ctx>> {
        Ok(identity::api::official(ctx, tx, account)?.map(|o| {
            let mut mandate = ctx.clone();
            mandate.actor.grants = o.grants;
            mandate
        }))
    };
    let own = match (&row.assignee, &row.on_behalf) {
        (Some(a), Some(principal)) if *a == ctx.actor.id => as_grants_of(tx, principal),
        (Some(a), None) if *a == ctx.actor.id => Ok(Some(ctx.clone())),
        (Some(_), _) => Ok(None),
        (None, _) => Ok(may_work(ctx, &row.role, &row.org_path, area_code).then(|| ctx.clone())),
    }?;
    if own.is_some() {
        return Ok(own);
    }
    // 外出代办: by the rights and in the name of who is away.
    Ok(
        crate::absence::api::principal_of(ctx, tx, row, area_code)?.map(|o| {
            row.on_behalf = Some(o.actor);
            let mut mandate = ctx.clone();
            mandate.actor.grants = o.grants;
            mandate
        }),
    )
}

fn format_check(format: &str, value: &str) -> Result<(), String> {
    match format {
        "citizen-id" => codes::citizen_id(value)
            .map(|_| ())
            .map_err(|e| e.key().to_string()),
        "credit-code" => codes::credit_code(value).map_err(|e| e.key().to_string()),
        "phone" => codes::phone(value).map(|_| ()).map_err(|e| e.key().to_string()),
        _ => Ok(()),
    }
}

/// Everything wrong with a form's values.
pub(crate) fn wrongs(matter: &Matter, values: &Map<String, Json>) -> Vec<Wrong> {
    let holds = |condition: &str, names: &Json| process::Environment::holds(matter, condition, names);
    matter.form.validate(
        values,
        &Checks {
            format: &format_check,
            holds: &holds,
        },
    )
}

/// A wrong as (field, text in the person's language).
pub(crate) fn said(ctx: &Ctx, w: &Wrong) -> (String, String) {
    let text = match &w.message {
        Message::Text(t) => t.pick(ctx.locale == kernel::Locale::En).to_string(),
        Message::Key { key, args } => {
            let args: Vec<(&str, &str)> = args.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            ctx.t(key, &args)
        }
    };
    (w.field.clone(), text)
}

/// What the city holds for the form's fields: (field, value with source and date).
pub(crate) fn held(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    matter: &Matter,
    case: &Case,
) -> Result<Vec<(String, kernel::Held)>> {
    // Where somebody acts for a firm, the person is the agent. A child for whom a guardian acts is the applicant in person.
    let natural = identity::api::party(ctx, tx, &case.applicant)?.is_some_and(|p| p.kind == "natural");
    let (person, firm) = match &case.agent {
        Some(agent) if !natural => (agent, Some(&case.applicant)),
        _ => (&case.applicant, None),
    };
    let mut out = Vec::new();
    for (whose, subject) in [("applicant", Some(person)), ("firm", firm)] {
        let Some(subject) = subject else { continue };
        let fields: Vec<_> = matter
            .form
            .fields
            .iter()
            .filter(|f| f.element.is_some() && f.prefill.as_deref() == Some(whose))
            .collect();
        let elements: Vec<String> = fields.iter().filter_map(|f| f.element.clone()).collect();
        if elements.is_empty() {
            continue;
        }
        let values = ctx.ask(tx, subject, &elements, "prefill")?;
        for f in fields {
            if let Some(h) = values.iter().find(|h| Some(&h.element) == f.element.as_ref()) {
                out.push((f.name.clone(), h.clone()));
            }
        }
    }
    Ok(out)
}

/// The fact that a case has ended, when it has.
pub(crate) fn ended(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<()> {
    if case.ended() {
        let fact = Fact::new("cases.case.ended", &case.id).payload(
            json!({ "state": case.state, "matter": case.matter, "on_time": case.on_time,
                "online": case.visits == 0 && case.channel == "online" }),
        );
        ctx.emit(tx, fact.touch(&crate::CASE, &case.id))?;
    }
    Ok(())
}

/// Which permission a task of this kind needs.
fn permission_for(kind: &str) -> &'static str {
    match kind {
        "accept" => "cases.case.accept",
        "decide" => "cases.case.decide",
        "sign" => "cases.case.sign",
        _ => "cases.case.review",
    }
}

/// Does the actor hold a post for this work item?
pub(crate) fn may_work(ctx: &Ctx, role: &str, org_path: &str, area_code: &str) -> bool {
    ctx.actor
        .grants
        .iter()
        .any(|g| g.role == role && org_path.starts_with(&g.org_path) && area_code.starts_with(&g.area_code))
}

/// A reason that people will read: trimmed, there, not too long.
fn reason<'t>(text: &'t str, ctx: &Ctx) -> Result<&'t str> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::new("cases-reason-needed")
            .field("reason", ctx.t("cases-reason-needed", &[]))
            .into());
    }
    if text.chars().count() > 1_000 {
        return Err(Refusal::new("cases-opinion-long").arg("max", 1_000).into());
    }
    Ok(text)
}
