//! What goes wrong around the city: the machine is lost and a backup is restored elsewhere, the database goes away and
//! comes back, the clock jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stories::matter::{LOCATION, answers};
use stories::{City, Db, Place, morning, on_both};
use tokio::net::{TcpListener, TcpStream};

on_both!(
    a_backup_under_load_is_restored_elsewhere,
    what_is_no_backup_is_refused,
    old_backups_make_room,
    a_clock_that_jumps,
);

const DAY: &str = "2026-11-24";

fn key_of(place: &Place) -> String {
    std::fs::read_to_string(place.data().join("demo.key")).unwrap()
}

/// Makes a backup into a fresh folder.
async fn backup(city: &City) -> (tempfile::TempDir, std::path::PathBuf) {
    let dest = tempfile::tempdir().unwrap();
    let made = yiwang::backup::backup(&city.app, &[dest.path().to_str().unwrap()])
        .await
        .unwrap();
    (dest, made)
}

/// Restores a backup into a new place and starts the city there, under another address.
async fn restore(db: Db, from: &std::path::Path, key: &str) -> City {
    let place = Place::new(db);
    let mut config = place.config();
    config.url = "http://new.example".into();
    yiwang::backup::restore(&config, Some(key), from).await.unwrap();
    City::start(place, config, DAY, Some(key.into())).await.unwrap()
}

