//! Font subsets that stand on their own. The subsetter leaves out the tables that PDF does without; a reader of OFD finds
//! glyphs by `cmap`, and system font loaders want `OS/2`.

use std::collections::{BTreeMap, BTreeSet};

use subsetter::GlyphRemapper;
use ttf_parser::{Face, Tag};

use super::PrintError;

/// Glyphs of one font that a document uses.
#[derive(Default)]
pub(super) struct Used {
    /// What a character is drawn with where nothing else is said.
    pub(super) chars: BTreeMap<char, u16>,
    pub(super) glyphs: BTreeSet<u16>,
}

/// The font with these glyphs only, and the map from old to new numbers.
///
/// # Errors
/// [`PrintError::Ofd`] for fonts with outlines of a kind that the subsetter does not know.
pub(super) fn subset(data: &[u8], index: u32, used: &Used) -> Result<(Vec<u8>, GlyphRemapper), PrintError> {
    let wrong = |e: &dyn std::fmt::Display| PrintError::Ofd(format!("font: {e}"));
    let mut map = GlyphRemapper::new();
    for glyph in used.glyphs.iter().chain(used.chars.values()) {
        map.remap(*glyph);
    }
    let bytes = subsetter::subset(data, index, &map).map_err(|e| wrong(&e))?;
    let face = Face::parse(data, index).map_err(|e| wrong(&e))?;
    let mut tables = tables(&bytes).ok_or_else(|| wrong(&"the subset is broken"))?;
    if let Some(table) = face.raw_face().table(Tag::from_bytes(b"OS/2")) {
        tables.insert(*b"OS/2", table.to_vec());
    }
    let chars = used
        .chars
        .iter()
        .filter_map(|(c, glyph)| Some((u32::from(*c), map.get(*glyph)?)));
    let chars: Vec<_> = chars.filter(|(_, glyph)| *glyph != 0).collect();
    tables.insert(*b"cmap", cmap(&chars));
    let kind = bytes.get(..4).unwrap_or_default();
    Ok((file(kind, tables), map))
}

fn tables(font: &[u8]) -> Option<BTreeMap<[u8; 4], Vec<u8>>> {
    let long = |at: usize| -> Option<usize> {
        let bytes = font.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    let count = u16::from_be_bytes(font.get(4..6)?.try_into().ok()?);
    (0..usize::from(count))
        .map(|i| {
            let record = 12 + 16 * i;
            let tag = font.get(record..record + 4)?.try_into().ok()?;
            let (from, length) = (long(record + 8)?, long(record + 12)?);
            Some((tag, font.get(from..from.checked_add(length)?)?.to_vec()))
        })
        .collect()
}

/// Runs of characters whose glyphs follow each other: first, last, glyph of the first.
fn runs(chars: &[(u32, u16)]) -> Vec<(u32, u32, u16)> {
    let mut out: Vec<(u32, u32, u16)> = Vec::new();
    for &(c, glyph) in chars {
        match out.last_mut() {
            Some((first, last, start))
                if *last + 1 == c && u32::from(*start) + (c - *first) == u32::from(glyph) =>
            {
                *last = c;
            }
            _ => out.push((c, c, glyph)),
        }
    }
    out
}

/// Formats 4 (for programs that know no other) and 12 (for characters beyond U+FFFF).
fn cmap(chars: &[(u32, u16)]) -> Vec<u8> {
    let basic: Vec<_> = chars.iter().copied().filter(|(c, _)| *c < 0xffff).collect();
    // Segments that format 4 has room for.
    let mut segments = runs(&basic);
    segments.truncate(8000);
    segments.push((0xffff, 0xffff, 0));
    let count = segments.len() as u16;
    let power = 1u16 << count.ilog2();
    let mut four = Vec::new();
    let words = [
        4,
        16 + 8 * count,
        0,
        2 * count,
        2 * power,
        power.ilog2() as u16,
        2 * (count - power),
    ];
    four.extend(words.iter().flat_map(|w| w.to_be_bytes()));
    // The delta of the last segment maps U+FFFF to glyph 0.
    let columns = [
        segments.iter().map(|s| s.1 as u16).collect::<Vec<_>>(),
        vec![0],
        segments.iter().map(|s| s.0 as u16).collect(),
        segments.iter().map(|s| s.2.wrapping_sub(s.0 as u16)).collect(),
        vec![0; segments.len()],
    ];
    four.extend(columns.iter().flatten().flat_map(|w| w.to_be_bytes()));

    let groups = runs(chars);
    let mut twelve = Vec::from([0, 12, 0, 0]);
    for word in [16 + 12 * groups.len() as u32, 0, groups.len() as u32] {
        twelve.extend(word.to_be_bytes());
    }
    for (first, last, glyph) in groups {
        for word in [first, last, u32::from(glyph)] {
            twelve.extend(word.to_be_bytes());
        }
    }

    // Unicode 2.0 and full Unicode, then the same for Windows.
    let places = [(0u16, 3u16, false), (0, 4, true), (3, 1, false), (3, 10, true)];
    let start = 4 + 8 * places.len();
    let mut out = Vec::from([0, 0, 0, places.len() as u8]);
    for (platform, encoding, full) in places {
        let at = (if full { start + four.len() } else { start }) as u32;
        out.extend(platform.to_be_bytes());
        out.extend(encoding.to_be_bytes());
        out.extend(at.to_be_bytes());
    }
    out.extend(four);
    out.extend(twelve);
    out
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0, |sum, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(word))
    })
}

