//! A message, its words, and what a person wishes.

use crate::rules::Channel;
use kernel::ctx::App;
use kernel::{Fault, Locale, Row};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// One row of `comms_message`.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub id: String,
    pub recipient: String,
    pub kind: String,
    pub group: String,
    pub urgent: bool,
    pub listed: bool,
    pub reference: String,
    pub link: String,
    pub args: Json,
    pub cause: String,
    pub created_at: i64,
    pub read_at: Option<i64>,
}

impl Message {
    pub fn of(r: &Row) -> Result<Message, Fault> {
        Ok(Message {
            id: r.get("id")?,
            recipient: r.get("recipient")?,
            kind: r.get("kind")?,
            group: r.get("category")?,
            urgent: r.get("urgent")?,
            listed: r.get("listed")?,
            reference: r.get("reference")?,
            link: r.get("link")?,
            args: r.get("args")?,
            cause: r.get("cause")?,
            created_at: r.get("created_at")?,
            read_at: r.get("read_at")?,
        })
    }

    /// `part` is `subject`, `body` or `sms`.
    pub fn say(&self, app: &App, locale: Locale, part: &str) -> String {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.args.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), String::from);
            values.insert(name.clone(), kernel::page::date_text(locale, &text));
        }
        if locale == Locale::En {
            let english: Vec<(String, String)> = values
                .iter()
                .filter_map(|(k, v)| Some((k.strip_suffix("_en")?.to_string(), v.clone())))
                .filter(|(_, v)| !v.is_empty())
                .collect();
            values.extend(english);
        }
        let title = |key: &str| app.city[key].as_str().unwrap_or_default().to_string();
        values.insert(
            "city".into(),
            locale.pick(&title("title"), &title("title_en")).to_string(),
        );
        values.insert("link".into(), format!("{}{}", app.config.url, self.link));
        let pairs: Vec<(&str, &str)> = values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        app.texts
            .get(locale, &format!("message-{}-{part}", self.kind), &pairs)
    }
}

/// One row of `comms_preference`, or what holds without one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preference {
    pub locale: Locale,
    /// `group:channel`
    pub off: BTreeSet<String>,
    /// Sealed.
    pub mail: Option<Vec<u8>>,
    pub code: Option<String>,
    pub code_until: Option<i64>,
    pub tries: i64,
    pub confirmed_at: Option<i64>,
    /// 0: there is no row yet.
    pub version: i64,
}

impl Preference {
    pub fn wants(&self, group: &str, channel: Channel) -> bool {
        !self.off.contains(&format!("{group}:{}", channel.name()))
    }
}

/// 199****0001, a***@city.example.
pub(crate) fn masked(address: &str) -> String {
    if let Some((local, domain)) = address.split_once('@') {
        let first: String = local.chars().take(1).collect();
        return format!("{first}***@{domain}");
    }
    let n = address.chars().count();
    address
        .chars()
        .enumerate()
        .map(|(i, c)| if n >= 8 && (i < 3 || i + 4 >= n) { c } else { '*' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked() {
        assert_eq!(masked("19900000001"), "199****0001");
        assert_eq!(masked("resident@city.example"), "r***@city.example");
        assert_eq!(masked("1234"), "****");
    }

    #[test]
    fn wishes_are_by_group_and_channel() {
        let p = Preference {
            off: BTreeSet::from(["progress:sms".to_string()]),
            ..Preference::default()
        };
        assert!(
            !p.wants("progress", Channel::Sms)
                && p.wants("progress", Channel::Mail)
                && p.wants("legal", Channel::Sms)
        );
    }
}
