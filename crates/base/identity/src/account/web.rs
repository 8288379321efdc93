//! Sign-in, sign-out, security page; the browser's cookies.

use super::model::browser;
use super::service::{Entry, Visit};
use super::{onward, service, store};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use kernel::http::{cookie, see, session_name, set_cookie};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    pub next: String,
    /// The second step came too late.
    #[serde(default)]
    over: String,
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Only a path of this site.
pub(crate) fn safe(next: &str) -> &str {
    let ok = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if ok { next } else { "" }
}

pub(crate) async fn form(cx: Ctx, Query(q): Query<Next>) -> Result<Response> {
    let error = if q.over.is_empty() {
        String::new()
    } else {
        cx.t("identity-step-over", &[])
    };
    let data = json!({ "next": safe(&q.next), "login": "", "error": error, "sms": comms::api::sms_open(&cx)?,
        "passkeys": offered(&cx) });
    let page = cx.page("identity/account/sign-in.html", data)?;
    Ok(onward::allow(&cx, &q.next, page).await)
}

fn offered(cx: &Ctx) -> bool {
    crate::passkey::service::party(cx).is_some()
}

/// The cookie by which a browser is known again, whoever signs in with it.
const DEVICE: &str = "yw_device";
/// Its life in seconds.
const DEVICE_AGE: i64 = 365 * 86_400;

pub(crate) fn put_cookie(cx: &Ctx, response: &mut Response, name: &str, value: &str, age: i64) {
    let secure = if cx.app.config.secure() { "; Secure" } else { "" };
    set_cookie(
        response,
        &format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"),
    );
}

/// Gives the browser its session; an empty token takes it away.
pub(crate) fn put_session(cx: &Ctx, response: &mut Response, token: &str) {
    let age = if token.is_empty() {
        0
    } else {
        super::model::SESSION / 1000
    };
    put_cookie(cx, response, session_name(&cx.app.config), token, age);
}

/// The browser behind a sign-in, and whether it is here for the first time.
pub(crate) fn visit(cx: &Ctx, headers: &HeaderMap, next: &str) -> (Visit, bool) {
    let label = headers.get(header::USER_AGENT).and_then(|h| h.to_str().ok());
    let known = cookie(headers, DEVICE).filter(|d| d.len() == 32 && d.bytes().all(|b| b.is_ascii_hexdigit()));
    let new = known.is_none();
    let visit = Visit {
        label: label.unwrap_or("browser").chars().take(160).collect(),
        device: known.unwrap_or_else(|| hex::encode(cx.random::<16>())),
        next: safe(next).to_string(),
        shown_at: None,
    };
    (visit, new)
}

/// Lets a browser that is here for the first time be known again.
pub(crate) fn know_again(cx: &Ctx, response: &mut Response, visit: &Visit, new: bool) {
    if new {
        put_cookie(cx, response, DEVICE, &visit.device, DEVICE_AGE);
    }
}

/// The session has begun: on to where its reader wanted to go.
pub(crate) fn entered(cx: &Ctx, session: &str, next: &str) -> Response {
    let mut response = see(match safe(next) {
        "" => "/me",
        next => next,
    });
    put_session(cx, &mut response, session);
    response
}

pub(crate) async fn sign_in(cx: Ctx, headers: HeaderMap, Form(f): Form<SignIn>) -> Result<Response> {
    let (visit, new) = visit(&cx, &headers, &f.next);
    let mut response = match service::sign_in(&cx, &f.login, &f.password, &visit).await {
        Ok(Entry::In(token)) => entered(&cx, &token, &visit.next),
        Ok(Entry::Step(token, purpose)) => crate::factor::web::go(&cx, purpose, &token),
        Err(Problem::Refusal(r)) if cx.html => {
            let status = kernel::http::status(&r);
            let data = json!({ "next": visit.next, "login": f.login, "error": cx.explains(&r), "sms": comms::api::sms_open(&cx)?,
                "passkeys": offered(&cx) });
            let page = cx.page_with(status, "identity/account/sign-in.html", data)?;
            return Ok(onward::allow(&cx, &visit.next, page).await);
        }
        Err(p) => return Err(p),
    };
    know_again(&cx, &mut response, &visit, new);
    Ok(response)
}

pub(crate) async fn sign_out(cx: Ctx) -> Result<Response> {
    sign_out_to(&cx, "/").await
}

