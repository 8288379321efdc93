//! Who is told what, over which channel, and what happens when a channel fails.

use kernel::params;
use std::sync::Arc;
use std::sync::Mutex;
use stories::host::{Host, signature};
use stories::matter::answers;
use stories::{City, Client, Db, on_both};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

on_both!(
    she_is_told_and_reads,
    correction_comes_by_sms,
    quiet_hours_and_the_daily_cap,
    mail_refused_then_accepted,
    a_webhook_that_fails_twice,
    a_crash_between_sending_and_noting_it,
    receipts_of_the_sms_adapter,
    wishes,
    given_up_and_sent_again,
    two_nodes_send_once,
);

const SECRET: &str = "a secret of the story";
const MINUTE: i64 = 60_000;

/// A mail relay that turns the first `refusals` recipients away for now.
async fn relay(refusals: usize) -> (String, Arc<Mutex<Vec<String>>>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let mails: Arc<Mutex<Vec<String>>> = Arc::default();
    let all = mails.clone();
    let work = tokio::spawn(async move {
        let mut left = refusals;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 relay\r\n").await.unwrap();
            let (mut mail, mut data) = (String::new(), false);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                let answer = match line.trim_end() {
                    "." if data => {
                        data = false;
                        all.lock().unwrap().push(std::mem::take(&mut mail));
                        "250 taken"
                    }
                    _ if data => {
                        mail.push_str(&line);
                        continue;
                    }
                    l if l.starts_with("EHLO") => "250-relay\r\n250 8BITMIME",
                    l if l.starts_with("RCPT") && left > 0 => {
                        left -= 1;
                        "451 come again"
                    }
                    "DATA" => {
                        data = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    _ => "250 ok",
                };
                if stream
                    .write_all(format!("{answer}\r\n").as_bytes())
                    .await
                    .is_err()
                {
                    break;
                }
            }
        }
    });
    (server, mails, work)
}

fn configure(city: &City, change: impl FnOnce(&mut comms::Settings)) {
    let mut settings = comms::Settings::default();
    settings.webhook.allow_private = vec!["127.0.0.1".into()];
    change(&mut settings);
    comms::api::configure(&city.system(), settings);
}

fn sms(adapter: &Host) -> comms::Sms {
    comms::Sms {
        adapter: "story".into(),
        url: adapter.url.clone(),
        secret: SECRET.into(),
        per_minute: 100,
    }
}

/// (state, attempts) of the only delivery over a channel.
async fn standing(city: &City, channel: &str) -> (String, i64) {
    let state = "SELECT state FROM comms_delivery WHERE channel = $1";
    let attempts = "SELECT attempts FROM comms_delivery WHERE channel = $1";
    (
        city.scalar(state, params![channel]).await.unwrap_or_default(),
        city.scalar(attempts, params![channel]).await.unwrap_or(-1),
    )
}

/// Moves the clock on and lets everything that is due happen.
async fn later(city: &City, millis: i64) {
    city.clock.set(city.system().now() + millis);
    city.settle().await;
}

/// The page with slashes as people see them; templates write them as entities.
fn plain(page: &stories::Answer) -> String {
    page.text().replace("&#x2f;", "/")
}

async fn sink(admin: &mut Client) -> String {
    plain(&admin.get("/admin/comms/sink").await.expect(200))
}

