//! What a package holds and what its signatures cover. Nothing here trusts the package.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::error::within;
use crate::package::{folder, resolve};
use crate::xml::{Node, numbers, parse};
use crate::{Error, Limits, Matrix, Package, Rect, SM3, sm3};

/// What a package says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub id: String,
    pub title: String,
    pub creator: String,
    pub created: String,
    pub pages: Vec<PageReport>,
    /// Name for people and path of every attachment.
    pub attachments: Vec<(String, String)>,
    /// In the order of their list, which is the order of signing.
    pub signatures: Vec<Signature>,
    /// Every file of the package.
    pub files: Vec<String>,
    /// How many earlier versions (clause 19) the package says it holds. The pages are those of DocRoot.
    pub versions: usize,
}

impl Report {
    /// The text of all pages, a line a line, with an empty line between pages.
    pub fn text(&self) -> String {
        let pages: Vec<String> = self.pages.iter().map(PageReport::text).collect();
        pages.join("\n\n")
    }
}

/// A page and its texts: those of its template and its own, in the order of drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct PageReport {
    pub id: String,
    pub path: String,
    /// In millimetres.
    pub width: f64,
    pub height: f64,
    pub runs: Vec<Run>,
}

impl PageReport {
    /// Runs on one line are joined, with a space where there is a gap of more than half an em.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut last: Option<&Run> = None;
        for run in &self.runs {
            if let Some(last) = last {
                let gap = run.x - (last.x + last.width);
                let size = run.size.max(last.size);
                if (run.y - last.y).abs() > 0.4 * size || gap < -size {
                    out.push('\n');
                } else if gap > 0.5 * size {
                    out.push(' ');
                }
            }
            out.push_str(&run.text);
            last = Some(run);
        }
        out
    }
}

/// A run of text (TextCode, 11.3), on the page in millimetres. Control characters are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub text: String,
    pub x: f64,
    /// The baseline.
    pub y: f64,
    /// From its advances; without them, a guess.
    pub width: f64,
    pub size: f64,
    /// Where each character of the text begins, on the page.
    pub origins: Vec<[f32; 2]>,
    /// From the beginning of the last character to its end.
    pub last: [f32; 2],
}

/// A signature, so far as it can be judged without cryptography. It is worth something only if the caller verifies
/// `signed_value` over `xml` and with it the seal.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    pub id: String,
    /// `Seal` or `Sign`.
    pub kind: String,
    /// Signature.xml; with a slash before it, what `propertyInfo` must say.
    pub path: String,
    pub xml: Vec<u8>,
    pub provider: String,
    pub method: String,
    pub check_method: String,
    pub time: String,
    pub signed_value: Option<Vec<u8>>,
    /// Seal.esl. The seal that counts is the one inside the signed value: compare.
    pub seal: Option<Vec<u8>>,
    pub references: Vec<Reference>,
    /// Files that have no matching reference although they are the document's: everything except the list of
    /// signatures, this signature's description and value, and what later signatures added.
    pub uncovered: Vec<String>,
    pub stamps: Vec<StampReport>,
}

impl Signature {
    /// Every reference matches and every file is covered.
    pub fn whole(&self) -> bool {
        self.uncovered.is_empty() && self.references.iter().all(|r| r.state == State::Matches)
    }

    /// The references in a state.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &str> {
        self.references
            .iter()
            .filter(move |r| r.state == state)
            .map(|r| r.path.as_str())
    }
}

/// A file that a signature says it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Without a leading slash; as written where it leads outside.
    pub path: String,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Matches,
    /// The file is another one than was signed.
    Differs,
    /// The file is gone.
    Missing,
    /// By a digest this program does not know, or none at all.
    Unchecked,
}

/// Where a seal shows (StampAnnot, 18.2.3).
#[derive(Debug, Clone, PartialEq)]
pub struct StampReport {
    /// From 0; `None` when it names a page that is not there.
    pub page: Option<usize>,
    pub boundary: Rect,
    pub clip: Option<Rect>,
}

/// Reads a package.
///
/// # Errors
/// As [`Package::open`]; [`Error::Xml`], [`Error::Missing`], [`Error::Structure`] for a broken document;
/// [`Error::Unsupported`] for more than one document in a package.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Report, Error> {
    let package = Package::open(bytes, limits)?;
    let reader = Reader {
        package: &package,
        limits,
    };
    reader.report()
}

