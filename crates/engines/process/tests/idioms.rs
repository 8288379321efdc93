//! What the administration does beside the process, each with its rules, and any sequence of it all.

use process::{Command, Definition, Due, Effect, Environment, Order, Reject, SPECIAL, State, WorkStatus};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

struct Env;
impl Environment for Env {
    fn decide(&self, _: &str, v: &Json) -> Result<Json, String> {
        Ok(json!({ "route": if v["area"].as_i64() > Some(10) { "joint" } else { "simple" } }))
    }
    fn holds(&self, condition: &str, v: &Json) -> Result<bool, String> {
        let (name, value) = condition.split_once(" == ").ok_or("condition")?;
        Ok(v[name] == value.trim_matches('\''))
    }
}

/// Acceptance, a route, two reviews and an opinion of several offices side by side in a sub-process with a timer,
/// a wait for a payment or a date, the decision.
const MODEL: &str = r#"<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:yw="https://yiwang.example/bpmn">
 <message id="m" name="paid"/><error id="x1" errorCode="stop"/>
 <process id="p" isExecutable="true">
  <startEvent id="s"/><userTask id="accept" yw:role="clerk" yw:kind="accept"/><businessRuleTask id="rule" yw:decision="rule"/>
  <inclusiveGateway id="split" default="d1"/>
  <userTask id="a" yw:role="r" yw:outcomes="agree,disagree"/>
  <boundaryEvent id="remind" attachedToRef="a" cancelActivity="false" yw:working-days="2"><timerEventDefinition/></boundaryEvent>
  <subProcess id="sub"><startEvent id="i"/><userTask id="b" yw:role="r" yw:outcomes="agree,disagree"/>
   <exclusiveGateway id="bx" default="b2"/><endEvent id="stop"><errorEventDefinition errorRef="x1"/></endEvent>
   <userTask id="offices" yw:role="r" yw:outcomes="agree,disagree" yw:collection="offices"><multiInstanceLoopCharacteristics/></userTask><endEvent id="o"/>
   <sequenceFlow id="b0" sourceRef="i" targetRef="b"/><sequenceFlow id="b1" sourceRef="b" targetRef="bx"/><sequenceFlow id="b2" sourceRef="bx" targetRef="offices"/>
   <sequenceFlow id="b3" sourceRef="bx" targetRef="stop"><conditionExpression>outcome == 'disagree'</conditionExpression></sequenceFlow>
   <sequenceFlow id="b4" sourceRef="offices" targetRef="o"/></subProcess>
  <boundaryEvent id="slow" attachedToRef="sub" yw:working-days="9"><timerEventDefinition/></boundaryEvent>
  <boundaryEvent id="stopped" attachedToRef="sub"><errorEventDefinition errorRef="x1"/></boundaryEvent>
  <inclusiveGateway id="join"/>
  <eventBasedGateway id="wait"/>
  <intermediateCatchEvent id="paid"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>
  <intermediateCatchEvent id="free"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition></intermediateCatchEvent>
  <exclusiveGateway id="merge"/>
  <userTask id="decide" yw:role="head" yw:kind="decide" yw:outcomes="grant,refuse"/><endEvent id="e"/>
  <sequenceFlow id="f1" sourceRef="s" targetRef="accept"/><sequenceFlow id="f2" sourceRef="accept" targetRef="rule"/><sequenceFlow id="f3" sourceRef="rule" targetRef="split"/>
  <sequenceFlow id="d1" sourceRef="split" targetRef="a"/>
  <sequenceFlow id="d2" sourceRef="split" targetRef="sub"><conditionExpression>route == 'joint'</conditionExpression></sequenceFlow>
  <sequenceFlow id="d3" sourceRef="split" targetRef="a2"><conditionExpression>route == 'joint'</conditionExpression></sequenceFlow>
  <userTask id="a2" yw:role="r" yw:outcomes="agree,disagree"/>
  <sequenceFlow id="j0" sourceRef="a2" targetRef="join"/>
  <sequenceFlow id="j1" sourceRef="a" targetRef="join"/><sequenceFlow id="j2" sourceRef="sub" targetRef="join"/><sequenceFlow id="j3" sourceRef="slow" targetRef="join"/><sequenceFlow id="j4" sourceRef="stopped" targetRef="join"/>
  <sequenceFlow id="f4" sourceRef="join" targetRef="wait"/><sequenceFlow id="f5" sourceRef="wait" targetRef="paid"/><sequenceFlow id="f6" sourceRef="wait" targetRef="free"/>
  <sequenceFlow id="f7" sourceRef="paid" targetRef="merge"/><sequenceFlow id="f8" sourceRef="free" targetRef="merge"/><sequenceFlow id="f9" sourceRef="merge" targetRef="decide"/><sequenceFlow id="f10" sourceRef="decide" targetRef="e"/>
 </process></definitions>"#;

