//! Seal certificates: a root of this instance for each algorithm, and a signer for each organisation under it.

use crate::crypto::x509::{self, Certificate, Subject, Terms};
use crate::crypto::{Error, Kind, PrivateKey};
use crate::vault;
use kernel::{Ctx, Fault, Result, Tx, params};

const DAY: i64 = 86_400_000;
const ROOT_DAYS: i64 = 20 * 365;
const SIGNER_DAYS: i64 = 3 * 365;

fn fault(context: &'static str) -> impl FnOnce(Error) -> Fault {
    move |e| Fault::of(context, e)
}

fn terms(ctx: &Ctx, days: i64) -> Terms {
    let mut serial = ctx.random::<16>().to_vec();
    serial[0] = (serial[0] & 0x7f) | 0x01;
    // A day back: clocks of those who verify are not ours.
    Terms {
        serial,
        not_before: ctx.now() - DAY,
        not_after: ctx.now() + days * DAY,
    }
}

fn stored(tx: &mut Tx<'_>, alias: &str) -> Result<Option<Certificate>> {
    let der: Option<Option<Vec<u8>>> = tx
        .one(
            "SELECT certificate FROM trust_key WHERE alias = $1",
            params![alias],
        )?
        .map(|r| r.get("certificate"))
        .transpose()?;
    Ok(der
        .flatten()
        .map(|d| Certificate::from_der(&d))
        .transpose()
        .map_err(fault("stored certificate"))?)
}

fn keep(tx: &mut Tx<'_>, alias: &str, certificate: &Certificate) -> Result<()> {
    tx.execute(
        "UPDATE trust_key SET certificate = $2 WHERE alias = $1",
        params![alias, certificate.der().to_vec()],
    )?;
    Ok(())
}

fn root_alias(kind: Kind) -> String {
    format!("root-{}", vault::kind_name(kind))
}

/// The root of this instance, made at first use.
pub(crate) fn root(ctx: &Ctx, tx: &mut Tx<'_>, kind: Kind) -> Result<(PrivateKey, Certificate)> {
    let alias = root_alias(kind);
    let key = vault::key_or_make(ctx, tx, &alias, kind)?;
    if let Some(known) = stored(tx, &alias)? {
        return Ok((key, known));
    }
    let city = ctx.app.city["title"].as_str().unwrap_or("Yiwang");
    let subject = Subject {
        cn: format!("{city} Root {}", vault::kind_name(kind)),
        o: city.to_string(),
    };
    let made = x509::root(&key, &subject, &terms(ctx, ROOT_DAYS)).map_err(fault("root certificate"))?;
    keep(tx, &alias, &made)?;
    Ok((key, made))
}

/// Key and certificate with which an organisation seals; a new certificate when the old one runs out within 30 days.
pub(crate) fn signer(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    organisation: (&str, &str),
    kind: Kind,
) -> Result<(PrivateKey, Certificate, Certificate)> {
    let (id, name) = organisation;
    let (root_key, root) = root(ctx, tx, kind)?;
    let alias = format!("seal-{}:{id}", vault::kind_name(kind));
    let key = vault::key_or_make(ctx, tx, &alias, kind)?;
    if let Some(known) = stored(tx, &alias)?
        && known.not_after > ctx.now() + 30 * DAY
    {
        return Ok((key, known, root));
    }
    // 演示: a demonstration seal must never be taken for the real one.
    let cn = if ctx.app.config.demo {
        format!("{name}（演示）")
    } else {
        name.to_string()
    };
    let subject = Subject {
        cn,
        o: name.to_string(),
    };
    let made = x509::issue(
        &root,
        &root_key,
        &subject,
        &key.public(),
        &terms(ctx, SIGNER_DAYS),
    )
    .map_err(fault("seal certificate"))?;
    keep(tx, &alias, &made)?;
    Ok((key, made, root))
}
