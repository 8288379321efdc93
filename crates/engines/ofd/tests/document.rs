//! What is written is read again; what does not make sense is not written.

mod common;

use common::{limits, line, sample, signed};
use ofd::{Document, Error, Object, Package, Page, Path, Picture, Rect, Segment};

#[test]
fn texts_and_sizes_come_back() {
    let bytes = ofd::write(&sample()).unwrap();
    let report = ofd::read(&bytes, &limits()).unwrap();
    assert_eq!(report.title, sample().title);
    assert_eq!(
        (report.creator.as_str(), report.created.as_str()),
        ("Yiwang", "2026-05-29")
    );
    assert_eq!((report.id.len(), report.versions), (32, 0));
    let sizes: Vec<_> = report.pages.iter().map(|p| (p.width, p.height)).collect();
    assert_eq!(sizes, [(210.0, 297.0), (148.0, 210.0)]);
    for (page, written) in report.pages.iter().zip(sample().pages) {
        let texts = written.objects.iter().filter_map(|o| match o {
            Object::Text(text) => Some(text.clone()),
            _ => None,
        });
        let texts: Vec<_> = texts.collect();
        assert_eq!(page.runs.len(), texts.len());
        for (run, text) in page.runs.iter().zip(&texts) {
            let (x, y) = text.transform.apply((text.x, text.y));
            assert_eq!(run.text, text.text);
            let near = |a: f64, b: f64| (a - b).abs() < 0.001;
            assert!(
                near(run.x, x) && near(run.y, y) && near(run.size, text.size),
                "{run:?} {text:?}"
            );
        }
    }
    let text = report.text();
    assert!(
        text.contains("取水许可证\n持证主体：清河水业 一万\nfi\n演示样例\n\n第二页 a<b&c"),
        "{text}"
    );
    assert_eq!(
        report.attachments,
        [("附件一".to_string(), "Doc_0/Attachs/Attach_0.txt".to_string())]
    );
    assert!(report.signatures.is_empty());
}

#[test]
fn the_parts_are_those_of_the_standard() {
    let package = Package::open(&ofd::write(&sample()).unwrap(), &limits()).unwrap();
    let names: Vec<_> = package.files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "Doc_0/Attachs/Attach_0.txt",
            "Doc_0/Attachs/Attachments.xml",
            "Doc_0/Document.xml",
            "Doc_0/DocumentRes.xml",
            "Doc_0/Pages/Page_0/Content.xml",
            "Doc_0/Pages/Page_1/Content.xml",
            "Doc_0/PublicRes.xml",
            "Doc_0/Res/Font_0.ttf",
            "Doc_0/Res/Image_0.png",
            "OFD.xml",
        ]
    );
    let text = |name: &str| String::from_utf8(package.files[name].clone()).unwrap();
    let page = text("Doc_0/Pages/Page_0/Content.xml");
    for wanted in [
        "xmlns:ofd=\"http://www.ofdspec.org/2016\"",
        "<ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox>",
        // A box half an em around, and the text's place in it.
        "Boundary=\"55 17 60 18\" Font=\"1\" Size=\"10\"",
        "<ofd:TextCode X=\"5\" Y=\"13\" DeltaX=\"10 10 10 10\">取水许可证</ofd:TextCode>",
        "<ofd:CGTransform CodePosition=\"0\" CodeCount=\"2\" GlyphCount=\"1\"><ofd:Glyphs>7</ofd:Glyphs>",
        "CTM=\"30 0 0 30 0 0\" ResourceID=\"2\"",
        "<ofd:FillColor Value=\"200 16 46\"/>",
        "DashPattern=\"2 1\"",
        "Rule=\"Even-Odd\"",
    ] {
        assert!(page.contains(wanted), "{wanted} in {page}");
    }
    for letter in ["M ", "L ", "Q ", "B ", " C<"] {
        assert!(page.contains(letter), "{letter} in {page}");
    }
    // Every number is given once, and the largest is known.
    let all = [
        page,
        text("Doc_0/Pages/Page_1/Content.xml"),
        text("Doc_0/PublicRes.xml"),
    ];
    let all = [
        &all[..],
        &[text("Doc_0/DocumentRes.xml"), text("Doc_0/Document.xml")],
    ]
    .concat()
    .concat();
    let mut ids: Vec<u32> = all
        .split(" ID=\"")
        .skip(1)
        .map(|s| s[..s.find('"').unwrap()].parse().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=ids.len() as u32).collect::<Vec<_>>());
    assert!(
        all.contains(&format!("<ofd:MaxUnitID>{}</ofd:MaxUnitID>", ids.len())),
        "{all}"
    );
}

