//! Pure rules of second factors.

use kernel::{Fault, Uuid};
use totp_rs::{Builder, Totp};

/// How long a sign-in waits for its second step, in milliseconds.
pub(crate) const WAITS: i64 = 10 * 60_000;
/// Adding or removing a factor asks for a sign-in no older than this, in milliseconds.
pub(crate) const RECENT: i64 = 15 * 60_000;
/// Recovery codes given out at once.
pub(crate) const RECOVERY: usize = 10;
/// Letters of a recovery code: none that looks like another. Thirty-two of them, so a byte's low five bits choose one evenly.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";

/// One factor of an account.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    pub id: String,
    pub account: Uuid,
    pub kind: String,
    pub secret: Vec<u8>,
    pub created_at: i64,
    pub confirmed: bool,
}

/// What the second step of a sign-in is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The account has a factor; one of its codes is asked for.
    Show,
    /// The account must have a factor and has none yet.
    Enrol,
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::Show => "show",
            Purpose::Enrol => "enrol",
        }
    }
    pub(crate) fn of(name: &str) -> Purpose {
        match name {
            "enrol" => Purpose::Enrol,
            _ => Purpose::Show,
        }
    }
}

/// A sign-in whose first step is done.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub account: Uuid,
    pub purpose: Purpose,
    pub factor: Option<String>,
    pub label: String,
    pub device: String,
    pub next: String,
    /// How the first step was done (RFC 8176).
    pub first: String,
}

/// Six digits, thirty seconds, SHA-1, one step of tolerance: what every authenticator app understands (RFC 6238).
fn totp(secret: &[u8], issuer: &str, account: &str) -> Result<Totp, Fault> {
    Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(1)
        .with_issuer(Some(issuer))
        .with_account_name(account)
        .build()
        .map_err(|e| Fault::new(format!("one-time code: {e:?}")))
}

/// The time step (Unix seconds ÷ 30) for which a code is right at `now` (milliseconds).
pub(crate) fn step(secret: &[u8], code: &str, now: i64) -> Result<Option<i64>, Fault> {
    let step = totp(secret, "-", "-")?.check(code, (now / 1000).max(0) as u64);
    Ok(step.map(|s| s as i64))
}

/// What an authenticator app scans, and the secret in base32 for typing it.
pub(crate) fn enrolment(secret: &[u8], issuer: &str, account: &str) -> Result<(String, String), Fault> {
    // The colon parts issuer and account in these addresses.
    let plain = |text: &str| text.replace(':', " ");
    let totp = totp(secret, &plain(issuer), &plain(account))?;
    let url = totp
        .to_url()
        .map_err(|e| Fault::new(format!("one-time code: {e:?}")))?;
    Ok((url, totp.secret().to_base32()))
}

/// A recovery code of sixteen letters (80 bits) in four groups.
pub(crate) fn recovery_code(random: &[u8; 16]) -> String {
    let letter = |b: &u8| LETTERS[usize::from(b & 31)] as char;
    let groups = random
        .chunks(4)
        .map(|four| four.iter().map(letter).collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

/// A typed recovery code as it was given out.
pub(crate) fn tidy(typed: &str) -> String {
    let letters: Vec<char> = typed
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    letters
        .chunks(4)
        .map(|four| four.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B (SHA-1), the last six digits.
    #[test]
    fn codes_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(step(secret, code, seconds * 1000).unwrap(), Some(seconds / 30));
            // A step to either side is tolerated, two are not.
            assert_eq!(
                step(secret, code, (seconds + 30) * 1000).unwrap(),
                Some(seconds / 30)
            );
            assert_eq!(step(secret, code, (seconds + 90) * 1000).unwrap(), None);
        }
        assert_eq!(step(secret, "", 59_000).unwrap(), None);
        assert_eq!(step(secret, "28708２", 59_000).unwrap(), None);
    }

    #[test]
    fn a_recovery_code_however_it_is_typed() {
        let code = recovery_code(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(code, "abcd-efgh-jkmn-pqr0");
        assert_eq!(tidy(" ABCD efgh jkmnpqr0 "), code);
    }

    #[test]
    fn an_app_can_scan_it() {
        let (url, secret) = enrolment(b"12345678901234567890", "演示:市", "wang").unwrap();
        assert!(url.starts_with("otpauth://totp/"), "{url}");
        assert!(url.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{url}");
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
