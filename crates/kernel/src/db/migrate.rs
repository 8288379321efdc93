//! Numbered migrations per crate, written once and translated per database, applied once and never changed.
//!
//! A migration is plain DDL of the shared types (TEXT, BIGINT, DOUBLE PRECISION, BYTEA). Lines between `-- sqlite:`
//! or `-- postgres:` and `-- both:` are for that database alone (full-text search needs it, nothing else should).

use super::{Backend, Db};
use crate::error::{Fault, Problem, Result};
use crate::params;
use sha2::{Digest, Sha256};

/// One numbered migration of one crate.
#[derive(Clone, Debug)]
pub struct Migration {
    pub module: String,
    pub number: u32,
    pub name: String,
    pub sql: String,
}

impl Migration {
    pub(super) fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }

    fn for_dialect(&self, postgres: bool) -> String {
        let mut keep = true;
        let mut text = String::new();
        for line in self.sql.lines() {
            match line.trim() {
                "-- sqlite:" => keep = !postgres,
                "-- postgres:" => keep = postgres,
                "-- both:" => keep = true,
                _ if keep => {
                    text.push_str(line);
                    text.push('\n');
                }
                _ => {}
            }
        }
        statements(&text)
            .iter()
            .map(|s| translate(s, postgres) + ";\n")
            .collect()
    }
}

/// Splits at semicolons outside quotes and drops comments.
fn statements(sql: &str) -> Vec<String> {
    let bare: String = sql
        .lines()
        .filter(|l| !l.trim_start().starts_with("--"))
        .flat_map(|l| [l, "\n"])
        .collect();
    let (mut out, mut statement) = (Vec::new(), String::new());
    let mut quoted = false;
    for c in bare.chars() {
        quoted ^= c == '\'';
        if c == ';' && !quoted {
            out.push(std::mem::take(&mut statement));
        } else {
            statement.push(c);
        }
    }
    out.push(statement);
    out.into_iter()
        .map(|s| s.trim().to_string())
        .filter(|s| !s.is_empty())
        .collect()
}

fn translate(statement: &str, postgres: bool) -> String {
    let upper = statement.to_ascii_uppercase();
    let is_new = upper.starts_with("CREATE TABLE");
    if !is_new && !upper.starts_with("ALTER TABLE") {
        return statement.to_string();
    }
    let words = |from: &str, to: &str, text: &str| -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(from) {
            let before = rest[..at]
                .chars()
                .next_back()
                .is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let after = rest[at + from.len()..]
                .chars()
                .next()
                .is_none_or(|c| !c.is_alphanumeric() && c != '_');
            out.push_str(&rest[..at]);
            out.push_str(if before && after { to } else { from });
            rest = &rest[at + from.len()..];
        }
        out + rest
    };
    if postgres {
        words("TEXT", "TEXT COLLATE \"C\"", statement)
    } else {
        let s = words("BIGINT", "INTEGER", statement);
        let s = words("DOUBLE PRECISION", "REAL", &s);
        words("BYTEA", "BLOB", &s) + if is_new { " STRICT" } else { "" }
    }
}

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS kernel_migration (
    module TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,
    applied_at BIGINT NOT NULL, PRIMARY KEY (module, number))";

pub(super) async fn apply(db: &Db, migrations: &[Migration], now: i64) -> Result<usize, Fault> {
    run(db, &translate(LEDGER, db.is_postgres())).await?;
    let known = db
        .read("kernel.migrate", |tx| {
            Ok(tx.query("SELECT module, number, checksum FROM kernel_migration", &[])?)
        })
        .await
        .map_err(flat)?;
    for row in &known {
        let (module, number): (String, i64) = (row.get("module")?, row.get("number")?);
        let here = |m: &&Migration| m.module == module && i64::from(m.number) == number;
        if !migrations.iter().any(|m| here(&m)) {
            return Err(Fault::new(format!(
                "this database was last used by a newer program: it has migration {module} {number:04}, which this one does \
                 not know; start the newer program, or restore a backup that was made before the upgrade"
            )));
        }
    }
    let mut applied = 0;
    for m in migrations {
        let seen = known.iter().find(|r| {
            r.get::<String>("module").is_ok_and(|x| x == m.module)
                && r.get::<i64>("number").is_ok_and(|n| n == i64::from(m.number))
        });
        if let Some(row) = seen {
            if row.get::<String>("checksum")? != m.checksum() {
                return Err(Fault::new(format!(
                    "migration {} {:04} was changed after it was applied; add a new one instead",
                    m.module, m.number
                )));
            }
            continue;
        }
        let ledger = format!(
            "INSERT INTO kernel_migration(module, number, name, checksum, applied_at) \
             VALUES ('{}', {}, '{}', '{}', {now});",
            m.module,
            m.number,
            m.name,
            m.checksum()
        );
        let sql = format!("BEGIN;\n{}{ledger}\nCOMMIT;", m.for_dialect(db.is_postgres()));
        run(db, &sql)
            .await
            .map_err(|e| Fault::of(format!("migration {} {:04}_{}", m.module, m.number, m.name), e))?;
        applied += 1;
    }
    Ok(applied)
}

async fn run(db: &Db, sql: &str) -> Result<(), Fault> {
    match &db.backend {
        Backend::Sqlite(s) => {
            s.exclusively(|conn| {
                conn.execute_batch(sql).map_err(|e| {
                    let _ = conn.execute_batch("ROLLBACK");
                    Fault::of("sqlite", e)
                })
            })
            .await
        }
        Backend::Postgres(p) => p.batch(sql).await,
    }
}

fn flat(p: Problem) -> Fault {
    match p {
        Problem::Fault(f) => f,
        Problem::Refusal(r) => Fault::new(r.key),
    }
}

/// The schema as (table, column, type, not-null) with the shared type names, sorted: equal on both databases.
pub async fn schema_of(db: &Db) -> Result<Vec<(String, String, String, bool)>, Fault> {
    let postgres = db.is_postgres();
    let sql = if postgres {
        "SELECT CAST(table_name AS TEXT) AS t, CAST(column_name AS TEXT) AS c, CAST(data_type AS TEXT) AS k, \
         CASE WHEN is_nullable = 'NO' THEN 1 ELSE 0 END AS n FROM information_schema.columns \
         WHERE table_schema = current_schema() AND table_name IN (SELECT table_name FROM information_schema.tables \
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE')"
    } else {
        "SELECT m.name AS t, p.name AS c, p.type AS k, CASE WHEN p.\"notnull\" = 1 OR p.pk > 0 THEN 1 ELSE 0 END AS n \
         FROM sqlite_schema m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' \
         AND m.sql NOT LIKE 'CREATE VIRTUAL%'"
    };
    let rows = db
        .read("kernel.schema", |tx| Ok(tx.query(sql, params![])?))
        .await
        .map_err(flat)?;
    let mut out = Vec::new();
    for r in rows {
        let kind: String = r.get("k")?;
        let kind = match kind.to_ascii_uppercase().as_str() {
            "INTEGER" | "BIGINT" => "BIGINT",
            "REAL" | "DOUBLE PRECISION" => "DOUBLE PRECISION",
            "BLOB" | "BYTEA" => "BYTEA",
            "TEXT" => "TEXT",
            other => return Err(Fault::new(format!("type {other} is outside the shared subset"))),
        };
        out.push((r.get("t")?, r.get("c")?, kind.to_string(), r.get("n")?));
    }
    out.sort();
    Ok(out)
}
