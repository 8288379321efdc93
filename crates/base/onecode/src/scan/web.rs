//! The reader's page and its API; what the holder sees.

use super::service::{self, Offline, Told};
use super::store;
use crate::scene::Scenes;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json as Body};
use kernel::http::{reply, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Readings on a page.
const PAGE: u32 = 50;
/// Readings taken in one upload.
const UPLOAD: usize = 200;

/// The scenes in which the caller may read.
fn mine(cx: &Ctx) -> Result<Vec<Json>> {
    let scenes = cx.service::<Scenes>()?;
    let mine = scenes.scene.iter().filter(|s| s.read_by(cx));
    Ok(mine
        .map(|s| json!({ "id": s.id, "title": s.title(cx) }))
        .collect())
}

fn titled(cx: &Ctx, told: &Told) -> Vec<Json> {
    told.elements
        .iter()
        .map(
            |(name, value)| json!({ "title": cx.t(&format!("onecode-element-{name}"), &[]), "value": value }),
        )
        .collect()
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    code: String,
    scene: String,
}

fn scanner_data(cx: &Ctx, asked: &Asked, result: Json) -> Result<Json> {
    let scenes = mine(cx)?;
    let scene = match asked.scene.as_str() {
        "" => scenes.first().map(|s| s["id"].clone()).unwrap_or_default(),
        id => json!(id),
    };
    // A code that was read is used up; the field is free for the next.
    Ok(json!({ "scenes": scenes, "scene": scene, "code": "", "result": result }))
}

pub(crate) async fn scanner(cx: Ctx, Query(asked): Query<Asked>) -> Result<Response> {
    let data = scanner_data(&cx, &asked, Json::Null)?;
    cx.page("onecode/code/scanner.html", data)
}

pub(crate) async fn read(cx: Ctx, Form(asked): Form<Asked>) -> Result<Response> {
    let (code, result) = match service::check(&cx, &asked.code, &asked.scene).await {
        Ok(told) => {
            let result = json!({ "good": true, "title": "", "detail": "", "label": told.label,
                "elements": titled(&cx, &told) });
            (StatusCode::OK, result)
        }
        Err(Problem::Refusal(r)) => {
            let result = json!({ "good": false, "title": cx.says(&r), "detail": cx.explains(&r), "label": "", "elements": [] });
            (status(&r), result)
        }
        Err(e) => return Err(e),
    };
    let data = scanner_data(&cx, &asked, result)?;
    cx.page_with(code, "onecode/code/scanner.html", data)
}

pub(crate) async fn api_check(cx: Ctx, Body(asked): Body<Asked>) -> Result<Response> {
    let told = service::check(&cx, &asked.code, &asked.scene).await?;
    Ok(reply(
        json!({ "kind": told.kind.name(), "label": told.label, "elements": titled(&cx, &told), "at": cx.now() / 1000 }),
    ))
}

pub(crate) async fn api_list(cx: Ctx) -> Result<Response> {
    let list = service::list(&cx).await?;
    Ok(([("content-type", "application/jwt")], list).into_response())
}

#[derive(Deserialize)]
pub(crate) struct Upload {
    scans: Vec<Reading>,
}

#[derive(Deserialize)]
struct Reading {
    code: String,
    scene: String,
    at: i64,
}

pub(crate) async fn api_upload(cx: Ctx, Body(u): Body<Upload>) -> Result<Response> {
    let (mut taken, mut refused) = (0, Vec::new());
    for (index, r) in u.scans.iter().enumerate().take(UPLOAD) {
        let offline = Offline {
            code: &r.code,
            scene: &r.scene,
            at: r.at,
        };
        match service::take_offline(&cx, &offline).await {
            Ok(()) => taken += 1,
            Err(Problem::Refusal(why)) => refused.push(json!({ "index": index, "why": cx.says(&why) })),
            Err(e) => return Err(e),
        }
    }
    for index in UPLOAD..u.scans.len() {
        refused.push(json!({ "index": index, "why": cx.t("onecode-upload-later", &[]) }));
    }
    Ok(reply(json!({ "taken": taken, "refused": refused })))
}

#[derive(Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

pub(crate) async fn readings(cx: Ctx, Query(q): Query<Before>) -> Result<Response> {
    let holder = cx.actor.party().unwrap_or_default().to_string();
    let person = cx.actor.subject.clone().unwrap_or_default();
    let scenes = cx.service::<Scenes>()?;
    let (mut items, closed) = cx
        .read("onecode.readings", |tx| {
            let items = store::of(tx, &holder, &person, q.before.unwrap_or(i64::MAX), PAGE + 1)?;
            let mut closed = Vec::new();
            for s in scenes.scene.iter().filter(|s| s.blockable) {
                closed.push((s.id.clone(), store::is_blocked(tx, &holder, &s.id)?));
            }
            Ok((items, closed))
        })
        .await?;
    let more = items.len() > PAGE as usize;
    items.truncate(PAGE as usize);
    let older = items.last().filter(|_| more).map(|i| i["at"].clone());
    for i in &mut items {
        let scene = i["scene"].as_str().unwrap_or_default();
        let title = scenes.get(scene).map_or(scene, |s| s.title(&cx)).to_string();
        let names = i["elements"].as_str().unwrap_or_default();
        let names: Vec<String> = names
            .split(' ')
            .filter(|n| !n.is_empty())
            .map(|n| cx.t(&format!("onecode-element-{n}"), &[]))
            .collect();
        i["told"] = json!(names);
        i["scene"] = json!(title);
    }
    let listed: Vec<Json> = scenes
        .scene
        .iter()
        .map(|s| {
            let closed = closed.iter().find(|(id, _)| *id == s.id).map(|(_, closed)| *closed);
            let told: Vec<String> = s.elements.iter().map(|e| cx.t(&format!("onecode-element-{e}"), &[])).collect();
            json!({ "id": s.id, "title": s.title(&cx), "lead": cx.locale.pick(&s.lead, &s.lead_en), "told": told, "closed": closed })
        })
        .collect();
    let data = json!({ "items": items, "older": older, "scenes": listed });
    cx.page("onecode/code/readings.html", data)
}

#[derive(Deserialize)]
pub(crate) struct Closing {
    #[serde(default)]
    closed: String,
}

pub(crate) async fn close(cx: Ctx, Path(scene): Path<String>, Form(f): Form<Closing>) -> Result<Response> {
    service::set_blocked(&cx, &scene, !f.closed.is_empty()).await?;
    Ok(see("/me/code/readings"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let scenes = json!([{ "id": "counter", "title": "窗口办事" }, { "id": "gate", "title": "出入通行" }]);
    let scanner =
        |result: Json| json!({ "scenes": scenes, "scene": "counter", "code": "", "result": result });
    let item = |result: &str, offline: bool| json!({ "scene": "窗口办事", "place": "综合窗口", "result": result, "told": ["姓名"], "offline": offline, "at": 1_795_000_000_000i64 });
    let scene = |closed: Json| json!({ "id": "gate", "title": "出入通行", "lead": "进出办公楼。", "told": ["姓名"], "closed": closed });
    vec![
        sample("onecode/code/scanner.html", "waiting", scanner(Json::Null)),
        sample(
            "onecode/code/scanner.html",
            "good",
            scanner(
                json!({ "good": true, "title": "有效", "detail": "", "label": "演**", "elements": [{ "title": "姓名", "value": "演示居民" }] }),
            ),
        ),
        sample(
            "onecode/code/scanner.html",
            "refused",
            scanner(
                json!({ "good": false, "title": "已经用过", "detail": "请重新亮码。", "label": "", "elements": [] }),
            ),
        ),
        sample(
            "onecode/code/scanner.html",
            "no scene",
            json!({ "scenes": [], "scene": null, "code": "", "result": null }),
        ),
        sample(
            "onecode/code/readings.html",
            "none",
            json!({ "items": [], "older": null, "scenes": [scene(Json::Null), scene(json!(false))] }),
        ),
        sample(
            "onecode/code/readings.html",
            "some",
            json!({ "items": [item("told", false), item("replayed", false), item("blocked", true)], "older": 5, "scenes": [scene(json!(true))] }),
        ),
    ]
}
