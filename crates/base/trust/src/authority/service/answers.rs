//! What anybody may ask of the authority: revocation lists, the status of a certificate, the time.

use super::super::model::{ANSWER_LIFE, LIST_LIFE, Use, kind as kind_of};
use super::super::store;
use super::{Held, House, fault, house, publication, servant, settled};
use crate::crypto::crl::{self, Reason, Revoked, Status};
use crate::crypto::x509::{Authority, Certificate};
use crate::crypto::{Hash, Kind, ocsp, tsp};
use crate::vault;
use kernel::{Ctx, Fault, Refusal, Result, Tx};
use std::collections::BTreeMap;

/// The policy that time-stamps name: an identifier that is set aside for documentation (RFC 5612), since a city has none of
/// its own before it asks for one.
const POLICY: &str = "1.3.6.1.4.1.32473.8151.1";

/// Certificate of an authority in DER: `root` or `issuing`.
pub(crate) async fn certificate(ctx: &Ctx, which: &str, kind: Kind) -> Result<Certificate> {
    let system = ctx.as_system("trust.authority");
    let house = system.tx("trust.house", |tx| house(&system, tx, kind)).await?;
    match which {
        "root" => Ok(house.root.certificate),
        "issuing" => Ok(house.issuing.certificate),
        _ => Err(Refusal::not_found().into()),
    }
}

/// The current revocation list of an authority in DER; made anew when somebody was revoked or released, and in time.
pub(crate) async fn list(ctx: &Ctx, which: &str, kind: Kind) -> Result<Vec<u8>> {
    if !matches!(which, "root" | "issuing") {
        return Err(Refusal::not_found().into());
    }
    let name = format!("{which}-{}", vault::kind_name(kind));
    let now = ctx.now();
    let good =
        |found: &(i64, Vec<u8>, i64, i64, bool)| !found.4 && found.2 <= now && now < found.2 + LIST_LIFE / 2;
    let found = ctx.read("trust.list", |tx| Ok(store::list(tx, &name)?)).await?;
    if let Some(found) = found.filter(|f| good(f)) {
        return Ok(found.1);
    }
    let system = ctx.as_system("trust.list");
    system
        .tx("trust.make-list", |tx| {
            tx.lock("trust-list")?;
            let found = store::list(tx, &name)?;
            let number = found.as_ref().map_or(0, |f| f.0) + 1;
            if let Some(found) = found.filter(|f| good(f)) {
                return Ok(found.1);
            }
            let house = house(&system, tx, kind)?;
            let held = if which == "root" {
                &house.root
            } else {
                &house.issuing
            };
            let mut entries = BTreeMap::new();
            for (serial, reason, at) in store::revoked(tx, which, vault::kind_name(kind), now)? {
                let serial = hex::decode(serial).map_err(|e| Fault::of("serial number", e))?;
                let code = u8::try_from(reason).unwrap_or(0);
                let reason = Reason::from_code(code).unwrap_or(Reason::Unspecified);
                entries.insert(serial, Revoked { at, reason });
            }
            let publication = publication(&system, which, kind);
            let authority = Authority {
                certificate: &held.certificate,
                key: &held.key,
                publication: &publication,
            };
            let count = u64::try_from(number).map_err(|e| Fault::of("list number", e))?;
            let made = crl::issue(&authority, count, (now, now + LIST_LIFE), &entries)
                .map_err(fault("revocation list"))?;
            store::put_list(tx, &name, number, made.der(), (now, now + LIST_LIFE))?;
            Ok(made.der().to_vec())
        })
        .await
}

/// Who answers for the issuing authority. Most requests find all of it there and write nothing.
async fn responder(ctx: &Ctx, kind: Kind) -> Result<(House, Held)> {
    let system = ctx.as_system("trust.responder");
    let ready = ctx
        .read("trust.responder", |tx| match settled(&system, tx, kind)? {
            true => {
                let house = house(&system, tx, kind)?;
                let (held, _) = servant(&system, tx, &house, Use::Responder)?;
                Ok(Some((house, held)))
            }
            false => Ok(None),
        })
        .await?;
    if let Some(ready) = ready {
        return Ok(ready);
    }
    system
        .tx("trust.responder", |tx| {
            let house = house(&system, tx, kind)?;
            let (held, _) = servant(&system, tx, &house, Use::Responder)?;
            Ok((house, held))
        })
        .await
}

