use crate::somebody;
use scim::order::Sort;
use scim::project::Projection;
use scim::resources::{ENTERPRISE_ID, OFFICIAL_ID, USER_ID, USERS};
use scim::{AttrPath, ScimType, document};
use serde_json::{Value, json};

fn read(mut body: Value) -> Result<document::Read, scim::Error> {
    if body.get("schemas").is_none() {
        body["schemas"] = json!([USER_ID]);
    }
    document::read(&USERS, &body)
}

#[test]
fn what_a_client_may_not_write_is_left_out_and_named() {
    let got = read(json!({
        "USERNAME": "li", "Active": "True", "id": "mine", "meta": { "version": "W/\"9\"" }, "groups": [{ "value": "admin" }],
        "roles": ["root"], "password": "geheim", "title": "", "emails": [],
        ENTERPRISE_ID: { "EmployeeNumber": "7", "salary": 1, "manager": { "value": "u1", "displayName": "x" } },
    }))
    .unwrap();
    assert_eq!(
        got.resource,
        json!({ "userName": "li", "active": true, ENTERPRISE_ID: { "employeeNumber": "7", "manager": { "value": "u1" } } })
    );
    assert_eq!(
        got.ignored,
        [
            "id",
            "meta",
            "groups",
            "roles",
            "password",
            &format!("{ENTERPRISE_ID}:salary")
        ]
    );
}

#[test]
fn what_is_wrong_is_named_by_its_attribute() {
    for (body, why) in [
        (json!({ "displayName": "x" }), "userName: is required"),
        (json!({ "userName": null }), "userName: is required"),
        (json!({ "userName": 3 }), "userName: a text"),
        (
            json!({ "userName": "x".repeat(65) }),
            "userName: has more than 64",
        ),
        (json!({ "userName": "a\u{0}b" }), "userName: contains control"),
        (
            json!({ "userName": "x", "active": "yes" }),
            "active: true or false",
        ),
        (json!({ "userName": "x", "name": "x" }), "name: an object"),
        (
            json!({ "userName": "x", "name": { "familyName": [1] } }),
            "name.familyName: a text",
        ),
        (
            json!({ "userName": "x", "emails": [{ "value": 1 }] }),
            "emails.value: a text",
        ),
        (
            json!({ "userName": "x", "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] }),
            "emails: only one",
        ),
        (
            json!({ "userName": "x", ENTERPRISE_ID: 1 }),
            "an object was expected",
        ),
        (json!({ "userName": "x", "USERNAME": "y" }), "is there twice"),
        (
            json!({ "userName": "x", "schemas": ["urn:other"] }),
            "schemas must contain",
        ),
        (
            json!({ "userName": "x", "phoneNumbers": vec![json!({ "value": "1" }); 2001] }),
            "phoneNumbers: more values",
        ),
    ] {
        let e = read(body).expect_err(why);
        assert!(e.detail.contains(why), "{e}");
        assert!(matches!(
            e.scim_type,
            Some(ScimType::InvalidValue | ScimType::InvalidSyntax)
        ));
    }
    assert!(document::read(&USERS, &json!([])).is_err());
}

fn whole() -> Value {
    document::finish(
        &USERS,
        &somebody(),
        "u1",
        "https://city.test/scim/v2",
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "3",
    )
}

#[test]
fn a_resource_leaves_with_its_meta_and_without_its_secrets() {
    let told = Projection::Default.apply(&USERS, &whole());
    assert_eq!(told["id"], "u1");
    assert_eq!(told["schemas"], json!([USER_ID, ENTERPRISE_ID, OFFICIAL_ID]));
    assert_eq!(told["meta"]["location"], "https://city.test/scim/v2/Users/u1");
    assert_eq!(told["meta"]["version"], "W/\"3\"");
    assert_eq!(told.get(OFFICIAL_ID), None);
    assert!(!told.to_string().contains("32089919900101001X"));
}

#[test]
fn only_what_is_asked_for_is_told() {
    let told = |only: Option<&str>, without: Option<&str>| {
        let told = Projection::read(only, without).unwrap().apply(&USERS, &whole());
        let names: Vec<String> = told.as_object().unwrap().keys().cloned().collect();
        (told, names)
    };
    assert_eq!(
        told(Some("USERNAME,nothing"), None).1,
        ["schemas", "id", "userName"]
    );
    let (some, names) = told(Some("emails.value, name.familyName"), None);
    assert_eq!(names, ["schemas", "id", "name", "emails"]);
    assert_eq!(some["emails"][0], json!({ "value": "li@example.test" }));
    assert_eq!(some["name"], json!({ "familyName": "李" }));
    let number = format!("{ENTERPRISE_ID}:employeeNumber");
    assert_eq!(
        told(Some(&number), None).0[ENTERPRISE_ID],
        json!({ "employeeNumber": "701" })
    );
    assert_eq!(
        told(Some(ENTERPRISE_ID), None).0[ENTERPRISE_ID]["manager"]["value"],
        "u9"
    );
    let (some, names) = told(None, Some("id,emails,name.givenName,meta"));
    assert!(
        names.contains(&"id".into()) && !names.contains(&"emails".into()) && !names.contains(&"meta".into())
    );
    assert_eq!(some["name"], json!({ "familyName": "李" }));
    let secret = format!("{OFFICIAL_ID}:identityNumber");
    assert!(!told(Some(&secret), None).0.to_string().contains("1990"));
    assert!(!told(Some(OFFICIAL_ID), None).0.to_string().contains("1990"));
    assert!(Projection::read(Some("a"), Some("b")).is_err());
    assert!(Projection::read(Some("a b"), None).is_err());
    assert!(Projection::read(Some(""), Some("members")).is_ok());
    assert!(
        !Projection::read(None, Some("groups"))
            .unwrap()
            .wants(&USERS, "groups")
    );
    assert!(
        Projection::read(Some("groups.value"), None)
            .unwrap()
            .wants(&USERS, "groups")
    );
}

#[test]
fn a_list_is_put_in_order() {
    let mut all = vec![
        json!({ "id": "1", "userName": "b", "emails": [{ "value": "z" }, { "value": "a", "primary": true }] }),
        json!({ "id": "2", "userName": "A", "emails": [{ "value": "m" }], "active": false }),
        json!({ "id": "3", "userName": "C", "active": true }),
    ];
    let mut ids = |by: &str, descending| -> String {
        let by = AttrPath::read(by).unwrap();
        Sort { by, descending }.apply(&USERS, &mut all);
        all.iter().map(|v| v["id"].as_str().unwrap()).collect()
    };
    assert_eq!(ids("userName", false), "213");
    assert_eq!(ids("userName", true), "312");
    assert_eq!(ids("emails", false), "123");
    assert_eq!(ids("emails.value", true), "321");
    assert_eq!(ids("active", false), "231");
}

#[test]
fn tags_are_compared_weakly() {
    for yes in ["W/\"3\"", "\"3\"", "*", "W/\"1\", W/\"3\""] {
        assert!(scim::etag::names(yes, "3"), "{yes}");
    }
    for no in ["W/\"4\"", "3", "", "\"33\""] {
        assert!(!scim::etag::names(no, "3"), "{no}");
    }
}
