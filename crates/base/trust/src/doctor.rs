//! `yiwang doctor`, the part that trusts nobody: recomputes the leaves from the facts, the root from the leaves, and the
//! salted hash of every covered row from the row, and names what differs.

use crate::epoch::{self, Epoch};
use crate::log;
use kernel::fact::{self, hash_of};
use kernel::{Ctx, Fault, Result, Tx, params};
use merkle::{Checkpoint, Hash, Hashing, Node, Tree};
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
    let (tree, followed) = ctx
        .read("doctor.size", |tx| {
            let size = log::size(tx, Hashing::Sha256, newest.number)? as i64;
            let at = "SELECT seq FROM kernel_cursor WHERE consumer = 'trust.log'";
            Ok((newest.base + size, tx.scalar::<i64>(at, &[])?.unwrap_or(0)))
        })
        .await?;
    // The last fact that is in the tree, or was.
    let logged = tree.max(followed);
    if logged > head {
        findings.push(format!(
            "kernel_fact: the log has {logged} leaves and the table only {head} facts"
        ));
    }
    // The last fact that touched a row says what the row must be.
    let mut last: Last = HashMap::new();
    let mut seq = 0;
    // The epoch of the leaves being read.
    let mut at = 0;
    let mut trees = Trees::open(&ctx, &epochs, at, logged).await?;
    while seq < head {
        let page = ctx
            .read("doctor.facts", |tx| Ok(fact::after(tx, seq, PAGE)?))
            .await?;
        if page.is_empty() {
            break;
        }
        for f in page {
            if f.seq != seq + 1 {
                findings.push(format!(
                    "kernel_fact: fact {} is missing (the next one is {})",
                    seq + 1,
                    f.seq
                ));
            }
            // The leaf of a fact that is gone stays in its place, so that the ones behind it are not named as well.
            for lost in seq + 1..f.seq.min(logged + 1) {
                trees.append(&ctx, lost, None, &mut findings).await?;
            }
            seq = f.seq;
            while epochs.get(at + 1).is_some_and(|next| next.base < seq) {
                trees.compare(&ctx, &mut findings).await?;
                trees.close(&ctx, &mut findings).await?;
                at += 1;
                trees = Trees::open(&ctx, &epochs, at, logged).await?;
            }
            if seq <= logged {
                trees.append(&ctx, seq, Some(&f), &mut findings).await?;
            }
            Word::take(&mut last, &f.touched, &f.salt, seq);
        }
    }
    trees.compare(&ctx, &mut findings).await?;
    trees.close(&ctx, &mut findings).await?;
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

/// Both trees of one epoch, computed again from the facts.
struct Trees {
    epoch: Epoch,
    /// Leaves that each tree must have by now; the SM3 tree may still be in the making.
    due: [u64; 2],
    trees: [Tree; 2],
    /// Stored leaves that were read ahead.
    leaves: [HashMap<u64, Vec<u8>>; 2],
    /// Inner nodes computed since the last comparison.
    made: [Vec<Node>; 2],
    /// Root of each size for which a head was signed, by tree.
    roots: [BTreeMap<u64, Hash>; 2],
    heads: [BTreeMap<u64, Head>; 2],
}

struct Head {
    root: String,
    note: String,
}

const TREES: [Hashing; 2] = Hashing::ALL;

impl Trees {
    async fn open(ctx: &Ctx, epochs: &[Epoch], at: usize, logged: i64) -> Result<Trees> {
        let epoch = epochs[at].clone();
        let end = epochs.get(at + 1).map_or(logged, |next| next.base);
        let sha256 = (end - epoch.base).max(0) as u64;
        let (sm3, heads) = ctx
            .read("doctor.heads", |tx| {
                let have = log::size(tx, Hashing::Sm3, epoch.number)?;
                let building = log::progress(tx)?;
                // Once it has been built, it is due whole.
                let whole = building.0 >= building.1;
                let mut heads = [BTreeMap::new(), BTreeMap::new()];
                for (n, hashing) in TREES.into_iter().enumerate() {
                    let sql = format!(
                        "SELECT size, root, note FROM {} WHERE epoch = $1",
                        log::heads(hashing)
                    );
                    for r in tx.query(&sql, params![epoch.number])? {
                        let head = Head {
                            root: r.get("root")?,
                            note: r.get("note")?,
                        };
                        heads[n].insert(r.get::<i64>("size")? as u64, head);
                    }
                }
                Ok((if whole { sha256 } else { have }, heads))
            })
            .await?;
        Ok(Trees {
            epoch,
            due: [sha256, sm3],
            trees: TREES.map(Tree::new),
            leaves: Default::default(),
            made: Default::default(),
            roots: Default::default(),
            heads,
        })
    }

