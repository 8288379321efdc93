//! The proof log (存证日志): an RFC 6962 Merkle tree over the leaves of all facts, in the order of their `seq`.
//!
//! Leaf `i` is fact `seq = i + 1`. Complete subtrees are stored as rows, so appending a leaf and proving one both cost
//! the logarithm of the size. Heads are C2SP signed notes under the log's Ed25519 key; tiles and entry bundles follow
//! C2SP tlog-tiles, so public tools can read the log.

use crate::crypto::{Kind, PrivateKey};
use crate::vault;
use kernel::{Ctx, Fault, Recorded, Refusal, Result, Tx, params};
use merkle::{Checkpoint, Hash};
use std::cell::RefCell;

/// Alias of the log's signing key.
pub(crate) const KEY: &str = "log";

/// The name under which heads are signed: the host of this instance and the log's epoch.
pub fn origin(ctx: &Ctx) -> String {
    let url = &ctx.app.config.url;
    let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    format!("{host}/log/1")
}

fn store(tx: &mut Tx<'_>, level: u8, index: u64, hash: &Hash) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO trust_node(level, idx, hash) VALUES ($1, $2, $3)",
        params![i64::from(level), index as i64, hash.to_vec()],
    )?;
    Ok(())
}

fn load(tx: &mut Tx<'_>, level: u8, index: u64) -> Result<Option<Hash>, Fault> {
    let bytes: Option<Vec<u8>> = tx.scalar(
        "SELECT hash FROM trust_node WHERE level = $1 AND idx = $2",
        params![i64::from(level), index as i64],
    )?;
    Ok(bytes.and_then(|b| b.try_into().ok()))
}

/// The consumer: appends the leaf of one fact. Facts come in the order of `seq`, so the tree is dense.
pub(crate) fn append(_: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    let mut index = (fact.seq - 1) as u64;
    let mut hash = merkle::leaf_hash(fact.leaf()?.as_bytes());
    let mut level = 0u8;
    store(tx, level, index, &hash)?;
    while index % 2 == 1 {
        let left = load(tx, level, index - 1)?
            .ok_or_else(|| Fault::new(format!("log node {level}/{} is missing", index - 1)))?;
        hash = merkle::node_hash(&left, &hash);
        (level, index) = (level + 1, index / 2);
        store(tx, level, index, &hash)?;
    }
    Ok(())
}

/// Complete subtrees as the tree functions read them.
pub(crate) struct Stored<'a, 't>(RefCell<&'a mut Tx<'t>>);
impl<'a, 't> Stored<'a, 't> {
    pub(crate) fn new(tx: &'a mut Tx<'t>) -> Self {
        Stored(RefCell::new(tx))
    }
}
impl merkle::Hashes for Stored<'_, '_> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        load(&mut self.0.borrow_mut(), level, index).ok().flatten()
    }
}

/// How many leaves the tree has.
pub fn size(tx: &mut Tx<'_>) -> Result<u64, Fault> {
    let n: Option<i64> = tx.scalar(
        "SELECT COALESCE(MAX(idx) + 1, 0) FROM trust_node WHERE level = 0",
        &[],
    )?;
    Ok(n.unwrap_or(0) as u64)
}

fn root(tx: &mut Tx<'_>, size: u64) -> Result<Hash> {
    merkle::root(&Stored::new(tx), size)
        .ok_or_else(|| Fault::new(format!("the log cannot make a root of {size}")).into())
}

