//! Time-stamps (RFC 3161): the seam between the service and whoever stamps.
//!
//! Until the city's own authority takes it over (`trust::api`), a stamping key and its certificate are made here under the
//! root of this instance; [`answer`] is all that would change.

use kernel::{Ctx, Fault, Result, Tx};
use trust::crypto::tsp::{self, Authority};
use trust::crypto::x509::{self, Certificate, Profile, Publication, Subject, Terms};
use trust::crypto::{Kind, PrivateKey};

/// Alias of the key, and name of the setting that holds its certificate in hex.
const ALIAS: &str = "cipher-tsa";
/// Policy of the stamps: below the arc for examples (ITU-T X.660), until the city has one of its own.
const POLICY: &str = "2.999.1";
const DAY: i64 = 86_400_000;
const LIFE: i64 = 3 * 365 * DAY;

struct Stamper {
    key: PrivateKey,
    certificate: Certificate,
    root: Certificate,
}

fn fault(e: trust::crypto::Error) -> Fault {
    Fault::of("time-stamp authority", e)
}

fn stamper(ctx: &Ctx, tx: &mut Tx<'_>, root: &Certificate) -> Result<Stamper> {
    let key = trust::api::key(ctx, tx, ALIAS, Kind::P256)?;
    let known = kernel::setting::get(tx, ALIAS)?;
    let known = known
        .and_then(|text| hex::decode(text).ok())
        .and_then(|der| Certificate::from_der(&der).ok())
        .filter(|c| c.not_after > ctx.now() + 30 * DAY);
    let certificate = match known {
        Some(certificate) => certificate,
        None => {
            let made = issue(ctx, tx, root, &key)?;
            kernel::setting::put(tx, ALIAS, &hex::encode(made.der()))?;
            made
        }
    };
    Ok(Stamper {
        key,
        certificate,
        root: root.clone(),
    })
}

fn issue(ctx: &Ctx, tx: &mut Tx<'_>, root: &Certificate, key: &PrivateKey) -> Result<Certificate> {
    let root_key = trust::api::key(ctx, tx, "root-p256", Kind::P256)?;
    let city = ctx.app.city["title"].as_str().unwrap_or("Yiwang");
    let subject = Subject {
        cn: format!("{city} TSA"),
        o: city.to_string(),
    };
    let chance = ctx.app.chance.clone();
    let terms = Terms {
        serial: x509::serial(&mut |buffer| chance(buffer)),
        not_before: ctx.now() - DAY,
        not_after: (ctx.now() + LIFE).min(root.not_after),
    };
    let authority = x509::Authority {
        certificate: root,
        key: &root_key,
        publication: &Publication::default(),
    };
    let made = authority.issue(&Profile::TimestampAuthority, &subject, &key.public(), &terms);
    Ok(made.map_err(fault)?)
}

/// Answers a DER TimeStampReq with a DER TimeStampResp; a refusal of the protocol is an answer too.
pub(crate) async fn answer(ctx: &Ctx, request: Vec<u8>) -> Result<Vec<u8>> {
    let (root, _) = trust::api::root_certificate(ctx, Kind::P256).await?;
    let root = Certificate::from_der(&root).map_err(fault)?;
    let system = ctx.as_system("cipher.stamp");
    let stamper = system
        .tx("cipher.stamper", |tx| stamper(&system, tx, &root))
        .await?;
    let chance = ctx.app.chance.clone();
    let at = ctx.now();
    let done = tokio::task::spawn_blocking(move || {
        let serial = x509::serial(&mut |buffer| chance(buffer));
        let above = [stamper.root.clone()];
        let authority = Authority {
            certificate: &stamper.certificate,
            above: &above,
            key: &stamper.key,
            policy: POLICY,
            accuracy_ms: 1000,
            ordering: false,
            named: true,
        };
        tsp::answer(&request, &authority, &serial, at)
    });
    Ok(done.await.map_err(|e| Fault::of("time-stamp", e))?)
}
