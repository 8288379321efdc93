//! Passkeys over JSON for the page's script; removal and names as forms.

use super::service;
use crate::account::web as account;
use crate::factor::web as factor;
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::post;
use axum::{Form, Json as Body};
use kernel::http::{cookie, reply, see, set_cookie};
use kernel::module::FactType;
use kernel::rate::Rate;
use kernel::{Ctx, Door, Result, Route};
use serde::Deserialize;
use serde_json::{Value as Json, json};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("/sign-in/passkey/options", Door::Public, post(enter_options)).rate(Rate::Lookup),
        Route::new("/sign-in/passkey", Door::Public, post(enter)).rate(Rate::Guess),
        Route::new("/sign-in/passkey/step/options", Door::Public, post(step_options)).rate(Rate::Guess),
        Route::new("/sign-in/passkey/step", Door::Public, post(step)).rate(Rate::Guess),
        Route::new("/me/passkeys/options", Door::SignedIn, post(add_options)),
        Route::new("/me/passkeys", Door::SignedIn, post(add)),
        Route::new("/me/passkeys/{id}/name", Door::SignedIn, post(rename)),
        Route::new("/me/passkeys/{id}/removal", Door::SignedIn, post(remove)),
    ]
}

pub(crate) fn facts() -> Vec<FactType> {
    let audit = |name| FactType {
        name,
        unconsumed: Some("audit only; the owner is told in the same transaction where it matters"),
    };
    vec![
        audit("identity.passkey.added"),
        audit("identity.passkey.renamed"),
        audit("identity.passkey.removed"),
        audit("identity.passkey.suspected"),
    ]
}

/// The cookie that binds a challenge of a sign-in to its browser.
const BOUND: &str = "yw_passkey";

fn put_bound(cx: &Ctx, response: &mut Response, token: &str, age: i64) {
    let secure = if cx.app.config.secure() { "; Secure" } else { "" };
    set_cookie(
        response,
        &format!("{BOUND}={token}; Path=/sign-in; HttpOnly; SameSite=Strict; Max-Age={age}{secure}"),
    );
}

fn bound(headers: &HeaderMap) -> Option<String> {
    cookie(headers, BOUND).filter(|t| t.len() == 32 && t.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[derive(Deserialize)]
pub(crate) struct Shown {
    credential: Json,
    #[serde(default)]
    next: String,
}

pub(crate) async fn enter_options(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    // The same for all challenges of one page: the list beside the field and the button wait side by side.
    let token = bound(&headers).unwrap_or_else(|| hex::encode(cx.random::<16>()));
    let options = service::enter_options(&cx, &token).await?;
    let mut response = reply(json!({ "publicKey": options }));
    put_bound(&cx, &mut response, &token, super::model::WAITS / 1000);
    Ok(response)
}

pub(crate) async fn enter(cx: Ctx, headers: HeaderMap, Body(f): Body<Shown>) -> Result<Response> {
    let (visit, new) = account::visit(&cx, &headers, &f.next);
    let token = bound(&headers).unwrap_or_default();
    let session = service::enter(&cx, &token, &f.credential, &visit).await?;
    let to = if visit.next.is_empty() { "/me" } else { &visit.next };
    let mut response = reply(json!({ "to": to }));
    account::put_session(&cx, &mut response, &session);
    put_bound(&cx, &mut response, "", 0);
    account::know_again(&cx, &mut response, &visit, new);
    Ok(response)
}

pub(crate) async fn step_options(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    let options = service::step_options(&cx, &factor::step(&headers)).await?;
    Ok(reply(json!({ "publicKey": options })))
}

pub(crate) async fn step(cx: Ctx, headers: HeaderMap, Body(f): Body<Shown>) -> Result<Response> {
    let done = service::step(&cx, &factor::step(&headers), &f.credential).await?;
    let response = reply(json!({ "to": factor::destination(&done) }));
    Ok(factor::entered(&cx, &done, response))
}

#[derive(Deserialize)]
pub(crate) struct Added {
    #[serde(default)]
    name: String,
    credential: Json,
}

#[derive(Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    name: String,
}

pub(crate) async fn add_options(cx: Ctx) -> Result<Response> {
    Ok(reply(json!({ "publicKey": service::add_options(&cx).await? })))
}

pub(crate) async fn add(cx: Ctx, headers: HeaderMap, Body(f): Body<Added>) -> Result<Response> {
    let label = headers.get(header::USER_AGENT).and_then(|h| h.to_str().ok());
    let recovery = service::add(&cx, &f.name, label.unwrap_or("browser"), &f.credential).await?;
    Ok(reply(json!({ "to": "/me/security", "recovery": recovery })))
}

pub(crate) async fn rename(cx: Ctx, Path(id): Path<String>, Form(f): Form<Named>) -> Result<Response> {
    service::rename(&cx, &id, &f.name).await?;
    Ok(see("/me/security"))
}

pub(crate) async fn remove(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::remove(&cx, &id).await?;
    Ok(see("/me/security"))
}
