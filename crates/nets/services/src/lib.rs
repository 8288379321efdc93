//! Services (政务服务): the catalogue of matters with their guides, search, and the way into a case.
//!
//! A matter is content: `matters/<id>/{matter.toml, form.json, process.bpmn, decision.dmn, stories.toml}` of the pack.

pub mod api;
mod ledger;
mod matter;

use kernel::module::{Consumer, FactType, MenuEntry, Permission, Place, PublicView, Section};
use kernel::rate::Rate;
use kernel::{Door, Module, Route, Table};
use serde_json::json;

pub use matter::service::open;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Rows that facts cover.
pub(crate) static MATTER: Table = Table {
    name: "services_matter",
    columns: &[
        "id",
        "version",
        "code",
        "title",
        "organisation",
        "online",
        "proven_case",
        "proven_at",
        "retired_at",
    ],
};

pub(crate) static VERSION: Table = Table {
    name: "services_version",
    columns: &[
        "id",
        "matter",
        "version",
        "body",
        "form",
        "process",
        "decision",
        "created_at",
    ],
};

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    use matter::web;
    let mut m = Module::new::<Files>("services");
    let object = || json!({ "type": "object" });
    m.routes = vec![
        // The net's own address; its list of matters is all it has so far.
        Route::new(
            "/services",
            Door::Public,
            get(async || kernel::http::see("/matters")),
        ),
        Route::new("/services/cases", Door::Public, get(ledger::web::list)),
        Route::new("/matters", Door::Public, get(web::list)),
        Route::new("/matters/{id}", Door::Public, get(web::guide)),
        Route::new("/matters/{id}/cases", Door::SignedIn, post(web::start)),
        Route::new("/search", Door::Public, get(web::search)).rate(Rate::Lookup),
        Route::new("/api/v1/search", Door::Public, get(web::api_search))
            .rate(Rate::Lookup)
            .doc("GET", "Search (?q=)", json!(null), object()),
        Route::new("/api/v1/matters", Door::Public, get(web::api_list)).doc(
            "GET",
            "All matters",
            json!(null),
            object(),
        ),
        Route::new("/api/v1/matters/{id}", Door::Public, get(web::api_guide)).doc(
            "GET",
            "A matter with its guide and form",
            json!(null),
            object(),
        ),
    ];
    m.permissions = vec![Permission {
        name: "services.matter.edit",
        title: "services-permission-edit",
    }];
    m.menu = vec![MenuEntry {
        href: "/matters",
        title: "services-matters",
        icon: "list",
        place: Place::Portal,
        permission: None,
        order: 10,
    }];
    m.facts = vec![
        FactType {
            name: "services.matter.published",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "services.matter.proven",
            unconsumed: None,
        },
    ];
    m.consumers = vec![Consumer {
        name: "services.proof",
        facts: &["cases.case.ended"],
        handle: matter::service::prove,
    }];
    m.tables = vec![&MATTER, &VERSION];
    m.views = vec![PublicView {
        name: "pub_services_matter",
        sql: "SELECT id, title, title_en, organisation, online, proven_case, proven_at FROM services_matter \
              WHERE retired_at IS NULL",
        grade: 1,
    }];
    m.sections = vec![Section {
        name: "services",
        load: matter::pack::load,
        check: matter::pack::check,
    }];
    m.figures = ledger::web::FIGURES.to_vec();
    m.samples = web::samples();
    m.samples.extend(ledger::web::samples());
    m
}
