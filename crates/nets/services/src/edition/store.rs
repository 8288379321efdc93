//! SQL of editions and retirements.

use super::model::{Content, Edition};
use kernel::{Fault, Refusal, Result, Row, Tx, params};

const COLUMNS: &str = "id, matter, base_version, state, origin, organisation, sheet, form, process, decision, stories, note, \
    authors, reviewer, opinion, published_version, version, created_at, updated_at, submitted_at, closed_at";

fn edition(r: &Row) -> Result<Edition> {
    Ok(Edition {
        id: r.get("id")?,
        matter: r.get("matter")?,
        base_version: r.get("base_version")?,
        state: r.get("state")?,
        origin: r.get("origin")?,
        organisation: r.get("organisation")?,
        content: Content {
            sheet: serde_json::from_str(&r.get::<String>("sheet")?)?,
            parts: [
                r.get("form")?,
                r.get("process")?,
                r.get("decision")?,
                r.get("stories")?,
            ],
        },
        note: r.get("note")?,
        authors: serde_json::from_str(&r.get::<String>("authors")?)?,
        reviewer: r.get("reviewer")?,
        opinion: r.get("opinion")?,
        published_version: r.get("published_version")?,
        version: r.get("version")?,
        created_at: r.get("created_at")?,
        updated_at: r.get("updated_at")?,
        submitted_at: r.get("submitted_at")?,
        closed_at: r.get("closed_at")?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, e: &Edition) -> Result<()> {
    let [form, process, decision, stories] = &e.content.parts;
    tx.execute(
        "INSERT INTO services_edition(id, matter, open_for, base_version, state, origin, organisation, title, sheet, form, \
         process, decision, stories, note, authors, version, created_at, updated_at) \
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $15, $15)",
        params![
            e.id.as_str(),
            e.matter.as_str(),
            e.base_version,
            e.state.as_str(),
            e.origin.as_str(),
            e.organisation.as_str(),
            e.content.text("title"),
            serde_json::to_string(&e.content.sheet)?,
            form.as_str(),
            process.as_str(),
            decision.as_str(),
            stories.as_str(),
            e.note.as_str(),
            serde_json::to_string(&e.authors)?,
            e.created_at
        ],
    )?;
    Ok(())
}

/// Saves all of it if nobody else did meanwhile.
pub(crate) fn save(tx: &mut Tx<'_>, e: &Edition, open: bool) -> Result<()> {
    let [form, process, decision, stories] = &e.content.parts;
    let n = tx.execute(
        "UPDATE services_edition SET open_for = $3, base_version = $4, state = $5, organisation = $6, title = $7, sheet = $8, \
         form = $9, process = $10, decision = $11, stories = $12, note = $13, authors = $14, reviewer = $15, opinion = $16, \
         published_version = $17, updated_at = $18, submitted_at = $19, closed_at = $20, version = version + 1 \
         WHERE id = $1 AND version = $2",
        params![
            e.id.as_str(),
            e.version,
            open.then(|| e.matter.clone()),
            e.base_version,
            e.state.as_str(),
            e.organisation.as_str(),
            e.content.text("title"),
            serde_json::to_string(&e.content.sheet)?,
            form.as_str(),
            process.as_str(),
            decision.as_str(),
            stories.as_str(),
            e.note.as_str(),
            serde_json::to_string(&e.authors)?,
            e.reviewer.clone(),
            e.opinion.clone(),
            e.published_version,
            e.updated_at,
            e.submitted_at,
            e.closed_at
        ],
    )?;
    if n == 0 {
        return Err(Refusal::stale().into());
    }
    Ok(())
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Edition>> {
    let sql = format!("SELECT {COLUMNS} FROM services_edition WHERE id = $1");
    tx.one(&sql, params![id])?.map(|r| edition(&r)).transpose()
}

pub(crate) fn open_for(tx: &mut Tx<'_>, matter: &str) -> Result<Option<Edition>> {
    let sql = format!("SELECT {COLUMNS} FROM services_edition WHERE open_for = $1");
    tx.one(&sql, params![matter])?.map(|r| edition(&r)).transpose()
}

/// All editions of a matter, newest first.
pub(crate) fn of_matter(tx: &mut Tx<'_>, matter: &str) -> Result<Vec<Edition>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM services_edition WHERE matter = $1 ORDER BY created_at DESC, id DESC LIMIT 100"
    );
    tx.query(&sql, params![matter])?.iter().map(edition).collect()
}

/// One line of the stewards' list.
pub(crate) struct Listed {
    pub id: String,
    pub code: String,
    pub title: String,
    pub title_en: String,
    pub organisation: String,
    /// 0 for a matter that was never published.
    pub version: i64,
    pub retired: bool,
    pub changed_at: i64,
    /// (edition, state) of the open edition.
    pub open: Option<(String, String)>,
    /// Its version in force was written here.
    pub edited: bool,
}

/// Every matter, published or not, by organisation and id.
pub(crate) fn list(tx: &mut Tx<'_>) -> Result<Vec<Listed>, Fault> {
    let rows = tx.query(
        "SELECT m.id, m.code, m.title, m.title_en, m.organisation, m.version, m.retired_at, v.created_at, \
         e.id AS edition, e.state, e.updated_at, p.id AS published FROM services_matter m \
         JOIN services_version v ON v.matter = m.id AND v.version = m.version \
         LEFT JOIN services_edition e ON e.open_for = m.id \
         LEFT JOIN services_edition p ON p.matter = m.id AND p.published_version = m.version \
         ORDER BY m.organisation, m.id",
        &[],
    )?;
    let mut out = Vec::new();
    for r in &rows {
        let open: Option<String> = r.get("edition")?;
        let state: Option<String> = r.get("state")?;
        let updated: Option<i64> = r.get("updated_at")?;
        out.push(Listed {
            id: r.get("id")?,
            code: r.get("code")?,
            title: r.get("title")?,
            title_en: r.get("title_en")?,
            organisation: r.get("organisation")?,
            version: r.get("version")?,
            retired: r.get::<Option<i64>>("retired_at")?.is_some(),
            changed_at: updated.unwrap_or(r.get("created_at")?),
            open: open.zip(state),
            edited: r.get::<Option<String>>("published")?.is_some(),
        });
    }
    let rows = tx.query(
        "SELECT e.id, e.matter, e.title, e.organisation, e.state, e.sheet, e.updated_at FROM services_edition e \
         LEFT JOIN services_matter m ON m.id = e.matter WHERE e.open_for IS NOT NULL AND m.id IS NULL ORDER BY e.matter",
        &[],
    )?;
    for r in &rows {
        let sheet: serde_json::Value = serde_json::from_str(&r.get::<String>("sheet")?)
            .map_err(|e| Fault::of("sheet of an edition", e))?;
        let text = |name: &str| sheet[name].as_str().unwrap_or_default().to_string();
        out.push(Listed {
            id: r.get("matter")?,
            code: text("code"),
            title: r.get("title")?,
            title_en: text("title_en"),
            organisation: r.get("organisation")?,
            version: 0,
            retired: false,
            changed_at: r.get("updated_at")?,
            open: Some((r.get("id")?, r.get("state")?)),
            edited: true,
        });
    }
    Ok(out)
}

/// (version in force, retired) of a matter.
pub(crate) fn head(tx: &mut Tx<'_>, matter: &str) -> Result<Option<(i64, bool)>, Fault> {
    tx.one(
        "SELECT version, retired_at FROM services_matter WHERE id = $1",
        params![matter],
    )?
    .map(|r| Ok((r.get("version")?, r.get::<Option<i64>>("retired_at")?.is_some())))
    .transpose()
}

/// The content of one version.
pub(crate) fn version(tx: &mut Tx<'_>, matter: &str, version: i64) -> Result<Option<Content>> {
    let row = tx.one(
        "SELECT v.body, v.form, v.process, v.decision, s.body AS stories FROM services_version v \
         LEFT JOIN services_story s ON s.id = v.id WHERE v.matter = $1 AND v.version = $2",
        params![matter, version],
    )?;
    let Some(r) = row else { return Ok(None) };
    // Through the type, so that elements of a newer program have their defaults.
    let sheet: crate::matter::model::Sheet = serde_json::from_str(&r.get::<String>("body")?)?;
    Ok(Some(Content::of(&crate::matter::model::Parts {
        sheet,
        form: r.get("form")?,
        process: r.get("process")?,
        decision: r.get("decision")?,
        stories: r.get::<Option<String>>("stories")?.unwrap_or_default(),
    })))
}

/// (version, when) of every version, newest first.
pub(crate) fn versions(tx: &mut Tx<'_>, matter: &str) -> Result<Vec<(i64, i64)>, Fault> {
    tx.query(
        "SELECT version, created_at FROM services_version WHERE matter = $1 ORDER BY version DESC",
        params![matter],
    )?
    .iter()
    .map(|r| Ok((r.get("version")?, r.get("created_at")?)))
    .collect()
}

/// (id, version in force, retired) of every matter.
pub(crate) fn heads(tx: &mut Tx<'_>) -> Result<Vec<(String, i64, bool)>, Fault> {
    tx.query(
        "SELECT id, version, retired_at FROM services_matter ORDER BY id",
        &[],
    )?
    .iter()
    .map(|r| {
        Ok((
            r.get("id")?,
            r.get("version")?,
            r.get::<Option<i64>>("retired_at")?.is_some(),
        ))
    })
    .collect()
}

/// Another matter, published or drafted, with this code.
pub(crate) fn code_taken(tx: &mut Tx<'_>, code: &str, matter: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT id FROM services_matter WHERE code = $1 AND id <> $2 AND retired_at IS NULL ORDER BY id LIMIT 1",
        params![code, matter],
    )
}

/// Moves the matter from one version to the next; false when another publication came first.
pub(crate) fn advance(tx: &mut Tx<'_>, matter: &str, from: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE services_matter SET version = $2 + 1 WHERE id = $1 AND version = $2",
        params![matter, from],
    )?;
    Ok(n == 1)
}

