//! Running cases go over to another version of their model, or stay where they are and say why.

mod house;

use house::{Builder, Case, Env};
use process::{Command, Definition, Flow, Node, NodeKind, Obstacle, State, Why};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

/// Puts a task into a flow.
fn insert(d: &mut Definition, flow: &str, id: &str) {
    let f = d.flows.get_mut(flow).unwrap();
    let target = std::mem::replace(&mut f.target, id.to_string());
    let body = d.nodes[&target].body.clone();
    let out = format!("{id}-out");
    for n in &mut d.nodes.get_mut(&target).unwrap().incoming {
        if n == flow {
            *n = out.clone();
        }
    }
    d.flows.insert(
        out.clone(),
        Flow {
            id: out.clone(),
            source: id.into(),
            target,
            condition: None,
        },
    );
    d.nodes.insert(
        id.into(),
        Node {
            id: id.into(),
            name: String::new(),
            name_en: String::new(),
            kind: NodeKind::User,
            body,
            incoming: vec![flow.into()],
            outgoing: vec![out],
            multi: None,
            hints: BTreeMap::from([("role".into(), "r".into())]),
        },
    );
}

/// Takes a plain task out; what led to it leads to what followed it.
fn remove(d: &mut Definition, id: &str) -> bool {
    let Some(n) = d.nodes.get(id) else { return false };
    let plain = n.kind == NodeKind::User && n.outgoing.len() == 1 && d.boundaries(id).count() == 0;
    let loops = plain && d.flows[&n.outgoing[0]].target == id;
    if !plain || loops {
        return false;
    }
    let n = d.nodes.remove(id).unwrap();
    let out = d.flows.remove(&n.outgoing[0]).unwrap();
    for f in &n.incoming {
        d.flows.get_mut(f).unwrap().target = out.target.clone();
    }
    let next = &mut d.nodes.get_mut(&out.target).unwrap().incoming;
    next.retain(|f| *f != out.id);
    next.extend(n.incoming);
    true
}

/// Every node has another name.
fn renamed(d: &Definition) -> (Definition, BTreeMap<String, String>) {
    let mapping: BTreeMap<String, String> = d.nodes.keys().map(|k| (k.clone(), format!("new-{k}"))).collect();
    let new = |id: &String| mapping.get(id).unwrap_or(id).clone();
    let mut to = d.clone();
    to.nodes = d
        .nodes
        .values()
        .map(|n| {
            let mut n = n.clone();
            n.id = new(&n.id);
            n.body = new(&n.body);
            if let NodeKind::Boundary(b) = &mut n.kind {
                b.attached_to = new(&b.attached_to);
            }
            (n.id.clone(), n)
        })
        .collect();
    for f in to.flows.values_mut() {
        f.source = new(&f.source);
        f.target = new(&f.target);
        if let Some(c) = &mut f.condition {
            for old in d.nodes.keys() {
                if c.starts_with(&format!("{old}_outcome")) {
                    *c = format!("new_{c}");
                    break;
                }
            }
        }
    }
    (to, mapping)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() })]
    #[test]
    fn a_moved_case_can_end(
        genes in prop::collection::vec(any::<u8>(), 4..60), flags in any::<u8>(),
        moves in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..30),
        after in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..20),
        change in any::<u8>(), at in any::<prop::sample::Index>(),
    ) {
        let d = Definition::parse(&Builder::model(&genes)).unwrap();
        let mut c = Case::begin(d.clone(), flags);
        for (kind, x, y) in moves {
            let next = c.command(kind, x, y);
            let _ = c.run(next);
        }
        if c.s.ended.is_some() {
            let no = d.migrate(&c.s, &d, &BTreeMap::new()).unwrap_err();
            prop_assert_eq!(no[0].why, Why::NotRunning);
            return Ok(());
        }
        let same = d.migrate(&c.s, &d, &BTreeMap::new());
        prop_assert_eq!(same.as_ref(), Ok(&c.s), "to itself");
        let mut to = d.clone();
        let mut mapping = BTreeMap::new();
        match change % 3 {
            0 => (to, mapping) = renamed(&d),
            1 => {
                let flows: Vec<&String> = d.flows.keys().collect();
                let flow = flows[at.index(flows.len())];
                // An event gateway is followed by events alone.
                let source = &d.nodes[&d.flows[flow].source];
                if source.kind != NodeKind::EventBased {
                    insert(&mut to, flow, "inserted");
                }
            }
            _ => {
                let users: Vec<&String> = d.nodes.values().filter(|n| n.kind == NodeKind::User).map(|n| &n.id).collect();
                remove(&mut to, users[at.index(users.len())]);
            }
        }
        match c.moved(to, &mapping) {
            Err(why) => {
                prop_assert!(!why.is_empty());
                prop_assert!(change % 3 != 0, "a new name is no obstacle: {why:?}");
            }
            Ok(mut m) => {
                m.sound();
                for (kind, x, y) in after {
                    let next = m.command(kind, x, y);
                    let _ = m.run(next);
                    m.sound();
                }
                m.finish_all();
            }
        }
    }
}

