//! What a crate declares of itself. Adding a module is writing it and adding one line in `yiwang`.

use crate::ctx::{App, Ctx};
use crate::db::{Migration, Tx};
use crate::error::{Fault, Problem, Result};
use crate::fact::{Recorded, Table};
use axum::routing::MethodRouter;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, RwLock};

/// Who may pass: every route says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Door {
    Public,
    SignedIn,
    /// Holds this permission somewhere; the service decides on the row.
    Permission(&'static str),
    /// The same, for officials only: pages of the workbench.
    Official(&'static str),
}

/// One route with its door. `doc` puts it into the OpenAPI file.
pub struct Route {
    pub path: &'static str,
    pub door: Door,
    pub handler: MethodRouter<Arc<App>>,
    pub doc: Vec<ApiDoc>,
    /// Largest body in bytes.
    pub body: usize,
    /// Whether and how a caller's requests are limited.
    pub rate: Option<crate::rate::Rate>,
    /// Which requests take no cookie and no session token.
    pub open: Open,
}

/// See [`Route::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    Never,
    Posts,
    Always,
}

/// One operation of the JSON API, as OpenAPI 3.1 shows it.
#[derive(Clone, Debug)]
pub struct ApiDoc {
    pub method: &'static str,
    pub summary: &'static str,
    /// Name and meaning of what may stand behind the question mark.
    pub query: Vec<(&'static str, &'static str)>,
    /// JSON Schemas of request and response bodies; `null` for none.
    pub request: serde_json::Value,
    pub response: serde_json::Value,
}

impl Route {
    pub fn new(path: &'static str, door: Door, handler: MethodRouter<Arc<App>>) -> Route {
        Route {
            path,
            door,
            handler,
            doc: Vec::new(),
            body: 1 << 20,
            rate: None,
            open: Open::Never,
        }
    }
    /// Pages of any site may call it: it takes no cookie and says itself who may.
    pub fn open(mut self) -> Route {
        self.open = Open::Always;
        self
    }
    /// The same for POST alone: a form of another site may be sent here.
    pub fn open_to_forms(mut self) -> Route {
        self.open = Open::Posts;
        self
    }
    pub fn rate(mut self, rate: crate::rate::Rate) -> Route {
        self.rate = Some(rate);
        self
    }
    pub fn body(mut self, bytes: usize) -> Route {
        self.body = bytes;
        self
    }
    pub fn doc(
        mut self,
        method: &'static str,
        summary: &'static str,
        request: serde_json::Value,
        response: serde_json::Value,
    ) -> Route {
        self.doc.push(ApiDoc {
            method,
            summary,
            query: Vec::new(),
            request,
            response,
        });
        self
    }
    /// A parameter of the operation described last.
    pub fn query(mut self, name: &'static str, meaning: &'static str) -> Route {
        if let Some(doc) = self.doc.last_mut() {
            doc.query.push((name, meaning));
        }
        self
    }
}

/// A permission, granted to roles by the pack.
#[derive(Clone, Copy, Debug)]
pub struct Permission {
    /// `crate.noun.verb`
    pub name: &'static str,
    /// Locale key of its description.
    pub title: &'static str,
}

/// An entry of the workbench's side or the portal's menu.
#[derive(Clone, Copy, Debug)]
pub struct MenuEntry {
    pub href: &'static str,
    pub title: &'static str,
    pub icon: &'static str,
    pub place: Place,
    /// Shown only to those who hold it.
    pub permission: Option<&'static str>,
    pub order: i32,
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// The citizens' portal.
    Portal,
    /// The officials' workbench.
    Workbench,
}

