//! SQL of absences.

use crate::words;
use kernel::{Ctx, Fault, Result, Row, Scope, ScopeColumns, Tx, Value, params};

#[derive(Clone, Debug)]
pub(crate) struct Absence {
    pub id: String,
    /// Actor ids.
    pub away: String,
    pub stand_in: String,
    pub org_path: String,
    pub area_code: String,
    pub from_on: String,
    pub until_on: String,
    pub reason: String,
    pub set_by: String,
    pub ended_at: Option<i64>,
}

fn place(id: &str) -> String {
    format!("cases_absence.reason:{id}")
}

fn absence(ctx: &Ctx, r: &Row) -> Result<Absence, Fault> {
    let id: String = r.get("id")?;
    Ok(Absence {
        reason: words::open(ctx, &place(&id), r.get("reason")?)?,
        away: r.get("away")?,
        stand_in: r.get("stand_in")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        from_on: r.get("from_on")?,
        until_on: r.get("until_on")?,
        set_by: r.get("set_by")?,
        ended_at: r.get("ended_at")?,
        id,
    })
}

pub(crate) fn get(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Absence>, Fault> {
    tx.one("SELECT * FROM cases_absence WHERE id = $1", params![id])?
        .map(|r| absence(ctx, &r))
        .transpose()
}

pub(crate) fn insert(ctx: &Ctx, tx: &mut Tx<'_>, a: &Absence) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_absence(id, away, stand_in, org_path, area_code, from_on, until_on, reason, set_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            a.id.as_str(),
            a.away.as_str(),
            a.stand_in.as_str(),
            a.org_path.as_str(),
            a.area_code.as_str(),
            a.from_on.as_str(),
            a.until_on.as_str(),
            words::seal(ctx, &place(&a.id), &a.reason)?,
            a.set_by.as_str(),
            ctx.now()
        ],
    )?;
    Ok(())
}

pub(crate) fn end(tx: &mut Tx<'_>, id: &str, at: i64) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE cases_absence SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
        params![id, at],
    )
}

/// Who is away on a day with this stand-in.
pub(crate) fn away_of(tx: &mut Tx<'_>, stand_in: &str, day: &str) -> Result<Vec<String>, Fault> {
    tx.query(
        "SELECT DISTINCT away FROM cases_absence WHERE stand_in = $1 AND from_on <= $2 AND until_on >= $2 AND ended_at IS NULL \
         ORDER BY away",
        params![stand_in, day],
    )?
    .iter()
    .map(|r| r.get("away"))
    .collect()
}

/// Whether a person is away within these days.
pub(crate) fn is_away(tx: &mut Tx<'_>, who: &str, from: &str, until: &str) -> Result<bool, Fault> {
    let n: Option<i64> = tx.scalar(
        "SELECT COUNT(*) FROM cases_absence WHERE away = $1 AND from_on <= $3 AND until_on >= $2 AND ended_at IS NULL",
        params![who, from, until],
    )?;
    Ok(n.unwrap_or(0) > 0)
}

/// Whether a person stands in for somebody within these days.
pub(crate) fn stands_in(tx: &mut Tx<'_>, who: &str, from: &str, until: &str) -> Result<bool, Fault> {
    let n: Option<i64> = tx.scalar(
        "SELECT COUNT(*) FROM cases_absence WHERE stand_in = $1 AND from_on <= $3 AND until_on >= $2 AND ended_at IS NULL",
        params![who, from, until],
    )?;
    Ok(n.unwrap_or(0) > 0)
}

/// Absences that concern the actor, and those in scope of who manages them; the newest first.
pub(crate) fn list(ctx: &Ctx, tx: &mut Tx<'_>, scope: &Scope, actor: &str) -> Result<Vec<Absence>, Fault> {
    let mut p: Vec<Value> = vec![actor.into()];
    let columns = ScopeColumns {
        owner: "a.away",
        about: "",
        org_path: "a.org_path",
        area_code: "a.area_code",
    };
    let sql = format!(
        "SELECT a.* FROM cases_absence a WHERE a.away = $1 OR a.stand_in = $1 OR ({}) ORDER BY a.from_on DESC, a.id DESC LIMIT 100",
        scope.sql(columns, &mut p)
    );
    tx.query(&sql, &p)?.iter().map(|r| absence(ctx, r)).collect()
}

/// What a stand-in did in somebody's name within these instants: case, number, matter, task, when.
pub(crate) fn done_for(tx: &mut Tx<'_>, away: &str, from: i64, until: i64) -> Result<Vec<Row>, Fault> {
    tx.query(
        "SELECT w.case_id, w.node, w.outcome, w.actor, w.closed_at, w.kind, c.number, c.matter, c.matter_version FROM cases_work w \
         JOIN cases_case c ON c.id = w.case_id WHERE w.on_behalf = $1 AND w.status = 'done' AND w.closed_at >= $2 AND w.closed_at < $3 \
         ORDER BY w.closed_at DESC LIMIT 200",
        params![away, from, until],
    )
}
