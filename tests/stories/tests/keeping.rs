//! What the city keeps and from whom: personal data is nowhere in the clear, the master key belongs to its database,
//! a demonstration and a real city never mix, and a pack with a mistake changes nothing.

use kernel::ctx::{Config, SetClock};
use std::path::Path;
use std::sync::Arc;
use stories::matter::{LOCATION, PDF, PDF2, answers};
use stories::{City, Db, Place, morning, on_both, pack_copy, pack_dir};

on_both!(
    nothing_in_the_clear,
    the_key_belongs_to_the_database,
    demonstration_and_real_city,
    a_bad_pack_changes_nothing,
);

const DAY: &str = "2026-11-24";
/// Words of the applicant that stand in a form, a rating or an upload and in no file of the pack.
const PHONE: &str = "19932089981";
const SHOP: &str = "演示金丝雀小卖部";
const COMMENT: &str = "金丝雀说等得久了些。";

/// Starts the program without the helpers of a demonstration; returns what stops it.
async fn refused(config: Config, pack: &Path, key: Option<String>) -> String {
    let with = yiwang::Surroundings {
        clock: Arc::new(SetClock::at(morning(DAY))),
        chance: kernel::start::system_chance(),
        master_key: key,
    };
    match yiwang::open(config, pack, with).await {
        Ok(_) => panic!("the program starts"),
        Err(e) => e.to_string(),
    }
}

/// Every file under a folder with its bytes.
fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// Everything the database holds, as (where, bytes): every column of every row, and on SQLite the files themselves,
/// with the pages that a deleted draft left behind.
async fn everything(city: &City, db: Db) -> Vec<(String, Vec<u8>)> {
    let names = match db {
        Db::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        Db::Postgres => "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    };
    let mut out = city
        .system()
        .read("story.everything", |tx| {
            let mut out = Vec::new();
            for table in tx.query(names, &[])? {
                let table: String = table.get("name")?;
                for row in tx.query(&format!("SELECT * FROM {table}"), &[])? {
                    for value in row.values() {
                        match value {
                            kernel::Value::Text(t) => out.push((table.clone(), t.clone().into_bytes())),
                            kernel::Value::Bytes(b) => out.push((table.clone(), b.clone())),
                            _ => {}
                        }
                    }
                }
            }
            Ok(out)
        })
        .await
        .unwrap();
    files(city.place.data(), &mut out);
    out
}

fn holds(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|w| w == words)
}

async fn nothing_in_the_clear(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    // A draft that she throws away, an application through to its certificate, and a bad rating.
    let form: Vec<(&str, &str)> = answers()
        .into_iter()
        .map(|(name, value)| match name {
            "phone" => (name, PHONE),
            "shop_name" => (name, SHOP),
            _ => (name, value),
        })
        .collect();
    let draft = her.begin("occupy-road").await;
    let mut save = form.clone();
    save.push(("action", "save"));
    her.post_multipart(&format!("/cases/{draft}/form"), &save, &[])
        .await
        .expect(303);
    her.post_form(&format!("/cases/{draft}/withdrawal"), &[])
        .await
        .expect(303);
    let case = her.begin("occupy-road").await;
    her.hand_in(&case, &form).await.expect(303);
    city.decide(&case, "agree", "grant").await;
    her.post_form(
        &format!("/cases/{case}/rating"),
        &[("grade", "1"), ("comment", COMMENT)],
    )
    .await
    .expect(303);
    city.settle().await;
    let page = her.get(&format!("/cases/{case}")).await.expect(200);
    assert!(page.has(LOCATION), "she sees what she wrote");

    let all = everything(&city, db).await;
    assert!(all.len() > 1_000, "{} values were read", all.len());
    assert!(
        all.iter().any(|(_, bytes)| holds(bytes, b"2026-OR-000001")),
        "what is no secret is found"
    );
    let secrets: [&[u8]; 11] = [
        b"320899198803121014",
        PHONE.as_bytes(),
        SHOP.as_bytes(),
        LOCATION.as_bytes(),
        COMMENT.as_bytes(),
        "现场看过".as_bytes(),
        b"photo.pdf",
        "演示居民甲".as_bytes(),
        PDF,
        PDF2,
        city.password().as_bytes(),
    ];
    for secret in secrets {
        for form in [secret.to_vec(), hex::encode(secret).into_bytes()] {
            let found: Vec<&String> = all
                .iter()
                .filter(|(_, bytes)| holds(bytes, &form))
                .map(|(place, _)| place)
                .collect();
            assert!(
                found.is_empty(),
                "{:?} stands in {found:?}",
                String::from_utf8_lossy(secret)
            );
        }
    }
}

