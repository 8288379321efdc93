//! The use log as its readers see it: filtered, by pages, as a file.

use super::store::{self, Find, Use};
use crate::run::model::ACTIONS;
use axum::extract::Query;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::ctx::{Scope, Term};
use kernel::module::Sample;
use kernel::{Ctx, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 50;
/// Rows of one file.
const FILE: usize = 20_000;
const DAY: i64 = 86_400_000;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    alias: String,
    actor: String,
    operation: String,
    result: String,
    from: String,
    until: String,
    before: String,
}

impl Asked {
    fn find(&self, cx: &Ctx) -> Find {
        let word = |text: &str| text.trim().replace('\0', "");
        Find {
            alias: word(&self.alias),
            actor: word(&self.actor),
            operation: word(&self.operation),
            result: word(&self.result),
            from: begin_of(cx, &self.from).unwrap_or(0),
            until: begin_of(cx, &self.until).map_or(i64::MAX, |t| t + DAY),
            before: word(&self.before),
        }
    }
    /// The same as a query, without the page.
    fn query(&self) -> String {
        [
            ("alias", &self.alias),
            ("actor", &self.actor),
            ("operation", &self.operation),
            ("result", &self.result),
            ("from", &self.from),
            ("until", &self.until),
        ]
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(k, v)| format!("{k}={}", kernel::http::percent(v)))
        .collect::<Vec<_>>()
        .join("&")
    }
}

/// The city's time zone.
pub(crate) fn zone(cx: &Ctx) -> jiff::tz::TimeZone {
    let name = cx.app.city["zone"].as_str().unwrap_or("Asia/Shanghai");
    jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
}

/// The first instant of a legal day.
fn begin_of(cx: &Ctx, day: &str) -> Option<i64> {
    let day: jiff::civil::Date = day.parse().ok()?;
    Some(zone(cx).to_timestamp(day.at(0, 0, 0, 0)).ok()?.as_millisecond())
}

/// Who holds the permission at the root of the tree sees also what belongs to no key.
fn sees_keyless(scope: &Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::None => false,
        Scope::Any(terms) => terms
            .iter()
            .any(|t| matches!(t, Term::Within { org_path, .. } if org_path.matches('/').count() <= 2)),
    }
}

async fn rows(cx: &Ctx, find: &Find, limit: u32) -> Result<Vec<(Use, String)>> {
    let scope = cx.scope(crate::LOG);
    cx.read("cipher.uses", |tx| {
        let found = store::list(tx, &scope, sees_keyless(&scope), find, limit)?;
        let mut names = std::collections::BTreeMap::new();
        let mut out = Vec::with_capacity(found.len());
        for u in found {
            let name = match names.get(&u.actor) {
                Some(name) => String::clone(name),
                None => {
                    let name = crate::key::web::who(cx, tx, &u.actor)?;
                    names.insert(u.actor.clone(), name.clone());
                    name
                }
            };
            out.push((u, name));
        }
        Ok(out)
    })
    .await
}

/// A result in the reader's words.
fn said(cx: &Ctx, result: &str) -> String {
    match result {
        "done" | "partial" | "invalid" | "fault" => cx.t(&format!("cipher-result-{result}"), &[]),
        key => cx.t(key, &[]),
    }
}

/// A row as pages show it.
pub(crate) fn shown(cx: &Ctx, u: &Use, name: &str) -> Json {
    let kind = match u.result.as_str() {
        "done" => "good",
        "partial" | "invalid" => "warn",
        _ => "bad",
    };
    let digest = u.digest.split(' ').next().unwrap_or_default();
    json!({ "at": u.at, "actor": u.actor, "who": name, "alias": u.alias, "version": u.version,
        "operation": cx.t(&format!("cipher-action-{}", u.operation), &[]), "items": u.items, "failed": u.failed, "size": u.size,
        "digest": digest, "kind": kind, "result": said(cx, &u.result), "request": u.request })
}

pub(crate) async fn page(cx: Ctx, Query(asked): Query<Asked>) -> Result<Response> {
    let mut found = rows(&cx, &asked.find(&cx), PAGE + 1).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let older = found.last().filter(|_| more).map(|(u, _)| u.id.clone());
    let items: Vec<Json> = found.iter().map(|(u, name)| shown(&cx, u, name)).collect();
    let operations: Vec<Json> = ACTIONS
        .iter()
        .map(|a| a.name())
        .chain(["hash", "timestamp"])
        .map(|name| json!({ "id": name, "label": cx.t(&format!("cipher-action-{name}"), &[]) }))
        .collect();
    let data = json!({ "items": items, "older": older, "operations": operations, "query": asked.query(),
        "find": { "alias": asked.alias, "actor": asked.actor, "operation": asked.operation, "result": asked.result,
            "from": asked.from, "until": asked.until } });
    cx.page("cipher/usage/log.html", data)
}

/// The same as a file (RFC 4180, with a byte order mark for spreadsheets); a cell never begins like a formula.
pub(crate) async fn csv(cx: Ctx, Query(asked): Query<Asked>) -> Result<Response> {
    let heads = [
        "at",
        "who",
        "actor",
        "alias",
        "version",
        "operation",
        "items",
        "failed",
        "size",
        "digest",
        "result",
        "request",
    ];
    let mut text = String::from("\u{feff}");
    text += &heads
        .map(|h| cell(&cx.t(&format!("cipher-use-{h}"), &[])))
        .join(",");
    text += "\r\n";
    let (mut find, mut n) = (asked.find(&cx), 0);
    loop {
        let found = rows(&cx, &find, 500).await?;
        let Some((last, _)) = found.last() else { break };
        find.before = last.id.clone();
        for (u, name) in &found {
            let at = jiff::Timestamp::from_millisecond(u.at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let cells = [
                at.to_string(),
                name.clone(),
                u.actor.clone(),
                u.alias.clone(),
                u.version.to_string(),
                u.operation.clone(),
                u.items.to_string(),
                u.failed.to_string(),
                u.size.to_string(),
                u.digest.clone(),
                u.result.clone(),
                u.request.clone(),
            ];
            text += &cells.map(|c| cell(&c)).join(",");
            text += "\r\n";
        }
        n += found.len();
        if n >= FILE {
            break;
        }
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"key-uses.csv\"",
        ),
    ];
    Ok((headers, text).into_response())
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// A row for samples.
pub(crate) fn sample_row(kind: &str) -> Json {
    json!({ "at": 1_795_000_000_000i64, "actor": "client:0a", "who": "演示停车系统", "alias": "shi/parking", "version": 2,
        "operation": "签名", "items": 3, "failed": 0, "size": 1200, "digest": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        "kind": kind, "result": "完成", "request": "01890000-0000-7000-8000-000000000000" })
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |name, items: Json, older: Json| Sample {
        template: "cipher/usage/log.html",
        name,
        data: json!({ "items": items, "older": older, "operations": [{ "id": "sign", "label": "签名" }], "query": "alias=shi/parking",
            "find": { "alias": "shi/parking", "actor": "", "operation": "sign", "result": "", "from": "", "until": "" } }),
    };
    vec![
        sample("none", json!([]), Json::Null),
        sample(
            "some",
            json!([sample_row("good"), sample_row("bad")]),
            json!("01"),
        ),
    ]
}
