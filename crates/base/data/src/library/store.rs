//! SQL of the base library.

use super::model::{Element, Issue, Source};
use kernel::{Fault, Row, Tx, params};

/// A source as stored, with where its file lies.
pub(crate) struct Stored {
    pub source: Source,
    pub location: String,
    pub last_run: Option<String>,
}

/// One ended collection.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub id: String,
    pub source: String,
    /// Keyed hash of definition and file.
    pub hash: String,
    pub read: i64,
    pub accepted: i64,
    pub rejected: i64,
    pub warned: i64,
    pub as_of: Option<(String, String)>,
    /// UTC milliseconds.
    pub begun_at: i64,
    pub finished_at: i64,
}

/// An issue as stored; `masked` is sealed.
pub(crate) struct StoredIssue {
    pub number: i64,
    pub line: i64,
    pub column: String,
    pub rule: String,
    pub severity: String,
    pub reason: String,
    pub other: Option<i64>,
    pub masked: Option<Vec<u8>>,
}

/// A sealed value on its way in.
pub(crate) struct NewValue {
    pub subject: String,
    pub element: String,
    pub sealed: Vec<u8>,
    pub index: String,
    pub as_of: String,
    pub line: i64,
}

/// A sealed value on its way out.
pub(crate) struct HeldValue {
    pub element: String,
    pub source: String,
    pub source_name: (String, String),
    pub sealed: Vec<u8>,
    pub as_of: String,
}

pub(crate) fn put_element(tx: &mut Tx<'_>, e: &Element, position: usize) -> Result<(), Fault> {
    let codes = serde_json::to_string(&e.values).map_err(|x| Fault::of("codes of an element", x))?;
    tx.execute(
        "INSERT INTO data_element(id, name, name_en, kind, grade, standard, codes, position) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET name = $2, \
         name_en = $3, kind = $4, grade = $5, standard = $6, codes = $7, position = $8, retired_at = NULL",
        params![
            e.id.as_str(),
            e.name.as_str(),
            e.name_en.as_str(),
            e.kind.as_str(),
            e.grade.as_str(),
            e.standard.clone(),
            codes,
            position
        ],
    )?;
    Ok(())
}

pub(crate) fn elements(tx: &mut Tx<'_>) -> Result<Vec<Element>, Fault> {
    tx.query(
        "SELECT id, name, name_en, kind, grade, standard, codes FROM data_element WHERE retired_at IS NULL \
         ORDER BY position",
        &[],
    )?
    .iter()
    .map(|r| {
        let codes: String = r.get("codes")?;
        Ok(Element {
            id: r.get("id")?,
            name: r.get("name")?,
            name_en: r.get("name_en")?,
            kind: r.get("kind")?,
            grade: r.get("grade")?,
            standard: r.get("standard")?,
            values: serde_json::from_str(&codes).map_err(|e| Fault::of("codes of an element", e))?,
        })
    })
    .collect()
}

pub(crate) fn put_source(tx: &mut Tx<'_>, s: &Source, position: usize, location: &str) -> Result<(), Fault> {
    let definition = serde_json::to_string(s).map_err(|e| Fault::of("definition of a source", e))?;
    tx.execute(
        "INSERT INTO data_source(id, library, name, name_en, authority, position, definition, location) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET library = $2, name = $3, \
         name_en = $4, authority = $5, position = $6, definition = $7, location = $8, retired_at = NULL",
        params![
            s.id.as_str(),
            s.library.as_str(),
            s.name.as_str(),
            s.name_en.as_str(),
            s.authority.as_str(),
            position,
            definition,
            location
        ],
    )?;
    Ok(())
}

/// Retires the elements or sources that the pack no longer has; what was collected stays.
pub(crate) fn retire_others(
    tx: &mut Tx<'_>,
    table: &'static str,
    keep: &[&str],
    now: i64,
) -> Result<(), Fault> {
    for row in tx.query(&format!("SELECT id FROM {table} WHERE retired_at IS NULL"), &[])? {
        let id: String = row.get("id")?;
        if !keep.contains(&id.as_str()) {
            tx.execute(
                &format!("UPDATE {table} SET retired_at = $2 WHERE id = $1"),
                params![id, now],
            )?;
        }
    }
    Ok(())
}

fn stored(r: &Row) -> Result<Stored, Fault> {
    let definition: String = r.get("definition")?;
    Ok(Stored {
        source: serde_json::from_str(&definition).map_err(|e| Fault::of("definition of a source", e))?,
        location: r.get("location")?,
        last_run: r.get("last_run")?,
    })
}

pub(crate) fn sources(tx: &mut Tx<'_>) -> Result<Vec<Stored>, Fault> {
    tx.query(
        "SELECT definition, location, last_run FROM data_source WHERE retired_at IS NULL ORDER BY position",
        &[],
    )?
    .iter()
    .map(stored)
    .collect()
}

pub(crate) fn source(tx: &mut Tx<'_>, id: &str) -> Result<Option<Stored>, Fault> {
    tx.one(
        "SELECT definition, location, last_run FROM data_source WHERE id = $1 AND retired_at IS NULL",
        params![id],
    )?
    .map(|r| stored(&r))
    .transpose()
}

