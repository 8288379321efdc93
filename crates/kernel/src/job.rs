//! Jobs: rows that survive restarts and run once across nodes.
//!
//! A run holds a lease with a fencing token; (kind, due key) is unique, so however many nodes or retries ask for the
//! same due work, there is one row. A node that dies loses its lease and another takes over.

use crate::ctx::{App, Ctx};
use crate::db::Tx;
use crate::error::{Fault, Problem, Result};
use crate::fact;
use crate::params;
use serde_json::Value as Json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long one run may take before another node may start over, in milliseconds.
const LEASE: i64 = 60_000;
/// After this many failures a job rests as `failed` and `yiwang doctor` names it.
const ATTEMPTS: i64 = 8;

/// Asks for a run of `kind` at `due_at`. A second request with the same due key changes nothing.
pub fn enqueue(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    kind: &str,
    due_key: &str,
    due_at: i64,
    payload: Json,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO kernel_job(id, kind, due_key, due_at, payload, state, attempts, fence) \
         VALUES ($1, $2, $3, $4, $5, 'waiting', 0, 0) ON CONFLICT (kind, due_key) DO NOTHING",
        params![ctx.id(), kind, due_key, due_at, payload],
    )?;
    Ok(())
}

/// Takes back a request that has not begun.
pub fn cancel(tx: &mut Tx<'_>, kind: &str, due_key: &str) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM kernel_job WHERE kind = $1 AND due_key = $2 AND state = 'waiting'",
        params![kind, due_key],
    )?;
    Ok(())
}

struct Taken {
    id: String,
    kind: String,
    payload: Json,
    fence: i64,
    attempts: i64,
}

async fn take(app: &Arc<App>, holder: &str) -> Result<Option<Taken>> {
    let ctx = app.system("jobs");
    let now = ctx.now();
    let due = ctx
        .read("jobs.due", |tx| {
            Ok(tx.scalar::<i64>(
                "SELECT COUNT(*) FROM kernel_job WHERE (state = 'waiting' AND due_at <= $1) \
                 OR (state = 'running' AND lease_until < $1)",
                params![now],
            )?)
        })
        .await?;
    if due == Some(0) {
        return Ok(None);
    }
    ctx.tx("jobs.take", |tx| {
        let row = tx.one(
            "SELECT id, kind, payload, fence, attempts FROM kernel_job WHERE (state = 'waiting' AND due_at <= $1) \
             OR (state = 'running' AND lease_until < $1) ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED",
            params![now],
        )?;
        let Some(r) = row else { return Ok(None) };
        let taken = Taken {
            id: r.get("id")?,
            kind: r.get("kind")?,
            payload: r.get("payload")?,
            fence: r.get::<i64>("fence")? + 1,
            attempts: r.get::<i64>("attempts")? + 1,
        };
        tx.execute(
            "UPDATE kernel_job SET state = 'running', holder = $2, fence = $3, attempts = $4, lease_until = $5 \
             WHERE id = $1",
            params![taken.id.clone(), holder, taken.fence, taken.attempts, now + LEASE],
        )?;
        Ok(Some(taken))
    })
    .await
}

/// Runs everything that is due now; returns how many ran. The loop and the tests call it.
pub async fn run_due(app: &Arc<App>) -> Result<usize> {
    let holder = app.config.node.clone();
    let mut ran = 0;
    while let Some(job) = take(app, &holder).await? {
        let kind = app
            .modules
            .iter()
            .flat_map(|m| &m.jobs)
            .find(|k| k.name == job.kind)
            .cloned();
        let ctx = app.system(&job.kind);
        let outcome = match kind {
            Some(kind) => (kind.run)(ctx.clone(), job.payload.clone()).await,
            None => Err(Problem::from(Fault::new(format!(
                "no module runs jobs of kind {}",
                job.kind
            )))),
        };
        let now = app.clock.now();
        let (state, error, due) = match &outcome {
            Ok(()) => ("done", None, now),
            Err(e) => {
                tracing::warn!(job = job.kind, attempt = job.attempts, "{e}");
                let state = if job.attempts >= ATTEMPTS {
                    "failed"
                } else {
                    "waiting"
                };
                (
                    state,
                    Some(e.to_string()),
                    now + (1_000i64 << job.attempts.min(9)),
                )
            }
        };
        ctx.tx("jobs.finish", |tx| {
            // The fence keeps a run that lost its lease from overwriting its successor.
            tx.execute(
                "UPDATE kernel_job SET state = $2, last_error = $3, done_at = $4, lease_until = NULL, \
                 due_at = CASE WHEN $2 = 'waiting' THEN $5 ELSE due_at END WHERE id = $1 AND fence = $6",
                params![job.id.clone(), state, error.clone(), now, due, job.fence],
            )?;
            Ok(())
        })
        .await?;
        ran += 1;
    }
    Ok(ran)
}

