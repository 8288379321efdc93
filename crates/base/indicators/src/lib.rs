//! Indicators (指标): figures counted from records through public views, each opening to the very rows
//! that make it, and the city cockpit (驾驶舱).
//!
//! - [`figure`]: the four indicators computed here, their breakdown, rows, history and pages
//! - [`pack`]: what the city pack says an indicator is
//!
//! It reads `pub_cases_case`, `pub_services_matter` and the fact log, and sends no facts of its own.

mod figure;
mod pack;

use axum::routing::get;
use figure::web;
use kernel::module::{Consumer, MenuEntry, Permission, Place, Section};
use kernel::{Door, Module, Route};
use serde_json::json;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Who may see figures; its scope limits figures and rows alike.
pub(crate) const READ: &str = "indicators.figure.read";

/// See the crate.
pub fn module() -> Module {
    let door = Door::Permission(READ);
    let mut m = Module::new::<Files>("indicators");
    m.routes = vec![
        Route::new("/cockpit", door, get(web::cockpit)),
        Route::new("/work/indicators", door, get(web::list)),
        Route::new("/work/indicators/{id}", door, get(web::show)),
        Route::new("/work/indicators/{id}/rows", door, get(web::rows)),
        Route::new("/api/v1/indicators", door, get(web::api_list)).doc(
            "GET",
            "All indicators with their figures, counted over the records the caller may see",
            json!(null),
            json!({ "type": "object", "required": ["items"], "properties": {
                "items": { "type": "array", "items": web::schema() } } }),
        ),
        Route::new("/api/v1/indicators/{id}", door, get(web::api_show)).doc(
            "GET",
            "One indicator with its breakdown by organisation and matter and its history",
            json!(null),
            web::schema_whole(),
        ),
    ];
    m.permissions = vec![Permission {
        name: READ,
        title: "indicators-permission-read",
    }];
    let entry = |href, title, icon, order| MenuEntry {
        href,
        title,
        icon,
        place: Place::Workbench,
        permission: Some(READ),
        order,
    };
    m.menu = vec![
        entry("/cockpit", "indicators-cockpit", "gauge", 10),
        entry("/work/indicators", "indicators-list", "activity", 80),
    ];
    m.consumers = vec![Consumer {
        name: "indicators.points",
        facts: figure::MOVED_BY,
        handle: figure::service::record,
    }];
    m.sections = vec![Section {
        name: "indicators",
        load: pack::load,
        check: pack::check,
    }];
    m.samples = figure::samples::samples();
    m
}
