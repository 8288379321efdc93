//! `matter.toml`: the elements of a guide (GB/T 39554-series), and its parts parsed for the runtime.

use super::elements::Elements;
use cases::{Material, Matter};
use decision::Decision;
use documents::api::Law;
use form::Form;
use process::Definition;
use serde::{Deserialize, Serialize};

/// A sentence in both languages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub zh: String,
    #[serde(default)]
    pub en: String,
}

/// One article that the matter rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    pub law: String,
    #[serde(default)]
    pub law_en: String,
    #[serde(default)]
    pub article: String,
    #[serde(default)]
    pub article_en: String,
    pub zh: String,
    /// What it says, for readers of English; only the Chinese text is law.
    #[serde(default)]
    pub en: String,
}

impl Basis {
    fn law(&self) -> Law {
        Law {
            law: self.law.clone(),
            article: self.article.clone(),
            text: self.zh.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// In fen.
    pub amount: i64,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub note_en: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub name: String,
    #[serde(default)]
    pub name_en: String,
    pub address: String,
    #[serde(default)]
    pub address_en: String,
    pub phone: String,
    pub hours: String,
    #[serde(default)]
    pub hours_en: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    pub kind: String,
    pub certificate: Option<String>,
}

/// The guide of a matter, as the pack and the pages know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    pub id: String,
    pub code: String,
    #[serde(default)]
    pub sample: bool,
    pub title: String,
    #[serde(default)]
    pub title_en: String,
    #[serde(default)]
    pub words: Vec<String>,
    pub organisation: String,
    #[serde(default)]
    pub joint: Vec<String>,
    pub kind: String,
    #[serde(default)]
    pub kind_en: String,
    pub audience: Vec<String>,
    /// `full`, `partial` or `none`: how far it can be done online.
    pub online: String,
    pub acceptance_days: u32,
    pub legal_days: u32,
    pub promised_days: u32,
    pub fee: Fee,
    pub windows: Vec<Window>,
    pub conditions: Vec<Line>,
    pub basis: Vec<Basis>,
    pub steps: Vec<Line>,
    #[serde(default)]
    pub material: Vec<Material>,
    pub result: Outcome,
    /// What the catalogue asks for beyond that; complete before a matter is published.
    #[serde(default)]
    pub elements: Elements,
    #[serde(default)]
    pub sample_note: String,
    #[serde(default)]
    pub sample_note_en: String,
}

/// The files of one version, as text.
#[derive(Clone, Debug)]
pub struct Parts {
    pub sheet: Sheet,
    pub form: String,
    pub process: String,
    pub decision: String,
    pub stories: String,
}

/// Why a part cannot be used: (file, line or 0, message).
pub type Wrong = (&'static str, usize, String);

pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at.min(text.len()))
        .map_or(0, |t| t.matches('\n').count() + 1)
}

impl Parts {
    /// Parses all parts for the runtime.
    pub fn build(&self, version: i64, retired: bool) -> Result<Matter, Vec<Wrong>> {
        let mut bad = Vec::new();
        let form = Form::parse(&self.form)
            .map_err(|e| bad.push(("form.json", 0, e.to_string())))
            .ok();
        let process = Definition::parse(&self.process)
            .map_err(|e| bad.push(("process.bpmn", line_of(&self.process, e.at), e.message)))
            .ok();
        let decisions = Decision::parse(&self.decision)
            .map_err(|e| bad.push(("decision.dmn", line_of(&self.decision, e.at()), e.to_string())))
            .ok();
        if let (Some(p), Some(d)) = (&process, &decisions) {
            let ids: Vec<&str> = d.iter().map(|d| d.id.as_str()).collect();
            bad.extend(p.deploy_check(&ids).into_iter().map(|m| ("process.bpmn", 0, m)));
        }
        if let Some(f) = &form {
            let conditions = f.rules.iter().map(|r| ("form.json", r.condition.as_str()));
            let whens = self
                .sheet
                .material
                .iter()
                .filter_map(|m| m.when.as_deref())
                .map(|w| ("matter.toml", w));
            for (file, condition) in conditions.chain(whens) {
                if let Err(e) = decision::feel::parse(condition) {
                    bad.push((file, 0, e.to_string()));
                }
            }
            for field in f.fields.iter().filter(|x| {
                x.format
                    .as_deref()
                    .is_some_and(|v| !cases::api::FORMATS.contains(&v))
            }) {
                bad.push((
                    "form.json",
                    0,
                    format!("{}: format {:?} is not known", field.name, field.format),
                ));
            }
        }
        if !["full", "partial", "none"].contains(&self.sheet.online.as_str()) {
            bad.push((
                "matter.toml",
                0,
                format!("online = \"{}\": use full, partial or none", self.sheet.online),
            ));
        }
        if self.sheet.promised_days > self.sheet.legal_days {
            bad.push(("matter.toml", 0, "promised_days is longer than legal_days".into()));
        }
        match (form, process, decisions) {
            (Some(form), Some(process), Some(decisions)) if bad.is_empty() => Ok(Matter {
                id: self.sheet.id.clone(),
                version,
                title: self.sheet.title.clone(),
                title_en: self.sheet.title_en.clone(),
                organisation: self.sheet.organisation.clone(),
                acceptance_days: self.sheet.acceptance_days,
                promised_days: self.sheet.promised_days,
                form,
                process,
                decisions,
                materials: self.sheet.material.clone(),
                kind: self.sheet.kind.clone(),
                basis: self.sheet.basis.iter().map(Basis::law).collect(),
                retired,
            }),
            _ => Err(bad),
        }
    }
}
