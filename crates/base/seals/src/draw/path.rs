//! Filled outlines: circles, polygons and glyphs, through affine maps.

use ttf_parser::{Face, OutlineBuilder};

use super::DrawError;

/// A glyph and its advance in em.
pub(super) type Glyph = (ttf_parser::GlyphId, f64);

pub(super) fn glyphs(face: &Face<'_>, words: &str, most: usize) -> Result<Vec<Glyph>, DrawError> {
    let words = words.trim();
    if words.chars().count() > most {
        return Err(DrawError::Words(format!("“{words}” has over {most} characters")));
    }
    let em = f64::from(face.units_per_em());
    words
        .chars()
        .map(|c| {
            let glyph = face
                .glyph_index(c)
                .ok_or_else(|| DrawError::Words(format!("no glyph for “{c}”")))?;
            Ok((
                glyph,
                f64::from(face.glyph_hor_advance(glyph).unwrap_or_default()) / em,
            ))
        })
        .collect()
}

/// An affine map as PDF writes it: x' = ax + cy + e, y' = bx + dy + f.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub e: f64,
    pub f: f64,
}

impl Turn {
    pub const IDENTITY: Self = Self {
        a: 1.0,
        b: 0.0,
        c: 0.0,
        d: 1.0,
        e: 0.0,
        f: 0.0,
    };

    pub fn map(self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)
    }

    /// `first`, then `self`.
    pub fn after(self, first: Self) -> Self {
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

/// One step of a filled outline, in points, y upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    Move((f64, f64)),
    Line((f64, f64)),
    Curve((f64, f64), (f64, f64), (f64, f64)),
    Close,
}

/// Outlines collected in points, drawn through `turn`.
pub(super) struct Path {
    pub steps: Vec<Step>,
    /// Where the pen is, before `turn`; quadratic curves need it.
    at: (f64, f64),
    pub turn: Turn,
}

impl Path {
    pub fn new(turn: Turn) -> Path {
        Path {
            steps: Vec::new(),
            at: (0.0, 0.0),
            turn,
        }
    }

    pub fn to(&mut self, p: (f64, f64), step: fn((f64, f64)) -> Step) {
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
    pub fn circle(&mut self, radius: f64, way: f64) {
        self.ellipse((radius, radius), way);
    }

    pub fn ellipse(&mut self, (a, b): (f64, f64), way: f64) {
        // The usual distance of the control points of a quarter.
        const CONTROL: f64 = 0.552_284_75;
        self.to((a, 0.0), Step::Move);
        for (cos, sin) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            let quarter = |x: f64, y: f64| (a * (x * cos - y * sin), b * way * (x * sin + y * cos));
            self.curve(quarter(1.0, CONTROL), quarter(CONTROL, 1.0), quarter(0.0, 1.0));
        }
        self.steps.push(Step::Close);
    }

    /// A closed polygon.
    pub fn polygon(&mut self, corners: &[(f64, f64)]) {
        for (n, corner) in corners.iter().enumerate() {
            self.to(*corner, if n == 0 { Step::Move } else { Step::Line });
        }
        self.steps.push(Step::Close);
    }

    /// A straight line of text, centred on the axis with its middle at height `middle`.
    pub fn line(
        &mut self,
        face: &Face<'_>,
        glyphs: &[Glyph],
        page: Turn,
        middle: f64,
        size: f64,
        widest: f64,
    ) {
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
    pub fn glyph(&mut self, face: &Face<'_>, (glyph, advance): Glyph, place: Turn, width: f64, height: f64) {
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
