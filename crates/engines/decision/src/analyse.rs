//! What a table says twice and what it leaves out. Exact for cells of values, lists, intervals and `not(…)` over numbers,
//! dates, booleans and text: between two neighbouring values that any cell of a column mentions, all cells of the column
//! answer alike, so one value stands for each such stretch. A cell that depends on something else is named; what is found
//! beside it still holds. Missing values (`null`) are looked at only where a cell mentions them.

use crate::feel::{self, Expr, Machine, Op, Scope, Test, Value};
use crate::number::Decimal;
use crate::table::{Decision, HitPolicy, Input};
use crate::time::Date;
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with a table, and what its author should look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analysis {
    pub errors: Vec<Finding>,
    pub warnings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where in the file, in bytes.
    pub at: usize,
    pub message: String,
}

/// Findings of one kind that are told; more would only hide each other.
const SHOWN: usize = 10;
/// Nodes of the search; a table beyond is too large to be judged.
const SEARCH: usize = 200_000;

/// A stretch of a column's values on which all its cells answer alike.
#[derive(Clone, Debug)]
struct Stretch {
    /// A value of it; `null` is one too.
    stands: Value,
    place: Place,
}
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Value,
    Below(Value),
    Between(Value, Value),
    Above(Value),
    /// A text that no cell mentions.
    Else,
    /// The only stretch of a column that asks nothing.
    All,
}

/// Columns with the same expression, as one.
struct Column {
    label: String,
    stretches: Vec<Stretch>,
    /// For each rule, for each stretch: does it match?
    accepts: Vec<Vec<bool>>,
}

