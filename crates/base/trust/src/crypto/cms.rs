//! CMS SignedData (RFC 5652) with the signed attributes of CAdES B-B (ETSI EN 319 122-1): content type, message digest
//! and signing certificate v2 (RFC 5035), and the signature time-stamp of B-T. PDF signatures are SHA-256 with ECDSA
//! P-256, as readers expect; time-stamp tokens may also be SM3 with SM2.

use sha2::{Digest as _, Sha256};

use super::der::{self, Reader};
use super::hash::Hash;
use super::keys::{Kind, PrivateKey};
use super::x509::{Certificate, signature_algorithm};
use super::{Error, Result};

const DATA: &str = "1.2.840.113549.1.7.1";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";
const SIGNATURE_TIMESTAMP: &str = "1.2.840.113549.1.9.16.2.14";

/// How many certificates a structure may carry; each is parsed and may be tried in a path.
const MAX_CERTIFICATES: usize = 16;

/// Asks a time-stamp authority for a DER token over a SHA-256 digest.
pub type Stamp<'a> = &'a mut dyn FnMut(&[u8; 32]) -> Result<Vec<u8>>;

/// What a verified signature says.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The signer's certificate; its chain is not checked here.
    pub signer: Certificate,
    /// All certificates the structure carries.
    pub certificates: Vec<Certificate>,
    /// The claimed signing time attribute if present, Unix milliseconds.
    pub at: Option<i64>,
    /// The signature value, over whose SHA-256 digest [`Signed::stamp`] stands.
    pub value: Vec<u8>,
    /// The DER time-stamp token among the unsigned attributes, not verified here.
    pub stamp: Option<Vec<u8>>,
}

/// Signs the SHA-256 digest of a content kept elsewhere. `chain` starts with the signer's certificate.
///
/// # Errors
/// [`Error::Certificate`] when the first certificate is not the one of `key`, [`Error::Key`] unless the key
/// is P-256.
pub fn sign(digest: &[u8; 32], key: &PrivateKey, chain: &[Certificate]) -> Result<Vec<u8>> {
    sign_stamped(digest, key, chain, None)
}

/// As [`sign`], with a time-stamp over the signature value as unsigned attribute (RFC 3161, appendix A).
///
/// # Errors
/// As [`sign`], and what `stamp` returns.
pub fn sign_stamped(
    digest: &[u8; 32],
    key: &PrivateKey,
    chain: &[Certificate],
    stamp: Option<Stamp<'_>>,
) -> Result<Vec<u8>> {
    let signer = chain.first().ok_or(Error::Certificate("no signer certificate"))?;
    if key.kind() != Kind::P256 {
        return Err(Error::Key("PAdES signatures need a P-256 key"));
    }
    if signer.key != key.public() || !signer.may_sign() {
        return Err(Error::Certificate("not a signing certificate of this key"));
    }
    let draft = Draft {
        content_type: DATA,
        content: None,
        digest,
        key,
        signer,
        held: chain,
    };
    draft.seal(stamp)
}

/// The digest that goes with a key in SignedData.
pub(crate) fn hash_of(kind: Kind) -> Result<Hash> {
    match kind {
        Kind::P256 => Ok(Hash::Sha256),
        Kind::Sm2 => Ok(Hash::Sm3),
        Kind::Ed25519 => Err(Error::Key("SignedData needs a P-256 or SM2 key")),
    }
}

/// SignedData to be made. The caller has checked that `signer` is the certificate of `key` and fit for the purpose.
pub(crate) struct Draft<'a> {
    pub(crate) content_type: &'a str,
    /// The encapsulated content; `None` when it is kept elsewhere.
    pub(crate) content: Option<&'a [u8]>,
    /// Over the content, with [`hash_of`] the key.
    pub(crate) digest: &'a [u8],
    pub(crate) key: &'a PrivateKey,
    pub(crate) signer: &'a Certificate,
    /// The certificates to carry.
    pub(crate) held: &'a [Certificate],
}

