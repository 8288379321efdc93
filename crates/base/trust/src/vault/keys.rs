//! Signing keys, each with a name (alias), sealed in the database.

use super::store::{self, NewKey};
use crate::crypto::{self, Kind, PrivateKey};
use kernel::{Ctx, Fact, Fault, Result, Table, Tx};
use serde_json::json;
use zeroize::Zeroizing;

/// Rows that facts cover. The sealed half is covered by its own authentication.
pub(crate) static KEY: Table = Table {
    name: "trust_key",
    columns: &["alias", "kind", "public", "version", "created_at", "retired_at"],
};

pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Sm2 => "sm2",
        Kind::P256 => "p256",
        Kind::Ed25519 => "ed25519",
    }
}

fn place(alias: &str) -> String {
    format!("trust_key.sealed:{alias}")
}

/// The key with this alias; `None` when there is none yet.
pub(crate) fn key(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str, kind: Kind) -> Result<Option<PrivateKey>> {
    let Some(sealed) = store::sealed(tx, alias, kind_name(kind))? else {
        return Ok(None);
    };
    let text = Zeroizing::new(ctx.protect().open(&place(alias), &sealed)?);
    let bytes = Zeroizing::new(hex::decode(&*text).map_err(|e| Fault::of("key bytes", e))?);
    let wrong = |e: crypto::Error| Fault::of(format!("key {alias}"), e);
    Ok(Some(PrivateKey::from_bytes(kind, &bytes).map_err(wrong)?))
}

/// A fresh key and what is stored of it.
fn generate<'a>(ctx: &Ctx, alias: &'a str, kind: Kind) -> Result<(PrivateKey, NewKey<'a>)> {
    let mut chance = |buffer: &mut [u8]| (ctx.app.chance)(buffer);
    let made = PrivateKey::generate(kind, &mut chance);
    let text = Zeroizing::new(hex::encode(*made.to_bytes()));
    let new = NewKey {
        alias,
        kind: kind_name(kind),
        sealed: ctx.protect().seal(&place(alias), &text)?,
        public: made.public().spki_pem(),
    };
    Ok((made, new))
}

/// The key with this alias, made now when there is none.
pub(crate) fn key_or_make(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str, kind: Kind) -> Result<PrivateKey> {
    if let Some(found) = key(ctx, tx, alias, kind)? {
        return Ok(found);
    }
    let (made, new) = generate(ctx, alias, kind)?;
    store::insert(tx, new, ctx.now())?;
    let fact = Fact::new("trust.key.made", alias).touch(&KEY, alias);
    ctx.emit(tx, fact.payload(json!({ "kind": kind_name(kind) })))?;
    Ok(made)
}

/// Puts a new key in the place of one that others may know; its certificate goes with it.
pub(crate) fn replace(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str, kind: Kind) -> Result<PrivateKey> {
    let (made, new) = generate(ctx, alias, kind)?;
    store::replace(tx, new)?;
    let fact = Fact::new("trust.key.replaced", alias).touch(&KEY, alias);
    ctx.emit(tx, fact.payload(json!({ "kind": kind_name(kind) })))?;
    Ok(made)
}

/// Destroys a secret for good: the store cannot open an empty one, and makes no second key of a name. False when there is none,
/// or it was destroyed before.
pub(crate) fn retire(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str) -> Result<bool> {
    if !store::retire(tx, alias, ctx.now())? {
        return Ok(false);
    }
    ctx.emit(tx, Fact::new("trust.key.retired", alias).touch(&KEY, alias))?;
    Ok(true)
}

/// The public half of a key as PEM, which OpenSSL reads.
pub fn public_pem(tx: &mut Tx<'_>, alias: &str) -> Result<Option<String>, Fault> {
    store::public(tx, alias)
}
