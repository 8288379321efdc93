//! The process model: what the engine runs, compiled from a [`crate::Document`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A process definition with everything nested in it. Ids are unique over the whole file, so all nodes and flows lie in
/// one map; [`Node::body`] says to which process or sub-process one belongs.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The process that a case begins with.
    pub id: String,
    pub name: String,
    /// The processes of the file, and of those linked to it: what a call activity may name.
    pub processes: BTreeSet<String>,
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
    /// The process or sub-process it stands in.
    pub body: String,
    /// Flow ids, in document order.
    pub incoming: Vec<String>,
    pub outgoing: Vec<String>,
    /// Multi-instance activities: how often, in a row or side by side.
    pub multi: Option<Multi>,
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
    /// The message that this event or task waits for.
    pub fn awaited(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Wait(Trigger::Message(m)) => Some(m),
            NodeKind::Boundary(Boundary {
                event: BoundaryEvent::Message(m),
                ..
            }) => Some(m),
            _ => None,
        }
    }
    /// Name, or id where there is none.
    pub fn called(&self) -> &str {
        if self.name.is_empty() {
            &self.id
        } else {
            &self.name
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// With the name of the message that begins the process, if one does.
    Start(Option<String>),
    End(Ending),
    User,
    /// Carried out by the runtime: the effect's text, e.g. `issue:<certificate type>`.
    Service(String),
    /// Runs this decision.
    Rule(String),
    /// Sends this message and goes on: send task, throwing message event.
    Send(String),
    /// Waits: receive task, catching intermediate event.
    Wait(Trigger),
    /// A throwing event without definition: a milestone.
    Pass,
    /// With the id of the default flow.
    Exclusive(Option<String>),
    Inclusive(Option<String>),
    Parallel,
    /// Waits for the first of the events behind it.
    EventBased,
    /// An embedded sub-process; its nodes name it as their body.
    Sub,
    /// A call activity: runs another process of the file.
    Call(String),
    /// An event on the border of an activity.
    Boundary(Boundary),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    Plain,
    /// Ends everything in its process or sub-process.
    Terminate,
    /// Raises an error for the activity around it.
    Error(String),
    Message(String),
}

/// What a catching event waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    Timer(Due),
    Message(String),
}

