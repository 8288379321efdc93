//! What modules call for a content that may be large. `place` is what they would seal it under: `table.column:ID`.

use kernel::{Ctx, Fault, Result, Tx};

/// Stores a content; returns what the column is to hold. Call it before the transaction, and [`keep`] within it.
///
/// # Errors
/// `objects-away` (503) when the store does not answer in time; nothing is half done.
pub async fn put(ctx: &Ctx, place: &str, content: &[u8]) -> Result<Vec<u8>> {
    crate::blob::put(ctx, place, content).await
}

/// Beside the INSERT of the row whose column holds what [`put`] gave.
pub fn keep(ctx: &Ctx, tx: &mut Tx<'_>, place: &str, column: &[u8]) -> Result<()> {
    crate::blob::keep(ctx, tx, place, column)
}

/// The content behind a column.
///
/// # Errors
/// `objects-away` (503) when the store does not answer in time.
pub async fn get(ctx: &Ctx, place: &str, column: &[u8]) -> Result<Vec<u8>> {
    crate::blob::get(ctx, place, column).await
}

/// Beside the DELETE of the row.
pub fn discard(ctx: &Ctx, tx: &mut Tx<'_>, place: &str) -> Result<(), Fault> {
    crate::blob::discard(ctx, tx, place)
}