/// A font file of these tables, with its sums right.
fn file(kind: &[u8], mut tables: BTreeMap<[u8; 4], Vec<u8>>) -> Vec<u8> {
    if let Some(field) = tables.get_mut(b"head").and_then(|head| head.get_mut(8..12)) {
        field.fill(0);
    }
    let count = tables.len() as u16;
    let power = 1u16 << count.max(1).ilog2();
    let mut out = kind.to_vec();
    for word in [count, 16 * power, power.ilog2() as u16, 16 * (count - power)] {
        out.extend(word.to_be_bytes());
    }
    let mut at = 12 + 16 * tables.len();
    let mut head = None;
    for (tag, table) in &tables {
        if tag == b"head" {
            head = Some(at + 8);
        }
        out.extend(tag);
        for word in [sum(table), at as u32, table.len() as u32] {
            out.extend(word.to_be_bytes());
        }
        at += table.len().next_multiple_of(4);
    }
    for table in tables.values() {
        out.extend(table);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let adjustment = 0xb1b0_afba_u32.wrapping_sub(sum(&out));
    if let Some(field) = head.and_then(|at| out.get_mut(at..at + 4)) {
        field.copy_from_slice(&adjustment.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::fonts::Fonts;

    #[test]
    fn a_subset_finds_its_glyphs_by_character() {
        let font = Fonts::get().unwrap().list.first().unwrap();
        let whole = Face::parse(font.data().as_slice(), font.index()).unwrap();
        let text = "取水许可证0129abc（演示）\u{20000}";
        let mut used = Used::default();
        for c in text.chars() {
            if let Some(glyph) = whole.glyph_index(c) {
                used.chars.insert(c, glyph.0);
            }
        }
        let (bytes, map) = subset(font.data().as_slice(), font.index(), &used).unwrap();
        assert!(bytes.len() < 30_000, "{}", bytes.len());
        assert_eq!(sum(&bytes), 0xb1b0_afba);
        let face = Face::parse(&bytes, 0).unwrap();
        assert_eq!(face.units_per_em(), whole.units_per_em());
        for (c, glyph) in &used.chars {
            let new = face.glyph_index(*c).unwrap();
            assert_eq!(map.get(*glyph), Some(new.0), "{c}");
            let (old, boxes) = (ttf_parser::GlyphId(*glyph), |f: &Face<'_>, g| {
                f.glyph_bounding_box(g)
            });
            assert_eq!(boxes(&face, new), boxes(&whole, old), "{c}");
            assert_eq!(face.glyph_hor_advance(new), whole.glyph_hor_advance(old), "{c}");
        }
        assert_eq!(face.glyph_index('无'), None);
        assert!(face.tables().os2.is_some() && face.tables().name.is_some());
    }
}
