//! The proof log as outsiders see it: two trees over one sequence, proofs, a monitor, a witness; and the doctor, from whom
//! nothing that was altered by hand is hidden.

use axum::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use merkle::{Checkpoint, Hash, Hashing, LogKeys, MemoryTree, NoteKey, SigningKey};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use stories::{Answer, City, Client, Db, on_both};

on_both!(
    two_trees_over_one_sequence,
    outsiders_watch_the_city,
    a_database_from_before_gets_its_second_tree,
    heads_of_others_are_witnessed,
    whatever_is_altered_by_hand_is_named,
    a_forged_head_and_a_cut_log_are_named,
);

const DAY: &str = "2026-11-24";

fn base(hashing: Hashing) -> &'static str {
    match hashing {
        Hashing::Sha256 => "/log",
        Hashing::Sm3 => "/log/sm3",
    }
}

/// The newest head of a tree, opened with the keys that are published beside it.
async fn head(visitor: &mut Client, hashing: Hashing) -> (LogKeys, Checkpoint, String) {
    let base = base(hashing);
    let keys = visitor.get(&format!("{base}/key")).await.expect(200).text();
    let note = visitor
        .get(&format!("{base}/checkpoint"))
        .await
        .expect(200)
        .text();
    let keys = LogKeys::parse(&keys).unwrap();
    assert_eq!(keys.hashing(), hashing);
    let head = keys.open(&note).unwrap();
    (keys, head, note)
}

fn hashes(answer: &Json) -> Vec<Hash> {
    let all = answer["hashes"].as_array().unwrap();
    all.iter().map(|h| hash(h.as_str().unwrap())).collect()
}

fn hash(text: &str) -> Hash {
    hex::decode(text).unwrap().try_into().unwrap()
}

