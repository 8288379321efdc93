//! Where the characters of a PDF page stand (ISO 32000-1, 9.4): the text operators are followed, glyphs become characters by
//! the font's ToUnicode map or its encoding. What cannot be told (fonts without either, text as pictures or outlines) is
//! simply not there. The file is hostile: there is a budget.

mod font;
#[cfg(test)]
mod tests;

use super::words::Glyph;
use font::Font;
use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId};
use std::collections::HashMap;
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
