//! BPMN 2.0 files (ISO/IEC 19510): read whole, written again whole, and compiled to what the engine runs. Elements that it
//! cannot run are an error that names them; drawings, lanes, notes and other tools' additions are kept and left alone.

use crate::ModelError;
use crate::model::{
    Boundary, BoundaryEvent, Definition, Due, Ending, Flow, Multi, Node, NodeKind, Shape, Trigger,
};
use crate::xml::{Child, Element, Xml, local};
use std::collections::{BTreeMap, BTreeSet};

const HINTS: &str = "https://yiwang.example/bpmn";
const BPMN: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
const DI: &str = "http://www.omg.org/spec/BPMN/20100524/DI";

/// A BPMN file with everything that stands in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    xml: Xml,
}

/// One BPMN element of a file, for lists and comparisons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The standard's name: `userTask`, `BPMNShape` …
    pub kind: String,
    pub id: String,
    pub name: String,
    /// The element that a shape or an edge draws.
    pub draws: String,
}

/// What an activity may hold without meaning anything to the engine.
const SILENT: &[&str] = &[
    "incoming",
    "outgoing",
    "extensionElements",
    "documentation",
    "textAnnotation",
    "association",
    "laneSet",
    "group",
    "dataObject",
    "dataObjectReference",
    "dataStoreReference",
    "property",
    "ioSpecification",
    "dataInputAssociation",
    "dataOutputAssociation",
    "auditing",
    "monitoring",
    "ioBinding",
    "resourceRole",
    "performer",
    "humanPerformer",
    "potentialOwner",
    "multiInstanceLoopCharacteristics",
    "standardLoopCharacteristics",
];

impl Document {
    pub fn parse(text: &str) -> Result<Document, ModelError> {
        let xml = Xml::parse(text)?;
        if xml.root.local() != "definitions" {
            return Err(ModelError {
                at: xml.root.at,
                message: format!(
                    "{} is no BPMN file: its root must be `definitions`",
                    xml.root.name
                ),
            });
        }
        Ok(Document { xml })
    }

    /// The file again, whole.
    pub fn write(&self) -> String {
        self.xml.write()
    }

    /// Every element of the standard's own namespaces, in document order.
    pub fn items(&self) -> Vec<Item> {
        fn walk(e: &Element, spaces: &BTreeMap<String, String>, out: &mut Vec<Item>) {
            let mut spaces = spaces.clone();
            for (name, value) in &e.attributes {
                if name == "xmlns" {
                    spaces.insert(String::new(), value.clone());
                } else if let Some(prefix) = name.strip_prefix("xmlns:") {
                    spaces.insert(prefix.to_string(), value.clone());
                }
            }
            let prefix = e.name.split_once(':').map_or("", |(p, _)| p);
            if matches!(spaces.get(prefix).map(String::as_str), Some(BPMN | DI)) {
                out.push(Item {
                    kind: e.local().into(),
                    id: e.get("id").into(),
                    name: e.get("name").into(),
                    draws: e.get("bpmnElement").into(),
                });
            }
            e.elements().for_each(|c| walk(c, &spaces, out));
        }
        let mut out = Vec::new();
        walk(&self.xml.root, &BTreeMap::new(), &mut out);
        out
    }

    /// Compiles the first process that is marked executable, or the first one.
    pub fn definition(&self) -> Result<Definition, ModelError> {
        let root = &self.xml.root;
        let processes: Vec<&Element> = root.elements().filter(|e| e.local() == "process").collect();
        let main = processes
            .iter()
            .find(|p| p.get("isExecutable") == "true")
            .or(processes.first())
            .ok_or_else(|| ModelError {
                at: 0,
                message: "no process in this file".into(),
            })?;
        let named = |kind: &str, key: &str| -> BTreeMap<String, String> {
            root.elements()
                .filter(|e| e.local() == kind)
                .map(|e| {
                    let value = match e.get(key) {
                        "" => e.get("name"),
                        value => value,
                    };
                    (e.get("id").to_string(), value.to_string())
                })
                .collect()
        };
        let prefix = |e: &Element| -> Option<String> {
            e.attributes
                .iter()
                .find(|(_, uri)| uri == HINTS)
                .and_then(|(name, _)| name.strip_prefix("xmlns:").map(String::from))
        };
        let hints = prefix(root)
            .or_else(|| main_prefix(main, &prefix))
            .unwrap_or_else(|| "yw".into());
        let mut compiler = Compiler {
            hints: format!("{hints}:"),
            messages: named("message", "name"),
            errors: named("error", "errorCode"),
            processes: processes.iter().map(|p| p.get("id").to_string()).collect(),
            d: Definition {
                id: main.get("id").to_string(),
                name: main.get("name").to_string(),
                processes: BTreeSet::new(),
                nodes: BTreeMap::new(),
                flows: BTreeMap::new(),
                shapes: BTreeMap::new(),
                edges: BTreeMap::new(),
            },
            order: Vec::new(),
        };
        // Only what a case of the main process can come to: pools beside it may be drawn with anything.
        let mut open = vec![*main];
        while let Some(p) = open.pop() {
            let id = p.get("id").to_string();
            if id.is_empty() {
                return Err(wrong(p, "a process needs an id"));
            }
            if !compiler.d.processes.insert(id.clone()) {
                continue;
            }
            compiler.body(p, &id)?;
            let called = compiler.d.nodes.values().filter_map(|n| match &n.kind {
                NodeKind::Call(process) => Some(process.clone()),
                _ => None,
            });
            let called: Vec<String> = called.collect();
            open.extend(
                processes
                    .iter()
                    .filter(|p| called.iter().any(|c| c == p.get("id")))
                    .filter(|p| !compiler.d.processes.contains(p.get("id"))),
            );
        }
        compiler.connect()?;
        compiler.picture(root);
        Ok(compiler.d)
    }
}

