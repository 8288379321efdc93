//! A document model to a package (GB/T 33190-2016, clauses 7 to 11).

use sha2::{Digest as _, Sha256};

use crate::model::{
    Attachment, Cap, Color, Document, ImageFormat, Join, Object, Page, Path, Picture, Segment, Text,
};
use crate::xml::{Out, number};
use crate::{Error, Matrix, Package, Rect};

/// Page and object numbers (ST_ID): every one in a document is given once.
struct Ids(u64);

impl Ids {
    fn next(&mut self) -> String {
        self.0 += 1;
        self.0.to_string()
    }
}

/// Decimals of a millimetre: a tenth of a micrometre for text, whose errors add up, and a micrometre for outlines.
const FINE: usize = 4;
const OUTLINE: usize = 3;

/// Writes a document as an OFD package.
///
/// The DocID is made from the content, so that the same document is the same bytes. Objects whose clip leaves nothing of
/// them are left out.
///
/// # Errors
/// [`Error::Document`] for no pages, a day of another shape, numbers that are not finite or beyond ten metres, indexes without a font or an image,
/// advances that do not fit their text.
pub fn write(document: &Document) -> Result<Vec<u8>, Error> {
    check(document)?;
    let mut package = Package::default();
    let mut ids = Ids(0);
    let fonts: Vec<String> = document.fonts.iter().map(|_| ids.next()).collect();
    let images: Vec<String> = document.images.iter().map(|_| ids.next()).collect();
    let mut put = |path: String, bytes: Vec<u8>| package.files.insert(path, bytes);

    put("Doc_0/PublicRes.xml".into(), public(document, &fonts));
    put("Doc_0/DocumentRes.xml".into(), pictures(document, &images));
    for (i, font) in document.fonts.iter().enumerate() {
        put(format!("Doc_0/Res/{}", font_file(i)), font.bytes.clone());
    }
    for (i, image) in document.images.iter().enumerate() {
        put(
            format!("Doc_0/Res/{}", image_file(i, image.format)),
            image.bytes.clone(),
        );
    }
    let mut pages = Vec::new();
    for (i, page) in document.pages.iter().enumerate() {
        pages.push(ids.next());
        let content = content(page, &fonts, &images, &mut ids);
        put(format!("Doc_0/Pages/Page_{i}/Content.xml"), content);
    }
    if !document.attachments.is_empty() {
        put("Doc_0/Attachs/Attachments.xml".into(), attachments(document));
        for (i, attachment) in document.attachments.iter().enumerate() {
            put(
                format!("Doc_0/Attachs/{}", attachment_file(i, attachment)),
                attachment.bytes.clone(),
            );
        }
    }
    put("Doc_0/Document.xml".into(), structure(document, &pages, ids.0));
    let id = identifier(document, &package);
    package.files.insert("OFD.xml".into(), entry(document, &id));
    package.pack()
}

fn font_file(i: usize) -> String {
    format!("Font_{i}.ttf")
}

fn image_file(i: usize, format: ImageFormat) -> String {
    match format {
        ImageFormat::Png => format!("Image_{i}.png"),
        ImageFormat::Jpeg => format!("Image_{i}.jpg"),
    }
}

fn attachment_file(i: usize, attachment: &Attachment) -> String {
    format!("Attach_{i}.{}", attachment.format)
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Document(why.into()))
}

/// Whether the numbers can be written and mean something.
fn sound(numbers: impl IntoIterator<Item = f64>) -> bool {
    numbers.into_iter().all(|n| n.is_finite() && n.abs() <= 10_000.0)
}

