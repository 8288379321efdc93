//! One SQL, two drivers. A store function takes `&mut Tx`, writes SQL of the shared subset with `$n` parameters
//! and never asks which database it runs on.
//!
//! A transaction body is a *synchronous* closure (ADR 0002): it cannot await anything, because there is nothing
//! in it to await with. On SQLite it runs in place on the one writer connection and joins a group commit; on
//! PostgreSQL it runs on a pooled connection. It may be run again (40001/40P01), so time and ids are fixed before.

pub mod copy;
mod migrate;
mod postgres;
mod sqlite;

use crate::error::{Fault, Problem, Result, Unstorable};
use crate::value::{FromValue, Row, Value};
pub use migrate::{Migration, schema_of};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Limits of one transaction body. Passing one rolls the body back with a fault that names the verb.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows read plus rows written.
    pub rows: u64,
    /// Wall time in milliseconds; far above the 1 ms a body should take, since machines stall.
    pub millis: u64,
}
impl Default for Limits {
    fn default() -> Self {
        Limits {
            rows: 4_000,
            // An unoptimised program on a machine shared with others takes its time over its first dictionary.
            millis: if cfg!(debug_assertions) { 5_000 } else { 1_000 },
        }
    }
}

/// A condition that holds when one of the columns contains the words, whatever signs of a pattern stand in them. Appends to
/// the parameters; without words it holds always.
pub fn containing(columns: &[&str], words: &str, params: &mut Vec<Value>) -> String {
    let plain = words.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    params.push(format!("%{plain}%").into());
    let n = params.len();
    let any: Vec<String> = columns
        .iter()
        .map(|c| format!("{c} LIKE ${n} ESCAPE '!'"))
        .collect();
    format!("({})", any.join(" OR "))
}

thread_local! {
    /// The verb whose body runs on this thread now; a second transaction inside it is refused.
    static INSIDE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Marks this thread as inside a body for as long as it lives.
pub(crate) struct Inside(Option<&'static str>);
impl Inside {
    pub(crate) fn enter(verb: &'static str) -> Result<Inside, Fault> {
        let before = INSIDE.get();
        if let Some(outer) = before {
            return Err(Fault::new(format!(
                "{verb}: transaction begun inside the body of {outer}"
            )));
        }
        INSIDE.set(Some(verb));
        Ok(Inside(before))
    }
}
impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// The database of this node.
#[derive(Clone)]
pub struct Db {
    backend: Backend,
    writes: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens `postgres://…`, else a SQLite file at this path.
    pub async fn open(address: &str) -> Result<Db, Fault> {
        let backend = if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            Backend::Postgres(postgres::Postgres::open(address).await?)
        } else {
            Backend::Sqlite(sqlite::Sqlite::open(std::path::Path::new(address))?)
        };
        let writes = Arc::default();
        Ok(Db { backend, writes })
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// How many write transactions of this process are durable; what was read at one count holds while it stands, but for
    /// what other nodes write.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Runs `body` in one write transaction and returns once its outcome is durable. `verb` names it in faults.
    pub async fn write<T: Send>(
        &self,
        verb: &'static str,
        body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        let done = match &self.backend {
            Backend::Sqlite(db) => db.write(verb, Limits::default(), body).await,
            Backend::Postgres(db) => db.write(verb, Limits::default(), body).await,
        };
        self.writes.fetch_add(1, Ordering::Release);
        done
    }

    /// Runs `body` against one read snapshot, in place. Writing in it is refused by the database.
    pub async fn read<T: Send>(
        &self,
        verb: &'static str,
        body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        match &self.backend {
            Backend::Sqlite(db) => db.read(verb, body),
            Backend::Postgres(db) => db.read(verb, body).await,
        }
    }

    /// Applies every migration that this database has not seen, in the order given. One that was changed after it
    /// was applied is a fault.
    pub async fn migrate(&self, migrations: &[Migration], now: i64) -> Result<usize, Fault> {
        migrate::apply(self, migrations, now).await
    }

    /// Why writes fail at the moment, in one word for `/readyz`; `None` when they work.
    pub async fn trouble(&self) -> Option<String> {
        match &self.backend {
            Backend::Sqlite(db) => db.trouble().await,
            Backend::Postgres(db) => db.trouble().await,
        }
    }

    /// Tells the storage to finish: no more writes, WAL folded into the file.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(db) => db.close().await,
            Backend::Postgres(_) => {}
        }
    }
}

/// What a store function receives: statements of one transaction.
pub struct Tx<'c> {
    pub(crate) driver: Driver<'c>,
    pub(crate) verb: &'static str,
    pub(crate) limits: Limits,
    pub(crate) rows: u64,
    pub(crate) begun: std::time::Instant,
    pub(crate) poisoned: bool,
    pub(crate) facts: u32,
}

pub(crate) enum Driver<'c> {
    Sqlite {
        conn: &'c rusqlite::Connection,
        seq: Option<&'c mut i64>,
    },
    Postgres(&'c mut postgres::Session),
}

