//! Routes of notices: parse, call the service, answer.
use super::{service, store};
use axum::{Form, response::Response};
use kernel::{Ctx, Result, http::see, module::Sample};
use serde_json::json;

#[derive(serde::Deserialize)]
pub(crate) struct New {
    #[serde(default)]
    title: String,
}

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    let rows = cx.read("notices.list", |tx| Ok(store::newest(tx)?)).await?;
    let notices: Vec<_> = rows.iter().map(kernel::Row::to_json).collect();
    cx.page(
        "notices/notice/list.html",
        json!({ "notices": notices, "may": cx.holds("notices.notice.publish") }),
    )
}

pub(crate) async fn publish(cx: Ctx, Form(new): Form<New>) -> Result<Response> {
    service::publish(&cx, &new.title).await?;
    Ok(see("/notices"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let of = |name, data| Sample {
        template: "notices/notice/list.html",
        name,
        data,
    };
    let one = json!({ "id": "1", "title": "示例公告", "published_at": 1_795_000_000_000i64 });
    vec![
        of("empty", json!({ "notices": [], "may": false })),
        of("one", json!({ "notices": [one], "may": true })),
    ]
}
