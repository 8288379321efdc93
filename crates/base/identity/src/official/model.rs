//! Pure rules of officials.

use jiff::civil::Date;
use kernel::{Refusal, Uuid};

/// How the index of a record begins that was made for an official; any other is that of a person whom the city knew before.
pub(crate) const OWN_RECORD: &str = "official:";

/// How long an activation secret is good, in milliseconds.
pub(crate) const ACTIVATION: i64 = 72 * 3_600_000;
/// Characters of a password at least.
const PASSWORD: usize = 10;

/// Whether an official is in office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Joined; has not set a password yet.
    Invited,
    Active,
    /// Signing in is refused for a while.
    Suspended,
    Left,
}

impl State {
    pub const ALL: [State; 4] = [State::Active, State::Invited, State::Suspended, State::Left];
    /// As it stands in the database, in addresses and in text keys.
    pub fn name(self) -> &'static str {
        match self {
            State::Invited => "invited",
            State::Active => "active",
            State::Suspended => "suspended",
            State::Left => "left",
        }
    }
    pub fn of(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// What [`crate::identity_official`](crate::OFFICIAL) holds of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub account: Uuid,
    pub state: State,
    pub source: String,
    pub external_id: String,
    pub number_index: String,
    pub joined_on: String,
    pub left_on: Option<String>,
    pub reason: String,
    pub version: i64,
    pub created_at: i64,
    pub changed_at: i64,
}

/// A post that somebody holds or held; days are legal days, both inclusive.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Holding {
    pub id: String,
    pub account: Uuid,
    pub post: String,
    pub title: String,
    pub title_en: String,
    pub organisation: String,
    pub organisation_name: String,
    pub organisation_name_en: String,
    pub path: String,
    pub area_code: String,
    pub roles: Vec<String>,
    pub from: String,
    pub until: Option<String>,
    pub reason: String,
}

impl Holding {
    /// Whether it is in force on a day.
    pub fn runs(&self, day: &str) -> bool {
        self.from.as_str() <= day && self.until.as_deref().is_none_or(|u| u >= day)
    }
    /// Whether it is in force on a day or will be later.
    pub fn lasts(&self, day: &str) -> bool {
        self.until
            .as_deref()
            .is_none_or(|u| u >= day && u >= self.from.as_str())
    }
}

/// A post proposed for somebody.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Proposal {
    pub id: String,
    pub account: Uuid,
    pub post: String,
    pub from: String,
    pub until: Option<String>,
    pub reason: String,
    /// `waiting`, `approved`, `refused` or `withdrawn`.
    pub state: String,
    /// Actor id.
    pub proposed_by: String,
    pub proposed_at: i64,
    pub decided_by: String,
    pub decided_at: Option<i64>,
    pub answer: String,
    pub holding: Option<String>,
}

/// A post as it may be given.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Post {
    pub id: String,
    pub title: String,
    pub title_en: String,
    pub organisation: String,
    pub organisation_name: String,
    pub organisation_name_en: String,
    pub path: String,
    pub area_code: String,
    pub roles: Vec<String>,
    pub retired: bool,
}

/// A post for a time.
#[derive(Clone, Debug, Default)]
pub struct Term<'a> {
    pub post: &'a str,
    /// First day; empty for today.
    pub from: &'a str,
    /// Last day; empty for no end.
    pub until: &'a str,
    pub reason: &'a str,
}

fn wrong(key: &str, field: &str) -> Refusal {
    Refusal::new(key).field(field, key)
}

/// The days of a term that may be proposed today.
///
/// # Errors
/// `identity-official-day`, `identity-official-term` with the field that is wrong.
pub(crate) fn days(term: &Term<'_>, today: Date) -> Result<(String, Option<String>), Refusal> {
    let day = |text: &str, field: &str| -> Result<Option<Date>, Refusal> {
        match text.trim() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| wrong("identity-official-day", field)),
        }
    };
    let from = day(term.from, "from")?.unwrap_or(today);
    let until = day(term.until, "until")?;
    if until.is_some_and(|u| u < from || u < today) {
        return Err(wrong("identity-official-term", "until"));
    }
    let year = |d: Date| !(1950..=2200).contains(&d.year());
    if year(from) || until.is_some_and(year) {
        return Err(wrong("identity-official-day", "from"));
    }
    Ok((from.to_string(), until.map(|u| u.to_string())))
}

/// A login as it is kept: small letters.
///
/// # Errors
/// `identity-official-login`.
pub(crate) fn login(text: &str) -> Result<String, Refusal> {
    let login = text.trim().to_lowercase();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._@".contains(c);
    match (2..=64).contains(&login.len()) && login.chars().all(plain) {
        true => Ok(login),
        false => Err(wrong("identity-official-login", "login")),
    }
}

