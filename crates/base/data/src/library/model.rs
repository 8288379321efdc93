//! What a source is and how its file is examined: pure functions of definition and bytes.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A data element (数据元): what a form field, a library column and an exchange field mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Element {
    pub id: String,
    pub name: String,
    pub name_en: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// L1 (open) to L4 (most protected).
    pub grade: String,
    /// The standard that defines it.
    #[serde(rename = "source")]
    pub standard: Option<String>,
    /// The codes of an enum.
    pub values: Vec<String>,
}

/// A closed set of names, as packs, tables and texts write them.
macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $kind { $(#[serde(rename = $name)] $variant),+ }
        impl $kind {
            pub(crate) const NAMES: &'static [&'static str] = &[$($name),+];
            pub(crate) fn parse(name: &str) -> Option<$kind> {
                match name { $($name => Some($kind::$variant),)+ _ => None }
            }
            pub(crate) fn name(self) -> &'static str {
                match self { $($kind::$variant => $name),+ }
            }
        }
    };
}
names! {
    /// What a cell must be; an empty cell passes none of them.
    Check {
        CitizenId = "citizen-id", CreditCode = "credit-code", Date = "date", NotEmpty = "not-empty", Phone = "phone",
        Enum = "enum",
    }
}
names! {
    /// What a failed rule does: the row is left out, or only the cell.
    Severity { Reject = "reject", Warn = "warn" }
}
names! {
    /// By what a source's rows name their subject.
    KeyKind { CitizenId = "citizen-id", CreditCode = "credit-code" }
}

impl KeyKind {
    fn check(self) -> Check {
        match self {
            KeyKind::CitizenId => Check::CitizenId,
            KeyKind::CreditCode => Check::CreditCode,
        }
    }
    /// The subject kind in identity.
    pub(crate) fn subject(self) -> &'static str {
        match self {
            KeyKind::CitizenId => "natural",
            KeyKind::CreditCode => "legal",
        }
    }
    /// The element that holds the subject's name.
    pub(crate) fn name_element(self) -> &'static str {
        match self {
            KeyKind::CitizenId => "name",
            KeyKind::CreditCode => "firm-name",
        }
    }
    pub(crate) fn phone_element(self) -> &'static str {
        match self {
            KeyKind::CitizenId => "phone",
            KeyKind::CreditCode => "firm-phone",
        }
    }
    /// The six division digits inside a code that passed its check.
    pub(crate) fn area(self, code: &str) -> &str {
        match self {
            KeyKind::CitizenId => code.get(..6),
            KeyKind::CreditCode => code.get(2..8),
        }
        .unwrap_or_default()
    }
}

/// One rule: the column, the element its cells are kept as, and what they must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub column: String,
    pub element: String,
    pub check: Check,
    pub severity: Severity,
    /// The codes an enum allows.
    pub values: Vec<String>,
}

/// A file that feeds a base library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub id: String,
    pub file: String,
    /// `population` or `legal-person`.
    pub library: String,
    pub name: String,
    pub name_en: String,
    /// Organisation id of who answers for it.
    pub authority: String,
    /// Column of the code that names the subject.
    pub key: String,
    pub key_kind: KeyKind,
    /// Column of the legal date of a row.
    pub as_of: String,
    pub rules: Vec<Rule>,
}

/// What a rule found, at a line of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Issue {
    /// 1-based.
    pub line: i64,
    /// Empty when the row as a whole is meant.
    pub column: String,
    /// A name of [`Check`], or `shape`, `duplicate`, `conflict`, `older`.
    pub rule: &'static str,
    pub severity: Severity,
    /// Locale key.
    pub reason: String,
    /// The line that this one repeats or contradicts.
    pub other: Option<i64>,
    pub masked: Option<String>,
}

/// A cell to be kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    pub text: String,
    pub as_of: String,
    pub line: i64,
}

/// What a file holds: counts, issues, and the newest good cell of each subject code and element.
///
/// `read = accepted + rejected`; `warned` counts accepted rows with an issue.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Examined {
    pub read: i64,
    pub accepted: i64,
    pub rejected: i64,
    pub warned: i64,
    /// Oldest and newest date of the accepted rows.
    pub as_of: Option<(String, String)>,
    pub issues: Vec<Issue>,
    pub held: BTreeMap<String, BTreeMap<String, Cell>>,
}

