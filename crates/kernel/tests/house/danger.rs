//! The danger cases of the transaction contract (architecture, "transactions"). A body is a synchronous closure, so a
//! body that awaits does not compile; what is left is tested here.

use crate::sample::*;
use kernel::*;
use std::io::BufRead;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

async fn letters(c: &Ctx) -> i64 {
    c.read("t", |tx| {
        Ok(tx
            .scalar::<i64>("SELECT COUNT(*) FROM letters_letter", &[])?
            .unwrap_or(0))
    })
    .await
    .unwrap()
}

async fn each() -> Vec<(Fresh, Arc<App>)> {
    let mut out = Vec::new();
    for f in [sqlite(), postgres().await] {
        let a = app(&f.address, "a").await;
        out.push((f, a));
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_transaction_is_refused() {
    for (_f, app) in each().await {
        let c = ctx(&app);
        let e = c
            .tx("t.outer", |tx| {
                tx.execute(
                    "INSERT INTO letters_letter(id, text, version) VALUES ('1', 'x', 1)",
                    &[],
                )?;
                let inner = ctx(&app);
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current()
                        .block_on(async { inner.tx("t.inner", |_| Ok(())).await })
                })
            })
            .await
            .unwrap_err();
        assert!(e.to_string().contains("inside the body of t.outer"), "{e}");
        assert_eq!(letters(&c).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panicking_body_takes_nobody_with_it() {
    for (_f, app) in each().await {
        let c = ctx(&app);
        let good: Vec<_> = (0..20)
            .map(|n| {
                let c = ctx(&app);
                tokio::spawn(async move { send(&c, &n.to_string()).await })
            })
            .collect();
        let bad = c
            .tx::<()>("t.panic", |tx| {
                tx.execute(
                    "INSERT INTO letters_letter(id, text, version) VALUES ('p', 'x', 1)",
                    &[],
                )?;
                panic!("on purpose")
            })
            .await
            .unwrap_err();
        assert!(bad.to_string().contains("on purpose"), "{bad}");
        for g in good {
            g.await.unwrap().unwrap();
        }
        assert_eq!(letters(&c).await, 20);
        let seqs = {
            job::settle(&app).await.unwrap();
            c.read("t", |tx| Ok(fact::after(tx, 0, 100)?))
                .await
                .unwrap()
                .len()
        };
        assert_eq!(seqs, 20, "and the numbers stay dense");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_caller_leaves_all_or_nothing() {
    for (_f, app) in each().await {
        for n in 0..40u64 {
            let c = ctx(&app);
            let call = tokio::spawn(async move { send(&c, "x").await });
            tokio::time::sleep(Duration::from_micros(n * 40)).await;
            call.abort();
            let _ = call.await;
        }
        let c = ctx(&app);
        send(&c, "the last").await.unwrap();
        job::settle(&app).await.unwrap();
        let facts = c.read("t", |tx| Ok(fact::after(tx, 0, 500)?)).await.unwrap();
        assert_eq!(facts.len() as i64, letters(&c).await, "each row has its fact");
        assert!(facts.iter().enumerate().all(|(n, f)| f.seq == n as i64 + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_error_and_an_overrun_roll_back() {
    for (_f, app) in each().await {
        let c = ctx(&app);
        let e = c
            .tx("t.ignores", |tx| {
                tx.execute(
                    "INSERT INTO letters_letter(id, text, version) VALUES ('1', 'x', 1)",
                    &[],
                )?;
                let _ = tx.execute(
                    "INSERT INTO letters_letter(id, text, version) VALUES ('1', 'x', 1)",
                    &[],
                );
                Ok(())
            })
            .await
            .unwrap_err();
        assert!(matches!(e, Problem::Fault(_)));
        let e = c
            .tx("t.long", |tx| {
                for n in 0..5_000 {
                    tx.execute(
                        "INSERT INTO letters_letter(id, text, version) VALUES ($1, 'x', 1)",
                        params![n.to_string()],
                    )?;
                }
                Ok(())
            })
            .await
            .unwrap_err();
        // On a busy machine the time limit comes first.
        let said = e.to_string();
        assert!(
            said.contains("overran its rows limit") || said.contains("overran its time limit"),
            "{e}"
        );
        let e = c
            .tx("t.slow", |tx| {
                tx.execute(
                    "INSERT INTO letters_letter(id, text, version) VALUES ('s', 'x', 1)",
                    &[],
                )?;
                std::thread::sleep(Duration::from_millis(db::Limits::default().millis + 100));
                Ok(())
            })
            .await
            .unwrap_err();
        assert!(e.to_string().contains("overran its time limit"), "{e}");
        for sql in [
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT x",
            "PRAGMA synchronous = OFF",
            "ATTACH 'x' AS y",
        ] {
            let e = c.tx("t.sql", |tx| Ok(tx.execute(sql, &[])?)).await.unwrap_err();
            assert!(matches!(e, Problem::Fault(_)), "{sql}");
        }
        assert_eq!(letters(&c).await, 0);
        let e = c
            .read("t.read", |tx| Ok(tx.execute("DELETE FROM letters_letter", &[])?))
            .await
            .unwrap_err();
        assert!(matches!(e, Problem::Fault(_)), "a read cannot write");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_reader_neither_blocks_writers_nor_runs_for_ever() {
    let f = sqlite();
    let app = app(&f.address, "a").await;
    let reader = ctx(&app);
    let slow = tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(reader.read("t.endless", |tx| {
            Ok(tx.scalar::<i64>(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
                &[],
            )?)
        }))
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let c = ctx(&app);
    for n in 0..20 {
        send(&c, &n.to_string()).await.unwrap();
    }
    assert_eq!(letters(&c).await, 20);
    let e = slow.await.unwrap().unwrap_err();
    assert!(e.to_string().contains("interrupted"), "{e}");
}

/// Runs one of the children below in a process of its own, under `limit` (a line of shell).
fn child(name: &str, limit: &str, database: &str) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut c = Command::new("bash");
    c.arg("-c").arg(format!(
        "{limit} exec '{}' --exact {name} --ignored --nocapture",
        exe.display()
    ));
    c.env("YIWANG_CHILD_DB", database)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    c
}

fn child_database() -> String {
    std::env::var("YIWANG_CHILD_DB").expect("started by another test")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of kill_nine_loses_nothing_that_was_acknowledged"]
async fn child_writes_until_killed() {
    let app = app(&child_database(), "a").await;
    for _ in 0..8 {
        let app = app.clone();
        tokio::spawn(async move {
            loop {
                let id = send(&ctx(&app), "x").await.unwrap();
                println!("ack {id}");
            }
        });
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_nothing_that_was_acknowledged() {
    let f = sqlite();
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let mut process = child("danger::child_writes_until_killed", "", &f.address)
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(process.stdout.take().unwrap()).lines();
        let mut n = 0;
        for line in lines.map_while(Result::<_, std::io::Error>::ok) {
            if let Some(id) = line.strip_prefix("ack ").filter(|id| id.len() == 36) {
                acknowledged.push(id.to_string());
                n += 1;
                if n == 150 + round * 37 {
                    process.kill().unwrap();
                }
            }
        }
        process.wait().unwrap();
        assert!(n >= 150, "the child wrote {n}");
    }
    let app = app(&f.address, "a").await;
    let c = ctx(&app);
    for id in &acknowledged {
        let there: Option<i64> = c
            .read("t", |tx| {
                Ok(tx.scalar(
                    "SELECT COUNT(*) FROM letters_letter l JOIN kernel_fact f ON f.subject = l.id WHERE l.id = $1",
                    params![id.as_str()],
                )?)
            })
            .await
            .unwrap();
        assert_eq!(there, Some(1), "{id} was acknowledged and is gone");
    }
    let (n, top): (i64, i64) = c
        .read("t", |tx| {
            let r = tx
                .one("SELECT COUNT(*) AS n, MAX(seq) AS top FROM kernel_fact", &[])?
                .unwrap();
            Ok((r.get("n")?, r.get("top")?))
        })
        .await
        .unwrap();
    assert_eq!(n, top, "seq is dense after four kills");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of a_full_disk_is_told_to_every_member_of_the_group"]
async fn child_fills_the_disk() {
    let app = app(&child_database(), "a").await;
    let c = ctx(&app);
    send(&c, "before").await.unwrap();
    // Larger than the page cache, so that it spills into the file in the middle of the body.
    let big = vec![7u8; 8 << 20];
    let others: Vec<_> = (0..16)
        .map(|n| {
            let c = ctx(&app);
            tokio::spawn(async move { send(&c, &format!("other {n}")).await })
        })
        .collect();
    let e = c
        .tx("t.big", |tx| {
            for n in 0..12 {
                let id = format!("big {n}");
                tx.execute(
                    "INSERT INTO letters_letter(id, text, version, seal) VALUES ($1, '', 1, $2)",
                    params![id, big.clone()],
                )?;
            }
            Ok(())
        })
        .await;
    println!("big {}", e.is_err());
    let mut told = 0;
    for o in others {
        match o.await.unwrap() {
            Ok(id) => println!("ack {id}"),
            Err(_) => told += 1,
        }
    }
    println!("told {told}");
    // Small work goes on: nothing of the failed group is left, and the connection is sound or refuses clearly.
    match send(&c, "after").await {
        Ok(id) => println!("ack {id}"),
        Err(e) => println!("refused {e}"),
    }
}

fn output(mut c: Command) -> Vec<String> {
    let out = c.output().unwrap();
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(String::from)
        .collect()
}

async fn holds_just_what_was_acknowledged(f: &Fresh, lines: &[String], unknown: bool) {
    let app = app(&f.address, "a").await;
    let c = ctx(&app);
    let acks: Vec<&str> = lines.iter().filter_map(|l| l.strip_prefix("ack ")).collect();
    for id in &acks {
        let there: Option<i64> = c
            .read("t", |tx| {
                Ok(tx.scalar("SELECT COUNT(*) FROM letters_letter WHERE id = $1", params![*id])?)
            })
            .await
            .unwrap();
        assert_eq!(there, Some(1), "{id}");
    }
    let big: Option<i64> = c
        .read("t", |tx| {
            Ok(tx.scalar("SELECT COUNT(*) FROM letters_letter WHERE id LIKE 'big %'", &[])?)
        })
        .await
        .unwrap();
    assert!(
        big == Some(0) || unknown && big == Some(12),
        "half of a body is there: {big:?}"
    );
    send(&c, "goes on").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_to_every_member_of_the_group() {
    let f = sqlite();
    app(&f.address, "a").await.db.close().await;
    // A file size limit answers as a full disk does; the signal is ignored so that the write itself fails.
    let lines = output(child(
        "danger::child_fills_the_disk",
        "trap '' XFSZ; ulimit -f 20000;",
        &f.address,
    ));
    assert!(lines.iter().any(|l| l == "big true"), "{lines:?}");
    holds_just_what_was_acknowledged(&f, &lines, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of an_error_at_commit_stops_all_writing"]
async fn child_fails_at_commit() {
    let app = app(&child_database(), "a").await;
    let c = ctx(&app);
    send(&c, "before").await.unwrap();
    // Small enough for the cache, too large for the file: the body succeeds and the COMMIT does not.
    let big = vec![7u8; 1 << 20];
    let e = c
        .tx("t.big", |tx| {
            for n in 0..12 {
                let id = format!("big {n}");
                tx.execute(
                    "INSERT INTO letters_letter(id, text, version, seal) VALUES ($1, '', 1, $2)",
                    params![id, big.clone()],
                )?;
            }
            Ok(())
        })
        .await
        .unwrap_err();
    println!("commit {e}");
    println!("next {}", send(&c, "after").await.unwrap_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_at_commit_stops_all_writing() {
    let f = sqlite();
    app(&f.address, "a").await.db.close().await;
    let lines = output(child(
        "danger::child_fails_at_commit",
        "trap '' XFSZ; ulimit -f 8000;",
        &f.address,
    ));
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("commit ") && l.contains("outcome unknown")),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("next ") && l.contains("no writes are taken")),
        "{lines:?}"
    );
    holds_just_what_was_acknowledged(&f, &lines, true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of a_consumer_that_is_killed_or_breaks_acts_once"]
async fn child_writes_and_follows_until_killed() {
    let app = app(&child_database(), "a").await;
    for _ in 0..4 {
        let app = app.clone();
        tokio::spawn(async move {
            loop {
                let id = send(&ctx(&app), "x").await.unwrap();
                println!("ack {id}");
            }
        });
    }
    loop {
        job::follow(&app).await.unwrap();
    }
}

/// Cursor and effect are one transaction: whenever the process dies between a fact and its consumer, the next start goes
/// on where the effects end. One test, since the switch that breaks the consumer is the process's.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_killed_or_breaks_acts_once() {
    let killed = sqlite();
    for round in 0..5 {
        let mut process = child(
            "danger::child_writes_and_follows_until_killed",
            "",
            &killed.address,
        )
        .spawn()
        .unwrap();
        let lines = std::io::BufReader::new(process.stdout.take().unwrap()).lines();
        let mut n = 0;
        for line in lines.map_while(Result::<_, std::io::Error>::ok) {
            n += usize::from(line.starts_with("ack "));
            if n == 40 + round * 31 {
                process.kill().unwrap();
                break;
            }
        }
        process.wait().unwrap();
    }
    let a = app(&killed.address, "a").await;
    job::settle(&a).await.unwrap();
    let c = ctx(&a);
    assert!(letters(&c).await >= 40);
    assert_eq!(counted(&c, "letters").await.unwrap(), letters(&c).await);
    for f in [sqlite(), postgres().await] {
        let app = app(&f.address, "breaks").await;
        let c = ctx(&app);
        for n in 0..30 {
            send(&c, &n.to_string()).await.unwrap();
        }
        BREAKS.store(true, std::sync::atomic::Ordering::SeqCst);
        for _ in 0..3 {
            let e = job::follow(&app).await.unwrap_err();
            assert!(e.to_string().contains("on purpose"), "{e}");
        }
        assert_eq!(
            counted(&c, "letters").await.unwrap(),
            0,
            "the effects are rolled back"
        );
        BREAKS.store(false, std::sync::atomic::Ordering::SeqCst);
        job::settle(&app).await.unwrap();
        assert_eq!(counted(&c, "letters").await.unwrap(), 30);
        assert_eq!(counted(&c, "rings").await.unwrap(), 30);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_made_anew_after_a_write() {
    for (_f, app) in each().await {
        let kept = kept::Kept::<i64>::default();
        let slow = kept::Kept::<i64>::for_a(Duration::from_secs(60));
        let get = || async {
            let c = ctx(&app);
            let exact = kept.get(&c, "letters", || async { Ok(letters(&c).await) });
            let old = slow.get(&c, "letters", || async { Ok(letters(&c).await) });
            (exact.await.unwrap(), old.await.unwrap())
        };
        assert_eq!(get().await, (0, 0));
        send(&ctx(&app), "one").await.unwrap();
        assert_eq!(get().await, (1, 0));
        // What could not be made is asked for again.
        let c = ctx(&app);
        let refused = kept.get(&c, "none", || async { Err(Refusal::not_found().into()) });
        assert!(refused.await.is_err());
        assert_eq!(kept.get(&c, "none", || async { Ok(7) }).await.unwrap(), 7);
    }
}