async fn she_is_told_and_reads(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    assert!(her.get("/me/messages").await.expect(200).has("还没有消息"));
    let (case, number) = her.apply().await;
    city.settle().await;
    let page = her.get("/").await.expect(200);
    assert!(page.has("1 条未读消息"), "the header counts");
    let page = her.get("/me/messages").await.expect(200);
    assert!(
        page.has(&format!("申请已收到：{number}"))
            && plain(&page).contains(&format!("href=\"/cases/{case}\""))
    );
    let english = her.get("/me/messages?lang=en").await.expect(200);
    assert!(english.has(&format!("Application received: {number}")));
    her.get("/me/messages?lang=zh").await.expect(200);
    let id = page.between("<h2><a href=\"/me/messages/", "\"").unwrap();
    // Nobody else reads it, not even by its address.
    city.client("agent")
        .await
        .get(&format!("/me/messages/{id}"))
        .await
        .expect(404);
    city.visitor().get("/me/messages").await.expect(303);
    let one = her.get(&format!("/me/messages/{id}")).await.expect(200);
    assert!(one.has("短信") && one.has("已送达"));
    assert!(her.get("/me/messages").await.has("0 条未读"));
    let again = format!("/me/messages/{id}/reading");
    her.post_form(&again, &[("read", "0")]).await.expect(303);
    assert!(her.get("/me/messages?unread=1").await.has(&number));
    city.client("agent")
        .await
        .post_form(&again, &[("read", "1")])
        .await
        .expect(404);
    her.post_form("/me/messages/reading", &[]).await.expect(303);
    assert!(her.get("/me/messages?unread=1").await.has("没有未读消息"));

    city.decide(&case, "agree", "grant").await;
    let page = her.get("/me/messages").await.expect(200);
    for words in ["已受理：", "准予许可：", "证照已签发："] {
        assert!(page.has(words), "{words}");
    }
    // A consumer that reads the whole log again tells nobody twice.
    let before = city.count("SELECT COUNT(*) FROM comms_message", &[]).await;
    city.execute(
        "UPDATE kernel_cursor SET seq = 0 WHERE consumer = 'comms.notices'",
        &[],
    )
    .await;
    city.settle().await;
    assert_eq!(
        city.count("SELECT COUNT(*) FROM comms_message", &[]).await,
        before
    );
    // A bad rating: the supervisor is told, with the way to the workbench.
    her.post_form(
        &format!("/cases/{case}/rating"),
        &[("grade", "1"), ("comment", "太慢。")],
    )
    .await
    .expect(303);
    city.settle().await;
    let mut supervisor = city.client("supervisor").await;
    let page = supervisor.get("/me/messages").await.expect(200);
    assert!(page.has("差评待回访") && plain(&page).contains(&format!("/work/cases/{case}")));
    assert_eq!(city.altered().await, Vec::<String>::new());
    // The rows are covered: who rewrites what was told is found.
    city.execute("UPDATE comms_message SET args = '{}'", &[]).await;
    assert!(!city.altered().await.is_empty());
}

async fn ask_for_corrections(city: &City, case: &str) {
    let mut clerk = city.client("clerk").await;
    let (version, work) = clerk.task(case).await;
    let fields = [
        ("version", version.as_str()),
        ("work", work.as_str()),
        ("items", "请补平面图"),
    ];
    clerk
        .post_form(&format!("/work/cases/{case}/correction"), &fields)
        .await
        .expect(303);
    city.settle().await;
}

async fn correction_comes_by_sms(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    ask_for_corrections(&city, &case).await;
    let mut admin = city.client("admin").await;
    let page = sink(&mut admin).await;
    assert!(
        page.contains(&format!("您的申请{number}需要补正"))
            && page.contains(&format!("http://localhost:8151/cases/{case}"))
    );
    assert!(
        page.contains("199****0001") && !page.contains("19900000001"),
        "the phone is masked"
    );
    assert!(!page.contains("演示居民甲") && !page.contains("补平面图"));
    // In the rows it is sealed, and the facts know nothing of it.
    let facts = "SELECT COUNT(*) FROM kernel_fact WHERE payload LIKE '%19900000001%'";
    assert_eq!(city.count(facts, &[]).await, 0);
    let list = admin.get("/admin/comms?channel=sms").await.expect(200);
    assert!(list.has("199****0001") && !list.has("19900000001") && list.has("case-correction"));
    assert!(
        admin
            .get("/admin/comms?channel=sms&state=failed")
            .await
            .has("没有符合条件")
    );
    assert!(
        admin
            .get("/admin/comms?from=2026-11-25")
            .await
            .has("没有符合条件")
    );
    assert!(
        admin
            .get("/admin/comms?from=2026-11-24&until=2026-11-24")
            .await
            .has("case-correction")
    );
    admin.get("/admin/comms?from=gestern").await.expect(422);
    for who in ["resident", "clerk"] {
        city.client(who).await.get("/admin/comms").await.expect(403);
    }
}

