//! `notices.toml` (and `notices/*.toml`) of the pack: which fact tells whom what, over which channels. A new notice is content.

use kernel::module::JobFuture;
use kernel::pack::{Pack, PackError};
use kernel::{Ctx, Locale};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A way to a person or system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    InApp,
    Mail,
    Sms,
    Webhook,
}

impl Channel {
    pub const ALL: [Channel; 4] = [Channel::InApp, Channel::Mail, Channel::Sms, Channel::Webhook];
    /// Those a person can choose.
    pub const PERSONAL: [Channel; 3] = [Channel::InApp, Channel::Mail, Channel::Sms];
    pub fn name(self) -> &'static str {
        match self {
            Channel::InApp => "in-app",
            Channel::Mail => "mail",
            Channel::Sms => "sms",
            Channel::Webhook => "webhook",
        }
    }
    pub fn parse(name: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// `[sms]`: when it is too late to ring, and how often a day at most.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    quiet_from: String,
    quiet_until: String,
    daily_cap: i64,
}

/// `[[group]]`: what people choose channels for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub id: String,
    pub title: String,
    pub title_en: String,
    /// Notices the law demands: always in the person's own list.
    #[serde(default)]
    pub legal: bool,
}

/// `[[kind]]`: one text with its channels.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    pub id: String,
    pub group: String,
    /// Also at night and beyond the daily cap.
    #[serde(default)]
    pub urgent: bool,
    pub channels: Vec<Channel>,
}

/// `[[notice]]`: when this fact happens, these people are told that.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub fact: String,
    pub kind: String,
    /// `applicant`, `agent`, `assignee` (cases), `author` (editions), or `role:<role>`.
    pub audience: Vec<String>,
    /// Field of the fact's payload → the values for which the rule holds.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<Json>>,
}

impl Rule {
    pub fn holds(&self, payload: &Json) -> bool {
        self.when
            .iter()
            .all(|(field, values)| values.contains(&payload[field]))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sms: Option<Limits>,
    #[serde(default)]
    group: Vec<Group>,
    #[serde(default)]
    kind: Vec<Kind>,
    #[serde(default)]
    notice: Vec<Rule>,
}

/// All of it, as the consumer and the senders use it.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub groups: Vec<Group>,
    kinds: HashMap<String, Kind>,
    by_fact: HashMap<String, Vec<Rule>>,
    /// Quiet hours of SMS as minutes of the day; equal when there are none.
    pub quiet: (i16, i16),
    pub daily_cap: i64,
}

impl Rules {
    pub fn kind(&self, id: &str) -> Option<&Kind> {
        self.kinds.get(id)
    }
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.id == id)
    }
    pub fn of_fact(&self, fact: &str) -> &[Rule] {
        self.by_fact.get(fact).map_or(&[], Vec::as_slice)
    }
    pub fn kinds(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.kinds.keys().map(String::as_str).collect();
        all.sort();
        all
    }
    /// A group's title in the reader's language; its id when the pack has dropped it.
    pub fn group_title(&self, id: &str, locale: Locale) -> String {
        self.group(id).map_or_else(
            || id.to_string(),
            |g| locale.pick(&g.title, &g.title_en).to_string(),
        )
    }

    /// Milliseconds until the quiet hours end, when this minute of the day lies in them.
    pub fn quiet_for(&self, minute: i16) -> Option<i64> {
        let (from, until) = self.quiet;
        let inside = if from <= until {
            (from..until).contains(&minute)
        } else {
            minute >= from || minute < until
        };
        let wait = (until - minute).rem_euclid(24 * 60);
        inside.then_some(i64::from(wait) * 60_000)
    }

    pub fn read(pack: &Pack) -> Result<Rules, PackError> {
        let mut rules = Rules {
            daily_cap: 5,
            ..Rules::default()
        };
        for name in files(pack) {
            let file: File = pack.toml(&name)?;
            if let Some(l) = file.sms {
                let minute = |text: &str| {
                    let time = text.parse::<jiff::civil::Time>().ok().filter(|_| text.len() == 5);
                    time.map(|t| i16::from(t.hour()) * 60 + i16::from(t.minute()))
                        .ok_or_else(|| {
                            pack.wrong(
                                &name,
                                line(pack, &name, text),
                                format!("`{text}` is no time like 22:00"),
                            )
                        })
                };
                rules.quiet = (minute(&l.quiet_from)?, minute(&l.quiet_until)?);
                rules.daily_cap = l.daily_cap;
            }
            rules.groups.extend(file.group);
            rules
                .kinds
                .extend(file.kind.into_iter().map(|k| (k.id.clone(), k)));
            for rule in file.notice {
                rules.by_fact.entry(rule.fact.clone()).or_default().push(rule);
            }
        }
        Ok(rules)
    }
}

