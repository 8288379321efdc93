//! What every request passes: limits on guessing and scraping, headers, a session that ends while somebody types, text that
//! cannot be kept, languages, measures.

use axum::http::Method;
use kernel::rate::{Allowance, Rate};
use stories::matter::answers;
use stories::{City, Client, Db, Place, on_both};

on_both!(
    guessing_is_limited_over_accounts,
    looking_up_is_limited_from_outside,
    headers_over_tls,
    a_session_ends_in_mid_form,
    text_that_cannot_be_kept,
    languages_that_are_not_there,
    measures,
);

async fn forwarded(c: &mut Client, path: &str, from: &str) -> stories::Answer {
    c.send(Method::GET, path, &[("x-forwarded-for", from)], Vec::new())
        .await
}

async fn guessing_is_limited_over_accounts(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut c = city.visitor();
    // One try at each of many names never locks an account, so the address is counted.
    for n in 0..20 {
        c.sign_in(&format!("name-{n}"), "wrong").await.expect(401);
    }
    let refused = c.sign_in("name-20", "wrong").await.expect(429);
    assert!(refused.has("操作太频繁"), "{}", refused.text());
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    c.accept = "application/json";
    let problem = c.sign_in("name-21", "wrong").await.expect(429);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert!(!problem.header("retry-after").is_empty());
    c.accept = "text/html";
    // Pages stay open, and after the wait so is the door; good sign-ins cost nothing.
    c.get("/").await.expect(200);
    city.clock.set(stories::morning("2026-11-24") + 10 * 60_000);
    for _ in 0..25 {
        city.client("resident").await;
    }
}

async fn looking_up_is_limited_from_outside(db: Db) {
    let place = Place::new(db);
    let mut config = place.config();
    let few = Allowance {
        burst: 3,
        per_minute: 60,
    };
    config.edge.rates = vec![(Rate::Lookup, few)];
    let city = City::start(place, config, "2026-11-24", None).await.unwrap();
    let mut c = city.visitor();
    // The machine itself may ask as fast as it can.
    for _ in 0..10 {
        c.get("/search?q=x").await.expect(200);
    }
    for _ in 0..3 {
        forwarded(&mut c, "/search?q=x", "198.51.100.7").await.expect(200);
    }
    forwarded(&mut c, "/search?q=x", "198.51.100.7").await.expect(429);
    forwarded(&mut c, "/matters", "198.51.100.7").await.expect(200);
    let text = c.get("/metrics").await.expect(200).text().to_string();
    assert!(
        text.contains("yiwang_http_limited_total{rate=\"lookup\"} 1"),
        "{text}"
    );
}

async fn headers_over_tls(db: Db) {
    let place = Place::new(db);
    let mut config = place.config();
    config.url = "https://www.city.example".into();
    let city = City::start(place, config, "2026-11-24", None).await.unwrap();
    let mut c = city.visitor();
    let signed = c.sign_in("resident", city.password()).await.expect(303);
    let cookie = signed.header("set-cookie").to_string();
    assert!(cookie.starts_with("__Host-yw_session="), "{cookie}");
    for word in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let page = c.get("/me").await.expect(200);
    assert!(
        page.header("strict-transport-security")
            .starts_with("max-age=31536000")
    );
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert_eq!(page.header("cross-origin-resource-policy"), "same-origin");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    // A cookie of the plain name, which a neighbour could have set, opens nothing.
    let mut neighbour = city.visitor();
    let token = cookie.split(['=', ';']).nth(1).unwrap().to_string();
    neighbour.cookies.insert("yw_session".into(), token);
    neighbour.get("/me").await.expect(303);
    c.post_form("/sign-out", &[]).await.expect(303);
    c.get("/me").await.expect(303);
}

async fn a_session_ends_in_mid_form(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    let form = format!("/cases/{case}/form");
    let mut typed = answers();
    typed.push(("action", "save"));
    // Overnight the session is over; what she typed comes back on the page that says so.
    city.day("2026-11-25");
    let page = her.post_multipart(&form, &typed, &[]).await.expect(401);
    assert!(page.has("登录已过期，填写的内容都还在"), "{}", page.text());
    let text = page.text().replace("&#x2f;", "/");
    assert!(text.contains(&format!("action=\"{form}\"")), "{text}");
    for (name, value) in &typed {
        assert!(
            page.has(&format!("name=\"{name}\" value=\"{value}\"")),
            "{name} is kept"
        );
    }
    assert!(page.has("target=\"_blank\""));
    // In another window she signs in; then one press sends everything.
    her.sign_in("resident", city.password()).await.expect(303);
    her.post_multipart(&form, &typed, &[]).await.expect(303);
    assert!(her.get(&form).await.has(stories::matter::LOCATION));
    // A password is never kept on a page, and a page that was only asked for leads to the sign-in.
    let mut stranger = city.visitor();
    stranger.get("/me").await.expect(303);
    let secret = [("password", "x"), ("note", "y")];
    let refused = stranger.post_form("/me/acting", &secret).await.expect(303);
    assert!(refused.location().starts_with("/sign-in"));
}

