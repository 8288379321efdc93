//! Who may do what: policies against scopes, every route against every kind of person, foreign and own cases.

use axum::http::Method;
use kernel::ctx::{Actor, ActorKind, Grant, Mandate, ScopeColumns};
use kernel::{Door, Resource, Uuid, Value, params};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::{BTreeMap, BTreeSet};
use stories::matter::answers;
use stories::{City, Client, Db, on_both};

on_both!(
    scope_and_policy_agree,
    every_route_for_everybody,
    foreign_cases,
    own_cases,
    who_can_do_what,
);

const ORGS: &[&str] = &[
    "/shi/",
    "/shi/chengguan/",
    "/shi/chengguan/zhidui/",
    "/shi/gongan/jiaojing/",
    "/shi/chengguan-yuan/",
    "/qu/",
];
const AREAS: &[&str] = &["32", "3208", "320812", "320803", "3301"];
const PEOPLE: &[&str] = &["p1", "p2", "f1"];
const ABOUT: &[&str] = &["m1", "m2"];
const ROLES: &[&str] = &[
    "clerk",
    "reviewer",
    "head",
    "supervisor",
    "steward",
    "administrator",
    "auditor",
    "unknown",
];

fn one_of(all: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(all).prop_map(String::from)
}

fn grant() -> impl Strategy<Value = Grant> {
    (one_of(ROLES), one_of(ORGS), one_of(AREAS)).prop_map(|(role, org_path, area_code)| Grant {
        role,
        post: "post".into(),
        org: "org".into(),
        org_path,
        area_code,
    })
}

/// What somebody may do for another: verbs and matters, or everything.
fn mandate() -> impl Strategy<Value = Mandate> {
    let some = |all: &'static [&'static str]| prop::option::of(prop::collection::vec(one_of(all), 1..3));
    (some(&["read", "apply"]), some(ABOUT)).prop_map(|(verbs, about)| Mandate {
        verbs,
        about,
        ..Mandate::default()
    })
}

/// Actors as identity makes them: grants for officials only, a firm acted for by citizens only.
fn actor() -> impl Strategy<Value = Actor> {
    let person = prop::option::of(one_of(PEOPLE));
    let kind = prop::sample::select(vec![ActorKind::Public, ActorKind::Citizen, ActorKind::Official]);
    let grants = prop::collection::vec(grant(), 0..4);
    (kind, one_of(PEOPLE), person, grants, prop::option::of(mandate())).prop_map(
        |(kind, subject, firm, grants, mandate)| {
            let known = kind != ActorKind::Public;
            Actor {
                id: if known {
                    "account:1".into()
                } else {
                    "public".into()
                },
                kind,
                account: known.then(Uuid::nil),
                subject: known.then_some(subject),
                on_behalf: firm.filter(|_| kind == ActorKind::Citizen),
                mandate,
                grants: if kind == ActorKind::Official {
                    grants
                } else {
                    Vec::new()
                },
                ..Actor::default()
            }
        },
    )
}

/// Submitted cases: one applicant, as lists know them, and every organisation that takes part.
fn resource() -> impl Strategy<Value = Resource> {
    let states = &[
        "submitted",
        "correcting",
        "handling",
        "suspended",
        "granted",
        "refused",
        "withdrawn",
    ];
    let orgs = prop::collection::vec(one_of(ORGS), 1..4);
    let about = one_of(ABOUT);
    (one_of(PEOPLE), orgs, one_of(AREAS), one_of(states), about).prop_map(
        |(owner, org_paths, area_code, state, about)| Resource {
            kind: "Case",
            about: vec![about],
            id: "c".into(),
            owners: vec![owner],
            org_paths,
            area_code,
            state,
        },
    )
}

