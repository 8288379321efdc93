//! Pure rules of scan-to-login.

use kernel::Uuid;
use sha2::{Digest, Sha256};

/// How long a picture holds, in milliseconds.
pub(crate) const HOLDS: i64 = 3 * 60_000;

/// Where a waiting browser stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Approved,
    Refused,
    /// The browser has its session.
    Taken,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Approved => "approved",
            State::Refused => "refused",
            State::Taken => "taken",
        }
    }
    pub(crate) fn of(name: &str) -> State {
        let all = [State::Waiting, State::Approved, State::Refused];
        all.into_iter().find(|s| s.name() == name).unwrap_or(State::Taken)
    }
}

/// A browser that waits.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub id: String,
    /// Two digits that it shows; whoever answers for it picks them among others.
    pub number: i64,
    pub state: State,
    pub label: String,
    pub device: String,
    /// Keyed hash of its network.
    pub network: String,
    pub next: String,
    pub account: Option<Uuid>,
    pub methods: String,
    pub shown_at: Option<i64>,
    pub created_at: i64,
    pub expires_at: i64,
}

/// Two digits, 10 to 99.
pub(crate) fn number(random: [u8; 4]) -> i64 {
    10 + i64::from(u32::from_be_bytes(random) % 90)
}

/// The number and two others in an order of the picture's own; the same ones whenever the page is asked for.
pub(crate) fn choices(id: &str, number: i64) -> Vec<i64> {
    let mut chance = Sha256::digest(id.as_bytes()).into_iter();
    let mut all = vec![number];
    while all.len() < 3 {
        let other = 10 + i64::from(chance.next().unwrap_or(all.len() as u8)) % 90;
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_numbers_with_the_right_one() {
        for n in 10..100 {
            let all = choices(&format!("id-{n}"), n);
            assert!(all.contains(&n) && all.len() == 3 && all[0] < all[1] && all[1] < all[2]);
            assert!(all.iter().all(|c| (10..100).contains(c)));
        }
        assert_eq!(number([0; 4]), 10);
        assert_eq!(number([255; 4]), 10 + (u32::MAX % 90) as i64);
    }
}
