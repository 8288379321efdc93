//! The document in which a provider describes itself.

use serde_json::{Value, json};

use crate::client::AuthMethod;
use crate::jwk::Alg;
use crate::provider::Provider;

/// Path of the document below the issuer (OpenID Connect Discovery §4).
pub const OPENID_PATH: &str = "/.well-known/openid-configuration";
/// Path for an issuer without a path of its own (RFC 8414 §3); the same document.
pub const OAUTH_PATH: &str = "/.well-known/oauth-authorization-server";

/// Metadata after OpenID Connect Discovery §3, RFC 8414 §2, RFC 9126 §5, RFC 9207 §3 and the two logout standards.
///
/// RS256, which Discovery wants every provider to offer, is missing on purpose: keys here are P-256 and Ed25519.
pub fn document(provider: &Provider) -> Value {
    let e = &provider.endpoints;
    let algs = [Alg::Es256, Alg::EdDsa].map(Alg::as_str);
    let confidential = [
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::PrivateKeyJwt,
    ]
    .map(AuthMethod::as_str);
    let methods: Vec<&str> = confidential
        .into_iter()
        .chain([AuthMethod::None.as_str()])
        .collect();
    // Newer clients write the name of RFC 9864 into their assertions.
    let assertion_algs = ["ES256", "EdDSA", "Ed25519"];
    let protocol = [
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "azp",
        "at_hash",
        "sid",
    ];
    let facts = provider
        .scopes
        .all()
        .iter()
        .flat_map(|scope| scope.claims.iter().map(String::as_str));
    let claims: Vec<&str> = protocol.into_iter().chain(facts).collect();
    let scopes: Vec<&str> = provider
        .scopes
        .all()
        .iter()
        .map(|scope| scope.name.as_str())
        .collect();
    json!({
        "issuer": provider.issuer,
        "authorization_endpoint": e.authorization,
        "token_endpoint": e.token,
        "userinfo_endpoint": e.userinfo,
        "jwks_uri": e.jwks,
        "introspection_endpoint": e.introspection,
        "revocation_endpoint": e.revocation,
        "pushed_authorization_request_endpoint": e.pushed,
        "end_session_endpoint": e.end_session,
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "acr_values_supported": provider.levels.names().collect::<Vec<_>>(),
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": algs,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algs,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_pushed_authorization_requests": false,
        "authorization_response_iss_parameter_supported": true,
        "ui_locales_supported": provider.ui_locales,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    })
}
