//! Electronic seals (电子印章): who may have one, who keeps it, who may use it for what, and every use of it.
//!
//! - [`draw`]: the picture; pure
//! - [`seal`]: a seal as a record, from its application to its destruction
//! - [`usage`]: grants with limits, uses and refused tries
//! - [`batch`]: PDF and OFD files that somebody seals by hand
//! - [`api`]: what other floors may ask

pub mod api;
mod batch;
pub mod draw;
mod seal;
mod usage;

use kernel::module::{FactType, JobKind, MenuEntry, Permission, Place, Section, boxed};
use kernel::pack::Pack;
use kernel::{Ctx, Door, Module, Result, Route, Table};
use serde_json::json;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// The name of a personal seal is covered by its own authentication.
pub(crate) static SEAL: Table = Table {
    name: "seals_seal",
    columns: &[
        "id",
        "organisation",
        "kind",
        "name",
        "purpose",
        "code",
        "reason",
        "basis",
        "processes",
        "key_name",
        "picture_sha256",
        "state",
        "source",
        "applicant",
        "applied_at",
        "decided_by",
        "opinion",
        "decided_at",
        "made_at",
        "active_at",
        "ended_at",
        "custodian",
        "version",
    ],
};
pub(crate) static EVENT: Table = Table {
    name: "seals_event",
    columns: &["id", "seal", "what", "actor", "note", "at"],
};
pub(crate) static HANDOVER: Table = Table {
    name: "seals_handover",
    columns: &[
        "id",
        "seal",
        "giver",
        "taker",
        "state",
        "offered_at",
        "answered_at",
    ],
};
/// What was used of it moves with every use and stands in the uses.
pub(crate) static GRANT: Table = Table {
    name: "seals_grant",
    columns: &[
        "id",
        "seal",
        "grantee_kind",
        "grantee",
        "kinds",
        "per_day",
        "total",
        "valid_from",
        "valid_until",
        "given_by",
        "given_at",
        "revoked_by",
        "revoked_at",
    ],
};
pub(crate) static USE: Table = Table {
    name: "seals_use",
    columns: &[
        "id",
        "seal",
        "organisation",
        "grant_id",
        "actor",
        "occasion",
        "number",
        "for_whom",
        "sha256",
        "sm3",
        "result",
        "why",
        "at",
    ],
};

const READ: &str = "seals.seal.read";
const APPLY: &str = "seals.seal.apply";
const DECIDE: &str = "seals.seal.decide";
const SUSPEND: &str = "seals.seal.suspend";
const HOLD: &str = "seals.custody.hold";
const GIVE: &str = "seals.grant.give";
const SEALING: &str = "seals.seal.use";

/// See the crate.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("seals");
    m.routes = routes();
    m.permissions = [
        (READ, "seals-permission-read"),
        (APPLY, "seals-permission-apply"),
        (DECIDE, "seals-permission-decide"),
        (SUSPEND, "seals-permission-suspend"),
        (HOLD, "seals-permission-hold"),
        (GIVE, "seals-permission-give"),
        (SEALING, "seals-permission-use"),
    ]
    .map(|(name, title)| Permission { name, title })
    .to_vec();
    m.menu = vec![MenuEntry {
        href: "/work/seals",
        title: "seals-seals",
        icon: "stamp",
        place: Place::Workbench,
        permission: Some(READ),
        order: 22,
    }];
    m.facts = facts();
    m.sealed = {
        use kernel::module::Sealed;
        let file = &["batch", "position"][..];
        vec![
            Sealed::bytes("seals_seal", &["id"], "person", "seals_seal.person:{id}"),
            Sealed::bytes("seals_use", &["id"], "words", "seals_use.words:{id}"),
            Sealed::bytes(
                "seals_reservation",
                &["id"],
                "body",
                "seals_reservation.body:{id}",
            ),
            Sealed::bytes("seals_batch", &["id"], "purpose", "seals_batch.purpose:{id}"),
            Sealed::bytes("seals_batch", &["id"], "keyword", "seals_batch.keyword:{id}"),
            Sealed::bytes("seals_file", file, "name", "seals_file.name:{batch}:{position}"),
            Sealed::bytes("seals_file", file, "input", "seals_file.input:{batch}:{position}"),
            Sealed::bytes(
                "seals_file",
                file,
                "output",
                "seals_file.output:{batch}:{position}",
            ),
        ]
    };
    m.tables = vec![&SEAL, &EVENT, &HANDOVER, &GRANT, &USE];
    m.jobs = vec![
        JobKind {
            name: batch::service::RUN,
            run: |ctx, v| boxed(batch::service::run(ctx, v)),
            every: None,
        },
        JobKind {
            name: "seals.sweep",
            run: |ctx, _| boxed(batch::service::sweep(ctx)),
            every: Some(3_600_000),
        },
    ];
    m.sections = vec![Section {
        name: "seals",
        // `open` puts in what is missing at every start, when the accounts are there.
        load: |_, _| boxed(async { Ok(()) }),
        check: seal::pack::check,
    }];
    m.samples = seal::web::samples();
    m.samples.extend(batch::web::samples());
    m
}