/// A live figure of a net for the home page, counted when it is shown.
#[derive(Clone, Copy)]
pub struct HomeFigure {
    /// Locale key of what is counted.
    pub title: &'static str,
    /// The page with the rows that were counted, open to everybody.
    pub href: &'static str,
    pub order: i32,
    /// The value and its unit, in the reader's language.
    pub read: fn(&Ctx, &mut Tx<'_>) -> Result<(String, String)>,
}

/// A type of fact this crate sends, and why nobody consumes it if nobody does.
#[derive(Clone, Copy, Debug)]
pub struct FactType {
    pub name: &'static str,
    pub unconsumed: Option<&'static str>,
}

/// Follows the fact log: cursor and effect in one transaction. Cheap by rule; slow work is put off to a job.
#[derive(Clone)]
pub struct Consumer {
    pub name: &'static str,
    /// Types it wants; empty means all.
    pub facts: &'static [&'static str],
    pub handle: fn(&Ctx, &mut Tx<'_>, &Recorded) -> Result<()>,
}

/// Follows the fact log whole, many facts in one transaction, and ahead of every [`Consumer`]: the proof of a fact shall not
/// wait for what others do about it.
#[derive(Clone)]
pub struct Batch {
    pub name: &'static str,
    /// Most facts in one transaction, which is bounded by rows and time.
    pub page: u32,
    /// The facts follow one another without a gap.
    pub handle: fn(&Ctx, &mut Tx<'_>, &[Recorded]) -> Result<()>,
    /// Runs after each turn, also when there was nothing new; cheap when there is nothing to do.
    pub after: fn(Ctx) -> JobFuture,
}

/// Something that every node does for itself soon after one of these facts was written, wherever that was: refreshing what it
/// keeps in memory. A consumer runs on one node only.
#[derive(Clone)]
pub struct Watch {
    pub facts: &'static [&'static str],
    pub run: fn(Ctx) -> JobFuture,
}

pub type JobFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A kind of job. Runs at least once; its effects carry the fence or are idempotent by the due key.
#[derive(Clone)]
pub struct JobKind {
    pub name: &'static str,
    pub run: fn(Ctx, serde_json::Value) -> JobFuture,
    /// Runs every so many milliseconds when set; the due key is the due time.
    pub every: Option<i64>,
}

/// A view other modules, indicators and the catalogue may read: stable columns, grade and watermark.
#[derive(Clone, Copy, Debug)]
pub struct PublicView {
    /// `pub_<crate>_<noun>`
    pub name: &'static str,
    /// The SELECT behind it, in the shared subset.
    pub sql: &'static str,
    /// Highest grade of its columns (L1–L4).
    pub grade: u8,
}

/// A page with data to render it from in tests: (template, sample name, JSON).
#[derive(Clone, Debug)]
pub struct Sample {
    pub template: &'static str,
    pub name: &'static str,
    pub data: serde_json::Value,
}

/// One command line verb: `yiwang <name> …`.
#[derive(Clone)]
pub struct Command {
    pub name: &'static str,
    pub help: &'static str,
    pub run: fn(Ctx, Vec<String>) -> JobFuture,
}

/// Reads one section of the pack into the database. `check` parses only; both report file and line.
#[derive(Clone)]
pub struct Section {
    pub name: &'static str,
    pub load: fn(Ctx, Arc<crate::pack::Pack>) -> JobFuture,
    /// Every problem found, each with file and line.
    pub check: fn(&crate::pack::Pack) -> Vec<String>,
}

/// A column that holds what [`crate::ctx::Protect::seal`] made. The rotation of data keys seals the declared ones anew; a value in
/// any other would be lost with the old key.
#[derive(Clone, Copy, Debug)]
pub struct Sealed {
    pub table: &'static str,
    /// The primary key.
    pub key: &'static [&'static str],
    pub column: &'static str,
    /// The place that is authenticated with the text; `{column}` stands for the value of a key column.
    pub place: &'static str,
    pub form: SealedForm,
    /// One row only: this key column has this value.
    pub only: Option<(&'static str, &'static str)>,
}

/// How sealed bytes stand in their column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedForm {
    /// BYTEA.
    Bytes,
    /// TEXT: `sealed:` and Base64; other texts in the column are not sealed.
    Words,
    /// TEXT: hex digits.
    Hex,
}

impl Sealed {
    /// A BYTEA column of a table with a key of these columns.
    pub const fn bytes(
        table: &'static str,
        key: &'static [&'static str],
        column: &'static str,
        place: &'static str,
    ) -> Sealed {
        Sealed {
            table,
            key,
            column,
            place,
            form: SealedForm::Bytes,
            only: None,
        }
    }
    /// A TEXT column with sealed words.
    pub const fn words(
        table: &'static str,
        key: &'static [&'static str],
        column: &'static str,
        place: &'static str,
    ) -> Sealed {
        Sealed {
            form: SealedForm::Words,
            ..Sealed::bytes(table, key, column, place)
        }
    }
    /// A setting of this name with sealed hex digits.
    pub const fn setting(name: &'static str, place: &'static str) -> Sealed {
        Sealed {
            form: SealedForm::Hex,
            only: Some(("name", name)),
            ..Sealed::bytes("kernel_setting", &["name"], "value", place)
        }
    }
}

