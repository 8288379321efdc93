//! Registered clients: the metadata of RFC 7591 and OpenID Connect Registration, checked once and then trusted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwk::{Alg, Jwks};
use crate::uri;

/// Most addresses in one list.
const MAX_URIS: usize = 50;

/// How a client proves who it is (OpenID Connect Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// Secret in the `Authorization` header.
    #[default]
    ClientSecretBasic,
    /// Secret in the body.
    ClientSecretPost,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
}

impl AuthMethod {
    /// Name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// A flow at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
}

/// What the authorization endpoint returns; only codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// RFC 6749 §4.1.1.
    Code,
}

/// Who sees the same `sub` (OpenID Connect Core §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// Every client.
    Public,
    /// The clients of one sector; the default, since clients that need not compare people should not be able to.
    #[default]
    Pairwise,
}

/// Metadata as it is written down and stored, under the names of the registry of RFC 7591.
///
/// Unknown members are refused: a misspelt restriction would otherwise be none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// 1 to 100 visible ASCII characters without colon.
    pub client_id: String,
    /// Name shown to people.
    #[serde(default)]
    pub client_name: String,
    /// Where codes may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where browsers may go after logout.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Flows; authorization code when left out.
    #[serde(default = "code_grant")]
    pub grant_types: Vec<GrantType>,
    /// `code`, or nothing for a client without people; follows from `grant_types` when left out.
    #[serde(default)]
    pub response_types: Option<Vec<ResponseType>>,
    /// Scopes the client may ask for; one text divided by spaces on the wire.
    #[serde(default, rename = "scope", with = "spaced")]
    pub scopes: Vec<String>,
    /// The one way the client authenticates.
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    /// Public keys for `private_key_jwt`. Fetching them (`jwks_uri`) is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where logout tokens are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether logout tokens must name the session.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// Whether authorization requests must be pushed (RFC 9126 §6).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Algorithm of ID tokens and logout tokens.
    #[serde(default)]
    pub id_token_signed_response_alg: Alg,
    /// Kind of `sub`.
    #[serde(default)]
    pub subject_type: SubjectType,
    /// An https address whose host is the sector; needed when redirect URIs have several hosts. Not fetched: clients
    /// are registered by the city, not by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
}

fn code_grant() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

mod spaced {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(all: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&all.join(" "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(crate::params::list(&String::deserialize(deserializer)?))
    }
}

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct FieldError {
    /// The member, with its place in a list: `redirect_uris[1]`.
    pub field: String,
    /// Why not, as the rest of the sentence.
    pub why: String,
}

impl FieldError {
    fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
        }
    }

    /// The error code of RFC 7591 §3.2.2.
    pub fn code(&self) -> &'static str {
        if self.field.starts_with("redirect_uris") {
            "invalid_redirect_uri"
        } else {
            "invalid_client_metadata"
        }
    }
}

/// A client whose registration holds together.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    registration: Registration,
    keys: Jwks,
    sector: Option<String>,
}

impl Client {
    /// Checks a registration. `plain_http` admits http addresses of other machines, for test towns.
    ///
    /// # Errors
    /// The first field that is wrong, and why.
    pub fn new(registration: Registration, plain_http: bool) -> Result<Self, FieldError> {
        let r = &registration;
        check_id(&r.client_id)?;
        if r.client_name.chars().count() > 200 || r.client_name.chars().any(char::is_control) {
            return Err(FieldError::new(
                "client_name",
                "is longer than 200 characters or has control characters",
            ));
        }
        check_flows(r)?;
        for (name, uris) in [
            ("redirect_uris", &r.redirect_uris),
            ("post_logout_redirect_uris", &r.post_logout_redirect_uris),
        ] {
            check_uris(name, uris, plain_http)?;
        }
        for (name, one) in [
            ("backchannel_logout_uri", &r.backchannel_logout_uri),
            ("sector_identifier_uri", &r.sector_identifier_uri),
        ] {
            if let Some(one) = one {
                uri::check(one, plain_http).map_err(|why| FieldError::new(name, why))?;
            }
        }
        check_scopes(r)?;
        let keys = check_keys(r)?;
        let sector = sector(r)?;
        Ok(Self {
            registration,
            keys,
            sector,
        })
    }

    /// Reads and checks a registration in JSON.
    ///
    /// # Errors
    /// As [`Client::new`]; JSON that does not fit the shape gives the field `metadata` and serde's words.
    pub fn from_json(value: Value, plain_http: bool) -> Result<Self, FieldError> {
        let registration = serde_json::from_value(value)
            .map_err(|e| FieldError::new("metadata", format!("does not fit: {e}")))?;
        Self::new(registration, plain_http)
    }

