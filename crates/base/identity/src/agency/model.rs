//! Pure rules of powers.

use kernel::ctx::Mandate;
use kernel::{Refusal, Resource};

/// An invitation is open so long, in milliseconds.
pub(crate) const ANSWER: i64 = 7 * 86_400_000;
/// After a change of the representative agents go on with what runs for so many days.
pub(crate) const GRACE: i64 = 30;
/// The end of a term is announced so many days before.
pub(crate) const WARNING: i64 = 30;

/// What a power may be limited to.
pub(crate) const VERBS: [&str; 5] = ["apply", "read", "receive", "code", "sign"];

#[derive(Clone, Debug, Default)]
pub(crate) struct Power {
    pub id: String,
    pub principal: String,
    /// Empty until an invitation is accepted.
    pub holder: String,
    pub invitee: String,
    pub name: Option<Vec<u8>>,
    pub role: String,
    /// Empty is everything.
    pub verbs: Vec<String>,
    pub matters: Vec<String>,
    /// invited, active, suspended, unconfirmed, declined, ended
    pub state: String,
    pub basis: String,
    pub document: Option<Vec<u8>>,
    pub reason: String,
    pub granted_by: String,
    pub from_on: String,
    pub until_on: Option<String>,
    pub answer_by: Option<i64>,
    pub created_at: i64,
    pub ended_at: Option<i64>,
}

impl Power {
    /// Whether it is in force on a legal day.
    pub(crate) fn runs(&self, today: &str) -> bool {
        matches!(self.state.as_str(), "active" | "unconfirmed")
            && self.from_on.as_str() <= today
            && self.until_on.as_deref().is_none_or(|u| u >= today)
    }
    pub(crate) fn live(&self) -> bool {
        !matches!(self.state.as_str(), "ended" | "declined")
    }
    /// How pages call its state on a day.
    pub(crate) fn shown(&self, today: &str, now: i64) -> &str {
        match self.state.as_str() {
            "invited" if self.answer_by.is_some_and(|by| by < now) => "lapsed",
            "active" | "unconfirmed" if self.until_on.as_deref().is_some_and(|u| u < today) => "expired",
            state => state,
        }
    }
    pub(crate) fn mandate(&self, name: String) -> Mandate {
        let some = |all: &[String]| (!all.is_empty()).then(|| all.to_vec());
        Mandate {
            id: self.id.clone(),
            role: self.role.clone(),
            name,
            verbs: some(&self.verbs),
            about: some(&self.matters),
            running_only: self.state == "unconfirmed",
        }
    }
    /// A head may give powers: the representative any, a manager those of agents.
    pub(crate) fn appoints(&self, role: &str) -> bool {
        match self.role.as_str() {
            "representative" => matches!(role, "manager" | "agent"),
            "manager" => role == "agent",
            _ => false,
        }
    }
}

/// The verb that a permission stands for.
pub(crate) fn verb(permission: &str) -> &'static str {
    match permission {
        p if p.starts_with("documents.") || p.starts_with("cases.delivery.") => "receive",
        p if p.ends_with(".read") => "read",
        _ => "apply",
    }
}

/// Why a mandate does not reach a row, as the key of a text; `None` when it does.
pub(crate) fn lacks(m: Option<&Mandate>, verb: &str, row: Option<&Resource>) -> Option<String> {
    let Some(m) = m else {
        return Some("identity-scope-none".into());
    };
    if m.verbs.as_ref().is_some_and(|all| !all.iter().any(|v| v == verb)) {
        return Some(format!("identity-scope-{verb}"));
    }
    let row = row?;
    if m.about
        .as_ref()
        .is_some_and(|all| !row.about.iter().any(|a| all.contains(a)))
    {
        return Some("identity-scope-matter".into());
    }
    (m.running_only && verb == "apply" && row.state == "draft").then(|| "identity-scope-running".into())
}

/// What is asked for a new power.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub role: String,
    pub verbs: Vec<String>,
    pub matters: Vec<String>,
    pub until: String,
}

/// Whether a giver may give it: never more than the giver has, never longer, never for over two years.
pub(crate) fn fits(giver: &Power, w: &Wanted, today: jiff::civil::Date) -> Result<(), Refusal> {
    let no = |key: &str| Err(Refusal::new(key).status(403));
    if !giver.appoints(&w.role) {
        return no("identity-power-may-not");
    }
    if w.verbs.iter().any(|v| !VERBS.contains(&v.as_str())) {
        return Err(Refusal::new("identity-power-verbs"));
    }
    let until: jiff::civil::Date = w
        .until
        .parse()
        .map_err(|_| Refusal::new("identity-power-until"))?;
    let last = today.checked_add(jiff::Span::new().years(2)).unwrap_or(today);
    if until < today || until > last {
        return Err(Refusal::new("identity-power-until"));
    }
    let beyond = |mine: &[String], theirs: &[String]| {
        !mine.is_empty() && (theirs.is_empty() || theirs.iter().any(|t| !mine.contains(t)))
    };
    if beyond(&giver.verbs, &w.verbs) || beyond(&giver.matters, &w.matters) {
        return no("identity-power-beyond");
    }
    if giver
        .until_on
        .as_deref()
        .is_some_and(|mine| w.until.as_str() > mine)
    {
        return no("identity-power-longer");
    }
    Ok(())
}

