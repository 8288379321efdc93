//! Passkeys: added, listed, renamed, removed; a sign-in of their own and a second step; everything that must not pass.

use axum::http::Method;
use identity::{SecondFactor, Settings};
use kernel::params;
use serde_json::{Value as Json, json};
use stories::{Answer, City, Client, Db, on_both};
use webauthn::soft::Authenticator;

on_both!(
    she_adds_one_and_signs_in,
    adding_wants_a_fresh_sign_in,
    a_registration_that_is_not_right,
    the_second_step,
    officials_are_done_with_one,
    what_must_not_pass,
    challenges_are_for_one_browser_once_and_soon,
    a_copied_key,
    wrong_ones_lock,
    removed_and_forgotten,
    from_other_sites,
    where_browsers_have_none,
);

const DAY: &str = "2026-11-24";
const ORIGIN: &str = "http://localhost:8151";
const NEUTRAL: &str = "通行密钥没有通过";

fn pass(city: &City, minutes: i64) {
    city.clock.set(city.system().now() + minutes * 60_000);
}

/// What a script of ours sends.
async fn ask(who: &mut Client, path: &str, body: &Json) -> Answer {
    let accept = std::mem::replace(&mut who.accept, "application/json");
    let answer = who
        .post_json(
            path,
            &[("sec-fetch-site", "same-origin"), ("origin", ORIGIN)],
            body,
        )
        .await;
    who.accept = accept;
    answer
}

async fn options(who: &mut Client, path: &str) -> Json {
    ask(who, path, &json!({})).await.expect(200).json()["publicKey"].clone()
}

/// Adds a passkey of this authenticator to the account behind the browser.
async fn add(who: &mut Client, a: &mut Authenticator, name: &str) -> Answer {
    let options = options(who, "/me/passkeys/options").await;
    let credential = a.create(&options).expect("a new credential");
    ask(
        who,
        "/me/passkeys",
        &json!({ "name": name, "credential": credential }),
    )
    .await
}

async fn enter(who: &mut Client, a: &mut Authenticator) -> Answer {
    let options = options(who, "/sign-in/passkey/options").await;
    assert_eq!(options["allowCredentials"], json!([]), "nobody is named");
    let credential = a.get(&options).expect("a credential");
    ask(
        who,
        "/sign-in/passkey",
        &json!({ "credential": credential, "next": "/matters" }),
    )
    .await
}

#[track_caller]
fn refused(answer: Answer) -> Answer {
    let answer = answer.expect(401);
    assert!(answer.has(NEUTRAL), "{}", answer.text());
    answer
}

async fn methods(city: &City) -> String {
    let sql = "SELECT methods FROM identity_session ORDER BY created_at DESC, family DESC LIMIT 1";
    city.scalar::<String>(sql, &[]).await.unwrap()
}

async fn told(city: &City, kind: &str) -> i64 {
    city.count(
        "SELECT COUNT(*) FROM comms_message WHERE kind = $1",
        params![kind],
    )
    .await
}

async fn facts(city: &City, kind: &str) -> i64 {
    city.count("SELECT COUNT(*) FROM kernel_fact WHERE type = $1", params![kind])
        .await
}

async fn own(city: &City, login: &str) -> String {
    let sql = "SELECT p.id FROM identity_passkey p JOIN identity_account a ON p.account = a.id \
               WHERE a.login = $1 AND p.removed_at IS NULL ORDER BY p.created_at LIMIT 1";
    city.scalar::<String>(sql, params![login]).await.unwrap()
}