async fn two_trees_over_one_sequence(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    city.settle().await;
    let mut visitor = city.visitor();
    let mut origins = BTreeSet::new();
    for hashing in Hashing::ALL {
        let (_, old, _) = head(&mut visitor, hashing).await;
        assert!(origins.insert(old.origin.clone()));
        her.apply().await;
        city.settle().await;
        let (_, new, _) = head(&mut visitor, hashing).await;
        let facts = city.count("SELECT MAX(seq) FROM kernel_fact", &[]).await;
        assert!(old.size < new.size && new.size == facts as u64);
        let name = hashing.name();
        let asked = format!(
            "/log/proof/consistency?from={}&to={}&hash={name}",
            old.size, new.size
        );
        let proof = visitor.get(&asked).await.expect(200).json();
        assert_eq!(proof["origin"], new.origin);
        assert_eq!(proof["root_to"], hex::encode(new.root));
        assert!(merkle::verify_consistency(
            hashing,
            old.size,
            new.size,
            &old.root,
            &new.root,
            &hashes(&proof)
        ));
        for index in [0, 7, new.size - 1] {
            let asked = format!("/log/proof/inclusion?index={index}&size={}&hash={name}", new.size);
            let proof = visitor.get(&asked).await.expect(200).json();
            let leaf = hash(proof["leaf"].as_str().unwrap());
            assert!(merkle::verify_inclusion(
                hashing,
                &leaf,
                index,
                new.size,
                &hashes(&proof),
                &new.root
            ));
        }
        // The leaf is that of the fact.
        let seq = new.size as i64;
        let fact = city
            .system()
            .read("story", |tx| Ok(kernel::fact::after(tx, seq - 1, 1)?))
            .await
            .unwrap();
        let leaf = hashing.leaf(fact[0].leaf().unwrap().as_bytes());
        let asked = format!("/log/proof/inclusion?index={}&hash={name}", seq - 1);
        let proof = visitor.get(&asked).await.expect(200).json();
        assert_eq!(proof["leaf"], hex::encode(leaf));
        let tile = visitor
            .get(&format!("{}/tile/0/000.p/5", base(hashing)))
            .await
            .expect(200);
        assert_eq!(tile.body.len(), 160);
        visitor
            .get(&format!("{}/tile/entries/000.p/5", base(hashing)))
            .await
            .expect(403);
        visitor
            .get(&format!("{}/epoch/1/checkpoint", base(hashing)))
            .await
            .expect(200);
        visitor
            .get(&format!("{}/epoch/1/opening", base(hashing)))
            .await
            .expect(404);
    }
    // What cannot be proved is refused in words.
    let (_, now, _) = head(&mut visitor, Hashing::Sha256).await;
    for (asked, status, word) in [
        ("inclusion?index=0&size=999999".to_string(), 404, "beyond"),
        (format!("inclusion?index={}", now.size), 400, "index"),
        ("inclusion?index=5&size=5".into(), 400, "index"),
        ("inclusion".into(), 400, "number"),
        ("inclusion?index=-1".into(), 400, "number"),
        ("inclusion?index=+1".into(), 400, "number"),
        ("inclusion?index=99999999999999999999".into(), 400, "number"),
        ("inclusion?index=1&hash=md5".into(), 400, "hash"),
        ("inclusion?index=1&epoch=9".into(), 404, "not-found"),
        ("consistency?from=9&to=3".into(), 400, "order"),
        ("consistency?from=1&to=999999".into(), 404, "beyond"),
        ("consistency?to=3".into(), 400, "number"),
    ] {
        let answer = visitor.get(&format!("/log/proof/{asked}")).await.expect(status);
        let said = answer.json();
        assert!(said["type"].as_str().unwrap().ends_with(word), "{asked}: {said}");
    }
    visitor
        .get("/log/proof/consistency?from=0&to=0")
        .await
        .expect(200);
    let described = visitor.get("/api/openapi.json").await.expect(200).json();
    let asked = &described["paths"]["/log/proof/inclusion"]["get"]["parameters"];
    assert_eq!(asked[0]["name"], "index");
    assert_eq!(asked[0]["in"], "query");
    let page = visitor.get("/log").await.expect(200);
    for origin in &origins {
        assert!(page.has("国密 SM3 树") && page.text().replace("&#x2f;", "/").contains(origin));
    }

    // Each second with news has a head though nobody asks for one; a second without has none.
    let heads = "SELECT (SELECT COUNT(*) FROM trust_head) + (SELECT COUNT(*) FROM trust_head_sm3)";
    let before = city.count(heads, &[]).await;
    let start = kernel::ctx::Clock::now(&*city.clock);
    for second in 1..4 {
        city.clock.set(start + second * 1_100);
        her.apply().await;
        city.settle().await;
        city.settle().await;
        assert_eq!(city.count(heads, &[]).await, before + 2 * second);
    }
    city.clock.set(start + 9_000);
    city.settle().await;
    let idle = city.count(heads, &[]).await;
    city.clock.set(start + 11_000);
    city.settle().await;
    assert_eq!(city.count(heads, &[]).await, idle);
    // Of an hour that is over one is kept.
    city.clock.set(start + 2 * 3_600_000);
    her = city.client("resident").await;
    her.apply().await;
    city.settle().await;
    assert_eq!(city.count(heads, &[]).await, 4);
    assert_eq!(city.altered().await, Vec::<String>::new());

    // The whole log as files, by the keys of either tree.
    let folder = tempfile::tempdir().unwrap();
    trust::api::export(&city.system(), folder.path()).await.unwrap();
    for key in ["key", "sm3/key"] {
        let key = std::fs::read_to_string(folder.path().join(key)).unwrap();
        let report = verify::verify_log(&key, folder.path()).unwrap();
        assert!(origins.contains(&report.origin));
    }
}

