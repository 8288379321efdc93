//! DMN 1.3 decisions (OMG formal/2021-01-01, §8): parsed from the standard's XML, run with explanation.

use crate::DecisionError;
use crate::feel::{self, Expr, Machine, Scope, Test, Value, compare};
use crate::number::Decimal;
use crate::xml::{self, Element};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// How many rules may match and which one answers (§8.2.10).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub enum HitPolicy {
    Unique,
    Any,
    First,
    /// The matching rule whose outputs stand first in the outputs' lists of values.
    Priority,
    /// All, in no particular order (ours is the table's).
    Collect,
    Sum,
    Least,
    Greatest,
    Count,
    RuleOrder,
    OutputOrder,
}

impl HitPolicy {
    /// One rule answers, so a case that no rule covers has no answer.
    pub fn single(self) -> bool {
        matches!(
            self,
            HitPolicy::Unique | HitPolicy::Any | HitPolicy::First | HitPolicy::Priority
        )
    }
}

/// One input column.
#[derive(Clone, Debug)]
pub struct Input {
    pub label: String,
    pub expression: Expr,
    /// `typeRef` without prefix, as written.
    pub kind: String,
    /// What the value may be; empty when nothing is said.
    pub allowed: Vec<Test>,
    allowed_text: String,
}

/// One output column.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    /// Possible values, the most important first.
    values: Vec<Value>,
    default: Option<Expr>,
}

/// One row: a list of tests for each input, an expression for each output.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub tests: Vec<Vec<Test>>,
    pub outputs: Vec<Expr>,
    /// The author's note, shown in the explanation.
    pub note: String,
    /// The texts as written, for people: inputs, then outputs.
    pub cells: Vec<String>,
    /// Where it stands in the file, in bytes.
    pub at: usize,
}

/// A decision: a table, or one expression.
#[derive(Clone, Debug)]
pub struct Decision {
    pub id: String,
    pub name: String,
    pub hit: HitPolicy,
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
    pub rules: Vec<Rule>,
    /// `yw:gaps="allowed"`: cases without an answer are meant.
    pub gaps_allowed: bool,
    /// Where it stands in the file, in bytes.
    pub at: usize,
    literal: Option<Expr>,
    /// Decisions that this one builds on, under the names by which it sees their results.
    requires: Vec<(String, Decision)>,
}

/// What came out, and why.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Answer {
    /// Output name → value; a list of such objects under `results` where several rules answer.
    pub values: Json,
    /// Ids of the rules that answer, in the order of the answer.
    pub matched: Vec<String>,
    /// (input label, value it had).
    pub inputs: Vec<(String, Json)>,
    /// Notes of those rules.
    pub notes: Vec<String>,
}

/// How one rule fared: the explanation, row by row.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Hit {
    pub rule: String,
    /// Every cell matched.
    pub fired: bool,
    /// (input label, the cell as written, whether it matched).
    pub cells: Vec<(String, String, bool)>,
}

/// Elements that would run something else than a table or an expression.
const REFUSED: &[&str] = &[
    "import",
    "businessKnowledgeModel",
    "decisionService",
    "functionDefinition",
    "invocation",
    "context",
    "relation",
    "list",
];

/// Decisions that build on one another, at most so deep.
const DEPTH: usize = 16;

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// An expression of the file, its fault told with the element's place.
fn read<T>(
    e: &Element,
    what: &str,
    how: impl Fn(&str) -> Result<T, DecisionError>,
) -> Result<T, DecisionError> {
    how(e.content()).map_err(|fault| e.wrong(format!("{what}: {fault}")))
}

