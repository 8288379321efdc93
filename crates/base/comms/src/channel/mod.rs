//! What leaves the house: a small HTTP and SMTP client of our own (plain; a relay carries the TLS), and the guard that keeps
//! webhooks out of the private network.

pub(crate) mod guard;
pub(crate) mod http;
pub(crate) mod smtp;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Handed over; a receipt may follow.
    Sent,
    /// Handed over, and that is the receipt.
    Delivered,
    /// Nobody was reached; worth another try, and the channel as a whole may be down.
    Unreachable(&'static str, String),
    /// Refused for now.
    Later(&'static str, String),
    /// Refused for good.
    Never(&'static str, String),
}

/// `sha256=<hex>` over `timestamp.body`, as webhooks, the SMS adapter and its receipts carry it.
pub(crate) fn sign(secret: &str, timestamp: i64, body: &str) -> String {
    format!(
        "sha256={}",
        hex::encode(mac(secret, timestamp, body).finalize().into_bytes())
    )
}

/// Compares in constant time.
pub(crate) fn signed(secret: &str, timestamp: i64, body: &str, signature: &str) -> bool {
    let bytes = signature
        .strip_prefix("sha256=")
        .and_then(|h| hex::decode(h).ok());
    bytes.is_some_and(|b| mac(secret, timestamp, body).verify_slice(&b).is_ok())
}

fn mac(secret: &str, timestamp: i64, body: &str) -> Hmac<Sha256> {
    // HMAC takes keys of every length, so the empty fallback never comes about.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| <Hmac<Sha256> as KeyInit>::new(&Default::default()));
    mac.update(format!("{timestamp}.{body}").as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_text_time_and_secret_only() {
        let s = sign("a secret of sixteen", 1_795_000_000, "{}");
        // Computed with `printf '1795000000.{}' | openssl dgst -sha256 -hmac 'a secret of sixteen'`.
        assert!(signed("a secret of sixteen", 1_795_000_000, "{}", &s));
        assert!(!signed("another secret", 1_795_000_000, "{}", &s));
        assert!(!signed("a secret of sixteen", 1_795_000_001, "{}", &s));
        assert!(!signed("a secret of sixteen", 1_795_000_000, "{ }", &s));
        assert!(!signed("a secret of sixteen", 1_795_000_000, "{}", "sha256=zz"));
        assert_eq!(
            s,
            "sha256=1dc37b9c2447cc37502cd7b7f7b8d6a83f80bb2945871e77b3bb758a25411292"
        );
    }
}
