//! The administrator's view of deliveries, and the receipts of adapters.

use super::model::State;
use super::service::{self, may};
use super::store::{self, Search};
use crate::rules::Channel;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::http::reply;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 50;
/// The figures are of so many days.
const DAYS: i64 = 7;
/// So many can be sent again at once.
const BATCH: usize = 100;

#[derive(Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    state: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    before: String,
}

/// The instant a legal day of the city begins; `next` for the day after it.
fn midnight(cx: &Ctx, day: &str, next: bool) -> Result<Option<i64>> {
    if day.is_empty() {
        return Ok(None);
    }
    let wrong = || Refusal::new("comms-date-wrong").arg("date", day);
    let date: jiff::civil::Date = day.parse().map_err(|_| wrong())?;
    let date = if next {
        date.tomorrow().map_err(|_| wrong())?
    } else {
        date
    };
    let zone = service::local(cx, cx.now()).time_zone().clone();
    let start = zone.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| wrong())?;
    Ok(Some(start.as_millisecond()))
}

fn options(cx: &Ctx, names: &[&str], what: &str) -> Vec<Json> {
    names
        .iter()
        .map(|n| json!({ "id": n, "label": cx.t(&format!("comms-{what}-{n}"), &[]) }))
        .collect()
}

pub(crate) async fn list(cx: Ctx, Query(q): Query<Filter>) -> Result<Response> {
    may(&cx, crate::READ)?;
    let search = Search {
        state: State::parse(&q.state).map_or("", State::name).into(),
        channel: Channel::parse(&q.channel).map_or("", Channel::name).into(),
        from: midnight(&cx, &q.from, false)?,
        until: midnight(&cx, &q.until, true)?,
        before: q.before.clone(),
    };
    let since = cx.now() - DAYS * 24 * 3_600_000;
    let (items, next, counts, (listed, read)) = cx
        .read("comms.deliveries", |tx| {
            let mut found = store::search(tx, &search, PAGE + 1)?;
            let more = found.len() > PAGE as usize;
            found.truncate(PAGE as usize);
            let next = found.last().filter(|_| more).map(|(d, _)| d.id.clone());
            let mut items = Vec::new();
            for (d, kind) in &found {
                let reason = d.reason.as_ref().map(|r| cx.t(&format!("comms-reason-{r}"), &[]));
                items.push(json!({
                    "id": d.id, "kind": kind, "at": d.created_at, "channel": cx.t(&format!("comms-channel-{}", d.channel.name()), &[]),
                    "address": service::shown_address(&cx, tx, d)?, "state": cx.t(&format!("comms-state-{}", d.state.name()), &[]),
                    "tag": d.state.tag(), "attempts": d.attempts, "reason": reason, "detail": d.detail, "next": d.next_at,
                    "sent": d.sent_at, "delivered": d.delivered_at,
                    "again": matches!(d.state, State::Failed | State::GivenUp),
                }));
            }
            Ok((items, next, store::statistics(tx, since)?, store::read_rate(tx, since)?))
        })
        .await?;
    let states: Vec<&str> = State::ALL.iter().map(|s| s.name()).collect();
    let channels: Vec<&str> = Channel::ALL.iter().map(|c| c.name()).collect();
    let rows: Vec<Json> = channels
        .iter()
        .map(|c| {
            let of = |s: &str| {
                counts
                    .iter()
                    .find(|(ch, st, _)| ch == c && st == s)
                    .map_or(0, |(_, _, n)| *n)
            };
            let cells: Vec<Json> = states.iter().map(|s| json!({ "state": s, "n": of(s) })).collect();
            json!({ "id": c, "channel": cx.t(&format!("comms-channel-{c}"), &[]), "cells": cells })
        })
        .collect();
    cx.page(
        "comms/delivery/list.html",
        json!({ "items": items, "next": next, "rows": rows, "states": options(&cx, &states, "state"),
            "channels": options(&cx, &channels, "channel"), "state": search.state, "channel": search.channel, "from": q.from,
            "until": q.until, "listed": listed, "read": read, "days": DAYS, "may_resend": cx.holds(crate::RESEND),
            "may_hooks": cx.holds(crate::HOOKS), "demo": cx.app.config.demo }),
    )
}

