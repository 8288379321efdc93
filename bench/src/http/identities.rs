//! `identities`: a city that knows a million people: its memory, and signing in by citizen number beside the cost of the
//! password's hash.

use super::city::{City, failed};
use super::client::Client;
use super::{quantile, resident, runtime};
use crate::{Failure, Figure};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// `BENCH_PEOPLE` for fewer.
const PEOPLE: usize = 1_000_000;
const LIMIT_MS: f64 = 5.0;
const PASSWORD: &str = "bench-password-1";

pub fn identities(folder: &Path) -> Result<Figure, Failure> {
    let people = std::env::var("BENCH_PEOPLE")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(PEOPLE);
    let runtime = runtime()?;
    let place = folder.join("city");
    let city = runtime.block_on(City::open(&place, None))?;
    runtime.block_on(city.people(1))?;
    let begun = Instant::now();
    fill(&city, &place.join("core.db"), people)?;
    let filling = begun.elapsed().as_secs_f64();
    runtime.block_on(city.end());
    drop(runtime);
    // In a process of its own: this one has kept what filling took.
    let out = std::process::Command::new(std::env::current_exe()?)
        .args(["--identities", &place.display().to_string(), &people.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let line = said.lines().last().unwrap_or_default();
    let seen: serde_json::Value = serde_json::from_str(line)
        .map_err(|e| format!("{e}: {said}{}", String::from_utf8_lossy(&out.stderr)))?;
    let of = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    let rounds = |name: &str| -> Vec<f64> {
        let all = seen[name].as_array().into_iter().flatten();
        all.filter_map(serde_json::Value::as_f64).collect()
    };
    let p99: Vec<f64> = rounds("p99");
    Ok(Figure {
        name: "identities",
        ours_is: "1 s / p99 of signing in by citizen number, cheap hash",
        peer_is: "1 s / the limit of 5 ms",
        ours: p99.iter().map(|ms| 1_000.0 / ms.max(0.001)).collect(),
        peer: p99.iter().map(|_| 1_000.0 / LIMIT_MS).collect(),
        aim: 1.0,
        more: vec![
            ("people with accounts", of("people")),
            ("seconds to fill", filling),
            ("resident MB after the sign-ins (aim 300)", of("resident")),
            ("sign-in p99 ms", crate::median(p99)),
            ("sign-in p50 ms", crate::median(rounds("p50"))),
            ("one argon2id hash as in production, ms", of("hash")),
        ],
    })
}

/// The nth person's number.
fn number(n: usize) -> Result<String, Failure> {
    let (day, seq) = (n / 998, n % 998 + 2);
    let born = format!(
        "{:04}{:02}{:02}",
        // Older than anybody in the demonstration.
        1900 + day / 336,
        day / 28 % 12 + 1,
        day % 28 + 1
    );
    Ok(codes::synthetic_citizen_id("320899", &born, u16::try_from(seq)?).ok_or("no ID number")?)
}

/// Writes people and accounts past the program, sealed as it seals them.
fn fill(city: &City, file: &Path, people: usize) -> Result<(), Failure> {
    let ctx = city.app.system("bench");
    let mut db = rusqlite::Connection::open(file)?;
    db.busy_timeout(Duration::from_secs(60))?;
    // At once a writer: one that read first may not write after the city's own jobs wrote.
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let hash: String = tx.query_row(
            "SELECT password FROM identity_account WHERE login = 'bench-0'",
            [],
            |r| r.get(0),
        )?;
        let mut subject = tx.prepare(
            "INSERT INTO identity_subject(id, kind, name, code, code_index, phone, area_code, synthetic, version, created_at) \
             VALUES (?1, 'natural', ?2, ?3, ?4, ?5, '320812', 1, 1, 1)",
        )?;
        let mut account = tx.prepare(
            "INSERT INTO identity_account(id, login, kind, subject, password, failures, version, created_at) \
             VALUES (?1, ?2, 'person', ?3, ?4, 0, 1, 1)",
        )?;
        let protect = ctx.protect();
        for n in 0..people {
            let id = ctx.id().to_string();
            let seal = |column: &str, text: &str| {
                protect
                    .seal(&format!("identity_subject.{column}:{id}"), text)
                    .map_err(|e| failed(e.into()))
            };
            let code = number(n)?;
            let phone = format!("199{n:08}");
            subject.execute(rusqlite::params![
                id,
                seal("name", &format!("演示人口{n}"))?,
                seal("code", &code)?,
                protect.index("code", &code),
                seal("phone", &phone)?
            ])?;
            account.execute(rusqlite::params![
                ctx.id().to_string(),
                format!("person-{n}"),
                id,
                hash
            ])?;
        }
    }
    tx.commit()?;
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// The process that serves the filled city; prints what it saw as one line.
pub fn served(place: &Path, people: usize) -> Result<(), Failure> {
    let runtime = runtime()?;
    let city = runtime.block_on(City::open(place, None))?;
    let known = runtime.block_on(city.count("SELECT COUNT(*) FROM identity_account"))?;
    let seen = runtime.block_on(async {
        let mut client = Client::open_as(city.address, "Basic eA==".into()).await?;
        let (mut p50, mut p99, mut n) = (Vec::new(), Vec::new(), 0usize);
        for _ in 0..crate::ROUNDS {
            let mut micros = Vec::new();
            for _ in 0..300 {
                // All over the table, never the same one twice.
                n += 1;
                let login = number(n * 7_919 % people)?;
                let body = format!("login={login}&password={PASSWORD}&next=");
                let begun = Instant::now();
                let kind = "application/x-www-form-urlencoded";
                let answer = client.send("POST", "/sign-in", kind, body.as_bytes()).await?;
                micros.push(begun.elapsed().as_micros() as u64);
                if answer.status != 303 {
                    return Err::<_, Failure>(format!("sign-in answered {}", answer.status).into());
                }
            }
            micros.sort_unstable();
            p50.push(quantile(&micros, 0.5));
            p99.push(quantile(&micros, 0.99));
        }
        Ok((p50, p99))
    })?;
    let begun = Instant::now();
    identity::api::hash_cost().map_err(|e| failed(e.into()))?;
    let hash = begun.elapsed().as_secs_f64() * 1_000.0;
    println!(
        "{}",
        json!({ "people": known, "resident": resident(), "p50": seen.0, "p99": seen.1, "hash": hash })
    );
    runtime.block_on(city.end());
    Ok(())
}
