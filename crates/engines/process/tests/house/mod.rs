//! What the property tests share: random block-structured models, a case that keeps its books, and what must hold in
//! every state.
#![allow(dead_code, reason = "each test file uses its part")]

use process::{
    Command, Definition, Effect, Environment, NodeKind, Order, Reject, SPECIAL, State, Trigger, WorkStatus,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

pub struct Env;
impl Environment for Env {
    fn decide(&self, _: &str, v: &Json) -> Result<Json, String> {
        Ok(json!({ "route": v["flag1"] }))
    }
    /// `name == 'value'`, `name >= number`, or a name that is true.
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

/// Builds a model from random bytes: each byte chooses a block, blocks nest, so every model is sound.
pub struct Builder<'g> {
    genes: std::slice::Iter<'g, u8>,
    n: usize,
    xml: String,
    called: String,
    /// Inside something that catches the error `lost`.
    caught: bool,
    blocks: usize,
}

impl Builder<'_> {
    pub fn model(genes: &[u8]) -> String {
        let mut b = Builder {
            genes: genes.iter(),
            n: 0,
            xml: String::new(),
            called: String::new(),
            caught: false,
            blocks: 0,
        };
        b.xml.push_str("<startEvent id=\"s\"/><endEvent id=\"e\"/><userTask id=\"first\" yw:role=\"r\" yw:kind=\"accept\"/>");
        let (first, last) = b.block(0);
        b.flow("s", "first", "");
        b.flow("first", &first, "");
        b.flow(&last, "e", "");
        format!(
            "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" xmlns:yw=\"https://yiwang.example/bpmn\">\
             <message id=\"m1\" name=\"paid\"/><message id=\"m2\" name=\"told\"/><error id=\"e1\" errorCode=\"lost\"/>\
             <process id=\"p\" isExecutable=\"true\">{}</process>{}</definitions>",
            b.xml, b.called
        )
    }
    fn gene(&mut self) -> u8 {
        self.genes.next().copied().unwrap_or(0)
    }
    fn id(&mut self, kind: &str) -> String {
        self.n += 1;
        format!("{kind}{}", self.n)
    }
    fn flow(&mut self, from: &str, to: &str, condition: &str) -> String {
        let id = self.id("f");
        let inner = match condition {
            "" => String::new(),
            c => format!(
                "<conditionExpression>{}</conditionExpression>",
                c.replace('>', "&gt;")
            ),
        };
        self.xml.push_str(&format!(
            "<sequenceFlow id=\"{id}\" sourceRef=\"{from}\" targetRef=\"{to}\">{inner}</sequenceFlow>"
        ));
        id
    }
    fn put(&mut self, kind: &str, element: &str, attributes: &str, inner: &str) -> String {
        let id = self.id(kind);
        self.xml.push_str(&format!(
            "<{element} id=\"{id}\" {attributes}>{inner}</{element}>"
        ));
        id
    }
    fn task(&mut self) -> String {
        self.put(
            "task",
            "userTask",
            "yw:role=\"r\" yw:outcomes=\"agree,disagree\"",
            "",
        )
    }
    /// A gateway whose default flow is known only once it is drawn.
    fn split(&mut self, element: &str, ways: &[(String, String)]) -> String {
        let id = self.id("x");
        let mut default = String::new();
        for (to, condition) in ways {
            let flow = self.flow(&id, to, condition);
            if condition.is_empty() {
                default = format!("default=\"{flow}\"");
            }
        }
        self.xml.push_str(&format!("<{element} id=\"{id}\" {default}/>"));
        id
    }
    /// Timers, messages and errors on the border of an activity; those that interrupt come to `out`.
    fn border(&mut self, activity: &str, out: &str, catch: bool) {
        let choice = self.gene();
        let at = format!("attachedToRef=\"{activity}\"");
        if choice & 1 == 1 {
            let timer = self.put(
                "limit",
                "boundaryEvent",
                &at,
                "<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>",
            );
            let task = self.task();
            self.flow(&timer, &task, "");
            self.flow(&task, out, "");
        }
        if choice & 2 == 2 {
            let remind = self.put(
                "note",
                "boundaryEvent",
                &format!("{at} cancelActivity=\"false\" yw:working-days=\"2\""),
                "<timerEventDefinition/>",
            );
            if choice & 4 == 4 {
                let (task, end) = (self.task(), self.put("end", "endEvent", "", ""));
                self.flow(&remind, &task, "");
                self.flow(&task, &end, "");
            }
        }
        if choice & 8 == 8 {
            let stops = choice & 16 == 16;
            let told = self.put(
                "told",
                "boundaryEvent",
                &format!("{at} cancelActivity=\"{stops}\""),
                "<messageEventDefinition messageRef=\"m2\"/>",
            );
            let to = match stops {
                true => out.to_string(),
                false => self.put("end", "endEvent", "", ""),
            };
            self.flow(&told, &to, "");
        }
        if catch || choice & 32 == 32 {
            let lost = self.put(
                "lost",
                "boundaryEvent",
                &at,
                "<errorEventDefinition errorRef=\"e1\"/>",
            );
            self.flow(&lost, out, "");
        }
    }
    /// A body with start and end, one block within, perhaps with an end that terminates or raises.
    fn inside(&mut self, depth: usize, caught: bool) -> String {
        let (outer, before) = (std::mem::take(&mut self.xml), self.caught);
        self.caught = caught;
        let (first, last) = self.block(depth + 1);
        let (start, end) = (
            self.put("in", "startEvent", "", ""),
            self.put("out", "endEvent", "", ""),
        );
        match self.gene() % 4 {
            0 => {
                // Beside the block, somebody may end the whole body.
                let task = self.task();
                let over = self.put("over", "endEvent", "", "<terminateEventDefinition/>");
                let fork = self.put("fork", "parallelGateway", "", "");
                self.flow(&start, &fork, "");
                self.flow(&fork, &first, "");
                self.flow(&fork, &task, "");
                self.flow(&task, &over, "");
                self.flow(&last, &end, "");
            }
            1 if caught => {
                let fail = self.put("fail", "endEvent", "", "<errorEventDefinition errorRef=\"e1\"/>");
                let task = self.task();
                let x = self.split(
                    "exclusiveGateway",
                    &[(fail, "outcome == 'disagree'".into()), (end, String::new())],
                );
                self.flow(&start, &first, "");
                self.flow(&last, &task, "");
                self.flow(&task, &x, "");
            }
            _ => {
                self.flow(&start, &first, "");
                self.flow(&last, &end, "");
            }
        }
        self.caught = before;
        std::mem::replace(&mut self.xml, outer)
    }
    fn many(&mut self) -> String {
        let g = self.gene();
        let completion = match g & 2 {
            0 => "",
            _ => "<completionCondition>nrOfCompletedInstances >= 2</completionCondition>",
        };
        format!(
            "<multiInstanceLoopCharacteristics isSequential=\"{}\" yw:collection=\"offices\">{}</multiInstanceLoopCharacteristics>",
            g & 1 == 1,
            completion.replace("> ", "&gt; ").replace(">=", "&gt;=")
        )
    }
    /// First and last node of a block.
    fn block(&mut self, depth: usize) -> (String, String) {
        self.blocks += 1;
        if depth > 3 || self.blocks > 14 {
            let t = self.task();
            return (t.clone(), t);
        }
        let merge = |b: &mut Self| b.put("merge", "exclusiveGateway", "", "");
        match self.gene() % 18 {
            0 => {
                let t = self.task();
                (t.clone(), t)
            }
            1 | 2 => {
                let ((a, b), (c, d)) = (self.block(depth + 1), self.block(depth + 1));
                self.flow(&b, &c, "");
                (a, d)
            }
            3 => {
                let out = merge(self);
                let mut ways = Vec::new();
                for condition in ["flag1", "outcome == 'agree'", ""] {
                    let (a, b) = self.block(depth + 1);
                    self.flow(&b, &out, "");
                    ways.push((a, condition.to_string()));
                }
                (self.split("exclusiveGateway", &ways), out)
            }
            4 | 5 => {
                let (fork, join) = (
                    self.put("fork", "parallelGateway", "", ""),
                    self.put("join", "parallelGateway", "", ""),
                );
                for _ in 0..2 + self.gene() % 2 {
                    let (a, b) = self.block(depth + 1);
                    self.flow(&fork, &a, "");
                    self.flow(&b, &join, "");
                }
                (fork, join)
            }
            6 | 7 => {
                let join = self.put("join", "inclusiveGateway", "", "");
                let mut ways = Vec::new();
                for condition in ["flag1", "flag2", ""] {
                    let (a, b) = self.block(depth + 1);
                    self.flow(&b, &join, "");
                    ways.push((a, condition.to_string()));
                }
                (self.split("inclusiveGateway", &ways), join)
            }
            8 => {
                // Round again until a person agrees.
                let (top, (a, b), ask, out) = (merge(self), self.block(depth + 1), self.task(), merge(self));
                self.flow(&top, &a, "");
                self.flow(&b, &ask, "");
                let x = self.split(
                    "exclusiveGateway",
                    &[
                        (top.clone(), "outcome == 'disagree'".into()),
                        (out.clone(), String::new()),
                    ],
                );
                self.flow(&ask, &x, "");
                (top, out)
            }
            9 | 10 => {
                let catch = self.gene().is_multiple_of(2);
                let many = if self.gene().is_multiple_of(3) {
                    self.many()
                } else {
                    String::new()
                };
                let body = self.inside(depth, catch || self.caught);
                let sub = self.put("sub", "subProcess", "", &format!("{many}{body}"));
                let out = merge(self);
                self.flow(&sub, &out, "");
                self.border(&sub, &out, catch);
                (sub, out)
            }
            11 => {
                let many = if self.gene().is_multiple_of(3) {
                    self.many()
                } else {
                    String::new()
                };
                let id = self.id("process");
                let body = self.inside(depth, true);
                self.called
                    .push_str(&format!("<process id=\"{id}\">{body}</process>"));
                let call = self.put("call", "callActivity", &format!("calledElement=\"{id}\""), &many);
                let out = merge(self);
                self.flow(&call, &out, "");
                self.border(&call, &out, true);
                (call, out)
            }
            12 => {
                let many = self.many();
                let sign = self.put(
                    "sign",
                    "userTask",
                    "yw:role=\"r\" yw:outcomes=\"agree,disagree\"",
                    &many,
                );
                let out = merge(self);
                self.flow(&sign, &out, "");
                self.border(&sign, &out, false);
                (sign, out)
            }
            13 => {
                let t = self.task();
                let out = merge(self);
                self.flow(&t, &out, "");
                self.border(&t, &out, false);
                (t, out)
            }
            14 => {
                let gate = self.put("wait", "eventBasedGateway", "", "");
                let paid = self.put(
                    "paid",
                    "intermediateCatchEvent",
                    "",
                    "<messageEventDefinition messageRef=\"m1\"/>",
                );
                let late = self.put(
                    "late",
                    "intermediateCatchEvent",
                    "",
                    "<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>",
                );
                let answer = self.put("answer", "receiveTask", "messageRef=\"m2\"", "");
                let (out, task) = (merge(self), self.task());
                for w in [&paid, &late, &answer] {
                    self.flow(&gate, w, "");
                }
                self.flow(&paid, &out, "");
                self.flow(&answer, &out, "");
                self.flow(&late, &task, "");
                self.flow(&task, &out, "");
                (gate, out)
            }
            15 => {
                let receive = self.put("answer", "receiveTask", "messageRef=\"m1\"", "");
                let out = merge(self);
                self.flow(&receive, &out, "");
                self.border(&receive, &out, false);
                (receive, out)
            }
            16 => {
                let send = self.put("send", "sendTask", "messageRef=\"m1\"", "");
                let rule = self.put("rule", "businessRuleTask", "yw:decision=\"rule\"", "");
                let service = self.put("service", "serviceTask", "yw:effect=\"notify:x\"", "");
                let pass = self.put("pass", "intermediateThrowEvent", "", "");
                self.flow(&send, &rule, "");
                self.flow(&rule, &service, "");
                self.flow(&service, &pass, "");
                (send, pass)
            }
            _ => {
                let t = self.put(
                    "decide",
                    "userTask",
                    "yw:role=\"r\" yw:kind=\"decide\" yw:outcomes=\"grant,refuse\"",
                    "",
                );
                (t.clone(), t)
            }
        }
    }
}

