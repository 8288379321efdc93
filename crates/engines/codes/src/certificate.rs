//! 电子证照标识, GB/T 36904-2018.

use crate::check::{mod37_36, mod37_36_valid, value36};

/// Characters of a certificate type code: credit code of the defining department and a three-digit sequence.
const TYPE_LEN: usize = 21;

/// Identifier of the first version of a certificate; see [`certificate_id_versioned`].
pub fn certificate_id(root: &str, type_code: &str, issuer: &str, serial: &str) -> Option<String> {
    certificate_id_versioned(root, type_code, issuer, serial, 1)
}

/// Certificate identifier `root.type.issuer.serial.version.check`.
///
/// `root` is a dotted number (`1.2.156.3005.2` for national certificates), `type_code` 21 characters, `version`
/// up to 999; the check is MOD 37,36 over type, issuer, serial and version without dots. The parts are digits
/// and upper-case letters, and are not tested as credit codes: identifiers in use also name issuers by
/// division code. `None` when a part breaks these rules.
pub fn certificate_id_versioned(
    root: &str,
    type_code: &str,
    issuer: &str,
    serial: &str,
    version: u16,
) -> Option<String> {
    let parts_ok = root_ok(root) && type_code.len() == TYPE_LEN && version <= 999;
    if !parts_ok || ![type_code, issuer, serial].into_iter().all(alphanumeric) {
        return None;
    }
    let version = format!("{version:03}");
    let check = mod37_36(&[type_code, issuer, serial, &version].concat())?;
    Some(format!("{root}.{type_code}.{issuer}.{serial}.{version}.{check}"))
}

/// Whether a text is a well-formed certificate identifier with a right check character.
pub fn certificate_id_valid(id: &str) -> bool {
    let mut parts = id.rsplitn(6, '.');
    let mut next = || parts.next().unwrap_or_default();
    let (check, version, serial, issuer, type_code, root) = (next(), next(), next(), next(), next(), next());
    root_ok(root)
        && type_code.len() == TYPE_LEN
        && [type_code, issuer, serial].into_iter().all(alphanumeric)
        && version.len() == 3
        && version.bytes().all(|b| b.is_ascii_digit())
        && check.len() == 1
        && mod37_36_valid(&[type_code, issuer, serial, version, check].concat())
}

fn alphanumeric(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| value36(b).is_some())
}

fn root_ok(root: &str) -> bool {
    root.split('.')
        .all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "1.2.156.3005.2";

    #[test]
    fn published_identifiers() {
        for (t, issuer, serial, version, check) in [
            (
                "11100000000013338W011",
                "11430000006122244L",
                "20230000403",
                1,
                "U",
            ),
            (
                "11100000000013338W009",
                "11330105002500287C",
                "2025052201",
                2,
                "0",
            ),
            ("11100000000013338W032", "11220000013544541J", "2430599", 1, "F"),
            ("11100000MB03271699022", "340100", "000000016", 1, "9"),
        ] {
            let id = certificate_id_versioned(ROOT, t, issuer, serial, version).unwrap();
            assert_eq!(id, format!("{ROOT}.{t}.{issuer}.{serial}.{version:03}.{check}"));
            assert!(certificate_id_valid(&id));
            assert_eq!(
                certificate_id(ROOT, t, issuer, serial).as_ref() == Some(&id),
                version == 1
            );
        }
    }

    #[test]
    fn broken_identifiers() {
        let id = certificate_id(ROOT, "113208000143200053001", "113208000143200053", "20260001").unwrap();
        assert!(certificate_id_valid(&id));
        assert!(!certificate_id_valid(&id.replace("20260001", "20260002")));
        assert!(!certificate_id_valid(&id.replace(".001.", ".002.")));
        assert!(!certificate_id_valid(&id.replace(".001.", ".1.")));
        assert!(!certificate_id_valid(&id.replace("1.2.156.3005.2.", "")));
        assert!(!certificate_id_valid(&id.replace("1.2.", "1..")));
        assert!(!certificate_id_valid(&id[..id.len() - 1]));
        assert!(!certificate_id_valid(""));
        // A dot moved between two parts leaves the checked characters the same, but not the type's length.
        assert!(!certificate_id_valid(&id.replace("053001.1", "05300.11")));
    }

    #[test]
    fn wrong_parts() {
        let (t, i) = ("113208000143200053001", "113208000143200053");
        assert_eq!(certificate_id("1.2.", t, i, "1"), None);
        assert_eq!(certificate_id("", t, i, "1"), None);
        assert_eq!(certificate_id(ROOT, &t[1..], i, "1"), None);
        assert_eq!(certificate_id(ROOT, t, "", "1"), None);
        assert_eq!(certificate_id(ROOT, t, i, "a1"), None);
        assert_eq!(certificate_id(ROOT, t, i, "1.2"), None);
        assert_eq!(certificate_id_versioned(ROOT, t, i, "1", 1000), None);
    }
}