impl Tx<'_> {
    fn spend(&mut self, rows: u64) -> Result<(), Fault> {
        if self.poisoned {
            return Err(Fault::new(format!("{}: statement after a failed one", self.verb)));
        }
        self.rows += rows;
        let over_time = self.limits.millis < self.begun.elapsed().as_millis() as u64;
        if self.rows > self.limits.rows || over_time {
            self.poisoned = true;
            let what = if over_time { "time" } else { "rows" };
            return Err(Fault::new(format!(
                "{}: transaction overran its {what} limit ({} rows, {} ms)",
                self.verb,
                self.rows,
                self.begun.elapsed().as_millis()
            )));
        }
        Ok(())
    }

    fn outcome<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        if result.is_err() {
            self.poisoned = true;
        }
        result
    }

    /// Both databases refuse what one of them could not keep.
    fn storable(&self, params: &[Value]) -> Result<(), Fault> {
        let nul = |v: &Value| matches!(v, Value::Text(t) if t.as_bytes().contains(&0));
        match params.iter().any(nul) {
            true => Err(Fault::of(self.verb, Unstorable)),
            false => Ok(()),
        }
    }

    /// Runs a statement, returns the number of rows it changed.
    pub fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Fault> {
        let storable = self.storable(params);
        self.outcome(storable)?;
        self.spend(0)?;
        let done = match &mut self.driver {
            Driver::Sqlite { conn, .. } => sqlite::execute(conn, sql, params),
            Driver::Postgres(s) => s.execute(sql, params),
        }
        .map_err(|f| Fault::of(format!("{}: {}", self.verb, head(sql)), f));
        let n = self.outcome(done)?;
        self.spend(n)?;
        Ok(n)
    }

    /// All rows of a query.
    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, Fault> {
        let storable = self.storable(params);
        self.outcome(storable)?;
        self.spend(0)?;
        let left = (self.limits.rows - self.rows) as usize + 1;
        let done = match &mut self.driver {
            Driver::Sqlite { conn, .. } => sqlite::query(conn, sql, params, left),
            Driver::Postgres(s) => s.query(sql, params),
        }
        .map_err(|f| Fault::of(format!("{}: {}", self.verb, head(sql)), f));
        let rows = self.outcome(done)?;
        self.spend(rows.len() as u64)?;
        Ok(rows)
    }

    /// The first row, if any.
    pub fn one(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, Fault> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// The first column of the first row.
    pub fn scalar<T: FromValue>(&mut self, sql: &str, params: &[Value]) -> Result<Option<T>, Fault> {
        match self.one(sql, params)? {
            None => Ok(None),
            Some(row) => T::from_value(&row.values[0])
                .map(Some)
                .ok_or_else(|| Fault::new(format!("{}: {} gave {:?}", self.verb, head(sql), row.values[0]))),
        }
    }

    /// Serialises transactions that use the same key until this one ends (rules across rows). SQLite has one writer.
    pub fn lock(&mut self, key: &str) -> Result<(), Fault> {
        match &mut self.driver {
            Driver::Sqlite { .. } => Ok(()),
            Driver::Postgres(_) => {
                self.execute(
                    "INSERT INTO kernel_lock(name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
                    &[key.into()],
                )?;
                self.query(
                    "SELECT name FROM kernel_lock WHERE name = $1 FOR UPDATE",
                    &[key.into()],
                )?;
                Ok(())
            }
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.driver, Driver::Postgres(_))
    }

    /// The next dense position in the fact log: SQLite fills it here (one writer), PostgreSQL leaves it to the
    /// sequencer, which numbers committed rows.
    pub(crate) fn next_seq(&mut self) -> Option<i64> {
        match &mut self.driver {
            Driver::Sqlite { seq: Some(seq), .. } => {
                **seq += 1;
                Some(**seq)
            }
            _ => None,
        }
    }
}

fn head(sql: &str) -> String {
    let one_line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().take(90).collect()
}

/// Refuses text that could end or escape the surrounding transaction.
pub(crate) fn guard(sql: &str) -> Result<(), Fault> {
    let upper = sql.trim_start().to_ascii_uppercase();
    let first = upper
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or("");
    let escapes = matches!(
        first,
        "BEGIN"
            | "COMMIT"
            | "END"
            | "ROLLBACK"
            | "SAVEPOINT"
            | "RELEASE"
            | "PRAGMA"
            | "ATTACH"
            | "DETACH"
            | "VACUUM"
    );
    if escapes
        || upper.contains("OR ROLLBACK")
        || upper.contains("RAISE(ROLLBACK")
        || upper.contains("RAISE (ROLLBACK")
    {
        return Err(Fault::new(format!(
            "not allowed inside a transaction body: {}",
            head(sql)
        )));
    }
    Ok(())
}

/// Turns a caught panic of a body into a fault that names the verb.
pub(crate) fn panicked(verb: &str, payload: Box<dyn std::any::Any + Send>) -> Problem {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".into());
    Fault::new(format!("{verb}: transaction body panicked: {text}")).into()
}
