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
            out.push(view::row(ctx, r)?);
        }
    }
    Ok(out)
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