/// A row that passed.
struct Row {
    line: i64,
    key: String,
    as_of: String,
    /// (index of the rule, text)
    cells: Vec<(usize, String)>,
    warned: bool,
}

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The columns a CSV file names in its first line.
pub(crate) fn header(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let mut reader = csv::Reader::from_reader(bytes);
    reader.headers().map(|h| h.iter().map(|c| c.trim().to_string()).collect()).unwrap_or_default()
}

/// Examines a CSV file (UTF-8, with or without byte order mark).
///
/// # Errors
/// The columns of the definition that the file lacks.
pub(crate) fn examine(source: &Source, bytes: &[u8]) -> Result<Examined, Vec<String>> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let columns = header(bytes);
    let at = |name: &String| columns.iter().position(|c| c == name);
    let needed = [&source.key, &source.as_of].into_iter().chain(source.rules.iter().map(|r| &r.column));
    let mut missing: Vec<String> = needed.filter(|c| at(c).is_none()).cloned().collect();
    missing.dedup();
    let (Some(key_at), Some(as_of_at), true) = (at(&source.key), at(&source.as_of), missing.is_empty()) else {
        return Err(missing);
    };
    let places: Vec<usize> = source.rules.iter().filter_map(|r| at(&r.column)).collect();
    let mut out = Examined::default();
    let mut rows: Vec<Row> = Vec::new();
    let mut lines = LineCount { bytes, at: 0, line: 1 };
    for record in csv::ReaderBuilder::new().flexible(true).from_reader(bytes).into_byte_records() {
        out.read += 1;
        let Ok(record) = record else {
            out.reject(Issue::row(lines.line, "shape", "data-reason-shape", None));
            break;
        };
        let line = lines.of(record.position().map_or(0, |p| p.byte()));
        let shape_fits = record.len() == columns.len();
        let record = match csv::StringRecord::from_byte_record(record) {
            Ok(r) if shape_fits => r,
            Ok(_) => {
                out.reject(Issue::row(line, "shape", "data-reason-shape", None));
                continue;
            }
            Err(_) => {
                out.reject(Issue::row(line, "shape", "data-reason-encoding", None));
                continue;
            }
        };
        let text = |place: usize| record.get(place).unwrap_or_default().trim();
        if let Some(row) = out.examine_row(source, line, text(key_at), text(as_of_at), |n| text(places[n])) {
            rows.push(row);
        }
    }
    out.combine(source, rows);
    out.issues.sort_by_key(|i| i.line);
    Ok(out)
}

impl Examined {
    fn reject(&mut self, issue: Issue) {
        self.rejected += 1;
        self.issues.push(issue);
    }

