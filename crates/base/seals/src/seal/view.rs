//! How seals are shown.

use super::model::{Seal, State};
use super::store;
use crate::usage::model::{Grant, PROCESS};
use crate::usage::store::{self as uses, Use};
use kernel::{Ctx, Result, Tx};
use serde_json::{Value as Json, json};

/// What a seal is called: whose it is, and what for.
pub(crate) fn called(ctx: &Ctx, tx: &mut Tx<'_>, s: &Seal) -> Result<String> {
    let organisation = identity::api::organisation_name(ctx, tx, &s.organisation)?;
    let what = match (s.kind.as_str(), s.purpose.as_str()) {
        ("personal", _) | (_, "") => ctx.t(&format!("seals-kind-{}", s.kind), &[]),
        (_, purpose) => purpose.to_string(),
    };
    Ok(ctx.t(
        "seals-called",
        &[("organisation", &organisation), ("what", &what)],
    ))
}

/// Post and name of an official, or that the platform did it itself.
pub(crate) fn who(ctx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<String> {
    if !actor.starts_with("account:") {
        return Ok(ctx.t("seals-who-platform", &[]));
    }
    Ok(match identity::api::official(ctx, tx, actor)? {
        Some(o) => format!("{} {}", o.title, o.name),
        None => ctx.t("seals-who-gone", &[]),
    })
}

pub(crate) fn tag(ctx: &Ctx, state: State) -> Json {
    let kind = match state {
        State::Active => "good",
        State::Suspended => "warn",
        State::Refused | State::Destroyed => "bad",
        _ => "info",
    };
    json!({ "kind": kind, "text": ctx.t(&format!("seals-state-{}", state.name()), &[]) })
}

/// A row of a list.
pub(crate) fn row(ctx: &Ctx, tx: &mut Tx<'_>, s: &Seal) -> Result<Json> {
    let custodian = match &s.custodian {
        Some(actor) => Some(who(ctx, tx, actor)?),
        None => None,
    };
    Ok(json!({
        "id": s.id, "called": called(ctx, tx, s)?, "name": s.name, "kind": ctx.t(&format!("seals-kind-{}", s.kind), &[]),
        "organisation": identity::api::organisation_name(ctx, tx, &s.organisation)?, "purpose": s.purpose, "code": s.code,
        "state": tag(ctx, s.state), "custodian": custodian, "applied_at": s.applied_at, "version": s.version,
        "applicant": who(ctx, tx, &s.applicant)?, "reason": s.reason, "basis": s.basis, "processes": s.processes.join(" "),
        "own": ctx.actor.id == s.applicant, "waiting": s.state.name(),
    }))
}

/// Kinds of document in words.
pub(crate) fn kinds(ctx: &Ctx, kinds: &[String]) -> Vec<String> {
    kinds
        .iter()
        .map(|k| match k.as_str() {
            "any" => ctx.t("seals-any", &[]),
            "upload" => ctx.t("seals-upload", &[]),
            "certificate:*" => ctx.t("seals-certificates", &[]),
            "paper:*" => ctx.t("seals-papers", &[]),
            one => one.to_string(),
        })
        .collect()
}

pub(crate) fn grant(ctx: &Ctx, tx: &mut Tx<'_>, g: &Grant) -> Result<Json> {
    let grantee = match g.grantee_kind.as_str() {
        PROCESS => ctx.t("seals-grantee-process", &[]),
        "post" => {
            let officials = identity::api::officials(ctx, tx)?;
            let holder = officials
                .iter()
                .find(|o| o.grants.iter().any(|x| x.post == g.grantee));
            ctx.t(
                "seals-grantee-post",
                &[("post", holder.map_or(g.grantee.as_str(), |o| o.title.as_str()))],
            )
        }
        _ => who(ctx, tx, &g.grantee)?,
    };
    let today = ctx.today().to_string();
    Ok(json!({
        "id": g.id, "grantee": grantee, "kinds": kinds(ctx, &g.kinds), "per_day": g.per_day, "total": g.total,
        "used": g.is_limited().then_some(g.used), "from": g.valid_from, "until": g.valid_until,
        "given_by": who(ctx, tx, &g.given_by)?, "given_at": g.given_at, "holds": g.holds(&today), "revoked_at": g.revoked_at,
        "revoked_by": match &g.revoked_by { Some(a) => Some(who(ctx, tx, a)?), None => None },
    }))
}

/// A use as the log shows it.
pub(crate) fn used(ctx: &Ctx, tx: &mut Tx<'_>, u: &Use) -> Result<Json> {
    let whom = match &u.for_whom {
        Some(subject) => identity::api::party(ctx, tx, subject)?.map(|p| match p.kind.as_str() {
            "legal" => p.name,
            _ => p.masked_name(),
        }),
        None => None,
    };
    let kind = match u.result.as_str() {
        "done" => "good",
        "refused" => "bad",
        _ => "warn",
    };
    Ok(json!({
        "at": u.at, "who": who(ctx, tx, &u.actor)?, "whom": whom, "title": u.title, "number": u.number, "purpose": u.purpose,
        "occasion": kinds(ctx, std::slice::from_ref(&u.occasion))[0], "sha256": u.sha256, "sm3": u.sm3,
        "result": { "kind": kind, "text": ctx.t(&format!("seals-result-{}", u.result), &[]) },
        "why": u.why.as_deref().map(|w| ctx.t(w, &[])),
    }))
}

/// One page of the log of a seal, and whether there are more.
pub(crate) fn log(ctx: &Ctx, tx: &mut Tx<'_>, s: &Seal, page: u32, size: u32) -> Result<(Vec<Json>, bool)> {
    let of = (s.id.as_str(), s.organisation.as_str());
    let mut all = uses::uses(ctx, tx, of, size + 1, page.saturating_mul(size))?;
    let more = all.len() > size as usize;
    all.truncate(size as usize);
    let mut items = Vec::new();
    for u in &all {
        items.push(used(ctx, tx, u)?);
    }
    Ok((items, more))
}

pub(crate) fn history(ctx: &Ctx, tx: &mut Tx<'_>, s: &Seal) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for e in store::events(tx, &s.id)? {
        out.push(
            json!({ "at": e.at, "who": who(ctx, tx, &e.actor)?, "note": e.note, "what": ctx.t(&format!("seals-event-{}", e.what), &[]) }),
        );
    }
    Ok(out)
}
