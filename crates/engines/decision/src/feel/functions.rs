//! The built-in functions (DMN 1.3, 10.3.4) that need neither a clock nor a regular expression.

use super::value::{holds_item, order};
use super::{Op, Value, compare};
use crate::number::{Decimal, Round};
use crate::time::{Date, DateTime, Duration, Time};
use std::cmp::Ordering;

/// Name, fewest and most arguments. Names with `_` are spellings from before the standard's were read.
const ALL: &[(&str, usize, usize)] = &[
    ("abs", 1, 1),
    ("all", 1, 99),
    ("any", 1, 99),
    ("append", 2, 99),
    ("ceiling", 1, 1),
    ("concatenate", 1, 99),
    ("contains", 2, 2),
    ("count", 1, 1),
    ("date", 1, 3),
    ("date and time", 1, 2),
    ("day of week", 1, 1),
    ("day of year", 1, 1),
    ("decimal", 2, 2),
    ("defined", 1, 1),
    ("distinct values", 1, 1),
    ("duration", 1, 1),
    ("ends with", 2, 2),
    ("even", 1, 1),
    ("flatten", 1, 1),
    ("floor", 1, 1),
    ("get entries", 1, 1),
    ("get value", 2, 2),
    ("index of", 2, 2),
    ("insert before", 3, 3),
    ("is defined", 1, 1),
    ("length", 1, 1),
    ("list contains", 2, 2),
    ("lower case", 1, 1),
    ("max", 1, 99),
    ("mean", 1, 99),
    ("median", 1, 99),
    ("min", 1, 99),
    ("modulo", 2, 2),
    ("month of year", 1, 1),
    ("not", 1, 1),
    ("number", 1, 1),
    ("odd", 1, 1),
    ("product", 1, 99),
    ("remove", 2, 2),
    ("reverse", 1, 1),
    ("round down", 2, 2),
    ("round half down", 2, 2),
    ("round half up", 2, 2),
    ("round up", 2, 2),
    ("starts with", 2, 2),
    ("starts_with", 2, 2),
    ("string", 1, 1),
    ("string join", 1, 2),
    ("string length", 1, 1),
    ("sublist", 2, 3),
    ("substring", 2, 3),
    ("substring after", 2, 2),
    ("substring before", 2, 2),
    ("sum", 1, 99),
    ("time", 1, 3),
    ("trim", 1, 1),
    ("union", 1, 99),
    ("upper case", 1, 1),
    ("week of year", 1, 1),
    ("years and months duration", 2, 2),
];

/// Functions of the standard that are left out, and why.
pub fn refused(name: &str) -> Option<&'static str> {
    Some(match name {
        "now" | "today" => "a rule knows no clock; make the day an input",
        "matches" | "replace" | "split" => "regular expressions are not supported",
        "sort" => "functions as arguments are not supported",
        "function" => "functions cannot be defined in a rule; external functions (Java, PMML) are refused",
        _ => return None,
    })
}

pub fn known(name: &str) -> Option<(&'static str, usize, usize)> {
    ALL.iter().find(|(n, ..)| *n == name).copied()
}

/// Words that the longest name has.
pub const WORDS: usize = 4;