async fn outsiders_watch_the_city(db: Db) {
    use verify::monitor::watch;
    let city = City::open(db, DAY).await;
    city.settle().await;
    let url = city.served().await;
    let mut visitor = city.visitor();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let look = async |key: &str, hashing: Hashing, seen: Option<String>| {
        let (key, url) = (key.to_string(), format!("{url}{}", base(hashing)));
        tokio::task::spawn_blocking(move || watch(&key, &url, seen.as_deref()))
            .await
            .unwrap()
    };
    for hashing in Hashing::ALL {
        let key = visitor.get(&format!("{}/key", base(hashing))).await.text();
        let first = look(&key, hashing, None).await.unwrap();
        city.client("resident").await.apply().await;
        city.settle().await;
        let second = look(&key, hashing, Some(first.note.clone())).await.unwrap();
        assert_ne!(first.note, second.note);
        assert!(second.lines[0].contains("continue"), "{:?}", second.lines);
        // A verifier that is not ours, in another language, agrees.
        std::fs::write(file("key"), &key).unwrap();
        std::fs::write(file("seen"), &first.note).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../e2e/clients/verify_log.py");
        let words = [
            script.into(),
            "--key".into(),
            file("key"),
            "--url".into(),
            format!("{url}/log"),
            "--index".into(),
            "3".into(),
            "--seen".into(),
            file("seen"),
        ];
        let run = move || {
            std::process::Command::new("python3")
                .args(words)
                .output()
                .unwrap()
        };
        let out = tokio::task::spawn_blocking(run).await.unwrap();
        let said: Json = serde_json::from_slice(&out.stdout).unwrap();
        assert!(out.status.success(), "{said}");
        assert_eq!(
            (&said["hash"], &said["included"]),
            (&hashing.name().into(), &3.into())
        );
        // A history that somebody rewrote, tree and all, is not the one that was seen.
        let nodes = match hashing {
            Hashing::Sha256 => "trust_node",
            Hashing::Sm3 => "trust_node_sm3",
        };
        let mut tree = MemoryTree::new(hashing);
        let sql = format!("SELECT hash FROM {nodes} WHERE level = 0 ORDER BY idx");
        let leaves: Vec<Vec<u8>> = city
            .system()
            .read("story", |tx| {
                Ok(tx
                    .query(&sql, &[])?
                    .iter()
                    .map(|r| r.get("hash"))
                    .collect::<Result<_, _>>()?)
            })
            .await
            .unwrap();
        for (n, leaf) in leaves.into_iter().enumerate() {
            let leaf = leaf.try_into().unwrap();
            tree.append(if n == 2 { [7; 32] } else { leaf });
        }
        for level in 0..64u8 {
            let Some(hash) = merkle::Hashes::node(&tree, level, 2 >> level) else {
                break;
            };
            let sql = format!("UPDATE {nodes} SET hash = $1 WHERE level = $2 AND idx = $3");
            let place = [
                hash.to_vec().into(),
                i64::from(level).into(),
                (2i64 >> level).into(),
            ];
            assert_eq!(city.execute(&sql, &place).await, 1);
        }
        let heads = nodes.replace("node", "head");
        city.execute(&format!("DELETE FROM {heads}"), &[]).await;
        let caught = look(&key, hashing, Some(second.note))
            .await
            .unwrap_err()
            .to_string();
        assert!(caught.starts_with("forked: "), "{caught}");
    }
}

async fn a_database_from_before_gets_its_second_tree(db: Db) {
    let city = City::open(db, DAY).await;
    city.settle().await;
    let mut visitor = city.visitor();
    let (_, whole, _) = head(&mut visitor, Hashing::Sm3).await;
    // As the migration leaves it: no node of the second tree, and what is logged meanwhile goes into the first alone.
    for table in ["trust_node_sm3", "trust_head_sm3"] {
        city.execute(&format!("DELETE FROM {table}"), &[]).await;
    }
    let page = visitor.get("/log").await.expect(200);
    assert!(
        page.has(&format!("已完成 0 条，共 {} 条", whole.size)),
        "{}",
        page.text()
    );
    // The doctor does not take what is not there yet for something that was cut.
    assert_eq!(city.altered().await, Vec::<String>::new());
    city.client("resident").await.apply().await;
    kernel::job::follow(&city.app).await.unwrap();
    let jobs = "SELECT COUNT(*) FROM kernel_job WHERE kind = 'trust.log.sm3' AND state = $1";
    assert_eq!(city.count(jobs, &["waiting".into()]).await, 1);
    city.settle().await;
    assert_eq!(city.count(jobs, &["done".into()]).await, 1);
    assert!(!visitor.get("/log").await.expect(200).has("后台补建"));
    let asked = format!("/log/proof/consistency?from={}&hash=sm3", whole.size);
    let proof = visitor.get(&asked).await.expect(200).json();
    assert_eq!(proof["root_from"], hex::encode(whole.root));
    let (_, now, _) = head(&mut visitor, Hashing::Sm3).await;
    let (_, other, _) = head(&mut visitor, Hashing::Sha256).await;
    assert_eq!(now.size, other.size);
    city.client("resident").await.apply().await;
    city.settle().await;
    let (_, later, _) = head(&mut visitor, Hashing::Sm3).await;
    assert!(later.size > now.size);
    assert_eq!(city.altered().await, Vec::<String>::new());
}

