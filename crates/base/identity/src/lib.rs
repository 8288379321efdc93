//! Identity (统一身份认证): natural persons, legal persons with their agents, officials with posts in the organisation tree;
//! sessions; what each may do.
//!
//! - [`access`]: who can do what to what
//! - [`account`]: sign-in, sessions, lock-out, API tokens
//! - [`assurance`]: real-name levels and the checks behind them
//! - [`factor`]: second factors, recovery codes, the steps of a sign-in
//! - [`organisation`]: the tree, posts, roles
//! - [`policy`]: Cedar decides a verb on one row; [`kernel::Scope`] decides lists
//! - [`pack`]: organisations, posts, roles, policies and demonstration accounts from the city pack
//!
//! It implements the kernel traits `Authorise`, `Sessions` and `Accessed`.

mod access;
mod account;
pub mod api;
mod assurance;
mod directory;
mod factor;
mod organisation;
mod pack;
mod policy;
mod settings;

use kernel::module::{Command, FactType, MenuEntry, Permission, Place, Section};
use kernel::rate::Rate;
use kernel::{Door, Module, Route, Table};

pub use account::Identity;
pub use directory::People;
pub use policy::Policies;
pub use settings::{SecondFactor, Settings};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

/// Rows that facts cover.
pub(crate) static ACCOUNT: Table = Table {
    name: "identity_account",
    columns: &[
        "id",
        "login",
        "kind",
        "subject",
        "password",
        "version",
        "created_at",
        "retired_at",
    ],
};
pub(crate) static SUBJECT: Table = Table {
    name: "identity_subject",
    columns: &[
        "id",
        "kind",
        "code_index",
        "area_code",
        "synthetic",
        "version",
        "created_at",
        "retired_at",
    ],
};

pub(crate) static ASSURANCE: Table = Table {
    name: "identity_assurance",
    columns: &[
        "id",
        "subject",
        "method",
        "level",
        "reference",
        "actor",
        "version",
        "at",
        "until_on",
        "ended_at",
    ],
};
pub(crate) static FACTOR: Table = Table {
    name: "identity_factor",
    columns: &[
        "id",
        "account",
        "kind",
        "version",
        "created_at",
        "confirmed_at",
        "removed_at",
    ],
};

/// Who may do what rests on these rows, so a right that was put in by hand is found.
pub(crate) static ORGANISATION: Table = Table {
    name: "identity_organisation",
    columns: &[
        "id",
        "name",
        "parent",
        "path",
        "area_code",
        "credit_code",
        "retired_at",
    ],
};
pub(crate) static POST: Table = Table {
    name: "identity_post",
    columns: &["id", "organisation", "title", "roles", "retired_at"],
};
pub(crate) static ROLE: Table = Table {
    name: "identity_role",
    columns: &["id", "title", "permissions"],
};
pub(crate) static HOLDING: Table = Table {
    name: "identity_holding",
    columns: &["id", "post", "account", "from_on", "until_on"],
};

const ACCESS: &str = "identity.access.read";
const CONFIRM: &str = "identity.assurance.confirm";

