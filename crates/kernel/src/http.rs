//! The web edge: contexts from requests, doors, problems as pages or RFC 9457 JSON, security headers, assets.

use crate::ctx::{Actor, App, Credential, Ctx};
use crate::error::{Away, Problem, Refusal, Result};
use crate::i18n::Locale;
use crate::module::Door;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Name of the session cookie.
pub const SESSION: &str = "yw_session";
const LOCALE: &str = "yw_locale";
const ELDER: &str = "yw_elder";

/// The whole site as one service.
pub fn router(app: Arc<App>) -> Router {
    let mut router: Router<Arc<App>> = Router::new();
    for module in &app.modules {
        for route in &module.routes {
            let door = route.door;
            let handler = route
                .handler
                .clone()
                .layer(DefaultBodyLimit::max(route.body))
                .layer(from_fn(move |request: Request, next: Next| {
                    pass(door, request, next)
                }));
            router = router.route(route.path, handler);
        }
    }
    router
        .fallback(|| async { Problem::from(Refusal::not_found()) })
        .layer(from_fn_with_state(app.clone(), edge))
        .with_state(app)
}

/// Opens the door or says which key is missing.
async fn pass(door: Door, request: Request, next: Next) -> Response {
    let Some(ctx) = request.extensions().get::<Ctx>() else {
        return Problem::from(crate::Fault::new("no context")).into_response();
    };
    let open = match door {
        Door::Public => true,
        Door::SignedIn => ctx.actor.signed_in(),
        Door::Permission(p) => ctx.actor.signed_in() && ctx.holds(p),
        Door::Official(p) => ctx.actor.is_official() && ctx.holds(p),
    };
    if open {
        return next.run(request).await;
    }
    let refusal = if ctx.actor.signed_in() {
        Refusal::forbidden()
    } else {
        Refusal::sign_in()
    };
    Problem::from(refusal).into_response()
}

/// Makes the context, refuses cross-site writes, renders problems, sets headers.
async fn edge(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let path = request.uri().path().to_string();
    let api = path.starts_with("/api/");
    let html = !api && accepts_html(headers);
    let query = request.uri().query().unwrap_or_default().to_string();
    let locale = query_value(&query, "lang")
        .and_then(|l| Locale::parse(&l))
        .or_else(|| cookie(headers, LOCALE).and_then(|l| Locale::parse(&l)))
        .or_else(|| {
            headers
                .get(header::ACCEPT_LANGUAGE)
                .filter(|_| api)
                .and_then(|h| h.to_str().ok())
                .and_then(Locale::parse)
        })
        .unwrap_or_default();
    let mut ctx = Ctx::new(app.clone(), Actor::public(), locale);
    ctx.path = path.clone();
    ctx.back = if *request.method() == Method::GET {
        path.clone()
    } else {
        referring_path(headers)
    };
    // Switching language or size comes back to what is seen now, with its search and its page.
    ctx.here = match *request.method() {
        Method::GET => switchable(&path, &query),
        _ => switchable(&ctx.back, ""),
    };
    ctx.html = html;
    ctx.elder = match query_value(&query, "elder") {
        Some(v) => v == "1",
        None => cookie(headers, ELDER).is_some_and(|v| v == "1"),
    };
    ctx.peer = request
        .extensions()
        .get::<axum::extract::ConnectInfo<std::net::SocketAddr>>()
        .map(|c| c.0.ip().to_string())
        .unwrap_or_default();
    let kept = Kept::take(&mut request, html).await;
    let headers = request.headers();
    let credential = bearer(headers)
        .map(Credential::Bearer)
        .or_else(|| cookie(headers, SESSION).map(Credential::Cookie));
    let by_cookie = matches!(credential, Some(Credential::Cookie(_)));
    let resolved = match &credential {
        Some(c) => {
            let (sessions, now) = (app.ports.sessions.clone(), ctx.now());
            // Only pages show the number, so only they ask for it.
            let page = html && *request.method() == Method::GET && !path.starts_with("/assets/");
            let counts = app.services.get::<crate::ctx::Unread>().ok().filter(|_| page);
            let found = ctx
                .read("kernel.session", |tx| {
                    let actor = sessions.resolve(tx, c, now)?;
                    let unread = match (&actor, &counts) {
                        (Some(actor), Some(counts)) => Some((counts.0)(tx, actor)?),
                        _ => None,
                    };
                    Ok((actor, unread))
                })
                .await;
            found.map(|(actor, unread)| {
                ctx.unread = unread;
                actor
            })
        }
        None => Ok(None),
    };
    let response = match resolved {
        Err(p) => p.into_response(),
        Ok(actor) => {
            let unknown_bearer = actor.is_none() && matches!(credential, Some(Credential::Bearer(_)));
            ctx.actor = actor.unwrap_or_else(Actor::public);
            let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
            if unknown_bearer {
                Problem::from(Refusal::new("kernel-bad-token").status(401)).into_response()
            } else if writes
                && (by_cookie || credential.is_none())
                && cross_site(request.headers(), &app.config.url)
            {
                Problem::from(Refusal::new("kernel-cross-site").status(403)).into_response()
            } else {
                request.extensions_mut().insert(ctx.clone());
                next.run(request).await
            }
        }
    };
    let mut response = match response.extensions().get::<Carried>().cloned() {
        Some(Carried(problem)) => {
            let again = match (problem.away(), kept) {
                (Some(_), Some(kept)) => kept.again(&ctx).await,
                _ => Json::Null,
            };
            show_with(&ctx, &problem, again)
        }
        // What the extractors refuse (a malformed body, a wrong method) comes as bare English text.
        None if bare_refusal(&response) => show(&ctx, &by_status(response.status()).into()),
        None => response,
    };
    if let Some(l) = query_value(&query, "lang").and_then(|l| Locale::parse(&l)) {
        set_cookie(
            &mut response,
            &format!("{LOCALE}={}; Path=/; Max-Age=31536000; SameSite=Lax", l.tag()),
        );
    }
    if let Some(v) = query_value(&query, "elder") {
        set_cookie(
            &mut response,
            &format!(
                "{ELDER}={}; Path=/; Max-Age=31536000; SameSite=Lax",
                i32::from(v == "1")
            ),
        );
    }
    harden(&mut response, &path, ctx.request.to_string());
    response
}