struct Reader<'a> {
    package: &'a Package,
    limits: &'a Limits,
}

impl Reader<'_> {
    fn part(&self, path: &str, root: &str) -> Result<Node, Error> {
        parse(path, self.package.get(path)?, root, self.limits)
    }

    fn report(&self) -> Result<Report, Error> {
        let entry = self.part("OFD.xml", "OFD")?;
        let bodies: Vec<_> = entry.all("DocBody").collect();
        let body = match bodies.as_slice() {
            [one] => *one,
            [] => return Err(Error::structure("OFD.xml", "no DocBody")),
            // Programs would show one of them or the other, and each has its own signatures.
            _ => return Err(Error::Unsupported("several documents in one package")),
        };
        let to = |element: &str| resolve("OFD.xml", body.word(element));
        let root = to("DocRoot").ok_or_else(|| Error::structure("OFD.xml", "no DocRoot"))?;
        let document = self.part(&root, "Document")?;
        let pages = self.pages(&root, &document)?;
        let signatures = match (body.child("Signatures"), to("Signatures")) {
            (None, _) => Vec::new(),
            (Some(_), Some(path)) => self.signatures(&path, &pages)?,
            _ => return Err(Error::structure("OFD.xml", "Signatures leads nowhere")),
        };
        let info = body.child("DocInfo");
        let word = |name| info.map_or("", |i| i.word(name)).to_string();
        let versions = body.child("Versions").map_or(0, |v| v.all("Version").count());
        Ok(Report {
            id: word("DocID"),
            title: word("Title"),
            creator: word("Creator"),
            created: word("CreationDate"),
            attachments: self.attachments(&root, &document)?,
            pages,
            signatures,
            files: self.package.files.keys().cloned().collect(),
            versions,
        })
    }

    fn attachments(&self, root: &str, document: &Node) -> Result<Vec<(String, String)>, Error> {
        let Some(path) = resolve(root, document.word("Attachments")) else {
            return Ok(Vec::new());
        };
        let list = self.part(&path, "Attachments")?;
        list.all("Attachment")
            .map(|a| {
                let file = resolve(&path, a.word("FileLoc"));
                let file = file.ok_or_else(|| Error::structure(&path, "an attachment without a file"))?;
                Ok((a.attribute("Name").unwrap_or_default().to_string(), file))
            })
            .collect()
    }

    fn pages(&self, root: &str, document: &Node) -> Result<Vec<PageReport>, Error> {
        let common = document.child("CommonData");
        let area = |node: Option<&Node>, name: &str| {
            let found = node.and_then(|n| n.child(name)).map(|a| a.word("PhysicalBox"));
            found.and_then(rect)
        };
        let usual = area(common, "PageArea");
        let mut templates = HashMap::new();
        for template in common.into_iter().flat_map(|c| c.all("TemplatePage")) {
            let id = template.attribute("ID").unwrap_or_default();
            let path = template.attribute("BaseLoc").and_then(|p| resolve(root, p));
            let path = path.ok_or_else(|| Error::structure(root, "a template without a place"))?;
            within("pages", templates.len() + 1, self.limits.pages)?;
            // A template that no page uses may be missing; read once, however many pages use it.
            if let Ok(page) = self.part(&path, "Page") {
                templates.insert(id.to_string(), (area(Some(&page), "Area"), runs(&page)));
            }
        }
        let mut out = Vec::new();
        let (mut seen, mut budget) = (BTreeSet::new(), 0);
        let list = document.child("Pages");
        for entry in list.into_iter().flat_map(|p| p.all("Page")) {
            within("pages", out.len() + 1, self.limits.pages)?;
            let id = entry.attribute("ID").unwrap_or_default().to_string();
            let path = entry.attribute("BaseLoc").and_then(|p| resolve(root, p));
            let path = path.ok_or_else(|| Error::structure(root, "a page without a place"))?;
            if !seen.insert(path.clone()) {
                return Err(Error::structure(root, "two pages of one content"));
            }
            let page = self.part(&path, "Page")?;
            let (mut under, mut over, mut size) = (Vec::new(), Vec::new(), area(Some(&page), "Area"));
            for used in page.all("Template") {
                let id = used.attribute("TemplateID").unwrap_or_default();
                let Some((box_, runs)) = templates.get(id) else {
                    return Err(Error::structure(&path, "a template that is not there"));
                };
                let side = match used.attribute("ZOrder") {
                    Some("Foreground") => &mut over,
                    _ => &mut under,
                };
                budget += weight(runs);
                within("bytes of text", budget, self.limits.text)?;
                side.extend_from_slice(runs);
                size = size.or(*box_);
            }
            let own = runs(&page);
            budget += weight(&own);
            within("bytes of text", budget, self.limits.text)?;
            let size = size.or(usual);
            let size = size.ok_or_else(|| Error::structure(&path, "a page without a size"))?;
            out.push(PageReport {
                id,
                path,
                width: size.width,
                height: size.height,
                runs: [under, own, over].concat(),
            });
        }
        if out.is_empty() {
            return Err(Error::structure(root, "no pages"));
        }
        Ok(out)
    }

    fn signatures(&self, path: &str, pages: &[PageReport]) -> Result<Vec<Signature>, Error> {
        let list = self.part(path, "Signatures")?;
        let mut out = Vec::new();
        let mut parts = Vec::new();
        let mut seen = BTreeSet::new();
        let mut digests = Digests::default();
        for entry in list.all("Signature") {
            within("signatures", out.len() + 1, self.limits.signatures)?;
            let file = entry.attribute("BaseLoc").and_then(|p| resolve(path, p));
            let file = file.ok_or_else(|| Error::structure(path, "a signature without a place"))?;
            if !seen.insert(file.clone()) {
                return Err(Error::structure(path, "one signature twice"));
            }
            let (signature, own) = self.signature(entry, &file, pages, &mut digests)?;
            out.push(signature);
            parts.push(own);
        }
        // From the last to the first: what later signatures added.
        let mut later = BTreeSet::new();
        for (signature, own) in out.iter_mut().zip(&parts).rev() {
            let covered = covered(&signature.references);
            let free = |file: &str| {
                file == path
                    || file == signature.path
                    || Some(file) == own.value.as_deref()
                    || later.contains(file)
            };
            let files = self.package.files.keys().map(String::as_str);
            signature.uncovered = files
                .filter(|f| !covered.contains(f) && !free(f))
                .map(String::from)
                .collect();
            // Only what lies in the signature's own folder below the list: a page cannot pass as a later seal.
            let home = folder(&signature.path);
            if home.len() > folder(path).len() && home.starts_with(folder(path)) {
                let named = [Some(&signature.path), own.value.as_ref(), own.seal.as_ref()];
                let named = named.into_iter().flatten().filter(|f| folder(f) == home);
                later.extend(named.cloned());
            }
        }
        Ok(out)
    }

    fn signature(
        &self,
        entry: &Node,
        path: &str,
        pages: &[PageReport],
        digests: &mut Digests,
    ) -> Result<(Signature, Parts), Error> {
        let node = self.part(path, "Signature")?;
        let info = node.child("SignedInfo");
        let info = info.ok_or_else(|| Error::structure(path, "no SignedInfo"))?;
        let list = info.child("References");
        let list = list.ok_or_else(|| Error::structure(path, "no References"))?;
        let check_method = list.attribute("CheckMethod").unwrap_or_default().to_string();
        let digest = Method::of(&check_method);
        let references = list.all("Reference").map(|reference| {
            let written = reference.attribute("FileRef").unwrap_or_default();
            let Some(file) = resolve(path, written) else {
                return Reference {
                    path: written.into(),
                    state: State::Missing,
                };
            };
            let wanted = STANDARD.decode(reference.word("CheckValue")).unwrap_or_default();
            let state = match (self.package.files.get(&file), digest) {
                (None, _) => State::Missing,
                (_, None) => State::Unchecked,
                (Some(bytes), Some(method)) if digests.of(method, &file, bytes) == wanted => State::Matches,
                _ => State::Differs,
            };
            Reference { path: file, state }
        });
        let references = references.collect();
        let parts = Parts {
            value: resolve(path, node.word("SignedValue")),
            seal: info.child("Seal").and_then(|s| resolve(path, s.word("BaseLoc"))),
        };
        let stamps = info.all("StampAnnot").map(|stamp| {
            let page = stamp.attribute("PageRef");
            StampReport {
                page: page.and_then(|id| pages.iter().position(|p| p.id == id)),
                boundary: stamp.attribute("Boundary").and_then(rect).unwrap_or_default(),
                clip: stamp.attribute("Clip").and_then(rect),
            }
        });
        let bytes = |file: &Option<String>| file.as_ref().and_then(|f| self.package.files.get(f)).cloned();
        let signature = Signature {
            id: entry.attribute("ID").unwrap_or_default().into(),
            // A seal unless it says otherwise (18.1).
            kind: entry.attribute("Type").unwrap_or("Seal").into(),
            path: path.into(),
            xml: self.package.get(path)?.to_vec(),
            provider: info
                .child("Provider")
                .and_then(|p| p.attribute("ProviderName"))
                .unwrap_or_default()
                .into(),
            method: info.word("SignatureMethod").into(),
            check_method,
            time: info.word("SignatureDateTime").into(),
            signed_value: bytes(&parts.value),
            seal: bytes(&parts.seal),
            references,
            uncovered: Vec::new(),
            stamps: stamps.collect(),
        };
        Ok((signature, parts))
    }
}

