//! The revisions of a file: reading them within limits, and what stands in their bytes.

use std::collections::BTreeSet;

use lopdf::xref::XrefEntry;
use lopdf::{Document, LoadOptions, ObjectId};

use super::changes::Change;
use super::compare::{MAX_CHANGES, compare};
use super::range::Geometry;
use super::verify::Limits;

/// How many appended revisions are told apart.
const MAX_REVISIONS: usize = 32;

/// Reads a revision as written, within limits.
fn load(pdf: &[u8], limits: &Limits) -> Result<Document, String> {
    let count = |needle: &[u8]| {
        pdf.windows(needle.len())
            .filter(|window| *window == needle)
            .count()
    };
    if count(b" obj") > limits.objects {
        return Err("too many objects".into());
    }
    // The bound is for all streams that loading inflates together, and the reader takes one for each. A name with an
    // escape may be any name.
    let inflating = count(b"/ObjStm") + count(b"/XRef") + escaped_names(pdf);
    let options = LoadOptions {
        strict: true,
        max_decompressed_size: Some(limits.inflated / inflating.max(1)),
        ..LoadOptions::default()
    };
    let read = Document::load_mem_with_options(pdf, options).map_err(|e| reason(&e))?;
    if read.xref_recovery.is_some() || read.objects.len() > limits.objects {
        return Err("damaged cross-reference table or too many objects".into());
    }
    if read.is_encrypted() || read.was_encrypted() {
        return Err("encrypted".into());
    }
    Ok(read)
}

/// An error with what caused it: the cause tells a bomb from damage.
fn reason(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", reason(cause)),
        None => error.to_string(),
    }
}

