//! Editions and their fields as templates show them.

use super::check::Finding;
use super::fields::{self, FIELDS, Field, Kind, Map_, Wrong};
use super::model::{Change, Edition, PARTS, changes, line_diff, unit_name};
use super::service;
use kernel::{Ctx, Locale, Result, Tx};
use serde_json::{Value as Json, json};

pub(crate) fn english(cx: &Ctx) -> bool {
    cx.locale == Locale::En
}

/// Who did something, by post; one's own name is 我.
pub(crate) fn who(cx: &Ctx, tx: &mut Tx<'_>, actor: &str) -> Result<String> {
    let title = match identity::api::post_title(cx, tx, actor)? {
        Some(title) => title,
        None if actor.starts_with("system:") => cx.t("services-by-pack", &[]),
        None => cx.t("services-by-somebody", &[]),
    };
    Ok(match actor == cx.actor.id {
        true => cx.t("services-by-me", &[("who", &title)]),
        false => title,
    })
}

pub(crate) fn message(cx: &Ctx, w: &Wrong) -> String {
    let args: Vec<(&str, &str)> = w.args.iter().map(|(k, v)| (*k, v.as_str())).collect();
    cx.t(w.key, &args)
}

/// `{ anchor, place, text }` of one message.
pub(crate) fn wrong(cx: &Ctx, w: &Wrong) -> Json {
    json!({ "field": w.field, "place": unit_name(&w.field, english(cx)), "text": message(cx, w) })
}

/// What stands in the way of publication: where to mend it, and in which words.
pub(crate) fn finding(cx: &Ctx, edition: &str, f: &Finding) -> Json {
    let sheet = |field: &str| {
        format!(
            "/work/matters/editions/{edition}/sheet#field-{}",
            field.replace('.', "-")
        )
    };
    let part = |name: &str| format!("/work/matters/editions/{edition}/parts/{name}");
    match f {
        Finding::Field(w) => {
            let href = if PARTS.contains(&w.field.as_str()) {
                part(&w.field)
            } else {
                sheet(&w.field)
            };
            json!({ "place": unit_name(&w.field, english(cx)), "line": 0, "text": message(cx, w), "href": href })
        }
        Finding::File(file, line, text) => {
            let known = PARTS.contains(&file.as_str());
            let href = if known { part(file) } else { sheet("title") };
            let name = if known {
                file.clone()
            } else {
                cx.t("services-sheet", &[])
            };
            // Nobody sees the lines of a file that is put together from fields.
            let line = if known { *line } else { 0 };
            json!({ "place": name, "line": line, "text": text, "href": href })
        }
    }
}

