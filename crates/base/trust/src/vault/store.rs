//! SQL of keys and of the certificates beside them.

use kernel::{Fault, Tx, params};

/// A key about to be stored; the secret is sealed already.
pub(crate) struct NewKey<'a> {
    pub alias: &'a str,
    pub kind: &'a str,
    pub sealed: Vec<u8>,
    /// PEM.
    pub public: String,
}

/// The sealed secret of a key.
pub(crate) fn sealed(tx: &mut Tx<'_>, alias: &str, kind: &str) -> Result<Option<Vec<u8>>, Fault> {
    tx.scalar(
        "SELECT sealed FROM trust_key WHERE alias = $1 AND kind = $2",
        params![alias, kind],
    )
}

pub(crate) fn insert(tx: &mut Tx<'_>, k: NewKey<'_>, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_key(alias, kind, sealed, public, version, created_at) VALUES ($1, $2, $3, $4, 1, $5)",
        params![k.alias, k.kind, k.sealed, k.public, now],
    )?;
    Ok(())
}

/// Puts a key in the place of another one of its alias; the certificate goes.
pub(crate) fn replace(tx: &mut Tx<'_>, k: NewKey<'_>) -> Result<(), Fault> {
    tx.execute(
        "UPDATE trust_key SET sealed = $2, public = $3, certificate = NULL, version = version + 1 WHERE alias = $1",
        params![k.alias, k.sealed, k.public],
    )?;
    Ok(())
}

/// Empties the secret of a key; false when there is none, or it was emptied before.
pub(crate) fn retire(tx: &mut Tx<'_>, alias: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE trust_key SET sealed = $2, retired_at = $3, version = version + 1 WHERE alias = $1 AND retired_at IS NULL";
    Ok(tx.execute(sql, params![alias, Vec::<u8>::new(), now])? == 1)
}

/// The public half as PEM.
pub(crate) fn public(tx: &mut Tx<'_>, alias: &str) -> Result<Option<String>, Fault> {
    tx.scalar("SELECT public FROM trust_key WHERE alias = $1", params![alias])
}

/// The certificate beside a key, DER.
pub(crate) fn certificate(tx: &mut Tx<'_>, alias: &str) -> Result<Option<Vec<u8>>, Fault> {
    let found: Option<Option<Vec<u8>>> = tx
        .one(
            "SELECT certificate FROM trust_key WHERE alias = $1",
            params![alias],
        )?
        .map(|r| r.get("certificate"))
        .transpose()?;
    Ok(found.flatten())
}

pub(crate) fn keep_certificate(tx: &mut Tx<'_>, alias: &str, der: &[u8]) -> Result<(), Fault> {
    tx.execute(
        "UPDATE trust_key SET certificate = $2 WHERE alias = $1",
        params![alias, der.to_vec()],
    )?;
    Ok(())
}
