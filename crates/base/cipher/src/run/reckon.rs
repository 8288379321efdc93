//! One item of a request: what is done with the secrets of the versions that it needs.

use super::model::{Action, Item, Made, Output, What};
use super::service::Admitted;
use crate::algorithm::{Algorithm, Material, verifies, wrap};
use crate::format::{Envelope, Open, Sealed, Use as Bound, bound};
use crate::key::model::Key;
use crate::key::service as keys;
use kernel::{Ctx, Fault, Refusal, Result};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Secrets of the versions that this request needs, each unsealed once.
pub(super) struct Materials<'a> {
    pub(super) ctx: &'a Ctx,
    pub(super) work: &'a Admitted,
    pub(super) open: BTreeMap<i64, Material>,
}

impl Materials<'_> {
    fn of(&mut self, number: i64) -> Result<&Material> {
        use std::collections::btree_map::Entry;
        let key = &self.work.key;
        if number > key.newest || number < 1 {
            return Err(Refusal::new("cipher-no-version").into());
        }
        if number < key.least {
            return Err(Refusal::new("cipher-version-retired")
                .arg("least", key.least)
                .into());
        }
        match self.open.entry(number) {
            Entry::Occupied(found) => Ok(found.into_mut()),
            Entry::Vacant(free) => {
                let version = self.work.versions.iter().find(|v| v.number == number);
                let version = version.ok_or_else(|| Fault::new("a version without its row"))?;
                Ok(free.insert(keys::material(self.ctx, key, version)?))
            }
        }
    }
    fn seal(&mut self, what: Bound, context: &str, plain: &[u8]) -> Result<Sealed> {
        let (key, chance) = (&self.work.key, self.ctx.app.chance.clone());
        let aad = bound(what, &key.id, &key.alias, key.newest, context);
        let (id, version) = (key.id.clone(), key.newest);
        let body = self
            .of(version)?
            .seal(&mut |buffer| chance(buffer), &aad, plain)
            .map_err(|_| Fault::new("sealing"))?;
        Ok(Sealed {
            key: id,
            version,
            body,
        })
    }
    /// To the newest public half; no secret is opened for it.
    fn wrap(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let newest = self.work.key.newest;
        let version = self.work.versions.iter().find(|v| v.number == newest);
        let version = version.ok_or_else(|| Fault::new("a version without its row"))?;
        let chance = self.ctx.app.chance.clone();
        let wrapped = wrap(&version.public, &mut |buffer| chance(buffer), plain);
        Ok(wrapped.map_err(|_| Fault::new("wrapping a key"))?)
    }
    fn open(&mut self, what: Bound, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>> {
        let key = &self.work.key;
        if sealed.key != key.id {
            return Err(Refusal::new("cipher-other-key").into());
        }
        let aad = bound(what, &key.id, &key.alias, sealed.version, context);
        let opened = self.of(sealed.version)?.open(&aad, &sealed.body);
        Ok(opened.map_err(|_| unopened())?)
    }
}

fn unopened() -> Refusal {
    Refusal::new("cipher-unopened")
}

