//! SQL of the use log.

use kernel::{Fault, Row, Scope, ScopeColumns, Tx, Value, params};

/// One request. Instants in UTC milliseconds, sizes in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub id: String,
    pub at: i64,
    pub actor: String,
    /// Id of the key; empty when there is none of the alias.
    pub key: String,
    pub alias: String,
    pub org_path: String,
    pub area_code: String,
    /// The version that was used; of several the newest; 0 for none.
    pub version: i64,
    pub operation: String,
    pub items: i64,
    pub failed: i64,
    pub size: i64,
    /// SHA-256 of each thing that was signed, in hex, `-` for one that was not; of a time-stamp what was stamped.
    pub digest: String,
    /// `done`, `partial`, `invalid`, `fault`, or the name of the refusal.
    pub result: String,
    pub request: String,
}

const USE: &str = "id, at, actor, key, alias, org_path, area_code, version, operation, items, failed, size, digest, result, request";

fn use_of(r: &Row) -> Result<Use, Fault> {
    Ok(Use {
        id: r.get("id")?,
        at: r.get("at")?,
        actor: r.get("actor")?,
        key: r.get("key")?,
        alias: r.get("alias")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        version: r.get("version")?,
        operation: r.get("operation")?,
        items: r.get("items")?,
        failed: r.get("failed")?,
        size: r.get("size")?,
        digest: r.get("digest")?,
        result: r.get("result")?,
        request: r.get("request")?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, u: &Use) -> Result<(), Fault> {
    let sql = format!(
        "INSERT INTO cipher_use({USE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    tx.execute(
        &sql,
        params![
            u.id.as_str(),
            u.at,
            u.actor.as_str(),
            u.key.as_str(),
            u.alias.as_str(),
            u.org_path.as_str(),
            u.area_code.as_str(),
            u.version,
            u.operation.as_str(),
            u.items,
            u.failed,
            u.size,
            u.digest.as_str(),
            u.result.as_str(),
            u.request.as_str()
        ],
    )?;
    Ok(())
}

/// What a reader looks for; empty means everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Find {
    pub alias: String,
    pub actor: String,
    pub operation: String,
    /// `done` or `refused`.
    pub result: String,
    /// Instants: from, and before.
    pub from: i64,
    pub until: i64,
    /// Only rows of ids below.
    pub before: String,
}

const SCOPED: ScopeColumns = ScopeColumns {
    owner: "actor",
    org_path: "org_path",
    area_code: "area_code",
    about: "",
};

/// Rows that the scope shows, newest first; `keyless` shows those that belong to no key as well.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    scope: &Scope,
    keyless: bool,
    f: &Find,
    limit: u32,
) -> Result<Vec<Use>, Fault> {
    let before = if f.before.is_empty() { "z" } else { &f.before };
    let mut p: Vec<Value> = vec![
        before.into(),
        f.alias.as_str().into(),
        f.actor.as_str().into(),
        f.operation.as_str().into(),
        f.from.into(),
        f.until.into(),
    ];
    let shown = scope.sql(SCOPED, &mut p);
    let keyless = if keyless { " OR org_path = ''" } else { "" };
    let result = match f.result.as_str() {
        "done" => "AND result = 'done'",
        "refused" => "AND result <> 'done'",
        _ => "",
    };
    let sql = format!(
        "SELECT {USE} FROM cipher_use WHERE id < $1 AND ($2 = '' OR alias = $2) AND ($3 = '' OR actor = $3) \
         AND ($4 = '' OR operation = $4) AND at >= $5 AND at < $6 {result} AND ({shown}{keyless}) ORDER BY id DESC LIMIT {limit}"
    );
    tx.query(&sql, &p)?.iter().map(use_of).collect()
}

/// Requests and refused ones of a key by day; a day is `(at + shift) / 86400000`.
pub(crate) fn by_day(
    tx: &mut Tx<'_>,
    key: &str,
    from: i64,
    shift: i64,
) -> Result<Vec<(i64, i64, i64)>, Fault> {
    let sql = "SELECT (at + $3) / 86400000 AS day, COUNT(*) AS n, SUM(CASE WHEN result = 'done' THEN 0 ELSE 1 END) AS bad \
               FROM cipher_use WHERE key = $1 AND at >= $2 GROUP BY 1 ORDER BY 1";
    let rows = tx.query(sql, params![key, from, shift])?;
    rows.iter()
        .map(|r| Ok((r.get("day")?, r.get("n")?, r.get("bad")?)))
        .collect()
}

/// The first instant of a row at or after this one.
pub(crate) fn first_from(tx: &mut Tx<'_>, from: i64) -> Result<Option<i64>, Fault> {
    let sql = "SELECT at FROM cipher_use WHERE at >= $1 ORDER BY at, id LIMIT 1";
    tx.scalar(sql, params![from])
}

/// Rows of a span after an id, by id, exactly as they are hashed.
pub(crate) fn page(
    tx: &mut Tx<'_>,
    from: i64,
    until: i64,
    after: &str,
    limit: u32,
) -> Result<Vec<Row>, Fault> {
    let sql = format!(
        "SELECT {USE} FROM cipher_use WHERE at >= $1 AND at < $2 AND id > $3 ORDER BY id LIMIT {limit}"
    );
    tx.query(&sql, params![from, until, after])
}

/// Count and digest of an hour.
pub(crate) struct Seal {
    /// `2026-11-24T02`, UTC.
    pub hour: String,
    pub begins_at: i64,
    pub uses: i64,
    pub digest: String,
}

/// Beginning of the newest sealed hour.
pub(crate) fn last_sealed(tx: &mut Tx<'_>) -> Result<Option<i64>, Fault> {
    tx.scalar(
        "SELECT begins_at FROM cipher_seal ORDER BY begins_at DESC LIMIT 1",
        &[],
    )
}

/// False when the hour was sealed before.
pub(crate) fn insert_seal(tx: &mut Tx<'_>, s: &Seal) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO cipher_seal(hour, begins_at, uses, digest, kept) VALUES ($1, $2, $3, $4, 1) ON CONFLICT (hour) DO NOTHING",
        params![s.hour.as_str(), s.begins_at, s.uses, s.digest.as_str()],
    )?;
    Ok(n == 1)
}

/// Seals whose rows are still kept, after an hour.
pub(crate) fn seals(tx: &mut Tx<'_>, after: i64, limit: u32) -> Result<Vec<Seal>, Fault> {
    let sql = format!(
        "SELECT hour, begins_at, uses, digest FROM cipher_seal WHERE kept = 1 AND begins_at > $1 ORDER BY begins_at LIMIT {limit}"
    );
    let rows = tx.query(&sql, params![after])?;
    rows.iter()
        .map(|r| {
            Ok(Seal {
                hour: r.get("hour")?,
                begins_at: r.get("begins_at")?,
                uses: r.get("uses")?,
                digest: r.get("digest")?,
            })
        })
        .collect()
}

/// Removes sealed rows before an instant, at most a thousand; how many. Their hours are marked first.
pub(crate) fn sweep(tx: &mut Tx<'_>, before: i64) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE cipher_seal SET kept = 0 WHERE begins_at < $1 AND kept = 1",
        params![before],
    )?;
    tx.execute(
        "DELETE FROM cipher_use WHERE id IN (SELECT id FROM cipher_use WHERE at < $1 ORDER BY at, id LIMIT 1000)",
        params![before],
    )
}
