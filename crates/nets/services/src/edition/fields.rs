//! The elements of a sheet as people fill them in: read from a form or a cell, shown again, missing ones named.

pub(crate) use super::table::{FIELDS, Field, Kind, Option_};
use serde_json::{Map, Value as Json};

pub(crate) type Map_ = Map<String, Json>;

/// A message for one field: locale key and arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wrong {
    /// `title`, `material.2.title`.
    pub field: String,
    pub key: &'static str,
    pub args: Vec<(&'static str, String)>,
}

impl Wrong {
    pub(crate) fn new(field: impl Into<String>, key: &'static str) -> Wrong {
        Wrong {
            field: field.into(),
            key,
            args: Vec::new(),
        }
    }
    pub(crate) fn arg(mut self, name: &'static str, value: impl ToString) -> Wrong {
        self.args.push((name, value.to_string()));
        self
    }
}

/// The field of a name, and for `material.2.title` its column.
pub(crate) fn find(name: &str) -> Option<(&'static Field, Option<&'static Field>)> {
    if let Some(f) = FIELDS.iter().find(|f| f.name == name) {
        return Some((f, None));
    }
    let (rows, rest) = FIELDS
        .iter()
        .filter(|f| matches!(f.kind, Kind::Rows(_)))
        .find_map(|f| Some((f, name.strip_prefix(f.name)?.strip_prefix('.')?)))?;
    let (_, column) = rest.split_once('.')?;
    match rows.kind {
        Kind::Rows(columns) => columns.iter().find(|c| c.name == column).map(|c| (rows, Some(c))),
        _ => None,
    }
}

/// 受理条件 2 · 中文: where a message belongs, in the reader's words.
pub(crate) fn place(name: &str, english: bool) -> String {
    match find(name) {
        Some((f, None)) => f.label(english).to_string(),
        Some((f, Some(c))) => {
            let row = name[f.name.len() + 1..].split('.').next();
            let n: usize = row.and_then(|n| n.parse().ok()).unwrap_or(0);
            format!("{} {} · {}", f.label(english), n + 1, c.label(english))
        }
        None => name.to_string(),
    }
}

pub(crate) fn get<'j>(sheet: &'j Map_, name: &str) -> &'j Json {
    match name.split_once('.') {
        None => sheet.get(name).unwrap_or(&Json::Null),
        Some((group, inner)) => &sheet.get(group).unwrap_or(&Json::Null)[inner],
    }
}

