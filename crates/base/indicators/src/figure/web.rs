//! Cockpit, list, one indicator, its rows as page and file, and the JSON API.

use super::model::{self, Figure, Kind, Part, Source};
use super::service::{self, Ask, PAGE, Rows, Shown, Table};
use super::store::Counted;
use axum::extract::{Path, Query};
use axum::response::Response;
use kernel::http::{attachment, percent, reply};
use kernel::{Ctx, Fault, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Lines of a breakdown on the cockpit and on an indicator's own page.
const WALL: u32 = 40;
const LONG: u32 = 500;

fn source_name(kind: Kind) -> &'static str {
    match (kind, kind.source()) {
        (Kind::Satisfaction, _) => "ratings",
        (_, Source::Cases) => "cases",
        (_, Source::Matters) => "matters",
    }
}

/// A figure as templates take it; `none` says what is missing when there is no value.
fn figure(ctx: &Ctx, kind: Option<Kind>, f: Figure, unit: &str) -> Json {
    let missing = kind.map_or("computation", source_name);
    json!({
        "value": f.text(), "unit": unit, "numerator": f.numerator, "denominator": f.denominator,
        "none": ctx.t(&format!("indicators-none-{missing}"), &[]),
    })
}

fn rows_href(kind: Kind, part: Part, organisation: &str, matter: &str) -> String {
    let mut href = format!("/work/indicators/{}/rows?part={}", kind.id(), part.id());
    for (name, value) in [("organisation", organisation), ("matter", matter)] {
        if !value.is_empty() {
            href.push_str(&format!("&{name}={}", percent(value)));
        }
    }
    href
}

fn shown(ctx: &Ctx, s: &Shown) -> Json {
    let d = &s.definition;
    let trend = model::trend(&s.points, d.better).map(|t| {
        let key = if t.up {
            "indicators-trend-up"
        } else {
            "indicators-trend-down"
        };
        let since = kernel::page::date_text(ctx.locale, &ctx.date_of(t.since).to_string());
        json!({ "text": ctx.t(key, &[("by", &t.by), ("since", &since)]), "up": t.up, "good": t.good })
    });
    let parts: Vec<Json> = s
        .kind
        .into_iter()
        .flat_map(|kind| [Part::Numerator, Part::Denominator].map(|part| (kind, part)))
        .map(|(kind, part)| {
            json!({
                "label": ctx.t(&format!("indicators-{}-{}", kind.id(), part.id()), &[]),
                "n": part.of(s.figure),
                "href": rows_href(kind, part, "", ""), "of": part == Part::Numerator,
            })
        })
        .collect();
    json!({
        "id": d.id, "title": ctx.locale.pick(&d.title, &d.title_en),
        "figure": figure(ctx, s.kind, s.figure, &d.unit),
        "formula": ctx.locale.pick(&d.formula, &d.formula_en), "better": d.better,
        "line": model::line(&s.points), "trend": trend, "parts": parts,
    })
}

/// A breakdown for the columns of these indicators.
fn table(ctx: &Ctx, t: &Table, columns: &[&Shown], by_matter: bool) -> Vec<Json> {
    let cell = |id: &str, s: &Shown, f: Figure| {
        let mut cell = figure(ctx, s.kind, f, &s.definition.unit);
        let (organisation, matter) = if by_matter { ("", id) } else { (id, "") };
        cell["href"] = s
            .kind
            .map(|k| rows_href(k, Part::Denominator, organisation, matter))
            .into();
        cell["title"] = ctx
            .locale
            .pick(&s.definition.title, &s.definition.title_en)
            .into();
        cell
    };
    t.lines
        .iter()
        .map(|(id, name, figures)| {
            let cells: Vec<Json> = columns
                .iter()
                .map(|s| {
                    cell(
                        id,
                        s,
                        s.kind.and_then(|k| figures.get(&k)).copied().unwrap_or_default(),
                    )
                })
                .collect();
            json!({ "id": id, "name": name, "cells": cells })
        })
        .collect()
}

/// What happened, in words; the type itself when nobody named it.
fn event(ctx: &Ctx, kind: &str, at: i64) -> Json {
    let key = format!("indicators-fact-{}", kind.replace('.', "-"));
    let text = if ctx.app.texts.has(&key) {
        ctx.t(&key, &[])
    } else {
        kind.to_string()
    };
    json!({ "text": text, "at": at })
}

