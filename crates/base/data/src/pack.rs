//! The section of the city pack: `elements.toml` and `sources/collection.toml` with the CSV files beside it.

use crate::library::model::{Check, Element, KeyKind, Rule, Severity, Source, header};
use crate::library::service;
use kernel::module::{JobFuture, boxed};
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use toml::Spanned;

const ELEMENTS: &str = "elements.toml";
const SOURCES: &str = "sources/collection.toml";
const TYPES: &[&str] = &[
    "string",
    "citizen-id",
    "credit-code",
    "date",
    "phone",
    "enum",
    "number",
    "integer",
];
const GRADES: &[&str] = &["L1", "L2", "L3", "L4"];
const LIBRARIES: &[&str] = &["population", "legal-person"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ElementFile {
    #[serde(default)]
    element: Vec<ElementRow>,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ElementRow {
    id: Spanned<String>,
    name: String,
    #[serde(default)]
    name_en: String,
    r#type: Spanned<String>,
    grade: Spanned<String>,
    source: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    #[serde(default)]
    source: Vec<SourceRow>,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow {
    id: Spanned<String>,
    file: Spanned<String>,
    library: Spanned<String>,
    name: String,
    #[serde(default)]
    name_en: String,
    authority: String,
    key: Spanned<String>,
    key_kind: Spanned<String>,
    as_of: Spanned<String>,
    #[serde(default)]
    rule: Vec<RuleRow>,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    column: Spanned<String>,
    element: Spanned<String>,
    rule: Spanned<String>,
    severity: Spanned<String>,
}

/// A source with its file, as the pack brings them.
pub(crate) struct Supplied {
    pub source: Source,
    /// Where the file lies, for collecting it again later.
    pub location: PathBuf,
    pub bytes: Vec<u8>,
}

/// What the pack says, and what is wrong with it.
#[derive(Default)]
pub(crate) struct Contents {
    pub elements: Vec<Element>,
    pub sources: Vec<Supplied>,
    wrong: Vec<PackError>,
}

/// One file of the section and its complaints, each at a line.
struct Lines<'a> {
    pack: &'a Pack,
    file: &'static str,
    text: String,
    wrong: Vec<PackError>,
}
impl<'a> Lines<'a> {
    fn new(pack: &'a Pack, file: &'static str) -> Result<Lines<'a>, PackError> {
        Ok(Lines {
            pack,
            file,
            text: pack.text(file)?,
            wrong: Vec::new(),
        })
    }
    fn complain(&mut self, at: &Spanned<String>, message: impl Into<String>) {
        let before = self.text.as_bytes().iter().take(at.span().start);
        let line = before.filter(|b| **b == b'\n').count() + 1;
        self.wrong.push(self.pack.wrong(self.file, line, message));
    }
    fn known(&mut self, value: &Spanned<String>, what: &str, among: &[&str]) {
        if !among.contains(&value.get_ref().as_str()) {
            self.complain(
                value,
                format!(
                    "unknown {what} `{}`; one of: {}",
                    value.get_ref(),
                    among.join(", ")
                ),
            );
        }
    }
    /// An id stands in addresses and keys.
    fn id(&mut self, id: &Spanned<String>, seen: &mut BTreeSet<String>) {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.get_ref().is_empty() || !id.get_ref().chars().all(fine) {
            self.complain(
                id,
                format!("id `{}`: only a–z, 0–9 and - may stand in it", id.get_ref()),
            );
        }
        if !seen.insert(id.get_ref().clone()) {
            self.complain(id, format!("id `{}` stands twice", id.get_ref()));
        }
    }
}

/// Reads the section; a pack without these files has no elements and no sources.
pub(crate) fn read(pack: &Pack) -> Contents {
    let mut out = Contents::default();
    if let Err(e) = elements(pack, &mut out) {
        out.wrong.push(e);
    }
    if let Err(e) = sources(pack, &mut out) {
        out.wrong.push(e);
    }
    out
}

/// The section, or the first thing wrong with it.
pub(crate) fn sound(pack: &Pack) -> Result<Contents, PackError> {
    let mut contents = read(pack);
    match contents.wrong.is_empty() {
        true => Ok(contents),
        false => Err(contents.wrong.swap_remove(0)),
    }
}

fn elements(pack: &Pack, out: &mut Contents) -> Result<(), PackError> {
    if pack.file(ELEMENTS).is_none() {
        return Ok(());
    }
    let file: ElementFile = pack.toml(ELEMENTS)?;
    let mut lines = Lines::new(pack, ELEMENTS)?;
    let mut seen = BTreeSet::new();
    for row in file.element {
        lines.id(&row.id, &mut seen);
        lines.known(&row.r#type, "type", TYPES);
        lines.known(&row.grade, "grade", GRADES);
        if row.r#type.get_ref() == "enum" && row.values.is_empty() {
            lines.complain(
                &row.id,
                format!("element `{}` is an enum without values", row.id.get_ref()),
            );
        }
        out.elements.push(Element {
            id: row.id.into_inner(),
            name: row.name,
            name_en: row.name_en,
            kind: row.r#type.into_inner(),
            grade: row.grade.into_inner(),
            standard: row.source,
            values: row.values,
        });
    }
    out.wrong.append(&mut lines.wrong);
    Ok(())
}

fn sources(pack: &Pack, out: &mut Contents) -> Result<(), PackError> {
    if pack.file(SOURCES).is_none() {
        return Ok(());
    }
    let file: SourceFile = pack.toml(SOURCES)?;
    let mut lines = Lines::new(pack, SOURCES)?;
    let elements: BTreeMap<String, Vec<String>> = out
        .elements
        .iter()
        .map(|e| (e.id.clone(), e.values.clone()))
        .collect();
    let mut seen = BTreeSet::new();
    let mut authorities: Vec<String> = Vec::new();
    let mut order = Vec::new();
    for row in file.source {
        lines.id(&row.id, &mut seen);
        lines.known(&row.library, "library", LIBRARIES);
        if !authorities.contains(&row.authority) {
            authorities.push(row.authority.clone());
        }
        let rank = authorities.iter().position(|a| *a == row.authority);
        if let Some(supplied) = source(pack, &mut lines, row, &elements) {
            order.push((rank, supplied));
        }
    }
    // Stable: sources of one authority keep the order of the file.
    order.sort_by_key(|(rank, _)| *rank);
    out.sources = order.into_iter().map(|(_, s)| s).collect();
    out.wrong.append(&mut lines.wrong);
    Ok(())
}

/// One source; `None` when it cannot be used, which was complained of.
fn source(
    pack: &Pack,
    lines: &mut Lines<'_>,
    row: SourceRow,
    elements: &BTreeMap<String, Vec<String>>,
) -> Option<Supplied> {
    lines.known(&row.key_kind, "key_kind", KeyKind::NAMES);
    let key_kind = KeyKind::parse(row.key_kind.get_ref())?;
    let Some(found) = pack.file(&format!("sources/{}", row.file.get_ref())) else {
        lines.complain(
            &row.file,
            format!(
                "file `{}` is not in the pack's folder sources/",
                row.file.get_ref()
            ),
        );
        return None;
    };
    let columns = header(&found.bytes);
    let mut rules: Vec<Rule> = Vec::new();
    let need = |lines: &mut Lines<'_>, column: &Spanned<String>| {
        if !columns.contains(column.get_ref()) {
            let message = format!("{} has no column `{}`", row.file.get_ref(), column.get_ref());
            lines.complain(column, message);
        }
    };
    need(lines, &row.key);
    need(lines, &row.as_of);
    for r in row.rule {
        need(lines, &r.column);
        lines.known(&r.rule, "rule", Check::NAMES);
        lines.known(&r.severity, "severity", Severity::NAMES);
        let (element, column) = (r.element.get_ref(), r.column.get_ref());
        let Some(values) = elements.get(element) else {
            lines.complain(
                &r.element,
                format!("unknown element `{element}`; it must stand in {ELEMENTS}"),
            );
            continue;
        };
        if rules.iter().any(|x| x.element == *element && x.column != *column) {
            lines.complain(
                &r.element,
                format!("element `{element}` comes from two columns of one source"),
            );
        }
        let (Some(check), Some(severity)) = (
            Check::parse(r.rule.get_ref()),
            Severity::parse(r.severity.get_ref()),
        ) else {
            continue;
        };
        if check == Check::Enum && values.is_empty() {
            lines.complain(
                &r.element,
                format!("element `{element}` has no values to check against"),
            );
        }
        rules.push(Rule {
            column: r.column.into_inner(),
            element: r.element.into_inner(),
            check,
            severity,
            values: if check == Check::Enum {
                values.clone()
            } else {
                Vec::new()
            },
        });
    }
    if !rules.iter().any(|r| r.element == key_kind.name_element()) {
        let message = format!(
            "no rule brings element `{}`; nobody is known without a name",
            key_kind.name_element()
        );
        lines.complain(&row.id, message);
    }
    Some(Supplied {
        location: std::fs::canonicalize(&found.path).unwrap_or_else(|_| found.path.clone()),
        bytes: found.bytes.clone(),
        source: Source {
            id: row.id.into_inner(),
            file: row.file.into_inner(),
            library: row.library.into_inner(),
            name: row.name,
            name_en: row.name_en,
            authority: row.authority,
            key: row.key.into_inner(),
            key_kind,
            as_of: row.as_of.into_inner(),
            rules,
        },
    })
}

/// The section's loader: elements and sources. Files are collected by [`service::collect_all`].
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    boxed(async move { service::save(&ctx, &sound(&pack)?).await })
}

/// Everything wrong in the section's files.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    read(pack).wrong.iter().map(PackError::to_string).collect()
}
