//! Printing: Typst templates to PDF and OFD, and QR codes. Seals are drawn by the crate `seals`.
//!
//! Everything here is a pure function of its arguments and of the fonts built into the program: no clock, no
//! network, no files. Typesetting takes tens of milliseconds and more, so call it off the async threads.

mod fonts;
mod ofd;
mod proof;
mod sfnt;
mod typeset;

pub use ofd::{Printed, render_both, render_ofd};
pub(crate) use proof::proof;
pub use typeset::{MAX_DATA, MAX_PAGES, MAX_TEMPLATE, Spot, render, render_marked};

/// Why something could not be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    /// The program was built before its fonts were.
    #[error("fonts missing ({0}): run `npm ci && npm run build` in web/, then build the program again")]
    Fonts(String),
    /// The template does not compile, or reaches for what it may not have.
    #[error("template{}: {message}", .line.map(|n| format!(" line {n}")).unwrap_or_default())]
    Template {
        /// Line in the template, from 1; `None` when the typesetter names none.
        line: Option<usize>,
        /// What is wrong, as the typesetter says it.
        message: String,
    },
    /// Template, data or document are larger than allowed.
    #[error("{what} too large: {size}, allowed {allowed}")]
    TooLarge {
        /// `template bytes`, `data bytes` or `pages`.
        what: &'static str,
        /// What it is.
        size: usize,
        /// What it may be.
        allowed: usize,
    },
    /// The pages hold what an OFD file cannot.
    #[error("OFD: {0}")]
    Ofd(String),
    /// A time no calendar has.
    #[error("time out of range: {0} ms")]
    Time(i64),
}