async fn quiet_hours_and_the_daily_cap(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    // Half past ten at night.
    city.clock
        .set(city.system().now() + 12 * 60 * MINUTE + 30 * MINUTE);
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.settle().await;
    assert_eq!(standing(&city, "sms").await, ("queued".into(), 0));
    let mut admin = city.client("admin").await;
    assert!(admin.get("/admin/comms").await.has("夜间不发"));
    // What is urgent rings at night too.
    ask_for_corrections(&city, &case).await;
    let urgent =
        "SELECT COUNT(*) FROM comms_delivery WHERE channel = 'sms' AND urgent = 1 AND state = 'delivered'";
    assert_eq!(city.count(urgent, &[]).await, 1);
    // At five past seven the other one goes.
    later(&city, 8 * 60 * MINUTE + 35 * MINUTE).await;
    let waiting = "SELECT COUNT(*) FROM comms_delivery WHERE channel = 'sms' AND state = 'queued'";
    assert_eq!(city.count(waiting, &[]).await, 0);
    // The sixth of a day is not sent.
    city.day("2026-11-26");
    let mut her = city.client("resident").await;
    for _ in 0..6 {
        her.apply().await;
        city.settle().await;
    }
    let capped = "SELECT COUNT(*) FROM comms_delivery WHERE state = 'given-up' AND reason = 'daily-cap'";
    assert_eq!(city.count(capped, &[]).await, 1);
    let seen = "SELECT COUNT(*) FROM comms_message WHERE kind = 'case-submitted' AND listed = 1";
    assert_eq!(city.count(seen, &[]).await, 7, "in her own list she has them all");
}

/// Confirms a mail address through the sink, then opens the relay.
async fn with_mail(city: &City, her: &mut Client) {
    let wrong = her
        .post_form("/me/messages/address", &[("mail", "no address")])
        .await;
    assert!(wrong.expect(422).has("邮箱格式不对"));
    her.post_form("/me/messages/address", &[("mail", "resident@city.example")])
        .await
        .expect(303);
    city.settle().await;
    let page = sink(&mut city.client("admin").await).await;
    let at = page.find("您的验证码是 ").unwrap() + "您的验证码是 ".len();
    let code = &page[at..at + 6];
    let other = if code == "000000" { "000001" } else { "000000" };
    let refused = her
        .post_form("/me/messages/confirmation", &[("code", other)])
        .await;
    assert!(refused.expect(422).has("验证码不对"));
    her.post_form("/me/messages/confirmation", &[("code", code)])
        .await
        .expect(303);
    assert!(her.get("/me/messages/settings").await.has("r***@city.example"));
}

async fn mail_refused_then_accepted(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    with_mail(&city, &mut her).await;
    city.execute("DELETE FROM comms_delivery WHERE channel = 'mail'", &[])
        .await;
    let (server, mails, work) = relay(1).await;
    configure(&city, |s| {
        s.smtp = Some(comms::Smtp {
            server,
            from: "no-reply@city.example".into(),
            user: None,
            password: None,
            per_minute: 100,
        })
    });
    let (_, number) = her.apply().await;
    city.settle().await;
    assert_eq!(standing(&city, "mail").await, ("failed".into(), 1));
    assert!(mails.lock().unwrap().is_empty());
    later(&city, MINUTE).await;
    assert_eq!(standing(&city, "mail").await, ("sent".into(), 2));
    let mail = mails.lock().unwrap()[0].clone();
    let id: Option<String> = city
        .scalar("SELECT id FROM comms_delivery WHERE channel = 'mail'", &[])
        .await;
    assert!(
        mail.contains(&format!("Message-ID: <{}@localhost>", id.unwrap())),
        "{mail}"
    );
    assert!(mail.contains("To: <resident@city.example>") && mail.contains("Subject: =?UTF-8?B?"));
    let _ = number;
    later(&city, 60 * MINUTE).await;
    assert_eq!(mails.lock().unwrap().len(), 1);
    work.abort();
}

/// Registers a host as the administrator; its secret.
async fn registered(city: &City, url: &str) -> String {
    let mut admin = city.client("admin").await;
    let page = admin
        .post_form(
            "/admin/comms/hooks",
            &[("title", "演示系统"), ("url", url), ("kind", "case-accepted")],
        )
        .await
        .expect(200);
    let secret = page
        .between("<code id=\"hook-secret\">", "</code>")
        .expect("a secret");
    assert!(
        !admin.get("/admin/comms/hooks").await.has(&secret),
        "shown only once"
    );
    secret
}

async fn accepted(city: &City) -> String {
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    city.settle().await;
    number
}

