//! Reading a resource that a client sends (RFC 7644 §3.3, §3.5.1).

use crate::path::AttrPath;
use crate::schema::{Attribute, Found, Kind, Mutability, ResourceType, Target};
use crate::{Error, MAX_VALUES, ScimType, message};
use serde_json::{Map, Value};

/// A resource as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Canonical: known attributes that clients may write, under their names, without empty ones and without `schemas`.
    pub resource: Value,
    /// Names of members that were left out, because they are unknown or read-only; for the log.
    pub ignored: Vec<String>,
}

/// Reads the body of a POST or PUT. What a client may not write is left out, as RFC 7644 §3.3 asks.
///
/// # Errors
/// `invalidSyntax` without the schema's URI or with one name twice, `invalidValue` with the name of the attribute that has a
/// value of another type, is too long, or is required and missing.
pub fn read(of: &ResourceType, body: &Value) -> Result<Read, Error> {
    let all = message::object(body, of.core.id)?;
    let mut out = Read {
        resource: Value::Object(Map::new()),
        ignored: vec![],
    };
    let mut seen: Vec<String> = vec![];
    for (name, value) in all {
        let lower = name.to_ascii_lowercase();
        if seen.contains(&lower) {
            return Err(Error::bad(
                ScimType::InvalidSyntax,
                format!("{}: is there twice", shown(name)),
            ));
        }
        seen.push(lower);
        if name.eq_ignore_ascii_case("schemas") {
            continue;
        }
        // A bare URI of an extension, or a name with its URI before it.
        let target = match of.extension(name) {
            Some(schema) => Some(Target::Extension(schema)),
            None => AttrPath::read(name)
                .filter(|p| p.sub.is_none())
                .and_then(|p| of.find(&p)),
        };
        match target {
            Some(Target::Extension(schema)) => {
                let Some(inner) = value.as_object() else {
                    if value.is_null() {
                        continue;
                    }
                    return Err(Error::bad(
                        ScimType::InvalidValue,
                        format!("{}: an object was expected", schema.id),
                    ));
                };
                for (name, value) in inner {
                    match schema.attribute(name) {
                        Some(a) if a.mutability != Mutability::ReadOnly => {
                            let found = Found {
                                extension: Some(schema),
                                attribute: a,
                                sub: None,
                            };
                            put(&mut out.resource, &found, self::value(a, value)?);
                        }
                        _ => out.ignored.push(format!("{}:{}", schema.id, shown(name))),
                    }
                }
            }
            Some(Target::Attribute(found)) if found.attribute.mutability != Mutability::ReadOnly => {
                put(&mut out.resource, &found, self::value(found.attribute, value)?);
            }
            _ => out.ignored.push(shown(name)),
        }
    }
    complete(of, &out.resource)?;
    Ok(out)
}

/// A name of the request, short enough for a log.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// Refuses a canonical resource in which a required attribute is missing or two values are primary.
///
/// # Errors
/// `invalidValue` with the attribute's name.
pub fn complete(of: &ResourceType, resource: &Value) -> Result<(), Error> {
    for a in of.core.attributes {
        let value = resource.get(a.name);
        if a.required && a.mutability != Mutability::ReadOnly && value.is_none() {
            return Err(Error::bad(
                ScimType::InvalidValue,
                format!("{}: is required", a.name),
            ));
        }
        primaries(a, value)?;
    }
    Ok(())
}

fn primaries(a: &Attribute, value: Option<&Value>) -> Result<(), Error> {
    let list = value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let primary = list
        .iter()
        .filter(|v| v.get("primary") == Some(&Value::Bool(true)));
    if primary.count() > 1 {
        return Err(Error::bad(
            ScimType::InvalidValue,
            format!("{}: only one value can be primary", a.name),
        ));
    }
    Ok(())
}

/// Puts a canonical value at an attribute, or takes the attribute away.
pub(crate) fn put(resource: &mut Value, at: &Found, value: Option<Value>) {
    let Some(root) = resource.as_object_mut() else {
        return;
    };
    match at.extension {
        None => set(root, at.attribute.name, value),
        Some(schema) => {
            let inner = root.entry(schema.id).or_insert_with(|| Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                set(inner, at.attribute.name, value);
                if inner.is_empty() {
                    root.shift_remove(schema.id);
                }
            }
        }
    }
}

fn set(map: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            map.insert(name.into(), value);
        }
        None => {
            map.shift_remove(name);
        }
    }
}

