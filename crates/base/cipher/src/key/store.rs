//! SQL of keys, versions and grants.

use super::model::{Granted, Key, Operation, State, Version};
use crate::algorithm::{Algorithm, Purpose};
use kernel::{Fault, Row, Scope, ScopeColumns, Tx, Value, params};

const KEY: &str = "id, alias, organisation, org_path, area_code, title, purpose, algorithm, state, newest, least, rotate_days, \
    rotated_at, bound, destroy_at, owner, version, created_at";

/// What is read of a key: its row, and whether it signs digests.
fn read() -> String {
    format!("{KEY}, (SELECT COUNT(*) FROM cipher_digest d WHERE d.key = cipher_key.id) AS digests")
}

pub(crate) const SCOPED: ScopeColumns = ScopeColumns {
    owner: "owner",
    org_path: "org_path",
    area_code: "area_code",
    about: "",
};

fn known<T>(found: Option<T>, text: &str) -> Result<T, Fault> {
    found.ok_or_else(|| Fault::new(format!("a key with the unknown word {text}")))
}

fn key_of(r: &Row) -> Result<Key, Fault> {
    let word = |name: &str| r.get::<String>(name);
    let (purpose, algorithm, state) = (word("purpose")?, word("algorithm")?, word("state")?);
    Ok(Key {
        id: r.get("id")?,
        alias: r.get("alias")?,
        organisation: r.get("organisation")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        title: r.get("title")?,
        purpose: known(Purpose::of(&purpose), &purpose)?,
        algorithm: known(Algorithm::of(&algorithm), &algorithm)?,
        state: known(State::of(&state), &state)?,
        newest: r.get("newest")?,
        least: r.get("least")?,
        rotate_days: r.get("rotate_days")?,
        rotated_at: r.get("rotated_at")?,
        bound: r.get::<i64>("bound")? == 1,
        digests: r.get::<i64>("digests")? > 0,
        destroy_at: r.get("destroy_at")?,
        owner: r.get("owner")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
    })
}

pub(crate) fn by_alias(tx: &mut Tx<'_>, alias: &str) -> Result<Option<Key>, Fault> {
    let sql = format!("SELECT {} FROM cipher_key WHERE alias = $1", read());
    tx.one(&sql, params![alias])?.map(|r| key_of(&r)).transpose()
}

/// Keys that the scope shows, by alias, whose alias or title has the words.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    scope: &Scope,
    q: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<Key>, Fault> {
    let mut p: Vec<Value> = vec![after.into()];
    let found = kernel::db::containing(&["alias", "title"], q, &mut p);
    let shown = scope.sql(SCOPED, &mut p);
    let sql = format!(
        "SELECT {} FROM cipher_key WHERE alias > $1 AND {found} AND {shown} ORDER BY alias LIMIT {limit}",
        read()
    );
    tx.query(&sql, &p)?.iter().map(key_of).collect()
}

/// Keys that may be due for rotation or destruction.
pub(crate) fn to_look_at(tx: &mut Tx<'_>, now: i64) -> Result<Vec<Key>, Fault> {
    let sql = format!(
        "SELECT {} FROM cipher_key WHERE (state = 'scheduled' AND destroy_at <= $1) \
         OR (state = 'active' AND rotate_days > 0 AND rotated_at + rotate_days * 86400000 <= $1) ORDER BY alias LIMIT 1000",
        read()
    );
    tx.query(&sql, params![now])?.iter().map(key_of).collect()
}

