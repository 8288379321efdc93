//! SQL of records of officials and of activation secrets.

pub(crate) mod held;

use super::model::{Record, State};
use kernel::ctx::ScopeColumns;
use kernel::{Fault, Row, Scope, Tx, Uuid, Value, params};
use std::collections::BTreeSet;

fn of(r: &Row) -> Result<Record, Fault> {
    let state: String = r.get("state")?;
    Ok(Record {
        account: r.get("account")?,
        state: State::of(&state).ok_or_else(|| Fault::new(format!("identity_official.state `{state}`")))?,
        source: r.get("source")?,
        external_id: r.get("external_id")?,
        number_index: r.get("number_index")?,
        joined_on: r.get("joined_on")?,
        left_on: r.get("left_on")?,
        reason: r.get("reason")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        changed_at: r.get("changed_at")?,
    })
}

/// Accounts of officials with what is known of them, whether or not there is a row.
const RECORD: &str = "SELECT a.id AS account, a.login, a.subject, s.name, COALESCE(o.state, CASE WHEN a.retired_at IS NULL THEN 'active' \
     ELSE 'left' END) AS state, COALESCE(o.source, '') AS source, COALESCE(o.external_id, '') AS external_id, \
     COALESCE(o.number_index, '') AS number_index, COALESCE(o.joined_on, '') AS joined_on, o.left_on, COALESCE(o.reason, '') AS reason, \
     COALESCE(o.version, 0) AS version, COALESCE(o.created_at, a.created_at) AS created_at, \
     COALESCE(o.changed_at, a.created_at) AS changed_at FROM identity_account a JOIN identity_subject s ON s.id = a.subject \
     LEFT JOIN identity_official o ON o.account = a.id WHERE a.kind = 'official'";

pub(crate) fn record(tx: &mut Tx<'_>, account: Uuid) -> Result<Option<Record>, Fault> {
    tx.one(&format!("{RECORD} AND a.id = $1"), params![account])?
        .map(|r| of(&r))
        .transpose()
}

/// Writes a record; one that came from the pack gets its row now. The version goes up.
pub(crate) fn save(tx: &mut Tx<'_>, r: &Record, now: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_official(account, state, source, external_id, number_index, joined_on, left_on, reason, version, \
         created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10) ON CONFLICT (account) DO UPDATE SET state = $2, \
         source = $3, external_id = $4, number_index = $5, joined_on = $6, left_on = $7, reason = $8, changed_at = $10, \
         version = identity_official.version + 1",
        params![
            r.account,
            r.state.name(),
            r.source.as_str(),
            r.external_id.as_str(),
            r.number_index.as_str(),
            r.joined_on.as_str(),
            r.left_on.as_deref(),
            r.reason.as_str(),
            r.created_at,
            now
        ],
    )?;
    Ok(())
}

/// Opens and closes an account: whoever asks for one finds a closed one retired.
pub(crate) fn set_retired(tx: &mut Tx<'_>, account: Uuid, at: Option<i64>) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_account SET retired_at = $2, version = version + 1 WHERE id = $1",
        params![account, at],
    )?;
    Ok(())
}

/// Sets a password's hash; an empty one matches nothing. Failures of before are forgotten.
pub(crate) fn set_password(tx: &mut Tx<'_>, account: Uuid, hash: &str) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_account SET password = $2, failures = 0, locked_until = NULL, version = version + 1 WHERE id = $1",
        params![account, hash],
    )?;
    Ok(())
}

/// False when somebody has that login.
pub(crate) fn set_login(tx: &mut Tx<'_>, account: Uuid, login: &str) -> Result<bool, Fault> {
    let taken: Option<i64> = tx.scalar(
        "SELECT 1 FROM identity_account WHERE login = $1 AND id <> $2",
        params![login, account],
    )?;
    if taken.is_some() {
        return Ok(false);
    }
    tx.execute(
        "UPDATE identity_account SET login = $2, version = version + 1 WHERE id = $1",
        params![account, login],
    )?;
    Ok(true)
}

/// Replaces name and phone of a person, both sealed.
pub(crate) fn set_person(
    tx: &mut Tx<'_>,
    subject: &str,
    name: Vec<u8>,
    phone: Option<Vec<u8>>,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_subject SET name = $2, phone = $3, version = version + 1 WHERE id = $1",
        params![subject, name, phone],
    )?;
    Ok(())
}

pub(crate) fn by_external(tx: &mut Tx<'_>, source: &str, id: &str) -> Result<Option<Uuid>, Fault> {
    tx.scalar(
        "SELECT account FROM identity_official WHERE source = $1 AND external_id = $2",
        params![source, id],
    )
}

