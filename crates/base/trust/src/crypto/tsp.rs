//! Time-stamps (RFC 3161, signing certificate reference as in RFC 5816): the authority's side, and verifying.
//! An authority signs with P-256 and SHA-256, or with SM2 and SM3.

use super::cms::{self, Draft};
use super::der::{self, Reader};
use super::hash::Hash;
use super::x509::Certificate;
use super::{Error, PrivateKey, Result};

const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// GeneralName choice directoryName (RFC 5280, 4.2.1.6).
const DIRECTORY_NAME: u8 = 0xa4;
/// No request of use is larger; nonces are echoed, so their length is bounded too.
const MAX_REQUEST: usize = 4096;
const MAX_NONCE: usize = 64;

/// Why a request was refused: bit numbers of PKIFailureInfo (RFC 3161, 2.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Unknown or too weak digest algorithm.
    BadAlgorithm = 0,
    /// Not permitted or not supported.
    BadRequest = 2,
    /// The data has the wrong format.
    BadDataFormat = 5,
    /// Another policy than the authority's.
    UnacceptedPolicy = 15,
    /// Extensions are not supported.
    UnacceptedExtension = 16,
    /// The authority could not sign.
    SystemFailure = 25,
}

/// A time-stamp authority.
pub struct Authority<'a> {
    /// Issued for [`super::x509::Profile::TimestampAuthority`].
    pub certificate: &'a Certificate,
    /// The certificates above it, sent along when asked for.
    pub above: &'a [Certificate],
    /// The key of `certificate`.
    pub key: &'a PrivateKey,
    /// The policy it stamps under, as dotted object identifier.
    pub policy: &'a str,
    /// How far its clock may be off, milliseconds; 0 leaves it unsaid.
    pub accuracy_ms: u32,
    /// Whether any two of its tokens are ordered by their times alone.
    pub ordering: bool,
    /// Whether tokens say the authority's name.
    pub named: bool,
}

struct Asked<'a> {
    imprint: &'a [u8],
    nonce: Option<&'a [u8]>,
    certificates: bool,
}

/// Answers a DER TimeStampReq at the moment `at` (Unix milliseconds) with a DER TimeStampResp; `serial` (big-endian,
/// up to 20 bytes) must never be used twice. Never fails: a refusal is a response too.
pub fn answer(request: &[u8], authority: &Authority<'_>, serial: &[u8], at: i64) -> Vec<u8> {
    let made = read_request(request, authority).and_then(|asked| {
        authority
            .token(&asked, serial, at)
            .map_err(|_| Failure::SystemFailure)
    });
    match made {
        Ok(token) => der::seq(&[&der::seq(&[&der::int(&[0])]), &token]),
        Err(failure) => {
            let bit = failure as usize;
            let mut bits = vec![0u8; bit / 8 + 1];
            bits[bit / 8] = 0x80 >> (bit % 8);
            let info = der::bits(&bits, 7 - (bit % 8) as u8);
            der::seq(&[&der::seq(&[&der::int(&[2]), &info])])
        }
    }
}

/// The DER token of `authority` over a digest, for our own use: certificates included, no nonce.
///
/// # Errors
/// [`Error::Timestamp`] for SHA-1 or a digest of the wrong length, [`Error::Certificate`] when the authority may not
/// stamp.
pub fn stamp(
    hash: Hash,
    digest: &[u8],
    authority: &Authority<'_>,
    serial: &[u8],
    at: i64,
) -> Result<Vec<u8>> {
    let request = request(hash, digest, None, true);
    let asked = read_request(&request, authority).map_err(|_| Error::Timestamp("digest"))?;
    authority.token(&asked, serial, at)
}

