//! Packages made by an enemy: an error that says why, never a panic, never much time or memory.

mod common;

use std::io::{Cursor, Write as _};
use std::sync::LazyLock;

use common::{changed, limits, sample, signed, signing, zip_of};
use ofd::{Error, Limits, Package};
use proptest::prelude::*;

fn good() -> Vec<u8> {
    static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| signed(&ofd::write(&sample()).unwrap()));
    GOOD.clone()
}

fn refused(bytes: &[u8]) -> Error {
    let why = ofd::read(bytes, &limits()).expect_err("it must be refused");
    assert!(ofd::prepare(bytes, &limits(), &signing()).is_err());
    why
}

fn what(error: &Error) -> &str {
    match error {
        Error::Limit { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn bombs() {
    let packed = |size: usize, count: usize| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        for i in 0..count {
            zip.start_file(format!("OFD{i}.xml"), options).unwrap();
            zip.write_all(&vec![b' '; size]).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    assert_eq!(what(&refused(&packed(8 << 20, 1))), "times an entry gets larger");
    let less = Limits {
        entry: 2 << 20,
        total: 5 << 20,
        ..limits()
    };
    let short = |size, count| ofd::read(&packed(size, count), &less).unwrap_err();
    assert_eq!(what(&short(3 << 20, 1)), "bytes of one entry");
    assert_eq!(what(&short(1 << 20, 6)), "unpacked bytes");
    assert_eq!(short(1 << 20, 4), Error::Missing("OFD.xml".into()));
    let small = Limits {
        package: 1000,
        ..limits()
    };
    assert_eq!(
        what(&ofd::read(&good(), &small).unwrap_err()),
        "bytes of the package"
    );

    // A size in the directory that the content does not keep.
    let mut lies = good();
    let at = lies.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    lies[at + 24] ^= 1;
    assert!(matches!(refused(&lies), Error::Zip(_)));
}

#[test]
fn a_hundred_thousand_entries() {
    let names: Vec<String> = (0..100_000).map(|i| format!("f{i}")).collect();
    let files: Vec<_> = names.iter().map(|n| (n.as_str(), &b""[..], 0)).collect();
    assert_eq!(what(&refused(&zip_of(&files))), "entries");
    // A directory that says it has fewer.
    let mut few = zip_of(&files);
    let end = few.len() - 22;
    few[end + 8..end + 12].copy_from_slice(&[10, 0, 10, 0]);
    assert_eq!(what(&refused(&few)), "entries");
    let real: Vec<String> = (0..10_001).map(|i| format!("f{i}")).collect();
    let files: Vec<_> = real.iter().map(|n| (n.as_str(), &b""[..], 0)).collect();
    assert_eq!(what(&refused(&zip_of(&files))), "entries");
}

#[test]
fn names_that_leave_the_package() {
    for name in [
        "../OFD.xml",
        "/etc/passwd",
        "a/../../b",
        "C:/a",
        "a\\..\\b",
        "a//b",
        "./OFD.xml",
        "a\0b",
        "..",
    ] {
        assert_eq!(refused(&zip_of(&[(name, b"x", 0)])), Error::Name(name.into()));
    }
    for (one, two) in [("OFD.xml", "OFD.xml"), ("OFD.xml", "ofd.XML"), ("a/B", "A/b")] {
        assert!(matches!(
            refused(&zip_of(&[(one, b"1", 0), (two, b"2", 0)])),
            Error::Duplicate(_)
        ));
    }
    for mode in [0xa000u32, 0x6000, 0x2000, 0x1000, 0xc000] {
        let link = refused(&zip_of(&[("OFD.xml", b"/etc/passwd", (mode | 0o777) << 16)]));
        assert_eq!(link, Error::Special("OFD.xml".into()));
    }
    assert!(matches!(refused(&zip_of(&[("Doc_0/", b"x", 0)])), Error::Zip(_)));
    // Folders as such are no harm.
    assert_eq!(
        refused(&zip_of(&[("Doc_0/", b"", 0o040755 << 16)])),
        Error::Missing("OFD.xml".into())
    );
}

#[test]
fn packages_that_can_be_read_in_two_ways() {
    let base = good();
    let zip = |bytes: &[u8]| match refused(bytes) {
        Error::Zip(why) => why,
        other => panic!("{other}"),
    };
    // Something before, something after, a comment that holds a second package.
    zip(&[b"MZ".to_vec(), base.clone()].concat());
    zip(&[base.clone(), b"x".to_vec()].concat());
    let mut comment = base.clone();
    let end = comment.len();
    let other = zip_of(&[("OFD.xml", b"other", 0)]);
    comment[end - 2..].copy_from_slice(&(other.len() as u16).to_le_bytes());
    comment.extend(&other);
    zip(&comment);
    // A local header with another name.
    let mut renamed = base.clone();
    renamed[30] ^= 0x20;
    assert!(zip(&renamed).contains("two headers"));
    // Two entries of the same bytes.
    let mut twice = zip_of(&[("a", b"1234", 0), ("b", b"5678", 0)]);
    let second = twice.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    twice[second + 42..second + 46].copy_from_slice(&[0; 4]);
    twice[second + 46] = b'b';
    zip(&twice);
    // Encrypted, of another method.
    let first = base.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for (at, value) in [(8, 1), (10, 99)] {
        let mut other = base.clone();
        (other[first + at], other[at - 2]) = (value, value);
        zip(&other);
    }
    // A byte of the content: its check sum.
    let mut flipped = zip_of(&[("OFD.xml", b"content", 0)]);
    flipped[40] ^= 1;
    zip(&flipped);
}

#[test]
fn xml_tricks() {
    let with =
        |part: &str, text: &str| changed(&good(), |f| drop(f.insert(part.into(), text.as_bytes().to_vec())));
    let ns = "xmlns=\"http://www.ofdspec.org/2016\"";
    let bomb = format!(
        "<!DOCTYPE OFD [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><OFD {ns}><DocBody>&b;</DocBody></OFD>"
    );
    assert!(
        refused(&with("OFD.xml", &bomb))
            .to_string()
            .contains("document type")
    );
    let file = format!("<!DOCTYPE OFD [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><OFD {ns}>&a;</OFD>");
    assert!(
        refused(&with("OFD.xml", &file))
            .to_string()
            .contains("document type")
    );
    let deep = format!("<OFD {ns}>{}", "<DocBody>".repeat(100_000));
    assert_eq!(what(&refused(&with("OFD.xml", &deep))), "depth of an XML part");
    // Different enough to pass the ratio.
    let wide: String = (0..600_000)
        .map(|i: u32| format!("<a{:x}/>", i.wrapping_mul(2_654_435_761)))
        .collect();
    assert_eq!(
        what(&refused(&with("OFD.xml", &format!("<OFD {ns}>{wide}</OFD>")))),
        "elements of an XML part"
    );
    for (root, why) in [
        ("", "no DocBody"),
        ("<DocBody/>", "no DocRoot"),
        (
            "<DocBody><DocRoot>../../etc/passwd</DocRoot></DocBody>",
            "no DocRoot",
        ),
        ("<DocBody><DocRoot>x.xml</DocRoot></DocBody>", "x.xml is missing"),
        ("<DocBody/><DocBody/>", "several documents"),
    ] {
        let error = refused(&with("OFD.xml", &format!("<OFD {ns}>{root}</OFD>")));
        assert!(error.to_string().contains(why), "{error}");
    }
    let document = |text: &str| with("Doc_0/Document.xml", &format!("<Document {ns}>{text}</Document>"));
    let page = "<Page ID=\"1\" BaseLoc=\"Pages/Page_0/Content.xml\"/>";
    let read = |text: &str| ofd::read(&document(text), &limits());
    assert!(read("").unwrap_err().to_string().contains("no pages"));
    assert!(
        read(&format!("<Pages>{page}{page}</Pages>"))
            .unwrap_err()
            .to_string()
            .contains("one content")
    );
    assert!(read("<Pages><Page BaseLoc=\"../../../x\"/></Pages>").is_err());
    assert!(read(&format!("<Pages>{page}</Pages>")).is_ok());
    let pages: String = (0..5001)
        .map(|i| format!("<Page BaseLoc=\"/Doc_0/Pages/Page_{i}/Content.xml\"/>"))
        .collect();
    assert!(read(&format!("<Pages>{pages}</Pages>")).is_err());
}

/// One template on many pages is much text out of little.
#[test]
fn text_is_bounded() {
    let bytes = changed(&good(), |f| {
        let ns = "xmlns=\"http://www.ofdspec.org/2016\"";
        let used = format!(
            "<Page {ns}><Area><PhysicalBox>0 0 9 9</PhysicalBox></Area><Template TemplateID=\"7\"/></Page>"
        );
        let text: String = (0..40_000u32)
            .map(|i| format!("{:x} ", i.wrapping_mul(2_654_435_761)))
            .collect();
        let template = format!(
            "<Page {ns}><Content><Layer><TextObject Boundary=\"0 0 9 9\" Size=\"3\"><TextCode X=\"0\" Y=\"0\">{text}\
             </TextCode></TextObject></Layer></Content></Page>"
        );
        f.insert("Doc_0/T.xml".into(), template.into_bytes());
        let mut pages = String::new();
        for i in 0..100 {
            f.insert(format!("Doc_0/P{i}.xml"), used.clone().into_bytes());
            pages.push_str(&format!("<Page ID=\"{i}\" BaseLoc=\"P{i}.xml\"/>"));
        }
        let document = format!(
            "<Document {ns}><CommonData><TemplatePage ID=\"7\" BaseLoc=\"T.xml\"/></CommonData><Pages>{pages}</Pages></Document>"
        );
        f.insert("Doc_0/Document.xml".into(), document.into_bytes());
    });
    assert_eq!(what(&ofd::read(&bytes, &limits()).unwrap_err()), "bytes of text");
    let enough = Limits {
        text: 512 << 20,
        ..limits()
    };
    assert!(
        ofd::read(&bytes, &enough).unwrap().pages[99]
            .text()
            .starts_with("0 9e3779b1")
    );
}

#[test]
fn a_package_cut_anywhere_is_an_error() {
    let bytes = good();
    for length in 0..bytes.len() {
        assert!(Package::open(&bytes[..length], &limits()).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(ofd::read(&bytes, &limits()).is_err());
    }

    /// Whatever bytes of the package change, it is refused, or read without a panic.
    #[test]
    fn flipped_bytes(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = good();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = ofd::read(&bytes, &limits());
        let _ = ofd::prepare(&bytes, &limits(), &signing());
    }

    /// Changed parts inside a sound package: no panic, and a covered part does not stay covered.
    #[test]
    fn changed_parts(
        part in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        cut in 0usize..40,
        put in "[<>/&;\"'= a-zA-Z0-9.#x\u{0}\u{4e00}-]{0,12}",
    ) {
        let base = good();
        let mut name = String::new();
        let mut same = false;
        let bytes = changed(&base, |f| {
            let nth = part.index(f.len());
            let (key, content) = f.iter_mut().nth(nth).unwrap();
            name = key.clone();
            let at = at.index(content.len());
            let end = (at + cut).min(content.len());
            let before = content.clone();
            content.splice(at..end, put.into_bytes());
            same = before == *content;
        });
        let own = ["Doc_0/Signs/Signatures.xml", "Doc_0/Signs/Sign_0/Signature.xml", "Doc_0/Signs/Sign_0/SignedValue.dat"];
        if let Ok(report) = ofd::read(&bytes, &limits()) {
            let _ = report.text();
            for signature in &report.signatures {
                if !same && !own.contains(&name.as_str()) {
                    prop_assert!(!signature.whole(), "{} was changed", name);
                }
            }
        }
        let _ = ofd::prepare(&bytes, &limits(), &signing());
    }
}
