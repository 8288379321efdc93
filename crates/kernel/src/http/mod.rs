//! The web edge: the site as one service, doors, answers, idempotency.

mod edge;
mod problem;

pub(crate) use edge::bearer;
pub use problem::show;

use crate::ctx::{App, Config, Ctx};
use crate::error::{Problem, Refusal, Result};
use crate::module::Door;
use crate::rate::Rate;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use std::sync::Arc;

/// Name of the session cookie. Over TLS it is bound to this host, so that no neighbour under the same domain can set it
/// (RFC 6265bis, cookie name prefixes).
pub fn session_name(config: &Config) -> &'static str {
    if config.secure() {
        "__Host-yw_session"
    } else {
        SESSION
    }
}
/// Its name on a machine of one's own, without TLS.
pub const SESSION: &str = "yw_session";
const LOCALE: &str = "yw_locale";
const ELDER: &str = "yw_elder";

/// The whole site as one service.
pub fn router(app: Arc<App>) -> Router {
    let mut router: Router<Arc<App>> = Router::new();
    for module in &app.modules {
        for route in &module.routes {
            let (door, rate) = (route.door, route.rate);
            let handler = route
                .handler
                .clone()
                .layer(DefaultBodyLimit::max(route.body))
                .layer(from_fn(move |request: Request, next: Next| {
                    pass(door, rate, request, next)
                }));
            router = router.route(route.path, handler);
        }
    }
    router
        .fallback(|| async { Problem::from(Refusal::not_found()) })
        .layer(from_fn_with_state(app.clone(), edge::edge))
        .with_state(app)
}

/// The content security policy of a page whose forms may also lead to this origin, besides ourselves.
pub fn policy(onward: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
         object-src 'none'; base-uri 'none'; form-action 'self' {onward}; frame-ancestors 'none'"
    )
    .replace(" ; ", "; ")
}

/// Who sends a request, as far as the connection says.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The address, for the log.
    pub address: String,
    /// The address or the network whose requests are counted together.
    pub bucket: String,
    /// From this machine and not through a proxy.
    pub local: bool,
}

/// Opens the door or says which key is missing.
async fn pass(door: Door, rate: Option<Rate>, request: Request, next: Next) -> Response {
    let (Some(ctx), Some(caller)) = (
        request.extensions().get::<Ctx>().cloned(),
        request.extensions().get::<Caller>().cloned(),
    ) else {
        return Problem::from(crate::Fault::new("no context")).into_response();
    };
    // This machine may look things up as fast as it can; guessing is guessing from anywhere.
    let rate = rate.filter(|r| *r == Rate::Guess || !caller.local);
    if let Some(rate) = rate {
        let asked = match rate {
            // Whether it costs is known when it is answered.
            Rate::Guess => ctx.app.rates.check(rate, &caller.bucket, ctx.now()),
            _ => ctx.app.rates.take(rate, &caller.bucket, ctx.now()),
        };
        if let Err(seconds) = asked {
            ctx.app.meter.limited(rate);
            let refusal = Refusal::new("kernel-too-many").status(429);
            return Problem::from(refusal.arg("seconds", seconds)).into_response();
        }
    }
    let open = match door {
        Door::Public => true,
        Door::SignedIn => ctx.actor.signed_in(),
        Door::Permission(p) => ctx.actor.signed_in() && ctx.holds(p),
        Door::Official(p) => ctx.actor.is_official() && ctx.holds(p),
    };
    if open {
        let response = next.run(request).await;
        if rate == Some(Rate::Guess) && Rate::Guess.costs(response.status().as_u16()) {
            let _ = ctx.app.rates.take(Rate::Guess, &caller.bucket, ctx.now());
        }
        return response;
    }
    let refusal = if ctx.actor.signed_in() {
        Refusal::forbidden()
    } else {
        Refusal::sign_in()
    };
    Problem::from(refusal).into_response()
}

/// Adds one more cookie to a response.
pub fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(v) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, v);
    }
}

/// The value of one cookie of the request.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|h| h.to_str().ok())
        .flat_map(|h| h.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(k, _)| *k == name)
        .map(|(_, v)| v.to_string())
}

/// Percent-encodes everything outside the unreserved set and `/`.
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~/".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}

impl FromRequestParts<Arc<App>> for Ctx {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Ctx>()
            .cloned()
            .ok_or_else(|| crate::Fault::new("no context in the request").into())
    }
}

/// The status of a refusal, for the page that shows it.
pub fn status(r: &Refusal) -> StatusCode {
    StatusCode::from_u16(r.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
}

/// 303 to another page.
pub fn see(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_string())]).into_response()
}

/// JSON with status 200.
pub fn reply(body: Json) -> Response {
    reply_with(StatusCode::OK, body)
}
pub fn reply_with(status: StatusCode, body: Json) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        body.to_string(),
    )
        .into_response()
}

/// A file to keep: attachment, nosniff.
pub fn attachment(name: &str, kind: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename*=UTF-8''{}", percent(name));
    (
        [
            (header::CONTENT_TYPE, kind.to_string()),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        Body::from(bytes),
    )
        .into_response()
}

/// The answer already given to this actor under an idempotency key; a key used with another body is refused.
pub async fn answered(ctx: &Ctx, key: &str, body: &str) -> Result<Option<Json>> {
    let hash = body_hash(body);
    ctx.read("kernel.idempotency", |tx| {
        let row = tx.one(
            "SELECT body_hash, response FROM kernel_idempotency WHERE actor = $1 AND key = $2",
            crate::params![ctx.actor.id.as_str(), key],
        )?;
        match row {
            None => Ok(None),
            Some(r) if r.get::<String>("body_hash")? != hash => {
                Err(Refusal::new("kernel-token-reused").into())
            }
            Some(r) => Ok(Some(r.get("response")?)),
        }
    })
    .await
}

/// Keeps an answer under an idempotency key.
pub async fn answer(ctx: &Ctx, key: &str, body: &str, response: &Json) -> Result<()> {
    ctx.tx("kernel.idempotency", |tx| {
        tx.execute(
            "INSERT INTO kernel_idempotency(actor, key, body_hash, response, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (actor, key) DO NOTHING",
            crate::params![ctx.actor.id.as_str(), key, body_hash(body), response, ctx.now()],
        )?;
        Ok(())
    })
    .await
}

fn body_hash(body: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(body.as_bytes()))
}
