//! DMN 1.3 decision tables (OMG formal/2021-01-01, §8): parsed from the standard's XML, run with explanation.

use crate::DecisionError;
use crate::feel::{self, Expr, Test};
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value as Json};

/// How many rules may match and which one answers (§8.2.10).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub enum HitPolicy {
    Unique,
    First,
    Any,
    Collect,
}

/// One row: a list of tests for each input, an expression for each output.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub tests: Vec<Vec<Test>>,
    pub outputs: Vec<Expr>,
    /// The author's note, shown in the explanation.
    pub note: String,
    /// The texts as written, for people.
    pub cells: Vec<String>,
}

/// A decision with its table.
#[derive(Clone, Debug)]
pub struct Decision {
    pub id: String,
    pub name: String,
    pub hit: HitPolicy,
    /// (label, expression) of each input column.
    pub inputs: Vec<(String, Expr)>,
    pub outputs: Vec<String>,
    pub rules: Vec<Rule>,
}

/// What came out, and why.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Answer {
    /// Output name → value; a list of such objects under `results` for hit policy COLLECT.
    pub values: Json,
    /// Ids of the rules that matched, in table order.
    pub matched: Vec<String>,
    /// (input label, value it had).
    pub inputs: Vec<(String, Json)>,
    /// Notes of the matching rules.
    pub notes: Vec<String>,
}

fn attribute(e: &BytesStart<'_>, name: &str) -> Option<String> {
    e.attributes()
        .flatten()
        .find(|a| a.key.local_name().as_ref() == name)
        .and_then(|a| quick_xml::escape::unescape(&a.value).ok().map(|v| v.into_owned()))
}

impl Decision {
    /// Every decision of a DMN file. Unknown elements are left alone; a table that cannot be run is an error.
    pub fn parse(xml: &str) -> Result<Vec<Decision>, DecisionError> {
        let model = |m: String| DecisionError::Model(m);
        let mut reader = quick_xml::Reader::from_str(xml);
        let mut out: Vec<Decision> = Vec::new();
        let mut stack: Vec<String> = Vec::new();
        let (mut text, mut label) = (String::new(), String::new());
        let mut cells: Vec<(bool, String)> = Vec::new();
        let (mut note, mut rule_id) = (String::new(), String::new());
        loop {
            let event = reader
                .read_event()
                .map_err(|e| model(format!("byte {}: {e}", reader.error_position())))?;
            let (start, empty) = match &event {
                Event::Start(e) => (Some(e), false),
                Event::Empty(e) => (Some(e), true),
                _ => (None, false),
            };
            if let Some(e) = start {
                let name = e.local_name().as_ref().to_string();
                match name.as_str() {
                    "decision" => out.push(Decision {
                        id: attribute(e, "id").ok_or_else(|| model("a decision has no id".into()))?,
                        name: attribute(e, "name").unwrap_or_default(),
                        hit: HitPolicy::Unique,
                        inputs: Vec::new(),
                        outputs: Vec::new(),
                        rules: Vec::new(),
                    }),
                    "decisionTable" => {
                        let hit = attribute(e, "hitPolicy").unwrap_or_else(|| "UNIQUE".into());
                        if let Some(d) = out.last_mut() {
                            d.hit = match hit.as_str() {
                                "UNIQUE" => HitPolicy::Unique,
                                "FIRST" => HitPolicy::First,
                                "ANY" => HitPolicy::Any,
                                "COLLECT" => HitPolicy::Collect,
                                other => return Err(model(format!("hit policy {other} is not supported"))),
                            };
                        }
                    }
                    "input" => label = attribute(e, "label").unwrap_or_default(),
                    "output" => {
                        let name = attribute(e, "name")
                            .or_else(|| attribute(e, "label"))
                            .unwrap_or_default();
                        if let Some(d) = out.last_mut() {
                            d.outputs.push(name);
                        }
                    }
                    "rule" => {
                        cells.clear();
                        note.clear();
                        rule_id = attribute(e, "id").unwrap_or_default();
                    }
                    "text" => text.clear(),
                    _ => {}
                }
                if !empty {
                    stack.push(name);
                }
                continue;
            }
            match event {
                Event::Text(t) => text.push_str(&t),
                Event::CData(t) => text.push_str(&t),
                Event::GeneralRef(r) => {
                    let whole = format!("&{};", &*r);
                    text.push_str(&quick_xml::escape::unescape(&whole).map_err(|e| model(e.to_string()))?);
                }
                Event::End(_) => {
                    let name = stack.pop().unwrap_or_default();
                    let parent = stack.last().cloned().unwrap_or_default();
                    let cell = text.trim().to_string();
                    match (name.as_str(), parent.as_str()) {
                        ("text", "inputExpression") => {
                            if let Some(d) = out.last_mut() {
                                let shown = if label.is_empty() {
                                    cell.clone()
                                } else {
                                    label.clone()
                                };
                                d.inputs.push((shown, feel::parse(&cell)?));
                            }
                        }
                        ("text", "inputEntry") => cells.push((true, cell)),
                        ("text", "outputEntry") => cells.push((false, cell)),
                        ("text", "annotationEntry") => note = cell,
                        ("description", "rule") if note.is_empty() => note = cell,
                        ("rule", _) => {
                            let d = out
                                .last_mut()
                                .ok_or_else(|| model("a rule outside a decision".into()))?;
                            d.rule(&rule_id, &cells, &note)?;
                        }
                        _ => {}
                    }
                    if name == "text" {
                        text.clear();
                    }
                }
                Event::DocType(_) => return Err(model("a document type is not allowed".into())),
                Event::Eof if !stack.is_empty() => return Err(model("the file ends too early".into())),
                Event::Eof => break,
                _ => {}
            }
        }
        match out.iter().find(|d| d.rules.is_empty()) {
            Some(d) => Err(model(format!("decision {} has no rules", d.id))),
            None => Ok(out),
        }
    }

