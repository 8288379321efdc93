//! Every element of the list, each in a small model of its own.

use process::{Command, Definition, Due, Effect, Environment, Reject, State};
use serde_json::{Value as Json, json};

struct Env;
impl Environment for Env {
    fn decide(&self, _: &str, v: &Json) -> Result<Json, String> {
        Ok(json!({ "route": v["want"] }))
    }
    /// `name == value`, `name >= number`, or a name that is true.
    fn holds(&self, condition: &str, v: &Json) -> Result<bool, String> {
        if let Some((name, value)) = condition.split_once(" == ") {
            return Ok(v[name] == value.trim_matches('\''));
        }
        if let Some((name, value)) = condition.split_once(" >= ") {
            return Ok(v[name].as_i64() >= value.parse().ok());
        }
        Ok(v[condition] == true)
    }
}

struct Case {
    d: Definition,
    s: State,
    at: i64,
}

/// `a>b` is a flow, `a>b?condition` one with a condition; everything else is XML.
fn model(elements: &str, flows: &str) -> String {
    let mut xml = format!(
        "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" xmlns:yw=\"https://yiwang.example/bpmn\">\
         <message id=\"m-paid\" name=\"paid\"/><message id=\"m-told\" name=\"told\"/>\
         <error id=\"e-lost\" errorCode=\"lost\"/><error id=\"e-late\" errorCode=\"late\"/>\
         <process id=\"p\" isExecutable=\"true\">{elements}"
    );
    xml.push_str(&flow_xml(flows));
    xml.push_str("</process>");
    xml
}

fn flow_xml(flows: &str) -> String {
    let mut xml = String::new();
    for f in flows.split_whitespace() {
        let (ends, condition) = f.split_once('?').unwrap_or((f, ""));
        let (from, to) = ends.split_once('>').unwrap();
        xml.push_str(&format!(
            "<sequenceFlow id=\"{from}-{to}\" sourceRef=\"{from}\" targetRef=\"{to}\">"
        ));
        if !condition.is_empty() {
            let condition = condition.replace('_', " ");
            xml.push_str(&format!("<conditionExpression>{condition}</conditionExpression>"));
        }
        xml.push_str("</sequenceFlow>");
    }
    xml
}

fn user(id: &str) -> String {
    format!("<userTask id=\"{id}\" yw:role=\"r\" yw:outcomes=\"agree,refuse\"/>")
}

impl Case {
    fn of(xml: &str, variables: Json) -> Case {
        let d = Definition::parse(&format!("{xml}</definitions>")).unwrap();
        assert_eq!(d.deploy_check(&["rule"]), Vec::<String>::new());
        let mut case = Case {
            d,
            s: State::default(),
            at: 0,
        };
        case.ok(Command::Start { variables, at: 0 });
        case
    }
    fn run(&mut self, command: Command) -> Result<Vec<Effect>, Reject> {
        self.at += 1;
        let before = self.s.clone();
        let out = self.s.step(&self.d, command, &Env);
        if out.is_err() {
            assert_eq!(before, self.s);
        }
        let text = serde_json::to_string(&self.s).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), self.s);
        out
    }
    fn ok(&mut self, command: Command) -> Vec<Effect> {
        self.run(command).unwrap()
    }
    /// Nodes of the open work, sorted.
    fn open(&self) -> Vec<&str> {
        let mut nodes: Vec<&str> = self.s.open().map(|w| w.node.as_str()).collect();
        nodes.sort();
        nodes
    }
    fn finish(&mut self, node: &str, outcome: &str) -> Vec<Effect> {
        let work = self
            .s
            .open()
            .find(|w| w.node == node)
            .unwrap_or_else(|| panic!("{node} is not open: {:?}", self.open()))
            .id;
        let at = self.at;
        self.ok(Command::Complete {
            work,
            outcome: outcome.into(),
            by: "甲".into(),
            at,
        })
    }
    fn message(&mut self, name: &str) -> Result<Vec<Effect>, Reject> {
        let (name, at) = (name.to_string(), self.at);
        self.run(Command::Message {
            name,
            variables: json!({ "told": true }),
            at,
        })
    }
    fn fire(&mut self, timer: &str) -> Vec<Effect> {
        let (work, timer) = self
            .s
            .timers
            .iter()
            .find(|(_, t)| t == timer)
            .cloned()
            .unwrap_or_else(|| panic!("{timer} is not set: {:?}", self.s.timers));
        let at = self.at;
        self.ok(Command::Fire { work, timer, at })
    }
    #[track_caller]
    fn ended(&self, node: &str) {
        assert_eq!(self.s.ended.as_deref(), Some(node), "{:#?}", self.s);
        assert!(self.s.tokens.is_empty() && self.s.scopes.is_empty() && self.s.many.is_empty());
        assert!(self.s.timers.is_empty() && self.s.messages.is_empty() && self.s.open().count() == 0);
    }
}