/// A finding of `yiwang doctor`.
pub type Check = fn(Ctx) -> Pin<Box<dyn Future<Output = Result<Vec<String>>> + Send>>;

/// What does not work at the moment though the city goes on without it, in one word for `/readyz`.
pub type Trouble = fn(&App) -> Option<&'static str>;

/// A crate's whole face to the product.
#[derive(Default)]
pub struct Module {
    pub name: &'static str,
    pub routes: Vec<Route>,
    pub permissions: Vec<Permission>,
    pub menu: Vec<MenuEntry>,
    pub figures: Vec<HomeFigure>,
    pub facts: Vec<FactType>,
    pub consumers: Vec<Consumer>,
    pub batches: Vec<Batch>,
    pub watches: Vec<Watch>,
    pub jobs: Vec<JobKind>,
    pub migrations: Vec<Migration>,
    pub templates: Vec<(String, String)>,
    pub locales: Vec<(String, String, String)>,
    pub sections: Vec<Section>,
    pub living: Vec<crate::living::Living>,
    pub views: Vec<PublicView>,
    pub tables: Vec<&'static Table>,
    pub sealed: Vec<Sealed>,
    pub samples: Vec<Sample>,
    pub commands: Vec<Command>,
    pub checks: Vec<Check>,
    pub troubles: Vec<Trouble>,
}

impl Module {
    /// A module with the crate's embedded `templates/`, `migrations/` and `locales/`.
    pub fn new<F: rust_embed::RustEmbed>(name: &'static str) -> Module {
        let mut m = Module {
            name,
            ..Module::default()
        };
        let mut files: Vec<_> = F::iter().collect();
        files.sort();
        for path in files {
            let Some(file) = F::get(&path) else { continue };
            let text = String::from_utf8_lossy(&file.data).into_owned();
            if let Some(rest) = path.strip_prefix("templates/") {
                let rest = rest
                    .strip_prefix("kernel/")
                    .filter(|_| name == "kernel")
                    .unwrap_or(rest);
                m.templates.push((format!("{name}/{rest}"), text));
            } else if let Some(rest) = path.strip_prefix("migrations/") {
                let stem = rest.trim_end_matches(".sql");
                let (number, title) = stem.split_once('_').unwrap_or((stem, ""));
                let number = number.parse().unwrap_or(0);
                m.migrations.push(Migration {
                    module: name.into(),
                    number,
                    name: title.into(),
                    sql: text,
                });
            } else if let Some(rest) = path.strip_prefix("locales/") {
                m.locales.push((
                    rest.trim_end_matches(".ftl").to_string(),
                    format!("{name}/{path}"),
                    text,
                ));
            }
        }
        m
    }
}

/// Typed things that modules share with themselves across requests (keys, compiled policies, parsed matters).
#[derive(Default)]
pub struct Services(RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Services {
    /// Registers or replaces the service of type `T`.
    pub fn put<T: Send + Sync + 'static>(&self, service: T) {
        self.0
            .write()
            .unwrap_or_else(|p| p.into_inner())
            .insert(TypeId::of::<T>(), Arc::new(service));
    }
    pub fn get<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, Fault> {
        let map = self.0.read().unwrap_or_else(|p| p.into_inner());
        map.get(&TypeId::of::<T>())
            .cloned()
            .and_then(|s| s.downcast::<T>().ok())
            .ok_or_else(|| {
                Fault::new(format!(
                    "service {} was not registered",
                    std::any::type_name::<T>()
                ))
            })
    }
}

/// Boxes a future for the function-pointer tables above.
pub fn boxed<F>(future: F) -> JobFuture
where
    F: Future<Output = Result<(), Problem>> + Send + 'static,
{
    Box::pin(future)
}
