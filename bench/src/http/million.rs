//! `million`: memory at rest and after 100,000 applications over HTTP; then the same database with a million cases, and the
//! pages that officials and residents look at in it.

use super::city::{self, City};
use super::client::Client;
use super::{apply, quantile, requests_as, resident};
use crate::{Failure, Figure};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

/// Applications that are really made; `BENCH_CASES` for fewer.
const REAL: i64 = 100_000;
/// How many of a hundred cases have ended, as in a city that has worked for some years.
const ENDED: i64 = 97;
const MILLION: i64 = 1_000_000;
/// Milliseconds between the copies: 130 days, some four years in all.
const APART: i64 = 130 * 86_400_000;

pub fn million(folder: &Path) -> Result<Figure, Failure> {
    let real = std::env::var("BENCH_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(REAL);
    let runtime = super::runtime()?;
    let place = folder.join("city");
    let city = runtime.block_on(City::open(&place, None))?;
    let mut figure = Figure {
        name: "million",
        ours_is: "slowest page's 1/p99 in a database of a million cases",
        peer_is: "the limit, 1/50 ms",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 1.0,
        more: Vec::new(),
    };
    figure.more.push(("resident MB at rest (aim 250)", resident()));
    let begun = Instant::now();
    let (open, tokens) = runtime.block_on(fill(&city, real))?;
    figure.more.push(("applications made over HTTP", real as f64));
    figure.more.push((
        "applications/s, 64 clients",
        real as f64 / begun.elapsed().as_secs_f64(),
    ));
    figure.more.push(("resident MB after them (aim 400)", resident()));
    let token = runtime.block_on(token(&city, "clerk"))?;
    runtime.block_on(async {
        city.end().await;
    });
    let total = multiply(&place.join("core.db"), &open)?;
    figure.more.push(("cases in the database", total as f64));
    let file = std::fs::metadata(place.join("core.db"))?.len();
    figure.more.push(("database MB", file as f64 / 1e6));
    let city = runtime.block_on(City::open(&place, None))?;
    let case: &'static str = format!("/work/cases/{open}").leak();
    let number: String = runtime.block_on(async {
        let ctx = city.app.system("bench");
        let sql = "SELECT number FROM cases_case WHERE id = $1";
        let n = ctx
            .read("bench.number", |tx| Ok(tx.scalar(sql, &[open.as_str().into()])?))
            .await;
        n.map_err(city::failed).map(Option::unwrap_or_default)
    })?;
    let found: &'static str = format!("/work?q={number}").leak();
    let pages: [(&str, &'static str, &str, &str); 6] = [
        ("queue p99 ms", "/work", &token, "queue p50 ms"),
        (
            "queue, found by number, p99 ms",
            found,
            &token,
            "queue, found by number, p50 ms",
        ),
        ("case page p99 ms", case, &token, "case page p50 ms"),
        (
            "own cases of one of 64 residents p99 ms",
            "/me",
            &tokens[0],
            "own cases p50 ms",
        ),
        (
            "public list of cases p99 ms",
            "/services/cases",
            "",
            "public list of cases p50 ms",
        ),
        (
            "matter search p99 ms",
            "/search?q=%E5%8D%A0%E9%81%93",
            "",
            "matter search p50 ms",
        ),
    ];
    let mut slowest = 0.0f64;
    for (what, path, who, middle) in pages {
        runtime.block_on(requests_as(city.address, path, who, 4))?;
        let (_, micros, _) = runtime.block_on(requests_as(city.address, path, who, 4))?;
        figure.more.push((what, quantile(&micros, 0.99)));
        figure.more.push((middle, quantile(&micros, 0.5)));
        slowest = slowest.max(quantile(&micros, 0.99));
    }
    figure.ours.push(1_000.0 / slowest);
    figure.peer.push(1_000.0 / 50.0);
    figure.more.push(("resident MB after the pages", resident()));
    runtime.block_on(city.end());
    Ok(figure)
}

async fn token(city: &City, login: &str) -> Result<String, Failure> {
    identity::api::api_token(&city.app.system("bench"), login)
        .await
        .map_err(city::failed)
}

/// This many applications by 64 clients; one of the cases and the people's tokens.
async fn fill(city: &City, count: i64) -> Result<(String, Vec<String>), Failure> {
    let tokens = city.people(64).await?;
    let (next, left) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicI64::new(count)));
    let mut tasks = Vec::new();
    for t in &tokens {
        let (mut c, next, left) = (Client::open(city.address, t).await?, next.clone(), left.clone());
        tasks.push(tokio::spawn(async move {
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                apply(&mut c, &next).await?;
            }
            Ok::<_, Failure>(())
        }));
    }
    for t in tasks {
        t.await??;
    }
    // Consumers and jobs catch up as they would.
    kernel::job::follow(&city.app).await.map_err(city::failed)?;
    let ctx = city.app.system("bench");
    let one = ctx
        .read("bench.one", |tx| {
            Ok(tx.scalar(
                "SELECT id FROM cases_case WHERE state = 'submitted' ORDER BY id LIMIT 1",
                &[],
            )?)
        })
        .await
        .map_err(city::failed)?;
    Ok((one.ok_or("no case was made")?, tokens))
}

