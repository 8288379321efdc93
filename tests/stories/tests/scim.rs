//! The directory of a department keeps its officials through SCIM: whoever joins, moves and leaves there does so here; in the shapes
//! that Microsoft Entra and Okta document; and whoever tries to reach beyond.

use axum::http::Method;
use identity::api::official;
use kernel::rate::{Allowance, Rate};
use kernel::{Uuid, params};
use serde_json::{Value as Json, json};
use stories::{Answer, City, Client, Db, Place, on_both};

on_both!(
    the_whole_life_of_an_official,
    what_entra_sends,
    what_okta_sends,
    posts_are_groups,
    versions_keep_changes_apart,
    lists_are_searched_sorted_and_cut,
    the_service_describes_itself,
    people_of_others_stay_theirs,
    hostile_requests_come_to_nothing,
    doors_stay_shut,
    an_engineer_sees_what_failed,
    a_flood_is_slowed,
);

const DAY: &str = "2026-11-24";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const OFFICIAL: &str = "urn:yiwang:params:scim:schemas:extension:official:1.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A registered system with a token for itself, which speaks SCIM.
async fn system(city: &City, name: &str, scope: &str) -> (String, Client) {
    let (id, mut program) = city.machine(name, scope).await;
    program.accept = "application/scim+json";
    (id, program)
}

async fn declared(city: &City, client: &str, organisation: &str, post: &str) {
    let mut admin = city.client("admin").await;
    let fields = [("client", client), ("organisation", organisation)];
    admin.post_form("/work/directories", &fields).await.expect(303);
    let page = format!("/work/directories/{client}");
    let version = admin.get(&page).await.expect(200).hidden("version").unwrap();
    let fields = [("post", post), ("version", version.as_str())];
    admin.post_form(&page, &fields).await.expect(303);
}

/// A directory of the urban management bureau; everybody who joins is proposed as reviewer.
async fn directory(city: &City) -> (String, Client) {
    let (id, program) = system(city, "演示统一目录", "scim").await;
    declared(city, &id, "chengguan", "chengguan-reviewer").await;
    (id, program)
}

async fn send(who: &mut Client, method: Method, path: &str, body: &Json) -> Answer {
    let kind = [("content-type", "application/scim+json; charset=utf-8")];
    who.send(
        method,
        &format!("/scim/v2{path}"),
        &kind,
        body.to_string().into_bytes(),
    )
    .await
}

async fn get(who: &mut Client, path: &str) -> Answer {
    who.get(&format!("/scim/v2{path}")).await
}

async fn find(who: &mut Client, of: &str, filter: &str) -> Json {
    let path = format!("/{of}?filter={}", kernel::http::percent(filter));
    get(who, &path).await.expect(200).json()
}

async fn patch(who: &mut Client, path: &str, operations: Json) -> Answer {
    send(
        who,
        Method::PATCH,
        path,
        &json!({ "schemas": [PATCH], "Operations": operations }),
    )
    .await
}

fn id(user: &Json) -> String {
    user["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {user}"))
        .into()
}

fn new(login: &str, external_id: &str) -> Json {
    json!({ "schemas": [USER, ENTERPRISE], "userName": login, "externalId": external_id, "active": true, "displayName": "演示新人",
        "name": { "familyName": "演示", "givenName": "新人" }, "emails": [{ "value": "new@example.test", "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": "+86 199 0000 4321", "type": "mobile" }], ENTERPRISE: { "employeeNumber": "701", "department": "审批处" } })
}

async fn join(who: &mut Client, login: &str, external_id: &str) -> String {
    let made = send(who, Method::POST, "/Users", &new(login, external_id))
        .await
        .expect(201);
    id(&made.json())
}

/// What an error says: status, word, detail.
#[track_caller]
fn no(answer: &Answer, status: u16, word: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("application/scim+json"));
    let body = answer.json();
    assert_eq!(
        body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error",
        "{body}"
    );
    assert_eq!(body["status"], status.to_string());
    assert_eq!(body["scimType"].as_str().unwrap_or_default(), word, "{body}");
    body["detail"].as_str().unwrap().into()
}

/// The security administrator approves whatever waits for somebody.
async fn approve(city: &City, account: &str) {
    let ctx = city.system().as_system("office");
    let account: Uuid = account.parse().unwrap();
    ctx.tx("story.approve", |tx| {
        let person = official::get(&ctx, tx, account)?.unwrap();
        for proposal in &person.waiting {
            official::approve(&ctx, tx, &proposal.id)?;
        }
        Ok(())
    })
    .await
    .unwrap();
}