struct Case {
    d: Definition,
    s: State,
    /// Every command that was carried out.
    log: Vec<Command>,
}

impl Case {
    fn begin(area: i64) -> Case {
        let d = Definition::parse(MODEL).unwrap();
        assert_eq!(d.deploy_check(&["rule"]), Vec::<String>::new());
        let mut c = Case {
            d,
            s: State::default(),
            log: Vec::new(),
        };
        let variables = json!({ "area": area, "offices": ["甲局", "乙局"] });
        c.ok(Command::Start { variables, at: 0 });
        c
    }
    fn run(&mut self, command: Command) -> Result<Vec<Effect>, Reject> {
        let before = self.s.clone();
        let out = self.s.step(&self.d, command.clone(), &Env);
        match out {
            Ok(_) => self.log.push(command),
            Err(_) => assert_eq!(before, self.s, "a rejected command changes nothing"),
        }
        out
    }
    fn ok(&mut self, command: Command) -> Vec<Effect> {
        self.run(command).unwrap()
    }
    fn open(&self) -> Vec<&str> {
        let mut nodes: Vec<&str> = self.s.open().map(|w| w.node.as_str()).collect();
        nodes.sort();
        nodes
    }
    fn id(&self, node: &str) -> u32 {
        let w = self.s.open().find(|w| w.node == node);
        w.unwrap_or_else(|| panic!("{node}: {:?}", self.open())).id
    }
    fn complete(work: u32, outcome: &str, by: &str) -> Command {
        Command::Complete {
            work,
            outcome: outcome.into(),
            by: by.into(),
            at: 1,
        }
    }
    fn finish(&mut self, node: &str, outcome: &str) -> Vec<Effect> {
        let work = self.id(node);
        self.ok(Case::complete(work, outcome, node))
    }
    fn sign(&mut self, node: &str, to: &[&str], order: Order) -> Vec<Effect> {
        let (work, to) = (self.id(node), to.iter().map(|t| t.to_string()).collect());
        self.ok(Command::AddSign {
            work,
            to,
            order,
            at: 1,
        })
    }
    /// The decision is open: everything before it is done.
    fn at_decision() -> Case {
        let mut c = Case::begin(5);
        c.finish("accept", "done");
        c.finish("a", "agree");
        c.ok(Command::Message {
            name: "paid".into(),
            variables: Json::Null,
            at: 1,
        });
        assert_eq!(c.open(), ["decide"]);
        c
    }
}

#[test]
fn signatures_before() {
    let mut c = Case::at_decision();
    let decide = c.id("decide");
    let effects = c.sign("decide", &["法规科", "财务科"], Order::Before);
    assert!(effects.contains(&Effect::Held { work: decide }));
    assert_eq!(c.s.work(decide).unwrap().status, WorkStatus::Held);
    assert_eq!(
        c.run(Case::complete(decide, "grant", "head")),
        Err(Reject::NotOpen)
    );
    let added: Vec<u32> = c.s.open().map(|w| w.id).collect();
    assert_eq!(added.len(), 2);
    assert_eq!(c.s.work(added[0]).unwrap().assignee.as_deref(), Some("法规科"));
    let grant = Case::complete(added[0], "grant", "x");
    assert_eq!(
        c.run(grant),
        Err(Reject::Outcome("grant".into())),
        "who signs does not decide"
    );
    let more = Command::AddSign {
        work: added[0],
        to: vec!["x".into()],
        order: Order::Beside,
        at: 1,
    };
    assert_eq!(c.run(more), Err(Reject::Added));
    c.ok(Case::complete(added[0], "agree", "x"));
    let effects = c.ok(Case::complete(added[1], "disagree", "y"));
    assert!(effects.contains(&Effect::Released { work: decide }));
    c.ok(Case::complete(decide, "grant", "head"));
    assert_eq!(c.s.ended.as_deref(), Some("e"));
    assert_eq!(
        c.s.variables["outcome"], "grant",
        "a signature is no outcome of the task"
    );
}

