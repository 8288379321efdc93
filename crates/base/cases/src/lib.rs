//! Cases (办件): the runtime that every matter runs on. A matter is content; this crate knows none by name.
//!
//! - [`catalogue`]: the matters, parsed, by id and version
//! - [`case`]: drafts, submission, work items, corrections, materials; their pages
//! - [`clock`]: working days, due dates, lights
//! - [`rating`]: 好差评 and follow-ups
//! - [`appointment`]: windows, slots, visits; [`delivery`]: how the result comes; [`phrase`]: stock phrases; [`absence`]: stand-ins
//! - [`migration`]: running cases go over to a new version of their matter
//! - [`paper`]: 文书: notices, decisions, receipts, each made by the event that calls for it
//! - [`archive`]: the package that an ended case leaves behind
//! - [`api`]: what other crates may ask

// The sample of a whole case is one `json!` literal.
#![recursion_limit = "256"]

mod absence;
pub mod api;
mod appointment;
mod archive;
mod audience;
mod case;
mod catalogue;
pub mod clock;
mod delivery;
mod migration;
mod paper;
mod phrase;
mod rating;
mod words;

use kernel::module::{
    Command, Consumer, FactType, JobKind, MenuEntry, Permission, Place, PublicView, Section, boxed,
};
use kernel::{Door, Module, Route, Table};
use serde_json::json;

pub use audience::CaseAudience;
pub use catalogue::{Catalogue, Material, Matter};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Rows that facts cover.
pub(crate) static CASE: Table = Table {
    name: "cases_case",
    columns: &[
        "id",
        "number",
        "matter",
        "matter_version",
        "org_path",
        "area_code",
        "state",
        "applicant",
        "agent",
        "organisation",
        "channel",
        "visits",
        "due_on",
        "on_time",
        "created_at",
        "submitted_at",
        "accepted_at",
        "ended_at",
    ],
};
pub(crate) static WORK: Table = Table {
    name: "cases_work",
    columns: &[
        "id",
        "case_id",
        "node",
        "role",
        "org_path",
        "status",
        "outcome",
        "opinion",
        "actor",
        "opened_at",
        "closed_at",
        "round",
    ],
};
pub(crate) static MATERIAL: Table = Table {
    name: "cases_material",
    columns: &[
        "id",
        "case_id",
        "material",
        "name",
        "media",
        "size",
        "sha256",
        "created_at",
    ],
};
pub(crate) static CORRECTION: Table = Table {
    name: "cases_correction",
    columns: &["case_id", "items", "answer_by", "asked_at", "answered_at"],
};
pub(crate) static RATING: Table = Table {
    name: "cases_rating",
    columns: &["case_id", "grade", "comment", "at"],
};
pub(crate) static FOLLOWUP: Table = Table {
    name: "cases_followup",
    columns: &[
        "case_id",
        "state",
        "due_on",
        "outcome",
        "actor",
        "opened_at",
        "closed_at",
    ],
};

pub(crate) static APPOINTMENT: Table = Table {
    name: "cases_appointment",
    columns: &[
        "id",
        "window_id",
        "org_path",
        "area_code",
        "matter",
        "subject",
        "day",
        "slot",
        "state",
        "code",
        "created_at",
        "closed_at",
    ],
};
pub(crate) static DELIVERY: Table = Table {
    name: "cases_delivery",
    columns: &[
        "case_id",
        "way",
        "window_id",
        "address",
        "pickup_code",
        "state",
        "carrier",
        "consignment",
        "signed_by",
        "reason",
        "actor",
        "chosen_at",
        "prepared_at",
        "sent_at",
        "closed_at",
    ],
};
pub(crate) static PHRASE: Table = Table {
    name: "cases_phrase",
    columns: &["id", "owner", "org_path", "shared", "position", "words"],
};
pub(crate) static ABSENCE: Table = Table {
    name: "cases_absence",
    columns: &[
        "id",
        "away",
        "stand_in",
        "org_path",
        "from_on",
        "until_on",
        "reason",
        "set_by",
        "created_at",
        "ended_at",
    ],
};
pub(crate) static ARCHIVE: Table = Table {
    name: "cases_archive",
    columns: &[
        "id",
        "case_id",
        "version",
        "org_path",
        "area_code",
        "state",
        "reason",
        "sha256",
        "size",
        "files",
        "certificates",
        "retain_until",
        "built_at",
    ],
};

