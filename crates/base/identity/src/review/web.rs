//! Pages of reviews.

use super::model::{Item, Review};
use super::service::{self, Wish};
use super::store::{self, Which};
use crate::official::held;
use crate::official::web::view;
use crate::{ANSWER, APPROVE, OFFICIALS, REVIEW, REVIEWS};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use kernel::http::{see, status};
use kernel::module::{MenuEntry, Place, Sample};
use kernel::{Ctx, Door, Problem, Refusal, Result, Route, Tx, Uuid};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 50;
const LIST: &str = "identity/review/list.html";
const NEW: &str = "identity/review/new.html";
const SHOW: &str = "identity/review/show.html";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Find {
    all: String,
    page: u32,
}

fn me(cx: &Ctx) -> String {
    cx.actor.account.map(|a| a.to_string()).unwrap_or_default()
}

fn summary(cx: &Ctx, tx: &mut Tx<'_>, r: &Review) -> Result<Json> {
    let progress = store::progress(tx, &r.id)?;
    let (n, done) = progress
        .iter()
        .fold((0, 0), |(n, done), (_, all, answered)| (n + all, done + answered));
    let place = match r.organisation.as_str() {
        "" => cx.t("identity-official-organisation-any", &[]),
        id => crate::api::organisation_name(cx, tx, id)?,
    };
    let overdue = !r.closed && r.due_on < cx.today().to_string() && done < n;
    let (kind, text) = match (r.closed, overdue) {
        (true, _) => ("plain", "identity-review-state-closed"),
        (_, true) => ("bad", "identity-review-state-overdue"),
        _ => ("warn", "identity-review-state-open"),
    };
    let mine = progress.iter().find(|(reviewer, ..)| *reviewer == me(cx));
    Ok(
        json!({ "id": r.id, "title": r.title, "organisation": place, "due": r.due_on, "suspends": r.suspends, "closed": r.closed,
        "overdue": overdue, "n": n, "done": done, "kind": kind, "state": cx.t(text, &[]), "by": view::who(cx, tx, &r.started_by)?,
        "at": r.started_at, "closed_at": r.closed_at, "mine": mine.map(|(_, n, done)| n - done) }),
    )
}

async fn list(cx: Ctx, Query(f): Query<Find>) -> Result<Response> {
    let own = me(&cx);
    let of = (!cx.holds(OFFICIALS)).then_some(own.as_str());
    let (items, more) = cx
        .read("identity.reviews", |tx| {
            let mut all = store::reviews(tx, of, PAGE + 1, f.page.saturating_mul(PAGE))?;
            let more = all.len() > PAGE as usize;
            all.truncate(PAGE as usize);
            let items: Result<Vec<Json>> = all.iter().map(|r| summary(&cx, tx, r)).collect();
            Ok((items?, more))
        })
        .await?;
    let data = json!({ "items": items, "more": more, "page": f.page, "may_start": cx.holds(REVIEW) });
    cx.page(LIST, data)
}

async fn form(cx: &Ctx, typed: &Wish, refused: Option<&Refusal>) -> Result<Response> {
    let (organisations, people) = cx
        .read("identity.review-form", |tx| {
            let mut people: Vec<Json> = Vec::new();
            for (head, name) in service::heads(cx, tx)? {
                let id = json!(head.account);
                if people.iter().all(|p| p["id"] != id) {
                    people.push(json!({ "id": id, "name": name }));
                }
            }
            Ok((view::organisations(cx, tx, REVIEW)?, people))
        })
        .await?;
    let data = json!({ "organisations": organisations, "people": people, "typed": typed, "wrong": view::wrong(cx, refused),
        "error": refused.map(|r| cx.explains(r)) });
    cx.page_with(refused.map_or(StatusCode::OK, status), NEW, data)
}

async fn new(cx: Ctx) -> Result<Response> {
    form(&cx, &Wish::default(), None).await
}