async fn office<T: Send>(
    city: &City,
    account: &str,
    verb: impl Fn(&kernel::Ctx, &mut kernel::Tx<'_>, Uuid) -> kernel::Result<T> + Send + Sync,
) -> T {
    let ctx = city.system().as_system("office");
    let account: Uuid = account.parse().unwrap();
    ctx.tx("story.office", |tx| verb(&ctx, tx, account))
        .await
        .unwrap()
}

async fn state(city: &City, account: &str) -> String {
    let sql = "SELECT state FROM identity_official WHERE account = $1";
    city.scalar(sql, &[account.into()]).await.unwrap()
}

async fn the_whole_life_of_an_official(db: Db) {
    let city = City::open(db, DAY).await;
    let (client, mut it) = directory(&city).await;
    let made = send(
        &mut it,
        Method::POST,
        "/Users",
        &new("Xin.Ren@example.test", "e-1"),
    )
    .await
    .expect(201);
    let user = made.json();
    let account = id(&user);
    let at = format!("/Users/{account}");
    assert_eq!(made.location(), format!("http://localhost:8151/scim/v2{at}"));
    assert_eq!(user["meta"]["location"], made.location());
    assert_eq!(user["meta"]["version"], made.header("etag"));
    assert_eq!(
        (&user["userName"], &user["active"]),
        (&json!("Xin.Ren@example.test"), &json!(true))
    );
    assert_eq!(user["name"], json!({ "familyName": "演示", "givenName": "新人" }));
    assert_eq!(user[ENTERPRISE]["department"], "审批处");
    // The first post waits for its approval.
    assert_eq!(user.get("groups"), None);
    approve(&city, &account).await;
    let user = get(&mut it, &at).await.expect(200).json();
    assert_eq!(user["groups"][0]["value"], "chengguan-reviewer");

    // The record is identity's: login in small letters, a number to which codes may be sent, the directory as source.
    let person = office(&city, &account, official::get).await.unwrap();
    assert_eq!(
        (person.login.as_str(), person.name.as_str()),
        ("xin.ren@example.test", "演示新人")
    );
    assert_eq!(
        (person.source, person.external_id),
        (client.clone(), "e-1".to_string())
    );
    let phone = office(&city, &account, |ctx, tx, _| {
        official::phone(ctx, tx, &person.subject)
    })
    .await;
    assert_eq!(phone.as_deref(), Some("19900004321"));

    // A change of the name changes the record; what only the directory notes it keeps.
    let after = patch(
        &mut it,
        &at,
        json!([{ "op": "replace", "path": "displayName", "value": "演示改名" },
        { "op": "add", "path": "title", "value": "主任科员" }]),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(
        (&after["displayName"], &after["title"]),
        (&json!("演示改名"), &json!("主任科员"))
    );
    assert_eq!(
        office(&city, &account, official::get).await.unwrap().name,
        "演示改名"
    );
    // PUT replaces: what is not sent is gone, whoever is in office stays so.
    let whole = json!({ "schemas": [USER], "userName": "xin.ren@example.test", "externalId": "e-1", "displayName": "演示改名" });
    let after = send(&mut it, Method::PUT, &at, &whole).await.expect(200).json();
    assert_eq!(
        (after.get("title"), after.get("emails"), &after["active"]),
        (None, None, &json!(true))
    );

    // Suspended, back, gone; and when she comes back she is the same person.
    let after = patch(
        &mut it,
        &at,
        json!([{ "op": "replace", "path": "active", "value": false }]),
    )
    .await
    .expect(200);
    assert_eq!(
        (after.json()["active"].clone(), state(&city, &account).await),
        (json!(false), "suspended".into())
    );
    patch(
        &mut it,
        &at,
        json!([{ "op": "replace", "path": "active", "value": true }]),
    )
    .await
    .expect(200);
    assert_eq!(state(&city, &account).await, "invited");
    send(&mut it, Method::DELETE, &at, &Json::Null).await.expect(204);
    assert_eq!(state(&city, &account).await, "left");
    no(&get(&mut it, &at).await, 404, "");
    no(&send(&mut it, Method::DELETE, &at, &Json::Null).await, 404, "");
    assert_eq!(
        find(&mut it, "Users", "userName eq \"xin.ren@example.test\"").await["totalResults"],
        0
    );
    // Somebody else does not get her login.
    no(
        &send(
            &mut it,
            Method::POST,
            "/Users",
            &new("xin.ren@example.test", "e-2"),
        )
        .await,
        409,
        "uniqueness",
    );
    assert_eq!(join(&mut it, "xin.ren@example.test", "e-1").await, account);
    assert_eq!(state(&city, &account).await, "invited");

    // Every change is a fact with the system as actor, and no fact or log knows a name or number.
    let sql = "SELECT COUNT(*) FROM kernel_fact WHERE actor = $1 AND subject = $2 AND type = $3";
    for (kind, least) in [
        ("identity.official.joined", 1),
        ("identity.official.changed", 1),
        ("identity.official.suspended", 1),
        ("identity.official.resumed", 1),
        ("identity.official.left", 1),
        ("identity.official.rejoined", 1),
        ("provisioning.user.kept", 5),
    ] {
        let actor = format!("client:{client}");
        let n = city.count(sql, params![actor, account.as_str(), kind]).await;
        assert!(n >= least, "{kind}: {n}");
    }
    for (table, column) in [
        ("kernel_fact", "payload"),
        ("provisioning_request", "detail"),
        ("provisioning_request", "path"),
    ] {
        for value in ["演示", "19900004321", "xin.ren", "example.test"] {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE CAST({column} AS TEXT) LIKE $1");
            assert_eq!(
                city.count(&sql, params![format!("%{value}%")]).await,
                0,
                "{value} in {table}.{column}"
            );
        }
    }
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn what_entra_sends(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut it) = directory(&city).await;
    // The test of the connection asks for somebody who is not there.
    let nobody = find(
        &mut it,
        "Users",
        "userName eq \"7d6b0c8e-0000-4b52-9f0e-000000000000\"",
    )
    .await;
    assert_eq!(
        (
            &nobody["totalResults"],
            &nobody["Resources"],
            &nobody["startIndex"]
        ),
        (&json!(0), &json!([]), &json!(1))
    );
    let user = json!({
        "schemas": [USER, ENTERPRISE], "externalId": "0a21f0f2", "userName": "wang.wu@example.test", "active": true,
        "displayName": "演示王五", "emails": [{ "primary": true, "type": "work", "value": "ww@example.test" }],
        "meta": { "resourceType": "User" }, "name": { "formatted": "演示王五", "familyName": "演示", "givenName": "王五" },
        "roles": [], ENTERPRISE: { "employeeNumber": "9", "department": "法制处" },
    });
    let account = id(&send(&mut it, Method::POST, "/Users", &user)
        .await
        .expect(201)
        .json());
    let at = format!("/Users/{account}");
    for filter in [
        "userName eq \"WANG.WU@example.test\"",
        "externalId eq \"0a21f0f2\"",
        "emails[type eq \"work\"].value eq \"x\"",
    ] {
        let path = format!("/Users?filter={}", kernel::http::percent(filter));
        let answer = get(&mut it, &path).await;
        match filter.starts_with("emails") {
            // Entra writes paths of PATCH like this; as a filter it is none (RFC 7644 §3.4.2.2).
            true => drop(no(&answer, 400, "invalidFilter")),
            false => assert_eq!(answer.expect(200).json()["Resources"][0]["id"], account),
        }
    }
    assert_eq!(
        find(
            &mut it,
            "Users",
            "emails[type eq \"work\" and value eq \"WW@example.test\"]"
        )
        .await["totalResults"],
        1
    );
    let after = patch(
        &mut it,
        &at,
        json!([
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "new@example.test" },
            { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "19900005555" },
            { "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "m-1" },
            { "op": "Replace", "path": "name.familyName", "value": "演" },
        ]),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(
        after["emails"],
        json!([{ "primary": true, "type": "work", "value": "new@example.test" }])
    );
    assert_eq!(after["phoneNumbers"][0]["value"], "19900005555");
    assert_eq!(after[ENTERPRISE]["manager"], json!({ "value": "m-1" }));
    // Its two forms of "no longer assigned".
    for value in [json!("False"), json!(false)] {
        let after = patch(
            &mut it,
            &at,
            json!([{ "op": "Replace", "path": "active", "value": value }]),
        )
        .await
        .expect(200);
        assert_eq!(after.json()["active"], false);
        patch(
            &mut it,
            &at,
            json!([{ "op": "Replace", "value": { "active": "True" } }]),
        )
        .await
        .expect(200);
        assert_eq!(state(&city, &account).await, "invited");
    }
    // Groups: looked for without their members, matched, noted, filled.
    let path = "/Groups?excludedAttributes=members&filter=displayName+eq+%22%E7%9D%A3%E5%8A%9E%E5%91%98%22";
    let found = get(&mut it, path).await.expect(200).json();
    assert_eq!(
        (&found["totalResults"], found["Resources"][0].get("members")),
        (&json!(1), None)
    );
    let at = format!("/Groups/{}", id(&found["Resources"][0]));
    patch(
        &mut it,
        &at,
        json!([{ "op": "Replace", "path": "externalId", "value": "g-1" }]),
    )
    .await
    .expect(200);
    assert_eq!(
        find(&mut it, "Groups", "externalId eq \"g-1\"").await["totalResults"],
        1
    );
    let add = json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": account }] }]);
    let after = patch(&mut it, &at, add.clone()).await.expect(200).json();
    let holds = |group: &Json| {
        group["members"]
            .as_array()
            .is_some_and(|m| m.iter().any(|m| m["value"] == account.as_str()))
    };
    assert!(!holds(&after), "nobody holds a post before it is approved");
    patch(&mut it, &at, add).await.expect(200);
    approve(&city, &account).await;
    assert!(holds(&get(&mut it, &at).await.expect(200).json()));
    let path = format!(
        "/Groups?filter={}",
        kernel::http::percent(&format!("members[value eq \"{account}\"]"))
    );
    assert_eq!(get(&mut it, &path).await.expect(200).json()["totalResults"], 2);
    let gone = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": account }] }]);
    let after = patch(&mut it, &at, gone).await.expect(200).json();
    assert!(
        !holds(&after) && after["members"].as_array().is_some_and(|m| !m.is_empty()),
        "one leaves, the others stay"
    );
}

async fn what_okta_sends(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut it) = directory(&city).await;
    let first = get(&mut it, "/Users?startIndex=1&count=2")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&first["startIndex"], &first["itemsPerPage"]),
        (&json!(1), &json!(2))
    );
    let mut user = json!({ "schemas": [USER], "userName": "zhao@example.test", "name": { "givenName": "六", "familyName": "演示赵" },
        "emails": [{ "primary": true, "value": "zhao@example.test", "type": "work" }], "displayName": "演示赵六", "locale": "zh-CN",
        "externalId": "00ujl29u0le5T6Aj10h7", "groups": [], "password": "1mz050nq", "active": true });
    let made = send(&mut it, Method::POST, "/Users", &user)
        .await
        .expect(201)
        .json();
    assert!(made.get("password").is_none() && made.get("groups").is_none());
    let at = format!("/Users/{}", id(&made));
    user["displayName"] = json!("演示赵七");
    user["id"] = made["id"].clone();
    let after = send(&mut it, Method::PUT, &at, &user).await.expect(200).json();
    assert_eq!(
        (&after["displayName"], &after["active"]),
        (&json!("演示赵七"), &json!(true))
    );
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    assert_eq!(patch(&mut it, &at, off).await.expect(200).json()["active"], false);
    // Its message to a group repeats the name; the name is not its to change.
    let group = json!({ "id": "chengguan-supervisor", "displayName": "督办员" });
    patch(
        &mut it,
        "/Groups/chengguan-supervisor",
        json!([{ "op": "replace", "value": group }]),
    )
    .await
    .expect(200);
    let other = json!({ "id": "chengguan-supervisor", "displayName": "局长" });
    let answer = patch(
        &mut it,
        "/Groups/chengguan-supervisor",
        json!([{ "op": "replace", "value": other }]),
    )
    .await;
    no(&answer, 400, "mutability");
    let change = json!([
        { "op": "remove", "path": format!("members[value eq \"{}\"]", id(&made)) },
        { "op": "add", "path": "members", "value": [{ "value": id(&made), "display": "zhao@example.test" }] },
    ]);
    patch(&mut it, "/Groups/chengguan-supervisor", change)
        .await
        .expect(200);
}

