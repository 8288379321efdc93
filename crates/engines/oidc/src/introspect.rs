//! Introspection (RFC 7662) and revocation (RFC 7009).

use serde::Serialize;
use serde_json::Value;

use crate::error::OAuthError;
use crate::params::Params;
use crate::token::token;

/// A token that a client asks about or gives back.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    /// The token.
    pub token: String,
    /// Which kind the client thinks it is; only where to look first.
    pub hint: Option<Hint>,
}

/// `token_type_hint`; other values are passed over (RFC 7009 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// An access token.
    AccessToken,
    /// A refresh token.
    RefreshToken,
}

/// Reads an introspection or revocation request of an authenticated client. An unknown token is no error: it is
/// inactive, or revoked already (status 200, for revocation with an empty body).
///
/// # Errors
/// `invalid_request`.
pub fn read(params: &Params) -> Result<Named, OAuthError> {
    params.once()?;
    Ok(Named {
        token: token(params, "token", "token is missing")?,
        hint: match params.get("token_type_hint") {
            Some("access_token") => Some(Hint::AccessToken),
            Some("refresh_token") => Some(Hint::RefreshToken),
            _ => None,
        },
    })
}

/// What is told about a valid token (RFC 7662 §2.2).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Active<'a> {
    /// The provider's issuer.
    pub iss: &'a str,
    /// The client it was given to.
    pub client_id: &'a str,
    /// The person as the asking client may see them, or the client.
    pub sub: &'a str,
    /// The resource, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<&'a str>,
    /// Scopes divided by spaces.
    pub scope: &'a str,
    /// `Bearer`; left out for refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'a str>,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// The token's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<&'a str>,
    /// Level reached (RFC 9470 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<&'a str>,
    /// When the person authenticated, Unix seconds (RFC 9470 §6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

impl Active<'_> {
    /// The answer; [`inactive`] once the token has expired.
    pub fn answer(&self, now: i64) -> Value {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut all)) if now < self.exp => {
                all.insert("active".into(), true.into());
                Value::Object(all)
            }
            _ => inactive(),
        }
    }
}

/// The answer about an unknown, expired or revoked token, or one that is not the asking client's business: it does
/// not say which (RFC 7662 §2.2).
pub fn inactive() -> Value {
    serde_json::json!({ "active": false })
}
