//! A document as it is written. Lengths are millimetres; the origin is a page's top left corner, y grows downwards.

/// A rectangle (ST_Box, GB/T 33190-2016, 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    /// The smallest one that holds all points; `None` without points.
    pub fn around(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let (low, high) = points.fold((first, first), |(low, high), (x, y)| {
            ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)))
        });
        Some(Self {
            x: low.0,
            y: low.1,
            width: high.0 - low.0,
            height: high.1 - low.1,
        })
    }

    /// What both hold; `None` when that is nothing.
    pub fn common(self, other: Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = (self.x + self.width).min(other.x + other.width) - x;
        let height = (self.y + self.height).min(other.y + other.height) - y;
        (width > 0.0 && height > 0.0).then_some(Self { x, y, width, height })
    }

    /// Larger by `by` on every side.
    pub fn grown(self, by: f64) -> Self {
        Self {
            x: self.x - by,
            y: self.y - by,
            width: self.width + 2.0 * by,
            height: self.height + 2.0 * by,
        }
    }

    /// Its corners, clockwise.
    pub fn corners(self) -> [(f64, f64); 4] {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        [
            (self.x, self.y),
            (right, self.y),
            (right, bottom),
            (self.x, bottom),
        ]
    }
}

/// `[a b c d e f]`: x' = a·x + c·y + e, y' = b·x + d·y + f (CTM, GB/T 33190-2016, 8.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix(pub [f64; 6]);

impl Default for Matrix {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Matrix {
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// A point's image.
    pub fn apply(self, (x, y): (f64, f64)) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }

    /// First `inner`, then this.
    pub fn after(self, inner: Self) -> Self {
        let [a, b, c, d, _, _] = self.0;
        let [ia, ib, ic, id, ie, i_f] = inner.0;
        let (e, f) = self.apply((ie, i_f));
        Self([
            a * ia + c * ib,
            b * ia + d * ib,
            a * ic + c * id,
            b * ic + d * id,
            e,
            f,
        ])
    }

    /// Whether it only moves.
    pub fn is_shift(self) -> bool {
        let [a, b, c, d, _, _] = self.0;
        (a - 1.0).abs() < 1e-9 && b.abs() < 1e-9 && c.abs() < 1e-9 && (d - 1.0).abs() < 1e-9
    }

    /// The box around a box's image.
    pub fn cover(self, of: Rect) -> Rect {
        Rect::around(of.corners().map(|p| self.apply(p))).unwrap_or(of)
    }
}

/// RGB, the colour space where none is named (GB/T 33190-2016, 8.3.2); alpha 255 is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
}

impl Color {
    pub const BLACK: Self = Self::rgb(0, 0, 0);

    /// An opaque one.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self {
            red,
            green,
            blue,
            alpha: 255,
        }
    }
}

/// A whole document: one DocBody with one version.
#[derive(Debug, Clone, Default)]
pub struct Document {
    pub title: String,
    /// The program that made it.
    pub creator: String,
    /// The day it was made, as `2026-05-29`; empty for none.
    pub created: String,
    pub pages: Vec<Page>,
    pub fonts: Vec<Font>,
    pub images: Vec<Image>,
    pub attachments: Vec<Attachment>,
}

/// A page and what is drawn on it, in this order.
#[derive(Debug, Clone, Default)]
pub struct Page {
    pub width: f64,
    pub height: f64,
    pub objects: Vec<Object>,
}

/// A font file to embed (CT_Font, 11.1); a subset will do. Readers find glyphs by its `cmap` table, and by number where a
/// text names [`Text::glyphs`].
#[derive(Debug, Clone)]
pub struct Font {
    pub name: String,
    pub family: String,
    pub bold: bool,
    pub italic: bool,
    /// TrueType or OpenType.
    pub bytes: Vec<u8>,
}

/// A picture file to embed (CT_MultiMedia, 7.9).
#[derive(Debug, Clone)]
pub struct Image {
    pub format: ImageFormat,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    Png,
    Jpeg,
}

/// A file that travels with the document (clause 20).
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its name for people.
    pub name: String,
    /// Its extension: letters and digits, up to eight.
    pub format: String,
    pub bytes: Vec<u8>,
}

/// A graphic unit (clause 8.5). Each has a `transform` from its own space to the page and a `clip` on the page.
#[derive(Debug, Clone)]
pub enum Object {
    Text(Text),
    Path(Path),
    Picture(Picture),
}

/// A line of text (CT_Text, clause 11).
#[derive(Debug, Clone)]
pub struct Text {
    /// Index into [`Document::fonts`].
    pub font: usize,
    /// Height of the em.
    pub size: f64,
    pub x: f64,
    /// The baseline.
    pub y: f64,
    pub color: Color,
    pub text: String,
    /// From each character's origin to the next one's (DeltaX): one less than there are characters, or none at all.
    pub advances: Vec<f64>,
    /// The glyphs of the whole text (CGTransform), where the font's `cmap` would choose others; else empty.
    pub glyphs: Vec<u16>,
    pub transform: Matrix,
    pub clip: Option<Rect>,
}

/// Lines and areas (CT_Path, clause 9).
#[derive(Debug, Clone, Default)]
pub struct Path {
    pub data: Vec<Segment>,
    pub fill: Option<Color>,
    /// Fill by the even-odd rule instead of the non-zero one.
    pub even_odd: bool,
    pub stroke: Option<Stroke>,
    pub transform: Matrix,
    pub clip: Option<Rect>,
}

/// One step of a path (AbbreviatedData, clause 9.1): M, L, Q, B, C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Segment {
    Move(f64, f64),
    Line(f64, f64),
    /// Control point, end.
    Quad([f64; 4]),
    /// Two control points, end.
    Cubic([f64; 6]),
    Close,
}

/// A line's look (CT_DrawParam, 8.2), in the path's own space.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    pub color: Color,
    pub width: f64,
    pub cap: Cap,
    pub join: Join,
    pub miter_limit: f64,
    /// Lengths of dashes and gaps; empty for a whole line.
    pub dash: Vec<f64>,
    pub dash_offset: f64,
}

impl Stroke {
    /// A whole line with the standard's defaults.
    pub fn solid(color: Color, width: f64) -> Self {
        Self {
            color,
            width,
            cap: Cap::Butt,
            join: Join::Miter,
            miter_limit: 4.234,
            dash: Vec::new(),
            dash_offset: 0.0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    Butt,
    Round,
    Square,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    Miter,
    Round,
    Bevel,
}

/// A placed picture (CT_Image, clause 10).
#[derive(Debug, Clone)]
pub struct Picture {
    /// Index into [`Document::images`].
    pub image: usize,
    /// From the unit square, the picture's top left corner at the origin, to the page.
    pub transform: Matrix,
    pub clip: Option<Rect>,
}

impl Picture {
    /// Upright and filling a box.
    pub fn within(image: usize, place: Rect) -> Self {
        Self {
            image,
            transform: Matrix([place.width, 0.0, 0.0, place.height, place.x, place.y]),
            clip: None,
        }
    }
}
