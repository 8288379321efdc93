//! Pure rules of codes sent by SMS.

/// How long a code holds, in milliseconds.
pub(crate) const HOLDS: i64 = 5 * 60_000;
/// Wrong tries that a code stands.
pub(crate) const TRIES: i64 = 5;
/// Wait before another code goes to the same number, in milliseconds.
pub(crate) const PAUSE: i64 = 60_000;
/// Codes that one number is sent in [`WINDOW`].
pub(crate) const MOST: i64 = 8;
/// A day, in milliseconds.
pub(crate) const WINDOW: i64 = 86_400_000;

/// What was sent, or would have been if anybody had this number.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub account: Option<kernel::Uuid>,
    pub number_index: String,
    /// Number and code, sealed.
    pub parcel: Vec<u8>,
    pub tries: i64,
    pub label: String,
    pub device: String,
    pub next: String,
}

/// Six digits.
pub(crate) fn code(random: [u8; 8]) -> String {
    format!("{:06}", u64::from_be_bytes(random) % 1_000_000)
}

/// A number as it is kept: without spaces, dashes and the country's prefix.
pub(crate) fn tidy(typed: &str) -> String {
    let plain: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && !"-()（）".contains(*c))
        .collect();
    let national = plain.strip_prefix("+86").or_else(|| plain.strip_prefix("0086"));
    national.map_or(plain.clone(), String::from)
}

/// 199****0001
pub(crate) fn masked(number: &str) -> String {
    let n = number.chars().count();
    let star = |(i, c)| if i < 3 || i + 4 >= n { c } else { '*' };
    number.chars().enumerate().map(star).collect()
}

/// Compares without telling by time where two codes part.
pub(crate) fn same(given: &str, right: &str) -> bool {
    let (a, b) = (given.as_bytes(), right.as_bytes());
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (x, y)| sum | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_however_they_are_typed() {
        for typed in [
            "19900000001",
            "+86 199-0000-0001",
            "0086 19900000001",
            " 199 0000 0001 ",
        ] {
            assert_eq!(tidy(typed), "19900000001");
        }
        assert_eq!(masked("19900000001"), "199****0001");
    }

    #[test]
    fn codes_have_six_digits() {
        assert_eq!(code([0; 8]), "000000");
        assert_eq!(code(42u64.to_be_bytes()), "000042");
        assert!(same("012345", "012345") && !same("012345", "012346") && !same("", "0"));
    }
}