    /// Takes the leaf of one fact, `None` when the fact is gone, and holds it against the stored ones.
    async fn append(
        &mut self,
        ctx: &Ctx,
        seq: i64,
        f: Option<&fact::Recorded>,
        findings: &mut Vec<String>,
    ) -> Result<()> {
        let index = self.trees[0].size();
        if index % u64::from(PAGE) == 0 {
            self.compare(ctx, findings).await?;
            for (n, hashing) in TREES.into_iter().enumerate() {
                let places = index..(index + u64::from(PAGE)).min(self.due[n]).max(index);
                let number = self.epoch.number;
                let read = ctx.read("doctor.leaves", |tx| {
                    Ok(log::range(tx, hashing, number, 0, places.clone())?)
                });
                self.leaves[n] = read.await?.into_iter().collect();
            }
        }
        let text = f.map(fact::Recorded::leaf).transpose()?;
        let due: Vec<usize> = (0..TREES.len()).filter(|n| index < self.due[*n]).collect();
        let computed = TREES.map(|hashing| text.as_ref().map(|t| hashing.leaf(t.as_bytes())));
        let stored = [0, 1].map(|n: usize| {
            let bytes = self.leaves[n].get(&index).cloned();
            bytes.and_then(|b| Hash::try_from(b).ok())
        });
        let differs: Vec<usize> = due
            .iter()
            .copied()
            .filter(|n| computed[*n] != stored[*n])
            .collect();
        // Both trees against the fact: it is the fact that was altered. One of them alone: that tree was.
        let fact_altered = differs == due && due.iter().all(|n| stored[*n].is_some());
        match f {
            Some(f) if fact_altered && !due.is_empty() => findings.push(format!(
                "kernel_fact: fact {seq} ({}, {}) was altered after it was logged",
                f.kind, f.id
            )),
            Some(_) => {
                for n in differs {
                    let table = log::nodes(TREES[n]);
                    findings.push(match stored[n] {
                        Some(_) => format!("{table}: the leaf of fact {seq} was altered by hand"),
                        None => format!("{table}: the leaf of fact {seq} is missing; the log was cut"),
                    });
                }
            }
            None => {}
        }
        for n in due {
            // What was found wrong once is not carried up to the root.
            let leaf = match fact_altered {
                true => stored[n].or(computed[n]),
                false => computed[n].or(stored[n]),
            };
            let Some(leaf) = leaf else { continue };
            self.made[n].extend(self.trees[n].append(leaf).into_iter().skip(1));
            let size = self.trees[n].size();
            if self.heads[n].contains_key(&size) {
                self.roots[n].insert(size, self.trees[n].root());
            }
        }
        Ok(())
    }

    /// Holds the inner nodes that were computed against the stored ones.
    async fn compare(&mut self, ctx: &Ctx, findings: &mut Vec<String>) -> Result<()> {
        for (n, hashing) in TREES.into_iter().enumerate() {
            let mut levels: BTreeMap<u8, Vec<Node>> = BTreeMap::new();
            for node in std::mem::take(&mut self.made[n]) {
                levels.entry(node.level).or_default().push(node);
            }
            for (level, made) in levels {
                let (Some(from), Some(to)) = (made.first(), made.last()) else {
                    continue;
                };
                let places = from.index..to.index + 1;
                let number = self.epoch.number;
                let read = ctx.read("doctor.nodes", |tx| {
                    Ok(log::range(tx, hashing, number, level, places.clone())?)
                });
                let stored: HashMap<u64, Vec<u8>> = read.await?.into_iter().collect();
                for node in made {
                    let what = match stored.get(&node.index) {
                        Some(hash) if *hash == node.hash => continue,
                        Some(_) => "was altered by hand",
                        None => "is missing; the log was cut",
                    };
                    findings.push(format!(
                        "{}: node {level}/{} of epoch {number} {what}",
                        log::nodes(hashing),
                        node.index
                    ));
                }
            }
        }
        Ok(())
    }

    /// What the heads of the epoch say, once all its facts were read.
    async fn close(&mut self, ctx: &Ctx, findings: &mut Vec<String>) -> Result<()> {
        for (n, hashing) in TREES.into_iter().enumerate() {
            let table = log::heads(hashing);
            let size = self.trees[n].size();
            let number = self.epoch.number;
            for (signed, head) in &self.heads[n] {
                let said = Checkpoint::parse(&head.note).ok();
                let origin = said.as_ref().map_or("", |s| &s.origin);
                let keys = ctx
                    .read("doctor.keys", |tx| log::known_keys(ctx, tx, hashing, origin))
                    .await?;
                let opened = keys.and_then(|k| k.open(&head.note).ok());
                let root = match signed {
                    0 => Some(hashing.empty()),
                    _ => self.roots[n].get(signed).copied(),
                };
                let named = self.epoch.origin(hashing);
                if *signed > size {
                    findings.push(format!(
                        "{table}: a head of {signed} leaves was signed in epoch {number}, which has only {size}: the log was \
                         cut, or the head is forged"
                    ));
                } else if opened.is_none() || opened != said || named.is_some_and(|name| name != origin) {
                    findings.push(format!(
                        "{table}: the head of {signed} leaves in epoch {number} is not signed by the log's keys; it is forged"
                    ));
                } else if said.is_none_or(|s| s.size != *signed || Some(s.root) != root)
                    || root.is_none_or(|r| hex::encode(r) != head.root)
                {
                    findings.push(format!(
                        "{table}: the signed root of {signed} leaves in epoch {number} is not the root of the facts"
                    ));
                }
            }
        }
        Ok(())
    }
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
