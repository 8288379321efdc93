//! The present program on databases of earlier ones; see `upgrades/README.md`.

use std::path::PathBuf;
use std::process::Command;
use stories::{City, Db, Place, on_both};

on_both!(every_earlier_city_goes_on);

/// Folders of `upgrades`.
const EARLIER: [&str; 1] = ["0001"];
const DAY: &str = "2026-11-27";

fn folder(number: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/upgrades")).join(number)
}

fn dump(number: &str, name: &str) -> String {
    let file = folder(number).join(format!("{name}.sql.gz"));
    let out = Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
    assert!(
        out.status.success(),
        "{}: {}",
        file.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

async fn every_earlier_city_goes_on(db: Db) {
    for number in EARLIER {
        let name = match db {
            Db::Sqlite => "sqlite",
            Db::Postgres => "postgres",
        };
        let sql = dump(number, name);
        let place = Place::new(db);
        match place.config().database {
            None => {
                let file = place.data().join("core.db");
                rusqlite::Connection::open(file)
                    .unwrap()
                    .execute_batch(&sql)
                    .unwrap();
            }
            Some(address) => stories::on_database(address, sql),
        }
        let key = std::fs::read_to_string(folder(number).join(format!("{name}.key"))).unwrap();
        let city = City::start(place.clone(), place.config(), DAY, Some(key))
            .await
            .unwrap();
        city.settle().await;
        // Every migration of the present program has run, and nothing that facts cover has changed under them.
        let known: usize = city.app.modules.iter().map(|m| m.migrations.len()).sum();
        let applied = city.count("SELECT COUNT(*) FROM kernel_migration", &[]).await;
        assert_eq!(applied as usize, known, "{number}");
        assert_eq!(city.altered().await, Vec::<String>::new(), "{number}");
        let of = async |state: &str| -> String {
            let sql = "SELECT id FROM cases_case WHERE state = $1";
            city.scalar(sql, &[state.into()]).await.unwrap()
        };
        let [granted, handling, submitted] =
            [of("granted").await, of("handling").await, of("submitted").await];
        let mut her = city.client("resident").await;
        let page = her.get(&format!("/cases/{granted}")).await.expect(200);
        assert!(
            page.has("演示旧城路"),
            "what she wrote can be read: {}",
            page.text()
        );
        // Old cases go to their ends under the process that they began with.
        for (who, outcome) in [
            ("reviewer-cg", "agree"),
            ("reviewer-jj", "agree"),
            ("head", "grant"),
        ] {
            city.client(who)
                .await
                .finish(&handling, outcome, "同意。")
                .await
                .expect(303);
        }
        city.decide(&submitted, "agree", "grant").await;
        for case in [&handling, &submitted] {
            assert_eq!(city.state(case).await, "granted", "{number}");
        }
        her.apply().await;
        city.settle().await;
        let sql = "SELECT COUNT(*) FROM documents_certificate WHERE state = 'valid'";
        assert_eq!(city.count(sql, &[]).await, 3, "{number}");
        assert_eq!(city.altered().await, Vec::<String>::new(), "{number}");
        let (lines, good) = yiwang::backup::verify(&city.app, &[]).await.unwrap();
        assert!(good, "{lines:?}");
        // What the master key sealed itself stays readable, keeps it in its place, and comes under a data key by a rotation.
        let other = trust::Master::open(place.data(), Some(&"5b".repeat(32)), false).unwrap();
        let why = trust::change_master(&city.system(), &other)
            .await
            .unwrap_err()
            .to_string();
        assert!(why.contains("yiwang keys rotate"), "{why}");
        let keys = city
            .app
            .modules
            .iter()
            .flat_map(|m| &m.commands)
            .find(|c| c.name == "keys");
        (keys.unwrap().run)(city.system(), vec!["rotate".into()])
            .await
            .unwrap();
        city.settle().await;
        city.clock.set(stories::morning(DAY) + 60 * 60_000);
        city.settle().await;
        let sql = "SELECT COUNT(*) FROM trust_data_key WHERE purpose = 'column' AND state = 'live'";
        assert_eq!(city.count(sql, &[]).await, 1, "{number}");
        assert_eq!(city.altered().await, Vec::<String>::new(), "{number}");
        trust::change_master(&city.system(), &other).await.unwrap();
        drop(city);
        let city = City::start(place.clone(), place.config(), DAY, Some("5b".repeat(32)))
            .await
            .unwrap();
        let page = city
            .client("resident")
            .await
            .get(&format!("/cases/{granted}"))
            .await
            .expect(200);
        assert!(page.has("演示旧城路"), "{number}");
    }
}
