//! SQL of powers.

use super::model::Power;
use kernel::{Fault, Row, Tx, Value, params};

const POWER: &str = "id, principal, holder, invitee, name, role, verbs, matters, state, basis, document, reason, granted_by, from_on, \
                     until_on, answer_by, created_at, ended_at";

fn words(text: String) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

fn of(r: &Row) -> Result<Power, Fault> {
    Ok(Power {
        id: r.get("id")?,
        principal: r.get("principal")?,
        holder: r.get("holder")?,
        invitee: r.get("invitee")?,
        name: r.get("name")?,
        role: r.get("role")?,
        verbs: words(r.get("verbs")?),
        matters: words(r.get("matters")?),
        state: r.get("state")?,
        basis: r.get("basis")?,
        document: r.get("document")?,
        reason: r.get("reason")?,
        granted_by: r.get("granted_by")?,
        from_on: r.get("from_on")?,
        until_on: r.get("until_on")?,
        answer_by: r.get("answer_by")?,
        created_at: r.get("created_at")?,
        ended_at: r.get("ended_at")?,
    })
}

fn select(tx: &mut Tx<'_>, rest: &str, p: &[Value]) -> Result<Vec<Power>, Fault> {
    tx.query(&format!("SELECT {POWER} FROM identity_power {rest}"), p)?
        .iter()
        .map(of)
        .collect()
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Power>, Fault> {
    Ok(select(tx, "WHERE id = $1", params![id])?.pop())
}

/// The powers of a person that are not over, whatever their term.
pub(crate) fn of_holder(tx: &mut Tx<'_>, person: &str) -> Result<Vec<Power>, Fault> {
    let rest = "WHERE holder = $1 AND state IN ('active', 'suspended', 'unconfirmed') ORDER BY principal, created_at";
    select(tx, rest, params![person])
}

/// The power by which a person acts for somebody on a day; the strongest first.
pub(crate) fn in_force(
    tx: &mut Tx<'_>,
    person: &str,
    principal: &str,
    today: &str,
) -> Result<Option<Power>, Fault> {
    let rest = "WHERE holder = $1 AND principal = $2 AND state IN ('active', 'unconfirmed') AND from_on <= $3 \
                AND (until_on IS NULL OR until_on >= $3) \
                ORDER BY CASE role WHEN 'representative' THEN 0 WHEN 'guardian' THEN 0 WHEN 'manager' THEN 1 ELSE 2 END, created_at";
    Ok(select(tx, rest, params![person, principal, today])?
        .into_iter()
        .next())
}

/// The powers for one principal that are not over, newest first.
pub(crate) fn live_of(tx: &mut Tx<'_>, principal: &str) -> Result<Vec<Power>, Fault> {
    let rest = "WHERE principal = $1 AND state NOT IN ('ended', 'declined') ORDER BY created_at DESC, id";
    select(tx, rest, params![principal])
}

/// One page of the powers for one principal, of everybody or of one holder: first those that are not over, newest first.
pub(crate) fn page_of(
    tx: &mut Tx<'_>,
    principal: &str,
    holder: Option<&str>,
    limit: u32,
    skip: u32,
) -> Result<Vec<Power>, Fault> {
    let mut p = vec![Value::from(principal)];
    let mut of = String::new();
    if let Some(holder) = holder {
        p.push(holder.into());
        of.push_str(" AND holder = $2");
    }
    let rest = format!(
        "WHERE principal = $1{of} ORDER BY CASE WHEN state IN ('ended', 'declined') THEN 1 ELSE 0 END, created_at DESC, id \
         LIMIT {limit} OFFSET {skip}"
    );
    select(tx, &rest, &p)
}

/// Invitations that wait for whoever has this number.
pub(crate) fn invitations(tx: &mut Tx<'_>, invitee: &str, now: i64) -> Result<Vec<Power>, Fault> {
    let rest =
        "WHERE invitee = $1 AND state = 'invited' AND answer_by >= $2 ORDER BY created_at, id LIMIT 1000";
    select(tx, rest, params![invitee, now])
}

/// How many powers of this basis an actor has given or taken since an instant.
pub(crate) fn given_since(tx: &mut Tx<'_>, actor: &str, basis: &str, since: i64) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM identity_power WHERE granted_by = $1 AND basis = $2 AND created_at >= $3";
    Ok(tx.scalar(sql, params![actor, basis, since])?.unwrap_or(0))
}

/// How often an account was refused to establish a firm or a guardianship since an instant.
pub(crate) fn refused_since(tx: &mut Tx<'_>, account: &str, since: i64) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM kernel_fact WHERE subject = $1 AND type = 'identity.power.refused' AND at >= $2";
    Ok(tx.scalar(sql, params![account, since])?.unwrap_or(0))
}

/// Powers whose term ends by a day and that nobody was warned of.
pub(crate) fn ending(tx: &mut Tx<'_>, today: &str, by: &str) -> Result<Vec<Power>, Fault> {
    let rest = "WHERE state IN ('active', 'unconfirmed') AND warned_at IS NULL AND until_on >= $1 AND until_on <= $2 ORDER BY id LIMIT 500";
    select(tx, rest, params![today, by])
}

/// Powers that rest on a library and are to be checked again, from an id on.
pub(crate) fn from_library(tx: &mut Tx<'_>, after: &str) -> Result<Vec<Power>, Fault> {
    let rest = "WHERE state = 'active' AND basis = 'library' AND id > $1 ORDER BY id LIMIT 100";
    select(tx, rest, params![after])
}

/// Guardianships that are not over, from an id on.
pub(crate) fn guardianships(tx: &mut Tx<'_>, after: &str) -> Result<Vec<Power>, Fault> {
    let rest =
        "WHERE role = 'guardian' AND state NOT IN ('ended', 'declined') AND id > $1 ORDER BY id LIMIT 100";
    select(tx, rest, params![after])
}

/// Rows that came by the migration and that no fact covers yet.
pub(crate) fn uncovered(tx: &mut Tx<'_>) -> Result<Vec<Power>, Fault> {
    select(
        tx,
        "WHERE basis = 'migrated' AND version = 1 ORDER BY id LIMIT 100",
        &[],
    )
}

pub(crate) fn insert(tx: &mut Tx<'_>, p: &Power) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_power(id, principal, holder, invitee, name, role, verbs, matters, state, basis, document, reason, \
         granted_by, from_on, until_on, answer_by, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17)",
        params![
            p.id.clone(),
            p.principal.clone(),
            p.holder.clone(),
            p.invitee.clone(),
            p.name.clone(),
            p.role.clone(),
            p.verbs.join(" "),
            p.matters.join(" "),
            p.state.clone(),
            p.basis.clone(),
            p.document.clone(),
            p.reason.clone(),
            p.granted_by.clone(),
            p.from_on.clone(),
            p.until_on.clone(),
            p.answer_by,
            p.created_at
        ],
    )?;
    Ok(())
}