async fn she_adds_one_and_signs_in(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let page = her.get("/me/security").await.expect(200);
    assert!(page.has("通行密钥") && page.has("data-passkey=\"add\" hidden") && page.has("passkey.js"));
    let mut phone = Authenticator::new(1, ORIGIN);
    phone.synced = true;
    phone.step = 0;
    let added = add(&mut her, &mut phone, " 我的  手机 ").await.expect(200).json();
    assert_eq!(added, json!({ "to": "/me/security", "recovery": true }));
    let mut key = Authenticator::new(2, ORIGIN);
    key.algorithm = -8;
    // The recovery codes are given out by the page that the script leads to.
    assert!(
        her.post_form("/me/security/recovery", &[])
            .await
            .expect(200)
            .has("codes num")
    );
    assert_eq!(
        add(&mut her, &mut key, "").await.expect(200).json()["recovery"],
        json!(false)
    );
    let page = her.get("/me/security").await.expect(200);
    assert!(
        page.has("我的 手机") && page.has("多设备同步") && page.has("还没有用过"),
        "{}",
        page.text()
    );
    assert!(page.has("还剩 10 个恢复码"));
    assert_eq!(
        (
            told(&city, "passkey-added").await,
            facts(&city, "identity.passkey.added").await
        ),
        (2, 2)
    );
    // The name does not lie in the database in clear.
    let name: Vec<u8> = city
        .scalar(
            "SELECT name FROM identity_passkey ORDER BY created_at LIMIT 1",
            &[],
        )
        .await
        .unwrap();
    assert!(!name.windows(6).any(|w| w == "手机".as_bytes()));

    // Nothing is typed; the session is a new one.
    let mut c = city.visitor();
    let page = c.get("/sign-in?next=/matters").await.expect(200);
    assert!(
        page.has("用通行密钥登录") && page.has("data-passkey=\"enter\"") && page.has("username webauthn")
    );
    let entered = enter(&mut c, &mut phone).await.expect(200);
    assert_eq!(entered.json(), json!({ "to": "/matters" }));
    assert_eq!(methods(&city).await, "swk user mfa");
    c.get("/me").await.expect(200);
    let before = c.session();
    pass(&city, 1);
    enter(&mut c, &mut key).await.expect(200);
    assert_ne!(c.session(), before);
    assert_eq!(methods(&city).await, "hwk user mfa");
    let page = c.get("/me/security").await.expect(200);
    assert!(page.has("上次使用") && page.has("两步验证"));
    // What was added stays on the list of those that are not to be added again.
    let options = options(&mut c, "/me/passkeys/options").await;
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 2);
    assert!(phone.create(&options).is_none());
    assert_eq!(options["user"]["name"], "resident");

    // Another name, by hand.
    let id = own(&city, "resident").await;
    let path = format!("/me/passkeys/{id}/name");
    c.post_form(&path, &[("name", "新手机")]).await.expect(303);
    assert!(c.get("/me/security").await.expect(200).has("新手机"));
    for wrong in ["", "  ", &"长".repeat(41)] {
        c.post_form(&path, &[("name", wrong)]).await.expect(422);
    }
    let mut other = city.client("agent").await;
    other.post_form(&path, &[("name", "别人的")]).await.expect(404);
    other
        .post_form(&format!("/me/passkeys/{id}/removal"), &[])
        .await
        .expect(404);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn adding_wants_a_fresh_sign_in(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    let early = options(&mut her, "/me/passkeys/options").await;
    pass(&city, 6);
    let answer = ask(&mut her, "/me/passkeys/options", &json!({}))
        .await
        .expect(403);
    assert!(answer.has("请先重新登录"), "{}", answer.text());
    let credential = phone.create(&early).unwrap();
    ask(&mut her, "/me/passkeys", &json!({ "credential": credential }))
        .await
        .expect(403);
    assert_eq!(city.count("SELECT COUNT(*) FROM identity_passkey", &[]).await, 0);
    // Nobody who has not signed in.
    let mut nobody = city.visitor();
    ask(&mut nobody, "/me/passkeys/options", &json!({}))
        .await
        .expect(401);
    // No more than twenty.
    her.sign_in("resident", city.password()).await.expect(303);
    for n in 0..20 {
        add(&mut her, &mut Authenticator::new(100 + n, ORIGIN), "")
            .await
            .expect(200);
    }
    ask(&mut her, "/me/passkeys/options", &json!({}))
        .await
        .expect(409);
}

async fn a_registration_that_is_not_right(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let changes: [fn(&mut Authenticator); 6] = [
        |a| a.origin = "https://localhost:8151".into(),
        |a| a.party = Some("example.com".into()),
        |a| a.verifies = false,
        |a| a.present = false,
        |a| a.cross_origin = true,
        |a| a.algorithm = -257,
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut a = Authenticator::new(n as u64, ORIGIN);
        change(&mut a);
        let answer = add(&mut her, &mut a, "").await.expect(422);
        assert!(answer.has("没有添加成功"), "{n}: {}", answer.text());
    }
    for wrong in [
        json!({}),
        json!({ "credential": {} }),
        json!({ "credential": "x" }),
        json!([]),
    ] {
        assert_eq!(ask(&mut her, "/me/passkeys", &wrong).await.status, 422, "{wrong}");
    }
    // The challenge of another person's page.
    let mut other = city.client("agent").await;
    let theirs = options(&mut other, "/me/passkeys/options").await;
    let credential = Authenticator::new(9, ORIGIN).create(&theirs).unwrap();
    ask(&mut her, "/me/passkeys", &json!({ "credential": credential }))
        .await
        .expect(422);
    assert_eq!(city.count("SELECT COUNT(*) FROM identity_passkey", &[]).await, 0);
    // A credential belongs to one account for ever.
    let mut phone = Authenticator::new(10, ORIGIN);
    add(&mut her, &mut phone, "").await.expect(200);
    let mut copy = Authenticator::new(10, ORIGIN);
    add(&mut other, &mut copy, "").await.expect(422);
}

