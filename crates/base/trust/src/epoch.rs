//! Epochs of the log. A log that was restored from a backup must not go on under the same name: others may hold heads of
//! what was lost, and the same place would get a second leaf. So a restore ends the epoch with a last head and opens the
//! next, with a name of its own, whose first leaf is the fact that holds that head. Both stay verifiable, and the chain of
//! heads leads from the newest to the first.

use crate::log;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Row, Tx, params, setting};
use merkle::{Checkpoint, Hashing};
use serde_json::{Value as Json, json};

/// The type of the fact that is the first leaf of every epoch but the first.
pub(crate) const REOPENED: &str = "trust.log.reopened";

/// One epoch: leaf `i` is the fact `base + i + 1`.
#[derive(Clone, Debug)]
pub(crate) struct Epoch {
    pub number: i64,
    pub base: i64,
    /// Of both trees; fixed when the first head is signed.
    origins: [Option<String>; 2],
}

impl Epoch {
    /// The name of one tree, once it is fixed.
    pub(crate) fn origin(&self, hashing: Hashing) -> Option<&str> {
        let [sha256, sm3] = &self.origins;
        match hashing {
            Hashing::Sha256 => sha256.as_deref(),
            Hashing::Sm3 => sm3.as_deref(),
        }
    }
}

fn from_row(r: &Row) -> Result<Epoch, Fault> {
    Ok(Epoch {
        number: r.get("epoch")?,
        base: r.get("base")?,
        origins: [r.get("origin")?, r.get("origin_sm3")?],
    })
}

/// All epochs, the oldest first.
pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Epoch>, Fault> {
    let rows = tx.query(
        "SELECT epoch, base, origin, origin_sm3 FROM trust_epoch ORDER BY epoch",
        &[],
    )?;
    rows.iter().map(from_row).collect()
}

pub(crate) fn current(tx: &mut Tx<'_>) -> Result<Epoch, Fault> {
    let row = tx.one(
        "SELECT epoch, base, origin, origin_sm3 FROM trust_epoch ORDER BY epoch DESC LIMIT 1",
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
        "SELECT epoch, base, origin, origin_sm3 FROM trust_epoch WHERE epoch = $1",
        params![number],
    )?;
    Ok(from_row(&row.ok_or_else(Refusal::not_found)?)?)
}

/// The epoch in which a fact is a leaf.
pub(crate) fn of(tx: &mut Tx<'_>, seq: i64) -> Result<Epoch, Fault> {
    let sql =
        "SELECT epoch, base, origin, origin_sm3 FROM trust_epoch WHERE base < $1 ORDER BY epoch DESC LIMIT 1";
    let row = tx.one(sql, params![seq])?;
    row.map_or_else(|| current(tx), |r| from_row(&r))
}

/// The name under which heads of this epoch's tree are signed: the host of this instance and the epoch's number. It is
/// taken from the first head and stays, even when the instance moves to another address.
pub(crate) fn pin_origin(ctx: &Ctx, tx: &mut Tx<'_>, e: &Epoch, hashing: Hashing) -> Result<String> {
    if let Some(origin) = e.origin(hashing) {
        return Ok(origin.to_string());
    }
    let sql = format!(
        "SELECT note FROM {} WHERE epoch = $1 ORDER BY size DESC LIMIT 1",
        log::heads(hashing)
    );
    let signed: Option<String> = tx.scalar(&sql, params![e.number])?;
    let (column, path) = match hashing {
        Hashing::Sha256 => ("origin", "log"),
        Hashing::Sm3 => ("origin_sm3", "log/sm3"),
    };
    let origin = match signed.and_then(|note| Checkpoint::parse(&note).ok()) {
        Some(head) => head.origin,
        None => format!("{}/{path}/{}", host(ctx), e.number),
    };
    tx.execute(
        &format!("UPDATE trust_epoch SET {column} = $2 WHERE epoch = $1"),
        params![e.number, origin.clone()],
    )?;
    Ok(origin)
}

/// This instance's address without scheme.
pub(crate) fn host(ctx: &Ctx) -> &str {
    let url = &ctx.app.config.url;
    url.split_once("://").map_or(url.as_str(), |(_, rest)| rest)
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
            let size = log::size(tx, Hashing::Sha256, before.number)?;
            if before.base + size as i64 != head || !kernel::fact::unnumbered(tx)?.is_empty() {
                return Err(Fault::new(format!(
                    "the restored log has {size} leaves after {} and {head} facts; another process is writing to it",
                    before.base
                ))
                .into());
            }
            let parse = |note: &str| Checkpoint::parse(note).map_err(|e| Fault::of("own checkpoint", e.to_string()));
            let note = log::sign_head(&system, tx, Hashing::Sha256, &before)?;
            let last = parse(&note)?;
            // A backup from before the SM3 tree has none that could be ended; one from its first second has no key yet, and
            // making it would be a fact behind the last head.
            let whole = size > 0 && log::size(tx, Hashing::Sm3, before.number)? == size;
            let sm3 = match whole && log::known_keys(&system, tx, Hashing::Sm3, &last.origin)?.is_some() {
                true => Some(log::sign_head(&system, tx, Hashing::Sm3, &before)?),
                false => None,
            };
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
            let mut payload = json!({
                "epoch": number, "backup": backup,
                "previous": { "origin": last.origin, "size": last.size, "root": hex::encode(last.root), "checkpoint": note },
            });
            if let Some(note) = sm3 {
                let last = parse(&note)?;
                payload["previous"]["sm3"] = json!({
                    "origin": last.origin, "size": last.size, "root": hex::encode(last.root), "checkpoint": note,
                });
            }
            system.emit(tx, Fact::new(REOPENED, format!("log-{number}")).payload(payload))?;
            setting::remove(tx, restored)?;
            Ok(Some((number, note)))
        })
        .await
}
