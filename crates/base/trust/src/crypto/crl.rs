//! Certificate revocation lists (RFC 5280, section 5), version 2: whole lists of one authority, neither delta nor
//! indirect nor partitioned.

use std::collections::BTreeMap;

use super::der::{self, Reader};
use super::x509::{AUTHORITY_KEY, Authority, Certificate, extension, extensions, signature_algorithm};
use super::{Error, Result};

const CRL_NUMBER: &str = "2.5.29.20";
const REASON: &str = "2.5.29.21";

/// Why a certificate was revoked (RFC 5280, 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No reason given; written by leaving the reason out.
    Unspecified = 0,
    /// The private key is, or may be, known to others.
    KeyCompromise = 1,
    /// The authority's private key is, or may be, known to others.
    CaCompromise = 2,
    /// Name or office of the holder changed.
    AffiliationChanged = 3,
    /// Replaced by a newer certificate.
    Superseded = 4,
    /// No longer needed.
    CessationOfOperation = 5,
    /// Suspended; may be released.
    CertificateHold = 6,
    /// Released from a hold.
    RemoveFromCrl = 8,
    /// A right it stands for was taken back.
    PrivilegeWithdrawn = 9,
    /// The attribute authority's key is, or may be, known to others.
    AaCompromise = 10,
}

impl Reason {
    /// The reason of a CRLReason code.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }

    /// The CRLReason code.
    pub fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        der::tlv(der::ENUMERATED, &[self.code()])
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.expect(der::ENUMERATED)?.body {
            [code] => Self::from_code(*code).ok_or(Error::Encoding("unknown revocation reason")),
            _ => Err(Error::Encoding("unknown revocation reason")),
        }
    }
}

/// A revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Since when, Unix milliseconds; written to the second.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// What is known of one certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Issued and not revoked.
    Good,
    /// Revoked.
    Revoked(Revoked),
    /// Never issued, or not known here.
    Unknown,
}

impl Status {
    /// Whether the certificate held at the moment `at` (Unix milliseconds). A compromised key never held: its thief
    /// can claim any moment.
    pub fn held_at(self, at: i64) -> bool {
        match self {
            Self::Good => true,
            Self::Unknown => false,
            Self::Revoked(revoked) => {
                let compromised = matches!(
                    revoked.reason,
                    Reason::KeyCompromise | Reason::CaCompromise | Reason::AaCompromise | Reason::Unspecified
                );
                !compromised && at < revoked.at
            }
        }
    }
}

/// A revocation list as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    tbs: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    issuer: Vec<u8>,
    authority_id: Option<Vec<u8>>,
    /// Grows with every list of the authority.
    pub number: u64,
    /// When it was made, Unix milliseconds.
    pub this_update: i64,
    /// By when the next one is there, Unix milliseconds.
    pub next_update: i64,
    /// The revoked certificates by serial number (big-endian without leading zero).
    pub entries: BTreeMap<Vec<u8>, Revoked>,
}

/// Makes the list number `number` of an authority, good from `this_update` to `next_update` (Unix milliseconds), with
/// the revoked certificates by serial number (big-endian).
///
/// # Errors
/// [`Error::Certificate`] when this is no authority that may sign lists, [`Error::Revocation`] for a bad period or
/// serial number.
pub fn issue(
    authority: &Authority<'_>,
    number: u64,
    (this_update, next_update): (i64, i64),
    entries: &BTreeMap<Vec<u8>, Revoked>,
) -> Result<Crl> {
    authority.check()?;
    if !authority.certificate.may_list() {
        return Err(Error::Certificate("issuer may not sign revocation lists"));
    }
    if next_update <= this_update {
        return Err(Error::Revocation("list ends before it starts"));
    }
    let mut revoked = Vec::new();
    for (serial, entry) in entries {
        if serial.iter().all(|&b| b == 0) || serial.len() > 20 {
            return Err(Error::Revocation("serial number"));
        }
        // RFC 5280, 5.3.1: "unspecified" is said by saying nothing.
        let reason = match entry.reason {
            Reason::Unspecified => Vec::new(),
            reason => der::seq(&[&extension(REASON, false, &reason.encode())]),
        };
        revoked.extend(der::seq(&[&der::int(serial), &der::time(entry.at)?, &reason]));
    }
    // RFC 5280, 5.1.2.6: an empty list is left out.
    let revoked = if revoked.is_empty() {
        revoked
    } else {
        der::tlv(der::SEQUENCE, &revoked)
    };
    let algorithm = signature_algorithm(authority.key.kind());
    let extensions = der::seq(&[
        &extension(AUTHORITY_KEY, false, &authority.certificate.authority_key()),
        &extension(CRL_NUMBER, false, &der::int(&number.to_be_bytes())),
    ]);
    let tbs = der::seq(&[
        &der::int(&[1]),
        &algorithm,
        authority.certificate.name(),
        &der::time(this_update)?,
        &der::time(next_update)?,
        &revoked,
        &der::tlv(der::context(0), &extensions),
    ]);
    let signature = der::bits(&authority.key.sign(&tbs)?, 0);
    Crl::from_der(&der::seq(&[&tbs, &algorithm, &signature]))
}

impl Crl {
    /// Reads a DER list; its signature is not checked here.
    ///
    /// # Errors
    /// [`Error::Encoding`] when it is no version 2 list with a number and an end, or says something critical this
    /// code does not know (RFC 5280, 5.2: such a list must not be used).
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        let mut file = Reader::new(bytes);
        let mut outer = file.enter(der::SEQUENCE)?;
        file.end()?;
        let tbs = outer.expect(der::SEQUENCE)?;
        let algorithm = outer.expect(der::SEQUENCE)?.full.to_vec();
        let signature = outer.bit_string()?.to_vec();
        outer.end()?;

