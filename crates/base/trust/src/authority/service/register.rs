//! Requests and the register: asking, deciding, revoking, holding, renewing.

use super::super::model::{self, Asked, Entry, Step, Use};
use super::super::store;
use super::{For, Note, fault, house, issue, keep, key_hash, seal_certificate};
use crate::crypto::x509::{Certificate, Request, Subject};
use crate::crypto::{Kind, PublicKey};
use crate::vault;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use serde_json::json;

/// A request of use is smaller.
const REQUEST: usize = 16 << 10;

/// What somebody fills in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub profile: String,
    /// PEM or base64 DER.
    pub request: String,
    /// DNS names and addresses, divided by spaces, commas or lines.
    pub names: String,
    pub reason: String,
    /// Serial number of the certificate that this one shall replace.
    pub replaces: String,
}

fn wrong(ctx: &Ctx, field: &'static str, key: &'static str) -> Refusal {
    Refusal::new(key).field(field, ctx.t(key, &[]))
}

/// The request inside a text: PEM, or DER in base64.
fn read(text: &str) -> Option<(Request, Vec<u8>)> {
    use base64::Engine;
    let text = text.trim();
    if text.len() > REQUEST {
        return None;
    }
    let der = match crate::crypto::der::unpem("CERTIFICATE REQUEST", text) {
        Ok(der) => der,
        Err(_) => {
            let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            base64::engine::general_purpose::STANDARD.decode(plain).ok()?
        }
    };
    Some((Request::from_der(&der).ok()?, der))
}

/// Puts a request into the queue; its id. The sender proves to hold the key by the request's own signature.
///
/// # Errors
/// 422 naming the field: another profile, a request that cannot be read or proves nothing, a key of another algorithm, a key
/// that is certified already or was known to others, a name that is none.
pub(crate) async fn ask(ctx: &Ctx, w: &Wish) -> Result<String> {
    let used_for = Use::of(&w.profile)
        .filter(|u| Use::ASKED.contains(u))
        .ok_or_else(|| wrong(ctx, "profile", "trust-profile-unknown"))?;
    let (request, der) = read(&w.request).ok_or_else(|| wrong(ctx, "request", "trust-request-unreadable"))?;
    let kind = request.key.kind();
    if !matches!(kind, Kind::P256 | Kind::Sm2) {
        return Err(wrong(ctx, "request", "trust-request-algorithm").into());
    }
    let names: Vec<String> = w
        .names
        .split(|c: char| c.is_whitespace() || ",;，；、".contains(c))
        .filter(|n| !n.is_empty())
        .map(str::to_lowercase)
        .collect();
    if used_for == Use::Node
        && (names.is_empty() || names.len() > 20 || !names.iter().all(|n| model::is_name(n)))
    {
        return Err(wrong(ctx, "names", "trust-names-wrong").into());
    }
    let reason = w.reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 {
        return Err(wrong(ctx, "reason", "trust-reason-needed").into());
    }
    let replaces = Some(w.replaces.trim().to_lowercase()).filter(|s| !s.is_empty());
    let asked = Asked {
        id: ctx.id().to_string(),
        used_for,
        algorithm: vault::kind_name(kind).into(),
        cn: request.subject.cn.clone(),
        o: request.subject.o.clone(),
        names: if used_for == Use::Node { names } else { Vec::new() },
        reason: reason.into(),
        key_hash: key_hash(&request.key),
        der,
        state: "asked".into(),
        asked_by: ctx.actor.id.clone(),
        opinion: None,
        serial: None,
        replaces,
        version: 1,
        created_at: ctx.now(),
        decided_at: None,
    };
    ctx.tx("trust.ask-certificate", |tx| {
        tx.lock("trust-requests")?;
        if store::key_known_to_others(tx, &asked.key_hash)? {
            return Err(wrong(ctx, "request", "trust-request-compromised").into());
        }
        let replaced = match &asked.replaces {
            Some(serial) => {
                let entry = store::get(tx, serial)?.filter(|e| e.used_for == asked.used_for);
                Some(entry.ok_or_else(|| wrong(ctx, "replaces", "trust-replaces-unknown"))?)
            }
            None => None,
        };
        // Renewing with the same key is asking for it again.
        let same = replaced.is_some_and(|e| e.key_hash == asked.key_hash);
        if !same && store::key_taken(tx, &asked.key_hash, ctx.now())? {
            return Err(wrong(ctx, "request", "trust-request-taken").into());
        }
        store::insert_request(tx, &asked)?;
        let fact = Fact::new("trust.certificate.asked", &asked.id)
            .payload(json!({ "profile": asked.used_for.name(), "algorithm": asked.algorithm }));
        ctx.emit(tx, fact.touch(&crate::authority::REQUEST, &asked.id))?;
        Ok(asked.id.clone())
    })
    .await
}

