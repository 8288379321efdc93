//! The life of officials: joining, posts that one proposes and another approves, moving, leaving, coming back; and whoever tries to
//! get round it.

use identity::api::official::{self, Change, Filter, Join, Joined, State, Term};
use kernel::{Ctx, Problem, Refusal, Scope, Tx, Uuid};
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    somebody_joins_and_leaves,
    a_directory_keeps_records,
    three_administrators,
    nobody_gets_round_the_separation,
    what_is_still_open,
    a_county_for_itself,
    access_is_reviewed,
    the_tree_has_a_history,
    an_older_city_gets_the_roles,
);

const DAY: &str = "2026-11-24";
const PASSWORD: &str = "Yanshi-2026-rq";
/// What another system once asked for, as it is kept with a sign-in that goes on without the person.
const REQUEST: &str = r#"{"client_id":"c","redirect_uri":"http://localhost:9000/","response_mode":"query","scopes":["openid"],
"state":null,"nonce":null,"code_challenge":"x","prompt":{"none":false,"login":false,"consent":false,"select_account":false},"max_age":null,
"acr":{"values":[],"essential":false},"claims":{"id_token":{},"userinfo":{}},"wanted_sub":null,"login_hint":null,"id_token_hint":null,
"ui_locales":[]}"#;

/// Runs a verb of the engine as one job of the system, as a directory does.
async fn by<T: Send>(
    city: &City,
    job: &str,
    body: impl Fn(&Ctx, &mut Tx<'_>) -> kernel::Result<T> + Send + Sync,
) -> kernel::Result<T> {
    let ctx = city.system().as_system(job);
    ctx.tx("story.official", |tx| body(&ctx, tx)).await
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: kernel::Result<T>) -> Refusal {
    match result {
        Err(Problem::Refusal(r)) => r,
        other => panic!("{other:?}"),
    }
}

async fn join(city: &City, login: &'static str, post: &'static str) -> Joined {
    by(city, "directory", |ctx, tx| {
        let post = Some(Term {
            post,
            reason: "新录用",
            ..Term::default()
        });
        let new = Join {
            login,
            name: "演示新人",
            phone: "19900001234",
            source: "dir",
            external_id: login,
            post,
            ..Join::default()
        };
        official::join(ctx, tx, &new)
    })
    .await
    .unwrap()
}

/// Sets the password by the secret.
async fn activate(city: &City, joined: &Joined) -> Answer {
    let mut browser = city.visitor();
    let page = browser.get(&joined.secret.path).await.expect(200);
    let secret = page.hidden("secret").unwrap();
    let fields = [
        ("secret", secret.as_str()),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    browser.post_form("/activation", &fields).await
}

async fn enter(city: &City, login: &str) -> (Client, Answer) {
    let mut browser = city.visitor();
    let answer = browser.sign_in(login, PASSWORD).await;
    (browser, answer)
}

async fn person(city: &City, account: Uuid) -> official::Person {
    by(city, "look", |ctx, tx| official::get(ctx, tx, account))
        .await
        .unwrap()
        .unwrap()
}

/// What the doctor finds when every fact has its place in the log.
async fn sound(city: &City) -> Vec<String> {
    city.settle().await;
    city.altered().await
}

/// Runs a periodic job, as the clock would.
async fn job(city: &City, name: &str) {
    let mut jobs = city.app.modules.iter().flat_map(|m| &m.jobs);
    let job = jobs.find(|j| j.name == name).unwrap();
    (job.run)(city.system(), serde_json::Value::Null).await.unwrap();
}

async fn somebody_joins_and_leaves(db: Db) {
    let city = City::open(db, DAY).await;
    let joined = join(&city, "newcomer", "shuili-reviewer").await;
    let account = joined.account;
    // Without a password nobody signs in, not even with none.
    assert_eq!(enter(&city, "newcomer").await.1.status, 401);
    assert_eq!(city.visitor().sign_in("newcomer", "").await.status, 401);
    // The secret is good once, for 72 hours; weak passwords are refused and the page stays.
    let mut browser = city.visitor();
    let page = browser.get(&joined.secret.path).await.expect(200);
    assert!(page.has("newcomer") && page.header("referrer-policy") == "same-origin");
    let secret = page.hidden("secret").unwrap();
    let set = async |password: &str, again: &str| {
        let fields = [
            ("secret", secret.as_str()),
            ("password", password),
            ("again", again),
        ];
        city.visitor().post_form("/activation", &fields).await
    };
    for (password, again) in [
        ("short", "short"),
        ("Newcomer-2026", "Newcomer-2026"),
        (PASSWORD, "other"),
    ] {
        let again = set(password, again).await.expect(422);
        assert!(
            again.has(&secret) && !again.has(PASSWORD),
            "the page stays without the password"
        );
    }
    assert_eq!(person(&city, account).await.state, State::Invited);
    set(PASSWORD, PASSWORD).await.expect(303);
    set(PASSWORD, PASSWORD).await.expect(410);
    browser.get(&joined.secret.path).await.expect(410);
    browser.get("/activation?secret=00").await.expect(410);
    let (mut her, answer) = enter(&city, "newcomer").await;
    assert_eq!(answer.status, 303);

    // The post was only proposed. Whoever proposed it does not approve it.
    her.get("/work/cases").await.expect(403);
    let proposal = joined.proposal.clone().unwrap();
    let own = by(&city, "directory", |ctx, tx| {
        official::approve(ctx, tx, &proposal)
    })
    .await;
    assert_eq!(refused(own).key, "identity-official-own");
    let holding = by(&city, "office", |ctx, tx| official::approve(ctx, tx, &proposal))
        .await
        .unwrap();
    her.get("/work/cases").await.expect(200);
    let again = by(&city, "office", |ctx, tx| official::approve(ctx, tx, &proposal)).await;
    assert_eq!(refused(again).key, "identity-official-decided");
    let twice = by(&city, "directory", |ctx, tx| {
        let term = Term {
            post: "shuili-reviewer",
            ..Term::default()
        };
        official::assign(ctx, tx, account, &term)
    });
    assert_eq!(refused(twice.await).key, "identity-official-held");

    // Suspended she is out at once, and what she had open is over; afterwards all is as before.
    let mut program = city.program("newcomer").await;
    program.get("/api/v1/cases").await.expect(200);
    by(&city, "office", |ctx, tx| {
        official::suspend(ctx, tx, account, "接受调查")
    })
    .await
    .unwrap();
    her.get("/work/cases").await.expect(303);
    program.get("/api/v1/cases").await.expect(401);
    assert_eq!(enter(&city, "newcomer").await.1.status, 401);
    assert_eq!(person(&city, account).await.state, State::Suspended);
    by(&city, "office", |ctx, tx| official::resume(ctx, tx, account))
        .await
        .unwrap();
    her.get("/work/cases").await.expect(303);
    program.get("/api/v1/cases").await.expect(401);
    let (mut her, answer) = enter(&city, "newcomer").await;
    assert_eq!(answer.status, 303);
    her.get("/work/cases").await.expect(200);

    // A holding may be ended with a last day, which still counts, or at once.
    let ended = async |until: Option<&'static str>| {
        by(&city, "office", |ctx, tx| {
            official::end(ctx, tx, &holding, until, "轮岗")
        })
        .await
    };
    assert_eq!(
        refused(ended(Some("2026-11-23")).await).key,
        "identity-official-day"
    );
    ended(Some("2026-11-25")).await.unwrap();
    city.day("2026-11-25");
    let (mut her, _) = enter(&city, "newcomer").await;
    her.get("/work/cases").await.expect(200);
    ended(None).await.unwrap();
    her.get("/work/cases").await.expect(403);
    assert_eq!(refused(ended(None).await).key, "identity-official-ended");

    // She will leave on Friday: until then she works, and the day after the account is closed by itself.
    let proposal = by(&city, "directory", |ctx, tx| {
        let term = Term {
            post: "shuili-head",
            ..Term::default()
        };
        official::assign(ctx, tx, account, &term)
    })
    .await
    .unwrap();
    by(&city, "office", |ctx, tx| official::approve(ctx, tx, &proposal))
        .await
        .unwrap();
    by(&city, "office", |ctx, tx| {
        official::leave(ctx, tx, account, "2026-11-27", "调离")
    })
    .await
    .unwrap();
    her.get("/work/cases").await.expect(200);
    city.day("2026-11-27");
    job(&city, "identity.officials").await;
    let (mut her, answer) = enter(&city, "newcomer").await;
    assert_eq!(answer.status, 303);
    her.get("/work/cases").await.expect(200);
    city.day("2026-11-28");
    job(&city, "identity.officials").await;
    assert_eq!(enter(&city, "newcomer").await.1.status, 401);
    let gone = person(&city, account).await;
    assert_eq!(
        (gone.state, gone.left_on.as_deref()),
        (State::Left, Some("2026-11-27"))
    );
    assert!(gone.holdings.iter().all(|h| !h.lasts("2026-11-28")));
    let late = by(&city, "office", |ctx, tx| {
        official::suspend(ctx, tx, account, "x")
    })
    .await;
    assert_eq!(refused(late).key, "identity-official-state");

    // She comes back on the same account: with a new secret, and without her posts.
    let back = by(&city, "directory", |ctx, tx| {
        official::rejoin(ctx, tx, account, None)
    })
    .await
    .unwrap();
    assert_eq!(back.account, account);
    assert_eq!(
        enter(&city, "newcomer").await.1.status,
        401,
        "the old password is gone"
    );
    activate(&city, &back).await.expect(303);
    let (mut her, answer) = enter(&city, "newcomer").await;
    assert_eq!(answer.status, 303);
    her.get("/work/cases").await.expect(403);

    // A secret that is too old, or was replaced by a new one.
    let other = join(&city, "latecomer", "shuili-reviewer").await;
    let newer = by(&city, "directory", |ctx, tx| {
        official::invite(ctx, tx, other.account)
    })
    .await
    .unwrap();
    city.visitor().get(&other.secret.path).await.expect(410);
    city.visitor().get(&newer.path).await.expect(200);
    city.day("2026-12-02");
    city.visitor().get(&newer.path).await.expect(410);
    assert_eq!(sound(&city).await, Vec::<String>::new());
    city.execute(
        "UPDATE identity_official SET state = 'active' WHERE account = $1",
        &[other.account.into()],
    )
    .await;
    assert_eq!(sound(&city).await.len(), 1, "a state changed by hand is found");
}

async fn a_directory_keeps_records(db: Db) {
    let city = City::open(db, DAY).await;
    let first = join(&city, "zhang.san", "shuili-reviewer").await;
    let trying = async |login: &'static str, id: &'static str| {
        let tried = by(&city, "directory", |ctx, tx| {
            let new = Join {
                login,
                name: "演示",
                source: "dir",
                external_id: id,
                ..Join::default()
            };
            official::join(ctx, tx, &new)
        });
        refused(tried.await)
    };
    assert_eq!(trying("Zhang.San", "other").await.status, 409);
    assert_eq!(trying("clerk", "other").await.status, 409);
    assert_eq!(trying("resident", "other").await.status, 409);
    assert_eq!(trying("li.si", "zhang.san").await.key, "identity-official-known");
    assert_eq!(trying("李四", "other").await.key, "identity-official-login");
    let unknown = by(&city, "directory", |ctx, tx| {
        let post = Some(Term {
            post: "no-such-post",
            ..Term::default()
        });
        let new = Join {
            login: "wang.wu",
            name: "演示",
            post,
            ..Join::default()
        };
        official::join(ctx, tx, &new)
    });
    assert_eq!(refused(unknown.await).key, "identity-official-post");
    let none = by(&city, "look", |_, tx| official::by_login(tx, "wang.wu"))
        .await
        .unwrap();
    assert_eq!(none, None, "nothing is left of what was refused");

    // The record is found and changed; a taken login is refused.
    let found = by(&city, "look", |_, tx| {
        Ok((
            official::by_external(tx, "dir", "zhang.san")?,
            official::by_login(tx, "ZHANG.SAN")?,
        ))
    });
    assert_eq!(found.await.unwrap(), (Some(first.account), Some(first.account)));
    let before = person(&city, first.account).await;
    let change =
        async |login: Option<&'static str>, name: Option<&'static str>, phone: Option<&'static str>| {
            by(&city, "directory", |ctx, tx| {
                let change = Change {
                    login,
                    name,
                    phone,
                    ..Change::default()
                };
                official::change(ctx, tx, first.account, &change)
            })
            .await
        };
    assert_eq!(refused(change(Some("clerk"), None, None).await).status, 409);
    assert_eq!(
        refused(change(None, None, Some("12")).await).key,
        "identity-official-phone"
    );
    let changed = change(Some("zhang.si"), Some("演示改名"), Some(""))
        .await
        .unwrap();
    assert_eq!(changed, ["login", "name", "phone"]);
    let nothing = change(Some("zhang.si"), None, None).await.unwrap();
    assert!(nothing.is_empty());
    let after = person(&city, first.account).await;
    assert_eq!(
        (after.login.as_str(), after.name.as_str()),
        ("zhang.si", "演示改名")
    );
    assert!(after.version > before.version && after.changed_at > before.changed_at);
    assert_eq!(person(&city, first.account).await.version, after.version);
    let phone = by(&city, "look", |ctx, tx| official::phone(ctx, tx, &after.subject))
        .await
        .unwrap();
    assert_eq!(phone, None);
    // Nobody takes a name away that was compared with a document.
    city.execute(
        "INSERT INTO identity_assurance(id, subject, method, level, reference, actor, version, at) VALUES ('s', $1, 'counter', 4, '', 'x', 1, 1)",
        &[after.subject.as_str().into()],
    )
    .await;
    assert_eq!(
        refused(change(None, Some("演示别名"), None).await).key,
        "identity-official-name-shown"
    );

    // Lists: by text, organisation with those below, state; paged, with the whole number.
    let list = async |filter: Filter, offset: u32, limit: u32| {
        by(&city, "look", |ctx, tx| {
            official::list(ctx, tx, &Scope::All, &filter, offset, limit)
        })
        .await
        .unwrap()
    };
    let (all, total) = list(Filter::default(), 0, 5).await;
    assert_eq!(all.len(), 5);
    assert!(total > 50, "{total}");
    let (rest, same) = list(Filter::default(), u32::try_from(total).unwrap() - 2, 5).await;
    assert_eq!((rest.len(), same), (2, total));
    let text = |text: &str| Filter {
        text: text.into(),
        ..Filter::default()
    };
    assert_eq!(list(text("改名"), 0, 9).await.1, 1);
    assert_eq!(list(text("Zhang"), 0, 9).await.1, 1);
    assert_eq!(list(text("%"), 0, 9).await.1, 0);
    let (heads, n) = list(text("负责人"), 1, 2).await;
    assert!(n > 10 && heads.len() == 2, "by the title of a post: {n}");
    let water = Filter {
        organisation: "shuili".into(),
        ..Filter::default()
    };
    let logins: Vec<String> = list(water, 0, 50).await.0.into_iter().map(|p| p.login).collect();
    for login in ["head-sl", "reviewer-sl", "zhang.si"] {
        assert!(logins.iter().any(|l| l == login), "{logins:?}");
    }
    assert!(!logins.iter().any(|l| l == "reviewer-cg"));
    let invited = Filter {
        state: Some(State::Invited),
        source: "dir".into(),
        ..Filter::default()
    };
    assert_eq!(list(invited, 0, 9).await.1, 1);
}

