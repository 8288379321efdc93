//! What the home page offers first: everyday words and occasions of life, as the city's pack names them.

use kernel::kept::Kept;
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Result};
use serde::Deserialize;
use std::time::Duration;

/// How old the order of the matters may be.
const COUNTED: Duration = Duration::from_secs(60);

pub(crate) const FILE: &str = "portal.toml";

/// `portal.toml`; a pack without one has a home page without words and occasions.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Front {
    #[serde(default)]
    pub word: Vec<Word>,
    #[serde(default)]
    pub occasion: Vec<Occasion>,
}

/// Something people say; it leads to a search.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Word {
    pub title: String,
    pub title_en: String,
    pub q: String,
    pub q_en: String,
}

/// An occasion of life or business with the matters it brings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Occasion {
    pub id: String,
    pub title: String,
    pub title_en: String,
    pub lead: String,
    pub lead_en: String,
    pub icon: String,
    pub matters: Vec<String>,
}

fn read(pack: &Pack) -> Result<Front, PackError> {
    match pack.file(FILE) {
        Some(_) => pack.toml(FILE),
        None => Ok(Front::default()),
    }
}

/// Puts the pack's words and occasions into force.
pub fn open(ctx: &Ctx, pack: &Pack) -> Result<()> {
    let front = read(pack).map_err(|e| kernel::Fault::new(e.to_string()))?;
    ctx.app.services.put(front);
    ctx.app.services.put(crate::Popular(Kept::for_a(COUNTED)));
    Ok(())
}

/// Every mistake: unreadable, no matters, a matter that the pack does not have.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let front = match read(pack) {
        Ok(front) => front,
        Err(e) => return vec![e.to_string()],
    };
    let known = pack.folders("matters/");
    let text = pack.text(FILE).unwrap_or_default();
    let line = |id: &str| {
        let needle = format!("\"{id}\"");
        text.lines()
            .position(|l| l.contains(&needle))
            .map_or(1, |n| n + 1)
    };
    let mut wrong = Vec::new();
    for o in &front.occasion {
        if o.matters.is_empty() {
            wrong.push(pack.wrong(
                FILE,
                line(&o.id),
                format!("the occasion {} names no matter", o.id),
            ));
        }
        for m in o.matters.iter().filter(|m| !known.contains(m)) {
            wrong.push(pack.wrong(
                FILE,
                line(m),
                format!("the occasion {} names {m}, which is no matter", o.id),
            ));
        }
    }
    wrong.into_iter().map(|e| e.to_string()).collect()
}
