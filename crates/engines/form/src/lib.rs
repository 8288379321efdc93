//! Form (表单): JSON Schema (draft 2020-12) with a few hints, as one form in any language.
//!
//! The engine reads what a browser posts, validates it, and gives templates a model to draw. It knows neither the web
//! nor the city: formats such as a citizen ID and the rule language come in as [`Checks`].

mod parse;
mod read;

pub use parse::FormError;

use serde::Serialize;
use serde_json::{Map, Value as Json};

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Text {
    pub zh: String,
    pub en: String,
}

impl Text {
    /// English falls back to Chinese.
    pub fn pick(&self, english: bool) -> &str {
        if english && !self.en.is_empty() {
            &self.en
        } else {
            &self.zh
        }
    }
}

/// A form definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    pub fields: Vec<Field>,
    pub sections: Vec<Section>,
    pub rules: Vec<Rule>,
}

/// A titled group of fields, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub title: Text,
    pub fields: Vec<String>,
}

/// A condition over several fields that must hold; its texts say what to do when it does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub condition: String,
    pub fields: Vec<String>,
    pub message: Text,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub title: Text,
    pub help: Text,
    pub unit: Text,
    pub kind: Kind,
    /// `citizen-id`, `credit-code`, `phone` …: checked by [`Checks::format`].
    pub format: Option<String>,
    /// `text`, `textarea`, `select`, `radio`, `date`, `number`, `checkbox`.
    pub widget: String,
    /// Data element by which the city may already hold the value.
    pub element: Option<String>,
    /// About whom: `applicant` or `firm`.
    pub prefill: Option<String>,
    pub required: bool,
    pub readonly: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Text {
        min: usize,
        max: usize,
    },
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    Date,
    /// With `must` the box has to be ticked (a promise).
    Boolean {
        must: bool,
    },
    Choice(Vec<(String, Text)>),
}

/// What the form asks of its surroundings.
pub struct Checks<'c> {
    /// (format, value) → locale key of what is wrong.
    pub format: &'c dyn Fn(&str, &str) -> Result<(), String>,
    /// (condition, values) → holds. `Err` when the condition itself is broken.
    pub holds: &'c dyn Fn(&str, &Json) -> Result<bool, String>,
}

/// One thing wrong with what was entered.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    pub field: String,
    pub message: Message,
}

/// A localised message, by key or as the form's author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Key {
        key: String,
        args: Vec<(String, String)>,
    },
    Text(Text),
}

/// What a template draws: one field in one language with its value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    pub name: String,
    pub title: String,
    pub help: String,
    pub unit: String,
    pub widget: String,
    pub required: bool,
    pub readonly: bool,
    /// As text; `true` for a ticked box.
    pub value: String,
    pub choices: Vec<Choice>,
    /// Largest number of characters, for text fields.
    pub max_length: Option<usize>,
    pub min: Option<String>,
    pub max: Option<String>,
    /// `any` for decimals.
    pub step: Option<String>,
    pub errors: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

impl Form {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Sections with their fields, ready to draw.
    pub fn views(
        &self,
        values: &Map<String, Json>,
        english: bool,
        errors: &dyn Fn(&str) -> Vec<String>,
    ) -> Vec<(String, Vec<View>)> {
        self.sections
            .iter()
            .map(|s| {
                let fields = s.fields.iter().filter_map(|n| self.field(n));
                let views = fields
                    .map(|f| f.view(values.get(&f.name), english, errors(&f.name)))
                    .collect();
                (s.title.pick(english).to_string(), views)
            })
            .collect()
    }

    /// Sections as (label, shown value), for reading: empty fields are left out.
    pub fn summary(&self, values: &Map<String, Json>, english: bool) -> Vec<(String, Vec<(String, String)>)> {
        self.sections
            .iter()
            .map(|s| {
                let rows = s
                    .fields
                    .iter()
                    .filter_map(|n| self.field(n))
                    .filter_map(|f| {
                        let shown = f.shown(values.get(&f.name)?, english);
                        (!shown.is_empty()).then(|| (f.title.pick(english).to_string(), shown))
                    })
                    .collect();
                (s.title.pick(english).to_string(), rows)
            })
            .collect()
    }
}

impl Field {
    /// The value as people read it, with its unit.
    pub fn shown(&self, value: &Json, english: bool) -> String {
        let text = match (&self.kind, value) {
            (_, Json::Null) => String::new(),
            (Kind::Choice(all), Json::String(v)) => all
                .iter()
                .find(|(c, _)| c == v)
                .map_or_else(|| v.clone(), |(_, t)| t.pick(english).to_string()),
            (Kind::Boolean { .. }, Json::Bool(b)) => match (b, english) {
                (true, false) => "是".into(),
                (false, false) => "否".into(),
                (true, true) => "yes".into(),
                (false, true) => "no".into(),
            },
            (_, Json::String(s)) => s.clone(),
            (_, other) => other.to_string(),
        };
        match self.unit.pick(english) {
            "" => text,
            _ if text.is_empty() => text,
            unit => format!("{text} {unit}"),
        }
    }

    fn view(&self, value: Option<&Json>, english: bool, errors: Vec<String>) -> View {
        let value = match value {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(s)) => s.clone(),
            Some(Json::Bool(b)) => {
                if *b {
                    "true".into()
                } else {
                    String::new()
                }
            }
            Some(other) => other.to_string(),
        };
        let (mut max_length, mut min, mut max, mut step, mut choices) = (None, None, None, None, Vec::new());
        match &self.kind {
            Kind::Text { max, .. } => max_length = Some(*max),
            Kind::Integer { min: a, max: b } => {
                (min, max) = (a.map(|n| n.to_string()), b.map(|n| n.to_string()));
                step = Some("1".into());
            }
            Kind::Number { min: a, max: b } => {
                (min, max) = (a.map(|n| n.to_string()), b.map(|n| n.to_string()));
                step = Some("any".into());
            }
            Kind::Choice(all) => {
                choices = all
                    .iter()
                    .map(|(v, t)| Choice {
                        value: v.clone(),
                        label: t.pick(english).into(),
                        chosen: *v == value,
                    })
                    .collect();
            }
            Kind::Date | Kind::Boolean { .. } => {}
        }
        View {
            name: self.name.clone(),
            title: self.title.pick(english).into(),
            help: self.help.pick(english).into(),
            unit: self.unit.pick(english).into(),
            widget: self.widget.clone(),
            required: self.required,
            readonly: self.readonly,
            value,
            choices,
            max_length,
            min,
            max,
            step,
            errors,
        }
    }
}