async fn posts_are_groups(db: Db) {
    let city = City::open(db, DAY).await;
    let (client, mut it) = directory(&city).await;
    let all = get(&mut it, "/Groups").await.expect(200).json();
    let ids: Vec<&str> = all["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"chengguan-head") && ids.iter().all(|i| i.starts_with("chengguan-")),
        "{ids:?}"
    );
    let head = get(&mut it, "/Groups/chengguan-head").await.expect(200).json();
    assert_eq!(head["members"][0]["display"], "演示负责人己");
    let sql = "SELECT COUNT(*) FROM identity_access x JOIN identity_account a ON a.subject = x.subject WHERE a.login = 'head' \
               AND x.purpose = 'provisioning'";
    assert_eq!(city.count(sql, &[]).await, 2, "read with the list and alone");
    // Posts are the city's: a directory makes none and removes none.
    let group = |name: &str| json!({ "schemas": [GROUP], "displayName": name });
    no(
        &send(&mut it, Method::POST, "/Groups", &group("审查员")).await,
        409,
        "uniqueness",
    );
    no(
        &send(&mut it, Method::POST, "/Groups", &group("局长")).await,
        403,
        "",
    );
    no(
        &send(&mut it, Method::DELETE, "/Groups/chengguan-head", &Json::Null).await,
        403,
        "",
    );
    no(&get(&mut it, "/Groups/shuili-reviewer").await, 404, "");
    no(
        &patch(
            &mut it,
            "/Groups/shuili-reviewer",
            json!([{ "op": "remove", "path": "members" }]),
        )
        .await,
        404,
        "",
    );
    // Who waits can be taken out before being in; the log names who waits.
    let account = join(&mut it, "li", "e-1").await;
    let group = "/Groups/chengguan-supervisor";
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": account }] }]);
    patch(&mut it, group, add.clone()).await.expect(200);
    let sql = "SELECT COUNT(*) FROM provisioning_request WHERE client = $1 AND waiting = $2";
    assert_eq!(
        city.count(sql, params![client.as_str(), account.as_str()]).await,
        1
    );
    let waits = "SELECT COUNT(*) FROM identity_proposal WHERE account = $1 AND post = 'chengguan-supervisor' AND state = 'waiting'";
    assert_eq!(city.count(waits, params![account.as_str()]).await, 1);
    patch(
        &mut it,
        group,
        json!([{ "op": "remove", "path": format!("members[value eq \"{account}\"]") }]),
    )
    .await
    .expect(200);
    assert_eq!(city.count(waits, params![account.as_str()]).await, 0);
    // PUT with the whole list.
    let before = get(&mut it, group).await.expect(200).json();
    let mut members = before["members"].as_array().cloned().unwrap_or_default();
    members.push(json!({ "value": account }));
    let whole = json!({ "schemas": [GROUP], "displayName": "督办员", "members": members });
    send(&mut it, Method::PUT, group, &whole).await.expect(200);
    approve(&city, &account).await;
    assert_eq!(
        get(&mut it, group).await.expect(200).json()["members"]
            .as_array()
            .unwrap()
            .len(),
        members.len()
    );
    let empty = json!({ "schemas": [GROUP], "displayName": "督办员" });
    let after = send(&mut it, Method::PUT, group, &empty).await.expect(200).json();
    assert_eq!(after.get("members"), None);
    // One stranger among the members, and nothing is done.
    let mixed = json!([{ "op": "add", "path": "members", "value": [{ "value": account }, { "value": Uuid::nil() }] }]);
    no(&patch(&mut it, group, mixed).await, 400, "invalidValue");
    assert_eq!(city.count(waits, params![account.as_str()]).await, 0);
}