pub(crate) fn set(sheet: &mut Map_, name: &str, value: Json) {
    match name.split_once('.') {
        None => drop(sheet.insert(name.to_string(), value)),
        Some((group, inner)) => {
            let group = sheet
                .entry(group.to_string())
                .or_insert_with(|| Json::Object(Map::new()));
            if !group.is_object() {
                *group = Json::Object(Map::new());
            }
            group[inner] = value;
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(['\n', '\r', '、', '，', ',', ';', '；'])
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .map(String::from)
        .collect()
}

fn one_of(options: &'static [Option_], text: &str) -> Option<&'static str> {
    let named = |o: &&Option_| [o.0, o.1, o.2].iter().any(|n| n.eq_ignore_ascii_case(text));
    options.iter().find(named).map(|o| o.0)
}

/// Reads what a person typed; the error is the locale key with its arguments.
pub(crate) fn parse(f: &Field, name: &str, text: &str) -> Result<Json, Wrong> {
    let text = text.trim();
    let n = text.chars().count();
    let limit = |max: usize| {
        let wrong = Wrong::new(name, "services-wrong-long")
            .arg("max", max)
            .arg("n", n);
        if n > max { Err(wrong) } else { Ok(()) }
    };
    let options = |all: &'static [Option_]| {
        let names: Vec<&str> = all.iter().map(|o| o.1).collect();
        Wrong::new(name, "services-wrong-choice").arg("options", names.join("、"))
    };
    if text.is_empty() {
        return Ok(f.empty());
    }
    Ok(match f.kind {
        Kind::Text | Kind::Long | Kind::Organisation => {
            limit(f.max)?;
            let text = text.replace("\r\n", "\n");
            if matches!(f.kind, Kind::Text) && text.contains('\n') {
                return Err(Wrong::new(name, "services-wrong-line"));
            }
            if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\t') {
                return Err(
                    Wrong::new(name, "services-wrong-control").arg("code", format!("U+{:04X}", c as u32))
                );
            }
            Json::from(text)
        }
        Kind::Words | Kind::Organisations => {
            let all = words(text);
            if all.len() > 100 {
                return Err(Wrong::new(name, "services-wrong-many").arg("max", 100));
            }
            if let Some(w) = all.iter().find(|w| w.chars().count() > f.max) {
                return Err(Wrong::new(name, "services-wrong-long")
                    .arg("max", f.max)
                    .arg("n", w.chars().count()));
            }
            Json::from(all)
        }
        Kind::Whole(min, max) => match text.parse::<i64>() {
            Ok(n) if (min..=max).contains(&n) => Json::from(n),
            _ => {
                return Err(Wrong::new(name, "services-wrong-whole")
                    .arg("min", min)
                    .arg("max", max));
            }
        },
        Kind::Money => Json::from(fen(text).ok_or_else(|| Wrong::new(name, "services-wrong-money"))?),
        Kind::Yes => match text.to_lowercase().as_str() {
            "true" | "yes" | "y" | "1" | "是" | "on" => Json::Bool(true),
            "false" | "no" | "n" | "0" | "否" => Json::Bool(false),
            _ => return Err(Wrong::new(name, "services-wrong-yes")),
        },
        Kind::Choice(all) => Json::from(one_of(all, text).ok_or_else(|| options(all))?),
        Kind::Choices(all) => {
            let chosen = words(text)
                .iter()
                .map(|w| one_of(all, w).ok_or_else(|| options(all)))
                .collect::<Result<Vec<_>, _>>()?;
            Json::from(chosen)
        }
        Kind::Rows(columns) => {
            let mut rows = Vec::new();
            let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
            for (n, line) in lines.enumerate() {
                let cells = split_cells(line);
                if cells.len() > columns.len() {
                    let wrong = Wrong::new(name, "services-wrong-cells");
                    return Err(wrong
                        .arg("line", n + 1)
                        .arg("max", columns.len())
                        .arg("n", cells.len()));
                }
                let mut row = Map::new();
                for (k, c) in columns.iter().enumerate() {
                    let cell = cells.get(k).map_or("", String::as_str);
                    row.insert(c.name.into(), parse(c, &format!("{name}.{n}.{}", c.name), cell)?);
                }
                rows.push(Json::Object(row));
            }
            if rows.len() > 100 {
                return Err(Wrong::new(name, "services-wrong-many").arg("max", 100));
            }
            Json::Array(rows)
        }
    })
}

/// 12.5 → 1250; at most two decimals, nothing below zero.
fn fen(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(['¥', '￥']).replace([',', '，'], "");
    let (yuan, cents) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |t: &str| t.chars().all(|c| c.is_ascii_digit());
    if yuan.is_empty() || yuan.len() > 9 || cents.len() > 2 || !digits(yuan) || !digits(cents) {
        return None;
    }
    Some(yuan.parse::<i64>().ok()? * 100 + format!("{cents:0<2}").parse::<i64>().ok()?)
}

/// A line of cells: `a | b`, where `\|` is a bar, `\n` a line break and `\\` a backslash inside a cell.
fn split_cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut chars) = (Vec::new(), String::new(), line.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => cell.push('\n'),
                Some(other) => cell.push(other),
                None => cell.push('\\'),
            },
            // People type the wide bar as well.
            '|' | '｜' => cells.push(std::mem::take(&mut cell).trim().to_string()),
            _ => cell.push(c),
        }
    }
    cells.push(cell.trim().to_string());
    cells
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(['|'], "\\|")
        .replace('｜', "\\｜")
        .replace('\n', "\\n")
}

