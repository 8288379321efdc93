//! Sign-in, sign-out, security page.

use super::{service, store};
use axum::Form;
use axum::extract::Query;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use kernel::http::{see, session_name, set_cookie};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Only a path of this site.
fn safe(next: &str) -> &str {
    let ok = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if ok { next } else { "" }
}

pub(crate) async fn form(cx: Ctx, Query(q): Query<Next>) -> Result<Response> {
    cx.page(
        "identity/account/sign-in.html",
        json!({ "next": safe(&q.next), "login": "", "error": "" }),
    )
}

fn session_cookie(cx: &Ctx, response: &mut Response, token: &str, age: i64) {
    let config = &cx.app.config;
    let (name, secure) = (
        session_name(config),
        if config.secure() { "; Secure" } else { "" },
    );
    set_cookie(
        response,
        &format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}"),
    );
}

pub(crate) async fn sign_in(cx: Ctx, headers: HeaderMap, Form(f): Form<SignIn>) -> Result<Response> {
    let label: String = headers
        .get(header::USER_AGENT)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("browser")
        .chars()
        .take(80)
        .collect();
    match service::sign_in(&cx, &f.login, &f.password, &label).await {
        Ok(token) => {
            let to = match safe(&f.next) {
                "" => "/me",
                next => next,
            };
            let mut response = see(to);
            session_cookie(&cx, &mut response, &token, super::model::SESSION / 1000);
            Ok(response)
        }
        Err(Problem::Refusal(r)) if cx.html => {
            let status = kernel::http::status(&r);
            cx.page_with(
                status,
                "identity/account/sign-in.html",
                json!({ "next": safe(&f.next), "login": f.login, "error": cx.says(&r) }),
            )
        }
        Err(p) => Err(p),
    }
}

pub(crate) async fn sign_out(cx: Ctx) -> Result<Response> {
    service::sign_out(&cx).await?;
    let mut response = see("/");
    session_cookie(&cx, &mut response, "", 0);
    Ok(response)
}

pub(crate) async fn sign_out_everywhere(cx: Ctx) -> Result<Response> {
    service::sign_out_everywhere(&cx).await?;
    let mut response = see("/sign-in");
    session_cookie(&cx, &mut response, "", 0);
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
    session_cookie(&cx, &mut response, &token, super::model::SESSION / 1000);
    Ok(response)
}

pub(crate) async fn security(cx: Ctx) -> Result<Response> {
    let account = cx.actor.account.unwrap_or_default();
    let own = cx.actor.session.clone().unwrap_or_default();
    let subject = cx.actor.subject.clone().unwrap_or_default();
    let (sessions, accesses) = cx
        .read("identity.sessions", |tx| {
            let sessions: Vec<_> = store::sessions(tx, account, cx.now())?
                .into_iter()
                .map(|s| json!({ "label": s.label, "since": s.created_at, "current": s.token == own, "family": s.family }))
                .collect();
            Ok((sessions, store::accesses(tx, &subject)?))
        })
        .await?;
    cx.page(
        "identity/account/security.html",
        json!({ "sessions": sessions, "accesses": accesses }),
    )
}

pub(crate) fn samples() -> Vec<Sample> {
    vec![
        Sample {
            template: "identity/account/sign-in.html",
            name: "fresh",
            data: json!({ "next": "", "login": "", "error": "" }),
        },
        Sample {
            template: "identity/account/sign-in.html",
            name: "refused",
            data: json!({ "next": "/me", "login": "x", "error": "账号或密码不对。" }),
        },
        Sample {
            template: "identity/account/security.html",
            name: "two sessions",
            data: json!({ "sessions": [
                { "label": "Firefox", "since": 1_795_000_000_000i64, "current": true, "family": "a" },
                { "label": "phone", "since": 1_795_000_000_000i64, "current": false, "family": "b" }],
                "accesses": [{ "who": "综合窗口", "fields": "name", "purpose": "case", "at": 1_795_000_000_000i64 }] }),
        },
    ]
}
