//! What a request says, checked before anything is done with it; pure.

use crate::algorithm::{Algorithm, Purpose};
use crate::format::{Envelope, Open, Sealed};
use crate::key::model::Operation;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as B64;
use kernel::Refusal;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

/// Largest text of a direct operation, in bytes.
pub(crate) const DIRECT: usize = 64 << 10;
/// Largest text of an envelope.
pub(crate) const ENVELOPE: usize = 10 << 20;
/// Largest key that is encrypted to a public half, and what comes of it.
pub(crate) const KEY: usize = 256;
const WRAPPED: usize = 1024;
/// Items of one request.
pub(crate) const BATCH: usize = 100;
/// Bytes of a context.
const CONTEXT: usize = 1024;
/// Bytes of a request: a full batch, or a full envelope, in base64.
pub(crate) const BODY: usize = 16 << 20;

/// What is asked of a key. Each is the last part of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Sign,
    /// What the caller digested; the log says so.
    SignDigest,
    Verify,
    Encrypt,
    Decrypt,
    Reencrypt,
    Mac,
    MacVerification,
    Envelope,
    EnvelopeOpening,
    DataKey,
    DataKeyOpening,
    /// To the public half, and back.
    Wrap,
    Unwrap,
    AsymmetricEnvelope,
    AsymmetricEnvelopeOpening,
}

pub(crate) const ACTIONS: [Action; 16] = [
    Action::Sign,
    Action::SignDigest,
    Action::Verify,
    Action::Encrypt,
    Action::Decrypt,
    Action::Reencrypt,
    Action::Mac,
    Action::MacVerification,
    Action::Envelope,
    Action::EnvelopeOpening,
    Action::DataKey,
    Action::DataKeyOpening,
    Action::Wrap,
    Action::Unwrap,
    Action::AsymmetricEnvelope,
    Action::AsymmetricEnvelopeOpening,
];

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::Sign => "sign",
            Action::SignDigest => "sign-digest",
            Action::Verify => "verify",
            Action::Encrypt => "encrypt",
            Action::Decrypt => "decrypt",
            Action::Reencrypt => "reencrypt",
            Action::Mac => "mac",
            Action::MacVerification => "mac-verification",
            Action::Envelope => "envelope",
            Action::EnvelopeOpening => "envelope-opening",
            Action::DataKey => "data-key",
            Action::DataKeyOpening => "data-key-opening",
            Action::Wrap => "wrap",
            Action::Unwrap => "unwrap",
            Action::AsymmetricEnvelope => "asymmetric-envelope",
            Action::AsymmetricEnvelopeOpening => "asymmetric-envelope-opening",
        }
    }
    /// What the caller's grant must allow.
    pub(crate) fn needs(self) -> Operation {
        match self {
            Action::Sign | Action::SignDigest => Operation::Sign,
            Action::Verify | Action::MacVerification => Operation::Verify,
            Action::Encrypt | Action::Reencrypt => Operation::Encrypt,
            Action::Decrypt
            | Action::EnvelopeOpening
            | Action::DataKeyOpening
            | Action::Unwrap
            | Action::AsymmetricEnvelopeOpening => Operation::Decrypt,
            Action::Mac => Operation::Mac,
            Action::Envelope | Action::DataKey | Action::Wrap | Action::AsymmetricEnvelope => {
                Operation::Envelope
            }
        }
    }
    pub(crate) fn purpose(self) -> Purpose {
        match self {
            Action::Sign | Action::SignDigest | Action::Verify => Purpose::Sign,
            Action::Encrypt | Action::Decrypt | Action::Reencrypt => Purpose::Encrypt,
            Action::Mac | Action::MacVerification => Purpose::Mac,
            Action::Envelope | Action::EnvelopeOpening | Action::DataKey | Action::DataKeyOpening => {
                Purpose::Envelope
            }
            Action::Wrap
            | Action::Unwrap
            | Action::AsymmetricEnvelope
            | Action::AsymmetricEnvelopeOpening => Purpose::Asymmetric,
        }
    }
    /// Whether it takes a nonce of the newest version.
    pub(crate) fn seals(self) -> bool {
        use Action::*;
        matches!(self, Encrypt | Reencrypt | Envelope | DataKey)
    }
    /// Items of one request.
    pub(crate) fn batch(self) -> usize {
        match self {
            Action::Envelope
            | Action::EnvelopeOpening
            | Action::AsymmetricEnvelope
            | Action::AsymmetricEnvelopeOpening => 1,
            _ => BATCH,
        }
    }
}

/// One thing to do.
pub(crate) struct Item {
    pub what: What,
    pub context: String,
    pub version: Option<i64>,
}

/// The texts of an item, decoded.
pub(crate) enum What {
    Message(Zeroizing<Vec<u8>>),
    /// A message and the signature or MAC that shall fit it.
    Proof(Zeroizing<Vec<u8>>, Vec<u8>),
    Sealed(Sealed),
    Envelope(Envelope),
    Open(Open),
    Digest([u8; 32]),
    /// What was encrypted to a public half.
    Wrapped(Vec<u8>),
    Nothing,
}

