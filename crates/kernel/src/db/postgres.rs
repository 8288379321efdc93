//! PostgreSQL: a small pool of connections, one transaction a body, retried on serialisation failures.
//!
//! Bodies are synchronous, so statements are driven to their end on a thread that tokio has been told may block. The
//! waiting is pollster's and not `Handle::block_on`: that one shares its parker with an outer `block_on` of the same
//! thread and takes the wake-ups meant for it, which leaves a program that joins two transactions there asleep for ever.

use super::{Driver, Inside, Limits, Tx, guard, panicked};
use crate::error::{Away, Fault, Problem, Result};
use crate::value::{Row, Value};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement};

/// Connections one process holds at most.
const POOL: usize = 16;
/// Prepared statements kept on one connection; more than the program's own texts only come from lists with many forms.
const STATEMENTS: usize = 512;
/// How long a request waits for a connection: to be made, or to become free. A network that swallows packets must not
/// hold people for minutes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
/// Times a body is run again on 40001 / 40P01.
const RETRIES: u32 = 5;

/// Handle on the database; clones share the pool.
#[derive(Clone)]
pub struct Postgres {
    settings: Arc<tokio_postgres::Config>,
    free: Arc<std::sync::Mutex<Vec<Session>>>,
    permits: Arc<Semaphore>,
}

/// One connection with its prepared statements.
pub(crate) struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

fn fault(context: &str) -> impl Fn(tokio_postgres::Error) -> Fault + '_ {
    move |e| {
        let detail = e
            .as_db_error()
            .map(|d| format!("{} {}", d.code().code(), d.message()));
        match detail {
            Some(d) => Fault::of(
                context,
                Box::new(Coded { text: d, source: e }) as Box<dyn std::error::Error + Send + Sync>,
            ),
            None => Fault::of(context, e),
        }
    }
}

/// A database error with its SQLSTATE in the text.
#[derive(Debug)]
struct Coded {
    text: String,
    source: tokio_postgres::Error,
}
impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for Coded {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn may_retry(p: &Problem) -> bool {
    let Problem::Fault(f) = p else { return false };
    let text = f.to_string();
    text.contains("40001 ") || text.contains("40P01 ")
}

impl Postgres {
    pub async fn open(address: &str) -> Result<Postgres, Fault> {
        let mut settings: tokio_postgres::Config = address
            .parse()
            .map_err(fault("the PostgreSQL address (YIWANG_DATABASE) cannot be read"))?;
        settings
            .connect_timeout(PATIENCE)
            .tcp_user_timeout(2 * PATIENCE)
            .keepalives_idle(2 * PATIENCE);
        let pg = Postgres {
            settings: Arc::new(settings),
            free: Default::default(),
            permits: Arc::new(Semaphore::new(POOL)),
        };
        let (session, _permit) = pg.take().await?;
        pg.give(session);
        Ok(pg)
    }

    async fn take(&self) -> Result<(Session, OwnedSemaphorePermit), Fault> {
        let permit = tokio::time::timeout(2 * PATIENCE, self.permits.clone().acquire_owned())
            .await
            .map_err(|_| Fault::of("no connection became free", Away::Database))?
            .map_err(|e| Fault::of("connection pool closed", e))?;
        // A server that was restarted closes all kept connections; they are dropped here.
        while let Some(session) = self.free.lock().unwrap_or_else(|p| p.into_inner()).pop() {
            if !session.client.is_closed() {
                return Ok((session, permit));
            }
        }
        let cannot = "cannot reach the PostgreSQL database (YIWANG_DATABASE)";
        let (client, connection) = tokio::time::timeout(2 * PATIENCE, self.settings.connect(NoTls))
            .await
            .map_err(|_| Fault::of(cannot, Away::Database))?
            .map_err(|e| {
                // Refused, reset, no such host: whatever keeps us from it, it is away; a wrong password is not.
                let answered = e.code().is_some();
                let f = fault(cannot)(e);
                if answered {
                    f
                } else {
                    Fault::of(f.to_string(), Away::Database)
                }
            })?;
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::warn!("postgres connection ended: {e}");
            }
        });
        client
            .batch_execute(
                "SET client_min_messages = warning; SET TIME ZONE 'UTC'; SET statement_timeout = '60s'",
            )
            .await
            .map_err(fault("session settings"))?;
        Ok((
            Session {
                client,
                statements: HashMap::new(),
            },
            permit,
        ))
    }

    fn give(&self, session: Session) {
        if !session.client.is_closed() {
            self.free.lock().unwrap_or_else(|p| p.into_inner()).push(session);
        }
    }

    pub(super) async fn write<T: Send>(
        &self,
        verb: &'static str,
        limits: Limits,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        for turn in 0..RETRIES {
            match self.run(verb, "BEGIN", limits, &mut body).await {
                Err(p) if may_retry(&p) => {
                    tokio::time::sleep(std::time::Duration::from_millis(5 << turn)).await
                }
                other => return other,
            }
        }
        self.run(verb, "BEGIN", limits, &mut body).await
    }

    pub(super) async fn read<T: Send>(
        &self,
        verb: &'static str,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        let limits = Limits {
            rows: 200_000,
            millis: 30_000,
        };
        self.run(
            verb,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            limits,
            &mut body,
        )
        .await
    }

    async fn run<T: Send>(
        &self,
        verb: &'static str,
        begin: &str,
        limits: Limits,
        body: &mut (impl FnMut(&mut Tx<'_>) -> Result<T> + Send),
    ) -> Result<T> {
        if let Some(outer) = super::INSIDE.get() {
            return Err(Fault::new(format!("{verb}: transaction begun inside the body of {outer}")).into());
        }
        let (mut session, mut _permit) = self.take().await?;
        // A kept connection may have died unnoticed; nothing has begun yet, so the next one is tried, at last a new one.
        let mut left = POOL;
        while let Err(e) = session.client.batch_execute(begin).await {
            if !session.client.is_closed() || left == 0 {
                return Err(fault(verb)(e).into());
            }
            left -= 1;
            drop((session, _permit));
            (session, _permit) = self.take().await?;
        }
        let (outcome, mut session) = tokio::task::block_in_place(move || -> Result<(Result<T>, Session)> {
            let inside = Inside::enter(verb)?;
            let done = {
                let mut tx = Tx {
                    driver: Driver::Postgres(&mut session),
                    verb,
                    limits,
                    rows: 0,
                    begun: std::time::Instant::now(),
                    poisoned: false,
                    facts: 0,
                };
                let done = catch_unwind(AssertUnwindSafe(|| body(&mut tx)));
                match done {
                    Err(p) => Err(panicked(verb, p)),
                    Ok(Ok(_)) if tx.poisoned => {
                        Err(Fault::new(format!("{verb}: a failed statement was ignored by the body")).into())
                    }
                    Ok(Ok(v)) => tx.spend(0).map(|()| v).map_err(Problem::from),
                    Ok(Err(e)) => Err(e),
                }
            };
            drop(inside);
            Ok((done, session))
        })?;
        let end = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = session.client.batch_execute(end).await;
        if session.statements.len() > STATEMENTS {
            session.statements.clear();
        }
        match (outcome, ended) {
            (Ok(v), Ok(())) => {
                self.give(session);
                Ok(v)
            }
            (Ok(_), Err(e)) if e.code().is_none() => {
                let text = format!("{verb}: COMMIT, outcome unknown: {e}");
                Err(Fault::of(text, Away::Unknown).into())
            }
            (Ok(_), Err(e)) => Err(fault(&format!("{verb}: COMMIT"))(e).into()),
            (Err(p), ended) => {
                if ended.is_ok() {
                    self.give(session);
                }
                Err(p)
            }
        }
    }

    /// Whether the server takes writes now. The ledger of the kernel's own settings is asked, which every write needs.
    pub(super) async fn trouble(&self) -> Option<String> {
        let asked = self
            .read("kernel.ready", |tx| {
                Ok(tx.scalar::<String>("SELECT CAST(pg_is_in_recovery() AS TEXT) AS x", &[])?)
            })
            .await;
        match asked {
            Ok(answer) if answer.as_deref().is_some_and(|a| a.ends_with("true")) => {
                Some(Away::ReadOnly.name().into())
            }
            Ok(_) => None,
            Err(e) => Some(e.away().map_or("database-error", Away::name).into()),
        }
    }

    /// A connection outside the pool, for whole copies.
    pub(super) async fn alone(&self) -> Result<Client, Fault> {
        let cannot = "cannot reach the PostgreSQL database (YIWANG_DATABASE)";
        let (client, connection) = self.settings.connect(NoTls).await.map_err(fault(cannot))?;
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::warn!("postgres connection ended: {e}");
            }
        });
        Ok(client)
    }

    /// Runs statements outside the pool's transactions: migrations only.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        let (session, _permit) = self.take().await?;
        let done = session
            .client
            .batch_execute(sql)
            .await
            .map_err(fault("migration"));
        self.give(session);
        done
    }
}

