//! SQL of import reports.

use kernel::{Fault, Result, Row, Tx, params};
use serde_json::Value as Json;

/// One import with its report.
pub(crate) struct Import {
    pub id: String,
    pub account: String,
    pub actor: String,
    pub file: String,
    pub total: i64,
    pub good: i64,
    pub bad: i64,
    pub report: Json,
    pub at: i64,
}

fn import(r: &Row) -> Result<Import> {
    Ok(Import {
        id: r.get("id")?,
        account: r.get("account")?,
        actor: r.get("actor")?,
        file: r.get("file")?,
        total: r.get("total")?,
        good: r.get("good")?,
        bad: r.get("bad")?,
        report: serde_json::from_str(&r.get::<String>("report")?)?,
        at: r.get("at")?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, i: &Import) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO services_import(id, account, actor, file, total, good, bad, report, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            i.id.as_str(),
            i.account.as_str(),
            i.actor.as_str(),
            i.file.as_str(),
            i.total,
            i.good,
            i.bad,
            i.report.to_string(),
            i.at
        ],
    )?;
    Ok(())
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Import>> {
    tx.one("SELECT * FROM services_import WHERE id = $1", params![id])?
        .map(|r| import(&r))
        .transpose()
}

/// The last imports of one account.
pub(crate) fn of_account(tx: &mut Tx<'_>, account: &str) -> Result<Vec<Import>> {
    tx.query(
        "SELECT * FROM services_import WHERE account = $1 ORDER BY at DESC, id DESC LIMIT 50",
        params![account],
    )?
    .iter()
    .map(import)
    .collect()
}

/// The matter in force or out of it with this code.
pub(crate) fn by_code(tx: &mut Tx<'_>, code: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT id FROM services_matter WHERE code = $1 ORDER BY CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, id LIMIT 1",
        params![code],
    )
}
