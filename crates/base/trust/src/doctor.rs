//! `yiwang doctor`, the part that trusts nobody: recomputes the leaves from the facts, the root from the leaves, and the
//! salted hash of every covered row from the row, and names what differs.

use crate::epoch::{self, Epoch};
use crate::log;
use kernel::fact::{self, hash_of};
use kernel::{Ctx, Fault, Result, Tx, params};
use std::collections::{BTreeMap, HashMap, HashSet};

/// (table, row) → (hash that the last fact gave it, `None` when it was removed; salt; seq of that fact).
type Last = HashMap<(String, String), (Option<String>, String, i64)>;

/// How far the clocks of nodes may differ, in milliseconds.
const CLOCK: i64 = 5 * 60_000;

/// Facts read at a time; a read transaction is bounded.
const PAGE: u32 = 200;

/// Every altered, missing or surplus row, in words an operator can act on.
pub(crate) async fn check(ctx: Ctx) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let head = ctx.read("doctor.head", |tx| Ok(fact::head(tx)?)).await?;
    let epochs = ctx.read("doctor.epochs", |tx| Ok(epoch::all(tx)?)).await?;
    let Some(newest) = epochs.last().cloned() else {
        findings.push("trust_epoch: the log has no epoch".into());
        return Ok(findings);
    };
    // The last fact that is in the tree.
    let logged = newest.base
        + ctx
            .read("doctor.size", |tx| Ok(log::size(tx, newest.number)?))
            .await? as i64;
    if logged > head {
        findings.push(format!(
            "kernel_fact: the log has {logged} leaves and the table only {head} facts"
        ));
    }
    // The last fact that touched a row says what the row must be.
    let mut last: Last = HashMap::new();
    let mut levels: Vec<Option<merkle::Hash>> = Vec::new();
    let mut seq = 0;
    // The epoch of the leaves being read.
    let mut at = 0;
    while seq < head {
        let page = ctx
            .read("doctor.facts", |tx| Ok(fact::after(tx, seq, PAGE)?))
            .await?;
        if page.is_empty() {
            break;
        }
        let stored = ctx
            .read("doctor.leaves", |tx| {
                let rows = tx.query(
                    "SELECT e.base + n.idx + 1 AS seq, n.hash FROM trust_node n JOIN trust_epoch e ON e.epoch = n.epoch \
                     WHERE n.level = 0 AND e.base + n.idx >= $1 AND e.base + n.idx < $2",
                    params![seq, seq + i64::from(PAGE)],
                )?;
                rows.iter()
                    .map(|r| Ok((r.get::<i64>("seq")?, r.get::<Vec<u8>>("hash")?)))
                    .collect::<Result<HashMap<_, _>, Fault>>()
                    .map_err(Into::into)
            })
            .await?;
        for f in page {
            if f.seq != seq + 1 {
                findings.push(format!(
                    "kernel_fact: fact {} is missing (the next one is {})",
                    seq + 1,
                    f.seq
                ));
            }
            seq = f.seq;
            while epochs.get(at + 1).is_some_and(|next| next.base < seq) {
                signed(
                    &ctx,
                    &epochs[at],
                    epochs[at + 1].base,
                    &std::mem::take(&mut levels),
                    &mut findings,
                )
                .await?;
                at += 1;
            }
            let leaf = merkle::leaf_hash(f.leaf()?.as_bytes());
            if seq <= logged && stored.get(&seq).map(Vec::as_slice) != Some(&leaf[..]) {
                findings.push(format!(
                    "kernel_fact: fact {seq} ({}, {}) was altered after it was logged",
                    f.kind, f.id
                ));
            }
            if seq <= logged {
                push(&mut levels, leaf);
            }
            Word::take(&mut last, &f.touched, &f.salt, seq);
        }
    }
    signed(&ctx, &epochs[at], logged, &levels, &mut findings).await?;
    let newest: Option<i64> = ctx
        .read("doctor.clock", |tx| {
            Ok(tx.scalar("SELECT at FROM kernel_fact WHERE seq = $1", params![head])?)
        })
        .await?;
    let ahead = newest.unwrap_or(0) - ctx.now();
    if ahead > CLOCK {
        findings.push(format!(
            "warning: the newest fact was written {} minutes ahead of this machine's clock; set the clock right (NTP) before \
             people go on working, for due dates are counted by it",
            ahead / 60_000
        ));
    }
    rows(&ctx, &mut Word { last, seq }, &mut findings).await?;
    Ok(findings)
}

