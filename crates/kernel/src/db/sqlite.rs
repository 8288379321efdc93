//! SQLite: one writer, group commit, pooled readers.
//!
//! Write transactions run strictly one after another, each in a savepoint of a shared outer transaction. A committer
//! thread queues fairly with the writers on the same mutex; when its turn comes it commits whatever has gathered and
//! wakes the members. So the fsync is shared by all who were waiting, nobody lingers, and no caller hears of its
//! outcome — success, refusal or what it read — before that fsync.

use super::{Driver, Inside, Limits, Tx, guard, panicked};
use crate::error::{Away, Fault, Problem, Result};
use crate::value::{Row, Value};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};

/// How many members one group may gather before newcomers wait for its commit.
const GROUP: usize = 512;
/// Millions of virtual-machine steps one read may take before it is stopped (a few seconds of work).
const READ_STEPS: u32 = if cfg!(test) { 10 } else { 200 };

/// Handle on the SQLite file; clones share it.
#[derive(Clone)]
pub struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    writer: Arc<Mutex<Writer>>,
    wake: std::sync::mpsc::Sender<()>,
    readers: std::sync::Mutex<Vec<Connection>>,
}

struct Writer {
    conn: Connection,
    /// An outer transaction is open.
    open: bool,
    members: Vec<oneshot::Sender<Result<(), Fault>>>,
    /// Why no write is taken any more: the outcome of a COMMIT is unknown.
    broken: Option<String>,
    /// Why the last write failed, when it was the storage's fault; the next good COMMIT takes it back.
    trouble: Option<Away>,
    /// The last number given to a fact; negative when it must be read anew.
    seq: i64,
    /// SQLite's `data_version` when `seq` was read: it changes when another process wrote (a command-line verb).
    data_version: i64,
}

fn fault(context: &str) -> impl Fn(rusqlite::Error) -> Fault + '_ {
    move |e| Fault::of(context, e)
}

