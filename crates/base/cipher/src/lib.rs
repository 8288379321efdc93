//! Cryptography as a service (密码服务): other systems of the city sign, encrypt, authenticate and stamp through the API with
//! keys that never leave. GM/T 0018 and 0029 cut such a service into the same operations; so do the clouds.
//!
//! - [`algorithm`], [`format`]: what keys do with bytes, what ciphertexts look like; pure
//! - [`key`]: keys, versions, grants
//! - [`run`]: using them
//! - [`usage`]: the log of every use
//!
//! Material is sealed under the master key (`ctx.protect()`), opened for one request and wiped. What was reckoned is told only
//! when its row in the log has been saved.

mod algorithm;
mod format;
mod key;
mod run;
mod usage;

use kernel::module::{FactType, JobKind, MenuEntry, Permission, Place, boxed};
use kernel::{Ctx, Door, Module, Route, Table};
use serde_json::{Value as Json, json};

#[derive(rust_embed::RustEmbed)]
#[folder = "."]
#[include = "templates/**/*.html"]
#[include = "migrations/*.sql"]
#[include = "locales/*.ftl"]
struct Files;

pub(crate) static KEY: Table = Table {
    name: "cipher_key",
    columns: &[
        "id",
        "alias",
        "organisation",
        "title",
        "purpose",
        "algorithm",
        "state",
        "newest",
        "least",
        "rotate_days",
        "bound",
        "destroy_at",
        "version",
        "created_at",
    ],
};
pub(crate) static VERSION: Table = Table {
    name: "cipher_key_version",
    columns: &["id", "key", "number", "public", "created_at", "wiped_at"],
};
pub(crate) static GRANT: Table = Table {
    name: "cipher_grant",
    columns: &[
        "id",
        "key",
        "holder",
        "operations",
        "per_minute",
        "per_day",
        "version",
    ],
};
/// Keys that sign digests.
pub(crate) static DIGEST: Table = Table {
    name: "cipher_digest",
    columns: &["key", "allowed_at"],
};
pub(crate) static SEAL: Table = Table {
    name: "cipher_seal",
    columns: &["hour", "begins_at", "uses", "digest"],
};

/// Scope of the access tokens by which systems call.
pub(crate) const SCOPE: &str = "cipher";
pub(crate) const READ: &str = "cipher.key.read";
pub(crate) const MANAGE: &str = "cipher.key.manage";
pub(crate) const USE: &str = "cipher.key.use";
pub(crate) const LOG: &str = "cipher.log.read";

const HOUR: i64 = 3_600_000;

/// The certified cryptographic module (PKCS #11) that does the work, by the name on its certificate. A service; as long as
/// nobody registers one, every page and the status say that there is none.
pub struct CertifiedModule(pub String);

/// The name of the certified module, if there is one.
pub(crate) fn certified(ctx: &Ctx) -> Option<String> {
    ctx.service::<CertifiedModule>().ok().map(|m| m.0.clone())
}

