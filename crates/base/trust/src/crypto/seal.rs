//! Sealed values, blind indexes and MACs, all under 32-byte keys.
//!
//! Envelope of the master key: format byte 1 ‖ salt (16) ‖ ciphertext ‖ tag (16). Envelope of a data key: format byte 2 ‖ 0 ‖
//! version (4, big-endian, from 1) ‖ salt ‖ ciphertext ‖ tag. The format byte decides alone which one it is: whatever
//! the first program wrote begins with 1, so no value of it can look like a newer one. The prefix is authenticated too.
//! Each envelope has its own SM4 key and nonce, derived from key and salt with HKDF over HMAC-SM3 (RFC 5869), so no
//! count of envelopes can repeat a nonce under a key.

use zeroize::Zeroizing;

use super::sm::{hmac_sm3, sm4_gcm_open, sm4_gcm_seal};
use super::{Error, Result, Rng};

const VERSION: u8 = 1;
const SALT: usize = 16;
const TAG: usize = 16;
const LABEL: &[u8] = b"yiwang/seal/v1";
const LABEL_VERSIONED: &[u8] = b"yiwang/seal/v2";
const INDEX: &[u8] = b"yiwang/index/v1";
const MAC: &[u8] = b"yiwang/mac/v1";

const VERSIONED: u8 = 2;

/// Bytes that tell format and version of a data key's envelope; a multiple of three, so that it is visible through Base64.
pub const PREFIX: usize = 6;

/// How many bytes an envelope is longer than its plaintext.
pub const OVERHEAD: usize = 1 + SALT + TAG;

/// Seals `plain` so that it opens only under `master` and with the same `aad` (the place it belongs to, such
/// as table, column and row id).
///
/// # Errors
/// [`Error::Sealed`] when `plain` is longer than 64 GiB.
pub fn seal(master: &[u8; 32], aad: &[u8], plain: &[u8], rng: Rng<'_>) -> Result<Vec<u8>> {
    let mut salt = [0u8; SALT];
    rng(&mut salt);
    let (key, nonce) = derive(master, &salt, LABEL);
    let body = sm4_gcm_seal(&key, &nonce, aad, plain)?;
    Ok([&[VERSION][..], &salt, &body].concat())
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`Error::Sealed`] when master, `aad` or any byte differs, or the version is unknown.
pub fn open(master: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let (&[VERSION], rest) = sealed.split_first_chunk::<1>().ok_or(Error::Sealed)? else {
        return Err(Error::Sealed);
    };
    let (salt, body) = rest.split_first_chunk::<SALT>().ok_or(Error::Sealed)?;
    let (key, nonce) = derive(master, salt, LABEL);
    sm4_gcm_open(&key, &nonce, aad, body)
}

/// How every envelope under this version of the data key begins.
pub fn prefix(version: u32) -> [u8; PREFIX] {
    let [a, b, c, d] = version.to_be_bytes();
    [VERSIONED, 0, a, b, c, d]
}

/// The version of the data key that an envelope asks for: 0 for the master key itself, `None` when it is no envelope.
pub fn version(sealed: &[u8]) -> Option<u32> {
    match *sealed.first_chunk::<PREFIX>()? {
        [VERSION, ..] => Some(0),
        [VERSIONED, 0, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])).filter(|v| *v > 0),
        _ => None,
    }
}

/// [`seal`] under a version of the data key.
///
/// # Errors
/// [`Error::Sealed`] when `plain` is longer than 64 GiB.
pub fn seal_under(key: &[u8; 32], version: u32, aad: &[u8], plain: &[u8], rng: Rng<'_>) -> Result<Vec<u8>> {
    let mut salt = [0u8; SALT];
    rng(&mut salt);
    let prefix = prefix(version);
    let (key, nonce) = derive(key, &salt, LABEL_VERSIONED);
    let body = sm4_gcm_seal(&key, &nonce, &[&prefix, aad].concat(), plain)?;
    Ok([&prefix[..], &salt, &body].concat())
}

/// Opens what [`seal_under`] made.
///
/// # Errors
/// [`Error::Sealed`] when key, `aad` or any byte differs, prefix included.
pub fn open_under(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let (prefix, rest) = sealed.split_first_chunk::<PREFIX>().ok_or(Error::Sealed)?;
    let (salt, body) = rest.split_first_chunk::<SALT>().ok_or(Error::Sealed)?;
    let (key, nonce) = derive(key, salt, LABEL_VERSIONED);
    sm4_gcm_open(&key, &nonce, &[&prefix[..], aad].concat(), body)
}

/// The key with which [`index`] works under `master`.
pub fn index_key(master: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac_sm3(master, &[INDEX]))
}

/// The key with which [`mac`] works under `master`.
pub fn mac_key(master: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac_sm3(master, &[MAC]))
}

/// The blind index of a value that is stored sealed: equal values of one data element have equal indexes, and
/// nobody without `master` can compute one. `normalised` must be brought to one spelling first. 64 hex
/// digits.
pub fn index(master: &[u8; 32], element: &str, normalised: &str) -> String {
    keyed(&index_key(master), element, normalised)
}

/// A message authentication code over `text` for one `purpose` (link tokens, form states). 64 hex digits;
/// compare with [`mac_matches`].
pub fn mac(master: &[u8; 32], purpose: &str, text: &str) -> String {
    keyed(&mac_key(master), purpose, text)
}

/// Whether `given` is the [`mac`] of `text`, in a time that does not depend on where they differ.
pub fn mac_matches(master: &[u8; 32], purpose: &str, text: &str, given: &str) -> bool {
    // Comparing under a second MAC makes the bytes that are compared unpredictable to whoever chose `given`.
    let wanted = mac(master, purpose, text);
    hmac_sm3(master, &[b"yiwang/compare/v1", wanted.as_bytes()])
        == hmac_sm3(master, &[b"yiwang/compare/v1", given.as_bytes()])
}

/// [`index`] or [`mac`] under its own key.
pub fn keyed(key: &[u8; 32], name: &str, text: &str) -> String {
    // The length in front keeps ("ab", "c") and ("a", "bc") apart.
    let length = (name.len() as u64).to_be_bytes();
    hex::encode(hmac_sm3(key, &[&length, name.as_bytes(), text.as_bytes()]))
}

/// HKDF-SM3: extract with the salt, one expand block; 16 bytes of key and 12 of nonce.
fn derive(master: &[u8; 32], salt: &[u8; SALT], label: &[u8]) -> (Zeroizing<[u8; 16]>, [u8; 12]) {
    let secret = Zeroizing::new(hmac_sm3(salt, &[master]));
    let block = Zeroizing::new(hmac_sm3(&*secret, &[label, &[1]]));
    let (mut key, mut nonce) = (Zeroizing::new([0u8; 16]), [0u8; 12]);
    key.copy_from_slice(&block[..16]);
    nonce.copy_from_slice(&block[16..28]);
    (key, nonce)
}
