//! SQL of registered hosts.

use kernel::{Ctx, Fault, Result, Row, Tx, params};
use serde_json::Value as Json;

pub(crate) fn place(id: &str) -> String {
    format!("comms_hook.secret:{id}")
}

pub(crate) struct New<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub url: &'a str,
    pub kinds: &'a [String],
    pub secret: Vec<u8>,
    pub by: &'a str,
}

pub(crate) fn insert(tx: &mut Tx<'_>, n: &New<'_>, at: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO comms_hook(id, title, url, kinds, secret, registered_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            n.id,
            n.title,
            n.url,
            serde_json::json!(n.kinds),
            n.secret.clone(),
            n.by,
            at
        ],
    )?;
    Ok(())
}

pub(crate) fn remove(tx: &mut Tx<'_>, id: &str, at: i64) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE comms_hook SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL",
        params![id, at],
    )
}

/// Those in force, oldest first.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Row>, Fault> {
    tx.query(
        "SELECT id, title, url, kinds, created_at FROM comms_hook WHERE removed_at IS NULL ORDER BY id LIMIT 200",
        &[],
    )
}

pub(crate) fn count(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    let n = tx.scalar("SELECT COUNT(*) FROM comms_hook WHERE removed_at IS NULL", &[])?;
    Ok(n.unwrap_or(0))
}

/// Ids of those that want to hear of a kind; none chosen means all kinds.
pub(crate) fn for_kind(tx: &mut Tx<'_>, kind: &str) -> Result<Vec<String>, Fault> {
    let mut ids = Vec::new();
    for r in all(tx)? {
        let kinds: Json = r.get("kinds")?;
        let wanted = kinds
            .as_array()
            .is_none_or(|k| k.is_empty() || k.iter().any(|k| k == kind));
        if wanted {
            ids.push(r.get("id")?);
        }
    }
    Ok(ids)
}

/// (url, secret) of one in force.
pub(crate) fn target(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<(String, String)>> {
    let row = tx.one(
        "SELECT url, secret FROM comms_hook WHERE id = $1 AND removed_at IS NULL",
        params![id],
    )?;
    let Some(r) = row else { return Ok(None) };
    let secret = ctx.protect().open(&place(id), &r.get::<Vec<u8>>("secret")?)?;
    Ok(Some((r.get("url")?, secret)))
}

pub(crate) fn title(tx: &mut Tx<'_>, id: &str) -> Result<Option<String>, Fault> {
    tx.scalar("SELECT title FROM comms_hook WHERE id = $1", params![id])
}
