//! Addresses that clients register, and the comparison that decides where a code may go.
//!
//! A registered address must be written the way a browser would rewrite it. What the browser then reads is what we
//! compared, and there is no second spelling (case, dots, escapes, default port, Unicode host) to disagree about.

use url::{Host, Url};

/// Longest address in bytes.
pub const MAX_URI: usize = 2_000;

/// Names that our answers put into the query; a registered address that has one would shadow it.
const ANSWERED: [&str; 12] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "response",
    "session_state",
    "access_token",
    "id_token",
    "token_type",
    "expires_in",
];

/// Checks an address that a client registers: absolute, `https` (or `http` to the own machine, RFC 8252 §7.3; or any
/// `http` with `plain_http`), no user, no fragment, no wildcard, canonical.
///
/// # Errors
/// Why not, in words that follow "redirect_uris[0] ".
pub fn check(text: &str, plain_http: bool) -> Result<(), &'static str> {
    if text.len() > MAX_URI {
        return Err("is longer than 2000 bytes");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic())
        || text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}'])
    {
        return Err("has characters that a URI cannot have");
    }
    if text.contains('*') {
        return Err("has a wildcard; each address is registered by itself");
    }
    if text.contains('#') {
        return Err("has a fragment");
    }
    let url = Url::parse(text).map_err(|_| "is not an absolute URI")?;
    let host = url.host().ok_or("has no host")?;
    match url.scheme() {
        "https" => {}
        "http" if plain_http || is_loopback(&host) => {}
        "http" => return Err("is http to another machine; https is needed"),
        _ => return Err("is neither https nor http"),
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err("names a user");
    }
    if url.port() == Some(0) {
        return Err("has port 0");
    }
    // A bare host may leave out the slash that the parser adds.
    let written = url.as_str();
    if written != text && written.strip_suffix('/') != Some(text) {
        return Err("is not in canonical form (lower-case host, no default port, no dot segments, punycode)");
    }
    let path = url.path().to_ascii_lowercase();
    if path.contains("%2e") || path.contains("%2f") || path.contains("%5c") || path.contains("%00") {
        return Err("has escaped dots or slashes in its path");
    }
    if url
        .query_pairs()
        .any(|(name, _)| ANSWERED.contains(&name.as_ref()))
    {
        return Err("has a query parameter that the answer uses");
    }
    Ok(())
}

/// The part between `//` and the path.
fn authority(text: &str) -> &str {
    let rest = text.split_once("//").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or("")
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => *ip == std::net::Ipv4Addr::LOCALHOST,
        Host::Ipv6(ip) => *ip == std::net::Ipv6Addr::LOCALHOST,
        Host::Domain(name) => *name == "localhost",
    }
}

/// The host of a checked address, the sector of pairwise subjects (OpenID Connect Core §8.1).
pub(crate) fn host(text: &str) -> Option<String> {
    Url::parse(text).ok()?.host_str().map(str::to_string)
}

/// Whether a presented address is the registered one: byte for byte, except that the port of a loopback IP literal
/// is free (RFC 8252 §7.3), since an application takes whichever port it gets.
pub fn matches(registered: &str, presented: &str) -> bool {
    if registered == presented {
        return true;
    }
    // Never parsed: what stands behind host and port must be equal as text, so nothing can hide in it.
    let without_port = |text: &'static str, whole: &str| -> Option<String> {
        let rest = whole.strip_prefix(text)?;
        let Some(rest) = rest.strip_prefix(':') else {
            return Some(rest.to_string());
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (port, rest) = rest.split_at(digits);
        let fits = !port.starts_with('0') && port.parse::<u16>().is_ok();
        fits.then(|| rest.to_string())
    };
    ["http://127.0.0.1", "http://[::1]"].iter().any(|origin| {
        without_port(origin, registered).is_some_and(|rest| without_port(origin, presented) == Some(rest))
    })
}