#[test]
fn inclusive_gateway_takes_all_that_hold_and_waits_for_those() {
    let elements = format!(
        "<startEvent id=\"s\"/><inclusiveGateway id=\"split\" default=\"split-c\"/>{}{}{}<inclusiveGateway id=\"join\"/>{}<endEvent id=\"e\"/>",
        user("a"),
        user("b"),
        user("c"),
        user("last")
    );
    let xml = model(
        &elements,
        "s>split split>a?x split>b?y split>c a>join b>join c>join join>last last>e",
    );
    let mut both = Case::of(&xml, json!({ "x": true, "y": true }));
    assert_eq!(both.open(), ["a", "b"]);
    both.finish("b", "agree");
    assert_eq!(both.open(), ["a"], "the join waits for the other");
    both.finish("a", "agree");
    assert_eq!(both.open(), ["last"]);
    both.finish("last", "agree");
    both.ended("e");
    let mut one = Case::of(&xml, json!({ "x": true }));
    assert_eq!(one.open(), ["a"]);
    one.finish("a", "agree");
    assert_eq!(one.open(), ["last"], "nobody else can come");
    assert_eq!(Case::of(&xml, json!({})).open(), ["c"], "the default");
}

#[test]
fn inclusive_join_waits_for_a_way_round() {
    // b leads to the join only after a detour; a second round through `again` must not open it too early.
    let elements = format!(
        "<startEvent id=\"s\"/><parallelGateway id=\"fork\"/>{}{}<exclusiveGateway id=\"again\" default=\"again-join\"/><inclusiveGateway id=\"join\"/>{}<endEvent id=\"e\"/>",
        user("a"),
        user("b"),
        user("last")
    );
    let mut c = Case::of(
        &model(
            &elements,
            "s>fork fork>a fork>b a>join b>again again>b?outcome_==_refuse again>join join>last last>e",
        ),
        json!({}),
    );
    c.finish("a", "agree");
    c.finish("b", "refuse");
    assert_eq!(c.open(), ["b"]);
    c.finish("b", "agree");
    assert_eq!(c.open(), ["last"]);
}

#[test]
fn event_gateway_first_event_wins() {
    let elements = format!(
        "<startEvent id=\"s\"/><eventBasedGateway id=\"wait\"/>\
         <intermediateCatchEvent id=\"paid\"><messageEventDefinition messageRef=\"m-paid\"/></intermediateCatchEvent>\
         <intermediateCatchEvent id=\"late\"><timerEventDefinition><timeDuration>P3DT2H</timeDuration></timerEventDefinition></intermediateCatchEvent>{}{}\
         <endEvent id=\"e\"/>",
        user("go-on"),
        user("dun")
    );
    let xml = model(
        &elements,
        "s>wait wait>paid wait>late paid>go-on late>dun go-on>e dun>e",
    );
    let mut c = Case::of(&xml, json!({}));
    assert!(c.open().is_empty());
    assert_eq!(c.message("unknown"), Err(Reject::NotAwaited("unknown".into())));
    let effects = c.message("paid").unwrap();
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, Effect::TimerCancelled { timer, .. } if timer == "late"))
    );
    assert_eq!(c.open(), ["go-on"]);
    assert_eq!(c.s.variables["told"], true);
    assert_eq!(c.s.visited, ["s", "wait", "paid"]);
    assert_eq!(c.message("paid"), Err(Reject::NotAwaited("paid".into())));
    let mut c = Case::of(&xml, json!({}));
    c.fire("late");
    assert_eq!(c.open(), ["dun"]);
    assert!(c.message("paid").is_err(), "too late");
    c.finish("dun", "agree");
    c.ended("e");
}

