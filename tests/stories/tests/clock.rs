//! Legal time: due dates beyond the holiday table, stopped clocks, lights, reminders. The story sets the clock.

use kernel::params;
use stories::{City, Client, Db, on_both};

on_both!(
    beyond_the_holiday_table,
    a_correction_stops_the_clock,
    a_suspension_moves_the_end,
    lights,
    a_reminder_once,
    a_timer_during_a_suspension,
);

/// The pack's table with an invented year 2027.
fn table_to_2027() -> String {
    let pack = std::fs::read_to_string(stories::pack_dir().join("../base/calendar/cn.toml")).unwrap();
    let moved = pack
        .replace("known_to = \"2026-12-31\"", "known_to = \"2027-12-31\"")
        .replace("workdays = [", "workdays = [\n    \"2027-01-02\",");
    assert!(moved.contains("2027-12-31") && moved.contains("2027-01-02"));
    moved + "\n2027-01-01 = \"演示假日\"\n2027-01-03 = \"演示假日\"\n2027-01-04 = \"演示假日\"\n"
}

fn of_the_table(findings: &[String]) -> Vec<&String> {
    findings.iter().filter(|f| f.contains("holiday table")).collect()
}

async fn beyond_the_holiday_table(db: Db) {
    let city = City::open(db, "2026-12-28").await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    // 29, 30, 31 December, then Friday 1 and Monday 4 January, which no notice covers yet.
    assert_eq!(city.due(&case).await, (Some("2027-01-04".into()), 1));
    let receipt = her.get(&format!("/cases/{case}/receipt")).await.expect(200);
    assert!(receipt.has("暂定") && receipt.has("公布后会重新计算"));
    assert!(city.client("clerk").await.get("/work").await.has("暂定"));
    let findings = city.doctor().await;
    assert!(
        of_the_table(&findings)[0].contains("ends on 2026-12-31"),
        "{findings:?}"
    );
    // An ended case keeps the date it ended with.
    let (ended, _) = her.apply().await;
    her.post_form(&format!("/cases/{ended}/withdrawal"), &[])
        .await
        .expect(303);

    // The new notice: 1, 3 and 4 January are off, Saturday the 2nd is worked.
    let bad = cases::clock::apply(&city.system(), "known_to = 3").await;
    assert!(bad.is_err(), "a table that cannot be read changes nothing");
    let n = cases::clock::apply(&city.system(), &table_to_2027())
        .await
        .unwrap();
    assert_eq!(n, 1);
    assert_eq!(city.due(&case).await, (Some("2027-01-05".into()), 0));
    assert_eq!(city.due(&ended).await.0.as_deref(), Some("2027-01-04"));
    let receipt = her.get(&format!("/cases/{case}/receipt")).await.expect(200);
    assert!(!receipt.has("暂定"));
    assert!(
        her.get(&format!("/cases/{case}"))
            .await
            .has("按新节假日表重算期限")
    );
    assert_eq!(city.doctor().await, Vec::<String>::new());
    assert_eq!(
        cases::clock::apply(&city.system(), &table_to_2027())
            .await
            .unwrap(),
        0
    );
    // The table stays in force after the next start.
    let place = city.place.clone();
    drop(city);
    let config = place.config();
    let city = City::start(place, config, "2026-12-29", None).await.unwrap();
    assert_eq!(of_the_table(&city.doctor().await), Vec::<&String>::new());
    let (later, _) = city.client("resident").await.apply().await;
    assert_eq!(city.due(&later).await, (Some("2027-01-06".into()), 0));
}

/// Asks for a correction as the page offers it.
async fn ask_correction(clerk: &mut Client, case: &str, items: &str) -> stories::Answer {
    let (version, work) = clerk.task(case).await;
    let fields = [("version", version.as_str()), ("work", &work), ("items", items)];
    clerk
        .post_form(&format!("/work/cases/{case}/correction"), &fields)
        .await
}

