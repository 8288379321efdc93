//! Evaluation. What cannot be computed is `null`.

use super::value::{compare, holds_item};
use super::{Expr, Op, Source, Test, Value, functions};
use crate::time::{DAY, DateTime, Duration, Time};
use serde_json::Value as Json;
use std::cell::Cell;

/// More steps than any table takes; a text that runs further is an attack and answers `null`.
const STEPS: u32 = 1_000_000;
/// The longest list that `for` makes of two numbers.
const RANGE: i64 = 10_000;

/// Where names are looked up, innermost first.
pub(crate) enum Scope<'a> {
    Root(&'a Json),
    Local(&'a str, &'a Value, &'a Scope<'a>),
    Context(&'a [(String, Value)], &'a Scope<'a>),
}

pub(crate) struct Machine {
    steps: Cell<u32>,
}

impl Scope<'_> {
    fn find(&self, path: &[String]) -> Option<(Value, usize)> {
        let first = path.first()?;
        match self {
            Scope::Local(name, value, _) if name == first => Some(((*value).clone(), 1)),
            Scope::Context(entries, outer) => match entries.iter().rfind(|(k, _)| k == first) {
                Some((_, v)) => Some((v.clone(), 1)),
                None => outer.find(path),
            },
            Scope::Local(_, _, outer) => outer.find(path),
            Scope::Root(json) => {
                // As deep as objects go before anything is copied.
                let (mut at, mut used) = (json.get(first)?, 1);
                while let (Some(next), Json::Object(o)) = (path.get(used), at) {
                    at = o.get(next)?;
                    used += 1;
                }
                Some((Value::from_json(at), used))
            }
        }
    }
}

fn property(value: &Value, name: &str) -> Value {
    let number = |n: i64| Value::Number(n.into());
    match (value, name) {
        (Value::Context(c), _) => c
            .iter()
            .rfind(|(k, _)| k == name)
            .map_or(Value::Null, |(_, v)| v.clone()),
        (Value::List(l), _) => Value::List(l.iter().map(|v| property(v, name)).collect()),
        (Value::Date(d), "year") => number(d.parts().0),
        (Value::Date(d), "month") => number(d.parts().1),
        (Value::Date(d), "day") => number(d.parts().2),
        (Value::Date(d), "weekday") => number(d.weekday()),
        (Value::DateTime(t), "hour" | "minute" | "second") => property(&Value::Time(t.time), name),
        (Value::DateTime(t), _) => property(&Value::Date(t.date), name),
        (Value::Time(t), "hour") => number(t.seconds / 3_600),
        (Value::Time(t), "minute") => number(t.seconds / 60 % 60),
        (Value::Time(t), "second") => number(t.seconds % 60),
        (Value::Duration(Duration::Months(m)), "years") => number(m / 12),
        (Value::Duration(Duration::Months(m)), "months") => number(m % 12),
        (Value::Duration(Duration::Seconds(s)), "days") => number(s / DAY),
        (Value::Duration(Duration::Seconds(s)), "hours") => number(s / 3_600 % 24),
        (Value::Duration(Duration::Seconds(s)), "minutes") => number(s / 60 % 60),
        (Value::Duration(Duration::Seconds(s)), "seconds") => number(s % 60),
        (Value::Text(_), _) => value.as_time().map_or(Value::Null, |t| property(&t, name)),
        _ => Value::Null,
    }
}

impl Machine {
    pub fn new() -> Machine {
        Machine {
            steps: Cell::new(STEPS),
        }
    }

