//! The keys under which columns are sealed are changed while the city works: everything goes on being read and found, nothing
//! is left under the old key, and no altered row gets away by it.

use kernel::Value;
use kernel::module::SealedForm;
use std::collections::BTreeSet;
use stories::matter::LOCATION;
use stories::{City, Db, Place, morning, on_both};

on_both!(
    every_sealed_value_comes_under_the_new_key,
    another_node_meets_the_new_key,
    a_rotation_that_was_broken_off_goes_on,
    an_altered_row_stays_a_finding,
    the_master_key_is_changed,
);

const DAY: &str = "2026-11-24";
const PATH: &str = "/admin/column-keys";

/// A city in which most kinds of rows are there.
async fn lived_in(db: Db) -> (City, String) {
    let city = City::open(db, DAY).await;
    let case = live(&city).await;
    (city, case)
}

async fn live(city: &City) -> String {
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.decide(&case, "agree", "grant").await;
    her.post_form(
        &format!("/cases/{case}/rating"),
        &[("grade", "1"), ("comment", "等得久了些。")],
    )
    .await
    .expect(303);
    her.apply().await;
    city.settle().await;
    case
}

/// (table.column, value) of whatever looks like an envelope of this version of the data key.
async fn envelopes(city: &City, db: Db, version: u8) -> BTreeSet<String> {
    use base64::Engine;
    let prefix = [2, 0, 0, 0, 0, version];
    let words = format!(
        "sealed:{}",
        base64::engine::general_purpose::STANDARD.encode(prefix)
    );
    let digits = hex::encode(prefix);
    let names = match db {
        Db::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Db::Postgres => "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    };
    city.system()
        .read("story.envelopes", |tx| {
            let mut out = BTreeSet::new();
            for table in tx.query(names, &[])? {
                let table: String = table.get("name")?;
                for row in tx.query(&format!("SELECT * FROM {table}"), &[])? {
                    for (column, value) in row.columns().iter().zip(row.values()) {
                        let found = match value {
                            Value::Bytes(b) => b.starts_with(&prefix),
                            Value::Text(t) => t.starts_with(&words) || t.starts_with(&digits),
                            _ => false,
                        };
                        if found {
                            out.insert(format!("{table}.{column}"));
                        }
                    }
                }
            }
            Ok(out)
        })
        .await
        .unwrap()
}

/// Begins a rotation as the administrator does.
async fn begin(city: &City) {
    city.client("admin")
        .await
        .post_form(&format!("{PATH}/rotation"), &[])
        .await
        .expect(303);
}

/// Lets the waiting time pass; the last pass follows.
async fn end(city: &City, minutes: i64) {
    city.settle().await;
    city.clock.set(morning(DAY) + minutes * 60_000);
    city.settle().await;
}

async fn state(city: &City) -> String {
    let sql = "SELECT state FROM trust_rotation ORDER BY version DESC LIMIT 1";
    city.scalar(sql, &[]).await.unwrap()
}

async fn every_sealed_value_comes_under_the_new_key(db: Db) {
    let (city, case) = lived_in(db).await;
    let declared: BTreeSet<String> = city
        .app
        .modules
        .iter()
        .flat_map(|m| &m.sealed)
        .map(|c| format!("{}.{}", c.table, c.column))
        .collect();
    let before = envelopes(&city, db, 1).await;
    let undeclared: Vec<&String> = before.difference(&declared).collect();
    assert!(undeclared.is_empty(), "sealed but not declared: {undeclared:?}");
    for seen in [
        "identity_subject.name",
        "cases_work.opinion",
        "trust_key.sealed",
        "documents_certificate.pdf",
    ] {
        assert!(before.contains(seen), "{seen} is sealed: {before:?}");
    }
    // Every column of bytes is either declared or known to hold what everybody may read.
    let open = [
        "documents_certificate.sm2",
        "documents_paper.sm2",
        "onecode_device.certificate",
        "trust_key.certificate",
        "trust_certificate.der",
        "trust_crl.der",
        "trust_data_key.sealed",
        "trust_node.hash",
        "trust_node_sm3.hash",
        "trust_request.der",
    ];
    for m in &city.app.modules {
        for sql in m.migrations.iter().map(|m| &m.sql) {
            let mut table = "";
            for line in sql.lines().filter(|l| !l.trim_start().starts_with("--")) {
                let begins = ["CREATE TABLE ", "ALTER TABLE "];
                if let Some(rest) = begins.iter().find_map(|b| line.split(b).nth(1)) {
                    table = rest.split([' ', '(']).next().unwrap_or_default();
                }
                for part in line.split(',').filter(|p| p.contains(" BYTEA")) {
                    let words: Vec<&str> = part
                        .split([' ', '(', ';', '\n'])
                        .filter(|w| !w.is_empty())
                        .collect();
                    let at = words.iter().position(|w| *w == "BYTEA").unwrap();
                    let name = format!("{table}.{}", words[at - 1]);
                    assert!(
                        declared.contains(&name) || open.contains(&name.as_str()),
                        "{name} holds bytes and is not declared"
                    );
                }
            }
        }
    }

    city.client("resident").await.get(PATH).await.expect(403);
    begin(&city).await;
    city.settle().await;
    let page = city.client("admin").await.get(PATH).await.expect(200);
    assert!(
        page.has("首轮已完成") && page.has("cases_case.form"),
        "{}",
        page.text()
    );
    assert_eq!(state(&city).await, "settling");
    // The person is found by her number and reads what she wrote while both keys are there.
    let page = city
        .client("resident")
        .await
        .get(&format!("/cases/{case}"))
        .await
        .expect(200);
    assert!(page.has(LOCATION));

    end(&city, 20).await;
    assert_eq!(state(&city).await, "done");
    let left = envelopes(&city, db, 1).await;
    assert!(left.is_empty(), "left under the old key: {left:?}");
    let after = envelopes(&city, db, 2).await;
    assert!(before.is_subset(&after), "{:?}", before.difference(&after));
    let old: Vec<u8> = city
        .scalar("SELECT sealed FROM trust_data_key WHERE id = 'column-1'", &[])
        .await
        .unwrap();
    assert!(
        !old.is_empty() && old.iter().all(|b| *b == 0),
        "its material is wiped"
    );
    assert_eq!(city.altered().await, Vec::<String>::new());
    let page = city
        .client("resident")
        .await
        .get(&format!("/cases/{case}"))
        .await
        .expect(200);
    assert!(page.has(LOCATION));
    // Each value opens at its declared place.
    for c in city.app.modules.iter().flat_map(|m| &m.sealed) {
        assert!(c.place.contains('{') || c.form == SealedForm::Hex, "{}", c.place);
    }
    city.client("resident").await.apply().await;
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn another_node_meets_the_new_key(db: Db) {
    let (city, case) = lived_in(db).await;
    let other = City::start(city.place.clone(), city.place.config(), DAY, None)
        .await
        .unwrap();
    let mut her = other.client("resident").await;
    begin(&city).await;
    city.settle().await;
    // The other node has not heard of it: it reads, and what it writes under the older key meanwhile is not lost.
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has(LOCATION));
    let ctx = other.system();
    let sealed = ctx.protect().seal("story:1", "一").unwrap();
    assert_eq!(city.system().protect().open("story:1", &sealed).unwrap(), "一");
    let (late, _) = her.apply().await;
    end(&city, 20).await;
    assert_eq!(state(&city).await, "done");
    let left = envelopes(&city, db, 1).await;
    assert!(left.is_empty(), "left under the old key: {left:?}");
    let page = city
        .client("resident")
        .await
        .get(&format!("/cases/{late}"))
        .await
        .expect(200);
    assert!(page.has(LOCATION));
}

async fn a_rotation_that_was_broken_off_goes_on(db: Db) {
    let (city, case) = lived_in(db).await;
    begin(&city).await;
    for millis in [5, 30, 80] {
        let app = city.app.clone();
        let work = tokio::spawn(async move { kernel::job::settle(&app).await });
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
        work.abort();
        let _ = work.await;
    }
    let place = city.place.clone();
    drop(city);
    let city = City::start(place.clone(), place.config(), DAY, None)
        .await
        .unwrap();
    // The lease of what was broken off has to end first.
    for minutes in [2, 4, 6] {
        city.clock.set(morning(DAY) + minutes * 60_000);
        city.settle().await;
    }
    end(&city, 30).await;
    end(&city, 60).await;
    assert_eq!(state(&city).await, "done");
    assert!(envelopes(&city, db, 1).await.is_empty());
    assert_eq!(city.altered().await, Vec::<String>::new());
    let page = city
        .client("resident")
        .await
        .get(&format!("/cases/{case}"))
        .await
        .expect(200);
    assert!(page.has(LOCATION));
}

async fn an_altered_row_stays_a_finding(db: Db) {
    let (city, _) = lived_in(db).await;
    let n = city
        .execute("UPDATE cases_rating SET grade = 5 WHERE grade = 1", &[])
        .await;
    assert_eq!(n, 1);
    let found = city.altered().await;
    assert!(found.len() == 1 && found[0].contains("cases_rating"), "{found:?}");
    begin(&city).await;
    end(&city, 20).await;
    assert_eq!(state(&city).await, "done");
    let found = city.altered().await;
    assert!(found.len() == 1 && found[0].contains("cases_rating"), "{found:?}");

    // What does not open keeps its key: nobody destroys what could still be put right.
    city.execute(
        "UPDATE identity_subject SET phone = name WHERE phone IS NOT NULL AND id = \
         (SELECT MIN(id) FROM identity_subject WHERE phone IS NOT NULL)",
        &[],
    )
    .await;
    begin(&city).await;
    end(&city, 60).await;
    assert_eq!(state(&city).await, "settling");
    let page = city.client("admin").await.get(PATH).await.expect(200);
    assert!(page.has("旧密钥继续保留"), "{}", page.text());
    assert!(!envelopes(&city, db, 2).await.is_empty());
    city.execute("UPDATE identity_subject SET phone = NULL WHERE id = (SELECT MIN(id) FROM identity_subject WHERE phone IS NOT NULL)", &[])
        .await;
    begin(&city).await;
    city.settle().await;
    assert_eq!(state(&city).await, "done");
    assert!(envelopes(&city, db, 2).await.is_empty());
}

async fn the_master_key_is_changed(db: Db) {
    let place = Place::new(db);
    let (old, new) = ("5a".repeat(32), "5b".repeat(32));
    let start = async |key: &str| City::start(place.clone(), place.config(), DAY, Some(key.into())).await;
    let city = start(&old).await.unwrap();
    let case = live(&city).await;
    let to = trust::Master::open(place.data(), Some(&new), false).unwrap();
    trust::change_master(&city.system(), &to).await.unwrap();
    drop(city);
    let why = start(&old).await.err().unwrap().to_string();
    assert!(why.contains("does not fit this database"), "{why}");
    let city = start(&new).await.unwrap();
    let page = city
        .client("resident")
        .await
        .get(&format!("/cases/{case}"))
        .await
        .expect(200);
    assert!(page.has(LOCATION));
    assert_eq!(city.altered().await, Vec::<String>::new());
    let (lines, good) = yiwang::backup::verify(&city.app, &[]).await.unwrap();
    assert!(good, "{lines:?}");
}
