//! `indicators/*.toml` of the pack: what an indicator is called, how it is counted in words, and which
//! way is better.

use crate::figure::store;
use kernel::Ctx;
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    indicator: Vec<Definition>,
}

/// One `[[indicator]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub id: String,
    pub title: String,
    pub title_en: String,
    pub unit: String,
    /// Numerator and denominator in words, as the rule states them.
    pub formula: String,
    pub formula_en: String,
    pub better: Better,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Up,
    Down,
}

const FOLDER: &str = "indicators/";

fn files(pack: &Pack) -> Vec<&str> {
    pack.under(FOLDER).filter(|n| n.ends_with(".toml")).collect()
}

fn read(pack: &Pack) -> Result<Vec<Definition>, PackError> {
    let mut all = Vec::new();
    for name in files(pack) {
        all.extend(pack.toml::<File>(name)?.indicator);
    }
    Ok(all)
}

pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        let all = read(&pack)?;
        let version = pack.manifest.pack.version;
        ctx.tx("indicators.load", |tx| {
            for (place, d) in all.iter().enumerate() {
                store::put_definition(tx, place as i64, d)?;
                kernel::pack::record(tx, &ctx, "indicators", &d.id, &serde_json::to_string(d)?, version)?;
            }
            Ok(())
        })
        .await
    })
}

pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let mut bad = Vec::new();
    let mut seen = BTreeSet::new();
    for name in files(pack) {
        let file: File = match pack.toml(name) {
            Ok(f) => f,
            Err(e) => {
                bad.push(e.to_string());
                continue;
            }
        };
        let text = pack.text(name).unwrap_or_default();
        for d in file.indicator {
            let mut wrong = |message: &str| {
                let line = text
                    .lines()
                    .position(|l| l.contains(&format!("\"{}\"", d.id)))
                    .map_or(0, |n| n + 1);
                bad.push(pack.wrong(name, line, format!("{}: {message}", d.id)).to_string());
            };
            if d.title.trim().is_empty() || d.formula.trim().is_empty() {
                wrong("title and formula must not be empty");
            }
            if !seen.insert(d.id.clone()) {
                wrong("this indicator stands twice");
            }
        }
    }
    bad
}
