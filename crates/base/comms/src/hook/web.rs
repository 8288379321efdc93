//! The administrator's list of registered hosts.

use super::{service, store};
use crate::delivery::service::may;
use crate::rules::Rules;
use axum::Form;
use axum::extract::Path;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde_json::{Value as Json, json};

/// What the form holds and what is said about it.
#[derive(Default)]
struct Form_<'a> {
    title: &'a str,
    url: &'a str,
    error: String,
    secret: String,
}

async fn page(cx: &Ctx, status: u16, form: &Form_<'_>) -> Result<Response> {
    let rules = cx.service::<Rules>()?;
    let items = cx
        .read("comms.hooks", |tx| {
            Ok(store::all(tx)?
                .iter()
                .map(kernel::Row::to_json)
                .collect::<Vec<Json>>())
        })
        .await?;
    let items: Vec<Json> = items
        .into_iter()
        .map(|mut i| {
            i["kinds"] = i["kinds"]
                .as_str()
                .and_then(|k| serde_json::from_str(k).ok())
                .unwrap_or(json!([]));
            i
        })
        .collect();
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    cx.page_with(
        status,
        "comms/hook/list.html",
        json!({ "items": items, "kinds": rules.kinds(), "title": form.title, "url": form.url, "error": form.error,
            "secret": form.secret }),
    )
}

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    may(&cx, crate::HOOKS)?;
    page(&cx, 200, &Form_::default()).await
}

pub(crate) async fn register(cx: Ctx, Form(fields): Form<Vec<(String, String)>>) -> Result<Response> {
    let field = |name: &str| {
        fields
            .iter()
            .find(|(k, _)| k == name)
            .map_or("", |(_, v)| v.as_str())
    };
    let kinds: Vec<String> = fields
        .iter()
        .filter(|(k, _)| k == "kind")
        .map(|(_, v)| v.clone())
        .collect();
    let (title, url) = (field("title"), field("url"));
    match service::register(&cx, title, url, &kinds).await {
        // Shown on this answer and never again.
        Ok(secret) => {
            let form = Form_ {
                secret,
                ..Form_::default()
            };
            page(&cx, 200, &form).await
        }
        Err(Problem::Refusal(r)) if cx.html && r.status != 403 => {
            let form = Form_ {
                title,
                url,
                error: cx.says(&r),
                secret: String::new(),
            };
            page(&cx, r.status, &form).await
        }
        Err(p) => Err(p),
    }
}

pub(crate) async fn remove(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::remove(&cx, &id).await?;
    Ok(see("/admin/comms/hooks"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |name, data| Sample {
        template: "comms/hook/list.html",
        name,
        data,
    };
    let hook = json!({ "id": "h", "title": "12345 平台", "url": "http://hooks.example/cases", "kinds": ["case-granted"], "created_at": 1 });
    let of = |items: Json, error: &str, secret: &str| json!({ "items": items, "kinds": ["case-granted"], "title": "", "url": "", "error": error, "secret": secret });
    vec![
        sample("empty", of(json!([]), "", "")),
        sample("refused", of(json!([]), "这个地址在内部网络中", "")),
        sample("registered", of(json!([hook]), "", "0123456789abcdef")),
    ]
}
