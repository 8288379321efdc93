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
}