fn check(document: &Document) -> Result<(), Error> {
    if document.pages.is_empty() {
        return refuse("no pages");
    }
    let day = |text: &str| {
        let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
        shape.eq(*b"0000-00-00")
    };
    if !document.created.is_empty() && !day(&document.created) {
        return refuse(format!("{:?} is no day", document.created));
    }
    for attachment in &document.attachments {
        let format = &attachment.format;
        if !(1..=8).contains(&format.len()) || !format.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return refuse(format!("{format:?} is no extension"));
        }
    }
    for (i, page) in document.pages.iter().enumerate() {
        let at = |why: &str| refuse(format!("page {}: {why}", i + 1));
        if !sound([page.width, page.height]) || page.width <= 0.0 || page.height <= 0.0 {
            return at("its size");
        }
        for object in &page.objects {
            let (transform, clip) = frame(object);
            let clip = clip.map_or([0.0; 4], |c| [c.x, c.y, c.width, c.height]);
            if !sound(transform.0) || !sound(clip) {
                return at("a transform or clip");
            }
            match object {
                Object::Text(text) => {
                    let count = text.text.chars().count();
                    if !sound([text.x, text.y, text.size])
                        || !sound(text.advances.iter().copied())
                        || text.size <= 0.0
                    {
                        return at("a text's place");
                    }
                    if text.font >= document.fonts.len() {
                        return at("a text without its font");
                    }
                    if count == 0 || !text.advances.is_empty() && text.advances.len() + 1 != count {
                        return at("a text's advances");
                    }
                }
                Object::Path(path) => {
                    let ends = path.data.iter().flat_map(points);
                    let stroke = path.stroke.iter().flat_map(|s| {
                        [s.width, s.miter_limit, s.dash_offset]
                            .into_iter()
                            .chain(s.dash.iter().copied())
                    });
                    if !sound(ends.flat_map(|(x, y)| [x, y])) || !sound(stroke) {
                        return at("a path");
                    }
                }
                Object::Picture(picture) if picture.image >= document.images.len() => {
                    return at("a picture without its image");
                }
                Object::Picture(_) => {}
            }
        }
    }
    Ok(())
}

fn frame(object: &Object) -> (Matrix, Option<Rect>) {
    match object {
        Object::Text(Text { transform, clip, .. })
        | Object::Path(Path { transform, clip, .. })
        | Object::Picture(Picture { transform, clip, .. }) => (*transform, *clip),
    }
}

/// A name for the document in the shape of a UUID without dashes, from what it holds; lengths keep the parts apart.
fn identifier(document: &Document, package: &Package) -> String {
    let mut hash = Sha256::new();
    let meta = [&document.title, &document.creator, &document.created].map(|s| s.as_bytes());
    let files = package
        .files
        .iter()
        .flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]);
    for part in meta.into_iter().chain(files) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// OFD.xml (7.4).
fn entry(document: &Document, id: &str) -> Vec<u8> {
    let mut out = Out::new("OFD", &[("Version", "1.0"), ("DocType", "OFD")]);
    out.start("DocBody", &[]);
    out.start("DocInfo", &[]);
    out.leaf("DocID", &[], id);
    for (name, text) in [
        ("Title", &document.title),
        ("CreationDate", &document.created),
        ("Creator", &document.creator),
    ] {
        if !text.is_empty() {
            out.leaf(name, &[], text);
        }
    }
    out.end();
    out.leaf("DocRoot", &[], "Doc_0/Document.xml");
    out.finish()
}

fn sizes(numbers: [f64; 4]) -> String {
    numbers.map(|n| number(n, FINE)).join(" ")
}

/// Document.xml (7.5).
fn structure(document: &Document, pages: &[String], last: u64) -> Vec<u8> {
    let mut out = Out::new("Document", &[]);
    out.start("CommonData", &[]);
    out.leaf("MaxUnitID", &[], &last.to_string());
    out.start("PageArea", &[]);
    let first = document.pages.first().map_or((0.0, 0.0), |p| (p.width, p.height));
    out.leaf("PhysicalBox", &[], &sizes([0.0, 0.0, first.0, first.1]));
    out.end();
    out.leaf("PublicRes", &[], "PublicRes.xml");
    out.leaf("DocumentRes", &[], "DocumentRes.xml");
    out.end();
    out.start("Pages", &[]);
    for (i, id) in pages.iter().enumerate() {
        let place = format!("Pages/Page_{i}/Content.xml");
        out.empty("Page", &[("ID", id), ("BaseLoc", &place)]);
    }
    out.end();
    if !document.attachments.is_empty() {
        out.leaf("Attachments", &[], "Attachs/Attachments.xml");
    }
    out.finish()
}

