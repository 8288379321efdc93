//! Trust (密码与存证): keys sealed under a master key, the platform's own certificates, signatures, and the proof log.
//!
//! - [`authority`]: the certificate authority: requests, register, revocation, OCSP, time-stamps
//! - [`crypto`]: SM2, SM3, SM4, P-256, Ed25519, X.509, CMS, PAdES; pure functions
//! - [`vault`]: the master key and the key store; implements `kernel::ctx::Protect`
//! - [`master_file`], [`token`]: the master key under a passphrase, or wrapped by a PKCS #11 token
//! - `keyring`: data keys, their rotation and their move under another master key
//! - [`log`]: the Merkle trees over all facts with signed heads
//! - [`proof`]: their proofs over HTTP
//! - [`witness`]: heads of other logs, cosigned
//! - [`epoch`]: what a restore does to it
//! - [`doctor`]: names rows that were altered by hand
//! - [`api`]: what other floors may ask

pub mod api;
mod audit;
mod authority;
pub mod crypto;
mod doctor;
pub mod epoch;
mod holding;
mod keyring;
pub mod log;
pub mod master_file;
mod ofd;
mod proof;
pub mod token;
pub mod vault;
mod web;
pub mod witness;

use kernel::module::{Command, FactType, MenuEntry, Permission, Place};
use kernel::{Door, Module, Route};

pub use authority::Use;
pub use keyring::service::{change_master, open_keys};
pub use vault::{Master, Vault, check_master};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// See the crate.
pub fn module() -> Module {
    use axum::routing::get;
    let mut m = Module::new::<Files>("trust");
    m.routes = vec![
        Route::new("/log", Door::Public, get(web::page)),
        Route::new("/log/checkpoint", Door::Public, get(web::checkpoint)),
        Route::new("/log/key", Door::Public, get(web::key)),
        Route::new("/log/tile/{*path}", Door::Public, get(web::tile)),
        Route::new("/log/epoch/{epoch}/{*path}", Door::Public, get(web::ended)),
        Route::new("/log/sm3/{*path}", Door::Public, get(web::sm3)),
        Route::new("/trust/root/{kind}", Door::Public, get(web::root)),
        Route::new(
            "/work/audit",
            Door::Permission("trust.audit.read"),
            get(audit::page),
        ),
    ];
    m.routes.extend(keyring::web::routes());
    m.routes.extend(proof::routes());
    m.routes.extend(witness::routes());
    m.routes.extend(authority::web::routes());
    m.permissions = vec![
        Permission {
            name: "trust.log.read",
            title: "trust-permission-log",
        },
        Permission {
            name: "trust.audit.read",
            title: "trust-permission-audit",
        },
        Permission {
            name: authority::web::READ,
            title: "trust-permission-certificates",
        },
        Permission {
            name: authority::web::REQUEST,
            title: "trust-permission-request",
        },
        Permission {
            name: authority::web::APPROVE,
            title: "trust-permission-approve",
        },
        Permission {
            name: authority::web::REVOKE,
            title: "trust-permission-revoke",
        },
    ];
    m.menu = vec![
        MenuEntry {
            href: "/work/authority",
            title: "trust-certificates",
            icon: "badge-check",
            place: Place::Workbench,
            permission: Some(authority::web::READ),
            order: 85,
        },
        MenuEntry {
            href: "/work/audit",
            title: "trust-audit",
            icon: "history",
            place: Place::Workbench,
            permission: Some("trust.audit.read"),
            order: 90,
        },
    ];
    m.facts = vec![
        FactType {
            name: "trust.key.made",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "trust.key.retired",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: epoch::REOPENED,
            unconsumed: Some("the first leaf of an epoch; the epoch itself is a row"),
        },
    ];
    m.permissions.push(keyring::web::permission());
    m.menu.push(keyring::web::menu());
    m.facts.extend(keyring::facts());
    m.facts.extend(
        [
            "trust.key.replaced",
            "trust.certificate.asked",
            "trust.certificate.decided",
            "trust.certificate.issued",
            "trust.certificate.revoked",
            "trust.certificate.held",
            "trust.certificate.released",
        ]
        .map(|name| FactType {
            name,
            unconsumed: Some("audit only; the register is what OCSP and lists are made from"),
        }),
    );
    m.facts.extend(witness::facts());
    m.batches = vec![log::batch()];
    m.jobs = vec![log::job(), keyring::job()];
    m.watches.push(keyring::watch());
    m.tables = vec![
        &vault::KEY,
        &witness::LOG,
        &keyring::DATA_KEY,
        &authority::CERTIFICATE,
        &authority::REQUEST,
    ];
    m.sealed = vec![kernel::module::Sealed::bytes(
        "trust_key",
        &["alias"],
        "sealed",
        "trust_key.sealed:{alias}",
    )];
    m.checks = vec![|ctx| Box::pin(doctor::check(ctx))];
    m.commands = vec![
        Command {
            name: "ca",
            help: "ca show|init|list; ca revoke SERIAL REASON: the certificate authority",
            run: authority::web::command,
        },
        Command {
            name: "log",
            help: "log export DIR: the proof log as files for yiwang-verify; log witness add FILE|remove NAME|list",
            run: api::log_command,
        },
    ];
    m.commands.push(Command {
        name: "keys",
        help: "keys rotate|status: the data keys that columns are sealed under",
        run: |ctx, words| kernel::module::boxed(keyring::service::command(ctx, words)),
    });
    m.samples = web::samples();
    m.samples.extend(keyring::web::samples());
    m.samples.extend(audit::samples());
    m.samples.extend(authority::web::samples());
    m
}