impl Decision {
    /// Overlaps that the hit policy forbids and gaps are errors; rules that can never answer and cells that cannot be
    /// analysed are warnings.
    ///
    /// `domain` says of a name what the table itself does not: its type and its possible values as unary tests, such as
    /// a form tells them of its fields.
    pub fn analyse(&self, domain: &dyn Fn(&str) -> Option<(&'static str, String)>) -> Analysis {
        let mut typed = self.clone();
        for i in typed.inputs.iter_mut().filter(|i| i.allowed.is_empty()) {
            if let Expr::Name(path) = &i.expression
                && let [name] = path.as_slice()
                && let Some((kind, values)) = domain(name)
                && let Ok(tests) = feel::parse_tests(&values)
            {
                i.kind = kind.to_string();
                i.allowed = tests;
            }
        }
        typed.analysis()
    }

    fn analysis(&self) -> Analysis {
        let mut out = Analysis::default();
        if self.rules.is_empty() {
            return out;
        }
        let mut columns: Vec<Column> = Vec::new();
        // Rules with a cell that is not understood: it may match or not.
        let mut unsure: BTreeSet<usize> = BTreeSet::new();
        let mut done: Vec<&Expr> = Vec::new();
        for first in &self.inputs {
            if done.contains(&&first.expression) {
                continue;
            }
            done.push(&first.expression);
            let same: Vec<usize> = (0..self.inputs.len())
                .filter(|n| self.inputs[*n].expression == first.expression)
                .collect();
            columns.push(self.column(first, &same, &mut unsure, &mut out.warnings));
        }
        self.overlaps(&columns, &unsure, &mut out);
        let mut search = Search {
            columns: &columns,
            left: SEARCH,
            covered: BTreeSet::new(),
            within: None,
        };
        if self.hit.single() && !self.has_default() && !self.gaps_allowed {
            // A cell that is not understood counts as matching: what is a gap even so is one.
            let all: Vec<usize> = (0..self.rules.len()).collect();
            let mut gaps = Vec::new();
            search.open(&all, &mut Vec::new(), &mut gaps);
            out.errors.extend(gaps.iter().take(SHOWN).map(|gap| Finding {
                at: self.at,
                message: format!("decision {}: no rule covers {}", self.id, describe(&columns, gap)),
            }));
        }
        if matches!(self.hit, HitPolicy::First | HitPolicy::Any) {
            for n in (1..self.rules.len()).filter(|n| !unsure.contains(n)) {
                let earlier: Vec<usize> = (0..n).filter(|m| !unsure.contains(m)).collect();
                search.within = Some(n);
                search.covered.clear();
                let mut alone = Vec::new();
                search.open(&earlier, &mut Vec::new(), &mut alone);
                if alone.is_empty() && search.left > 0 {
                    out.warnings.push(Finding {
                        at: self.rules[n].at,
                        message: format!(
                            "rule {} never answers: rules before it cover all it matches",
                            self.rules[n].id
                        ),
                    });
                }
            }
        }
        if search.left == 0 {
            out.warnings.push(Finding {
                at: self.at,
                message: format!("decision {}: not analysable: the table is too large", self.id),
            });
        }
        out
    }

    fn column(
        &self,
        first: &Input,
        same: &[usize],
        unsure: &mut BTreeSet<usize>,
        warnings: &mut Vec<Finding>,
    ) -> Column {
        let mut constants = Vec::new();
        let mut known = collect(&first.allowed, &mut constants);
        let mut clear = vec![vec![true; same.len()]; self.rules.len()];
        for (r, rule) in self.rules.iter().enumerate() {
            for (k, n) in same.iter().enumerate() {
                let mut of_cell = Vec::new();
                clear[r][k] = collect(&rule.tests[*n], &mut of_cell);
                if clear[r][k] {
                    constants.extend(of_cell);
                }
            }
        }
        let stretches = cut(constants, &first.kind);
        known &= stretches.is_some();
        let run = Machine::new();
        let scope = Scope::Root(&Json::Null);
        let accepts = |tests: &[Test], v: &Value| tests.iter().any(|t| run.test(t, v, &scope));
        let stretches: Vec<Stretch> = stretches
            .unwrap_or_else(|| vec![all()])
            .into_iter()
            .filter(|s| {
                !known
                    || first.allowed.is_empty()
                    || s.place == Place::All
                    || accepts(&first.allowed, &s.stands)
            })
            .collect();
        let mut matrix = vec![vec![true; stretches.len()]; self.rules.len()];
        for (r, rule) in self.rules.iter().enumerate() {
            for (k, n) in same.iter().enumerate() {
                if rule.tests[*n].contains(&Test::Any) {
                    continue;
                }
                if !known || !clear[r][k] {
                    unsure.insert(r);
                    if warnings.len() < SHOWN {
                        let cell = &rule.cells[*n];
                        warnings.push(Finding {
                            at: rule.at,
                            message: format!(
                                "rule {}, {}: `{cell}` is not analysable",
                                rule.id, self.inputs[*n].label
                            ),
                        });
                    }
                    continue;
                }
                for (s, stretch) in stretches.iter().enumerate() {
                    matrix[r][s] &= accepts(&rule.tests[*n], &stretch.stands);
                }
            }
        }
        Column {
            label: first.label.clone(),
            stretches,
            accepts: matrix,
        }
    }

    fn overlaps(&self, columns: &[Column], unsure: &BTreeSet<usize>, out: &mut Analysis) {
        if !matches!(self.hit, HitPolicy::Unique | HitPolicy::Any) {
            return;
        }
        let sure: Vec<usize> = (0..self.rules.len()).filter(|n| !unsure.contains(n)).collect();
        for (k, b) in sure.iter().enumerate() {
            for a in &sure[..k] {
                let both: Vec<Vec<usize>> = columns
                    .iter()
                    .map(|c| {
                        (0..c.stretches.len())
                            .filter(|s| c.accepts[*a][*s] && c.accepts[*b][*s])
                            .collect()
                    })
                    .collect();
                let (first, second) = (&self.rules[*a], &self.rules[*b]);
                let agree = self.hit == HitPolicy::Any && first.outputs == second.outputs;
                if agree || both.iter().any(Vec::is_empty) || out.errors.len() >= SHOWN {
                    continue;
                }
                let constant = |r: &crate::Rule| r.outputs.iter().all(|o| o.constant().is_some());
                let message = format!(
                    "rules {} and {} both match {}",
                    first.id,
                    second.id,
                    describe(columns, &both)
                );
                let finding = Finding {
                    at: second.at,
                    message,
                };
                // Under ANY outputs that are computed may agree after all.
                match self.hit == HitPolicy::Any && !(constant(first) && constant(second)) {
                    true => out.warnings.push(finding),
                    false => out.errors.push(finding),
                }
            }
        }
    }
}

/// The values that tests mention; `false` when they ask for more than values.
fn collect(tests: &[Test], out: &mut Vec<(Value, bool)>) -> bool {
    tests.iter().all(|t| match t {
        Test::Any => true,
        Test::Not(inner) => collect(inner, out),
        Test::Compare(op, e) => e.constant().is_some_and(|v| {
            let ordered = !matches!(op, Op::Eq | Op::Ne);
            match v {
                Value::List(items) => out.extend(items.into_iter().map(|v| (v, false))),
                v => out.push((v, ordered)),
            }
            true
        }),
        Test::Range { low, high, .. } => match (low.constant(), high.constant()) {
            (Some(a), Some(b)) => {
                out.extend([(a, true), (b, true)]);
                true
            }
            _ => false,
        },
        Test::Holds(_) => false,
    })
}

fn all() -> Stretch {
    Stretch {
        stands: Value::Null,
        place: Place::All,
    }
}

/// Cuts a column's values into stretches; `None` when the values mentioned are of kinds that cannot be mixed.
fn cut(constants: Vec<(Value, bool)>, kind: &str) -> Option<Vec<Stretch>> {
    let value = |stands: Value| Stretch {
        stands,
        place: Place::Value,
    };
    let missing = constants.iter().any(|(v, _)| *v == Value::Null);
    let mut mentioned: Vec<(Value, bool)> =
        constants.into_iter().filter(|(v, _)| *v != Value::Null).collect();
    // Dates written as text.
    let as_day = |v: &Value| match v {
        Value::Text(t) => Date::parse(t).map(Value::Date),
        Value::Date(_) => Some(v.clone()),
        _ => None,
    };
    let dated = kind == "date"
        || mentioned
            .iter()
            .any(|(v, ordered)| *ordered || matches!(v, Value::Date(_)));
    if dated && mentioned.iter().all(|(v, _)| as_day(v).is_some()) {
        mentioned = mentioned
            .into_iter()
            .filter_map(|(v, o)| Some((as_day(&v)?, o)))
            .collect();
    }
    let mut out = match mentioned.first() {
        _ if kind == "boolean" => vec![value(Value::Bool(false)), value(Value::Bool(true))],
        None if missing => vec![Stretch {
            stands: Value::Text("\u{1}".into()),
            place: Place::Else,
        }],
        None => return Some(vec![all()]),
        Some((Value::Bool(_), _)) => vec![value(Value::Bool(false)), value(Value::Bool(true))],
        Some((Value::Text(_), _)) => {
            let mut seen = Vec::new();
            for (v, ordered) in &mentioned {
                if *ordered || !matches!(v, Value::Text(_)) {
                    return None;
                }
                if !seen.contains(v) {
                    seen.push(v.clone());
                }
            }
            let mut out: Vec<Stretch> = seen.into_iter().map(value).collect();
            out.push(Stretch {
                stands: Value::Text("\u{1}".into()),
                place: Place::Else,
            });
            out
        }
        Some((Value::Number(_) | Value::Date(_), _)) => line(mentioned, kind)?,
        Some(_) => return None,
    };
    if missing {
        out.push(value(Value::Null));
    }
    Some(out)
}

/// Points and the open intervals around them.
fn line(mentioned: Vec<(Value, bool)>, kind: &str) -> Option<Vec<Stretch>> {
    let mut points: Vec<Value> = Vec::new();
    for (v, _) in mentioned {
        let fits = matches!(
            (&v, points.first()),
            (_, None) | (Value::Number(_), Some(Value::Number(_))) | (Value::Date(_), Some(Value::Date(_)))
        );
        if !fits {
            return None;
        }
        points.push(v);
    }
    let order = |a: &Value, b: &Value| match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        _ => Ordering::Equal,
    };
    points.sort_by(order);
    points.dedup();
    let whole = matches!(kind, "integer" | "int" | "long");
    let away = |v: &Value, by: i64| match v {
        Value::Number(n) => n.add(Decimal::from(by)).map(Value::Number),
        Value::Date(d) => d.add_days(by).map(Value::Date),
        _ => None,
    };
    let between = |a: &Value, b: &Value| -> Option<Value> {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) if whole => {
                let next = a.floor()?.add(Decimal::from(1))?;
                (next < *b).then_some(Value::Number(next))
            }
            (Value::Number(a), Value::Number(b)) => a.add(*b)?.div(Decimal::from(2)).map(Value::Number),
            (Value::Date(a), Value::Date(b)) => (b.0 - a.0 > 1).then(|| Value::Date(Date(a.0 + 1))),
            _ => None,
        }
    };
    let mut out = Vec::new();
    let first = points.first()?.clone();
    if let Some(stands) = away(&first, -1) {
        let place = Place::Below(first);
        out.push(Stretch { stands, place });
    }
    for (n, p) in points.iter().enumerate() {
        out.push(Stretch {
            stands: p.clone(),
            place: Place::Value,
        });
        let (stands, place) = match points.get(n + 1) {
            Some(next) => (between(p, next), Place::Between(p.clone(), next.clone())),
            None => (away(p, 1), Place::Above(p.clone())),
        };
        out.extend(stands.map(|stands| Stretch { stands, place }));
    }
    Some(out)
}