/// Whether the signed head of an epoch whose last leaf is the fact `last` fits the leaves.
async fn signed(
    ctx: &Ctx,
    e: &Epoch,
    last: i64,
    levels: &[Option<merkle::Hash>],
    findings: &mut Vec<String>,
) -> Result<()> {
    let size = last - e.base;
    let root = levels
        .iter()
        .flatten()
        .copied()
        .reduce(|right, left| merkle::node_hash(&left, &right));
    let sql = "SELECT root FROM trust_head WHERE epoch = $1 AND size = $2";
    let signed: Option<String> = ctx
        .read("doctor.signed", |tx| Ok(tx.scalar(sql, params![e.number, size])?))
        .await?;
    if let (Some(root), Some(signed)) = (root, signed)
        && hex::encode(root) != signed
    {
        findings.push(format!(
            "trust_head: the signed root of {size} leaves in epoch {} is not the root of the facts",
            e.number
        ));
    }
    Ok(())
}

/// Adds a leaf to the compact range: level `n` holds the root of a complete subtree of 2ⁿ leaves, if there is one.
fn push(levels: &mut Vec<Option<merkle::Hash>>, leaf: merkle::Hash) {
    let mut hash = leaf;
    for level in levels.iter_mut() {
        match level.take() {
            Some(left) => hash = merkle::node_hash(&left, &hash),
            None => {
                *level = Some(hash);
                return;
            }
        }
    }
    levels.push(Some(hash));
}

/// What the facts say of the covered rows. A running city goes on writing, so every comparison happens in one snapshot:
/// the rows of a page together with the facts that had come by then.
struct Word {
    last: Last,
    /// Numbered facts up to here are in `last`.
    seq: i64,
}

impl Word {
    fn take(last: &mut Last, touched: &serde_json::Value, salt: &str, seq: i64) {
        for t in touched.as_array().into_iter().flatten() {
            let text = |k: &str| t[k].as_str().unwrap_or_default().to_string();
            let hash = t["hash"].as_str().map(String::from);
            last.insert((text("table"), text("id")), (hash, salt.to_string(), seq));
        }
    }

    /// Brings `last` up to this snapshot and returns what facts without a number say on top of it.
    fn follow(&mut self, tx: &mut Tx<'_>) -> Result<Last, Fault> {
        loop {
            let page = fact::after(tx, self.seq, PAGE)?;
            for f in &page {
                Self::take(&mut self.last, &f.touched, &f.salt, f.seq);
                self.seq = f.seq;
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        let mut newest = Last::new();
        for (touched, salt) in fact::unnumbered(tx)? {
            Self::take(&mut newest, &touched, &salt, self.seq + 1);
        }
        Ok(newest)
    }

    /// The newest word on one row.
    fn on<'a>(
        &'a self,
        newest: &'a Last,
        table: &str,
        id: &str,
    ) -> Option<&'a (Option<String>, String, i64)> {
        let key = (table.to_string(), id.to_string());
        newest.get(&key).or_else(|| self.last.get(&key))
    }
}

async fn rows(ctx: &Ctx, word: &mut Word, findings: &mut Vec<String>) -> Result<()> {
    let tables: BTreeMap<&str, &'static kernel::Table> = ctx
        .app
        .modules
        .iter()
        .flat_map(|m| &m.tables)
        .map(|t| (t.name, *t))
        .collect();
    for (name, table) in tables {
        let mut after = String::new();
        let mut seen = HashSet::new();
        let key = table.columns[0];
        let sql = format!(
            "SELECT {} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT {PAGE}",
            table.columns.join(", ")
        );
        loop {
            let (newest, page) = ctx
                .read("doctor.rows", |tx| {
                    Ok((word.follow(tx)?, tx.query(&sql, params![after.clone()])?))
                })
                .await?;
            let Some(end) = page.last() else { break };
            after = end.get(key)?;
            for row in &page {
                let id: String = row.get(key)?;
                match word.on(&newest, name, &id) {
                    None => findings.push(format!(
                        "{name}: row {id} is covered by no fact; it was put in by hand"
                    )),
                    Some((None, _, seq)) => findings.push(format!(
                        "{name}: row {id} was removed by fact {seq} and put back by hand"
                    )),
                    Some((Some(hash), salt, seq)) => {
                        if hash_of(row, salt)? != *hash {
                            findings.push(format!("{name}: row {id} was altered by hand since fact {seq}"));
                        }
                    }
                }
                seen.insert(id);
            }
        }
        let unseen: Vec<String> = word
            .last
            .iter()
            .filter(|((t, id), (hash, ..))| t == name && hash.is_some() && !seen.contains(id))
            .map(|((_, id), _)| id.clone())
            .collect();
        let there = format!("SELECT COUNT(*) FROM {name} WHERE {key} = $1");
        for id in unseen {
            let (newest, count) = ctx
                .read("doctor.row", |tx| {
                    Ok((word.follow(tx)?, tx.scalar::<i64>(&there, params![id.as_str()])?))
                })
                .await?;
            let expected = word
                .on(&newest, name, &id)
                .is_some_and(|(hash, ..)| hash.is_some());
            if expected && count == Some(0) {
                findings.push(format!("{name}: row {id} was deleted by hand"));
            }
        }
    }
    Ok(())
}
