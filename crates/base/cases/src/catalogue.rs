//! The matters that cases are about, as parsed by `services`. Running cases pin the version they began with.

use decision::Decision;
use documents::api::Law;
use form::Form;
use kernel::{Fault, Refusal};
use process::{Definition, Environment};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// One material to be handed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    pub id: String,
    pub title: String,
    #[serde(default)]
    pub title_en: String,
    #[serde(default)]
    pub required: bool,
    /// Needed only when this condition on the form holds.
    pub when: Option<String>,
    /// File name endings.
    #[serde(default)]
    pub accept: Vec<String>,
    #[serde(default = "ten")]
    pub max_mb: u64,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub note_en: String,
    /// May follow later (容缺受理).
    #[serde(default)]
    pub gap: bool,
    /// May be replaced by the applicant's promise (告知承诺).
    #[serde(default)]
    pub promise: bool,
    /// Where people get it (来源渠道): `self`, `government`, `intermediary`, `other`.
    #[serde(default)]
    pub source: String,
    /// 材料形式: `electronic`, `paper`, `both`.
    #[serde(default = "both")]
    pub form: String,
    /// 原件份数, 复印件份数, when it is handed over on paper.
    #[serde(default = "one")]
    pub originals: u32,
    #[serde(default)]
    pub copies: u32,
}
fn both() -> String {
    "both".into()
}
fn one() -> u32 {
    1
}
fn ten() -> u64 {
    10
}

impl Material {
    pub fn name(&self, english: bool) -> &str {
        if english && !self.title_en.is_empty() {
            &self.title_en
        } else {
            &self.title
        }
    }
}

/// What the runtime must know of a matter (事项).
#[derive(Clone, Debug)]
pub struct Matter {
    pub id: String,
    pub version: i64,
    pub title: String,
    pub title_en: String,
    /// Lead organisation.
    pub organisation: String,
    /// Working days until acceptance or the one correction notice.
    pub acceptance_days: u32,
    /// Promised working days from acceptance to decision.
    pub promised_days: u32,
    pub form: Form,
    pub process: Definition,
    pub decisions: Vec<Decision>,
    pub materials: Vec<Material>,
    /// 行政许可, 行政给付 …: by it papers are named.
    pub kind: String,
    /// What its papers quote.
    pub basis: Vec<Law>,
    pub retired: bool,
}

impl Matter {
    pub fn name(&self, english: bool) -> &str {
        if english && !self.title_en.is_empty() {
            &self.title_en
        } else {
            &self.title
        }
    }
    pub fn material(&self, id: &str) -> Option<&Material> {
        self.materials.iter().find(|m| m.id == id)
    }
    /// Is this material needed for these values?
    pub fn needs(&self, material: &Material, values: &Json) -> bool {
        let applies = material
            .when
            .as_deref()
            .is_none_or(|w| decision::feel::parse(w).is_ok_and(|e| decision::feel::holds(&e, values)));
        material.required && applies
    }
}

impl Environment for Matter {
    fn decide(&self, decision: &str, variables: &Json) -> Result<Json, String> {
        let d = self
            .decisions
            .iter()
            .find(|d| d.id == decision)
            .ok_or_else(|| format!("no decision {decision}"))?;
        d.decide(variables).map(|a| a.values).map_err(|e| e.to_string())
    }
    fn holds(&self, condition: &str, variables: &Json) -> Result<bool, String> {
        let e = decision::feel::parse(condition).map_err(|e| e.to_string())?;
        Ok(decision::feel::holds(&e, variables))
    }
}

/// All matters by id and version; filled by `services` at start and after every publication.
#[derive(Default)]
pub struct Catalogue(RwLock<BTreeMap<(String, i64), Arc<Matter>>>);

impl Catalogue {
    pub fn put(&self, matter: Matter) {
        let key = (matter.id.clone(), matter.version);
        self.0
            .write()
            .unwrap_or_else(|p| p.into_inner())
            .insert(key, Arc::new(matter));
    }
    /// The version a case began with.
    pub fn version(&self, id: &str, version: i64) -> Result<Arc<Matter>, Fault> {
        let map = self.0.read().unwrap_or_else(|p| p.into_inner());
        let found = map.get(&(id.to_string(), version)).cloned();
        found.ok_or_else(|| Fault::new(format!("matter {id} version {version} is not in the catalogue")))
    }
    /// The newest version of every matter that is offered, by id.
    pub fn all(&self) -> Vec<Arc<Matter>> {
        let map = self.0.read().unwrap_or_else(|p| p.into_inner());
        let newest: BTreeMap<&str, &Arc<Matter>> = map.iter().map(|((id, _), m)| (id.as_str(), m)).collect();
        newest.into_values().filter(|m| !m.retired).cloned().collect()
    }
    /// Refuses when the matter is no longer offered; for drafts that were begun before.
    pub fn open(&self, id: &str) -> Result<(), Refusal> {
        match self.current(id) {
            Ok(_) => Ok(()),
            Err(_) => Err(Refusal::new("cases-matter-retired").status(409)),
        }
    }
    /// The newest version, for a new case.
    pub fn current(&self, id: &str) -> Result<Arc<Matter>, Refusal> {
        let map = self.0.read().unwrap_or_else(|p| p.into_inner());
        let last = map
            .range((id.to_string(), 0)..=(id.to_string(), i64::MAX))
            .next_back()
            .map(|(_, m)| m.clone());
        last.filter(|m| !m.retired).ok_or_else(Refusal::not_found)
    }
}