/// Uploads: up to this many bytes in one form.
const FORM_BYTES: usize = 48 << 20;

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    use case::web;
    use case::work_web::{self, idiom};
    let mut m = Module::new::<Files>("cases");
    let work = Door::Official("cases.case.read");
    let answer = || json!({ "type": "object" });
    m.routes = vec![
        Route::new("/cases/{id}", Door::SignedIn, get(web::show)),
        Route::new("/cases/{id}/form", Door::SignedIn, get(web::form).post(web::send_form)).body(FORM_BYTES),
        Route::new("/cases/{id}/draft", Door::SignedIn, post(web::autosave)).body(FORM_BYTES),
        Route::new("/cases/{id}/review", Door::SignedIn, get(web::review)),
        Route::new("/cases/{id}/submission", Door::SignedIn, post(web::submit)),
        Route::new("/cases/{id}/receipt", Door::SignedIn, get(web::receipt)),
        Route::new("/cases/{id}/receipt.ics", Door::SignedIn, get(web::diary)),
        Route::new("/cases/{id}/withdrawal", Door::SignedIn, post(web::withdraw)),
        Route::new("/cases/{id}/rating", Door::SignedIn, post(rating::web::rate)),
        Route::new("/cases/{id}/materials/{file}", Door::SignedIn, get(web::material)),
        Route::new("/cases/{id}/urging", Door::SignedIn, post(web::urge)),
        Route::new("/cases/{id}/supplement", Door::SignedIn, post(web::supply)).body(FORM_BYTES),
        Route::new("/work", work, get(work_web::queue)),
        Route::new("/work/batch", work, post(work_web::batch::act)),
        Route::new("/work/intake", Door::Official("cases.case.intake"), get(work_web::intake::form).post(work_web::intake::begin)),
        Route::new("/work/overdue", work, get(work_web::watch::overdue)),
        Route::new("/work/workload", Door::Official("cases.workload.read"), get(work_web::watch::workload)),
        Route::new("/work/workload.csv", Door::Official("cases.workload.read"), get(work_web::watch::workload_csv)),
        Route::new("/work/cases/{id}/work/{work}/giving", work, get(idiom::giving)),
        Route::new("/work/cases/{id}/work/{work}/signatures", work, post(idiom::sign)),
        Route::new("/work/cases/{id}/work/{work}/transfer", work, post(idiom::transfer)),
        Route::new("/work/cases/{id}/work/{work}/delegation", work, post(idiom::delegate)),
        Route::new("/work/cases/{id}/work/{work}/recall", work, post(idiom::recall)),
        Route::new("/work/cases/{id}/work/{work}/gaps", Door::Official("cases.case.accept"), post(idiom::let_through)),
        Route::new("/work/cases/{id}/work/{work}/error", work, post(idiom::raise)),
        Route::new("/work/cases/{id}/special-procedure", Door::Official("cases.case.suspend"), post(idiom::special)),
        Route::new("/work/cases/{id}/extension", Door::Official("cases.case.extend"), post(idiom::extend)),
        Route::new("/work/cases/{id}/urging", Door::Official("cases.case.urge"), post(idiom::urge)),
        Route::new("/work/cases/{id}/messages", Door::Official("cases.case.inform"), post(idiom::message)),
        Route::new("/work/done", work, get(work_web::done)),
        Route::new("/work/cases", work, get(work_web::list)),
        Route::new("/work/cases/{id}", work, get(work_web::show)),
        Route::new("/work/cases/{id}/work/{work}", work, post(work_web::finish)),
        Route::new("/work/cases/{id}/correction", Door::Official("cases.case.accept"), post(work_web::correction)),
        Route::new("/work/cases/{id}/send-back", Door::Official("cases.case.review"), post(work_web::send_back)),
        Route::new("/work/cases/{id}/suspension", Door::Official("cases.case.suspend"), post(work_web::suspension)),
        Route::new("/work/followups", Door::Official("cases.followup.read"), get(rating::web::followups)),
        Route::new("/work/followups/{id}", Door::Official("cases.followup.close"), post(rating::web::close)),
        Route::new("/api/v1/cases", Door::SignedIn, get(web::api_list).post(web::api_create))
            .doc("GET", "Cases that the caller may read", json!(null), answer())
            .doc(
                "POST",
                "Start a case and, with `submit`, hand it in; send an Idempotency-Key",
                json!({ "type": "object", "required": ["matter"], "properties": { "matter": { "type": "string" },
                    "form": { "type": "object" }, "submit": { "type": "boolean" } } }),
                answer(),
            ),
        Route::new("/api/v1/cases/{id}", Door::SignedIn, get(web::api_show)).doc("GET", "One case", json!(null), answer()),
        Route::new("/api/v1/cases/{id}/materials/{material}", Door::SignedIn, post(web::api_material))
            .body(FORM_BYTES)
            .doc("POST", "Upload one file of a material (multipart field `file`)", json!(null), answer()),
        Route::new("/api/v1/cases/{id}/submission", Door::SignedIn, post(web::api_submit)).doc(
            "POST",
            "Hand in a draft, or the answer to a correction",
            json!(null),
            answer(),
        ),
        Route::new("/api/v1/cases/{id}/work/{work}", work, post(web::api_finish)).doc(
            "POST",
            "Finish a work item",
            json!({ "type": "object", "required": ["version", "outcome"], "properties": { "version": { "type": "integer" },
                "outcome": { "type": "string" }, "opinion": { "type": "string" }, "in_person": { "type": "boolean" } } }),
            answer(),
        ),
    ];
    m.routes.extend(records());
    m.routes.extend([
        Route::new("/cases/{id}/papers/{file}", Door::SignedIn, get(paper::web::file)),
        Route::new(
            "/work/cases/{id}/papers/{paper}/correction",
            Door::Official(paper::service::CORRECT),
            post(paper::web::correct),
        ),
    ]);
    m.routes.push(Route::new(
        "/work/migrations",
        Door::Official(migration::service::RUN),
        get(migration::web::list).post(migration::web::run),
    ));
    let permission = |name, title| Permission { name, title };
    m.permissions = vec![
        permission("cases.case.apply", "cases-permission-apply"),
        permission("cases.case.read", "cases-permission-read"),
        permission("cases.case.accept", "cases-permission-accept"),
        permission("cases.case.correct", "cases-permission-correct"),
        permission("cases.case.review", "cases-permission-review"),
        permission("cases.case.decide", "cases-permission-decide"),
        permission("cases.case.suspend", "cases-permission-suspend"),
        permission("cases.case.sign", "cases-permission-sign"),
        permission("cases.case.extend", "cases-permission-extend"),
        permission("cases.case.urge", "cases-permission-urge"),
        permission("cases.case.inform", "cases-permission-inform"),
        permission("cases.case.intake", "cases-permission-intake"),
        permission("cases.workload.read", "cases-permission-workload"),
        permission("cases.case.unmask", "cases-permission-unmask"),
        permission("cases.rating.give", "cases-permission-rate"),
        permission("cases.followup.read", "cases-permission-followups"),
        permission("cases.followup.close", "cases-permission-followup-close"),
        permission("cases.appointment.book", "cases-permission-appointment-book"),
        permission("cases.appointment.read", "cases-permission-appointment-read"),
        permission(
            "cases.appointment.receive",
            "cases-permission-appointment-receive",
        ),
        permission("cases.delivery.choose", "cases-permission-delivery-choose"),
        permission("cases.delivery.handle", "cases-permission-delivery-handle"),
        permission("cases.phrase.keep", "cases-permission-phrase-keep"),
        permission("cases.phrase.share", "cases-permission-phrase-share"),
        permission("cases.absence.note", "cases-permission-absence-note"),
        permission("cases.absence.manage", "cases-permission-absence-manage"),
        permission(migration::service::RUN, "cases-permission-migration"),
        permission(paper::service::CORRECT, "cases-permission-paper-correct"),
        permission("cases.archive.read", "cases-permission-archive-read"),
        permission("cases.archive.build", "cases-permission-archive-build"),
    ];
    let entry = |href, title, icon, permission, order| MenuEntry {
        href,
        title,
        icon,
        place: Place::Workbench,
        permission: Some(permission),
        order,
    };
    m.menu = vec![
        entry("/work", "cases-queue", "clipboard-list", "cases.case.read", 1),
        entry(
            "/work/intake",
            "cases-intake",
            "user-plus",
            "cases.case.intake",
            2,
        ),
        entry(
            "/work/overdue",
            "cases-overdue",
            "clock-alert",
            "cases.case.read",
            3,
        ),
        entry(
            "/work/workload",
            "cases-workload",
            "chart-column",
            "cases.workload.read",
            5,
        ),
        entry("/work/done", "cases-done", "circle-check", "cases.case.read", 2),
        entry("/work/cases", "cases-all", "files", "cases.case.read", 3),
        entry(
            "/work/followups",
            "cases-followups",
            "star",
            "cases.followup.read",
            4,
        ),
        entry(
            "/work/appointments",
            "cases-appointments",
            "calendar",
            "cases.appointment.receive",
            6,
        ),
        entry(
            "/work/deliveries",
            "cases-deliveries",
            "send",
            "cases.delivery.handle",
            7,
        ),
        entry(
            "/work/phrases",
            "cases-phrases",
            "message-square",
            "cases.phrase.keep",
            8,
        ),
        entry(
            "/work/absences",
            "cases-absences",
            "user-check",
            "cases.absence.note",
            9,
        ),
        entry(
            "/work/migrations",
            "cases-migrations",
            "arrow-right",
            migration::service::RUN,
            10,
        ),
        entry(
            "/work/archive",
            "cases-archive",
            "files",
            "cases.archive.read",
            10,
        ),
    ];
    let audit = |name| FactType {
        name,
        unconsumed: Some("timeline and audit read it where it stands"),
    };
    m.facts = [
        "cases.case.drafted",
        "cases.case.discarded",
        "cases.material.attached",
        "cases.material.detached",
        "cases.case.reviewed",
        "cases.case.decided",
        "cases.case.sent-back",
        "cases.case.resumed",
        "cases.case.withdrawn",
        "cases.case.reminded",
        "cases.case.notified",
        "cases.case.signatures-asked",
        "cases.case.signed",
        "cases.case.transferred",
        "cases.case.delegated",
        "cases.case.recalled",
        "cases.case.urged",
        "cases.case.let-through",
        "cases.case.informed",
        "cases.case.error-raised",
        "cases.case.timed-out",
        "cases.material.supplemented",
        "cases.case.due-recomputed",
        "cases.case.migrated",
        "cases.followup.opened",
        "cases.followup.closed",
        "cases.delivery.chosen",
        "cases.delivery.prepared",
        "cases.delivery.sent",
        "cases.delivery.returned",
        "cases.paper.corrected",
        "cases.archive.built",
        "cases.archive.failed",
    ]
    .map(audit)
    .into();
    let followed = |name| FactType {
        name,
        unconsumed: None,
    };
    m.facts.extend(paper::model::FACTS.iter().copied().map(followed));
    m.facts.push(followed("cases.rating.given"));
    let told = |name| FactType {
        name,
        unconsumed: Some(
            "what messages to the person follow from, when a channel is there; audit until then",
        ),
    };
    m.facts.extend(
        [
            "cases.appointment.booked",
            "cases.appointment.moved",
            "cases.appointment.cancelled",
            "cases.appointment.arrived",
            "cases.appointment.missed",
            "cases.appointment.reminded",
        ]
        .map(told),
    );
    let kept = |name| FactType {
        name,
        unconsumed: Some("audit: the office's own affairs"),
    };
    m.facts.extend(
        [
            "cases.phrase.kept",
            "cases.phrase.removed",
            "cases.absence.noted",
            "cases.absence.ended",
        ]
        .map(kept),
    );
    // Papers first: a package of an ended case waits for the decision that is ordered here.
    m.consumers = vec![
        Consumer {
            name: "cases.paper",
            facts: paper::model::FACTS,
            handle: paper::service::follow,
        },
        Consumer {
            name: "cases.archive",
            facts: &[
                "cases.case.ended",
                "documents.certificate.issued",
                "documents.paper.issued",
            ],
            handle: archive::service::follow,
        },
    ];
    m.jobs = vec![
        JobKind {
            name: archive::service::BUILD,
            run: |ctx, v| boxed(archive::service::build(ctx, v)),
            every: None,
        },
        JobKind {
            name: case::runtime::TIMER,
            run: |ctx, v| boxed(case::runtime::fire(ctx, v)),
            every: None,
        },
        JobKind {
            name: appointment::service::REMINDER,
            run: |ctx, v| boxed(appointment::service::reminder(ctx, v)),
            every: None,
        },
    ];
    m.sections = vec![Section {
        name: "windows",
        load: appointment::pack::load,
        check: appointment::pack::check,
    }];
    m.sealed = {
        use kernel::module::Sealed;
        let delivery = |column, place| Sealed::words("cases_delivery", &["case_id"], column, place);
        vec![
            Sealed::bytes("cases_case", &["id"], "form", "cases_case.form:{id}"),
            Sealed::bytes("cases_case", &["id"], "process", "cases_case.process:{id}"),
            Sealed::bytes(
                "cases_material",
                &["id"],
                "content",
                "cases_material.content:{id}",
            ),
            Sealed::bytes(
                "cases_archive_part",
                &["archive_id", "part"],
                "content",
                "cases_archive_part.content:{archive_id}:{part}",
            ),
            Sealed::words("cases_material", &["id"], "name", "cases_material.name:{id}"),
            Sealed::words("cases_work", &["id"], "opinion", "cases_work.opinion:{id}"),
            Sealed::words(
                "cases_correction",
                &["case_id"],
                "items",
                "cases_correction.items:{case_id}",
            ),
            Sealed::words(
                "cases_rating",
                &["case_id"],
                "comment",
                "cases_rating.comment:{case_id}",
            ),
            Sealed::words(
                "cases_followup",
                &["case_id"],
                "outcome",
                "cases_followup.outcome:{case_id}",
            ),
            Sealed::words("cases_phrase", &["id"], "words", "cases_phrase.words:{id}"),
            Sealed::words("cases_absence", &["id"], "reason", "cases_absence.reason:{id}"),
            delivery("address", "cases_delivery.address:{case_id}"),
            delivery("pickup_code", "cases_delivery.pickup_code:{case_id}"),
            delivery("signed_by", "cases_delivery.signed_by:{case_id}"),
            delivery("reason", "cases_delivery.reason:{case_id}"),
        ]
    };
    m.tables = vec![
        &CASE,
        &WORK,
        &MATERIAL,
        &CORRECTION,
        &RATING,
        &FOLLOWUP,
        &APPOINTMENT,
        &DELIVERY,
        &PHRASE,
        &ABSENCE,
        &ARCHIVE,
    ];
    m.views = vec![PublicView {
        name: "pub_cases_case",
        sql: "SELECT c.id, c.number, c.matter, c.organisation, c.org_path, c.area_code, c.state, c.channel, c.visits, \
              c.submitted_at, c.accepted_at, c.ended_at, c.due_on, c.on_time, c.provisional, r.grade \
              FROM cases_case c LEFT JOIN cases_rating r ON r.case_id = c.id WHERE c.state <> 'draft'",
        grade: 2,
    }];
    m.checks = vec![|ctx| {
        Box::pin(async move {
            Ok(clock::warnings(&ctx)?
                .into_iter()
                .map(|w| format!("warning: {w}"))
                .collect())
        })
    }];
    m.commands = vec![Command {
        name: "calendar",
        help: "calendar FILE: put a newer holiday table into force and recompute provisional due dates",
        run: |ctx, words| boxed(api::calendar_command(ctx, words)),
    }];
    m.samples = web::samples()
        .into_iter()
        .chain(work_web::samples())
        .chain(idiom::samples())
        .chain(work_web::batch::samples())
        .chain(work_web::intake::samples())
        .chain(work_web::watch::samples())
        .chain(rating::web::samples())
        .chain(appointment::web::samples())
        .chain(delivery::web::samples())
        .chain(phrase::web::samples())
        .chain(absence::web::samples())
        .chain(migration::web::samples())
        .chain(archive::web::samples())
        .collect();
    m
}

