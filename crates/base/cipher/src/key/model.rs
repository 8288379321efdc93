//! What a key is and what its state allows; pure.

use crate::algorithm::{Algorithm, Purpose};
use kernel::Resource;

/// A destruction can be taken back for at least and at most so many days.
pub(crate) const WAIT: std::ops::RangeInclusive<i64> = 7..=30;
/// Days between automatic rotations.
pub(crate) const ROTATION: std::ops::RangeInclusive<i64> = 1..=3650;
/// NIST SP 800-38D, 8.3: under one key at most 2^32 random nonces.
pub(crate) const NONCES: i64 = 1 << 32;
pub(crate) const DAY: i64 = 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Disabled,
    /// Waits for its destruction, which can still be cancelled.
    Scheduled,
    /// Its material is gone; the rows stay.
    Destroyed,
}

const STATES: [State; 4] = [State::Active, State::Disabled, State::Scheduled, State::Destroyed];

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Disabled => "disabled",
            State::Scheduled => "scheduled",
            State::Destroyed => "destroyed",
        }
    }
    pub(crate) fn of(name: &str) -> Option<State> {
        STATES.into_iter().find(|s| s.name() == name)
    }
}

/// What a grant allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Sign,
    Verify,
    Encrypt,
    Decrypt,
    Mac,
    /// Making envelopes and data keys; opening them is `Decrypt`.
    Envelope,
    Timestamp,
}

pub(crate) const OPERATIONS: [Operation; 7] = [
    Operation::Sign,
    Operation::Verify,
    Operation::Encrypt,
    Operation::Decrypt,
    Operation::Mac,
    Operation::Envelope,
    Operation::Timestamp,
];

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::Sign => "sign",
            Operation::Verify => "verify",
            Operation::Encrypt => "encrypt",
            Operation::Decrypt => "decrypt",
            Operation::Mac => "mac",
            Operation::Envelope => "envelope",
            Operation::Timestamp => "timestamp",
        }
    }
    pub(crate) fn of(name: &str) -> Option<Operation> {
        OPERATIONS.into_iter().find(|o| o.name() == name)
    }
    /// What a key of this purpose can be granted for.
    pub(crate) fn of_purpose(purpose: Purpose) -> &'static [Operation] {
        use Operation::*;
        match purpose {
            Purpose::Sign => &[Sign, Verify, Timestamp],
            Purpose::Encrypt => &[Encrypt, Decrypt],
            Purpose::Mac => &[Mac, Verify],
            Purpose::Envelope | Purpose::Asymmetric => &[Envelope, Decrypt],
        }
    }
}

/// A key. Instants in UTC milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub id: String,
    /// `organisation/name`
    pub alias: String,
    pub organisation: String,
    pub org_path: String,
    pub area_code: String,
    pub title: String,
    pub purpose: Purpose,
    pub algorithm: Algorithm,
    pub state: State,
    /// The version that signs and encrypts.
    pub newest: i64,
    /// The oldest version that still verifies and decrypts.
    pub least: i64,
    /// 0 for never.
    pub rotate_days: i64,
    pub rotated_at: i64,
    /// Every use must name a context.
    pub bound: bool,
    /// It also signs digests that its callers made, whatever they are of.
    pub digests: bool,
    pub destroy_at: Option<i64>,
    /// Subject of the person who is told of rotations.
    pub owner: String,
    pub version: i64,
    pub created_at: i64,
}

impl Key {
    pub(crate) fn resource(&self) -> Resource {
        Resource {
            kind: "CipherKey",
            id: self.id.clone(),
            owners: Vec::new(),
            about: Vec::new(),
            org_paths: vec![self.org_path.clone()],
            area_code: self.area_code.clone(),
            state: self.state.name().into(),
        }
    }
    /// Whether it is time for the next version.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        self.state == State::Active && self.rotate_days > 0 && self.rotated_at + self.rotate_days * DAY <= now
    }
}

/// Whether keys of this algorithm can sign digests at all.
pub(crate) fn signs_digests(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::Sm2 | Algorithm::Es256)
}

/// One version of a key.
#[derive(Clone)]
pub(crate) struct Version {
    pub number: i64,
    /// `None` once it was destroyed.
    pub sealed: Option<Vec<u8>>,
    /// PEM; empty for symmetric keys.
    pub public: String,
    /// How often it has encrypted.
    pub used: i64,
    pub created_at: i64,
}

/// Where the material of a version is sealed to.
pub(crate) fn place(key: &str, number: i64) -> String {
    format!("cipher_key_version.sealed:{key}.{number}")
}

/// A name within an organisation: small letters, digits and hyphens.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Holder of the grant for officials who have the permission for the key's organisation.
pub(crate) const OFFICE: &str = "office";

/// Who may do what with a key.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub id: String,
    pub key: String,
    /// `client:<id>` or [`OFFICE`].
    pub holder: String,
    pub operations: Vec<Operation>,
    /// Items a minute and a day; 0 for no limit.
    pub per_minute: i64,
    pub per_day: i64,
    pub created_at: i64,
}

/// The minute and the day of an instant, as limits count them: (slot, its end, its limit).
pub(crate) fn slots(grant: &Granted, now: i64) -> Vec<(String, i64, i64)> {
    let slot = |letter: char, length: i64, most: i64| {
        let n = now.div_euclid(length);
        (most > 0).then(|| (format!("{letter}{n}"), (n + 1) * length, most))
    };
    [slot('m', 60_000, grant.per_minute), slot('d', DAY, grant.per_day)]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "parking-2026", &"x".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "a b", "a/b", "-a", "a-", "钥", "a_b", &"x".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn limits_count_by_minute_and_day() {
        let grant = |per_minute, per_day| Granted {
            id: "g".into(),
            key: "k".into(),
            holder: OFFICE.into(),
            operations: vec![],
            per_minute,
            per_day,
            created_at: 0,
        };
        assert_eq!(slots(&grant(0, 0), 5), vec![]);
        let both = slots(&grant(3, 9), DAY + 59_999);
        assert_eq!(
            both,
            vec![("m1440".into(), DAY + 60_000, 3), ("d1".into(), 2 * DAY, 9)]
        );
    }
}
