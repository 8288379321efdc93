//! One code for a person or a firm: shown by a page or by a phone without a network, read once, in a scene, seen by its holder.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use onecode::format;
use p256::ecdsa::SigningKey;
use serde_json::{Value as Json, json};
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    a_code_is_read_once,
    scenes_tell_what_they_may,
    a_phone_shows_it_offline,
    a_lost_phone_is_removed,
    a_firm_by_its_agent,
    readings_made_offline,
    forged_and_foreign_codes,
    signing_out_ends_the_page,
);

const DAY: &str = "2026-11-24";

fn seconds(city: &City) -> i64 {
    city.system().now() / 1000
}

fn pass(city: &City, by: i64) {
    let now = city.system().now();
    city.clock.set(now + by * 1000);
}

/// The code that the page shows now, as a scanner reads it.
async fn shown(who: &mut Client) -> String {
    let page = who.get("/me/code").await.expect(200);
    assert_eq!(page.header("refresh"), "30");
    assert!(page.has("<svg"));
    page.between("data-code=\"", "\"").unwrap()
}

async fn read(reader: &mut Client, code: &str, scene: &str) -> Answer {
    reader
        .post_form("/work/codes", &[("code", code), ("scene", scene)])
        .await
}

/// A phone with a key of its own.
struct Phone {
    key: SigningKey,
    certificate: Vec<u8>,
    device: String,
}

impl Phone {
    fn show(&self, city: &City, nonce: u8) -> String {
        format::show(&self.certificate, &self.key, seconds(city) as u32, [nonce; 8])
    }
}

