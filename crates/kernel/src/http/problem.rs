//! Problems as pages or RFC 9457 JSON, in the reader's language; a form that could not be taken is shown again, not lost.

use crate::ctx::Ctx;
use crate::error::{Away, Problem, Refusal};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A problem on its way to the edge, where the reader's language and medium are known.
#[derive(Clone)]
pub(super) struct Carried(pub(super) Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Problem::Refusal(r) => super::status(r),
            Problem::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// A form as it was sent, held until it is answered: when the storage is away or the session has ended, nobody shall have to
/// type it again.
pub(super) struct Kept {
    kind: HeaderValue,
    body: bytes::Bytes,
}

/// Forms longer than this are not held.
const KEPT: u64 = 1 << 20;

impl Kept {
    pub(super) async fn take(request: &mut Request, html: bool) -> Option<Kept> {
        let headers = request.headers();
        let length = axum::body::HttpBody::size_hint(request.body()).upper()?;
        let kind = headers.get(header::CONTENT_TYPE)?.clone();
        let form = kind.to_str().is_ok_and(|k| {
            k.starts_with("application/x-www-form-urlencoded") || k.starts_with("multipart/form-data")
        });
        if !html || !form || length > KEPT || *request.method() != Method::POST {
            return None;
        }
        let body = std::mem::take(request.body_mut());
        // A body cut short is the handler's to refuse, as it is without this.
        let body = axum::body::to_bytes(body, KEPT as usize)
            .await
            .unwrap_or_default();
        *request.body_mut() = Body::from(body.clone());
        Some(Kept { kind, body })
    }

    /// The fields as the page for another try shows them. Passwords and files are given anew.
    pub(super) async fn again(self, ctx: &Ctx) -> Json {
        let multipart = self.kind.as_bytes().starts_with(b"multipart/");
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(header::CONTENT_TYPE, self.kind);
        let (mut fields, mut files) = (Vec::new(), false);
        if multipart {
            let Ok(mut parts) = axum::extract::Multipart::from_request(request, &()).await else {
                return Json::Null;
            };
            while let Ok(Some(part)) = parts.next_field().await {
                let name = part.name().unwrap_or_default().to_string();
                let named = part.file_name().is_some_and(|n| !n.is_empty());
                let file = part.file_name().is_some();
                files |= named;
                if let (false, Ok(text)) = (file, part.text().await) {
                    fields.push((name, text));
                }
            }
        } else {
            match axum::Form::<Vec<(String, String)>>::from_request(request, &()).await {
                Ok(form) => fields = form.0,
                Err(_) => return Json::Null,
            }
        }
        let secret = |name: &str| name.contains("password") || name == "code";
        if fields.iter().any(|(name, _)| secret(name)) {
            return Json::Null;
        }
        // Nothing was typed: asking again costs nobody anything.
        if !files && fields.iter().all(|(_, value)| value.is_empty()) {
            return Json::Null;
        }
        let fields: Vec<Json> = fields
            .into_iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        json!({ "action": ctx.path, "multipart": multipart, "fields": fields, "files": files })
    }
}

/// The problem as people or programs read it.
pub fn show(ctx: &Ctx, problem: &Problem) -> Response {
    show_with(ctx, problem, Json::Null)
}

/// Seconds after which another try is worth it while the storage is away.
const RETRY: &str = "10";

/// The same; `again` is the form to send once more, if there is one.
pub(super) fn show_with(ctx: &Ctx, problem: &Problem, again: Json) -> Response {
    let mut response = shown(ctx, problem, again);
    let later = match problem {
        Problem::Refusal(r) if r.status == 429 => r.args.get("seconds").map(String::as_str),
        p => p.away().map(|_| RETRY),
    };
    if let Some(seconds) = later.and_then(|s| HeaderValue::from_str(s).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn shown(ctx: &Ctx, problem: &Problem, again: Json) -> Response {
    let (status, key, args, fields) = match problem {
        Problem::Refusal(r) => (r.status, r.key.clone(), r.args.clone(), r.fields.clone()),
        Problem::Fault(f) if f.away().is_some() => {
            tracing::error!(request = %ctx.request, path = %ctx.path, "{f}");
            let key = match f.away() {
                Some(Away::Full | Away::ReadOnly) => "kernel-storage",
                Some(Away::Unknown) => "kernel-unknown",
                _ => "kernel-away",
            };
            (503, key.to_string(), Default::default(), Vec::new())
        }
        Problem::Fault(f) if f.unstorable() => {
            (422, "kernel-bad-text".to_string(), Default::default(), Vec::new())
        }
        Problem::Fault(f) => {
            tracing::error!(request = %ctx.request, path = %ctx.path, "{f}");
            (500, "kernel-fault".to_string(), Default::default(), Vec::new())
        }
    };
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let pairs: Vec<(&str, &str)> = args.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let title = ctx.t(&key, &pairs);
    let help_key = format!("{key}-help");
    let help = if ctx.app.texts.has(&help_key) {
        ctx.t(&help_key, &pairs)
    } else {
        String::new()
    };
    let fields: Vec<Json> = fields
        .into_iter()
        .map(|(name, message)| {
            let text = if ctx.app.texts.has(&message) {
                ctx.t(&message, &pairs)
            } else {
                message
            };
            json!({ "field": name, "message": text })
        })
        .collect();
    if ctx.html && status == 401 && again.is_null() {
        let next: String = ctx.back.chars().filter(|c| !c.is_control()).collect();
        let to = format!("/sign-in?next={}", super::percent(&next));
        return (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    }
    if ctx.html {
        let context = json!({ "status": status, "title": title, "help": help, "fields": fields, "back": ctx.back,
                "again": again });
        if let Ok(page) = ctx.page_with(code, "kernel/error.html", context) {
            return page;
        }
    }
    let body = json!({
        "type": format!("{}/problems/{key}", ctx.app.config.url), "title": title, "status": status,
        "detail": help, "instance": format!("urn:uuid:{}", ctx.request), "errors": fields,
    });
    (
        code,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

/// A client error that carries neither a page nor JSON of ours.
pub(super) fn is_bare(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|h| h.to_str().ok())
        .unwrap_or_default();
    response.status().is_client_error() && (kind.is_empty() || kind.starts_with("text/plain"))
}

pub(super) fn by_status(status: StatusCode) -> Refusal {
    let key = match status {
        StatusCode::NOT_FOUND => "kernel-not-found",
        StatusCode::METHOD_NOT_ALLOWED => "kernel-method",
        StatusCode::PAYLOAD_TOO_LARGE => "kernel-too-large",
        _ => "kernel-bad-form",
    };
    Refusal::new(key).status(status.as_u16())
}
