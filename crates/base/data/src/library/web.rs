//! Pages of the base library for data stewards, and its JSON API.

use super::model::Source;
use super::service::{self, Outcome, issue_place};
use super::store::{self, Run};
use axum::extract::{Path, Query};
use axum::response::Response;
use kernel::http::{reply, see};
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: usize = 200;

/// A run as pages show it.
fn run_view(run: &Run) -> Json {
    let (quality, kind) = quality(run);
    let (from, to) = run.as_of.clone().unzip();
    json!({
        "at": run.finished_at, "read": run.read, "accepted": run.accepted, "rejected": run.rejected,
        "warned": run.warned, "quality": quality, "kind": kind, "from": from, "to": to,
    })
}

/// Rows without any issue in per cent, with one decimal, and how good that is.
fn quality(run: &Run) -> (String, &'static str) {
    if run.read == 0 {
        return ("–".into(), "plain");
    }
    let per_mille = (run.accepted - run.warned) * 1000 / run.read;
    let kind = match per_mille {
        950.. => "good",
        800..950 => "warn",
        _ => "bad",
    };
    (format!("{}.{} %", per_mille / 10, per_mille % 10), kind)
}

fn source_view(cx: &Ctx, tx: &mut Tx<'_>, s: &Source) -> Result<Json> {
    let authority = identity::api::organisation_name(cx, tx, &s.authority)?;
    Ok(json!({
        "id": s.id, "name": cx.locale.pick(&s.name, &s.name_en), "file": s.file,
        "library": cx.t(&format!("data-library-{}", s.library), &[]),
        "key": s.key, "key_kind": cx.t(&format!("data-rule-{}", s.key_kind.name()), &[]),
        "authority": if authority.is_empty() { &s.authority } else { &authority },
    }))
}

pub(crate) async fn page(cx: Ctx) -> Result<Response> {
    let sources = cx
        .read("data.page", |tx| {
            let mut out = Vec::new();
            for s in store::sources(tx)? {
                let run = match &s.last_run {
                    Some(id) => store::run(tx, id)?,
                    None => None,
                };
                let mut view = source_view(&cx, tx, &s.source)?;
                view["run"] = run.as_ref().map_or(Json::Null, run_view);
                out.push(view);
            }
            Ok(out)
        })
        .await?;
    cx.page(
        "data/library/page.html",
        json!({ "sources": sources, "may_collect": cx.holds(crate::COLLECT) }),
    )
}

#[derive(Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    after: i64,
    /// What the run just asked for did: `new` or `same`.
    done: Option<String>,
}

pub(crate) async fn source(cx: Ctx, Path(id): Path<String>, Query(shown): Query<Shown>) -> Result<Response> {
    let mut data = cx
        .read("data.source", |tx| {
            let stored = store::source(tx, &id)?.ok_or_else(Refusal::not_found)?;
            let elements = store::elements(tx)?;
            let element_name = |id: &str| {
                let found = elements.iter().find(|e| e.id == id);
                found.map_or(id.to_string(), |e| {
                    cx.locale.pick(&e.name, &e.name_en).to_string()
                })
            };
            let rules: Vec<Json> = stored
                .source
                .rules
                .iter()
                .map(|r| {
                    json!({
                        "column": r.column, "element": element_name(&r.element), "severity": r.severity,
                        "rule": cx.t(&format!("data-rule-{}", r.check.name()), &[]),
                    })
                })
                .collect();
            let issues = match &stored.last_run {
                Some(run) => store::issues(tx, run, shown.after, PAGE)?,
                None => Vec::new(),
            };
            let next = issues.last().filter(|_| issues.len() == PAGE).map(|i| i.number);
            let run = stored.last_run.as_deref().unwrap_or_default();
            let mut rows = Vec::new();
            for i in issues {
                let masked = match &i.masked {
                    Some(sealed) => Some(cx.protect().open(&issue_place(run, i.number), sealed)?),
                    None => None,
                };
                let other = i.other.unwrap_or_default().to_string();
                rows.push(json!({
                    "line": i.line, "column": i.column, "severity": i.severity, "masked": masked,
                    "rule": cx.t(&format!("data-rule-{}", i.rule), &[]),
                    "reason": cx.t(&i.reason, &[("line", &other)]),
                }));
            }
            let runs: Vec<Json> = store::runs(tx, &id)?.iter().map(run_view).collect();
            let view = source_view(&cx, tx, &stored.source)?;
            Ok(json!({ "source": view, "rules": rules, "issues": rows, "next": next, "runs": runs }))
        })
        .await?;
    data["done"] = json!(shown.done.as_deref().filter(|d| ["new", "same"].contains(d)));
    data["may_collect"] = json!(cx.holds(crate::COLLECT));
    cx.page("data/library/source.html", data)
}

