//! SQL of windows and appointments.

use super::model::{Appointment, Window};
use kernel::{Fault, Result, Row, Scope, ScopeColumns, Tx, Value, params};

pub(crate) fn put_window(
    tx: &mut Tx<'_>,
    position: i64,
    w: &Window,
    org_path: &str,
    area_code: &str,
) -> Result<()> {
    tx.execute(
        "INSERT INTO cases_window(id, position, organisation, org_path, area_code, body) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET position = $2, organisation = $3, org_path = $4, area_code = $5, body = $6",
        params![w.id.as_str(), position, w.organisation.as_str(), org_path, area_code, serde_json::to_string(w)?],
    )?;
    Ok(())
}

/// A window with the path and area of its organisation.
pub(crate) struct Placed {
    pub window: Window,
    pub org_path: String,
    pub area_code: String,
}

fn placed(r: &Row) -> Result<Placed> {
    Ok(Placed {
        window: serde_json::from_str(&r.get::<String>("body")?)?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
    })
}

pub(crate) fn windows(tx: &mut Tx<'_>) -> Result<Vec<Placed>> {
    tx.query(
        "SELECT body, org_path, area_code FROM cases_window ORDER BY position",
        &[],
    )?
    .iter()
    .map(placed)
    .collect()
}

pub(crate) fn window(tx: &mut Tx<'_>, id: &str) -> Result<Option<Placed>> {
    tx.one(
        "SELECT body, org_path, area_code FROM cases_window WHERE id = $1",
        params![id],
    )?
    .map(|r| placed(&r))
    .transpose()
}

fn appointment(r: &Row) -> Result<Appointment, Fault> {
    Ok(Appointment {
        id: r.get("id")?,
        window: r.get("window_id")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        matter: r.get("matter")?,
        subject: r.get("subject")?,
        day: r.get("day")?,
        slot: r.get("slot")?,
        state: r.get("state")?,
        code: r.get("code")?,
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Appointment>, Fault> {
    tx.one("SELECT * FROM cases_appointment WHERE id = $1", params![id])?
        .map(|r| appointment(&r))
        .transpose()
}

pub(crate) fn insert(tx: &mut Tx<'_>, a: &Appointment, at: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_appointment(id, window_id, org_path, area_code, matter, subject, day, slot, state, code, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            a.id.as_str(),
            a.window.as_str(),
            a.org_path.as_str(),
            a.area_code.as_str(),
            a.matter.as_str(),
            a.subject.as_str(),
            a.day.as_str(),
            a.slot.as_str(),
            a.state.as_str(),
            a.code.as_str(),
            at
        ],
    )?;
    Ok(())
}

/// How many have taken each slot of a day.
pub(crate) fn taken(tx: &mut Tx<'_>, window: &str, day: &str) -> Result<Vec<(String, i64)>, Fault> {
    tx.query(
        "SELECT slot, COUNT(*) AS n FROM cases_appointment WHERE window_id = $1 AND day = $2 AND state <> 'cancelled' \
         GROUP BY slot ORDER BY slot",
        params![window, day],
    )?
    .iter()
    .map(|r| Ok((r.get("slot")?, r.get("n")?)))
    .collect()
}

/// Visits of a subject that are still to come.
pub(crate) fn open_of(tx: &mut Tx<'_>, subject: &str, today: &str) -> Result<i64, Fault> {
    Ok(tx
        .scalar(
            "SELECT COUNT(*) FROM cases_appointment WHERE subject = $1 AND state = 'booked' AND day >= $2",
            params![subject, today],
        )?
        .unwrap_or(0))
}

pub(crate) fn of(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<Appointment>, Fault> {
    tx.query(
        "SELECT * FROM cases_appointment WHERE subject = $1 ORDER BY day DESC, slot DESC, id LIMIT 100",
        params![subject],
    )?
    .iter()
    .map(appointment)
    .collect()
}

/// Changes place and time, or the state, of a visit that is still booked.
pub(crate) fn update(tx: &mut Tx<'_>, a: &Appointment, closed_at: Option<i64>) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE cases_appointment SET window_id = $2, org_path = $3, area_code = $4, day = $5, slot = $6, state = $7, \
         closed_at = $8 WHERE id = $1 AND state = 'booked'",
        params![
            a.id.as_str(),
            a.window.as_str(),
            a.org_path.as_str(),
            a.area_code.as_str(),
            a.day.as_str(),
            a.slot.as_str(),
            a.state.as_str(),
            closed_at
        ],
    )
}

/// The visits of a day in scope, by time.
pub(crate) fn day(
    tx: &mut Tx<'_>,
    scope: &Scope,
    day: &str,
    window: &str,
    limit: u32,
    skip: u32,
) -> Result<Vec<Appointment>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "a.subject",
        about: "",
        org_path: "a.org_path",
        area_code: "a.area_code",
    };
    let mut sql = format!(
        "SELECT a.* FROM cases_appointment a WHERE {}",
        scope.sql(columns, &mut p)
    );
    p.push(day.into());
    sql.push_str(&format!(" AND a.day = ${} AND a.state <> 'cancelled'", p.len()));
    if !window.is_empty() {
        p.push(window.into());
        sql.push_str(&format!(" AND a.window_id = ${}", p.len()));
    }
    sql.push_str(&format!(" ORDER BY a.slot, a.id LIMIT {limit} OFFSET {skip}"));
    tx.query(&sql, &p)?.iter().map(appointment).collect()
}
