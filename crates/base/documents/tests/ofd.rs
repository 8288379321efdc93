//! Pages as OFD: the same words in the same places as in the PDF, and what other readers make of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use documents::print;
use ofd::{Limits, Package, Report, Signing, Stamp};
use serde_json::{Value, json};

/// 28 May 2026, 20:26:40 UTC, so 29 May in China.
const NOW: i64 = 1_780_000_000_000;
const PACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../packs/base/");

fn pack(name: &str) -> String {
    std::fs::read_to_string(format!("{PACK}{name}")).unwrap()
}

fn certificate() -> (String, Value) {
    let data = json!({
        "title": "取水许可证", "number": "演示〔2026〕00012", "holder": "演示市清河水业有限公司",
        "fields": [
            { "key": "place", "label": "地点", "value": "演示区清河路 18 号" },
            { "key": "volume", "label": "数量", "value": 120_000 },
            { "key": "rest", "label": "其他", "value": null },
        ],
        "valid_from": "2026年6月1日", "valid_until": "2031年5月31日", "note": "演示用。",
        "qr": kernel::qr::svg("https://yiwang.example/v/1").unwrap(),
        "verify_url": "https://yiwang.example/v/1", "identifier": "1.2.156.3001.2.11320899.1",
        "issuer": "演示市水利局", "issued_on": "2026年5月28日", "demo": true,
    });
    (pack("certificate.typ"), data)
}

