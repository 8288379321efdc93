//! Mainland mobile numbers.

use crate::{CodeError, Kind, ascii};

/// Tests a mainland mobile number: eleven digits, the first 1, the second 3 to 9; no country prefix.
///
/// # Errors
/// `Length`, or `Alphabet` for another character or another beginning.
pub fn phone(s: &str) -> Result<(), CodeError> {
    let bytes = ascii(s, 11, Kind::Phone)?;
    let digits = bytes.iter().all(u8::is_ascii_digit);
    if !digits || bytes[0] != b'1' || bytes[1] < b'3' {
        return Err(CodeError::Alphabet(Kind::Phone));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(phone("13000000000"), Ok(()));
        assert_eq!(phone("19999999999"), Ok(()));
        let key = |s| phone(s).unwrap_err().key();
        assert_eq!(key("1300000000"), "codes-phone-length");
        assert_eq!(key("+8613000000000"), "codes-phone-length");
        assert_eq!(key("12000000000"), "codes-phone-alphabet");
        assert_eq!(key("23000000000"), "codes-phone-alphabet");
        assert_eq!(key("1300000000x"), "codes-phone-alphabet");
        assert_eq!(key("１３０００００００００"), "codes-phone-alphabet");
    }
}
