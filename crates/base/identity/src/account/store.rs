//! SQL of accounts, subjects and sessions.

use super::model::{Account, Session, Subject};
use kernel::{Ctx, Fault, Row, Tx, Uuid, params};

fn account_of(r: &Row) -> Result<Account, Fault> {
    Ok(Account {
        id: r.get("id")?,
        login: r.get("login")?,
        kind: r.get("kind")?,
        subject: r.get("subject")?,
        password: r.get("password")?,
        failures: r.get("failures")?,
        locked_until: r.get("locked_until")?,
        retired: r.get::<Option<i64>>("retired_at")?.is_some(),
    })
}
const ACCOUNT: &str = "id, login, kind, subject, password, failures, locked_until, retired_at";

pub(crate) fn account(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<Account>, Fault> {
    tx.one(
        &format!("SELECT {ACCOUNT} FROM identity_account WHERE id = $1"),
        params![id],
    )?
    .map(|r| account_of(&r))
    .transpose()
}

pub(crate) fn account_by_login(tx: &mut Tx<'_>, login: &str) -> Result<Option<Account>, Fault> {
    tx.one(
        &format!("SELECT {ACCOUNT} FROM identity_account WHERE login = $1"),
        params![login],
    )?
    .map(|r| account_of(&r))
    .transpose()
}

/// The account of the natural person known under a blind index, when that person has just one of residents.
pub(crate) fn resident_by_index(tx: &mut Tx<'_>, index: &str) -> Result<Option<Account>, Fault> {
    let sql = "SELECT a.id, a.login, a.kind, a.subject, a.password, a.failures, a.locked_until, a.retired_at FROM identity_subject s \
               JOIN identity_account a ON a.subject = s.id WHERE s.code_index = $1 AND a.kind <> 'official' \
               AND a.retired_at IS NULL ORDER BY a.created_at, a.id LIMIT 1";
    tx.one(sql, params![index])?.map(|r| account_of(&r)).transpose()
}

/// Whether a person has an account that may be used.
pub(crate) fn has_account(tx: &mut Tx<'_>, subject: &str) -> Result<bool, Fault> {
    let sql = "SELECT COUNT(*) FROM identity_account WHERE subject = $1 AND retired_at IS NULL";
    Ok(tx.scalar::<i64>(sql, params![subject])?.unwrap_or(0) > 0)
}

pub(crate) fn accounts(tx: &mut Tx<'_>, after: &str, limit: u32) -> Result<Vec<Account>, Fault> {
    tx.query(
        &format!("SELECT {ACCOUNT} FROM identity_account WHERE login > $1 ORDER BY login LIMIT {limit}"),
        params![after],
    )?
    .iter()
    .map(account_of)
    .collect()
}

pub(crate) fn insert_account(tx: &mut Tx<'_>, a: &Account, now: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO identity_account(id, login, kind, subject, password, failures, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, 0, 1, $6) ON CONFLICT (login) DO NOTHING",
        params![
            a.id,
            a.login.clone(),
            a.kind.clone(),
            a.subject.clone(),
            a.password.clone(),
            now
        ],
    )?;
    Ok(n == 1)
}

pub(crate) fn set_failures(
    tx: &mut Tx<'_>,
    id: Uuid,
    failures: i64,
    until: Option<i64>,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_account SET failures = $2, locked_until = $3 WHERE id = $1",
        params![id, failures, until],
    )?;
    Ok(())
}

/// Failures against a name that no account has, and until when it rests.
pub(crate) fn attempts(tx: &mut Tx<'_>, name: &str) -> Result<(i64, Option<i64>), Fault> {
    let sql = "SELECT failures, locked_until FROM identity_attempt WHERE name = $1";
    tx.one(sql, params![name])?.map_or(Ok((0, None)), |r| {
        Ok((r.get("failures")?, r.get("locked_until")?))
    })
}

/// Writes them down, and forgets those of more than a day ago.
pub(crate) fn put_attempts(
    tx: &mut Tx<'_>,
    name: &str,
    failures: i64,
    until: Option<i64>,
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM identity_attempt WHERE at < $1",
        params![now - 86_400_000],
    )?;
    tx.execute(
        "INSERT INTO identity_attempt(name, failures, locked_until, at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET failures = $2, locked_until = $3, at = $4",
        params![name, failures, until, now],
    )?;
    Ok(())
}

pub(crate) struct NewSubject {
    pub id: String,
    pub kind: String,
    pub name: Vec<u8>,
    pub code: Vec<u8>,
    pub code_index: String,
    pub phone: Option<Vec<u8>>,
    pub area_code: String,
    pub synthetic: bool,
}

