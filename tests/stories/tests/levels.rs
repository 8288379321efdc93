//! Real-name levels by an adapter that can see a person (R3).

use axum::http::Method;
use identity::{RealName, Settings};
use stories::host::{Host, signature};
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    a_face_check_raises_the_level,
    receipts_that_do_not_hold,
    nobody_answers
);

const DAY: &str = "2026-11-24";
const SECRET: &str = "a secret of the story";

fn connect(city: &City, host: &Host) {
    let settings = Settings {
        second_factor: None,
        real_name: Some(RealName {
            title: "演示人脸核验".into(),
            url: host.url.clone(),
            page: "https://face.example/check".into(),
            secret: SECRET.into(),
            days: 30,
        }),
    };
    identity::api::configure(&city.system(), settings);
}

fn pass(city: &City, seconds: i64) {
    let now = city.system().now();
    city.clock.set(now + seconds * 1000);
}

/// Asks for a check; its id.
async fn asked(her: &mut Client) -> String {
    let to = her.post_form("/me/level/check", &[]).await.expect(303);
    let id = to
        .location()
        .strip_prefix("https://face.example/check?id=")
        .unwrap();
    id.to_string()
}

async fn receipt(city: &City, secret: &str, later: i64, body: &str) -> Answer {
    let time = (city.system().now() / 1000 + later).to_string();
    let signed = signature(secret, &time, body);
    let headers = [
        ("content-type", "application/json"),
        ("x-yiwang-timestamp", time.as_str()),
        ("x-yiwang-signature", signed.as_str()),
    ];
    let mut adapter = city.visitor();
    adapter.accept = "application/json";
    adapter
        .send(Method::POST, "/identity/checks/receipts", &headers, body.into())
        .await
}

fn passed(id: &str) -> String {
    format!(r#"{{"id":"{id}","state":"passed","reference":"F-1"}}"#)
}

async fn a_face_check_raises_the_level(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    // Without an adapter there is no such way.
    assert!(!her.get("/me/level").await.expect(200).has("/me/level/check"));
    her.post_form("/me/level/check", &[]).await.expect(409);
    let host = Host::open(&[202]).await;
    connect(&city, &host);
    let page = her.get("/me/level").await.expect(200);
    assert!(page.has("演示人脸核验"));
    // A browser lets the form lead there and nowhere else.
    assert!(
        page.header("content-security-policy")
            .contains("form-action 'self' https://face.example;")
    );
    let id = asked(&mut her).await;
    let seen = host.seen();
    assert!(seen.len() == 1 && seen[0].signed_with(SECRET));
    let sent: serde_json::Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(
        (sent["id"].as_str(), sent["name"].as_str()),
        (Some(id.as_str()), Some("演示居民甲"))
    );
    assert!(her.get("/me/level").await.expect(200).has("核验还没有结果"));

    let done = receipt(&city, SECRET, 0, &passed(&id)).await.expect(200);
    assert_eq!(done.json()["changed"], true);
    let page = her.get("/me/level").await.expect(200);
    assert!(page.has("演示人脸核验 F-1") && !page.has("/me/level/check"));
    // Said twice it changes nothing; said otherwise neither.
    let failed = format!(r#"{{"id":"{id}","state":"failed"}}"#);
    assert_eq!(
        receipt(&city, SECRET, 0, &failed).await.expect(200).json()["changed"],
        false
    );
    // It holds for thirty days.
    city.day("2026-12-24");
    assert!(
        city.client("resident")
            .await
            .get("/me/level")
            .await
            .has("演示人脸核验 F-1")
    );
    city.day("2026-12-25");
    let late = city.client("resident").await.get("/me/level").await.expect(200);
    assert!(late.has("/me/level/check"));
    let altered = city.altered().await;
    assert!(altered.is_empty(), "{altered:?}");
}

async fn receipts_that_do_not_hold(db: Db) {
    let city = City::open(db, DAY).await;
    let host = Host::open(&[200]).await;
    connect(&city, &host);
    let mut her = city.client("resident").await;
    let id = asked(&mut her).await;
    receipt(&city, "another secret of theirs", 0, &passed(&id))
        .await
        .expect(401);
    receipt(&city, SECRET, -600, &passed(&id)).await.expect(401);
    receipt(&city, SECRET, 0, "{").await.expect(400);
    let odd = format!(r#"{{"id":"{id}","state":"perhaps"}}"#);
    receipt(&city, SECRET, 0, &odd).await.expect(400);
    let none = receipt(&city, SECRET, 0, &passed("00")).await.expect(200);
    assert_eq!(none.json()["changed"], false);
    // Too late.
    pass(&city, 901);
    assert_eq!(
        receipt(&city, SECRET, 0, &passed(&id)).await.expect(200).json()["changed"],
        false
    );
    assert!(her.get("/me/level").await.expect(200).has("上次核验没有完成"));
    // A failed check leaves the level as it was.
    let id = asked(&mut her).await;
    let failed = format!(r#"{{"id":"{id}","state":"failed"}}"#);
    receipt(&city, SECRET, 0, &failed).await.expect(200);
    let page = her.get("/me/level").await.expect(200);
    assert!(page.has("核验没有通过") && page.has("/me/level/check"));
}

async fn nobody_answers(db: Db) {
    let city = City::open(db, DAY).await;
    let host = Host::open(&[500]).await;
    connect(&city, &host);
    let mut her = city.client("resident").await;
    for _ in 0..5 {
        let told = her.post_form("/me/level/check", &[]).await.expect(503);
        assert!(told.has("核验机构暂时没有响应") && told.has("/me/level/check"));
    }
    assert!(
        her.post_form("/me/level/check", &[])
            .await
            .expect(429)
            .has("今天的核验次数太多")
    );
}
