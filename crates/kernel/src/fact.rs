//! Facts: what happened, written in the transaction that made it so. One row serves as audit trail, outbox and leaf
//! of the Merkle log, so it can be neither lost nor invented.
//!
//! The leaf is the RFC 8785 JSON of the row. Payloads carry ids and salted hashes, never a personal value: an
//! append-only log cannot be cleaned. `touched` names each row that the change wrote, with its version and a salted
//! SHA-256 over the columns that its [`Table`] declares, so that a row altered by hand is found by `yiwang doctor`.

use crate::ctx::Ctx;
use crate::db::Tx;
use crate::error::{Fault, Result};
use crate::params;
use crate::value::Row;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// A table whose rows are covered by facts.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// `crate_noun`.
    pub name: &'static str,
    /// Columns that enter the row hash, in this order; all stored in plain text (protected columns are covered by
    /// the authenticated encryption itself). The first one is the key.
    pub columns: &'static [&'static str],
}

/// A fact about to be written.
#[derive(Clone, Debug)]
pub struct Fact {
    kind: &'static str,
    version: i64,
    subject: String,
    payload: Json,
    cause: Option<String>,
    touched: Vec<(&'static Table, String)>,
    removed: Vec<(&'static Table, String)>,
}

impl Fact {
    /// `kind` is `crate.noun.past-participle`; `subject` the id of what it is about.
    pub fn new(kind: &'static str, subject: impl ToString) -> Fact {
        Fact {
            kind,
            version: 1,
            subject: subject.to_string(),
            payload: json!({}),
            cause: None,
            touched: Vec::new(),
            removed: Vec::new(),
        }
    }
    pub fn payload(mut self, payload: Json) -> Fact {
        self.payload = payload;
        self
    }
    /// The fact that led to this one.
    pub fn cause(mut self, fact: impl ToString) -> Fact {
        self.cause = Some(fact.to_string());
        self
    }
    /// A row that this change wrote; hashed as it stands in the transaction when the fact is emitted.
    pub fn touch(mut self, table: &'static Table, id: impl ToString) -> Fact {
        self.touched.push((table, id.to_string()));
        self
    }
    /// A row that this change removed; the fact says so with an empty hash, and `emit` checks that it is gone.
    pub fn gone(mut self, table: &'static Table, id: impl ToString) -> Fact {
        self.removed.push((table, id.to_string()));
        self
    }
}

/// A fact as stored and read by consumers.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Recorded {
    pub id: String,
    pub node: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub version: i64,
    pub subject: String,
    pub actor: String,
    pub on_behalf: Option<String>,
    pub cause: Option<String>,
    pub request: String,
    /// UTC milliseconds.
    pub at: i64,
    pub payload: Json,
    pub touched: Json,
    pub salt: String,
    pub seq: i64,
}

impl Recorded {
    pub const COLUMNS: &'static str =
        "id, node, type, version, subject, actor, on_behalf, cause, request, at, payload, touched, salt, seq";

    pub fn from_row(r: &Row) -> Result<Recorded, Fault> {
        Ok(Recorded {
            id: r.get("id")?,
            node: r.get("node")?,
            kind: r.get("type")?,
            version: r.get("version")?,
            subject: r.get("subject")?,
            actor: r.get("actor")?,
            on_behalf: r.get("on_behalf")?,
            cause: r.get("cause")?,
            request: r.get("request")?,
            at: r.get("at")?,
            payload: r.get("payload")?,
            touched: r.get("touched")?,
            salt: r.get("salt")?,
            seq: r.get("seq")?,
        })
    }

