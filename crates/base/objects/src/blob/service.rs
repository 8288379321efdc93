//! Putting, getting, sweeping.

use super::model::{MARK, key};
use super::store;
use crate::s3::{Bucket, Trouble};
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::ctx::App;
use kernel::{Ctx, Fault, Refusal, Result, Tx};
use std::sync::Arc;
use trust::crypto::{random, seal};
use zeroize::Zeroizing;

/// The store of this city, a service.
pub(crate) struct Store {
    bucket: Bucket,
    from: usize,
    /// Milliseconds.
    keep: i64,
}

impl Store {
    pub fn open(s: &Settings) -> Result<Store, Fault> {
        Ok(Store {
            bucket: Bucket::open(s)?,
            from: s.from_kb as usize * 1024,
            keep: i64::from(s.keep_days) * 24 * crate::HOUR,
        })
    }
}

fn store_of(ctx: &Ctx) -> Option<Arc<Store>> {
    ctx.service::<Store>().ok()
}

fn away(t: Trouble) -> kernel::Problem {
    tracing::warn!(why = %t, "object store");
    Refusal::new("objects-away").status(503).into()
}

/// A content as its column will hold it; durable in the store if it went there.
pub(crate) async fn put(ctx: &Ctx, place: &str, content: &[u8]) -> Result<Vec<u8>> {
    let store = store_of(ctx).filter(|s| content.len() >= s.from);
    let Some(at) = store else {
        return Ok(ctx.protect().seal(place, &STANDARD.encode(content))?);
    };
    let key = key(place);
    let mut secret = Zeroizing::new([0u8; 32]);
    random::system(&mut *secret);
    let body = seal::seal(&secret, place.as_bytes(), content, &mut random::system)
        .map_err(|e| Fault::of(format!("sealing {place}"), e))?;
    let size = body.len() as i64;
    ctx.tx("objects.begin", |tx| Ok(store::begin(tx, &key, size, ctx.now())?))
        .await?;
    at.bucket.put(&key, body).await.map_err(away)?;
    let text = Zeroizing::new(format!("{MARK}{}", hex::encode(*secret)));
    Ok(ctx.protect().seal(place, &text)?)
}

/// In the transaction that inserts the row: from here on the content stays.
pub(crate) fn keep(ctx: &Ctx, tx: &mut Tx<'_>, place: &str, column: &[u8]) -> Result<()> {
    let text = Zeroizing::new(ctx.protect().open(place, column)?);
    if text.starts_with(MARK) && !store::keep(tx, &key(place))? {
        return Err(Refusal::new("objects-away").status(503).into());
    }
    Ok(())
}

/// In the transaction that removes the row.
pub(crate) fn discard(ctx: &Ctx, tx: &mut Tx<'_>, place: &str) -> Result<(), Fault> {
    store::discard(tx, &key(place), ctx.now())
}

/// The content behind a column.
pub(crate) async fn get(ctx: &Ctx, place: &str, column: &[u8]) -> Result<Vec<u8>> {
    let text = Zeroizing::new(ctx.protect().open(place, column)?);
    let Some(secret) = text.strip_prefix(MARK) else {
        return Ok(STANDARD
            .decode(&*text)
            .map_err(|e| Fault::of(place.to_string(), e))?);
    };
    let mut key_bytes = Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(secret, &mut *key_bytes).map_err(|e| Fault::of(place.to_string(), e))?;
    let at = store_of(ctx).ok_or_else(|| {
        Fault::new(format!(
            "{place} lies in the object store, and none is configured: see [objects] in yiwang.toml"
        ))
    })?;
    let body = at.bucket.get(&key(place)).await.map_err(away)?;
    let body = body.ok_or_else(|| Fault::new(format!("the object store has lost {}", key(place))))?;
    Ok(seal::open(&key_bytes, place.as_bytes(), &body).map_err(|e| {
        Fault::of(
            format!("the object store gave something else for {}", key(place)),
            e,
        )
    })?)
}

/// Removes what no row names: uploads whose transaction never came, and contents whose row is gone long enough.
pub(crate) async fn sweep(ctx: &Ctx) -> Result<()> {
    let Some(at) = store_of(ctx) else { return Ok(()) };
    loop {
        let keys = ctx
            .tx("objects.claim", |tx| {
                Ok(store::claim(tx, ctx.now(), at.keep, 200)?)
            })
            .await?;
        if keys.is_empty() {
            return Ok(());
        }
        for key in &keys {
            at.bucket
                .delete(key)
                .await
                .map_err(|t| Fault::new(format!("object store: {t}")))?;
            ctx.tx("objects.forget", |tx| Ok(store::forget(tx, key)?)).await?;
        }
    }
}

/// Names what rows name and the store does not have.
pub(crate) async fn check(ctx: &Ctx) -> Result<Vec<String>> {
    let Some(at) = store_of(ctx) else {
        let kept = ctx.read("objects.kept", |tx| Ok(store::kept(tx, "", 1)?)).await?;
        let none = "contents lie in an object store, and none is configured: see [objects] in yiwang.toml";
        return Ok(kept.first().map(|_| none.to_string()).into_iter().collect());
    };
    let (mut findings, mut after) = (Vec::new(), String::new());
    loop {
        let page = ctx
            .read("objects.kept", |tx| Ok(store::kept(tx, &after, 500)?))
            .await?;
        let Some((last, _)) = page.last() else {
            return Ok(findings);
        };
        after.clone_from(last);
        for (key, size) in page {
            match at.bucket.size(&key).await {
                Ok(Some(n)) if n == size => {}
                Ok(Some(n)) => findings.push(format!("object {key}: {n} bytes, was stored with {size}")),
                Ok(None) => findings.push(format!("object {key}: the store does not have it")),
                Err(t) => {
                    findings.push(format!("object store: {t}; not checked from {key} on"));
                    return Ok(findings);
                }
            }
        }
    }
}

/// What the last request ended with, in one word for `/readyz`.
pub(crate) fn trouble(app: &App) -> Option<&'static str> {
    let store = app.services.get::<Store>().ok()?;
    store.bucket.failing().then_some("object-store")
}

const USAGE: &str = "usage: yiwang objects status | check | sweep";

/// `yiwang objects …`.
pub(crate) async fn command(ctx: Ctx, words: Vec<String>) -> Result<()> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["status"] => {
            for s in ctx.read("objects.sums", |tx| Ok(store::sums(tx)?)).await? {
                println!("{}\t{}\t{} bytes", s.state, s.count, s.bytes);
            }
        }
        ["check"] => {
            let findings = check(&ctx).await?;
            findings.iter().for_each(|f| println!("{f}"));
            if !findings.is_empty() {
                return Err(Fault::new(format!("{} findings", findings.len())).into());
            }
            println!("every content that a row names is in the store");
        }
        ["sweep"] => sweep(&ctx).await?,
        _ => return Err(Fault::new(USAGE).into()),
    }
    Ok(())
}