async fn the_second_step(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    add(&mut her, &mut phone, "手机").await.expect(200);
    let codes = her.post_form("/me/security/recovery", &[]).await.expect(200);
    let code = codes.between("<ul class=\"codes num\"><li>", "</li>").unwrap();

    let mut c = city.visitor();
    let step = c
        .post_form(
            "/sign-in",
            &[
                ("login", "resident"),
                ("password", city.password()),
                ("next", "/matters"),
            ],
        )
        .await;
    assert_eq!(step.expect(303).location(), "/sign-in/code");
    assert!(!c.cookies.contains_key(kernel::http::SESSION));
    let page = c.get("/sign-in/code").await.expect(200);
    assert!(
        page.has("用通行密钥验证") && page.has("恢复码") && !page.has("验证器应用里"),
        "{}",
        page.text()
    );
    let o = options(&mut c, "/sign-in/passkey/step/options").await;
    assert_eq!(o["allowCredentials"].as_array().unwrap().len(), 1);
    let credential = phone.get(&o).unwrap();
    let mut thief = c.clone();
    let done = ask(
        &mut c,
        "/sign-in/passkey/step",
        &json!({ "credential": credential }),
    )
    .await
    .expect(200);
    assert_eq!(done.json(), json!({ "to": "/matters" }));
    c.get("/me").await.expect(200);
    assert_eq!(methods(&city).await, "pwd hwk user mfa");
    // The step is over, and so is the challenge.
    ask(
        &mut thief,
        "/sign-in/passkey/step",
        &json!({ "credential": credential }),
    )
    .await
    .expect(410);
    ask(&mut thief, "/sign-in/passkey/step/options", &json!({}))
        .await
        .expect(410);

    // Another's passkey is no second factor of hers, however right it is.
    let mut other = city.client("agent").await;
    let mut theirs = Authenticator::new(2, ORIGIN);
    add(&mut other, &mut theirs, "").await.expect(200);
    let mut c = city.visitor();
    c.sign_in("resident", city.password()).await.expect(303);
    let mut o = options(&mut c, "/sign-in/passkey/step/options").await;
    o["allowCredentials"] = json!([]);
    let credential = theirs.get(&o).unwrap();
    refused(
        ask(
            &mut c,
            "/sign-in/passkey/step",
            &json!({ "credential": credential }),
        )
        .await,
    );
    // A challenge for signing in alone does not serve here.
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let credential = phone.get(&o).unwrap();
    refused(
        ask(
            &mut c,
            "/sign-in/passkey/step",
            &json!({ "credential": credential }),
        )
        .await,
    );
    // A recovery code does, without the phone.
    c.post_form("/sign-in/code", &[("code", "000000")])
        .await
        .expect(401);
    c.post_form("/sign-in/code", &[("code", &code)]).await.expect(303);
    c.get("/me").await.expect(200);
    // Without the password there is no step.
    let mut nobody = city.visitor();
    ask(&mut nobody, "/sign-in/passkey/step/options", &json!({}))
        .await
        .expect(410);
}

async fn officials_are_done_with_one(db: Db) {
    let city = City::open(db, DAY).await;
    let mut clerk = city.client("clerk").await;
    let mut key = Authenticator::new(1, ORIGIN);
    add(&mut clerk, &mut key, "工作密钥").await.expect(200);
    let settings = Settings {
        second_factor: Some(SecondFactor::Officials),
        real_name: None,
    };
    identity::api::configure(&city.system(), settings);
    let mut c = city.visitor();
    enter(&mut c, &mut key).await.expect(200);
    c.get("/work").await.expect(200);
    // After a password it is the second step; no enrolment is asked for.
    let mut d = city.visitor();
    assert_eq!(
        d.sign_in("clerk", city.password()).await.expect(303).location(),
        "/sign-in/code"
    );
    // The last second factor of an official stays.
    let id = own(&city, "clerk").await;
    let removal = format!("/me/passkeys/{id}/removal");
    assert!(
        c.post_form(&removal, &[])
            .await
            .expect(409)
            .has("最后一种第二因素")
    );
    add(&mut c, &mut Authenticator::new(2, ORIGIN), "")
        .await
        .expect(200);
    c.post_form(&removal, &[]).await.expect(303);
    // What relies on sign-ins is told how it was done.
    let ctx = city.system();
    let methods: String = ctx
        .read("story.methods", |tx| {
            Ok(tx.scalar(
                "SELECT methods FROM identity_session WHERE methods LIKE 'hwk%'",
                &[],
            )?)
        })
        .await
        .map(Option::unwrap)
        .unwrap();
    assert_eq!(methods, "hwk user mfa");
}

