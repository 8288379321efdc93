//! SQL of organisations, posts and roles.

use super::Organisation;
use kernel::{Fault, Row, Tx, params};

fn organisation(r: &Row) -> Result<Organisation, Fault> {
    Ok(Organisation {
        id: r.get("id")?,
        name: r.get("name")?,
        name_en: r.get("name_en")?,
        short: r.get("short")?,
        kind: r.get("kind")?,
        parent: r.get("parent")?,
        path: r.get("path")?,
        area_code: r.get("area_code")?,
        credit_code: r.get("credit_code")?,
    })
}

const COLUMNS: &str = "id, name, name_en, short, kind, parent, path, area_code, credit_code";

pub(crate) fn put(tx: &mut Tx<'_>, o: &Organisation) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_organisation(id, name, name_en, short, kind, parent, path, area_code, credit_code, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1) ON CONFLICT (id) DO UPDATE SET name = $2, name_en = $3, \
         short = $4, kind = $5, parent = $6, path = $7, area_code = $8, credit_code = $9",
        params![
            o.id.clone(),
            o.name.clone(),
            o.name_en.clone(),
            o.short.clone(),
            o.kind.clone(),
            o.parent.clone(),
            o.path.clone(),
            o.area_code.clone(),
            o.credit_code.clone()
        ],
    )?;
    Ok(())
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Organisation>, Fault> {
    tx.one(
        &format!("SELECT {COLUMNS} FROM identity_organisation WHERE id = $1"),
        params![id],
    )?
    .map(|r| organisation(&r))
    .transpose()
}

pub(crate) fn at(tx: &mut Tx<'_>, path: &str) -> Result<Option<Organisation>, Fault> {
    tx.one(
        &format!("SELECT {COLUMNS} FROM identity_organisation WHERE path = $1"),
        params![path],
    )?
    .map(|r| organisation(&r))
    .transpose()
}

pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Organisation>, Fault> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM identity_organisation WHERE retired_at IS NULL ORDER BY path"),
        &[],
    )?
    .iter()
    .map(organisation)
    .collect()
}

pub(crate) fn put_post(
    tx: &mut Tx<'_>,
    id: &str,
    organisation: &str,
    title: (&str, &str),
    roles: &[String],
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_post(id, organisation, title, title_en, roles) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET organisation = $2, title = $3, title_en = $4, roles = $5",
        params![id, organisation, title.0, title.1, serde_json::json!(roles)],
    )?;
    Ok(())
}

pub(crate) fn put_role(
    tx: &mut Tx<'_>,
    id: &str,
    title: (&str, &str),
    permissions: &[String],
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_role(id, title, title_en, permissions) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET title = $2, title_en = $3, permissions = $4",
        params![id, title.0, title.1, serde_json::json!(permissions)],
    )?;
    Ok(())
}

/// Title and English title of a role.
pub(crate) fn role_title(tx: &mut Tx<'_>, role: &str) -> Result<Option<(String, String)>, Fault> {
    tx.one(
        "SELECT title, title_en FROM identity_role WHERE id = $1",
        params![role],
    )?
    .map(|r| Ok((r.get("title")?, r.get("title_en")?)))
    .transpose()
}

/// (role, permissions) of every role.
pub(crate) fn roles(tx: &mut Tx<'_>) -> Result<Vec<(String, Vec<String>)>, Fault> {
    tx.query("SELECT id, permissions FROM identity_role ORDER BY id", &[])?
        .iter()
        .map(|r| {
            let list: serde_json::Value = r.get("permissions")?;
            Ok((r.get("id")?, serde_json::from_value(list).unwrap_or_default()))
        })
        .collect()
}

/// (id, title, organisation's name, its path) of every post in force, in the order of the organisation tree.
pub(crate) fn posts(tx: &mut Tx<'_>) -> Result<Vec<[String; 4]>, Fault> {
    let rows = tx.query(
        "SELECT p.id, p.title, o.name, o.path FROM identity_post p JOIN identity_organisation o ON o.id = p.organisation \
         WHERE p.retired_at IS NULL AND o.retired_at IS NULL ORDER BY o.path, p.id",
        &[],
    )?;
    rows.iter()
        .map(|r| Ok([r.get("id")?, r.get("title")?, r.get("name")?, r.get("path")?]))
        .collect()
}

