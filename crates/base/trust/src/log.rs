//! The proof log (存证日志): an RFC 6962 Merkle tree over the leaves of all facts, in the order of their `seq`.
//!
//! Leaf `i` of an epoch is fact `seq = base + i + 1`; the first epoch has base 0, a restore opens the next (see
//! [`crate::epoch`]). Complete subtrees are stored as rows, so appending a leaf and proving one both cost
//! the logarithm of the size. Heads are C2SP signed notes under the log's Ed25519 key; tiles and entry bundles follow
//! C2SP tlog-tiles, so public tools can read the log.

use crate::crypto::{Kind, PrivateKey};
use crate::epoch::{self, Epoch};
use crate::vault;
use kernel::{Ctx, Fault, Recorded, Refusal, Result, Tx, params};
use merkle::{Checkpoint, Hash};
use std::cell::RefCell;

/// Alias of the log's signing key.
pub(crate) const KEY: &str = "log";

fn store(tx: &mut Tx<'_>, epoch: i64, level: u8, index: u64, hash: &Hash) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_node(epoch, level, idx, hash) VALUES ($1, $2, $3, $4)",
        params![epoch, i64::from(level), index as i64, hash.to_vec()],
    )?;
    Ok(())
}

fn load(tx: &mut Tx<'_>, epoch: i64, level: u8, index: u64) -> Result<Option<Hash>, Fault> {
    let bytes: Option<Vec<u8>> = tx.scalar(
        "SELECT hash FROM trust_node WHERE epoch = $1 AND level = $2 AND idx = $3",
        params![epoch, i64::from(level), index as i64],
    )?;
    Ok(bytes.and_then(|b| b.try_into().ok()))
}

/// The consumer: appends the leaf of one fact. Facts come in the order of `seq`, so the tree is dense.
pub(crate) fn append(_: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    let e = epoch::current(tx)?;
    let mut index = u64::try_from(fact.seq - 1 - e.base)
        .map_err(|_| Fault::new(format!("fact {} belongs to an ended epoch of the log", fact.seq)))?;
    let mut hash = merkle::leaf_hash(fact.leaf()?.as_bytes());
    let mut level = 0u8;
    store(tx, e.number, level, index, &hash)?;
    while index % 2 == 1 {
        let left = load(tx, e.number, level, index - 1)?
            .ok_or_else(|| Fault::new(format!("log node {level}/{} is missing", index - 1)))?;
        hash = merkle::node_hash(&left, &hash);
        (level, index) = (level + 1, index / 2);
        store(tx, e.number, level, index, &hash)?;
    }
    Ok(())
}

/// Complete subtrees of one epoch as the tree functions read them.
pub(crate) struct Stored<'a, 't>(RefCell<&'a mut Tx<'t>>, i64);
impl<'a, 't> Stored<'a, 't> {
    pub(crate) fn new(tx: &'a mut Tx<'t>, epoch: i64) -> Self {
        Stored(RefCell::new(tx), epoch)
    }
}
impl merkle::Hashes for Stored<'_, '_> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        load(&mut self.0.borrow_mut(), self.1, level, index)
            .ok()
            .flatten()
    }
}

/// How many leaves the tree of an epoch has.
pub(crate) fn size(tx: &mut Tx<'_>, epoch: i64) -> Result<u64, Fault> {
    let n: Option<i64> = tx.scalar(
        "SELECT COALESCE(MAX(idx) + 1, 0) FROM trust_node WHERE epoch = $1 AND level = 0",
        params![epoch],
    )?;
    Ok(n.unwrap_or(0) as u64)
}

fn root(tx: &mut Tx<'_>, epoch: i64, size: u64) -> Result<Hash> {
    merkle::root(&Stored::new(tx, epoch), size)
        .ok_or_else(|| Fault::new(format!("the log cannot make a root of {size}")).into())
}

fn key(system: &Ctx, tx: &mut Tx<'_>) -> Result<merkle::SigningKey> {
    match vault::key_or_make(system, tx, KEY, Kind::Ed25519)? {
        PrivateKey::Ed25519(key) => Ok(key),
        _ => Err(Fault::new("the log key has another kind").into()),
    }
}

/// The head of an epoch as it stands in this transaction, signed and kept.
pub(crate) fn sign_head(system: &Ctx, tx: &mut Tx<'_>, e: &Epoch) -> Result<String> {
    let key = key(system, tx)?;
    let origin = epoch::pin_origin(system, tx, e)?;
    let size = size(tx, e.number)?;
    let known = "SELECT note FROM trust_head WHERE epoch = $1 AND size = $2";
    if let Some(note) = tx.scalar(known, params![e.number, size as i64])? {
        return Ok(note);
    }
    let root = root(tx, e.number, size)?;
    let text = Checkpoint {
        origin: origin.clone(),
        size,
        root,
    }
    .to_text();
    let note = merkle::sign_note(&text, &key, &origin);
    tx.execute(
        "INSERT INTO trust_head(epoch, size, root, note, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (epoch, size) DO NOTHING",
        params![
            e.number,
            size as i64,
            hex::encode(root),
            note.clone(),
            system.now()
        ],
    )?;
    Ok(note)
}

