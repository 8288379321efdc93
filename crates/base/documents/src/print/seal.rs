//! The round official seal: ring, star, the organisation's name along the upper arc, two short lines below.
//!
//! All of it is filled outlines, glyphs too, so that a drawing needs no font where it is shown and looks the
//! same in a signature's appearance (PDF operators) and on a page (SVG). Proportions follow the seals of
//! state organs (国发〔1999〕25号: 42 mm wide, star 14 mm, one ring of 1.2 mm, name in Song type).

use std::fmt::Write as _;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use ttf_parser::{Face, OutlineBuilder};

use super::PrintError;
use super::fonts::Fonts;

/// The colour of `--seal` on the pages.
const RGB: [u8; 3] = [0xc8, 0x10, 0x2e];

// Measures in hundredths of the diameter, from the centre.
const RING: (f64, f64) = (49.6, 46.7);
const STAR: f64 = 16.8;
/// A five-pointed star's inner corners, as a part of its radius: 1 / golden ratio squared.
const STAR_INNER: f64 = 0.381_966;
const STAR_RISE: f64 = 1.5;
/// Where the heads and feet of the name's characters stand.
const ARC: (f64, f64) = (43.6, 30.2);
/// The most the name spreads, and the most from one character to the next, in degrees.
const ARC_SPREAD: f64 = 250.0;
const ARC_STEP: f64 = 29.0;
/// Baseline box of the two lines: height of the middle, type size, widest.
const CENTRE_LINE: (f64, f64, f64) = (-24.0, 8.2, 40.0);
const FOOT_LINE: (f64, f64, f64) = (-35.4, 8.2, 36.0);

const MAX_NAME: usize = 30;
const MAX_LINE: usize = 12;

/// Draws a round seal as PDF operators that need no resources (ISO 32000-1, annex A), in the space
/// `[0 0 diameter_pt diameter_pt]`; for `trust::crypto::pades::Widget::content`.
///
/// `arc` is the organisation's name, 1 to 30 characters (made for up to 20; longer ones get narrow).
/// `centre` stands under the star and `foot` at the bottom, up to 12 characters each, empty for none.
///
/// # Errors
/// [`PrintError::Seal`] for words that are too long or have a character the font lacks, and for a diameter
/// outside 20..=2000 points; [`PrintError::Fonts`].
pub fn seal_drawing(arc: &str, centre: &str, foot: &str, diameter_pt: f64) -> Result<Vec<u8>, PrintError> {
    let path = outline(arc, centre, foot, diameter_pt)?;
    let [r, g, b] = RGB.map(|c| f64::from(c) / 255.0);
    let mut out = format!("q {} {} {} rg\n", number(r, 3), number(g, 3), number(b, 3));
    for step in &path.steps {
        let mut put = |points: &[(f64, f64)], operator: &str| {
            for (x, y) in points {
                let _ = write!(out, "{} {} ", number(*x, 2), number(*y, 2));
            }
            let _ = writeln!(out, "{operator}");
        };
        match step {
            Step::Move(p) => put(&[*p], "m"),
            Step::Line(p) => put(&[*p], "l"),
            Step::Curve(a, b, p) => put(&[*a, *b, *p], "c"),
            Step::Close => put(&[], "h"),
        }
    }
    out.push_str("f Q\n");
    Ok(out.into_bytes())
}

