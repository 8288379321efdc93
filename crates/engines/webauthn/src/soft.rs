//! A software authenticator and its browser, for tests: makes real ceremonies, and wrong ones on demand.

use crate::authenticator::{AT, BE, BS, ED, UP, UV};
use crate::cose::{EDDSA, ES256};
use crate::{decode, digest, encode};
use ciborium::Value;
use p256::ecdsa::signature::Signer;
use serde_json::{Value as Json, json};

/// How it attests a new credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attest {
    #[default]
    None,
    /// `packed`, by the credential's own key.
    Itself,
    /// Some format with this name and an empty statement.
    Named(String),
}

#[derive(Clone, Debug)]
struct Held {
    id: Vec<u8>,
    secret: [u8; 32],
    algorithm: i64,
    party: String,
    handle: Vec<u8>,
    count: u32,
}

/// An authenticator; a clone of it is a copy of its keys. The fields say how it behaves.
#[derive(Clone, Debug)]
pub struct Authenticator {
    seed: u64,
    made: u64,
    held: Vec<Held>,
    /// The site that its browser shows.
    pub origin: String,
    /// Whether the browser shows that site inside another.
    pub cross_origin: bool,
    /// Whether it verifies its user.
    pub verifies: bool,
    /// Whether somebody is there.
    pub present: bool,
    /// Whether its keys are copied to other devices.
    pub synced: bool,
    /// By how much its counter rises with each use; 0 as synced passkeys do.
    pub step: u32,
    /// COSE algorithm of new keys.
    pub algorithm: i64,
    pub attest: Attest,
    /// Signs for this relying party instead of the one that asks.
    pub party: Option<String>,
    /// Says a user handle other than its own.
    pub handle: Option<Vec<u8>>,
    /// Sends extension outputs.
    pub extensions: bool,
}

impl Authenticator {
    /// One whose keys follow from a seed, in a browser that shows this origin.
    pub fn new(seed: u64, origin: &str) -> Authenticator {
        Authenticator {
            seed,
            made: 0,
            held: Vec::new(),
            origin: origin.to_string(),
            cross_origin: false,
            verifies: true,
            present: true,
            synced: false,
            step: 1,
            algorithm: ES256,
            attest: Attest::None,
            party: None,
            handle: None,
            extensions: false,
        }
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        for (on, bits) in [
            (self.present, UP),
            (self.verifies, UV),
            (self.synced, BE | BS),
            (self.extensions, ED),
        ] {
            if on {
                flags |= bits;
            }
        }
        flags
    }

