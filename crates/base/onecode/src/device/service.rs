//! The verbs of devices: binding, showing, removing; the issuer's key.

use super::store::{self, Device};
use crate::format::{self, Certificate, Kind};
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use serde_json::json;
use trust::crypto::PrivateKey;

/// A phone's certificate holds a month; while it is online it is renewed by binding anew.
const BOUND: i64 = 30 * 86_400;
/// The city's own key for a page holds a day.
const KEPT: i64 = 86_400;
/// Devices an account may have bound at once.
const DEVICES: usize = 10;

pub(crate) fn seconds(ctx: &Ctx) -> i64 {
    ctx.now().div_euclid(1000)
}

/// The key that certifies devices.
pub(crate) struct Issuer(SigningKey);

impl Issuer {
    pub(crate) fn key(&self) -> &VerifyingKey {
        self.0.verifying_key()
    }
    pub(crate) fn kid(&self) -> String {
        hex::encode(format::key_id(self.key()))
    }
}

/// For the signed list of readers without a network.
pub(crate) struct ListSigner {
    issuer: Issuer,
    kid: String,
}

impl ListSigner {
    pub(crate) fn new(issuer: Issuer) -> ListSigner {
        let kid = issuer.kid();
        ListSigner { issuer, kid }
    }
}

impl oidc::jose::Signer for ListSigner {
    fn kid(&self) -> &str {
        &self.kid
    }
    fn alg(&self) -> oidc::jwk::Alg {
        oidc::jwk::Alg::Es256
    }
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = p256::ecdsa::signature::Signer::sign(&self.issuer.0, message);
        signature.to_bytes().to_vec()
    }
}

/// The issuer's key, made at first use.
pub(crate) fn issuer(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Issuer> {
    match trust::api::key(ctx, tx, "onecode-issuer", trust::crypto::Kind::P256)? {
        PrivateKey::P256(key) => Ok(Issuer(key)),
        _ => Err(Fault::new("the issuer's key is of another kind").into()),
    }
}

/// The same for those who may only read; `None` before anything was issued.
pub(crate) async fn issuer_now(ctx: &Ctx) -> Result<Issuer> {
    let system = ctx.as_system("onecode.issuer");
    system.tx("onecode.issuer", |tx| issuer(&system, tx)).await
}

/// Whose code it will be, and what stands on it for readers without a network.
fn holder(ctx: &Ctx, tx: &mut Tx<'_>, kind: Kind) -> Result<(Option<String>, String, Kind)> {
    let subject = ctx.actor.subject.as_deref().ok_or_else(Refusal::sign_in)?;
    let person = identity::api::party(ctx, tx, subject)?.ok_or_else(Refusal::not_found)?;
    match kind {
        Kind::Person => Ok((None, person.masked_name(), kind)),
        Kind::Firm => {
            let firm = ctx.actor.on_behalf.as_deref();
            let firm = firm.ok_or_else(|| Refusal::new("onecode-no-firm").status(409))?;
            identity::api::covers(ctx, "code")?;
            let party = identity::api::party(ctx, tx, firm)?.ok_or_else(Refusal::not_found)?;
            if party.kind == "natural" {
                // A child or dependant: the code of a person.
                return Ok((Some(firm.to_string()), party.masked_name(), Kind::Person));
            }
            // The agent's name at the end must fit whatever the firm is called.
            let agent = format!("·{}", person.masked_name());
            let mut name: String = party.name;
            while name.len() + agent.len() > format::LABEL {
                name.pop();
            }
            Ok((Some(firm.to_string()), name + &agent, kind))
        }
    }
}

/// A device that was certified.
pub(crate) struct Bound {
    pub device: String,
    pub certificate: Vec<u8>,
    pub not_after: i64,
    pub label: String,
}

struct New<'a> {
    kind: Kind,
    name: &'a str,
    key: [u8; 33],
    private: Option<&'a SigningKey>,
    life: i64,
}

fn certify(ctx: &Ctx, tx: &mut Tx<'_>, id: [u8; 16], new: &New<'_>) -> Result<(Device, String)> {
    let account = ctx.actor.account.ok_or_else(Refusal::sign_in)?;
    let (on_behalf, label, kind) = holder(ctx, tx, new.kind)?;
    let issuer = issuer(ctx, tx)?;
    let now = seconds(ctx);
    let moment = |s: i64| u32::try_from(s).map_err(|_| Fault::new("the clock is out of range"));
    let certificate = Certificate {
        kind,
        device: id,
        issuer: format::key_id(issuer.key()),
        not_before: moment(now)?,
        not_after: moment(now + new.life)?,
        key: new.key,
        label: label.clone(),
    };
    let name = hex::encode(id);
    let private = new
        .private
        .map(|k| ctx.protect().seal(&place(&name), &hex::encode(k.to_bytes())))
        .transpose()?;
    let device = Device {
        id: name,
        account,
        subject: ctx.actor.subject.clone().unwrap_or_default(),
        on_behalf,
        kind: kind.name().into(),
        name: new.name.chars().take(40).collect(),
        certificate: certificate.sign(&issuer.0),
        private,
        not_after: now + new.life,
        created_at: ctx.now(),
        revoked: false,
    };
    store::insert(tx, &device)?;
    let fact = Fact::new("onecode.device.bound", &device.id)
        .payload(json!({ "kind": device.kind, "kept": new.private.is_some() }));
    ctx.emit(tx, fact.touch(&crate::DEVICE, &device.id))?;
    Ok((device, label))
}

