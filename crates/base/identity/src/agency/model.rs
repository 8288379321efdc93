//! Pure rules of powers.

use super::matters::Matters;
use kernel::ctx::Mandate;
use kernel::{Refusal, Resource};

/// An invitation is open so long, in milliseconds.
pub(crate) const ANSWER: i64 = 7 * 86_400_000;
/// After a change of the representative agents go on with what runs for so many days.
pub(crate) const GRACE: i64 = 30;
/// A day in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;

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
    /// Ids of matters and of themes (see [`super::matters::theme_id`]); empty is everything.
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
    /// Themes stand for the matters that have them now.
    pub(crate) fn mandate(&self, name: String, known: &Matters) -> Mandate {
        let some = |all: &[String]| (!all.is_empty()).then(|| all.to_vec());
        Mandate {
            id: self.id.clone(),
            role: self.role.clone(),
            name,
            verbs: some(&self.verbs),
            about: some(&self.matters).map(|all| known.within(&all)),
            running_only: self.state == "unconfirmed",
        }
    }
    /// Whether it rules over the firm's other powers.
    pub(crate) fn heads(&self) -> bool {
        matches!(self.role.as_str(), "representative" | "manager")
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

/// What is asked for a power.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub role: String,
    pub verbs: Vec<String>,
    pub matters: Vec<String>,
    pub until: String,
    /// Everything, said in so many words.
    pub all_verbs: bool,
    pub all_matters: bool,
}

impl Wanted {
    /// Whoever changes a scope says what is in it: unticking the last box must not widen it to everything.
    pub(crate) fn unsaid(&self) -> Option<&'static str> {
        if self.verbs.is_empty() != self.all_verbs {
            return Some("verbs");
        }
        (self.matters.is_empty() != self.all_matters).then_some("matters")
    }
}

/// Whether a giver may give it: never more than the giver has, never longer, never for over two years. A theme is given by
/// who has that very theme: matters that come to it later are inside.
pub(crate) fn fits(
    giver: &Power,
    w: &Wanted,
    today: jiff::civil::Date,
    known: &Matters,
) -> Result<(), Refusal> {
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
    let (mut mine, single) = (giver.matters.clone(), known.within(&giver.matters));
    mine.extend(single);
    if beyond(&giver.verbs, &w.verbs) || beyond(&mine, &w.matters) {
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

/// Why a guardianship is over on a day, when it is: the child has come of age, or its term has ended.
pub(crate) fn outgrown(p: &Power, citizen_number: &str, today: jiff::civil::Date) -> Option<&'static str> {
    let (day, from) = (today.to_string(), p.from_on.parse::<jiff::civil::Date>().ok()?);
    match last_minor_day(citizen_number) {
        // Whoever was of age when it began is a dependant adult.
        Some(last) if from <= last && last < today => Some("of-age"),
        _ => p
            .until_on
            .as_deref()
            .is_some_and(|u| u < day.as_str())
            .then_some("term"),
    }
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
            ..Wanted::default()
        };
        let mut manager = Power {
            role: "manager".into(),
            verbs: text(&["apply", "read"]),
            until_on: Some("2027-06-30".into()),
            ..Power::default()
        };
        let known = Matters::of(&[("a", &["one"]), ("b", &["one", "two"])]);
        let key = |p: &Power, w: &Wanted| fits(p, w, today, &known).err().map(|r| r.key);
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
        // A theme is more than the matters that it has today, and holds each of them.
        let one = wanted("agent", &["read"], &["theme:one"], "2027-06-30");
        assert_eq!(key(&manager, &one).as_deref(), Some("identity-power-beyond"));
        manager.matters = text(&["theme:one"]);
        assert_eq!(key(&manager, &one), None);
        assert_eq!(
            key(&manager, &wanted("agent", &["read"], &["b"], "2027-06-30")),
            None
        );
        let two = wanted("agent", &["read"], &["theme:two"], "2027-06-30");
        assert_eq!(key(&manager, &two).as_deref(), Some("identity-power-beyond"));
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

    #[test]
    fn a_guardianship_ends_with_childhood_or_its_term() {
        let of = |from: &str, until: Option<&str>| Power {
            from_on: from.into(),
            until_on: until.map(String::from),
            ..Power::default()
        };
        let child = "320899201506153014";
        let over = |p: &Power, day: &str| outgrown(p, child, day.parse().unwrap());
        let open = of("2026-01-01", None);
        assert_eq!(over(&open, "2033-06-14"), None);
        assert_eq!(over(&open, "2033-06-15"), Some("of-age"));
        let adult = of("2034-01-01", Some("2035-01-01"));
        assert_eq!(over(&adult, "2035-01-01"), None);
        assert_eq!(over(&adult, "2035-01-02"), Some("term"));
    }
}
