//! What is seen of a firm: its cases, by whom and for whom, page by page.

use super::{AGENT, CLERK, DAY, accept, invite, newest, set, shop};
use stories::paper::paper;
use stories::{City, Db, on_both};

on_both!(
    the_firms_page_shows_its_cases,
    long_lists_come_page_by_page,
    every_act_says_for_whom_and_by_whom,
);

const OCCUPY: &str = "临时占用城市道路审批";
const DIG: &str = "挖掘城市道路审批";

async fn the_firms_page_shows_its_cases(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut agent, firm, power) = shop(&city, &[("matters", "occupy-road")]).await;
    let (case, number) = agent.apply().await;
    her.post_form("/me/acting", &[("firm", &firm)]).await.expect(303);
    let other = her.begin("dig-road").await;
    let own = her.clone().post_form("/me/acting", &[]).await.expect(303);
    drop(own);
    let mut her = city.client("resident").await;
    let path = format!("/me/firms/{firm}");
    // The representative sees both, with who acted; while not acting for it, a button takes the part first.
    let page = her.get(&path).await.expect(200);
    assert!(
        page.has(OCCUPY) && page.has(DIG) && page.has(&number),
        "{}",
        page.text()
    );
    assert!(page.has("演***") && page.has("代其打开") && !page.has(&format!("href=\"/cases/{case}\"")));
    let next = format!("/cases/{case}");
    let acting = [("firm", firm.as_str()), ("next", next.as_str())];
    assert_eq!(
        her.post_form("/me/acting", &acting).await.expect(303).location(),
        next
    );
    her.get(&next).await.expect(200);
    let page = her.get(&path).await.expect(200);
    assert!(page.has(&format!("href=\"/cases/{case}\"")) && page.has(&format!("href=\"/cases/{other}\"")));
    // Looked for by number and by title.
    let by_number = her.get(&format!("{path}?q={number}")).await.expect(200);
    assert!(
        by_number.has(OCCUPY) && !by_number.has(DIG),
        "{}",
        by_number.text()
    );
    let by_title = her.get(&format!("{path}?q=%E6%8C%96%E6%8E%98")).await.expect(200);
    assert!(by_title.has(DIG) && !by_title.has(&number));
    assert!(
        her.get(&format!("{path}?q=%25"))
            .await
            .expect(200)
            .has("没有您可以查看的办件")
            || by_title.has(DIG)
    );
    // The agent sees what the power reaches, and nothing without leave to read.
    let page = agent.get(&path).await.expect(200);
    assert!(page.has(&number) && !page.has(DIG), "{}", page.text());
    let one = [("matters", "occupy-road")];
    set(&mut her, &firm, &power, &["apply"], &one, "2027-06-30")
        .await
        .expect(303);
    let page = agent.get(&path).await.expect(200);
    assert!(
        !page.has(&number) && page.has("不含“查看办件”"),
        "{}",
        page.text()
    );
    city.client("clerk").await.get(&path).await.expect(404);
    // A case of her own is none of the firm's.
    let mut own = city.client("resident").await;
    let (_, private) = own.apply().await;
    assert!(!own.get(&path).await.expect(200).has(&private));
}

async fn long_lists_come_page_by_page(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut agent, firm, _) = shop(&city, &[]).await;
    let mut begun = 0;
    for entry in std::fs::read_dir(stories::pack_dir().join("matters")).unwrap() {
        let matter = entry.unwrap().file_name().into_string().unwrap();
        let answer = agent.post_form(&format!("/matters/{matter}/cases"), &[]).await;
        begun += i32::from(answer.status == 303);
    }
    assert!(begun > 21, "{begun} matters can be begun");
    let path = format!("/me/firms/{firm}");
    let shown = |a: &stories::Answer| a.text().matches("代其打开").count() as i32;
    let first = her.get(&path).await.expect(200);
    assert_eq!(shown(&first), 20);
    assert!(first.has("?more=1"), "{}", first.text());
    let second = her.get(&format!("{path}?more=1")).await.expect(200);
    assert_eq!(shown(&second), begun - 20);
    assert!(second.has("?more=0"));
    assert_eq!(shown(&her.get(&format!("{path}?more=9")).await.expect(200)), 0);
    // People: thirty who were invited and declined stand after those who hold something.
    let sql = "INSERT INTO identity_power(id, principal, holder, invitee, role, verbs, matters, state, basis, reason, granted_by, from_on, \
               version, created_at) SELECT $1, principal, '', $1, 'agent', '', '', 'declined', 'appointment', '', '', from_on, 1, $2 \
               FROM identity_power WHERE principal = $3 AND role = 'representative'";
    for n in 0..30i64 {
        let id = format!("declined-{n:02}");
        city.execute(
            sql,
            &[id.into(), (n + 9_000_000_000_000).into(), firm.as_str().into()],
        )
        .await;
    }
    let first = her.get(&path).await.expect(200);
    assert!(
        first.has(AGENT.1) && first.has("declined-29") && !first.has("declined-05"),
        "{}",
        first.text()
    );
    let second = her.get(&format!("{path}?page=1")).await.expect(200);
    assert!(!second.has(AGENT.1) && second.has("declined-05") && second.has("?page=0"));
    let mut clerk = city.client("clerk").await;
    let office = format!("/work/agencies?q={}", super::SHOP);
    let page = clerk.get(&office).await.expect(200);
    assert!(
        page.has("page=1") && page.text().matches("已谢绝").count() == 18,
        "{}",
        page.text()
    );
    assert_eq!(
        clerk
            .get(&format!("{office}&page=1"))
            .await
            .expect(200)
            .text()
            .matches("已谢绝")
            .count(),
        12
    );
    // One's own firms.
    let sql = "INSERT INTO identity_power(id, principal, holder, invitee, role, verbs, matters, state, basis, reason, granted_by, from_on, \
               version, created_at) SELECT $1, principal, holder, '', 'agent', '', '', 'active', 'appointment', '', '', from_on, 1, $2 \
               FROM identity_power WHERE principal = $3 AND role = 'representative'";
    for n in 0..25i64 {
        city.execute(
            sql,
            &[format!("mine-{n:02}").into(), n.into(), firm.as_str().into()],
        )
        .await;
    }
    let rows = |a: &stories::Answer| a.text().matches("value=\"resign\"").count();
    assert_eq!(rows(&her.get("/me/firms").await.expect(200)), 20);
    assert_eq!(rows(&her.get("/me/firms?page=1").await.expect(200)), 6);
}

