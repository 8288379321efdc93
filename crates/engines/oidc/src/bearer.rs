//! Access tokens at resources such as UserInfo: reading them and refusing them (RFC 6750, RFC 9470).

use crate::error::{Code, OAuthError, Reply, err, quoted};
use crate::params::list;

/// The token of an `Authorization` header. Query and body are not looked at: there tokens end up in logs.
///
/// # Errors
/// [`refuse`] turns either into an answer: `None` when there is no bearer token at all, `invalid_request` when the
/// header is malformed.
pub fn read(authorization: Option<&str>) -> Result<&str, Option<OAuthError>> {
    let (scheme, token) = authorization.ok_or(None)?.split_once(' ').ok_or(None)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(None);
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let token = token.trim_matches(' ');
    if token.is_empty() || token.len() > crate::jose::MAX_JWS || !token.bytes().all(known) {
        return Err(Some(err(Code::InvalidRequest, "the bearer token is malformed")));
    }
    Ok(token)
}

/// The error for a token that is unknown, expired or revoked.
pub const fn invalid() -> OAuthError {
    err(Code::InvalidToken, "the access token is not valid")
}

/// Requires a scope among those of the token, which are divided by spaces.
///
/// # Errors
/// `insufficient_scope`.
pub fn require(granted: &str, scope: &str) -> Result<(), OAuthError> {
    if list(granted).iter().any(|known| known == scope) {
        Ok(())
    } else {
        Err(err(Code::InsufficientScope, "the access token has not the scope"))
    }
}

/// Refuses: without an error only the challenge (RFC 6750 §3.1), else with code, sentence and what would be needed:
/// `scope` for `insufficient_scope`, `acr_values` for `insufficient_user_authentication`.
pub fn refuse(realm: &str, error: Option<OAuthError>, needed: Option<&str>) -> Reply {
    let mut challenge = format!("Bearer realm=\"{}\"", quoted(realm));
    let Some(error) = error else {
        return Reply::challenge(401, challenge);
    };
    challenge += &format!(
        ", error=\"{}\", error_description=\"{}\"",
        error.code.as_str(),
        error.why
    );
    let (status, name) = match error.code {
        Code::InvalidRequest => (400, None),
        Code::InsufficientScope => (403, Some("scope")),
        Code::InsufficientUserAuthentication => (401, Some("acr_values")),
        _ => (401, None),
    };
    if let (Some(name), Some(needed)) = (name, needed) {
        challenge += &format!(", {name}=\"{}\"", quoted(needed));
    }
    Reply {
        body: error.to_json(),
        ..Reply::challenge(status, challenge)
    }
}
