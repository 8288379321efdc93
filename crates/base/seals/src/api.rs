//! What the floors above may ask of seals.

use crate::seal::model::Seal;
use crate::seal::store as seals;
use crate::usage::model::Who;
use crate::usage::service::{self, Reserved, Which, digests};
use crate::usage::store as uses;
use crate::{draw, seal};
use kernel::{Ctx, Fault, Result, Tx};
use trust::api::Widget;

pub use crate::usage::service::Occasion;

/// Dots of the picture in an OFD seal.
const DOTS: u32 = 500;
const MM: f64 = 25.4 / 72.0;

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
    let done = pdf_with(ctx, &reserved, pdf, &o.title, at).await;
    ended(ctx, &reserved, done).await
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
    let done = async {
        let s = &reserved.seal;
        let drawing = drawn(ctx, s).await?;
        let side = s.width() * MM;
        let sealing = trust::api::Sealing {
            organisation: s.held(&reserved.organisation),
            picture: drawing
                .png(DOTS)
                .map_err(|e| Fault::of("the seal's picture", e))?,
            page: at.page,
            at: [at.centre[0] - side / 2.0, at.centre[1] - side / 2.0],
            side,
        };
        trust::api::seal_ofd(ctx, package, sealing).await
    };
    match done.await {
        Ok(ofd) => {
            service::done(ctx, &reserved, &digests(&ofd)).await?;
            Ok(ofd)
        }
        Err(e) => {
            service::failed(ctx, &reserved, "seals-use-failed").await?;
            Err(e)
        }
    }
}

/// Ends the use of a PDF as it came out.
pub(crate) async fn ended(
    ctx: &Ctx,
    reserved: &Reserved,
    done: Result<trust::api::Sealed>,
) -> Result<Sealed> {
    match done {
        Ok(sealed) => {
            service::done(ctx, reserved, &digests(&sealed.pdf)).await?;
            Ok(Sealed {
                pdf: sealed.pdf,
                sm2: sealed.sm2,
                seal: reserved.seal.id.clone(),
            })
        }
        Err(e) => {
            service::failed(ctx, reserved, "seals-use-failed").await?;
            Err(e)
        }
    }
}

pub(crate) async fn drawn(ctx: &Ctx, s: &Seal) -> Result<draw::Drawing> {
    let (design, width) = (s.design(ctx.app.config.demo), s.width());
    let drawing = tokio::task::spawn_blocking(move || draw::draw(&design, width))
        .await
        .map_err(|e| Fault::of("drawing a seal", e))?;
    Ok(drawing.map_err(|e| Fault::of("drawing a seal", e))?)
}

/// Draws the seal at its place and signs.
pub(crate) async fn pdf_with(
    ctx: &Ctx,
    reserved: &Reserved,
    pdf: Vec<u8>,
    reason: &str,
    at: Place,
) -> Result<trust::api::Sealed> {
    let s = &reserved.seal;
    let drawing = drawn(ctx, s).await?;
    let (w, h) = (drawing.width as f32, drawing.height as f32);
    let (x, y) = (at.centre[0] as f32 - w / 2.0, at.centre[1] as f32 - h / 2.0);
    let widget = Widget {
        page: at.page,
        rect: [x, y, x + w, y + h],
        bbox: [0.0, 0.0, w, h],
        content: drawing.pdf(),
    };
    trust::api::seal_pdf(ctx, s.held(&reserved.organisation), pdf, reason, widget).await
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
