//! Which attributes are answered (RFC 7644 §3.9).

use crate::path::AttrPath;
use crate::schema::{Attribute, COMMON, ResourceType, Returned, Schema, Target};
use crate::{Error, ScimType};
use serde_json::{Map, Value};

/// What is asked for beside what is always told.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Projection {
    /// What is told by default.
    #[default]
    Default,
    /// These.
    Only(Vec<AttrPath>),
    /// The default without these.
    Without(Vec<AttrPath>),
}

impl Projection {
    /// Reads `attributes` and `excludedAttributes`, names between commas. Names that a type does not have are no error.
    ///
    /// # Errors
    /// Both at once, or something that is no name.
    pub fn read(attributes: Option<&str>, excluded: Option<&str>) -> Result<Projection, Error> {
        let names = |list: &str| -> Result<Vec<AttrPath>, Error> {
            let all = list.split(',').map(str::trim).filter(|n| !n.is_empty());
            let read = all.take(100).map(|n| {
                AttrPath::read(n).ok_or_else(|| {
                    Error::bad(
                        ScimType::InvalidValue,
                        "attributes: names between commas were expected",
                    )
                })
            });
            read.collect()
        };
        let given = |list: Option<&str>| list.map(names).transpose().map(|l| l.filter(|l| !l.is_empty()));
        match (given(attributes)?, given(excluded)?) {
            (Some(_), Some(_)) => Err(Error::bad(
                ScimType::InvalidValue,
                "attributes and excludedAttributes exclude each other",
            )),
            (Some(only), None) => Ok(Projection::Only(only)),
            (None, Some(without)) => Ok(Projection::Without(without)),
            (None, None) => Ok(Projection::Default),
        }
    }

    /// Whether an attribute of the core schema is told: what need not be told need not be looked up.
    pub fn wants(&self, of: &ResourceType, name: &str) -> bool {
        let Some(attribute) = of.core.attribute(name) else {
            return false;
        };
        !matches!(self.choice(of, None, attribute), Choice::Nothing)
    }

    /// A resource as it is told. What is never told is left out whatever is asked for.
    pub fn apply(&self, of: &ResourceType, resource: &Value) -> Value {
        let mut out = Map::new();
        let empty = Map::new();
        let all = resource.as_object().unwrap_or(&empty);
        for (name, value) in all {
            if let Some(schema) = of.extension(name) {
                let inner = value.as_object().unwrap_or(&empty);
                let kept = self.part(of, Some(schema), schema.attributes, inner);
                if !kept.is_empty() {
                    out.insert(name.clone(), Value::Object(kept));
                }
            }
        }
        let attributes = || COMMON.iter().chain(of.core.attributes);
        for (name, value) in all {
            if let Some(attribute) = attributes().find(|a| a.name == name)
                && let Some(kept) = self.kept(of, None, attribute, value)
            {
                out.insert(name.clone(), kept);
            }
        }
        // As readers of JSON expect it: what it is and whose it is first.
        let mut sorted = Map::new();
        for name in ["schemas", "id", "externalId"] {
            if let Some(value) = out.remove(name) {
                sorted.insert(name.into(), value);
            }
        }
        sorted.extend(out);
        Value::Object(sorted)
    }

    fn part(
        &self,
        of: &ResourceType,
        extension: Option<&'static Schema>,
        attributes: &'static [Attribute],
        from: &Map<String, Value>,
    ) -> Map<String, Value> {
        let mut out = Map::new();
        for (name, value) in from {
            if let Some(attribute) = attributes.iter().find(|a| a.name == name)
                && let Some(kept) = self.kept(of, extension, attribute, value)
            {
                out.insert(name.clone(), kept);
            }
        }
        out
    }

    fn kept(
        &self,
        of: &ResourceType,
        extension: Option<&'static Schema>,
        attribute: &'static Attribute,
        value: &Value,
    ) -> Option<Value> {
        let whole = |sub: &str| match self.choice(of, extension, attribute) {
            Choice::Nothing => false,
            Choice::All => true,
            Choice::Subs(only) => only.iter().any(|s| s.eq_ignore_ascii_case(sub)),
            Choice::AllBut(not) => !not.iter().any(|s| s.eq_ignore_ascii_case(sub)),
        };
        match self.choice(of, extension, attribute) {
            Choice::Nothing => return None,
            Choice::All if attribute.subs.is_empty() => return Some(value.clone()),
            _ => {}
        }
        let one = |value: &Value| -> Option<Value> {
            let all = value.as_object()?;
            let kept = all.iter().filter(|(n, _)| {
                attribute
                    .sub(n)
                    .is_some_and(|s| s.returned != Returned::Never && whole(n))
            });
            let kept: Map<String, Value> = kept.map(|(n, v)| (n.clone(), v.clone())).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        };
        match value {
            Value::Array(list) => {
                let kept: Vec<Value> = list.iter().filter_map(one).collect();
                (!kept.is_empty()).then_some(Value::Array(kept))
            }
            other => one(other),
        }
    }

    fn choice(
        &self,
        of: &ResourceType,
        extension: Option<&'static Schema>,
        attribute: &'static Attribute,
    ) -> Choice {
        if attribute.returned == Returned::Never {
            return Choice::Nothing;
        }
        if attribute.returned == Returned::Always {
            return Choice::All;
        }
        let named = |paths: &[AttrPath]| -> (bool, Vec<String>) {
            let mut subs = vec![];
            for path in paths {
                match of.find(path) {
                    Some(Target::Extension(s)) if extension == Some(s) => return (true, vec![]),
                    Some(Target::Attribute(f))
                        if f.extension == extension && f.attribute.name == attribute.name =>
                    {
                        match f.sub {
                            None => return (true, vec![]),
                            Some(sub) => subs.push(sub.name.to_string()),
                        }
                    }
                    _ => {}
                }
            }
            (false, subs)
        };
        let default = attribute.returned == Returned::Default;
        match self {
            Projection::Default if default => Choice::All,
            Projection::Default => Choice::Nothing,
            Projection::Only(paths) => match named(paths) {
                (true, _) => Choice::All,
                (_, subs) if subs.is_empty() => Choice::Nothing,
                (_, subs) => Choice::Subs(subs),
            },
            Projection::Without(paths) => match named(paths) {
                (true, _) => Choice::Nothing,
                _ if !default => Choice::Nothing,
                (_, subs) if subs.is_empty() => Choice::All,
                (_, subs) => Choice::AllBut(subs),
            },
        }
    }
}

enum Choice {
    Nothing,
    All,
    Subs(Vec<String>),
    AllBut(Vec<String>),
}
