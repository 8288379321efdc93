//! Proofs of a pack's templates. A process that opens many cities from one pack, as the tests do, proves each template once.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{PrintError, render_both};

/// Hashes of template and data that have been printed without an error.
static PROVEN: LazyLock<Mutex<BTreeSet<[u8; 32]>>> = LazyLock::new(Mutex::default);

/// Whether a template prints with these data, as PDF and as OFD.
///
/// # Errors
/// As [`render_both`].
pub(crate) fn proof(template: &str, data: &Json, title: &str) -> Result<(), PrintError> {
    let mut hash = Sha256::new();
    for part in [template, &data.to_string(), title] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let key: [u8; 32] = hash.finalize().into();
    // Held while printing: who comes second waits for the answer instead of working it out again.
    let mut proven = PROVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !proven.contains(&key) {
        render_both(template, data, title, 0, "")?;
        proven.insert(key);
    }
    Ok(())
}
