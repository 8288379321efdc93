//! Leaving, suspension, the end of a post: each asks before it is done.

use super::{show, view};
use crate::MANAGE;
use crate::official::service::{self, Turn};
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

const ASK: &str = "identity/official/ask.html";
const LEAVE: &str = "identity/official/leave.html";

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Typed {
    on: String,
    until: String,
    reason: String,
}

fn code(refused: Option<&Refusal>) -> StatusCode {
    refused.map_or(StatusCode::OK, status)
}

fn home(id: Uuid) -> Response {
    see(&format!("/work/officials/{id}"))
}

async fn leave_page(cx: &Ctx, id: Uuid, typed: &Typed, refused: Option<&Refusal>) -> Result<Response> {
    let data = cx
        .read("identity.leaving", |tx| {
            let person = service::seen(cx, tx, id, MANAGE)?;
            let open = service::open(cx, tx, &person)?;
            let holdings: Vec<Json> = open.holdings.iter().map(|h| view::holding(cx, h)).collect();
            let waiting: Result<Vec<Json>> = open.waiting.iter().map(|q| view::proposal(cx, tx, q)).collect();
            let elsewhere: Vec<Json> = open
                .elsewhere
                .iter()
                .map(|(text, n)| json!({ "text": text, "n": n }))
                .collect();
            Ok(json!({ "id": id, "called": person.name, "holdings": holdings, "waiting": waiting?, "mandates": open.mandates,
                "sessions": open.sessions, "elsewhere": elsewhere, "today": cx.today().to_string(), "typed": typed,
                "wrong": view::wrong(cx, refused), "error": refused.map(|r| cx.explains(r)) }))
        })
        .await?;
    cx.page_with(code(refused), LEAVE, data)
}

pub(crate) async fn leave_form(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    leave_page(&cx, id, &Typed::default(), None).await
}

pub(crate) async fn leave(cx: Ctx, Path(id): Path<Uuid>, Form(f): Form<Typed>) -> Result<Response> {
    match service::leave(&cx, id, &f.on, &f.reason).await {
        Ok(()) => Ok(home(id)),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => leave_page(&cx, id, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

/// Asks for a reason, and for the last day of a post.
async fn ask(
    cx: &Ctx,
    id: Uuid,
    holding: Option<&str>,
    typed: &Typed,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let data = cx
        .read("identity.ask", |tx| {
            let person = service::seen(cx, tx, id, MANAGE)?;
            let post = match holding {
                Some(h) => {
                    let found = person.holdings.iter().find(|x| x.id == h);
                    Some(view::holding(cx, found.ok_or_else(Refusal::not_found)?))
                }
                None => None,
            };
            Ok(
                json!({ "id": id, "called": person.name, "post": post, "typed": typed, "today": cx.today().to_string(),
                "wrong": view::wrong(cx, refused), "error": refused.map(|r| cx.explains(r)) }),
            )
        })
        .await?;
    cx.page_with(code(refused), ASK, data)
}

pub(crate) async fn suspend_form(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    ask(&cx, id, None, &Typed::default(), None).await
}

pub(crate) async fn suspend(cx: Ctx, Path(id): Path<Uuid>, Form(f): Form<Typed>) -> Result<Response> {
    match service::turn(&cx, id, Turn::Suspend, &f.reason).await {
        Ok(()) => Ok(home(id)),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => ask(&cx, id, None, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn end_form(cx: Ctx, Path((id, holding)): Path<(Uuid, String)>) -> Result<Response> {
    ask(&cx, id, Some(&holding), &Typed::default(), None).await
}

pub(crate) async fn end(
    cx: Ctx,
    Path((id, holding)): Path<(Uuid, String)>,
    Form(f): Form<Typed>,
) -> Result<Response> {
    match service::end(&cx, id, &holding, &f.until, &f.reason).await {
        Ok(()) => Ok(home(id)),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            ask(&cx, id, Some(&holding), &f, Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

async fn done(cx: &Ctx, id: Uuid, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(home(id)),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show::show(cx, id, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn resume(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    let turned = service::turn(&cx, id, Turn::Resume, "").await;
    done(&cx, id, turned).await
}

pub(crate) async fn stay(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    let turned = service::turn(&cx, id, Turn::Stay, "").await;
    done(&cx, id, turned).await
}

pub(crate) async fn withdraw(cx: Ctx, Path((id, proposal)): Path<(Uuid, String)>) -> Result<Response> {
    let withdrawn = service::withdraw(&cx, id, &proposal).await;
    done(&cx, id, withdrawn).await
}

pub(crate) fn samples() -> Vec<Sample> {
    let post = json!({ "id": "h", "post": "p", "title": "审查员", "organisation": "演示水利局", "from": "2026-11-24", "until": null,
        "reason": "", "runs": true, "lasts": true });
    let typed = json!({ "on": "", "until": "", "reason": "调离" });
    let bad = json!({ "on": "日期不对", "until": "日期不对", "reason": "请填写原因" });
    let page = |full: bool, post: &Json| {
        json!({ "id": "a", "called": "演示新人", "post": post, "today": "2026-11-24", "typed": typed,
            "wrong": if full { bad.clone() } else { json!({}) }, "error": if full { json!("日期不对") } else { Json::Null },
            "holdings": if full { json!([post]) } else { json!([]) }, "waiting": [], "mandates": u32::from(full), "sessions": u32::from(full),
            "elsewhere": if full { json!([{ "text": "待办任务", "n": 3 }]) } else { json!([]) } })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(ASK, "suspend", page(false, &Json::Null)),
        sample(ASK, "end a post, refused", page(true, &post)),
        sample(LEAVE, "nothing open", page(false, &Json::Null)),
        sample(LEAVE, "much open, refused", page(true, &post)),
    ]
}
