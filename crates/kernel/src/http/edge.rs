//! What every request passes: its context, its caller, cross-site writes, the reader's language, headers, log and measures.

use super::problem::{self, Carried, Kept};
use super::{Caller, ELDER, LOCALE, cookie, session_name, set_cookie};
use crate::ctx::{Actor, App, Credential, Ctx};
use crate::error::{Problem, Refusal};
use crate::i18n::Locale;
use crate::module::Open;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// Makes the context, refuses cross-site writes, renders problems, sets headers.
pub(super) async fn edge(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|p| p.as_str().to_string());
    let method = request.method().clone();
    let open = match route.as_deref().and_then(|r| app.open.get(r)) {
        Some(Open::Always) => true,
        Some(Open::Posts) => method == Method::POST,
        Some(Open::Never) | None => false,
    };
    let headers = request.headers();
    let path = request.uri().path().to_string();
    let api = path.starts_with("/api/");
    // Programs call what takes no cookie, whatever they say they accept.
    let html = !api && accepts_html(headers) && !open;
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
    let caller = caller(&app, &request);
    ctx.peer = caller.address.clone();
    let running = app.meter.begin();
    let kept = Kept::take(&mut request, html).await;
    let headers = request.headers();
    // The token of `/metrics` is the operator's, not an account's.
    let credential = bearer(headers)
        .filter(|_| path != "/metrics")
        .map(Credential::Bearer)
        .or_else(|| cookie(headers, session_name(&app.config)).map(Credential::Cookie))
        .filter(|_| !open);
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
                && !open
                && (by_cookie || credential.is_none())
                && cross_site(request.headers(), &app.config.url)
            {
                Problem::from(Refusal::new("kernel-cross-site").status(403)).into_response()
            } else {
                request.extensions_mut().insert(ctx.clone());
                request.extensions_mut().insert(caller);
                next.run(request).await
            }
        }
    };
    let mut response = match response.extensions().get::<Carried>().cloned() {
        Some(Carried(problem)) => {
            let again = match (problem.away(), kept) {
                (Some(_), Some(kept)) => kept.again(&ctx).await,
                // The session ended while somebody was typing: the words wait on the page until they have signed in.
                (None, Some(kept)) if problem.is_sign_in() => kept.again(&ctx).await,
                _ => Json::Null,
            };
            problem::show_with(&ctx, &problem, again)
        }
        // What the extractors refuse (a malformed body, a wrong method) comes as bare English text.
        None if !open && problem::is_bare(&response) => {
            problem::show(&ctx, &problem::by_status(response.status()).into())
        }
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
    if open {
        any_site(&mut response, &method);
    }
    harden(&mut response, &app, &path, ctx.request.to_string());
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    let route = route.as_deref().unwrap_or("none");
    running.end(route, method.as_str(), status, seconds);
    // Ids and addresses of pages only: no name, no query, nothing typed.
    tracing::info!(target: "http", request = %ctx.request, method = %method, path, route, status,
        milliseconds = (seconds * 1e6).round() / 1e3, actor = ctx.actor.id, peer = ctx.peer);
    response
}

/// Where the request comes from. Behind a proxy that the configuration names, that is the last address the proxy wrote.
fn caller(app: &App, request: &Request) -> Caller {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|c| c.0.ip().to_canonical());
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|h| h.to_str().ok())
        .next_back()
        .and_then(|h| h.rsplit(',').next())
        .map(|a| a.trim().to_string());
    let local = peer.is_none_or(|p| p.is_loopback())
        && forwarded.is_none()
        && !request.headers().contains_key("forwarded");
    let behind = peer.is_some_and(|p| app.config.edge.proxies.contains(&p));
    let named = forwarded
        .filter(|_| behind)
        .and_then(|f| f.parse::<IpAddr>().ok())
        .or(peer);
    let bucket = match named {
        // One household has a whole /64.
        Some(IpAddr::V6(a)) if !local => {
            let [a, b, c, d, ..] = a.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Some(a) => a.to_string(),
        None => String::new(),
    };
    Caller {
        address: named.map(|a| a.to_string()).unwrap_or_default(),
        bucket,
        local,
    }
}

/// Lets pages of any site read the answer; nothing in it came by a cookie (Fetch standard, CORS protocol).
fn any_site(response: &mut Response, method: &Method) {
    if *method == Method::OPTIONS {
        *response.status_mut() = axum::http::StatusCode::NO_CONTENT;
        *response.body_mut() = axum::body::Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-expose-headers", "www-authenticate"),
        ("access-control-max-age", "86400"),
        ("cross-origin-resource-policy", "cross-origin"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
}

fn harden(response: &mut Response, app: &App, path: &str, request: String) {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if !headers.contains_key(name)
            && let Ok(v) = HeaderValue::from_str(value)
        {
            headers.insert(name, v);
        }
    };
    set("content-security-policy", &super::policy(""));
    set("x-content-type-options", "nosniff");
    set("x-frame-options", "DENY");
    set("referrer-policy", "same-origin");
    set(
        "permissions-policy",
        "camera=(self), geolocation=(self), microphone=()",
    );
    set("cross-origin-opener-policy", "same-origin");
    set("cross-origin-resource-policy", "same-origin");
    if app.config.secure() {
        set("strict-transport-security", "max-age=31536000");
    }
    set("x-request-id", &request);
    if !path.starts_with("/assets/") && !path.starts_with("/log/tile/") && !path.starts_with("/log/sm3/tile/")
    {
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

pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(|t| t.trim().to_string())
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