#[test]
fn signatures_beside_and_after() {
    let mut c = Case::at_decision();
    c.sign("decide", &["法规科"], Order::Beside);
    let decide = c.s.open().find(|w| w.adds.is_none()).unwrap().id;
    c.ok(Case::complete(decide, "grant", "head"));
    assert_eq!(c.s.ended, None, "the signature is still asked for");
    let added = c.id("decide");
    c.ok(Case::complete(added, "agree", "x"));
    assert_eq!(c.s.ended.as_deref(), Some("e"));

    let mut c = Case::at_decision();
    c.sign("decide", &["档案科"], Order::After);
    assert_eq!(c.open().len(), 1);
    c.finish("decide", "refuse");
    assert_eq!(c.s.ended, None);
    let added = c.id("decide");
    assert_eq!(c.s.work(added).unwrap().assignee.as_deref(), Some("档案科"));
    c.ok(Case::complete(added, "agree", "x"));
    assert_eq!(c.s.ended.as_deref(), Some("e"));
    assert_eq!(c.s.variables["decide_outcome"], "refuse");
    let nobody = Command::AddSign {
        work: 1,
        to: vec![],
        order: Order::Beside,
        at: 1,
    };
    assert_eq!(c.run(nobody), Err(Reject::Ended));
}

#[test]
fn others_instead() {
    let mut c = Case::begin(5);
    let work = c.id("accept");
    let empty = Command::Transfer { work, to: " ".into() };
    assert_eq!(c.run(empty), Err(Reject::Nobody));
    let effects = c.ok(Command::Transfer {
        work,
        to: "乙".into(),
    });
    assert_eq!(
        effects,
        [Effect::Assigned {
            work,
            to: "乙".into()
        }]
    );
    c.ok(Command::Delegate {
        work,
        to: "丙".into(),
        by: "乙".into(),
    });
    let w = c.s.work(work).unwrap();
    assert_eq!(
        (w.assignee.as_deref(), w.on_behalf.as_deref()),
        (Some("丙"), Some("乙"))
    );
    assert_eq!(c.ok(Command::Urge { work }), [Effect::Urged { work }]);
    assert_eq!(c.s.work(work).unwrap().urged, 1);
    c.finish("accept", "done");
    assert_eq!(c.run(Command::Urge { work }), Err(Reject::NotOpen));
}

#[test]
fn recall() {
    let mut c = Case::begin(20);
    let accept = c.id("accept");
    c.finish("accept", "done");
    assert_eq!(c.open(), ["a2", "b"]);
    let recall = |work: u32, by: &str| Command::Recall {
        work,
        by: by.into(),
        at: 2,
    };
    assert_eq!(c.run(recall(accept, "somebody")), Err(Reject::NotRecalled));
    let effects = c.ok(recall(accept, "accept"));
    assert_eq!(
        effects
            .iter()
            .filter(|e| matches!(e, Effect::Cancelled { .. }))
            .count(),
        2
    );
    assert_eq!(c.open(), ["accept"]);
    assert_eq!(c.s.tokens.len(), 1);
    assert!(c.s.timers.is_empty() && c.s.scopes.is_empty());
    c.finish("accept", "done");
    let a2 = c.id("a2");
    c.finish("a2", "agree");
    let again = c.s.work.iter().rfind(|w| w.node == "accept").unwrap().id;
    assert_eq!(
        c.run(recall(again, "accept")),
        Err(Reject::NotRecalled),
        "a2 has acted"
    );
    // A finished branch whose join still waits.
    c.ok(recall(a2, "a2"));
    assert_eq!(c.open(), ["a2", "b"]);
}

