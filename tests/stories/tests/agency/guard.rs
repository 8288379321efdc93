//! How a guardianship ends: by the guardian, by an official, by itself.

use super::{AGENT, CHILD, DAY, SHOP, daily, known, state};
use stories::{City, Client, Db, on_both};

on_both!(
    a_guardian_gives_it_up,
    an_official_ends_a_guardianship,
    at_eighteen_it_ends_by_itself,
);

/// A guardianship by the library, the child with an account; (guardian, ward's browser, power, ward).
async fn family(city: &City) -> (Client, Client, String, String) {
    let mut her = known(city, "resident").await;
    her.post_form("/me/family", &[("number", CHILD.0), ("name", CHILD.1)])
        .await
        .expect(303);
    let sql = "SELECT id FROM identity_power WHERE role = 'guardian'";
    let power: String = city.scalar(sql, &[]).await.unwrap();
    let sql = "SELECT principal FROM identity_power WHERE id = $1";
    let ward: String = city.scalar(sql, &[power.as_str().into()]).await.unwrap();
    let ctx = city.system();
    identity::api::open_account(&ctx, "child", "person", &ward, city.password())
        .await
        .unwrap();
    let child = city.client("child").await;
    (her, child, power, ward)
}

async fn told(city: &City, login: &str, kind: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM comms_message m JOIN identity_account a ON a.subject = m.recipient \
               WHERE a.login = $1 AND m.kind = $2";
    city.count(sql, &[login.into(), kind.into()]).await
}

