//! The platform's own certificate authority: X.509 v3 (RFC 5280) with ECDSA P-256, SM2 (GM/T 0015) or Ed25519
//! keys.

use super::der::{self, Reader};
use super::keys::{Kind, PrivateKey, PublicKey};
use super::{Error, Result};

const COMMON_NAME: &str = "2.5.4.3";
const COUNTRY: &str = "2.5.4.6";
const ORGANISATION: &str = "2.5.4.10";
const SUBJECT_KEY: &str = "2.5.29.14";
const KEY_USAGE: &str = "2.5.29.15";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const AUTHORITY_KEY: &str = "2.5.29.35";

/// Key usage bits as RFC 5280 numbers them, bit 0 in the highest place of the first byte.
const DIGITAL_SIGNATURE: u8 = 0x80;
const NON_REPUDIATION: u8 = 0x40;
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;

/// How many certificates a chain may hold above the signer.
const MAX_CHAIN: usize = 4;

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
    pub serial: Vec<u8>,
    /// First moment of validity, Unix milliseconds; written to the second.
    pub not_before: i64,
    /// Last moment of validity, Unix milliseconds; written to the second.
    pub not_after: i64,
}

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
    path_length: Option<u8>,
    usage: Option<u8>,
    key_id: Option<Vec<u8>>,
    authority_id: Option<Vec<u8>>,
    /// A critical extension this code does not know; such a certificate must not be trusted (RFC 5280, 4.2).
    strange: bool,
}

/// A self-signed root that may issue end-entity certificates only (path length 0).
///
/// # Errors
/// [`Error::Certificate`] for bad terms.
pub fn root(key: &PrivateKey, subject: &Subject, terms: &Terms) -> Result<Certificate> {
    let name = encode_name(subject)?;
    build(key, &name, &name, &key.public(), None, terms)
}

/// Issues an end-entity certificate for digital signatures and non-repudiation.
///
/// # Errors
/// [`Error::Certificate`] for bad terms, or when `issuer` is no authority or `issuer_key` is not its key.
pub fn issue(
    issuer: &Certificate,
    issuer_key: &PrivateKey,
    subject: &Subject,
    key: &PublicKey,
    terms: &Terms,
) -> Result<Certificate> {
    if !issuer.can_issue() || issuer.key != issuer_key.public() {
        return Err(Error::Certificate("issuer is not this authority"));
    }
    build(
        issuer_key,
        &issuer.name,
        &encode_name(subject)?,
        key,
        Some(issuer),
        terms,
    )
}

fn build(
    signer: &PrivateKey,
    issuer_name: &[u8],
    name: &[u8],
    key: &PublicKey,
    issuer: Option<&Certificate>,
    terms: &Terms,
) -> Result<Certificate> {
    let serial = der::int(&terms.serial);
    if serial.len() > 22 || terms.serial.iter().all(|&b| b == 0) {
        return Err(Error::Certificate("serial number"));
    }
    if terms.not_after < terms.not_before {
        return Err(Error::Certificate("validity ends before it starts"));
    }
    let (usage, constraints, own) = match issuer {
        None => (
            der::bits(&[KEY_CERT_SIGN | CRL_SIGN], 1),
            der::seq(&[&der::tlv(der::BOOLEAN, &[0xff]), &der::int(&[0])]),
            key_id(key),
        ),
        // The authority's identifier is copied from its certificate, whoever chose it.
        Some(ca) => (
            der::bits(&[DIGITAL_SIGNATURE | NON_REPUDIATION], 6),
            der::seq(&[]),
            ca.key_id.clone().unwrap_or_else(|| key_id(&ca.key)),
        ),
    };
    let authority = der::seq(&[&der::tlv(0x80, &own)]);
    let extensions = der::seq(&[
        &extension(BASIC_CONSTRAINTS, true, &constraints),
        &extension(KEY_USAGE, true, &usage),
        &extension(SUBJECT_KEY, false, &der::tlv(der::OCTETS, &key_id(key))),
        &extension(AUTHORITY_KEY, false, &authority),
    ]);
    let algorithm = signature_algorithm(signer.kind());
    let tbs = der::seq(&[
        &der::tlv(der::context(0), &der::int(&[2])),
        &serial,
        &algorithm,
        issuer_name,
        &der::seq(&[&der::time(terms.not_before)?, &der::time(terms.not_after)?]),
        name,
        &key.spki_der(),
        &der::tlv(der::context(3), &extensions),
    ]);
    let signature = der::bits(&signer.sign(&tbs)?, 0);
    Certificate::from_der(&der::seq(&[&tbs, &algorithm, &signature]))
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical {
        der::tlv(der::BOOLEAN, &[0xff])
    } else {
        Vec::new()
    };
    der::seq(&[&der::oid(id), &flag, &der::tlv(der::OCTETS, value)])
}

