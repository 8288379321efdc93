//! SQL of real-name checks.

use super::service::Terms;
use kernel::{Fault, Tx, params};

/// A check as it is shown to its person.
pub(crate) struct Check {
    pub method: String,
    pub level: i64,
    pub reference: String,
    pub at: i64,
}

/// The level that holds on a day: 1 without any check.
pub(crate) fn level(tx: &mut Tx<'_>, subject: &str, today: &str) -> Result<u8, Fault> {
    let sql = "SELECT MAX(level) AS level FROM identity_assurance WHERE subject = $1 AND ended_at IS NULL \
               AND (until_on IS NULL OR until_on >= $2)";
    let row = tx.one(sql, params![subject, today])?;
    let level: Option<i64> = row.map(|r| r.get("level")).transpose()?.flatten();
    Ok(level.and_then(|l| u8::try_from(l).ok()).unwrap_or(1).clamp(1, 4))
}

/// Whether a check by this method holds.
pub(crate) fn has(tx: &mut Tx<'_>, subject: &str, method: &str) -> Result<bool, Fault> {
    let sql =
        "SELECT id FROM identity_assurance WHERE subject = $1 AND method = $2 AND ended_at IS NULL LIMIT 1";
    Ok(tx.one(sql, params![subject, method])?.is_some())
}

/// Every check that holds, the strongest first.
pub(crate) fn checks(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<Check>, Fault> {
    let sql = "SELECT method, level, reference, at FROM identity_assurance WHERE subject = $1 AND ended_at IS NULL \
               ORDER BY level DESC, at DESC LIMIT 50";
    tx.query(sql, params![subject])?
        .iter()
        .map(|r| {
            Ok(Check {
                method: r.get("method")?,
                level: r.get("level")?,
                reference: r.get("reference")?,
                at: r.get("at")?,
            })
        })
        .collect()
}

/// Ends the checks by a method; their ids, which a fact must name.
pub(crate) fn end(tx: &mut Tx<'_>, subject: &str, method: &str, now: i64) -> Result<Vec<String>, Fault> {
    tx.query(
        "UPDATE identity_assurance SET ended_at = $3, version = version + 1 \
         WHERE subject = $1 AND method = $2 AND ended_at IS NULL RETURNING id",
        params![subject, method, now],
    )?
    .iter()
    .map(|r| r.get("id"))
    .collect()
}

pub(crate) fn insert(
    tx: &mut Tx<'_>,
    id: &str,
    subject: &str,
    t: &Terms<'_>,
    actor: &str,
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_assurance(id, subject, method, level, reference, actor, version, at, until_on) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)",
        params![id, subject, t.method, t.level, t.reference, actor, now, t.until],
    )?;
    Ok(())
}
