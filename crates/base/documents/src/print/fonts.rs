//! The fonts built into the program, unpacked and parsed once.

use std::io::Read;
use std::sync::LazyLock;

use brotli_decompressor::Decompressor;
use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

use super::PrintError;

#[derive(rust_embed::RustEmbed)]
#[folder = "../../../web/dist/fonts"]
#[include = "*.ttf.br"]
#[allow_missing = true]
struct Files;

/// In the order in which the typesetter tries them for glyphs the named family lacks.
const NAMES: [&str; 2] = ["NotoSerifSC-Regular.ttf", "NotoSerifSC-Bold.ttf"];
const SERIF_BOLD: usize = 1;

/// A font file; `None` when the web build had not been run.
fn unpacked(name: &str) -> Option<Vec<u8>> {
    let packed = Files::get(&format!("{name}.br"))?;
    let mut bytes = Vec::new();
    Decompressor::new(packed.data.as_ref(), 1 << 16)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// The parsed fonts and the typesetter's index of them.
pub(super) struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) list: Vec<Font>,
}

impl Fonts {
    fn load() -> Result<Self, PrintError> {
        let mut list = Vec::with_capacity(NAMES.len());
        let mut missing = Vec::new();
        for name in NAMES {
            match unpacked(name).and_then(|bytes| Font::new(Bytes::new(bytes), 0)) {
                Some(font) => list.push(font),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() {
            return Err(PrintError::Fonts(missing.join(", ")));
        }
        Ok(Self {
            book: LazyHash::new(FontBook::from_fonts(&list)),
            list,
        })
    }

    /// # Errors
    /// [`PrintError::Fonts`] when the web build had not been run.
    pub(super) fn get() -> Result<&'static Self, PrintError> {
        static FONTS: LazyLock<Result<Fonts, PrintError>> = LazyLock::new(Fonts::load);
        FONTS.as_ref().map_err(Clone::clone)
    }

    /// The face seals are cut in.
    ///
    /// # Errors
    /// As [`Fonts::get`].
    pub(super) fn seal_face() -> Result<ttf_parser::Face<'static>, PrintError> {
        let font = Self::get()?.list.get(SERIF_BOLD);
        font.and_then(|font| ttf_parser::Face::parse(font.data().as_slice(), font.index()).ok())
            .ok_or_else(|| PrintError::Fonts(NAMES[SERIF_BOLD].into()))
    }
}