fn connect(path: &Path, write: bool) -> Result<Connection, Fault> {
    let flags = if write {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let cannot = |e| {
        let folder = path.parent().unwrap_or(path).display();
        let hint = format!("is the folder {folder} there, writable for this user and not full?");
        Fault::of(format!("cannot open the database {} ({hint})", path.display()), e)
    };
    let conn = Connection::open_with_flags(path, flags).map_err(cannot)?;
    conn.set_prepared_statement_cache_capacity(512);
    // Plans do not depend on what is bound: otherwise most statements with an ORDER BY, a join or a LIKE are compiled anew
    // at each execution. No index is lost by it: a LIKE ignores case here and never used one.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(cannot)?;
    let setup = if write {
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; \
         PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-32000; PRAGMA busy_timeout=5000;"
    } else {
        "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000; PRAGMA busy_timeout=5000; \
         PRAGMA mmap_size=268435456;"
    };
    conn.execute_batch(setup).map_err(cannot)?;
    Ok(conn)
}

impl Sqlite {
    pub fn open(path: &Path) -> Result<Sqlite, Fault> {
        let conn = connect(path, true)?;
        let writer = Arc::new(Mutex::new(Writer {
            conn,
            open: false,
            members: Vec::new(),
            broken: None,
            trouble: None,
            seq: -1,
            data_version: -1,
        }));
        let (wake, woken) = std::sync::mpsc::channel::<()>();
        let for_committer = Arc::downgrade(&writer);
        std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    let Some(writer) = for_committer.upgrade() else {
                        return;
                    };
                    writer.blocking_lock().commit();
                }
            })
            .map_err(|e| Fault::of("cannot start the committer thread", e))?;
        let shared = Shared {
            path: path.to_path_buf(),
            writer,
            wake,
            readers: Default::default(),
        };
        Ok(Sqlite {
            shared: Arc::new(shared),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(super) async fn write<T: Send>(
        &self,
        verb: &'static str,
        limits: Limits,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        if let Some(outer) = super::INSIDE.get() {
            return Err(Fault::new(format!("{verb}: transaction begun inside the body of {outer}")).into());
        }
        let (outcome, committed) = {
            let mut writer = self.shared.writer.clone().lock_owned().await;
            let outcome = writer.member(verb, limits, &mut body)?;
            let (tell, committed) = oneshot::channel();
            writer.members.push(tell);
            match writer.members.len() {
                1 => drop(self.shared.wake.send(())),
                GROUP => writer.commit(),
                _ => {}
            }
            (outcome, committed)
        };
        match committed.await {
            Ok(Ok(())) => outcome,
            Ok(Err(fault)) => Err(fault.into()),
            Err(_) => Err(Fault::new(format!("{verb}: the committer is gone; outcome unknown")).into()),
        }
    }

    pub(super) fn read<T>(
        &self,
        verb: &'static str,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let _inside = Inside::enter(verb)?;
        let free = self
            .shared
            .readers
            .lock()
            .unwrap_or_else(|p| p.into_inner())
            .pop();
        let mut conn = match free {
            Some(conn) => conn,
            None => connect(&self.shared.path, false)?,
        };
        // Counted here: SQLite goes on counting a kept statement's steps from one execution to the next.
        let mut spent = 0;
        let over = move || {
            spent += 1;
            spent > READ_STEPS
        };
        conn.progress_handler(1_000_000, Some(over))
            .map_err(fault("read budget"))?;
        control(&conn, "BEGIN").map_err(fault(verb))?;
        let limits = Limits {
            rows: 200_000,
            millis: 30_000,
        };
        let done = catch_unwind(AssertUnwindSafe(|| body(&mut tx_on(&conn, None, verb, limits))));
        let ended = control(&conn, "COMMIT");
        if ended.is_ok() && conn.is_autocommit() {
            self.shared
                .readers
                .lock()
                .unwrap_or_else(|p| p.into_inner())
                .push(conn);
        }
        done.unwrap_or_else(|p| Err(panicked(verb, p)))
    }

    /// What is wrong with the storage now: the reason why the last write failed, asked anew by trying one that changes
    /// nothing but the page it stands on. `None` when writes work.
    pub(super) async fn trouble(&self) -> Option<String> {
        let mut writer = self.shared.writer.clone().lock_owned().await;
        if let Some(why) = &writer.broken {
            return Some(why.clone());
        }
        writer.trouble?;
        writer.commit();
        let tried = writer.conn.execute_batch(
            "BEGIN IMMEDIATE; INSERT INTO kernel_setting(name, value) VALUES ('probe', '1') \
             ON CONFLICT (name) DO UPDATE SET value = CASE value WHEN '1' THEN '2' ELSE '1' END; COMMIT;",
        );
        match tried {
            Ok(()) => writer.trouble = None,
            Err(_) if !writer.conn.is_autocommit() => drop(writer.conn.execute_batch("ROLLBACK")),
            Err(_) => {}
        }
        writer.trouble.map(|a| a.name().into())
    }

    pub(super) async fn close(&self) {
        let mut writer = self.shared.writer.clone().lock_owned().await;
        writer.commit();
        if let Err(e) = writer.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!("checkpoint at close: {e}");
        }
        writer.broken = Some("the database is closed".into());
    }

    /// Runs `work` on the writer connection outside any group: migrations and backups only.
    pub(crate) async fn exclusively<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut writer = self.shared.writer.clone().lock_owned().await;
        writer.commit();
        work(&writer.conn)
    }
}

fn tx_on<'c>(conn: &'c Connection, seq: Option<&'c mut i64>, verb: &'static str, limits: Limits) -> Tx<'c> {
    Tx {
        driver: Driver::Sqlite { conn, seq },
        verb,
        limits,
        rows: 0,
        begun: std::time::Instant::now(),
        poisoned: false,
        facts: 0,
    }
}

