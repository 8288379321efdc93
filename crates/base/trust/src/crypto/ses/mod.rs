//! Electronic seals and what they sign (GB/T 38540-2020): 电子印章 (SES_Seal) made and signed by a seal maker, and
//! 电子签章 (SES_Signature) made with it over a document's digest. SM2 with SM3 throughout.
//!
//! The standard's text was not at hand. The structures follow what is known of it at second hand and what open
//! implementations of its version 4 write. Unconfirmed, and to be compared with the text before an exchange with other
//! makers:
//! - the maker signs the DER of the seal information alone, the signer that of TBS_Sign alone;
//! - the time-stamp stands under an explicit tag [0] as BIT STRING with a whole RFC 3161 token over the signature value;
//! - extension data stands under an explicit tag [0]; it is skipped when read, also untagged, and never written;
//! - the type text of a certificate digest ("SM3"), and which numbers mean which type of seal.

use super::cms::Stamp;
use super::der::{self, Reader};
use super::hash::Hash;
use super::keys::Kind;
use super::sm::sm3;
use super::x509::Certificate;
use super::{Error, PrivateKey, Result};

mod verify;

pub use verify::{Check, Finding, Report, Trust, Verdict};

/// The header's constant name of the format, and its version.
const FORMAT: &str = "ES";
const VERSION: u64 = 4;
/// The largest seal or signature that is read, bytes; a picture is most of it.
const MAX_SIZE: usize = 4 << 20;
/// How many certificates a seal may list.
const MAX_HOLDERS: usize = 256;

/// Whose certificates may use a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holders {
    /// certListType 1: DER certificates.
    Certificates(Vec<Vec<u8>>),
    /// certListType 2: type text and digest of each DER certificate.
    Digests(Vec<(String, Vec<u8>)>),
}

impl Holders {
    /// The SM3 digests of certificates, as list of type 2.
    pub fn digests(certificates: &[Certificate]) -> Self {
        let one = |held: &Certificate| ("SM3".to_string(), sm3(held.der()).to_vec());
        Self::Digests(certificates.iter().map(one).collect())
    }

    /// Whether a certificate is on the list. A digest of an unknown type matches nothing.
    pub fn contain(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Certificates(list) => list.iter().any(|held| held == certificate.der()),
            Self::Digests(list) => list.iter().any(|(kind, digest)| {
                let hash = match kind.to_ascii_uppercase().as_str() {
                    "SM3" | der::SM3 => Hash::Sm3,
                    "SHA256" | "SHA-256" | der::SHA256 => Hash::Sha256,
                    _ => return false,
                };
                hash.digest(certificate.der()) == *digest
            }),
        }
    }
}

/// The picture of a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Format, such as "PNG", "JPG" or "OFD".
    pub kind: String,
    /// The picture file.
    pub data: Vec<u8>,
    /// Width as it is shown, millimetres.
    pub width: u32,
    /// Height as it is shown, millimetres.
    pub height: u32,
}

/// What a seal says (SES_SealInfo).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Who made the software (Vid), ASCII.
    pub vendor: String,
    /// Number of the seal (esID), ASCII.
    pub id: String,
    /// Type of the seal; the numbers are the seal maker's.
    pub kind: u32,
    /// Name of the seal.
    pub name: String,
    /// Whose certificates may use it.
    pub holders: Holders,
    /// When it was made (createDate), Unix milliseconds; written to the second, as are the next two.
    pub created: i64,
    /// Start of its validity (validStart), Unix milliseconds.
    pub valid_from: i64,
    /// End of its validity (validEnd; the whole second counts), Unix milliseconds.
    pub valid_to: i64,
    /// How it looks.
    pub picture: Picture,
}

/// An electronic seal (SES_Seal) as read; its signature is checked by [`Seal::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    der: Vec<u8>,
    signed: Vec<u8>,
    value: Vec<u8>,
    /// What it says.
    pub info: Info,
    /// Version of the format.
    pub version: u64,
    /// The seal maker's certificate.
    pub maker: Certificate,
}

/// A signature with a seal (SES_Signature) as read; checked by [`Signature::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    der: Vec<u8>,
    signed: Vec<u8>,
    value: Vec<u8>,
    version: u64,
    /// The seal used.
    pub seal: Seal,
    /// When the signer says it was (timeInfo), Unix milliseconds.
    pub at: i64,
    /// Digest of the document (dataHash), SM3.
    pub data_hash: Vec<u8>,
    /// What was digested (propertyInfo): in an OFD package the path of the signature's description.
    pub property: String,
    /// The signer's certificate.
    pub signer: Certificate,
    /// A DER time-stamp token over the signature value.
    pub stamp: Option<Vec<u8>>,
}

