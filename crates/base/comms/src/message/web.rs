//! A person's messages and wishes.

use super::model::Message;
use super::{service, store};
use crate::api::Ports;
use crate::message::model::masked;
use crate::rules::{Channel, Rules};
use crate::settings::Settings;
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Locale, Problem, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

const PAGE: u32 = 20;

#[derive(Deserialize)]
pub(crate) struct Paging {
    #[serde(default)]
    before: String,
    #[serde(default)]
    unread: String,
}

fn shown(cx: &Ctx, rules: &Rules, m: &Message) -> Json {
    json!({ "id": m.id, "subject": m.say(&cx.app, cx.locale, "subject"), "body": m.say(&cx.app, cx.locale, "body"),
        "group": rules.group_title(&m.group, cx.locale), "urgent": m.urgent, "read": m.read_at.is_some(),
        "link": m.link, "at": m.created_at })
}

/// For whom and by whom, when it is not the reader's own.
fn parties(cx: &Ctx, tx: &mut Tx<'_>, me: &str, m: &Message) -> Result<Json> {
    let ports = cx.service::<Ports>()?;
    let mut out = json!({ "whom": null, "by": null });
    for (arg, to) in [("whom", "whom"), ("by_whom", "by")] {
        if let Some(id) = m.args[arg].as_str().filter(|id| !id.is_empty() && *id != me) {
            out[to] = ports.directory.name(cx, tx, id)?.into();
        }
    }
    Ok(out)
}

pub(crate) async fn list(cx: Ctx, Query(q): Query<Paging>) -> Result<Response> {
    let me = service::reader(&cx)?;
    let rules = cx.service::<Rules>()?;
    let only = q.unread == "1";
    let (mut found, unread) = cx
        .read("comms.messages", |tx| {
            let mut found = Vec::new();
            for m in store::list(tx, &me, only, &q.before, PAGE + 1)? {
                found.push((parties(&cx, tx, &me, &m)?, m));
            }
            Ok((found, store::unread(tx, &me)?))
        })
        .await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|(_, m)| m.id.clone());
    let items: Vec<Json> = found
        .iter()
        .map(|(parties, m)| {
            let mut item = shown(&cx, &rules, m);
            item["parties"] = parties.clone();
            item
        })
        .collect();
    cx.page(
        "comms/message/list.html",
        json!({ "items": items, "unread": unread, "only": only, "next": next, "first": q.before.is_empty() }),
    )
}

pub(crate) async fn show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let message = service::open(&cx, &id).await?;
    let rules = cx.service::<Rules>()?;
    let me = service::reader(&cx)?;
    let (ways, parties) = cx
        .read("comms.ways", |tx| {
            Ok((service::ways(tx, &id)?, parties(&cx, tx, &me, &message)?))
        })
        .await?;
    let ways: Vec<Json> = ways
        .iter()
        .map(|(channel, state)| {
            json!({ "channel": cx.t(&format!("comms-channel-{channel}"), &[]),
                "state": cx.t(&format!("comms-state-{}", state.name()), &[]), "tag": state.tag() })
        })
        .collect();
    let mut item = shown(&cx, &rules, &message);
    item["parties"] = parties;
    cx.page(
        "comms/message/show.html",
        json!({ "message": item, "ways": ways }),
    )
}

#[derive(Deserialize)]
pub(crate) struct Reading {
    #[serde(default)]
    read: String,
}

pub(crate) async fn read(cx: Ctx, Path(id): Path<String>, Form(f): Form<Reading>) -> Result<Response> {
    service::mark(&cx, &id, f.read == "1").await?;
    Ok(see("/me/messages"))
}

pub(crate) async fn read_all(cx: Ctx) -> Result<Response> {
    service::mark_all(&cx).await?;
    Ok(see("/me/messages"))
}

#[derive(Deserialize)]
pub(crate) struct Said {
    #[serde(default)]
    done: String,
}

pub(crate) async fn settings(cx: Ctx, Query(q): Query<Said>) -> Result<Response> {
    settings_page(&cx, 200, &q.done, "").await
}

