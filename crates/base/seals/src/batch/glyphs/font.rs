//! Fonts of a PDF: which characters their codes are, and how wide.

use super::{Reader, number};
use encoding_rs::{GBK, UTF_16BE};
use lopdf::{Dictionary, Document, Encoding, Object};
use std::collections::{BTreeMap, HashMap};

/// How the bytes of a text become characters.
enum Reading {
    Map(Encoding<'static>),
    /// One byte a character.
    Table(Vec<String>),
    /// Two bytes of UTF-16.
    Utf16,
    Gbk,
}

pub(super) struct Font {
    reading: Reading,
    /// Codes have two bytes.
    wide: bool,
    /// In thousandths of the em.
    widths: HashMap<u32, f64>,
    usual: f64,
}

impl Font {
    /// The codes of a text: (code, its bytes).
    pub(super) fn codes<'a>(&self, text: &'a [u8]) -> Vec<(u32, &'a [u8])> {
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

    pub(super) fn says(&self, code: u32, bytes: &[u8]) -> String {
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

    pub(super) fn width(&self, code: u32, bytes: &[u8]) -> f64 {
        let half = matches!(self.reading, Reading::Gbk) && bytes.len() == 1;
        let usual = if half { self.usual / 2.0 } else { self.usual };
        self.widths.get(&code).copied().unwrap_or(usual)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn load(&mut self, font: &'a Dictionary) -> Option<Font> {
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