    /// Rules on one row; `None` when it is rejected.
    fn examine_row<'a>(
        &mut self,
        source: &Source,
        line: i64,
        key: &str,
        as_of: &str,
        cell: impl Fn(usize) -> &'a str,
    ) -> Option<Row> {
        let before = self.issues.len();
        let mut cells = Vec::new();
        let own = [(&source.key, key, source.key_kind.check()), (&source.as_of, as_of, Check::Date)];
        for (column, text, check) in own {
            let ruled = source.rules.iter().any(|r| {
                r.column == *column && r.check == check && r.severity == Severity::Reject
            });
            if !ruled && let Some(reason) = fails(check, text, &[]) {
                self.issues.push(Issue::cell(line, column, check, Severity::Reject, reason, text));
            }
        }
        let mut bad: Vec<&str> = Vec::new();
        for (n, rule) in source.rules.iter().enumerate() {
            let text = cell(n);
            match fails(rule.check, text, &rule.values) {
                Some(reason) => {
                    self.issues.push(Issue::cell(line, &rule.column, rule.check, rule.severity, reason, text));
                    bad.push(&rule.element);
                }
                None => cells.push((n, text.to_string())),
            }
        }
        // A column with two rules is kept only when it passes both, and once.
        let mut kept: Vec<&str> = Vec::new();
        cells.retain(|(n, _)| {
            let element = source.rules[*n].element.as_str();
            let keep = !bad.contains(&element) && !kept.contains(&element);
            kept.push(element);
            keep
        });
        let rejected = self.issues[before..].iter().any(|i| i.severity == Severity::Reject);
        let named = cells.iter().any(|(n, _)| source.rules[*n].element == source.key_kind.name_element());
        if !rejected && !named {
            self.issues.push(Issue::row(line, "not-empty", "data-reason-nameless", None));
        }
        if rejected || !named {
            self.rejected += 1;
            return None;
        }
        let warned = self.issues.len() > before;
        Some(Row { line, key: key.to_string(), as_of: as_of.to_string(), cells, warned })
    }

    /// Rows against each other: the same again is rejected, the newest cell of each subject and element is held.
    fn combine(&mut self, source: &Source, rows: Vec<Row>) {
        let mut first: HashMap<(String, String), usize> = HashMap::new();
        let mut good: Vec<Row> = Vec::new();
        for row in rows {
            if let Some(at) = first.get(&(row.key.clone(), row.as_of.clone())) {
                let (rule, reason) = match good[*at].cells == row.cells {
                    true => ("duplicate", "data-reason-duplicate"),
                    false => ("conflict", "data-reason-conflict"),
                };
                self.reject(Issue::row(row.line, rule, reason, Some(good[*at].line)));
            } else {
                first.insert((row.key.clone(), row.as_of.clone()), good.len());
                good.push(row);
            }
        }
        for row in &good {
            let of_subject = self.held.entry(row.key.clone()).or_default();
            for (n, text) in &row.cells {
                let cell = Cell { text: text.clone(), as_of: row.as_of.clone(), line: row.line };
                let held = of_subject.entry(source.rules[*n].element.clone()).or_insert_with(|| cell.clone());
                if held.as_of < cell.as_of {
                    *held = cell;
                }
            }
        }
        for row in &mut good {
            let Some(of_subject) = self.held.get(&row.key) else { continue };
            for (n, text) in &row.cells {
                let rule = &source.rules[*n];
                let newer = of_subject.get(&rule.element).filter(|c| c.text != *text && c.line != row.line);
                if let Some(newer) = newer {
                    row.warned = true;
                    self.issues.push(Issue {
                        line: row.line,
                        column: rule.column.clone(),
                        rule: "older",
                        severity: Severity::Warn,
                        reason: "data-reason-older".into(),
                        other: Some(newer.line),
                        masked: Some(mask(rule.check, text)),
                    });
                }
            }
        }
        self.accepted = good.len() as i64;
        self.warned = good.iter().filter(|r| r.warned).count() as i64;
        let oldest = good.iter().map(|r| &r.as_of).min().cloned();
        self.as_of = oldest.zip(good.iter().map(|r| &r.as_of).max().cloned());
    }
}

impl Issue {
    fn row(line: i64, rule: &'static str, reason: &str, other: Option<i64>) -> Issue {
        let reason = reason.into();
        Issue { line, column: String::new(), rule, severity: Severity::Reject, reason, other, masked: None }
    }
    fn cell(line: i64, column: &str, check: Check, severity: Severity, reason: String, text: &str) -> Issue {
        let masked = (!text.is_empty()).then(|| mask(check, text));
        Issue { line, column: column.into(), rule: check.name(), severity, reason, other: None, masked }
    }
}

/// The line at which a byte stands, asked in rising order. The reader's own count is off behind CR LF and empty lines.
struct LineCount<'a> {
    bytes: &'a [u8],
    at: usize,
    line: i64,
}
impl LineCount<'_> {
    fn of(&mut self, byte: u64) -> i64 {
        let mut to = usize::try_from(byte).unwrap_or(self.bytes.len()).clamp(self.at, self.bytes.len());
        while self.bytes.get(to).is_some_and(|b| b"\r\n".contains(b)) {
            to += 1;
        }
        self.line += self.bytes[self.at..to].iter().filter(|b| **b == b'\n').count() as i64;
        self.at = to;
        self.line
    }
}

/// The locale key of the reason why a cell fails, if it does.
fn fails(check: Check, text: &str, values: &[String]) -> Option<String> {
    if text.is_empty() {
        return Some("data-reason-empty".into());
    }
    let of_code = |e: codes::CodeError| format!("data-reason-{}", e.key().trim_start_matches("codes-"));
    match check {
        Check::NotEmpty => None,
        Check::CitizenId => codes::citizen_id(text).err().map(of_code),
        Check::CreditCode => codes::credit_code(text).err().map(of_code),
        Check::Phone => codes::phone(text).err().map(of_code),
        Check::Date => (!date(text)).then(|| "data-reason-date".into()),
        Check::Enum => (!values.iter().any(|v| v == text)).then(|| "data-reason-enum".into()),
    }
}

