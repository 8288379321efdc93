//! A case from the first click to the certificate and the rating, and every way it can go wrong.

use kernel::params;
use stories::matter::{LOCATION, PDF, PDF2, answers};
use stories::{City, Db, on_both};

on_both!(
    from_application_to_certificate,
    double_clicks,
    two_clerks,
    refusal_and_withdrawal,
    rating,
);

async fn from_application_to_certificate(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    // Starting again goes on with the same draft; it is known to nobody else.
    assert_eq!(her.begin("occupy-road").await, case);
    let mut clerk = city.client("clerk").await;
    clerk.get(&format!("/work/cases/{case}")).await.expect(404);
    // An empty form says what is missing and keeps what was typed.
    let form = format!("/cases/{case}/form");
    let refused = her
        .post_multipart(&form, &[("location", LOCATION), ("action", "submit")], &[])
        .await
        .expect(422);
    for words in ["error-summary", "请上传：占用位置和范围示意图", "请勾选确认"] {
        assert!(refused.has(words), "{words}");
    }
    assert!(her.get(&form).await.has(LOCATION));
    // What is no document is refused, whatever it is called.
    let exe: &[u8] = b"MZ\x90\x00";
    let refused = her
        .post_multipart(&form, &answers(), &[("file-site-plan", "plan.pdf", exe)])
        .await
        .expect(422);
    assert!(refused.has("文件类型不支持"));
    her.hand_in(&case, &answers()).await.expect(303);
    assert_eq!(her.number(&case).await, "2026-OR-000001");
    assert_eq!(city.due(&case).await, (Some("2026-12-01".into()), 0));

    // The clerk accepts; an outcome that the task does not have is refused.
    let page = clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(
        !page.has("320899198803121014") && page.has("320899********1014"),
        "the ID is masked"
    );
    assert!(
        clerk
            .finish(&case, "banana", "")
            .await
            .expect(409)
            .has("请选择办理意见")
    );
    assert_eq!(city.state(&case).await, "submitted");
    clerk.finish(&case, "done", "").await.expect(303);
    assert_eq!(city.state(&case).await, "handling");
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-08"));

    // Both departments review; who disagrees says why; nobody works for another department.
    let mut cg = city.client("reviewer-cg").await;
    let mut jj = city.client("reviewer-jj").await;
    let mut head = city.client("head").await;
    assert_eq!(head.task(&case).await.1, "", "the head waits for the join");
    assert!(
        cg.finish(&case, "disagree", "  ")
            .await
            .expect(422)
            .has("请写明意见和理由")
    );
    assert!(
        cg.finish(&case, "banana", "看过。")
            .await
            .expect(409)
            .has("请选择办理意见")
    );
    let (version, work) = cg.task(&case).await;
    assert_ne!(work, jj.task(&case).await.1);
    let foreign = jj
        .send_work(&case, &version, &work, "agree", "代办。")
        .await
        .expect(403);
    assert!(foreign.has("不属于您的岗位"));
    cg.finish(&case, "agree", "").await.expect(303);
    assert_eq!(
        head.task(&case).await.1,
        "",
        "the join waits for the second review"
    );
    jj.finish(&case, "agree", "同意占用人行道。").await.expect(303);
    head.finish(&case, "grant", "").await.expect(303);
    assert_eq!(city.state(&case).await, "granted");
    city.settle().await;

    // The certificate is there, for her and for those who verify it.
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    let link = page
        .between("href=\"/me/certificates/", "\"")
        .expect("a certificate");
    let pdf = her.get(&format!("/me/certificates/{link}.pdf")).await.expect(200);
    assert!(pdf.body.starts_with(b"%PDF-"));
    for part in ["sm2", "sm2.pem", "proof"] {
        assert!(
            !her.get(&format!("/me/certificates/{link}.{part}"))
                .await
                .expect(200)
                .body
                .is_empty()
        );
    }
    let mut visitor = city.visitor();
    let whole = visitor
        .post_multipart("/verify", &[], &[("file", "x.pdf", &pdf.body)])
        .await;
    assert!(whole.expect(200).has("文件完整，签章可信"));
    let mut altered = pdf.body.clone();
    altered[200] ^= 1;
    let broken = visitor
        .post_multipart("/verify", &[], &[("file", "x.pdf", &altered)])
        .await;
    assert!(broken.has("文件被改动过"));
    for step in [
        "提交申请",
        "受理",
        "城管审查：同意",
        "交警审查：同意",
        "作出决定：准予许可",
        "证照签发",
        "办结",
    ] {
        assert!(page.has(step), "the timeline lacks {step}");
    }
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn double_clicks(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    // Sent again, the form leads to the case as it is.
    let again = her.hand_in(&case, &answers()).await.expect(303);
    assert_eq!(again.location(), format!("/cases/{case}"));
    assert_eq!(her.number(&case).await, number);
    // Twice at once is once.
    let second = her.begin("occupy-road").await;
    assert_ne!(second, case);
    let clicks: Vec<_> = (0..4)
        .map(|_| {
            let (mut browser, id) = (her.clone(), second.clone());
            tokio::spawn(async move { browser.hand_in(&id, &answers()).await })
        })
        .collect();
    for click in clicks {
        click.await.unwrap().expect(303);
    }
    assert_eq!(her.number(&second).await, "2026-OR-000002");
    assert_eq!(city.count("SELECT COUNT(*) FROM cases_case", &[]).await, 2);
    let files = "SELECT COUNT(*) FROM cases_material WHERE case_id = $1";
    assert_eq!(city.count(files, params![second.as_str()]).await, 2);
    let facts = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.submitted'";
    assert_eq!(city.count(facts, &[]).await, 2);
    // Many at once: the numbers go on without a gap.
    let mut agent = city.client("agent").await;
    let third = agent.begin("occupy-road").await;
    let fourth = her.begin("occupy-road").await;
    let (mut a, mut b) = (agent.clone(), her.clone());
    let (x, y) = (third.clone(), fourth.clone());
    let first = tokio::spawn(async move { a.hand_in(&x, &answers()).await });
    let other = tokio::spawn(async move { b.hand_in(&y, &answers()).await });
    first.await.unwrap().expect(303);
    other.await.unwrap().expect(303);
    let mut numbers = [agent.number(&third).await, her.number(&fourth).await];
    numbers.sort();
    assert_eq!(numbers, ["2026-OR-000003", "2026-OR-000004"]);
}

async fn two_clerks(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let (case, _) = city.client("resident").await.apply().await;
    let (mut one, mut two) = (city.client("clerk").await, city.client("clerk").await);
    let (version, work) = one.task(&case).await;
    assert_eq!((version.clone(), work.clone()), two.task(&case).await);
    let (c, v, w) = (case.clone(), version.clone(), work.clone());
    let first = tokio::spawn(async move { one.send_work(&c, &v, &w, "done", "").await });
    let (c, v, w) = (case.clone(), version.clone(), work.clone());
    let second = tokio::spawn(async move { two.send_work(&c, &v, &w, "done", "").await });
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    let mut statuses = [first.status, second.status];
    statuses.sort();
    assert_eq!(statuses[0], 303, "{}{}", first.text(), second.text());
    assert!([409, 412].contains(&statuses[1]), "{statuses:?}");
    let refused = if first.status == 303 { second } else { first };
    assert!(refused.has("已经有人办理") || refused.has("已被他人更新"));
    let accepted = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.accepted'";
    assert_eq!(city.count(accepted, &[]).await, 1);
    // A review that was read before the other department's is stale, and says so.
    let (mut cg, mut jj) = (city.client("reviewer-cg").await, city.client("reviewer-jj").await);
    let (version, work) = jj.task(&case).await;
    cg.finish(&case, "agree", "").await.expect(303);
    let stale = jj
        .send_work(&case, &version, &work, "disagree", "不同意。")
        .await
        .expect(412);
    assert!(stale.has("已被他人更新"));
    let open = "SELECT COUNT(*) FROM cases_work WHERE case_id = $1 AND status = 'open'";
    assert_eq!(city.count(open, params![case.as_str()]).await, 1);
}

async fn refusal_and_withdrawal(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let (refused, first) = her.apply().await;
    let (withdrawn, second) = her.apply().await;
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("2026-OR-000001", "2026-OR-000002")
    );
    city.decide(&refused, "disagree", "refuse").await;
    assert_eq!(city.state(&refused).await, "refused");
    let page = her.get(&format!("/cases/{refused}")).await.expect(200);
    assert!(page.has("不予许可") && page.has("已通知申请人") && !page.has("/me/certificates/"));
    let made = "SELECT COUNT(*) FROM documents_certificate";
    assert_eq!(city.count(made, &[]).await, 0);
    // An ended case is changed by nobody.
    let again = her
        .post_form(&format!("/cases/{refused}/withdrawal"), &[])
        .await
        .expect(409);
    assert!(again.has("办件已经办结"));

    // Withdrawn, it is off the queue, and what the clerk still had on the screen is refused.
    let mut clerk = city.client("clerk").await;
    let (version, work) = clerk.task(&withdrawn).await;
    assert!(clerk.get("/work").await.has(&second));
    her.post_form(&format!("/cases/{withdrawn}/withdrawal"), &[])
        .await
        .expect(303);
    assert_eq!(city.state(&withdrawn).await, "withdrawn");
    assert!(!clerk.get("/work").await.has(&second));
    clerk
        .send_work(&withdrawn, &version, &work, "done", "")
        .await
        .expect(409);
    assert_eq!(city.state(&withdrawn).await, "withdrawn");
    her.post_form(&format!("/cases/{withdrawn}/rating"), &[("grade", "5")])
        .await
        .expect(409);
    // A draft that is thrown away takes its files along.
    let draft = her.begin("occupy-road").await;
    let files = [
        ("file-site-plan", "a.pdf", PDF),
        ("file-site-photo", "b.pdf", PDF2),
    ];
    her.post_multipart(&format!("/cases/{draft}/form"), &answers(), &files)
        .await
        .expect(303);
    her.post_form(&format!("/cases/{draft}/withdrawal"), &[])
        .await
        .expect(303);
    her.get(&format!("/cases/{draft}")).await.expect(404);
    let left = "SELECT COUNT(*) FROM cases_material WHERE case_id = $1";
    assert_eq!(city.count(left, params![draft.as_str()]).await, 0);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn rating(db: Db) {
    // Before the National Day holidays: 1 to 7 October are off, Saturday the 10th is worked.
    let city = City::open(db, "2026-09-29").await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-10-12"));
    let rate = format!("/cases/{case}/rating");
    let bad = [("grade", "1"), ("comment", "等得久了些。")];
    assert!(her.post_form(&rate, &bad).await.expect(409).has("办结后才能评价"));
    city.decide(&case, "agree", "grant").await;
    // Another citizen, and officials, do not rate it.
    city.client("agent")
        .await
        .post_form(&rate, &bad)
        .await
        .expect(404);
    city.client("head").await.post_form(&rate, &bad).await.expect(404);
    assert!(
        her.post_form(&rate, &[("grade", "9")])
            .await
            .expect(422)
            .has("请选择评价等级")
    );
    let why = her
        .post_form(&rate, &[("grade", "2"), ("comment", " ")])
        .await
        .expect(422);
    assert!(why.has("请告诉我们哪里不满意"));
    her.post_form(&rate, &bad).await.expect(303);
    let twice = her.post_form(&rate, &[("grade", "5")]).await.expect(409);
    assert!(twice.has("已经评价过了"));
    let grade = "SELECT grade FROM cases_rating WHERE case_id = $1";
    assert_eq!(city.count(grade, params![case.as_str()]).await, 1);

    // Three working days after 29 September: 30 September, 8 and 9 October.
    let due = "SELECT due_on FROM cases_followup WHERE case_id = $1 AND state = 'open'";
    let due: Option<String> = city.scalar(due, params![case.as_str()]).await;
    assert_eq!(due.as_deref(), Some("2026-10-09"));
    let mut supervisor = city.client("supervisor").await;
    let list = supervisor.get("/work/followups").await.expect(200);
    assert!(list.has(&number) && list.has("等得久了些") && list.has("回访期限"));
    let close = format!("/work/followups/{case}");
    supervisor
        .post_form(&close, &[("outcome", " ")])
        .await
        .expect(422);
    supervisor
        .post_form(&close, &[("outcome", "已电话致歉。")])
        .await
        .expect(303);
    supervisor
        .post_form(&close, &[("outcome", "再次。")])
        .await
        .expect(409);
    assert!(supervisor.get("/work/followups").await.has("已办结"));

    // A good rating opens none.
    let (content, _) = her.apply().await;
    city.decide(&content, "agree", "grant").await;
    her.post_form(&format!("/cases/{content}/rating"), &[("grade", "5")])
        .await
        .expect(303);
    assert_eq!(city.count("SELECT COUNT(*) FROM cases_followup", &[]).await, 1);
}
