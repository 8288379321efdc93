//! Papers (文书): each event makes its paper, once and for good; who sees it, what it says, what happens when something breaks.

use kernel::params;
use std::collections::BTreeMap;
use stories::matter::answers;
use stories::paper::{paper, papers};
use stories::{City, Client, Db, on_both, pack_copy};

on_both!(
    each_event_makes_its_paper,
    a_case_that_is_not_accepted,
    a_paper_is_its_applicants,
    anybody_verifies_one,
    a_corrected_paper_supersedes,
    a_crash_loses_no_paper,
    the_doctor_names_an_altered_row,
    the_package_holds_them,
);

const DAY: &str = "2026-11-24";

#[track_caller]
fn says(text: &str, all: &[&str]) {
    for words in all {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}

async fn kinds(city: &City, case: &str) -> Vec<String> {
    papers(city, case)
        .await
        .into_iter()
        .map(|(_, kind, _)| kind)
        .collect()
}

/// A command on the case as a whole.
async fn on_case(browser: &mut Client, case: &str, noun: &str, fields: &[(&str, &str)]) {
    let (version, _) = browser.task(case).await;
    let mut all = vec![("version", version.as_str())];
    all.extend(fields);
    browser
        .post_form(&format!("/work/cases/{case}/{noun}"), &all)
        .await
        .expect(303);
}

async fn each_event_makes_its_paper(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, number) = her.apply().await;
    city.settle().await;
    says(
        &paper(&city, &mut her, &case, "received").await,
        &[
            "申请材料接收凭证",
            "演示居民甲：",
            &number,
            "占用位置和范围示意图",
            "电子文件1份",
            "2026年12月1日以前",
            "演示样例",
        ],
    );

    let mut clerk = city.client("clerk").await;
    let (version, work) = clerk.task(&case).await;
    let items = [
        ("version", version.as_str()),
        ("work", &work),
        ("items", "示意图请标明剩余通行宽度\n照片请补近景"),
    ];
    clerk
        .post_form(&format!("/work/cases/{case}/correction"), &items)
        .await
        .expect(303);
    city.settle().await;
    says(
        &paper(&city, &mut her, &case, "correction").await,
        &[
            "补正告知书",
            "（1）示意图请标明剩余通行宽度",
            "（2）照片请补近景",
            "以前补正",
        ],
    );
    her.hand_in(&case, &answers()).await.expect(303);
    clerk.finish(&case, "done", "").await.expect(303);
    city.settle().await;
    says(
        &paper(&city, &mut her, &case, "accepted").await,
        &[
            "行政许可申请受理通知书",
            "决定予以受理",
            "2026年12月8日以前作出决定",
        ],
    );

    let mut cg = city.client("reviewer-cg").await;
    let hearing = [
        ("name", "hearing"),
        ("days", "5"),
        ("reason", "利害关系人申请听证。"),
    ];
    on_case(&mut cg, &case, "special-procedure", &hearing).await;
    city.settle().await;
    says(
        &paper(&city, &mut her, &case, "special").await,
        &[
            "特别程序告知书",
            "进行听证",
            "最长5个工作日",
            "利害关系人申请听证。",
        ],
    );
    on_case(&mut cg, &case, "suspension", &[]).await;
    on_case(&mut cg, &case, "suspension", &[("reason", "等待勘测报告。")]).await;
    on_case(&mut cg, &case, "suspension", &[]).await;
    let mut head = city.client("head").await;
    on_case(
        &mut head,
        &case,
        "extension",
        &[("days", "10"), ("reason", "案情复杂。")],
    )
    .await;
    city.settle().await;
    says(
        &paper(&city, &mut her, &case, "suspended").await,
        &["中止计算办理期限", "自2026年11月24日起", "等待勘测报告。"],
    );
    says(
        &paper(&city, &mut her, &case, "extended").await,
        &[
            "延长办理期限告知书",
            "10个工作日",
            "至2026年12月22日止",
            "案情复杂。",
        ],
    );

    cg.finish(&case, "disagree", "剩余宽度不足。").await.expect(303);
    city.client("reviewer-jj")
        .await
        .finish(&case, "agree", "同意。")
        .await
        .expect(303);
    head.finish(&case, "refuse", "剩余通行宽度不足一点五米。")
        .await
        .expect(303);
    city.settle().await;
    says(
        &paper(&city, &mut her, &case, "refused").await,
        &[
            "不予行政许可决定书",
            "理由：剩余通行宽度不足一点五米。",
            "依照《城市道路管理条例》第三十一条",
            "六十日内依法申请行政复议",
            "六个月内",
        ],
    );

    // The proof of service lists what was served and who received it.
    her.post_form(&format!("/cases/{case}/delivery"), &[("way", "download")])
        .await
        .expect(303);
    her.post_form(&format!("/cases/{case}/delivery/confirmation"), &[])
        .await
        .expect(303);
    city.settle().await;
    let number_of: BTreeMap<String, String> = papers(&city, &case)
        .await
        .into_iter()
        .map(|(_, kind, number)| (kind, number))
        .collect();
    says(
        &paper(&city, &mut her, &case, "served").await,
        &["送达回证", "电子送达", &number_of["refused"], "2026年11月24日"],
    );

    // A granted one beside it; the numbers of the organisation go on without a gap, in the order of the events.
    let (second, _) = her.apply().await;
    city.decide(&second, "agree", "grant").await;
    says(
        &paper(&city, &mut her, &second, "granted").await,
        &[
            "准予行政许可决定书",
            "决定准予行政许可",
            "颁发《",
            "审查意见：按会审意见。",
        ],
    );
    let mut numbers: Vec<String> = papers(&city, &case).await.into_iter().map(|(.., n)| n).collect();
    numbers.extend(papers(&city, &second).await.into_iter().map(|(.., n)| n));
    let serials: Vec<String> = numbers
        .iter()
        .map(|n| n.split('〕').nth(1).unwrap().trim_end_matches('号').to_string())
        .collect();
    assert_eq!(
        serials,
        (1..=12).map(|n| n.to_string()).collect::<Vec<_>>(),
        "{numbers:?}"
    );
    assert!(numbers.iter().all(|n| n.contains("〔2026〕")));
    // Another year begins at one.
    city.day("2027-01-05");
    let mut her = city.client("resident").await;
    let (third, _) = her.apply().await;
    city.settle().await;
    assert!(papers(&city, &third).await[0].2.ends_with("收〔2027〕1号"));

    // Applicant and official find them on the page of the case, and the timeline says when they were issued.
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    let work = city
        .client("head")
        .await
        .get(&format!("/work/cases/{case}"))
        .await
        .expect(200);
    for n in number_of.values() {
        assert!(page.has(n) && work.has(n), "{n}");
    }
    assert!(page.has("制发《不予行政许可决定书》"));
    // Nothing is printed twice.
    let many = papers(&city, &case).await.len();
    city.settle().await;
    assert_eq!(papers(&city, &case).await.len(), many);
    assert_eq!(
        city.count("SELECT COUNT(*) FROM documents_paper_order", &[])
            .await,
        0
    );
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_case_that_is_not_accepted(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    let mut clerk = city.client("clerk").await;
    let (version, work) = clerk.task(&case).await;
    let page = clerk.get(&format!("/work/cases/{case}")).await;
    assert!(page.has("不予受理"));
    let fields = [
        ("version", version.as_str()),
        ("error", "not-acceptable"),
        ("reason", "该路段不属于城市道路。"),
    ];
    clerk
        .post_form(&format!("/work/cases/{case}/work/{work}/error"), &fields)
        .await
        .expect(303);
    city.settle().await;
    assert_eq!(city.state(&case).await, "refused");
    assert_eq!(kinds(&city, &case).await, ["received", "not-accepted"]);
    says(
        &paper(&city, &mut her, &case, "not-accepted").await,
        &["不予受理决定书", "该路段不属于城市道路。", "申请行政复议"],
    );
}

async fn a_paper_is_its_applicants(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.settle().await;
    let (id, ..) = papers(&city, &case).await.remove(0);
    let path = |ending: &str| format!("/cases/{case}/papers/{id}{ending}");
    for ending in [".pdf", ".sm2", ".sm2.pem", ".proof"] {
        assert!(!her.get(&path(ending)).await.expect(200).body.is_empty());
    }
    for ending in ["", ".txt"] {
        her.get(&path(ending)).await.expect(404);
    }
    let receipt = her.get(&format!("/cases/{case}/receipt")).await.expect(200);
    assert!(receipt.has(&path(".pdf")), "the receipt page leads to it");
    // Others do not learn that it is there; nor does it hang on another case.
    let mut agent = city.client("agent").await;
    agent.get(&path(".pdf")).await.expect(404);
    let (other, _) = agent.apply().await;
    agent
        .get(&format!("/cases/{other}/papers/{id}.pdf"))
        .await
        .expect(404);
    assert_eq!(city.visitor().get(&path(".pdf")).await.status, 303);
    // An official's look is in her record of accesses.
    city.client("clerk").await.get(&path(".pdf")).await.expect(200);
    assert!(her.get("/me/security").await.expect(200).has("paper"));
    // The file and the words are sealed.
    let bare = "SELECT COUNT(*) FROM documents_paper WHERE CAST(body AS TEXT) LIKE '%applicant%' OR CAST(pdf AS TEXT) LIKE '%PDF%'";
    assert_eq!(city.count(bare, &[]).await, 0);
}

async fn anybody_verifies_one(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.settle().await;
    let (id, _, number) = papers(&city, &case).await.remove(0);
    let pdf = her
        .get(&format!("/cases/{case}/papers/{id}.pdf"))
        .await
        .expect(200)
        .body;
    let seq = "SELECT seq FROM kernel_fact WHERE type = 'documents.paper.issued' AND subject = $1";
    let seq = city.count(seq, params![id.as_str()]).await;
    let in_the_log = format!("签发记录在存证日志第 {seq} 条");
    let mut visitor = city.visitor();
    let page = visitor
        .post_multipart("/verify", &[], &[("file", "x.pdf", &pdf)])
        .await
        .expect(200);
    assert!(
        page.has("文件完整，签章可信") && page.has(&number) && page.has(&in_the_log),
        "{}",
        page.text()
    );
    // The QR code's page says the same and names nobody in full.
    let token: String = city
        .scalar(
            "SELECT token FROM documents_paper WHERE id = $1",
            params![id.as_str()],
        )
        .await
        .unwrap();
    let page = visitor.get(&format!("/verify/{token}")).await.expect(200);
    assert!(
        page.has("确由本市签发") && page.has(&number) && page.has(&in_the_log) && !page.has("演示居民甲")
    );
    let mut altered = pdf.clone();
    altered[300] ^= 1;
    let page = visitor
        .post_multipart("/verify", &[], &[("file", "x.pdf", &altered)])
        .await;
    assert!(page.has("文件被改动过") && !page.has(&number));
    // The proof file holds the fact with the hash of these very bytes.
    let proof = her
        .get(&format!("/cases/{case}/papers/{id}.proof"))
        .await
        .expect(200);
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&pdf));
    assert!(proof.has(&hash) && proof.has(&number));
}

