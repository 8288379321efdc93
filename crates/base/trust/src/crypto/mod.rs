//! Cryptography of the trust room: the national algorithms (SM2, SM3, SM4) beside P-256 and Ed25519, sealed
//! columns, the platform's own certificates and signed PDF files. Nothing here reads a clock; chance is an
//! argument.
//!
//! | file | what it holds |
//! | --- | --- |
//! | [`sm`] | SM3, HMAC-SM3, SM2 signatures, SM4-GCM |
//! | [`keys`] | one private and one public key type over three algorithms |
//! | [`hash`] | the digest algorithms other structures name |
//! | [`seal`] | sealed values, blind indexes and MACs under one master key |
//! | [`x509`] | the platform's own certificate authority: profiles, requests, paths |
//! | [`crl`] | certificate revocation lists |
//! | [`ocsp`] | answers about one certificate's revocation |
//! | [`tsp`] | time-stamp tokens |
//! | [`cms`] | CAdES signed data |
//! | [`pades`] | PAdES B-B and B-T: sign and verify a PDF file, and judge what was appended to it |
//! | [`ses`] | electronic seals and what they sign (GB/T 38540) |
//! | [`random`] | the one place that asks the operating system for chance |

pub mod cms;
pub mod crl;
pub(crate) mod der;
pub mod hash;
pub mod keys;
pub mod ocsp;
pub mod pades;
pub mod random;
pub mod seal;
pub mod ses;
pub mod sm;
pub mod tsp;
pub mod x509;

pub use hash::Hash;
pub use keys::{Kind, PrivateKey, PublicKey};

/// A source of random bytes; production passes [`random::system`], tests pass something repeatable.
pub type Rng<'a> = &'a mut dyn FnMut(&mut [u8]);

/// What can go wrong. No variant carries key or plaintext bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key, point or scalar is not valid for its algorithm.
    #[error("key: {0}")]
    Key(&'static str),
    /// A signature does not verify.
    #[error("signature does not verify")]
    Signature,
    /// A sealed value was changed, moved to another place, or sealed under another key.
    #[error("sealed value cannot be opened")]
    Sealed,
    /// Bytes are not the expected DER or PEM.
    #[error("encoding: {0}")]
    Encoding(&'static str),
    /// A certificate cannot be used for what was asked of it.
    #[error("certificate: {0}")]
    Certificate(&'static str),
    /// A revocation list or an OCSP answer cannot be relied on.
    #[error("revocation: {0}")]
    Revocation(&'static str),
    /// A time-stamp was refused or does not stand for what was asked.
    #[error("time-stamp: {0}")]
    Timestamp(&'static str),
    /// A PDF file cannot be read or signed.
    #[error("pdf: {0}")]
    Pdf(String),
}

/// The result of everything in this module.
pub type Result<T> = std::result::Result<T, Error>;
