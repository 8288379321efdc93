//! The verbs of absences.

use super::store::{self, Absence};
use identity::api::Official;
use jiff::civil::Date;
use kernel::{Ctx, Fact, Refusal, Resource, Result, Tx};
use serde_json::json;

const LONGEST: i32 = 92;

fn resource(org_path: &str, area_code: &str) -> Resource {
    Resource {
        kind: "Absence",
        org_paths: vec![org_path.into()],
        area_code: area_code.into(),
        ..Resource::default()
    }
}

/// Whether one can stand in for the other: the same office, or one above or below it.
pub(crate) fn near(a: &Official, b: &Official) -> bool {
    a.actor != b.actor
        && a.grants.iter().any(|x| {
            b.grants
                .iter()
                .any(|y| x.org_path.starts_with(&y.org_path) || y.org_path.starts_with(&x.org_path))
        })
}

/// Whom the actor may note as away: oneself, and with the permission the officials of one's offices.
pub(crate) fn may_note(ctx: &Ctx, who: &Official) -> bool {
    let place = resource(&who.org_path, &who.area_code);
    if who.actor == ctx.actor.id {
        ctx.may("cases.absence.note", &place).is_ok()
    } else {
        ctx.may("cases.absence.manage", &place).is_ok()
    }
}

pub(crate) struct Plan<'a> {
    /// Actor id; empty for oneself.
    pub away: &'a str,
    pub stand_in: &'a str,
    pub from: &'a str,
    pub until: &'a str,
    pub reason: &'a str,
}

pub(crate) async fn note(ctx: &Ctx, p: &Plan<'_>) -> Result<String> {
    let date = |text: &str| {
        text.parse::<Date>()
            .map_err(|_| Refusal::new("cases-absence-dates"))
    };
    let (from, until) = (date(p.from)?, date(p.until)?);
    let long = until.since(from).map_or(i32::MAX, |s| s.get_days());
    if until < from || until < ctx.today() || long > LONGEST {
        return Err(Refusal::new("cases-absence-dates").into());
    }
    let reason = p.reason.trim();
    if reason.chars().count() > 200 {
        return Err(Refusal::new("cases-absence-reason").into());
    }
    let away = if p.away.is_empty() {
        ctx.actor.id.clone()
    } else {
        p.away.to_string()
    };
    let id = ctx.id().to_string();
    ctx.tx("cases.note-absence", |tx| {
        // Two absences noted at once could make a circle of stand-ins.
        tx.lock("absences")?;
        let who = identity::api::official(ctx, tx, &away)?.ok_or_else(Refusal::not_found)?;
        if !may_note(ctx, &who) {
            return Err(Refusal::forbidden().into());
        }
        let other = identity::api::official(ctx, tx, p.stand_in)?.filter(|o| near(&who, o));
        let other = other.ok_or_else(|| Refusal::new("cases-absence-who"))?;
        let (from, until) = (from.to_string(), until.to_string());
        if store::is_away(tx, &who.actor, &from, &until)? {
            return Err(Refusal::new("cases-absence-twice").status(409).into());
        }
        if store::is_away(tx, &other.actor, &from, &until)?
            || store::stands_in(tx, &who.actor, &from, &until)?
        {
            return Err(Refusal::new("cases-absence-chain").status(409).into());
        }
        let a = Absence {
            id: id.clone(),
            away: who.actor,
            stand_in: other.actor,
            org_path: who.org_path,
            area_code: who.area_code,
            from_on: from,
            until_on: until,
            reason: reason.into(),
            set_by: ctx.actor.id.clone(),
            ended_at: None,
        };
        store::insert(ctx, tx, &a)?;
        let fact = Fact::new("cases.absence.noted", &id).payload(
            json!({ "away": a.away, "stand_in": a.stand_in, "from": a.from_on, "until": a.until_on }),
        );
        ctx.emit(tx, fact.touch(&crate::ABSENCE, &id))?;
        Ok(id.clone())
    })
    .await
}

/// The absence, when it is the actor's own or one the actor manages.
pub(crate) fn kept(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Absence> {
    let a = store::get(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    let place = resource(&a.org_path, &a.area_code);
    if a.away != ctx.actor.id && ctx.may("cases.absence.manage", &place).is_err() {
        return Err(Refusal::not_found().into());
    }
    Ok(a)
}

/// Back, or not going: from now on nobody stands in.
pub(crate) async fn end(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("cases.end-absence", |tx| {
        let a = kept(ctx, tx, id)?;
        if store::end(tx, id, ctx.now())? == 0 {
            return Err(Refusal::new("cases-absence-ended").status(409).into());
        }
        ctx.emit(
            tx,
            Fact::new("cases.absence.ended", &a.id).touch(&crate::ABSENCE, &a.id),
        )?;
        Ok(())
    })
    .await
}