/// Whether the text is a date of the calendar, written `YYYY-MM-DD`.
fn date(text: &str) -> bool {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
    shape && text.parse::<jiff::civil::Date>().is_ok()
}

/// What may be shown of a cell. Only a text of the expected length keeps a beginning and an end: whatever else stands in
/// the wrong column keeps its first character. The number of stars does not tell the length.
pub(crate) fn mask(check: Check, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (head, tail) = match (check, chars.len()) {
        (_, 0 | 1) => (0, 0),
        (Check::CitizenId | Check::CreditCode, 18) => (6, 4),
        (Check::Phone, 11) => (3, 4),
        (Check::Date, 10) => (4, 0),
        _ => (1, 0),
    };
    let end: String = chars[chars.len() - tail..].iter().collect();
    chars[..head].iter().collect::<String>() + "****" + &end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "id,name,birth,sex,phone,at";

    fn source() -> Source {
        let rule = |column: &str, element: &str, check: Check, severity: Severity| Rule {
            column: column.into(),
            element: element.into(),
            check,
            severity,
            values: if check == Check::Enum { vec!["1".into(), "2".into()] } else { Vec::new() },
        };
        Source {
            id: "people".into(),
            file: "people.csv".into(),
            library: "population".into(),
            name: "人口".into(),
            name_en: "People".into(),
            authority: "a".into(),
            key: "id".into(),
            key_kind: KeyKind::CitizenId,
            as_of: "at".into(),
            rules: vec![
                rule("name", "name", Check::NotEmpty, Severity::Reject),
                rule("birth", "birth-date", Check::Date, Severity::Reject),
                rule("sex", "sex", Check::Enum, Severity::Warn),
                rule("phone", "phone", Check::Phone, Severity::Warn),
            ],
        }
    }

    fn code(n: u16) -> String {
        codes::synthetic_citizen_id("320899", "19900101", n).unwrap()
    }

    fn found(e: &Examined) -> Vec<(i64, &str, &str, &str)> {
        e.issues.iter().map(|i| (i.line, i.column.as_str(), i.rule, i.reason.as_str())).collect()
    }

    fn rows(lines: &[String]) -> Examined {
        examine(&source(), format!("{HEAD}\n{}\n", lines.join("\n")).as_bytes()).unwrap()
    }

    #[test]
    fn rejects_warns_and_counts() {
        let (a, b) = (code(1), code(2));
        let wrong = format!("{}{}", &a[..17], if a.ends_with('0') { '1' } else { '0' });
        let e = rows(&[
            format!("{a},演示甲,1990-01-01,1,19900000001,2026-06-30"),
            format!("{wrong},演示乙,1990-01-01,1,19900000001,2026-06-30"),
            format!("{b},演示丙,1990-02-30,1,19900000001,2026-06-30"),
            format!("{a},演示甲,1990-01-01,1,19900000001,2026-06-30"),
            format!("{a},演示改,1990-01-01,1,19900000001,2026-06-30"),
            format!("{b},,1990-01-01,1,19900000001,2026-06-30"),
            format!("{b},演示丙,1990-01-01,3,2990000,2026-06-30"),
            format!("{b},演示丙,1990-01-01,1"),
            format!("{a},演示甲,1990-01-01,1,19900000009,2021-03-31"),
            format!("{b},演示丙,1990-01-01,1,19900000002,上周"),
        ]);
        assert_eq!((e.read, e.accepted, e.rejected, e.warned), (10, 3, 7, 2));
        assert_eq!(
            found(&e),
            [
                (3, "id", "citizen-id", "data-reason-citizen-check"),
                (4, "birth", "date", "data-reason-date"),
                (5, "", "duplicate", "data-reason-duplicate"),
                (6, "", "conflict", "data-reason-conflict"),
                (7, "name", "not-empty", "data-reason-empty"),
                (8, "sex", "enum", "data-reason-enum"),
                (8, "phone", "phone", "data-reason-phone-length"),
                (9, "", "shape", "data-reason-shape"),
                (10, "phone", "older", "data-reason-older"),
                (11, "at", "date", "data-reason-date"),
            ]
        );
        assert_eq!(e.issues[2].other, Some(2));
        assert_eq!(e.as_of, Some(("2021-03-31".into(), "2026-06-30".into())));
        assert_eq!(e.held[&a]["phone"].text, "19900000001", "the newer one is held, whatever its place in the file");
        assert!(!e.held[&b].contains_key("phone") && !e.held[&b].contains_key("sex"), "a wrong cell is not kept");
        let shown = format!("{:?}", e.issues);
        for secret in [wrong.as_str(), "演示丙", "1990-02-30", "2990000", "19900000009", "上周"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }

    #[test]
    fn newer_rows_win_in_any_order_and_gaps_are_filled_from_older_ones() {
        let a = code(1);
        let old = format!("{a},演示甲,1990-01-01,1,19900000001,2020-01-01");
        let new = format!("{a},演示甲,1990-01-01,1,,2026-01-01");
        for lines in [[old.clone(), new.clone()], [new, old]] {
            let e = rows(&lines);
            assert_eq!((e.held[&a]["phone"].as_of.as_str(), e.held[&a]["name"].as_of.as_str()), ("2020-01-01", "2026-01-01"));
            assert_eq!((e.accepted, e.warned), (2, 1), "the empty phone warns, an equal older row does not");
        }
    }

    #[test]
    fn lines_are_counted_as_editors_count_them() {
        let (a, b) = (code(1), code(2));
        let text = format!(
            "\u{feff}{HEAD}\r\n\r\n{a},\"演示\r\n甲\",1990-01-01,1,19900000001,2026-06-30\r\n\
             {b},演示乙,1990-13-01,1,19900000001,2026-06-30\r\n"
        );
        let e = examine(&source(), text.as_bytes()).unwrap();
        assert_eq!(found(&e), [(5, "birth", "date", "data-reason-date")]);
        assert_eq!(e.held[&a]["name"].line, 3);
    }

    #[test]
    fn missing_columns_and_foreign_encodings_are_named() {
        assert_eq!(examine(&source(), b"id,name,birth,sex\n").unwrap_err(), ["at", "phone"]);
        assert_eq!(examine(&source(), b"").unwrap_err().len(), 6);
        let mut text = format!("{HEAD}\n{},", code(1)).into_bytes();
        text.extend(b"\xd1\xdd\xca\xbe,1990-01-01,1,19900000001,2026-06-30\n");
        assert_eq!(found(&examine(&source(), &text).unwrap()), [(2, "", "shape", "data-reason-encoding")]);
    }

    #[test]
    fn masks() {
        assert_eq!(mask(Check::CitizenId, "320899199001010010"), "320899****0010");
        assert_eq!(mask(Check::CitizenId, "32089919900101001"), "3****");
        assert_eq!(mask(Check::Phone, "19900000001"), "199****0001");
        assert_eq!(mask(Check::Date, "1990-02-30"), "1990****");
        assert_eq!(mask(Check::Date, "演示居民甲"), "演****");
        assert_eq!(mask(Check::Enum, "3"), "****");
    }

    proptest! {
        /// Whatever the bytes, nothing panics, every row is counted once and no issue lacks its line.
        #[test]
        fn any_bytes(lines in prop::collection::vec("[0-9X甲,\"\r\n-]{0,60}", 0..12), tail in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = format!("{HEAD}\n{}\n", lines.join("\n")).into_bytes();
            bytes.extend(tail);
            let e = examine(&source(), &bytes).unwrap();
            prop_assert_eq!(e.read, e.accepted + e.rejected);
            prop_assert!(e.warned <= e.accepted);
            let last = bytes.iter().filter(|b| **b == b'\n').count() as i64 + 1;
            prop_assert!(e.issues.iter().all(|i| i.line > 1 && i.line <= last));
        }

        #[test]
        fn masks_hide(text in "\\PC{2,40}") {
            for check in [Check::NotEmpty, Check::Date, Check::Phone, Check::CitizenId] {
                prop_assert!(!mask(check, &text).contains(&text) || text.contains('*'));
            }
        }
    }
}
