//! What is asked of a seal's keys besides sealing: the certificate as people see it, and the end of the keys.

use crate::authority::service as authority;
use crate::authority::service::register::retire;
use crate::crypto::x509::Certificate;
use crate::crypto::{Error, Kind};
use crate::vault;
use kernel::{Ctx, Fault, Result, Tx};

/// What stands in the certificate of a seal.
#[derive(Clone, Debug, PartialEq)]
pub struct SealCertificate {
    /// Common name of the subject.
    pub subject: String,
    /// Hex.
    pub serial: String,
    /// UTC milliseconds.
    pub not_before: i64,
    pub not_after: i64,
    pub pem: String,
}

fn shown(c: &Certificate) -> SealCertificate {
    SealCertificate {
        subject: c.subject_cn.clone(),
        serial: hex::encode(&c.serial),
        not_before: c.not_before,
        not_after: c.not_after,
        pem: c.pem(),
    }
}

fn alias(id: &str, kind: Kind) -> String {
    format!("seal-{}:{id}", vault::kind_name(kind))
}

/// The certificate with which a seal (name of its keys, organisation's name) seals; keys and certificate are made now when
/// there are none.
pub async fn seal_certificate(ctx: &Ctx, seal: (&str, &str), kind: Kind) -> Result<SealCertificate> {
    let signer = ctx
        .tx("trust.signers", |tx| authority::signer(ctx, tx, seal, kind))
        .await?;
    Ok(shown(&signer.certificate))
}

/// The same as it stands; `None` before the first use.
pub fn known_seal_certificate(
    tx: &mut Tx<'_>,
    id: &str,
    kind: Kind,
) -> Result<Option<SealCertificate>, Fault> {
    vault::store::certificate(tx, &alias(id, kind))?
        .map(|der| Certificate::from_der(&der).map(|c| shown(&c)))
        .transpose()
        .map_err(|e: Error| Fault::of("stored certificate", e))
}

/// Destroys the private keys of a seal and revokes its certificates; what it sealed before still verifies by its time-stamps.
pub fn retire_seal(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<()> {
    for kind in [Kind::P256, Kind::Sm2] {
        let known = known_seal_certificate(tx, id, kind)?;
        if vault::retire(ctx, tx, &alias(id, kind))?
            && let Some(certificate) = known
        {
            retire(ctx, tx, &certificate.serial)?;
        }
    }
    Ok(())
}
