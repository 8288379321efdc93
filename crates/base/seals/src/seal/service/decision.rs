//! What the authority decides and has made.

use super::application::picture;
use super::grants::given;
use super::{loaded, moved, said, saved, worded};
use crate::seal::model::{Act, Seal};
use crate::seal::store;
use crate::usage::model::{Grant, PROCESS, is_pattern};
use kernel::{Ctx, Refusal, Result, Tx};
use sha2::{Digest, Sha256};
use trust::crypto::Kind;

/// The authority approves or refuses an application; never the applicant. With the approval the processes get their standing
/// right.
///
/// # Errors
/// `seals-own` (403), `seals-words-needed`, `seals-wrong-kinds`, `seals-not-now`.
pub(crate) async fn decide(
    ctx: &Ctx,
    id: &str,
    approve: bool,
    opinion: &str,
    processes: Option<&str>,
) -> Result<()> {
    let opinion = worded(opinion)?;
    ctx.tx("seals.decide", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.decide")?;
        let own = ctx.actor.subject.as_deref() == Some(seal.applicant_subject.as_str());
        if own || ctx.actor.id == seal.applicant {
            return Err(Refusal::new("seals-own").status(403).into());
        }
        moved(&mut seal, if approve { Act::Approve } else { Act::Refuse })?;
        seal.decided_by = Some(ctx.actor.id.clone());
        seal.decided_at = Some(ctx.now());
        seal.opinion = Some(opinion.into());
        if let Some(words) = processes.filter(|_| approve) {
            seal.processes = store::words(words);
            if !seal.processes.iter().all(|w| is_pattern(w)) {
                return Err(Refusal::new("seals-wrong-kinds").into());
            }
        }
        if !approve {
            seal.ended_at = Some(ctx.now());
        }
        saved(tx, &seal)?;
        if approve {
            said(ctx, tx, &seal, "seals.seal.approved", "approved", opinion)?;
            standing(ctx, tx, &seal)?;
        } else {
            said(ctx, tx, &seal, "seals.seal.refused", "refused", opinion)?;
        }
        Ok(())
    })
    .await
}

/// The standing right of the processes, as approved.
pub(crate) fn standing(ctx: &Ctx, tx: &mut Tx<'_>, seal: &Seal) -> Result<()> {
    if seal.processes.is_empty() {
        return Ok(());
    }
    let grant = Grant {
        id: ctx.id().to_string(),
        seal: seal.id.clone(),
        grantee_kind: PROCESS.into(),
        kinds: seal.processes.clone(),
        given_by: ctx.actor.id.clone(),
        given_at: ctx.now(),
        ..Grant::default()
    };
    given(ctx, tx, seal, &grant)
}

/// The authority has an approved seal made: its picture is drawn, its keys and certificates are made.
pub(crate) async fn make(ctx: &Ctx, id: &str) -> Result<()> {
    let (seal, organisation) = ctx
        .read("seals.to-make", |tx| {
            let seal = store::get(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
            ctx.may("seals.seal.decide", &seal.resource())?;
            let organisation = identity::api::organisation(tx, &seal.organisation)?;
            Ok((seal, organisation.map(|o| o.name).unwrap_or_default()))
        })
        .await?;
    moved(&mut seal.clone(), Act::Make)?;
    let svg = picture(ctx, &seal).await?.svg();
    let held = seal.held(&organisation);
    for kind in [Kind::P256, Kind::Sm2] {
        trust::api::seal_certificate(ctx, held, kind).await?;
    }
    ctx.tx("seals.make", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.decide")?;
        moved(&mut seal, Act::Make)?;
        seal.made_at = Some(ctx.now());
        seal.picture_sha256 = Some(hex::encode(Sha256::digest(&svg)));
        saved(tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.made", "made", "")
    })
    .await
}
