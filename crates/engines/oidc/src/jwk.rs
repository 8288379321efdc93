//! Public keys as JSON (RFC 7517, RFC 7518 §6.2, RFC 8037) and their thumbprints (RFC 7638).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use p256::ecdsa::signature::Verifier as _;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Most keys read from one set.
pub const MAX_KEYS: usize = 20;
/// Longest key id in bytes.
const MAX_KID: usize = 200;

/// A signature algorithm. There are two, and a key has exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum Alg {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037 §3.1).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Alg {
    /// The name in a JWS header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads a name; `Ed25519` is what RFC 9864 calls the same algorithm, and newer clients write it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// Why a key or a set is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Not a key: a member is missing, of the wrong type, not canonical, or the point is not on the curve.
    #[error("not a well-formed public key")]
    Malformed,
    /// Private or symmetric key material was sent; it is compromised by that.
    #[error("contains a private or symmetric key")]
    Private,
    /// A key of another type, curve, algorithm or use.
    #[error("not a P-256 or Ed25519 key for signatures")]
    Unsupported,
    /// Two keys of one set have the same `kid`.
    #[error("two keys have the same kid")]
    Twice,
    /// More than [`MAX_KEYS`] keys.
    #[error("too many keys")]
    TooMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// A public key for verifying signatures, checked to be a point of its curve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    kid: String,
    public: Public,
}

impl Jwk {
    /// A P-256 key from its SEC1 point (65 bytes uncompressed or 33 compressed); `kid` is its thumbprint.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn p256(point: &[u8]) -> Result<Self, JwkError> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map(|key| Self::named(Public::P256(key)))
            .map_err(|_| JwkError::Malformed)
    }

    /// An Ed25519 key from its 32 bytes; `kid` is its thumbprint.
    ///
    /// # Errors
    /// `Malformed`, also for the keys of small order, under which anyone can sign.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, JwkError> {
        <&[u8; 32]>::try_from(bytes)
            .ok()
            .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok())
            .filter(|key| !key.is_weak())
            .map(|key| Self::named(Public::Ed25519(key)))
            .ok_or(JwkError::Malformed)
    }

    fn named(public: Public) -> Self {
        let mut key = Self {
            kid: String::new(),
            public,
        };
        key.kid = key.thumbprint();
        key
    }

    /// The same key under another `kid`.
    pub fn with_kid(self, kid: impl Into<String>) -> Self {
        Self {
            kid: kid.into(),
            ..self
        }
    }

    /// The key id: as given, or the thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm of the key.
    pub fn alg(&self) -> Alg {
        match self.public {
            Public::P256(_) => Alg::Es256,
            Public::Ed25519(_) => Alg::EdDsa,
        }
    }

    /// The members that make the key, in the order of RFC 7638 §3.3.
    fn members(&self) -> Vec<(&'static str, String)> {
        match &self.public {
            Public::P256(key) => {
                let point = key.to_sec1_point(false);
                // Uncompressed: one byte of tag, x, y.
                let (x, y) = point.as_bytes()[1..].split_at(32);
                vec![
                    ("crv", "P-256".into()),
                    ("kty", "EC".into()),
                    ("x", B64.encode(x)),
                    ("y", B64.encode(y)),
                ]
            }
            Public::Ed25519(key) => vec![
                ("crv", "Ed25519".into()),
                ("kty", "OKP".into()),
                ("x", B64.encode(key.as_bytes())),
            ],
        }
    }

    /// SHA-256 thumbprint in base64url (RFC 7638 §3).
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.members())
    }

    /// The key as JSON with `kid`, `use` and `alg`.
    pub fn to_json(&self) -> Value {
        let mut key: Map<String, Value> = self
            .members()
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.into()))
            .collect();
        key.insert("kid".into(), self.kid.clone().into());
        key.insert("use".into(), "sig".into());
        key.insert("alg".into(), self.alg().as_str().into());
        Value::Object(key)
    }

    /// Reads a key; without `kid` its thumbprint names it.
    ///
    /// # Errors
    /// `Private` when private members are present, `Unsupported` for other types and uses, else `Malformed`.
    pub fn from_json(value: &Value) -> Result<Self, JwkError> {
        let key = value.as_object().ok_or(JwkError::Malformed)?;
        if ["d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"]
            .iter()
            .any(|name| key.contains_key(*name))
        {
            return Err(JwkError::Private);
        }
        let text = |name: &str| match key.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(JwkError::Malformed),
        };
        let field = |name: &str| {
            let bytes = B64
                .decode(text(name)?.ok_or(JwkError::Malformed)?)
                .map_err(|_| JwkError::Malformed)?;
            <[u8; 32]>::try_from(bytes).map_err(|_| JwkError::Malformed)
        };
        let verifies = match key.get("key_ops") {
            None => true,
            Some(ops) => ops
                .as_array()
                .ok_or(JwkError::Malformed)?
                .iter()
                .any(|op| op.as_str() == Some("verify")),
        };
        if text("use")?.is_some_and(|u| u != "sig") || !verifies {
            return Err(JwkError::Unsupported);
        }
        let read = match (text("kty")?.ok_or(JwkError::Malformed)?, text("crv")?) {
            ("EC", Some("P-256")) => Self::p256(&[&[4][..], &field("x")?, &field("y")?].concat())?,
            ("OKP", Some("Ed25519")) => Self::ed25519(&field("x")?)?,
            _ => return Err(JwkError::Unsupported),
        };
        if text("alg")?.is_some_and(|alg| Alg::parse(alg) != Some(read.alg())) {
            return Err(JwkError::Unsupported);
        }
        match text("kid")? {
            None => Ok(read),
            Some(kid) if kid.is_empty() || kid.len() > MAX_KID => Err(JwkError::Malformed),
            Some(kid) => Ok(read.with_kid(kid)),
        }
    }

    /// Whether the signature (r and s, 32 bytes each; or the 64 bytes of Ed25519) fits the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            // The strict form leaves no second signature for the same message.
            Public::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// Thumbprint of members that are already in order and need no escaping.