/// Title, English title and the organisation's short name of the first post that an account holds on a day, or else ever held.
pub(crate) fn first_post(tx: &mut Tx<'_>, account: &str, on: &str) -> Result<Option<[String; 3]>, Fault> {
    let row = tx.one(
        "SELECT p.title, p.title_en, o.short FROM identity_holding h JOIN identity_post p ON p.id = h.post \
         JOIN identity_organisation o ON o.id = p.organisation WHERE h.account = $1 \
         ORDER BY CASE WHEN h.from_on <= $2 AND (h.until_on IS NULL OR h.until_on >= $2) THEN 0 ELSE 1 END, p.id LIMIT 1",
        params![account, on],
    )?;
    row.map(|r| Ok([r.get("title")?, r.get("title_en")?, r.get("short")?]))
        .transpose()
}

/// The area of the post's organisation.
pub(crate) fn area_of_post(tx: &mut Tx<'_>, post: &str) -> Result<String, Fault> {
    let area: Option<String> = tx.scalar(
        "SELECT o.area_code FROM identity_post p JOIN identity_organisation o ON o.id = p.organisation WHERE p.id = $1",
        params![post],
    )?;
    Ok(area.unwrap_or_default())
}

/// Gives an account a post from a day on; returns the row's id.
pub(crate) fn hold(tx: &mut Tx<'_>, post: &str, account: kernel::Uuid, from: &str) -> Result<String, Fault> {
    let id = format!("{post}:{account}:{from}");
    tx.execute(
        "INSERT INTO identity_holding(id, post, account, from_on) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
        params![id.as_str(), post, account, from],
    )?;
    Ok(id)
}

/// (post, organisation, path, area, roles)
pub(crate) type Held = (String, String, String, String, Vec<String>);

/// The posts an account holds on a day.
pub(crate) fn posts_of(tx: &mut Tx<'_>, account: kernel::Uuid, on: &str) -> Result<Vec<Held>, Fault> {
    tx.query(
        "SELECT p.id, p.organisation, o.path, o.area_code, p.roles FROM identity_holding h \
         JOIN identity_post p ON p.id = h.post JOIN identity_organisation o ON o.id = p.organisation \
         WHERE h.account = $1 AND h.from_on <= $2 AND (h.until_on IS NULL OR h.until_on >= $2) \
         AND NOT EXISTS (SELECT 1 FROM identity_pause x WHERE x.holding = h.id) \
         AND p.retired_at IS NULL ORDER BY p.id",
        params![account, on],
    )?
    .iter()
    .map(|r| {
        let roles: serde_json::Value = r.get("roles")?;
        Ok((
            r.get("id")?,
            r.get("organisation")?,
            r.get("path")?,
            r.get("area_code")?,
            serde_json::from_value(roles).unwrap_or_default(),
        ))
    })
    .collect()
}

/// Accounts that hold a post on a day, in the order of the organisation tree.
pub(crate) fn in_office(tx: &mut Tx<'_>, on: &str) -> Result<Vec<kernel::Uuid>, Fault> {
    let rows = tx.query(
        "SELECT h.account, MIN(o.path) AS path FROM identity_holding h JOIN identity_post p ON p.id = h.post \
         JOIN identity_organisation o ON o.id = p.organisation JOIN identity_account a ON a.id = h.account \
         WHERE h.from_on <= $1 AND (h.until_on IS NULL OR h.until_on >= $1) AND p.retired_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM identity_pause x WHERE x.holding = h.id) GROUP BY h.account ORDER BY 2, 1",
        params![on],
    )?;
    rows.iter().map(|r| r.get("account")).collect()
}

/// Subjects of those who hold a role for an organisation and area on a day: a post reaches its own subtree.
pub(crate) fn holders(
    tx: &mut Tx<'_>,
    role: &str,
    org_path: &str,
    area_code: &str,
    on: &str,
) -> Result<Vec<String>, Fault> {
    let rows = tx.query(
        "SELECT a.subject, p.roles, o.path, o.area_code FROM identity_holding h JOIN identity_post p ON p.id = h.post \
         JOIN identity_organisation o ON o.id = p.organisation JOIN identity_account a ON a.id = h.account \
         WHERE h.from_on <= $1 AND (h.until_on IS NULL OR h.until_on >= $1) AND p.retired_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM identity_pause x WHERE x.holding = h.id) AND a.retired_at IS NULL AND p.roles LIKE $2 ORDER BY a.subject",
        params![on, format!("%\"{role}\"%")],
    )?;
    let mut found = Vec::new();
    for r in rows {
        let area: String = r.get("area_code")?;
        let within = org_path.starts_with(&r.get::<String>("path")?)
            && area_code.starts_with(&crate::account::area_prefix(&area));
        let subject: String = r.get("subject")?;
        if within && !found.contains(&subject) {
            found.push(subject);
        }
    }
    Ok(found)
}