impl Decision {
    /// Every decision of a DMN file. What cannot be run is an error that names it.
    pub fn parse(xml: &str) -> Result<Vec<Decision>, DecisionError> {
        let root = xml::parse(xml)?;
        if root.name != "definitions" {
            return Err(root.wrong(format!(
                "{} is no DMN file: its root must be `definitions`",
                root.name
            )));
        }
        if let Some(e) = root.find(&|e| REFUSED.contains(&e.name.as_str())) {
            let kind = e.get("kind").map_or(String::new(), |k| format!(" of kind {k}"));
            return Err(e.wrong(format!(
                "{}{kind} is not supported: a rule runs tables and expressions, and nothing outside",
                e.name
            )));
        }
        let foreign = |e: &Element| {
            e.get("expressionLanguage")
                .is_some_and(|l| !l.to_uppercase().contains("FEEL"))
        };
        if let Some(e) = root.find(&foreign) {
            let language = e.get("expressionLanguage").unwrap_or_default();
            return Err(e.wrong(format!("expression language {language} is not supported")));
        }
        let types: BTreeMap<&str, &Element> = root
            .all("itemDefinition")
            .filter_map(|e| Some((e.get("name")?, e)))
            .collect();
        let mut out = Vec::new();
        let decisions: Vec<&Element> = root.all("decision").collect();
        for e in &decisions {
            out.push(Decision::read(e, &decisions, &types, 0)?);
        }
        Ok(out)
    }

    fn read(
        e: &Element,
        all: &[&Element],
        types: &BTreeMap<&str, &Element>,
        depth: usize,
    ) -> Result<Decision, DecisionError> {
        if depth > DEPTH {
            return Err(e.wrong("decisions that build on one another in a circle, or too deep"));
        }
        let id = e
            .get("id")
            .ok_or_else(|| e.wrong("a decision has no id"))?
            .to_string();
        let mut d = Decision {
            name: e.get("name").unwrap_or(&id).to_string(),
            id,
            hit: HitPolicy::Unique,
            inputs: Vec::new(),
            outputs: Vec::new(),
            rules: Vec::new(),
            gaps_allowed: false,
            at: e.at,
            literal: None,
            requires: Vec::new(),
        };
        for r in e
            .all("informationRequirement")
            .filter_map(|r| r.child("requiredDecision"))
        {
            let wanted = r.get("href").unwrap_or_default().trim_start_matches('#');
            let other = all.iter().find(|o| o.get("id") == Some(wanted));
            let other = other.ok_or_else(|| r.wrong(format!("decision {wanted} is not in this file")))?;
            let name = other
                .child("variable")
                .and_then(|v| v.get("name"))
                .or(other.get("name"));
            let name = name.unwrap_or(wanted).to_string();
            d.requires
                .push((name, Decision::read(other, all, types, depth + 1)?));
        }
        match (e.child("decisionTable"), e.child("literalExpression")) {
            (Some(table), _) => d.table(table, types)?,
            (None, Some(l)) => {
                d.literal = Some(read(l, "expression", feel::parse)?);
                let name = e.child("variable").and_then(|v| v.get("name")).unwrap_or(&d.id);
                d.outputs.push(Output {
                    name: name.to_string(),
                    values: Vec::new(),
                    default: None,
                });
            }
            (None, None) => {
                return Err(e.wrong(format!("decision {} has neither a table nor an expression", d.id)));
            }
        }
        Ok(d)
    }

