//! Whole copies of a database, for backup and restore: a file on SQLite, one `COPY` file a table on PostgreSQL, each from
//! one snapshot while the city goes on working.

use super::{Backend, Db, Migration, migrate};
use crate::error::{Fault, Result};
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use tokio_postgres::Client;

/// One table of a PostgreSQL copy.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CopiedTable {
    pub name: String,
    pub columns: Vec<String>,
}

/// What a copy holds, read from the same snapshot.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Copied {
    /// `sqlite` or `postgres`.
    pub kind: String,
    /// (module, number, checksum) of every migration it has seen.
    pub migrations: Vec<(String, i64, String)>,
    /// Number of its last fact.
    pub seq: i64,
    pub facts: i64,
    pub demo: bool,
    /// PostgreSQL: its tables, and the last value of the sequence that orders facts.
    #[serde(default)]
    pub tables: Vec<CopiedTable>,
    #[serde(default)]
    pub turn: i64,
}

/// Name of the setting that a fresh restore leaves for the first start.
pub const RESTORED: &str = "restored";
/// The one file of a SQLite copy.
pub const FILE: &str = "core.db";

fn io(what: &str, path: &Path) -> impl Fn(std::io::Error) -> Fault {
    let text = format!("{what} {}", path.display());
    move |e| Fault::of(text.clone(), e)
}

/// Makes file and folder entries durable.
pub fn sync(path: &Path) -> Result<(), Fault> {
    std::fs::File::open(path)
        .and_then(|f| f.sync_all())
        .map_err(io("cannot make durable", path))
}

/// SHA-256 and length of a file.
pub fn digest(path: &Path) -> Result<(String, u64), Fault> {
    let mut file = std::fs::File::open(path).map_err(io("cannot read", path))?;
    let (mut hash, mut buffer, mut total) = (Sha256::new(), vec![0u8; 1 << 20], 0u64);
    loop {
        let n = file.read(&mut buffer).map_err(io("cannot read", path))?;
        if n == 0 {
            return Ok((hex::encode(hash.finalize()), total));
        }
        hash.update(&buffer[..n]);
        total += n as u64;
    }
}

impl Db {
    /// Copies everything into `folder` from one snapshot. `progress` hears of (bytes or rows done, of how many).
    pub async fn copy_into(
        &self,
        folder: &Path,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Copied, Fault> {
        match &self.backend {
            Backend::Sqlite(db) => sqlite_copy(db.path(), &folder.join(FILE), progress).await,
            Backend::Postgres(db) => postgres_copy(&db.alone().await?, folder, progress).await,
        }
    }

    /// Whether nothing of a city is here yet.
    pub async fn is_empty(&self) -> Result<bool, Fault> {
        let Backend::Postgres(db) = &self.backend else {
            return Ok(true);
        };
        let client = db.alone().await?;
        let ask = |sql: &'static str| async { client.query_one(sql, &[]).await.map(|r| r.get::<_, bool>(0)) };
        let cannot = |e| Fault::of("the database to restore into", e);
        let made = ask(
            "SELECT to_regclass('kernel_fact') IS NOT NULL AND to_regclass('kernel_setting') IS NOT NULL",
        )
        .await;
        if !made.map_err(cannot)? {
            return ask("SELECT NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema())")
                .await
                .map_err(cannot);
        }
        ask("SELECT NOT EXISTS (SELECT 1 FROM kernel_fact) AND NOT EXISTS (SELECT 1 FROM kernel_setting)")
            .await
            .map_err(cannot)
    }

    /// Fills an empty PostgreSQL database from a copy: the schema by the migrations that the copy had seen, then every
    /// table and the mark of a restore in one transaction.
    pub async fn fill_from(
        &self,
        copied: &Copied,
        folder: &Path,
        migrations: &[Migration],
        mark: &str,
        now: i64,
    ) -> Result<(), Fault> {
        let Backend::Postgres(db) = &self.backend else {
            return Err(Fault::new("a copy of tables goes into PostgreSQL only"));
        };
        migrate::apply(self, migrations, now).await?;
        postgres_fill(&db.alone().await?, copied, folder, mark).await
    }
}

/// The migrations of the program that a copy has seen, in the program's order; a fault names one that the program lacks.
pub fn seen(copied: &Copied, all: &[Migration]) -> Result<Vec<Migration>, Fault> {
    let mut left: BTreeMap<(String, i64), String> = copied
        .migrations
        .iter()
        .map(|(m, n, sum)| ((m.clone(), *n), sum.clone()))
        .collect();
    let mut out = Vec::new();
    for m in all {
        match left.remove(&(m.module.clone(), i64::from(m.number))) {
            Some(sum) if sum != m.checksum() => {
                return Err(Fault::new(format!(
                    "the backup was made under another migration {} {:04}; use the program that made it",
                    m.module, m.number
                )));
            }
            Some(_) => out.push(m.clone()),
            None => {}
        }
    }
    match left.keys().next() {
        None => Ok(out),
        Some((module, number)) => Err(Fault::new(format!(
            "the backup was made by a newer program (migration {module} {number:04}); install that one first"
        ))),
    }
}

/// Marks a restored SQLite file, so that its first start opens a new epoch of the log.
pub fn mark_restored(file: &Path, mark: &str) -> Result<(), Fault> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|e| Fault::of("the restored file", e))?;
    let done = conn.execute(
        "INSERT INTO kernel_setting(name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
        rusqlite::params![RESTORED, mark],
    );
    done.map_err(|e| Fault::of("the restored file", e))?;
    conn.close().map_err(|(_, e)| Fault::of("the restored file", e))?;
    sync(file)
}

