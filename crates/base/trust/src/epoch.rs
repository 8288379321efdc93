//! Epochs of the log. A log that was restored from a backup must not go on under the same name: others may hold heads of
//! what was lost, and the same place would get a second leaf. So a restore ends the epoch with a last head and opens the
//! next, with a name of its own, whose first leaf is the fact that holds that head. Both stay verifiable, and the chain of
//! heads leads from the newest to the first.

use crate::log;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Row, Tx, params, setting};
use merkle::Checkpoint;
use serde_json::{Value as Json, json};

/// The type of the fact that is the first leaf of every epoch but the first.
pub(crate) const REOPENED: &str = "trust.log.reopened";

/// One epoch: leaf `i` is the fact `base + i + 1`.
#[derive(Clone, Debug)]
pub(crate) struct Epoch {
    pub number: i64,
    pub base: i64,
    /// Fixed when its first head is signed.
    origin: Option<String>,
}

fn from_row(r: &Row) -> Result<Epoch, Fault> {
    Ok(Epoch {
        number: r.get("epoch")?,
        base: r.get("base")?,
        origin: r.get("origin")?,
    })
}

/// All epochs, the oldest first.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Epoch>, Fault> {
    let rows = tx.query("SELECT epoch, base, origin FROM trust_epoch ORDER BY epoch", &[])?;
    rows.iter().map(from_row).collect()
}

pub(crate) fn current(tx: &mut Tx<'_>) -> Result<Epoch, Fault> {
    let row = tx.one(
        "SELECT epoch, base, origin FROM trust_epoch ORDER BY epoch DESC LIMIT 1",
        &[],
    )?;
    row.map_or_else(|| Err(Fault::new("the log has no epoch")), |r| from_row(&r))
}

/// The epoch of this number, the current one when none is named.
pub(crate) fn named(tx: &mut Tx<'_>, number: Option<i64>) -> Result<Epoch> {
    let Some(number) = number else {
        return Ok(current(tx)?);
    };
    let row = tx.one(
        "SELECT epoch, base, origin FROM trust_epoch WHERE epoch = $1",
        params![number],
    )?;
    Ok(from_row(&row.ok_or_else(Refusal::not_found)?)?)
}

/// The epoch in which a fact is a leaf.
pub(crate) fn of(tx: &mut Tx<'_>, seq: i64) -> Result<Epoch, Fault> {
    let sql = "SELECT epoch, base, origin FROM trust_epoch WHERE base < $1 ORDER BY epoch DESC LIMIT 1";
    let row = tx.one(sql, params![seq])?;
    row.map_or_else(|| current(tx), |r| from_row(&r))
}

/// The name under which heads of this epoch are signed: the host of this instance and the epoch's number. It is taken
/// from the first head and stays, even when the instance moves to another address.
pub(crate) fn pin_origin(ctx: &Ctx, tx: &mut Tx<'_>, e: &Epoch) -> Result<String> {
    if let Some(origin) = &e.origin {
        return Ok(origin.clone());
    }
    let signed: Option<String> = tx.scalar(
        "SELECT note FROM trust_head WHERE epoch = $1 ORDER BY size DESC LIMIT 1",
        params![e.number],
    )?;
    let origin = match signed.and_then(|note| Checkpoint::parse(&note).ok()) {
        Some(head) => head.origin,
        None => {
            let url = &ctx.app.config.url;
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            format!("{host}/log/{}", e.number)
        }
    };
    tx.execute(
        "UPDATE trust_epoch SET origin = $2 WHERE epoch = $1",
        params![e.number, origin.clone()],
    )?;
    Ok(origin)
}

/// What a fresh restore left to do: ends the epoch it brought and opens the next, before anything else is written. Does
/// nothing when there was no restore. Returns the new epoch's number and the last head of the one before.
pub async fn reopen(ctx: &Ctx) -> Result<Option<(i64, String)>> {
    let system = ctx.as_system("trust.restore");
    let restored = kernel::db::copy::RESTORED;
    let mark: Option<String> = system
        .read("trust.restored", |tx| Ok(setting::get(tx, restored)?))
        .await?;
    if mark.is_none() {
        return Ok(None);
    }
    kernel::job::follow_only(&ctx.app, "trust.log").await?;
    system
        .tx("trust.reopen", |tx| {
            let Some(mark) = setting::get(tx, restored)? else {
                return Ok(None);
            };
            let before = current(tx)?;
            let head = kernel::fact::head(tx)?;
            let size = log::size(tx, before.number)?;
            if before.base + size as i64 != head || !kernel::fact::unnumbered(tx)?.is_empty() {
                return Err(Fault::new(format!(
                    "the restored log has {size} leaves after {} and {head} facts; another process is writing to it",
                    before.base
                ))
                .into());
            }
            let note = log::sign_head(&system, tx, &before)?;
            let last = Checkpoint::parse(&note).map_err(|e| Fault::of("own checkpoint", e.to_string()))?;
            // Signing may have made the key, and with it a fact: then the head just signed is not the last one.
            if kernel::fact::head(tx)? != head || !kernel::fact::unnumbered(tx)?.is_empty() {
                return Err(Fault::new("the restored log has no key; the backup is not of a whole city").into());
            }
            let number = before.number + 1;
            tx.execute(
                "INSERT INTO trust_epoch(epoch, base, opened_at) VALUES ($1, $2, $3)",
                params![number, head, system.now()],
            )?;
            let backup: Json = serde_json::from_str(&mark)?;
            let payload = json!({
                "epoch": number, "backup": backup,
                "previous": { "origin": last.origin, "size": last.size, "root": hex::encode(last.root), "checkpoint": note },
            });
            system.emit(tx, Fact::new(REOPENED, format!("log-{number}")).payload(payload))?;
            setting::remove(tx, restored)?;
            Ok(Some((number, note)))
        })
        .await
}
