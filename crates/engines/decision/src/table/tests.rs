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

fn one(xml: &str) -> Decision {
    Decision::parse(xml).unwrap_or_else(|e| panic!("{e}")).remove(0)
}

#[test]
fn first_rule_answers_with_its_reason() {
    let d = one(ROUTE);
    let both = json!({ "area": 200, "impact": "carriageway" });
    let a = d.decide(&both).unwrap();
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
    let why = d
        .explain(&json!({ "area": 50, "impact": "carriageway" }))
        .unwrap();
    assert_eq!((why[0].fired, why[1].fired), (false, true));
    assert_eq!(
        why[0].cells,
        [
            ("面积".into(), "> 100".into(), false),
            ("影响".into(), "-".into(), true)
        ]
    );
}

/// A fee table under any hit policy: two rules match an area of 30.
fn fees(policy: &str) -> Decision {
    one(&format!(
        r#"<definitions><decision id="fee"><decisionTable {policy}>
        <input><inputExpression><text>area</text></inputExpression></input>
        <output name="fee"><outputValues><text>100.1, 0.2, 5</text></outputValues></output>
        <rule id="a"><inputEntry><text>&gt;= 10</text></inputEntry><outputEntry><text>0.2</text></outputEntry></rule>
        <rule id="b"><inputEntry><text>&gt;= 20</text></inputEntry><outputEntry><text>100.1</text></outputEntry></rule>
        <rule id="c"><inputEntry><text>&gt;= 100</text></inputEntry><outputEntry><text>5</text></outputEntry></rule>
        </decisionTable></decision></definitions>"#
    ))
}

#[test]
fn every_hit_policy() {
    let names = json!({ "area": 30 });
    let run = |policy: &str| {
        fees(policy)
            .decide(&names)
            .map(|a| (a.values, a.matched.join(" ")))
    };
    let list =
        |values: &[f64]| json!({ "results": values.iter().map(|v| json!({ "fee": v })).collect::<Vec<_>>() });
    assert_eq!(run(""), Err(DecisionError::TooMany(2, "UNIQUE")));
    assert_eq!(run("hitPolicy=\"ANY\""), Err(DecisionError::TooMany(2, "ANY")));
    for (policy, values, matched) in [
        ("hitPolicy=\"FIRST\"", json!({ "fee": 0.2 }), "a"),
        ("hitPolicy=\"PRIORITY\"", json!({ "fee": 100.1 }), "b"),
        ("hitPolicy=\"COLLECT\"", list(&[0.2, 100.1]), "a b"),
        ("hitPolicy=\"RULE ORDER\"", list(&[0.2, 100.1]), "a b"),
        ("hitPolicy=\"OUTPUT ORDER\"", list(&[100.1, 0.2]), "b a"),
        (
            "hitPolicy=\"COLLECT\" aggregation=\"SUM\"",
            json!({ "fee": 100.3 }),
            "a b",
        ),
        (
            "hitPolicy=\"COLLECT\" aggregation=\"MIN\"",
            json!({ "fee": 0.2 }),
            "a b",
        ),
        (
            "hitPolicy=\"COLLECT\" aggregation=\"MAX\"",
            json!({ "fee": 100.1 }),
            "a b",
        ),
        (
            "hitPolicy=\"COLLECT\" aggregation=\"COUNT\"",
            json!({ "fee": 2 }),
            "a b",
        ),
    ] {
        assert_eq!(run(policy), Ok((values, matched.to_string())), "{policy}");
    }
    let none = json!({ "area": 1 });
    let empty = |policy: &str| fees(policy).decide(&none).map(|a| a.values);
    assert_eq!(
        empty("hitPolicy=\"COLLECT\" aggregation=\"COUNT\""),
        Ok(json!({ "fee": 0 }))
    );
    assert_eq!(
        empty("hitPolicy=\"COLLECT\" aggregation=\"SUM\""),
        Ok(json!({ "fee": null }))
    );
    assert_eq!(empty("hitPolicy=\"COLLECT\""), Ok(json!({ "results": [] })));
    assert_eq!(empty("hitPolicy=\"PRIORITY\""), Err(DecisionError::NoRule));
}