/// Whole years of age on a day.
pub(crate) fn age(citizen_number: &str, today: jiff::civil::Date) -> Option<i16> {
    let id = codes::citizen_id(citizen_number).ok()?;
    Some(today.since((jiff::Unit::Year, id.birth)).ok()?.get_years())
}

/// The last day on which somebody is under eighteen.
pub(crate) fn last_minor_day(citizen_number: &str) -> Option<jiff::civil::Date> {
    let id = codes::citizen_id(citizen_number).ok()?;
    id.birth
        .checked_add(jiff::Span::new().years(18))
        .ok()?
        .yesterday()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(all: &[&str]) -> Vec<String> {
        all.iter().map(|s| s.to_string()).collect()
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let today: jiff::civil::Date = "2026-11-24".parse().unwrap();
        let wanted = |role: &str, verbs: &[&str], matters: &[&str], until: &str| Wanted {
            role: role.into(),
            verbs: text(verbs),
            matters: text(matters),
            until: until.into(),
        };
        let mut manager = Power {
            role: "manager".into(),
            verbs: text(&["apply", "read"]),
            until_on: Some("2027-06-30".into()),
            ..Power::default()
        };
        let key = |p: &Power, w: &Wanted| fits(p, w, today).err().map(|r| r.key);
        let plain = wanted("agent", &["read"], &[], "2027-06-30");
        assert_eq!(key(&manager, &plain), None);
        let says = |w: &Wanted| key(&manager, w).unwrap_or_default();
        assert_eq!(
            says(&wanted("manager", &["read"], &[], "2027-01-01")),
            "identity-power-may-not"
        );
        assert_eq!(
            says(&wanted("agent", &[], &[], "2027-01-01")),
            "identity-power-beyond"
        );
        assert_eq!(
            says(&wanted("agent", &["sign"], &[], "2027-01-01")),
            "identity-power-beyond"
        );
        assert_eq!(
            says(&wanted("agent", &["read"], &[], "2027-07-01")),
            "identity-power-longer"
        );
        assert_eq!(
            says(&wanted("agent", &["read"], &[], "2026-11-23")),
            "identity-power-until"
        );
        assert_eq!(
            says(&wanted("agent", &["rule"], &[], "2027-01-01")),
            "identity-power-verbs"
        );
        manager.matters = text(&["a"]);
        assert_eq!(key(&manager, &plain).as_deref(), Some("identity-power-beyond"));
        let head = Power {
            role: "representative".into(),
            ..Power::default()
        };
        assert_eq!(key(&head, &wanted("manager", &[], &[], "2028-11-24")), None);
        assert_eq!(
            key(&head, &wanted("manager", &[], &[], "2028-11-25")).as_deref(),
            Some("identity-power-until")
        );
        assert_eq!(
            key(&head, &wanted("representative", &[], &[], "2027-11-24")).as_deref(),
            Some("identity-power-may-not")
        );
    }

    #[test]
    fn a_mandate_reaches_so_far() {
        let row = |about: &str, state: &str| Resource {
            about: text(&[about]),
            state: state.into(),
            ..Resource::default()
        };
        let m = Mandate {
            verbs: Some(text(&["apply"])),
            about: Some(text(&["a"])),
            ..Mandate::default()
        };
        assert_eq!(lacks(Some(&m), "apply", Some(&row("a", "draft"))), None);
        assert_eq!(
            lacks(Some(&m), "read", Some(&row("a", ""))).as_deref(),
            Some("identity-scope-read")
        );
        assert_eq!(
            lacks(Some(&m), "apply", Some(&row("b", ""))).as_deref(),
            Some("identity-scope-matter")
        );
        assert_eq!(lacks(None, "apply", None).as_deref(), Some("identity-scope-none"));
        let late = Mandate {
            running_only: true,
            ..Mandate::default()
        };
        assert_eq!(lacks(Some(&late), "apply", Some(&row("a", "correcting"))), None);
        assert_eq!(
            lacks(Some(&late), "apply", Some(&row("a", "draft"))).as_deref(),
            Some("identity-scope-running")
        );
    }
}