#[test]
fn timers_say_when() {
    let timer = |inner: &str| {
        let elements = format!(
            "<startEvent id=\"s\"/><intermediateCatchEvent id=\"t\" {inner}</intermediateCatchEvent><endEvent id=\"e\"/>"
        );
        let d = Definition::parse(&format!("{}</definitions>", model(&elements, "s>t t>e")))?;
        let mut s = State::default();
        let effects = s
            .step(
                &d,
                Command::Start {
                    variables: json!({}),
                    at: 0,
                },
                &Env,
            )
            .unwrap();
        match &effects[0] {
            Effect::TimerSet { due, .. } => Ok(due.clone()),
            other => panic!("{other:?}"),
        }
    };
    let duration = |d: &str| {
        timer(&format!(
            "><timerEventDefinition><timeDuration>{d}</timeDuration></timerEventDefinition>"
        ))
    };
    assert_eq!(duration("P1DT1H1M1S"), Ok(Due::After(90_061_000)));
    assert_eq!(duration("PT30M"), Ok(Due::After(1_800_000)));
    assert_eq!(duration("P2W"), Ok(Due::After(1_209_600_000)));
    assert_eq!(
        timer("yw:working-days=\"5\"><timerEventDefinition/>"),
        Ok(Due::WorkingDays(5))
    );
    assert_eq!(
        timer("><timerEventDefinition><timeDate>start_date</timeDate></timerEventDefinition>"),
        Ok(Due::Date("start_date".into()))
    );
    for bad in [
        "P1M",
        "P1Y",
        "P",
        "PT",
        "3D",
        "P-1D",
        "P1",
        "PT99999999999999999H",
    ] {
        let e: process::ModelError = duration(bad).unwrap_err();
        assert!(e.message.contains("ISO 8601"), "{bad}: {e}");
    }
    assert!(
        timer("><timerEventDefinition/>")
            .unwrap_err()
            .message
            .contains("working-days")
    );
}

#[test]
fn send_and_receive() {
    let elements = "<startEvent id=\"s\"><messageEventDefinition messageRef=\"m-told\"/></startEvent>\
         <sendTask id=\"ask\" messageRef=\"m-paid\"/><receiveTask id=\"answer\" messageRef=\"m-told\"/>\
         <intermediateThrowEvent id=\"milestone\"/><intermediateThrowEvent id=\"tell\"><messageEventDefinition messageRef=\"m-told\"/></intermediateThrowEvent>\
         <endEvent id=\"e\"><messageEventDefinition messageRef=\"m-paid\"/></endEvent>";
    let d = Definition::parse(&format!(
        "{}</definitions>",
        model(
            elements,
            "s>ask ask>answer answer>milestone milestone>tell tell>e"
        )
    ))
    .unwrap();
    let mut c = Case {
        d,
        s: State::default(),
        at: 0,
    };
    let sent = |effects: &[Effect]| -> Vec<String> {
        let sent = effects.iter().filter_map(|e| match e {
            Effect::Send { message, .. } => Some(message.clone()),
            _ => None,
        });
        sent.collect()
    };
    let effects = c.ok(Command::Start {
        variables: json!({}),
        at: 0,
    });
    assert_eq!(sent(&effects), ["paid"]);
    let effects = c.message("told").unwrap();
    assert_eq!(sent(&effects), ["told", "paid"]);
    c.ended("e");
    assert_eq!(c.s.visited, ["s", "ask", "answer", "milestone", "tell", "e"]);
}

#[test]
fn messages_on_the_border() {
    let elements = format!(
        "<startEvent id=\"s\"/>{}<boundaryEvent id=\"news\" attachedToRef=\"a\" cancelActivity=\"false\"><messageEventDefinition messageRef=\"m-told\"/></boundaryEvent>\
         <boundaryEvent id=\"stop\" attachedToRef=\"a\"><messageEventDefinition messageRef=\"m-paid\"/></boundaryEvent>{}<endEvent id=\"e\"/><endEvent id=\"stopped\"/><endEvent id=\"read\"/>",
        user("a"),
        user("note")
    );
    let mut c = Case::of(
        &model(&elements, "s>a a>e news>note note>read stop>stopped"),
        json!({}),
    );
    c.message("told").unwrap();
    c.message("told").unwrap();
    assert_eq!(
        c.open(),
        ["a", "note", "note"],
        "it does not interrupt, and hears again"
    );
    c.message("paid").unwrap();
    assert_eq!(c.open(), ["note", "note"]);
    c.finish("note", "agree");
    assert_eq!(c.s.ended, None);
    c.finish("note", "agree");
    c.ended("read");
}