async fn heads_of_others_are_witnessed(db: Db) {
    let city = City::open(db, DAY).await;
    let mut visitor = city.visitor();
    let other = SigningKey::from_bytes(&[5; 32]);
    let name = "neighbour.example/log/1";
    let hashing = Hashing::Sha256;
    let tree = |seed: u8, size: u64| {
        let mut tree = MemoryTree::new(hashing);
        (0..size).for_each(|i| {
            tree.append(hashing.leaf(&[seed, i as u8]));
        });
        tree
    };
    let note = |seed: u8, size: u64, key: &SigningKey| {
        let text = Checkpoint {
            origin: name.into(),
            size,
            root: tree(seed, size).root(),
        }
        .to_text();
        merkle::sign_note(&text, key, name)
    };
    let body = |old: u64, seed: u8, size: u64, note: &str| {
        let proof = merkle::consistency(&tree(seed, size), old.min(size), size).unwrap();
        let lines: String = proof.iter().map(|h| STANDARD.encode(h) + "\n").collect();
        format!("old {old}\n{lines}\n{note}")
    };
    let mut say = async |text: String| -> Answer {
        let kind = [("content-type", "text/plain")];
        visitor
            .send(
                Method::POST,
                "/log/witness/add-checkpoint",
                &kind,
                text.into_bytes(),
            )
            .await
    };
    let first = body(0, 1, 5, &note(1, 5, &other));
    say(first.clone()).await.expect(404);
    let key_file = merkle::verifier_key(name, &other.verifying_key());
    assert_eq!(
        trust::witness::add(&city.system(), &key_file).await.unwrap(),
        name
    );
    assert!(trust::witness::add(&city.system(), &key_file).await.is_err());
    let line = say(first.clone()).await.expect(200).text();
    // Its signature stands beside the log's, and is of this text and a time.
    let mut reader = city.visitor();
    let known = NoteKey::parse(&reader.get("/log/witness/key").await.expect(200).text()).unwrap();
    let cosigned = note(1, 5, &other) + &line;
    assert!(merkle::verify_note(&cosigned, &known).is_ok());
    let known_size = async |answer: Answer, size: &str| {
        let answer = answer.expect(409);
        assert_eq!(
            (answer.header("content-type"), answer.text().as_str()),
            ("text/x.tlog.size", size)
        );
    };
    known_size(say(first).await, "5\n").await;
    say(body(5, 1, 5, &note(1, 5, &other))).await.expect(200);
    say(body(5, 1, 9, &note(1, 9, &other))).await.expect(200);
    known_size(say(body(5, 1, 12, &note(1, 12, &other))).await, "9\n").await;
    // Rewritten, of the same size and of another; signed by a stranger; shorter; malformed.
    known_size(say(body(9, 2, 9, &note(2, 9, &other))).await, "9\n").await;
    say(body(9, 2, 12, &note(2, 12, &other))).await.expect(422);
    say(body(9, 1, 12, &note(1, 12, &SigningKey::from_bytes(&[6; 32]))))
        .await
        .expect(403);
    say(body(9, 1, 7, &note(1, 7, &other))).await.expect(400);
    say("old x\n\n".into()).await.expect(400);
    say(String::new()).await.expect(400);
    say(body(9, 1, 12, &note(1, 12, &other))).await.expect(200);
    assert_eq!(
        trust::witness::list(&city.system()).await.unwrap(),
        [(name.to_string(), 12)]
    );
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
    // Whose heads are accepted is covered by facts.
    city.execute("UPDATE trust_witness SET keys = 'x'", &[]).await;
    assert!(city.altered().await[0].contains("trust_witness: row neighbour.example/log/1 was altered"));
    trust::witness::remove(&city.system(), name).await.unwrap();
    assert!(trust::witness::remove(&city.system(), name).await.is_err());
    assert_eq!(city.altered().await, Vec::<String>::new());

    // The city's own log, SM3 and all, is one that a city can witness.
    let (_, _, own) = head(&mut reader, Hashing::Sm3).await;
    let keys = reader.get("/log/sm3/key").await.text();
    trust::witness::add(&city.system(), &keys).await.unwrap();
    let answer = reader
        .send(
            Method::POST,
            "/log/witness/add-checkpoint",
            &[],
            format!("old 0\n\n{own}").into_bytes(),
        )
        .await
        .expect(200);
    assert!(merkle::verify_note(&(own + &answer.text()), &known).is_ok());
}