#[test]
fn gaps_and_promises() {
    let mut c = Case::begin(5);
    let work = c.id("accept");
    let gap = |work: u32, items: &[&str]| Command::Gap {
        work,
        items: items.iter().map(|i| i.to_string()).collect(),
    };
    assert_eq!(c.run(gap(work, &[])), Err(Reject::Nobody));
    c.ok(gap(work, &["photo", "plan"]));
    c.finish("accept", "done");
    let a = c.id("a");
    assert_eq!(c.run(gap(a, &["x"])), Err(Reject::NotAccepting));
    c.finish("a", "agree");
    c.ok(Command::Message {
        name: "paid".into(),
        variables: json!({ "paid": 10 }),
        at: 3,
    });
    let decide = c.id("decide");
    assert_eq!(c.run(Case::complete(decide, "grant", "h")), Err(Reject::Gaps));
    let supply = |i: &str| Command::Supply {
        items: vec![i.into()],
    };
    assert_eq!(c.run(supply("other")), Err(Reject::NoGap("other".into())));
    c.ok(supply("photo"));
    assert_eq!(c.run(Case::complete(decide, "grant", "h")), Err(Reject::Gaps));
    c.ok(Command::Promise {
        items: vec!["plan".into()],
    });
    assert_eq!(c.s.variables["promised"], json!(["plan"]));
    c.ok(Case::complete(decide, "grant", "h"));
    assert_eq!(c.s.ended.as_deref(), Some("e"));
    // Refusing needs no material.
    let mut c = Case::begin(5);
    let work = c.id("accept");
    c.ok(gap(work, &["photo"]));
    c.finish("accept", "done");
    c.finish("a", "agree");
    c.ok(Command::Message {
        name: "paid".into(),
        variables: Json::Null,
        at: 3,
    });
    c.finish("decide", "refuse");
    assert!(c.s.ended.is_some());
}

#[test]
fn clocks() {
    let mut c = Case::begin(5);
    let effects = c.ok(Command::Special {
        name: "听证".into(),
        working_days: 20,
        at: 7,
    });
    assert!(effects.contains(&Effect::Suspended));
    assert!(effects.contains(&Effect::TimerSet {
        work: 0,
        timer: SPECIAL.into(),
        due: Due::WorkingDays(20)
    }));
    assert_eq!(c.s.suspended, Some((7, "听证".into())));
    let work = c.id("accept");
    assert_eq!(c.run(Case::complete(work, "done", "c")), Err(Reject::Suspended));
    assert_eq!(
        c.ok(Command::Fire {
            work: 0,
            timer: SPECIAL.into(),
            at: 9
        }),
        [Effect::Resumed],
        "over at the latest then"
    );
    c.ok(Command::Special {
        name: "专家评审".into(),
        working_days: 5,
        at: 10,
    });
    let effects = c.ok(Command::Resume { at: 11 });
    assert!(
        matches!(&effects[0], Effect::TimerCancelled { timer, .. } if timer == SPECIAL),
        "{effects:?}"
    );
    assert_eq!(
        c.ok(Command::Extend { working_days: 10 }),
        [Effect::Extended { working_days: 10 }]
    );
    assert_eq!(
        c.run(Command::Extend { working_days: 1 }),
        Err(Reject::ExtendedOnce)
    );
}

/// A command from four random numbers: mostly one that fits the state, sometimes nonsense.
fn command(c: &Case, kind: u8, x: u8, y: u8) -> Command {
    let works: Vec<u32> = c.s.work.iter().map(|w| w.id).collect();
    let open: Vec<u32> = c.s.open().map(|w| w.id).collect();
    let pick = |from: &[u32], n: u8| from.get(n as usize % from.len().max(1)).copied().unwrap_or(99);
    let (work, any, at) = (pick(&open, x), pick(&works, y), 1);
    let outcomes = c.s.work(work).map(|w| w.outcomes(&c.d)).unwrap_or_default();
    let outcome = outcomes
        .get(y as usize % outcomes.len().max(1))
        .unwrap_or(&"done")
        .to_string();
    let by =
        c.s.work(any)
            .and_then(|w| w.by.clone())
            .unwrap_or_else(|| "x".into());
    let order = [Order::Before, Order::Beside, Order::After][y as usize % 3];
    match kind % 18 {
        0..=3 => Command::Complete {
            work,
            outcome,
            by: format!("p{}", x % 3),
            at,
        },
        4 => Command::SendBack {
            from: work,
            to: any,
            at,
        },
        5 => Command::Recall { work: any, by, at },
        6 => Command::AddSign {
            work,
            to: vec!["甲".into(); 1 + (x % 2) as usize],
            order,
            at,
        },
        7 => Command::Transfer {
            work,
            to: "乙".into(),
        },
        8 => Command::Delegate {
            work,
            to: "乙".into(),
            by,
        },
        9 => Command::Urge { work },
        10 => Command::RequestCorrection { work, at },
        11 => Command::Correct {
            variables: json!({ "area": y }),
            at,
        },
        12 => Command::Gap {
            work,
            items: vec![format!("m{}", y % 3)],
        },
        13 => Command::Supply {
            items: vec![format!("m{}", y % 3)],
        },
        14 => Command::Special {
            name: "听证".into(),
            working_days: 3,
            at,
        },
        15 => Command::Resume { at },
        16 => {
            let timers = &c.s.timers;
            match timers.get(x as usize % timers.len().max(1)) {
                Some((work, timer)) => Command::Fire {
                    work: *work,
                    timer: timer.clone(),
                    at,
                },
                None => Command::Promise {
                    items: vec![format!("m{}", y % 3)],
                },
            }
        }
        _ => match y % 4 {
            0 => Command::Message {
                name: "paid".into(),
                variables: json!({ "paid": x }),
                at,
            },
            1 => Command::Raise {
                work,
                error: "stop".into(),
                by,
                at,
            },
            2 => Command::Extend { working_days: 3 },
            _ => Command::Message {
                name: "other".into(),
                variables: Json::Null,
                at,
            },
        },
    }
}

