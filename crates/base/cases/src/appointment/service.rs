//! The verbs of appointments.

use super::model::{Appointment, Window, minutes, state};
use super::store::{self, Placed};
use crate::catalogue::Catalogue;
use jiff::civil::Date;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx, job};
use serde_json::{Value as Json, json};

pub(crate) const REMINDER: &str = "cases.appointment-reminder";
/// Open visits that one person or firm may have, when the pack says nothing.
const OPEN: i64 = 3;

/// The instant of a slot.
pub(crate) fn instant(ctx: &Ctx, day: Date, slot: &str) -> i64 {
    let m = minutes(slot).unwrap_or(0);
    let zone = jiff::tz::TimeZone::get(ctx.app.city["zone"].as_str().unwrap_or("Asia/Shanghai"))
        .unwrap_or(jiff::tz::TimeZone::UTC);
    zone.to_timestamp(day.at((m / 60) as i8, (m % 60) as i8, 0, 0))
        .map_or(0, |t| t.as_millisecond())
}

/// A slot as offered: time and how many places are left.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Offer {
    pub slot: String,
    pub left: i64,
}

/// The days of a window that can be booked from today on.
pub(crate) fn days(ctx: &Ctx, w: &Window) -> Result<Vec<Date>> {
    let holidays = crate::clock::table(ctx)?;
    let today = ctx.today();
    Ok((0..=w.days_ahead)
        .filter_map(|n| today.checked_add(jiff::Span::new().days(n)).ok())
        .filter(|d| {
            w.slots(*d, &holidays.0)
                .iter()
                .any(|s| instant(ctx, *d, s) > ctx.now())
        })
        .collect())
}

/// The slots of a day that lie ahead.
pub(crate) fn offers(ctx: &Ctx, tx: &mut Tx<'_>, w: &Window, day: Date) -> Result<Vec<Offer>> {
    let holidays = crate::clock::table(ctx)?;
    let taken = store::taken(tx, &w.id, &day.to_string())?;
    Ok(w.slots(day, &holidays.0)
        .into_iter()
        .filter(|s| instant(ctx, day, s) > ctx.now())
        .map(|slot| {
            let n = taken.iter().find(|(s, _)| *s == slot).map_or(0, |(_, n)| *n);
            Offer {
                left: (w.capacity - n).max(0),
                slot,
            }
        })
        .collect())
}

/// The windows where a matter is handled.
pub(crate) fn windows_for(tx: &mut Tx<'_>, organisation: &str) -> Result<Vec<Placed>> {
    let mut all = store::windows(tx)?;
    all.retain(|p| p.window.serves(organisation));
    Ok(all)
}

/// What somebody chose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub window: &'a str,
    pub day: &'a str,
    pub slot: &'a str,
}

/// Checks a choice and holds its slot until the end of the transaction, so that of two for the last place one gets it.
fn free(ctx: &Ctx, tx: &mut Tx<'_>, organisation: &str, c: Choice<'_>) -> Result<Placed> {
    let gone = || Refusal::new("cases-appointment-closed").status(409);
    let placed = store::window(tx, c.window)?
        .filter(|p| p.window.serves(organisation))
        .ok_or_else(|| Refusal::new("cases-appointment-choose"))?;
    let day: Date = c
        .day
        .parse()
        .map_err(|_| Refusal::new("cases-appointment-choose"))?;
    if !days(ctx, &placed.window)?.contains(&day) {
        return Err(gone().into());
    }
    tx.lock(&format!("slot:{}:{}:{}", c.window, c.day, c.slot))?;
    match offers(ctx, tx, &placed.window, day)?
        .iter()
        .find(|o| o.slot == c.slot)
    {
        None => Err(gone().into()),
        Some(o) if o.left == 0 => Err(Refusal::new("cases-appointment-full").status(409).into()),
        Some(_) => Ok(placed),
    }
}

/// The reminder goes out on the morning of the day before; who books later than that needs none.
fn remind(ctx: &Ctx, tx: &mut Tx<'_>, a: &Appointment) -> Result<()> {
    let key = format!("{}:{}:{}", a.id, a.day, a.slot);
    let at = a
        .day
        .parse::<Date>()
        .ok()
        .and_then(|d| d.yesterday().ok())
        .map_or(0, |d| instant(ctx, d, "09:00"));
    if at > ctx.now() {
        job::enqueue(
            tx,
            ctx,
            REMINDER,
            &key,
            at,
            json!({ "id": a.id, "day": a.day, "slot": a.slot }),
        )?;
    }
    Ok(())
}

