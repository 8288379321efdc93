//! Other systems sign people in through the city: consent, tokens, levels, signing out, and every way in which that is abused.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kernel::params;
use serde_json::{Value as Json, json};
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    a_person_signs_in_to_a_system,
    consent_is_asked_and_taken_back,
    prompts_and_ages,
    levels_are_raised,
    codes_are_used_once,
    refresh_tokens_rotate,
    a_system_acts_for_itself,
    requests_may_be_pushed,
    assertions_are_taken_once,
    signing_out,
    systems_are_told_of_the_end,
    systems_are_registered,
    keys_rotate,
    wrong_requests_go_nowhere,
    other_sites_and_browsers,
    for_a_firm_and_in_office,
    a_passkey_leads_on,
);

const DAY: &str = "2026-11-24";
const CALLBACK: &str = "http://localhost:9000/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// S256 of the verifier (RFC 7636, appendix B).
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A registered system.
struct System {
    id: String,
    secret: String,
}

impl System {
    fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.id, self.secret))
        )
    }
    /// The address to which it sends a browser.
    fn request(&self, more: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("client_id", self.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("state", "s t&1"),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            all.retain(|(n, _)| n != name);
            if !value.is_empty() {
                all.push((name, value));
            }
        }
        format!("/openid/authorize?{}", form(&all))
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let part = |t: &str| kernel::http::percent(t).replace('/', "%2F");
    let all: Vec<String> = fields
        .iter()
        .map(|(k, v)| format!("{}={}", part(k), part(v)))
        .collect();
    all.join("&")
}