/// False when there is one of this alias.
pub(crate) fn insert(tx: &mut Tx<'_>, k: &Key) -> Result<bool, Fault> {
    let sql = format!(
        "INSERT INTO cipher_key({KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         ON CONFLICT (alias) DO NOTHING"
    );
    let n = tx.execute(
        &sql,
        params![
            k.id.as_str(),
            k.alias.as_str(),
            k.organisation.as_str(),
            k.org_path.as_str(),
            k.area_code.as_str(),
            k.title.as_str(),
            k.purpose.name(),
            k.algorithm.name(),
            k.state.name(),
            k.newest,
            k.least,
            k.rotate_days,
            k.rotated_at,
            i64::from(k.bound),
            k.destroy_at,
            k.owner.as_str(),
            k.version,
            k.created_at
        ],
    )?;
    Ok(n == 1)
}

/// Saves what may change of a key that is still at `k.version`; false when somebody was first.
pub(crate) fn update(tx: &mut Tx<'_>, k: &Key) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE cipher_key SET title = $3, state = $4, newest = $5, least = $6, rotate_days = $7, rotated_at = $8, bound = $9, \
         destroy_at = $10, version = version + 1 WHERE id = $1 AND version = $2",
        params![
            k.id.as_str(),
            k.version,
            k.title.as_str(),
            k.state.name(),
            k.newest,
            k.least,
            k.rotate_days,
            k.rotated_at,
            i64::from(k.bound),
            k.destroy_at
        ],
    )?;
    Ok(n == 1)
}

/// Lets a key sign digests, or no longer; false when that is how it was.
pub(crate) fn set_digests(tx: &mut Tx<'_>, key: &str, on: bool, now: i64) -> Result<bool, Fault> {
    let n = match on {
        true => tx.execute(
            "INSERT INTO cipher_digest(key, allowed_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
            params![key, now],
        )?,
        false => tx.execute("DELETE FROM cipher_digest WHERE key = $1", params![key])?,
    };
    Ok(n == 1)
}

/// Row id of a version.
pub(crate) fn version_id(key: &str, number: i64) -> String {
    format!("{key}.{number}")
}

pub(crate) fn insert_version(tx: &mut Tx<'_>, key: &str, v: &Version) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cipher_key_version(id, key, number, sealed, public, used, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6)",
        params![
            version_id(key, v.number),
            key,
            v.number,
            v.sealed.clone(),
            v.public.as_str(),
            v.created_at
        ],
    )?;
    Ok(())
}

/// Versions from a number on, newest first.
pub(crate) fn versions(tx: &mut Tx<'_>, key: &str, from: i64) -> Result<Vec<Version>, Fault> {
    let sql = "SELECT number, sealed, public, used, created_at FROM cipher_key_version WHERE key = $1 AND number >= $2 \
               ORDER BY number DESC LIMIT 1000";
    let rows = tx.query(sql, params![key, from])?;
    rows.iter()
        .map(|r| {
            Ok(Version {
                number: r.get("number")?,
                sealed: r.get("sealed")?,
                public: r.get("public")?,
                used: r.get("used")?,
                created_at: r.get("created_at")?,
            })
        })
        .collect()
}

/// Counts uses of a version's nonces; false when that would be more than there are.
pub(crate) fn spend(tx: &mut Tx<'_>, key: &str, number: i64, n: i64, most: i64) -> Result<bool, Fault> {
    let sql =
        "UPDATE cipher_key_version SET used = used + $3 WHERE key = $1 AND number = $2 AND used + $3 <= $4";
    Ok(tx.execute(sql, params![key, number, n, most])? == 1)
}

/// Takes the material of every version away.
pub(crate) fn wipe(tx: &mut Tx<'_>, key: &str, now: i64) -> Result<u64, Fault> {
    let sql =
        "UPDATE cipher_key_version SET sealed = NULL, wiped_at = $2 WHERE key = $1 AND sealed IS NOT NULL";
    tx.execute(sql, params![key, now])
}

const GRANT: &str = "id, key, holder, operations, per_minute, per_day, created_at";

fn grant_of(r: &Row) -> Result<Granted, Fault> {
    let operations: String = r.get("operations")?;
    Ok(Granted {
        id: r.get("id")?,
        key: r.get("key")?,
        holder: r.get("holder")?,
        operations: operations.split(' ').filter_map(Operation::of).collect(),
        per_minute: r.get("per_minute")?,
        per_day: r.get("per_day")?,
        created_at: r.get("created_at")?,
    })
}

