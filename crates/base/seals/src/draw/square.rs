//! The square seal of a person's name: columns from right to left, filled up with 印 or 之印 as such seals are.

use super::path::{Path, Turn, glyphs};
use super::round::turned;
use super::{Design, DrawError, MAX_LINE};
use ttf_parser::Face;

const OUTER: f64 = 49.0;
const INNER: f64 = 45.6;
/// The field of the characters: half its width, top and bottom; with a mark below, and without.
const HALF: f64 = 41.0;
const BOTTOM: (f64, f64) = (-41.0, -29.0);
const MARK: (f64, f64, f64) = (-36.6, 9.0, 70.0);
/// Characters of a name.
const MAX: usize = 8;

/// The characters as they stand in the seal, and how many rows they take.
pub(super) fn filled(name: &str) -> (String, usize) {
    let name = name.trim();
    match name.chars().count() {
        2 => (format!("{name}之印"), 2),
        3 => (format!("{name}印"), 2),
        4 => (name.to_string(), 2),
        n => (name.to_string(), n.div_ceil(2).min(3)),
    }
}

pub(super) fn draw(face: &Face<'_>, design: &Design, unit: f64) -> Result<Path, DrawError> {
    if design.name.trim().is_empty() {
        return Err(DrawError::Words("no name".into()));
    }
    // Counted before it is filled up.
    glyphs(face, &design.name, MAX)?;
    let (words, rows) = filled(&design.name);
    let names = glyphs(face, &words, MAX)?;
    let mark = glyphs(face, &design.mark, MAX_LINE)?;
    let page = Turn {
        a: unit,
        b: 0.0,
        c: 0.0,
        d: unit,
        e: unit * 50.0,
        f: unit * 50.0,
    };
    let mut path = Path::new(page);
    let frame = |half: f64| [(half, half), (-half, half), (-half, -half), (half, -half)];
    path.polygon(&frame(OUTER));
    let mut hole = frame(INNER);
    hole.reverse();
    path.polygon(&hole);
    let bottom = if mark.is_empty() { BOTTOM.0 } else { BOTTOM.1 };
    let columns = names.len().div_ceil(rows);
    let (width, height) = (2.0 * HALF / columns as f64, (HALF - bottom) / rows as f64);
    for (i, glyph) in names.iter().enumerate() {
        let (column, row) = ((i / rows) as f64, (i % rows) as f64);
        let at = (HALF - width * (column + 0.5), HALF - height * (row + 0.5));
        path.glyph(
            face,
            *glyph,
            page.after(turned(at, 0.0)),
            width * 0.94,
            height * 0.94,
        );
    }
    let (middle, size, widest) = MARK;
    path.line(face, &mark, page, middle, size, widest);
    Ok(path)
}
