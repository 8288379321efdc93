//! What was appended to a signed file, told from what the signature covers.
//!
//! Both revisions are parsed and compared object by object. Objects the signed revision has must stay, but for the few
//! places to which a further signature or validation data is attached; objects it has not may only hang from those
//! places. What a viewer would have to be persuaded to show (hidden, replaced and overlaid content, "shadow attacks")
//! therefore comes up as a change of something that was signed.

use std::collections::{BTreeMap, BTreeSet};

use lopdf::xref::XrefEntry;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use super::range::Geometry;
use super::verify::Limits;

/// What an object is to the reader of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The document catalog.
    Catalog,
    /// A node of the page tree, which says which pages there are.
    PageTree,
    /// A page, from 1.
    Page(u32),
    /// What is drawn on a page, from 1.
    Contents(u32),
    /// A font, picture or other part of what is shown.
    Resource,
    /// A note, link or field on a page, from 1.
    Annotation(u32),
    /// The form: its list of fields and its settings.
    Form,
    /// A field of the form, with its value.
    Field,
    /// Certificates and revocation data for verifying later (DSS).
    ValidationData,
    /// The document's metadata or information dictionary.
    Metadata,
    /// Nothing the signed revision shows.
    Hidden,
}

/// Something done to a file after it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A further signature or document time-stamp; permitted.
    Signature {
        /// Name of its field.
        field: String,
        /// Where the bytes it covers end; tells which one it is.
        end: usize,
        /// The page on which it shows, from 1.
        page: Option<u32>,
    },
    /// Validation data (DSS) was added; permitted.
    ValidationData,
    /// Another program, date of change or PDF version is noted, as writers of signatures do; permitted.
    Information,
    /// The metadata stream (XMP) was added or replaced. Nothing on the pages changes, but the title may; some writers of
    /// signatures do it, so it has a name of its own. Not permitted.
    Metadata,
    /// A further signature that shows on a page but is itself not intact and trusted: a picture laid over content.
    Overlay {
        /// The page, from 1.
        page: u32,
    },
    /// An object was replaced.
    Replaced {
        /// Its number.
        object: u32,
        /// What it was.
        role: Role,
        /// The entry that differs, where one dictionary replaced another.
        key: Option<String>,
    },
    /// An object was removed.
    Removed {
        /// Its number.
        object: u32,
        /// What it was.
        role: Role,
    },
    /// Something was added to a list of the signed revision that is no signature.
    Added {
        /// Number of what was added, 0 if it has none.
        object: u32,
        /// What it became.
        role: Role,
    },
    /// An object to which the signed revision refers without having it was supplied.
    Supplied {
        /// Its number.
        object: u32,
    },
    /// The file now starts from another catalog, has other information or is encrypted.
    Trailer {
        /// The entry of the trailer.
        key: String,
    },
    /// A cross-reference entry that does not point to the object it names.
    CrossReference {
        /// The object's number.
        object: u32,
    },
    /// Bytes no cross-reference accounts for, which a repairing viewer may show.
    Bytes {
        /// Where they start in the file.
        at: usize,
    },
    /// The revisions cannot be compared, and why.
    Unreadable(String),
}

impl Change {
    /// Whether a signature stays good in spite of it.
    pub fn permitted(&self) -> bool {
        matches!(
            self,
            Self::Signature { .. } | Self::ValidationData | Self::Information
        )
    }
}

/// How many appended revisions are told apart.
const MAX_REVISIONS: usize = 32;

/// Reads a revision as written, within limits.
fn load(pdf: &[u8], limits: &Limits) -> Result<Document, String> {
    let count = |needle: &[u8]| {
        pdf.windows(needle.len())
            .filter(|window| *window == needle)
            .count()
    };
    if count(b" obj") > limits.objects {
        return Err("too many objects".into());
    }
    // The bound is for all streams that loading inflates together, and the reader takes one for each. A name with an
    // escape may be any name.
    let inflating = count(b"/ObjStm") + count(b"/XRef") + escaped_names(pdf);
    let options = LoadOptions {
        strict: true,
        max_decompressed_size: Some(limits.inflated / inflating.max(1)),
        ..LoadOptions::default()
    };
    let read = Document::load_mem_with_options(pdf, options).map_err(|e| reason(&e))?;
    if read.xref_recovery.is_some() || read.objects.len() > limits.objects {
        return Err("damaged cross-reference table or too many objects".into());
    }
    if read.is_encrypted() || read.was_encrypted() {
        return Err("encrypted".into());
    }
    Ok(read)
}