fn place(id: &str) -> String {
    format!("onecode_device.private:{id}")
}

/// Binds a phone by its public key (x and y of a JWK, base64url).
///
/// # Errors
/// `onecode-key` for a point that is none, `onecode-no-firm` (409), `onecode-too-many`.
pub(crate) async fn bind(ctx: &Ctx, name: &str, kind: Kind, x: &str, y: &str) -> Result<Bound> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    let wrong = || Refusal::new("onecode-key");
    let point = [
        vec![4],
        B64.decode(x).map_err(|_| wrong())?,
        B64.decode(y).map_err(|_| wrong())?,
    ]
    .concat();
    let key = VerifyingKey::from_sec1_bytes(&point).map_err(|_| wrong())?;
    let key: [u8; 33] = key
        .to_sec1_point(true)
        .as_bytes()
        .try_into()
        .map_err(|_| wrong())?;
    let id = ctx.random::<16>();
    ctx.tx("onecode.bind", |tx| {
        let account = ctx.actor.account.ok_or_else(Refusal::sign_in)?;
        let now = seconds(ctx);
        let all = store::of_account(tx, account)?;
        if all.iter().filter(|d| !d.revoked && d.not_after > now).count() >= DEVICES {
            return Err(Refusal::new("onecode-too-many")
                .status(409)
                .arg("n", DEVICES)
                .into());
        }
        let new = New {
            kind,
            name,
            key,
            private: None,
            life: BOUND,
        };
        let (device, label) = certify(ctx, tx, id, &new)?;
        Ok(Bound {
            device: device.id,
            certificate: device.certificate,
            not_after: device.not_after,
            label,
        })
    })
    .await
}

/// The code to show on a page at this moment, signed with the key that the city keeps for this account; with its label.
pub(crate) async fn shown(ctx: &Ctx) -> Result<(String, Kind)> {
    identity::api::covers(ctx, "code")?;
    let kind = if ctx.actor.on_behalf.is_some() {
        Kind::Firm
    } else {
        Kind::Person
    };
    let (id, nonce) = (ctx.random::<16>(), ctx.random::<8>());
    let fresh = loop {
        // A draw outside the field is as likely as one in 2^32.
        if let Ok(key) = SigningKey::from_slice(&ctx.random::<32>()) {
            break key;
        }
    };
    let account = ctx.actor.account.ok_or_else(Refusal::sign_in)?;
    let holder = ctx.actor.party().unwrap_or_default().to_string();
    let soon = seconds(ctx) + format::LIFE + format::TOLERANCE;
    let kept = ctx
        .read("onecode.kept", |tx| Ok(store::kept(tx, account, &holder, soon)?))
        .await?;
    let device = match kept {
        Some(device) => device,
        None => {
            let key = fresh.verifying_key().to_sec1_point(true);
            let key: [u8; 33] = key
                .as_bytes()
                .try_into()
                .map_err(|_| Fault::new("a point of another size"))?;
            ctx.tx("onecode.keep", |tx| {
                let new = New {
                    kind,
                    name: "page",
                    key,
                    private: Some(&fresh),
                    life: KEPT,
                };
                Ok(certify(ctx, tx, id, &new)?.0)
            })
            .await?
        }
    };
    let sealed = device
        .private
        .as_deref()
        .ok_or_else(|| Fault::new("a kept device without its key"))?;
    let private =
        hex::decode(ctx.protect().open(&place(&device.id), sealed)?).map_err(|e| Fault::of("kept key", e))?;
    let private = SigningKey::from_slice(&private).map_err(|e| Fault::of("kept key", e.to_string()))?;
    let now = u32::try_from(seconds(ctx)).map_err(|_| Fault::new("the clock is out of range"))?;
    Ok((format::show(&device.certificate, &private, now, nonce), kind))
}

/// Removes a device of one's own, at once.
pub(crate) async fn remove(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("onecode.remove", |tx| {
        let device = store::get(tx, id)?.filter(|d| Some(d.account) == ctx.actor.account);
        device.ok_or_else(Refusal::not_found)?;
        if !store::revoke(tx, id, ctx.now())? {
            return Err(Refusal::not_found().into());
        }
        ctx.emit(
            tx,
            Fact::new("onecode.device.removed", id).touch(&crate::DEVICE, id),
        )?;
        Ok(())
    })
    .await
}

/// A session that ended everywhere, and a handed-over firm, end no phone; its owner removes it. But what the city keeps for
/// pages goes with the sign-out, so that a code photographed from a shared computer is worth nothing.
pub(crate) fn follow(ctx: &Ctx, tx: &mut Tx<'_>, fact: &kernel::Recorded) -> Result<()> {
    let Ok(account) = fact.subject.parse::<kernel::Uuid>() else {
        return Ok(());
    };
    let until = seconds(ctx);
    let subject: Option<String> = identity::api::subject_of(tx, account)?;
    let mut holders: Vec<String> = subject.iter().cloned().collect();
    if let Some(subject) = &subject {
        holders.extend(
            identity::api::firms_of(ctx, tx, subject)?
                .into_iter()
                .map(|(firm, _)| firm),
        );
    }
    for holder in holders {
        while let Some(device) = store::kept(tx, account, &holder, until)? {
            store::revoke(tx, &device.id, ctx.now())?;
            ctx.emit(
                tx,
                Fact::new("onecode.device.removed", &device.id).touch(&crate::DEVICE, &device.id),
            )?;
        }
    }
    Ok(())
}
