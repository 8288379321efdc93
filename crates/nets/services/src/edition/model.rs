//! An edition, its states, and the comparison of two contents.

use super::fields::{self, FIELDS, Map_};
use crate::matter::model::{Parts, Sheet};
use kernel::living::{Body, RETIRED};
use serde_json::{Value as Json, json};

pub(crate) mod state {
    pub(crate) const DRAFT: &str = "draft";
    pub(crate) const REVIEW: &str = "review";
    pub(crate) const RETURNED: &str = "returned";
    pub(crate) const PUBLISHED: &str = "published";
    pub(crate) const DISCARDED: &str = "discarded";
}

/// The group of the sheet whose elements are units of their own.
const GROUP: &str = "elements";

/// The texts beside the sheet, by file name.
pub(crate) const PARTS: [&str; 4] = ["form.json", "process.bpmn", "decision.dmn", "stories.toml"];

/// The largest text of a part in bytes.
pub(crate) const PART_MAX: usize = 400_000;

/// A matter's content while it is worked on: the sheet may be incomplete, a text may be wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub sheet: Map_,
    /// In the order of [`PARTS`].
    pub parts: [String; 4],
}

impl Content {
    pub(crate) fn of(p: &Parts) -> Content {
        let sheet = match serde_json::to_value(&p.sheet) {
            Ok(Json::Object(sheet)) => sheet,
            _ => Map_::new(),
        };
        Content {
            sheet,
            parts: [
                p.form.clone(),
                p.process.clone(),
                p.decision.clone(),
                p.stories.clone(),
            ],
        }
    }
    /// An empty matter of this id.
    pub(crate) fn blank(id: &str) -> Content {
        let mut sheet = fields::blank();
        sheet.insert("id".into(), id.into());
        Content {
            sheet,
            parts: Default::default(),
        }
    }
    /// The typed form; the error names what does not fit.
    pub(crate) fn typed(&self) -> Result<Parts, serde_json::Error> {
        let sheet: Sheet = serde_json::from_value(Json::Object(self.sheet.clone()))?;
        let [form, process, decision, stories] = self.parts.clone();
        Ok(Parts {
            sheet,
            form,
            process,
            decision,
            stories,
        })
    }
    pub(crate) fn text(&self, name: &str) -> &str {
        self.sheet.get(name).and_then(Json::as_str).unwrap_or_default()
    }
    /// Unit by unit, as packs and merges see it.
    pub(crate) fn body(&self, retired: bool) -> Body {
        let mut body = self.sheet.clone();
        body.remove("id");
        // A group of many elements: two people may well change two of them.
        if let Some(Json::Object(elements)) = body.remove(GROUP) {
            let unit = |(name, v): (String, Json)| (format!("{GROUP}.{name}"), v);
            body.extend(elements.into_iter().map(unit));
        }
        for (name, text) in PARTS.iter().zip(&self.parts) {
            body.insert(name.to_string(), text.clone().into());
        }
        body.insert(RETIRED.into(), retired.into());
        body
    }
    pub(crate) fn of_body(id: &str, body: &Body) -> Content {
        let mut sheet = body.clone();
        sheet.remove(RETIRED);
        let prefix = format!("{GROUP}.");
        for (name, value) in body.iter().filter(|(name, _)| name.starts_with(&prefix)) {
            sheet.remove(name);
            fields::set(&mut sheet, name, value.clone());
        }
        let part = |sheet: &mut Map_, name: &str| match sheet.remove(name) {
            Some(Json::String(text)) => text,
            _ => String::new(),
        };
        let parts = PARTS.map(|name| part(&mut sheet, name));
        sheet.insert("id".into(), id.into());
        Content { sheet, parts }
    }
}

/// One edition as stored.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    pub id: String,
    pub matter: String,
    /// The version it began from; 0 for a new matter.
    pub base_version: i64,
    pub state: String,
    /// `form`, `import:<id>` or `version:<n>`.
    pub origin: String,
    pub organisation: String,
    pub content: Content,
    /// What changed and why, in the author's words.
    pub note: String,
    /// Everybody who saved it; none of them may publish it.
    pub authors: Vec<String>,
    pub reviewer: Option<String>,
    pub opinion: Option<String>,
    pub published_version: Option<i64>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub submitted_at: Option<i64>,
    pub closed_at: Option<i64>,
}

impl Edition {
    pub(crate) fn editable(&self) -> bool {
        matches!(self.state.as_str(), state::DRAFT | state::RETURNED)
    }
    pub(crate) fn open(&self) -> bool {
        self.editable() || self.state == state::REVIEW
    }
}

/// One unit in which two contents differ.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub unit: String,
    /// `added`, `removed` or `changed`.
    pub what: &'static str,
    pub old: String,
    pub new: String,
}

/// The unit's value as people read it.
pub(crate) fn shown(unit: &str, value: &Json, english: bool) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) if PARTS.contains(&unit) => text.clone(),
        Json::Bool(yes) if unit == RETIRED => match (yes, english) {
            (true, false) => "停用".into(),
            (false, false) => "在用".into(),
            (true, true) => "retired".into(),
            (false, true) => "in force".into(),
        },
        // A group such as the fee: its elements, a line each.
        Json::Object(_) => {
            let prefix = format!("{unit}.");
            let inner = FIELDS.iter().filter(|f| f.name.starts_with(&prefix));
            let line = |f: &fields::Field| {
                let v = &value[&f.name[prefix.len()..]];
                format!("{}：{}", f.label(english), fields::show(f, v, english))
            };
            inner.map(line).collect::<Vec<_>>().join("\n")
        }
        v => match fields::find(unit) {
            Some((f, None)) => fields::show(f, v, english),
            _ => v.as_str().map_or_else(|| v.to_string(), String::from),
        },
    }
}

