//! SQL of what directories note about posts.

use kernel::{Fault, Row, Tx, params};

/// A directory's note about a post.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub external_id: String,
    pub version: i64,
    pub created_at: i64,
    pub changed_at: i64,
}

/// Key of a note.
pub(crate) fn id(client: &str, post: &str) -> String {
    format!("{client}:{post}")
}

fn of(r: &Row) -> Result<Note, Fault> {
    Ok(Note {
        external_id: r.get("external_id")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        changed_at: r.get("changed_at")?,
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, client: &str, post: &str) -> Result<Option<Note>, Fault> {
    let sql = "SELECT external_id, version, created_at, changed_at FROM provisioning_group WHERE id = $1";
    tx.one(sql, params![id(client, post)])?
        .map(|r| of(&r))
        .transpose()
}

/// The post that a directory notes under an id of its own.
pub(crate) fn by_external(tx: &mut Tx<'_>, client: &str, external_id: &str) -> Result<Option<String>, Fault> {
    let sql =
        "SELECT post FROM provisioning_group WHERE client = $1 AND external_id = $2 ORDER BY post LIMIT 1";
    tx.scalar(sql, params![client, external_id])
}

/// Writes a note; the version goes up.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    client: &str,
    post: &str,
    external_id: &str,
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO provisioning_group(id, client, post, external_id, version, created_at, changed_at) VALUES ($1, $2, $3, $4, 1, $5, $5) \
         ON CONFLICT (id) DO UPDATE SET external_id = $4, version = provisioning_group.version + 1, changed_at = $5",
        params![id(client, post), client, post, external_id, now],
    )?;
    Ok(())
}
