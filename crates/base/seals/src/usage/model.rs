//! Grants and uses; pure.

use kernel::ctx::Actor;

/// The grantee of the automatic processes.
pub(crate) const PROCESS: &str = "process";
/// What somebody seals by hand.
pub(crate) const UPLOAD: &str = "upload";
/// Every kind of document.
pub(crate) const ANY: &str = "any";

/// A right to use a seal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Grant {
    pub id: String,
    pub seal: String,
    /// `person`, `post` or `process`.
    pub grantee_kind: String,
    /// Actor id or post id; empty for the processes.
    pub grantee: String,
    /// Patterns, see [`covers`].
    pub kinds: Vec<String>,
    pub per_day: Option<i64>,
    pub total: Option<i64>,
    /// Legal days, both inclusive.
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub given_by: String,
    pub given_at: i64,
    pub revoked_by: Option<String>,
    pub revoked_at: Option<i64>,
    pub used: i64,
}

/// Whether a pattern covers a kind of document: `any`, `certificate:*`, or the kind itself.
pub(crate) fn covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => start.ends_with(':') && kind.starts_with(start),
        None => pattern == ANY || pattern == kind,
    }
}

/// Whether a word can stand among a grant's kinds.
pub(crate) fn is_pattern(word: &str) -> bool {
    if word == ANY || word == UPLOAD {
        return true;
    }
    let plain =
        |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    ["certificate:", "paper:"]
        .iter()
        .filter_map(|k| word.strip_prefix(k))
        .any(|id| id == "*" || plain(id))
}

impl Grant {
    pub(crate) fn covers(&self, kind: &str) -> bool {
        self.kinds.iter().any(|p| covers(p, kind))
    }

    /// Whether its uses are counted.
    pub(crate) fn is_limited(&self) -> bool {
        self.per_day.is_some() || self.total.is_some()
    }

    /// Whether it holds on a legal day.
    pub(crate) fn holds(&self, day: &str) -> bool {
        self.revoked_at.is_none()
            && self.valid_from.as_deref().is_none_or(|from| from <= day)
            && self.valid_until.as_deref().is_none_or(|until| day <= until)
    }

    /// Whether somebody has it; the processes have theirs when nobody acts.
    pub(crate) fn is_of(&self, who: Who<'_>) -> bool {
        match (self.grantee_kind.as_str(), who) {
            (PROCESS, Who::Process) => true,
            ("person", Who::Person(actor)) => actor.id == self.grantee,
            ("post", Who::Person(actor)) => actor.grants.iter().any(|g| g.post == self.grantee),
            _ => false,
        }
    }
}

/// Who wants to use a seal.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    Process,
    Person(&'a Actor),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_covered_by_name_or_group() {
        assert!(
            covers("any", "upload") && covers("upload", "upload") && covers("certificate:*", "certificate:x")
        );
        assert!(!covers("certificate:*", "paper:x") && !covers("certificate:x", "certificate:xy"));
        assert!(!covers("*", "upload"), "a star alone is no pattern");
        for good in [
            "any",
            "upload",
            "certificate:*",
            "paper:accepted",
            "certificate:dig-road",
        ] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", "*", "certificate:", "paper:a*", "paper:a b", "something"] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }

    #[test]
    fn days_are_inclusive_and_revocation_ends_it() {
        let mut g = Grant {
            valid_from: Some("2026-11-01".into()),
            valid_until: Some("2026-11-30".into()),
            ..Grant::default()
        };
        assert!(g.holds("2026-11-01") && g.holds("2026-11-30"));
        assert!(!g.holds("2026-10-31") && !g.holds("2026-12-01"));
        g.revoked_at = Some(1);
        assert!(!g.holds("2026-11-15"));
    }

    #[test]
    fn the_processes_right_is_nobodys() {
        let mut g = Grant {
            grantee_kind: PROCESS.into(),
            ..Grant::default()
        };
        let her = Actor {
            id: "account:1".into(),
            ..Actor::default()
        };
        assert!(g.is_of(Who::Process) && !g.is_of(Who::Person(&her)));
        g.grantee_kind = "person".into();
        g.grantee = "account:1".into();
        assert!(!g.is_of(Who::Process) && g.is_of(Who::Person(&her)));
    }
}
