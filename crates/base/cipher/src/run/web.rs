//! The API: JSON in, JSON out; the caller is a registered system or an account by its token.

use super::model::{self, Action, Made};
use super::service::{self, Answer};
use crate::algorithm::{ALGORITHMS, PURPOSES, Purpose};
use crate::key::model::{Granted, Key, OFFICE};
use crate::key::store;
use crate::usage::service as usage;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as B64, URL_SAFE_NO_PAD as URL};
use kernel::http::reply;
use kernel::{App, Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use trust::crypto::{Hash, PublicKey, tsp};

async fn caller(cx: &Ctx, headers: &HeaderMap) -> Result<Ctx> {
    let given = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok());
    openid::api::caller(cx, given, crate::SCOPE).await
}

/// The body, read only when the caller is known: whoever is not shall not make us keep sixteen megabytes.
async fn whole(request: Request) -> Result<Bytes, Refusal> {
    let read = Bytes::from_request(request, &()).await;
    read.map_err(|e| match e.status().as_u16() {
        413 => Refusal::new("cipher-too-large").status(413).arg("n", model::BODY),
        _ => Refusal::new("cipher-json"),
    })
}

/// The handler of one action.
pub(crate) fn operation(action: Action) -> MethodRouter<Arc<App>> {
    post(move |cx: Ctx, path: Path<(String, String)>, request: Request| act(cx, path, request, action))
}

async fn act(
    cx: Ctx,
    Path((organisation, name)): Path<(String, String)>,
    request: Request,
    action: Action,
) -> Result<Response> {
    let cx = caller(&cx, request.headers()).await?;
    let asked = whole(request).await.and_then(|b| model::read(action, &b));
    let answer = service::run(&cx, &format!("{organisation}/{name}"), action, asked).await?;
    Ok(reply(told(&cx, &answer)))
}

