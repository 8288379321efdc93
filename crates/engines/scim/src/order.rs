//! Sorting a list (RFC 7644 §3.4.2.3).

use crate::filter::order;
use crate::path::AttrPath;
use crate::schema::{Kind, ResourceType};
use serde_json::Value;
use std::cmp::Ordering;

/// By which attribute, and which way.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    pub by: AttrPath,
    pub descending: bool,
}

impl Sort {
    /// Puts canonical resources in order. Those without a value come last, descending first; a list counts by its primary value or
    /// else its first one; equal ones stay as they were.
    pub fn apply(&self, of: &ResourceType, all: &mut [Value]) {
        let Some(mut found) = of.attribute(&self.by).filter(|f| !f.hidden()) else {
            return;
        };
        if found.sub.is_none() && found.attribute.kind == Kind::Complex {
            found.sub = found
                .attribute
                .sub("value")
                .or_else(|| found.attribute.sub("formatted"));
        }
        let key = |resource: &Value| -> Option<Value> {
            let whole = crate::schema::Found { sub: None, ..found };
            let values = whole.values(resource);
            let chosen = values
                .iter()
                .find(|v| v.get("primary") == Some(&Value::Bool(true)))
                .or(values.first())?;
            match found.sub {
                Some(sub) => chosen.get(sub.name).cloned(),
                None => Some((*chosen).clone()),
            }
        };
        all.sort_by(|a, b| {
            let ordering = match (key(a), key(b)) {
                (None, None) => Ordering::Equal,
                (None, _) => Ordering::Greater,
                (_, None) => Ordering::Less,
                (Some(a), Some(b)) => by(found.last().kind, &a, &b)
                    .or_else(|| order(found.last(), &a, &b))
                    .unwrap_or(Ordering::Equal),
            };
            if self.descending {
                ordering.reverse()
            } else {
                ordering
            }
        });
    }
}

/// False comes before true; filters know no such order.
fn by(kind: Kind, a: &Value, b: &Value) -> Option<Ordering> {
    (kind == Kind::Boolean).then(|| a.as_bool().cmp(&b.as_bool()))
}
