//! Signed PDF files: signing, strict verifying, and that ordinary readers still read them. The signed samples
//! are left in the test target folder (`pades/`), where `pades_pyhanko.py` can judge them.

use std::path::PathBuf;
use std::process::Command;

use lopdf::{Document, Object, Stream, dictionary};
use trust::crypto::pades::{SealLook, Spec, Widget, sign, verify};
use trust::crypto::x509::{Certificate, Subject, Terms, issue, root};
use trust::crypto::{Error, Kind, PrivateKey};

const FROM: i64 = 1_767_225_600_000;
const TO: i64 = FROM + 4_000 * 86_400_000;
/// 2026-01-11T08:00:00Z.
const AT: i64 = FROM + 10 * 86_400_000 + 8 * 3_600_000;

struct City {
    root: Certificate,
    key: PrivateKey,
    chain: Vec<Vec<u8>>,
}

fn city() -> City {
    let [root_key, key] = [3, 5].map(|b| PrivateKey::from_bytes(Kind::P256, &[b; 32]).unwrap());
    let name = |cn: &str| Subject {
        cn: cn.into(),
        o: "演示市数据局".into(),
    };
    let terms = |n| Terms {
        serial: vec![n],
        not_before: FROM,
        not_after: TO,
    };
    let ca = root(&root_key, &name("演示根证书"), &terms(1)).unwrap();
    let leaf = issue(
        &ca,
        &root_key,
        &name("演示市电子证照章"),
        &key.public(),
        &terms(2),
    )
    .unwrap();
    City {
        chain: vec![leaf.der().to_vec(), ca.der().to_vec()],
        root: ca,
        key,
    }
}

impl City {
    fn spec(&self, widget: Option<Widget>) -> Spec<'_> {
        let (name, reason) = ("演示市数据局", "电子证照");
        Spec {
            key: &self.key,
            chain: &self.chain,
            at: AT,
            name,
            reason,
            location: "",
            widget,
        }
    }

    fn roots(&self) -> Vec<Vec<u8>> {
        vec![self.root.der().to_vec()]
    }
}

