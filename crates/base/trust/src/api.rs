//! What the floors above may ask of trust.

use crate::authority::service::{self as authority, answers};
use crate::crypto::crl::Status;
use crate::crypto::x509::Certificate;
use crate::crypto::{Hash, Kind, pades};
use crate::{epoch, log, vault, witness};
use kernel::{Ctx, Fault, Refusal, Result};
use merkle::Hashing;
use std::path::Path;

pub use crate::crypto::pades::{Change, Verified, Widget};
pub use crate::holding::{SealCertificate, known_seal_certificate, retire_seal, seal_certificate};
pub use crate::log::proof;
pub use crate::ofd::{OfdReport, OfdSignature, Sealing, seal_ofd, verify_ofd};
pub use crate::token::{ModuleStatus, module_status};

/// A sealed file: the PDF with its PAdES signature, and a detached SM2 signature over exactly those bytes.
pub struct Sealed {
    pub pdf: Vec<u8>,
    /// DER `SEQUENCE { r, s }`, signer id `1234567812345678`.
    pub sm2: Vec<u8>,
}

/// Seals a PDF for an organisation (id, name). Slow (two signatures, one parse): call it outside a transaction.
pub async fn seal_pdf(
    ctx: &Ctx,
    organisation: (&str, &str),
    pdf: Vec<u8>,
    reason: &str,
    widget: Widget,
) -> Result<Sealed> {
    let (p256, sm2, (clock, above)) = ctx
        .tx("trust.signers", |tx| {
            Ok((
                authority::signer(ctx, tx, organisation, Kind::P256)?,
                authority::signer(ctx, tx, organisation, Kind::Sm2)?,
                answers::stamper(ctx, tx)?,
            ))
        })
        .await?;
    let (at, reason, name) = (ctx.now(), reason.to_string(), organisation.1.to_string());
    let serial = ctx.random::<16>();
    let done = tokio::task::spawn_blocking(move || -> crate::crypto::Result<(Sealed, [u8; 32])> {
        let chain: Vec<Vec<u8>> = std::iter::once(&p256.certificate)
            .chain(&p256.above)
            .map(|c| c.der().to_vec())
            .collect();
        let spec = pades::Spec {
            key: &p256.key,
            chain: &chain,
            at,
            name: &name,
            reason: &reason,
            location: "",
            widget: Some(widget),
        };
        let mut stamped = [0u8; 32];
        let pdf = pades::sign_stamped(&pdf, &spec, &mut |digest| {
            stamped = *digest;
            answers::stamp(&clock, &above, Hash::Sha256, digest, &serial, at)
        })?;
        let sm2 = sm2.key.sign(&pdf)?;
        Ok((Sealed { pdf, sm2 }, stamped))
    })
    .await
    .map_err(|e| Fault::of("sealing", e))?;
    let (sealed, stamped) = done.map_err(|e| Fault::of("sealing", e))?;
    ctx.tx("trust.keep-stamp", |tx| {
        Ok(answers::keep_stamp(tx, &serial, &stamped, at)?)
    })
    .await?;
    Ok(sealed)
}

/// The newest signature of a PDF, and what the register says of its certificate.
#[derive(Clone, Debug)]
pub struct Judged {
    pub signature: Verified,
    /// When the certificate was revoked, in UTC milliseconds, and whether the signature is proved to be older than that.
    pub revoked: Option<(i64, bool)>,
}

/// Checks the newest signature of any PDF against this instance's roots and register.
pub async fn verify_pdf(ctx: &Ctx, pdf: &[u8]) -> Result<Judged> {
    let system = ctx.as_system("trust.root");
    let roots = system
        .tx("trust.roots", |tx| authority::roots(&system, tx, Kind::P256))
        .await?;
    let roots: Vec<Vec<u8>> = roots.iter().map(|c| c.der().to_vec()).collect();
    let mut signature = pades::verify(pdf, &roots);
    let status = ctx
        .read("trust.status", |tx| Ok(answers::status(tx, &signature.serial)?))
        .await?;
    let mut revoked = None;
    if let Some(status @ Status::Revoked(r)) = status {
        // Only a trusted time-stamp proves when it was signed: whoever has the key can claim any time.
        let proved = signature
            .stamp
            .as_ref()
            .filter(|s| s.trusted && s.problem.is_none());
        let held = proved.is_some_and(|s| status.held_at(s.at));
        signature.trusted &= held;
        revoked = Some((r.at, held));
    }
    Ok(Judged { signature, revoked })
}

/// A time-stamp token (RFC 3161, DER) over a digest.
///
/// # Errors
/// A fault for a digest whose length is not the hash's, or for SHA-1.
pub async fn timestamp(ctx: &Ctx, hash: Hash, digest: Vec<u8>) -> Result<Vec<u8>> {
    answers::token(ctx, hash, digest).await
}

/// Answers a time-stamp request (RFC 3161, DER) in the protocol's own way.
pub async fn timestamp_reply(ctx: &Ctx, request: &[u8]) -> Result<Vec<u8>> {
    answers::timestamp(ctx, request).await
}

