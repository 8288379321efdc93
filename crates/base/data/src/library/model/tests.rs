//! The rules on a file, case by case and on any bytes.

use super::examine::mask;
use super::*;
use proptest::prelude::*;

const HEAD: &str = "id,name,birth,sex,phone,at";

fn source() -> Source {
    let rule = |column: &str, element: &str, check: Check, severity: Severity| Rule {
        column: column.into(),
        element: element.into(),
        check,
        severity,
        values: if check == Check::Enum {
            vec!["1".into(), "2".into()]
        } else {
            Vec::new()
        },
    };
    Source {
        id: "people".into(),
        file: "people.csv".into(),
        library: "population".into(),
        name: "人口".into(),
        name_en: "People".into(),
        authority: "a".into(),
        key: "id".into(),
        key_kind: KeyKind::CitizenId,
        as_of: "at".into(),
        rules: vec![
            rule("name", "name", Check::NotEmpty, Severity::Reject),
            rule("birth", "birth-date", Check::Date, Severity::Reject),
            rule("sex", "sex", Check::Enum, Severity::Warn),
            rule("phone", "phone", Check::Phone, Severity::Warn),
        ],
    }
}

fn code(n: u16) -> String {
    codes::synthetic_citizen_id("320899", "19900101", n).unwrap()
}

fn found(e: &Examined) -> Vec<(i64, &str, &str, &str)> {
    e.issues
        .iter()
        .map(|i| (i.line, i.column.as_str(), i.rule, i.reason.as_str()))
        .collect()
}

fn rows(lines: &[String]) -> Examined {
    examine(&source(), format!("{HEAD}\n{}\n", lines.join("\n")).as_bytes()).unwrap()
}

