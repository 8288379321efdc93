//! The digest algorithms that certificates, OCSP and time-stamps name by object identifier.

use sha2::Digest as _;

use super::der::{self, Reader};
use super::{Error, Result, sm};

/// A digest algorithm. SHA-1 is here because OCSP names issuers and responders with it (RFC 6960, 4.2.1); nothing
/// signs with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// FIPS 180-4; for names only.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4.
    Sha512,
    /// GB/T 32905.
    Sm3,
}

const ALL: [Hash; 5] = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512, Hash::Sm3];

impl Hash {
    /// The digest of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
            Self::Sm3 => sm::sm3(bytes).to_vec(),
        }
    }

    /// How many bytes its digests have.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Sm3 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Sha1 => "1.3.14.3.2.26",
            Self::Sha256 => der::SHA256,
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
            Self::Sm3 => der::SM3,
        }
    }

    /// Its AlgorithmIdentifier, without parameters (RFC 5754, section 2).
    pub(crate) fn algorithm(self) -> Vec<u8> {
        der::seq(&[&der::oid(self.id())])
    }

    /// Reads the content of an AlgorithmIdentifier; `None` for an algorithm not listed here. Parameters may be
    /// absent or NULL.
    pub(crate) fn read(algorithm: &[u8]) -> Result<Option<Self>> {
        let mut read = Reader::new(algorithm);
        let id = read.oid()?;
        let known = ALL.into_iter().find(|hash| der::oid(hash.id()) == id);
        if known.is_some() {
            if read
                .optional(der::NULL)?
                .is_some_and(|null| !null.body.is_empty())
            {
                return Err(Error::Encoding("digest algorithm parameters"));
            }
            read.end()?;
        }
        Ok(known)
    }
}
