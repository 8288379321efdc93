//! Tokens of systems that act for themselves. Nobody's sign-in stands behind one, so it carries what it says under a MAC of
//! this city and lies in no table: it outlives a crash without having been written, and only its revocation is stored.

use super::model::{ACCESS, Kind, Token};
use crate::provider::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use kernel::Ctx;
use serde::{Deserialize, Serialize};

const PREFIX: &str = "yc1";
/// Keeps this MAC apart from every other use of the key.
const PURPOSE: &str = "openid.own-token";

#[derive(Serialize, Deserialize)]
struct Said<'a> {
    /// Client.
    c: &'a str,
    /// Scopes, space-separated.
    s: &'a str,
    /// Issued and expires, in milliseconds.
    i: i64,
    e: i64,
    /// Makes each token another.
    n: &'a str,
}

/// A new token for this client.
pub(crate) fn issue(ctx: &Ctx, client: &str, scopes: &[String]) -> String {
    let (now, nonce, scopes) = (ctx.now(), hex::encode(ctx.random::<16>()), scopes.join(" "));
    let said = Said {
        c: client,
        s: &scopes,
        i: now,
        e: now + ACCESS,
        n: &nonce,
    };
    let body = B64.encode(serde_json::to_vec(&said).unwrap_or_default());
    let mac = ctx.protect().mac(PURPOSE, &body);
    format!("{PREFIX}.{body}.{mac}")
}

/// What a token of this kind says; `None` for any other text, and for one that this city did not make.
pub(crate) fn read(ctx: &Ctx, text: &str) -> Option<Token> {
    let mut parts = text.split('.');
    let (prefix, body, mac) = (parts.next()?, parts.next()?, parts.next()?);
    if prefix != PREFIX || parts.next().is_some() || text.len() > 2_000 {
        return None;
    }
    let right = ctx.protect().mac(PURPOSE, body);
    let differ = right.len() != mac.len()
        || right
            .bytes()
            .zip(mac.bytes())
            .fold(0, |sum, (a, b)| sum | (a ^ b))
            != 0;
    if differ {
        return None;
    }
    let body = B64.decode(body).ok()?;
    let said: Said<'_> = serde_json::from_slice(&body).ok()?;
    Some(Token {
        digest: digest(text),
        kind: Kind::Access,
        client: said.c.to_string(),
        grant: None,
        scopes: super::model::words(said.s),
        issued_at: said.i,
        expires_at: said.e,
        used: false,
    })
}
