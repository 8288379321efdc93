//! Code sets of government service matters, GB/T 39046-2020 appendix A, and the implementation code (实施编码) of the matter
//! catalogue as it is used with GB/T 39554.

use crate::{CodeError, Kind, credit_code};

/// One code with its Chinese and English name.
pub type Entry = (&'static str, &'static str, &'static str);

/// 事项类型. The series 11… and 21… are open for extension and are not listed.
pub const MATTER_TYPES: &[Entry] = &[
    ("01", "行政许可", "Administrative licence"),
    ("02", "行政处罚", "Administrative penalty"),
    ("03", "行政强制", "Administrative coercion"),
    ("04", "行政征收", "Administrative levy"),
    ("05", "行政给付", "Administrative benefit"),
    ("06", "行政检查", "Administrative inspection"),
    ("07", "行政确认", "Administrative confirmation"),
    ("08", "行政奖励", "Administrative award"),
    ("09", "行政裁决", "Administrative ruling"),
    ("10", "其他行政权力", "Other administrative power"),
    ("20", "公共服务", "Public service"),
];

/// 行使层级.
pub const LEVELS: &[Entry] = &[
    ("1", "国家级", "National"),
    ("2", "省级", "Provincial"),
    ("3", "市级", "City"),
    ("4", "县级", "County"),
    ("5", "镇（乡、街道）级", "Town"),
    ("6", "村（社区）级", "Village"),
    ("7", "分级管理", "By level"),
];

/// 实施主体性质.
pub const NATURES: &[Entry] = &[
    ("1", "法定机关", "Statutory authority"),
    ("2", "授权组织", "Authorised organisation"),
    ("3", "受委托组织", "Entrusted organisation"),
    ("9", "其他", "Other"),
];

/// 服务对象.
pub const TARGETS: &[Entry] = &[
    ("1", "自然人", "Natural persons"),
    ("2", "企业法人", "Enterprises"),
    ("3", "事业法人", "Public institutions"),
    ("4", "社会组织法人", "Social organisations"),
    ("5", "行政机关", "Authorities"),
    ("6", "其他组织", "Other organisations"),
];

/// 办理形式.
pub const CHANNELS: &[Entry] = &[
    ("1", "窗口办理", "At the window"),
    ("2", "电脑端办理", "By computer"),
    ("3", "移动端办理", "By phone"),
    ("4", "快递办理", "By courier"),
    ("9", "其他", "Other"),
];

/// 办件类型.
pub const CASE_KINDS: &[Entry] = &[
    ("1", "即办件", "Done on the spot"),
    ("2", "承诺件", "Done within a promised time"),
    ("9", "其他", "Other"),
];

/// 通办范围. The standard names the four values and prints no codes; these are ours.
pub const REACHES: &[Entry] = &[
    ("nation", "全国通办", "Anywhere in the country"),
    ("province", "跨市通办", "Anywhere in the province"),
    ("city", "跨县通办", "Anywhere in the city"),
    ("none", "本地办理", "Here only"),
];

/// 特别程序.
pub const SPECIAL: &[Entry] = &[("1", "延长审批", "Extension"), ("2", "其他", "Other")];

/// The entry of a code.
pub fn entry(set: &'static [Entry], code: &str) -> Option<&'static Entry> {
    set.iter().find(|e| e.0 == code)
}

/// The implementation code of a matter: credit code of the implementing body (18), level (1), basic code (12); 31 characters
/// in practice, where GB/T 39046 prints an..24.
///
/// # Errors
/// What is wrong with the credit code; `Alphabet` of a level that does not exist or a basic code that is not twelve digits.
pub fn implementation_code(credit: &str, level: &str, basic: &str) -> Result<String, CodeError> {
    credit_code(credit)?;
    let digits = basic.len() == 12 && basic.bytes().all(|b| b.is_ascii_digit());
    if !digits || entry(LEVELS, level).is_none() {
        return Err(CodeError::Alphabet(Kind::Credit));
    }
    Ok(format!("{credit}{level}{basic}"))
}

/// The type of matter that a basic code carries in its third and fourth digit.
pub fn type_of(basic: &str) -> Option<&'static Entry> {
    entry(MATTER_TYPES, basic.get(2..4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_code_is_put_together_again() {
        let code = implementation_code("11370800MB28559184", "3", "370117002011").unwrap();
        assert_eq!(code, "11370800MB285591843370117002011");
        assert_eq!(code.len(), 31);
        assert_eq!(type_of("370117002011").unwrap().1, "行政许可");
        assert!(implementation_code("11370800MB28559185", "3", "370117002011").is_err());
        assert!(implementation_code("11370800MB28559184", "8", "370117002011").is_err());
        assert!(implementation_code("11370800MB28559184", "3", "37011700201").is_err());
    }

    #[test]
    fn codes_are_unique_and_named_in_both_languages() {
        for set in [
            MATTER_TYPES,
            LEVELS,
            NATURES,
            TARGETS,
            CHANNELS,
            CASE_KINDS,
            REACHES,
            SPECIAL,
        ] {
            for (n, e) in set.iter().enumerate() {
                assert!(!e.1.is_empty() && !e.2.is_empty());
                assert!(set[..n].iter().all(|o| o.0 != e.0), "{}", e.0);
            }
        }
    }
}
