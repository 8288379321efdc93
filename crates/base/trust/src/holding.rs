//! What is asked of a seal's keys besides sealing: the certificate as people see it, and the end of the keys.

use crate::authority::service as authority;
use crate::authority::service::register::retire;
use crate::crypto::x509::Certificate;
use crate::crypto::{Error, Kind};
use crate::vault;
use kernel::{Ctx, Fact, Fault, Result, Tx, params};

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
    let der: Option<Option<Vec<u8>>> = tx.scalar(
        "SELECT certificate FROM trust_key WHERE alias = $1",
        params![alias(id, kind)],
    )?;
    der.flatten()
        .map(|der| Certificate::from_der(&der).map(|c| shown(&c)))
        .transpose()
        .map_err(|e: Error| Fault::of("stored certificate", e))
}

/// Destroys the private keys of a seal and revokes its certificates; what it sealed before still verifies by its time-stamps.
pub fn retire_seal(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<()> {
    for kind in [Kind::P256, Kind::Sm2] {
        let known = known_seal_certificate(tx, id, kind)?;
        let alias = alias(id, kind);
        // The key store cannot open an empty secret, and makes no second key of a name.
        let gone = tx.execute(
            "UPDATE trust_key SET sealed = $2, retired_at = $3, version = version + 1 WHERE alias = $1 AND retired_at IS NULL",
            params![alias.as_str(), Vec::<u8>::new(), ctx.now()],
        )?;
        if gone == 1 {
            if let Some(certificate) = known {
                retire(ctx, tx, &certificate.serial)?;
            }
            ctx.emit(
                tx,
                Fact::new("trust.key.retired", &alias).touch(&vault::KEY, &alias),
            )?;
        }
    }
    Ok(())
}
