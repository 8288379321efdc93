//! Booking a visit, one's own visits, the clerk's list of a day.

use super::model::{Appointment, state};
use super::service::{self, Choice};
use super::store;
use crate::case::view::english;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

const PAGE: u32 = 50;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Wish {
    #[serde(default)]
    matter: String,
    #[serde(default)]
    window: String,
    #[serde(default)]
    day: String,
    #[serde(default)]
    slot: String,
    /// The visit that is moved, if one is.
    #[serde(default)]
    moves: String,
}

fn tag(cx: &Ctx, s: &str) -> Json {
    let kind = match s {
        state::BOOKED => "info",
        state::ARRIVED => "good",
        state::MISSED => "bad",
        _ => "plain",
    };
    json!({ "kind": kind, "text": cx.t(&format!("cases-appointment-{s}"), &[]) })
}

fn row(cx: &Ctx, tx: &mut Tx<'_>, a: &Appointment) -> Result<Json> {
    let w = store::window(tx, &a.window)?.map(|p| p.window);
    let matter = cx.service::<crate::Catalogue>()?.current(&a.matter).ok();
    Ok(json!({
        "id": a.id, "day": a.day, "slot": a.slot, "code": a.code, "state": tag(cx, &a.state), "booked": a.state == state::BOOKED,
        "arrived": a.state == state::ARRIVED, "subject": a.subject, "matter_id": a.matter, "window_id": a.window,
        "matter": matter.map_or_else(|| a.matter.clone(), |m| m.name(english(cx)).to_string()),
        "window": w.as_ref().map(|w| w.name(english(cx)).to_string()).unwrap_or_default(),
        "address": w.as_ref().map(|w| w.address(english(cx)).to_string()).unwrap_or_default(),
    }))
}

/// First the window and the day, then the time.
pub(crate) async fn choose(cx: Ctx, Query(wish): Query<Wish>) -> Result<Response> {
    page(&cx, &wish, StatusCode::OK, "").await
}

async fn page(cx: &Ctx, wish: &Wish, status: StatusCode, refused: &str) -> Result<Response> {
    if cx.actor.is_official() {
        // Officials book nothing here; they have the day's list.
        return Ok(see("/work/appointments"));
    }
    let data = cx
        .read("cases.choose-appointment", |tx| {
            let moved = match wish.moves.as_str() {
                "" => None,
                id => Some(service::readable(cx, tx, id)?),
            };
            let id = moved.as_ref().map_or(wish.matter.as_str(), |a| &a.matter);
            let catalogue = cx.service::<crate::Catalogue>()?;
            if id.is_empty() {
                let all: Vec<Json> =
                    catalogue.all().iter().map(|m| json!({ "id": m.id, "title": m.name(english(cx)) })).collect();
                return Ok(json!({ "matter": null, "matters": all, "windows": [], "window": null, "days": [], "day": "", "slots": [],
                    "moves": null }));
            }
            let matter = catalogue.current(id)?;
            let places = service::windows_for(tx, &matter.organisation)?;
            let chosen = places.iter().find(|p| p.window.id == wish.window).or(places.first());
            let mut days = Vec::new();
            let mut slots = Vec::new();
            let mut day = String::new();
            if let Some(p) = chosen {
                let open = service::days(cx, &p.window)?;
                let picked = open.iter().find(|d| d.to_string() == wish.day).or(open.first());
                for d in &open {
                    let left: i64 = service::offers(cx, tx, &p.window, *d)?.iter().map(|o| o.left).sum();
                    days.push(json!({ "day": d.to_string(), "left": left, "chosen": Some(d) == picked,
                        "weekday": cx.t(&format!("cases-weekday-{}", d.weekday().to_monday_one_offset()), &[]) }));
                }
                if let Some(d) = picked {
                    day = d.to_string();
                    slots = service::offers(cx, tx, &p.window, *d)?;
                }
            }
            let show = |p: &store::Placed| json!({ "id": p.window.id, "name": p.window.name(english(cx)),
                "address": p.window.address(english(cx)), "chosen": Some(&p.window.id) == chosen.map(|c| &c.window.id) });
            let moves = moved.as_ref().map(|a| row(cx, tx, a)).transpose()?;
            Ok(json!({
                "matter": { "id": matter.id, "title": matter.name(english(cx)) }, "matters": [],
                "windows": places.iter().map(show).collect::<Vec<_>>(), "window": chosen.map(show), "days": days, "day": day,
                "slots": slots, "moves": moves,
            }))
        })
        .await?;
    let mut data = data;
    data["refused"] = refused.into();
    data["picked"] = wish.slot.clone().into();
    cx.page_with(status, "cases/appointment/new.html", data)
}

