//! What the pages about a case show of its papers.

use super::service;
use crate::case::model::Case;
use kernel::{Ctx, Result, Tx};
use serde_json::{Value as Json, json};

/// The papers of a case, oldest first, and how many are being printed. Titles are Chinese, as the papers are.
pub(crate) fn of(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<Json> {
    let may = ctx.actor.is_official() && ctx.may(service::CORRECT, &case.resource()).is_ok();
    let all = documents::api::papers_of(tx, &case.id)?;
    let mut items = Vec::new();
    for p in &all {
        let number_of = |id: &Option<String>| {
            let found = id.as_ref().and_then(|id| all.iter().find(|o| o.id == *id));
            found.map(|o| o.number.clone())
        };
        let may_correct = may && p.superseded_by.is_none();
        let text = match may_correct {
            true => documents::api::paper_content(ctx, tx, &p.id)?.and_then(|c| service::text(&p.kind, &c)),
            false => None,
        };
        items.push(
            json!({ "id": p.id, "kind": p.kind, "title": p.title, "number": p.number, "dated": p.dated,
            "superseded_by": number_of(&p.superseded_by), "supersedes": number_of(&p.supersedes),
            "may_correct": may_correct, "text": text }),
        );
    }
    Ok(
        json!({ "items": items, "waiting": documents::api::papers_waiting(tx, &case.id)?,
        "unsealed": documents::api::papers_unsealed(tx, &case.id)?.iter().map(|why| ctx.t(why, &[])).collect::<Vec<_>>() }),
    )
}

/// Invented data of the shape of [`of`], for samples of pages.
pub(crate) fn sample() -> Json {
    let paper = |id: &str, title: &str, newer: Json| {
        json!({ "id": id, "kind": "correction", "title": title, "number": "演示机关补〔2026〕1号", "dated": "2026-11-24",
            "superseded_by": newer, "supersedes": null, "may_correct": true, "text": "请补正" })
    };
    json!({ "items": [paper("1", "补正告知书", "演示机关补〔2026〕2号".into()), paper("2", "补正告知书", Json::Null)], "waiting": 1, "unsealed": ["印章已停用"] })
}
