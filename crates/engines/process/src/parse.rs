//! BPMN 2.0 XML (ISO/IEC 19510) → [`Definition`]. Elements that the engine cannot run are an error that names them;
//! text annotations, lanes and documentation are left alone.

use crate::ModelError;
use crate::model::{Definition, Flow, Node, NodeKind, Shape, Timer};
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;

const HINTS: &str = "https://yiwang.example/bpmn";
const IGNORED: &[&str] = &[
    "definitions",
    "process",
    "incoming",
    "outgoing",
    "extensionElements",
    "documentation",
    "textAnnotation",
    "text",
    "association",
    "laneSet",
    "lane",
    "flowNodeRef",
    "collaboration",
    "participant",
    "conditionExpression",
    "category",
    "categoryValue",
    "group",
    "dataObject",
    "dataObjectReference",
    "timerEventDefinition",
    "timeDuration",
];

struct Attributes(BTreeMap<String, String>, BTreeMap<String, String>);

fn attributes(e: &BytesStart<'_>, prefix: &str) -> Attributes {
    let (mut plain, mut hints) = (BTreeMap::new(), BTreeMap::new());
    for a in e.attributes().flatten() {
        let value = quick_xml::escape::unescape(&a.value)
            .map(|v| v.into_owned())
            .unwrap_or_default();
        let key = a.key.as_ref();
        match key.split_once(':') {
            Some((p, name)) if p == prefix => hints.insert(name.to_string(), value),
            _ => plain.insert(key.to_string(), value),
        };
    }
    Attributes(plain, hints)
}