    pub fn eval(&self, expr: &Expr, scope: &Scope<'_>) -> Value {
        let left = self.steps.get();
        if left == 0 {
            return Value::Null;
        }
        self.steps.set(left - 1);
        match expr {
            Expr::Literal(v) => v.clone(),
            Expr::Name(path) => match scope.find(path) {
                Some((value, used)) => path[used..].iter().fold(value, |v, p| property(&v, p)),
                None => Value::Null,
            },
            Expr::Input => scope.find(&["?".into()]).map_or(Value::Null, |(v, _)| v),
            Expr::Path(e, name) => property(&self.eval(e, scope), name),
            Expr::Negate(e) => match self.eval(e, scope) {
                Value::Number(n) => Value::Number(n.neg()),
                Value::Duration(d) => Value::Duration(d.neg()),
                _ => Value::Null,
            },
            Expr::Binary(op @ (Op::And | Op::Or), a, b) => {
                // One side may settle it alone.
                let settles = Value::Bool(*op == Op::Or);
                let a = self.eval(a, scope);
                if a == settles {
                    return settles;
                }
                match (a, self.eval(b, scope)) {
                    (_, b) if b == settles => settles,
                    (Value::Bool(_), Value::Bool(b)) => Value::Bool(b),
                    _ => Value::Null,
                }
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.eval(a, scope), self.eval(b, scope));
                match op {
                    Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Pow => {
                        arithmetic(*op, &a, &b).unwrap_or(Value::Null)
                    }
                    _ => compare(*op, &a, &b).map_or(Value::Null, Value::Bool),
                }
            }
            Expr::In(value, tests) => {
                let v = self.eval(value, scope);
                Value::Bool(tests.iter().any(|t| self.test(t, &v, scope)))
            }
            Expr::If(c, yes, no) => match self.eval(c, scope).is_true() {
                true => self.eval(yes, scope),
                false => self.eval(no, scope),
            },
            Expr::Call(name, arguments) => {
                let values = arguments.iter().map(|a| self.eval(a, scope)).collect();
                functions::call(name, values).unwrap_or(Value::Null)
            }
            Expr::List(items) => Value::List(items.iter().map(|e| self.eval(e, scope)).collect()),
            Expr::Context(entries) => {
                let mut made: Vec<(String, Value)> = Vec::new();
                for (key, e) in entries {
                    let value = self.eval(e, &Scope::Context(&made, scope));
                    made.push((key.clone(), value));
                }
                Value::Context(made)
            }
            Expr::Filter(list, condition) => self.filter(self.eval(list, scope), condition, scope),
            Expr::For(sources, body) => {
                let mut out = Vec::new();
                let full = self.each(sources, scope, &mut |inner| {
                    out.push(self.eval(body, inner));
                    true
                });
                full.map_or(Value::Null, |_| Value::List(out))
            }
            Expr::Quantified(every, sources, condition) => {
                let (mut settled, mut unknown) = (false, false);
                let run = self.each(sources, scope, &mut |inner| {
                    match self.eval(condition, inner) {
                        Value::Bool(b) => settled |= b != *every,
                        _ => unknown = true,
                    }
                    !settled
                });
                match run {
                    None => Value::Null,
                    _ if settled => Value::Bool(!every),
                    _ if unknown => Value::Null,
                    _ => Value::Bool(*every),
                }
            }
        }
    }

    /// Runs through all combinations while `then` wants more; `None` when something is no list.
    fn each(
        &self,
        sources: &[(String, Source)],
        scope: &Scope<'_>,
        then: &mut dyn FnMut(&Scope<'_>) -> bool,
    ) -> Option<bool> {
        let Some(((name, source), rest)) = sources.split_first() else {
            return Some(then(scope));
        };
        let items = match source {
            Source::List(e) => match self.eval(e, scope) {
                Value::List(items) => items,
                Value::Null => return None,
                one => vec![one],
            },
            Source::Range(a, b) => {
                let (a, b) = (self.eval(a, scope).whole()?, self.eval(b, scope).whole()?);
                if a.checked_sub(b)?.abs() > RANGE {
                    return None;
                }
                let number = |n: i64| Value::Number(n.into());
                match a <= b {
                    true => (a..=b).map(number).collect(),
                    false => (b..=a).rev().map(number).collect(),
                }
            }
        };
        for item in &items {
            if self.steps.get() == 0 {
                return None;
            }
            if !self.each(rest, &Scope::Local(name, item, scope), then)? {
                return Some(false);
            }
        }
        Some(true)
    }

    fn filter(&self, list: Value, condition: &Expr, scope: &Scope<'_>) -> Value {
        let items = match list {
            Value::List(items) => items,
            Value::Null => return Value::Null,
            one => vec![one],
        };
        if let Value::Number(n) = self.eval(condition, scope) {
            let at = n.integer().and_then(|n| match n {
                1.. => usize::try_from(n - 1).ok(),
                0 => None,
                _ => items.len().checked_sub(n.unsigned_abs() as usize),
            });
            return at.and_then(|at| items.get(at).cloned()).unwrap_or(Value::Null);
        }
        let kept = items.into_iter().filter(|item| {
            let named = Scope::Local("item", item, scope);
            match item {
                Value::Context(entries) => self.eval(condition, &Scope::Context(entries, &named)),
                _ => self.eval(condition, &named),
            }
            .is_true()
        });
        Value::List(kept.collect())
    }

    /// Does a unary test accept the value?
    pub fn test(&self, t: &Test, value: &Value, scope: &Scope<'_>) -> bool {
        match t {
            Test::Any => true,
            Test::Not(inner) => !inner.iter().any(|t| self.test(t, value, scope)),
            Test::Compare(Op::Eq, Expr::Literal(wanted)) => equals(value, wanted),
            Test::Compare(Op::Eq, e) => equals(value, &self.eval(e, scope)),
            Test::Compare(op, e) => compare(*op, value, &self.eval(e, scope)) == Some(true),
            Test::Range {
                low,
                low_open,
                high,
                high_open,
            } => {
                let above = if *low_open { Op::Gt } else { Op::Ge };
                let below = if *high_open { Op::Lt } else { Op::Le };
                compare(above, value, &self.eval(low, scope)) == Some(true)
                    && compare(below, value, &self.eval(high, scope)) == Some(true)
            }
            Test::Holds(e) => self.eval(e, &Scope::Local("?", value, scope)).is_true(),
        }
    }
}

