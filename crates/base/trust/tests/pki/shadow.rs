//! Files that were changed after signing: what was appended is named, and only further signatures and validation data
//! leave a signature standing.

use std::fmt::Write as _;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use proptest::prelude::*;
use trust::crypto::pades::{
    Change, Limits, Problem, Report, Role, SealLook, Signature, Spec, examine, sign, verify,
};
use trust::crypto::x509::{Certificate, root};
use trust::crypto::{Kind, PrivateKey};

use crate::stamps::{Office, office};
use crate::support::*;

/// Two pages with text, a note, a form with a text field and an empty signature field, a font and a reference to an
/// object that is not there.
pub fn base(modern: bool) -> Vec<u8> {
    let mut doc = Document::with_version("1.7");
    let pages = doc.new_object_id();
    let font =
        doc.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
    let resources = doc.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let note = doc.add_object(dictionary! {
        "Type" => "Annot", "Subtype" => "Text", "Contents" => Object::string_literal("note"),
        "Rect" => vec![10.into(), 10.into(), 20.into(), 20.into()],
    });
    let field = doc.add_object(dictionary! {
        "Type" => "Annot", "Subtype" => "Widget", "FT" => "Tx", "T" => Object::string_literal("amount"),
        "V" => Object::string_literal("100"),
        "Rect" => vec![100.into(), 100.into(), 200.into(), 120.into()],
    });
    let empty = doc.add_object(dictionary! {
        "Type" => "Annot", "Subtype" => "Widget", "FT" => "Sig", "T" => Object::string_literal("later"),
        "Rect" => vec![0.into(), 0.into(), 0.into(), 0.into()],
    });
    let kids: Vec<Object> = ["Certificate 3208992026", "Second page"]
        .map(|text| {
            let content = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET").into_bytes();
            let content = doc.add_object(Stream::new(dictionary! {}, content));
            doc.add_object(dictionary! {
                "Type" => "Page", "Parent" => pages, "Contents" => content,
                "Annots" => vec![note.into(), field.into(), empty.into()],
                "PieceInfo" => Object::Reference((900, 0)),
            })
            .into()
        })
        .into();
    doc.objects.insert(
        pages,
        dictionary! {
            "Type" => "Pages", "Count" => 2, "Kids" => kids, "Resources" => resources,
            "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        }
        .into(),
    );
    let form = dictionary! { "Fields" => vec![field.into(), empty.into()] };
    let form = doc.add_object(form);
    let catalog = doc.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages, "AcroForm" => form });
    doc.trailer.set("Root", catalog);
    let mut out = Vec::new();
    if modern {
        doc.save_modern(&mut out).unwrap()
    } else {
        doc.save_to(&mut out).unwrap()
    };
    out
}

/// A signed file and what its objects are.
struct Signed {
    office: Office,
    pdf: Vec<u8>,
    doc: Document,
}

fn signed() -> Signed {
    let office = office();
    let pdf = sign(&base(false), &office.spec()).unwrap();
    Signed {
        doc: Document::load_mem(&pdf).unwrap(),
        office,
        pdf,
    }
}

impl Signed {
    fn root(&self) -> ObjectId {
        self.doc.trailer.get(b"Root").unwrap().as_reference().unwrap()
    }

    fn catalog(&self) -> Dictionary {
        self.doc.catalog().unwrap().clone()
    }

    fn page(&self) -> (ObjectId, Dictionary) {
        let id = self.doc.get_pages()[&1];
        (id, self.doc.get_dictionary(id).unwrap().clone())
    }

    fn id(&self, holder: &Dictionary, key: &[u8]) -> ObjectId {
        holder.get(key).unwrap().as_reference().unwrap()
    }

    fn form(&self) -> (ObjectId, Dictionary) {
        let id = self.id(&self.catalog(), b"AcroForm");
        (id, self.doc.get_dictionary(id).unwrap().clone())
    }

    fn field(&self, name: &[u8]) -> (ObjectId, Dictionary) {
        let named = |id: &ObjectId| {
            let held = self.doc.get_dictionary(*id).ok();
            held.and_then(|f| f.get(b"T").ok()?.as_str().ok()) == Some(name)
        };
        let id = *self.doc.objects.keys().find(|id| named(id)).unwrap();
        (id, self.doc.get_dictionary(id).unwrap().clone())
    }