#[test]
fn rejects_warns_and_counts() {
    let (a, b) = (code(1), code(2));
    let wrong = format!("{}{}", &a[..17], if a.ends_with('0') { '1' } else { '0' });
    let e = rows(&[
        format!("{a},演示甲,1990-01-01,1,19900000001,2026-06-30"),
        format!("{wrong},演示乙,1990-01-01,1,19900000001,2026-06-30"),
        format!("{b},演示丙,1990-02-30,1,19900000001,2026-06-30"),
        format!("{a},演示甲,1990-01-01,1,19900000001,2026-06-30"),
        format!("{a},演示改,1990-01-01,1,19900000001,2026-06-30"),
        format!("{b},,1990-01-01,1,19900000001,2026-06-30"),
        format!("{b},演示丙,1990-01-01,3,2990000,2026-06-30"),
        format!("{b},演示丙,1990-01-01,1"),
        format!("{a},演示甲,1990-01-01,1,19900000009,2021-03-31"),
        format!("{b},演示丙,1990-01-01,1,19900000002,上周"),
    ]);
    assert_eq!((e.read, e.accepted, e.rejected, e.warned), (10, 3, 7, 2));
    assert_eq!(
        found(&e),
        [
            (3, "id", "citizen-id", "data-reason-citizen-check"),
            (4, "birth", "date", "data-reason-date"),
            (5, "", "duplicate", "data-reason-duplicate"),
            (6, "", "conflict", "data-reason-conflict"),
            (7, "name", "not-empty", "data-reason-empty"),
            (8, "sex", "enum", "data-reason-enum"),
            (8, "phone", "phone", "data-reason-phone-length"),
            (9, "", "shape", "data-reason-shape"),
            (10, "phone", "older", "data-reason-older"),
            (11, "at", "date", "data-reason-date"),
        ]
    );
    assert_eq!(e.issues[2].other, Some(2));
    assert_eq!(e.as_of, Some(("2021-03-31".into(), "2026-06-30".into())));
    assert_eq!(
        e.held[&a]["phone"].text, "19900000001",
        "the newer one is held, whatever its place in the file"
    );
    assert!(
        !e.held[&b].contains_key("phone") && !e.held[&b].contains_key("sex"),
        "a wrong cell is not kept"
    );
    let shown = format!("{:?}", e.issues);
    for secret in [
        wrong.as_str(),
        "演示丙",
        "1990-02-30",
        "2990000",
        "19900000009",
        "上周",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn newer_rows_win_in_any_order_and_gaps_are_filled_from_older_ones() {
    let a = code(1);
    let old = format!("{a},演示甲,1990-01-01,1,19900000001,2020-01-01");
    let new = format!("{a},演示甲,1990-01-01,1,,2026-01-01");
    for lines in [[old.clone(), new.clone()], [new, old]] {
        let e = rows(&lines);
        assert_eq!(
            (
                e.held[&a]["phone"].as_of.as_str(),
                e.held[&a]["name"].as_of.as_str()
            ),
            ("2020-01-01", "2026-01-01")
        );
        assert_eq!(
            (e.accepted, e.warned),
            (2, 1),
            "the empty phone warns, an equal older row does not"
        );
    }
}

#[test]
fn lines_are_counted_as_editors_count_them() {
    let (a, b) = (code(1), code(2));
    let text = format!(
        "\u{feff}{HEAD}\r\n\r\n{a},\"演示\r\n甲\",1990-01-01,1,19900000001,2026-06-30\r\n\
         {b},演示乙,1990-13-01,1,19900000001,2026-06-30\r\n"
    );
    let e = examine(&source(), text.as_bytes()).unwrap();
    assert_eq!(found(&e), [(5, "birth", "date", "data-reason-date")]);
    assert_eq!(e.held[&a]["name"].line, 3);
}

#[test]
fn missing_columns_and_foreign_encodings_are_named() {
    assert_eq!(
        examine(&source(), b"id,name,birth,sex\n").unwrap_err(),
        ["at", "phone"]
    );
    assert_eq!(examine(&source(), b"").unwrap_err().len(), 6);
    let mut text = format!("{HEAD}\n{},", code(1)).into_bytes();
    text.extend(b"\xd1\xdd\xca\xbe,1990-01-01,1,19900000001,2026-06-30\n");
    assert_eq!(
        found(&examine(&source(), &text).unwrap()),
        [(2, "", "shape", "data-reason-encoding")]
    );
}

#[test]
fn masks() {
    assert_eq!(mask(Check::CitizenId, "320899199001010010"), "320899****0010");
    assert_eq!(mask(Check::CitizenId, "32089919900101001"), "3****");
    assert_eq!(mask(Check::Phone, "19900000001"), "199****0001");
    assert_eq!(mask(Check::Date, "1990-02-30"), "1990****");
    assert_eq!(mask(Check::Date, "演示居民甲"), "演****");
    assert_eq!(mask(Check::Enum, "3"), "****");
}

proptest! {
    /// Whatever the bytes, nothing panics, every row is counted once and no issue lacks its line.
    #[test]
    fn any_bytes(
        lines in prop::collection::vec("[0-9X甲,\"\r\n-]{0,60}", 0..12),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = format!("{HEAD}\n{}\n", lines.join("\n")).into_bytes();
        bytes.extend(tail);
        let e = examine(&source(), &bytes).unwrap();
        prop_assert_eq!(e.read, e.accepted + e.rejected);
        prop_assert!(e.warned <= e.accepted);
        let last = bytes.iter().filter(|b| **b == b'\n').count() as i64 + 1;
        prop_assert!(e.issues.iter().all(|i| i.line > 1 && i.line <= last));
    }

    /// A text in the wrong column gives away its first character and nothing else.
    #[test]
    fn masks_hide(text in "\\PC{2,9}|\\PC{12,17}") {
        let first: String = text.chars().take(1).collect();
        for check in [Check::NotEmpty, Check::Date, Check::Phone, Check::CitizenId, Check::CreditCode] {
            prop_assert_eq!(mask(check, &text), format!("{first}****"));
        }
    }
}
