//! The fonts built into the program, unpacked once; printing uses the same.

use std::io::Read;
use std::sync::{LazyLock, Mutex, PoisonError};

use brotli_decompressor::Decompressor;

use super::DrawError;

#[derive(rust_embed::RustEmbed)]
#[folder = "../../../web/dist/fonts"]
#[include = "*.ttf.br"]
#[allow_missing = true]
struct Files;

/// The face that seals are cut in.
const FACE: &str = "NotoSerifSC-Bold.ttf";

/// A font file with its name.
type Known = (String, &'static [u8]);

/// A font file by its name; `None` when the web build had not been run.
pub fn font(name: &str) -> Option<&'static [u8]> {
    static KNOWN: LazyLock<Mutex<Vec<Known>>> = LazyLock::new(Mutex::default);
    // Held while unpacking: who comes second waits instead of doing it again.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, bytes)) = known.iter().find(|(n, _)| n == name) {
        return Some(bytes);
    }
    let packed = Files::get(&format!("{name}.br"))?;
    let mut bytes = Vec::new();
    Decompressor::new(packed.data.as_ref(), 1 << 16)
        .read_to_end(&mut bytes)
        .ok()?;
    // A handful of files, kept for as long as the program runs.
    let bytes: &'static [u8] = bytes.leak();
    known.push((name.to_string(), bytes));
    Some(bytes)
}

pub(super) fn face() -> Result<ttf_parser::Face<'static>, DrawError> {
    font(FACE)
        .and_then(|bytes| ttf_parser::Face::parse(bytes, 0).ok())
        .ok_or_else(|| DrawError::Fonts(FACE.into()))
}