pub(crate) async fn cockpit(cx: Ctx) -> Result<Response> {
    let board = service::board(&cx, WALL).await?;
    let columns: Vec<&Shown> = board.shown.iter().filter(|s| s.kind.is_some()).collect();
    let context = json!({
        "figures": columns.iter().map(|s| shown(&cx, s)).collect::<Vec<_>>(),
        "organisations": table(&cx, &board.organisations, &columns, false),
        "matters": table(&cx, &board.matters, &columns, true),
        "events": board.events.iter().map(|(kind, at)| event(&cx, kind, *at)).collect::<Vec<_>>(),
    });
    cx.page("indicators/figure/cockpit.html", context)
}

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    let board = service::board(&cx, 0).await?;
    let figures: Vec<Json> = board.shown.iter().map(|s| shown(&cx, s)).collect();
    cx.page("indicators/figure/list.html", json!({ "figures": figures }))
}

pub(crate) async fn show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let (one, organisations, matters) = service::whole(&cx, &id, LONG).await?;
    let context = json!({
        "f": shown(&cx, &one),
        "organisations": table(&cx, &organisations, &[&one], false),
        "matters": table(&cx, &matters, &[&one], true),
    });
    cx.page("indicators/figure/show.html", context)
}

/// Which rows, as the address says it.
#[derive(Deserialize)]
pub(crate) struct Pick {
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    matter: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    page: String,
}

pub(crate) async fn rows(cx: Ctx, Path(id): Path<String>, Query(pick): Query<Pick>) -> Result<Response> {
    let part = Part::parse(&pick.part).ok_or_else(Refusal::not_found)?;
    let ask = Ask {
        id: &id,
        part,
        organisation: &pick.organisation,
        matter: &pick.matter,
    };
    match pick.format.as_str() {
        "csv" => {
            let all = service::all_rows(&cx, &ask).await?;
            let name = format!("{id}-{}-{}.csv", part.id(), cx.today());
            Ok(attachment(&name, "text/csv; charset=utf-8", csv(&cx, &all)?))
        }
        "" => {
            let page = pick.page.parse::<i64>().unwrap_or(1).max(1);
            let found = service::rows(&cx, &ask, page).await?;
            rows_page(&cx, &ask, &found, page)
        }
        _ => Err(Refusal::not_found().into()),
    }
}

fn rows_page(cx: &Ctx, ask: &Ask<'_>, found: &Rows, page: i64) -> Result<Response> {
    let d = &found.definition;
    let href = |part| rows_href(found.kind, part, ask.organisation, ask.matter);
    let here = href(ask.part);
    let n = ask.part.of(found.figure);
    let pages = (n + PAGE - 1) / PAGE;
    let parts: Vec<Json> = [Part::Denominator, Part::Numerator]
        .into_iter()
        .map(|p| {
            json!({
                "label": cx.t(&format!("indicators-{}-{}", found.kind.id(), p.id()), &[]),
                "n": p.of(found.figure),
                "href": href(p), "on": p == ask.part,
            })
        })
        .collect();
    let rows: Vec<Json> = found
        .rows
        .iter()
        .map(|r| {
            let named = |prefix: &str, value: Option<&str>| {
                value.map(|v| {
                    let key = format!("indicators-{prefix}-{v}");
                    if cx.app.texts.has(&key) {
                        cx.t(&key, &[])
                    } else {
                        v.to_string()
                    }
                })
            };
            json!({
                "number": r.number, "title": cx.locale.pick(&r.title, &r.title_en), "at": r.at,
                "organisation": found.names.get(&r.organisation).unwrap_or(&r.organisation),
                "on_time": r.on_time.map(|t| json!({ "good": t, "text": yes_no(cx, t) })),
                "visits": r.visits, "channel": named("channel", r.channel.as_deref()), "grade": r.grade,
                "online": named("online", r.online.as_deref()),
            })
        })
        .collect();
    cx.page(
        "indicators/figure/rows.html",
        json!({
            "id": d.id, "title": cx.locale.pick(&d.title, &d.title_en), "parts": parts, "rows": rows,
            "figure": figure(cx, Some(found.kind), found.figure, &d.unit),
            "matters": found.kind.source() == Source::Matters,
            "organisation": found.organisation, "matter": found.matter, "csv": format!("{here}&format=csv"),
            "page": page, "pages": pages,
            "newer": (page > 1).then(|| format!("{here}&page={}", page - 1)),
            "older": (page < pages).then(|| format!("{here}&page={}", page + 1)),
        }),
    )
}

fn yes_no(cx: &Ctx, yes: bool) -> String {
    cx.t(if yes { "indicators-yes" } else { "indicators-no" }, &[])
}

/// A cell that a spreadsheet takes as text: nothing that begins like a formula stands bare.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_string()
    }
}

