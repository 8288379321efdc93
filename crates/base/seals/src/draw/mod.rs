//! The picture of a seal (印模): round for official seals, oval for special purposes, square for names.
//!
//! All of it is filled outlines, glyphs too, so that a drawing needs no font where it is shown and looks the same in a
//! signature's appearance (PDF operators), on a page (SVG), in an OFD file and as dots. A pure function of its words and the
//! font built into the program; milliseconds, so call it off the async threads.

mod fonts;
mod kept;
mod oval;
mod path;
mod round;
mod square;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

pub use fonts::font;
pub(crate) use kept::{Picture, picture};
pub use path::Step;

/// The colour of `--seal` on the pages.
const RGB: [u8; 3] = [0xc8, 0x10, 0x2e];
const MAX_NAME: usize = 30;
const MAX_LINE: usize = 12;
const MAX_CODE: usize = 18;

/// Why a seal cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// The program was built before its fonts were.
    #[error("fonts missing ({0}): run `npm ci && npm run build` in web/, then build the program again")]
    Fonts(String),
    /// These words or this size cannot be drawn.
    #[error("seal: {0}")]
    Words(String),
}

/// The outline of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Round,
    Oval,
    Square,
}

/// What stands in a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    pub shape: Shape,
    /// 1 to 30 characters (made for up to 20; longer ones get narrow); of a person up to 8.
    pub name: String,
    /// Under the star, or across the oval; up to 12 characters, empty for none.
    pub line: String,
    /// A word that says what the seal is not, such as 演示; up to 12 characters, empty for none.
    pub mark: String,
    /// Number at the bottom; up to 18 characters, empty for none. A square seal shows none.
    pub code: String,
}

/// A drawn seal: points, y upwards, from the lower left corner.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub steps: Vec<Step>,
    /// The words, for those who do not see it.
    label: String,
}

/// A round seal with two lines.
///
/// # Errors
/// As [`draw`].
pub fn round(name: &str, line: &str, mark: &str, diameter_pt: f64) -> Result<Drawing, DrawError> {
    let design = Design {
        shape: Shape::Round,
        name: name.into(),
        line: line.into(),
        mark: mark.into(),
        code: String::new(),
    };
    draw(&design, diameter_pt)
}

/// Draws a seal this wide, in points.
///
/// # Errors
/// [`DrawError::Words`] for words that are too long or have a character the font lacks, and for a width outside
/// 20..=2000 points; [`DrawError::Fonts`].
pub fn draw(design: &Design, width: f64) -> Result<Drawing, DrawError> {
    if !(20.0..=2000.0).contains(&width) {
        return Err(DrawError::Words(format!(
            "diameter {width} pt, allowed 20 to 2000"
        )));
    }
    let face = fonts::face()?;
    let unit = width / 100.0;
    let (path, height) = match design.shape {
        Shape::Round => (round::draw(&face, design, unit)?, width),
        Shape::Oval => (oval::draw(&face, design, unit)?, width * oval::RATIO),
        Shape::Square => (square::draw(&face, design, unit)?, width),
    };
    let words = [&design.name, &design.line, &design.mark, &design.code].map(|w| escape(w));
    let words: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|w| !w.is_empty())
        .collect();
    Ok(Drawing {
        width,
        height,
        steps: path.steps,
        label: words.join(" "),
    })
}

impl Drawing {
    /// PDF operators that need no resources (ISO 32000-1, annex A), in the space `[0 0 width height]`; for
    /// `trust::crypto::pades::Widget::content`.
    pub fn pdf(&self) -> Vec<u8> {
        let [r, g, b] = RGB.map(|c| f64::from(c) / 255.0);
        let mut out = format!("q {} {} {} rg\n", number(r, 3), number(g, 3), number(b, 3));
        for step in &self.steps {
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
        out.into_bytes()
    }

    /// An `<svg>` element for pages; its words are its accessible name.
    pub fn svg(&self) -> String {
        let (w, h) = (number(self.width, 2), number(self.height, 2));
        let [r, g, b] = RGB;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}pt\" height=\"{h}pt\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" aria-label=\"{}\"><path fill=\"#{r:02x}{g:02x}{b:02x}\" d=\"",
            self.label
        );
        for step in &self.steps {
            let mut put = |command: char, points: &[(f64, f64)]| {
                out.push(command);
                for (i, (x, y)) in points.iter().enumerate() {
                    let gap = if i == 0 { "" } else { " " };
                    let _ = write!(out, "{gap}{} {}", number(*x, 2), number(self.height - y, 2));
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
        out
    }

    /// A square PNG picture, `dots` wide and high, transparent around the lines, the drawing in its middle: the picture in a
    /// seal of GB/T 38540, for readers of OFD that know no vector seals.
    ///
    /// # Errors
    /// [`DrawError::Words`] for `dots` outside 16..=4096.
    pub fn png(&self, dots: u32) -> Result<Vec<u8>, DrawError> {
        let wrong = |e: &dyn std::fmt::Display| DrawError::Words(e.to_string());
        if !(16..=4096).contains(&dots) {
            return Err(DrawError::Words(format!("{dots} dots, allowed 16 to 4096")));
        }
        let tree = Tree::from_str(&self.svg(), &Options::default()).map_err(|e| wrong(&e))?;
        let mut map = Pixmap::new(dots, dots).ok_or_else(|| wrong(&"no memory"))?;
        let size = tree.size();
        let scale = dots as f32 / size.width();
        let lower = (dots as f32 - size.height() * scale) / 2.0;
        let place = Transform::from_scale(scale, scale).post_translate(0.0, lower);
        resvg::render(&tree, place, &mut map.as_mut());
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

    /// The filled outlines for an OFD page: millimetres from the top left corner.
    pub fn ofd(&self) -> ofd::Path {
        let per_mm = 72.0 / 25.4;
        let at = |(x, y): (f64, f64)| (x / per_mm, (self.height - y) / per_mm);
        let steps = self.steps.iter().map(|step| match *step {
            Step::Move(p) => ofd::Segment::Move(at(p).0, at(p).1),
            Step::Line(p) => ofd::Segment::Line(at(p).0, at(p).1),
            Step::Curve(a, b, p) => {
                let (a, b, p) = (at(a), at(b), at(p));
                ofd::Segment::Cubic([a.0, a.1, b.0, b.1, p.0, p.1])
            }
            Step::Close => ofd::Segment::Close,
        });
        let [r, g, b] = RGB;
        ofd::Path {
            data: steps.collect(),
            fill: Some(ofd::Color::rgb(r, g, b)),
            ..ofd::Path::default()
        }
    }
}

impl Drawing {
    /// An OFD file of one page of the drawing's size: the picture, of type `OFD`, in a seal of GB/T 38540.
    ///
    /// # Errors
    /// [`DrawError::Words`] when it cannot be written.
    pub fn ofd_page(&self, title: &str) -> Result<Vec<u8>, DrawError> {
        let mm = 25.4 / 72.0;
        let document = ofd::Document {
            title: title.trim().into(),
            creator: "Yiwang".into(),
            pages: vec![ofd::Page {
                width: self.width * mm,
                height: self.height * mm,
                objects: vec![ofd::Object::Path(self.ofd())],
            }],
            ..ofd::Document::default()
        };
        ofd::write(&document).map_err(|e| DrawError::Words(e.to_string()))
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
