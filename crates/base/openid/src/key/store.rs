//! SQL of signing keys.

use kernel::{Fault, Row, Tx, params};

/// A key as it is stored.
pub(super) struct Stored {
    pub kid: String,
    pub alg: String,
    pub private: Vec<u8>,
    pub created_at: i64,
    pub signs_from: i64,
    pub retired_at: Option<i64>,
}

fn stored(r: &Row) -> Result<Stored, Fault> {
    Ok(Stored {
        kid: r.get("kid")?,
        alg: r.get("alg")?,
        private: r.get("private")?,
        created_at: r.get("created_at")?,
        signs_from: r.get("signs_from")?,
        retired_at: r.get("retired_at")?,
    })
}

/// Every key, the newest first.
pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<Stored>, Fault> {
    let sql = "SELECT kid, alg, private, created_at, signs_from, retired_at FROM openid_key ORDER BY signs_from DESC, kid";
    tx.query(sql, &[])?.iter().map(stored).collect()
}

pub(super) fn insert(tx: &mut Tx<'_>, k: &Stored, public: &str) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO openid_key(kid, alg, private, public, created_at, signs_from) VALUES ($1, $2, $3, $4, $5, $6)",
        params![k.kid.as_str(), k.alg.as_str(), k.private.clone(), public, k.created_at, k.signs_from],
    )?;
    Ok(())
}

/// Takes a key out of the published set.
pub(super) fn retire(tx: &mut Tx<'_>, kid: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE openid_key SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL",
        params![kid, now],
    )?;
    Ok(())
}
