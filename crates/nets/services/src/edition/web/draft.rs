//! An edition from the first word to publication: its form, its files, its review.

use crate::edition::fields::Wrong;
use crate::edition::model::{self, Content, PART_MAX, PARTS};
use crate::edition::service::{self, Saved};
use crate::edition::{check, store, view};
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{attachment, percent, see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

type Pairs = Vec<(String, String)>;

/// An edition: what changed, what is wrong, what can be done next.
pub(crate) async fn show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    edition_page(&cx, &id, StatusCode::OK, "").await
}

async fn edition_page(cx: &Ctx, id: &str, status: StatusCode, refused: &str) -> Result<Response> {
    let data = cx
        .read("services.edition", |tx| {
            let e = service::find(cx, tx, id)?;
            let head = store::head(tx, &e.matter)?;
            let base = match e.base_version {
                0 => Content::blank(&e.matter),
                v => store::version(tx, &e.matter, v)?.ok_or_else(Refusal::not_found)?,
            };
            let mut h = view::head(cx, tx, &e)?;
            // A published or discarded edition is history; checks are for what is still open.
            let findings: Vec<Json> = match e.open() {
                true => check::check(cx, tx, &e.content)?.iter().map(|f| view::finding(cx, id, f)).collect(),
                false => Vec::new(),
            };
            let behind = match head {
                Some((now, _)) if e.open() && now != e.base_version => {
                    let units = service::merged(tx, &e, now)?.1;
                    let show = |u: &kernel::living::Unit| {
                        let english = view::english(cx);
                        let text = |v: &Json| model::shown(&u.name, v, english);
                        let long = PARTS.contains(&u.name.as_str());
                        json!({ "name": model::unit_name(&u.name, english), "side": u.side, "long": long,
                            "mine": text(&u.local), "theirs": text(&u.pack) })
                    };
                    let local = |u: &&kernel::living::Unit| u.side != kernel::living::Side::Local;
                    json!({ "version": now, "units": units.iter().filter(local).map(show).collect::<Vec<_>>() })
                }
                _ => Json::Null,
            };
            h["retired"] = head.is_some_and(|x| x.1).into();
            h["published_before"] = head.is_some().into();
            let parts: Vec<Json> = PARTS
                .iter()
                .zip(&e.content.parts)
                .map(|(n, t)| json!({ "name": n, "label": model::unit_name(n, view::english(cx)), "bytes": t.len() }))
                .collect();
            Ok(json!({ "e": h, "changes": view::change_list(cx, &base.body(false), &e.content.body(false)),
                "findings": findings, "behind": behind, "parts": parts, "refused": refused }))
        })
        .await?;
    cx.page_with(status, "services/edition/show.html", data)
}

#[derive(Deserialize, Default)]
pub(crate) struct More {
    #[serde(default)]
    more: String,
}

pub(crate) async fn sheet(cx: Ctx, Path(id): Path<String>, Query(m): Query<More>) -> Result<Response> {
    let data = cx
        .read("services.sheet", |tx| {
            let e = service::find(&cx, tx, &id)?;
            let orgs = view::organisations(&cx, tx)?;
            let head = view::head(&cx, tx, &e)?;
            Ok(head["may_edit"].as_bool().unwrap_or(false).then(|| {
                json!({ "e": head, "sections": view::form(&cx, &e.content.sheet, &[], &orgs, &m.more), "errors": [],
                    "theirs": [], "stale": false })
            }))
        })
        .await?;
    match data {
        Some(data) => cx.page("services/edition/sheet.html", data),
        None => Ok(see(&format!("/work/matters/editions/{id}"))),
    }
}

/// Rows are moved and taken out among the posted fields, before anything is read.
fn rearrange(pairs: Pairs, action: &str) -> Pairs {
    let Some((verb, rest)) = action.split_once(':') else {
        return pairs;
    };
    let Some((group, n)) = rest.rsplit_once('.') else {
        return pairs;
    };
    let Ok(n) = n.parse::<usize>() else { return pairs };
    let number = |name: &str| -> Option<usize> {
        name.strip_prefix(group)?
            .strip_prefix('.')?
            .split('.')
            .next()?
            .parse()
            .ok()
    };
    let before = pairs
        .iter()
        .filter_map(|(k, _)| number(k))
        .filter(|k| *k < n)
        .max();
    let renamed = |name: &str, to: usize| {
        let column = name.rsplit('.').next().unwrap_or_default();
        format!("{group}.{to}.{column}")
    };
    let change = |(k, v): (String, String)| match (verb, number(&k), before) {
        ("drop", Some(x), _) if x == n => None,
        ("up", Some(x), Some(b)) if x == n => Some((renamed(&k, b), v)),
        ("up", Some(x), Some(b)) if x == b => Some((renamed(&k, n), v)),
        _ => Some((k, v)),
    };
    pairs.into_iter().filter_map(change).collect()
}

