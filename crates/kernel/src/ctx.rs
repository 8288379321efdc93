//! [`Ctx`]: the one argument every verb takes. Who acts, for whom, when, in which language, and the ports to what
//! other floors implement. Time and chance come from it, never from globals.

use crate::db::{Db, Tx};
use crate::error::{Fault, Refusal, Result};
use crate::i18n::{Locale, Texts};
use crate::module::Module;
use crate::page::Pages;
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;
use uuid::Uuid;

/// Instants for the whole program, in UTC milliseconds.
pub trait Clock: Send + Sync {
    fn now(&self) -> i64;
}
/// The machine's clock; the only place that reads it.
pub struct SystemClock;
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as i64)
    }
}
/// A clock that tests and stories set.
pub struct SetClock(AtomicI64);
impl SetClock {
    pub fn at(millis: i64) -> Self {
        SetClock(AtomicI64::new(millis))
    }
    pub fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}
impl Clock for SetClock {
    fn now(&self) -> i64 {
        // Each reading moves on by one millisecond, so that ids made in one test keep their order.
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Who acts.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    /// `public`, `system:<job>`, or `account:<uuid>`; stands in facts.
    pub id: String,
    /// How pages greet the person; never logged.
    pub name: String,
    pub kind: ActorKind,
    /// The account of a signed-in person.
    pub account: Option<Uuid>,
    /// The person the actor is (identity subject id).
    pub subject: Option<String>,
    /// The firm or person the actor acts for now (identity subject id).
    pub on_behalf: Option<String>,
    /// What the actor may do for it; without one nothing.
    pub mandate: Option<Mandate>,
    /// Posts held, for officials.
    pub grants: Vec<Grant>,
    /// The session behind the request, for sign-out.
    pub session: Option<String>,
}

impl Actor {
    pub fn public() -> Actor {
        Actor {
            id: "public".into(),
            ..Actor::default()
        }
    }
    pub fn system(job: &str) -> Actor {
        Actor {
            id: format!("system:{job}"),
            kind: ActorKind::System,
            ..Actor::default()
        }
    }
    pub fn signed_in(&self) -> bool {
        self.account.is_some()
    }
    pub fn is_official(&self) -> bool {
        self.kind == ActorKind::Official
    }
    /// The subject whose own records these are: the firm acted for, else the person.
    pub fn party(&self) -> Option<&str> {
        self.on_behalf.as_deref().or(self.subject.as_deref())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    #[default]
    Public,
    Citizen,
    Official,
    System,
}

/// How far somebody may act for another. It was in force when the request came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mandate {
    pub id: String,
    pub role: String,
    /// How pages name whom the actor acts for; never logged.
    pub name: String,
    /// What may be done, in the words of whoever grants it; `None` is everything.
    pub verbs: Option<Vec<String>>,
    /// What it may be about (see [`Resource::about`]); `None` is everything.
    pub about: Option<Vec<String>>,
    /// Nothing new may be begun.
    pub running_only: bool,
}

/// A post held by an official: a role within an organisation subtree and an area subtree.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Grant {
    pub role: String,
    pub post: String,
    /// Organisation id of the post itself.
    pub org: String,
    /// `/shi/chengguan/`: the subtree, with closing slash.
    pub org_path: String,
    /// Division code prefix.
    pub area_code: String,
}

/// What a decision is about: attributes of one row, by which the policies decide.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    /// Cedar entity type, e.g. `Case`.
    pub kind: &'static str,
    pub id: String,
    /// Subject ids that own it. The row is the first one's; the others (an agent) took part, which bars an official among them
    /// but gives nobody else a right.
    pub owners: Vec<String>,
    /// What it is about, as a [`Mandate`] may name it.
    pub about: Vec<String>,
    /// Every organisation path that takes part.
    pub org_paths: Vec<String>,
    pub area_code: String,
    pub state: String,
}

/// Which rows a list may show; compiled to SQL by [`Scope::sql`].
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    None,
    All,
    Any(Vec<Term>),
}
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// Rows owned by this subject.
    Owner(String),
    /// Of those the ones about one of these.
    OwnerAbout { owner: String, about: Vec<String> },
    /// Rows of an organisation subtree within an area subtree.
    Within { org_path: String, area_code: String },
}

/// The columns by which a table's rows are scoped.
#[derive(Clone, Copy, Debug)]
pub struct ScopeColumns {
    pub owner: &'static str,
    /// What a row is about; empty when the table does not say, then a mandate for some things shows none of its rows.
    pub about: &'static str,
    pub org_path: &'static str,
    pub area_code: &'static str,
}

