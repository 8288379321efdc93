//! JSON Schema → [`Form`].

use crate::{Field, Form, Kind, Rule, Section, Text};
use serde_json::Value as Json;

/// Where a form definition is wrong; `path` is a JSON pointer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct FormError {
    pub path: String,
    pub message: String,
}

/// Longest text when the schema names none: a field without any limit invites abuse.
const LONGEST: usize = 2_000;

fn wrong(path: impl Into<String>, message: impl Into<String>) -> FormError {
    FormError {
        path: path.into(),
        message: message.into(),
    }
}

fn text(of: &Json, key: &str) -> Text {
    let get = |k: String| of[k.as_str()].as_str().unwrap_or_default().to_string();
    let en = get(format!("{key}_en"));
    Text {
        zh: get(key.to_string()),
        en: if en.is_empty() {
            get(format!("{key}-en"))
        } else {
            en
        },
    }
}

impl Form {
    /// Reads a form definition: an object schema with `properties`, `required`, `x-sections` and `x-rules`.
    pub fn parse(source: &str) -> Result<Form, FormError> {
        let root: Json = serde_json::from_str(source).map_err(|e| wrong("", e.to_string()))?;
        let properties = root["properties"]
            .as_object()
            .ok_or_else(|| wrong("/properties", "an object is needed"))?;
        let required: Vec<&str> = root["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let mut fields = Vec::new();
        for (name, p) in properties {
            fields.push(field(name, p, required.contains(&name.as_str()))?);
        }
        if let Some(name) = required.iter().find(|n| !properties.contains_key(**n)) {
            return Err(wrong("/required", format!("{name} is no property")));
        }
        let known = |path: &str, list: &Json| -> Result<Vec<String>, FormError> {
            let names: Vec<String> = list
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(String::from)
                .collect();
            match names.iter().find(|n| !properties.contains_key(*n)) {
                Some(n) => Err(wrong(path, format!("{n} is no property"))),
                None => Ok(names),
            }
        };
        let mut sections = Vec::new();
        for (i, s) in root["x-sections"].as_array().into_iter().flatten().enumerate() {
            let fields = known(&format!("/x-sections/{i}/fields"), &s["fields"])?;
            sections.push(Section {
                title: text(s, "title"),
                fields,
            });
        }
        if sections.is_empty() {
            let all = fields.iter().map(|f: &Field| f.name.clone()).collect();
            sections.push(Section {
                title: text(&root, "title"),
                fields: all,
            });
        }
        if let Some(f) = fields
            .iter()
            .find(|f| !sections.iter().any(|s| s.fields.contains(&f.name)))
        {
            return Err(wrong(
                "/x-sections",
                format!("{} stands in no section, so nobody could fill it in", f.name),
            ));
        }
        let mut rules = Vec::new();
        for (i, r) in root["x-rules"].as_array().into_iter().flatten().enumerate() {
            let get = |k: &str| r[k].as_str().unwrap_or_default().to_string();
            if get("if").is_empty() || get("zh").is_empty() {
                return Err(wrong(format!("/x-rules/{i}"), "`if` and `zh` are needed"));
            }
            rules.push(Rule {
                condition: get("if"),
                fields: known(&format!("/x-rules/{i}/fields"), &r["fields"])?,
                message: Text {
                    zh: get("zh"),
                    en: get("en"),
                },
            });
        }
        Ok(Form {
            fields,
            sections,
            rules,
        })
    }
}

fn field(name: &str, p: &Json, required: bool) -> Result<Field, FormError> {
    let path = format!("/properties/{name}");
    let title = text(p, "title");
    if title.zh.is_empty() {
        return Err(wrong(path, "a title is needed"));
    }
    let get = |k: &str| p[k].as_str().map(String::from);
    let format = get("format");
    let kind = match (p["type"].as_str(), p.get("enum"), format.as_deref()) {
        (Some("string"), Some(Json::Array(values)), _) => {
            let labels = &p["x-enum-labels"];
            let choices = values.iter().filter_map(Json::as_str).map(|v| {
                let label = &labels[v];
                let zh = label["zh"].as_str().unwrap_or(v).to_string();
                (
                    v.to_string(),
                    Text {
                        zh,
                        en: label["en"].as_str().unwrap_or_default().to_string(),
                    },
                )
            });
            Kind::Choice(choices.collect())
        }
        (Some("string"), _, Some("date")) => Kind::Date,
        (Some("string"), ..) => Kind::Text {
            min: p["minLength"].as_u64().unwrap_or(0) as usize,
            max: p["maxLength"].as_u64().map_or(LONGEST, |n| n as usize),
        },
        (Some("integer"), ..) => Kind::Integer {
            min: p["minimum"].as_i64(),
            max: p["maximum"].as_i64(),
        },
        (Some("number"), ..) => Kind::Number {
            min: p["minimum"].as_f64(),
            max: p["maximum"].as_f64(),
        },
        (Some("boolean"), ..) => Kind::Boolean {
            must: p["const"] == Json::Bool(true),
        },
        (other, ..) => return Err(wrong(path, format!("type {other:?} is not supported"))),
    };
    let natural = match &kind {
        Kind::Text { max, .. } if *max > 200 => "textarea",
        Kind::Text { .. } => "text",
        Kind::Integer { .. } | Kind::Number { .. } => "number",
        Kind::Date => "date",
        Kind::Boolean { .. } => "checkbox",
        Kind::Choice(all) if all.len() <= 4 => "radio",
        Kind::Choice(_) => "select",
    };
    Ok(Field {
        name: name.to_string(),
        title,
        help: text(p, "x-help"),
        unit: text(p, "x-unit"),
        kind,
        format,
        widget: get("x-widget").unwrap_or_else(|| natural.to_string()),
        element: get("x-element"),
        prefill: get("x-prefill"),
        required,
        readonly: p["x-readonly"] == Json::Bool(true),
    })
}
