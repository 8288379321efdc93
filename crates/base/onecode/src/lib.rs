//! One person, one firm, one code (一人一码 一企一码 一码通行): a QR code that is good for a minute, shown by a page or by a phone
//! without a network, read in scenes that the pack declares, each reading seen by the holder.
//!
//! - [`format`]: what stands in the code; pure
//! - [`scene`]: where it is read, by whom, what is told
//! - [`device`]: what shows it
//! - [`scan`]: readings, online and offline

mod device;
pub mod format;
mod scan;
mod scene;

use kernel::module::{Consumer, FactType, JobKind, MenuEntry, Permission, Place, Section, boxed};
use kernel::pack::Pack;
use kernel::rate::Rate;
use kernel::{Ctx, Door, Module, Result, Route, Table};
use serde_json::json;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

pub(crate) static DEVICE: Table = Table {
    name: "onecode_device",
    columns: &[
        "id",
        "account",
        "subject",
        "on_behalf",
        "kind",
        "not_after",
        "version",
        "created_at",
        "revoked_at",
    ],
};
pub(crate) static SCAN: Table = Table {
    name: "onecode_scan",
    columns: &[
        "id", "device", "holder", "person", "scene", "reader", "place", "result", "elements", "offline", "at",
    ],
};

const READ: &str = "onecode.code.read";

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    use device::web as devices;
    use scan::web as scans;
    let text = || json!({ "type": "string" });
    let element = json!({ "type": "object", "properties": { "title": text(), "value": text() } });
    let mut m = Module::new::<Files>("onecode");
    m.routes = vec![
        Route::new("/me/code", Door::SignedIn, get(devices::page)),
        Route::new("/me/code.svg", Door::SignedIn, get(devices::image)),
        Route::new("/me/code/devices", Door::SignedIn, get(devices::devices).post(devices::bind)),
        Route::new("/me/code/devices.json", Door::SignedIn, get(devices::devices_json)),
        Route::new("/me/code/devices/{id}/removal", Door::SignedIn, post(devices::remove)),
        Route::new("/me/code/readings", Door::SignedIn, get(scans::readings)),
        Route::new("/me/code/scenes/{scene}", Door::SignedIn, post(scans::close)),
        Route::new("/code", Door::Public, get(devices::shell)),
        Route::new("/work/codes", Door::Official(READ), get(scans::scanner).post(scans::read)),
        Route::new("/api/v1/codes/check", Door::Permission(READ), post(scans::api_check)).doc(
            "POST",
            "Reads the code of a person or firm in a scene; its holder sees the reading",
            json!({ "type": "object", "required": ["code", "scene"], "properties": { "code": text(), "scene": text() } }),
            json!({ "type": "object", "properties": { "kind": { "enum": ["person", "firm"] }, "label": text(),
                "elements": { "type": "array", "items": element }, "at": { "type": "integer", "description": "Unix seconds" } } }),
        ),
        Route::new("/api/v1/codes/offline", Door::Public, get(scans::api_list)).rate(Rate::Lookup).doc(
            "GET",
            "Signed list (JWS) by which a reader without a network decides: keys, removed devices, scenes",
            json!(null),
            json!({ "type": "string", "description": "compact JWS; payload issued_at, expires_at, keys, revoked, scenes" }),
        ),
        Route::new("/api/v1/codes/scans", Door::Permission(READ), post(scans::api_upload)).doc(
            "POST",
            "Takes readings that were made without a network, for their holders to see",
            json!({ "type": "object", "properties": { "scans": { "type": "array", "items": { "type": "object",
                "required": ["code", "scene", "at"], "properties": { "code": text(), "scene": text(), "at": { "type": "integer" } } } } } }),
            json!({ "type": "object", "properties": { "taken": { "type": "integer" }, "refused": { "type": "array",
                "items": { "type": "object", "properties": { "index": { "type": "integer" }, "why": text() } } } } }),
        ),
    ];
    m.permissions = vec![Permission {
        name: READ,
        title: "onecode-permission-read",
    }];
    m.menu = vec![MenuEntry {
        href: "/work/codes",
        title: "onecode-scanner",
        icon: "scan-line",
        place: Place::Workbench,
        permission: Some(READ),
        order: 34,
    }];
    m.facts = [
        "onecode.device.bound",
        "onecode.device.removed",
        "onecode.code.read",
        "onecode.scene.closed",
        "onecode.scene.opened",
    ]
    .map(|name| FactType {
        name,
        unconsumed: Some("audit only; the holder sees the readings"),
    })
    .to_vec();
    m.sealed = vec![kernel::module::Sealed::bytes(
        "onecode_device",
        &["id"],
        "private",
        "onecode_device.private:{id}",
    )];
    m.tables = vec![&DEVICE, &SCAN];
    m.consumers = vec![Consumer {
        name: "onecode.signed-out",
        facts: &["identity.session.ended"],
        handle: device::service::follow,
    }];
    m.jobs = vec![JobKind {
        name: "onecode.sweep",
        run: |ctx, _| {
            boxed(async move {
                ctx.tx("onecode.sweep", |tx| Ok(scan::store::sweep(tx, ctx.now())?))
                    .await
            })
        },
        every: Some(3_600_000),
    }];
    m.sections = vec![Section {
        name: "scenes",
        // Nothing of it lies in the database: `open` reads it at every start.
        load: |_, _| boxed(async { Ok(()) }),
        check: scene::check,
    }];
    m.samples = devices::samples();
    m.samples.extend(scans::samples());
    m
}

/// Puts the pack's scenes into force.
pub fn open(ctx: &Ctx, pack: &Pack) -> Result<()> {
    let scenes = scene::Scenes::read(pack).map_err(|e| kernel::Fault::new(e.to_string()))?;
    ctx.app.services.put(scenes);
    Ok(())
}
