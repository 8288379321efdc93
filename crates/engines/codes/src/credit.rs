//! 统一社会信用代码, GB 32100-2015, and the 组织机构代码 (GB 11714) inside it.

use crate::{CodeError, Kind, ascii, check::value36};

/// The 31 characters of the code; the place of a character is its value. I, O, S, V and Z are left out.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

fn value31(b: u8) -> Option<u32> {
    ALPHABET
        .iter()
        .position(|a| *a == b)
        .and_then(|p| u32::try_from(p).ok())
}

/// Check character of the first seventeen characters; `None` when one is outside the alphabet.
fn credit_check(body: &[u8]) -> Option<u8> {
    let mut sum = 0;
    let mut weight = 1;
    for b in body {
        sum += value31(*b)? * weight;
        weight = weight * 3 % 31;
    }
    let place = (31 - sum % 31) % 31;
    ALPHABET.get(usize::try_from(place).ok()?).copied()
}

/// Check character (0–9 or X) of the eight characters of an organisation code.
fn organisation_check(body: &[u8]) -> Option<u8> {
    let mut sum = 0;
    for (b, weight) in body.iter().zip(ORGANISATION_WEIGHTS) {
        sum += value36(*b)? * weight;
    }
    match 11 - sum % 11 {
        10 => Some(b'X'),
        11 => Some(b'0'),
        v => u8::try_from(v).ok().map(|v| b'0' + v),
    }
}

/// Tests an eighteen-character credit code: alphabet, own check, and the organisation code inside.
///
/// Registration authority, category and division are not compared with lists: zones and older
/// registrations carry codes that no list has.
///
/// # Errors
/// `Length`, `Alphabet` or `Check` of `Kind::Credit`; `Check` of `Kind::Organisation` for the inner check.
pub fn credit_code(s: &str) -> Result<(), CodeError> {
    let bytes = ascii(s, 18, Kind::Credit)?;
    let known = bytes.iter().all(|b| value31(*b).is_some());
    if !known || !bytes[2..8].iter().all(u8::is_ascii_digit) {
        return Err(CodeError::Alphabet(Kind::Credit));
    }
    if credit_check(&bytes[..17]) != Some(bytes[17]) {
        return Err(CodeError::Check(Kind::Credit));
    }
    organisation_code(&s[8..17])
}

/// Tests a nine-character organisation code written without a hyphen.
///
/// # Errors
/// `Length`, `Alphabet` or `Check` of `Kind::Organisation`.
pub fn organisation_code(s: &str) -> Result<(), CodeError> {
    let bytes = ascii(s, 9, Kind::Organisation)?;
    let body_ok = bytes[..8].iter().all(|b| value36(*b).is_some());
    if !body_ok || !(bytes[8].is_ascii_digit() || bytes[8] == b'X') {
        return Err(CodeError::Alphabet(Kind::Organisation));
    }
    if organisation_check(&bytes[..8]) != Some(bytes[8]) {
        return Err(CodeError::Check(Kind::Organisation));
    }
    Ok(())
}

/// Makes a credit code with both checks right, for demonstrations and tests.
///
/// `authority` and `category` are the first two characters, `area` six digits, `body8` the eight characters
/// of the organisation code without its check; `None` when one of them is outside the alphabet.
pub fn synthetic_credit_code(authority: char, category: char, area: &str, body8: &str) -> Option<String> {
    if area.len() != 6 || body8.len() != 8 {
        return None;
    }
    let inner = char::from(organisation_check(body8.as_bytes())?);
    let body = format!("{authority}{category}{area}{body8}{inner}");
    let code = format!("{body}{}", char::from(credit_check(body.as_bytes())?));
    credit_code(&code).is_ok().then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_and_synthetic_codes_pass() {
        for s in [
            "91350100M000100Y43",
            "91110000600037341L",
            "914403001922038216",
            "9144030071526726XG",
            "91440300708461136T",
            "91330100799655058B",
            "91110000802100433B",
            "11100000000013338W",
            "11370800MB28559184",
            "11511301008778183N",
            "11430000006122244L",
            "11330105002500287C",
            "113208000143200053",
            "123208004680000147",
            "91320800MA1TEXT06R",
            "52320800509000011Y",
            "91320891MAKML1457M",
        ] {
            assert_eq!(credit_code(s), Ok(()), "{s}");
            let mut first = s.chars();
            let (a, c) = (first.next().unwrap(), first.next().unwrap());
            assert_eq!(
                synthetic_credit_code(a, c, &s[2..8], &s[8..16]).as_deref(),
                Some(s)
            );
        }
    }

    #[test]
    fn each_rule_is_named() {
        let key = |s| credit_code(s).unwrap_err().key();
        assert_eq!(key("91350100M000100Y4"), "codes-credit-length");
        assert_eq!(key("91350100M000100Y433"), "codes-credit-length");
        assert_eq!(key("91350100M000100I43"), "codes-credit-alphabet");
        assert_eq!(key("91350100m000100Y43"), "codes-credit-alphabet");
        assert_eq!(key("9135010AM000100Y43"), "codes-credit-alphabet");
        assert_eq!(key("91350100M000100Y4\u{ff13}"), "codes-credit-alphabet"); // full-width 3
        assert_eq!(key("91350100M000100Y44"), "codes-credit-check");
        assert_eq!(key("91350100M000100Y53"), "codes-credit-check");
    }

    #[test]
    fn inner_check_is_tested_on_its_own() {
        // The outer check is made right for an inner check that is wrong.
        let body = b"11320899000000010";
        let code: String = body
            .iter()
            .chain(&credit_check(body))
            .map(|b| char::from(*b))
            .collect();
        assert_eq!(credit_code(&code).unwrap_err().key(), "codes-organisation-check");
    }

    #[test]
    fn organisation_codes() {
        assert_eq!(organisation_code("MA1TEXT06"), Ok(()));
        assert_eq!(organisation_code("71526726X"), Ok(()));
        assert_eq!(
            organisation_code("MA1TEXT07").unwrap_err().key(),
            "codes-organisation-check"
        );
        assert_eq!(
            organisation_code("MA1TEXT0-6").unwrap_err().key(),
            "codes-organisation-length"
        );
        assert_eq!(
            organisation_code("MA1TEXT-6").unwrap_err().key(),
            "codes-organisation-alphabet"
        );
    }

    #[test]
    fn synthetic_refuses_wrong_parts() {
        assert!(synthetic_credit_code('1', '1', "320899", "00000001").is_some());
        assert_eq!(synthetic_credit_code('I', '1', "320899", "00000001"), None);
        assert_eq!(synthetic_credit_code('市', '1', "320899", "00000001"), None);
        assert_eq!(synthetic_credit_code('1', '1', "3208", "00000001"), None);
        assert_eq!(synthetic_credit_code('1', '1', "32089A", "00000001"), None);
        assert_eq!(synthetic_credit_code('1', '1', "320899", "0000000S"), None);
        assert_eq!(synthetic_credit_code('1', '1', "320899", "0001"), None);
    }
}
