//! Who may act for whom: firms and their representatives, managers and agents; guardians.

#[path = "agency/firm.rs"]
mod firm;
#[path = "agency/guard.rs"]
mod guard;
#[path = "agency/scope.rs"]
mod scope;
#[path = "agency/upgrade.rs"]
mod upgrade;

use stories::{Answer, City, Client, Db, on_both};

on_both!(
    a_representative_establishes_the_own_firm,
    an_agent_acts_within_scope_and_term,
    a_manager_gives_no_more_than_he_has,
    invitations_are_for_one_person_and_once,
    the_counter_establishes_and_ends,
    a_new_representative_confirms_the_agents,
    a_guardian_acts_for_a_child,
    earlier_powers_are_covered,
);

const DAY: &str = "2026-11-24";
/// Of the resident, of the agent, and of nobody.
const SHOP: &str = "92320899MA8YW0023R";
const FIRM: &str = "91320899MA8YW00152";
const UNKNOWN: &str = "92320899MA8YW1114Q";
const AGENT: (&str, &str) = ("320899198506241028", "演示经办人乙");
const RESIDENT: (&str, &str) = ("320899198803121014", "演示居民甲");
const CLERK: (&str, &str) = ("32089919930908104X", "演示窗口丙");
const CHILD: (&str, &str) = ("320899201506153014", "演示居民小甲");

fn main_of(a: &Answer) -> String {
    a.between("role=\"alert\"", "</div></div>").unwrap_or_default()
}

/// Signs in with level R2.
async fn known(city: &City, login: &str) -> Client {
    let mut c = city.client(login).await;
    c.post_form("/me/level/population", &[]).await.expect(303);
    c
}

async fn establish(c: &mut Client, code: &str) -> String {
    let answer = c.post_form("/me/firms", &[("code", code)]).await.expect(303);
    answer.location().trim_start_matches("/me/firms/").to_string()
}

async fn invite(c: &mut Client, firm: &str, who: (&str, &str), more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("number", who.0), ("name", who.1), ("until", "2027-06-30")];
    fields.extend(more);
    c.post_form(&format!("/me/firms/{firm}/powers"), &fields).await
}

async fn newest(city: &City, firm: &str, role: &str) -> String {
    let sql =
        "SELECT id FROM identity_power WHERE principal = $1 AND role = $2 ORDER BY created_at DESC LIMIT 1";
    city.scalar(sql, &[firm.into(), role.into()]).await.unwrap()
}

/// Changes scope and term by the form, with boxes ticked.
async fn set(
    c: &mut Client,
    firm: &str,
    power: &str,
    verbs: &[&str],
    more: &[(&str, &str)],
    until: &str,
) -> Answer {
    let boxes: Vec<String> = verbs.iter().map(|v| format!("verb-{v}")).collect();
    let mut fields: Vec<(&str, &str)> = boxes.iter().map(|b| (b.as_str(), "1")).collect();
    fields.extend(more);
    fields.push(("until", until));
    c.post_form(&format!("/me/firms/{firm}/powers/{power}"), &fields)
        .await
}

async fn state(city: &City, power: &str) -> String {
    let sql = "SELECT state FROM identity_power WHERE id = $1";
    city.scalar(sql, &[power.into()]).await.unwrap()
}

async fn accept(c: &mut Client, power: &str) -> Answer {
    c.post_form(&format!("/me/invitations/{power}"), &[("answer", "yes")])
        .await
}

/// What happens to powers each day by itself.
async fn daily(city: &City) {
    let mut jobs = city.app.modules.iter().flat_map(|m| &m.jobs);
    let job = jobs.find(|j| j.name == "identity.powers").unwrap();
    (job.run)(city.system(), serde_json::Value::Null).await.unwrap();
    city.settle().await;
}

/// The resident's shop with an agent who has accepted and acts for it.
async fn shop(city: &City, more: &[(&str, &str)]) -> (Client, Client, String, String) {
    let mut her = known(city, "resident").await;
    let firm = establish(&mut her, SHOP).await;
    let mut all = vec![("role", "agent")];
    all.extend(more);
    invite(&mut her, &firm, AGENT, &all).await.expect(303);
    let power = newest(city, &firm, "agent").await;
    let mut agent = known(city, "agent").await;
    accept(&mut agent, &power).await.expect(303);
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    (her, agent, firm, power)
}

