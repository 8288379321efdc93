//! What everybody sees first: the home page, its occasions, the figures that open to their rows; and what an applicant
//! reads before and after handing in.

use stories::matter::{PDF, PDF2, answers};
use stories::{City, Db, on_both};

on_both!(
    figures_open_to_their_rows,
    review_then_receipt,
    switching_keeps_the_page,
    the_guide_on_paper,
);

async fn figures_open_to_their_rows(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut visitor = city.visitor();
    let home = visitor.get("/").await.expect(200);
    for words in ["您要办什么？", "按事情找", "今日受理", "近 30 天还没有办结的办件"]
    {
        assert!(home.has(words), "{words}");
    }
    assert!(!home.has("我正在办的"), "a visitor has nothing open");
    assert!(
        visitor
            .get("/services/cases")
            .await
            .expect(200)
            .has("今天还没有受理的办件")
    );
    assert!(
        visitor
            .get("/occasions/renovate")
            .await
            .expect(200)
            .has("挖掘城市道路审批")
    );
    visitor.get("/occasions/nothing").await.expect(404);
    for page in ["/about", "/accessibility"] {
        visitor.get(page).await.expect(200);
    }

    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    assert!(her.get("/").await.has("我正在办的"));
    assert!(
        !visitor.get("/services/cases").await.has(&number),
        "nobody has accepted it yet"
    );
    let mut clerk = city.client("clerk").await;
    clerk.finish(&case, "done", "").await.expect(303);
    let ledger = visitor.get("/services/cases").await.expect(200);
    assert!(ledger.has(&number) && ledger.has("今日受理 1"));
    assert!(!ledger.has("演示居民"), "no person is in it");
    // Two days later it is decided: no longer of today, and its time is the median.
    city.day("2026-11-26");
    for (who, outcome) in [
        ("reviewer-cg", "agree"),
        ("reviewer-jj", "agree"),
        ("head", "grant"),
    ] {
        let mut official = city.client(who).await;
        official.finish(&case, outcome, "同意。").await.expect(303);
    }
    city.settle().await;
    assert_eq!(city.state(&case).await, "granted");
    assert!(!visitor.get("/services/cases").await.has(&number));
    let ended = visitor.get("/services/cases?show=ended").await.expect(200);
    assert!(
        ended.has(&number) && ended.has("中位数是 2 天"),
        "{}",
        ended.text()
    );
    assert!(visitor.get("/").await.has("天，近 30 天 1 件的中位数"));
    assert!(
        !her.get("/").await.has("我正在办的"),
        "what has ended is not open"
    );
    visitor.get("/services/cases?before=x").await.expect(400);
}

async fn review_then_receipt(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let case = her.begin("occupy-road").await;
    let (form, review) = (format!("/cases/{case}/form"), format!("/cases/{case}/review"));
    // Not complete: the form says so, and handing in past the review page is refused the same way.
    her.post_multipart(&form, &[("action", "review")], &[])
        .await
        .expect(422);
    let refused = her
        .post_form(&format!("/cases/{case}/submission"), &[])
        .await
        .expect(422);
    assert!(refused.has("error-summary"));
    her.get(&format!("/cases/{case}/receipt.ics")).await.expect(404);
    let mut fields = answers();
    fields.retain(|(name, _)| *name != "action");
    fields.push(("action", "review"));
    let files: &[(&str, &str, &[u8])] = &[
        ("file-site-plan", "图.pdf", PDF),
        ("file-site-photo", "照片.pdf", PDF2),
    ];
    let sent = her.post_multipart(&form, &fields, files).await.expect(303);
    assert_eq!(sent.location(), review);
    assert_eq!(
        city.state(&case).await,
        "draft",
        "reading it through hands nothing in"
    );
    let page = her.get(&review).await.expect(200);
    assert!(page.has("图.pdf") && page.has("提交申请"));
    let mut other = city.client("agent").await;
    other.get(&review).await.expect(404);
    her.post_form(&format!("/cases/{case}/submission"), &[])
        .await
        .expect(303);
    assert_eq!(city.state(&case).await, "submitted");
    // The page is gone with the draft; the latest day goes into her calendar, and into nobody else's.
    assert_eq!(
        her.get(&review).await.expect(303).location(),
        format!("/cases/{case}")
    );
    let diary = her.get(&format!("/cases/{case}/receipt.ics")).await.expect(200);
    assert!(diary.header("content-type").starts_with("text/calendar"));
    assert!(
        diary.text().contains("DTSTART;VALUE=DATE:20261201"),
        "{}",
        diary.text()
    );
    other.get(&format!("/cases/{case}/receipt.ics")).await.expect(404);
    assert!(
        her.get(&format!("/cases/{case}"))
            .await
            .has("已用 0 个工作日 · 暂停 0 个 · 还剩 5 个")
    );
}

async fn switching_keeps_the_page(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut visitor = city.visitor();
    let page = visitor.get("/search?q=road&lang=en&elder=1").await.expect(200);
    assert!(page.has("q=road&amp;lang=zh"), "{}", page.text());
    assert!(page.has("q=road&amp;elder=0"));
}

async fn the_guide_on_paper(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut visitor = city.visitor();
    let guide = visitor.get("/matters/occupy-road").await.expect(200);
    assert!(guide.leads("/matters/occupy-road/guide.pdf"));
    let pdf = visitor.get("/matters/occupy-road/guide.pdf").await.expect(200);
    assert_eq!(pdf.header("content-type"), "application/pdf");
    let words = stories::paper::words(&pdf.body);
    for told in ["临时占用城市道路审批", "指南编号", "-v1", "申请材料", "1/"] {
        assert!(words.contains(told), "{told}: {words}");
    }
    let english = visitor
        .get("/matters/occupy-road/guide.pdf?lang=en")
        .await
        .expect(200);
    assert!(english.body.starts_with(b"%PDF-") && english.body != pdf.body);
    visitor.get("/matters/nothing/guide.pdf").await.expect(404);
    // Every matter of the pack can be printed.
    let all = visitor.get("/api/v1/matters").await.expect(200).json();
    let all: Vec<String> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap().to_string())
        .collect();
    assert!(all.len() >= 30);
    for id in all {
        visitor.get(&format!("/matters/{id}/guide.pdf")).await.expect(200);
    }
}