/// Collects the source's file again.
pub(crate) async fn run(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let done = match service::run(&cx, &id).await? {
        Outcome::Collected => "new",
        Outcome::Unchanged => "same",
    };
    Ok(see(&format!("/work/library/{id}?done={done}")))
}

pub(crate) async fn elements(cx: Ctx) -> Result<Response> {
    let elements = cx.read("data.elements", |tx| Ok(store::elements(tx)?)).await?;
    Ok(reply(json!({ "elements": elements })))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Question {
    subject: String,
    elements: Vec<String>,
    purpose: String,
}

/// What the city holds of a subject, for a purpose that the subject can see.
pub(crate) async fn ask(cx: Ctx, body: String) -> Result<Response> {
    let q: Question = serde_json::from_str(&body).map_err(|_| Refusal::new("kernel-bad-form"))?;
    let values = cx
        .tx("data.ask", |tx| {
            let known = store::elements(tx)?;
            let mut refusal = Refusal::new("data-ask-wrong");
            if q.subject.trim().is_empty() {
                refusal = refusal.field("subject", "data-subject-needed");
            }
            let unknown = q.elements.iter().any(|e| known.iter().all(|k| k.id != *e));
            if q.elements.is_empty() || unknown {
                refusal = refusal.field("elements", "data-elements-needed");
            }
            if q.purpose.trim().is_empty() {
                refusal = refusal.field("purpose", "data-purpose-needed");
            }
            if !refusal.fields.is_empty() {
                return Err(refusal.into());
            }
            cx.ask(tx, &q.subject, &q.elements, &q.purpose)
        })
        .await?;
    Ok(reply(json!({ "values": values })))
}

pub(crate) fn samples() -> Vec<Sample> {
    let run = json!({
        "at": 1_795_000_000_000i64, "read": 40, "accepted": 36, "rejected": 4, "warned": 3,
        "quality": "82.5 %", "kind": "warn", "from": "2019-12-31", "to": "2026-06-30",
    });
    let source = |run: &Json| {
        json!({ "id": "population", "name": "人口", "library": "人口库", "authority": "公安局",
            "file": "a.csv", "run": run, "key": "citizen_id", "key_kind": "公民身份号码" })
    };
    let dateless = json!({
        "at": 1_795_000_000_000i64, "read": 0, "accepted": 0, "rejected": 0, "warned": 0, "quality": "–",
        "kind": "plain", "from": null, "to": null,
    });
    let rule = json!({ "column": "phone", "element": "手机号码", "rule": "手机号", "severity": "warn" });
    let issue = |column: &str, severity: &str, masked: Json| {
        json!({ "line": 3, "column": column, "severity": severity, "masked": masked, "rule": "手机号",
            "reason": "位数不对" })
    };
    vec![
        Sample {
            template: "data/library/page.html",
            name: "empty",
            data: json!({ "sources": [], "may_collect": false }),
        },
        Sample {
            template: "data/library/page.html",
            name: "sources",
            data: json!({
                "sources": [source(&run), source(&dateless), source(&Json::Null)], "may_collect": true,
            }),
        },
        Sample {
            template: "data/library/source.html",
            name: "never collected",
            data: json!({
                "source": source(&Json::Null), "rules": [], "issues": [], "next": null, "runs": [],
                "done": null, "may_collect": false,
            }),
        },
        Sample {
            template: "data/library/source.html",
            name: "with issues",
            data: json!({
                "source": source(&run), "rules": [rule], "next": 200, "runs": [run, dateless], "done": "new",
                "issues": [issue("phone", "warn", json!("199****0001")), issue("", "reject", Json::Null)],
                "may_collect": true,
            }),
        },
        Sample {
            template: "data/library/source.html",
            name: "no change",
            data: json!({
                "source": source(&run), "rules": [], "issues": [], "next": null, "runs": [run],
                "done": "same", "may_collect": true,
            }),
        },
    ]
}
