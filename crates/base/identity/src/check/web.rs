//! Going to the adapter's page, and its receipts.

pub(crate) use super::service::{adapter, newest};

use super::service;
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::http::{reply, see};
use kernel::{Ctx, Problem, Result};
use serde_json::json;

pub(crate) async fn ask(cx: Ctx) -> Result<Response> {
    match service::ask(&cx).await {
        Ok(page) => Ok(see(&page)),
        Err(Problem::Refusal(r)) if cx.html => crate::assurance::web::page(&cx, "", Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn receipts(cx: Ctx, headers: HeaderMap, body: String) -> Result<Response> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let (time, signature) = (header("x-yiwang-timestamp"), header("x-yiwang-signature"));
    let changed = service::receive(&cx, time, signature, &body).await?;
    Ok(reply(json!({ "changed": changed })))
}
