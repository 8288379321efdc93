//! SQL of the tree's changes.

use super::model::{Node, Version};
use crate::organisation::Organisation;
use kernel::{Fault, Row, Tx, params};

fn version_of(r: &Row) -> Result<Version, Fault> {
    let kind: String = r.get("kind")?;
    Ok(Version {
        id: r.get("id")?,
        kind: if kind == "post" { "post" } else { "organisation" },
        subject: r.get("subject")?,
        from_on: r.get("from_on")?,
        name: r.get("name")?,
        name_en: r.get("name_en")?,
        parent: r.get("parent")?,
        retired: r.get::<i64>("retired")? != 0,
        change: r.get("change")?,
        reason: r.get("reason")?,
        actor: r.get("actor")?,
        at: r.get("at")?,
    })
}

const VERSION: &str = "SELECT id, kind, subject, from_on, name, name_en, parent, retired, change, reason, actor, at FROM identity_version";

/// Versions of one, the oldest first.
pub(crate) fn versions(tx: &mut Tx<'_>, kind: &str, subject: &str) -> Result<Vec<Version>, Fault> {
    let sql = format!("{VERSION} WHERE kind = $1 AND subject = $2 ORDER BY from_on, at");
    tx.query(&sql, params![kind, subject])?
        .iter()
        .map(version_of)
        .collect()
}

/// Versions of an organisation and of its posts, the newest first.
pub(crate) fn history(tx: &mut Tx<'_>, organisation: &str) -> Result<Vec<Version>, Fault> {
    let sql = format!(
        "{VERSION} WHERE change <> 'loaded' AND ((kind = 'organisation' AND subject = $1) OR (kind = 'post' AND parent = $1)) \
         ORDER BY at DESC, id LIMIT 200"
    );
    tx.query(&sql, params![organisation])?
        .iter()
        .map(version_of)
        .collect()
}

/// Versions of all organisations.
pub(crate) fn all_versions(tx: &mut Tx<'_>) -> Result<Vec<Version>, Fault> {
    tx.query(
        &format!("{VERSION} WHERE kind = 'organisation' ORDER BY from_on, at"),
        &[],
    )?
    .iter()
    .map(version_of)
    .collect()
}

pub(crate) fn insert(tx: &mut Tx<'_>, v: &Version) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_version(id, kind, subject, from_on, name, name_en, parent, retired, change, reason, actor, at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        params![
            v.id.as_str(),
            v.kind,
            v.subject.as_str(),
            v.from_on.as_str(),
            v.name.as_str(),
            v.name_en.as_str(),
            v.parent.as_deref(),
            i64::from(v.retired),
            v.change.as_str(),
            v.reason.as_str(),
            v.actor.as_str(),
            v.at
        ],
    )?;
    Ok(())
}

/// Every organisation ever, in the order of the paths: as it is now, its path and area, and whether it is retired.
pub(crate) fn everything(tx: &mut Tx<'_>) -> Result<Vec<(Node, bool, String, String)>, Fault> {
    tx.query(
        "SELECT id, name, name_en, parent, path, area_code, retired_at FROM identity_organisation ORDER BY path",
        &[],
    )?
    .iter()
    .map(|r| {
        let node = Node {
            id: r.get("id")?,
            name: r.get("name")?,
            name_en: r.get("name_en")?,
            parent: r.get("parent")?,
        };
        let retired = r.get::<Option<i64>>("retired_at")?.is_some();
        Ok((node, retired, r.get("path")?, r.get("area_code")?))
    })
    .collect()
}

pub(crate) fn retired(tx: &mut Tx<'_>, organisation: &str) -> Result<bool, Fault> {
    let at: Option<i64> = tx.scalar(
        "SELECT 1 FROM identity_organisation WHERE id = $1 AND retired_at IS NOT NULL",
        params![organisation],
    )?;
    Ok(at.is_some())
}

/// Name, short name and the organisation above; the path stays.
pub(crate) fn save(tx: &mut Tx<'_>, o: &Organisation) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_organisation SET name = $2, name_en = $3, short = $4, parent = $5, version = version + 1 WHERE id = $1",
        params![
            o.id.as_str(),
            o.name.as_str(),
            o.name_en.as_str(),
            o.short.as_str(),
            o.parent.as_deref()
        ],
    )?;
    Ok(())
}

pub(crate) fn retire(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_organisation SET retired_at = $2, version = version + 1 WHERE id = $1",
        params![id, now],
    )?;
    Ok(())
}

pub(crate) fn retire_post(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_post SET retired_at = $2 WHERE id = $1",
        params![id, now],
    )?;
    Ok(())
}

/// Organisations directly below that are not retired.
pub(crate) fn children(tx: &mut Tx<'_>, id: &str) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM identity_organisation WHERE parent = $1 AND retired_at IS NULL";
    Ok(tx.scalar(sql, params![id])?.unwrap_or(0))
}

/// A post of an organisation: (id, title, English title, roles, retired, people who hold it or will, proposals that wait).
#[derive(Clone, Debug)]
pub(crate) struct PostRow {
    pub id: String,
    pub title: String,
    pub title_en: String,
    pub roles: Vec<String>,
    pub retired: bool,
    pub held: i64,
    pub proposed: i64,
}

pub(crate) fn posts(tx: &mut Tx<'_>, organisation: &str, today: &str) -> Result<Vec<PostRow>, Fault> {
    tx.query(
        "SELECT p.id, p.title, p.title_en, p.roles, p.retired_at, (SELECT COUNT(*) FROM identity_holding h JOIN identity_account a \
         ON a.id = h.account WHERE h.post = p.id AND (h.until_on IS NULL OR h.until_on >= $2) AND \
         NOT EXISTS (SELECT 1 FROM identity_official o WHERE o.account = a.id AND o.state = 'left')) AS held, \
         (SELECT COUNT(*) FROM identity_proposal q WHERE q.post = p.id AND q.state = 'waiting') AS proposed \
         FROM identity_post p WHERE p.organisation = $1 ORDER BY p.id",
        params![organisation, today],
    )?
    .iter()
    .map(|r| {
        let roles: serde_json::Value = r.get("roles")?;
        Ok(PostRow {
            id: r.get("id")?,
            title: r.get("title")?,
            title_en: r.get("title_en")?,
            roles: serde_json::from_value(roles).unwrap_or_default(),
            retired: r.get::<Option<i64>>("retired_at")?.is_some(),
            held: r.get("held")?,
            proposed: r.get("proposed")?,
        })
    })
    .collect()
}

/// (id, title, English title) of every role.
pub(crate) fn roles(tx: &mut Tx<'_>) -> Result<Vec<(String, String, String)>, Fault> {
    tx.query("SELECT id, title, title_en FROM identity_role ORDER BY id", &[])?
        .iter()
        .map(|r| Ok((r.get("id")?, r.get("title")?, r.get("title_en")?)))
        .collect()
}
