//! `yiwang doctor`, the part that trusts nobody: recomputes the leaves from the facts, the root from the leaves, and the
//! salted hash of every covered row from the row, and names what differs.

use crate::epoch::{self, Epoch};
use crate::log;
use kernel::fact::{self, hash_of};
use kernel::{Ctx, Fault, Result, Tx, params};
use merkle::{Checkpoint, Hash, Hashing, Node, Tree};
use std::collections::{BTreeMap, HashMap, HashSet};

/// (table, row) → (hash that the last fact gave it, `None` when it was removed; salt; seq of that fact).
pub(crate) type Last = HashMap<(String, String), (Option<String>, String, i64)>;

/// How far the clocks of nodes may differ, in milliseconds.
const CLOCK: i64 = 5 * 60_000;

/// Facts read at a time; a read transaction is bounded.
const PAGE: u32 = 200;

/// Every altered, missing or surplus row, in words an operator can act on.
pub(crate) async fn check(ctx: Ctx) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let head = ctx.read("doctor.head", |tx| Ok(fact::head(tx)?)).await?;
    let state = ctx.read("doctor.log", Logged::read).await?;
    let Some(first) = state.epochs.first() else {
        findings.push("trust_epoch: the log has no epoch".into());
        return Ok(findings);
    };
    if state.end > head {
        findings.push(format!(
            "kernel_fact: the log has {} leaves and the table only {head} facts",
            state.end
        ));
    }
    // The last fact that touched a row says what the row must be.
    let mut last: Last = HashMap::new();
    let mut seq = 0;
    // The epoch of the leaves being read.
    let mut at = 0;
    let mut trees = Trees::open(first);
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
            for lost in seq + 1..f.seq.min(state.end + 1) {
                trees.append(&ctx, lost, None, &mut findings).await?;
            }
            seq = f.seq;
            while let Some(next) = state.epochs.get(at + 1).filter(|next| next.epoch.base < seq) {
                trees.close(&ctx, &mut findings).await?;
                at += 1;
                trees = Trees::open(next);
            }
            if seq <= state.end {
                trees.append(&ctx, seq, Some(&f), &mut findings).await?;
            }
            Word::take(&mut last, &f.touched, &f.salt, seq);
        }
    }
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

/// What the log says of itself, in one snapshot: a running city goes on signing.
struct Logged {
    epochs: Vec<Claim>,
    /// The last fact that is in the tree, or was.
    end: i64,
}

/// What is claimed of one epoch.
struct Claim {
    epoch: Epoch,
    /// Leaves that each tree must have; the SM3 tree may still be in the making.
    due: [u64; 2],
    /// Signed heads by size, of each tree.
    heads: [BTreeMap<u64, Head>; 2],
}

struct Head {
    root: String,
    note: String,
}

const TREES: [Hashing; 2] = Hashing::ALL;

impl Logged {
    fn read(tx: &mut Tx<'_>) -> Result<Logged> {
        let all = epoch::all(tx)?;
        let at = "SELECT seq FROM kernel_cursor WHERE consumer = 'trust.log'";
        let mut end = tx.scalar::<i64>(at, &[])?.unwrap_or(0);
        if let Some(e) = all.last() {
            end = end.max(e.base + log::size(tx, Hashing::Sha256, e.number)? as i64);
        }
        let (have, want) = log::progress(tx)?;
        let mut epochs = Vec::new();
        for (n, epoch) in all.iter().enumerate() {
            let last = all.get(n + 1).map_or(end, |next| next.base);
            let sha256 = (last - epoch.base).max(0) as u64;
            // Once the second tree has been built, it is due whole.
            let sm3 = match have < want {
                true => log::size(tx, Hashing::Sm3, epoch.number)?,
                false => sha256,
            };
            let mut heads = [BTreeMap::new(), BTreeMap::new()];
            for (heads, hashing) in heads.iter_mut().zip(TREES) {
                let sql = format!(
                    "SELECT size, root, note FROM {} WHERE epoch = $1",
                    log::heads(hashing)
                );
                for r in tx.query(&sql, params![epoch.number])? {
                    let head = Head {
                        root: r.get("root")?,
                        note: r.get("note")?,
                    };
                    heads.insert(r.get::<i64>("size")? as u64, head);
                }
            }
            epochs.push(Claim {
                epoch: epoch.clone(),
                due: [sha256, sm3],
                heads,
            });
        }
        Ok(Logged { epochs, end })
    }
}

/// Both trees of one epoch, computed again from the facts.
struct Trees<'a> {
    epoch: &'a Epoch,
    due: [u64; 2],
    heads: &'a [BTreeMap<u64, Head>; 2],
    trees: [Tree; 2],
    /// Stored leaves that were read ahead.
    leaves: [HashMap<u64, Vec<u8>>; 2],
    /// Inner nodes computed since the last comparison.
    made: [Vec<Node>; 2],
    /// Root of each size for which a head was signed, by tree.
    roots: [BTreeMap<u64, Hash>; 2],
}

impl<'a> Trees<'a> {
    fn open(claim: &'a Claim) -> Trees<'a> {
        Trees {
            epoch: &claim.epoch,
            due: claim.due,
            heads: &claim.heads,
            trees: TREES.map(Tree::new),
            leaves: Default::default(),
            made: Default::default(),
            roots: Default::default(),
        }
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
        if index.is_multiple_of(u64::from(PAGE)) {
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
        self.compare(ctx, findings).await?;
        for (n, hashing) in TREES.into_iter().enumerate() {
            let table = log::heads(hashing);
            let size = self.trees[n].size();
            let number = self.epoch.number;
            let keys = ctx
                .read("doctor.keys", |tx| log::known_keys(ctx, tx, hashing, "log"))
                .await?;
            for (signed, head) in &self.heads[n] {
                let said = Checkpoint::parse(&head.note).ok();
                let origin = said.as_ref().map_or("", |s| &s.origin);
                let keys = keys.as_ref().map(|k| k.renamed(origin));
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
pub(crate) struct Word {
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

    /// What all facts so far say.
    pub(crate) async fn catch_up(ctx: &Ctx) -> Result<Word> {
        let (mut last, mut seq) = (Last::new(), 0);
        loop {
            let page = ctx
                .read("trust.word", |tx| Ok(fact::after(tx, seq, PAGE)?))
                .await?;
            for f in &page {
                Self::take(&mut last, &f.touched, &f.salt, f.seq);
                seq = f.seq;
            }
            if page.len() < PAGE as usize {
                return Ok(Word { last, seq });
            }
        }
    }

    /// Whether a row with its table's columns is what its last fact says.
    pub(crate) fn fits(
        &self,
        newest: &Last,
        table: &str,
        id: &str,
        row: &kernel::Row,
    ) -> Result<bool, Fault> {
        match self.on(newest, table, id) {
            Some((Some(hash), salt, _)) => Ok(hash_of(row, salt)? == *hash),
            _ => Ok(false),
        }
    }

    /// Brings `last` up to this snapshot and returns what facts without a number say on top of it.
    pub(crate) fn follow(&mut self, tx: &mut Tx<'_>) -> Result<Last, Fault> {
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
