//! Filters (RFC 7644 §3.4.2.2): their grammar, and which resources they match.

mod matching;
pub(crate) use matching::order;
pub(crate) mod parse;

use crate::path::AttrPath;
use crate::{Error, ScimType};
use serde_json::Value;
use std::fmt;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Op {
    const ALL: [(Op, &'static str); 9] = [
        (Op::Eq, "eq"),
        (Op::Ne, "ne"),
        (Op::Co, "co"),
        (Op::Sw, "sw"),
        (Op::Ew, "ew"),
        (Op::Gt, "gt"),
        (Op::Ge, "ge"),
        (Op::Lt, "lt"),
        (Op::Le, "le"),
    ];

    fn read(word: &str) -> Option<Op> {
        let all = Op::ALL.iter();
        all.clone()
            .find(|(_, n)| n.eq_ignore_ascii_case(word))
            .map(|(op, _)| *op)
    }

    /// Name in a filter.
    pub fn as_str(self) -> &'static str {
        Op::ALL[self as usize].1
    }
}

/// A filter as it was read. `and` binds stronger than `or`.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Two or more.
    Or(Vec<Filter>),
    /// Two or more.
    And(Vec<Filter>),
    Not(Box<Filter>),
    Present(AttrPath),
    Compare {
        path: AttrPath,
        op: Op,
        /// Text, number, true, false or null.
        value: Value,
    },
    /// One value of a list matches all of it.
    Values {
        path: AttrPath,
        filter: Box<Filter>,
    },
}

/// Where a filter or path goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} (at character {at})")]
pub struct Wrong {
    /// Characters before it, plus one.
    pub at: usize,
    pub why: &'static str,
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Error {
        Error::bad(ScimType::InvalidFilter, wrong.to_string())
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Where it goes wrong, and why; also when it is longer, deeper or has more terms than this service takes.
    pub fn read(text: &str) -> Result<Filter, Wrong> {
        parse::filter(text)
    }

    /// The text that every match has at this attribute of the core schema, when the filter says so with `eq` at its top: so that
    /// an index can be asked first.
    pub fn demands(&self, name: &str) -> Option<&str> {
        match self {
            Filter::Compare {
                path,
                op: Op::Eq,
                value: Value::String(text),
            } if path.sub.is_none() && path.name.eq_ignore_ascii_case(name) => Some(text),
            Filter::And(all) => all.iter().find_map(|f| f.demands(name)),
            _ => None,
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, all: &[Filter], word: &str| {
            for (n, one) in all.iter().enumerate() {
                if n > 0 {
                    write!(f, " {word} ")?;
                }
                match one {
                    Filter::Or(_) | Filter::And(_) => write!(f, "({one})")?,
                    _ => write!(f, "{one}")?,
                }
            }
            Ok(())
        };
        match self {
            Filter::Or(all) => join(f, all, "or"),
            Filter::And(all) => join(f, all, "and"),
            Filter::Not(one) => write!(f, "not ({one})"),
            Filter::Present(path) => write!(f, "{path} pr"),
            Filter::Compare { path, op, value } => write!(f, "{path} {} {value}", op.as_str()),
            Filter::Values { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}
