//! Certificate types (证照目录) from the city pack: what is printed, who issues, how long it holds.

use crate::certificate::store;
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Fault, Result, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::sync::Arc;

/// `certificate.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub id: String,
    pub title: String,
    #[serde(default)]
    pub title_en: String,
    /// GB/T 36904 type code, 21 characters.
    pub type_code: String,
    /// Organisation that issues; its seal is put on.
    pub issuer: String,
    pub seal: String,
    /// `form.<field>` or `issued`.
    pub valid_from: String,
    /// `form.<field>` or `years:<n>`.
    pub valid_until: String,
    pub fields: Vec<PrintedField>,
}

/// One printed line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintedField {
    pub key: String,
    pub zh: String,
    #[serde(default)]
    pub en: String,
    /// `form.<field>`.
    pub from: String,
}

impl Kind {
    /// The form value behind `form.<field>`.
    pub fn value<'f>(from: &str, form: &'f Json) -> Option<&'f str> {
        from.strip_prefix("form.").and_then(|f| form[f].as_str())
    }

    /// The last valid day, for a first valid day and the form; `None` for no end.
    pub fn until(&self, first: jiff::civil::Date, form: &Json) -> Option<String> {
        if let Some(years) = self
            .valid_until
            .strip_prefix("years:")
            .and_then(|n| n.parse::<i64>().ok())
        {
            let end = first
                .checked_add(jiff::Span::new().years(years))
                .and_then(|d| d.yesterday());
            return end.ok().map(|d| d.to_string());
        }
        Self::value(&self.valid_until, form).map(String::from)
    }
}

fn files(pack: &Pack) -> Vec<String> {
    pack.folders("certificates/")
}

fn read(pack: &Pack, folder: &str) -> Result<(Kind, String), PackError> {
    let file = format!("certificates/{folder}/certificate.toml");
    let kind: Kind = pack.toml(&file)?;
    if kind.id != folder {
        return Err(pack.wrong(&file, 1, format!("id {} differs from the folder's name", kind.id)));
    }
    if codes::certificate_id("1.2.156.3005.2", &kind.type_code, "0", "0").is_none() {
        return Err(pack.wrong(
            &file,
            1,
            "type_code must have 21 digits or capital letters (GB/T 36904)",
        ));
    }
    let template = template(pack, folder);
    Ok((kind, pack.text(&template)?))
}

/// The certificate's own Typst file, else the one that all share.
fn template(pack: &Pack, folder: &str) -> String {
    let own = format!("certificates/{folder}/certificate.typ");
    match pack.file(&own) {
        Some(_) => own,
        None => "certificate.typ".into(),
    }
}

/// The section's loader.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move {
        for folder in files(&pack) {
            let (kind, template) = read(&pack, &folder)?;
            let body = serde_json::to_string(&kind)?;
            ctx.tx("documents.load", |tx| {
                let titles = (kind.title.as_str(), kind.title_en.as_str());
                Ok(store::put_type(tx, &kind.id, titles, &body, &template)?)
            })
            .await?;
        }
        Ok(())
    })
}

/// Everything wrong with the pack's certificates; each template is printed once with sample data.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let mut bad = Vec::new();
    for folder in files(pack) {
        match read(pack, &folder) {
            Err(e) => bad.push(e.to_string()),
            Ok((kind, typst)) => {
                let data = crate::certificate::produce::sample(&kind);
                if let Err(e) = crate::print::proof(&typst, &data, &kind.title) {
                    bad.push(pack.wrong(&template(pack, &folder), 1, e.to_string()).to_string());
                }
            }
        }
    }
    bad
}

/// One type with its template.
pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<(Kind, String)>> {
    let Some((body, template)) = store::type_of(tx, id)? else {
        return Ok(None);
    };
    let kind = serde_json::from_str(&body).map_err(|e| Fault::of("certificate type", e))?;
    Ok(Some((kind, template)))
}
