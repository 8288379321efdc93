//! 公民身份号码, GB 11643-1999.

use crate::{CodeError, Kind, ascii, check::mod11_2};
use jiff::civil::Date;

/// What a citizen number says about its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CitizenId {
    /// Six digits: the division of first registration, possibly one long abolished.
    pub area: String,
    /// Date of birth.
    pub birth: Date,
    /// True for an odd sequence number.
    pub male: bool,
}

/// Reads an eighteen-character citizen number; the check letter must be an upper-case `X`.
///
/// The area is not compared with today's list of divisions: abolished codes stay in people's numbers.
///
/// # Errors
/// `Length`, `Alphabet`, `Date` or `Check`, the first that fails in this order.
pub fn citizen_id(s: &str) -> Result<CitizenId, CodeError> {
    let bytes = ascii(s, 18, Kind::Citizen)?;
    let digits = bytes[..17].iter().all(u8::is_ascii_digit);
    if !digits || !(bytes[17].is_ascii_digit() || bytes[17] == b'X') {
        return Err(CodeError::Alphabet(Kind::Citizen));
    }
    let birth = date(&s[6..14]).ok_or(CodeError::Date(Kind::Citizen))?;
    if mod11_2(&s[..17]) != Some(char::from(bytes[17])) {
        return Err(CodeError::Check(Kind::Citizen));
    }
    Ok(CitizenId {
        area: s[..6].to_string(),
        birth,
        male: bytes[16] % 2 == 1,
    })
}

/// Makes a number with a right check character for demonstrations and tests.
///
/// `area` is six digits, `birth` YYYYMMDD, `seq` 1 to 999 (odd for male); `None` when one of them is not.
pub fn synthetic_citizen_id(area: &str, birth: &str, seq: u16) -> Option<String> {
    let area_ok = area.len() == 6 && area.bytes().all(|b| b.is_ascii_digit());
    if !area_ok || date(birth).is_none() || !(1..=999).contains(&seq) {
        return None;
    }
    let body = format!("{area}{birth}{seq:03}");
    let check = mod11_2(&body)?;
    Some(format!("{body}{check}"))
}

/// A date of eight digits, if it exists.
fn date(s: &str) -> Option<Date> {
    if s.len() != 8 || !s.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::new(s[..4].parse().ok()?, s[4..6].parse().ok()?, s[6..].parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn standard_and_synthetic_numbers_pass() {
        let woman = citizen_id("11010519491231002X").unwrap();
        assert_eq!(
            woman,
            CitizenId {
                area: "110105".into(),
                birth: date(1949, 12, 31),
                male: false
            }
        );
        let man = citizen_id("440524188001010014").unwrap();
        assert_eq!((man.birth, man.male), (date(1880, 1, 1), true));
        assert_eq!(citizen_id("32081219900307123X").unwrap().birth, date(1990, 3, 7));
        for s in [
            "320803198001010010",
            "320804198001010017",
            "320812198001010017",
            "320813198001010013",
            "320826198001010015",
            "32083019800101001X",
            "320831198001010016",
        ] {
            let id = citizen_id(s).unwrap();
            assert!(id.male);
            assert_eq!(synthetic_citizen_id(&id.area, "19800101", 1).as_deref(), Some(s));
        }
    }

    #[test]
    fn abolished_areas_and_other_residents_pass() {
        for area in [
            "320802", "320811", "320821", "320822", "320828", "320829", "320882", "810000", "911100",
        ] {
            let s = synthetic_citizen_id(area, "19760229", 998).unwrap();
            let id = citizen_id(&s).unwrap();
            assert_eq!((id.area.as_str(), id.male), (area, false));
        }
    }

    #[test]
    fn each_rule_is_named() {
        let key = |s| citizen_id(s).unwrap_err().key();
        assert_eq!(key(""), "codes-citizen-length");
        assert_eq!(key("11010519491231002"), "codes-citizen-length");
        assert_eq!(key(" 11010519491231002X"), "codes-citizen-length");
        assert_eq!(key("11010519491231002x"), "codes-citizen-alphabet");
        assert_eq!(key("1101051949123100XX"), "codes-citizen-alphabet");
        assert_eq!(key("11010519491231002\u{ff38}"), "codes-citizen-alphabet"); // full-width X
        assert_eq!(key("110105194913310021"), "codes-citizen-date");
        assert_eq!(key("320812199002300010"), "codes-citizen-date");
        assert_eq!(key("110105194912310020"), "codes-citizen-check");
        assert_eq!(key("320803198001010030"), "codes-citizen-check");
    }

    #[test]
    fn synthetic_refuses_wrong_parts() {
        assert_eq!(synthetic_citizen_id("32080", "19800101", 1), None);
        assert_eq!(synthetic_citizen_id("32089X", "19800101", 1), None);
        assert_eq!(synthetic_citizen_id("320899", "19800132", 1), None);
        assert_eq!(synthetic_citizen_id("320899", "1980-1-1", 1), None);
        assert_eq!(synthetic_citizen_id("320899", "19800101", 0), None);
        assert_eq!(synthetic_citizen_id("320899", "19800101", 1000), None);
    }
}