/// PublicRes.xml (7.9, 11.1).
fn public(document: &Document, ids: &[String]) -> Vec<u8> {
    let mut out = Out::new("Res", &[("BaseLoc", "Res")]);
    if !ids.is_empty() {
        out.start("Fonts", &[]);
    }
    for (i, (font, id)) in document.fonts.iter().zip(ids).enumerate() {
        let mut attributes = vec![
            ("ID", id.as_str()),
            ("FontName", &font.name),
            ("FamilyName", &font.family),
        ];
        if font.italic {
            attributes.push(("Italic", "true"));
        }
        if font.bold {
            attributes.push(("Bold", "true"));
        }
        out.start("Font", &attributes);
        out.leaf("FontFile", &[], &font_file(i));
        out.end();
    }
    out.finish()
}

/// DocumentRes.xml (7.9).
fn pictures(document: &Document, ids: &[String]) -> Vec<u8> {
    let mut out = Out::new("Res", &[("BaseLoc", "Res")]);
    if !ids.is_empty() {
        out.start("MultiMedias", &[]);
    }
    for (i, (image, id)) in document.images.iter().zip(ids).enumerate() {
        let format = match image.format {
            ImageFormat::Png => "PNG",
            ImageFormat::Jpeg => "JPEG",
        };
        out.start("MultiMedia", &[("ID", id), ("Type", "Image"), ("Format", format)]);
        out.leaf("MediaFile", &[], &image_file(i, image.format));
        out.end();
    }
    out.finish()
}

/// Attachments.xml: Size is in kilobytes.
fn attachments(document: &Document) -> Vec<u8> {
    let mut out = Out::new("Attachments", &[]);
    for (i, attachment) in document.attachments.iter().enumerate() {
        let size = number(attachment.bytes.len() as f64 / 1024.0, 3);
        let (id, format) = (format!("A{}", i + 1), attachment.format.to_uppercase());
        let attributes = [
            ("ID", id.as_str()),
            ("Name", &attachment.name),
            ("Format", &format),
            ("Size", &size),
        ];
        out.start("Attachment", &attributes);
        out.leaf("FileLoc", &[], &attachment_file(i, attachment));
        out.end();
    }
    out.finish()
}

/// Content.xml of a page (7.7).
fn content(page: &Page, fonts: &[String], images: &[String], ids: &mut Ids) -> Vec<u8> {
    let mut out = Out::new("Page", &[]);
    out.start("Area", &[]);
    out.leaf("PhysicalBox", &[], &sizes([0.0, 0.0, page.width, page.height]));
    out.end();
    out.start("Content", &[]);
    out.start("Layer", &[("ID", &ids.next()), ("Type", "Body")]);
    for object in &page.objects {
        match object {
            Object::Text(text) => write_text(&mut out, text, fonts, ids),
            Object::Path(path) => write_path(&mut out, path, ids),
            Object::Picture(picture) => write_picture(&mut out, picture, images, ids),
        }
    }
    out.finish()
}

/// What is outside an object's Boundary is not drawn (8.5): it is the box around the object and its clip in one. On whole
/// tenths of micrometres, so that what is relative to it is not rounded twice. `None` when nothing is left.
fn boundary(local: Rect, transform: Matrix, clip: Option<Rect>) -> Option<Rect> {
    let whole = transform.cover(local);
    let cut = clip.map_or(Some(whole), |clip| whole.common(clip))?;
    let scale = 10f64.powi(FINE as i32);
    let (x, y) = ((cut.x * scale).floor() / scale, (cut.y * scale).floor() / scale);
    let right = ((cut.x + cut.width) * scale).ceil() / scale;
    let bottom = ((cut.y + cut.height) * scale).ceil() / scale;
    Some(Rect {
        x,
        y,
        width: right - x,
        height: bottom - y,
    })
}