#[test]
fn defaults_allowed_values_and_types() {
    let d = one(
        r#"<definitions><itemDefinition name="tImpact"><typeRef>string</typeRef><allowedValues><text>"none","road"</text></allowedValues></itemDefinition>
        <decision id="x"><decisionTable><input label="影响"><inputExpression typeRef="tImpact"><text>impact</text></inputExpression></input>
        <output name="days"><defaultOutputEntry><text>2 + 1</text></defaultOutputEntry></output>
        <rule><inputEntry><text>"road"</text></inputEntry><outputEntry><text>5</text></outputEntry></rule></decisionTable></decision></definitions>"#,
    );
    assert_eq!(
        d.decide(&json!({ "impact": "road" })).unwrap().values,
        json!({ "days": 5 })
    );
    let a = d.decide(&json!({ "impact": "none" })).unwrap();
    assert_eq!((a.values, a.matched.len()), (json!({ "days": 3 }), 0));
    let e = d.decide(&json!({ "impact": "sky" })).unwrap_err();
    assert_eq!(e.to_string(), "影响 is \"sky\"; allowed is \"none\",\"road\"");
}

#[test]
fn decisions_build_on_one_another() {
    let xml = r##"<definitions><decision id="fee"><variable name="fee"/>
        <informationRequirement><requiredDecision href="#route"/></informationRequirement>
        <literalExpression><text>if route = "joint" then area * 0.1 else 0</text></literalExpression></decision>
        <decision id="route"><variable name="route"/><decisionTable><input><inputExpression><text>area</text></inputExpression></input><output name="r"/>
        <rule><inputEntry><text>&gt; 10</text></inputEntry><outputEntry><text>"joint"</text></outputEntry></rule>
        <rule><inputEntry><text>&lt;= 10</text></inputEntry><outputEntry><text>"simple"</text></outputEntry></rule></decisionTable></decision></definitions>"##;
    assert_eq!(
        one(xml).decide(&json!({ "area": 12.1 })).unwrap().values,
        json!({ "fee": 1.21 })
    );
    let circle = xml.replace("<decision id=\"route\">", "<decision id=\"route\"><informationRequirement><requiredDecision href=\"#fee\"/></informationRequirement>");
    assert!(
        Decision::parse(&circle)
            .unwrap_err()
            .to_string()
            .contains("circle")
    );
    let lost = xml.replace("#route", "#nobody");
    assert!(Decision::parse(&lost).unwrap_err().to_string().contains("nobody"));
}

#[test]
fn nothing_outside_is_ever_run() {
    for (element, says) in [
        (
            "<businessKnowledgeModel id=\"b\"><encapsulatedLogic kind=\"Java\"/></businessKnowledgeModel>",
            "businessKnowledgeModel",
        ),
        (
            "<import importType=\"http://www.dmg.org/PMML-4_2\" locationURI=\"https://example.org/a.pmml\"/>",
            "import",
        ),
        (
            "<decision id=\"f\"><functionDefinition kind=\"PMML\"/></decision>",
            "functionDefinition of kind PMML",
        ),
        (
            "<decision id=\"f\"><functionDefinition kind=\"Java\"/></decision>",
            "functionDefinition of kind Java",
        ),
        ("<decision id=\"f\"><invocation/></decision>", "invocation"),
        (
            "<decision id=\"f\"><literalExpression expressionLanguage=\"javascript\"><text>1</text></literalExpression></decision>",
            "javascript",
        ),
        (
            "<decision id=\"f\"><literalExpression><text>function(u) external {java: {class: \"java.net.URL\"}}</text></literalExpression></decision>",
            "external functions (Java, PMML) are refused",
        ),
    ] {
        let xml = ROUTE.replace("</definitions>", &format!("{element}</definitions>"));
        let e = Decision::parse(&xml).unwrap_err();
        assert!(e.to_string().contains(says), "{e}");
        assert!(
            xml[e.at()..].starts_with('<') && e.at() > 100,
            "the place is the element's"
        );
    }
}

#[test]
fn broken_models_are_refused_with_their_place() {
    for (from, to, says) in [
        (
            "<rule id=\"r2\"><inputEntry><text></text></inputEntry>",
            "<rule id=\"r2\">",
            "rule r2: 1 inputs",
        ),
        (
            "\"joint\"",
            "joint +",
            "rule r2, route: expression `joint +`, character 8",
        ),
        ("&gt; 100", "&gt; 100 €", "rule r1, 面积"),
        ("FIRST", "BEST", "hit policy BEST"),
        ("FIRST", "PRIORITY", "list of output values"),
        ("</definitions>", "", "ends too early"),
        (
            "<?xml version=\"1.0\"?>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]>",
            "document type",
        ),
        (
            "hitPolicy=\"FIRST\"",
            "hitPolicy=\"COLLECT\" aggregation=\"SUM\"",
            "exactly one output",
        ),
    ] {
        let e = Decision::parse(&ROUTE.replace(from, to)).unwrap_err();
        assert!(e.to_string().contains(says), "{to}: {e}");
    }
    assert!(Decision::parse("<html/>").is_err() && Decision::parse("").is_err());
}
