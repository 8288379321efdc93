//! The browser that shows the picture, and the phone that answers.

use super::model::{HOLDS, Scan, State, choices};
use super::service;
use crate::account::model::browser;
use crate::account::service::Entry;
use crate::account::web::{self as account, Next, safe};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json as Body};
use kernel::http::{cookie, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The cookie of a browser that waits for a phone.
const WAITS: &str = "yw_scan";

fn token(headers: &HeaderMap) -> String {
    cookie(headers, WAITS).unwrap_or_default()
}

/// Shows the picture; goes on when the phone has answered; begins anew when it is too late.
pub(crate) async fn show(cx: Ctx, headers: HeaderMap, Query(q): Query<Next>) -> Result<Response> {
    let waiting = service::waiting(&cx, &token(&headers)).await?;
    match waiting.filter(|s| s.state != State::Taken) {
        Some(s) if s.state == State::Approved => enter(&cx, &headers).await,
        Some(s) if s.state == State::Refused => {
            let mut page = picture(&cx, &s).await?;
            account::put_cookie(&cx, &mut page, WAITS, "", 0);
            Ok(page)
        }
        // Sent here for something else than before: begun anew, or it would lead to the old place.
        Some(s) if safe(&q.next).is_empty() || safe(&q.next) == s.next => picture(&cx, &s).await,
        _ => begin(&cx, &headers, &q.next).await,
    }
}

async fn begin(cx: &Ctx, headers: &HeaderMap, next: &str) -> Result<Response> {
    let (visit, new) = account::visit(cx, headers, next);
    let (token, scan) = service::begin(cx, &visit).await?;
    let mut page = picture(cx, &scan).await?;
    account::put_cookie(cx, &mut page, WAITS, &token, HOLDS / 1000);
    account::know_again(cx, &mut page, &visit, new);
    Ok(page)
}

async fn picture(cx: &Ctx, s: &Scan) -> Result<Response> {
    let qr = kernel::qr::svg(&format!("{}/me/scan/{}", cx.app.config.url, s.id))?;
    let data = json!({ "qr": qr, "number": s.number, "state": s.state.name(), "next": s.next,
        "minutes": HOLDS / 60_000 });
    let page = cx.page("identity/scan/picture.html", data)?;
    Ok(crate::account::onward::allow(cx, &s.next, page).await)
}

async fn enter(cx: &Ctx, headers: &HeaderMap) -> Result<Response> {
    let mut response = match service::enter(cx, &token(headers)).await {
        Ok((Entry::In(session), next)) => account::entered(cx, &session, &next),
        Ok((Entry::Step(step, purpose), _)) => crate::factor::web::go(cx, purpose, &step),
        Err(Problem::Refusal(r)) if cx.html && r.status == 410 => see("/sign-in?over=1"),
        Err(p) => return Err(p),
    };
    account::put_cookie(cx, &mut response, WAITS, "", 0);
    Ok(response)
}

/// Where the waiting browser stands, for its page to follow.
pub(crate) async fn state(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    let scan = service::waiting(&cx, &token(&headers)).await?;
    let state = scan.map_or("over", |s| s.state.name());
    Ok(Body(json!({ "state": state })).into_response())
}

fn asked(cx: &Ctx, s: &Scan, here: bool) -> Json {
    json!({ "id": s.id, "browser": browser(&s.label), "here": here, "since": s.created_at,
        "choices": choices(&s.id, s.number), "name": cx.actor.name })
}

pub(crate) async fn scanned(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    match service::pictured(&cx, &id).await {
        Ok((scan, here)) => cx.page("identity/scan/question.html", asked(&cx, &scan, here)),
        Err(Problem::Refusal(r)) if cx.html => ended(&cx, status(&r), "bad", &cx.explains(&r)),
        Err(p) => Err(p),
    }
}

fn ended(cx: &Ctx, status: StatusCode, tone: &str, text: &str) -> Result<Response> {
    let data = json!({ "tone": tone, "text": text });
    cx.page_with(status, "identity/scan/answered.html", data)
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    /// Empty: none of mine.
    #[serde(default)]
    number: String,
}

pub(crate) async fn answer(cx: Ctx, Path(id): Path<String>, Form(f): Form<Choice>) -> Result<Response> {
    let (done, text) = match f.number.parse() {
        Ok(number) => (service::approve(&cx, &id, number).await, "identity-scan-approved"),
        Err(_) => (service::refuse(&cx, &id).await, "identity-scan-refused"),
    };
    match done {
        Ok(()) => ended(&cx, StatusCode::OK, "good", &cx.t(text, &[])),
        Err(Problem::Refusal(r)) if cx.html => said(&cx, &r),
        Err(p) => Err(p),
    }
}

fn said(cx: &Ctx, r: &Refusal) -> Result<Response> {
    ended(cx, status(r), "bad", &cx.explains(r))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let picture = |state: &str| json!({ "qr": "<svg viewBox=\"0 0 1 1\"></svg>", "number": 42, "state": state, "next": "", "minutes": 3 });
    let question = |here: bool| {
        json!({ "id": "a", "browser": "Firefox", "here": here, "since": 1_795_000_000_000i64, "choices": [17, 42, 63],
            "name": "演示居民甲" })
    };
    vec![
        sample("identity/scan/picture.html", "waiting", picture("waiting")),
        sample("identity/scan/picture.html", "refused", picture("refused")),
        sample("identity/scan/question.html", "same network", question(true)),
        sample("identity/scan/question.html", "elsewhere", question(false)),
        sample(
            "identity/scan/answered.html",
            "approved",
            json!({ "tone": "good", "text": "已确认登录" }),
        ),
        sample(
            "identity/scan/answered.html",
            "over",
            json!({ "tone": "bad", "text": "二维码已过期" }),
        ),
    ]
}