async fn a_representative_establishes_the_own_firm(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    her.get("/me/firms").await.expect(200);
    let low = her.post_form("/me/firms", &[("code", SHOP)]).await.expect(422);
    assert!(low.has("R2"), "{}", low.text());
    her.post_form("/me/level/population", &[]).await.expect(303);
    let wrong = her
        .post_form("/me/firms", &[("code", "92320899MA8YW0023X")])
        .await
        .expect(422);
    assert!(wrong.has("value=\"92320899MA8YW0023X\""), "words are kept");
    // Somebody else's firm, one that nobody has an account for, one that the library does not know: one answer.
    let foreign = her.post_form("/me/firms", &[("code", FIRM)]).await.expect(403);
    let other = her.post_form("/me/firms", &[("code", UNKNOWN)]).await.expect(403);
    let none = her
        .post_form("/me/firms", &[("code", "92320899MA8YW90440")])
        .await;
    assert_eq!(main_of(&foreign), main_of(&other));
    assert!(!main_of(&foreign).is_empty() && !foreign.has("演示便民商贸"));
    if none.status == 403 {
        assert_eq!(main_of(&foreign), main_of(&none));
    }
    let sql = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'identity.power.refused'";
    assert!(city.count(sql, &[]).await >= 2, "refusals are kept");
    let firm = establish(&mut her, SHOP).await;
    let page = her.get(&format!("/me/firms/{firm}")).await.expect(200);
    assert!(page.has("法定代表人") && page.has("设立授权"), "{}", page.text());
    her.post_form("/me/firms", &[("code", SHOP)]).await.expect(409);
    // A stranger does not even learn that the firm's page is there.
    city.client("agent")
        .await
        .get(&format!("/me/firms/{firm}"))
        .await
        .expect(404);
    // Acting is shown on every page until it is given up.
    her.post_form("/me/acting", &[("firm", &firm)]).await.expect(303);
    assert!(her.get("/matters").await.expect(200).has("正在代"));
    her.post_form("/me/acting", &[]).await.expect(303);
    assert!(!her.get("/matters").await.expect(200).has("正在代"));
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn an_agent_acts_within_scope_and_term(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut agent, firm, power) = shop(&city, &[("verb-read", "1")]).await;
    assert!(agent.get("/me").await.expect(200).has("正在代"));
    let begin = "/matters/occupy-road/cases";
    let refused = agent.post_form(begin, &[]).await.expect(403);
    assert!(
        refused.has("申请、补正、撤回") && refused.has("法定代表人"),
        "{}",
        refused.text()
    );
    agent.get("/me/code").await.expect(403);
    // More, but about something else; then this.
    let change = format!("/me/firms/{firm}/powers/{power}");
    let scope = |matter: &'static str| {
        vec![
            ("verb-apply", "1"),
            ("verb-read", "1"),
            ("matters", matter),
            ("until", "2027-06-30"),
        ]
    };
    her.post_form(&change, &scope("dig-road")).await.expect(303);
    let refused = agent.post_form(begin, &[]).await.expect(403);
    assert!(refused.has("不含这一事项"), "{}", refused.text());
    agent.post_form(&change, &scope("occupy-road")).await.expect(404);
    her.post_form(&change, &scope("occupy-road")).await.expect(303);
    let (case, number) = agent.apply().await;
    agent.get(&format!("/cases/{case}")).await.expect(200);
    assert!(agent.get("/me").await.has(&number));
    assert!(agent.get("/api/v1/cases").await.has(&case));
    // Written down: who, for whom.
    let sql = "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.submitted' AND subject = $1 AND on_behalf = $2";
    assert_eq!(
        city.count(sql, &[case.as_str().into(), firm.as_str().into()])
            .await,
        1
    );
    let page = her.get(&format!("/me/firms/{firm}")).await.expect(200);
    assert!(page.has(AGENT.1), "{}", page.text());
    assert!(agent.get(&format!("/cases/{case}")).await.has("经办：演***"));
    // A scope that is narrowed holds for what was begun before, and for lists.
    her.post_form(&change, &scope("dig-road")).await.expect(303);
    let refused = agent.get(&format!("/cases/{case}")).await.expect(403);
    assert!(refused.has("不含这一事项"));
    assert!(!agent.get("/me").await.has(&number));
    assert!(!agent.get("/api/v1/cases").await.has(&case));
    agent
        .post_form(&format!("/cases/{case}/withdrawal"), &[])
        .await
        .expect(403);
    her.post_form(&change, &scope("occupy-road")).await.expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(200);
    // Suspended: the running session loses it at the next request.
    let act = format!("{change}/act");
    her.post_form(&act, &[("act", "suspend")]).await.expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(404);
    assert!(!agent.get("/me").await.expect(200).has("正在代"));
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(403);
    her.post_form(&act, &[("act", "resume")]).await.expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(200);
    // Over: the same.
    city.execute(
        "UPDATE identity_power SET until_on = '2026-11-23' WHERE id = $1",
        &[power.as_str().into()],
    )
    .await;
    agent.get(&format!("/cases/{case}")).await.expect(404);
    agent
        .post_form(&format!("/cases/{case}/withdrawal"), &[])
        .await
        .expect(404);
    her.post_form(&change, &scope("occupy-road")).await.expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(200);
    // Given back.
    agent.post_form(&act, &[("act", "resign")]).await.expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(404);
    agent.post_form(&act, &[("act", "resign")]).await.expect(409);
    her.post_form("/me/acting", &[("firm", &firm)]).await.expect(303);
    her.get(&format!("/cases/{case}")).await.expect(200);
}

