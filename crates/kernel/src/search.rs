//! Search: words, pinyin and character bigrams, made in Rust and stored in the row's own transaction.
//!
//! The database returns candidates that share a token; one Rust function scores them, so both databases rank alike.
//! One wrong character still shares the other bigrams and most of the pinyin.

use crate::db::Tx;
use crate::error::Fault;
use crate::i18n::Locale;
use crate::params;
use jieba_rs::Jieba;
use pinyin::ToPinyin;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Loads the dictionary, which takes a good part of a second once in the life of the process. Call it before a
/// transaction that writes entries: no transaction has that much time.
pub fn warm() {
    LazyLock::force(&JIEBA);
}

/// What is put into the index.
#[derive(Clone, Debug)]
pub struct Entry {
    pub source: &'static str,
    pub id: String,
    pub locale: Locale,
    pub title: String,
    pub summary: String,
    pub href: String,
    /// Further words by which it should be found (synonyms, everyday words).
    pub words: Vec<String>,
}

/// What is found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Hit {
    pub source: String,
    pub id: String,
    pub title: String,
    pub summary: String,
    pub href: String,
    pub score: f64,
}

fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// Lower-cased, full-width letters narrowed, punctuation to spaces.
fn normalise(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        })
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect()
}

/// The tokens of a text with their weights: `w:` words, `b:` character bigrams, `c:` single characters (queries of one
/// character), `p:` pinyin syllable pairs, `i:` initials.
pub fn tokens(text: &str) -> BTreeMap<String, i64> {
    let text = normalise(text);
    let mut out = BTreeMap::new();
    let mut put = |token: String, weight: i64| {
        let w = out.entry(token).or_insert(0);
        *w = weight.max(*w);
    };
    for word in JIEBA.cut_for_search(&text, true) {
        let word = word.word.trim();
        if word.chars().count() > 1 || word.chars().any(|c| c.is_ascii_alphanumeric()) {
            put(format!("w:{word}"), 6);
        }
    }
    for run in text.split(' ') {
        let han: Vec<char> = run.chars().filter(|c| is_han(*c)).collect();
        for pair in han.windows(2) {
            put(format!("b:{}{}", pair[0], pair[1]), 3);
        }
        for c in &han {
            put(format!("c:{c}"), 1);
        }
        let syllables: Vec<&str> = han
            .iter()
            .filter_map(|c| c.to_pinyin())
            .map(|p| p.plain())
            .collect();
        pairs(&syllables, &mut put);
        let initials: String = syllables.iter().filter_map(|s| s.chars().next()).collect();
        grams(&initials, &mut put);
    }
    out
}

fn pairs(syllables: &[&str], put: &mut impl FnMut(String, i64)) {
    for pair in syllables.windows(2) {
        put(format!("p:{}{}", pair[0], pair[1]), 2);
    }
}

/// Initials in runs of three, so that `lszy` finds a longer title; two letters find only a title's beginning.
fn grams(initials: &str, put: &mut impl FnMut(String, i64)) {
    for at in 0..initials.len().saturating_sub(2) {
        if let Some(three) = initials.get(at..at + 3) {
            put(format!("i:{three}"), 3);
        }
    }
    if let Some(two) = initials.get(..2) {
        put(format!("i:{two}"), 2);
    }
}

/// Splits typed pinyin (`linshizhanyong`) into syllables, greedily longest first with backtracking.
fn syllables(text: &str) -> Option<Vec<String>> {
    static ALL: LazyLock<std::collections::HashSet<String>> = LazyLock::new(|| {
        ('\u{4e00}'..='\u{9fff}')
            .filter_map(|c| c.to_pinyin())
            .map(|p| p.plain().replace('ü', "v"))
            .collect()
    });
    if text.is_empty() {
        return Some(Vec::new());
    }
    for len in (1..=text.len().min(6)).rev() {
        if text.is_char_boundary(len)
            && ALL.contains(&text[..len])
            && let Some(mut rest) = syllables(&text[len..])
        {
            rest.insert(0, text[..len].to_string());
            return Some(rest);
        }
    }
    None
}

