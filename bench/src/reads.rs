//! Point reads in place: `Db::read` of one row by key against a bare prepared and cached SELECT, one thread each.

use crate::{Failure, Figure, ROUNDS};
use kernel::db::Migration;
use kernel::{Db, Fault, params};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(700);
const ROWS: u64 = 20_000;
/// Reads between two looks at the clock, so that the clock does not enter the figure.
const STEP: u64 = 200;

const SCHEMA: &str = "CREATE TABLE bench_case (id TEXT NOT NULL PRIMARY KEY, matter TEXT NOT NULL, state TEXT NOT NULL, at BIGINT NOT NULL);";

/// The four columns as owned values, which is what a caller needs on either side.
type Found = (String, String, String, i64);

pub fn run(folder: &Path) -> Result<Figure, Failure> {
    let path = folder.join("reads.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let db = runtime.block_on(filled(&path))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let peer = Connection::open_with_flags(&path, flags)?;
    // The peer gets the settings of our readers: what is compared is our layer, not the settings.
    peer.execute_batch(
        "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000; PRAGMA mmap_size=268435456;",
    )?;
    let mut figure = Figure {
        name: "point-reads",
        ours_is: "kernel::Db::read in place, 1 thread: rows",
        peer_is: "bare rusqlite prepare_cached SELECT, 1 thread: rows",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 0.5,
        more: Vec::new(),
    };
    for round in 0..=ROUNDS {
        let theirs = rate(|key| bare(&peer, key))?;
        let ours = runtime.block_on(async {
            let begun = Instant::now();
            let mut n = 0;
            while begun.elapsed() < ROUND {
                for _ in 0..STEP {
                    let key = key(spread(n));
                    let row = of_db(&db, &key).await?;
                    check(&row, &key)?;
                    n += 1;
                }
            }
            Ok::<_, Failure>(n as f64 / begun.elapsed().as_secs_f64())
        })?;
        if round > 0 {
            figure.peer.push(theirs);
            figure.ours.push(ours);
        }
    }
    runtime.block_on(db.close());
    Ok(figure)
}

async fn filled(path: &Path) -> Result<Db, Failure> {
    let db = Db::open(&path.display().to_string()).await?;
    let bench = Migration {
        module: "bench".into(),
        number: 1,
        name: "bench".into(),
        sql: SCHEMA.into(),
    };
    db.migrate(&[bench], 0).await?;
    for page in 0..ROWS / 1_000 {
        db.write("bench.fill", |tx| {
            for n in page * 1_000..(page + 1) * 1_000 {
                tx.execute(
                    "INSERT INTO bench_case(id, matter, state, at) VALUES ($1, $2, 'accepted', $3)",
                    params![key(n), "matter-0001", n as i64],
                )?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(db)
}

/// Reads per second of the peer in one round.
fn rate(read: impl Fn(&str) -> Result<Found, Failure>) -> Result<f64, Failure> {
    let begun = Instant::now();
    let mut n = 0;
    while begun.elapsed() < ROUND {
        for _ in 0..STEP {
            let key = key(spread(n));
            check(&read(&key)?, &key)?;
            n += 1;
        }
    }
    Ok(n as f64 / begun.elapsed().as_secs_f64())
}

fn bare(conn: &Connection, key: &str) -> Result<Found, Failure> {
    let mut select = conn.prepare_cached("SELECT id, matter, state, at FROM bench_case WHERE id = ?1")?;
    Ok(select.query_row([key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?)
}

async fn of_db(db: &Db, key: &str) -> kernel::Result<Found> {
    db.read("bench.read", |tx| {
        let row = tx
            .one(
                "SELECT id, matter, state, at FROM bench_case WHERE id = $1",
                params![key],
            )?
            .ok_or_else(|| Fault::new("no such row"))?;
        Ok((
            row.get("id")?,
            row.get("matter")?,
            row.get("state")?,
            row.get("at")?,
        ))
    })
    .await
}

fn check(found: &Found, key: &str) -> Result<(), Failure> {
    if found.0 == key {
        Ok(())
    } else {
        Err(format!("{key} read back as {}", found.0).into())
    }
}

/// Visits the rows in a scattered, repeatable order.
fn spread(n: u64) -> u64 {
    n.wrapping_mul(7_919) % ROWS
}

fn key(n: u64) -> String {
    format!("0199-{n:031x}")
}
