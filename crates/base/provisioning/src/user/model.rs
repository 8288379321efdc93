//! What of a SCIM user is the official's record, and the user that a record makes. Pure.

use scim::resources::OFFICIAL_ID;
use serde_json::{Map, Value as Json, json};

fn text<'a>(user: &'a Json, name: &str) -> &'a str {
    user[name].as_str().unwrap_or_default().trim()
}

/// The login.
pub(crate) fn login(user: &Json) -> String {
    text(user, "userName").to_lowercase()
}

/// The id of the record in the directory; empty for none.
pub(crate) fn external_id(user: &Json) -> &str {
    text(user, "externalId")
}

/// The citizen's identity number, which is told at joining; empty for none.
pub(crate) fn number(user: &Json) -> &str {
    user[OFFICIAL_ID]["identityNumber"].as_str().unwrap_or_default()
}

/// The name by which colleagues know the official: as displayed, as written, made of its parts, and else the login.
pub(crate) fn name(user: &Json) -> String {
    let parts = &user["name"];
    let (family, given) = (text(parts, "familyName"), text(parts, "givenName"));
    let joined = match han(family) && han(given) {
        true => format!("{family}{given}"),
        false => format!("{given} {family}").trim().to_string(),
    };
    [
        text(user, "displayName"),
        text(parts, "formatted"),
        &joined,
        text(user, "userName"),
    ]
    .into_iter()
    .find(|n| !n.is_empty())
    .unwrap_or_default()
    .split_whitespace()
    .collect::<Vec<_>>()
    .join(" ")
}

/// Written with Chinese characters, where the family name comes first and no space stands between.
fn han(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| ('\u{3400}'..='\u{9fff}').contains(&c) || c == '·' || c > '\u{ffff}')
}

/// The number to which codes may be sent: the first one of the type `mobile` that is one; others stay the directory's notes.
pub(crate) fn mobile(user: &Json) -> Option<String> {
    let all = user["phoneNumbers"].as_array()?;
    let mobiles = all.iter().filter(|p| {
        p["type"]
            .as_str()
            .is_some_and(|t| t.eq_ignore_ascii_case("mobile"))
    });
    mobiles.filter_map(|p| tidy(p["value"].as_str()?)).next()
}

fn tidy(number: &str) -> Option<String> {
    let bare = number.strip_prefix("tel:").unwrap_or(number);
    let bare: String = bare
        .chars()
        .filter(|c| !c.is_whitespace() && !"-()".contains(*c))
        .collect();
    let bare = bare.strip_prefix("+86").unwrap_or(&bare).to_string();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let here = bare.len() == 11 && bare.starts_with('1');
    let abroad = bare.starts_with('+') && (8..=15).contains(&digits.len());
    (digits.bytes().all(|b| b.is_ascii_digit()) && (here || abroad)).then_some(bare)
}

/// What is noted beside the record: everything that the record itself does not hold.
pub(crate) fn noted(user: &Json) -> Json {
    let mut out = user.clone();
    if let Some(all) = out.as_object_mut() {
        for name in ["active", "externalId", "groups", OFFICIAL_ID] {
            all.shift_remove(name);
        }
    }
    out
}

/// An official's record as a directory sees it.
pub(crate) struct Record<'a> {
    pub login: &'a str,
    pub name: &'a str,
    pub external_id: &'a str,
    pub active: bool,
    /// (post id, title)
    pub posts: Vec<(&'a str, &'a str)>,
}

/// The canonical user: what the directory noted, corrected by what the record says. A name that was changed here is told as it is
/// here; one that is as the directory wrote it keeps its parts.
pub(crate) fn user(noted: &Json, record: &Record<'_>, base: &str) -> Json {
    let mut all: Map<String, Json> = noted.as_object().cloned().unwrap_or_default();
    if login(noted) != record.login {
        all.insert("userName".into(), record.login.into());
    }
    if name(&Json::Object(all.clone())) != record.name {
        all.insert("displayName".into(), record.name.into());
        all.insert("name".into(), json!({ "formatted": record.name }));
    }
    all.insert("active".into(), record.active.into());
    if !record.external_id.is_empty() {
        all.insert("externalId".into(), record.external_id.into());
    }
    if !record.posts.is_empty() {
        let groups = record.posts.iter().map(|(id, title)| {
            json!({ "value": id, "$ref": format!("{base}/Groups/{id}"), "display": title, "type": "direct" })
        });
        all.insert("groups".into(), groups.collect());
    }
    Json::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_together_as_it_is_written() {
        let of = |user: Json| name(&user);
        assert_eq!(
            of(json!({ "userName": "li", "displayName": " 李  娜 " })),
            "李 娜"
        );
        assert_eq!(
            of(json!({ "userName": "li", "name": { "familyName": "李", "givenName": "娜" } })),
            "李娜"
        );
        assert_eq!(
            of(json!({ "userName": "li", "name": { "familyName": "Li", "givenName": "Na" } })),
            "Na Li"
        );
        assert_eq!(
            of(json!({ "userName": "li", "name": { "familyName": "李", "formatted": "李娜 主任" } })),
            "李娜 主任"
        );
        assert_eq!(
            of(json!({ "userName": "li", "name": { "familyName": "李" } })),
            "李"
        );
        assert_eq!(of(json!({ "userName": "li" })), "li");
    }

    #[test]
    fn only_a_mobile_number_goes_into_the_record() {
        let of = |number: &str, kind: &str| {
            mobile(&json!({ "phoneNumbers": [{ "value": number, "type": kind }] }))
        };
        assert_eq!(of("tel:+86-199-0000-0001", "Mobile"), Some("19900000001".into()));
        assert_eq!(of("+44 20 7946 0000", "mobile"), Some("+442079460000".into()));
        assert_eq!(of("19900000001", "work"), None);
        assert_eq!(of("0517-8000000", "mobile"), None);
        assert_eq!(mobile(&json!({})), None);
    }

    #[test]
    fn what_was_changed_here_is_told_as_it_is_here() {
        let note = json!({ "userName": "Li.Na@x.test", "displayName": "李娜", "name": { "familyName": "李" }, "title": "主任" });
        let record = |login, name| Record {
            login,
            name,
            external_id: "",
            active: true,
            posts: vec![("p", "窗口")],
        };
        let same = user(&note, &record("li.na@x.test", "李娜"), "b");
        assert_eq!(
            (&same["userName"], &same["name"]),
            (&json!("Li.Na@x.test"), &json!({ "familyName": "李" }))
        );
        assert_eq!(same["groups"][0]["$ref"], "b/Groups/p");
        let other = user(&note, &record("li.na", "李丽娜"), "b");
        assert_eq!(
            (&other["userName"], &other["displayName"], &other["title"]),
            (&json!("li.na"), &json!("李丽娜"), &json!("主任"))
        );
        assert_eq!(name(&other), "李丽娜");
        assert_eq!(noted(&other).get("groups"), None);
    }
}
