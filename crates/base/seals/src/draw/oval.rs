//! The oval seal of a special purpose: the name along the upper half of an ellipse, the purpose across the middle, a number
//! or a mark at the bottom. Measures in hundredths of the width.

use super::path::{Path, Turn, glyphs};
use super::round::turned;
use super::{Design, DrawError, MAX_CODE, MAX_LINE, MAX_NAME};
use ttf_parser::Face;

/// Height as a part of the width: 30 mm to 45 mm.
pub(super) const RATIO: f64 = 30.0 / 45.0;
const OUTER: (f64, f64) = (49.6, 32.9);
const INNER: (f64, f64) = (47.6, 30.9);
/// The ellipse on which the middles of the name's characters stand, and the characters' greatest width and height.
const NAME: (f64, f64) = (39.6, 22.9);
const CHARACTER: (f64, f64) = (9.4, 11.0);
/// Where on it the name may begin and end, in degrees of the ellipse's parameter.
const ENDS: (f64, f64) = (204.0, -24.0);
const PURPOSE: (f64, f64, f64) = (-3.0, 9.4, 62.0);
const FOOT: (f64, f64, f64) = (-15.4, 6.2, 40.0);
const CODE: (f64, f64, f64) = (-23.6, 4.4, 40.0);

fn point(parameter: f64) -> (f64, f64) {
    let (sin, cos) = parameter.to_radians().sin_cos();
    (NAME.0 * cos, NAME.1 * sin)
}

/// (middle, angle in degrees, width, height) of each of `count` characters, equally far apart along the ellipse.
pub(super) fn arc(count: usize) -> Vec<((f64, f64), f64, f64, f64)> {
    const STEPS: usize = 912;
    // The way along the ellipse up to each step.
    let mut way = vec![0.0];
    let at = |n: usize| ENDS.0 + (ENDS.1 - ENDS.0) * n as f64 / STEPS as f64;
    for n in 1..=STEPS {
        let (a, b) = (point(at(n - 1)), point(at(n)));
        way.push(way[n - 1] + (b.0 - a.0).hypot(b.1 - a.1));
    }
    let whole = way[STEPS];
    let many = count as f64;
    let step = (whole / (many - 1.0).max(1.0)).min(CHARACTER.0 * 1.25);
    let width = CHARACTER.0.min(step * 0.9);
    let height = CHARACTER.1.min(width * 2.0);
    (0..count)
        .map(|i| {
            let wanted = whole / 2.0 + step * (i as f64 - (many - 1.0) / 2.0);
            let n = way.partition_point(|w| *w < wanted).min(STEPS);
            let (sin, cos) = at(n).to_radians().sin_cos();
            // Heads point along the outward normal.
            let (x, y) = (cos / NAME.0, sin / NAME.1);
            (point(at(n)), y.atan2(x).to_degrees() - 90.0, width, height)
        })
        .collect()
}

pub(super) fn draw(face: &Face<'_>, design: &Design, unit: f64) -> Result<Path, DrawError> {
    let names = glyphs(face, &design.name, MAX_NAME)?;
    if names.is_empty() {
        return Err(DrawError::Words("no name".into()));
    }
    let page = Turn {
        a: unit,
        b: 0.0,
        c: 0.0,
        d: unit,
        e: unit * 50.0,
        f: unit * 50.0 * RATIO,
    };
    let mut path = Path::new(page);
    path.ellipse(OUTER, 1.0);
    path.ellipse(INNER, -1.0);
    for (glyph, (at, degrees, width, height)) in names.iter().zip(arc(names.len())) {
        path.glyph(face, *glyph, page.after(turned(at, degrees)), width, height);
    }
    for (text, most, (middle, size, widest)) in [
        (&design.line, MAX_LINE, PURPOSE),
        (&design.mark, MAX_LINE, FOOT),
        (&design.code, MAX_CODE, CODE),
    ] {
        let glyphs = glyphs(face, text, most)?;
        path.line(face, &glyphs, page, middle, size, widest);
    }
    Ok(path)
}
