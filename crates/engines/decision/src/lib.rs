//! Decision (决策): DMN decision tables with an explanation of every answer, an analysis of what a table leaves out or
//! says twice, and the expression language that tables, form rules and process conditions share.
//!
//! Pure: no clock, no network, no files. A table is parsed and checked once and then run any number of times. The
//! expression language is FEEL (OMG DMN 1.3, §10) as far as administrative tables go; see [`feel`].

mod analyse;
pub mod feel;
mod number;
mod table;
mod time;
mod xml;

pub use analyse::{Analysis, Finding};
pub use table::{Answer, Decision, Hit, HitPolicy, Input, Output, Rule};

/// Why a model or an expression cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecisionError {
    /// `at` is the character in the text, from 1.
    #[error("expression `{text}`, character {at}: {message}")]
    Expression {
        text: String,
        at: usize,
        message: String,
    },
    /// `at` is the byte in the file.
    #[error("decision model: {message}")]
    Model { at: usize, message: String },
    #[error("{0} rules match under hit policy {1}")]
    TooMany(usize, &'static str),
    #[error("no rule matches")]
    NoRule,
    /// Input, value, what is allowed.
    #[error("{0} is {1}; allowed is {2}")]
    NotAllowed(String, String, String),
}

impl DecisionError {
    /// Where in the file, in bytes; 0 where it is not the file's fault.
    pub fn at(&self) -> usize {
        match self {
            DecisionError::Model { at, .. } => *at,
            _ => 0,
        }
    }
}
