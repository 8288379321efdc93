//! SQL of matters.

use super::model::Parts;
use kernel::{Fault, Result, Tx, params};
use serde_json::Value as Json;

/// The key of one version's row.
pub(crate) fn version_id(matter: &str, version: i64) -> String {
    format!("{matter}@{version}")
}

pub(crate) fn put(tx: &mut Tx<'_>, p: &Parts, version: i64, at: i64) -> Result<()> {
    let s = &p.sheet;
    tx.execute(
        "INSERT INTO services_version(matter, version, body, form, process, decision, created_at, id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (matter, version) DO UPDATE SET body = $3, form = $4, \
         process = $5, decision = $6",
        params![
            s.id.as_str(),
            version,
            serde_json::to_string(s)?,
            p.form.as_str(),
            p.process.as_str(),
            p.decision.as_str(),
            at,
            version_id(&s.id, version)
        ],
    )?;
    tx.execute(
        "INSERT INTO services_story(id, body) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = $2",
        params![version_id(&s.id, version), p.stories.as_str()],
    )?;
    tx.execute(
        "INSERT INTO services_matter(id, version, code, title, title_en, organisation, online, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET version = $2, code = $3, title = $4, \
         title_en = $5, organisation = $6, online = $7",
        params![
            s.id.as_str(),
            version,
            s.code.as_str(),
            s.title.as_str(),
            s.title_en.as_str(),
            s.organisation.as_str(),
            s.online.as_str(),
            at
        ],
    )?;
    Ok(())
}

/// Every version: (version, retired, parts without the stories, which only publication plays).
pub(crate) fn versions(tx: &mut Tx<'_>) -> Result<Vec<(i64, bool, Parts)>> {
    tx.query(
        "SELECT v.version, v.body, v.form, v.process, v.decision, m.retired_at FROM services_version v \
         JOIN services_matter m ON m.id = v.matter ORDER BY v.matter, v.version",
        &[],
    )?
    .iter()
    .map(|r| {
        let parts = Parts {
            sheet: serde_json::from_str(&r.get::<String>("body")?)?,
            form: r.get("form")?,
            process: r.get("process")?,
            decision: r.get("decision")?,
            stories: String::new(),
        };
        Ok((
            r.get("version")?,
            r.get::<Option<i64>>("retired_at")?.is_some(),
            parts,
        ))
    })
    .collect()
}

/// (sheet, form text) of every matter in force, by title.
pub(crate) fn current(tx: &mut Tx<'_>) -> Result<Vec<(super::model::Sheet, String)>> {
    tx.query(
        "SELECT v.body, v.form FROM services_matter m JOIN services_version v ON v.matter = m.id AND v.version = m.version \
         WHERE m.retired_at IS NULL ORDER BY m.organisation, m.id",
        &[],
    )?
    .iter()
    .map(|r| Ok((serde_json::from_str(&r.get::<String>("body")?)?, r.get("form")?)))
    .collect()
}

/// Marks a matter as proven by its first finished online case; true when it was not before.
pub(crate) fn prove(tx: &mut Tx<'_>, matter: &str, case: &str, at: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE services_matter SET proven_case = $2, proven_at = $3 WHERE id = $1 AND online = 'full' AND proven_case IS NULL",
        params![matter, case, at],
    )?;
    Ok(n == 1)
}

/// How many cases of each matter were handed in, for "often used".
pub(crate) fn counts(tx: &mut Tx<'_>) -> Result<Json, Fault> {
    let rows = tx.query(
        "SELECT matter, COUNT(*) AS n FROM pub_cases_case GROUP BY matter",
        &[],
    )?;
    rows.iter()
        .map(|r| Ok((r.get::<String>("matter")?, Json::from(r.get::<i64>("n")?))))
        .collect::<Result<serde_json::Map<_, _>, Fault>>()
        .map(Json::Object)
}