async fn start(cx: Ctx, Form(f): Form<Wish>) -> Result<Response> {
    match service::start(&cx, &f).await {
        Ok(id) => Ok(see(&format!("/work/reviews/{id}"))),
        Err(Problem::Refusal(r)) if cx.html => form(&cx, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

fn row(cx: &Ctx, tx: &mut Tx<'_>, i: &Item) -> Result<Json> {
    let post = held::post(tx, &i.post)?.map(|p| view::post(cx, &p));
    let holding = held::holding(tx, &i.holding)?.map(|h| view::holding(cx, &h));
    let reviewer = match i.reviewer.as_str() {
        "" => cx.t("identity-review-nobody", &[]),
        id => view::who(cx, tx, &format!("account:{id}"))?,
    };
    let mine = match i.reviewer.as_str() {
        "" => cx.holds(REVIEW),
        id => id == me(cx) && cx.holds(ANSWER),
    };
    let answer = if i.answer.is_empty() {
        "waiting"
    } else {
        i.answer.as_str()
    };
    let answered_by = match i.answered_by.as_str() {
        "" => String::new(),
        actor => view::who(cx, tx, actor)?,
    };
    Ok(
        json!({ "id": i.id, "account": i.account, "name": view::who(cx, tx, &format!("account:{}", i.account))?, "post": post,
        "holding": holding, "reviewer": reviewer, "answer": answer, "text": cx.t(&format!("identity-review-answer-{answer}"), &[]),
        "kind": match answer { "confirmed" => "good", "waiting" => "warn", "ended" | "paused" => "bad", _ => "plain" },
        "reason": i.reason, "by": answered_by, "at": i.answered_at,
        "may": mine && i.answer.is_empty() && cx.actor.account != Some(i.account) }),
    )
}

async fn show(cx: &Ctx, id: &str, f: &Find, refused: Option<&Refusal>) -> Result<Response> {
    let own = me(cx);
    let data = cx
        .read("identity.review", |tx| {
            let (review, whole) = service::seen(cx, tx, id)?;
            let everything = whole && !f.all.is_empty();
            let which = Which {
                reviewer: (!whole).then_some(own.as_str()),
                waiting: !review.closed && !everything && whole,
            };
            let page = (PAGE + 1, f.page.saturating_mul(PAGE));
            let mut items = store::items(tx, id, which, Some(page))?;
            let more = items.len() > PAGE as usize;
            items.truncate(PAGE as usize);
            let rows: Result<Vec<Json>> = items.iter().map(|i| row(cx, tx, i)).collect();
            let mut rows = rows?;
            for r in &mut rows {
                r["may"] = json!(r["may"] == json!(true) && !review.closed);
            }
            let mut progress = Vec::new();
            if whole {
                for (reviewer, n, done) in store::progress(tx, id)? {
                    let name = match reviewer.as_str() {
                        "" => cx.t("identity-review-nobody", &[]),
                        id => view::who(cx, tx, &format!("account:{id}"))?,
                    };
                    progress.push(json!({ "name": name, "n": n, "done": done }));
                }
            }
            let any = rows.iter().any(|r| r["may"] == json!(true));
            Ok(json!({ "review": summary(cx, tx, &review)?, "whole": whole, "all": everything, "items": rows, "more": more,
                "page": f.page, "progress": progress, "any": any, "may_close": cx.holds(REVIEW) && !review.closed,
                "error": refused.map(|r| cx.explains(r)) }))
        })
        .await?;
    cx.page_with(refused.map_or(StatusCode::OK, status), SHOW, data)
}

async fn page(cx: Ctx, Path(id): Path<String>, Query(f): Query<Find>) -> Result<Response> {
    show(&cx, &id, &f, None).await
}

async fn done(cx: &Ctx, id: &str, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see(&format!("/work/reviews/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            show(cx, id, &Find::default(), Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

async fn answer(
    cx: Ctx,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let text = |name: &str| {
        let found = fields.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, v)| v.as_str())
    };
    let items: Vec<String> = fields
        .iter()
        .filter(|(n, _)| n == "item")
        .map(|(_, v)| v.clone())
        .collect();
    let answered = service::answer(&cx, &id, &items, text("outcome") == "confirm", text("reason")).await;
    done(&cx, &id, answered.map(|_| ())).await
}

async fn close(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let closed = service::close(&cx, &id).await;
    done(&cx, &id, closed).await
}

async fn unpause(cx: Ctx, Path((id, holding)): Path<(Uuid, String)>) -> Result<Response> {
    service::unpause(&cx, id, &holding).await?;
    Ok(see(&format!("/work/officials/{id}")))
}

async fn export(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let own = me(&cx);
    let rows = cx
        .tx("identity.export-review", |tx| {
            let (_, whole) = service::seen(&cx, tx, &id)?;
            let which = Which {
                reviewer: (!whole).then_some(own.as_str()),
                waiting: false,
            };
            let mut rows = Vec::new();
            let mut subjects = Vec::new();
            for i in store::items(tx, &id, which, None)? {
                subjects.extend(crate::api::subject_of(tx, i.account)?);
                let r = row(&cx, tx, &i)?;
                let text = |v: &Json| v.as_str().unwrap_or_default().to_string();
                rows.push(vec![
                    text(&r["name"]),
                    text(&r["post"]["organisation"]),
                    text(&r["post"]["title"]),
                    text(&r["holding"]["from"]),
                    text(&r["reviewer"]),
                    text(&r["text"]),
                    text(&r["reason"]),
                    text(&r["by"]),
                    i.answered_at
                        .map_or_else(String::new, |at| cx.date_of(at).to_string()),
                ]);
            }
            subjects.sort();
            subjects.dedup();
            cx.accessed(tx, &subjects, &["name"], &cx.t("identity-officials-purpose", &[]))?;
            Ok(rows)
        })
        .await?;
    let head = [
        "identity-official-name-label",
        "identity-official-organisation",
        "identity-official-post-label",
        "identity-review-since",
        "identity-review-reviewer",
        "identity-review-answer",
        "identity-official-reason-label",
        "identity-review-answered-by",
        "identity-review-answered-on",
    ]
    .map(|key| cx.t(key, &[]));
    view::csv("access-review.csv", &head, &rows)
}

pub(crate) fn routes() -> Vec<Route> {
    let see = |path, handler| Route::new(path, Door::Official(REVIEWS), handler);
    let run = |path, handler| Route::new(path, Door::Official(REVIEW), handler);
    vec![
        see("/work/reviews", get(list)),
        run("/work/reviews/new", get(new).post(start)),
        see("/work/reviews/{id}", get(page).post(answer)),
        see("/work/reviews/{id}/export.csv", get(export)),
        run("/work/reviews/{id}/closing", post(close)),
        Route::new(
            "/work/officials/{id}/posts/{holding}/resumption",
            Door::Official(APPROVE),
            post(unpause),
        ),
    ]
}

pub(crate) fn menu() -> MenuEntry {
    MenuEntry {
        href: "/work/reviews",
        title: "identity-reviews",
        icon: "shield-check",
        place: Place::Workbench,
        permission: Some(REVIEWS),
        order: 91,
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let at = 1_795_500_000_000_i64;
    let review = |closed: bool| {
        json!({ "id": "r", "title": "2026 年度权限复核", "organisation": "全部机构", "due": "2026-12-31", "suspends": !closed, "closed": closed,
            "overdue": !closed, "n": 9, "done": 4, "kind": "warn", "state": "进行中", "by": "演示安全员", "at": at,
            "closed_at": if closed { json!(at) } else { Json::Null }, "mine": if closed { Json::Null } else { json!(2) } })
    };
    let item = |answer: &str, may: bool| {
        json!({ "id": "i", "account": "a", "name": "演示新人", "post": { "id": "p", "title": "审查员", "organisation": "演示水利局" },
            "holding": { "id": "h", "post": "p", "title": "审查员", "organisation": "演示水利局", "from": "2026-11-24", "until": null, "reason": "", "runs": true, "lasts": true },
            "reviewer": "演示负责人", "answer": answer, "text": "等待复核", "kind": "warn", "reason": "", "by": "", "at": null, "may": may })
    };
    let typed =
        json!({ "title": "年度复核", "organisation": "", "due": "", "reviewer": "", "suspends": "1" });
    let form = |bad: bool| {
        json!({ "organisations": [{ "id": "shi", "name": "演示市" }], "people": [{ "id": "a", "name": "演示水利局 负责人" }], "typed": typed,
            "wrong": if bad { json!({ "due": "日期不对", "title": "请填写名称", "reviewer": "不能", "organisation": "没有" }) } else { json!({}) },
            "error": if bad { json!("日期不对") } else { Json::Null } })
    };
    let show = |closed: bool, items: Json| {
        json!({ "review": review(closed), "whole": true, "all": closed, "items": items, "more": !closed, "page": u32::from(!closed),
            "progress": [{ "name": "演示负责人", "n": 9, "done": 4 }], "any": !closed, "may_close": !closed,
            "error": if closed { Json::Null } else { json!("请填写原因") } })
    };
    let list = |items: Json, may: bool| json!({ "items": items, "more": may, "page": u32::from(may), "may_start": may });
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(LIST, "none", list(json!([]), false)),
        sample(LIST, "two", list(json!([review(false), review(true)]), true)),
        sample(NEW, "fresh", form(false)),
        sample(NEW, "refused", form(true)),
        sample(
            SHOW,
            "open",
            show(false, json!([item("waiting", true), item("waiting", false)])),
        ),
        sample(SHOW, "closed", show(true, json!([item("confirmed", false)]))),
        sample(SHOW, "closed and empty", show(true, json!([]))),
    ]
}
