//! The workbench pages of keys, and what they share.

mod edit;
mod list;
mod make;
mod policy;
mod show;
mod trial;

pub(crate) use edit::{cancel, change, destroy, destruction, disable, edit, enable, rotate};
pub(crate) use list::list;
pub(crate) use make::{create, new};
pub(crate) use policy::{grant, policy, ungrant};
pub(crate) use show::show;
pub(crate) use trial::{attempt, hash, hash_now, trial};

use crate::key::model::{Key, State};
use crate::key::service;
use crate::key::store;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result, Tx};
use serde_json::{Value as Json, json};

type Alias = Path<(String, String)>;

fn alias_of(Path((organisation, name)): Alias) -> String {
    format!("{organisation}/{name}")
}

/// An actor as people read it: a system by its name, an official by their post.
pub(crate) fn who(cx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<String> {
    if let Some(id) = actor.strip_prefix("client:") {
        return Ok(openid::api::system(tx, id)?.map_or_else(|| actor.to_string(), |s| s.name));
    }
    Ok(identity::api::post_title(cx, tx, actor)?.unwrap_or_else(|| actor.to_string()))
}

fn word(cx: &Ctx, kind: &str, name: &str) -> String {
    cx.t(&format!("cipher-{kind}-{name}"), &[])
}

fn state_kind(state: State) -> &'static str {
    match state {
        State::Active => "good",
        State::Disabled | State::Scheduled => "warn",
        State::Destroyed => "bad",
    }
}

fn shown(cx: &Ctx, k: &Key) -> Json {
    json!({ "alias": k.alias, "title": k.title, "purpose": word(cx, "purpose", k.purpose.name()),
        "algorithm": word(cx, "algorithm", k.algorithm.name()), "state": k.state.name(), "state_text": word(cx, "state", k.state.name()),
        "state_kind": state_kind(k.state), "newest": k.newest, "least": k.least, "rotate_days": k.rotate_days,
        "rotated_at": k.rotated_at, "bound": k.bound, "digests": k.digests, "destroy_at": k.destroy_at, "version": k.version, "created_at": k.created_at })
}

/// Lays what every page of the service says over a page's own data.
fn page(cx: &Ctx, code: StatusCode, template: &str, mut data: Json) -> Result<Response> {
    data["module"] = json!(crate::certified(cx));
    cx.page_with(code, template, data)
}

/// A number as typed; empty is 0, what is none is refused by -1.
fn number(text: &str) -> i64 {
    match text.trim() {
        "" => 0,
        t => t.parse().unwrap_or(-1),
    }
}

fn wrong(refused: Option<&Refusal>) -> Json {
    let fields: serde_json::Map<String, Json> = refused
        .iter()
        .flat_map(|r| &r.fields)
        .map(|(f, m)| (f.clone(), json!(m)))
        .collect();
    fields.into()
}

/// A key that the reader may see.
fn seen(cx: &Ctx, tx: &mut Tx<'_>, alias: &str) -> Result<Key> {
    let key = store::by_alias(tx, alias)?.ok_or_else(Refusal::not_found)?;
    // Whose keys an organisation has is nobody else's business.
    cx.may(crate::READ, &key.resource())
        .map_err(|_| Refusal::not_found())?;
    Ok(key)
}

fn back(alias: &str) -> Response {
    see(&format!("/work/keys/{alias}"))
}

async fn managed(cx: &Ctx, alias: &str) -> Result<Key> {
    cx.read("cipher.managed", |tx| service::managed(cx, tx, alias))
        .await
}

pub(crate) fn samples() -> Vec<Sample> {
    super::samples::all()
}
