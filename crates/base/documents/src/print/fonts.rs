//! The fonts built into the program, parsed once; the crate `seals` holds them.

use std::sync::LazyLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

use super::PrintError;

/// In the order in which the typesetter tries them for glyphs the named family lacks.
const NAMES: [&str; 2] = ["NotoSerifSC-Regular.ttf", "NotoSerifSC-Bold.ttf"];

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
            match seals::draw::font(name).and_then(|bytes| Font::new(Bytes::new(bytes), 0)) {
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
}
