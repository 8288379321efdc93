//! Phone numbers: confirmed by a code, signing in with one; a browser that a phone answers for.

use kernel::params;
use stories::{City, Client, Db, on_both};
use totp_rs::{Builder, Secret};

on_both!(
    a_number_is_confirmed_and_signs_in,
    nobody_learns_who_has_a_number,
    codes_are_few_and_short_lived,
    a_number_moves_to_whoever_shows_it,
    an_official_shows_a_second_factor_all_the_same,
    a_phone_answers_for_a_browser,
    the_wrong_screen_is_refused,
    names_that_nobody_has_lock_like_accounts,
);

const DAY: &str = "2026-11-24";
const NUMBER: &str = "19911112222";

fn pass(city: &City, seconds: i64) {
    let now = city.system().now();
    city.clock.set(now + seconds * 1000);
}

/// How many codes lie in the demonstration's inbox, and the newest one.
async fn inbox(city: &City) -> (usize, String) {
    city.settle().await;
    let page = city
        .client("admin")
        .await
        .get("/admin/comms/sink")
        .await
        .expect(200)
        .text();
    let mut codes = page.split("验证码 ").skip(1).map(|rest| rest[..6].to_string());
    let newest = codes.next().unwrap_or_default();
    (1 + codes.count() - usize::from(newest.is_empty()), newest)
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

async fn confirmed(city: &City, login: &str) -> Client {
    let mut c = city.client(login).await;
    let to = c.post_form("/me/phone", &[("phone", NUMBER)]).await.expect(303);
    assert_eq!(to.location(), "/me/phone/code");
    let (_, code) = inbox(city).await;
    c.post_form("/me/phone/code", &[("code", &code)])
        .await
        .expect(303);
    // The number may be sent the next code.
    pass(city, 61);
    c
}

/// Asks for a code as a visitor; the browser that waits for it.
async fn asked(city: &City, number: &str) -> Client {
    let mut c = city.visitor();
    let fields = [("phone", number), ("next", "/matters")];
    let to = c.post_form("/sign-in/phone", &fields).await.expect(303);
    assert_eq!(to.location(), "/sign-in/phone/code");
    c
}

async fn a_number_is_confirmed_and_signs_in(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let page = her.get("/me/phone").await.expect(200);
    assert!(page.has("199****0001") && page.has("未核验"), "{}", page.text());
    let refused = her
        .post_form("/me/phone", &[("phone", "12345")])
        .await
        .expect(422);
    assert!(refused.has("手机号应为 11 位数字") && refused.has("value=\"12345\""));

    her.post_form("/me/phone", &[("phone", "+86 199-1111-2222")])
        .await
        .expect(303);
    let waits = her.get("/me/phone/code").await.expect(200);
    assert!(waits.has("199****2222") && !waits.has(NUMBER));
    let (n, code) = inbox(&city).await;
    assert_eq!(n, 1);
    let refused = her.post_form("/me/phone/code", &[("code", wrong(&code))]).await;
    assert!(refused.expect(422).has("验证码不对"));
    her.post_form("/me/phone/code", &[("code", &code)])
        .await
        .expect(303);
    let page = her.get("/me/phone").await.expect(200);
    assert!(page.has("199****2222") && page.has("已核验"));
    assert!(her.get("/me/level").await.expect(200).has("手机核验"));
    // A code passes once, and signs nobody in that only confirmed a number with it.
    her.post_form("/me/phone/code", &[("code", &code)])
        .await
        .expect(410);

    pass(&city, 61);
    let mut c = asked(&city, NUMBER).await;
    assert!(
        c.get("/sign-in/phone/code")
            .await
            .expect(200)
            .has("如果 199****2222 是核验过的手机号")
    );
    let (n, code) = inbox(&city).await;
    assert_eq!(n, 2);
    let mut thief = city.visitor();
    thief
        .post_form("/sign-in/phone/code", &[("code", &code)])
        .await
        .expect(303);
    assert!(!thief.cookies.contains_key(kernel::http::SESSION));
    let refused = c
        .post_form("/sign-in/phone/code", &[("code", wrong(&code))])
        .await;
    assert!(refused.expect(401).has("验证码不对"));
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let in_ = c
        .post_form("/sign-in/phone/code", &[("code", &spaced)])
        .await
        .expect(303);
    assert_eq!(in_.location(), "/matters");
    assert!(c.get("/me").await.expect(200).has("演示居民甲"));
    let sql = "SELECT methods FROM identity_session WHERE methods LIKE '%sms%'";
    assert_eq!(
        city.scalar::<String>(sql, params![]).await.as_deref(),
        Some("sms")
    );
    // Neither the number nor a code lies in clear in what was sent.
    for sql in [
        "SELECT COUNT(*) FROM identity_phone WHERE number_index LIKE '%' || $1 || '%'",
        "SELECT COUNT(*) FROM kernel_fact WHERE payload LIKE '%' || $1 || '%'",
        "SELECT COUNT(*) FROM kernel_job WHERE payload LIKE '%' || $1 || '%'",
    ] {
        assert_eq!(city.count(sql, params![NUMBER]).await, 0, "{sql}");
        assert_eq!(city.count(sql, params![format!("\"{code}\"")]).await, 0, "{sql}");
    }
    c.post_form("/me/phone/removal", &[]).await.expect(303);
    pass(&city, 61);
    asked(&city, NUMBER).await;
    assert_eq!(
        inbox(&city).await.0,
        2,
        "a number that is nobody's is sent nothing"
    );
}

async fn nobody_learns_who_has_a_number(db: Db) {
    let city = City::open(db, DAY).await;
    confirmed(&city, "resident").await;
    let before = inbox(&city).await.0;
    let (mut known, mut unknown) = (asked(&city, NUMBER).await, asked(&city, "19933334444").await);
    let (a, b) = (
        known.get("/sign-in/phone/code").await.expect(200).text(),
        unknown.get("/sign-in/phone/code").await.expect(200).text(),
    );
    // But for the number that was typed and the request's own marks they are one page.
    let plain = |page: &str| {
        let main = page[page.find("<main").unwrap()..page.find("</main>").unwrap()].to_string();
        main.replace("199****2222", "").replace("199****4444", "")
    };
    assert_eq!(plain(&a), plain(&b));
    let (n, code) = inbox(&city).await;
    assert_eq!(n, before + 1);
    let again = |c: &mut Client, code: &'static str| {
        let mut c = c.clone();
        async move {
            c.post_form("/sign-in/phone/code", &[("code", code)])
                .await
                .expect(401)
                .text()
        }
    };
    assert_eq!(
        plain(&again(&mut known, wrong(&code)).await),
        plain(&again(&mut unknown, wrong(&code)).await)
    );
    // The code of another browser opens nothing here.
    unknown
        .post_form("/sign-in/phone/code", &[("code", &code)])
        .await
        .expect(401);
}

