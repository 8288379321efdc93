//! The pages of seals.

use super::model::{Act, KINDS, Seal, State};
use super::service::{self, Application, NewGrant};
use super::{store, view};
use crate::usage::store as uses;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{attachment, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Fault, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use trust::crypto::Kind;

const PAGE: u32 = 30;
const LOG: u32 = 20;
/// Rows of an export.
const EXPORT: u32 = 5000;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Find {
    q: String,
    state: String,
    kind: String,
    page: u32,
}

fn chosen(cx: &Ctx, prefix: &str, names: &[&str]) -> Vec<Json> {
    names
        .iter()
        .map(|n| json!({ "id": n, "label": cx.t(&format!("{prefix}-{n}"), &[]) }))
        .collect()
}

pub(crate) async fn list(cx: Ctx, Query(f): Query<Find>) -> Result<Response> {
    let scope = cx.scope(crate::READ);
    let (items, more) = cx
        .read("seals.list", |tx| {
            let by = store::Find {
                q: f.q.trim(),
                state: &f.state,
                kind: &f.kind,
            };
            let mut rows = store::list(&cx, tx, &scope, &by, PAGE + 1, f.page.saturating_mul(PAGE))?;
            let more = rows.len() > PAGE as usize;
            rows.truncate(PAGE as usize);
            let items: Result<Vec<Json>> = rows.iter().map(|s| view::row(&cx, tx, s)).collect();
            Ok((items?, more))
        })
        .await?;
    let states = State::ALL.map(State::name);
    let data = json!({ "items": items, "more": more, "page": f.page, "q": f.q, "state": f.state, "kind": f.kind,
        "states": chosen(&cx, "seals-state", &states), "kinds": chosen(&cx, "seals-kind", &KINDS),
        "may_apply": cx.holds(crate::APPLY), "may_decide": cx.holds(crate::DECIDE) });
    cx.page("seals/seal/list.html", data)
}

pub(crate) async fn queue(cx: Ctx) -> Result<Response> {
    let scope = cx.scope(crate::DECIDE);
    let items = cx
        .read("seals.queue", |tx| {
            let rows = store::queue(&cx, tx, &scope, 100)?;
            rows.iter()
                .map(|s| view::row(&cx, tx, s))
                .collect::<Result<Vec<Json>>>()
        })
        .await?;
    cx.page("seals/seal/queue.html", json!({ "items": items }))
}

/// The fields of a refusal with their texts.
fn wrong(cx: &Ctx, r: &Refusal) -> Json {
    r.fields
        .iter()
        .map(|(name, key)| (name.clone(), json!(cx.t(key, &[]))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

async fn form_page(
    cx: &Ctx,
    typed: &Application,
    code: StatusCode,
    refused: Option<&Refusal>,
    picture: Option<String>,
) -> Result<Response> {
    let organisations = cx
        .read("seals.form", |tx| service::own_organisations(cx, tx))
        .await?;
    let organisations: Vec<Json> = organisations
        .iter()
        .map(|(id, name)| json!({ "id": id, "name": name }))
        .collect();
    let data = json!({ "typed": serde_json::to_value(typed)?, "organisations": organisations,
        "kinds": chosen(cx, "seals-kind", &KINDS), "picture": picture,
        "error": refused.map(|r| cx.explains(r)), "wrong": refused.map_or(json!({}), |r| wrong(cx, r)) });
    cx.page_with(code, "seals/seal/form.html", data)
}

pub(crate) async fn form(cx: Ctx) -> Result<Response> {
    let typed = Application {
        kind: KINDS[0].into(),
        processes: "certificate:* paper:*".into(),
        ..Application::default()
    };
    form_page(&cx, &typed, StatusCode::OK, None, None).await
}

pub(crate) async fn apply(cx: Ctx, Form(typed): Form<Application>) -> Result<Response> {
    let done = if typed.action == "preview" {
        match service::preview(&cx, &typed).await {
            Ok(svg) => return form_page(&cx, &typed, StatusCode::OK, None, Some(svg)).await,
            Err(e) => Err(e),
        }
    } else {
        service::apply(&cx, &typed).await
    };
    match done {
        Ok(id) => Ok(see(&format!("/work/seals/{id}"))),
        Err(Problem::Refusal(r)) if r.status == 422 && cx.html => {
            form_page(&cx, &typed, status(&r), Some(&r), None).await
        }
        Err(e) => Err(e),
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Paging {
    page: u32,
}

pub(crate) async fn show(cx: Ctx, Path(id): Path<String>, Query(p): Query<Paging>) -> Result<Response> {
    page(&cx, &id, p.page, StatusCode::OK, None, &NewGrant::default()).await
}

/// A seal that the reader may see.
fn readable(cx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Seal> {
    let seal = store::get(cx, tx, id)?.filter(|s| cx.may(crate::READ, &s.resource()).is_ok());
    Ok(seal.ok_or_else(Refusal::not_found)?)
}

/// What the reader may do with a seal now.
fn offers(cx: &Ctx, tx: &mut Tx<'_>, s: &Seal) -> Result<Json> {
    let may = |p: &str| cx.may(p, &s.resource()).is_ok();
    let now = |act: Act| s.state.after(act).is_some();
    let keeps = s.custodian.as_deref() == Some(cx.actor.id.as_str());
    let keepable = matches!(s.state, State::Made | State::Active | State::Suspended);
    let usable = matches!(s.state, State::Active | State::Suspended);
    let open = store::offered(tx, &s.id)?;
    let mine = open.as_ref().is_some_and(|h| h.taker == cx.actor.id) && may(crate::HOLD);
    let give = usable && service::grants_by(cx, s).is_ok();
    let offer = keepable
        && (if keeps {
            may(crate::HOLD)
        } else {
            may(crate::DECIDE)
        });
    let mut people = Vec::new();
    if give || offer {
        for o in identity::api::officials(cx, tx)?
            .iter()
            .filter(|o| service::near(s, o))
        {
            people.push(json!({ "id": o.actor, "name": format!("{} {}", o.title, o.name),
                "taker": o.actor != cx.actor.id && s.custodian.as_deref() != Some(&o.actor) }));
        }
    }
    let posts: Vec<Json> = if give {
        let posts = service::posts(cx, tx, s)?;
        posts
            .iter()
            .map(|(id, title)| json!({ "id": id, "title": title }))
            .collect()
    } else {
        Vec::new()
    };
    Ok(json!({
        "decide": now(Act::Approve) && may(crate::DECIDE) && cx.actor.id != s.applicant,
        "withdraw": now(Act::Withdraw) && cx.actor.id == s.applicant, "make": now(Act::Make) && may(crate::DECIDE),
        "suspend": now(Act::Suspend) && (keeps || may(crate::SUSPEND)), "lift": now(Act::Lift) && may(crate::DECIDE),
        "destroy": now(Act::Destroy) && may(crate::DECIDE), "offer": offer, "answer": mine, "give": give,
        "use": s.state == State::Active && may(crate::SEALING), "people": people, "posts": posts,
        "offered": match &open { Some(h) => Some(json!({ "giver": view::who(cx, tx, &h.giver)?, "taker": view::who(cx, tx, &h.taker)?, "at": h.offered_at })), None => None },
    }))
}

async fn page(
    cx: &Ctx,
    id: &str,
    n: u32,
    code: StatusCode,
    refused: Option<&Refusal>,
    typed: &NewGrant,
) -> Result<Response> {
    let (seal, mut data) = cx
        .read("seals.show", |tx| {
            let s = readable(cx, tx, id)?;
            let mut certificates = Vec::new();
            for (name, kind) in [("SM2", Kind::Sm2), ("P-256", Kind::P256)] {
                if let Some(c) = trust::api::known_seal_certificate(tx, &s.key_name, kind)? {
                    certificates.push(json!({ "kind": name, "subject": c.subject, "serial": c.serial, "from": c.not_before, "until": c.not_after }));
                }
            }
            let mut grants = Vec::new();
            for g in uses::grants(tx, &s.id)? {
                grants.push(view::grant(cx, tx, &g)?);
            }
            let mut custody = Vec::new();
            for h in store::handovers(tx, &s.id)? {
                custody.push(json!({ "giver": view::who(cx, tx, &h.giver)?, "taker": view::who(cx, tx, &h.taker)?, "offered_at": h.offered_at,
                    "answered_at": h.answered_at, "state": cx.t(&format!("seals-handover-{}", h.state), &[]) }));
            }
            let (log, more) = view::log(cx, tx, &s, n, LOG)?;
            let data = json!({ "seal": view::row(cx, tx, &s)?, "certificates": certificates, "grants": grants, "custody": custody, "log": log,
                "more": more, "page": n, "history": view::history(cx, tx, &s)?, "may": offers(cx, tx, &s)?, "opinion": s.opinion,
                "processes": view::kinds(cx, &s.processes), "suspended": s.state == State::Suspended });
            Ok((s, data))
        })
        .await?;
    let drawn = crate::api::drawn(cx, &seal).await;
    data["picture"] = drawn.map(|d| d.drawing.svg()).unwrap_or_default().into();
    data["refused"] = refused.map(|r| cx.explains(r)).into();
    data["wrong"] = refused.map_or(json!({}), |r| wrong(cx, r));
    data["typed"] = serde_json::to_value(typed)?;
    cx.page_with(code, "seals/seal/show.html", data)
}

/// Back to the seal's page, or the page with the refusal.
async fn back(cx: &Ctx, id: &str, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see(&format!("/work/seals/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 409 | 422) => {
            page(cx, id, 0, status(&r), Some(&r), &NewGrant::default()).await
        }
        Err(e) => Err(e),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Words {
    words: String,
    outcome: String,
    processes: Option<String>,
    taker: String,
}

pub(crate) async fn withdraw(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let done = service::withdraw(&cx, &id).await;
    back(&cx, &id, done).await
}
pub(crate) async fn decide(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    let approve = match f.outcome.as_str() {
        "approve" => true,
        "refuse" => false,
        _ => return Err(Refusal::new("kernel-bad-form").into()),
    };
    let done = service::decide(&cx, &id, approve, &f.words, f.processes.as_deref()).await;
    back(&cx, &id, done).await
}
pub(crate) async fn make(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let done = service::make(&cx, &id).await;
    back(&cx, &id, done).await
}
pub(crate) async fn suspend(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    let done = service::suspend(&cx, &id, &f.words).await;
    back(&cx, &id, done).await
}
pub(crate) async fn lift(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    let done = service::lift(&cx, &id, &f.words).await;
    back(&cx, &id, done).await
}
pub(crate) async fn destroy(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    let done = service::destroy(&cx, &id, &f.words).await;
    back(&cx, &id, done).await
}
pub(crate) async fn offer(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    let done = service::offer(&cx, &id, &f.taker).await;
    back(&cx, &id, done).await
}
pub(crate) async fn answer(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    let done = service::answer(&cx, &id, f.outcome == "accept").await;
    back(&cx, &id, done).await
}
pub(crate) async fn give(cx: Ctx, Path(id): Path<String>, Form(f): Form<NewGrant>) -> Result<Response> {
    match service::give(&cx, &id, &f).await {
        Ok(()) => Ok(see(&format!("/work/seals/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 409 | 422) => {
            page(&cx, &id, 0, status(&r), Some(&r), &f).await
        }
        Err(e) => Err(e),
    }
}
pub(crate) async fn revoke(cx: Ctx, Path((id, grant)): Path<(String, String)>) -> Result<Response> {
    let done = service::revoke(&cx, &id, &grant).await;
    back(&cx, &id, done).await
}

/// The log as CSV, which a table program opens: the newest rows.
pub(crate) async fn export(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let rows = cx
        .read("seals.export", |tx| {
            let s = readable(&cx, tx, &id)?;
            Ok(view::log(&cx, tx, &s, 0, EXPORT)?.0)
        })
        .await?;
    let columns = [
        "at", "who", "whom", "occasion", "title", "number", "purpose", "result", "why", "sha256", "sm3",
    ];
    let mut out = csv::Writer::from_writer(Vec::from("\u{feff}"));
    let wrong = |e: csv::Error| Fault::of("the log as CSV", e);
    out.write_record(columns.map(|c| cx.t(&format!("seals-use-{c}"), &[])))
        .map_err(wrong)?;
    for row in &rows {
        let cells = columns.map(|c| match &row[c] {
            Json::Null => String::new(),
            Json::Number(at) => instant(&cx, at.as_i64().unwrap_or_default()),
            Json::Object(tag) => tag["text"].as_str().unwrap_or_default().into(),
            other => inert(other.as_str().unwrap_or_default()),
        });
        out.write_record(cells).map_err(wrong)?;
    }
    let bytes = out.into_inner().map_err(|e| Fault::new(e.to_string()))?;
    Ok(attachment(
        &format!("{}.csv", id.replace(':', "-")),
        "text/csv; charset=utf-8",
        bytes,
    ))
}

/// `2026-11-24 10:00:00`, in the city's zone.
fn instant(cx: &Ctx, millis: i64) -> String {
    let zone = cx.app.city["zone"].as_str().unwrap_or("Asia/Shanghai");
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned_datetime(zone)
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// A table program runs what begins like a formula.
pub(crate) fn inert(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.into(),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"119pt\" height=\"119pt\" viewBox=\"0 0 9 9\" role=\"img\" aria-label=\"演示\"><path d=\"M1 1L8 1L4 8Z\"/></svg>";
    let at = 1_795_500_000_000_i64;
    let row = |state: &str, kind: &str| {
        json!({ "id": "1", "called": "演示机关 公章", "name": "演示机关", "kind": "公章", "organisation": "演示机关", "purpose": "合同专用章",
            "code": "3208990000001", "state": { "kind": kind, "text": "使用中" }, "custodian": "办公室 演示员", "applied_at": at, "version": 1,
            "applicant": "办公室 演示员", "reason": "新设机构", "basis": "演示〔2026〕1号", "processes": "certificate:* paper:*", "own": false, "waiting": state })
    };
    let choice = json!([{ "id": "active", "label": "使用中" }, { "id": "official", "label": "公章" }]);
    let list = |items: Json, may: bool| {
        json!({ "items": items, "more": may, "page": 1, "q": "", "state": "active", "kind": "", "states": choice, "kinds": choice,
            "may_apply": may, "may_decide": may })
    };
    let typed = json!({ "organisation": "x", "kind": "official", "name": "", "purpose": "", "code": "", "reason": "", "basis": "", "processes": "certificate:*" });
    let form = |picture: Json, error: Json, wrong: Json| json!({ "typed": typed, "organisations": [{ "id": "x", "name": "演示机关" }], "kinds": choice, "picture": picture, "error": error, "wrong": wrong });
    let show = |all: bool| {
        let grant = json!({ "id": "g", "grantee": "业务系统", "kinds": ["电子证照"], "per_day": 5, "total": 100, "used": 3, "from": "2026-11-01",
            "until": "2026-12-01", "given_by": "负责人", "given_at": at, "holds": true, "revoked_at": null, "revoked_by": null });
        let mut gone = grant.clone();
        gone["holds"] = false.into();
        gone["revoked_at"] = at.into();
        gone["revoked_by"] = "负责人".into();
        let used = json!({ "at": at, "who": "平台", "whom": "演**", "title": "许可证", "number": "2026-X-1", "purpose": "", "occasion": "电子证照",
            "sha256": "00", "sm3": "00", "result": { "kind": "bad", "text": "已拒绝" }, "why": "印章已停用" });
        let people = json!([{ "id": "account:1", "name": "办公室 演示员", "taker": true }]);
        json!({ "seal": row("active", "good"), "picture": svg, "opinion": if all { json!("同意") } else { Json::Null }, "processes": ["电子证照"],
            "certificates": if all { json!([{ "kind": "SM2", "subject": "演示机关（演示）", "serial": "01", "from": at, "until": at }]) } else { json!([]) },
            "grants": if all { json!([grant, gone]) } else { json!([]) }, "log": if all { json!([used]) } else { json!([]) }, "more": all, "page": 1,
            "custody": if all { json!([{ "giver": "甲", "taker": "乙", "offered_at": at, "answered_at": at, "state": "已接收" }]) } else { json!([]) },
            "history": if all { json!([{ "at": at, "who": "平台", "note": "演示", "what": "启用" }]) } else { json!([]) }, "suspended": all,
            "may": { "decide": all, "withdraw": all, "make": all, "suspend": all, "lift": all, "destroy": all, "offer": all, "answer": all,
                "give": all, "use": all, "people": people, "posts": [{ "id": "p", "title": "负责人" }],
                "offered": if all { json!({ "giver": "甲", "taker": "乙", "at": at }) } else { Json::Null } },
            "refused": if all { json!("现在不能这样做") } else { Json::Null }, "wrong": if all { json!({ "kinds": "请选择" }) } else { json!({}) },
            "typed": { "grantee": "", "kinds": "", "per_day": "", "total": "", "valid_from": "", "valid_until": "" } })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("seals/seal/list.html", "none", list(json!([]), false)),
        sample(
            "seals/seal/list.html",
            "two",
            list(json!([row("active", "good"), row("suspended", "warn")]), true),
        ),
        sample("seals/seal/queue.html", "none", json!({ "items": [] })),
        sample(
            "seals/seal/queue.html",
            "two",
            json!({ "items": [row("applied", "info"), row("approved", "info")] }),
        ),
        sample(
            "seals/seal/form.html",
            "fresh",
            form(Json::Null, Json::Null, json!({})),
        ),
        sample(
            "seals/seal/form.html",
            "preview",
            form(json!(svg), Json::Null, json!({})),
        ),
        sample(
            "seals/seal/form.html",
            "refused",
            form(Json::Null, json!("请改正"), json!({ "reason": "请写明原因" })),
        ),
        sample("seals/seal/show.html", "everything", show(true)),
        sample("seals/seal/show.html", "nothing", show(false)),
    ]
}
