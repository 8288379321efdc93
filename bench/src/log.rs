//! The proof log of a whole city on SQLite: 64 tasks emit one fact in a transaction each, durably, while all followers run;
//! beside them a reader takes a fact twenty times a second and waits for its proof under a signed head. A round in which a
//! proof took longer than a second counts as nothing.

use crate::http::city::{City, failed};
use crate::{Failure, Figure, ROUNDS, median};
use kernel::{Ctx, Fact, params};
use std::path::Path;
use std::time::{Duration, Instant};

const TASKS: usize = 64;
const ROUND: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(1);
/// What is asked for: facts in a second.
const ASKED: f64 = 5_000.0;

pub fn run(folder: &Path) -> Result<Figure, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figure = Figure {
        name: "log",
        ours_is: "facts durable, each in both trees within a second",
        peer_is: "what is asked for",
        ours: Vec::new(),
        peer: Vec::new(),
        aim: 1.0,
        more: Vec::new(),
    };
    let mut waits = Vec::new();
    runtime.block_on(async {
        let city = City::open(folder, None).await?;
        let ctx = city.app.system("bench");
        // The start of a city writes thousands of facts; they are logged before the first round.
        settled(&ctx).await?;
        for round in 0..=ROUNDS {
            let (rate, longest) = one_round(&ctx).await?;
            if round > 0 {
                figure.ours.push(if longest <= WAIT { rate } else { 0.0 });
                figure.peer.push(ASKED);
                waits.push(longest.as_secs_f64() * 1_000.0);
            }
        }
        let (facts, leaves) = settled(&ctx).await?;
        city.end().await;
        match facts == leaves {
            true => Ok::<_, Failure>(()),
            false => Err(format!("{facts} facts and {leaves} leaves").into()),
        }
    })?;
    let worst = waits.iter().copied().fold(0.0, f64::max);
    figure.more = vec![
        ("longest wait for a proof in a round, median, ms", median(waits)),
        ("longest wait of all, ms", worst),
    ];
    Ok(figure)
}

async fn emit(ctx: &Ctx, n: usize) -> Result<String, Failure> {
    let done = ctx.tx("bench.emit", |tx| {
        let payload = serde_json::json!({ "state": "accepted", "n": n });
        Ok(ctx.emit(tx, Fact::new("bench.case.accepted", n).payload(payload))?)
    });
    done.await.map_err(failed)
}

/// Facts a second, and the longest that a proof took.
async fn one_round(ctx: &Ctx) -> Result<(f64, Duration), Failure> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|n| {
            let ctx = ctx.clone();
            tokio::spawn(async move {
                let mut done = 0u64;
                while begun.elapsed() < ROUND {
                    emit(&ctx, n).await?;
                    done += 1;
                }
                Ok::<_, Failure>(done)
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < ROUND {
        let id = emit(ctx, TASKS).await?;
        let at = Instant::now();
        proved(ctx, &id).await?;
        longest = longest.max(at.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut facts = 0;
    for task in tasks {
        facts += task.await??;
    }
    Ok((facts as f64 / begun.elapsed().as_secs_f64(), longest))
}

/// Waits until a fact can be proved by everybody.
async fn proved(ctx: &Ctx, id: &str) -> Result<(), Failure> {
    let seq = ctx
        .read("bench.seq", |tx| {
            Ok(tx.scalar::<i64>("SELECT seq FROM kernel_fact WHERE id = $1", params![id])?)
        })
        .await
        .map_err(failed)?
        .ok_or("the fact has no number")?;
    while counts(ctx).await?.1 < seq {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    trust::api::proof(ctx, seq).await.map_err(failed)?;
    Ok(())
}

/// Facts, and leaves of the shorter tree.
async fn counts(ctx: &Ctx) -> Result<(i64, i64), Failure> {
    let both = ctx.read("bench.leaves", |tx| {
        let mut count = |sql: &str| Ok::<_, kernel::Fault>(tx.scalar::<i64>(sql, &[])?.unwrap_or(0));
        let facts = count("SELECT COALESCE(MAX(seq), 0) FROM kernel_fact")?;
        let sha256 = count("SELECT COALESCE(MAX(idx) + 1, 0) FROM trust_node WHERE epoch = 1 AND level = 0")?;
        let sm3 =
            count("SELECT COALESCE(MAX(idx) + 1, 0) FROM trust_node_sm3 WHERE epoch = 1 AND level = 0")?;
        Ok((facts, sha256.min(sm3)))
    });
    both.await.map_err(failed)
}

async fn settled(ctx: &Ctx) -> Result<(i64, i64), Failure> {
    for _ in 0..600 {
        let (facts, leaves) = counts(ctx).await?;
        if facts == leaves {
            return Ok((facts, leaves));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    counts(ctx).await
}
