use crate::{post, somebody};
use proptest::prelude::*;
use scim::patch::{apply, read};
use scim::resources::{ENTERPRISE_ID, GROUPS_TYPE, USERS};
use scim::schema::ResourceType;
use scim::{Error, ScimType};
use serde_json::{Value, json};

fn patched(of: &ResourceType, before: &Value, operations: Value) -> Result<Value, Error> {
    let body = json!({ "schemas": [scim::message::PATCH], "Operations": operations });
    apply(of, before, &read(&body)?)
}

fn user(operations: Value) -> Value {
    patched(&USERS, &somebody(), operations).unwrap()
}

fn refused(operations: Value) -> (Option<ScimType>, String) {
    let e = patched(&USERS, &somebody(), operations).expect_err("must be refused");
    assert_eq!(e.status, 400, "{e}");
    (e.scim_type, e.detail)
}

#[test]
fn what_entra_sends() {
    let after = user(json!([
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "Add", "path": "name.familyName", "value": "王" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "wang@example.test" },
        { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "13800000000" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "大厅" },
        { "op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "u7" },
    ]));
    assert_eq!(after["active"], false);
    assert_eq!(after["name"], json!({ "familyName": "王", "givenName": "娜" }));
    assert_eq!(after["emails"][0]["value"], "wang@example.test");
    assert_eq!(after["emails"][0]["primary"], true);
    assert_eq!(after["emails"][1]["value"], "na@home.test");
    assert_eq!(
        after["phoneNumbers"][1],
        json!({ "type": "mobile", "value": "13800000000" })
    );
    assert_eq!(after[ENTERPRISE_ID]["department"], "大厅");
    assert_eq!(after[ENTERPRISE_ID]["manager"], json!({ "value": "u7" }));

    let after = user(json!([{ "op": "replace", "value": {
        "displayName": "新名", "name.givenName": "丽", "ACTIVE": "true", "id": "other", "meta": { "version": "x" }, "unheardOf": 1,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "702",
    } }]));
    assert_eq!(after["displayName"], "新名");
    assert_eq!(after["name"], json!({ "familyName": "李", "givenName": "丽" }));
    assert_eq!(after["active"], true);
    assert_eq!(after[ENTERPRISE_ID]["employeeNumber"], "702");
    assert_eq!(after.get("id"), None);
    assert_eq!(after["meta"], somebody()["meta"]);
    assert_eq!(
        user(
            json!([{ "op": "Replace", "path": "displayName", "value": [{ "$ref": null, "value": "旧式" }] }])
        )["displayName"],
        "旧式"
    );
}

#[test]
fn members_come_and_go() {
    let of = &GROUPS_TYPE;
    let ids = |v: &Value| -> Vec<String> {
        let list = v["members"].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|m| m["value"].as_str().unwrap().to_string())
            .collect()
    };
    let after = |operations: Value| ids(&patched(of, &post(), operations).unwrap());
    assert_eq!(
        after(json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "u3" }] }])),
        ["u1", "u2", "u3"]
    );
    assert_eq!(
        after(json!([{ "op": "add", "path": "members", "value": { "value": "u1", "display": "x" } }])),
        ["u1", "u2"]
    );
    assert_eq!(
        after(json!([{ "op": "remove", "path": "members[value eq \"u1\"]" }])),
        ["u2"]
    );
    assert_eq!(
        after(json!([{ "op": "remove", "path": "members[value eq \"u1\" or value eq \"u2\"]" }])),
        [""; 0]
    );
    assert_eq!(
        after(json!([{ "op": "Remove", "path": "members", "value": [{ "value": "u2" }] }])),
        ["u1"]
    );
    assert_eq!(
        after(json!([{ "op": "remove", "path": "members[value eq \"u9\"]" }])),
        ["u1", "u2"]
    );
    assert_eq!(after(json!([{ "op": "remove", "path": "members" }])), [""; 0]);
    assert_eq!(
        after(json!([{ "op": "replace", "path": "members", "value": [{ "value": "u5" }] }])),
        ["u5"]
    );
    assert_eq!(
        after(json!([{ "op": "replace", "value": { "id": "g1", "displayName": "新窗口" } }])),
        ["u1", "u2"]
    );
    assert_eq!(
        after(json!([
            { "op": "remove", "path": "members[value eq \"u1\"]" },
            { "op": "add", "path": "members", "value": [{ "value": "u4" }] },
        ])),
        ["u2", "u4"]
    );
}

#[test]
fn the_cases_of_the_standard() {
    // A new primary value takes the mark from the old one.
    let after =
        user(json!([{ "op": "add", "path": "emails", "value": [{ "value": "x@y.test", "primary": true }] }]));
    assert_eq!(after["emails"][0].get("primary"), None);
    assert_eq!(after["emails"][2]["primary"], true);
    // All matching values are replaced, a sub-attribute in each of them.
    let after = user(json!([{ "op": "replace", "path": "emails[value pr].type", "value": "other" }]));
    assert!(
        after["emails"]
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["type"] == "other")
    );
    let after = user(
        json!([{ "op": "replace", "path": "emails[type eq \"home\"]", "value": { "value": "z@z.test", "type": "other" } }]),
    );
    assert_eq!(
        after["emails"][1],
        json!({ "value": "z@z.test", "type": "other" })
    );
    // What has no value left is gone.
    let after = user(
        json!([{ "op": "remove", "path": "phoneNumbers[type eq \"work\"]" }, { "op": "remove", "path": "name" }, { "op": "remove", "path": ENTERPRISE_ID }]),
    );
    assert_eq!(after.get("phoneNumbers"), None);
    assert_eq!(after.get("name"), None);
    assert_eq!(after.get(ENTERPRISE_ID), None);
    assert_eq!(
        user(json!([{ "op": "replace", "path": "displayName", "value": null }])).get("displayName"),
        None
    );
    assert_eq!(
        user(json!([{ "op": "remove", "path": "name.givenName" }]))["name"],
        json!({ "familyName": "李" })
    );
    assert_eq!(
        user(json!([{ "op": "add", "path": ENTERPRISE_ID, "value": { "costCenter": "9" } }]))[ENTERPRISE_ID],
        json!({ "employeeNumber": "701", "manager": { "value": "u9" }, "costCenter": "9" })
    );
}

