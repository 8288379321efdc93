//! Requests: handing in, queue, decision.

use super::APPROVE;
use crate::authority::model::{Asked, Use};
use crate::authority::service::register::{self as verbs, Decision, Wish};
use crate::authority::store;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asking {
    profile: String,
    request: String,
    names: String,
    reason: String,
    replaces: String,
}

impl Asking {
    pub(super) fn wish(&self) -> Wish {
        Wish {
            profile: self.profile.clone(),
            request: self.request.clone(),
            names: self.names.clone(),
            reason: self.reason.clone(),
            replaces: self.replaces.clone(),
        }
    }
}

async fn form_page(cx: &Ctx, f: &Asking, refused: Option<&Refusal>) -> Result<Response> {
    let own = cx
        .read("trust.own-requests", |tx| {
            Ok(store::requests(tx, &cx.actor.id, 20)?)
        })
        .await?;
    let profiles: Vec<Json> = Use::ASKED
        .iter()
        .map(|u| json!({ "id": u.name(), "title": cx.t(&format!("trust-profile-{}", u.name()), &[]) }))
        .collect();
    let data = json!({ "profile": f.profile, "request": f.request, "names": f.names, "reason": f.reason, "replaces": f.replaces,
        "profiles": profiles, "own": own.iter().map(|a| line(cx, a)).collect::<Vec<_>>(),
        "error": refused.map(|r| cx.explains(r)).unwrap_or_default() });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "trust/authority/ask.html",
        data,
    )
}

pub(super) async fn form(cx: Ctx, Query(f): Query<Asking>) -> Result<Response> {
    form_page(&cx, &f, None).await
}

pub(super) async fn ask(cx: Ctx, Form(f): Form<Asking>) -> Result<Response> {
    match verbs::ask(&cx, &f.wish()).await {
        Ok(id) => Ok(see(&format!("/work/authority/queue/{id}"))),
        Err(Problem::Refusal(r)) if cx.html => form_page(&cx, &f, Some(&r)).await,
        Err(p) => Err(p),
    }
}

pub(super) fn line(cx: &Ctx, a: &Asked) -> Json {
    json!({ "id": a.id, "cn": a.cn, "o": a.o, "profile": cx.t(&format!("trust-profile-{}", a.used_for.name()), &[]), "state": a.state,
        "at": a.created_at, "algorithm": a.algorithm.to_uppercase() })
}

pub(super) async fn queue(cx: Ctx) -> Result<Response> {
    let all = cx
        .read("trust.requests", |tx| Ok(store::requests(tx, "", 200)?))
        .await?;
    let rows: Vec<Json> = all.iter().map(|a| line(&cx, a)).collect();
    cx.page("trust/authority/queue.html", json!({ "rows": rows }))
}

pub(super) async fn asked(cx: &Ctx, id: &str) -> Result<Asked> {
    let found = cx.read("trust.request", |tx| Ok(store::request(tx, id)?)).await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

async fn request_with(
    cx: &Ctx,
    id: &str,
    typed: Option<&Deciding>,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let a = asked(cx, id).await?;
    let mut data = line(cx, &a);
    for (key, value) in [
        ("names", json!(a.names)),
        ("reason", json!(a.reason)),
        ("key_hash", json!(a.key_hash)),
        ("version", json!(a.version)),
        ("opinion", json!(a.opinion)),
        ("serial", json!(a.serial)),
        ("replaces", json!(a.replaces)),
        ("decided_at", json!(a.decided_at)),
    ] {
        data[key] = value;
    }
    let typed = json!({ "cn": typed.map_or(&a.cn, |t| &t.cn), "o": typed.map_or(&a.o, |t| &t.o),
        "opinion": typed.map_or("", |t| t.opinion.as_str()) });
    let data = json!({ "a": data, "typed": typed, "own": a.asked_by == cx.actor.id,
        "may": cx.holds(APPROVE) && a.state == "asked" && a.asked_by != cx.actor.id,
        "error": refused.map(|r| cx.explains(r)).unwrap_or_default() });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "trust/authority/request.html",
        data,
    )
}

pub(super) async fn request_page(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    request_with(&cx, &id, None, None).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Deciding {
    version: i64,
    cn: String,
    o: String,
    opinion: String,
}

impl Deciding {
    fn decision(&self) -> Decision {
        Decision {
            version: self.version,
            cn: self.cn.clone(),
            o: self.o.clone(),
            opinion: self.opinion.clone(),
        }
    }
}

pub(super) async fn approve(cx: Ctx, Path(id): Path<String>, Form(f): Form<Deciding>) -> Result<Response> {
    match verbs::approve(&cx, &id, &f.decision()).await {
        Ok(serial) => Ok(see(&format!("/work/authority/{serial}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            request_with(&cx, &id, Some(&f), Some(&r)).await
        }
        Err(p) => Err(p),
    }
}

pub(super) async fn refuse(cx: Ctx, Path(id): Path<String>, Form(f): Form<Deciding>) -> Result<Response> {
    match verbs::refuse(&cx, &id, &f.decision()).await {
        Ok(()) => Ok(see(&format!("/work/authority/queue/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            request_with(&cx, &id, Some(&f), Some(&r)).await
        }
        Err(p) => Err(p),
    }
}