/// The tokens of a query: those of a text, plus typed pinyin and initials.
fn query_tokens(query: &str) -> BTreeMap<String, i64> {
    let mut out = tokens(query);
    let normal = normalise(query);
    let latin: String = normal.chars().filter(|c| c.is_ascii_lowercase()).collect();
    if latin.len() > 1 && latin.len() < 60 && !normal.chars().any(is_han) {
        if let Some(s) = syllables(&latin) {
            let s: Vec<&str> = s.iter().map(String::as_str).collect();
            pairs(&s, &mut |t, w| {
                out.insert(t, w + 3);
            });
        }
        grams(&latin, &mut |t, w| {
            out.insert(t, w);
        });
    }
    out
}

/// Puts one entry into the index, replacing what was there.
pub fn put(tx: &mut Tx<'_>, e: &Entry) -> Result<(), Fault> {
    remove(tx, e.source, &e.id, e.locale)?;
    let mut all = tokens(&e.title);
    for w in all.values_mut() {
        *w *= 3;
    }
    let rest = e
        .words
        .iter()
        .map(|w| (tokens(w), 2))
        .chain(std::iter::once((tokens(&e.summary), 1)));
    for (more, factor) in rest {
        for (token, weight) in more {
            let w = all.entry(token).or_insert(0);
            *w = (weight * factor).max(*w);
        }
    }
    let text = serde_json::to_string(&all).map_err(|x| Fault::of("search tokens", x))?;
    tx.execute(
        "INSERT INTO kernel_search(source, id, locale, title, summary, href, tokens) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![e.source, e.id.clone(), e.locale.tag(), e.title.clone(), e.summary.clone(), e.href.clone(), text],
    )?;
    let key = format!("{}#{}", e.id, e.locale.tag());
    for (token, weight) in all {
        tx.execute(
            "INSERT INTO kernel_search_token(token, source, id, weight) VALUES ($1, $2, $3, $4)",
            params![token, e.source, key.clone(), weight],
        )?;
    }
    Ok(())
}

/// Takes one entry out of the index.
pub fn remove(tx: &mut Tx<'_>, source: &str, id: &str, locale: Locale) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM kernel_search WHERE source = $1 AND id = $2 AND locale = $3",
        params![source, id, locale.tag()],
    )?;
    tx.execute(
        "DELETE FROM kernel_search_token WHERE source = $1 AND id = $2",
        params![source, format!("{id}#{}", locale.tag())],
    )?;
    Ok(())
}

/// The best hits for what a person typed, best first.
pub fn find(tx: &mut Tx<'_>, query: &str, locale: Locale, limit: usize) -> Result<Vec<Hit>, Fault> {
    let wanted = query_tokens(query);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // Rare, heavy tokens first; 40 are enough to name the candidates.
    let mut names: Vec<(&String, &i64)> = wanted.iter().collect();
    names.sort_by_key(|(t, w)| (std::cmp::Reverse(**w), t.len()));
    names.truncate(40);
    let mut scores: BTreeMap<(String, String), f64> = BTreeMap::new();
    for (token, weight) in &names {
        let rows = tx.query(
            "SELECT source, id, weight FROM kernel_search_token WHERE token = $1 ORDER BY weight DESC, source, id LIMIT 500",
            params![token.as_str()],
        )?;
        let rarity = 1.0 / (1.0 + (rows.len() as f64).ln_1p());
        for r in rows {
            let key = (r.get("source")?, r.get("id")?);
            *scores.entry(key).or_insert(0.0) += **weight as f64 * r.get::<i64>("weight")? as f64 * rarity;
        }
    }
    let best_possible: f64 = names
        .iter()
        .map(|(_, w)| (**w * **w) as f64)
        .sum::<f64>()
        .max(1.0);
    let mut ranked: Vec<_> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut hits = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for ((source, key), score) in ranked {
        let (id, _) = key.rsplit_once('#').unwrap_or((&key, ""));
        if score < best_possible * 0.08 || !seen.insert((source.clone(), id.to_string())) {
            continue;
        }
        let row = tx.one(
            "SELECT title, summary, href FROM kernel_search WHERE source = $1 AND id = $2 \
             ORDER BY CASE WHEN locale = $3 THEN 0 ELSE 1 END LIMIT 1",
            params![source.clone(), id, locale.tag()],
        )?;
        if let Some(r) = row {
            hits.push(Hit {
                source,
                id: id.to_string(),
                title: r.get("title")?,
                summary: r.get("summary")?,
                href: r.get("href")?,
                score,
            });
        }
        if hits.len() >= limit {
            break;
        }
    }
    Ok(hits)
}
