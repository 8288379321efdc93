//! Using a seal: a use is reserved (state, grant and limits are checked), the file is sealed outside any transaction, and the
//! use is ended. Each try is a row, also when it was refused.

use super::model::{Grant, Who};
use super::store::{self, Use};
use crate::seal::model::{Seal, State};
use crate::seal::store as seals;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A file is sealed within this time, or its use counts as failed.
const OPEN: i64 = 3_600_000;

/// What is sealed, and why.
#[derive(Clone, Debug, Default)]
pub struct Occasion {
    /// Kind of document: `certificate:ID`, `paper:ID` or `upload`.
    pub kind: String,
    pub title: String,
    pub number: String,
    pub purpose: String,
    /// Subject id of the person or firm that the document is for.
    pub for_whom: Option<String>,
}

/// Which seal.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    /// The one of this organisation whose grant covers the occasion.
    Of(&'a str),
    This(&'a str),
}

/// (SHA-256, SM3) in hex.
pub(crate) fn digests(bytes: &[u8]) -> (String, String) {
    (
        hex::encode(Sha256::digest(bytes)),
        hex::encode(trust::crypto::sm::sm3(bytes)),
    )
}

/// A use that was reserved.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    row: Use,
    pub seal: Seal,
    /// The organisation's name, which stands in the certificate.
    pub organisation: String,
    /// Whether the grant counts.
    limited: bool,
    day: String,
}

impl Reserved {
    pub(crate) fn id(&self) -> &str {
        &self.row.id
    }
}

/// Checks state, grant and limits and reserves a use.
///
/// # Errors
/// `seals-none`, `seals-suspended`, `seals-destroyed`, `seals-no-grant`, `seals-limit`, `seals-use-forbidden`: each is a row
/// of the log and a fact before it is returned.
pub(crate) async fn reserve(
    ctx: &Ctx,
    which: Which<'_>,
    who: Who<'_>,
    o: &Occasion,
    hashes: &(String, String),
) -> Result<Reserved> {
    let decided = ctx
        .tx("seals.reserve", |tx| {
            let (seal, organisation, found) = choose(ctx, tx, which, who, o)?;
            let id = seal.as_ref().map(|s| s.id.clone());
            let mut row = tried(ctx, id, organisation, o, hashes);
            match (seal, found) {
                (Some(seal), Ok(grant)) => {
                    let day = ctx.today().to_string();
                    row.grant = Some(grant.id.clone());
                    store::reserve(ctx, tx, &row, &day)?;
                    let organisation = identity::api::organisation(tx, &seal.organisation)?;
                    Ok(Ok(Reserved {
                        row,
                        organisation: organisation.map(|o| o.name).unwrap_or_default(),
                        seal,
                        limited: grant.is_limited(),
                        day,
                    }))
                }
                (_, found) => {
                    let why = found.err().unwrap_or(NONE);
                    written(ctx, tx, row, "refused", Some(why))?;
                    Ok(Err(why))
                }
            }
        })
        .await?;
    decided.map_err(|why| Refusal::new(why).status(409).into())
}

/// The row of a try, before it is known what comes of it.
fn tried(
    ctx: &Ctx,
    seal: Option<String>,
    organisation: String,
    o: &Occasion,
    (sha256, sm3): &(String, String),
) -> Use {
    Use {
        id: ctx.id().to_string(),
        seal,
        organisation,
        actor: ctx.actor.id.clone(),
        occasion: o.kind.clone(),
        title: o.title.clone(),
        number: o.number.clone(),
        purpose: o.purpose.clone(),
        for_whom: o.for_whom.clone(),
        sha256: sha256.clone(),
        sm3: sm3.clone(),
        at: ctx.now(),
        ..Use::default()
    }
}

const NONE: &str = "seals-none";

/// Writes a use down as it ended.
fn written(ctx: &Ctx, tx: &mut Tx<'_>, mut row: Use, result: &str, why: Option<&str>) -> Result<()> {
    row.result = result.into();
    row.why = why.map(String::from);
    store::put_use(ctx, tx, &row)?;
    let kind = if result == "done" {
        "seals.use.made"
    } else {
        "seals.use.refused"
    };
    let payload =
        json!({ "seal": row.seal, "organisation": row.organisation, "occasion": row.occasion, "why": why });
    ctx.emit(
        tx,
        Fact::new(kind, &row.id)
            .payload(payload)
            .touch(&crate::USE, &row.id),
    )?;
    Ok(())
}

type Found = std::result::Result<Grant, &'static str>;