async fn a_guardian_gives_it_up(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut child, power, ward) = family(&city).await;
    her.post_form("/me/acting", &[("firm", &ward)]).await.expect(303);
    let path = format!("/me/family/{power}");
    let page = her.get(&path).await.expect(200);
    assert!(
        page.has("终止监护登记") && page.has("唯一登记的监护人") && page.has(CHILD.1),
        "{}",
        page.text()
    );
    assert!(her.get("/me/family").await.expect(200).leads(&path));
    // The ward sees it and ends nothing; strangers do not see it.
    let page = child.get(&path).await.expect(200);
    assert!(
        page.has(super::RESIDENT.1) && !page.leads(&format!("{path}/end")),
        "{}",
        page.text()
    );
    let end = format!("{path}/end");
    child.post_form(&end, &[]).await.expect(404);
    let mut other = city.client("agent").await;
    other.get(&path).await.expect(404);
    other.post_form(&end, &[]).await.expect(404);
    assert_eq!(state(&city, &power).await, "active");
    let before = told(&city, "child", "power-changed").await;
    assert_eq!(her.post_form(&end, &[]).await.expect(303).location(), path);
    assert_eq!(state(&city, &power).await, "ended");
    assert_eq!(
        told(&city, "child", "power-changed").await,
        before + 1,
        "the ward is told"
    );
    let page = child.get("/me/messages").await.expect(200);
    assert!(page.has("授权") && page.leads(&path), "{}", page.text());
    assert!(child.get(&path).await.expect(200).has("监护人终止"));
    // The session that acted for the child acts for nobody from now on.
    assert!(!her.get("/me").await.expect(200).has("正在代"));
    her.post_form("/me/acting", &[("firm", &ward)]).await.expect(403);
    her.post_form(&end, &[]).await.expect(409);
    assert!(her.get(&path).await.expect(200).has("监护人终止"));
    // It may be taken up again, as the library still says so.
    her.post_form("/me/family", &[("number", CHILD.0), ("name", CHILD.1)])
        .await
        .expect(303);
    her.post_form("/me/acting", &[("firm", &ward)]).await.expect(303);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn an_official_ends_a_guardianship(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, _, power, ward) = family(&city).await;
    her.post_form("/me/acting", &[("firm", &ward)]).await.expect(303);
    let search = "/work/guardianships/search";
    her.post_form(search, &[("ward", CHILD.0)]).await.expect(403);
    let mut clerk = city.client("clerk").await;
    // By the ward's number and by the guardian's; names are masked, and the look-up is recorded.
    for number in [CHILD.0, super::RESIDENT.0] {
        let page = clerk.post_form(search, &[("ward", number)]).await.expect(200);
        assert!(
            page.has("的监护登记")
                && page.leads(&format!("/work/guardianships/{power}"))
                && !page.has(CHILD.1),
            "{}",
            page.text()
        );
    }
    let sql = "SELECT COUNT(*) FROM identity_access WHERE subject = $1";
    assert!(city.count(sql, &[ward.as_str().into()]).await >= 1);
    let none = clerk.post_form(search, &[("ward", AGENT.0)]).await.expect(200);
    assert!(none.has("没有监护登记"));
    let nobody = clerk
        .post_form(search, &[("ward", "320899197001011230")])
        .await
        .expect(200);
    assert!(nobody.has("没有这个人的记录"));
    let end = format!("/work/guardianships/{power}/end");
    her.post_form(&end, &[("reason", "x")]).await.expect(403);
    clerk.post_form(&end, &[("reason", "  ")]).await.expect(422);
    // The verb for firms' powers does not reach it, nor the other way round.
    clerk
        .post_form(&format!("/work/agencies/{power}/end"), &[("reason", "x")])
        .await
        .expect(404);
    assert_eq!(state(&city, &power).await, "active");
    let before = [
        told(&city, "resident", "power-changed").await,
        told(&city, "child", "power-changed").await,
    ];
    clerk
        .post_form(&end, &[("reason", "监护权已变更，见判决")])
        .await
        .expect(303);
    let after = [
        told(&city, "resident", "power-changed").await,
        told(&city, "child", "power-changed").await,
    ];
    assert_eq!(after, before.map(|n| n + 1), "both are told");
    assert!(!her.get("/me").await.expect(200).has("正在代"));
    assert!(
        her.get(&format!("/me/family/{power}"))
            .await
            .expect(200)
            .has("监护权已变更，见判决")
    );
    clerk.post_form(&end, &[("reason", "再次")]).await.expect(404);
    let firm = super::establish(&mut her, SHOP).await;
    let head = super::newest(&city, &firm, "representative").await;
    clerk
        .post_form(&format!("/work/guardianships/{head}/end"), &[("reason", "x")])
        .await
        .expect(404);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn at_eighteen_it_ends_by_itself(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, _, power, ward) = family(&city).await;
    // Whatever last day the row says, the number of the ward decides.
    city.day("2033-05-30");
    daily(&city).await;
    assert_eq!(told(&city, "child", "power-ending").await, 0);
    city.day("2033-05-31");
    daily(&city).await;
    assert_eq!(
        [
            told(&city, "child", "power-ending").await,
            told(&city, "resident", "power-ending").await
        ],
        [1, 1]
    );
    city.day("2033-06-14");
    daily(&city).await;
    assert_eq!(state(&city, &power).await, "active");
    city.client("resident")
        .await
        .post_form("/me/acting", &[("firm", &ward)])
        .await
        .expect(303);
    city.day("2033-06-15");
    city.client("resident")
        .await
        .post_form("/me/acting", &[("firm", &ward)])
        .await
        .expect(403);
    let before = told(&city, "child", "power-changed").await;
    daily(&city).await;
    assert_eq!(state(&city, &power).await, "ended");
    assert_eq!(told(&city, "child", "power-changed").await, before + 1);
    let page = city
        .client("child")
        .await
        .get(&format!("/me/family/{power}"))
        .await
        .expect(200);
    assert!(page.has("已满 18 周岁"), "{}", page.text());
    // Once.
    daily(&city).await;
    assert_eq!(told(&city, "child", "power-changed").await, before + 1);
    assert_eq!(city.altered().await, Vec::<String>::new());
}