fn escaped_names(pdf: &[u8]) -> usize {
    let escaped = |rest: &[u8]| {
        let plain = rest
            .iter()
            .take(8)
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        matches!(&rest[plain..], [b'#', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
    };
    (0..pdf.len())
        .filter(|&at| pdf[at] == b'/' && escaped(&pdf[at + 1..]))
        .count()
}

/// The newest revision of a file, to which signed ones are compared.
pub(super) struct Newest<'a> {
    pdf: &'a [u8],
    limits: &'a Limits,
    document: Document,
    /// Where the revisions end that were appended to the oldest signed one.
    ends: Vec<usize>,
    /// Where the objects of all these revisions stand.
    known: BTreeSet<usize>,
}

impl<'a> Newest<'a> {
    /// Reads the file and the revisions appended to the one that ends at `oldest`, the first of `signed` ones.
    pub(super) fn open(
        pdf: &'a [u8],
        oldest: usize,
        signed: usize,
        limits: &'a Limits,
    ) -> Result<Self, String> {
        let (mut ends, mut from) = (Vec::new(), oldest);
        while let Some(at) = super::find(&pdf[from..], b"%%EOF") {
            from += at + 5;
            ends.push(from);
            if ends.len() > MAX_REVISIONS {
                return Err("too many revisions".into());
            }
        }
        // Each revision is read once for its table and each signed one once for its objects.
        if (1 + ends.len() + signed).saturating_mul(pdf.len()) > limits.read {
            return Err("too much to compare".into());
        }
        let document = load(pdf, limits)?;
        let mut known = BTreeSet::new();
        for &at in &ends {
            // An end mark inside a stream ends no revision; what a true one holds is then still unknown.
            if let Ok(read) = load(&pdf[..at], limits) {
                let places = read
                    .reference_table
                    .entries
                    .values()
                    .filter_map(|entry| match entry {
                        XrefEntry::Normal { offset, .. } => Some(*offset as usize),
                        _ => None,
                    });
                known.extend(places);
            }
        }
        Ok(Self {
            pdf,
            limits,
            document,
            ends,
            known,
        })
    }

    /// What changed since the revision that ends at `end`. `signatures` are the sound byte ranges of the file.
    pub(super) fn since(&self, end: usize, signatures: &[Geometry]) -> Vec<Change> {
        if !self.pdf[..end].trim_ascii_end().ends_with(b"%%EOF") {
            return vec![Change::Unreadable("signed bytes do not end a revision".into())];
        }
        let old = match load(&self.pdf[..end], self.limits) {
            Ok(old) => old,
            Err(problem) => return vec![Change::Unreadable(problem)],
        };
        let later = signatures.iter().copied().filter(|one| one.end > end).collect();
        let mut changes = compare(&old, &self.document, later);
        changes.extend(self.bytes_since(end));
        changes.extend(self.cross_references(&old));
        changes
    }

    /// Bytes behind `end` that belong to no object, table or trailer of any appended revision.
    fn bytes_since(&self, end: usize) -> Option<Change> {
        // What follows the last revision, or all if there is none.
        let rest = self.ends.last().copied().unwrap_or(end).max(end);
        if let Some(at) = self.pdf[rest..].iter().position(|b| !b.is_ascii_whitespace()) {
            return Some(Change::Bytes { at: rest + at });
        }
        let within = |word: &[u8]| super::find(&self.pdf[end..rest], word);
        if rest > end && within(b"startxref").is_none() {
            return Some(Change::Bytes { at: end });
        }
        // A second table beside the first: viewers differ in which of the two they follow.
        if let Some(at) = within(b"/XRefStm") {
            return Some(Change::Bytes { at: end + at });
        }
        headers(self.pdf, end)
            .find(|at| !self.known.contains(at))
            .map(|at| Change::Bytes { at })
    }

    /// Entries that differ from the signed revision's must point to an object of their number.
    fn cross_references(&self, old: &Document) -> Vec<Change> {
        let table = &self.document.reference_table.entries;
        let mut found = Vec::new();
        for (&number, entry) in table {
            let before = old.reference_table.entries.get(&number);
            let sound = match entry {
                XrefEntry::Normal { offset, generation } => {
                    let same = matches!(before, Some(XrefEntry::Normal { offset: o, generation: g })
                        if o == offset && g == generation);
                    let rest = self.pdf.get(*offset as usize..).unwrap_or_default();
                    same || names(rest, number, *generation)
                }
                XrefEntry::Compressed { .. } => self.document.objects.contains_key(&(number, 0)),
                XrefEntry::Free | XrefEntry::UnusableFree => true,
            };
            if !sound {
                found.push(Change::CrossReference { object: number });
            }
        }
        let unlisted = |id: &&ObjectId| !table.contains_key(&id.0) && !old.objects.contains_key(*id);
        let unlisted = self.document.objects.keys().filter(unlisted);
        found.extend(unlisted.map(|id| Change::CrossReference { object: id.0 }));
        found.truncate(MAX_CHANGES);
        found
    }
}

/// Whether `bytes` start with the header of this object.
fn names(bytes: &[u8], number: u32, generation: u16) -> bool {
    let line: Vec<&[u8]> = bytes[..bytes.len().min(32)]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .take(3)
        .collect();
    let [first, second, third] = line.as_slice() else {
        return false;
    };
    *first == number.to_string().as_bytes()
        && *second == generation.to_string().as_bytes()
        && third.starts_with(b"obj")
}

/// Where "number generation obj" stands behind `from`, also without the spaces that belong there.
fn headers(pdf: &[u8], from: usize) -> impl Iterator<Item = usize> + '_ {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let spaces = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let starts = move |at: &usize| {
        let inside = *at > from && pdf[*at - 1].is_ascii_digit();
        let line = &pdf[*at..pdf.len().min(*at + 48)];
        let first = digits(line);
        let gap = spaces(&line[first..]);
        let rest = &line[first + gap..];
        let second = digits(rest);
        let rest = &rest[second..];
        !inside && first > 0 && gap > 0 && second > 0 && rest[spaces(rest)..].starts_with(b"obj")
    };
    (from..pdf.len()).filter(starts)
}
