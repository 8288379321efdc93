//! SQL of posts held and proposed.

use crate::official::model::{Holding, Post, Proposal};
use kernel::ctx::ScopeColumns;
use kernel::{Fault, Row, Scope, Tx, Uuid, params};

fn words(r: &Row, column: &str) -> Result<Vec<String>, Fault> {
    let list: serde_json::Value = r.get(column)?;
    Ok(serde_json::from_value(list).unwrap_or_default())
}

fn holding_of(r: &Row) -> Result<Holding, Fault> {
    Ok(Holding {
        id: r.get("id")?,
        account: r.get("account")?,
        post: r.get("post")?,
        title: r.get("title")?,
        title_en: r.get("title_en")?,
        organisation: r.get("organisation")?,
        organisation_name: r.get("organisation_name")?,
        organisation_name_en: r.get("organisation_name_en")?,
        path: r.get("path")?,
        area_code: r.get("area_code")?,
        roles: words(r, "roles")?,
        from: r.get("from_on")?,
        until: r.get("until_on")?,
        reason: r.get("ended_reason")?,
    })
}

const HOLDING: &str = "SELECT h.id, h.account, h.post, h.from_on, h.until_on, h.ended_reason, p.title, p.title_en, p.roles, \
     p.organisation, g.name AS organisation_name, g.name_en AS organisation_name_en, g.path, g.area_code FROM identity_holding h \
     JOIN identity_post p ON p.id = h.post JOIN identity_organisation g ON g.id = p.organisation";

/// Every post that an account holds or held, the newest first.
pub(crate) fn holdings(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Holding>, Fault> {
    let sql = format!("{HOLDING} WHERE h.account = $1 ORDER BY h.from_on DESC, h.id");
    tx.query(&sql, params![account])?.iter().map(holding_of).collect()
}

pub(crate) fn holding(tx: &mut Tx<'_>, id: &str) -> Result<Option<Holding>, Fault> {
    tx.one(&format!("{HOLDING} WHERE h.id = $1"), params![id])?
        .map(|r| holding_of(&r))
        .transpose()
}

/// Holdings of open accounts in an organisation and below that last beyond a day.
pub(crate) fn lasting(tx: &mut Tx<'_>, path: &str, today: &str) -> Result<Vec<Holding>, Fault> {
    let sql = format!(
        "{HOLDING} JOIN identity_account a ON a.id = h.account WHERE g.path LIKE $1 AND (h.until_on IS NULL OR h.until_on >= $2) \
         AND a.retired_at IS NULL ORDER BY g.path, p.id, h.id"
    );
    tx.query(&sql, params![format!("{path}%"), today])?
        .iter()
        .map(holding_of)
        .collect()
}

/// Gives a post.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    id: &str,
    account: Uuid,
    post: &str,
    days: (&str, Option<&str>),
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_holding(id, post, account, from_on, until_on) VALUES ($1, $2, $3, $4, $5)",
        params![id, post, account, days.0, days.1],
    )?;
    Ok(())
}

/// Ends a holding with a last day.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    id: &str,
    until: &str,
    reason: &str,
    actor: &str,
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_holding SET until_on = $2, ended_reason = $3, ended_by = $4, ended_at = $5 WHERE id = $1",
        params![id, until, reason, actor, now],
    )?;
    Ok(())
}

/// Pairs of roles that exclude each other.
pub(crate) fn exclusions(tx: &mut Tx<'_>) -> Result<Vec<(String, String)>, Fault> {
    tx.query("SELECT role, other FROM identity_exclusion ORDER BY id", &[])?
        .iter()
        .map(|r| Ok((r.get("role")?, r.get("other")?)))
        .collect()
}

/// Puts a pair into force; returns the row's id.
pub(crate) fn put_exclusion(tx: &mut Tx<'_>, role: &str, other: &str) -> Result<String, Fault> {
    let (a, b) = if role < other {
        (role, other)
    } else {
        (other, role)
    };
    let id = format!("{a}|{b}");
    tx.execute(
        "INSERT INTO identity_exclusion(id, role, other) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        params![id.as_str(), a, b],
    )?;
    Ok(id)
}

fn post_of(r: &Row) -> Result<Post, Fault> {
    Ok(Post {
        id: r.get("id")?,
        title: r.get("title")?,
        title_en: r.get("title_en")?,
        organisation: r.get("organisation")?,
        organisation_name: r.get("organisation_name")?,
        organisation_name_en: r.get("organisation_name_en")?,
        path: r.get("path")?,
        area_code: r.get("area_code")?,
        roles: words(r, "roles")?,
        retired: r.get::<i64>("retired")? != 0,
    })
}