/// The transform to a boundary's space.
fn inside(transform: Matrix, boundary: Rect) -> Matrix {
    Matrix([1.0, 0.0, 0.0, 1.0, -boundary.x, -boundary.y]).after(transform)
}

fn place(boundary: Rect) -> String {
    sizes([boundary.x, boundary.y, boundary.width, boundary.height])
}

fn ctm(matrix: Matrix) -> String {
    // The linear part multiplies lengths: two digits more.
    let [a, b, c, d, e, f] = matrix.0;
    let linear = [a, b, c, d].map(|n| number(n, FINE + 2));
    format!("{} {} {}", linear.join(" "), number(e, FINE), number(f, FINE))
}

fn color(out: &mut Out, name: &'static str, color: Color) {
    let value = format!("{} {} {}", color.red, color.green, color.blue);
    if color.alpha == 255 {
        out.empty(name, &[("Value", &value)]);
    } else {
        out.empty(name, &[("Value", &value), ("Alpha", &color.alpha.to_string())]);
    }
}

fn join(numbers: impl IntoIterator<Item = String>) -> String {
    numbers.into_iter().collect::<Vec<_>>().join(" ")
}

fn write_text(out: &mut Out, text: &Text, fonts: &[String], ids: &mut Ids) {
    // The ink of any sensible font is within this; a boundary that is too small would cut it.
    let (mut low, mut high, mut at) = (0f64, 0f64, 0f64);
    for advance in &text.advances {
        at += advance;
        low = low.min(at);
        high = high.max(at);
    }
    if text.advances.is_empty() {
        high = text.size * text.text.chars().count() as f64;
    }
    let local = Rect {
        x: text.x + low - 0.5 * text.size,
        y: text.y - 1.3 * text.size,
        width: high - low + 2.0 * text.size,
        height: 1.8 * text.size,
    };
    let (Some(bounds), Some(font)) = (boundary(local, text.transform, text.clip), fonts.get(text.font))
    else {
        return;
    };
    let matrix = inside(text.transform, bounds);
    let (id, bounds, size) = (ids.next(), place(bounds), number(text.size, FINE));
    let transform = ctm(matrix);
    let mut attributes = vec![("ID", id.as_str()), ("Boundary", &bounds)];
    let origin = if matrix.is_shift() {
        matrix.apply((text.x, text.y))
    } else {
        attributes.push(("CTM", &transform));
        (text.x, text.y)
    };
    attributes.extend([("Font", font.as_str()), ("Size", &size)]);
    out.start("TextObject", &attributes);
    color(out, "FillColor", text.color);
    if !text.glyphs.is_empty() {
        let codes = text.text.chars().count().to_string();
        let glyphs = text.glyphs.len().to_string();
        let counts = [
            ("CodePosition", "0"),
            ("CodeCount", &codes),
            ("GlyphCount", &glyphs),
        ];
        out.start("CGTransform", &counts);
        out.leaf("Glyphs", &[], &join(text.glyphs.iter().map(u16::to_string)));
        out.end();
    }
    let (x, y) = (number(origin.0, FINE), number(origin.1, FINE));
    let delta = join(text.advances.iter().map(|n| number(*n, FINE)));
    let mut attributes = vec![("X", x.as_str()), ("Y", &y)];
    if !delta.is_empty() {
        attributes.push(("DeltaX", &delta));
    }
    out.leaf("TextCode", &attributes, &text.text);
    out.end();
}

fn points(segment: &Segment) -> Vec<(f64, f64)> {
    match *segment {
        Segment::Move(x, y) | Segment::Line(x, y) => vec![(x, y)],
        Segment::Quad([a, b, x, y]) => vec![(a, b), (x, y)],
        Segment::Cubic([a, b, c, d, x, y]) => vec![(a, b), (c, d), (x, y)],
        Segment::Close => Vec::new(),
    }
}

