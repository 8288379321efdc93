//! Reading a certificate.

use super::*;
use crate::crypto::der::Reader;

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
            publication: Publication::default(),
            names: Vec::new(),
            usage: None,
            purposes: None,
            purposes_critical: false,
            no_check: false,
            key_id: None,
            authority_id: None,
            strange: false,
        };
        if let Some(wrapped) = body.optional(der::context(3))? {
            let mut outer = Reader::new(wrapped.body);
            let mut list = outer.enter(der::SEQUENCE)?;
            outer.end()?;
            extensions(&mut list, |id, critical, value| {
                made.take_extension(id, critical, value)
            })?;
        }
        body.end()?;
        Ok(made)
    }

    fn take_extension(&mut self, id: &[u8], critical: bool, mut value: Reader<'_>) -> Result<()> {
        let is = |known: &str| der::oid(known) == id;
        if is(BASIC_CONSTRAINTS) {
            let mut inner = value.enter(der::SEQUENCE)?;
            self.ca = inner.flag()?;
            self.path_length = inner
                .optional(der::INTEGER)?
                .map(|n| if n.body.len() == 1 { n.body[0] } else { 0 });
        } else if is(KEY_USAGE) {
            self.usage = value.expect(der::BIT_STRING)?.body.get(1).copied().or(Some(0));
        } else if is(SUBJECT_KEY) {
            self.key_id = Some(value.expect(der::OCTETS)?.body.to_vec());
        } else if is(AUTHORITY_KEY) {
            self.authority_id = value
                .enter(der::SEQUENCE)?
                .optional(0x80)?
                .map(|id| id.body.to_vec());
        } else if is(EXTENDED_USAGE) {
            let (mut list, mut held) = (value.enter(der::SEQUENCE)?, Vec::new());
            while !list.is_empty() {
                let id = list.oid()?;
                let known = PURPOSES.iter().find(|(_, known)| der::oid(known) == id);
                held.push(known.map_or(Purpose::Other, |(purpose, _)| *purpose));
            }
            (self.purposes, self.purposes_critical) = (Some(held), critical);
        } else if is(OCSP_NO_CHECK) {
            self.no_check = true;
        } else if is(SUBJECT_NAMES) {
            let mut list = value.enter(der::SEQUENCE)?;
            while !list.is_empty() {
                self.names.extend(node_name(list.next()?));
            }
        } else if is(CRL_POINTS) {
            let mut list = value.enter(der::SEQUENCE)?;
            while !list.is_empty() {
                let point = list.enter(der::SEQUENCE)?.optional(der::context(0))?;
                let Some(full) = point
                    .map(|p| Reader::new(p.body).optional(der::context(0)))
                    .transpose()?
                    .flatten()
                else {
                    continue;
                };
                let mut names = Reader::new(full.body);
                while !names.is_empty() {
                    self.publication.crl.extend(uri(names.next()?));
                }
            }
        } else if is(AUTHORITY_ACCESS) {
            let mut list = value.enter(der::SEQUENCE)?;
            while !list.is_empty() {
                let mut one = list.enter(der::SEQUENCE)?;
                let (method, place) = (one.oid()?, one.next()?);
                if method == der::oid(OCSP_ACCESS) {
                    self.publication.ocsp.extend(uri(place));
                } else if method == der::oid(ISSUERS_ACCESS) {
                    self.publication.issuers.extend(uri(place));
                }
            }
        } else {
            self.strange |= critical;
        }
        Ok(())
    }
}

fn uri(name: der::Tlv<'_>) -> Option<String> {
    (name.tag == URI && name.body.is_ascii()).then(|| String::from_utf8_lossy(name.body).into_owned())
}

fn node_name(name: der::Tlv<'_>) -> Option<String> {
    use std::net::IpAddr;
    match (name.tag, name.body) {
        (DNS_NAME, body) if body.is_ascii() => Some(String::from_utf8_lossy(body).into_owned()),
        (IP_ADDRESS, body) if body.len() == 4 => <[u8; 4]>::try_from(body)
            .ok()
            .map(|b| IpAddr::from(b).to_string()),
        (IP_ADDRESS, body) => <[u8; 16]>::try_from(body)
            .ok()
            .map(|b| IpAddr::from(b).to_string()),
        _ => None,
    }
}

/// The last attribute of this type in a name, empty if none; only UTF-8 compatible strings are read.
pub(super) fn name_part(name: &[u8], id: &str) -> Result<String> {
    let (mut sets, wanted, mut found) = (Reader::new(name), der::oid(id), String::new());
    while !sets.is_empty() {
        let mut set = sets.enter(der::SET)?;
        while !set.is_empty() {
            let mut pair = set.enter(der::SEQUENCE)?;
            if pair.oid()? == wanted {
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