    /// The metadata.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.registration.client_id
    }

    /// Public keys for assertions; empty for other clients.
    pub fn keys(&self) -> &Jwks {
        &self.keys
    }

    /// The sector of a pairwise client, for [`crate::secret::pairwise`]; `None` when `sub` is public.
    pub fn sector(&self) -> Option<&str> {
        self.sector.as_deref()
    }

    /// Whether the client may use a flow.
    pub fn may(&self, grant: GrantType) -> bool {
        self.registration.grant_types.contains(&grant)
    }

    /// Whether the client may ask for a scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.registration.scopes.iter().any(|known| known == scope)
    }

    /// Whether codes may go to this address; see [`uri::matches`].
    pub fn redirects_to(&self, presented: &str) -> bool {
        self.registration
            .redirect_uris
            .iter()
            .any(|known| uri::matches(known, presented))
    }

    /// Whether browsers may go to this address after logout; compared the same way.
    pub fn logs_out_to(&self, presented: &str) -> bool {
        self.registration
            .post_logout_redirect_uris
            .iter()
            .any(|known| uri::matches(known, presented))
    }
}

fn check_id(id: &str) -> Result<(), FieldError> {
    // Basic authentication divides at the colon, and not every client library escapes it.
    if (1..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
        Ok(())
    } else {
        Err(FieldError::new(
            "client_id",
            "is not 1 to 100 visible ASCII characters without colon",
        ))
    }
}

fn check_flows(r: &Registration) -> Result<(), FieldError> {
    let has = |grant| r.grant_types.contains(&grant);
    let code = has(GrantType::AuthorizationCode);
    let twice = r
        .grant_types
        .iter()
        .enumerate()
        .any(|(n, grant)| r.grant_types[..n].contains(grant));
    if r.grant_types.is_empty() || twice {
        return Err(FieldError::new("grant_types", "is empty or names a flow twice"));
    }
    if has(GrantType::RefreshToken) && !code {
        return Err(FieldError::new(
            "grant_types",
            "has refresh_token without authorization_code",
        ));
    }
    if has(GrantType::ClientCredentials) && r.token_endpoint_auth_method == AuthMethod::None {
        return Err(FieldError::new(
            "grant_types",
            "has client_credentials, but the client does not authenticate",
        ));
    }
    if let Some(types) = &r.response_types {
        let fits = if code {
            types[..] == [ResponseType::Code]
        } else {
            types.is_empty()
        };
        if !fits {
            return Err(FieldError::new(
                "response_types",
                "must be code with authorization_code, else empty",
            ));
        }
    }
    if code == r.redirect_uris.is_empty() {
        return Err(FieldError::new(
            "redirect_uris",
            "is needed for authorization_code, and for nothing else",
        ));
    }
    if r.require_pushed_authorization_requests && !code {
        return Err(FieldError::new(
            "require_pushed_authorization_requests",
            "is set without authorization_code",
        ));
    }
    if r.backchannel_logout_session_required && r.backchannel_logout_uri.is_none() {
        return Err(FieldError::new(
            "backchannel_logout_session_required",
            "is set without backchannel_logout_uri",
        ));
    }
    Ok(())
}

fn check_uris(name: &str, uris: &[String], plain_http: bool) -> Result<(), FieldError> {
    if uris.len() > MAX_URIS {
        return Err(FieldError::new(
            name,
            format!("has more than {MAX_URIS} addresses"),
        ));
    }
    for (n, one) in uris.iter().enumerate() {
        let field = || format!("{name}[{n}]");
        uri::check(one, plain_http).map_err(|why| FieldError::new(field(), why))?;
        if uris[..n].contains(one) {
            return Err(FieldError::new(field(), "is there twice"));
        }
    }
    Ok(())
}

fn check_scopes(r: &Registration) -> Result<(), FieldError> {
    let token = |s: &String| {
        (1..=100).contains(&s.len())
            && s.bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
    };
    if r.scopes.len() > 100 || !r.scopes.iter().all(token) {
        return Err(FieldError::new(
            "scope",
            "has a name that RFC 6749 does not admit, or more than 100 names",
        ));
    }
    let openid = r.scopes.iter().any(|s| s == "openid");
    if openid != r.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(FieldError::new(
            "scope",
            "must have openid with authorization_code, and only then",
        ));
    }
    let offline = r.scopes.iter().any(|s| s == "offline_access");
    if offline && !r.grant_types.contains(&GrantType::RefreshToken) {
        return Err(FieldError::new(
            "scope",
            "has offline_access without the grant type refresh_token",
        ));
    }
    Ok(())
}

fn check_keys(r: &Registration) -> Result<Jwks, FieldError> {
    let field = |why: String| FieldError::new("jwks", why);
    let keys = match &r.jwks {
        None => Jwks::default(),
        Some(value) => Jwks::from_json(value).map_err(|e| field(format!("is refused: {e}")))?,
    };
    if r.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt && keys.keys().is_empty() {
        return Err(field(
            "has no P-256 or Ed25519 key, which private_key_jwt needs".into(),
        ));
    }
    Ok(keys)
}