const HEAD: &str = "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" xmlns:yw=\"https://yiwang.example/bpmn\">\
    <message id=\"m1\" name=\"paid\"/><process id=\"p\" isExecutable=\"true\"><startEvent id=\"s\"/><endEvent id=\"e\"/>";

/// `a>b` is a flow; the rest is XML.
fn model(elements: &str, flows: &str) -> Definition {
    let mut xml = format!("{HEAD}{elements}");
    for f in flows.split_whitespace() {
        let (from, to) = f.split_once('>').unwrap();
        xml.push_str(&format!(
            "<sequenceFlow id=\"{from}-{to}\" sourceRef=\"{from}\" targetRef=\"{to}\"/>"
        ));
    }
    Definition::parse(&format!("{xml}</process></definitions>")).unwrap()
}
fn user(id: &str) -> String {
    format!("<userTask id=\"{id}\" yw:role=\"r\" yw:outcomes=\"agree,refuse\"/>")
}
fn begun(d: &Definition) -> State {
    let mut s = State::default();
    let start = Command::Start {
        variables: json!({ "offices": ["甲", "乙"] }),
        at: 0,
    };
    s.step(d, start, &Env).unwrap();
    s
}
fn done(d: &Definition, s: &mut State, node: &str) {
    let work = s.open().find(|w| w.node == node).unwrap().id;
    let done = Command::Complete {
        work,
        outcome: "agree".into(),
        by: "x".into(),
        at: 1,
    };
    s.step(d, done, &Env).unwrap();
}
fn why(old: &Definition, s: &State, new: &Definition) -> Vec<(Why, String)> {
    let no: Vec<Obstacle> = old.migrate(s, new, &BTreeMap::new()).unwrap_err();
    no.into_iter().map(|o| (o.why, o.node)).collect()
}
fn one(why: Why, node: &str) -> Vec<(Why, String)> {
    vec![(why, node.to_string())]
}

#[test]
fn a_task_that_is_gone_or_another_thing_now() {
    let old = model(&user("a"), "s>a a>e");
    let s = begun(&old);
    assert_eq!(why(&old, &s, &model(&user("b"), "s>b b>e")), one(Why::Gone, "a"));
    let receive = model("<receiveTask id=\"a\" messageRef=\"m1\"/>", "s>a a>e");
    assert_eq!(why(&old, &s, &receive), one(Why::Kind, "a"));
    let fewer = model(
        "<userTask id=\"a\" yw:role=\"r\" yw:outcomes=\"agree\"/>",
        "s>a a>e",
    );
    assert_eq!(why(&old, &s, &fewer), one(Why::Outcomes, "a"));
    let decides = model(
        "<userTask id=\"a\" yw:role=\"r\" yw:kind=\"decide\" yw:outcomes=\"agree,refuse\"/>",
        "s>a a>e",
    );
    assert_eq!(why(&old, &s, &decides), one(Why::Kind, "a"));
    // By its new name it moves.
    let mapping = BTreeMap::from([("a".to_string(), "b".to_string())]);
    let mut moved = old.migrate(&s, &model(&user("b"), "s>b b>e"), &mapping).unwrap();
    done(&model(&user("b"), "s>b b>e"), &mut moved, "b");
    assert!(moved.ended.is_some());
}

#[test]
fn a_task_that_stands_in_another_body() {
    let old = model(&user("a"), "s>a a>e");
    let inner = format!(
        "<subProcess id=\"sub\"><startEvent id=\"s2\"/>{}<endEvent id=\"e2\"/>\
         <sequenceFlow id=\"f1\" sourceRef=\"s2\" targetRef=\"a\"/><sequenceFlow id=\"f2\" sourceRef=\"a\" targetRef=\"e2\"/></subProcess>",
        user("a")
    );
    assert_eq!(
        why(&old, &begun(&old), &model(&inner, "s>sub sub>e")),
        one(Why::Body, "a")
    );
}