/// Appointments, deliveries, stock phrases, absences.
fn records() -> Vec<Route> {
    use axum::routing::{get, post};
    let receive = Door::Official("cases.appointment.receive");
    let deliver = Door::Official("cases.delivery.handle");
    let phrase = Door::Official("cases.phrase.keep");
    let absence = Door::Official("cases.absence.note");
    let archive = Door::Official("cases.archive.read");
    vec![
        Route::new("/work/archive", archive, get(archive::web::list)),
        Route::new("/work/archive/{case}", archive, get(archive::web::show)),
        Route::new(
            "/work/archive/{case}/verification",
            archive,
            post(archive::web::verify),
        ),
        Route::new(
            "/work/archive/{case}/builds",
            Door::Official("cases.archive.build"),
            post(archive::web::rebuild),
        ),
        Route::new(
            "/appointments",
            Door::SignedIn,
            get(appointment::web::own).post(appointment::web::book),
        ),
        Route::new("/appointments/new", Door::SignedIn, get(appointment::web::choose)),
        Route::new(
            "/appointments/{id}/cancellation",
            Door::SignedIn,
            post(appointment::web::cancel),
        ),
        Route::new(
            "/appointments/{id}/calendar.ics",
            Door::SignedIn,
            get(appointment::web::ics),
        ),
        Route::new("/work/appointments", receive, get(appointment::web::day)),
        Route::new(
            "/work/appointments/{id}/arrival",
            receive,
            post(appointment::web::arrive),
        ),
        Route::new(
            "/work/appointments/{id}/absence",
            receive,
            post(appointment::web::miss),
        ),
        Route::new(
            "/cases/{id}/delivery",
            Door::SignedIn,
            get(delivery::web::form).post(delivery::web::choose),
        ),
        Route::new(
            "/cases/{id}/delivery/confirmation",
            Door::SignedIn,
            post(delivery::web::confirm),
        ),
        Route::new("/work/deliveries", deliver, get(delivery::web::list)),
        Route::new(
            "/work/deliveries/{id}/preparation",
            deliver,
            post(delivery::web::prepare),
        ),
        Route::new(
            "/work/deliveries/{id}/dispatch",
            deliver,
            post(delivery::web::send),
        ),
        Route::new(
            "/work/deliveries/{id}/handover",
            deliver,
            post(delivery::web::deliver),
        ),
        Route::new("/work/deliveries/{id}/return", deliver, post(delivery::web::back)),
        Route::new(
            "/work/phrases",
            phrase,
            get(phrase::web::list).post(phrase::web::add),
        ),
        Route::new("/work/phrases/{id}", phrase, post(phrase::web::edit)),
        Route::new("/work/phrases/{id}/place", phrase, post(phrase::web::raise)),
        Route::new("/work/phrases/{id}/removal", phrase, post(phrase::web::remove)),
        Route::new(
            "/work/phrases/{id}/sharing",
            Door::Official("cases.phrase.share"),
            post(phrase::web::share),
        ),
        Route::new(
            "/work/absences",
            absence,
            get(absence::web::list).post(absence::web::note),
        ),
        Route::new("/work/absences/{id}", absence, get(absence::web::handover)),
        Route::new("/work/absences/{id}/end", absence, post(absence::web::end)),
    ]
}
