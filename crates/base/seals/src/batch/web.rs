//! The page on which files are sealed, and its API.

use super::model::{CHOICES, PLACES, Wanted};
use super::service::{self, Order};
use super::store::{self, Batch, File};
use crate::seal::view;
use axum::Json as Body;
use axum::extract::{Multipart, Path};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::http::{attachment, reply, reply_with, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What was typed besides the files.
#[derive(Clone, Default)]
struct Typed {
    purpose: String,
    page: String,
    number: String,
    place: String,
    x: String,
    y: String,
    keyword: String,
    which: String,
}

impl Typed {
    fn wanted(&self) -> Wanted {
        let page = match self.page.as_str() {
            "number" => self.number.trim().to_string(),
            other => other.to_string(),
        };
        // Beside a keyword nothing is nought; elsewhere a number is needed.
        let empty = if self.place == "keyword" { 0.0 } else { -1.0 };
        let mm = |text: &str| match text.trim() {
            "" => empty,
            text => text.parse().unwrap_or(f64::NAN),
        };
        Wanted {
            keyword: self.keyword.trim().into(),
            which: self.which.clone(),
            page,
            place: self.place.clone(),
            x: mm(&self.x),
            y: mm(&self.y),
        }
    }
}

async fn form_page(
    cx: &Ctx,
    id: &str,
    typed: &Typed,
    code: StatusCode,
    refused: Option<String>,
) -> Result<Response> {
    let (seal, row, batches) = cx
        .read("seals.use-form", |tx| {
            let seal = service::seal(cx, tx, id)?;
            let row = view::row(cx, tx, &seal)?;
            Ok((seal, row, store::own(cx, tx, id)?))
        })
        .await?;
    let drawn = crate::api::drawn(cx, &seal).await;
    let batches: Vec<Json> = batches
        .into_iter()
        .map(|(id, state, files, at)| {
            json!({ "id": id, "state": cx.t(&format!("seals-batch-{state}"), &[]), "files": files, "at": at })
        })
        .collect();
    let places: Vec<Json> = PLACES
        .iter()
        .map(|p| json!({ "id": p, "label": cx.t(&format!("seals-place-{p}"), &[]) }))
        .collect();
    let choices: Vec<Json> = CHOICES
        .iter()
        .map(|c| json!({ "id": c, "label": cx.t(&format!("seals-keyword-{c}"), &[]) }))
        .collect();
    let data = json!({ "choices": choices, "seal": row, "picture": drawn.map(|d| d.drawing.svg()).unwrap_or_default(), "batches": batches, "places": places,
        "refused": refused, "most": service::FILES, "typed": { "purpose": typed.purpose, "page": typed.page, "number": typed.number,
        "place": typed.place, "x": typed.x, "y": typed.y, "keyword": typed.keyword, "which": typed.which } });
    cx.page_with(code, "seals/batch/form.html", data)
}

pub(crate) async fn form(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let typed = Typed {
        page: "last".into(),
        place: PLACES[0].into(),
        which: CHOICES[0].into(),
        ..Typed::default()
    };
    form_page(&cx, &id, &typed, StatusCode::OK, None).await
}

pub(crate) async fn order(cx: Ctx, Path(id): Path<String>, mut parts: Multipart) -> Result<Response> {
    let bad = |_| Refusal::new("kernel-bad-form");
    let (mut typed, mut files) = (Typed::default(), Vec::new());
    while let Some(field) = parts.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_string();
        if name == "files" {
            let file = field.file_name().unwrap_or_default().to_string();
            let content = field.bytes().await.map_err(bad)?.to_vec();
            // A browser sends an empty part when nothing was chosen.
            if (!content.is_empty() || !file.is_empty()) && files.len() <= service::FILES {
                files.push((file, content));
            }
            continue;
        }
        let text = field.text().await.map_err(bad)?;
        match name.as_str() {
            "purpose" => typed.purpose = text,
            "page" => typed.page = text,
            "number" => typed.number = text,
            "place" => typed.place = text,
            "x" => typed.x = text,
            "y" => typed.y = text,
            "keyword" => typed.keyword = text,
            "which" => typed.which = text,
            _ => {}
        }
    }
    let order = Order {
        wanted: typed.wanted(),
        purpose: typed.purpose.clone(),
        files,
    };
    match service::order(&cx, &id, &order).await {
        Ok(batch) => Ok(see(&format!("/work/seals/batches/{batch}"))),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 409 | 422) => {
            form_page(&cx, &id, &typed, status(&r), Some(cx.explains(&r))).await
        }
        Err(e) => Err(e),
    }
}

