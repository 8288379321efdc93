//! The pages of directories: which there are, and what each of them asked.

use super::service;
use super::store;
use crate::request::store::{self as requests, Request, Which};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Requests on a page.
const PAGE: u32 = 50;
/// Refused requests are counted over so many milliseconds.
const WEEK: i64 = 7 * 86_400_000;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Declared {
    client: String,
    organisation: String,
}

async fn list_data(cx: &Ctx, typed: &Declared, refused: Option<&Refusal>) -> Result<Json> {
    let (items, systems, organisations) = cx
        .read("provisioning.directories", |tx| {
            let organisations = identity::api::organisations(tx)?;
            let mine =
                |o: &&identity::api::Organisation| cx.may(crate::MANAGE, &service::resource(o)).is_ok();
            let mine: Vec<_> = organisations.iter().filter(mine).collect();
            let all = store::all(tx)?;
            let mut items = vec![];
            for d in &all {
                let Some(o) = mine.iter().find(|o| o.id == d.organisation) else {
                    continue;
                };
                let system = openid::api::system(tx, &d.client)?;
                items.push(json!({
                    "client": d.client, "name": system.map_or_else(|| d.client.clone(), |s| s.name),
                    "organisation": cx.locale.pick(&o.name, &o.name_en), "ended": d.ended_at.is_some(),
                    "users": store::users(tx, &d.client)?, "last": requests::last(tx, &d.client)?,
                    "refused": requests::refused(tx, &d.client, cx.now() - WEEK)?,
                }));
            }
            let running = |id: &str| all.iter().any(|d| d.client == id && d.ended_at.is_none());
            let systems = openid::api::systems(tx, crate::SCOPE)?;
            let free: Vec<Json> = systems
                .into_iter()
                .filter(|s| !running(&s.id))
                .map(|s| json!({ "id": s.id, "name": s.name }))
                .collect();
            let mine: Vec<Json> = mine
                .iter()
                .map(|o| json!({ "id": o.id, "name": cx.locale.pick(&o.name, &o.name_en) }))
                .collect();
            Ok((items, free, mine))
        })
        .await?;
    Ok(json!({
        "items": items, "systems": systems, "organisations": organisations, "scope": crate::SCOPE,
        "client": typed.client, "organisation": typed.organisation, "error": refused.map(|r| cx.says(r)).unwrap_or_default(),
        "base": crate::door::web::base(cx),
    }))
}

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    let data = list_data(&cx, &Declared::default(), None).await?;
    cx.page("provisioning/directory/list.html", data)
}

pub(crate) async fn declare(cx: Ctx, Form(typed): Form<Declared>) -> Result<Response> {
    match service::declare(&cx, &typed.client, &typed.organisation).await {
        Ok(()) => Ok(see(&format!(
            "/work/directories/{}",
            kernel::http::percent(&typed.client)
        ))),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 409 | 422) => {
            let data = list_data(&cx, &typed, Some(&r)).await?;
            cx.page_with(status(&r), "provisioning/directory/list.html", data)
        }
        Err(e) => Err(e),
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    which: String,
    before: String,
}

fn shown(q: &Request) -> Json {
    let kind = match q.status {
        0..400 => "good",
        400..500 => "warn",
        _ => "bad",
    };
    json!({ "at": q.at, "method": q.method, "path": q.path, "status": q.status, "kind": kind, "problem": q.problem,
        "detail": q.detail, "changed": q.changed, "ignored": q.ignored, "waiting": q.waiting, "request": q.request })
}