struct Search<'c> {
    columns: &'c [Column],
    left: usize,
    /// (column, rules) from which everything is covered.
    covered: BTreeSet<(usize, Vec<usize>)>,
    /// Only what this rule matches.
    within: Option<usize>,
}

impl Search<'_> {
    /// Finds boxes, as stretches of each column, in which none of the rules matches.
    fn open(&mut self, rules: &[usize], path: &mut Vec<Vec<usize>>, out: &mut Vec<Vec<Vec<usize>>>) {
        if self.left == 0 || out.len() > SHOWN {
            return;
        }
        self.left -= 1;
        let at = path.len();
        let within = self.within;
        let wanted = |c: &Column| -> Vec<usize> {
            let fits = |s: &usize| within.is_none_or(|r| c.accepts[r][*s]);
            (0..c.stretches.len()).filter(fits).collect()
        };
        if rules.is_empty() {
            let mut gap = path.clone();
            gap.extend(self.columns[at..].iter().map(wanted));
            if gap.iter().all(|stretches| !stretches.is_empty()) {
                out.push(gap);
            }
            return;
        }
        let Some(column) = self.columns.get(at) else {
            return;
        };
        let key = (at, rules.to_vec());
        if self.covered.contains(&key) {
            return;
        }
        let mut alike: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for s in wanted(column) {
            let still = rules.iter().copied().filter(|r| column.accepts[*r][s]).collect();
            alike.entry(still).or_default().push(s);
        }
        let before = out.len();
        for (still, stretches) in alike {
            path.push(stretches);
            self.open(&still, path, out);
            path.pop();
        }
        if out.len() == before && self.left > 0 {
            self.covered.insert(key);
        }
    }
}