/// See the crate.
pub fn module() -> Module {
    let mut m = Module::new::<Files>("cipher");
    m.routes = pages();
    m.routes.extend(api());
    m.permissions = [
        (READ, "cipher-permission-read"),
        (MANAGE, "cipher-permission-manage"),
        (USE, "cipher-permission-use"),
        (LOG, "cipher-permission-log"),
    ]
    .map(|(name, title)| Permission { name, title })
    .to_vec();
    m.menu = vec![MenuEntry {
        href: "/work/keys",
        title: "cipher-menu",
        icon: "key-round",
        place: Place::Workbench,
        permission: Some(READ),
        order: 88,
    }];
    m.facts = [
        "cipher.key.created",
        "cipher.key.rotated",
        "cipher.key.changed",
        "cipher.key.digests",
        "cipher.key.disabled",
        "cipher.key.enabled",
        "cipher.key.destruction-scheduled",
        "cipher.key.destruction-cancelled",
        "cipher.key.destroyed",
        "cipher.grant.changed",
        "cipher.grant.removed",
        "cipher.uses.sealed",
    ]
    .map(|name| FactType {
        name,
        unconsumed: Some("audit and proof only"),
    })
    .to_vec();
    m.sealed = vec![kernel::module::Sealed::bytes(
        "cipher_key_version",
        &["key", "number"],
        "sealed",
        "cipher_key_version.sealed:{key}.{number}",
    )];
    m.tables = vec![&KEY, &VERSION, &GRANT, &DIGEST, &SEAL];
    m.jobs = vec![
        JobKind {
            name: "cipher.due",
            run: |ctx, _| boxed(async move { key::service::run_due(&ctx).await }),
            every: Some(HOUR),
        },
        JobKind {
            name: "cipher.seal",
            run: |ctx, _| boxed(async move { usage::service::seal(&ctx).await }),
            every: Some(HOUR),
        },
        JobKind {
            name: "cipher.sweep",
            run: |ctx, _| boxed(async move { usage::service::sweep(&ctx).await }),
            every: Some(24 * HOUR),
        },
    ];
    m.checks = vec![|ctx| Box::pin(usage::service::check(ctx))];
    m.samples = key::web::samples();
    m.samples.extend(usage::web::samples());
    m
}

fn pages() -> Vec<Route> {
    use axum::routing::{get, post};
    use key::web as keys;
    let manage = Door::Official(MANAGE);
    vec![
        Route::new("/work/keys", Door::Official(READ), get(keys::list)),
        Route::new("/work/keys/new", manage, get(keys::new).post(keys::create)),
        Route::new(
            "/work/keys/hash",
            Door::Official(USE),
            get(keys::hash).post(keys::hash_now),
        ),
        Route::new("/work/keys/uses", Door::Official(LOG), get(usage::web::page)),
        Route::new("/work/keys/uses.csv", Door::Official(LOG), get(usage::web::csv)),
        Route::new(
            "/work/keys/{organisation}/{name}",
            Door::Official(READ),
            get(keys::show),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/edit",
            manage,
            get(keys::edit).post(keys::change),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/rotation",
            manage,
            post(keys::rotate),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/disablement",
            manage,
            post(keys::disable),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/enablement",
            manage,
            post(keys::enable),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/destruction",
            manage,
            get(keys::destruction).post(keys::destroy),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/destruction/cancellation",
            manage,
            post(keys::cancel),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/policy",
            manage,
            get(keys::policy).post(keys::grant),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/policy/removal",
            manage,
            post(keys::ungrant),
        ),
        Route::new(
            "/work/keys/{organisation}/{name}/trial",
            Door::Official(USE),
            get(keys::trial).post(keys::attempt),
        ),
    ]
}

fn text() -> Json {
    json!({ "type": "string" })
}

fn encoded() -> Json {
    json!({ "type": "string", "contentEncoding": "base64" })
}

/// A schema of fields, of which the first are required.
fn object(required: &[&str], fields: &[(&str, Json)]) -> Json {
    let fields: serde_json::Map<String, Json> =
        fields.iter().map(|(n, s)| (n.to_string(), s.clone())).collect();
    json!({ "type": "object", "required": required, "properties": fields })
}

/// The schema of one item, or of a list of them.
fn or_list(item: Json, list: &str, most: usize) -> Json {
    let many = json!({ "type": "object", "required": [list],
        "properties": { list: { "type": "array", "minItems": 1, "maxItems": most, "items": item } } });
    json!({ "oneOf": [item, many] })
}

