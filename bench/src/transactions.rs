//! Group commit: 64 tasks file six-statement transactions through `kernel::Db`; the peer is one thread of bare
//! rusqlite with one-row transactions at the same durability (WAL, `synchronous=FULL`).

use crate::{Failure, Figure, ROUNDS, median};
use kernel::db::Migration;
use kernel::{Db, Fault, params};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TASKS: u64 = 64;
const ROUND: Duration = Duration::from_millis(1_500);
const MATTERS: u64 = 200;

const SCHEMA: &str = "
CREATE TABLE bench_matter (id TEXT NOT NULL PRIMARY KEY, title TEXT NOT NULL, filed BIGINT NOT NULL);
CREATE TABLE bench_case (id TEXT NOT NULL PRIMARY KEY, matter TEXT NOT NULL, state TEXT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE bench_task (id TEXT NOT NULL PRIMARY KEY, case_id TEXT NOT NULL, post TEXT NOT NULL);
CREATE INDEX bench_task_case ON bench_task(case_id);
CREATE TABLE bench_fact (id TEXT NOT NULL PRIMARY KEY, subject TEXT NOT NULL, payload TEXT NOT NULL);
";

pub fn run(folder: &Path) -> Result<Figure, Failure> {
    let peer = bare(&folder.join("peer.db"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let db = runtime.block_on(ours(&folder.join("ours.db")))?;
    let ids = Arc::new(AtomicU64::new(0));
    let mut peer_next = 0;
    let mut figure = Figure {
        name: "transactions",
        ours_is: "kernel::Db, six statements, 64 tasks: tx",
        peer_is: "bare rusqlite FULL, one row, 1 thread: tx",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 5.0,
        more: Vec::new(),
    };
    let (mut p50, mut p99, mut acknowledged) = (Vec::new(), Vec::new(), 0);
    // One unmeasured round of each warms caches, grows the WAL and compiles the statements.
    for round in 0..=ROUNDS {
        let rate = one_row(&peer, &mut peer_next)?;
        let begun = Instant::now();
        let mut micros = runtime.block_on(six_statements(&db, &ids))?;
        let took = begun.elapsed().as_secs_f64();
        acknowledged += micros.len() as u64;
        if round == 0 {
            continue;
        }
        micros.sort_unstable();
        figure.peer.push(rate);
        figure.ours.push(micros.len() as f64 / took);
        p50.push(quantile(&micros, 0.50));
        p99.push(quantile(&micros, 0.99));
    }
    let stored = runtime.block_on(db.read("bench.count", |tx| {
        Ok(tx
            .scalar::<i64>("SELECT COUNT(*) FROM bench_fact", &[])?
            .unwrap_or(0))
    }))?;
    runtime.block_on(db.close());
    if stored as u64 != acknowledged {
        return Err(format!("{acknowledged} transactions were acknowledged and {stored} are stored").into());
    }
    figure.more = vec![("p50 of ours, ms", median(p50)), ("p99 of ours, ms", median(p99))];
    Ok(figure)
}

pub fn bare(path: &Path) -> Result<Connection, Failure> {
    let conn = Connection::open(path)?;
    conn.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-32000; \
         CREATE TABLE bench_fact (id TEXT NOT NULL PRIMARY KEY, subject TEXT NOT NULL, payload TEXT NOT NULL) STRICT;",
    )?;
    Ok(conn)
}

async fn ours(path: &Path) -> Result<Db, Failure> {
    let db = Db::open(&path.display().to_string()).await?;
    let mut migrations = kernel::module().migrations;
    migrations.push(Migration {
        module: "bench".into(),
        number: 1,
        name: "bench".into(),
        sql: SCHEMA.into(),
    });
    db.migrate(&migrations, 0).await?;
    db.write("bench.matters", |tx| {
        for n in 0..MATTERS {
            let id = format!("matter-{n:04}");
            tx.execute(
                "INSERT INTO bench_matter(id, title, filed) VALUES ($1, '占用挖掘城市道路审批', 0)",
                params![id],
            )?;
        }
        Ok(())
    })
    .await?;
    Ok(db)
}

/// Transactions per second of the peer in one round.
pub fn one_row(conn: &Connection, next: &mut u64) -> Result<f64, Failure> {
    let mut insert =
        conn.prepare_cached("INSERT INTO bench_fact(id, subject, payload) VALUES (?1, ?2, ?3)")?;
    let (begun, first) = (Instant::now(), *next);
    while begun.elapsed() < ROUND {
        let id = key(*next);
        insert.execute((&id, &id, "{\"state\":\"accepted\"}"))?;
        *next += 1;
    }
    Ok((*next - first) as f64 / begun.elapsed().as_secs_f64())
}

/// Latencies in microseconds of every transaction that was acknowledged in one round.
async fn six_statements(db: &Db, ids: &Arc<AtomicU64>) -> Result<Vec<u64>, Failure> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (db, ids) = (db.clone(), ids.clone());
            tokio::spawn(async move {
                let mut micros = Vec::new();
                while begun.elapsed() < ROUND {
                    let n = ids.fetch_add(1, Ordering::Relaxed);
                    let at = Instant::now();
                    file(&db, n).await?;
                    micros.push(at.elapsed().as_micros() as u64);
                }
                Ok::<_, kernel::Problem>(micros)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

/// One filing: read the matter, open a case with a task, count it, read the task back, write the fact.
async fn file(db: &Db, n: u64) -> kernel::Result<()> {
    let (case, task, fact) = (key(n), key(n | 1 << 60), key(n | 2 << 60));
    // Neighbouring filings of one group meet different matters, as in life.
    let matter = format!("matter-{:04}", n.wrapping_mul(7_919) % MATTERS);
    db.write("bench.file", |tx| {
        let title: String = tx
            .one(
                "SELECT id, title, filed FROM bench_matter WHERE id = $1",
                params![&matter],
            )?
            .ok_or_else(|| Fault::new("no such matter"))?
            .get("title")?;
        tx.execute(
            "INSERT INTO bench_case(id, matter, state, at) VALUES ($1, $2, 'accepted', $3)",
            params![&case, &matter, n as i64],
        )?;
        tx.execute(
            "INSERT INTO bench_task(id, case_id, post) VALUES ($1, $2, 'window-3')",
            params![&task, &case],
        )?;
        tx.execute(
            "UPDATE bench_matter SET filed = filed + 1 WHERE id = $1",
            params![&matter],
        )?;
        let open = tx
            .query(
                "SELECT id, post FROM bench_task WHERE case_id = $1",
                params![&case],
            )?
            .len();
        if open != 1 || title.is_empty() {
            return Err(Fault::new("the filing reads back wrong").into());
        }
        tx.execute(
            "INSERT INTO bench_fact(id, subject, payload) VALUES ($1, $2, $3)",
            params![&fact, &case, "{\"state\":\"accepted\"}"],
        )?;
        Ok(())
    })
    .await
}

/// An id of UUID length that grows with `n`, as UUIDv7 does with time.
fn key(n: u64) -> String {
    format!("0199-{n:031x}")
}

/// The `q`-quantile in milliseconds of sorted microseconds.
fn quantile(sorted: &[u64], q: f64) -> f64 {
    let at = ((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |micros| *micros as f64 / 1_000.0)
}
