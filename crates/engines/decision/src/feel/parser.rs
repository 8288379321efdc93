//! From text to [`Expr`]: a scanner and a recursive parser; what is wrong is told with its place.

use super::{Expr, Op, Source, Test, Value, functions};
use crate::DecisionError;
use crate::number::Decimal;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(Decimal),
    Text(String),
    Word(String),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Number(n) => write!(f, "{n}"),
            Token::Text(t) => write!(f, "\"{t}\""),
            Token::Word(w) => write!(f, "{w}"),
            Token::Sign(s) => write!(f, "{s}"),
        }
    }
}

const SIGNS: &[&str] = &[
    "..", "<=", ">=", "!=", "==", "**", "=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", "{", "}", ",",
    ".", ":", "?", "@",
];
/// Deeper nesting than any person writes; keeps a hostile model from exhausting the stack.
const DEPTH: usize = 64;

fn wrong(text: &str, at: usize, message: impl Into<String>) -> DecisionError {
    DecisionError::Expression {
        text: text.to_string(),
        at: text.get(..at).map_or(0, |before| before.chars().count()) + 1,
        message: message.into(),
    }
}

/// A string from behind its opening quote: its value and what follows the closing one.
fn quoted(body: &str, quote: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((out, &body[at + c.len_utf8()..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                'u' => {
                    let hex: String = (0..4).filter_map(|_| chars.next().map(|(_, c)| c)).collect();
                    out.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
                }
                c @ ('"' | '\'' | '\\') => out.push(c),
                other => {
                    out.push('\\');
                    out.push(other);
                }
            },
            c => out.push(c),
        }
    }
    None
}

fn scan(text: &str) -> Result<Vec<(Token, usize)>, DecisionError> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let at = text.len() - rest.len();
        if c == '"' || c == '\'' {
            let (value, after) =
                quoted(&rest[1..], c).ok_or_else(|| wrong(text, at, "a string is not closed"))?;
            out.push((Token::Text(value), at));
            rest = after;
        } else if c.is_ascii_digit() {
            // `1..5` is a range, not the number `1.`.
            let mut end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let tail = &rest[end..];
            if tail.starts_with('.') && tail[1..].starts_with(|c: char| c.is_ascii_digit()) {
                end += 1 + tail[1..]
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(tail.len() - 1);
            }
            let number =
                Decimal::parse(&rest[..end]).ok_or_else(|| wrong(text, at, "a number is too long"))?;
            out.push((Token::Number(number), at));
            rest = &rest[end..];
        } else if c.is_alphabetic() || c == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            out.push((Token::Word(rest[..end].to_string()), at));
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            out.push((Token::Sign(sign), at));
            rest = &rest[sign.len()..];
        } else {
            return Err(wrong(text, at, format!("unexpected `{c}`")));
        }
        rest = rest.trim_start();
    }
    Ok(out)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
    /// In the end of a range, where `[` closes it and does not filter.
    end: bool,
}