impl Draft<'_> {
    pub(crate) fn seal(&self, stamp: Option<Stamp<'_>>) -> Result<Vec<u8>> {
        let hash = hash_of(self.key.kind())?.algorithm();
        // ESSCertIDv2 with the default hash algorithm, SHA-256, left out as DER demands.
        let certificate_id = der::seq(&[&der::tlv(der::OCTETS, &self.signer.digest())]);
        let attributes = der::set(vec![
            attribute(CONTENT_TYPE, der::oid(self.content_type)),
            attribute(MESSAGE_DIGEST, der::tlv(der::OCTETS, self.digest)),
            attribute(SIGNING_CERTIFICATE_V2, der::seq(&[&der::seq(&[&certificate_id])])),
        ]);
        // The signature covers the attributes as SET OF; inside SignerInfo the same bytes stand under [0].
        let signature = self.key.sign(&attributes)?;
        let mut tagged = attributes;
        tagged[0] = der::context(0);
        let unsigned = match stamp {
            Some(stamp) => {
                let token = stamp(&digest(&[&signature]))?;
                der::tlv(der::context(1), &attribute(SIGNATURE_TIMESTAMP, token))
            }
            None => Vec::new(),
        };
        let signer_info = der::seq(&[
            &der::int(&[1]),
            &self.signer.issuer_and_serial(),
            &hash,
            &tagged,
            &signature_algorithm(self.key.kind()),
            &der::tlv(der::OCTETS, &signature),
            &unsigned,
        ]);
        let mut held: Vec<&[u8]> = self.held.iter().map(Certificate::der).collect();
        held.sort_unstable();
        let held = if held.is_empty() {
            Vec::new()
        } else {
            der::tlv(der::context(0), &held.concat())
        };
        let content = self.content.map_or(Vec::new(), |content| {
            der::tlv(der::context(0), &der::tlv(der::OCTETS, content))
        });
        // RFC 5652, 5.1: version 3 for any content but plain data.
        let version = if self.content_type == DATA { 1 } else { 3 };
        let signed_data = der::seq(&[
            &der::int(&[version]),
            &der::set(vec![hash]),
            &der::seq(&[&der::oid(self.content_type), &content]),
            &held,
            &der::set(vec![signer_info]),
        ]);
        Ok(der::seq(&[
            &der::oid(SIGNED_DATA),
            &der::tlv(der::context(0), &signed_data),
        ]))
    }
}

fn attribute(id: &str, value: Vec<u8>) -> Vec<u8> {
    der::seq(&[&der::oid(id), &der::set(vec![value])])
}

/// Verifies a detached signature over the content with this SHA-256 digest. Zero bytes may follow the
/// structure (the padding of a PDF Contents string); anything else may not.
///
/// # Errors
/// [`Error::Encoding`] for other structures, [`Error::Signature`] when digest, certificate reference or
/// signature do not fit.
pub fn verify(cms: &[u8], digest: &[u8; 32]) -> Result<Signed> {
    let mut file = Reader::new(cms);
    let whole = file.expect(der::SEQUENCE)?.full;
    if file.rest().iter().any(|&b| b != 0) {
        return Err(Error::Encoding("bytes after DER"));
    }
    let (signed, _) = open(whole, DATA, Some(digest), &[])?;
    if signed.signer.key.kind() != Kind::P256 {
        return Err(Error::Encoding("unknown signature algorithm"));
    }
    Ok(signed)
}