    fn client(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let data = json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin });
        data.to_string().into_bytes()
    }

    fn data(&self, party: &str, flags: u8, count: u32, attested: &[u8]) -> Vec<u8> {
        let party = self.party.as_deref().unwrap_or(party);
        let mut data = digest(party.as_bytes()).to_vec();
        data.push(self.flags() | flags);
        data.extend(count.to_be_bytes());
        data.extend(attested);
        if self.extensions {
            data.extend(bytes_of(&Value::Map(vec![("credProtect".into(), 2.into())])));
        }
        data
    }

    /// `navigator.credentials.create`; `None` when a credential of the excluded ones lives here.
    pub fn create(&mut self, options: &Json) -> Option<Json> {
        let held_here = |entry: &Json| {
            let id = entry["id"].as_str().and_then(decode).unwrap_or_default();
            self.held.iter().any(|h| h.id == id)
        };
        if options["excludeCredentials"]
            .as_array()
            .is_some_and(|all| all.iter().any(held_here))
        {
            return None;
        }
        self.made += 1;
        let secret = digest(format!("key {} {}", self.seed, self.made).as_bytes());
        let held = Held {
            id: digest(format!("id {} {}", self.seed, self.made).as_bytes()).to_vec(),
            secret,
            algorithm: self.algorithm,
            party: options["rp"]["id"].as_str()?.to_string(),
            handle: decode(options["user"]["id"].as_str()?)?,
            count: self.step,
        };
        let mut attested = vec![0; 16];
        attested.extend(u16::try_from(held.id.len()).ok()?.to_be_bytes());
        attested.extend(&held.id);
        attested.extend(bytes_of(&public(&held)?));
        let client = self.client("webauthn.create", options["challenge"].as_str()?);
        let data = self.data(&held.party, AT, held.count, &attested);
        let (format, statement) = match &self.attest {
            Attest::None => ("none", vec![]),
            Attest::Named(name) => (name.as_str(), vec![]),
            Attest::Itself => {
                let signature = sign(&held, &[data.as_slice(), &digest(&client)].concat())?;
                let entries = vec![
                    ("alg".into(), held.algorithm.into()),
                    ("sig".into(), Value::Bytes(signature)),
                ];
                ("packed", entries)
            }
        };
        let object = Value::Map(vec![
            ("fmt".into(), format.into()),
            ("attStmt".into(), Value::Map(statement)),
            ("authData".into(), Value::Bytes(data)),
        ]);
        let id = encode(&held.id);
        self.held.push(held);
        Some(json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": { "clientDataJSON": encode(&client), "attestationObject": encode(&bytes_of(&object)),
                "transports": ["internal", "hybrid"] },
        }))
    }

    /// `navigator.credentials.get`, with the credential that was made last of those that fit; `None` when none does.
    pub fn get(&mut self, options: &Json) -> Option<Json> {
        let party = options["rpId"].as_str()?;
        let allowed = options["allowCredentials"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let fits = |h: &Held| allowed.is_empty() || allowed.iter().any(|a| a["id"] == json!(encode(&h.id)));
        let step = self.step;
        let at = self.held.iter().rposition(|h| h.party == party && fits(h))?;
        self.held[at].count += step;
        let held = &self.held[at];
        let client = self.client("webauthn.get", options["challenge"].as_str()?);
        let data = self.data(party, 0, held.count, &[]);
        let signature = sign(held, &[data.as_slice(), &digest(&client)].concat())?;
        let id = encode(&held.id);
        Some(json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": { "clientDataJSON": encode(&client), "authenticatorData": encode(&data), "signature": encode(&signature),
                "userHandle": encode(self.handle.as_ref().unwrap_or(&held.handle)) },
        }))
    }
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Memory takes every write.
    let _ = ciborium::into_writer(value, &mut bytes);
    bytes
}

fn es256(h: &Held) -> Option<p256::ecdsa::SigningKey> {
    p256::ecdsa::SigningKey::from_slice(&h.secret).ok()
}

fn public(h: &Held) -> Option<Value> {
    let bytes = |b: &[u8]| Value::Bytes(b.to_vec());
    let number = |n: i64| Value::from(n);
    if h.algorithm == EDDSA {
        let key = ed25519_dalek::SigningKey::from_bytes(&h.secret).verifying_key();
        return Some(Value::Map(vec![
            (number(1), number(1)),
            (number(3), number(EDDSA)),
            (number(-1), number(6)),
            (number(-2), bytes(key.as_bytes())),
        ]));
    }
    let point = es256(h)?.verifying_key().to_sec1_point(false);
    let point = point.as_bytes();
    Some(Value::Map(vec![
        (number(1), number(2)),
        (number(3), number(h.algorithm)),
        (number(-1), number(1)),
        (number(-2), bytes(&point[1..33])),
        (number(-3), bytes(&point[33..])),
    ]))
}

fn sign(h: &Held, message: &[u8]) -> Option<Vec<u8>> {
    if h.algorithm == EDDSA {
        return Some(
            ed25519_dalek::SigningKey::from_bytes(&h.secret)
                .sign(message)
                .to_bytes()
                .to_vec(),
        );
    }
    let signature: p256::ecdsa::Signature = es256(h)?.sign(message);
    Some(signature.to_der().as_bytes().to_vec())
}