    fn table(&mut self, t: &Element, types: &BTreeMap<&str, &Element>) -> Result<(), DecisionError> {
        self.gaps_allowed = t.hint("gaps") == Some("allowed");
        let policy = t.get("hitPolicy").unwrap_or("UNIQUE");
        self.hit = match (policy, t.get("aggregation")) {
            ("UNIQUE", _) => HitPolicy::Unique,
            ("ANY", _) => HitPolicy::Any,
            ("FIRST", _) => HitPolicy::First,
            ("PRIORITY", _) => HitPolicy::Priority,
            ("RULE ORDER", _) => HitPolicy::RuleOrder,
            ("OUTPUT ORDER", _) => HitPolicy::OutputOrder,
            ("COLLECT", None) => HitPolicy::Collect,
            ("COLLECT", Some("SUM")) => HitPolicy::Sum,
            ("COLLECT", Some("MIN")) => HitPolicy::Least,
            ("COLLECT", Some("MAX")) => HitPolicy::Greatest,
            ("COLLECT", Some("COUNT")) => HitPolicy::Count,
            ("COLLECT", Some(other)) => return Err(t.wrong(format!("aggregation {other} is not supported"))),
            (other, _) => return Err(t.wrong(format!("hit policy {other} is not supported"))),
        };
        for i in t.all("input") {
            let e = i
                .child("inputExpression")
                .ok_or_else(|| i.wrong("an input has no expression"))?;
            let expression = read(e, "input", feel::parse)?;
            let label = match i.get("label") {
                Some(l) if !l.is_empty() => l,
                _ => e.content(),
            };
            // The column's own list of values, or that of its type.
            let mut kind = local(e.get("typeRef").unwrap_or_default()).to_string();
            let mut values = i.child("inputValues");
            if let Some(defined) = types.get(kind.as_str()) {
                values = values.or(defined.child("allowedValues"));
                kind = local(defined.child("typeRef").map_or("", |r| r.text.trim())).to_string();
            }
            let allowed = values
                .map(|v| read(v, label, feel::parse_tests))
                .transpose()?
                .unwrap_or_default();
            self.inputs.push(Input {
                label: label.to_string(),
                expression,
                kind,
                allowed,
                allowed_text: values.map_or("", Element::content).to_string(),
            });
        }
        for o in t.all("output") {
            let name = o.get("name").or(o.get("label")).unwrap_or_default().to_string();
            let mut values = Vec::new();
            if let Some(v) = o.child("outputValues") {
                for test in read(v, &name, feel::parse_tests)? {
                    match test {
                        Test::Compare(feel::Op::Eq, e) if e.constant().is_some() => {
                            values.extend(e.constant())
                        }
                        _ => {
                            return Err(
                                v.wrong(format!("{name}: the values of an output are a list of values"))
                            );
                        }
                    }
                }
            }
            let default = o
                .child("defaultOutputEntry")
                .map(|e| read(e, &name, feel::parse))
                .transpose()?;
            self.outputs.push(Output {
                name,
                values,
                default,
            });
        }
        if self.outputs.is_empty() {
            return Err(t.wrong(format!("decision {} has no output", self.id)));
        }
        let ordered = matches!(self.hit, HitPolicy::Priority | HitPolicy::OutputOrder);
        if ordered && self.outputs.iter().all(|o| o.values.is_empty()) {
            return Err(t.wrong(format!(
                "hit policy {policy} needs a list of output values, the most important first"
            )));
        }
        let adds = matches!(
            self.hit,
            HitPolicy::Sum | HitPolicy::Least | HitPolicy::Greatest | HitPolicy::Count
        );
        if adds && self.outputs.len() != 1 {
            return Err(t.wrong("an aggregation needs exactly one output"));
        }
        for r in t.all("rule") {
            let rule = self.rule(r)?;
            self.rules.push(rule);
        }
        match self.rules.is_empty() {
            true => Err(t.wrong(format!("decision {} has no rules", self.id))),
            false => Ok(()),
        }
    }

    fn rule(&self, r: &Element) -> Result<Rule, DecisionError> {
        let number = self.rules.len() + 1;
        let id = r.get("id").map_or(format!("rule-{number}"), String::from);
        let inputs: Vec<&Element> = r.all("inputEntry").collect();
        let outputs: Vec<&Element> = r.all("outputEntry").collect();
        if inputs.len() != self.inputs.len() || outputs.len() != self.outputs.len() {
            return Err(r.wrong(format!(
                "rule {id}: {} inputs and {} outputs where the table has {} and {}",
                inputs.len(),
                outputs.len(),
                self.inputs.len(),
                self.outputs.len()
            )));
        }
        let what = |column: &str| format!("rule {id}, {column}");
        let tests = inputs
            .iter()
            .zip(&self.inputs)
            .map(|(e, i)| read(e, &what(&i.label), feel::parse_tests));
        let made = outputs
            .iter()
            .zip(&self.outputs)
            .map(|(e, o)| read(e, &what(&o.name), feel::parse));
        let note = match r.child("annotationEntry") {
            Some(a) => a.content(),
            None => r.child("description").map_or("", |d| d.text.trim()),
        };
        Ok(Rule {
            tests: tests.collect::<Result<_, _>>()?,
            outputs: made.collect::<Result<_, _>>()?,
            note: note.to_string(),
            cells: inputs
                .iter()
                .chain(&outputs)
                .map(|e| e.content().to_string())
                .collect(),
            at: r.at,
            id,
        })
    }

