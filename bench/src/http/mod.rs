//! The product over HTTP: applications, pages, search. Server, load and peer share the machine's cores.

pub(crate) mod city;
mod client;
pub mod identities;
mod million;
pub mod openid;

pub use million::million;

use crate::{Failure, Figure, ROUNDS, median};
use city::City;
use client::Client;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_millis(2_500);

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Milliseconds at a quantile of sorted microseconds.
fn quantile(sorted: &[u64], q: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * q).round() as usize;
    sorted.get(at).map_or(0.0, |us| *us as f64 / 1_000.0)
}

/// One whole application: draft with its form, two uploads, submission. Returns the microseconds of the submission alone.
async fn apply(client: &mut Client, next: &AtomicU64) -> Result<u64, Failure> {
    let draft = serde_json::json!({ "matter": "occupy-road", "form": city::form() });
    let case = client.post("/api/v1/cases", &draft).await?.json()?;
    let id = case["id"].as_str().ok_or("no id")?.to_string();
    for material in ["site-plan", "site-photo"] {
        let body = city::upload(next.fetch_add(1, Ordering::Relaxed));
        let path = format!("/api/v1/cases/{id}/materials/{material}");
        let kind = "multipart/form-data; boundary=bench";
        client.send("POST", &path, kind, &body).await?.json()?;
    }
    let begun = Instant::now();
    let path = format!("/api/v1/cases/{id}/submission");
    client.post(&path, &serde_json::json!({})).await?.json()?;
    Ok(begun.elapsed().as_micros() as u64)
}

/// Applications by this many clients for one round: (applications a second, sorted microseconds of submissions).
async fn applications(clients: &mut Vec<Client>, next: &Arc<AtomicU64>) -> Result<(f64, Vec<u64>), Failure> {
    let begun = Instant::now();
    let until = begun + ROUND;
    let tasks: Vec<_> = std::mem::take(clients)
        .into_iter()
        .map(|mut c| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut micros = Vec::new();
                while Instant::now() < until {
                    micros.push(apply(&mut c, &next).await?);
                }
                Ok::<_, Failure>((c, micros))
            })
        })
        .collect();
    let mut all = Vec::new();
    for t in tasks {
        let (c, micros) = t.await??;
        clients.push(c);
        all.extend(micros);
    }
    let rate = all.len() as f64 / begun.elapsed().as_secs_f64();
    all.sort_unstable();
    Ok((rate, all))
}