async fn versions_keep_changes_apart(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut it) = directory(&city).await;
    let account = join(&mut it, "li", "e-1").await;
    let at = format!("/Users/{account}");
    let tag = get(&mut it, &at).await.expect(200).header("etag").to_string();
    assert!(tag.starts_with("W/\""));
    let path = format!("/scim/v2{at}");
    let same = it
        .send(Method::GET, &path, &[("if-none-match", &tag)], vec![])
        .await
        .expect(304);
    assert!(same.body.is_empty());
    let body = |title: &str| {
        json!({ "schemas": [PATCH], "Operations": [{ "op": "add", "path": "title", "value": title }] })
            .to_string()
    };
    let mut change = async |title: &str, tag: &str| {
        let headers = [("content-type", "application/json"), ("if-match", tag)];
        it.send(Method::PATCH, &path, &headers, body(title).into_bytes())
            .await
    };
    let after = change("一", &tag).await.expect(200);
    let newer = after.header("etag").to_string();
    assert_ne!(newer, tag);
    no(&change("二", &tag).await, 412, "");
    // What changes nothing makes no version.
    assert_eq!(change("一", &newer).await.expect(200).header("etag"), newer);
    no(
        &it.send(Method::DELETE, &path, &[("if-match", &tag)], vec![])
            .await,
        412,
        "",
    );
    // A post that is approved is another version of the user and of the group.
    let group = get(&mut it, "/Groups/chengguan-reviewer")
        .await
        .expect(200)
        .header("etag")
        .to_string();
    approve(&city, &account).await;
    assert_ne!(get(&mut it, &at).await.expect(200).header("etag"), newer);
    assert_ne!(
        get(&mut it, "/Groups/chengguan-reviewer")
            .await
            .expect(200)
            .header("etag"),
        group
    );
    it.send(Method::DELETE, &path, &[("if-match", "*")], vec![])
        .await
        .expect(204);
}

