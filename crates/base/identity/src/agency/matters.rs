//! The matters that a power may name, one by one or by theme (服务主题). What they are is told by the floor that keeps them.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

/// Begins the id of a theme in the scope of a power.
const THEME: &str = "theme:";

/// How a theme stands in the scope of a power: one word.
pub(crate) fn theme_id(theme: &str) -> String {
    THEME.to_string() + &theme.split_whitespace().collect::<Vec<_>>().join("+")
}

/// One matter as powers name it. A retired one stays, for its cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    pub id: String,
    pub title: String,
    pub title_en: String,
    pub themes: Vec<String>,
    pub retired: bool,
}

/// The matters of the city in their newest versions; the same list for all clones.
#[derive(Clone, Debug, Default)]
pub struct Matters(Arc<RwLock<Vec<Named>>>);

impl Matters {
    /// Takes the place of what was known.
    pub fn replace(&self, all: Vec<Named>) {
        *self.0.write().unwrap_or_else(|p| p.into_inner()) = all;
    }
    fn all<T>(&self, see: impl FnOnce(&[Named]) -> T) -> T {
        see(&self.0.read().unwrap_or_else(|p| p.into_inner()))
    }
    /// Ids of the matters that a scope names or that have a theme which it names.
    pub(crate) fn within(&self, scope: &[String]) -> Vec<String> {
        let (themes, single): (Vec<&String>, Vec<&String>) = scope.iter().partition(|s| s.starts_with(THEME));
        let mut out: BTreeSet<String> = single.into_iter().cloned().collect();
        if !themes.is_empty() {
            self.all(|all| {
                let has = |m: &&Named| m.themes.iter().any(|t| themes.contains(&&theme_id(t)));
                out.extend(all.iter().filter(has).map(|m| m.id.clone()));
            });
        }
        out.into_iter().collect()
    }
    /// Every theme that an offered matter has, in order.
    pub(crate) fn themes(&self) -> Vec<String> {
        self.all(|all| {
            let offered = all.iter().filter(|m| !m.retired);
            let themes: BTreeSet<&String> = offered.flat_map(|m| &m.themes).collect();
            themes.into_iter().cloned().collect()
        })
    }
    /// A matter by its id or title.
    pub(crate) fn find(&self, words: &str) -> Option<String> {
        let same = |m: &&Named| m.id == words || m.title == words || m.title_en.eq_ignore_ascii_case(words);
        self.all(|all| all.iter().find(same).map(|m| m.id.clone()))
    }
    /// How people read an entry of a scope: (name, whether it is a theme).
    pub(crate) fn name(&self, entry: &str, english: bool) -> (String, bool) {
        if let Some(theme) = entry.strip_prefix(THEME) {
            return (theme.replace('+', " "), true);
        }
        let found = self.all(|all| all.iter().find(|m| m.id == entry).cloned());
        let name = found.map(|m| match english && !m.title_en.is_empty() {
            true => m.title_en,
            false => m.title,
        });
        (name.unwrap_or_else(|| entry.to_string()), false)
    }
    #[cfg(test)]
    pub(crate) fn of(all: &[(&str, &[&str])]) -> Matters {
        let known = Matters::default();
        let named = |(id, themes): &(&str, &[&str])| Named {
            id: id.to_string(),
            title: id.to_uppercase(),
            themes: themes.iter().map(|t| t.to_string()).collect(),
            ..Named::default()
        };
        known.replace(all.iter().map(named).collect());
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_is_the_matters_that_have_it_now() {
        let known = Matters::of(&[("a", &["Roads and water"]), ("b", &[])]);
        let scope = [theme_id("Roads and water"), "b".to_string()];
        assert_eq!(known.within(&scope), ["a", "b"]);
        assert_eq!(known.within(&scope[..1]), ["a"]);
        known.clone().replace(vec![
            Named {
                id: "c".into(),
                themes: vec!["Roads  and water".into()],
                ..Named::default()
            },
            Named {
                id: "d".into(),
                themes: vec!["Roads".into()],
                ..Named::default()
            },
        ]);
        assert_eq!(known.within(&scope[..1]), ["c"], "all clones see what is new");
        assert_eq!(known.within(&[theme_id("none")]), Vec::<String>::new());
        assert_eq!(known.name(&scope[0], false), ("Roads and water".into(), true));
    }
}
