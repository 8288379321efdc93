//! PKCS #10 certification requests (RFC 2986).

use super::issue::encode_name;
use super::read::name_part;
use super::*;
use crate::crypto::PrivateKey;
use crate::crypto::der::Reader;

/// Attributes and extensions a request may carry are not looked at, so none of use is this large.
const MAX_REQUEST: usize = 16 * 1024;

/// What somebody who holds a key asks to be certified. What the certificate may be used for is the authority's to
/// decide; extensions asked for are not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Common name and organisation asked for.
    pub subject: Subject,
    /// The key, proved to be held.
    pub key: PublicKey,
}

impl Request {
    /// Reads a DER request and checks its own signature, by which the sender proves to hold the private key.
    ///
    /// # Errors
    /// [`Error::Encoding`] for other structures, [`Error::Key`] for a bad key, [`Error::Signature`] without proof.
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_REQUEST {
            return Err(Error::Encoding("request too large"));
        }
        let mut file = Reader::new(bytes);
        let mut outer = file.enter(der::SEQUENCE)?;
        file.end()?;
        let info = outer.expect(der::SEQUENCE)?;
        let algorithm = outer.expect(der::SEQUENCE)?.full;
        let signature = outer.bit_string()?;
        outer.end()?;
        let mut body = Reader::new(info.body);
        if body.small()? != 0 {
            return Err(Error::Encoding("not a version 1 request"));
        }
        let name = body.expect(der::SEQUENCE)?;
        let key = PublicKey::from_spki_der(body.expect(der::SEQUENCE)?.full)?;
        body.optional(der::context(0))?;
        body.end()?;
        if algorithm != signature_algorithm(key.kind()) {
            return Err(Error::Encoding("unknown signature algorithm"));
        }
        key.verify(info.full, signature)?;
        Ok(Self {
            subject: Subject {
                cn: name_part(name.body, COMMON_NAME)?,
                o: name_part(name.body, ORGANISATION)?,
            },
            key,
        })
    }

    /// Reads a PEM "CERTIFICATE REQUEST" block.
    ///
    /// # Errors
    /// As [`Request::from_der`].
    pub fn from_pem(text: &str) -> Result<Self> {
        Self::from_der(&der::unpem("CERTIFICATE REQUEST", text)?)
    }

    /// The DER request of the holder of `key`.
    ///
    /// # Errors
    /// [`Error::Certificate`] for a bad name.
    pub fn make(key: &PrivateKey, subject: &Subject) -> Result<Vec<u8>> {
        let info = der::seq(&[
            &der::int(&[0]),
            &encode_name(subject)?,
            &key.public().spki_der(),
            &der::tlv(der::context(0), &[]),
        ]);
        let signature = der::bits(&key.sign(&info)?, 0);
        Ok(der::seq(&[&info, &signature_algorithm(key.kind()), &signature]))
    }
}