/// Answers an OCSP request (RFC 6960); what cannot be answered is told in the protocol's own way.
pub(crate) async fn ocsp(ctx: &Ctx, kind: Kind, request: &[u8]) -> Result<Vec<u8>> {
    let (house, held) = responder(ctx, kind).await?;
    let (now, name) = (ctx.now(), vault::kind_name(kind));
    ctx.read("trust.ocsp", |tx| {
        let responder = ocsp::Responder {
            issuer: &house.issuing.certificate,
            certificate: &held.certificate,
            key: &held.key,
            this_update: now,
            next_update: now + ANSWER_LIFE,
        };
        let mut failed = None;
        let answer = ocsp::answer(request, &responder, |serial| {
            match store::get(tx, &hex::encode(serial)) {
                Ok(Some(e)) if e.algorithm == name && e.issuer == "issuing" => e.status(),
                Ok(_) => Status::Unknown,
                Err(e) => {
                    failed = Some(e);
                    Status::Unknown
                }
            }
        });
        match failed {
            // Better no answer than "unknown" for want of a database.
            Some(e) => Err(e.into()),
            None => Ok(answer),
        }
    })
    .await
}

/// Who stamps, with the certificates above.
pub(crate) fn stamper(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<(Held, [Certificate; 2])> {
    let house = house(ctx, tx, Kind::P256)?;
    let (held, _) = servant(ctx, tx, &house, Use::Stamper)?;
    Ok((held, [house.issuing.certificate, house.root.certificate]))
}

fn clock<'a>(held: &'a Held, above: &'a [Certificate]) -> tsp::Authority<'a> {
    tsp::Authority {
        certificate: &held.certificate,
        above,
        key: &held.key,
        policy: POLICY,
        accuracy_ms: 1_000,
        ordering: false,
        named: true,
    }
}

/// A token over a digest at this moment; made off the async threads by its caller, kept by [`keep_stamp`].
pub(crate) fn stamp(
    held: &Held,
    above: &[Certificate],
    hash: Hash,
    digest: &[u8],
    serial: &[u8; 16],
    at: i64,
) -> crate::crypto::Result<Vec<u8>> {
    tsp::stamp(hash, digest, &clock(held, above), serial, at)
}

/// Remembers that a token was given out.
pub(crate) fn keep_stamp(tx: &mut Tx<'_>, serial: &[u8; 16], digest: &[u8], at: i64) -> Result<(), Fault> {
    store::insert_stamp(tx, &hex::encode(serial), &hex::encode(digest), at)
}

/// Answers a time-stamp request (RFC 3161).
pub(crate) async fn timestamp(ctx: &Ctx, request: &[u8]) -> Result<Vec<u8>> {
    let system = ctx.as_system("trust.stamp");
    let serial = ctx.random::<16>();
    let at = ctx.now();
    system
        .tx("trust.stamp", |tx| {
            let (held, above) = stamper(&system, tx)?;
            let answer = tsp::answer(request, &clock(&held, &above), &serial, at);
            // The digest that was stamped is in the request; what was asked is kept by its own digest.
            keep_stamp(tx, &serial, &crate::crypto::cms::digest(&[request]), at)?;
            Ok(answer)
        })
        .await
}

/// A token over a digest, for other modules; DER.
pub(crate) async fn token(ctx: &Ctx, hash: Hash, digest: Vec<u8>) -> Result<Vec<u8>> {
    let system = ctx.as_system("trust.stamp");
    let serial = ctx.random::<16>();
    let at = ctx.now();
    system
        .tx("trust.stamp", |tx| {
            let (held, above) = stamper(&system, tx)?;
            let token = stamp(&held, &above, hash, &digest, &serial, at).map_err(fault("time-stamp"))?;
            keep_stamp(tx, &serial, &digest, at)?;
            Ok(token)
        })
        .await
}

/// What the register says of a certificate by serial number.
pub(crate) fn status(tx: &mut Tx<'_>, serial: &[u8]) -> Result<Option<Status>, Fault> {
    Ok(store::get(tx, &hex::encode(serial))?.map(|e| e.status()))
}

/// The algorithm of a path's part.
pub(crate) fn algorithm(name: &str) -> Result<Kind> {
    Ok(kind_of(name).ok_or_else(Refusal::not_found)?)
}