/// A truth value as some directories write it.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The canonical value of an attribute; nothing for null, the empty text and the empty list, which mean that it has none.
///
/// # Errors
/// `invalidValue` with the attribute's name.
pub(crate) fn value(a: &Attribute, value: &Value) -> Result<Option<Value>, Error> {
    if !a.multi {
        return one(a, unwrapped(a, value));
    }
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    if list.len() > MAX_VALUES {
        return Err(wrong(a, "more values than this service takes"));
    }
    let mut out: Vec<Value> = vec![];
    for v in list {
        if let Some(v) = one(a, v)?
            && !out.contains(&v)
        {
            out.push(v);
        }
    }
    Ok((!out.is_empty()).then_some(Value::Array(out)))
}

/// `[{"value": x}]` stands for x where an attribute has one value: an older form of a common directory.
fn unwrapped<'a>(a: &Attribute, value: &'a Value) -> &'a Value {
    match value {
        Value::Array(list) if list.len() == 1 => match list[0].get("value") {
            Some(inner) if a.kind != Kind::Complex => inner,
            _ => &list[0],
        },
        other => other,
    }
}

pub(crate) fn wrong(a: &Attribute, why: &str) -> Error {
    Error::bad(ScimType::InvalidValue, format!("{}: {why}", a.name))
}

/// One canonical value.
fn one(a: &Attribute, value: &Value) -> Result<Option<Value>, Error> {
    if value.is_null() || value.as_str() == Some("") {
        return Ok(None);
    }
    match a.kind {
        Kind::Boolean => match value {
            Value::Bool(_) => Ok(Some(value.clone())),
            Value::String(text) => match flag(text) {
                Some(b) => Ok(Some(b.into())),
                None => Err(wrong(a, "true or false was expected")),
            },
            _ => Err(wrong(a, "true or false was expected")),
        },
        Kind::Integer => match value.as_i64() {
            Some(n) => Ok(Some(n.into())),
            None => Err(wrong(a, "a whole number was expected")),
        },
        Kind::DateTime => match value.as_str().map(str::parse::<jiff::Timestamp>) {
            Some(Ok(_)) => Ok(Some(value.clone())),
            _ => Err(wrong(a, "a time like 2026-01-02T03:04:05Z was expected")),
        },
        Kind::String | Kind::Reference => {
            let text = value.as_str().ok_or_else(|| wrong(a, "a text was expected"))?;
            if text.chars().count() > a.longest {
                return Err(wrong(a, &format!("has more than {} characters", a.longest)));
            }
            if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
                return Err(wrong(a, "contains control characters"));
            }
            Ok(Some(value.clone()))
        }
        Kind::Complex => complex(a, value),
    }
}

fn complex(a: &Attribute, value: &Value) -> Result<Option<Value>, Error> {
    let all = match value {
        Value::Object(all) => all,
        // A text where a complex value has a `value`: `manager` from a common directory.
        Value::String(text) if a.sub("value").is_some() => {
            let mut all = Map::new();
            all.insert("value".into(), text.clone().into());
            return Ok(Some(Value::Object(all)));
        }
        _ => return Err(wrong(a, "an object was expected")),
    };
    let mut out = Map::new();
    for (name, v) in all {
        let Some(sub) = a.sub(name) else { continue };
        if sub.mutability == Mutability::ReadOnly {
            continue;
        }
        if let Some(v) = self::value(sub, v).map_err(|mut e| {
            e.detail = format!("{}.{}", a.name, e.detail);
            e
        })? {
            out.insert(sub.name.into(), v);
        }
    }
    for sub in a.subs {
        if sub.required && !out.contains_key(sub.name) && !out.is_empty() {
            return Err(wrong(a, &format!("{} is required", sub.name)));
        }
    }
    Ok((!out.is_empty()).then_some(Value::Object(out)))
}

/// The resource as it leaves the service: a canonical one with `schemas`, `id` and `meta`. `base` is the address of the service
/// without a slash at its end, times are RFC 3339.
pub fn finish(
    of: &ResourceType,
    resource: &Value,
    id: &str,
    base: &str,
    created: &str,
    modified: &str,
    version: &str,
) -> Value {
    let mut out = resource.as_object().cloned().unwrap_or_default();
    out.insert("schemas".into(), of.uses(&out));
    out.insert("id".into(), id.into());
    out.insert(
        "meta".into(),
        serde_json::json!({
            "resourceType": of.name, "created": created, "lastModified": modified,
            "location": format!("{base}{}/{id}", of.endpoint), "version": crate::etag::tag(version),
        }),
    );
    Value::Object(out)
}
