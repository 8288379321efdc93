//! A compact FEEL: numbers, strings, booleans, null, dotted names, arithmetic, comparison, `and`/`or`/`not(..)`, `in`
//! with ranges and lists, `if..then..else`, and the functions `count`, `contains`, `starts with` (as `starts_with`),
//! `string length` (as `length`), `min`, `max`, `date`, `defined`. Dates are ISO strings, which order as dates do.
//!
//! Names that are not there evaluate to `null`; a comparison with `null` is `null`, and only `true` counts as holding,
//! as in the standard's three-valued logic.

use crate::DecisionError;
use serde_json::{Number, Value as Json};
use std::cmp::Ordering;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Literal(Json),
    Name(Vec<String>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Test>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
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
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Sign(&'static str),
}

const SIGNS: &[&str] = &[
    "..", "<=", ">=", "!=", "==", "=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", ".",
];
/// Deeper nesting than any person writes; keeps a hostile model from exhausting the stack.
const DEPTH: usize = 64;

fn wrong(text: &str, message: impl Into<String>) -> DecisionError {
    DecisionError::Expression {
        text: text.to_string(),
        message: message.into(),
    }
}

fn scan(text: &str) -> Result<Vec<Token>, DecisionError> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        if c == '"' || c == '\'' {
            let body = &rest[1..];
            let end = body
                .find(c)
                .ok_or_else(|| wrong(text, "a string is not closed"))?;
            out.push(Token::Text(body[..end].to_string()));
            rest = &body[end + 1..];
        } else if c.is_ascii_digit() {
            // `1..5` is a range, not the number `1.`.
            let mut end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let tail = &rest[end..];
            if tail.starts_with('.') && tail[1..].starts_with(|c: char| c.is_ascii_digit()) {
                end += 1 + tail[1..]
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(tail.len() - 1);
            }
            out.push(Token::Number(
                rest[..end].parse().map_err(|_| wrong(text, "not a number"))?,
            ));
            rest = &rest[end..];
        } else if c.is_alphabetic() || c == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            out.push(Token::Word(rest[..end].to_string()));
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            out.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            return Err(wrong(text, format!("unexpected `{c}`")));
        }
        rest = rest.trim_start();
    }
    Ok(out)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }
    fn sign(&mut self, sign: &str) -> bool {
        let hit = matches!(self.peek(), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(hit);
        hit
    }
    fn word(&mut self, word: &str) -> bool {
        let hit = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(hit);
        hit
    }
    fn need(&mut self, sign: &str) -> Result<(), DecisionError> {
        if self.sign(sign) {
            Ok(())
        } else {
            Err(self.wrong(format!("`{sign}` is missing")))
        }
    }
    fn wrong(&self, message: impl Into<String>) -> DecisionError {
        wrong(self.text, message)
    }

    fn expression(&mut self) -> Result<Expr, DecisionError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("nested too deeply"));
        }
        let out = if self.word("if") {
            let condition = self.expression()?;
            if !self.word("then") {
                return Err(self.wrong("`then` is missing"));
            }
            let yes = self.expression()?;
            if !self.word("else") {
                return Err(self.wrong("`else` is missing"));
            }
            Ok(Expr::If(
                Box::new(condition),
                Box::new(yes),
                Box::new(self.expression()?),
            ))
        } else {
            self.level(0)
        };
        self.depth -= 1;
        out
    }

    /// Binary operators by rising precedence.
    fn level(&mut self, level: usize) -> Result<Expr, DecisionError> {
        const LEVELS: &[&[(&str, Op)]] = &[
            &[("or", Op::Or)],
            &[("and", Op::And)],
            &[
                ("==", Op::Eq),
                ("=", Op::Eq),
                ("!=", Op::Ne),
                ("<=", Op::Le),
                (">=", Op::Ge),
                ("<", Op::Lt),
                (">", Op::Gt),
            ],
            &[("+", Op::Add), ("-", Op::Sub)],
            &[("*", Op::Mul), ("/", Op::Div)],
        ];
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.level(level + 1)?;
        'more: loop {
            for (name, op) in *operators {
                let hit = if level < 2 {
                    self.word(name)
                } else {
                    self.sign(name)
                };
                if hit {
                    left = Expr::Binary(*op, Box::new(left), Box::new(self.level(level + 1)?));
                    continue 'more;
                }
            }
            if level == 2 && self.word("in") {
                let tests = if self.sign("(") && !self.range_ahead() {
                    let tests = self.tests()?;
                    self.need(")")?;
                    tests
                } else {
                    vec![self.test()?]
                };
                left = Expr::In(Box::new(left), tests);
                continue 'more;
            }
            return Ok(left);
        }
    }

    /// After a consumed `(`: does a `..` come before the closing bracket? Then it opened a range and is given back.
    fn range_ahead(&mut self) -> bool {
        let mut deep = 0;
        for t in &self.tokens[self.at..] {
            match t {
                Token::Sign("(") => deep += 1,
                Token::Sign(")") if deep == 0 => return false,
                Token::Sign(")") => deep -= 1,
                Token::Sign("..") if deep == 0 => {
                    self.at -= 1;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn unary(&mut self) -> Result<Expr, DecisionError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("nested too deeply"));
        }
        let out = self.atom();
        self.depth -= 1;
        out
    }

    fn atom(&mut self) -> Result<Expr, DecisionError> {
        if self.sign("-") {
            return Ok(Expr::Negate(Box::new(self.unary()?)));
        }
        if self.sign("(") {
            let inner = self.expression()?;
            self.need(")")?;
            return Ok(inner);
        }
        match self.tokens.get(self.at).cloned() {
            Some(Token::Number(n)) => {
                self.at += 1;
                Ok(Expr::Literal(number(n)))
            }
            Some(Token::Text(t)) => {
                self.at += 1;
                Ok(Expr::Literal(t.into()))
            }
            Some(Token::Word(w)) => {
                self.at += 1;
                match w.as_str() {
                    "true" => return Ok(Expr::Literal(true.into())),
                    "false" => return Ok(Expr::Literal(false.into())),
                    "null" => return Ok(Expr::Literal(Json::Null)),
                    _ => {}
                }
                if self.sign("(") {
                    let mut arguments = Vec::new();
                    if !self.sign(")") {
                        loop {
                            arguments.push(self.expression()?);
                            if self.sign(")") {
                                break;
                            }
                            self.need(",")?;
                        }
                    }
                    return match (w.as_str(), arguments.len()) {
                        ("not", 1) => Ok(Expr::Not(Box::new(arguments.remove(0)))),
                        ("count" | "length" | "date" | "defined", 1) | ("contains" | "starts_with", 2) => {
                            Ok(Expr::Call(w, arguments))
                        }
                        ("min" | "max", 1..) => Ok(Expr::Call(w, arguments)),
                        _ => Err(self.wrong(format!("no function `{w}` with {} arguments", arguments.len()))),
                    };
                }
                let mut path = vec![w];
                while self.sign(".") {
                    match self.tokens.get(self.at).cloned() {
                        Some(Token::Word(next)) => {
                            self.at += 1;
                            path.push(next);
                        }
                        _ => return Err(self.wrong("a name is missing after `.`")),
                    }
                }
                Ok(Expr::Name(path))
            }
            other => Err(self.wrong(match other {
                None => "it ends too early".to_string(),
                Some(t) => format!("unexpected {t:?}"),
            })),
        }
    }

    fn tests(&mut self) -> Result<Vec<Test>, DecisionError> {
        let mut tests = vec![self.test()?];
        while self.sign(",") {
            tests.push(self.test()?);
        }
        Ok(tests)
    }

    fn test(&mut self) -> Result<Test, DecisionError> {
        if self.tokens.len() == self.at + 1 && self.sign("-") {
            return Ok(Test::Any);
        }
        if matches!(self.peek(), Some(Token::Word(w)) if w == "not") {
            self.at += 1;
            self.need("(")?;
            let inner = self.tests()?;
            self.need(")")?;
            return Ok(Test::Not(inner));
        }
        for (sign, op) in [
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("<", Op::Lt),
            (">", Op::Gt),
            ("!=", Op::Ne),
            ("=", Op::Eq),
        ] {
            if self.sign(sign) {
                return Ok(Test::Compare(op, self.level(3)?));
            }
        }
        let start = self.at;
        for (sign, low_open) in [("[", false), ("(", true), ("]", true)] {
            if self.sign(sign) {
                let low = self.level(3)?;
                if !self.sign("..") {
                    self.at = start;
                    break;
                }
                let high = self.level(3)?;
                let high_open = if self.sign("]") {
                    false
                } else if self.sign(")") || self.sign("[") {
                    true
                } else {
                    return Err(self.wrong("the range is not closed"));
                };
                return Ok(Test::Range {
                    low,
                    low_open,
                    high,
                    high_open,
                });
            }
        }
        Ok(Test::Compare(Op::Eq, self.level(3)?))
    }

    fn done(&self) -> Result<(), DecisionError> {
        if self.at == self.tokens.len() {
            Ok(())
        } else {
            Err(self.wrong("text is left over at the end"))
        }
    }
}