/// The same drawing as an `<svg>` element, `diameter_pt` wide, for pages; its words are its accessible name.
///
/// # Errors
/// As [`seal_drawing`].
pub fn seal_svg(arc: &str, centre: &str, foot: &str, diameter_pt: f64) -> Result<String, PrintError> {
    let path = outline(arc, centre, foot, diameter_pt)?;
    let words = [arc, centre, foot].map(escape);
    let label = words
        .iter()
        .filter(|w| !w.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ");
    let d = number(diameter_pt, 2);
    let [r, g, b] = RGB;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{d}pt\" height=\"{d}pt\" viewBox=\"0 0 {d} {d}\" \
         role=\"img\" aria-label=\"{label}\"><path fill=\"#{r:02x}{g:02x}{b:02x}\" d=\""
    );
    for step in &path.steps {
        let mut put = |command: char, points: &[(f64, f64)]| {
            out.push(command);
            for (i, (x, y)) in points.iter().enumerate() {
                let gap = if i == 0 { "" } else { " " };
                let _ = write!(out, "{gap}{} {}", number(*x, 2), number(diameter_pt - y, 2));
            }
        };
        match step {
            Step::Move(p) => put('M', &[*p]),
            Step::Line(p) => put('L', &[*p]),
            Step::Curve(a, b, p) => put('C', &[*a, *b, *p]),
            Step::Close => put('Z', &[]),
        }
    }
    out.push_str("\"/></svg>");
    Ok(out)
}

/// The same drawing as a PNG picture, `dots` wide and high, transparent around its lines: the picture in a seal of
/// GB/T 38540, for readers of OFD that know no vector seals.
///
/// # Errors
/// As [`seal_drawing`]; [`PrintError::Seal`] for `dots` outside 16..=4096.
pub fn seal_png(arc: &str, centre: &str, foot: &str, dots: u32) -> Result<Vec<u8>, PrintError> {
    let wrong = |e: &dyn std::fmt::Display| PrintError::Seal(e.to_string());
    if !(16..=4096).contains(&dots) {
        return Err(PrintError::Seal(format!("{dots} dots, allowed 16 to 4096")));
    }
    let svg = seal_svg(arc, centre, foot, 1000.0)?;
    let tree = Tree::from_str(&svg, &Options::default()).map_err(|e| wrong(&e))?;
    let mut map = Pixmap::new(dots, dots).ok_or_else(|| wrong(&"no memory"))?;
    let scale = dots as f32 / tree.size().width();
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut map.as_mut());
    let colours = map.pixels().iter().map(|p| p.demultiply());
    let bytes: Vec<u8> = colours
        .flat_map(|c| [c.red(), c.green(), c.blue(), c.alpha()])
        .collect();
    let mut out = Vec::new();
    PngEncoder::new(&mut out)
        .write_image(&bytes, dots, dots, ExtendedColorType::Rgba8)
        .map_err(|e| wrong(&e))?;
    Ok(out)
}

/// The seal's filled outlines for an OFD page: millimetres from the top left corner.
pub(super) fn seal_path(
    arc: &str,
    centre: &str,
    foot: &str,
    diameter_mm: f64,
) -> Result<ofd::Path, PrintError> {
    let per_mm = 72.0 / 25.4;
    let path = outline(arc, centre, foot, diameter_mm * per_mm)?;
    let at = |(x, y): (f64, f64)| (x / per_mm, diameter_mm - y / per_mm);
    let steps = path.steps.iter().map(|step| match *step {
        Step::Move(p) => ofd::Segment::Move(at(p).0, at(p).1),
        Step::Line(p) => ofd::Segment::Line(at(p).0, at(p).1),
        Step::Curve(a, b, p) => {
            let (a, b, p) = (at(a), at(b), at(p));
            ofd::Segment::Cubic([a.0, a.1, b.0, b.1, p.0, p.1])
        }
        Step::Close => ofd::Segment::Close,
    });
    let [r, g, b] = RGB;
    Ok(ofd::Path {
        data: steps.collect(),
        fill: Some(ofd::Color::rgb(r, g, b)),
        ..ofd::Path::default()
    })
}

