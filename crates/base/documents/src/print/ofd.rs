//! The pages of a Typst template as OFD (GB/T 33190-2016), the same ones that become PDF.
//!
//! Text stays text: a run has its characters, their places and an embedded subset of its font. Vector pictures (QR codes,
//! seals) become paths. What OFD could not show the same way is simplified: a clip is the rectangle around it (OFD's
//! Boundary), a gradient is the mean of its colours, tilings, masks and filters are left out, and so are links.

use std::sync::Arc;

use image::codecs::png::PngEncoder;
use ofd::{Cap, Color, Join, Matrix, Object, Path, Picture, Rect, Segment, Stroke};
use resvg::usvg;
use serde_json::Value as Json;
use typst::layout::{Abs, Frame, FrameItem, GroupItem, Point, Ratio, Size, Transform};
use typst::model::Document as _;
use typst::text::{Font, Glyph, TextItem, is_default_ignorable};
use typst::visualize::{
    Curve, CurveItem, ExchangeFormat, FillRule, FixedStroke, Geometry, Image, ImageKind, LineCap, LineJoin,
    Paint, RasterFormat, RasterImage, Shape,
};
use typst_layout::PagedDocument;

use super::PrintError;
use super::sfnt::{self, Used};
use super::typeset::{Spot, spot, typeset};

/// Millimetres in a point.
const MM: f64 = 25.4 / 72.0;

/// [`super::render_marked`] for OFD: the same pages, and where `mark` stands on them. The same arguments give the same
/// bytes.
///
/// # Errors
/// As [`super::render`]; [`PrintError::Ofd`] for a PDF file used as a picture.
pub fn render_ofd(
    template: &str,
    data: &Json,
    title: &str,
    now_ms: i64,
    mark: &str,
) -> Result<(Vec<u8>, Option<Spot>), PrintError> {
    typeset(template, data, title, now_ms, |room, document, _| {
        let made = bridge(document, room.day())?;
        Ok((ofd::write(&made).map_err(wrong)?, spot(document, mark)))
    })
}

/// A document in both forms, and where its mark stands.
pub struct Printed {
    pub pdf: Vec<u8>,
    pub ofd: Vec<u8>,
    /// See [`super::render_marked`].
    pub spot: Option<Spot>,
}

/// Sets a template once and gives the very same pages as PDF and as OFD.
///
/// # Errors
/// As [`super::render`] and [`render_ofd`].
pub fn render_both(
    template: &str,
    data: &Json,
    title: &str,
    now_ms: i64,
    mark: &str,
) -> Result<Printed, PrintError> {
    typeset(template, data, title, now_ms, |room, document, identifier| {
        let made = bridge(document, room.day())?;
        Ok(Printed {
            pdf: room.pdf(document, identifier)?,
            ofd: ofd::write(&made).map_err(wrong)?,
            spot: spot(document, mark),
        })
    })
}

const CREATOR: &str = "Yiwang";

fn wrong(error: impl std::fmt::Display) -> PrintError {
    PrintError::Ofd(error.to_string())
}

fn bridge(document: &PagedDocument, created: String) -> Result<ofd::Document, PrintError> {
    let mut walk = Walk::default();
    let mut pages = Vec::new();
    for page in document.pages() {
        let size = rect(page.frame.size());
        if let Some(fill) = page.fill_or_transparent().and_then(|p| colour(&p)) {
            walk.area(size, fill);
        }
        walk.frame(&page.frame, Matrix::IDENTITY, size)?;
        pages.push(ofd::Page {
            width: size.width,
            height: size.height,
            objects: std::mem::take(&mut walk.objects),
        });
    }
    let fonts = walk.embed(&mut pages)?;
    let title = document.info().title.as_deref().unwrap_or_default();
    Ok(ofd::Document {
        title: title.into(),
        creator: CREATOR.into(),
        created,
        pages,
        fonts,
        images: walk.images,
        attachments: Vec::new(),
    })
}

fn mm(length: Abs) -> f64 {
    length.to_pt() * MM
}

fn rect(size: Size) -> Rect {
    Rect {
        width: mm(size.x),
        height: mm(size.y),
        ..Rect::default()
    }
}

