//! The two ceremonies (WebAuthn § 7.1, § 7.2), and the options that begin them, as JSON of Level 3 (§ 5.1.8 – 5.1.10).

use crate::attestation::{Foreign, Object};
use crate::authenticator::{BE, BS, Data};
use crate::client::{Client, Kind};
use crate::cose::{EDDSA, ES256, Key};
use crate::{MOST, Refused, RelyingParty, TIMEOUT, decode, encode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use subtle::ConstantTimeEq;

/// Whose passkey it becomes.
pub struct User<'a> {
    /// At most 64 bytes that say nothing of the person.
    pub handle: &'a [u8],
    /// What the account is called.
    pub name: &'a str,
    pub display: &'a str,
}

/// A credential that is known, for lists in options.
pub struct Known<'a> {
    pub id: &'a [u8],
    /// How the browser reaches it: `usb`, `internal`, …
    pub transports: &'a [String],
}

fn list(known: &[Known<'_>]) -> Json {
    let entry = |k: &Known<'_>| {
        let mut entry = json!({ "type": "public-key", "id": encode(k.id) });
        if !k.transports.is_empty() {
            entry["transports"] = json!(k.transports);
        }
        entry
    };
    known.iter().map(entry).collect()
}

/// `PublicKeyCredentialCreationOptionsJSON`: a discoverable credential of a verified user, without attestation.
pub fn creation_options(
    party: &RelyingParty,
    challenge: &[u8],
    user: &User<'_>,
    exclude: &[Known<'_>],
) -> Json {
    json!({
        "rp": { "id": party.id, "name": party.name },
        "user": { "id": encode(user.handle), "name": user.name, "displayName": user.display },
        "challenge": encode(challenge),
        "pubKeyCredParams": [
            { "type": "public-key", "alg": ES256 },
            { "type": "public-key", "alg": EDDSA },
        ],
        "timeout": TIMEOUT,
        "excludeCredentials": list(exclude),
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
        },
        "attestation": "none",
        "extensions": { "credProps": true },
    })
}

