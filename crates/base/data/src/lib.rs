//! Data (数据): the base library (基础库), what the city already knows of persons and firms, so that it is not
//! asked again.
//!
//! - [`pack`]: data elements and sources from the city pack
//! - [`library`]: collects the sources' files by rules, shows their quality, and answers [`kernel::ctx::Ask`]

mod library;
mod pack;

use kernel::module::{FactType, MenuEntry, Permission, Place, PublicView, Section};
use kernel::{Door, Module, Route, Table};
use serde_json::json;

pub use library::{Library, collect_all};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Rows that facts cover. Values are no facts of their own: one fact per run counts them.
pub(crate) static RUN: Table = Table {
    name: "data_run",
    columns: &[
        "id",
        "source",
        "hash",
        "rows_read",
        "rows_accepted",
        "rows_rejected",
        "rows_warned",
        "as_of_from",
        "as_of_to",
        "begun_at",
        "finished_at",
    ],
};

const READ: &str = "data.library.read";
const COLLECT: &str = "data.library.collect";

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    use library::web;
    let text = || json!({ "type": "string" });
    let element = json!({ "type": "object", "properties": {
        "id": text(), "name": text(), "name_en": text(), "type": text(), "grade": text(),
        "source": { "type": ["string", "null"] }, "values": { "type": "array", "items": text() } } });
    let question = json!({ "type": "object", "required": ["subject", "elements", "purpose"], "properties": {
        "subject": { "type": "string", "description": "subject id of a person or firm" },
        "elements": { "type": "array", "minItems": 1, "items": text() },
        "purpose": { "type": "string", "minLength": 1,
            "description": "why it is read; the person sees it" } } });
    let held = json!({ "type": "object", "properties": {
        "element": text(), "value": text(), "source": text(),
        "as_of": { "type": "string", "format": "date" } } });
    let list = |name: &str, item: serde_json::Value| {
        let array = json!({ "type": "array", "items": item });
        json!({ "type": "object", "properties": { name: array } })
    };
    let mut m = Module::new::<Files>("data");
    m.routes = vec![
        Route::new("/work/library", Door::Permission(READ), get(web::page)),
        Route::new("/work/library/{source}", Door::Permission(READ), get(web::source)),
        Route::new(
            "/work/library/{source}/run",
            Door::Permission(COLLECT),
            post(web::run),
        ),
        Route::new(
            "/api/v1/library/elements",
            Door::Permission(READ),
            get(web::elements),
        )
        .doc(
            "GET",
            "Data elements the city knows",
            serde_json::Value::Null,
            list("elements", element),
        ),
        Route::new("/api/v1/library/ask", Door::Permission(READ), post(web::ask)).doc(
            "POST",
            "Values the city already holds about a subject, each with source and date",
            question,
            list("values", held),
        ),
    ];
    m.permissions = vec![
        Permission {
            name: READ,
            title: "data-permission-read",
        },
        Permission {
            name: COLLECT,
            title: "data-permission-collect",
        },
    ];
    m.menu = vec![MenuEntry {
        href: "/work/library",
        title: "data-library",
        icon: "database",
        place: Place::Workbench,
        permission: Some(READ),
        order: 70,
    }];
    m.facts = vec![FactType {
        name: "data.run.finished",
        unconsumed: Some("audit only; the library is read by asking"),
    }];
    m.sealed = {
        use kernel::module::Sealed;
        vec![
            Sealed::bytes(
                "data_issue",
                &["run", "number"],
                "masked",
                "data_issue.masked:{run}/{number}",
            ),
            Sealed::bytes(
                "data_value",
                &["subject", "element", "source"],
                "value",
                "data_value.value:{subject}/{element}/{source}",
            ),
        ]
    };
    m.tables = vec![&RUN];
    m.sections = vec![Section {
        name: "data",
        load: pack::load,
        check: pack::check,
    }];
    m.views = vec![PublicView {
        name: "pub_data_source",
        sql: "SELECT s.id AS id, s.library AS library, COALESCE(r.rows_accepted, 0) AS rows_accepted, \
              COALESCE(r.rows_rejected, 0) AS rows_rejected, r.as_of_to AS as_of FROM data_source s \
              LEFT JOIN data_run r ON r.id = s.last_run WHERE s.retired_at IS NULL",
        grade: 1,
    }];
    m.samples = web::samples();
    m
}