/// A client error that carries neither a page nor JSON of ours.
fn bare_refusal(response: &Response) -> bool {
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|h| h.to_str().ok())
        .unwrap_or_default();
    response.status().is_client_error() && (kind.is_empty() || kind.starts_with("text/plain"))
}

fn by_status(status: StatusCode) -> Refusal {
    let key = match status {
        StatusCode::NOT_FOUND => "kernel-not-found",
        StatusCode::METHOD_NOT_ALLOWED => "kernel-method",
        StatusCode::PAYLOAD_TOO_LARGE => "kernel-too-large",
        _ => "kernel-bad-form",
    };
    Refusal::new(key).status(status.as_u16())
}

/// Adds one more cookie to a response.
pub fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(v) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, v);
    }
}

fn harden(response: &mut Response, path: &str, request: String) {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if !headers.contains_key(name)
            && let Ok(v) = HeaderValue::from_str(value)
        {
            headers.insert(name, v);
        }
    };
    set(
        "content-security-policy",
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
         connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    );
    set("x-content-type-options", "nosniff");
    set("x-frame-options", "DENY");
    set("referrer-policy", "same-origin");
    set(
        "permissions-policy",
        "camera=(self), geolocation=(self), microphone=()",
    );
    set("x-request-id", &request);
    if !path.starts_with("/assets/") && !path.starts_with("/log/tile/") {
        set("cache-control", "no-store");
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|h| h.to_str().ok())
        .is_none_or(|a| a.contains("text/html") || a.contains("*/*") && !a.contains("application/json"))
}

/// A write that a browser says comes from another site. Clients that are no browsers send neither header.
fn cross_site(headers: &HeaderMap, url: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site").and_then(|h| h.to_str().ok()) {
        return !matches!(site, "same-origin" | "none");
    }
    match headers.get(header::ORIGIN).and_then(|h| h.to_str().ok()) {
        None => false,
        Some(origin) => {
            let host = headers
                .get(header::HOST)
                .and_then(|h| h.to_str().ok())
                .unwrap_or_default();
            origin != url && origin.split_once("://").is_none_or(|(_, rest)| rest != host)
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(|t| t.trim().to_string())
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

/// The page a form was sent from, as a path of this site.
fn referring_path(headers: &HeaderMap) -> String {
    let referer = headers
        .get(header::REFERER)
        .and_then(|h| h.to_str().ok())
        .unwrap_or_default();
    let path = referer
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map(|(_, p)| format!("/{p}"));
    path.unwrap_or_else(|| "/".into())
}

/// This address, ready for one more parameter to be appended.
fn switchable(path: &str, query: &str) -> String {
    let kept: Vec<&str> = query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("lang=") && !p.starts_with("elder="))
        .collect();
    let (path, own) = path.split_once('?').unwrap_or((path, ""));
    let kept = [own]
        .into_iter()
        .filter(|o| !o.is_empty())
        .chain(kept)
        .collect::<Vec<_>>();
    match kept.is_empty() {
        true => format!("{path}?"),
        false => format!("{path}?{}&", kept.join("&")),
    }
}

fn query_value(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|p| p.split_once('='))
        .find(|(k, _)| *k == name)
        .map(|(_, v)| v.to_string())
}

/// A problem on its way to the edge, where the reader's language and medium are known.
#[derive(Clone)]
struct Carried(Arc<Problem>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = match &self {
            Problem::Refusal(r) => StatusCode::from_u16(r.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
            Problem::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// A form as it was sent, held until it is answered: when the storage is away, nobody shall have to type it again.
struct Kept {
    kind: HeaderValue,
    body: bytes::Bytes,
}

/// Forms longer than this are not held.
const KEPT: u64 = 1 << 20;

impl Kept {
    async fn take(request: &mut Request, html: bool) -> Option<Kept> {
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
    async fn again(self, ctx: &Ctx) -> Json {
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
fn show_with(ctx: &Ctx, problem: &Problem, again: Json) -> Response {
    let mut response = shown(ctx, problem, again);
    if problem.away().is_some() {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY));
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
    if ctx.html && status == 401 {
        let next: String = ctx.back.chars().filter(|c| !c.is_control()).collect();
        let to = format!("/sign-in?next={}", percent(&next));
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
