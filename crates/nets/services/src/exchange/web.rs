//! Export, import, and the reports of imports.

use super::{model, service};
use crate::edition::web::{Find, found, pager};
use crate::edition::{model::unit_name, service as editions, store as edition_store, view};
use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{attachment, see};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The matters of the filter as a file; `state=none` is the empty form to fill in.
pub(crate) async fn export(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let english = view::english(&cx);
    let rows = cx
        .read("services.export", |tx| {
            let mut rows = vec![model::headings(english)];
            if find.state == "none" {
                return Ok(rows);
            }
            for m in found(&cx, tx, &find)?.0 {
                let (id, version) = (
                    m["id"].as_str().unwrap_or_default(),
                    m["version"].as_i64().unwrap_or(0),
                );
                if let Some(content) = edition_store::version(tx, id, version)? {
                    rows.push(model::cells(&content.sheet, english));
                }
            }
            Ok(rows)
        })
        .await?;
    file(&cx, &cx.t("services-export-name", &[]), &find.format, &rows)
}

fn file(cx: &Ctx, name: &str, format: &str, rows: &[Vec<String>]) -> Result<Response> {
    let day = cx.today();
    Ok(match format {
        "xlsx" => {
            let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            attachment(&format!("{name}-{day}.xlsx"), kind, model::to_xlsx(rows, name)?)
        }
        _ => attachment(
            &format!("{name}-{day}.csv"),
            "text/csv; charset=utf-8",
            model::to_csv(rows)?,
        ),
    })
}

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    list_page(&cx, StatusCode::OK, "").await
}

async fn list_page(cx: &Ctx, status: StatusCode, refused: &str) -> Result<Response> {
    let items: Vec<Json> = cx
        .read("services.imports", |tx| service::own(cx, tx))
        .await?
        .into_iter()
        .map(|i| json!({ "id": i.id, "file": i.file, "total": i.total, "good": i.good, "bad": i.bad, "at": i.at }))
        .collect();
    cx.page_with(
        status,
        "services/exchange/list.html",
        json!({ "items": items, "refused": refused, "max_rows": model::MAX_ROWS, "max_bytes": model::MAX_BYTES }),
    )
}

pub(crate) async fn import(cx: Ctx, mut form: Multipart) -> Result<Response> {
    let bad = |e: axum::extract::multipart::MultipartError| {
        let large = e.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let key = if large {
            "kernel-too-large"
        } else {
            "kernel-bad-form"
        };
        Problem::from(Refusal::new(key).status(e.status().as_u16()))
    };
    let (mut name, mut bytes) = (String::new(), Vec::new());
    while let Some(field) = form.next_field().await.map_err(bad)? {
        if field.name() == Some("file") {
            name = field.file_name().unwrap_or_default().to_string();
            bytes = field.bytes().await.map_err(bad)?.to_vec();
        }
    }
    match service::import(&cx, &name, &bytes).await {
        Ok(id) => Ok(see(&format!("/work/matters/imports/{id}"))),
        Err(Problem::Refusal(r)) if r.status == 422 => {
            list_page(&cx, StatusCode::UNPROCESSABLE_ENTITY, &cx.says(&r)).await
        }
        Err(e) => Err(e),
    }
}

