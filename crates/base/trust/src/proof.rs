//! Proofs over HTTP, for programs that will not read tiles: each names the trees it speaks of, so that a reader can compare
//! their roots with the signed heads that it holds.

use crate::log::{self, Proof};
use axum::extract::Query;
use axum::response::Response;
use axum::routing::get;
use kernel::http::reply;
use kernel::{Ctx, Door, Refusal, Result, Route};
use merkle::Hashing;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const HASH: (&str, &str) = ("hash", "which tree: sha256 (the usual one) or sm3");
const EPOCH: (&str, &str) = (
    "epoch",
    "number of an ended epoch of the log; the current one without it",
);

pub(crate) fn routes() -> Vec<Route> {
    let hex = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let common = |more: Json| {
        let mut properties = json!({
            "hash": { "enum": ["sha256", "sm3"] },
            "origin": { "type": "string", "description": "name of the log, as its heads carry it" },
            "hashes": { "type": "array", "items": hex(), "description": "RFC 6962, lowest sibling first" },
        });
        for (name, schema) in more.as_object().into_iter().flatten() {
            properties[name] = schema.clone();
        }
        json!({ "type": "object", "properties": properties })
    };
    let number = || json!({ "type": "integer", "minimum": 0 });
    vec![
        Route::new("/log/proof/inclusion", Door::Public, get(inclusion))
            .open()
            .doc(
                "GET",
                "Proof that an entry is in the log",
                Json::Null,
                common(json!({ "index": number(), "size": number(), "leaf": hex(), "root": hex() })),
            )
            .query("index", "place of the entry, from 0")
            .query(
                "size",
                "size of the tree that the proof leads to; that of now without it",
            )
            .query(HASH.0, HASH.1)
            .query(EPOCH.0, EPOCH.1),
        Route::new("/log/proof/consistency", Door::Public, get(consistency))
            .open()
            .doc(
                "GET",
                "Proof that the log has only grown",
                Json::Null,
                common(json!({ "from": number(), "to": number(), "root_from": hex(), "root_to": hex() })),
            )
            .query("from", "size of the earlier tree")
            .query("to", "size of the later tree; that of now without it")
            .query(HASH.0, HASH.1)
            .query(EPOCH.0, EPOCH.1),
    ]
}

type Words = BTreeMap<String, String>;

fn number<T: std::str::FromStr>(words: &Words, name: &'static str) -> Result<Option<T>> {
    let bad = || Refusal::new("trust-proof-number").status(400).arg("name", name);
    let text = words.get(name);
    // A sign or a space is no part of a natural number, whatever the parser would take.
    let digits = text.is_none_or(|t| t.bytes().all(|b| b.is_ascii_digit()));
    match text.map(|t| t.parse().map_err(|_| bad())).transpose()? {
        Some(_) if !digits => Err(bad().into()),
        number => Ok(number),
    }
}

fn needed(words: &Words, name: &'static str) -> Result<u64> {
    let missing = Refusal::new("trust-proof-number").status(400).arg("name", name);
    Ok(number(words, name)?.ok_or(missing)?)
}

fn hashing(words: &Words) -> Result<Hashing> {
    let name = words.get("hash").map_or("sha256", String::as_str);
    Ok(Hashing::named(name).ok_or_else(|| Refusal::new("trust-proof-hash").status(400))?)
}

fn json_of(hashing: Hashing, proof: &Proof, more: Json) -> Response {
    let mut body = json!({ "hash": hashing.name(), "origin": proof.origin });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body["hashes"] = proof.hashes.iter().map(hex::encode).collect();
    reply(body)
}

async fn inclusion(cx: Ctx, Query(words): Query<Words>) -> Result<Response> {
    let (hashing, index) = (hashing(&words)?, needed(&words, "index")?);
    let (epoch, size) = (number(&words, "epoch")?, number(&words, "size")?);
    let proof = log::inclusion(&cx, hashing, epoch, index, size).await?;
    let (size, root) = proof.trees.first().copied().unwrap_or_default();
    let leaf = proof.leaf.map(hex::encode);
    let more = json!({ "index": index, "size": size, "leaf": leaf, "root": hex::encode(root) });
    Ok(json_of(hashing, &proof, more))
}

async fn consistency(cx: Ctx, Query(words): Query<Words>) -> Result<Response> {
    let (hashing, from) = (hashing(&words)?, needed(&words, "from")?);
    let (epoch, to) = (number(&words, "epoch")?, number(&words, "to")?);
    let proof = log::consistency(&cx, hashing, epoch, from, to).await?;
    let roots: Vec<String> = proof.trees.iter().map(|(_, root)| hex::encode(root)).collect();
    let to = proof.trees.last().map(|(size, _)| *size);
    let more = json!({ "from": from, "to": to, "root_from": roots.first(), "root_to": roots.last() });
    Ok(json_of(hashing, &proof, more))
}