#[test]
fn what_cannot_be_done_says_why_and_leaves_nothing_half_done() {
    let why = |operations: Value| refused(operations).0.unwrap();
    assert_eq!(
        why(json!([{ "op": "replace", "path": "id", "value": "x" }])),
        ScimType::Mutability
    );
    assert_eq!(
        why(json!([{ "op": "add", "path": "groups", "value": [{ "value": "g" }] }])),
        ScimType::Mutability
    );
    assert_eq!(
        why(json!([{ "op": "add", "path": "meta.created", "value": "2020-01-01T00:00:00Z" }])),
        ScimType::Mutability
    );
    assert_eq!(
        why(json!([{ "op": "remove", "path": "userName" }])),
        ScimType::Mutability
    );
    assert_eq!(why(json!([{ "op": "remove" }])), ScimType::NoTarget);
    assert_eq!(
        why(json!([{ "op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x" }])),
        ScimType::NoTarget
    );
    assert_eq!(
        why(json!([{ "op": "add", "path": "emails[type sw \"fax\"].value", "value": "x" }])),
        ScimType::NoTarget
    );
    assert_eq!(
        why(json!([{ "op": "replace", "path": "unheardOf", "value": 1 }])),
        ScimType::InvalidPath
    );
    assert_eq!(
        why(json!([{ "op": "replace", "path": "userName[value eq 1]", "value": "x" }])),
        ScimType::InvalidPath
    );
    assert_eq!(
        why(json!([{ "op": "replace", "path": "emails[", "value": "x" }])),
        ScimType::InvalidPath
    );
    assert_eq!(
        why(json!([{ "op": "replace", "path": "active", "value": "perhaps" }])),
        ScimType::InvalidValue
    );
    assert_eq!(
        why(json!([{ "op": "replace", "path": "displayName", "value": { "a": 1 } }])),
        ScimType::InvalidValue
    );
    assert_eq!(
        why(json!([{ "op": "replace", "value": "x" }])),
        ScimType::InvalidValue
    );
    assert_eq!(
        why(json!([{ "op": "replace", "path": "userName", "value": null }])),
        ScimType::InvalidValue
    );
    assert_eq!(
        why(json!([{ "op": "move", "path": "active", "value": true }])),
        ScimType::InvalidSyntax
    );
    assert_eq!(why(json!([])), ScimType::InvalidSyntax);
    assert!(refused(json!([{ "op": "add", "path": "title", "value": "a" }, { "op": "add", "path": "active", "value": 3 }])).1.starts_with("operation 2: active"));
    let two = json!([{ "value": "a@b.test", "primary": true }, { "value": "c@d.test", "primary": true }]);
    assert_eq!(
        why(json!([{ "op": "replace", "path": "emails", "value": two }])),
        ScimType::InvalidValue
    );
    let e = read(
        &json!({ "schemas": [scim::message::PATCH], "Operations": vec![json!({ "op": "remove", "path": "title" }); 201] }),
    );
    assert_eq!(e.unwrap_err().status, 413);
    assert_eq!(
        read(&json!({ "Operations": [] })).unwrap_err().scim_type,
        Some(ScimType::InvalidSyntax)
    );
}

fn operation() -> impl Strategy<Value = Value> {
    let path = prop::sample::select(vec![
        "userName",
        "displayName",
        "name",
        "name.familyName",
        "active",
        "emails",
        "emails.type",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[primary eq true].primary",
        "title",
        "externalId",
        "groups",
        ENTERPRISE_ID,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "",
    ]);
    let value = prop::sample::select(vec![
        json!("x"),
        json!(true),
        json!("False"),
        json!(null),
        json!([]),
        json!({ "value": "a", "type": "work" }),
        json!([{ "value": "a" }, { "value": "b", "primary": true }]),
        json!({ "familyName": "王" }),
        json!({ "title": "t", "emails": [] }),
        json!(7),
    ]);
    (
        prop::sample::select(vec!["add", "Replace", "REMOVE"]),
        path,
        value,
    )
        .prop_map(|(op, path, value)| json!({ "op": op, "path": path, "value": value }))
}

proptest! {
    /// Whatever is done to a resource, it stays one that could have been sent as a whole.
    #[test]
    fn a_patched_resource_is_canonical(operations in prop::collection::vec(operation(), 1..6)) {
        let mut before = somebody();
        before.as_object_mut().unwrap().remove("meta");
        if let Ok(after) = patched(&USERS, &before, Value::Array(operations)) {
            let mut body = after.clone();
            body["schemas"] = json!([scim::resources::USER_ID]);
            let read = scim::document::read(&USERS, &body).unwrap();
            prop_assert_eq!(read.resource, after);
            prop_assert!(read.ignored.is_empty());
        }
    }

    #[test]
    fn replacing_twice_is_replacing_once(mut o in operation()) {
        o["op"] = "replace".into();
        if let Ok(once) = patched(&USERS, &somebody(), json!([o])) {
            prop_assert_eq!(patched(&USERS, &once, json!([o])).unwrap_or(once.clone()), once);
        }
    }
}