/// Makes a seal: the maker signs what it says.
///
/// # Errors
/// [`Error::Certificate`] when `maker` is no signing certificate of `key`, [`Error::Key`] unless it is SM2,
/// [`Error::Encoding`] for texts or sizes the structure cannot hold.
pub fn make(info: &Info, maker: &Certificate, key: &PrivateKey) -> Result<Seal> {
    check_key(maker, key)?;
    if info.valid_to < info.valid_from {
        return Err(Error::Certificate("validity ends before it starts"));
    }
    let number = |n: u64| der::int(&n.to_be_bytes());
    let (kind, list) = match &info.holders {
        Holders::Certificates(list) => (
            1,
            list.iter()
                .map(|held| der::tlv(der::OCTETS, held))
                .collect::<Vec<_>>(),
        ),
        Holders::Digests(list) => (
            2,
            list.iter()
                .map(|(kind, digest)| {
                    Ok(der::seq(&[
                        &ascii(der::PRINTABLE, kind)?,
                        &der::tlv(der::OCTETS, digest),
                    ]))
                })
                .collect::<Result<Vec<_>>>()?,
        ),
    };
    if list.is_empty() || list.len() > MAX_HOLDERS {
        return Err(Error::Encoding("number of certificates of a seal"));
    }
    let header = der::seq(&[
        &ascii(der::IA5, FORMAT)?,
        &number(VERSION),
        &ascii(der::IA5, &info.vendor)?,
    ]);
    let property = der::seq(&[
        &number(info.kind.into()),
        &der::tlv(der::UTF8, info.name.as_bytes()),
        &number(kind),
        &der::tlv(der::SEQUENCE, &list.concat()),
        &der::general_time(info.created)?,
        &der::general_time(info.valid_from)?,
        &der::general_time(info.valid_to)?,
    ]);
    let picture = der::seq(&[
        &ascii(der::IA5, &info.picture.kind)?,
        &der::tlv(der::OCTETS, &info.picture.data),
        &number(info.picture.width.into()),
        &number(info.picture.height.into()),
    ]);
    let signed = der::seq(&[&header, &ascii(der::IA5, &info.id)?, &property, &picture]);
    Seal::from_der(&der::seq(&[
        &signed,
        &der::tlv(der::OCTETS, maker.der()),
        &der::oid(der::SM2_SM3),
        &der::bits(&key.sign(&signed)?, 0),
    ]))
}

/// Signs the SM3 digest of a document with a seal at the moment `at` (Unix milliseconds, written to the second).
/// `property` says what was digested. `stamp` is handed the SHA-256 digest of the signature value.
///
/// # Errors
/// [`Error::Certificate`] when `signer` is no signing certificate of `key`, is not on the seal's list, or the seal
/// is not valid then, [`Error::Key`] unless the key is SM2, and what `stamp` returns.
pub fn sign(
    seal: &Seal,
    (data_hash, property): (&[u8; 32], &str),
    at: i64,
    (signer, key): (&Certificate, &PrivateKey),
    stamp: Option<Stamp<'_>>,
) -> Result<Signature> {
    check_key(signer, key)?;
    if !seal.info.holders.contain(signer) {
        return Err(Error::Certificate("not on the list of the seal"));
    }
    if !seal.valid_at(at) || !signer.valid_at(at) {
        return Err(Error::Certificate("not valid at the signing time"));
    }
    let signed = der::seq(&[
        &der::int(&seal.version.to_be_bytes()),
        &seal.der,
        &der::general_time(at)?,
        &der::bits(data_hash, 0),
        &ascii(der::IA5, property)?,
    ]);
    let value = key.sign(&signed)?;
    let stamp = match stamp {
        Some(stamp) => {
            let token = stamp(&super::cms::digest(&[&value]))?;
            der::tlv(der::context(0), &der::bits(&token, 0))
        }
        None => Vec::new(),
    };
    Signature::from_der(&der::seq(&[
        &signed,
        &der::tlv(der::OCTETS, signer.der()),
        &der::oid(der::SM2_SM3),
        &der::bits(&value, 0),
        &stamp,
    ]))
}

fn check_key(certificate: &Certificate, key: &PrivateKey) -> Result<()> {
    if key.kind() != Kind::Sm2 {
        return Err(Error::Key("electronic seals need an SM2 key"));
    }
    if certificate.key != key.public() || !certificate.may_sign() {
        return Err(Error::Certificate("not a signing certificate of this key"));
    }
    Ok(())
}

fn ascii(tag: u8, text: &str) -> Result<Vec<u8>> {
    let sound = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if sound && text.len() <= 1024 {
        Ok(der::tlv(tag, text.as_bytes()))
    } else {
        Err(Error::Encoding("text outside ASCII"))
    }
}

impl Seal {
    /// Reads a DER seal of version 4; its signature is not checked here.
    ///
    /// # Errors
    /// [`Error::Encoding`] for other structures.
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_SIZE {
            return Err(Error::Encoding("seal too large"));
        }
        let mut file = Reader::new(bytes);
        let mut outer = file.enter(der::SEQUENCE)?;
        file.end()?;
        let signed = outer.expect(der::SEQUENCE)?;
        let maker = Certificate::from_der(outer.expect(der::OCTETS)?.body)?;
        expect_sm2(&mut outer)?;
        let value = outer.bit_string()?.to_vec();
        outer.end()?;
        let (version, info) = read_info(signed.body)?;
        Ok(Self {
            der: bytes.to_vec(),
            signed: signed.full.to_vec(),
            value,
            info,
            version,
            maker,
        })
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether `at` (Unix milliseconds) lies within the seal's validity.
    pub fn valid_at(&self, at: i64) -> bool {
        (self.info.valid_from..self.info.valid_to.saturating_add(1000)).contains(&at)
    }
}

