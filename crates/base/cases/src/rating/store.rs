//! SQL of ratings and follow-ups.

use crate::words;
use kernel::{Ctx, Fault, Row, Scope, ScopeColumns, Tx, Value, params};
use serde::Serialize;

fn comment_place(case: &str) -> String {
    format!("cases_rating.comment:{case}")
}
fn outcome_place(case: &str) -> String {
    format!("cases_followup.outcome:{case}")
}

/// A rating as pages and the API show it.
#[derive(Debug, Serialize)]
pub(crate) struct Rating {
    pub grade: i64,
    pub comment: String,
    pub at: i64,
}

pub(crate) fn rating(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Option<Rating>, Fault> {
    tx.one(
        "SELECT grade, comment, at FROM cases_rating WHERE case_id = $1",
        params![case],
    )?
    .map(|r| {
        Ok(Rating {
            grade: r.get("grade")?,
            comment: comment(ctx, case, &r)?,
            at: r.get("at")?,
        })
    })
    .transpose()
}

/// The comment in a row of a rating.
pub(crate) fn comment(ctx: &Ctx, case: &str, r: &Row) -> Result<String, Fault> {
    words::open(ctx, &comment_place(case), r.get("comment")?)
}

/// The outcome in a row of a follow-up.
pub(crate) fn outcome(ctx: &Ctx, case: &str, r: &Row) -> Result<Option<String>, Fault> {
    r.get::<Option<String>>("outcome")?
        .map(|kept| words::open(ctx, &outcome_place(case), kept))
        .transpose()
}

pub(crate) fn insert_rating(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &str,
    grade: i64,
    comment: &str,
    at: i64,
) -> Result<bool, Fault> {
    let comment = words::seal(ctx, &comment_place(case), comment)?;
    let n = tx.execute(
        "INSERT INTO cases_rating(case_id, grade, comment, at) VALUES ($1, $2, $3, $4) ON CONFLICT (case_id) DO NOTHING",
        params![case, grade, comment, at],
    )?;
    Ok(n == 1)
}

pub(crate) fn open_followup(
    tx: &mut Tx<'_>,
    case: &str,
    org_path: &str,
    area_code: &str,
    due_on: &str,
    at: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_followup(case_id, org_path, area_code, state, due_on, opened_at) \
         VALUES ($1, $2, $3, 'open', $4, $5)",
        params![case, org_path, area_code, due_on, at],
    )?;
    Ok(())
}

pub(crate) fn followup(tx: &mut Tx<'_>, case: &str) -> Result<Option<Row>, Fault> {
    tx.one("SELECT * FROM cases_followup WHERE case_id = $1", params![case])
}

pub(crate) fn close_followup(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &str,
    outcome: &str,
    actor: &str,
    at: i64,
) -> Result<u64, Fault> {
    let outcome = words::seal(ctx, &outcome_place(case), outcome)?;
    tx.execute(
        "UPDATE cases_followup SET state = 'closed', outcome = $2, actor = $3, closed_at = $4 \
         WHERE case_id = $1 AND state = 'open'",
        params![case, outcome, actor, at],
    )
}

/// Follow-ups in scope, open ones first, the soonest due first.
pub(crate) fn list(tx: &mut Tx<'_>, scope: &Scope, limit: u32) -> Result<Vec<Row>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "c.applicant",
        about: "c.matter",
        org_path: "f.org_path",
        area_code: "f.area_code",
    };
    let sql = format!(
        "SELECT f.*, r.grade, r.comment, c.number, c.matter, c.matter_version FROM cases_followup f \
         JOIN cases_case c ON c.id = f.case_id JOIN cases_rating r ON r.case_id = f.case_id WHERE {} \
         ORDER BY CASE WHEN f.state = 'open' THEN 0 ELSE 1 END, f.due_on, f.case_id LIMIT {limit}",
        scope.sql(columns, &mut p)
    );
    tx.query(&sql, &p)
}