async fn a_webhook_that_fails_twice(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let host = Host::open(&[500, 500, 200]).await;
    // Without the operator's word nothing inside the network is reached, however it is written.
    let mut admin = city.client("admin").await;
    for url in [
        host.url.as_str(),
        "http://localhost/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
    ] {
        let refused = admin
            .post_form("/admin/comms/hooks", &[("title", "x"), ("url", url)])
            .await
            .expect(422);
        assert!(refused.has("在内部网络中"), "{url}");
    }
    for url in ["https://a.example/", "file:///etc/passwd", "http://a@127.0.0.1/"] {
        let refused = admin
            .post_form("/admin/comms/hooks", &[("title", "x"), ("url", url)])
            .await
            .expect(422);
        assert!(refused.has("地址不对"), "{url}");
    }
    city.client("clerk")
        .await
        .get("/admin/comms/hooks")
        .await
        .expect(403);
    configure(&city, |_| {});
    let secret = registered(&city, &host.url).await;
    let number = accepted(&city).await;
    assert_eq!(standing(&city, "webhook").await, ("failed".into(), 1));
    later(&city, MINUTE).await;
    assert_eq!(standing(&city, "webhook").await, ("failed".into(), 2));
    later(&city, 2 * MINUTE).await;
    assert_eq!(standing(&city, "webhook").await, ("delivered".into(), 3));
    let seen = host.seen();
    assert_eq!(seen.len(), 3);
    for s in &seen {
        assert!(s.signed_with(&secret));
        assert_eq!(s.header("x-yiwang-delivery"), seen[0].header("x-yiwang-delivery"));
        assert_eq!(s.header("idempotency-key"), seen[0].header("x-yiwang-delivery"));
        assert!(s.body.contains(&number) && !s.body.contains("19900000001") && !s.body.contains("演示居民"));
    }
    // A name that was public when it was registered and is private now is not reached either.
    configure(&city, |s| s.webhook.allow_private.clear());
    city.execute(
        "UPDATE comms_delivery SET state = 'given-up' WHERE channel = 'webhook'",
        &[],
    )
    .await;
    let id: Option<String> = city
        .scalar("SELECT id FROM comms_delivery WHERE channel = 'webhook'", &[])
        .await;
    let mut admin = city.client("admin").await;
    let page = admin
        .post_form("/admin/comms/resends", &[("id", &id.unwrap()), ("id", "unknown")])
        .await
        .expect(200);
    assert!(
        page.has("已重新排队") && page.has("没有这条记录"),
        "{}",
        page.text()
    );
    city.settle().await;
    assert_eq!(standing(&city, "webhook").await.0, "given-up");
    assert!(
        admin
            .get("/admin/comms?channel=webhook")
            .await
            .has("地址不允许访问")
    );
    assert_eq!(host.seen().len(), 3);
}

async fn a_crash_between_sending_and_noting_it(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let host = Host::open(&[0, 200]).await;
    configure(&city, |s| s.timeout_seconds = 30);
    registered(&city, &host.url).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.settle().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    // The node dies while the host has the request and has not answered.
    let app = city.app.clone();
    let node = tokio::spawn(async move { kernel::job::settle(&app).await });
    while host.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    node.abort();
    assert!(node.await.unwrap_err().is_cancelled());
    city.settle().await;
    assert_eq!(standing(&city, "webhook").await, ("queued".into(), 0));
    assert_eq!(host.seen().len(), 1, "its lease still runs");
    later(&city, 2 * MINUTE).await;
    assert_eq!(standing(&city, "webhook").await, ("delivered".into(), 1));
    let seen = host.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        seen[0].header("x-yiwang-delivery"),
        seen[1].header("x-yiwang-delivery")
    );
}

async fn receipts_of_the_sms_adapter(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let adapter = Host::open(&[202]).await;
    configure(&city, |s| s.sms = Some(sms(&adapter)));
    let mut her = city.client("resident").await;
    her.apply().await;
    city.settle().await;
    assert_eq!(standing(&city, "sms").await, ("sent".into(), 1));
    let seen = adapter.seen().remove(0);
    assert!(seen.signed_with(SECRET) && seen.body.contains("19900000001"));
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["receipt"], "http://localhost:8151/comms/receipts/story");
    let receipt = serde_json::json!({ "receipts": [{ "id": body["id"], "state": "delivered" }] }).to_string();
    let mut far = city.visitor();
    let now = city.system().now() / 1000;
    let mut report = async |path: &str, time: i64, signature: &str, body: &str| {
        let time = time.to_string();
        let headers = [
            ("x-yiwang-timestamp", time.as_str()),
            ("x-yiwang-signature", signature),
            ("accept", "application/json"),
        ];
        far.accept = "application/json";
        far.send(
            axum::http::Method::POST,
            path,
            &headers[..2],
            body.as_bytes().to_vec(),
        )
        .await
    };
    let of = |secret: &str, time: i64, body: &str| signature(secret, &time.to_string(), body);
    let path = "/comms/receipts/story";
    report(path, now, &of("another secret, wrong", now, &receipt), &receipt)
        .await
        .expect(401);
    report(path, now, "", &receipt).await.expect(401);
    report(path, now - 3600, &of(SECRET, now - 3600, &receipt), &receipt)
        .await
        .expect(401);
    report("/comms/receipts/other", now, &of(SECRET, now, &receipt), &receipt)
        .await
        .expect(404);
    report(path, now, &of(SECRET, now, "{}"), "{}").await.expect(400);
    assert_eq!(standing(&city, "sms").await.0, "sent");
    let right = of(SECRET, now, &receipt);
    assert_eq!(
        report(path, now, &right, &receipt).await.expect(200).json()["changed"],
        1
    );
    assert_eq!(
        report(path, now, &right, &receipt).await.expect(200).json()["changed"],
        0
    );
    assert_eq!(standing(&city, "sms").await, ("delivered".into(), 1));
}