fn api() -> Vec<Route> {
    use axum::routing::{get, post};
    use run::model::{ACTIONS, Action, BATCH, BODY};
    use run::web;
    let context = (
        "context",
        json!({ "type": "string", "maxLength": 1024,
        "description": "bound to the ciphertext: opening it needs the same" }),
    );
    let version = || ("version", json!({ "type": "integer" }));
    let valid = || object(&[], &[("valid", json!({ "type": "boolean" })), version()]);
    let plain = || object(&[], &[("plaintext", encoded()), version()]);
    let described = |action: Action| -> (&'static str, &'static str, Json, Json) {
        let context = context.clone();
        match action {
            Action::Sign => (
                "/api/v1/crypto/keys/{organisation}/{name}/sign",
                "Signs messages with the newest version",
                object(&["message"], &[("message", encoded())]),
                object(&[], &[("signature", encoded()), ("algorithm", text()), version()]),
            ),
            Action::SignDigest => (
                "/api/v1/crypto/keys/{organisation}/{name}/sign-digest",
                "Signs digests that the caller made, where the key's policy allows it: SHA-256, or for SM2 SM3(Z ‖ M)",
                object(&["digest"], &[("digest", encoded())]),
                object(&[], &[("signature", encoded()), ("algorithm", text()), version()]),
            ),
            Action::Verify => (
                "/api/v1/crypto/keys/{organisation}/{name}/verify",
                "Verifies signatures by any version in use, or by the named one",
                object(
                    &["message", "signature"],
                    &[("message", encoded()), ("signature", encoded()), version()],
                ),
                valid(),
            ),
            Action::Encrypt => (
                "/api/v1/crypto/keys/{organisation}/{name}/encrypt",
                "Encrypts small texts with the newest version",
                object(&["plaintext"], &[("plaintext", encoded()), context]),
                object(&[], &[("ciphertext", text()), version()]),
            ),
            Action::Decrypt => (
                "/api/v1/crypto/keys/{organisation}/{name}/decrypt",
                "Decrypts with the version that the ciphertext names",
                object(&["ciphertext"], &[("ciphertext", text()), context]),
                plain(),
            ),
            Action::Reencrypt => (
                "/api/v1/crypto/keys/{organisation}/{name}/reencrypt",
                "Brings ciphertexts to the newest version without showing what is in them",
                object(&["ciphertext"], &[("ciphertext", text()), context]),
                object(&[], &[("ciphertext", text()), version()]),
            ),
            Action::Mac => (
                "/api/v1/crypto/keys/{organisation}/{name}/mac",
                "Makes message authentication codes with the newest version",
                object(&["message"], &[("message", encoded())]),
                object(&[], &[("mac", encoded()), ("algorithm", text()), version()]),
            ),
            Action::MacVerification => (
                "/api/v1/crypto/keys/{organisation}/{name}/mac-verification",
                "Verifies message authentication codes",
                object(
                    &["message", "mac"],
                    &[("message", encoded()), ("mac", encoded()), version()],
                ),
                valid(),
            ),
            Action::Envelope => (
                "/api/v1/crypto/keys/{organisation}/{name}/envelope",
                "Encrypts up to 10 MiB under a data key of its own, which is wrapped",
                object(&["plaintext"], &[("plaintext", encoded()), context]),
                object(&[], &[("envelope", text()), version()]),
            ),
            Action::EnvelopeOpening => (
                "/api/v1/crypto/keys/{organisation}/{name}/envelope-opening",
                "Opens an envelope",
                object(&["envelope"], &[("envelope", text()), context]),
                plain(),
            ),
            Action::Wrap => (
                "/api/v1/crypto/keys/{organisation}/{name}/wrap",
                "Encrypts a data key to the newest public half: SM2, C1C3C2 in DER",
                object(&["plaintext"], &[("plaintext", encoded())]),
                object(&[], &[("wrapped", encoded()), version()]),
            ),
            Action::Unwrap => (
                "/api/v1/crypto/keys/{organisation}/{name}/unwrap",
                "Opens a data key that anybody encrypted to a public half in use, or to the named version's",
                object(&["wrapped"], &[("wrapped", encoded()), version()]),
                plain(),
            ),
            Action::AsymmetricEnvelope => (
                "/api/v1/crypto/keys/{organisation}/{name}/asymmetric-envelope",
                "Encrypts up to 10 MiB under an SM4 key of its own, which is encrypted to the newest public half",
                object(&["plaintext"], &[("plaintext", encoded()), context]),
                object(&[], &[("envelope", text()), version()]),
            ),
            Action::AsymmetricEnvelopeOpening => (
                "/api/v1/crypto/keys/{organisation}/{name}/asymmetric-envelope-opening",
                "Opens an asymmetric envelope, whoever made it",
                object(&["envelope"], &[("envelope", text()), context]),
                plain(),
            ),
            Action::DataKey => (
                "/api/v1/crypto/keys/{organisation}/{name}/data-key",
                "Gives a new data key, plain and wrapped, for files that the caller encrypts itself",
                object(&[], &[context]),
                object(
                    &[],
                    &[
                        ("plaintext", encoded()),
                        ("wrapped", text()),
                        ("algorithm", text()),
                        version(),
                    ],
                ),
            ),
            Action::DataKeyOpening => (
                "/api/v1/crypto/keys/{organisation}/{name}/data-key-opening",
                "Unwraps a data key",
                object(&["wrapped"], &[("wrapped", text()), context]),
                plain(),
            ),
        }
    };
    let mut routes: Vec<Route> = ACTIONS
        .into_iter()
        .map(|action| {
            let (path, summary, request, response) = described(action);
            let single = action.batch() == 1;
            let (request, response) = match single {
                true => (request, response),
                false => (
                    or_list(request, "items", BATCH),
                    or_list(response, "results", BATCH),
                ),
            };
            Route::new(path, Door::Public, web::operation(action))
                .open()
                .body(BODY)
                .doc("POST", summary, request, response)
        })
        .collect();
    let array = json!({ "type": "array", "items": { "type": "object" } });
    routes.extend([
        Route::new("/api/v1/crypto/hash", Door::Public, post(web::hash))
            .open()
            .doc(
                "POST",
                "Hashes a message",
                object(
                    &["algorithm", "message"],
                    &[
                        (
                            "algorithm",
                            json!({ "enum": ["sm3", "sha256", "sha384", "sha512"] }),
                        ),
                        ("message", encoded()),
                    ],
                ),
                object(&[], &[("digest", encoded()), ("hex", text())]),
            ),
        Route::new("/api/v1/crypto/timestamp", Door::Public, post(web::timestamp))
            .open()
            .doc(
                "POST",
                "Time-stamps a digest (RFC 3161); a body of application/timestamp-query is answered in DER",
                object(
                    &["algorithm", "digest"],
                    &[
                        (
                            "algorithm",
                            json!({ "enum": ["sm3", "sha256", "sha384", "sha512"] }),
                        ),
                        ("digest", encoded()),
                    ],
                ),
                object(
                    &[],
                    &[("response", encoded()), ("at", json!({ "type": "integer" }))],
                ),
            ),
        Route::new("/api/v1/crypto/keys", Door::Public, get(web::keys))
            .open()
            .doc(
                "GET",
                "The keys that the caller may use, and for what",
                Json::Null,
                object(&[], &[("keys", array.clone())]),
            ),
        Route::new(
            "/api/v1/crypto/keys/{organisation}/{name}",
            Door::Public,
            get(web::key),
        )
        .open()
        .doc(
            "GET",
            "One key with the public half of every version (PEM and JWK)",
            Json::Null,
            object(&[], &[("key", text()), ("versions", array)]),
        ),
        Route::new("/api/v1/crypto/status", Door::Public, get(web::status)).doc(
            "GET",
            "Algorithms, bounds, and whether a certified cryptographic module is used",
            Json::Null,
            object(
                &[],
                &[
                    ("certified_module", json!({ "type": ["string", "null"] })),
                    ("notice", text()),
                ],
            ),
        ),
    ]);
    routes
}
