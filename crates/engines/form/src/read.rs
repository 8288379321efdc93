//! Reading what was posted, and saying what is wrong with it.

use crate::{Checks, Field, Form, Kind, Message, Wrong};
use serde_json::{Map, Value as Json};

fn key(field: &Field, key: &str, args: &[(&str, String)]) -> Wrong {
    let args = args.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    Wrong {
        field: field.name.clone(),
        message: Message::Key {
            key: key.to_string(),
            args,
        },
    }
}

/// A calendar date `YYYY-MM-DD` that exists.
fn is_date(text: &str) -> bool {
    let b = text.as_bytes();
    if b.len() != 10 || b[4] != b'-' || b[7] != b'-' {
        return false;
    }
    let n = |r: std::ops::Range<usize>| text.get(r).and_then(|t| t.parse::<u32>().ok());
    let (Some(y), Some(m), Some(d)) = (n(0..4), n(5..7), n(8..10)) else {
        return false;
    };
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let days = match m {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&d)
}

/// A finite decimal; whole ones without a fraction, as people write them.
fn number(text: &str) -> Option<Json> {
    let n = text.parse::<f64>().ok().filter(|n| n.is_finite())?;
    Some(if n.fract() == 0.0 && n.abs() < 9e15 {
        Json::from(n as i64)
    } else {
        Json::from(n)
    })
}

/// The text without control characters, which come along when something is pasted: no database, no PDF and no reader wants
/// them. Lines and tabs stay.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
        .collect()
}

impl Form {
    /// Values from posted pairs. Unknown names are dropped; text that is no number stays text, so that the person sees
    /// what was typed next to what is wrong with it.
    pub fn read(&self, pairs: &[(String, String)]) -> Map<String, Json> {
        let mut out = Map::new();
        for f in &self.fields {
            let posted = pairs
                .iter()
                .rev()
                .find(|(n, _)| *n == f.name)
                .map(|(_, v)| visible(v));
            let value = match (&f.kind, posted.as_deref().map(str::trim)) {
                (Kind::Boolean { .. }, v) => Json::Bool(v.is_some_and(|v| !matches!(v, "" | "false" | "0"))),
                (_, None | Some("")) => continue,
                (Kind::Integer { .. }, Some(v)) => v.parse::<i64>().map_or_else(|_| v.into(), Json::from),
                (Kind::Number { .. }, Some(v)) => number(v).unwrap_or_else(|| v.into()),
                (_, Some(v)) => v.into(),
            };
            out.insert(f.name.clone(), value);
        }
        out
    }

    /// Everything wrong with the values; empty when they may be submitted.
    pub fn validate(&self, values: &Map<String, Json>, checks: &Checks<'_>) -> Vec<Wrong> {
        let mut out = Vec::new();
        for f in &self.fields {
            match values.get(&f.name) {
                None | Some(Json::Null) if f.required => out.push(key(f, "form-required", &[])),
                None | Some(Json::Null) => {}
                Some(v) => out.extend(f.check(v, checks)),
            }
        }
        let all = Json::Object(values.clone());
        for rule in &self.rules {
            // A rule about a missing or already refused field would only repeat what was said.
            if rule
                .fields
                .iter()
                .any(|n| out.iter().any(|w| w.field == *n) || !values.contains_key(n))
            {
                continue;
            }
            if !(checks.holds)(&rule.condition, &all).unwrap_or(false) {
                let field = rule.fields.last().cloned().unwrap_or_default();
                out.push(Wrong {
                    field,
                    message: Message::Text(rule.message.clone()),
                });
            }
        }
        out
    }
}

impl Field {
    fn check(&self, value: &Json, checks: &Checks<'_>) -> Option<Wrong> {
        match (&self.kind, value) {
            (Kind::Text { min, max }, Json::String(s)) => {
                let n = s.chars().count();
                if n < *min {
                    return Some(key(self, "form-too-short", &[("min", min.to_string())]));
                }
                if n > *max {
                    return Some(key(
                        self,
                        "form-too-long",
                        &[("max", max.to_string()), ("is", n.to_string())],
                    ));
                }
                let format = self.format.as_deref()?;
                (checks.format)(format, s).err().map(|k| key(self, &k, &[]))
            }
            (Kind::Date, Json::String(s)) => (!is_date(s)).then(|| key(self, "form-date", &[])),
            (Kind::Integer { min, max }, Json::Number(n)) if n.is_i64() => {
                let v = n.as_i64()?;
                self.bounds(min.is_some_and(|m| v < m), max.is_some_and(|m| v > m), *min, *max)
            }
            (Kind::Integer { .. }, _) => Some(key(self, "form-whole-number", &[])),
            (Kind::Number { min, max }, Json::Number(n)) => {
                let v = n.as_f64()?;
                self.bounds(min.is_some_and(|m| v < m), max.is_some_and(|m| v > m), *min, *max)
            }
            (Kind::Number { .. }, _) => Some(key(self, "form-number", &[])),
            (Kind::Boolean { must }, Json::Bool(b)) => {
                ((*must || self.required) && !b).then(|| key(self, "form-must-tick", &[]))
            }
            (Kind::Choice(all), Json::String(s)) => {
                (!all.iter().any(|(v, _)| v == s)).then(|| key(self, "form-choice", &[]))
            }
            _ => Some(key(self, "form-type", &[])),
        }
    }