async fn what_must_not_pass(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    add(&mut her, &mut phone, "").await.expect(200);
    let account = own(&city, "resident").await;
    let changes: [fn(&mut Authenticator); 8] = [
        |a| a.origin = "https://localhost.example.com".into(),
        |a| a.origin = "http://localhost".into(),
        |a| a.cross_origin = true,
        |a| a.party = Some("example.com".into()),
        |a| a.verifies = false,
        |a| a.present = false,
        |a| a.synced = true,
        |a| a.handle = Some(vec![1; 16]),
    ];
    let mut texts = std::collections::BTreeSet::new();
    for change in changes {
        let mut a = phone.clone();
        change(&mut a);
        let mut c = city.visitor();
        let answer = refused(enter(&mut c, &mut a).await).json();
        texts.insert(format!("{} {}", answer["title"], answer["detail"]));
        assert!(!c.cookies.contains_key(kernel::http::SESSION));
        // Each of them counts; this is not the story of the lock.
        city.execute("UPDATE identity_account SET failures = 0", &[])
            .await;
        assert_eq!(own(&city, "resident").await, account);
    }
    // An unknown one, one that does not parse, and one with another signature sound alike.
    let mut c = city.visitor();
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let mut stranger = Authenticator::new(7, ORIGIN);
    let creation = options(&mut her, "/me/passkeys/options").await;
    stranger.create(&creation).unwrap();
    let unknown = stranger.get(&o).unwrap();
    for credential in [
        unknown,
        json!({}),
        json!(null),
        json!({ "id": "x", "rawId": "x", "type": "public-key", "response": {} }),
    ] {
        let answer =
            refused(ask(&mut c, "/sign-in/passkey", &json!({ "credential": credential })).await).json();
        texts.insert(format!("{} {}", answer["title"], answer["detail"]));
    }
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let mut bent = phone.clone().get(&o).unwrap();
    bent["response"]["signature"] = unknown_signature();
    let answer = refused(ask(&mut c, "/sign-in/passkey", &json!({ "credential": bent })).await).json();
    texts.insert(format!("{} {}", answer["title"], answer["detail"]));
    assert_eq!(texts.len(), 1, "{texts:?}");
    // The phone itself still signs in, to this site only.
    let mut c = city.visitor();
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let credential = phone.get(&o).unwrap();
    let next = json!({ "credential": credential, "next": "//evil.example/" });
    assert_eq!(
        ask(&mut c, "/sign-in/passkey", &next).await.expect(200).json()["to"],
        "/me"
    );
    // A retired account has no key any more.
    city.execute(
        "UPDATE identity_account SET retired_at = 1 WHERE login = 'resident'",
        &[],
    )
    .await;
    refused(enter(&mut city.visitor(), &mut phone).await);
}

fn unknown_signature() -> Json {
    json!(webauthn::encode(&[0x30, 6, 2, 1, 1, 2, 1, 1]))
}

