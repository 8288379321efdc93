//! The verbs of seals: application, decision, making, custody, grants, suspension, destruction.

use super::model::{self, Act, KINDS, Seal, State};
use super::store::{self, Event, Handover};
use crate::draw;
use crate::usage::model::{Grant, PROCESS, is_pattern};
use crate::usage::store as uses;
use kernel::ctx::Resource;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use serde_json::json;
use sha2::{Digest, Sha256};
use trust::crypto::Kind;

/// Longest words that people write here.
const LONG: usize = 500;

/// An application (印章制作申请).
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub(crate) struct Application {
    pub organisation: String,
    pub kind: String,
    /// Empty for the organisation's own name; of a personal seal the person's.
    pub name: String,
    pub purpose: String,
    pub code: String,
    pub reason: String,
    pub basis: String,
    /// Kinds of document that the processes may seal, a space between them.
    pub processes: String,
    /// What the button says: `preview` or nothing.
    pub action: String,
}

fn long(text: &str, most: usize) -> bool {
    text.chars().count() > most
}

/// The parts of an application that are wrong: (field, key of a text).
fn faults(a: &Application) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    if !KINDS.contains(&a.kind.as_str()) {
        wrong.push(("kind", "seals-wrong-kind"));
    }
    if a.kind == "personal" && a.name.trim().is_empty() {
        wrong.push(("name", "seals-wrong-person"));
    }
    if !model::purpose_fits(&a.kind, &a.purpose) {
        wrong.push(("purpose", "seals-wrong-purpose"));
    }
    if a.reason.trim().is_empty() || long(&a.reason, LONG) {
        wrong.push(("reason", "seals-wrong-reason"));
    }
    if long(&a.basis, 100) {
        wrong.push(("basis", "seals-wrong-basis"));
    }
    if !a.code.trim().chars().all(|c| c.is_ascii_digit()) {
        wrong.push(("code", "seals-wrong-code"));
    }
    if !store::words(&a.processes).iter().all(|w| is_pattern(w)) {
        wrong.push(("processes", "seals-wrong-kinds"));
    }
    wrong
}

/// The seal that an application asks for. Fills in the organisation's name.
fn asked(ctx: &Ctx, tx: &mut Tx<'_>, a: &Application) -> Result<Seal> {
    let organisation = identity::api::organisation(tx, &a.organisation)?
        .ok_or_else(|| Refusal::new("seals-wrong").field("organisation", "seals-wrong-organisation"))?;
    let id = ctx.id().to_string();
    let seal = Seal {
        key_name: format!("{}.{id}", organisation.id),
        organisation: organisation.id,
        org_path: organisation.path,
        area_code: organisation.area_code,
        kind: a.kind.clone(),
        name: match a.kind.as_str() {
            "personal" => a.name.trim().into(),
            _ => organisation.name,
        },
        purpose: if a.kind == "personal" {
            String::new()
        } else {
            a.purpose.trim().into()
        },
        code: a.code.trim().into(),
        reason: a.reason.trim().into(),
        basis: a.basis.trim().into(),
        processes: store::words(&a.processes),
        picture_sha256: None,
        state: State::Applied,
        source: "applied".into(),
        applicant: ctx.actor.id.clone(),
        applicant_subject: ctx.actor.subject.clone().unwrap_or_default(),
        applied_at: ctx.now(),
        decided_by: None,
        opinion: None,
        decided_at: None,
        made_at: None,
        active_at: None,
        ended_at: None,
        custodian: None,
        version: 1,
        id,
    };
    ctx.may("seals.seal.apply", &seal.resource())?;
    Ok(seal)
}