    /// Something answers when no rule matches.
    pub fn has_default(&self) -> bool {
        self.outputs.iter().all(|o| o.default.is_some())
    }

    /// Results of the decisions that this one builds on.
    fn required(&self, names: &Json) -> Result<Vec<(String, Value)>, DecisionError> {
        let one = |(name, d): &(String, Decision)| {
            let mut values = d.decide(names)?.values;
            // A decision with one output is its value.
            if let (Json::Object(o), [output]) = (&mut values, d.outputs.as_slice())
                && let Some(v) = o.get_mut(&output.name)
            {
                values = v.take();
            }
            Ok((name.clone(), Value::from_json(&values)))
        };
        self.requires.iter().map(one).collect()
    }

    /// Input values in column order, each one allowed.
    fn inputs(&self, run: &Machine, scope: &Scope<'_>) -> Result<Vec<Value>, DecisionError> {
        let one = |i: &Input| {
            let value = run.eval(&i.expression, scope);
            let fine = i.allowed.is_empty()
                || value == Value::Null
                || i.allowed.iter().any(|t| run.test(t, &value, scope));
            match fine {
                true => Ok(value),
                false => Err(DecisionError::NotAllowed(
                    i.label.clone(),
                    value.into_json().to_string(),
                    i.allowed_text.clone(),
                )),
            }
        };
        self.inputs.iter().map(one).collect()
    }

    /// Runs the decision on these names.
    pub fn decide(&self, names: &Json) -> Result<Answer, DecisionError> {
        let (run, root, required) = (Machine::new(), Scope::Root(names), self.required(names)?);
        let scope = Scope::Context(&required, &root);
        if let Some(e) = &self.literal {
            let value = run.eval(e, &scope).into_json();
            return Ok(self.answer(Vec::new(), self.single(value), Vec::new()));
        }
        let values = self.inputs(&run, &scope)?;
        let cell = |(any, v): (&Vec<Test>, &Value)| any.iter().any(|t| run.test(t, v, &scope));
        let mut hits: Vec<&Rule> = Vec::new();
        for r in &self.rules {
            if r.tests.iter().zip(&values).all(cell) {
                hits.push(r);
                if self.hit == HitPolicy::First {
                    break;
                }
            }
        }
        let outputs = |r: &Rule| -> Vec<Value> { r.outputs.iter().map(|e| run.eval(e, &scope)).collect() };
        let object = |made: Vec<Value>| -> Json {
            let pairs = self.outputs.iter().zip(made);
            Json::Object(
                pairs
                    .map(|(o, v)| (o.name.clone(), v.into_json()))
                    .collect::<Map<_, _>>(),
            )
        };
        let list = |hits: &[&Rule]| {
            let all: Vec<Json> = hits.iter().map(|r| object(outputs(r))).collect();
            serde_json::json!({ "results": all })
        };
        let result = match self.hit {
            policy if policy.single() && hits.is_empty() => {
                if !self.has_default() {
                    return Err(DecisionError::NoRule);
                }
                let made = self.outputs.iter().filter_map(|o| o.default.as_ref());
                object(made.map(|e| run.eval(e, &scope)).collect())
            }
            HitPolicy::Unique if hits.len() > 1 => return Err(DecisionError::TooMany(hits.len(), "UNIQUE")),
            HitPolicy::Any if hits.iter().skip(1).any(|r| outputs(r) != outputs(hits[0])) => {
                return Err(DecisionError::TooMany(hits.len(), "ANY"));
            }
            HitPolicy::Priority | HitPolicy::OutputOrder => {
                hits.sort_by_cached_key(|r| self.rank(&outputs(r)));
                match self.hit {
                    HitPolicy::Priority => {
                        hits.truncate(1);
                        object(outputs(hits[0]))
                    }
                    _ => list(&hits),
                }
            }
            HitPolicy::Collect | HitPolicy::RuleOrder => list(&hits),
            HitPolicy::Sum | HitPolicy::Least | HitPolicy::Greatest | HitPolicy::Count => {
                let made = hits.iter().filter_map(|r| outputs(r).pop()).collect();
                self.single(aggregate(self.hit, made).into_json())
            }
            HitPolicy::Unique | HitPolicy::Any | HitPolicy::First => object(outputs(hits[0])),
        };
        if matches!(self.hit, HitPolicy::Any) {
            hits.truncate(1);
        }
        let labels = self.inputs.iter().map(|i| i.label.clone());
        let inputs = labels.zip(values.into_iter().map(Value::into_json)).collect();
        Ok(self.answer(hits, result, inputs))
    }