/// Enqueues the next run of every periodic kind; the due time is the key, so nodes agree.
async fn plan_periodic(app: &Arc<App>) -> Result<()> {
    let ctx = app.system("jobs");
    let kinds: Vec<(&str, i64)> = app
        .modules
        .iter()
        .flat_map(|m| &m.jobs)
        .filter_map(|k| k.every.map(|e| (k.name, e)))
        .collect();
    if kinds.is_empty() {
        return Ok(());
    }
    ctx.tx("jobs.plan", |tx| {
        for (kind, every) in &kinds {
            let due = ctx.now() / every * every + every;
            enqueue(tx, &ctx, kind, &due.to_string(), due, Json::Null)?;
            tx.execute(
                "DELETE FROM kernel_job WHERE kind = $1 AND state = 'done' AND due_at < $2",
                params![*kind, ctx.now() - 100 * every],
            )?;
        }
        Ok(())
    })
    .await
}

/// Lets this node refresh what it keeps in memory when a fact of interest was written between the two heads.
async fn watch(app: &Arc<App>, before: i64, head: i64) -> Result<()> {
    let ctx = app.system("watch");
    for w in app.modules.iter().flat_map(|m| &m.watches) {
        let seen = ctx
            .read("facts.watch", |tx| {
                for kind in w.facts {
                    let n: Option<i64> = tx.scalar(
                        "SELECT COUNT(*) FROM kernel_fact WHERE type = $1 AND seq > $2 AND seq <= $3",
                        params![*kind, before, head],
                    )?;
                    if n.unwrap_or(0) > 0 {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await?;
        if seen {
            (w.run)(ctx.clone()).await?;
        }
    }
    Ok(())
}

/// Hands new facts to every consumer; cursor and effect in one transaction. Returns how many were handled.
pub async fn follow(app: &Arc<App>) -> Result<usize> {
    let system = app.system("followers");
    if app.db.is_postgres() {
        system
            .tx("facts.number", |tx| Ok(fact::number_committed(tx)?))
            .await?;
    }
    let head = system.read("facts.head", |tx| Ok(fact::head(tx)?)).await?;
    let before = app.head.swap(head, Ordering::SeqCst);
    let moved = before != head;
    if moved && let Err(e) = watch(app, before, head).await {
        // Looked at again at the next turn.
        app.head.store(before, Ordering::SeqCst);
        return Err(e);
    }
    let mut handled = batches(app, head).await?;
    for consumer in app.modules.iter().flat_map(|m| &m.consumers) {
        handled += consume(app, consumer, head).await?;
    }
    if moved {
        app.followers.notify_waiters();
    }
    Ok(handled)
}

/// Numbers what waits and brings one consumer up to date; returns the head it has reached.
pub async fn follow_only(app: &Arc<App>, name: &str) -> Result<i64> {
    let system = app.system("followers");
    while system
        .tx("facts.number", |tx| Ok(fact::number_committed(tx)?))
        .await?
        > 0
    {}
    let head = system.read("facts.head", |tx| Ok(fact::head(tx)?)).await?;
    for batch in app.modules.iter().flat_map(|m| &m.batches) {
        if batch.name == name {
            pages(app, batch.name, batch.page, head, batch.handle).await?;
        }
    }
    for consumer in app.modules.iter().flat_map(|m| &m.consumers) {
        if consumer.name == name {
            consume(app, consumer, head).await?;
        }
    }
    Ok(head)
}

/// Brings everybody who takes facts by the page up to date.
async fn batches(app: &Arc<App>, head: i64) -> Result<usize> {
    let mut handled = 0;
    for batch in app.modules.iter().flat_map(|m| &m.batches) {
        handled += pages(app, batch.name, batch.page, head, batch.handle).await?;
        (batch.after)(app.system(batch.name)).await?;
    }
    Ok(handled)
}

async fn consume(app: &Arc<App>, consumer: &crate::module::Consumer, head: i64) -> Result<usize> {
    let each = |ctx: &Ctx, tx: &mut Tx<'_>, page: &[fact::Recorded]| {
        for f in page {
            if consumer.facts.is_empty() || consumer.facts.contains(&f.kind.as_str()) {
                (consumer.handle)(ctx, tx, f)?;
            }
        }
        Ok(())
    };
    pages(app, consumer.name, 20, head, each).await
}

/// Hands facts to one follower page by page until it has reached `head`; cursor and effect in one transaction.
async fn pages(
    app: &Arc<App>,
    name: &'static str,
    size: u32,
    head: i64,
    handle: impl Fn(&Ctx, &mut Tx<'_>, &[fact::Recorded]) -> Result<()> + Send + Sync,
) -> Result<usize> {
    let mut handled = 0;
    let ctx = app.system(name);
    loop {
        let at = ctx
            .read("facts.cursor", |tx| {
                let at: Option<i64> =
                    tx.scalar("SELECT seq FROM kernel_cursor WHERE consumer = $1", params![name])?;
                Ok(at.unwrap_or(0))
            })
            .await?;
        if at >= head {
            break;
        }
        let n = ctx
            .tx("facts.consume", |tx| {
                tx.execute(
                    "INSERT INTO kernel_cursor(consumer, seq) VALUES ($1, 0) ON CONFLICT (consumer) DO NOTHING",
                    params![name],
                )?;
                let now: Option<i64> = tx.scalar(
                    "SELECT seq FROM kernel_cursor WHERE consumer = $1 FOR UPDATE",
                    params![name],
                )?;
                let now = now.unwrap_or(0);
                let page = fact::after(tx, now, size)?;
                let Some(last) = page.last().map(|f| f.seq) else { return Ok(0) };
                handle(&ctx, tx, &page)?;
                tx.execute(
                    "UPDATE kernel_cursor SET seq = $2 WHERE consumer = $1",
                    params![name, last],
                )?;
                Ok(page.len())
            })
            .await?;
        handled += n;
        if n == 0 {
            break;
        }
    }
    Ok(handled)
}

/// Until nothing is left to do: consumers and due jobs in turn. Tests and command-line verbs use it.
pub async fn settle(app: &Arc<App>) -> Result<()> {
    for _ in 0..50 {
        let n = follow(app).await? + run_due(app).await?;
        if n == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// The background work of one process; ends when `stop` does.
pub fn start(app: Arc<App>, stop: tokio::sync::watch::Receiver<bool>) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    let (a, mut s) = (app.clone(), stop.clone());
    tasks.push(tokio::spawn(async move {
        loop {
            if let Err(e) = follow(&a).await {
                tracing::error!("followers: {e}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::select! {
                _ = s.changed() => return,
                _ = a.followers.notified() => tokio::time::sleep(Duration::from_millis(5)).await,
                _ = tokio::time::sleep(Duration::from_millis(if a.db.is_postgres() { 200 } else { 1_000 })) => {}
            }
        }
    }));
    // On a task of its own: consumers may take seconds over what they do.
    let (a, mut s) = (app.clone(), stop.clone());
    tasks.push(tokio::spawn(async move {
        loop {
            let turn = async {
                let system = a.system("followers");
                if a.db.is_postgres() {
                    system
                        .tx("facts.number", |tx| Ok(fact::number_committed(tx)?))
                        .await?;
                }
                let head = system.read("facts.head", |tx| Ok(fact::head(tx)?)).await?;
                batches(&a, head).await
            };
            if let Err(e) = turn.await {
                tracing::error!("batches: {e}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::select! {
                _ = s.changed() => return,
                _ = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    }));
    let mut s = stop;
    tasks.push(tokio::spawn(async move {
        loop {
            let done = async {
                plan_periodic(&app).await?;
                run_due(&app).await
            };
            if let Err(e) = done.await {
                tracing::error!("jobs: {e}");
            }
            tokio::select! {
                _ = s.changed() => return,
                _ = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }));
    tasks
}
