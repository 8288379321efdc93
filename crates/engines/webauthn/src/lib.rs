//! Passkeys (通行密钥): the relying party's side of W3C Web Authentication Level 3, registration and authentication.
//!
//! Pure functions. Challenges come as bytes and are compared by their SHA-256, credentials are stored by the caller, time
//! is the caller's. ES256 and EdDSA keys; attestation is not asked for. What arrives is bounded and parsed without panics,
//! whatever the bytes. See docs/adr/0008-passkeys-without-openssl.md.

mod attestation;
mod authenticator;
mod cbor;
mod ceremony;
mod client;
mod cose;
mod error;
mod party;
#[cfg(any(test, feature = "soft"))]
pub mod soft;
#[cfg(test)]
mod tests;

pub use attestation::Foreign;
pub use ceremony::{
    Assertion, Credential, Handle, Known, Registration, Shown, Stored, User, creation_options,
    request_options,
};
pub use cose::STAND_IN;
pub use error::Refused;
pub use party::RelyingParty;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How long a browser waits for its owner, in milliseconds.
pub const TIMEOUT: i64 = 300_000;
/// Most bytes of one binary member of a response.
pub const MOST: usize = 32 * 1024;

/// SHA-256, as challenges are stored.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Base64url without padding, as WebAuthn writes binary members in JSON.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a binary member; `None` for other texts and for more than [`MOST`] bytes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > MOST / 3 * 4 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()
}
