//! Signing in with a code by SMS; one's own number.

use super::{model, service, store};
use crate::account::service::Entry;
use crate::account::web::{self as account, Next, safe};
use axum::Form;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kernel::http::{cookie, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The cookie of a browser that waits for a code.
const WAITS: &str = "yw_phone";

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Typed {
    phone: String,
    code: String,
    next: String,
}

fn token(headers: &HeaderMap) -> String {
    cookie(headers, WAITS).unwrap_or_default()
}

fn gone(r: &Refusal) -> bool {
    r.key == "identity-step-over"
}

fn said(cx: &Ctx, refused: Option<&Refusal>) -> (StatusCode, String) {
    refused.map_or((StatusCode::OK, String::new()), |r| (status(r), cx.explains(r)))
}

async fn sign_in_page(cx: &Ctx, phone: &str, next: &str, refused: Option<&Refusal>) -> Result<Response> {
    let (status, error) = said(cx, refused);
    let data =
        json!({ "phone": phone, "next": safe(next), "error": error, "open": comms::api::sms_open(cx)? });
    let page = cx.page_with(status, "identity/phone/sign-in.html", data)?;
    Ok(crate::account::onward::allow(cx, next, page).await)
}

pub(crate) async fn form(cx: Ctx, Query(q): Query<Next>) -> Result<Response> {
    sign_in_page(&cx, "", &q.next, None).await
}

pub(crate) async fn ask(cx: Ctx, headers: HeaderMap, Form(f): Form<Typed>) -> Result<Response> {
    let (visit, new) = account::visit(&cx, &headers, &f.next);
    match service::ask_to_sign_in(&cx, &f.phone, &visit).await {
        Ok(token) => {
            let mut response = see("/sign-in/phone/code");
            account::put_cookie(&cx, &mut response, WAITS, &token, model::HOLDS / 1000);
            account::know_again(&cx, &mut response, &visit, new);
            Ok(response)
        }
        Err(Problem::Refusal(r)) if cx.html => sign_in_page(&cx, &f.phone, &f.next, Some(&r)).await,
        Err(p) => Err(p),
    }
}

async fn code_page(cx: &Ctx, token: &str, refused: Option<&Refusal>) -> Result<Response> {
    let (to, next) = service::sent_to(cx, token).await?;
    let (status, error) = said(cx, refused);
    let own = cx.actor.signed_in();
    let data = json!({ "to": to, "error": error, "own": own, "minutes": model::HOLDS / 60_000 });
    let page = cx.page_with(status, "identity/phone/code.html", data)?;
    Ok(crate::account::onward::allow(cx, &next, page).await)
}

pub(crate) async fn code(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    match code_page(&cx, &token(&headers), None).await {
        Err(Problem::Refusal(r)) if cx.html && gone(&r) => Ok(see("/sign-in/phone")),
        other => other,
    }
}

pub(crate) async fn sign_in(cx: Ctx, headers: HeaderMap, Form(f): Form<Typed>) -> Result<Response> {
    let token = token(&headers);
    match service::sign_in(&cx, &token, &f.code).await {
        Ok((entry, visit)) => {
            let mut response = match entry {
                Entry::In(session) => account::entered(&cx, &session, &visit.next),
                Entry::Step(step, purpose) => crate::factor::web::go(&cx, purpose, &step),
            };
            account::put_cookie(&cx, &mut response, WAITS, "", 0);
            Ok(response)
        }
        Err(Problem::Refusal(r)) if cx.html && gone(&r) => Ok(see("/sign-in?over=1")),
        Err(Problem::Refusal(r)) if cx.html => match code_page(&cx, &token, Some(&r)).await {
            Err(Problem::Refusal(r)) if gone(&r) => Ok(see("/sign-in?over=1")),
            other => other,
        },
        Err(p) => Err(p),
    }
}

async fn own_page(cx: &Ctx, phone: &str, refused: Option<&Refusal>) -> Result<Response> {
    let subject = cx.actor.subject.clone().unwrap_or_default();
    let (known, since) = cx
        .read("identity.own-phone", |tx| {
            let person = crate::api::party(cx, tx, &subject)?;
            Ok((person.and_then(|p| p.phone), store::confirmed_at(tx, &subject)?))
        })
        .await?;
    let (status, error) = said(cx, refused);
    let data = json!({ "known": known.as_deref().map(model::masked), "since": since, "phone": phone, "error": error,
        "open": comms::api::sms_open(cx)? });
    cx.page_with(status, "identity/phone/own.html", data)
}

pub(crate) async fn own(cx: Ctx) -> Result<Response> {
    own_page(&cx, "", None).await
}

pub(crate) async fn ask_own(cx: Ctx, Form(f): Form<Typed>) -> Result<Response> {
    match service::ask_to_confirm(&cx, &f.phone).await {
        Ok(token) => {
            let mut response = see("/me/phone/code");
            account::put_cookie(&cx, &mut response, WAITS, &token, model::HOLDS / 1000);
            Ok(response)
        }
        Err(Problem::Refusal(r)) if cx.html => own_page(&cx, &f.phone, Some(&r)).await,
        Err(p) => Err(p),
    }
}

pub(crate) async fn own_code(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    match code_page(&cx, &token(&headers), None).await {
        Err(Problem::Refusal(r)) if cx.html && gone(&r) => Ok(see("/me/phone")),
        other => other,
    }
}

pub(crate) async fn confirm(cx: Ctx, headers: HeaderMap, Form(f): Form<Typed>) -> Result<Response> {
    let token = token(&headers);
    match service::confirm(&cx, &token, &f.code).await {
        Ok(()) => {
            let mut response = see("/me/phone");
            account::put_cookie(&cx, &mut response, WAITS, "", 0);
            Ok(response)
        }
        Err(Problem::Refusal(r)) if cx.html => match code_page(&cx, &token, Some(&r)).await {
            Err(Problem::Refusal(over)) if gone(&over) => own_page(&cx, "", Some(&over)).await,
            other => other,
        },
        Err(p) => Err(p),
    }
}

pub(crate) async fn remove(cx: Ctx) -> Result<Response> {
    service::remove(&cx).await?;
    Ok(see("/me/phone"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let sign_in = |phone: &str, error: &str, open: bool| json!({ "phone": phone, "next": "", "error": error, "open": open });
    let code =
        |error: &str, own: bool| json!({ "to": "199****0001", "error": error, "own": own, "minutes": 5 });
    let own = |since: Json, error: &str| json!({ "known": "199****0001", "since": since, "phone": "", "error": error, "open": true });
    vec![
        sample("identity/phone/sign-in.html", "fresh", sign_in("", "", true)),
        sample(
            "identity/phone/sign-in.html",
            "refused",
            sign_in("123", "手机号应为 11 位", true),
        ),
        sample("identity/phone/sign-in.html", "closed", sign_in("", "", false)),
        sample("identity/phone/code.html", "fresh", code("", false)),
        sample(
            "identity/phone/code.html",
            "own, refused",
            code("验证码不对", true),
        ),
        sample("identity/phone/own.html", "not confirmed", own(Json::Null, "")),
        sample(
            "identity/phone/own.html",
            "confirmed",
            own(json!(1_795_000_000_000i64), ""),
        ),
    ]
}