pub fn call(name: &str, mut v: Vec<Value>) -> Option<Value> {
    use Value::{Bool, List, Number, Text};
    let number = |n: i64| Number(n.into());
    Some(match (name, v.as_slice()) {
        ("not", [Bool(b)]) => Bool(!b),
        ("defined" | "is defined", [x]) => Bool(*x != Value::Null),
        ("string", [x]) => Text(x.text()?),
        ("number", [Text(t)]) => Number(Decimal::parse(t.trim())?),
        ("number", [n @ Number(_)]) => n.clone(),

        ("length" | "string length", [Text(t)]) => number(t.chars().count() as i64),
        ("upper case", [Text(t)]) => Text(t.to_uppercase()),
        ("lower case", [Text(t)]) => Text(t.to_lowercase()),
        ("trim", [Text(t)]) => Text(t.trim().into()),
        ("contains", [Text(a), Text(b)]) => Bool(a.contains(b.as_str())),
        ("starts with" | "starts_with", [Text(a), Text(b)]) => Bool(a.starts_with(b.as_str())),
        ("ends with", [Text(a), Text(b)]) => Bool(a.ends_with(b.as_str())),
        ("substring before", [Text(a), Text(b)]) => Text(a.split_once(b.as_str()).map_or("", |x| x.0).into()),
        ("substring after", [Text(a), Text(b)]) => Text(a.split_once(b.as_str()).map_or("", |x| x.1).into()),
        ("substring", [Text(t), rest @ ..]) => {
            let all: Vec<char> = t.chars().collect();
            Text(slice(&all, rest)?.iter().collect())
        }
        ("string join", [List(l), rest @ ..]) => {
            let between = match rest {
                [] | [Value::Null] => "",
                [Text(t)] => t.as_str(),
                _ => return None,
            };
            let texts = l.iter().filter(|x| **x != Value::Null).map(|x| match x {
                Text(t) => Some(t.as_str()),
                _ => None,
            });
            Text(texts.collect::<Option<Vec<_>>>()?.join(between))
        }

        ("count", [Value::Null]) => number(0),
        ("count", [List(l)]) => number(l.len() as i64),
        ("count", [_]) => number(1),
        ("contains" | "list contains", [List(l), x]) => Bool(holds_item(l, x)),
        ("sublist", [List(l), rest @ ..]) => List(slice(l, rest)?.to_vec()),
        ("append", [List(l), rest @ ..]) => List([l.as_slice(), rest].concat()),
        ("concatenate", all) => List(lists(all)?),
        ("union", all) => List(distinct(lists(all)?)),
        ("distinct values", [List(l)]) => List(distinct(l.clone())),
        ("flatten", [List(l)]) => List(flat(l)),
        ("reverse", [List(l)]) => List(l.iter().rev().cloned().collect()),
        ("index of", [List(l), x]) => {
            let at = l
                .iter()
                .enumerate()
                .filter(|(_, y)| compare(Op::Eq, y, x) == Some(true));
            List(at.map(|(n, _)| number(n as i64 + 1)).collect())
        }
        ("insert before", [List(l), at, x]) => {
            let mut l = l.clone();
            let n = position(at.whole()?, l.len())?;
            l.insert(n, x.clone());
            List(l)
        }
        ("remove", [List(l), at]) => {
            let mut l = l.clone();
            let n = position(at.whole()?, l.len())?;
            l.remove(n);
            List(l)
        }
        ("get value", [Value::Context(c), Text(key)]) => c.iter().rfind(|(k, _)| k == key)?.1.clone(),
        ("get entries", [Value::Context(c)]) => {
            let entry = |(k, v): &(String, Value)| {
                Value::Context(vec![("key".into(), Text(k.clone())), ("value".into(), v.clone())])
            };
            List(c.iter().map(entry).collect())
        }

        ("min" | "max" | "sum" | "mean" | "median" | "product" | "all" | "any", _) => {
            let items = match (v.len(), v.pop()?) {
                (1, List(l)) => l,
                (_, last) => {
                    v.push(last);
                    v
                }
            };
            return aggregate(name, items);
        }

        ("abs", [Number(n)]) => Number(n.abs()),
        ("abs", [Value::Duration(d)]) => Value::Duration(match d.order(d.neg())? {
            Ordering::Less => d.neg(),
            _ => *d,
        }),
        ("floor", [Number(n)]) => Number(n.floor()?),
        ("ceiling", [Number(n)]) => Number(n.ceiling()?),
        ("modulo", [Number(a), Number(b)]) => Number(a.modulo(*b)?),
        ("odd", [Number(n)]) => Bool(n.integer()?.rem_euclid(2) == 1),
        ("even", [Number(n)]) => Bool(n.integer()?.rem_euclid(2) == 0),
        (
            "decimal" | "round up" | "round down" | "round half up" | "round half down",
            [Number(n), digits],
        ) => {
            let mode = match name {
                "round up" => Round::Up,
                "round down" => Round::Down,
                "round half up" => Round::HalfUp,
                "round half down" => Round::HalfDown,
                _ => Round::HalfEven,
            };
            Number(n.round(u32::try_from(digits.whole()?).ok()?, mode)?)
        }

        ("date", [Text(t)]) => Value::Date(Date::parse(t).or_else(|| DateTime::parse(t).map(|t| t.date))?),
        ("date", [d @ Value::Date(_)]) => d.clone(),
        ("date", [Value::DateTime(t)]) => Value::Date(t.date),
        ("date", [y, m, d]) => Value::Date(Date::new(y.whole()?, m.whole()?, d.whole()?)?),
        ("time", [Text(t)]) => Value::Time(Time::parse(t)?),
        ("time", [Value::DateTime(t)]) => Value::Time(t.time),
        ("time", [h, m, s]) => Value::Time(Time::new(h.whole()?, m.whole()?, s.whole()?, None)?),
        ("date and time", [Text(t)]) => match Date::parse(t) {
            Some(date) => Value::DateTime(DateTime {
                date,
                time: Time::new(0, 0, 0, None)?,
            }),
            None => Value::DateTime(DateTime::parse(t)?),
        },
        ("date and time", [d, t]) => {
            let (Value::Date(date), Value::Time(time)) = (d.as_time()?, t.clone()) else {
                return None;
            };
            Value::DateTime(DateTime { date, time })
        }
        ("duration", [Text(t)]) => Value::Duration(Duration::parse(t)?),
        ("years and months duration", [a, b]) => {
            Value::Duration(Duration::Months(day(a)?.months_to(day(b)?)))
        }
        ("day of year", [d]) => number(day(d)?.day_of_year()),
        ("week of year", [d]) => number(day(d)?.week()),
        ("day of week", [d]) => {
            const NAMES: [&str; 7] = [
                "Monday",
                "Tuesday",
                "Wednesday",
                "Thursday",
                "Friday",
                "Saturday",
                "Sunday",
            ];
            Text((*NAMES.get(usize::try_from(day(d)?.weekday() - 1).ok()?)?).into())
        }
        ("month of year", [d]) => {
            const NAMES: [&str; 12] = [
                "January",
                "February",
                "March",
                "April",
                "May",
                "June",
                "July",
                "August",
                "September",
                "October",
                "November",
                "December",
            ];
            Text((*NAMES.get(usize::try_from(day(d)?.parts().1 - 1).ok()?)?).into())
        }
        _ => return None,
    })
}