/// Two pages of text; `modern` packs objects into object streams with a cross-reference stream.
fn pdf(modern: bool) -> Vec<u8> {
    let mut doc = Document::with_version("1.7");
    let pages = doc.new_object_id();
    let font =
        doc.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
    let resources = doc.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let kids: Vec<Object> = ["Certificate 3208992026", "Second page"]
        .map(|text| {
            let content = format!("BT /F1 24 Tf 72 700 Td ({text}) Tj ET").into_bytes();
            let content = doc.add_object(Stream::new(dictionary! {}, content));
            doc.add_object(dictionary! { "Type" => "Page", "Parent" => pages, "Contents" => content })
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
    let catalog = doc.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    doc.trailer.set("Root", catalog);
    let mut out = Vec::new();
    if modern {
        doc.save_modern(&mut out).unwrap()
    } else {
        doc.save_to(&mut out).unwrap()
    };
    out
}

fn seal(page: u32) -> Option<Widget> {
    Some(
        SealLook {
            rgb: [0xd0, 0x12, 0x1b],
        }
        .widget(page, [450.0, 200.0], 119.0),
    )
}

/// Where samples for other programs go.
fn samples() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pades");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn signed_files_verify_and_stay_readable() {
    let city = city();
    let folder = samples();
    std::fs::write(folder.join("root.pem"), city.root.pem()).unwrap();
    for (name, modern, widget) in [
        ("table-visible", false, seal(1)),
        ("table-invisible", false, None),
        ("stream-visible", true, seal(2)),
        ("stream-invisible", true, None),
    ] {
        let original = pdf(modern);
        let signed = sign(&original, &city.spec(widget.clone())).unwrap();
        assert!(signed.starts_with(&original), "the original bytes stay");
        let seen = verify(&signed, &city.roots());
        assert!(
            seen.intact && seen.covers_whole_file && seen.trusted,
            "{name}: {seen:?}"
        );
        assert_eq!(
            (seen.signer_cn.as_str(), seen.at, seen.problem),
            ("演示市电子证照章", Some(AT), None)
        );
        assert_eq!(seen.serial, [2]);

        let path = folder.join(format!("{name}.pdf"));
        std::fs::write(&path, &signed).unwrap();
        let read = Command::new("pdftotext")
            .arg(&path)
            .arg("-")
            .output()
            .expect("pdftotext must be installed");
        assert!(
            String::from_utf8_lossy(&read.stdout).contains("Certificate 3208992026"),
            "{name}"
        );
        assert!(
            read.stderr.is_empty(),
            "{name}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
        // The seal's red shows on its page and nowhere else.
        let red = [1, 2].map(|page| has_red(&path, page));
        let wanted = [1, 2].map(|page| widget.as_ref().is_some_and(|w| w.page == page));
        assert_eq!(red, wanted, "{name}");
    }
}

/// Whether a page, drawn with pdftoppm, has a clearly red dot.
fn has_red(path: &std::path::Path, page: u32) -> bool {
    let page = page.to_string();
    let drawn = Command::new("pdftoppm")
        .args(["-r", "36", "-f", &page, "-l", &page])
        .arg(path)
        .output()
        .expect("pdftoppm must be installed");
    assert!(drawn.status.success() && drawn.stdout.starts_with(b"P6"));
    let pixels = &drawn.stdout[drawn.stdout.len() % 3..];
    pixels
        .chunks_exact(3)
        .any(|p| p[0] > 180 && p[1] < 80 && p[2] < 80)
}

#[test]
fn any_changed_byte_is_noticed() {
    let city = city();
    for modern in [false, true] {
        let signed = sign(&pdf(modern), &city.spec(seal(1))).unwrap();
        let gap = signed.windows(11).position(|w| w == b"/Contents <").unwrap() + 10;
        let close = gap + signed[gap..].iter().position(|&b| b == b'>').unwrap();
        for at in (0..signed.len()).filter(|at| !(gap + 1..close).contains(at)) {
            for bit in [0x01, 0x20] {
                let mut bad = signed.clone();
                bad[at] ^= bit;
                assert!(!verify(&bad, &city.roots()).intact, "byte {at}");
            }
        }
        // The gap also holds what no signature covers (the root's copy): a change there may not change the
        // verdict's content, and a changed padding digit is refused.
        let good = verify(&signed, &city.roots());
        for at in gap + 1..close {
            let mut bad = signed.clone();
            bad[at] = if bad[at] == b'7' { b'8' } else { b'7' };
            let seen = verify(&bad, &city.roots());
            assert!(!seen.intact || seen == good, "digit {at}: {seen:?}");
            assert!(!seen.intact || at < close - 1000, "padding digit {at}");
        }
    }
}

#[test]
fn appended_bytes_are_noticed() {
    let city = city();
    let signed = sign(&pdf(false), &city.spec(None)).unwrap();
    for tail in [&b" "[..], b"\n%%EOF\n", &[0; 5000]] {
        let seen = verify(&[&signed[..], tail].concat(), &city.roots());
        assert!(seen.intact && seen.trusted && !seen.covers_whole_file);
    }
    assert!(!verify(&signed[..signed.len() - 1], &city.roots()).intact);
    assert!(!verify(&[b" ", &signed[..]].concat(), &city.roots()).intact);
}

#[test]
fn forged_geometry_is_refused() {
    let city = city();
    let signed = sign(&pdf(false), &city.spec(None)).unwrap();
    let at = signed.windows(11).position(|w| w == b"/ByteRange ").unwrap() + 11;
    let old = String::from_utf8_lossy(&signed[at..at + 35]).into_owned();
    let n: Vec<usize> = old
        .trim_matches(['[', ']', ' '])
        .replace(']', "")
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    for [a, b, c, d] in [
        [1, n[1], n[2], n[3]],
        [0, n[1] - 1, n[2], n[3]],
        [0, n[1] + 1, n[2], n[3]],
        [0, n[1], n[2] + 1, n[3] - 1],
        [0, n[1], n[2] - 1, n[3] + 1],
        [0, n[1], n[2], n[3] + 1],
        [0, n[2], n[1], n[3]],
        [0, 0, 0, signed.len()],
        [0, n[1], n[2], 0],
    ] {
        let mut bad = signed.clone();
        bad[at..at + 35].copy_from_slice(format!("{:<35}", format!("[{a} {b} {c} {d}]")).as_bytes());
        assert!(!verify(&bad, &city.roots()).intact, "{a} {b} {c} {d}");
    }
    assert!(!verify(b"", &city.roots()).intact);
    assert!(!verify(b"/ByteRange", &city.roots()).intact);
    assert!(!verify(b"/ByteRange [0 1 4294967295 4294967295]", &city.roots()).intact);
    assert!(!verify(&pdf(false), &city.roots()).intact);
}

#[test]
fn strangers_are_not_trusted() {
    let city = city();
    let signed = sign(&pdf(true), &city.spec(None)).unwrap();
    let seen = verify(&signed, &[]);
    assert!(seen.intact && seen.covers_whole_file && !seen.trusted && seen.problem.is_some());
    let stranger = PrivateKey::from_bytes(Kind::P256, &[9; 32]).unwrap();
    let terms = Terms {
        serial: vec![1],
        not_before: FROM,
        not_after: TO,
    };
    let name = Subject {
        cn: "演示根证书".into(),
        o: "演示市数据局".into(),
    };
    let forged = root(&stranger, &name, &terms).unwrap();
    assert!(!verify(&signed, &[forged.der().to_vec()]).trusted);
}

#[test]
fn a_second_signature_keeps_the_first() {
    let city = city();
    for (name, modern) in [("table-twice", false), ("stream-twice", true)] {
        let once = sign(&pdf(modern), &city.spec(seal(1))).unwrap();
        let later = Spec {
            at: AT + 60_000,
            ..city.spec(seal(2))
        };
        let twice = sign(&once, &later).unwrap();
        let seen = verify(&twice, &city.roots());
        assert!(seen.intact && seen.covers_whole_file && seen.trusted);
        assert_eq!(seen.at, Some(AT + 60_000));
        assert!(twice.starts_with(&once));
        let read = Document::load_mem(&twice).unwrap();
        let form = read
            .catalog()
            .unwrap()
            .get(b"AcroForm")
            .unwrap()
            .as_dict()
            .unwrap();
        assert_eq!(form.get(b"Fields").unwrap().as_array().unwrap().len(), 2);
        std::fs::write(samples().join(format!("{name}.pdf")), &twice).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let city = city();
    let file = pdf(false);
    assert!(matches!(sign(b"not a pdf", &city.spec(None)), Err(Error::Pdf(_))));
    assert!(matches!(
        sign(&file[..file.len() / 2], &city.spec(None)),
        Err(Error::Pdf(_))
    ));
    assert!(matches!(sign(&file, &city.spec(seal(3))), Err(Error::Pdf(_))));
    let early = Spec {
        at: FROM - 1,
        ..city.spec(None)
    };
    assert!(matches!(sign(&file, &early), Err(Error::Certificate(_))));
    let other = PrivateKey::from_bytes(Kind::P256, &[8; 32]).unwrap();
    assert!(matches!(
        sign(
            &file,
            &Spec {
                key: &other,
                ..city.spec(None)
            }
        ),
        Err(Error::Certificate(_))
    ));
    let sm2 = PrivateKey::from_bytes(Kind::Sm2, &[8; 32]).unwrap();
    assert!(matches!(
        sign(
            &file,
            &Spec {
                key: &sm2,
                ..city.spec(None)
            }
        ),
        Err(Error::Key(_))
    ));
    assert!(matches!(
        sign(
            &file,
            &Spec {
                chain: &[],
                ..city.spec(None)
            }
        ),
        Err(Error::Certificate(_))
    ));
    let root_first = city.roots();
    assert!(matches!(
        sign(
            &file,
            &Spec {
                chain: &root_first,
                ..city.spec(None)
            }
        ),
        Err(Error::Certificate(_))
    ));
}