/// `submissions`: whole applications of 64 clients on SQLite ÷ bare one-row transactions; beside it 1 and 16 clients, and
/// PostgreSQL when `YIWANG_TEST_POSTGRES` names a server.
pub fn submissions(folder: &Path) -> Result<Figure, Failure> {
    let peer = crate::transactions::bare(&folder.join("peer.db"))?;
    let runtime = runtime()?;
    let mut peer_next = 0;
    let mut figure = Figure {
        name: "submissions",
        ours_is: "applications over HTTP, 64 clients, SQLite",
        peer_is: "bare rusqlite FULL, one row, 1 thread: tx",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 1.0,
        more: Vec::new(),
    };
    let city = runtime.block_on(City::open(&folder.join("city"), None))?;
    let next = Arc::new(AtomicU64::new(0));
    let connect = |city: &City, tokens: &[String], count: usize| {
        let (address, tokens) = (city.address, tokens[..count].to_vec());
        async move {
            let mut clients = Vec::new();
            for t in &tokens {
                clients.push(Client::open(address, t).await?);
            }
            Ok::<_, Failure>(clients)
        }
    };
    let tokens = runtime.block_on(city.people(64))?;
    let mut clients = runtime.block_on(connect(&city, &tokens, 64))?;
    let (mut p50, mut p99, mut submitted) = (Vec::new(), Vec::new(), 0);
    for round in 0..=ROUNDS {
        let rate = crate::transactions::one_row(&peer, &mut peer_next)?;
        let (ours, micros) = runtime.block_on(applications(&mut clients, &next))?;
        submitted += micros.len() as i64;
        if round == 0 {
            continue;
        }
        figure.peer.push(rate);
        figure.ours.push(ours);
        p50.push(quantile(&micros, 0.5));
        p99.push(quantile(&micros, 0.99));
    }
    figure.more.push(("submission p50 ms, 64 clients", median(p50)));
    figure.more.push(("submission p99 ms, 64 clients", median(p99)));
    for (count, [rate, p50, p99]) in [
        (
            1,
            [
                "applications/s, 1 client",
                "submission p50 ms, 1 client",
                "submission p99 ms, 1 client",
            ],
        ),
        (
            16,
            [
                "applications/s, 16 clients",
                "submission p50 ms, 16 clients",
                "submission p99 ms, 16 clients",
            ],
        ),
    ] {
        let mut some = runtime.block_on(connect(&city, &tokens, count))?;
        let (ours, micros) = runtime.block_on(applications(&mut some, &next))?;
        submitted += micros.len() as i64;
        figure.more.push((rate, ours));
        figure.more.push((p50, quantile(&micros, 0.5)));
        figure.more.push((p99, quantile(&micros, 0.99)));
    }
    // Each acknowledged one is there once.
    let stored = runtime.block_on(city.count("SELECT COUNT(*) FROM cases_case WHERE number IS NOT NULL"))?;
    if stored != submitted {
        return Err(format!("{submitted} applications were acknowledged, {stored} are stored").into());
    }
    figure
        .more
        .push(("resident memory MB after the load", resident()));
    figure.more.push(("cases stored", stored as f64));
    runtime.block_on(city.end());
    if let Ok(server) = std::env::var("YIWANG_TEST_POSTGRES") {
        let name = format!("{server}/bench_submissions");
        runtime.block_on(database(&server, "bench_submissions"))?;
        let city = runtime.block_on(City::open(&folder.join("pg"), Some(name)))?;
        let tokens = runtime.block_on(city.people(64))?;
        for (count, [rate, p50, p99]) in [
            (1, ["applications/s, 1 client, PostgreSQL", "p50 ms", "p99 ms"]),
            (16, ["applications/s, 16 clients, PostgreSQL", "p50 ms", "p99 ms"]),
            (64, ["applications/s, 64 clients, PostgreSQL", "p50 ms", "p99 ms"]),
        ] {
            let mut some = runtime.block_on(connect(&city, &tokens, count))?;
            let (ours, micros) = runtime.block_on(applications(&mut some, &next))?;
            figure.more.push((rate, ours));
            figure.more.push((p50, quantile(&micros, 0.5)));
            figure.more.push((p99, quantile(&micros, 0.99)));
        }
        runtime.block_on(city.end());
    }
    Ok(figure)
}

/// An empty database of this name, made anew.
async fn database(server: &str, name: &str) -> Result<(), Failure> {
    let (client, connection) =
        tokio_postgres::connect(&format!("{server}/postgres"), tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    client
        .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        .await?;
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    drop(client);
    driving.await??;
    Ok(())
}

/// Resident memory of this process, in MB (Linux).
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .unwrap_or("0");
    line.split_whitespace()
        .next()
        .and_then(|n| n.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}

/// Requests for one round by 16 connections: (a second, sorted microseconds, bytes of an answer).
async fn requests(
    address: std::net::SocketAddr,
    path: &'static str,
) -> Result<(f64, Vec<u64>, usize), Failure> {
    requests_as(address, path, "", 16).await
}

/// The same by this many connections with somebody's token.
async fn requests_as(
    address: std::net::SocketAddr,
    path: &'static str,
    bearer: &str,
    connections: usize,
) -> Result<(f64, Vec<u64>, usize), Failure> {
    let begun = Instant::now();
    let until = begun + ROUND;
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let mut c = Client::open(address, bearer).await?;
        tasks.push(tokio::spawn(async move {
            let (mut micros, mut size) = (Vec::new(), 0);
            while Instant::now() < until {
                let at = Instant::now();
                let answer = c.get(path).await?;
                if answer.status != 200 {
                    return Err::<_, Failure>(format!("{path} answered {}", answer.status).into());
                }
                size = answer.body.len();
                micros.push(at.elapsed().as_micros() as u64);
            }
            Ok((micros, size))
        }));
    }
    let (mut all, mut size) = (Vec::new(), 0);
    for t in tasks {
        let (micros, s) = t.await??;
        all.extend(micros);
        size = s;
    }
    let rate = all.len() as f64 / begun.elapsed().as_secs_f64();
    all.sort_unstable();
    Ok((rate, all, size))
}

