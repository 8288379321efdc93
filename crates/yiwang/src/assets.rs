//! `/assets/…`: the built front end (`web/dist`), embedded. Addresses carry a version, so browsers keep them for a year.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kernel::{Door, Module, Problem, Refusal, Route};

#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/dist"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[include = "*.webmanifest"]
#[include = "*.png"]
#[allow_missing = true]
struct Built;

/// The service worker of the page that shows a code without a network.
const WORKER: &str = "code-sw.js";

/// See the module.
pub fn module() -> Module {
    Module {
        name: "assets",
        routes: vec![
            Route::new("/assets/{*path}", Door::Public, get(asset)),
            Route::new(
                "/favicon.ico",
                Door::Public,
                get(async || asset(Path("icon.svg".into())).await),
            ),
        ],
        ..Module::default()
    }
}

async fn asset(Path(path): Path<String>) -> Response {
    let Some(file) = Built::get(&path) else {
        return Problem::from(Refusal::not_found()).into_response();
    };
    let kind = match path.rsplit_once('.').map(|p| p.1) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    };
    if path == WORKER {
        // Browsers look for a new worker by this address, so it is never kept; its scope is the code alone.
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache"),
            (HeaderName::from_static("service-worker-allowed"), "/code"),
        ];
        return (headers, file.data.into_owned()).into_response();
    }
    let age = match path.as_str() {
        // Pages name it without a version, many times each; a new icon must not wait a year.
        "icons.svg" => "public, max-age=600",
        _ => "public, max-age=31536000, immutable",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, age)];
    (headers, file.data.into_owned()).into_response()
}