const RUN: &str = "id, source, hash, rows_read, rows_accepted, rows_rejected, rows_warned, as_of_from, \
                   as_of_to, begun_at, finished_at";
fn run_of(r: &Row) -> Result<Run, Fault> {
    let (from, to): (Option<String>, Option<String>) = (r.get("as_of_from")?, r.get("as_of_to")?);
    Ok(Run {
        id: r.get("id")?,
        source: r.get("source")?,
        hash: r.get("hash")?,
        read: r.get("rows_read")?,
        accepted: r.get("rows_accepted")?,
        rejected: r.get("rows_rejected")?,
        warned: r.get("rows_warned")?,
        as_of: from.zip(to),
        begun_at: r.get("begun_at")?,
        finished_at: r.get("finished_at")?,
    })
}

pub(crate) fn run(tx: &mut Tx<'_>, id: &str) -> Result<Option<Run>, Fault> {
    tx.one(&format!("SELECT {RUN} FROM data_run WHERE id = $1"), params![id])?
        .map(|r| run_of(&r))
        .transpose()
}

/// The newest runs of a source, at most ten.
pub(crate) fn runs(tx: &mut Tx<'_>, source: &str) -> Result<Vec<Run>, Fault> {
    tx.query(
        &format!("SELECT {RUN} FROM data_run WHERE source = $1 ORDER BY finished_at DESC, id DESC LIMIT 10"),
        params![source],
    )?
    .iter()
    .map(run_of)
    .collect()
}

/// The hash of the last ended collection of a source.
pub(crate) fn last_hash(tx: &mut Tx<'_>, source: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT r.hash FROM data_source s JOIN data_run r ON r.id = s.last_run WHERE s.id = $1",
        params![source],
    )
}

/// Writes the run and makes it the source's last one.
pub(crate) fn put_run(tx: &mut Tx<'_>, r: &Run) -> Result<(), Fault> {
    let (from, to) = r.as_of.clone().unzip();
    tx.execute(
        &format!("INSERT INTO data_run({RUN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"),
        params![
            r.id.as_str(),
            r.source.as_str(),
            r.hash.as_str(),
            r.read,
            r.accepted,
            r.rejected,
            r.warned,
            from,
            to,
            r.begun_at,
            r.finished_at
        ],
    )?;
    tx.execute(
        "UPDATE data_source SET last_run = $2 WHERE id = $1",
        params![r.source.as_str(), r.id.as_str()],
    )?;
    Ok(())
}

pub(crate) fn put_issue(
    tx: &mut Tx<'_>,
    run: &str,
    number: i64,
    issue: &Issue,
    masked: Option<&[u8]>,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO data_issue(run, number, line, column_name, rule, severity, reason, other_line, masked) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            run,
            number,
            issue.line,
            issue.column.as_str(),
            issue.rule,
            issue.severity.name(),
            issue.reason.as_str(),
            issue.other,
            masked
        ],
    )?;
    Ok(())
}

/// Issues of a run after a number, in the order of the file.
pub(crate) fn issues(
    tx: &mut Tx<'_>,
    run: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<StoredIssue>, Fault> {
    tx.query(
        &format!(
            "SELECT number, line, column_name, rule, severity, reason, other_line, masked FROM data_issue \
             WHERE run = $1 AND number > $2 ORDER BY number LIMIT {limit}"
        ),
        params![run, after],
    )?
    .iter()
    .map(|r| {
        Ok(StoredIssue {
            number: r.get("number")?,
            line: r.get("line")?,
            column: r.get("column_name")?,
            rule: r.get("rule")?,
            severity: r.get("severity")?,
            reason: r.get("reason")?,
            other: r.get("other_line")?,
            masked: r.get("masked")?,
        })
    })
    .collect()
}

/// Keeps a value unless the source has brought a newer one already.
pub(crate) fn put_value(tx: &mut Tx<'_>, source: &str, run: &str, v: &NewValue) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO data_value(subject, element, source, value, value_index, as_of, line, run) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (subject, element, source) DO UPDATE SET \
         value = excluded.value, value_index = excluded.value_index, as_of = excluded.as_of, \
         line = excluded.line, run = excluded.run WHERE data_value.as_of <= excluded.as_of",
        params![
            v.subject.as_str(),
            v.element.as_str(),
            source,
            v.sealed.as_slice(),
            v.index.as_str(),
            v.as_of.as_str(),
            v.line,
            run
        ],
    )?;
    Ok(())
}

/// Every value held of a subject: the newest first, of equal dates the source that the pack puts first.
pub(crate) fn values(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<HeldValue>, Fault> {
    tx.query(
        "SELECT v.element, v.source, v.value, v.as_of, s.name, s.name_en FROM data_value v \
         JOIN data_source s ON s.id = v.source WHERE v.subject = $1 AND s.retired_at IS NULL \
         ORDER BY v.as_of DESC, s.position, v.element",
        params![subject],
    )?
    .iter()
    .map(|r| {
        Ok(HeldValue {
            element: r.get("element")?,
            source: r.get("source")?,
            source_name: (r.get("name")?, r.get("name_en")?),
            sealed: r.get("value")?,
            as_of: r.get("as_of")?,
        })
    })
    .collect()
}