fn thumbprint(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect();
    B64.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
}

/// A set of public keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

impl Jwks {
    /// The set of these keys; the later of two with one `kid` is dropped.
    pub fn new(keys: impl IntoIterator<Item = Jwk>) -> Self {
        let mut set = Self::default();
        for key in keys {
            if set.by_kid(&key.kid).is_none() {
                set.keys.push(key);
            }
        }
        set
    }

    /// The keys, in their order.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The key of that id.
    pub fn by_kid(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// The set as JSON, the body of `jwks_uri` (RFC 7517 §5).
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.keys.iter().map(Jwk::to_json).collect::<Vec<_>>() })
    }

    /// Reads a set. Keys of other kinds are passed over (RFC 7517 §5), broken or private ones spoil the set.
    ///
    /// # Errors
    /// `Malformed`, `Private`, `Twice` or `TooMany`.
    pub fn from_json(value: &Value) -> Result<Self, JwkError> {
        let all = value
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(JwkError::Malformed)?;
        if all.len() > MAX_KEYS {
            return Err(JwkError::TooMany);
        }
        let mut set = Self::default();
        for key in all {
            match Jwk::from_json(key) {
                Ok(key) if set.by_kid(&key.kid).is_some() => return Err(JwkError::Twice),
                Ok(key) => set.keys.push(key),
                Err(JwkError::Unsupported) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 §3.1 has an RSA key; only the hash over ordered members can be shown with it.
    #[test]
    fn rfc_7638_example() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let members = [
            ("e", "AQAB".to_string()),
            ("kty", "RSA".to_string()),
            ("n", n.to_string()),
        ];
        assert_eq!(
            thumbprint(&members),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn thumbprints_of_both_curves() {
        // RFC 8037 A.3 and RFC 9449 §6.1.
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert_eq!(
            Jwk::from_json(&ed).unwrap().kid(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        let ec = json!({"kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"});
        let key = Jwk::from_json(&ec).unwrap();
        assert_eq!(key.kid(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert_eq!(Jwk::from_json(&key.to_json()), Ok(key));
    }

    #[test]
    fn sets() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let with = |name: &str, value: Value| {
            let mut key = ed.clone();
            key[name] = value;
            key
        };
        let read = |keys: Vec<Value>| Jwks::from_json(&json!({ "keys": keys }));
        let passed_over = [
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-384", "x": "", "y": ""}),
            json!({"kty": "oct"}),
            with("use", json!("enc")),
            with("alg", json!("ES256")),
            with("alg", json!("HS256")),
            with("key_ops", json!(["sign"])),
        ];
        for key in passed_over {
            let set = read(vec![key.clone(), with("kid", json!("a"))]).unwrap();
            assert_eq!(set.keys().len(), 1, "{key}");
            assert_eq!(Jwks::from_json(&set.to_json()), Ok(set), "{key}");
        }
        assert_eq!(read(vec![ed.clone(), ed.clone()]), Err(JwkError::Twice));
        assert_eq!(read(vec![with("d", json!("AA"))]), Err(JwkError::Private));
        assert_eq!(
            read(vec![json!({"kty": "oct", "k": "AA"})]),
            Err(JwkError::Private)
        );
        assert_eq!(read(vec![ed.clone(); MAX_KEYS + 1]), Err(JwkError::TooMany));
        for bad in [
            json!(1),
            json!({}),
            with("kid", json!(1)),
            with("kid", json!("")),
            with("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR")),
            with("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
            // The neutral element: a key of small order.
            with("x", json!(B64.encode([&[1u8][..], &[0; 31]].concat()))),
            json!({"kty": "EC", "crv": "P-256", "x": B64.encode([1; 32]), "y": B64.encode([1; 32])}),
        ] {
            assert_eq!(read(vec![bad.clone()]), Err(JwkError::Malformed), "{bad}");
        }
        assert_eq!(Jwks::from_json(&json!([])), Err(JwkError::Malformed));
    }
}