async fn a_correction_stops_the_clock(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let (case, number) = city.client("resident").await.apply().await;
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-11-30"));
    city.day("2026-11-25");
    let mut clerk = city.client("clerk").await;
    let (_, work) = clerk.task(&case).await;
    assert!(
        ask_correction(&mut clerk, &case, " \n ")
            .await
            .expect(422)
            .has("请列出需要补正的内容")
    );
    ask_correction(&mut clerk, &case, "示意图请标明剩余通行宽度\n补充远景照片")
        .await
        .expect(303);
    assert_eq!(
        (city.state(&case).await.as_str(), city.due(&case).await.0),
        ("correcting", None)
    );
    let queue = clerk.get("/work").await;
    assert!(queue.has(&number) && queue.has("light stopped") && queue.has("计时已暂停"));
    // Nothing is accepted, nor asked again, while the applicant is to answer.
    let version = city.version(&case).await;
    clerk
        .send_work(&case, &version, &work, "done", "")
        .await
        .expect(409);
    let again = [("version", version.as_str()), ("work", &work), ("items", "再补")];
    clerk
        .post_form(&format!("/work/cases/{case}/correction"), &again)
        .await
        .expect(409);
    assert_eq!(city.state(&case).await, "correcting");
    // Thirty working days to answer: 25 November plus 30 reaches beyond the table's end.
    let by = "SELECT answer_by FROM cases_correction WHERE case_id = $1";
    let by: Option<String> = city.scalar(by, params![case.as_str()]).await;
    assert_eq!(by.as_deref(), Some("2027-01-06"));

    // Long after, she answers: the period for acceptance begins anew on that day.
    city.day("2026-12-14");
    let mut her = city.client("resident").await;
    let form = her.get(&format!("/cases/{case}/form")).await.expect(200);
    assert!(form.has("补充远景照片") && form.has("下一步：核对"));
    her.hand_in(&case, &stories::matter::answers()).await.expect(303);
    assert_eq!(city.state(&case).await, "submitted");
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-21"));
    let mut clerk = city.client("clerk").await;
    assert!(clerk.get("/work").await.has("light green"));
    // Once is once.
    let refused = ask_correction(&mut clerk, &case, "还有一项").await.expect(409);
    assert!(refused.has("已经一次性告知过补正内容"));
    clerk.finish(&case, "done", "").await.expect(303);
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-28"));
}

/// Stops or restarts a case's clock as the page offers it.
async fn suspend(c: &mut Client, case: &str, reason: Option<&str>) -> stories::Answer {
    let version = c.task(case).await.0;
    let mut fields = vec![("version", version.as_str())];
    fields.extend(reason.map(|r| ("reason", r)));
    c.post_form(&format!("/work/cases/{case}/suspension"), &fields)
        .await
}

async fn a_suspension_moves_the_end(db: Db) {
    let city = City::open(db, "2026-11-30").await;
    let (case, _) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-14"));
    city.day("2026-12-03");
    let mut cg = city.client("reviewer-cg").await;
    let (_, work) = cg.task(&case).await;
    assert!(
        suspend(&mut cg, &case, Some(" "))
            .await
            .expect(422)
            .has("请写明暂停的原因")
    );
    suspend(&mut cg, &case, Some("等待第三方检测")).await.expect(303);
    assert_eq!(
        (city.state(&case).await.as_str(), city.due(&case).await.0),
        ("suspended", None)
    );
    let page = cg.get(&format!("/work/cases/{case}")).await;
    assert!(page.has("计时已暂停") && page.has("恢复计时"));
    let version = page.hidden("version").unwrap();
    cg.send_work(&case, &version, &work, "agree", "")
        .await
        .expect(409);
    assert_eq!(city.state(&case).await, "suspended");
    // 4, 7 and 8 December are taken out: three working days.
    city.day("2026-12-08");
    let mut cg = city.client("reviewer-cg").await;
    suspend(&mut cg, &case, None).await.expect(303);
    assert_eq!(city.state(&case).await, "handling");
    assert_eq!(city.due(&case).await.0.as_deref(), Some("2026-12-17"));
    suspend(&mut cg, &case, None).await.expect(409);
    cg.finish(&case, "agree", "").await.expect(303);
    let page = cg.get(&format!("/work/cases/{case}")).await;
    assert!(page.has("恢复计时") && page.has("剩 7 个工作日"));
}