/// One item. A refusal is the item's own.
pub(super) fn one(m: &mut Materials<'_>, action: Action, item: &Item) -> Result<Made> {
    let key = m.work.key.clone();
    let context = item.context.as_str();
    if key.bound && context.is_empty() {
        return Err(Refusal::new("cipher-context-missing").into());
    }
    let newest = key.newest;
    let made = |output, version| Ok(Made { output, version });
    match (action, &item.what) {
        (Action::Sign, What::Message(text)) => {
            let signature = m.of(newest)?.sign(text).map_err(|_| Fault::new("signing"))?;
            made(Output::Signature(signature), newest)
        }
        (Action::SignDigest, What::Digest(digest)) => {
            let signature = m.of(newest)?.sign_digest(digest);
            made(
                Output::Signature(signature.map_err(|_| Fault::new("signing"))?),
                newest,
            )
        }
        (Action::Wrap, What::Message(text)) => made(Output::Wrapped(m.wrap(text)?), newest),
        (Action::Unwrap, What::Wrapped(wrapped)) => {
            for number in candidates(m, item.version)? {
                if let Ok(plain) = m.of(number)?.unwrap(wrapped) {
                    return made(Output::Plain(plain), number);
                }
            }
            Err(unopened().into())
        }
        (Action::AsymmetricEnvelope, What::Message(text)) => {
            let mut data_key = Zeroizing::new(vec![0u8; Algorithm::Sm4Gcm.size()]);
            (m.ctx.app.chance)(&mut data_key);
            let wrapped = Sealed {
                key: key.id.clone(),
                version: newest,
                body: m.wrap(&data_key)?,
            };
            let chance = m.ctx.app.chance.clone();
            let aad = Open::bound(&wrapped, context);
            let body = Material::from_bytes(Algorithm::Sm4Gcm, &data_key)
                .and_then(|k| k.seal(&mut |buffer| chance(buffer), &aad, text))
                .map_err(|_| Fault::new("sealing an envelope"))?;
            made(Output::Envelope(Open { wrapped, body }.text()), newest)
        }
        (Action::AsymmetricEnvelopeOpening, What::Open(e)) => {
            if e.wrapped.key != key.id {
                return Err(Refusal::new("cipher-other-key").into());
            }
            let opened = m.of(e.wrapped.version)?.unwrap(&e.wrapped.body);
            let plain = opened
                .and_then(|data_key| Material::from_bytes(Algorithm::Sm4Gcm, &data_key))
                .and_then(|k| k.open(&Open::bound(&e.wrapped, context), &e.body))
                .map_err(|_| unopened())?;
            made(Output::Plain(plain), e.wrapped.version)
        }
        (Action::Mac, What::Message(text)) => {
            let mac = m.of(newest)?.mac(text).map_err(|_| Fault::new("MAC"))?;
            made(Output::Mac(mac), newest)
        }
        (Action::Verify | Action::MacVerification, What::Proof(text, proof)) => {
            for number in candidates(m, item.version)? {
                let fits = match action {
                    Action::Verify => {
                        let version = m.work.versions.iter().find(|v| v.number == number);
                        version.is_some_and(|v| verifies(&v.public, text, proof))
                    }
                    _ => m.of(number)?.mac_matches(text, proof),
                };
                if fits {
                    return made(Output::Valid(true), number);
                }
            }
            made(Output::Valid(false), 0)
        }
        (Action::Encrypt, What::Message(text)) => {
            let sealed = m.seal(Bound::Data, context, text)?;
            made(Output::Ciphertext(sealed.text()), newest)
        }
        (Action::Decrypt, What::Sealed(sealed)) => {
            let plain = m.open(Bound::Data, context, sealed)?;
            made(Output::Plain(plain), sealed.version)
        }
        (Action::Reencrypt, What::Sealed(sealed)) => {
            let plain = m.open(Bound::Data, context, sealed)?;
            let sealed = m.seal(Bound::Data, context, &plain)?;
            made(Output::Ciphertext(sealed.text()), newest)
        }
        (Action::DataKey, What::Nothing) => {
            let data_key = data_key(m, &key);
            let wrapped = m.seal(Bound::DataKey, context, &data_key)?;
            made(Output::DataKey(data_key, wrapped.text()), newest)
        }
        (Action::DataKeyOpening, What::Sealed(sealed)) => {
            let plain = m.open(Bound::DataKey, context, sealed)?;
            made(Output::Plain(plain), sealed.version)
        }
        (Action::Envelope, What::Message(text)) => {
            let data_key = data_key(m, &key);
            let wrapped = m.seal(Bound::Envelope, context, &data_key)?;
            let chance = m.ctx.app.chance.clone();
            // The data key serves this one text, so the wrapped key is what the text is bound to.
            let body = Material::from_bytes(key.algorithm, &data_key)
                .and_then(|k| k.seal(&mut |buffer| chance(buffer), wrapped.text().as_bytes(), text))
                .map_err(|_| Fault::new("sealing an envelope"))?;
            made(Output::Envelope(Envelope { wrapped, body }.text()), newest)
        }
        (Action::EnvelopeOpening, What::Envelope(e)) => {
            let data_key = m.open(Bound::Envelope, context, &e.wrapped)?;
            let plain = Material::from_bytes(key.algorithm, &data_key)
                .and_then(|k| k.open(e.wrapped.text().as_bytes(), &e.body))
                .map_err(|_| unopened())?;
            made(Output::Plain(plain), e.wrapped.version)
        }
        _ => Err(Fault::new("an item of another operation").into()),
    }
}

fn data_key(m: &Materials<'_>, key: &Key) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0u8; key.algorithm.size()]);
    (m.ctx.app.chance)(&mut bytes);
    bytes
}

/// The versions by which something may have been made: the named one, else all in use, newest first.
fn candidates(m: &Materials<'_>, named: Option<i64>) -> Result<Vec<i64>, Refusal> {
    let key = &m.work.key;
    match named {
        Some(n) if n < 1 || n > key.newest => Err(Refusal::new("cipher-no-version")),
        Some(n) if n < key.least => Err(Refusal::new("cipher-version-retired").arg("least", key.least)),
        Some(n) => Ok(vec![n]),
        None => Ok(m.work.versions.iter().map(|v| v.number).take(50).collect()),
    }
}
