//! Values and how they compare.

use super::Op;
use crate::number::Decimal;
use crate::time::{Date, DateTime, Duration, Time};
use serde_json::{Map, Value as Json};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    Date(Date),
    Time(Time),
    DateTime(DateTime),
    Duration(Duration),
    List(Vec<Value>),
    Context(Vec<(String, Value)>),
}

impl Value {
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(n) => Value::Number(n.into()),
                None => Decimal::parse(&n.to_string()).map_or(Value::Null, Value::Number),
            },
            Json::String(s) => Value::Text(s.clone()),
            Json::Array(a) => Value::List(a.iter().map(Value::from_json).collect()),
            Json::Object(o) => {
                Value::Context(o.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect())
            }
        }
    }
    pub fn into_json(self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Bool(b) => b.into(),
            Value::Number(n) => n.json(),
            Value::Text(t) => t.into(),
            Value::List(l) => l.into_iter().map(Value::into_json).collect(),
            Value::Context(c) => Json::Object(
                c.into_iter()
                    .map(|(k, v)| (k, v.into_json()))
                    .collect::<Map<_, _>>(),
            ),
            other => other.text().map_or(Json::Null, Json::String),
        }
    }
    /// As text, where it has one: `string(…)`.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Value::Null | Value::List(_) | Value::Context(_) => return None,
            Value::Bool(b) => b.to_string(),
            Value::Number(n) => n.to_string(),
            Value::Text(t) => t.clone(),
            Value::Date(d) => d.to_string(),
            Value::Time(t) => t.to_string(),
            Value::DateTime(t) => t.to_string(),
            Value::Duration(d) => d.to_string(),
        })
    }
    pub fn is_true(&self) -> bool {
        *self == Value::Bool(true)
    }
    pub fn whole(&self) -> Option<i64> {
        match self {
            Value::Number(n) => n.integer(),
            _ => None,
        }
    }
    /// A day or an instant, also where it was written as text.
    pub fn as_time(&self) -> Option<Value> {
        match self {
            Value::Date(_) | Value::DateTime(_) | Value::Time(_) => Some(self.clone()),
            Value::Text(t) => Date::parse(t)
                .map(Value::Date)
                .or_else(|| DateTime::parse(t).map(Value::DateTime)),
            _ => None,
        }
    }
    /// Read as the kind of the other where this is text and that a date, a time or a duration.
    fn like(&self, other: &Value) -> Option<Value> {
        let Value::Text(t) = self else { return None };
        match other {
            Value::Date(_) => Date::parse(t)
                .map(Value::Date)
                .or_else(|| DateTime::parse(t).map(|t| Value::Date(t.date))),
            Value::DateTime(_) => DateTime::parse(t).map(Value::DateTime),
            Value::Time(_) => Time::parse(t).map(Value::Time),
            Value::Duration(_) => Duration::parse(t).map(Value::Duration),
            _ => None,
        }
    }
}

pub fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => a.order(*b),
        (Value::DateTime(a), Value::DateTime(b)) => a.order(*b),
        (Value::Duration(a), Value::Duration(b)) => a.order(*b),
        _ => match (a.like(b), b.like(a)) {
            (Some(a), _) => order(&a, b),
            (_, Some(b)) => order(a, &b),
            _ => None,
        },
    }
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Context(a), Value::Context(b)) => {
            let holds = |k: &str, v: &Value| b.iter().any(|(other, w)| other == k && same(v, w));
            a.len() == b.len() && a.iter().all(|(k, v)| holds(k, v))
        }
        _ => order(a, b) == Some(Ordering::Equal),
    }
}

pub fn holds_item(list: &[Value], one: &Value) -> bool {
    list.iter().any(|item| same(item, one))
}

/// `None` is the third truth value.
pub fn compare(op: Op, a: &Value, b: &Value) -> Option<bool> {
    if op == Op::Eq || op == Op::Ne {
        let same = match (a, b) {
            (Value::List(list), one) if !matches!(one, Value::List(_) | Value::Null) => holds_item(list, one),
            _ => same(a, b),
        };
        return Some(same == (op == Op::Eq));
    }
    let o = order(a, b)?;
    Some(match op {
        Op::Lt => o == Ordering::Less,
        Op::Le => o != Ordering::Greater,
        Op::Gt => o == Ordering::Greater,
        _ => o != Ordering::Less,
    })
}