async fn a_backup_under_load_is_restored_elsewhere(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (granted, _) = her.apply().await;
    city.decide(&granted, "agree", "grant").await;
    let proof_seq = city
        .count(
            "SELECT seq FROM kernel_fact WHERE type = 'cases.case.submitted'",
            &[],
        )
        .await;
    let old_proof = trust::api::proof(&city.system(), proof_seq).await.unwrap();
    let (before, _) = her.apply().await;
    // She goes on applying while the backup is made.
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (mut her, stop) = (her.clone(), stop.clone());
        tokio::spawn(async move {
            let mut done = Vec::new();
            while !stop.load(Ordering::SeqCst) || done.is_empty() {
                done.push(her.apply().await);
            }
            done
        })
    };
    let (_dest, made) = backup(&city).await;
    stop.store(true, Ordering::SeqCst);
    let during = load.await.unwrap();
    // This one is in no backup, and somebody outside has kept the head that includes it.
    let (lost, _) = her.apply().await;
    city.settle().await;
    let witness = trust::api::checkpoint(&city.system()).await.unwrap();
    // So have those who watch both trees; one of them looked last before the backup.
    let mut watched = Vec::new();
    for base in ["/log", "/log/sm3"] {
        let mut outside = city.visitor();
        let keys = outside.get(&format!("{base}/key")).await.expect(200).text();
        let late = outside
            .get(&format!("{base}/checkpoint"))
            .await
            .expect(200)
            .text();
        watched.push((base, keys, late));
    }
    let key = key_of(&city.place);
    // No key and no word of a person is in the backup.
    for entry in std::fs::read_dir(&made).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [key.trim().as_bytes(), LOCATION.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret));
        }
    }

    let new = restore(db, &made, &key).await;
    new.settle().await;
    assert_eq!(new.altered().await, Vec::<String>::new());
    assert_eq!(new.state(&granted).await, "granted");
    assert_eq!(new.state(&before).await, "submitted");
    assert_eq!(new.state(&lost).await, "", "made after the backup");
    for (id, number) in &during {
        let sql = "SELECT number FROM cases_case WHERE id = $1";
        let there: Option<Option<String>> = new.scalar(sql, &[id.as_str().into()]).await;
        let facts = new
            .count(
                "SELECT COUNT(*) FROM kernel_fact WHERE type = 'cases.case.submitted' AND subject = $1",
                &[id.as_str().into()],
            )
            .await;
        // The snapshot has a case whole or as the draft it was, or not at all.
        match there.flatten() {
            Some(n) => assert_eq!((&n, facts), (number, 1)),
            None => assert_eq!(facts, 0),
        }
    }
    // Life goes on: an old case to its end, a new one from its beginning; numbers go on too.
    new.decide(&before, "agree", "grant").await;
    let mut again = new.client("resident").await;
    again.apply().await;
    new.settle().await;
    assert_eq!(new.altered().await, Vec::<String>::new());

    // Both epochs are verifiable, the second under a name of its own, and what the witness saw is named as lost.
    let (lines, good) = yiwang::backup::verify(&new.app, &[]).await.unwrap();
    assert!(good, "{lines:?}");
    assert!(
        lines[0].contains("new.example/log/2") && lines[1].contains("localhost:8151/log/1"),
        "{lines:?}"
    );
    let kept = new.place.data().join("witness");
    std::fs::write(&kept, &witness).unwrap();
    let word = format!("--witness={}", kept.display());
    let (lines, good) = yiwang::backup::verify(&new.app, &[&word]).await.unwrap();
    assert!(!good && lines[0].contains("are lost"), "{lines:?}");
    // One from before the backup is kept whole.
    std::fs::write(&kept, old_proof["checkpoint"].as_str().unwrap()).unwrap();
    let (lines, good) = yiwang::backup::verify(&new.app, &[&word]).await.unwrap();
    assert!(good && lines[2].contains("are all there"), "{lines:?}");
    // An old entry has its proof in the old epoch, a new one in the new.
    let proof = trust::api::proof(&new.system(), proof_seq).await.unwrap();
    assert_eq!(proof["leaf"], old_proof["leaf"]);
    assert!(
        proof["checkpoint"]
            .as_str()
            .unwrap()
            .starts_with("localhost:8151/log/1\n")
    );
    let newest = new.count("SELECT MAX(seq) FROM kernel_fact", &[]).await;
    let proof = trust::api::proof(&new.system(), newest).await.unwrap();
    assert!(
        proof["checkpoint"]
            .as_str()
            .unwrap()
            .starts_with("new.example/log/2\n")
    );
    // The ended epoch is served as well; starting again opens no third.
    let mut visitor = new.visitor();
    let head = visitor.get("/log/epoch/1/checkpoint").await.expect(200);
    assert!(head.has("localhost:8151/log/1"));
    visitor.get("/log/epoch/1/key").await.expect(200);
    visitor.get("/log/epoch/1/tile/0/000.p/5").await.expect(200);
    visitor.get("/log/epoch/1/tile/entries/000.p/5").await.expect(403);
    visitor.get("/log/epoch/3/checkpoint").await.expect(404);
    visitor.get("/log/epoch/1/else").await.expect(404);
    assert!(trust::epoch::reopen(&new.system()).await.unwrap().is_none());
    // Whoever watches follows the restore, or is told what it lost.
    let url = new.served().await;
    for (base, keys, late) in watched {
        let url = format!("{url}{base}");
        let look = move |seen: Option<String>| verify::monitor::watch(&keys, &url, seen.as_deref());
        let (early, late) = tokio::task::spawn_blocking(move || (look(None), look(Some(late))))
            .await
            .unwrap();
        let early = early.unwrap();
        assert!(
            early.lines[0].contains("a restore goes on as new.example/log"),
            "{:?}",
            early.lines
        );
        let late = late.unwrap_err().to_string();
        assert!(late.starts_with("lost heads: entries "), "{late}");
    }
    // A backup of the restored city is a backup as well.
    let (_dest, made) = backup(&new).await;
    let third = restore(db, &made, &key).await;
    let (lines, good) = yiwang::backup::verify(&third.app, &[]).await.unwrap();
    assert!(
        good && lines[0].contains("/log/3") && lines.len() == 3,
        "{lines:?}"
    );
}

