//! What a source is and how its file is examined: pure functions of definition and bytes.

mod examine;
#[cfg(test)]
mod tests;

pub(crate) use examine::{examine, header};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A data element (数据元): what a form field, a library column and an exchange field mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Element {
    pub id: String,
    pub name: String,
    pub name_en: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// L1 (open) to L4 (most protected).
    pub grade: String,
    /// The standard that defines it.
    #[serde(rename = "source")]
    pub standard: Option<String>,
    /// The codes of an enum.
    pub values: Vec<String>,
}

/// A closed set of names, as packs, tables and texts write them.
macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $kind { $(#[serde(rename = $name)] $variant),+ }
        impl $kind {
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];
            pub(crate) fn parse(name: &str) -> Option<$kind> {
                match name { $($name => Some($kind::$variant),)+ _ => None }
            }
            pub(crate) fn name(self) -> &'static str {
                match self { $($kind::$variant => $name),+ }
            }
        }
    };
}
names! {
    /// What a cell must be; an empty cell passes none of them.
    Check {
        CitizenId = "citizen-id", CreditCode = "credit-code", Date = "date", NotEmpty = "not-empty",
        Phone = "phone", Enum = "enum",
    }
}
names! {
    /// What a failed rule does: the row is left out, or only the cell.
    Severity { Reject = "reject", Warn = "warn" }
}
names! {
    /// By what a source's rows name their subject.
    KeyKind { CitizenId = "citizen-id", CreditCode = "credit-code" }
}

impl KeyKind {
    fn check(self) -> Check {
        match self {
            KeyKind::CitizenId => Check::CitizenId,
            KeyKind::CreditCode => Check::CreditCode,
        }
    }
    /// The subject kind in identity.
    pub(crate) fn subject(self) -> &'static str {
        match self {
            KeyKind::CitizenId => "natural",
            KeyKind::CreditCode => "legal",
        }
    }
    /// The element that holds the subject's name.
    pub(crate) fn name_element(self) -> &'static str {
        match self {
            KeyKind::CitizenId => "name",
            KeyKind::CreditCode => "firm-name",
        }
    }
    pub(crate) fn phone_element(self) -> &'static str {
        match self {
            KeyKind::CitizenId => "phone",
            KeyKind::CreditCode => "firm-phone",
        }
    }
    /// The six division digits inside a code that passed its check.
    pub(crate) fn area(self, code: &str) -> &str {
        match self {
            KeyKind::CitizenId => code.get(..6),
            KeyKind::CreditCode => code.get(2..8),
        }
        .unwrap_or_default()
    }
}

/// One rule: the column, the element its cells are kept as, and what they must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub column: String,
    pub element: String,
    pub check: Check,
    pub severity: Severity,
    /// The codes an enum allows.
    pub values: Vec<String>,
}

/// A file that feeds a base library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub id: String,
    pub file: String,
    /// `population` or `legal-person`.
    pub library: String,
    pub name: String,
    pub name_en: String,
    /// Organisation id of who answers for it.
    pub authority: String,
    /// Column of the code that names the subject.
    pub key: String,
    pub key_kind: KeyKind,
    /// Column of the legal date of a row.
    pub as_of: String,
    pub rules: Vec<Rule>,
}

/// What a rule found, at a line of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Issue {
    /// 1-based.
    pub line: i64,
    /// Empty when the row as a whole is meant.
    pub column: String,
    /// A name of [`Check`], or `shape`, `duplicate`, `conflict`, `older`.
    pub rule: &'static str,
    pub severity: Severity,
    /// Locale key.
    pub reason: String,
    /// The line that this one repeats or contradicts.
    pub other: Option<i64>,
    pub masked: Option<String>,
}

/// A cell to be kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    pub text: String,
    pub as_of: String,
    pub line: i64,
}

/// What a file holds: counts, issues, and the newest good cell of each subject code and element.
///
/// `read = accepted + rejected`; `warned` counts accepted rows with an issue.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Examined {
    pub read: i64,
    pub accepted: i64,
    pub rejected: i64,
    pub warned: i64,
    /// Oldest and newest date of the accepted rows.
    pub as_of: Option<(String, String)>,
    pub issues: Vec<Issue>,
    pub held: BTreeMap<String, BTreeMap<String, Cell>>,
}
