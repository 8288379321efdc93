//! Where the characters of a PDF page stand (ISO 32000-1, 9.4): the text operators are followed, glyphs become characters by
//! the font's ToUnicode map or its encoding. What cannot be told (fonts without either, text as pictures or outlines) is
//! simply not there. The file is hostile: there is a budget.

use super::words::Glyph;
use encoding_rs::{GBK, UTF_16BE};
use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Encoding, Object, ObjectId};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// What content and character maps may come to when unpacked, and how many characters and steps all pages may have.
const UNPACKED: usize = 128 << 20;
const CHARACTERS: usize = 2_000_000;
const STEPS: usize = 10_000_000;
/// Forms within forms.
const DEEP: usize = 6;

/// x' = a·x + c·y + e, y' = b·x + d·y + f.
type Matrix = [f64; 6];
const SAME: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `inner`, then `outer`.
fn after(outer: &Matrix, inner: &Matrix) -> Matrix {
    let [a, b, c, d, e, f] = *outer;
    let [g, h, i, j, k, l] = *inner;
    [
        a * g + c * h,
        b * g + d * h,
        a * i + c * j,
        b * i + d * j,
        a * k + c * l + e,
        b * k + d * l + f,
    ]
}

fn image(m: &Matrix, x: f64, y: f64) -> [f64; 2] {
    [m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]]
}

/// How the bytes of a text become characters.
enum Reading {
    Map(Encoding<'static>),
    /// One byte a character.
    Table(Vec<String>),
    /// Two bytes of UTF-16.
    Utf16,
    Gbk,
}

struct Font {
    reading: Reading,
    /// Codes have two bytes.
    wide: bool,
    /// In thousandths of the em.
    widths: HashMap<u32, f64>,
    usual: f64,
}

impl Font {
    /// The codes of a text: (code, its bytes).
    fn codes<'a>(&self, text: &'a [u8]) -> Vec<(u32, &'a [u8])> {
        let mut out = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.first() {
            let long = match self.reading {
                Reading::Gbk if *first < 0x81 => 1,
                _ if self.wide => 2,
                _ => 1,
            };
            let (code, left) = rest.split_at(long.min(rest.len()));
            out.push((code.iter().fold(0, |n, b| n << 8 | u32::from(*b)), code));
            rest = left;
        }
        out
    }

    fn says(&self, code: u32, bytes: &[u8]) -> String {
        match &self.reading {
            Reading::Map(map) => map.bytes_to_string(bytes).unwrap_or_default(),
            Reading::Table(table) => table
                .get(usize::try_from(code).unwrap_or(usize::MAX))
                .cloned()
                .unwrap_or_default(),
            Reading::Utf16 => UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
            Reading::Gbk => GBK.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    fn width(&self, code: u32, bytes: &[u8]) -> f64 {
        let half = matches!(self.reading, Reading::Gbk) && bytes.len() == 1;
        let usual = if half { self.usual / 2.0 } else { self.usual };
        self.widths.get(&code).copied().unwrap_or(usual)
    }
}

fn number(o: &Object) -> f64 {
    o.as_float().map_or(0.0, f64::from)
}

/// A matrix of six numbers; the one that changes nothing for anything else.
fn matrix(numbers: &[Object]) -> Matrix {
    let all: Vec<f64> = numbers.iter().map(number).collect();
    match <Matrix>::try_from(all) {
        Ok(m) if m.iter().all(|n| n.is_finite()) => m,
        _ => SAME,
    }
}

struct Reader<'a> {
    document: &'a Document,
    fonts: HashMap<*const Dictionary, Option<Rc<Font>>>,
    unpacked: usize,
    steps: usize,
    characters: usize,
}

/// The characters of each page, in the order in which they are drawn; `None` when they are more than may be.
pub(crate) fn of_pages(document: &Document, pages: &[ObjectId]) -> Option<Vec<Vec<Glyph>>> {
    let mut reader = Reader {
        document,
        fonts: HashMap::new(),
        unpacked: UNPACKED,
        steps: STEPS,
        characters: CHARACTERS,
    };
    pages.iter().map(|page| reader.page(*page)).collect()
}

/// What the text operators work on.
#[derive(Clone)]
struct Text {
    font: Option<Rc<Font>>,
    size: f64,
    spacing: f64,
    word_spacing: f64,
    scale: f64,
    leading: f64,
    rise: f64,
}

impl<'a> Reader<'a> {
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.unpacked = self.unpacked.checked_sub(bytes)?;
        Some(())
    }

