//! `/healthz`, `/readyz`, `/api/openapi.json` and the live stream, which belong to no module.

use crate::ctx::{App, Ctx};
use crate::error::Result;
use crate::http::reply;
use crate::module::{Door, Route};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub fn routes() -> Vec<Route> {
    vec![
        Route::new("/healthz", Door::Public, get(async || "ok")),
        Route::new("/readyz", Door::Public, get(ready)),
        Route::new("/api/openapi.json", Door::Public, get(openapi)),
        Route::new("/live", Door::SignedIn, get(live)),
    ]
}

/// The truth about readiness: the database answers a query and takes writes.
async fn ready(cx: Ctx) -> Result<Response> {
    if let Some(why) = cx.app.db.trouble().await {
        let body = json!({ "ready": false, "why": why });
        return Ok(crate::http::reply_with(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            body,
        ));
    }
    let head = cx.read("kernel.ready", |tx| Ok(crate::fact::head(tx)?)).await?;
    Ok(reply(json!({ "ready": true, "log": head })))
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
                Door::Public => json!([]),
                _ => json!([{ "bearer": [] }]),
            };
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