#[test]
fn the_same_document_is_the_same_bytes() {
    let first = ofd::write(&sample()).unwrap();
    assert_eq!(first, ofd::write(&sample()).unwrap());
    assert_eq!(signed(&first), signed(&first));
    let mut other = sample();
    other.title.push('!');
    let other = ofd::write(&other).unwrap();
    let id = |bytes: &[u8]| ofd::read(bytes, &limits()).unwrap().id;
    assert_ne!(id(&first), id(&other));
    let package = Package::open(&first, &limits()).unwrap();
    assert_eq!(package.pack().unwrap(), first);
}

#[test]
fn what_a_clip_leaves_nothing_of_is_left_out() {
    let mut document = sample();
    let mut hidden = line("看不见", 20.0, 100.0, 5.0);
    hidden.clip = Some(Rect {
        x: 100.0,
        y: 100.0,
        width: 10.0,
        height: 10.0,
    });
    let mut cut = line("看得见一半", 20.0, 100.0, 5.0);
    cut.clip = Some(Rect {
        x: 0.0,
        y: 0.0,
        width: 30.0,
        height: 200.0,
    });
    document.pages[1].objects = vec![Object::Text(hidden), Object::Text(cut)];
    let report = ofd::read(&ofd::write(&document).unwrap(), &limits()).unwrap();
    assert_eq!(report.pages[1].text(), "看得见一半");
    assert!((report.pages[1].runs[0].x - 20.0).abs() < 0.001);
}

#[test]
fn characters_that_xml_lacks_do_not_break_the_page() {
    let mut document = sample();
    document.pages[1].objects = vec![Object::Text(line("a\u{0}b\u{1f}\u{ffff}c]]>", 20.0, 30.0, 5.0))];
    let report = ofd::read(&ofd::write(&document).unwrap(), &limits()).unwrap();
    assert_eq!(report.pages[1].text(), "a\u{fffd}b\u{fffd}\u{fffd}c]]>");
}

#[test]
fn documents_without_sense_are_refused() {
    let refused = |change: &dyn Fn(&mut Document)| {
        let mut document = sample();
        change(&mut document);
        match ofd::write(&document) {
            Err(Error::Document(why)) => why,
            other => panic!("{:?}", other.map(|b| b.len())),
        }
    };
    let object = |object: Object| refused(&|d| d.pages[0].objects.push(object.clone()));
    assert!(refused(&|d| d.pages.clear()).contains("no pages"));
    assert!(refused(&|d| d.created = "2026-5-29".into()).contains("no day"));
    assert!(refused(&|d| d.fonts.clear()).contains("font"));
    assert!(refused(&|d| d.images.clear()).contains("image"));
    assert!(refused(&|d| d.attachments[0].format = "a/../b".into()).contains("extension"));
    for size in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(refused(&|d| d.pages[1].width = size).contains("page 2"));
        let text = line("a", 1.0, 1.0, size);
        assert!(object(Object::Text(text)).contains("page 1"));
    }
    let mut text = line("ab", 1.0, 1.0, 1.0);
    text.advances.push(1.0);
    assert!(object(Object::Text(text)).contains("advances"));
    assert!(object(Object::Text(line("", 1.0, 1.0, 1.0))).contains("advances"));
    let data = vec![Segment::Move(f64::NAN, 0.0)];
    assert!(
        object(Object::Path(Path {
            data,
            ..Path::default()
        }))
        .contains("path")
    );
    let picture = Picture::within(
        0,
        Rect {
            x: f64::NAN,
            ..Rect::default()
        },
    );
    assert!(object(Object::Picture(picture)).contains("transform"));
}

#[test]
fn an_empty_page_is_a_page() {
    let document = Document {
        pages: vec![Page {
            width: 10.0,
            height: 10.0,
            objects: vec![Object::Path(Path::default())],
        }],
        ..Document::default()
    };
    let report = ofd::read(&ofd::write(&document).unwrap(), &limits()).unwrap();
    assert_eq!(
        (report.pages.len(), report.text().as_str(), report.title.as_str()),
        (1, "", "")
    );
}
