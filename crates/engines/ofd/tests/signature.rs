//! What signatures cover, and what happens when somebody changes the package afterwards.

mod common;

use common::{changed, limits, sample, signed, signing};
use ofd::{Error, Object, Package, Rect, Report, Signing, State};

fn report(bytes: &[u8]) -> Report {
    ofd::read(bytes, &limits()).unwrap()
}

fn base() -> Vec<u8> {
    ofd::write(&sample()).unwrap()
}

const PAGE: &str = "Doc_0/Pages/Page_0/Content.xml";

#[test]
fn a_signature_covers_every_file() {
    let prepared = ofd::prepare(&base(), &limits(), &signing()).unwrap();
    assert_eq!(prepared.property_info(), "/Doc_0/Signs/Sign_0/Signature.xml");
    let (xml, digest) = (prepared.signature_xml().to_vec(), prepared.digest());
    assert_eq!(digest, ofd::sm3(&xml));
    let bytes = prepared.finish(b"a value").unwrap();
    let found = report(&bytes);
    let [signature] = found.signatures.as_slice() else {
        panic!("{found:?}");
    };
    assert!(signature.whole(), "{signature:?}");
    assert_eq!(signature.xml, xml);
    assert_eq!((signature.id.as_str(), signature.kind.as_str()), ("s001", "Seal"));
    assert_eq!(signature.signed_value.as_deref(), Some(&b"a value"[..]));
    assert_eq!(signature.seal.as_deref(), Some(&b"a seal"[..]));
    assert_eq!(signature.method, ofd::SM2_SM3);
    assert_eq!(signature.check_method, ofd::SM3);
    assert_eq!(signature.time, "20260529042640Z");
    assert_eq!(signature.provider, "Yiwang");
    assert_eq!(signature.stamps[0].page, Some(1));
    assert_eq!(
        signature.stamps[0].boundary,
        Rect {
            x: 90.0,
            y: 150.0,
            width: 42.0,
            height: 42.0
        }
    );
    // All but the list, the description and the value.
    assert_eq!(signature.references.len(), found.files.len() - 3);
    assert_eq!(found.text(), report(&base()).text());
}

