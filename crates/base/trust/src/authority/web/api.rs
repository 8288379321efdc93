//! The API.

use super::READ;
use super::register::{chain, entry};
use super::requests::{Asking, asked};
use crate::authority::service::register as verbs;
use crate::crypto::x509::Certificate;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::http::reply;
use kernel::{Ctx, Refusal, Result};
use serde_json::json;

pub(super) async fn api_ask(cx: Ctx, axum::Json(f): axum::Json<Asking>) -> Result<Response> {
    let id = verbs::ask(&cx, &f.wish()).await?;
    Ok((StatusCode::CREATED, reply(json!({ "id": id, "state": "asked" }))).into_response())
}

pub(super) async fn api_request(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let a = asked(&cx, &id).await?;
    if a.asked_by != cx.actor.id && !cx.holds(READ) {
        return Err(Refusal::not_found().into());
    }
    let mut data = json!({ "id": a.id, "state": a.state, "opinion": a.opinion, "serial": a.serial });
    if let Some(serial) = &a.serial {
        let e = entry(&cx, serial).await?;
        let certificate = Certificate::from_der(&e.der).map_err(|x| kernel::Fault::of("certificate", x))?;
        data["chain"] = json!(chain(&cx, &e, &certificate).await?);
    }
    Ok(reply(data))
}

pub(super) async fn api_certificate(cx: Ctx, Path(serial): Path<String>) -> Result<Response> {
    let e = entry(&cx, &serial).await?;
    Ok(reply(
        json!({ "serial": e.serial, "profile": e.used_for.name(), "algorithm": e.algorithm, "cn": e.cn, "o": e.o,
        "not_before": e.not_before, "not_after": e.not_after, "state": e.state(cx.now()),
        "revoked_at": e.revoked.map(|(_, at)| at), "certificate": STANDARD.encode(&e.der) }),
    ))
}
