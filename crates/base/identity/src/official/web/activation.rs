//! The page where a new official sets the own password.

use crate::official::activate;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::json;

const PAGE: &str = "identity/official/activation.html";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    secret: String,
    password: String,
    again: String,
}

fn page(
    cx: &Ctx,
    code: StatusCode,
    secret: &str,
    login: &str,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let data = json!({ "secret": secret, "login": login, "error": refused.map(|r| cx.explains(r)) });
    cx.page_with(code, PAGE, data)
}

pub(crate) async fn form(cx: Ctx, Query(q): Query<Typed>) -> Result<Response> {
    match activate::peek(&cx, &q.secret).await {
        Ok(login) => page(&cx, StatusCode::OK, &q.secret, &login, None),
        Err(Problem::Refusal(r)) if cx.html => page(&cx, status(&r), "", "", Some(&r)),
        Err(e) => Err(e),
    }
}

pub(crate) async fn set(cx: Ctx, Form(f): Form<Typed>) -> Result<Response> {
    match activate::activate(&cx, &f.secret, &f.password, &f.again).await {
        Ok(()) => Ok(see("/sign-in")),
        Err(Problem::Refusal(r)) if cx.html => {
            // With a secret that is over there is nothing to try again.
            let login = activate::peek(&cx, &f.secret).await.unwrap_or_default();
            let secret = if login.is_empty() { "" } else { f.secret.as_str() };
            page(&cx, status(&r), secret, &login, Some(&r))
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |name, data| Sample {
        template: PAGE,
        name,
        data,
    };
    vec![
        sample(
            "fresh",
            json!({ "secret": "s", "login": "newcomer", "error": null }),
        ),
        sample(
            "refused",
            json!({ "secret": "s", "login": "newcomer", "error": "两次输入的密码不一样" }),
        ),
        sample(
            "over",
            json!({ "secret": "", "login": "", "error": "这个链接已经失效" }),
        ),
    ]
}