    /// The exact bytes of the Merkle leaf: RFC 8785 JSON of all columns.
    pub fn leaf(&self) -> Result<String, Fault> {
        serde_json_canonicalizer::to_string(self).map_err(|e| Fault::of("canonical leaf", e))
    }
}

/// The salted hash of one row, or `None` when the row is not there.
pub fn row_hash(tx: &mut Tx<'_>, table: &Table, id: &str, salt: &str) -> Result<Option<String>, Fault> {
    let columns = table.columns.join(", ");
    let sql = format!(
        "SELECT {columns} FROM {} WHERE {} = $1",
        table.name, table.columns[0]
    );
    let Some(row) = tx.one(&sql, params![id])? else {
        return Ok(None);
    };
    hash_of(&row, salt).map(Some)
}

/// The salted hash of a row already read with exactly the table's columns.
pub fn hash_of(row: &Row, salt: &str) -> Result<String, Fault> {
    let canonical =
        serde_json_canonicalizer::to_string(&row.to_json()).map_err(|e| Fault::of("row hash", e))?;
    Ok(hex::encode(
        Sha256::new()
            .chain_update(salt.as_bytes())
            .chain_update(canonical.as_bytes())
            .finalize(),
    ))
}

const INSERT: &str = "INSERT INTO kernel_fact(id, node, type, version, subject, actor, on_behalf, cause, request, at, \
    payload, touched, salt, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
/// Of two facts that touch one row the later one is inserted after the earlier one has committed, whatever the clocks of
/// their nodes say; so the turn orders them rightly.
const INSERT_WITH_TURN: &str = "INSERT INTO kernel_fact(id, node, type, version, subject, actor, on_behalf, cause, \
    request, at, payload, touched, salt, seq, turn) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
    nextval('kernel_fact_turn'))";

impl Ctx {
    /// Writes the fact in this transaction, with the hashes of the touched rows as they stand in it. A leaf must fit
    /// into an entry bundle of the log (65,535 bytes), so an outsized payload is a fault here and not later.
    pub fn emit(&self, tx: &mut Tx<'_>, fact: Fact) -> Result<String, Fault> {
        let n = tx.facts;
        tx.facts += 1;
        let id = self.id();
        let salt = hex::encode(self.random::<16>());
        let mut touched = Vec::new();
        for (table, row) in &fact.touched {
            let hash = row_hash(tx, table, row, &salt)?.ok_or_else(|| {
                Fault::new(format!(
                    "{}: touched row {} {row} is not there",
                    fact.kind, table.name
                ))
            })?;
            touched.push(json!({ "table": table.name, "id": row, "hash": hash }));
        }
        for (table, row) in &fact.removed {
            if row_hash(tx, table, row, &salt)?.is_some() {
                return Err(Fault::new(format!(
                    "{}: removed row {} {row} is still there",
                    fact.kind, table.name
                )));
            }
            touched.push(json!({ "table": table.name, "id": row, "hash": Json::Null }));
        }
        let size =
            fact.payload.to_string().len() + touched.iter().map(|t| t.to_string().len()).sum::<usize>();
        if size > 60_000 {
            return Err(Fault::new(format!(
                "{}: a fact of {size} bytes does not fit into the log",
                fact.kind
            )));
        }
        let seq = tx.next_seq();
        let insert = if tx.is_postgres() {
            INSERT_WITH_TURN
        } else {
            INSERT
        };
        tx.execute(
            insert,
            params![
                id,
                self.node(),
                fact.kind,
                fact.version,
                fact.subject,
                self.actor.id.clone(),
                self.actor.on_behalf.clone(),
                fact.cause,
                self.request.to_string(),
                self.now(),
                fact.payload,
                Json::Array(touched),
                salt,
                seq
            ],
        )?;
        tracing::debug!(fact = fact.kind, n, "emitted");
        self.app.wake_followers();
        Ok(id.to_string())
    }
}

/// Facts after `seq`, in order, at most `limit`. Nothing is skipped: a gap (a transaction not numbered yet) ends the page.
pub fn after(tx: &mut Tx<'_>, seq: i64, limit: u32) -> Result<Vec<Recorded>, Fault> {
    let sql = format!(
        "SELECT {} FROM kernel_fact WHERE seq > $1 ORDER BY seq LIMIT {limit}",
        Recorded::COLUMNS
    );
    tx.query(&sql, params![seq])?
        .iter()
        .map(Recorded::from_row)
        .collect()
}

