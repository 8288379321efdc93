//! Pages of powers: one's firms and family, a firm's people, the officials' page.

mod firm;
mod office;
mod own;
mod power;
mod sample;

pub(crate) use firm::{act, firm, invite};
pub(crate) use office::{
    agencies, confirm_guardian, end_by_official, end_guardianship, establish_at_counter, guardianships,
};
pub(crate) use own::{answer, claim, establish, family, firms, guardian, leave};
pub(crate) use power::{change, power};
pub(crate) use sample::samples;

use super::matters::Matters;
use super::model::Power;
use super::store::Happened;
use crate::api;
use kernel::{Ctx, Refusal, Result, Tx};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

type Fields = BTreeMap<String, String>;

/// What was wrong, for a page: all of it, and by field.
fn wrong(cx: &Ctx, r: Option<&Refusal>) -> Json {
    let fields: BTreeMap<&str, &str> = r
        .into_iter()
        .flat_map(|r| r.fields.iter().map(|(f, t)| (f.as_str(), t.as_str())))
        .collect();
    json!({ "all": r.map(|r| cx.explains(r)), "fields": fields })
}

/// How many rows a list shows at once.
const PAGE: u32 = 20;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Paging {
    page: u32,
    /// Of the second and third list of a page.
    more: u32,
    log: u32,
    /// What is looked for.
    q: String,
}

/// The rows of one page, of a list that was asked for one row more than a page or is whole.
fn paged<T>(all: &mut Vec<T>, page: u32, whole: bool) -> Json {
    if whole {
        let skip = all.len().min(page.saturating_mul(PAGE) as usize);
        all.drain(..skip);
    }
    let more = all.len() > PAGE as usize;
    all.truncate(PAGE as usize);
    json!({ "previous": page.checked_sub(1), "next": more.then(|| page + 1) })
}

fn verbs_of(cx: &Ctx, verbs: &[String]) -> Vec<String> {
    let of = |v: &String| cx.t(&format!("identity-verb-{v}"), &[]);
    verbs.iter().map(of).collect()
}

/// A scope of matters as people read it; a theme says that it is one.
fn named(cx: &Ctx, scope: &[String]) -> Result<Vec<String>> {
    let known = cx.service::<Matters>()?;
    let of = |entry: &String| match known.name(entry, cx.locale == kernel::Locale::En) {
        (theme, true) => cx.t("identity-power-theme", &[("theme", &theme)]),
        (matter, false) => matter,
    };
    Ok(scope.iter().map(of).collect())
}

/// Why a power ended, in words; what an official typed stays as it is.
fn why(cx: &Ctx, reason: &str) -> String {
    let key = format!("identity-ended-{reason}");
    match !reason.is_empty() && cx.app.texts.has(&key) {
        true => cx.t(&key, &[]),
        false => reason.to_string(),
    }
}

/// What happened to powers, as pages list it.
fn happened(cx: &Ctx, tx: &mut Tx<'_>, h: &Happened) -> Result<Json> {
    let what = h.kind.rsplit('.').next().unwrap_or_default();
    let account = h.actor.strip_prefix("account:").and_then(|a| a.parse().ok());
    let subject = match account {
        Some(account) => api::subject_of(tx, account)?,
        None => None,
    };
    let who = match subject {
        Some(s) => api::party(cx, tx, &s)?.map(|p| p.masked_name()),
        None => None,
    };
    let extent = |e: &Json| -> Result<Json> {
        let words = |k: &str| -> Vec<String> {
            let all = e[k].as_array().into_iter().flatten();
            all.filter_map(Json::as_str).map(String::from).collect()
        };
        if e.is_null() {
            return Ok(Json::Null);
        }
        Ok(
            json!({ "verbs": verbs_of(cx, &words("verbs")), "matters": named(cx, &words("matters"))?, "until": e["until"] }),
        )
    };
    let role = h.payload["role"].as_str().unwrap_or_default();
    Ok(
        json!({ "what": cx.t(&format!("identity-power-did-{what}"), &[]), "at": h.at, "who": who,
        "role": cx.t(&format!("identity-role-{role}"), &[]), "was": extent(&h.payload["was"])?,
        "now": extent(&h.payload["now"])? }),
    )
}

fn row(cx: &Ctx, tx: &mut Tx<'_>, p: &Power) -> Result<Json> {
    let today = cx.today().to_string();
    let state = p.shown(&today, cx.now()).to_string();
    let name = match (&p.name, p.holder.is_empty()) {
        (Some(sealed), true) => cx
            .protect()
            .open(&format!("identity_power.name:{}", p.id), sealed)?,
        _ => api::party(cx, tx, &p.holder)?.map(|x| x.name).unwrap_or_default(),
    };
    let whom = api::party(cx, tx, &p.principal)?;
    let verbs = verbs_of(cx, &p.verbs);
    Ok(json!({
        "id": super::service::segment(&p.id), "principal": p.principal, "whom": whom.as_ref().map(|w| w.name.clone()),
        "code": whom.filter(|w| w.kind == "legal").map(|w| w.code), "name": name,
        "role": p.role, "role_text": cx.t(&format!("identity-role-{}", p.role), &[]), "verbs": verbs,
        "matters": named(cx, &p.matters)?,
        "from": p.from_on, "until": p.until_on, "state": state, "state_text": cx.t(&format!("identity-power-{state}"), &[]),
        "kind": match state.as_str() { "active" => "good", "invited" | "unconfirmed" | "suspended" => "warn", _ => "plain" },
        "live": p.live(), "reason": why(cx, &p.reason), "basis": cx.t(&format!("identity-basis-{}", p.basis), &[]),
        "chosen": cx.actor.on_behalf.as_deref() == Some(&p.principal), "runs": p.runs(&today),
    }))
}

fn text<'f>(f: &'f Fields, name: &str) -> &'f str {
    f.get(name).map_or("", String::as_str)
}
