//! Sealed OFD packages (GB/T 33190) with the seal and signature of GB/T 38540, and what can be said of one that somebody brings.

use crate::authority::service::{self as authority, answers};
use crate::crypto::crl::Status;
use crate::crypto::ses::{self, Check, Holders, Info, Picture, Trust, Verdict};
use crate::crypto::x509::Certificate;
use crate::crypto::{Kind, sm};
use kernel::{Ctx, Fault, Result};

/// A seal is shown this wide and high, in millimetres.
const SHOWN: u32 = 42;

/// How a package is sealed.
pub struct Sealing<'a> {
    /// Id and name of the organisation.
    pub organisation: (&'a str, &'a str),
    /// The seal's picture, PNG.
    pub picture: Vec<u8>,
    /// Page, from 0, and the lower left corner of the seal's square from the top left of the page, in millimetres.
    pub page: usize,
    pub at: [f64; 2],
    /// Side of the square, in millimetres.
    pub side: f64,
}

/// Seals a package for an organisation; SM2 with SM3. Slow: call it outside a transaction.
pub async fn seal_ofd(ctx: &Ctx, package: Vec<u8>, s: Sealing<'_>) -> Result<Vec<u8>> {
    let signer = ctx
        .tx("trust.signers", |tx| {
            authority::signer(ctx, tx, s.organisation, Kind::Sm2)
        })
        .await?;
    let (key, certificate) = (signer.key, signer.certificate);
    let now = ctx.now();
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
            width: SHOWN,
            height: SHOWN,
        },
    };
    let (page, [x, y], side) = (s.page, s.at, s.side);
    let time = jiff::Timestamp::from_millisecond(now)
        .map_err(|e| Fault::of("sealing", e))?
        .strftime("%Y%m%d%H%M%SZ")
        .to_string();
    let done = tokio::task::spawn_blocking(move || -> Result<Vec<u8>, Fault> {
        let wrong = |e: &dyn std::fmt::Display| Fault::new(format!("sealing: {e}"));
        let seal = ses::make(&info, &certificate, &key).map_err(|e| wrong(&e))?;
        let signing = ::ofd::Signing {
            provider: "Yiwang".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            company: "Yiwang".into(),
            time,
            method: String::new(),
            seal: Some(seal.der().to_vec()),
            stamps: vec![::ofd::Stamp {
                page,
                boundary: ::ofd::Rect {
                    x,
                    y,
                    width: side,
                    height: side,
                },
                clip: None,
            }],
        };
        let prepared =
            ::ofd::prepare(&package, &::ofd::Limits::default(), &signing).map_err(|e| wrong(&e))?;
        let (digest, property) = (prepared.digest(), prepared.property_info().to_string());
        let signature =
            ses::sign(&seal, (&digest, &property), now, (&certificate, &key), None).map_err(|e| wrong(&e))?;
        prepared.finish(signature.der()).map_err(|e| wrong(&e))
    })
    .await
    .map_err(|e| Fault::of("sealing", e))?;
    Ok(done?)
}

/// One signature of a package.
#[derive(Clone, Debug)]
pub struct OfdSignature {
    /// The seal's name, and the signer's by the certificate.
    pub seal: String,
    pub signer: String,
    /// When the signer says it was, UTC milliseconds.
    pub at: Option<i64>,
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
            let issuing = authority::house(&system, tx, Kind::Sm2)?.issuing.certificate;
            Ok((authority::roots(&system, tx, Kind::Sm2)?, vec![issuing]))
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
    out.at = Some(signature.at);
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