        let mut body = Reader::new(tbs.body);
        if body.small()? != 1 {
            return Err(Error::Encoding("not a version 2 revocation list"));
        }
        if body.expect(der::SEQUENCE)?.full != algorithm {
            return Err(Error::Encoding("two signature algorithms"));
        }
        let issuer = body.expect(der::SEQUENCE)?.full.to_vec();
        let (this_update, next_update) = (body.time()?, body.time()?);
        let mut entries = BTreeMap::new();
        if let Some(list) = body.optional(der::SEQUENCE)? {
            let mut list = Reader::new(list.body);
            while !list.is_empty() {
                let (serial, revoked) = entry(list.enter(der::SEQUENCE)?)?;
                if entries.insert(serial, revoked).is_some() {
                    return Err(Error::Encoding("serial number given twice"));
                }
            }
        }
        let mut wrapped = body.enter(der::context(0))?;
        body.end()?;
        let mut list = wrapped.enter(der::SEQUENCE)?;
        wrapped.end()?;
        let (mut number, mut authority_id) = (None, None);
        extensions(&mut list, |id, critical, mut value| {
            if id == der::oid(CRL_NUMBER) {
                number = Some(value.small()?);
            } else if id == der::oid(AUTHORITY_KEY) {
                authority_id = value
                    .enter(der::SEQUENCE)?
                    .optional(0x80)?
                    .map(|id| id.body.to_vec());
            } else if critical {
                return Err(Error::Encoding("unknown critical extension"));
            }
            Ok(())
        })?;
        Ok(Self {
            der: bytes.to_vec(),
            tbs: tbs.full.to_vec(),
            algorithm,
            signature,
            issuer,
            authority_id,
            number: number.ok_or(Error::Encoding("revocation list without number"))?,
            this_update,
            next_update,
            entries,
        })
    }

    /// Reads the first PEM "X509 CRL" block.
    ///
    /// # Errors
    /// As [`Crl::from_der`].
    pub fn from_pem(text: &str) -> Result<Self> {
        Self::from_der(&der::unpem("X509 CRL", text)?)
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM encoding.
    pub fn pem(&self) -> String {
        der::pem("X509 CRL", &self.der)
    }

    /// Checks that `issuer` made this list. Dates are not looked at, nor is the issuer's own chain.
    ///
    /// # Errors
    /// [`Error::Certificate`] or [`Error::Signature`] saying what does not fit.
    pub fn verify_issued_by(&self, issuer: &Certificate) -> Result<()> {
        if self.issuer != issuer.name() {
            return Err(Error::Certificate("another issuer name"));
        }
        if let (Some(wanted), Some(held)) = (self.authority_id.as_deref(), issuer.subject_key_id())
            && wanted != held
        {
            return Err(Error::Certificate("another issuer key"));
        }
        if !issuer.may_list() {
            return Err(Error::Certificate("issuer may not sign revocation lists"));
        }
        if self.algorithm != signature_algorithm(issuer.key.kind()) {
            return Err(Error::Certificate("unknown signature algorithm"));
        }
        issuer.key.verify(&self.tbs, &self.signature)
    }

    /// Whether the list is the current one at the moment `at` (Unix milliseconds).
    pub fn fresh_at(&self, at: i64) -> bool {
        (self.this_update..self.next_update.saturating_add(1000)).contains(&at)
    }

    /// What the list says of a serial number (big-endian). A list knows only who was revoked: all others are good
    /// to it, so ask only about certificates whose issuer made it.
    pub fn status(&self, serial: &[u8]) -> Status {
        let from = serial.iter().position(|&b| b != 0).unwrap_or(serial.len());
        self.entries
            .get(&serial[from..])
            .map_or(Status::Good, |revoked| Status::Revoked(*revoked))
    }
}

/// What an authority's list in DER says of one of its certificates at the moment `at` (Unix milliseconds).
///
/// # Errors
/// [`Error::Revocation`] when the list is not current, [`Error::Certificate`] when `certificate` or the list is
/// another authority's, [`Error::Signature`] and [`Error::Encoding`] for forged and for broken ones.
pub fn check(list: &[u8], issuer: &Certificate, certificate: &Certificate, at: i64) -> Result<Status> {
    let list = Crl::from_der(list)?;
    list.verify_issued_by(issuer)?;
    certificate.verify_issued_by(issuer)?;
    if !list.fresh_at(at) {
        return Err(Error::Revocation("revocation list is not current"));
    }
    Ok(list.status(&certificate.serial))
}

fn entry(mut read: Reader<'_>) -> Result<(Vec<u8>, Revoked)> {
    let serial = read.positive()?.to_vec();
    let (at, mut reason) = (read.time()?, Reason::Unspecified);
    if let Some(list) = read.optional(der::SEQUENCE)? {
        extensions(&mut Reader::new(list.body), |id, critical, mut value| {
            if id == der::oid(REASON) {
                reason = Reason::read(&mut value)?;
            } else if critical {
                // Among these certificateIssuer: the entry may then be about another authority's certificate.
                return Err(Error::Encoding("unknown critical extension"));
            }
            Ok(())
        })?;
    }
    read.end()?;
    Ok((serial, Revoked { at, reason }))
}
