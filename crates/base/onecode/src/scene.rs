//! Scenes (场景): where a code is read, by whom, and what its reader is told. `scenes.toml` of the pack.

use kernel::Ctx;
use kernel::pack::{Pack, PackError};
use serde::Deserialize;
use std::collections::BTreeSet;

pub(crate) const FILE: &str = "scenes.toml";

/// Data elements that a scene may name; each has a text `onecode-element-<name>`.
pub(crate) const ELEMENTS: [&str; 11] = [
    "name",
    "masked_name",
    "citizen_number",
    "masked_number",
    "phone_number",
    "age_group",
    "real_name_level",
    "firm_name",
    "firm_credit_code",
    "agent_name",
    "certificates",
];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenes {
    #[serde(default)]
    pub scene: Vec<Scene>,
}

/// One scene.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scene {
    pub id: String,
    pub title: String,
    pub title_en: String,
    /// What the holder reads about it.
    pub lead: String,
    pub lead_en: String,
    /// `person`, `firm`.
    pub shown_by: Vec<String>,
    /// Roles whose holders may read here.
    pub roles: Vec<String>,
    pub elements: Vec<String>,
    /// Whether a holder may close it to themselves.
    pub blockable: bool,
    /// The least real-name level of the holder.
    #[serde(default)]
    pub level: u8,
}

impl Scene {
    pub(crate) fn title<'s>(&'s self, cx: &Ctx) -> &'s str {
        cx.locale.pick(&self.title, &self.title_en)
    }
    /// Whether somebody may read in this scene.
    pub(crate) fn read_by(&self, cx: &Ctx) -> bool {
        cx.actor.grants.iter().any(|g| self.roles.contains(&g.role))
    }
}

impl Scenes {
    pub(crate) fn read(pack: &Pack) -> Result<Scenes, PackError> {
        match pack.file(FILE) {
            Some(_) => pack.toml(FILE),
            None => Ok(Scenes::default()),
        }
    }
    pub(crate) fn get(&self, id: &str) -> Option<&Scene> {
        self.scene.iter().find(|s| s.id == id)
    }
}

/// Every mistake: unreadable, twice the same id, unknown kinds or elements.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let scenes = match Scenes::read(pack) {
        Ok(scenes) => scenes,
        Err(e) => return vec![e.to_string()],
    };
    let text = pack.text(FILE).unwrap_or_default();
    let line = |word: &str| {
        let needle = format!("\"{word}\"");
        text.lines()
            .position(|l| l.contains(&needle))
            .map_or(1, |n| n + 1)
    };
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for s in &scenes.scene {
        let mut say =
            |word: &str, message: String| wrong.push(pack.wrong(FILE, line(word), message).to_string());
        if !seen.insert(&s.id) {
            say(&s.id, format!("the scene {} stands twice", s.id));
        }
        for e in s.elements.iter().filter(|e| !ELEMENTS.contains(&e.as_str())) {
            say(
                e,
                format!("the scene {} names {e}; there are {}", s.id, ELEMENTS.join(", ")),
            );
        }
        for k in s.shown_by.iter().filter(|k| crate::format::Kind::of(k).is_none()) {
            say(
                k,
                format!("the scene {} is for {k}; there are person and firm", s.id),
            );
        }
        if s.shown_by.is_empty() || s.roles.is_empty() || s.elements.is_empty() {
            say(
                &s.id,
                format!("the scene {} needs shown_by, roles and elements", s.id),
            );
        }
    }
    wrong
}
