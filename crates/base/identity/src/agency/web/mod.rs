//! Pages of powers: one's firms and family, a firm's people, the officials' page.

mod firm;
mod office;
mod own;
mod sample;

pub(crate) use firm::{act, change, firm, invite};
pub(crate) use office::{agencies, confirm_guardian, end_by_official, establish_at_counter};
pub(crate) use own::{answer, claim, establish, family, firms};
pub(crate) use sample::samples;

use super::model::Power;
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
    let verbs: Vec<String> = p
        .verbs
        .iter()
        .map(|v| cx.t(&format!("identity-verb-{v}"), &[]))
        .collect();
    Ok(json!({
        "id": p.id, "principal": p.principal, "whom": whom.as_ref().map(|w| w.name.clone()),
        "code": whom.filter(|w| w.kind == "legal").map(|w| w.code), "name": name,
        "role": p.role, "role_text": cx.t(&format!("identity-role-{}", p.role), &[]), "verbs": verbs, "matters": p.matters,
        "from": p.from_on, "until": p.until_on, "state": state, "state_text": cx.t(&format!("identity-power-{state}"), &[]),
        "kind": match state.as_str() { "active" => "good", "invited" | "unconfirmed" | "suspended" => "warn", _ => "plain" },
        "live": p.live(), "reason": p.reason, "basis": cx.t(&format!("identity-basis-{}", p.basis), &[]),
        "chosen": cx.actor.on_behalf.as_deref() == Some(&p.principal), "runs": p.runs(&today),
    }))
}

fn text<'f>(f: &'f Fields, name: &str) -> &'f str {
    f.get(name).map_or("", String::as_str)
}