/// A case that keeps its own books from the effects alone, as the runtime does with its rows.
pub struct Case {
    pub d: Definition,
    pub s: State,
    /// Every command that was carried out.
    pub log: Vec<Command>,
    work: BTreeMap<u32, WorkStatus>,
    timers: BTreeSet<(u32, String)>,
    variables: Json,
}

impl Case {
    pub fn begin(d: Definition, flags: u8) -> Case {
        let offices = &["甲", "乙", "丙"][..usize::from(flags >> 2) % 4];
        let variables = json!({ "flag1": flags & 1 == 1, "flag2": flags & 2 == 2, "offices": offices });
        let mut c = Case {
            d,
            s: State::default(),
            log: Vec::new(),
            work: BTreeMap::new(),
            timers: BTreeSet::new(),
            variables: variables.clone(),
        };
        c.run(Command::Start { variables, at: 0 }).unwrap();
        c
    }

    /// The case goes on by another model.
    pub fn moved(
        &self,
        to: Definition,
        mapping: &BTreeMap<String, String>,
    ) -> Result<Case, Vec<process::Obstacle>> {
        let s = self.d.migrate(&self.s, &to, mapping)?;
        let renamed = |id: &String| mapping.get(id).unwrap_or(id).clone();
        Ok(Case {
            d: to,
            s,
            log: Vec::new(),
            work: self.work.clone(),
            timers: self.timers.iter().map(|(w, t)| (*w, renamed(t))).collect(),
            variables: self.variables.clone(),
        })
    }

