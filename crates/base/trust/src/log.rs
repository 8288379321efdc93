//! The proof log (存证日志): two RFC 6962 Merkle trees over the leaves of all facts, in the order of their `seq`: one hashed
//! with SHA-256, which public tools can follow, and one with SM3.
//!
//! Leaf `i` of an epoch is fact `seq = base + i + 1`; the first epoch has base 0, a restore opens the next (see
//! [`crate::epoch`]). Complete subtrees are stored as rows, so appending a leaf and proving one both cost
//! the logarithm of the size. Heads are C2SP signed notes, each tree's under a name of its own: by the log's Ed25519 key,
//! and those of the SM3 tree by an SM2 key as well. Tiles and entry bundles follow C2SP tlog-tiles.

use crate::crypto::{Kind, PrivateKey};
use crate::epoch::{self, Epoch};
use crate::vault;
use kernel::module::{Batch, JobFuture, JobKind, boxed};
use kernel::{Ctx, Fault, Recorded, Refusal, Result, Tx, Value, params};
use merkle::{Checkpoint, Hash, Hashing, Node, NoteKey, Tree};
use std::cell::RefCell;

/// Alias of the log's Ed25519 key, which signs the heads of both trees.
pub(crate) const KEY: &str = "log";
/// Alias of the SM2 key, which signs the heads of the SM3 tree.
const SM2_KEY: &str = "log-sm2";
/// The follower of the facts, and the job that fills up the SM3 tree.
const FOLLOWER: &str = "trust.log";
const FILL: &str = "trust.log.sm3";
/// Facts in one transaction: it reads each and writes about four rows for it.
const PAGE: u32 = 500;
/// Milliseconds between two heads that are signed without being asked for.
const HEAD_EVERY: i64 = 1_000;
const HOUR: i64 = 3_600_000;
/// Pages that one run of the job takes before it lets others run.
const PAGES: usize = 40;
/// Rows written by one statement.
const ROWS: usize = 64;

pub(crate) fn batch() -> Batch {
    Batch {
        name: FOLLOWER,
        page: PAGE,
        handle: append,
        after: |ctx| boxed(async move { tend(&ctx).await }),
    }
}

pub(crate) fn job() -> JobKind {
    JobKind {
        name: FILL,
        run: fill,
        every: None,
    }
}

pub(crate) fn nodes(hashing: Hashing) -> &'static str {
    match hashing {
        Hashing::Sha256 => "trust_node",
        Hashing::Sm3 => "trust_node_sm3",
    }
}

pub(crate) fn heads(hashing: Hashing) -> &'static str {
    match hashing {
        Hashing::Sha256 => "trust_head",
        Hashing::Sm3 => "trust_head_sm3",
    }
}

fn store(tx: &mut Tx<'_>, hashing: Hashing, epoch: i64, made: &[Node]) -> Result<(), Fault> {
    // Two texts of the statement only, so that both stay prepared.
    let (many, rest) = made.as_chunks::<ROWS>();
    for rows in many.iter().map(|rows| &rows[..]).chain(rest.chunks(1)) {
        let places: Vec<String> = (0..rows.len() * 4)
            .step_by(4)
            .map(|n| format!("(${}, ${}, ${}, ${})", n + 1, n + 2, n + 3, n + 4))
            .collect();
        let sql = format!(
            "INSERT INTO {}(epoch, level, idx, hash) VALUES {}",
            nodes(hashing),
            places.join(", ")
        );
        let values: Vec<Value> = rows
            .iter()
            .flat_map(|n| {
                [
                    epoch.into(),
                    i64::from(n.level).into(),
                    (n.index as i64).into(),
                    n.hash.to_vec().into(),
                ]
            })
            .collect();
        tx.execute(&sql, &values)?;
    }
    Ok(())
}

fn load(tx: &mut Tx<'_>, hashing: Hashing, epoch: i64, level: u8, index: u64) -> Result<Option<Hash>, Fault> {
    let sql = format!(
        "SELECT hash FROM {} WHERE epoch = $1 AND level = $2 AND idx = $3",
        nodes(hashing)
    );
    let bytes: Option<Vec<u8>> = tx.scalar(&sql, params![epoch, i64::from(level), index as i64])?;
    Ok(bytes.and_then(|b| b.try_into().ok()))
}

