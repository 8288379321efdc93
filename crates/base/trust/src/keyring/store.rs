//! SQL of data keys and rotations, and of the columns that modules declare as sealed.

use super::model::{self, DataKey, Part, Rotation};
use kernel::module::Sealed;
use kernel::{Fault, Row, Tx, Value, params};

pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<DataKey>, Fault> {
    let sql = "SELECT purpose, version, sealed, state, created_at, retired_at FROM trust_data_key ORDER BY purpose, version";
    let key = |r: &Row| {
        Ok(DataKey {
            purpose: r.get("purpose")?,
            version: r.get("version")?,
            sealed: r.get("sealed")?,
            state: r.get("state")?,
            created_at: r.get("created_at")?,
            retired_at: r.get("retired_at")?,
        })
    };
    tx.query(sql, &[])?.iter().map(key).collect()
}

/// Puts a key in; false when there is one of this purpose and version.
pub(crate) fn put(tx: &mut Tx<'_>, k: &DataKey) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO trust_data_key(id, purpose, version, sealed, state, created_at, retired_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        params![
            k.id(),
            k.purpose.clone(),
            k.version,
            k.sealed.clone(),
            k.state.clone(),
            k.created_at,
            k.retired_at
        ],
    )?;
    Ok(n == 1)
}

/// The same key under another master key.
pub(crate) fn rewrap(tx: &mut Tx<'_>, k: &DataKey, sealed: Vec<u8>) -> Result<(), Fault> {
    tx.execute(
        "UPDATE trust_data_key SET sealed = $2 WHERE id = $1",
        params![k.id(), sealed],
    )?;
    Ok(())
}

/// Takes a key out of use and writes zeros over its material.
pub(crate) fn retire(tx: &mut Tx<'_>, k: &DataKey, at: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE trust_data_key SET state = 'retired', retired_at = $2, sealed = $3 WHERE id = $1",
        params![k.id(), at, vec![0u8; k.sealed.len()]],
    )?;
    Ok(())
}

/// The newest rotation.
pub(crate) fn rotation(tx: &mut Tx<'_>) -> Result<Option<Rotation>, Fault> {
    let sql = "SELECT id, version, state, started_at, finished_at FROM trust_rotation ORDER BY version DESC LIMIT 1";
    let row = tx.one(sql, &[])?;
    row.map(|r| {
        Ok(Rotation {
            id: r.get("id")?,
            version: r.get("version")?,
            state: r.get("state")?,
            started_at: r.get("started_at")?,
            finished_at: r.get("finished_at")?,
        })
    })
    .transpose()
}

pub(crate) fn begin(tx: &mut Tx<'_>, r: &Rotation) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_rotation(id, version, state, started_at) VALUES ($1, $2, $3, $4)",
        params![r.id.clone(), r.version, r.state.clone(), r.started_at],
    )?;
    Ok(())
}

pub(crate) fn set_state(
    tx: &mut Tx<'_>,
    rotation: &str,
    state: &str,
    finished_at: Option<i64>,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE trust_rotation SET state = $2, finished_at = $3 WHERE id = $1",
        params![rotation, state, finished_at],
    )?;
    Ok(())
}

pub(crate) fn parts(tx: &mut Tx<'_>, rotation: &str) -> Result<Vec<Part>, Fault> {
    let sql = "SELECT part, total, done, resealed, reached, last_error, finished_at FROM trust_rotation_part \
               WHERE rotation = $1 ORDER BY part";
    let part = |r: &Row| {
        Ok(Part {
            part: r.get("part")?,
            total: r.get("total")?,
            done: r.get("done")?,
            resealed: r.get("resealed")?,
            reached: r.get("reached")?,
            last_error: r.get("last_error")?,
            finished_at: r.get("finished_at")?,
        })
    };
    tx.query(sql, params![rotation])?.iter().map(part).collect()
}

