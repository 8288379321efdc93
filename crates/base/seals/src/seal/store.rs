//! SQL of seals, their history and their custody.

use super::model::{Seal, State};
use kernel::{Ctx, Fault, Result, Row, Scope, ScopeColumns, Tx, Value, params};

const COLUMNS: &str = "id, organisation, org_path, area_code, kind, name, person, purpose, code, reason, basis, processes, \
     key_name, picture_sha256, state, source, applicant, applicant_subject, applied_at, decided_by, opinion, decided_at, \
     made_at, active_at, ended_at, custodian, version";

fn place(id: &str) -> String {
    format!("seals_seal.person:{id}")
}

fn seal_of(ctx: &Ctx, r: &Row) -> Result<Seal> {
    let id: String = r.get("id")?;
    let state: String = r.get("state")?;
    let name = match r.get::<Option<Vec<u8>>>("person")? {
        Some(sealed) => ctx.protect().open(&place(&id), &sealed)?,
        None => r.get("name")?,
    };
    Ok(Seal {
        organisation: r.get("organisation")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        kind: r.get("kind")?,
        name,
        purpose: r.get("purpose")?,
        code: r.get("code")?,
        reason: r.get("reason")?,
        basis: r.get("basis")?,
        processes: words(&r.get::<String>("processes")?),
        key_name: r.get("key_name")?,
        picture_sha256: r.get("picture_sha256")?,
        state: State::of(&state).ok_or_else(|| Fault::new(format!("seal {id} is {state}")))?,
        source: r.get("source")?,
        applicant: r.get("applicant")?,
        applicant_subject: r.get("applicant_subject")?,
        applied_at: r.get("applied_at")?,
        decided_by: r.get("decided_by")?,
        opinion: r.get("opinion")?,
        decided_at: r.get("decided_at")?,
        made_at: r.get("made_at")?,
        active_at: r.get("active_at")?,
        ended_at: r.get("ended_at")?,
        custodian: r.get("custodian")?,
        version: r.get("version")?,
        id,
    })
}

/// Words in one column, a space between them.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

fn select(ctx: &Ctx, tx: &mut Tx<'_>, rest: &str, p: &[Value]) -> Result<Vec<Seal>> {
    tx.query(&format!("SELECT {COLUMNS} FROM seals_seal {rest}"), p)?
        .iter()
        .map(|r| seal_of(ctx, r))
        .collect()
}