impl Scope {
    /// A condition for a WHERE clause; its parameters are appended to `params`.
    pub fn sql(&self, columns: ScopeColumns, params: &mut Vec<crate::Value>) -> String {
        match self {
            Scope::None => "1 = 0".into(),
            Scope::All => "1 = 1".into(),
            Scope::Any(terms) if terms.is_empty() => "1 = 0".into(),
            Scope::Any(terms) => {
                let any: Vec<String> = terms
                    .iter()
                    .map(|t| match t {
                        Term::Owner(id) => {
                            params.push(id.into());
                            format!("{} = ${}", columns.owner, params.len())
                        }
                        Term::OwnerAbout { about, .. } if about.is_empty() || columns.about.is_empty() => {
                            "1 = 0".into()
                        }
                        Term::OwnerAbout { owner, about } => {
                            params.push(owner.into());
                            let own = params.len();
                            let places: Vec<String> = about
                                .iter()
                                .map(|a| {
                                    params.push(a.into());
                                    format!("${}", params.len())
                                })
                                .collect();
                            format!(
                                "({} = ${own} AND {} IN ({}))",
                                columns.owner,
                                columns.about,
                                places.join(", ")
                            )
                        }
                        Term::Within { org_path, area_code } => {
                            params.push(format!("{org_path}%").into());
                            let org = params.len();
                            params.push(format!("{area_code}%").into());
                            format!(
                                "({} LIKE ${org} AND {} LIKE ${})",
                                columns.org_path,
                                columns.area_code,
                                params.len()
                            )
                        }
                    })
                    .collect();
                format!("({})", any.join(" OR "))
            }
        }
    }

    /// The same decision on one row; a property test holds it against the SQL.
    pub fn holds(&self, r: &Resource) -> bool {
        match self {
            Scope::None => false,
            Scope::All => true,
            Scope::Any(terms) => terms.iter().any(|t| match t {
                Term::Owner(id) => r.owners.first() == Some(id),
                Term::OwnerAbout { owner, about } => {
                    r.owners.first() == Some(owner) && r.about.iter().any(|a| about.contains(a))
                }
                Term::Within { org_path, area_code } => {
                    r.org_paths.iter().any(|p| p.starts_with(org_path.as_str()))
                        && r.area_code.starts_with(area_code.as_str())
                }
            }),
        }
    }
}

/// Decides verbs. Implemented by identity with Cedar.
pub trait Authorise: Send + Sync {
    /// May the actor do this to that? The refusal says why.
    fn may(&self, actor: &Actor, permission: &str, resource: &Resource) -> Result<(), Refusal>;
    /// Does the actor hold the permission anywhere (doors, menus)?
    fn holds(&self, actor: &Actor, permission: &str) -> bool;
    /// The rows for which the actor holds the permission.
    fn scope(&self, actor: &Actor, permission: &str) -> Scope;
}

/// Protects columns of grade L3 and above. Implemented by trust.
pub trait Protect: Send + Sync {
    /// Encrypts; `place` is `table.column:id` and is authenticated with the text.
    fn seal(&self, place: &str, plain: &str) -> Result<Vec<u8>, Fault>;
    fn open(&self, place: &str, sealed: &[u8]) -> Result<String, Fault>;
    /// Keyed blind index of a normalised value, for joins and uniqueness.
    fn index(&self, element: &str, plain: &str) -> String;
    /// Signs short tokens (session, form) so that they cannot be made elsewhere; hex.
    fn mac(&self, purpose: &str, text: &str) -> String;
    /// Why the keys cannot be reached, in one word for `/readyz`.
    fn trouble(&self) -> Option<String> {
        None
    }
    /// Tells which master key this is; nothing can be computed from it.
    fn master_id(&self) -> String {
        self.mac("backup", "master-key-id").chars().take(16).collect()
    }
}

/// Finds who is behind a cookie or bearer token. Implemented by identity.
pub trait Sessions: Send + Sync {
    fn resolve(&self, tx: &mut Tx<'_>, credential: &Credential, now: i64) -> Result<Option<Actor>>;
}
#[derive(Clone, Debug)]
pub enum Credential {
    Cookie(String),
    Bearer(String),
}

/// Values already held about a subject. Implemented by data.
pub trait Ask: Send + Sync {
    fn ask(
        &self,
        tx: &mut Tx<'_>,
        ctx: &Ctx,
        subject: &str,
        elements: &[String],
        purpose: &str,
    ) -> Result<Vec<Held>>;
}
/// One value the city already holds.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Held {
    pub element: String,
    pub value: String,
    /// Name of the source library, as people see it.
    pub source: String,
    /// Legal date of the value.
    pub as_of: String,
}