/// One or many again; each with its own result.
pub(crate) async fn resend(cx: Ctx, Form(fields): Form<Vec<(String, String)>>) -> Result<Response> {
    let ids: Vec<&String> = fields.iter().filter(|(k, _)| k == "id").map(|(_, v)| v).collect();
    if ids.is_empty() {
        return Err(Refusal::new("comms-resend-none").into());
    }
    if ids.len() > BATCH {
        return Err(Refusal::new("comms-resend-many").arg("max", BATCH).into());
    }
    let mut results = Vec::new();
    for id in ids {
        let (good, text) = match service::resend(&cx, id).await {
            Ok(()) => (true, cx.t("comms-resend-done", &[])),
            Err(Problem::Refusal(r)) if r.status == 404 => (false, cx.t("comms-resend-unknown", &[])),
            Err(Problem::Refusal(r)) => (false, cx.t(&r.key, &[])),
            Err(fault) => return Err(fault),
        };
        results.push(json!({ "id": id, "good": good, "text": text }));
    }
    cx.page("comms/delivery/resent.html", json!({ "results": results }))
}

#[derive(Deserialize)]
pub(crate) struct Before {
    #[serde(default)]
    before: String,
}

/// Only a demonstration has a sink; elsewhere there is no such page.
pub(crate) async fn sink(cx: Ctx, Query(q): Query<Before>) -> Result<Response> {
    may(&cx, crate::READ)?;
    if !cx.app.config.demo {
        return Err(Refusal::not_found().into());
    }
    let (items, next) = cx
        .read("comms.sink", |tx| {
            let mut found = store::sink(tx, &q.before, PAGE + 1)?;
            let more = found.len() > PAGE as usize;
            found.truncate(PAGE as usize);
            let items = found
                .iter()
                .map(|r| service::sunk(&cx, r))
                .collect::<Result<Vec<Json>>>()?;
            let next = items.last().filter(|_| more).map(|i| i["id"].clone());
            Ok((items, next))
        })
        .await?;
    cx.page(
        "comms/delivery/sink.html",
        json!({ "items": items, "next": next }),
    )
}

pub(crate) async fn receipts(
    cx: Ctx,
    Path(adapter): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<Response> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let (time, signature) = (header("x-yiwang-timestamp"), header("x-yiwang-signature"));
    let changed = service::receipts(&cx, &adapter, time, signature, &body).await?;
    Ok(reply(json!({ "changed": changed })))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data| Sample { template, name, data };
    let item = |state: &str, tag: &str, reason: Json, again: bool| {
        json!({ "id": "d", "kind": "case-submitted", "at": 1_795_500_000_000i64, "channel": "短信", "address": "199****0001",
            "state": state, "tag": tag, "attempts": 3, "reason": reason, "detail": null, "next": if again { json!(1_795_500_060_000i64) } else { Json::Null },
            "sent": null, "delivered": null, "again": again })
    };
    let list = |items: Json, n: i64, next: Json| {
        json!({ "items": items, "next": next, "rows": [{ "id": "sms", "channel": "短信", "cells": [{ "state": "failed", "n": n }] }],
            "states": [{ "id": "failed", "label": "待重试" }], "channels": [{ "id": "sms", "label": "短信" }], "state": "", "channel": "sms",
            "from": "", "until": "", "listed": n, "read": n, "days": 7, "may_resend": true, "may_hooks": true, "demo": true })
    };
    let failed = item("待重试", "warn", json!("对方没有响应"), true);
    let done = item("已送达", "good", Json::Null, false);
    let kept = json!({ "id": "d", "channel": "短信", "address": "199****0001", "text": "【演示】您的申请已收到。", "at": 1 });
    vec![
        sample(
            "comms/delivery/list.html",
            "empty",
            list(json!([]), 0, Json::Null),
        ),
        sample(
            "comms/delivery/list.html",
            "some",
            list(json!([failed, done]), 2, json!("d")),
        ),
        sample(
            "comms/delivery/resent.html",
            "mixed",
            json!({ "results": [{ "id": "a", "good": true, "text": "已重新发送" }, { "id": "b", "good": false, "text": "已送达，无需重发" }] }),
        ),
        sample(
            "comms/delivery/sink.html",
            "empty",
            json!({ "items": [], "next": null }),
        ),
        sample(
            "comms/delivery/sink.html",
            "one",
            json!({ "items": [kept], "next": "d" }),
        ),
    ]
}
