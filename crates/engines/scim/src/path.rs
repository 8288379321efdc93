//! Names of attributes and paths of PATCH (RFC 7644 §3.10, §3.5.2).

use crate::filter::{Filter, Wrong};
use std::fmt;

/// `[URI ":"] name ["." sub]`, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttrPath {
    /// URI of a schema.
    pub uri: Option<String>,
    pub name: String,
    pub sub: Option<String>,
}

impl AttrPath {
    /// Reads a name; `None` when it is none.
    pub fn read(text: &str) -> Option<AttrPath> {
        let (uri, rest) = match text.rsplit_once(':') {
            Some((uri, rest)) if uri.len() > 4 && uri[..4].eq_ignore_ascii_case("urn:") => {
                (Some(uri.to_string()), rest)
            }
            Some(_) => return None,
            None => (None, text),
        };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let good = is_name(name) && sub.is_none_or(is_name);
        good.then(|| AttrPath {
            uri,
            name: name.into(),
            sub: sub.map(str::to_string),
        })
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(uri) = &self.uri {
            write!(f, "{uri}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// `$ref` is the one name of the standards that does not begin with a letter.
fn is_name(text: &str) -> bool {
    let own = text.strip_prefix('$').unwrap_or(text);
    own.starts_with(|c: char| c.is_ascii_alphabetic())
        && own
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// A path of PATCH: an attribute, perhaps only those of its values that a filter matches, perhaps a sub-attribute of those.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub attr: AttrPath,
    pub filter: Option<Filter>,
    pub sub: Option<String>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// Where it goes wrong, and why.
    pub fn read(text: &str) -> Result<Path, Wrong> {
        crate::filter::parse::path(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.attr)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}