fn read_info(body: &[u8]) -> Result<(u64, Info)> {
    let mut read = Reader::new(body);
    let mut header = read.enter(der::SEQUENCE)?;
    let (format, version) = (header.text(der::IA5)?, header.small()?);
    let vendor = header.text(der::IA5)?;
    header.end()?;
    if format != FORMAT || version != VERSION {
        return Err(Error::Encoding("not a version 4 seal"));
    }
    let id = read.text(der::IA5)?;
    let mut property = read.enter(der::SEQUENCE)?;
    let (kind, name) = (number(&mut property)?, property.text(der::UTF8)?);
    let holders = read_holders(&mut property)?;
    let created = general_time(&mut property)?;
    let valid_from = general_time(&mut property)?;
    let valid_to = general_time(&mut property)?;
    property.end()?;
    let mut shown = read.enter(der::SEQUENCE)?;
    let picture = Picture {
        kind: shown.text(der::IA5)?,
        data: shown.expect(der::OCTETS)?.body.to_vec(),
        width: number(&mut shown)?,
        height: number(&mut shown)?,
    };
    shown.end()?;
    skip_extensions(&mut read)?;
    let info = Info {
        vendor,
        id,
        kind,
        name,
        holders,
        created,
        valid_from,
        valid_to,
        picture,
    };
    Ok((version, info))
}

fn read_holders(read: &mut Reader<'_>) -> Result<Holders> {
    let kind = read.small()?;
    let mut list = read.enter(der::SEQUENCE)?;
    let mut certificates = Vec::new();
    let mut digests = Vec::new();
    while !list.is_empty() {
        if certificates.len() + digests.len() == MAX_HOLDERS {
            return Err(Error::Encoding("number of certificates of a seal"));
        }
        match kind {
            1 => certificates.push(list.expect(der::OCTETS)?.body.to_vec()),
            2 => {
                let mut one = list.enter(der::SEQUENCE)?;
                digests.push((one.text(der::PRINTABLE)?, one.expect(der::OCTETS)?.body.to_vec()));
                one.end()?;
            }
            _ => return Err(Error::Encoding("unknown certificate list")),
        }
    }
    match kind {
        1 => Ok(Holders::Certificates(certificates)),
        2 => Ok(Holders::Digests(digests)),
        _ => Err(Error::Encoding("unknown certificate list")),
    }
}

fn number(read: &mut Reader<'_>) -> Result<u32> {
    u32::try_from(read.small()?).map_err(|_| Error::Encoding("integer out of range"))
}

fn general_time(read: &mut Reader<'_>) -> Result<i64> {
    match read.rest().first() {
        Some(&der::TIME) => read.time(),
        // UTCTime is what the older GM/T 0031 has.
        _ => Err(Error::Encoding("not a time")),
    }
}

fn skip_extensions(read: &mut Reader<'_>) -> Result<()> {
    if read.optional(der::context(0))?.is_none() {
        read.optional(der::SEQUENCE)?;
    }
    read.end()
}

fn expect_sm2(read: &mut Reader<'_>) -> Result<()> {
    if read.oid()? == der::oid(der::SM2_SM3) {
        Ok(())
    } else {
        Err(Error::Encoding("unknown signature algorithm"))
    }
}

impl Signature {
    /// Reads a DER signature of version 4; nothing is checked here.
    ///
    /// # Errors
    /// [`Error::Encoding`] for other structures.
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_SIZE {
            return Err(Error::Encoding("seal signature too large"));
        }
        let mut file = Reader::new(bytes);
        let mut outer = file.enter(der::SEQUENCE)?;
        file.end()?;
        let signed = outer.expect(der::SEQUENCE)?;
        let signer = Certificate::from_der(outer.expect(der::OCTETS)?.body)?;
        expect_sm2(&mut outer)?;
        let value = outer.bit_string()?.to_vec();
        let stamp = outer
            .optional(der::context(0))?
            .map(|wrapped| {
                let mut inner = Reader::new(wrapped.body);
                let token = inner.bit_string()?.to_vec();
                inner.end()?;
                Ok(token)
            })
            .transpose()?;
        outer.end()?;
        let mut body = Reader::new(signed.body);
        let version = body.small()?;
        let seal = Seal::from_der(body.expect(der::SEQUENCE)?.full)?;
        let at = general_time(&mut body)?;
        let data_hash = body.bit_string()?.to_vec();
        let property = body.text(der::IA5)?;
        skip_extensions(&mut body)?;
        Ok(Self {
            der: bytes.to_vec(),
            signed: signed.full.to_vec(),
            value,
            version,
            seal,
            at,
            data_hash,
            property,
            signer,
            stamp,
        })
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}