const NEW: &str = "/work/officials/new";

/// The fields of the form for somebody new.
fn somebody<'a>(login: &'a str, name: &'a str, post: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("login", login),
        ("name", name),
        ("post", post),
        ("reason", "新录用"),
    ]
}

async fn account(city: &City, login: &str) -> String {
    let sql = "SELECT id FROM identity_account WHERE login = $1";
    city.scalar(sql, &[login.into()]).await.unwrap()
}

async fn waiting(city: &City, login: &str) -> String {
    let sql = "SELECT q.id FROM identity_proposal q JOIN identity_account a ON a.id = q.account WHERE a.login = $1 AND q.state = 'waiting'";
    city.scalar(sql, &[login.into()]).await.unwrap()
}

async fn three_administrators(db: Db) {
    let city = City::open(db, DAY).await;
    let mut system = city.client("system-admin").await;
    let mut security = city.client("security-admin").await;
    let mut audit = city.client("audit-admin").await;
    // Each finds the own desk behind the one link, and not a page that is closed to them.
    for c in [&mut system, &mut security] {
        assert_eq!(c.get("/me").await.expect(303).location(), "/work/officials");
        let home = c.get("/me/security").await.expect(200);
        assert!(
            home.leads("/work/officials\"") && !home.leads("/work\""),
            "{}",
            home.text()
        );
    }
    // The form keeps the words and says what is wrong.
    system.get(NEW).await.expect(200);
    let wrong = system
        .post_form(NEW, &somebody("clerk", "演示新人", "shuili-reviewer"))
        .await
        .expect(409);
    assert!(
        wrong.has("账号名已被使用")
            && wrong.has("value=\"演示新人\"")
            && wrong.has("value=\"shuili-reviewer\" selected")
    );
    let wrong = system.post_form(NEW, &somebody("演示", "", "")).await.expect(422);
    assert!(!wrong.has("/activation?"));
    // She is added; the link is shown once and may not be kept by the browser.
    let page = system
        .post_form(NEW, &somebody("newcomer", "演示新人", "shuili-reviewer"))
        .await
        .expect(200);
    assert_eq!(page.header("cache-control"), "no-store");
    let link = format!(
        "/activation?secret={}",
        page.between("activation?secret=", "<").unwrap()
    );
    let id = account(&city, "newcomer").await;
    let here = format!("/work/officials/{id}");
    let shown = system.get(&here).await.expect(200);
    assert!(shown.has("待激活") && shown.has("等待审批") && !shown.has("secret="));
    let page = city.visitor().get(&link).await.expect(200);
    let secret = page.hidden("secret").unwrap();
    let fields = [
        ("secret", secret.as_str()),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    city.visitor().post_form("/activation", &fields).await.expect(303);
    let (mut her, _) = enter(&city, "newcomer").await;
    her.get("/work/cases").await.expect(403);
    assert_eq!(her.get("/me").await.expect(303).location(), "/me/security");
    her.get("/me/security").await.expect(200);

    // Who proposes does not approve, who reads audits does neither, who approves opens no accounts.
    let proposal = waiting(&city, "newcomer").await;
    let answer = format!("/work/officials/proposals/{proposal}");
    let approve = [("outcome", "approve")];
    system.post_form(&answer, &approve).await.expect(403);
    audit.post_form(&answer, &approve).await.expect(403);
    for (who, path) in [
        ("security-admin", NEW.to_string()),
        ("audit-admin", NEW.to_string()),
        ("security-admin", format!("{here}/leaving")),
        ("audit-admin", format!("{here}/posts")),
        ("audit-admin", format!("{here}/suspension")),
        ("auditor", NEW.to_string()),
        ("admin", NEW.to_string()),
        ("clerk", "/work/officials".to_string()),
        ("resident", "/work/officials".to_string()),
    ] {
        let mut c = city.client(who).await;
        c.get(&path).await.expect(403);
        c.post_form(&path, &somebody("x1", "x", "shuili-head"))
            .await
            .expect(403);
    }
    for c in [&mut security, &mut audit] {
        c.get(&here).await.expect(200);
        assert!(
            c.get("/work/officials/proposals")
                .await
                .expect(200)
                .has("演示新人")
        );
    }
    // The auditor reads what the two did.
    assert!(audit.get(&here).await.has("演示系统管理员"));

    // A refusal needs a reason, and the person stays without the post; the next proposal is approved.
    let queue = security
        .post_form(&answer, &[("outcome", "refuse")])
        .await
        .expect(422);
    assert!(queue.has("请填写原因"));
    security
        .post_form(&answer, &[("outcome", "refuse"), ("reason", "编制不足")])
        .await
        .expect(303);
    security.post_form(&answer, &approve).await.expect(409);
    her.get("/work/cases").await.expect(403);
    assert!(system.get(&here).await.has("编制不足"));
    system
        .post_form(
            &format!("{here}/posts"),
            &[("post", "shuili-reviewer"), ("from", "2026-11-25")],
        )
        .await
        .expect(303);
    let twice = system
        .post_form(&format!("{here}/posts"), &[("post", "shuili-reviewer")])
        .await
        .expect(409);
    assert!(twice.has("已在等待审批"));
    let proposal = waiting(&city, "newcomer").await;
    security
        .post_form(&format!("/work/officials/proposals/{proposal}"), &approve)
        .await
        .expect(303);
    her.get("/work/cases").await.expect(403);
    assert!(
        security
            .get("/work/officials/proposals?decided=1")
            .await
            .expect(200)
            .has("编制不足")
    );
    city.day("2026-11-25");
    let (mut her, _) = enter(&city, "newcomer").await;
    her.get("/work/cases").await.expect(200);

    // Search, filters, and the list as a file that no table program runs.
    let mut system = city.client("system-admin").await;
    let page = system.get("/work/officials?q=newcomer").await.expect(200);
    assert!(page.has("演示新人") && page.has("共 1 人"));
    assert!(
        system
            .get("/work/officials?organisation=shuili&state=active")
            .await
            .has("newcomer")
    );
    assert!(
        !system
            .get("/work/officials?organisation=chengguan")
            .await
            .has("newcomer")
    );
    assert!(
        system
            .get("/work/officials?q=%25%27&organisation=x&state=y&page=9")
            .await
            .expect(200)
            .has("没有符合条件")
    );
    let first = system.get("/work/officials").await.expect(200);
    assert!(first.leads("/work/officials?q=&organisation=&state=&page=1"));
    system.get("/work/officials?page=1").await.expect(200);
    system
        .post_form(
            &format!("{here}/change"),
            &[("login", "newcomer"), ("name", "=1+1"), ("phone", "")],
        )
        .await
        .expect(303);
    let csv = system
        .get("/work/officials/export.csv?q=newcomer")
        .await
        .expect(200);
    assert!(
        csv.text().starts_with('\u{feff}') && csv.has("'=1+1") && csv.has("审查员"),
        "{}",
        csv.text()
    );
    assert_eq!(csv.text().lines().count(), 2);

    // Confirm pages come before the act.
    let ask = system.get(&format!("{here}/suspension")).await.expect(200);
    assert!(ask.has("停用"));
    system
        .post_form(&format!("{here}/suspension"), &[("reason", "")])
        .await
        .expect(422);
    system
        .post_form(&format!("{here}/suspension"), &[("reason", "接受调查")])
        .await
        .expect(303);
    assert_eq!(enter(&city, "newcomer").await.1.status, 401);
    system
        .post_form(&format!("{here}/suspension"), &[("reason", "再次")])
        .await
        .expect(409);
    system
        .post_form(&format!("{here}/resumption"), &[])
        .await
        .expect(303);
    assert_eq!(enter(&city, "newcomer").await.1.status, 303);
    let sql = "SELECT h.id FROM identity_holding h JOIN identity_account a ON a.id = h.account WHERE a.login = 'newcomer'";
    let holding: String = city.scalar(sql, &[]).await.unwrap();
    let end = format!("{here}/posts/{holding}/end");
    assert!(system.get(&end).await.expect(200).has("审查员"));
    system.post_form(&end, &[("reason", "轮岗")]).await.expect(303);
    system.post_form(&end, &[("reason", "轮岗")]).await.expect(409);
    let foreign = format!(
        "/work/officials/{}/posts/{holding}/end",
        account(&city, "clerk").await
    );
    system.get(&foreign).await.expect(404);
    system.post_form(&foreign, &[("reason", "x")]).await.expect(404);
    system
        .post_form(
            &format!("{here}/leaving"),
            &[("on", "2026-12-31"), ("reason", "退休")],
        )
        .await
        .expect(303);
    assert!(system.get(&here).await.has("2026-12-31"));
    system
        .post_form(&format!("{here}/staying"), &[])
        .await
        .expect(303);
    system
        .post_form(&format!("{here}/leaving"), &[("reason", "退休")])
        .await
        .expect(303);
    assert_eq!(enter(&city, "newcomer").await.1.status, 401);
    let back = system.post_form(&format!("{here}/return"), &[]).await.expect(200);
    assert!(back.has("/activation?secret=") || back.has("activation?secret"));
    let newer = system
        .post_form(&format!("{here}/invitation"), &[])
        .await
        .expect(200);
    assert_ne!(newer.between("secret=", "<"), back.between("secret=", "<"));
    assert_eq!(sound(&city).await, Vec::<String>::new());
}

async fn nobody_gets_round_the_separation(db: Db) {
    let city = City::open(db, DAY).await;
    let mut system = city.client("system-admin").await;
    let mut security = city.client("security-admin").await;
    let propose = async |system: &mut Client, login: &str, post: &str| {
        let id = account(&city, login).await;
        system
            .post_form(&format!("/work/officials/{id}/posts"), &[("post", post)])
            .await
    };
    // One person never holds two of the three, in whichever order.
    for (login, post) in [
        ("audit-admin", "shi-security-administrator"),
        ("security-admin", "shi-system-administrator"),
        ("auditor", "shi-security-administrator"),
    ] {
        let page = propose(&mut system, login, post).await.expect(409);
        assert!(page.has("不得由同一人担任"), "{}", page.text());
    }
    // Two that exclude each other proposed at once: the second is not approved.
    system
        .post_form(NEW, &somebody("both", "演示两员", "shi-audit-administrator"))
        .await
        .expect(200);
    propose(&mut system, "both", "shi-security-administrator")
        .await
        .expect(303);
    let sql = "SELECT id FROM identity_proposal WHERE post = $1 AND state = 'waiting'";
    let approve = async |by: &mut Client, post: &str| {
        let id: String = city.scalar(sql, &[post.into()]).await.unwrap();
        by.post_form(
            &format!("/work/officials/proposals/{id}"),
            &[("outcome", "approve")],
        )
        .await
    };
    approve(&mut security, "shi-audit-administrator")
        .await
        .expect(303);
    assert!(
        approve(&mut security, "shi-security-administrator")
            .await
            .expect(409)
            .has("不得由同一人担任")
    );
    // Nor by the operator's way.
    let both = account(&city, "both").await.parse().unwrap();
    let appointed =
        identity::api::appoint(&city.system(), "shi-security-administrator", both, "2026-11-24").await;
    assert_eq!(refused(appointed).key, "identity-official-excluded");
    // Nor with another account: the same citizen number has one record.
    let mut again = somebody("second", "演示系统管理员", "shi-security-administrator");
    let number: String = std::fs::read_to_string(stories::pack_dir().join("demo.toml"))
        .unwrap()
        .split("login = \"system-admin\"")
        .nth(1)
        .and_then(|t| t.split("citizen_id = \"").nth(1))
        .map(|t| t[..18].to_string())
        .unwrap();
    again.push(("number", &number));
    assert!(
        system
            .post_form(NEW, &again)
            .await
            .expect(409)
            .has("此人已有工作账号")
    );
    // Two accounts of one subject are one person.
    let one: String = city
        .scalar(
            "SELECT subject FROM identity_account WHERE login = 'audit-admin'",
            &[],
        )
        .await
        .unwrap();
    let double = identity::api::open_account(&city.system(), "double", "official", &one, city.password())
        .await
        .unwrap();
    let appointed =
        identity::api::appoint(&city.system(), "shi-system-administrator", double, "2026-11-24").await;
    assert_eq!(refused(appointed).key, "identity-official-excluded");

    // Nor does one administrator alone open the account of somebody who left: behind it may be a resident with her own data.
    let id = account(&city, "reviewer-sl").await;
    let here = format!("/work/officials/{id}");
    system
        .post_form(&format!("{here}/leaving"), &[("reason", "调离")])
        .await
        .expect(303);
    let back = system.post_form(&format!("{here}/return"), &[]).await.expect(200);
    let secret = back.between("activation?secret=", "<").unwrap();
    let link = format!("/activation?secret={secret}");
    let fields = [
        ("secret", secret.as_str()),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    assert!(city.visitor().get(&link).await.expect(409).has("岗位还没有批准"));
    city.visitor().post_form("/activation", &fields).await.expect(409);
    assert_eq!(enter(&city, "reviewer-sl").await.1.status, 401);
    propose(&mut system, "reviewer-sl", "shuili-editor")
        .await
        .expect(303);
    city.visitor().get(&link).await.expect(409);
    approve(&mut security, "shuili-editor").await.expect(303);
    city.visitor().get(&link).await.expect(200);
    city.visitor().post_form("/activation", &fields).await.expect(303);

    // Nobody approves for themself; another security administrator does.
    propose(&mut system, "security-admin", "shuili-reviewer")
        .await
        .expect(303);
    assert!(
        approve(&mut security, "shuili-reviewer")
            .await
            .expect(403)
            .has("不能审批")
    );
    city.colleague("security-admin", "security-2").await;
    let mut other = city.client("security-2").await;
    approve(&mut other, "shuili-reviewer").await.expect(303);
    // Nobody administers their own account, and an account of one's own is no way round.
    let own = account(&city, "system-admin").await;
    for path in ["posts", "suspension", "leaving", "change"] {
        let fields = [
            ("post", "shuili-head"),
            ("reason", "x"),
            ("login", "x1"),
            ("name", "x"),
        ];
        let got = system
            .post_form(&format!("/work/officials/{own}/{path}"), &fields)
            .await;
        assert_eq!(got.status, 403, "{path}");
    }
    // Ids that are none, words that are too long.
    system
        .get("/work/officials/01890000-0000-7000-8000-000000000000")
        .await
        .expect(404);
    assert!([400, 404].contains(&system.get("/work/officials/none").await.status));
    let resident = account(&city, "resident").await;
    system
        .get(&format!("/work/officials/{resident}"))
        .await
        .expect(404);
    system
        .post_form(&format!("/work/officials/{resident}/leaving"), &[("reason", "x")])
        .await
        .expect(404);
    security
        .post_form("/work/officials/proposals/none", &[("outcome", "approve")])
        .await
        .expect(404);
    let long = "长".repeat(500);
    system
        .post_form(NEW, &somebody("long", &long, "shuili-head"))
        .await
        .expect(422);
    assert!(
        system
            .post_form(NEW, &somebody("script", "<script>", "shuili-head"))
            .await
            .expect(422)
            .has("&lt;script")
    );

    // The pack check finds what excludes each other, in posts and in people.
    let folder = tempfile::tempdir().unwrap();
    let pack = stories::pack_copy(folder.path());
    let change = |file: &str, from: &str, to: &str| {
        let path = pack.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    change(
        "organisations.toml",
        "roles = [\"audit-administrator\"]",
        "roles = [\"audit-administrator\", \"system-administrator\"]",
    );
    let found = kernel::pack::check(&city.app, &kernel::pack::Pack::read(&pack).unwrap());
    assert!(
        found
            .iter()
            .any(|f| f.contains("exclude each other") && f.contains("organisations.toml")),
        "{found:?}"
    );
}

async fn what_is_still_open(db: Db) {
    let city = City::open(db, DAY).await;
    // A task that was given to one reviewer in person, and a seal that the head keeps.
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    let reviewer = account(&city, "reviewer-cg").await;
    let given = city
        .execute(
            "UPDATE cases_work SET assignee = 'account:' || $1 WHERE status = 'open' AND case_id = $2 AND org_path LIKE '%chengguan%'",
            &[reviewer.as_str().into(), case.as_str().into()],
        )
        .await;
    assert!(given > 0);
    let mut system = city.client("system-admin").await;
    let page = system
        .get(&format!("/work/officials/{reviewer}/leaving"))
        .await
        .expect(200);
    assert!(
        page.has("指派给本人的待办任务") && page.has("请先移交"),
        "{}",
        page.text()
    );
    let sql = "SELECT custodian FROM seals_seal WHERE custodian IS NOT NULL AND state = 'active'";
    let keeper: String = city.scalar(sql, &[]).await.unwrap();
    let keeper = keeper.strip_prefix("account:").unwrap();
    let page = system
        .get(&format!("/work/officials/{keeper}/leaving"))
        .await
        .expect(200);
    assert!(page.has("保管中的印章"), "{}", page.text());

    // Whoever leaves loses what the city gave: second factors, passkeys, other systems' grants.
    let account: Uuid = reviewer.parse().unwrap();
    city.execute(
        "INSERT INTO identity_factor(id, account, kind, secret, used, version, created_at, confirmed_at) VALUES ('f', $1, 'totp', $2, 0, 1, 1, 1)",
        &[account.into(), vec![0u8].into()],
    )
    .await;
    city.execute(
        "INSERT INTO openid_grant(id, client, account, subject, session, sub, request, scopes, shown_at, methods, acr, level, created_at) \
         VALUES ('g', 'c', $1, 's', 'x', 'x', $2, 'openid offline_access', 1, 'pwd', NULL, 1, 1)",
        &[account.into(), REQUEST.into()],
    )
    .await;
    system
        .post_form(
            &format!("/work/officials/{reviewer}/leaving"),
            &[("reason", "调离")],
        )
        .await
        .expect(303);
    city.settle().await;
    let left = "SELECT COUNT(*) FROM identity_factor WHERE account = $1 AND removed_at IS NULL";
    assert_eq!(city.count(left, &[account.into()]).await, 0);
    let left = "SELECT COUNT(*) FROM openid_grant WHERE account = $1 AND ended_at IS NULL";
    assert_eq!(city.count(left, &[account.into()]).await, 0);
    let sql = "SELECT COUNT(*) FROM identity_session WHERE account = $1 AND ended_at IS NULL";
    assert_eq!(city.count(sql, &[account.into()]).await, 0);
}

async fn a_county_for_itself(db: Db) {
    let city = City::open(db, DAY).await;
    // A system administrator of a county administers the county.
    city.execute(
        "INSERT INTO identity_post(id, organisation, title, title_en, roles) VALUES ('xuyi-admin', 'xuyi', '县系统管理员', '', '[\"system-administrator\"]')",
        &[],
    )
    .await;
    city.execute(
        "UPDATE identity_holding SET post = 'xuyi-admin' WHERE post = 'shi-system-administrator'",
        &[],
    )
    .await;
    let mut county = city.client("system-admin").await;
    let page = county.get("/work/officials?q=").await.expect(200);
    assert!(
        page.has("reviewer-xy")
            && page.has("clerk-xy")
            && !page.has("reviewer-sl")
            && !page.has("security-admin")
    );
    let csv = county.get("/work/officials/export.csv").await.expect(200);
    assert!(csv.has("reviewer-xy") && !csv.has("reviewer-sl"));
    let foreign = account(&city, "reviewer-sl").await;
    county
        .get(&format!("/work/officials/{foreign}"))
        .await
        .expect(404);
    for path in [
        "leaving",
        "suspension",
        "posts",
        "return",
        "invitation",
        "resumption",
    ] {
        let got = county
            .post_form(
                &format!("/work/officials/{foreign}/{path}"),
                &[("reason", "x"), ("post", "xuyi-clerk")],
            )
            .await;
        assert_eq!(got.status, 404, "{path}");
    }
    let form = county.get(NEW).await.expect(200);
    assert!(form.has("xuyi-clerk") && !form.has("shuili-reviewer"));
    county
        .post_form(NEW, &somebody("grabs", "演示", "shuili-reviewer"))
        .await
        .expect(403);
    county
        .post_form(NEW, &somebody("own", "演示", "xuyi-clerk"))
        .await
        .expect(200);
    let own = account(&city, "own").await;
    county
        .post_form(
            &format!("/work/officials/{own}/posts"),
            &[("post", "shi-supervisor")],
        )
        .await
        .expect(403);
    assert!(county.get("/work/officials").await.has("reviewer-xy"));
}

const REVIEW: &str = "/work/reviews/new";

async fn access_is_reviewed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut security = city.client("security-admin").await;
    let form = security.get(REVIEW).await.expect(200);
    assert!(form.has("水利局") && form.has("各机构负责人"));
    // Only who runs reviews begins one; wrong words stay on the page.
    for who in ["system-admin", "audit-admin", "head-sl"] {
        city.client(who)
            .await
            .post_form(REVIEW, &[("title", "x"), ("due", "2026-12-31")])
            .await
            .expect(403);
    }
    let wrong = [
        ("title", "年度复核"),
        ("organisation", "shuili"),
        ("due", "2026-11-23"),
    ];
    let page = security.post_form(REVIEW, &wrong).await.expect(422);
    assert!(page.has("年度复核") && page.has("截止日期不对"));
    let clerk = account(&city, "clerk").await;
    let wrong = [
        ("title", "年度复核"),
        ("due", "2026-12-01"),
        ("reviewer", clerk.as_str()),
    ];
    security.post_form(REVIEW, &wrong).await.expect(422);
    city.colleague("reviewer-sl", "reviewer-sl-2").await;
    let begin = async |by: &mut Client, suspends: &str| {
        let fields = [
            ("title", "年度复核"),
            ("organisation", "shuili"),
            ("due", "2026-12-01"),
            ("suspends", suspends),
        ];
        by.post_form(REVIEW, &fields)
            .await
            .expect(303)
            .location()
            .to_string()
    };
    let here = begin(&mut security, "1").await;
    let page = security.get(&here).await.expect(200);
    assert!(page.has("演示审查癸") && page.has("演示负责人子") && page.has("进行中"));

    // The head of the bureau reviews the people there; the head's own post is another's.
    let item = async |login: &str| -> (String, String) {
        let id = here.rsplit('/').next().unwrap();
        let sql = "SELECT i.id FROM identity_review_item i JOIN identity_account a ON a.id = i.account WHERE i.review = $1 AND a.login = $2";
        let item: String = city.scalar(sql, &[id.into(), login.into()]).await.unwrap();
        let sql = "SELECT reviewer FROM identity_review_item WHERE id = $1";
        let reviewer = city.scalar(sql, &[item.as_str().into()]).await.unwrap();
        (item, reviewer)
    };
    let head = account(&city, "head-sl").await;
    let (first, by) = item("reviewer-sl").await;
    assert_eq!(by, head);
    let (second, _) = item("reviewer-sl-2").await;
    let (own, by) = item("head-sl").await;
    assert_ne!(by, head, "nobody reviews themself");
    let mut chief = city.client("head-sl").await;
    let page = chief.get(&here).await.expect(200);
    assert!(page.has("演示审查癸") && page.has(&first) && !page.has(&own));
    assert!(chief.get("/work/reviews").await.expect(200).has("年度复核"));
    let confirm = |item: &str| {
        vec![
            ("item".to_string(), item.to_string()),
            ("outcome".into(), "confirm".into()),
        ]
    };
    let post = async |c: &mut Client, fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        c.post_form(&here, &fields).await
    };
    // Not by others, not for oneself, not without choosing.
    for (who, status) in [("security-admin", 403), ("head-wj", 404)] {
        let got = post(&mut city.client(who).await, confirm(&first)).await;
        assert_eq!(got.status, status, "{who}");
    }
    city.client("head-wj").await.get(&here).await.expect(404);
    city.client("reviewer-sl").await.get(&here).await.expect(403);
    assert_eq!(post(&mut chief, confirm(&own)).await.status, 403);
    assert_eq!(
        post(&mut chief, vec![("outcome".into(), "confirm".into())])
            .await
            .status,
        422
    );
    assert_eq!(post(&mut chief, confirm("none")).await.status, 404);
    post(&mut chief, confirm(&first)).await.expect(303);
    assert_eq!(post(&mut chief, confirm(&first)).await.status, 409);
    // Ending a post needs a reason, and takes effect at once.
    let mut gone = city.client("reviewer-sl-2").await;
    gone.get("/work/cases").await.expect(200);
    let end = |reason: &str| {
        vec![
            ("item".to_string(), second.clone()),
            ("outcome".into(), "end".into()),
            ("reason".into(), reason.into()),
        ]
    };
    assert_eq!(post(&mut chief, end("")).await.status, 422);
    gone.get("/work/cases").await.expect(200);
    post(&mut chief, end("已转岗")).await.expect(303);
    gone.get("/work/cases").await.expect(403);

    // What nobody answered by the due date rests, and the campaign is closed for good.
    city.day("2026-12-01");
    job(&city, "identity.reviews").await;
    city.client("head-sl").await.get("/work/cases").await.expect(200);
    city.day("2026-12-02");
    job(&city, "identity.reviews").await;
    let mut chief = city.client("head-sl").await;
    chief.get("/work/cases").await.expect(403);
    city.client("reviewer-sl")
        .await
        .get("/work/cases")
        .await
        .expect(200);
    let mut security = city.client("security-admin").await;
    let page = security.get(&here).await.expect(200);
    assert!(
        page.has("已结束") && page.has("逾期暂停") && page.has("已确认") && page.has("已转岗"),
        "{}",
        page.text()
    );
    assert_eq!(post(&mut security, confirm(&own)).await.status, 409);
    security
        .post_form(&format!("{here}/closing"), &[])
        .await
        .expect(409);
    let csv = security.get(&format!("{here}/export.csv")).await.expect(200);
    assert!(csv.has("已转岗") && csv.has("逾期暂停") && csv.text().starts_with('\u{feff}'));
    assert_eq!(sound(&city).await, Vec::<String>::new());
    // Taking the rest away by hand is found; a security administrator does it in the open.
    let holding: String = city
        .scalar(
            "SELECT holding FROM identity_pause WHERE holding LIKE 'shuili-head:%'",
            &[],
        )
        .await
        .unwrap();
    let resume = format!("/work/officials/{head}/posts/{holding}/resumption");
    assert!(
        security
            .get(&format!("/work/officials/{head}"))
            .await
            .has("已暂停")
    );
    city.client("system-admin")
        .await
        .post_form(&resume, &[])
        .await
        .expect(403);
    security.post_form(&resume, &[]).await.expect(303);
    security.post_form(&resume, &[]).await.expect(409);
    chief.get("/work/cases").await.expect(200);
    assert_eq!(sound(&city).await, Vec::<String>::new());

    // One that lets nothing rest stays open as overdue until it is closed; then it says what was missed.
    let fields = [
        ("title", "专项复核"),
        ("organisation", "shuili"),
        ("due", "2026-12-03"),
        ("reviewer", head.as_str()),
    ];
    let here = security
        .post_form(REVIEW, &fields)
        .await
        .expect(303)
        .location()
        .to_string();
    city.day("2026-12-04");
    job(&city, "identity.reviews").await;
    let mut security = city.client("security-admin").await;
    assert!(security.get(&here).await.expect(200).has("已逾期"));
    security
        .post_form(&format!("{here}/closing"), &[])
        .await
        .expect(303);
    assert!(security.get(&here).await.has("未复核"));
    city.client("reviewer-sl")
        .await
        .get("/work/cases")
        .await
        .expect(200);
    city.execute("DELETE FROM identity_review_item WHERE answer = 'missed'", &[])
        .await;
    assert!(
        !sound(&city).await.is_empty(),
        "a campaign changed by hand is found"
    );
}

async fn the_tree_has_a_history(db: Db) {
    let city = City::open(db, DAY).await;
    let mut system = city.client("system-admin").await;
    let tree = system.get("/work/organisations").await.expect(200);
    assert!(tree.has("市水利局") || tree.has("水利局"));
    let act = async |c: &mut Client, id: &str, fields: &[(&str, &str)]| {
        c.post_form(&format!("/work/organisations/{id}"), fields).await
    };
    // Others see it and change nothing.
    let rename = [
        ("act", "rename"),
        ("name", "淮安市水务局"),
        ("short", "市水务局"),
        ("reason", "机构改革"),
        ("on", "2026-11-20"),
    ];
    for who in ["security-admin", "audit-admin"] {
        let mut c = city.client(who).await;
        c.get("/work/organisations/shuili").await.expect(200);
        act(&mut c, "shuili", &rename).await.expect(403);
    }
    city.client("clerk")
        .await
        .get("/work/organisations")
        .await
        .expect(403);

    // Founded, renamed, moved: the tree of each day is what it was then.
    let child = |id: &'static str, on: &'static str| {
        vec![
            ("act", "child"),
            ("name", "演示节水中心"),
            ("short", ""),
            ("name_en", ""),
            ("id", id),
            ("kind", "institution"),
            ("area", ""),
            ("credit_code", ""),
            ("on", on),
            ("reason", "新设"),
        ]
    };
    let wrong = act(&mut system, "shuili", &child("Bad Id", "")).await.expect(422);
    assert!(wrong.has("标识为 2 至 60 位") && wrong.has("演示节水中心"));
    act(&mut system, "shuili", &child("shuili", "")).await.expect(409);
    act(&mut system, "shuili", &child("jieshui", "2027-01-01"))
        .await
        .expect(422);
    act(&mut system, "shuili", &child("jieshui", "2026-11-10"))
        .await
        .expect(303);
    act(&mut system, "shuili", &rename).await.expect(303);
    let again = [
        ("act", "rename"),
        ("name", "旧日期"),
        ("reason", "x"),
        ("on", "2026-11-19"),
    ];
    act(&mut system, "shuili", &again).await.expect(422);
    let path: String = city
        .scalar("SELECT path FROM identity_organisation WHERE id = 'jieshui'", &[])
        .await
        .unwrap();
    assert!(path.ends_with("/shuili/jieshui/"), "{path}");
    let on =
        async |c: &mut Client, day: &str| c.get(&format!("/work/organisations?on={day}")).await.expect(200);
    let page = on(&mut system, "2026-11-09").await;
    assert!(page.has("淮安市水利局") && !page.has("演示节水中心") && !page.has("水务局"));
    let page = on(&mut system, "2026-11-15").await;
    assert!(page.has("淮安市水利局") && page.has("演示节水中心"));
    let page = on(&mut system, "2026-11-24").await;
    assert!(!page.has("淮安市水利局") && page.has("淮安市水务局"));
    system.get("/work/organisations?on=yesterday").await.expect(422);
    // Not into itself, nor below itself; the path by which rights are reckoned stays.
    let to = |parent: &'static str| {
        vec![
            ("act", "move"),
            ("parent", parent),
            ("reason", "划转"),
            ("on", ""),
        ]
    };
    for parent in ["shuili", "jieshui", "nowhere"] {
        act(&mut system, "shuili", &to(parent)).await.expect(422);
    }
    act(&mut system, "jieshui", &to("chengguan")).await.expect(303);
    let after: String = city
        .scalar("SELECT path FROM identity_organisation WHERE id = 'jieshui'", &[])
        .await
        .unwrap();
    assert_eq!(after, path);
    assert!(
        system
            .get("/work/organisations/jieshui")
            .await
            .expect(200)
            .has("调整隶属")
    );

    // A post is founded and given by two; while it is held neither it nor its organisation is retired.
    let post = |roles: &'static [&'static str]| {
        let mut all = vec![
            ("act", "post"),
            ("name", "节水专员"),
            ("name_en", ""),
            ("id", "jieshui-officer"),
            ("reason", "三定方案"),
        ];
        all.extend(roles.iter().map(|r| ("role", *r)));
        all
    };
    act(&mut system, "jieshui", &post(&[])).await.expect(422);
    act(&mut system, "jieshui", &post(&["citizen"])).await.expect(422);
    act(
        &mut system,
        "jieshui",
        &post(&["system-administrator", "audit-administrator"]),
    )
    .await
    .expect(409);
    act(&mut system, "jieshui", &post(&["reviewer"]))
        .await
        .expect(303);
    act(&mut system, "jieshui", &post(&["reviewer"]))
        .await
        .expect(409);
    system
        .post_form(NEW, &somebody("saver", "演示节水员", "jieshui-officer"))
        .await
        .expect(200);
    let retire_post = [
        ("act", "retire-post"),
        ("id", "jieshui-officer"),
        ("reason", "撤并"),
    ];
    let retire = [("act", "retire"), ("reason", "撤并")];
    let refused = act(&mut system, "jieshui", &retire_post).await.expect(409);
    assert!(refused.has("待审批 1 项") && refused.has("请先"));
    let mut security = city.client("security-admin").await;
    let proposal = waiting(&city, "saver").await;
    security
        .post_form(
            &format!("/work/officials/proposals/{proposal}"),
            &[("outcome", "approve")],
        )
        .await
        .expect(303);
    act(&mut system, "jieshui", &retire_post).await.expect(409);
    let refused = act(&mut system, "jieshui", &retire).await.expect(409);
    assert!(
        refused.has("岗位 1 个") && refused.has("在任人员 1 人"),
        "{}",
        refused.text()
    );
    let saver = account(&city, "saver").await;
    system
        .post_form(&format!("/work/officials/{saver}/leaving"), &[("reason", "撤并")])
        .await
        .expect(303);
    act(&mut system, "jieshui", &retire).await.expect(409);
    act(&mut system, "jieshui", &retire_post).await.expect(303);
    act(&mut system, "jieshui", &retire_post).await.expect(404);
    act(&mut system, "chengguan", &retire).await.expect(409);
    act(&mut system, "jieshui", &retire).await.expect(303);
    act(&mut system, "jieshui", &retire).await.expect(409);
    // Nobody is put at what is retired; the past keeps it.
    assert!(!system.get(NEW).await.has("jieshui-officer"));
    system
        .post_form(NEW, &somebody("late", "演示", "jieshui-officer"))
        .await
        .expect(422);
    assert!(!system.get("/work/organisations").await.has("演示节水中心"));
    let page = on(&mut system, "2026-11-23").await;
    assert!(page.has("演示节水中心"));
    assert_eq!(sound(&city).await, Vec::<String>::new());
    city.execute(
        "UPDATE identity_version SET name = '改写' WHERE change = 'renamed'",
        &[],
    )
    .await;
    assert_eq!(sound(&city).await.len(), 1, "a history changed by hand is found");
}

