//! One model with everything the engine knows, driven through each idiom.

use process::{Command, Definition, Effect, Environment, Reject, State, WorkStatus};
use serde_json::{Value as Json, json};

const MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:y="https://yiwang.example/bpmn">
 <bpmn:process id="p" name="审批" isExecutable="true">
  <bpmn:startEvent id="s"/>
  <bpmn:userTask id="accept" name="受理" y:name-en="Accept" y:role="clerk"/>
  <bpmn:businessRuleTask id="route" y:decision="route"/>
  <bpmn:exclusiveGateway id="x" default="to_decide"/>
  <bpmn:parallelGateway id="fork"/>
  <bpmn:userTask id="review-a" y:role="reviewer" y:outcomes="agree,disagree"/>
  <bpmn:userTask id="review-b" y:role="reviewer" y:outcomes="agree,disagree"/>
  <bpmn:boundaryEvent id="late" attachedToRef="review-b" cancelActivity="false" y:working-days="4"><bpmn:timerEventDefinition/></bpmn:boundaryEvent>
  <bpmn:parallelGateway id="join"/>
  <bpmn:userTask id="decide" y:role="head" y:outcomes="grant,refuse"/>
  <bpmn:exclusiveGateway id="y1" default="to_no"/>
  <bpmn:serviceTask id="issue" y:effect="issue:permit"/>
  <bpmn:endEvent id="granted"/><bpmn:endEvent id="refused"/>
  <bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="accept"/>
  <bpmn:sequenceFlow id="f2" sourceRef="accept" targetRef="route"/>
  <bpmn:sequenceFlow id="f3" sourceRef="route" targetRef="x"/>
  <bpmn:sequenceFlow id="to_fork" sourceRef="x" targetRef="fork"><bpmn:conditionExpression>route == 'joint'</bpmn:conditionExpression></bpmn:sequenceFlow>
  <bpmn:sequenceFlow id="to_decide" sourceRef="x" targetRef="decide"/>
  <bpmn:sequenceFlow id="f4" sourceRef="fork" targetRef="review-a"/>
  <bpmn:sequenceFlow id="f5" sourceRef="fork" targetRef="review-b"/>
  <bpmn:sequenceFlow id="f6" sourceRef="review-a" targetRef="join"/>
  <bpmn:sequenceFlow id="f7" sourceRef="review-b" targetRef="join"/>
  <bpmn:sequenceFlow id="f8" sourceRef="join" targetRef="decide"/>
  <bpmn:sequenceFlow id="f9" sourceRef="decide" targetRef="y1"/>
  <bpmn:sequenceFlow id="to_yes" sourceRef="y1" targetRef="issue"><bpmn:conditionExpression>outcome == 'grant'</bpmn:conditionExpression></bpmn:sequenceFlow>
  <bpmn:sequenceFlow id="to_no" sourceRef="y1" targetRef="refused"/>
  <bpmn:sequenceFlow id="f10" sourceRef="issue" targetRef="granted"/>
 </bpmn:process>
</bpmn:definitions>"#;

struct Env;
impl Environment for Env {
    fn decide(&self, decision: &str, v: &Json) -> Result<Json, String> {
        assert_eq!(decision, "route");
        Ok(json!({ "route": if v["area"].as_i64() > Some(10) { "joint" } else { "simple" } }))
    }
    fn holds(&self, condition: &str, v: &Json) -> Result<bool, String> {
        let (name, value) = condition.split_once(" == ").ok_or("condition")?;
        Ok(v[name] == value.trim_matches('\''))
    }
}