fn facts() -> Vec<FactType> {
    const AUDIT: &str = "history, audit and proof read it where it stands";
    const ISSUE: &str = "documents follows it: what waited for a seal goes on";
    let all = [
        ("seals.seal.applied", AUDIT),
        ("seals.seal.approved", AUDIT),
        ("seals.seal.refused", AUDIT),
        ("seals.seal.made", AUDIT),
        ("seals.seal.activated", ISSUE),
        ("seals.seal.noted", AUDIT),
        ("seals.seal.suspended", AUDIT),
        ("seals.seal.lifted", ISSUE),
        ("seals.seal.destroyed", AUDIT),
        ("seals.custody.offered", AUDIT),
        ("seals.custody.accepted", AUDIT),
        ("seals.custody.ended", AUDIT),
        ("seals.grant.given", ISSUE),
        ("seals.grant.revoked", AUDIT),
        ("seals.use.made", AUDIT),
        ("seals.use.refused", AUDIT),
        ("seals.batch.ordered", AUDIT),
        (
            "seals.revocation.requested",
            "the authority that issued the certificates follows it",
        ),
    ];
    all.map(|(name, why)| FactType {
        name,
        unconsumed: (why != ISSUE).then_some(why),
    })
    .to_vec()
}

fn routes() -> Vec<Route> {
    use axum::routing::{get, post};
    use batch::web as batches;
    use seal::web;
    let text = || json!({ "type": "string" });
    let file = json!({ "type": "object", "required": ["name", "content"], "properties": { "name": text(),
        "content": { "type": "string", "contentEncoding": "base64" } } });
    let result = json!({ "type": "object", "properties": { "name": text(), "result": { "enum": ["waiting", "done", "refused"] },
        "why": text(), "href": text() } });
    let progress = json!({ "type": "object", "properties": { "id": text(), "state": { "enum": ["running", "done", "deleted"] },
        "files": { "type": "array", "items": result }, "href": text() } });
    vec![
        Route::new("/work/seals", Door::Official(READ), get(web::list)),
        Route::new("/work/seals/new", Door::Official(APPLY), get(web::form).post(web::apply)),
        Route::new("/work/seals/queue", Door::Official(DECIDE), get(web::queue)),
        Route::new("/work/seals/{id}", Door::Official(READ), get(web::show)),
        Route::new("/work/seals/{id}/uses.csv", Door::Official(READ), get(web::export)),
        Route::new("/work/seals/{id}/withdrawal", Door::Official(APPLY), post(web::withdraw)),
        Route::new("/work/seals/{id}/decision", Door::Official(DECIDE), post(web::decide)),
        Route::new("/work/seals/{id}/making", Door::Official(DECIDE), post(web::make)),
        Route::new("/work/seals/{id}/suspension", Door::Official(READ), post(web::suspend)),
        Route::new("/work/seals/{id}/lifting", Door::Official(DECIDE), post(web::lift)),
        Route::new("/work/seals/{id}/destruction", Door::Official(DECIDE), post(web::destroy)),
        Route::new("/work/seals/{id}/custody", Door::Official(READ), post(web::offer)),
        Route::new("/work/seals/{id}/custody/answer", Door::Official(HOLD), post(web::answer)),
        Route::new("/work/seals/{id}/grants", Door::Official(READ), post(web::give)),
        Route::new("/work/seals/{id}/grants/{grant}/revocation", Door::Official(READ), post(web::revoke)),
        Route::new(
            "/work/seals/{id}/use",
            Door::Official(SEALING),
            get(batches::form).post(batches::order),
        )
        .body(batch::service::UPLOAD),
        Route::new("/work/seals/batches/{id}", Door::Official(SEALING), get(batches::show)),
        Route::new("/work/seals/batches/{id}/files/{n}", Door::Official(SEALING), get(batches::file)),
        Route::new("/api/v1/seals/{id}/uses", Door::Official(SEALING), post(batches::api_order))
            .body(batch::service::UPLOAD * 3 / 2)
            .doc(
                "POST",
                "Seals up to 200 PDF or OFD files with a seal that the caller may use; they are sealed one after another",
                json!({ "type": "object", "required": ["files"], "properties": { "purpose": text(),
                    "page": { "type": "string", "description": "first, last, or a number from 1" },
                    "place": { "enum": batch::model::PLACES },
                    "x": { "type": "number", "description": "mm from the left to the seal's middle, for place xy; for keyword to the right of it" },
                    "y": { "type": "number", "description": "mm from the top; for keyword down from it" },
                    "keyword": { "type": "string", "maxLength": 50, "description": "for place keyword: the seal's middle stands on it" },
                    "which": { "enum": batch::model::CHOICES, "description": "which places of a keyword; only (the usual one) refuses a file in which it stands more than once" },
                    "files": { "type": "array", "maxItems": batch::service::FILES, "items": file } } }),
                progress.clone(),
            ),
        Route::new("/api/v1/seals/batches/{id}", Door::Official(SEALING), get(batches::api_show)).doc(
            "GET",
            "How far a batch is, and the result of each file; files are kept for a day",
            json!(null),
            progress,
        ),
    ]
}

/// Puts the pack's seals in that are not there yet.
pub async fn open(ctx: &Ctx, pack: &Pack) -> Result<()> {
    seal::pack::open(ctx, pack).await
}