async fn what_is_no_backup_is_refused(db: Db) {
    let city = City::open(db, DAY).await;
    city.settle().await;
    let (_dest, made) = backup(&city).await;
    let key = key_of(&city.place);
    let place = Place::new(db);
    let config = place.config();
    let refused = async |key: &str, from: &std::path::Path| {
        yiwang::backup::restore(&config, Some(key), from)
            .await
            .unwrap_err()
            .to_string()
    };
    let why = refused(&"5b".repeat(32), &made).await;
    assert!(why.contains("master key does not fit this backup"), "{why}");
    let why = refused(&key, place.data()).await;
    assert!(why.contains("is no backup"), "{why}");
    // Over a city nothing is restored.
    let why = yiwang::backup::restore(&city.place.config(), Some(&key), &made)
        .await
        .unwrap_err()
        .to_string();
    assert!(why.contains("holds a city already"), "{why}");
    // A byte that changed, a file that is missing, a manifest from a newer program.
    let file = std::fs::read_dir(&made)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e != "json"))
        .max_by_key(|p| p.metadata().unwrap().len())
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut bad = whole.clone();
    bad[whole.len() / 2] ^= 1;
    std::fs::write(&file, bad).unwrap();
    let why = refused(&key, &made).await;
    assert!(why.contains("is not what the manifest says"), "{why}");
    std::fs::remove_file(&file).unwrap();
    assert!(refused(&key, &made).await.contains("cannot read"));
    std::fs::write(&file, whole).unwrap();
    let manifest = made.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let newer = text.replacen("\"cases\",\n        1,", "\"cases\",\n        999,", 1);
    assert_ne!(newer, text);
    std::fs::write(&manifest, newer).unwrap();
    let why = refused(&key, &made).await;
    assert!(why.contains("newer program"), "{why}");
    // All these left the place empty: the true one goes in.
    std::fs::write(&manifest, text).unwrap();
    yiwang::backup::restore(&config, Some(&key), &made).await.unwrap();
    let again = City::start(place.clone(), config.clone(), DAY, Some(key.clone()))
        .await
        .unwrap();
    again.client("resident").await.get("/me").await.expect(200);
}

async fn old_backups_make_room(db: Db) {
    let city = City::open(db, DAY).await;
    let dest = tempfile::tempdir().unwrap();
    let to = dest.path().to_str().unwrap();
    // What a broken backup left is cleared away; what is not ours stays.
    std::fs::create_dir_all(dest.path().join(".partial-yiwang-x/y")).unwrap();
    std::fs::create_dir_all(dest.path().join("yiwang-other")).unwrap();
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(
            yiwang::backup::backup(&city.app, &[to, "--keep=2"])
                .await
                .unwrap(),
        );
    }
    let there: Vec<bool> = made.iter().map(|m| m.join("manifest.json").exists()).collect();
    assert_eq!(there, [false, false, true, true]);
    assert!(!made[0].exists() && !dest.path().join(".partial-yiwang-x").exists());
    assert!(dest.path().join("yiwang-other").exists());
    for words in [&[to, "--keep=0"][..], &[to, "--keep=x"], &[], &[to, to]] {
        let why = yiwang::backup::backup(&city.app, words).await.unwrap_err();
        assert!(why.to_string().contains("usage"), "{why}");
    }
}