/// Records that somebody's personal data was read by another. Implemented by identity.
pub trait Accessed: Send + Sync {
    fn accessed(
        &self,
        tx: &mut Tx<'_>,
        ctx: &Ctx,
        subjects: &[String],
        fields: &[&str],
        purpose: &str,
    ) -> Result<()>;
}

/// Counts what waits to be read by a person, for the header of every page. A service, put by the module that keeps messages.
pub struct Unread(pub fn(&mut Tx<'_>, &Actor) -> Result<i64>);

/// Kernel traits, wired in the binary.
#[derive(Clone)]
pub struct Ports {
    pub authorise: Arc<dyn Authorise>,
    pub protect: Arc<dyn Protect>,
    pub sessions: Arc<dyn Sessions>,
    pub ask: Arc<dyn Ask>,
    pub accessed: Arc<dyn Accessed>,
}

/// Settings of this instance; flag > environment > `yiwang.toml`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Public address without trailing slash.
    pub url: String,
    pub listen: String,
    pub data: PathBuf,
    /// `postgres://…`; SQLite in the data folder when `None`.
    pub database: Option<String>,
    pub demo: bool,
    /// Name of this node in facts and URNs.
    pub node: String,
    /// Cheap password hashing; tests only.
    pub fast_hash: bool,
    /// The pack was checked before by this very program: an empty database takes it in unchecked. Tests only.
    pub checked_pack: bool,
    pub edge: Edge,
}

impl Config {
    /// Whether people reach the city over TLS.
    pub fn secure(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// Settings of the web edge.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// Addresses of reverse proxies, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<std::net::IpAddr>,
    /// Lets another machine read `/metrics` as a bearer token; without it only this machine may.
    pub metrics_token: Option<String>,
    /// Allowances that differ from the usual ones.
    pub rates: Vec<(crate::rate::Rate, crate::rate::Allowance)>,
}

/// The running program.
pub struct App {
    pub config: Config,
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub ports: Ports,
    pub modules: Vec<Module>,
    pub pages: Pages,
    /// The routes that take no cookie; see [`crate::Route::open`].
    pub open: std::collections::HashMap<&'static str, crate::module::Open>,
    /// Pages that everybody who is not signed in sees alike.
    pub kept: crate::kept::Kept<String>,
    pub texts: Texts,
    /// What every page says about the city: name, name_en, zone … from the pack.
    pub city: Json,
    /// Woken when a fact was written here; followers also poll once a second.
    pub followers: Notify,
    pub meter: crate::meter::Meter,
    pub rates: crate::rate::Rates,
    /// Set when the process was asked to end: `/readyz` sends new work elsewhere and live streams finish.
    pub stopping: std::sync::atomic::AtomicBool,
    /// Highest `seq` seen, for the footer and live pages.
    pub head: AtomicI64,
    /// Typed services that modules register for their own use (pack caches, keys).
    pub services: crate::module::Services,
    /// Fills a buffer with random bytes.
    pub chance: crate::start::Chance,
    /// (millisecond, counter) of the last id given out, so that ids of one process rise strictly.
    pub last_id: std::sync::Mutex<(u64, u16)>,
}

impl App {
    pub fn wake_followers(&self) {
        self.followers.notify_waiters();
        self.followers.notify_one();
    }
    /// A context for work that no person asked for.
    pub fn system(self: &Arc<App>, job: &str) -> Ctx {
        Ctx::new(self.clone(), Actor::system(job), Locale::Zh)
    }
}

/// See the module.
#[derive(Clone)]
pub struct Ctx {
    pub app: Arc<App>,
    pub actor: Actor,
    pub locale: Locale,
    /// Id of the request, in facts and logs.
    pub request: Uuid,
    /// Fixed when the context is made: one request has one time.
    at: i64,
    pub path: String,
    /// Where to return to after signing in: this page, or the one whose form was sent.
    pub back: String,
    /// This address up to one more query parameter, for the switches of language and size.
    pub here: String,
    pub elder: bool,
    /// Messages that wait for the reader of this page; `None` where nobody counts them.
    pub unread: Option<i64>,
    /// Where the request came from, for rate limits; never stored in clear.
    pub peer: String,
    pub html: bool,
}

impl Ctx {
    pub fn new(app: Arc<App>, actor: Actor, locale: Locale) -> Ctx {
        let at = app.clock.now();
        let mut ctx = Ctx {
            app,
            actor,
            locale,
            request: Uuid::nil(),
            at,
            path: "/".into(),
            back: "/".into(),
            here: "/?".into(),
            elder: false,
            unread: None,
            peer: String::new(),
            html: true,
        };
        ctx.request = ctx.id();
        ctx
    }
    /// UTC milliseconds; the same for the whole request.
    pub fn now(&self) -> i64 {
        self.at
    }
    /// Today's legal date in the city's zone.
    pub fn today(&self) -> jiff::civil::Date {
        self.date_of(self.at)
    }
    /// The legal date of an instant in the city's zone.
    pub fn date_of(&self, millis: i64) -> jiff::civil::Date {
        let zone = jiff::tz::TimeZone::get(self.app.city["zone"].as_str().unwrap_or("Asia/Shanghai"))
            .unwrap_or(jiff::tz::TimeZone::UTC);
        jiff::Timestamp::from_millisecond(millis)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned_datetime(zone)
            .date()
    }
    /// A fresh UUIDv7. Within one process ids rise strictly (RFC 9562, 6.2 method 1), so facts of one transaction keep
    /// their order wherever they are sorted by id.
    pub fn id(&self) -> Uuid {
        let mut random = [0u8; 10];
        (self.app.chance)(&mut random);
        let now = self.app.clock.now().max(0) as u64;
        let (millis, counter) = {
            let mut last = self.app.last_id.lock().unwrap_or_else(|p| p.into_inner());
            *last = match *last {
                (ms, n) if now <= ms && n < 0xfff => (ms, n + 1),
                (ms, _) if now <= ms => (ms + 1, 0),
                _ => (now, 0),
            };
            *last
        };
        random[..2].copy_from_slice(&counter.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0u8; N];
        (self.app.chance)(&mut out);
        out
    }
    pub fn node(&self) -> &str {
        &self.app.config.node
    }
    /// Same request, another actor: system steps that a person's command caused.
    pub fn as_system(&self, job: &str) -> Ctx {
        Ctx {
            actor: Actor::system(job),
            ..self.clone()
        }
    }
    pub fn may(&self, permission: &str, resource: &Resource) -> Result<(), Refusal> {
        self.app.ports.authorise.may(&self.actor, permission, resource)
    }
    pub fn holds(&self, permission: &str) -> bool {
        self.app.ports.authorise.holds(&self.actor, permission)
    }
    pub fn scope(&self, permission: &str) -> Scope {
        self.app.ports.authorise.scope(&self.actor, permission)
    }
    pub fn protect(&self) -> &dyn Protect {
        self.app.ports.protect.as_ref()
    }
    /// One access row for this request when the data is somebody else's.
    pub fn accessed(
        &self,
        tx: &mut Tx<'_>,
        subjects: &[String],
        fields: &[&str],
        purpose: &str,
    ) -> Result<()> {
        self.app
            .ports
            .accessed
            .accessed(tx, self, subjects, fields, purpose)
    }
    pub fn ask(
        &self,
        tx: &mut Tx<'_>,
        subject: &str,
        elements: &[String],
        purpose: &str,
    ) -> Result<Vec<Held>> {
        self.app.ports.ask.ask(tx, self, subject, elements, purpose)
    }
    /// A write transaction; see [`crate::db`].
    pub async fn tx<T: Send>(
        &self,
        verb: &'static str,
        body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        self.app.db.write(verb, body).await
    }
    /// A read snapshot.
    pub async fn read<T: Send>(
        &self,
        verb: &'static str,
        body: impl FnMut(&mut Tx<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        self.app.db.read(verb, body).await
    }
    /// A localised text.
    pub fn t(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.app.texts.get(self.locale, key, args)
    }
    /// A refusal in the reader's words.
    pub fn says(&self, r: &Refusal) -> String {
        let args: Vec<(&str, &str)> = r.args.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        self.t(&r.key, &args)
    }
    /// The same with what to do, when there is such a text.
    pub fn explains(&self, r: &Refusal) -> String {
        let help = Refusal {
            key: format!("{}-help", r.key),
            ..r.clone()
        };
        if !self.app.texts.has(&help.key) {
            return self.says(r);
        }
        let stop = if self.locale == Locale::En { ". " } else { "。" };
        format!("{}{stop}{}", self.says(r), self.says(&help))
    }
    /// The service of type `T` that a module registered at start.
    pub fn service<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, Fault> {
        self.app.services.get::<T>()
    }
}
