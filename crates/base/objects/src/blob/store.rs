//! SQL of the register.

use super::model::{PATIENCE, Sum};
use kernel::{Fault, Tx, params};

pub(crate) fn begin(tx: &mut Tx<'_>, key: &str, size: i64, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO objects_blob(key, state, size, created_at) VALUES ($1, 'new', $2, $3)",
        params![key, size, now],
    )?;
    Ok(())
}

/// False when the sweep took it meanwhile.
pub(crate) fn keep(tx: &mut Tx<'_>, key: &str) -> Result<bool, Fault> {
    Ok(tx.execute(
        "UPDATE objects_blob SET state = 'kept' WHERE key = $1 AND state = 'new'",
        params![key],
    )? == 1)
}

pub(crate) fn discard(tx: &mut Tx<'_>, key: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE objects_blob SET state = 'dropped', dropped_at = $2 WHERE key = $1 AND state = 'kept'",
        params![key, now],
    )?;
    Ok(())
}

/// Claims what nobody names any more, so that no row can be committed for it afterwards.
pub(crate) fn claim(tx: &mut Tx<'_>, now: i64, keep: i64, limit: i64) -> Result<Vec<String>, Fault> {
    let rows = tx.query(
        "SELECT key FROM objects_blob WHERE state = 'going' OR (state = 'new' AND created_at < $1) \
         OR (state = 'dropped' AND dropped_at < $2) ORDER BY key LIMIT $3",
        params![now - PATIENCE, now - keep, limit],
    )?;
    let keys = rows
        .iter()
        .map(|r| r.get("key"))
        .collect::<Result<Vec<String>, Fault>>()?;
    for key in &keys {
        tx.execute(
            "UPDATE objects_blob SET state = 'going' WHERE key = $1",
            params![key.as_str()],
        )?;
    }
    Ok(keys)
}

pub(crate) fn forget(tx: &mut Tx<'_>, key: &str) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM objects_blob WHERE key = $1 AND state = 'going'",
        params![key],
    )?;
    Ok(())
}

/// (key, size) of what is kept, in the order of the keys.
pub(crate) fn kept(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<(String, i64)>, Fault> {
    let sql = "SELECT key, size FROM objects_blob WHERE state = 'kept' AND key > $1 ORDER BY key LIMIT $2";
    let rows = tx.query(sql, params![after, limit])?;
    rows.iter().map(|r| Ok((r.get("key")?, r.get("size")?))).collect()
}

pub(crate) fn sums(tx: &mut Tx<'_>) -> Result<Vec<Sum>, Fault> {
    let sql = "SELECT state, COUNT(*) AS n, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM objects_blob GROUP BY state ORDER BY state";
    let sum = |r: &kernel::Row| {
        Ok(Sum {
            state: r.get("state")?,
            count: r.get("n")?,
            bytes: r.get("bytes")?,
        })
    };
    tx.query(sql, &[])?.iter().map(sum).collect()
}
