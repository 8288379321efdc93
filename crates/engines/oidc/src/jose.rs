//! Signed JSON in compact form (RFC 7515, RFC 7519, and the advice of RFC 8725).
//!
//! The key decides the algorithm; the header's `alg` must agree with it and can choose nothing. A header that brings
//! its own key, points to one, or demands extensions is refused before a signature is looked at.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::json;
pub use crate::jwk::{Alg, Jwk, JwkError, Jwks};

/// Longest compact JWS read, in bytes.
pub const MAX_JWS: usize = 16_384;

/// Header members that let a token choose its key or change what is signed.
const REFUSED: [&str; 8] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc"];

/// A private key, wherever it is kept.
pub trait Signer {
    /// The `kid` under which the public half is published.
    fn kid(&self) -> &str;
    /// The algorithm of the key.
    fn alg(&self) -> Alg;
    /// The signature over the message: r and s of 32 bytes each for ES256, 64 bytes for EdDSA. A key store that
    /// fails returns nothing, which [`sign`] reports.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// Not a compact JWS with a JSON header: three parts, strict base64url, unique member names, [`MAX_JWS`] bytes.
    #[error("not a signed token")]
    Malformed,
    /// The header has a member that is never honoured (`crit`, `jwk`, `jku`, `x5u`, …).
    #[error("the header asks for what is not supported")]
    Header,
    /// The algorithm is not ES256 or EdDSA, or not the one of the key.
    #[error("the algorithm does not belong to the key")]
    Algorithm,
    /// The `typ` is another one: a token made for another purpose.
    #[error("the token is of another type")]
    Type,
    /// No trusted key has this `kid`.
    #[error("the key is not known")]
    Key,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// A claim is missing, of the wrong type, or not what is expected; names the claim.
    #[error("the claim {0} is not as it must be")]
    Claim(&'static str),
    /// The time of `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// The key store gave no signature of 64 bytes.
    #[error("the key store did not sign")]
    Signer,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Always equal to the algorithm of the key once verified.
    pub alg: Alg,
    /// The key's id.
    pub kid: Option<String>,
    /// The type, lower case and without `application/` (RFC 7515 §4.1.9).
    pub typ: Option<String>,
}

/// A token that has been read and not yet verified.
#[derive(Debug, Clone)]
pub struct Jws<'a> {
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signed: &'a str,
}

/// Claims whose signature fits a trusted key. Nothing is said yet about issuer, audience or time.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl<'a> Jws<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// `Malformed`, `Header` or `Algorithm`.
    pub fn parse(text: &'a str) -> Result<Self, JoseError> {
        if text.len() > MAX_JWS {
            return Err(JoseError::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JoseError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JoseError::Malformed)?;
        let bytes = |part: &str| B64.decode(part).map_err(|_| JoseError::Malformed);
        Ok(Self {
            header: read_header(&bytes(header)?)?,
            payload: bytes(payload)?,
            signature: bytes(signature)?,
            signed,
        })
    }

    /// The header, unverified.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// A claim of a payload that nobody has vouched for yet: fit for looking up whose keys to try, for nothing else.
    pub fn unverified(&self, claim: &str) -> Option<String> {
        json::object(&self.payload)?
            .get(claim)?
            .as_str()
            .map(str::to_string)
    }

    /// The payload, when a key of the set signed it: the one of the header's `kid`, or without `kid` any of the
    /// algorithm.
    ///
    /// # Errors
    /// `Key`, `Algorithm` or `Signature`.
    pub fn verify(&self, keys: &Jwks) -> Result<&[u8], JoseError> {
        let fits =
            |key: &Jwk| key.alg() == self.header.alg && key.verifies(self.signed.as_bytes(), &self.signature);
        let fitting = match &self.header.kid {
            Some(kid) => {
                let key = keys.by_kid(kid).ok_or(JoseError::Key)?;
                if key.alg() != self.header.alg {
                    return Err(JoseError::Algorithm);
                }
                fits(key)
            }
            None => keys.keys().iter().any(fits),
        };
        if fitting {
            Ok(&self.payload)
        } else {
            Err(JoseError::Signature)
        }
    }

    /// The claims, when a key of the set signed them and the type is one of `types`; `None` among them admits a
    /// token without `typ`.
    ///
    /// # Errors
    /// `Type`, those of [`Jws::verify`], and `Malformed` when the payload is no JSON object of unique names.
    pub fn claims(&self, keys: &Jwks, types: &[Option<&str>]) -> Result<Claims, JoseError> {
        if !types.contains(&self.header.typ.as_deref()) {
            return Err(JoseError::Type);
        }
        json::object(self.verify(keys)?)
            .map(Claims)
            .ok_or(JoseError::Malformed)
    }
}