impl Session {
    fn statement(&mut self, sql: &str) -> Result<Statement, Fault> {
        if let Some(s) = self.statements.get(sql) {
            return Ok(s.clone());
        }
        guard(sql)?;
        let s = pollster::block_on(self.client.prepare(sql)).map_err(fault("postgres"))?;
        self.statements.insert(sql.to_string(), s.clone());
        Ok(s)
    }

    pub(super) fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, Fault> {
        let s = self.statement(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|v| v as _).collect();
        pollster::block_on(self.client.execute(&s, &params)).map_err(fault("postgres"))
    }

    pub(super) fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, Fault> {
        let s = self.statement(sql)?;
        let columns: Arc<Vec<String>> = Arc::new(s.columns().iter().map(|c| c.name().to_string()).collect());
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|v| v as _).collect();
        let rows = pollster::block_on(self.client.query(&s, &params)).map_err(fault("postgres"))?;
        rows.iter()
            .map(|r| {
                let values = (0..columns.len())
                    .map(|i| r.try_get::<_, Value>(i))
                    .collect::<Result<Vec<_>, _>>();
                values
                    .map(|values| Row {
                        columns: columns.clone(),
                        values,
                    })
                    .map_err(fault("postgres"))
            })
            .collect()
    }
}

type Boxed = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Boxed> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(i) => match *ty {
                Type::INT2 => i16::try_from(*i)?.to_sql(ty, out),
                Type::INT4 => i32::try_from(*i)?.to_sql(ty, out),
                Type::FLOAT8 => (*i as f64).to_sql(ty, out),
                Type::TEXT => i.to_string().to_sql(ty, out),
                Type::BOOL => (*i != 0).to_sql(ty, out),
                _ => i.to_sql(ty, out),
            },
            Value::Real(r) => r.to_sql(ty, out),
            Value::Text(t) => t.to_sql(ty, out),
            Value::Bytes(b) => b.to_sql(ty, out),
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    tokio_postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Boxed> {
        Ok(match *ty {
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Value::Int(bool::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Value::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Value::Real(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Value::Bytes(Vec::<u8>::from_sql(ty, raw)?),
            Type::NUMERIC => {
                return Err("a NUMERIC result: cast the sum to BIGINT or DOUBLE PRECISION".into());
            }
            _ => Value::Text(String::from_utf8_lossy(raw).into_owned()),
        })
    }
    fn from_sql_null(_: &Type) -> Result<Self, Boxed> {
        Ok(Value::Null)
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}