/// Ids and names of all organisations, for choices.
pub(crate) fn organisations(cx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<(String, String)>> {
    let name = |o: identity::api::Organisation| match english(cx) && !o.name_en.is_empty() {
        true => (o.id, o.name_en),
        false => (o.id, o.name),
    };
    Ok(identity::api::organisations(tx)?.into_iter().map(name).collect())
}

/// `material.2.max_mb` has its help under `material-max-mb`.
fn help_name(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').filter(|p| p.parse::<usize>().is_err()).collect();
    parts.join("-").replace('_', "-")
}

fn cell(cx: &Ctx, f: &Field, name: &str, value: &Json, wrongs: &[Wrong], orgs: &[(String, String)]) -> Json {
    let english = english(cx);
    let chosen = |v: &str| match value {
        Json::Array(all) => all.iter().any(|x| x == v),
        one => one == v,
    };
    let table = |all: &[fields::Option_]| -> Vec<Json> {
        let one = |o: &fields::Option_| json!({ "value": o.0, "label": if english { o.2 } else { o.1 }, "on": chosen(o.0) });
        all.iter().map(one).collect()
    };
    let (kind, options) = match f.kind {
        Kind::Text => ("text", vec![]),
        Kind::Long => ("long", vec![]),
        Kind::Words => ("words", vec![]),
        Kind::Whole(..) => ("whole", vec![]),
        Kind::Money => ("money", vec![]),
        Kind::Yes => ("yes", vec![]),
        Kind::Choice(all) => ("choice", table(all)),
        Kind::Choices(all) => ("choices", table(all)),
        Kind::Rows(_) => ("rows", vec![]),
        Kind::Organisation | Kind::Organisations => {
            let one = |(id, name): &(String, String)| json!({ "value": id, "label": name, "on": chosen(id) });
            let kind = if matches!(f.kind, Kind::Organisation) {
                "choice"
            } else {
                "several"
            };
            (kind, orgs.iter().map(one).collect())
        }
    };
    let errors: Vec<String> = wrongs
        .iter()
        .filter(|w| w.field == name)
        .map(|w| message(cx, w))
        .collect();
    let text = match f.kind {
        Kind::Rows(_) => String::new(),
        _ => fields::show(f, value, english),
    };
    let help = match f.help {
        true => cx.t(&format!("services-help-{}", help_name(name)), &[]),
        false => String::new(),
    };
    json!({ "name": name, "label": f.label(english), "kind": kind, "value": text, "yes": *value == Json::Bool(true),
        "options": options, "required": f.required, "max": f.max, "help": help, "errors": errors, "rows": null })
}

/// The whole form: sections with fields; `more` names a group that gets an empty row.
pub(crate) fn form(
    cx: &Ctx,
    sheet: &Map_,
    wrongs: &[Wrong],
    orgs: &[(String, String)],
    more: &str,
) -> Vec<Json> {
    let mut sections: Vec<(&str, Vec<Json>)> = Vec::new();
    for f in FIELDS.iter().filter(|f| f.name != "id") {
        let value = fields::get(sheet, f.name);
        let mut view = cell(cx, f, f.name, value, wrongs, orgs);
        if let Kind::Rows(columns) = f.kind {
            let mut rows: Vec<Json> = value.as_array().cloned().unwrap_or_default();
            if more == f.name || (rows.is_empty() && f.required) {
                // What has a sensible beginning, so that a new row is not wrong by itself.
                rows.push(
                    json!({ "max_mb": 10, "required": true, "form": "both", "originals": 1, "copies": 0 }),
                );
            }
            let rows: Vec<Json> = rows
                .iter()
                .enumerate()
                .map(|(n, row)| {
                    let one = |c: &Field| {
                        cell(
                            cx,
                            c,
                            &format!("{}.{n}.{}", f.name, c.name),
                            &row[c.name],
                            wrongs,
                            orgs,
                        )
                    };
                    Json::from(columns.iter().map(one).collect::<Vec<_>>())
                })
                .collect();
            view["rows"] = rows.into();
        }
        match sections.iter_mut().find(|(s, _)| *s == f.section) {
            Some((_, list)) => list.push(view),
            None => sections.push((f.section, vec![view])),
        }
    }
    let title = |s: &str| cx.t(&format!("services-section-{s}"), &[]);
    sections
        .into_iter()
        .map(|(s, list)| json!({ "id": s, "title": title(s), "fields": list }))
        .collect()
}

/// A list of changes: short values side by side, long ones line by line.
pub(crate) fn change_list(cx: &Ctx, old: &kernel::living::Body, new: &kernel::living::Body) -> Vec<Json> {
    changes(old, new, english(cx))
        .iter()
        .map(|c| change(cx, c))
        .collect()
}

fn change(cx: &Ctx, c: &Change) -> Json {
    let long = PARTS.contains(&c.unit.as_str()) || c.old.contains('\n') || c.new.contains('\n');
    let lines = if long {
        line_diff(&c.old, &c.new)
    } else {
        Vec::new()
    };
    json!({ "unit": c.unit, "name": unit_name(&c.unit, english(cx)), "what": c.what, "old": c.old, "new": c.new, "lines": lines })
}

/// Head of an edition.
pub(crate) fn head(cx: &Ctx, tx: &mut Tx<'_>, e: &Edition) -> Result<Json> {
    let place = service::place(tx, &e.matter, &e.organisation)?;
    let mut authors = Vec::new();
    for a in &e.authors {
        authors.push(who(cx, tx, a)?);
    }
    let reviewer = e.reviewer.as_deref().map(|r| who(cx, tx, r)).transpose()?;
    let title = match (english(cx), e.content.text("title_en")) {
        (true, en) if !en.is_empty() => en,
        _ => e.content.text("title"),
    };
    Ok(json!({
        "id": e.id, "matter": e.matter, "title": title, "state": e.state, "base": e.base_version,
        "organisation": identity::api::organisation_name(cx, tx, &e.organisation)?, "note": e.note, "authors": authors,
        "reviewer": reviewer, "opinion": e.opinion, "published": e.published_version, "version": e.version,
        "created_at": e.created_at, "updated_at": e.updated_at, "submitted_at": e.submitted_at, "closed_at": e.closed_at,
        "origin": origin(cx, &e.origin),
        "may_edit": e.editable() && cx.may(service::EDIT, &place).is_ok(),
        "may_withdraw": e.state == "review" && cx.may(service::EDIT, &place).is_ok(),
        "may_decide": e.state == "review" && cx.may(service::PUBLISH, &place).is_ok() && !e.authors.contains(&cx.actor.id),
        "own": e.authors.contains(&cx.actor.id) && cx.may(service::PUBLISH, &place).is_ok(),
    }))
}

fn origin(cx: &Ctx, origin: &str) -> String {
    match origin.split_once(':') {
        Some(("import", _)) => cx.t("services-origin-import", &[]),
        Some(("version", n)) => cx.t("services-origin-version", &[("n", n)]),
        _ => cx.t("services-origin-form", &[]),
    }
}