fn read_request<'a>(request: &'a [u8], authority: &Authority<'_>) -> std::result::Result<Asked<'a>, Failure> {
    if request.len() > MAX_REQUEST {
        return Err(Failure::BadRequest);
    }
    let format = |_: Error| Failure::BadDataFormat;
    let mut file = Reader::new(request);
    let mut body = file.enter(der::SEQUENCE).map_err(format)?;
    file.end().map_err(format)?;
    if body.small().map_err(format)? != 1 {
        return Err(Failure::BadRequest);
    }
    let imprint = body.expect(der::SEQUENCE).map_err(format)?;
    let (hash, digest) = read_imprint(imprint.body).map_err(format)?;
    let policy = body.optional(der::OID).map_err(format)?;
    let nonce = match body.rest().first() {
        Some(&der::INTEGER) => Some(body.integer().map_err(format)?),
        _ => None,
    };
    let certificates = body.flag().map_err(format)?;
    let extensions = body.optional(der::context(0)).map_err(format)?;
    body.end().map_err(format)?;
    let hash = hash
        .filter(|&hash| hash != Hash::Sha1)
        .ok_or(Failure::BadAlgorithm)?;
    if digest.len() != hash.size() {
        return Err(Failure::BadDataFormat);
    }
    if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE) {
        return Err(Failure::BadRequest);
    }
    if policy.is_some_and(|policy| policy.full != der::oid(authority.policy)) {
        return Err(Failure::UnacceptedPolicy);
    }
    if extensions.is_some() {
        return Err(Failure::UnacceptedExtension);
    }
    Ok(Asked {
        imprint: imprint.full,
        nonce,
        certificates,
    })
}

/// MessageImprint: digest algorithm, if it is a known one, and digest.
fn read_imprint(body: &[u8]) -> Result<(Option<Hash>, &[u8])> {
    let mut read = Reader::new(body);
    let hash = Hash::read(read.expect(der::SEQUENCE)?.body)?;
    let digest = read.expect(der::OCTETS)?.body;
    read.end()?;
    Ok((hash, digest))
}

impl Authority<'_> {
    fn token(&self, asked: &Asked<'_>, serial: &[u8], at: i64) -> Result<Vec<u8>> {
        let held = self.certificate.key == self.key.public() && self.certificate.may_timestamp();
        if !held || !self.certificate.valid_at(at) {
            return Err(Error::Certificate("not a time-stamping certificate of this key"));
        }
        if !der::is_oid(self.policy) || serial.len() > 20 || serial.iter().all(|&b| b == 0) {
            return Err(Error::Timestamp("policy or serial number"));
        }
        let when_not = |absent: bool, part: Vec<u8>| if absent { Vec::new() } else { part };
        let name = der::tlv(DIRECTORY_NAME, self.certificate.name());
        let info = der::seq(&[
            &der::int(&[1]),
            &der::oid(self.policy),
            asked.imprint,
            &der::int(serial),
            &der::tlv(der::TIME, moment(at)?.as_bytes()),
            &when_not(self.accuracy_ms == 0, self.accuracy()),
            &when_not(!self.ordering, der::tlv(der::BOOLEAN, &[0xff])),
            &asked
                .nonce
                .map_or(Vec::new(), |nonce| der::tlv(der::INTEGER, nonce)),
            &when_not(!self.named, der::tlv(der::context(0), &name)),
        ]);
        let mut held = Vec::new();
        if asked.certificates {
            held.push(self.certificate.clone());
            held.extend_from_slice(self.above);
        }
        let draft = Draft {
            content_type: TST_INFO,
            content: Some(&info),
            digest: &cms::hash_of(self.key.kind())?.digest(&info),
            key: self.key,
            signer: self.certificate,
            held: &held,
        };
        draft.seal(None)
    }

    fn accuracy(&self) -> Vec<u8> {
        let (seconds, millis) = (self.accuracy_ms / 1000, self.accuracy_ms % 1000);
        let mut parts = Vec::new();
        if seconds > 0 {
            parts.extend(der::int(&seconds.to_be_bytes()));
        }
        if millis > 0 {
            let mut tagged = der::int(&millis.to_be_bytes());
            tagged[0] = 0x80;
            parts.extend(tagged);
        }
        der::tlv(der::SEQUENCE, &parts)
    }
}