async fn a_clock_that_jumps(db: Db) {
    let city = City::open(db, DAY).await;
    let mut her = city.client("resident").await;
    let (case, _) = her.apply().await;
    city.client("clerk")
        .await
        .finish(&case, "done", "")
        .await
        .expect(303);
    let due = city.due(&case).await;
    // An hour back: she stays signed in, the case goes on, its steps keep their order, the doctor says what is wrong.
    city.clock.set(morning(DAY) - 3_600_000);
    her.get("/me").await.expect(200);
    city.client("reviewer-cg")
        .await
        .finish(&case, "agree", "现场看过。")
        .await
        .expect(303);
    city.settle().await;
    let seqs: Vec<i64> = city
        .system()
        .read("story", |tx| {
            let h = kernel::fact::history(tx, &[&case])?;
            Ok(h.iter().filter_map(|e| e.seq).collect())
        })
        .await
        .unwrap();
    assert!(seqs.len() >= 4 && seqs.is_sorted(), "{seqs:?}");
    assert_eq!(
        city.due(&case).await,
        due,
        "a legal date does not move with the clock"
    );
    // The followers' facts bear the old time again, so only a fact of the future makes the doctor speak.
    let found = city.altered().await;
    assert!(
        found.iter().all(|f| f.starts_with("warning: the newest fact")),
        "{found:?}"
    );

    // A year ahead: sessions have ended, a new one begins, five wrong passwords lock an account.
    city.clock.set(morning("2027-11-24"));
    assert!(
        her.get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    let mut future = city.client("resident").await;
    future.get("/me").await.expect(200);
    for _ in 0..5 {
        city.visitor().sign_in("agent", "wrong").await;
    }
    city.visitor().sign_in("agent", city.password()).await.expect(429);
    city.settle().await;
    // Back in the present: nobody is signed in for a year or locked out for one, the case is not overdue, work goes on.
    city.clock.set(morning("2026-11-25"));
    let found = city.altered().await;
    assert!(
        found.len() == 1
            && found[0].starts_with("warning: the newest fact was written")
            && found[0].contains("NTP"),
        "{found:?}"
    );
    assert!(
        future
            .get("/me")
            .await
            .expect(303)
            .location()
            .starts_with("/sign-in")
    );
    city.client("agent").await.get("/me").await.expect(200);
    city.client("reviewer-jj")
        .await
        .finish(&case, "agree", "同意。")
        .await
        .expect(303);
    city.client("head")
        .await
        .finish(&case, "grant", "按会审意见。")
        .await
        .expect(303);
    city.settle().await;
    assert_eq!(city.state(&case).await, "granted");
    assert_eq!(city.altered().await, Vec::<String>::new());
    let (lines, good) = yiwang::backup::verify(&city.app, &[]).await.unwrap();
    assert!(good, "{lines:?}");
}

/// A way to the test's PostgreSQL that can be cut and opened again.
struct Road {
    open: tokio::sync::watch::Sender<bool>,
    port: u16,
}

impl Road {
    async fn to(server: String) -> Road {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, state) = tokio::sync::watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut state) = (server.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(&server).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Road { open, port }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_lost_and_returns() {
    let place = Place::new(Db::Postgres);
    let mut config = place.config();
    let address = config.database.clone().unwrap();
    let (user, rest) = address.split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let road = Road::to(server.into()).await;
    config.database = Some(format!("{user}@127.0.0.1:{}/{name}", road.port));
    let city = City::start(place, config, DAY, None).await.unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let tasks = kernel::job::start(city.app.clone(), stopped);
    let mut her = city.client("resident").await;
    let (first, _) = her.apply().await;
    let draft = her.begin("occupy-road").await;

    road.open.send(false).unwrap();
    // She is told so in her language, with what she typed still there; programs get a problem and when to try again.
    let page = her
        .post_multipart(&format!("/cases/{draft}/form"), &answers(), &[])
        .await
        .expect(503);
    assert_eq!(page.header("retry-after"), "10");
    assert!(
        page.has("系统暂时连不上数据库") && page.has("再次提交"),
        "{}",
        page.text()
    );
    assert!(
        page.has(&format!("name=\"location\" value=\"{LOCATION}\"")),
        "{}",
        page.text()
    );
    assert!(page.has(&format!("action=\"/cases/{draft}/form\"").replace('/', "&#x2f;")));
    let page = her.get("/me?lang=en").await.expect(503);
    assert!(page.has("The database cannot be reached") && !page.has("Send again"));
    her.cookies.remove("yw_locale");
    let page = city.visitor().sign_in("clerk", "a secret").await.expect(503);
    assert!(!page.has("a secret"), "a password is never sent back");
    let mut program = city.visitor();
    program.accept = "application/json";
    let ready = program.get("/readyz").await.expect(503).json();
    assert_eq!(ready["ready"], false, "{ready}");
    program.get("/healthz").await.expect(200);

    road.open.send(true).unwrap();
    assert_eq!(program.get("/readyz").await.expect(200).json()["ready"], true);
    her.hand_in(&draft, &answers()).await.expect(303);
    assert_eq!(
        city.state(&first).await,
        "submitted",
        "what was acknowledged is there"
    );
    // The background goes on by itself: facts are numbered and in the log.
    let waiting =
        "SELECT (SELECT COUNT(*) FROM kernel_fact) - (SELECT COUNT(*) FROM trust_node WHERE level = 0)";
    for n in 0.. {
        if city.count(waiting, &[]).await == 0 {
            break;
        }
        assert!(n < 300, "the followers do not go on");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    stop.send(true).unwrap();
    for t in tasks {
        t.await.unwrap();
    }
    city.settle().await;
    assert_eq!(city.altered().await, Vec::<String>::new());
}
