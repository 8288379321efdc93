//! Pure rules of passkeys.

use kernel::{Refusal, Uuid};

/// How long a challenge waits for its answer, in milliseconds.
pub(crate) const WAITS: i64 = webauthn::TIMEOUT;
/// Adding one asks for a sign-in no older than this, in milliseconds.
pub(crate) const FRESH: i64 = 5 * 60_000;
/// Passkeys of one account at most.
pub(crate) const MOST: usize = 20;
/// Letters of a name at most.
pub(crate) const NAME: usize = 40;

/// One passkey of an account.
#[derive(Clone, Debug)]
pub(crate) struct Passkey {
    pub id: String,
    pub account: Uuid,
    /// Credential id, base64url.
    pub credential: String,
    /// COSE_Key.
    pub key: Vec<u8>,
    pub count: u32,
    pub backup_eligible: bool,
    pub backed_up: bool,
    pub transports: Vec<String>,
    /// Model of the authenticator, unproven; hex.
    pub aaguid: String,
    /// Sealed.
    pub name: Vec<u8>,
    pub created_at: i64,
    pub used_at: Option<i64>,
    /// Browser that it was last used with.
    pub used_with: String,
    pub suspected: bool,
}

impl Passkey {
    /// How its owner is shown by it, in names of RFC 8176. A key that is copied between devices is not bound to hardware.
    pub(crate) fn methods(&self) -> &'static str {
        if self.backup_eligible {
            "swk user mfa"
        } else {
            "hwk user mfa"
        }
    }
    pub(crate) fn credential_id(&self) -> Vec<u8> {
        webauthn::decode(&self.credential).unwrap_or_default()
    }
}

/// What a challenge was given out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A sign-in without a user name.
    Enter,
    /// The second step of a sign-in.
    Step,
    Add,
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::Enter => "enter",
            Purpose::Step => "step",
            Purpose::Add => "add",
        }
    }
}

/// A name as it is kept; the other one stands in for none.
///
/// # Errors
/// `identity-passkey-name` (422) when it is too long.
pub(crate) fn name(typed: &str, other: &str) -> Result<String, Refusal> {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let name = words.join(" ");
    if name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Refusal::new("identity-passkey-name").arg("most", NAME));
    }
    Ok(if name.is_empty() { other.to_string() } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tidied_and_bounded() {
        assert_eq!(name("  我的  手机 ", "Chrome").unwrap(), "我的 手机");
        assert_eq!(name(" ", "Chrome").unwrap(), "Chrome");
        assert!(name(&"长".repeat(NAME), "").is_ok());
        assert!(name(&"长".repeat(NAME + 1), "").is_err());
        assert!(name("a\u{7}b", "").is_err());
    }
}
