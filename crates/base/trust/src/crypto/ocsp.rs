//! Online certificate status (RFC 6960, nonce as in RFC 9654): the answering side, and the asking side for our own
//! use. Answers are signed by a delegated responder and name it by key.

use super::crl::{Reason, Revoked, Status};
use super::der::{self, Reader};
use super::hash::Hash;
use super::x509::{Certificate, extension, extensions, signature_algorithm};
use super::{Error, PrivateKey, Result};

const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";
const NONCE: &str = "1.3.6.1.5.5.7.48.1.2";

/// How many certificates one request may ask about.
pub const MAX_ASKED: usize = 32;
/// The longest nonce that is echoed (RFC 9654, 2.1), and the longest that is not an error.
const NONCE_ECHOED: usize = 32;
const NONCE_TAKEN: usize = 128;

/// Why there is no answer (RFC 6960, 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Malformed = 1,
    Internal = 2,
    Unauthorized = 6,
}

/// One who answers for an authority.
pub struct Responder<'a> {
    /// The authority whose certificates are asked about.
    pub issuer: &'a Certificate,
    /// Issued by it for [`super::x509::Profile::OcspResponder`].
    pub certificate: &'a Certificate,
    /// The key of `certificate`.
    pub key: &'a PrivateKey,
    /// The present, from which the answer holds, Unix milliseconds; written to the second.
    pub this_update: i64,
    /// Until when the answer may be used, Unix milliseconds.
    pub next_update: i64,
}

/// A CertID: hash algorithm as written, name and key of the issuer, serial number.
struct Asked<'a> {
    full: &'a [u8],
    hash: Option<Hash>,
    name: &'a [u8],
    key: &'a [u8],
    serial: &'a [u8],
}

impl<'a> Asked<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let whole = reader.expect(der::SEQUENCE)?;
        let mut read = Reader::new(whole.body);
        let hash = Hash::read(read.expect(der::SEQUENCE)?.body)?;
        let (name, key) = (read.expect(der::OCTETS)?.body, read.expect(der::OCTETS)?.body);
        // A serial number of another authority may be anything; ours are positive.
        let serial = read.integer()?;
        read.end()?;
        Ok(Self {
            full: whole.full,
            hash,
            name,
            key,
            serial: serial.strip_prefix(&[0]).unwrap_or(serial),
        })
    }

    fn is_of(&self, issuer: &Certificate) -> bool {
        self.hash
            .is_some_and(|hash| self.name == hash.digest(issuer.name()) && self.key == issuer.key_hash(hash))
    }
}

/// Answers a DER request; `status` is asked once for each certificate of the issuer, by serial number (big-endian
/// without leading zero). Never fails: what cannot be answered becomes an unsuccessful OCSPResponse.
///
/// A request about none of the issuer's certificates is "unauthorized"; a stranger among others is unknown. A
/// signature on the request is not looked at.
pub fn answer(request: &[u8], responder: &Responder<'_>, mut status: impl FnMut(&[u8]) -> Status) -> Vec<u8> {
    let made = read_request(request)
        .map_err(|_| Refused::Malformed)
        .and_then(|(asked, nonce)| {
            if !asked.iter().any(|one| one.is_of(responder.issuer)) {
                return Err(Refused::Unauthorized);
            }
            sign(&asked, nonce, responder, &mut status).map_err(|_| Refused::Internal)
        });
    match made {
        Ok(basic) => {
            let bytes = der::seq(&[&der::oid(BASIC), &der::tlv(der::OCTETS, &basic)]);
            der::seq(&[
                &der::tlv(der::ENUMERATED, &[0]),
                &der::tlv(der::context(0), &bytes),
            ])
        }
        Err(refused) => der::seq(&[&der::tlv(der::ENUMERATED, &[refused as u8])]),
    }
}

/// The certificates asked about, and the nonce to echo.
fn read_request(request: &[u8]) -> Result<(Vec<Asked<'_>>, Option<&[u8]>)> {
    let mut file = Reader::new(request);
    let mut outer = file.enter(der::SEQUENCE)?;
    file.end()?;
    let mut tbs = outer.enter(der::SEQUENCE)?;
    outer.optional(der::context(0))?;
    outer.end()?;
    if let Some(version) = tbs.optional(der::context(0))?
        && Reader::new(version.body).small()? != 0
    {
        return Err(Error::Encoding("not version 1"));
    }
    tbs.optional(der::context(1))?;
    let (mut list, mut asked) = (tbs.enter(der::SEQUENCE)?, Vec::new());
    while !list.is_empty() {
        let mut one = list.enter(der::SEQUENCE)?;
        asked.push(Asked::read(&mut one)?);
        if let Some(wrapped) = one.optional(der::context(0))? {
            extensions(
                &mut Reader::new(wrapped.body).enter(der::SEQUENCE)?,
                |_, critical, _| uncritical(critical),
            )?;
        }
        one.end()?;
    }
    if asked.is_empty() || asked.len() > MAX_ASKED {
        return Err(Error::Encoding("number of certificates"));
    }
    let nonce = read_extensions(&mut tbs, 2)?;
    tbs.end()?;
    match nonce {
        Some(nonce) if nonce.is_empty() || nonce.len() > NONCE_TAKEN => Err(Error::Encoding("nonce length")),
        nonce => Ok((asked, nonce.filter(|nonce| nonce.len() <= NONCE_ECHOED))),
    }
}