async fn a_manager_gives_no_more_than_he_has(db: Db) {
    let city = City::open(db, DAY).await;
    let (mut her, mut manager, firm, power) = shop(&city, &[]).await;
    manager
        .post_form(
            &format!("/me/firms/{firm}/powers"),
            &[("number", CLERK.0), ("name", CLERK.1), ("role", "agent")],
        )
        .await
        .expect(404);
    let act = format!("/me/firms/{firm}/powers/{power}/act");
    her.post_form(&act, &[("act", "end")]).await.expect(303);
    invite(
        &mut her,
        &firm,
        AGENT,
        &[("role", "manager"), ("verb-read", "1"), ("verb-apply", "1")],
    )
    .await
    .expect(303);
    let power = newest(&city, &firm, "manager").await;
    accept(&mut manager, &power).await.expect(303);
    let too_much: [&[(&str, &str)]; 4] = [
        &[("role", "manager"), ("verb-read", "1")],
        &[("role", "representative"), ("verb-read", "1")],
        &[("role", "agent")],
        &[("role", "agent"), ("verb-sign", "1")],
    ];
    for fields in too_much {
        invite(&mut manager, &firm, CLERK, fields).await.expect(403);
    }
    let longer = [
        ("number", CLERK.0),
        ("name", CLERK.1),
        ("role", "agent"),
        ("verb-read", "1"),
        ("until", "2027-07-01"),
    ];
    let path = format!("/me/firms/{firm}/powers");
    let page = manager.post_form(&path, &longer).await.expect(403);
    assert!(page.has(CLERK.0), "words are kept");
    invite(
        &mut manager,
        &firm,
        CLERK,
        &[("role", "agent"), ("verb-read", "1")],
    )
    .await
    .expect(303);
    // Not over himself, not over the representative.
    let change = format!("{path}/{power}");
    manager
        .post_form(&change, &[("verb-read", "1"), ("until", "2027-06-30")])
        .await
        .expect(403);
    let head = newest(&city, &firm, "representative").await;
    for act in ["end", "suspend"] {
        manager
            .post_form(&format!("{path}/{head}/act"), &[("act", act)])
            .await
            .expect(403);
    }
    assert_eq!(state(&city, &head).await, "active");
    // At most two years.
    let long = [
        ("number", CLERK.0),
        ("name", CLERK.1),
        ("role", "manager"),
        ("until", "2028-11-25"),
    ];
    her.post_form(&path, &long).await.expect(422);
}

async fn invitations_are_for_one_person_and_once(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = known(&city, "resident").await;
    let firm = establish(&mut her, SHOP).await;
    // Somebody known and somebody unknown: one answer.
    let agent_scope = [("role", "agent")];
    let known_one = invite(&mut her, &firm, AGENT, &agent_scope).await.expect(303);
    let power = newest(&city, &firm, "agent").await;
    let unknown = invite(
        &mut her,
        &firm,
        ("320899197001011230", "演示无此人"),
        &agent_scope,
    )
    .await;
    assert_eq!((unknown.status, unknown.location()), (303, known_one.location()));
    invite(&mut her, &firm, RESIDENT, &agent_scope).await.expect(422);
    let mut agent = city.client("agent").await;
    assert!(agent.get("/me/firms").await.expect(200).has("演示便民小卖部"));
    // Below R2, by another person, twice.
    accept(&mut agent, &power).await.expect(422);
    let mut clerk = city.client("clerk").await;
    accept(&mut clerk, &power).await.expect(404);
    accept(&mut her, &power).await.expect(404);
    agent.post_form("/me/level/population", &[]).await.expect(303);
    accept(&mut agent, &power).await.expect(303);
    accept(&mut agent, &power).await.expect(409);
    // The right number with another name finds nothing.
    let mut other = city.client("clerk").await;
    invite(&mut her, &firm, (CLERK.0, "演示别人"), &agent_scope)
        .await
        .expect(303);
    let power = newest(&city, &firm, "agent").await;
    accept(&mut other, &power).await.expect(404);
    // After a week it is too late.
    let mut agent_2 = her.clone();
    let act = format!("/me/firms/{firm}/powers/{power}/act");
    agent_2.post_form(&act, &[("act", "end")]).await.expect(303);
    invite(&mut her, &firm, CLERK, &agent_scope).await.expect(303);
    let power = newest(&city, &firm, "agent").await;
    city.day("2026-12-02");
    let mut late = city.client("clerk").await;
    accept(&mut late, &power).await.expect(409);
}

