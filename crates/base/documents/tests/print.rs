//! Printing: what comes out of the PDF again, what templates may not do, and how seals look.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use documents::print::{self, PrintError};
use lopdf::content::Content;
use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use serde_json::{Value, json};

/// 28 May 2026, 20:26:40 UTC, so 29 May in China.
const NOW: i64 = 1_780_000_000_000;

const SMALL: &str = r#"#let d = json(bytes(sys.inputs.data))
#set page(paper: "a5")
#set text(lang: "zh", region: "cn")
= #d.title
持证主体：#text(weight: "bold", d.holder)
#datetime.today().display("[year]-[month]-[day]")
#image(bytes(d.qr), format: "svg", width: 3cm)
"#;

fn small() -> Value {
    json!({
        "title": "取水许可证",
        "holder": "演示市清河水业有限公司 #panic(1) *不是代码*",
        "qr": kernel::qr::svg("https://yiwang.example/v/1").unwrap(),
    })
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("print");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What a poppler program says about a file.
fn poppler(program: &str, arguments: &[&str], path: &Path) -> Vec<u8> {
    let done = Command::new(program)
        .args(arguments)
        .arg(path)
        .args(if program == "pdftotext" { &["-"][..] } else { &[] })
        .output()
        .expect("poppler must be installed");
    // This pdfinfo complains of an optional entry that is left out.
    let silent = done.stderr.is_empty() || program == "pdfinfo";
    assert!(done.status.success() && silent, "{program}: {done:?}");
    done.stdout
}

fn text_of(path: &Path) -> String {
    String::from_utf8(poppler("pdftotext", &["-layout"], path)).unwrap()
}

/// Renders a body that must not render.
fn refused(template: &str) -> (Option<usize>, String) {
    match print::render(template, &json!({}), "t", NOW) {
        Err(PrintError::Template { line, message }) => (line, message),
        other => panic!("{template}: {:?}", other.map(|pdf| pdf.len())),
    }
}

#[test]
fn chinese_text_and_fonts_are_in_the_file() {
    let pdf = print::render(SMALL, &small(), "取水许可证（演示）", NOW).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7"));
    assert!(pdf.len() < 120_000, "fonts are subsets: {}", pdf.len());
    let path = file("small.pdf", &pdf);
    let text = text_of(&path);
    for wanted in [
        "取水许可证",
        "演示市清河水业有限公司 #panic(1) *不是代码*",
        "2026-05-29",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let fonts = String::from_utf8(poppler("pdffonts", &[], &path)).unwrap();
    for font in ["NotoSerifSC-Regular", "NotoSerifSC-Bold"] {
        let line = fonts
            .lines()
            .find(|l| l.contains(font))
            .unwrap_or_else(|| panic!("{font} in {fonts}"));
        // Columns emb, sub, uni, before the two numbers of the object.
        let columns: Vec<&str> = line.split_whitespace().rev().skip(2).take(3).collect();
        assert_eq!(columns, ["yes"; 3], "{line}");
    }
    let info = String::from_utf8(poppler("pdfinfo", &["-rawdates"], &path)).unwrap();
    for wanted in ["取水许可证（演示）", "D:20260529042640+08'00", "Yiwang", "1.7"] {
        assert!(info.contains(wanted), "{wanted} in {info}");
    }
}

#[test]
fn an_empty_title_keeps_the_templates_own() {
    let template = "#set document(title: [自带标题])\n正文";
    let pdf = print::render(template, &json!({}), "", NOW).unwrap();
    let info = String::from_utf8(poppler("pdfinfo", &[], &file("title.pdf", &pdf))).unwrap();
    assert!(info.contains("自带标题"), "{info}");
}

#[test]
fn the_same_arguments_give_the_same_bytes_on_any_thread() {
    let data = small();
    let first = print::render(SMALL, &data, "t", NOW).unwrap();
    let other = json!({ "title": "另一份", "holder": "另一人", "qr": data["qr"] });
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|i| {
                let data = if i % 2 == 0 { &data } else { &other };
                scope.spawn(move || print::render(SMALL, data, "t", NOW).unwrap())
            })
            .collect();
        for (i, run) in runs.into_iter().enumerate() {
            assert_eq!(run.join().unwrap() == first, i % 2 == 0, "run {i}");
        }
    });
    assert_ne!(print::render(SMALL, &data, "t", NOW + 1000).unwrap(), first);
    assert_ne!(print::render(SMALL, &data, "u", NOW).unwrap(), first);
}