async fn challenges_are_for_one_browser_once_and_soon(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    add(&mut her, &mut phone, "").await.expect(200);
    // Replayed, even by the same browser.
    let mut c = city.visitor();
    let o = options(&mut c, "/sign-in/passkey/options").await;
    // Neither the challenge nor the cookie lies in the database in clear.
    let cookie = c.cookies["yw_passkey"].clone();
    let sql = "SELECT COUNT(*) FROM identity_ceremony WHERE challenge = $1 OR browser = $2";
    let challenge = o["challenge"].as_str().unwrap();
    assert_eq!(city.count(sql, params![challenge, cookie.as_str()]).await, 0);
    let body = json!({ "credential": phone.get(&o).unwrap() });
    let mut again = c.clone();
    ask(&mut c, "/sign-in/passkey", &body).await.expect(200);
    refused(ask(&mut again, "/sign-in/passkey", &body).await);
    assert_eq!(
        facts(&city, "identity.passkey.suspected").await,
        0,
        "a replay is no copy"
    );
    // By another browser, with a challenge of its own as well.
    let mut c = city.visitor();
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let body = json!({ "credential": phone.get(&o).unwrap() });
    let mut thief = city.visitor();
    refused(ask(&mut thief, "/sign-in/passkey", &body).await);
    options(&mut thief, "/sign-in/passkey/options").await;
    refused(ask(&mut thief, "/sign-in/passkey", &body).await);
    // In another's hands it was not used up.
    ask(&mut c, "/sign-in/passkey", &body).await.expect(200);
    // Two challenges of one page wait side by side; a refused one is used up.
    let mut c = city.visitor();
    let first = options(&mut c, "/sign-in/passkey/options").await;
    let second = options(&mut c, "/sign-in/passkey/options").await;
    let mut wrong = phone.clone();
    wrong.verifies = false;
    refused(
        ask(
            &mut c,
            "/sign-in/passkey",
            &json!({ "credential": wrong.get(&second).unwrap() }),
        )
        .await,
    );
    refused(
        ask(
            &mut c,
            "/sign-in/passkey",
            &json!({ "credential": phone.get(&second).unwrap() }),
        )
        .await,
    );
    ask(
        &mut c,
        "/sign-in/passkey",
        &json!({ "credential": phone.get(&first).unwrap() }),
    )
    .await
    .expect(200);
    // Sent twice at once, one passes.
    let mut c = city.visitor();
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let body = json!({ "credential": phone.get(&o).unwrap() });
    let mut d = c.clone();
    let (one, other) = tokio::join!(
        ask(&mut c, "/sign-in/passkey", &body),
        ask(&mut d, "/sign-in/passkey", &body)
    );
    let mut both = [one.status, other.status];
    both.sort();
    assert_eq!(both, [200, 401]);
    // Too late.
    let mut c = city.visitor();
    let o = options(&mut c, "/sign-in/passkey/options").await;
    let credential = phone.get(&o).unwrap();
    pass(&city, 5);
    refused(ask(&mut c, "/sign-in/passkey", &json!({ "credential": credential })).await);
    // What ran out is swept.
    options(&mut c, "/sign-in/passkey/options").await;
    assert_eq!(city.count("SELECT COUNT(*) FROM identity_ceremony", &[]).await, 1);
}

