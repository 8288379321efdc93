//! A database of an earlier program, whose powers were rows of `identity_agency`, comes up with powers that work.

use super::{set, state};
use std::process::Command;
use stories::{City, Db, Place, on_both};

on_both!(powers_of_an_earlier_city_work);

/// Of the earlier schema, beside the one row that its demonstration has: a representative, a manager, an agent whose term is over.
const MORE: &str = "INSERT INTO identity_agency(firm, person, role, from_on, until_on) \
    SELECT g.firm, a.subject, '法定代表人', '2020-01-01', NULL FROM identity_agency g, identity_account a WHERE a.login = 'resident'; \
    INSERT INTO identity_agency(firm, person, role, from_on, until_on) \
    SELECT DISTINCT g.firm, a.subject, '管理员', '2020-01-01', '2027-12-31' FROM identity_agency g, identity_account a WHERE a.login = 'reviewer-cg'; \
    INSERT INTO identity_agency(firm, person, role, from_on, until_on) \
    SELECT DISTINCT g.firm, a.subject, '经办人', '2020-01-01', '2021-01-01' FROM identity_agency g, identity_account a WHERE a.login = 'reviewer-jj';";

async fn powers_of_an_earlier_city_work(db: Db) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/upgrades/0001");
    let name = match db {
        Db::Sqlite => "sqlite",
        Db::Postgres => "postgres",
    };
    let dump = Command::new("gzip")
        .arg("-dc")
        .arg(format!("{folder}/{name}.sql.gz"))
        .output()
        .unwrap();
    let sql = String::from_utf8(dump.stdout).unwrap();
    let place = Place::new(db);
    match place.config().database {
        None => {
            let old = rusqlite::Connection::open(place.data().join("core.db")).unwrap();
            old.execute_batch(&sql).unwrap();
            old.execute_batch(MORE).unwrap();
        }
        Some(address) => {
            // The dump empties the search path.
            let more = MORE.replace("identity_", "public.identity_");
            stories::on_database(address, format!("{sql}\n{more}"));
        }
    }
    let key = std::fs::read_to_string(format!("{folder}/{name}.key")).unwrap();
    let city = City::start(place.clone(), place.config(), "2026-11-27", Some(key))
        .await
        .unwrap();
    city.settle().await;
    assert_eq!(
        city.altered().await,
        Vec::<String>::new(),
        "facts cover what the migration wrote"
    );
    let sql = "SELECT COUNT(*) FROM identity_power WHERE basis = 'migrated' AND role = $1";
    for (role, n) in [("representative", 1), ("manager", 1), ("agent", 2)] {
        assert_eq!(city.count(sql, &[role.into()]).await, n, "{role}");
    }
    let firm: String = city
        .scalar("SELECT DISTINCT principal FROM identity_power", &[])
        .await
        .unwrap();
    // The one whose term is over acts for nobody.
    let mut late = city.client("reviewer-jj").await;
    late.post_form("/me/acting", &[("firm", &firm)]).await.expect(403);
    // The agent goes on as before.
    let mut agent = city.client("agent").await;
    agent
        .post_form("/me/acting", &[("firm", &firm)])
        .await
        .expect(303);
    let (case, number) = agent.apply().await;
    // The representative sees it and rules over the agent's power by the present rules.
    let mut her = city.client("resident").await;
    let page = her.get(&format!("/me/firms/{firm}")).await.expect(200);
    assert!(
        page.has("法定代表人") && page.has("经办人") && page.has(&number),
        "{}",
        page.text()
    );
    let sql = "SELECT p.id FROM identity_power p JOIN identity_account a ON a.subject = p.holder WHERE a.login = 'agent'";
    let power: String = city.scalar(sql, &[]).await.unwrap();
    // Such an id is made of two, and still names a page.
    let power = power.replace('/', "%2F");
    let place = format!("/me/firms/{firm}/powers/{power}");
    assert!(page.leads(&place), "{}", page.text());
    assert!(her.get(&place).await.expect(200).has("历史授权"));
    let all = [("all-matters", "1")];
    set(&mut her, &firm, &power, &["read"], &all, "2027-06-30")
        .await
        .expect(303);
    agent.get(&format!("/cases/{case}")).await.expect(200);
    agent
        .post_form(&format!("/cases/{case}/withdrawal"), &[])
        .await
        .expect(403);
    // The manager rules over agents and not over her.
    let mut manager = city.client("reviewer-cg").await;
    let act = |power: &str| format!("/me/firms/{firm}/powers/{power}/act");
    let head = super::newest(&city, &firm, "representative")
        .await
        .replace('/', "%2F");
    manager
        .post_form(&act(&head), &[("act", "end")])
        .await
        .expect(403);
    manager
        .post_form(&act(&power), &[("act", "end")])
        .await
        .expect(303);
    assert_eq!(state(&city, &power.replace("%2F", "/")).await, "ended");
    agent.get(&format!("/cases/{case}")).await.expect(404);
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}
