//! SQL of what directories note about officials.

use kernel::{Fault, Row, Tx, Uuid, params};

/// A directory's note about an official.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub account: Uuid,
    pub client: String,
    pub external_id: String,
    /// Sealed JSON.
    pub document: Vec<u8>,
    /// The directory suspended the official.
    pub suspended: bool,
    pub version: i64,
    pub created_at: i64,
    pub changed_at: i64,
}

const COLUMNS: &str = "account, client, external_id, document, suspended, version, created_at, changed_at";

fn of(r: &Row) -> Result<Note, Fault> {
    Ok(Note {
        account: r.get("account")?,
        client: r.get("client")?,
        external_id: r.get("external_id")?,
        document: r.get("document")?,
        suspended: r.get::<i64>("suspended")? != 0,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        changed_at: r.get("changed_at")?,
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, account: Uuid) -> Result<Option<Note>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM provisioning_user WHERE account = $1");
    tx.one(&sql, params![account])?.map(|r| of(&r)).transpose()
}

/// Accounts that a directory notes under an id of its own.
pub(crate) fn by_external(tx: &mut Tx<'_>, client: &str, external_id: &str) -> Result<Vec<Uuid>, Fault> {
    let sql = "SELECT account FROM provisioning_user WHERE client = $1 AND external_id = $2 ORDER BY account";
    let rows = tx.query(sql, params![client, external_id])?;
    rows.iter().map(|r| r.get("account")).collect()
}

/// Writes a note; the version goes up.
pub(crate) fn put(tx: &mut Tx<'_>, n: &Note, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO provisioning_user(account, client, external_id, document, suspended, version, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6) ON CONFLICT (account) DO UPDATE SET client = $2, external_id = $3, document = $4, \
         suspended = $5, version = provisioning_user.version + 1, changed_at = $6",
        params![
            n.account,
            n.client.as_str(),
            n.external_id.as_str(),
            n.document.clone(),
            i64::from(n.suspended),
            now
        ],
    )?;
    Ok(())
}
