//! The verbs of the use log: writing, sealing by the hour, checking, forgetting.

use super::store::{self, Seal, Use};
use kernel::{Ctx, Fact, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

const HOUR: i64 = 3_600_000;
/// Rows of one hour are written within so many milliseconds of its end: no request lives longer.
const LATE: i64 = 600_000;
/// Rows are kept so long; the law wants six months of logs, a city's auditors a year.
const KEPT: i64 = 400 * 86_400_000;

/// A row as it begins, before anything is known but who asks for what.
pub(crate) fn begin(ctx: &Ctx, alias: &str, operation: &str) -> Use {
    // The alias was typed by a caller.
    let alias = alias.chars().filter(|c| !c.is_control()).take(140).collect();
    Use {
        id: ctx.id().to_string(),
        at: ctx.now(),
        actor: ctx.actor.id.clone(),
        key: String::new(),
        alias,
        org_path: String::new(),
        area_code: String::new(),
        version: 0,
        operation: operation.into(),
        items: 0,
        failed: 0,
        size: 0,
        digest: String::new(),
        result: "done".into(),
        request: ctx.request.to_string(),
    }
}

/// Writes down a request that came to nothing.
pub(crate) async fn refused(ctx: &Ctx, mut used: Use, problem: &kernel::Problem) -> Result<()> {
    used.result = match problem.refusal() {
        Some(r) => r.key.clone(),
        None => "fault".into(),
    };
    used.failed = used.items.max(1);
    ctx.tx("cipher.refused", |tx| Ok(store::insert(tx, &used)?)).await
}

/// Count and SHA-256 over the hashes of an hour's rows, a line each, by id.
async fn digest(ctx: &Ctx, begins_at: i64) -> Result<(i64, String)> {
    let (mut n, mut hash, mut after) = (0, Sha256::new(), String::new());
    loop {
        let (lines, last) = ctx
            .read("cipher.digest", |tx| {
                let rows = store::page(tx, begins_at, begins_at + HOUR, &after, 500)?;
                let last: Option<String> = rows.last().map(|r| r.get("id")).transpose()?;
                let lines: Vec<String> = rows
                    .iter()
                    .map(|r| kernel::fact::hash_of(r, ""))
                    .collect::<Result<_, _>>()?;
                Ok((lines, last))
            })
            .await?;
        let Some(last) = last else { break };
        after = last;
        n += lines.len() as i64;
        lines.iter().for_each(|l| hash.update(format!("{l}\n")));
    }
    Ok((n, hex::encode(hash.finalize())))
}

fn name(begins_at: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(begins_at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H").to_string()
}

/// Seals every hour with rows that has ended, so that the proof log covers them.
pub(crate) async fn seal(ctx: &Ctx) -> Result<()> {
    loop {
        let next = ctx
            .read("cipher.unsealed", |tx| {
                let from = store::last_sealed(tx)?.map_or(0, |h| h + HOUR);
                Ok(store::first_from(tx, from)?)
            })
            .await?;
        let Some(begins_at) = next.map(|at| at.div_euclid(HOUR) * HOUR) else {
            return Ok(());
        };
        if begins_at + HOUR + LATE > ctx.now() {
            return Ok(());
        }
        let (uses, digest) = digest(ctx, begins_at).await?;
        let seal = Seal {
            hour: name(begins_at),
            begins_at,
            uses,
            digest,
        };
        ctx.tx("cipher.seal", |tx| {
            if store::insert_seal(tx, &seal)? {
                let fact = Fact::new("cipher.uses.sealed", &seal.hour)
                    .payload(json!({ "uses": seal.uses, "sha256": seal.digest }))
                    .touch(&crate::SEAL, &seal.hour);
                ctx.emit(tx, fact)?;
            }
            Ok(())
        })
        .await?;
    }
}

/// Names hours whose rows are no longer those that were sealed.
pub(crate) async fn check(ctx: Ctx) -> Result<Vec<String>> {
    let (mut out, mut after) = (Vec::new(), -1);
    loop {
        let seals = ctx
            .read("cipher.seals", |tx| Ok(store::seals(tx, after, 200)?))
            .await?;
        let Some(last) = seals.last() else { return Ok(out) };
        after = last.begins_at;
        for s in seals {
            let (uses, digest) = digest(&ctx, s.begins_at).await?;
            if (uses, digest) != (s.uses, s.digest) {
                out.push(format!(
                    "cipher_use: the rows of {} are not those that were sealed",
                    s.hour
                ));
            }
        }
    }
}

/// Forgets rows that were kept long enough, and ended counts.
pub(crate) async fn sweep(ctx: &Ctx) -> Result<()> {
    let before = (ctx.now() - KEPT).div_euclid(HOUR) * HOUR;
    ctx.tx("cipher.sweep-counts", |tx| {
        Ok(crate::key::store::sweep_counts(tx, ctx.now())?)
    })
    .await?;
    while ctx.tx("cipher.sweep", |tx| Ok(store::sweep(tx, before)?)).await? > 0 {}
    Ok(())
}

/// Writes down a request that needs no key.
pub(crate) async fn done(ctx: &Ctx, used: Use) -> Result<()> {
    ctx.tx("cipher.done", |tx| Ok(store::insert(tx, &used)?)).await
}