/// Accounts of officials of the person known under a blind index of their number, by subject or by record.
pub(crate) fn of_number(tx: &mut Tx<'_>, index: &str) -> Result<Vec<Uuid>, Fault> {
    let rows = tx.query(
        "SELECT a.id FROM identity_account a JOIN identity_subject s ON s.id = a.subject WHERE a.kind = 'official' \
         AND s.code_index = $1 UNION SELECT o.account FROM identity_official o WHERE o.number_index = $1",
        params![index],
    )?;
    rows.iter().map(|r| r.get("id")).collect()
}

/// Accounts of officials behind one subject, with the blind index of its number.
pub(crate) fn of_subject(tx: &mut Tx<'_>, subject: &str) -> Result<(Vec<Uuid>, String), Fault> {
    let rows = tx.query(
        "SELECT a.id, s.code_index FROM identity_account a JOIN identity_subject s ON s.id = a.subject \
         WHERE a.subject = $1 AND a.kind = 'official'",
        params![subject],
    )?;
    let index = rows.first().map(|r| r.get("code_index")).transpose()?;
    let all = rows.iter().map(|r| r.get("id")).collect::<Result<_, _>>()?;
    Ok((all, index.unwrap_or_default()))
}

/// Accounts whose last day has passed and that are still open.
pub(crate) fn overdue(tx: &mut Tx<'_>, today: &str) -> Result<Vec<Uuid>, Fault> {
    let rows = tx.query(
        "SELECT account FROM identity_official WHERE left_on < $1 AND state <> 'left' ORDER BY account LIMIT 200",
        params![today],
    )?;
    rows.iter().map(|r| r.get("account")).collect()
}

pub(crate) fn put_activation(
    tx: &mut Tx<'_>,
    account: Uuid,
    digest: &str,
    now: i64,
    expires_at: i64,
) -> Result<(), Fault> {
    end_activations(tx, account)?;
    tx.execute(
        "INSERT INTO identity_activation(digest, account, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        params![digest, account, now, expires_at],
    )?;
    Ok(())
}

/// Secrets that were not used are void.
pub(crate) fn end_activations(tx: &mut Tx<'_>, account: Uuid) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM identity_activation WHERE account = $1 AND used_at IS NULL",
        params![account],
    )?;
    Ok(())
}

/// The account that a secret is for, while it is good.
pub(crate) fn activation(tx: &mut Tx<'_>, digest: &str, now: i64) -> Result<Option<Uuid>, Fault> {
    tx.scalar(
        "SELECT account FROM identity_activation WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
        params![digest, now],
    )
}

/// Uses a secret up; false when it was used before.
pub(crate) fn use_activation(tx: &mut Tx<'_>, digest: &str, now: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE identity_activation SET used_at = $2 WHERE digest = $1 AND used_at IS NULL AND expires_at > $2",
        params![digest, now],
    )?;
    Ok(n == 1)
}

/// Until when the secret of an account is good, if there is one.
pub(crate) fn activation_until(tx: &mut Tx<'_>, account: Uuid, now: i64) -> Result<Option<i64>, Fault> {
    tx.scalar(
        "SELECT expires_at FROM identity_activation WHERE account = $1 AND used_at IS NULL AND expires_at > $2",
        params![account, now],
    )
}

/// Which officials a list shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct By<'a> {
    pub state: Option<State>,
    pub source: &'a str,
    /// Path of an organisation; those who hold, held last or are proposed for a post there or below.
    pub path: &'a str,
    pub today: &'a str,
}

/// A row of a list: the record, login, subject, sealed name.
pub(crate) type Listed = (Record, String, String, Vec<u8>);

const COLUMNS: ScopeColumns = ScopeColumns {
    owner: "''",
    about: "",
    org_path: "g.path",
    area_code: "g.area_code",
};

/// Where a person belongs: posts in force or to come, posts proposed, and without any of these the posts of before.
fn somewhere(condition: &str, today: usize) -> String {
    let held = "SELECT 1 FROM identity_holding h JOIN identity_post p ON p.id = h.post JOIN identity_organisation g ON g.id = p.organisation \
                WHERE h.account = a.id";
    let lasting = format!("(h.until_on IS NULL OR h.until_on >= ${today})");
    format!(
        "(EXISTS ({held} AND {lasting} AND {condition}) OR EXISTS (SELECT 1 FROM identity_proposal q JOIN identity_post p ON p.id = q.post \
         JOIN identity_organisation g ON g.id = p.organisation WHERE q.account = a.id AND q.state = 'waiting' AND {condition}) \
         OR (NOT EXISTS ({held} AND {lasting}) AND EXISTS ({held} AND {condition})))"
    )
}

