//! Texts: Fluent files of every crate, overlaid by the pack's. Chinese is complete; English falls back to Chinese.

use crate::error::Fault;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::collections::BTreeSet;

/// The languages people can switch between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Locale {
    #[default]
    #[serde(rename = "zh-CN")]
    Zh,
    #[serde(rename = "en")]
    En,
}

impl Locale {
    pub fn tag(self) -> &'static str {
        match self {
            Locale::Zh => "zh-CN",
            Locale::En => "en",
        }
    }
    pub fn parse(tag: &str) -> Option<Locale> {
        match tag.split(['-', '_', ';', ',']).next()?.trim() {
            "zh" => Some(Locale::Zh),
            "en" => Some(Locale::En),
            _ => None,
        }
    }
    /// `zh` or `en` of a pair of contents.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Locale::En if !en.is_empty() => en,
            _ => zh,
        }
    }
}

/// All texts of the program.
pub struct Texts {
    zh: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
    keys: (BTreeSet<String>, BTreeSet<String>),
}

impl Texts {
    /// `sources`: (locale tag, file name for errors, Fluent text), later ones overriding earlier ones.
    pub fn load(sources: &[(String, String, String)]) -> Result<Texts, Fault> {
        let make = |tag: &str| -> Result<(FluentBundle<FluentResource>, BTreeSet<String>), Fault> {
            let id = tag
                .parse()
                .map_err(|e| Fault::of(format!("locale {tag}"), format!("{e:?}")))?;
            let mut bundle = FluentBundle::new_concurrent(vec![id]);
            bundle.set_use_isolating(false);
            let mut keys = BTreeSet::new();
            for (_, file, text) in sources.iter().filter(|(t, _, _)| t == tag) {
                let resource = FluentResource::try_new(text.clone())
                    .map_err(|(_, e)| Fault::new(format!("{file}: {e:?}")))?;
                for line in text.lines() {
                    if let Some((key, _)) = line.split_once('=')
                        && key.starts_with(|c: char| c.is_ascii_lowercase())
                    {
                        keys.insert(key.trim().to_string());
                    }
                }
                bundle.add_resource_overriding(resource);
            }
            Ok((bundle, keys))
        };
        let (zh, zh_keys) = make("zh-CN")?;
        let (en, en_keys) = make("en")?;
        Ok(Texts {
            zh,
            en,
            keys: (zh_keys, en_keys),
        })
    }

    /// Keys of each language, for the test that both say the same.
    pub fn keys(&self) -> (&BTreeSet<String>, &BTreeSet<String>) {
        (&self.keys.0, &self.keys.1)
    }

    pub fn has(&self, key: &str) -> bool {
        self.zh.has_message(key)
    }

    /// The text, or the key itself so that a missing one is seen at once.
    pub fn get(&self, locale: Locale, key: &str, args: &[(&str, &str)]) -> String {
        let order: &[&FluentBundle<FluentResource>] = match locale {
            Locale::Zh => &[&self.zh, &self.en],
            Locale::En => &[&self.en, &self.zh],
        };
        for bundle in order {
            let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) else {
                continue;
            };
            let mut values = FluentArgs::new();
            for (name, value) in args {
                let number = value
                    .parse::<f64>()
                    .ok()
                    .filter(|_| value.len() < 12 && !value.starts_with('0'));
                values.set(
                    *name,
                    number.map_or_else(|| FluentValue::from(value.to_string()), FluentValue::from),
                );
            }
            let mut errors = Vec::new();
            return bundle
                .format_pattern(pattern, Some(&values), &mut errors)
                .into_owned();
        }
        key.to_string()
    }
}