/// What must hold in every state.
fn sound(c: &Case) {
    let s = &c.s;
    for w in s.open() {
        let t = s
            .token(w.token)
            .unwrap_or_else(|| panic!("work {} has lost its token: {s:#?}", w.id));
        assert_eq!(t.node, w.node, "{s:#?}");
        assert_eq!(t.scope, w.scope);
    }
    for scope in &s.scopes {
        assert!(s.token(scope.token).is_some(), "{s:#?}");
        assert!(
            s.tokens.iter().any(|t| t.scope == scope.id),
            "an empty scope: {s:#?}"
        );
    }
    for t in &s.tokens {
        assert!(t.scope == 0 || s.scopes.iter().any(|x| x.id == t.scope), "{s:#?}");
    }
    for (owner, node) in s.timers.iter().chain(&s.messages) {
        let held = s.token(*owner).is_some()
            || s.work(*owner)
                .is_some_and(|w| matches!(w.status, WorkStatus::Open | WorkStatus::Held));
        assert!(held || node == SPECIAL, "{owner} {node}: {s:#?}");
    }
    assert_eq!(s.ended.is_some(), s.tokens.is_empty(), "{s:#?}");
    // Nobody waits for nothing: somebody can act, or an event is awaited.
    assert!(
        s.ended.is_some() || s.open().count() + s.timers.len() + s.messages.len() > 0,
        "{s:#?}"
    );
}

/// People simply do their work until the case ends.
fn to_the_end(c: &mut Case) {
    for _ in 0..200 {
        if c.s.ended.is_some() {
            return;
        }
        let next = c.s.open().next().cloned();
        if c.s.correcting {
            c.ok(Command::Correct {
                variables: json!({}),
                at: 5,
            });
        } else if c.s.suspended.is_some() {
            c.ok(Command::Resume { at: 5 });
        } else if !c.s.gaps.is_empty() {
            let items = c.s.gaps.clone();
            c.ok(Command::Supply { items });
        } else if let Some(w) = next {
            let (id, outcome) = (w.id, w.outcomes(&c.d)[0].to_string());
            c.ok(Case::complete(id, &outcome, "z"));
        } else {
            c.ok(Command::Message {
                name: "paid".into(),
                variables: json!({}),
                at: 5,
            });
        }
        sound(c);
    }
    panic!("the case does not end: {:#?}", c.s);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_can_end_and_replays(area in 0i64..30, moves in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..60)) {
        let mut c = Case::begin(area);
        sound(&c);
        for (kind, x, y) in moves {
            let next = command(&c, kind, x, y);
            let _ = c.run(next);
            sound(&c);
        }
        let mut withdrawn = State::default();
        // What is stored is the whole state.
        let text = serde_json::to_string(&c.s).unwrap();
        prop_assert_eq!(&serde_json::from_str::<State>(&text).unwrap(), &c.s);
        to_the_end(&mut c);
        prop_assert!(c.s.tokens.is_empty() && c.s.scopes.is_empty() && c.s.many.is_empty() && c.s.open().count() == 0);
        // The same commands give the same state, and from any point the applicant may withdraw.
        let mut again = State::default();
        for command in &c.log {
            again.step(&c.d, command.clone(), &Env).unwrap();
            if again.ended.is_none() {
                withdrawn.clone_from(&again);
            }
        }
        prop_assert_eq!(&again, &c.s);
        withdrawn.step(&c.d, Command::Withdraw { at: 9 }, &Env).unwrap();
        prop_assert!(withdrawn.tokens.is_empty() && withdrawn.timers.is_empty() && withdrawn.messages.is_empty());
        prop_assert!(withdrawn.scopes.is_empty() && withdrawn.many.is_empty() && withdrawn.open().count() == 0);
    }
}