async fn lists_are_searched_sorted_and_cut(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut it) = directory(&city).await;
    for (login, external_id) in [("u-c", "3"), ("u-a", "1"), ("u-b", "2")] {
        join(&mut it, login, external_id).await;
    }
    let names = |list: &Json| -> String {
        let all = list["Resources"].as_array().unwrap().iter();
        all.map(|u| u["userName"].as_str().unwrap_or("-"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let of = |more: &str| format!("/Users?filter=userName+sw+%22u-%22&{more}");
    let list = get(&mut it, &of("sortBy=userName&attributes=userName"))
        .await
        .expect(200)
        .json();
    assert_eq!(names(&list), "u-a u-b u-c");
    assert_eq!(
        list["Resources"][0]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["schemas", "id", "userName"]
    );
    let list = get(
        &mut it,
        &of("sortBy=externalId&sortOrder=descending&startIndex=2&count=1"),
    )
    .await
    .expect(200)
    .json();
    assert_eq!(
        (
            names(&list).as_str(),
            &list["totalResults"],
            &list["itemsPerPage"]
        ),
        ("u-b", &json!(3), &json!(1))
    );
    assert_eq!(
        get(&mut it, &of("count=0")).await.expect(200).json()["totalResults"],
        3
    );
    assert_eq!(
        get(&mut it, &of("startIndex=900")).await.expect(200).json()["Resources"],
        json!([])
    );
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName sw \"u-\" and not (externalId eq \"2\")",
        "sortBy": "userName", "excludedAttributes": ["emails", "name"] });
    let list = send(&mut it, Method::POST, "/Users/.search", &search)
        .await
        .expect(200)
        .json();
    assert_eq!(names(&list), "u-a u-c");
    assert!(list["Resources"][0].get("emails").is_none());
    let filter = format!(
        "{ENTERPRISE}:department eq \"审批处\" and emails.value co \"EXAMPLE\" and meta.lastModified gt \"2026-01-01T00:00:00Z\""
    );
    assert_eq!(find(&mut it, "Users", &filter).await["totalResults"], 3);
    // Everything at once: users, then groups; a page may begin among the one and end among the other.
    let mut everywhere = async |start: usize, count: usize| {
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "startIndex": start, "count": count,
            "filter": "userName eq \"u-a\" or displayName eq \"审查员\"", "attributes": ["userName", "displayName"] });
        let list = send(&mut it, Method::POST, "/.search", &search)
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&list["totalResults"], &list["startIndex"]),
            (&json!(2), &json!(start))
        );
        let all = list["Resources"].as_array().unwrap().iter();
        all.map(|r| r["meta"].is_null() && r["userName"].is_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(everywhere(1, 10).await, [true, false]);
    assert_eq!(everywhere(1, 1).await, [true]);
    assert_eq!(everywhere(2, 1).await, [false]);
    assert_eq!(everywhere(3, 9).await, [true; 0]);
    // Colleagues whom the city opened are there too; that the directory read them is written down for them.
    let found = find(&mut it, "Users", "userName eq \"reviewer-cg\"").await;
    assert_eq!(found["Resources"][0]["displayName"], "演示审查丁");
    let sql = "SELECT COUNT(*) FROM identity_access x JOIN identity_account a ON a.subject = x.subject WHERE a.login = 'reviewer-cg' \
               AND x.purpose = 'provisioning'";
    assert_eq!(city.count(sql, &[]).await, 1);
    // Ids of the directory can be taken away, from several.
    for login in ["u-a", "u-b"] {
        let found = find(&mut it, "Users", &format!("userName eq \"{login}\"")).await;
        let at = format!("/Users/{}", id(&found["Resources"][0]));
        let after = patch(&mut it, &at, json!([{ "op": "remove", "path": "externalId" }]))
            .await
            .expect(200);
        assert_eq!(after.json().get("externalId"), None);
    }
    join(&mut it, "u-d", "1").await;
}

async fn the_service_describes_itself(db: Db) {
    let city = City::open(db, DAY).await;
    let mut anybody = city.visitor();
    anybody.accept = "application/json";
    let config = get(&mut anybody, "/ServiceProviderConfig").await.expect(200);
    assert!(config.header("content-type").starts_with("application/scim+json"));
    let config = config.json();
    assert_eq!(
        (
            &config["patch"]["supported"],
            &config["etag"]["supported"],
            &config["bulk"]["supported"]
        ),
        (&json!(true), &json!(true), &json!(false))
    );
    let types = get(&mut anybody, "/ResourceTypes").await.expect(200).json();
    assert_eq!(types["totalResults"], 2);
    let schema = get(&mut anybody, &format!("/Schemas/{OFFICIAL}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &schema["attributes"][0]["mutability"],
            &schema["attributes"][0]["returned"]
        ),
        (&json!("writeOnly"), &json!("never"))
    );
    assert_eq!(
        get(&mut anybody, "/ResourceTypes/User").await.expect(200).json()["endpoint"],
        "/Users"
    );
    no(&get(&mut anybody, "/Schemas/urn:other").await, 404, "");
    no(&get(&mut anybody, "/Schemas?filter=id+pr").await, 403, "");
    no(
        &send(&mut anybody, Method::POST, "/Schemas", &json!({})).await,
        405,
        "",
    );
    no(&get(&mut anybody, "/Nothing").await, 404, "");
    no(
        &send(&mut anybody, Method::POST, "/Bulk", &json!({})).await,
        501,
        "",
    );
}