/// The whole seal in points, y upwards.
fn outline(arc: &str, centre: &str, foot: &str, diameter_pt: f64) -> Result<Path, PrintError> {
    if !(20.0..=2000.0).contains(&diameter_pt) {
        return Err(PrintError::Seal(format!(
            "diameter {diameter_pt} pt, allowed 20 to 2000"
        )));
    }
    let face = &Fonts::seal_face()?;
    let names = glyphs(face, arc, MAX_NAME)?;
    if names.is_empty() {
        return Err(PrintError::Seal("no name".into()));
    }
    let unit = diameter_pt / 100.0;
    let mut path = Path {
        steps: Vec::new(),
        at: (0.0, 0.0),
        turn: Turn::IDENTITY,
    };
    let page = Turn {
        a: unit,
        b: 0.0,
        c: 0.0,
        d: unit,
        e: diameter_pt / 2.0,
        f: diameter_pt / 2.0,
    };

    path.turn = page;
    path.circle(RING.0, 1.0);
    path.circle(RING.1, -1.0);
    path.star();
    path.name(face, &names, page);
    for (line, (middle, size, widest)) in [(centre, CENTRE_LINE), (foot, FOOT_LINE)] {
        let glyphs = glyphs(face, line, MAX_LINE)?;
        path.line(face, &glyphs, page, middle, size, widest);
    }
    Ok(path)
}

/// A glyph and its advance in em.
type Glyph = (ttf_parser::GlyphId, f64);

fn glyphs(face: &Face<'_>, words: &str, most: usize) -> Result<Vec<Glyph>, PrintError> {
    let words = words.trim();
    if words.chars().count() > most {
        return Err(PrintError::Seal(format!("“{words}” has over {most} characters")));
    }
    let em = f64::from(face.units_per_em());
    words
        .chars()
        .map(|c| {
            let glyph = face
                .glyph_index(c)
                .ok_or_else(|| PrintError::Seal(format!("no glyph for “{c}”")))?;
            Ok((
                glyph,
                f64::from(face.glyph_hor_advance(glyph).unwrap_or_default()) / em,
            ))
        })
        .collect()
}

/// An affine map as PDF writes it: x' = ax + cy + e, y' = bx + dy + f.
#[derive(Debug, Clone, Copy)]
struct Turn {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
    e: f64,
    f: f64,
}

impl Turn {
    const IDENTITY: Self = Self {
        a: 1.0,
        b: 0.0,
        c: 0.0,
        d: 1.0,
        e: 0.0,
        f: 0.0,
    };