const GATES: &str = "<parallelGateway id=\"fork\"/><parallelGateway id=\"join\"/>";

#[test]
fn a_join_that_could_never_complete() {
    let two = format!("{GATES}{}{}", user("a"), user("b"));
    let flows = "s>fork fork>a fork>b a>join b>join join>e";
    let old = model(&two, flows);
    let mut s = begun(&old);
    // A third branch that nobody has entered.
    let third = model(&format!("{two}{}", user("c")), &format!("{flows} fork>c c>join"));
    assert_eq!(why(&old, &s, &third), one(Why::Join, "join"));
    // The waiting token came by a flow that leads elsewhere now.
    done(&old, &mut s, "a");
    let behind = model(
        &format!("{two}{}", user("c")),
        "s>fork fork>a fork>b a>c c>join b>join join>e",
    );
    assert_eq!(why(&old, &s, &behind), one(Why::Join, "join"));
    // A task put in before the join in the branch that still runs does no harm.
    let ahead = model(
        &format!("{two}{}", user("c")),
        "s>fork fork>a fork>b a>join b>c c>join join>e",
    );
    let mut moved = old.migrate(&s, &ahead, &BTreeMap::new()).unwrap();
    done(&ahead, &mut moved, "b");
    done(&ahead, &mut moved, "c");
    assert!(moved.ended.is_some());
}

#[test]
fn a_finished_task_that_lies_before_a_new_join_is_not_sent_back_to() {
    let old = model(&format!("{}{}", user("a"), user("z")), "s>a a>z z>e");
    let mut s = begun(&old);
    done(&old, &mut s, "a");
    let z = s.open().next().unwrap().id;
    assert_eq!(s.may_send_back(&old, z).len(), 1);
    let new = model(
        &format!("{GATES}{}{}{}", user("a"), user("b"), user("z")),
        "s>fork fork>a fork>b a>join b>join join>z z>e",
    );
    let moved = old.migrate(&s, &new, &BTreeMap::new()).unwrap();
    assert_eq!(moved.may_send_back(&new, z), Vec::<u32>::new());
}

#[test]
fn an_activity_that_is_repeated_in_another_way() {
    let many = |how: &str| {
        let inner = format!(
            "<multiInstanceLoopCharacteristics isSequential=\"{how}\" yw:collection=\"offices\" yw:item=\"office\"/>"
        );
        model(
            &format!("<userTask id=\"a\" yw:role=\"r\" yw:outcomes=\"agree,refuse\">{inner}</userTask>"),
            "s>a a>e",
        )
    };
    let old = many("false");
    let s = begun(&old);
    assert_eq!(s.open().count(), 2);
    assert_eq!(why(&old, &s, &many("true")), one(Why::Many, "a"));
    assert_eq!(why(&old, &s, &model(&user("a"), "s>a a>e")), one(Why::Many, "a"));
}

#[test]
fn an_event_that_is_gone_or_waits_for_something_else() {
    let timer = "<boundaryEvent id=\"late\" attachedToRef=\"a\" cancelActivity=\"false\"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition></boundaryEvent>";
    let old = model(&format!("{}{timer}", user("a")), "s>a a>e");
    let s = begun(&old);
    assert_eq!(s.timers.len(), 1);
    assert_eq!(
        why(&old, &s, &model(&user("a"), "s>a a>e")),
        one(Why::Event, "late")
    );
    let hears = "<boundaryEvent id=\"late\" attachedToRef=\"a\" cancelActivity=\"false\"><messageEventDefinition messageRef=\"m1\"/></boundaryEvent>";
    let told = model(&format!("{}{hears}", user("a")), "s>a a>e");
    assert_eq!(why(&old, &s, &told), one(Why::Kind, "late"));
    let elsewhere = timer.replace("attachedToRef=\"a\"", "attachedToRef=\"b\"");
    let other = model(&format!("{}{}{elsewhere}", user("a"), user("b")), "s>a a>b b>e");
    assert_eq!(why(&old, &s, &other), one(Why::Event, "late"));
}