    fn judge(&self, pdf: &[u8]) -> Report {
        examine(pdf, &self.office.roots(), &Limits::default())
    }

    /// Appends objects and judges the (only, intact) signature.
    fn after(&self, objects: &[(ObjectId, Object)]) -> Signature {
        self.after_with(objects, self.root())
    }

    fn after_with(&self, objects: &[(ObjectId, Object)], root: ObjectId) -> Signature {
        let pdf = append(&self.pdf, objects, root, &[]);
        let report = self.judge(&pdf);
        let one = report.signatures.into_iter().next().unwrap();
        assert!(one.intact && one.trusted && one.after == pdf.len() - self.pdf.len());
        assert_eq!(one.stands(), one.later.iter().all(Change::permitted));
        assert_eq!(
            verify(&pdf, &[self.office.pki.root.der().to_vec()]).later,
            one.later
        );
        one
    }

    /// A number no object has.
    fn free(&self, n: u32) -> ObjectId {
        (self.doc.max_id + 1 + n, 0)
    }
}

/// An incremental update with a classic table: objects, then entries that point to chosen places.
fn append(pdf: &[u8], objects: &[(ObjectId, Object)], root: ObjectId, point: &[(u32, usize)]) -> Vec<u8> {
    let mut out = pdf.to_vec();
    let mut entries: Vec<(u32, usize)> = point.to_vec();
    for (id, object) in objects {
        entries.push((id.0, out.len()));
        out.extend(format!("{} {} obj\n", id.0, id.1).bytes());
        match object {
            Object::Stream(stream) => {
                let mut held = stream.dict.clone();
                held.set("Length", stream.content.len() as i64);
                lopdf::Writer::write_object(&mut out, &Object::Dictionary(held)).unwrap();
                out.extend(b"\nstream\n");
                out.extend(&stream.content);
                out.extend(b"\nendstream");
            }
            object => lopdf::Writer::write_object(&mut out, object).unwrap(),
        }
        out.extend(b"\nendobj\n");
    }
    let text = String::from_utf8_lossy(pdf);
    let previous: usize = text
        .rsplit_once("startxref")
        .unwrap()
        .1
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let start = out.len();
    let mut table = "xref\n".to_string();
    for (number, offset) in entries {
        let _ = match offset {
            0 => write!(table, "{number} 1\n0000000000 00001 f \n"),
            offset => write!(table, "{number} 1\n{offset:010} 00000 n \n"),
        };
    }
    let info = Document::load_mem(pdf)
        .ok()
        .and_then(|doc| doc.trailer.get(b"Info").ok().cloned());
    let info = info.map_or(String::new(), |id| {
        format!("/Info {} 0 R", id.as_reference().unwrap().0)
    });
    let _ = write!(
        table,
        "trailer\n<</Size 1000/Root {} {} R/Prev {previous}{info}>>\nstartxref\n{start}\n%%EOF\n",
        root.0, root.1
    );
    out.extend(table.bytes());
    out
}

fn text_stream(text: &str) -> Object {
    let content = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET").into_bytes();
    Stream::new(dictionary! {}, content).into()
}

fn replaced(object: ObjectId, role: Role, key: Option<&str>) -> Change {
    Change::Replaced {
        object: object.0,
        role,
        key: key.map(str::to_string),
    }
}

#[test]
fn an_untouched_file_stands() {
    let signed = signed();
    let report = signed.judge(&signed.pdf);
    assert!(
        report.stands() && report.signatures[0].later.is_empty(),
        "{report:?}"
    );
    // An object nothing refers to is not shown.
    let nothing = signed.after(&[(signed.free(0), Object::Null)]);
    assert!(nothing.stands() && nothing.later.is_empty(), "{nothing:?}");
}