/// The stored nodes of one level in a range of places.
pub(crate) fn range(
    tx: &mut Tx<'_>,
    hashing: Hashing,
    epoch: i64,
    level: u8,
    places: std::ops::Range<u64>,
) -> Result<Vec<(u64, Vec<u8>)>, Fault> {
    let sql = format!(
        "SELECT idx, hash FROM {} WHERE epoch = $1 AND level = $2 AND idx >= $3 AND idx < $4 ORDER BY idx",
        nodes(hashing)
    );
    let bounds = params![epoch, i64::from(level), places.start as i64, places.end as i64];
    let rows = tx.query(&sql, bounds)?;
    rows.iter()
        .map(|r| Ok((r.get::<i64>("idx")? as u64, r.get("hash")?)))
        .collect()
}

/// The follower: appends the leaves of a page of facts, which come in the order of `seq`, so the trees are dense.
fn append(_: &Ctx, tx: &mut Tx<'_>, facts: &[Recorded]) -> Result<()> {
    tx.lock(FOLLOWER)?;
    let e = epoch::current(tx)?;
    let there = size(tx, Hashing::Sha256, e.number)?;
    let Some(first) = facts.first() else { return Ok(()) };
    if first.seq <= e.base {
        let why = format!("fact {} belongs to an ended epoch of the log", first.seq);
        return Err(Fault::new(why).into());
    }
    if first.seq != e.base + there as i64 + 1 {
        let why = format!("fact {} does not follow the {there} leaves of the log", first.seq);
        return Err(Fault::new(why).into());
    }
    // A tree that is still being filled up gets these leaves from the job, in their turn.
    let whole = size(tx, Hashing::Sm3, e.number)? == there;
    let leaves = leaves(facts)?;
    for hashing in Hashing::ALL {
        if hashing == Hashing::Sha256 || whole {
            grow(tx, hashing, e.number, there, &leaves)?;
        }
    }
    Ok(())
}

fn leaves(facts: &[Recorded]) -> Result<Vec<String>, Fault> {
    facts.iter().map(Recorded::leaf).collect()
}

/// Appends leaves to a tree of `size` leaves.
fn grow(tx: &mut Tx<'_>, hashing: Hashing, epoch: i64, size: u64, leaves: &[String]) -> Result<()> {
    let mut tree = Tree::load(&Stored::new(tx, hashing, epoch), size)
        .ok_or_else(|| Fault::new(format!("{}: a node of {size} leaves is missing", nodes(hashing))))?;
    let made: Vec<Node> = leaves
        .iter()
        .flat_map(|leaf| tree.append(hashing.leaf(leaf.as_bytes())))
        .collect();
    Ok(store(tx, hashing, epoch, &made)?)
}

/// The job: brings the SM3 tree of a database from before it up to the other one, epoch by epoch.
fn fill(ctx: Ctx, _: serde_json::Value) -> JobFuture {
    boxed(async move {
        for _ in 0..PAGES {
            let more = ctx
                .tx("trust.fill", |tx| {
                    tx.lock(FOLLOWER)?;
                    let Some((e, have, want)) = lag(tx)? else {
                        return Ok(false);
                    };
                    let page = u32::try_from(want - have).unwrap_or(PAGE).min(PAGE);
                    let facts = kernel::fact::after(tx, e.base + have as i64, page)?;
                    if facts.len() < page as usize {
                        let why = format!("facts after {} are missing", e.base + have as i64);
                        return Err(Fault::new(why).into());
                    }
                    grow(tx, Hashing::Sm3, e.number, have, &leaves(&facts)?)?;
                    Ok(true)
                })
                .await?;
            if !more {
                return Ok(());
            }
        }
        // The next turn of the follower asks for another run.
        Ok(())
    })
}

/// The first epoch whose SM3 tree is not whole yet, with the sizes of both trees.
fn lag(tx: &mut Tx<'_>) -> Result<Option<(Epoch, u64, u64)>, Fault> {
    for e in epoch::all(tx)? {
        let (have, want) = (
            size(tx, Hashing::Sm3, e.number)?,
            size(tx, Hashing::Sha256, e.number)?,
        );
        if have < want {
            return Ok(Some((e, have, want)));
        }
    }
    Ok(None)
}