    pub fn run(&mut self, command: Command) -> Result<Vec<Effect>, Reject> {
        let before = self.s.clone();
        let out = self.s.step(&self.d, command.clone(), &Env);
        match &out {
            Err(_) => assert_eq!(before, self.s, "a rejected command changes nothing"),
            Ok(effects) => {
                if let Command::Fire { work, timer, .. } = &command {
                    assert!(self.timers.remove(&(*work, timer.clone())), "{timer} was not set");
                }
                self.log.push(command);
                self.book(effects);
            }
        }
        out
    }

    fn book(&mut self, effects: &[Effect]) {
        for e in effects {
            match e {
                Effect::Opened { work, .. } => assert_eq!(self.work.insert(*work, WorkStatus::Open), None),
                Effect::Held { work } => drop(self.work.insert(*work, WorkStatus::Held)),
                Effect::Released { work } => drop(self.work.insert(*work, WorkStatus::Open)),
                Effect::Closed { work } => drop(self.work.insert(*work, WorkStatus::Done)),
                Effect::Cancelled { work } => drop(self.work.insert(*work, WorkStatus::Cancelled)),
                Effect::TimerSet { work, timer, .. } => {
                    assert!(self.timers.insert((*work, timer.clone())), "{timer} is set twice")
                }
                Effect::TimerCancelled { work, timer } => {
                    assert!(self.timers.remove(&(*work, timer.clone())), "{timer} was not set");
                }
                _ => {}
            }
        }
    }