#[test]
fn errors_name_the_line() {
    let (line, message) = refused("一\n二\n#unknown-thing\n四");
    assert_eq!(line, Some(3));
    assert!(message.contains("unknown variable: unknown-thing"), "{message}");
    let (line, message) = refused("#let d = json(bytes(sys.inputs.data))\n\n#d.holder");
    assert_eq!((line, message.contains("holder")), (Some(3), true), "{message}");
    assert_eq!(refused("a\n#let broken = (1,").0, Some(2));
    // An error inside the data is told at the line that reads it.
    assert_eq!(refused("a\n#json(bytes(sys.inputs.data + \"}\"))").0, Some(2));
    assert_eq!(
        PrintError::Template {
            line: Some(3),
            message: "x".into()
        }
        .to_string(),
        "template line 3: x"
    );
}

#[test]
fn templates_reach_nothing_outside() {
    for template in [
        "\n#read(\"/etc/passwd\")",
        "\n#read(\"template.typ\")",
        "\n#image(\"logo.png\")",
        "\n#json(\"data.json\")",
        "\n#include \"other.typ\"",
        "\n#import \"other.typ\": x",
        "\n#bibliography(\"refs.bib\")",
    ] {
        let (line, message) = refused(template);
        assert_eq!(line, Some(2), "{template}: {message}");
        assert!(
            message.contains("templates read no files"),
            "{template}: {message}"
        );
    }
    let (line, message) = refused("\n\n#import \"@preview/cetz:0.3.2\": canvas");
    assert_eq!(line, Some(3));
    assert!(message.contains("templates import no packages"), "{message}");
    for template in [
        "#eval(\"1 + 1\")",
        "#std.eval(\"1\")",
        "#plugin(bytes(()))",
        "#std.plugin(bytes(()))",
    ] {
        assert_eq!(refused(template).0, Some(1), "{template}");
    }
    // Nothing about the machine: only what was given.
    let pdf = print::render("#sys.inputs.keys().join(\",\")", &json!({}), "t", NOW).unwrap();
    assert_eq!(text_of(&file("inputs.pdf", &pdf)).trim(), "data");
}

#[test]
fn work_is_bounded() {
    let start = Instant::now();
    assert!(refused("#while true { }").1.contains("always true"));
    assert!(
        refused("#let i = 0\n#while i >= 0 { i += 1 }")
            .1
            .contains("infinite")
    );
    assert!(refused("#let f(x) = f(x + 1)\n#f(1)").1.contains("depth"));
    assert!(
        refused("#let f() = [#f()]\n#show \"a\": it => it + it\naa #f()")
            .0
            .is_some()
    );
    // A layout that never settles is left after the typesetter's last pass.
    let restless = "#context { let n = counter(\"c\").final().at(0); counter(\"c\").update(n + 1) }";
    print::render(restless, &json!({}), "t", NOW).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());

    let pages = |n: usize| {
        print::render(
            &format!("{}终", "页 #pagebreak()\n".repeat(n - 1)),
            &json!({}),
            "t",
            NOW,
        )
    };
    assert!(pages(print::MAX_PAGES).is_ok());
    assert_eq!(
        pages(51),
        Err(PrintError::TooLarge {
            what: "pages",
            size: 51,
            allowed: 50
        })
    );
    let long = "a".repeat(print::MAX_TEMPLATE + 1);
    let too_large = |what, size, allowed| Err(PrintError::TooLarge { what, size, allowed });
    assert_eq!(
        print::render(&long, &json!({}), "t", NOW),
        too_large("template bytes", 200_001, 200_000)
    );
    let much = json!("a".repeat(print::MAX_DATA));
    assert_eq!(
        print::render("", &much, "t", NOW),
        too_large("data bytes", 1_000_002, 1_000_000)
    );
    assert_eq!(
        print::render("", &json!({}), "t", i64::MAX),
        Err(PrintError::Time(i64::MAX))
    );
}