/// Inserts, or returns the id under which this code is already known.
pub(crate) fn put_subject(tx: &mut Tx<'_>, s: &NewSubject, now: i64) -> Result<(String, bool), Fault> {
    let known: Option<String> = tx.scalar(
        "SELECT id FROM identity_subject WHERE code_index = $1",
        params![s.code_index.clone()],
    )?;
    if let Some(id) = known {
        return Ok((id, false));
    }
    tx.execute(
        "INSERT INTO identity_subject(id, kind, name, code, code_index, phone, area_code, synthetic, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)",
        params![
            s.id.clone(),
            s.kind.clone(),
            s.name.clone(),
            s.code.clone(),
            s.code_index.clone(),
            s.phone.clone(),
            s.area_code.clone(),
            s.synthetic,
            now
        ],
    )?;
    Ok((s.id.clone(), true))
}

pub(crate) fn subject(tx: &mut Tx<'_>, id: &str) -> Result<Option<Subject>, Fault> {
    tx.one(
        "SELECT id, kind, name, code, phone, area_code FROM identity_subject WHERE id = $1",
        params![id],
    )?
    .map(|r| {
        Ok(Subject {
            id: r.get("id")?,
            kind: r.get("kind")?,
            name: r.get("name")?,
            code: r.get("code")?,
            phone: r.get("phone")?,
            area_code: r.get("area_code")?,
        })
    })
    .transpose()
}

pub(crate) fn subject_by_index(tx: &mut Tx<'_>, index: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT id FROM identity_subject WHERE code_index = $1",
        params![index],
    )
}

pub(crate) struct NewSession<'a> {
    pub token: &'a str,
    pub account: Uuid,
    pub family: &'a str,
    pub kind: &'a str,
    pub acting_for: Option<&'a str>,
    pub label: &'a str,
    pub methods: &'a str,
    pub shown_at: i64,
    pub expires_at: i64,
}

pub(crate) fn insert_session(tx: &mut Tx<'_>, s: &NewSession<'_>, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_session(token, account, family, kind, acting_for, label, methods, shown_at, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![s.token, s.account, s.family, s.kind, s.acting_for, s.label, s.methods, s.shown_at, now, s.expires_at],
    )?;
    Ok(())
}

const SESSION: &str = "token, account, acting_for, label, family, methods, shown_at";
fn session_of(r: &Row) -> Result<Session, Fault> {
    Ok(Session {
        token: r.get("token")?,
        account: r.get("account")?,
        acting_for: r.get("acting_for")?,
        label: r.get("label")?,
        family: r.get("family")?,
        methods: r.get("methods")?,
        shown_at: r.get("shown_at")?,
    })
}

pub(crate) fn session(tx: &mut Tx<'_>, token: &str, kind: &str, now: i64) -> Result<Option<Session>, Fault> {
    tx.one(
        &format!(
            "SELECT {SESSION} FROM identity_session WHERE token = $1 AND kind = $2 AND expires_at > $3 \
             AND created_at < $4 AND ended_at IS NULL"
        ),
        // One begun a day ahead of now was begun under a wrong clock and would last far too long.
        params![token, kind, now, now + 86_400_000],
    )?
    .map(|r| session_of(&r))
    .transpose()
}

pub(crate) fn sessions(tx: &mut Tx<'_>, account: Uuid, now: i64) -> Result<Vec<Session>, Fault> {
    tx.query(
        &format!(
            "SELECT {SESSION} FROM identity_session WHERE account = $1 AND expires_at > $2 AND ended_at IS NULL \
             ORDER BY created_at DESC LIMIT 500"
        ),
        params![account, now],
    )?
    .iter()
    .map(session_of)
    .collect()
}

pub(crate) fn end_session(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_session SET ended_at = $2 WHERE token = $1 AND ended_at IS NULL",
        params![token, now],
    )?;
    Ok(())
}

pub(crate) fn end_all(tx: &mut Tx<'_>, account: Uuid, now: i64) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE identity_session SET ended_at = $2 WHERE account = $1 AND ended_at IS NULL",
        params![account, now],
    )
}

/// Somebody read these fields of a person's data.
pub(crate) fn note_access(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    subject: &str,
    fields: &str,
    purpose: &str,
) -> Result<(), Fault> {
    let actor = ctx.actor.id.as_str();
    tx.execute(
        "INSERT INTO identity_access(id, actor, subject, fields, purpose, request, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            ctx.id(),
            actor,
            subject,
            fields,
            purpose,
            ctx.request.to_string(),
            ctx.now()
        ],
    )?;
    Ok(())
}

/// The last hundred reads of a person's data by others, by the reader's post.
pub(crate) fn accesses(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<serde_json::Value>, Fault> {
    tx.query(
        "SELECT a.fields, a.purpose, a.at, a.actor, (SELECT MIN(p.title) FROM identity_holding h \
         JOIN identity_post p ON p.id = h.post WHERE 'account:' || h.account = a.actor) AS post \
         FROM identity_access a WHERE a.subject = $1 ORDER BY a.at DESC LIMIT 100",
        params![subject],
    )?
    .iter()
    .map(|r| {
        let (post, actor) = (r.get::<Option<String>>("post")?, r.get::<String>("actor")?);
        Ok(serde_json::json!({
            "who": post.unwrap_or(actor), "fields": r.get::<String>("fields")?,
            "purpose": r.get::<String>("purpose")?, "at": r.get::<i64>("at")?,
        }))
    })
    .collect()
}
