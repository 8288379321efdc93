//! The page of a key.

use super::policy::granted;
use super::{Alias, alias_of, page, seen, shown, who, word};
use crate::key::model::{Key, State, Version};
use crate::key::store;
use crate::usage::store as usage_store;
use crate::usage::web as usage;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::{Ctx, Result};
use serde_json::{Value as Json, json};

/// Days of the chart.
const CHART: i64 = 30;
const DAY: i64 = 86_400_000;

/// What the page of a key is made of.
struct Seen {
    key: Key,
    organisation: String,
    versions: Vec<Version>,
    grants: Vec<Json>,
    days: Vec<(i64, i64, i64)>,
    uses: Vec<Json>,
}

/// Milliseconds by which the city's days differ from those of UTC now.
fn shift(cx: &Ctx) -> i64 {
    let now = jiff::Timestamp::from_millisecond(cx.now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    i64::from(usage::zone(cx).to_offset(now).seconds()) * 1000
}

/// Columns of the last days, drawn by the server: x, heights and what is told.
fn chart(cx: &Ctx, days: &[(i64, i64, i64)]) -> Json {
    let today = (cx.now() + shift(cx)).div_euclid(DAY);
    let most = days.iter().map(|d| d.1).max().unwrap_or(0).max(1);
    let columns: Vec<Json> = (0..CHART)
        .map(|i| {
            let day = today - CHART + 1 + i;
            let (n, bad) = days.iter().find(|d| d.0 == day).map_or((0, 0), |d| (d.1, d.2));
            let high = |n: i64| (n * 100 + most - 1) / most;
            let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day));
            json!({ "x": i * 20 + 2, "height": high(n), "y": 110 - high(n), "bad": high(bad), "bad_y": 110 - high(bad),
                "title": cx.t("cipher-chart-day", &[("day", &date.to_string()), ("n", &n.to_string()), ("bad", &bad.to_string())]) })
        })
        .collect();
    let total: i64 = days.iter().map(|d| d.1).sum();
    json!({ "columns": columns, "most": most, "total": total })
}

pub(crate) async fn show(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    let logs = cx.holds(crate::LOG);
    let from = ((cx.now() + shift(&cx)).div_euclid(DAY) - CHART + 1) * DAY - shift(&cx);
    let scope = cx.scope(crate::LOG);
    let s = cx
        .read("cipher.show", |tx| {
            let key = seen(&cx, tx, &alias)?;
            let find = usage_store::Find {
                alias: alias.clone(),
                until: i64::MAX,
                ..Default::default()
            };
            let mut uses = Vec::new();
            if logs {
                for u in usage_store::list(tx, &scope, false, &find, 10)? {
                    let name = who(&cx, tx, &u.actor)?;
                    uses.push(usage::shown(&cx, &u, &name));
                }
            }
            Ok(Seen {
                organisation: identity::api::organisation_name(&cx, tx, &key.organisation)?,
                versions: store::versions(tx, &key.id, 1)?,
                grants: granted(&cx, tx, &key)?,
                days: usage_store::by_day(tx, &key.id, from, shift(&cx))?,
                uses,
                key,
            })
        })
        .await?;
    let versions: Vec<Json> = s
        .versions
        .iter()
        .take(20)
        .map(|v| {
            let state = match v.number {
                _ if v.sealed.is_none() => "destroyed",
                n if n == s.key.newest => "newest",
                n if n < s.key.least => "old",
                _ => "kept",
            };
            json!({ "number": v.number, "state": word(&cx, "version", state), "used": v.used, "created_at": v.created_at, "public": v.public })
        })
        .collect();
    let manages = cx.may(crate::MANAGE, &s.key.resource()).is_ok();
    let uses = cx.may(crate::USE, &s.key.resource()).is_ok();
    let data = json!({ "key": shown(&cx, &s.key), "organisation": s.organisation, "versions": versions, "grants": s.grants,
        "older_versions": s.versions.len() > 20, "chart": chart(&cx, &s.days), "uses": s.uses, "logs": logs, "manages": manages,
        "tries": uses && s.key.state == State::Active });
    page(&cx, StatusCode::OK, "cipher/key/show.html", data)
}
