//! Who asks: the relying party and its one origin.

use url::{Host, Url};

/// The relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// RP ID: the host name, without port.
    pub id: String,
    /// For people.
    pub name: String,
    /// The one origin from which ceremonies are accepted.
    pub origin: String,
}

impl RelyingParty {
    /// The relying party behind a public address. `None` where no browser offers passkeys: an address of numbers, or one
    /// without TLS that is not this machine (WebAuthn § 5.1.3, Secure Contexts).
    pub fn of(address: &str, name: &str) -> Option<RelyingParty> {
        let url = Url::parse(address).ok()?;
        let Some(Host::Domain(host)) = url.host() else {
            return None;
        };
        let local = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return None;
        }
        Some(RelyingParty {
            id: host.to_string(),
            name: name.to_string(),
            origin: url.origin().ascii_serialization(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_browsers_offer_passkeys() {
        let of = |address| RelyingParty::of(address, "演示市").map(|p| (p.id, p.origin));
        let pair = |id: &str, origin: &str| Some((id.to_string(), origin.to_string()));
        assert_eq!(
            of("https://Www.Example.org/"),
            pair("www.example.org", "https://www.example.org")
        );
        assert_eq!(
            of("https://example.org:8443"),
            pair("example.org", "https://example.org:8443")
        );
        assert_eq!(
            of("http://localhost:8151"),
            pair("localhost", "http://localhost:8151")
        );
        for none in [
            "http://example.org",
            "https://127.0.0.1",
            "https://[::1]",
            "localhost",
            "ftp://localhost",
            "",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