fn write_path(out: &mut Out, path: &Path, ids: &mut Ids) {
    let Some(local) = Rect::around(path.data.iter().flat_map(points)) else {
        return;
    };
    // A thin line's box must not be empty, and a line is as wide outside its path as inside.
    let reach = path
        .stroke
        .as_ref()
        .map_or(0.0, |s| s.width.abs() * s.miter_limit.clamp(1.0, 4.0) / 2.0);
    let Some(bounds) = boundary(local.grown(reach + 0.001), path.transform, path.clip) else {
        return;
    };
    let matrix = inside(path.transform, bounds);
    let shift = matrix.is_shift();
    let id = ids.next();
    let mut attributes = vec![("ID", id), ("Boundary", place(bounds))];
    if !shift {
        attributes.push(("CTM", ctm(matrix)));
    }
    // Stroke is on and Fill is off unless said otherwise (9.1).
    match &path.stroke {
        None => attributes.push(("Stroke", "false".into())),
        Some(stroke) => {
            attributes.push(("LineWidth", number(stroke.width, FINE)));
            match stroke.cap {
                Cap::Butt => {}
                Cap::Round => attributes.push(("Cap", "Round".into())),
                Cap::Square => attributes.push(("Cap", "Square".into())),
            }
            match stroke.join {
                Join::Miter => attributes.push(("MiterLimit", number(stroke.miter_limit, FINE))),
                Join::Round => attributes.push(("Join", "Round".into())),
                Join::Bevel => attributes.push(("Join", "Bevel".into())),
            }
            if !stroke.dash.is_empty() {
                attributes.push(("DashPattern", join(stroke.dash.iter().map(|n| number(*n, FINE)))));
                attributes.push(("DashOffset", number(stroke.dash_offset, FINE)));
            }
        }
    }
    if path.fill.is_some() {
        attributes.push(("Fill", "true".into()));
        if path.even_odd {
            attributes.push(("Rule", "Even-Odd".into()));
        }
    }
    let attributes: Vec<_> = attributes.iter().map(|(k, v)| (*k, v.as_str())).collect();
    out.start("PathObject", &attributes);
    if let Some(stroke) = &path.stroke {
        color(out, "StrokeColor", stroke.color);
    }
    if let Some(fill) = path.fill {
        color(out, "FillColor", fill);
    }
    out.leaf(
        "AbbreviatedData",
        &[],
        &abbreviated(&path.data, if shift { matrix } else { Matrix::IDENTITY }),
    );
    out.end();
}

/// A path's steps as letters and numbers (9.1).
fn abbreviated(data: &[Segment], matrix: Matrix) -> String {
    let mut out = String::new();
    for segment in data {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push(match segment {
            Segment::Move(..) => 'M',
            Segment::Line(..) => 'L',
            Segment::Quad(..) => 'Q',
            Segment::Cubic(..) => 'B',
            Segment::Close => 'C',
        });
        for point in points(segment) {
            let (x, y) = matrix.apply(point);
            for n in [x, y] {
                out.push(' ');
                out.push_str(&number(n, OUTLINE));
            }
        }
    }
    out
}

fn write_picture(out: &mut Out, picture: &Picture, images: &[String], ids: &mut Ids) {
    let unit = Rect {
        width: 1.0,
        height: 1.0,
        ..Rect::default()
    };
    let bounds = boundary(unit, picture.transform, picture.clip);
    let (Some(bounds), Some(image)) = (bounds, images.get(picture.image)) else {
        return;
    };
    let (id, matrix) = (ids.next(), ctm(inside(picture.transform, bounds)));
    out.empty(
        "ImageObject",
        &[
            ("ID", &id),
            ("Boundary", &place(bounds)),
            ("CTM", &matrix),
            ("ResourceID", image),
        ],
    );
}