async fn a_copied_key(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    add(&mut her, &mut phone, "手机").await.expect(200);
    let mut copy = phone.clone();
    enter(&mut city.visitor(), &mut phone).await.expect(200);
    // The copy does not know of that sign-in.
    refused(enter(&mut city.visitor(), &mut copy).await);
    assert_eq!(facts(&city, "identity.passkey.suspected").await, 1);
    assert_eq!(told(&city, "passkey-suspected").await, 1);
    let page = her.get("/me/security").await.expect(200);
    assert!(page.has("疑似被复制"), "{}", page.text());
    // From now on neither passes, and the password alone is not enough either.
    refused(enter(&mut city.visitor(), &mut phone).await);
    refused(enter(&mut city.visitor(), &mut copy).await);
    assert_eq!(facts(&city, "identity.passkey.suspected").await, 1);
    let mut c = city.visitor();
    assert_eq!(
        c.sign_in("resident", city.password())
            .await
            .expect(303)
            .location(),
        "/sign-in/code"
    );
    ask(&mut c, "/sign-in/passkey/step/options", &json!({}))
        .await
        .expect(404);
    let page = c.get("/sign-in/code").await.expect(200);
    assert!(
        page.has("请输入一个恢复码") && !page.has("用通行密钥验证"),
        "{}",
        page.text()
    );
    // She removes it and adds another.
    let id = own(&city, "resident").await;
    her.post_form(&format!("/me/passkeys/{id}/removal"), &[])
        .await
        .expect(303);
    let mut fresh = Authenticator::new(3, ORIGIN);
    add(&mut her, &mut fresh, "").await.expect(200);
    enter(&mut city.visitor(), &mut fresh).await.expect(200);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn wrong_ones_lock(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    add(&mut her, &mut phone, "").await.expect(200);
    let mut wrong = phone.clone();
    wrong.verifies = false;
    for _ in 0..5 {
        refused(enter(&mut city.visitor(), &mut wrong).await);
    }
    // Whoever does not hold the key is told nothing of the lock; whoever does, is.
    refused(enter(&mut city.visitor(), &mut wrong).await);
    let locked = enter(&mut city.visitor(), &mut phone).await.expect(429);
    assert!(locked.has("暂时锁定"), "{}", locked.text());
    city.visitor()
        .sign_in("resident", city.password())
        .await
        .expect(429);
    pass(&city, 16);
    enter(&mut city.visitor(), &mut phone).await.expect(200);
    assert_eq!(
        city.count(
            "SELECT failures FROM identity_account WHERE login = 'resident'",
            &[]
        )
        .await,
        0
    );
    // In the second step too.
    let mut c = city.visitor();
    c.sign_in("resident", city.password()).await.expect(303);
    for _ in 0..5 {
        let o = options(&mut c, "/sign-in/passkey/step/options").await;
        let credential = wrong.get(&o).unwrap();
        refused(
            ask(
                &mut c,
                "/sign-in/passkey/step",
                &json!({ "credential": credential }),
            )
            .await,
        );
    }
    ask(&mut c, "/sign-in/passkey/step/options", &json!({}))
        .await
        .expect(429);
}

async fn removed_and_forgotten(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut phone = Authenticator::new(1, ORIGIN);
    add(&mut her, &mut phone, "").await.expect(200);
    her.post_form("/me/security/recovery", &[]).await.expect(200);
    let id = own(&city, "resident").await;
    let removal = format!("/me/passkeys/{id}/removal");
    pass(&city, 16);
    assert!(her.post_form(&removal, &[]).await.expect(403).has("重新登录"));
    enter(&mut her, &mut phone).await.expect(200);
    her.post_form(&removal, &[]).await.expect(303);
    her.post_form(&removal, &[]).await.expect(404);
    assert_eq!(facts(&city, "identity.passkey.removed").await, 1);
    refused(enter(&mut city.visitor(), &mut phone).await);
    // With the last one the codes went, and the password is enough again.
    assert_eq!(city.count("SELECT COUNT(*) FROM identity_recovery", &[]).await, 0);
    city.client("resident").await;

    // Lost with the phone: the operator takes it away and ends the sessions.
    let mut phone = Authenticator::new(2, ORIGIN);
    add(&mut her, &mut phone, "").await.expect(200);
    let n = identity::api::forget_factors(&city.system(), "resident")
        .await
        .unwrap();
    assert_eq!(n, 1);
    her.get("/me").await.expect(303);
    refused(enter(&mut city.visitor(), &mut phone).await);
    assert_eq!(facts(&city, "identity.passkey.removed").await, 2);
    city.client("resident").await;
    assert_eq!(city.altered().await, Vec::<String>::new());
    // A row that was changed by hand is found.
    city.execute("UPDATE identity_passkey SET removed_at = NULL", &[])
        .await;
    assert!(
        city.altered()
            .await
            .iter()
            .any(|f| f.contains("identity_passkey"))
    );
}

async fn from_other_sites(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let paths = [
        "/sign-in/passkey/options",
        "/sign-in/passkey",
        "/sign-in/passkey/step/options",
        "/sign-in/passkey/step",
        "/me/passkeys/options",
        "/me/passkeys",
        "/me/passkeys/x/name",
        "/me/passkeys/x/removal",
    ];
    for path in paths {
        for header in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
        ] {
            her.post_json(path, &[header], &json!({ "credential": {} }))
                .await
                .expect(403);
        }
        // Nor does anything happen by a link.
        her.send(Method::GET, path, &[], Vec::new()).await.expect(405);
    }
    // A form of another site cannot send JSON.
    her.post_form("/sign-in/passkey", &[("credential", "{}")])
        .await
        .expect(415);
    assert_eq!(city.count("SELECT COUNT(*) FROM identity_ceremony", &[]).await, 0);
}

async fn where_browsers_have_none(db: Db) {
    let place = stories::Place::new(db);
    let mut config = place.config();
    config.url = "http://192.0.2.1:8151".into();
    let city = City::start(place, config, DAY, None).await.unwrap();
    let mut her = city.client("resident").await;
    let page = city.visitor().get("/sign-in").await.expect(200);
    assert!(!page.has("通行密钥") && !page.has("webauthn"));
    assert!(!her.get("/me/security").await.expect(200).has("通行密钥"));
    let kind = [("accept", "application/json")];
    for path in ["/sign-in/passkey/options", "/me/passkeys/options"] {
        her.post_json(path, &kind, &json!({})).await.expect(409);
    }
}