fn sector(r: &Registration) -> Result<Option<String>, FieldError> {
    if r.subject_type == SubjectType::Public || r.redirect_uris.is_empty() {
        return Ok(None);
    }
    if let Some(uri) = &r.sector_identifier_uri {
        return Ok(uri::host(uri));
    }
    // Every native application listens on the own machine; that must not join their people.
    let own_machine = ["127.0.0.1", "[::1]", "localhost"];
    let mut hosts: Vec<String> = r.redirect_uris.iter().filter_map(|uri| uri::host(uri)).collect();
    hosts.retain(|host| !own_machine.contains(&host.as_str()));
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.len() > 1 {
        return Err(FieldError::new(
            "sector_identifier_uri",
            "is needed: the redirect URIs have several hosts",
        ));
    }
    Ok(hosts.pop().or_else(|| Some(format!("client:{}", r.client_id))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(changes: Value) -> Result<Client, FieldError> {
        let mut all = json!({"client_id": "app", "redirect_uris": ["https://app.example/cb"], "scope": "openid profile"});
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        Client::from_json(all, false)
    }

    #[test]
    fn defaults_are_the_safe_ones() {
        let client = with(json!({})).unwrap();
        let r = client.registration();
        assert_eq!(r.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
        assert_eq!(
            (r.id_token_signed_response_alg, r.subject_type),
            (Alg::Es256, SubjectType::Pairwise)
        );
        assert_eq!(client.sector(), Some("app.example"));
        assert!(client.may(GrantType::AuthorizationCode) && !client.may(GrantType::RefreshToken));
        let stored = serde_json::to_value(r).unwrap();
        assert_eq!(stored["scope"], "openid profile");
        assert_eq!(Client::from_json(stored, false), Ok(client));
    }

    #[test]
    fn errors_name_the_field() {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        for (changes, field) in [
            (json!({"client_id": ""}), "client_id"),
            (json!({"client_id": "a:b"}), "client_id"),
            (json!({"client_id": "a b"}), "client_id"),
            (json!({"client_name": "a\nb"}), "client_name"),
            (json!({"redirect_uris": []}), "redirect_uris"),
            (
                json!({"redirect_uris": ["https://a.example", "http://a.example"]}),
                "redirect_uris[1]",
            ),
            (
                json!({"redirect_uris": ["https://a.example", "https://a.example"]}),
                "redirect_uris[1]",
            ),
            (
                json!({"redirect_uris": ["https://a.example", "https://b.example"]}),
                "sector_identifier_uri",
            ),
            (
                json!({"post_logout_redirect_uris": ["x"]}),
                "post_logout_redirect_uris[0]",
            ),
            (json!({"grant_types": []}), "grant_types"),
            (json!({"grant_types": ["client_credentials"]}), "redirect_uris"),
            (json!({"grant_types": ["refresh_token"]}), "grant_types"),
            (json!({"grant_types": ["implicit"]}), "metadata"),
            (json!({"response_types": []}), "response_types"),
            (json!({"response_types": ["code id_token"]}), "metadata"),
            (
                json!({"grant_types": ["authorization_code", "client_credentials"], "token_endpoint_auth_method": "none"}),
                "grant_types",
            ),
            (json!({"scope": "profile"}), "scope"),
            (json!({"scope": "openid \"x"}), "scope"),
            (json!({"scope": "openid offline_access"}), "scope"),
            (
                json!({"token_endpoint_auth_method": "client_secret_jwt"}),
                "metadata",
            ),
            (json!({"token_endpoint_auth_method": "private_key_jwt"}), "jwks"),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "RSA"}]}}),
                "jwks",
            ),
            (json!({"jwks": {"keys": [{"kty": "OKP", "d": "x"}]}}), "jwks"),
            (
                json!({"backchannel_logout_uri": "http://a.example/out"}),
                "backchannel_logout_uri",
            ),
            (
                json!({"backchannel_logout_session_required": true}),
                "backchannel_logout_session_required",
            ),
            (json!({"id_token_signed_response_alg": "none"}), "metadata"),
            (json!({"id_token_signed_response_alg": "RS256"}), "metadata"),
            (json!({"subject_type": "Public"}), "metadata"),
            (json!({"require_pushed_authorization_request": true}), "metadata"),
        ] {
            assert_eq!(with(changes.clone()).unwrap_err().field, field, "{changes}");
        }
        assert_eq!(
            with(json!({"redirect_uris": ["x"]})).unwrap_err().code(),
            "invalid_redirect_uri"
        );
        let client = with(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]}}));
        assert_eq!(client.unwrap().keys().keys().len(), 1);
    }

    #[test]
    fn sectors_are_hosts_of_other_machines() {
        let sector = |uris: Value| {
            with(json!({ "redirect_uris": uris }))
                .unwrap()
                .sector()
                .unwrap()
                .to_string()
        };
        assert_eq!(
            sector(json!([
                "http://127.0.0.1/cb",
                "http://[::1]/cb",
                "http://localhost/cb"
            ])),
            "client:app"
        );
        assert_eq!(
            sector(json!([
                "http://127.0.0.1/cb",
                "https://a.example/1",
                "https://a.example/2"
            ])),
            "a.example"
        );
    }

    #[test]
    fn a_service_has_no_addresses() {
        let service = json!({"client_id": "s", "grant_types": ["client_credentials"], "scope": "cases.read"});
        assert_eq!(Client::from_json(service, false).unwrap().sector(), None);
    }
}
