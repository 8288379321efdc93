//! Sealed OFD packages (GB/T 33190) with the seal and signature of GB/T 38540, and what can be said of one that somebody brings.

use crate::authority::service::{self as authority, answers};
use crate::crypto::crl::Status;
use crate::crypto::ses::{self, Check, Holders, Info, Picture, Trust, Verdict};
use crate::crypto::x509::Certificate;
use crate::crypto::{Hash, Kind, sm};
use kernel::{Ctx, Fault, Result};

/// How a package is sealed.
pub struct Sealing<'a> {
    /// Id and name of the organisation.
    pub organisation: (&'a str, &'a str),
    /// The seal's picture, PNG.
    pub picture: Vec<u8>,
    /// Where it shows: page, from 0, and the middle of the seal from the top left of the page, in millimetres. One signature
    /// for all of them.
    pub places: Vec<(usize, [f64; 2])>,
    /// Side of the picture's square, in millimetres.
    pub side: f64,
}

/// Seals a package for an organisation: SM2 with SM3, and a time-stamp over the signature. Slow: call it outside a
/// transaction.
pub async fn seal_ofd(ctx: &Ctx, package: Vec<u8>, s: Sealing<'_>) -> Result<Vec<u8>> {
    let (signer, (clock, above)) = ctx
        .tx("trust.signers", |tx| {
            let signer = authority::signer(ctx, tx, s.organisation, Kind::Sm2)?;
            Ok((signer, answers::stamper(ctx, tx)?))
        })
        .await?;
    let (key, certificate) = (signer.key, signer.certificate);
    let now = ctx.now();
    let shown = s.side.round().clamp(1.0, 1000.0) as u32;
    let info = Info {
        vendor: "YIWANG".into(),
        id: hex::encode(&sm::sm3(format!("{}:{}", ctx.node(), s.organisation.0).as_bytes())[..16]),
        kind: 1,
        name: s.organisation.1.to_string(),
        holders: Holders::digests(std::slice::from_ref(&certificate)),
        created: now,
        valid_from: certificate.not_before,
        valid_to: certificate.not_after,
        picture: Picture {
            kind: "PNG".into(),
            data: s.picture,
            width: shown,
            height: shown,
        },
    };
    let (places, side) = (s.places, s.side);
    let serial = ctx.random::<16>();
    let time = jiff::Timestamp::from_millisecond(now)
        .map_err(|e| Fault::of("sealing", e))?
        .strftime("%Y%m%d%H%M%SZ")
        .to_string();
    let done = tokio::task::spawn_blocking(move || -> Result<(Vec<u8>, [u8; 32]), Fault> {
        let wrong = |e: &dyn std::fmt::Display| Fault::new(format!("sealing: {e}"));
        let seal = ses::make(&info, &certificate, &key).map_err(|e| wrong(&e))?;
        let signing = ::ofd::Signing {
            provider: "Yiwang".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            company: "Yiwang".into(),
            time,
            method: String::new(),
            seal: Some(seal.der().to_vec()),
            stamps: places
                .into_iter()
                .map(|(page, [x, y])| ::ofd::Stamp {
                    page,
                    boundary: ::ofd::Rect {
                        x: x - side / 2.0,
                        y: y - side / 2.0,
                        width: side,
                        height: side,
                    },
                    clip: None,
                })
                .collect(),
        };
        let prepared =
            ::ofd::prepare(&package, &::ofd::Limits::default(), &signing).map_err(|e| wrong(&e))?;
        let (digest, property) = (prepared.digest(), prepared.property_info().to_string());
        let mut stamped = [0u8; 32];
        let mut stamp = |value: &[u8; 32]| {
            stamped = *value;
            answers::stamp(&clock, &above, Hash::Sha256, value, &serial, now)
        };
        let by = (&certificate, &key);
        let signature =
            ses::sign(&seal, (&digest, &property), now, by, Some(&mut stamp)).map_err(|e| wrong(&e))?;
        Ok((prepared.finish(signature.der()).map_err(|e| wrong(&e))?, stamped))
    })
    .await
    .map_err(|e| Fault::of("sealing", e))?;
    let (sealed, stamped) = done?;
    ctx.tx("trust.keep-stamp", |tx| {
        Ok(answers::keep_stamp(tx, &serial, &stamped, now)?)
    })
    .await?;
    Ok(sealed)
}

/// One signature of a package.
#[derive(Clone, Debug)]
pub struct OfdSignature {
    /// The seal's name, and the signer's by the certificate.
    pub seal: String,
    pub signer: String,
    /// When it was, UTC milliseconds: as a time-stamp of this city proves, else as the signer says.
    pub at: Option<i64>,
    /// Whether a time-stamp of this city proves the time.
    pub proved: bool,
    /// When its certificate was revoked, UTC milliseconds.
    pub revoked: Option<i64>,
    /// Every part of the package is covered and unchanged.
    pub whole: bool,
    /// Parts that changed, are missing, or are not covered.
    pub parts: Vec<String>,
    /// The cryptography holds, and the certificates lead to this city's root.
    pub stands: bool,
    /// What fails, in English for logs.
    pub fails: Vec<&'static str>,
}

