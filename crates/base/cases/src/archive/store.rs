//! SQL of archive packages.

use super::model::Archive;
use kernel::{Fault, Row, Scope, ScopeColumns, Tx, Value, params};

fn archive(r: &Row) -> Result<Archive, Fault> {
    Ok(Archive {
        id: r.get("id")?,
        case: r.get("case_id")?,
        version: r.get("version")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        state: r.get("state")?,
        reason: r.get("reason")?,
        sha256: r.get("sha256")?,
        size: r.get("size")?,
        files: r.get("files")?,
        certificates: r.get("certificates")?,
        papers: r.get("papers")?,
        retain_until: r.get("retain_until")?,
        built_at: r.get("built_at")?,
    })
}

/// All builds of a case, the newest first.
pub(crate) fn of(tx: &mut Tx<'_>, case: &str) -> Result<Vec<Archive>, Fault> {
    tx.query(
        "SELECT * FROM cases_archive WHERE case_id = $1 ORDER BY version DESC LIMIT 50",
        params![case],
    )?
    .iter()
    .map(archive)
    .collect()
}

/// False when another build of the same version came first.
pub(crate) fn insert(tx: &mut Tx<'_>, a: &Archive) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO cases_archive(id, case_id, version, org_path, area_code, state, reason, sha256, size, files, certificates, \
         papers, retain_until, built_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (case_id, version) DO NOTHING",
        params![
            a.id.as_str(),
            a.case.as_str(),
            a.version,
            a.org_path.as_str(),
            a.area_code.as_str(),
            a.state.as_str(),
            a.reason.clone(),
            a.sha256.clone(),
            a.size,
            a.files,
            a.certificates,
            a.papers,
            a.retain_until.as_str(),
            a.built_at
        ],
    )?;
    Ok(n == 1)
}

pub(crate) fn put_part(tx: &mut Tx<'_>, archive: &str, part: i64, content: Vec<u8>) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_archive_part(archive_id, part, content) VALUES ($1, $2, $3)",
        params![archive, part, content],
    )?;
    Ok(())
}

pub(crate) fn part(tx: &mut Tx<'_>, archive: &str, part: i64) -> Result<Option<Vec<u8>>, Fault> {
    tx.scalar(
        "SELECT content FROM cases_archive_part WHERE archive_id = $1 AND part = $2",
        params![archive, part],
    )
}

/// A newest build with its case, for lists.
pub(crate) struct Listed {
    pub archive: Archive,
    pub number: Option<String>,
    pub matter: String,
    pub matter_version: i64,
    pub case_state: String,
    pub ended_at: Option<i64>,
}

/// The newest build of every case in scope, the latest first.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    scope: &Scope,
    (number, state): (&str, &str),
    limit: u32,
    skip: u32,
) -> Result<Vec<Listed>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "c.applicant",
        about: "c.matter",
        org_path: "a.org_path",
        area_code: "a.area_code",
    };
    let mut sql = format!(
        "SELECT a.*, c.number, c.matter, c.matter_version, c.state AS case_state, c.ended_at FROM cases_archive a \
         JOIN cases_case c ON c.id = a.case_id WHERE {} AND a.version = \
         (SELECT MAX(b.version) FROM cases_archive b WHERE b.case_id = a.case_id)",
        scope.sql(columns, &mut p)
    );
    if !number.is_empty() {
        p.push(format!("%{}%", number.replace(['%', '_'], "")).into());
        sql.push_str(&format!(" AND c.number LIKE ${}", p.len()));
    }
    if !state.is_empty() {
        p.push(state.into());
        sql.push_str(&format!(" AND a.state = ${}", p.len()));
    }
    sql.push_str(&format!(
        " ORDER BY a.built_at DESC, a.id LIMIT {limit} OFFSET {skip}"
    ));
    tx.query(&sql, &p)?
        .iter()
        .map(|r| {
            Ok(Listed {
                archive: archive(r)?,
                number: r.get("number")?,
                matter: r.get("matter")?,
                matter_version: r.get("matter_version")?,
                case_state: r.get("case_state")?,
                ended_at: r.get("ended_at")?,
            })
        })
        .collect()
}
