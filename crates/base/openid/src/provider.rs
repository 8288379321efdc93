//! What this city is as an OpenID Connect provider: its addresses, its levels, the data elements that it tells.

use kernel::Ctx;
use oidc::provider::{Endpoints, Levels, Provider, Scope, Scopes};
use std::sync::Arc;

/// Names of the real-name levels R1 to R4 begin with this.
const LEVELS: &str = "urn:yiwang:acr:r";

/// Data elements by scope; the consent page names each by the text `openid-claim-<name>`.
const SCOPES: [(&str, &[&str]); 5] = [
    ("profile", &["name", "real_name_level"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("citizen_number", &["citizen_number"]),
    ("firm", &["firm_name", "firm_credit_code", "firm_role"]),
    ("post", &["organisation", "organisation_code", "post_title"]),
];

/// Scope by which a client may ask about the tokens of others (a resource server).
pub(crate) const INTROSPECTION: &str = "introspection";

/// Scope by which a client uses the keys that the city keeps for it.
pub(crate) const CIPHER: &str = "cipher";
/// Scope by which the directory of a department keeps its officials.
pub(crate) const SCIM: &str = "scim";
/// Scopes by which a system works for itself; no person consents to them.
pub(crate) const MACHINE: [&str; 3] = [INTROSPECTION, CIPHER, SCIM];

/// The provider of this city, made once.
pub(crate) fn provider(ctx: &Ctx) -> Arc<Provider> {
    let services = &ctx.app.services;
    services.get::<Provider>().unwrap_or_else(|_| {
        services.put(make(ctx));
        Arc::new(make(ctx))
    })
}

fn make(ctx: &Ctx) -> Provider {
    let url = &ctx.app.config.url;
    let at = |path: &str| format!("{url}/openid/{path}");
    let scopes = SCOPES.iter().map(|(name, claims)| Scope {
        name: (*name).to_string(),
        claims: claims.iter().map(|c| (*c).to_string()).collect(),
    });
    Provider {
        issuer: url.clone(),
        endpoints: Endpoints {
            authorization: at("authorize"),
            token: at("token"),
            userinfo: at("userinfo"),
            jwks: at("keys"),
            introspection: at("introspect"),
            revocation: at("revoke"),
            pushed: at("par"),
            end_session: at("logout"),
        },
        levels: Levels::four(LEVELS),
        scopes: Scopes::new(scopes),
        ui_locales: vec!["zh-CN".into(), "en".into()],
    }
}

/// Whether clients may have http addresses on other machines: only where the city itself has no TLS.
pub(crate) fn plain_http(ctx: &Ctx) -> bool {
    !ctx.app.config.secure()
}

/// Unix seconds.
pub(crate) fn seconds(ctx: &Ctx) -> i64 {
    ctx.now().div_euclid(1000)
}

/// The name under which a secret is stored.
pub(crate) fn digest(token: &str) -> String {
    hex::encode(oidc::secret::digest(token))
}
