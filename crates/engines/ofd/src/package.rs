//! The ZIP package (GB/T 33190-2016, clause 6), read as if an enemy had made it.
//!
//! ZIP says some things twice, and programs differ in which they believe. The directory is therefore read here first, and
//! anything that is said differently in two places, or that only some programs understand, is refused. The library that
//! unpacks must then have seen the same entries.

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Read as _, Write as _};

use crate::Error;
use crate::error::within;

/// What a package may ask of the machine. The defaults are far over what a paper needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the package.
    pub package: usize,
    /// Entries, folders too.
    pub entries: usize,
    /// Bytes of one unpacked entry.
    pub entry: usize,
    /// Bytes of all unpacked entries.
    pub total: usize,
    /// How many times larger an entry of over a mebibyte may get when unpacked.
    pub ratio: usize,
    /// Bytes of a part that is parsed as XML.
    pub xml: usize,
    /// Elements within elements.
    pub depth: usize,
    /// Elements of one part.
    pub elements: usize,
    pub pages: usize,
    /// Bytes of all extracted text.
    pub text: usize,
    pub signatures: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            package: 64 << 20,
            entries: 10_000,
            entry: 64 << 20,
            total: 256 << 20,
            ratio: 200,
            xml: 16 << 20,
            depth: 64,
            elements: 500_000,
            pages: 5_000,
            text: 64 << 20,
            signatures: 200,
        }
    }
}

/// The files of a package by their path, without a leading slash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Package {
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What the directory says of an entry.
struct Entry {
    name: String,
    folder: bool,
    at: usize,
    packed: usize,
    size: usize,
}

const END: &[u8] = b"PK\x05\x06";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// Below this size repetitive XML is allowed to be as repetitive as it is.
const SMALL: usize = 1 << 20;

fn unsound<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Zip(why.into()))
}