struct Case(Definition, State, i64);
impl Case {
    fn begin(area: i64) -> Case {
        let d = Definition::parse(MODEL).unwrap();
        assert_eq!(d.deploy_check(&["route"]), Vec::<String>::new());
        let mut c = Case(d, State::default(), 0);
        c.ok(Command::Start {
            variables: json!({ "area": area }),
            at: 0,
        });
        c
    }
    fn run(&mut self, command: Command) -> Result<Vec<Effect>, Reject> {
        self.2 += 1;
        let before = self.1.clone();
        let out = self.1.step(&self.0, command, &Env);
        if out.is_err() {
            assert_eq!(before, self.1, "a rejected command changes nothing");
        }
        // What is stored is the whole state.
        let text = serde_json::to_string(&self.1).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), self.1);
        out
    }
    fn ok(&mut self, command: Command) -> Vec<Effect> {
        self.run(command).unwrap()
    }
    fn id(&self, node: &str) -> u32 {
        self.1
            .open()
            .find(|w| w.node == node)
            .unwrap_or_else(|| panic!("{node} is not open"))
            .id
    }
    fn done(&self, node: &str) -> u32 {
        self.1
            .work
            .iter()
            .rev()
            .find(|w| w.node == node && w.status == WorkStatus::Done)
            .unwrap()
            .id
    }
    fn complete(&mut self, node: &str, outcome: &str) -> Vec<Effect> {
        let (work, at) = (self.id(node), self.2);
        self.ok(Command::Complete {
            work,
            outcome: outcome.into(),
            by: "p".into(),
            at,
        })
    }
    fn opened(&self) -> Vec<&str> {
        self.1.open().map(|w| w.node.as_str()).collect()
    }
}

#[test]
fn the_short_way_ends_granted() {
    let mut c = Case::begin(5);
    c.complete("accept", "done");
    assert_eq!(c.opened(), ["decide"]);
    let effects = c.complete("decide", "grant");
    assert!(effects.contains(&Effect::Perform {
        node: "issue".into(),
        effect: "issue:permit".into()
    }));
    assert!(effects.contains(&Effect::Ended {
        node: "granted".into()
    }));
    assert_eq!(
        c.run(Command::Suspend {
            reason: "x".into(),
            at: 9
        }),
        Err(Reject::Ended)
    );
}

#[test]
fn a_parallel_review_waits_for_both_and_can_be_reopened() {
    let mut c = Case::begin(50);
    let effects = c.complete("accept", "done");
    assert!(effects.iter().any(|e| matches!(
        e,
        Effect::TimerSet {
            due: process::Due::WorkingDays(4),
            ..
        }
    )));
    assert_eq!(c.opened(), ["review-a", "review-b"]);
    c.complete("review-a", "agree");
    assert_eq!(c.opened(), ["review-b"]);
    // b reopens a's finished review: the join waits for a again.
    let (from, to) = (c.id("review-b"), c.done("review-a"));
    // Going back to acceptance instead would take both branches back, though acceptance had the first branch's token.
    let mut whole = Case(c.0.clone(), c.1.clone(), 0);
    let accept = whole.done("accept");
    whole.ok(Command::SendBack {
        from,
        to: accept,
        at: 5,
    });
    assert_eq!(whole.opened(), ["accept"]);
    whole.complete("accept", "done");
    assert_eq!(whole.opened(), ["review-a", "review-b"]);
    whole.complete("review-a", "agree");
    whole.complete("review-b", "agree");
    assert_eq!(whole.opened(), ["decide"]);
    c.ok(Command::SendBack { from, to, at: 5 });
    assert_eq!(c.opened(), ["review-b", "review-a"]);
    c.complete("review-b", "agree");
    assert_eq!(c.opened(), ["review-a"], "the join waits");
    c.complete("review-a", "disagree");
    assert_eq!(c.opened(), ["decide"]);
    assert_eq!(
        c.1.work
            .iter()
            .filter(|w| w.node == "review-a")
            .map(|w| w.round)
            .max(),
        Some(2)
    );
    c.complete("decide", "refuse");
    assert_eq!(c.1.ended.as_deref(), Some("refused"));
}

