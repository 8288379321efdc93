//! SQL of deliveries.

use super::model::Delivery;
use crate::words;
use kernel::{Ctx, Fault, Refusal, Result, Row, Scope, ScopeColumns, Tx, Value, params};

fn place(column: &str, case: &str) -> String {
    format!("cases_delivery.{column}:{case}")
}

fn delivery(ctx: &Ctx, r: &Row) -> Result<Delivery> {
    let case: String = r.get("case_id")?;
    let open = |column: &str| -> Result<Option<String>, Fault> {
        r.get::<Option<String>>(column)?
            .map(|kept| words::open(ctx, &place(column, &case), kept))
            .transpose()
    };
    Ok(Delivery {
        address: open("address")?.map(|a| serde_json::from_str(&a)).transpose()?,
        code: open("pickup_code")?,
        signed_by: open("signed_by")?,
        reason: open("reason")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        way: r.get("way")?,
        window: r.get("window_id")?,
        state: r.get("state")?,
        carrier: r.get("carrier")?,
        consignment: r.get("consignment")?,
        actor: r.get("actor")?,
        chosen_at: r.get("chosen_at")?,
        prepared_at: r.get("prepared_at")?,
        sent_at: r.get("sent_at")?,
        closed_at: r.get("closed_at")?,
        version: r.get("version")?,
        case,
    })
}

pub(crate) fn get(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Option<Delivery>> {
    tx.one("SELECT * FROM cases_delivery WHERE case_id = $1", params![case])?
        .map(|r| delivery(ctx, &r))
        .transpose()
}

/// Writes the whole row; refuses when somebody else wrote it since it was read.
pub(crate) fn save(ctx: &Ctx, tx: &mut Tx<'_>, d: &Delivery) -> Result<()> {
    let seal = |column: &str, text: Option<String>| -> Result<Option<String>, Fault> {
        text.map(|t| words::seal(ctx, &place(column, &d.case), &t))
            .transpose()
    };
    let address = d.address.as_ref().map(serde_json::to_string).transpose()?;
    let n = tx.execute(
        "INSERT INTO cases_delivery(case_id, org_path, area_code, way, window_id, address, pickup_code, state, carrier, \
         consignment, signed_by, reason, actor, chosen_at, prepared_at, sent_at, closed_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1) \
         ON CONFLICT (case_id) DO UPDATE SET way = $4, window_id = $5, address = $6, pickup_code = $7, state = $8, carrier = $9, \
         consignment = $10, signed_by = $11, reason = $12, actor = $13, prepared_at = $15, sent_at = $16, closed_at = $17, \
         version = cases_delivery.version + 1 WHERE cases_delivery.version = $18",
        params![
            d.case.as_str(),
            d.org_path.as_str(),
            d.area_code.as_str(),
            d.way.as_str(),
            d.window.clone(),
            seal("address", address)?,
            seal("pickup_code", d.code.clone())?,
            d.state.as_str(),
            d.carrier.clone(),
            d.consignment.clone(),
            seal("signed_by", d.signed_by.clone())?,
            seal("reason", d.reason.clone())?,
            d.actor.clone(),
            d.chosen_at,
            d.prepared_at,
            d.sent_at,
            d.closed_at,
            d.version
        ],
    )?;
    if n == 1 {
        Ok(())
    } else {
        Err(Refusal::stale().into())
    }
}

/// A delivery with its case, for lists.
pub(crate) struct Listed {
    pub delivery: Delivery,
    pub number: Option<String>,
    pub matter: String,
    pub matter_version: i64,
    pub applicant: String,
    pub case_state: String,
}

/// Deliveries of ended cases in scope that were granted or refused, what waits longest first.
pub(crate) fn list(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    scope: &Scope,
    (state, way, number): (&str, &str, &str),
    limit: u32,
    skip: u32,
) -> Result<Vec<Listed>> {
    let mut p: Vec<Value> = Vec::new();
    let columns = ScopeColumns {
        owner: "c.applicant",
        about: "c.matter",
        org_path: "d.org_path",
        area_code: "d.area_code",
    };
    let mut sql = format!(
        "SELECT d.*, c.number, c.matter, c.matter_version, c.applicant, c.state AS case_state FROM cases_delivery d \
         JOIN cases_case c ON c.id = d.case_id WHERE c.state IN ('granted', 'refused') AND {}",
        scope.sql(columns, &mut p)
    );
    for (column, value) in [("d.state", state), ("d.way", way)] {
        if !value.is_empty() {
            p.push(value.into());
            sql.push_str(&format!(" AND {column} = ${}", p.len()));
        }
    }
    if !number.is_empty() {
        p.push(format!("%{}%", number.replace(['%', '_'], "")).into());
        sql.push_str(&format!(" AND c.number LIKE ${}", p.len()));
    }
    sql.push_str(&format!(
        " ORDER BY CASE WHEN d.state = 'delivered' THEN 1 ELSE 0 END, c.ended_at, d.case_id LIMIT {limit} OFFSET {skip}"
    ));
    let mut out = Vec::new();
    for r in tx.query(&sql, &p)? {
        out.push(Listed {
            delivery: delivery(ctx, &r)?,
            number: r.get("number")?,
            matter: r.get("matter")?,
            matter_version: r.get("matter_version")?,
            applicant: r.get("applicant")?,
            case_state: r.get("case_state")?,
        });
    }
    Ok(out)
}
