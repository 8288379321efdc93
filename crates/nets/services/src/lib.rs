//! Services (政务服务): the catalogue of matters with their guides, search, and the way into a case.
//!
//! A matter is content: `matters/<id>/{matter.toml, form.json, process.bpmn, decision.dmn, stories.toml}` of the pack.

pub mod api;
mod audience;
mod edition;
mod exchange;
mod ledger;
mod matter;

use kernel::module::{Consumer, FactType, MenuEntry, Permission, Place, PublicView, Section, Watch};
use kernel::rate::Rate;
use kernel::{Door, Module, Route, Table};
use serde_json::json;

pub use audience::EditionAudience;
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

/// The stories of one version, keyed as [`VERSION`] is.
pub(crate) static STORY: Table = Table {
    name: "services_story",
    columns: &["id", "body"],
};

pub(crate) static EDITION: Table = Table {
    name: "services_edition",
    columns: &[
        "id",
        "matter",
        "base_version",
        "state",
        "origin",
        "organisation",
        "sheet",
        "form",
        "process",
        "decision",
        "stories",
        "note",
        "authors",
        "reviewer",
        "opinion",
        "published_version",
        "version",
    ],
};

pub(crate) static RETIREMENT: Table = Table {
    name: "services_retirement",
    columns: &["id", "matter", "reason", "actor", "at", "ended_by", "ended_at"],
};

pub(crate) static IMPORT: Table = Table {
    name: "services_import",
    columns: &[
        "id", "account", "actor", "file", "total", "good", "bad", "report", "at",
    ],
};

/// Rooms of the stewards: writing, reviewing and publishing matters, lists as spreadsheets.
fn stewards() -> Vec<Route> {
    use axum::routing::{get, post};
    use edition::service as e;
    use edition::web::{self, draft};
    use exchange::web as lists;
    let read = Door::Official(e::READ);
    let edit = Door::Official(e::EDIT);
    let publish = Door::Official(e::PUBLISH);
    // A text of a part, or a form with all fields, is larger than most forms.
    let large = 2 << 20;
    vec![
        Route::new("/work/matters", read, get(web::list)),
        Route::new("/work/matters/new", edit, get(web::new).post(web::create)),
        Route::new("/work/matters/export", read, get(lists::export)),
        Route::new(
            "/work/matters/imports",
            edit,
            get(lists::list).post(lists::import),
        )
        .body(exchange::model::MAX_BYTES + (64 << 10)),
        Route::new("/work/matters/imports/{id}", edit, get(lists::show)),
        Route::new("/work/matters/imports/{id}/report", edit, get(lists::report)),
        Route::new("/work/matters/{id}", read, get(web::matter)),
        Route::new("/work/matters/{id}/comparison", read, get(web::compare)),
        Route::new("/work/matters/{id}/editions", edit, post(web::begin)),
        Route::new("/work/matters/{id}/retirement", publish, post(web::retire)),
        Route::new("/work/matters/{id}/reinstatement", publish, post(web::reinstate)),
        Route::new("/work/matters/editions/{id}", read, get(draft::show)),
        Route::new(
            "/work/matters/editions/{id}/sheet",
            edit,
            get(draft::sheet).post(draft::save_sheet),
        )
        .body(large),
        Route::new("/work/matters/editions/{id}/parts/{part}", read, get(draft::part)),
        Route::new(
            "/work/matters/editions/{id}/parts/{part}/text",
            edit,
            post(draft::save_part),
        )
        .body(large),
        Route::new("/work/matters/editions/{id}/preview", read, get(draft::preview)),
        Route::new(
            "/work/matters/editions/{id}/submission",
            edit,
            post(draft::submit),
        ),
        Route::new(
            "/work/matters/editions/{id}/withdrawal",
            edit,
            post(draft::withdraw),
        ),
        Route::new(
            "/work/matters/editions/{id}/return",
            publish,
            post(draft::give_back),
        ),
        Route::new(
            "/work/matters/editions/{id}/publication",
            publish,
            post(draft::publish),
        ),
        Route::new("/work/matters/editions/{id}/discard", edit, post(draft::discard)),
        Route::new("/work/matters/editions/{id}/rebase", edit, post(draft::rebase)),
    ]
}

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
        Route::new("/matters/{id}/guide.pdf", Door::Public, get(web::paper)).rate(Rate::Upload),
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
    m.routes.extend(stewards());
    let permission = |name, title| Permission { name, title };
    m.permissions = vec![
        permission(edition::service::READ, "services-permission-read"),
        permission(edition::service::EDIT, "services-permission-edit"),
        permission(edition::service::PUBLISH, "services-permission-publish"),
    ];
    m.menu = vec![
        MenuEntry {
            href: "/matters",
            title: "services-matters",
            icon: "list",
            place: Place::Portal,
            permission: None,
            order: 10,
        },
        MenuEntry {
            href: "/work/matters",
            title: "services-stewards",
            icon: "clipboard-list",
            place: Place::Workbench,
            permission: Some(edition::service::READ),
            order: 60,
        },
    ];
    let watched = |name| FactType {
        name,
        unconsumed: None,
    };
    let audit = |name| FactType {
        name,
        unconsumed: Some("audit only"),
    };
    m.facts = vec![
        watched("services.matter.published"),
        watched("services.matter.retired"),
        watched("services.matter.reinstated"),
        watched("services.matter.proven"),
        audit("services.edition.begun"),
        audit("services.edition.saved"),
        audit("services.edition.submitted"),
        audit("services.edition.withdrawn"),
        audit("services.edition.returned"),
        audit("services.edition.discarded"),
        audit("services.import.finished"),
    ];
    m.watches = vec![Watch {
        facts: &[
            "services.matter.published",
            "services.matter.retired",
            "services.matter.reinstated",
        ],
        run: matter::service::watch,
    }];
    m.living = vec![edition::living::living()];
    m.consumers = vec![Consumer {
        name: "services.proof",
        facts: &["cases.case.ended"],
        handle: matter::service::prove,
    }];
    m.tables = vec![&MATTER, &VERSION, &STORY, &EDITION, &RETIREMENT, &IMPORT];
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
    m.samples.extend(edition::web::samples());
    m.samples.extend(exchange::web::samples());
    m.samples.extend(ledger::web::samples());
    m
}
