//! Check characters of ISO 7064.

/// Value of a digit or upper-case letter, 0 to 35.
pub(crate) fn value36(b: u8) -> Option<u32> {
    match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        b'A'..=b'Z' => Some(u32::from(b - b'A') + 10),
        _ => None,
    }
}

fn char36(v: u32) -> Option<char> {
    char::from_digit(v, 36).map(|c| c.to_ascii_uppercase())
}

/// Check character (0–9 or X) of ISO 7064 MOD 11-2 for a row of digits; `None` for anything else.
pub fn mod11_2(digits: &str) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let mut p = 0;
    for b in digits.bytes() {
        if !b.is_ascii_digit() {
            return None;
        }
        p = (p + u32::from(b - b'0')) * 2 % 11;
    }
    match (12 - p) % 11 {
        10 => Some('X'),
        v => char::from_digit(v, 10),
    }
}

/// The running product of the hybrid system; between 1 and 36.
fn product(s: &str) -> Option<u32> {
    if s.is_empty() {
        return None;
    }
    s.bytes().try_fold(36, |p, b| {
        let sum = (p + value36(b)?) % 36;
        Some(if sum == 0 { 36 } else { sum } * 2 % 37)
    })
}

/// Check character of ISO 7064 hybrid MOD 37,36 over digits and upper-case letters.
///
/// `None` when `s` is empty or has another character.
pub fn mod37_36(s: &str) -> Option<char> {
    char36((37 - product(s)?) % 36)
}

/// Whether the last character of `s` is the MOD 37,36 check of the rest.
pub fn mod37_36_valid(s: &str) -> bool {
    let mut rest = s.chars();
    let last = rest.next_back();
    last.is_some() && mod37_36(rest.as_str()) == last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mod37_36_on_published_identifiers() {
        for (body, check) in [
            ("11100000000013338W01111430000006122244L20230000403001", 'U'),
            ("11100000000013338W00911330105002500287C2025052201002", '0'),
            ("11100000000013338W03211220000013544541J2430599001", 'F'),
            ("11100000MB03271699022340100000000016001", '9'),
        ] {
            assert_eq!(mod37_36(body), Some(check));
            assert!(mod37_36_valid(&format!("{body}{check}")));
        }
    }

    #[test]
    fn mod37_36_finds_every_single_error() {
        let good = "11100000MB032716990223401000000000160019";
        for i in 0..good.len() {
            for v in 0..36 {
                let c = char36(v).unwrap().to_string();
                if good[i..=i] != c {
                    let mut bad = good.to_string();
                    bad.replace_range(i..=i, &c);
                    assert!(!mod37_36_valid(&bad), "{bad}");
                }
            }
        }
        assert_eq!(mod37_36(""), None);
        assert_eq!(mod37_36("ab"), None);
        assert!(!mod37_36_valid("") && !mod37_36_valid("9") && !mod37_36_valid("码"));
    }

    #[test]
    fn mod11_2_refuses_what_is_not_digits() {
        assert_eq!(mod11_2("11010519491231002"), Some('X'));
        assert_eq!(mod11_2("0794"), Some('0')); // the example of ISO 7064
        assert_eq!(mod11_2(""), None);
        assert_eq!(mod11_2("1x"), None);
    }
}
