//! SQL of directories.

use kernel::{Fault, Row, Tx, params};

/// A declared directory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Directory {
    /// Client id of the registered system.
    pub client: String,
    /// Organisation id; those below belong to it.
    pub organisation: String,
    /// Post that is proposed for everybody who joins; empty for none.
    pub post: String,
    pub version: i64,
    pub created_at: i64,
    pub ended_at: Option<i64>,
}

const COLUMNS: &str = "client, organisation, post, version, created_at, ended_at";

fn of(r: &Row) -> Result<Directory, Fault> {
    Ok(Directory {
        client: r.get("client")?,
        organisation: r.get("organisation")?,
        post: r.get("post")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        ended_at: r.get("ended_at")?,
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, client: &str) -> Result<Option<Directory>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM provisioning_directory WHERE client = $1");
    tx.one(&sql, params![client])?.map(|r| of(&r)).transpose()
}

/// All of them, the ended ones last.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Directory>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM provisioning_directory ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, client LIMIT 1000"
    );
    tx.query(&sql, &[])?.iter().map(of).collect()
}

/// Writes a directory; one that had ended begins anew.
pub(crate) fn put(tx: &mut Tx<'_>, d: &Directory) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO provisioning_directory(client, organisation, post, version, created_at) VALUES ($1, $2, $3, 1, $4) \
         ON CONFLICT (client) DO UPDATE SET organisation = $2, post = $3, ended_at = NULL, \
         version = provisioning_directory.version + 1",
        params![d.client.as_str(), d.organisation.as_str(), d.post.as_str(), d.created_at],
    )?;
    Ok(())
}

/// Sets the post of those who join; false when somebody else changed the directory since this version.
pub(crate) fn set_post(tx: &mut Tx<'_>, client: &str, post: &str, version: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE provisioning_directory SET post = $2, version = version + 1 WHERE client = $1 AND version = $3 AND ended_at IS NULL",
        params![client, post, version],
    )?;
    Ok(n == 1)
}

/// False when it had ended.
pub(crate) fn end(tx: &mut Tx<'_>, client: &str, now: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE provisioning_directory SET ended_at = $2, version = version + 1 WHERE client = $1 AND ended_at IS NULL",
        params![client, now],
    )?;
    Ok(n == 1)
}

/// How many officials a directory notes.
pub(crate) fn users(tx: &mut Tx<'_>, client: &str) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM provisioning_user WHERE client = $1";
    Ok(tx.scalar(sql, params![client])?.unwrap_or(0))
}