async fn people_of_others_stay_theirs(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut it) = directory(&city).await;
    let (other, mut theirs) = system(&city, "演示水利目录", "scim").await;
    declared(&city, &other, "shuili", "shuili-reviewer").await;
    let hers = join(&mut theirs, "shui", "e-1").await;
    let mine = join(&mut it, "cheng", "e-1").await;
    let at = format!("/Users/{hers}");
    no(&get(&mut it, &at).await, 404, "");
    no(
        &patch(
            &mut it,
            &at,
            json!([{ "op": "replace", "path": "active", "value": false }]),
        )
        .await,
        404,
        "",
    );
    no(
        &send(&mut it, Method::PUT, &at, &new("cheng2", "e-9")).await,
        404,
        "",
    );
    no(&send(&mut it, Method::DELETE, &at, &Json::Null).await, 404, "");
    for filter in [
        "userName eq \"shui\"".to_string(),
        format!("id eq \"{hers}\""),
        "userName sw \"shui\"".into(),
    ] {
        assert_eq!(
            find(&mut it, "Users", &filter).await["totalResults"],
            0,
            "{filter}"
        );
    }
    // The administrator and citizens are nobody's people.
    for login in ["admin", "resident", "shuili"] {
        let found = find(&mut it, "Users", &format!("userName eq \"{login}\"")).await;
        assert_eq!(found["totalResults"], 0, "{login}");
    }
    let group = "/Groups/chengguan-supervisor";
    no(
        &patch(
            &mut it,
            group,
            json!([{ "op": "add", "path": "members", "value": [{ "value": hers }] }]),
        )
        .await,
        400,
        "invalidValue",
    );
    no(
        &send(&mut it, Method::POST, "/Users", &new("shui", "e-7")).await,
        409,
        "uniqueness",
    );
    // A post elsewhere: the account is no longer the directory's alone. Its own post it may end.
    approve(&city, &mine).await;
    let ctx = city.system();
    identity::api::appoint(&ctx, "shuili-editor", mine.parse().unwrap(), "2026-01-01")
        .await
        .unwrap();
    let at = format!("/Users/{mine}");
    let user = get(&mut it, &at).await.expect(200).json();
    assert_eq!(
        user["groups"].as_array().unwrap().len(),
        1,
        "posts elsewhere are not told"
    );
    no(&send(&mut it, Method::DELETE, &at, &Json::Null).await, 403, "");
    no(
        &patch(
            &mut it,
            &at,
            json!([{ "op": "replace", "path": "active", "value": false }]),
        )
        .await,
        403,
        "",
    );
    no(
        &patch(
            &mut it,
            &at,
            json!([{ "op": "replace", "path": "displayName", "value": "演示他名" }]),
        )
        .await,
        403,
        "",
    );
    patch(
        &mut it,
        &at,
        json!([{ "op": "replace", "path": "title", "value": "兼职" }]),
    )
    .await
    .expect(200);
    let gone = json!([{ "op": "remove", "path": format!("members[value eq \"{mine}\"]") }]);
    patch(&mut it, "/Groups/chengguan-reviewer", gone)
        .await
        .expect(200);
    no(&get(&mut it, &at).await, 404, "");
    // Whom the city suspended no directory brings back.
    let second = join(&mut it, "second", "e-2").await;
    office(&city, &second, |ctx, tx, a| {
        official::suspend(ctx, tx, a, "接受调查")
    })
    .await;
    let at = format!("/Users/{second}");
    assert_eq!(get(&mut it, &at).await.expect(200).json()["active"], false);
    no(
        &patch(
            &mut it,
            &at,
            json!([{ "op": "replace", "path": "active", "value": true }]),
        )
        .await,
        403,
        "",
    );
    assert_eq!(state(&city, &second).await, "suspended");
    send(
        &mut it,
        Method::PUT,
        &at,
        &json!({ "schemas": [USER], "userName": "second", "externalId": "e-2" }),
    )
    .await
    .expect(200);
    assert_eq!(
        state(&city, &second).await,
        "suspended",
        "an omission brings nobody back"
    );

    // A directory that has ended leaves its people to the next one of the same organisation.
    let (next, mut third) = system(&city, "演示水利新目录", "scim").await;
    declared(&city, &next, "shuili", "").await;
    approve(&city, &hers).await;
    let at = format!("/Users/{hers}");
    no(&get(&mut third, &at).await, 404, "");
    let mut admin = city.client("admin").await;
    admin
        .post_form(&format!("/work/directories/{other}/end"), &[])
        .await
        .expect(303);
    get(&mut third, &at).await.expect(200);
    let title = json!([{ "op": "add", "path": "externalId", "value": "n-1" }]);
    patch(&mut third, &at, title).await.expect(200);
    assert_eq!(
        find(&mut third, "Users", "externalId eq \"n-1\"").await["Resources"][0]["id"],
        hers.as_str()
    );
}

