//! Second factors at sign-in: enrolment, codes that pass once, recovery codes, lost phones, strange browsers.

use axum::http::Method;
use identity::{SecondFactor, Settings};
use kernel::params;
use stories::{Answer, City, Client, Db, on_both};
use totp_rs::{Builder, Secret, Totp};

on_both!(
    a_resident_adds_an_app,
    an_official_must,
    a_recovery_code_works_once,
    wrong_codes_lock,
    a_lost_phone,
    strange_browsers_are_told,
    one_session_ends,
    a_citizen_number_signs_in,
);

const DAY: &str = "2026-11-24";

/// An authenticator app, bound by what the page shows for typing.
struct App(Totp);

impl App {
    fn bound(page: &Answer) -> App {
        let shown = page.between("手工输入密钥：", "</p>").unwrap();
        let secret: String = shown
            .split("class=\"num\">")
            .nth(1)
            .unwrap()
            .chars()
            .filter(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            .collect();
        let secret = Secret::try_from_base32(secret).unwrap();
        App(Builder::new().with_secret(secret).build().unwrap())
    }
    /// What it shows now, or so many half minutes later.
    fn code(&self, city: &City, later: i64) -> String {
        let seconds = city.system().now() / 1000 + later * 30;
        self.0.generate(seconds as u64).to_string()
    }
}

fn pass(city: &City, minutes: i64) {
    let now = city.system().now();
    city.clock.set(now + minutes * 60_000);
}

/// Binds an app to the account behind this browser; returns it with the recovery codes.
async fn bind(city: &City, who: &mut Client) -> (App, Vec<String>) {
    let to = who.post_form("/me/security/factors", &[]).await.expect(303);
    let page = who.get(to.location()).await.expect(200);
    assert!(
        page.has("<svg") && page.has("otpauth:&#x2f;&#x2f;totp&#x2f;"),
        "{}",
        page.text()
    );
    let app = App::bound(&page);
    let refused = who
        .post_form(to.location(), &[("code", "000000")])
        .await
        .expect(422);
    assert!(refused.has("验证码不对"));
    let code = app.code(city, 0);
    let done = who.post_form(to.location(), &[("code", &code)]).await.expect(200);
    (app, codes(&done))
}

fn codes(page: &Answer) -> Vec<String> {
    let list = page.between("class=\"codes num\">", "</ul>").unwrap();
    let codes: Vec<String> = list
        .split("<li>")
        .skip(1)
        .map(|c| c.split('<').next().unwrap().to_string())
        .collect();
    assert_eq!(codes.len(), 10);
    codes
}

async fn a_resident_adds_an_app(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    assert!(her.get("/me/security").await.expect(200).has("现在只凭密码登录"));
    let (app, recovery) = bind(&city, &mut her).await;
    let page = her.get("/me/security").await.expect(200);
    assert!(page.has("验证器应用") && page.has("还剩 10 个恢复码"));
    // Nothing of them lies in the database in clear.
    let sql = "SELECT COUNT(*) FROM identity_recovery WHERE digest = $1";
    assert_eq!(city.count(sql, params![recovery[0].as_str()]).await, 0);

    // The password alone opens nothing now.
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
        .await
        .expect(303);
    assert_eq!(step.location(), "/sign-in/code");
    assert!(!c.cookies.contains_key(kernel::http::SESSION));
    assert!(c.get("/me").await.expect(303).location().starts_with("/sign-in"));
    assert!(c.get("/sign-in/code").await.expect(200).has("第二步验证"));
    // The code that bound the app is used up; the next one passes, once.
    let mut thief = c.clone();
    let old = app.code(&city, 0);
    assert!(
        c.post_form("/sign-in/code", &[("code", &old)])
            .await
            .expect(401)
            .has("验证码不对")
    );
    pass(&city, 1);
    let code = app.code(&city, 0);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let entered = c
        .post_form("/sign-in/code", &[("code", &spaced)])
        .await
        .expect(303);
    assert_eq!(entered.location(), "/matters");
    c.get("/me").await.expect(200);
    // The step is over for whoever else holds its cookie, and so is the code.
    let late = thief
        .post_form("/sign-in/code", &[("code", &code)])
        .await
        .expect(303);
    assert_eq!(late.location(), "/sign-in?over=1");
    thief.sign_in("resident", city.password()).await.expect(303);
    thief
        .post_form("/sign-in/code", &[("code", &code)])
        .await
        .expect(401);

    // How she signed in stands in the session and in the log.
    let sql = "SELECT methods FROM identity_session WHERE methods LIKE '%mfa%'";
    assert_eq!(
        city.scalar::<String>(sql, &[]).await.as_deref(),
        Some("pwd otp mfa")
    );
    assert!(c.get("/me/security").await.expect(200).has("两步验证"));

    // Changing how one signs in wants a fresh sign-in.
    let id = city
        .scalar::<String>(
            "SELECT id FROM identity_factor WHERE confirmed_at IS NOT NULL",
            &[],
        )
        .await
        .unwrap();
    pass(&city, 16);
    let removal = format!("/me/security/factors/{id}/removal");
    assert!(c.post_form(&removal, &[]).await.expect(403).has("重新登录"));
    c.sign_in("resident", city.password()).await.expect(303);
    c.post_form("/sign-in/code", &[("code", &app.code(&city, 0))])
        .await
        .expect(303);
    // Another's factor is not there for anybody else.
    let mut other = city.client("agent").await;
    other.post_form(&removal, &[]).await.expect(404);
    other.get(&format!("/me/security/factors/{id}")).await.expect(404);
    c.post_form(&removal, &[]).await.expect(303);
    city.client("resident").await;
    assert_eq!(city.count("SELECT COUNT(*) FROM identity_recovery", &[]).await, 0);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn an_official_must(db: Db) {
    let city = City::open(db, DAY).await;
    let settings = Settings {
        second_factor: Some(SecondFactor::Officials),
        real_name: None,
    };
    identity::api::configure(&city.system(), settings);
    // Residents may go on with a password.
    city.client("resident").await;
    let mut clerk = city.visitor();
    let step = clerk.sign_in("clerk", city.password()).await.expect(303);
    assert_eq!(step.location(), "/sign-in/enrolment");
    assert!(!clerk.cookies.contains_key(kernel::http::SESSION));
    let page = clerk.get("/sign-in/enrolment").await.expect(200);
    assert!(page.has("工作人员登录需要第二因素"));
    // A code for showing is not asked of somebody who has to enrol.
    assert_eq!(
        clerk
            .post_form("/sign-in/code", &[("code", "1")])
            .await
            .expect(303)
            .location(),
        "/sign-in?over=1"
    );
    let app = App::bound(&page);
    clerk
        .post_form("/sign-in/enrolment", &[("code", "123456")])
        .await
        .expect(401);
    let done = clerk
        .post_form("/sign-in/enrolment", &[("code", &app.code(&city, 0))])
        .await
        .expect(200);
    codes(&done);
    clerk.get("/work").await.expect(200);
    // The last factor of somebody who must have one stays.
    let id = city
        .scalar::<String>(
            "SELECT id FROM identity_factor WHERE confirmed_at IS NOT NULL",
            &[],
        )
        .await
        .unwrap();
    let kept = clerk
        .post_form(&format!("/me/security/factors/{id}/removal"), &[])
        .await
        .expect(409);
    assert!(kept.has("最后一种第二因素"));
    // From now on she is asked for it.
    let mut again = city.visitor();
    assert_eq!(
        again
            .sign_in("clerk", city.password())
            .await
            .expect(303)
            .location(),
        "/sign-in/code"
    );
    pass(&city, 1);
    again
        .post_form("/sign-in/code", &[("code", &app.code(&city, 0))])
        .await
        .expect(303);
    again.get("/work").await.expect(200);
    // A step that waits too long is begun anew.
    let mut slow = city.visitor();
    slow.sign_in("clerk", city.password()).await.expect(303);
    pass(&city, 11);
    let late = slow
        .post_form("/sign-in/code", &[("code", &app.code(&city, 0))])
        .await
        .expect(303);
    assert!(slow.get(late.location()).await.expect(200).has("登录已等待过久"));
}

async fn a_recovery_code_works_once(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (_, recovery) = bind(&city, &mut her).await;
    let typed = recovery[3].to_uppercase().replace('-', " ");
    let mut c = city.visitor();
    c.sign_in("resident", city.password()).await.expect(303);
    c.post_form("/sign-in/code", &[("code", &typed)])
        .await
        .expect(303);
    assert!(c.get("/me/security").await.expect(200).has("还剩 9 个恢复码"));
    let mut again = city.visitor();
    again.sign_in("resident", city.password()).await.expect(303);
    again
        .post_form("/sign-in/code", &[("code", &typed)])
        .await
        .expect(401);
    again
        .post_form("/sign-in/code", &[("code", "")])
        .await
        .expect(401);
    // New ones make the old ones void.
    let fresh = codes(&c.post_form("/me/security/recovery", &[]).await.expect(200));
    again
        .post_form("/sign-in/code", &[("code", &recovery[4])])
        .await
        .expect(401);
    again
        .post_form("/sign-in/code", &[("code", &fresh[0])])
        .await
        .expect(303);
    // Nobody has recovery codes without a factor.
    let mut agent = city.client("agent").await;
    agent.post_form("/me/security/recovery", &[]).await.expect(409);
}

async fn wrong_codes_lock(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (app, _) = bind(&city, &mut her).await;
    pass(&city, 1);
    let mut guesser = city.visitor();
    guesser.sign_in("resident", city.password()).await.expect(303);
    let right = app.code(&city, 0);
    let wrong = if right == "111111" { "222222" } else { "111111" };
    for _ in 0..5 {
        guesser
            .post_form("/sign-in/code", &[("code", wrong)])
            .await
            .expect(401);
    }
    guesser
        .post_form("/sign-in/code", &[("code", &right)])
        .await
        .expect(429);
    guesser.sign_in("resident", city.password()).await.expect(429);
    // A new password step does not wash the count away.
    pass(&city, 16);
    for _ in 0..4 {
        guesser.sign_in("resident", city.password()).await.expect(303);
        guesser
            .post_form("/sign-in/code", &[("code", wrong)])
            .await
            .expect(401);
    }
    guesser.sign_in("resident", city.password()).await.expect(303);
    guesser
        .post_form("/sign-in/code", &[("code", wrong)])
        .await
        .expect(401);
    guesser.sign_in("resident", city.password()).await.expect(429);
}

async fn a_lost_phone(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    bind(&city, &mut her).await;
    let n = identity::api::forget_factors(&city.system(), "Resident")
        .await
        .unwrap();
    assert_eq!(n, 1);
    assert!(
        her.get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    city.client("resident").await.get("/me").await.expect(200);
    assert!(
        identity::api::forget_factors(&city.system(), "nobody")
            .await
            .is_err()
    );
}

async fn strange_browsers_are_told(db: Db) {
    let city = City::open(db, DAY).await;
    let unread = "SELECT COUNT(*) FROM comms_message WHERE kind LIKE 'new-device%'";
    let mut her = city.client("resident").await;
    assert_eq!(city.count(unread, &[]).await, 0, "the first browser is no news");
    her.post_form("/sign-out", &[]).await.expect(303);
    her.sign_in("resident", city.password()).await.expect(303);
    assert_eq!(city.count(unread, &[]).await, 0, "nor is the same one again");
    let mut other = city.visitor();
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "Mozilla/5.0 Firefox/140.0"),
    ];
    let body = format!("login=resident&password={}", city.password());
    other
        .send(Method::POST, "/sign-in", &form, body.into_bytes())
        .await
        .expect(303);
    assert_eq!(city.count(unread, &[]).await, 1);
    let list = her.get("/me/messages").await.expect(200);
    assert!(list.has("您的账号在新的浏览器上登录"), "{}", list.text());
    assert!(her.get("/me/security").await.expect(200).has("Firefox"));
}

async fn one_session_ends(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let mut lost = city.client("resident").await;
    let page = her.get("/me/security").await.expect(200);
    let handle = page
        .between("/me/sessions/", "/removal\"")
        .filter(|h| !h.is_empty());
    let handle = handle.unwrap_or_else(|| panic!("{}", page.text()));
    let mut agent = city.client("agent").await;
    agent
        .post_form(&format!("/me/sessions/{handle}/removal"), &[])
        .await
        .expect(404);
    lost.get("/me").await.expect(200);
    her.post_form(&format!("/me/sessions/{handle}/removal"), &[])
        .await
        .expect(303);
    assert!(
        lost.get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    her.get("/me").await.expect(200);
}

async fn a_citizen_number_signs_in(db: Db) {
    let city = City::open(db, DAY).await;
    let code = city
        .system()
        .read("story.code", |tx| {
            let sql = "SELECT subject FROM identity_account WHERE login = 'resident'";
            let subject: String = tx.scalar(sql, &[])?.unwrap();
            Ok(identity::api::party(&city.system(), tx, &subject)?.unwrap().code)
        })
        .await
        .unwrap();
    let mut c = city.visitor();
    c.sign_in(&code.to_lowercase(), city.password()).await.expect(303);
    c.get("/me").await.expect(200);
    // A number of nobody, and one that is none, say the same as a wrong password.
    for login in ["320899199001011237", "320899199001011238"] {
        assert!(
            c.sign_in(login, city.password())
                .await
                .expect(401)
                .has("账号或密码不对")
        );
    }
}