async fn codes_are_few_and_short_lived(db: Db) {
    let city = City::open(db, DAY).await;
    confirmed(&city, "resident").await;
    asked(&city, NUMBER).await;
    let mut c = city.visitor();
    let soon = c
        .post_form("/sign-in/phone", &[("phone", NUMBER)])
        .await
        .expect(429);
    assert!(soon.has("秒后再试") && soon.has(NUMBER));
    pass(&city, 61);
    let mut c = asked(&city, NUMBER).await;
    let (_, code) = inbox(&city).await;
    for _ in 0..4 {
        c.post_form("/sign-in/phone/code", &[("code", wrong(&code))])
            .await
            .expect(401);
    }
    // The fifth wrong try ends it; then even the right code comes too late.
    let over = c
        .post_form("/sign-in/phone/code", &[("code", wrong(&code))])
        .await
        .expect(303);
    assert_eq!(over.location(), "/sign-in?over=1");
    let over = c
        .post_form("/sign-in/phone/code", &[("code", &code)])
        .await
        .expect(303);
    assert_eq!(over.location(), "/sign-in?over=1");

    pass(&city, 61);
    let mut c = asked(&city, NUMBER).await;
    let (_, code) = inbox(&city).await;
    pass(&city, 301);
    let late = c
        .post_form("/sign-in/phone/code", &[("code", &code)])
        .await
        .expect(303);
    assert_eq!(late.location(), "/sign-in?over=1");
    assert!(!c.cookies.contains_key(kernel::http::SESSION));
    // Eight a day go to one number, whoever asks.
    let mut sent = 4;
    let many = loop {
        pass(&city, 61);
        let mut c = city.visitor();
        let answer = c.post_form("/sign-in/phone", &[("phone", NUMBER)]).await;
        if answer.status != 303 {
            break answer.expect(429);
        }
        sent += 1;
    };
    assert!(many.has("次数太多"));
    assert_eq!(sent, 8);
    pass(&city, 86_400);
    asked(&city, NUMBER).await;
}