pub(crate) fn get(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Seal>> {
    Ok(select(ctx, tx, "WHERE id = $1", params![id])?.pop())
}

/// The same, and nobody changes it before this transaction ends.
pub(crate) fn locked(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Seal>> {
    Ok(select(ctx, tx, "WHERE id = $1 FOR UPDATE", params![id])?.pop())
}

/// Seals of an organisation that were made and are not destroyed, official ones first, then the oldest.
pub(crate) fn of_organisation(ctx: &Ctx, tx: &mut Tx<'_>, organisation: &str) -> Result<Vec<Seal>> {
    let rest = "WHERE organisation = $1 AND state IN ('active', 'suspended') \
         ORDER BY CASE kind WHEN 'official' THEN 0 WHEN 'special' THEN 1 ELSE 2 END, made_at, id";
    select(ctx, tx, rest, params![organisation])
}

/// What a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Find<'a> {
    /// Part of name, purpose or number.
    pub q: &'a str,
    pub state: &'a str,
    pub kind: &'a str,
}

pub(crate) fn list(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    scope: &Scope,
    by: &Find<'_>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Seal>> {
    let mut p = Vec::new();
    let columns = ScopeColumns {
        owner: "applicant_subject",
        org_path: "org_path",
        area_code: "area_code",
        about: "",
    };
    let mut rest = format!("WHERE {}", scope.sql(columns, &mut p));
    if !by.q.is_empty() {
        // Its own signs in a pattern would find anything.
        let plain: String = by.q.chars().filter(|c| !"%_\\".contains(*c)).collect();
        if plain.is_empty() {
            // Nothing but such signs stands in no name.
            return Ok(Vec::new());
        }
        p.push(format!("%{plain}%").into());
        rest.push_str(&format!(
            " AND (name LIKE ${0} OR purpose LIKE ${0} OR code LIKE ${0})",
            p.len()
        ));
    }
    for (column, value) in [("state", by.state), ("kind", by.kind)] {
        if !value.is_empty() {
            p.push(value.into());
            rest.push_str(&format!(" AND {column} = ${}", p.len()));
        }
    }
    p.push(limit.into());
    p.push(offset.into());
    rest.push_str(&format!(
        " ORDER BY org_path, applied_at DESC, id LIMIT ${} OFFSET ${}",
        p.len() - 1,
        p.len()
    ));
    select(ctx, tx, &rest, &p)
}

/// What waits for the authority: applications and approved seals that are to be made, the oldest first.
pub(crate) fn queue(ctx: &Ctx, tx: &mut Tx<'_>, scope: &Scope, limit: u32) -> Result<Vec<Seal>> {
    let mut p = Vec::new();
    let columns = ScopeColumns {
        owner: "applicant_subject",
        org_path: "org_path",
        area_code: "area_code",
        about: "",
    };
    let scope = scope.sql(columns, &mut p);
    p.push(limit.into());
    let rest = format!(
        "WHERE state IN ('applied', 'approved', 'made') AND {scope} ORDER BY applied_at, id LIMIT ${}",
        p.len()
    );
    select(ctx, tx, &rest, &p)
}

/// False when it is there already.
pub(crate) fn insert(ctx: &Ctx, tx: &mut Tx<'_>, s: &Seal) -> Result<bool> {
    let (name, person) = match s.kind.as_str() {
        "personal" => ("", Some(ctx.protect().seal(&place(&s.id), &s.name)?)),
        _ => (s.name.as_str(), None),
    };
    let n = tx.execute(
        "INSERT INTO seals_seal(id, organisation, org_path, area_code, kind, name, person, purpose, code, reason, basis, \
         processes, key_name, picture_sha256, state, source, applicant, applicant_subject, applied_at, decided_by, opinion, \
         decided_at, made_at, active_at, ended_at, custodian, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
         $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27) ON CONFLICT (id) DO NOTHING",
        params![
            s.id.as_str(),
            s.organisation.as_str(),
            s.org_path.as_str(),
            s.area_code.as_str(),
            s.kind.as_str(),
            name,
            person,
            s.purpose.as_str(),
            s.code.as_str(),
            s.reason.as_str(),
            s.basis.as_str(),
            s.processes.join(" "),
            s.key_name.as_str(),
            s.picture_sha256.clone(),
            s.state.name(),
            s.source.as_str(),
            s.applicant.as_str(),
            s.applicant_subject.as_str(),
            s.applied_at,
            s.decided_by.clone(),
            s.opinion.clone(),
            s.decided_at,
            s.made_at,
            s.active_at,
            s.ended_at,
            s.custodian.clone(),
            s.version
        ],
    )?;
    Ok(n == 1)
}

/// Writes what changes in a seal's life; false when somebody else changed it meanwhile.
pub(crate) fn save(tx: &mut Tx<'_>, s: &Seal) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE seals_seal SET processes = $2, picture_sha256 = $3, state = $4, decided_by = $5, opinion = $6, decided_at = $7, \
         made_at = $8, active_at = $9, ended_at = $10, custodian = $11, version = version + 1 WHERE id = $1 AND version = $12",
        params![
            s.id.as_str(),
            s.processes.join(" "),
            s.picture_sha256.clone(),
            s.state.name(),
            s.decided_by.clone(),
            s.opinion.clone(),
            s.decided_at,
            s.made_at,
            s.active_at,
            s.ended_at,
            s.custodian.clone(),
            s.version
        ],
    )?;
    Ok(n == 1)
}

/// Whether the pack's seals are all there already.
pub(crate) fn known(tx: &mut Tx<'_>, id: &str) -> Result<bool, Fault> {
    Ok(tx
        .scalar::<i64>("SELECT COUNT(*) FROM seals_seal WHERE id = $1", params![id])?
        .unwrap_or(0)
        > 0)
}

/// Gives a seal of the pack its custodian; false when it has one.
pub(crate) fn entrust(tx: &mut Tx<'_>, id: &str, custodian: &str) -> Result<bool, Fault> {
    let sql =
        "UPDATE seals_seal SET custodian = $2, version = version + 1 WHERE id = $1 AND custodian IS NULL";
    Ok(tx.execute(sql, params![id, custodian])? == 1)
}