/// A handler that answers with this many bytes and does nothing else.
async fn bare(size: usize) -> Result<std::net::SocketAddr, Failure> {
    let body = "x".repeat(size);
    let router = axum::Router::new().route("/", axum::routing::get(move || std::future::ready(body.clone())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            eprintln!("bench: {e}");
        }
    });
    Ok(address)
}

/// A page of the product ÷ a bare handler of the same bytes, 16 connections.
fn page(folder: &Path, name: &'static str, path: &'static str) -> Result<Figure, Failure> {
    let runtime = runtime()?;
    let city = runtime.block_on(City::open(folder, None))?;
    let mut figure = Figure {
        name,
        ours_is: path,
        peer_is: "bare axum handler of the same bytes",
        ours: Vec::new(),
        peer: Vec::new(),
        // The plan's aim is absolute (5,000/s); the ratio says what the page itself costs.
        aim: 0.1,
        more: Vec::new(),
    };
    let (_, _, size) = runtime.block_on(requests(city.address, path))?;
    let peer = runtime.block_on(bare(size))?;
    let mut p99 = Vec::new();
    for _ in 0..ROUNDS {
        figure.peer.push(runtime.block_on(requests(peer, "/"))?.0);
        let (rate, micros, _) = runtime.block_on(requests(city.address, path))?;
        figure.ours.push(rate);
        p99.push(quantile(&micros, 0.99));
    }
    figure.more.push(("p99 ms (aim below 20)", median(p99)));
    figure.more.push(("bytes of the page", size as f64));
    figure.more.push(("aim requests/s", 5_000.0));
    runtime.block_on(city.end());
    Ok(figure)
}

pub fn home(folder: &Path) -> Result<Figure, Failure> {
    page(folder, "home", "/")
}

pub fn guide(folder: &Path) -> Result<Figure, Failure> {
    page(folder, "guide", "/matters/occupy-road")
}

/// `search`: p99 with 5,000 entries in the index, next to the home page of the same run.
pub fn search(folder: &Path) -> Result<Figure, Failure> {
    let runtime = runtime()?;
    let city = runtime.block_on(City::open(folder, None))?;
    let ctx = city.app.system("bench");
    runtime.block_on(async {
        for chunk in 0..100u32 {
            let filled = ctx.tx("bench.index", |tx| {
                for n in 0..50u32 {
                    let n = chunk * 50 + n;
                    let entry = kernel::search::Entry {
                        source: "matter",
                        id: format!("bench-{n}"),
                        locale: kernel::Locale::Zh,
                        title: format!(
                            "{}{}审批第{n}号",
                            KINDS[n as usize % KINDS.len()],
                            PLACES[n as usize / 7 % PLACES.len()]
                        ),
                        summary: "演示压测局".into(),
                        href: format!("/matters/bench-{n}"),
                        words: vec![format!("许可{n}")],
                    };
                    kernel::search::put(tx, &entry)?;
                }
                Ok(())
            });
            filled.await.map_err(city::failed)?;
        }
        Ok::<_, Failure>(())
    })?;
    let mut figure = Figure {
        name: "search",
        ours_is: "/api/v1/search, 5,000 entries, 16 connections",
        peer_is: "/ of the same server",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 0.2,
        more: Vec::new(),
    };
    // 占用道路, percent-encoded
    let path = "/api/v1/search?q=%E5%8D%A0%E7%94%A8%E9%81%93%E8%B7%AF";
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        figure.peer.push(runtime.block_on(requests(city.address, "/"))?.0);
        let (rate, micros, _) = runtime.block_on(requests(city.address, path))?;
        figure.ours.push(rate);
        p50.push(quantile(&micros, 0.5));
        p99.push(quantile(&micros, 0.99));
    }
    figure.more.push(("p50 ms", median(p50)));
    figure.more.push(("p99 ms", median(p99)));
    runtime.block_on(city.end());
    Ok(figure)
}

const KINDS: [&str; 8] = ["占用", "挖掘", "建设", "取水", "经营", "运输", "生产", "拆除"];
const PLACES: [&str; 9] = [
    "城市道路",
    "河道滩地",
    "公共场所",
    "绿地",
    "港口岸线",
    "文物建筑",
    "林地",
    "农田",
    "桥梁",
];