fn shift(x: f64, y: f64) -> Matrix {
    Matrix([1.0, 0.0, 0.0, 1.0, x, y])
}

fn matrix(t: Transform) -> Matrix {
    let [a, b, c, d] = [t.sx, t.ky, t.kx, t.sy].map(Ratio::get);
    Matrix([a, b, c, d, mm(t.tx), mm(t.ty)])
}

/// How much longer everything gets, if that is the same in every direction.
fn scale(matrix: Matrix) -> Option<f64> {
    let [a, b, c, d, _, _] = matrix.0;
    let (across, down, skew) = (a.hypot(b), c.hypot(d), a * c + b * d);
    ((across - down).abs() < 1e-6 * across && skew.abs() < 1e-6 * across * down).then_some(across)
}

/// A channel from 0 to 1.
fn channel(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// The mean of some colours; `None` without any.
fn mean(colours: impl IntoIterator<Item = Color>) -> Option<Color> {
    let (mut sum, mut count) = ([0u32; 4], 0);
    for c in colours {
        count += 1;
        for (sum, part) in sum.iter_mut().zip([c.red, c.green, c.blue, c.alpha]) {
            *sum += u32::from(part);
        }
    }
    let [red, green, blue, alpha] = sum.map(|s| s.checked_div(count).and_then(|m| u8::try_from(m).ok()));
    Some(Color {
        red: red?,
        green: green?,
        blue: blue?,
        alpha: alpha?,
    })
}

fn colour(paint: &Paint) -> Option<Color> {
    let plain = |c: &typst::visualize::Color| {
        let c = c.to_rgb();
        Color {
            red: channel(c.red),
            green: channel(c.green),
            blue: channel(c.blue),
            alpha: channel(c.alpha),
        }
    };
    match paint {
        Paint::Solid(c) => Some(plain(c)),
        Paint::Gradient(gradient) => mean(gradient.stops_ref().iter().map(|(c, _)| plain(c))),
        Paint::Tiling(_) => None,
    }
}

fn stroke(stroke: &FixedStroke) -> Option<Stroke> {
    let width = mm(stroke.thickness);
    let color = colour(&stroke.paint).filter(|_| width > 0.0)?;
    let dash = stroke.dash.as_ref();
    Some(Stroke {
        color,
        width,
        cap: match stroke.cap {
            LineCap::Butt => Cap::Butt,
            LineCap::Round => Cap::Round,
            LineCap::Square => Cap::Square,
        },
        join: match stroke.join {
            LineJoin::Miter => Join::Miter,
            LineJoin::Round => Join::Round,
            LineJoin::Bevel => Join::Bevel,
        },
        miter_limit: stroke.miter_limit.get(),
        dash: dash
            .map(|d| d.array.iter().map(|n| mm(*n)).collect())
            .unwrap_or_default(),
        dash_offset: dash.map_or(0.0, |d| mm(d.phase)),
    })
}

fn curve(curve: &Curve) -> Vec<Segment> {
    let at = |p: &Point| (mm(p.x), mm(p.y));
    let steps = curve.0.iter().map(|item| match item {
        CurveItem::Move(p) => Segment::Move(at(p).0, at(p).1),
        CurveItem::Line(p) => Segment::Line(at(p).0, at(p).1),
        CurveItem::Cubic(a, b, p) => {
            let (a, b, p) = (at(a), at(b), at(p));
            Segment::Cubic([a.0, a.1, b.0, b.1, p.0, p.1])
        }
        CurveItem::Close => Segment::Close,
    });
    steps.collect()
}

fn boxed(size: Rect) -> Vec<Segment> {
    let [a, b, c, d] = size.corners();
    let line = |(x, y)| Segment::Line(x, y);
    vec![Segment::Move(a.0, a.1), line(b), line(c), line(d), Segment::Close]
}

/// The steps with every point moved by `matrix`.
fn moved(data: &[Segment], matrix: Matrix) -> Vec<Segment> {
    let at = |x: f64, y: f64| matrix.apply((x, y));
    let steps = data.iter().map(|segment| match *segment {
        Segment::Move(x, y) => Segment::Move(at(x, y).0, at(x, y).1),
        Segment::Line(x, y) => Segment::Line(at(x, y).0, at(x, y).1),
        Segment::Quad([a, b, x, y]) => {
            let (a, p) = (at(a, b), at(x, y));
            Segment::Quad([a.0, a.1, p.0, p.1])
        }
        Segment::Cubic([a, b, c, d, x, y]) => {
            let (a, b, p) = (at(a, b), at(c, d), at(x, y));
            Segment::Cubic([a.0, a.1, b.0, b.1, p.0, p.1])
        }
        Segment::Close => Segment::Close,
    });
    steps.collect()
}

/// What has been met on the way through the pages.
#[derive(Default)]
struct Walk {
    objects: Vec<Object>,
    fonts: Vec<(Font, Used)>,
    images: Vec<ofd::Image>,
    /// Pictures by what they were made from, so that one on every page is there once.
    known: Vec<(Image, usize)>,
}

impl Walk {
    fn frame(&mut self, frame: &Frame, at: Matrix, clip: Rect) -> Result<(), PrintError> {
        for (point, item) in frame.items() {
            let at = at.after(shift(mm(point.x), mm(point.y)));
            match item {
                FrameItem::Group(group) => self.group(group, at, clip)?,
                FrameItem::Text(text) => self.text(text, at, clip),
                FrameItem::Shape(shape, _) => self.shape(shape, at, clip),
                FrameItem::Image(image, size, _) => self.image(image, rect(*size), at, clip)?,
                FrameItem::Link(..) | FrameItem::Tag(_) => {}
            }
        }
        Ok(())
    }

    fn group(&mut self, group: &GroupItem, at: Matrix, mut clip: Rect) -> Result<(), PrintError> {
        let at = at.after(matrix(group.transform));
        if let Some(cut) = &group.clip {
            let around = Rect::around(curve(cut).iter().flat_map(ends)).map(|r| at.cover(r));
            match around.and_then(|around| around.common(clip)) {
                Some(both) => clip = both,
                None => return Ok(()),
            }
        }
        self.frame(&group.frame, at, clip)
    }

    fn area(&mut self, of: Rect, fill: Color) {
        self.objects.push(Object::Path(Path {
            data: boxed(of),
            fill: Some(fill),
            ..Path::default()
        }));
    }

    fn path(&mut self, mut path: Path, at: Matrix) {
        if path.fill.is_none() && path.stroke.is_none() {
            return;
        }
        // Readers are safest without a matrix; a line needs one only if it gets wider in one direction than in another.
        match (scale(at), &mut path.stroke) {
            (Some(longer), Some(stroke)) => {
                stroke.width *= longer;
                stroke.dash_offset *= longer;
                for dash in &mut stroke.dash {
                    *dash *= longer;
                }
                path.data = moved(&path.data, at);
            }
            (_, None) => path.data = moved(&path.data, at),
            (None, Some(_)) => path.transform = at,
        }
        self.objects.push(Object::Path(path));
    }

    fn shape(&mut self, shape: &Shape, at: Matrix, clip: Rect) {
        let data = match &shape.geometry {
            Geometry::Line(to) => vec![Segment::Move(0.0, 0.0), Segment::Line(mm(to.x), mm(to.y))],
            Geometry::Rect(size) => boxed(rect(*size)),
            Geometry::Curve(of) => curve(of),
        };
        let path = Path {
            data,
            fill: shape.fill.as_ref().and_then(colour),
            even_odd: shape.fill_rule == FillRule::EvenOdd,
            stroke: shape.stroke.as_ref().and_then(stroke),
            clip: Some(clip),
            ..Path::default()
        };
        self.path(path, at);
    }

    fn font(&mut self, font: &Font) -> usize {
        let same = |known: &Font| known.index() == font.index() && known.data() == font.data();
        let found = self.fonts.iter().position(|(known, _)| same(known));
        found.unwrap_or_else(|| {
            self.fonts.push((font.clone(), Used::default()));
            self.fonts.len() - 1
        })
    }

    /// Characters with one glyph each become runs; ligatures and the like stand alone, with their glyphs.
    fn text(&mut self, item: &TextItem, at: Matrix, clip: Rect) {
        let Some(color) = colour(&item.fill) else {
            return;
        };
        let font = self.font(item.font.font());
        let mut line = Line {
            text: ofd::Text {
                font,
                size: mm(item.size),
                x: 0.0,
                y: 0.0,
                color,
                text: String::new(),
                advances: Vec::new(),
                glyphs: Vec::new(),
                transform: at,
                clip: Some(clip),
            },
            last: 0.0,
        };
        let mut pen = 0.0;
        for cluster in item.glyphs.chunk_by(|a, b| a.range == b.range) {
            let range = cluster.first().map_or(0..0, Glyph::range);
            let text: String = item
                .text
                .get(range)
                .unwrap_or_default()
                .chars()
                .filter(|c| !is_default_ignorable(*c))
                .collect();
            let of = |glyph: &Glyph| {
                let em = |n: typst::layout::Em| mm(n.at(item.size));
                (em(glyph.x_advance), em(glyph.x_offset), -em(glyph.y_offset))
            };
            let (_, dx, dy) = cluster.first().map_or((0.0, 0.0, 0.0), of);
            let place = (pen + dx, dy);
            let mut chars = text.chars();
            match (cluster, chars.next(), chars.next()) {
                // Nothing to see and nothing to copy.
                (_, None, _) => {}
                ([glyph], Some(c), None) if self.means(font, c, glyph.id) => {
                    if line.text.y != place.1 {
                        line.flush(&mut self.objects);
                    }
                    line.push(c, place);
                }
                _ => {
                    line.flush(&mut self.objects);
                    for c in text.chars() {
                        line.push(c, place);
                    }
                    line.text.advances.clear();
                    line.text.glyphs = cluster.iter().map(|g| g.id).collect();
                    if let Some((_, used)) = self.fonts.get_mut(font) {
                        used.glyphs.extend(cluster.iter().map(|g| g.id));
                    }
                    line.flush(&mut self.objects);
                }
            }
            pen += cluster.iter().map(|g| of(g).0).sum::<f64>();
        }
        line.flush(&mut self.objects);
    }

    /// Whether this is the glyph that the embedded font has for the character; the first one met is.
    fn means(&mut self, font: usize, c: char, glyph: u16) -> bool {
        let Some((_, used)) = self.fonts.get_mut(font) else {
            return false;
        };
        *used.chars.entry(c).or_insert(glyph) == glyph
    }

    fn image(&mut self, image: &Image, size: Rect, at: Matrix, clip: Rect) -> Result<(), PrintError> {
        match image.kind() {
            ImageKind::Raster(raster) => {
                let index = match self.known.iter().find(|(known, _)| known == image) {
                    Some((_, index)) => *index,
                    None => {
                        self.images.push(raster_image(raster)?);
                        self.known.push((image.clone(), self.images.len() - 1));
                        self.images.len() - 1
                    }
                };
                self.picture(index, size, at, clip);
                Ok(())
            }
            ImageKind::Svg(svg) => {
                let grow = [size.width / svg.width(), size.height / svg.height()];
                let at = at.after(Matrix([grow[0], 0.0, 0.0, grow[1], 0.0, 0.0]));
                match at.cover(whole(svg.tree())).common(clip) {
                    Some(clip) => self.group_of(svg.tree().root(), at, clip, 1.0),
                    None => Ok(()),
                }
            }
            ImageKind::Pdf(_) => Err(wrong("a PDF file cannot be a picture in it")),
        }
    }

    fn picture(&mut self, image: usize, size: Rect, at: Matrix, clip: Rect) {
        let mut picture = Picture::within(image, size);
        picture.transform = at.after(picture.transform);
        picture.clip = Some(clip);
        self.objects.push(Object::Picture(picture));
    }

    /// An SVG group, in the picture's dots; `at` leads to the page.
    fn group_of(
        &mut self,
        group: &usvg::Group,
        at: Matrix,
        mut clip: Rect,
        opacity: f32,
    ) -> Result<(), PrintError> {
        let opacity = opacity * group.opacity().get();
        if let Some(cut) = group.clip_path() {
            let own = affine(group.abs_transform()).after(affine(cut.transform()));
            let around = at.after(own).cover(bounds(cut.root().bounding_box()));
            match around.common(clip) {
                Some(both) => clip = both,
                None => return Ok(()),
            }
        }
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => self.group_of(group, at, clip, opacity)?,
                usvg::Node::Path(path) if path.is_visible() => self.outline(path, at, clip, opacity),
                usvg::Node::Path(_) => {}
                usvg::Node::Image(image) if image.is_visible() => self.inner(image, at, clip, opacity)?,
                usvg::Node::Image(_) => {}
                usvg::Node::Text(text) => self.group_of(text.flattened(), at, clip, opacity)?,
            }
        }
        Ok(())
    }

    fn outline(&mut self, path: &usvg::Path, at: Matrix, clip: Rect, opacity: f32) {
        let at = at.after(affine(path.abs_transform()));
        let fill = path.fill();
        let path = Path {
            data: path.data().segments().map(segment).collect(),
            fill: fill.and_then(|f| paint(f.paint(), f.opacity().get() * opacity)),
            even_odd: fill.is_some_and(|f| f.rule() == usvg::FillRule::EvenOdd),
            stroke: path.stroke().and_then(|s| line(s, opacity)),
            clip: Some(clip),
            ..Path::default()
        };
        self.path(path, at);
    }

    /// A picture inside an SVG picture.
    fn inner(&mut self, image: &usvg::Image, at: Matrix, clip: Rect, opacity: f32) -> Result<(), PrintError> {
        let at = at.after(affine(image.abs_transform()));
        let (format, bytes) = match image.kind() {
            usvg::ImageKind::PNG(bytes) => (ofd::ImageFormat::Png, bytes),
            usvg::ImageKind::JPEG(bytes) => (ofd::ImageFormat::Jpeg, bytes),
            usvg::ImageKind::SVG(tree) => return self.group_of(tree.root(), at, clip, opacity),
            usvg::ImageKind::GIF(_) | usvg::ImageKind::WEBP(_) => {
                return Err(wrong("an SVG picture has a GIF or WebP picture in it"));
            }
        };
        self.images.push(ofd::Image {
            format,
            bytes: Arc::unwrap_or_clone(bytes.clone()),
        });
        let size = Rect {
            width: image.size().width().into(),
            height: image.size().height().into(),
            ..Rect::default()
        };
        self.picture(self.images.len() - 1, size, at, clip);
        Ok(())
    }

    /// Cuts the fonts down to what was used, and gives glyphs their new numbers.
    fn embed(&mut self, pages: &mut [ofd::Page]) -> Result<Vec<ofd::Font>, PrintError> {
        let mut fonts = Vec::new();
        let mut maps = Vec::new();
        for (font, used) in &self.fonts {
            let (bytes, map) = sfnt::subset(font.data().as_slice(), font.index(), used)?;
            let info = font.info();
            fonts.push(ofd::Font {
                // One name a file: some readers find fonts by name alone.
                name: font.post_script_name().unwrap_or_else(|| info.family.to_string()),
                family: info.family.to_string(),
                bold: info.variant.weight.to_number() >= 600,
                italic: info.variant.style != typst::text::FontStyle::Normal,
                bytes,
            });
            maps.push(map);
        }
        for object in pages.iter_mut().flat_map(|p| &mut p.objects) {
            let Object::Text(text) = object else { continue };
            let Some(map) = maps.get(text.font) else { continue };
            for glyph in &mut text.glyphs {
                *glyph = map.get(*glyph).unwrap_or_default();
            }
        }
        Ok(fonts)
    }
}

