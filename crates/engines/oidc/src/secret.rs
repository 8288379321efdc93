//! Opaque tokens and pairwise subjects.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A new bearer secret: an authorization code, an access or refresh token, a client secret, a pushed request's name.
///
/// 256 random bits need no salt and no slow hash; the plain digest is what a database keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct Opaque {
    /// What the client gets: 43 characters of base64url.
    pub token: String,
    /// SHA-256 of the text of the token; the key under which it is stored and found.
    pub digest: [u8; 32],
    /// A name for logs and lists that gives no access: 16 hexadecimal digits of the digest.
    pub id: String,
}

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opaque({})", self.id)
    }
}

impl Opaque {
    /// The secret made of 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        let token = B64.encode(random);
        let digest = digest(&token);
        let id = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
        Self { token, digest, id }
    }
}

/// SHA-256 of a presented secret, to look it up by.
pub fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether a presented secret has this digest; compares in constant time.
pub fn matches(digest: &[u8; 32], token: &str) -> bool {
    self::digest(token).ct_eq(digest).into()
}

/// The `sub` that one sector sees of one person (OpenID Connect Core §8.1): HMAC-SHA-256 under `key` over sector and
/// person, 43 characters of base64url. Stable as long as the key is; two sectors cannot join their people.
pub fn pairwise(key: &[u8; 32], sector: &str, person: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    // The length in front keeps "a" + "bc" and "ab" + "c" apart.
    mac.update(&(sector.len() as u64).to_be_bytes());
    mac.update(sector.as_bytes());
    mac.update(person.as_bytes());
    B64.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_tokens() {
        let made = Opaque::new([7; 32]);
        assert_eq!((made.token.len(), made.id.len()), (43, 16));
        assert!(matches(&made.digest, &made.token) && digest(&made.token) == made.digest);
        assert!(!matches(&made.digest, "") && !matches(&made.digest, &made.token[1..]));
        assert!(!format!("{made:?}").contains(&made.token));
    }

    #[test]
    fn pairwise_subjects() {
        let sub = pairwise(&[1; 32], "a.example", "p1");
        assert_eq!(sub, pairwise(&[1; 32], "a.example", "p1"));
        assert_eq!(sub.len(), 43);
        for other in [
            pairwise(&[2; 32], "a.example", "p1"),
            pairwise(&[1; 32], "b.example", "p1"),
            pairwise(&[1; 32], "a.example", "p2"),
            pairwise(&[1; 32], "a.examplep", "1"),
        ] {
            assert_ne!(sub, other);
        }
    }
}
