//! What the floors above may ask of comms, and what they give it.

use crate::channel::{http, sign, signed};
use crate::delivery::service::Breaker;
use crate::delivery::service::SKEW;
use crate::rules::Rules;
use crate::settings::Settings;
use kernel::ctx::Unread;
use kernel::pack::Pack;
use kernel::{Ctx, Recorded, Result, Tx};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::message::service::{Notice, OneTime, notify, send_code, sms_open};

/// One to be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// Subject id.
    pub subject: String,
    /// Is told as an official: the link leads to the workbench.
    pub official: bool,
}

/// What a fact is about, as far as notices need it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Id of the thing (a case).
    pub reference: String,
    /// Path for the people whose thing it is, and for officials.
    pub link: String,
    pub work_link: String,
    /// Values for the texts, nothing personal: `number`, `matter`, `matter_en` …; `<name>_en` stands in for `<name>` in English. `whom`
    /// and `by_whom` are subject ids; pages show their names.
    pub args: BTreeMap<String, String>,
    /// Audience as the pack names it → people.
    pub people: BTreeMap<String, Vec<Person>>,
}

/// Knows the people behind subject ids and posts. Implemented by identity.
pub trait Directory: Send + Sync {
    fn phone(&self, ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<Option<String>>;
    /// A firm's name, a person's masked.
    fn name(&self, ctx: &Ctx, tx: &mut Tx<'_>, subject: &str) -> Result<Option<String>>;
    /// Subjects of those who hold a role for this organisation and area today.
    fn holders(
        &self,
        ctx: &Ctx,
        tx: &mut Tx<'_>,
        role: &str,
        org_path: &str,
        area_code: &str,
    ) -> Result<Vec<String>>;
    /// The subject behind an actor id (`account:<uuid>`).
    fn subject_of(&self, tx: &mut Tx<'_>, actor: &str) -> Result<Option<String>>;
}

/// Resolves who a fact concerns. Implemented by the crates whose facts the pack names.
pub trait Audience: Send + Sync {
    /// `None` when the fact is not of this crate.
    fn about(
        &self,
        ctx: &Ctx,
        tx: &mut Tx<'_>,
        fact: &Recorded,
        wanted: &[String],
        directory: &dyn Directory,
    ) -> Result<Option<Told>>;
}

/// Wired in the binary.
pub struct Ports {
    pub directory: Arc<dyn Directory>,
    pub audiences: Vec<Arc<dyn Audience>>,
}

/// POSTs a text of this media type to a server that an administrator registered, wherever it stands; the status of the
/// answer.
///
/// # Errors
/// In English, for the log: an address that is none, a server that cannot be reached.
pub async fn post(url: &str, kind: &str, body: &str, limit: std::time::Duration) -> Result<u16, String> {
    let target = http::Target::parse(url)?;
    let addresses: Vec<_> = tokio::net::lookup_host((target.name(), target.port))
        .await
        .map_err(|e| e.to_string())?
        .collect();
    http::post(&target, &addresses, &[], (kind, body), limit).await
}

/// Like [`post`], as JSON under this id (`Idempotency-Key`), signed as webhooks are.
///
/// # Errors
/// See [`post`].
pub async fn post_signed(
    ctx: &Ctx,
    url: &str,
    id: &str,
    secret: &str,
    body: &str,
    limit: std::time::Duration,
) -> Result<u16, String> {
    let target = http::Target::parse(url)?;
    let addresses: Vec<_> = tokio::net::lookup_host((target.name(), target.port))
        .await
        .map_err(|e| e.to_string())?
        .collect();
    let timestamp = ctx.now() / 1_000;
    let headers = [
        ("Idempotency-Key", id.to_string()),
        ("X-Yiwang-Timestamp", timestamp.to_string()),
        ("X-Yiwang-Signature", sign(secret, timestamp, body)),
    ];
    http::post(&target, &addresses, &headers, ("application/json", body), limit).await
}

/// Whether an adapter's signature over `timestamp.body` holds and is not old.
pub fn signature_holds(ctx: &Ctx, secret: &str, timestamp: &str, signature: &str, body: &str) -> bool {
    let at: i64 = timestamp.parse().unwrap_or(0);
    (at - ctx.now() / 1_000).abs() <= SKEW && signed(secret, at, body, signature)
}

/// Registers rules, ports and default settings; the binary replaces the settings by the operator's.
pub fn open(ctx: &Ctx, pack: &Pack, ports: Ports) -> Result<()> {
    let services = &ctx.app.services;
    services.put(Rules::read(pack)?);
    services.put(ports);
    services.put(Settings::default());
    services.put(Breaker::default());
    services.put(Unread(crate::message::store::unread_of));
    Ok(())
}

/// Puts the operator's settings into force.
pub fn configure(ctx: &Ctx, settings: Settings) {
    ctx.app.services.put(settings);
}
