//! The attestation object (WebAuthn § 6.5.4): `none`, and `packed` by the credential's own key (§ 8.2).

use crate::authenticator::Data;
use crate::cbor::{self, Map};
use crate::cose::Key;
use crate::{MOST, Refused};

/// What to do with attestations that are signed by a maker's certificate. We ask for none, so no browser should send one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Taken as if there were none; it is not checked, and nothing is claimed of the authenticator.
    AsNone,
    Refuse,
}

/// What the object says: authenticator data as bytes and read.
pub(crate) struct Object {
    pub data: Data,
    bytes: Vec<u8>,
    format: String,
    statement: Map,
}

impl Object {
    pub(crate) fn read(bytes: &[u8]) -> Result<Object, Refused> {
        let wrong = Refused::AttestationObject;
        let map = cbor::map(bytes).ok_or(wrong)?;
        let format = map.text("fmt").and_then(|v| v.as_text()).ok_or(wrong)?;
        let data = map.text("authData").and_then(|v| v.as_bytes()).ok_or(wrong)?;
        let statement = map.text("attStmt").cloned().and_then(Map::of).ok_or(wrong)?;
        debug_assert!(data.len() <= MOST);
        Ok(Object {
            data: Data::read(data)?,
            bytes: data.clone(),
            format: format.to_string(),
            statement,
        })
    }

    pub(crate) fn check(&self, key: &Key, client: &[u8; 32], foreign: Foreign) -> Result<(), Refused> {
        match self.format.as_str() {
            "none" if self.statement.is_empty() => Ok(()),
            "none" => Err(Refused::AttestationObject),
            "packed" if self.statement.text("x5c").is_none() => {
                let algorithm = self.statement.text("alg").and_then(cbor::integer);
                if algorithm != Some(key.algorithm()) {
                    return Err(Refused::AttestationObject);
                }
                let signature = self.statement.text("sig").and_then(|v| v.as_bytes());
                let signature = signature.ok_or(Refused::AttestationObject)?;
                key.verify(&[self.bytes.as_slice(), client].concat(), signature)
            }
            _ if foreign == Foreign::AsNone => Ok(()),
            _ => Err(Refused::AttestationFormat),
        }
    }
}
