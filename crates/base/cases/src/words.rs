//! What people write in their own words — opinions, comments, lists, the names of their files — can name anybody, so it
//! is kept sealed, as text: a column stays a column, and the hash of a row still covers it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Fault};

const MARK: &str = "sealed:";

/// What the column holds for these words; `place` is `table.column:id`.
pub(crate) fn seal(ctx: &Ctx, place: &str, words: &str) -> Result<String, Fault> {
    Ok(format!(
        "{MARK}{}",
        STANDARD.encode(ctx.protect().seal(place, words)?)
    ))
}

/// The words behind what [`seal`] made. Rows from before it was there hold the words themselves.
pub(crate) fn open(ctx: &Ctx, place: &str, kept: String) -> Result<String, Fault> {
    match kept.strip_prefix(MARK) {
        None => Ok(kept),
        Some(text) => {
            let bytes = STANDARD.decode(text).map_err(|e| Fault::of(place, e))?;
            ctx.protect().open(place, &bytes)
        }
    }
}
