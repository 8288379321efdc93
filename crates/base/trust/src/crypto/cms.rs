//! Detached CMS SignedData (RFC 5652) with the signed attributes of CAdES B-B (ETSI EN 319 122-1): content
//! type, message digest and signing certificate v2 (RFC 5035). SHA-256 with ECDSA P-256, as PDF readers
//! expect.

use sha2::{Digest as _, Sha256};

use super::der::{self, Reader};
use super::keys::{Kind, PrivateKey};
use super::x509::{Certificate, signature_algorithm};
use super::{Error, Result};

const DATA: &str = "1.2.840.113549.1.7.1";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

/// What a verified signature says.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The signer's certificate; its chain is not checked here.
    pub signer: Certificate,
    /// All certificates the structure carries.
    pub certificates: Vec<Certificate>,
    /// The claimed signing time attribute if present, Unix milliseconds.
    pub at: Option<i64>,
}

/// Signs the SHA-256 digest of a content kept elsewhere. `chain` starts with the signer's certificate.
///
/// # Errors
/// [`Error::Certificate`] when the first certificate is not the one of `key`, [`Error::Key`] unless the key
/// is P-256.
pub fn sign(digest: &[u8; 32], key: &PrivateKey, chain: &[Certificate]) -> Result<Vec<u8>> {
    let signer = chain.first().ok_or(Error::Certificate("no signer certificate"))?;
    if key.kind() != Kind::P256 {
        return Err(Error::Key("PAdES signatures need a P-256 key"));
    }
    if signer.key != key.public() || !signer.may_sign() {
        return Err(Error::Certificate("not a signing certificate of this key"));
    }
    let sha256 = der::seq(&[&der::oid(der::SHA256)]);
    let attribute = |id: &str, value: Vec<u8>| der::seq(&[&der::oid(id), &der::set(vec![value])]);
    // ESSCertIDv2 with the default hash algorithm, SHA-256, left out as DER demands.
    let certificate_id = der::seq(&[&der::tlv(der::OCTETS, &signer.digest())]);
    let attributes = der::set(vec![
        attribute(CONTENT_TYPE, der::oid(DATA)),
        attribute(MESSAGE_DIGEST, der::tlv(der::OCTETS, digest)),
        attribute(SIGNING_CERTIFICATE_V2, der::seq(&[&der::seq(&[&certificate_id])])),
    ]);
    // The signature covers the attributes as SET OF; inside SignerInfo the same bytes stand under [0].
    let signature = key.sign(&attributes)?;
    let mut tagged = attributes;
    tagged[0] = der::context(0);
    let signer_info = der::seq(&[
        &der::int(&[1]),
        &signer.issuer_and_serial(),
        &sha256,
        &tagged,
        &signature_algorithm(key.kind()),
        &der::tlv(der::OCTETS, &signature),
    ]);
    let mut held: Vec<&[u8]> = chain.iter().map(Certificate::der).collect();
    held.sort_unstable();
    let signed_data = der::seq(&[
        &der::int(&[1]),
        &der::set(vec![sha256.clone()]),
        &der::seq(&[&der::oid(DATA)]),
        &der::tlv(der::context(0), &held.concat()),
        &der::set(vec![signer_info]),
    ]);
    Ok(der::seq(&[
        &der::oid(SIGNED_DATA),
        &der::tlv(der::context(0), &signed_data),
    ]))
}

/// Verifies a detached signature over the content with this SHA-256 digest. Zero bytes may follow the
/// structure (the padding of a PDF Contents string); anything else may not.
///
/// # Errors
/// [`Error::Encoding`] for other structures, [`Error::Signature`] when digest, certificate reference or
/// signature do not fit.
pub fn verify(cms: &[u8], digest: &[u8; 32]) -> Result<Signed> {
    let mut file = Reader::new(cms);
    let mut info = file.enter(der::SEQUENCE)?;
    if file.rest().iter().any(|&b| b != 0) {
        return Err(Error::Encoding("bytes after DER"));
    }
    if info.expect(der::OID)?.full != der::oid(SIGNED_DATA) {
        return Err(Error::Encoding("not SignedData"));
    }
    let mut wrapped = info.enter(der::context(0))?;
    info.end()?;
    let mut data = wrapped.enter(der::SEQUENCE)?;
    wrapped.end()?;
    data.positive()?;
    data.expect(der::SET)?;
    let mut content = data.enter(der::SEQUENCE)?;
    if content.expect(der::OID)?.full != der::oid(DATA) || !content.is_empty() {
        return Err(Error::Encoding("not a detached signature over data"));
    }
    let mut listed = data.enter(der::context(0))?;
    let mut certificates = Vec::new();
    while !listed.is_empty() {
        certificates.push(Certificate::from_der(listed.next()?.full)?);
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
        .find(|held| match named.tag {
            der::SEQUENCE => held.issuer_and_serial() == named.full,
            0x80 => held.subject_key_id() == Some(named.body),
            _ => false,
        })
        .cloned()
        .ok_or(Error::Encoding("signer certificate missing"))?;
    if Reader::new(one.expect(der::SEQUENCE)?.body)
        .expect(der::OID)?
        .full
        != der::oid(der::SHA256)
    {
        return Err(Error::Encoding("unknown digest algorithm"));
    }
    let tagged = one.expect(der::context(0))?;
    let algorithm = one.expect(der::SEQUENCE)?.full;
    let signature = one.expect(der::OCTETS)?.body;
    one.optional(der::context(1))?;
    one.end()?;

    let at = check_attributes(tagged.body, digest, &signer)?;
    if signer.key.kind() != Kind::P256 || algorithm != signature_algorithm(Kind::P256) {
        return Err(Error::Encoding("unknown signature algorithm"));
    }
    signer.key.verify(&der::tlv(der::SET, tagged.body), signature)?;
    Ok(Signed {
        signer,
        certificates,
        at,
    })
}

/// Content type, digest and signing certificate must each be there exactly once and fit; returns the signing
/// time.
fn check_attributes(body: &[u8], digest: &[u8; 32], signer: &Certificate) -> Result<Option<i64>> {
    let (mut list, mut at) = (Reader::new(body), None);
    let mut seen: Vec<Vec<u8>> = Vec::new();
    while !list.is_empty() {
        let mut attribute = list.enter(der::SEQUENCE)?;
        let id = attribute.expect(der::OID)?.full.to_vec();
        let mut values = attribute.enter(der::SET)?;
        attribute.end()?;
        if seen.contains(&id) {
            return Err(Error::Encoding("attribute given twice"));
        }
        let fits = if id == der::oid(CONTENT_TYPE) {
            values.expect(der::OID)?.full == der::oid(DATA) && values.is_empty()
        } else if id == der::oid(MESSAGE_DIGEST) {
            values.expect(der::OCTETS)?.body == digest && values.is_empty()
        } else if id == der::oid(SIGNING_CERTIFICATE_V2) {
            let mut first = values
                .enter(der::SEQUENCE)?
                .enter(der::SEQUENCE)?
                .enter(der::SEQUENCE)?;
            // Naming SHA-256 though it is the default is tolerated; any other algorithm is not.
            let sha256 = first.optional(der::SEQUENCE)?.is_none_or(|a| {
                Reader::new(a.body)
                    .next()
                    .is_ok_and(|id| id.full == der::oid(der::SHA256))
            });
            sha256 && first.expect(der::OCTETS)?.body == signer.digest()
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