    /// How every rule fares on these names, cell by cell.
    pub fn explain(&self, names: &Json) -> Result<Vec<Hit>, DecisionError> {
        let (run, root, required) = (Machine::new(), Scope::Root(names), self.required(names)?);
        let scope = Scope::Context(&required, &root);
        let values = self.inputs(&run, &scope)?;
        let row = |r: &Rule| {
            let columns = self.inputs.iter().zip(&values).zip(r.tests.iter().zip(&r.cells));
            let cells: Vec<(String, String, bool)> = columns
                .map(|((i, v), (any, text))| {
                    (
                        i.label.clone(),
                        text.clone(),
                        any.iter().any(|t| run.test(t, v, &scope)),
                    )
                })
                .collect();
            Hit {
                rule: r.id.clone(),
                fired: cells.iter().all(|c| c.2),
                cells,
            }
        };
        Ok(self.rules.iter().map(row).collect())
    }

    fn single(&self, value: Json) -> Json {
        let name = self.outputs.first().map_or("", |o| o.name.as_str());
        Json::Object(Map::from_iter([(name.to_string(), value)]))
    }

    fn answer(&self, hits: Vec<&Rule>, values: Json, inputs: Vec<(String, Json)>) -> Answer {
        let notes = hits.iter().map(|r| r.note.clone()).filter(|n| !n.is_empty());
        Answer {
            values,
            notes: notes.collect(),
            matched: hits.iter().map(|r| r.id.clone()).collect(),
            inputs,
        }
    }

    /// Places of a rule's outputs in the lists of their values, for PRIORITY and OUTPUT ORDER; unlisted ones come last.
    fn rank(&self, made: &[Value]) -> Vec<usize> {
        let place = |(o, v): (&Output, &Value)| {
            let at = o
                .values
                .iter()
                .position(|x| compare(feel::Op::Eq, x, v) == Some(true));
            at.unwrap_or(o.values.len())
        };
        let with_values = self
            .outputs
            .iter()
            .zip(made)
            .filter(|(o, _)| !o.values.is_empty());
        with_values.map(place).collect()
    }
}

fn aggregate(policy: HitPolicy, made: Vec<Value>) -> Value {
    let function = match policy {
        HitPolicy::Count => return Value::Number(Decimal::from(made.len() as i64)),
        HitPolicy::Sum => "sum",
        HitPolicy::Least => "min",
        _ => "max",
    };
    let list = Expr::List(made.into_iter().map(Expr::Literal).collect());
    Machine::new().eval(&Expr::Call(function, vec![list]), &Scope::Root(&Json::Null))
}

#[cfg(test)]
mod tests;
