//! The values that cross into SQL, and the ids and rows that come back.
//!
//! Four storage types serve both databases: TEXT, BIGINT, DOUBLE PRECISION, BYTEA. Booleans are 0/1 in BIGINT,
//! instants are UTC milliseconds in BIGINT, legal dates `YYYY-MM-DD` in TEXT, ids UUIDv7 in TEXT.

use crate::error::Fault;
use std::sync::Arc;

/// One SQL value of the shared subset.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// As JSON, for canonical leaves and row hashes; bytes as lower-case hex.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Int(i) => (*i).into(),
            Value::Real(r) => (*r).into(),
            Value::Text(t) => t.clone().into(),
            Value::Bytes(b) => hex::encode(b).into(),
        }
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Value::Int(v)
    }
}
impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Value::Int(v.into())
    }
}
impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Value::Int(v.into())
    }
}
impl From<usize> for Value {
    fn from(v: usize) -> Self {
        Value::Int(v as i64)
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Int(v.into())
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Real(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.to_string())
    }
}
impl From<&String> for Value {
    fn from(v: &String) -> Self {
        Value::Text(v.clone())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::Text(v)
    }
}
impl From<Vec<u8>> for Value {
    fn from(v: Vec<u8>) -> Self {
        Value::Bytes(v)
    }
}
impl From<&[u8]> for Value {
    fn from(v: &[u8]) -> Self {
        Value::Bytes(v.to_vec())
    }
}
impl From<uuid::Uuid> for Value {
    fn from(v: uuid::Uuid) -> Self {
        Value::Text(v.to_string())
    }
}
impl From<&serde_json::Value> for Value {
    fn from(v: &serde_json::Value) -> Self {
        Value::Text(v.to_string())
    }
}
impl From<serde_json::Value> for Value {
    fn from(v: serde_json::Value) -> Self {
        Value::Text(v.to_string())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

/// Reads one Rust type out of a stored value.
pub trait FromValue: Sized {
    fn from_value(v: &Value) -> Option<Self>;
}
impl FromValue for Value {
    fn from_value(v: &Value) -> Option<Self> {
        Some(v.clone())
    }
}
impl FromValue for i64 {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }
}
impl FromValue for u32 {
    fn from_value(v: &Value) -> Option<Self> {
        i64::from_value(v).and_then(|i| i.try_into().ok())
    }
}
impl FromValue for bool {
    fn from_value(v: &Value) -> Option<Self> {
        i64::from_value(v).map(|i| i != 0)
    }
}
impl FromValue for f64 {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Real(r) => Some(*r),
            Value::Int(i) => Some(*i as f64),
            _ => None,
        }
    }
}
impl FromValue for String {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Text(t) => Some(t.clone()),
            _ => None,
        }
    }
}
impl FromValue for Vec<u8> {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Bytes(b) => Some(b.clone()),
            _ => None,
        }
    }
}
impl FromValue for uuid::Uuid {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Text(t) => t.parse().ok(),
            _ => None,
        }
    }
}
impl FromValue for serde_json::Value {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Text(t) => serde_json::from_str(t).ok(),
            _ => None,
        }
    }
}
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(v: &Value) -> Option<Self> {
        match v {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// One row of a result; columns by name.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) columns: Arc<Vec<String>>,
    pub(crate) values: Vec<Value>,
}

impl Row {
    /// The column `name` as `T`. A missing column or another type is a fault of the program, not of the person.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T, Fault> {
        let at = self
            .columns
            .iter()
            .position(|c| c == name)
            .ok_or_else(|| Fault::new(format!("no column {name} among {:?}", self.columns)))?;
        T::from_value(&self.values[at])
            .ok_or_else(|| Fault::new(format!("column {name} holds {:?}", self.values[at])))
    }
    pub fn columns(&self) -> &[String] {
        &self.columns
    }
    pub fn values(&self) -> &[Value] {
        &self.values
    }
    /// All columns as a JSON object, in column order.
    pub fn to_json(&self) -> serde_json::Value {
        self.columns
            .iter()
            .cloned()
            .zip(self.values.iter().map(Value::to_json))
            .collect()
    }
}

/// Parameters of a statement: `params![case.id, now, "text"]`.
#[macro_export]
macro_rules! params {
    () => { &[] as &[$crate::Value] };
    ($($v:expr),+ $(,)?) => { &[$($crate::Value::from($v)),+][..] };
}

/// Declares a newtyped UUIDv7: `id!(CaseId, "A case (办件).")`.
#[macro_export]
macro_rules! id {
    ($name:ident, $doc:expr) => {
        #[doc = $doc]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $crate::Uuid);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::Refusal;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                s.parse()
                    .map($name)
                    .map_err(|_| $crate::Refusal::not_found())
            }
        }
        impl From<$name> for $crate::Value {
            fn from(v: $name) -> Self {
                $crate::Value::Text(v.0.to_string())
            }
        }
        impl From<&$name> for $crate::Value {
            fn from(v: &$name) -> Self {
                $crate::Value::Text(v.0.to_string())
            }
        }
        impl $crate::FromValue for $name {
            fn from_value(v: &$crate::Value) -> Option<Self> {
                <$crate::Uuid as $crate::FromValue>::from_value(v).map($name)
            }
        }
    };
}
