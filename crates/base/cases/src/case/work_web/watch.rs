//! For those who watch over the work of others: what is overdue or about to be, and who has how much.

use super::{Find, PAGE, pager};
use crate::case::{runtime, store, view};
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::module::Sample;
use kernel::{Ctx, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Open cases in scope that are overdue, or will be within the pack's yellow threshold; the latest first.
pub(crate) async fn overdue(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let scope = cx.scope("cases.case.read");
    let light = if find.light == "red" { "red" } else { "yellow" };
    let by = runtime::due_by(&cx, light)?.unwrap_or_default();
    let mut items = cx
        .read("cases.overdue", |tx| {
            let rows = store::due(tx, &scope, &by, PAGE + 1, find.page.saturating_mul(PAGE))?;
            let mut items = Vec::new();
            for r in rows {
                let mut item = view::row(&cx, &r)?;
                let who = store::waiting(&cx, tx, &r.get::<String>("id")?)?;
                item["tasks"] = who.into();
                items.push(item);
            }
            Ok(items)
        })
        .await?;
    let pager = pager(find.page, items.len());
    items.truncate(PAGE as usize);
    let may_urge = cx.holds("cases.case.urge");
    cx.page(
        "cases/work/overdue.html",
        json!({ "items": items, "pager": pager, "light": light, "may_urge": may_urge }),
    )
}

#[derive(Deserialize)]
pub(crate) struct Days {
    days: Option<u32>,
}

/// One row an office and step: what waits, what is late, what was finished in the last days and how long it took.
async fn load(cx: &Ctx, days: u32) -> Result<Vec<Json>> {
    let scope = cx.scope("cases.workload.read");
    let since = cx.now() - i64::from(days) * 86_400_000;
    let today = cx.today().to_string();
    cx.read("cases.workload", |tx| {
        let mut out = Vec::new();
        for r in store::workload(tx, &scope, since, &today)? {
            let actor: Option<String> = r.get("actor")?;
            let who = match &actor {
                Some(a) => match identity::api::official(cx, tx, a)? {
                    Some(o) => format!("{} {}", o.title, o.name),
                    None => identity::api::post_title(cx, tx, a)?.unwrap_or_default(),
                },
                None => cx.t("cases-workload-nobody", &[]),
            };
            let (done, millis): (i64, i64) = (r.get("done")?, r.get("millis")?);
            let office = identity::api::organisation_at(tx, &r.get::<String>("org_path")?)?;
            out.push(json!({
                "office": office.map(|o| o.short), "who": who, "open": r.get::<i64>("open")?,
                "late": r.get::<i64>("late")?, "done": done,
                "hours": (done > 0).then(|| (millis as f64 / done as f64 / 360_000.0).round() / 10.0),
            }));
        }
        Ok(out)
    })
    .await
}

pub(crate) async fn workload(cx: Ctx, Query(q): Query<Days>) -> Result<Response> {
    let days = q.days.unwrap_or(30).clamp(1, 366);
    let rows = load(&cx, days).await?;
    cx.page("cases/work/workload.html", json!({ "rows": rows, "days": days }))
}

/// The same as a file for a spreadsheet; a cell never begins like a formula.
pub(crate) async fn workload_csv(cx: Ctx, Query(q): Query<Days>) -> Result<Response> {
    let days = q.days.unwrap_or(30).clamp(1, 366);
    let mut text = String::from("\u{feff}");
    let heads =
        ["office", "who", "open", "late", "done", "hours"].map(|k| cx.t(&format!("cases-workload-{k}"), &[]));
    text.push_str(&heads.join(","));
    text.push_str("\r\n");
    for row in load(&cx, days).await? {
        let cells: Vec<String> = ["office", "who", "open", "late", "done", "hours"]
            .iter()
            .map(|k| match &row[*k] {
                Json::String(s) => {
                    let safe = s.trim_start_matches(['=', '+', '-', '@', '\t']);
                    format!("\"{}\"", safe.replace('"', "\"\""))
                }
                Json::Null => String::new(),
                other => other.to_string(),
            })
            .collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"workload.csv\"",
        ),
    ];
    Ok((headers, text).into_response())
}

pub(crate) fn samples() -> Vec<Sample> {
    let due = json!({ "light": "red", "text": "超期 1 个工作日", "on": "2026-11-20", "provisional": false, "phase": "办理" });
    let item = json!({ "id": "1", "number": "2026-OR-000001", "matter": "示例", "due": due, "submitted_at": 1,
        "state": { "kind": "info", "text": "审查中" }, "tasks": [{ "name": "审查", "office": "城管局", "urged": 1 }] });
    let row = json!({ "office": "城管局", "who": "城管局 审查 演示", "open": 3, "late": 1, "done": 5, "hours": 7.5 });
    let unknown =
        json!({ "office": null, "who": "尚无人办理", "open": 3, "late": 0, "done": 0, "hours": null });
    let pager = json!({ "page": 0, "previous": null, "next": null });
    let overdue = |name, items: Json| Sample {
        template: "cases/work/overdue.html",
        name,
        data: json!({ "items": items, "pager": pager, "light": "yellow", "may_urge": true }),
    };
    let workload = |name, rows: Json| Sample {
        template: "cases/work/workload.html",
        name,
        data: json!({ "rows": rows, "days": 30 }),
    };
    vec![
        overdue("empty", json!([])),
        overdue("one", json!([item])),
        workload("empty", json!([])),
        workload("some", json!([row, unknown])),
    ]
}
