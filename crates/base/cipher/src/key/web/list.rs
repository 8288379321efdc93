//! The list of keys.

use super::{page, shown};
use crate::key::store;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::{Ctx, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    after: String,
}

pub(crate) async fn list(cx: Ctx, Query(asked): Query<Asked>) -> Result<Response> {
    let scope = cx.scope(crate::READ);
    let (q, after) = (asked.q.replace('\0', ""), asked.after.replace('\0', ""));
    let mut found = cx
        .read("cipher.keys", |tx| {
            Ok(store::list(tx, &scope, q.trim(), &after, PAGE + 1)?)
        })
        .await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|k| k.alias.clone());
    let items: Vec<Json> = found.iter().map(|k| shown(&cx, k)).collect();
    let data = json!({ "items": items, "q": asked.q, "next": next, "manages": cx.holds(crate::MANAGE), "logs": cx.holds(crate::LOG), "tries": cx.holds(crate::USE) });
    page(&cx, StatusCode::OK, "cipher/key/list.html", data)
}
