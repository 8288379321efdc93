//! What kind of file somebody brings, and what must be known of it before it is sealed.

use super::model::Sheet;
use super::words::Glyph;
use super::{ofd, pdf};

/// Largest file.
pub(crate) const LARGEST: usize = 20 << 20;
pub(crate) const PAGES: usize = 2_000;

/// A kind of file that can be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Pdf,
    Ofd,
}

impl Form {
    /// By how the file begins, whatever it is called.
    pub(crate) fn of(file: &[u8]) -> Option<Form> {
        match file {
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Form::Pdf),
            [b'P', b'K', ..] => Some(Form::Ofd),
            _ => None,
        }
    }

    pub(crate) fn ending(self) -> &'static str {
        match self {
            Form::Pdf => "pdf",
            Form::Ofd => "ofd",
        }
    }

    pub(crate) fn media(self) -> &'static str {
        match self {
            Form::Pdf => "application/pdf",
            Form::Ofd => "application/ofd",
        }
    }
}

/// The pages of a file, and their characters if they were asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Looked {
    pub sheets: Vec<Sheet>,
    pub glyphs: Vec<Vec<Glyph>>,
}

/// Looks at a file that may be sealed; the error is the key of a text.
pub(crate) fn look(file: &[u8], texts: bool) -> Result<(Form, Looked), &'static str> {
    if file.len() > LARGEST {
        return Err("seals-file-large");
    }
    let form = Form::of(file).ok_or("seals-file-unknown")?;
    let looked = match form {
        Form::Pdf => pdf::look(file, texts)?,
        Form::Ofd => ofd::look(file, texts)?,
    };
    Ok((form, looked))
}
