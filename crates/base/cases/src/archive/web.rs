//! The archivist's pages.

use super::model::{Archive, BUILT, Finding, STATES};
use super::{service, store};
use crate::case::view::{english, state_tag};
use axum::extract::{Path, Query};
use axum::response::Response;
use kernel::http::{attachment, see};
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 30;
const READ: &str = "cases.archive.read";

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: u32,
}

fn shown(cx: &Ctx, a: &Archive) -> Json {
    let kind = if a.state == BUILT { "good" } else { "bad" };
    json!({ "case": a.case, "version": a.version, "built": a.state == BUILT, "built_at": a.built_at, "size": a.size, "files": a.files,
        "state": { "kind": kind, "text": cx.t(&format!("cases-archive-state-{}", a.state), &[]) }, "sha256": a.sha256,
        "reason": a.reason.as_deref().map(|r| cx.t(r, &[])), "retain_until": a.retain_until })
}

pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let scope = cx.scope(READ);
    let (items, more) = cx
        .read("cases.archives", |tx| {
            let by = (find.q.trim(), find.state.as_str());
            let mut rows = store::list(tx, &scope, by, PAGE + 1, find.page.saturating_mul(PAGE))?;
            let more = rows.len() > PAGE as usize;
            rows.truncate(PAGE as usize);
            let mut items = Vec::new();
            for r in &rows {
                let matter = cx
                    .service::<crate::Catalogue>()?
                    .version(&r.matter, r.matter_version)?;
                let mut item = shown(&cx, &r.archive);
                item["number"] = json!(r.number);
                item["matter"] = matter.name(english(&cx)).into();
                item["case_state"] = state_tag(&cx, &r.case_state);
                item["ended_at"] = json!(r.ended_at);
                items.push(item);
            }
            Ok((items, more))
        })
        .await?;
    let states: Vec<Json> = STATES
        .iter()
        .map(|s| json!({ "id": s, "label": cx.t(&format!("cases-archive-state-{s}"), &[]) }))
        .collect();
    cx.page(
        "cases/archive/list.html",
        json!({ "items": items, "more": more, "page": find.page, "q": find.q, "state": find.state, "states": states }),
    )
}

/// The page of one package, or with `.zip` behind it the package.
pub(crate) async fn show(cx: Ctx, Path(case): Path<String>) -> Result<Response> {
    if let Some(id) = case.strip_suffix(".zip") {
        let (number, package) = service::download(&cx, id).await?;
        return Ok(attachment(&format!("{number}.zip"), "application/zip", package));
    }
    page(&cx, &case, None).await
}

async fn page(cx: &Ctx, id: &str, found: Option<Vec<Finding>>) -> Result<Response> {
    let data = cx
        .read("cases.archive", |tx| {
            let case = service::ended(cx, tx, id, READ)?;
            let builds = store::of(tx, &case.id)?;
            if builds.is_empty() {
                return Err(Refusal::not_found().into());
            }
            let matter = crate::case::runtime::matter_of(cx, &case)?;
            let built = builds.iter().any(|a| a.state == BUILT);
            let builds: Vec<Json> = builds.iter().map(|a| shown(cx, a)).collect();
            Ok(json!({ "case": { "id": case.id, "number": case.number, "state": state_tag(cx, &case.state), "ended_at": case.ended_at },
                "matter": matter.name(english(cx)), "organisation": identity::api::organisation_name(cx, tx, &case.organisation)?,
                "builds": builds, "built": built, "may_build": cx.may("cases.archive.build", &case.resource()).is_ok() }))
        })
        .await?;
    let mut data = data;
    data["findings"] = found
        .map(|all| {
            all.iter()
                .map(|(key, what)| cx.t(key, &[("what", what)]))
                .collect::<Vec<_>>()
        })
        .into();
    cx.page("cases/archive/show.html", data)
}

pub(crate) async fn verify(cx: Ctx, Path(case): Path<String>) -> Result<Response> {
    let found = service::verify(&cx, &case).await?;
    page(&cx, &case, Some(found)).await
}

pub(crate) async fn rebuild(cx: Ctx, Path(case): Path<String>) -> Result<Response> {
    service::rebuild(&cx, &case).await?;
    Ok(see(&format!("/work/archive/{case}")))
}

pub(crate) fn samples() -> Vec<Sample> {
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let build = |built: bool| {
        json!({ "case": "1", "version": 1, "built": built, "built_at": 1_795_500_000_000_i64, "size": if built { 70_000 } else { 0 },
            "files": if built { 7 } else { 0 }, "sha256": built.then_some(hash), "retain_until": "2056-11-26",
            "state": { "kind": if built { "good" } else { "bad" }, "text": "已归档" }, "reason": (!built).then_some("超过 40 MB"),
            "number": "2026-OR-000001", "matter": "示例", "case_state": { "kind": "good", "text": "准予" }, "ended_at": 1_795_500_000_000_i64 })
    };
    let list = |items: Json| json!({ "items": items, "more": true, "page": 1, "q": "OR", "state": "built", "states": [{ "id": "built", "label": "已归档" }] });
    let one = |builds: Json, findings: Json, may_build: bool| {
        json!({ "case": { "id": "1", "number": "2026-OR-000001", "state": { "kind": "good", "text": "准予" }, "ended_at": 1_795_500_000_000_i64 },
            "matter": "示例", "organisation": "演示机关", "built": builds[0]["built"], "builds": builds, "may_build": may_build, "findings": findings })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("cases/archive/list.html", "none", list(json!([]))),
        sample(
            "cases/archive/list.html",
            "built and failed",
            list(json!([build(true), build(false)])),
        ),
        sample(
            "cases/archive/show.html",
            "built twice",
            one(json!([build(true), build(true)]), Json::Null, true),
        ),
        sample(
            "cases/archive/show.html",
            "verified",
            one(json!([build(true)]), json!([]), false),
        ),
        sample(
            "cases/archive/show.html",
            "altered",
            one(json!([build(true)]), json!(["文件不一致：opinions.json"]), true),
        ),
        sample(
            "cases/archive/show.html",
            "failed",
            one(json!([build(false)]), Json::Null, true),
        ),
    ]
}
