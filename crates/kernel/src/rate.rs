//! Rate limits: a token bucket for each caller and door. They stop guessing and scraping, not people; a refused request says
//! when to come back (429 with `Retry-After`).

use std::collections::HashMap;
use std::sync::Mutex;

/// How much one caller may ask of one kind of door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Tokens a bucket holds at most: how many requests may come at once.
    pub burst: u32,
    /// Tokens that come back each minute.
    pub per_minute: u32,
}

/// What a route costs its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// Passwords and codes; only refused tries cost, so that an office behind one address is not locked out by its own staff.
    Guess,
    /// Looking things up without being known: verification, search, receipts by number.
    Lookup,
    /// Sending files.
    Upload,
}

impl Rate {
    pub const ALL: [Rate; 3] = [Rate::Guess, Rate::Lookup, Rate::Upload];

    /// Name in the configuration (`[rates]`) and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Rate::Guess => "guess",
            Rate::Lookup => "lookup",
            Rate::Upload => "upload",
        }
    }
    /// What holds when the configuration says nothing.
    pub fn usual(self) -> Allowance {
        let (burst, per_minute) = match self {
            Rate::Guess => (20, 10),
            Rate::Lookup => (600, 600),
            Rate::Upload => (60, 120),
        };
        Allowance { burst, per_minute }
    }
    /// Whether an answer of this status uses up a token.
    pub fn costs(self, status: u16) -> bool {
        self != Rate::Guess || matches!(status, 401 | 403 | 429)
    }
}

struct Bucket {
    tokens: f64,
    at: i64,
}

/// More callers than this are not remembered: the full buckets are forgotten first, and they lose nothing by it.
const CALLERS: usize = 65_536;

/// All buckets of this node.
pub struct Rates {
    allowances: [Option<Allowance>; 3],
    buckets: Mutex<HashMap<(Rate, String), Bucket>>,
}

impl Default for Rates {
    fn default() -> Self {
        Rates::new(&[])
    }
}

impl Rates {
    /// The usual allowances with changes; an allowance of no tokens a minute switches its limit off.
    pub fn new(changes: &[(Rate, Allowance)]) -> Rates {
        let allowances = Rate::ALL.map(|rate| {
            let own = changes.iter().find(|(r, _)| *r == rate).map(|(_, a)| *a);
            Some(own.unwrap_or(rate.usual())).filter(|a| a.per_minute > 0)
        });
        Rates {
            allowances,
            buckets: Mutex::default(),
        }
    }

    /// Whether the caller has a token left; otherwise the seconds until the next. `now` in UTC milliseconds.
    pub fn check(&self, rate: Rate, caller: &str, now: i64) -> Result<(), u64> {
        self.bucket(rate, caller, now, 0.0)
    }

    /// Uses up one token, if there is one.
    pub fn take(&self, rate: Rate, caller: &str, now: i64) -> Result<(), u64> {
        self.bucket(rate, caller, now, 1.0)
    }

    fn bucket(&self, rate: Rate, caller: &str, now: i64, cost: f64) -> Result<(), u64> {
        let Some(allowed) = self.allowances[rate as usize] else {
            return Ok(());
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(|p| p.into_inner());
        if buckets.len() >= CALLERS {
            let full_after = i64::from(allowed.burst) * 60_000 / i64::from(allowed.per_minute);
            buckets.retain(|_, b| now - b.at < full_after);
            // An attack from more addresses than that: the memory is worth more than the memory of them.
            if buckets.len() >= CALLERS {
                buckets.clear();
            }
        }
        let (burst, each) = (f64::from(allowed.burst), f64::from(allowed.per_minute) / 60_000.0);
        let b = buckets.entry((rate, caller.to_string())).or_insert(Bucket {
            tokens: burst,
            at: now,
        });
        // A clock that was set back gives nothing and takes nothing.
        b.tokens = (b.tokens + (now - b.at).max(0) as f64 * each).min(burst);
        b.at = now;
        if b.tokens < 1.0 {
            return Err((((1.0 - b.tokens) / each / 1000.0).ceil() as u64).max(1));
        }
        b.tokens -= cost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_tokens_come_back_in_time() {
        let few = Allowance {
            burst: 3,
            per_minute: 6,
        };
        let rates = Rates::new(&[(Rate::Guess, few)]);
        let take = |who, now| rates.take(Rate::Guess, who, now);
        assert_eq!([0, 0, 0].map(|t| take("a", t)), [Ok(()); 3]);
        assert_eq!(take("a", 0), Err(10));
        assert_eq!(take("b", 0), Ok(()), "another caller has a bucket of the own");
        assert_eq!(
            rates.take(Rate::Lookup, "a", 0),
            Ok(()),
            "and so has another door"
        );
        assert_eq!(take("a", 9_000), Err(1));
        assert_eq!(take("a", 10_000), Ok(()));
        assert_eq!(take("a", 4_000), Err(10), "a clock set back gives nothing");
        assert_eq!(take("a", 10_000_000), Ok(()));
        assert_eq!(
            rates.check(Rate::Guess, "a", 10_000_000),
            Ok(()),
            "looking costs nothing"
        );
    }

    #[test]
    fn no_tokens_a_minute_is_no_limit_and_many_callers_are_forgotten() {
        let off = Allowance {
            burst: 1,
            per_minute: 0,
        };
        let rates = Rates::new(&[(Rate::Lookup, off)]);
        assert!((0..1000).all(|_| rates.take(Rate::Lookup, "a", 0).is_ok()));
        for n in 0..CALLERS as i64 + 10 {
            assert!(rates.take(Rate::Guess, &n.to_string(), n * 1000).is_ok());
        }
        assert!(rates.buckets.lock().unwrap().len() <= CALLERS);
    }
}
