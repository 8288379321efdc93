//! What the floors above may ask of seals.

use crate::seal::model::Seal;
use crate::seal::store as seals;
use crate::usage::model::Who;
use crate::usage::service::{self, Reserved, Which, digests};
use crate::usage::store as uses;
use crate::{draw, seal};
use kernel::{Ctx, Fault, Result, Tx};
use std::sync::Arc;
use trust::api::Widget;

pub use crate::usage::service::Occasion;

pub(crate) const MM: f64 = 25.4 / 72.0;

/// What an official would leave without a keeper: (text, number).
pub fn unfinished(ctx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<Vec<(String, i64)>> {
    Ok(vec![(ctx.t("seals-unfinished", &[]), seals::kept_by(tx, actor)?)])
}

/// Where a seal stands on a PDF page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// From 1.
    pub page: u32,
    /// The seal's middle from the lower left corner, in points.
    pub centre: [f64; 2],
}

/// Where a seal stands on an OFD page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfdPlace {
    /// From 0.
    pub page: usize,
    /// The seal's middle from the top left corner, in millimetres.
    pub centre: [f64; 2],
}

/// A PDF that was sealed.
pub struct Sealed {
    pub pdf: Vec<u8>,
    /// See [`trust::api::Sealed::sm2`].
    pub sm2: Vec<u8>,
    /// Id of the seal.
    pub seal: String,
}

/// Seals a PDF for the processes with the organisation's active seal whose standing grant covers the occasion. Slow: call it
/// outside a transaction.
///
/// # Errors
/// A refusal (409) when there is no such seal, it is suspended, or nothing is granted; the try is logged. What was to be
/// issued waits until [`READY`] facts come.
pub async fn seal_pdf(
    ctx: &Ctx,
    organisation: &str,
    o: &Occasion,
    pdf: Vec<u8>,
    at: Place,
) -> Result<Sealed> {
    let hashes = digests(&pdf);
    let reserved = service::reserve(ctx, Which::Of(organisation), Who::Process, o, &hashes).await?;
    let done = pdf_with(ctx, &reserved, pdf, &o.title, &[at]).await;
    let sealed = ended_as(ctx, &reserved, done, |s| &s.pdf).await?;
    Ok(Sealed {
        pdf: sealed.pdf,
        sm2: sealed.sm2,
        seal: reserved.seal.id,
    })
}

/// The same for an OFD package.
///
/// # Errors
/// As [`seal_pdf`].
pub async fn seal_ofd(
    ctx: &Ctx,
    organisation: &str,
    o: &Occasion,
    package: Vec<u8>,
    at: OfdPlace,
) -> Result<Vec<u8>> {
    let hashes = digests(&package);
    let reserved = service::reserve(ctx, Which::Of(organisation), Who::Process, o, &hashes).await?;
    let done = ofd_with(ctx, &reserved, package, &[at]).await;
    ended_as(ctx, &reserved, done, |ofd| ofd).await
}

/// Draws the seal at its places and signs once for all of them.
pub(crate) async fn ofd_with(
    ctx: &Ctx,
    reserved: &Reserved,
    package: Vec<u8>,
    at: &[OfdPlace],
) -> Result<Vec<u8>> {
    let s = &reserved.seal;
    let picture = drawn(ctx, s).await?;
    let dots = tokio::task::spawn_blocking(move || picture.png()).await;
    let dots = dots.map_err(|e| Fault::of("the seal's picture", e))?;
    let sealing = trust::api::Sealing {
        organisation: s.held(&reserved.organisation),
        picture: dots.map_err(|e| Fault::of("the seal's picture", e))?,
        places: at.iter().map(|p| (p.page, p.centre)).collect(),
        side: s.width() * MM,
    };
    trust::api::seal_ofd(ctx, package, sealing).await
}

/// Ends a use with the file as it came out, or as failed.
pub(crate) async fn ended_as<T>(
    ctx: &Ctx,
    reserved: &Reserved,
    done: Result<T>,
    file: impl Fn(&T) -> &Vec<u8>,
) -> Result<T> {
    match done {
        Ok(sealed) => {
            service::done(ctx, reserved, &digests(file(&sealed))).await?;
            Ok(sealed)
        }
        Err(e) => {
            service::failed(ctx, reserved, "seals-use-failed").await?;
            Err(e)
        }
    }
}

pub(crate) async fn drawn(ctx: &Ctx, s: &Seal) -> Result<Arc<draw::Picture>> {
    let (design, width) = (s.design(ctx.app.config.demo), s.width());
    let drawing = tokio::task::spawn_blocking(move || draw::picture(&design, width))
        .await
        .map_err(|e| Fault::of("drawing a seal", e))?;
    Ok(drawing.map_err(|e| Fault::of("drawing a seal", e))?)
}

/// Draws the seal at its places and signs. A PDF signature shows at one place only (ISO 32000-1, 12.7.4.5), so each place has
/// its own, one after the other.
pub(crate) async fn pdf_with(
    ctx: &Ctx,
    reserved: &Reserved,
    pdf: Vec<u8>,
    reason: &str,
    at: &[Place],
) -> Result<trust::api::Sealed> {
    let s = &reserved.seal;
    let picture = drawn(ctx, s).await?;
    let drawing = &picture.drawing;
    let (w, h) = (drawing.width as f32, drawing.height as f32);
    let mut sealed = trust::api::Sealed { pdf, sm2: Vec::new() };
    for place in at {
        let [x, y] = [place.centre[0] as f32 - w / 2.0, place.centre[1] as f32 - h / 2.0];
        let widget = Widget {
            page: place.page,
            rect: [x, y, x + w, y + h],
            bbox: [0.0, 0.0, w, h],
            content: drawing.pdf(),
        };
        let held = s.held(&reserved.organisation);
        sealed = trust::api::seal_pdf(ctx, held, sealed.pdf, reason, widget).await?;
    }
    Ok(sealed)
}

/// Facts after which something that waited for a seal may go on; their payload names the `organisation`.
pub const READY: &[&str] = &["seals.seal.activated", "seals.seal.lifted", "seals.grant.given"];

/// The seal behind a file that was sealed here.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    pub seal: String,
    /// What is called of it: the organisation, or the purpose line behind it.
    pub name: String,
    /// Locale key of its state now.
    pub state: String,
    /// UTC milliseconds of the use; the seal was active then.
    pub at: i64,
    /// Name of its keys in the key store.
    pub key_name: String,
}

/// See [`Used`]; `None` for a file that was sealed elsewhere, or before seals were records.
pub fn used(ctx: &Ctx, tx: &mut Tx<'_>, sha256: &str) -> Result<Option<Used>> {
    let Some(u) = uses::by_hash(ctx, tx, sha256)? else {
        return Ok(None);
    };
    let Some(s) = seals::get(ctx, tx, u.seal.as_deref().unwrap_or_default())? else {
        return Ok(None);
    };
    Ok(Some(Used {
        name: seal::view::called(ctx, tx, &s)?,
        state: format!("seals-state-{}", s.state.name()),
        seal: s.id,
        at: u.at,
        key_name: s.key_name,
    }))
}
