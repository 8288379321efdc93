//! The addresses of the service: its pages and its API, with the shapes of what is asked and answered.

use crate::{LOG, MANAGE, READ, USE, key, run, usage};
use kernel::{Door, Route};
use serde_json::{Value as Json, json};

pub(crate) fn pages() -> Vec<Route> {
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

pub(crate) fn api() -> Vec<Route> {
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
