//! Changing a resource in place (RFC 7644 §3.5.2).

use crate::document::{self, put};
use crate::filter::Filter;
use crate::path::{AttrPath, Path};
use crate::schema::{Attribute, Found, Kind, Mutability, ResourceType, Target};
use crate::{Error, MAX_OPERATIONS, MAX_VALUES, ScimType, message};
use serde_json::{Map, Value};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Add,
    Remove,
    Replace,
}

/// One operation as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub verb: Verb,
    pub path: Option<Path>,
    pub value: Option<Value>,
}

/// Reads the body of a PATCH. Names of members and verbs may be in any case.
///
/// # Errors
/// `invalidSyntax` for what is no PatchOp, `invalidPath` with the place where a path goes wrong, 413 for too many operations.
pub fn read(body: &Value) -> Result<Vec<Operation>, Error> {
    let all = message::object(body, message::PATCH)?;
    let operations = member(all, "Operations").and_then(Value::as_array);
    let operations =
        operations.ok_or_else(|| Error::bad(ScimType::InvalidSyntax, "Operations: a list was expected"))?;
    if operations.len() > MAX_OPERATIONS {
        return Err(Error::new(
            413,
            format!("more than {MAX_OPERATIONS} operations in one request"),
        ));
    }
    if operations.is_empty() {
        return Err(Error::bad(ScimType::InvalidSyntax, "Operations: is empty"));
    }
    let read = operations
        .iter()
        .enumerate()
        .map(|(n, o)| operation(o).map_err(|e| nth(n, e)));
    read.collect()
}

fn nth(n: usize, mut e: Error) -> Error {
    e.detail = format!("operation {}: {}", n + 1, e.detail);
    e
}

fn member<'a>(all: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    all.iter()
        .find(|(k, _)| k.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}

fn operation(o: &Value) -> Result<Operation, Error> {
    let bad = |why: &str| Error::bad(ScimType::InvalidSyntax, why);
    let all = o.as_object().ok_or_else(|| bad("an object was expected"))?;
    let verb = match member(all, "op").and_then(Value::as_str) {
        Some(op) if op.eq_ignore_ascii_case("add") => Verb::Add,
        Some(op) if op.eq_ignore_ascii_case("remove") => Verb::Remove,
        Some(op) if op.eq_ignore_ascii_case("replace") => Verb::Replace,
        _ => return Err(bad("op: add, remove or replace was expected")),
    };
    let path = match member(all, "path") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) => {
            Some(Path::read(text).map_err(|w| Error::bad(ScimType::InvalidPath, format!("path: {w}")))?)
        }
        Some(_) => return Err(bad("path: a text was expected")),
    };
    let value = member(all, "value").cloned();
    if verb == Verb::Remove && path.is_none() {
        return Err(Error::bad(ScimType::NoTarget, "remove needs a path"));
    }
    if verb != Verb::Remove && value.is_none() {
        return Err(Error::bad(ScimType::InvalidValue, "value: is missing"));
    }
    Ok(Operation { verb, path, value })
}

/// The resource after all operations, in their order; none is done when one of them cannot be done.
///
/// An object without path may name read-only attributes, which are left alone (a common directory repeats the id there); a
/// path to one is an error.
///
/// # Errors
/// `invalidPath`, `mutability`, `noTarget`, `invalidValue`, each with the number of the operation.
pub fn apply(of: &ResourceType, resource: &Value, operations: &[Operation]) -> Result<Value, Error> {
    let mut out = resource.clone();
    for (n, o) in operations.iter().enumerate() {
        step(of, &mut out, o).map_err(|e| nth(n, e))?;
    }
    document::complete(of, &out)?;
    Ok(out)
}

fn step(of: &ResourceType, resource: &mut Value, o: &Operation) -> Result<(), Error> {
    match (&o.path, &o.value) {
        (Some(path), value) => at(of, resource, o.verb, path, value.as_ref()),
        (None, Some(value)) => whole(of, resource, o.verb, value),
        (None, None) => Err(Error::bad(ScimType::NoTarget, "a path is missing")),
    }
}

/// An object without path: each member is an operation of its own.
fn whole(of: &ResourceType, resource: &mut Value, verb: Verb, value: &Value) -> Result<(), Error> {
    let all = value
        .as_object()
        .ok_or_else(|| Error::bad(ScimType::InvalidValue, "without a path an object is expected"))?;
    for (name, value) in all {
        if name.eq_ignore_ascii_case("schemas") {
            continue;
        }
        let path = Path::read(name).map_err(|w| Error::bad(ScimType::InvalidPath, w.to_string()))?;
        if let Some(Target::Attribute(found)) = target(of, &path)
            && read_only(&found)
        {
            continue;
        }
        if target(of, &path).is_none() {
            // As in a POST: what is unknown is left out.
            continue;
        }
        at(of, resource, verb, &path, Some(value))?;
    }
    Ok(())
}

