//! Pure rules of the tree.

use jiff::civil::Date;
use kernel::Refusal;
use std::collections::BTreeMap;

/// What an organisation or post was from a day on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    pub id: String,
    /// `organisation` or `post`.
    pub kind: &'static str,
    pub subject: String,
    pub from_on: String,
    pub name: String,
    pub name_en: String,
    pub parent: Option<String>,
    pub retired: bool,
    /// `loaded`, `created`, `renamed`, `moved` or `retired`.
    pub change: String,
    pub reason: String,
    pub actor: String,
    pub at: i64,
}

/// The day before every other, for what was there when the city began.
pub(crate) const BEGINNING: &str = "0001-01-01";

/// An organisation as it stood on a day.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub id: String,
    pub name: String,
    pub name_en: String,
    pub parent: Option<String>,
}

/// The tree on a day: organisations as they are now, put back by their versions.
pub(crate) fn on(day: &str, now: Vec<(Node, bool)>, versions: &[Version]) -> Vec<Node> {
    let mut last: BTreeMap<&str, Option<&Version>> = BTreeMap::new();
    for v in versions {
        let slot = last.entry(v.subject.as_str()).or_default();
        let later = |w: &&Version| (w.from_on.as_str(), w.at) > (v.from_on.as_str(), v.at);
        if v.from_on.as_str() <= day && slot.as_ref().is_none_or(|w| !later(w)) {
            *slot = Some(v);
        }
    }
    let then = |(node, retired): (Node, bool)| match last.get(node.id.as_str()) {
        None => (!retired).then_some(node),
        Some(None) => None,
        Some(Some(v)) => (!v.retired).then(|| Node {
            name: v.name.clone(),
            name_en: v.name_en.clone(),
            parent: v.parent.clone(),
            id: node.id,
        }),
    };
    now.into_iter().filter_map(then).collect()
}

/// The day from which a change holds: today, or one that has passed since the change before.
///
/// # Errors
/// `identity-structure-day` with the field.
pub(crate) fn day(text: &str, today: Date, last: &str) -> Result<String, Refusal> {
    let key = "identity-structure-day";
    let day = match text.trim() {
        "" => Some(today),
        text => text.parse::<Date>().ok(),
    };
    match day.filter(|d| *d <= today && d.year() >= 1900 && d.to_string().as_str() >= last) {
        Some(day) => Ok(day.to_string()),
        None => Err(Refusal::new(key).field("on", key)),
    }
}

/// An id as it stands in addresses and packs.
///
/// # Errors
/// `identity-structure-id` with the field.
pub(crate) fn id(text: &str) -> Result<String, Refusal> {
    let id = text.trim();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match (2..=60).contains(&id.len()) && id.chars().all(plain) && !id.starts_with('-') {
        true => Ok(id.into()),
        false => Err(Refusal::new("identity-structure-id").field("id", "identity-structure-id")),
    }
}

/// What something is called.
///
/// # Errors
/// `identity-structure-name` with the field.
pub(crate) fn name(text: &str, needed: bool, field: &str) -> Result<String, Refusal> {
    let name = text.trim();
    let fits = name.chars().count() <= 100 && !name.chars().any(|c| c.is_control() || "<>".contains(c));
    match fits && (!needed || !name.is_empty()) {
        true => Ok(name.into()),
        false => Err(Refusal::new("identity-structure-name").field(field, "identity-structure-name")),
    }
}

/// Whether `id` stands below or is `top`, by the organisations above each.
pub(crate) fn below(parents: &BTreeMap<String, Option<String>>, id: &str, top: &str) -> bool {
    let mut at = Some(id.to_string());
    // A circle in the rows must not hold up the program.
    for _ in 0..=parents.len() {
        match at {
            Some(here) if here == top => return true,
            Some(here) => at = parents.get(&here).cloned().flatten(),
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, name: &str) -> (Node, bool) {
        let node = Node {
            id: id.into(),
            name: name.into(),
            name_en: String::new(),
            parent: Some("shi".into()),
        };
        (node, false)
    }

    fn version(subject: &str, from_on: &str, name: &str, at: i64) -> Version {
        Version {
            id: String::new(),
            kind: "organisation",
            subject: subject.into(),
            from_on: from_on.into(),
            name: name.into(),
            name_en: String::new(),
            parent: None,
            retired: name.is_empty(),
            change: String::new(),
            reason: String::new(),
            actor: String::new(),
            at,
        }
    }

    #[test]
    fn the_tree_of_a_day() {
        let now = || vec![node("a", "new"), node("b", "b"), node("c", "c"), node("d", "d")];
        let versions = [
            version("a", BEGINNING, "old", 1),
            version("a", "2026-05-01", "between", 2),
            version("a", "2026-05-01", "new", 3),
            version("b", "2026-06-01", "b", 4),
            version("c", BEGINNING, "c", 5),
            version("c", "2026-07-01", "", 6),
        ];
        let names =
            |day: &str| -> Vec<String> { on(day, now(), &versions).into_iter().map(|n| n.name).collect() };
        assert_eq!(names("2026-04-30"), ["old", "c", "d"]);
        assert_eq!(names("2026-05-01"), ["new", "c", "d"]);
        assert_eq!(names("2026-06-30"), ["new", "b", "c", "d"]);
        assert_eq!(names("2026-07-01"), ["new", "b", "d"]);
    }

    #[test]
    fn days_and_circles() {
        let today = jiff::civil::date(2026, 11, 24);
        assert_eq!(day("", today, BEGINNING).unwrap(), "2026-11-24");
        assert!(day("2026-11-25", today, BEGINNING).is_err());
        assert!(day("2026-01-01", today, "2026-01-02").is_err());
        let parents = [("a", None), ("b", Some("a")), ("c", Some("b")), ("x", Some("x"))]
            .map(|(k, v)| (k.to_string(), v.map(String::from)))
            .into();
        assert!(below(&parents, "c", "a") && below(&parents, "a", "a"));
        assert!(!below(&parents, "a", "c") && !below(&parents, "x", "a"));
    }
}
