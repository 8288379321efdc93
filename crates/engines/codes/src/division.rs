//! Administrative division codes: GB/T 2260 and the statistical codes of the National Bureau of Statistics.

use serde::{Deserialize, Serialize};

/// Rank of a division.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 省级, two digits.
    Province,
    /// 地级, four digits.
    City,
    /// 县级, six digits.
    County,
    /// 乡级, nine digits.
    Township,
    /// 村级, twelve digits.
    Village,
}

/// The digits of a division code that carry meaning: `990100` and `9901` both give `9901`.
///
/// Standard codes are filled with zeros on the right to six or twelve digits, and no level numbers its
/// members with zero, so the zeros can be taken off. `None` when the text is not such a code.
pub fn division_prefix(code: &str) -> Option<&str> {
    if !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut rest = code;
    loop {
        let part = match rest.len() {
            2 => return (rest != "00").then_some(rest),
            4 | 6 => 2,
            9 | 12 => 3,
            _ => return None,
        };
        let (head, tail) = rest.split_at(rest.len() - part);
        if tail.bytes().any(|b| b != b'0') {
            return (!head.starts_with("00")).then_some(rest);
        }
        rest = head;
    }
}

/// Rank of a code of 2, 4, 6, 9 or 12 digits after taking off filling zeros; `None` for anything else.
///
/// `990100` is the city and `990103000000` the county.
pub fn division_level(code: &str) -> Option<Level> {
    match division_prefix(code)?.len() {
        2 => Some(Level::Province),
        4 => Some(Level::City),
        6 => Some(Level::County),
        9 => Some(Level::Township),
        12 => Some(Level::Village),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (code, level, prefix) in [
            ("32", Level::Province, "32"),
            ("320000", Level::Province, "32"),
            ("9901", Level::City, "9901"),
            ("990100", Level::City, "9901"),
            ("990100000000", Level::City, "9901"),
            ("990112", Level::County, "990112"),
            ("990171", Level::County, "990171"),
            ("990112000000", Level::County, "990112"),
            ("990112100", Level::Township, "990112100"),
            ("990112100000", Level::Township, "990112100"),
            ("990112100001", Level::Village, "990112100001"),
        ] {
            assert_eq!(
                (division_level(code), division_prefix(code)),
                (Some(level), Some(prefix)),
                "{code}"
            );
        }
        assert!(Level::Province < Level::Village);
    }

    #[test]
    fn other_texts() {
        for code in [
            "", "3", "320", "99010", "9901121", "00", "000000", "001234", "99010A", "３２", "32 8",
        ] {
            assert_eq!(division_level(code), None, "{code}");
        }
    }
}