/// How far the SM3 tree of all epochs is built: leaves there, leaves in all.
pub(crate) fn progress(tx: &mut Tx<'_>) -> Result<(u64, u64), Fault> {
    let (mut have, mut want) = (0, 0);
    for e in epoch::all(tx)? {
        have += size(tx, Hashing::Sm3, e.number)?;
        want += size(tx, Hashing::Sha256, e.number)?;
    }
    Ok((have, want))
}

/// After each turn: signs heads of what came in, one a second at most, and asks for the job while it has work.
async fn tend(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let (due, behind) = ctx
        .read("trust.tend", |tx| {
            let e = epoch::current(tx)?;
            let behind = lag(tx)?.map(|(e, have, _)| (e.number, have));
            let mut due = Vec::new();
            for hashing in Hashing::ALL {
                let size = size(tx, hashing, e.number)? as i64;
                let sql = format!(
                    "SELECT size, at FROM {} WHERE epoch = $1 ORDER BY size DESC LIMIT 1",
                    heads(hashing)
                );
                let last = match tx.one(&sql, params![e.number])? {
                    Some(r) => (r.get("size")?, r.get("at")?),
                    None => (0, 0),
                };
                let building = hashing == Hashing::Sm3 && behind.is_some();
                // A clock that was set back counts as time that has passed.
                if !building && size > last.0 && (now - last.1).abs() >= HEAD_EVERY {
                    due.push(hashing);
                }
            }
            let waiting =
                "SELECT COUNT(*) FROM kernel_job WHERE kind = $1 AND state IN ('waiting', 'running')";
            let asked = behind.is_some() && tx.scalar::<i64>(waiting, params![FILL])? != Some(0);
            Ok((due, behind.filter(|_| !asked)))
        })
        .await?;
    if let Some((epoch, have)) = behind {
        ctx.tx("trust.fill-due", |tx| {
            let key = format!("{epoch}-{have}");
            kernel::job::enqueue(tx, ctx, FILL, &key, ctx.now(), serde_json::Value::Null).map_err(Into::into)
        })
        .await?;
    }
    for hashing in due {
        ctx.tx("trust.sign-head", |tx| {
            // Two nodes that start at once shall not both make the key.
            tx.lock(FOLLOWER)?;
            let e = epoch::current(tx)?;
            sign_head(ctx, tx, hashing, &e).map(drop)
        })
        .await?;
    }
    Ok(())
}

/// Complete subtrees of one epoch as the tree functions read them.
pub(crate) struct Stored<'a, 't>(RefCell<&'a mut Tx<'t>>, Hashing, i64);
impl<'a, 't> Stored<'a, 't> {
    pub(crate) fn new(tx: &'a mut Tx<'t>, hashing: Hashing, epoch: i64) -> Self {
        Stored(RefCell::new(tx), hashing, epoch)
    }
}
impl merkle::Hashes for Stored<'_, '_> {
    fn hashing(&self) -> Hashing {
        self.1
    }
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        load(&mut self.0.borrow_mut(), self.1, self.2, level, index)
            .ok()
            .flatten()
    }
}

/// How many leaves the tree of an epoch has.
pub(crate) fn size(tx: &mut Tx<'_>, hashing: Hashing, epoch: i64) -> Result<u64, Fault> {
    let sql = format!(
        "SELECT COALESCE(MAX(idx) + 1, 0) FROM {} WHERE epoch = $1 AND level = 0",
        nodes(hashing)
    );
    Ok(tx.scalar::<i64>(&sql, params![epoch])?.unwrap_or(0) as u64)
}

fn root(tx: &mut Tx<'_>, hashing: Hashing, epoch: i64, size: u64) -> Result<Hash> {
    merkle::root(&Stored::new(tx, hashing, epoch), size)
        .ok_or_else(|| Fault::new(format!("{} cannot make a root of {size}", nodes(hashing))).into())
}

/// The keys that sign the heads of a tree, the one for common tools last; made when there is none.
fn signers(system: &Ctx, tx: &mut Tx<'_>, hashing: Hashing) -> Result<Vec<PrivateKey>> {
    let common = vault::key_or_make(system, tx, KEY, Kind::Ed25519)?;
    Ok(match hashing {
        Hashing::Sha256 => vec![common],
        Hashing::Sm3 => vec![vault::key_or_make(system, tx, SM2_KEY, Kind::Sm2)?, common],
    })
}

