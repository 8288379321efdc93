//! A matter gets a second version with one more step; the administrator moves the running cases that can move.

use kernel::params;
use stories::{Answer, City, Client, Db, on_both};

on_both!(running_cases_move);

/// The process of the sample matter with one more step between the first review and the join.
fn with_second_look() -> String {
    let file = stories::pack_dir().join("matters/occupy-road/process.bpmn");
    let old = std::fs::read_to_string(file).unwrap();
    let flow =
        "<bpmn:sequenceFlow id=\"to-join-from-review-cg\" sourceRef=\"review-cg\" targetRef=\"join\"/>";
    let new = "<bpmn:userTask id=\"second-look\" name=\"城管复核\" yw:name-en=\"Second look\" yw:org=\"chengguan\" yw:kind=\"review\" \
        yw:role=\"reviewer\" yw:outcomes=\"agree,disagree\"/>\
        <bpmn:sequenceFlow id=\"to-second-look\" sourceRef=\"review-cg\" targetRef=\"second-look\"/>\
        <bpmn:sequenceFlow id=\"to-join-from-second-look\" sourceRef=\"second-look\" targetRef=\"join\"/>";
    assert!(old.contains(flow));
    old.replace(flow, new)
        .replace(
            "<bpmn:outgoing>to-join-from-review-cg<",
            "<bpmn:outgoing>to-second-look<",
        )
        .replace(
            "<bpmn:incoming>to-join-from-review-cg<",
            "<bpmn:incoming>to-join-from-second-look<",
        )
}

/// The pick of a case on the page, when it may be picked.
fn pick(page: &Answer, case: &str) -> Option<String> {
    let version = page.between(&format!("value=\"{case}:"), "\"")?;
    Some(format!("{case}:{version}"))
}

async fn run(who: &mut Client, to: &str, picks: &[String]) -> Answer {
    let mut fields = vec![("matter", "occupy-road"), ("to", to)];
    fields.extend(picks.iter().map(|p| ("pick", p.as_str())));
    who.post_form("/work/migrations", &fields).await
}

async fn step(city: &City, case: &str, who: &str, outcome: &str) {
    let mut official = city.client(who).await;
    official.finish(case, outcome, "看过。").await.expect(303);
}

async fn on_version(city: &City, case: &str) -> i64 {
    let sql = "SELECT matter_version FROM cases_case WHERE id = $1";
    city.count(sql, params![case]).await
}

async fn running_cases_move(db: Db) {
    let city = City::open(db, "2026-11-24").await;
    let mut her = city.client("resident").await;
    let mut admin = city.client("admin").await;
    let page = admin.get("/work/migrations").await.expect(200);
    assert!(page.has("所有在办件都在最新版本上"));
    let mut cases = Vec::new();
    for _ in 0..4 {
        cases.push(her.apply().await.0);
    }
    let [new, reviewing, waiting, deciding] = &cases[..] else {
        panic!("four cases")
    };
    for case in [reviewing, waiting, deciding] {
        step(&city, case, "clerk", "done").await;
    }
    for case in [waiting, deciding] {
        step(&city, case, "reviewer-cg", "agree").await;
    }
    step(&city, deciding, "reviewer-jj", "agree").await;

    let system = city.system();
    let version = services::api::revise(&system, "occupy-road", &with_second_look())
        .await
        .unwrap();
    assert_eq!(version, 2);
    // Nobody but the administrator; not the resident, not a clerk.
    her.get("/work/migrations").await.expect(403);
    city.client("clerk")
        .await
        .get("/work/migrations")
        .await
        .expect(403);
    let page = admin.get("/work/migrations").await.expect(200);
    assert!(page.has("4 件在旧版本上，最新为第 2 版"), "{}", page.text());
    admin.get("/work/migrations?matter=nothing").await.expect(404);
    let page = admin.get("/work/migrations?matter=occupy-road").await.expect(200);
    assert!(page.has("“会审汇总”在新版本中将永远等不齐"));
    assert_eq!(pick(&page, waiting), None, "who cannot move cannot be picked");
    let picks: Vec<String> = [new, reviewing, deciding]
        .iter()
        .map(|c| pick(&page, c).unwrap())
        .collect();

    // Nothing picked; another version than the page showed; a case that somebody handled meanwhile.
    run(&mut admin, "2", &[]).await.expect(422);
    run(&mut admin, "1", &picks).await.expect(412);
    let stale = format!("{new}:1{}", city.version(new).await);
    let forced = format!("{waiting}:{}", city.version(waiting).await);
    let page = run(&mut admin, "2", &[stale, forced]).await.expect(200);
    assert!(
        page.has("未办 2 件") && page.has("将永远等不齐"),
        "{}",
        page.text()
    );
    let page = run(&mut admin, "2", &picks).await.expect(200);
    assert!(page.has("成功 3 件") && !page.has("未办"), "{}", page.text());
    for (case, version) in [(new, 2), (reviewing, 2), (waiting, 1), (deciding, 2)] {
        assert_eq!(on_version(&city, case).await, version);
    }
    let facts = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.migrated'";
    assert_eq!(city.count(facts, &[]).await, 3);
    let page = her.get(&format!("/cases/{deciding}")).await.expect(200);
    assert!(page.has("由第 1 版流程转到第 2 版"));

    // Each goes on by its own version: the new step comes where it is still ahead, and not where it was passed.
    for case in [new, reviewing, waiting, deciding] {
        if case == new {
            step(&city, case, "clerk", "done").await;
        }
        if case == new || case == reviewing {
            step(&city, case, "reviewer-cg", "agree").await;
            let page = her.get(&format!("/cases/{case}")).await.expect(200);
            assert!(page.has("城管复核"));
            step(&city, case, "reviewer-cg", "agree").await;
        }
        if case != deciding {
            step(&city, case, "reviewer-jj", "agree").await;
        }
        step(&city, case, "head", "grant").await;
    }
    city.settle().await;
    for case in &cases {
        assert_eq!(city.state(case).await, "granted");
        let page = her.get(&format!("/cases/{case}")).await.expect(200);
        assert!(page.has("/me/certificates/"));
    }
    let page = admin.get("/work/migrations?matter=occupy-road").await.expect(200);
    assert!(page.has("这个事项没有在旧版本上的在办件"));
    assert_eq!(city.altered().await, Vec::<String>::new());
}
