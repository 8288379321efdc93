//! Which canonical resources a filter matches.

use super::{Filter, Op};
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, ResourceType};
use serde_json::Value;
use std::cmp::Ordering;

impl Filter {
    /// Whether a canonical resource matches. Texts are compared by the case rule of their attribute, times as instants, a list matches by
    /// any of its values, a complex value by its `value`. An attribute that the type does not have, or that nobody is told,
    /// has no value.
    pub fn matches(&self, of: &ResourceType, resource: &Value) -> bool {
        match self {
            Filter::Or(all) => all.iter().any(|f| f.matches(of, resource)),
            Filter::And(all) => all.iter().all(|f| f.matches(of, resource)),
            Filter::Not(one) => !one.matches(of, resource),
            Filter::Present(path) => values(of, path, resource).1.iter().any(|v| present(v)),
            Filter::Compare { path, op, value } => {
                let (attribute, found) = values(of, path, resource);
                compare(attribute, &found, *op, value)
            }
            Filter::Values { path, filter } => match of.attribute(path).filter(|f| !f.hidden()) {
                Some(f) => f
                    .values(resource)
                    .into_iter()
                    .any(|v| filter.matches_value(f.attribute, v)),
                None => false,
            },
        }
    }

    /// Whether one value of a list matches a filter in brackets, whose names are those of its sub-attributes.
    pub fn matches_value(&self, of: &Attribute, value: &Value) -> bool {
        match self {
            Filter::Or(all) => all.iter().any(|f| f.matches_value(of, value)),
            Filter::And(all) => all.iter().all(|f| f.matches_value(of, value)),
            Filter::Not(one) => !one.matches_value(of, value),
            Filter::Present(path) => part(of, path, value).is_some_and(|(_, v)| present(v)),
            Filter::Compare {
                path,
                op,
                value: wanted,
            } => match part(of, path, value) {
                Some((sub, v)) => compare(Some(sub), &[v], *op, wanted),
                None => compare(None, &[], *op, wanted),
            },
            Filter::Values { .. } => false,
        }
    }

    /// The sub-attributes that every match has, when the filter says nothing but `a eq x and b eq y`: what a value must be made
    /// of when there is none yet.
    pub(crate) fn describes(&self) -> Option<Vec<(&AttrPath, &Value)>> {
        match self {
            Filter::Compare {
                path,
                op: Op::Eq,
                value,
            } => Some(vec![(path, value)]),
            Filter::And(all) => {
                let parts: Option<Vec<_>> = all.iter().map(Filter::describes).collect();
                Some(parts?.into_iter().flatten().collect())
            }
            _ => None,
        }
    }
}

/// Values at a path and the attribute that says how to compare them; a complex one stands for its `value`.
fn values<'a>(
    of: &ResourceType,
    path: &AttrPath,
    resource: &'a Value,
) -> (Option<&'static Attribute>, Vec<&'a Value>) {
    let Some(mut found) = of.attribute(path).filter(|f| !f.hidden()) else {
        return (None, vec![]);
    };
    if found.sub.is_none() && found.attribute.kind == Kind::Complex {
        match found.attribute.sub("value") {
            Some(value) => found.sub = Some(value),
            None => return (Some(found.attribute), found.values(resource)),
        }
    }
    (Some(found.last()), found.values(resource))
}

/// The part of one value of a list that a name in brackets means.
fn part<'a>(of: &Attribute, path: &AttrPath, value: &'a Value) -> Option<(&'static Attribute, &'a Value)> {
    let sub = of.sub(&path.name)?;
    if path.sub.is_some() {
        return None;
    }
    Some((sub, value.get(sub.name).unwrap_or(&Value::Null)))
}

fn present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => all.iter().any(present),
        Value::Object(all) => all.values().any(present),
        _ => true,
    }
}

fn compare(attribute: Option<&Attribute>, found: &[&Value], op: Op, wanted: &Value) -> bool {
    let there: Vec<&Value> = found.iter().copied().filter(|v| present(v)).collect();
    if there.is_empty() {
        return match op {
            Op::Eq => wanted.is_null(),
            Op::Ne => !wanted.is_null(),
            _ => false,
        };
    }
    let Some(attribute) = attribute else {
        return false;
    };
    there.into_iter().any(|v| one(attribute, v, op, wanted))
}

fn one(attribute: &Attribute, value: &Value, op: Op, wanted: &Value) -> bool {
    let order = || order(attribute, value, wanted);
    match op {
        Op::Eq => order() == Some(Ordering::Equal),
        Op::Ne => order() != Some(Ordering::Equal),
        Op::Gt => order() == Some(Ordering::Greater),
        Op::Ge => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        Op::Lt => order() == Some(Ordering::Less),
        Op::Le => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Op::Co | Op::Sw | Op::Ew => {
            let (Some(a), Some(b)) = (value.as_str(), wanted.as_str()) else {
                return false;
            };
            let (a, b) = (folded(attribute, a), folded(attribute, b));
            match op {
                Op::Co => a.contains(&b),
                Op::Sw => a.starts_with(&b),
                _ => a.ends_with(&b),
            }
        }
    }
}

fn folded(attribute: &Attribute, text: &str) -> String {
    if attribute.case_exact {
        text.to_string()
    } else {
        text.to_lowercase()
    }
}

/// How two values of this attribute stand to each other; nothing when they cannot be compared.
pub(crate) fn order(attribute: &Attribute, a: &Value, b: &Value) -> Option<Ordering> {
    match attribute.kind {
        Kind::Boolean => {
            let a = a.as_bool()?;
            // `roles[primary eq "True"]` is what a common directory sends.
            let b = b.as_bool().or_else(|| crate::document::flag(b.as_str()?))?;
            (a == b).then_some(Ordering::Equal)
        }
        Kind::Integer => a.as_f64()?.partial_cmp(&b.as_f64()?),
        Kind::DateTime => {
            let at = |v: &Value| v.as_str()?.parse::<jiff::Timestamp>().ok();
            Some(at(a)?.cmp(&at(b)?))
        }
        Kind::String | Kind::Reference => {
            let (a, b) = (a.as_str()?, b.as_str()?);
            Some(folded(attribute, a).cmp(&folded(attribute, b)))
        }
        Kind::Complex => None,
    }
}