    fn bounds<T: ToString>(&self, below: bool, above: bool, min: Option<T>, max: Option<T>) -> Option<Wrong> {
        if below {
            return Some(key(self, "form-too-small", &[("min", min?.to_string())]));
        }
        above.then(|| {
            key(
                self,
                "form-too-large",
                &[("max", max.map(|m| m.to_string()).unwrap_or_default())],
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FORM: &str = r#"{ "properties": {
        "id": { "type": "string", "title": "证件号", "title_en": "ID", "format": "citizen-id", "maxLength": 18 },
        "area": { "type": "number", "title": "面积", "minimum": 1, "maximum": 200, "x-unit": "平方米", "x-unit-en": "m²" },
        "days": { "type": "integer", "title": "天数" },
        "from": { "type": "string", "format": "date", "title": "起" },
        "to": { "type": "string", "format": "date", "title": "止" },
        "why": { "type": "string", "title": "用途", "enum": ["goods", "fair"],
            "x-enum-labels": { "goods": { "zh": "堆物", "en": "Goods" } } },
        "promise": { "type": "boolean", "title": "承诺", "const": true } },
      "required": ["id", "area", "promise"],
      "x-rules": [{ "if": "to >= from", "fields": ["from", "to"], "zh": "止期不能早于起期", "en": "ends before it begins" }] }"#;

    fn wrongs(form: &Form, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect();
        let checks = Checks {
            format: &|f, v| {
                if f != "citizen-id" || v.len() == 18 {
                    Ok(())
                } else {
                    Err("codes-length".into())
                }
            },
            holds: &|c, v| {
                assert_eq!(c, "to >= from");
                Ok(v["to"].as_str() >= v["from"].as_str())
            },
        };
        form.validate(&form.read(&pairs), &checks)
            .into_iter()
            .map(|w| {
                let text = match w.message {
                    Message::Key { key, .. } => key,
                    Message::Text(t) => t.en,
                };
                (w.field, text)
            })
            .collect()
    }

    #[test]
    fn good_input_passes_and_bad_input_is_named() {
        let form = Form::parse(FORM).unwrap();
        let id = ("id", "320899198001010011");
        let good = [
            id,
            ("area", "12.5"),
            ("promise", "on"),
            ("from", "2026-11-24"),
            ("to", "2026-11-30"),
            ("x", "y"),
        ];
        assert_eq!(wrongs(&form, &good), []);
        let mut bad = wrongs(
            &form,
            &[
                ("id", "3"),
                ("area", "0.5"),
                ("days", "1.5"),
                ("from", "2026-02-29"),
                ("why", "z"),
            ],
        );
        bad.sort();
        let want = [
            ("area", "form-too-small"),
            ("days", "form-whole-number"),
            ("from", "form-date"),
            ("id", "codes-length"),
            ("promise", "form-must-tick"),
            ("why", "form-choice"),
        ];
        assert_eq!(bad, want.map(|(a, b)| (a.to_string(), b.to_string())));
        assert_eq!(
            wrongs(
                &form,
                &[
                    id,
                    ("area", "abc"),
                    ("promise", "on"),
                    ("from", "2026-11-24"),
                    ("to", "2026-11-01")
                ]
            ),
            [
                ("area".into(), "form-number".into()),
                ("to".into(), "ends before it begins".into())
            ]
        );
        assert_eq!(wrongs(&form, &[("promise", "on")])[0].1, "form-required");
    }

    #[test]
    fn control_characters_are_left_out() {
        let form = Form::parse(FORM).unwrap();
        let pairs = [("why".to_string(), " go\u{0}od\u{7}s\u{9f} ".to_string())];
        assert_eq!(form.read(&pairs)["why"], "goods");
    }

    #[test]
    fn values_are_shown_in_both_languages() {
        let form = Form::parse(FORM).unwrap();
        let Json::Object(values) = json!({ "area": 12.5, "why": "goods", "promise": true }) else {
            panic!()
        };
        let zh = form.summary(&values, false);
        assert_eq!(
            zh[0].1,
            [
                ("面积".into(), "12.5 平方米".into()),
                ("用途".into(), "堆物".into()),
                ("承诺".into(), "是".into())
            ]
        );
        assert_eq!(form.summary(&values, true)[0].1[1].1, "Goods");
        let views = form.views(&values, true, &|f| {
            if f == "area" { vec!["no".into()] } else { vec![] }
        });
        let area = views[0].1.iter().find(|v| v.name == "area").unwrap();
        assert_eq!(
            (area.unit.as_str(), area.value.as_str(), area.errors.len()),
            ("m²", "12.5", 1)
        );
    }

    #[test]
    fn broken_definitions_say_where() {
        for (from, to, path) in [
            ("\"required\": [\"id\"", "\"required\": [\"nope\"", "/required"),
            ("\"type\": \"integer\"", "\"type\": \"array\"", "/properties/days"),
            ("\"title\": \"天数\"", "\"titel\": \"天数\"", "/properties/days"),
            (
                "\"fields\": [\"from\", \"to\"]",
                "\"fields\": [\"nope\"]",
                "/x-rules/0/fields",
            ),
        ] {
            assert_eq!(Form::parse(&FORM.replace(from, to)).unwrap_err().path, path);
        }
    }
}