fn uncritical(critical: bool) -> Result<()> {
    if critical {
        Err(Error::Encoding("unknown critical extension"))
    } else {
        Ok(())
    }
}

/// The nonce among the extensions under the context tag `tag`.
fn read_extensions<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<Option<&'a [u8]>> {
    let Some(wrapped) = reader.optional(der::context(tag))? else {
        return Ok(None);
    };
    let mut wrapped = Reader::new(wrapped.body);
    let mut list = wrapped.enter(der::SEQUENCE)?;
    wrapped.end()?;
    let mut nonce = None;
    extensions(&mut list, |id, critical, mut value| {
        if id != der::oid(NONCE) {
            return uncritical(critical);
        }
        nonce = Some(value.expect(der::OCTETS)?.body);
        value.end()
    })?;
    Ok(nonce)
}

fn sign(
    asked: &[Asked<'_>],
    nonce: Option<&[u8]>,
    by: &Responder<'_>,
    status: &mut dyn FnMut(&[u8]) -> Status,
) -> Result<Vec<u8>> {
    by.certificate.verify_issued_by(by.issuer)?;
    let held = by.certificate.may_answer_ocsp() && by.certificate.valid_at(by.this_update);
    if by.certificate.key != by.key.public() || !held || by.next_update <= by.this_update {
        return Err(Error::Certificate("not a responder of this authority"));
    }
    let mut answers = Vec::new();
    for one in asked {
        let state = if one.is_of(by.issuer) {
            status(one.serial)
        } else {
            Status::Unknown
        };
        let state = match state {
            Status::Good => der::tlv(0x80, &[]),
            Status::Unknown => der::tlv(0x82, &[]),
            Status::Revoked(Revoked { at, reason }) => {
                let reason = match reason {
                    Reason::Unspecified => Vec::new(),
                    reason => der::tlv(der::context(0), &reason.encode()),
                };
                der::tlv(der::context(1), &[der::general_time(at)?, reason].concat())
            }
        };
        answers.extend(der::seq(&[
            one.full,
            &state,
            &der::general_time(by.this_update)?,
            &der::tlv(der::context(0), &der::general_time(by.next_update)?),
        ]));
    }
    let extra = nonce.map_or(Vec::new(), |nonce| {
        der::tlv(der::context(1), &nonce_extensions(nonce))
    });
    let tbs = der::seq(&[
        &der::tlv(
            der::context(2),
            &der::tlv(der::OCTETS, &by.certificate.key_hash(Hash::Sha1)),
        ),
        &der::general_time(by.this_update)?,
        &der::tlv(der::SEQUENCE, &answers),
        &extra,
    ]);
    let signature = der::bits(&by.key.sign(&tbs)?, 0);
    Ok(der::seq(&[
        &tbs,
        &signature_algorithm(by.key.kind()),
        &signature,
        &der::tlv(der::context(0), &der::seq(&[by.certificate.der()])),
    ]))
}

fn nonce_extensions(nonce: &[u8]) -> Vec<u8> {
    der::seq(&[&extension(NONCE, false, &der::tlv(der::OCTETS, nonce))])
}

/// A DER request about certificates of `issuer` by serial number, with SHA-256 names; `nonce` of 1 to 32 bytes makes
/// the answer a fresh one.
pub fn request(issuer: &Certificate, serials: &[&[u8]], nonce: Option<&[u8]>) -> Vec<u8> {
    let (name, key) = (Hash::Sha256.digest(issuer.name()), issuer.key_hash(Hash::Sha256));
    let one = |serial: &&[u8]| {
        der::seq(&[&der::seq(&[
            &Hash::Sha256.algorithm(),
            &der::tlv(der::OCTETS, &name),
            &der::tlv(der::OCTETS, &key),
            &der::int(serial),
        ])])
    };
    let list: Vec<u8> = serials.iter().flat_map(one).collect();
    let extra = nonce.map_or(Vec::new(), |nonce| {
        der::tlv(der::context(2), &nonce_extensions(nonce))
    });
    der::seq(&[&der::seq(&[&der::tlv(der::SEQUENCE, &list), &extra])])
}

/// What a verified response says of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The certificate's status.
    pub status: Status,
    /// From when it is known to be so, Unix milliseconds.
    pub this_update: i64,
    /// When something newer is there, Unix milliseconds; `None` when something newer is always there.
    pub next_update: Option<i64>,
    /// When the response was signed, Unix milliseconds.
    pub produced_at: i64,
}

/// How long an answer without an end may be used.
const SHORT: i64 = 5 * 60_000;

