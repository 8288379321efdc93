//! Pure rules of accounts.

use kernel::{Fault, Refusal, Uuid};
use sha2::{Digest, Sha256};

/// Failures after which an account rests.
pub(crate) const FAILURES: i64 = 5;
/// How long it rests, in milliseconds.
pub(crate) const LOCKED: i64 = 15 * 60_000;
/// A browser session ends after this long, in milliseconds.
pub(crate) const SESSION: i64 = 12 * 3_600_000;
/// An API token ends after this long.
pub(crate) const TOKEN: i64 = 30 * 86_400_000;

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub id: Uuid,
    pub login: String,
    pub kind: String,
    pub subject: String,
    pub password: String,
    pub failures: i64,
    pub locked_until: Option<i64>,
    pub retired: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub id: String,
    pub kind: String,
    pub name: Vec<u8>,
    pub code: Vec<u8>,
    pub phone: Option<Vec<u8>>,
    pub area_code: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub token: String,
    pub account: Uuid,
    pub acting_for: Option<String>,
    pub label: String,
    pub created_at: i64,
    pub family: String,
}

/// What the database knows a token by.
pub(crate) fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Refuses while the account rests, saying for how long.
pub(crate) fn check_lock(account: &Account, now: i64) -> Result<(), Refusal> {
    match account.locked_until {
        Some(until) if until > now => Err(Refusal::new("identity-locked")
            .status(429)
            .arg("minutes", (until - now + 59_999) / 60_000)),
        _ => Ok(()),
    }
}

/// argon2id with the OWASP parameters; `fast` is for tests only.
pub(crate) fn hash_password(password: &str, salt: &[u8; 16], fast: bool) -> Result<String, Fault> {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = if fast {
        Params::new(64, 1, 1, None)
    } else {
        Params::new(19 * 1024, 2, 1, None)
    }
    .map_err(|e| Fault::new(format!("argon2 parameters: {e}")))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|e| Fault::new(format!("argon2: {e}")))?;
    Ok(hash.to_string())
}

pub(crate) fn check_password(password: &str, hash: &str) -> bool {
    use argon2::PasswordVerifier;
    argon2::PasswordHash::new(hash).is_ok_and(|h| {
        argon2::Argon2::default()
            .verify_password(password.as_bytes(), &h)
            .is_ok()
    })
}
