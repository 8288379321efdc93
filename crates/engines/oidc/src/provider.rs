//! What one provider is: its issuer, its endpoints, its levels of assurance and its scopes.

/// The absolute addresses of the endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where browsers are sent (RFC 6749 §3.1).
    pub authorization: String,
    /// RFC 6749 §3.2.
    pub token: String,
    /// OpenID Connect Core §5.3.
    pub userinfo: String,
    /// The public keys (RFC 7517 §5).
    pub jwks: String,
    /// RFC 7662.
    pub introspection: String,
    /// RFC 7009.
    pub revocation: String,
    /// Pushed authorization requests (RFC 9126).
    pub pushed: String,
    /// OpenID Connect RP-Initiated Logout 1.0.
    pub end_session: String,
}

/// A provider as its clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The issuer, without a slash at its end; compared as text everywhere.
    pub issuer: String,
    /// The endpoints.
    pub endpoints: Endpoints,
    /// Levels of assurance.
    pub levels: Levels,
    /// Scopes and the claims in them.
    pub scopes: Scopes,
    /// Languages of the pages, as BCP 47 tags.
    pub ui_locales: Vec<String>,
}

/// Names of levels of assurance (`acr`), from weak to strong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels(Vec<(String, u8)>);

impl Levels {
    /// The table of these names; a level may have several names, of which the first is told to clients.
    pub fn new(table: impl IntoIterator<Item = (String, u8)>) -> Self {
        Self(table.into_iter().collect())
    }

    /// `prefix` + 1 to 4, such as `urn:yiwang:acr:r1` to `urn:yiwang:acr:r4`.
    pub fn four(prefix: &str) -> Self {
        Self::new((1..=4).map(|level| (format!("{prefix}{level}"), level)))
    }

    /// The level that a name stands for.
    pub fn level(&self, acr: &str) -> Option<u8> {
        self.0
            .iter()
            .find(|(name, _)| name == acr)
            .map(|(_, level)| *level)
    }

    /// The name of a level: its own, or that of the strongest level below it.
    pub fn acr(&self, level: u8) -> Option<&str> {
        let best = self.0.iter().map(|(_, l)| *l).filter(|l| *l <= level).max()?;
        self.0
            .iter()
            .find(|(_, l)| *l == best)
            .map(|(name, _)| name.as_str())
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// A scope and the claims it opens (OpenID Connect Core §5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Name on the wire.
    pub name: String,
    /// Claims that UserInfo shows under it.
    pub claims: Vec<String>,
}

/// The scopes of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// `openid` and `offline_access`, which open no claims, and these.
    pub fn new(more: impl IntoIterator<Item = Scope>) -> Self {
        let plain = ["openid", "offline_access"].map(|name| Scope {
            name: name.into(),
            claims: Vec::new(),
        });
        Self(plain.into_iter().chain(more).collect())
    }

    /// The scopes of OpenID Connect Core §5.4 and the claims listed there.
    pub fn standard() -> Self {
        let scope = |name: &str, claims: &str| Scope {
            name: name.into(),
            claims: claims.split(' ').map(str::to_string).collect(),
        };
        Self::new([
            scope(
                "profile",
                "name family_name given_name middle_name nickname preferred_username profile picture website gender \
                 birthdate zoneinfo locale updated_at",
            ),
            scope("email", "email email_verified"),
            scope("address", "address"),
            scope("phone", "phone_number phone_number_verified"),
        ])
    }

    /// The scope that opens a claim.
    pub fn of_claim(&self, claim: &str) -> Option<&str> {
        let opens = |scope: &&Scope| scope.claims.iter().any(|known| known == claim);
        self.0.iter().find(opens).map(|scope| scope.name.as_str())
    }

    /// Whether there is a scope of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|scope| scope.name == name)
    }

    /// All of them.
    pub fn all(&self) -> &[Scope] {
        &self.0
    }
}

impl Provider {
    /// Checks issuer and endpoints: `https` (with `plain_http` also `http`), an issuer without query, fragment or
    /// slash at its end (OpenID Connect Discovery §3), endpoints absolute.
    ///
    /// # Errors
    /// The name of the field, then why not.
    pub fn check(&self, plain_http: bool) -> Result<(), String> {
        let e = &self.endpoints;
        let fields = [
            ("issuer", &self.issuer),
            ("endpoints.authorization", &e.authorization),
            ("endpoints.token", &e.token),
            ("endpoints.userinfo", &e.userinfo),
            ("endpoints.jwks", &e.jwks),
            ("endpoints.introspection", &e.introspection),
            ("endpoints.revocation", &e.revocation),
            ("endpoints.pushed", &e.pushed),
            ("endpoints.end_session", &e.end_session),
        ];
        for (name, uri) in fields {
            crate::uri::check(uri, plain_http).map_err(|why| format!("{name} {why}"))?;
        }
        if self.issuer.contains('?') || self.issuer.ends_with('/') {
            return Err("issuer has a query or ends with a slash".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names() {
        let levels = Levels::four("urn:yiwang:acr:r");
        assert_eq!(levels.level("urn:yiwang:acr:r3"), Some(3));
        assert_eq!(
            (levels.level("r3"), levels.level("urn:yiwang:acr:R3")),
            (None, None)
        );
        assert_eq!((levels.acr(9), levels.acr(0)), (Some("urn:yiwang:acr:r4"), None));
    }

    #[test]
    fn claims_belong_to_scopes() {
        let scopes = Scopes::standard();
        assert_eq!(scopes.of_claim("phone_number"), Some("phone"));
        assert_eq!(scopes.of_claim("sub"), None);
        assert!(scopes.has("openid") && scopes.has("offline_access") && !scopes.has("OpenID"));
    }
}