fn number(n: f64) -> Json {
    if n.fract() == 0.0 && n.abs() < 9e15 {
        (n as i64).into()
    } else {
        Number::from_f64(n).map_or(Json::Null, Json::Number)
    }
}

/// Parses an expression.
pub fn parse(text: &str) -> Result<Expr, DecisionError> {
    let mut p = Parser {
        text,
        tokens: scan(text)?,
        at: 0,
        depth: 0,
    };
    let out = p.expression()?;
    p.done()?;
    Ok(out)
}

/// Parses the unary tests of an input cell; `-` and nothing mean anything.
pub fn parse_tests(text: &str) -> Result<Vec<Test>, DecisionError> {
    let mut p = Parser {
        text,
        tokens: scan(text)?,
        at: 0,
        depth: 0,
    };
    if p.tokens.is_empty() {
        return Ok(vec![Test::Any]);
    }
    let out = p.tests()?;
    p.done()?;
    Ok(out)
}

/// Evaluates; what cannot be computed is `null`.
pub fn evaluate(expr: &Expr, names: &Json) -> Json {
    match expr {
        Expr::Literal(v) => v.clone(),
        Expr::Name(path) => path
            .iter()
            .try_fold(names, |v, p| v.get(p))
            .cloned()
            .unwrap_or(Json::Null),
        Expr::Not(e) => match evaluate(e, names) {
            Json::Bool(b) => (!b).into(),
            _ => Json::Null,
        },
        Expr::Negate(e) => evaluate(e, names).as_f64().map_or(Json::Null, |n| number(-n)),
        Expr::Binary(Op::And, a, b) => match (evaluate(a, names).as_bool(), evaluate(b, names).as_bool()) {
            (Some(false), _) | (_, Some(false)) => false.into(),
            (Some(true), Some(true)) => true.into(),
            _ => Json::Null,
        },
        Expr::Binary(Op::Or, a, b) => match (evaluate(a, names).as_bool(), evaluate(b, names).as_bool()) {
            (Some(true), _) | (_, Some(true)) => true.into(),
            (Some(false), Some(false)) => false.into(),
            _ => Json::Null,
        },
        Expr::Binary(op, a, b) => {
            let (a, b) = (evaluate(a, names), evaluate(b, names));
            match op {
                Op::Add | Op::Sub | Op::Mul | Op::Div => arithmetic(*op, &a, &b),
                _ => compare(*op, &a, &b).map_or(Json::Null, Json::Bool),
            }
        }
        Expr::In(value, tests) => {
            let v = evaluate(value, names);
            tests.iter().any(|t| test(t, &v, names)).into()
        }
        Expr::If(c, yes, no) => evaluate(
            if evaluate(c, names) == Json::Bool(true) {
                yes
            } else {
                no
            },
            names,
        ),
        Expr::Call(name, arguments) => {
            let values: Vec<Json> = arguments.iter().map(|a| evaluate(a, names)).collect();
            call(name, &values)
        }
    }
}