/// An error with what caused it: the cause tells a bomb from damage.
fn reason(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", reason(cause)),
        None => error.to_string(),
    }
}

fn escaped_names(pdf: &[u8]) -> usize {
    let escaped = |rest: &[u8]| {
        let plain = rest
            .iter()
            .take(8)
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        matches!(&rest[plain..], [b'#', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    };
    (0..pdf.len())
        .filter(|&at| pdf[at] == b'/' && escaped(&pdf[at + 1..]))
        .count()
}

/// The newest revision of a file, to which signed ones are compared.
pub(super) struct Newest<'a> {
    pdf: &'a [u8],
    limits: &'a Limits,
    document: Document,
    /// Where the revisions end that were appended to the oldest signed one.
    ends: Vec<usize>,
    /// Where the objects of all these revisions stand.
    known: BTreeSet<usize>,
}

impl<'a> Newest<'a> {
    /// Reads the file and the revisions appended to the one that ends at `oldest`, the first of `signed` ones.
    pub(super) fn open(
        pdf: &'a [u8],
        oldest: usize,
        signed: usize,
        limits: &'a Limits,
    ) -> Result<Self, String> {
        let (mut ends, mut from) = (Vec::new(), oldest);
        while let Some(at) = super::find(&pdf[from..], b"%%EOF") {
            from += at + 5;
            ends.push(from);
            if ends.len() > MAX_REVISIONS {
                return Err("too many revisions".into());
            }
        }
        // Each revision is read once for its table and each signed one once for its objects.
        if (1 + ends.len() + signed).saturating_mul(pdf.len()) > limits.read {
            return Err("too much to compare".into());
        }
        let document = load(pdf, limits)?;
        let mut known = BTreeSet::new();
        for &at in &ends {
            // An end mark inside a stream ends no revision; what a true one holds is then still unknown.
            if let Ok(read) = load(&pdf[..at], limits) {
                let places = read
                    .reference_table
                    .entries
                    .values()
                    .filter_map(|entry| match entry {
                        XrefEntry::Normal { offset, .. } => Some(*offset as usize),
                        _ => None,
                    });
                known.extend(places);
            }
        }
        Ok(Self {
            pdf,
            limits,
            document,
            ends,
            known,
        })
    }

    /// What changed since the revision that ends at `end`. `signatures` are the sound byte ranges of the file.
    pub(super) fn since(&self, end: usize, signatures: &[Geometry]) -> Vec<Change> {
        if !self.pdf[..end].trim_ascii_end().ends_with(b"%%EOF") {
            return vec![Change::Unreadable("signed bytes do not end a revision".into())];
        }
        let old = match load(&self.pdf[..end], self.limits) {
            Ok(old) => old,
            Err(problem) => return vec![Change::Unreadable(problem)],
        };
        let mut comparison = Comparison {
            roles: roles(&old),
            old: &old,
            new: &self.document,
            later: signatures.iter().copied().filter(|one| one.end > end).collect(),
            signed_fields: BTreeSet::new(),
            changes: Vec::new(),
        };
        comparison.run();
        let mut changes = comparison.changes;
        changes.extend(self.bytes_since(end));
        changes.extend(self.cross_references(&old));
        changes
    }

    /// Bytes behind `end` that belong to no object, table or trailer of any appended revision.
    fn bytes_since(&self, end: usize) -> Option<Change> {
        // What follows the last revision, or all if there is none.
        let rest = self.ends.last().copied().unwrap_or(end).max(end);
        if let Some(at) = self.pdf[rest..].iter().position(|b| !b.is_ascii_whitespace()) {
            return Some(Change::Bytes { at: rest + at });
        }
        let within = |word: &[u8]| super::find(&self.pdf[end..rest], word);
        if rest > end && within(b"startxref").is_none() {
            return Some(Change::Bytes { at: end });
        }
        // A second table beside the first: viewers differ in which of the two they follow.
        if let Some(at) = within(b"/XRefStm") {
            return Some(Change::Bytes { at: end + at });
        }
        headers(self.pdf, end)
            .find(|at| !self.known.contains(at))
            .map(|at| Change::Bytes { at })
    }

    /// Entries that differ from the signed revision's must point to an object of their number.
    fn cross_references(&self, old: &Document) -> Vec<Change> {
        let table = &self.document.reference_table.entries;
        let mut found = Vec::new();
        for (&number, entry) in table {
            let before = old.reference_table.entries.get(&number);
            let sound = match entry {
                XrefEntry::Normal { offset, generation } => {
                    let same = matches!(before, Some(XrefEntry::Normal { offset: o, generation: g })
                        if o == offset && g == generation);
                    let rest = self.pdf.get(*offset as usize..).unwrap_or_default();
                    same || names(rest, number, *generation)
                }
                XrefEntry::Compressed { .. } => self.document.objects.contains_key(&(number, 0)),
                XrefEntry::Free | XrefEntry::UnusableFree => true,
            };
            if !sound {
                found.push(Change::CrossReference { object: number });
            }
        }
        let unlisted = |id: &&ObjectId| !table.contains_key(&id.0) && !old.objects.contains_key(*id);
        let unlisted = self.document.objects.keys().filter(unlisted);
        found.extend(unlisted.map(|id| Change::CrossReference { object: id.0 }));
        found
    }
}

/// Whether `bytes` start with the header of this object.
fn names(bytes: &[u8], number: u32, generation: u16) -> bool {
    let line: Vec<&[u8]> = bytes[..bytes.len().min(32)]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .take(3)
        .collect();
    let [first, second, third] = line.as_slice() else {
        return false;
    };
    *first == number.to_string().as_bytes()
        && *second == generation.to_string().as_bytes()
        && third.starts_with(b"obj")
}

/// Where "number generation obj" stands behind `from`, also without the spaces that belong there.
fn headers(pdf: &[u8], from: usize) -> impl Iterator<Item = usize> + '_ {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let spaces = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let starts = move |at: &usize| {
        let inside = *at > from && pdf[*at - 1].is_ascii_digit();
        let line = &pdf[*at..pdf.len().min(*at + 48)];
        let first = digits(line);
        let gap = spaces(&line[first..]);
        let rest = &line[first + gap..];
        let second = digits(rest);
        let rest = &rest[second..];
        !inside && first > 0 && gap > 0 && second > 0 && rest[spaces(rest)..].starts_with(b"obj")
    };
    (from..pdf.len()).filter(starts)
}