#[test]
fn replaced_content_is_named() {
    let signed = signed();
    let (page_id, page) = signed.page();
    let contents = signed.id(&page, b"Contents");
    let seen = signed.after(&[(contents, text_stream("Certificate 9999999999"))]);
    let found = &seen.later[..];
    assert!(
        matches!(
            found,
            [Change::Replaced {
                role: Role::Contents(1),
                ..
            }]
        ),
        "{found:?}"
    );
    // The same content again is no change.
    let same = signed.doc.get_object(contents).unwrap().clone();
    assert!(signed.after(&[(contents, same)]).stands());
    // The page now shows another, new stream.
    let mut other = page.clone();
    other.set("Contents", signed.free(0));
    let seen = signed.after(&[(page_id, other.into()), (signed.free(0), text_stream("x"))]);
    assert_eq!(seen.later, [replaced(page_id, Role::Page(1), Some("Contents"))]);
    // A font, so that the same letters look otherwise.
    let font = *signed
        .doc
        .objects
        .iter()
        .find(|(_, o)| o.as_dict().is_ok_and(|d| d.has_type(b"Font")))
        .unwrap()
        .0;
    let courier = dictionary! { "Type" => "Font", "Subtype" => "Type3", "BaseFont" => "Evil" };
    let seen = signed.after(&[(font, courier.into())]);
    assert!(
        matches!(
            seen.later[..],
            [Change::Replaced {
                role: Role::Resource,
                ..
            }]
        ),
        "{:?}",
        seen.later
    );
}

#[test]
fn another_catalog_page_tree_or_action_is_named() {
    let signed = signed();
    let mut catalog = signed.catalog();
    catalog.set(
        "OpenAction",
        dictionary! { "S" => "JavaScript", "JS" => Object::string_literal("x") },
    );
    let seen = signed.after(&[(signed.root(), catalog.clone().into())]);
    assert_eq!(
        seen.later,
        [replaced(signed.root(), Role::Catalog, Some("OpenAction"))]
    );
    // A catalog of its own, and a page tree of its own.
    let seen = signed.after_with(&[(signed.free(0), catalog.clone().into())], signed.free(0));
    assert_eq!(seen.later, [Change::Trailer { key: "Root".into() }]);
    catalog.remove(b"OpenAction");
    let tree = dictionary! { "Type" => "Pages", "Count" => 0, "Kids" => Vec::<Object>::new() };
    catalog.set("Pages", signed.free(0));
    let seen = signed.after(&[
        (signed.root(), catalog.into()),
        (signed.free(0), tree.clone().into()),
    ]);
    assert_eq!(
        seen.later,
        [replaced(signed.root(), Role::Catalog, Some("Pages"))]
    );
    let pages = signed.id(&signed.catalog(), b"Pages");
    let seen = signed.after(&[(pages, tree.into())]);
    assert!(
        matches!(
            seen.later[..],
            [Change::Replaced {
                role: Role::PageTree,
                ..
            }]
        ),
        "{:?}",
        seen.later
    );
}

#[test]
fn a_title_is_not_a_date() {
    let office = office();
    let mut doc = Document::load_mem(&base(false)).unwrap();
    let info = doc.add_object(dictionary! { "Title" => Object::string_literal("Permit") });
    doc.trailer.set("Info", info);
    let mut plain = Vec::new();
    doc.save_to(&mut plain).unwrap();
    let pdf = sign(&plain, &office.spec()).unwrap();
    let root = doc.trailer.get(b"Root").unwrap().as_reference().unwrap();
    let judge = |held: Dictionary| {
        let pdf = append(&pdf, &[(info, held.into())], root, &[]);
        examine(&pdf, &office.roots(), &Limits::default()).signatures[0]
            .later
            .clone()
    };
    let title = Object::string_literal("Permit");
    let dated =
        judge(dictionary! { "Title" => title.clone(), "ModDate" => Object::string_literal("D:2026") });
    assert!(dated.contains(&Change::Information), "{dated:?}");
    let untitled = judge(dictionary! { "ModDate" => Object::string_literal("D:2026") });
    assert!(untitled.iter().any(|change| !change.permitted()), "{untitled:?}");
}