/// A row that no story makes, with something in every column that needs it, and the fact that covers it.
async fn made_up(city: &City, table: &'static kernel::Table) {
    let columns = match city.app.db.is_postgres() {
        true => {
            "SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = $1"
        }
        false => "SELECT name, type FROM pragma_table_info($1)",
    };
    let ctx = city.system();
    ctx.tx("story.made-up", |tx| {
        let (mut names, mut values) = (Vec::new(), Vec::<kernel::Value>::new());
        for r in tx.query(columns, &[table.name.into()])? {
            let (name, kind): (String, String) = (r.get("name")?, r.get("type")?);
            values.push(match kind.to_ascii_uppercase().as_str() {
                "TEXT" => "made-up".into(),
                "BYTEA" | "BLOB" => vec![1u8].into(),
                "DOUBLE PRECISION" | "REAL" => 1.0.into(),
                _ => 1i64.into(),
            });
            names.push(name);
        }
        let places: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "INSERT INTO {}({}) VALUES ({})",
            table.name,
            names.join(", "),
            places.join(", ")
        );
        tx.execute(&sql, &values)?;
        ctx.emit(
            tx,
            kernel::Fact::new("story.row.made", "made-up").touch(table, "made-up"),
        )?;
        Ok(())
    })
    .await
    .unwrap();
}

/// What trust's doctor finds; other modules' checks are not about rows altered by hand.
async fn found(city: &City) -> Vec<String> {
    let check = city
        .app
        .modules
        .iter()
        .find(|m| m.name == "trust")
        .unwrap()
        .checks[0];
    check(city.app.system("doctor")).await.unwrap()
}

/// The same about rows alone: without the key of the log its heads cannot be checked, which is said as well.
async fn found_rows(city: &City) -> Vec<String> {
    let all = found(city).await;
    all.into_iter().filter(|f| !f.starts_with("trust_head")).collect()
}

