//! Checks before a model may run: everything that would let a case get stuck.

use crate::model::{BoundaryEvent, Definition, Ending, Node, NodeKind, Trigger};
use std::collections::BTreeSet;

impl Definition {
    /// Everything that would let a case get stuck; empty for a model that may run. `decisions` are the known ids.
    pub fn deploy_check(&self, decisions: &[&str]) -> Vec<String> {
        let mut bad = Vec::new();
        for n in self.nodes.values() {
            self.check_node(n, decisions, &mut bad);
        }
        let mut bodies: BTreeSet<&str> = self.nodes.values().map(|n| n.body.as_str()).collect();
        bodies.insert(&self.id);
        for body in &bodies {
            self.check_body(body, &mut bad);
        }
        self.check_ways(&mut bad);
        bad
    }

    fn check_body(&self, body: &str, bad: &mut Vec<String>) {
        let inside = || self.nodes.values().filter(|n| n.body == body);
        let starts = inside().filter(|n| matches!(n.kind, NodeKind::Start(_))).count();
        let place = match body == self.id {
            true => String::new(),
            false => format!("{body}: "),
        };
        if starts != 1 {
            bad.push(format!("{place}{starts} start events; one is needed"));
        }
        if !inside().any(|n| matches!(n.kind, NodeKind::End(_))) {
            bad.push(format!("{place}no end event"));
        }
        if self.calls(body).contains(body) {
            bad.push(format!("{body}: calls itself"));
        }
    }

    /// Processes that run inside a body, however deep.
    fn calls(&self, body: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![body.to_string()];
        while let Some(body) = open.pop() {
            for n in self.nodes.values().filter(|n| n.body == body) {
                if let Some(inner) = self.body_of(n)
                    && seen.insert(inner.to_string())
                {
                    open.push(inner.to_string());
                }
            }
        }
        seen
    }

    fn check_node(&self, n: &Node, decisions: &[&str], bad: &mut Vec<String>) {
        let name = n.called();
        let mut say = |what: String| bad.push(format!("{name}: {what}"));
        match &n.kind {
            NodeKind::Start(_) if n.outgoing.len() != 1 => say("a start needs one way out".into()),
            NodeKind::Start(Some(_)) if !self.processes.contains(&n.body) => {
                say("a sub-process begins without a message".into());
            }
            NodeKind::End(_) if !n.outgoing.is_empty() => say("an end has no way out".into()),
            NodeKind::User
            | NodeKind::Service(_)
            | NodeKind::Rule(_)
            | NodeKind::Send(_)
            | NodeKind::Wait(_)
            | NodeKind::Pass
            | NodeKind::Sub
            | NodeKind::Call(_)
                if n.outgoing.len() != 1 =>
            {
                say("a task needs exactly one way out; draw a gateway".into());
            }
            NodeKind::Exclusive(default) | NodeKind::Inclusive(default) if n.outgoing.len() > 1 => {
                let open = n.outgoing.iter().filter(|f| self.flows[*f].condition.is_none());
                if open.filter(|f| Some(*f) != default.as_ref()).count() > 0 {
                    say("a way without condition that is not the default".into());
                }
                match default {
                    None => say("no default way, so a case could get stuck".into()),
                    Some(d) if !n.outgoing.contains(d) => {
                        say(format!("the default way {d} is none of its ways"))
                    }
                    Some(_) => {}
                }
            }
            NodeKind::EventBased => {
                let waits = |f: &String| {
                    let target = self.flows.get(f).and_then(|f| self.nodes.get(&f.target));
                    target.is_some_and(|t| matches!(t.kind, NodeKind::Wait(_)) && t.incoming.len() == 1)
                };
                if n.outgoing.len() < 2 || !n.outgoing.iter().all(waits) {
                    say("needs two or more ways, each to an event or receive task of its own".into());
                }
            }
            NodeKind::Boundary(b) => match self.nodes.get(&b.attached_to) {
                None => say(format!("is attached to {} which is not there", b.attached_to)),
                Some(a) => {
                    let errors = matches!(b.event, BoundaryEvent::Error(_));
                    if errors && !b.interrupting {
                        say("an error always interrupts".into());
                    }
                    if b.interrupting && n.outgoing.is_empty() {
                        say("an interrupting event needs a way out".into());
                    }
                    let waits = matches!(
                        a.kind,
                        NodeKind::User | NodeKind::Wait(_) | NodeKind::Sub | NodeKind::Call(_)
                    );
                    if !waits {
                        say(format!(
                            "{} is over at once and cannot be interrupted",
                            a.called()
                        ));
                    }
                }
            },
            NodeKind::Call(process) if !self.processes.contains(process) => {
                say(format!("process {process} is not known"));
            }
            _ => {}
        }
        match &n.kind {
            NodeKind::Rule(d) if !decisions.contains(&d.as_str()) => {
                say(format!("decision {d} is not known"));
            }
            NodeKind::User if n.hint("role").is_empty() => say("a user task needs yw:role".into()),
            NodeKind::Send(m) | NodeKind::Wait(Trigger::Message(m)) | NodeKind::End(Ending::Message(m))
                if m.is_empty() =>
            {
                say("the message has no name".into());
            }
            NodeKind::End(Ending::Error(code)) if !self.caught(&n.body, code) => {
                say(format!("the error {code} is caught nowhere"));
            }
            _ => {}
        }
        if let Some(m) = &n.multi {
            if !matches!(n.kind, NodeKind::User | NodeKind::Sub | NodeKind::Call(_)) {
                say("only user tasks, sub-processes and calls may have many instances".into());
            }
            if m.cardinality.is_none() && m.collection.is_none() {
                say("many instances need yw:collection or a loop cardinality".into());
            }
        }
    }

    /// Whether every way an error can take out of this body meets somebody who catches it.
    fn caught(&self, body: &str, code: &str) -> bool {
        let mut around = self.around(body).peekable();
        around.peek().is_some()
            && body != self.id
            && around.all(|a| self.catcher(&a.id, code).is_some() || self.caught(&a.body, code))
    }

    fn check_ways(&self, bad: &mut Vec<String>) {
        let Some(start) = self.start() else { return };
        let reached = self.walk(&start.id, false);
        let mut can_end = BTreeSet::new();
        for e in self
            .nodes
            .values()
            .filter(|n| n.body == self.id && matches!(n.kind, NodeKind::End(_)))
        {
            can_end.extend(self.walk(&e.id, true));
        }
        for n in self.nodes.values() {
            let reminds =
                matches!(&n.kind, NodeKind::Boundary(b) if !b.interrupting && n.outgoing.is_empty());
            if !reached.contains(&n.id) && !reminds {
                bad.push(format!("{}: cannot be reached from the start", n.id));
            } else if !can_end.contains(&n.id) && !reminds {
                bad.push(format!("{}: no way leads from here to an end", n.id));
            }
        }
    }
}