type Parsed<T> = Result<T, DecisionError>;

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Parsed<Parser<'t>> {
        Ok(Parser {
            text,
            tokens: scan(text)?,
            at: 0,
            depth: 0,
            end: false,
        })
    }
    fn ahead(&self, n: usize) -> Option<&Token> {
        self.tokens.get(self.at + n).map(|(t, _)| t)
    }
    fn sign(&mut self, sign: &str) -> bool {
        let hit = matches!(self.ahead(0), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(hit);
        hit
    }
    fn is_word(&self, n: usize, word: &str) -> bool {
        matches!(self.ahead(n), Some(Token::Word(w)) if w == word)
    }
    fn word(&mut self, word: &str) -> bool {
        let hit = self.is_word(0, word);
        self.at += usize::from(hit);
        hit
    }
    fn need(&mut self, sign: &str) -> Parsed<()> {
        match self.sign(sign) {
            true => Ok(()),
            false => Err(self.wrong(format!("`{sign}` is missing"))),
        }
    }
    fn need_word(&mut self, word: &str) -> Parsed<()> {
        match self.word(word) {
            true => Ok(()),
            false => Err(self.wrong(format!("`{word}` is missing"))),
        }
    }
    fn name(&mut self) -> Parsed<String> {
        match self.ahead(0) {
            Some(Token::Word(w)) => {
                let w = w.clone();
                self.at += 1;
                Ok(w)
            }
            _ => Err(self.wrong("a name is missing")),
        }
    }
    fn wrong(&self, message: impl Into<String>) -> DecisionError {
        let at = self.tokens.get(self.at).map_or(self.text.len(), |(_, at)| *at);
        wrong(self.text, at, message)
    }
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.wrong("nested too deeply"));
        }
        let out = inner(self);
        self.depth -= 1;
        out
    }

    fn expression(&mut self) -> Parsed<Expr> {
        // Inside brackets a `[` filters again.
        let end = std::mem::replace(&mut self.end, false);
        let out = self.deeper(|p| {
            if p.word("if") {
                let condition = p.expression()?;
                p.need_word("then")?;
                let yes = p.expression()?;
                p.need_word("else")?;
                return Ok(Expr::If(
                    Box::new(condition),
                    Box::new(yes),
                    Box::new(p.expression()?),
                ));
            }
            let runs = matches!(p.ahead(1), Some(Token::Word(_))) && p.is_word(2, "in");
            if runs && p.word("for") {
                let sources = p.sources()?;
                p.need_word("return")?;
                return Ok(Expr::For(sources, Box::new(p.expression()?)));
            }
            for (word, every) in [("some", false), ("every", true)] {
                if runs && p.word(word) {
                    let sources = p.sources()?;
                    p.need_word("satisfies")?;
                    return Ok(Expr::Quantified(every, sources, Box::new(p.expression()?)));
                }
            }
            p.level(0)
        });
        self.end = end;
        out
    }

    fn sources(&mut self) -> Parsed<Vec<(String, Source)>> {
        let mut sources = Vec::new();
        loop {
            let name = self.name()?;
            self.need_word("in")?;
            let from = self.level(3)?;
            let source = match self.sign("..") {
                true => Source::Range(from, self.level(3)?),
                false => Source::List(from),
            };
            sources.push((name, source));
            if !self.sign(",") {
                return Ok(sources);
            }
        }
    }

    /// Binary operators by rising precedence.
    fn level(&mut self, level: usize) -> Parsed<Expr> {
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
            &[("**", Op::Pow)],
        ];
        let Some(operators) = LEVELS.get(level) else {
            return self.deeper(Self::unary);
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
            if level == 2 && self.word("between") {
                let low = self.level(3)?;
                self.need_word("and")?;
                let high = self.level(3)?;
                let (low_open, high_open) = (false, false);
                let test = Test::Range {
                    low,
                    low_open,
                    high,
                    high_open,
                };
                left = Expr::In(Box::new(left), vec![test]);
                continue 'more;
            }
            if level == 2 && self.word("in") {
                let listed = matches!(self.ahead(0), Some(Token::Sign("("))) && !self.range_ahead();
                let tests = if listed {
                    self.at += 1;
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

    /// Does the bracket ahead open a range, that is, does a `..` come before its end?
    fn range_ahead(&self) -> bool {
        let mut deep = 0;
        for (t, _) in self.tokens.iter().skip(self.at + 1) {
            match t {
                Token::Sign("..") if deep == 0 => return true,
                Token::Sign("," | "]" | ")" | "}") if deep == 0 => return false,
                Token::Sign("(" | "[" | "{") => deep += 1,
                Token::Sign(")" | "]" | "}") => deep -= 1,
                _ => {}
            }
        }
        false
    }

    fn unary(&mut self) -> Parsed<Expr> {
        if self.sign("-") {
            let inner = self.deeper(Self::unary)?;
            return Ok(match inner {
                Expr::Literal(Value::Number(n)) => Expr::Literal(Value::Number(n.neg())),
                other => Expr::Negate(Box::new(other)),
            });
        }
        let mut left = self.atom()?;
        loop {
            if self.sign(".") {
                let name = self.name()?;
                left = match left {
                    Expr::Name(mut path) => {
                        path.push(name);
                        Expr::Name(path)
                    }
                    other => Expr::Path(Box::new(other), name),
                };
            } else if !self.end && self.sign("[") {
                let condition = self.expression()?;
                self.need("]")?;
                left = Expr::Filter(Box::new(left), Box::new(condition));
            } else {
                return Ok(left);
            }
        }
    }

    fn atom(&mut self) -> Parsed<Expr> {
        let Some(token) = self.ahead(0).cloned() else {
            return Err(self.wrong("it ends too early"));
        };
        if let Token::Word(w) = &token
            && let Some(call) = self.call(w)?
        {
            return Ok(call);
        }
        let start = self.at;
        self.at += 1;
        Ok(match token {
            Token::Number(n) => Expr::Literal(Value::Number(n)),
            Token::Text(t) => Expr::Literal(Value::Text(t)),
            Token::Word(w) => match w.as_str() {
                "true" => Expr::Literal(Value::Bool(true)),
                "false" => Expr::Literal(Value::Bool(false)),
                "null" => Expr::Literal(Value::Null),
                _ => Expr::Name(vec![w]),
            },
            Token::Sign("?") => Expr::Input,
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.need(")")?;
                inner
            }
            Token::Sign("[") => Expr::List(self.list("]")?),
            Token::Sign("{") => self.context()?,
            Token::Sign("@") => {
                let Some(Token::Text(t)) = self.ahead(0).cloned() else {
                    return Err(self.wrong("a text is missing after `@`"));
                };
                let read = ["date", "date and time", "time", "duration"]
                    .into_iter()
                    .find_map(|f| functions::call(f, vec![Value::Text(t.clone())]));
                let value =
                    read.ok_or_else(|| self.wrong(format!("\"{t}\" is no date, time or duration")))?;
                self.at += 1;
                Expr::Literal(value)
            }
            other => {
                self.at = start;
                return Err(self.wrong(format!("unexpected `{other}`")));
            }
        })
    }

    /// The longest run of words before a bracket that names a function.
    fn call(&mut self, first: &str) -> Parsed<Option<Expr>> {
        let mut name = String::new();
        let mut found = None;
        for n in 0..functions::WORDS {
            let Some(Token::Word(w)) = self.ahead(n) else {
                break;
            };
            if n > 0 {
                name.push(' ');
            }
            name.push_str(w);
            if matches!(self.ahead(n + 1), Some(Token::Sign("("))) {
                found = functions::known(&name).map(|f| (f, n + 2));
                break;
            }
        }
        let Some(((function, least, most), taken)) = found else {
            if matches!(self.ahead(1), Some(Token::Sign("("))) {
                return Err(match functions::refused(first) {
                    Some(why) => self.wrong(format!("`{first}`: {why}")),
                    None => self.wrong(format!("there is no function `{first}`")),
                });
            }
            return Ok(None);
        };
        let begin = self.at;
        self.at += taken;
        let arguments = self.list(")")?;
        if arguments.len() < least || arguments.len() > most {
            self.at = begin;
            let given = arguments.len();
            return Err(self.wrong(format!("no function `{function}` with {given} arguments")));
        }
        Ok(Some(Expr::Call(function, arguments)))
    }

    /// Expressions up to the closing sign, the opening one being read.
    fn list(&mut self, close: &str) -> Parsed<Vec<Expr>> {
        let mut items = Vec::new();
        if self.sign(close) {
            return Ok(items);
        }
        loop {
            items.push(self.expression()?);
            if self.sign(close) {
                return Ok(items);
            }
            if !self.sign(",") {
                return Err(self.wrong(format!("`{close}` is missing")));
            }
        }
    }

    fn context(&mut self) -> Parsed<Expr> {
        let mut entries = Vec::new();
        if self.sign("}") {
            return Ok(Expr::Context(entries));
        }
        loop {
            let key = match self.ahead(0) {
                Some(Token::Text(t)) => {
                    let t = t.clone();
                    self.at += 1;
                    t
                }
                _ => self.name()?,
            };
            self.need(":")?;
            entries.push((key, self.expression()?));
            if self.sign("}") {
                return Ok(Expr::Context(entries));
            }
            if !self.sign(",") {
                return Err(self.wrong("`}` is missing"));
            }
        }
    }

    fn tests(&mut self) -> Parsed<Vec<Test>> {
        let mut tests = vec![self.test()?];
        while self.sign(",") {
            tests.push(self.test()?);
        }
        Ok(tests)
    }

    fn test(&mut self) -> Parsed<Test> {
        if self.tokens.len() == self.at + 1 && self.sign("-") {
            return Ok(Test::Any);
        }
        if self.asks_input() {
            return Ok(Test::Holds(self.expression()?));
        }
        if self.is_word(0, "not") && matches!(self.ahead(1), Some(Token::Sign("("))) {
            self.at += 2;
            let inner = self.deeper(Self::tests)?;
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
        for (sign, low_open) in [("[", false), ("(", true), ("]", true)] {
            let opens = matches!(self.ahead(0), Some(Token::Sign(s)) if *s == sign);
            if opens && self.range_ahead() {
                self.at += 1;
                let low = self.level(3)?;
                self.need("..")?;
                let before = std::mem::replace(&mut self.end, true);
                let high = self.level(3);
                self.end = before;
                let high = high?;
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

    /// Does the test ahead, up to its comma, speak of `?`?
    fn asks_input(&self) -> bool {
        let mut deep = 0;
        for (t, _) in self.tokens.iter().skip(self.at) {
            match t {
                Token::Sign("?") => return true,
                Token::Sign("(" | "[" | "{") => deep += 1,
                Token::Sign(")" | "]" | "}") => deep -= 1,
                Token::Sign(",") if deep == 0 => return false,
                _ => {}
            }
            if deep < 0 {
                return false;
            }
        }
        false
    }

    fn done(&self) -> Parsed<()> {
        match self.at == self.tokens.len() {
            true => Ok(()),
            false => Err(self.wrong("text is left over")),
        }
    }
}

/// Parses an expression.
pub fn parse(text: &str) -> Parsed<Expr> {
    let mut p = Parser::new(text)?;
    let out = p.expression()?;
    p.done()?;
    Ok(out)
}

/// Parses the unary tests of an input cell; `-` and nothing mean anything.
pub fn parse_tests(text: &str) -> Parsed<Vec<Test>> {
    let mut p = Parser::new(text)?;
    if p.tokens.is_empty() {
        return Ok(vec![Test::Any]);
    }
    let out = p.tests()?;
    p.done()?;
    Ok(out)
}