/// The rows as CSV (RFC 4180, UTF-8 with byte order mark, so that spreadsheets read Chinese), headed in
/// the reader's language.
fn csv(cx: &Ctx, found: &Rows) -> Result<Vec<u8>> {
    let instant = |ms: Option<i64>| {
        ms.and_then(|m| jiff::Timestamp::from_millisecond(m).ok())
            .map(|t| t.to_string())
            .unwrap_or_default()
    };
    let number = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
    let organisation = |r: &Counted| {
        found
            .names
            .get(&r.organisation)
            .unwrap_or(&r.organisation)
            .clone()
    };
    let title = |r: &Counted| cx.locale.pick(&r.title, &r.title_en).to_string();
    let line = |r: &Counted| -> Vec<String> {
        let first = [
            r.number.clone().unwrap_or_default(),
            title(r),
            organisation(r),
            instant(r.at),
        ];
        let rest = match found.kind.source() {
            Source::Cases => vec![
                r.on_time.map(|t| yes_no(cx, t)).unwrap_or_default(),
                number(r.visits),
                r.channel.clone().unwrap_or_default(),
                number(r.grade),
            ],
            Source::Matters => vec![r.online.clone().unwrap_or_default()],
        };
        first.into_iter().chain(rest).map(|text| cell(&text)).collect()
    };
    let heads: &[&str] = match found.kind.source() {
        Source::Cases => &[
            "number",
            "matter",
            "organisation",
            "ended",
            "on-time",
            "visits",
            "channel",
            "grade",
        ],
        Source::Matters => &["proof", "matter", "organisation", "proven", "online"],
    };
    let bad = |e: ::csv::Error| Fault::of("csv", e);
    let mut out = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(Vec::new());
    out.write_record(heads.iter().map(|h| cx.t(&format!("indicators-{h}"), &[])))
        .map_err(bad)?;
    for r in &found.rows {
        out.write_record(line(r)).map_err(bad)?;
    }
    let body = out.into_inner().map_err(|e| Fault::new(format!("csv: {e}")))?;
    Ok([&b"\xEF\xBB\xBF"[..], &body].concat())
}

fn api_figure(f: Figure) -> Json {
    json!({ "numerator": f.numerator, "denominator": f.denominator, "value": f.percent() })
}

fn api_item(s: &Shown) -> Json {
    let d = &s.definition;
    let f = if s.kind.is_some() {
        api_figure(s.figure)
    } else {
        Json::Null
    };
    json!({
        "id": d.id, "title": d.title, "title_en": d.title_en, "unit": d.unit, "formula": d.formula,
        "formula_en": d.formula_en, "better": d.better, "figure": f,
    })
}

pub(crate) async fn api_list(cx: Ctx) -> Result<Response> {
    let board = service::board(&cx, 0).await?;
    Ok(reply(
        json!({ "items": board.shown.iter().map(api_item).collect::<Vec<_>>() }),
    ))
}

pub(crate) async fn api_show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let (one, organisations, matters) = service::whole(&cx, &id, LONG).await?;
    let lines = |t: &Table| -> Vec<Json> {
        t.lines
            .iter()
            .filter_map(|(id, name, f)| {
                let figure = f.get(&one.kind?)?;
                Some(json!({ "id": id, "name": name, "figure": api_figure(*figure) }))
            })
            .collect()
    };
    let points: Vec<Json> = one
        .points
        .iter()
        .map(|p| json!({ "at": p.at, "figure": api_figure(p.figure) }))
        .collect();
    let mut whole = api_item(&one);
    whole["organisations"] = lines(&organisations).into();
    whole["matters"] = lines(&matters).into();
    whole["points"] = points.into();
    Ok(reply(whole))
}

fn figure_schema() -> Json {
    json!({
        "type": ["object", "null"], "description": "null when nothing here computes the indicator",
        "required": ["numerator", "denominator", "value"],
        "properties": {
            "numerator": { "type": "integer" }, "denominator": { "type": "integer" },
            "value": { "type": ["number", "null"],
            "description": "percent with one decimal; null without records" },
        }
    })
}

/// JSON Schema of one item of the list.
pub(crate) fn schema() -> Json {
    let text = json!({ "type": "string" });
    json!({ "type": "object", "required": ["id", "title", "unit", "formula", "better", "figure"],
    "properties": {
        "id": text, "title": text, "title_en": text, "unit": text, "formula": text, "formula_en": text,
        "better": { "enum": ["up", "down"] }, "figure": figure_schema(),
    } })
}

/// JSON Schema of one indicator with breakdowns and history (`at` in UTC milliseconds).
pub(crate) fn schema_whole() -> Json {
    let line = json!({ "type": "object", "properties": {
        "id": { "type": "string" }, "name": { "type": "string" }, "figure": figure_schema() } });
    let mut whole = schema();
    whole["properties"]["organisations"] = json!({ "type": "array", "items": line });
    whole["properties"]["matters"] = json!({ "type": "array", "items": line });
    whole["properties"]["points"] = json!({ "type": "array", "items": { "type": "object", "properties": {
        "at": { "type": "integer" }, "figure": figure_schema() } } });
    whole
}