/// What can be said of a package.
#[derive(Clone, Debug)]
pub struct OfdReport {
    pub title: String,
    pub pages: usize,
    pub signatures: Vec<OfdSignature>,
}

/// Reads a hostile package; the inner error says in English why it is none.
pub async fn verify_ofd(ctx: &Ctx, package: Vec<u8>) -> Result<Result<OfdReport, String>> {
    let system = ctx.as_system("trust.root");
    let (roots, pool) = system
        .tx("trust.root", |tx| {
            let (mut roots, mut pool) = (Vec::new(), Vec::new());
            // Seals are SM2, the clock of the time-stamps is P-256.
            for kind in [Kind::Sm2, Kind::P256] {
                pool.push(authority::house(&system, tx, kind)?.issuing.certificate);
                roots.extend(authority::roots(&system, tx, kind)?);
            }
            Ok((roots, pool))
        })
        .await?;
    let read = tokio::task::spawn_blocking(move || {
        ::ofd::read(&package, &::ofd::Limits::default()).map_err(|e| e.to_string())
    });
    let read = match read.await.map_err(|e| Fault::of("reading", e))? {
        Ok(read) => read,
        Err(why) => return Ok(Err(why)),
    };
    let signers: Vec<Option<Status>> = {
        let serials: Vec<Vec<u8>> = read.signatures.iter().map(serial).collect();
        ctx.read("trust.status", |tx| {
            serials
                .iter()
                .map(|s| Ok(answers::status(tx, s)?))
                .collect::<Result<_>>()
        })
        .await?
    };
    let done = tokio::task::spawn_blocking(move || {
        let pairs = read.signatures.iter().zip(signers);
        let signatures = pairs
            .map(|(s, status)| judged(s, &roots, &pool, status))
            .collect();
        OfdReport {
            title: read.title.clone(),
            pages: read.pages.len(),
            signatures,
        }
    });
    Ok(Ok(done.await.map_err(|e| Fault::of("reading", e))?))
}

/// Serial number of a signature's certificate; empty when it is none.
fn serial(s: &::ofd::Signature) -> Vec<u8> {
    let value = s.signed_value.as_deref().unwrap_or_default();
    ses::Signature::from_der(value).map_or_else(|_| Vec::new(), |s| s.signer.serial)
}

fn judged(
    s: &::ofd::Signature,
    roots: &[Certificate],
    pool: &[Certificate],
    known: Option<Status>,
) -> OfdSignature {
    let changed = s.references.iter().filter(|r| r.state != ::ofd::State::Matches);
    let parts = changed
        .map(|r| r.path.clone())
        .chain(s.uncovered.iter().cloned())
        .collect();
    let mut out = OfdSignature {
        seal: String::new(),
        signer: String::new(),
        at: None,
        proved: false,
        revoked: None,
        whole: s.whole(),
        parts,
        stands: false,
        fails: Vec::new(),
    };
    let signature = match ses::Signature::from_der(s.signed_value.as_deref().unwrap_or_default()) {
        Ok(signature) => signature,
        Err(_) => {
            out.fails.push("not a signature of GB/T 38540");
            return out;
        }
    };
    out.seal = signature.seal.info.name.clone();
    out.signer = match signature.signer.subject_o.as_str() {
        "" => signature.signer.subject_cn.clone(),
        organisation => organisation.to_string(),
    };
    let makers = std::slice::from_ref(&signature.signer);
    // The signer makes the seal here, so its name must be the one that our certificate confirms.
    let mut status = |c: &Certificate| known.filter(|_| c.serial == signature.signer.serial);
    let mut trust = Trust {
        roots,
        pool,
        makers,
        status: &mut status,
    };
    let report = signature.verify(&::ofd::sm3(&s.xml), &mut trust);
    out.at = Some(report.at);
    out.proved = matches!(report.verdict(Check::Timestamp), Verdict::Holds(_));
    out.revoked = match known {
        Some(Status::Revoked(r)) => Some(r.at),
        _ => None,
    };
    out.fails
        .extend(report.findings.iter().filter_map(|f| match f.verdict {
            Verdict::Fails(why) => Some(why),
            _ => None,
        }));
    if out.seal != out.signer {
        out.fails.push("the seal is named otherwise than its signer");
    }
    if signature.property.trim_start_matches('/') != s.path.trim_start_matches('/') {
        out.fails.push("the signature is of another description");
    }
    if s.seal.as_deref() != Some(signature.seal.der()) {
        out.fails.push("the seal in the package is another");
    }
    let core = !matches!(report.verdict(Check::Signature), Verdict::Fails(_));
    out.stands = core && out.whole && out.fails.is_empty();
    out
}