/// All references inside an object.
fn references(object: &Object, into: &mut Vec<ObjectId>) {
    match object {
        Object::Reference(id) => into.push(*id),
        Object::Array(list) => list.iter().for_each(|one| references(one, into)),
        Object::Dictionary(held) => held.iter().for_each(|(_, one)| references(one, into)),
        Object::Stream(held) => held.dict.iter().for_each(|(_, one)| references(one, into)),
        _ => {}
    }
}

fn dictionary(object: &Object) -> Option<&Dictionary> {
    match object {
        Object::Dictionary(held) => Some(held),
        Object::Stream(held) => Some(&held.dict),
        _ => None,
    }
}

/// What an entry leads to, over one reference.
fn entry<'a>(document: &'a Document, holder: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let value = holder.get(key).ok()?;
    document.dereference(value).ok().map(|(_, value)| value)
}

fn list<'a>(document: &'a Document, holder: &'a Dictionary, key: &[u8]) -> &'a [Object] {
    entry(document, holder, key)
        .and_then(|value| value.as_array().ok())
        .map_or(&[], Vec::as_slice)
}

fn information(document: &Document) -> Option<&Dictionary> {
    entry(document, &document.trailer, b"Info").and_then(dictionary)
}

type Roles = BTreeMap<ObjectId, Role>;

/// Marks what hangs from `from` and has no role yet.
fn spread(document: &Document, roles: &mut Roles, from: &Object, role: Role) {
    let mut open = Vec::new();
    references(from, &mut open);
    while let Some(id) = open.pop() {
        if let Some(object) = document.objects.get(&id)
            && !roles.contains_key(&id)
        {
            roles.insert(id, role);
            references(object, &mut open);
        }
    }
}

