//! Whether an edition could be published: its fields, its texts, what they refer to, and its stories played. The texts go
//! through the very check that `yiwang pack check` makes.

use super::fields::{self, Wrong};
use super::model::{Content, PARTS};
use kernel::pack::Pack;
use kernel::{Ctx, Fault, Result, Tx};
use std::sync::Arc;

/// The pack that the city was opened with: roles, elements, certificates that a matter may refer to.
pub(crate) struct CityFiles(pub Pack);

/// What stands in the way of publication.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Finding {
    Field(Wrong),
    /// (file, line or 0, message)
    File(String, usize, String),
}

/// What is wrong with the fields, and with what they refer to in the database.
pub(crate) fn stored(tx: &mut Tx<'_>, content: &Content) -> Result<Vec<Finding>> {
    let mut out: Vec<Finding> = fields::missing(&content.sheet)
        .into_iter()
        .map(Finding::Field)
        .collect();
    out.extend(organisations(tx, content)?.into_iter().map(Finding::Field));
    if let Some(other) = code_taken(tx, content.text("code"), content.text("id"))? {
        out.push(Finding::Field(
            Wrong::new("code", "services-wrong-code-taken").arg("matter", other),
        ));
    }
    Ok(out)
}

/// Everything that is wrong, fields first. It plays the stories, so it belongs into a reading transaction.
pub(crate) fn check(ctx: &Ctx, tx: &mut Tx<'_>, content: &Content) -> Result<Vec<Finding>> {
    let mut out = stored(tx, content)?;
    let id = content.text("id");
    let parts = match content.typed() {
        Ok(parts) => parts,
        Err(e) => {
            // Fields that people see are named above already; this is for what no field shows.
            if out.is_empty() {
                out.push(Finding::File("matter.toml".into(), 0, e.to_string()));
            }
            return Ok(out);
        }
    };
    let empty: Vec<&str> = PARTS
        .iter()
        .zip(&content.parts)
        .filter(|(_, t)| t.trim().is_empty())
        .map(|(n, _)| *n)
        .collect();
    if !empty.is_empty() {
        let missing = |n: &&str| Finding::Field(Wrong::new(*n, "services-wrong-part-missing"));
        out.extend(empty.iter().map(missing));
        return Ok(out);
    }
    let city: Arc<CityFiles> = ctx.service()?;
    let mut files = vec![(
        format!("matters/{id}/matter.toml"),
        toml::to_string(&parts.sheet).map_err(|e| Fault::of("matter.toml", e))?,
    )];
    for (name, text) in PARTS.iter().zip(&content.parts) {
        files.push((format!("matters/{id}/{name}"), text.clone()));
    }
    let pack = city.0.overlaid(|n| !n.starts_with("matters/"), files);
    let prefix = format!("matters/{id}/");
    for text in crate::matter::pack::check(&pack) {
        let text = text.strip_prefix(&prefix).unwrap_or(&text);
        let (file, rest) = text.split_once(':').unwrap_or(("", text));
        let (line, message) = rest.split_once(':').unwrap_or(("0", rest));
        out.push(Finding::File(
            file.to_string(),
            line.trim().parse().unwrap_or(0),
            message.trim().to_string(),
        ));
    }
    Ok(out)
}

/// Organisations that the sheet names and the city does not have.
pub(crate) fn organisations(tx: &mut Tx<'_>, content: &Content) -> Result<Vec<Wrong>> {
    let mut out = Vec::new();
    let lead = content.text("organisation");
    if !lead.is_empty() && identity::api::organisation(tx, lead)?.is_none() {
        out.push(Wrong::new("organisation", "services-wrong-organisation").arg("id", lead));
    }
    let joint = content.sheet.get("joint").and_then(|j| j.as_array());
    for id in joint.into_iter().flatten().filter_map(|j| j.as_str()) {
        if identity::api::organisation(tx, id)?.is_none() {
            out.push(Wrong::new("joint", "services-wrong-organisation").arg("id", id));
        }
    }
    Ok(out)
}

/// Another matter that has this code.
pub(crate) fn code_taken(tx: &mut Tx<'_>, code: &str, id: &str) -> Result<Option<String>, Fault> {
    match code {
        "" => Ok(None),
        code => super::store::code_taken(tx, code, id),
    }
}

/// Ids become addresses and folder names.
pub(crate) fn id_fits(id: &str) -> bool {
    let first = id.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let rest = id
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    // These stand in addresses of the workbench.
    first && rest && id.len() <= 60 && !["new", "editions", "imports", "export"].contains(&id)
}
