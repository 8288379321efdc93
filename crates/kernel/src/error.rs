//! Two kinds of error, and no third: a [`Refusal`] the person can act on, a [`Fault`] the operator must.
//!
//! A refusal carries a locale key and arguments, so that it is shown in the reader's language with what to do
//! next; it never names internals. A fault is logged once at the edge with the request id and shown as a calm 500.

use std::collections::BTreeMap;
use std::fmt;

/// What every verb returns.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// A clear "no" that tells the person what to do. `key` is a Fluent message; `status` is the HTTP status (4xx).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Refusal {
    pub key: String,
    pub status: u16,
    pub args: BTreeMap<String, String>,
    /// Errors that belong to one field of a form: (field, message already in the person's language or a key).
    pub fields: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal of status 422 (the request was understood and cannot be carried out as it is).
    pub fn new(key: impl Into<String>) -> Self {
        Refusal {
            key: key.into(),
            status: 422,
            args: BTreeMap::new(),
            fields: Vec::new(),
        }
    }
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
    pub fn arg(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.args.insert(name.to_string(), value.to_string());
        self
    }
    pub fn field(mut self, name: impl Into<String>, message: impl Into<String>) -> Self {
        self.fields.push((name.into(), message.into()));
        self
    }
    /// 404: nothing at this address that this person may see.
    pub fn not_found() -> Self {
        Refusal::new("kernel-not-found").status(404)
    }
    /// 403: known, but not allowed.
    pub fn forbidden() -> Self {
        Refusal::new("kernel-forbidden").status(403)
    }
    /// 401: sign in first.
    pub fn sign_in() -> Self {
        Refusal::new("kernel-sign-in").status(401)
    }
    /// 412: somebody else changed the thing meanwhile; both versions are shown.
    pub fn stale() -> Self {
        Refusal::new("kernel-stale").status(412)
    }
}

/// Something broke that no visitor can mend. `context` names the verb or the place.
#[derive(Debug)]
pub struct Fault {
    pub context: String,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    pub fn new(context: impl Into<String>) -> Self {
        Fault {
            context: context.into(),
            source: None,
        }
    }
    pub fn of(
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Fault {
            context: context.into(),
            source: Some(source.into()),
        }
    }
}

/// Text with the character U+0000, which PostgreSQL keeps in no column and people never type. Refused alike on both databases.
#[derive(Debug)]
pub struct Unstorable;

impl fmt::Display for Unstorable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text with the character U+0000")
    }
}

impl std::error::Error for Unstorable {}

/// Why the storage cannot serve for a while. Nothing is broken: the person is asked to try again, and the operator is told
/// what to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// The disk or the database's quota is full; what was asked for was rolled back.
    Full,
    /// The storage refuses writes (read-only folder or server); what was asked for was rolled back.
    ReadOnly,
    /// The database does not answer; nothing was begun, or it was rolled back.
    Database,
    /// The connection broke at COMMIT: it may have been saved or not.
    Unknown,
}

impl Away {
    /// Name for `/readyz` and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Away::Full => "storage-full",
            Away::ReadOnly => "storage-read-only",
            Away::Database => "database-away",
            Away::Unknown => "outcome-unknown",
        }
    }
    fn of(e: &(dyn std::error::Error + 'static)) -> Option<Away> {
        use rusqlite::ErrorCode;
        use tokio_postgres::error::SqlState;
        if let Some(away) = e.downcast_ref::<Away>() {
            return Some(*away);
        }
        if let Some(e) = e.downcast_ref::<rusqlite::Error>() {
            return match e.sqlite_error_code()? {
                ErrorCode::DiskFull => Some(Away::Full),
                ErrorCode::ReadOnly => Some(Away::ReadOnly),
                _ => None,
            };
        }
        if let Some(e) = e.downcast_ref::<tokio_postgres::Error>() {
            let Some(code) = e.code() else {
                return e.is_closed().then_some(Away::Database);
            };
            return match *code {
                SqlState::DISK_FULL => Some(Away::Full),
                SqlState::READ_ONLY_SQL_TRANSACTION => Some(Away::ReadOnly),
                SqlState::ADMIN_SHUTDOWN
                | SqlState::CRASH_SHUTDOWN
                | SqlState::CANNOT_CONNECT_NOW
                | SqlState::TOO_MANY_CONNECTIONS => Some(Away::Database),
                _ => None,
            };
        }
        // Inside tokio-postgres: the socket was refused, reset or timed out.
        if let Some(e) = e.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::*;
            return match e.kind() {
                StorageFull | QuotaExceeded => Some(Away::Full),
                ReadOnlyFilesystem => Some(Away::ReadOnly),
                ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | TimedOut
                | UnexpectedEof | NotConnected | HostUnreachable | NetworkUnreachable => Some(Away::Database),
                _ => None,
            };
        }
        None
    }
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Away::Full => "the disk is full; free some space, writing goes on by itself",
            Away::ReadOnly => "the storage is read-only; make it writable again",
            Away::Database => "the database does not answer",
            Away::Unknown => "the connection broke at COMMIT, so the outcome is unknown",
        })
    }
}
impl std::error::Error for Away {}

impl Fault {
    /// Whether this is the storage being away, and how, by what stands in the chain of causes.
    pub fn away(&self) -> Option<Away> {
        self.causes().find_map(Away::of)
    }
    /// Whether the text that was to be kept cannot be.
    pub fn unstorable(&self) -> bool {
        self.causes().any(|e| e.is::<Unstorable>())
    }
    fn causes(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        let first = self
            .source
            .as_deref()
            .map(|e| e as &(dyn std::error::Error + 'static));
        std::iter::successors(first, |e| e.source())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.context)?;
        let mut next = self.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(e) = next {
            write!(f, ": {e}")?;
            next = e.source();
        }
        Ok(())
    }
}
impl std::error::Error for Fault {}

/// Either kind; what travels through `?`.
#[derive(Debug)]
pub enum Problem {
    Refusal(Refusal),
    Fault(Fault),
}

impl From<Refusal> for Problem {
    fn from(r: Refusal) -> Self {
        Problem::Refusal(r)
    }
}
impl From<Fault> for Problem {
    fn from(f: Fault) -> Self {
        Problem::Fault(f)
    }
}
impl From<serde_json::Error> for Problem {
    fn from(e: serde_json::Error) -> Self {
        Problem::Fault(Fault::of("json", e))
    }
}
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Refusal(r) => write!(f, "{} {:?} {:?}", r.key, r.args, r.fields),
            Problem::Fault(x) => write!(f, "{x}"),
        }
    }
}
impl std::error::Error for Problem {}

impl Problem {
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Problem::Refusal(r) => Some(r),
            Problem::Fault(_) => None,
        }
    }
    /// Whether all that is missing is that the person signs in.
    pub fn is_sign_in(&self) -> bool {
        self.refusal().is_some_and(|r| *r == Refusal::sign_in())
    }
    /// See [`Fault::away`].
    pub fn away(&self) -> Option<Away> {
        match self {
            Problem::Refusal(_) => None,
            Problem::Fault(f) => f.away(),
        }
    }
}