/// Does the expression evaluate to `true`?
pub fn holds(expr: &Expr, names: &Json) -> bool {
    evaluate(expr, names) == Json::Bool(true)
}

/// Does a unary test accept the value?
pub fn test(t: &Test, value: &Json, names: &Json) -> bool {
    match t {
        Test::Any => true,
        Test::Not(inner) => !inner.iter().any(|t| test(t, value, names)),
        Test::Compare(op, e) => compare(*op, value, &evaluate(e, names)) == Some(true),
        Test::Range {
            low,
            low_open,
            high,
            high_open,
        } => {
            let above = if *low_open { Op::Gt } else { Op::Ge };
            let below = if *high_open { Op::Lt } else { Op::Le };
            compare(above, value, &evaluate(low, names)) == Some(true)
                && compare(below, value, &evaluate(high, names)) == Some(true)
        }
    }
}

fn order(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn compare(op: Op, a: &Json, b: &Json) -> Option<bool> {
    if op == Op::Eq || op == Op::Ne {
        let same = match (a, b) {
            (Json::Null, Json::Null) => true,
            (Json::Null, _) | (_, Json::Null) => false,
            (Json::Array(list), one) if !one.is_array() => list.contains(one),
            _ => order(a, b).map_or(a == b, |o| o == Ordering::Equal),
        };
        return Some(same == (op == Op::Eq));
    }
    let o = order(a, b)?;
    Some(match op {
        Op::Lt => o == Ordering::Less,
        Op::Le => o != Ordering::Greater,
        Op::Gt => o == Ordering::Greater,
        _ => o != Ordering::Less,
    })
}

fn arithmetic(op: Op, a: &Json, b: &Json) -> Json {
    if let (Op::Add, Json::String(a), Json::String(b)) = (op, a, b) {
        return format!("{a}{b}").into();
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else {
        return Json::Null;
    };
    match op {
        Op::Add => number(a + b),
        Op::Sub => number(a - b),
        Op::Mul => number(a * b),
        _ if b == 0.0 => Json::Null,
        _ => number(a / b),
    }
}

fn call(name: &str, values: &[Json]) -> Json {
    match (name, values) {
        ("count", [Json::Array(a)]) => a.len().into(),
        ("count", [Json::Null]) => 0.into(),
        ("length", [Json::String(s)]) => s.chars().count().into(),
        ("date", [Json::String(s)]) => s.clone().into(),
        ("defined", [v]) => (!v.is_null()).into(),
        ("contains", [Json::String(a), Json::String(b)]) => a.contains(b.as_str()).into(),
        ("contains", [Json::Array(a), b]) => a.contains(b).into(),
        ("starts_with", [Json::String(a), Json::String(b)]) => a.starts_with(b.as_str()).into(),
        ("min" | "max", all) => {
            let numbers: Vec<f64> = all.iter().filter_map(Json::as_f64).collect();
            if numbers.len() != all.len() {
                return Json::Null;
            }
            let pick = if name == "min" { f64::min } else { f64::max };
            numbers.into_iter().reduce(pick).map_or(Json::Null, number)
        }
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn eval(text: &str) -> Json {
        let names = json!({ "area": 12.5, "purpose": "goods", "days": 3, "ok": true, "d": { "route": "joint" },
            "from": "2026-11-24", "to": "2026-12-01", "list": ["a", "b"], "占用面积": 8 });
        evaluate(&parse(text).unwrap_or_else(|e| panic!("{e}")), &names)
    }

    #[test]
    fn expressions_evaluate() {
        for (text, want) in [
            ("1 + 2 * 3", json!(7)),
            ("(1 + 2) * 3", json!(9)),
            ("10 / 4", json!(2.5)),
            ("1 / 0", json!(null)),
            ("-days + 1", json!(-2)),
            ("area <= 20 and purpose = 'goods'", json!(true)),
            ("d.route == \"joint\"", json!(true)),
            ("to >= from", json!(true)),
            ("missing > 3", json!(null)),
            ("missing = null", json!(true)),
            ("not(ok) or days in [1..3]", json!(true)),
            ("days in (1..3)", json!(false)),
            ("days in [1..3)", json!(false)),
            ("purpose in ('goods', 'other')", json!(true)),
            ("days in (>= 3, < 1)", json!(true)),
            ("if area > 10 then 'big' else 'small'", json!("big")),
            ("contains(list, 'a') and count(list) = 2", json!(true)),
            ("max(days, 10)", json!(10)),
            ("占用面积 < 10", json!(true)),
            ("missing > 1 or true", json!(true)),
            ("missing > 1 and false", json!(false)),
        ] {
            assert_eq!(eval(text), want, "{text}");
        }
    }

    #[test]
    fn wrong_expressions_say_why() {
        for text in [
            "",
            "1 +",
            "'open",
            "f(1)",
            "a b",
            "days in [1..3",
            "#",
            "if a then b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(
            parse(&"(".repeat(100_000)).is_err(),
            "deep nesting is refused, not a stack overflow"
        );
        assert!(parse(&"-".repeat(100_000)).is_err());
    }

    #[test]
    fn unary_tests() {
        for (cell, value, want) in [
            ("-", json!(1), true),
            ("", json!(1), true),
            ("< 10", json!(9), true),
            ("[10..20)", json!(20), false),
            ("\"goods\",\"promotion\"", json!("promotion"), true),
            ("not(\"goods\")", json!("goods"), false),
            ("true", json!(true), true),
            ("-5", json!(-5), true),
            (">= 3, 1", json!(2), false),
        ] {
            let tests = parse_tests(cell).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(
                tests.iter().any(|t| test(t, &value, &json!({}))),
                want,
                "{cell} {value}"
            );
        }
    }
}