/// Registers a system as the administrator does, with these fields instead of the usual ones.
async fn register(city: &City, more: &[(&str, &str)]) -> System {
    let mut admin = city.client("admin").await;
    let mut fields = vec![
        ("client_name", "演示停车系统"),
        ("operator", "演示城市停车公司"),
        ("redirect_uris", CALLBACK),
        ("post_logout_redirect_uris", "http://localhost:9000/bye"),
        (
            "scope",
            "openid profile phone citizen_number firm post offline_access",
        ),
        ("token_endpoint_auth_method", "client_secret_basic"),
        ("authorization_code", "1"),
        ("refresh_token", "1"),
    ];
    for (name, value) in more {
        fields.retain(|(n, _)| n != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    let page = admin.post_form("/developers/clients", &fields).await.expect(200);
    let code = |name: &str| page.between(&format!("<dt>{name}</dt><dd><code>"), "</code>");
    System {
        id: code("client_id").unwrap(),
        secret: code("client_secret").unwrap_or_default(),
    }
}

/// The parameters of an address.
fn params_of(location: &str) -> std::collections::BTreeMap<String, String> {
    let query = location.split_once('?').map_or("", |p| p.1);
    let decoded = |t: &str| {
        let mut bytes = Vec::new();
        let mut rest = t.bytes();
        while let Some(b) = rest.next() {
            bytes.push(match b {
                b'+' => b' ',
                b'%' => {
                    let hex = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
                }
                b => b,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    query
        .split('&')
        .filter_map(|p| p.split_once('='))
        .map(|(k, v)| (decoded(k), decoded(v)))
        .collect()
}

/// Goes on until the browser is sent to the system, consenting on the way; returns the address.
async fn go(browser: &mut Client, address: &str) -> String {
    let mut to = address.to_string();
    for _ in 0..6 {
        let answer = browser.get(&to).await;
        if answer.status == 200 {
            assert!(answer.has("value=\"allow\""), "{}", answer.text());
            let said = browser.post_form(&to, &[("word", "allow")]).await.expect(303);
            to = said.location().to_string();
        } else {
            to = answer.expect(303).location().to_string();
        }
        if !to.starts_with('/') {
            return to;
        }
    }
    panic!("{to} leads nowhere");
}

async fn code(browser: &mut Client, address: &str) -> String {
    let to = go(browser, address).await;
    let p = params_of(&to);
    assert!(to.starts_with(CALLBACK), "{to}");
    assert_eq!(
        (p["state"].as_str(), p["iss"].as_str()),
        ("s t&1", "http://localhost:8151")
    );
    p["code"].clone()
}

/// A call of the system itself, which has no cookies.
async fn call(city: &City, path: &str, authorization: &str, fields: &[(&str, &str)]) -> Answer {
    let mut c = city.visitor();
    c.accept = "application/json";
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    if !authorization.is_empty() {
        headers.push(("authorization", authorization));
    }
    let answer = c
        .send(Method::POST, path, &headers, form(fields).into_bytes())
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    answer
}

async fn exchange(city: &City, system: &System, code: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    call(city, "/openid/token", &system.basic(), &fields).await
}

async fn userinfo(city: &City, access: &str) -> Answer {
    let mut c = city.visitor();
    c.accept = "application/json";
    let bearer = format!("Bearer {access}");
    c.send(
        Method::GET,
        "/openid/userinfo",
        &[("authorization", &bearer)],
        Vec::new(),
    )
    .await
}

async fn introspect(city: &City, system: &System, token: &str) -> Json {
    call(city, "/openid/introspect", &system.basic(), &[("token", token)])
        .await
        .expect(200)
        .json()
}

/// The claims of a token, its signature checked against the published keys.
async fn claims(city: &City, token: &str) -> Json {
    let keys = city.visitor().get("/openid/keys").await.expect(200).json();
    let keys = oidc::jwk::Jwks::from_json(&keys).unwrap();
    let jws = oidc::jose::Jws::parse(token).unwrap();
    serde_json::from_slice(jws.verify(&keys).unwrap()).unwrap()
}

fn text<'j>(json: &'j Json, name: &str) -> &'j str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}"))
}

fn pass(city: &City, seconds: i64) {
    let now = city.system().now();
    city.clock.set(now + seconds * 1000);
}

async fn a_person_signs_in_to_a_system(db: Db) {
    let city = City::open(db, DAY).await;
    let about = city
        .visitor()
        .get("/.well-known/openid-configuration")
        .await
        .expect(200)
        .json();
    assert_eq!(about["issuer"], "http://localhost:8151");
    assert_eq!(about["code_challenge_methods_supported"], json!(["S256"]));
    let system = register(&city, &[]).await;
    // Nobody has signed in yet: the browser goes through the sign-in and comes back.
    let mut her = city.visitor();
    let to = her
        .get(&system.request(&[("login_hint", "resident")]))
        .await
        .expect(303);
    let waiting = to.location().to_string();
    assert!(waiting.starts_with("/openid/requests/"), "{waiting}");
    let sign_in = her.get(&waiting).await.expect(303);
    assert!(
        sign_in.location().starts_with("/sign-in?next=/openid/requests/"),
        "{}",
        sign_in.location()
    );
    let page = her.get(sign_in.location()).await.expect(200);
    // The form of the sign-in may lead back to the system, and to nobody else.
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' http://localhost:9000;"),
        "{policy}"
    );
    assert_eq!(
        page.hidden("next").map(|n| n.replace("&#x2f;", "/")).as_deref(),
        Some(waiting.as_str())
    );
    let fields = [
        ("login", "resident"),
        ("password", city.password()),
        ("next", &waiting),
    ];
    assert_eq!(
        her.post_form("/sign-in", &fields).await.expect(303).location(),
        waiting
    );
    let consent = her.get(&waiting).await.expect(200);
    for words in [
        "登录“演示停车系统”",
        "演示城市停车公司",
        "http:&#x2f;&#x2f;localhost:9000",
        "姓名",
        "实名等级",
    ] {
        assert!(consent.has(words), "{words}: {}", consent.text());
    }
    assert!(!consent.has("手机号码"), "only what was asked for");
    let code = code(&mut her, &waiting).await;
    let tokens = exchange(&city, &system, &code).await.expect(200).json();
    assert_eq!(
        (text(&tokens, "token_type"), tokens["expires_in"].as_i64()),
        ("Bearer", Some(600))
    );
    assert_eq!(tokens.get("refresh_token"), None, "only with offline_access");
    let id = claims(&city, text(&tokens, "id_token")).await;
    assert_eq!(
        (text(&id, "iss"), text(&id, "aud"), text(&id, "nonce")),
        ("http://localhost:8151", system.id.as_str(), "n-1")
    );
    assert_eq!(
        (text(&id, "acr"), &id["amr"]),
        ("urn:yiwang:acr:r1", &json!(["pwd"]))
    );
    let told = userinfo(&city, text(&tokens, "access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (text(&told, "sub"), text(&told, "name")),
        (text(&id, "sub"), "演示居民甲")
    );
    assert_eq!(told.get("phone_number"), None);
    let seen = introspect(&city, &system, text(&tokens, "access_token")).await;
    assert_eq!(
        (&seen["active"], text(&seen, "scope")),
        (&json!(true), "openid profile")
    );
    // She sees who read what.
    let looked = her.get("/me/security").await.expect(200);
    assert!(looked.has("openid: 演示停车系统"), "{}", looked.text());
    // The second time there is no question.
    let again = her.get(&system.request(&[])).await.expect(303);
    assert!(again.location().starts_with(CALLBACK), "{}", again.location());
    // Ten minutes later the token is over.
    pass(&city, 601);
    assert_eq!(
        introspect(&city, &system, text(&tokens, "access_token")).await,
        json!({ "active": false })
    );
    let over = userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    assert!(
        over.header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    assert_eq!(city.altered().await, Vec::<String>::new());
    // No token lies in the database in clear.
    let sql = "SELECT COUNT(*) FROM openid_token WHERE digest = $1";
    assert_eq!(city.count(sql, params![text(&tokens, "access_token")]).await, 0);
}

async fn consent_is_asked_and_taken_back(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    // No: the system learns that she said no, and nothing else.
    let waiting = her
        .get(&system.request(&[]))
        .await
        .expect(303)
        .location()
        .to_string();
    let no = her.post_form(&waiting, &[("word", "deny")]).await.expect(303);
    assert_eq!(params_of(no.location())["error"], "access_denied");
    her.get(&waiting).await.expect(404);
    let all = "openid profile phone citizen_number offline_access";
    let first = code(&mut her, &system.request(&[("scope", all)])).await;
    let tokens = exchange(&city, &system, &first).await.expect(200).json();
    let told = userinfo(&city, text(&tokens, "access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (text(&told, "phone_number"), text(&told, "citizen_number")),
        ("+8619900000001", "320899198803121014")
    );
    // Fewer elements need no new question; more do.
    assert!(
        her.get(&system.request(&[]))
            .await
            .expect(303)
            .location()
            .starts_with(CALLBACK)
    );
    let more = her
        .get(&system.request(&[("scope", "openid firm")]))
        .await
        .expect(303);
    assert!(more.location().starts_with("/openid/requests/"));
    // What the claims parameter asks for is asked of her too, and is told only then.
    let wish = json!({ "userinfo": { "phone_number": null }, "id_token": { "name": { "essential": true } } })
        .to_string();
    let by_claims = code(
        &mut her,
        &system.request(&[("scope", "openid"), ("claims", &wish)]),
    )
    .await;
    let few = exchange(&city, &system, &by_claims).await.expect(200).json();
    assert_eq!(
        text(&claims(&city, text(&few, "id_token")).await, "name"),
        "演示居民甲"
    );
    let told = userinfo(&city, text(&few, "access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (told.get("phone_number").is_some(), told.get("citizen_number")),
        (true, None)
    );
    // She takes it back: tokens are void at once, and the next sign-in asks again.
    let list = her.get("/me/systems").await.expect(200);
    assert!(list.has("演示停车系统") && list.has("公民身份号码") && list.has("离线可用"));
    let mut other = city.client("agent").await;
    assert!(
        other
            .get("/me/systems")
            .await
            .expect(200)
            .has("还没有用本账号登录过其他系统")
    );
    other
        .post_form(&format!("/me/systems/{}/withdrawal", system.id), &[])
        .await
        .expect(404);
    her.post_form(&format!("/me/systems/{}/withdrawal", system.id), &[])
        .await
        .expect(303);
    userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&tokens, "refresh_token")),
    ];
    call(&city, "/openid/token", &system.basic(), &refresh)
        .await
        .expect(400);
    let asked = her.get(&system.request(&[])).await.expect(303);
    assert!(asked.location().starts_with("/openid/requests/"));
}

async fn prompts_and_ages(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let error = |a: &Answer| params_of(a.location())["error"].clone();
    let mut nobody = city.visitor();
    let silent = nobody
        .get(&system.request(&[("prompt", "none")]))
        .await
        .expect(303);
    assert_eq!(error(&silent), "login_required");
    let mut her = city.client("resident").await;
    let silent = her.get(&system.request(&[("prompt", "none")])).await.expect(303);
    assert_eq!(error(&silent), "consent_required");
    code(&mut her, &system.request(&[])).await;
    let silent = her.get(&system.request(&[("prompt", "none")])).await.expect(303);
    assert!(silent.location().contains("code="));
    // Signing in anew, and an age that has passed.
    pass(&city, 120);
    for more in [("prompt", "login"), ("max_age", "60"), ("max_age", "0")] {
        let waiting = her
            .get(&system.request(&[more]))
            .await
            .expect(303)
            .location()
            .to_string();
        let asked = her.get(&waiting).await.expect(303);
        assert!(asked.location().starts_with("/sign-in"), "{more:?}");
        her.sign_in("resident", city.password()).await.expect(303);
        let code = code(&mut her, &waiting).await;
        let tokens = exchange(&city, &system, &code).await.expect(200).json();
        let auth = claims(&city, text(&tokens, "id_token")).await["auth_time"]
            .as_i64()
            .unwrap();
        assert!(city.system().now() / 1000 - auth < 5);
        pass(&city, 120);
    }
    assert!(
        her.get(&system.request(&[("max_age", "600")]))
            .await
            .expect(303)
            .location()
            .starts_with(CALLBACK)
    );
    let silent = her
        .get(&system.request(&[("max_age", "60"), ("prompt", "none")]))
        .await
        .expect(303);
    assert_eq!(error(&silent), "login_required");
    // Choosing the account, and being asked again.
    let waiting = her
        .get(&system.request(&[("prompt", "select_account")]))
        .await
        .expect(303)
        .location()
        .to_string();
    assert!(her.get(&waiting).await.expect(200).has("用演示居民甲继续"));
    let stayed = her.post_form(&waiting, &[("word", "stay")]).await.expect(303);
    assert!(stayed.location().starts_with(CALLBACK));
    let waiting = her
        .get(&system.request(&[("prompt", "consent")]))
        .await
        .expect(303)
        .location()
        .to_string();
    assert!(her.get(&waiting).await.expect(200).has("同意并登录"));
    // A hint of ours names the person; another one is signed in.
    let first = code(&mut her, &system.request(&[])).await;
    let tokens = exchange(&city, &system, &first).await.expect(200).json();
    let hint = text(&tokens, "id_token");
    let mut other = city.client("agent").await;
    let wrong = other
        .get(&system.request(&[("id_token_hint", hint), ("prompt", "none")]))
        .await
        .expect(303);
    assert_eq!(error(&wrong), "login_required");
    let forged = format!("{}x", &hint[..hint.len() - 1]);
    let wrong = her
        .get(&system.request(&[("id_token_hint", &forged)]))
        .await
        .expect(303);
    assert_eq!(error(&wrong), "invalid_request");
}

async fn levels_are_raised(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    assert!(her.get("/me/level").await.expect(200).has("与人口库比对"));
    let claims_wish =
        json!({ "id_token": { "acr": { "essential": true, "values": ["urn:yiwang:acr:r2"] } } }).to_string();
    let waiting = her
        .get(&system.request(&[("claims", &claims_wish)]))
        .await
        .expect(303)
        .location()
        .to_string();
    let page = her.get(&waiting).await.expect(200);
    assert!(
        page.has("要求实名等级 R2") && !page.has("以现在的等级继续"),
        "{}",
        page.text()
    );
    let silent = her
        .get(&system.request(&[("claims", &claims_wish), ("prompt", "none")]))
        .await
        .expect(303);
    assert_eq!(params_of(silent.location())["error"], "interaction_required");
    // The population library knows her, so she comes back with R2.
    let raised = her
        .post_form("/me/level/population", &[("next", &waiting)])
        .await
        .expect(303);
    assert_eq!(raised.location(), waiting);
    let code_ = code(&mut her, &waiting).await;
    let tokens = exchange(&city, &system, &code_).await.expect(200).json();
    assert_eq!(
        text(&claims(&city, text(&tokens, "id_token")).await, "acr"),
        "urn:yiwang:acr:r2"
    );
    assert!(her.get("/me/level").await.expect(200).has("人口基础信息"));
    // A level that is only wished for may be done without.
    let voluntary = [("acr_values", "urn:yiwang:acr:r4 urn:other")];
    let waiting = her
        .get(&system.request(&voluntary))
        .await
        .expect(303)
        .location()
        .to_string();
    assert!(her.get(&waiting).await.expect(200).has("以现在的等级继续"));
    let on = her.post_form(&waiting, &[("word", "without")]).await.expect(303);
    let tokens = exchange(&city, &system, &params_of(on.location())["code"])
        .await
        .expect(200)
        .json();
    assert_eq!(
        text(&claims(&city, text(&tokens, "id_token")).await, "acr"),
        "urn:yiwang:acr:r2"
    );
    // The counter sees her with her card; only the counter does.
    let person = [("name", "演示居民甲"), ("code", "320899198803121014")];
    her.post_form("/work/real-names", &person).await.expect(403);
    let mut clerk = city.client("clerk").await;
    let wrong = clerk
        .post_form("/work/real-names", &[("name", "别人"), person[1]])
        .await
        .expect(422);
    assert!(wrong.has("没有这个姓名和号码的账号") && wrong.has("别人"));
    clerk
        .post_form("/work/real-names", &[person[0], ("code", "320899198803121015")])
        .await
        .expect(422);
    let own = clerk
        .post_form(
            "/work/real-names",
            &[("name", "演示窗口丙"), ("code", "32089919930908104X")],
        )
        .await;
    own.expect(403);
    let done = clerk.post_form("/work/real-names", &person).await.expect(303);
    assert!(clerk.get(done.location()).await.expect(200).has("R4"));
    let again = code(&mut her, &system.request(&voluntary)).await;
    let tokens = exchange(&city, &system, &again).await.expect(200).json();
    assert_eq!(
        text(&claims(&city, text(&tokens, "id_token")).await, "acr"),
        "urn:yiwang:acr:r4"
    );
    assert!(her.get("/me/level").await.expect(200).has("窗口核验"));
    // Somebody whom the library does not know stays where they are.
    let mut agent = city.client("agent").await;
    let answer = agent.post_form("/me/level/population", &[]).await;
    assert!([303, 422].contains(&answer.status), "{}", answer.text());
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn codes_are_used_once(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let thief = register(&city, &[("client_name", "另一系统")]).await;
    let mut her = city.client("resident").await;
    let error = |a: &Answer| text(&a.json(), "error").to_string();
    let used = code(&mut her, &system.request(&[])).await;
    let tokens = exchange(&city, &system, &used).await.expect(200).json();
    let again = exchange(&city, &system, &used).await.expect(400);
    assert_eq!(error(&again), "invalid_grant");
    // What came of the code is void: somebody has it who should not.
    userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    assert_eq!(
        city.count(
            "SELECT COUNT(*) FROM openid_grant WHERE ended_at IS NOT NULL",
            &[]
        )
        .await,
        1
    );
    // Another system, another address, another verifier, none, too late.
    let fresh = code(&mut her, &system.request(&[])).await;
    assert_eq!(
        error(&exchange(&city, &thief, &fresh).await.expect(400)),
        "invalid_grant"
    );
    let with = |uri: &'static str, verifier: &'static str, code: String| {
        let fields = [
            ("grant_type", "authorization_code".to_string()),
            ("code", code),
            ("redirect_uri", uri.to_string()),
            ("code_verifier", verifier.to_string()),
        ];
        fields.map(|(k, v)| (k, v))
    };
    for (uri, verifier) in [
        (CALLBACK, "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"),
        (CALLBACK, ""),
        ("http://localhost:9000/other", VERIFIER),
    ] {
        let code = code(&mut her, &system.request(&[])).await;
        let fields = with(uri, verifier, code.clone());
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let no = call(&city, "/openid/token", &system.basic(), &fields)
            .await
            .expect(400);
        assert!(
            ["invalid_grant", "invalid_request"].contains(&error(&no).as_str()),
            "{verifier}"
        );
    }
    let late = code(&mut her, &system.request(&[])).await;
    pass(&city, 61);
    assert_eq!(
        error(&exchange(&city, &system, &late).await.expect(400)),
        "invalid_grant"
    );
    assert_eq!(
        error(&exchange(&city, &system, "nonsense").await.expect(400)),
        "invalid_grant"
    );
    // The wrong secret, none at all, two ways at once.
    let fields = [("grant_type", "client_credentials")];
    let wrong = format!("Basic {}", STANDARD.encode(format!("{}:x", system.id)));
    let no = call(&city, "/openid/token", &wrong, &fields).await.expect(401);
    assert_eq!(
        (
            error(&no).as_str(),
            no.header("www-authenticate").starts_with("Basic ")
        ),
        ("invalid_client", true)
    );
    assert_eq!(
        error(&call(&city, "/openid/token", "", &fields).await.expect(401)),
        "invalid_client"
    );
    let twice = [
        ("grant_type", "client_credentials"),
        ("client_id", &system.id),
        ("client_secret", &system.secret),
    ];
    assert_eq!(
        error(
            &call(&city, "/openid/token", &system.basic(), &twice)
                .await
                .expect(400)
        ),
        "invalid_request"
    );
    assert_eq!(
        error(&call(&city, "/openid/token", "", &twice).await.expect(401)),
        "invalid_client"
    );
}

async fn refresh_tokens_rotate(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    let first = code(
        &mut her,
        &system.request(&[("scope", "openid profile offline_access")]),
    )
    .await;
    let tokens = exchange(&city, &system, &first).await.expect(200).json();
    let refresh = async |token: &str, scope: &str| {
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        if !scope.is_empty() {
            fields.push(("scope", scope));
        }
        call(&city, "/openid/token", &system.basic(), &fields).await
    };
    let too_much = refresh(text(&tokens, "refresh_token"), "openid phone")
        .await
        .expect(400);
    assert_eq!(text(&too_much.json(), "error"), "invalid_scope");
    let second = refresh(text(&tokens, "refresh_token"), "openid")
        .await
        .expect(200)
        .json();
    assert_eq!(text(&second, "scope"), "openid");
    assert_ne!(text(&second, "refresh_token"), text(&tokens, "refresh_token"));
    let id = claims(&city, text(&second, "id_token")).await;
    assert_eq!(id.get("nonce"), None);
    // Fewer scopes once do not narrow what was granted.
    let third = refresh(text(&second, "refresh_token"), "")
        .await
        .expect(200)
        .json();
    assert_eq!(text(&third, "scope"), "openid profile offline_access");
    // She may sign out meanwhile; that is what offline access is.
    her.post_form("/sign-out", &[]).await.expect(303);
    city.settle().await;
    let fourth = refresh(text(&third, "refresh_token"), "")
        .await
        .expect(200)
        .json();
    // A token that was used before ends all of it.
    refresh(text(&second, "refresh_token"), "").await.expect(400);
    refresh(text(&fourth, "refresh_token"), "").await.expect(400);
    userinfo(&city, text(&fourth, "access_token")).await.expect(401);
    // Unused for a month it ends as well.
    let mut her = city.client("resident").await;
    let late = code(
        &mut her,
        &system.request(&[("scope", "openid profile offline_access")]),
    )
    .await;
    let tokens = exchange(&city, &system, &late).await.expect(200).json();
    pass(&city, 31 * 86_400);
    refresh(text(&tokens, "refresh_token"), "").await.expect(400);
    // Revoking it ends the sign-in; a token of another system is none of one's business.
    let mut her = city.client("resident").await;
    let last = code(
        &mut her,
        &system.request(&[("scope", "openid profile offline_access")]),
    )
    .await;
    let tokens = exchange(&city, &system, &last).await.expect(200).json();
    let other = register(&city, &[("client_name", "另一系统")]).await;
    let token = [("token", text(&tokens, "refresh_token"))];
    call(&city, "/openid/revoke", &other.basic(), &token)
        .await
        .expect(200);
    assert_eq!(introspect(&city, &system, token[0].1).await["active"], true);
    assert_eq!(
        introspect(&city, &other, token[0].1).await,
        json!({ "active": false })
    );
    call(&city, "/openid/revoke", &system.basic(), &token)
        .await
        .expect(200);
    assert_eq!(
        introspect(&city, &system, token[0].1).await,
        json!({ "active": false })
    );
    userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    call(&city, "/openid/revoke", &system.basic(), &[("token", "unknown")])
        .await
        .expect(200);
}

async fn a_system_acts_for_itself(db: Db) {
    let city = City::open(db, DAY).await;
    let machine = [
        ("redirect_uris", ""),
        ("post_logout_redirect_uris", ""),
        ("authorization_code", ""),
        ("refresh_token", ""),
        ("client_credentials", "1"),
        ("scope", "introspection"),
    ];
    let system = register(&city, &machine).await;
    let tokens = call(
        &city,
        "/openid/token",
        &system.basic(),
        &[("grant_type", "client_credentials")],
    )
    .await
    .expect(200)
    .json();
    assert_eq!(tokens.get("id_token"), None);
    let seen = introspect(&city, &system, text(&tokens, "access_token")).await;
    assert_eq!(
        (text(&seen, "sub"), text(&seen, "client_id")),
        (system.id.as_str(), system.id.as_str())
    );
    userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    // It guards data for others, so it may ask about their tokens, under its own name of the person.
    let parking = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    let code = code(&mut her, &parking.request(&[])).await;
    let hers = exchange(&city, &parking, &code).await.expect(200).json();
    let seen = introspect(&city, &system, text(&hers, "access_token")).await;
    assert_eq!(
        (&seen["active"], text(&seen, "client_id")),
        (&json!(true), parking.id.as_str())
    );
    assert_ne!(
        text(&seen, "sub"),
        text(&claims(&city, text(&hers, "id_token")).await, "sub")
    );
    // What it is not registered for it may not do.
    let no = call(
        &city,
        "/openid/token",
        &parking.basic(),
        &[("grant_type", "client_credentials")],
    )
    .await
    .expect(400);
    assert_eq!(text(&no.json(), "error"), "unauthorized_client");
    let no = call(
        &city,
        "/openid/token",
        &system.basic(),
        &[("grant_type", "password")],
    )
    .await
    .expect(400);
    assert_eq!(text(&no.json(), "error"), "unsupported_grant_type");
    // Nothing is written for such a token, yet it can be neither changed nor made elsewhere, ends in time, and can be revoked.
    let own = text(&tokens, "access_token").to_string();
    assert_eq!(
        city.count(
            "SELECT COUNT(*) FROM openid_token WHERE granted IS NULL",
            params![]
        )
        .await,
        0
    );
    let parts: Vec<&str> = own.split('.').collect();
    let said = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let more = String::from_utf8(said)
        .unwrap()
        .replace("introspection", "introspection profile");
    for forged in [
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(&more), parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], "0".repeat(64)),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{own}.x"),
    ] {
        assert_eq!(
            introspect(&city, &system, &forged).await["active"],
            false,
            "{forged}"
        );
    }
    let fields = [("token", own.as_str())];
    call(&city, "/openid/revoke", &parking.basic(), &fields)
        .await
        .expect(200);
    assert_eq!(
        introspect(&city, &system, &own).await["active"],
        true,
        "another system's"
    );
    call(&city, "/openid/revoke", &system.basic(), &fields)
        .await
        .expect(200);
    call(&city, "/openid/revoke", &system.basic(), &fields)
        .await
        .expect(200);
    assert_eq!(introspect(&city, &system, &own).await["active"], false);
    let asks = [("grant_type", "client_credentials")];
    let next = call(&city, "/openid/token", &system.basic(), &asks)
        .await
        .expect(200)
        .json();
    assert_eq!(
        introspect(&city, &system, text(&next, "access_token")).await["active"],
        true
    );
    city.clock.set(city.system().now() + 600_001);
    assert_eq!(
        introspect(&city, &system, text(&next, "access_token")).await["active"],
        false
    );
    // A token of the protocol opens nothing else of the city.
    let mut program = city.visitor();
    program.bearer = Some(text(&tokens, "access_token").to_string());
    program.get("/api/v1/library/elements").await.expect(401);
}

async fn requests_may_be_pushed(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[("require_pushed_authorization_requests", "1")]).await;
    let mut her = city.client("resident").await;
    let bare = her.get(&system.request(&[])).await.expect(303);
    assert_eq!(params_of(bare.location())["error"], "invalid_request");
    let all = params_of(&system.request(&[]));
    let fields: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let pushed = call(&city, "/openid/par", &system.basic(), &fields)
        .await
        .expect(201)
        .json();
    let uri = text(&pushed, "request_uri");
    let address = format!(
        "/openid/authorize?{}",
        form(&[("client_id", &system.id), ("request_uri", uri)])
    );
    let code = code(&mut her, &address).await;
    exchange(&city, &system, &code).await.expect(200);
    // It serves once, its own system only, and not for long.
    let again = her.get(&address).await.expect(400);
    assert!(again.has("invalid_request_uri"), "{}", again.text());
    let pushed = call(&city, "/openid/par", &system.basic(), &fields)
        .await
        .expect(201)
        .json();
    let other = register(&city, &[("client_name", "另一系统")]).await;
    let stolen = form(&[
        ("client_id", &other.id),
        ("request_uri", text(&pushed, "request_uri")),
    ]);
    her.get(&format!("/openid/authorize?{stolen}")).await.expect(400);
    let pushed = call(&city, "/openid/par", &system.basic(), &fields)
        .await
        .expect(201)
        .json();
    pass(&city, 91);
    let late = form(&[
        ("client_id", &system.id),
        ("request_uri", text(&pushed, "request_uri")),
    ]);
    her.get(&format!("/openid/authorize?{late}")).await.expect(400);
    let wrong: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(k, _)| *k != "code_challenge")
        .copied()
        .collect();
    call(&city, "/openid/par", &system.basic(), &wrong)
        .await
        .expect(400);
    call(&city, "/openid/par", "", &fields).await.expect(401);
}

/// A key of a system.
struct Key(p256::ecdsa::SigningKey);

impl Key {
    fn new(byte: u8) -> Key {
        Key(p256::ecdsa::SigningKey::from_slice(&[byte; 32]).unwrap())
    }
    fn jwks(&self) -> String {
        let point = self.0.verifying_key().to_sec1_point(false);
        let jwk = oidc::jwk::Jwk::p256(point.as_bytes()).unwrap();
        oidc::jwk::Jwks::new([jwk]).to_json().to_string()
    }
    fn sign(&self, header: Json, claims: &Json) -> String {
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature: p256::ecdsa::Signature =
            p256::ecdsa::signature::Signer::sign(&self.0, text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

async fn assertions_are_taken_once(db: Db) {
    let city = City::open(db, DAY).await;
    let key = Key::new(7);
    let jwks = key.jwks();
    let with_key = [
        ("token_endpoint_auth_method", "private_key_jwt"),
        ("jwks", jwks.as_str()),
        ("client_credentials", "1"),
    ];
    let system = register(&city, &with_key).await;
    assert_eq!(system.secret, "", "a key has no secret beside it");
    let now = || city.system().now() / 1000;
    let claims = |jti: &str, more: Json| {
        let mut all = json!({ "iss": system.id, "sub": system.id, "aud": "http://localhost:8151", "exp": now() + 60, "iat": now(), "jti": jti });
        for (k, v) in more.as_object().unwrap() {
            all[k] = v.clone();
        }
        all
    };
    let present = async |assertion: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
        ];
        call(&city, "/openid/token", "", &fields).await
    };
    let es256 = || json!({ "alg": "ES256" });
    let good = key.sign(es256(), &claims("a", json!({})));
    present(&good).await.expect(200);
    let replayed = present(&good).await.expect(401);
    assert_eq!(text(&replayed.json(), "error"), "invalid_client");
    for (jti, more) in [
        ("b", json!({ "aud": "https://other.example" })),
        ("c", json!({ "exp": now() - 120 })),
        ("d", json!({ "exp": now() + 3_600 })),
        ("e", json!({ "iss": "somebody" })),
        ("f", json!({ "sub": "somebody" })),
    ] {
        present(&key.sign(es256(), &claims(jti, more))).await.expect(401);
    }
    // The key of another, no algorithm, and one that is a secret's.
    present(&Key::new(8).sign(es256(), &claims("g", json!({}))))
        .await
        .expect(401);
    present(&key.sign(json!({ "alg": "none" }), &claims("h", json!({}))))
        .await
        .expect(401);
    present(&key.sign(json!({ "alg": "HS256" }), &claims("i", json!({}))))
        .await
        .expect(401);
    present("a.b.c").await.expect(401);
    // An assertion that was refused for its protocol is used up all the same.
    present(&key.sign(es256(), &claims("j", json!({}))))
        .await
        .expect(200);
}

async fn signing_out(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    let code_ = code(&mut her, &system.request(&[])).await;
    let tokens = exchange(&city, &system, &code_).await.expect(200).json();
    let hint = text(&tokens, "id_token").to_string();
    let out = |fields: &[(&str, &str)]| format!("/openid/logout?{}", form(fields));
    // Anybody may ask; only a token of hers does it without a question.
    let asked = her.get(&out(&[])).await.expect(200);
    assert!(asked.has("您将退出本平台"));
    her.get("/me").await.expect(200);
    let wrong = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "https://evil.example/"),
    ];
    her.get(&out(&wrong)).await.expect(400);
    her.get("/me").await.expect(200);
    let bye = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "http://localhost:9000/bye"),
        ("state", "z"),
    ];
    let mut other = city.client("agent").await;
    assert!(
        other
            .get(&out(&bye))
            .await
            .expect(200)
            .has("“演示停车系统”请求您同时退出本平台")
    );
    other.get("/me").await.expect(200);
    let gone = her.get(&out(&bye)).await.expect(303);
    assert_eq!(gone.location(), "http://localhost:9000/bye?state=z");
    assert!(
        her.get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    // What the system held of her session is over with it.
    city.settle().await;
    userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    // Confirmed by hand.
    let mut her = city.client("resident").await;
    let page = her
        .get(&out(&[("client_id", &system.id), bye[1]]))
        .await
        .expect(200);
    assert!(
        page.header("content-security-policy")
            .contains("form-action 'self' http://localhost:9000;")
    );
    let q = page.hidden("q").unwrap().replace("&amp;", "&");
    let gone = her
        .post_form("/openid/logout/confirmation", &[("q", &q)])
        .await
        .expect(303);
    assert_eq!(gone.location(), "http://localhost:9000/bye");
    assert!(
        her.get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    assert!(her.get("/openid/logout/done").await.expect(200).has("您已退出"));
}

/// A system's server that takes what is posted to it and answers with this status.
async fn server(status: &'static str) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/logout", listener.local_addr().unwrap());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = String::new();
            let mut buffer = [0u8; 8192];
            loop {
                let n = stream.read(&mut buffer).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
                let length = text
                    .split("Content-Length: ")
                    .nth(1)
                    .and_then(|t| t.split("\r\n").next()?.parse::<usize>().ok());
                let body = text.split_once("\r\n\r\n").map(|p| p.1.len());
                if n == 0 || length.zip(body).is_some_and(|(l, b)| b >= l) {
                    break;
                }
            }
            stream
                .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
                .await
                .unwrap();
            sender
                .send(text.split_once("\r\n\r\n").unwrap().1.to_string())
                .unwrap();
        }
    });
    (address, receiver)
}