pub(crate) async fn save_sheet(
    cx: Ctx,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Response> {
    let posted = |name: &str| {
        pairs
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    };
    let action = posted("action");
    let version: i64 = posted("version")
        .parse()
        .map_err(|_| Refusal::new("kernel-bad-form"))?;
    let more = action.strip_prefix("add:").unwrap_or_default().to_string();
    let pairs = rearrange(pairs, &action);
    let (status, e, sheet, wrongs, stale): (_, _, _, Vec<Wrong>, bool) =
        match service::save_sheet(&cx, &id, version, &pairs).await? {
            Saved::Yes => {
                let back = format!("/work/matters/editions/{id}");
                // `add` names the group itself, the others one of its rows.
                let group = action.split_once(':').map(|(verb, g)| match verb {
                    "add" => g,
                    _ => g.rsplit_once('.').map_or(g, |(group, _)| group),
                });
                return Ok(see(&match group {
                    Some(g) => {
                        let anchor = g.replace('.', "-");
                        let more = match more.is_empty() {
                            true => String::new(),
                            false => format!("?more={}", percent(g)),
                        };
                        format!("{back}/sheet{more}#field-{anchor}")
                    }
                    None => back,
                }));
            }
            Saved::Wrong(e, sheet, wrongs) => (StatusCode::UNPROCESSABLE_ENTITY, e, sheet, wrongs, false),
            Saved::Stale(e, sheet) => (StatusCode::PRECONDITION_FAILED, e, sheet, Vec::new(), true),
        };
    let data = cx
        .read("services.sheet-again", |tx| {
            let orgs = view::organisations(&cx, tx)?;
            let mine = Content {
                sheet: sheet.clone(),
                parts: e.content.parts.clone(),
            };
            let theirs = match stale {
                true => view::change_list(&cx, &e.content.body(false), &mine.body(false)),
                false => Vec::new(),
            };
            Ok(json!({ "e": view::head(&cx, tx, &e)?, "sections": view::form(&cx, &sheet, &wrongs, &orgs, &more),
                "errors": wrongs.iter().map(|w| view::wrong(&cx, w)).collect::<Vec<_>>(), "theirs": theirs, "stale": stale }))
        })
        .await?;
    cx.page_with(status, "services/edition/sheet.html", data)
}

#[derive(Deserialize, Default)]
pub(crate) struct Take {
    /// `1`: the text as a file, for an editor of its own.
    #[serde(default)]
    download: String,
}

pub(crate) async fn part(
    cx: Ctx,
    Path((id, part)): Path<(String, String)>,
    Query(take): Query<Take>,
) -> Result<Response> {
    if take.download == "1" {
        let at = PARTS.iter().position(|p| *p == part);
        let at = at.ok_or_else(Refusal::not_found)?;
        let e = cx
            .read("services.part-file", |tx| service::find(&cx, tx, &id))
            .await?;
        let text = e.content.parts[at].clone().into_bytes();
        return Ok(attachment(&part, "text/plain; charset=utf-8", text));
    }
    part_page(&cx, &id, &part, StatusCode::OK, None, "").await
}

async fn part_page(
    cx: &Ctx,
    id: &str,
    part: &str,
    status: StatusCode,
    typed: Option<&str>,
    refused: &str,
) -> Result<Response> {
    let at = PARTS
        .iter()
        .position(|p| *p == part)
        .ok_or_else(Refusal::not_found)?;
    let data = cx
        .read("services.part", |tx| {
            let e = service::find(cx, tx, id)?;
            let findings = check::check(cx, tx, &e.content)?;
            let own = |f: &&check::Finding| match f {
                check::Finding::File(file, _, _) => file == part,
                check::Finding::Field(w) => w.field == part,
            };
            let findings: Vec<Json> = findings
                .iter()
                .filter(own)
                .map(|f| {
                    let mut said = view::finding(cx, id, f);
                    let line = said["line"].as_u64().unwrap_or(0) as usize;
                    let source = line.checked_sub(1).and_then(|n| e.content.parts[at].lines().nth(n));
                    said["source"] = source.unwrap_or_default().trim().into();
                    said
                })
                .collect();
            let lines = typed.map(|t| model::line_diff(&e.content.parts[at], t)).unwrap_or_default();
            Ok(json!({ "e": view::head(cx, tx, &e)?, "part": part, "label": model::unit_name(part, view::english(cx)),
                "text": typed.unwrap_or(&e.content.parts[at]), "findings": findings, "lines": lines,
                "refused": refused, "max": PART_MAX / 1000 }))
        })
        .await?;
    cx.page_with(status, "services/edition/part.html", data)
}

pub(crate) async fn save_part(
    cx: Ctx,
    Path((id, part)): Path<(String, String)>,
    mut form: Multipart,
) -> Result<Response> {
    let (mut version, mut text, mut file) = (0, String::new(), None);
    let bad = |e: axum::extract::multipart::MultipartError| {
        let large = e.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let key = if large {
            "kernel-too-large"
        } else {
            "kernel-bad-form"
        };
        Problem::from(Refusal::new(key).status(e.status().as_u16()))
    };
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_string();
        let bytes = field.bytes().await.map_err(bad)?;
        match (name.as_str(), String::from_utf8(bytes.to_vec())) {
            ("version", Ok(v)) => version = v.parse().map_err(|_| Refusal::new("kernel-bad-form"))?,
            ("text", Ok(t)) => text = t,
            ("file", Ok(t)) if !t.is_empty() => file = Some(t),
            ("file", Err(_)) => {
                let said = cx.t("services-part-utf8", &[]);
                return part_page(&cx, &id, &part, StatusCode::UNPROCESSABLE_ENTITY, None, &said).await;
            }
            _ => {}
        }
    }
    let text = file.unwrap_or(text);
    let text = text.trim_start_matches('\u{feff}');
    match service::save_part(&cx, &id, version, &part, text).await {
        Ok(Saved::Yes) => Ok(see(&format!("/work/matters/editions/{id}/parts/{part}"))),
        Ok(_) => {
            let said = cx.t("services-stale-part", &[]);
            part_page(
                &cx,
                &id,
                &part,
                StatusCode::PRECONDITION_FAILED,
                Some(text),
                &said,
            )
            .await
        }
        Err(Problem::Refusal(r)) if r.status == 422 => {
            part_page(
                &cx,
                &id,
                &part,
                StatusCode::UNPROCESSABLE_ENTITY,
                Some(text),
                &cx.says(&r),
            )
            .await
        }
        Err(e) => Err(e),
    }
}