async fn sqlite_copy(from: &Path, to: &Path, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Copied, Fault> {
    let (source, target) = (from.to_path_buf(), to.to_path_buf());
    let total = std::fs::metadata(from).map_or(0, |m| m.len());
    // VACUUM INTO reads one snapshot and leaves freed pages behind: what was thrown away is in no backup.
    let mut work = tokio::task::spawn_blocking(move || -> rusqlite::Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&source, flags)?;
        conn.execute_batch("PRAGMA busy_timeout=10000")?;
        conn.execute("VACUUM INTO ?1", [target.display().to_string()])?;
        Ok(())
    });
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = tokio::time::sleep(std::time::Duration::from_secs(1)) => {
                progress(std::fs::metadata(to).map_or(0, |m| m.len()), total);
            }
        }
    };
    done.map_err(|e| Fault::of("copying", e))?
        .map_err(|e| Fault::of(format!("cannot copy the database to {}", to.display()), e))?;
    sync(to)?;
    sqlite_summary(to).map_err(|e| Fault::of("reading the copy", e))
}

fn sqlite_summary(file: &Path) -> rusqlite::Result<Copied> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let number = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i64>(0));
    let mut list =
        conn.prepare("SELECT module, number, checksum FROM kernel_migration ORDER BY module, number")?;
    let migrations = list.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    Ok(Copied {
        kind: "sqlite".into(),
        migrations: migrations.collect::<rusqlite::Result<_>>()?,
        seq: number("SELECT COALESCE(MAX(seq), 0) FROM kernel_fact")?,
        facts: number("SELECT COUNT(*) FROM kernel_fact")?,
        demo: number("SELECT COUNT(*) FROM kernel_setting WHERE name = 'demo'")? > 0,
        tables: Vec::new(),
        turn: 0,
    })
}

fn pg(what: &str) -> impl Fn(tokio_postgres::Error) -> Fault {
    let what = what.to_string();
    move |e| Fault::of(what.clone(), e)
}