/// The newest signed head; signs one when the log has grown since the last.
pub async fn checkpoint(ctx: &Ctx) -> Result<String> {
    let known = ctx
        .read("trust.head", |tx| {
            let size = size(tx)? as i64;
            Ok(tx.scalar::<String>("SELECT note FROM trust_head WHERE size = $1", params![size])?)
        })
        .await?;
    if let Some(note) = known {
        return Ok(note);
    }
    let origin = origin(ctx);
    let system = ctx.as_system("trust.log");
    system
        .tx("trust.sign-head", |tx| {
            let PrivateKey::Ed25519(key) = vault::key_or_make(&system, tx, KEY, Kind::Ed25519)? else {
                return Err(Fault::new("the log key has another kind").into());
            };
            let size = size(tx)?;
            let root = root(tx, size)?;
            let text = Checkpoint { origin: origin.clone(), size, root }.to_text();
            let note = merkle::sign_note(&text, &key, &origin);
            tx.execute(
                "INSERT INTO trust_head(size, root, note, at) VALUES ($1, $2, $3, $4) ON CONFLICT (size) DO NOTHING",
                params![size as i64, hex::encode(root), note.clone(), system.now()],
            )?;
            Ok(note)
        })
        .await
}

/// The verifier key, as C2SP writes it: `name+hash+key`.
pub async fn verifier(ctx: &Ctx) -> Result<String> {
    let origin = origin(ctx);
    let system = ctx.as_system("trust.log");
    system
        .tx("trust.log-key", |tx| {
            let PrivateKey::Ed25519(key) = vault::key_or_make(&system, tx, KEY, Kind::Ed25519)? else {
                return Err(Fault::new("the log key has another kind").into());
            };
            Ok(merkle::NoteKey {
                name: origin.clone(),
                key: key.verifying_key(),
            }
            .to_text())
        })
        .await
}

/// Everything a third party needs to check that one fact is in the log, as `yiwang-proof/1`.
pub async fn proof(ctx: &Ctx, seq: i64) -> Result<serde_json::Value> {
    let note = checkpoint(ctx).await?;
    let head = Checkpoint::parse(&note).map_err(|e| Fault::of("own checkpoint", e.to_string()))?;
    ctx.read("trust.proof", |tx| {
        let index = u64::try_from(seq - 1).map_err(|_| Refusal::not_found())?;
        let fact = kernel::fact::after(tx, seq - 1, 1)?.pop().filter(|f| f.seq == seq && index < head.size);
        let fact = fact.ok_or_else(Refusal::not_found)?;
        let hashes = merkle::inclusion(&Stored::new(tx), index, head.size)
            .ok_or_else(|| Fault::new("the log lacks a node of this proof"))?;
        Ok(serde_json::json!({
            "format": "yiwang-proof/1", "leaf": fact.leaf()?, "index": index,
            "hashes": hashes.iter().map(|h| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, h)).collect::<Vec<_>>(),
            "checkpoint": note,
        }))
    })
    .await
}

/// Proof that the log of size `from` is the beginning of the log of size `to`.
pub async fn consistency(ctx: &Ctx, from: u64, to: u64) -> Result<Vec<Hash>> {
    ctx.read("trust.consistency", |tx| {
        if from > to || to > size(tx)? {
            return Err(Refusal::not_found().into());
        }
        merkle::consistency(&Stored::new(tx), from, to)
            .ok_or_else(|| Fault::new("the log lacks a node of this proof").into())
    })
    .await
}

/// Bytes of one tile: `level` hashes, or entries. `width` is 1–256.
pub async fn tile(ctx: &Ctx, level: Option<u8>, index: u64, width: u16) -> Result<Vec<u8>> {
    ctx.read("trust.tile", |tx| {
        let first = index.checked_mul(256).ok_or_else(Refusal::not_found)?;
        let shift = u32::from(level.unwrap_or(0)) * 8;
        let have = size(tx)?.checked_shr(shift).unwrap_or(0);
        if width == 0 || width > 256 || first.saturating_add(u64::from(width)) > have {
            return Err(Refusal::not_found().into());
        }
        let mut out = Vec::new();
        match level {
            Some(level) => {
                for i in first..first + u64::from(width) {
                    let hash = load(tx, level * 8, i)?.ok_or_else(|| Fault::new("a log node is missing"))?;
                    out.extend(hash);
                }
            }
            None => {
                for fact in kernel::fact::after(tx, first as i64, u32::from(width))? {
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