/// GeneralizedTime with a fraction where there is one, without trailing zeros (RFC 3161, 2.4.2).
fn moment(at: i64) -> Result<String> {
    let millis = at.rem_euclid(1000);
    let text = der::stamp(at - millis)?;
    if millis == 0 {
        return Ok(text);
    }
    let fraction = format!("{millis:03}");
    Ok(format!(
        "{}.{}Z",
        text.trim_end_matches('Z'),
        fraction.trim_end_matches('0')
    ))
}

/// Unix milliseconds of what [`moment`] writes; finer fractions are cut.
fn read_moment(body: &[u8]) -> Result<i64> {
    let bad = Error::Encoding("not a time");
    let text = body.strip_suffix(b"Z").ok_or(bad.clone())?;
    let (digits, rest) = text.split_at_checked(14).ok_or(bad.clone())?;
    let whole = der::unstamp(digits)?;
    let fraction = match rest.split_first() {
        None => return Ok(whole),
        Some((b'.', fraction)) => fraction,
        _ => return Err(bad),
    };
    let sound = fraction.iter().all(u8::is_ascii_digit) && (1..=9).contains(&fraction.len());
    if !sound || fraction.ends_with(b"0") {
        return Err(bad);
    }
    let millis = (0..3).fold(0, |n, at| {
        n * 10 + fraction.get(at).map_or(0, |d| i64::from(d - b'0'))
    });
    Ok(whole + millis)
}

/// A DER TimeStampReq over a digest; `nonce` (big-endian, not empty) makes the answer a fresh one, `certificates` asks
/// for the authority's certificates.
pub fn request(hash: Hash, digest: &[u8], nonce: Option<&[u8]>, certificates: bool) -> Vec<u8> {
    let imprint = der::seq(&[&hash.algorithm(), &der::tlv(der::OCTETS, digest)]);
    let flag = if certificates {
        der::tlv(der::BOOLEAN, &[0xff])
    } else {
        Vec::new()
    };
    let nonce = nonce.map_or(Vec::new(), der::int);
    der::seq(&[&der::int(&[1]), &imprint, &nonce, &flag])
}

/// What a verified token says.
#[derive(Debug, Clone)]
pub struct Token {
    /// The policy it was made under, as dotted object identifier.
    pub policy: String,
    /// Its number, big-endian without leading zero.
    pub serial: Vec<u8>,
    /// When the digest existed, Unix milliseconds.
    pub at: i64,
    /// How far the clock may be off, milliseconds rounded up; `None` when unsaid.
    pub accuracy_ms: Option<u64>,
    /// Whether the authority's tokens are ordered by their times alone.
    pub ordering: bool,
    /// The content of the nonce's INTEGER.
    pub nonce: Option<Vec<u8>>,
    /// The authority's certificate, fit for time-stamping; its chain is not checked here.
    pub signer: Certificate,
    /// All certificates the token carries.
    pub certificates: Vec<Certificate>,
}

impl Token {
    /// Whether the authority leads to one of `roots` at the token's own time, over its certificates and those of
    /// `pool`. Revocation is the caller's.
    pub fn trusted(&self, pool: &[Certificate], roots: &[Certificate]) -> bool {
        let pool = [&self.certificates, pool].concat();
        self.signer.path(&pool, roots, self.at).is_some()
    }
}