/// The value as people read and type it.
pub(crate) fn show(f: &Field, value: &Json, english: bool) -> String {
    let name = |all: &[Option_], v: &str| {
        let found = all.iter().find(|o| o.0 == v);
        found.map_or(v, |o| if english { o.2 } else { o.1 }).to_string()
    };
    let list = |v: &Json| -> Vec<String> {
        v.as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(String::from)
            .collect()
    };
    match (f.kind, value) {
        (_, Json::Null) => String::new(),
        // What could not be read stays as it was typed.
        (Kind::Whole(..) | Kind::Money, Json::String(raw)) => raw.clone(),
        (Kind::Words | Kind::Organisations, v) => list(v).join(if english { ", " } else { "、" }),
        (Kind::Whole(..), v) => v.to_string(),
        (Kind::Money, v) => {
            let fen = v.as_i64().unwrap_or(0);
            format!("{}.{:02}", fen / 100, fen % 100)
        }
        (Kind::Yes, v) => match (*v == Json::Bool(true), english) {
            (true, true) => "yes".into(),
            (true, false) => "是".into(),
            (false, true) => "no".into(),
            (false, false) => "否".into(),
        },
        (Kind::Choice(all), v) => name(all, v.as_str().unwrap_or_default()),
        (Kind::Choices(all), v) => {
            let names: Vec<String> = list(v).iter().map(|v| name(all, v)).collect();
            names.join(if english { ", " } else { "、" })
        }
        (Kind::Rows(columns), v) => {
            let rows = v.as_array().into_iter().flatten();
            let line = |row: &Json| {
                let cells: Vec<String> = columns
                    .iter()
                    .map(|c| escaped(&show(c, &row[c.name], english)))
                    .collect();
                cells.join(" | ").trim_end_matches([' ', '|']).to_string()
            };
            rows.map(line).collect::<Vec<_>>().join("\n")
        }
        (_, v) => v.as_str().map_or_else(|| v.to_string(), String::from),
    }
}

