//! What the floors above may ask of trust.

use crate::crypto::{Kind, pades};
use crate::{epoch, log, seal, vault, witness};
use kernel::{Ctx, Fault, Refusal, Result};
use merkle::Hashing;
use std::path::Path;

pub use crate::crypto::pades::{Change, Verified, Widget};
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
    let ((p256, cert, root), (sm2, _, _)) = ctx
        .tx("trust.signers", |tx| {
            Ok((
                seal::signer(ctx, tx, organisation, Kind::P256)?,
                seal::signer(ctx, tx, organisation, Kind::Sm2)?,
            ))
        })
        .await?;
    let (at, reason, name) = (ctx.now(), reason.to_string(), organisation.1.to_string());
    let done = tokio::task::spawn_blocking(move || -> crate::crypto::Result<Sealed> {
        let chain = [cert.der().to_vec(), root.der().to_vec()];
        let spec = pades::Spec {
            key: &p256,
            chain: &chain,
            at,
            name: &name,
            reason: &reason,
            location: "",
            widget: Some(widget),
        };
        let pdf = pades::sign(&pdf, &spec)?;
        let sm2 = sm2.sign(&pdf)?;
        Ok(Sealed { pdf, sm2 })
    })
    .await
    .map_err(|e| Fault::of("sealing", e))?;
    Ok(done.map_err(|e| Fault::of("sealing", e))?)
}

/// Checks the newest signature of any PDF against this instance's root.
pub async fn verify_pdf(ctx: &Ctx, pdf: &[u8]) -> Result<Verified> {
    let root = root_certificate(ctx, Kind::P256).await?;
    Ok(pades::verify(pdf, &[root.0]))
}

/// The key of this name, made at first use and kept sealed; for modules that sign things of their own.
pub fn key(ctx: &Ctx, tx: &mut kernel::Tx<'_>, alias: &str, kind: Kind) -> Result<crate::crypto::PrivateKey> {
    vault::key_or_make(ctx, tx, alias, kind)
}

/// The root certificate of one algorithm as DER and PEM.
pub async fn root_certificate(ctx: &Ctx, kind: Kind) -> Result<(Vec<u8>, String)> {
    let system = ctx.as_system("trust.root");
    let (_, root) = system
        .tx("trust.root", |tx| seal::root(&system, tx, kind))
        .await?;
    Ok((root.der().to_vec(), root.pem()))
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