async fn the_counter_establishes_and_ends(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = known(&city, "resident").await;
    her.get("/work/agencies").await.expect(403);
    her.post_form("/work/agencies", &[]).await.expect(403);
    her.post_form("/work/guardianships", &[]).await.expect(403);
    let mut clerk = city.client("clerk").await;
    let mut fields = vec![
        ("code", UNKNOWN),
        ("person", RESIDENT.1),
        ("number", RESIDENT.0),
        ("document", "演示执照一号"),
    ];
    clerk.post_form("/work/agencies", &fields).await.expect(422);
    fields.push(("reason", "基础库没有法定代表人信息"));
    clerk.post_form("/work/agencies", &fields).await.expect(303);
    let found = clerk
        .get(&format!("/work/agencies?q={UNKNOWN}"))
        .await
        .expect(200);
    assert!(found.has("演**") && !found.has(RESIDENT.1), "masked");
    let sql = "SELECT id FROM identity_power WHERE basis = 'counter'";
    let power: String = city.scalar(sql, &[]).await.unwrap();
    assert!(her.get("/me/firms").await.has("法定代表人"));
    let end = format!("/work/agencies/{power}/end");
    her.post_form(&end, &[("reason", "x")]).await.expect(403);
    clerk.post_form(&end, &[("reason", "")]).await.expect(422);
    clerk.post_form(&end, &[("reason", "登记有误")]).await.expect(303);
    assert_eq!(state(&city, &power).await, "ended");
    clerk.post_form(&end, &[("reason", "再次")]).await.expect(404);
    // Nobody serves themselves.
    let own = [
        ("code", UNKNOWN),
        ("person", CLERK.1),
        ("number", CLERK.0),
        ("document", "x"),
        ("reason", "x"),
    ];
    clerk.post_form("/work/agencies", &own).await.expect(403);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_new_representative_confirms_the_agents(db: Db) {
    let city = City::open(db, DAY).await;
    let (_, mut agent, firm, power) = shop(&city, &[]).await;
    let (case, _) = agent.apply().await;
    // The library names another one now.
    let ctx = city.system();
    let place = format!("data_value.value:{firm}/legal-representative-id/firms");
    let sealed = ctx.protect().seal(&place, CLERK.0).unwrap();
    let sql = "UPDATE data_value SET value = $1 WHERE subject = $2 AND element = 'legal-representative-id'";
    assert_eq!(city.execute(sql, &[sealed.into(), firm.as_str().into()]).await, 1);
    city.day("2026-11-26");
    daily(&city).await;
    let head = newest(&city, &firm, "representative").await;
    assert_eq!(state(&city, &head).await, "ended");
    assert_eq!(state(&city, &power).await, "unconfirmed");
    let mut her = city.client("resident").await;
    her.post_form("/me/acting", &[("firm", &firm)]).await.expect(403);
    assert!(
        her.get("/me/messages").await.expect(200).has("授权"),
        "she is told"
    );
    // What runs goes on, nothing new begins.
    let mut agent = city.client("agent").await;
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(200);
    let refused = agent.post_form("/matters/dig-road/cases", &[]).await;
    assert!(
        refused.status == 403 || refused.status == 404,
        "{}",
        refused.status
    );
    let refused = agent
        .post_form("/matters/occupy-road/cases", &[])
        .await
        .expect(403);
    assert!(refused.has("法定代表人已变更"), "{}", refused.text());
    let sql = "SELECT until_on FROM identity_power WHERE id = $1";
    let until: String = city.scalar(sql, &[power.as_str().into()]).await.unwrap();
    assert_eq!(until, "2026-12-26");
    // The new representative establishes himself and confirms.
    let mut new = known(&city, "clerk").await;
    let same = establish(&mut new, SHOP).await;
    assert_eq!(same, firm);
    let act = format!("/me/firms/{firm}/powers/{power}/act");
    her.post_form(&act, &[("act", "confirm")]).await.expect(404);
    new.post_form(&act, &[("act", "confirm")]).await.expect(303);
    assert_eq!(state(&city, &power).await, "active");
    agent.begin("occupy-road").await;
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn a_guardian_acts_for_a_child(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = known(&city, "resident").await;
    let mut him = known(&city, "agent").await;
    let claim = [("number", CHILD.0), ("name", CHILD.1)];
    let foreign = him.post_form("/me/family", &claim).await.expect(403);
    let none = him
        .post_form("/me/family", &[("number", CLERK.0), ("name", CLERK.1)])
        .await
        .expect(403);
    assert_eq!(main_of(&foreign), main_of(&none), "one answer");
    her.post_form("/me/family", &[("number", RESIDENT.0), ("name", RESIDENT.1)])
        .await
        .expect(409);
    her.post_form("/me/family", &claim).await.expect(303);
    her.post_form("/me/family", &claim).await.expect(409);
    assert!(her.get("/me/family").await.expect(200).has(CHILD.1));
    let sql = "SELECT principal FROM identity_power WHERE role = 'guardian'";
    let child: String = city.scalar(sql, &[]).await.unwrap();
    him.post_form("/me/acting", &[("firm", &child)]).await.expect(403);
    her.post_form("/me/acting", &[("firm", &child)]).await.expect(303);
    let (case, _) = her.apply().await;
    let sql = "SELECT applicant FROM cases_case WHERE id = $1";
    let applicant: Option<String> = city.scalar(sql, &[case.as_str().into()]).await;
    assert_eq!(applicant, Some(child.clone()));
    her.get("/me/code").await.expect(200);
    her.get(&format!("/me/firms/{child}")).await.expect(404);
    // The second guardian comes by the counter, a third does not; an adult's needs a last day.
    let mut clerk = city.client("clerk").await;
    let second = |number: &'static str, name: &'static str| {
        vec![
            ("code", CHILD.0),
            ("name", CHILD.1),
            ("number", number),
            ("person", name),
            ("document", "演示证明二号"),
            ("reason", "父亲"),
        ]
    };
    clerk
        .post_form("/work/guardianships", &second(AGENT.0, AGENT.1))
        .await
        .expect(303);
    him.post_form("/me/acting", &[("firm", &child)]).await.expect(303);
    clerk
        .post_form("/work/guardianships", &second(CHILD.0, CHILD.1))
        .await
        .expect(422);
    let mut adult = second(AGENT.0, AGENT.1);
    adult[0].1 = RESIDENT.0;
    adult[1].1 = RESIDENT.1;
    clerk.post_form("/work/guardianships", &adult).await.expect(422);
    // A guardian does not come under guardianship: no chains.
    adult.push(("until", "2027-11-24"));
    clerk.post_form("/work/guardianships", &adult).await.expect(409);
    // At eighteen it is over by itself.
    let sql = "SELECT until_on FROM identity_power WHERE role = 'guardian' AND basis = 'library'";
    let until: String = city.scalar(sql, &[]).await.unwrap();
    assert_eq!(until, "2033-06-14");
    city.day("2033-06-15");
    let mut her = city.client("resident").await;
    her.post_form("/me/acting", &[("firm", &child)]).await.expect(403);
}

async fn earlier_powers_are_covered(db: Db) {
    let city = City::open(db, DAY).await;
    let sql = "INSERT INTO identity_power(id, principal, holder, invitee, role, verbs, matters, state, basis, reason, granted_by, \
               from_on, version, created_at) SELECT 'old', principal, 'somebody', '', 'agent', '', '', 'active', 'migrated', '', \
               'migration', '2020-01-01', 1, 0 FROM identity_power WHERE basis = 'pack'";
    assert_eq!(city.execute(sql, &[]).await, 1);
    city.settle().await;
    assert!(
        !city.altered().await.is_empty(),
        "a row that came by hand is found"
    );
    city.day("2026-11-26");
    daily(&city).await;
    assert_eq!(city.altered().await, Vec::<String>::new());
    city.execute("UPDATE identity_power SET verbs = 'read' WHERE id = 'old'", &[])
        .await;
    assert!(!city.altered().await.is_empty(), "so is a changed one");
}
