//! The page behind the figures of the home page, and those figures.

use super::store;
use crate::matter::service;
use axum::extract::Query;
use axum::response::Response;
use kernel::module::{HomeFigure, Sample};
use kernel::{Ctx, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const DAY: i64 = 86_400_000;
/// Days that "lately" means.
const LATELY: i64 = 30;

/// What the home page shows of this net.
pub(crate) const FIGURES: [HomeFigure; 2] = [
    HomeFigure {
        title: "services-ledger-accepted",
        href: "/services/cases",
        order: 10,
        read: |cx, tx| {
            let n = store::accepted(tx, midnight(cx))?;
            Ok((thousands(n), cx.t("services-ledger-accepted-unit", &[])))
        },
    },
    HomeFigure {
        title: "services-ledger-time",
        href: "/services/cases?show=ended",
        order: 11,
        read: |cx, tx| match median(cx, tx)? {
            (n, Some(days)) => Ok((days, cx.t("services-ledger-time-unit", &[("n", &thousands(n))]))),
            _ => Ok(("—".into(), cx.t("services-ledger-time-none", &[]))),
        },
    },
];

/// The beginning of today in the city's zone.
fn midnight(cx: &Ctx) -> i64 {
    let zone = jiff::tz::TimeZone::get(cx.app.city["zone"].as_str().unwrap_or("Asia/Shanghai"))
        .unwrap_or(jiff::tz::TimeZone::UTC);
    cx.today()
        .to_zoned_datetime(zone)
        .map_or(cx.now(), |z| z.timestamp().as_millisecond())
}

fn thousands(n: i64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// How many were decided lately, and the middle of their times in days.
fn median(cx: &Ctx, tx: &mut Tx<'_>) -> Result<(i64, Option<String>)> {
    let since = cx.now() - LATELY * DAY;
    let n = store::ended(tx, since)?;
    let took = if n == 0 {
        None
    } else {
        store::median(tx, since, n)?
    };
    Ok((n, took.map(|ms| format!("{:.1}", ms as f64 / DAY as f64))))
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    show: String,
    before: Option<i64>,
}

pub(crate) async fn list(cx: Ctx, Query(asked): Query<Asked>) -> Result<Response> {
    let ended = asked.show == "ended";
    let before = asked.before.unwrap_or(i64::MAX);
    let data = cx
        .read("services.ledger", |tx| {
            let since = cx.now() - LATELY * DAY;
            let today = store::accepted(tx, midnight(&cx))?;
            let (lately, middle) = median(&cx, tx)?;
            let mut rows = match ended {
                true => store::ended_rows(tx, since, before)?,
                false => store::accepted_rows(tx, midnight(&cx), before)?,
            };
            let more = rows.len() as i64 > store::PAGE;
            rows.truncate(store::PAGE as usize);
            let titles: std::collections::HashMap<String, String> = service::all(tx)?
                .into_iter()
                .map(|s| (s.id.clone(), cx.locale.pick(&s.title, &s.title_en).to_string()))
                .collect();
            let mut older = None;
            let mut items = Vec::new();
            for r in &rows {
                let (matter, organisation): (String, String) = (r.get("matter")?, r.get("organisation")?);
                let (accepted, done): (i64, Option<i64>) = (r.get("accepted_at")?, r.get("ended_at")?);
                older = Some(r.get::<i64>("at")?).filter(|_| more);
                let state: String = r.get("state")?;
                items.push(json!({
                    "number": r.get::<Option<String>>("number")?, "title": titles.get(&matter).cloned().unwrap_or(matter),
                    "organisation": identity::api::organisation_name(&cx, tx, &organisation)?,
                    "state": cx.t(&format!("services-ledger-state-{state}"), &[]),
                    "kind": match state.as_str() { "granted" => "good", "refused" => "bad", "correcting" | "suspended" => "warn", _ => "info" },
                    "accepted_at": accepted, "ended_at": done,
                    "days": done.map(|d| format!("{:.1}", (d - accepted) as f64 / DAY as f64)),
                    "on_time": r.get::<Option<i64>>("on_time")?.map(|n| n == 1),
                }));
            }
            Ok(json!({ "ended": ended, "items": items, "older": older, "today": thousands(today), "lately": thousands(lately),
                "median": middle }))
        })
        .await?;
    cx.page("services/ledger/list.html", data)
}

pub(crate) fn samples() -> Vec<Sample> {
    let row = json!({ "number": "2026-OR-000001", "title": "示例事项", "organisation": "示例部门", "state": "准予", "kind": "good",
        "accepted_at": 1_795_000_000_000i64, "ended_at": 1_795_300_000_000i64, "days": "3.5", "on_time": true });
    let mut open = row.clone();
    for key in ["ended_at", "days", "on_time"] {
        open[key] = Json::Null;
    }
    let page = |ended: bool, items: Json, older: Json| json!({ "ended": ended, "items": items, "older": older, "today": "1", "lately": "1", "median": "3.5" });
    let sample = |name, data| Sample {
        template: "services/ledger/list.html",
        name,
        data,
    };
    vec![
        sample("nothing today", page(false, json!([]), Json::Null)),
        sample("today", page(false, json!([open]), json!(1))),
        sample("lately", page(true, json!([row]), Json::Null)),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn groups_of_three_digits() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (20_418_337, "20,418,337"),
        ] {
            assert_eq!(super::thousands(n), text);
        }
    }
}