/// An answer as the API tells it.
pub(crate) fn told(cx: &Ctx, a: &Answer) -> Json {
    let one = |m: &Result<Made, Refusal>| match m {
        Ok(made) => made.json(a.key.algorithm),
        Err(r) => json!({ "error": {
            "type": format!("{}/problems/{}", cx.app.config.url, r.key), "title": cx.says(r), "status": r.status } }),
    };
    match a.batch {
        true => json!({ "key": a.key.alias, "results": a.made.iter().map(one).collect::<Vec<_>>() }),
        false => {
            let mut out = a.made.first().map(one).unwrap_or_default();
            out["key"] = json!(a.key.alias);
            out
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hashing {
    algorithm: String,
    message: Option<String>,
}

/// Names of the hash algorithms.
pub(crate) const HASHES: [&str; 4] = ["sm3", "sha256", "sha384", "sha512"];

pub(crate) fn hash_of(name: &str) -> Option<Hash> {
    match name {
        "sm3" => Some(Hash::Sm3),
        "sha256" => Some(Hash::Sha256),
        "sha384" => Some(Hash::Sha384),
        "sha512" => Some(Hash::Sha512),
        _ => None,
    }
}

pub(crate) async fn hash(cx: Ctx, request: Request) -> Result<Response> {
    let cx = caller(&cx, request.headers()).await?;
    let body = whole(request).await;
    let read = || -> Result<(Hash, zeroize::Zeroizing<Vec<u8>>), Refusal> {
        let asked: Hashing = serde_json::from_slice(&body?).map_err(|_| Refusal::new("cipher-json"))?;
        let hash = hash_of(&asked.algorithm).ok_or_else(|| Refusal::new("cipher-hash-unknown"))?;
        Ok((hash, model::text("message", asked.message, model::DIRECT)?))
    };
    let mut used = usage::begin(&cx, "", "hash");
    used.items = 1;
    match read() {
        Ok((hash, message)) => {
            used.size = message.len() as i64;
            let digest = hash.digest(&message);
            usage::done(&cx, used).await?;
            Ok(reply(
                json!({ "digest": B64.encode(&digest), "hex": hex::encode(&digest) }),
            ))
        }
        Err(refusal) => {
            let problem = Problem::from(refusal);
            usage::refused(&cx, used, &problem).await?;
            Err(problem)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamping {
    algorithm: String,
    digest: Option<String>,
}

/// A request in DER (RFC 3161, 3.4) is answered in DER, one in JSON with the token in base64.
pub(crate) async fn timestamp(cx: Ctx, request: Request) -> Result<Response> {
    let cx = caller(&cx, request.headers()).await?;
    let mut used = usage::begin(&cx, "", "timestamp");
    used.items = 1;
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|h| h.to_str().ok());
    let der = kind.is_some_and(|k| k.starts_with("application/timestamp-query"));
    let made = stamped(&cx, request, der, &mut used).await;
    match made {
        Ok(answer) => {
            usage::done(&cx, used).await?;
            Ok(match der {
                true => ([(header::CONTENT_TYPE, "application/timestamp-reply")], answer).into_response(),
                false => reply(json!({ "response": B64.encode(answer), "at": cx.now() })),
            })
        }
        Err(problem) => {
            usage::refused(&cx, used, &problem).await?;
            Err(problem)
        }
    }
}

async fn stamped(
    cx: &Ctx,
    request: Request,
    der: bool,
    used: &mut crate::usage::store::Use,
) -> Result<Vec<u8>> {
    cx.read("cipher.may-stamp", |tx| service::may_stamp(cx, tx))
        .await?;
    let body = whole(request).await?;
    used.size = body.len() as i64;
    if der {
        return trust::api::timestamp_reply(cx, &body).await;
    }
    let asked: Stamping = serde_json::from_slice(&body).map_err(|_| Refusal::new("cipher-json"))?;
    let hash = hash_of(&asked.algorithm).ok_or_else(|| Refusal::new("cipher-hash-unknown"))?;
    let digest = model::text("digest", asked.digest, 64)?;
    if digest.len() != hash.size() {
        return Err(Refusal::new("cipher-digest-size").arg("n", hash.size()).into());
    }
    used.digest = hex::encode(&*digest);
    trust::api::timestamp_reply(cx, &tsp::request(hash, &digest, None, true)).await
}

/// What everybody may know of the service.
pub(crate) async fn status(cx: Ctx) -> Result<Response> {
    let module = crate::certified(&cx);
    let purposes: Vec<Json> = PURPOSES
        .iter()
        .map(|p| {
            let names: Vec<&str> = p.algorithms().iter().map(|a| a.name()).collect();
            json!({ "purpose": p.name(), "algorithms": names })
        })
        .collect();
    let notice = match &module {
        Some(name) => cx.t("cipher-certified", &[("module", name)]),
        None => cx.t("cipher-uncertified", &[]),
    };
    Ok(reply(
        json!({ "certified_module": module, "notice": notice, "purposes": purposes,
        "algorithms": ALGORITHMS.map(|a| a.name()), "hashes": HASHES,
        "limits": { "data_key_bytes": model::KEY, "direct_bytes": model::DIRECT, "envelope_bytes": model::ENVELOPE, "batch_items": model::BATCH } }),
    ))
}

/// The keys that the caller may use.
pub(crate) async fn keys(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    let cx = caller(&cx, &headers).await?;
    let client = cx.actor.id.starts_with("client:");
    let holder = if client { cx.actor.id.as_str() } else { OFFICE };
    let all = cx
        .read("cipher.own-keys", |tx| Ok(store::of_holder(tx, holder)?))
        .await?;
    let mine = all
        .iter()
        .filter(|(_, k)| client || cx.may(crate::USE, &k.resource()).is_ok());
    let keys: Vec<Json> = mine.map(|(g, k)| brief(k, g)).collect();
    Ok(reply(json!({ "keys": keys })))
}

fn brief(k: &Key, g: &Granted) -> Json {
    let operations: Vec<&str> = g.operations.iter().map(|o| o.name()).collect();
    json!({ "key": k.alias, "title": k.title, "purpose": k.purpose.name(), "algorithm": k.algorithm.name(), "state": k.state.name(),
        "version": k.newest, "least_version": k.least, "context_required": k.bound, "signs_digests": k.digests, "operations": operations })
}

/// One key that the caller may use, with the public half of every version.
pub(crate) async fn key(
    cx: Ctx,
    headers: HeaderMap,
    Path((organisation, name)): Path<(String, String)>,
) -> Result<Response> {
    let cx = caller(&cx, &headers).await?;
    let alias = format!("{organisation}/{name}");
    let (key, grant, versions) = cx
        .read("cipher.key", |tx| {
            let refused = || Refusal::new("cipher-not-granted").status(403);
            let key = store::by_alias(tx, &alias)?.ok_or_else(refused)?;
            let holder = service::holder(&cx, &key)?;
            let grant = store::grant(tx, &key.id, &holder)?.ok_or_else(refused)?;
            let versions = store::versions(tx, &key.id, 1)?;
            Ok((key, grant, versions))
        })
        .await?;
    let mut out = brief(&key, &grant);
    let versions: Vec<Json> = versions
        .iter()
        .map(|v| {
            let kid = store::version_id(&key.id, v.number);
            let pem = (!v.public.is_empty()).then_some(&v.public);
            json!({ "version": v.number, "created_at": v.created_at, "retired": v.number < key.least,
                "public_key": pem, "jwk": jwk(&v.public, &kid, key.purpose) })
        })
        .collect();
    out["versions"] = json!(versions);
    Ok(reply(out))
}

/// RFC 7517, RFC 7518 and RFC 8037; of SM2 the curve has no registered name, `SM2` is what drafts use.
pub(crate) fn jwk(pem: &str, kid: &str, purpose: Purpose) -> Json {
    use trust::crypto::Kind;
    let Ok(key) = PublicKey::from_spki_pem(pem) else {
        return Json::Null;
    };
    let bytes = key.as_bytes();
    let (serves, sm2) = match purpose {
        Purpose::Asymmetric => ("enc", "SM2-C1C3C2"),
        _ => ("sig", "SM2"),
    };
    let point = |crv: &str, alg: &str| {
        json!({ "kty": "EC", "crv": crv, "alg": alg, "use": serves, "kid": kid,
            "x": URL.encode(&bytes[1..33]), "y": URL.encode(&bytes[33..]) })
    };
    match key.kind() {
        Kind::P256 => point("P-256", "ES256"),
        Kind::Sm2 => point("SM2", sm2),
        Kind::Ed25519 => {
            json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": URL.encode(bytes) })
        }
    }
}