async fn postgres_copy(
    client: &Client,
    folder: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Copied, Fault> {
    let cannot = pg("cannot read the database");
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0";
    client.batch_execute(begin).await.map_err(&cannot)?;
    let number = |sql: &'static str| async { client.query_one(sql, &[]).await.map(|r| r.get::<_, i64>(0)) };
    let rows = client
        .query(
            "SELECT module, number, checksum FROM kernel_migration ORDER BY module, number",
            &[],
        )
        .await
        .map_err(&cannot)?;
    let mut tables: Vec<CopiedTable> = Vec::new();
    let columns = "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c \
        JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
        WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' ORDER BY 1, c.ordinal_position";
    for r in client.query(columns, &[]).await.map_err(&cannot)? {
        let (table, column): (String, String) = (r.get(0), r.get(1));
        match tables.last_mut().filter(|t| t.name == table) {
            Some(t) => t.columns.push(column),
            None => tables.push(CopiedTable {
                name: table,
                columns: vec![column],
            }),
        }
    }
    let copied = Copied {
        kind: "postgres".into(),
        migrations: rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect(),
        seq: number("SELECT COALESCE(MAX(seq), 0) FROM kernel_fact")
            .await
            .map_err(&cannot)?,
        facts: number("SELECT COUNT(*) FROM kernel_fact")
            .await
            .map_err(&cannot)?,
        demo: number("SELECT COUNT(*) FROM kernel_setting WHERE name = 'demo'")
            .await
            .map_err(&cannot)?
            > 0,
        // A sequence stands outside the snapshot: it may be ahead of the copied facts, never behind them.
        turn: number("SELECT last_value FROM kernel_fact_turn")
            .await
            .map_err(&cannot)?,
        tables: tables.clone(),
    };
    let total = tables.len() as u64;
    for (n, t) in tables.iter().enumerate() {
        progress(n as u64, total);
        let path = folder.join(format!("{}.copy", t.name));
        let mut file = std::fs::File::create(&path).map_err(io("cannot write", &path))?;
        let sql = format!("COPY {} ({}) TO STDOUT", t.name, t.columns.join(", "));
        let mut stream = Box::pin(client.copy_out(&sql).await.map_err(&cannot)?);
        loop {
            use futures_core::Stream;
            match std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                None => break,
                Some(chunk) => file
                    .write_all(&chunk.map_err(&cannot)?)
                    .map_err(io("cannot write", &path))?,
            }
        }
        file.sync_all().map_err(io("cannot write", &path))?;
    }
    client.batch_execute("COMMIT").await.map_err(&cannot)?;
    Ok(copied)
}

async fn postgres_fill(client: &Client, copied: &Copied, folder: &Path, mark: &str) -> Result<(), Fault> {
    let cannot = pg("cannot fill the database");
    client
        .batch_execute("BEGIN; SET LOCAL statement_timeout = 0")
        .await
        .map_err(&cannot)?;
    for t in &copied.tables {
        // What migrations put in is in the copy as well.
        client
            .batch_execute(&format!("TRUNCATE {}", t.name))
            .await
            .map_err(&cannot)?;
    }
    for t in &copied.tables {
        let path = folder.join(format!("{}.copy", t.name));
        let mut file = std::fs::File::open(&path).map_err(io("cannot read", &path))?;
        let sql = format!("COPY {} ({}) FROM STDIN", t.name, t.columns.join(", "));
        let mut sink = Box::pin(client.copy_in::<_, bytes::Bytes>(&sql).await.map_err(&cannot)?);
        let mut buffer = vec![0u8; 1 << 18];
        loop {
            use futures_sink::Sink;
            let n = file.read(&mut buffer).map_err(io("cannot read", &path))?;
            if n == 0 {
                break;
            }
            std::future::poll_fn(|cx| sink.as_mut().poll_ready(cx))
                .await
                .map_err(&cannot)?;
            sink.as_mut()
                .start_send(bytes::Bytes::copy_from_slice(&buffer[..n]))
                .map_err(&cannot)?;
        }
        sink.as_mut().finish().await.map_err(pg(&t.name))?;
    }
    client
        .execute("SELECT setval('kernel_fact_turn', $1)", &[&copied.turn.max(1)])
        .await
        .map_err(&cannot)?;
    client
        .execute(
            "INSERT INTO kernel_setting(name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
            &[&RESTORED, &mark],
        )
        .await
        .map_err(&cannot)?;
    client.batch_execute("COMMIT").await.map_err(&cannot)
}