    fn page(&mut self, page: ObjectId) -> Option<Vec<Glyph>> {
        let content = self
            .document
            .get_page_content_with_limit(page, self.unpacked)
            .ok()?;
        self.spend(content.len())?;
        let (direct, ids) = self.document.get_page_resources(page).ok()?;
        let named = ids.iter().filter_map(|id| self.document.get_dictionary(*id).ok());
        let resources: Vec<&Dictionary> = direct.into_iter().chain(named).collect();
        let mut out = Vec::new();
        self.run(&content, &resources, SAME, 0, &mut out)?;
        Some(out)
    }

    /// An entry of one kind of resource.
    fn resource(&self, resources: &[&'a Dictionary], kind: &[u8], name: &[u8]) -> Option<&'a Object> {
        resources.iter().find_map(|r| {
            let all = r.get_deref(kind, self.document).ok()?.as_dict().ok()?;
            all.get_deref(name, self.document).ok()
        })
    }

    fn font(&mut self, resources: &[&'a Dictionary], name: &[u8]) -> Option<Rc<Font>> {
        let font = self.resource(resources, b"Font", name)?.as_dict().ok()?;
        let key: *const Dictionary = font;
        if let Some(known) = self.fonts.get(&key) {
            return known.clone();
        }
        let made = self.load(font).map(Rc::new);
        self.fonts.insert(key, made.clone());
        made
    }

    fn load(&mut self, font: &'a Dictionary) -> Option<Font> {
        let document = self.document;
        let below = font.get_deref(b"DescendantFonts", document).ok();
        let below = below.and_then(|o| o.as_array().ok()?.first());
        let below = below.and_then(|o| document.dereference(o).ok()?.1.as_dict().ok());
        let named = font
            .get_deref(b"Encoding", document)
            .and_then(Object::as_name)
            .ok();
        let reading = match (self.map_of(font), named) {
            (Some(map), _) => Reading::Map(map),
            (None, Some(name)) if name.starts_with(b"UniGB-UCS2") || name.starts_with(b"UniGB-UTF16") => {
                Reading::Utf16
            }
            (None, Some(b"GBK-EUC-H" | b"GBKp-EUC-H" | b"GBK2K-H" | b"GB-EUC-H" | b"GBpc-EUC-H")) => {
                Reading::Gbk
            }
            (None, _) if below.is_some() => return None,
            (None, _) => {
                let encoding = font.get_font_encoding_with_limit(document, self.unpacked).ok()?;
                Reading::Table(
                    (0..=255u8)
                        .map(|b| encoding.bytes_to_string(&[b]).unwrap_or_default())
                        .collect(),
                )
            }
        };
        let (widths, usual) = match below {
            Some(cid) => {
                let usual = cid.get_deref(b"DW", document).map_or(1000.0, number);
                let list = cid.get_deref(b"W", document).and_then(Object::as_array);
                // With other maps than the identity a code is not the number under which its width stands.
                let direct = matches!(named, Some(b"Identity-H" | b"Identity-V") | None);
                let widths = list.ok().filter(|_| direct).map(|l| wide(document, l));
                (widths.unwrap_or_default(), usual)
            }
            None => (narrow(document, font), 500.0),
        };
        Some(Font {
            reading,
            wide: below.is_some(),
            widths,
            usual,
        })
    }

    /// The ToUnicode map. It says what is read, whatever the encoding says of the glyphs' names.
    fn map_of(&mut self, font: &Dictionary) -> Option<Encoding<'static>> {
        let stream = font
            .get_deref(b"ToUnicode", self.document)
            .ok()?
            .as_stream()
            .ok()?;
        let long = stream.get_plain_content_with_limit(self.unpacked).ok()?.len();
        self.spend(long)?;
        let mut bare = font.clone();
        bare.remove(b"Encoding");
        match bare.get_font_encoding_with_limit(self.document, long.max(1)) {
            Ok(Encoding::UnicodeMapEncoding(map)) => Some(Encoding::UnicodeMapEncoding(map)),
            _ => None,
        }
    }

    fn run(
        &mut self,
        content: &[u8],
        resources: &[&'a Dictionary],
        place: Matrix,
        depth: usize,
        out: &mut Vec<Glyph>,
    ) -> Option<()> {
        let mut ctm = place;
        let mut text = Text {
            font: None,
            size: 0.0,
            spacing: 0.0,
            word_spacing: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let mut kept: Vec<(Matrix, Text)> = Vec::new();
        let (mut line, mut pen) = (SAME, SAME);
        for operation in Content::decode_iter(content) {
            self.steps = self.steps.checked_sub(1)?;
            // What is broken from here on draws nothing in other programs either.
            let Ok(Operation { operator, operands }) = operation else {
                break;
            };
            let n = |i: usize| operands.get(i).map_or(0.0, number);
            match operator.as_str() {
                "q" if kept.len() < 1_000 => kept.push((ctm, text.clone())),
                "Q" => {
                    if let Some(before) = kept.pop() {
                        (ctm, text) = before;
                    }
                }
                "cm" => ctm = after(&ctm, &matrix(&operands)),
                "BT" => (line, pen) = (SAME, SAME),
                "Tf" => {
                    let name = operands.first().and_then(|o| o.as_name().ok());
                    text.font = name.and_then(|name| self.font(resources, name));
                    text.size = n(1);
                }
                "Tc" => text.spacing = n(0),
                "Tw" => text.word_spacing = n(0),
                "Tz" => text.scale = n(0) / 100.0,
                "TL" => text.leading = n(0),
                "Ts" => text.rise = n(0),
                "Tm" => (line, pen) = (matrix(&operands), matrix(&operands)),
                "Td" | "TD" => {
                    if operator == "TD" {
                        text.leading = -n(1);
                    }
                    line = after(&line, &[1.0, 0.0, 0.0, 1.0, n(0), n(1)]);
                    pen = line;
                }
                "T*" | "'" | "\"" => {
                    if operator == "\"" {
                        (text.word_spacing, text.spacing) = (n(0), n(1));
                    }
                    line = after(&line, &[1.0, 0.0, 0.0, 1.0, 0.0, -text.leading]);
                    pen = line;
                    if operator != "T*" {
                        let shown = operands.last().and_then(|o| o.as_str().ok());
                        self.show(shown.unwrap_or_default(), &text, &ctm, &mut pen, out)?;
                    }
                }
                "Tj" => {
                    let shown = operands.first().and_then(|o| o.as_str().ok());
                    self.show(shown.unwrap_or_default(), &text, &ctm, &mut pen, out)?;
                }
                "TJ" => {
                    let parts = operands.first().and_then(|o| o.as_array().ok());
                    for part in parts.into_iter().flatten() {
                        match part {
                            Object::String(shown, _) => self.show(shown, &text, &ctm, &mut pen, out)?,
                            other => {
                                let back = -number(other) / 1000.0 * text.size * text.scale;
                                pen = after(&pen, &[1.0, 0.0, 0.0, 1.0, back, 0.0]);
                            }
                        }
                    }
                }
                "Do" if depth < DEEP => {
                    let name = operands.first().and_then(|o| o.as_name().ok());
                    let form = name.and_then(|name| self.resource(resources, b"XObject", name));
                    self.form(form, resources, &ctm, depth, out)?;
                }
                _ => {}
            }
        }
        Some(())
    }

    /// A form that the page draws: a page within the page.
    fn form(
        &mut self,
        form: Option<&'a Object>,
        around: &[&'a Dictionary],
        ctm: &Matrix,
        depth: usize,
        out: &mut Vec<Glyph>,
    ) -> Option<()> {
        let Some(Object::Stream(stream)) = form else {
            return Some(());
        };
        if stream.dict.get(b"Subtype").and_then(Object::as_name).ok() != Some(b"Form") {
            return Some(());
        }
        let content = stream.get_plain_content_with_limit(self.unpacked).ok()?;
        self.spend(content.len())?;
        let own = stream.dict.get_deref(b"Resources", self.document);
        let own = own.and_then(Object::as_dict).ok();
        let resources: Vec<&Dictionary> = match own {
            Some(own) => vec![own],
            None => around.to_vec(),
        };
        let turn = stream.dict.get_deref(b"Matrix", self.document);
        let turn = turn.and_then(Object::as_array).map_or(SAME, |m| matrix(m));
        self.run(&content, &resources, after(ctm, &turn), depth + 1, out)
    }

    fn show(
        &mut self,
        shown: &[u8],
        text: &Text,
        ctm: &Matrix,
        pen: &mut Matrix,
        out: &mut Vec<Glyph>,
    ) -> Option<()> {
        let Some(font) = &text.font else { return Some(()) };
        for (code, bytes) in font.codes(shown) {
            let space = if bytes == b" " { text.word_spacing } else { 0.0 };
            let width = font.width(code, bytes) / 1000.0 * text.size;
            let by = (width + text.spacing + space) * text.scale;
            let place = after(ctm, pen);
            let from = image(&place, 0.0, text.rise);
            let to = image(&place, width * text.scale, text.rise);
            let up = image(&place, 0.0, text.rise + text.size);
            let size = (up[0] - from[0]).hypot(up[1] - from[1]);
            let said = font.says(code, bytes);
            let count = said.chars().count();
            self.characters = self.characters.checked_sub(count.max(1))?;
            // Several characters drawn as one glyph share its width.
            for (n, c) in said.chars().filter(|c| !c.is_control()).enumerate() {
                let part = |n: usize| {
                    let share = n as f64 / count as f64;
                    [0, 1].map(|i| (from[i] + (to[i] - from[i]) * share) as f32)
                };
                out.push(Glyph {
                    c,
                    from: part(n),
                    to: part(n + 1),
                    size: size as f32,
                });
            }
            *pen = after(pen, &[1.0, 0.0, 0.0, 1.0, by, 0.0]);
        }
        Some(())
    }
}

/// Widths of a simple font, by code.
fn narrow(document: &Document, font: &Dictionary) -> HashMap<u32, f64> {
    let first = font.get_deref(b"FirstChar", document).map_or(0.0, number) as u32;
    let list = font.get_deref(b"Widths", document).and_then(Object::as_array);
    let all = list.ok().into_iter().flatten().take(256);
    (first..)
        .zip(all.map(|o| document.dereference(o).map_or(0.0, |(_, o)| number(o))))
        .collect()
}

/// Widths of a composite font, by number (9.7.4.3): `c [w …]` or `first last w`.
fn wide(document: &Document, list: &[Object]) -> HashMap<u32, f64> {
    let mut out: BTreeMap<u32, f64> = BTreeMap::new();
    let mut rest = list.iter().map(|o| document.dereference(o).map_or(o, |(_, o)| o));
    while let Some(first) = rest.next() {
        let first = number(first).clamp(0.0, 65_535.0) as u32;
        match rest.next() {
            Some(Object::Array(each)) => out.extend((first..=65_535).zip(each.iter().map(number))),
            Some(last) => {
                let last = number(last).clamp(0.0, 65_535.0) as u32;
                let width = rest.next().map_or(0.0, number);
                // Each number is written once at the most: ranges that lie over one another cost nothing.
                if out.len() < 65_536 {
                    out.extend((first..=last).map(|n| (n, width)));
                }
            }
            None => break,
        }
    }
    out.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::words::find;
    use super::*;

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
}