/// `PublicKeyCredentialRequestOptionsJSON`; with nothing to allow, any discoverable credential of this relying party.
pub fn request_options(party: &RelyingParty, challenge: &[u8], allow: &[Known<'_>]) -> Json {
    json!({
        "rpId": party.id,
        "challenge": encode(challenge),
        "timeout": TIMEOUT,
        "allowCredentials": list(allow),
        "userVerification": "required",
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<R> {
    id: String,
    raw_id: String,
    r#type: String,
    response: R,
}

impl<R: for<'de> Deserialize<'de>> Envelope<R> {
    /// The envelope and the credential id in it.
    fn read(response: &Json) -> Result<(R, Vec<u8>), Refused> {
        let e = Envelope::<R>::deserialize(response).map_err(|_| Refused::Response)?;
        if e.r#type != "public-key" || e.id != e.raw_id {
            return Err(Refused::Response);
        }
        let id = decode(&e.raw_id)
            .filter(|id| id.len() <= 1023)
            .ok_or(Refused::Response)?;
        Ok((e.response, id))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

/// What a browser sends after registration, read and not yet believed.
pub struct Registration {
    id: Vec<u8>,
    client: Client,
    object: Object,
    transports: Vec<String>,
}

/// A credential to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub id: Vec<u8>,
    /// COSE_Key.
    pub key: Vec<u8>,
    pub count: u32,
    /// Which model of authenticator it is, unproven; zeros when it does not say.
    pub aaguid: [u8; 16],
    /// The key may be copied to other devices of its owner (a synced passkey).
    pub backup_eligible: bool,
    pub backed_up: bool,
    pub transports: Vec<String>,
}

impl Registration {
    /// Reads a `RegistrationResponseJSON`.
    ///
    /// # Errors
    /// What does not parse.
    pub fn read(response: &Json) -> Result<Registration, Refused> {
        let (r, id) = Envelope::<Attestation>::read(response)?;
        let client = decode(&r.client).ok_or(Refused::Response)?;
        let object = decode(&r.attestation_object).ok_or(Refused::Response)?;
        let plain = |t: &String| t.len() <= 16 && t.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let mut transports: Vec<String> = r.transports.into_iter().filter(plain).take(8).collect();
        transports.sort();
        transports.dedup();
        Ok(Registration {
            id,
            client: Client::read(&client)?,
            object: Object::read(&object)?,
            transports,
        })
    }

    /// The challenge that it answers, as it says.
    pub fn challenge(&self) -> &[u8] {
        &self.client.challenge
    }

    /// § 7.1; `challenge` is the SHA-256 of the one that was given out. That no other account has this credential id is
    /// for the caller to check.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(
        &self,
        party: &RelyingParty,
        challenge: &[u8; 32],
        foreign: Foreign,
    ) -> Result<Credential, Refused> {
        self.client.check(Kind::Create, party, challenge)?;
        let data = &self.object.data;
        data.check(party)?;
        let attested = data.attested.as_ref().ok_or(Refused::AuthenticatorData)?;
        if attested.id != self.id {
            return Err(Refused::Credential);
        }
        let key = Key::read(&attested.key)?;
        self.object.check(&key, &self.client.hash, foreign)?;
        Ok(Credential {
            id: attested.id.clone(),
            key: attested.key.clone(),
            count: data.count,
            aaguid: attested.aaguid,
            backup_eligible: data.has(BE),
            backed_up: data.has(BS),
            transports: self.transports.clone(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    #[serde(rename = "clientDataJSON")]
    client: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: Option<String>,
}

/// What a browser sends after authentication, read and not yet believed.
pub struct Assertion {
    id: Vec<u8>,
    client: Client,
    data: Data,
    bytes: Vec<u8>,
    signature: Vec<u8>,
    handle: Option<Vec<u8>>,
}

/// A stored credential, with its owner.
pub struct Stored<'a> {
    pub id: &'a [u8],
    pub key: &'a [u8],
    pub count: u32,
    pub backup_eligible: bool,
    pub handle: &'a [u8],
}

/// Whether the response must say whose credential it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// The account is found by the credential alone.
    Required,
    /// The account was known before.
    IfGiven,
}

/// What an assertion has shown, to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub count: u32,
    pub backed_up: bool,
}

impl Assertion {
    /// Reads an `AuthenticationResponseJSON`.
    ///
    /// # Errors
    /// What does not parse.
    pub fn read(response: &Json) -> Result<Assertion, Refused> {
        let (r, id) = Envelope::<Signed>::read(response)?;
        let bytes = |text: &str| decode(text).ok_or(Refused::Response);
        let (client, data) = (bytes(&r.client)?, bytes(&r.authenticator_data)?);
        debug_assert!(client.len() <= MOST && data.len() <= MOST);
        let handle = r.user_handle.as_deref().filter(|h| !h.is_empty());
        Ok(Assertion {
            id,
            client: Client::read(&client)?,
            data: Data::read(&data)?,
            bytes: data,
            signature: bytes(&r.signature)?,
            handle: handle.map(bytes).transpose()?,
        })
    }

    /// The challenge that it answers, as it says.
    pub fn challenge(&self) -> &[u8] {
        &self.client.challenge
    }
    /// Id of the credential, as it says.
    pub fn credential(&self) -> &[u8] {
        &self.id
    }

    /// § 7.2; `challenge` is the SHA-256 of the one that was given out.
    ///
    /// # Errors
    /// The first check that fails. [`Refused::Cloned`] comes last: all else was right.
    pub fn verify(
        &self,
        party: &RelyingParty,
        challenge: &[u8; 32],
        stored: &Stored<'_>,
        handle: Handle,
    ) -> Result<Shown, Refused> {
        // Costs the most and comes first, so that the time taken does not tell which of the others failed.
        let message = [self.bytes.as_slice(), &self.client.hash].concat();
        let signed = Key::read(stored.key).and_then(|key| key.verify(&message, &self.signature));
        self.client.check(Kind::Get, party, challenge)?;
        self.data.check(party)?;
        if self.data.attested.is_some() {
            return Err(Refused::AuthenticatorData);
        }
        if self.id != stored.id {
            return Err(Refused::Credential);
        }
        match &self.handle {
            Some(given) if !bool::from(given.as_slice().ct_eq(stored.handle)) => {
                return Err(Refused::UserHandle);
            }
            None if handle == Handle::Required => return Err(Refused::UserHandle),
            _ => {}
        }
        if self.data.has(BE) != stored.backup_eligible {
            return Err(Refused::Backup);
        }
        signed?;
        let counts = self.data.count != 0 || stored.count != 0;
        if counts && self.data.count <= stored.count {
            return Err(Refused::Cloned);
        }
        Ok(Shown {
            count: self.data.count,
            backed_up: self.data.has(BS),
        })
    }
}
