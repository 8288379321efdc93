use super::*;
use serde_json::json;

fn eval(text: &str) -> Json {
    let names = json!({ "area": 12.5, "purpose": "goods", "days": 3, "ok": true, "d": { "route": "joint" },
        "from": "2026-11-24", "to": "2026-12-01", "list": ["a", "b"], "占用面积": 8, "fee": 0.1,
        "people": [{ "name": "甲", "age": 17 }, { "name": "乙", "age": 40 }], "born": "2008-02-29" });
    evaluate(&parse(text).unwrap_or_else(|e| panic!("{e}")), &names)
}

fn check(cases: &[(&str, Json)]) {
    for (text, want) in cases {
        assert_eq!(eval(text), *want, "{text}");
    }
}

#[test]
fn expressions_evaluate() {
    check(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("10 / 4", json!(2.5)),
        ("1 / 0", json!(null)),
        ("-days + 1", json!(-2)),
        ("2 ** 10 - 24", json!(1000)),
        ("area <= 20 and purpose = 'goods'", json!(true)),
        ("d.route == \"joint\"", json!(true)),
        ("to >= from", json!(true)),
        ("missing > 3", json!(null)),
        ("missing = null", json!(true)),
        ("not(ok) or days in [1..3]", json!(true)),
        ("days in (1..3)", json!(false)),
        ("days in [1..3)", json!(false)),
        ("days in ]1..3]", json!(true)),
        ("days in ]1..3[", json!(false)),
        ("days between 1 and 3 and ok", json!(true)),
        ("purpose in ('goods', 'other')", json!(true)),
        ("purpose in ['goods', 'other']", json!(true)),
        ("days in (>= 3, < 1)", json!(true)),
        ("if area > 10 then 'big' else 'small'", json!("big")),
        ("contains(list, 'a') and count(list) = 2", json!(true)),
        ("list = 'a'", json!(true)),
        ("max(days, 10)", json!(10)),
        ("占用面积 < 10", json!(true)),
        ("missing > 1 or true", json!(true)),
        ("missing > 1 and false", json!(false)),
        ("'a' < 1", json!(null)),
        ("defined(missing) or starts_with(purpose, 'go')", json!(true)),
    ]);
}

#[test]
fn money_is_exact() {
    check(&[
        ("0.1 + 0.2 = 0.3", json!(true)),
        ("fee + 0.2", json!(0.3)),
        ("fee * 3 = 0.3", json!(true)),
        ("1.005 * 100", json!(100.5)),
        ("19.99 * 3 + 0.03", json!(60)),
        ("decimal(2.5, 0)", json!(2)),
        ("round half up(2.345, 2)", json!(2.35)),
        ("round up(10.001, 0) + round down(10.9, 0)", json!(21)),
        ("sum([0.1, 0.2, 0.3]) = 0.6", json!(true)),
        ("floor(-1.5) + ceiling(1.2)", json!(0)),
        ("modulo(-7, 3)", json!(2)),
        ("round half up(100 / 3 * 3, 2)", json!(100)),
    ]);
}

#[test]
fn dates_and_durations() {
    check(&[
        ("date('2026-11-24') + duration('P7D')", json!("2026-12-01")),
        ("from + duration('P1M')", json!("2026-12-24")),
        ("(date(to) - date(from)).days", json!(7)),
        ("to - from = duration('P7D')", json!(true)),
        ("date(from) < to", json!(true)),
        ("from in [date('2026-01-01')..date('2026-12-31')]", json!(true)),
        ("date(2028, 2, 29).weekday", json!(2)),
        ("born.year + 18 <= 2026", json!(true)),
        (
            "years and months duration(born, date('2026-02-28')).years",
            json!(17),
        ),
        (
            "years and months duration(born, date('2026-03-01')).years",
            json!(18),
        ),
        ("date('2026-02-30')", json!(null)),
        ("day of week(from)", json!("Tuesday")),
        ("week of year(date('2026-11-26'))", json!(48)),
        (
            "date and time('2026-11-24T09:00:00') + duration('PT20H')",
            json!("2026-11-25T05:00:00"),
        ),
        (
            "date and time('2026-11-24T09:00:00+08:00') = date and time('2026-11-24T01:00:00Z')",
            json!(true),
        ),
        ("time('22:30:00') > time('06:00:00')", json!(true)),
        ("@\"P1D\" * 3 = duration('PT72H')", json!(true)),
        ("duration('P1M') < duration('P40D')", json!(null)),
        ("string(date(from))", json!("2026-11-24")),
    ]);
}