async fn wishes(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let page = her.get("/me/messages/settings").await.expect(200);
    assert!(page.has("199****0001") && !page.has("19900000001"));
    // Everything off, in English; the law's notices stay in her list.
    her.post_form("/me/messages/settings", &[("language", "en")])
        .await
        .expect(303);
    let (case, _) = her.apply().await;
    city.settle().await;
    assert!(her.get("/me/messages").await.has("还没有消息"));
    assert_eq!(standing(&city, "sms").await.1, -1, "no SMS was ordered");
    ask_for_corrections(&city, &case).await;
    assert!(her.get("/me/messages").await.has("请补正材料"));
    assert_eq!(standing(&city, "sms").await.1, -1);
    her.post_form(
        "/me/messages/settings",
        &[("language", "en"), ("on", "legal:sms")],
    )
    .await
    .expect(303);
    let mut answer = answers();
    answer.push(("note", "x"));
    her.hand_in(&case, &answer).await.expect(303);
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    city.settle().await;
    assert!(
        sink(&mut city.client("admin").await)
            .await
            .contains("was accepted"),
        "in her own language"
    );
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn given_up_and_sent_again(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let adapter = Host::open(&[500, 500, 202]).await;
    configure(&city, |s| {
        s.sms = Some(sms(&adapter));
        s.max_attempts = 2;
    });
    city.client("resident").await.apply().await;
    city.settle().await;
    later(&city, MINUTE).await;
    assert_eq!(standing(&city, "sms").await, ("given-up".into(), 2));
    later(&city, 60 * MINUTE).await;
    assert_eq!(adapter.seen().len(), 2, "given up is given up");
    let mut admin = city.client("admin").await;
    let page = admin.get("/admin/comms?state=given-up").await.expect(200);
    let id = page.between("name=\"id\" value=\"", "\"").unwrap();
    admin.post_form("/admin/comms/resends", &[]).await.expect(422);
    city.client("clerk")
        .await
        .post_form("/admin/comms/resends", &[("id", &id)])
        .await
        .expect(403);
    let page = admin
        .post_form("/admin/comms/resends", &[("id", &id), ("id", &id)])
        .await
        .expect(200);
    assert!(
        page.has("已重新排队") && page.has("无需重发"),
        "the second finds it queued"
    );
    city.settle().await;
    assert_eq!(standing(&city, "sms").await, ("sent".into(), 1));
    assert_eq!(adapter.seen()[2].header("idempotency-key"), id);
}

async fn two_nodes_send_once(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let adapter = Host::open(&[202]).await;
    // The second node of the same database.
    let other = City::start(city.place.clone(), city.place.config(), "2026-11-24", None)
        .await
        .unwrap();
    for node in [&city, &other] {
        configure(node, |s| s.sms = Some(sms(&adapter)));
    }
    for _ in 0..4 {
        city.client("resident").await.apply().await;
    }
    let (a, b) = (city.app.clone(), other.app.clone());
    let (a, b) = tokio::join!(
        tokio::spawn(async move { kernel::job::settle(&a).await }),
        tokio::spawn(async move { kernel::job::settle(&b).await })
    );
    a.unwrap().unwrap();
    b.unwrap().unwrap();
    city.settle().await;
    let mut ids: Vec<String> = adapter
        .seen()
        .iter()
        .map(|s| s.header("idempotency-key"))
        .collect();
    assert_eq!(ids.len(), 4);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each once");
    let sql = "SELECT COUNT(*) FROM comms_message WHERE kind = 'case-submitted'";
    assert_eq!(city.count(sql, &[]).await, 4);
}
