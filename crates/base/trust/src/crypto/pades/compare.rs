//! Two revisions compared object by object.

use std::collections::BTreeSet;

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::changes::{Change, Role};
use super::range::Geometry;
use super::roles::{Roles, dictionary, entry, information, list, references, roles};

/// What changed from a signed revision to the newest one, in which `later` signatures were made after it.
pub(super) fn compare(old: &Document, new: &Document, later: Vec<Geometry>) -> Vec<Change> {
    let mut comparison = Comparison {
        roles: roles(old),
        old,
        new,
        later,
        signed_fields: BTreeSet::new(),
        stored: BTreeSet::new(),
        changes: Vec::new(),
    };
    comparison.run();
    comparison.changes
}

struct Comparison<'a> {
    roles: Roles,
    old: &'a Document,
    new: &'a Document,
    /// The signatures made later.
    later: Vec<Geometry>,
    /// Their fields.
    signed_fields: BTreeSet<ObjectId>,
    /// What was found to be validation data.
    stored: BTreeSet<ObjectId>,
    changes: Vec<Change>,
}

/// How many changes are named; who makes more has made enough.
pub(super) const MAX_CHANGES: usize = 256;

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
                self.note(if key == b"Info" && self.notes_only() {
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
            if self.is_full() {
                return;
            }
            let (Some(old), new) = (self.old.objects.get(&id), self.new.objects.get(&id)) else {
                continue;
            };
            match new {
                None => self.note(Change::Removed {
                    object: id.0,
                    role: self.role(id),
                }),
                Some(new) if same(old, new) => {}
                Some(new) => self.compare(id, old, new),
            }
        }
        for id in dangling {
            if self.new.objects.contains_key(&id) {
                self.note(Change::Supplied { object: id.0 });
            }
        }
    }

    /// Names a change once, however often it is met.
    fn note(&mut self, change: Change) {
        if self.changes.len() == MAX_CHANGES {
            self.changes.push(Change::Unreadable("too many changes".into()));
        } else if !self.is_full() && !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    fn is_full(&self) -> bool {
        self.changes.len() > MAX_CHANGES
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
        self.note(Change::Replaced {
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
            (Role::Metadata, Object::Stream(_), Object::Stream(_)) => self.note(Change::Metadata),
            (Role::Metadata, ..) if self.is_information(id) && self.notes_only() => {
                self.note(Change::Information);
            }
            (Role::ValidationData, _, new) if self.is_validation_data(new) => {
                self.note(Change::ValidationData);
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
                    self.note(Change::ValidationData);
                }
                (b"Metadata", Some(Object::Stream(_))) => self.note(Change::Metadata),
                (b"Version", Some(Object::Name(_))) => self.note(Change::Information),
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
            if self.is_full() {
                return;
            }
            let id = added.as_reference().ok();
            let fresh = id.filter(|id| !self.old.objects.contains_key(id));
            let field = fresh.and_then(|id| self.new.get_dictionary(id).ok().map(|held| (id, held)));
            match field {
                Some((id, held)) if self.is_new_name(held) && self.accept(id, held) => {}
                _ => self.note(Change::Added {
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
        self.note(Change::Signature {
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
            if self.is_full() {
                return;
            }
            let signed = added
                .as_reference()
                .is_ok_and(|id| self.signed_fields.contains(&id));
            if !signed {
                self.note(Change::Added {
                    object: added.as_reference().map_or(0, |id| id.0),
                    role: Role::Annotation(number),
                });
            }
        }
    }

    /// Whether all that hangs from an object is new, or was validation data before.
    fn is_validation_data(&mut self, object: &Object) -> bool {
        let mut open = Vec::new();
        references(object, &mut open);
        while let Some(id) = open.pop() {
            let held = self.old.objects.contains_key(&id) && self.role(id) != Role::ValidationData;
            if held {
                return false;
            }
            if self.stored.insert(id)
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
