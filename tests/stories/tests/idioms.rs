//! What the administration does to a case beside its process: each idiom with its rights, trail and effect on the clock.

use kernel::params;
use stories::matter::{PDF, PDF2, answers};
use stories::{City, Client, Db, on_both};

on_both!(
    signatures,
    handing_over,
    delegation,
    taking_back,
    urging,
    missing_materials,
    special_procedure_and_extension,
    counter,
    many_at_once,
    watching,
);

/// The account id of a login, as forms name people.
async fn actor(city: &City, login: &str) -> String {
    let sql = "SELECT id FROM identity_account WHERE login = $1";
    let id: Option<String> = city.scalar(sql, params![login]).await;
    format!("account:{}", id.unwrap())
}

/// Sends a form to a noun of the work item that this official has.
async fn on_work(who: &mut Client, case: &str, noun: &str, fields: &[(&str, &str)]) -> stories::Answer {
    let (version, work) = who.task(case).await;
    let mut all = vec![("version", version.as_str())];
    all.extend(fields);
    who.post_form(&format!("/work/cases/{case}/work/{work}/{noun}"), &all)
        .await
}

async fn on_case(who: &mut Client, case: &str, noun: &str, fields: &[(&str, &str)]) -> stories::Answer {
    let (version, _) = who.task(case).await;
    let mut all = vec![("version", version.as_str())];
    all.extend(fields);
    who.post_form(&format!("/work/cases/{case}/{noun}"), &all).await
}

/// A case that the clerk has accepted.
async fn accepted(city: &City) -> String {
    let (case, _) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    case
}

