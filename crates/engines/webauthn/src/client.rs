//! What the browser says of a ceremony: `clientDataJSON` (WebAuthn § 5.8.1).

use crate::{Refused, RelyingParty, decode, digest};
use serde::Deserialize;
use subtle::ConstantTimeEq;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Get,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
}

/// Client data that was read.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    kind: String,
    origin: String,
    cross: bool,
    pub challenge: Vec<u8>,
    /// SHA-256 of the text, part of what is signed.
    pub hash: [u8; 32],
}

impl Client {
    pub(crate) fn read(text: &[u8]) -> Result<Client, Refused> {
        let data: Data = serde_json::from_slice(text).map_err(|_| Refused::ClientData)?;
        Ok(Client {
            challenge: decode(&data.challenge).ok_or(Refused::ClientData)?,
            kind: data.r#type,
            origin: data.origin,
            cross: data.cross_origin.unwrap_or(false) || data.top_origin.is_some(),
            hash: digest(text),
        })
    }
    pub(crate) fn check(
        &self,
        kind: Kind,
        party: &RelyingParty,
        challenge: &[u8; 32],
    ) -> Result<(), Refused> {
        let wanted = match kind {
            Kind::Create => "webauthn.create",
            Kind::Get => "webauthn.get",
        };
        if self.kind != wanted {
            return Err(Refused::Type);
        }
        if !bool::from(digest(&self.challenge).ct_eq(challenge)) {
            return Err(Refused::Challenge);
        }
        if self.origin != party.origin {
            return Err(Refused::Origin);
        }
        if self.cross {
            return Err(Refused::CrossOrigin);
        }
        Ok(())
    }
}
