//! Decision (决策): DMN decision tables with an explanation of every answer, and the small expression language that
//! tables, form rules and process conditions share.
//!
//! Pure: no clock, no network, no files. A table is parsed and checked once and then run any number of times. The
//! expression language is the part of FEEL (OMG DMN 1.3, §10) that city content needs; see [`feel`].

pub mod feel;
mod table;

pub use table::{Answer, Decision, HitPolicy, Rule};

/// Why a model or an expression cannot be used. `at` is a byte offset in the text, or a row of the table.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecisionError {
    #[error("expression `{text}`: {message}")]
    Expression { text: String, message: String },
    #[error("decision model: {0}")]
    Model(String),
    #[error("{0} rules match under hit policy {1}")]
    TooMany(usize, &'static str),
    #[error("no rule matches")]
    NoRule,
}