/// A name as it is kept.
///
/// # Errors
/// `identity-official-name`.
pub(crate) fn name(text: &str) -> Result<String, Refusal> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let odd = name.chars().any(|c| c.is_control() || "<>{}".contains(c));
    match (1..=60).contains(&name.chars().count()) && !odd {
        true => Ok(name),
        false => Err(wrong("identity-official-name", "name")),
    }
}

/// A mobile phone number as it is kept; none when nothing was typed. A number abroad begins with `+`.
///
/// # Errors
/// `identity-official-phone`.
pub(crate) fn phone(text: &str) -> Result<Option<String>, Refusal> {
    let tidy: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let tidy = tidy.strip_prefix("+86").unwrap_or(&tidy).to_string();
    if tidy.is_empty() {
        return Ok(None);
    }
    let digits = tidy.strip_prefix('+').unwrap_or(&tidy);
    let mobile = tidy.len() == 11 && tidy.starts_with('1');
    let abroad = tidy.starts_with('+') && (8..=15).contains(&digits.len());
    match digits.bytes().all(|b| b.is_ascii_digit()) && (mobile || abroad) {
        true => Ok(Some(tidy)),
        false => Err(wrong("identity-official-phone", "phone")),
    }
}

/// Why something is done, in the words of whoever does it.
///
/// # Errors
/// `identity-official-reason`.
pub(crate) fn reason(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    match (1..=200).contains(&text.chars().count()) {
        true => Ok(text.to_string()),
        false => Err(wrong("identity-official-reason", "reason")),
    }
}

/// Whether a password may be set: long, of three kinds of characters or very long, and not the login.
///
/// # Errors
/// `identity-official-password`.
pub(crate) fn password(text: &str, login: &str) -> Result<(), Refusal> {
    let n = text.chars().count();
    let kinds = [
        text.chars().any(|c| c.is_ascii_lowercase()),
        text.chars().any(|c| c.is_ascii_uppercase()),
        text.chars().any(|c| c.is_ascii_digit()),
        text.chars().any(|c| !c.is_ascii_alphanumeric()),
    ];
    let kinds = kinds.into_iter().filter(|k| *k).count();
    let different = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    let plain = text.to_lowercase().contains(login);
    let good = (PASSWORD..=200).contains(&n) && (kinds >= 3 || n >= 16) && different >= 6 && !plain;
    match good {
        true => Ok(()),
        false => Err(wrong("identity-official-password", "password")),
    }
}

/// The first pair of roles that one person may not hold at once: (one held already, one that would come).
pub(crate) fn conflict<'r>(
    held: &'r [String],
    coming: &'r [String],
    pairs: &[(String, String)],
) -> Option<(&'r str, &'r str)> {
    let excludes = |a: &str, b: &str| {
        pairs
            .iter()
            .any(|(x, y)| (x == a && y == b) || (x == b && y == a))
    };
    let mut all = held
        .iter()
        .chain(coming)
        .flat_map(|a| coming.iter().map(move |b| (a.as_str(), b.as_str())));
    all.find(|(a, b)| excludes(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|w| (*w).to_string()).collect()
    }

    #[test]
    fn what_excludes_what() {
        let pairs = vec![("system".to_string(), "security".to_string())];
        let held = words(&["clerk", "security"]);
        assert_eq!(
            conflict(&held, &words(&["system"]), &pairs),
            Some(("security", "system"))
        );
        assert_eq!(conflict(&held, &words(&["head"]), &pairs), None);
        // A post that brings both is wrong by itself.
        assert!(conflict(&[], &words(&["system", "security"]), &pairs).is_some());
    }

    #[test]
    fn days_of_a_term() {
        let today = jiff::civil::date(2026, 11, 24);
        let term = |from, until| Term {
            post: "p",
            from,
            until,
            reason: "",
        };
        assert_eq!(days(&term("", ""), today).unwrap(), ("2026-11-24".into(), None));
        assert!(days(&term("2026-12-01", "2026-11-30"), today).is_err());
        assert!(days(&term("2026-01-01", "2026-11-23"), today).is_err());
        assert!(days(&term("24.11.2026", ""), today).is_err());
        assert!(days(&term("0001-01-01", ""), today).is_err());
    }

    #[test]
    fn words_that_people_type() {
        assert_eq!(login(" Zhang.San@CG ").unwrap(), "zhang.san@cg");
        assert!(login("张三").is_err() && login("a").is_err() && login("a b").is_err());
        assert_eq!(name("  演示  甲 ").unwrap(), "演示 甲");
        assert!(name("").is_err() && name("<b>").is_err());
        assert_eq!(phone("+86 199-0000-0001").unwrap(), Some("19900000001".into()));
        assert!(phone("12").is_err() && phone("1990000000x").is_err());
        assert_eq!(phone(" ").unwrap(), None);
        assert!(password("Yanshi-2026", "newcomer").is_ok());
        for bad in ["short1A", "aaaaaaaaaaaaaaaaaaaa", "newcomer-A1", "alllowercase"] {
            assert!(password(bad, "newcomer").is_err(), "{bad}");
        }
    }
}
