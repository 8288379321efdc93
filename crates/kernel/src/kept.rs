//! Answers that are the same for everybody, kept while nothing changes, so that a rush of readers costs one computation.

use crate::ctx::Ctx;
use crate::error::Result;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long another node's writes may stay unseen.
const UNSEEN: Duration = Duration::from_secs(1);
/// Answers kept at once; whoever asks for more addresses than this finds them made anew.
const MOST: usize = 2_048;

/// Kept answers by key.
pub struct Kept<T> {
    slots: Mutex<HashMap<String, Arc<Slot<T>>>>,
    age: Duration,
    exact: bool,
}

/// One answer; whoever holds the lock makes it, all others wait for it.
type Slot<T> = tokio::sync::Mutex<Option<Answer<T>>>;

struct Answer<T> {
    value: T,
    writes: u64,
    day: jiff::civil::Date,
    made: Instant,
}

impl<T> Default for Kept<T> {
    /// Good while this process writes nothing, on the same legal date, for a second at most.
    fn default() -> Self {
        Kept {
            slots: Mutex::default(),
            age: UNSEEN,
            exact: true,
        }
    }
}

impl<T: Clone> Kept<T> {
    /// Good for so long, whatever is written meanwhile: for what moves slowly and is dear to count.
    pub fn for_a(age: Duration) -> Self {
        Kept {
            slots: Mutex::default(),
            age,
            exact: false,
        }
    }

    /// The answer under this key, made by `make` unless a good one is there. What cannot be made is not kept.
    ///
    /// # Errors
    /// Those of `make`.
    pub async fn get<F>(&self, ctx: &Ctx, key: &str, make: impl FnOnce() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let slot = self.slot(key);
        let mut answer = slot.lock().await;
        // Counted before reading: a write in between makes the answer old at once.
        let (writes, day) = (ctx.app.db.writes(), ctx.today());
        if let Some(a) = &*answer
            && (a.writes == writes || !self.exact)
            && a.day == day
            && a.made.elapsed() < self.age
        {
            return Ok(a.value.clone());
        }
        let made = Instant::now();
        let value = make().await?;
        *answer = Some(Answer {
            value: value.clone(),
            writes,
            day,
            made,
        });
        Ok(value)
    }

    fn slot(&self, key: &str) -> Arc<Slot<T>> {
        let mut slots = self.slots.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(slot) = slots.get(key) {
            return slot.clone();
        }
        if slots.len() >= MOST {
            slots.clear();
        }
        slots.entry(key.to_string()).or_default().clone()
    }
}
