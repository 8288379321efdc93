//! What is answered beside resources: errors and lists (RFC 7644 §3.12, §3.4.2), and what a search asks for.

use crate::filter::Filter;
use crate::order::Sort;
use crate::path::AttrPath;
use crate::project::Projection;
use crate::{MAX_RESULTS, ScimType as Type};
use serde_json::{Value, json};

pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
pub const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// What went wrong, in words of RFC 7644 §3.12, table 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
}

impl ScimType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ScimType::InvalidFilter => "invalidFilter",
            ScimType::TooMany => "tooMany",
            ScimType::Uniqueness => "uniqueness",
            ScimType::Mutability => "mutability",
            ScimType::InvalidSyntax => "invalidSyntax",
            ScimType::InvalidPath => "invalidPath",
            ScimType::NoTarget => "noTarget",
            ScimType::InvalidValue => "invalidValue",
        }
    }
}

/// A refusal on the wire. Its detail is for the engineer of the directory and repeats no value of the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {detail}")]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    pub scim_type: Option<ScimType>,
    pub detail: String,
}

impl Error {
    pub fn new(status: u16, detail: impl Into<String>) -> Error {
        Error {
            status,
            scim_type: None,
            detail: detail.into(),
        }
    }

    /// A request that is wrong in itself (400).
    pub fn bad(scim_type: ScimType, detail: impl Into<String>) -> Error {
        Error {
            status: 400,
            scim_type: Some(scim_type),
            detail: detail.into(),
        }
    }

    /// Something else has this name already (409).
    pub fn taken(detail: impl Into<String>) -> Error {
        Error {
            status: 409,
            scim_type: Some(ScimType::Uniqueness),
            detail: detail.into(),
        }
    }

    /// The body (RFC 7644 §3.12).
    pub fn body(&self) -> Value {
        let mut out = json!({ "schemas": [ERROR], "status": self.status.to_string(), "detail": self.detail });
        if let Some(scim_type) = self.scim_type {
            out["scimType"] = scim_type.as_str().into();
        }
        out
    }
}

/// A list (RFC 7644 §3.4.2); `start` counts from 1.
pub fn list(total: usize, start: usize, resources: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST], "totalResults": total, "itemsPerPage": resources.len(), "startIndex": start, "Resources": resources,
    })
}

/// What a list is asked for, by query parameters or by a SearchRequest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    pub filter: Option<Filter>,
    pub sort: Option<Sort>,
    pub projection: Projection,
    /// From 1.
    pub start: usize,
    /// 0 to [`MAX_RESULTS`].
    pub count: usize,
}

impl Search {
    /// Reads the parameters of a query.
    ///
    /// # Errors
    /// A filter, path or number that cannot be read.
    pub fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Search, Error> {
        let mut parts = Parts::default();
        for (name, value) in pairs {
            parts.put(name, value.trim())?;
        }
        parts.finish()
    }

    /// Reads the body of `POST …/.search` (RFC 7644 §3.4.3).
    ///
    /// # Errors
    /// No SearchRequest, or as above.
    pub fn body(body: &Value) -> Result<Search, Error> {
        let all = object(body, SEARCH)?;
        let mut parts = Parts::default();
        for (name, value) in all {
            match value {
                Value::Null => {}
                Value::String(text) => parts.put(name, text.trim())?,
                Value::Number(n) => parts.put(name, &n.to_string())?,
                Value::Array(list) => {
                    let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                    let texts = texts.ok_or_else(|| {
                        Error::bad(
                            Type::InvalidValue,
                            format!("{name}: a list of texts was expected"),
                        )
                    })?;
                    parts.put(name, &texts.join(","))?;
                }
                _ => {
                    return Err(Error::bad(
                        Type::InvalidValue,
                        format!("{name}: a text, a number or a list was expected"),
                    ));
                }
            }
        }
        parts.finish()
    }

    /// The part of all matches that is asked for.
    pub fn page<T>(&self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.start - 1).take(self.count).collect()
    }
}

/// A message whose `schemas` names it.
pub(crate) fn object<'a>(body: &'a Value, uri: &str) -> Result<&'a serde_json::Map<String, Value>, Error> {
    let all = body
        .as_object()
        .ok_or_else(|| Error::bad(Type::InvalidSyntax, "an object was expected"))?;
    let schemas = all
        .iter()
        .find(|(k, _)| k.eq_ignore_ascii_case("schemas"))
        .and_then(|(_, v)| v.as_array());
    let named = schemas.is_some_and(|s| {
        s.iter()
            .any(|v| v.as_str().is_some_and(|t| t.eq_ignore_ascii_case(uri)))
    });
    if named {
        Ok(all)
    } else {
        Err(Error::bad(
            Type::InvalidSyntax,
            format!("schemas must contain {uri}"),
        ))
    }
}

#[derive(Default)]
struct Parts {
    filter: Option<Filter>,
    by: Option<AttrPath>,
    descending: bool,
    attributes: Option<String>,
    excluded: Option<String>,
    start: Option<i64>,
    count: Option<i64>,
}

impl Parts {
    fn put(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let number = |what: &str| {
            value
                .parse::<i64>()
                .map_err(|_| Error::bad(Type::InvalidValue, format!("{what}: a whole number was expected")))
        };
        match name.to_ascii_lowercase().as_str() {
            "filter" if !value.is_empty() => self.filter = Some(Filter::read(value)?),
            "sortby" if !value.is_empty() => {
                let path = AttrPath::read(value);
                self.by = Some(path.ok_or_else(|| {
                    Error::bad(Type::InvalidPath, "sortBy: the name of an attribute was expected")
                })?);
            }
            "sortorder" => self.descending = value.eq_ignore_ascii_case("descending"),
            "attributes" => self.attributes = Some(value.into()),
            "excludedattributes" => self.excluded = Some(value.into()),
            "startindex" => self.start = Some(number("startIndex")?),
            "count" => self.count = Some(number("count")?),
            _ => {}
        }
        Ok(())
    }

    /// A start below 1 is 1, a negative count is 0 (RFC 7644 §3.4.2.4).
    fn finish(self) -> Result<Search, Error> {
        let count = self
            .count
            .map_or(MAX_RESULTS, |n| n.clamp(0, MAX_RESULTS as i64) as usize);
        Ok(Search {
            filter: self.filter,
            sort: self.by.map(|by| Sort {
                by,
                descending: self.descending,
            }),
            projection: Projection::read(self.attributes.as_deref(), self.excluded.as_deref())?,
            start: self.start.map_or(1, |n| n.clamp(1, i64::from(u32::MAX)) as usize),
            count,
        })
    }
}