/// A sub-process with two tasks side by side, a timer and an error on its border.
fn nested() -> String {
    let inside = format!(
        "<startEvent id=\"in\"/><parallelGateway id=\"fork\"/>{}{}<exclusiveGateway id=\"x\" default=\"x-out\"/><endEvent id=\"out\"/>\
         <endEvent id=\"lost\"><errorEventDefinition errorRef=\"e-lost\"/></endEvent><endEvent id=\"b-out\"/>{}",
        user("a"),
        user("b"),
        flow_xml("in>fork fork>a fork>b a>x x>lost?outcome_==_refuse x>out b>b-out")
    );
    let elements = format!(
        "<startEvent id=\"s\"/><subProcess id=\"sub\">{inside}</subProcess>\
         <boundaryEvent id=\"caught\" attachedToRef=\"sub\"><errorEventDefinition errorRef=\"e-lost\"/></boundaryEvent>\
         <boundaryEvent id=\"slow\" attachedToRef=\"sub\" yw:working-days=\"7\"><timerEventDefinition/></boundaryEvent>\
         {}{}<endEvent id=\"e\"/><endEvent id=\"e2\"/>",
        user("repair"),
        user("after")
    );
    model(
        &elements,
        "s>sub sub>after after>e caught>repair repair>e2 slow>repair",
    )
}

#[test]
fn sub_process_ends_when_all_in_it_has() {
    let mut c = Case::of(&nested(), json!({}));
    assert_eq!(c.open(), ["a", "b"]);
    c.finish("b", "agree");
    assert_eq!(c.open(), ["a"]);
    c.finish("a", "agree");
    assert_eq!(c.open(), ["after"]);
    c.finish("after", "agree");
    c.ended("e");
}

#[test]
fn an_error_ends_the_sub_process_and_is_caught() {
    let mut c = Case::of(&nested(), json!({}));
    let effects = c.finish("a", "refuse");
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Cancelled { .. })),
        "b is cancelled"
    );
    assert_eq!(c.open(), ["repair"]);
    c.finish("repair", "agree");
    c.ended("e2");
    assert!(c.s.visited.contains(&"caught".to_string()) && !c.s.visited.contains(&"sub".to_string()));
}

#[test]
fn a_timer_ends_the_sub_process() {
    let mut c = Case::of(&nested(), json!({}));
    c.fire("slow");
    assert_eq!(c.open(), ["repair"]);
    c.finish("repair", "agree");
    c.ended("e2");
}

#[test]
fn send_back_out_of_a_sub_process_and_within_it() {
    let inside = format!(
        "<startEvent id=\"in\"/>{}{}<endEvent id=\"out\"/>{}",
        user("a"),
        user("b"),
        flow_xml("in>a a>b b>out")
    );
    let elements = format!(
        "<startEvent id=\"s\"/>{}<subProcess id=\"sub\">{inside}</subProcess>{}<endEvent id=\"e\"/>",
        user("before"),
        user("after")
    );
    let mut c = Case::of(
        &model(&elements, "s>before before>sub sub>after after>e"),
        json!({}),
    );
    c.finish("before", "agree");
    c.finish("a", "agree");
    let from = c.s.open().next().unwrap().id;
    let back = c.s.may_send_back(&c.d, from);
    let nodes: Vec<&str> = back.iter().map(|w| c.s.work(*w).unwrap().node.as_str()).collect();
    assert_eq!(nodes, ["before", "a"]);
    let (to_before, to_a) = (back[0], back[1]);
    c.ok(Command::SendBack {
        from,
        to: to_a,
        at: 9,
    });
    assert_eq!(c.open(), ["a"]);
    assert_eq!(c.s.scopes.len(), 1);
    c.finish("a", "agree");
    let from = c.s.open().next().unwrap().id;
    c.ok(Command::SendBack {
        from,
        to: to_before,
        at: 9,
    });
    assert_eq!(c.open(), ["before"]);
    assert!(c.s.scopes.is_empty(), "the sub-process is over");
    for n in ["before", "a", "b"] {
        c.finish(n, "agree");
    }
    // A task in a sub-process that is over cannot be sent back to; the one before it can.
    let from = c.s.open().next().unwrap().id;
    let back = c.s.may_send_back(&c.d, from);
    let nodes: Vec<&str> = back.iter().map(|w| c.s.work(*w).unwrap().node.as_str()).collect();
    assert_eq!(nodes, ["before"]);
    c.finish("after", "agree");
    c.ended("e");
}

