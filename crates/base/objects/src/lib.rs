//! The object store (对象存储): large contents that modules keep, outside the database, in any store that speaks S3 over HTTP.
//! Without one they stay in their columns (ADR 0006, 0010).
//!
//! - [`api`]: what modules call instead of sealing a large content themselves
//! - [`blob`]: the register of what lies there, and its sweeping
//! - [`s3`]: the store's protocol
//!
//! A content is durable in the store before the transaction that names it; if that one never commits, the hourly sweep removes
//! the content. A removed content stays for some days, so that a restored backup finds what its rows name. The store sees
//! neither names nor contents: each content is sealed under a key of its own, and that key is what the column holds.

pub mod api;
mod blob;
mod s3;
mod settings;

use kernel::module::{Command, JobKind, boxed};
use kernel::{Ctx, Module, Result};

pub use settings::Settings;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

const HOUR: i64 = 3_600_000;

/// See the crate.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("objects");
    m.jobs = vec![JobKind {
        name: "objects.sweep",
        run: |ctx, _| boxed(async move { blob::sweep(&ctx).await }),
        every: Some(HOUR),
    }];
    m.checks = vec![|ctx| Box::pin(async move { blob::check(&ctx).await })];
    m.troubles = vec![blob::trouble];
    m.commands = vec![Command {
        name: "objects",
        help: "objects status|check|sweep: what lies in the object store",
        run: |ctx, words| boxed(blob::command(ctx, words)),
    }];
    m
}

/// Opens the store of these settings.
///
/// # Errors
/// What is wrong with the settings, in words for the operator. That the store answers is not asked here: a city starts without it.
pub fn open(ctx: &Ctx, settings: &Settings) -> Result<()> {
    ctx.app.services.put(blob::Store::open(settings)?);
    Ok(())
}
