//! Fluent keys: the same in both languages, in one crate only, and every key that is used exists.

use crate::source::{code, files, is_test, line_of, literal, text};
use crate::world::World;
use crate::{Outcome, none_of};
use std::collections::BTreeMap;
use std::path::Path;

const LANGUAGES: [&str; 2] = ["zh-CN.ftl", "en.ftl"];

/// The verb `locales`.
pub fn check() -> Outcome {
    let world = World::read()?;
    let mut findings = Vec::new();
    let mut homes: BTreeMap<String, String> = BTreeMap::new();
    let mut used = Vec::new();
    for p in &world.packages {
        let folder = p.manifest_path.parent().unwrap_or(&p.manifest_path);
        let locales = folder.join("locales");
        if locales.is_dir() {
            for (key, home) in of_crate(&world, &locales, &mut findings)? {
                if let Some(other) = homes.insert(key.clone(), home.clone()) {
                    findings.push(format!("{home}: `{key}` is also in {other}"));
                }
            }
        }
        for path in files(folder, &["html", "rs"])? {
            let shown = world.shown(&path);
            if !shown.starts_with("crates/") || is_test(Path::new(&shown)) {
                continue;
            }
            let text = text(&path)?;
            let keys = if path.extension().is_some_and(|e| e == "html") {
                in_template(&text)
            } else {
                in_rust(&text)
            };
            used.extend(
                keys.into_iter()
                    .map(|(at, key)| (format!("{shown}:{}", line_of(&text, at)), key)),
            );
        }
    }
    findings.extend(
        used.iter()
            .filter(|(_, key)| !homes.contains_key(key))
            .map(|(place, key)| format!("{place}: no crate has a text `{key}`")),
    );
    println!("{} texts, used in {} places", homes.len(), used.len());
    none_of(findings, "locales")
}

/// The keys of one crate with where they stand.
fn of_crate(
    world: &World,
    locales: &Path,
    findings: &mut Vec<String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    let mut both = Vec::new();
    for language in LANGUAGES {
        let path = locales.join(language);
        let shown = world.shown(&path);
        let mut keys = BTreeMap::new();
        if path.exists() {
            for (line, entry) in fluent(&text(&path)?) {
                match entry {
                    Err(junk) => findings.push(format!("{shown}:{line}: not Fluent: {junk}")),
                    Ok(key) => {
                        if keys.insert(key.clone(), format!("{shown}:{line}")).is_some() {
                            findings.push(format!("{shown}:{line}: `{key}` stands twice"));
                        }
                    }
                }
            }
        }
        all.extend(keys.clone());
        both.push((shown, keys));
    }
    for (here, there) in [(0, 1), (1, 0)] {
        for (key, place) in both[here]
            .1
            .iter()
            .filter(|(k, _)| !both[there].1.contains_key(*k))
        {
            findings.push(format!("{place}: `{key}` is missing in {}", both[there].0));
        }
    }
    Ok(all)
}

/// The messages of a Fluent file with their lines; `Err` holds a line that is neither message, term,
/// comment nor a continuation.
fn fluent(text: &str) -> Vec<(usize, Result<String, String>)> {
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with([' ', '#', '}']) {
            continue;
        }
        let key = line.split_once('=').map(|(k, _)| k.trim_end());
        let key = key.filter(|k| {
            k.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
        match key {
            Some(k) if k.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                found.push((n + 1, Ok(k.to_string())))
            }
            // A term: only other messages refer to it.
            Some(k) if k.starts_with('-') => {}
            _ => found.push((n + 1, Err(line.to_string()))),
        }
    }
    found
}

/// The literal keys of `t("…")` in a template, also both sides of `t("…" if x else "…")`; a key put
/// together with `~` cannot be known here.
fn in_template(html: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, call) in html.match_indices("t(") {
        let before = html[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.') {
            continue;
        }
        let Some((key, rest)) = quoted(&html[at + call.len()..]) else {
            continue;
        };
        let rest = rest.trim_start();
        if rest.starts_with([')', ',']) {
            found.push((at, key.to_string()));
        } else if rest.starts_with("if ") {
            found.push((at, key.to_string()));
            let other = rest.split_once(" else ").and_then(|(_, r)| quoted(r));
            if let Some((key, rest)) = other
                && rest.trim_start().starts_with([')', ','])
            {
                found.push((at, key.to_string()));
            }
        }
    }
    found
}

fn quoted(s: &str) -> Option<(&str, &str)> {
    let s = s.trim_start();
    let quote = s.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    s[1..].split_once(quote)
}

/// The literal keys of `ctx.t("…")` and `Refusal::new("…")` in Rust source, outside its tests.
fn in_rust(source: &str) -> Vec<(usize, String)> {
    let code = code(source);
    let mut found = Vec::new();
    for call in [".t(", "Refusal::new("] {
        for (at, _) in code.match_indices(call) {
            let argument = at + call.len();
            let quote = argument + (code.len() - argument - code[argument..].trim_start().len());
            if code[quote..].starts_with('"')
                && let Some(key) = literal(source, quote)
            {
                found.push((quote, key.to_string()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(found: Vec<(usize, String)>) -> Vec<String> {
        found.into_iter().map(|f| f.1).collect()
    }

    #[test]
    fn messages_of_a_fluent_file() {
        let text = "# c\na-b = x\n    more\n    .title = t\nc = { $n ->\n    [one] 1\n\
            \x20   *[other] { $n }\n}\n-term = y\nwrong\n";
        let found = fluent(text);
        assert_eq!(found[0], (2, Ok("a-b".into())));
        assert_eq!(found[1], (5, Ok("c".into())));
        assert_eq!(found[2], (10, Err("wrong".into())));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn keys_in_templates_and_source() {
        let html = r#"{{ t("a") }} {{ t('b', n=1) }} {{ t("c-" ~ s) }}
            {{ t("d" if x == "z" else "e") }} {{ t(f) }} {{ sort("g") }}"#;
        assert_eq!(keys(in_template(html)), ["a", "b", "d", "e"]);
        let rust = "/// ctx.t(\"doc\")\nfn f() { ctx.t(\n  \"a\", &[]); Refusal::new(\"b\");\
            cx.t(&format!(\"c-{x}\")); x.t(key) }\n\
            #[cfg(test)]\nmod t { fn g() { Refusal::new(\"test\") } }\n";
        assert_eq!(keys(in_rust(rust)), ["a", "b"]);
    }
}