fn describe(columns: &[Column], chosen: &[Vec<usize>]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .zip(chosen)
        .filter(|(c, s)| s.len() < c.stretches.len())
        .map(|(c, s)| format!("{} = {}", c.label, stretches(c, s)))
        .collect();
    match parts.is_empty() {
        true => "every case".into(),
        false => parts.join(", "),
    }
}

fn stretches(c: &Column, chosen: &[usize]) -> String {
    let text = |v: &Value| match v {
        Value::Text(t) => format!("\"{t}\""),
        Value::Null => "null".into(),
        other => other.text().unwrap_or_default(),
    };
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for s in chosen {
        let lies_on_line = |n: usize| matches!(c.stretches[n].stands, Value::Number(_) | Value::Date(_));
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *s && lies_on_line(*end) && lies_on_line(*s) => *end = *s,
            _ => runs.push((*s, *s)),
        }
    }
    let run = |(from, to): &(usize, usize)| {
        let (a, b) = (&c.stretches[*from], &c.stretches[*to]);
        match (&a.place, &b.place) {
            (Place::Else, _) => return "anything else".to_string(),
            (Place::All, _) => return "anything".to_string(),
            (Place::Value, Place::Value) if from == to => return text(&a.stands),
            (Place::Below(_), Place::Above(_)) => return "anything".to_string(),
            _ => {}
        }
        let low = match &a.place {
            Place::Value => Some((">=", "[", text(&a.stands))),
            Place::Between(v, _) | Place::Above(v) => Some((">", "(", text(v))),
            _ => None,
        };
        let high = match &b.place {
            Place::Value => Some(("<=", "]", text(&b.stands))),
            Place::Between(_, v) | Place::Below(v) => Some(("<", ")", text(v))),
            _ => None,
        };
        match (low, high) {
            (Some((_, open, a)), Some((_, close, b))) => format!("{open}{a}..{b}{close}"),
            (Some((sign, _, v)), None) | (None, Some((sign, _, v))) => format!("{sign} {v}"),
            (None, None) => "anything".to_string(),
        }
    };
    runs.iter().map(run).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests;
