//! QR codes for pages and papers.

use crate::error::Fault;
use qrcode::render::svg::Color;
use qrcode::{EcLevel, QrCode};

/// `text` as a QR code (ISO/IEC 18004, error correction M, quiet zone of four modules), black on white: an `<svg>` element
/// without XML declaration, so that it stands in a page as well as in a template.
///
/// # Errors
/// A fault when the text is too long (2,331 bytes fit).
pub fn svg(text: &str) -> Result<String, Fault> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|e| Fault::of("QR code", e.to_string()))?;
    let svg = code
        .render::<Color>()
        .quiet_zone(true)
        .min_dimensions(240, 240)
        .dark_color(Color("#000"))
        .light_color(Color("#fff"))
        .build();
    Ok(svg
        .find("<svg")
        .map_or_else(String::new, |at| svg[at..].to_owned()))
}