async fn a_number_moves_to_whoever_shows_it(db: Db) {
    let city = City::open(db, DAY).await;
    let mut first = confirmed(&city, "resident").await;
    pass(&city, 61);
    confirmed(&city, "agent").await;
    assert!(first.get("/me/phone").await.expect(200).has("未核验"));
    city.settle().await;
    assert!(
        first
            .get("/me/messages")
            .await
            .expect(200)
            .has("手机号已由他人核验")
    );
    pass(&city, 61);
    let mut c = asked(&city, NUMBER).await;
    let (_, code) = inbox(&city).await;
    c.post_form("/sign-in/phone/code", &[("code", &code)])
        .await
        .expect(303);
    assert!(c.get("/me").await.expect(200).has("演示经办人乙"));
    let altered = city.altered().await;
    assert!(altered.is_empty(), "{altered:?}");
}

/// Binds an app to the account behind this browser; what it shows at a moment.
async fn app(city: &City, who: &mut Client) -> impl Fn(i64) -> String + use<> {
    let to = who.post_form("/me/security/factors", &[]).await.expect(303);
    let page = who.get(to.location()).await.expect(200);
    let shown = page.between("手工输入密钥：", "</p>").unwrap();
    let secret: String = shown.split("class=\"num\">").nth(1).unwrap().chars().collect();
    let secret: String = secret
        .chars()
        .filter(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        .collect();
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .build()
        .unwrap();
    let code = totp.generate((city.system().now() / 1000) as u64).to_string();
    who.post_form(to.location(), &[("code", &code)]).await.expect(200);
    move |now: i64| totp.generate((now / 1000) as u64).to_string()
}

async fn an_official_shows_a_second_factor_all_the_same(db: Db) {
    let city = City::open(db, DAY).await;
    let mut clerk = confirmed(&city, "clerk").await;
    let shows = app(&city, &mut clerk).await;
    pass(&city, 61);
    let mut c = asked(&city, NUMBER).await;
    let (_, code) = inbox(&city).await;
    let step = c
        .post_form("/sign-in/phone/code", &[("code", &code)])
        .await
        .expect(303);
    assert_eq!(step.location(), "/sign-in/code");
    assert!(!c.cookies.contains_key(kernel::http::SESSION));
    let code = shows(city.system().now());
    let done = c.post_form("/sign-in/code", &[("code", &code)]).await.expect(303);
    assert_eq!(done.location(), "/matters");
    let sql = "SELECT methods FROM identity_session WHERE methods LIKE 'sms%'";
    let methods: Option<String> = city.scalar(sql, params![]).await;
    assert_eq!(methods.as_deref(), Some("sms otp mfa"));
}

/// A browser that shows the picture: it, the picture's address and the number that it shows.
async fn pictured(city: &City, next: &str) -> (Client, String, i64) {
    let mut c = city.visitor();
    let page = c.get(&format!("/sign-in/scan?next={next}")).await.expect(200);
    assert!(page.has("<svg") && !page.has("/me/scan/"));
    let number = page
        .between("<strong class=\"num\">", "</strong>")
        .unwrap()
        .parse()
        .unwrap();
    let sql = "SELECT id FROM identity_scan ORDER BY created_at DESC, id LIMIT 1";
    let id: String = city.scalar(sql, params![]).await.unwrap();
    (c, format!("/me/scan/{id}"), number)
}

async fn state(c: &mut Client) -> String {
    c.get("/sign-in/scan/state").await.expect(200).json()["state"]
        .as_str()
        .unwrap()
        .into()
}

async fn a_phone_answers_for_a_browser(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut desk, picture, number) = pictured(&city, "/matters").await;
    assert_eq!(state(&mut desk).await, "waiting");
    // The same picture while it holds.
    assert!(
        desk.get("/sign-in/scan")
            .await
            .expect(200)
            .has(&format!(">{number}<"))
    );
    // A stranger's phone is asked to sign in first and comes back here.
    let mut stranger = city.visitor();
    let to = stranger.get(&picture).await.expect(303);
    assert!(to.location().starts_with("/sign-in?next="));

    pass(&city, 30);
    let mut phone = city.client("resident").await;
    let page = phone.get(&picture).await.expect(200);
    assert!(page.has("演示居民甲") && page.has("与您的手机相同"));
    assert!(
        page.has(&format!("value=\"{number}\""))
            && page.text().matches("name=\"number\" value=\"").count() == 4
    );
    assert_eq!(state(&mut desk).await, "waiting", "looking is not answering");
    let shown = city
        .scalar::<i64>("SELECT MAX(shown_at) FROM identity_session", params![])
        .await
        .unwrap();
    pass(&city, 20);
    let done = phone
        .post_form(&picture, &[("number", &number.to_string())])
        .await
        .expect(200);
    assert!(done.has("请回到那台设备"));
    assert_eq!(state(&mut desk).await, "approved");
    // Only the browser that showed the picture enters.
    let mut other = city.visitor();
    assert!(other.get("/sign-in/scan").await.expect(200).has("<svg"));
    let in_ = desk.get("/sign-in/scan").await.expect(303);
    assert_eq!(in_.location(), "/matters");
    assert!(desk.get("/me").await.expect(200).has("演示居民甲"));
    // It says when she showed who she is, not when the phone answered.
    let sql = "SELECT COUNT(*) FROM identity_session WHERE shown_at = $1 AND methods = 'pwd'";
    assert_eq!(city.count(sql, params![shown]).await, 2);
    // Once: the picture opens nothing any more.
    phone
        .post_form(&picture, &[("number", &number.to_string())])
        .await
        .expect(410);
    phone.get(&picture).await.expect(410);

    // An official whose phone had shown no second factor shows it at the desk.
    let mut clerk = city.client("clerk").await;
    let shows = app(&city, &mut clerk).await;
    let (mut desk, picture, number) = pictured(&city, "/work").await;
    clerk
        .post_form(&picture, &[("number", &number.to_string())])
        .await
        .expect(200);
    assert_eq!(
        desk.get("/sign-in/scan").await.expect(303).location(),
        "/sign-in/code"
    );
    pass(&city, 60);
    let code = shows(city.system().now());
    desk.post_form("/sign-in/code", &[("code", &code)])
        .await
        .expect(303);
    assert!(desk.get("/work").await.status == 200);
}

