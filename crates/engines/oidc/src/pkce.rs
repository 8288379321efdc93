//! Proof Key for Code Exchange (RFC 7636), method S256 only: `plain` shows the secret to whoever reads the request.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whether `text` can be the S256 challenge of a verifier: 32 bytes in canonical base64url (§4.2).
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && B64.decode(text).is_ok()
}

/// Whether `text` has the syntax of a verifier: 43 to 128 unreserved characters (§4.1).
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// The S256 challenge of a verifier.
pub fn challenge(verifier: &str) -> String {
    B64.encode(Sha256::digest(verifier))
}

/// Whether the verifier is well-formed and belongs to the challenge; compares in constant time.
pub fn verify(challenge: &str, verifier: &str) -> bool {
    is_verifier(verifier) && bool::from(self::challenge(verifier).as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appendix_b() {
        let (verifier, made) = (
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        );
        assert_eq!(challenge(verifier), made);
        assert!(is_verifier(verifier) && is_challenge(made) && verify(made, verifier));
        assert!(!verify(made, &verifier.replace('d', "e")) && !verify(verifier, verifier) && !verify("", ""));
    }

    #[test]
    fn syntax() {
        assert!(is_verifier(&"~".repeat(43)) && is_verifier(&".".repeat(128)));
        for bad in [
            "a".repeat(42),
            "a".repeat(129),
            format!("{}+", "a".repeat(42)),
            "市".repeat(20),
        ] {
            assert!(!is_verifier(&bad), "{bad}");
        }
        // The last character carries four bits; others are another writing of the same bytes.
        for bad in [
            "A".repeat(42),
            "A".repeat(44),
            format!("{}B", "A".repeat(42)),
            format!("{}=", "A".repeat(43)),
        ] {
            assert!(!is_challenge(&bad), "{bad}");
        }
    }
}