#[test]
fn certificates_of_the_packs_print() {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../packs/huaian/certificates");
    let Ok(folders) = std::fs::read_dir(packs) else {
        return;
    };
    for folder in folders.map(|f| f.unwrap().path()) {
        let own = folder.join("certificate.typ");
        let shared = folder.join("../../../base/certificate.typ");
        let template = std::fs::read_to_string(if own.exists() { own } else { shared }).unwrap();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let data = json!({
            "title": "演示许可证", "number": "演示〔2026〕00012", "holder": "演示市清河水业有限公司",
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
        let pdf =
            print::render(&template, &data, "演示许可证", NOW).unwrap_or_else(|e| panic!("{name}: {e}"));
        let text = text_of(&file(&format!("{name}.pdf"), &pdf));
        for wanted in [
            "演示许可证",
            "演示市清河水业有限公司",
            "演示区清河路 18 号",
            "演示市水利局",
        ] {
            assert!(text.contains(wanted), "{name}: {wanted} in {text}");
        }
    }
}

#[test]
fn qr_codes_are_inline_svg() {
    let svg = kernel::qr::svg("https://yiwang.example/v/1?a=演示").unwrap();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"), "{svg}");
    assert!(!svg.contains("演示"), "the text is in the modules only");
    assert_eq!(svg, kernel::qr::svg("https://yiwang.example/v/1?a=演示").unwrap());
    assert!(kernel::qr::svg(&"a".repeat(2331)).is_ok());
    assert!(kernel::qr::svg(&"a".repeat(2332)).is_err());
}

const NAMES: [&str; 5] = [
    "公安局",
    "演示市水利局",
    "演示市卫生健康委员会",
    "演示市演示区住房和城乡建设局（试点）",
    "演示市人民政府国有资产监督管理委员会政务",
];

#[test]
fn seals_are_plain_outlines_inside_their_box() {
    for name in NAMES {
        let drawing = seals::draw::round(name, "电子签章", "演示", 119.0).unwrap().pdf();
        assert_eq!(
            drawing,
            seals::draw::round(name, "电子签章", "演示", 119.0).unwrap().pdf()
        );
        assert!(drawing.len() < 100_000, "{name}: {}", drawing.len());
        let content = Content::decode(&drawing).unwrap();
        let count = |operator: &str| {
            content
                .operations
                .iter()
                .filter(|o| o.operator == operator)
                .count()
        };
        assert_eq!((count("q"), count("Q"), count("rg"), count("f")), (1, 1, 1, 1));
        assert_eq!(count("m"), count("h"), "every outline is closed");
        for operation in content
            .operations
            .iter()
            .filter(|o| "mlc".contains(o.operator.as_str()))
        {
            let operands = operation.operands.iter().map(|o| o.as_float().unwrap());
            for (i, at) in operands.enumerate() {
                assert!((0.0..=119.0).contains(&at), "{name}: {operation:?}");
                assert!(i < 6);
            }
        }
    }
}

/// A page with the seal on it, as `trust` puts it there: a form without resources.
fn stamped(drawing: Vec<u8>, d: f64) -> Vec<u8> {
    let mut doc = Document::with_version("1.7");
    let size: Vec<Object> = vec![0.into(), 0.into(), (d as f32).into(), (d as f32).into()];
    let form = dictionary! {
        "Type" => "XObject", "Subtype" => "Form", "BBox" => size.clone(), "Resources" => Dictionary::new(),
    };
    let form = doc.add_object(Stream::new(form, drawing));
    let content = doc.add_object(Stream::new(Dictionary::new(), b"/Seal Do".to_vec()));
    let pages = doc.new_object_id();
    let page = doc.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "MediaBox" => size, "Contents" => content,
        "Resources" => dictionary! { "XObject" => dictionary! { "Seal" => form } },
    });
    doc.objects.insert(
        pages,
        dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 }.into(),
    );
    let catalog = doc.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    doc.trailer.set("Root", catalog);
    let mut out = Vec::new();
    doc.save_to(&mut out).unwrap();
    out
}

/// A drawn page: 400 dots wide and high.
struct Picture(Vec<u8>);

impl Picture {
    fn of(path: &Path) -> Self {
        let drawn = poppler("pdftoppm", &["-scale-to", "400", "-singlefile"], path);
        let head = b"P6\n400 400\n255\n";
        assert!(drawn.starts_with(head));
        Self(drawn[head.len()..].to_vec())
    }

