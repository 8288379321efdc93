//! The end-session endpoint (OpenID Connect RP-Initiated Logout 1.0).

use super::service::{self, Wish};
use axum::Form;
use axum::extract::{RawForm, RawQuery};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use kernel::http::{policy, see};
use kernel::module::Sample;
use kernel::{Ctx, Result};
use serde::Deserialize;
use serde_json::json;

pub(crate) async fn by_form(RawForm(raw): RawForm) -> Response {
    let raw = std::str::from_utf8(&raw).unwrap_or_default();
    see(&format!("/openid/logout?{}", raw.replace(['\r', '\n'], "")))
}

pub(crate) async fn show(cx: Ctx, RawQuery(raw): RawQuery) -> Result<Response> {
    let raw = raw.unwrap_or_default();
    let wish = match service::wish(&cx, &raw).await? {
        Ok(wish) => wish,
        Err(e) => return wrong(&cx, e),
    };
    if !wish.ask {
        return end(&cx, &wish).await;
    }
    let name = wish.client.as_ref().map(|c| c.name.clone());
    let page = cx.page(
        "openid/logout/ask.html",
        json!({ "q": raw, "client": name, "name": cx.actor.name }),
    )?;
    Ok(onward(page, wish.to.as_deref()))
}

fn wrong(cx: &Ctx, e: oidc::error::OAuthError) -> Result<Response> {
    let data = json!({ "code": e.code.as_str(), "why": e.why });
    cx.page_with(StatusCode::BAD_REQUEST, "openid/grant/wrong.html", data)
}

fn onward(mut page: Response, to: Option<&str>) -> Response {
    let to = to.and_then(crate::grant::web::origin).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&policy(&to)) {
        page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    page
}

/// Ends the browser's session, if there is one, and goes on.
async fn end(cx: &Ctx, wish: &Wish) -> Result<Response> {
    let to = wish.to.as_deref().unwrap_or("/openid/logout/done");
    match cx.actor.signed_in() {
        true => identity::api::sign_out_to(cx, to).await,
        false => Ok(see(to)),
    }
}

#[derive(Deserialize)]
pub(crate) struct Confirmed {
    #[serde(default)]
    q: String,
}

pub(crate) async fn confirm(cx: Ctx, Form(f): Form<Confirmed>) -> Result<Response> {
    match service::wish(&cx, &f.q).await? {
        Ok(wish) => end(&cx, &wish).await,
        Err(e) => wrong(&cx, e),
    }
}

pub(crate) async fn done(cx: Ctx) -> Result<Response> {
    cx.page("openid/logout/done.html", json!({}))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(
            "openid/logout/ask.html",
            "a system",
            json!({ "q": "", "client": "演示停车系统", "name": "演示居民" }),
        ),
        sample(
            "openid/logout/ask.html",
            "nobody",
            json!({ "q": "", "client": null, "name": "演示居民" }),
        ),
        sample("openid/logout/done.html", "one", json!({})),
    ]
}