const POST: &str = "SELECT p.id, p.title, p.title_en, p.roles, p.organisation, g.name AS organisation_name, \
     g.name_en AS organisation_name_en, g.path, g.area_code, CASE WHEN p.retired_at IS NULL AND g.retired_at IS NULL THEN 0 ELSE 1 END \
     AS retired FROM identity_post p JOIN identity_organisation g ON g.id = p.organisation";

pub(crate) fn post(tx: &mut Tx<'_>, id: &str) -> Result<Option<Post>, Fault> {
    tx.one(&format!("{POST} WHERE p.id = $1"), params![id])?
        .map(|r| post_of(&r))
        .transpose()
}

/// Posts that may be given within a scope, in the order of the tree.
pub(crate) fn posts(tx: &mut Tx<'_>, scope: &Scope) -> Result<Vec<Post>, Fault> {
    let columns = ScopeColumns {
        owner: "''",
        about: "",
        org_path: "g.path",
        area_code: "g.area_code",
    };
    let mut p = Vec::new();
    let condition = scope.sql(columns, &mut p);
    let sql = format!(
        "{POST} WHERE p.retired_at IS NULL AND g.retired_at IS NULL AND {condition} ORDER BY g.path, p.id"
    );
    tx.query(&sql, &p)?.iter().map(post_of).collect()
}

fn proposal_of(r: &Row) -> Result<Proposal, Fault> {
    Ok(Proposal {
        id: r.get("id")?,
        account: r.get("account")?,
        post: r.get("post")?,
        from: r.get("from_on")?,
        until: r.get("until_on")?,
        reason: r.get("reason")?,
        state: r.get("state")?,
        proposed_by: r.get("proposed_by")?,
        proposed_at: r.get("proposed_at")?,
        decided_by: r.get("decided_by")?,
        decided_at: r.get("decided_at")?,
        answer: r.get("answer")?,
        holding: r.get("holding")?,
    })
}

const PROPOSAL: &str = "SELECT q.id, q.account, q.post, q.from_on, q.until_on, q.reason, q.state, q.proposed_by, q.proposed_at, \
     q.decided_by, q.decided_at, q.answer, q.holding FROM identity_proposal q";

pub(crate) fn proposal(tx: &mut Tx<'_>, id: &str) -> Result<Option<Proposal>, Fault> {
    tx.one(&format!("{PROPOSAL} WHERE q.id = $1"), params![id])?
        .map(|r| proposal_of(&r))
        .transpose()
}

/// What was proposed for an account, the newest first.
pub(crate) fn proposals(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Proposal>, Fault> {
    let sql = format!("{PROPOSAL} WHERE q.account = $1 ORDER BY q.proposed_at DESC, q.id DESC LIMIT 200");
    tx.query(&sql, params![account])?
        .iter()
        .map(proposal_of)
        .collect()
}

/// Proposals of a state within a scope: those that wait the oldest first, others the newest first.
pub(crate) fn proposed(
    tx: &mut Tx<'_>,
    scope: &Scope,
    waiting: bool,
    page: (u32, u32),
) -> Result<Vec<Proposal>, Fault> {
    let columns = ScopeColumns {
        owner: "''",
        about: "",
        org_path: "g.path",
        area_code: "g.area_code",
    };
    let mut p = Vec::new();
    let condition = scope.sql(columns, &mut p);
    let (which, order) = match waiting {
        true => ("q.state = 'waiting'", "q.proposed_at, q.id"),
        false => ("q.state <> 'waiting'", "q.decided_at DESC, q.id"),
    };
    let sql = format!(
        "{PROPOSAL} JOIN identity_post p ON p.id = q.post JOIN identity_organisation g ON g.id = p.organisation \
         WHERE {which} AND {condition} ORDER BY {order} LIMIT {} OFFSET {}",
        page.0, page.1
    );
    tx.query(&sql, &p)?.iter().map(proposal_of).collect()
}

pub(crate) fn insert_proposal(tx: &mut Tx<'_>, q: &Proposal) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_proposal(id, account, post, from_on, until_on, reason, state, proposed_by, proposed_at, decided_by, \
         answer, version) VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, '', '', 1)",
        params![
            q.id.as_str(),
            q.account,
            q.post.as_str(),
            q.from.as_str(),
            q.until.as_deref(),
            q.reason.as_str(),
            q.proposed_by.as_str(),
            q.proposed_at
        ],
    )?;
    Ok(())
}

/// Saves how a proposal was answered; false when it had been answered before.
pub(crate) fn decide(tx: &mut Tx<'_>, q: &Proposal) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE identity_proposal SET state = $2, decided_by = $3, decided_at = $4, answer = $5, holding = $6, version = version + 1 \
         WHERE id = $1 AND state = 'waiting'",
        params![
            q.id.as_str(),
            q.state.as_str(),
            q.decided_by.as_str(),
            q.decided_at,
            q.answer.as_str(),
            q.holding.as_deref()
        ],
    )?;
    Ok(n == 1)
}
