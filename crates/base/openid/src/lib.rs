//! OpenID Connect (统一身份认证的对外接口): other systems let people sign in through the city and are told what the person
//! consents to; systems get tokens for themselves.
//!
//! - [`api`]: what other floors may ask
//! - [`client`]: registered systems
//! - [`grant`]: requests, consent, codes, tokens, what is told
//! - [`key`]: signing keys and their rotation
//! - [`logout`]: signing out, and telling the systems
//! - [`provider`]: addresses, levels, scopes
//!
//! The protocol itself is the engine [`oidc`]. Issuer is the public address of the city.

pub mod api;
mod client;
mod grant;
mod key;
mod logout;
mod provider;

pub use key::service::Cache as KeyCache;

use kernel::module::{Command, Consumer, FactType, JobKind, MenuEntry, Permission, Place, boxed};
use kernel::{Ctx, Door, Module, Result, Route, Table};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

pub(crate) static CLIENT: Table = Table {
    name: "openid_client",
    columns: &[
        "id",
        "name",
        "operator",
        "metadata",
        "secret",
        "version",
        "created_at",
        "retired_at",
    ],
};
pub(crate) static KEY: Table = Table {
    name: "openid_key",
    columns: &["kid", "alg", "public", "created_at", "signs_from", "retired_at"],
};
pub(crate) static GRANT: Table = Table {
    name: "openid_grant",
    columns: &[
        "id",
        "client",
        "account",
        "subject",
        "on_behalf",
        "scopes",
        "acr",
        "level",
        "created_at",
        "ended_at",
    ],
};

const MANAGE: &str = "openid.client.manage";
const DAY: i64 = 86_400_000;

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    use client::web as clients;
    use grant::web;
    let audit = |name| FactType {
        name,
        unconsumed: Some("audit only"),
    };
    let mut m = Module::new::<Files>("openid");
    m.routes = vec![
        Route::new(oidc::discovery::OPENID_PATH, Door::Public, get(web::discovery)).open(),
        Route::new(oidc::discovery::OAUTH_PATH, Door::Public, get(web::discovery)).open(),
        Route::new("/openid/keys", Door::Public, get(web::keys)).open(),
        Route::new("/openid/par", Door::Public, post(web::push)).open(),
        Route::new("/openid/token", Door::Public, post(web::exchange)).open(),
        Route::new("/openid/introspect", Door::Public, post(web::introspect)).open(),
        Route::new("/openid/revoke", Door::Public, post(web::revoke)).open(),
        Route::new(
            "/openid/userinfo",
            Door::Public,
            get(web::userinfo).post(web::userinfo),
        )
        .open(),
        Route::new(
            "/openid/authorize",
            Door::Public,
            get(web::authorize).post(web::authorize_form),
        )
        .open_to_forms(),
        Route::new(
            "/openid/requests/{token}",
            Door::Public,
            get(web::resume).post(web::say),
        ),
        Route::new(
            "/openid/logout",
            Door::Public,
            get(logout::web::show).post(logout::web::by_form),
        )
        .open_to_forms(),
        Route::new(
            "/openid/logout/confirmation",
            Door::Public,
            post(logout::web::confirm),
        ),
        Route::new("/openid/logout/done", Door::Public, get(logout::web::done)),
        Route::new("/me/systems", Door::SignedIn, get(web::consents)),
        Route::new(
            "/me/systems/{client}/withdrawal",
            Door::SignedIn,
            post(web::withdraw),
        ),
        Route::new(
            "/developers/clients",
            Door::Permission(MANAGE),
            get(clients::list).post(clients::register),
        ),
        Route::new(
            "/developers/clients/new",
            Door::Permission(MANAGE),
            get(clients::new),
        ),
        Route::new(
            "/developers/clients/{id}",
            Door::Permission(MANAGE),
            get(clients::show).post(clients::change),
        ),
        Route::new(
            "/developers/clients/{id}/edit",
            Door::Permission(MANAGE),
            get(clients::edit),
        ),
        Route::new(
            "/developers/clients/{id}/secret",
            Door::Permission(MANAGE),
            post(clients::renew),
        ),
        Route::new(
            "/developers/clients/{id}/retirement",
            Door::Permission(MANAGE),
            post(clients::retire),
        ),
    ];
    m.permissions = vec![Permission {
        name: MANAGE,
        title: "openid-permission-manage",
    }];
    m.menu = vec![MenuEntry {
        href: "/developers/clients",
        title: "openid-clients",
        icon: "key-round",
        place: Place::Workbench,
        permission: Some(MANAGE),
        order: 90,
    }];
    m.facts = [
        "openid.client.registered",
        "openid.client.changed",
        "openid.client.secret-renewed",
        "openid.client.retired",
        "openid.consent.given",
        "openid.consent.withdrawn",
        "openid.grant.begun",
        "openid.grant.ended",
        "openid.key.made",
        "openid.key.retired",
    ]
    .map(audit)
    .to_vec();
    m.tables = vec![&CLIENT, &KEY, &GRANT];
    m.consumers = vec![
        Consumer {
            name: "openid.logout",
            facts: &["identity.session.ended"],
            handle: logout::service::follow,
        },
        Consumer {
            name: "openid.left",
            facts: &["identity.official.left"],
            handle: logout::service::left,
        },
    ];
    m.jobs = vec![
        JobKind {
            name: logout::service::TELL,
            run: logout::service::tell,
            every: None,
        },
        JobKind {
            name: "openid.rotate",
            run: |ctx, _| boxed(async move { key::service::rotate(&ctx).await }),
            every: Some(DAY),
        },
        JobKind {
            name: "openid.sweep",
            run: |ctx, _| {
                boxed(async move {
                    ctx.tx("openid.sweep", |tx| Ok(grant::store::sweep(tx, ctx.now())?))
                        .await
                })
            },
            every: Some(DAY / 24),
        },
    ];
    m.commands = vec![Command {
        name: "client",
        help: "registered systems: client list | client add --name NAME --redirect URI …",
        run: client::service::command,
    }];
    m.samples = web::samples();
    m.samples.extend(clients::samples());
    m.samples.extend(logout::web::samples());
    m
}

/// Registers a system from metadata of RFC 7591 (`client_id` is given anew); its id, and its secret if it has one.
///
/// # Errors
/// A refusal that names the field.
pub async fn register(
    ctx: &Ctx,
    operator: &str,
    mut metadata: serde_json::Value,
) -> Result<(String, Option<String>)> {
    metadata["client_id"] = "new".into();
    let draft = client::service::Draft {
        operator: operator.into(),
        registration: serde_json::from_value(metadata)?,
    };
    let made = client::service::register(ctx, draft).await?;
    Ok((made.id, made.secret))
}

/// Puts the crate's services into force.
pub fn open(ctx: &Ctx) -> Result<()> {
    let services = &ctx.app.services;
    services.put(client::service::Cache::default());
    services.put(key::service::Cache::default());
    services.put(identity::api::Onward(grant::web::leads_to));
    Ok(())
}