/// What each object of a revision is.
fn roles(document: &Document) -> Roles {
    let mut roles = Roles::new();
    let trailer = &document.trailer;
    let root = trailer.get(b"Root").and_then(Object::as_reference).ok();
    let catalog = root.and_then(|id| document.get_dictionary(id).ok());
    let (Some(root), Some(catalog)) = (root, catalog) else {
        return roles;
    };
    roles.insert(root, Role::Catalog);
    let pages = mark_pages(document, catalog, &mut roles);
    if let Ok(form) = catalog.get(b"AcroForm") {
        mark_form(document, form, &mut roles);
    }
    for (number, id) in pages {
        let Ok(page) = document.get_dictionary(id) else {
            continue;
        };
        if let Ok(contents) = page.get(b"Contents") {
            mark_list(document, contents, Role::Contents(number), &mut roles);
        }
        if let Ok(annotations) = page.get(b"Annots") {
            mark_list(document, annotations, Role::Annotation(number), &mut roles);
        }
    }
    for (key, role) in [(&b"DSS"[..], Role::ValidationData), (b"Metadata", Role::Metadata)] {
        if let Ok(held) = catalog.get(key) {
            spread(document, &mut roles, held, role);
        }
    }
    if let Ok(info) = trailer.get(b"Info") {
        spread(document, &mut roles, info, Role::Metadata);
    }
    // Whatever else hangs from what is shown is part of how it is shown.
    for id in roles.keys().copied().collect::<Vec<_>>() {
        if let Some(object) = document.objects.get(&id) {
            spread(document, &mut roles, object, Role::Resource);
        }
    }
    roles
}

/// Marks the page tree and returns the pages in their order, numbered from 1.
fn mark_pages(document: &Document, catalog: &Dictionary, roles: &mut Roles) -> Vec<(u32, ObjectId)> {
    let mut pages = Vec::new();
    let mut open: Vec<ObjectId> = catalog
        .get(b"Pages")
        .and_then(Object::as_reference)
        .into_iter()
        .collect();
    while let Some(id) = open.pop() {
        let Ok(node) = document.get_dictionary(id) else {
            continue;
        };
        if roles.contains_key(&id) {
            continue;
        }
        if node.has(b"Kids") {
            roles.insert(id, Role::PageTree);
            if let Ok(kids) = node.get(b"Kids") {
                if let Ok(indirect) = kids.as_reference() {
                    roles.insert(indirect, Role::PageTree);
                }
                let kids = list(document, node, b"Kids").iter().rev();
                open.extend(kids.filter_map(|kid| kid.as_reference().ok()));
            }
        } else {
            let number = pages.len() as u32 + 1;
            roles.insert(id, Role::Page(number));
            pages.push((number, id));
        }
    }
    pages
}

fn mark_form(document: &Document, form: &Object, roles: &mut Roles) {
    if let Ok(id) = form.as_reference() {
        roles.insert(id, Role::Form);
    }
    let Some(form) = document.dereference(form).ok().and_then(|(_, f)| dictionary(f)) else {
        return;
    };
    if let Ok(id) = form.get(b"Fields").and_then(Object::as_reference) {
        roles.insert(id, Role::Form);
    }
    let mut open: Vec<&Object> = list(document, form, b"Fields").iter().collect();
    while let Some(field) = open.pop() {
        let Ok(id) = field.as_reference() else {
            continue;
        };
        if roles.contains_key(&id) {
            continue;
        }
        roles.insert(id, Role::Field);
        if let Ok(held) = document.get_dictionary(id) {
            open.extend(list(document, held, b"Kids"));
            // A value that is an object of its own is the field's too.
            if let Ok(value) = held.get(b"V").and_then(Object::as_reference)
                && !roles.contains_key(&value)
            {
                roles.insert(value, Role::Field);
            }
        }
    }
}

/// Marks a reference, the array it may lead to, and what that array holds.
fn mark_list(document: &Document, held: &Object, role: Role, roles: &mut Roles) {
    if let Ok(id) = held.as_reference() {
        roles.entry(id).or_insert(role);
    }
    if let Ok((_, Object::Array(items))) = document.dereference(held) {
        for id in items.iter().filter_map(|item| item.as_reference().ok()) {
            roles.entry(id).or_insert(role);
        }
    }
}