/// What committed facts that have no number yet (PostgreSQL) touched, with their salts, in the order they will get.
pub fn unnumbered(tx: &mut Tx<'_>) -> Result<Vec<(Json, String)>, Fault> {
    tx.query(
        "SELECT touched, salt FROM kernel_fact WHERE seq IS NULL ORDER BY turn",
        &[],
    )?
    .iter()
    .map(|r| Ok((r.get("touched")?, r.get("salt")?)))
    .collect()
}

/// All facts about one subject, oldest first.
pub fn about(tx: &mut Tx<'_>, subject: &str) -> Result<Vec<Recorded>, Fault> {
    let sql = format!(
        "SELECT {} FROM kernel_fact WHERE subject = $1 AND seq IS NOT NULL ORDER BY seq",
        Recorded::COLUMNS
    );
    tx.query(&sql, params![subject])?
        .iter()
        .map(Recorded::from_row)
        .collect()
}

/// The highest position given out so far, 0 when the log is empty.
pub fn head(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    Ok(tx
        .scalar::<i64>("SELECT COALESCE(MAX(seq), 0) FROM kernel_fact", &[])?
        .unwrap_or(0))
}

/// Numbers committed facts on PostgreSQL: one transaction at a time holds the sequence row, so `seq` is dense even if
/// two sequencers run. Returns how many were numbered. On SQLite the writer has numbered them already.
pub fn number_committed(tx: &mut Tx<'_>) -> Result<u64, Fault> {
    if !tx.is_postgres() {
        return Ok(0);
    }
    let waiting = tx
        .scalar::<i64>("SELECT COUNT(*) FROM kernel_fact WHERE seq IS NULL", &[])?
        .unwrap_or(0);
    if waiting == 0 {
        return Ok(0);
    }
    tx.execute(
        "INSERT INTO kernel_sequence(name, value) VALUES ('fact', 0) ON CONFLICT (name) DO NOTHING",
        &[],
    )?;
    let last: i64 = tx
        .scalar(
            "SELECT value FROM kernel_sequence WHERE name = 'fact' FOR UPDATE",
            &[],
        )?
        .ok_or_else(|| Fault::new("fact sequence is missing"))?;
    let n = tx.execute(
        "UPDATE kernel_fact SET seq = n.rank + $1 FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY turn) AS rank \
         FROM kernel_fact WHERE seq IS NULL ORDER BY turn LIMIT 1000) n WHERE kernel_fact.id = n.id AND kernel_fact.seq IS NULL",
        params![last],
    )?;
    tx.execute(
        "UPDATE kernel_sequence SET value = value + $1 WHERE name = 'fact'",
        params![n as i64],
    )?;
    Ok(n)
}

/// One entry of a subject's history, as timelines show it; includes facts that are not numbered yet.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: String,
    pub actor: String,
    /// For whom the actor acted.
    pub on_behalf: Option<String>,
    /// UTC milliseconds.
    pub at: i64,
    pub payload: Json,
    pub seq: Option<i64>,
}

/// What happened to any of these subjects, oldest first: in the order of the log and not of the clocks, which may have been
/// set back meanwhile; what has no number yet comes last.
pub fn history(tx: &mut Tx<'_>, subjects: &[&str]) -> Result<Vec<Entry>, Fault> {
    let mut out = Vec::new();
    for subject in subjects {
        let sql = "SELECT type, actor, on_behalf, at, payload, seq, id FROM kernel_fact WHERE subject = $1 ORDER BY at, id";
        for r in tx.query(sql, params![*subject])? {
            let entry = Entry {
                kind: r.get("type")?,
                actor: r.get("actor")?,
                on_behalf: r.get("on_behalf")?,
                at: r.get("at")?,
                payload: r.get("payload")?,
                seq: r.get("seq")?,
            };
            out.push((r.get::<String>("id")?, entry));
        }
    }
    let place = |e: &Entry| e.seq.unwrap_or(i64::MAX);
    out.sort_by(|(a, x), (b, y)| (place(x), x.at, a).cmp(&(place(y), y.at, b)));
    Ok(out.into_iter().map(|(_, e)| e).collect())
}
