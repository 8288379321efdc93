//! A whole XML file as a tree that can be written again: names with their prefixes, attributes in order, text, comments.
//! The standard lets every tool add its own elements, so what we do not know has to survive.

use crate::ModelError;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};

/// One element as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Element {
    /// With its prefix.
    pub name: String,
    /// (name with prefix, value), in order, namespace declarations among them.
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Child>,
    /// Where it begins, in bytes from the start of the file.
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Child {
    Element(Element),
    Text(String),
    CData(String),
    Comment(String),
    /// Target and content of a processing instruction.
    Instruction(String),
}

/// A parsed file: what stands before the root, the root, what stands after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Xml {
    pub declaration: Option<String>,
    pub before: Vec<Child>,
    pub root: Element,
    pub after: Vec<Child>,
}

/// Deeper than any drawing; a file that nests further is an attack on the stack.
const DEPTH: usize = 200;

impl Element {
    /// The name without its prefix.
    pub fn local(&self) -> &str {
        local(&self.name)
    }
    /// An attribute by its name as written.
    pub fn get(&self, name: &str) -> &str {
        self.attributes
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v.as_str())
    }
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|c| match c {
            Child::Element(e) => Some(e),
            _ => None,
        })
    }
    /// The first child element of this local name.
    pub fn child(&self, local: &str) -> Option<&Element> {
        self.elements().find(|e| e.local() == local)
    }
    /// The text directly inside.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .map(|c| match c {
                Child::Text(t) | Child::CData(t) => t.as_str(),
                _ => "",
            })
            .collect::<String>()
            .trim()
            .to_string()
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            // Line ends and tabs in a value would be read back as blanks.
            let value = escape(value.as_str())
                .replace('\n', "&#10;")
                .replace('\r', "&#13;")
                .replace('\t', "&#9;");
            out.push_str(&format!(" {name}=\"{value}\""));
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        self.children.iter().for_each(|c| c.write(out));
        out.push_str(&format!("</{}>", self.name));
    }
}

impl Child {
    fn write(&self, out: &mut String) {
        match self {
            Child::Element(e) => e.write(out),
            Child::Text(t) => out.push_str(&escape(t.as_str()).replace('\r', "&#13;")),
            Child::CData(t) => out.push_str(&format!("<![CDATA[{t}]]>")),
            Child::Comment(t) => out.push_str(&format!("<!--{t}-->")),
            Child::Instruction(t) => out.push_str(&format!("<?{t}?>")),
        }
    }
}

pub(crate) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

impl Xml {
    /// Reads a file. Document types are refused (external entities, expansion bombs), so is nesting beyond reason.
    pub fn parse(text: &str) -> Result<Xml, ModelError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = quick_xml::Reader::from_str(text);
        let (mut declaration, mut before, mut after) = (None, Vec::new(), Vec::new());
        let mut open: Vec<Element> = Vec::new();
        let mut root: Option<Element> = None;
        loop {
            let at = reader.buffer_position() as usize;
            let wrong = |message: String| ModelError { at, message };
            let child = match reader.read_event().map_err(|e| wrong(e.to_string()))? {
                Event::Start(e) => {
                    if open.len() >= DEPTH {
                        return Err(wrong(format!("elements are nested more than {DEPTH} deep")));
                    }
                    open.push(element(&e, at)?);
                    continue;
                }
                Event::End(_) => match open.pop() {
                    Some(e) => Child::Element(e),
                    None => return Err(wrong("an element ends that did not begin".into())),
                },
                Event::Empty(e) => Child::Element(element(&e, at)?),
                Event::Text(t) => Child::Text(t.to_string()),
                Event::GeneralRef(r) => {
                    let whole = format!("&{};", &*r);
                    Child::Text(unescape(&whole).map_err(|e| wrong(e.to_string()))?.into_owned())
                }
                Event::CData(t) => Child::CData(t.to_string()),
                Event::Comment(t) => Child::Comment(t.to_string()),
                Event::PI(t) => Child::Instruction(t.to_string()),
                Event::Decl(t) => {
                    declaration = Some(t.to_string());
                    continue;
                }
                Event::DocType(_) => return Err(wrong("a document type is not allowed".into())),
                Event::Eof => break,
            };
            let outermost = open.is_empty();
            let into = match (open.last_mut(), &root) {
                (Some(parent), _) => &mut parent.children,
                (None, None) => &mut before,
                (None, Some(_)) => &mut after,
            };
            match child {
                Child::Element(e) if outermost => {
                    if root.replace(e).is_some() {
                        return Err(wrong("a second root element".into()));
                    }
                }
                // A text that references cut into pieces is one text.
                Child::Text(t) => match into.last_mut() {
                    Some(Child::Text(before)) => before.push_str(&t),
                    _ => into.push(Child::Text(t)),
                },
                other => into.push(other),
            }
        }
        if !open.is_empty() {
            return Err(ModelError {
                at: text.len(),
                message: "the file ends too early".into(),
            });
        }
        let root = root.ok_or_else(|| ModelError {
            at: 0,
            message: "no element in this file".into(),
        })?;
        Ok(Xml {
            declaration,
            before,
            root,
            after,
        })
    }

    /// The file again: the same elements, attributes, texts and comments in the same order.
    pub fn write(&self) -> String {
        let mut out = String::new();
        if let Some(d) = &self.declaration {
            out.push_str(&format!("<?{d}?>"));
        }
        self.before.iter().for_each(|c| c.write(&mut out));
        self.root.write(&mut out);
        self.after.iter().for_each(|c| c.write(&mut out));
        out
    }
}

fn element(e: &BytesStart<'_>, at: usize) -> Result<Element, ModelError> {
    let wrong = |message: String| ModelError { at, message };
    let mut attributes = Vec::new();
    for a in e.attributes() {
        let a = a.map_err(|e| wrong(e.to_string()))?;
        let value = unescape(&a.value).map_err(|e| wrong(e.to_string()))?;
        attributes.push((a.key.as_ref().to_string(), value.into_owned()));
    }
    Ok(Element {
        name: e.name().as_ref().to_string(),
        attributes,
        children: Vec::new(),
        at,
    })
}