/// An address with more query parameters, whatever it had before.
pub(crate) fn with_query(uri: &str, query: &str) -> String {
    if query.is_empty() {
        return uri.to_string();
    }
    let sign = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{sign}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/cb",
            "https://app.example",
            "https://app.example/",
            "https://app.example:8443/cb?tenant=1",
            "https://xn--fiq228c.example/cb",
            "https://app.example/%E5%B8%82",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:8080/cb",
            "http://[::1]/cb",
            "http://localhost:3000/cb",
        ] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        assert_eq!(check("http://app.example/cb", true), Ok(()));
        for bad in [
            "",
            "/cb",
            "//app.example/cb",
            "app.example/cb",
            "http://app.example/cb",
            "http://127.0.0.1.app.example/cb",
            "http://127.0.0.2/cb",
            "http://0x7f000001/cb",
            "https://app.example/cb#",
            "https://app.example/cb#x",
            "https://*.app.example/cb",
            "https://app.example/*",
            "https://user@app.example/cb",
            "https://@app.example/cb",
            "https://user:pw@app.example/cb",
            "https://app.example/a/../cb",
            "https://app.example/a/%2e%2e/cb",
            "https://app.example/a%2Fcb",
            "https://app.example/./cb",
            "https://APP.example/cb",
            "HTTPS://app.example/cb",
            "https://app.example:443/cb",
            "https://app.example:0/cb",
            "https://app.example\\@evil.example/cb",
            "https://市.example/cb",
            "https://app.example/市",
            "https://app.example/c b",
            "https://app.example/cb\n",
            " https://app.example/cb",
            "https:app.example/cb",
            "https:///app.example/cb",
            "https://app.example/cb?code=1",
            "https://app.example/cb?a=1&iss=x",
            "javascript:alert(1)",
            "javascript://app.example/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "com.example.app:/cb",
        ] {
            assert!(check(bad, false).is_err(), "{bad}");
        }
        assert!(check(&format!("https://app.example/{}", "a".repeat(MAX_URI)), false).is_err());
        for bad in [
            "ftp://app.example/cb",
            "javascript:alert(1)",
            "http://a@app.example/cb",
        ] {
            assert!(check(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_registered_address_matches() {
        let registered = "https://app.example/cb";
        assert!(matches(registered, registered));
        for other in [
            "",
            "https://app.example/cb/",
            "https://app.example/cb/../evil",
            "https://app.example/cb%2f..%2fevil",
            "https://app.example/cb?x=1",
            "https://app.example/cb#x",
            "https://app.example/CB",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example:444/cb",
            "https://app.example.evil.example/cb",
            "https://app.example@evil.example/cb",
            "https://evil.example/https://app.example/cb",
            "https://evil.example/cb",
            "https://sub.app.example/cb",
            "https://app.example./cb",
            "https://app.exаmple/cb",
            "https://app.example/%63b",
            "https://app.example\\cb",
            "https://app.example/cb ",
            "https://app.example/cb\0",
            "http://app.example/cb",
            "//app.example/cb",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_literal_is_free() {
        for (registered, good) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:53121/cb"),
            ("http://127.0.0.1:80/cb", "http://127.0.0.1/cb"),
            ("http://127.0.0.1:8080/cb?a=1", "http://127.0.0.1:1/cb?a=1"),
            ("http://[::1]/cb", "http://[::1]:65535/cb"),
        ] {
            assert!(matches(registered, good), "{good}");
        }
        for (registered, bad) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:080/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb/.."),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1/cb"),
            ("http://localhost:1/cb", "http://localhost:2/cb"),
            ("https://127.0.0.1/cb", "https://127.0.0.1:8/cb"),
            ("http://127.0.0.1", "http://127.0.0.1:1@evil.example"),
        ] {
            assert!(!matches(registered, bad), "{bad}");
        }
        // A bare origin has nothing behind the port.
        assert!(matches("http://127.0.0.1", "http://127.0.0.1:9"));
    }
}
