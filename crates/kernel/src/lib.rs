//! The kernel: what every floor stands on, and no business noun.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`ctx`] | [`Ctx`], the one argument of every verb; actors, scopes, ports |
//! | [`db`] | `Db`/`Tx`: one SQL on SQLite (group commit) and PostgreSQL, migrations |
//! | [`fact`] | audit trail, outbox and Merkle leaf in one row |
//! | [`job`] | background work that survives restarts and runs once |
//! | [`module`] | what a crate declares of itself |
//! | [`http`], [`page`], [`i18n`] | the web edge, templates, texts |
//! | [`pack`] | city packs with file-and-line errors |
//! | [`living`] | pack items that people go on editing: compare, merge three ways, export |
//! | [`kept`] | answers that are the same for everybody, kept while nothing changes |
//! | [`search`] | words, pinyin, bigrams |
//! | [`qr`] | QR codes |
//! | [`setting`] | named values of the whole city |
//! | [`meter`], [`rate`] | what the operator sees, what a caller may ask |
//! | [`start`] | putting it together |

pub mod api;
pub mod ctx;
pub mod db;
pub mod error;
pub mod fact;
pub mod fatal;
pub mod http;
pub mod i18n;
pub mod job;
pub mod kept;
pub mod living;
pub mod meter;
pub mod module;
pub mod pack;
pub mod page;
pub mod qr;
pub mod rate;
pub mod search;
pub mod setting;
pub mod start;
pub mod value;

pub use ctx::{Actor, ActorKind, App, Ctx, Held, Resource, Scope, ScopeColumns};
pub use db::{Db, Tx};
pub use error::{Away, Fault, Problem, Refusal, Result};
pub use fact::{Fact, Recorded, Table};
pub use i18n::Locale;
pub use module::{Door, Module, Route};
pub use uuid::Uuid;
pub use value::{FromValue, Row, Value};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// The kernel's own migrations, layout and texts, its health routes and the API description.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("kernel");
    m.routes = api::routes();
    m.commands = vec![module::Command {
        name: "samples",
        help: "every page with sample data as HTML files",
        run: |ctx, words| module::boxed(page::write_samples(ctx, words)),
    }];
    m.samples = page::error_samples();
    m
}
