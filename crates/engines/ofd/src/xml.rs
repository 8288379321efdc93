//! XML of this format: written as text, read into a small tree without document types, entities and other namespaces.

use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::error::within;
use crate::{Error, Limits, NAMESPACE};

/// The draft's namespace, still met in files of the years around the standard.
const DRAFT: &str = "http://www.ofdspec.org";
/// No element of the standard has half as many; the library's check for doubles is quadratic.
const ATTRIBUTES: usize = 64;

/// An element by its local name.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub name: String,
    attributes: Vec<(String, String)>,
    pub children: Vec<Node>,
    pub text: String,
}

impl Node {
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|c| c.name == name)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The trimmed text of a child; empty without one.
    pub fn word(&self, name: &str) -> &str {
        self.child(name).map_or("", |c| c.text.trim())
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Numbers between white space (ST_Array); what is none ends the list.
pub(crate) fn numbers(text: &str) -> impl Iterator<Item = f64> {
    text.split_ascii_whitespace()
        .map_while(|word| word.parse().ok().filter(|n: &f64| n.is_finite()))
}

/// Reads a part whose root is `root`.
///
/// # Errors
/// [`Error::Xml`], [`Error::Entities`], [`Error::Limit`].
pub(crate) fn parse(path: &str, bytes: &[u8], root: &str, limits: &Limits) -> Result<Node, Error> {
    let wrong = |why: String| Error::Xml {
        path: path.into(),
        why,
    };
    within("bytes of an XML part", bytes.len(), limits.xml)?;
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("not UTF-8".into()))?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    // The last of the open elements; below them a place for the root.
    let mut open = vec![(Node::default(), true)];
    let mut count = 0;
    loop {
        let (space, event) = reader.read_resolved_event().map_err(|e| wrong(e.to_string()))?;
        let ours = matches!(space, ResolveResult::Bound(ns) if [NAMESPACE, DRAFT].contains(&ns.0));
        let (closed, ours) = match event {
            Event::Start(e) => {
                count += 1;
                within("elements of an XML part", count, limits.elements)?;
                within("depth of an XML part", open.len(), limits.depth)?;
                open.push((node(&e).map_err(wrong)?, ours));
                continue;
            }
            Event::Empty(e) => {
                count += 1;
                within("elements of an XML part", count, limits.elements)?;
                (node(&e).map_err(wrong)?, ours)
            }
            Event::End(_) => match open.pop() {
                Some(top) if !open.is_empty() => top,
                _ => return Err(wrong("an end without a start".into())),
            },
            Event::Text(text) => {
                append(&mut open, &text);
                continue;
            }
            Event::CData(text) => {
                append(&mut open, &text);
                continue;
            }
            Event::GeneralRef(reference) => {
                // Only the five of XML itself and characters by number: there is no document type.
                let value = unescape(&format!("&{};", &*reference))
                    .map_err(|_| Error::Entities(path.into()))?
                    .into_owned();
                append(&mut open, &value);
                continue;
            }
            Event::DocType(_) => return Err(Error::Entities(path.into())),
            Event::Decl(declaration) => {
                let encoding = declaration
                    .encoding()
                    .transpose()
                    .map_err(|e| wrong(e.to_string()))?;
                if encoding.is_some_and(|e| !e.eq_ignore_ascii_case("utf-8")) {
                    return Err(wrong("its encoding is not UTF-8".into()));
                }
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        // What other namespaces say is for other programs.
        if let (true, Some((parent, _))) = (ours, open.last_mut()) {
            parent.children.push(closed);
        }
    }
    let mut roots = match (open.len(), open.pop()) {
        (1, Some((top, _))) => top.children,
        _ => return Err(wrong("it ends too early".into())),
    };
    match (roots.pop(), roots.is_empty()) {
        (Some(node), true) if node.name == root => Ok(node),
        _ => Err(wrong(format!(
            "its root is not {root} of the standard's namespace"
        ))),
    }
}

fn append(open: &mut [(Node, bool)], text: &str) {
    if let Some((node, _)) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn node(start: &BytesStart<'_>) -> Result<Node, String> {
    let mut out = Node {
        name: start.local_name().as_ref().to_string(),
        ..Node::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        if out.attributes.len() == ATTRIBUTES {
            return Err(format!("{} has too many attributes", out.name));
        }
        let value = unescape(&attribute.value).map_err(|e| e.to_string())?;
        out.attributes
            .push((attribute.key.as_ref().to_string(), value.into_owned()));
    }
    Ok(out)
}

/// Where the first element `name` of the standard ends, and with which prefix: for adding to XML of others without changing the rest of it.
pub(crate) fn end_of(bytes: &[u8], name: &str) -> Option<(usize, String)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mark = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut reader = quick_xml::Reader::from_str(&text[mark..]);
    loop {
        let before = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::End(e) if e.local_name().as_ref() == name => {
                let prefix = e.name().prefix().map(|p| format!("{}:", p.as_ref()));
                return Some((mark + before, prefix.unwrap_or_default()));
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// A part being written.
pub(crate) struct Out {
    text: String,
    open: Vec<&'static str>,
}

impl Out {
    /// Starts a part with its root element.
    pub fn new(root: &'static str, attributes: &[(&str, &str)]) -> Self {
        let mut out = Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".into(),
            open: Vec::new(),
        };
        let mut all = vec![("xmlns:ofd", NAMESPACE)];
        all.extend_from_slice(attributes);
        out.start(root, &all);
        out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push_str("<ofd:");
        self.text.push_str(name);
        for (key, value) in attributes {
            self.text.push(' ');
            self.text.push_str(key);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
    }

    pub fn start(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.text.push('>');
        self.open.push(name);
    }

    /// Ends the element started last.
    pub fn end(&mut self) {
        if let Some(name) = self.open.pop() {
            self.text.push_str("</ofd:");
            self.text.push_str(name);
            self.text.push('>');
        }
    }

    pub fn empty(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes);
        self.text.push_str("/>");
    }

    /// An element that holds a text.
    pub fn leaf(&mut self, name: &'static str, attributes: &[(&str, &str)], text: &str) {
        self.start(name, attributes);
        escape(&mut self.text, text);
        self.end();
    }

    /// Ends what is open; the part.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.end();
        }
        self.text.into_bytes()
    }
}

/// XML 1.0 has no way to say some characters; they become U+FFFD, so that counts stay right.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Parsers turn these into spaces in attributes, or into each other.
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// With up to `digits` decimals, none of them a trailing zero.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Node, Error> {
        parse("a.xml", text.as_bytes(), "A", &Limits::default())
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Out::new("A", &[("Title", "a\"<&>\n'字")]);
        out.leaf("B", &[], " 一\r二 \u{1} & ");
        out.empty("C", &[]);
        let node = parse("a.xml", &out.finish(), "A", &Limits::default()).unwrap();
        assert_eq!(node.attribute("Title"), Some("a\"<&>\n'字"));
        assert_eq!(node.child("B").unwrap().text, " 一\r二 \u{fffd} & ");
        assert_eq!(node.word("C"), "");
    }

    #[test]
    fn no_document_types_no_entities_no_other_namespaces() {
        let why = |text: &str| match parsed(text) {
            Err(Error::Xml { why, .. }) => why,
            Err(Error::Entities(_)) => "entities".into(),
            other => panic!("{text}: {other:?}"),
        };
        let ns = format!("xmlns=\"{NAMESPACE}\"");
        assert!(why(&format!("<!DOCTYPE A [<!ENTITY x \"y\">]><A {ns}/>")).contains("entities"));
        assert_eq!(why(&format!("<A {ns}>&x;</A>")), "entities");
        why(&format!("<A {ns} B=\"&x;\"/>"));
        assert!(why("<A/>").contains("root"));
        assert!(why(&format!("<A {ns}/><A {ns}/>")).contains("root"));
        why(&format!("<A {ns}>"));
        why(&format!("<A {ns}></B>"));
        why("");
        why(&format!("<?xml version=\"1.0\" encoding=\"GBK\"?><A {ns}/>"));
        let many = (0..65).fold(String::new(), |s, i| format!("{s} a{i}=\"\""));
        assert!(why(&format!("<A {ns}{many}/>")).contains("attributes"));
        let node = parsed(&format!("<A {ns}><x:B xmlns:x=\"urn:x\"><C {ns}/></x:B><D/></A>")).unwrap();
        assert_eq!(node.children.len(), 1, "{node:?}");
        let deep = format!("<A {ns}>{}{}</A>", "<A>".repeat(70), "</A>".repeat(70));
        assert!(matches!(parsed(&deep), Err(Error::Limit { .. })));
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-0.00001, "0"),
            (210.0, "210"),
            (1.5, "1.5"),
            (-0.25, "-0.25"),
            (100.0, "100"),
        ] {
            assert_eq!(number(value, 3), text);
        }
        assert_eq!(numbers(" 1 2.5\n-3 x 4").collect::<Vec<_>>(), [1.0, 2.5, -3.0]);
    }
}