fn paper() -> (String, Value) {
    let materials: Vec<_> = (1..=40)
        .map(|n| json!({ "title": format!("第{n}项材料"), "note": "原件一份" }))
        .collect();
    let data = json!({
        "title": "补正材料通知书", "number": "演示水补〔2026〕7号", "organisation": "演示市水利局",
        "applicant": "演示市清河水业有限公司", "matter": "取水许可", "date": "2026年5月29日",
        "submitted": "2026年5月20日", "case_number": "11320899-20260520-000017", "demo": true,
        "qr": kernel::qr::svg("https://yiwang.example/w/7").unwrap(),
        "basis": [{ "law": "取水许可和水资源费征收管理条例", "article": "第十一条" }],
        "materials": materials, "corrects": null, "reason": "材料不全", "due": "2026年6月12日",
    });
    // The sheet with a text of its own, so that the test does not know each paper's words.
    let body = "#to()\n#par[你单位#asked;提出的#d.matter;申请，#by-law;补正下列材料。]\n#materials()\n\
                #sign[请于#d.due;前补正。]\n#box(clip: true, width: 40pt, height: 10pt)[齉齉齉齉齉齉齉齉]\n\
                #rotate(10deg, rect(width: 30pt, height: 12pt, fill: gradient.linear(red, blue), stroke: (paint: green, dash: \"dashed\")))";
    (format!("{}\n{body}", pack("papers/layout.typ")), data)
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ofd");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read(bytes: &[u8]) -> Report {
    ofd::read(bytes, &Limits::default()).unwrap()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// The characters of a text that can be seen, in any order: programs differ in how they find lines.
fn ink(text: &str) -> String {
    // Of what a clip hides a PDF keeps the text.
    let seen = |c: &char| !c.is_whitespace() && !"\u{200b}齉".contains(*c);
    let mut all: Vec<char> = text.chars().filter(seen).collect();
    all.sort_unstable();
    all.into_iter().collect()
}

#[test]
fn the_words_are_those_of_the_pdf() {
    for (name, (template, data)) in [("certificate", certificate()), ("paper", paper())] {
        let (pdf, spot) = print::render_marked(&template, &data, "标题", NOW, "seal").unwrap();
        let (ofd, same) = print::render_ofd(&template, &data, "标题", NOW, "seal").unwrap();
        assert_eq!(spot, same);
        assert_eq!(spot.is_some(), name == "paper");
        let pdf = file(&format!("{name}.pdf"), &pdf);
        file(&format!("{name}.ofd"), &ofd);
        let report = read(&ofd);
        assert_eq!(
            (report.title.as_str(), report.created.as_str()),
            ("标题", "2026-05-29")
        );
        let pages = run("pdfinfo", &[pdf.to_str().unwrap()]);
        let count = pages
            .lines()
            .find_map(|l| l.strip_prefix("Pages:"))
            .unwrap()
            .trim();
        assert_eq!(count, report.pages.len().to_string());
        for page in &report.pages {
            assert!((page.width - 210.0).abs() < 0.01 && (page.height - 297.0).abs() < 0.01);
        }
        let words = run("pdftotext", &[pdf.to_str().unwrap(), "-"]);
        let text = report.text();
        assert_eq!(ink(&text), ink(&words), "{name}: {text}\n---\n{words}");
    }
    let text = read(
        &print::render_ofd(&certificate().0, &certificate().1, "", NOW, "")
            .unwrap()
            .0,
    )
    .text();
    for wanted in [
        "取水许可证",
        "演示市清河水业有限公司",
        "演示区清河路 18 号",
        "https://yiwang.example/v/1",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

/// Lines of the PDF that are one run in the OFD file start at the same place on the page.
#[test]
fn the_words_stand_where_they_stand_in_the_pdf() {
    let (template, data) = certificate();
    let (pdf, _) = print::render_marked(&template, &data, "", NOW, "").unwrap();
    let (ofd, _) = print::render_ofd(&template, &data, "", NOW, "").unwrap();
    let pdf = file("places.pdf", &pdf);
    let words = run("pdftotext", &["-bbox", pdf.to_str().unwrap(), "-"]);
    let part = |line: &str, key: &str| -> f64 {
        let value = line
            .split(&format!("{key}=\""))
            .nth(1)
            .and_then(|s| s.split('"').next());
        value.unwrap().parse::<f64>().unwrap() * 25.4 / 72.0
    };
    let mut seen = 0;
    let runs = &read(&ofd).pages[0].runs;
    for line in words.lines().filter(|l| l.contains("<word")) {
        let word = line.split(['>', '<']).nth(2).unwrap();
        // Not the slanted words behind the page.
        let mut same = runs.iter().filter(|r| r.text == word && r.size < 20.0);
        let (Some(run), None) = (same.next(), same.next()) else {
            continue;
        };
        seen += 1;
        let (left, right) = (part(line, "xMin"), part(line, "xMax"));
        let (top, bottom) = (part(line, "yMin"), part(line, "yMax"));
        assert!((left - run.x).abs() < 0.05, "{line} {run:?}");
        assert!(
            (right - left - run.width).abs() < 0.6 * run.size,
            "{line} {run:?}"
        );
        assert!(top < run.y && run.y < bottom, "{line} {run:?}");
    }
    assert!(seen >= 8, "{seen} in {words}");
}

#[test]
fn fonts_are_subsets_that_know_their_characters() {
    let (template, data) = certificate();
    let (bytes, _) = print::render_ofd(&template, &data, "", NOW, "").unwrap();
    assert!(bytes.len() < 100_000, "{}", bytes.len());
    let package = Package::open(&bytes, &Limits::default()).unwrap();
    let fonts: Vec<_> = package.files.keys().filter(|k| k.ends_with(".ttf")).collect();
    assert_eq!(fonts.len(), 2, "{fonts:?}");
    let faces: Vec<_> = fonts
        .iter()
        .map(|f| ttf_parser::Face::parse(&package.files[*f], 0).unwrap())
        .collect();
    for c in read(&bytes).text().chars().filter(|c| !c.is_whitespace()) {
        assert!(faces.iter().any(|f| f.glyph_index(c).is_some()), "{c:?}");
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let (template, data) = certificate();
    let make = |title, now| print::render_ofd(&template, &data, title, now, "").unwrap().0;
    let first = make("t", NOW);
    assert_eq!(first, make("t", NOW));
    assert_ne!(first, make("u", NOW));
    // Only the day is in it.
    assert_eq!(first, make("t", NOW + 1000));
    assert_ne!(first, make("t", NOW + 86_400_000));
}

#[test]
fn vector_pictures_stay_vectors() {
    let svg = kernel::qr::svg("https://yiwang.example/v/1").unwrap();
    let modules = svg.matches('M').count();
    let template = "#image(bytes(json(bytes(sys.inputs.data))), format: \"svg\", width: 30mm)";
    let (bytes, _) = print::render_ofd(template, &json!(svg), "", NOW, "").unwrap();
    let package = Package::open(&bytes, &Limits::default()).unwrap();
    let page = String::from_utf8(package.files["Doc_0/Pages/Page_0/Content.xml"].clone()).unwrap();
    let drawn = page.matches("M ").count();
    assert!(drawn >= modules && modules > 100, "{drawn} of {modules}");
    assert!(!package.files.keys().any(|k| k.ends_with(".png")));
}

#[test]
fn pictures_keep_their_bytes_or_become_png() {
    let png = seal().png(64).unwrap();
    let array: Vec<String> = png.iter().map(u8::to_string).collect();
    let dots: Vec<String> = (0..12).map(|n| (n * 20).to_string()).collect();
    let template = format!(
        "#let p = bytes(({},))\n#image(p, width: 20mm)\n#image(p, width: 10mm)\n#box(clip: true, width: 5mm, height: 5mm, image(p, width: 20mm))\n\
         #image(bytes(({})), format: (encoding: \"rgb8\", width: 2, height: 2), width: 10mm)",
        array.join(","),
        dots.join(",")
    );
    let (bytes, _) = print::render_ofd(&template, &json!({}), "", NOW, "").unwrap();
    let package = Package::open(&bytes, &Limits::default()).unwrap();
    let pictures: Vec<_> = package
        .files
        .iter()
        .filter(|(k, _)| k.contains("Image_"))
        .collect();
    assert_eq!(pictures.len(), 2, "one picture is there once");
    assert_eq!(pictures[0].1, &png);
    assert!(pictures[1].1.starts_with(b"\x89PNG"));
    let page = String::from_utf8(package.files["Doc_0/Pages/Page_0/Content.xml"].clone()).unwrap();
    assert_eq!(page.matches("<ofd:ImageObject").count(), 4);
    file("pictures.ofd", &bytes);
}

#[test]
fn seals_are_pages_and_pictures() {
    let seal = seal().ofd_page("演示市水利局").unwrap();
    let report = read(&seal);
    assert_eq!(
        (
            report.pages[0].width,
            report.pages[0].height,
            report.title.as_str()
        ),
        (42.0, 42.0, "演示市水利局")
    );
    file("seal.ofd", &seal);
    let png = self::seal().png(500).unwrap();
    file("seal.png", &png);
    assert!(png.len() < 100_000 && png == self::seal().png(500).unwrap());
    for dots in [15, 5000] {
        let refused = self::seal().png(dots);
        assert!(matches!(refused, Err(seals::draw::DrawError::Words(_))));
    }
}

fn seal() -> seals::draw::Drawing {
    seals::draw::round("演示市水利局", "电子签章", "演示", 42.0 / 25.4 * 72.0).unwrap()
}

#[test]
fn a_printed_page_is_signed() {
    let (template, data) = paper();
    let (bytes, spot) = print::render_ofd(&template, &data, "", NOW, "seal").unwrap();
    let report = read(&bytes);
    let spot = spot.unwrap();
    let page = spot.page as usize - 1;
    let (x, y) = (
        spot.x * 25.4 / 72.0,
        report.pages[page].height - spot.y * 25.4 / 72.0,
    );
    let stamp = Stamp {
        page,
        boundary: ofd::Rect {
            x: x - 21.0,
            y: y - 21.0,
            width: 42.0,
            height: 42.0,
        },
        clip: None,
    };
    let signing = Signing {
        provider: "Yiwang".into(),
        time: "20260528202640Z".into(),
        seal: Some(b"seal".to_vec()),
        stamps: vec![stamp],
        ..Signing::default()
    };
    let signed = ofd::prepare(&bytes, &Limits::default(), &signing)
        .unwrap()
        .finish(b"value")
        .unwrap();
    file("signed.ofd", &signed);
    let signature = &read(&signed).signatures[0];
    assert!(signature.whole());
    assert_eq!(signature.stamps[0].page, Some(page));
}

/// What a program that others wrote reads, when `YIWANG_OFD_READER` names a Python that has `ofdkit`.
#[test]
fn another_reader_sees_the_same_words() {
    let Ok(python) = std::env::var("YIWANG_OFD_READER") else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ofd_reader.py");
    for (name, (template, data)) in [("certificate", certificate()), ("paper", paper())] {
        let (bytes, _) = print::render_ofd(&template, &data, "", NOW, "").unwrap();
        let path = file(&format!("{name}-other.ofd"), &bytes);
        let words = run(&python, &[script.to_str().unwrap(), path.to_str().unwrap()]);
        let text = read(&bytes).text();
        assert_eq!(ink(&words), ink(&text), "{name}: {words}\n---\n{text}");
    }
}