/// Ends most of the cases and copies the ended ones until there are a million, each copy of all of them some months older than
/// the one before; `keep` stays as it is. Facts are not copied: the log holds those of the real cases.
fn multiply(file: &Path, keep: &str) -> Result<i64, Failure> {
    let mut db = rusqlite::Connection::open(file)?;
    db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=MEMORY;")?;
    let tx = db.transaction()?;
    tx.execute(
        "CREATE TEMP TABLE ended AS SELECT id FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS n FROM cases_case \
         WHERE state = 'submitted' AND id <> ?1) WHERE n % 100 < ?2",
        rusqlite::params![keep, ENDED],
    )?;
    tx.execute_batch(
        "UPDATE cases_case SET state = 'granted', clock = NULL, on_time = 1, accepted_at = submitted_at + 1, \
           ended_at = submitted_at + 2 WHERE id IN (SELECT id FROM ended);
         UPDATE cases_work SET status = 'done', outcome = 'done', closed_at = opened_at + 1 \
           WHERE case_id IN (SELECT id FROM ended);",
    )?;
    let ended: i64 = tx.query_row("SELECT COUNT(*) FROM ended", [], |r| r.get(0))?;
    let all = |tx: &rusqlite::Transaction<'_>| {
        tx.query_row("SELECT COUNT(*) FROM cases_case", [], |r| r.get::<_, i64>(0))
    };
    let mut copy = 0;
    while ended > 0 && all(&tx)? < MILLION {
        copy += 1;
        for (table, own) in [
            ("cases_case", &["id", "number"][..]),
            ("cases_organisation", &["case_id"]),
            ("cases_work", &["id", "case_id"]),
            ("cases_material", &["id", "case_id"]),
        ] {
            let columns: Vec<String> = tx
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?
                .query_map([], |r| r.get(0))?
                .collect::<Result<_, _>>()?;
            let chosen: Vec<String> = columns
                .iter()
                .map(|c| match c.as_str() {
                    c if own.contains(&c) => format!("{c} || '-{copy}'"),
                    "submitted_at" | "accepted_at" | "ended_at" => format!("{c} - {copy} * {APART}"),
                    c => c.to_string(),
                })
                .collect();
            let key = if table == "cases_case" { "id" } else { "case_id" };
            tx.execute(
                &format!(
                    "INSERT INTO {table}({}) SELECT {} FROM {table} WHERE {key} IN (SELECT id FROM ended)",
                    columns.join(", "),
                    chosen.join(", ")
                ),
                [],
            )?;
        }
    }
    let total = all(&tx)?;
    tx.commit()?;
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(total)
}
