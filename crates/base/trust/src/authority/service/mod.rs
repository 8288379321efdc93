//! The authorities themselves and what they issue; requests and the register are in [`register`], lists, OCSP and time-stamps
//! in [`answers`].

pub(crate) mod answers;
pub(crate) mod register;

use super::model::{DAY, ENDING_DAYS, Entry, ISSUING_DAYS, RESPONDER_DAYS, ROOT_DAYS, STAMPER_DAYS, Use};
use super::store;
use crate::crypto::x509::{self, Authority, Certificate, Publication, Subject, Terms};
use crate::crypto::{Error, Kind, PrivateKey, PublicKey};
use crate::vault;
use kernel::{Ctx, Fact, Fault, Result, Tx};
use serde_json::json;

pub(crate) fn fault(context: &'static str) -> impl FnOnce(Error) -> Fault {
    move |e| Fault::of(context, e)
}

/// A key with its certificate.
#[derive(Clone)]
pub(crate) struct Held {
    pub key: PrivateKey,
    pub certificate: Certificate,
}

/// The two authorities of one algorithm.
#[derive(Clone)]
pub(crate) struct House {
    pub root: Held,
    pub issuing: Held,
}

fn terms(ctx: &Ctx, days: i64) -> Terms {
    let mut chance = |buffer: &mut [u8]| (ctx.app.chance)(buffer);
    // A day back: clocks of those who verify are not ours.
    Terms {
        serial: x509::serial(&mut chance),
        not_before: ctx.now() - DAY,
        not_after: ctx.now() + days * DAY,
    }
}

fn stored(tx: &mut Tx<'_>, alias: &str) -> Result<Option<Certificate>> {
    let der = vault::store::certificate(tx, alias)?;
    Ok(der
        .map(|d| Certificate::from_der(&d))
        .transpose()
        .map_err(fault("stored certificate"))?)
}

pub(crate) fn keep(tx: &mut Tx<'_>, alias: &str, certificate: &Certificate) -> Result<()> {
    Ok(vault::store::keep_certificate(tx, alias, certificate.der())?)
}

/// Where an authority publishes: `root` or `issuing`.
fn publication(ctx: &Ctx, which: &str, kind: Kind) -> Publication {
    let (url, k) = (&ctx.app.config.url, vault::kind_name(kind));
    Publication {
        crl: vec![format!("{url}/pki/{which}-{k}.crl")],
        ocsp: match which {
            "issuing" => vec![format!("{url}/pki/ocsp/{k}")],
            _ => Vec::new(),
        },
        issuers: vec![format!("{url}/pki/{which}-{k}.cer")],
    }
}

fn city(ctx: &Ctx) -> String {
    ctx.app.city["title"].as_str().unwrap_or("Yiwang").to_string()
}

/// How keys are named in the register: SHA-256 over the SubjectPublicKeyInfo, hex.
pub(crate) fn key_hash(key: &PublicKey) -> String {
    hex::encode(crate::crypto::cms::digest(&[&key.spki_der()]))
}

/// What goes into the register beside the certificate.
#[derive(Clone, Copy)]
pub(crate) struct Note<'a> {
    pub used_for: Use,
    /// `root`, `issuing`, or empty.
    pub issuer: &'a str,
    pub holder: &'a str,
    pub request: Option<&'a str>,
    pub replaces: Option<&'a str>,
}

