//! What everybody may fetch and ask.

use super::typed;
use crate::authority::service::answers;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use kernel::{Ctx, Refusal, Result};

/// `{root|issuing}-{p256|sm2}.{cer|pem|crl}`.
pub(super) async fn file(cx: Ctx, Path(name): Path<String>) -> Result<Response> {
    let (stem, ending) = name.rsplit_once('.').ok_or_else(Refusal::not_found)?;
    let (which, algorithm) = stem.rsplit_once('-').ok_or_else(Refusal::not_found)?;
    let kind = answers::algorithm(algorithm)?;
    match ending {
        "cer" => {
            let c = answers::certificate(&cx, which, kind).await?;
            Ok(typed("application/pkix-cert", c.der().to_vec()))
        }
        "pem" => {
            let c = answers::certificate(&cx, which, kind).await?;
            Ok(typed("application/x-pem-file", c.pem().into_bytes()))
        }
        "crl" => Ok(typed(
            "application/pkix-crl",
            answers::list(&cx, which, kind).await?,
        )),
        _ => Err(Refusal::not_found().into()),
    }
}

pub(super) async fn ocsp(cx: Ctx, Path(algorithm): Path<String>, body: Bytes) -> Result<Response> {
    let kind = answers::algorithm(&algorithm)?;
    Ok(typed(
        "application/ocsp-response",
        answers::ocsp(&cx, kind, &body).await?,
    ))
}

/// The request in base64 behind the address (RFC 6960, A.1.1).
pub(super) async fn ocsp_get(
    cx: Ctx,
    Path((algorithm, request)): Path<(String, String)>,
) -> Result<Response> {
    let kind = answers::algorithm(&algorithm)?;
    let engines = [STANDARD, URL_SAFE, URL_SAFE_NO_PAD];
    let request = engines.iter().find_map(|e| e.decode(request.trim()).ok());
    // What is no base64 is a malformed request, which the protocol answers itself.
    let body = request.unwrap_or_default();
    Ok(typed(
        "application/ocsp-response",
        answers::ocsp(&cx, kind, &body).await?,
    ))
}

pub(super) async fn tsa(cx: Ctx, body: Bytes) -> Result<Response> {
    Ok(typed(
        "application/timestamp-reply",
        answers::timestamp(&cx, &body).await?,
    ))
}