/// Who is certified as what, as the reviewer decides it; the request's own words are only a wish.
pub(crate) struct Decision {
    pub version: i64,
    pub cn: String,
    pub o: String,
    pub opinion: String,
}

fn open(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, version: i64) -> Result<Asked> {
    let asked = store::request(tx, id)?.ok_or_else(Refusal::not_found)?;
    if asked.asked_by == ctx.actor.id {
        return Err(Refusal::new("trust-own-request").status(403).into());
    }
    if asked.state != "asked" {
        return Err(Refusal::new("trust-request-decided").status(409).into());
    }
    if asked.version != version {
        return Err(Refusal::stale().into());
    }
    Ok(asked)
}

/// Issues what was asked for; the serial number.
pub(crate) async fn approve(ctx: &Ctx, id: &str, d: &Decision) -> Result<String> {
    let (cn, o) = (d.cn.trim(), d.o.trim());
    if cn.is_empty() || cn.chars().count() > 64 {
        return Err(wrong(ctx, "cn", "trust-cn-wrong").into());
    }
    if o.chars().count() > 64 {
        return Err(wrong(ctx, "o", "trust-cn-wrong").into());
    }
    ctx.tx("trust.approve-certificate", |tx| {
        let asked = open(ctx, tx, id, d.version)?;
        let request = Request::from_der(&asked.der).map_err(fault("request"))?;
        let house = house(ctx, tx, request.key.kind())?;
        let f = For {
            subject: Subject {
                cn: cn.into(),
                o: o.into(),
            },
            key: &request.key,
            names: &asked.names,
            note: Note {
                used_for: asked.used_for,
                issuer: "issuing",
                holder: "",
                request: Some(&asked.id),
                replaces: asked.replaces.as_deref(),
            },
        };
        let certificate = issue(ctx, tx, &house, &f)?;
        let serial = hex::encode(&certificate.serial);
        decided(ctx, tx, &asked, "issued", d.opinion.trim(), Some(&serial))?;
        Ok(serial)
    })
    .await
}

/// Refuses a request with an opinion.
pub(crate) async fn refuse(ctx: &Ctx, id: &str, d: &Decision) -> Result<()> {
    let opinion = d.opinion.trim();
    if opinion.is_empty() {
        return Err(wrong(ctx, "opinion", "trust-opinion-needed").into());
    }
    ctx.tx("trust.refuse-certificate", |tx| {
        let asked = open(ctx, tx, id, d.version)?;
        decided(ctx, tx, &asked, "refused", opinion, None)
    })
    .await
}

fn decided(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    asked: &Asked,
    state: &'static str,
    opinion: &str,
    serial: Option<&str>,
) -> Result<()> {
    let opinion: String = opinion.chars().take(500).collect();
    if !store::decide(tx, asked, state, &ctx.actor.id, &opinion, serial, ctx.now())? {
        return Err(Refusal::stale().into());
    }
    let fact = Fact::new("trust.certificate.decided", &asked.id)
        .payload(json!({ "state": state, "serial": serial }))
        .touch(&crate::authority::REQUEST, &asked.id);
    ctx.emit(tx, fact)?;
    Ok(())
}

/// Revokes, holds or releases; OCSP says so at once, and the next list is made when it is asked for.
///
/// # Errors
/// `trust-revoked-already`, `trust-not-held`, `trust-root-stays` (409), a stale version (412).
pub(crate) async fn step(ctx: &Ctx, serial: &str, version: i64, step: Step) -> Result<()> {
    ctx.tx("trust.revoke", |tx| revoke(ctx, tx, serial, Some(version), step))
        .await
}