async fn whatever_is_altered_by_hand_is_named(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (granted, _) = her.apply().await;
    her.apply().await;
    city.decide(&granted, "agree", "grant").await;
    her.post_form(
        &format!("/cases/{granted}/rating"),
        &[("stars", "5"), ("words", "很快")],
    )
    .await;
    let key = merkle::verifier_key(
        "neighbour.example",
        &SigningKey::from_bytes(&[5; 32]).verifying_key(),
    );
    trust::witness::add(&city.system(), &key).await.unwrap();
    city.settle().await;
    let mut empty = Vec::new();
    for table in city.app.modules.iter().flat_map(|m| &m.tables) {
        if city
            .count(&format!("SELECT COUNT(*) FROM {}", table.name), &[])
            .await
            == 0
        {
            empty.push(table.name);
            made_up(&city, table).await;
        }
    }
    println!("in no played row: {empty:?}");
    let all: usize = city.app.modules.iter().map(|m| m.tables.len()).sum();
    assert!(all - empty.len() >= 18, "the city was hardly played: {empty:?}");
    kernel::job::follow_only(&city.app, "trust.log").await.unwrap();
    assert_eq!(found(&city).await, Vec::<String>::new());
    let mut rows = Vec::new();
    for table in city.app.modules.iter().flat_map(|m| &m.tables) {
        let key = table.columns[0];
        let sql = format!(
            "SELECT {} FROM {} ORDER BY {key} LIMIT 1",
            table.columns.join(", "),
            table.name
        );
        let row = city
            .system()
            .read("story", |tx| Ok(tx.one(&sql, &[])?.map(|r| r.to_json())))
            .await
            .unwrap();
        let row = row.unwrap();
        let id = row[key]
            .as_str()
            .map_or_else(|| row[key].to_string(), String::from);
        // Any column will do; one with a value says its type.
        let (column, value) = table.columns[1..]
            .iter()
            .rev()
            .find_map(|c| match &row[*c] {
                Json::String(s) => Some((*c, kernel::Value::from(format!("{s}x")))),
                Json::Number(n) => n.as_i64().map(|n| (*c, kernel::Value::from(n + 1))),
                _ => None,
            })
            .unwrap_or_else(|| panic!("{}: {row}", table.name));
        let sql = format!("UPDATE {} SET {column} = $1 WHERE {key} = $2", table.name);
        assert_eq!(city.execute(&sql, &[value, id.as_str().into()]).await, 1);
        rows.push((table, id));
    }
    let findings = found_rows(&city).await;
    for (table, id) in &rows {
        let begin = format!("{}: row {id} was altered by hand", table.name);
        assert!(
            findings.iter().any(|f| f.starts_with(&begin)),
            "{begin}: {findings:?}"
        );
    }
    assert_eq!(findings.len(), rows.len(), "{findings:?}");
    for (table, id) in &rows {
        let sql = format!("DELETE FROM {} WHERE {} = $1", table.name, table.columns[0]);
        assert_eq!(city.execute(&sql, &[id.as_str().into()]).await, 1);
    }
    let findings = found_rows(&city).await;
    for (table, id) in &rows {
        let word = format!("{}: row {id} was deleted by hand", table.name);
        assert!(findings.contains(&word), "{word}: {findings:?}");
    }
    assert_eq!(findings.len(), rows.len(), "{findings:?}");
}

