//! `windows.toml` of the city pack.

use super::model::Window;
use super::store;
use kernel::Ctx;
use kernel::module::{JobFuture, boxed};
use kernel::pack::Pack;
use serde::Deserialize;
use std::sync::Arc;

const FILE: &str = "windows.toml";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Windows {
    #[serde(default)]
    window: Vec<Window>,
}

/// A city without the file has no windows; its pages say so.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        if pack.file(FILE).is_none() {
            return Ok(());
        }
        let windows: Windows = pack.toml(FILE)?;
        ctx.tx("cases.load-windows", |tx| {
            for (n, w) in windows.window.iter().enumerate() {
                let org = identity::api::organisation(tx, &w.organisation)?
                    .ok_or_else(|| kernel::Fault::new(format!("window {}: organisation unknown", w.id)))?;
                store::put_window(tx, n as i64, w, &org.path, &org.area_code)?;
            }
            Ok(())
        })
        .await
    })
}

pub(crate) fn check(pack: &Pack) -> Vec<String> {
    if pack.file(FILE).is_none() {
        return Vec::new();
    }
    let windows: Windows = match pack.toml(FILE) {
        Ok(w) => w,
        Err(e) => return vec![e.to_string()],
    };
    let text = pack.text(FILE).unwrap_or_default();
    let organisations = pack.text("organisations.toml").unwrap_or_default();
    let mut bad = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for w in &windows.window {
        let line = text
            .lines()
            .position(|l| l.contains(&format!("\"{}\"", w.id)))
            .map_or(1, |n| n + 1);
        let mut say = |m: String| {
            bad.push(
                pack.wrong(FILE, line, format!("window {}: {m}", w.id))
                    .to_string(),
            )
        };
        if seen.contains(&w.id.as_str()) {
            say("the id is there twice".into());
        }
        seen.push(&w.id);
        for org in std::iter::once(&w.organisation).chain(w.serves.iter().filter(|s| *s != "*")) {
            if !organisations.contains(&format!("id = \"{org}\"")) {
                say(format!("organisation {org} is unknown"));
            }
        }
        if let Some(m) = w.wrong() {
            say(m);
        }
    }
    bad
}