/// See [`step`], in the caller's transaction.
pub(crate) fn revoke(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    serial: &str,
    version: Option<i64>,
    step: Step,
) -> Result<()> {
    let entry = store::get(tx, serial)?.ok_or_else(Refusal::not_found)?;
    if version.is_some_and(|v| v != entry.version) {
        return Err(Refusal::stale().into());
    }
    let revoked = model::after(&entry, step, ctx.now())?;
    if !store::set_revoked(tx, serial, entry.version, revoked)? {
        return Err(Refusal::stale().into());
    }
    store::make_stale(tx, &format!("{}-{}", entry.issuer, entry.algorithm))?;
    let kind = match step {
        Step::Revoke(_) => "trust.certificate.revoked",
        Step::Hold => "trust.certificate.held",
        Step::Release => "trust.certificate.released",
    };
    let fact = Fact::new(kind, serial)
        .payload(json!({ "reason": revoked.map(|(code, _)| code), "profile": entry.used_for.name() }));
    ctx.emit(tx, fact.touch(&crate::authority::CERTIFICATE, serial))?;
    Ok(())
}

/// Revokes a certificate whose key is no longer used; nothing when it was revoked before or never entered.
pub(crate) fn retire(ctx: &Ctx, tx: &mut Tx<'_>, serial: &str) -> Result<()> {
    match store::get(tx, serial)? {
        Some(entry) if entry.revoked.is_none() => {
            let step = Step::Revoke(crate::crypto::crl::Reason::CessationOfOperation);
            revoke(ctx, tx, serial, None, step)
        }
        _ => Ok(()),
    }
}

/// A new certificate for what an old one was for. A seal's key lies here, so it gets a new one where others may know the old;
/// for all else whoever holds the key asks anew.
pub(crate) async fn renew(ctx: &Ctx, serial: &str, version: i64) -> Result<String> {
    ctx.tx("trust.renew", |tx| {
        let entry = store::get(tx, serial)?.ok_or_else(Refusal::not_found)?;
        if entry.version != version {
            return Err(Refusal::stale().into());
        }
        if store::successor(tx, serial)?.is_some() {
            return Err(Refusal::new("trust-renewed-already").status(409).into());
        }
        let kind = model::kind(&entry.algorithm).ok_or_else(|| Fault::new("algorithm of a certificate"))?;
        let compromised = entry.revoked.is_some_and(|(code, _)| code == 1);
        let old = Certificate::from_der(&entry.der).map_err(fault("certificate"))?;
        let certificate = match own_seal(ctx, tx, &entry, kind)? {
            Some((alias, mut key)) => {
                if compromised {
                    key = vault::replace(ctx, tx, &alias, kind)?.public();
                }
                let house = house(ctx, tx, kind)?;
                let made = seal_certificate(ctx, tx, &house, (&entry.holder, &entry.o), &key, Some(serial))?;
                keep(tx, &alias, &made)?;
                made
            }
            None if compromised || !Use::ASKED.contains(&entry.used_for) => {
                return Err(Refusal::new("trust-renew-asks").status(409).into());
            }
            None => {
                let house = house(ctx, tx, kind)?;
                let f = For {
                    subject: Subject {
                        cn: entry.cn.clone(),
                        o: entry.o.clone(),
                    },
                    key: &old.key,
                    names: &old.names,
                    note: Note {
                        used_for: entry.used_for,
                        issuer: "issuing",
                        holder: &entry.holder,
                        request: None,
                        replaces: Some(serial),
                    },
                };
                issue(ctx, tx, &house, &f)?
            }
        };
        Ok(hex::encode(&certificate.serial))
    })
    .await
}

/// Alias and public half of a seal's key that lies here.
fn own_seal(ctx: &Ctx, tx: &mut Tx<'_>, entry: &Entry, kind: Kind) -> Result<Option<(String, PublicKey)>> {
    if entry.used_for != Use::Seal || entry.holder.is_empty() {
        return Ok(None);
    }
    let alias = format!("seal-{}:{}", entry.algorithm, entry.holder);
    Ok(vault::key(ctx, tx, &alias, kind)?.map(|k| (alias, k.public())))
}
