//! Pure rules of reviews.

use jiff::civil::Date;
use kernel::{Refusal, Uuid};

/// How a post that is held was reviewed; empty while it waits.
pub(crate) const CONFIRMED: &str = "confirmed";
pub(crate) const ENDED: &str = "ended";
/// The holding had ended by itself before anybody answered.
pub(crate) const LAPSED: &str = "lapsed";
/// Nobody had answered by the due date, so it rests.
pub(crate) const PAUSED: &str = "paused";
/// Nobody had answered when the campaign was closed.
pub(crate) const MISSED: &str = "missed";

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Review {
    pub id: String,
    pub title: String,
    /// Organisation id; empty for all.
    pub organisation: String,
    pub due_on: String,
    /// Account id; empty when heads review.
    pub reviewer: String,
    pub suspends: bool,
    pub closed: bool,
    pub started_by: String,
    pub started_at: i64,
    pub closed_by: String,
    pub closed_at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub id: String,
    pub review: String,
    pub holding: String,
    pub account: Uuid,
    pub post: String,
    pub path: String,
    pub reviewer: String,
    pub answer: String,
    pub reason: String,
    pub answered_by: String,
    pub answered_at: Option<i64>,
}

/// Somebody who may review what is held at a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub account: Uuid,
    pub subject: String,
    pub path: String,
}

/// Who reviews a post held at `path` by a person: whoever heads that organisation, else the nearest one above; never the person.
pub(crate) fn reviewer<'h>(heads: &'h [Head], path: &str, account: Uuid, subject: &str) -> Option<&'h Head> {
    let mut fit: Vec<&Head> = heads
        .iter()
        .filter(|h| path.starts_with(&h.path) && h.account != account && h.subject != subject)
        .collect();
    fit.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then(a.account.cmp(&b.account)));
    fit.first().copied()
}

/// The day by which all must be answered.
///
/// # Errors
/// `identity-review-due` for a day that is none or has passed.
pub(crate) fn due(text: &str, today: Date) -> Result<String, Refusal> {
    let key = "identity-review-due";
    let day: Option<Date> = text.trim().parse().ok();
    match day.filter(|d| *d >= today && d.year() <= 2200) {
        Some(day) => Ok(day.to_string()),
        None => Err(Refusal::new(key).field("due", key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_head_reviews_and_never_the_person() {
        let head = |n: u128, path: &str| Head {
            account: Uuid::from_u128(n),
            subject: format!("s{n}"),
            path: path.into(),
        };
        let heads = [head(1, "/shi/"), head(2, "/shi/a/"), head(3, "/shi/ab/")];
        let who = |path: &str, n: u128, s: &str| {
            reviewer(&heads, path, Uuid::from_u128(n), s).map(|h| h.path.clone())
        };
        assert_eq!(who("/shi/a/x/", 9, "s9").as_deref(), Some("/shi/a/"));
        assert_eq!(who("/shi/a/", 2, "s2").as_deref(), Some("/shi/"));
        assert_eq!(
            who("/shi/a/", 9, "s2").as_deref(),
            Some("/shi/"),
            "another account of the same person"
        );
        assert_eq!(who("/qu/", 9, "s9"), None);
        assert!(due("2026-11-23", jiff::civil::date(2026, 11, 24)).is_err());
    }
}
