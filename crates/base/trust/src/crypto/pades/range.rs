//! Finding signatures by their byte ranges, without parsing the PDF.

use super::{BYTE_RANGE, CONTENTS, find};
use crate::crypto::der;

/// Where the signed bytes end, and the gap they leave out, angle brackets included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) gap: (usize, usize),
    pub(super) end: usize,
}

impl Geometry {
    /// The four numbers of the ByteRange.
    pub(super) fn numbers(self) -> [usize; 4] {
        [0, self.gap.0, self.gap.1, self.end - self.gap.1]
    }
}

/// Where `/ByteRange` stands, in the order of the file; at most `most` places.
pub(super) fn places(pdf: &[u8], most: usize) -> Vec<usize> {
    let key = BYTE_RANGE.trim_ascii();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&pdf[from..], key) {
        if found.len() == most {
            break;
        }
        found.push(from + at);
        from += at + key.len();
    }
    found
}

/// Reads the ByteRange at `at`.
///
/// # Errors
/// What is wrong with it: not four numbers, not from 0, overlapping, out of the file, or a gap that is not exactly one
/// hex string behind a `/Contents` key.
pub(super) fn read(pdf: &[u8], at: usize) -> Result<Geometry, &'static str> {
    let key = BYTE_RANGE.trim_ascii().len();
    let numbers = numbers(&pdf[at + key..]).ok_or("byte range is not four numbers")?;
    let [first, start, from, length] = numbers;
    if first != 0 {
        return Err("byte range does not start at 0");
    }
    if start > from {
        return Err("byte range overlaps itself");
    }
    let end = from
        .checked_add(length)
        .filter(|&end| end <= pdf.len() && length > 0);
    let end = end.ok_or("byte range ends outside the file")?;
    let inside = pdf[start..from]
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_suffix(b">"));
    let before = pdf[..start].trim_ascii_end();
    let exact = inside.is_some_and(|inside| inside.iter().all(u8::is_ascii_hexdigit));
    if !exact || !before.ends_with(CONTENTS.trim_ascii()) {
        return Err("gap of the byte range is not exactly the Contents string");
    }
    // The range must lie in signed bytes too, else it could be exchanged.
    if !(at + key < start || at >= from && at < end) {
        return Err("byte range is not signed itself");
    }
    Ok(Geometry {
        gap: (start, from),
        end,
    })
}

fn numbers(rest: &[u8]) -> Option<[usize; 4]> {
    let inner = rest.trim_ascii_start().strip_prefix(b"[")?;
    let inner = &inner[..inner.iter().take(64).position(|&b| b == b']')?];
    let numbers = std::str::from_utf8(inner)
        .ok()?
        .split_ascii_whitespace()
        .map(|n| n.parse::<u32>().ok().map(|n| n as usize))
        .collect::<Option<Vec<_>>>()?;
    numbers.try_into().ok()
}

/// The bytes of the signature's object around the gap: before it and after it.
fn around<'a>(head: &'a [u8], tail: &'a [u8]) -> [&'a [u8]; 2] {
    let opened = head
        .windows(4)
        .rposition(|w| w == b" obj")
        .map_or(&b""[..], |at| &head[at..]);
    let closed = find(tail, b"endobj").map_or(&b""[..], |at| &tail[..at]);
    [opened, closed]
}

/// Whether the signature dictionary around the gap is a document time-stamp (ETSI EN 319 142-1, 5.4.3).
pub(super) fn is_timestamp(head: &[u8], tail: &[u8]) -> bool {
    around(head, tail)
        .iter()
        .any(|part| find(part, b"/ETSI.RFC3161").is_some())
}

/// The /M entry of the signature dictionary around the gap, Unix milliseconds.
pub(super) fn claimed_time(head: &[u8], tail: &[u8]) -> Option<i64> {
    around(head, tail).iter().find_map(|part| {
        let value = literal(part[find(part, b"/M")? + 2..].trim_ascii_start())?;
        let (digits, zone) = value.strip_prefix(b"D:")?.split_at_checked(14)?;
        let pair =
            |at: usize| -> Option<i64> { std::str::from_utf8(zone.get(at..at + 2)?).ok()?.parse().ok() };
        let offset = match zone.first() {
            None | Some(b'Z') => 0,
            Some(sign @ (b'+' | b'-')) => {
                let minutes = pair(1)? * 60 + pair(4).unwrap_or(0);
                if *sign == b'+' { minutes } else { -minutes }
            }
            Some(_) => return None,
        };
        Some(der::unstamp(digits).ok()? - offset * 60_000)
    })
}

/// The bytes of a literal string without nested parentheses (ISO 32000-1, 7.3.4.2).
fn literal(text: &[u8]) -> Option<Vec<u8>> {
    let mut rest = text.strip_prefix(b"(")?;
    let mut out = Vec::new();
    loop {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        match byte {
            b')' => return Some(out),
            b'\\' => {
                let digits = rest
                    .iter()
                    .take(3)
                    .take_while(|b| (b'0'..=b'7').contains(b))
                    .count();
                let (octal, after) = rest.split_at(digits.max(1).min(rest.len()));
                let code = octal
                    .iter()
                    .fold(0u8, |n, d| n.wrapping_mul(8).wrapping_add(d & 7));
                out.push(if digits > 0 { code } else { *octal.first()? });
                rest = after;
            }
            byte => out.push(byte),
        }
    }
}