async fn systems_are_told_of_the_end(db: Db) {
    let city = City::open(db, DAY).await;
    let (address, mut told) = server("200 OK").await;
    let system = register(&city, &[("backchannel_logout_uri", &address)]).await;
    let mut her = city.client("resident").await;
    let code = code(&mut her, &system.request(&[])).await;
    let tokens = exchange(&city, &system, &code).await.expect(200).json();
    let id = claims(&city, text(&tokens, "id_token")).await;
    her.post_form("/sign-out", &[]).await.expect(303);
    city.settle().await;
    let body = told.recv().await.unwrap();
    let logout = claims(&city, body.strip_prefix("logout_token=").unwrap()).await;
    assert_eq!(
        (text(&logout, "sub"), text(&logout, "sid"), text(&logout, "aud")),
        (text(&id, "sub"), text(&id, "sid"), system.id.as_str())
    );
    assert!(logout["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    assert_eq!(
        (
            logout.get("nonce"),
            logout["exp"].as_i64().unwrap() - logout["iat"].as_i64().unwrap()
        ),
        (None, 120)
    );
    city.settle().await;
    assert!(told.try_recv().is_err(), "once");
}

async fn systems_are_registered(db: Db) {
    let city = City::open(db, DAY).await;
    let mut admin = city.client("admin").await;
    assert!(
        admin
            .get("/developers/clients")
            .await
            .expect(200)
            .has("还没有登记接入系统")
    );
    let wrong = [
        ("client_name", "系统"),
        ("redirect_uris", "ftp://x/"),
        ("scope", "openid"),
        ("authorization_code", "1"),
        ("token_endpoint_auth_method", "client_secret_basic"),
    ];
    let refused = admin.post_form("/developers/clients", &wrong).await.expect(422);
    assert!(
        refused.has("ftp:&#x2f;&#x2f;x&#x2f;") && refused.has("class=\"error\""),
        "{}",
        refused.text()
    );
    for (name, value) in [
        ("client_name", ""),
        ("scope", "openid nonsense"),
        ("redirect_uris", "http://a.example/#x"),
        ("redirect_uris", ""),
    ] {
        let mut fields = wrong.to_vec();
        fields[1].1 = CALLBACK;
        fields.retain(|(n, _)| *n != name);
        fields.push((name, value));
        admin.post_form("/developers/clients", &fields).await.expect(422);
    }
    let system = register(&city, &[]).await;
    let page = admin
        .get(&format!("/developers/clients/{}", system.id))
        .await
        .expect(200);
    assert!(
        page.has("演示停车系统") && !page.has(&system.secret),
        "the secret is shown once"
    );
    // Two administrators change it: the second is told.
    let edit = admin
        .get(&format!("/developers/clients/{}/edit", system.id))
        .await
        .expect(200);
    let form = edit.form(&format!("/developers/clients/{}", system.id));
    let fields: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let path = format!("/developers/clients/{}", system.id);
    admin.post_form(&path, &fields).await.expect(303);
    admin.post_form(&path, &fields).await.expect(412);
    // A new secret; the old one works for a day.
    let renewed = admin.post_form(&format!("{path}/secret"), &[]).await.expect(200);
    let secret = renewed
        .between("<dt>client_secret</dt><dd><code>", "</code>")
        .unwrap();
    let new = System {
        id: system.id.clone(),
        secret,
    };
    for s in [&system, &new] {
        call(&city, "/openid/introspect", &s.basic(), &[("token", "x")])
            .await
            .expect(200);
    }
    pass(&city, 86_401);
    call(&city, "/openid/introspect", &system.basic(), &[("token", "x")])
        .await
        .expect(401);
    call(&city, "/openid/introspect", &new.basic(), &[("token", "x")])
        .await
        .expect(200);
    // Only administrators.
    for login in ["resident", "clerk", "head"] {
        let mut c = city.client(login).await;
        c.get("/developers/clients").await.expect(403);
        c.post_form(&format!("{path}/retirement"), &[]).await.expect(403);
    }
    let mut her = city.client("resident").await;
    let code_ = code(&mut her, &new.request(&[])).await;
    let tokens = exchange(&city, &new, &code_).await.expect(200).json();
    let mut admin = city.client("admin").await;
    admin
        .post_form(&format!("{path}/retirement"), &[])
        .await
        .expect(303);
    userinfo(&city, text(&tokens, "access_token")).await.expect(401);
    her.get(&new.request(&[])).await.expect(400);
    assert!(admin.get("/developers/clients").await.expect(200).has("已停用"));
    admin.get(&format!("{path}/edit")).await.expect(404);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn keys_rotate(db: Db) {
    let city = City::open(db, DAY).await;
    let ed = register(&city, &[("id_token_signed_response_alg", "EdDSA")]).await;
    let system = register(&city, &[("client_name", "另一系统")]).await;
    let mut her = city.client("resident").await;
    let signed = async |her: &mut Client, system: &System| {
        let code = code(her, &system.request(&[])).await;
        let tokens = exchange(&city, system, &code).await.expect(200).json();
        text(&tokens, "id_token").to_string()
    };
    let header = |token: &str| -> Json {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
    };
    let (first, by_ed) = (signed(&mut her, &system).await, signed(&mut her, &ed).await);
    assert_eq!(
        (text(&header(&first), "alg"), text(&header(&by_ed), "alg")),
        ("ES256", "EdDSA")
    );
    claims(&city, &by_ed).await;
    // A day before a key's time is over the next is published, and signs a day later.
    let keys = async || {
        city.visitor().get("/openid/keys").await.expect(200).json()["keys"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(keys().await, 2);
    let day = 86_400;
    for (days, published) in [(89, 4), (2, 4), (28, 4), (2, 2)] {
        pass(&city, days * day);
        let jobs = city.app.modules.iter().flat_map(|m| &m.jobs);
        let rotate = jobs.into_iter().find(|j| j.name == "openid.rotate").unwrap();
        (rotate.run)(city.system(), Json::Null).await.unwrap();
        // What a node keeps of the keys it keeps for a minute.
        city.app.services.put(openid_cache());
        assert_eq!(keys().await, published, "after {days} more days");
    }
    let mut her = city.client("resident").await;
    let second = signed(&mut her, &system).await;
    assert_ne!(header(&first)["kid"], header(&second)["kid"]);
    claims(&city, &second).await;
    // An ID token of the old key still says whose session it was.
    let out = form(&[
        ("id_token_hint", &first),
        ("post_logout_redirect_uri", "http://localhost:9000/bye"),
    ]);
    assert!(
        her.get(&format!("/openid/logout?{out}"))
            .await
            .expect(200)
            .has("另一系统")
    );
}

fn openid_cache() -> openid::KeyCache {
    openid::KeyCache::default()
}

async fn wrong_requests_go_nowhere(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    // As long as nobody knows whose address it is, the person is told, and the browser stays.
    for more in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", "http://localhost:9000/callback/../other"),
        ("redirect_uri", "http://localhost:9000/callback?x=1"),
        ("redirect_uri", "http://localhost:9000@evil.example/callback"),
        ("redirect_uri", "http://localhost:9001/callback"),
        ("redirect_uri", "https://localhost:9000/callback"),
        ("redirect_uri", "//evil.example"),
        ("redirect_uri", ""),
    ] {
        let page = her.get(&system.request(&[more])).await.expect(400);
        assert!(page.has("不能登录这个系统"), "{more:?}");
    }
    // From then on the system is told.
    for (more, error) in [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("scope", "profile"), "invalid_scope"),
        (("scope", "openid everything"), "invalid_scope"),
        (("prompt", "none login"), "invalid_request"),
        (("request", "a.b.c"), "request_not_supported"),
        (
            ("request_uri", "https://evil.example/"),
            "request_uri_not_supported",
        ),
        (("registration", "{}"), "registration_not_supported"),
        (("response_mode", "fragment"), "invalid_request"),
    ] {
        let answer = her.get(&system.request(&[more])).await.expect(303);
        let p = params_of(answer.location());
        assert_eq!(
            (p["error"].as_str(), p["state"].as_str(), p["iss"].as_str()),
            (error, "s t&1", "http://localhost:8151"),
            "{more:?}"
        );
        assert!(answer.location().starts_with(CALLBACK));
    }
    let twice = format!("{}&state=x", system.request(&[]));
    assert_eq!(
        params_of(her.get(&twice).await.expect(303).location())["error"],
        "invalid_request"
    );
    // The answer as a form.
    code(&mut her, &system.request(&[])).await;
    let page = her
        .get(&system.request(&[("response_mode", "form_post")]))
        .await
        .expect(200);
    assert!(
        page.header("content-security-policy")
            .contains("form-action 'self' http://localhost:9000;")
    );
    assert!(
        page.leads("http://localhost:9000/callback") && page.hidden("code").is_some(),
        "{}",
        page.text()
    );
}

async fn other_sites_and_browsers(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut her = city.client("resident").await;
    let waiting = her
        .get(&system.request(&[]))
        .await
        .expect(303)
        .location()
        .to_string();
    // Another site cannot make her consent, nor can the request be finished in another browser.
    let from_elsewhere = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    her.send(Method::POST, &waiting, &from_elsewhere, b"word=allow".to_vec())
        .await
        .expect(403);
    assert_eq!(city.count("SELECT COUNT(*) FROM openid_consent", &[]).await, 0);
    let mut victim = city.client("agent").await;
    victim.get(&waiting).await.expect(404);
    victim.post_form(&waiting, &[("word", "allow")]).await.expect(404);
    her.post_form(&waiting, &[("word", "nonsense")]).await.expect(422);
    // A form of another site may bring a request; it goes on by a link, with the cookies of this browser.
    let query = system.request(&[]).split_once('?').unwrap().1.to_string();
    let brought = her
        .send(
            Method::POST,
            "/openid/authorize",
            &from_elsewhere,
            query.into_bytes(),
        )
        .await
        .expect(303);
    assert_eq!(brought.location(), system.request(&[]));
    // Pages of other sites may call what takes no cookie.
    let options = her
        .send(
            Method::OPTIONS,
            "/openid/token",
            &[
                ("origin", "https://app.example"),
                ("access-control-request-method", "POST"),
            ],
            Vec::new(),
        )
        .await;
    assert_eq!(
        (options.expect(204).header("access-control-allow-headers")),
        "authorization, content-type"
    );
    // A request does not wait for ever, and ends with the registration of its address.
    pass(&city, 16 * 60);
    her.get(&waiting).await.expect(404);
}

async fn for_a_firm_and_in_office(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut agent = city.client("agent").await;
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
    let code_ = code(&mut agent, &system.request(&[("scope", "openid profile firm")])).await;
    let tokens = exchange(&city, &system, &code_).await.expect(200).json();
    let told = userinfo(&city, text(&tokens, "access_token"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            text(&told, "name"),
            text(&told, "firm_name"),
            text(&told, "firm_credit_code"),
            text(&told, "firm_role")
        ),
        (
            "演示经办人乙",
            "演示便民商贸有限公司",
            "91320899MA8YW00152",
            "经办人"
        )
    );
    // Acting for somebody else does not make another person of them, nor another sign-in.
    let mut clerk = city.client("clerk").await;
    let code_ = code(&mut clerk, &system.request(&[("scope", "openid post")])).await;
    let tokens = exchange(&city, &system, &code_).await.expect(200).json();
    let told = userinfo(&city, text(&tokens, "access_token"))
        .await
        .expect(200)
        .json();
    assert!(
        text(&told, "post_title").contains("窗口") && told.get("name").is_none(),
        "{told}"
    );
}

async fn a_passkey_leads_on(db: Db) {
    let city = City::open(db, DAY).await;
    let system = register(&city, &[]).await;
    let mut phone = webauthn::soft::Authenticator::new(1, "http://localhost:8151");
    let mut her = city.client("resident").await;
    let options = her
        .post_json("/me/passkeys/options", &[], &json!({}))
        .await
        .expect(200)
        .json();
    let credential = phone.create(&options["publicKey"]).unwrap();
    let added = json!({ "name": "手机", "credential": credential });
    her.post_json("/me/passkeys", &[], &added).await.expect(200);
    let mut her = city.visitor();
    let waiting = her
        .get(&system.request(&[]))
        .await
        .expect(303)
        .location()
        .to_string();
    let sign_in = her.get(&waiting).await.expect(303).location().to_string();
    let page = her.get(&sign_in).await.expect(200);
    let next = page.between("data-next=\"", "\"").unwrap().replace("&#x2f;", "/");
    assert_eq!(next, waiting);
    let options = her
        .post_json("/sign-in/passkey/options", &[], &json!({}))
        .await
        .expect(200)
        .json();
    let credential = phone.get(&options["publicKey"]).unwrap();
    let shown = json!({ "credential": credential, "next": next });
    let entered = her.post_json("/sign-in/passkey", &[], &shown).await.expect(200);
    assert_eq!(entered.json()["to"], json!(waiting));
    // The system is told how she signed in.
    let code = code(&mut her, &waiting).await;
    let tokens = exchange(&city, &system, &code).await.expect(200).json();
    let id = claims(&city, text(&tokens, "id_token")).await;
    assert_eq!(id["amr"], json!(["hwk", "user", "mfa"]));
}