/// A run that grows.
struct Line {
    text: ofd::Text,
    /// Where the last character stands.
    last: f64,
}

impl Line {
    fn push(&mut self, c: char, (x, y): (f64, f64)) {
        if self.text.text.is_empty() {
            (self.text.x, self.text.y) = (x, y);
        } else {
            self.text.advances.push(x - self.last);
        }
        self.text.text.push(c);
        self.last = x;
    }

    /// Puts the run among the objects and starts a new one.
    fn flush(&mut self, objects: &mut Vec<Object>) {
        if !self.text.text.is_empty() {
            objects.push(Object::Text(self.text.clone()));
        }
        self.text.text.clear();
        self.text.advances.clear();
        self.text.glyphs.clear();
    }
}

fn raster_image(raster: &RasterImage) -> Result<ofd::Image, PrintError> {
    let upright = matches!(raster.exif_rotation(), None | Some(1));
    let format = match raster.format() {
        RasterFormat::Exchange(ExchangeFormat::Png) => Some(ofd::ImageFormat::Png),
        RasterFormat::Exchange(ExchangeFormat::Jpg) => Some(ofd::ImageFormat::Jpeg),
        _ => None,
    };
    if let Some(format) = format.filter(|_| upright) {
        return Ok(ofd::Image {
            format,
            bytes: raster.data().to_vec(),
        });
    }
    // The decoded dots are upright already.
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    raster.dynamic().write_with_encoder(encoder).map_err(wrong)?;
    Ok(ofd::Image {
        format: ofd::ImageFormat::Png,
        bytes,
    })
}

