//! SQL of registered systems.

use kernel::{Fault, Row, Tx, params};

/// A system as it is stored.
#[derive(Clone)]
pub(crate) struct Stored {
    pub id: String,
    pub name: String,
    /// Who runs it, for the consent page and the list.
    pub operator: String,
    /// JSON of RFC 7591.
    pub metadata: String,
    /// Digest of the secret, and of the one before it until a moment.
    pub secret: Option<String>,
    pub former: Option<(String, i64)>,
    pub version: i64,
    pub created_at: i64,
    pub retired: bool,
}

const STORED: &str =
    "id, name, operator, metadata, secret, former_secret, former_until, version, created_at, retired_at";

fn stored(r: &Row) -> Result<Stored, Fault> {
    let former: Option<String> = r.get("former_secret")?;
    let until: Option<i64> = r.get("former_until")?;
    Ok(Stored {
        id: r.get("id")?,
        name: r.get("name")?,
        operator: r.get("operator")?,
        metadata: r.get("metadata")?,
        secret: r.get("secret")?,
        former: former.zip(until),
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        retired: r.get::<Option<i64>>("retired_at")?.is_some(),
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Stored>, Fault> {
    let sql = format!("SELECT {STORED} FROM openid_client WHERE id = $1");
    tx.one(&sql, params![id])?.map(|r| stored(&r)).transpose()
}

/// Version of a system that is not retired.
pub(crate) fn version(tx: &mut Tx<'_>, id: &str) -> Result<Option<i64>, Fault> {
    let sql = "SELECT version FROM openid_client WHERE id = $1 AND retired_at IS NULL";
    tx.scalar(sql, params![id])
}

/// All of them by name, the retired ones last.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Stored>, Fault> {
    let sql = format!(
        "SELECT {STORED} FROM openid_client ORDER BY CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, name, id LIMIT 1000"
    );
    tx.query(&sql, &[])?.iter().map(stored).collect()
}

/// False when there is one of this id.
pub(crate) fn insert(tx: &mut Tx<'_>, c: &Stored) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO openid_client(id, name, operator, metadata, secret, version, created_at) VALUES ($1, $2, $3, $4, $5, 1, $6) \
         ON CONFLICT (id) DO NOTHING",
        params![
            c.id.as_str(),
            c.name.as_str(),
            c.operator.as_str(),
            c.metadata.as_str(),
            c.secret.as_deref(),
            c.created_at
        ],
    )?;
    Ok(n == 1)
}

/// Changes what is registered; false when somebody else changed it since this version.
pub(crate) fn update(tx: &mut Tx<'_>, c: &Stored, from: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE openid_client SET name = $3, operator = $4, metadata = $5, secret = $6, former_secret = $7, former_until = $8, \
         version = version + 1 WHERE id = $1 AND version = $2 AND retired_at IS NULL",
        params![
            c.id.as_str(),
            from,
            c.name.as_str(),
            c.operator.as_str(),
            c.metadata.as_str(),
            c.secret.as_deref(),
            c.former.as_ref().map(|f| f.0.clone()),
            c.former.as_ref().map(|f| f.1)
        ],
    )?;
    Ok(n == 1)
}

/// Ends a system's registration; false when it had ended.
pub(crate) fn retire(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE openid_client SET retired_at = $2, version = version + 1 WHERE id = $1 AND retired_at IS NULL";
    Ok(tx.execute(sql, params![id, now])? == 1)
}
