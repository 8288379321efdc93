//! Client authentication at the token, PAR, introspection and revocation endpoints (RFC 6749 §2.3, RFC 7523).

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::SKEW;
use crate::client::{AuthMethod, Client};
use crate::error::{Code, OAuthError, err};
use crate::jose::{Claims, JoseError, Jws};
use crate::params::{Params, decode};
use crate::provider::Provider;
use crate::secret;

/// `client_assertion_type` of RFC 7523 §2.2.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest time in seconds that an assertion may still be valid for.
pub const ASSERTION_SECONDS: i64 = 300;

/// What a client presents, not yet believed.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    client_id: String,
    proof: Proof,
}

#[derive(Clone, PartialEq, Eq)]
enum Proof {
    None,
    Basic(String),
    Post(String),
    Assertion(String),
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented({}, {})", self.client_id, self.method().as_str())
    }
}

/// A client that has proved who it is, as far as one machine can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an assertion must be checked for replay"]
pub struct Authenticated {
    /// How.
    pub method: AuthMethod,
    /// Of an assertion: to be stored with a unique key over client and `jti`. If it is already there, answer
    /// [`replayed`]; it may be forgotten when it expires.
    pub replay: Option<Replay>,
}

impl Authenticated {
    /// Requires more than an id, for introspection and client_credentials: anyone can say an id (RFC 7662 §2.1).
    ///
    /// # Errors
    /// [`failed`].
    pub fn confidential(&self) -> Result<(), OAuthError> {
        if self.method == AuthMethod::None {
            Err(FAILED)
        } else {
            Ok(())
        }
    }
}

/// The identity of an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// `jti`, at most 255 bytes.
    pub jti: String,
    /// Until when it could be presented again, Unix seconds.
    pub expires_at: i64,
}

const FAILED: OAuthError = err(
    Code::InvalidClient,
    "the client is unknown or did not authenticate",
);

/// The one error for an unknown client, a wrong secret, a wrong method and a bad assertion: nobody learns which.
pub const fn failed() -> OAuthError {
    FAILED
}

/// The error for an assertion seen before.
pub const fn replayed() -> OAuthError {
    err(Code::InvalidClient, "the assertion was used before")
}

/// Finds the one way in which a client authenticates. `authorization` is the header's value.
///
/// # Errors
/// `invalid_request` when it uses two ways or leaves out its id, `invalid_client` for an unreadable header.
pub fn read(authorization: Option<&str>, params: &Params) -> Result<Presented, OAuthError> {
    params.once()?;
    let two = err(
        Code::InvalidRequest,
        "the client authenticates in more than one way",
    );
    let in_body = params.get("client_id");
    let presented = |client_id: &str, proof| {
        Ok(Presented {
            client_id: client_id.to_string(),
            proof,
        })
    };
    let assertion = match (
        params.get("client_assertion_type"),
        params.get("client_assertion"),
    ) {
        (None, None) => None,
        (Some(ASSERTION_TYPE), Some(assertion)) => Some(assertion),
        _ => {
            return Err(err(
                Code::InvalidRequest,
                "client_assertion and its type do not fit",
            ));
        }
    };
    match (authorization, params.get("client_secret"), assertion) {
        (Some(header), None, None) => {
            let (id, secret) = basic(header).ok_or(FAILED)?;
            if in_body.is_some_and(|given| given != id) {
                return Err(err(Code::InvalidRequest, "client_id is not that of the header"));
            }
            presented(&id, Proof::Basic(secret))
        }
        (None, Some(secret), None) => {
            let id = in_body.ok_or(err(Code::InvalidRequest, "client_id is missing"))?;
            presented(id, Proof::Post(secret.to_string()))
        }
        (None, None, Some(assertion)) => {
            // Who it claims to be only decides whose keys are tried.
            let claimed = Jws::parse(assertion)
                .ok()
                .and_then(|jws| jws.unverified("sub"))
                .ok_or(FAILED)?;
            if in_body.is_some_and(|given| given != claimed) {
                return Err(FAILED);
            }
            presented(&claimed, Proof::Assertion(assertion.to_string()))
        }
        (None, None, None) => {
            let id = in_body.ok_or(err(Code::InvalidClient, "the client does not say who it is"))?;
            presented(id, Proof::None)
        }
        _ => Err(two),
    }
}

/// Id and secret of a Basic header, each form-encoded inside (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim_matches(' ')).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (decode(id)?, decode(secret)?);
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

impl Presented {
    /// The client to look up.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The way it chose.
    pub fn method(&self) -> AuthMethod {
        match self.proof {
            Proof::None => AuthMethod::None,
            Proof::Basic(_) => AuthMethod::ClientSecretBasic,
            Proof::Post(_) => AuthMethod::ClientSecretPost,
            Proof::Assertion(_) => AuthMethod::PrivateKeyJwt,
        }
    }

    /// Checks the proof against the client of that id. `secrets` are SHA-256 digests ([`secret::digest`]); two while
    /// a secret is being replaced.
    ///
    /// # Errors
    /// [`failed`], also when the client uses another way than the one it registered: a client with a key must not be
    /// reachable by a secret that was forgotten somewhere.
    pub fn check(
        &self,
        client: &Client,
        secrets: &[[u8; 32]],
        provider: &Provider,
        now: i64,
    ) -> Result<Authenticated, OAuthError> {
        let method = self.method();
        if client.id() != self.client_id || client.registration().token_endpoint_auth_method != method {
            return Err(FAILED);
        }
        let replay = match &self.proof {
            Proof::None => None,
            Proof::Basic(given) | Proof::Post(given) => {
                // All are compared, so the time does not tell which one fits.
                let fitting = secrets
                    .iter()
                    .filter(|known| secret::matches(known, given))
                    .count();
                if fitting == 0 {
                    return Err(FAILED);
                }
                None
            }
            Proof::Assertion(text) => Some(assertion(text, client, provider, now).map_err(|_| FAILED)?),
        };
        Ok(Authenticated { method, replay })
    }
}

/// Verifies an assertion (RFC 7523 §3): signed by a key of the client, from and about the client, for this provider,
/// for a short time, with a `jti`.
///
/// # Errors
/// [`JoseError`], for the log; clients are told [`failed`] only.
pub fn assertion(text: &str, client: &Client, provider: &Provider, now: i64) -> Result<Replay, JoseError> {
    // Other types are tokens that the same key made for other purposes, such as DPoP proofs.
    let claims = Jws::parse(text)?.claims(
        client.keys(),
        &[None, Some("jwt"), Some("client-authentication+jwt")],
    )?;
    claims.is("iss", client.id())?;
    claims.is("sub", client.id())?;
    for_us(&claims, provider)?;
    let exp = claims.in_time(now)?;
    if exp > now.saturating_add(ASSERTION_SECONDS + SKEW) {
        return Err(JoseError::Claim("exp"));
    }
    let jti = claims.text("jti")?;
    if jti.is_empty() || jti.len() > 255 {
        return Err(JoseError::Claim("jti"));
    }
    Ok(Replay {
        jti: jti.to_string(),
        expires_at: exp.saturating_add(SKEW),
    })
}

fn for_us(claims: &Claims, provider: &Provider) -> Result<(), JoseError> {
    // The endpoints besides the token endpoint are what RFC 9126 §2 asks to accept.
    let ours = [
        &provider.issuer,
        &provider.endpoints.token,
        &provider.endpoints.pushed,
    ];
    let fits = claims
        .audience()?
        .iter()
        .any(|aud| ours.iter().any(|our| our == aud));
    if fits {
        Ok(())
    } else {
        Err(JoseError::Claim("aud"))
    }
}
