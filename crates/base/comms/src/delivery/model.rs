//! Where a delivery stands, and how long it waits.

use crate::rules::Channel;
use kernel::{Fault, Row};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for its first attempt.
    Queued,
    /// Handed over; no receipt yet.
    Sent,
    /// The receiver has it.
    Delivered,
    /// An attempt failed; another one is due.
    Failed,
    /// No further attempt, unless somebody re-sends it.
    GivenUp,
}

impl State {
    pub const ALL: [State; 5] = [
        State::Queued,
        State::Sent,
        State::Delivered,
        State::Failed,
        State::GivenUp,
    ];
    pub fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Sent => "sent",
            State::Delivered => "delivered",
            State::Failed => "failed",
            State::GivenUp => "given-up",
        }
    }
    pub fn parse(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|s| s.name() == name)
    }
    /// Its tag on pages.
    pub fn tag(self) -> &'static str {
        match self {
            State::Queued => "plain",
            State::Sent => "info",
            State::Delivered => "good",
            State::Failed => "warn",
            State::GivenUp => "bad",
        }
    }
    /// Waits for a job.
    pub fn waits(self) -> bool {
        matches!(self, State::Queued | State::Failed)
    }
}

/// One row of `comms_delivery`.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub id: String,
    pub message: String,
    pub recipient: String,
    pub channel: Channel,
    pub urgent: bool,
    pub state: State,
    pub attempts: i64,
    pub round: i64,
    pub address: Option<Vec<u8>>,
    pub reason: Option<String>,
    pub detail: Option<String>,
    pub next_at: Option<i64>,
    pub created_at: i64,
    pub sent_at: Option<i64>,
    pub delivered_at: Option<i64>,
}

impl Delivery {
    pub fn of(r: &Row) -> Result<Delivery, Fault> {
        let word = |name: &str| r.get::<String>(name);
        Ok(Delivery {
            id: r.get("id")?,
            message: r.get("message")?,
            recipient: r.get("recipient")?,
            channel: Channel::parse(&word("channel")?)
                .ok_or_else(|| Fault::new("unknown channel in a row"))?,
            urgent: r.get("urgent")?,
            state: State::parse(&word("state")?).ok_or_else(|| Fault::new("unknown state in a row"))?,
            attempts: r.get("attempts")?,
            round: r.get("round")?,
            address: r.get("address")?,
            reason: r.get("reason")?,
            detail: r.get("detail")?,
            next_at: r.get("next_at")?,
            created_at: r.get("created_at")?,
            sent_at: r.get("sent_at")?,
            delivered_at: r.get("delivered_at")?,
        })
    }
}

const LONGEST: i64 = 6 * 3_600_000;

/// Milliseconds to wait after the n-th failure (1-based): doubling, at most six hours, ±20 % by chance (a byte), so that what
/// failed together does not come back together.
pub(crate) fn backoff(base_seconds: i64, failures: i64, chance: u8) -> i64 {
    let doubled = (base_seconds * 1_000).saturating_mul(1 << (failures - 1).clamp(0, 30));
    let wait = doubled.min(LONGEST);
    wait * (800 + 400 * i64::from(chance) / 255) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_six_hours() {
        assert_eq!(backoff(30, 1, 0), 24_000);
        assert_eq!(backoff(30, 1, 255), 36_000);
        assert_eq!(backoff(30, 3, 0), 96_000);
        assert_eq!(backoff(30, 60, 255), LONGEST * 12 / 10);
    }

    #[test]
    fn names_come_back() {
        for s in State::ALL {
            assert_eq!(State::parse(s.name()), Some(s));
        }
    }
}