/// Enters a certificate; the fact says so.
fn enter(ctx: &Ctx, tx: &mut Tx<'_>, certificate: &Certificate, note: Note<'_>) -> Result<Entry> {
    let entry = Entry {
        serial: hex::encode(&certificate.serial),
        algorithm: vault::kind_name(certificate.key.kind()).into(),
        issuer: note.issuer.into(),
        used_for: note.used_for,
        cn: certificate.subject_cn.clone(),
        o: certificate.subject_o.clone(),
        holder: note.holder.into(),
        key_hash: key_hash(&certificate.key),
        der: certificate.der().to_vec(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        revoked: None,
        request: note.request.map(String::from),
        replaces: note.replaces.map(String::from),
        version: 1,
        issued_at: ctx.now(),
    };
    store::insert(tx, &entry)?;
    let fact = Fact::new("trust.certificate.issued", &entry.serial).payload(
        json!({ "profile": note.used_for.name(), "algorithm": entry.algorithm, "replaces": note.replaces, "request": note.request }),
    );
    ctx.emit(tx, fact.touch(&super::CERTIFICATE, &entry.serial))?;
    Ok(entry)
}

/// The root that stands above the issuing authority. A root of before there was one has no room below it: it stays trusted for
/// what it signed, and a second one is made beside it.
pub(crate) fn root(ctx: &Ctx, tx: &mut Tx<'_>, kind: Kind) -> Result<Held> {
    let k = vault::kind_name(kind);
    let old = stored(tx, &format!("root-{k}"))?.is_some_and(|c| c.path_length == Some(0));
    let alias = if old {
        format!("root2-{k}")
    } else {
        format!("root-{k}")
    };
    let key = vault::key_or_make(ctx, tx, &alias, kind)?;
    if let Some(certificate) = stored(tx, &alias)? {
        return Ok(Held { key, certificate });
    }
    let city = city(ctx);
    let subject = Subject {
        cn: format!("{city} Root {k}"),
        o: city,
    };
    let certificate =
        x509::root_authority(&key, &subject, &terms(ctx, ROOT_DAYS)).map_err(fault("root certificate"))?;
    keep(tx, &alias, &certificate)?;
    let note = Note {
        used_for: Use::Root,
        issuer: "",
        holder: "",
        request: None,
        replaces: None,
    };
    enter(ctx, tx, &certificate, note)?;
    Ok(Held { key, certificate })
}

/// Every root of this instance: the one in use first, then the one of before there was an issuing authority.
pub(crate) fn roots(ctx: &Ctx, tx: &mut Tx<'_>, kind: Kind) -> Result<Vec<Certificate>> {
    let mut all = vec![root(ctx, tx, kind)?.certificate];
    let old = stored(tx, &format!("root-{}", vault::kind_name(kind)))?;
    all.extend(old.filter(|c| c.path_length == Some(0)));
    Ok(all)
}

/// Root and issuing authority, made at first use; the latter anew before it ends.
pub(crate) fn house(ctx: &Ctx, tx: &mut Tx<'_>, kind: Kind) -> Result<House> {
    let root = root(ctx, tx, kind)?;
    let k = vault::kind_name(kind);
    let alias = format!("issuing-{k}");
    let key = vault::key_or_make(ctx, tx, &alias, kind)?;
    let known = stored(tx, &alias)?;
    // What it issues must end before it does.
    if let Some(certificate) = known
        .clone()
        .filter(|c| c.not_after > ctx.now() + STAMPER_DAYS * DAY)
    {
        return Ok(House {
            root,
            issuing: Held { key, certificate },
        });
    }
    let city = city(ctx);
    let subject = Subject {
        cn: format!("{city} Issuing {k}"),
        o: city,
    };
    let publication = publication(ctx, "root", kind);
    let authority = Authority {
        certificate: &root.certificate,
        key: &root.key,
        publication: &publication,
    };
    let certificate = authority
        .issue(
            &x509::Profile::Issuing,
            &subject,
            &key.public(),
            &terms(ctx, ISSUING_DAYS),
        )
        .map_err(fault("issuing certificate"))?;
    keep(tx, &alias, &certificate)?;
    let replaces = known.map(|c| hex::encode(&c.serial));
    let note = Note {
        used_for: Use::Issuing,
        issuer: "root",
        holder: "",
        request: None,
        replaces: replaces.as_deref(),
    };
    enter(ctx, tx, &certificate, note)?;
    Ok(House {
        root,
        issuing: Held { key, certificate },
    })
}

/// Whom a certificate is for.
pub(crate) struct For<'a> {
    pub subject: Subject,
    pub key: &'a PublicKey,
    /// DNS names and addresses of a node.
    pub names: &'a [String],
    pub note: Note<'a>,
}

/// Issues under the issuing authority and enters it into the register.
pub(crate) fn issue(ctx: &Ctx, tx: &mut Tx<'_>, house: &House, f: &For<'_>) -> Result<Certificate> {
    let publication = publication(ctx, "issuing", house.issuing.key.kind());
    let authority = Authority {
        certificate: &house.issuing.certificate,
        key: &house.issuing.key,
        publication: &publication,
    };
    let profile = f.note.used_for.profile(f.names);
    let certificate = authority
        .issue(&profile, &f.subject, f.key, &terms(ctx, f.note.used_for.days()))
        .map_err(fault("certificate"))?;
    enter(ctx, tx, &certificate, f.note)?;
    Ok(certificate)
}

