//! The platform's own certificate authority: X.509 v3 (RFC 5280) with ECDSA P-256, SM2 (GM/T 0015, GB/T 20518)
//! or Ed25519 keys.
//!
//! GB/T 20518 was not at hand in full: what is used of it is the SM2 key and signature identifiers and that
//! certificates otherwise follow RFC 5280. Its own extensions for personal and enterprise numbers are not
//! written, and the pair of signing and encryption certificates is not made: every certificate here signs.

mod issue;
mod path;
mod read;
mod request;

use super::der;
use super::hash::Hash;
use super::keys::{Kind, PublicKey};
use super::{Error, Result};

pub use issue::{Authority, Profile, Publication, issue, root, root_authority, serial};
pub use request::Request;

const COMMON_NAME: &str = "2.5.4.3";
const COUNTRY: &str = "2.5.4.6";
const ORGANISATION: &str = "2.5.4.10";
const SUBJECT_KEY: &str = "2.5.29.14";
const KEY_USAGE: &str = "2.5.29.15";
const SUBJECT_NAMES: &str = "2.5.29.17";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const CRL_POINTS: &str = "2.5.29.31";
pub(crate) const AUTHORITY_KEY: &str = "2.5.29.35";
const EXTENDED_USAGE: &str = "2.5.29.37";
const AUTHORITY_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
const OCSP_ACCESS: &str = "1.3.6.1.5.5.7.48.1";
const OCSP_NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";
const ISSUERS_ACCESS: &str = "1.3.6.1.5.5.7.48.2";

/// Key usage bits as RFC 5280 numbers them, bit 0 in the highest place of the first byte.
const DIGITAL_SIGNATURE: u8 = 0x80;
const NON_REPUDIATION: u8 = 0x40;
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;

/// Tags of the GeneralName choices used here (RFC 5280, 4.2.1.6).
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const IP_ADDRESS: u8 = 0x87;

/// Who a certificate is about; the country is always CN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Common name, written as UTF8String.
    pub cn: String,
    /// Organisation, written as UTF8String; left out when empty.
    pub o: String,
}

/// What the authority decides about one certificate.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Serial number, big-endian, 1 to 20 bytes with the first below 0x80 if all 20 are used; not all zero.
    /// [`serial`] draws one.
    pub serial: Vec<u8>,
    /// First moment of validity, Unix milliseconds; written to the second.
    pub not_before: i64,
    /// Last moment of validity, Unix milliseconds; written to the second.
    pub not_after: i64,
}

/// What extendedKeyUsage allows (RFC 5280, 4.2.1.12; document signing RFC 9336).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
    /// Documents that people read.
    Documents,
    /// Time-stamp tokens.
    Timestamps,
    /// OCSP answers.
    Ocsp,
    /// anyExtendedKeyUsage.
    Any,
    /// One this code does not know.
    Other,
}

const PURPOSES: [(Purpose, &str); 6] = [
    (Purpose::Server, "1.3.6.1.5.5.7.3.1"),
    (Purpose::Client, "1.3.6.1.5.5.7.3.2"),
    (Purpose::Documents, "1.3.6.1.5.5.7.3.36"),
    (Purpose::Timestamps, "1.3.6.1.5.5.7.3.8"),
    (Purpose::Ocsp, "1.3.6.1.5.5.7.3.9"),
    (Purpose::Any, "2.5.29.37.0"),
];

/// A parsed certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    issuer: Vec<u8>,
    name: Vec<u8>,
    /// Serial number, big-endian without leading zero.
    pub serial: Vec<u8>,
    /// Common name of the subject.
    pub subject_cn: String,
    /// Organisation of the subject, empty if none.
    pub subject_o: String,
    /// Start of validity, Unix milliseconds.
    pub not_before: i64,
    /// End of validity (the whole second counts), Unix milliseconds.
    pub not_after: i64,
    /// The certified key.
    pub key: PublicKey,
    /// Whether basicConstraints says this is an authority.
    pub ca: bool,
    /// How many authorities may stand between this one and an end entity; `None` for no limit.
    pub path_length: Option<u8>,
    /// Where revocation is published, as the certificate says.
    pub publication: Publication,
    /// The DNS names and addresses of a node.
    pub names: Vec<String>,
    usage: Option<u8>,
    purposes: Option<Vec<Purpose>>,
    purposes_critical: bool,
    no_check: bool,
    key_id: Option<Vec<u8>>,
    authority_id: Option<Vec<u8>>,
    /// A critical extension this code does not know; such a certificate must not be trusted (RFC 5280, 4.2).
    strange: bool,
}

impl Certificate {
    /// Reads the first PEM "CERTIFICATE" block.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn from_pem(text: &str) -> Result<Self> {
        Self::from_der(&der::unpem("CERTIFICATE", text)?)
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM encoding.
    pub fn pem(&self) -> String {
        der::pem("CERTIFICATE", &self.der)
    }