async fn lights(db: Db) {
    let city = City::open(db, "2026-11-23").await;
    let (_, number) = city.client("resident").await.apply().await;
    let days = [
        ("2026-11-23", "green", "剩 5 个工作日"),
        ("2026-11-25", "green", "剩 3 个工作日"),
        ("2026-11-26", "yellow", "剩 2 个工作日"),
        ("2026-11-29", "yellow", "剩 1 个工作日"),
        ("2026-11-30", "yellow", "今天到期"),
        ("2026-12-01", "red", "超期 1 个工作日"),
        ("2026-12-07", "red", "超期 5 个工作日"),
    ];
    for (day, light, words) in days {
        city.day(day);
        let queue = city.client("clerk").await.get("/work").await.expect(200);
        assert!(queue.has(&number));
        assert!(
            queue.has(&format!("class=\"light {light}\">{words}")),
            "{day}: {}",
            queue.text()
        );
    }
    // The soonest due comes first, whatever was handed in first.
    let (_, later) = city.client("resident").await.apply().await;
    let queue = city.client("clerk").await.get("/work").await.text();
    assert!(queue.find(&number) < queue.find(&later));
}

const REMINDED: &str = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.reminded' AND subject = $1";

async fn a_reminder_once(db: Db) {
    let city = City::open(db, "2026-11-30").await;
    let (case, _) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    city.client("reviewer-jj")
        .await
        .finish(&case, "agree", "")
        .await
        .expect(303);
    // Four working days after 30 November: nine in the morning of 4 December.
    city.day("2026-12-03");
    city.settle().await;
    assert_eq!(city.count(REMINDED, params![case.as_str()]).await, 0);
    city.day("2026-12-04");
    city.settle().await;
    city.settle().await;
    // The one who is late is reminded, the one who is done is not.
    assert_eq!(city.count(REMINDED, params![case.as_str()]).await, 1);
    let page = city
        .client("reviewer-cg")
        .await
        .get(&format!("/work/cases/{case}"))
        .await;
    assert!(page.has("城管审查临近期限，已提醒") && !page.has("交警审查临近期限"));
    city.day("2026-12-09");
    city.settle().await;
    assert_eq!(city.count(REMINDED, params![case.as_str()]).await, 1);
    city.client("reviewer-cg")
        .await
        .finish(&case, "agree", "")
        .await
        .expect(303);
    city.client("head")
        .await
        .finish(&case, "grant", "")
        .await
        .expect(303);
    city.settle().await;
    assert_eq!(
        city.doctor().await.len(),
        1,
        "only the ageing holiday table: {:?}",
        city.doctor().await
    );
}

/// A timer that comes due while the clock stands still neither fails nor is lost nor comes twice.
async fn a_timer_during_a_suspension(db: Db) {
    let city = City::open(db, "2026-11-30").await;
    let (case, _) = city.client("resident").await.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    suspend(
        &mut city.client("reviewer-cg").await,
        &case,
        Some("等待第三方检测"),
    )
    .await
    .expect(303);
    city.day("2026-12-07");
    city.settle().await;
    let failed = "SELECT COUNT(*) FROM kernel_job WHERE attempts > 1 OR last_error IS NOT NULL";
    assert_eq!(city.count(failed, &[]).await, 0);
    suspend(&mut city.client("reviewer-cg").await, &case, None)
        .await
        .expect(303);
    city.day("2026-12-14");
    city.settle().await;
    assert_eq!(city.count(REMINDED, params![case.as_str()]).await, 2);
}