    /// What must hold in every state.
    pub fn sound(&self) {
        let s = &self.s;
        sound(s);
        let kept: BTreeMap<u32, WorkStatus> = s.work.iter().map(|w| (w.id, w.status)).collect();
        assert_eq!(kept, self.work, "the effects tell what happens to work");
        let kept: BTreeSet<(u32, String)> = s.timers.iter().cloned().collect();
        assert_eq!(kept, self.timers, "the effects tell which timers stand");
        let text = serde_json::to_string(s).unwrap();
        assert_eq!(
            &serde_json::from_str::<State>(&text).unwrap(),
            s,
            "what is stored is the whole state"
        );
    }

    /// Somebody does the next thing that lets the case end.
    pub fn onwards(&mut self) {
        let s = &self.s;
        let at = 5;
        let next = s.open().next().cloned();
        let command = if s.correcting {
            Command::Correct {
                variables: json!({}),
                at,
            }
        } else if s.suspended.is_some() {
            Command::Resume { at }
        } else if !s.gaps.is_empty() {
            Command::Supply {
                items: s.gaps.clone(),
            }
        } else if let Some(w) = next {
            let outcome = w.outcomes(&self.d)[0].to_string();
            Command::Complete {
                work: w.id,
                outcome,
                by: "z".into(),
                at,
            }
        } else if let Some((work, timer)) = s.timers.first().cloned() {
            Command::Fire { work, timer, at }
        } else {
            // An event in the way before one on a border, which might be heard for ever.
            let waits = |node: &str| match &self.d.nodes[node].kind {
                NodeKind::Wait(Trigger::Message(m)) => Some(m.clone()),
                _ => None,
            };
            let name = s.messages.iter().find_map(|(_, n)| waits(n));
            Command::Message {
                name: name.unwrap_or_else(|| panic!("nothing can go on: {s:#?}")),
                variables: json!({}),
                at,
            }
        };
        let said = format!("{command:?}");
        self.run(command).unwrap_or_else(|e| panic!("{said}: {e}"));
    }

