//! The round official seal: ring, star, the organisation's name along the upper arc, two short lines below, a number at the
//! bottom. Proportions follow the seals of state organs (国发〔1999〕25号: 42 mm wide, star 14 mm, one ring of 1.2 mm, name
//! in Song type).

use super::path::{Glyph, Path, Turn, glyphs};
use super::{Design, DrawError, MAX_CODE, MAX_LINE, MAX_NAME};
use ttf_parser::Face;

// Measures in hundredths of the diameter, from the centre.
const RING: (f64, f64) = (49.6, 46.7);
const STAR: f64 = 16.8;
/// A five-pointed star's inner corners, as a part of its radius: 1 / golden ratio squared.
const STAR_INNER: f64 = 0.381_966;
const STAR_RISE: f64 = 1.5;
/// Where the heads and feet of the name's characters stand.
pub(super) const ARC: (f64, f64) = (43.6, 30.2);
/// The most the name spreads, and the most from one character to the next, in degrees.
const ARC_SPREAD: f64 = 250.0;
const ARC_STEP: f64 = 29.0;
/// Baseline box of the two lines: height of the middle, type size, widest.
const CENTRE_LINE: (f64, f64, f64) = (-24.0, 8.2, 40.0);
const FOOT_LINE: (f64, f64, f64) = (-35.4, 8.2, 36.0);
/// The same when a number stands at the bottom.
const CENTRE_ABOVE: (f64, f64, f64) = (-21.6, 7.4, 40.0);
const FOOT_ABOVE: (f64, f64, f64) = (-30.6, 6.6, 36.0);
/// Radius of the middle of the number's digits, their size, and the degrees from one to the next.
const CODE: (f64, f64, f64) = (41.6, 4.6, 5.6);

/// Corners of the star, the uppermost first, counter-clockwise.
pub(super) fn star() -> [(f64, f64); 10] {
    std::array::from_fn(|point| {
        let radius = if point % 2 == 0 { STAR } else { STAR * STAR_INNER };
        let angle = (90.0 + 36.0 * point as f64).to_radians();
        (radius * angle.cos(), radius * angle.sin() + STAR_RISE)
    })
}

/// (middle of the character's box, its angle in degrees, width, height) of each of `count` characters, from left to right.
pub(super) fn arc(count: usize) -> Vec<((f64, f64), f64, f64, f64)> {
    let many = count as f64;
    let step = ARC_STEP.min(ARC_SPREAD / (many - 1.0).max(1.0));
    // Feet stand closer together than heads; room is measured a little above them.
    let room = (ARC.1 + 0.4 * (ARC.0 - ARC.1)) * step.to_radians();
    let width = (room * 0.92).min(12.2);
    // Narrow characters are still legible, but not when they are over twice as high as wide.
    let height = (ARC.0 - ARC.1).min(width * 2.0);
    let middle = (ARC.0 + ARC.1) / 2.0;
    (0..count)
        .map(|i| {
            let degrees = step * ((many - 1.0) / 2.0 - i as f64);
            let (sin, cos) = degrees.to_radians().sin_cos();
            ((-middle * sin, middle * cos), degrees, width, height)
        })
        .collect()
}

/// A character turned about its middle.
pub(super) fn turned((x, y): (f64, f64), degrees: f64) -> Turn {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Turn {
        a: cos,
        b: sin,
        c: -sin,
        d: cos,
        e: x,
        f: y,
    }
}

pub(super) fn draw(face: &Face<'_>, design: &Design, unit: f64) -> Result<Path, DrawError> {
    let names = glyphs(face, &design.name, MAX_NAME)?;
    if names.is_empty() {
        return Err(DrawError::Words("no name".into()));
    }
    let code = glyphs(face, &design.code, MAX_CODE)?;
    let page = Turn {
        a: unit,
        b: 0.0,
        c: 0.0,
        d: unit,
        e: unit * 50.0,
        f: unit * 50.0,
    };
    let mut path = Path::new(page);
    path.circle(RING.0, 1.0);
    path.circle(RING.1, -1.0);
    path.polygon(&star());
    for (glyph, (at, degrees, width, height)) in names.iter().zip(arc(names.len())) {
        path.glyph(face, *glyph, page.after(turned(at, degrees)), width, height);
    }
    let (centre, foot) = if code.is_empty() {
        (CENTRE_LINE, FOOT_LINE)
    } else {
        (CENTRE_ABOVE, FOOT_ABOVE)
    };
    for (line, (middle, size, widest)) in [(&design.line, centre), (&design.mark, foot)] {
        let glyphs = glyphs(face, line, MAX_LINE)?;
        path.line(face, &glyphs, page, middle, size, widest);
    }
    number(&mut path, face, &code, page);
    Ok(path)
}

/// The number along the bottom, from left to right, heads inwards.
fn number(path: &mut Path, face: &Face<'_>, code: &[Glyph], page: Turn) {
    let (radius, size, step) = CODE;
    for (i, glyph) in code.iter().enumerate() {
        let degrees = step * (i as f64 - (code.len() as f64 - 1.0) / 2.0);
        let (sin, cos) = degrees.to_radians().sin_cos();
        let place = page.after(turned((radius * sin, -radius * cos), degrees));
        path.glyph(face, *glyph, place, size, size);
    }
}