/// The key of this name, made at first use and kept sealed; for modules that sign things of their own.
pub fn key(ctx: &Ctx, tx: &mut kernel::Tx<'_>, alias: &str, kind: Kind) -> Result<crate::crypto::PrivateKey> {
    vault::key_or_make(ctx, tx, alias, kind)
}

/// The root certificate of one algorithm as DER, and as PEM every root that is trusted.
pub async fn root_certificate(ctx: &Ctx, kind: Kind) -> Result<(Vec<u8>, String)> {
    let system = ctx.as_system("trust.root");
    let roots = system
        .tx("trust.root", |tx| authority::roots(&system, tx, kind))
        .await?;
    let der = roots.first().map(|c| c.der().to_vec()).unwrap_or_default();
    Ok((der, roots.iter().map(Certificate::pem).collect()))
}

/// Public half of the key with which an organisation makes its detached SM2 signatures.
pub async fn sm2_public_pem(ctx: &Ctx, organisation: &str) -> Result<String> {
    let alias = format!("seal-sm2:{organisation}");
    let pem = ctx
        .read("trust.sm2-key", |tx| Ok(vault::public_pem(tx, &alias)?))
        .await?;
    Ok(pem.ok_or_else(Refusal::not_found)?)
}

const LOG_USAGE: &str =
    "usage: yiwang log export DIR | witness add FILE | witness remove NAME | witness list";

/// `yiwang log …`: the log as files, which `yiwang-verify` reads; the other logs that are witnessed here.
pub(crate) fn log_command(ctx: Ctx, words: Vec<String>) -> kernel::module::JobFuture {
    kernel::module::boxed(async move {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["export", dir] => {
                kernel::job::follow(&ctx.app).await?;
                let size = export(&ctx, Path::new(dir)).await?;
                println!("{size} entries in {dir}");
            }
            ["witness", "add", file] => {
                let keys =
                    std::fs::read_to_string(file).map_err(|e| Fault::of(format!("cannot read {file}"), e))?;
                println!("{}", witness::add(&ctx, &keys).await?);
            }
            ["witness", "remove", name] => witness::remove(&ctx, name).await?,
            ["witness", "list"] => {
                for (name, size) in witness::list(&ctx).await? {
                    println!("{name}\t{size}");
                }
            }
            _ => return Err(Fault::new(LOG_USAGE).into()),
        }
        Ok(())
    })
}

/// Writes the whole log as files, as it is served: the current epoch into the folder, ended ones below `epoch/N`. Returns
/// the size of the current one.
pub async fn export(ctx: &Ctx, dir: &Path) -> Result<u64> {
    let epochs = ctx.read("trust.epochs", |tx| Ok(epoch::all(tx)?)).await?;
    let mut size = 0;
    for (n, e) in epochs.iter().enumerate() {
        let root = if n + 1 == epochs.len() {
            dir.to_path_buf()
        } else {
            dir.join(format!("epoch/{}", e.number))
        };
        size = export_epoch(ctx, e.number, &root).await?;
    }
    Ok(size)
}

async fn export_epoch(ctx: &Ctx, epoch: i64, root: &Path) -> Result<u64> {
    let note = log::checkpoint(ctx, Hashing::Sha256, Some(epoch)).await?;
    let head = merkle::Checkpoint::parse(&note).map_err(|e| Fault::new(e.to_string()))?;
    let write = |name: &str, bytes: &[u8]| -> Result<(), Fault> {
        let path = root.join(name);
        let made = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, bytes));
        made.map_err(|e| Fault::of(format!("cannot write {}", path.display()), e))
    };
    let mut first = 0u64;
    while first < head.size {
        let width = (head.size - first).min(256) as u16;
        let bundle = log::tile(ctx, Hashing::Sha256, Some(epoch), None, first / 256, width).await?;
        write(
            &merkle::entries_path(first / 256, (width < 256).then_some(width)),
            &bundle,
        )?;
        first += u64::from(width);
    }
    let key = log::verifier(ctx, Hashing::Sha256, Some(epoch)).await?;
    write("key", (key + "\n").as_bytes())?;
    let (have, want) = ctx.read("trust.progress", |tx| Ok(log::progress(tx)?)).await?;
    // While it is being built its head is not of these entries.
    if have == want {
        let key = log::verifier(ctx, Hashing::Sm3, Some(epoch)).await?;
        write("sm3/key", (key + "\n").as_bytes())?;
        let head = log::checkpoint(ctx, Hashing::Sm3, Some(epoch)).await?;
        write("sm3/checkpoint", head.as_bytes())?;
    }
    // Last: a reader that finds the head finds everything under it.
    write("checkpoint", note.as_bytes())?;
    Ok(head.size)
}

/// The newest signed head of the log.
pub async fn checkpoint(ctx: &Ctx) -> Result<String> {
    log::checkpoint(ctx, Hashing::Sha256, None).await
}
