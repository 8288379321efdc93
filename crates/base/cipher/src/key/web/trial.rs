//! Trying a key, and hashing.

use super::{Alias, alias_of, page, seen, shown, word};
use crate::key::model::Key;
use crate::run::model::{ACTIONS, Action, read};
use crate::run::service as run;
use crate::run::web as api;
use crate::usage::service as log;
use axum::Form;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as B64;
use kernel::http::status;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What somebody tries on a key.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tried {
    action: String,
    /// Plain text to sign, encrypt or authenticate; a ciphertext, envelope or wrapped key to open.
    text: String,
    /// Signature or MAC in base64.
    proof: String,
    context: String,
}

/// Actions of a purpose that a page can try.
fn trials(key: &Key) -> Vec<Action> {
    ACTIONS
        .into_iter()
        .filter(|a| a.purpose() == key.purpose && (*a != Action::SignDigest || key.digests))
        .collect()
}

/// A digest as people have it, in hex, or in base64 as the API takes it.
fn digest(text: &str) -> String {
    hex::decode(text).map_or_else(|_| text.to_string(), |bytes| B64.encode(bytes))
}

fn body(action: Action, t: &Tried) -> Json {
    let (plain, text, proof) = (B64.encode(t.text.trim_end()), t.text.trim(), t.proof.trim());
    match action {
        Action::Sign | Action::Mac => json!({ "message": plain }),
        Action::Verify => json!({ "message": plain, "signature": proof }),
        Action::MacVerification => json!({ "message": plain, "mac": proof }),
        Action::Encrypt | Action::Envelope => json!({ "plaintext": plain, "context": t.context }),
        Action::Decrypt | Action::Reencrypt => json!({ "ciphertext": text, "context": t.context }),
        Action::EnvelopeOpening => json!({ "envelope": text, "context": t.context }),
        Action::DataKey => json!({ "context": t.context }),
        Action::DataKeyOpening => json!({ "wrapped": text, "context": t.context }),
        Action::SignDigest => json!({ "digest": digest(text) }),
        Action::Wrap => json!({ "plaintext": plain }),
        Action::Unwrap => json!({ "wrapped": text }),
        Action::AsymmetricEnvelope => json!({ "plaintext": plain, "context": t.context }),
        Action::AsymmetricEnvelopeOpening => json!({ "envelope": text, "context": t.context }),
    }
}

fn trial_page(
    cx: &Ctx,
    key: &Key,
    t: &Tried,
    code: StatusCode,
    result: Json,
    error: Option<String>,
) -> Result<Response> {
    let actions: Vec<Json> = trials(key)
        .iter()
        .map(|a| json!({ "id": a.name(), "label": word(cx, "action", a.name()) }))
        .collect();
    let data = json!({ "key": shown(cx, key), "actions": actions, "result": result, "error": error,
        "proves": matches!(key.purpose.name(), "sign" | "mac"),
        "tried": { "action": t.action, "text": t.text, "proof": t.proof, "context": t.context } });
    page(cx, code, "cipher/key/trial.html", data)
}

async fn to_try(cx: &Ctx, alias: &str) -> Result<Key> {
    cx.read("cipher.trial", |tx| {
        let key = seen(cx, tx, alias)?;
        cx.may(crate::USE, &key.resource())?;
        Ok(key)
    })
    .await
}

pub(crate) async fn trial(cx: Ctx, path: Alias) -> Result<Response> {
    let key = to_try(&cx, &alias_of(path)).await?;
    trial_page(&cx, &key, &Tried::default(), StatusCode::OK, Json::Null, None)
}

pub(crate) async fn attempt(cx: Ctx, path: Alias, Form(t): Form<Tried>) -> Result<Response> {
    let key = to_try(&cx, &alias_of(path)).await?;
    let action = trials(&key).into_iter().find(|a| a.name() == t.action);
    let action = action.ok_or_else(Refusal::not_found)?;
    let asked = read(action, body(action, &t).to_string().as_bytes());
    match run::run(&cx, &key.alias, action, asked).await {
        Ok(answer) => {
            let mut told = api::told(&cx, &answer);
            // What was text is shown as text.
            let plain = told["plaintext"].as_str().and_then(|p| B64.decode(p).ok());
            if let Some(text) = plain.and_then(|p| String::from_utf8(p).ok()) {
                told["text"] = json!(text);
            }
            let lines: Vec<Json> = told
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(n, _)| *n != "key")
                .map(|(n, v)| {
                    let value = v.as_str().map_or_else(|| v.to_string(), String::from);
                    json!({ "name": word(&cx, "field", n), "value": value })
                })
                .collect();
            trial_page(&cx, &key, &t, StatusCode::OK, json!(lines), None)
        }
        Err(Problem::Refusal(r)) => {
            let said = cx.explains(&r);
            trial_page(&cx, &key, &t, status(&r), Json::Null, Some(said))
        }
        Err(e) => Err(e),
    }
}

/// A text to hash, as the page sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hashed {
    algorithm: String,
    text: String,
}

fn hash_page(cx: &Ctx, h: &Hashed, digest: Option<String>) -> Result<Response> {
    let data =
        json!({ "algorithms": api::HASHES, "algorithm": h.algorithm, "text": h.text, "digest": digest });
    page(cx, StatusCode::OK, "cipher/key/hash.html", data)
}

pub(crate) async fn hash(cx: Ctx) -> Result<Response> {
    hash_page(&cx, &Hashed::default(), None)
}

pub(crate) async fn hash_now(cx: Ctx, Form(h): Form<Hashed>) -> Result<Response> {
    let algorithm = api::hash_of(&h.algorithm).ok_or_else(|| Refusal::new("cipher-hash-unknown"))?;
    let text = h.text.trim_end();
    let mut used = log::begin(&cx, "", "hash");
    (used.items, used.size) = (1, text.len() as i64);
    log::done(&cx, used).await?;
    hash_page(&cx, &h, Some(hex::encode(algorithm.digest(text.as_bytes()))))
}
