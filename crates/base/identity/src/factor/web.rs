//! The second step of a sign-in; apps and recovery codes on the security page.

use super::service::{self, Done, Enrolment};
use crate::account::web::{self as account, safe};
use axum::Form;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kernel::http::{cookie, see, set_cookie, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The cookie of a sign-in that waits for its second step.
const STEP: &str = "yw_step";

#[derive(Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
}

/// Sends the browser on to the step that is left.
pub(crate) fn go(cx: &Ctx, purpose: super::model::Purpose, token: &str) -> Response {
    let mut response = see(match purpose {
        super::model::Purpose::Show => "/sign-in/code",
        super::model::Purpose::Enrol => "/sign-in/enrolment",
    });
    put_step(cx, &mut response, token, super::model::WAITS / 1000);
    response
}

fn put_step(cx: &Ctx, response: &mut Response, token: &str, age: i64) {
    let secure = if cx.app.config.secure() { "; Secure" } else { "" };
    set_cookie(
        response,
        &format!("{STEP}={token}; Path=/sign-in; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"),
    );
}

pub(crate) fn step(headers: &HeaderMap) -> String {
    cookie(headers, STEP).unwrap_or_default()
}

/// A step that is over is begun again with the password; any other refusal is for the page.
fn over(r: &Refusal) -> bool {
    r.key == "identity-step-over"
}

pub(crate) async fn form(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    code_page(&cx, &headers, None).await
}

async fn code_page(cx: &Ctx, headers: &HeaderMap, refused: Option<&Refusal>) -> Result<Response> {
    let waiting = service::peek(cx, &step(headers)).await?;
    let data = json!({ "error": refused.map(|r| cx.explains(r)).unwrap_or_default(), "app": waiting.app,
        "passkey": waiting.passkey });
    let status = refused.map_or(StatusCode::OK, status);
    let page = cx.page_with(status, "identity/factor/code.html", data)?;
    // This page's form leads to where the sign-in does.
    Ok(crate::account::onward::allow(cx, &waiting.next, page).await)
}

pub(crate) async fn show(cx: Ctx, headers: HeaderMap, Form(f): Form<Code>) -> Result<Response> {
    match service::show(&cx, &step(&headers), &f.code).await {
        Ok(done) => Ok(entered(&cx, &done, see(destination(&done)))),
        Err(Problem::Refusal(r)) if cx.html && over(&r) => Ok(see("/sign-in?over=1")),
        Err(Problem::Refusal(r)) if cx.html => code_page(&cx, &headers, Some(&r)).await,
        Err(p) => Err(p),
    }
}

pub(crate) fn destination(done: &Done) -> &str {
    match safe(&done.next) {
        "" => "/me",
        next => next,
    }
}

pub(crate) fn entered(cx: &Ctx, done: &Done, mut response: Response) -> Response {
    account::put_session(cx, &mut response, &done.session);
    put_step(cx, &mut response, "", 0);
    response
}

fn enrolment_page(cx: &Ctx, e: &Enrolment, action: &str, refused: Option<&Refusal>) -> Result<Response> {
    let secret: Vec<&str> = e
        .secret
        .as_bytes()
        .chunks(4)
        .filter_map(|c| std::str::from_utf8(c).ok())
        .collect();
    let data = json!({ "qr": kernel::qr::svg(&e.url)?, "url": e.url, "secret": secret.join(" "), "action": action,
        "error": refused.map(|r| cx.explains(r)).unwrap_or_default(), "must": action.starts_with("/sign-in") });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/factor/enrolment.html",
        data,
    )
}

fn codes_page(cx: &Ctx, codes: &[String], next: &str) -> Result<Response> {
    cx.page(
        "identity/factor/codes.html",
        json!({ "codes": codes, "next": next }),
    )
}

const ENROLMENT: &str = "/sign-in/enrolment";

pub(crate) async fn enrolling(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    match service::enrolling(&cx, &step(&headers)).await {
        Ok(e) => enrolment_page(&cx, &e, ENROLMENT, None),
        Err(Problem::Refusal(r)) if cx.html && over(&r) => Ok(see("/sign-in?over=1")),
        Err(p) => Err(p),
    }
}

pub(crate) async fn enrol(cx: Ctx, headers: HeaderMap, Form(f): Form<Code>) -> Result<Response> {
    let token = step(&headers);
    match service::enrol(&cx, &token, &f.code).await {
        Ok(done) => {
            let page = codes_page(&cx, &done.codes, destination(&done))?;
            Ok(entered(&cx, &done, page))
        }
        Err(Problem::Refusal(r)) if cx.html && over(&r) => Ok(see("/sign-in?over=1")),
        Err(Problem::Refusal(r)) if cx.html => {
            let e = service::enrolling(&cx, &token).await?;
            enrolment_page(&cx, &e, ENROLMENT, Some(&r))
        }
        Err(p) => Err(p),
    }
}

pub(crate) async fn add(cx: Ctx) -> Result<Response> {
    let id = service::add(&cx).await?;
    Ok(see(&format!("/me/security/factors/{id}")))
}

pub(crate) async fn adding(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let e = service::adding(&cx, &id).await?;
    enrolment_page(&cx, &e, &format!("/me/security/factors/{id}"), None)
}

pub(crate) async fn added(cx: Ctx, Path(id): Path<String>, Form(f): Form<Code>) -> Result<Response> {
    match service::added(&cx, &id, &f.code).await {
        Ok(codes) => codes_page(&cx, &codes, "/me/security"),
        Err(Problem::Refusal(r)) if cx.html && r.key == "identity-wrong-code" => {
            let e = service::adding(&cx, &id).await?;
            enrolment_page(&cx, &e, &format!("/me/security/factors/{id}"), Some(&r))
        }
        Err(p) => Err(p),
    }
}

pub(crate) async fn remove(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::remove(&cx, &id).await?;
    Ok(see("/me/security"))
}

pub(crate) async fn renew(cx: Ctx) -> Result<Response> {
    codes_page(&cx, &service::renew(&cx).await?, "/me/security")
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let code =
        |app: bool, passkey: bool, error: &str| json!({ "error": error, "app": app, "passkey": passkey });
    let enrolment = |must: bool, error: &str| {
        json!({ "qr": "<svg viewBox=\"0 0 1 1\"></svg>", "url": "otpauth://totp/x", "secret": "ABCD EFGH", "action": "/x",
            "error": error, "must": must })
    };
    vec![
        sample("identity/factor/code.html", "fresh", code(true, false, "")),
        sample(
            "identity/factor/code.html",
            "refused",
            code(true, true, "验证码不对"),
        ),
        sample(
            "identity/factor/code.html",
            "a passkey only",
            code(false, true, ""),
        ),
        sample("identity/factor/enrolment.html", "must", enrolment(true, "")),
        sample(
            "identity/factor/enrolment.html",
            "refused",
            enrolment(false, "验证码不对"),
        ),
        sample(
            "identity/factor/codes.html",
            "ten",
            json!({ "codes": ["abcd-efgh-jkmn-pqrs"], "next": "/me" }),
        ),
    ]
}
