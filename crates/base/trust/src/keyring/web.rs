//! The page of data keys.

use super::model::{DataKey, Part, Rotation};
use super::{PERMISSION, service};
use axum::response::Response;
use axum::routing::{get, post};
use kernel::http::see;
use kernel::module::{MenuEntry, Permission, Place, Sample};
use kernel::{Ctx, Door, Result, Route};
use serde_json::{Value as Json, json};

const PATH: &str = "/admin/column-keys";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(PATH, Door::Permission(PERMISSION), get(page)),
        Route::new(
            "/admin/column-keys/rotation",
            Door::Permission(PERMISSION),
            post(rotate),
        ),
    ]
}

pub(crate) fn permission() -> Permission {
    Permission {
        name: PERMISSION,
        title: "trust-permission-keys",
    }
}

pub(crate) fn menu() -> MenuEntry {
    MenuEntry {
        href: PATH,
        title: "trust-keys",
        icon: "key-round",
        place: Place::Workbench,
        permission: Some(PERMISSION),
        order: 92,
    }
}

async fn page(cx: Ctx) -> Result<Response> {
    let s = service::status(&cx).await?;
    cx.page("trust/keyring/page.html", shown(&s.keys, s.rotation))
}

fn shown(keys: &[DataKey], rotation: Option<(Rotation, Vec<Part>)>) -> Json {
    let columns = keys.iter().filter(|k| k.purpose == "column");
    let newest = columns.clone().map(|k| k.version).max();
    let keys = columns.map(|k| {
        json!({
            "version": k.version, "created_at": k.created_at, "retired_at": k.retired_at, "newest": Some(k.version) == newest,
        })
    });
    let keys: Vec<Json> = keys.collect();
    let rotation = rotation.map(|(r, parts)| {
        json!({
            "version": r.version, "state": r.state, "started_at": r.started_at, "finished_at": r.finished_at,
            "done": parts.iter().filter(|p| p.finished_at.is_some()).count(), "parts": parts,
            "settled_at": r.started_at + service::GRACE, "wrong": parts.iter().any(|p| p.last_error.is_some()),
        })
    });
    json!({ "keys": keys, "rotation": rotation })
}

async fn rotate(cx: Ctx) -> Result<Response> {
    service::rotate(&cx).await?;
    Ok(see(PATH))
}

pub(crate) fn samples() -> Vec<Sample> {
    let at = 1_795_000_000_000;
    let key = |version: u32, retired: Option<i64>| DataKey {
        purpose: "column".into(),
        version,
        sealed: Vec::new(),
        state: if retired.is_some() { "retired" } else { "live" }.into(),
        created_at: at,
        retired_at: retired,
    };
    let rotation = |state: &str, error: Option<&str>| {
        let part = Part {
            part: "cases_case.form".into(),
            total: 12_000,
            done: 4_000,
            resealed: 4_000,
            reached: None,
            last_error: error.map(String::from),
            finished_at: (state == "done").then_some(at),
        };
        let rotation = Rotation {
            id: "column-2".into(),
            version: 2,
            state: state.into(),
            started_at: at,
            finished_at: (state == "done").then_some(at),
        };
        Some((rotation, vec![part]))
    };
    let sample = |name, keys: &[DataKey], rotation| Sample {
        template: "trust/keyring/page.html",
        name,
        data: shown(keys, rotation),
    };
    vec![
        sample("first", &[key(0, None), key(1, None)], None),
        sample(
            "running",
            &[key(1, None), key(2, None)],
            rotation("running", Some("disk full")),
        ),
        sample(
            "settling",
            &[key(1, None), key(2, None)],
            rotation("settling", None),
        ),
        sample("done", &[key(1, Some(at)), key(2, None)], rotation("done", None)),
    ]
}