/// Ends this browser's session and sends it on.
pub async fn sign_out_to(cx: &Ctx, to: &str) -> Result<Response> {
    service::sign_out(cx).await?;
    let mut response = see(to);
    put_session(cx, &mut response, "");
    Ok(response)
}

pub(crate) async fn sign_out_everywhere(cx: Ctx) -> Result<Response> {
    service::sign_out_everywhere(&cx).await?;
    let mut response = see("/sign-in");
    put_session(&cx, &mut response, "");
    Ok(response)
}

#[derive(Deserialize)]
pub(crate) struct Acting {
    #[serde(default)]
    firm: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn act_for(cx: Ctx, Form(f): Form<Acting>) -> Result<Response> {
    let token = service::act_for(&cx, Some(f.firm.as_str()).filter(|s| !s.is_empty())).await?;
    let mut response = see(if safe(&f.next).is_empty() {
        "/me"
    } else {
        safe(&f.next)
    });
    put_session(&cx, &mut response, &token);
    Ok(response)
}

/// Ends one of one's own sessions.
pub(crate) async fn end_one(cx: Ctx, Path(handle): Path<String>) -> Result<Response> {
    service::end_one(&cx, &handle).await?;
    Ok(see("/me/security"))
}

pub(crate) async fn security(cx: Ctx) -> Result<Response> {
    let account = cx.actor.account.unwrap_or_default();
    let own = cx.actor.session.clone().unwrap_or_default();
    let subject = cx.actor.subject.clone().unwrap_or_default();
    let data = cx
        .read("identity.sessions", |tx| {
            let sessions: Vec<_> = store::sessions(tx, account, cx.now())?
                .into_iter()
                .map(|s| {
                    let second = s.methods.contains("mfa");
                    json!({ "label": browser(&s.label), "since": s.shown_at, "current": s.token == own, "handle": s.handle(),
                        "api": s.methods.is_empty(), "second": second })
                })
                .collect();
            let factors: Vec<_> = crate::factor::store::factors(tx, account)?
                .iter()
                .map(|f| json!({ "id": f.id, "kind": f.kind, "since": f.created_at }))
                .collect();
            let left = crate::factor::store::recovery_left(tx, account)?;
            let accesses = store::accesses(tx, &subject)?;
            let passkeys = crate::passkey::service::own(&cx, tx, account)?;
            Ok(json!({ "sessions": sessions, "factors": factors, "recovery": left, "accesses": accesses,
                "passkeys": passkeys, "offered": offered(&cx) }))
        })
        .await?;
    cx.page("identity/account/security.html", data)
}

pub(crate) fn samples() -> Vec<Sample> {
    vec![
        Sample {
            template: "identity/account/sign-in.html",
            name: "fresh",
            data: json!({ "next": "", "login": "", "error": "", "sms": true, "passkeys": true }),
        },
        Sample {
            template: "identity/account/sign-in.html",
            name: "refused",
            data: json!({ "next": "/me", "login": "x", "error": "账号或密码不对。", "sms": false, "passkeys": false }),
        },
        Sample {
            template: "identity/account/security.html",
            name: "two sessions and an app",
            data: json!({ "sessions": [
                { "label": "Firefox", "since": 1_795_000_000_000i64, "current": true, "handle": "a", "api": false, "second": true },
                { "label": "api", "since": 1_795_000_000_000i64, "current": false, "handle": "b", "api": true, "second": false }],
                "factors": [{ "id": "f", "kind": "totp", "since": 1_795_000_000_000i64 }], "recovery": 9, "offered": true,
                "passkeys": [
                    { "id": "p", "name": "我的手机", "since": 1_795_000_000_000i64, "used": 1_795_000_000_000i64, "with": "Chrome",
                        "synced": true, "suspected": false },
                    { "id": "q", "name": "安全密钥", "since": 1_795_000_000_000i64, "used": null, "with": "", "synced": false,
                        "suspected": true }],
                "accesses": [{ "who": "综合窗口", "fields": "name", "purpose": "case", "at": 1_795_000_000_000i64 }] }),
        },
        Sample {
            template: "identity/account/security.html",
            name: "no app, nobody looked",
            data: json!({ "sessions": [{ "label": "Firefox", "since": 1_795_000_000_000i64, "current": true, "handle": "a", "api": false,
                "second": false }], "factors": [], "recovery": 0, "accesses": [], "passkeys": [], "offered": true }),
        },
    ]
}
