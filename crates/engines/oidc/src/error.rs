//! The errors a provider tells its clients, and how they travel.

use serde_json::{Map, Value, json};

/// An error code of the OAuth registry. Its text on the wire is [`Code::as_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// RFC 6749 §4.1.2.1, §5.2: malformed, incomplete or repeated parameters.
    InvalidRequest,
    /// RFC 6749 §5.2: the client is unknown or did not prove who it is.
    InvalidClient,
    /// RFC 6749 §5.2: code, refresh token or verifier do not fit.
    InvalidGrant,
    /// RFC 6749 §4.1.2.1, §5.2: this client may not use this flow.
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidScope,
    /// RFC 6749 §4.1.2.1: the person said no.
    AccessDenied,
    /// RFC 6749 §4.1.2.1.
    ServerError,
    /// RFC 6749 §4.1.2.1.
    TemporarilyUnavailable,
    /// OpenID Connect Core §3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core §3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6.
    AccountSelectionRequired,
    /// OpenID Connect Core §3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core §3.1.2.6: a pushed request is unknown, expired or another client's.
    InvalidRequestUri,
    /// OpenID Connect Core §3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core §3.1.2.6.
    RegistrationNotSupported,
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    UnmetAuthenticationRequirements,
    /// RFC 7009 §2.2.1.
    UnsupportedTokenType,
    /// RFC 6750 §3.1.
    InvalidToken,
    /// RFC 6750 §3.1.
    InsufficientScope,
    /// RFC 9470 §3.
    InsufficientUserAuthentication,
}

impl Code {
    /// The code as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InteractionRequired => "interaction_required",
            Self::LoginRequired => "login_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::ConsentRequired => "consent_required",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
        }
    }
}

/// A code and a sentence for the client's developer.
///
/// The sentence is a constant of this crate, so nothing a request said is echoed into a page, header or redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", code.as_str())]
pub struct OAuthError {
    /// The code.
    pub code: Code,
    /// `error_description`: printable ASCII without `"` and `\` (RFC 6749 §4.1.2.1).
    pub why: &'static str,
}

/// Shorthand for the rest of the crate and for the server's own refusals.
pub const fn err(code: Code, why: &'static str) -> OAuthError {
    OAuthError { code, why }
}

impl OAuthError {
    /// `error` and `error_description` (RFC 6749 §5.2).
    pub fn to_json(&self) -> Value {
        json!({ "error": self.code.as_str(), "error_description": self.why })
    }

    /// The error as answer of an endpoint that clients call directly (token, PAR, introspection, revocation).
    ///
    /// `realm` is the issuer; a 401 names the way to authenticate (RFC 6749 §5.2, RFC 9110 §15.5.2).
    pub fn reply(self, realm: &str) -> Reply {
        let status = match self.code {
            Code::InvalidClient => 401,
            Code::ServerError => 500,
            Code::TemporarilyUnavailable => 503,
            _ => 400,
        };
        Reply {
            status,
            www_authenticate: (status == 401).then(|| format!("Basic realm=\"{}\"", quoted(realm))),
            body: self.to_json(),
        }
    }
}

/// What an endpoint answers; the server adds `Cache-Control: no-store`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Value of `WWW-Authenticate`.
    pub www_authenticate: Option<String>,
    /// The JSON body; an empty object is sent as an empty body by bearer challenges.
    pub body: Value,
}

impl Reply {
    /// A challenge without body.
    pub(crate) fn challenge(status: u16, challenge: String) -> Self {
        Self {
            status,
            www_authenticate: Some(challenge),
            body: Value::Object(Map::new()),
        }
    }
}

/// Text between the quotes of a header's quoted-string; what may not stand there is dropped.
pub(crate) fn quoted(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\'))
        .collect()
}
