//! The protocol from outside.

mod filter;
mod messages;
mod patch;
mod resource;

use scim::resources::{GROUPS_TYPE, USERS};
use serde_json::{Value, json};

/// Somebody with a value at each kind of attribute, in canonical form.
pub fn somebody() -> Value {
    let body = json!({
        "schemas": [scim::resources::USER_ID, scim::resources::ENTERPRISE_ID],
        "userName": "Li.Na@Example.test", "externalId": "Ab-1", "displayName": "李娜",
        "name": { "familyName": "李", "givenName": "娜" }, "active": true,
        "emails": [
            { "value": "li@example.test", "type": "work", "primary": true },
            { "value": "na@home.test", "type": "home" },
        ],
        "phoneNumbers": [{ "value": "051700000001", "type": "work" }],
        scim::resources::ENTERPRISE_ID: { "employeeNumber": "701", "manager": { "value": "u9" } },
        scim::resources::OFFICIAL_ID: { "identityNumber": "32089919900101001X" },
    });
    let mut read = scim::document::read(&USERS, &body).unwrap().resource;
    read["meta"] = json!({ "lastModified": "2026-03-01T08:00:00+08:00" });
    read
}

/// A post with two members.
pub fn post() -> Value {
    let body = json!({ "schemas": [scim::resources::GROUP_ID], "displayName": "窗口", "members": [{ "value": "u1" }, { "value": "u2" }] });
    scim::document::read(&GROUPS_TYPE, &body).unwrap().resource
}