/// See the crate.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("identity");
    use axum::routing::{get, post};
    m.routes = vec![
        Route::new(
            "/sign-in",
            Door::Public,
            get(account::web::form).post(account::web::sign_in),
        )
        .rate(Rate::Guess),
        Route::new(
            "/sign-in/code",
            Door::Public,
            get(factor::web::form).post(factor::web::show),
        )
        .rate(Rate::Guess),
        Route::new(
            "/sign-in/enrolment",
            Door::Public,
            get(factor::web::enrolling).post(factor::web::enrol),
        )
        .rate(Rate::Guess),
        Route::new("/sign-out", Door::SignedIn, post(account::web::sign_out)),
        Route::new("/me/security", Door::SignedIn, get(account::web::security)),
        Route::new(
            "/me/sessions/removal",
            Door::SignedIn,
            post(account::web::sign_out_everywhere),
        ),
        Route::new(
            "/me/sessions/{handle}/removal",
            Door::SignedIn,
            post(account::web::end_one),
        ),
        Route::new("/me/security/factors", Door::SignedIn, post(factor::web::add)),
        Route::new(
            "/me/security/factors/{id}",
            Door::SignedIn,
            get(factor::web::adding).post(factor::web::added),
        ),
        Route::new(
            "/me/security/factors/{id}/removal",
            Door::SignedIn,
            post(factor::web::remove),
        ),
        Route::new("/me/security/recovery", Door::SignedIn, post(factor::web::renew)),
        Route::new("/me/level", Door::SignedIn, get(assurance::web::own)),
        Route::new(
            "/me/level/population",
            Door::SignedIn,
            post(assurance::web::compare),
        )
        .rate(Rate::Lookup),
        Route::new(
            "/work/real-names",
            Door::Official(CONFIRM),
            get(assurance::web::counter).post(assurance::web::confirm),
        )
        .rate(Rate::Lookup),
        Route::new(
            "/work/permissions",
            Door::Official(ACCESS),
            get(access::web::page),
        ),
        Route::new("/me/acting", Door::SignedIn, post(account::web::act_for)),
        Route::new(
            "/api/v1/divisions",
            Door::Public,
            get(organisation::division::api_children),
        )
        .doc(
            "GET",
            "Administrative divisions directly below ?parent= (GB/T 2260 and statistical codes)",
            serde_json::json!(null),
            serde_json::json!({ "type": "object" }),
        ),
    ];
    m.permissions = vec![
        Permission {
            name: "identity.account.manage",
            title: "identity-permission-manage",
        },
        Permission {
            name: CONFIRM,
            title: "identity-permission-confirm",
        },
        Permission {
            name: ACCESS,
            title: "identity-permission-access",
        },
    ];
    m.menu = vec![
        MenuEntry {
            href: "/work/real-names",
            title: "identity-real-names",
            icon: "user-check",
            place: Place::Workbench,
            permission: Some(CONFIRM),
            order: 35,
        },
        MenuEntry {
            href: "/work/permissions",
            title: "identity-who",
            icon: "users",
            place: Place::Workbench,
            permission: Some(ACCESS),
            order: 92,
        },
    ];
    m.facts = vec![
        FactType {
            name: "identity.account.opened",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.structure.loaded",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.post.held",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.subject.known",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.assurance.recorded",
            unconsumed: Some("audit only; the level is read where it is needed"),
        },
        FactType {
            name: "identity.factor.added",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.factor.removed",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.recovery.used",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.recovery.renewed",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.session.begun",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.session.refused",
            unconsumed: Some("audit only; a lock-out is a row"),
        },
        FactType {
            name: "identity.session.ended",
            unconsumed: Some("whoever relies on sessions follows it: openid, onecode"),
        },
    ];
    m.sealed = {
        use kernel::module::Sealed;
        vec![
            Sealed::bytes("identity_subject", &["id"], "name", "identity_subject.name:{id}"),
            Sealed::bytes("identity_subject", &["id"], "code", "identity_subject.code:{id}"),
            Sealed::bytes(
                "identity_subject",
                &["id"],
                "phone",
                "identity_subject.phone:{id}",
            ),
            Sealed::bytes(
                "identity_factor",
                &["id"],
                "secret",
                "identity_factor.secret:{id}",
            ),
            Sealed::setting("demo-password", "kernel_setting.demo-password"),
        ]
    };
    m.tables = vec![
        &ACCOUNT,
        &SUBJECT,
        &FACTOR,
        &ASSURANCE,
        &ORGANISATION,
        &POST,
        &ROLE,
        &HOLDING,
    ];
    m.sections = vec![Section {
        name: "identity",
        load: pack::load,
        check: pack::check,
    }];
    m.commands = vec![Command {
        name: "who",
        help: "who can do what: who PERMISSION [ORGANISATION]",
        run: access::service::command,
    }];
    m.samples = account::web::samples();
    m.samples.extend(access::web::samples());
    m.samples.extend(factor::web::samples());
    m.samples.extend(assurance::web::samples());
    m
}
