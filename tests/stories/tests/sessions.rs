//! Signing in and out: lock-out, cookies, rotation, cross-site writes, redirects, tokens.

use axum::http::Method;
use kernel::http::SESSION;
use stories::{Answer, City, Db, Place, on_both};

on_both!(
    five_wrong_passwords,
    cookies_and_rotation,
    sign_out_everywhere,
    other_sites,
    bearer_tokens,
);

/// The page's own words, without what differs from request to request.
fn words(a: &Answer, login: &str) -> String {
    a.text().replace(a.header("x-request-id"), "").replace(login, "")
}

async fn five_wrong_passwords(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut c = city.visitor();
    let nobody = c.sign_in("nobody-here", "wrong").await.expect(401);
    for n in 1..=5 {
        let refused = c.sign_in("resident", "wrong").await.expect(401);
        assert!(refused.has("账号或密码不对"));
        assert_eq!(
            words(&refused, "resident"),
            words(&nobody, "nobody-here"),
            "attempt {n} tells nothing"
        );
        assert!(c.cookies.is_empty());
    }
    // Now even the right password waits, and the page says how long.
    let locked = c.sign_in("resident", city.password()).await.expect(429);
    assert!(locked.has("请 15 分钟后再试"), "{}", locked.text());
    c.accept = "application/json";
    let problem = c.sign_in("resident", city.password()).await.expect(429);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    c.accept = "text/html";
    let start = stories::morning("2026-11-24");
    city.clock.set(start + 11 * 60_000);
    assert!(
        c.sign_in("resident", city.password())
            .await
            .expect(429)
            .has("分钟后再试")
    );
    // Others are not locked, and after a quarter of an hour neither is she.
    city.client("agent").await;
    city.clock.set(start + 16 * 60_000);
    city.client("resident").await;
    // A success in between begins the count anew.
    for _ in 0..3 {
        for _ in 0..4 {
            c.sign_in("resident", "wrong").await.expect(401);
        }
        city.client("resident").await;
    }
    for (login, password) in [("", ""), ("resident", ""), ("", "x")] {
        c.sign_in(login, password).await.expect(401);
    }
}