    /// SHA-256 of the DER encoding.
    pub fn digest(&self) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(&self.der).into()
    }

    /// Whether `at` (Unix milliseconds) lies within the validity.
    pub fn valid_at(&self, at: i64) -> bool {
        (self.not_before..self.not_after.saturating_add(1000)).contains(&at)
    }

    /// Whether the key may sign documents.
    pub fn may_sign(&self) -> bool {
        !self.ca && self.signs() && self.serves(Purpose::Documents)
    }

    /// Whether the key may sign time-stamp tokens: extendedKeyUsage says so, critically, and says nothing else
    /// (RFC 3161, 2.3).
    pub fn may_timestamp(&self) -> bool {
        let only = self.purposes.as_deref() == Some(&[Purpose::Timestamps]);
        !self.ca && self.signs() && only && self.purposes_critical
    }

    /// Whether the key may sign OCSP answers for its issuer (RFC 6960, 4.2.2.2). It must also say that nobody
    /// need ask about itself (4.2.2.2.1), since asking would go round in a circle.
    pub fn may_answer_ocsp(&self) -> bool {
        let named = self.purposes.as_ref().is_some_and(|p| p.contains(&Purpose::Ocsp));
        !self.ca && self.signs() && named && self.no_check
    }

    /// Whether extendedKeyUsage leaves room for `purpose`; a certificate without one serves every purpose but
    /// those that demand it, for which there are the `may_` questions.
    pub fn serves(&self, purpose: Purpose) -> bool {
        self.purposes
            .as_ref()
            .is_none_or(|held| held.contains(&purpose) || held.contains(&Purpose::Any))
    }

    fn signs(&self) -> bool {
        self.usage
            .is_none_or(|bits| bits & (DIGITAL_SIGNATURE | NON_REPUDIATION) != 0)
    }

    fn can_issue(&self) -> bool {
        self.ca && self.usage.is_none_or(|bits| bits & KEY_CERT_SIGN != 0)
    }

    /// Whether the key may sign revocation lists.
    pub(crate) fn may_list(&self) -> bool {
        self.ca && self.usage.is_none_or(|bits| bits & CRL_SIGN != 0)
    }

    /// IssuerAndSerialNumber, by which CMS names a signer.
    pub(crate) fn issuer_and_serial(&self) -> Vec<u8> {
        der::seq(&[&self.issuer, &der::int(&self.serial)])
    }

    /// The subject's name in DER.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The subject key identifier, the other name CMS knows.
    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }

    /// AuthorityKeyIdentifier of what this authority signs: its own identifier, whoever chose it.
    pub(crate) fn authority_key(&self) -> Vec<u8> {
        let id = self.key_id.clone().unwrap_or_else(|| key_id(&self.key));
        der::seq(&[&der::tlv(0x80, &id)])
    }

    /// The digest of the key's BIT STRING content, by which OCSP names keys (RFC 6960, 4.1.1).
    pub(crate) fn key_hash(&self, hash: Hash) -> Vec<u8> {
        hash.digest(self.key.as_bytes())
    }
}

/// One Extension (RFC 5280, 4.1).
pub(crate) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical {
        der::tlv(der::BOOLEAN, &[0xff])
    } else {
        Vec::new()
    };
    der::seq(&[&der::oid(id), &flag, &der::tlv(der::OCTETS, value)])
}

/// Hands each extension of a list as (identifier, critical, value) to `each`; refuses repeated ones.
pub(crate) fn extensions<'a>(
    list: &mut der::Reader<'a>,
    mut each: impl FnMut(&'a [u8], bool, der::Reader<'a>) -> Result<()>,
) -> Result<()> {
    let mut seen: Vec<&[u8]> = Vec::new();
    while !list.is_empty() {
        let mut one = list.enter(der::SEQUENCE)?;
        let id = one.oid()?;
        let critical = one.flag()?;
        let value = one.expect(der::OCTETS)?.body;
        one.end()?;
        if seen.contains(&id) {
            return Err(Error::Encoding("extension given twice"));
        }
        seen.push(id);
        each(id, critical, der::Reader::new(value))?;
    }
    Ok(())
}

/// The first 160 bits of SHA-256 over the key (RFC 7093, method 1).
fn key_id(key: &PublicKey) -> Vec<u8> {
    Hash::Sha256.digest(key.as_bytes())[..20].to_vec()
}

/// The AlgorithmIdentifier of a signature by a key of this kind.
pub(crate) fn signature_algorithm(kind: Kind) -> Vec<u8> {
    der::seq(&[&der::oid(match kind {
        Kind::Sm2 => der::SM2_SM3,
        Kind::P256 => der::ECDSA_SHA256,
        Kind::Ed25519 => der::ED25519,
    })])
}
