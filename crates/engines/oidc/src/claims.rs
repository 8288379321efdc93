//! What tokens and UserInfo say about a person.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};

use crate::authorize::ClaimWishes;
use crate::client::Client;
use crate::jose::{self, Alg, Claims, JoseError, Jwks, Jws, Signer};
use crate::provider::{Provider, Scopes};

/// Claims of an ID token that no fact about a person may replace.
const RESERVED: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "sid",
    "events",
];

/// An ID token (OpenID Connect Core §2).
#[derive(Debug, Clone)]
pub struct IdToken<'a> {
    /// The provider's issuer.
    pub issuer: &'a str,
    /// The person as this client sees them.
    pub sub: &'a str,
    /// The client; audience and authorised party.
    pub client_id: &'a str,
    /// Now, Unix seconds.
    pub issued_at: i64,
    /// Seconds.
    pub lifetime: i64,
    /// When the person authenticated, Unix seconds.
    pub auth_time: i64,
    /// From the request; left out when refreshing (§12.2).
    pub nonce: Option<&'a str>,
    /// Level reached.
    pub acr: Option<&'a str>,
    /// Methods used (RFC 8176), such as `pwd`, `otp`, `hwk`.
    pub amr: &'a [String],
    /// The session, as logout tokens name it.
    pub sid: Option<&'a str>,
    /// The access token given out along with it, for `at_hash`.
    pub access_token: Option<&'a str>,
    /// Facts that the claims parameter asked for here; see [`id_token_facts`].
    pub facts: Map<String, Value>,
}

impl IdToken<'_> {
    /// The claims.
    pub fn claims(&self, alg: Alg) -> Map<String, Value> {
        let mut all = self.facts.clone();
        all.retain(|name, _| !RESERVED.contains(&name.as_str()));
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.insert(name.to_string(), value);
            }
        };
        put("iss", Some(self.issuer.into()));
        put("sub", Some(self.sub.into()));
        put("aud", Some(self.client_id.into()));
        put("azp", Some(self.client_id.into()));
        put("iat", Some(self.issued_at.into()));
        put("exp", Some(self.issued_at.saturating_add(self.lifetime).into()));
        put("auth_time", Some(self.auth_time.into()));
        put("nonce", self.nonce.map(Into::into));
        put("acr", self.acr.map(Into::into));
        put("amr", (!self.amr.is_empty()).then(|| self.amr.into()));
        put("sid", self.sid.map(Into::into));
        put(
            "at_hash",
            self.access_token.map(|token| half_hash(alg, token).into()),
        );
        all
    }

    /// The signed token.
    ///
    /// # Errors
    /// As [`jose::sign`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, JoseError> {
        jose::sign(signer, "JWT", &self.claims(signer.alg()))
    }
}

/// `at_hash` (OpenID Connect Core §3.1.3.6): the left half of the hash of the signature algorithm, which inside
/// Ed25519 is SHA-512.
pub fn half_hash(alg: Alg, token: &str) -> String {
    match alg {
        Alg::Es256 => B64.encode(&Sha256::digest(token)[..16]),
        Alg::EdDsa => B64.encode(&Sha512::digest(token)[..32]),
    }
}

/// An access token as JWT (RFC 9068), for resources that cannot ask the provider. It cannot be called back before it
/// expires; where that matters give out an opaque token ([`crate::secret::Opaque`]).
#[derive(Debug, Clone, Serialize)]
pub struct AccessToken<'a> {
    /// The provider's issuer.
    pub iss: &'a str,
    /// Unix seconds.
    pub exp: i64,
    /// The resource.
    pub aud: &'a str,
    /// The person, or the client when it acts for itself (§5).
    pub sub: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// Unix seconds.
    pub iat: i64,
    /// Unique.
    pub jti: &'a str,
    /// Scopes divided by spaces.
    pub scope: &'a str,
    /// When the person authenticated, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// Level reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<&'a str>,
    /// Methods used.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub amr: &'a [String],
}

/// `typ` of RFC 9068 §2.1.
const ACCESS_TYPE: &str = "at+jwt";

impl AccessToken<'_> {
    /// The signed token.
    ///
    /// # Errors
    /// As [`jose::sign`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, JoseError> {
        jose::sign(signer, ACCESS_TYPE, self)
    }
}

/// Verifies an access token of [`AccessToken`] (RFC 9068 §4): type, key, issuer, audience, time, and that the claims
/// every such token has are there.
///
/// # Errors
/// [`JoseError`]; to the client all are [`crate::bearer::invalid`].
pub fn verify_access(
    text: &str,
    keys: &Jwks,
    issuer: &str,
    audience: &str,
    now: i64,
) -> Result<Claims, JoseError> {
    let claims = Jws::parse(text)?.claims(keys, &[Some(ACCESS_TYPE)])?;
    claims.is("iss", issuer)?;
    if !claims.audience()?.contains(&audience) {
        return Err(JoseError::Claim("aud"));
    }
    claims.in_time(now)?;
    for name in ["sub", "client_id", "jti"] {
        claims.text(name)?;
    }
    Ok(claims)
}

/// UserInfo (OpenID Connect Core §5.3.2): `sub`, and of the facts those that a granted scope opens or that the
/// claims parameter named. `granted` are the scopes of the access token, `consented` those of the person's consent
/// for this client (a superset; see [`crate::authorize::Request::needs`]).
pub fn userinfo(
    provider: &Provider,
    client: &Client,
    sub: &str,
    granted: &[String],
    consented: &[String],
    wishes: &ClaimWishes,
    facts: &Map<String, Value>,
) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("sub".into(), sub.into());
    for (name, value) in facts {
        let scope = provider.scopes.of_claim(name);
        let by_scope = scope.is_some_and(|scope| granted.iter().any(|g| g == scope));
        let wished = wishes.userinfo.contains_key(name);
        if by_scope || (wished && opened(&provider.scopes, client, consented, name)) {
            put_fact(&mut all, name, value);
        }
    }
    all
}

/// The facts for [`IdToken::facts`]: those that the claims parameter named for the ID token and whose scope the
/// person has consented to.
pub fn id_token_facts(
    provider: &Provider,
    client: &Client,
    consented: &[String],
    wishes: &ClaimWishes,
    facts: &Map<String, Value>,
) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in facts {
        if wishes.id_token.contains_key(name) && opened(&provider.scopes, client, consented, name) {
            put_fact(&mut all, name, value);
        }
    }
    all
}

fn opened(scopes: &Scopes, client: &Client, consented: &[String], claim: &str) -> bool {
    scopes
        .of_claim(claim)
        .is_some_and(|scope| client.has_scope(scope) && consented.iter().any(|known| known == scope))
}

/// An unknown fact is left out rather than null (§5.3.2), and none may pose as a protocol claim.
fn put_fact(all: &mut Map<String, Value>, name: &str, value: &Value) {
    if !value.is_null() && !RESERVED.contains(&name) {
        all.insert(name.to_string(), value.clone());
    }
}