/// Cedar on a row, the scope on a row and the scope as SQL give one answer.
async fn scope_and_policy_agree(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let authorise = city.app.ports.authorise.clone();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let pairs = prop::collection::vec((actor(), resource()), 600);
    let tree = pairs.new_tree(&mut runner).unwrap();
    let (mut yes, mut no) = (0, 0);
    let cases = tree.current();
    for page in cases.chunks(100) {
        let mut wrong = Vec::new();
        let shown: Vec<bool> = city
            .system()
            .read("story.scope", |tx| {
                let mut out = Vec::new();
                for (a, r) in page {
                    let scope = authorise.scope(a, "cases.case.read");
                    let mut any = false;
                    for org in &r.org_paths {
                        let mut p: Vec<Value> =
                            vec![r.owners[0].as_str().into(), org.as_str().into(), r.area_code.as_str().into(), r.about[0].as_str().into()];
                        let columns = ScopeColumns { owner: "r.owner", about: "r.about", org_path: "r.org", area_code: "r.area" };
                        let condition = scope.sql(columns, &mut p);
                        let sql = format!(
                            "SELECT COUNT(*) FROM (SELECT CAST($1 AS TEXT) AS owner, CAST($2 AS TEXT) AS org, \
                             CAST($3 AS TEXT) AS area, CAST($4 AS TEXT) AS about) r WHERE {condition}"
                        );
                        any |= tx.scalar::<i64>(&sql, &p)? == Some(1);
                    }
                    out.push(any);
                }
                Ok(out)
            })
            .await
            .unwrap();
        for ((a, r), sql) in page.iter().zip(shown) {
            let may = authorise.may(a, "cases.case.read", r).is_ok();
            let holds = authorise.scope(a, "cases.case.read").holds(r);
            if may != holds || may != sql {
                wrong.push(format!("may {may}, scope {holds}, SQL {sql}: {a:?} {r:?}"));
            }
            if may { yes += 1 } else { no += 1 }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    assert!(yes > 100 && no > 100, "the sample says something: {yes} {no}");
}

/// What the packs say: login → permissions, read without the program.
fn permissions() -> BTreeMap<String, BTreeSet<String>> {
    let read = |name: &str| -> toml::Table {
        std::fs::read_to_string(stories::pack_dir().join(name))
            .unwrap()
            .parse()
            .unwrap()
    };
    let list = |t: &toml::Table, key: &str| t[key].as_array().unwrap().clone();
    let text = |v: &toml::Value, key: &str| v.get(key).and_then(|x| x.as_str()).unwrap_or("").to_string();
    let strings = |v: &toml::Value, key: &str| -> Vec<String> {
        v[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_str().unwrap().to_string())
            .collect()
    };
    let roles: BTreeMap<String, Vec<String>> = list(&read("../base/roles.toml"), "role")
        .iter()
        .map(|r| (text(r, "id"), strings(r, "permissions")))
        .collect();
    let posts: BTreeMap<String, Vec<String>> = list(&read("organisations.toml"), "post")
        .iter()
        .map(|p| (text(p, "id"), strings(p, "roles")))
        .collect();
    list(&read("demo.toml"), "account")
        .iter()
        .map(|a| {
            let mine = posts
                .get(&text(a, "post"))
                .cloned()
                .unwrap_or_else(|| vec!["citizen".into()]);
            (
                text(a, "login"),
                mine.iter().flat_map(|r| roles[r].clone()).collect(),
            )
        })
        .collect()
}

const WHO: &[&str] = &[
    "resident",
    "agent",
    "clerk",
    "reviewer-cg",
    "head",
    "supervisor",
    "auditor",
    "admin",
    "steward-cg",
    "publisher",
];

async fn every_route_for_everybody(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let permissions = permissions();
    let mut people: Vec<(&str, Client)> = vec![("public", city.visitor())];
    for who in WHO {
        people.push((who, city.client(who).await));
    }
    let mut wrong = Vec::new();
    let mut tried = 0;
    for route in city.app.modules.iter().flat_map(|m| &m.routes) {
        let path: String = route
            .path
            .split('/')
            .map(|part| match part {
                "{work}" => "7",
                p if p.starts_with("{*") => "0/x/000",
                p if p.starts_with('{') => "01890000-0000-7000-8000-000000000000",
                p => p,
            })
            .collect::<Vec<_>>()
            .join("/");
        for (who, browser) in &mut people {
            tried += 1;
            let official = !["public", "resident", "agent"].contains(who);
            let holds = |p: &str| permissions.get(*who).is_some_and(|all| all.contains(p));
            let open = match route.door {
                Door::Public => true,
                Door::SignedIn => *who != "public",
                Door::Permission(p) => holds(p),
                Door::Official(p) => official && holds(p),
            };
            for accept in ["text/html", "application/json"] {
                browser.accept = accept;
                let got = browser.get(&path).await;
                let json = accept.ends_with("json") || path.starts_with("/api/");
                let fits = match (open, *who, json) {
                    // It has tokens of its own (RFC 6750), whoever has signed in.
                    _ if path == "/openid/userinfo" => got.status == 401,
                    _ if route.open == kernel::module::Open::Always && got.status == 401 => true,
                    // Said in so many words (RFC 7644, 3.11), which is no fault.
                    (true, ..) if path.starts_with("/scim/v2/") && got.status == 501 => true,
                    (true, ..) => got.status < 500 && ![401, 403].contains(&got.status),
                    (false, "public", true) => got.status == 401,
                    (false, "public", false) => {
                        got.status == 303 && got.location().starts_with("/sign-in?next=")
                    }
                    (false, ..) => got.status == 403,
                };
                if !fits {
                    wrong.push(format!("GET {path} ({accept}) as {who}: {}", got.status));
                }
                // The door stands before every method.
                if !open {
                    let got = browser.send(Method::POST, &path, &[], Vec::new()).await;
                    let refused = if *who == "public" {
                        [401, 303].contains(&got.status)
                    } else {
                        got.status == 403
                    };
                    if !refused {
                        wrong.push(format!("POST {path} ({accept}) as {who}: {}", got.status));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 400, "{tried}");
    // No such address, for anybody.
    for (_, browser) in &mut people {
        browser.get("/work/no-such-page").await.expect(404);
    }
}

async fn foreign_cases(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    let material = page.between(&format!("/cases/{case}/materials/"), "\"").unwrap();
    her.get(&format!("/cases/{case}/materials/{material}"))
        .await
        .expect(200);
    let draft = her.begin("occupy-road").await;
    her.post_multipart(&format!("/cases/{draft}/form"), &answers(), &[])
        .await
        .expect(303);
    let mut other = city.client("agent").await;
    let form = format!("/cases/{case}/form");
    let everything = |id: &str| {
        ["", "/form", "/receipt"]
            .map(|p| format!("/cases/{id}{p}"))
            .to_vec()
    };
    let mut paths = everything(&case);
    paths.extend(everything(&draft));
    paths.push(format!("/cases/{case}/materials/{material}"));
    paths.push(format!("/api/v1/cases/{case}"));
    for path in &paths {
        other.get(path).await.expect(404);
    }
    let made_up = other
        .get("/cases/01890000-0000-7000-8000-000000000000")
        .await
        .expect(404);
    let foreign = other.get(&format!("/cases/{case}")).await.expect(404);
    let words = |a: &stories::Answer| {
        a.between("<main", "</main>")
            .unwrap_or_default()
            .replace(a.header("x-request-id"), "")
    };
    assert_eq!(words(&foreign), words(&made_up), "a foreign case looks like none");
    other.post_multipart(&form, &answers(), &[]).await.expect(404);
    other
        .post_multipart(&format!("/cases/{case}/draft"), &answers(), &[])
        .await
        .expect(404);
    other.hand_in(&case, &answers()).await.expect(404);
    other
        .post_form(&format!("/cases/{case}/withdrawal"), &[])
        .await
        .expect(404);
    other
        .post_form(&format!("/cases/{draft}/withdrawal"), &[])
        .await
        .expect(404);
    other
        .post_form(&format!("/cases/{case}/rating"), &[("grade", "5")])
        .await
        .expect(404);
    other.get(&format!("/work/cases/{case}")).await.expect(403);
    assert!(!other.get("/me").await.has(&number));
    assert!(!other.get("/api/v1/cases").await.has(&case));
    assert_eq!(city.state(&case).await, "submitted");

    // An official of a department that takes no part sees nothing either; who takes part, sees it in every list.
    for (who, sees) in [
        ("reviewer-sl", false),
        ("head-wj", false),
        ("clerk", true),
        ("head", true),
        ("auditor", true),
    ] {
        let mut c = city.client(who).await;
        assert_eq!(
            c.get(&format!("/work/cases/{case}")).await.status,
            if sees { 200 } else { 404 },
            "{who}"
        );
        assert_eq!(
            c.get(&format!("/cases/{case}/materials/{material}")).await.status,
            if sees { 200 } else { 404 },
            "{who}"
        );
        assert_eq!(c.get("/work/cases").await.has(&number), sees, "{who}");
        assert_eq!(c.get("/api/v1/cases").await.has(&case), sees, "{who}");
        // The draft is hers alone.
        assert_eq!(c.get(&format!("/work/cases/{draft}")).await.status, 404, "{who}");
        assert!(!c.get("/work/cases").await.has(&draft), "{who}");
    }
    // Traffic police take part from acceptance on.
    let mut jj = city.client("reviewer-jj").await;
    jj.get(&format!("/work/cases/{case}")).await.expect(404);
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    jj.get(&format!("/work/cases/{case}")).await.expect(200);
    // She is told who looked.
    let looked = her.get("/me/security").await.expect(200);
    assert!(looked.has("综合窗口"), "{}", looked.text());
    // Full numbers only for those who may unmask, and it is written down.
    let shown = city
        .client("reviewer-cg")
        .await
        .get(&format!("/work/cases/{case}?reveal=1"))
        .await
        .expect(200);
    assert!(shown.has("320899198803121014"));
    city.client("auditor")
        .await
        .get(&format!("/work/cases/{case}?reveal=1"))
        .await
        .expect(403);

    // The certificate is hers.
    for (who, outcome) in [
        ("reviewer-cg", "agree"),
        ("reviewer-jj", "agree"),
        ("head", "grant"),
    ] {
        city.client(who)
            .await
            .finish(&case, outcome, "")
            .await
            .expect(303);
    }
    city.settle().await;
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    let id = page.between("/me/certificates/", "\"").unwrap();
    her.get(&format!("/me/certificates/{id}")).await.expect(200);
    for part in ["", ".pdf", ".sm2", ".sm2.pem", ".proof"] {
        other
            .get(&format!("/me/certificates/{id}{part}"))
            .await
            .expect(404);
        city.client("head-wj")
            .await
            .get(&format!("/me/certificates/{id}{part}"))
            .await
            .expect(404);
    }
    assert!(
        !city
            .client("head-wj")
            .await
            .get("/work/certificates")
            .await
            .expect(200)
            .has(&id)
    );
    assert!(
        city.client("head")
            .await
            .get("/work/certificates")
            .await
            .expect(200)
            .has(&id)
    );
    // Only who may revoke revokes.
    let revoke = format!("/work/certificates/{id}/revocation");
    other.post_form(&revoke, &[("reason", "x")]).await.expect(403);
    city.client("clerk")
        .await
        .post_form(&revoke, &[("reason", "x")])
        .await
        .expect(403);
    city.client("head-wj")
        .await
        .post_form(&revoke, &[("reason", "x")])
        .await
        .expect(404);
}

/// 回避: nobody handles a case of their own, whatever the post.
async fn own_cases(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let (case, _) = city.client("resident").await.apply().await;
    let ctx = city.system();
    let party = identity::api::NewParty {
        kind: "natural",
        name: "演示居民甲",
        code: "320899198803121014",
        phone: None,
        area_code: "320812",
        synthetic: true,
    };
    let subject = ctx
        .tx("story.know", |tx| identity::api::know(&ctx, tx, &party))
        .await
        .unwrap();
    let applicant = "SELECT applicant FROM cases_case WHERE id = $1";
    let applicant: Option<String> = city.scalar(applicant, params![case.as_str()]).await;
    assert_eq!(applicant, Some(subject.clone()), "one person, one subject");
    let posts = [
        ("own-clerk", "zhengwu-window-clerk"),
        ("own-reviewer", "chengguan-reviewer"),
        ("own-head", "chengguan-head"),
    ];
    for (login, post) in posts {
        let password = city.password().to_string();
        let account = identity::api::open_account(&ctx, login, "official", &subject, &password)
            .await
            .unwrap();
        let sql = "INSERT INTO identity_holding(id, post, account, from_on) VALUES ($1 || '@' || $2, $1, $2, '2020-01-01')";
        city.execute(sql, params![post, account]).await;
    }
    let own = "不能经办本人的办件";
    let mut clerk = city.client("own-clerk").await;
    clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    let (version, work) = city.client("clerk").await.task(&case).await;
    assert!(
        clerk
            .send_work(&case, &version, &work, "done", "")
            .await
            .expect(403)
            .has(own)
    );
    let fields = [("version", version.as_str()), ("work", &work), ("items", "补正")];
    assert!(
        clerk
            .post_form(&format!("/work/cases/{case}/correction"), &fields)
            .await
            .expect(403)
            .has(own)
    );
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);

    let mut reviewer = city.client("own-reviewer").await;
    let (version, work) = city.client("reviewer-cg").await.task(&case).await;
    assert!(
        reviewer
            .send_work(&case, &version, &work, "agree", "")
            .await
            .expect(403)
            .has(own)
    );
    let fields = [("version", version.as_str()), ("reason", "等待")];
    assert!(
        reviewer
            .post_form(&format!("/work/cases/{case}/suspension"), &fields)
            .await
            .expect(403)
            .has(own)
    );
    for who in ["reviewer-cg", "reviewer-jj"] {
        city.client(who)
            .await
            .finish(&case, "agree", "")
            .await
            .expect(303);
    }
    let (version, work) = city.client("head").await.task(&case).await;
    let mut head = city.client("own-head").await;
    assert!(
        head.send_work(&case, &version, &work, "grant", "")
            .await
            .expect(403)
            .has(own)
    );
    let fields = [
        ("version", version.as_str()),
        ("from", work.as_str()),
        ("to", "1"),
        ("opinion", "退回"),
    ];
    assert!(
        head.post_form(&format!("/work/cases/{case}/send-back"), &fields)
            .await
            .expect(403)
            .has(own)
    );
    assert_eq!(city.state(&case).await, "handling");
    city.client("head")
        .await
        .finish(&case, "grant", "")
        .await
        .expect(303);
    // Work accounts apply for nothing.
    let refused = head
        .post_form("/matters/occupy-road/cases", &[])
        .await
        .expect(403);
    assert!(refused.has("工作账号不能申请办事"));
}

/// The page answers by the rules that decide, and says why not.
async fn who_can_do_what(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut auditor = city.client("auditor").await;
    let page = auditor.get("/work/permissions").await.expect(200);
    assert!(page.has("cases.case.decide"), "{}", page.text());
    let ask = |permission: &str, organisation: &str| {
        format!("/work/permissions?permission={permission}&organisation={organisation}")
    };
    let held = auditor.get(&ask("cases.case.decide", "")).await.expect(200);
    assert!(
        held.has("演示负责人己") && !held.has("演示窗口丙"),
        "{}",
        held.text()
    );
    let here = auditor
        .get(&ask("cases.case.decide", "chengguan"))
        .await
        .expect(200);
    assert!(
        here.has("head @ &#x2f;shi&#x2f;chengguan&#x2f;") && here.has(">能<"),
        "{}",
        here.text()
    );
    let elsewhere = auditor
        .get(&ask("cases.case.decide", "jiaojing"))
        .await
        .expect(200);
    let row = elsewhere.between("演示负责人己", "</tr>").unwrap();
    assert!(
        row.contains(">不能<") && row.contains("不在您的管辖范围内"),
        "{row}"
    );
    auditor.get(&ask("cases.case.nonsense", "")).await.expect(422);
    auditor
        .get(&ask("cases.case.decide", "nowhere"))
        .await
        .expect(422);
    city.client("head")
        .await
        .get("/work/permissions")
        .await
        .expect(403);
}
