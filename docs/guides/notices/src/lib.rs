//! Notices (公告): officials publish them, everybody reads them.
mod notice;

use kernel::module::{FactType, MenuEntry, Permission, Place};
use kernel::{Door, Module, Route, Table};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Rows that facts cover; the first column is the key, all are stored in clear.
pub(crate) static NOTICE: Table = Table {
    name: "notices_notice",
    columns: &["id", "title", "org_path", "area_code", "version", "published_at"],
};

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    let mut m = Module::new::<Files>("notices");
    m.routes = vec![
        Route::new("/notices", Door::Public, get(notice::web::list)),
        Route::new(
            "/work/notices",
            Door::Permission("notices.notice.publish"),
            post(notice::web::publish),
        ),
    ];
    m.permissions = vec![Permission {
        name: "notices.notice.publish",
        title: "notices-permission-publish",
    }];
    m.menu = vec![MenuEntry {
        href: "/notices",
        title: "notices",
        icon: "files",
        place: Place::Portal,
        permission: None,
        order: 40,
    }];
    m.facts = vec![FactType {
        name: "notices.notice.published",
        unconsumed: Some("audit only"),
    }];
    m.tables = vec![&NOTICE];
    m.samples = notice::web::samples();
    m
}
