//! Identity (统一身份认证): natural persons, legal persons with their agents, officials with posts in the organisation tree;
//! sessions; what each may do.
//!
//! - [`access`]: who can do what to what
//! - [`account`]: sign-in, sessions, lock-out, API tokens
//! - [`agency`]: who may act for whom, with scope and term: firms, agents, guardians
//! - [`assurance`]: real-name levels and the checks behind them
//! - [`check`]: checks of a person by an adapter (level R3)
//! - [`factor`]: second factors, recovery codes, the steps of a sign-in
//! - [`newer`]: roles that a newer pack adds to a running city
//! - [`official`]: joining, posts with approval, moving, leaving, coming back
//! - [`passkey`]: passkeys (WebAuthn), as a sign-in and as a second factor
//! - [`organisation`]: the tree, posts, roles
//! - [`phone`]: confirmed phone numbers, signing in with a code by SMS
//! - [`policy`]: Cedar decides a verb on one row; [`kernel::Scope`] decides lists
//! - [`pack`]: organisations, posts, roles, policies and demonstration accounts from the city pack
//! - [`review`]: campaigns in which posts held are confirmed or ended
//! - [`scan`]: signing in by a phone that is signed in already
//! - [`structure`]: the tree with its history
//!
//! It implements the kernel traits `Authorise`, `Sessions` and `Accessed`.

mod access;
mod account;
mod agency;
pub mod api;
mod assurance;
mod check;
mod directory;
mod factor;
mod newer;
mod official;
mod organisation;
mod pack;
mod passkey;
mod phone;
mod policy;
mod review;
mod scan;
mod settings;
mod structure;
mod tables;

use kernel::module::{Command, FactType, JobKind, MenuEntry, Permission, Place, Section, boxed};
use kernel::rate::Rate;
use kernel::{Door, Module, Route};
pub(crate) use tables::*;

pub use account::Identity;
pub use agency::matters::{Matters, Named};
pub use directory::People;
pub use policy::Policies;
pub use settings::{RealName, SecondFactor, Settings};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

pub(crate) const ESTABLISH: &str = "identity.agency.establish";
pub(crate) const GUARDIANSHIP: &str = "identity.guardianship.confirm";
pub(crate) const OFFICIALS: &str = "identity.official.read";
pub(crate) const MANAGE: &str = "identity.account.manage";
pub(crate) const APPROVE: &str = "identity.grant.approve";
pub(crate) const REVIEW: &str = "identity.review.run";
pub(crate) const REVIEWS: &str = "identity.review.read";
pub(crate) const ANSWER: &str = "identity.review.answer";
pub(crate) const STRUCTURE: &str = "identity.structure.manage";
const ACCESS: &str = "identity.access.read";
const CONFIRM: &str = "identity.assurance.confirm";

const OFFICIAL_FACTS: [&str; 20] = [
    "identity.organisation.changed",
    "identity.review.started",
    "identity.review.answered",
    "identity.review.closed",
    "identity.post.paused",
    "identity.post.resumed",
    "identity.official.joined",
    "identity.official.invited",
    "identity.official.activated",
    "identity.official.changed",
    "identity.official.leaving",
    "identity.official.staying",
    "identity.official.left",
    "identity.official.suspended",
    "identity.official.resumed",
    "identity.official.rejoined",
    "identity.post.proposed",
    "identity.post.refused",
    "identity.post.withdrawn",
    "identity.post.ended",
];

