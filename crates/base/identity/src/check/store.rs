//! SQL of checks by an adapter.

use kernel::{Fault, Tx, params};

/// Begins one.
pub(crate) fn insert(tx: &mut Tx<'_>, id: &str, subject: &str, now: i64, until: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_check(id, subject, state, version, created_at, expires_at) VALUES ($1, $2, 'asked', 1, $3, $4)",
        params![id, subject, now, until],
    )?;
    Ok(())
}

/// Whose check waits for its answer.
pub(crate) fn asked(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT subject FROM identity_check WHERE id = $1 AND state = 'asked' AND expires_at > $2",
        params![id, now],
    )
}

/// Takes the answer; false when one came before.
pub(crate) fn answer(tx: &mut Tx<'_>, id: &str, state: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE identity_check SET state = $2, answered_at = $3, version = version + 1 WHERE id = $1 AND state = 'asked'";
    Ok(tx.execute(sql, params![id, state, now])? == 1)
}

/// Checks of a person since a moment.
pub(crate) fn since(tx: &mut Tx<'_>, subject: &str, since: i64) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM identity_check WHERE subject = $1 AND created_at > $2";
    Ok(tx.scalar(sql, params![subject, since])?.unwrap_or(0))
}

/// Where a person's newest check stands.
pub(crate) fn newest(tx: &mut Tx<'_>, subject: &str, now: i64) -> Result<Option<String>, Fault> {
    let row = tx.one(
        "SELECT state, expires_at FROM identity_check WHERE subject = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
        params![subject],
    )?;
    row.map(|r| {
        let state: String = r.get("state")?;
        let late = state == "asked" && r.get::<i64>("expires_at")? <= now;
        Ok(if late { "late".to_string() } else { state })
    })
    .transpose()
}