/// Little-endian words at places that may lie outside.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn slice(&self, at: usize, length: usize) -> Result<&'a [u8], Error> {
        let end = at.checked_add(length);
        end.and_then(|end| self.0.get(at..end))
            .ok_or_else(|| Error::Zip("it ends too early".into()))
    }

    fn short(&self, at: usize) -> Result<usize, Error> {
        Ok(self
            .slice(at, 2)?
            .iter()
            .rev()
            .fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    fn long(&self, at: usize) -> Result<usize, Error> {
        Ok(self
            .slice(at, 4)?
            .iter()
            .rev()
            .fold(0, |n, b| n << 8 | usize::from(*b)))
    }
}

/// A name that means the same everywhere, and whether it is a folder's.
fn checked(name: &[u8]) -> Result<(String, bool), Error> {
    let bad = || Error::Name(String::from_utf8_lossy(name).chars().take(200).collect());
    let text = std::str::from_utf8(name).map_err(|_| bad())?;
    let folder = text.ends_with('/');
    let path = text.strip_suffix('/').unwrap_or(text);
    let sound = path.len() <= 512
        && !path.chars().any(|c| c == '\\' || c == ':' || c.is_control())
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !sound {
        return Err(bad());
    }
    Ok((path.to_string(), folder))
}

fn directory(bytes: &[u8], limits: &Limits) -> Result<Vec<Entry>, Error> {
    let words = Words(bytes);
    let Some(end) = bytes.len().checked_sub(22) else {
        return unsound("it ends too early");
    };
    // A comment after the directory could hold a second directory.
    if words.slice(end, 4)? != END || words.short(end + 20)? != 0 {
        return unsound("its directory is not its end");
    }
    let count = words.short(end + 10)?;
    within("entries", count, limits.entries)?;
    let (size, start) = (words.long(end + 12)?, words.long(end + 16)?);
    if words.long(end + 4)? != 0 || words.short(end + 8)? != count || start.checked_add(size) != Some(end) {
        return unsound("it is in several parts, of the 64-bit kind or has something before its end");
    }

    let mut entries = Vec::with_capacity(count);
    let mut names = HashSet::with_capacity(count);
    let (mut at, mut total) = (start, 0usize);
    while at < end {
        within("entries", entries.len() + 1, count)?;
        let entry = entry(&words, at, start, limits)?;
        at += 46 + words.short(at + 28)? + words.short(at + 30)? + words.short(at + 32)?;
        // Systems differ in whether case tells names apart.
        if !names.insert(entry.name.to_lowercase()) {
            return Err(Error::Duplicate(entry.name));
        }
        total = total.saturating_add(entry.size);
        within("unpacked bytes", total, limits.total)?;
        entries.push(entry);
    }
    if at != end || entries.len() != count {
        return unsound("its directory has another length than it says");
    }
    // Entries that share bytes are how small packages become large ones.
    let mut places: Vec<_> = entries.iter().map(|e| (e.at, e.packed)).collect();
    places.sort_unstable();
    if places.windows(2).any(|two| two[0].0 + 30 + two[0].1 > two[1].0) {
        return unsound("entries overlap");
    }
    Ok(entries)
}

fn entry(words: &Words<'_>, at: usize, start: usize, limits: &Limits) -> Result<Entry, Error> {
    if words.slice(at, 4)? != CENTRAL {
        return unsound("its directory is broken");
    }
    let raw = words.slice(at + 46, words.short(at + 28)?)?;
    let (name, folder) = checked(raw)?;
    let (packed, size, place) = (words.long(at + 20)?, words.long(at + 24)?, words.long(at + 42)?);
    let (flags, method) = (words.short(at + 8)?, words.short(at + 10)?);
    // Bits 1, 2: how hard it was packed; 3: sizes follow the content; 11: the name is UTF-8.
    if flags & !0b1000_0000_1110 != 0 || !matches!(method, 0 | 8) {
        return unsound(format!(
            "{name} is encrypted or packed in another way than deflate"
        ));
    }
    // The upper half of the attributes is a Unix mode.
    if !matches!(words.short(at + 40)? & 0xf000, 0 | 0x8000 | 0x4000) {
        return Err(Error::Special(name));
    }
    within("bytes of one entry", size, limits.entry)?;
    if size > SMALL {
        within("times an entry gets larger", size / packed.max(1), limits.ratio)?;
    }
    if folder && size != 0 {
        return unsound(format!("{name} is a folder with content"));
    }
    let same = words.slice(place, 4)? == LOCAL
        && words.short(place + 6)? == flags
        && words.short(place + 8)? == method
        && words.short(place + 26)? == raw.len()
        && words.slice(place + 30, raw.len())? == raw;
    if !same {
        return unsound(format!("{name} has two headers that differ"));
    }
    let from = place + 30 + raw.len() + words.short(place + 28)?;
    if words.short(at + 34)? != 0 || from.saturating_add(packed) > start {
        return unsound(format!("{name} lies outside"));
    }
    Ok(Entry {
        name,
        folder,
        at: place,
        packed,
        size,
    })
}

impl Package {
    /// Unpacks.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Zip`], [`Error::Name`], [`Error::Duplicate`], [`Error::Special`].
    pub fn open(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        within("bytes of the package", bytes.len(), limits.package)?;
        let entries = directory(bytes, limits)?;
        let wrong = |e: zip::result::ZipError| Error::Zip(e.to_string());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(wrong)?;
        if archive.len() != entries.len() || archive.offset() != 0 {
            return unsound("two ways to read its directory differ");
        }
        let mut files = BTreeMap::new();
        for (i, entry) in entries.into_iter().enumerate() {
            let file = archive.by_index(i).map_err(wrong)?;
            let raw = file.name_raw();
            let same = raw.strip_suffix(b"/").unwrap_or(raw) == entry.name.as_bytes()
                && file.header_start() == entry.at as u64
                && file.size() == entry.size as u64;
            if !same {
                return unsound(format!("{}: two ways to read it differ", entry.name));
            }
            if entry.folder {
                continue;
            }
            let mut content = Vec::with_capacity(entry.size.min(SMALL));
            file.take(entry.size as u64 + 1)
                .read_to_end(&mut content)
                .map_err(|e| Error::Zip(format!("{}: {e}", entry.name)))?;
            if content.len() != entry.size {
                return unsound(format!("{} has another size than it says", entry.name));
            }
            files.insert(entry.name, content);
        }
        Ok(Self { files })
    }

    /// Packs, OFD.xml first; the same files give the same bytes.
    ///
    /// # Errors
    /// [`Error::Document`] when a file is larger than ZIP knows.
    pub fn pack(&self) -> Result<Vec<u8>, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::Document(e.to_string());
        // The default time is 1980-01-01, the first that ZIP knows.
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(0o644);
        let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let (first, rest): (Vec<_>, Vec<_>) = self.files.iter().partition(|(name, _)| *name == "OFD.xml");
        for (name, content) in first.into_iter().chain(rest) {
            out.start_file(name.as_str(), options).map_err(|e| wrong(&e))?;
            out.write_all(content).map_err(|e| wrong(&e))?;
        }
        Ok(out.finish().map_err(|e| wrong(&e))?.into_inner())
    }

    pub(crate) fn get(&self, path: &str) -> Result<&[u8], Error> {
        self.files
            .get(path)
            .map(Vec::as_slice)
            .ok_or_else(|| Error::Missing(path.into()))
    }
}

/// Where a location (ST_Loc, 7.3) in the file `from` leads; `None` when that is outside the package.
pub(crate) fn resolve(from: &str, location: &str) -> Option<String> {
    let location = location.trim();
    if location.is_empty() || location.contains('\\') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    if !location.starts_with('/') {
        parts.extend(from.split('/'));
        parts.pop();
    }
    for part in location.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder of a file, with a slash at its end, or nothing at the root.
pub(crate) fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_stay_inside() {
        let at = |location| resolve("Doc_0/Pages/Page_0/Content.xml", location);
        assert_eq!(at("/OFD.xml").as_deref(), Some("OFD.xml"));
        assert_eq!(at("a.png").as_deref(), Some("Doc_0/Pages/Page_0/a.png"));
        assert_eq!(at("../../Res/./a.png").as_deref(), Some("Doc_0/Res/a.png"));
        for outside in ["../../../../etc/passwd", "/../x", "", "a\\b"] {
            assert_eq!(at(outside), None, "{outside}");
        }
    }

    #[test]
    fn names_mean_the_same_everywhere() {
        for bad in [
            "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "c:a", "a\0", "", "/", "a/..", "..",
        ] {
            assert!(matches!(checked(bad.as_bytes()), Err(Error::Name(_))), "{bad:?}");
        }
        assert!(checked(b"\xff").is_err() && checked("a".repeat(513).as_bytes()).is_err());
        assert_eq!(checked("附件/a.b".as_bytes()), Ok(("附件/a.b".into(), false)));
        assert_eq!(checked(b"Doc_0/"), Ok(("Doc_0".into(), true)));
    }
}