fn read_only(found: &Found) -> bool {
    found.attribute.mutability == Mutability::ReadOnly || found.last().mutability == Mutability::ReadOnly
}

fn target(of: &ResourceType, path: &Path) -> Option<Target> {
    let whole = AttrPath {
        sub: path.sub.clone(),
        ..path.attr.clone()
    };
    of.find(&whole)
}

fn at(
    of: &ResourceType,
    resource: &mut Value,
    verb: Verb,
    path: &Path,
    value: Option<&Value>,
) -> Result<(), Error> {
    let found = match target(of, path) {
        Some(Target::Attribute(found)) => found,
        Some(Target::Extension(schema)) if path.filter.is_none() => {
            return extension(of, resource, verb, schema.id, value);
        }
        _ => {
            return Err(Error::bad(
                ScimType::InvalidPath,
                "path: this type has no such attribute",
            ));
        }
    };
    if read_only(&found) {
        return Err(Error::bad(
            ScimType::Mutability,
            format!("{}: is read-only", found.last().name),
        ));
    }
    if verb == Verb::Remove && path.filter.is_none() && found.last().required {
        return Err(Error::bad(
            ScimType::Mutability,
            format!("{}: is required", found.last().name),
        ));
    }
    let now = Found { sub: None, ..found };
    let now: Vec<Value> = now.values(resource).into_iter().cloned().collect();
    let attribute = found.attribute;
    if attribute.multi {
        let list = match (&path.filter, found.sub) {
            (Some(filter), sub) => matched(attribute, now, filter, sub, verb, value)?,
            (None, Some(sub)) => every(attribute, now, sub, verb, value)?,
            (None, None) => many(attribute, now, verb, value)?,
        };
        if list.len() > MAX_VALUES {
            return Err(document::wrong(attribute, "more values than this service takes"));
        }
        put(resource, &found, (!list.is_empty()).then_some(Value::Array(list)));
        return Ok(());
    }
    if path.filter.is_some() {
        return Err(Error::bad(
            ScimType::InvalidPath,
            format!("{}: has one value, so none can be chosen", attribute.name),
        ));
    }
    let old = now.into_iter().next();
    let new = match found.sub {
        Some(sub) => part(old, sub, verb, value)?,
        None if verb == Verb::Remove => None,
        None if attribute.kind == Kind::Complex => {
            let given = document::value(attribute, value.unwrap_or(&Value::Null))?;
            given.map(|given| merged(old, given))
        }
        None => document::value(attribute, value.unwrap_or(&Value::Null))?,
    };
    put(resource, &found, new);
    Ok(())
}

/// A whole extension: its members one by one, or all of it gone.
fn extension(
    of: &ResourceType,
    resource: &mut Value,
    verb: Verb,
    id: &str,
    value: Option<&Value>,
) -> Result<(), Error> {
    let Some(Value::Object(all)) = value.filter(|_| verb != Verb::Remove) else {
        if verb == Verb::Remove || value == Some(&Value::Null) {
            if let Some(root) = resource.as_object_mut() {
                root.shift_remove(id);
            }
            return Ok(());
        }
        return Err(Error::bad(
            ScimType::InvalidValue,
            "for an extension an object is expected",
        ));
    };
    let named = all
        .iter()
        .map(|(name, value)| (format!("{id}:{name}"), value.clone()));
    let named: Map<String, Value> = named.collect();
    whole(of, resource, verb, &Value::Object(named))
}

fn merged(old: Option<Value>, new: Value) -> Value {
    match (old, new) {
        (Some(Value::Object(mut old)), Value::Object(new)) => {
            old.extend(new);
            Value::Object(old)
        }
        (_, new) => new,
    }
}

/// A complex value with one part changed; nothing when nothing is left of it.
fn part(
    old: Option<Value>,
    sub: &Attribute,
    verb: Verb,
    value: Option<&Value>,
) -> Result<Option<Value>, Error> {
    let mut all = match old {
        Some(Value::Object(all)) => all,
        _ => Map::new(),
    };
    let new = match verb {
        Verb::Remove => None,
        _ => document::value(sub, value.unwrap_or(&Value::Null))?,
    };
    match new {
        Some(new) => {
            all.insert(sub.name.into(), new);
        }
        None => {
            all.shift_remove(sub.name);
        }
    }
    Ok((!all.is_empty()).then_some(Value::Object(all)))
}