async fn cookies_and_rotation(db: Db) {
    let place = Place::new(db);
    let mut config = place.config();
    config.url = "https://yiwang.example".into();
    let city = City::start(place, config, "2026-11-24", None).await.unwrap();
    let mut agent = city.visitor();
    let answer = agent.sign_in(" Agent ", city.password()).await.expect(303);
    let cookie = answer.header("set-cookie").to_string();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let stored = "SELECT COUNT(*) FROM identity_session WHERE token = $1";
    assert_eq!(
        city.count(stored, &[agent.session().into()]).await,
        0,
        "only its digest is stored"
    );
    // Acting for a firm changes the rights, so the token changes and the old one is dead.
    let page = agent.get("/me").await.expect(200);
    // The first choice is herself, with an empty value.
    let firms = page
        .text()
        .split("name=\"firm\" value=\"")
        .nth(2)
        .map(String::from);
    let firm = firms
        .and_then(|rest| rest.split('"').next().map(String::from))
        .expect("a firm to act for");
    let before = agent.clone();
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    assert_ne!(before.session(), agent.session());
    assert!(agent.get("/me").await.expect(200).has("演示便民商贸有限公司"));
    let mut old = before.clone();
    let gone = old.get("/me").await.expect(303);
    assert!(gone.location().starts_with("/sign-in"));
    let mut stranger = before.clone();
    assert_eq!(
        stranger.post_form("/me/acting", &[("firm", "")]).await.status,
        303
    );
    assert!(!stranger.cookies.contains_key(SESSION) || stranger.session() == before.session());
    // Nobody acts for a firm that has not named them.
    let mut resident = city.client("resident").await;
    let refused = resident
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(403);
    assert!(refused.has("您不是这家单位的经办人"));
    resident.get("/me").await.expect(200);
    // Two sign-ins never share a token; after twelve hours a session has ended.
    assert_ne!(city.client("resident").await.session(), resident.session());
    city.clock.set(stories::morning("2026-11-24") + 13 * 3_600_000);
    assert!(
        resident
            .get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
}

async fn sign_out_everywhere(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut laptop = city.client("resident").await;
    let mut phone = city.client("resident").await;
    let mut program = city.program("resident").await;
    let mut other = city.program("agent").await;
    program.get("/api/v1/cases").await.expect(200);
    // One sign-out ends one session, also for whoever kept its cookie.
    let mut third = city.client("resident").await;
    let mut copy = third.clone();
    third.post_form("/sign-out", &[]).await.expect(303);
    assert!(!third.cookies.contains_key(SESSION));
    copy.get("/me").await.expect(303);
    phone.get("/me").await.expect(200);
    laptop.post_form("/me/sessions/removal", &[]).await.expect(303);
    phone.get("/me").await.expect(303);
    laptop.get("/me").await.expect(303);
    program.get("/api/v1/cases").await.expect(401);
    other.get("/api/v1/cases").await.expect(200);
    city.client("resident").await.get("/me").await.expect(200);
}

async fn other_sites(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    let withdraw = format!("/cases/{case}/withdrawal");
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:8151.evil.example"),
    ];
    for header in foreign {
        let refused = her
            .send(Method::POST, &withdraw, &[header], Vec::new())
            .await
            .expect(403);
        assert!(refused.has("不是从本网站发出的"));
        // Nor is anybody signed in from elsewhere.
        let body = format!("login=resident&password={}", city.password()).into_bytes();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let mut visitor = city.visitor();
        visitor
            .send(Method::POST, "/sign-in", &[kind, header], body)
            .await
            .expect(403);
        assert!(visitor.cookies.is_empty());
    }
    assert_eq!(city.state(&case).await, "submitted");
    for header in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "http://localhost:8151"),
    ] {
        let (mine, _) = her.apply().await;
        let path = format!("/cases/{mine}/withdrawal");
        her.send(Method::POST, &path, &[header], Vec::new())
            .await
            .expect(303);
    }

    // After signing in one stays on this site.
    let elsewhere = [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\r\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
    ];
    for next in elsewhere {
        let fields = [
            ("login", "resident"),
            ("password", city.password()),
            ("next", next),
        ];
        let answer = city.visitor().post_form("/sign-in", &fields).await.expect(303);
        assert_eq!(answer.location(), "/me", "{next:?}");
        let page = city
            .visitor()
            .get(&format!("/sign-in?next={}", kernel::http::percent(next)))
            .await;
        assert_eq!(page.hidden("next").unwrap_or_default(), "", "{next:?}");
    }
    let fields = [
        ("login", "resident"),
        ("password", city.password()),
        ("next", "/matters"),
    ];
    assert_eq!(
        city.visitor().post_form("/sign-in", &fields).await.location(),
        "/matters"
    );
    // A page that needs a person leads back to itself.
    let asked = city.visitor().get(&format!("/cases/{case}")).await.expect(303);
    assert_eq!(asked.location(), format!("/sign-in?next=/cases/{case}"));
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(her.get("/me").await.header(name), value);
    }
    assert!(
        her.get("/")
            .await
            .header("content-security-policy")
            .contains("script-src 'self';")
    );
}

async fn bearer_tokens(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut program = city.program("resident").await;
    program.get("/api/v1/cases").await.expect(200);
    // A token is for programs: it opens no page as a cookie, and a cookie is no token.
    let token = program.bearer.clone().unwrap();
    let mut browser = city.visitor();
    browser.cookies.insert(SESSION.into(), token.clone());
    browser.get("/me").await.expect(303);
    let mut wrong = city.visitor();
    for bad in [
        "nonsense",
        "yw_0000",
        &format!("{token}0"),
        "",
        &city.client("resident").await.session(),
    ] {
        wrong.bearer = Some(bad.to_string());
        for path in ["/api/v1/cases", "/api/v1/matters"] {
            let refused = wrong.get(path).await.expect(401);
            assert_eq!(refused.header("content-type"), "application/problem+json");
            let problem = refused.json();
            assert_eq!(problem["status"], 401);
            assert!(
                problem["type"]
                    .as_str()
                    .unwrap()
                    .ends_with("/problems/kernel-bad-token")
            );
            assert!(!refused.has(bad) || bad.is_empty(), "the token is not repeated");
        }
    }
    // Thirty days, then it has ended.
    city.day("2026-12-25");
    program.get("/api/v1/cases").await.expect(401);
}