#[test]
fn terminate_ends_its_own_body_only() {
    let inside = format!(
        "<startEvent id=\"in\"/><parallelGateway id=\"fork\"/>{}{}<endEvent id=\"over\"><terminateEventDefinition/></endEvent><endEvent id=\"out\"/>{}",
        user("a"),
        user("b"),
        flow_xml("in>fork fork>a fork>b a>over b>out")
    );
    let elements = format!(
        "<startEvent id=\"s\"/><subProcess id=\"sub\">{inside}</subProcess>{}<endEvent id=\"e\"/>",
        user("after")
    );
    let mut c = Case::of(&model(&elements, "s>sub sub>after after>e"), json!({}));
    c.finish("a", "agree");
    assert_eq!(c.open(), ["after"]);
    c.finish("after", "agree");
    c.ended("e");
}

#[test]
fn call_activity_runs_another_process() {
    let called = format!(
        "<process id=\"common\"><startEvent id=\"c-in\"/>{}<endEvent id=\"c-out\"/><endEvent id=\"c-late\"><errorEventDefinition errorRef=\"e-late\"/></endEvent>\
         <exclusiveGateway id=\"c-x\" default=\"c-x-c-out\"/>{}</process>",
        user("check"),
        flow_xml("c-in>check check>c-x c-x>c-late?outcome_==_refuse c-x>c-out")
    );
    let elements = format!(
        "<startEvent id=\"s\"/><callActivity id=\"first\" calledElement=\"common\"/><callActivity id=\"second\" calledElement=\"common\"/>\
         <boundaryEvent id=\"any1\" attachedToRef=\"first\"><errorEventDefinition/></boundaryEvent>\
         <boundaryEvent id=\"any2\" attachedToRef=\"second\"><errorEventDefinition errorRef=\"e-late\"/></boundaryEvent>{}<endEvent id=\"e\"/><endEvent id=\"e2\"/>",
        user("why")
    );
    let xml = model(
        &elements,
        "s>first first>second second>e any1>why any2>why why>e2",
    ) + &called;
    let mut c = Case::of(&xml, json!({}));
    c.finish("check", "agree");
    assert_eq!(c.open(), ["check"], "the same process again");
    c.finish("check", "refuse");
    assert_eq!(c.open(), ["why"]);
    c.finish("why", "agree");
    c.ended("e2");
}

#[test]
fn linked_files_are_called() {
    let called = format!(
        "<definitions xmlns:yw=\"https://yiwang.example/bpmn\"><process id=\"common\"><startEvent id=\"c-in\"/>{}<endEvent id=\"c-out\"/>{}</process></definitions>",
        user("check"),
        flow_xml("c-in>check check>c-out")
    );
    let elements =
        "<startEvent id=\"s\"/><callActivity id=\"call\" calledElement=\"common\"/><endEvent id=\"e\"/>";
    let main = Definition::parse(&format!("{}</definitions>", model(elements, "s>call call>e"))).unwrap();
    let why = main.deploy_check(&[]);
    assert!(
        why.iter().any(|w| w.contains("process common is not known")),
        "{why:?}"
    );
    let common = Definition::parse(&called).unwrap();
    let d = main.clone().link(&common).unwrap();
    assert_eq!(d.deploy_check(&[]), Vec::<String>::new());
    let mut c = Case {
        d,
        s: State::default(),
        at: 0,
    };
    c.ok(Command::Start {
        variables: json!({}),
        at: 0,
    });
    c.finish("check", "agree");
    c.ended("e");
    assert!(
        common
            .clone()
            .link(&common)
            .unwrap_err()
            .message
            .contains("stands in")
    );
}

fn many(kind: &str, more: &str) -> String {
    let elements = format!(
        "<startEvent id=\"s\"/><userTask id=\"sign\" yw:role=\"r\" yw:outcomes=\"agree,refuse\" yw:collection=\"offices\">\
         <multiInstanceLoopCharacteristics isSequential=\"{kind}\">{more}</multiInstanceLoopCharacteristics></userTask>{}<endEvent id=\"e\"/>",
        user("last")
    );
    model(&elements, "s>sign sign>last last>e")
}