fn conditions(scope: &Scope, by: &By<'_>, p: &mut Vec<Value>) -> String {
    let mut all = String::new();
    p.push(by.today.into());
    let today = p.len();
    match scope {
        Scope::All => {}
        scope => {
            let inner = scope.sql(COLUMNS, p);
            // Whoever has no post anywhere yet belongs to the office that opened the account.
            let nowhere = "NOT EXISTS (SELECT 1 FROM identity_holding h WHERE h.account = a.id) AND NOT EXISTS (SELECT 1 FROM \
                           identity_proposal q WHERE q.account = a.id AND q.state = 'waiting')";
            let root = matches!(scope, Scope::Any(terms) if terms.iter().any(whole));
            let or = if root {
                format!(" OR ({nowhere})")
            } else {
                String::new()
            };
            all += &format!(" AND ({}{or})", somewhere(&inner, today));
        }
    }
    if let Some(state) = by.state {
        p.push(state.name().into());
        all += &format!(
            " AND COALESCE(o.state, CASE WHEN a.retired_at IS NULL THEN 'active' ELSE 'left' END) = ${}",
            p.len()
        );
    }
    if !by.source.is_empty() {
        p.push(by.source.into());
        all += &format!(" AND o.source = ${}", p.len());
    }
    if !by.path.is_empty() {
        p.push(format!("{}%", by.path).into());
        all += &format!(" AND {}", somewhere(&format!("g.path LIKE ${}", p.len()), today));
    }
    // Both databases need every parameter to be named.
    all + &format!(" AND ${today} <> ''")
}

/// Whether a term reaches from the root of the tree.
fn whole(term: &kernel::ctx::Term) -> bool {
    matches!(term, kernel::ctx::Term::Within { org_path, .. } if org_path.matches('/').count() <= 2)
}

/// Officials in the order of their logins; all of them when `limit` is none.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    scope: &Scope,
    by: &By<'_>,
    page: Option<(u32, u32)>,
) -> Result<Vec<Listed>, Fault> {
    let mut p = Vec::new();
    let conditions = conditions(scope, by, &mut p);
    let limit = page.map_or(String::new(), |(limit, offset)| {
        format!(" LIMIT {limit} OFFSET {offset}")
    });
    tx.query(&format!("{RECORD}{conditions} ORDER BY a.login{limit}"), &p)?
        .iter()
        .map(|r| Ok((of(r)?, r.get("login")?, r.get("subject")?, r.get("name")?)))
        .collect()
}

/// Accounts that hold a post, now or later, with this in its title.
pub(crate) fn titled(tx: &mut Tx<'_>, text: &str, today: &str) -> Result<BTreeSet<Uuid>, Fault> {
    let plain = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let rows = tx.query(
        "SELECT DISTINCT h.account FROM identity_holding h JOIN identity_post p ON p.id = h.post \
         WHERE (h.until_on IS NULL OR h.until_on >= $2) AND (p.title LIKE $1 ESCAPE '!' OR LOWER(p.title_en) LIKE $1 ESCAPE '!')",
        params![format!("%{plain}%"), today],
    )?;
    rows.iter().map(|r| r.get("account")).collect()
}

pub(crate) fn count(tx: &mut Tx<'_>, scope: &Scope, by: &By<'_>) -> Result<i64, Fault> {
    let mut p = Vec::new();
    let conditions = conditions(scope, by, &mut p);
    let sql = format!(
        "SELECT COUNT(*) FROM identity_account a LEFT JOIN identity_official o ON o.account = a.id WHERE a.kind = 'official'{conditions}"
    );
    Ok(tx.scalar(&sql, &p)?.unwrap_or(0))
}

/// Whether a scope reaches to where an official belongs.
pub(crate) fn reaches(tx: &mut Tx<'_>, scope: &Scope, by: &By<'_>, account: Uuid) -> Result<bool, Fault> {
    let mut p = Vec::new();
    let conditions = conditions(scope, by, &mut p);
    p.push(account.into());
    let sql = format!(
        "SELECT COUNT(*) FROM identity_account a LEFT JOIN identity_official o ON o.account = a.id WHERE a.kind = 'official'{conditions} \
         AND a.id = ${}",
        p.len()
    );
    Ok(tx.scalar::<i64>(&sql, &p)?.unwrap_or(0) > 0)
}

/// (type, at, actor, payload) of what happened to an official's account, newest first.
pub(crate) fn history(
    tx: &mut Tx<'_>,
    account: Uuid,
) -> Result<Vec<(String, i64, String, serde_json::Value)>, Fault> {
    tx.query(
        "SELECT type, at, actor, payload FROM kernel_fact WHERE subject = $1 AND (type LIKE 'identity.official.%' \
         OR type LIKE 'identity.post.%' OR type = 'identity.account.opened') ORDER BY at DESC LIMIT 100",
        params![account.to_string()],
    )?
    .iter()
    .map(|r| Ok((r.get("type")?, r.get("at")?, r.get("actor")?, r.get("payload")?)))
    .collect()
}