/// The first 160 bits of SHA-256 over the key (RFC 7093, method 1).
fn key_id(key: &PublicKey) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(key.as_bytes())
        .iter()
        .take(20)
        .copied()
        .collect()
}

/// The AlgorithmIdentifier of a signature by a key of this kind.
pub(crate) fn signature_algorithm(kind: Kind) -> Vec<u8> {
    der::seq(&[&der::oid(match kind {
        Kind::Sm2 => der::SM2_SM3,
        Kind::P256 => der::ECDSA_SHA256,
        Kind::Ed25519 => der::ED25519,
    })])
}

fn encode_name(subject: &Subject) -> Result<Vec<u8>> {
    // 64 characters is the upper bound RFC 5280 puts on both attributes.
    if subject.cn.is_empty() || subject.cn.chars().count() > 64 || subject.o.chars().count() > 64 {
        return Err(Error::Certificate("subject name"));
    }
    let part = |id: &str, tag: u8, text: &str| {
        der::set(vec![der::seq(&[&der::oid(id), &der::tlv(tag, text.as_bytes())])])
    };
    let o = if subject.o.is_empty() {
        Vec::new()
    } else {
        part(ORGANISATION, der::UTF8, &subject.o)
    };
    Ok(der::seq(&[
        &part(COUNTRY, der::PRINTABLE, "CN"),
        &o,
        &part(COMMON_NAME, der::UTF8, &subject.cn),
    ]))
}

impl Certificate {
    /// Reads a DER certificate; its signature is not checked here.
    ///
    /// # Errors
    /// [`Error::Encoding`] when it is no X.509 v3 certificate with a key of a known algorithm.
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        let mut file = Reader::new(bytes);
        let mut outer = file.enter(der::SEQUENCE)?;
        file.end()?;
        let tbs = outer.expect(der::SEQUENCE)?;
        let algorithm = outer.expect(der::SEQUENCE)?.full.to_vec();
        let signature = outer.bit_string()?.to_vec();
        outer.end()?;