pub(crate) fn save_part(tx: &mut Tx<'_>, rotation: &str, p: &Part) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_rotation_part(rotation, part, total, done, resealed, reached, last_error, finished_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (rotation, part) DO UPDATE SET \
         total = $3, done = $4, resealed = $5, reached = $6, last_error = $7, finished_at = $8",
        params![
            rotation,
            p.part.clone(),
            p.total,
            p.done,
            p.resealed,
            p.reached.clone(),
            p.last_error.clone(),
            p.finished_at
        ],
    )?;
    Ok(())
}

/// One row of a declared column, seen from afar.
pub(crate) struct Seen {
    pub key: Vec<Value>,
    pub version: Option<u32>,
    /// Bytes or characters.
    pub size: i64,
}

fn only(c: &Sealed) -> String {
    c.only
        .map_or_else(|| "1 = 1".into(), |(k, v)| format!("{k} = '{v}'"))
}

pub(crate) fn total(tx: &mut Tx<'_>, c: &Sealed) -> Result<i64, Fault> {
    let sql = format!("SELECT COUNT(*) FROM {} WHERE {}", c.table, only(c));
    Ok(tx.scalar(&sql, &[])?.unwrap_or(0))
}

/// The next rows of a declared column in the order of their keys.
pub(crate) fn page(
    tx: &mut Tx<'_>,
    c: &Sealed,
    after: Option<&[Value]>,
    limit: usize,
) -> Result<Vec<Seen>, Fault> {
    let keys = c.key.join(", ");
    let places: Vec<String> = (1..=c.key.len()).map(|n| format!("${n}")).collect();
    let beyond = match after {
        Some(_) => format!("({keys}) > ({})", places.join(", ")),
        None => "1 = 1".into(),
    };
    let sql = format!(
        "SELECT {keys}, substr({column}, 1, {head}) AS head, CAST(length({column}) AS BIGINT) AS size FROM {table} \
         WHERE {only} AND {beyond} ORDER BY {keys} LIMIT {limit}",
        column = c.column,
        head = model::head(c.form),
        table = c.table,
        only = only(c),
    );
    tx.query(&sql, after.unwrap_or(&[]))?
        .iter()
        .map(|r| {
            Ok(Seen {
                key: r.values()[..c.key.len()].to_vec(),
                version: model::version(c.form, &r.get::<Value>("head")?),
                size: r.get::<Option<i64>>("size")?.unwrap_or(0),
            })
        })
        .collect()
}

fn this(c: &Sealed) -> String {
    let each = c.key.iter().zip(1..).map(|(k, n)| format!("{k} = ${n}"));
    each.collect::<Vec<_>>().join(" AND ")
}

/// What the column of a row holds.
pub(crate) fn value(tx: &mut Tx<'_>, c: &Sealed, key: &[Value]) -> Result<Option<Value>, Fault> {
    let sql = format!("SELECT {} FROM {} WHERE {}", c.column, c.table, this(c));
    tx.scalar(&sql, key)
}

/// Replaces exactly `old`; false when somebody else wrote the column, or removed the row, since it was read.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    c: &Sealed,
    key: &[Value],
    old: &Value,
    new: &Value,
) -> Result<bool, Fault> {
    let n = c.key.len();
    let sql = format!(
        "UPDATE {} SET {column} = ${} WHERE {} AND {column} = ${}",
        c.table,
        n + 1,
        this(c),
        n + 2,
        column = c.column,
    );
    let params = [key, &[new.clone(), old.clone()]].concat();
    Ok(tx.execute(&sql, &params)? == 1)
}

/// The columns of a covered row by which its hash is made.
pub(crate) fn covered(tx: &mut Tx<'_>, table: &kernel::Table, id: &str) -> Result<Option<Row>, Fault> {
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = $1",
        table.columns.join(", "),
        table.name,
        table.columns[0]
    );
    tx.one(&sql, params![id])
}