/// The rows of a report in the reader's language.
fn rows(cx: &Ctx, report: &Json) -> Vec<Json> {
    let english = view::english(cx);
    let names = |list: &Json| -> String {
        let names = list.as_array().into_iter().flatten().filter_map(Json::as_str);
        let names: Vec<String> = names.map(|n| unit_name(n, english)).collect();
        names.join(if english { ", " } else { "、" })
    };
    let wrong = |w: &Json| {
        let args: Vec<(&str, &str)> = w["args"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
            .collect();
        json!({ "column": unit_name(w["field"].as_str().unwrap_or_default(), english),
            "text": cx.t(w["key"].as_str().unwrap_or_default(), &args) })
    };
    let list = report["rows"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|r| {
            let wrongs: Vec<Json> = r["wrongs"].as_array().into_iter().flatten().map(wrong).collect();
            let fields = if r["outcome"] == "changed" { names(&r["fields"]) } else { String::new() };
            json!({ "row": r["row"], "id": r["id"], "title": r["title"], "outcome": r["outcome"], "fields": fields,
                "edition": r["edition"], "wrongs": wrongs })
        })
        .collect()
}

const PAGE: usize = 50;

#[derive(Deserialize, Default)]
pub(crate) struct Look {
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    page: usize,
}

pub(crate) async fn show(cx: Ctx, Path(id): Path<String>, Query(look): Query<Look>) -> Result<Response> {
    let i = cx
        .read("services.import-report", |tx| service::find(&cx, tx, &id))
        .await?;
    let all = rows(&cx, &i.report);
    let outcomes: Vec<Json> = ["", "new", "changed", "same", "wrong"]
        .iter()
        .map(|o| json!({ "id": o, "n": all.iter().filter(|r| o.is_empty() || r["outcome"] == **o).count() }))
        .filter(|o| o["id"] == "" || o["n"] != 0)
        .collect();
    let fits = |r: &Json| look.outcome.is_empty() || r["outcome"] == look.outcome;
    let chosen: Vec<Json> = all.into_iter().filter(fits).collect();
    let page = look.page.min(chosen.len().saturating_sub(1) / PAGE);
    let pager = pager(page, chosen.len(), PAGE);
    let shown: Vec<Json> = chosen.into_iter().skip(page * PAGE).take(PAGE).collect();
    cx.page(
        "services/exchange/report.html",
        json!({ "id": i.id, "file": i.file, "total": i.total, "good": i.good, "bad": i.bad, "at": i.at,
            "unknown": i.report["unknown"], "rows": shown, "outcomes": outcomes, "outcome": look.outcome, "pager": pager,
            "may_edit": cx.holds(editions::EDIT) }),
    )
}

pub(crate) async fn report(cx: Ctx, Path(id): Path<String>, Query(find): Query<Find>) -> Result<Response> {
    let i = cx
        .read("services.import-report", |tx| service::find(&cx, tx, &id))
        .await?;
    let head = ["row", "matter", "name-column", "outcome", "column", "problem"];
    let mut out = vec![head.map(|h| cx.t(&format!("services-report-{h}"), &[])).to_vec()];
    for r in rows(&cx, &i.report) {
        let text = |name: &str| r[name].as_str().map_or_else(|| r[name].to_string(), String::from);
        let outcome = cx.t(&format!("services-outcome-{}", text("outcome")), &[]);
        let start = vec![text("row"), text("id"), text("title"), outcome];
        let wrongs = r["wrongs"].as_array().cloned().unwrap_or_default();
        if wrongs.is_empty() {
            let mut line = start;
            line.extend([text("fields"), String::new()]);
            out.push(line);
            continue;
        }
        for w in wrongs {
            let mut line = start.clone();
            line.extend(["column", "text"].map(|k| w[k].as_str().unwrap_or_default().to_string()));
            out.push(line);
        }
    }
    file(&cx, &cx.t("services-report-name", &[]), &find.format, &out)
}

pub(crate) fn samples() -> Vec<Sample> {
    let item = json!({ "id": "i", "file": "事项.xlsx", "total": 3, "good": 2, "bad": 1, "at": 1 });
    let list = |items: Json, refused: &str| json!({ "items": items, "refused": refused, "max_rows": 500, "max_bytes": model::MAX_BYTES });
    let row = |outcome: &str, edition: Json, wrongs: Json| json!({ "row": 2, "id": "m", "title": "示例", "outcome": outcome, "fields": "事项名称", "edition": edition, "wrongs": wrongs });
    let report = |rows: Json, unknown: Json, bad: i64| {
        json!({ "id": "i", "file": "事项.xlsx", "total": 3, "good": 2, "bad": bad,
        "at": 1, "unknown": unknown, "rows": rows, "outcomes": [{ "id": "", "n": 3 }, { "id": "wrong", "n": bad }],
        "outcome": "", "pager": pager(0, 60, PAGE), "may_edit": true })
    };
    let rows = json!([
        row("new", json!("e"), json!([])),
        row("changed", json!("e"), json!([])),
        row("same", Json::Null, json!([])),
        row(
            "wrong",
            Json::Null,
            json!([{ "column": "承诺时限", "text": "填整数" }])
        )
    ]);
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("services/exchange/list.html", "none", list(json!([]), "")),
        sample(
            "services/exchange/list.html",
            "refused",
            list(json!([item]), "读不出来"),
        ),
        sample(
            "services/exchange/report.html",
            "mixed",
            report(rows, json!(["备注"]), 1),
        ),
        sample(
            "services/exchange/report.html",
            "good",
            report(json!([]), json!([]), 0),
        ),
    ]
}