#[test]
fn many_side_by_side() {
    let mut c = Case::of(&many("false", ""), json!({ "offices": ["甲局", "乙局", "丙局"] }));
    let items: Vec<&Json> = c.s.open().map(|w| &w.item).collect();
    assert_eq!(items, ["甲局", "乙局", "丙局"]);
    c.finish("sign", "agree");
    c.finish("sign", "refuse");
    assert_eq!(c.open(), ["sign"]);
    c.finish("sign", "agree");
    assert_eq!(c.open(), ["last"]);
    assert_eq!(
        c.s.variables["sign_outcomes"],
        json!(["agree", "refuse", "agree"])
    );
    // Sent back, all sign again.
    let from = c.s.open().next().unwrap().id;
    let to = c.s.may_send_back(&c.d, from)[0];
    c.ok(Command::SendBack { from, to, at: 1 });
    assert_eq!(c.open(), ["sign"; 3]);
    assert!(c.s.open().all(|w| w.round == 2));
    for _ in 0..3 {
        c.finish("sign", "agree");
    }
    assert_eq!(c.s.variables["sign_outcomes"], json!(["agree", "agree", "agree"]));
    c.finish("last", "agree");
    c.ended("e");
}

#[test]
fn many_in_a_row_until_enough() {
    let enough = "<completionCondition>nrOfCompletedInstances &gt;= 2</completionCondition>";
    let mut c = Case::of(&many("true", enough), json!({ "offices": ["甲", "乙", "丙"] }));
    assert_eq!(c.s.open().map(|w| w.item.clone()).collect::<Vec<_>>(), ["甲"]);
    c.finish("sign", "agree");
    assert_eq!(c.s.open().map(|w| w.item.clone()).collect::<Vec<_>>(), ["乙"]);
    c.finish("sign", "agree");
    assert_eq!(c.open(), ["last"], "two are enough");
    let first = "<completionCondition>outcome == 'refuse'</completionCondition>";
    let mut c = Case::of(&many("false", first), json!({ "offices": ["甲", "乙", "丙"] }));
    let effects = c.finish("sign", "refuse");
    assert_eq!(
        effects
            .iter()
            .filter(|e| matches!(e, Effect::Cancelled { .. }))
            .count(),
        2
    );
    assert_eq!(c.open(), ["last"]);
}

#[test]
fn none_one_and_too_many() {
    assert_eq!(
        Case::of(&many("false", ""), json!({ "offices": [] })).open(),
        ["last"]
    );
    assert_eq!(
        Case::of(&many("false", ""), json!({ "offices": "甲局" })).open(),
        ["sign"]
    );
    let d = Definition::parse(&format!("{}</definitions>", many("false", ""))).unwrap();
    for (offices, says) in [
        (json!(null), "is not there"),
        (json!(vec![0; 1001]), "at most 1000"),
    ] {
        let mut s = State::default();
        let e = s.step(
            &d,
            Command::Start {
                variables: json!({ "offices": offices }),
                at: 0,
            },
            &Env,
        );
        assert!(matches!(&e, Err(Reject::Model(m)) if m.contains(says)), "{e:?}");
        assert_eq!(s, State::default());
    }
}

#[test]
fn a_sub_process_for_each() {
    let inside = format!(
        "<multiInstanceLoopCharacteristics isSequential=\"false\" yw:item=\"office\"><loopCardinality>count</loopCardinality></multiInstanceLoopCharacteristics>\
         <startEvent id=\"in\"/><exclusiveGateway id=\"x\" default=\"x-a\"/>{}{}<endEvent id=\"out\"/>{}",
        user("a"),
        user("b"),
        flow_xml("in>x x>b?office_>=_2 x>a a>out b>out")
    );
    let elements =
        format!("<startEvent id=\"s\"/><subProcess id=\"sub\">{inside}</subProcess><endEvent id=\"e\"/>");
    let mut c = Case::of(&model(&elements, "s>sub sub>e"), json!({ "count": 3 }));
    assert_eq!(c.open(), ["a", "b", "b"], "each sees its own item");
    for n in ["b", "a", "b"] {
        assert_eq!(c.s.ended, None);
        c.finish(n, "agree");
    }
    c.ended("e");
}