fn shown(cx: &Ctx, batch: &Batch, files: &[File], api: bool) -> Json {
    let done = files.iter().filter(|f| f.result == "done").count();
    let waiting = files.iter().filter(|f| f.result == "waiting").count();
    let items: Vec<Json> = files
        .iter()
        .map(|f| {
            let kind = match f.result.as_str() {
                "done" => "good",
                "refused" => "bad",
                _ => "info",
            };
            let href = (f.result == "done").then(|| format!("/work/seals/batches/{}/files/{}", batch.id, f.position + 1));
            let result = if api { f.result.clone() } else { cx.t(&format!("seals-file-{}", f.result), &[]) };
            json!({ "name": f.name, "result": result, "kind": kind, "why": f.why.as_deref().map(|w| cx.t(w, &[])), "href": href })
        })
        .collect();
    let href = (batch.state == "done").then(|| format!("/work/seals/batches/{}.zip", batch.id));
    json!({ "id": batch.id, "seal": batch.seal, "state": batch.state, "purpose": batch.purpose, "files": items, "done": done, "waiting": waiting,
        "all": batch.files, "href": href, "until": batch.created_at + service::KEPT })
}

/// The page of a batch, or with `.zip` behind it the files.
pub(crate) async fn show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    if let Some(id) = id.strip_suffix(".zip") {
        let package = service::package(&cx, id).await?;
        return Ok(attachment(&format!("{id}.zip"), "application/zip", package));
    }
    let (batch, files) = service::own(&cx, &id).await?;
    cx.page("seals/batch/show.html", shown(&cx, &batch, &files, false))
}

pub(crate) async fn file(cx: Ctx, Path((id, n)): Path<(String, i64)>) -> Result<Response> {
    let (name, media, content) = service::collect(&cx, &id, n - 1).await?;
    Ok(attachment(&name, media, content))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiOrder {
    files: Vec<ApiFile>,
    #[serde(default)]
    purpose: String,
    #[serde(default = "last")]
    page: String,
    #[serde(default = "corner")]
    place: String,
    #[serde(default)]
    x: f64,
    #[serde(default)]
    y: f64,
    #[serde(default)]
    keyword: String,
    #[serde(default = "only")]
    which: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiFile {
    name: String,
    content: String,
}

fn last() -> String {
    "last".into()
}
fn only() -> String {
    CHOICES[0].into()
}
fn corner() -> String {
    PLACES[0].into()
}

pub(crate) async fn api_order(cx: Ctx, Path(id): Path<String>, Body(o): Body<ApiOrder>) -> Result<Response> {
    let mut files = Vec::new();
    for f in o.files {
        let content = STANDARD
            .decode(f.content.as_bytes())
            .map_err(|_| Refusal::new("seals-file-base64"))?;
        files.push((f.name, content));
    }
    let order = Order {
        wanted: Wanted {
            page: o.page,
            place: o.place,
            x: o.x,
            y: o.y,
            keyword: o.keyword,
            which: o.which,
        },
        purpose: o.purpose,
        files,
    };
    let batch = service::order(&cx, &id, &order).await?;
    let (batch, files) = service::own(&cx, &batch).await?;
    Ok(reply_with(StatusCode::ACCEPTED, shown(&cx, &batch, &files, true)))
}

pub(crate) async fn api_show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let (batch, files) = service::own(&cx, &id).await?;
    Ok(reply(shown(&cx, &batch, &files, true)))
}

pub(crate) fn samples() -> Vec<Sample> {
    let seal = json!({ "id": "1", "called": "演示机关 公章" });
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"119pt\" height=\"119pt\" viewBox=\"0 0 9 9\" role=\"img\" aria-label=\"演示\"><path d=\"M1 1L8 1L4 8Z\"/></svg>";
    let form = |batches: Json, refused: Json| {
        json!({ "seal": seal, "picture": svg, "batches": batches, "refused": refused, "most": 200,
            "places": [{ "id": "bottom-right", "label": "右下角" }, { "id": "keyword", "label": "按关键字" }], "choices": [{ "id": "only", "label": "只出现一处" }],
            "typed": { "purpose": "", "page": "last", "number": "", "place": "bottom-right", "x": "", "y": "", "keyword": "", "which": "only" } })
    };
    let show = |state: &str, waiting: i32| {
        json!({ "id": "1", "seal": "1", "state": state, "purpose": "合同", "done": 1, "waiting": waiting, "all": 2 + waiting, "href": (state == "done").then_some("/x.zip"),
            "until": 1_795_500_000_000_i64, "files": if state == "deleted" { json!([]) } else { json!([
                { "name": "合同.pdf", "result": "已签章", "kind": "good", "why": null, "href": "/work/seals/batches/1/files/1" },
                { "name": "通知.ofd", "result": "未签章", "kind": "bad", "why": "文件中没有这个关键字", "href": null },
                { "name": "损坏.pdf", "result": "未签章", "kind": "bad", "why": "文件已损坏", "href": null }]) } })
    };
    let sample = |template, name, data| Sample { template, name, data };
    let before = json!([{ "id": "1", "state": "已完成", "files": 2, "at": 1_795_500_000_000_i64 }]);
    vec![
        sample("seals/batch/form.html", "fresh", form(json!([]), Json::Null)),
        sample(
            "seals/batch/form.html",
            "refused",
            form(before, json!("没有授权")),
        ),
        sample("seals/batch/show.html", "running", show("running", 3)),
        sample("seals/batch/show.html", "done", show("done", 0)),
        sample("seals/batch/show.html", "deleted", show("deleted", 0)),
    ]
}
