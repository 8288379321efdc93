//! Provisioning (统一目录对接): the directory of a department keeps its officials here through SCIM 2.0, so that who joins, changes and
//! leaves there does so here too. A user is an official, a group is a post; what is an official's record stays identity's.
//!
//! - [`directory`]: which system may keep whose people; the pages
//! - [`door`]: who calls, in which words it is answered
//! - [`user`], [`group`]: the resources
//! - [`request`]: what directories asked and what became of it
//!
//! The protocol itself is the engine [`scim`].

mod directory;
mod door;
mod group;
mod request;
mod user;

use axum::routing::{MethodRouter, get, post};
use kernel::module::{FactType, JobKind, MenuEntry, Permission, Place, boxed};
use kernel::rate::Rate;
use kernel::{App, Door, Module, Route, Table};
use std::sync::Arc;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

pub(crate) static DIRECTORY: Table = Table {
    name: "provisioning_directory",
    columns: &[
        "client",
        "organisation",
        "post",
        "version",
        "created_at",
        "ended_at",
    ],
};
pub(crate) static USER: Table = Table {
    name: "provisioning_user",
    columns: &[
        "account",
        "client",
        "external_id",
        "suspended",
        "version",
        "created_at",
        "changed_at",
    ],
};
pub(crate) static GROUP: Table = Table {
    name: "provisioning_group",
    columns: &[
        "id",
        "client",
        "post",
        "external_id",
        "version",
        "created_at",
        "changed_at",
    ],
};

/// Scope of the access tokens by which directories call.
pub(crate) const SCOPE: &str = "scim";
pub(crate) const MANAGE: &str = "provisioning.directory.manage";
/// Largest body of a request in bytes.
pub(crate) const BODY: usize = 256 << 10;
/// Path of the service.
pub(crate) const BASE: &str = "/scim/v2";

const DAY: i64 = 86_400_000;

/// See the crate.
pub fn module() -> Module {
    use directory::web as directories;
    let manage = Door::Official(MANAGE);
    let mut m = Module::new::<Files>("provisioning");
    m.routes = vec![
        Route::new(
            "/work/directories",
            manage,
            get(directories::list).post(directories::declare),
        ),
        Route::new(
            "/work/directories/{client}",
            manage,
            get(directories::show).post(directories::change),
        ),
        Route::new("/work/directories/{client}/end", manage, post(directories::end)),
    ];
    m.routes.extend(service());
    m.permissions = vec![Permission {
        name: MANAGE,
        title: "provisioning-permission-manage",
    }];
    m.menu = vec![MenuEntry {
        href: "/work/directories",
        title: "provisioning-menu",
        icon: "users",
        place: Place::Workbench,
        permission: Some(MANAGE),
        order: 91,
    }];
    m.facts = [
        "provisioning.directory.declared",
        "provisioning.directory.changed",
        "provisioning.directory.ended",
        "provisioning.user.kept",
        "provisioning.group.kept",
    ]
    .map(|name| FactType {
        name,
        unconsumed: Some("audit only; what changes an official is identity's fact"),
    })
    .to_vec();
    m.sealed = vec![kernel::module::Sealed::bytes(
        "provisioning_user",
        &["account"],
        "document",
        "provisioning_user.document:{account}",
    )];
    m.tables = vec![&DIRECTORY, &USER, &GROUP];
    m.jobs = vec![JobKind {
        name: "provisioning.sweep",
        run: |ctx, _| boxed(request::service::sweep(ctx)),
        every: Some(DAY),
    }];
    m.samples = directories::samples();
    m
}

/// The routes of the protocol. Public and open: no cookie opens them, [`door`] asks for the token.
fn service() -> Vec<Route> {
    use axum::routing::any;
    use door::web;
    let all = |path: &'static str, handler: MethodRouter<Arc<App>>| {
        Route::new(path, Door::Public, handler)
            .open()
            .rate(Rate::Lookup)
            .body(BODY)
    };
    let route = |path, handler: MethodRouter<Arc<App>>| all(path, handler.fallback(web::no_such_method));
    vec![
        route("/scim/v2/ServiceProviderConfig", get(web::configuration)),
        route("/scim/v2/ResourceTypes", get(web::types)),
        route("/scim/v2/ResourceTypes/{name}", get(web::one_type)),
        route("/scim/v2/Schemas", get(web::schemas)),
        route("/scim/v2/Schemas/{id}", get(web::one_schema)),
        route("/scim/v2/Users", get(user::web::list).post(user::web::create)),
        route("/scim/v2/Users/.search", post(user::web::search)),
        route(
            "/scim/v2/Users/{id}",
            get(user::web::show)
                .put(user::web::replace)
                .patch(user::web::patch)
                .delete(user::web::leave),
        ),
        route("/scim/v2/Groups", get(group::web::list).post(group::web::create)),
        route("/scim/v2/Groups/.search", post(group::web::search)),
        route(
            "/scim/v2/Groups/{id}",
            get(group::web::show)
                .put(group::web::replace)
                .patch(group::web::patch)
                .delete(group::web::remove),
        ),
        route("/scim/v2/.search", post(web::search)),
        all("/scim/v2/Bulk", any(web::not_implemented)),
        all("/scim/v2/Me", any(web::not_implemented)),
        all("/scim/v2/{*rest}", any(web::nothing)),
    ]
}