fn day(v: &Value) -> Option<Date> {
    match v.as_time()? {
        Value::Date(d) => Some(d),
        Value::DateTime(t) => Some(t.date),
        _ => None,
    }
}

/// A place from 1, or from the end when negative, as an index.
fn position(at: i64, len: usize) -> Option<usize> {
    let n = match at {
        1.. => usize::try_from(at - 1).ok()?,
        0 => return None,
        _ => len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)?,
    };
    (n < len).then_some(n)
}

/// `(start, length?)` of the standard's substring and sublist.
fn slice<'v, T>(all: &'v [T], rest: &[Value]) -> Option<&'v [T]> {
    let (start, length) = match rest {
        [start] => (start, None),
        [start, length] => (start, Some(usize::try_from(length.whole()?).ok()?)),
        _ => return None,
    };
    let from = position(start.whole()?, all.len())?;
    let to = length.map_or(all.len(), |n| from.saturating_add(n).min(all.len()));
    all.get(from..to)
}

fn lists(all: &[Value]) -> Option<Vec<Value>> {
    let mut out = Vec::new();
    for v in all {
        match v {
            Value::List(l) => out.extend(l.iter().cloned()),
            _ => return None,
        }
    }
    Some(out)
}

fn distinct(all: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for v in all {
        if !holds_item(&out, &v) {
            out.push(v);
        }
    }
    out
}

fn flat(all: &[Value]) -> Vec<Value> {
    let one = |v: &Value| match v {
        Value::List(l) => flat(l),
        other => vec![other.clone()],
    };
    all.iter().flat_map(one).collect()
}

fn aggregate(name: &str, items: Vec<Value>) -> Option<Value> {
    let numbers = || -> Option<Vec<Decimal>> {
        let one = |v: &Value| match v {
            Value::Number(n) => Some(*n),
            _ => None,
        };
        items.iter().map(one).collect()
    };
    let total = |n: &[Decimal]| n.iter().try_fold(Decimal::ZERO, |a, b| a.add(*b));
    Some(match name {
        "all" | "any" => {
            let settles = Value::Bool(name == "any");
            match items.iter().all(|v| matches!(v, Value::Bool(_))) {
                _ if items.contains(&settles) => settles,
                true => Value::Bool(name == "all"),
                false => return None,
            }
        }
        "min" | "max" => {
            let mut best = items.first()?.clone();
            for v in &items[1..] {
                let o = order(v, &best)?;
                if o == if name == "min" {
                    Ordering::Less
                } else {
                    Ordering::Greater
                } {
                    best = v.clone();
                }
            }
            // A single value has to be one that can be ordered too.
            order(&best, &best)?;
            best
        }
        _ if items.is_empty() => return None,
        "sum" => Value::Number(total(&numbers()?)?),
        "product" => Value::Number(numbers()?.iter().try_fold(Decimal::from(1), |a, b| a.mul(*b))?),
        "mean" => {
            let n = numbers()?;
            Value::Number(total(&n)?.div(Decimal::from(n.len() as i64))?)
        }
        _ => {
            let mut n = numbers()?;
            n.sort();
            let (half, odd) = (n.len() / 2, n.len() % 2 == 1);
            Value::Number(match odd {
                true => n[half],
                false => n[half - 1].add(n[half])?.div(Decimal::from(2))?,
            })
        }
    })
}