/// Files beside a signature's description.
struct Parts {
    value: Option<String>,
    seal: Option<String>,
}

/// Files with a reference that matches, and none that does not.
fn covered(references: &[Reference]) -> BTreeSet<&str> {
    let sorted = |matching: bool| {
        references
            .iter()
            .filter(move |r| (r.state == State::Matches) == matching)
            .map(|r| r.path.as_str())
    };
    let mut out: BTreeSet<&str> = sorted(true).collect();
    for path in sorted(false) {
        out.remove(path);
    }
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Method {
    Sm3,
    Sha256,
}

impl Method {
    /// By identifier or by name: both are met. `.1` is SM3 without a key; `.2`, with one, cannot be checked.
    fn of(name: &str) -> Option<Self> {
        if name == SM3 || name.strip_suffix(".1") == Some(SM3) || name.eq_ignore_ascii_case("sm3") {
            return Some(Self::Sm3);
        }
        let sha = ["2.16.840.1.101.3.4.2.1", "sha256", "sha-256"];
        sha.iter()
            .any(|n| name.eq_ignore_ascii_case(n))
            .then_some(Self::Sha256)
    }
}

/// Each file is digested once, however many signatures and references name it.
#[derive(Default)]
struct Digests(BTreeMap<(Method, String), Vec<u8>>);

impl Digests {
    fn of(&mut self, method: Method, path: &str, bytes: &[u8]) -> &[u8] {
        self.0
            .entry((method, path.to_string()))
            .or_insert_with(|| match method {
                Method::Sm3 => sm3(bytes).to_vec(),
                Method::Sha256 => Sha256::digest(bytes).to_vec(),
            })
    }
}

fn rect(text: &str) -> Option<Rect> {
    match numbers(text).take(4).collect::<Vec<_>>().as_slice() {
        &[x, y, width, height] => Some(Rect { x, y, width, height }),
        _ => None,
    }
}

fn weight(runs: &[Run]) -> usize {
    let one = |r: &Run| r.text.len() + r.origins.len() * size_of::<[f32; 2]>() + size_of::<Run>();
    runs.iter().map(one).sum()
}

/// The texts below a page's layers and blocks.
fn runs(page: &Node) -> Vec<Run> {
    let mut out = Vec::new();
    let content = page.child("Content");
    for layer in content.into_iter().flat_map(|c| c.all("Layer")) {
        block(layer, &mut out);
    }
    out
}

fn block(node: &Node, out: &mut Vec<Run>) {
    for child in &node.children {
        match child.name.as_str() {
            "PageBlock" => block(child, out),
            "TextObject" => text(child, out),
            _ => {}
        }
    }
}

fn text(object: &Node, out: &mut Vec<Run>) {
    let number = |node: &Node, key| node.attribute(key).and_then(|v| numbers(v).next());
    let bounds = object.attribute("Boundary").and_then(rect).unwrap_or_default();
    let matrix = match object
        .attribute("CTM")
        .map(|m| numbers(m).take(6).collect::<Vec<_>>())
    {
        Some(n) if n.len() == 6 => Matrix([n[0], n[1], n[2], n[3], n[4], n[5]]),
        _ => Matrix::IDENTITY,
    };
    let size = number(object, "Size").unwrap_or(0.0);
    let [a, b, c, d, _, _] = matrix.0;
    let (across, down) = (a.hypot(b), c.hypot(d));
    // What a TextCode does not say holds on from the one before (11.3).
    let (mut x, mut y) = (0.0, 0.0);
    for code in object.all("TextCode") {
        x = number(code, "X").unwrap_or(x);
        y = number(code, "Y").unwrap_or(y);
        let text: String = code.text.chars().filter(|c| !c.is_control()).collect();
        if text.is_empty() {
            continue;
        }
        let count = code.text.chars().count();
        let guess = |c: char| if c.is_ascii() { size / 2.0 } else { size };
        let across_by = code.attribute("DeltaX").map(|d| deltas(d, count - 1));
        let down_by = code.attribute("DeltaY").map(|d| deltas(d, count - 1));
        let end = text.chars().last().map_or(0.0, guess);
        let width = match &across_by {
            Some(steps) => steps.iter().sum::<f64>() + end,
            None => text.chars().map(guess).sum(),
        };
        // A column of characters is set by DeltaY alone (11.3).
        let (mut pen, mut origins) = ((x, y), Vec::new());
        for (n, c) in code.text.chars().enumerate() {
            let (px, py) = matrix.apply(pen);
            if !c.is_control() {
                origins.push([(px + bounds.x) as f32, (py + bounds.y) as f32]);
            }
            let step = |steps: &Option<Vec<f64>>| steps.as_ref().map(|s| s.get(n).copied().unwrap_or(0.0));
            let usual = if down_by.is_some() { 0.0 } else { guess(c) };
            pen.0 += step(&across_by).unwrap_or(usual);
            pen.1 += step(&down_by).unwrap_or(0.0);
        }
        let at = matrix.apply((x, y));
        out.push(Run {
            text,
            x: at.0 + bounds.x,
            y: at.1 + bounds.y,
            width: width * across,
            size: size * down,
            origins,
            last: [(a * end) as f32, (b * end) as f32],
        });
    }
}

/// Up to `count` advances; `g n v` is n times v (11.3). Those that are not said are nought.
fn deltas(text: &str, count: usize) -> Vec<f64> {
    let mut words = text.split_ascii_whitespace();
    let (mut steps, mut left) = (Vec::new(), count);
    while left > 0 {
        let (times, value) = match words.next() {
            Some("g") => (
                words.next().and_then(|n| n.parse().ok()).unwrap_or(0),
                words.next(),
            ),
            other => (1, other),
        };
        let Some(value) = value
            .and_then(|v| v.parse::<f64>().ok())
            .filter(|v| v.is_finite())
        else {
            break;
        };
        let times: usize = left.min(times);
        steps.extend(std::iter::repeat_n(value, times));
        left -= times;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advances_are_added_up() {
        for (text, count, sum) in [
            ("1 2 3", 3, 6.0),
            ("1 2 3", 2, 3.0),
            ("g 3 2 1", 4, 7.0),
            ("g 99999999999999 2", 5, 10.0),
            ("g x 2 1", 2, 1.0),
            ("g 0 2 1", 1, 1.0),
            ("NaN", 1, 0.0),
            ("", 1, 0.0),
            ("g", 1, 0.0),
        ] {
            assert_eq!(deltas(text, count).iter().sum::<f64>(), sum, "{text}");
        }
    }

    #[test]
    fn a_file_with_one_wrong_reference_is_not_covered() {
        let reference = |path: &str, state| Reference {
            path: path.into(),
            state,
        };
        let list = [
            reference("a", State::Matches),
            reference("a", State::Differs),
            reference("b", State::Matches),
            reference("c", State::Unchecked),
        ];
        assert_eq!(covered(&list).into_iter().collect::<Vec<_>>(), ["b"]);
    }
}