fn main_prefix(e: &Element, prefix: &dyn Fn(&Element) -> Option<String>) -> Option<String> {
    prefix(e).or_else(|| e.elements().find_map(|c| main_prefix(c, prefix)))
}

impl Definition {
    /// Parses and compiles a file.
    pub fn parse(xml: &str) -> Result<Definition, ModelError> {
        Document::parse(xml)?.definition()
    }
}

fn wrong(e: &Element, message: impl Into<String>) -> ModelError {
    ModelError {
        at: e.at,
        message: message.into(),
    }
}

struct Compiler {
    /// Prefix of our own attributes, with the colon.
    hints: String,
    messages: BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
    processes: BTreeSet<String>,
    d: Definition,
    /// Flow ids in document order.
    order: Vec<String>,
}

impl Compiler {
    fn body(&mut self, body: &Element, id: &str) -> Result<(), ModelError> {
        for e in body.elements() {
            match e.local() {
                "sequenceFlow" => self.flow(e),
                name if SILENT.contains(&name) => {}
                name => {
                    let kind = self.kind(e, name)?;
                    self.node(e, id, kind)?;
                }
            }
        }
        Ok(())
    }

    fn hint(&self, e: &Element, key: &str) -> Option<String> {
        let name = format!("{}{key}", self.hints);
        e.attributes
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.clone())
    }

    fn message(&self, e: &Element) -> String {
        let id = local(e.get("messageRef"));
        match self.messages.get(id) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => id.to_string(),
        }
    }

    fn kind(&self, e: &Element, name: &str) -> Result<NodeKind, ModelError> {
        let default = || Some(e.get("default").to_string()).filter(|d| !d.is_empty());
        Ok(match name {
            "startEvent" => match self.events(e)?.as_slice() {
                [] => NodeKind::Start(None),
                [d] if d.local() == "messageEventDefinition" => NodeKind::Start(Some(self.message(d))),
                _ => return Err(self.unsupported(e)),
            },
            "endEvent" => NodeKind::End(match self.events(e)?.as_slice() {
                [] => Ending::Plain,
                [d] => match d.local() {
                    "terminateEventDefinition" => Ending::Terminate,
                    "errorEventDefinition" => Ending::Error(
                        self.error(d)
                            .ok_or_else(|| wrong(e, "an error end needs an error"))?,
                    ),
                    "messageEventDefinition" => Ending::Message(self.message(d)),
                    _ => return Err(self.unsupported(e)),
                },
                _ => return Err(self.unsupported(e)),
            }),
            "userTask" => NodeKind::User,
            "serviceTask" => NodeKind::Service(self.hint(e, "effect").unwrap_or_default()),
            "businessRuleTask" => NodeKind::Rule(self.hint(e, "decision").unwrap_or_default()),
            "sendTask" => NodeKind::Send(self.message(e)),
            "receiveTask" => NodeKind::Wait(Trigger::Message(self.message(e))),
            "intermediateThrowEvent" => match self.events(e)?.as_slice() {
                [] => NodeKind::Pass,
                [d] if d.local() == "messageEventDefinition" => NodeKind::Send(self.message(d)),
                _ => return Err(self.unsupported(e)),
            },
            "intermediateCatchEvent" => match self.events(e)?.as_slice() {
                [d] => match d.local() {
                    "timerEventDefinition" => NodeKind::Wait(Trigger::Timer(self.due(e, d)?)),
                    "messageEventDefinition" => NodeKind::Wait(Trigger::Message(self.message(d))),
                    _ => return Err(self.unsupported(e)),
                },
                _ => return Err(self.unsupported(e)),
            },
            "boundaryEvent" => {
                let events = self.events(e)?;
                let event = match events.as_slice() {
                    [] if self.hint(e, "working-days").is_some() => BoundaryEvent::Timer(self.due(e, e)?),
                    [d] => match d.local() {
                        "timerEventDefinition" => BoundaryEvent::Timer(self.due(e, d)?),
                        "messageEventDefinition" => BoundaryEvent::Message(self.message(d)),
                        "errorEventDefinition" => BoundaryEvent::Error(self.error(d)),
                        _ => return Err(self.unsupported(e)),
                    },
                    _ => {
                        return Err(wrong(
                            e,
                            format!(
                                "boundary event {} needs one timer, message or error (a timer may be yw:working-days, a whole number)",
                                e.get("id")
                            ),
                        ));
                    }
                };
                NodeKind::Boundary(Boundary {
                    attached_to: e.get("attachedToRef").into(),
                    interrupting: e.get("cancelActivity") != "false",
                    event,
                })
            }
            "exclusiveGateway" => NodeKind::Exclusive(default()),
            "inclusiveGateway" => NodeKind::Inclusive(default()),
            "parallelGateway" => NodeKind::Parallel,
            "eventBasedGateway" if e.get("instantiate") != "true" => NodeKind::EventBased,
            "subProcess" if e.get("triggeredByEvent") != "true" => NodeKind::Sub,
            "callActivity" => NodeKind::Call(local(e.get("calledElement")).into()),
            _ => return Err(self.unsupported(e)),
        })
    }

    /// Names the element, and the event definition that makes it what it is.
    fn unsupported(&self, e: &Element) -> ModelError {
        let inner = e.elements().find(|c| c.local().ends_with("EventDefinition"));
        let inner = inner.map_or(String::new(), |c| format!(" with {}", c.local()));
        let id = e.get("id");
        wrong(
            e,
            format!(
                "element {}{inner} ({id}) is not supported by this engine",
                e.local()
            ),
        )
    }

    /// The event definitions inside an event.
    fn events<'e>(&self, e: &'e Element) -> Result<Vec<&'e Element>, ModelError> {
        if e.child("eventDefinitionRef").is_some() {
            return Err(wrong(
                e,
                "eventDefinitionRef is not supported by this engine; write the definition inside the event",
            ));
        }
        Ok(e.elements()
            .filter(|c| c.local().ends_with("EventDefinition"))
            .collect())
    }

    fn error(&self, d: &Element) -> Option<String> {
        let id = local(d.get("errorRef"));
        match (id, self.errors.get(id)) {
            ("", _) => None,
            (_, Some(code)) if !code.is_empty() => Some(code.clone()),
            _ => Some(id.to_string()),
        }
    }

    fn due(&self, event: &Element, d: &Element) -> Result<Due, ModelError> {
        if let Some(days) = self
            .hint(event, "working-days")
            .or_else(|| self.hint(d, "working-days"))
        {
            return days.parse().map(Due::WorkingDays).map_err(|_| {
                wrong(
                    event,
                    format!("{} needs yw:working-days, a whole number", event.get("id")),
                )
            });
        }
        if let Some(text) = d.child("timeDuration").map(Element::text) {
            return duration(&text).map(Due::After).ok_or_else(|| {
                wrong(
                    event,
                    format!("duration {text:?}: write ISO 8601 with days, hours, minutes, seconds, such as P3D or PT2H"),
                )
            });
        }
        match d.child("timeDate").map(Element::text) {
            Some(text) if !text.is_empty() => Ok(Due::Date(text)),
            _ => Err(wrong(
                event,
                format!(
                    "timer {} needs a duration, a date, or yw:working-days, a whole number",
                    event.get("id")
                ),
            )),
        }
    }

    fn multi(&self, e: &Element) -> Result<Option<Multi>, ModelError> {
        if e.child("standardLoopCharacteristics").is_some() {
            return Err(wrong(
                e,
                "element standardLoopCharacteristics is not supported by this engine",
            ));
        }
        let Some(m) = e.child("multiInstanceLoopCharacteristics") else {
            return Ok(None);
        };
        let text = |name: &str| m.child(name).map(Element::text).filter(|t| !t.is_empty());
        let item = m.child("inputDataItem").map(|i| match i.get("name") {
            "" => i.get("id").to_string(),
            name => name.to_string(),
        });
        Ok(Some(Multi {
            sequential: m.get("isSequential") == "true",
            cardinality: text("loopCardinality"),
            collection: self
                .hint(m, "collection")
                .or_else(|| self.hint(e, "collection"))
                .or_else(|| text("loopDataInputRef")),
            item: self.hint(m, "item").or(item).unwrap_or_else(|| "item".into()),
            completion: text("completionCondition"),
        }))
    }

    fn node(&mut self, e: &Element, body: &str, kind: NodeKind) -> Result<(), ModelError> {
        let id = e.get("id").to_string();
        if id.is_empty() {
            return Err(wrong(e, format!("{} has no id", e.local())));
        }
        let hints: BTreeMap<String, String> = e
            .attributes
            .iter()
            .filter_map(|(n, v)| Some((n.strip_prefix(&self.hints)?.to_string(), v.clone())))
            .collect();
        let nested = kind == NodeKind::Sub;
        let name = e.get("name").to_string();
        let node = Node {
            id: id.clone(),
            name_en: hints.get("name-en").cloned().unwrap_or_else(|| name.clone()),
            name,
            kind,
            body: body.to_string(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            multi: self.multi(e)?,
            hints,
        };
        if self.d.nodes.insert(id.clone(), node).is_some() || self.processes.contains(&id) {
            return Err(wrong(e, format!("the id {id} stands twice")));
        }
        if nested {
            self.body(e, &id)?;
        }
        Ok(())
    }

    fn flow(&mut self, e: &Element) {
        let condition = e.child("conditionExpression").map(Element::text);
        let id = e.get("id").to_string();
        self.order.push(id.clone());
        let flow = Flow {
            id: id.clone(),
            source: e.get("sourceRef").into(),
            target: e.get("targetRef").into(),
            condition: condition.filter(|c| !c.is_empty()),
        };
        self.d.flows.insert(id, flow);
    }

    fn connect(&mut self) -> Result<(), ModelError> {
        for id in &self.order {
            let Some(f) = self.d.flows.get(id) else { continue };
            let lost = [&f.source, &f.target]
                .into_iter()
                .find(|end| !self.d.nodes.contains_key(*end));
            if let Some(end) = lost {
                return Err(ModelError {
                    at: 0,
                    message: format!("flow {id} leads to {end} which is not there"),
                });
            }
            let (source, target) = (f.source.clone(), f.target.clone());
            if self.d.nodes[&source].body != self.d.nodes[&target].body {
                return Err(ModelError {
                    at: 0,
                    message: format!("flow {id} crosses the border of a sub-process"),
                });
            }
            if let Some(n) = self.d.nodes.get_mut(&source) {
                n.outgoing.push(id.clone());
            }
            if let Some(n) = self.d.nodes.get_mut(&target) {
                n.incoming.push(id.clone());
            }
        }
        Ok(())
    }

    fn picture(&mut self, e: &Element) {
        let number = |e: &Element, key: &str| e.get(key).parse().unwrap_or(0.0);
        let drawn = local(e.get("bpmnElement")).to_string();
        match e.local() {
            "BPMNShape" => {
                // Its own bounds; those of its label lie deeper.
                if let Some(b) = e.child("Bounds") {
                    let shape = Shape {
                        x: number(b, "x"),
                        y: number(b, "y"),
                        width: number(b, "width"),
                        height: number(b, "height"),
                    };
                    self.d.shapes.insert(drawn, shape);
                }
            }
            "BPMNEdge" => {
                let points = e
                    .elements()
                    .filter(|c| c.local() == "waypoint")
                    .map(|p| (number(p, "x"), number(p, "y")))
                    .collect();
                self.d.edges.insert(drawn, points);
            }
            _ => {
                for c in &e.children {
                    if let Child::Element(c) = c {
                        self.picture(c);
                    }
                }
            }
        }
    }
}

/// ISO 8601 durations without months and years, whose length depends on the calendar; milliseconds.
fn duration(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    let mut total = 0i64;
    for (part, units) in [
        (days, &[('W', 604_800_000i64), ('D', 86_400_000)][..]),
        (time, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)][..]),
    ] {
        let mut number = String::new();
        for c in part.chars() {
            if c.is_ascii_digit() {
                number.push(c);
                continue;
            }
            let unit = units.iter().find(|(u, _)| *u == c)?.1;
            total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit)?)?;
            number.clear();
        }
        if !number.is_empty() {
            return None;
        }
    }
    (rest.len() > 1).then_some(total)
}
