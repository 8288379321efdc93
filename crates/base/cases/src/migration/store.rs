//! SQL of migration: running cases by the version they run on.

use kernel::{Fault, Row, Scope, ScopeColumns, Tx, Value};

const COLUMNS: ScopeColumns = ScopeColumns {
    owner: "c.applicant",
    about: "c.matter",
    org_path: "o.org_path",
    area_code: "c.area_code",
};
const RUNNING: &str = "c.submitted_at IS NOT NULL AND c.ended_at IS NULL AND c.process IS NOT NULL";

/// Running cases in scope: matter, version, how many.
pub(crate) fn running(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Row>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let sql = format!(
        "SELECT c.matter, c.matter_version, COUNT(DISTINCT c.id) AS n FROM cases_case c \
         JOIN cases_organisation o ON o.case_id = c.id WHERE {RUNNING} AND {} \
         GROUP BY c.matter, c.matter_version ORDER BY c.matter, c.matter_version",
        scope.sql(COLUMNS, &mut p)
    );
    tx.query(&sql, &p)
}

/// Ids of running cases in scope on versions of a matter before this one, the oldest case first.
pub(crate) fn older(
    tx: &mut Tx<'_>,
    scope: &Scope,
    matter: &str,
    version: i64,
    limit: u32,
    skip: u32,
) -> Result<Vec<String>, Fault> {
    let mut p: Vec<Value> = vec![matter.into(), version.into()];
    let sql = format!(
        "SELECT DISTINCT c.id, c.created_at FROM cases_case c JOIN cases_organisation o ON o.case_id = c.id \
         WHERE {RUNNING} AND c.matter = $1 AND c.matter_version < $2 AND {} \
         ORDER BY c.created_at, c.id LIMIT {limit} OFFSET {skip}",
        scope.sql(COLUMNS, &mut p)
    );
    tx.query(&sql, &p)?.iter().map(|r| r.get("id")).collect()
}