/// Verifies SignedData with one signer. With `detached`, the SHA-256 digest of a content kept elsewhere, there must be
/// no content inside; without, the content is inside and is returned. The signer's certificate may also come from
/// `pool`.
pub(crate) fn open(
    cms: &[u8],
    content_type: &str,
    detached: Option<&[u8; 32]>,
    pool: &[Certificate],
) -> Result<(Signed, Vec<u8>)> {
    let mut file = Reader::new(cms);
    let mut info = file.enter(der::SEQUENCE)?;
    file.end()?;
    if info.oid()? != der::oid(SIGNED_DATA) {
        return Err(Error::Encoding("not SignedData"));
    }
    let mut wrapped = info.enter(der::context(0))?;
    info.end()?;
    let mut data = wrapped.enter(der::SEQUENCE)?;
    wrapped.end()?;
    data.positive()?;
    data.expect(der::SET)?;
    let mut inner = data.enter(der::SEQUENCE)?;
    if inner.oid()? != der::oid(content_type) {
        return Err(Error::Encoding("signature over another kind of content"));
    }
    let content = match inner.optional(der::context(0))? {
        Some(wrapped) => {
            let mut wrapped = Reader::new(wrapped.body);
            let content = wrapped.expect(der::OCTETS)?.body;
            wrapped.end()?;
            Some(content)
        }
        None => None,
    };
    inner.end()?;
    let mut certificates = Vec::new();
    if let Some(list) = data.optional(der::context(0))? {
        let mut list = Reader::new(list.body);
        while !list.is_empty() {
            if certificates.len() == MAX_CERTIFICATES {
                return Err(Error::Encoding("too many certificates"));
            }
            certificates.push(Certificate::from_der(list.next()?.full)?);
        }
    }
    data.optional(der::context(1))?;
    let mut infos = data.enter(der::SET)?;
    data.end()?;
    let mut one = infos.enter(der::SEQUENCE)?;
    infos.end()?;

    one.positive()?;
    let named = one.next()?;
    let signer = certificates
        .iter()
        .chain(pool)
        .find(|held| match named.tag {
            der::SEQUENCE => held.issuer_and_serial() == named.full,
            0x80 => held.subject_key_id() == Some(named.body),
            _ => false,
        })
        .cloned()
        .ok_or(Error::Encoding("signer certificate missing"))?;
    let hash = Hash::read(one.expect(der::SEQUENCE)?.body)?;
    if hash != Some(hash_of(signer.key.kind())?) {
        return Err(Error::Encoding("unknown digest algorithm"));
    }
    let tagged = one.expect(der::context(0))?;
    let algorithm = one.expect(der::SEQUENCE)?.full;
    let signature = one.expect(der::OCTETS)?.body;
    let unsigned = one.optional(der::context(1))?;
    one.end()?;

    let wanted = match (detached, content, hash) {
        (Some(digest), None, Some(Hash::Sha256)) => digest.to_vec(),
        (None, Some(content), Some(hash)) => hash.digest(content),
        _ => return Err(Error::Encoding("content inside or outside, not as expected")),
    };
    let at = check_attributes(tagged.body, content_type, &wanted, &signer)?;
    if algorithm != signature_algorithm(signer.key.kind()) {
        return Err(Error::Encoding("unknown signature algorithm"));
    }
    signer.key.verify(&der::tlv(der::SET, tagged.body), signature)?;
    let signed = Signed {
        signer,
        certificates,
        at,
        value: signature.to_vec(),
        stamp: unsigned.map_or(Ok(None), |list| find_stamp(list.body))?,
    };
    Ok((signed, content.unwrap_or_default().to_vec()))
}

/// The first signature time-stamp among unsigned attributes.
fn find_stamp(body: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut list = Reader::new(body);
    while !list.is_empty() {
        let mut attribute = list.enter(der::SEQUENCE)?;
        let id = attribute.oid()?;
        let mut values = attribute.enter(der::SET)?;
        attribute.end()?;
        if id == der::oid(SIGNATURE_TIMESTAMP) {
            return values.next().map(|token| Some(token.full.to_vec()));
        }
    }
    Ok(None)
}

/// Content type, digest and signing certificate must each be there exactly once and fit; returns the signing
/// time.
fn check_attributes(
    body: &[u8],
    content_type: &str,
    digest: &[u8],
    signer: &Certificate,
) -> Result<Option<i64>> {
    let (mut list, mut at) = (Reader::new(body), None);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    while !list.is_empty() {
        let mut attribute = list.enter(der::SEQUENCE)?;
        let id = attribute.oid()?.to_vec();
        let mut values = attribute.enter(der::SET)?;
        attribute.end()?;
        if seen.contains(&id) {
            return Err(Error::Encoding("attribute given twice"));
        }
        let fits = if id == der::oid(CONTENT_TYPE) {
            values.oid()? == der::oid(content_type) && values.is_empty()
        } else if id == der::oid(MESSAGE_DIGEST) {
            values.expect(der::OCTETS)?.body == digest && values.is_empty()
        } else if id == der::oid(SIGNING_CERTIFICATE_V2) {
            let mut first = values
                .enter(der::SEQUENCE)?
                .enter(der::SEQUENCE)?
                .enter(der::SEQUENCE)?;
            // Naming SHA-256 though it is the default is tolerated; SHA-1 is not.
            let hash = match first.optional(der::SEQUENCE)? {
                Some(named) => Hash::read(named.body)?.filter(|&hash| hash != Hash::Sha1),
                None => Some(Hash::Sha256),
            };
            let held = first.expect(der::OCTETS)?.body;
            hash.is_some_and(|hash| hash.digest(signer.der()) == held)
        } else if id == der::oid(SIGNING_TIME) {
            at = Some(values.time()?);
            true
        } else {
            true
        };
        if !fits {
            return Err(Error::Signature);
        }
        seen.push(id);
    }
    let needed = [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE_V2];
    if needed.iter().any(|id| !seen.contains(&der::oid(id))) {
        return Err(Error::Encoding("signed attribute missing"));
    }
    Ok(at)
}

/// SHA-256 over parts, as [`sign`] and [`verify`] take it.
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}
