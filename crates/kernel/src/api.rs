//! `/healthz`, `/readyz`, `/metrics`, `/api/openapi.json` and the live stream, which belong to no module.

use crate::ctx::{App, Ctx};
use crate::error::{Refusal, Result};
use crate::http::{Caller, reply};
use crate::module::{Door, Open, Route};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use sha2::Digest;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub fn routes() -> Vec<Route> {
    vec![
        Route::new("/healthz", Door::Public, get(async || "ok")),
        Route::new("/readyz", Door::Public, get(ready)),
        Route::new("/metrics", Door::Public, get(metrics)),
        Route::new("/api/openapi.json", Door::Public, get(openapi)),
        Route::new("/live", Door::SignedIn, get(live)),
    ]
}

/// The truth about readiness: the database answers and takes writes, there is room for more, and nobody has asked the process
/// to end. How far the consumers and jobs are behind, and what else is out of order, is told, but does not send people away.
async fn ready(cx: Ctx) -> Result<Response> {
    let app = &cx.app;
    let room = app.db.is_postgres() || crate::meter::room(&app.config.data);
    let why = match app.db.trouble().await {
        _ if crate::meter::stopping(app) => Some("stopping".to_string()),
        Some(why) => Some(why),
        None if app.ports.protect.trouble().is_some() => app.ports.protect.trouble(),
        None if !room => Some("disk-nearly-full".to_string()),
        None => None,
    };
    if let Some(why) = why {
        let body = json!({ "ready": false, "why": why });
        return Ok(crate::http::reply_with(StatusCode::SERVICE_UNAVAILABLE, body));
    }
    let (head, slowest, failed) = cx
        .read("kernel.ready", |tx| {
            let slowest = "SELECT seq FROM kernel_cursor ORDER BY seq LIMIT 1";
            let slowest: Option<i64> = tx.scalar(slowest, &[])?;
            let failed: Option<i64> =
                tx.scalar("SELECT COUNT(*) AS n FROM kernel_job WHERE state = 'failed'", &[])?;
            Ok((crate::fact::head(tx)?, slowest, failed.unwrap_or(0)))
        })
        .await?;
    let behind = head - slowest.unwrap_or(head);
    let troubles = app.modules.iter().flat_map(|m| &m.troubles);
    let degraded: Vec<&str> = troubles.filter_map(|t| t(app)).collect();
    Ok(reply(
        json!({ "ready": true, "node": app.config.node, "version": env!("CARGO_PKG_VERSION"), "log": head,
        "behind": behind, "failed_jobs": failed, "degraded": degraded }),
    ))
}

/// Measures for Prometheus. This machine may read them; another shows the configured token. Through a proxy everybody would
/// look like this machine, so a forwarded request needs the token too.
async fn metrics(cx: Ctx, Extension(caller): Extension<Caller>, headers: HeaderMap) -> Result<Response> {
    let given = crate::http::bearer(&headers).unwrap_or_default();
    let token = cx.app.config.edge.metrics_token.as_deref();
    // Both are hashed, so that the time of the comparison says nothing about the token.
    let hash = |text: &str| sha2::Sha256::digest(text.as_bytes());
    if !caller.local && token.is_none_or(|t| hash(t) != hash(&given)) {
        return Err(Refusal::not_found().into());
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], crate::meter::text(&cx).await?).into_response())
}

/// Tells a page that the log has grown, by `seq`; the page then fetches its own fragment, under its own rights.
async fn live(cx: Ctx) -> Response {
    let app = cx.app.clone();
    let stream = futures_stream(app);
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}

fn futures_stream(
    app: Arc<App>,
) -> impl futures_core::Stream<Item = Result<Event, std::convert::Infallible>> {
    struct Live {
        app: Arc<App>,
        last: i64,
        wait: Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>,
    }
    impl futures_core::Stream for Live {
        type Item = Result<Event, std::convert::Infallible>;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            loop {
                if crate::meter::stopping(&self.app) {
                    return std::task::Poll::Ready(None);
                }
                let head = self.app.head.load(Ordering::Relaxed);
                if head != self.last {
                    self.last = head;
                    let event = Event::default()
                        .id(head.to_string())
                        .event("log")
                        .data(head.to_string());
                    return std::task::Poll::Ready(Some(Ok(event)));
                }
                let app = self.app.clone();
                let wait = self.wait.get_or_insert_with(|| {
                    Box::pin(async move {
                        tokio::select! {
                            _ = app.followers.notified() => {}
                            _ = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
                        }
                    })
                });
                match wait.as_mut().poll(cx) {
                    std::task::Poll::Ready(()) => self.wait = None,
                    std::task::Poll::Pending => return std::task::Poll::Pending,
                }
            }
        }
    }
    Live {
        app,
        last: -1,
        wait: None,
    }
}

/// OpenAPI 3.1 of every documented route.
async fn openapi(State(app): State<Arc<App>>) -> Response {
    reply(describe(&app))
}

pub fn describe(app: &App) -> Json {
    let mut paths = serde_json::Map::new();
    for route in app
        .modules
        .iter()
        .flat_map(|m| &m.routes)
        .filter(|r| !r.doc.is_empty())
    {
        let parameters: Vec<Json> = route
            .path
            .split('/')
            .filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let mut item = serde_json::Map::new();
        for doc in &route.doc {
            let security = match route.door {
                // What takes no cookie and is described here asks for a token itself.
                Door::Public if route.open != Open::Always => json!([]),
                _ => json!([{ "bearer": [] }]),
            };
            let asked = doc.query.iter().map(|(name, meaning)| {
                json!({ "name": name, "in": "query", "description": meaning, "schema": { "type": "string" } })
            });
            let parameters: Vec<Json> = parameters.iter().cloned().chain(asked).collect();
            let mut op = json!({
                "summary": doc.summary, "parameters": parameters, "security": security,
                "responses": {
                    "200": { "description": "ok" },
                    "default": { "description": "problem (RFC 9457)", "content": {
                        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } }
                }
            });
            if !doc.response.is_null() {
                op["responses"]["200"]["content"] = json!({ "application/json": { "schema": doc.response } });
            }
            if !doc.request.is_null() {
                op["requestBody"] = json!({ "required": true, "content": {
                    "application/json": { "schema": doc.request } } });
            }
            item.insert(doc.method.to_ascii_lowercase(), op);
        }
        paths.insert(route.path.to_string(), item.into());
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": app.city["title"], "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": app.config.url }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": { "type": "object", "properties": {
                "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
                "detail": { "type": "string" }, "instance": { "type": "string" },
                "errors": { "type": "array", "items": { "type": "object" } } } } }
        }
    })
}
