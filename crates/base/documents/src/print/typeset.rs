//! Typst templates to PDF, in a world that holds one source text and the embedded fonts and nothing else.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use typst::diag::{FileError, FileResult, PackageError, Severity, SourceDiagnostic};
use typst::foundations::{Binding, Bytes, Datetime, Dict, Duration, Label, Smart, Str, Value};
use typst::introspection::Introspector as _;
use typst::syntax::{DiagSpan, FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook, FontFamily, FontList, TextElem};
use typst::utils::{LazyHash, PicoStr};
use typst::{Library, LibraryExt as _, World, WorldExt as _, comemo};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use super::PrintError;
use super::fonts::Fonts;

/// The longest template, in bytes.
pub const MAX_TEMPLATE: usize = 200_000;
/// The longest data, in bytes of JSON text.
pub const MAX_DATA: usize = 1_000_000;
/// The longest document.
pub const MAX_PAGES: usize = 50;

/// China has one time zone, without summer time since 1992.
const CHINA: Offset = Offset::constant(8);

/// Compiles a Typst template to a PDF 1.7 file with its fonts embedded as subsets.
///
/// The template reads `data` with `json(bytes(sys.inputs.data))`. It can read no file and import no package;
/// `plugin` (foreign code) and `eval` (data as code) are taken away. Unless it sets a font, text is in
/// "Noto Serif SC". `title` is the title in the file's metadata; empty keeps the
/// one the template sets. `now_ms` (Unix milliseconds) is the file's creation time and, in China's time zone,
/// the template's `datetime.today()`. The same arguments give the same bytes.
///
/// Work is bounded by the size limits and by the typesetter's own: 10,000 turns of a `while`, 80 calls deep,
/// five layout passes. Templates come from packs, which are trusted not to nest `for` loops beyond reason.
///
/// # Errors
/// [`PrintError::TooLarge`], [`PrintError::Template`] with the line, [`PrintError::Fonts`],
/// [`PrintError::Time`].
pub fn render(template: &str, data: &Json, title: &str, now_ms: i64) -> Result<Vec<u8>, PrintError> {
    render_marked(template, data, title, now_ms, "").map(|(pdf, _)| pdf)
}

/// Where something stands on a page, in points from its bottom left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// From 1.
    pub page: u32,
    pub x: f64,
    pub y: f64,
    /// Height of that page.
    pub height: f64,
}

impl Spot {
    /// The same from the top left corner, in millimetres, as OFD counts.
    pub fn from_top(self) -> [f64; 2] {
        const MM: f64 = 25.4 / 72.0;
        [self.x * MM, (self.height - self.y) * MM]
    }
}

/// [`render`], and where the template set `#metadata(none) <mark>`: a text of any length has its seal under its last
/// line. `None` where it set none.
///
/// # Errors
/// As [`render`].
pub fn render_marked(
    template: &str,
    data: &Json,
    title: &str,
    now_ms: i64,
    mark: &str,
) -> Result<(Vec<u8>, Option<Spot>), PrintError> {
    typeset(template, data, title, now_ms, |room, document, identifier| {
        Ok((room.pdf(document, identifier)?, spot(document, mark)))
    })
}

/// Sets a template and hands the pages on; what [`render`] says of bounds and errors is true of every way out.
pub(super) fn typeset<T>(
    template: &str,
    data: &Json,
    title: &str,
    now_ms: i64,
    then: impl FnOnce(&Room, &PagedDocument, String) -> Result<T, PrintError>,
) -> Result<T, PrintError> {
    within("template bytes", template.len(), MAX_TEMPLATE)?;
    let data = data.to_string();
    within("data bytes", data.len(), MAX_DATA)?;
    let now = Timestamp::from_millisecond(now_ms).map_err(|_| PrintError::Time(now_ms))?;
    let identifier = identifier(&[template, &data, title, &now_ms.to_string()]);
    let room = Room::new(template, &data, now)?;
    let made = room
        .document(title)
        .and_then(|document| then(&room, &document, identifier));
    // The typesetter remembers what it computed for a next run; that would keep personal data in memory.
    comemo::evict(0);
    made
}

fn within(what: &'static str, size: usize, allowed: usize) -> Result<(), PrintError> {
    if size > allowed {
        return Err(PrintError::TooLarge { what, size, allowed });
    }
    Ok(())
}