/// Every point of a step.
fn ends(segment: &Segment) -> Vec<(f64, f64)> {
    match *segment {
        Segment::Move(x, y) | Segment::Line(x, y) => vec![(x, y)],
        Segment::Quad([a, b, x, y]) => vec![(a, b), (x, y)],
        Segment::Cubic([a, b, c, d, x, y]) => vec![(a, b), (c, d), (x, y)],
        Segment::Close => Vec::new(),
    }
}

fn affine(t: usvg::Transform) -> Matrix {
    Matrix([t.sx, t.ky, t.kx, t.sy, t.tx, t.ty].map(f64::from))
}

fn bounds(of: usvg::Rect) -> Rect {
    Rect {
        x: of.x().into(),
        y: of.y().into(),
        width: of.width().into(),
        height: of.height().into(),
    }
}

fn whole(tree: &usvg::Tree) -> Rect {
    Rect {
        width: tree.size().width().into(),
        height: tree.size().height().into(),
        ..Rect::default()
    }
}

fn segment(step: usvg::tiny_skia_path::PathSegment) -> Segment {
    use usvg::tiny_skia_path::PathSegment as Step;
    match step {
        Step::MoveTo(p) => Segment::Move(p.x.into(), p.y.into()),
        Step::LineTo(p) => Segment::Line(p.x.into(), p.y.into()),
        Step::QuadTo(a, p) => Segment::Quad([a.x, a.y, p.x, p.y].map(f64::from)),
        Step::CubicTo(a, b, p) => Segment::Cubic([a.x, a.y, b.x, b.y, p.x, p.y].map(f64::from)),
        Step::Close => Segment::Close,
    }
}