async fn show_data(
    cx: &Ctx,
    client: &str,
    asked: &Asked,
    typed: Option<&Changed>,
    refused: Option<&Refusal>,
) -> Result<Json> {
    let which = match asked.which.as_str() {
        "writes" => Which::Writes,
        "refused" => Which::Refused,
        _ => Which::All,
    };
    let before = asked.before.replace('\0', "");
    cx.read("provisioning.directory", |tx| {
        let (d, o) = service::managed(cx, tx, client)?;
        let system = openid::api::system(tx, client)?;
        let posts: Vec<Json> = service::posts(tx, &o)?
            .iter()
            .map(|p| {
                let organisation = cx.locale.pick(&p.organisation_name, &p.organisation_name_en);
                json!({ "id": p.id, "title": format!("{organisation} · {}", cx.locale.pick(&p.title, &p.title_en)) })
            })
            .collect();
        let mut rows = requests::list(tx, client, which, &before, PAGE + 1)?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let older = rows.last().filter(|_| more).map(|q| q.id.clone());
        Ok(json!({
            "client": client, "name": system.as_ref().map_or(client, |s| s.name.as_str()),
            "retired": system.as_ref().is_none_or(|s| s.retired), "organisation": cx.locale.pick(&o.name, &o.name_en),
            "post": typed.map_or(d.post.as_str(), |t| t.post.as_str()), "version": d.version, "since": d.created_at,
            "ended": d.ended_at.is_some(), "posts": posts, "users": store::users(tx, client)?,
            "items": rows.iter().map(shown).collect::<Vec<_>>(), "older": older, "which": asked.which,
            "base": crate::door::web::base(cx), "token": format!("{}/openid/token", cx.app.config.url), "scope": crate::SCOPE,
            "error": refused.map(|r| cx.says(r)).unwrap_or_default(),
        }))
    })
    .await
}

pub(crate) async fn show(
    cx: Ctx,
    Path(client): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response> {
    let data = show_data(&cx, &client, &asked, None, None).await?;
    cx.page("provisioning/directory/show.html", data)
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Changed {
    post: String,
    version: i64,
}

pub(crate) async fn change(
    cx: Ctx,
    Path(client): Path<String>,
    Form(typed): Form<Changed>,
) -> Result<Response> {
    match service::change(&cx, &client, &typed.post, typed.version).await {
        Ok(()) => Ok(see(&format!(
            "/work/directories/{}",
            kernel::http::percent(&client)
        ))),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 412 | 422) => {
            let data = show_data(&cx, &client, &Asked::default(), Some(&typed), Some(&r)).await?;
            let code: StatusCode = status(&r);
            cx.page_with(code, "provisioning/directory/show.html", data)
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn end(cx: Ctx, Path(client): Path<String>) -> Result<Response> {
    service::end(&cx, &client).await?;
    Ok(see("/work/directories"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let choice = |id: &str, name: &str| json!({ "id": id, "name": name });
    let list = |items: Json, systems: Json, error: &str| {
        json!({ "items": items, "systems": systems, "organisations": [choice("chengguan", "演示城管局")], "scope": "scim",
            "client": "", "organisation": "chengguan", "error": error, "base": "http://localhost:8151/scim/v2" })
    };
    let item = |ended: bool, last: Json| json!({ "client": "c", "name": "演示单位统一目录", "organisation": "演示城管局", "ended": ended, "users": 12, "last": last, "refused": 2 });
    let done = Request {
        at: 1_795_000_000_000,
        method: "PATCH".into(),
        path: "/scim/v2/Users/0190".into(),
        status: 200,
        changed: "active title".into(),
        ignored: "roles".into(),
        waiting: "chengguan-window".into(),
        request: "0190-1".into(),
        ..Request::default()
    };
    let refused = Request {
        status: 409,
        problem: "uniqueness".into(),
        detail: "userName: is taken".into(),
        changed: String::new(),
        ignored: String::new(),
        waiting: String::new(),
        ..done.clone()
    };
    let fault = Request {
        status: 500,
        problem: "kernel-fault".into(),
        ..refused.clone()
    };
    let show = |rows: &[Request], ended: bool, error: &str| {
        json!({ "client": "c", "name": "演示单位统一目录", "retired": false, "organisation": "演示城管局", "post": "w", "version": 1,
            "since": 1_795_000_000_000i64, "ended": ended, "posts": [{ "id": "w", "title": "演示城管局 · 窗口" }], "users": 12,
            "items": rows.iter().map(shown).collect::<Vec<_>>(), "older": "0190", "which": "", "base": "http://localhost:8151/scim/v2",
            "token": "http://localhost:8151/openid/token", "scope": "scim", "error": error })
    };
    let directory = "provisioning/directory/list.html";
    let page = "provisioning/directory/show.html";
    vec![
        sample(directory, "none", list(json!([]), json!([]), "")),
        sample(
            directory,
            "some",
            list(
                json!([item(false, json!(1_795_000_000_000i64)), item(true, Json::Null)]),
                json!([choice("c", "演示单位统一目录")]),
                "请改正",
            ),
        ),
        sample(page, "fresh", show(&[], false, "")),
        sample(page, "busy", show(&[done, refused, fault], false, "请改正")),
        sample(page, "ended", show(&[], true, "")),
    ]
}