const POWER_FACTS: [&str; 12] = [
    "identity.power.established",
    "identity.power.invited",
    "identity.power.accepted",
    "identity.power.declined",
    "identity.power.changed",
    "identity.power.suspended",
    "identity.power.resumed",
    "identity.power.confirmed",
    "identity.power.questioned",
    "identity.power.ended",
    "identity.power.refused",
    "identity.power.taken-over",
];

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
        Route::new(
            "/sign-in/phone",
            Door::Public,
            get(phone::web::form).post(phone::web::ask),
        )
        .rate(Rate::Guess),
        Route::new(
            "/sign-in/phone/code",
            Door::Public,
            get(phone::web::code).post(phone::web::sign_in),
        )
        .rate(Rate::Guess),
        Route::new("/sign-in/scan", Door::Public, get(scan::web::show)).rate(Rate::Lookup),
        Route::new("/sign-in/scan/state", Door::Public, get(scan::web::state)).rate(Rate::Lookup),
        Route::new(
            "/me/scan/{id}",
            Door::SignedIn,
            get(scan::web::scanned).post(scan::web::answer),
        )
        .rate(Rate::Guess),
        Route::new(
            "/me/phone",
            Door::SignedIn,
            get(phone::web::own).post(phone::web::ask_own),
        ),
        Route::new(
            "/me/phone/code",
            Door::SignedIn,
            get(phone::web::own_code).post(phone::web::confirm),
        )
        .rate(Rate::Guess),
        Route::new("/me/phone/removal", Door::SignedIn, post(phone::web::remove)),
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
        Route::new("/me/level/check", Door::SignedIn, post(check::web::ask)).rate(Rate::Lookup),
        Route::new(
            "/identity/checks/receipts",
            Door::Public,
            post(check::web::receipts),
        ),
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
            "/me/firms",
            Door::SignedIn,
            get(agency::web::firms).post(agency::web::establish),
        )
        .rate(Rate::Guess),
        Route::new("/me/firms/{firm}", Door::SignedIn, get(agency::web::firm)),
        Route::new(
            "/me/firms/{firm}/powers",
            Door::SignedIn,
            post(agency::web::invite),
        )
        .rate(Rate::Guess),
        Route::new(
            "/me/firms/{firm}/powers/{power}",
            Door::SignedIn,
            get(agency::web::power).post(agency::web::change),
        ),
        Route::new(
            "/me/firms/{firm}/powers/{power}/act",
            Door::SignedIn,
            post(agency::web::act),
        ),
        Route::new("/me/invitations/{id}", Door::SignedIn, post(agency::web::answer)).rate(Rate::Guess),
        Route::new(
            "/me/family",
            Door::SignedIn,
            get(agency::web::family).post(agency::web::claim),
        )
        .rate(Rate::Guess),
        Route::new("/me/family/{power}", Door::SignedIn, get(agency::web::guardian)),
        Route::new("/me/family/{power}/end", Door::SignedIn, post(agency::web::leave)),
        Route::new(
            "/work/agencies",
            Door::Official(ESTABLISH),
            get(agency::web::agencies).post(agency::web::establish_at_counter),
        )
        .rate(Rate::Lookup),
        Route::new(
            "/work/agencies/{power}/end",
            Door::Official(ESTABLISH),
            post(agency::web::end_by_official),
        ),
        Route::new(
            "/work/guardianships",
            Door::Official(GUARDIANSHIP),
            post(agency::web::confirm_guardian),
        )
        .rate(Rate::Lookup),
        Route::new(
            "/work/guardianships/search",
            Door::Official(GUARDIANSHIP),
            post(agency::web::guardianships),
        )
        .rate(Rate::Lookup),
        Route::new(
            "/work/guardianships/{power}/end",
            Door::Official(GUARDIANSHIP),
            post(agency::web::end_guardianship),
        ),
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
    m.routes.extend(passkey::web::routes());
    m.routes.extend(official::web::routes());
    m.routes.extend(review::web::routes());
    m.routes.extend(structure::web::routes());
    m.permissions = vec![
        Permission {
            name: MANAGE,
            title: "identity-permission-manage",
        },
        Permission {
            name: OFFICIALS,
            title: "identity-permission-officials",
        },
        Permission {
            name: APPROVE,
            title: "identity-permission-approve",
        },
        Permission {
            name: REVIEW,
            title: "identity-permission-review",
        },
        Permission {
            name: REVIEWS,
            title: "identity-permission-reviews",
        },
        Permission {
            name: ANSWER,
            title: "identity-permission-answer",
        },
        Permission {
            name: STRUCTURE,
            title: "identity-permission-structure",
        },
        Permission {
            name: CONFIRM,
            title: "identity-permission-confirm",
        },
        Permission {
            name: ESTABLISH,
            title: "identity-permission-establish",
        },
        Permission {
            name: GUARDIANSHIP,
            title: "identity-permission-guardianship",
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
            href: "/work/agencies",
            title: "identity-agencies",
            icon: "user-check",
            place: Place::Workbench,
            permission: Some(ESTABLISH),
            order: 36,
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
    m.menu.extend(official::web::menu());
    m.menu.push(review::web::menu());
    m.menu.push(structure::web::menu());
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
            name: "identity.phone.confirmed",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.phone.lost",
            unconsumed: Some("audit only; its former owner is told at once"),
        },
        FactType {
            name: "identity.phone.removed",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.scan.answered",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.check.asked",
            unconsumed: Some("audit only"),
        },
        FactType {
            name: "identity.check.answered",
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
            Sealed::bytes("identity_passkey", &["id"], "name", "identity_passkey.name:{id}"),
            Sealed::bytes(
                "identity_phone_code",
                &["token"],
                "parcel",
                "identity_phone_code.parcel:{token}",
            ),
            Sealed::bytes("identity_power", &["id"], "name", "identity_power.name:{id}"),
            Sealed::bytes(
                "identity_power",
                &["id"],
                "document",
                "identity_power.document:{id}",
            ),
            Sealed::setting("demo-password", "kernel_setting.demo-password"),
        ]
    };
    m.facts.extend(passkey::web::facts());
    m.facts.extend(POWER_FACTS.iter().map(|&name| FactType {
        name,
        unconsumed: Some("audit and the firm's history; a power is looked up at each request"),
    }));
    m.facts.extend(OFFICIAL_FACTS.iter().map(|&name| FactType {
        name,
        unconsumed: Some("audit and the official's history; rights are looked up at each request"),
    }));
    m.tables = vec![
        &OFFICIAL,
        &PROPOSAL,
        &EXCLUSION,
        &REVIEW_TABLE,
        &REVIEW_ITEM,
        &PAUSE,
        &VERSION,
        &POWER,
        &ACCOUNT,
        &SUBJECT,
        &PHONE,
        &FACTOR,
        &CHECK,
        &PASSKEY,
        &ASSURANCE,
        &ORGANISATION,
        &POST,
        &ROLE,
        &HOLDING,
    ];
    m.jobs = vec![
        JobKind {
            name: phone::service::SEND,
            run: |ctx, v| boxed(phone::service::send(ctx, v)),
            every: None,
        },
        JobKind {
            name: official::leave::DAILY,
            run: |ctx, _| boxed(official::leave::daily(ctx)),
            every: Some(3_600_000),
        },
        JobKind {
            name: review::service::DAILY,
            run: |ctx, _| boxed(review::service::daily(ctx)),
            every: Some(3_600_000),
        },
        JobKind {
            name: agency::watch::DAILY,
            run: |ctx, _| boxed(agency::watch::daily(ctx)),
            every: Some(86_400_000),
        },
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
    m.samples.extend(agency::web::samples());
    m.samples.extend(factor::web::samples());
    m.samples.extend(assurance::web::samples());
    m.samples.extend(phone::web::samples());
    m.samples.extend(scan::web::samples());
    m.samples.extend(official::web::samples());
    m.samples.extend(review::web::samples());
    m.samples.extend(structure::web::samples());
    m
}