/// The authority's own signer of OCSP answers or time-stamps; a new certificate when half of a responder's life, or the last
/// year of a stamper's, has begun.
pub(crate) fn servant(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    house: &House,
    used_for: Use,
) -> Result<(Held, Option<Certificate>)> {
    let kind = house.issuing.key.kind();
    let alias = format!("{}-{}", used_for.name(), vault::kind_name(kind));
    let key = vault::key_or_make(ctx, tx, &alias, kind)?;
    let known = stored(tx, &alias)?;
    let left = match used_for {
        Use::Responder => RESPONDER_DAYS / 2,
        _ => 365,
    };
    if let Some(certificate) = known.clone().filter(|c| c.not_after > ctx.now() + left * DAY)
        && store::get(tx, &hex::encode(&certificate.serial))?.is_some_and(|e| e.revoked.is_none())
    {
        return Ok((Held { key, certificate }, None));
    }
    let city = city(ctx);
    let what = match used_for {
        Use::Responder => "OCSP",
        _ => "Time-Stamp",
    };
    let public = key.public();
    let f = For {
        subject: Subject {
            cn: format!("{city} {what} {}", vault::kind_name(kind)),
            o: city,
        },
        key: &public,
        names: &[],
        note: Note {
            used_for,
            issuer: "issuing",
            holder: "",
            request: None,
            replaces: None,
        },
    };
    let certificate = issue(ctx, tx, house, &f)?;
    keep(tx, &alias, &certificate)?;
    Ok((
        Held {
            key,
            certificate: certificate.clone(),
        },
        Some(certificate),
    ))
}

/// Whether the authority and its OCSP signer are all there, and none of them is due to be replaced.
pub(crate) fn settled(ctx: &Ctx, tx: &mut Tx<'_>, kind: Kind) -> Result<bool> {
    let k = vault::kind_name(kind);
    let (now, mut all) = (ctx.now(), true);
    let root = stored(tx, &format!("root-{k}"))?;
    all &= match root {
        Some(c) if c.path_length == Some(0) => stored(tx, &format!("root2-{k}"))?.is_some(),
        other => other.is_some(),
    };
    let issuing = stored(tx, &format!("issuing-{k}"))?;
    all &= issuing.is_some_and(|c| c.not_after > now + STAMPER_DAYS * DAY);
    let Some(responder) = stored(tx, &format!("responder-{k}"))? else {
        return Ok(false);
    };
    let entry = store::get(tx, &hex::encode(&responder.serial))?;
    all &= responder.not_after > now + RESPONDER_DAYS / 2 * DAY && entry.is_some_and(|e| e.revoked.is_none());
    Ok(all)
}

/// With what an organisation seals.
pub(crate) struct Signer {
    pub key: PrivateKey,
    pub certificate: Certificate,
    /// The certificates above, up to the root.
    pub above: Vec<Certificate>,
}

/// Key and certificate with which an organisation (id, name) seals; a new certificate when the old one ends within 30 days.
///
/// # Errors
/// `trust-seal-held` and `trust-seal-revoked` (409) until an official releases it or has a new one issued.
pub(crate) fn signer(ctx: &Ctx, tx: &mut Tx<'_>, organisation: (&str, &str), kind: Kind) -> Result<Signer> {
    let (id, name) = organisation;
    let alias = format!("seal-{}:{id}", vault::kind_name(kind));
    let key = vault::key_or_make(ctx, tx, &alias, kind)?;
    let house = house(ctx, tx, kind)?;
    let known = stored(tx, &alias)?;
    let mut replaces = None;
    if let Some(certificate) = known {
        let serial = hex::encode(&certificate.serial);
        let entry = store::get(tx, &serial)?;
        match entry.as_ref().map(|e| e.state(ctx.now())) {
            Some("held") => return Err(kernel::Refusal::new("trust-seal-held").status(409).into()),
            Some("revoked") => return Err(kernel::Refusal::new("trust-seal-revoked").status(409).into()),
            _ => {}
        }
        if certificate.not_after > ctx.now() + ENDING_DAYS * DAY {
            let above = match entry {
                Some(_) => vec![house.issuing.certificate, house.root.certificate],
                // Issued by the old root, of before there was a register.
                None => roots(ctx, tx, kind)?.split_off(1),
            };
            return Ok(Signer {
                key,
                certificate,
                above,
            });
        }
        replaces = entry.map(|_| serial);
    }
    let certificate = seal_certificate(ctx, tx, &house, (id, name), &key.public(), replaces.as_deref())?;
    keep(tx, &alias, &certificate)?;
    Ok(Signer {
        key,
        certificate,
        above: vec![house.issuing.certificate, house.root.certificate],
    })
}

fn seal_certificate(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    house: &House,
    (id, name): (&str, &str),
    key: &PublicKey,
    replaces: Option<&str>,
) -> Result<Certificate> {
    // 演示: a demonstration seal must never be taken for the real one.
    let cn = if ctx.app.config.demo {
        format!("{name}（演示）")
    } else {
        name.to_string()
    };
    let f = For {
        subject: Subject {
            cn,
            o: name.to_string(),
        },
        key,
        names: &[],
        note: Note {
            used_for: Use::Seal,
            issuer: "issuing",
            holder: id,
            request: None,
            replaces,
        },
    };
    issue(ctx, tx, house, &f)
}