/// The seal, its organisation, and the grant or why there is none.
fn choose(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    which: Which<'_>,
    who: Who<'_>,
    o: &Occasion,
) -> Result<(Option<Seal>, String, Found)> {
    match which {
        Which::This(id) => {
            let seal = seals::get(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
            let found = match ctx.may("seals.seal.use", &seal.resource()) {
                Ok(()) => granted(ctx, tx, &seal, who, o)?,
                Err(_) => Err("seals-use-forbidden"),
            };
            Ok((Some(seal.clone()), seal.organisation, found))
        }
        Which::Of(organisation) => {
            let mut why = NONE;
            let mut tried = None;
            for seal in seals::of_organisation(ctx, tx, organisation)? {
                let found = granted(ctx, tx, &seal, who, o)?;
                let Err(reason) = found else {
                    return Ok((Some(seal), organisation.into(), found));
                };
                // What is said is why the first seal in question would not do.
                if tried.is_none() || why == "seals-no-grant" {
                    why = reason;
                    tried = Some(seal);
                }
            }
            Ok((tried, organisation.into(), Err(why)))
        }
    }
}

fn granted(ctx: &Ctx, tx: &mut Tx<'_>, seal: &Seal, who: Who<'_>, o: &Occasion) -> Result<Found> {
    if let Some(why) = unusable(seal.state) {
        return Ok(Err(why));
    }
    let day = ctx.today().to_string();
    let mut why = "seals-no-grant";
    for grant in store::grants(tx, &seal.id)? {
        if !grant.is_of(who) || !grant.covers(&o.kind) || !grant.holds(&day) {
            continue;
        }
        // Without limits there is nothing to count, and uses need not wait for one another.
        if !grant.is_limited() || store::take(tx, &grant.id, &day)? {
            return Ok(Ok(grant));
        }
        why = "seals-limit";
    }
    Ok(Err(why))
}

fn unusable(state: State) -> Option<&'static str> {
    match state {
        State::Active => None,
        State::Suspended => Some("seals-suspended"),
        State::Destroyed => Some("seals-destroyed"),
        _ => Some("seals-not-active"),
    }
}

/// Whether the actor may seal by hand with a seal now; nothing is used up.
///
/// # Errors
/// As [`reserve`], but for the limits; a try that is refused is logged.
pub(crate) async fn admitted(ctx: &Ctx, seal: &str, o: &Occasion, hashes: &(String, String)) -> Result<()> {
    let why = ctx
        .read("seals.admitted", |tx| {
            let seal = seals::get(ctx, tx, seal)?.ok_or_else(Refusal::not_found)?;
            if ctx.may("seals.seal.use", &seal.resource()).is_err() {
                return Ok(Some("seals-use-forbidden"));
            }
            let day = ctx.today().to_string();
            let who = Who::Person(&ctx.actor);
            let fits = |g: &Grant| g.is_of(who) && g.covers(&o.kind) && g.holds(&day);
            let any = store::grants(tx, &seal.id)?.iter().any(fits);
            Ok(unusable(seal.state).or((!any).then_some("seals-no-grant")))
        })
        .await?;
    match why {
        Some(why) => {
            unfit(ctx, seal, o, hashes, why).await?;
            Err(Refusal::new(why).status(409).into())
        }
        None => Ok(()),
    }
}

/// Logs a try that came to nothing before anything was used.
pub(crate) async fn unfit(
    ctx: &Ctx,
    seal: &str,
    o: &Occasion,
    hashes: &(String, String),
    why: &str,
) -> Result<()> {
    ctx.tx("seals.unfit", |tx| {
        let seal = seals::get(ctx, tx, seal)?.ok_or_else(Refusal::not_found)?;
        let row = tried(ctx, Some(seal.id), seal.organisation, o, hashes);
        written(ctx, tx, row, "refused", Some(why))
    })
    .await
}

/// Ends a use with the hashes of the sealed file. A seal that was suspended meanwhile has sealed nothing: the file must not
/// be given out then.
///
/// # Errors
/// `seals-suspended`, `seals-destroyed`, `seals-use-broken-off`.
pub(crate) async fn done(ctx: &Ctx, r: &Reserved, (sha256, sm3): &(String, String)) -> Result<()> {
    let decided = ctx
        .tx("seals.use-done", |tx| {
            let seal = seals::locked(ctx, tx, &r.seal.id)?.ok_or_else(Refusal::not_found)?;
            if !store::end_reservation(tx, r.id())? {
                return Ok(Some(BROKEN_OFF));
            }
            let why = unusable(seal.state);
            let mut row = r.row.clone();
            let result = if why.is_some() {
                returned(tx, r)?;
                "refused"
            } else {
                (row.sha256, row.sm3) = (sha256.clone(), sm3.clone());
                "done"
            };
            written(ctx, tx, row, result, why)?;
            Ok(why)
        })
        .await?;
    match decided {
        Some(why) => Err(Refusal::new(why).status(409).into()),
        None => Ok(()),
    }
}

const BROKEN_OFF: &str = "seals-use-broken-off";

/// Ends a use that came to nothing; it does not count.
pub(crate) async fn failed(ctx: &Ctx, r: &Reserved, why: &str) -> Result<()> {
    ctx.tx("seals.use-failed", |tx| {
        if store::end_reservation(tx, r.id())? {
            returned(tx, r)?;
            written(ctx, tx, r.row.clone(), "failed", Some(why))?;
        }
        Ok(())
    })
    .await
}

fn returned(tx: &mut Tx<'_>, r: &Reserved) -> Result<()> {
    if let Some(grant) = r.row.grant.as_deref().filter(|_| r.limited) {
        store::give_back(tx, grant, &r.day)?;
    }
    Ok(())
}

/// Ends uses whose program died before they ended.
pub(crate) fn sweep(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<()> {
    for (row, day) in store::left_open(ctx, tx, ctx.now() - OPEN)? {
        if store::end_reservation(tx, &row.id)? {
            if let Some(grant) = &row.grant {
                store::give_back(tx, grant, &day)?;
            }
            written(ctx, tx, row, "failed", Some(BROKEN_OFF))?;
        }
    }
    Ok(())
}