/// How many seals somebody keeps.
pub(crate) fn kept_by(tx: &mut Tx<'_>, actor: &str) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM seals_seal WHERE custodian = $1 AND state <> 'destroyed'";
    Ok(tx.scalar(sql, params![actor])?.unwrap_or(0))
}

/// Seals of the pack that nobody keeps yet.
pub(crate) fn unkept(tx: &mut Tx<'_>) -> Result<Vec<String>, Fault> {
    let sql = "SELECT id FROM seals_seal WHERE source = 'pack' AND custodian IS NULL AND state = 'active' ORDER BY id";
    tx.query(sql, &[])?.iter().map(|r| r.get("id")).collect()
}

/// Something that was done to a seal.
pub(crate) struct Event {
    pub id: String,
    pub what: String,
    pub actor: String,
    pub note: String,
    pub at: i64,
}

pub(crate) fn note(tx: &mut Tx<'_>, seal: &str, e: &Event) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO seals_event(id, seal, what, actor, note, at) VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            e.id.as_str(),
            seal,
            e.what.as_str(),
            e.actor.as_str(),
            e.note.as_str(),
            e.at
        ],
    )?;
    Ok(())
}

/// The history of a seal, the newest first.
pub(crate) fn events(tx: &mut Tx<'_>, seal: &str) -> Result<Vec<Event>, Fault> {
    let sql = "SELECT id, what, actor, note, at FROM seals_event WHERE seal = $1 ORDER BY at DESC, id DESC LIMIT 200";
    tx.query(sql, params![seal])?
        .iter()
        .map(|r| {
            Ok(Event {
                id: r.get("id")?,
                what: r.get("what")?,
                actor: r.get("actor")?,
                note: r.get("note")?,
                at: r.get("at")?,
            })
        })
        .collect()
}

/// An offer of custody.
#[derive(Clone, Debug)]
pub(crate) struct Handover {
    pub id: String,
    pub seal: String,
    pub giver: String,
    pub taker: String,
    /// `offered`, `accepted`, `declined`, `withdrawn`.
    pub state: String,
    pub offered_at: i64,
    pub answered_at: Option<i64>,
}

fn handover_of(r: &Row) -> Result<Handover, Fault> {
    Ok(Handover {
        id: r.get("id")?,
        seal: r.get("seal")?,
        giver: r.get("giver")?,
        taker: r.get("taker")?,
        state: r.get("state")?,
        offered_at: r.get("offered_at")?,
        answered_at: r.get("answered_at")?,
    })
}

pub(crate) fn offer(tx: &mut Tx<'_>, h: &Handover) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO seals_handover(id, seal, giver, taker, state, offered_at) VALUES ($1, $2, $3, $4, 'offered', $5)",
        params![
            h.id.as_str(),
            h.seal.as_str(),
            h.giver.as_str(),
            h.taker.as_str(),
            h.offered_at
        ],
    )?;
    Ok(())
}

/// The offer that waits for an answer.
pub(crate) fn offered(tx: &mut Tx<'_>, seal: &str) -> Result<Option<Handover>, Fault> {
    let sql = "SELECT id, seal, giver, taker, state, offered_at, answered_at FROM seals_handover \
         WHERE seal = $1 AND state = 'offered' ORDER BY offered_at DESC LIMIT 1";
    tx.one(sql, params![seal])?.map(|r| handover_of(&r)).transpose()
}

/// False when it was answered before.
pub(crate) fn answer(tx: &mut Tx<'_>, id: &str, state: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE seals_handover SET state = $2, answered_at = $3 WHERE id = $1 AND state = 'offered'";
    Ok(tx.execute(sql, params![id, state, now])? == 1)
}

/// Custody from the first to the last.
pub(crate) fn handovers(tx: &mut Tx<'_>, seal: &str) -> Result<Vec<Handover>, Fault> {
    let sql = "SELECT id, seal, giver, taker, state, offered_at, answered_at FROM seals_handover \
         WHERE seal = $1 ORDER BY offered_at DESC LIMIT 100";
    tx.query(sql, params![seal])?.iter().map(handover_of).collect()
}