async fn a_forged_head_and_a_cut_log_are_named(db: Db) {
    let city = City::open(db, DAY).await;
    city.settle().await;
    let mut visitor = city.visitor();
    for hashing in Hashing::ALL {
        head(&mut visitor, hashing).await;
    }
    assert_eq!(found(&city).await, Vec::<String>::new());
    let size = city.count("SELECT MAX(seq) FROM kernel_fact", &[]).await;
    // Changes, looks, and puts everything back as it was.
    let with = async |changes: &[String], words: &[&str]| {
        let undo: Vec<(String, Vec<Json>)> = {
            let mut kept = Vec::new();
            for table in [
                "trust_node",
                "trust_node_sm3",
                "trust_head",
                "trust_head_sm3",
                "kernel_fact",
            ] {
                let rows = city
                    .system()
                    .read("story", |tx| {
                        let rows = tx.query(&format!("SELECT * FROM {table}"), &[])?;
                        Ok(rows.iter().map(|r| r.to_json()).collect::<Vec<_>>())
                    })
                    .await
                    .unwrap();
                kept.push((table.to_string(), rows));
            }
            kept
        };
        let mut altered = BTreeSet::new();
        for change in changes {
            assert!(city.execute(change, &[]).await > 0, "{change}");
            altered.extend(undo.iter().map(|(t, _)| t).filter(|t| {
                change
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|w| w == t.as_str())
            }));
        }
        let findings = found(&city).await;
        for word in words {
            assert!(
                findings.iter().any(|f| f.contains(word)),
                "{changes:?}: {word}: {findings:?}"
            );
        }
        assert!(findings.len() <= words.len(), "{changes:?}: {findings:?}");
        for (table, rows) in undo.iter().filter(|(t, _)| altered.contains(t)) {
            city.execute(&format!("DELETE FROM {table}"), &[]).await;
            for part in rows.chunks(500) {
                city.system()
                    .tx("story", |tx| {
                        for row in part {
                            let row = row.as_object().unwrap();
                            let names: Vec<&str> = row.keys().map(String::as_str).collect();
                            let places: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
                            let values: Vec<kernel::Value> = row
                                .iter()
                                .map(|(name, v)| match v {
                                    Json::Null => kernel::Value::Null,
                                    Json::Number(n) => n.as_i64().unwrap().into(),
                                    Json::String(s) if name == "hash" => hex::decode(s).unwrap().into(),
                                    Json::String(s) => s.as_str().into(),
                                    other => panic!("{other}"),
                                })
                                .collect();
                            tx.execute(
                                &format!(
                                    "INSERT INTO {table}({}) VALUES ({})",
                                    names.join(", "),
                                    places.join(", ")
                                ),
                                &values,
                            )?;
                        }
                        Ok(())
                    })
                    .await
                    .unwrap();
            }
        }
        assert_eq!(found(&city).await, Vec::<String>::new(), "{changes:?}");
    };
    let half = size / 2;
    for suffix in ["", "_sm3"] {
        let (node, head) = (format!("trust_node{suffix}"), format!("trust_head{suffix}"));
        // A head: another root in the row, another text under the signature, more leaves than there are.
        with(
            &[format!("UPDATE {head} SET root = '00' WHERE size = {size}")],
            &[&format!("{head}: the signed root of {size} leaves")],
        )
        .await;
        with(
            &[format!(
                "UPDATE {head} SET note = replace(note, 'localhost', 'elsewhere') WHERE size = {size}"
            )],
            &[&format!(
                "{head}: the head of {size} leaves in epoch 1 is not signed by the log's keys"
            )],
        )
        .await;
        with(
            &[format!(
                "UPDATE {head} SET size = size + 1000 WHERE size = {size}"
            )],
            &[&format!(
                "{head}: a head of {} leaves was signed in epoch 1, which has only {size}",
                size + 1_000
            )],
        )
        .await;
        with(
            &[format!(
                "UPDATE {node} SET hash = (SELECT hash FROM {node} WHERE level = 0 AND idx = 0) WHERE level = 3 AND idx = 2"
            )],
            &[&format!("{node}: node 3/2 of epoch 1 was altered by hand")],
        )
        .await;
        with(
            &[format!(
                "UPDATE {node} SET hash = (SELECT hash FROM {node} WHERE level = 0 AND idx = 0) WHERE level = 0 AND idx = {half}"
            )],
            &[&format!("{node}: the leaf of fact {} was altered by hand", half + 1)],
        )
        .await;
        with(
            &[format!("DELETE FROM {node} WHERE level = 2 AND idx = 1")],
            &[&format!("{node}: node 2/1 of epoch 1 is missing")],
        )
        .await;
    }
    // The end of the first tree cut off; that of the second would be built again from the facts.
    with(
        &[format!(
            "DELETE FROM trust_node WHERE level = 0 AND idx = {}",
            size - 1
        )],
        &[&format!(
            "trust_node: the leaf of fact {size} is missing; the log was cut"
        )],
    )
    .await;
    // Facts: one altered, one deleted in the middle, the last one deleted.
    with(
        &[format!(
            "UPDATE kernel_fact SET actor = 'somebody' WHERE seq = {half}"
        )],
        &[&format!("kernel_fact: fact {half} (")],
    )
    .await;
    // What a fact that is gone said of its rows is gone with it; so more may be named here than the fact.
    let deleted = format!("DELETE FROM kernel_fact WHERE seq = {half}");
    city.execute(&deleted, &[]).await;
    let findings = found(&city).await;
    assert!(
        findings[0].starts_with(&format!("kernel_fact: fact {half} is missing")),
        "{findings:?}"
    );
    assert!(findings.iter().all(|f| !f.starts_with("trust_")), "{findings:?}");
    city.execute(&format!("DELETE FROM kernel_fact WHERE seq > {}", size - 3), &[])
        .await;
    let findings = found(&city).await;
    let cut = format!(
        "kernel_fact: the log has {size} leaves and the table only {} facts",
        size - 3
    );
    assert_eq!(findings[0], cut, "{findings:?}");
}
