//! `yiwang doctor`, the part that trusts nobody: recomputes the leaves from the facts, the root from the leaves, and the
//! salted hash of every covered row from the row, and names what differs.

use crate::log;
use kernel::fact::{self, hash_of};
use kernel::{Ctx, Fault, Result, params};
use std::collections::{BTreeMap, HashMap};

/// Facts read at a time; a read transaction is bounded.
const PAGE: u32 = 200;

/// Every altered, missing or surplus row, in words an operator can act on.
pub(crate) async fn check(ctx: Ctx) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let head = ctx.read("doctor.head", |tx| Ok(fact::head(tx)?)).await?;
    let logged = ctx.read("doctor.size", |tx| Ok(log::size(tx)?)).await? as i64;
    if logged > head {
        findings.push(format!(
            "kernel_fact: the log has {logged} leaves and the table only {head} facts"
        ));
    }
    // The last fact that touched a row says what the row must be.
    let mut last: HashMap<(String, String), (String, String, i64)> = HashMap::new();
    let mut levels: Vec<Option<merkle::Hash>> = Vec::new();
    let mut seq = 0;
    let mut count = 0u64;
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
                    "SELECT idx, hash FROM trust_node WHERE level = 0 AND idx >= $1 AND idx < $2 ORDER BY idx",
                    params![seq, seq + i64::from(PAGE)],
                )?;
                rows.iter()
                    .map(|r| Ok((r.get::<i64>("idx")?, r.get::<Vec<u8>>("hash")?)))
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
            count += 1;
            let leaf = merkle::leaf_hash(f.leaf()?.as_bytes());
            if seq <= logged && stored.get(&(seq - 1)).map(Vec::as_slice) != Some(&leaf[..]) {
                findings.push(format!(
                    "kernel_fact: fact {seq} ({}, {}) was altered after it was logged",
                    f.kind, f.id
                ));
            }
            if seq <= logged {
                push(&mut levels, leaf);
            }
            for t in f.touched.as_array().into_iter().flatten() {
                let text = |k: &str| t[k].as_str().unwrap_or_default().to_string();
                last.insert((text("table"), text("id")), (text("hash"), f.salt.clone(), seq));
            }
        }
    }
    if count > 0 {
        let root = levels
            .iter()
            .flatten()
            .copied()
            .reduce(|right, left| merkle::node_hash(&left, &right));
        let signed: Option<String> = ctx
            .read("doctor.signed", |tx| {
                Ok(tx.scalar("SELECT root FROM trust_head WHERE size = $1", params![logged])?)
            })
            .await?;
        if let (Some(root), Some(signed)) = (root, signed)
            && hex::encode(root) != signed
        {
            findings.push(format!(
                "trust_head: the signed root of {logged} leaves is not the root of the facts"
            ));
        }
    }
    rows(&ctx, &last, &mut findings).await?;
    Ok(findings)
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

async fn rows(
    ctx: &Ctx,
    last: &HashMap<(String, String), (String, String, i64)>,
    findings: &mut Vec<String>,
) -> Result<()> {
    let tables: BTreeMap<&str, &'static kernel::Table> = ctx
        .app
        .modules
        .iter()
        .flat_map(|m| &m.tables)
        .map(|t| (t.name, *t))
        .collect();
    for (name, table) in tables {
        let mut after = String::new();
        let mut seen = 0usize;
        let key = table.columns[0];
        loop {
            let sql = format!(
                "SELECT {} FROM {name} WHERE {key} > $1 ORDER BY {key} LIMIT {PAGE}",
                table.columns.join(", ")
            );
            let page = ctx
                .read("doctor.rows", |tx| Ok(tx.query(&sql, params![after.clone()])?))
                .await?;
            let Some(end) = page.last() else { break };
            after = end.get(key)?;
            for row in &page {
                let id: String = row.get(key)?;
                match last.get(&(name.to_string(), id.clone())) {
                    None => findings.push(format!(
                        "{name}: row {id} is covered by no fact; it was put in by hand"
                    )),
                    Some((hash, salt, seq)) => {
                        seen += 1;
                        if hash_of(row, salt)? != *hash {
                            findings.push(format!("{name}: row {id} was altered by hand since fact {seq}"));
                        }
                    }
                }
            }
        }
        let expected = last.keys().filter(|(t, _)| t == name).count();
        if seen < expected {
            for (_, id) in last.keys().filter(|(t, _)| t == name) {
                let sql = format!("SELECT COUNT(*) FROM {name} WHERE {key} = $1");
                let there: Option<i64> = ctx
                    .read("doctor.row", |tx| Ok(tx.scalar(&sql, params![id.as_str()])?))
                    .await?;
                if there == Some(0) {
                    findings.push(format!("{name}: row {id} was deleted by hand"));
                }
            }
        }
    }
    Ok(())
}