struct Comparison<'a> {
    roles: Roles,
    old: &'a Document,
    new: &'a Document,
    /// The signatures made later.
    later: Vec<Geometry>,
    /// Their fields.
    signed_fields: BTreeSet<ObjectId>,
    changes: Vec<Change>,
}

/// Whether two objects are the same; where a stream stands in the file is no matter.
fn same(a: &Object, b: &Object) -> bool {
    match (a, b) {
        (Object::Stream(a), Object::Stream(b)) => a.dict == b.dict && a.content == b.content,
        _ => a == b,
    }
}

/// The keys in which two dictionaries differ.
fn differing(a: &Dictionary, b: &Dictionary) -> Vec<Vec<u8>> {
    let keys: BTreeSet<&Vec<u8>> = a.iter().chain(b.iter()).map(|(key, _)| key).collect();
    keys.into_iter()
        .filter(|key| a.get(key).ok() != b.get(key).ok())
        .cloned()
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Comparison<'_> {
    fn run(&mut self) {
        for key in [&b"Root"[..], b"Info", b"Encrypt"] {
            if self.old.trailer.get(key).ok() != self.new.trailer.get(key).ok() {
                self.changes.push(if key == b"Info" && self.notes_only() {
                    Change::Information
                } else {
                    Change::Trailer { key: text(key) }
                });
            }
        }
        let mut dangling = Vec::new();
        self.old
            .objects
            .values()
            .for_each(|o| references(o, &mut dangling));
        let mut dangling: BTreeSet<ObjectId> = dangling.into_iter().collect();
        dangling.retain(|id| !self.old.objects.contains_key(id));

        // The catalog first: it leads to the form, which says which new fields are signatures; then the rest.
        let mut order: Vec<ObjectId> = self.old.objects.keys().copied().collect();
        order.sort_by_key(|id| match self.role(*id) {
            Role::Catalog => 0,
            Role::Form => 1,
            Role::Field => 2,
            _ => 3,
        });
        for id in order {
            let (Some(old), new) = (self.old.objects.get(&id), self.new.objects.get(&id)) else {
                continue;
            };
            match new {
                None => self.changes.push(Change::Removed {
                    object: id.0,
                    role: self.role(id),
                }),
                Some(new) if same(old, new) => {}
                Some(new) => self.compare(id, old, new),
            }
        }
        for id in self.new.objects.keys().filter(|id| dangling.contains(id)) {
            self.changes.push(Change::Supplied { object: id.0 });
        }
        // Two fields in one update are one finding each, but a form seen from two sides is one.
        let mut seen: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            if !seen.contains(&change) {
                seen.push(change);
            }
        }
        self.changes = seen;
    }

    fn is_information(&self, id: ObjectId) -> bool {
        let held = self.old.trailer.get(b"Info").and_then(Object::as_reference);
        held.is_ok_and(|held| held == id)
    }

    /// Whether the information dictionaries differ in program and date of change only.
    fn notes_only(&self) -> bool {
        let none = Dictionary::new();
        let (old, new) = (information(self.old), information(self.new));
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        differing(old, new).iter().all(|key| {
            matches!(key.as_slice(), b"ModDate" | b"Producer")
                && new.get(key).and_then(Object::as_str).is_ok()
        })
    }

    fn role(&self, id: ObjectId) -> Role {
        self.roles.get(&id).copied().unwrap_or(Role::Hidden)
    }

    fn replaced(&mut self, id: ObjectId, role: Role, key: Option<&[u8]>) {
        self.changes.push(Change::Replaced {
            object: id.0,
            role,
            key: key.map(text),
        });
    }

    fn compare(&mut self, id: ObjectId, old: &Object, new: &Object) {
        let role = self.role(id);
        match (role, old, new) {
            (Role::Catalog, Object::Dictionary(old), Object::Dictionary(new)) => self.catalog(id, old, new),
            (Role::Form, Object::Dictionary(old), Object::Dictionary(new)) => self.form(id, Some(old), new),
            // An indirect list of fields is compared with its form.
            (Role::Form, Object::Array(old), Object::Array(new)) => self.fields(old, new),
            (Role::Field, Object::Dictionary(old), Object::Dictionary(new)) => self.field(id, old, new),
            (Role::Page(_), Object::Dictionary(old), Object::Dictionary(new)) => {
                for key in differing(old, new) {
                    if key == b"Annots" {
                        let (old, new) = (list(self.old, old, &key), list(self.new, new, &key));
                        self.annotations(id, role, old, new);
                    } else {
                        self.replaced(id, role, Some(&key));
                    }
                }
            }
            (Role::Annotation(_), Object::Array(old), Object::Array(new)) => {
                self.annotations(id, role, old, new);
            }
            (Role::Metadata, Object::Stream(_), Object::Stream(_)) => self.changes.push(Change::Metadata),
            (Role::Metadata, ..) if self.is_information(id) && self.notes_only() => {
                self.changes.push(Change::Information);
            }
            (Role::ValidationData, _, new) if self.is_validation_data(new) => {
                self.changes.push(Change::ValidationData);
            }
            (role, old, new) => {
                let keys = match (dictionary(old), dictionary(new)) {
                    (Some(old), Some(new)) => differing(old, new),
                    _ => Vec::new(),
                };
                self.replaced(id, role, keys.first().map(Vec::as_slice));
            }
        }
    }

    fn catalog(&mut self, id: ObjectId, old: &Dictionary, new: &Dictionary) {
        for key in differing(old, new) {
            let after = entry(self.new, new, &key);
            match (key.as_slice(), after) {
                (b"AcroForm", Some(Object::Dictionary(after))) => {
                    let before = entry(self.old, old, &key).and_then(dictionary);
                    self.form(id, before, after);
                }
                (b"DSS", Some(after)) if self.is_validation_data(after) => {
                    self.changes.push(Change::ValidationData);
                }
                (b"Metadata", Some(Object::Stream(_))) => self.changes.push(Change::Metadata),
                (b"Version", Some(Object::Name(_))) => self.changes.push(Change::Information),
                // Names the extension level of PAdES (ETSI EN 319 142-1, 5.6) and nothing that is shown.
                (b"Extensions", Some(after)) if is_plain(after) => {}
                _ => self.replaced(id, Role::Catalog, Some(&key)),
            }
        }
    }

    fn form(&mut self, id: ObjectId, old: Option<&Dictionary>, new: &Dictionary) {
        let none = Dictionary::new();
        let old = old.unwrap_or(&none);
        for key in differing(old, new) {
            match key.as_slice() {
                b"Fields" => {
                    let (old, new) = (list(self.old, old, &key), list(self.new, new, &key));
                    self.fields(old, new);
                }
                b"SigFlags" if new.get(&key).and_then(Object::as_i64).is_ok() => {}
                _ => self.replaced(id, Role::Form, Some(&key)),
            }
        }
    }

    /// A list of fields may only grow, by signatures.
    fn fields(&mut self, old: &[Object], new: &[Object]) {
        if !new.starts_with(old) {
            self.replaced((0, 0), Role::Form, Some(b"Fields"));
        }
        for added in new.get(old.len()..).unwrap_or_default() {
            let id = added.as_reference().ok();
            let fresh = id.filter(|id| !self.old.objects.contains_key(id));
            let field = fresh.and_then(|id| self.new.get_dictionary(id).ok().map(|held| (id, held)));
            match field {
                Some((id, held)) if self.is_new_name(held) && self.accept(id, held) => {}
                _ => self.changes.push(Change::Added {
                    object: id.map_or(0, |id| id.0),
                    role: Role::Field,
                }),
            }
        }
    }

    /// An empty signature field may be signed; any other change of a field is a change of what the form says.
    fn field(&mut self, id: ObjectId, old: &Dictionary, new: &Dictionary) {
        let empty = old.get(b"FT").and_then(Object::as_name).ok() == Some(b"Sig") && !old.has(b"V");
        let keys = differing(old, new);
        let allowed = keys
            .iter()
            .all(|key| matches!(key.as_slice(), b"V" | b"AP" | b"F" | b"M"));
        if !(empty && allowed && self.accept(id, new)) {
            self.replaced(id, Role::Field, keys.first().map(Vec::as_slice));
        }
    }

    /// Fields of one name are one field to a viewer, so a signature must not take the name of another.
    fn is_new_name(&self, field: &Dictionary) -> bool {
        let name = field.get(b"T").ok();
        let taken = |id: &ObjectId| {
            let held = self.old.get_dictionary(*id).ok();
            held.and_then(|held| held.get(b"T").ok()) == name
        };
        let mut fields = self.roles.iter().filter(|(_, role)| **role == Role::Field);
        name.is_some() && !fields.any(|(id, _)| taken(id))
    }

    /// The byte range of a field that is a signature and nothing besides.
    fn signature(&self, field: &Dictionary) -> Option<Geometry> {
        const KNOWN: [&[u8]; 19] = [
            b"Type", b"Subtype", b"FT", b"T", b"TU", b"TM", b"V", b"P", b"F", b"Rect", b"AP", b"AS", b"Ff",
            b"Lock", b"SV", b"MK", b"BS", b"Border", b"DA",
        ];
        let known = field.iter().all(|(key, _)| KNOWN.contains(&key.as_slice()));
        let is_signature = field.get(b"FT").and_then(Object::as_name).ok() == Some(b"Sig");
        let value = entry(self.new, field, b"V").and_then(dictionary)?;
        let numbers: Vec<usize> = list(self.new, value, b"ByteRange")
            .iter()
            .filter_map(|n| usize::try_from(n.as_i64().ok()?).ok())
            .collect();
        let found = self.later.iter().find(|held| held.numbers()[..] == numbers);
        found.copied().filter(|_| known && is_signature)
    }

    /// Takes a field for a later signature, if it is one and no other field is the same one: a second field could
    /// borrow the good signature and show something else.
    fn accept(&mut self, id: ObjectId, field: &Dictionary) -> bool {
        let Some(geometry) = self.signature(field) else {
            return false;
        };
        self.later.retain(|held| *held != geometry);
        self.signed_fields.insert(id);
        let rect: Vec<f32> = list(self.new, field, b"Rect")
            .iter()
            .filter_map(|side| side.as_float().ok())
            .collect();
        let flat = matches!(rect.as_slice(), [a, b, c, d] if a == c || b == d);
        let page = field.get(b"P").and_then(Object::as_reference).ok();
        let page = page.and_then(|page| match self.role(page) {
            Role::Page(number) => Some(number),
            _ => None,
        });
        let shows = field.has(b"AP") && !flat;
        let name = field.get(b"T").and_then(Object::as_str).map(text);
        self.changes.push(Change::Signature {
            field: name.unwrap_or_default(),
            end: geometry.end,
            // A widget that shows without saying where could be anywhere.
            page: shows.then(|| page.unwrap_or(0)),
        });
        true
    }

    /// A page's list of annotations may only grow, by later signatures.
    fn annotations(&mut self, id: ObjectId, role: Role, old: &[Object], new: &[Object]) {
        let number = match role {
            Role::Page(number) | Role::Annotation(number) => number,
            _ => 0,
        };
        if !new.starts_with(old) {
            self.replaced(id, role, Some(b"Annots"));
        }
        for added in new.get(old.len()..).unwrap_or_default() {
            let signed = added
                .as_reference()
                .is_ok_and(|id| self.signed_fields.contains(&id));
            if !signed {
                self.changes.push(Change::Added {
                    object: added.as_reference().map_or(0, |id| id.0),
                    role: Role::Annotation(number),
                });
            }
        }
    }

    /// Whether all that hangs from an object is new, or was validation data before.
    fn is_validation_data(&self, object: &Object) -> bool {
        let mut open = Vec::new();
        let mut seen = BTreeSet::new();
        references(object, &mut open);
        while let Some(id) = open.pop() {
            let held = self.old.objects.contains_key(&id) && self.role(id) != Role::ValidationData;
            if held {
                return false;
            }
            if seen.insert(id)
                && let Some(object) = self.new.objects.get(&id)
            {
                references(object, &mut open);
            }
        }
        true
    }
}

/// Numbers, names and dictionaries of them, without references.
fn is_plain(object: &Object) -> bool {
    match object {
        Object::Dictionary(held) => held.iter().all(|(_, one)| is_plain(one)),
        Object::Array(list) => list.iter().all(is_plain),
        Object::Reference(_) | Object::Stream(_) => false,
        _ => true,
    }
}