/// The unit's name as people know it.
pub(crate) fn unit_name(unit: &str, english: bool) -> String {
    let own = |zh: &str, en: &str| if english { en } else { zh }.to_string();
    match unit {
        "fee" => own("收费", "Fee"),
        "result" => own("审批结果", "Result"),
        RETIRED => own("是否停用", "Retired"),
        "form.json" => own("申请表单 form.json", "Form (form.json)"),
        "process.bpmn" => own("办理流程图 process.bpmn", "Process (process.bpmn)"),
        "decision.dmn" => own("判定表 decision.dmn", "Decision table (decision.dmn)"),
        "stories.toml" => own("演练 stories.toml", "Stories (stories.toml)"),
        other => fields::place(other, english),
    }
}

/// Field by field, in the order of the form; then the texts.
pub(crate) fn changes(old: &Body, new: &Body, english: bool) -> Vec<Change> {
    let mut units: Vec<&String> = old.keys().chain(new.keys()).collect();
    let at = |u: &str| {
        let own = FIELDS
            .iter()
            .position(|f| f.name == u || f.name.starts_with(&format!("{u}.")));
        let part = PARTS.iter().position(|p| *p == u).map(|n| n + FIELDS.len());
        own.or(part).unwrap_or(usize::MAX)
    };
    units.sort_by_key(|u| (at(u), u.to_string()));
    units.dedup();
    let mut out = Vec::new();
    for unit in units {
        let none = Json::Null;
        let (a, b) = (old.get(unit).unwrap_or(&none), new.get(unit).unwrap_or(&none));
        if a == b {
            continue;
        }
        let (old, new) = (shown(unit, a, english), shown(unit, b, english));
        let what = match (old.is_empty(), new.is_empty()) {
            (true, true) => continue,
            (true, false) => "added",
            (false, true) => "removed",
            _ => "changed",
        };
        out.push(Change {
            unit: unit.clone(),
            what,
            old,
            new,
        });
    }
    out
}

/// The lines in which two texts differ, with two lines around: `kind` is `same`, `del`, `add` or `gap`.
pub(crate) fn line_diff(old: &str, new: &str) -> Vec<Json> {
    let diff = similar::TextDiff::from_lines(old, new);
    let mut out = Vec::new();
    for (n, group) in diff.grouped_ops(2).iter().enumerate() {
        if n > 0 {
            out.push(json!({ "kind": "gap", "old": null, "new": null, "text": "" }));
        }
        for op in group {
            for c in diff.iter_changes(op) {
                let kind = match c.tag() {
                    similar::ChangeTag::Equal => "same",
                    similar::ChangeTag::Delete => "del",
                    similar::ChangeTag::Insert => "add",
                };
                out.push(json!({ "kind": kind, "old": c.old_index().map(|n| n + 1), "new": c.new_index().map(|n| n + 1),
                    "text": c.value().trim_end_matches(['\n', '\r']) }));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(v: Json) -> Body {
        v.as_object().unwrap().clone()
    }

    #[test]
    fn changes_are_named_field_by_field_in_the_order_of_the_form() {
        let old = body(
            json!({ "title": "旧", "words": [], "legal_days": 20, "form.json": "a\nb", "retired": false,
            "fee": { "amount": 0, "note": "", "note_en": "" } }),
        );
        let new = body(
            json!({ "title": "新", "words": ["占道"], "legal_days": 20, "form.json": "a\nc", "retired": false,
            "fee": { "amount": 100, "note": "", "note_en": "" } }),
        );
        let all = changes(&old, &new, false);
        let units: Vec<(&str, &str)> = all.iter().map(|c| (c.unit.as_str(), c.what)).collect();
        let want = [
            ("title", "changed"),
            ("words", "added"),
            ("fee", "changed"),
            ("form.json", "changed"),
        ];
        assert_eq!(units, want);
        assert!(all[2].new.contains("1.00"));
        assert!(changes(&old, &old, true).is_empty());
    }

    #[test]
    fn lines_are_compared_with_their_surroundings() {
        let old: String = (1..=30).map(|n| format!("{n}\n")).collect();
        let new = old.replace("5\n6\n", "5\nsix\n").replace("25\n", "");
        let lines = line_diff(&old, &new);
        let kinds: Vec<&str> = lines.iter().map(|l| l["kind"].as_str().unwrap()).collect();
        let want = [
            "same", "same", "del", "add", "same", "same", "gap", "same", "same", "del", "same", "same",
        ];
        assert_eq!(kinds, want);
        assert_eq!(lines[2]["old"], 6);
    }

    #[test]
    fn a_body_and_a_content_are_the_same_thing() {
        let mut c = Content::blank("x");
        c.parts[1] = "<xml/>".into();
        assert_eq!(Content::of_body("x", &c.body(true)), c);
    }
}