/// When a timer is due, counted from the moment it is set.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    WorkingDays(u32),
    /// Milliseconds.
    After(i64),
    /// A variable, or an ISO 8601 date or instant, as written.
    Date(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Boundary {
    pub attached_to: String,
    pub interrupting: bool,
    pub event: BoundaryEvent,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BoundaryEvent {
    Timer(Due),
    Message(String),
    /// The error code, or any error.
    Error(Option<String>),
}

/// Multi-instance: one instance for each item of a list (会签).
#[derive(Clone, Debug, PartialEq)]
pub struct Multi {
    pub sequential: bool,
    /// A number or a variable that holds one; or …
    pub cardinality: Option<String>,
    /// … a variable that holds a list.
    pub collection: Option<String>,
    /// How an instance calls its item.
    pub item: String,
    /// Ends the activity early when it holds.
    pub completion: Option<String>,
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
    /// Where a case begins.
    pub fn start(&self) -> Option<&Node> {
        self.start_of(&self.id)
    }
    /// Where a process or sub-process begins.
    pub fn start_of(&self, body: &str) -> Option<&Node> {
        self.nodes
            .values()
            .find(|n| n.body == body && matches!(n.kind, NodeKind::Start(_)))
    }
    /// The body that an activity runs.
    pub fn body_of<'n>(&self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            NodeKind::Sub => Some(&node.id),
            NodeKind::Call(process) => Some(process),
            _ => None,
        }
    }
    /// Activities that run a body: the sub-process itself, or every call of the process.
    pub fn around<'d>(&'d self, body: &'d str) -> impl Iterator<Item = &'d Node> {
        self.nodes.values().filter(move |n| self.body_of(n) == Some(body))
    }
    /// Events on the border of an activity.
    pub fn boundaries<'d>(&'d self, node: &'d str) -> impl Iterator<Item = (&'d Node, &'d Boundary)> {
        self.nodes.values().filter_map(move |n| match &n.kind {
            NodeKind::Boundary(b) if b.attached_to == node => Some((n, b)),
            _ => None,
        })
    }
    /// The boundary event of an activity that catches an error: the one that names it, else one for any.
    pub fn catcher<'d>(&'d self, node: &'d str, code: &str) -> Option<&'d Node> {
        let with = |wanted: Option<&str>| {
            self.boundaries(node)
                .find(|(_, b)| matches!(&b.event, BoundaryEvent::Error(c) if c.as_deref() == wanted))
                .map(|(n, _)| n)
        };
        with(Some(code)).or_else(|| with(None))
    }
    /// Errors that somebody may report at a task: those its own border catches, and those of the bodies around it, the
    /// nearest first; each with the event that catches it.
    pub fn errors_at<'d>(&'d self, node: &'d str) -> Vec<(&'d str, &'d Node)> {
        let mut out: Vec<(&str, &Node)> = Vec::new();
        let mut at = vec![node];
        let mut seen = BTreeSet::new();
        while let Some(node) = at.pop() {
            if !seen.insert(node) {
                continue;
            }
            for (n, b) in self.boundaries(node) {
                if let BoundaryEvent::Error(Some(code)) = &b.event
                    && out.iter().all(|(known, _)| known != code)
                {
                    out.push((code, n));
                }
            }
            if let Some(n) = self.nodes.get(node) {
                at.extend(self.around(&n.body).map(|a| a.id.as_str()));
            }
        }
        out
    }
    fn target(&self, flow: &str) -> Option<&Node> {
        self.flows.get(flow).and_then(|f| self.nodes.get(&f.target))
    }

    /// Takes the processes of other files in, for call activities that name them. Ids must differ.
    pub fn link(mut self, other: &Definition) -> Result<Definition, crate::ModelError> {
        for id in other
            .nodes
            .keys()
            .chain(other.flows.keys())
            .chain(&other.processes)
        {
            if self.nodes.contains_key(id) || self.flows.contains_key(id) || self.processes.contains(id) {
                return Err(crate::ModelError {
                    at: 0,
                    message: format!("the id {id} stands in {} and in {}", self.id, other.id),
                });
            }
        }
        self.processes.extend(other.processes.iter().cloned());
        self.nodes
            .extend(other.nodes.iter().map(|(k, v)| (k.clone(), v.clone())));
        self.flows
            .extend(other.flows.iter().map(|(k, v)| (k.clone(), v.clone())));
        Ok(self)
    }

    /// Steps from one node to the next, into bodies and out of them.
    fn next(&self, id: &str, backwards: bool) -> Vec<String> {
        let Some(n) = self.nodes.get(id) else {
            return Vec::new();
        };
        let mut next: Vec<String> = Vec::new();
        let along = |n: &Node, next: &mut Vec<String>| {
            let flows = if backwards { &n.incoming } else { &n.outgoing };
            for f in flows.iter().filter_map(|f| self.flows.get(f)) {
                next.push(if backwards {
                    f.source.clone()
                } else {
                    f.target.clone()
                });
            }
            match &n.kind {
                NodeKind::Boundary(b) if backwards => next.push(b.attached_to.clone()),
                _ if !backwards => next.extend(self.boundaries(&n.id).map(|(n, _)| n.id.clone())),
                _ => {}
            }
        };
        along(n, &mut next);
        if let Some(body) = self.body_of(n) {
            let inside = self.nodes.values().filter(|m| m.body == body);
            next.extend(
                inside
                    .filter(|m| match m.kind {
                        NodeKind::Start(_) => !backwards,
                        NodeKind::End(_) => backwards,
                        _ => false,
                    })
                    .map(|m| m.id.clone()),
            );
        }
        let leaves = match n.kind {
            NodeKind::Start(_) => backwards,
            NodeKind::End(_) => !backwards,
            _ => false,
        };
        if leaves {
            // Past the activity around it, so that nothing inside is reached again.
            for around in self.around(&n.body) {
                along(around, &mut next);
            }
        }
        next
    }

    /// Nodes reachable from one, forwards or backwards, itself included. A boundary event follows its activity.
    pub fn walk(&self, from: &str, backwards: bool) -> BTreeSet<String> {
        let mut seen = BTreeSet::from([from.to_string()]);
        let mut open = VecDeque::from([from.to_string()]);
        while let Some(id) = open.pop_front() {
            for id in self.next(&id, backwards) {
                if seen.insert(id.clone()) {
                    open.push_back(id);
                }
            }
        }
        seen
    }

    /// Flows of one body that a token at `from` can still come by, without passing `barrier`.
    pub(crate) fn reachable_flows(&self, from: &str, barrier: &str) -> BTreeSet<String> {
        let mut flows = BTreeSet::new();
        let mut seen = BTreeSet::from([from.to_string()]);
        let mut open = VecDeque::from([from.to_string()]);
        while let Some(id) = open.pop_front() {
            let Some(n) = self.nodes.get(&id) else { continue };
            let border = self.boundaries(&id).map(|(n, _)| n);
            for flow in n.outgoing.iter().chain(border.flat_map(|n| &n.outgoing)) {
                if !flows.insert(flow.clone()) {
                    continue;
                }
                if let Some(t) = self.target(flow)
                    && t.id != barrier
                    && seen.insert(t.id.clone())
                {
                    open.push_back(t.id.clone());
                }
            }
        }
        flows
    }
}