/// Saves what may change; the version goes up. Of another last day nobody was warned yet.
pub(crate) fn save(tx: &mut Tx<'_>, p: &Power) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_power SET holder = $2, verbs = $3, matters = $4, state = $5, reason = $6, until_on = $7, ended_at = $8, \
         warned_at = CASE WHEN until_on = $7 THEN warned_at ELSE NULL END, version = version + 1 WHERE id = $1",
        params![
            p.id.clone(),
            p.holder.clone(),
            p.verbs.join(" "),
            p.matters.join(" "),
            p.state.clone(),
            p.reason.clone(),
            p.until_on.clone(),
            p.ended_at
        ],
    )?;
    Ok(())
}

pub(crate) fn warned(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_power SET warned_at = $2 WHERE id = $1",
        params![id, now],
    )?;
    Ok(())
}

/// One thing that happened to a power.
pub(crate) struct Happened {
    /// Type of the fact.
    pub kind: String,
    pub at: i64,
    pub actor: String,
    pub payload: serde_json::Value,
}

/// What happened to the powers of a principal, newest first.
pub(crate) fn history(
    tx: &mut Tx<'_>,
    principal: &str,
    limit: u32,
    skip: u32,
) -> Result<Vec<Happened>, Fault> {
    let sql = format!(
        "SELECT type, at, actor, payload FROM kernel_fact WHERE subject = $1 AND type LIKE 'identity.power.%' \
         ORDER BY at DESC, id DESC LIMIT {limit} OFFSET {skip}"
    );
    tx.query(&sql, params![principal])?
        .iter()
        .map(|r| {
            Ok(Happened {
                kind: r.get("type")?,
                at: r.get("at")?,
                actor: r.get("actor")?,
                payload: r.get("payload")?,
            })
        })
        .collect()
}