async fn every_act_says_for_whom_and_by_whom(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut agent, firm, _) = shop(&city, &[]).await;
    let shop_name = "演示便民小卖部";
    let begun = agent.begin("occupy-road").await;
    let head = format!("申请人: {shop_name} · 经办人: {}", AGENT.1);
    assert!(
        agent
            .get(&format!("/cases/{begun}/form"))
            .await
            .expect(200)
            .has(&head)
    );
    let (case, number) = agent.apply().await;
    city.settle().await;
    let page = agent.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has(&head) && page.has("经办：演***"), "{}", page.text());
    let receipt = agent.get(&format!("/cases/{case}/receipt")).await.expect(200);
    assert!(
        receipt.has(&format!(
            "<dd>{shop_name}</dd><dt>经办人</dt><dd>{}</dd>",
            AGENT.1
        )),
        "{}",
        receipt.text()
    );
    let printed = paper(&city, &mut agent, &case, "received").await;
    assert!(
        printed.contains(&format!("{shop_name}（经办人{}）", AGENT.1)),
        "{printed}"
    );
    assert!(
        agent
            .get(&format!("/me/firms/{firm}"))
            .await
            .expect(200)
            .has(&number)
    );
    // The official, in the queue and at the case; looking at the agent's name is recorded too.
    let mut clerk = city.client("clerk").await;
    assert!(clerk.get("/work").await.expect(200).has("经办：演***"));
    let work = clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(
        work.has(&format!("{shop_name} (经办人: {})", AGENT.1)),
        "{}",
        work.text()
    );
    let sql = "SELECT COUNT(*) FROM identity_access x JOIN identity_account a ON a.subject = x.subject WHERE a.login = 'agent'";
    assert!(city.count(sql, &[]).await >= 1, "the agent can see who looked");
    // The representative, who was told, reads for whom and by whom.
    let told = her.get("/me/messages").await.expect(200);
    assert!(
        told.has(&number) && told.has(&format!("代表： {shop_name} · 经办： 演***")),
        "{}",
        told.text()
    );
    // Another agent goes on with it: the act is that one's.
    invite(&mut her, &firm, CLERK, &[("role", "agent")])
        .await
        .expect(303);
    let power = newest(&city, &firm, "agent").await;
    let mut second = super::known(&city, "clerk").await;
    accept(&mut second, &power).await.expect(303);
    // For a child by the guardian.
    let child = [("number", super::CHILD.0), ("name", super::CHILD.1)];
    her.post_form("/me/family", &child).await.expect(303);
    let sql = "SELECT principal FROM identity_power WHERE role = 'guardian'";
    let ward: String = city.scalar(sql, &[]).await.unwrap();
    her.post_form("/me/acting", &[("firm", &ward)]).await.expect(303);
    // The form is about the child, not about who fills it in.
    let draft = her.begin("occupy-road").await;
    let form = her.get(&format!("/cases/{draft}/form")).await.expect(200);
    assert!(!form.has(super::RESIDENT.0), "{}", form.text());
    let (case, _) = her.apply().await;
    city.settle().await;
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    let head = format!("申请人: {} · 监护人: {}", super::CHILD.1, super::RESIDENT.1);
    assert!(page.has(&head) && page.has("监护人代办：演**"), "{}", page.text());
    let printed = paper(&city, &mut her, &case, "received").await;
    let whom = format!("{}（监护人{}代为办理）", super::CHILD.1, super::RESIDENT.1);
    assert!(printed.contains(&whom), "{printed}");
    let work = clerk.get(&format!("/work/cases/{case}")).await.expect(200);
    assert!(
        work.has(&format!("{} (监护人: {})", super::CHILD.1, super::RESIDENT.1)),
        "{}",
        work.text()
    );
    // Who applies in person has nobody between.
    let mut own = city.client("agent").await;
    let (mine, _) = own.apply().await;
    let page = own.get(&format!("/cases/{mine}")).await.expect(200);
    assert!(
        page.has(&format!("申请人: {}", AGENT.1)) && !page.has("经办人:"),
        "{}",
        page.text()
    );
}