/// The guide as residents will see it.
pub(crate) async fn preview(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let g = cx
        .read("services.preview", |tx| {
            let e = service::find(&cx, tx, &id)?;
            let parts = e
                .content
                .typed()
                .map_err(|_| Refusal::new("services-preview-unfit"))?;
            crate::matter::web::guide_of(&cx, tx, &parts.sheet)
        })
        .await?;
    cx.page("services/matter/guide.html", json!({ "g": g, "preview": id }))
}

#[derive(Deserialize, Default)]
pub(crate) struct Act {
    version: i64,
    #[serde(default)]
    opinion: String,
}

async fn after(cx: &Ctx, id: &str, outcome: Result<()>) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(see(&format!("/work/matters/editions/{id}"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 403 | 409 | 412 | 422) => {
            let status = status(&r);
            edition_page(cx, id, status, &cx.says(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn submit(cx: Ctx, Path(id): Path<String>, Form(a): Form<Act>) -> Result<Response> {
    after(&cx, &id, service::submit(&cx, &id, a.version).await).await
}
pub(crate) async fn withdraw(cx: Ctx, Path(id): Path<String>, Form(a): Form<Act>) -> Result<Response> {
    after(&cx, &id, service::withdraw(&cx, &id, a.version).await).await
}
pub(crate) async fn give_back(cx: Ctx, Path(id): Path<String>, Form(a): Form<Act>) -> Result<Response> {
    after(
        &cx,
        &id,
        service::give_back(&cx, &id, a.version, &a.opinion).await,
    )
    .await
}
pub(crate) async fn publish(cx: Ctx, Path(id): Path<String>, Form(a): Form<Act>) -> Result<Response> {
    after(&cx, &id, service::publish(&cx, &id, a.version, &a.opinion).await).await
}
pub(crate) async fn discard(cx: Ctx, Path(id): Path<String>, Form(a): Form<Act>) -> Result<Response> {
    after(&cx, &id, service::discard(&cx, &id, a.version).await).await
}
pub(crate) async fn rebase(cx: Ctx, Path(id): Path<String>, Form(a): Form<Act>) -> Result<Response> {
    after(&cx, &id, service::rebase(&cx, &id, a.version).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_moved_and_taken_out() {
        let pairs: Pairs = [("a.0.zh", "0"), ("a.2.zh", "2"), ("a.5.zh", "5"), ("b.2.zh", "b")]
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .to_vec();
        let up = rearrange(pairs.clone(), "up:a.5");
        assert_eq!(up[1], ("a.5.zh".to_string(), "2".to_string()));
        assert_eq!(up[2], ("a.2.zh".to_string(), "5".to_string()));
        assert_eq!(up[3], pairs[3]);
        assert_eq!(rearrange(pairs.clone(), "up:a.0"), pairs);
        let dropped = rearrange(pairs.clone(), "drop:a.2");
        assert_eq!(dropped.len(), 3);
        assert!(!dropped.contains(&pairs[1]));
        assert_eq!(rearrange(pairs.clone(), "save"), pairs);
    }
}
