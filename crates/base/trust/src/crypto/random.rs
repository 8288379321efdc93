//! The one place of this crate that asks the operating system for chance.

/// Fills `buf` from the operating system's generator.
///
/// If the system has no generator the process ends: every caller would otherwise go on with predictable keys.
pub fn system(buf: &mut [u8]) {
    if getrandom::fill(buf).is_err() {
        std::process::abort();
    }
}