#[test]
fn the_digest_is_sm3() {
    let hex: String = ofd::sm3(b"abc").iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(
        hex,
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
}

#[test]
fn later_signatures_leave_earlier_ones_whole() {
    let mut bytes = base();
    for count in 1..=4 {
        let plain = Signing {
            seal: None,
            stamps: Vec::new(),
            ..signing()
        };
        let next = if count == 3 { plain } else { signing() };
        let prepared = ofd::prepare(&bytes, &limits(), &next).unwrap();
        assert_eq!(
            prepared.property_info(),
            format!("/Doc_0/Signs/Sign_{}/Signature.xml", count - 1)
        );
        bytes = prepared.finish(format!("value {count}").as_bytes()).unwrap();
        let found = report(&bytes);
        assert_eq!(found.signatures.len(), count);
        assert!(found.signatures.iter().all(|s| s.whole()), "{count}: {found:?}");
        let mut ids: Vec<_> = found.signatures.iter().map(|s| s.id.clone()).collect();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
    let found = report(&bytes);
    assert_eq!(
        (found.signatures[2].kind.as_str(), &found.signatures[2].seal),
        ("Sign", &None)
    );
    // Ids of stamps count too.
    assert_eq!(found.signatures[3].id, "s006");

    // The second signature covers the first one's value, so that it cannot be replaced unseen.
    let other = changed(&bytes, |f| {
        drop(f.insert("Doc_0/Signs/Sign_0/SignedValue.dat".into(), b"other".to_vec()))
    });
    let found = report(&other);
    assert!(
        found.signatures[0].whole(),
        "its own value is for the caller to verify"
    );
    assert_eq!(
        found.signatures[1].in_state(State::Differs).collect::<Vec<_>>(),
        ["Doc_0/Signs/Sign_0/SignedValue.dat"]
    );
}

#[test]
fn a_changed_page_is_found() {
    let bytes = changed(&signed(&base()), |f| {
        let page = String::from_utf8(f[PAGE].clone()).unwrap();
        f.insert(PAGE.into(), page.replace("一万", "九万").into_bytes());
    });
    let found = report(&bytes);
    assert!(found.text().contains("九万"));
    let signature = &found.signatures[0];
    assert_eq!(signature.in_state(State::Differs).collect::<Vec<_>>(), [PAGE]);
    assert_eq!(signature.uncovered, [PAGE]);
    assert!(!signature.whole());
}

#[test]
fn an_added_page_is_found() {
    let bytes = changed(&signed(&base()), |f| {
        let document = String::from_utf8(f["Doc_0/Document.xml"].clone()).unwrap();
        let page = "<ofd:Page ID=\"900\" BaseLoc=\"Pages/Page_9/Content.xml\"/></ofd:Pages>";
        f.insert(
            "Doc_0/Document.xml".into(),
            document.replace("</ofd:Pages>", page).into_bytes(),
        );
        f.insert("Doc_0/Pages/Page_9/Content.xml".into(), f[PAGE].clone());
    });
    let found = report(&bytes);
    assert_eq!(found.pages.len(), 3);
    let signature = &found.signatures[0];
    assert_eq!(
        signature.in_state(State::Differs).collect::<Vec<_>>(),
        ["Doc_0/Document.xml"]
    );
    assert_eq!(
        signature.uncovered,
        ["Doc_0/Document.xml", "Doc_0/Pages/Page_9/Content.xml"]
    );
}

#[test]
fn a_removed_file_is_found() {
    let font = "Doc_0/Res/Font_0.ttf";
    let found = report(&changed(&signed(&base()), |f| drop(f.remove(font))));
    assert_eq!(
        found.signatures[0].in_state(State::Missing).collect::<Vec<_>>(),
        [font]
    );
    assert!(!found.signatures[0].whole());
    let without = changed(&signed(&base()), |f| drop(f.remove(PAGE)));
    assert_eq!(ofd::read(&without, &limits()), Err(Error::Missing(PAGE.into())));
    let without = changed(&signed(&base()), |f| {
        drop(f.remove("Doc_0/Signs/Sign_0/SignedValue.dat"))
    });
    assert_eq!(report(&without).signatures[0].signed_value, None);
}

#[test]
fn swapped_resources_are_found() {
    let (font, image) = ("Doc_0/Res/Font_0.ttf", "Doc_0/Res/Image_0.png");
    let bytes = changed(&signed(&base()), |f| {
        let (one, other) = (f[font].clone(), f[image].clone());
        f.insert(font.into(), other);
        f.insert(image.into(), one);
    });
    assert_eq!(
        report(&bytes).signatures[0]
            .in_state(State::Differs)
            .collect::<Vec<_>>(),
        [font, image]
    );
    // A seal of somebody else beside the signature.
    let seal = "Doc_0/Signs/Sign_0/Seal.esl";
    let bytes = changed(&signed(&base()), |f| {
        drop(f.insert(seal.into(), b"other".to_vec()))
    });
    assert_eq!(
        report(&bytes).signatures[0]
            .in_state(State::Differs)
            .collect::<Vec<_>>(),
        [seal]
    );
}

#[test]
fn the_entry_is_covered_too() {
    let bytes = changed(&signed(&base()), |f| {
        let entry = String::from_utf8(f["OFD.xml"].clone()).unwrap();
        f.insert(
            "OFD.xml".into(),
            entry.replace("Document.xml", "Other.xml").into_bytes(),
        );
        f.insert("Doc_0/Other.xml".into(), f["Doc_0/Document.xml"].clone());
    });
    assert_eq!(
        report(&bytes).signatures[0].uncovered,
        ["Doc_0/Other.xml", "OFD.xml"]
    );
}

/// Whoever adds a file may say that a later signature brought it. That holds only for what lies in that signature's folder.
#[test]
fn a_later_signature_is_no_excuse_for_other_files() {
    let bytes = changed(&signed(&signed(&base())), |f| {
        let description = "Doc_0/Signs/Sign_1/Signature.xml";
        let text = String::from_utf8(f[description].clone()).unwrap();
        let text = text.replace("/Doc_0/Signs/Sign_1/Seal.esl", "/Doc_0/Annots/Annotations.xml");
        f.insert(description.into(), text.into_bytes());
        f.insert("Doc_0/Annots/Annotations.xml".into(), b"<a/>".to_vec());
    });
    let found = report(&bytes);
    assert!(
        found.signatures[0]
            .uncovered
            .contains(&"Doc_0/Annots/Annotations.xml".to_string()),
        "{found:?}"
    );

    // Nor can the description lie where it likes.
    let bytes = changed(&signed(&signed(&base())), |f| {
        let list = String::from_utf8(f["Doc_0/Signs/Signatures.xml"].clone()).unwrap();
        let moved = f.remove("Doc_0/Signs/Sign_1/Signature.xml").unwrap();
        f.insert("Doc_0/Annots/Annotations.xml".into(), moved);
        let list = list.replace(
            "/Doc_0/Signs/Sign_1/Signature.xml",
            "/Doc_0/Annots/Annotations.xml",
        );
        f.insert("Doc_0/Signs/Signatures.xml".into(), list.into_bytes());
    });
    let found = report(&bytes);
    assert!(
        found.signatures[0]
            .uncovered
            .contains(&"Doc_0/Annots/Annotations.xml".to_string()),
        "{found:?}"
    );
    assert!(!found.signatures[0].whole());
}

#[test]
fn weak_descriptions_are_not_whole() {
    let swapped = |from: &str, to: &str| {
        let bytes = changed(&signed(&base()), |f| {
            let path = "Doc_0/Signs/Sign_0/Signature.xml";
            let text = String::from_utf8(f[path].clone()).unwrap();
            assert!(text.contains(from));
            f.insert(path.into(), text.replace(from, to).into_bytes());
        });
        report(&bytes).signatures.remove(0)
    };
    let unknown = swapped(ofd::SM3, "1.2.840.113549.2.5");
    assert!(unknown.references.iter().all(|r| r.state == State::Unchecked) && !unknown.whole());
    let keyed = swapped(ofd::SM3, "1.2.156.10197.1.401.2");
    assert!(keyed.references.iter().all(|r| r.state == State::Unchecked));
    for name in ["SM3", "1.2.156.10197.1.401.1"] {
        assert!(swapped(ofd::SM3, name).whole(), "{name}");
    }
    let other = swapped(ofd::SM3, "SHA-256");
    assert!(other.references.iter().all(|r| r.state == State::Differs));
    let outside = swapped("FileRef=\"/OFD.xml\"", "FileRef=\"/../OFD.xml\"");
    assert_eq!(
        outside.in_state(State::Missing).collect::<Vec<_>>(),
        ["/../OFD.xml"]
    );
    assert_eq!(outside.uncovered, ["OFD.xml"]);
    let dropped = swapped("FileRef=\"/Doc_0/PublicRes.xml\"", "FileRef=\"/OFD.xml\"");
    assert_eq!(dropped.uncovered, ["Doc_0/PublicRes.xml", "OFD.xml"]);
    let nowhere = swapped("PageRef=\"", "PageRef=\"9");
    assert_eq!(nowhere.stamps[0].page, None);
}

#[test]
fn a_list_under_protection_takes_no_more() {
    let bytes = changed(&signed(&base()), |f| {
        let path = "Doc_0/Signs/Sign_0/Signature.xml";
        let text = String::from_utf8(f[path].clone()).unwrap();
        let text = text.replace("FileRef=\"/OFD.xml\"", "FileRef=\"/Doc_0/Signs/Signatures.xml\"");
        f.insert(path.into(), text.into_bytes());
    });
    assert!(matches!(
        ofd::prepare(&bytes, &limits(), &signing()),
        Err(Error::Closed(_))
    ));
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let mut far = signing();
    far.stamps[0].page = 2;
    assert!(matches!(
        ofd::prepare(&base(), &limits(), &far),
        Err(Error::Document(_))
    ));
    let mut flat = signing();
    flat.stamps[0].boundary.width = f64::NAN;
    assert!(matches!(
        ofd::prepare(&base(), &limits(), &flat),
        Err(Error::Document(_))
    ));
    assert!(ofd::prepare(b"no zip", &limits(), &signing()).is_err());
    let hidden = changed(&base(), |f| {
        drop(f.insert("Doc_0/Signs/Signatures.xml".into(), Vec::new()))
    });
    assert!(ofd::prepare(&hidden, &limits(), &signing()).is_err());
}

/// OFD.xml of others keeps its bytes around the one element that is added.
#[test]
fn packages_of_others_are_signed_as_they_are() {
    let bytes = changed(&base(), |f| {
        let entry = "\u{feff}<?xml version=\"1.0\"?>\n<!-- 注 --><OFD xmlns=\"http://www.ofdspec.org/2016\" Version=\"1.1\">\
            <DocBody ><DocInfo><DocID>1</DocID></DocInfo><DocRoot>/Doc_0/Document.xml</DocRoot>\n</DocBody></OFD>";
        f.insert("OFD.xml".into(), entry.as_bytes().to_vec());
    });
    let made = signed(&bytes);
    assert!(report(&made).signatures[0].whole());
    let before = Package::open(&bytes, &limits())
        .unwrap()
        .files
        .remove("OFD.xml")
        .unwrap();
    let after = Package::open(&made, &limits())
        .unwrap()
        .files
        .remove("OFD.xml")
        .unwrap();
    let after = String::from_utf8(after).unwrap();
    let added = "<Signatures>/Doc_0/Signs/Signatures.xml</Signatures>";
    assert!(after.contains(&format!("{added}</DocBody>")), "{after}");
    assert_eq!(after.replace(added, "").into_bytes(), before);
}

#[test]
fn a_large_document_is_signed() {
    let mut document = sample();
    let text = document.pages[1].clone();
    document.pages.extend((0..200).map(|_| text.clone()));
    for page in &mut document.pages {
        let object = page.objects[0].clone();
        page.objects.extend((0..50).map(|_| Object::clone(&object)));
    }
    let bytes = signed(&ofd::write(&document).unwrap());
    let found = report(&bytes);
    assert_eq!(found.pages.len(), 202);
    assert!(found.signatures[0].whole());
}