async fn bind(who: &mut Client, byte: u8, kind: &str) -> Answer {
    let key = SigningKey::from_slice(&[byte; 32]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (
        B64.encode(&point.as_bytes()[1..33]),
        B64.encode(&point.as_bytes()[33..65]),
    );
    let body =
        json!({ "name": "我的手机", "kind": kind, "key": { "kty": "EC", "crv": "P-256", "x": x, "y": y } });
    who.accept = "application/json";
    let answer = who.post_json("/me/code/devices", &[], &body).await;
    who.accept = "text/html";
    answer
}

async fn phone(who: &mut Client, byte: u8, kind: &str) -> Phone {
    let bound = bind(who, byte, kind).await.expect(201).json();
    Phone {
        key: SigningKey::from_slice(&[byte; 32]).unwrap(),
        certificate: B64.decode(bound["certificate"].as_str().unwrap()).unwrap(),
        device: bound["device"].as_str().unwrap().into(),
    }
}

async fn a_code_is_read_once(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut clerk = city.client("clerk").await;
    let code = shown(&mut her).await;
    let page = read(&mut clerk, &code, "counter").await.expect(200);
    for words in ["通过", "演示居民甲", "320899198803121014", "19900000001", "R1"] {
        assert!(page.has(words), "{words}: {}", page.text());
    }
    // The same picture again, by whomever.
    let again = read(&mut clerk, &code, "counter").await.expect(409);
    assert!(again.has("这个码刚刚已经用过"));
    // A minute and a half later it is too old, wherever.
    let code = shown(&mut her).await;
    pass(&city, 91);
    assert!(
        read(&mut clerk, &code, "counter")
            .await
            .expect(422)
            .has("码已过期")
    );
    let code = shown(&mut her).await;
    pass(&city, 80);
    read(&mut clerk, &code, "counter").await.expect(200);
    // A picture for pages that fetch it.
    let picture = her.get("/me/code.svg").await.expect(200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    // She sees each reading: what was told, where, and the refused one.
    let list = her.get("/me/code/readings").await.expect(200);
    assert!(
        list.has("窗口办事") && list.has("公民身份号码") && list.has("重复出示，已拒绝"),
        "{}",
        list.text()
    );
    assert_eq!(city.count("SELECT COUNT(*) FROM onecode_scan", &[]).await, 3);
    assert!(her.get("/me/security").await.expect(200).has("窗口办事"));
    let mut other = city.client("agent").await;
    assert!(
        other
            .get("/me/code/readings")
            .await
            .expect(200)
            .has("还没有人读过您的码")
    );
    // Only those whose post it is.
    her.get("/work/codes").await.expect(403);
    read(&mut her, &code, "counter").await.expect(403);
    for text in ["", "hello", "YW1.", "YW1.AAAA", &code[..code.len() - 4]] {
        assert!(
            read(&mut clerk, text, "counter")
                .await
                .expect(422)
                .has("这不是个人码或企业码")
        );
    }
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn scenes_tell_what_they_may(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut clerk = city.client("clerk").await;
    let code = shown(&mut her).await;
    let page = read(&mut clerk, &code, "transport").await.expect(200);
    assert!(
        page.has("18 至 59 岁") && !page.has("演示居民甲") && !page.has("320899198803121014"),
        "{}",
        page.text()
    );
    let code = shown(&mut her).await;
    let page = read(&mut clerk, &code, "gate").await.expect(200);
    assert!(page.has("演****") || page.has("演***"), "{}", page.text());
    assert!(!page.has("320899198803121014"));
    // The clinic wants R2.
    let code = shown(&mut her).await;
    assert!(read(&mut clerk, &code, "clinic").await.expect(422).has("需要 R2"));
    her.post_form("/me/level/population", &[]).await.expect(303);
    let code = shown(&mut her).await;
    read(&mut clerk, &code, "clinic").await.expect(200);
    // A scene of other posts, and one that is none.
    let code = shown(&mut her).await;
    assert!(
        read(&mut clerk, &code, "inspection")
            .await
            .expect(403)
            .has("不能在这个场景读码")
    );
    assert!(
        read(&mut clerk, &code, "nonsense")
            .await
            .expect(422)
            .has("没有这个场景")
    );
    // She closes the gate to herself; the attempt is in her list.
    her.post_form("/me/code/scenes/gate", &[("closed", "1")])
        .await
        .expect(303);
    her.post_form("/me/code/scenes/counter", &[("closed", "1")])
        .await
        .expect(409);
    her.post_form("/me/code/scenes/nonsense", &[("closed", "1")])
        .await
        .expect(404);
    assert!(
        read(&mut clerk, &code, "gate")
            .await
            .expect(403)
            .has("没有开放这个场景")
    );
    assert!(
        her.get("/me/code/readings")
            .await
            .expect(200)
            .has("您已关闭，已拒绝")
    );
    her.post_form("/me/code/scenes/gate", &[]).await.expect(303);
    let code = shown(&mut her).await;
    read(&mut clerk, &code, "gate").await.expect(200);
    // By the API, in the reader's language.
    let mut program = city.program("clerk").await;
    let code = shown(&mut her).await;
    let told = program
        .post_json(
            "/api/v1/codes/check",
            &[],
            &json!({ "code": code, "scene": "transport" }),
        )
        .await
        .expect(200)
        .json();
    assert_eq!(
        (told["kind"].as_str(), told["elements"].as_array().map(Vec::len)),
        (Some("person"), Some(1))
    );
    let english = [("accept-language", "en")];
    let no = program
        .post_json(
            "/api/v1/codes/check",
            &english,
            &json!({ "code": code, "scene": "transport" }),
        )
        .await
        .expect(409);
    assert_eq!(no.header("content-type"), "application/problem+json");
    assert!(no.has("used just now"), "{}", no.text());
    city.program("resident")
        .await
        .post_json(
            "/api/v1/codes/check",
            &[],
            &json!({ "code": code, "scene": "transport" }),
        )
        .await
        .expect(403);
}

async fn a_phone_shows_it_offline(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut clerk = city.client("clerk").await;
    let phone = phone(&mut her, 5, "person").await;
    read(&mut clerk, &phone.show(&city, 1), "counter")
        .await
        .expect(200);
    // Within one second a phone may show two codes.
    read(&mut clerk, &phone.show(&city, 2), "counter")
        .await
        .expect(200);
    let list = her.get("/me/code/devices").await.expect(200);
    assert!(list.has("我的手机") && list.has("个人码"));
    // A reader without a network believes the issuer's key of the signed list.
    let jws = city
        .visitor()
        .get("/api/v1/codes/offline")
        .await
        .expect(200)
        .text();
    let list: Json = serde_json::from_slice(&B64.decode(jws.split('.').nth(1).unwrap()).unwrap()).unwrap();
    let key = &list["keys"][0];
    let point = [
        vec![4],
        B64.decode(key["x"].as_str().unwrap()).unwrap(),
        B64.decode(key["y"].as_str().unwrap()).unwrap(),
    ]
    .concat();
    let issuer = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
    assert_eq!(hex::encode(format::key_id(&issuer)), key["kid"].as_str().unwrap());
    let jwk = oidc::jwk::Jwk::p256(&point)
        .unwrap()
        .with_kid(key["kid"].as_str().unwrap());
    oidc::jose::Jws::parse(&jws)
        .unwrap()
        .verify(&oidc::jwk::Jwks::new([jwk]))
        .unwrap();
    let code = format::Code::read(&phone.show(&city, 3)).unwrap();
    code.check(&[issuer], seconds(&city) + 20).unwrap();
    assert_eq!(code.certificate.label, "演***");
    assert_eq!(
        list["expires_at"].as_i64().unwrap() - list["issued_at"].as_i64().unwrap(),
        86_400
    );
    // A month later the phone has to be bound anew.
    pass(&city, 31 * 86_400);
    let mut clerk = city.client("clerk").await;
    assert!(
        read(&mut clerk, &phone.show(&city, 4), "counter")
            .await
            .expect(422)
            .has("已到期")
    );
    // Ten at once, and nonsense for a key.
    let mut her = city.client("resident").await;
    for n in 10..20 {
        bind(&mut her, n, "person").await.expect(201);
    }
    bind(&mut her, 20, "person").await.expect(409);
    her.accept = "application/json";
    for body in [
        json!({ "kind": "person", "key": { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" } }),
        json!({ "kind": "person", "key": { "kty": "OKP", "crv": "Ed25519", "x": "AA", "y": "AA" } }),
        json!({ "kind": "robot", "key": { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" } }),
        json!({}),
    ] {
        her.post_json("/me/code/devices", &[], &body).await.expect(422);
    }
    let mut nobody = city.visitor();
    nobody.accept = "application/json";
    nobody
        .post_json("/me/code/devices", &[], &json!({}))
        .await
        .expect(401);
}

async fn a_lost_phone_is_removed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut clerk = city.client("clerk").await;
    let lost = phone(&mut her, 5, "person").await;
    let path = format!("/me/code/devices/{}/removal", lost.device);
    city.client("agent").await.post_form(&path, &[]).await.expect(404);
    her.post_form(&path, &[]).await.expect(303);
    her.post_form(&path, &[]).await.expect(404);
    assert!(
        read(&mut clerk, &lost.show(&city, 1), "counter")
            .await
            .expect(422)
            .has("已移除")
    );
    let jws = city
        .visitor()
        .get("/api/v1/codes/offline")
        .await
        .expect(200)
        .text();
    let list = String::from_utf8(B64.decode(jws.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert!(list.contains(&lost.device), "{list}");
    assert!(her.get("/me/code/devices").await.expect(200).has("已移除"));
    // Her other phone and the page go on.
    let other = phone(&mut her, 6, "person").await;
    read(&mut clerk, &other.show(&city, 2), "counter")
        .await
        .expect(200);
    let code = shown(&mut her).await;
    read(&mut clerk, &code, "counter").await.expect(200);
}

async fn a_firm_by_its_agent(db: Db) {
    let city = City::open(db, DAY).await;
    let mut agent = city.client("agent").await;
    let mut inspector = city.client("reviewer-cg").await;
    // For a firm only once one acts for it.
    let no = bind(&mut agent, 7, "firm").await.expect(409);
    assert!(no.has("请先选择代表的单位"));
    let page = agent.get("/me").await.expect(200).text();
    let firm = page
        .split("name=\"firm\" value=\"")
        .nth(2)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_string();
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    assert!(agent.get("/me/code").await.expect(200).has("企业码"));
    let phone = phone(&mut agent, 7, "firm").await;
    let told = read(&mut inspector, &phone.show(&city, 1), "inspection")
        .await
        .expect(200);
    for words in [
        "演示便民商贸有限公司",
        "91320899MA8YW00152",
        "演示经办人乙",
        "没有有效证照",
    ] {
        assert!(told.has(words), "{words}: {}", told.text());
    }
    let label = format::Code::read(&phone.show(&city, 2))
        .unwrap()
        .certificate
        .label;
    assert!(
        label.starts_with("演示便民商贸") && label.ends_with("·演***"),
        "{label}"
    );
    let mut clerk = city.client("clerk").await;
    assert!(
        read(&mut clerk, &phone.show(&city, 3), "clinic")
            .await
            .expect(422)
            .has("不读这种码")
    );
    // Both the firm and the agent see who read it.
    assert!(agent.get("/me/code/readings").await.expect(200).has("执法检查"));
    agent.post_form("/me/acting", &[("firm", "")]).await.expect(303);
    assert!(agent.get("/me/code/readings").await.expect(200).has("执法检查"));
    // Whoever no longer acts for it shows nothing.
    city.execute("UPDATE identity_power SET until_on = '2026-11-23'", &[])
        .await;
    assert!(
        read(&mut inspector, &phone.show(&city, 4), "inspection")
            .await
            .expect(422)
            .has("已不是这家单位的经办人")
    );
}

async fn readings_made_offline(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let phone = phone(&mut her, 5, "person").await;
    let at = seconds(&city);
    let code = phone.show(&city, 1);
    pass(&city, 3_600);
    let mut program = city.program("clerk").await;
    let upload = async |program: &mut Client, code: &str, scene: &str, at: i64| {
        let body = json!({ "scans": [{ "code": code, "scene": scene, "at": at }] });
        program
            .post_json("/api/v1/codes/scans", &[], &body)
            .await
            .expect(200)
            .json()
    };
    assert_eq!(
        upload(&mut program, &code, "gate", at).await,
        json!({ "taken": 1, "refused": [] })
    );
    // The same again changes nothing; another reader of the same code is a replay.
    assert_eq!(upload(&mut program, &code, "gate", at).await["taken"], 1);
    assert_eq!(city.count("SELECT COUNT(*) FROM onecode_scan", &[]).await, 1);
    let mut other = city.program("supervisor").await;
    upload(&mut other, &code, "gate", at + 5).await;
    let list = her.get("/me/code/readings").await.expect(200);
    assert!(
        list.has("without a network") || list.has("离线读取"),
        "{}",
        list.text()
    );
    assert!(list.has("重复出示，已拒绝"));
    // Times that cannot be, scenes that are not theirs, forged codes.
    for (code, scene, at) in [
        (code.as_str(), "gate", at + 600),
        (code.as_str(), "gate", at - 9 * 86_400),
        (code.as_str(), "inspection", at),
        (code.as_str(), "nonsense", at),
        ("YW1.AAAA", "gate", at),
    ] {
        let answer = upload(&mut program, code, scene, at).await;
        assert_eq!(
            (&answer["taken"], answer["refused"].as_array().map(Vec::len)),
            (&json!(0), Some(1)),
            "{scene} {at}"
        );
    }
    city.program("resident")
        .await
        .post_json("/api/v1/codes/scans", &[], &json!({ "scans": [] }))
        .await
        .expect(403);
}

async fn forged_and_foreign_codes(db: Db) {
    let city = City::open(db, DAY).await;
    let elsewhere = City::open(Db::Sqlite, DAY).await;
    let mut clerk = city.client("clerk").await;
    // A code of another city.
    let mut there = elsewhere.client("resident").await;
    let foreign = shown(&mut there).await;
    assert!(
        read(&mut clerk, &foreign, "counter")
            .await
            .expect(422)
            .has("不是本平台签发")
    );
    // A phone that signs for another's certificate, and a clock that runs ahead.
    let mut her = city.client("resident").await;
    let phone = phone(&mut her, 5, "person").await;
    let thief = SigningKey::from_slice(&[9; 32]).unwrap();
    let stolen = format::show(&phone.certificate, &thief, seconds(&city) as u32, [1; 8]);
    assert!(
        read(&mut clerk, &stolen, "counter")
            .await
            .expect(422)
            .has("签名不对")
    );
    let ahead = format::show(&phone.certificate, &phone.key, seconds(&city) as u32 + 40, [1; 8]);
    assert!(
        read(&mut clerk, &ahead, "counter")
            .await
            .expect(422)
            .has("时间在以后")
    );
    assert_eq!(city.count("SELECT COUNT(*) FROM onecode_scan", &[]).await, 0);
    // Another site cannot read for the clerk.
    let code = phone.show(&city, 2);
    let body = format!("code={code}&scene=counter").into_bytes();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "cross-site"),
    ];
    clerk
        .send(Method::POST, "/work/codes", &headers, body)
        .await
        .expect(403);
    read(&mut clerk, &code, "counter").await.expect(200);
}

async fn signing_out_ends_the_page(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut clerk = city.client("clerk").await;
    let photographed = shown(&mut her).await;
    let phone = phone(&mut her, 5, "person").await;
    her.post_form("/sign-out", &[]).await.expect(303);
    city.settle().await;
    assert!(
        read(&mut clerk, &photographed, "counter")
            .await
            .expect(422)
            .has("已移除")
    );
    // Her phone works on: that is what it is for.
    read(&mut clerk, &phone.show(&city, 1), "counter")
        .await
        .expect(200);
    assert!(
        her.get("/me/code")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    assert_eq!(city.altered().await, Vec::<String>::new());
}