impl Item {
    /// Bytes of what it brings.
    pub(crate) fn size(&self) -> usize {
        match &self.what {
            What::Message(m) | What::Proof(m, _) => m.len(),
            What::Sealed(s) => s.body.len(),
            What::Envelope(e) => e.body.len(),
            What::Open(e) => e.body.len(),
            What::Digest(d) => d.len(),
            What::Wrapped(w) => w.len(),
            What::Nothing => 0,
        }
    }
}

/// A request as it was read: one item, or a list whose wrong items are refused each for itself.
pub(crate) struct Asked {
    pub items: Vec<Result<Item, Refusal>>,
    pub batch: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Given {
    message: Option<String>,
    digest: Option<String>,
    plaintext: Option<String>,
    ciphertext: Option<String>,
    signature: Option<String>,
    mac: Option<String>,
    envelope: Option<String>,
    wrapped: Option<String>,
    context: String,
    version: Option<i64>,
}

/// Reads a request body.
///
/// # Errors
/// `cipher-json` when it is no JSON object of this shape, `cipher-batch` (413) for too many items; for a single item also
/// what is wrong with it.
pub(crate) fn read(action: Action, body: &[u8]) -> Result<Asked, Refusal> {
    let body: Json = serde_json::from_slice(body).map_err(|_| Refusal::new("cipher-json"))?;
    let Some(list) = body.get("items") else {
        return Ok(Asked {
            items: vec![Ok(item(action, body)?)],
            batch: false,
        });
    };
    let list = list.as_array().filter(|l| !l.is_empty());
    let list = list.ok_or_else(|| Refusal::new("cipher-json"))?;
    if list.len() > action.batch() {
        let r = Refusal::new("cipher-batch").status(413);
        return Err(r.arg("n", action.batch()));
    }
    Ok(Asked {
        items: list.iter().map(|i| item(action, i.clone())).collect(),
        batch: true,
    })
}

fn item(action: Action, given: Json) -> Result<Item, Refusal> {
    // A list would be read as the fields in their order.
    if !given.is_object() {
        return Err(Refusal::new("cipher-json"));
    }
    let g: Given = serde_json::from_value(given).map_err(|_| Refusal::new("cipher-json"))?;
    if g.context.len() > CONTEXT || g.context.contains('\0') {
        return Err(Refusal::new("cipher-context-long").arg("n", CONTEXT));
    }
    let what = match action {
        Action::Sign | Action::Mac => What::Message(text("message", g.message, DIRECT)?),
        Action::SignDigest => {
            let digest = text("digest", g.digest, 64)?;
            let exact = <[u8; 32]>::try_from(digest.as_slice());
            What::Digest(exact.map_err(|_| Refusal::new("cipher-digest-size").arg("n", 32))?)
        }
        Action::Wrap => {
            let plain = text("plaintext", g.plaintext, KEY)?;
            if plain.is_empty() {
                return Err(Refusal::new("cipher-field-missing").arg("field", "plaintext"));
            }
            What::Message(plain)
        }
        Action::Unwrap => What::Wrapped(text("wrapped", g.wrapped, WRAPPED)?.to_vec()),
        Action::AsymmetricEnvelopeOpening => {
            let text = needed("envelope", g.envelope)?;
            What::Open(Open::parse(&text).ok_or_else(|| Refusal::new("cipher-no-ciphertext"))?)
        }
        Action::Verify => What::Proof(
            text("message", g.message, DIRECT)?,
            text("signature", g.signature, 1024)?.to_vec(),
        ),
        Action::MacVerification => What::Proof(
            text("message", g.message, DIRECT)?,
            text("mac", g.mac, 1024)?.to_vec(),
        ),
        Action::Encrypt => What::Message(text("plaintext", g.plaintext, DIRECT)?),
        Action::Envelope | Action::AsymmetricEnvelope => {
            What::Message(text("plaintext", g.plaintext, ENVELOPE)?)
        }
        Action::Decrypt | Action::Reencrypt => What::Sealed(sealed("ciphertext", g.ciphertext)?),
        Action::DataKeyOpening => What::Sealed(sealed("wrapped", g.wrapped)?),
        Action::EnvelopeOpening => {
            let text = needed("envelope", g.envelope)?;
            let read = Envelope::parse(&text).ok_or_else(|| Refusal::new("cipher-no-ciphertext"))?;
            What::Envelope(read)
        }
        Action::DataKey => What::Nothing,
    };
    Ok(Item {
        what,
        context: g.context,
        version: g.version,
    })
}

fn needed(name: &str, value: Option<String>) -> Result<String, Refusal> {
    value.ok_or_else(|| Refusal::new("cipher-field-missing").arg("field", name))
}

/// Base64 of at most so many bytes (RFC 4648, section 4, with padding).
pub(crate) fn text(name: &str, value: Option<String>, most: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let value = needed(name, value)?;
    let large = || Refusal::new("cipher-too-large").status(413).arg("n", most);
    if value.len() > most.div_ceil(3) * 4 {
        return Err(large());
    }
    let bytes = B64
        .decode(value)
        .map_err(|_| Refusal::new("cipher-base64").arg("field", name))?;
    match bytes.len() <= most {
        true => Ok(Zeroizing::new(bytes)),
        false => Err(large()),
    }
}

fn sealed(name: &str, value: Option<String>) -> Result<Sealed, Refusal> {
    let value = needed(name, value)?;
    Sealed::parse(&value).ok_or_else(|| Refusal::new("cipher-no-ciphertext"))
}

/// What came of an item.
pub(crate) enum Output {
    Signature(Vec<u8>),
    Mac(Vec<u8>),
    Valid(bool),
    Ciphertext(String),
    Plain(Zeroizing<Vec<u8>>),
    Envelope(String),
    DataKey(Zeroizing<Vec<u8>>, String),
    Wrapped(Vec<u8>),
}

/// An output with the version that made or fitted it; 0 when none fitted.
pub(crate) struct Made {
    pub output: Output,
    pub version: i64,
}

impl Made {
    pub(crate) fn json(&self, algorithm: Algorithm) -> Json {
        let mut out = match &self.output {
            Output::Signature(s) => json!({ "signature": B64.encode(s), "algorithm": algorithm.name() }),
            Output::Mac(m) => json!({ "mac": B64.encode(m), "algorithm": algorithm.name() }),
            Output::Valid(valid) => json!({ "valid": valid }),
            Output::Ciphertext(text) => json!({ "ciphertext": text }),
            Output::Plain(plain) => json!({ "plaintext": B64.encode(&**plain) }),
            Output::Envelope(text) => json!({ "envelope": text }),
            Output::Wrapped(bytes) => json!({ "wrapped": B64.encode(bytes) }),
            Output::DataKey(plain, wrapped) => {
                json!({ "plaintext": B64.encode(&**plain), "wrapped": wrapped, "algorithm": algorithm.name() })
            }
        };
        if self.version > 0 {
            out["version"] = json!(self.version);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(action: Action, body: Json) -> String {
        match read(action, body.to_string().as_bytes()) {
            Ok(_) => "ok".into(),
            Err(r) => r.key,
        }
    }

    #[test]
    fn requests_are_checked() {
        let of = |n: usize| B64.encode(vec![0u8; n]);
        for (action, body, expected) in [
            (Action::Sign, json!({ "message": of(DIRECT) }), "ok"),
            (
                Action::Sign,
                json!({ "message": of(DIRECT + 1) }),
                "cipher-too-large",
            ),
            (Action::Sign, json!({ "message": "YQ" }), "cipher-base64"),
            (Action::Sign, json!({ "message": "Y Q=" }), "cipher-base64"),
            (Action::Sign, json!({ "message": "" }), "ok"),
            (Action::Sign, json!({}), "cipher-field-missing"),
            (Action::Sign, json!([]), "cipher-json"),
            (Action::Sign, json!({ "message": 1 }), "cipher-json"),
            (
                Action::Sign,
                json!({ "message": "", "mesage": "" }),
                "cipher-json",
            ),
            (Action::Sign, json!({ "items": [] }), "cipher-json"),
            (
                Action::Sign,
                json!({ "items": vec![json!({}); 101] }),
                "cipher-batch",
            ),
            (Action::Sign, json!({ "items": vec![json!({}); 100] }), "ok"),
            (Action::Envelope, json!({ "items": [{}, {}] }), "cipher-batch"),
            (Action::Envelope, json!({ "plaintext": of(DIRECT + 1) }), "ok"),
            (
                Action::Envelope,
                json!({ "plaintext": of(ENVELOPE + 1) }),
                "cipher-too-large",
            ),
            (
                Action::Decrypt,
                json!({ "ciphertext": "yw1:x" }),
                "cipher-no-ciphertext",
            ),
            (
                Action::Encrypt,
                json!({ "plaintext": "", "context": "c".repeat(1025) }),
                "cipher-context-long",
            ),
            (Action::DataKey, json!({}), "ok"),
            (Action::SignDigest, json!({ "digest": of(32) }), "ok"),
            (
                Action::SignDigest,
                json!({ "digest": of(31) }),
                "cipher-digest-size",
            ),
            (
                Action::SignDigest,
                json!({ "message": of(32) }),
                "cipher-field-missing",
            ),
            (Action::Wrap, json!({ "plaintext": of(16) }), "ok"),
            (Action::Wrap, json!({ "plaintext": "" }), "cipher-field-missing"),
            (Action::Wrap, json!({ "plaintext": of(257) }), "cipher-too-large"),
            (
                Action::AsymmetricEnvelopeOpening,
                json!({ "envelope": "ywe1:x" }),
                "cipher-no-ciphertext",
            ),
            (
                Action::AsymmetricEnvelope,
                json!({ "items": [{}, {}] }),
                "cipher-batch",
            ),
        ] {
            assert_eq!(key(action, body), expected, "{action:?}");
        }
        assert!(read(Action::Sign, b"{").is_err());
    }
}