async fn an_older_city_gets_the_roles(db: Db) {
    let place = stories::Place::new(db);
    let start = async || {
        let place = place.clone();
        let config = place.config();
        City::start(place, config, DAY, None).await.unwrap()
    };
    let city = start().await;
    // As if it had been founded before there were three administrators, and somebody had changed a role since.
    for sql in [
        "DELETE FROM identity_holding WHERE post LIKE 'shi-s%-administrator' OR post = 'shi-audit-administrator'",
        "DELETE FROM identity_post WHERE id LIKE 'shi-s%-administrator' OR id = 'shi-audit-administrator'",
        "DELETE FROM identity_role WHERE id IN ('system-administrator', 'security-administrator', 'audit-administrator')",
        "DELETE FROM identity_exclusion",
        "UPDATE identity_role SET title = '自定' WHERE id = 'clerk'",
    ] {
        city.execute(sql, &[]).await;
    }
    drop(city);
    let city = start().await;
    let three = "SELECT COUNT(*) FROM identity_role WHERE id IN ('system-administrator', 'security-administrator', 'audit-administrator')";
    assert_eq!(city.count(three, &[]).await, 3);
    assert_eq!(
        city.count("SELECT COUNT(*) FROM identity_exclusion", &[]).await,
        5
    );
    assert_eq!(
        city.count("SELECT COUNT(*) FROM identity_role WHERE title = '自定'", &[])
            .await,
        1
    );
    // The operator puts the first two in office; from then on it goes by itself.
    for (login, post) in [
        ("system-admin", "shi-system-administrator"),
        ("security-admin", "shi-security-administrator"),
    ] {
        let id = account(&city, login).await.parse().unwrap();
        identity::api::appoint(&city.system(), post, id, "2020-01-01")
            .await
            .unwrap();
        city.client(login).await.get("/work/officials").await.expect(200);
    }
    let facts = city
        .count(
            "SELECT COUNT(*) FROM kernel_fact WHERE type = 'identity.structure.loaded'",
            &[],
        )
        .await;
    drop(city);
    let city = start().await;
    let again = city
        .count(
            "SELECT COUNT(*) FROM kernel_fact WHERE type = 'identity.structure.loaded'",
            &[],
        )
        .await;
    assert_eq!(facts, again, "once is enough");
}