/// The newest signed head of an epoch, of the current one when none is named; signs one when the log has grown.
pub async fn checkpoint(ctx: &Ctx, epoch: Option<i64>) -> Result<String> {
    let known = ctx
        .read("trust.head", |tx| {
            let e = epoch::named(tx, epoch)?;
            let size = size(tx, e.number)? as i64;
            let sql = "SELECT note FROM trust_head WHERE epoch = $1 AND size = $2";
            Ok(tx.scalar::<String>(sql, params![e.number, size])?)
        })
        .await?;
    if let Some(note) = known {
        return Ok(note);
    }
    let system = ctx.as_system("trust.log");
    system
        .tx("trust.sign-head", |tx| {
            let e = epoch::named(tx, epoch)?;
            sign_head(&system, tx, &e)
        })
        .await
}

/// The verifier key of an epoch, as C2SP writes it: `name+hash+key`.
pub async fn verifier(ctx: &Ctx, epoch: Option<i64>) -> Result<String> {
    let system = ctx.as_system("trust.log");
    system
        .tx("trust.log-key", |tx| {
            let e = epoch::named(tx, epoch)?;
            let key = key(&system, tx)?;
            Ok(merkle::NoteKey {
                name: epoch::pin_origin(&system, tx, &e)?,
                key: key.verifying_key(),
            }
            .to_text())
        })
        .await
}

/// Everything a third party needs to check that one fact is in the log, as `yiwang-proof/1`.
pub async fn proof(ctx: &Ctx, seq: i64) -> Result<serde_json::Value> {
    let e = ctx.read("trust.epoch", |tx| Ok(epoch::of(tx, seq)?)).await?;
    let note = checkpoint(ctx, Some(e.number)).await?;
    let head = Checkpoint::parse(&note).map_err(|e| Fault::of("own checkpoint", e.to_string()))?;
    ctx.read("trust.proof", |tx| {
        let index = u64::try_from(seq - 1 - e.base).map_err(|_| Refusal::not_found())?;
        let fact = kernel::fact::after(tx, seq - 1, 1)?.pop().filter(|f| f.seq == seq && index < head.size);
        let fact = fact.ok_or_else(Refusal::not_found)?;
        let hashes = merkle::inclusion(&Stored::new(tx, e.number), index, head.size)
            .ok_or_else(|| Fault::new("the log lacks a node of this proof"))?;
        Ok(serde_json::json!({
            "format": "yiwang-proof/1", "leaf": fact.leaf()?, "index": index,
            "hashes": hashes.iter().map(|h| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, h)).collect::<Vec<_>>(),
            "checkpoint": note,
        }))
    })
    .await
}

/// Proof that the current log of size `from` is the beginning of the log of size `to`.
pub async fn consistency(ctx: &Ctx, from: u64, to: u64) -> Result<Vec<Hash>> {
    ctx.read("trust.consistency", |tx| {
        let e = epoch::current(tx)?.number;
        if from > to || to > size(tx, e)? {
            return Err(Refusal::not_found().into());
        }
        merkle::consistency(&Stored::new(tx, e), from, to)
            .ok_or_else(|| Fault::new("the log lacks a node of this proof").into())
    })
    .await
}

/// Bytes of one tile of an epoch: `level` hashes, or entries. `width` is 1–256.
pub async fn tile(
    ctx: &Ctx,
    epoch: Option<i64>,
    level: Option<u8>,
    index: u64,
    width: u16,
) -> Result<Vec<u8>> {
    ctx.read("trust.tile", |tx| {
        let e = epoch::named(tx, epoch)?;
        let first = index.checked_mul(256).ok_or_else(Refusal::not_found)?;
        let shift = u32::from(level.unwrap_or(0)) * 8;
        let have = size(tx, e.number)?.checked_shr(shift).unwrap_or(0);
        if width == 0 || width > 256 || first.saturating_add(u64::from(width)) > have {
            return Err(Refusal::not_found().into());
        }
        let mut out = Vec::new();
        match level {
            Some(level) => {
                for i in first..first + u64::from(width) {
                    let hash = load(tx, e.number, level * 8, i)?
                        .ok_or_else(|| Fault::new("a log node is missing"))?;
                    out.extend(hash);
                }
            }
            None => {
                for fact in kernel::fact::after(tx, e.base + first as i64, u32::from(width))? {
                    let leaf = fact.leaf()?;
                    let length = u16::try_from(leaf.len())
                        .map_err(|_| Fault::new("a leaf is longer than 65,535 bytes"))?;
                    out.extend(length.to_be_bytes());
                    out.extend(leaf.as_bytes());
                }
            }
        }
        Ok(out)
    })
    .await
}