/// The public half of a signer as notes name it.
fn note_key(name: &str, key: &PrivateKey) -> Result<NoteKey> {
    let bytes = key.public();
    let bytes = bytes.as_bytes();
    let key = match key.kind() {
        Kind::Ed25519 => <&[u8; 32]>::try_from(bytes)
            .ok()
            .and_then(|b| merkle::VerifyingKey::from_bytes(b).ok())
            .map(merkle::PublicKey::Ed25519),
        Kind::Sm2 => bytes.try_into().ok().map(merkle::PublicKey::Sm2),
        Kind::P256 => None,
    };
    Ok(NoteKey {
        name: name.to_string(),
        key: key.ok_or_else(|| Fault::new("the log key has another kind"))?,
    })
}

/// The keys that the heads of a tree were signed with under this name; `None` when one of them is not there.
pub(crate) fn known_keys(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    hashing: Hashing,
    origin: &str,
) -> Result<Option<merkle::LogKeys>> {
    let mut lines = Vec::new();
    let all = [(SM2_KEY, Kind::Sm2), (KEY, Kind::Ed25519)];
    for (alias, kind) in all
        .into_iter()
        .filter(|(_, k)| hashing == Hashing::Sm3 || *k == Kind::Ed25519)
    {
        let Some(key) = vault::key(ctx, tx, alias, kind)? else {
            return Ok(None);
        };
        lines.push(note_key(origin, &key)?.to_text());
    }
    Ok(merkle::LogKeys::parse(&lines.join("\n")).ok())
}

