//! Cryptography as a service (密码服务): other systems of the city sign, encrypt, authenticate and stamp through the API with
//! keys that never leave. GM/T 0018 and 0029 cut such a service into the same operations; so do the clouds.
//!
//! - [`algorithm`], [`format`]: what keys do with bytes, what ciphertexts look like; pure
//! - [`key`]: keys, versions, grants
//! - [`run`]: using them
//! - [`usage`]: the log of every use
//!
//! Material is sealed under the master key (`ctx.protect()`), opened for one request and wiped. What was reckoned is told only
//! when its row in the log has been saved.

mod algorithm;
mod format;
mod key;
mod routes;
mod run;
mod usage;

use kernel::module::{FactType, JobKind, MenuEntry, Permission, Place, boxed};
use kernel::{Ctx, Module, Table};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

pub(crate) static KEY: Table = Table {
    name: "cipher_key",
    columns: &[
        "id",
        "alias",
        "organisation",
        "title",
        "purpose",
        "algorithm",
        "state",
        "newest",
        "least",
        "rotate_days",
        "bound",
        "destroy_at",
        "version",
        "created_at",
    ],
};
pub(crate) static VERSION: Table = Table {
    name: "cipher_key_version",
    columns: &["id", "key", "number", "public", "created_at", "wiped_at"],
};
pub(crate) static GRANT: Table = Table {
    name: "cipher_grant",
    columns: &[
        "id",
        "key",
        "holder",
        "operations",
        "per_minute",
        "per_day",
        "version",
    ],
};
/// Keys that sign digests.
pub(crate) static DIGEST: Table = Table {
    name: "cipher_digest",
    columns: &["key", "allowed_at"],
};
pub(crate) static SEAL: Table = Table {
    name: "cipher_seal",
    columns: &["hour", "begins_at", "uses", "digest"],
};

/// Scope of the access tokens by which systems call.
pub(crate) const SCOPE: &str = "cipher";
pub(crate) const READ: &str = "cipher.key.read";
pub(crate) const MANAGE: &str = "cipher.key.manage";
pub(crate) const USE: &str = "cipher.key.use";
pub(crate) const LOG: &str = "cipher.log.read";

const HOUR: i64 = 3_600_000;

/// The certified cryptographic module (PKCS #11) that does the work, by the name on its certificate. A service; as long as
/// nobody registers one, every page and the status say that there is none.
pub struct CertifiedModule(pub String);

/// The name of the certified module, if there is one.
pub(crate) fn certified(ctx: &Ctx) -> Option<String> {
    ctx.service::<CertifiedModule>().ok().map(|m| m.0.clone())
}

/// See the crate.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("cipher");
    m.routes = routes::pages();
    m.routes.extend(routes::api());
    m.permissions = [
        (READ, "cipher-permission-read"),
        (MANAGE, "cipher-permission-manage"),
        (USE, "cipher-permission-use"),
        (LOG, "cipher-permission-log"),
    ]
    .map(|(name, title)| Permission { name, title })
    .to_vec();
    m.menu = vec![MenuEntry {
        href: "/work/keys",
        title: "cipher-menu",
        icon: "key-round",
        place: Place::Workbench,
        permission: Some(READ),
        order: 88,
    }];
    m.facts = [
        "cipher.key.created",
        "cipher.key.rotated",
        "cipher.key.changed",
        "cipher.key.digests",
        "cipher.key.disabled",
        "cipher.key.enabled",
        "cipher.key.destruction-scheduled",
        "cipher.key.destruction-cancelled",
        "cipher.key.destroyed",
        "cipher.grant.changed",
        "cipher.grant.removed",
        "cipher.uses.sealed",
    ]
    .map(|name| FactType {
        name,
        unconsumed: Some("audit and proof only"),
    })
    .to_vec();
    m.sealed = vec![kernel::module::Sealed::bytes(
        "cipher_key_version",
        &["key", "number"],
        "sealed",
        "cipher_key_version.sealed:{key}.{number}",
    )];
    m.tables = vec![&KEY, &VERSION, &GRANT, &DIGEST, &SEAL];
    m.jobs = vec![
        JobKind {
            name: "cipher.due",
            run: |ctx, _| boxed(async move { key::service::run_due(&ctx).await }),
            every: Some(HOUR),
        },
        JobKind {
            name: "cipher.seal",
            run: |ctx, _| boxed(async move { usage::service::seal(&ctx).await }),
            every: Some(HOUR),
        },
        JobKind {
            name: "cipher.sweep",
            run: |ctx, _| boxed(async move { usage::service::sweep(&ctx).await }),
            every: Some(24 * HOUR),
        },
    ];
    m.checks = vec![|ctx| Box::pin(usage::service::check(ctx))];
    m.samples = key::web::samples();
    m.samples.extend(usage::web::samples());
    m
}