#[test]
fn a_reported_error_at_a_task() {
    let elements = format!(
        "<startEvent id=\"s\"/>{}<boundaryEvent id=\"caught\" attachedToRef=\"a\"><errorEventDefinition errorRef=\"e-lost\"/></boundaryEvent>{}<endEvent id=\"e\"/>",
        user("a"),
        user("search")
    );
    let mut c = Case::of(&model(&elements, "s>a a>e caught>search search>e"), json!({}));
    let work = c.s.open().next().unwrap().id;
    let raise = |error: &str| Command::Raise {
        work,
        error: error.into(),
        by: "甲".into(),
        at: 1,
    };
    assert!(matches!(c.run(raise("late")), Err(Reject::Model(m)) if m.contains("caught nowhere")));
    c.ok(raise("lost"));
    assert_eq!(c.open(), ["search"]);
}

#[test]
fn a_circle_without_people_is_stopped() {
    let elements = "<startEvent id=\"s\"/><serviceTask id=\"a\"/><exclusiveGateway id=\"x\" default=\"x-a\"/><endEvent id=\"e\"/>";
    let d = Definition::parse(&format!(
        "{}</definitions>",
        model(elements, "s>a a>x x>a x>e?never")
    ))
    .unwrap();
    let mut s = State::default();
    let e = s.step(
        &d,
        Command::Start {
            variables: json!({}),
            at: 0,
        },
        &Env,
    );
    assert!(
        matches!(&e, Err(Reject::Model(m)) if m.contains("circle")),
        "{e:?}"
    );
}

#[test]
fn check_names_what_is_wrong() {
    let bad: &[(&str, &str, &str)] = &[
        (
            "<startEvent id=\"s\"/><endEvent id=\"e\"><errorEventDefinition errorRef=\"e-lost\"/></endEvent>",
            "s>e",
            "caught nowhere",
        ),
        (
            "<startEvent id=\"s\"/><eventBasedGateway id=\"g\"/><userTask id=\"a\" yw:role=\"r\"/><endEvent id=\"e\"/>",
            "s>g g>a a>e",
            "two or more ways",
        ),
        (
            "<startEvent id=\"s\"/><callActivity id=\"c\" calledElement=\"p\"/><endEvent id=\"e\"/>",
            "s>c c>e",
            "calls itself",
        ),
        (
            "<startEvent id=\"s\"/><subProcess id=\"sub\"><startEvent id=\"i\"/></subProcess><endEvent id=\"e\"/>",
            "s>sub sub>e",
            "sub: no end event",
        ),
        (
            "<startEvent id=\"s\"/><serviceTask id=\"a\"/><boundaryEvent id=\"b\" attachedToRef=\"a\"><errorEventDefinition/></boundaryEvent><endEvent id=\"e\"/>",
            "s>a a>e b>e",
            "over at once",
        ),
        (
            "<startEvent id=\"s\"/><userTask id=\"a\" yw:role=\"r\"><multiInstanceLoopCharacteristics/></userTask><endEvent id=\"e\"/>",
            "s>a a>e",
            "loop cardinality",
        ),
        (
            "<startEvent id=\"s\"/><receiveTask id=\"a\"/><endEvent id=\"e\"/>",
            "s>a a>e",
            "the message has no name",
        ),
        (
            "<startEvent id=\"s\"/><inclusiveGateway id=\"g\"/><endEvent id=\"e\"/><endEvent id=\"f\"/>",
            "s>g g>e?x g>f?y",
            "no default way",
        ),
    ];
    for (elements, flows, says) in bad {
        let d = Definition::parse(&format!("{}</definitions>", model(elements, flows))).unwrap();
        let found = d.deploy_check(&[]);
        assert!(found.iter().any(|f| f.contains(says)), "{says}: {found:?}");
    }
    for (inner, says) in [
        ("<scriptTask id=\"a\"/>", "element scriptTask (a)"),
        ("<task id=\"a\"/>", "element task (a)"),
        (
            "<subProcess id=\"a\" triggeredByEvent=\"true\"/>",
            "element subProcess (a)",
        ),
        (
            "<intermediateCatchEvent id=\"a\"><signalEventDefinition/></intermediateCatchEvent>",
            "intermediateCatchEvent with signalEventDefinition",
        ),
        (
            "<userTask id=\"a\"><standardLoopCharacteristics/></userTask>",
            "standardLoopCharacteristics",
        ),
    ] {
        let xml = format!(
            "{}</definitions>",
            model(&format!("<startEvent id=\"s\"/>{inner}"), "")
        );
        let e = Definition::parse(&xml).unwrap_err();
        assert!(e.message.contains(says), "{says}: {e}");
    }
}
