//! Pure rules of accounts.

use kernel::{Refusal, Uuid};
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
    pub family: String,
    /// How its owner showed who they are (RFC 8176 names, space-separated), and when.
    pub methods: String,
    pub shown_at: i64,
}

impl Session {
    /// Names it on pages; enough of the hash to be its own.
    pub(crate) fn handle(&self) -> &str {
        &self.token[..self.token.len().min(24)]
    }
}

/// The part of an address that stays when a household or an office gets another: /16 of IPv4, /48 of IPv6.
pub(crate) fn network(peer: &str) -> String {
    match peer.parse() {
        Ok(std::net::IpAddr::V4(a)) => format!("{}.{}", a.octets()[0], a.octets()[1]),
        Ok(std::net::IpAddr::V6(a)) => format!("{:x?}", &a.segments()[..3]),
        Err(_) => String::new(),
    }
}

/// A browser's own name for people, without the numbers that it gives away.
pub(crate) fn browser(label: &str) -> &str {
    const NAMES: [&str; 7] = [
        "MicroMessenger",
        "Edg",
        "Firefox",
        "HuaweiBrowser",
        "QQBrowser",
        "Chrome",
        "Safari",
    ];
    let name = NAMES.iter().find(|n| label.contains(**n));
    match name {
        Some(&"Edg") => "Edge",
        Some(name) => name,
        None => label.split(['/', ' ']).next().unwrap_or_default(),
    }
}

/// What the database knows a token by.
pub(crate) fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Refuses while an account rests, saying for how long.
pub(crate) fn check_lock(until: Option<i64>, now: i64) -> Result<(), Refusal> {
    match until {
        // A rest that ends much later than any begun now was set by a clock that has been put right since.
        Some(until) if until > now && until <= now + LOCKED + 3_600_000 => {
            Err(Refusal::new("identity-locked")
                .status(429)
                .arg("minutes", (until - now + 59_999) / 60_000))
        }
        _ => Ok(()),
    }
}
