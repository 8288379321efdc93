use crate::somebody;
use proptest::prelude::*;
use scim::filter::{Filter, Op};
use scim::resources::USERS;
use scim::{AttrPath, MAX_DEPTH, MAX_FILTER};
use serde_json::{Value, json};

fn hits(text: &str) -> bool {
    Filter::read(text)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .matches(&USERS, &somebody())
}

#[test]
fn a_text_is_compared_by_the_case_rule_of_its_attribute() {
    assert!(hits(r#"userName eq "li.na@example.test""#));
    assert!(hits(r#"USERNAME Eq "LI.NA@example.TEST""#));
    assert!(hits(
        r#"userName sw "LI" and userName ew "TEST" and userName co "@EX""#
    ));
    assert!(hits(r#"externalId eq "Ab-1""#));
    assert!(!hits(r#"externalId eq "ab-1""#));
    assert!(hits(
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "li""#
    ));
    assert!(hits(
        r#"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq "701""#
    ));
    assert!(hits(
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "u9""#
    ));
    assert!(hits(
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "u9""#
    ));
}

#[test]
fn truth_times_and_absence() {
    assert!(hits("active eq true"));
    assert!(hits(r#"active eq "True""#));
    assert!(hits("active ne false"));
    assert!(hits(r#"meta.lastModified eq "2026-03-01T00:00:00Z""#));
    assert!(hits(r#"meta.lastModified gt "2026-02-28T23:59:59Z""#));
    assert!(hits(r#"meta.lastModified le "2026-03-01T00:00:00.000Z""#));
    assert!(!hits("title pr"));
    assert!(hits("title eq null"));
    assert!(hits("displayName ne null"));
    assert!(hits(r#"title ne "x""#));
    assert!(!hits(r#"title sw "x""#));
    assert!(hits("name pr"));
    assert!(!hits("unheardOf pr"));
    assert!(hits("not (unheardOf pr)"));
}

#[test]
fn a_list_matches_by_any_of_its_values_and_brackets_by_one_that_has_it_all() {
    assert!(hits(r#"emails co "@home""#));
    assert!(hits(r#"emails.type eq "HOME""#));
    assert!(hits(r#"emails[type eq "work" and value ew "example.test"]"#));
    assert!(!hits(r#"emails[type eq "work" and value ew "home.test"]"#));
    assert!(hits(r#"emails.type eq "work" and emails.value ew "home.test""#));
    assert!(hits(r#"emails[not (type eq "work")]"#));
    assert!(hits(r#"emails[primary eq "True"]"#));
    assert!(!hits("emails[value pr and nothing pr]"));
}

#[test]
fn and_binds_stronger_than_or() {
    assert!(hits(r#"active eq true or active eq false and title pr"#));
    assert!(!hits(r#"(active eq true or active eq false) and title pr"#));
}

#[test]
fn what_is_never_told_cannot_be_asked_for() {
    let secret = "urn:yiwang:params:scim:schemas:extension:official:1.0:User:identityNumber";
    for guess in [
        format!("{secret} pr"),
        format!("{secret} sw \"3208\""),
        format!("{secret} ne null"),
    ] {
        assert!(!hits(&guess), "{guess}");
    }
}

#[test]
fn an_error_says_where_and_why() {
    for (text, at, why) in [
        ("", 1, "name of an attribute"),
        ("userName", 9, "operator"),
        ("userName ex \"a\"", 10, "operator"),
        ("userName eq", 12, "value"),
        ("userName eq a", 13, "value"),
        ("userName eq \"a", 13, "quotation"),
        ("userName eq \"a\" and", 20, "name of an attribute"),
        ("userName eq \"a\" b", 17, "end"),
        ("(userName pr", 13, "parenthesis"),
        ("emails[type pr", 15, "bracket"),
        ("emails[value[type pr]]", 13, "within"),
        ("emails.value[type pr]", 13, "sub-attribute"),
        ("active gt true", 15, "compares"),
        ("userName co 3", 14, "compares"),
        ("userName eq [1]", 13, "single"),
        ("名 eq 1", 1, "name of an attribute"),
        ("userName eq \"名\" x", 17, "end"),
        ("http://x:userName pr", 1, "name of an attribute"),
    ] {
        let e = Filter::read(text).expect_err(text);
        assert_eq!(e.at, at, "{text}: {e}");
        assert!(e.why.contains(why), "{text}: {e}");
    }
}

#[test]
fn length_depth_and_terms_have_limits() {
    let deep = |n: usize| format!("{}id pr{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::read(&deep(MAX_DEPTH)).is_ok());
    assert!(
        Filter::read(&deep(MAX_DEPTH + 1))
            .unwrap_err()
            .why
            .contains("deeper")
    );
    assert!(Filter::read(&deep(900)).is_err());
    assert!(
        Filter::read(&"not (".repeat(300))
            .unwrap_err()
            .why
            .contains("deeper")
    );
    let many = vec!["id pr"; 101].join(" or ");
    assert!(Filter::read(&many).unwrap_err().why.contains("terms"));
    let long = format!("userName eq \"{}\"", "a".repeat(MAX_FILTER));
    assert!(Filter::read(&long).unwrap_err().why.contains("longer"));
}

#[test]
fn what_an_index_can_be_asked() {
    let read = |t: &str| Filter::read(t).unwrap();
    assert_eq!(read(r#"userName eq "a""#).demands("userName"), Some("a"));
    assert_eq!(
        read(r#"active eq true and USERNAME eq "a""#).demands("userName"),
        Some("a")
    );
    assert_eq!(
        read(r#"active eq true or userName eq "a""#).demands("userName"),
        None
    );
    assert_eq!(read(r#"not (userName eq "a")"#).demands("userName"), None);
}

fn name() -> impl Strategy<Value = AttrPath> {
    let word = "[a-zA-Z][a-zA-Z0-9_-]{0,6}";
    let uri = prop::option::of("urn:[a-z]{1,5}:[a-z0-9.]{1,5}");
    (uri, word, prop::option::of(word)).prop_filter_map("keywords", |(uri, name, sub)| {
        let path = AttrPath { uri, name, sub };
        let text = path.to_string();
        (!text.eq_ignore_ascii_case("not") && AttrPath::read(&text) == Some(path.clone())).then_some(path)
    })
}

fn literal() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(true)),
        Just(Value::Null),
        any::<i32>().prop_map(|n| json!(n)),
        "\\PC{0,8}".prop_map(Value::String),
        ".{0,8}".prop_map(Value::String),
    ]
}

fn comparison() -> impl Strategy<Value = Filter> {
    prop_oneof![
        name().prop_map(Filter::Present),
        (name(), literal(), any::<bool>()).prop_map(|(path, value, same)| Filter::Compare {
            path,
            op: if same { Op::Eq } else { Op::Ne },
            value
        }),
        (name(), "\\PC{0,8}", 2usize..9).prop_map(|(path, text, n)| Filter::Compare {
            path,
            op: [
                Op::Eq,
                Op::Ne,
                Op::Co,
                Op::Sw,
                Op::Ew,
                Op::Gt,
                Op::Ge,
                Op::Lt,
                Op::Le
            ][n],
            value: text.into()
        }),
    ]
}

fn tree(leaf: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(3, 20, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Or),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::And),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    })
    .boxed()
}

fn any_filter() -> BoxedStrategy<Filter> {
    let inside = tree(comparison().boxed());
    let values = (name(), inside).prop_map(|(mut path, filter)| {
        path.sub = None;
        Filter::Values {
            path,
            filter: Box::new(filter),
        }
    });
    tree(prop_oneof![3 => comparison(), 1 => values].boxed())
}

proptest! {
    #[test]
    fn a_written_filter_reads_as_itself(filter in any_filter()) {
        let text = filter.to_string();
        prop_assume!(text.chars().count() <= MAX_FILTER);
        match Filter::read(&text) {
            Ok(read) => prop_assert_eq!(read, filter),
            Err(e) => prop_assert!(e.why.contains("than this service reads"), "{text}: {e}"),
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in ".{0,60}") {
        let _ = Filter::read(&text).map(|f| f.matches(&USERS, &somebody()));
        let _ = scim::Path::read(&text);
    }

    #[test]
    fn nor_does_one_made_of_its_own_words(words in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "[", "]", "not", "and", "or", "eq", "pr", "co", "emails", "userName", "type", "\"a\"", "\"", "true", "1", ".", ":", "urn:a:b", "\\", "$ref",
    ]), 0..24), joint in prop::sample::select(vec![" ", ""])) {
        let text = words.join(joint);
        if let Ok(f) = Filter::read(&text) {
            let again = Filter::read(&f.to_string());
            prop_assert_eq!(again, Ok(f));
        }
    }

    #[test]
    fn not_is_the_other_half(filter in any_filter()) {
        let one = filter.matches(&USERS, &somebody());
        prop_assert_ne!(Filter::Not(Box::new(filter)).matches(&USERS, &somebody()), one);
    }
}