#[test]
fn sending_back_in_sequence_takes_back_what_came_after() {
    let mut c = Case::begin(50);
    c.complete("accept", "done");
    c.complete("review-a", "agree");
    c.complete("review-b", "agree");
    let (from, to) = (c.id("decide"), c.done("review-a"));
    c.ok(Command::SendBack { from, to, at: 5 });
    assert_eq!(c.opened(), ["review-a"]);
    assert_eq!(c.run(Command::SendBack { from, to, at: 6 }), Err(Reject::NotOpen));
    // The other review stands: its token waits at the join again.
    c.complete("review-a", "agree");
    assert_eq!(c.opened(), ["decide"]);
}

#[test]
fn one_correction_stops_everything_until_it_is_answered() {
    let mut c = Case::begin(50);
    let work = c.id("accept");
    let effects = c.ok(Command::RequestCorrection { work, at: 3 });
    assert_eq!(effects, [Effect::Suspended]);
    let complete = Command::Complete {
        work,
        outcome: "done".into(),
        by: "p".into(),
        at: 4,
    };
    assert_eq!(c.run(complete.clone()), Err(Reject::Correcting));
    assert_eq!(c.run(Command::Resume { at: 4 }), Err(Reject::Correcting));
    c.ok(Command::Correct {
        variables: json!({ "area": 2 }),
        at: 5,
    });
    assert_eq!(
        c.run(Command::RequestCorrection { work, at: 6 }),
        Err(Reject::CorrectedOnce)
    );
    c.ok(complete);
    assert_eq!(c.opened(), ["decide"], "the corrected form decides the way");
}

#[test]
fn suspension_timers_and_wrong_commands() {
    let mut c = Case::begin(50);
    c.complete("accept", "done");
    let b = c.id("review-b");
    c.ok(Command::Suspend {
        reason: "hearing".into(),
        at: 2,
    });
    let complete = |outcome: &str| Command::Complete {
        work: b,
        outcome: outcome.into(),
        by: "p".into(),
        at: 3,
    };
    assert_eq!(c.run(complete("agree")), Err(Reject::Suspended));
    c.ok(Command::Resume { at: 3 });
    assert_eq!(c.run(Command::Resume { at: 3 }), Err(Reject::Running));
    assert_eq!(c.run(complete("maybe")), Err(Reject::Outcome("maybe".into())));
    let fire = Command::Fire {
        work: b,
        timer: "late".into(),
        at: 4,
    };
    assert_eq!(
        c.ok(fire.clone()),
        [Effect::Remind {
            work: b,
            timer: "late".into()
        }]
    );
    assert_eq!(c.run(fire), Err(Reject::NotOpen), "a timer fires once");
    c.ok(complete("agree"));
    assert_eq!(
        c.run(complete("agree")),
        Err(Reject::NotOpen),
        "two clerks: the second is refused"
    );
    c.ok(Command::Withdraw { at: 9 });
    assert_eq!((c.opened().len(), c.1.ended.as_deref()), (0, Some("withdrawn")));
}

#[test]
fn unsound_models_are_named() {
    let check = |from: &str, to: &str| {
        let d = Definition::parse(&MODEL.replace(from, to)).unwrap();
        d.deploy_check(&["route"]).join("; ")
    };
    assert!(check(" default=\"to_no\"", "").contains("default"));
    assert!(
        check(
            "<bpmn:sequenceFlow id=\"f10\" sourceRef=\"issue\" targetRef=\"granted\"/>",
            ""
        )
        .contains("issue")
    );
    assert!(check("y:decision=\"route\"", "y:decision=\"other\"").contains("other"));
    assert!(check(" y:role=\"head\"", "").contains("role"));
    for (from, to) in [
        ("targetRef=\"join\"", "targetRef=\"nowhere\""),
        (
            "<bpmn:startEvent id=\"s\"/>",
            "<bpmn:startEvent id=\"s\"/><bpmn:scriptTask id=\"js\"/>",
        ),
        ("</bpmn:definitions>", ""),
        ("id=\"granted\"", "id=\"refused\""),
    ] {
        assert!(Definition::parse(&MODEL.replace(from, to)).is_err(), "{to}");
    }
}