async fn signatures(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let case = accepted(&city).await;
    let (mut cg, mut head, mut sl) = (
        city.client("reviewer-cg").await,
        city.client("head").await,
        city.client("reviewer-sl").await,
    );
    // The water bureau has no part in the case, so it is not there for it.
    sl.get(&format!("/work/cases/{case}")).await.expect(404);
    let water = actor(&city, "reviewer-sl").await;
    let resident = actor(&city, "resident").await;
    let (version, work) = cg.task(&case).await;
    let page = cg
        .get(&format!(
            "/work/cases/{case}/work/{work}/giving?version={version}"
        ))
        .await
        .expect(200);
    assert!(
        page.has(&water) && !page.has(&resident),
        "officials are offered, citizens are not"
    );
    let why = ("reason", "涉及河道管理范围，请会签。");
    let nobody = on_work(&mut cg, &case, "signatures", &[("to", &resident), why]).await;
    assert!(nobody.expect(422).has("选择的人员不能办理这项工作"));
    let silent = on_work(&mut cg, &case, "signatures", &[("to", &water), ("reason", " ")]).await;
    silent.expect(422);
    // Before: the own task waits for the signature.
    let ask = [("to", water.as_str()), ("order", "before"), why];
    on_work(&mut cg, &case, "signatures", &ask).await.expect(303);
    assert_eq!(cg.task(&case).await.1, "", "the reviewer waits");
    assert!(cg.get(&format!("/work/cases/{case}")).await.has("等待会签"));
    assert!(sl.get("/work").await.has("会签"));
    // Only the one who was asked signs.
    assert_eq!(head.task(&case).await.1, "");
    assert!(
        sl.finish(&case, "disagree", "")
            .await
            .expect(422)
            .has("请写明意见和理由")
    );
    sl.finish(&case, "disagree", "占用河道保护范围。")
        .await
        .expect(303);
    let page = cg.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("占用河道保护范围") && page.has("不同意"));
    cg.finish(&case, "agree", "").await.expect(303);
    // After: the join waits until the later signature is there too.
    let mut jj = city.client("reviewer-jj").await;
    let later = [("to", water.as_str()), ("order", "after"), ("reason", "请复核。")];
    on_work(&mut jj, &case, "signatures", &later).await.expect(303);
    jj.finish(&case, "agree", "").await.expect(303);
    assert_eq!(head.task(&case).await.1, "", "the join waits for the signature");
    sl.finish(&case, "agree", "").await.expect(303);
    head.finish(&case, "grant", "").await.expect(303);
    city.settle().await;
    assert_eq!(city.state(&case).await, "granted");
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn handing_over(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let case = accepted(&city).await;
    let (mut cg, mut jj) = (city.client("reviewer-cg").await, city.client("reviewer-jj").await);
    // A colleague of another bureau does not hold the post.
    let other = actor(&city, "reviewer-jj").await;
    let refused = on_work(
        &mut cg,
        &case,
        "transfer",
        &[("to", &other), ("reason", "轮岗。")],
    )
    .await;
    assert!(refused.expect(422).has("选择的人员不能办理这项工作"));
    let colleague = city.colleague("reviewer-cg", "reviewer-cg-2").await;
    on_work(
        &mut cg,
        &case,
        "transfer",
        &[("to", &colleague), ("reason", "轮岗。")],
    )
    .await
    .expect(303);
    // It is the colleague's alone from then on.
    assert_eq!(cg.task(&case).await.1, "");
    let mut two = city.client("reviewer-cg-2").await;
    assert!(two.get("/work").await.has("指定给您"));
    two.finish(&case, "agree", "").await.expect(303);
    let page = jj.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("转办至"), "the timeline says it");
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn delegation(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let case = accepted(&city).await;
    for who in ["reviewer-cg", "reviewer-jj"] {
        city.client(who)
            .await
            .finish(&case, "agree", "")
            .await
            .expect(303);
    }
    let (mut head, mut cg) = (city.client("head").await, city.client("reviewer-cg").await);
    // A reviewer decides nothing of the own right.
    assert_eq!(cg.task(&case).await.1, "");
    let stand_in = actor(&city, "reviewer-cg").await;
    on_work(
        &mut head,
        &case,
        "delegation",
        &[("to", &stand_in), ("reason", "出差期间委托。")],
    )
    .await
    .expect(303);
    assert_eq!(head.task(&case).await.1, "");
    let page = cg.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("受") && page.has("委托"));
    cg.finish(&case, "grant", "").await.expect(303);
    city.settle().await;
    assert_eq!(city.state(&case).await, "granted");
    let page = head.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("委托"), "the record says in whose name");
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn taking_back(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let case = accepted(&city).await;
    let mut clerk = city.client("clerk").await;
    let due = city.due(&case).await.0;
    // The clerk takes the acceptance back: its clock runs on, the reviews are gone.
    let page = clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    let work = page
        .between(&format!("/work/cases/{case}/work/"), "/recall")
        .unwrap();
    let version = city.version(&case).await;
    let path = format!("/work/cases/{case}/work/{work}/recall");
    clerk.post_form(&path, &[("version", &version)]).await.expect(303);
    assert_eq!(city.state(&case).await, "submitted");
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-01"));
    assert_ne!(city.due(&case).await.0, due);
    let mut cg = city.client("reviewer-cg").await;
    assert_eq!(cg.task(&case).await.1, "");
    clerk.finish(&case, "done", "").await.expect(303);
    cg.finish(&case, "agree", "").await.expect(303);
    // Somebody has acted on it since.
    let version = city.version(&case).await;
    let page = clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(!page.has("/recall\""));
    let late = clerk.post_form(&path, &[("version", &version)]).await;
    assert_eq!(late.status, 409, "{}", late.text());
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn urging(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    let path = format!("/cases/{case}/urging");
    city.client("agent").await.post_form(&path, &[]).await.expect(404);
    her.post_form(&path, &[]).await.expect(303);
    assert!(her.post_form(&path, &[]).await.expect(409).has("今天已经催办过"));
    assert!(city.client("clerk").await.get("/work").await.has("已催办"));
    // A supervisor may as often as it takes; a clerk may not.
    let path = format!("/work/cases/{case}/urging");
    let mut supervisor = city.client("supervisor").await;
    supervisor.post_form(&path, &[]).await.expect(303);
    supervisor.post_form(&path, &[]).await.expect(303);
    city.client("clerk").await.post_form(&path, &[]).await.expect(403);
    let urged = "SELECT urged FROM cases_work WHERE case_id = $1 AND status = 'open'";
    assert_eq!(city.count(urged, params![case.as_str()]).await, 3);
    // Tomorrow she may again; once it has ended, nobody.
    city.day("2026-11-25");
    let mut her = city.client("resident").await;
    her.post_form(&format!("/cases/{case}/urging"), &[])
        .await
        .expect(303);
    city.decide(&case, "agree", "grant").await;
    her.post_form(&format!("/cases/{case}/urging"), &[])
        .await
        .expect(409);
}

async fn missing_materials(db: Db) {
    // The sample matter, with one material that may follow and one that a promise may replace.
    let city = City::with(db, "2026-11-24", |pack| {
        let file = pack.join("matters/occupy-road/matter.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replacen("id = \"site-plan\"", "id = \"site-plan\"\ngap = true", 1);
        let text = text.replacen("id = \"site-photo\"", "id = \"site-photo\"\npromise = true", 1);
        std::fs::write(&file, text).unwrap();
    })
    .await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    let mut form = answers();
    form.extend([
        ("waive-site-plan", "gap"),
        ("waive-site-photo", "gap"),
        ("action", "submit"),
    ]);
    let path = format!("/cases/{case}/form");
    // What the matter does not let follow must be there.
    let refused = her.post_multipart(&path, &form, &[]).await.expect(422);
    assert!(refused.has("请上传") && refused.has("暂缺，受理后补交"));
    form.retain(|(n, _)| *n != "waive-site-photo");
    form.push(("waive-site-photo", "promise"));
    her.post_multipart(&path, &form, &[]).await.expect(303);
    let mut clerk = city.client("clerk").await;
    // The clerk decides on what is missing first.
    assert!(clerk.finish(&case, "done", "").await.expect(409).has("申请容缺"));
    let other = on_work(&mut clerk, &case, "gaps", &[("material", "site-photo")]).await;
    other.expect(409);
    on_work(&mut clerk, &case, "gaps", &[("material", "site-plan")])
        .await
        .expect(303);
    clerk.finish(&case, "done", "").await.expect(303);
    for who in ["reviewer-cg", "reviewer-jj"] {
        city.client(who)
            .await
            .finish(&case, "agree", "")
            .await
            .expect(303);
    }
    // Nothing is granted before it is here.
    let mut head = city.client("head").await;
    assert!(
        head.finish(&case, "grant", "")
            .await
            .expect(409)
            .has("材料还没有补齐")
    );
    let supply = format!("/cases/{case}/supplement");
    assert!(
        her.post_multipart(&supply, &[], &[])
            .await
            .expect(422)
            .has("请选择要补充的文件")
    );
    let exe: &[u8] = b"MZ\x90\x00";
    her.post_multipart(&supply, &[], &[("file-site-plan", "plan.pdf", exe)])
        .await
        .expect(422);
    her.post_multipart(&supply, &[], &[("file-site-plan", "plan.pdf", PDF)])
        .await
        .expect(303);
    // What nobody asked for may be added too.
    her.post_multipart(&supply, &[], &[("file-site-photo", "photo.pdf", PDF2)])
        .await
        .expect(303);
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has("容缺受理") && page.has("补充材料"));
    head.finish(&case, "grant", "").await.expect(303);
    city.settle().await;
    assert_eq!(city.state(&case).await, "granted");
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn special_procedure_and_extension(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let case = accepted(&city).await;
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-08"));
    let mut cg = city.client("reviewer-cg").await;
    let form = |name, days| [("name", name), ("days", days), ("reason", "利害关系人申请听证。")];
    let unknown = on_case(&mut cg, &case, "special-procedure", &form("nothing", "5")).await;
    assert!(unknown.expect(422).has("请选择特别程序"));
    let long = on_case(&mut cg, &case, "special-procedure", &form("hearing", "99")).await;
    assert!(long.expect(422).has("1 至 20"));
    on_case(&mut cg, &case, "special-procedure", &form("hearing", "5"))
        .await
        .expect(303);
    assert_eq!(city.state(&case).await, "suspended");
    assert_eq!(city.due(&case).await.0, None, "the clock stands still");
    assert_eq!(cg.task(&case).await.1, "", "nothing is decided meanwhile");
    // Five working days later it goes on by itself, and those days do not count.
    city.day("2026-12-01");
    city.settle().await;
    assert_eq!(city.state(&case).await, "handling");
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-15"));
    // The head extends once, by no more than the law lets.
    let (mut head, mut cg) = (city.client("head").await, city.client("reviewer-cg").await);
    let extend = |days| [("days", days), ("reason", "案情复杂。")];
    on_case(&mut cg, &case, "extension", &extend("5"))
        .await
        .expect(403);
    let long = on_case(&mut head, &case, "extension", &extend("11")).await;
    assert!(long.expect(422).has("1 至 10"));
    on_case(&mut head, &case, "extension", &extend("10"))
        .await
        .expect(303);
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-29"));
    let twice = on_case(&mut head, &case, "extension", &extend("1")).await;
    assert!(twice.expect(409).has("只能延长一次"));
    let page = city
        .client("resident")
        .await
        .get(&format!("/cases/{case}"))
        .await
        .expect(200);
    assert!(page.has("听证") && page.has("延长 10 个工作日"));
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn counter(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut clerk = city.client("clerk").await;
    city.client("reviewer-cg")
        .await
        .get("/work/intake")
        .await
        .expect(403);
    let wrong = [
        ("matter", "occupy-road"),
        ("kind", "person"),
        ("name", "演"),
        ("code", "320899198803121015"),
        ("phone", "12"),
    ];
    let page = clerk.post_form("/work/intake", &wrong).await.expect(422);
    assert!(
        page.has("请填写 2 至 100 个字") && page.has("320899198803121015"),
        "what was typed is kept"
    );
    let came = |name| {
        [
            ("matter", "occupy-road"),
            ("kind", "person"),
            ("name", name),
            ("code", "320899198803121014"),
            ("phone", "19900000001"),
        ]
    };
    // The number is hers, the name is not.
    let other = clerk
        .post_form("/work/intake", &came("演示别人"))
        .await
        .expect(422);
    assert!(other.has("已登记在其他姓名下"));
    let begun = clerk
        .post_form("/work/intake", &came("演示居民甲"))
        .await
        .expect(303);
    let case = begun.location().split('/').nth(2).unwrap().to_string();
    let form = clerk.get(&format!("/cases/{case}/form")).await.expect(200);
    assert!(
        form.has("320899198803121014"),
        "what the city knows of her is filled in"
    );
    // Another clerk's draft is nobody else's; the applicant may go on with it herself.
    city.client("head")
        .await
        .get(&format!("/cases/{case}/form"))
        .await
        .expect(404);
    let mut her = city.client("resident").await;
    assert!(her.get("/me").await.expect(200).has(&case));
    clerk.hand_in(&case, &answers()).await.expect(303);
    let receipt = clerk.get(&format!("/cases/{case}/receipt")).await.expect(200);
    assert!(receipt.has("2026-OR-000001"));
    // Handled as any other, but not counted as wholly online.
    city.decide(&case, "agree", "grant").await;
    assert!(her.get(&format!("/cases/{case}")).await.expect(200).has("准予"));
    let seen = "SELECT channel FROM pub_cases_case WHERE id = $1 AND visits = 1";
    let channel: Option<String> = city.scalar(seen, params![case.as_str()]).await;
    assert_eq!(channel.as_deref(), Some("counter"));
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn many_at_once(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (one, first) = her.apply().await;
    let (two, second) = her.apply().await;
    let mut clerk = city.client("clerk").await;
    let queue = clerk.get("/work").await.expect(200).text();
    let picks: Vec<String> = queue
        .split("name=\"pick\" value=\"")
        .skip(1)
        .map(|p| p[..p.find('"').unwrap()].to_string())
        .collect();
    assert_eq!(picks.len(), 2);
    assert!(
        clerk
            .post_form("/work/batch", &[("action", "done")])
            .await
            .expect(422)
            .has("请选择")
    );
    let strange = [("pick", picks[0].as_str()), ("action", "grant")];
    clerk.post_form("/work/batch", &strange).await.expect(422);
    // One is withdrawn meanwhile: the other is accepted all the same, and each says what became of it.
    her.post_form(&format!("/cases/{two}/withdrawal"), &[])
        .await
        .expect(303);
    let all = [
        ("pick", picks[0].as_str()),
        ("pick", picks[1].as_str()),
        ("action", "done"),
    ];
    let result = clerk.post_form("/work/batch", &all).await.expect(200);
    assert!(result.has(&first) && result.has(&second) && result.has("成功 1 件") && result.has("未办 1 件"));
    assert_eq!(city.state(&one).await, "handling");
    assert_eq!(city.state(&two).await, "withdrawn");
}

async fn watching(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let (late, number) = city.client("resident").await.apply().await;
    let mut supervisor = city.client("supervisor").await;
    assert!(
        supervisor
            .get("/work/overdue")
            .await
            .expect(200)
            .has("没有超期或临期")
    );
    // Two working days before 1 December it is about to be due, the day after it is late.
    city.day("2026-11-27");
    let mut supervisor = city.client("supervisor").await;
    assert!(supervisor.get("/work/overdue").await.has(&number));
    assert!(!supervisor.get("/work/overdue?light=red").await.has(&number));
    city.day("2026-12-02");
    let mut supervisor = city.client("supervisor").await;
    let page = supervisor.get("/work/overdue?light=red").await.expect(200);
    assert!(page.has(&number) && page.has("受理"));
    assert!(
        city.client("clerk")
            .await
            .get("/work?light=red")
            .await
            .has(&number)
    );
    assert!(
        !city
            .client("clerk")
            .await
            .get("/work?light=red&q=999999")
            .await
            .has(&number)
    );
    // The water bureau watches over its own cases only.
    city.client("head-sl")
        .await
        .get("/work/overdue")
        .await
        .expect(200);
    assert!(
        !city
            .client("head-sl")
            .await
            .get("/work/overdue")
            .await
            .has(&number)
    );
    city.decide(&late, "agree", "grant").await;
    assert!(!supervisor.get("/work/overdue").await.has(&number));
    let load = supervisor.get("/work/workload").await.expect(200);
    assert!(load.has("演示审查丁") && load.has("演示负责人己"));
    let csv = supervisor.get("/work/workload.csv").await.expect(200);
    assert!(csv.text().starts_with('\u{feff}') && csv.has("演示审查丁"));
    city.client("clerk").await.get("/work/workload").await.expect(403);
}
