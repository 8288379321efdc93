//! Asking for a seal.

use super::{LONG, loaded, long, moved, said, saved};
use crate::draw;
use crate::seal::model::{self, Act, KINDS, Seal, State};
use crate::seal::store;
use crate::usage::model::is_pattern;
use kernel::ctx::Resource;
use kernel::{Ctx, Fault, Refusal, Result, Tx};

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
pub(super) async fn picture(ctx: &Ctx, seal: &Seal) -> Result<draw::Drawing> {
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
