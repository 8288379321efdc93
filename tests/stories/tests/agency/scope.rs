//! Scope by verbs, matters and themes; changing it; its term; what one person may do in a day.

use super::{AGENT, CLERK, DAY, SHOP, UNKNOWN, daily, invite, known, newest, set, shop};
use stories::matter::answers;
use stories::{City, Client, Db, on_both};

on_both!(
    a_theme_holds_what_comes_to_it,
    scope_is_changed_by_a_form,
    a_term_is_announced_and_extended,
    signing_for_another_needs_leave,
    nobody_tries_without_end,
);

async fn refused_matter(agent: &mut Client, matter: &str) {
    let begin = format!("/matters/{matter}/cases");
    let refused = agent.post_form(&begin, &[]).await.expect(403);
    assert!(refused.has("不含这一事项"), "{}", refused.text());
}

async fn a_theme_holds_what_comes_to_it(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut agent, firm, power) = shop(&city, &[("theme-准营准办", "1")]).await;
    let page = her.get(&format!("/me/firms/{firm}")).await.expect(200);
    assert!(page.has("主题：准营准办"), "{}", page.text());
    let (case, _) = agent.apply().await;
    refused_matter(&mut agent, "dig-road").await;
    assert!(agent.get("/api/v1/cases").await.expect(200).has(&case));
    // Dig-road comes to the theme by an edition.
    let mut steward = city.client("steward-cg").await;
    let started = steward
        .post_form("/work/matters/dig-road/editions", &[])
        .await
        .expect(303);
    let edition = started.location().split('/').nth(4).unwrap().to_string();
    let at = format!("/work/matters/editions/{edition}/sheet");
    let mut fields = steward.get(&at).await.expect(200).form(&at);
    let themes = fields
        .iter_mut()
        .find(|(n, _)| n == "elements.themes")
        .expect("a field");
    themes.1 = "市政公用、准营准办".into();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    steward.post_form(&at, &fields).await.expect(303);
    for (who, noun) in [("steward-cg", "submission"), ("publisher", "publication")] {
        let sql = "SELECT version FROM services_edition WHERE id = $1";
        let version = city.count(sql, &[edition.as_str().into()]).await.to_string();
        let at = format!("/work/matters/editions/{edition}/{noun}");
        let fields = [("version", version.as_str()), ("opinion", "")];
        city.client(who).await.post_form(&at, &fields).await.expect(303);
    }
    city.settle().await;
    let second = agent.begin("dig-road").await;
    agent.get(&format!("/cases/{second}/form")).await.expect(200);
    assert!(agent.get("/api/v1/cases").await.expect(200).has(&second));
    // Another theme, beside one matter by its title: what was begun before is out of reach, in lists too.
    let mixed = [("theme-公积金", "1"), ("matters", "挖掘城市道路审批\n")];
    set(&mut her, &firm, &power, &["apply", "read"], &mixed, "2027-06-30")
        .await
        .expect(303);
    refused_matter(&mut agent, "occupy-road").await;
    assert!(
        agent
            .get(&format!("/cases/{case}"))
            .await
            .expect(403)
            .has("不含这一事项")
    );
    let list = agent.get("/api/v1/cases").await.expect(200);
    assert!(list.has(&second) && !list.has(&case));
    // What nobody knows is named, and the words are kept.
    for (field, value) in [("matters", "办理月球许可"), ("theme-月球", "1")] {
        let wrong = set(
            &mut her,
            &firm,
            &power,
            &["read"],
            &[(field, value)],
            "2027-06-30",
        )
        .await
        .expect(422);
        assert!(wrong.has("月球"), "{}", wrong.text());
    }
    let sql = "SELECT matters FROM identity_power WHERE id = $1";
    let kept: String = city.scalar(sql, &[power.as_str().into()]).await.unwrap();
    assert_eq!(kept, "dig-road theme:公积金");
    // Who has a matter does not have its theme to give.
    let act = format!("/me/firms/{firm}/powers/{power}/act");
    her.post_form(&act, &[("act", "end")]).await.expect(303);
    let manager = [
        ("role", "manager"),
        ("verb-read", "1"),
        ("theme-市政公用", "1"),
        ("matters", "tree-felling"),
    ];
    invite(&mut her, &firm, AGENT, &manager).await.expect(303);
    let managing = newest(&city, &firm, "manager").await;
    super::accept(&mut agent, &managing).await.expect(303);
    for scope in [
        ("theme-准营准办", "1"),
        ("matters", "food-business"),
        ("theme-农林牧渔", "1"),
        ("role", "agent"),
    ] {
        let fields = [("role", "agent"), ("verb-read", "1"), scope];
        invite(&mut agent, &firm, CLERK, &fields).await.expect(403);
    }
    let inside = [
        ("role", "agent"),
        ("verb-read", "1"),
        ("matters", "occupy-road、tree-felling"),
    ];
    invite(&mut agent, &firm, CLERK, &inside).await.expect(303);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn scope_is_changed_by_a_form(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut agent, firm, power) = shop(&city, &[("verb-apply", "1"), ("verb-read", "1")]).await;
    let (case, number) = agent.apply().await;
    let path = format!("/me/firms/{firm}/powers/{power}");
    // The form stands as the power does.
    let form = her.get(&path).await.expect(200).form(&path);
    let has = |name: &str| form.iter().any(|(n, _)| n == name);
    assert!(
        has("verb-apply") && has("verb-read") && has("all-matters"),
        "{form:?}"
    );
    assert!(!has("verb-sign") && !has("all-verbs"));
    // Unticking the last box does not give everything, nor do both together.
    let nothing = set(
        &mut her,
        &firm,
        &power,
        &[],
        &[("all-matters", "1")],
        "2027-06-30",
    )
    .await
    .expect(422);
    assert!(nothing.has("二者选一"), "{}", nothing.text());
    set(&mut her, &firm, &power, &["read"], &[], "2027-06-30")
        .await
        .expect(422);
    let both = [("all-matters", "1"), ("all-verbs", "1")];
    set(&mut her, &firm, &power, &["read"], &both, "2027-06-30")
        .await
        .expect(422);
    let long = [("all-matters", "1")];
    set(&mut her, &firm, &power, &["read"], &long, "2029-06-30")
        .await
        .expect(422);
    // Narrowed: the session that runs feels it at once, and is told.
    set(
        &mut her,
        &firm,
        &power,
        &["read"],
        &[("all-matters", "1")],
        "2027-06-30",
    )
    .await
    .expect(303);
    agent
        .post_form(&format!("/cases/{case}/withdrawal"), &[])
        .await
        .expect(403);
    agent.get(&format!("/cases/{case}")).await.expect(200);
    city.settle().await;
    let sql = "SELECT COUNT(*) FROM comms_message m JOIN identity_account a ON a.subject = m.recipient \
               WHERE m.kind = 'power-changed' AND m.reference = $1 AND a.login = 'agent'";
    let told = city.count(sql, &[power.as_str().into()]).await;
    assert!(told >= 2, "accepted and changed: {told}");
    agent.post_form("/me/acting", &[]).await.expect(303);
    let messages = agent.get("/me/messages").await.expect(200);
    assert!(messages.has("代表： 演示便民小卖部"), "{}", messages.text());
    assert!(messages.leads(&path), "the notice leads to the power");
    // He reads what it holds, and what it held; he changes nothing.
    let page = agent.get(&path).await.expect(200);
    assert!(
        page.has("→") && page.has("申请、补正、撤回") && !page.has("变更范围和期限"),
        "{}",
        page.text()
    );
    set(
        &mut agent,
        &firm,
        &power,
        &["read"],
        &[("all-matters", "1"), ("all-verbs", "1")],
        "2027-06-30",
    )
    .await
    .expect(404);
    city.client("clerk").await.get(&path).await.expect(404);
    // The same again is no change.
    let facts = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'identity.power.changed'";
    let before = city.count(facts, &[]).await;
    set(
        &mut her,
        &firm,
        &power,
        &["read"],
        &[("all-matters", "1")],
        "2027-06-30",
    )
    .await
    .expect(303);
    assert_eq!(city.count(facts, &[]).await, before);
    // A power for one matter shows no messages of the firm, which tell of all.
    let one = [("matters", "dig-road")];
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    assert!(agent.get("/me/messages").await.expect(200).has(&number));
    set(&mut her, &firm, &power, &["read"], &one, "2027-06-30")
        .await
        .expect(303);
    let sql = "UPDATE comms_message SET kind = kind WHERE recipient = $1";
    assert!(
        city.execute(sql, &[firm.as_str().into()]).await > 0,
        "the firm was told of the case"
    );
    let sql = "DELETE FROM comms_message WHERE recipient = (SELECT subject FROM identity_account WHERE login = 'agent')";
    city.execute(sql, &[]).await;
    assert!(!agent.get("/me/messages").await.expect(200).has(&number));
}