#[test]
fn lists_contexts_and_loops() {
    check(&[
        ("some p in people satisfies p.age < 18", json!(true)),
        ("every p in people satisfies p.age >= 18", json!(false)),
        ("every p in missing satisfies p > 1", json!(null)),
        ("people[age >= 18].name", json!(["乙"])),
        ("people[1].name", json!("甲")),
        ("people[-1].age", json!(40)),
        ("[1, 2, 3][item > 1]", json!([2, 3])),
        ("for n in 1..3 return n * n", json!([1, 4, 9])),
        ("for n in 3..1, m in [10] return n + m", json!([13, 12, 11])),
        ("for p in people return p.name", json!(["甲", "乙"])),
        ("{a: 1, b: a + 1}.b", json!(2)),
        ("{\"甲 乙\": 1}", json!({ "甲 乙": 1 })),
        ("mean([1, 2, 6]) = 3 and median([1, 9, 2]) = 2", json!(true)),
        ("min(list) + max('a', 'c')", json!("ac")),
        ("string join(list, '、')", json!("a、b")),
        ("distinct values([1, 2, 1.0])", json!([1, 2])),
        ("concatenate([1], [2, [3]])", json!([1, 2, [3]])),
        ("flatten([1, [2, [3]]])", json!([1, 2, 3])),
        ("index of(list, 'b')", json!([2])),
        ("sublist([1, 2, 3, 4], 2, 2)", json!([2, 3])),
        ("remove(insert before([1, 2], 1, 0), -1)", json!([0, 1])),
        ("append(list, 'c')[3]", json!("c")),
        ("union([1, 2], [2, 3])", json!([1, 2, 3])),
        ("all([true, missing])", json!(null)),
        ("any([true, missing])", json!(true)),
        ("list contains(list, 'z')", json!(false)),
        ("get value({a: 5}, 'a')", json!(5)),
        ("count(get entries({a: 5, b: 6}))", json!(2)),
        ("sum([])", json!(null)),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("substring('统一社会信用', 3)", json!("社会信用")),
        ("substring('统一社会信用', -2, 1)", json!("信")),
        ("string length('占用')", json!(2)),
        ("upper case('ab') + lower case('CD')", json!("ABcd")),
        (
            "starts with('320899', '32') and ends with('320899', '99')",
            json!(true),
        ),
        (
            "substring before('a-b', '-') + substring after('a-b', '-')",
            json!("ab"),
        ),
        ("contains('临时占道', '占')", json!(true)),
        ("number('12.50') + 1", json!(13.5)),
        ("number('x')", json!(null)),
        ("string(1.50)", json!("1.5")),
        ("\"say \\\"x\\\" \\u4e2d\"", json!("say \"x\" 中")),
    ]);
}

#[test]
fn wrong_expressions_say_where_and_why() {
    for (text, at, says) in [
        ("", 1, "ends too early"),
        ("1 +", 4, "ends too early"),
        ("'open", 1, "not closed"),
        ("a + f(1)", 5, "no function `f`"),
        ("a b", 3, "left over"),
        ("days in [1..3", 14, "not closed"),
        ("占用 #", 4, "unexpected `#`"),
        ("if a then b", 12, "`else` is missing"),
        ("today() > d", 1, "knows no clock"),
        ("matches(a, 'x')", 1, "regular expressions"),
        (
            "function(x) external { java: { class: 'java.lang.Math' } }",
            1,
            "external functions (Java, PMML) are refused",
        ),
        ("count(1, 2)", 1, "no function `count` with 2 arguments"),
        ("@\"yesterday\"", 2, "no date"),
        ("[1, 2", 6, "`]` is missing"),
    ] {
        match parse(text).unwrap_err() {
            crate::DecisionError::Expression {
                at: place, message, ..
            } => {
                assert!(message.contains(says), "{text}: {message}");
                assert_eq!(place, at, "{text}: {message}");
            }
            other => panic!("{text}: {other}"),
        }
    }
}

#[test]
fn hostile_texts_end() {
    for text in ["(", "-", "[", "not(", "if ", "{a:", "x in (", "f.[", "for x in "] {
        assert!(parse(&text.repeat(100_000)).is_err(), "{text}");
        assert!(parse_tests(&text.repeat(50_000)).is_err(), "{text}");
    }
    let nested = "for a in 1..9999, b in 1..9999, c in 1..9999 return a";
    assert_eq!(eval(nested), json!(null), "out of steps");
    assert_eq!(eval("for a in 1..100000 return a"), json!(null));
}

#[test]
fn unary_tests() {
    for (cell, value, want) in [
        ("-", json!(1), true),
        ("", json!(1), true),
        ("< 10", json!(9), true),
        ("[10..20)", json!(20), false),
        ("\"goods\",\"promotion\"", json!("promotion"), true),
        ("not(\"goods\")", json!("goods"), false),
        ("not(\"goods\", \"x\")", json!(null), true),
        ("true", json!(true), true),
        ("-5", json!(-5), true),
        (">= 3, 1", json!(2), false),
        ("null", json!(null), true),
        ("< 3", json!(null), false),
        (">= date(\"2026-01-01\")", json!("2026-05-01"), true),
        ("[\"a\", \"b\"]", json!("b"), true),
        ("\"a\"", json!(["a", "b"]), true),
        ("string length(?) > 2", json!("abc"), true),
        ("contains(?, \"中\"), \"x\"", json!("一"), false),
    ] {
        let tests = parse_tests(cell).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(
            tests.iter().any(|t| test(t, &value, &json!({}))),
            want,
            "{cell} {value}"
        );
    }
}