/// Reads a whole posted form over `old`; fields that were not posted keep their value. Values that cannot be read are kept
/// as typed, beside their messages, so that nothing is lost.
pub(crate) fn read(pairs: &[(String, String)], old: &Map_) -> (Map_, Vec<Wrong>) {
    let (mut sheet, mut wrong) = (old.clone(), Vec::new());
    let posted = |name: &str| {
        pairs
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let mut take = |f: &Field, name: &str, text: &str| match parse(f, name, text) {
        Ok(v) => v,
        Err(w) => {
            wrong.push(w);
            match f.kind {
                Kind::Words | Kind::Organisations => Json::from(words(text)),
                Kind::Choice(_) | Kind::Choices(_) | Kind::Yes => f.empty(),
                _ => Json::from(text.trim()),
            }
        }
    };
    for f in FIELDS.iter().filter(|f| f.name != "id") {
        // A group of boxes or rows of which nothing is left posts only its mark.
        let marked = posted(&format!("_{}", f.name)).is_some();
        match f.kind {
            Kind::Choices(_) | Kind::Organisations if marked => {
                let chosen: Vec<&str> = pairs
                    .iter()
                    .filter(|(n, _)| n == f.name)
                    .map(|(_, v)| v.as_str())
                    .collect();
                let v = take(f, f.name, &chosen.join("\n"));
                // Boxes come in the order of the page; the same ones in another order are no change.
                if !same_set(&v, get(old, f.name)) {
                    set(&mut sheet, f.name, v);
                }
            }
            Kind::Yes if marked => {
                let v = take(f, f.name, posted(f.name).unwrap_or("no"));
                set(&mut sheet, f.name, v);
            }
            Kind::Rows(columns) if marked => {
                let prefix = format!("{}.", f.name);
                let mut numbers: Vec<usize> = pairs
                    .iter()
                    .filter_map(|(n, _)| n.strip_prefix(&prefix)?.split('.').next()?.parse().ok())
                    .collect();
                numbers.sort_unstable();
                numbers.dedup();
                let mut rows = Vec::new();
                for n in numbers.into_iter().take(100) {
                    let text = |c: &Field| posted(&format!("{}.{n}.{}", f.name, c.name)).unwrap_or_default();
                    let blank = |c: &Field| {
                        // What a new row comes with says nothing yet.
                        let given = ["max_mb", "form", "originals", "copies"].contains(&c.name);
                        matches!(c.kind, Kind::Yes) || text(c).trim().is_empty() || given
                    };
                    if columns.iter().all(blank) {
                        continue;
                    }
                    let mut row = Map::new();
                    for c in columns {
                        let typed = match (c.kind, text(c)) {
                            (Kind::Yes, "") => "no",
                            (_, t) => t,
                        };
                        row.insert(
                            c.name.into(),
                            take(c, &format!("{}.{}.{}", f.name, rows.len(), c.name), typed),
                        );
                    }
                    rows.push(Json::Object(row));
                }
                set(&mut sheet, f.name, Json::Array(rows));
            }
            Kind::Choices(_) | Kind::Organisations | Kind::Yes | Kind::Rows(_) => {}
            _ => {
                if let Some(text) = posted(f.name) {
                    let v = take(f, f.name, text);
                    set(&mut sheet, f.name, v);
                }
            }
        }
    }
    (sheet, wrong)
}

fn same_set(a: &Json, b: &Json) -> bool {
    let sorted = |v: &Json| -> Vec<String> {
        let list = v.as_array().into_iter().flatten().filter_map(Json::as_str);
        let mut all: Vec<String> = list.map(String::from).collect();
        all.sort_unstable();
        all
    };
    b.is_array() && sorted(a) == sorted(b)
}

/// What is still missing before a sheet can be handed in.
pub(crate) fn missing(sheet: &Map_) -> Vec<Wrong> {
    let blank = |v: &Json| match v {
        Json::Null => true,
        Json::String(s) => s.trim().is_empty(),
        Json::Array(a) => a.is_empty(),
        _ => false,
    };
    let mut out = Vec::new();
    for f in FIELDS {
        let value = get(sheet, f.name);
        if f.required && blank(value) {
            out.push(Wrong::new(f.name, "services-wrong-required"));
        }
        let Kind::Rows(columns) = f.kind else { continue };
        for (n, row) in value.as_array().into_iter().flatten().enumerate() {
            for c in columns.iter().filter(|c| c.required && blank(&row[c.name])) {
                out.push(Wrong::new(
                    format!("{}.{n}.{}", f.name, c.name),
                    "services-wrong-required",
                ));
            }
        }
    }
    out
}

/// A sheet with every element empty.
pub(crate) fn blank() -> Map_ {
    let mut sheet = Map::new();
    for f in FIELDS {
        set(&mut sheet, f.name, f.empty());
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(name: &str) -> &'static Field {
        find(name).unwrap().0
    }

    #[test]
    fn values_are_read_as_they_are_shown() {
        let sheet = json!({ "fee": { "amount": 1250 }, "audience": ["natural", "legal"], "online": "full", "sample": true,
            "words": ["占道", "摆摊"],
            "conditions": [{ "zh": "一|二\n三\\四", "en": "a" }, { "zh": "五", "en": "" }],
            "material": [{ "id": "m", "title": "图", "title_en": "", "required": true, "when": null, "accept": ["pdf", "jpg"], "max_mb": 10, "note": "", "note_en": "", "gap": true, "promise": false, "source": "self", "form": "paper", "originals": 2, "copies": 0 }] });
        let sheet = sheet.as_object().unwrap();
        for english in [false, true] {
            for name in [
                "fee.amount",
                "audience",
                "online",
                "sample",
                "words",
                "conditions",
                "material",
            ] {
                let text = show(of(name), get(sheet, name), english);
                assert_eq!(
                    &parse(of(name), name, &text).unwrap(),
                    get(sheet, name),
                    "{name}: {text}"
                );
            }
        }
        assert_eq!(show(of("fee.amount"), get(sheet, "fee.amount"), false), "12.50");
    }

    #[test]
    fn wrong_values_say_what_is_wanted() {
        let key = |name: &str, text: &str| parse(of(name), name, text).unwrap_err().key;
        assert_eq!(key("legal_days", "二十"), "services-wrong-whole");
        assert_eq!(key("legal_days", "-1"), "services-wrong-whole");
        assert_eq!(key("fee.amount", "12.345"), "services-wrong-money");
        assert_eq!(key("title", &"长".repeat(201)), "services-wrong-long");
        assert_eq!(key("title", "a\nb"), "services-wrong-line");
        assert_eq!(key("title", "a\u{7}b"), "services-wrong-control");
        assert_eq!(key("online", "有时"), "services-wrong-choice");
        assert_eq!(key("sample", "也许"), "services-wrong-yes");
        assert_eq!(key("conditions", "a | b | c"), "services-wrong-cells");
        let inner = parse(of("material"), "material", "m | 图 | | 是 | | pdf | 很大").unwrap_err();
        assert_eq!(
            (inner.field.as_str(), inner.key),
            ("material.0.max_mb", "services-wrong-whole")
        );
    }

    #[test]
    fn a_form_keeps_what_it_cannot_read_and_drops_empty_rows() {
        let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
        };
        let old =
            json!({ "title": "旧", "code": "1", "steps": [{ "zh": "x", "en": "" }], "audience": ["legal"] });
        let posted = pairs(&[
            ("title", " 新 "),
            ("legal_days", "许多"),
            ("_conditions", ""),
            ("conditions.0.zh", ""),
            ("conditions.4.zh", "四"),
            ("_audience", ""),
        ]);
        let (sheet, wrong) = read(&posted, old.as_object().unwrap());
        assert_eq!(sheet["title"], "新");
        assert_eq!(sheet["code"], "1");
        assert_eq!(sheet["legal_days"], "许多");
        assert_eq!(sheet["conditions"], json!([{ "zh": "四", "en": "" }]));
        assert_eq!(sheet["audience"], json!([]));
        assert_eq!(sheet["steps"][0]["zh"], "x");
        assert_eq!(wrong.len(), 1);
        assert!(missing(&sheet).iter().any(|w| w.field == "audience"));
    }

    #[test]
    fn a_blank_sheet_is_a_sheet() {
        serde_json::from_value::<crate::matter::model::Sheet>(Json::Object(blank())).unwrap();
    }

    #[test]
    fn every_element_of_a_sheet_has_a_field() {
        // With a row in each group, so that the elements of rows are seen as well.
        let mut one = blank();
        for f in FIELDS {
            if let Kind::Rows(columns) = f.kind {
                let row: Map_ = columns.iter().map(|c| (c.name.to_string(), c.empty())).collect();
                set(&mut one, f.name, json!([row]));
            }
        }
        let sheet: crate::matter::model::Sheet = serde_json::from_value(Json::Object(one)).unwrap();
        let Json::Object(all) = serde_json::to_value(sheet).unwrap() else {
            panic!()
        };
        fn names(name: &str, value: &Json) -> Vec<String> {
            match value {
                Json::Object(o) => o
                    .iter()
                    .flat_map(|(k, v)| names(&format!("{name}.{k}"), v))
                    .collect(),
                Json::Array(rows) if rows.iter().any(Json::is_object) => {
                    names(&format!("{name}.0"), &rows[0])
                }
                _ => vec![name.to_string()],
            }
        }
        for (name, value) in &all {
            for name in names(name, value) {
                assert!(find(&name).is_some(), "{name} cannot be edited");
            }
        }
    }
}
