//! What this service keeps of users and groups (RFC 7643 §4), its resource types and its configuration (§5, §6).
//!
//! Of the User of the standard what an administration has a use for; of passwords, photographs and messengers nothing.

use crate::MAX_RESULTS;
use crate::schema::{Attribute, ResourceType, Schema};
use serde_json::{Value, json};

pub const USER_ID: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP_ID: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE_ID: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const OFFICIAL_ID: &str = "urn:yiwang:params:scim:schemas:extension:official:1.0:User";

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The full name as it is written."),
    Attribute::text("familyName", "The family name."),
    Attribute::text("givenName", "The given name."),
];

const fn value_of(about: &'static str) -> Attribute {
    Attribute::text("value", about)
}

const PRIMARY: Attribute = Attribute::flag("primary", "Whether this is the preferred value; at most one is.");
const DISPLAY: Attribute = Attribute::text("display", "A name for people.").read_only();

const EMAILS: &[Attribute] = &[
    value_of("The address."),
    Attribute::text("type", "What it is for.").suggested(&["work", "home", "other"]),
    PRIMARY,
];

const PHONES: &[Attribute] = &[
    value_of("The number.").longest(40),
    Attribute::text("type", "What it is for.").suggested(&["work", "mobile", "other"]),
    PRIMARY,
];

const GROUPS: &[Attribute] = &[
    value_of("The id of the group.").exact().read_only(),
    Attribute::reference("$ref", &["Group"], "The address of the group.").read_only(),
    DISPLAY,
    Attribute::text("type", "Membership is always direct.")
        .suggested(&["direct"])
        .read_only(),
];

/// The core schema of people.
pub static USER: Schema = Schema {
    id: USER_ID,
    name: "User",
    about: "An official's account.",
    attributes: &[
        Attribute::text("userName", "The name with which the official signs in.")
            .required()
            .unique()
            .longest(64),
        Attribute::complex("name", NAME, "The parts of the official's name."),
        Attribute::text("displayName", "The official's name as colleagues see it."),
        Attribute::text("title", "The title that the directory knows."),
        Attribute::text("preferredLanguage", "Like zh-CN."),
        Attribute::flag("active", "False: the official is suspended and cannot sign in."),
        Attribute::complex("emails", EMAILS, "Addresses of electronic mail.").many(),
        Attribute::complex("phoneNumbers", PHONES, "Telephone numbers.").many(),
        Attribute::complex("groups", GROUPS, "The posts that the official holds.")
            .many()
            .read_only(),
    ],
};

const MANAGER: &[Attribute] = &[
    Attribute::text("value", "The id of the manager's user.").exact(),
    Attribute::reference("$ref", &["User"], "The address of the manager's user.").read_only(),
    Attribute::text("displayName", "The manager's name.").read_only(),
];

/// The enterprise extension (RFC 7643 §4.3).
pub static ENTERPRISE: Schema = Schema {
    id: ENTERPRISE_ID,
    name: "EnterpriseUser",
    about: "What an organisation notes about its people.",
    attributes: &[
        Attribute::text(
            "employeeNumber",
            "The number of the official at the organisation.",
        ),
        Attribute::text("costCenter", "Where the official is paid."),
        Attribute::text("organization", "The organisation as the directory calls it."),
        Attribute::text("division", "The division as the directory calls it."),
        Attribute::text("department", "The department as the directory calls it."),
        Attribute::complex("manager", MANAGER, "Who leads the official."),
    ],
};

/// What an official needs beside the standard's attributes.
pub static OFFICIAL: Schema = Schema {
    id: OFFICIAL_ID,
    name: "Official",
    about: "What the city needs to let somebody join as an official.",
    attributes: &[Attribute::text(
        "identityNumber",
        "The citizen's identity number. Taken in, checked, never told.",
    )
    .secret()
    .longest(18)],
};

const MEMBERS: &[Attribute] = &[
    Attribute::text("value", "The id of the user.")
        .exact()
        .immutable(),
    Attribute::reference("$ref", &["User"], "The address of the user.").read_only(),
    Attribute::text("display", "The name of the user.").read_only(),
    Attribute::text("type", "Members are users.")
        .suggested(&["User"])
        .immutable(),
];

/// The core schema of groups.
pub static GROUP: Schema = Schema {
    id: GROUP_ID,
    name: "Group",
    about: "A post of the organisation; its members are the officials who hold it.",
    attributes: &[
        Attribute::text("displayName", "The title of the post.").required(),
        Attribute::complex("members", MEMBERS, "Who holds the post.").many(),
    ],
};

/// People.
pub static USERS: ResourceType = ResourceType {
    name: "User",
    endpoint: "/Users",
    about: "Officials of the organisation",
    core: &USER,
    extensions: &[&ENTERPRISE, &OFFICIAL],
};

/// Posts.
pub static GROUPS_TYPE: ResourceType = ResourceType {
    name: "Group",
    endpoint: "/Groups",
    about: "Posts of the organisation",
    core: &GROUP,
    extensions: &[],
};

/// Every resource type.
pub fn types() -> [&'static ResourceType; 2] {
    [&USERS, &GROUPS_TYPE]
}

/// Every schema.
pub fn schemas() -> [&'static Schema; 4] {
    [&USER, &ENTERPRISE, &OFFICIAL, &GROUP]
}

/// The configuration document (RFC 7643 §5); `base` is the address of the service.
pub fn configuration(base: &str) -> Value {
    let no = json!({ "supported": false });
    let yes = json!({ "supported": true });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": yes, "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MAX_RESULTS }, "changePassword": no, "sort": yes, "etag": yes,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "OAuth Bearer Token",
            "description": "An access token of the client credentials grant with the scope scim.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}