/// The organisations for which the actor may apply: (id, name), in the order of the tree.
pub(crate) fn own_organisations(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<(String, String)>> {
    let all = identity::api::organisations(tx)?;
    let may = |o: &identity::api::Organisation| {
        let place = Resource {
            kind: "Seal",
            org_paths: vec![o.path.clone()],
            area_code: o.area_code.clone(),
            ..Resource::default()
        };
        ctx.may("seals.seal.apply", &place).is_ok()
    };
    Ok(all.into_iter().filter(may).map(|o| (o.id, o.name)).collect())
}

/// The picture of what an application asks for.
///
/// # Errors
/// `seals-undrawable` with what is wrong.
pub(crate) async fn preview(ctx: &Ctx, a: &Application) -> Result<String> {
    let mut a = a.clone();
    if a.reason.trim().is_empty() {
        // What does not stand in the picture is asked for at the end.
        a.reason = "-".into();
    }
    checked(&a)?;
    let seal = ctx.read("seals.preview", |tx| asked(ctx, tx, &a)).await?;
    Ok(picture(ctx, &seal).await?.svg())
}

fn checked(a: &Application) -> Result<(), Refusal> {
    let mut refusal = Refusal::new("seals-wrong");
    for (field, key) in faults(a) {
        refusal = refusal.field(field, key);
    }
    if refusal.fields.is_empty() {
        Ok(())
    } else {
        Err(refusal)
    }
}

/// Draws a seal whose words nobody has proven yet.
async fn picture(ctx: &Ctx, seal: &Seal) -> Result<draw::Drawing> {
    let (design, width) = (seal.design(ctx.app.config.demo), seal.width());
    let drawn = tokio::task::spawn_blocking(move || draw::draw(&design, width))
        .await
        .map_err(|e| Fault::of("drawing a seal", e))?;
    match drawn {
        Ok(drawing) => Ok(drawing),
        Err(draw::DrawError::Words(why)) => {
            tracing::info!("a seal cannot be drawn: {why}");
            Err(Refusal::new("seals-undrawable").into())
        }
        Err(e) => Err(Fault::of("drawing a seal", e).into()),
    }
}

/// Hands an application in; returns the seal's id.
///
/// # Errors
/// `seals-wrong` with the fields, `seals-undrawable`.
pub(crate) async fn apply(ctx: &Ctx, a: &Application) -> Result<String> {
    checked(a)?;
    let seal = ctx.read("seals.asked", |tx| asked(ctx, tx, a)).await?;
    picture(ctx, &seal).await?;
    ctx.tx("seals.apply", |tx| {
        ctx.may("seals.seal.apply", &seal.resource())?;
        store::insert(ctx, tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.applied", "applied", &seal.reason)?;
        Ok(seal.id.clone())
    })
    .await
}

/// Notes what was done and tells it.
pub(crate) fn said(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    s: &Seal,
    fact: &'static str,
    what: &str,
    note: &str,
) -> Result<()> {
    let event = Event {
        id: ctx.id().to_string(),
        what: what.into(),
        actor: ctx.actor.id.clone(),
        note: note.into(),
        at: ctx.now(),
    };
    store::note(tx, &s.id, &event)?;
    let payload = json!({ "organisation": s.organisation, "kind": s.kind, "state": s.state.name() });
    let fact = Fact::new(fact, &s.id).payload(payload).touch(&crate::SEAL, &s.id);
    ctx.emit(tx, fact.touch(&crate::EVENT, &event.id))?;
    Ok(())
}

/// Loads a seal for a verb and asks whether the actor may.
fn loaded(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Seal> {
    let seal = readable(ctx, tx, id)?;
    ctx.may(permission, &seal.resource())?;
    Ok(seal)
}

/// A seal that the actor may see, locked.
fn readable(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Seal> {
    let seal = store::locked(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    if ctx.may("seals.seal.read", &seal.resource()).is_err() {
        return Err(Refusal::not_found().into());
    }
    Ok(seal)
}

fn moved(seal: &mut Seal, act: Act) -> Result<(), Refusal> {
    seal.state = seal
        .state
        .after(act)
        .ok_or_else(|| Refusal::new("seals-not-now").status(409))?;
    Ok(())
}

fn saved(tx: &mut Tx<'_>, seal: &Seal) -> Result<()> {
    if !store::save(tx, seal)? {
        return Err(Refusal::stale().into());
    }
    Ok(())
}

fn worded(words: &str) -> Result<&str, Refusal> {
    let words = words.trim();
    if words.is_empty() || long(words, LONG) {
        return Err(Refusal::new("seals-words-needed"));
    }
    Ok(words)
}

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

fn given(ctx: &Ctx, tx: &mut Tx<'_>, seal: &Seal, grant: &Grant) -> Result<()> {
    uses::put_grant(tx, grant)?;
    let payload = json!({ "organisation": seal.organisation, "seal": seal.id, "kinds": grant.kinds });
    let fact = Fact::new("seals.grant.given", &grant.id).payload(payload);
    ctx.emit(tx, fact.touch(&crate::GRANT, &grant.id))?;
    Ok(())
}

/// The applicant takes an application back that nobody has decided.
pub(crate) async fn withdraw(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("seals.withdraw", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.apply")?;
        if seal.applicant != ctx.actor.id {
            return Err(Refusal::forbidden().into());
        }
        moved(&mut seal, Act::Withdraw)?;
        seal.ended_at = Some(ctx.now());
        saved(tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.refused", "withdrawn", "")
    })
    .await
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

/// Offers the custody to an official of the organisation: the authority of a seal that nobody keeps yet, afterwards its
/// custodian; the authority also when the custodian is gone.
///
/// # Errors
/// `seals-taker` for somebody who may not keep it, `seals-not-now`.
pub(crate) async fn offer(ctx: &Ctx, id: &str, taker: &str) -> Result<()> {
    ctx.tx("seals.offer", |tx| {
        let seal = readable(ctx, tx, id)?;
        let keeps = seal.custodian.as_deref() == Some(ctx.actor.id.as_str());
        if !keeps {
            ctx.may("seals.seal.decide", &seal.resource())?;
        } else {
            ctx.may("seals.custody.hold", &seal.resource())?;
        }
        if !matches!(seal.state, State::Made | State::Active | State::Suspended) {
            return Err(Refusal::new("seals-not-now").status(409).into());
        }
        let fits = identity::api::official(ctx, tx, taker)?
            .filter(|o| o.actor != ctx.actor.id && seal.custodian.as_deref() != Some(&o.actor))
            .is_some_and(|o| near(&seal, &o));
        if !fits {
            return Err(Refusal::new("seals-taker").into());
        }
        if let Some(before) = store::offered(tx, id)? {
            store::answer(tx, &before.id, "withdrawn", ctx.now())?;
            let fact = Fact::new("seals.custody.ended", &before.id);
            ctx.emit(tx, fact.touch(&crate::HANDOVER, &before.id))?;
        }
        let h = Handover {
            id: ctx.id().to_string(),
            seal: seal.id.clone(),
            giver: ctx.actor.id.clone(),
            taker: taker.into(),
            state: "offered".into(),
            offered_at: ctx.now(),
            answered_at: None,
        };
        store::offer(tx, &h)?;
        let fact = Fact::new("seals.custody.offered", &h.id).payload(json!({ "seal": seal.id }));
        ctx.emit(tx, fact.touch(&crate::HANDOVER, &h.id))?;
        said(ctx, tx, &seal, "seals.seal.noted", "offered", "")
    })
    .await
}

/// Whether an official belongs to the organisation of a seal, or one above it that covers it.
pub(crate) fn near(seal: &Seal, o: &identity::api::Official) -> bool {
    o.grants
        .iter()
        .any(|g| seal.org_path.starts_with(&g.org_path) && g.org_path.len() > 1)
        && (o.organisation == seal.organisation || o.grants.iter().any(|g| g.org == seal.organisation))
}

/// The one to whom custody was offered accepts it, which makes a new seal active, or declines.
///
/// # Errors
/// 404 when nothing is offered to the actor.
pub(crate) async fn answer(ctx: &Ctx, id: &str, accept: bool) -> Result<()> {
    ctx.tx("seals.answer", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.custody.hold")?;
        let h = store::offered(tx, id)?
            .filter(|h| h.taker == ctx.actor.id)
            .ok_or_else(Refusal::not_found)?;
        let (state, fact) = if accept {
            ("accepted", "seals.custody.accepted")
        } else {
            ("declined", "seals.custody.ended")
        };
        if seal.state == State::Destroyed || !store::answer(tx, &h.id, state, ctx.now())? {
            return Err(Refusal::new("seals-not-now").status(409).into());
        }
        let told = Fact::new(fact, &h.id).payload(json!({ "seal": seal.id }));
        ctx.emit(tx, told.touch(&crate::HANDOVER, &h.id))?;
        if !accept {
            return said(ctx, tx, &seal, "seals.seal.noted", "declined", "");
        }
        seal.custodian = Some(ctx.actor.id.clone());
        let first = seal.state == State::Made;
        if first {
            moved(&mut seal, Act::Activate)?;
            seal.active_at = Some(ctx.now());
        }
        saved(tx, &seal)?;
        let fact = if first {
            "seals.seal.activated"
        } else {
            "seals.seal.noted"
        };
        said(ctx, tx, &seal, fact, "accepted", "")
    })
    .await
}

/// Stops every use at once: the authority, the organisation's head, or the custodian who has lost control of it.
pub(crate) async fn suspend(ctx: &Ctx, id: &str, reason: &str) -> Result<()> {
    let reason = worded(reason)?;
    ctx.tx("seals.suspend", |tx| {
        let mut seal = readable(ctx, tx, id)?;
        if seal.custodian.as_deref() != Some(ctx.actor.id.as_str()) {
            ctx.may("seals.seal.suspend", &seal.resource())?;
        }
        moved(&mut seal, Act::Suspend)?;
        saved(tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.suspended", "suspended", reason)
    })
    .await
}

/// The authority lets a suspended seal be used again; what waited goes on.
pub(crate) async fn lift(ctx: &Ctx, id: &str, reason: &str) -> Result<()> {
    let reason = worded(reason)?;
    ctx.tx("seals.lift", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.decide")?;
        moved(&mut seal, Act::Lift)?;
        saved(tx, &seal)?;
        said(ctx, tx, &seal, "seals.seal.lifted", "lifted", reason)
    })
    .await
}

/// Ends a seal for ever: its private keys are destroyed and the revocation of its certificates is asked for. What it sealed
/// before still verifies.
pub(crate) async fn destroy(ctx: &Ctx, id: &str, reason: &str) -> Result<()> {
    let reason = worded(reason)?;
    ctx.tx("seals.destroy", |tx| {
        let mut seal = loaded(ctx, tx, id, "seals.seal.decide")?;
        moved(&mut seal, Act::Destroy)?;
        seal.ended_at = Some(ctx.now());
        saved(tx, &seal)?;
        if let Some(open) = store::offered(tx, id)? {
            store::answer(tx, &open.id, "withdrawn", ctx.now())?;
            let fact = Fact::new("seals.custody.ended", &open.id);
            ctx.emit(tx, fact.touch(&crate::HANDOVER, &open.id))?;
        }
        trust::api::retire_seal(ctx, tx, &seal.key_name)?;
        said(ctx, tx, &seal, "seals.seal.destroyed", "destroyed", reason)?;
        let payload = json!({ "seal": seal.id, "key": seal.key_name, "reason": "cessationOfOperation" });
        ctx.emit(
            tx,
            Fact::new("seals.revocation.requested", &seal.id).payload(payload),
        )?;
        Ok(())
    })
    .await
}

/// A right to use, as it is written down.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub(crate) struct NewGrant {
    /// `person:ACTOR`, `post:ID` or `process`.
    pub grantee: String,
    pub kinds: String,
    pub per_day: String,
    pub total: String,
    pub valid_from: String,
    pub valid_until: String,
}

/// Gives a right to use a seal: its custodian, or the head of its organisation.
///
/// # Errors
/// `seals-wrong-grant` with the fields.
pub(crate) async fn give(ctx: &Ctx, id: &str, new: &NewGrant) -> Result<()> {
    let mut wrong = Refusal::new("seals-wrong-grant");
    let mut count = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => match text.parse::<i64>() {
            Ok(n) if (1..=1_000_000).contains(&n) => Some(n),
            _ => {
                wrong = wrong.clone().field(name, "seals-wrong-count");
                None
            }
        },
    };
    let (per_day, total) = (count("per_day", &new.per_day), count("total", &new.total));
    let mut day = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => match text.parse::<jiff::civil::Date>() {
            Ok(day) => Some(day.to_string()),
            Err(_) => {
                wrong = wrong.clone().field(name, "seals-wrong-day");
                None
            }
        },
    };
    let from = day("valid_from", &new.valid_from);
    let until = day("valid_until", &new.valid_until);
    let past = until
        .as_ref()
        .is_some_and(|u| *u < ctx.today().to_string() || from.as_ref().is_some_and(|f| f > u));
    if past {
        wrong = wrong.field("valid_until", "seals-wrong-day");
    }
    let kinds = store::words(&new.kinds);
    if kinds.is_empty() || !kinds.iter().all(|w| is_pattern(w)) {
        wrong = wrong.field("kinds", "seals-wrong-kinds");
    }
    let (grantee_kind, grantee) = new.grantee.split_once(':').unwrap_or((&new.grantee, ""));
    ctx.tx("seals.give", |tx| {
        let seal = readable(ctx, tx, id)?;
        grants_by(ctx, &seal)?;
        if !matches!(seal.state, State::Active | State::Suspended) {
            return Err(Refusal::new("seals-not-now").status(409).into());
        }
        let known = match grantee_kind {
            PROCESS => true,
            "person" => identity::api::official(ctx, tx, grantee)?.is_some_and(|o| near(&seal, &o)),
            "post" => posts(ctx, tx, &seal)?.iter().any(|(post, _)| post == grantee),
            _ => false,
        };
        let wrong = match known {
            true => wrong.clone(),
            false => wrong.clone().field("grantee", "seals-wrong-grantee"),
        };
        if !wrong.fields.is_empty() {
            return Err(wrong.into());
        }
        let grant = Grant {
            id: ctx.id().to_string(),
            seal: seal.id.clone(),
            grantee_kind: grantee_kind.into(),
            grantee: grantee.into(),
            kinds: kinds.clone(),
            per_day,
            total,
            valid_from: from.clone(),
            valid_until: until.clone(),
            given_by: ctx.actor.id.clone(),
            given_at: ctx.now(),
            ..Grant::default()
        };
        given(ctx, tx, &seal, &grant)
    })
    .await
}

/// Whether the actor may give rights to a seal and take them back.
pub(crate) fn grants_by(ctx: &Ctx, seal: &Seal) -> Result<(), Refusal> {
    if seal.custodian.as_deref() == Some(ctx.actor.id.as_str()) {
        return Ok(());
    }
    ctx.may("seals.grant.give", &seal.resource())
}

/// Posts of the seal's organisation that somebody holds today: (id, title).
pub(crate) fn posts(ctx: &Ctx, tx: &mut Tx<'_>, seal: &Seal) -> Result<Vec<(String, String)>> {
    let mut out: Vec<(String, String)> = Vec::new();
    for o in identity::api::officials(ctx, tx)? {
        for g in o.grants.iter().filter(|g| g.org == seal.organisation) {
            if !out.iter().any(|(post, _)| *post == g.post) {
                out.push((g.post.clone(), o.title.clone()));
            }
        }
    }
    Ok(out)
}

/// Takes a right back.
pub(crate) async fn revoke(ctx: &Ctx, id: &str, grant: &str) -> Result<()> {
    ctx.tx("seals.revoke", |tx| {
        let seal = readable(ctx, tx, id)?;
        grants_by(ctx, &seal)?;
        if !uses::revoke(tx, id, grant, &ctx.actor.id, ctx.now())? {
            return Err(Refusal::not_found().into());
        }
        let fact = Fact::new("seals.grant.revoked", grant).payload(json!({ "seal": id }));
        ctx.emit(tx, fact.touch(&crate::GRANT, grant))?;
        Ok(())
    })
    .await
}