    pub fn finish_all(&mut self) {
        for _ in 0..600 {
            if self.s.ended.is_some() {
                let s = &self.s;
                assert!(
                    s.tokens.is_empty() && s.scopes.is_empty() && s.many.is_empty() && s.joined.is_empty()
                );
                assert!(
                    s.timers.is_empty()
                        && s.messages.is_empty()
                        && s.open().count() == 0
                        && s.later.is_empty()
                );
                return;
            }
            self.onwards();
            self.sound();
        }
        panic!("the case does not end: {:#?}", self.s);
    }

    /// The same commands on a new state.
    pub fn replayed(&self) -> State {
        let mut again = State::default();
        for command in &self.log {
            again.step(&self.d, command.clone(), &Env).unwrap();
        }
        again
    }
    pub fn start_variables(&self) -> &Json {
        &self.variables
    }

    /// A command from three random numbers: mostly one that fits the state, sometimes nonsense.
    pub fn command(&self, kind: u8, x: u8, y: u8) -> Command {
        let s = &self.s;
        let works: Vec<u32> = s.work.iter().map(|w| w.id).collect();
        let open: Vec<u32> = s.open().map(|w| w.id).collect();
        let pick = |from: &[u32], n: u8| from.get(n as usize % from.len().max(1)).copied().unwrap_or(99);
        let (work, any, at) = (pick(&open, x), pick(&works, y), 1);
        let outcomes = s.work(work).map(|w| w.outcomes(&self.d)).unwrap_or_default();
        let outcome = outcomes
            .get(y as usize % outcomes.len().max(1))
            .unwrap_or(&"done")
            .to_string();
        let by = s
            .work(any)
            .and_then(|w| w.by.clone())
            .unwrap_or_else(|| "x".into());
        let order = [Order::Before, Order::Beside, Order::After][y as usize % 3];
        let item = || vec![format!("m{}", y % 3)];
        match kind % 22 {
            0..=6 => Command::Complete {
                work,
                outcome,
                by: format!("p{}", x % 3),
                at,
            },
            7 => Command::SendBack {
                from: work,
                to: any,
                at,
            },
            8 => {
                let back = s.may_send_back(&self.d, work);
                Command::SendBack {
                    from: work,
                    to: pick(&back, y),
                    at,
                }
            }
            9 => Command::Recall { work: any, by, at },
            10 => Command::AddSign {
                work,
                to: vec!["甲".into(); 1 + (x % 2) as usize],
                order,
                at,
            },
            11 => Command::Transfer {
                work,
                to: "乙".into(),
            },
            12 => Command::Delegate {
                work,
                to: "乙".into(),
                by,
            },
            13 => Command::Urge { work },
            14 => match y % 4 {
                0 => Command::RequestCorrection { work, at },
                1 => Command::Suspend {
                    reason: "等待".into(),
                    at,
                },
                2 => Command::Special {
                    name: "听证".into(),
                    working_days: 3,
                    at,
                },
                _ => Command::Extend { working_days: 3 },
            },
            15 => match y % 2 {
                0 => Command::Correct {
                    variables: json!({ "flag2": x.is_multiple_of(2) }),
                    at,
                },
                _ => Command::Resume { at },
            },
            16 => Command::Gap { work, items: item() },
            17 => match y % 2 {
                0 => Command::Supply { items: item() },
                _ => Command::Promise { items: item() },
            },
            18 | 19 => match s.timers.get(x as usize % s.timers.len().max(1)) {
                Some((work, timer)) => Command::Fire {
                    work: *work,
                    timer: timer.clone(),
                    at,
                },
                None => Command::Fire {
                    work,
                    timer: SPECIAL.into(),
                    at,
                },
            },
            20 => {
                let name = ["paid", "told", "other"][y as usize % 3].into();
                Command::Message {
                    name,
                    variables: json!({ "flag1": x.is_multiple_of(2) }),
                    at,
                }
            }
            _ => Command::Raise {
                work,
                error: ["lost", "late"][y as usize % 2].into(),
                by,
                at,
            },
        }
    }
}