async fn a_corrected_paper_supersedes(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "refuse").await;
    let old = papers(&city, &case).await.pop().unwrap();
    let path = format!("/work/cases/{case}/papers/{}/correction", old.0);
    let before = her
        .get(&format!("/cases/{case}/papers/{}.pdf", old.0))
        .await
        .expect(200)
        .body;
    let fields = [
        ("text", "剩余通行宽度不足一米五。"),
        ("why", "理由漏写依据的宽度。"),
    ];
    her.post_form(&path, &fields).await.expect(403);
    let mut head = city.client("head").await;
    head.post_form(&path, &[("text", "x"), ("why", "")])
        .await
        .expect(422);
    head.post_form(&path, &fields).await.expect(303);
    city.settle().await;
    let all = papers(&city, &case).await;
    let new = all.last().unwrap();
    assert_eq!((new.1.as_str(), new.2 != old.2), ("refused", true));
    says(
        &paper(&city, &mut her, &case, "refused").await,
        &[
            "剩余通行宽度不足一米五。",
            &format!("替代2026年11月24日的{}", old.2),
            "理由漏写依据的宽度。",
        ],
    );
    // The old one is what it was, and says by which it was superseded.
    let after = her
        .get(&format!("/cases/{case}/papers/{}.pdf", old.0))
        .await
        .expect(200)
        .body;
    assert!(before == after);
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has(&format!("由 {} 替代", new.2)) && page.has(&format!("更正文书 {}", old.2)));
    let token: String = city
        .scalar(
            "SELECT token FROM documents_paper WHERE id = $1",
            params![old.0.as_str()],
        )
        .await
        .unwrap();
    assert!(
        city.visitor()
            .get(&format!("/verify/{token}"))
            .await
            .expect(200)
            .has(&new.2)
    );
    head.post_form(&path, &fields).await.expect(409);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_crash_loses_no_paper(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    // The program ends before anything followed the fact.
    let (case, _) = her.apply().await;
    let place = city.place.clone();
    let again = |place: std::sync::Arc<stories::Place>| async move {
        let config = place.config();
        City::start(place, config, DAY, None).await.unwrap()
    };
    drop((city, her));
    let city = again(place.clone()).await;
    assert_eq!(kinds(&city, &case).await, Vec::<String>::new());
    city.settle().await;
    assert_eq!(kinds(&city, &case).await, ["received"]);
    // The program ends between the order and the print; meanwhile the case goes on.
    let mut clerk = city.client("clerk").await;
    clerk.finish(&case, "done", "").await.expect(303);
    kernel::job::follow(&city.app).await.unwrap();
    assert_eq!(
        city.count("SELECT COUNT(*) FROM documents_paper_order", &[])
            .await,
        1
    );
    drop((city, clerk));
    let city = again(place).await;
    city.day("2026-11-26");
    let mut cg = city.client("reviewer-cg").await;
    on_case(&mut cg, &case, "suspension", &[("reason", "等待勘测报告。")]).await;
    city.settle().await;
    assert_eq!(kinds(&city, &case).await, ["received", "accepted", "suspended"]);
    // It bears the day of the event and says what held then.
    let mut her = city.client("resident").await;
    says(
        &paper(&city, &mut her, &case, "accepted").await,
        &["2026年11月24日", "2026年12月8日以前作出决定"],
    );
    city.settle().await;
    assert_eq!(papers(&city, &case).await.len(), 3);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn the_doctor_names_an_altered_row(db: Db) {
    let city = City::open(db, DAY).await;
    let (case, _) = city.client("resident").await.apply().await;
    city.settle().await;
    let (id, ..) = papers(&city, &case).await.remove(0);
    assert_eq!(city.altered().await, Vec::<String>::new());
    let sql = "UPDATE documents_paper SET number = 'x' WHERE id = $1";
    city.execute(sql, params![id.as_str()]).await;
    let found = city.altered().await;
    assert!(
        found
            .iter()
            .any(|f| f.contains("documents_paper") && f.contains(&id)),
        "{found:?}"
    );
}

async fn the_package_holds_them(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    let mut archivist = city.client("archivist").await;
    let versions = "SELECT MAX(version) FROM cases_archive WHERE case_id = $1";
    assert_eq!(
        city.count(versions, params![case.as_str()]).await,
        1,
        "built once, when all was there"
    );
    let zip = archivist
        .get(&format!("/work/archive/{case}.zip"))
        .await
        .expect(200);
    let held = |zip: &stories::Answer, bytes: &[u8]| zip.body.windows(bytes.len()).any(|w| w == bytes);
    let all = papers(&city, &case).await;
    assert_eq!(kinds(&city, &case).await, ["received", "accepted", "granted"]);
    for (id, ..) in &all {
        let pdf = her
            .get(&format!("/cases/{case}/papers/{id}.pdf"))
            .await
            .expect(200)
            .body;
        assert!(held(&zip, &pdf), "the package holds the very bytes");
    }
    assert!(zip.text().contains(&all[2].2), "the manifest names its number");
    // What is served afterwards calls for a new package.
    her.post_form(&format!("/cases/{case}/delivery"), &[("way", "download")])
        .await
        .expect(303);
    her.post_form(&format!("/cases/{case}/delivery/confirmation"), &[])
        .await
        .expect(303);
    city.settle().await;
    assert_eq!(city.count(versions, params![case.as_str()]).await, 2);
    let page = archivist
        .post_form(&format!("/work/archive/{case}/verification"), &[])
        .await;
    assert!(!page.has("circle-alert"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_template_is_found_with_file_and_line() {
    let city = City::open(Db::Sqlite, DAY).await;
    let folder = tempfile::tempdir().unwrap();
    let pack = pack_copy(folder.path());
    let papers = folder.path().join("base/papers");
    let change = |file: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(papers.join(file)).unwrap();
        assert!(text.contains(from), "{file}");
        std::fs::write(papers.join(file), text.replace(from, to)).unwrap();
    };
    let check = || kernel::pack::check(&city.app, &kernel::pack::Pack::read(&pack).unwrap());
    assert_eq!(check(), Vec::<String>::new());
    // A field that is not there, on a way that only some papers take.
    change("refused.typ", "#d.reason]", "#d.raeson]");
    let found = check();
    assert!(
        found.len() == 1 && found[0].contains("papers/refused.typ:5:") && found[0].contains("raeson"),
        "{found:?}"
    );
    change("refused.typ", "#d.raeson]", "#d.reason]");
    // In the sheet that all share it is said once, at its own line.
    change("layout.typ", "d.case_number \\", "d.case \\");
    let found = check();
    assert!(
        found.len() == 1 && found[0].contains("papers/layout.typ:"),
        "{found:?}"
    );
    change("layout.typ", "d.case \\", "d.case_number \\");
    change("papers.toml", "〔{year}〕", "");
    let found = check();
    assert!(
        found.len() == 1 && found[0].contains("papers.toml:5:") && found[0].contains("{year}"),
        "{found:?}"
    );
}