/// Books, or moves, a visit; what is refused shows on the page with what is still free.
pub(crate) async fn book(cx: Ctx, Form(wish): Form<Wish>) -> Result<Response> {
    let c = Choice {
        window: &wish.window,
        day: &wish.day,
        slot: &wish.slot,
    };
    let done = if wish.moves.is_empty() {
        service::book(&cx, &wish.matter, c).await
    } else {
        service::shift(&cx, &wish.moves, c)
            .await
            .map(|()| wish.moves.clone())
    };
    match done {
        Ok(id) => Ok(see(&format!("/appointments#a-{id}"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            let status = kernel::http::status(&r);
            page(&cx, &wish, status, &cx.explains(&r)).await
        }
        Err(e) => Err(e),
    }
}

/// One's own visits.
pub(crate) async fn own(cx: Ctx) -> Result<Response> {
    let items = cx
        .read("cases.own-appointments", |tx| {
            let Some(party) = cx.actor.party() else {
                return Ok(Vec::new());
            };
            store::of(tx, party)?
                .iter()
                .map(|a| row(&cx, tx, a))
                .collect::<Result<Vec<_>>>()
        })
        .await?;
    cx.page("cases/appointment/own.html", json!({ "items": items }))
}

pub(crate) async fn cancel(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::cancel(&cx, &id).await?;
    Ok(see("/appointments"))
}

/// The visit as an iCalendar file (RFC 5545).
pub(crate) async fn ics(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let text = cx
        .read("cases.appointment-ics", |tx| {
            let a = service::readable(&cx, tx, &id)?;
            let r = row(&cx, tx, &a)?;
            let minutes = store::window(tx, &a.window)?.map_or(30, |p| p.window.slot_minutes);
            let from = a.day.parse().map_or(0, |d| service::instant(&cx, d, &a.slot));
            Ok(calendar(&cx.app.config.url, &a, &r, from, minutes, cx.now()))
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"appointment.ics\"",
        ),
    ];
    Ok((headers, text).into_response())
}

fn calendar(url: &str, a: &Appointment, r: &Json, from: i64, minutes: i64, now: i64) -> String {
    let stamp = |ms: i64| {
        jiff::Timestamp::from_millisecond(ms)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string()
    };
    let text = |v: &Json| {
        let s = v.as_str().unwrap_or_default();
        s.replace('\\', "\\\\")
            .replace(';', "\\;")
            .replace(',', "\\,")
            .replace('\n', "\\n")
    };
    let status = if a.state == state::CANCELLED {
        "CANCELLED"
    } else {
        "CONFIRMED"
    };
    let lines = [
        "BEGIN:VCALENDAR".to_string(),
        "VERSION:2.0".into(),
        "PRODID:-//Yiwang//Appointments//ZH".into(),
        "BEGIN:VEVENT".into(),
        format!("UID:{}@yiwang", a.id),
        format!("DTSTAMP:{}", stamp(now)),
        format!("DTSTART:{}", stamp(from)),
        format!("DTEND:{}", stamp(from + minutes * 60_000)),
        format!("SUMMARY:{} {}", text(&r["matter"]), a.code),
        format!("LOCATION:{} {}", text(&r["window"]), text(&r["address"])),
        format!("URL:{url}/appointments"),
        format!("STATUS:{status}"),
        "END:VEVENT".into(),
        "END:VCALENDAR".into(),
    ];
    lines.iter().map(|l| folded(l)).collect()
}

/// A content line in pieces of at most 75 octets, never inside a character.
fn folded(line: &str) -> String {
    let mut out = String::new();
    let mut n = 0;
    for c in line.chars() {
        if n + c.len_utf8() > 74 {
            out.push_str("\r\n ");
            n = 1;
        }
        out.push(c);
        n += c.len_utf8();
    }
    out + "\r\n"
}

#[derive(Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    day: String,
    #[serde(default)]
    window: String,
    #[serde(default)]
    page: u32,
}

/// Who comes on a day; names of natural persons are masked until they stand at the window.
pub(crate) async fn day(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let scope = cx.scope("cases.appointment.receive");
    let day = find.day.parse().unwrap_or_else(|_| cx.today());
    let shown = day.to_string();
    let data = cx
        .tx("cases.appointments", |tx| {
            let mut rows = store::day(
                tx,
                &scope,
                &shown,
                &find.window,
                PAGE + 1,
                find.page.saturating_mul(PAGE),
            )?;
            let more = rows.len() > PAGE as usize;
            rows.truncate(PAGE as usize);
            let subjects: Vec<String> = rows.iter().map(|a| a.subject.clone()).collect();
            if !subjects.is_empty() {
                cx.accessed(tx, &subjects, &["name"], "appointment")?;
            }
            let mut items = Vec::new();
            for a in &rows {
                let mut r = row(&cx, tx, a)?;
                let party = identity::api::party(&cx, tx, &a.subject)?;
                r["who"] = party
                    .map(|p| {
                        if p.kind == "legal" {
                            p.name
                        } else {
                            p.masked_name()
                        }
                    })
                    .into();
                items.push(r);
            }
            let windows: Vec<Json> = store::windows(tx)?
                .iter()
                .map(|p| json!({ "id": p.window.id, "name": p.window.name(english(&cx)) }))
                .collect();
            Ok(json!({ "items": items, "windows": windows, "more": more }))
        })
        .await?;
    let mut data = data;
    let before = day.yesterday().map(|d| d.to_string()).unwrap_or_default();
    let after = day.tomorrow().map(|d| d.to_string()).unwrap_or_default();
    data["day"] = shown.clone().into();
    data["today"] = (day == cx.today()).into();
    data["before"] = before.into();
    data["after"] = after.into();
    data["window"] = find.window.clone().into();
    data["page"] = find.page.into();
    data["may_intake"] = cx.holds("cases.case.intake").into();
    cx.page("cases/appointment/day.html", data)
}

async fn received(cx: Ctx, id: String, came: bool) -> Result<Response> {
    service::receive(&cx, &id, came).await?;
    let day = cx
        .read("cases.appointment-day", |tx| {
            Ok(service::readable(&cx, tx, &id)?.day)
        })
        .await?;
    Ok(see(&format!("/work/appointments?day={day}")))
}

pub(crate) async fn arrive(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    received(cx, id, true).await
}

pub(crate) async fn miss(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    received(cx, id, false).await
}

pub(crate) fn samples() -> Vec<Sample> {
    let item = json!({ "id": "1", "day": "2026-11-27", "slot": "09:00", "code": "Y001", "state": { "kind": "info", "text": "已预约" },
        "booked": true, "arrived": false, "subject": "s", "matter_id": "m", "matter": "示例事项", "window_id": "w", "window": "综合窗口",
        "address": "演示地址", "who": "演**" });
    let mut came = item.clone();
    came["id"] = "2".into();
    came["booked"] = false.into();
    came["arrived"] = true.into();
    let window = json!({ "id": "w", "name": "综合窗口", "address": "演示地址", "chosen": true });
    let matter = json!({ "id": "m", "title": "示例事项" });
    let days = json!([{ "day": "2026-11-27", "left": 3, "chosen": true, "weekday": "周五" }, { "day": "2026-11-30", "left": 0, "chosen": false, "weekday": "周一" }]);
    let slots = json!([{ "slot": "09:00", "left": 2 }, { "slot": "09:30", "left": 0 }]);
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(
            "cases/appointment/new.html",
            "times",
            json!({ "matter": matter, "matters": [], "windows": [window, window], "window": window, "days": days, "day": "2026-11-27",
                "slots": slots, "moves": null, "refused": "", "picked": "" }),
        ),
        sample(
            "cases/appointment/new.html",
            "moving, refused",
            json!({ "matter": matter, "matters": [], "windows": [window], "window": window, "days": days, "day": "2026-11-27",
                "slots": slots, "moves": item, "refused": "已约满", "picked": "09:00" }),
        ),
        sample(
            "cases/appointment/new.html",
            "no window",
            json!({ "matter": matter, "matters": [], "windows": [], "window": null, "days": [], "day": "", "slots": [], "moves": null,
                "refused": "", "picked": "" }),
        ),
        sample(
            "cases/appointment/new.html",
            "no matter",
            json!({ "matter": null, "matters": [matter], "windows": [], "window": null, "days": [], "day": "", "slots": [], "moves": null,
                "refused": "", "picked": "" }),
        ),
        sample("cases/appointment/own.html", "none", json!({ "items": [] })),
        sample(
            "cases/appointment/own.html",
            "two",
            json!({ "items": [item, came] }),
        ),
        sample(
            "cases/appointment/day.html",
            "none",
            json!({ "items": [], "windows": [], "more": false, "day": "2026-11-26", "today": true, "before": "2026-11-25",
                "after": "2026-11-27", "window": "", "page": 0, "may_intake": false }),
        ),
        sample(
            "cases/appointment/day.html",
            "two",
            json!({ "items": [item, came], "windows": [window], "more": true, "day": "2026-11-27", "today": false,
                "before": "2026-11-26", "after": "2026-11-28", "window": "w", "page": 1, "may_intake": true }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn long_lines_are_folded_between_characters() {
        let line = format!("SUMMARY:{}", "示例事项".repeat(12));
        let folded = super::folded(&line);
        assert!(folded.split("\r\n").all(|l| l.len() <= 75));
        assert_eq!(folded.replace("\r\n ", "").trim_end(), line);
    }
}