fn read_header(bytes: &[u8]) -> Result<Header, JoseError> {
    let header = json::object(bytes).ok_or(JoseError::Malformed)?;
    if REFUSED.iter().any(|name| header.contains_key(*name)) {
        return Err(JoseError::Header);
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JoseError::Malformed),
    };
    let alg = text("alg")?.ok_or(JoseError::Malformed)?;
    Ok(Header {
        alg: Alg::parse(&alg).ok_or(JoseError::Algorithm)?,
        kid: text("kid")?,
        typ: text("typ")?.map(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/")
                .map(str::to_string)
                .unwrap_or(typ)
        }),
    })
}

/// Signs claims as a compact JWS whose header has `alg`, `kid` and `typ`.
///
/// # Errors
/// `Signer` when the key store fails, `Malformed` when the claims are no JSON or the token would be longer than
/// [`MAX_JWS`].
pub fn sign(signer: &dyn Signer, typ: &str, claims: &impl Serialize) -> Result<String, JoseError> {
    let header = json!({ "alg": signer.alg().as_str(), "kid": signer.kid(), "typ": typ }).to_string();
    let payload = serde_json::to_vec(claims).map_err(|_| JoseError::Malformed)?;
    let signed = format!("{}.{}", B64.encode(header), B64.encode(payload));
    let signature = signer.sign(signed.as_bytes());
    if signature.len() != 64 {
        return Err(JoseError::Signer);
    }
    let token = format!("{signed}.{}", B64.encode(signature));
    if token.len() > MAX_JWS {
        Err(JoseError::Malformed)
    } else {
        Ok(token)
    }
}

impl Claims {
    /// All of them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// `Claim`.
    pub fn text(&self, name: &'static str) -> Result<&str, JoseError> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .ok_or(JoseError::Claim(name))
    }

    /// A text that may be there.
    ///
    /// # Errors
    /// `Claim` when it is something else than text.
    pub fn maybe_text(&self, name: &'static str) -> Result<Option<&str>, JoseError> {
        if self.0.contains_key(name) {
            self.text(name).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A time in Unix seconds, if there.
    ///
    /// # Errors
    /// `Claim` when it is no number of seconds.
    pub fn date(&self, name: &'static str) -> Result<Option<i64>, JoseError> {
        self.0
            .get(name)
            .map(|value| json::date(value).ok_or(JoseError::Claim(name)))
            .transpose()
    }

    /// Requires a text to be exactly this.
    ///
    /// # Errors
    /// `Claim`.
    pub fn is(&self, name: &'static str, expected: &str) -> Result<(), JoseError> {
        if self.text(name)? == expected {
            Ok(())
        } else {
            Err(JoseError::Claim(name))
        }
    }

    /// The audience: one text or a list of texts (RFC 7519 §4.1.3), not empty.
    ///
    /// # Errors
    /// `Claim`.
    pub fn audience(&self) -> Result<Vec<&str>, JoseError> {
        let all = match self.0.get("aud") {
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(all)) => all.iter().map(Value::as_str).collect(),
            _ => None,
        };
        all.filter(|all| !all.is_empty()).ok_or(JoseError::Claim("aud"))
    }

    /// Requires `exp` in the future and `nbf` and `iat`, if there, not in it; all with [`crate::SKEW`]. Gives `exp`.
    ///
    /// # Errors
    /// `Expired` or `Claim`.
    pub fn in_time(&self, now: i64) -> Result<i64, JoseError> {
        let exp = self.date("exp")?.ok_or(JoseError::Claim("exp"))?;
        for name in ["nbf", "iat"] {
            if self
                .date(name)?
                .is_some_and(|at| at > now.saturating_add(crate::SKEW))
            {
                return Err(JoseError::Claim(name));
            }
        }
        if exp.saturating_add(crate::SKEW) <= now {
            Err(JoseError::Expired)
        } else {
            Ok(exp)
        }
    }
}
