//! The rules on a file: cells, rows, and rows against each other.

use super::{Cell, Check, Examined, Issue, Severity, Source};
use std::collections::{BTreeSet, HashMap};

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
    reader
        .headers()
        .map(|h| h.iter().map(|c| c.trim().to_string()).collect())
        .unwrap_or_default()
}

/// Examines a CSV file (UTF-8, with or without byte order mark).
///
/// # Errors
/// The columns of the definition that the file lacks.
pub(crate) fn examine(source: &Source, bytes: &[u8]) -> Result<Examined, Vec<String>> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let columns = header(bytes);
    let at = |name: &String| columns.iter().position(|c| c == name);
    let needed = [&source.key, &source.as_of]
        .into_iter()
        .chain(source.rules.iter().map(|r| &r.column));
    let missing: BTreeSet<String> = needed.filter(|c| at(c).is_none()).cloned().collect();
    let (Some(key_at), Some(as_of_at), true) = (at(&source.key), at(&source.as_of), missing.is_empty())
    else {
        return Err(missing.into_iter().collect());
    };
    let places: Vec<usize> = source.rules.iter().filter_map(|r| at(&r.column)).collect();
    let mut out = Examined::default();
    let mut rows: Vec<Row> = Vec::new();
    let mut lines = LineCount {
        bytes,
        at: 0,
        line: 1,
    };
    for record in csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(bytes)
        .into_byte_records()
    {
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
        let own = [
            (&source.key, key, source.key_kind.check()),
            (&source.as_of, as_of, Check::Date),
        ];
        for (column, text, check) in own {
            let ruled = source
                .rules
                .iter()
                .any(|r| r.column == *column && r.check == check && r.severity == Severity::Reject);
            if !ruled && let Some(reason) = fails(check, text, &[]) {
                self.issues
                    .push(Issue::cell(line, column, check, Severity::Reject, reason, text));
            }
        }
        let mut bad: Vec<&str> = Vec::new();
        for (n, rule) in source.rules.iter().enumerate() {
            let text = cell(n);
            match fails(rule.check, text, &rule.values) {
                Some(reason) => {
                    self.issues.push(Issue::cell(
                        line,
                        &rule.column,
                        rule.check,
                        rule.severity,
                        reason,
                        text,
                    ));
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
        let rejected = self.issues[before..]
            .iter()
            .any(|i| i.severity == Severity::Reject);
        let named = cells
            .iter()
            .any(|(n, _)| source.rules[*n].element == source.key_kind.name_element());
        if !rejected && !named {
            self.issues
                .push(Issue::row(line, "not-empty", "data-reason-nameless", None));
        }
        if rejected || !named {
            self.rejected += 1;
            return None;
        }
        let warned = self.issues.len() > before;
        Some(Row {
            line,
            key: key.to_string(),
            as_of: as_of.to_string(),
            cells,
            warned,
        })
    }

    /// Rows against each other: the same again is rejected, the newest cell of each subject and element is
    /// held.
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
                let cell = Cell {
                    text: text.clone(),
                    as_of: row.as_of.clone(),
                    line: row.line,
                };
                let held = of_subject
                    .entry(source.rules[*n].element.clone())
                    .or_insert_with(|| cell.clone());
                if held.as_of < cell.as_of {
                    *held = cell;
                }
            }
        }
        for row in &mut good {
            let Some(of_subject) = self.held.get(&row.key) else {
                continue;
            };
            for (n, text) in &row.cells {
                let rule = &source.rules[*n];
                let newer = of_subject
                    .get(&rule.element)
                    .filter(|c| c.text != *text && c.line != row.line);
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
        Issue {
            line,
            column: String::new(),
            rule,
            severity: Severity::Reject,
            reason,
            other,
            masked: None,
        }
    }
    fn cell(line: i64, column: &str, check: Check, severity: Severity, reason: String, text: &str) -> Issue {
        let masked = (!text.is_empty()).then(|| mask(check, text));
        Issue {
            line,
            column: column.into(),
            rule: check.name(),
            severity,
            reason,
            other: None,
            masked,
        }
    }
}

/// The line at which a byte stands, asked in rising order. The reader's own count is off behind CR LF and
/// empty lines.
struct LineCount<'a> {
    bytes: &'a [u8],
    at: usize,
    line: i64,
}
impl LineCount<'_> {
    fn of(&mut self, byte: u64) -> i64 {
        let mut to = usize::try_from(byte)
            .unwrap_or(self.bytes.len())
            .clamp(self.at, self.bytes.len());
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
        && text.bytes().enumerate().all(|(n, b)| {
            if n == 4 || n == 7 {
                b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
    shape && text.parse::<jiff::civil::Date>().is_ok()
}

/// What may be shown of a cell. Only a text of the expected length keeps a beginning and an end: whatever
/// else stands in the wrong column keeps its first character. The number of stars does not tell the length.
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
