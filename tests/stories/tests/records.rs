//! Appointments, deliveries, stock phrases, absences: what people do over HTTP and what they see.

use kernel::params;
use stories::{City, Client, Db, on_both};

on_both!(
    a_visit_is_booked_moved_and_noted,
    the_last_place_goes_to_one,
    pick_up_with_a_code,
    the_post_comes_back_and_goes_again,
    a_download_is_confirmed,
    phrases_of_one_and_of_the_office,
    a_stand_in_works_in_the_name_of_the_absent,
);

/// Books; the answer is returned as it came.
async fn book(c: &mut Client, window: &str, day: &str, slot: &str) -> stories::Answer {
    let fields = [
        ("matter", "occupy-road"),
        ("window", window),
        ("day", day),
        ("slot", slot),
    ];
    c.post_form("/appointments", &fields).await
}

fn id_after(answer: &stories::Answer) -> String {
    answer.location().split("#a-").nth(1).unwrap().to_string()
}

async fn a_visit_is_booked_moved_and_noted(db: Db) {
    // A Thursday.
    let city = City::open(db, "2026-11-26").await;
    let mut her = city.client("resident").await;
    assert!(her.get("/appointments").await.expect(200).has("还没有预约"));
    let guide = her.get("/matters/occupy-road").await.expect(200);
    assert!(guide.has("/appointments/new?matter=occupy-road"));
    let page = her
        .get("/appointments/new?matter=occupy-road&window=zonghe")
        .await
        .expect(200);
    assert!(
        page.has("10:30") && !page.has("value=\"09:30\""),
        "what is past today is not offered"
    );
    assert!(
        page.has("value=\"2026-11-28\"") && !page.has("value=\"2026-11-29\""),
        "Saturday yes, Sunday no"
    );

    let today = id_after(&book(&mut her, "zonghe", "2026-11-26", "14:00").await.expect(303));
    for (day, slot) in [
        ("2026-11-26", "09:00"),
        ("2026-11-29", "10:00"),
        ("2027-03-01", "10:00"),
        ("2026-11-27", "12:15"),
    ] {
        assert!(
            book(&mut her, "zonghe", day, slot)
                .await
                .expect(409)
                .has("这个时间不能预约了"),
            "{day} {slot}"
        );
    }
    assert!(
        book(&mut her, "nowhere", "2026-11-27", "09:00")
            .await
            .expect(422)
            .has("请选择窗口、日期和时间")
    );
    let later = id_after(&book(&mut her, "zonghe", "2026-11-30", "09:00").await.expect(303));
    id_after(&book(&mut her, "zonghe", "2026-11-30", "09:30").await.expect(303));
    assert!(
        book(&mut her, "zonghe", "2026-11-30", "10:00")
            .await
            .expect(409)
            .has("最多同时有 3 个")
    );

    // She moves one and takes another back; the calendar file says what is booked.
    let fields = [
        ("moves", later.as_str()),
        ("window", "zonghe"),
        ("day", "2026-12-01"),
        ("slot", "16:30"),
    ];
    her.post_form("/appointments", &fields).await.expect(303);
    let file = her
        .get(&format!("/appointments/{later}/calendar.ics"))
        .await
        .expect(200);
    assert!(
        file.has("DTSTART:20261201T083000Z") && file.has("DTEND:20261201T090000Z"),
        "{}",
        file.text()
    );
    let mut stranger = city.client("agent").await;
    stranger
        .get(&format!("/appointments/{later}/calendar.ics"))
        .await
        .expect(404);
    stranger
        .post_form(&format!("/appointments/{later}/cancellation"), &[])
        .await
        .expect(404);

    // The clerk sees who comes today, without the full name, and notes that she came.
    let mut clerk = city.client("clerk").await;
    let list = clerk.get("/work/appointments").await.expect(200);
    assert!(list.has("14:00") && list.has("演***") && !list.has("演示居民甲"));
    clerk
        .post_form(&format!("/work/appointments/{later}/arrival"), &[])
        .await
        .expect(409);
    clerk
        .post_form(&format!("/work/appointments/{today}/absence"), &[])
        .await
        .expect(409);
    clerk
        .post_form(&format!("/work/appointments/{today}/arrival"), &[])
        .await
        .expect(303);
    assert!(
        clerk
            .get("/work/appointments")
            .await
            .has("/work/intake?matter=occupy-road")
    );
    her.post_form(&format!("/appointments/{today}/cancellation"), &[])
        .await
        .expect(409);
    assert!(her.get("/work/appointments").await.status != 200);

    // The reminder is sent on the morning before, once, and not for a time that was given up.
    city.day("2026-11-29");
    city.settle().await;
    city.day("2026-11-30");
    city.settle().await;
    let sent = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.appointment.reminded' AND subject = $1";
    assert_eq!(city.count(sent, params![later.as_str()]).await, 1);
    let mut her = city.client("resident").await;
    her.post_form(&format!("/appointments/{later}/cancellation"), &[])
        .await
        .expect(303);
    assert!(her.get("/appointments").await.has("已取消"));
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn the_last_place_goes_to_one(db: Db) {
    let city = City::open(db, "2026-11-26").await;
    let (mut her, mut him) = (city.client("resident").await, city.client("agent").await);
    let (a, b) = tokio::join!(
        book(&mut her, "chengguan", "2026-11-27", "09:00"),
        book(&mut him, "chengguan", "2026-11-27", "09:00")
    );
    let mut both = [a.status, b.status];
    both.sort_unstable();
    assert_eq!(both, [303, 409]);
    let n = "SELECT COUNT(*) FROM cases_appointment WHERE window_id = 'chengguan' AND state = 'booked'";
    assert_eq!(city.count(n, &[]).await, 1);
    let loser = if a.status == 409 { a } else { b };
    assert!(loser.has("这个时间刚刚约满") && loser.has("已约满"));
}

/// The version that the list of deliveries carries for its one open row.
async fn step(c: &mut Client, case: &str, noun: &str, fields: &[(&str, &str)]) -> stories::Answer {
    let version = c
        .get("/work/deliveries")
        .await
        .expect(200)
        .hidden("version")
        .unwrap_or_default();
    let mut all = vec![("version", version.as_str())];
    all.extend(fields);
    c.post_form(&format!("/work/deliveries/{case}/{noun}"), &all)
        .await
}

async fn pick_up_with_a_code(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    let path = format!("/cases/{case}/delivery");
    assert!(
        her.get(&format!("/cases/{case}"))
            .await
            .expect(200)
            .has("还没有选择结果怎么送达")
    );
    assert!(
        her.post_form(&path, &[("way", "pigeon")])
            .await
            .expect(422)
            .has("请选择一种送达方式")
    );
    assert!(
        her.post_form(&path, &[("way", "pickup"), ("window", "nowhere")])
            .await
            .expect(422)
            .has("请选择领取窗口")
    );
    her.post_form(&path, &[("way", "pickup"), ("window", "zonghe")])
        .await
        .expect(303);
    city.client("agent").await.get(&path).await.expect(404);
    let mut clerk = city.client("clerk").await;
    assert!(
        !clerk.get("/work/deliveries").await.expect(200).has(&number),
        "nothing to deliver before the end"
    );
    clerk
        .post_form(
            &format!("/work/deliveries/{case}/preparation"),
            &[("version", "1")],
        )
        .await
        .expect(409);

    city.decide(&case, "agree", "grant").await;
    step(&mut clerk, &case, "preparation", &[]).await.expect(303);
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    let code = page
        .between("取件码 <strong class=\"num\">", "</strong>")
        .unwrap();
    assert_eq!(code.len(), 6);
    assert!(
        !clerk.get("/work/deliveries").await.has(&code),
        "the code is the applicant's"
    );
    assert!(
        her.post_form(&path, &[("way", "download")])
            .await
            .expect(409)
            .has("送达方式现在不能改了")
    );
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = step(
        &mut clerk,
        &case,
        "handover",
        &[("code", wrong), ("signed_by", "演示居民甲")],
    )
    .await
    .expect(409);
    assert!(refused.has("取件码不对"));
    step(
        &mut clerk,
        &case,
        "handover",
        &[("code", &code), ("signed_by", "演示居民甲")],
    )
    .await
    .expect(303);
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has("演示居民甲 签收") && page.has("办理结果已送达"));
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn the_post_comes_back_and_goes_again(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    let path = format!("/cases/{case}/delivery");
    let bad = [
        ("way", "post"),
        ("name", "甲"),
        ("phone", "123"),
        ("address", "x"),
    ];
    let refused = her.post_form(&path, &bad).await.expect(422);
    assert!(refused.has("请填写 2 至 50 个字") && refused.has("5 至 200 个字"));
    let street = "演示区收件路七百零七号";
    let good = [
        ("way", "post"),
        ("name", "演示居民甲"),
        ("phone", "19900000001"),
        ("address", street),
    ];
    her.post_form(&path, &good).await.expect(303);
    let kept: Option<String> = city.scalar("SELECT address FROM cases_delivery", &[]).await;
    assert!(!kept.unwrap().contains(street), "the address is sealed");
    city.decide(&case, "agree", "grant").await;
    let mut clerk = city.client("clerk").await;
    assert!(clerk.get("/work/deliveries").await.has(street));
    step(&mut clerk, &case, "preparation", &[]).await.expect(303);
    assert!(
        step(
            &mut clerk,
            &case,
            "dispatch",
            &[("carrier", "演示快递"), ("consignment", "?")]
        )
        .await
        .expect(422)
        .has("运单号")
    );
    step(
        &mut clerk,
        &case,
        "dispatch",
        &[("carrier", "演示快递"), ("consignment", "yw0000815")],
    )
    .await
    .expect(303);
    assert!(her.get(&format!("/cases/{case}")).await.has("YW0000815"));
    step(&mut clerk, &case, "return", &[("reason", "电话无人接听")])
        .await
        .expect(303);
    assert!(her.get(&format!("/cases/{case}")).await.has("邮件被退回"));
    for (noun, fields) in [
        ("preparation", vec![]),
        (
            "dispatch",
            vec![("carrier", "演示快递"), ("consignment", "YW0000816")],
        ),
        ("handover", vec![("signed_by", "演示居民甲")]),
    ] {
        step(&mut clerk, &case, noun, &fields).await.expect(303);
    }
    // A second window that still shows the old state is told so.
    clerk
        .post_form(
            &format!("/work/deliveries/{case}/return"),
            &[("version", "2"), ("reason", "x")],
        )
        .await
        .expect(412);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_download_is_confirmed(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    her.post_form(&format!("/cases/{case}/delivery"), &[("way", "download")])
        .await
        .expect(303);
    let confirm = format!("/cases/{case}/delivery/confirmation");
    her.post_form(&confirm, &[]).await.expect(409);
    city.decide(&case, "agree", "grant").await;
    assert!(her.get(&format!("/cases/{case}")).await.has("确认已收到"));
    her.post_form(&confirm, &[]).await.expect(303);
    her.post_form(&confirm, &[]).await.expect(409);
    assert!(
        city.client("clerk")
            .await
            .get("/work/deliveries?state=delivered")
            .await
            .has("已送达")
    );
}

async fn phrases_of_one_and_of_the_office(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let mut reviewer = city.client("reviewer-cg").await;
    assert!(
        reviewer
            .get("/work/phrases")
            .await
            .expect(200)
            .has("还没有常用语")
    );
    reviewer
        .post_form("/work/phrases", &[("words", "  ")])
        .await
        .expect(422);
    for words in ["现场核验无误。", "请补充剩余宽度。"] {
        reviewer
            .post_form("/work/phrases", &[("words", words)])
            .await
            .expect(303);
    }
    reviewer
        .post_form("/work/phrases", &[("words", "现场核验无误。")])
        .await
        .expect(409);
    let second = "SELECT id FROM cases_phrase ORDER BY position DESC LIMIT 1";
    let second: String = city.scalar(second, &[]).await.unwrap();
    reviewer
        .post_form(&format!("/work/phrases/{second}/place"), &[])
        .await
        .expect(303);
    let page = reviewer.get("/work/phrases").await.text();
    assert!(page.find("请补充剩余宽度").unwrap() < page.find("现场核验无误").unwrap());
    reviewer
        .post_form(&format!("/work/phrases/{second}/sharing"), &[("shared", "1")])
        .await
        .expect(403);
    let mut head = city.client("head").await;
    head.post_form(&format!("/work/phrases/{second}/removal"), &[])
        .await
        .expect(404);
    head.post_form("/work/phrases", &[("words", "按会审意见办理。")])
        .await
        .expect(303);
    let shared = "SELECT id FROM cases_phrase WHERE id <> $1 ORDER BY created_at DESC LIMIT 1";
    let shared: String = city.scalar(shared, params![second.as_str()]).await.unwrap();
    head.post_form(&format!("/work/phrases/{shared}/sharing"), &[("shared", "1")])
        .await
        .expect(303);

    // Beside the opinion box: own and shared ones; the button fills the box and sends nothing.
    let (case, _) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    let page = reviewer.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("请补充剩余宽度。") && page.has("按会审意见办理。"));
    assert!(
        !city
            .client("reviewer-jj")
            .await
            .get(&format!("/work/cases/{case}"))
            .await
            .has("按会审意见办理。")
    );
    let (version, work) = reviewer.task(&case).await;
    let fields = [
        ("version", version.as_str()),
        ("opinion", "已看。"),
        ("phrase", &shared),
        ("use", "1"),
    ];
    let filled = reviewer
        .post_form(&format!("/work/cases/{case}/work/{work}"), &fields)
        .await
        .expect(200);
    assert!(
        filled.has("已看。\n按会审意见办理。</textarea>"),
        "the opinion box holds both"
    );
    assert_eq!(reviewer.task(&case).await.0, version, "nothing was decided");
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn actor_of(city: &City, login: &str) -> String {
    let sql = "SELECT id FROM identity_account WHERE login = $1";
    let id: String = city.scalar(sql, params![login]).await.unwrap();
    format!("account:{id}")
}

async fn a_stand_in_works_in_the_name_of_the_absent(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let (case, number) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    let supervisor = actor_of(&city, "supervisor").await;
    let mut stand_in = city.client("supervisor").await;
    assert!(
        !stand_in.get("/work").await.expect(200).has(&number),
        "reviewing is not the supervisor's work"
    );
    let mut reviewer = city.client("reviewer-cg").await;
    let note = |from: &'static str, until: &'static str, who: &str| {
        vec![
            ("from", from.to_string()),
            ("until", until.to_string()),
            ("stand_in", who.to_string()),
        ]
    };
    async fn send(c: &mut Client, fields: Vec<(&'static str, String)>) -> stories::Answer {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        c.post_form("/work/absences", &fields).await
    }
    send(&mut reviewer, note("2026-11-25", "2026-11-24", &supervisor))
        .await
        .expect(422);
    let outside = actor_of(&city, "reviewer-jj").await;
    assert!(
        send(&mut reviewer, note("2026-11-23", "2026-11-24", &outside))
            .await
            .expect(422)
            .has("同一单位")
    );
    send(&mut reviewer, note("2026-11-23", "2026-11-24", &supervisor))
        .await
        .expect(303);
    send(&mut reviewer, note("2026-11-24", "2026-11-26", &supervisor))
        .await
        .expect(409);

    assert!(stand_in.get("/work").await.has(&number));
    let page = stand_in.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(page.has("演示审查丁"), "the page says in whose name");
    stand_in
        .finish(&case, "agree", "代为审查，同意。")
        .await
        .expect(303);
    let sql = "SELECT on_behalf FROM cases_work WHERE case_id = $1 AND actor = $2";
    let on_behalf: Option<String> = city
        .scalar(sql, params![case.as_str(), supervisor.as_str()])
        .await;
    assert_eq!(on_behalf, Some(actor_of(&city, "reviewer-cg").await));
    let id: String = city.scalar("SELECT id FROM cases_absence", &[]).await.unwrap();
    let list = reviewer.get(&format!("/work/absences/{id}")).await.expect(200);
    assert!(list.has(&number) && list.has("演示督办庚"));
    city.client("reviewer-jj")
        .await
        .get(&format!("/work/absences/{id}"))
        .await
        .expect(404);

    // Once it is over, the rights are gone.
    let (other, second) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&other, "done", "")
        .await
        .expect(303);
    assert!(stand_in.get("/work").await.has(&second));
    reviewer
        .post_form(&format!("/work/absences/{id}/end"), &[])
        .await
        .expect(303);
    reviewer
        .post_form(&format!("/work/absences/{id}/end"), &[])
        .await
        .expect(409);
    assert!(!stand_in.get("/work").await.has(&second));
    let version = city.version(&other).await;
    let (_, work) = reviewer.task(&other).await;
    stand_in
        .send_work(&other, &version, &work, "agree", "x")
        .await
        .expect(403);

    // For somebody ill the head sets it; a colleague of another office may not.
    let ill = actor_of(&city, "reviewer-cg").await;
    let mut fields = note("2026-11-23", "2026-11-27", &supervisor);
    fields.push(("away", ill));
    send(&mut city.client("reviewer-jj").await, fields.clone())
        .await
        .expect(403);
    send(&mut city.client("head").await, fields).await.expect(303);
    assert!(stand_in.get("/work").await.has(&second));
    assert_eq!(city.altered().await, Vec::<String>::new());
}
