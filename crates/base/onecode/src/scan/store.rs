//! SQL of readings, seen codes and closed scenes.

use kernel::{Fault, Row, Tx, params};
use serde_json::{Value as Json, json};

/// A reading to be written down.
pub(crate) struct New<'a> {
    pub id: &'a str,
    pub device: &'a str,
    pub holder: &'a str,
    pub person: &'a str,
    pub scene: &'a str,
    pub reader: &'a str,
    pub place: &'a str,
    /// `told`, `blocked`, `replayed`.
    pub result: &'a str,
    pub elements: &'a str,
    pub offline: bool,
    pub at: i64,
}

pub(crate) fn insert(tx: &mut Tx<'_>, n: &New<'_>, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO onecode_scan(id, device, holder, person, scene, reader, place, result, elements, offline, at, recorded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            n.id,
            n.device,
            n.holder,
            n.person,
            n.scene,
            n.reader,
            n.place,
            n.result,
            n.elements,
            i64::from(n.offline),
            n.at,
            now
        ],
    )?;
    Ok(())
}

/// Takes a code; who took it before when it was taken.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    digest: &str,
    reader: &str,
    expires_at: i64,
) -> Result<Option<String>, Fault> {
    let sql = "INSERT INTO onecode_seen(digest, reader, expires_at) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING";
    if tx.execute(sql, params![digest, reader, expires_at])? == 1 {
        return Ok(None);
    }
    tx.scalar(
        "SELECT reader FROM onecode_seen WHERE digest = $1",
        params![digest],
    )
}

/// Forgets codes that nobody could show any more.
pub(crate) fn sweep(tx: &mut Tx<'_>, now: i64) -> Result<(), Fault> {
    tx.execute("DELETE FROM onecode_seen WHERE expires_at < $1", params![now])?;
    Ok(())
}

pub(crate) fn is_blocked(tx: &mut Tx<'_>, holder: &str, scene: &str) -> Result<bool, Fault> {
    let sql = "SELECT at FROM onecode_block WHERE holder = $1 AND scene = $2";
    Ok(tx.one(sql, params![holder, scene])?.is_some())
}

pub(crate) fn block(tx: &mut Tx<'_>, holder: &str, scene: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO onecode_block(holder, scene, at) VALUES ($1, $2, $3) ON CONFLICT (holder, scene) DO NOTHING",
        params![holder, scene, now],
    )?;
    Ok(())
}

pub(crate) fn unblock(tx: &mut Tx<'_>, holder: &str, scene: &str) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM onecode_block WHERE holder = $1 AND scene = $2",
        params![holder, scene],
    )?;
    Ok(())
}

/// Readings of somebody's own code and of a firm's that they showed, newest first, before an instant.
pub(crate) fn of(
    tx: &mut Tx<'_>,
    holder: &str,
    person: &str,
    before: i64,
    limit: u32,
) -> Result<Vec<Json>, Fault> {
    let sql = format!(
        "SELECT scene, place, result, elements, offline, at, holder FROM onecode_scan WHERE (holder = $1 OR person = $2) AND at < $3 \
         ORDER BY at DESC, id DESC LIMIT {limit}"
    );
    tx.query(&sql, params![holder, person, before])?
        .iter()
        .map(shown)
        .collect()
}

fn shown(r: &Row) -> Result<Json, Fault> {
    Ok(json!({
        "scene": r.get::<String>("scene")?, "place": r.get::<String>("place")?, "result": r.get::<String>("result")?,
        "elements": r.get::<String>("elements")?, "offline": r.get::<i64>("offline")? == 1, "at": r.get::<i64>("at")?,
    }))
}