impl Definition {
    /// Parses the first process of the file.
    pub fn parse(xml: &str) -> Result<Definition, ModelError> {
        let mut reader = quick_xml::Reader::from_str(xml);
        let mut d = Definition {
            id: String::new(),
            name: String::new(),
            nodes: BTreeMap::new(),
            flows: BTreeMap::new(),
            shapes: BTreeMap::new(),
            edges: BTreeMap::new(),
        };
        let mut stack: Vec<(String, String)> = Vec::new();
        let mut prefix = "yw".to_string();
        let mut text = String::new();
        let mut order: Vec<String> = Vec::new();
        loop {
            let at = reader.buffer_position() as usize;
            let wrong = |message: String| ModelError { at, message };
            let event = reader.read_event().map_err(|e| wrong(e.to_string()))?;
            let (start, empty) = match &event {
                Event::Start(e) => (Some(e), false),
                Event::Empty(e) => (Some(e), true),
                _ => (None, false),
            };
            if let Some(e) = start {
                let name = e.local_name().as_ref().to_string();
                if let Some((declared, _)) = attributes(e, "xmlns")
                    .1
                    .iter()
                    .find(|(_, uri)| uri.as_str() == HINTS)
                {
                    prefix.clone_from(declared);
                }
                let Attributes(plain, hints) = attributes(e, &prefix);
                let get = |key: &str| plain.get(key).cloned().unwrap_or_default();
                let id = get("id");
                let kind = match name.as_str() {
                    "startEvent" => Some(NodeKind::Start),
                    "endEvent" => Some(NodeKind::End),
                    "userTask" => Some(NodeKind::User),
                    "serviceTask" => Some(NodeKind::Service(
                        hints.get("effect").cloned().unwrap_or_default(),
                    )),
                    "businessRuleTask" => {
                        Some(NodeKind::Rule(hints.get("decision").cloned().unwrap_or_default()))
                    }
                    "exclusiveGateway" => Some(NodeKind::Exclusive(plain.get("default").cloned())),
                    "parallelGateway" => Some(NodeKind::Parallel),
                    "boundaryEvent" => Some(NodeKind::Boundary(Timer {
                        attached_to: get("attachedToRef"),
                        interrupting: get("cancelActivity") != "false",
                        working_days: hints
                            .get("working-days")
                            .and_then(|d| d.parse().ok())
                            .ok_or_else(|| {
                                wrong(format!(
                                    "boundary event {id} needs yw:working-days, a whole number"
                                ))
                            })?,
                    })),
                    _ => None,
                };
                let element = stack.last().map_or(String::new(), |(_, id)| id.clone());
                if let Some(kind) = kind {
                    if id.is_empty() {
                        return Err(wrong(format!("{name} has no id")));
                    }
                    let node = Node {
                        id: id.clone(),
                        name: get("name"),
                        name_en: hints.get("name-en").cloned().unwrap_or_else(|| get("name")),
                        kind,
                        incoming: Vec::new(),
                        outgoing: Vec::new(),
                        hints,
                    };
                    if d.nodes.insert(id.clone(), node).is_some() {
                        return Err(wrong(format!("the id {id} stands twice")));
                    }
                } else {
                    match name.as_str() {
                        "process" if d.id.is_empty() => {
                            d.id.clone_from(&id);
                            d.name = get("name");
                        }
                        "sequenceFlow" => {
                            order.push(id.clone());
                            let flow = Flow {
                                id: id.clone(),
                                source: get("sourceRef"),
                                target: get("targetRef"),
                                condition: None,
                            };
                            d.flows.insert(id.clone(), flow);
                        }
                        "Bounds" => {
                            let n = |key: &str| get(key).parse().unwrap_or(0.0);
                            let s = Shape {
                                x: n("x"),
                                y: n("y"),
                                width: n("width"),
                                height: n("height"),
                            };
                            // The label's bounds come later and do not replace the element's own.
                            d.shapes.entry(element.clone()).or_insert(s);
                        }
                        "waypoint" => {
                            let n = |key: &str| get(key).parse().unwrap_or(0.0);
                            d.edges.entry(element.clone()).or_default().push((n("x"), n("y")));
                        }
                        known
                            if IGNORED.contains(&known)
                                || !get("bpmnElement").is_empty()
                                || drawing(known) => {}
                        other => {
                            return Err(wrong(format!("element {other} is not supported by this engine")));
                        }
                    }
                }
                text.clear();
                if !empty {
                    let drawn = get("bpmnElement");
                    let inherit = if id.is_empty() || name == "BPMNLabel" {
                        element
                    } else {
                        id
                    };
                    stack.push((name, if drawn.is_empty() { inherit } else { drawn }));
                }
                continue;
            }
            match event {
                Event::Text(t) => text.push_str(&t),
                Event::CData(t) => text.push_str(&t),
                Event::GeneralRef(r) => {
                    let whole = format!("&{};", &*r);
                    text.push_str(&quick_xml::escape::unescape(&whole).map_err(|e| wrong(e.to_string()))?);
                }
                Event::End(_) => {
                    let (name, _) = stack.pop().unwrap_or_default();
                    if name == "conditionExpression"
                        && let Some((_, flow)) = stack.last()
                        && let Some(f) = d.flows.get_mut(flow)
                    {
                        f.condition = Some(text.trim().to_string());
                    }
                    text.clear();
                }
                Event::DocType(_) => return Err(wrong("a document type is not allowed".into())),
                Event::Eof if !stack.is_empty() => return Err(wrong("the file ends too early".into())),
                Event::Eof => break,
                _ => {}
            }
        }
        for id in order {
            let (source, target) = match d.flows.get(&id) {
                Some(f) => (f.source.clone(), f.target.clone()),
                None => continue,
            };
            for end in [&source, &target] {
                if !d.nodes.contains_key(end) {
                    return Err(ModelError {
                        at: 0,
                        message: format!("flow {id} leads to {end} which is not there"),
                    });
                }
            }
            if let Some(n) = d.nodes.get_mut(&source) {
                n.outgoing.push(id.clone());
            }
            if let Some(n) = d.nodes.get_mut(&target) {
                n.incoming.push(id);
            }
        }
        if d.id.is_empty() {
            return Err(ModelError {
                at: 0,
                message: "no process in this file".into(),
            });
        }
        Ok(d)
    }
}

fn drawing(name: &str) -> bool {
    name.starts_with("BPMN") || matches!(name, "Font")
}