impl Writer {
    /// Runs one body in its savepoint. The outer `Err` means the body did not run or its group is lost.
    fn member<T>(
        &mut self,
        verb: &'static str,
        limits: Limits,
        body: &mut impl FnMut(&mut Tx<'_>) -> Result<T>,
    ) -> Result<Result<T>> {
        if let Some(why) = &self.broken {
            return Err(Fault::new(format!("{verb}: no writes are taken: {why}")).into());
        }
        if !self.open {
            control(&self.conn, "BEGIN IMMEDIATE").map_err(fault(verb))?;
            self.open = true;
            let version = self
                .conn
                .prepare_cached("PRAGMA data_version")
                .and_then(|mut s| s.query_row([], |r| r.get(0)));
            let version: i64 = version.map_err(|e| self.lost(verb, e))?;
            if version != self.data_version {
                (self.data_version, self.seq) = (version, -1);
            }
        }
        if self.seq < 0 {
            self.seq = last_seq(&self.conn).map_err(fault(verb))?;
        }
        control(&self.conn, "SAVEPOINT member").map_err(|e| self.lost(verb, e))?;
        let seq_before = self.seq;
        let inside = Inside::enter(verb)?;
        let (done, overran) = {
            let Writer { conn, seq, .. } = self;
            let mut tx = tx_on(conn, Some(seq), verb, limits);
            let done = catch_unwind(AssertUnwindSafe(|| body(&mut tx)));
            // A body that spent its time between statements is caught here; a poisoned one must not commit.
            let after = if tx.poisoned && matches!(done, Ok(Ok(_))) {
                Err(Fault::new(format!(
                    "{verb}: a failed statement was ignored by the body"
                )))
            } else if tx.poisoned {
                Ok(())
            } else {
                tx.spend(0)
            };
            (done, after)
        };
        drop(inside);
        // SQLITE_FULL and I/O errors inside one member roll the whole outer transaction back: then nothing of the
        // group is left, and going on would run statements in autocommit.
        if self.conn.is_autocommit() {
            return Err(match done {
                Ok(Err(Problem::Fault(f))) => self.lost_by(verb, f.away(), f),
                _ => self.lost_by(verb, None, "the database ended the transaction"),
            }
            .into());
        }
        if let Ok(Err(Problem::Fault(f))) = &done
            && let Some(away) = f.away()
        {
            self.trouble = Some(away);
        }
        let outcome = match done {
            Err(payload) => Err(panicked(verb, payload)),
            Ok(outcome) => outcome.and_then(|v| overran.map(|()| v).map_err(Problem::from)),
        };
        if outcome.is_err() {
            control(&self.conn, "ROLLBACK TO member").map_err(|e| self.lost(verb, e))?;
        }
        control(&self.conn, "RELEASE member").map_err(|e| self.lost(verb, e))?;
        if outcome.is_err() {
            self.seq = seq_before;
        }
        Ok(outcome)
    }

    /// The group is rolled back: every waiting member hears so, the connection starts afresh.
    fn lost(&mut self, verb: &str, e: rusqlite::Error) -> Fault {
        let fault = Fault::of("sqlite", e);
        self.lost_by(verb, fault.away(), fault)
    }

    fn lost_by(&mut self, verb: &str, away: Option<Away>, e: impl std::fmt::Display) -> Fault {
        let text = format!("{verb}: the group was rolled back: {e}");
        let tell = |text: &str| match away {
            Some(away) => Fault::of(text, away),
            None => Fault::new(text),
        };
        self.trouble = away.or(self.trouble);
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.open = false;
        self.seq = -1;
        for member in self.members.drain(..) {
            let _ = member.send(Err(tell(&text)));
        }
        tell(&text)
    }

    /// Commits what has gathered and wakes the members.
    fn commit(&mut self) {
        if !self.open {
            return;
        }
        let members = std::mem::take(&mut self.members);
        let done = control(&self.conn, "COMMIT");
        self.open = false;
        match done {
            Ok(()) => {
                self.trouble = None;
                members.into_iter().for_each(|m| drop(m.send(Ok(()))));
            }
            // A full disk is no unknown outcome: the frame that would make the group valid was not written whole, so no
            // recovery can find it, and the next writer overwrites what was. Writing goes on when there is space again.
            Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => {
                self.members = members;
                let fault = self.lost("commit", e);
                tracing::error!("{fault}");
            }
            Err(e) => {
                // A failed COMMIT may still be found committed at recovery, so its outcome is unknown: nobody may
                // write on top of it. The process ends (see `Db::on_broken`) and recovers on the next start.
                let text = format!("COMMIT failed, outcome unknown: {e}");
                tracing::error!("{text}");
                self.broken = Some(text.clone());
                let _ = self.conn.execute_batch("ROLLBACK");
                self.seq = -1;
                members
                    .into_iter()
                    .for_each(|m| drop(m.send(Err(Fault::new(text.clone())))));
                crate::fatal::raise(&text);
            }
        }
    }
}

fn last_seq(conn: &Connection) -> rusqlite::Result<i64> {
    let known: i64 = conn.query_row(
        "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'kernel_fact'",
        [],
        |r| r.get(0),
    )?;
    if known == 0 {
        Ok(0)
    } else {
        conn.query_row("SELECT COALESCE(MAX(seq), 0) FROM kernel_fact", [], |r| r.get(0))
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(i) => ValueRef::Integer(*i),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Text(t) => ValueRef::Text(t.as_bytes()),
            Value::Bytes(b) => ValueRef::Blob(b),
        }))
    }
}

