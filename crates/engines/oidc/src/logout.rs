//! Logout: started by a client (OpenID Connect RP-Initiated Logout 1.0) and told to clients (Back-Channel Logout 1.0).

use serde_json::json;

use crate::client::Client;
use crate::error::{Code, OAuthError, err};
use crate::jose::{self, JoseError, Jwks, Jws, Signer};
use crate::params::{Params, encode};
use crate::uri;

/// `events` member of a logout token (Back-Channel Logout §2.4).
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds a logout token is valid for; two minutes at most are recommended.
pub const LOGOUT_SECONDS: i64 = 120;

/// An ID token given back as a hint and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdHint {
    /// The person as the client sees them.
    pub sub: String,
    /// The client.
    pub client_id: String,
    /// The session.
    pub sid: Option<String>,
}

/// Verifies an `id_token_hint`: ours and unchanged. It may have expired long ago; that is what it is for (RP-Initiated
/// Logout §2). `keys` should hold retired keys too. Logout and access tokens have other types and are refused.
///
/// # Errors
/// [`JoseError`].
pub fn verify_hint(text: &str, keys: &Jwks, issuer: &str, now: i64) -> Result<IdHint, JoseError> {
    let claims = Jws::parse(text)?.claims(keys, &[Some("jwt")])?;
    claims.is("iss", issuer)?;
    let iat = claims.date("iat")?.ok_or(JoseError::Claim("iat"))?;
    if iat > now.saturating_add(crate::SKEW) {
        return Err(JoseError::Claim("iat"));
    }
    // Our ID tokens have one audience and the same authorised party.
    let [client_id] = claims.audience()?[..] else {
        return Err(JoseError::Claim("aud"));
    };
    claims.is("azp", client_id)?;
    claims.date("auth_time")?.ok_or(JoseError::Claim("auth_time"))?;
    Ok(IdHint {
        sub: claims.text("sub")?.to_string(),
        client_id: client_id.to_string(),
        sid: claims.maybe_text("sid")?.map(str::to_string),
    })
}

/// A logout request as it arrived, by GET or POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// To be verified by [`verify_hint`].
    pub id_token_hint: Option<String>,
    /// The client, when it names itself.
    pub client_id: Option<String>,
    /// Where to go afterwards; to be checked by [`Asked::destination`].
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
    /// Languages, best first.
    pub ui_locales: Vec<String>,
}

/// Reads the raw query or body of the end-session endpoint.
///
/// # Errors
/// `invalid_request`, to be shown.
pub fn read(raw: &str) -> Result<Asked, OAuthError> {
    let params = Params::parse(raw)?;
    params.once()?;
    let text = |name: &str| params.get(name).map(str::to_string);
    Ok(Asked {
        id_token_hint: text("id_token_hint"),
        client_id: text("client_id"),
        post_logout_redirect_uri: text("post_logout_redirect_uri"),
        state: text("state").filter(|s| s.len() <= 2_048 && s.bytes().all(|b| matches!(b, b' '..=b'~'))),
        ui_locales: params
            .get("ui_locales")
            .map(crate::authorize::locales)
            .unwrap_or_default(),
    })
}

impl Asked {
    /// The client to look up: that of the verified hint, or the one named; they must agree.
    ///
    /// # Errors
    /// `invalid_request`, to be shown.
    pub fn client<'a>(&'a self, hint: Option<&'a IdHint>) -> Result<Option<&'a str>, OAuthError> {
        let (named, hinted) = (self.client_id.as_deref(), hint.map(|h| h.client_id.as_str()));
        if named.is_some() && hinted.is_some() && named != hinted {
            return Err(err(
                Code::InvalidRequest,
                "client_id is not that of the id_token_hint",
            ));
        }
        Ok(hinted.or(named))
    }

    /// Where the browser goes afterwards: the registered address with `state`, or nowhere (a page of ours).
    ///
    /// # Errors
    /// `invalid_request`, to be shown: an address that is not registered, or no client to have registered it. Nobody
    /// is logged out then.
    pub fn destination(&self, client: Option<&Client>) -> Result<Option<String>, OAuthError> {
        let Some(to) = self.post_logout_redirect_uri.as_deref() else {
            return Ok(None);
        };
        if !client.is_some_and(|client| client.logs_out_to(to)) {
            return Err(err(
                Code::InvalidRequest,
                "post_logout_redirect_uri is not registered",
            ));
        }
        let query = encode(self.state.iter().map(|state| ("state", state.as_str())));
        Ok(Some(uri::with_query(to, &query)))
    }
}

/// Whether the person must be asked first: always, unless a verified hint names the very session of this browser.
/// Else any page could log people out by a link (RP-Initiated Logout §2). `sub` is as the hint's client sees it.
pub fn must_ask(hint: Option<&IdHint>, sid: Option<&str>, sub: Option<&str>) -> bool {
    !hint.is_some_and(|hint| {
        Some(hint.sub.as_str()) == sub && (hint.sid.is_none() || hint.sid.as_deref() == sid)
    })
}

/// A logout token (Back-Channel Logout §2.4), posted as `logout_token` in a form. It has no `nonce`, so that it can
/// never pass for an ID token.
#[derive(Debug, Clone)]
pub struct LogoutToken<'a> {
    /// The provider's issuer.
    pub issuer: &'a str,
    /// The client.
    pub client_id: &'a str,
    /// The person as this client sees them.
    pub sub: &'a str,
    /// The session; without it all sessions of the person end.
    pub sid: Option<&'a str>,
    /// Unique.
    pub jti: &'a str,
    /// Now, Unix seconds.
    pub issued_at: i64,
}

impl LogoutToken<'_> {
    /// The signed token.
    ///
    /// # Errors
    /// As [`jose::sign`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, JoseError> {
        let mut claims = json!({
            "iss": self.issuer,
            "aud": self.client_id,
            "sub": self.sub,
            "iat": self.issued_at,
            "exp": self.issued_at.saturating_add(LOGOUT_SECONDS),
            "jti": self.jti,
            "events": { LOGOUT_EVENT: {} },
        });
        if let Some(sid) = self.sid {
            claims["sid"] = sid.into();
        }
        jose::sign(signer, "logout+jwt", &claims)
    }
}
