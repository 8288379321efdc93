//! SQL of the register, requests, lists and time-stamps.

use super::model::{Asked, Entry, Use};
use kernel::{Fault, Row, Tx, params};

const ENTRY: &str = "serial, algorithm, issuer, profile, cn, o, holder, key_hash, der, not_before, not_after, reason, revoked_at, \
    request, replaces, version, issued_at";

fn entry_of(r: &Row) -> Result<Entry, Fault> {
    let profile: String = r.get("profile")?;
    let reason: Option<i64> = r.get("reason")?;
    let at: Option<i64> = r.get("revoked_at")?;
    Ok(Entry {
        serial: r.get("serial")?,
        algorithm: r.get("algorithm")?,
        issuer: r.get("issuer")?,
        used_for: Use::of(&profile).ok_or_else(|| Fault::new(format!("certificate of profile {profile}")))?,
        cn: r.get("cn")?,
        o: r.get("o")?,
        holder: r.get("holder")?,
        key_hash: r.get("key_hash")?,
        der: r.get("der")?,
        not_before: r.get("not_before")?,
        not_after: r.get("not_after")?,
        revoked: reason.and_then(|code| u8::try_from(code).ok()).zip(at),
        request: r.get("request")?,
        replaces: r.get("replaces")?,
        version: r.get("version")?,
        issued_at: r.get("issued_at")?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, e: &Entry) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_certificate(serial, algorithm, issuer, profile, cn, o, holder, key_hash, der, not_before, not_after, \
         request, replaces, version, issued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14)",
        params![
            e.serial.as_str(),
            e.algorithm.as_str(),
            e.issuer.as_str(),
            e.used_for.name(),
            e.cn.as_str(),
            e.o.as_str(),
            e.holder.as_str(),
            e.key_hash.as_str(),
            e.der.clone(),
            e.not_before,
            e.not_after,
            e.request.as_deref(),
            e.replaces.as_deref(),
            e.issued_at
        ],
    )?;
    Ok(())
}

pub(crate) fn get(tx: &mut Tx<'_>, serial: &str) -> Result<Option<Entry>, Fault> {
    let sql = format!("SELECT {ENTRY} FROM trust_certificate WHERE serial = $1");
    tx.one(&sql, params![serial])?.map(|r| entry_of(&r)).transpose()
}

/// What replaced it.
pub(crate) fn successor(tx: &mut Tx<'_>, serial: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT serial FROM trust_certificate WHERE replaces = $1 ORDER BY issued_at LIMIT 1",
        params![serial],
    )
}

/// Sets or takes away the revocation; false when somebody was first.
pub(crate) fn set_revoked(
    tx: &mut Tx<'_>,
    serial: &str,
    version: i64,
    revoked: Option<(u8, i64)>,
) -> Result<bool, Fault> {
    let sql = "UPDATE trust_certificate SET reason = $3, revoked_at = $4, version = version + 1 WHERE serial = $1 AND version = $2";
    let (reason, at) = (revoked.map(|(r, _)| i64::from(r)), revoked.map(|(_, at)| at));
    Ok(tx.execute(sql, params![serial, version, reason, at])? == 1)
}

/// Revoked and not yet ended certificates of an authority: (serial, reason, time).
pub(crate) fn revoked(
    tx: &mut Tx<'_>,
    issuer: &str,
    algorithm: &str,
    now: i64,
) -> Result<Vec<(String, i64, i64)>, Fault> {
    tx.query(
        "SELECT serial, reason, revoked_at FROM trust_certificate WHERE issuer = $1 AND algorithm = $2 \
         AND revoked_at IS NOT NULL AND not_after >= $3 ORDER BY serial",
        params![issuer, algorithm, now],
    )?
    .iter()
    .map(|r| Ok((r.get("serial")?, r.get("reason")?, r.get("revoked_at")?)))
    .collect()
}

/// What the page of the register asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Find {
    /// Beginning of a serial number, or part of a name.
    pub words: String,
    pub profile: String,
    /// `revoked`, `ending`, or empty.
    pub state: String,
    /// (issued_at, serial) of the last row of the page before.
    pub after: Option<(i64, String)>,
}

/// A page of the register, newest first; one row more than `limit` when there is a next page.
pub(crate) fn find(tx: &mut Tx<'_>, f: &Find, now: i64, limit: i64) -> Result<Vec<Entry>, Fault> {
    let (at, serial) = f.after.clone().unwrap_or((i64::MAX, String::new()));
    let soon = now + super::model::ENDING_DAYS * super::model::DAY;
    let sql = format!(
        "SELECT {ENTRY} FROM trust_certificate WHERE ($1 = '' OR serial LIKE $1 || '%' OR cn LIKE '%' || $1 || '%' OR o LIKE '%' || $1 || '%') \
         AND ($2 = '' OR profile = $2) AND ($3 = '' OR ($3 = 'revoked' AND revoked_at IS NOT NULL) \
         OR ($3 = 'ending' AND revoked_at IS NULL AND not_after BETWEEN $4 AND $5)) \
         AND (issued_at < $6 OR (issued_at = $6 AND serial < $7)) ORDER BY issued_at DESC, serial DESC LIMIT $8"
    );
    tx.query(
        &sql,
        params![
            f.words.as_str(),
            f.profile.as_str(),
            f.state.as_str(),
            now,
            soon,
            at,
            serial,
            limit + 1
        ],
    )?
    .iter()
    .map(entry_of)
    .collect()
}

const ASKED: &str = "id, profile, algorithm, cn, o, names, reason, key_hash, der, state, asked_by, opinion, serial, replaces, \
    version, created_at, decided_at";