/// Values of a list as a request gives them.
fn given(attribute: &Attribute, value: Option<&Value>) -> Result<Vec<Value>, Error> {
    let read = document::value(attribute, value.unwrap_or(&Value::Null))?;
    Ok(match read {
        Some(Value::Array(list)) => list,
        _ => vec![],
    })
}

/// Two values that are one: by `value` and `type` when they have a value, else wholly.
fn same(a: &Value, b: &Value) -> bool {
    match (a.get("value"), b.get("value")) {
        (Some(x), Some(y)) => x == y && (a.get("type") == b.get("type") || b.get("type").is_none()),
        _ => a == b,
    }
}

/// A list as a whole.
fn many(
    attribute: &Attribute,
    mut now: Vec<Value>,
    verb: Verb,
    value: Option<&Value>,
) -> Result<Vec<Value>, Error> {
    match verb {
        Verb::Replace => given(attribute, value),
        Verb::Add => {
            for new in given(attribute, value)? {
                if new.get("primary") == Some(&Value::Bool(true)) {
                    now.iter_mut().for_each(unprimary);
                }
                match now.iter_mut().find(|old| same(old, &new)) {
                    Some(old) => *old = merged(Some(old.take()), new),
                    None => now.push(new),
                }
            }
            Ok(now)
        }
        Verb::Remove => match value.filter(|v| !v.is_null()) {
            // Some directories name the values to remove here instead of in the path. Without this rule all would go.
            Some(_) => {
                let gone = given(attribute, value)?;
                now.retain(|old| !gone.iter().any(|g| same(old, g)));
                Ok(now)
            }
            None => Ok(vec![]),
        },
    }
}

fn unprimary(value: &mut Value) {
    if let Some(all) = value.as_object_mut() {
        all.shift_remove("primary");
    }
}

/// One part of every value of a list.
fn every(
    attribute: &Attribute,
    now: Vec<Value>,
    sub: &Attribute,
    verb: Verb,
    value: Option<&Value>,
) -> Result<Vec<Value>, Error> {
    if now.is_empty() && verb != Verb::Remove {
        return Err(Error::bad(
            ScimType::NoTarget,
            format!("{}: has no value to change", attribute.name),
        ));
    }
    let mut out = vec![];
    for old in now {
        out.extend(part(Some(old), sub, verb, value)?);
    }
    Ok(out)
}

/// The values of a list that a filter matches.
fn matched(
    attribute: &'static Attribute,
    now: Vec<Value>,
    filter: &Filter,
    sub: Option<&'static Attribute>,
    verb: Verb,
    value: Option<&Value>,
) -> Result<Vec<Value>, Error> {
    let hit: Vec<bool> = now.iter().map(|v| filter.matches_value(attribute, v)).collect();
    let none = !hit.contains(&true);
    if none && verb == Verb::Replace {
        return Err(Error::bad(
            ScimType::NoTarget,
            format!("{}: no value matches the filter", attribute.name),
        ));
    }
    let mut out = vec![];
    for (old, hit) in now.into_iter().zip(hit) {
        if !hit {
            out.push(old);
            continue;
        }
        match (sub, verb) {
            (None, Verb::Remove) => {}
            (Some(sub), _) => out.extend(part(Some(old), sub, verb, value)?),
            (None, Verb::Add) => out.extend(
                given(attribute, value)?
                    .into_iter()
                    .map(|g| merged(Some(old.clone()), g)),
            ),
            (None, Verb::Replace) => out.extend(given(attribute, value)?),
        }
    }
    if none && verb == Verb::Add {
        out.push(made(attribute, filter, sub, value)?);
    }
    Ok(out)
}

/// A new value that the filter matches: `emails[type eq "work"].value` added where there is no such value.
fn made(
    attribute: &'static Attribute,
    filter: &Filter,
    sub: Option<&'static Attribute>,
    value: Option<&Value>,
) -> Result<Value, Error> {
    let nothing = || {
        Error::bad(
            ScimType::NoTarget,
            format!(
                "{}: no value matches the filter, and none can be made from it",
                attribute.name
            ),
        )
    };
    let mut base = Map::new();
    for (path, v) in filter.describes().ok_or_else(nothing)? {
        base.insert(path.name.clone(), v.clone());
    }
    let base = document::value(attribute, &Value::Object(base))?;
    let base = match base {
        Some(Value::Array(mut list)) => list.pop(),
        _ => None,
    };
    let new = match sub {
        Some(sub) => part(base, sub, Verb::Add, value)?,
        None => given(attribute, value)?
            .into_iter()
            .next()
            .map(|g| merged(base, g)),
    };
    new.ok_or_else(nothing)
}