async fn hostile_requests_come_to_nothing(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut it) = directory(&city).await;
    let posts = "SELECT COUNT(*) FROM identity_holding";
    let before = city.count(posts, &[]).await;
    // What is read-only or unknown is left alone, wherever it stands.
    let greedy = json!({ "schemas": [USER], "id": "00000000-0000-0000-0000-000000000001", "userName": "greedy", "externalId": "g",
        "meta": { "version": "W/\"9\"", "created": "1999-01-01T00:00:00Z" }, "groups": [{ "value": "chengguan-head" }],
        "roles": [{ "value": "administrator" }], "kind": "system", "subject": "x", "entitlements": ["*"],
        OFFICIAL: { "post": "shi-administrator" } });
    let made = send(&mut it, Method::POST, "/Users", &greedy)
        .await
        .expect(201)
        .json();
    let account = id(&made);
    assert_ne!(account, "00000000-0000-0000-0000-000000000001");
    assert!(
        made["meta"]["created"]
            .as_str()
            .unwrap()
            .starts_with("2026-11-24")
    );
    assert_eq!((made.get("groups"), made.get("roles")), (None, None));
    assert_eq!(city.count(posts, &[]).await, before);
    let ignored: String = city
        .scalar("SELECT ignored FROM provisioning_request WHERE status = 201", &[])
        .await
        .unwrap();
    assert!(
        ignored.contains("groups") && ignored.contains("roles") && ignored.contains("kind"),
        "{ignored}"
    );
    let at = format!("/Users/{account}");
    patch(&mut it, &at, json!([{ "op": "replace", "value": { "id": "x", "groups": [{ "value": "chengguan-head" }], "roles": ["*"] } }])).await.expect(200);
    no(
        &patch(
            &mut it,
            &at,
            json!([{ "op": "add", "path": "groups", "value": [{ "value": "chengguan-head" }] }]),
        )
        .await,
        400,
        "mutability",
    );
    assert_eq!(city.count(posts, &[]).await, before);
    // A number that is none; one that is, is kept from everybody; one that somebody has, is the same person.
    let with = |login: &str, number: &str| json!({ "schemas": [USER, OFFICIAL], "userName": login, OFFICIAL: { "identityNumber": number } });
    let wrong = send(&mut it, Method::POST, "/Users", &with("n1", "320899199001010000")).await;
    assert!(!no(&wrong, 400, "invalidValue").contains("3208"));
    let good = send(&mut it, Method::POST, "/Users", &with("n2", "320899199102034561"))
        .await
        .expect(201);
    assert!(!good.text().contains("32089919910203"));
    for guess in ["pr", "sw \"3208\"", "eq \"320899199102034561\""] {
        assert_eq!(
            find(&mut it, "Users", &format!("{OFFICIAL}:identityNumber {guess}")).await["totalResults"],
            0
        );
    }
    no(
        &send(&mut it, Method::POST, "/Users", &with("n3", "320899199102034561")).await,
        409,
        "uniqueness",
    );
    // Filters and bodies that are too much.
    let deep = format!("{}id pr{}", "(".repeat(200), ")".repeat(200));
    let path = |filter: &str| format!("/Users?filter={}", kernel::http::percent(filter));
    assert!(no(&get(&mut it, &path(&deep)).await, 400, "invalidFilter").contains("deeper"));
    let wide = vec!["id pr"; 300].join(" or ");
    no(&get(&mut it, &path(&wide)).await, 400, "invalidFilter");
    assert!(no(&get(&mut it, &path("userName eq")).await, 400, "invalidFilter").contains("character 12"));
    no(
        &get(
            &mut it,
            &path("userName eq \"'; DROP TABLE identity_account; --\" or x"),
        )
        .await,
        400,
        "invalidFilter",
    );
    assert_eq!(
        find(&mut it, "Users", "userName eq \"' OR '1'='1\"").await["totalResults"],
        0
    );
    let large = json!({ "schemas": [USER], "userName": "large", "title": "x".repeat(300 << 10) });
    no(&send(&mut it, Method::POST, "/Users", &large).await, 413, "");
    let many = json!({ "schemas": [PATCH], "Operations": vec![json!({ "op": "add", "path": "title", "value": "x" }); 201] });
    no(&send(&mut it, Method::PATCH, &at, &many).await, 413, "");
    let raw = async |it: &mut Client, kind: &str, body: &[u8]| {
        it.send(
            Method::POST,
            "/scim/v2/Users",
            &[("content-type", kind)],
            body.to_vec(),
        )
        .await
    };
    no(
        &raw(&mut it, "application/scim+json", b"{\"userName\":").await,
        400,
        "invalidSyntax",
    );
    no(
        &raw(&mut it, "application/scim+json", b"\xff\xfe").await,
        400,
        "invalidSyntax",
    );
    no(
        &raw(&mut it, "application/scim+json", "[".repeat(100_000).as_bytes()).await,
        400,
        "invalidSyntax",
    );
    no(
        &raw(&mut it, "application/x-www-form-urlencoded", b"userName=x").await,
        415,
        "",
    );
    for (user, word) in [
        (
            json!({ "schemas": [USER], "userName": "no spaces here" }),
            "invalidValue",
        ),
        (
            json!({ "schemas": [USER], "userName": "a\u{0}b" }),
            "invalidValue",
        ),
        (
            json!({ "schemas": [USER], "userName": "x<y", "displayName": "<script>" }),
            "invalidValue",
        ),
        (
            json!({ "schemas": [USER], "displayName": "ohne" }),
            "invalidValue",
        ),
        (json!({ "userName": "schemaless" }), "invalidSyntax"),
    ] {
        no(&send(&mut it, Method::POST, "/Users", &user).await, 400, word);
    }
    no(&get(&mut it, "/Users/%27%20OR%201=1").await, 404, "");
    no(&get(&mut it, "/Users/not-a-uuid").await, 404, "");
    no(&get(&mut it, "/Users/%FF").await, 404, "");
    // The same person twice at once: one of them is told.
    let (mut one, mut two) = (it.clone(), it.clone());
    let (first, second) = (new("twin", "t-1"), new("twin", "t-2"));
    let (a, b) = tokio::join!(
        send(&mut one, Method::POST, "/Users", &first),
        send(&mut two, Method::POST, "/Users", &second)
    );
    let mut both = [a.status, b.status];
    both.sort();
    assert_eq!(both, [201, 409]);
}