async fn the_wrong_screen_is_refused(db: Db) {
    let city = City::open(db, DAY).await;
    let mut phone = city.client("resident").await;
    // Another number than the one on the screen ends it at once.
    let (mut desk, picture, number) = pictured(&city, "").await;
    let other = if number == 10 { 11 } else { 10 };
    let refused = phone.post_form(&picture, &[("number", &other.to_string())]).await;
    assert!(refused.expect(403).has("数字不对"));
    phone
        .post_form(&picture, &[("number", &number.to_string())])
        .await
        .expect(410);
    assert_eq!(state(&mut desk).await, "refused");
    assert!(
        desk.get("/sign-in/scan")
            .await
            .expect(200)
            .has("手机没有同意这次登录")
    );
    assert!(!desk.cookies.contains_key(kernel::http::SESSION));
    // "Not me", and too late.
    let (mut desk, picture, _) = pictured(&city, "").await;
    assert!(
        phone
            .post_form(&picture, &[("number", "")])
            .await
            .expect(200)
            .has("已拒绝")
    );
    assert_eq!(state(&mut desk).await, "refused");
    let (mut desk, picture, number) = pictured(&city, "").await;
    pass(&city, 181);
    phone
        .post_form(&picture, &[("number", &number.to_string())])
        .await
        .expect(410);
    assert_eq!(state(&mut desk).await, "over");
    // A picture that leads away from this site leads nowhere.
    let (mut desk, picture, number) = pictured(&city, "https://evil.example").await;
    phone
        .post_form(&picture, &[("number", &number.to_string())])
        .await
        .expect(200);
    assert_eq!(desk.get("/sign-in/scan").await.expect(303).location(), "/me");
}

async fn names_that_nobody_has_lock_like_accounts(db: Db) {
    let city = City::open(db, DAY).await;
    let mut c = city.visitor();
    let mut answers = Vec::new();
    for login in ["resident", "nobody-of-this-name"] {
        let mut told = Vec::new();
        for _ in 0..6 {
            let fields = [("login", login), ("password", "wrong"), ("next", "")];
            let answer = c.post_form("/sign-in", &fields).await;
            told.push((answer.status, answer.between("role=\"alert\"", "</div></div>")));
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][4].0, 401);
    assert_eq!(answers[0][5].0, 429);
    // The rest ends for both.
    pass(&city, 16 * 60);
    let fields = [
        ("login", "nobody-of-this-name"),
        ("password", "wrong"),
        ("next", ""),
    ];
    c.post_form("/sign-in", &fields).await.expect(401);
}
