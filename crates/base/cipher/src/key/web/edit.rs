//! Changing, rotating, stopping and destroying a key.

use super::{Alias, alias_of, back, managed, number, page, shown, wrong};
use crate::key::model::{Key, signs_digests};
use crate::key::service::{self, Change};
use axum::Form;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::json;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Edited {
    version: i64,
    title: String,
    rotate_days: String,
    least: String,
    bound: String,
    digests: String,
}

fn edit_page(cx: &Ctx, key: &Key, e: &Edited, refused: Option<&Refusal>) -> Result<Response> {
    let data = json!({ "key": shown(cx, key), "wrong": wrong(refused), "error": refused.map(|r| cx.says(r)),
        "digesting": signs_digests(key.algorithm), "binds": matches!(key.purpose.name(), "encrypt" | "envelope"),
        "form": { "version": e.version, "title": e.title, "rotate_days": e.rotate_days, "least": e.least, "bound": !e.bound.is_empty(), "digests": !e.digests.is_empty() } });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/edit.html", data)
}

pub(crate) async fn edit(cx: Ctx, path: Alias) -> Result<Response> {
    let key = managed(&cx, &alias_of(path)).await?;
    let typed = Edited {
        version: key.version,
        title: key.title.clone(),
        rotate_days: if key.rotate_days == 0 {
            String::new()
        } else {
            key.rotate_days.to_string()
        },
        least: key.least.to_string(),
        bound: if key.bound { "1".into() } else { String::new() },
        digests: if key.digests { "1".into() } else { String::new() },
    };
    edit_page(&cx, &key, &typed, None)
}

pub(crate) async fn change(cx: Ctx, path: Alias, Form(e): Form<Edited>) -> Result<Response> {
    let alias = alias_of(path);
    let change = Change {
        version: e.version,
        title: e.title.clone(),
        rotate_days: number(&e.rotate_days),
        least: number(&e.least),
        bound: !e.bound.is_empty(),
        digests: !e.digests.is_empty(),
    };
    match service::change(&cx, &alias, &change).await {
        Ok(()) => Ok(see(&format!("/work/keys/{alias}"))),
        Err(Problem::Refusal(r)) if !r.fields.is_empty() || r.status == 412 => {
            let key = managed(&cx, &alias).await?;
            // Who saves once more has seen what stands now.
            let again = Edited {
                version: if r.status == 412 { key.version } else { e.version },
                ..e
            };
            edit_page(&cx, &key, &again, Some(&r))
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn rotate(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::rotate(&cx, &alias).await?;
    Ok(back(&alias))
}

pub(crate) async fn disable(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::disable(&cx, &alias).await?;
    Ok(back(&alias))
}

pub(crate) async fn enable(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::enable(&cx, &alias).await?;
    Ok(back(&alias))
}

pub(crate) async fn cancel(cx: Ctx, path: Alias) -> Result<Response> {
    let alias = alias_of(path);
    service::cancel(&cx, &alias).await?;
    Ok(back(&alias))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Destroying {
    days: String,
    typed: String,
}

fn destruction_page(cx: &Ctx, key: &Key, d: &Destroying, refused: Option<&Refusal>) -> Result<Response> {
    let data = json!({ "key": shown(cx, key), "wrong": wrong(refused), "days": d.days, "typed": d.typed });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/destruction.html", data)
}

pub(crate) async fn destruction(cx: Ctx, path: Alias) -> Result<Response> {
    let key = managed(&cx, &alias_of(path)).await?;
    let fresh = Destroying {
        days: "30".into(),
        typed: String::new(),
    };
    destruction_page(&cx, &key, &fresh, None)
}

pub(crate) async fn destroy(cx: Ctx, path: Alias, Form(d): Form<Destroying>) -> Result<Response> {
    let alias = alias_of(path);
    match service::schedule(&cx, &alias, number(&d.days), &d.typed).await {
        Ok(()) => Ok(back(&alias)),
        Err(Problem::Refusal(r)) if !r.fields.is_empty() => {
            let key = managed(&cx, &alias).await?;
            destruction_page(&cx, &key, &d, Some(&r))
        }
        Err(e) => Err(e),
    }
}