async fn doors_stay_shut(db: Db) {
    let city = City::open(db, DAY).await;
    let (client, mut it) = directory(&city).await;
    let mut nobody = city.visitor();
    nobody.accept = "application/scim+json";
    let answer = get(&mut nobody, "/Users").await;
    no(&answer, 401, "");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    nobody.bearer = Some("0".repeat(64));
    no(&get(&mut nobody, "/Users").await, 401, "");
    // Signed in at a browser is not enough, an account's own token neither.
    let mut admin = city.client("admin").await;
    no(&get(&mut admin, "/Users").await, 401, "");
    let mut program = city.program("admin").await;
    no(&get(&mut program, "/Users").await, 403, "");
    let (_, mut without) = system(&city, "演示密码系统", "cipher").await;
    no(&get(&mut without, "/Users").await, 403, "");
    let (_, mut undeclared) = system(&city, "演示未登记目录", "scim").await;
    no(&get(&mut undeclared, "/Users").await, 403, "");
    no(
        &send(&mut undeclared, Method::POST, "/Users", &new("x", "1")).await,
        403,
        "",
    );
    // A body from nobody is not read.
    no(
        &send(
            &mut nobody,
            Method::POST,
            "/Users",
            &json!({ "x": "y".repeat(1 << 20) }),
        )
        .await,
        401,
        "",
    );
    get(&mut it, "/Users").await.expect(200);
    // Tokens end, and so does a directory.
    let page = format!("/work/directories/{client}");
    admin.post_form(&format!("{page}/end"), &[]).await.expect(303);
    no(&get(&mut it, "/Users").await, 403, "");
    admin
        .post_form(
            "/work/directories",
            &[("client", &client), ("organisation", "chengguan")],
        )
        .await
        .expect(303);
    get(&mut it, "/Users").await.expect(200);
    city.clock.set(stories::morning(DAY) + 25 * 3_600_000);
    no(&get(&mut it, "/Users").await, 401, "");
    // The pages are the administrator's.
    let mut reviewer = city.client("reviewer-cg").await;
    reviewer.get("/work/directories").await.expect(403);
    reviewer.get(&page).await.expect(403);
    reviewer.post_form(&format!("{page}/end"), &[]).await.expect(403);
}

async fn an_engineer_sees_what_failed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut admin = city.client("admin").await;
    let page = admin.get("/work/directories").await.expect(200);
    assert!(page.has("尚未登记单位目录") && page.has("没有可登记的系统"));
    let (client, mut it) = system(&city, "演示统一目录", "scim").await;
    // What cannot be declared stays on the page with the reason.
    for fields in [
        [("client", "nobody"), ("organisation", "chengguan")],
        [("client", client.as_str()), ("organisation", "nowhere")],
    ] {
        admin.post_form("/work/directories", &fields).await.expect(422);
    }
    declared(&city, &client, "chengguan", "").await;
    admin
        .post_form(
            "/work/directories",
            &[("client", &client), ("organisation", "shuili")],
        )
        .await
        .expect(422);
    let show = format!("/work/directories/{client}");
    admin
        .post_form(&show, &[("post", "shuili-head"), ("version", "2")])
        .await
        .expect(422);
    admin
        .post_form(&show, &[("post", "chengguan-head"), ("version", "1")])
        .await
        .expect(412);
    join(&mut it, "li", "e-1").await;
    no(
        &send(&mut it, Method::POST, "/Users", &new("li", "e-2")).await,
        409,
        "uniqueness",
    );
    get(&mut it, "/Users?filter=userName+ex+%22secret%22")
        .await
        .expect(400);
    let page = admin.get(&show).await.expect(200);
    for words in [
        "uniqueness",
        "userName: is taken",
        "invalidFilter",
        "POST",
        "displayName",
    ] {
        assert!(page.has(words), "{words}");
    }
    assert!(
        !page.has("secret") && !page.has("演示新人"),
        "no value of a request"
    );
    let refused = admin.get(&format!("{show}?which=refused")).await.expect(200);
    assert!(refused.has(">409<") && !refused.has(">201<"));
    assert!(admin.get("/work/directories").await.expect(200).has("2 次未办成"));
    let zh = [("content-type", "application/json"), ("accept-language", "zh-CN")];
    let answer = it
        .send(
            Method::POST,
            "/scim/v2/Users",
            &zh,
            new("li", "e-3").to_string().into_bytes(),
        )
        .await;
    assert_eq!(no(&answer, 409, "uniqueness"), "userName：已被使用");
    // Another organisation with people of this one is no place for the directory.
    admin.post_form(&format!("{show}/end"), &[]).await.expect(303);
    admin
        .post_form(
            "/work/directories",
            &[("client", &client), ("organisation", "shuili")],
        )
        .await
        .expect(409);
    // The log is forgotten in time.
    city.day("2027-07-01");
    let mut kinds = city.app.modules.iter().flat_map(|m| &m.jobs);
    let sweep = kinds.find(|k| k.name == "provisioning.sweep").unwrap();
    (sweep.run)(city.system(), Json::Null).await.unwrap();
    assert_eq!(
        city.count("SELECT COUNT(*) FROM provisioning_request", &[]).await,
        0
    );
}

async fn a_flood_is_slowed(db: Db) {
    let place = Place::new(db);
    let mut config = place.config();
    let few = Allowance {
        burst: 5,
        per_minute: 6,
    };
    config.edge.rates = vec![(Rate::Lookup, few)];
    let city = City::start(place, config, DAY, None).await.unwrap();
    let (_, mut it) = directory(&city).await;
    let mut last = 0;
    for _ in 0..6 {
        let answer = get(&mut it, "/Users?count=0").await;
        last = answer.status;
        if last == 429 {
            no(&answer, 429, "");
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|s| s <= 10));
        }
    }
    assert_eq!(last, 429);
}
