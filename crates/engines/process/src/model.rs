//! The process model and the checks before it may run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A process definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub id: String,
    pub name: String,
    pub nodes: BTreeMap<String, Node>,
    pub flows: BTreeMap<String, Flow>,
    /// Diagram interchange, for the picture on the case page.
    pub shapes: BTreeMap<String, Shape>,
    /// Waypoints of each drawn flow.
    pub edges: BTreeMap<String, Vec<(f64, f64)>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub id: String,
    pub name: String,
    pub name_en: String,
    pub kind: NodeKind,
    /// Flow ids, in document order.
    pub incoming: Vec<String>,
    pub outgoing: Vec<String>,
    /// `yw:` attributes as written: kind, role, org, outcomes, limit …
    pub hints: BTreeMap<String, String>,
}

impl Node {
    /// One hint, or an empty text.
    pub fn hint(&self, key: &str) -> &str {
        self.hints.get(key).map_or("", String::as_str)
    }
    /// The outcomes a person may choose; `done` when the model names none.
    pub fn outcomes(&self) -> Vec<&str> {
        match self.hint("outcomes") {
            "" => vec!["done"],
            list => list.split(',').map(str::trim).filter(|s| !s.is_empty()).collect(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    Start,
    End,
    User,
    /// Carried out by the runtime: the effect's text, e.g. `issue:<certificate type>`.
    Service(String),
    /// Runs this decision.
    Rule(String),
    /// With the id of the default flow.
    Exclusive(Option<String>),
    Parallel,
    /// A timer on the border of an activity.
    Boundary(Timer),
}

/// A boundary timer counted in working days.
#[derive(Clone, Debug, PartialEq)]
pub struct Timer {
    pub attached_to: String,
    pub interrupting: bool,
    pub working_days: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    pub id: String,
    pub source: String,
    pub target: String,
    pub condition: Option<String>,
}

/// Bounds of a drawn element, in the diagram's pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Definition {
    pub fn start(&self) -> Option<&Node> {
        self.nodes.values().find(|n| n.kind == NodeKind::Start)
    }

    /// Timers on the border of an activity.
    pub fn timers<'d>(&'d self, node: &'d str) -> impl Iterator<Item = (&'d Node, &'d Timer)> {
        self.nodes.values().filter_map(move |n| match &n.kind {
            NodeKind::Boundary(t) if t.attached_to == node => Some((n, t)),
            _ => None,
        })
    }

    /// Everything that would let a case get stuck; empty for a model that may run. `decisions` are the known ids.
    pub fn deploy_check(&self, decisions: &[&str]) -> Vec<String> {
        let mut bad = Vec::new();
        let starts = self.nodes.values().filter(|n| n.kind == NodeKind::Start).count();
        if starts != 1 {
            bad.push(format!("{starts} start events; one is needed"));
        }
        if !self.nodes.values().any(|n| n.kind == NodeKind::End) {
            bad.push("no end event".into());
        }
        for n in self.nodes.values() {
            let name = if n.name.is_empty() { &n.id } else { &n.name };
            match &n.kind {
                NodeKind::Start if n.outgoing.len() != 1 => {
                    bad.push(format!("{name}: a start needs one way out"))
                }
                NodeKind::End if !n.outgoing.is_empty() => bad.push(format!("{name}: an end has no way out")),
                NodeKind::User | NodeKind::Service(_) | NodeKind::Rule(_) if n.outgoing.len() != 1 => {
                    bad.push(format!(
                        "{name}: a task needs exactly one way out; draw a gateway"
                    ));
                }
                NodeKind::Exclusive(default) if n.outgoing.len() > 1 => {
                    let open = n.outgoing.iter().filter(|f| self.flows[*f].condition.is_none());
                    if open.filter(|f| Some(*f) != default.as_ref()).count() > 0 {
                        bad.push(format!("{name}: a way without condition that is not the default"));
                    }
                    if default.is_none() {
                        bad.push(format!("{name}: no default way, so a case could get stuck"));
                    }
                }
                NodeKind::Rule(d) if !decisions.contains(&d.as_str()) => {
                    bad.push(format!("{name}: decision {d} is not known"));
                }
                NodeKind::Boundary(t) if !self.nodes.contains_key(&t.attached_to) => {
                    bad.push(format!(
                        "{name}: is attached to {} which is not there",
                        t.attached_to
                    ));
                }
                _ => {}
            }
            if n.kind == NodeKind::User && n.hint("role").is_empty() {
                bad.push(format!("{name}: a user task needs yw:role"));
            }
        }
        if let Some(start) = self.start() {
            let reached = self.walk(&start.id, false);
            let ends: Vec<&Node> = self.nodes.values().filter(|n| n.kind == NodeKind::End).collect();
            let mut can_end = BTreeSet::new();
            for e in ends {
                can_end.extend(self.walk(&e.id, true));
            }
            for n in self.nodes.values() {
                let drawn_aside =
                    matches!(&n.kind, NodeKind::Boundary(t) if !t.interrupting && n.outgoing.is_empty());
                if !reached.contains(&n.id) && !drawn_aside {
                    bad.push(format!("{}: cannot be reached from the start", n.id));
                } else if !can_end.contains(&n.id) && !drawn_aside {
                    bad.push(format!("{}: no way leads from here to an end", n.id));
                }
            }
        }
        bad
    }

    /// Nodes reachable from one, forwards or backwards. A boundary event follows its activity.
    pub fn walk(&self, from: &str, backwards: bool) -> BTreeSet<String> {
        let mut seen = BTreeSet::from([from.to_string()]);
        let mut open = VecDeque::from([from.to_string()]);
        while let Some(id) = open.pop_front() {
            let mut next: Vec<String> = Vec::new();
            if let Some(n) = self.nodes.get(&id) {
                let flows = if backwards { &n.incoming } else { &n.outgoing };
                let end = |f: &Flow| {
                    if backwards {
                        f.source.clone()
                    } else {
                        f.target.clone()
                    }
                };
                next.extend(flows.iter().filter_map(|f| self.flows.get(f)).map(end));
                match &n.kind {
                    NodeKind::Boundary(t) if backwards => next.push(t.attached_to.clone()),
                    _ if !backwards => next.extend(self.timers(&id).map(|(n, _)| n.id.clone())),
                    _ => {}
                }
            }
            for id in next {
                if seen.insert(id.clone()) {
                    open.push_back(id);
                }
            }
        }
        seen
    }
}