pub(crate) fn set_retired(tx: &mut Tx<'_>, matter: &str, at: Option<i64>) -> Result<bool, Fault> {
    let sql = match at {
        Some(_) => "UPDATE services_matter SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL",
        None => "UPDATE services_matter SET retired_at = $2 WHERE id = $1 AND retired_at IS NOT NULL",
    };
    Ok(tx.execute(sql, params![matter, at])? == 1)
}

pub(crate) fn open_retirement(
    tx: &mut Tx<'_>,
    id: &str,
    matter: &str,
    reason: &str,
    actor: &str,
    at: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO services_retirement(id, matter, reason, actor, at) VALUES ($1, $2, $3, $4, $5)",
        params![id, matter, reason, actor, at],
    )?;
    Ok(())
}

/// Ends the open retirement; its id.
pub(crate) fn close_retirement(
    tx: &mut Tx<'_>,
    matter: &str,
    actor: &str,
    at: i64,
) -> Result<Option<String>, Fault> {
    let id: Option<String> = tx.scalar(
        "SELECT id FROM services_retirement WHERE matter = $1 AND ended_at IS NULL ORDER BY at DESC, id DESC LIMIT 1",
        params![matter],
    )?;
    if let Some(id) = &id {
        tx.execute(
            "UPDATE services_retirement SET ended_by = $2, ended_at = $3 WHERE id = $1",
            params![id.as_str(), actor, at],
        )?;
    }
    Ok(id)
}

/// (reason, actor, at, ended by, ended at), newest first.
pub(crate) type Retirement = (String, String, i64, Option<String>, Option<i64>);

pub(crate) fn retirements(tx: &mut Tx<'_>, matter: &str) -> Result<Vec<Retirement>, Fault> {
    tx.query(
        "SELECT reason, actor, at, ended_by, ended_at FROM services_retirement WHERE matter = $1 ORDER BY at DESC, id DESC",
        params![matter],
    )?
    .iter()
    .map(|r| {
        Ok((
            r.get("reason")?,
            r.get("actor")?,
            r.get("at")?,
            r.get("ended_by")?,
            r.get("ended_at")?,
        ))
    })
    .collect()
}
