//! The verbs of signing keys.

use super::store::{self, Stored};
use ed25519_dalek::Signer as _;
use kernel::kept::Kept;
use kernel::{Ctx, Fact, Fault, Result, Tx};
use oidc::jose::Signer;
use oidc::jwk::{Alg, Jwk, Jwks};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use trust::crypto::{Kind, PrivateKey};

const DAY: i64 = 86_400_000;
/// A key signs for so long before the next takes over.
const SIGNS: i64 = 90 * DAY;
/// The next key is published so long before it signs, that everybody who keeps our keys has fetched it.
const AHEAD: i64 = DAY;
/// A key stays published so long after the next took over; an ID token lives much shorter.
const AFTER: i64 = 30 * DAY;
/// How long a node keeps the keys in memory.
const KEPT: Duration = Duration::from_secs(60);
/// Both algorithms, the usual one first.
const ALGS: [Alg; 2] = [Alg::Es256, Alg::EdDsa];

/// One signing key.
pub struct Key {
    jwk: Jwk,
    private: PrivateKey,
    signs_from: i64,
    retired: bool,
}

impl Signer for Key {
    fn kid(&self) -> &str {
        self.jwk.kid()
    }
    fn alg(&self) -> Alg {
        self.jwk.alg()
    }
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.private {
            PrivateKey::P256(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::signature::Signer::sign(key, message);
                signature.to_bytes().to_vec()
            }
            PrivateKey::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            PrivateKey::Sm2(_) => Vec::new(),
        }
    }
}

/// All keys, the newest first.
pub struct Keys(Vec<Key>);

impl Keys {
    /// The key that signs with this algorithm now.
    pub(crate) fn signer(&self, alg: Alg, now: i64) -> Result<&Key, Fault> {
        let signs = |k: &&Key| k.jwk.alg() == alg && k.signs_from <= now && !k.retired;
        self.0
            .iter()
            .find(signs)
            .ok_or_else(|| Fault::new("no signing key"))
    }
    /// The published keys.
    pub(crate) fn published(&self) -> Jwks {
        Jwks::new(self.0.iter().filter(|k| !k.retired).map(|k| k.jwk.clone()))
    }
    /// All that ever signed, for tokens that come back after a long time.
    pub(crate) fn ever(&self) -> Jwks {
        Jwks::new(self.0.iter().map(|k| k.jwk.clone()))
    }
}

/// The keys as this node keeps them.
pub struct Cache(Kept<Arc<Keys>>);

impl Default for Cache {
    fn default() -> Self {
        Cache(Kept::for_a(KEPT))
    }
}

/// The keys; the first ones are made when there are none.
pub(crate) async fn keys(ctx: &Ctx) -> Result<Arc<Keys>> {
    ctx.service::<Cache>()?.0.get(ctx, "", || load(ctx)).await
}

async fn load(ctx: &Ctx) -> Result<Arc<Keys>> {
    let read = || async { ctx.read("openid.keys", |tx| opened(ctx, tx)).await };
    let keys = read().await?;
    if ALGS.iter().all(|alg| keys.signer(*alg, ctx.now()).is_ok()) {
        return Ok(Arc::new(keys));
    }
    rotate(&ctx.as_system("openid.keys")).await?;
    Ok(Arc::new(read().await?))
}

fn place(kid: &str) -> String {
    format!("openid_key.private:{kid}")
}

fn opened(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Keys> {
    let wrong = |e: String| Fault::new(format!("signing key: {e}"));
    let all = store::all(tx)?.into_iter().map(|s| {
        let bytes =
            hex::decode(ctx.protect().open(&place(&s.kid), &s.private)?).map_err(|e| wrong(e.to_string()))?;
        let alg = Alg::parse(&s.alg).ok_or_else(|| wrong(s.alg.clone()))?;
        let private = PrivateKey::from_bytes(kind(alg), &bytes).map_err(|e| wrong(e.to_string()))?;
        Ok(Key {
            jwk: public(&private).map_err(wrong)?,
            private,
            signs_from: s.signs_from,
            retired: s.retired_at.is_some(),
        })
    });
    Ok(Keys(all.collect::<Result<_>>()?))
}

fn kind(alg: Alg) -> Kind {
    match alg {
        Alg::Es256 => Kind::P256,
        Alg::EdDsa => Kind::Ed25519,
    }
}

fn public(private: &PrivateKey) -> Result<Jwk, String> {
    match private {
        PrivateKey::P256(key) => Jwk::p256(key.verifying_key().to_sec1_point(false).as_bytes()),
        PrivateKey::Ed25519(key) => Jwk::ed25519(&key.verifying_key().to_bytes()),
        PrivateKey::Sm2(_) => return Err("SM2 has no algorithm here".into()),
    }
    .map_err(|e| e.to_string())
}

/// Makes the keys that are missing or due, and takes the old ones out; every day, on one node.
pub(crate) async fn rotate(ctx: &Ctx) -> Result<()> {
    let now = ctx.now();
    let fresh: Vec<(Alg, PrivateKey)> = ALGS
        .iter()
        .map(|alg| {
            let mut chance = |bytes: &mut [u8]| (ctx.app.chance)(bytes);
            (*alg, PrivateKey::generate(kind(*alg), &mut chance))
        })
        .collect();
    ctx.tx("openid.rotate", |tx| {
        tx.lock("openid.keys")?;
        let all = store::all(tx)?;
        for (alg, private) in &fresh {
            let of_alg: Vec<&Stored> = all.iter().filter(|k| k.alg == alg.as_str()).collect();
            let newest = of_alg.first().map(|k| k.signs_from);
            let due = newest.is_none_or(|from| from + SIGNS - AHEAD <= now);
            if due {
                let jwk = public(private).map_err(Fault::new)?;
                let kid = jwk.kid().to_string();
                let sealed = ctx
                    .protect()
                    .seal(&place(&kid), &hex::encode(*private.to_bytes()))?;
                let key = Stored {
                    kid: kid.clone(),
                    alg: alg.as_str().into(),
                    private: sealed,
                    created_at: now,
                    signs_from: newest.map_or(now, |from| (from + SIGNS).max(now + AHEAD)),
                    retired_at: None,
                };
                store::insert(tx, &key, &jwk.to_json().to_string())?;
                let fact = Fact::new("openid.key.made", &kid)
                    .payload(json!({ "alg": alg.as_str(), "signs_from": key.signs_from }));
                ctx.emit(tx, fact.touch(&crate::KEY, &kid))?;
            }
            // A key is done with when a newer one has signed for long enough.
            for pair in of_alg.windows(2) {
                let (newer, older) = (pair[0], pair[1]);
                if older.retired_at.is_none() && newer.signs_from + AFTER <= now {
                    store::retire(tx, &older.kid, now)?;
                    ctx.emit(
                        tx,
                        Fact::new("openid.key.retired", &older.kid).touch(&crate::KEY, &older.kid),
                    )?;
                }
            }
        }
        Ok(())
    })
    .await
}
