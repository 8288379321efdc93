//! Comms (消息): tells people and registered systems what happened, in their own list, by mail, SMS or webhook, with receipts
//! and retry. What is told to whom is content of the pack ([`rules`]); this crate knows no case and no account.
//!
//! - [`api`]: [`api::notify`] inside the caller's transaction; the ports [`api::Directory`] and [`api::Audience`]
//! - [`message`]: one notice to one person, the person's list and wishes
//! - [`delivery`]: one row a channel; jobs send it, receipts and failures come back to it
//! - [`hook`]: hosts that an administrator registered
//! - [`channel`]: HTTP, SMTP, signatures, the guard of webhooks
//!
//! A message and its deliveries are written in one transaction with the cursor of the fact that caused them, so nothing is
//! lost and nothing told twice. Sending happens outside of transactions; a crash between sending and noting it repeats the
//! attempt under the same id, which every receiver is given (Message-ID, `Idempotency-Key`).

pub mod api;
mod channel;
mod delivery;
mod hook;
mod message;
mod rules;
mod settings;

use kernel::module::{Consumer, FactType, JobKind, MenuEntry, Permission, Place, Section, boxed};
use kernel::{Door, Module, Route, Table};

pub use settings::{Settings, Sms, Smtp, Webhook};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
pub(crate) struct Files;

pub(crate) static MESSAGE: Table = Table {
    name: "comms_message",
    columns: &[
        "id",
        "recipient",
        "kind",
        "category",
        "urgent",
        "listed",
        "reference",
        "link",
        "args",
        "cause",
        "created_at",
    ],
};
/// Where a delivery stands changes with every attempt and is no legal fact; that it was ordered is one.
pub(crate) static DELIVERY: Table = Table {
    name: "comms_delivery",
    columns: &["id", "message", "recipient", "channel", "urgent", "created_at"],
};
pub(crate) static PREFERENCE: Table = Table {
    name: "comms_preference",
    columns: &["subject", "locale", "off", "confirmed_at", "version"],
};
pub(crate) static HOOK: Table = Table {
    name: "comms_hook",
    columns: &[
        "id",
        "title",
        "url",
        "kinds",
        "registered_by",
        "created_at",
        "removed_at",
    ],
};

pub(crate) const READ: &str = "comms.delivery.read";
pub(crate) const RESEND: &str = "comms.delivery.resend";
pub(crate) const HOOKS: &str = "comms.hook.manage";

/// See the crate.
pub fn module() -> Module {
    use axum::routing::{get, post};
    let mut m = Module::new::<Files>("comms");
    let read = Door::Official(READ);
    m.routes = vec![
        Route::new("/me/messages", Door::SignedIn, get(message::web::list)),
        Route::new("/me/messages/{id}", Door::SignedIn, get(message::web::show)),
        Route::new(
            "/me/messages/reading",
            Door::SignedIn,
            post(message::web::read_all),
        ),
        Route::new(
            "/me/messages/{id}/reading",
            Door::SignedIn,
            post(message::web::read),
        ),
        Route::new(
            "/me/messages/settings",
            Door::SignedIn,
            get(message::web::settings).post(message::web::choose),
        ),
        Route::new(
            "/me/messages/address",
            Door::SignedIn,
            post(message::web::address),
        ),
        Route::new(
            "/me/messages/confirmation",
            Door::SignedIn,
            post(message::web::confirm),
        ),
        Route::new("/admin/comms", read, get(delivery::web::list)),
        Route::new(
            "/admin/comms/resends",
            Door::Official(RESEND),
            post(delivery::web::resend),
        ),
        Route::new("/admin/comms/sink", read, get(delivery::web::sink)),
        Route::new(
            "/admin/comms/hooks",
            Door::Official(HOOKS),
            get(hook::web::list).post(hook::web::register),
        ),
        Route::new(
            "/admin/comms/hooks/{id}/removal",
            Door::Official(HOOKS),
            post(hook::web::remove),
        ),
        Route::new(
            "/comms/receipts/{adapter}",
            Door::Public,
            post(delivery::web::receipts),
        ),
    ];
    m.permissions = vec![
        Permission {
            name: READ,
            title: "comms-permission-read",
        },
        Permission {
            name: RESEND,
            title: "comms-permission-resend",
        },
        Permission {
            name: HOOKS,
            title: "comms-permission-hooks",
        },
    ];
    m.menu = vec![MenuEntry {
        href: "/admin/comms",
        title: "comms-deliveries",
        icon: "send",
        place: Place::Workbench,
        permission: Some(READ),
        order: 80,
    }];
    m.facts = [
        "comms.message.sent",
        "comms.delivery.received",
        "comms.delivery.given-up",
        "comms.delivery.resent",
        "comms.preference.changed",
        "comms.hook.registered",
        "comms.hook.removed",
    ]
    .map(|name| FactType {
        name,
        unconsumed: Some("audit only; telling of what was told would never end"),
    })
    .into();
    m.consumers = vec![Consumer {
        name: "comms.notices",
        facts: &[],
        handle: message::service::follow,
    }];
    m.jobs = vec![JobKind {
        name: delivery::service::SEND,
        run: |ctx, v| boxed(delivery::service::send(ctx, v)),
        every: None,
    }];
    m.sections = vec![Section {
        name: "notices",
        load: rules::load,
        check: rules::check,
    }];
    m.sealed = {
        use kernel::module::Sealed;
        vec![
            Sealed::bytes(
                "comms_delivery",
                &["id"],
                "address",
                "comms_delivery.address:{id}",
            ),
            // The sink keeps an address as its delivery has it.
            Sealed::bytes("comms_sink", &["id"], "address", "comms_delivery.address:{id}"),
            Sealed::bytes("comms_sink", &["id"], "body", "comms_sink.body:{id}"),
            Sealed::bytes(
                "comms_preference",
                &["subject"],
                "mail",
                "comms_preference.mail:{subject}",
            ),
            Sealed::bytes("comms_hook", &["id"], "secret", "comms_hook.secret:{id}"),
        ]
    };
    m.tables = vec![&MESSAGE, &DELIVERY, &PREFERENCE, &HOOK];
    m.samples = message::web::samples()
        .into_iter()
        .chain(delivery::web::samples())
        .chain(hook::web::samples())
        .collect();
    m
}