/// Verifies a DER response about one certificate of `issuer` at the moment `at` (Unix milliseconds). A `nonce` that was
/// sent must have come back.
///
/// # Errors
/// [`Error::Revocation`] for an unsuccessful, old or unrelated response, [`Error::Certificate`] for a signer who
/// may not answer, [`Error::Signature`] and [`Error::Encoding`] for forged and for broken ones.
pub fn verify(
    response: &[u8],
    issuer: &Certificate,
    serial: &[u8],
    nonce: Option<&[u8]>,
    at: i64,
) -> Result<Answer> {
    let mut file = Reader::new(response);
    let mut outer = file.enter(der::SEQUENCE)?;
    file.end()?;
    match outer.expect(der::ENUMERATED)?.body {
        [0] => {}
        [1] => return Err(Error::Revocation("responder: malformed request")),
        [2] => return Err(Error::Revocation("responder: internal error")),
        [3] => return Err(Error::Revocation("responder: try later")),
        [5] => return Err(Error::Revocation("responder: signature required")),
        [6] => return Err(Error::Revocation("responder: unauthorized")),
        _ => return Err(Error::Encoding("unknown response status")),
    }
    let mut wrapped = outer.enter(der::context(0))?;
    outer.end()?;
    let mut bytes = wrapped.enter(der::SEQUENCE)?;
    wrapped.end()?;
    if bytes.oid()? != der::oid(BASIC) {
        return Err(Error::Encoding("not a basic response"));
    }
    let mut inner = bytes.enter(der::OCTETS)?;
    bytes.end()?;
    let mut basic = inner.enter(der::SEQUENCE)?;
    inner.end()?;
    let tbs = basic.expect(der::SEQUENCE)?;
    let algorithm = basic.expect(der::SEQUENCE)?.full;
    let signature = basic.bit_string()?;
    let mut held = Vec::new();
    if let Some(wrapped) = basic.optional(der::context(0))? {
        let mut list = Reader::new(wrapped.body).enter(der::SEQUENCE)?;
        while !list.is_empty() && held.len() < MAX_ASKED {
            held.push(Certificate::from_der(list.next()?.full)?);
        }
    }
    basic.end()?;

    let mut body = Reader::new(tbs.body);
    if let Some(version) = body.optional(der::context(0))?
        && Reader::new(version.body).small()? != 0
    {
        return Err(Error::Encoding("not version 1"));
    }
    let named = body.next()?;
    let produced_at = body.time()?;
    let mut list = body.enter(der::SEQUENCE)?;
    let echoed = read_extensions(&mut body, 1)?;
    body.end()?;

    let is_named = |one: &Certificate| match named.tag {
        0xa1 => named.body == one.name(),
        0xa2 => named.body == der::tlv(der::OCTETS, &one.key_hash(Hash::Sha1)),
        _ => false,
    };
    let delegated = |one: &Certificate| {
        // Both moments: whoever holds the key of an expired responder chooses when it "produced".
        let valid = one.valid_at(produced_at) && one.valid_at(at);
        one.may_answer_ocsp() && valid && one.verify_issued_by(issuer).is_ok()
    };
    let signer = if is_named(issuer) {
        issuer
    } else {
        held.iter()
            .find(|one| is_named(one) && delegated(one))
            .ok_or(Error::Certificate("not a responder of this authority"))?
    };
    if algorithm != signature_algorithm(signer.key.kind()) {
        return Err(Error::Encoding("unknown signature algorithm"));
    }
    signer.key.verify(tbs.full, signature)?;
    if nonce.is_some() && echoed != nonce {
        return Err(Error::Revocation("another nonce"));
    }
    let from = serial.iter().position(|&b| b != 0).unwrap_or(serial.len());
    while !list.is_empty() {
        let mut one = list.enter(der::SEQUENCE)?;
        let asked = Asked::read(&mut one)?;
        let status = read_status(&mut one)?;
        let this_update = one.time()?;
        let next_update = one
            .optional(der::context(0))?
            .map(|wrapped| Reader::new(wrapped.body).time())
            .transpose()?;
        if let Some(wrapped) = one.optional(der::context(1))? {
            extensions(
                &mut Reader::new(wrapped.body).enter(der::SEQUENCE)?,
                |_, critical, _| uncritical(critical),
            )?;
        }
        one.end()?;
        if !asked.is_of(issuer) || asked.serial != &serial[from..] {
            continue;
        }
        let until = next_update.unwrap_or(this_update.saturating_add(SHORT));
        if !(this_update..until.saturating_add(1000)).contains(&at) {
            return Err(Error::Revocation("answer is not current"));
        }
        return Ok(Answer {
            status,
            this_update,
            next_update,
            produced_at,
        });
    }
    Err(Error::Revocation("answer is about other certificates"))
}

fn read_status(one: &mut Reader<'_>) -> Result<Status> {
    let read = one.next()?;
    match read.tag {
        0x80 if read.body.is_empty() => Ok(Status::Good),
        0x82 if read.body.is_empty() => Ok(Status::Unknown),
        0xa1 => {
            let mut inner = Reader::new(read.body);
            let at = inner.time()?;
            let reason = match inner.optional(der::context(0))? {
                Some(wrapped) => Reason::read(&mut Reader::new(wrapped.body))?,
                None => Reason::Unspecified,
            };
            inner.end()?;
            Ok(Status::Revoked(Revoked { at, reason }))
        }
        _ => Err(Error::Encoding("unknown certificate status")),
    }
}