pub(crate) fn grant(tx: &mut Tx<'_>, key: &str, holder: &str) -> Result<Option<Granted>, Fault> {
    let sql = format!("SELECT {GRANT} FROM cipher_grant WHERE key = $1 AND holder = $2");
    tx.one(&sql, params![key, holder])?
        .map(|r| grant_of(&r))
        .transpose()
}

pub(crate) fn grants(tx: &mut Tx<'_>, key: &str) -> Result<Vec<Granted>, Fault> {
    let sql = format!("SELECT {GRANT} FROM cipher_grant WHERE key = $1 ORDER BY created_at, id LIMIT 500");
    tx.query(&sql, params![key])?.iter().map(grant_of).collect()
}

/// Grants of a holder, with the alias of each key that may be used.
pub(crate) fn of_holder(tx: &mut Tx<'_>, holder: &str) -> Result<Vec<(Granted, Key)>, Fault> {
    let sql = format!("SELECT {GRANT} FROM cipher_grant WHERE holder = $1 ORDER BY id LIMIT 1000");
    let grants: Vec<Granted> = tx
        .query(&sql, params![holder])?
        .iter()
        .map(grant_of)
        .collect::<Result<_, _>>()?;
    let mut out = Vec::new();
    let sql = format!("SELECT {} FROM cipher_key WHERE id = $1", read());
    for g in grants {
        if let Some(row) = tx.one(&sql, params![g.key.as_str()])? {
            out.push((g, key_of(&row)?));
        }
    }
    Ok(out)
}

/// Sets what a holder may do with a key.
pub(crate) fn put_grant(tx: &mut Tx<'_>, g: &Granted) -> Result<(), Fault> {
    let operations: Vec<&str> = g.operations.iter().map(|o| o.name()).collect();
    tx.execute(
        "INSERT INTO cipher_grant(id, key, holder, operations, per_minute, per_day, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7) ON CONFLICT (key, holder) DO UPDATE SET operations = $4, per_minute = $5, \
         per_day = $6, version = cipher_grant.version + 1",
        params![
            g.id.as_str(),
            g.key.as_str(),
            g.holder.as_str(),
            operations.join(" "),
            g.per_minute,
            g.per_day,
            g.created_at
        ],
    )?;
    Ok(())
}

/// False when there was none.
pub(crate) fn remove_grant(tx: &mut Tx<'_>, id: &str) -> Result<bool, Fault> {
    Ok(tx.execute("DELETE FROM cipher_grant WHERE id = $1", params![id])? == 1)
}

/// How much was used in a slot.
pub(crate) fn counted(tx: &mut Tx<'_>, grant: &str, slot: &str) -> Result<i64, Fault> {
    let sql = "SELECT n FROM cipher_count WHERE granted = $1 AND slot = $2";
    Ok(tx.scalar(sql, params![grant, slot])?.unwrap_or(0))
}

/// Counts uses in a slot; the row is held until the transaction ends, so that no two exceed the limit together.
pub(crate) fn count(tx: &mut Tx<'_>, grant: &str, slot: &str, n: i64, ends_at: i64) -> Result<i64, Fault> {
    tx.execute(
        "INSERT INTO cipher_count(granted, slot, n, ends_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (granted, slot) DO UPDATE SET n = cipher_count.n + $3",
        params![grant, slot, n, ends_at],
    )?;
    counted(tx, grant, slot)
}

/// Forgets slots that have ended.
pub(crate) fn sweep_counts(tx: &mut Tx<'_>, now: i64) -> Result<(), Fault> {
    tx.execute("DELETE FROM cipher_count WHERE ends_at < $1", params![now])?;
    Ok(())
}