/// Books a visit for the actor.
pub(crate) async fn book(ctx: &Ctx, matter: &str, c: Choice<'_>) -> Result<String> {
    let matter = ctx.service::<Catalogue>()?.current(matter)?;
    let subject = ctx.actor.party().ok_or_else(Refusal::sign_in)?.to_string();
    if ctx.actor.is_official() {
        return Err(Refusal::new("cases-officials-do-not-apply").status(403).into());
    }
    let id = ctx.id().to_string();
    let most = ctx.app.city["appointments_open"].as_i64().unwrap_or(OPEN);
    ctx.tx("cases.book", |tx| {
        tx.lock(&format!("appointments:{subject}"))?;
        if store::open_of(tx, &subject, &ctx.today().to_string())? >= most {
            return Err(Refusal::new("cases-appointment-many")
                .arg("max", most)
                .status(409)
                .into());
        }
        let placed = free(ctx, tx, &matter.organisation, c)?;
        let n = crate::case::store::next_serial(tx, &format!("appointment:{}:{}", c.window, c.day))?;
        let a = Appointment {
            id: id.clone(),
            window: c.window.into(),
            org_path: placed.org_path,
            area_code: placed.area_code,
            matter: matter.id.clone(),
            subject: subject.clone(),
            day: c.day.into(),
            slot: c.slot.into(),
            state: state::BOOKED.into(),
            code: format!("Y{n:03}"),
        };
        ctx.may("cases.appointment.book", &a.resource())?;
        store::insert(tx, &a, ctx.now())?;
        remind(ctx, tx, &a)?;
        let fact = Fact::new("cases.appointment.booked", &id)
            .payload(json!({ "window": a.window, "day": a.day, "slot": a.slot, "matter": a.matter }));
        ctx.emit(tx, fact.touch(&crate::APPOINTMENT, &id))?;
        Ok(id.clone())
    })
    .await
}

/// The visit, when the actor may see it; nobody else learns that it is there.
pub(crate) fn readable(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Appointment> {
    let a = store::get(tx, id)?.ok_or_else(Refusal::not_found)?;
    ctx.may("cases.appointment.read", &a.resource())
        .map_err(|_| Refusal::not_found())?;
    Ok(a)
}

fn booked(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Appointment> {
    tx.lock(&format!("appointment:{id}"))?;
    let a = readable(ctx, tx, id)?;
    ctx.may(permission, &a.resource())?;
    if a.state != state::BOOKED {
        return Err(Refusal::new("cases-appointment-over").status(409).into());
    }
    Ok(a)
}

fn changed(ctx: &Ctx, tx: &mut Tx<'_>, a: &Appointment, kind: &'static str) -> Result<()> {
    let closed = (a.state != state::BOOKED).then(|| ctx.now());
    if store::update(tx, a, closed)? == 0 {
        return Err(Refusal::new("cases-appointment-over").status(409).into());
    }
    let fact = Fact::new(kind, &a.id).payload(json!({ "window": a.window, "day": a.day, "slot": a.slot }));
    ctx.emit(tx, fact.touch(&crate::APPOINTMENT, &a.id))?;
    Ok(())
}

pub(crate) async fn cancel(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("cases.cancel-appointment", |tx| {
        let mut a = booked(ctx, tx, id, "cases.appointment.book")?;
        a.state = state::CANCELLED.into();
        changed(ctx, tx, &a, "cases.appointment.cancelled")
    })
    .await
}

/// Another time, or another window, for the same matter.
pub(crate) async fn shift(ctx: &Ctx, id: &str, c: Choice<'_>) -> Result<()> {
    ctx.tx("cases.move-appointment", |tx| {
        let mut a = booked(ctx, tx, id, "cases.appointment.book")?;
        if (a.window.as_str(), a.day.as_str(), a.slot.as_str()) == (c.window, c.day, c.slot) {
            return Ok(());
        }
        let matter = ctx.service::<Catalogue>()?.current(&a.matter)?;
        let placed = free(ctx, tx, &matter.organisation, c)?;
        a.window = c.window.into();
        a.org_path = placed.org_path;
        a.area_code = placed.area_code;
        a.day = c.day.into();
        a.slot = c.slot.into();
        remind(ctx, tx, &a)?;
        changed(ctx, tx, &a, "cases.appointment.moved")
    })
    .await
}

/// The clerk notes that the person came, or did not.
pub(crate) async fn receive(ctx: &Ctx, id: &str, came: bool) -> Result<()> {
    ctx.tx("cases.receive-appointment", |tx| {
        let mut a = booked(ctx, tx, id, "cases.appointment.receive")?;
        let today = ctx.today().to_string();
        if came && a.day != today {
            return Err(Refusal::new("cases-appointment-other-day").status(409).into());
        }
        if !came && a.day.parse().map_or(0, |d| instant(ctx, d, &a.slot)) > ctx.now() {
            return Err(Refusal::new("cases-appointment-early").status(409).into());
        }
        a.state = if came { state::ARRIVED } else { state::MISSED }.into();
        changed(
            ctx,
            tx,
            &a,
            if came {
                "cases.appointment.arrived"
            } else {
                "cases.appointment.missed"
            },
        )
    })
    .await
}

/// Job: the fact that a message to the person follows from. A visit that was moved or cancelled meanwhile is left alone.
pub(crate) async fn reminder(ctx: Ctx, payload: Json) -> Result<()> {
    let text = |key: &str| {
        payload[key]
            .as_str()
            .map(String::from)
            .ok_or_else(|| Fault::new("reminder without appointment"))
    };
    let (id, day, slot) = (text("id")?, text("day")?, text("slot")?);
    ctx.tx("cases.remind-appointment", |tx| {
        match store::get(tx, &id)?.filter(|a| a.state == state::BOOKED && a.day == day && a.slot == slot) {
            Some(a) => {
                let fact = Fact::new("cases.appointment.reminded", &id)
                    .payload(json!({ "window": a.window, "day": a.day, "slot": a.slot }));
                ctx.emit(tx, fact)?;
                Ok(())
            }
            None => Ok(()),
        }
    })
    .await
}
