//! A DMN file as a tree of elements with their places; names without prefixes.

use crate::DecisionError;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    /// With the prefix, as written.
    attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
    /// Where it begins, in bytes.
    pub at: usize,
}

/// Deeper than any model; a file that nests further is an attack on the stack.
const DEPTH: usize = 100;

impl Element {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str())
    }
    /// An attribute of another namespace, whatever its prefix.
    pub fn hint(&self, name: &str) -> Option<&str> {
        let is = |n: &str| n.split_once(':').is_some_and(|(_, local)| local == name);
        self.attributes
            .iter()
            .find(|(n, _)| is(n))
            .map(|(_, v)| v.as_str())
    }
    pub fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |c| c.name == name)
    }
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }
    /// The child element `text`, which holds every expression of the standard.
    pub fn content(&self) -> &str {
        self.child("text").map_or("", |t| t.text.trim())
    }
    pub fn wrong(&self, message: impl Into<String>) -> DecisionError {
        DecisionError::Model {
            at: self.at,
            message: message.into(),
        }
    }
    /// The first element below, of any depth, that `is`.
    pub fn find(&self, is: &dyn Fn(&Element) -> bool) -> Option<&Element> {
        let inner = |c: &'_ Element| -> bool { is(c) };
        self.children
            .iter()
            .find_map(|c| if inner(c) { Some(c) } else { c.find(is) })
    }
}

fn element(e: &BytesStart<'_>, at: usize) -> Result<Element, DecisionError> {
    let wrong = |message: String| DecisionError::Model { at, message };
    let mut out = Element {
        name: e.local_name().as_ref().to_string(),
        at,
        ..Element::default()
    };
    for a in e.attributes() {
        let a = a.map_err(|e| wrong(e.to_string()))?;
        let value = unescape(&a.value).map_err(|e| wrong(e.to_string()))?;
        out.attributes
            .push((a.key.as_ref().to_string(), value.into_owned()));
    }
    Ok(out)
}

fn append(open: &mut [Element], text: &str) {
    if let Some(e) = open.last_mut() {
        e.text.push_str(text);
    }
}

/// Reads a file; document types are refused (external entities, expansion bombs).
pub fn parse(text: &str) -> Result<Element, DecisionError> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let at = reader.buffer_position() as usize;
        let wrong = |message: String| DecisionError::Model { at, message };
        let closed = match reader.read_event().map_err(|e| wrong(e.to_string()))? {
            Event::Start(_) if open.len() > DEPTH => {
                return Err(wrong("elements are nested too deeply".into()));
            }
            Event::Start(e) => {
                open.push(element(&e, at)?);
                continue;
            }
            Event::Empty(e) => element(&e, at)?,
            Event::End(_) => match open.pop() {
                Some(e) => e,
                None => continue,
            },
            Event::Text(t) => {
                append(&mut open, &t);
                continue;
            }
            Event::CData(t) => {
                append(&mut open, &t);
                continue;
            }
            Event::GeneralRef(r) => {
                let value = unescape(&format!("&{};", &*r))
                    .map_err(|e| wrong(e.to_string()))?
                    .into_owned();
                append(&mut open, &value);
                continue;
            }
            Event::DocType(_) => return Err(wrong("a document type is not allowed".into())),
            Event::Eof => break,
            _ => continue,
        };
        if let Some(parent) = open.last_mut() {
            parent.children.push(closed);
        }
    }
    match (open.len(), open.pop().and_then(|mut top| top.children.pop())) {
        (1, Some(root)) => Ok(root),
        _ => Err(DecisionError::Model {
            at: text.len(),
            message: "the file ends too early".into(),
        }),
    }
}