#[test]
fn notes_and_form_values_are_named() {
    let signed = signed();
    let (page_id, page) = signed.page();
    let overlay = dictionary! {
        "Type" => "Annot", "Subtype" => "FreeText", "Contents" => Object::string_literal("Paid"),
        "Rect" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    let mut more = page.clone();
    let mut list = page.get(b"Annots").unwrap().as_array().unwrap().clone();
    list.push(signed.free(0).into());
    more.set("Annots", list.clone());
    let seen = signed.after(&[
        (page_id, more.clone().into()),
        (signed.free(0), overlay.clone().into()),
    ]);
    let added = Change::Added {
        object: signed.free(0).0,
        role: Role::Annotation(1),
    };
    assert_eq!(seen.later, [added]);
    // Removed from the list; changed in place.
    more.set("Annots", list[1..4].to_vec());
    let seen = signed.after(&[(page_id, more.into())]);
    assert_eq!(seen.later, [replaced(page_id, Role::Page(1), Some("Annots"))]);
    let note = list[0].as_reference().unwrap();
    let seen = signed.after(&[(note, overlay.into())]);
    assert!(matches!(
        seen.later[..],
        [Change::Replaced {
            role: Role::Annotation(1),
            ..
        }]
    ));
    // The amount in the form.
    let (field, mut held) = signed.field(b"amount");
    held.set("V", Object::string_literal("900"));
    let seen = signed.after(&[(field, held.into())]);
    assert_eq!(seen.later, [replaced(field, Role::Field, Some("V"))]);
    // Another field, and settings of the form.
    let (form_id, mut form) = signed.form();
    let mut fields = form.get(b"Fields").unwrap().as_array().unwrap().clone();
    fields.push(signed.free(0).into());
    form.set("Fields", fields);
    let text = dictionary! { "FT" => "Tx", "T" => Object::string_literal("new") };
    let seen = signed.after(&[(form_id, form.clone().into()), (signed.free(0), text.into())]);
    let added = Change::Added {
        object: signed.free(0).0,
        role: Role::Field,
    };
    assert_eq!(seen.later, [added]);
    let (_, mut form) = signed.form();
    form.set("NeedAppearances", true);
    let seen = signed.after(&[(form_id, form.into())]);
    assert_eq!(
        seen.later,
        [replaced(form_id, Role::Form, Some("NeedAppearances"))]
    );
}

#[test]
fn hidden_and_missing_objects_are_named() {
    let office = office();
    // Before signing, the true content is hidden behind a harmless one.
    let plain = base(false);
    let doc = Document::load_mem(&plain).unwrap();
    let page = doc.get_dictionary(doc.get_pages()[&1]).unwrap();
    let contents = page.get(b"Contents").unwrap().as_reference().unwrap();
    let root = doc.trailer.get(b"Root").unwrap().as_reference().unwrap();
    let header = format!("{} 0 obj", contents.0);
    let hidden = plain
        .windows(header.len())
        .position(|w| w == header.as_bytes())
        .unwrap();
    let prepared = append(&plain, &[(contents, text_stream("harmless"))], root, &[]);
    let pdf = sign(&prepared, &office.spec()).unwrap();
    let judge = |pdf: &[u8]| examine(pdf, &office.roots(), &Limits::default()).signatures[0].clone();
    assert!(judge(&pdf).stands());
    // Afterwards a table alone brings it back: not a byte of content is appended.
    let seen = judge(&append(&pdf, &[], root, &[(contents.0, hidden)]));
    assert!(seen.intact && !seen.stands());
    assert!(
        matches!(
            seen.later[..],
            [Change::Replaced {
                role: Role::Contents(1),
                ..
            }]
        ),
        "{:?}",
        seen.later
    );
    // An entry that points to an object of another number.
    let seen = judge(&append(&pdf, &[], root, &[(root.0, hidden)]));
    assert!(
        seen.later.contains(&Change::CrossReference { object: root.0 }),
        "{:?}",
        seen.later
    );
    // The object to which the page referred without its being there.
    let signed = signed();
    let seen = signed.after(&[((900, 0), dictionary! { "A" => 1 }.into())]);
    assert_eq!(seen.later, [Change::Supplied { object: 900 }]);
    // Freed.
    let (page_id, _) = signed.page();
    let pdf = append(&signed.pdf, &[], signed.root(), &[(page_id.0, 0)]);
    let seen = signed.judge(&pdf).signatures[0].clone();
    let removed = Change::Removed {
        object: page_id.0,
        role: Role::Page(1),
    };
    assert_eq!(seen.later, [removed]);
}

#[test]
fn bytes_outside_the_tables_are_named() {
    let signed = signed();
    let (_, page) = signed.page();
    let contents = signed.id(&page, b"Contents");
    let loose = format!(
        "{} 0 obj\n<</Length 1>>\nstream\nx\nendstream\nendobj\n",
        contents.0
    );
    // Without a table; with one that does not name it; before a table; without spaces.
    for bytes in [
        loose.clone(),
        format!("{loose}startxref\n0\n%%EOF\n"),
        "junk".into(),
        loose.replacen(" 0 obj", " 0obj", 1),
    ] {
        let pdf = [&signed.pdf, bytes.as_bytes()].concat();
        let seen = signed.judge(&pdf).signatures[0].clone();
        assert!(seen.intact && !seen.stands(), "{bytes}: {seen:?}");
    }
    let pdf = [&signed.pdf, loose.as_bytes()].concat();
    let glued = append(&pdf, &[(signed.free(0), Object::Null)], signed.root(), &[]);
    let seen = signed.judge(&glued).signatures[0].clone();
    assert_eq!(seen.later, [Change::Bytes { at: signed.pdf.len() }]);
    // A second table beside the first.
    let plain = append(&signed.pdf, &[(signed.free(0), Object::Null)], signed.root(), &[]);
    let place = plain.windows(5).rposition(|w| w == b"/Prev").unwrap();
    let hybrid = [&plain[..place], b"/XRefStm 15", &plain[place..]].concat();
    assert!(!signed.judge(&hybrid).signatures[0].stands());
    for blank in [&b"\n"[..], b" \r\n"] {
        let seen = signed.judge(&[&signed.pdf, blank].concat()).signatures[0].clone();
        assert!(seen.stands(), "{seen:?}");
    }
}

#[test]
fn further_signatures_and_validation_data_are_permitted() {
    let signed = signed();
    let later = Spec {
        at: NOON + 60_000,
        widget: Some(SealLook { rgb: [200, 0, 0] }.widget(2, [300.0, 300.0], 100.0)),
        ..signed.office.spec()
    };
    let twice = sign(&signed.pdf, &later).unwrap();
    let report = signed.judge(&twice);
    assert!(report.stands() && report.signatures.len() == 2, "{report:?}");
    assert!(matches!(
        &report.signatures[0].later[..],
        [Change::Signature { page: Some(2), end, .. }] if *end == twice.len()
    ));
    // Validation data, twice, behind it.
    let mut catalog = signed.catalog();
    let (store, held) = (signed.free(20), signed.free(21));
    catalog.set("DSS", store);
    let dss = |list: Vec<Object>| Object::from(dictionary! { "Type" => "DSS", "Certs" => list });
    let certificate = Object::from(Stream::new(dictionary! {}, signed.office.chain[1].clone()));
    let stored = append(
        &twice,
        &[
            (signed.root(), catalog.clone().into()),
            (store, dss(vec![held.into()])),
            (held, certificate.clone()),
        ],
        signed.root(),
        &[],
    );
    let report = signed.judge(&stored);
    assert!(report.stands(), "{report:?}");
    assert_eq!(report.signatures[1].later, [Change::ValidationData]);
    let more = signed.free(22);
    let again = append(
        &stored,
        &[(store, dss(vec![held.into(), more.into()])), (more, certificate)],
        signed.root(),
        &[],
    );
    assert!(signed.judge(&again).stands());
    // What claims to be validation data but holds the page's content could smuggle in a change of it.
    let (_, page) = signed.page();
    let contents = signed.id(&page, b"Contents");
    let smuggled = append(
        &signed.pdf,
        &[
            (signed.root(), catalog.into()),
            (store, dss(vec![contents.into()])),
        ],
        signed.root(),
        &[],
    );
    let seen = signed.judge(&smuggled).signatures[0].clone();
    assert_eq!(seen.later, [replaced(signed.root(), Role::Catalog, Some("DSS"))]);
}

#[test]
fn a_strangers_visible_signature_is_an_overlay() {
    let signed = signed();
    let own = key(Kind::P256, 0x99);
    let stranger = root_of(&own);
    let chain = vec![stranger.0.der().to_vec(), stranger.1.der().to_vec()];
    let mut spec = Spec {
        key: &own,
        chain: &chain,
        at: NOON,
        name: "",
        reason: "",
        location: "",
        widget: None,
    };
    // Invisible it does no harm to the first; it just does not stand itself.
    let report = signed.judge(&sign(&signed.pdf, &spec).unwrap());
    assert!(report.signatures[0].stands() && !report.signatures[1].stands() && !report.stands());
    spec.widget = Some(SealLook { rgb: [255, 255, 255] }.widget(1, [300.0, 400.0], 600.0));
    let report = signed.judge(&sign(&signed.pdf, &spec).unwrap());
    assert_eq!(report.signatures[0].later, [Change::Overlay { page: 1 }]);
    assert!(!report.signatures[0].stands());
}

/// A self-made root over a key's certificate, in the order of a chain.
fn root_of(own: &PrivateKey) -> (Certificate, Certificate) {
    let top = key(Kind::P256, 0x98);
    let ca = root(&top, &subject("演示根证书"), &terms(1)).unwrap();
    let leaf = trust::crypto::x509::issue(&ca, &top, &subject("演示市政务服务章"), &own.public(), &terms(2));
    (leaf.unwrap(), ca)
}

#[test]
fn a_field_cannot_borrow_a_good_signature() {
    let signed = signed();
    let later = Spec {
        widget: Some(SealLook { rgb: [200, 0, 0] }.widget(2, [300.0, 300.0], 100.0)),
        ..signed.office.spec()
    };
    let twice = sign(&signed.pdf, &later).unwrap();
    let doc = Document::load_mem(&twice).unwrap();
    for (name, value) in [("first", 0), ("second", 1)] {
        // A new field shows a picture over page 1 and names a signature dictionary that verifies.
        let ranges: Vec<ObjectId> = doc
            .objects
            .iter()
            .filter(|(_, o)| o.as_dict().is_ok_and(|d| d.has(b"ByteRange")))
            .map(|(id, _)| *id)
            .collect();
        let page_id = doc.get_pages()[&1];
        let look = Stream::new(
            dictionary! { "Type" => "XObject", "Subtype" => "Form",
            "BBox" => vec![0.into(), 0.into(), 1.into(), 1.into()] },
            b"0 0 1 1 re f".to_vec(),
        );
        let (field, picture) = ((doc.max_id + 1, 0), (doc.max_id + 2, 0));
        let held = dictionary! {
            "Type" => "Annot", "Subtype" => "Widget", "FT" => "Sig", "T" => Object::string_literal("Signature9"),
            "V" => ranges[value], "P" => page_id, "AP" => dictionary! { "N" => picture },
            "Rect" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        };
        let mut page = doc.get_dictionary(page_id).unwrap().clone();
        let mut list = page.get(b"Annots").unwrap().as_array().unwrap().clone();
        list.push(field.into());
        page.set("Annots", list);
        let (form_id, _) = signed.form();
        let mut form = doc.get_dictionary(form_id).unwrap().clone();
        let mut fields = form.get(b"Fields").unwrap().as_array().unwrap().clone();
        fields.push(field.into());
        form.set("Fields", fields);
        let pdf = append(
            &twice,
            &[
                (page_id, page.into()),
                (form_id, form.into()),
                (field, held.into()),
                (picture, look.into()),
            ],
            signed.root(),
            &[],
        );
        let report = signed.judge(&pdf);
        assert!(report.signatures.iter().all(|one| one.intact && one.trusted));
        assert!(
            report.signatures.iter().all(|one| !one.stands()),
            "{name}: {report:?}"
        );
    }
    // Changing the look of the second signature afterwards harms both: it lies over what the first signed.
    let (id, mut look) = doc
        .objects
        .iter()
        .rfind(|(_, o)| o.as_stream().is_ok_and(|s| s.dict.has_type(b"XObject")))
        .map(|(id, o)| (*id, o.as_stream().unwrap().clone()))
        .unwrap();
    look.content = b"0 0 1000 1000 re f".to_vec();
    let report = signed.judge(&append(&twice, &[(id, look.into())], signed.root(), &[]));
    assert!(
        !report.signatures[0].stands() && !report.signatures[1].stands(),
        "{report:?}"
    );
    assert!(report.signatures[0].later.contains(&Change::Overlay { page: 2 }));
}

#[test]
fn ranges_that_do_not_fit_are_refused_and_say_why() {
    let signed = signed();
    let at = signed.pdf.windows(11).position(|w| w == b"/ByteRange ").unwrap() + 11;
    let numbers: Vec<usize> = String::from_utf8_lossy(&signed.pdf[at + 1..at + 35])
        .split_once(']')
        .unwrap()
        .0
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    let [_, start, from, length] = numbers[..] else {
        panic!("not a byte range")
    };
    for (range, why) in [
        ([1, start, from, length], "does not start at 0"),
        ([0, from, start, length], "overlaps"),
        ([0, start, from, length + 1], "outside the file"),
        ([0, start, from, 0], "outside the file"),
        ([0, start - 1, from, length], "exactly the Contents"),
        ([0, start + 2, from, length], "exactly the Contents"),
        ([0, start, from + 2, length - 2], "exactly the Contents"),
    ] {
        let mut bad = signed.pdf.clone();
        let text = format!(
            "{:<35}",
            format!("[{} {} {} {}]", range[0], range[1], range[2], range[3])
        );
        bad[at..at + 35].copy_from_slice(text.as_bytes());
        let seen = signed.judge(&bad).signatures[0].clone();
        assert!(
            !seen.intact && seen.problem.as_ref().unwrap().contains(why),
            "{why}: {seen:?}"
        );
    }
}

#[test]
fn large_files_and_bombs_are_refused() {
    let signed = signed();
    let limits = |file, signatures, objects, inflated| Limits {
        file,
        signatures,
        objects,
        inflated,
        ..Limits::default()
    };
    let judge = |pdf: &[u8], limits: Limits| examine(pdf, &signed.office.roots(), &limits);
    let len = signed.pdf.len();
    let small = judge(&signed.pdf, limits(len - 1, 8, 100, 1000));
    assert_eq!(small.problem, Some(Problem::TooLarge));
    let twice = sign(&signed.pdf, &signed.office.spec()).unwrap();
    let many = judge(&twice, limits(len * 4, 1, 100, 1000));
    assert_eq!(many.problem, Some(Problem::TooManySignatures));
    assert_eq!(
        judge(b"%PDF-1.7", Limits::default()).problem,
        Some(Problem::NoSignature)
    );
    let few = judge(&twice, limits(len * 4, 8, 5, 1000)).signatures[0].clone();
    assert!(matches!(&few.later[..], [Change::Unreadable(why)] if why.contains("too many objects")));
    let short = Limits {
        read: 3 * twice.len(),
        ..Limits::default()
    };
    let much = judge(&twice, short).signatures[0].clone();
    assert!(matches!(&much.later[..], [Change::Unreadable(why)] if why.contains("too much")));
    // Eight megabytes of nothing, as an object stream of a few kilobytes: also if its type is spelt with an escape.
    for (name, padding) in [("/ObjStm", "/xxx"), ("/Obj#53tm", "/x")] {
        let held = dictionary! { "N" => 1, "First" => 4, "Pad" => Object::Name(b"xxx".to_vec()) };
        let mut bomb = Stream::new(held, vec![b' '; 8 << 20]);
        bomb.compress().unwrap();
        assert!(bomb.content.len() < 100_000);
        bomb.dict.set("Type", Object::Name(b"ObjStm".to_vec()));
        let pdf = append(&signed.pdf, &[(signed.free(0), bomb.into())], signed.root(), &[]);
        let swap = |pdf: Vec<u8>, from: &[u8], to: &str| {
            let place = pdf.windows(from.len()).rposition(|w| w == from).unwrap();
            [&pdf[..place], to.as_bytes(), &pdf[place + from.len()..]].concat()
        };
        let pdf = swap(swap(pdf, b"/ObjStm", name), b"/xxx", padding);
        let seen = judge(&pdf, limits(pdf.len(), 8, 1000, 1 << 20)).signatures[0].clone();
        assert!(seen.intact && !seen.stands(), "{:?}", seen.later);
        assert!(
            matches!(&seen.later[..], [Change::Unreadable(why)] if why.contains("limit")),
            "{:?}",
            seen.later
        );
    }
}

#[test]
fn very_many_changes_are_not_all_named() {
    let office = office();
    let mut doc = Document::load_mem(&base(false)).unwrap();
    let many: Vec<Object> = (0..3_000)
        .map(|n| doc.add_object(Object::Integer(n)).into())
        .collect();
    let root = doc.trailer.get(b"Root").unwrap().as_reference().unwrap();
    let list = doc.add_object(many.clone());
    doc.get_object_mut(root)
        .unwrap()
        .as_dict_mut()
        .unwrap()
        .set("Many", list);
    let mut plain = Vec::new();
    doc.save_to(&mut plain).unwrap();
    let pdf = sign(&plain, &office.spec()).unwrap();
    let other: Vec<(ObjectId, Object)> = many
        .iter()
        .map(|id| (id.as_reference().unwrap(), Object::Null))
        .collect();
    let report = examine(
        &append(&pdf, &other, root, &[]),
        &office.roots(),
        &Limits::default(),
    );
    let one = &report.signatures[0];
    assert!(one.intact && !one.stands() && one.later.len() < 300);
    assert!(one.later.contains(&Change::Unreadable("too many changes".into())));
}

#[test]
fn a_half_appended_revision_never_stands() {
    let signed = signed();
    let twice = sign(&signed.pdf, &signed.office.spec()).unwrap();
    let whole = twice.trim_ascii_end().len();
    for end in (signed.pdf.len() + 1..whole).step_by(13).chain([whole - 1]) {
        let seen = signed.judge(&twice[..end]).signatures[0].clone();
        assert!(seen.intact && !seen.stands(), "{end}: {:?}", seen.later);
    }
    for end in 0..signed.pdf.len() {
        assert!(!signed.judge(&signed.pdf[..end]).stands(), "{end}");
    }
}

#[test]
fn cross_reference_streams_are_judged_alike() {
    let office = office();
    let pdf = sign(&base(true), &office.spec()).unwrap();
    let twice = sign(&pdf, &office.spec()).unwrap();
    let judge = |pdf: &[u8]| examine(pdf, &office.roots(), &Limits::default());
    assert!(
        judge(&pdf).stands() && judge(&twice).stands(),
        "{:?}",
        judge(&twice)
    );
    let doc = Document::load_mem(&pdf).unwrap();
    let page = doc.get_dictionary(doc.get_pages()[&1]).unwrap();
    let contents = page.get(b"Contents").unwrap().as_reference().unwrap();
    let root = doc.trailer.get(b"Root").unwrap().as_reference().unwrap();
    let seen = judge(&append(&twice, &[(contents, text_stream("x"))], root, &[]));
    assert!(
        seen.signatures.iter().all(|one| one.intact && !one.stands()),
        "{seen:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is appended, or changed behind the signed bytes, the first signature stays intact, nothing panics, and
    /// it stands only if nothing of what it signed is shown otherwise.
    #[test]
    fn appended_noise_never_stands(noise in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>()) {
        let signed = signed();
        let twice = sign(&signed.pdf, &signed.office.spec()).unwrap();
        let mut bad = twice.clone();
        let from = signed.pdf.len() + at.index(twice.len() - signed.pdf.len());
        for (n, byte) in noise.iter().enumerate() {
            if let Some(place) = bad.get_mut(from + n) {
                *place = *byte;
            }
        }
        let report = signed.judge(&bad);
        let first = &report.signatures[0];
        prop_assert!(first.intact && first.trusted);
        let report = signed.judge(&[&signed.pdf[..], &noise].concat());
        let blank = noise.iter().all(u8::is_ascii_whitespace);
        prop_assert!(report.signatures[0].intact && (blank || !report.signatures[0].stands()));
    }
}