/// Verifies a DER token over a digest. The authority's certificate may also come from `pool`.
///
/// # Errors
/// [`Error::Timestamp`] when it stands over something else, [`Error::Certificate`] when its signer is no time-stamp
/// authority or was not valid then, [`Error::Signature`] and [`Error::Encoding`] for forged and for broken ones.
pub fn verify(token: &[u8], hash: Hash, digest: &[u8], pool: &[Certificate]) -> Result<Token> {
    let (signed, info) = cms::open(token, TST_INFO, None, pool)?;
    let mut file = Reader::new(&info);
    let mut body = file.enter(der::SEQUENCE)?;
    file.end()?;
    if body.small()? != 1 {
        return Err(Error::Encoding("not version 1"));
    }
    let policy = der::dotted(body.expect(der::OID)?.body)?;
    let (held_hash, held_digest) = read_imprint(body.expect(der::SEQUENCE)?.body)?;
    let serial = body.positive()?.to_vec();
    let at = read_moment(body.expect(der::TIME)?.body)?;
    let accuracy_ms = body
        .optional(der::SEQUENCE)?
        .map(|read| read_accuracy(read.body))
        .transpose()?;
    let ordering = body.flag()?;
    let nonce = match body.rest().first() {
        Some(&der::INTEGER) => Some(body.integer()?.to_vec()),
        _ => None,
    };
    body.optional(der::context(0))?;
    if body.optional(der::context(1))?.is_some() {
        return Err(Error::Encoding("unknown time-stamp extension"));
    }
    body.end()?;
    if held_hash != Some(hash) || held_digest != digest || digest.len() != hash.size() {
        return Err(Error::Timestamp("over something else"));
    }
    if !signed.signer.may_timestamp() || !signed.signer.valid_at(at) {
        return Err(Error::Certificate("not a time-stamp authority at that time"));
    }
    Ok(Token {
        policy,
        serial,
        at,
        accuracy_ms,
        ordering,
        nonce,
        signer: signed.signer,
        certificates: signed.certificates,
    })
}

fn read_accuracy(body: &[u8]) -> Result<u64> {
    let mut read = Reader::new(body);
    let seconds = match read.rest().first() {
        Some(&der::INTEGER) => read.small()?,
        _ => 0,
    };
    let mut part = |tag: u8| -> Result<u64> {
        match read.optional(tag)?.map(|part| part.body) {
            None => Ok(0),
            Some([n]) if (1..0x80).contains(n) => Ok(u64::from(*n)),
            Some([high, low]) if *high < 4 => Ok(u64::from(*high) << 8 | u64::from(*low)),
            Some(_) => Err(Error::Encoding("accuracy")),
        }
    };
    let (millis, micros) = (part(0x80)?, part(0x81)?);
    read.end()?;
    Ok(seconds
        .saturating_mul(1000)
        .saturating_add(millis + u64::from(micros > 0)))
}

/// Verifies a DER TimeStampResp against the DER request it answers: granted, over the same digest, under the policy and
/// with the nonce of the request.
///
/// # Errors
/// As [`verify`]; [`Error::Timestamp`] also for refusals and another nonce or policy.
pub fn verify_response(response: &[u8], request: &[u8], pool: &[Certificate]) -> Result<Token> {
    let mut asked = Reader::new(request).enter(der::SEQUENCE)?;
    asked.small()?;
    let (hash, digest) = read_imprint(asked.expect(der::SEQUENCE)?.body)?;
    let hash = hash.ok_or(Error::Timestamp("unknown digest algorithm"))?;
    let policy = asked
        .optional(der::OID)?
        .map(|read| der::dotted(read.body))
        .transpose()?;
    let nonce = asked.optional(der::INTEGER)?.map(|read| read.body);

    let mut file = Reader::new(response);
    let mut body = file.enter(der::SEQUENCE)?;
    file.end()?;
    // 0 is granted, 1 granted with modifications; the checks below find out which.
    if body.enter(der::SEQUENCE)?.small()? > 1 {
        return Err(Error::Timestamp("refused"));
    }
    let token = body.expect(der::SEQUENCE)?.full;
    body.end()?;
    let token = verify(token, hash, digest, pool)?;
    if token.nonce.as_deref() != nonce {
        return Err(Error::Timestamp("another nonce"));
    }
    if policy.is_some_and(|policy| policy != token.policy) {
        return Err(Error::Timestamp("another policy"));
    }
    Ok(token)
}
