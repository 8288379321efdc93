//! Documents (电子证照): what the city issues as files that others can rely on.
//!
//! - [`print`]: Typst templates to PDF, QR codes, seals; pure functions
//! - [`kinds`]: certificate types of the city pack
//! - [`paper`]: official papers (文书) of a case: order → issue → supersede
//! - [`certificate`]: order → produce (print, seal, store) → verify, revoke

pub mod api;
mod certificate;
mod kinds;
mod paper;
pub mod print;

use kernel::module::{Consumer, FactType, JobKind, MenuEntry, Permission, Place, Section, boxed};

use kernel::rate::Rate;
use kernel::{Door, Module, Route, Table};
use serde_json::json;

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Rows that facts cover; the printed fields and the file are covered by the file's hash and their own authentication.
pub(crate) static CERTIFICATE: Table = Table {
    name: "documents_certificate",
    columns: &[
        "id",
        "type",
        "title",
        "identifier",
        "token",
        "case_id",
        "number",
        "holder",
        "issuer",
        "state",
        "issued_on",
        "valid_from",
        "valid_until",
        "pdf_sha256",
        "sm2",
        "reason",
        "created_at",
        "issued_at",
        "revoked_at",
    ],
};

/// Issued papers; their words and the file are covered by the file's hash and their own authentication.
pub(crate) static PAPER: Table = Table {
    name: "documents_paper",
    columns: &[
        "id",
        "kind",
        "title",
        "number",
        "token",
        "case_id",
        "series",
        "recipient",
        "organisation",
        "dated",
        "cause",
        "supersedes",
        "superseded_by",
        "pdf_sha256",
        "sm2",
        "issued_at",
    ],
};

/// Largest file that may be uploaded for verification.
const FILE: usize = 20 << 20;

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    use certificate::web;
    let mut m = Module::new::<Files>("documents");
    let read = Door::Official("documents.certificate.read");
    m.routes = vec![
        Route::new("/me/certificates/{id}", Door::SignedIn, get(web::page)),
        Route::new(
            "/verify",
            Door::Public,
            get(web::verify_form).post(web::verify_file),
        )
        .body(FILE)
        .rate(Rate::Upload),
        Route::new("/verify/{token}", Door::Public, get(web::verify_token)).rate(Rate::Lookup),
        Route::new("/work/certificates", read, get(web::list)),
        Route::new(
            "/work/certificates/{id}/revocation",
            Door::Official("documents.certificate.revoke"),
            post(web::revoke),
        ),
        Route::new(
            "/api/v1/certificates/{identifier}",
            Door::Public,
            get(web::api_verify),
        )
        .rate(Rate::Lookup)
        .doc(
            "GET",
            "Public facts of a certificate by its identifier (GB/T 36904)",
            json!(null),
            json!({ "type": "object" }),
        ),
    ];
    m.permissions = vec![
        Permission {
            name: "documents.certificate.read",
            title: "documents-permission-read",
        },
        Permission {
            name: "documents.certificate.revoke",
            title: "documents-permission-revoke",
        },
    ];
    m.menu = vec![MenuEntry {
        href: "/work/certificates",
        title: "documents-certificates",
        icon: "badge-check",
        place: Place::Workbench,
        permission: Some("documents.certificate.read"),
        order: 20,
    }];
    let audit = |name| FactType {
        name,
        unconsumed: Some("timeline, audit and proof read it where it stands"),
    };
    m.facts = [
        "documents.certificate.ordered",
        "documents.certificate.issued",
        "documents.certificate.revoked",
        "documents.paper.issued",
    ]
    .map(audit)
    .into();
    m.jobs = vec![
        JobKind {
            name: certificate::produce::PRODUCE,
            run: |ctx, v| boxed(certificate::produce::produce(ctx, v)),
            every: None,
        },
        JobKind {
            name: paper::service::ISSUE,
            run: |ctx, v| boxed(paper::service::issue(ctx, v)),
            every: None,
        },
    ];
    m.sealed = {
        use kernel::module::Sealed;
        let certificate = "documents_certificate";
        vec![
            Sealed::bytes(
                certificate,
                &["id"],
                "fields",
                "documents_certificate.fields:{id}",
            ),
            Sealed::bytes(certificate, &["id"], "pdf", "documents_certificate.pdf:{id}"),
            Sealed::bytes(
                "documents_ofd",
                &["certificate"],
                "file",
                "documents_ofd.file:{certificate}",
            ),
            // An order and the paper that comes of it have one id and one place.
            Sealed::bytes(
                "documents_paper_order",
                &["id"],
                "body",
                "documents_paper.body:{id}",
            ),
            Sealed::bytes("documents_paper", &["id"], "body", "documents_paper.body:{id}"),
            Sealed::bytes("documents_paper", &["id"], "pdf", "documents_paper.pdf:{id}"),
            Sealed::bytes(
                "documents_paper_ofd",
                &["paper"],
                "file",
                "documents_paper_ofd.file:{paper}",
            ),
        ]
    };
    m.consumers = vec![Consumer {
        name: "documents.seals",
        facts: seals::api::READY,
        handle: certificate::produce::follow_seals,
    }];
    m.tables = vec![&CERTIFICATE, &PAPER];
    m.sections = vec![
        Section {
            name: "documents",
            load: kinds::load,
            check: kinds::check,
        },
        Section {
            name: "papers",
            load: paper::pack::load,
            check: paper::pack::check,
        },
    ];
    m.samples = web::samples();
    m
}
