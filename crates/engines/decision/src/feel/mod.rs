//! The expression language of tables, form rules and conditions: FEEL (OMG DMN 1.3, §10) as far as administrative tables
//! go, which is everything but user functions, sorting by function and regular expressions.
//!
//! - Values: exact decimals, text, booleans, dates, times, durations, lists, contexts, `null`. JSON has no dates: a text
//!   that is compared or computed with a date, a time or a duration is read as one.
//! - What cannot be computed is `null`; a comparison with `null` is `null`, and only `true` counts as holding, as in the
//!   standard's three-valued logic. A list equals a single value when it holds it (a form field with several choices).
//! - Nothing reaches outside: no clock (`today()` is refused, the day is an input), no files, no network, no external
//!   functions. Nesting and steps are limited, since tables are input.

mod eval;
mod functions;
mod parser;
mod value;

pub(crate) use eval::{Machine, Scope};
pub use eval::{evaluate, holds, test};
pub use parser::{parse, parse_tests};
pub(crate) use value::{Value, compare};

use serde_json::Value as Json;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Literal(Value),
    /// A name and the names behind its points.
    Name(Vec<String>),
    /// `?`: the value that a unary test is about.
    Input,
    Path(Box<Expr>, String),
    Negate(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Test>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(&'static str, Vec<Expr>),
    List(Vec<Expr>),
    Context(Vec<(String, Expr)>),
    /// A list and an index, or a condition on each item.
    Filter(Box<Expr>, Box<Expr>),
    For(Vec<(String, Source)>, Box<Expr>),
    /// `true` for `every`, `false` for `some`.
    Quantified(bool, Vec<(String, Source)>, Box<Expr>),
}

/// What a `for`, `some` or `every` runs over.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    List(Expr),
    /// Whole numbers from one to the other, upwards or downwards.
    Range(Expr, Expr),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

/// One unary test of an input cell or of `in (…)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    Any,
    Compare(Op, Expr),
    Range {
        low: Expr,
        low_open: bool,
        high: Expr,
        high_open: bool,
    },
    Not(Vec<Test>),
    /// An expression over `?`.
    Holds(Expr),
}

impl Expr {
    /// A value that depends on nothing.
    pub(crate) fn constant(&self) -> Option<Value> {
        let constant = match self {
            Expr::Literal(_) => true,
            Expr::Negate(e) => e.constant().is_some(),
            Expr::Call("date" | "time" | "date and time" | "duration", all) => {
                all.iter().all(|a| a.constant().is_some())
            }
            _ => false,
        };
        constant.then(|| Machine::new().eval(self, &Scope::Root(&Json::Null)))
    }
}

#[cfg(test)]
mod tests;
