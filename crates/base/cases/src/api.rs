//! What other crates may ask of cases.

pub use crate::case::model::Case;
pub use crate::case::service::start;
use crate::case::{store, view};
use kernel::{Ctx, Fault, Result, Tx};
use serde_json::Value as Json;

/// The actor's own cases, newest first, as lists show them.
pub fn own(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Json>> {
    let Some(party) = ctx.actor.party() else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    for r in store::of(tx, party, 100)?.iter() {
        let row = kernel::Resource {
            kind: "Case",
            owners: vec![party.to_string()],
            about: vec![r.get("matter")?],
            ..kernel::Resource::default()
        };
        if ctx.actor.on_behalf.is_none() || ctx.may("cases.case.read", &row).is_ok() {
            let mut row = view::row(ctx, r)?;
            row["by"] = view::by(ctx, tx, r)?;
            out.push(row);
        }
    }
    Ok(out)
}

/// Rows of one page of [`of_firm`].
const PAGE: u32 = 20;

/// The cases of a firm that the actor, who acts for it, may see; see [`identity::api::FirmCases`].
pub fn of_firm(ctx: &Ctx, tx: &mut Tx<'_>, asked: &identity::api::Listing<'_>) -> Result<Json> {
    let english = view::english(ctx);
    let words = asked.q.to_lowercase();
    let matters: Vec<String> = ctx
        .service::<crate::Catalogue>()?
        .all()
        .iter()
        .filter(|m| !words.is_empty() && m.name(english).to_lowercase().contains(&words))
        .map(|m| m.id.clone())
        .collect();
    let find = store::OfFirm {
        firm: asked.whom,
        q: asked.q,
        matters: &matters,
        limit: PAGE + 1,
        skip: asked.page.saturating_mul(PAGE),
    };
    let rows = store::of_firm(tx, &ctx.scope("cases.case.read"), &find)?;
    let mut items = Vec::new();
    for r in rows.iter().take(PAGE as usize) {
        let mut item = view::row(ctx, r)?;
        item["by"] = view::by(ctx, tx, r)?;
        items.push(item);
    }
    Ok(serde_json::json!({ "items": items, "more": rows.len() > PAGE as usize }))
}

/// What an official would leave unfinished: (text, number).
pub fn unfinished(ctx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<Vec<(String, i64)>> {
    let (work, absences) = store::unfinished_of(tx, actor, &ctx.today().to_string())?;
    let text = |key: &str| ctx.t(key, &[]);
    Ok(vec![
        (text("cases-unfinished-work"), work),
        (text("cases-unfinished-absences"), absences),
    ])
}

/// The formats that form fields may name, for the pack check.
pub const FORMATS: &[&str] = &["citizen-id", "credit-code", "phone", "date"];

/// `yiwang calendar FILE`.
pub(crate) async fn calendar_command(ctx: Ctx, words: Vec<String>) -> Result<()> {
    let file = words
        .first()
        .ok_or_else(|| Fault::new("usage: yiwang calendar FILE"))?;
    let text = std::fs::read_to_string(file).map_err(|e| Fault::of(format!("cannot read {file}"), e))?;
    let n = crate::clock::apply(&ctx, &text).await?;
    println!("holiday table in force; {n} provisional due dates recomputed");
    Ok(())
}
