//! The holder's pages: the code, the devices.

use super::{service, store};
use crate::format::Kind;
use axum::Json as Body;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use kernel::http::{reply, reply_with, see};
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// A page without script fetches the next code after so many seconds.
const NEXT: u32 = 30;

pub(crate) async fn page(cx: Ctx) -> Result<Response> {
    let (code, kind) = service::shown(&cx).await?;
    let data = json!({ "qr": kernel::qr::svg(&code)?, "code": code, "firm": kind == Kind::Firm, "name": cx.actor.name, "next": NEXT });
    let mut page = cx.page("onecode/code/own.html", data)?;
    page.headers_mut().insert(
        header::REFRESH,
        HeaderValue::from_str(&format!("{NEXT}")).unwrap_or(HeaderValue::from_static("30")),
    );
    Ok(page)
}

pub(crate) async fn image(cx: Ctx) -> Result<Response> {
    let (code, _) = service::shown(&cx).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], kernel::qr::svg(&code)?).into_response())
}

/// The shell that works without a network; everybody's alike.
pub(crate) async fn shell(cx: Ctx) -> Result<Response> {
    cx.page("onecode/code/shell.html", json!({}))
}

fn listed(cx: &Ctx, d: &store::Device) -> Json {
    let ended = d.revoked || d.not_after < service::seconds(cx);
    json!({ "device": d.id, "name": d.name, "kind": d.kind, "not_after": d.not_after, "until": d.not_after * 1000, "since": d.created_at,
        "revoked": d.revoked, "ended": ended })
}

async fn own(cx: &Ctx) -> Result<Vec<Json>> {
    let account = cx.actor.account.unwrap_or_default();
    cx.read("onecode.devices", |tx| {
        Ok(store::of_account(tx, account)?
            .iter()
            .map(|d| listed(cx, d))
            .collect())
    })
    .await
}

pub(crate) async fn devices(cx: Ctx) -> Result<Response> {
    let items = own(&cx).await?;
    cx.page("onecode/code/devices.html", json!({ "items": items }))
}

pub(crate) async fn devices_json(cx: Ctx) -> Result<Response> {
    let items = own(&cx).await?;
    Ok(reply(json!({ "devices": items })))
}

#[derive(Deserialize)]
pub(crate) struct Binding {
    #[serde(default)]
    name: String,
    kind: String,
    key: Point,
}

#[derive(Deserialize)]
struct Point {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

pub(crate) async fn bind(cx: Ctx, Body(b): Body<Binding>) -> Result<Response> {
    let kind = Kind::of(&b.kind).filter(|_| b.key.kty == "EC" && b.key.crv == "P-256");
    let kind = kind.ok_or_else(|| Refusal::new("onecode-key"))?;
    let bound = service::bind(&cx, &b.name, kind, &b.key.x, &b.key.y).await?;
    let answer = json!({ "device": bound.device, "certificate": B64.encode(&bound.certificate), "not_after": bound.not_after,
        "label": bound.label });
    Ok(reply_with(StatusCode::CREATED, answer))
}

pub(crate) async fn remove(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::remove(&cx, &id).await?;
    Ok(see("/me/code/devices"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let own = |firm: bool| json!({ "qr": "<svg viewBox=\"0 0 1 1\"></svg>", "code": "YW1.x", "firm": firm, "name": "演示居民", "next": 30 });
    let device = |ended: bool| {
        json!({ "device": "00ff", "name": "我的手机", "kind": "person", "not_after": 1, "until": 1_795_000_000_000i64, "since": 1_795_000_000_000i64,
            "revoked": ended, "ended": ended })
    };
    vec![
        sample("onecode/code/own.html", "person", own(false)),
        sample("onecode/code/own.html", "firm", own(true)),
        sample("onecode/code/shell.html", "one", json!({})),
        sample("onecode/code/devices.html", "none", json!({ "items": [] })),
        sample(
            "onecode/code/devices.html",
            "two",
            json!({ "items": [device(false), device(true)] }),
        ),
    ]
}
