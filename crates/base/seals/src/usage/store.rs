//! SQL of grants and uses.

use super::model::Grant;
use crate::seal::store::words;
use kernel::{Ctx, Fault, Result, Row, Tx, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

const GRANT: &str = "id, seal, grantee_kind, grantee, kinds, per_day, total, valid_from, valid_until, given_by, given_at, \
     revoked_by, revoked_at, used";

fn grant_of(r: &Row) -> Result<Grant, Fault> {
    Ok(Grant {
        id: r.get("id")?,
        seal: r.get("seal")?,
        grantee_kind: r.get("grantee_kind")?,
        grantee: r.get("grantee")?,
        kinds: words(&r.get::<String>("kinds")?),
        per_day: r.get("per_day")?,
        total: r.get("total")?,
        valid_from: r.get("valid_from")?,
        valid_until: r.get("valid_until")?,
        given_by: r.get("given_by")?,
        given_at: r.get("given_at")?,
        revoked_by: r.get("revoked_by")?,
        revoked_at: r.get("revoked_at")?,
        used: r.get("used")?,
    })
}

pub(crate) fn put_grant(tx: &mut Tx<'_>, g: &Grant) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO seals_grant(id, seal, grantee_kind, grantee, kinds, per_day, total, valid_from, valid_until, given_by, \
         given_at, used, day, day_used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', 0)",
        params![
            g.id.as_str(),
            g.seal.as_str(),
            g.grantee_kind.as_str(),
            g.grantee.as_str(),
            g.kinds.join(" "),
            g.per_day,
            g.total,
            g.valid_from.clone(),
            g.valid_until.clone(),
            g.given_by.as_str(),
            g.given_at
        ],
    )?;
    Ok(())
}

/// Grants of a seal, those in force first.
pub(crate) fn grants(tx: &mut Tx<'_>, seal: &str) -> Result<Vec<Grant>, Fault> {
    let sql = format!(
        "SELECT {GRANT} FROM seals_grant WHERE seal = $1 \
         ORDER BY CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, given_at, id LIMIT 500"
    );
    tx.query(&sql, params![seal])?.iter().map(grant_of).collect()
}

/// False when it is revoked already, or of another seal.
pub(crate) fn revoke(tx: &mut Tx<'_>, seal: &str, id: &str, by: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE seals_grant SET revoked_at = $4, revoked_by = $3 WHERE id = $2 AND seal = $1 AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![seal, id, by, now])? == 1)
}

/// Takes one use of a grant with limits; false when there is none left or it was revoked. One statement, so of two that race
/// for the last use one comes second and sees what the first has left.
pub(crate) fn take(tx: &mut Tx<'_>, id: &str, day: &str) -> Result<bool, Fault> {
    let sql = "UPDATE seals_grant SET used = used + 1, \
         day_used = CASE WHEN day = $2 THEN day_used + 1 ELSE 1 END, day = $2 \
         WHERE id = $1 AND revoked_at IS NULL AND (total IS NULL OR used < total) \
         AND (per_day IS NULL OR day <> $2 OR day_used < per_day)";
    Ok(tx.execute(sql, params![id, day])? == 1)
}

/// Gives a use back that came to nothing.
pub(crate) fn give_back(tx: &mut Tx<'_>, id: &str, day: &str) -> Result<(), Fault> {
    let sql = "UPDATE seals_grant SET used = used - 1, \
         day_used = CASE WHEN day = $2 THEN day_used - 1 ELSE day_used END WHERE id = $1 AND used > 0";
    tx.execute(sql, params![id, day])?;
    Ok(())
}

/// A use, or a try that was refused.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Use {
    pub id: String,
    pub seal: Option<String>,
    pub organisation: String,
    pub grant: Option<String>,
    pub actor: String,
    /// Kind of document.
    pub occasion: String,
    pub title: String,
    pub number: String,
    pub purpose: String,
    pub for_whom: Option<String>,
    /// Of the sealed file; of the file that was to be sealed when it was not.
    pub sha256: String,
    pub sm3: String,
    /// `done`, `refused`, `failed`.
    pub result: String,
    /// Key of a text.
    pub why: Option<String>,
    pub at: i64,
}

fn place(id: &str) -> String {
    format!("seals_use.words:{id}")
}

