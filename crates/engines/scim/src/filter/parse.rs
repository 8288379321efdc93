//! Reading filters and paths.

use super::{Filter, Op, Wrong};
use crate::path::{AttrPath, Path};
use crate::{MAX_DEPTH, MAX_FILTER, MAX_TERMS};
use serde_json::Value;

pub(super) fn filter(text: &str) -> Result<Filter, Wrong> {
    let mut p = Parser::of(text)?;
    let read = p.or(0)?;
    p.end()?;
    Ok(read)
}

pub(crate) fn path(text: &str) -> Result<Path, Wrong> {
    let mut p = Parser::of(text)?;
    let attr = p.name()?;
    let mut out = Path {
        attr,
        filter: None,
        sub: None,
    };
    if p.peek() == Some(b'[') {
        out.filter = Some(p.brackets(&out.attr, 0)?);
        if p.peek() == Some(b'.') {
            p.at += 1;
            let sub = p.name()?;
            if sub.uri.is_some() || sub.sub.is_some() {
                return Err(p.wrong("a sub-attribute has one name"));
            }
            out.sub = Some(sub.name);
        }
    } else {
        out.sub = out.attr.sub.take();
    }
    p.end()?;
    Ok(out)
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
    terms: usize,
    /// Within brackets, where no further brackets may stand.
    inside: bool,
}

impl<'a> Parser<'a> {
    fn of(text: &'a str) -> Result<Parser<'a>, Wrong> {
        if text.chars().count() > MAX_FILTER {
            return Err(Wrong {
                at: MAX_FILTER + 1,
                why: "longer than this service reads",
            });
        }
        Ok(Parser {
            text,
            at: 0,
            terms: 0,
            inside: false,
        })
    }

    fn wrong(&self, why: &'static str) -> Wrong {
        Wrong {
            at: self.text[..self.at].chars().count() + 1,
            why,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Wrong> {
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("the end was expected")),
        }
    }

    fn take(&mut self, c: u8, why: &'static str) -> Result<(), Wrong> {
        self.space();
        if self.peek() != Some(c) {
            return Err(self.wrong(why));
        }
        self.at += 1;
        Ok(())
    }

    /// Letters, digits and what else stands in names and URIs.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let own = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '$');
        let len = rest.find(|c| !own(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Takes this word, if it comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.at;
        self.space();
        if self.word().eq_ignore_ascii_case(keyword) {
            return true;
        }
        self.at = before;
        false
    }

    fn name(&mut self) -> Result<AttrPath, Wrong> {
        let before = self.at;
        let word = self.word();
        AttrPath::read(word).ok_or_else(|| {
            self.at = before;
            self.wrong("the name of an attribute was expected")
        })
    }

    fn or(&mut self, depth: usize) -> Result<Filter, Wrong> {
        let mut all = vec![self.and(depth)?];
        while self.keyword("or") {
            all.push(self.and(depth)?);
        }
        Ok(single(all, Filter::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Filter, Wrong> {
        let mut all = vec![self.term(depth)?];
        while self.keyword("and") {
            all.push(self.term(depth)?);
        }
        Ok(single(all, Filter::And))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Wrong> {
        self.space();
        if depth > MAX_DEPTH {
            return Err(self.wrong("nested deeper than this service reads"));
        }
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.wrong("more terms than this service reads"));
        }
        if self.peek() == Some(b'(') {
            return self.group(depth);
        }
        let before = self.at;
        if self.keyword("not") {
            self.space();
            if self.peek() == Some(b'(') {
                return Ok(Filter::Not(Box::new(self.group(depth)?)));
            }
            self.at = before;
        }
        let path = self.name()?;
        if self.peek() == Some(b'[') {
            if self.inside {
                return Err(self.wrong("brackets within brackets"));
            }
            let filter = Box::new(self.brackets(&path, depth)?);
            return Ok(Filter::Values { path, filter });
        }
        self.comparison(path)
    }

    fn group(&mut self, depth: usize) -> Result<Filter, Wrong> {
        self.at += 1;
        let read = self.or(depth + 1)?;
        self.take(b')', "a closing parenthesis was expected")?;
        Ok(read)
    }

    fn brackets(&mut self, path: &AttrPath, depth: usize) -> Result<Filter, Wrong> {
        if path.sub.is_some() {
            return Err(self.wrong("brackets follow an attribute, not a sub-attribute"));
        }
        self.at += 1;
        self.inside = true;
        let read = self.or(depth + 1)?;
        self.take(b']', "a closing bracket was expected")?;
        self.inside = false;
        Ok(read)
    }

    fn comparison(&mut self, path: AttrPath) -> Result<Filter, Wrong> {
        if self.peek() != Some(b' ') {
            return Err(self.wrong("an operator was expected"));
        }
        self.space();
        let before = self.at;
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let Some(op) = Op::read(word) else {
            self.at = before;
            return Err(self.wrong("an operator was expected: eq ne co sw ew gt ge lt le pr"));
        };
        self.space();
        let value = self.value()?;
        let text = value.is_string();
        if matches!(op, Op::Co | Op::Sw | Op::Ew) && !text {
            return Err(self.wrong("this operator compares texts"));
        }
        if matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le) && !text && !value.is_number() {
            return Err(self.wrong("this operator compares texts, numbers and times"));
        }
        Ok(Filter::Compare { path, op, value })
    }

    /// A JSON text, number, true, false or null.
    fn value(&mut self) -> Result<Value, Wrong> {
        let rest = &self.text[self.at..];
        let len = if rest.starts_with('"') {
            closing(rest).ok_or_else(|| self.wrong("a text without its closing quotation mark"))?
        } else {
            rest.find([' ', ')', ']']).unwrap_or(rest.len())
        };
        let word = &rest[..len];
        let lower = word.to_ascii_lowercase();
        let read = match lower.as_str() {
            // Written as a programmer of another language would: no other reading is possible.
            "true" | "false" | "null" => serde_json::from_str(&lower),
            _ if word.starts_with(['[', '{']) => return Err(self.wrong("a single value was expected")),
            _ => serde_json::from_str::<Value>(word),
        };
        let value = read.map_err(|_| {
            self.wrong("a value was expected: a text in quotation marks, a number, true, false or null")
        })?;
        self.at += len;
        Ok(value)
    }
}

fn single(mut all: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match all.len() {
        1 => all.remove(0),
        _ => many(all),
    }
}

/// Bytes up to and with the quotation mark that closes the text at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (n, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(n + 1),
            _ => {}
        }
    }
    None
}
