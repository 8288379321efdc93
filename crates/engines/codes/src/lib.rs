//! Identity codes of people, organisations, places and certificates: checking and synthetic making.
//!
//! Pure functions over text. They test the form and the check characters only; whether a person, a firm or
//! a place exists is a question for the registers. Input is taken as written: no trimming, no change of case.

mod certificate;
mod check;
mod citizen;
mod credit;
mod division;
mod phone;

pub use certificate::{certificate_id, certificate_id_valid, certificate_id_versioned};
pub use check::{mod11_2, mod37_36, mod37_36_valid};
pub use citizen::{CitizenId, citizen_id, synthetic_citizen_id};
pub use credit::{credit_code, organisation_code, synthetic_credit_code};
pub use division::{Level, division_level, division_prefix};
pub use phone::phone;
pub mod service;

/// Which kind of code was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 公民身份号码, GB 11643.
    Citizen,
    /// 统一社会信用代码, GB 32100.
    Credit,
    /// 组织机构代码, GB 11714, also the inner part of a credit code.
    Organisation,
    /// Mainland mobile number.
    Phone,
}

/// Why a code was refused; the variant names the rule that failed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CodeError {
    /// Wrong number of characters.
    #[error("{0:?} code: wrong length")]
    Length(Kind),
    /// A character that is not allowed at its place.
    #[error("{0:?} code: character not allowed at its place")]
    Alphabet(Kind),
    /// The date inside does not exist.
    #[error("{0:?} code: no such date")]
    Date(Kind),
    /// The check character does not fit the rest.
    #[error("{0:?} code: check character does not fit")]
    Check(Kind),
}

impl CodeError {
    /// Message key for localisation, such as `codes-citizen-check`.
    pub fn key(&self) -> &'static str {
        match self {
            CodeError::Length(Kind::Citizen) => "codes-citizen-length",
            CodeError::Length(Kind::Credit) => "codes-credit-length",
            CodeError::Length(Kind::Organisation) => "codes-organisation-length",
            CodeError::Length(Kind::Phone) => "codes-phone-length",
            CodeError::Alphabet(Kind::Citizen) => "codes-citizen-alphabet",
            CodeError::Alphabet(Kind::Credit) => "codes-credit-alphabet",
            CodeError::Alphabet(Kind::Organisation) => "codes-organisation-alphabet",
            CodeError::Alphabet(Kind::Phone) => "codes-phone-alphabet",
            CodeError::Date(Kind::Citizen) => "codes-citizen-date",
            CodeError::Date(Kind::Credit) => "codes-credit-date",
            CodeError::Date(Kind::Organisation) => "codes-organisation-date",
            CodeError::Date(Kind::Phone) => "codes-phone-date",
            CodeError::Check(Kind::Citizen) => "codes-citizen-check",
            CodeError::Check(Kind::Credit) => "codes-credit-check",
            CodeError::Check(Kind::Organisation) => "codes-organisation-check",
            CodeError::Check(Kind::Phone) => "codes-phone-check",
        }
    }
}

/// The bytes of `s` when it has exactly `n` characters, all ASCII; else the error that says which is wrong.
pub(crate) fn ascii(s: &str, n: usize, kind: Kind) -> Result<&[u8], CodeError> {
    if s.chars().count() != n {
        return Err(CodeError::Length(kind));
    }
    if !s.is_ascii() {
        return Err(CodeError::Alphabet(kind));
    }
    Ok(s.as_bytes())
}
