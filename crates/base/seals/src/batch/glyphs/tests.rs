use super::*;
use crate::batch::words::find;

/// A PDF of one page with this content, resources of the fonts F1 (simple), F2 (composite, with a map) and F3 (GBK).
fn made(content: &str) -> Document {
    let map = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n\
         /CMapName /Custom def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n\
         2 beginbfchar\n<0001> <76D6>\n<0002> <7AE0>\nendbfchar\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";
    let form = "BT /F1 10 Tf 0 0 Td (Form) Tj ET";
    let stream =
        |body: &str, more: &str| format!("<<{more}/Length {}>>\nstream\n{body}\nendstream", body.len());
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_string(),
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R/F2 6 0 R/F3 9 0 R>>/XObject<</X 8 0 R>>>>>>".into(),
        "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>".into(),
        stream(content, ""),
        "<</Type/Font/Subtype/TrueType/BaseFont/A/Encoding/WinAnsiEncoding/FirstChar 65/Widths[700 600]>>".into(),
        "<</Type/Font/Subtype/Type0/BaseFont/B/Encoding/Identity-H/ToUnicode 7 0 R/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/DW 1000/W[1[900]]>>]>>".into(),
        stream(map, ""),
        stream(form, "/Type/XObject/Subtype/Form/BBox[0 0 100 100]/Matrix[1 0 0 1 5 5]"),
        "<</Type/Font/Subtype/Type0/BaseFont/C/Encoding/GBK-EUC-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType0>>]>>".into(),
    ];
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (n, body) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.extend(format!("{} 0 obj\n{body}\nendobj\n", n + 1).bytes());
    }
    let start = out.len();
    let end = format!(
        "trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    out.extend(table.bytes().chain(end.bytes()));
    Document::load_mem(&out).unwrap()
}

fn read(content: &str) -> Vec<Glyph> {
    let document = made(content);
    let pages: Vec<ObjectId> = document.get_pages().into_values().collect();
    of_pages(&document, &pages).unwrap().remove(0)
}

fn near(at: [f32; 2], x: f32, y: f32) -> bool {
    (at[0] - x).abs() < 0.01 && (at[1] - y).abs() < 0.01
}

#[test]
fn text_operators_are_followed() {
    let all = read(
        "q 2 0 0 2 10 20 cm BT /F1 10 Tf 3 Tc 30 40 Td (AB) Tj 0 -5 Td [(A) -500 (B)] TJ T* ET Q BT /F1 8 Tf 1 0 0 1 7 9 Tm (A) Tj ET",
    );
    let text: String = all.iter().map(|g| g.c).collect();
    assert_eq!(text, "ABABA");
    assert!(
        near(all[0].from, 70.0, 100.0) && near(all[0].to, 84.0, 100.0),
        "{all:?}"
    );
    // 7 points and 3 of spacing, twice as large.
    assert!(near(all[1].from, 90.0, 100.0) && all[1].size == 20.0, "{all:?}");
    assert!(
        near(all[2].from, 70.0, 90.0) && near(all[3].from, 100.0, 90.0),
        "{all:?}"
    );
    assert!(near(all[4].from, 7.0, 9.0) && all[4].size == 8.0, "{all:?}");
}

#[test]
fn composite_fonts_and_forms_are_read() {
    let all = read(
        "BT /F2 10 Tf 100 200 Td <00010002> Tj ET q 1 0 0 1 50 60 cm /X Do Q BT /F3 10 Tf 10 10 Td <B8C7D5C2> Tj ET",
    );
    let text: String = all.iter().map(|g| g.c).collect();
    assert_eq!(text, "盖章Form盖章");
    assert!(
        near(all[1].from, 109.0, 200.0) && near(all[1].to, 119.0, 200.0),
        "{all:?}"
    );
    assert!(near(all[2].from, 55.0, 65.0), "{all:?}");
    let hits = find("盖章", &[all]);
    assert_eq!(hits.len(), 2);
    assert!((hits[0].centre[0] - 109.25).abs() < 0.01, "{hits:?}");
}

#[test]
fn what_is_broken_is_not_there() {
    for content in [
        "BT /F9 10 Tf (A) Tj ET",
        "BT (A) Tj ET",
        "(A) Tj",
        "/Y Do",
        "BT /F1 10 Tf [",
        "Q Q Q",
        "BT /F1 Tf 1 Td ' \" T* Tj TJ",
    ] {
        assert_eq!(read(content), [], "{content}");
    }
}

#[test]
fn a_form_that_draws_itself_ends() {
    let mut document = made("/X Do");
    let Ok(Object::Stream(form)) = document.get_object_mut((8, 0)) else {
        panic!()
    };
    form.content = b"/X Do /X Do BT /F1 10 Tf (A) Tj ET".to_vec();
    let pages: Vec<ObjectId> = document.get_pages().into_values().collect();
    assert!(of_pages(&document, &pages).unwrap()[0].len() < 100);
}
