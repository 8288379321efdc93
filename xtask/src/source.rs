//! Reading the text of the crates: files, and Rust with comments, literals and tests blanked out.

use std::path::{Path, PathBuf};

/// Every file below a folder with one of these endings, sorted; build output and dependencies are left out.
pub fn files(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(dir) = left.pop() {
        let entries = std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| format!("{}: {e}", dir.display()))?.path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    left.push(path);
                }
            } else if path.extension().is_some_and(|e| endings.iter().any(|x| e == *x)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a file.
pub fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Line of a byte offset, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1
}

/// Whether a file belongs to tests only: below a folder `tests`, or called `tests.rs`.
pub fn is_test(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "tests") || path.file_name().is_some_and(|n| n == "tests.rs")
}

/// Rust source with comments, literals and items under `#[cfg(test)]` replaced by blanks. Byte offsets and
/// lines stay those of the original; of a string literal the opening quote stays, to be recognised.
pub fn code(source: &str) -> String {
    let mut out = without_literals(source);
    const TEST: &[u8] = b"#[cfg(test)]";
    let mut at = find(&out, 0, TEST);
    while at < out.len() {
        let end = end_of_item(&out, at + TEST.len());
        blank(&mut out[at..end]);
        at = find(&out, end, TEST);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The string literal whose opening quote is at this offset of the original; `None` when it has escapes.
pub fn literal(source: &str, quote: usize) -> Option<&str> {
    let rest = source.get(quote + 1..)?;
    let text = &rest[..rest.find('"')?];
    (!text.contains('\\')).then_some(text)
}

fn blank(bytes: &mut [u8]) {
    for b in bytes.iter_mut().filter(|b| **b != b'\n') {
        *b = b' ';
    }
}

/// Where an item that starts here ends: after its first `;` or its block.
fn end_of_item(code: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (i, b) in code.iter().enumerate().skip(from) {
        match b {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *b == b'}' {
                    return i + 1;
                }
            }
            b';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

fn without_literals(source: &str) -> Vec<u8> {
    let s = source.as_bytes();
    let mut out = s.to_vec();
    let mut i = 0;
    while i < s.len() {
        let end = if s[i..].starts_with(b"//") {
            find(s, i, b"\n")
        } else if s[i..].starts_with(b"/*") {
            end_of_comment(s, i)
        } else if s[i] == b'"' {
            let end = end_of_string(s, i);
            blank(&mut out[i + 1..end]);
            i = end;
            continue;
        } else if let Some((quote, end)) = raw_string(s, i) {
            blank(&mut out[quote + 1..end]);
            i = end;
            continue;
        } else if s[i] == b'\'' {
            end_of_char(source, i)
        } else {
            i += 1;
            continue;
        };
        blank(&mut out[i..end]);
        i = end;
    }
    out
}

fn find(s: &[u8], from: usize, what: &[u8]) -> usize {
    s[from..]
        .windows(what.len())
        .position(|w| w == what)
        .map_or(s.len(), |n| from + n)
}

fn end_of_comment(s: &[u8], from: usize) -> usize {
    let (mut i, mut depth) = (from, 0_usize);
    while i < s.len() {
        if s[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if s[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    s.len()
}

fn end_of_string(s: &[u8], quote: usize) -> usize {
    let mut i = quote + 1;
    while i < s.len() {
        match s[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    s.len()
}

/// `r"…"`, `r#"…"#` and so on, when one begins here: the offset of its quote and where it ends.
fn raw_string(s: &[u8], at: usize) -> Option<(usize, usize)> {
    let inside_a_name =
        at > 0 && (s[at - 1].is_ascii_alphanumeric() || s[at - 1] == b'_') && s[at - 1] != b'b';
    if s[at] != b'r' || inside_a_name {
        return None;
    }
    let hashes = s[at + 1..].iter().take_while(|b| **b == b'#').count();
    let quote = at + 1 + hashes;
    if s.get(quote) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    Some((quote, (find(s, quote + 1, &close) + close.len()).min(s.len())))
}

/// End of a character literal, or just after the quote of a lifetime.
fn end_of_char(source: &str, quote: usize) -> usize {
    let rest = &source[quote + 1..];
    let mut chars = rest.char_indices();
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((n, _))) => {
            let after = n + 1;
            rest.get(after..)
                .and_then(|r| r.find('\''))
                .map_or(quote + 1, |n| quote + 1 + after + n + 1)
        }
        (Some(_), Some((n, '\''))) => quote + 1 + n + 1,
        _ => quote + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_literals_and_tests_are_blanked_and_offsets_stay() {
        let source = "fn a<'x>(s: &'x str) { // .unwrap()\n  let q = ('\"', '\\'', '中',\
            b'\\\\', \".unwrap()\\\"\");\n \
            /* a /* b */ .unwrap() */ r#\"\".unwrap()\"#; c.unwrap() }\n\
            #[cfg(test)]\nmod t { fn x() { y.unwrap() } }\n\
            fn after() { z.expect(\"why\") }\n#[cfg(test)]\nmod tests;\nfn last() {}\n";
        let code = code(source);
        assert_eq!(code.len(), source.len());
        assert_eq!(code.matches(".unwrap()").count(), 1);
        assert_eq!(code.find("c.unwrap()"), source.find("c.unwrap()"));
        let quote = code.find(".expect(\"").unwrap() + ".expect(".len();
        assert_eq!(literal(source, quote), Some("why"));
        assert_eq!(line_of(source, quote), 6);
        assert!(code.contains("fn last() {}") && !code.contains("mod t"));
    }
}
