//! The public face of the proof log.

use crate::log;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result};
use merkle::Hashing;
use serde_json::json;

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

pub(crate) async fn page(cx: Ctx) -> Result<Response> {
    let mut trees = Vec::new();
    for hashing in Hashing::ALL {
        let note = log::checkpoint(&cx, hashing, None).await?;
        let key = log::verifier(&cx, hashing, None).await?;
        let head = merkle::Checkpoint::parse(&note).map_err(|e| kernel::Fault::new(e.to_string()))?;
        trees.push(
            json!({ "hash": hashing.name(), "size": head.size, "root": hex::encode(head.root), "note": note,
                    "key": key, "origin": head.origin }),
        );
    }
    let (have, want) = cx.read("trust.progress", |tx| Ok(log::progress(tx)?)).await?;
    let building = (have < want).then(|| json!({ "have": have, "want": want }));
    cx.page(
        "trust/log/page.html",
        json!({ "trees": trees, "building": building }),
    )
}

pub(crate) async fn checkpoint(cx: Ctx) -> Result<Response> {
    Ok(plain(log::checkpoint(&cx, Hashing::Sha256, None).await?))
}

pub(crate) async fn key(cx: Ctx) -> Result<Response> {
    Ok(plain(log::verifier(&cx, Hashing::Sha256, None).await? + "\n"))
}

/// The root certificate by which sealed files are trusted: `p256` (PAdES) or `sm2`.
pub(crate) async fn root(cx: Ctx, Path(kind): Path<String>) -> Result<Response> {
    let kind = match kind.as_str() {
        "p256.pem" => crate::crypto::Kind::P256,
        "sm2.pem" => crate::crypto::Kind::Sm2,
        _ => return Err(Refusal::not_found().into()),
    };
    let (_, pem) = crate::api::root_certificate(&cx, kind).await?;
    Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

/// `tile/<level>/<x001/…/NNN>[.p/<width>]`, level a number or `entries` (C2SP tlog-tiles).
pub(crate) async fn tile(cx: Ctx, Path(path): Path<String>) -> Result<Response> {
    tile_of(cx, Hashing::Sha256, None, path).await
}

/// The log of an ended epoch: `checkpoint`, `key`, `tile/…`, as the current one is served, and its `opening`.
pub(crate) async fn ended(cx: Ctx, Path((epoch, path)): Path<(i64, String)>) -> Result<Response> {
    of_epoch(cx, Hashing::Sha256, Some(epoch), &path).await
}

/// The tree hashed with SM3, below `/log/sm3/` as the other below `/log/`.
pub(crate) async fn sm3(cx: Ctx, Path(path): Path<String>) -> Result<Response> {
    if let Some(rest) = path.strip_prefix("epoch/") {
        let (epoch, path) = rest.split_once('/').ok_or_else(Refusal::not_found)?;
        let epoch = epoch.parse().map_err(|_| Refusal::not_found())?;
        return of_epoch(cx, Hashing::Sm3, Some(epoch), path).await;
    }
    of_epoch(cx, Hashing::Sm3, None, &path).await
}

async fn of_epoch(cx: Ctx, hashing: Hashing, epoch: Option<i64>, path: &str) -> Result<Response> {
    match (path, epoch) {
        ("checkpoint", _) => Ok(plain(log::checkpoint(&cx, hashing, epoch).await?)),
        ("key", _) => Ok(plain(log::verifier(&cx, hashing, epoch).await? + "\n")),
        ("opening", Some(epoch)) => Ok(kernel::http::reply(log::opening(&cx, hashing, epoch).await?)),
        (other, _) => match other.strip_prefix("tile/") {
            Some(rest) => tile_of(cx, hashing, epoch, rest.into()).await,
            None => Err(Refusal::not_found().into()),
        },
    }
}

async fn tile_of(cx: Ctx, hashing: Hashing, epoch: Option<i64>, path: String) -> Result<Response> {
    let (level, index, width) = parse_tile(&path).ok_or_else(Refusal::not_found)?;
    // Hashes are public; entries name actors and subjects, so they are for those who may read the log.
    if level.is_none() && !cx.holds("trust.log.read") {
        return Err(Refusal::forbidden().into());
    }
    let bytes = log::tile(&cx, hashing, epoch, level, index, width).await?;
    let age = if width == 256 {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    Ok((
        [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::CACHE_CONTROL, age),
        ],
        bytes,
    )
        .into_response())
}

pub(crate) fn parse_tile(path: &str) -> Option<(Option<u8>, u64, u16)> {
    let (level, rest) = path.split_once('/')?;
    let level = if level == "entries" {
        None
    } else {
        Some(level.parse::<u8>().ok().filter(|l| *l < 8)?)
    };
    let (rest, width) = match rest.split_once(".p/") {
        Some((rest, width)) => (rest, width.parse().ok().filter(|w| (1..256).contains(w))?),
        None => (rest, 256),
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let mut index = 0u64;
    for (n, part) in parts.iter().enumerate() {
        let digits = if n + 1 < parts.len() {
            part.strip_prefix('x')?
        } else {
            part
        };
        if digits.len() != 3 {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some((level, index, width))
}

pub(crate) fn samples() -> Vec<Sample> {
    let tree = |hash: &str, key: &str| json!({ "hash": hash, "size": 3, "root": "00", "note": "a\n3\nAA==\n\n— a AA==\n", "key": key, "origin": "a" });
    let trees = json!([tree("sha256", "a+1+B"), tree("sm3", "a+1+B\na+2+C")]);
    vec![
        Sample {
            template: "trust/log/page.html",
            name: "three leaves",
            data: json!({ "trees": trees, "building": null }),
        },
        Sample {
            template: "trust/log/page.html",
            name: "the second tree is being built",
            data: json!({ "trees": trees, "building": { "have": 500, "want": 20_000 } }),
        },
    ]
}
