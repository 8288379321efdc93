//! What must be known of somebody's OFD package before it is sealed. The engine reads it as hostile; here its errors become
//! words, and millimetres from the top left become points from the lower left.

use super::look::{LARGEST, Looked, PAGES};
use super::model::Sheet;
use super::words::Glyph;
use ofd::{Error, Limits};

/// Points in a millimetre.
const PER_MM: f64 = 72.0 / 25.4;

fn limits() -> Limits {
    Limits {
        package: LARGEST,
        pages: PAGES,
        ..Limits::default()
    }
}

/// The pages of a package that may be sealed; the error is the key of a text.
pub(crate) fn look(package: &[u8], texts: bool) -> Result<Looked, &'static str> {
    let said = |e: Error| {
        tracing::info!("an OFD package cannot be sealed: {e}");
        why(&e)
    };
    let report = ofd::read(package, &limits()).map_err(said)?;
    // Whether it can be signed at all is known only to the signing.
    ofd::prepare(package, &limits(), &ofd::Signing::default()).map_err(said)?;
    let mut sheets = Vec::new();
    let mut glyphs = Vec::new();
    for page in &report.pages {
        let (width, height) = (page.width * PER_MM, page.height * PER_MM);
        let sound = |n: f64| n.is_finite() && n > 0.0 && n < 20_000.0;
        if !sound(width) || !sound(height) {
            return Err("seals-file-broken");
        }
        sheets.push(Sheet {
            area: [0.0, 0.0, width, height],
            turned: 0,
        });
        if texts {
            glyphs.push(page.runs.iter().flat_map(|run| characters(run, height)).collect());
        }
    }
    Ok(Looked { sheets, glyphs })
}

fn characters(run: &ofd::Run, height: f64) -> impl Iterator<Item = Glyph> + '_ {
    let at = move |[x, y]: [f32; 2]| [x * PER_MM as f32, (height - f64::from(y) * PER_MM) as f32];
    let ends = run.origins.iter().skip(1).copied();
    let last = run
        .origins
        .last()
        .map(|o| [o[0] + run.last[0], o[1] + run.last[1]]);
    let size = (run.size * PER_MM) as f32;
    let each = run.text.chars().zip(&run.origins).zip(ends.chain(last));
    each.map(move |((c, from), to)| {
        let (from, to) = (at(*from), at(to));
        // Set in a column: what follows stands below, and the character itself lies across.
        let column = (to[0] - from[0]).abs() < 0.01 * size && run.last[1] == 0.0;
        let to = if column { [from[0] + size, from[1]] } else { to };
        Glyph { c, from, to, size }
    })
}

fn why(e: &Error) -> &'static str {
    match e {
        Error::Limit { .. } => "seals-file-ofd-limits",
        Error::Zip(_) | Error::Name(_) | Error::Duplicate(_) | Error::Special(_) => "seals-file-ofd-package",
        // Some other ZIP: a word processor's file, or an archive.
        Error::Missing(path) if path == "OFD.xml" => "seals-file-unknown",
        Error::Entities(_) => "seals-file-ofd-entities",
        Error::Closed(_) => "seals-file-certified",
        Error::Unsupported(_) => "seals-file-ofd-several",
        _ => "seals-file-broken",
    }
}