/// Names the document by what it was made from; lengths keep the parts apart.
fn identifier(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The only file there is. One id for all templates: the typesetter never gives an id back.
static MAIN: LazyLock<Option<FileId>> = LazyLock::new(|| {
    let path = VirtualPath::new("template.typ").ok()?;
    Some(RootedPath::new(VirtualRoot::Project, path).intern())
});

/// The standard library without the doors out of it.
fn library(data: &str) -> Library {
    let mut inputs = Dict::new();
    inputs.insert(Str::from("data"), Value::Str(Str::from(data)));
    let mut library = Library::builder().with_inputs(inputs).build();
    let scope = library.global.scope_mut();
    for name in ["plugin", "eval"] {
        scope.bind(name.into(), Binding::detached(Value::None));
    }
    // `std` is a second way to the same names.
    library.std = Binding::detached(library.global.clone());
    let families = ["Noto Serif SC"].map(FontFamily::new);
    library.styles.set(TextElem::font, FontList(families.to_vec()));
    library
}

/// What a template can see.
pub(super) struct Room {
    library: LazyHash<Library>,
    fonts: &'static Fonts,
    main: FileId,
    source: Source,
    now: Timestamp,
}

impl Room {
    fn new(template: &str, data: &str, now: Timestamp) -> Result<Self, PrintError> {
        // A constant path that the typesetter has no reason to refuse.
        let main = MAIN.ok_or_else(|| refused("no path for the template"))?;
        Ok(Self {
            library: LazyHash::new(library(data)),
            fonts: Fonts::get()?,
            main,
            source: Source::new(main, template.to_owned()),
            now,
        })
    }

    fn document(&self, title: &str) -> Result<PagedDocument, PrintError> {
        let made = typst::compile::<PagedDocument>(self).output;
        let mut document = made.map_err(|found| self.error(&found))?;
        within("pages", document.pages().len(), MAX_PAGES)?;
        if !title.is_empty() {
            document.info_mut().title = Some(title.into());
        }
        Ok(document)
    }

    /// The day in China, as `2026-05-29`.
    pub(super) fn day(&self) -> String {
        CHINA.to_datetime(self.now).date().to_string()
    }

    pub(super) fn pdf(&self, document: &PagedDocument, identifier: String) -> Result<Vec<u8>, PrintError> {
        let standards = PdfStandards::new(&[PdfStandard::V_1_7]).map_err(|e| refused(e.message()))?;
        let options = PdfOptions {
            ident: Smart::Custom(identifier),
            creator: Smart::Custom(Some("Yiwang".into())),
            timestamp: moment(CHINA.to_datetime(self.now))
                .and_then(|at| typst_pdf::Timestamp::new_local(at, CHINA.seconds() / 60)),
            standards,
            ..PdfOptions::default()
        };
        typst_pdf::pdf(document, &options).map_err(|found| self.error(&found))
    }

    /// The first error, with the line it stands on or, for errors in data, the line that read the data.
    fn error(&self, found: &[SourceDiagnostic]) -> PrintError {
        let Some(first) = found
            .iter()
            .find(|d| d.severity == Severity::Error)
            .or(found.first())
        else {
            return refused("the typesetter gave no reason");
        };
        let calls = first.trace.iter().map(|call| call.span.into());
        let line = std::iter::once(first.span)
            .chain(calls)
            .filter(|span: &DiagSpan| span.id() == Some(self.main))
            .find_map(|span| self.source.lines().byte_to_line(self.range(span)?.start));
        let mut message = first.message.to_string();
        for hint in &first.hints {
            message.push_str("; ");
            message.push_str(&hint.v);
        }
        PrintError::Template {
            line: line.map(|n| n + 1),
            message,
        }
    }
}

pub(super) fn spot(document: &PagedDocument, mark: &str) -> Option<Spot> {
    let label = Label::new(PicoStr::intern(mark))?;
    let introspector = document.introspector();
    let place = introspector.query_label(label).ok()?.location()?;
    let at = introspector.position(place)?;
    let height = document.pages().get(at.page.get() - 1)?.frame.height();
    Some(Spot {
        page: u32::try_from(at.page.get()).ok()?,
        x: at.point.x.to_pt(),
        y: (height - at.point.y).to_pt(),
        height: height.to_pt(),
    })
}

fn refused(why: impl Into<String>) -> PrintError {
    PrintError::Template {
        line: None,
        message: why.into(),
    }
}

fn moment(at: DateTime) -> Option<Datetime> {
    let part = |n: i8| u8::try_from(n).ok();
    let (year, month, day) = (i32::from(at.year()), part(at.month())?, part(at.day())?);
    Datetime::from_ymd_hms(
        year,
        month,
        day,
        part(at.hour())?,
        part(at.minute())?,
        part(at.second())?,
    )
}

impl World for Room {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.fonts.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main {
            return Ok(self.source.clone());
        }
        Err(closed(id))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        Err(closed(id))
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.list.get(index).cloned()
    }

    fn today(&self, offset: Option<Duration>) -> Option<Datetime> {
        let zone = match offset {
            Some(offset) => Offset::from_seconds(offset.seconds() as i32).ok()?,
            None => CHINA,
        };
        let at = zone.to_datetime(self.now);
        Datetime::from_ymd(
            i32::from(at.year()),
            u8::try_from(at.month()).ok()?,
            u8::try_from(at.day()).ok()?,
        )
    }
}

/// Why a template gets nothing but itself.
fn closed(id: FileId) -> FileError {
    match id.root() {
        VirtualRoot::Package(package) => FileError::Package(PackageError::Other(Some(
            format!("templates import no packages: {package}").into(),
        ))),
        VirtualRoot::Project => FileError::Other(Some(
            format!("templates read no files: {}", id.vpath().get_with_slash()).into(),
        )),
    }
}