fn asked_of(r: &Row) -> Result<Asked, Fault> {
    let profile: String = r.get("profile")?;
    let names: String = r.get("names")?;
    Ok(Asked {
        id: r.get("id")?,
        used_for: Use::of(&profile).ok_or_else(|| Fault::new(format!("request of profile {profile}")))?,
        algorithm: r.get("algorithm")?,
        cn: r.get("cn")?,
        o: r.get("o")?,
        names: names
            .split(' ')
            .filter(|n| !n.is_empty())
            .map(String::from)
            .collect(),
        reason: r.get("reason")?,
        key_hash: r.get("key_hash")?,
        der: r.get("der")?,
        state: r.get("state")?,
        asked_by: r.get("asked_by")?,
        opinion: r.get("opinion")?,
        serial: r.get("serial")?,
        replaces: r.get("replaces")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        decided_at: r.get("decided_at")?,
    })
}

pub(crate) fn insert_request(tx: &mut Tx<'_>, a: &Asked) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_request(id, profile, algorithm, cn, o, names, reason, key_hash, der, state, asked_by, replaces, version, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'asked', $10, $11, 1, $12)",
        params![
            a.id.as_str(),
            a.used_for.name(),
            a.algorithm.as_str(),
            a.cn.as_str(),
            a.o.as_str(),
            a.names.join(" "),
            a.reason.as_str(),
            a.key_hash.as_str(),
            a.der.clone(),
            a.asked_by.as_str(),
            a.replaces.as_deref(),
            a.created_at
        ],
    )?;
    Ok(())
}

pub(crate) fn request(tx: &mut Tx<'_>, id: &str) -> Result<Option<Asked>, Fault> {
    let sql = format!("SELECT {ASKED} FROM trust_request WHERE id = $1");
    tx.one(&sql, params![id])?.map(|r| asked_of(&r)).transpose()
}

/// Open requests first, then the newest decided ones; of one person when `by` is not empty.
pub(crate) fn requests(tx: &mut Tx<'_>, by: &str, limit: i64) -> Result<Vec<Asked>, Fault> {
    let sql = format!(
        "SELECT {ASKED} FROM trust_request WHERE ($1 = '' OR asked_by = $1) \
         ORDER BY CASE WHEN state = 'asked' THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT $2"
    );
    tx.query(&sql, params![by, limit])?.iter().map(asked_of).collect()
}

/// Whether this key lies in an open request or in a certificate that stands.
pub(crate) fn key_taken(tx: &mut Tx<'_>, key_hash: &str, now: i64) -> Result<bool, Fault> {
    let row = tx.one(
        "SELECT 1 AS n FROM trust_certificate WHERE key_hash = $1 AND revoked_at IS NULL AND not_after >= $2 \
         UNION SELECT 1 FROM trust_request WHERE key_hash = $1 AND state = 'asked'",
        params![key_hash, now],
    )?;
    Ok(row.is_some())
}

/// Whether a key was revoked because others may know it: it is never certified again.
pub(crate) fn key_known_to_others(tx: &mut Tx<'_>, key_hash: &str) -> Result<bool, Fault> {
    let sql = "SELECT serial FROM trust_certificate WHERE key_hash = $1 AND reason = 1 LIMIT 1";
    Ok(tx.one(sql, params![key_hash])?.is_some())
}

pub(crate) fn decide(
    tx: &mut Tx<'_>,
    a: &Asked,
    state: &str,
    by: &str,
    opinion: &str,
    serial: Option<&str>,
    now: i64,
) -> Result<bool, Fault> {
    let sql = "UPDATE trust_request SET state = $3, decided_by = $4, opinion = $5, serial = $6, decided_at = $7, version = version + 1 \
               WHERE id = $1 AND version = $2 AND state = 'asked'";
    let n = tx.execute(
        sql,
        params![a.id.as_str(), a.version, state, by, opinion, serial, now],
    )?;
    Ok(n == 1)
}

/// (number, list in DER, made, next, stale) of an authority's current list.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    authority: &str,
) -> Result<Option<(i64, Vec<u8>, i64, i64, bool)>, Fault> {
    tx.one(
        "SELECT number, der, this_update, next_update, stale FROM trust_crl WHERE authority = $1",
        params![authority],
    )?
    .map(|r| {
        Ok((
            r.get("number")?,
            r.get("der")?,
            r.get("this_update")?,
            r.get("next_update")?,
            r.get::<i64>("stale")? != 0,
        ))
    })
    .transpose()
}

/// Stores a list; false when one of this number is there already.
pub(crate) fn put_list(
    tx: &mut Tx<'_>,
    authority: &str,
    number: i64,
    der: &[u8],
    (this, next): (i64, i64),
) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO trust_crl(authority, number, der, this_update, next_update, stale) VALUES ($1, $2, $3, $4, $5, 0) \
         ON CONFLICT (authority) DO UPDATE SET number = $2, der = $3, this_update = $4, next_update = $5, stale = 0 \
         WHERE trust_crl.number < $2",
        params![authority, number, der.to_vec(), this, next],
    )?;
    Ok(n == 1)
}

pub(crate) fn make_stale(tx: &mut Tx<'_>, authority: &str) -> Result<(), Fault> {
    tx.execute(
        "UPDATE trust_crl SET stale = 1 WHERE authority = $1",
        params![authority],
    )?;
    Ok(())
}

pub(crate) fn insert_stamp(tx: &mut Tx<'_>, serial: &str, digest: &str, at: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_stamp(serial, digest, at) VALUES ($1, $2, $3)",
        params![serial, digest, at],
    )?;
    Ok(())
}