        let mut body = Reader::new(tbs.body);
        if body.enter(der::context(0))?.positive()? != [2] {
            return Err(Error::Encoding("not X.509 v3"));
        }
        let serial = body.positive()?.to_vec();
        if body.expect(der::SEQUENCE)?.full != algorithm {
            return Err(Error::Encoding("two signature algorithms"));
        }
        let issuer = body.expect(der::SEQUENCE)?.full.to_vec();
        let mut validity = body.enter(der::SEQUENCE)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.end()?;
        let name = body.expect(der::SEQUENCE)?;
        let key = PublicKey::from_spki_der(body.expect(der::SEQUENCE)?.full)?;
        let mut made = Self {
            der: bytes.to_vec(),
            tbs: tbs.full.to_vec(),
            algorithm,
            signature,
            issuer,
            name: name.full.to_vec(),
            serial,
            subject_cn: name_part(name.body, COMMON_NAME)?,
            subject_o: name_part(name.body, ORGANISATION)?,
            not_before,
            not_after,
            key,
            ca: false,
            path_length: None,
            usage: None,
            key_id: None,
            authority_id: None,
            strange: false,
        };
        if let Some(wrapped) = body.optional(der::context(3))? {
            made.read_extensions(wrapped.body)?;
        }
        body.end()?;
        Ok(made)
    }

    fn read_extensions(&mut self, wrapped: &[u8]) -> Result<()> {
        let mut outer = Reader::new(wrapped);
        let mut list = outer.enter(der::SEQUENCE)?;
        outer.end()?;
        let mut seen: Vec<&[u8]> = Vec::new();
        while !list.is_empty() {
            let mut one = list.enter(der::SEQUENCE)?;
            let id = one.expect(der::OID)?.full;
            let critical = one
                .optional(der::BOOLEAN)?
                .is_some_and(|flag| flag.body == [0xff]);
            let value = one.expect(der::OCTETS)?.body;
            one.end()?;
            if seen.contains(&id) {
                return Err(Error::Encoding("extension given twice"));
            }
            seen.push(id);
            let mut value = Reader::new(value);
            if id == der::oid(BASIC_CONSTRAINTS) {
                let mut inner = value.enter(der::SEQUENCE)?;
                self.ca = inner
                    .optional(der::BOOLEAN)?
                    .is_some_and(|flag| flag.body == [0xff]);
                self.path_length = inner
                    .optional(der::INTEGER)?
                    .map(|n| if n.body.len() == 1 { n.body[0] } else { 0 });
            } else if id == der::oid(KEY_USAGE) {
                self.usage = value.expect(der::BIT_STRING)?.body.get(1).copied().or(Some(0));
            } else if id == der::oid(SUBJECT_KEY) {
                self.key_id = Some(value.expect(der::OCTETS)?.body.to_vec());
            } else if id == der::oid(AUTHORITY_KEY) {
                self.authority_id = value
                    .enter(der::SEQUENCE)?
                    .optional(0x80)?
                    .map(|id| id.body.to_vec());
            } else {
                self.strange |= critical;
            }
        }
        Ok(())
    }

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

    /// Checks that `issuer` is an authority of the right name whose key signed this certificate. Dates are
    /// not looked at.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::Signature`] saying what does not fit.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<()> {
        if self.issuer != issuer.name {
            return Err(Error::Certificate("another issuer name"));
        }
        if let (Some(wanted), Some(held)) = (&self.authority_id, &issuer.key_id)
            && wanted != held
        {
            return Err(Error::Certificate("another issuer key"));
        }
        if !issuer.can_issue() {
            return Err(Error::Certificate("issuer may not issue"));
        }
        if self.algorithm != signature_algorithm(issuer.key.kind()) {
            return Err(Error::Certificate("unknown signature algorithm"));
        }
        issuer.key.verify(&self.tbs, &self.signature)
    }

    /// Whether this end-entity certificate leads to one of `roots` at the moment `at` (Unix milliseconds),
    /// over intermediate certificates from `pool` if need be. Checks names, signatures, dates, usage and path
    /// lengths; revocation is the caller's.
    pub fn trusted(&self, pool: &[Self], roots: &[Self], at: i64) -> bool {
        self.may_sign() && self.leads_to(pool, roots, at, 0)
    }

    fn leads_to(&self, pool: &[Self], roots: &[Self], at: i64, below: usize) -> bool {
        let fits = |above: &&Self| {
            above.path_length.is_none_or(|limit| below <= usize::from(limit))
                && above.valid_at(at)
                && !above.strange
                && self.verify_issued_by(above).is_ok()
        };
        self.valid_at(at)
            && !self.strange
            && (roots.iter().any(|above| fits(&above))
                || below + 1 < MAX_CHAIN
                    && pool
                        .iter()
                        .filter(fits)
                        .any(|above| above.leads_to(pool, roots, at, below + 1)))
    }

    /// Whether the key may sign documents.
    pub fn may_sign(&self) -> bool {
        !self.ca
            && self
                .usage
                .is_none_or(|bits| bits & (DIGITAL_SIGNATURE | NON_REPUDIATION) != 0)
    }

    fn can_issue(&self) -> bool {
        self.ca && self.usage.is_none_or(|bits| bits & KEY_CERT_SIGN != 0)
    }

    /// IssuerAndSerialNumber, by which CMS names a signer.
    pub(crate) fn issuer_and_serial(&self) -> Vec<u8> {
        der::seq(&[&self.issuer, &der::int(&self.serial)])
    }

    /// The subject key identifier, the other name CMS knows.
    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }
}

/// The last attribute of this type in a name, empty if none; only UTF-8 compatible strings are read.
fn name_part(name: &[u8], id: &str) -> Result<String> {
    let (mut sets, wanted, mut found) = (Reader::new(name), der::oid(id), String::new());
    while !sets.is_empty() {
        let mut set = sets.enter(der::SET)?;
        while !set.is_empty() {
            let mut pair = set.enter(der::SEQUENCE)?;
            if pair.expect(der::OID)?.full == wanted {
                let value = pair.next()?;
                if value.tag != der::UTF8 && value.tag != der::PRINTABLE {
                    return Err(Error::Encoding("name is not UTF-8"));
                }
                found = String::from_utf8(value.body.to_vec())
                    .map_err(|_| Error::Encoding("name is not UTF-8"))?;
            }
        }
    }
    Ok(found)
}
