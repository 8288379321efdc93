//! `/assets/…`: the built front end (`web/dist`), embedded. Addresses carry a version, so browsers keep them for a year.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kernel::{Door, Module, Problem, Refusal, Route};

#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/dist"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[allow_missing = true]
struct Built;

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
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, file.data.into_owned()).into_response()
}