async fn text_that_cannot_be_kept(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    let mut typed = answers();
    typed.retain(|(name, _)| *name != "location");
    typed.push(("location", "门前\u{0}人行道"));
    typed.push(("action", "save"));
    let form = format!("/cases/{case}/form");
    // What came along with a paste is left out of an answer; where it would be looked for, it is refused.
    her.post_multipart(&form, &typed, &[]).await.expect(303);
    assert!(her.get(&form).await.has("门前人行道"));
    city.visitor().get("/search?q=a%00b").await.expect(200);
    let refused = city.visitor().sign_in("a\u{0}b", "x").await;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    assert!(refused.has("无法保存的字符"), "{}", refused.text());
}

async fn languages_that_are_not_there(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut c = city.visitor();
    let page = c.get("/?lang=xx").await.expect(200);
    assert!(
        page.has("<html lang=\"zh-CN\""),
        "an unknown language is the city's own"
    );
    assert!(c.cookies.is_empty(), "and is not remembered");
    c.cookies.insert("yw_locale".into(), "../../etc".into());
    assert!(c.get("/").await.expect(200).has("<html lang=\"zh-CN\""));
    c.cookies.clear();
    assert!(c.get("/?lang=en").await.expect(200).has("<html lang=\"en\""));
    assert!(
        c.get("/").await.expect(200).has("<html lang=\"en\""),
        "a known one is"
    );
}

async fn measures(db: Db) {
    let place = Place::new(db);
    let mut config = place.config();
    config.edge.metrics_token = Some("a-token-of-the-operator".into());
    let city = City::start(place, config, "2026-11-24", None).await.unwrap();
    let mut her = city.client("resident").await;
    her.apply().await;
    city.settle().await;
    let text = her.get("/metrics").await.expect(200);
    assert!(
        text.header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = text.text().to_string();
    let facts = city.count("SELECT MAX(seq) FROM kernel_fact", &[]).await;
    for line in [
        "yiwang_http_requests_total{route=\"/cases/{id}/form\",method=\"POST\",status=\"3xx\"} 1".to_string(),
        "yiwang_storage_up 1".into(),
        format!("yiwang_facts_total {facts}"),
        "yiwang_jobs{state=\"done\"}".into(),
        "yiwang_http_request_seconds_bucket{le=\"0.05\",kind=\"page\"}".into(),
        "yiwang_http_running 1".into(),
        "yiwang_resident_memory_bytes ".into(),
        "yiwang_disk_free_bytes ".into(),
        format!("yiwang_build{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    let lags: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("yiwang_consumer_lag{"))
        .collect();
    assert!(
        !lags.is_empty() && lags.iter().all(|l| l.ends_with("} 0")),
        "{lags:?}"
    );
    // Nobody is named, and nobody outside reads it without the token.
    assert!(!text.contains("resident\"") && !text.contains("320899"));
    forwarded(&mut her, "/metrics", "198.51.100.7").await.expect(404);
    let with = |token: &'static str| {
        let mut c = city.visitor();
        async move {
            let headers = [("x-forwarded-for", "198.51.100.7"), ("authorization", token)];
            c.send(Method::GET, "/metrics", &headers, Vec::new()).await.status
        }
    };
    assert_eq!(with("Bearer a-token-of-the-operator").await, 200);
    assert_eq!(with("Bearer another").await, 404);
    // Ready, until the process is asked to end.
    let ready = her.get("/readyz").await.expect(200).json();
    assert_eq!(
        (&ready["ready"], &ready["behind"], &ready["failed_jobs"]),
        (&true.into(), &0.into(), &0.into())
    );
    city.app
        .stopping
        .store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(her.get("/readyz").await.expect(503).json()["why"], "stopping");
    her.get("/healthz").await.expect(200);
}