    /// The colour at a distance (1 is the edge) and an angle (degrees, 0 is up, clockwise).
    fn at(&self, distance: f64, degrees: f64) -> [u8; 3] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (x, y) = (200.0 + 200.0 * distance * sin, 200.0 - 200.0 * distance * cos);
        let i = 3 * (y as usize * 400 + x as usize);
        [self.0[i], self.0[i + 1], self.0[i + 2]]
    }

    /// The part of the dots between two angles and two distances that is not white.
    fn ink(&self, distances: (f64, f64), degrees: (f64, f64)) -> f64 {
        let mut seen = (0, 0);
        for i in 0..40 {
            for j in 0..200 {
                let part = |(from, to): (f64, f64), of: f64| from + (to - from) * of;
                let dot = self.at(
                    part(distances, f64::from(i) / 40.0),
                    part(degrees, f64::from(j) / 200.0),
                );
                seen.0 += u32::from(dot[1] < 128);
                seen.1 += 1;
            }
        }
        f64::from(seen.0) / f64::from(seen.1)
    }
}

#[test]
fn seals_look_like_seals_in_pdf_and_svg() {
    const RED: [u8; 3] = [0xc8, 0x10, 0x2e];
    const WHITE: [u8; 3] = [255; 3];
    for (i, name) in NAMES.into_iter().enumerate() {
        let drawing = seals::draw::round(name, "电子签章", "演示", 119.0).unwrap().pdf();
        let page = Picture::of(&file(&format!("seal{i}.pdf"), &stamped(drawing, 119.0)));
        for degrees in (0..360).step_by(15).map(f64::from) {
            assert_eq!(page.at(0.963, degrees), RED, "ring of {name} at {degrees}");
            assert_eq!(
                page.at(0.90, degrees),
                WHITE,
                "inside the ring of {name} at {degrees}"
            );
        }
        assert_eq!((page.at(0.0, 0.0), page.at(0.3, 0.0)), (RED, RED), "star");
        assert_eq!(
            (page.at(0.3, 36.0), page.at(1.3, 45.0)),
            (WHITE, WHITE),
            "beside the star, the corner"
        );
        // Every character of the name has its sector, left as right; the lines below have theirs.
        let count = name.chars().count() as f64;
        let step = 29f64.min(250.0 / (count - 1.0));
        for k in 0..name.chars().count() {
            let middle = step * (k as f64 - (count - 1.0) / 2.0);
            let ink = page.ink((0.61, 0.87), (middle - step * 0.4, middle + step * 0.4));
            assert!((0.05..0.8).contains(&ink), "{name} {k}: {ink}");
        }
        assert!(
            page.ink((0.42, 0.55), (165.0, 195.0)) > 0.1,
            "line under the star"
        );
        assert!(page.ink((0.65, 0.77), (172.0, 188.0)) > 0.1, "foot");

        // The SVG, drawn by the typesetter, is the same picture.
        let svg = seals::draw::round(name, "电子签章", "演示", 119.0).unwrap().svg();
        let template = "#set page(width: 119pt, height: 119pt, margin: 0pt)
#image(bytes(json(bytes(sys.inputs.data))), format: \"svg\", width: 119pt)";
        let pdf = print::render(template, &json!(svg), "t", NOW).unwrap();
        let other = Picture::of(&file(&format!("seal{i}-svg.pdf"), &pdf));
        let differ = page
            .0
            .iter()
            .zip(&other.0)
            .filter(|(a, b)| a.abs_diff(**b) > 64)
            .count();
        assert!(differ < 1200, "{name}: {differ} of {}", page.0.len());
    }
}

#[test]
fn seals_refuse_what_they_cannot_draw() {
    let refused = |arc: &str, centre: &str, d: f64| match seals::draw::round(arc, centre, "演示", d) {
        Err(seals::draw::DrawError::Words(why)) => why,
        other => panic!("{:?}", other.map(|o| o.steps.len())),
    };
    assert!(refused("", "", 100.0).contains("no name"));
    assert!(refused("局\u{1F600}", "", 100.0).contains("no glyph"));
    assert!(refused(&"局".repeat(31), "", 100.0).contains("30"));
    assert!(refused("局", &"章".repeat(13), 100.0).contains("12"));
    for d in [0.0, -1.0, 5000.0, f64::NAN, f64::INFINITY] {
        assert!(refused("局", "", d).contains("diameter"));
    }
    // Without the lines below there is only ring, star and name.
    assert!(seals::draw::round("演示局", "", "", 100.0).is_ok());
    let svg = seals::draw::round("局<\"&", "", "", 100.0).unwrap().svg();
    assert!(
        svg.contains("aria-label=\"局&lt;&quot;&amp;\""),
        "{}",
        &svg[..200]
    );
}