async fn settings_page(cx: &Ctx, status: u16, done: &str, error: &str) -> Result<Response> {
    let me = service::reader(cx)?;
    let rules = cx.service::<Rules>()?;
    let ports = cx.service::<Ports>()?;
    let open = cx.service::<Settings>()?;
    let demo = cx.app.config.demo;
    let (p, phone, mail) = cx
        .read("comms.settings", |tx| {
            let p = store::preference(tx, &me)?;
            let phone = ports.directory.phone(cx, tx, &me)?;
            let mail = p
                .mail
                .as_deref()
                .map(|m| cx.protect().open(&service::mail_place(&me), m))
                .transpose()?;
            Ok((p, phone, mail))
        })
        .await?;
    let groups: Vec<Json> = rules
        .groups
        .iter()
        .map(|g| {
            let channels: Vec<Json> = Channel::PERSONAL
                .iter()
                .map(|c| {
                    let fixed = g.legal && *c == Channel::InApp;
                    json!({ "key": format!("{}:{}", g.id, c.name()), "on": fixed || p.wants(&g.id, *c), "fixed": fixed,
                        "title": cx.t(&format!("comms-channel-{}", c.name()), &[]) })
                })
                .collect();
            json!({ "title": rules.group_title(&g.id, cx.locale), "legal": g.legal, "channels": channels })
        })
        .collect();
    let waiting = p.code.is_some() && p.code_until.is_some_and(|u| u > cx.now());
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    cx.page_with(
        status,
        "comms/message/settings.html",
        json!({ "groups": groups, "english": p.locale == Locale::En, "phone": phone.map(|p| masked(&p)),
            "mail": mail.map(|m| masked(&m)), "confirmed": p.confirmed_at.is_some(), "waiting": waiting,
            "mail_open": open.smtp.is_some() || demo, "sms_open": open.sms.is_some() || demo, "done": done, "error": error }),
    )
}

/// A refusal stands on the page of the form.
async fn back(cx: &Ctx, result: Result<()>, done: &str) -> Result<Response> {
    match result {
        Ok(()) => Ok(see(&format!("/me/messages/settings?done={done}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 401 => {
            settings_page(cx, r.status, "", &cx.t(&r.key, &[])).await
        }
        Err(p) => Err(p),
    }
}

/// Fields as sent: the language, and one `on` for each box that is ticked.
pub(crate) async fn choose(cx: Ctx, Form(fields): Form<Vec<(String, String)>>) -> Result<Response> {
    let on: BTreeSet<String> = fields
        .iter()
        .filter(|(k, _)| k == "on")
        .map(|(_, v)| v.clone())
        .collect();
    let language = fields
        .iter()
        .find(|(k, _)| k == "language")
        .map_or("zh", |(_, v)| v);
    let result = service::choose(&cx, Locale::parse(language).unwrap_or_default(), &on).await;
    back(&cx, result, "saved").await
}

#[derive(Deserialize)]
pub(crate) struct Address {
    #[serde(default)]
    mail: String,
}

pub(crate) async fn address(cx: Ctx, Form(f): Form<Address>) -> Result<Response> {
    let done = if f.mail.trim().is_empty() {
        "removed"
    } else {
        "code"
    };
    let result = service::change_address(&cx, &f.mail).await;
    back(&cx, result, done).await
}

#[derive(Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
}

pub(crate) async fn confirm(cx: Ctx, Form(f): Form<Code>) -> Result<Response> {
    let result = service::confirm(&cx, &f.code).await;
    back(&cx, result, "confirmed").await
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data| Sample { template, name, data };
    let message = |read: bool| {
        json!({ "id": "m", "subject": "请补正材料：2026-X-000001", "body": "您的申请有材料需要补正。请在 2026年12月1日 前补齐。",
            "group": "办件通知", "urgent": !read, "read": read, "link": "/cases/1", "at": 1_795_500_000_000i64,
            "parties": { "whom": if read { Json::Null } else { "演示公司".into() }, "by": "演**" } })
    };
    let list = |items: Json, unread: i64, next: Json| json!({ "items": items, "unread": unread, "only": false, "next": next, "first": true });
    let box_ =
        |key: &str, on: bool, fixed: bool| json!({ "key": key, "on": on, "fixed": fixed, "title": "站内" });
    let groups = json!([{ "title": "办件通知", "legal": true, "channels": [box_("a:in-app", true, true), box_("a:sms", false, false)] }]);
    let settings = |mail: Json, waiting: bool, open: bool, done: &str, error: &str| {
        json!({ "groups": groups, "english": false, "phone": if open { json!("199****0001") } else { Json::Null }, "mail": mail,
            "confirmed": !waiting, "waiting": waiting, "mail_open": open, "sms_open": open, "done": done, "error": error })
    };
    let ways = json!([{ "channel": "短信", "state": "已送达", "tag": "good" }]);
    vec![
        sample("comms/message/list.html", "empty", list(json!([]), 0, Json::Null)),
        sample(
            "comms/message/list.html",
            "some",
            list(json!([message(false), message(true)]), 1, json!("m")),
        ),
        sample(
            "comms/message/show.html",
            "urgent",
            json!({ "message": message(false), "ways": ways }),
        ),
        sample(
            "comms/message/show.html",
            "in the list only",
            json!({ "message": message(true), "ways": [] }),
        ),
        sample(
            "comms/message/settings.html",
            "fresh",
            settings(Json::Null, false, true, "", ""),
        ),
        sample(
            "comms/message/settings.html",
            "waiting",
            settings(json!("r***@c.example"), true, true, "code", ""),
        ),
        sample(
            "comms/message/settings.html",
            "closed",
            settings(Json::Null, false, false, "", "验证码不对。"),
        ),
    ]
}
