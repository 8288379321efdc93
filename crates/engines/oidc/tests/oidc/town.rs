//! One provider, its keys, and clients to talk to it.

use oidc::authorize::{Asked, Problem, Request};
use oidc::client::Client;
use oidc::jose::{Alg, Jwk, Jwks, Signer};
use oidc::provider::{Endpoints, Levels, Provider, Scopes};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://id.town.example";
pub const REDIRECT: &str = "https://app.example/cb";
pub const NOW: i64 = 1_800_000_000;
/// Verifier and challenge of RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub enum Key {
    P256(p256::ecdsa::SigningKey, String),
    Ed25519(ed25519_dalek::SigningKey, String),
}

impl Key {
    pub fn p256(seed: u8) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
        let kid = Jwk::p256(key.verifying_key().to_sec1_point(false).as_bytes())
            .unwrap()
            .kid()
            .to_string();
        Self::P256(key, kid)
    }

    pub fn ed25519(seed: u8) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        let kid = Jwk::ed25519(key.verifying_key().as_bytes())
            .unwrap()
            .kid()
            .to_string();
        Self::Ed25519(key, kid)
    }

    pub fn public(&self) -> Jwk {
        match self {
            Self::P256(key, kid) => Jwk::p256(key.verifying_key().to_sec1_point(false).as_bytes())
                .unwrap()
                .with_kid(kid),
            Self::Ed25519(key, kid) => Jwk::ed25519(key.verifying_key().as_bytes())
                .unwrap()
                .with_kid(kid),
        }
    }

    /// The same key claiming another name.
    pub fn called(self, kid: &str) -> Self {
        match self {
            Self::P256(key, _) => Self::P256(key, kid.into()),
            Self::Ed25519(key, _) => Self::Ed25519(key, kid.into()),
        }
    }

    pub fn jwks(&self) -> Jwks {
        Jwks::new([self.public()])
    }
}

impl Signer for Key {
    fn kid(&self) -> &str {
        match self {
            Self::P256(_, kid) | Self::Ed25519(_, kid) => kid,
        }
    }

    fn alg(&self) -> Alg {
        match self {
            Self::P256(..) => Alg::Es256,
            Self::Ed25519(..) => Alg::EdDsa,
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        use ed25519_dalek::Signer as _;
        match self {
            Self::P256(key, _) => {
                let made: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(key, message);
                made.to_bytes().to_vec()
            }
            Self::Ed25519(key, _) => key.sign(message).to_bytes().to_vec(),
        }
    }
}

pub fn provider() -> Provider {
    let at = |path: &str| format!("{ISSUER}/{path}");
    Provider {
        issuer: ISSUER.into(),
        endpoints: Endpoints {
            authorization: at("authorize"),
            token: at("token"),
            userinfo: at("userinfo"),
            jwks: at("jwks"),
            introspection: at("introspect"),
            revocation: at("revoke"),
            pushed: at("par"),
            end_session: at("logout"),
        },
        levels: Levels::four("urn:yiwang:acr:r"),
        scopes: Scopes::standard(),
        ui_locales: vec!["zh-CN".into(), "en".into()],
    }
}

pub fn client_with(changes: Value) -> Client {
    let mut all = json!({
        "client_id": "app",
        "redirect_uris": [REDIRECT, "http://127.0.0.1/native"],
        "sector_identifier_uri": "https://app.example/",
        "post_logout_redirect_uris": ["https://app.example/bye"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "scope": "openid profile phone offline_access cases.read",
    });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    Client::from_json(all, false).unwrap()
}

pub fn client() -> Client {
    client_with(json!({}))
}

/// A good query with parameters replaced, added (`Some`) or left out (`None`).
pub fn query(changes: &[(&str, Option<&str>)]) -> String {
    let mut all = vec![
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid profile"),
        ("state", "s-1"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        all.retain(|(known, _)| known != name);
        all.extend(value.map(|value| (*name, value)));
    }
    form(&all)
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

pub fn ask(raw: &str) -> Result<Request, Problem> {
    ask_as(raw, &client())
}

pub fn ask_as(raw: &str, client: &Client) -> Result<Request, Problem> {
    Asked::read(raw)
        .map_err(Problem::Show)?
        .validate(client, &provider())
}
