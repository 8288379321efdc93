//! The token endpoint: what is asked (RFC 6749 §4.1.3, §4.4.2, §6), whether it fits, and what is answered (§5.1).

use serde::{Deserialize, Serialize};

use crate::authorize::Request;
use crate::client::{Client, GrantType};
use crate::error::{Code, OAuthError, err};
use crate::params::{Params, list};
use crate::pkce;

/// Longest code or token read, in bytes; access tokens may be JWTs.
const MAX_TOKEN: usize = crate::jose::MAX_JWS;

/// A token request of an authenticated client that may use the flow.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// A code is exchanged.
    Code {
        /// The code.
        code: String,
        /// As in the authorization request.
        redirect_uri: String,
        /// PKCE.
        code_verifier: String,
    },
    /// A refresh token is exchanged.
    Refresh {
        /// The token.
        refresh_token: String,
        /// Fewer scopes, if the client wants so; see [`narrow`].
        scopes: Option<Vec<String>>,
    },
    /// The client acts for itself.
    ClientCredentials {
        /// All of the client's when it names none.
        scopes: Vec<String>,
    },
}

impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Code { .. } => "Code",
            Self::Refresh { .. } => "Refresh",
            Self::ClientCredentials { .. } => "ClientCredentials",
        })
    }
}

/// Reads a token request. The client has authenticated ([`crate::client_auth`]).
///
/// # Errors
/// `invalid_request`, `unsupported_grant_type`, `unauthorized_client`, `invalid_scope`, and `invalid_grant` for a
/// verifier that cannot be one.
pub fn read(params: &Params, client: &Client) -> Result<TokenRequest, OAuthError> {
    params.once()?;
    let grant = match params.need("grant_type", "grant_type is missing")? {
        "authorization_code" => GrantType::AuthorizationCode,
        "refresh_token" => GrantType::RefreshToken,
        "client_credentials" => GrantType::ClientCredentials,
        _ => return Err(err(Code::UnsupportedGrantType, "the grant type is not supported")),
    };
    if !client.may(grant) {
        return Err(err(
            Code::UnauthorizedClient,
            "the client may not use this grant type",
        ));
    }
    let scopes = params.get("scope").map(list);
    match grant {
        GrantType::AuthorizationCode => {
            let code_verifier = params.need("code_verifier", "code_verifier is missing")?;
            if !pkce::is_verifier(code_verifier) {
                return Err(err(Code::InvalidGrant, "code_verifier is not one"));
            }
            Ok(TokenRequest::Code {
                code: token(params, "code", "code is missing")?,
                redirect_uri: params
                    .need("redirect_uri", "redirect_uri is missing")?
                    .to_string(),
                code_verifier: code_verifier.to_string(),
            })
        }
        GrantType::RefreshToken => Ok(TokenRequest::Refresh {
            refresh_token: token(params, "refresh_token", "refresh_token is missing")?,
            scopes,
        }),
        GrantType::ClientCredentials => {
            // There is no person whose identity or absence these two could be about.
            let about_people = |scope: &String| scope == "openid" || scope == "offline_access";
            let scopes = match scopes {
                None => client
                    .registration()
                    .scopes
                    .iter()
                    .filter(|s| !about_people(s))
                    .cloned()
                    .collect(),
                Some(asked) if asked.iter().any(|s| about_people(s) || !client.has_scope(s)) => {
                    return Err(err(
                        Code::InvalidScope,
                        "a scope is not registered for the client",
                    ));
                }
                Some(asked) => asked,
            };
            Ok(TokenRequest::ClientCredentials { scopes })
        }
    }
}

/// A code or token of bearable length.
pub(crate) fn token(params: &Params, name: &str, missing: &'static str) -> Result<String, OAuthError> {
    let token = params.need(name, missing)?;
    if token.len() > MAX_TOKEN {
        return Err(err(Code::InvalidRequest, "the token is too long"));
    }
    Ok(token.to_string())
}

/// Whether a stored code may be exchanged. The caller has marked it used in the same transaction; if it was used
/// before, answer [`bad_grant`] and revoke every token that came of it (RFC 6749 §4.1.2).
///
/// `request` is the authorization request the code answers, `expires_at` in Unix seconds.
///
/// # Errors
/// [`bad_grant`].
pub fn check_code(
    request: &Request,
    expires_at: i64,
    client: &Client,
    redirect_uri: &str,
    code_verifier: &str,
    now: i64,
) -> Result<(), OAuthError> {
    let fits = request.client_id == client.id()
        && now < expires_at
        && request.redirect_uri == redirect_uri
        && pkce::verify(&request.code_challenge, code_verifier);
    if fits { Ok(()) } else { Err(bad_grant()) }
}

/// The one error for a code or refresh token that is unknown, used, expired, revoked, another client's, or presented
/// with the wrong verifier or address.
pub const fn bad_grant() -> OAuthError {
    err(
        Code::InvalidGrant,
        "the code or refresh token does not fit or is used up",
    )
}

/// The scopes of a refreshed token: those asked for, if all were granted, else all granted (RFC 6749 §6).
///
/// # Errors
/// `invalid_scope`.
pub fn narrow(granted: &[String], asked: Option<&[String]>) -> Result<Vec<String>, OAuthError> {
    match asked {
        None => Ok(granted.to_vec()),
        Some(asked) if !asked.is_empty() && asked.iter().all(|scope| granted.contains(scope)) => {
            Ok(asked.to_vec())
        }
        Some(_) => Err(err(Code::InvalidScope, "a scope was not granted")),
    }
}

/// Whether a refresh token belongs to an answer with these scopes (OpenID Connect Core §11).
pub fn gives_refresh(client: &Client, scopes: &[String]) -> bool {
    client.may(GrantType::RefreshToken) && scopes.iter().any(|scope| scope == "offline_access")
}

/// A successful answer, status 200 with `Cache-Control: no-store`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// Opaque or a JWT of [`crate::claims::AccessToken`].
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: i64,
    /// Scopes divided by spaces.
    pub scope: String,
    /// For offline access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// When a person is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

impl TokenAnswer {
    /// An answer with an access token alone.
    pub fn new(access_token: impl Into<String>, expires_in: i64, scopes: &[String]) -> Self {
        Self {
            access_token: access_token.into(),
            token_type: "Bearer".into(),
            expires_in,
            scope: scopes.join(" "),
            refresh_token: None,
            id_token: None,
        }
    }
}