    fn map(self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)
    }

    /// `first`, then `self`.
    fn after(self, first: Self) -> Self {
        let (e, f) = self.map((first.e, first.f));
        Self {
            a: self.a * first.a + self.c * first.b,
            b: self.b * first.a + self.d * first.b,
            c: self.a * first.c + self.c * first.d,
            d: self.b * first.c + self.d * first.d,
            e,
            f,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Move((f64, f64)),
    Line((f64, f64)),
    Curve((f64, f64), (f64, f64), (f64, f64)),
    Close,
}

/// Outlines collected in points, drawn through `turn`.
struct Path {
    steps: Vec<Step>,
    /// Where the pen is, before `turn`; quadratic curves need it.
    at: (f64, f64),
    turn: Turn,
}

impl Path {
    fn to(&mut self, p: (f64, f64), step: fn((f64, f64)) -> Step) {
        self.steps.push(step(self.turn.map(p)));
        self.at = p;
    }

    fn curve(&mut self, a: (f64, f64), b: (f64, f64), p: (f64, f64)) {
        let turn = self.turn;
        self.steps
            .push(Step::Curve(turn.map(a), turn.map(b), turn.map(p)));
        self.at = p;
    }

    /// `way` is 1 counter-clockwise and -1 clockwise: a circle the other way round inside another is a hole.
    fn circle(&mut self, radius: f64, way: f64) {
        // The usual distance of the control points of a quarter.
        let control = radius * 0.552_284_75;
        self.to((radius, 0.0), Step::Move);
        for (cos, sin) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            let quarter = |x: f64, y: f64| (x * cos - y * sin, way * (x * sin + y * cos));
            self.curve(
                quarter(radius, control),
                quarter(control, radius),
                quarter(0.0, radius),
            );
        }
        self.steps.push(Step::Close);
    }

    fn star(&mut self) {
        for point in 0..10 {
            let radius = if point % 2 == 0 { STAR } else { STAR * STAR_INNER };
            let angle = (90.0 + 36.0 * f64::from(point)).to_radians();
            let step = if point == 0 { Step::Move } else { Step::Line };
            self.to((radius * angle.cos(), radius * angle.sin() + STAR_RISE), step);
        }
        self.steps.push(Step::Close);
    }

    /// The name, from left to right over the top, heads outwards.
    fn name(&mut self, face: &Face<'_>, glyphs: &[Glyph], page: Turn) {
        let count = glyphs.len() as f64;
        let step = ARC_STEP.min(ARC_SPREAD / (count - 1.0).max(1.0));
        // Feet stand closer together than heads; room is measured a little above them.
        let room = (ARC.1 + 0.4 * (ARC.0 - ARC.1)) * step.to_radians();
        let width = (room * 0.92).min(12.2);
        // Narrow characters are still legible, but not when they are over twice as high as wide.
        let height = (ARC.0 - ARC.1).min(width * 2.0);
        let middle = (ARC.0 + ARC.1) / 2.0;
        for (i, glyph) in glyphs.iter().enumerate() {
            let angle = (step * ((count - 1.0) / 2.0 - i as f64)).to_radians();
            let (sin, cos) = angle.sin_cos();
            let place = Turn {
                a: cos,
                b: sin,
                c: -sin,
                d: cos,
                e: -middle * sin,
                f: middle * cos,
            };
            self.glyph(face, *glyph, page.after(place), width, height);
        }
    }

    /// A straight line of text, centred on the axis with its middle at height `middle`.
    fn line(&mut self, face: &Face<'_>, glyphs: &[Glyph], page: Turn, middle: f64, size: f64, widest: f64) {
        let tracking = 0.06;
        let whole = glyphs.iter().map(|(_, advance)| advance + tracking).sum::<f64>() - tracking;
        let width = size.min(widest / whole.max(0.1));
        let mut left = -whole * width / 2.0;
        for &(glyph, advance) in glyphs {
            let place = Turn {
                e: left + advance * width / 2.0,
                f: middle,
                ..Turn::IDENTITY
            };
            self.glyph(face, (glyph, advance), page.after(place), width, size);
            left += (advance + tracking) * width;
        }
    }

    /// One glyph, the middle of its em box at the origin of `place`, an em `width` wide and `height` high.
    fn glyph(&mut self, face: &Face<'_>, (glyph, advance): Glyph, place: Turn, width: f64, height: f64) {
        let em = f64::from(face.units_per_em());
        // The ideographic em box reaches from -0.12 to 0.88 em in this font.
        let (a, d) = (width / em, height / em);
        let size = Turn {
            a,
            d,
            e: -advance * width / 2.0,
            f: -0.38 * height,
            ..Turn::IDENTITY
        };
        self.turn = place.after(size);
        // No outline is a space.
        let _ = face.outline_glyph(glyph, self);
    }
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.to((x.into(), y.into()), Step::Move);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.to((x.into(), y.into()), Step::Line);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (control, end) = ((f64::from(x1), f64::from(y1)), (f64::from(x), f64::from(y)));
        let third = |p: (f64, f64)| {
            (
                p.0 + (control.0 - p.0) * 2.0 / 3.0,
                p.1 + (control.1 - p.1) * 2.0 / 3.0,
            )
        };
        self.curve(third(self.at), third(end), end);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.curve(
            (x1.into(), y1.into()),
            (x2.into(), y2.into()),
            (x.into(), y.into()),
        );
    }

    fn close(&mut self) {
        self.steps.push(Step::Close);
    }
}

/// Neither PDF nor this program's pages need trailing zeros, and PDF knows no exponents.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" || text.is_empty() {
        "0".into()
    } else {
        text.into()
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