/// What must hold in every state by itself.
pub fn sound(s: &State) {
    let scope = |id: u32| id == 0 || s.scopes.iter().any(|x| x.id == id);
    for w in s
        .work
        .iter()
        .filter(|w| matches!(w.status, WorkStatus::Open | WorkStatus::Held))
    {
        let t = s
            .token(w.token)
            .unwrap_or_else(|| panic!("work {} has lost its token: {s:#?}", w.id));
        assert_eq!((&t.node, t.scope), (&w.node, w.scope), "{s:#?}");
    }
    for x in &s.scopes {
        assert!(s.token(x.token).is_some_and(|t| t.scope == x.parent), "{s:#?}");
        assert!(s.tokens.iter().any(|t| t.scope == x.id), "an empty scope: {s:#?}");
    }
    for t in &s.tokens {
        assert!(scope(t.scope), "{s:#?}");
        assert!(
            t.past
                .iter()
                .all(|w| s.work(*w).is_some_and(|w| w.scope == t.scope)),
            "{s:#?}"
        );
    }
    for m in &s.many {
        assert!(
            s.token(m.token).is_some() && m.started <= m.items.len() && m.done < m.items.len(),
            "{s:#?}"
        );
    }
    for j in &s.joined {
        assert!(scope(j.scope) && j.tokens.len() > 1, "{s:#?}");
    }
    for (owner, node) in s.timers.iter().chain(&s.messages) {
        let live = |w: &process::Work| matches!(w.status, WorkStatus::Open | WorkStatus::Held);
        assert!(
            node == SPECIAL || s.token(*owner).is_some() || s.work(*owner).is_some_and(live),
            "{owner} {node}: {s:#?}"
        );
    }
    let mut ids: Vec<u32> = s
        .scopes
        .iter()
        .map(|x| x.id)
        .chain(s.work.iter().map(|w| w.id))
        .chain(s.tokens.iter().map(|t| t.id))
        .collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "a number names one thing: {s:#?}");
    assert_eq!(s.ended.is_some(), s.tokens.is_empty(), "{s:#?}");
    // Nobody waits for nothing: somebody can act, or an event is awaited.
    assert!(
        s.ended.is_some() || s.open().count() + s.timers.len() + s.messages.len() > 0,
        "{s:#?}"
    );
}