async fn the_key_belongs_to_the_database(db: Db) {
    let place = Place::new(db);
    let key = "5a".repeat(32);
    let mut config = place.config();
    config.demo = false;
    // A real city does not start without a key, and leaves none lying about.
    let why = refused(config.clone(), &pack_dir(), None).await;
    assert!(
        why.contains("there is no master key") && why.contains("YIWANG_MASTER_KEY_FILE"),
        "{why}"
    );
    let why = refused(config.clone(), &pack_dir(), Some("secret".into())).await;
    assert!(why.contains("64 hex digits"), "{why}");
    assert!(!place.data().join("demo.key").exists());
    drop(
        City::start(place.clone(), place.config(), DAY, Some(key.clone()))
            .await
            .unwrap(),
    );
    // Another key is refused before anything is read or written with it.
    let why = refused(place.config(), &pack_dir(), Some("5b".repeat(32))).await;
    assert!(why.contains("does not fit this database"), "{why}");
    let again = City::start(place.clone(), place.config(), DAY, Some(key))
        .await
        .unwrap();
    again.client("resident").await.get("/me").await.expect(200);
}

async fn demonstration_and_real_city(db: Db) {
    // A real city has no demonstration account, and a demonstration is not opened over it.
    let place = Place::new(db);
    let key = Some("5a".repeat(32));
    let mut real = place.config();
    real.demo = false;
    let with = yiwang::Surroundings {
        clock: Arc::new(SetClock::at(morning(DAY))),
        chance: kernel::start::system_chance(),
        master_key: key.clone(),
    };
    let app = yiwang::open(real.clone(), &pack_dir(), with).await.unwrap();
    assert!(!app.config.demo);
    let accounts = identity::api::list_accounts(&app.system("story")).await.unwrap();
    assert!(accounts.is_empty(), "{accounts:?}");
    drop(app);
    let why = refused(place.config(), &pack_dir(), key).await;
    assert!(why.contains("holds a real city"), "{why}");

    // Whichever verb opens a demonstration, it stays one.
    let place = Place::new(db);
    let city = City::start(place.clone(), place.config(), DAY, None)
        .await
        .unwrap();
    let first = city.password().to_string();
    drop(city);
    let mut plain = place.config();
    plain.demo = false;
    let city = City::start(place.clone(), plain, DAY, None).await.unwrap();
    assert!(city.app.config.demo);
    assert_eq!(city.password(), first, "the printed password stays good");
    // Another demonstration has another one.
    let other = City::open(db, DAY).await;
    assert_ne!(other.password(), first);
    other.visitor().sign_in("resident", &first).await.expect(401);
}

async fn a_bad_pack_changes_nothing(db: Db) {
    let place = Place::new(db);
    let folder = tempfile::tempdir().unwrap();
    let pack = pack_copy(folder.path());
    let matter = pack.join("matters/occupy-road/matter.toml");
    let text = std::fs::read_to_string(&matter).unwrap();
    let line = text
        .lines()
        .position(|l| l.starts_with("organisation = "))
        .unwrap()
        + 1;
    std::fs::write(&matter, text.replacen("organisation = ", "organsation = ", 1)).unwrap();
    let why = refused(place.config(), &pack, None).await;
    let named = format!("matters/occupy-road/matter.toml:{line}");
    assert!(why.contains(&named), "{named}: {why}");
    // Nothing of it was taken in: put right, it applies from the start.
    let city = City::start(place.clone(), place.config(), DAY, None)
        .await
        .unwrap();
    city.visitor().get("/matters/occupy-road").await.expect(200);
}