fn files(pack: &Pack) -> Vec<String> {
    let more = pack.under("notices/").filter(|n| n.ends_with(".toml"));
    let first = pack.file("notices.toml").map(|_| "notices.toml");
    first.into_iter().chain(more).map(String::from).collect()
}

fn line(pack: &Pack, name: &str, word: &str) -> usize {
    let text = pack.text(name).unwrap_or_default();
    text.lines().position(|l| l.contains(word)).map_or(0, |n| n + 1)
}

/// Keys of the texts that stand in this crate or in the pack, in both languages.
fn texts(pack: &Pack) -> BTreeSet<String> {
    let keys = |tag: &str| -> BTreeSet<String> {
        let own = crate::Files::get(&format!("locales/{tag}.ftl"));
        let own = own
            .map(|f| String::from_utf8_lossy(&f.data).into_owned())
            .unwrap_or_default();
        let theirs = pack.text(&format!("locales/{tag}.ftl")).unwrap_or_default();
        let lines = own.lines().chain(theirs.lines());
        lines
            .filter_map(|l| Some(l.split_once('=')?.0.trim().to_string()))
            .collect()
    };
    keys("zh-CN").intersection(&keys("en")).cloned().collect()
}

pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let rules = match Rules::read(pack) {
        Ok(rules) => rules,
        Err(e) => return vec![e.to_string()],
    };
    let known = texts(pack);
    let mut bad = Vec::new();
    let mut say = |word: &str, message: String| {
        let all = files(pack);
        let name = all.iter().find(|n| line(pack, n, word) > 0).or(all.first());
        if let Some(name) = name {
            bad.push(pack.wrong(name, line(pack, name, word), message).to_string());
        }
    };
    for kind in rules.kinds.values() {
        let quoted = format!("\"{}\"", kind.id);
        if rules.group(&kind.group).is_none() {
            say(
                &quoted,
                format!("kind {} is of the unknown group `{}`", kind.id, kind.group),
            );
        }
        let mut parts = vec!["subject", "body"];
        if kind.channels.contains(&Channel::Sms) {
            parts.push("sms");
        }
        for part in parts {
            let key = format!("message-{}-{part}", kind.id);
            if !known.contains(&key) {
                say(
                    &quoted,
                    format!("the text `{key}` is missing in Chinese or English (locales/*.ftl)"),
                );
            }
        }
        if kind.channels.is_empty() {
            say(&quoted, format!("kind {} has no channel", kind.id));
        }
    }
    let roles = pack.text("roles.toml").unwrap_or_default();
    for rule in rules.by_fact.values().flatten() {
        if rules.kind(&rule.kind).is_none() {
            say(
                &rule.fact,
                format!("{} tells of the unknown kind `{}`", rule.fact, rule.kind),
            );
        }
        for a in &rule.audience {
            let ok = match a.strip_prefix("role:") {
                Some(role) => roles.contains(&format!("id = \"{role}\"")),
                None => ["applicant", "agent", "assignee", "author"].contains(&a.as_str()),
            };
            if !ok {
                say(&format!("\"{a}\""), format!("unknown audience `{a}`"));
            }
        }
    }
    bad
}

/// Rules are read from the pack at each start, as policies are; the database keeps what it was begun with, for drift.
pub(crate) fn load(ctx: Ctx, pack: Arc<Pack>) -> JobFuture {
    kernel::module::boxed(async move {
        let texts: Vec<(String, String)> = files(&pack)
            .into_iter()
            .map(|n| pack.text(&n).map(|t| (n, t)))
            .collect::<Result<_, _>>()?;
        let version = pack.manifest.pack.version;
        ctx.tx("comms.load", |tx| {
            for (name, text) in &texts {
                kernel::pack::record(tx, &ctx, "notices", name, text, version)?;
            }
            Ok(())
        })
        .await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_reach_over_midnight() {
        let r = Rules {
            quiet: (22 * 60, 7 * 60),
            ..Rules::default()
        };
        assert_eq!(r.quiet_for(22 * 60), Some(9 * 3_600_000));
        assert_eq!(r.quiet_for(6 * 60 + 59), Some(60_000));
        assert_eq!((r.quiet_for(7 * 60), r.quiet_for(12 * 60)), (None, None));
        assert_eq!(Rules::default().quiet_for(0), None);
    }

    #[test]
    fn a_condition_compares_values() {
        let when = BTreeMap::from([("state".to_string(), vec![Json::from("granted")])]);
        let rule = Rule {
            fact: String::new(),
            kind: String::new(),
            audience: Vec::new(),
            when,
        };
        assert!(rule.holds(&serde_json::json!({ "state": "granted" })));
        assert!(
            !rule.holds(&serde_json::json!({ "state": "refused" })) && !rule.holds(&serde_json::json!({}))
        );
    }
}
