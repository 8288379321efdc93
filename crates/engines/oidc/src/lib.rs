//! The protocol of an OpenID Connect provider: what a request means, what must happen next and what is answered.
//!
//! Pure functions. Time is an argument in Unix seconds, chance comes as bytes, and the private keys stay behind
//! [`jose::Signer`]; clients, codes, tokens and sessions are stored by the caller. Only the authorization code flow
//! with PKCE S256 is offered, and only ES256 and EdDSA signatures: what is left out cannot be attacked.

pub mod authorize;
pub mod bearer;
pub mod claims;
pub mod client;
pub mod client_auth;
pub mod decide;
pub mod discovery;
pub mod error;
pub mod introspect;
pub mod jose;
mod json;
pub mod jwk;
pub mod logout;
pub mod params;
pub mod pkce;
pub mod provider;
pub mod secret;
pub mod token;
pub mod uri;

/// Seconds by which another machine's clock may differ from ours.
pub const SKEW: i64 = 30;