    fn rule(&mut self, id: &str, cells: &[(bool, String)], note: &str) -> Result<(), DecisionError> {
        let inputs: Vec<&String> = cells.iter().filter(|c| c.0).map(|c| &c.1).collect();
        let outputs: Vec<&String> = cells.iter().filter(|c| !c.0).map(|c| &c.1).collect();
        if inputs.len() != self.inputs.len() || outputs.len() != self.outputs.len() {
            return Err(DecisionError::Model(format!(
                "rule {id}: {} inputs and {} outputs where the table has {} and {}",
                inputs.len(),
                outputs.len(),
                self.inputs.len(),
                self.outputs.len()
            )));
        }
        let number = self.rules.len() + 1;
        self.rules.push(Rule {
            id: if id.is_empty() {
                format!("rule-{number}")
            } else {
                id.to_string()
            },
            tests: inputs
                .into_iter()
                .map(|c| feel::parse_tests(c))
                .collect::<Result<_, _>>()?,
            outputs: outputs
                .into_iter()
                .map(|c| feel::parse(c))
                .collect::<Result<_, _>>()?,
            note: note.to_string(),
            cells: cells.iter().map(|c| c.1.clone()).collect(),
        });
        Ok(())
    }

    /// Runs the table on these names.
    pub fn decide(&self, names: &Json) -> Result<Answer, DecisionError> {
        let inputs: Vec<(String, Json)> = self
            .inputs
            .iter()
            .map(|(label, e)| (label.clone(), feel::evaluate(e, names)))
            .collect();
        let hits: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|r| {
                r.tests
                    .iter()
                    .zip(&inputs)
                    .all(|(any, (_, v))| any.iter().any(|t| feel::test(t, v, names)))
            })
            .collect();
        let values = |r: &Rule| -> Json {
            let pairs = self.outputs.iter().zip(&r.outputs);
            Json::Object(
                pairs
                    .map(|(n, e)| (n.clone(), feel::evaluate(e, names)))
                    .collect::<Map<_, _>>(),
            )
        };
        let chosen: Vec<&Rule> = match (self.hit, hits.len()) {
            (_, 0) if self.hit != HitPolicy::Collect => return Err(DecisionError::NoRule),
            (HitPolicy::Unique, n) if n > 1 => return Err(DecisionError::TooMany(n, "UNIQUE")),
            (HitPolicy::Any, n) if hits.iter().any(|r| values(r) != values(hits[0])) => {
                return Err(DecisionError::TooMany(n, "ANY"));
            }
            (HitPolicy::Collect, _) => hits,
            _ => vec![hits[0]],
        };
        let result = if self.hit == HitPolicy::Collect {
            serde_json::json!({ "results": chosen.iter().map(|r| values(r)).collect::<Vec<_>>() })
        } else {
            values(chosen[0])
        };
        Ok(Answer {
            values: result,
            matched: chosen.iter().map(|r| r.id.clone()).collect(),
            notes: chosen
                .iter()
                .map(|r| r.note.clone())
                .filter(|n| !n.is_empty())
                .collect(),
            inputs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROUTE: &str = r#"<?xml version="1.0"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">
 <decision id="route" name="审查路线"><decisionTable hitPolicy="FIRST">
  <input id="i1" label="面积"><inputExpression><text>area</text></inputExpression></input>
  <input id="i2" label="影响"><inputExpression><text>impact</text></inputExpression></input>
  <output id="o" name="route"/><output id="o2" name="days"/>
  <rule id="r1"><inputEntry><text>&gt; 100</text></inputEntry><inputEntry><text>-</text></inputEntry>
   <outputEntry><text>"refuse"</text></outputEntry><outputEntry><text>0</text></outputEntry>
   <annotationEntry><text>太大</text></annotationEntry></rule>
  <rule id="r2"><inputEntry><text></text></inputEntry><inputEntry><text>"carriageway"</text></inputEntry>
   <outputEntry><text>"joint"</text></outputEntry><outputEntry><text>area / 10</text></outputEntry></rule>
 </decisionTable></decision></definitions>"#;

    #[test]
    fn first_rule_answers_with_its_reason() {
        let d = Decision::parse(ROUTE).unwrap().remove(0);
        let a = d
            .decide(&json!({ "area": 200, "impact": "carriageway" }))
            .unwrap();
        assert_eq!(a.values, json!({ "route": "refuse", "days": 0 }));
        assert_eq!(
            (a.matched, a.notes),
            (vec!["r1".to_string()], vec!["太大".to_string()])
        );
        let a = d.decide(&json!({ "area": 50, "impact": "carriageway" })).unwrap();
        assert_eq!(a.values, json!({ "route": "joint", "days": 5 }));
        assert_eq!(a.inputs[0], ("面积".to_string(), json!(50)));
        assert_eq!(
            d.decide(&json!({ "area": 1, "impact": "none" })),
            Err(DecisionError::NoRule)
        );
    }

    #[test]
    fn hit_policies_differ() {
        let unique = Decision::parse(&ROUTE.replace("FIRST", "UNIQUE"))
            .unwrap()
            .remove(0);
        let both = json!({ "area": 200, "impact": "carriageway" });
        assert_eq!(unique.decide(&both), Err(DecisionError::TooMany(2, "UNIQUE")));
        let any = Decision::parse(&ROUTE.replace("FIRST", "ANY")).unwrap().remove(0);
        assert_eq!(any.decide(&both), Err(DecisionError::TooMany(2, "ANY")));
        let all = Decision::parse(&ROUTE.replace("FIRST", "COLLECT"))
            .unwrap()
            .remove(0);
        assert_eq!(
            all.decide(&both).unwrap().values["results"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn broken_models_are_refused() {
        for (from, to) in [
            (
                "<rule id=\"r2\"><inputEntry><text></text></inputEntry>",
                "<rule id=\"r2\">",
            ),
            ("\"joint\"", "joint +"),
            ("FIRST", "PRIORITY"),
            ("</definitions>", ""),
            ("<?xml version=\"1.0\"?>", "<!DOCTYPE x [<!ENTITY a \"b\">]>"),
        ] {
            assert!(Decision::parse(&ROUTE.replace(from, to)).is_err(), "{to}");
        }
    }
}