/// `$n` means parameter n; SQLite would number `$n` names by first appearance, `?n` says what is meant.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut quote = None;
    let mut chars = sql.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        let digit = quote.is_none() && chars.peek().is_some_and(|d| d.is_ascii_digit());
        // Row locks are PostgreSQL's; with one writer the row is ours already.
        out.push(if c == '$' && digit { '?' } else { c });
    }
    out.replace(" FOR UPDATE SKIP LOCKED", "")
        .replace(" FOR UPDATE", "")
}

/// Begins or ends a (nested) transaction; the few texts are compiled once a connection.
fn control(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn statement<'c>(conn: &'c Connection, sql: &str) -> Result<rusqlite::CachedStatement<'c>, Fault> {
    guard(sql)?;
    conn.prepare_cached(&numbered(sql)).map_err(fault("sqlite"))
}

pub(super) fn execute(conn: &Connection, sql: &str, params: &[Value]) -> Result<u64, Fault> {
    let mut s = statement(conn, sql)?;
    let n = s
        .execute(rusqlite::params_from_iter(params))
        .map_err(fault("sqlite"))?;
    Ok(n as u64)
}

pub(super) fn query(conn: &Connection, sql: &str, params: &[Value], most: usize) -> Result<Vec<Row>, Fault> {
    let mut s = statement(conn, sql)?;
    let columns: Arc<Vec<String>> = Arc::new(s.column_names().map(String::from).collect());
    let mut rows = s
        .query(rusqlite::params_from_iter(params))
        .map_err(fault("sqlite"))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(fault("sqlite"))? {
        let mut values = Vec::with_capacity(columns.len());
        for i in 0..columns.len() {
            values.push(match row.get_ref(i).map_err(fault("sqlite"))? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(i) => Value::Int(i),
                ValueRef::Real(r) => Value::Real(r),
                ValueRef::Text(t) => Value::Text(String::from_utf8_lossy(t).into_owned()),
                ValueRef::Blob(b) => Value::Bytes(b.to_vec()),
            });
        }
        out.push(Row {
            columns: columns.clone(),
            values,
        });
        if out.len() >= most {
            break;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    /// SQLite may look at bound values while it plans, and then compiles the statement anew for each execution.
    #[test]
    fn a_statement_is_compiled_once() {
        let folder = std::env::temp_dir().join(format!("yiwang-sqlite-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let conn = connect(&folder.join("core.db"), true).unwrap();
        conn.execute_batch(
            "CREATE TABLE t(id TEXT PRIMARY KEY, a TEXT NOT NULL, n INTEGER NOT NULL); CREATE INDEX t_a ON t(a, n); \
             INSERT INTO t VALUES ('1', 'x', 1), ('2', 'x', 2), ('3', 'y', 2);",
        )
        .unwrap();
        for sql in [
            "SELECT n FROM t WHERE a = $1 ORDER BY n LIMIT 1",
            "SELECT n FROM t WHERE a LIKE $1",
            "SELECT u.n FROM t JOIN t u ON u.a = t.a WHERE t.id = $1",
        ] {
            for value in ["x", "y", "x"] {
                query(&conn, sql, &[value.into()], 9).unwrap();
            }
            let again = statement(&conn, sql).unwrap();
            assert_eq!(again.get_status(StatementStatus::RePrepare), 0, "{sql}");
        }
        drop(conn);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_read_is_stopped_for_its_own_steps_only() {
        let folder = std::env::temp_dir().join(format!("yiwang-steps-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let db = Sqlite::open(&folder.join("core.db")).unwrap();
        let count = "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < $1) SELECT COUNT(*) AS n FROM c";
        let up_to = |n: i64| db.read("test.count", |tx| Ok(tx.scalar::<i64>(count, &[Value::Int(n)])?));
        // Some three million steps each, of one kept statement.
        for _ in 0..10 {
            assert_eq!(up_to(200_000).unwrap(), Some(200_000));
        }
        assert!(up_to(2_000_000).is_err());
        assert_eq!(up_to(200_000).unwrap(), Some(200_000));
        drop(db);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
