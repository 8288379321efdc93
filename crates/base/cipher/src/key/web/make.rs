//! The form of a new key.

use super::{number, page, word, wrong};
use crate::algorithm::PURPOSES;
use crate::key::service::{self, New};
use axum::Form;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// A new key as its form sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    organisation: String,
    name: String,
    title: String,
    /// `sign:sm2`: purpose and algorithm are one choice.
    kind: String,
    rotate_days: String,
    bound: String,
    digests: String,
}

pub(super) async fn form(cx: &Ctx, t: &Typed, refused: Option<&Refusal>) -> Result<Response> {
    let organisations = cx
        .read("cipher.organisations", |tx| Ok(identity::api::organisations(tx)?))
        .await?;
    let mine = organisations.iter().filter(|o| {
        let resource = kernel::Resource {
            kind: "CipherKey",
            org_paths: vec![o.path.clone()],
            area_code: o.area_code.clone(),
            ..kernel::Resource::default()
        };
        cx.may(crate::MANAGE, &resource).is_ok()
    });
    let mine: Vec<Json> = mine
        .map(|o| json!({ "id": o.id, "name": cx.locale.pick(&o.name, &o.name_en) }))
        .collect();
    let kinds: Vec<Json> = PURPOSES
        .iter()
        .map(|p| {
            let all = p.algorithms().iter().map(|a| {
                json!({ "id": format!("{}:{}", p.name(), a.name()), "label": word(cx, "algorithm", a.name()) })
            });
            json!({ "label": word(cx, "purpose", p.name()), "algorithms": all.collect::<Vec<_>>() })
        })
        .collect();
    let wrong = wrong(refused);
    let data = json!({ "organisations": mine, "kinds": kinds, "wrong": wrong, "error": refused.map(|r| cx.says(r)),
        "key": { "organisation": t.organisation, "name": t.name, "title": t.title, "kind": t.kind, "rotate_days": t.rotate_days,
            "bound": !t.bound.is_empty(), "digests": !t.digests.is_empty() } });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/form.html", data)
}

pub(crate) async fn new(cx: Ctx) -> Result<Response> {
    let fresh = Typed {
        kind: "sign:sm2".into(),
        ..Typed::default()
    };
    form(&cx, &fresh, None).await
}

pub(crate) async fn create(cx: Ctx, Form(t): Form<Typed>) -> Result<Response> {
    let (purpose, algorithm) = t.kind.split_once(':').unwrap_or_default();
    let new = New {
        organisation: t.organisation.clone(),
        name: t.name.trim().into(),
        title: t.title.clone(),
        purpose: purpose.into(),
        algorithm: algorithm.into(),
        rotate_days: number(&t.rotate_days),
        bound: !t.bound.is_empty(),
        digests: !t.digests.is_empty(),
    };
    match service::create(&cx, &new).await {
        Ok(key) => Ok(see(&format!("/work/keys/{}", key.alias))),
        Err(Problem::Refusal(r)) if !r.fields.is_empty() => form(&cx, &t, Some(&r)).await,
        Err(e) => Err(e),
    }
}