/// The head of an epoch as it stands in this transaction, signed and kept.
pub(crate) fn sign_head(system: &Ctx, tx: &mut Tx<'_>, hashing: Hashing, e: &Epoch) -> Result<String> {
    let signers = signers(system, tx, hashing)?;
    let origin = epoch::pin_origin(system, tx, e, hashing)?;
    let size = size(tx, hashing, e.number)?;
    let heads = heads(hashing);
    let known = format!("SELECT note FROM {heads} WHERE epoch = $1 AND size = $2");
    if let Some(note) = tx.scalar(&known, params![e.number, size as i64])? {
        return Ok(note);
    }
    let root = root(tx, hashing, e.number, size)?;
    let text = Checkpoint {
        origin: origin.clone(),
        size,
        root,
    }
    .to_text();
    let lines: Vec<String> = signers
        .iter()
        .map(|key| {
            let signature = key
                .sign(text.as_bytes())
                .map_err(|e| Fault::of("signing a head", e))?;
            Ok(note_key(&origin, key)?.line(&signature))
        })
        .collect::<Result<_>>()?;
    let note = merkle::join_note(&text, &lines);
    thin_out(tx, heads, e.number, system.now())?;
    tx.execute(
        &format!(
            "INSERT INTO {heads}(epoch, size, root, note, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (epoch, size) DO NOTHING"
        ),
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

/// Of an hour that has gone by the last head stays: a head of every second is thousands that nobody asks for again. Whoever
/// keeps one of them can still have it proved against any later head.
fn thin_out(tx: &mut Tx<'_>, heads: &str, epoch: i64, now: i64) -> Result<(), Fault> {
    let sql = format!("SELECT size, at FROM {heads} WHERE epoch = $1 ORDER BY size DESC LIMIT 1");
    let Some(last) = tx.one(&sql, params![epoch])? else {
        return Ok(());
    };
    let (size, at): (i64, i64) = (last.get("size")?, last.get("at")?);
    let hour = at.div_euclid(HOUR);
    if hour < now.div_euclid(HOUR) {
        tx.execute(
            &format!("DELETE FROM {heads} WHERE epoch = $1 AND at >= $2 AND at < $3 AND size < $4"),
            params![epoch, hour * HOUR, (hour + 1) * HOUR, size],
        )?;
    }
    Ok(())
}

/// The newest signed head of an epoch, of the current one when none is named; signs one when the log has grown.
pub async fn checkpoint(ctx: &Ctx, hashing: Hashing, epoch: Option<i64>) -> Result<String> {
    let known = ctx
        .read("trust.head", |tx| {
            let e = epoch::named(tx, epoch)?;
            let size = size(tx, hashing, e.number)? as i64;
            let sql = format!(
                "SELECT note FROM {} WHERE epoch = $1 AND size = $2",
                heads(hashing)
            );
            Ok(tx.scalar::<String>(&sql, params![e.number, size])?)
        })
        .await?;
    if let Some(note) = known {
        return Ok(note);
    }
    let system = ctx.as_system(FOLLOWER);
    system
        .tx("trust.sign-head", |tx| {
            let e = epoch::named(tx, epoch)?;
            sign_head(&system, tx, hashing, &e)
        })
        .await
}

/// The verifier keys of an epoch's tree, as C2SP writes them (`name+hash+key`), one on a line.
pub async fn verifier(ctx: &Ctx, hashing: Hashing, epoch: Option<i64>) -> Result<String> {
    let system = ctx.as_system(FOLLOWER);
    system
        .tx("trust.log-key", |tx| {
            let e = epoch::named(tx, epoch)?;
            let origin = epoch::pin_origin(&system, tx, &e, hashing)?;
            let lines: Vec<String> = signers(&system, tx, hashing)?
                .iter()
                .map(|key| Ok(note_key(&origin, key)?.to_text()))
                .collect::<Result<_>>()?;
            Ok(lines.join("\n"))
        })
        .await
}

/// Everything a third party needs to check that one fact is in the log, as `yiwang-proof/1`.
pub async fn proof(ctx: &Ctx, seq: i64) -> Result<serde_json::Value> {
    proof_in(ctx, Hashing::Sha256, seq).await
}

async fn proof_in(ctx: &Ctx, hashing: Hashing, seq: i64) -> Result<serde_json::Value> {
    let e = ctx.read("trust.epoch", |tx| Ok(epoch::of(tx, seq)?)).await?;
    let note = checkpoint(ctx, hashing, Some(e.number)).await?;
    let head = Checkpoint::parse(&note).map_err(|e| Fault::of("own checkpoint", e.to_string()))?;
    ctx.read("trust.proof", |tx| {
        let index = u64::try_from(seq - 1 - e.base).map_err(|_| Refusal::not_found())?;
        let fact = kernel::fact::after(tx, seq - 1, 1)?.pop().filter(|f| f.seq == seq && index < head.size);
        let fact = fact.ok_or_else(Refusal::not_found)?;
        let hashes = merkle::inclusion(&Stored::new(tx, hashing, e.number), index, head.size)
            .ok_or_else(|| Fault::new("the log lacks a node of this proof"))?;
        Ok(serde_json::json!({
            "format": "yiwang-proof/1", "leaf": fact.leaf()?, "index": index,
            "hashes": hashes.iter().map(|h| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, h)).collect::<Vec<_>>(),
            "checkpoint": note,
        }))
    })
    .await
}

/// The proof of the first leaf of an epoch, which holds the last head of the one before. It is the one leaf that everybody
/// may read: without it nobody outside could tell a restore from a log put in the place of another.
pub(crate) async fn opening(ctx: &Ctx, hashing: Hashing, epoch: i64) -> Result<serde_json::Value> {
    let base = ctx
        .read("trust.opening", |tx| {
            let e = epoch::named(tx, Some(epoch))?;
            let first = kernel::fact::after(tx, e.base, 1)?.pop();
            let opened = first.is_some_and(|f| f.kind == epoch::REOPENED);
            Ok(if opened {
                e.base
            } else {
                return Err(Refusal::not_found().into());
            })
        })
        .await?;
    proof_in(ctx, hashing, base + 1).await
}

/// A proof and what it is about.
pub(crate) struct Proof {
    pub origin: String,
    /// (size, root) of the trees that it speaks of, the smaller first.
    pub trees: Vec<(u64, Hash)>,
    /// The hash of the leaf, where it is about one.
    pub leaf: Option<Hash>,
    pub hashes: Vec<Hash>,
}

fn beyond(have: u64) -> Refusal {
    Refusal::new("trust-proof-beyond").status(404).arg("size", have)
}

fn missing() -> Fault {
    Fault::new("the log lacks a node of this proof")
}

/// Proof that a leaf is in the tree of `size` leaves, or in the tree as it is now.
pub(crate) async fn inclusion(
    ctx: &Ctx,
    hashing: Hashing,
    epoch: Option<i64>,
    index: u64,
    wanted: Option<u64>,
) -> Result<Proof> {
    let system = ctx.as_system(FOLLOWER);
    let origin = name(&system, hashing, epoch).await?;
    ctx.read("trust.inclusion", |tx| {
        let e = epoch::named(tx, epoch)?.number;
        let have = size(tx, hashing, e)?;
        let size = wanted.unwrap_or(have);
        if size > have {
            return Err(beyond(have).into());
        }
        if index >= size {
            let refusal = Refusal::new("trust-proof-index").status(400);
            return Err(refusal.arg("index", index).arg("size", size).into());
        }
        let stored = Stored::new(tx, hashing, e);
        let hashes = merkle::inclusion(&stored, index, size).ok_or_else(missing)?;
        let leaf = merkle::Hashes::node(&stored, 0, index);
        let root = merkle::root(&stored, size).ok_or_else(missing)?;
        Ok(Proof {
            origin: origin.clone(),
            trees: vec![(size, root)],
            leaf,
            hashes,
        })
    })
    .await
}

/// Proof that the tree of `from` leaves is the beginning of the tree of `to` leaves, or of the tree as it is now.
pub(crate) async fn consistency(
    ctx: &Ctx,
    hashing: Hashing,
    epoch: Option<i64>,
    from: u64,
    to: Option<u64>,
) -> Result<Proof> {
    let system = ctx.as_system(FOLLOWER);
    let origin = name(&system, hashing, epoch).await?;
    ctx.read("trust.consistency", |tx| {
        let e = epoch::named(tx, epoch)?.number;
        let have = size(tx, hashing, e)?;
        let to = to.unwrap_or(have);
        if to > have {
            return Err(beyond(have).into());
        }
        if from > to {
            let refusal = Refusal::new("trust-proof-order").status(400);
            return Err(refusal.arg("from", from).arg("to", to).into());
        }
        let stored = Stored::new(tx, hashing, e);
        let hashes = merkle::consistency(&stored, from, to).ok_or_else(missing)?;
        let roots = [from, to].map(|size| merkle::root(&stored, size).map(|root| (size, root)));
        let trees = roots.into_iter().collect::<Option<_>>().ok_or_else(missing)?;
        Ok(Proof {
            origin: origin.clone(),
            trees,
            leaf: None,
            hashes,
        })
    })
    .await
}

/// The name of an epoch's tree.
async fn name(system: &Ctx, hashing: Hashing, epoch: Option<i64>) -> Result<String> {
    let known = system
        .read("trust.log-name", |tx| {
            Ok(epoch::named(tx, epoch)?.origin(hashing).map(String::from))
        })
        .await?;
    match known {
        Some(name) => Ok(name),
        None => {
            system
                .tx("trust.log-name", |tx| {
                    let e = epoch::named(tx, epoch)?;
                    epoch::pin_origin(system, tx, &e, hashing)
                })
                .await
        }
    }
}

/// Bytes of one tile of an epoch: hashes of a level, or entries. `width` is 1–256.
pub async fn tile(
    ctx: &Ctx,
    hashing: Hashing,
    epoch: Option<i64>,
    level: Option<u8>,
    index: u64,
    width: u16,
) -> Result<Vec<u8>> {
    ctx.read("trust.tile", |tx| {
        let e = epoch::named(tx, epoch)?;
        let first = index.checked_mul(256).ok_or_else(Refusal::not_found)?;
        let end = first.saturating_add(u64::from(width));
        let shift = u32::from(level.unwrap_or(0)) * 8;
        let have = size(tx, hashing, e.number)?.checked_shr(shift).unwrap_or(0);
        if width == 0 || width > 256 || end > have {
            return Err(Refusal::not_found().into());
        }
        let mut out = Vec::new();
        match level {
            Some(level) => {
                let row = range(tx, hashing, e.number, level * 8, first..end)?;
                if row.len() != usize::from(width) {
                    return Err(Fault::new("a log node is missing").into());
                }
                row.into_iter().for_each(|(_, hash)| out.extend(hash));
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
