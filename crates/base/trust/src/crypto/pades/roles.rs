//! What each object of a revision is to its reader.

use std::collections::BTreeMap;

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::changes::Role;

/// All references inside an object.
pub(super) fn references(object: &Object, into: &mut Vec<ObjectId>) {
    match object {
        Object::Reference(id) => into.push(*id),
        Object::Array(list) => list.iter().for_each(|one| references(one, into)),
        Object::Dictionary(held) => held.iter().for_each(|(_, one)| references(one, into)),
        Object::Stream(held) => held.dict.iter().for_each(|(_, one)| references(one, into)),
        _ => {}
    }
}

pub(super) fn dictionary(object: &Object) -> Option<&Dictionary> {
    match object {
        Object::Dictionary(held) => Some(held),
        Object::Stream(held) => Some(&held.dict),
        _ => None,
    }
}

/// What an entry leads to, over one reference.
pub(super) fn entry<'a>(document: &'a Document, holder: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let value = holder.get(key).ok()?;
    document.dereference(value).ok().map(|(_, value)| value)
}

pub(super) fn list<'a>(document: &'a Document, holder: &'a Dictionary, key: &[u8]) -> &'a [Object] {
    entry(document, holder, key)
        .and_then(|value| value.as_array().ok())
        .map_or(&[], Vec::as_slice)
}

pub(super) fn information(document: &Document) -> Option<&Dictionary> {
    entry(document, &document.trailer, b"Info").and_then(dictionary)
}

pub(super) type Roles = BTreeMap<ObjectId, Role>;

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
pub(super) fn roles(document: &Document) -> Roles {
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