async fn told_of_end(city: &City, login: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM comms_message m JOIN identity_account a ON a.subject = m.recipient \
               WHERE m.kind = 'power-ending' AND a.login = $1";
    city.count(sql, &[login.into()]).await
}

async fn a_term_is_announced_and_extended(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, _, firm, power) = shop(&city, &[]).await;
    let all = [("all-verbs", "1"), ("all-matters", "1")];
    set(&mut her, &firm, &power, &[], &all, "2026-12-20")
        .await
        .expect(303);
    city.day("2026-12-05");
    daily(&city).await;
    assert_eq!(told_of_end(&city, "agent").await, 0, "fifteen days are too early");
    for day in ["2026-12-06", "2026-12-07"] {
        city.day(day);
        daily(&city).await;
        assert_eq!(
            [
                told_of_end(&city, "agent").await,
                told_of_end(&city, "resident").await
            ],
            [1, 1],
            "{day}"
        );
    }
    let mut her = city.client("resident").await;
    let page = her.get("/me/messages").await.expect(200);
    assert!(
        page.has("2026年12月20日") && page.has("代表： 演示便民小卖部"),
        "{}",
        page.text()
    );
    set(&mut her, &firm, &power, &[], &all, "2027-01-20")
        .await
        .expect(303);
    city.day("2026-12-21");
    let mut agent = city.client("agent").await;
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    agent.begin("occupy-road").await;
    // The new end is announced as the first was; after it nothing goes.
    city.day("2027-01-06");
    daily(&city).await;
    assert_eq!(
        [
            told_of_end(&city, "agent").await,
            told_of_end(&city, "resident").await
        ],
        [2, 2]
    );
    city.day("2027-01-21");
    let mut agent = city.client("agent").await;
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(403);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn signing_for_another_needs_leave(db: Db) {
    let city = City::with(db, DAY, |pack| {
        let file = pack.join("matters/occupy-road/matter.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replacen("id = \"site-photo\"", "id = \"site-photo\"\npromise = true", 1);
        std::fs::write(&file, text).unwrap();
    })
    .await;
    let verbs = [("verb-apply", "1"), ("verb-read", "1"), ("verb-receive", "1")];
    let (mut her, mut agent, firm, power) = shop(&city, &verbs).await;
    let case = agent.begin("occupy-road").await;
    let path = format!("/cases/{case}/form");
    let plan = [("file-site-plan", "plan.pdf", stories::matter::PDF)];
    let form = |action: &'static str| {
        let mut form = answers();
        form.extend([("waive-site-photo", "promise"), ("action", action)]);
        form
    };
    for action in ["review", "submit"] {
        let refused = agent
            .post_multipart(&path, &form(action), &plan)
            .await
            .expect(403);
        assert!(
            refused.has("代为签署") && refused.has(stories::matter::LOCATION),
            "{}",
            refused.text()
        );
    }
    agent
        .post_form(&format!("/cases/{case}/submission"), &[])
        .await
        .expect(403);
    let mut program = agent.clone();
    program.accept = "application/json";
    program
        .post_json(
            &format!("/api/v1/cases/{case}/submission"),
            &[],
            &serde_json::json!({}),
        )
        .await
        .expect(403);
    assert_eq!(city.state(&case).await, "draft");
    let all = [("all-matters", "1")];
    set(
        &mut her,
        &firm,
        &power,
        &["apply", "read", "receive", "sign"],
        &all,
        "2027-06-30",
    )
    .await
    .expect(303);
    agent
        .post_multipart(&path, &form("submit"), &[])
        .await
        .expect(303);
    assert_eq!(city.state(&case).await, "submitted");
    // The receipt of a delivery is signed as well.
    set(
        &mut her,
        &firm,
        &power,
        &["apply", "read", "receive"],
        &all,
        "2027-06-30",
    )
    .await
    .expect(303);
    agent
        .post_form(&format!("/cases/{case}/delivery"), &[("way", "download")])
        .await
        .expect(303);
    city.decide(&case, "agree", "grant").await;
    let confirm = format!("/cases/{case}/delivery/confirmation");
    assert!(agent.post_form(&confirm, &[]).await.expect(403).has("代为签署"));
    set(
        &mut her,
        &firm,
        &power,
        &["read", "receive", "sign"],
        &all,
        "2027-06-30",
    )
    .await
    .expect(303);
    agent.post_form(&confirm, &[]).await.expect(303);
    let page = agent.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has("演示经办人乙（代演示便民小卖部）"), "{}", page.text());
    // Nobody needs leave to sign for themselves, even while acting for another with less.
    let mut own = city.client("agent").await;
    let mine = own.begin("occupy-road").await;
    own.post_form("/me/acting", &[("firm", &firm)]).await.expect(303);
    set(&mut her, &firm, &power, &["read"], &all, "2027-06-30")
        .await
        .expect(303);
    own.post_multipart(&format!("/cases/{mine}/form"), &form("submit"), &plan)
        .await
        .expect(303);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn nobody_tries_without_end(db: Db) {
    let city = City::with(db, DAY, |pack| {
        let file = pack.join("pack.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("invitations_a_day = 50", "invitations_a_day = 2");
        std::fs::write(&file, text.replace("tries_a_day = 10", "tries_a_day = 3")).unwrap();
    })
    .await;
    // A person, whatever the browser and the firm; others at the same address go on.
    let mut him = known(&city, "agent").await;
    for code in [SHOP, UNKNOWN, SHOP] {
        him.post_form("/me/firms", &[("code", code)]).await.expect(403);
    }
    for browser in [him, city.client("agent").await].iter_mut() {
        let page = browser
            .post_form("/me/firms", &[("code", SHOP)])
            .await
            .expect(429);
        assert!(page.has("次数过多") && page.has(SHOP), "{}", page.text());
        let child = [("number", super::CHILD.0), ("name", super::CHILD.1)];
        browser.post_form("/me/family", &child).await.expect(429);
    }
    let mut her = known(&city, "resident").await;
    let firm = super::establish(&mut her, SHOP).await;
    for who in [AGENT, CLERK] {
        invite(&mut her, &firm, who, &[("role", "agent")])
            .await
            .expect(303);
    }
    let third = ("320899197001011230", "演示无此人");
    let page = invite(&mut her, &firm, third, &[("role", "agent")])
        .await
        .expect(429);
    assert!(page.has(third.0), "words are kept");
    let mut again = city.client("resident").await;
    invite(&mut again, &firm, third, &[("role", "agent")])
        .await
        .expect(429);
    city.day("2026-11-26");
    let mut her = city.client("resident").await;
    invite(&mut her, &firm, third, &[("role", "agent")])
        .await
        .expect(303);
    let mut him = city.client("agent").await;
    him.post_form("/me/firms", &[("code", SHOP)]).await.expect(403);
}