fn paint(paint: &usvg::Paint, opacity: f32) -> Option<Color> {
    let plain = |c: usvg::Color, opacity: f32| Color {
        red: c.red,
        green: c.green,
        blue: c.blue,
        alpha: channel(opacity),
    };
    let stops = |of: &[usvg::Stop]| mean(of.iter().map(|s| plain(s.color(), s.opacity().get() * opacity)));
    match paint {
        usvg::Paint::Color(c) => Some(plain(*c, opacity)),
        usvg::Paint::LinearGradient(gradient) => stops(gradient.stops()),
        usvg::Paint::RadialGradient(gradient) => stops(gradient.stops()),
        usvg::Paint::Pattern(_) => None,
    }
}

fn line(stroke: &usvg::Stroke, opacity: f32) -> Option<Stroke> {
    let dash = stroke.dasharray().unwrap_or_default();
    Some(Stroke {
        color: paint(stroke.paint(), stroke.opacity().get() * opacity)?,
        width: stroke.width().get().into(),
        cap: match stroke.linecap() {
            usvg::LineCap::Butt => Cap::Butt,
            usvg::LineCap::Round => Cap::Round,
            usvg::LineCap::Square => Cap::Square,
        },
        join: match stroke.linejoin() {
            usvg::LineJoin::Miter | usvg::LineJoin::MiterClip => Join::Miter,
            usvg::LineJoin::Round => Join::Round,
            usvg::LineJoin::Bevel => Join::Bevel,
        },
        miter_limit: stroke.miterlimit().get().into(),
        dash: dash.iter().map(|n| f64::from(*n)).collect(),
        dash_offset: stroke.dashoffset().into(),
    })
}