pub(crate) fn put_use(ctx: &Ctx, tx: &mut Tx<'_>, u: &Use) -> Result<()> {
    let words = json!({ "title": u.title, "purpose": u.purpose }).to_string();
    let words = ctx.protect().seal(&place(&u.id), &words)?;
    tx.execute(
        "INSERT INTO seals_use(id, seal, organisation, grant_id, actor, occasion, number, words, for_whom, sha256, sm3, \
         result, why, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            u.id.as_str(),
            u.seal.clone(),
            u.organisation.as_str(),
            u.grant.clone(),
            u.actor.as_str(),
            u.occasion.as_str(),
            u.number.as_str(),
            words,
            u.for_whom.clone(),
            u.sha256.as_str(),
            u.sm3.as_str(),
            u.result.as_str(),
            u.why.clone(),
            u.at
        ],
    )?;
    Ok(())
}

fn reserved_place(id: &str) -> String {
    format!("seals_reservation.body:{id}")
}

/// Keeps a use that was reserved.
pub(crate) fn reserve(ctx: &Ctx, tx: &mut Tx<'_>, u: &Use, day: &str) -> Result<()> {
    let body = ctx
        .protect()
        .seal(&reserved_place(&u.id), &serde_json::to_string(u)?)?;
    tx.execute(
        "INSERT INTO seals_reservation(id, grant_id, day, body, at) VALUES ($1, $2, $3, $4, $5)",
        params![
            u.id.as_str(),
            u.grant.clone().unwrap_or_default(),
            day,
            body,
            u.at
        ],
    )?;
    Ok(())
}

/// Takes a reservation away; false when it has ended already.
pub(crate) fn end_reservation(tx: &mut Tx<'_>, id: &str) -> Result<bool, Fault> {
    Ok(tx.execute("DELETE FROM seals_reservation WHERE id = $1", params![id])? == 1)
}

/// Reservations made before an instant that never ended, with their legal day.
pub(crate) fn left_open(ctx: &Ctx, tx: &mut Tx<'_>, before: i64) -> Result<Vec<(Use, String)>> {
    let sql = "SELECT id, day, body FROM seals_reservation WHERE at < $1 ORDER BY at LIMIT 100";
    tx.query(sql, params![before])?
        .iter()
        .map(|r| {
            let id: String = r.get("id")?;
            let body = ctx
                .protect()
                .open(&reserved_place(&id), &r.get::<Vec<u8>>("body")?)?;
            Ok((serde_json::from_str(&body)?, r.get("day")?))
        })
        .collect()
}

fn use_of(ctx: &Ctx, r: &Row) -> Result<Use> {
    let id: String = r.get("id")?;
    let words = ctx.protect().open(&place(&id), &r.get::<Vec<u8>>("words")?)?;
    let words: Json = serde_json::from_str(&words)?;
    let text = |name: &str| words[name].as_str().unwrap_or_default().to_string();
    Ok(Use {
        seal: r.get("seal")?,
        organisation: r.get("organisation")?,
        grant: r.get("grant_id")?,
        actor: r.get("actor")?,
        occasion: r.get("occasion")?,
        title: text("title"),
        number: r.get("number")?,
        purpose: text("purpose"),
        for_whom: r.get("for_whom")?,
        sha256: r.get("sha256")?,
        sm3: r.get("sm3")?,
        result: r.get("result")?,
        why: r.get("why")?,
        at: r.get("at")?,
        id,
    })
}

const USE: &str = "id, seal, organisation, grant_id, actor, occasion, number, words, for_whom, sha256, sm3, result, why, at";

/// Uses of a seal, and tries of its organisation that found none; the newest first.
pub(crate) fn uses(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    (seal, organisation): (&str, &str),
    limit: u32,
    offset: u32,
) -> Result<Vec<Use>> {
    let sql = format!(
        "SELECT {USE} FROM seals_use WHERE seal = $1 OR (seal IS NULL AND organisation = $2) \
         ORDER BY at DESC, id DESC LIMIT $3 OFFSET $4"
    );
    tx.query(&sql, params![seal, organisation, limit, offset])?
        .iter()
        .map(|r| use_of(ctx, r))
        .collect()
}

/// The use that sealed the file with this hash.
pub(crate) fn by_hash(ctx: &Ctx, tx: &mut Tx<'_>, sha256: &str) -> Result<Option<Use>> {
    let sql =
        format!("SELECT {USE} FROM seals_use WHERE sha256 = $1 AND result = 'done' ORDER BY at LIMIT 1");
    tx.one(&sql, params![sha256])?
        .map(|r| use_of(ctx, &r))
        .transpose()
}