/// Equal to it, or one of it.
fn equals(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::List(_), Value::List(_)) => compare(Op::Eq, value, wanted) == Some(true),
        (one, Value::List(list)) => holds_item(list, one),
        _ => compare(Op::Eq, value, wanted) == Some(true),
    }
}

fn arithmetic(op: Op, a: &Value, b: &Value) -> Option<Value> {
    use Value::{Date, DateTime as At, Duration as Span, Number, Text};
    Some(match (op, a, b) {
        (Op::Add, Text(a), Text(b)) => Text(format!("{a}{b}")),
        (Op::Add, Number(a), Number(b)) => Number(a.add(*b)?),
        (Op::Sub, Number(a), Number(b)) => Number(a.sub(*b)?),
        (Op::Mul, Number(a), Number(b)) => Number(a.mul(*b)?),
        (Op::Div, Number(a), Number(b)) => Number(a.div(*b)?),
        (Op::Pow, Number(a), Number(b)) => Number(a.pow(*b)?),
        (Op::Add, Span(a), Span(b)) => Span(sum(*a, *b)?),
        (Op::Sub, Span(a), Span(b)) => Span(sum(*a, b.neg())?),
        (Op::Mul, Span(d), Number(n)) | (Op::Mul, Number(n), Span(d)) => {
            let n = n.integer()?;
            Span(match d {
                Duration::Months(m) => Duration::Months(m.checked_mul(n)?),
                Duration::Seconds(s) => Duration::Seconds(s.checked_mul(n)?),
            })
        }
        (Op::Div, Span(d), Number(n)) => {
            let by = |x: i64| -> Option<i64> { crate::number::Decimal::from(x).div(*n)?.floor()?.integer() };
            Span(match d {
                Duration::Months(m) => Duration::Months(by(*m)?),
                Duration::Seconds(s) => Duration::Seconds(by(*s)?),
            })
        }
        (Op::Add, Span(d), when) => shift(&when.as_time()?, *d)?,
        (Op::Add, when, Span(d)) => shift(&when.as_time()?, *d)?,
        (Op::Sub, when, Span(d)) => shift(&when.as_time()?, d.neg())?,
        (Op::Sub, a, b) => match (a.as_time()?, b.as_time()?) {
            (Date(a), Date(b)) => Span(Duration::Seconds((a.0 - b.0) * DAY)),
            (At(a), At(b)) => Span(Duration::Seconds(a.instant() - b.instant())),
            (At(a), Date(b)) => Span(Duration::Seconds(a.instant() - b.0 * DAY)),
            (Date(a), At(b)) => Span(Duration::Seconds(a.0 * DAY - b.instant())),
            (Value::Time(a), Value::Time(b)) => Span(Duration::Seconds(a.seconds - b.seconds)),
            _ => return None,
        },
        _ => return None,
    })
}

fn sum(a: Duration, b: Duration) -> Option<Duration> {
    Some(match (a, b) {
        (Duration::Months(a), Duration::Months(b)) => Duration::Months(a.checked_add(b)?),
        (Duration::Seconds(a), Duration::Seconds(b)) => Duration::Seconds(a.checked_add(b)?),
        _ => return None,
    })
}

fn shift(when: &Value, by: Duration) -> Option<Value> {
    Some(match (when, by) {
        (Value::Date(d), Duration::Months(m)) => Value::Date(d.add_months(m)?),
        (Value::Date(d), Duration::Seconds(s)) if s % DAY == 0 => Value::Date(d.add_days(s / DAY)?),
        (Value::Date(d), Duration::Seconds(s)) => {
            let time = Time::new(0, 0, 0, None)?;
            Value::DateTime(DateTime { date: *d, time }.add_seconds(s)?)
        }
        (Value::DateTime(t), Duration::Months(m)) => Value::DateTime(DateTime {
            date: t.date.add_months(m)?,
            time: t.time,
        }),
        (Value::DateTime(t), Duration::Seconds(s)) => Value::DateTime(t.add_seconds(s)?),
        (Value::Time(t), Duration::Seconds(s)) => Value::Time(Time {
            seconds: t.seconds.checked_add(s)?.rem_euclid(DAY),
            offset: t.offset,
        }),
        _ => return None,
    })
}

/// Evaluates; what cannot be computed is `null`.
pub fn evaluate(expr: &Expr, names: &Json) -> Json {
    Machine::new().eval(expr, &Scope::Root(names)).into_json()
}

/// Does the expression evaluate to `true`?
pub fn holds(expr: &Expr, names: &Json) -> bool {
    Machine::new().eval(expr, &Scope::Root(names)).is_true()
}

/// Does a unary test accept the value?
pub fn test(t: &Test, value: &Json, names: &Json) -> bool {
    Machine::new().test(t, &Value::from_json(value), &Scope::Root(names))
}
