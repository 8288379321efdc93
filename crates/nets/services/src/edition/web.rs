//! 事项管理: the stewards' list, a matter with its versions, an edition from the first word to publication.

use super::fields::Wrong;
use super::model::{Content, PART_MAX, PARTS, state};
use super::service::{self, Saved};
use super::{check, living, store, view};
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{attachment, percent, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

pub(crate) type Pairs = Vec<(String, String)>;

const PAGE: usize = 20;

#[derive(Deserialize, Clone, Default)]
pub(crate) struct Find {
    #[serde(default)]
    pub q: String,
    #[serde(default)]
    pub organisation: String,
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub page: usize,
    #[serde(default)]
    pub format: String,
}

const STATES: [&str; 6] = ["force", "retired", "new", "draft", "review", "returned"];

/// The matters that the actor may see and asked for, as the list shows them.
pub(crate) fn found(cx: &Ctx, tx: &mut Tx<'_>, find: &Find) -> Result<(Vec<Json>, Vec<Json>)> {
    let scope = cx.scope(service::READ);
    let origins = kernel::living::origins(tx, living::SECTION)?;
    let q = find.q.trim().to_lowercase();
    let english = view::english(cx);
    let (mut items, mut organisations) = (Vec::new(), Vec::<Json>::new());
    for m in store::list(tx)? {
        let place = service::place(tx, &m.id, &m.organisation)?;
        if !scope.holds(&place) {
            continue;
        }
        let name = identity::api::organisation_name(cx, tx, &m.organisation)?;
        let org = json!({ "id": m.organisation, "name": name });
        if !organisations.contains(&org) {
            organisations.push(org);
        }
        let state = match (m.version, m.retired) {
            (0, _) => "new",
            (_, true) => "retired",
            _ => "force",
        };
        let open = m.open.as_ref().map(|o| o.1.clone()).unwrap_or_default();
        let text = [&m.id, &m.code, &m.title, &m.title_en].map(|t| t.to_lowercase());
        let fits = (q.is_empty() || text.iter().any(|t| t.contains(&q)))
            && (find.organisation.is_empty() || find.organisation == m.organisation)
            && (find.state.is_empty() || find.state == state || find.state == open);
        if !fits {
            continue;
        }
        let origin = match (origins.contains_key(&m.id), m.edited) {
            (true, false) => "pack",
            (true, true) => "edited",
            (false, _) => "local",
        };
        let title = if english && !m.title_en.is_empty() {
            &m.title_en
        } else {
            &m.title
        };
        items.push(
            json!({ "id": m.id, "code": m.code, "title": title, "organisation": name, "version": m.version,
            "state": state, "edition": m.open.as_ref().map(|o| o.0.clone()), "open": open, "origin": origin,
            "changed_at": m.changed_at }),
        );
    }
    Ok((items, organisations))
}

pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let (items, organisations) = cx.read("services.stewards", |tx| found(&cx, tx, &find)).await?;
    let total = items.len();
    let page = find.page.min(total.saturating_sub(1) / PAGE);
    let shown: Vec<Json> = items.into_iter().skip(page * PAGE).take(PAGE).collect();
    let filter = format!(
        "q={}&organisation={}&state={}",
        percent(&find.q),
        percent(&find.organisation),
        percent(&find.state)
    );
    cx.page(
        "services/edition/list.html",
        json!({ "items": shown, "organisations": organisations, "q": find.q, "organisation": find.organisation,
            "state": find.state, "states": STATES, "total": total, "filter": filter, "may_edit": cx.holds(service::EDIT),
            "pager": pager(page, total, PAGE) }),
    )
}

/// Where a reader stands in a list that is cut into pages; people count them from 1.
pub(crate) fn pager(page: usize, total: usize, size: usize) -> Json {
    let pages = total.div_ceil(size).max(1);
    json!({ "page": page + 1, "pages": pages, "previous": page.checked_sub(1), "next": (page + 1 < pages).then_some(page + 1) })
}

#[derive(Deserialize, Default)]
pub(crate) struct New {
    #[serde(default)]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    like: String,
}

pub(crate) async fn new(cx: Ctx) -> Result<Response> {
    new_page(&cx, StatusCode::OK, &New::default(), "").await
}

async fn new_page(cx: &Ctx, status: StatusCode, n: &New, refused: &str) -> Result<Response> {
    let (orgs, matters) = cx
        .read("services.new", |tx| {
            let scope = cx.scope(service::EDIT);
            let mut orgs = Vec::new();
            for (id, name) in view::organisations(cx, tx)? {
                if scope.holds(&service::place(tx, "", &id)?) {
                    orgs.push(json!({ "id": id, "name": name }));
                }
            }
            Ok((orgs, found(cx, tx, &Find::default())?.0))
        })
        .await?;
    let matters: Vec<Json> = matters.into_iter().filter(|m| m["version"] != 0).collect();
    cx.page_with(
        status,
        "services/edition/new.html",
        json!({ "organisations": orgs, "matters": matters, "refused": refused, "id": n.id, "title": n.title,
            "organisation": n.organisation, "like": n.like }),
    )
}

pub(crate) async fn create(cx: Ctx, Form(n): Form<New>) -> Result<Response> {
    match service::create(&cx, &n.id, &n.title, &n.organisation, &n.like).await {
        Ok(id) => Ok(see(&format!("/work/matters/editions/{id}/sheet"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            let status = status(&r);
            new_page(&cx, status, &n, &cx.says(&r)).await
        }
        Err(e) => Err(e),
    }
}

/// A matter as its stewards know it: versions, editions, retirements.
pub(crate) async fn matter(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    matter_page(&cx, &id, StatusCode::OK, "").await
}

async fn matter_page(cx: &Ctx, id: &str, status: StatusCode, refused: &str) -> Result<Response> {
    let data = cx
        .read("services.steward-matter", |tx| {
            let (head, retired) = store::head(tx, id)?.ok_or_else(Refusal::not_found)?;
            let content = store::version(tx, id, head)?.ok_or_else(Refusal::not_found)?;
            let place = service::place(tx, id, content.text("organisation"))?;
            cx.may(service::READ, &place).map_err(|_| Refusal::not_found())?;
            let editions = store::of_matter(tx, id)?;
            let mut versions = Vec::new();
            for (v, at) in store::versions(tx, id)? {
                let e = editions.iter().find(|e| e.published_version == Some(v));
                let mut row = json!({ "version": v, "at": at, "edition": null, "authors": [], "publisher": null, "note": "",
                    "current": v == head });
                if let Some(e) = e {
                    let h = view::head(cx, tx, e)?;
                    row["edition"] = e.id.clone().into();
                    row["authors"] = h["authors"].clone();
                    row["publisher"] = h["reviewer"].clone();
                    row["note"] = e.note.clone().into();
                }
                versions.push(row);
            }
            let mut others = Vec::new();
            for e in editions.iter().filter(|e| e.published_version.is_none()) {
                others.push(view::head(cx, tx, e)?);
            }
            let mut retirements = Vec::new();
            for (reason, actor, at, by, ended) in store::retirements(tx, id)? {
                let by = by.map(|b| view::who(cx, tx, &b)).transpose()?;
                let reason = if reason == "pack" { cx.t("services-retired-by-pack", &[]) } else { reason };
                retirements.push(json!({ "reason": reason, "who": view::who(cx, tx, &actor)?, "at": at, "by": by, "ended_at": ended }));
            }
            let origins = kernel::living::origins(tx, living::SECTION)?;
            let english = view::english(cx);
            let title = match content.text("title_en") {
                en if english && !en.is_empty() => en,
                _ => content.text("title"),
            };
            Ok(json!({
                "id": id, "title": title, "code": content.text("code"), "version": head, "retired": retired,
                "organisation": identity::api::organisation_name(cx, tx, content.text("organisation"))?,
                "pack_version": origins.get(id), "versions": versions, "editions": others, "retirements": retirements,
                "open": editions.iter().find(|e| e.open()).map(|e| e.id.clone()),
                "may_edit": cx.may(service::EDIT, &place).is_ok(), "may_publish": cx.may(service::PUBLISH, &place).is_ok(),
            }))
        })
        .await?;
    cx.page_with(
        status,
        "services/edition/matter.html",
        json!({ "m": data, "refused": refused }),
    )
}

/// The version in force and the one before it, when the address says nothing.
#[derive(Deserialize)]
pub(crate) struct Between {
    from: Option<i64>,
    to: Option<i64>,
}

pub(crate) async fn compare(cx: Ctx, Path(id): Path<String>, Query(b): Query<Between>) -> Result<Response> {
    let data = cx
        .read("services.compare", |tx| {
            let (head, _) = store::head(tx, &id)?.ok_or_else(Refusal::not_found)?;
            let now = store::version(tx, &id, head)?.ok_or_else(Refusal::not_found)?;
            let place = service::place(tx, &id, now.text("organisation"))?;
            cx.may(service::READ, &place).map_err(|_| Refusal::not_found())?;
            let (from, to) = (b.from.unwrap_or((head - 1).max(1)), b.to.unwrap_or(head));
            let old = store::version(tx, &id, from)?.ok_or_else(Refusal::not_found)?;
            let new = store::version(tx, &id, to)?.ok_or_else(Refusal::not_found)?;
            Ok(
                json!({ "id": id, "title": now.text("title"), "from": from, "to": to,
                "changes": view::change_list(&cx, &old.body(false), &new.body(false)) }),
            )
        })
        .await?;
    cx.page("services/edition/compare.html", data)
}

#[derive(Deserialize, Default)]
pub(crate) struct From_ {
    version: Option<i64>,
}

pub(crate) async fn begin(cx: Ctx, Path(id): Path<String>, Form(f): Form<From_>) -> Result<Response> {
    match service::begin(&cx, &id, f.version).await {
        // A restored version is looked at first; fresh work begins with the form.
        Ok(e) if f.version.is_some() => Ok(see(&format!("/work/matters/editions/{e}"))),
        Ok(e) => Ok(see(&format!("/work/matters/editions/{e}/sheet"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            matter_page(&cx, &id, StatusCode::CONFLICT, &cx.says(&r)).await
        }
        Err(e) => Err(e),
    }
}

#[derive(Deserialize, Default)]
pub(crate) struct Reason {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn retire(cx: Ctx, Path(id): Path<String>, Form(f): Form<Reason>) -> Result<Response> {
    let outcome = service::retire(&cx, &id, &f.reason).await;
    after_matter(&cx, &id, outcome).await
}

pub(crate) async fn reinstate(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let outcome = service::reinstate(&cx, &id).await;
    after_matter(&cx, &id, outcome).await
}

async fn after_matter(cx: &Ctx, id: &str, outcome: Result<()>) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(see(&format!("/work/matters/{id}"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            let status = status(&r);
            matter_page(cx, id, status, &cx.says(&r)).await
        }
        Err(e) => Err(e),
    }
}

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
                        let text = |v: &Json| super::model::shown(&u.name, v, english);
                        let long = PARTS.contains(&u.name.as_str());
                        json!({ "name": super::model::unit_name(&u.name, english), "side": u.side, "long": long,
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
                .map(|(n, t)| json!({ "name": n, "label": super::model::unit_name(n, view::english(cx)), "bytes": t.len() }))
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
            let lines = typed.map(|t| super::model::line_diff(&e.content.parts[at], t)).unwrap_or_default();
            Ok(json!({ "e": view::head(cx, tx, &e)?, "part": part, "label": super::model::unit_name(part, view::english(cx)),
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

pub(crate) fn samples() -> Vec<Sample> {
    let item = json!({ "id": "m", "code": "1", "title": "示例事项", "organisation": "示例部门", "version": 2, "state": "force",
        "edition": "e", "open": "review", "origin": "edited", "changed_at": 1 });
    let mut fresh = item.clone();
    for (k, v) in [
        ("version", json!(0)),
        ("state", json!("new")),
        ("open", json!("draft")),
        ("origin", json!("local")),
    ] {
        fresh[k] = v;
    }
    let mut plain = item.clone();
    for (k, v) in [
        ("edition", Json::Null),
        ("open", json!("")),
        ("state", json!("retired")),
        ("origin", json!("pack")),
    ] {
        plain[k] = v;
    }
    let list = |items: Json, next: Json| {
        json!({ "items": items, "organisations": [{ "id": "o", "name": "示例部门" }], "q": "", "organisation": "o",
        "state": "review", "states": STATES, "total": 3, "filter": "q=", "may_edit": true,
        "pager": { "page": 1, "pages": 2, "previous": next, "next": next } })
    };
    let head = json!({ "id": "e", "matter": "m", "title": "示例事项", "state": state::DRAFT, "base": 1, "organisation": "示例部门",
        "note": "改时限", "authors": ["示例部门 事项管理员"], "reviewer": null, "opinion": null, "published": null, "version": 3,
        "created_at": 1, "updated_at": 2, "submitted_at": null, "closed_at": null, "origin": "网上编制", "may_edit": true,
        "may_withdraw": false, "may_decide": false, "own": false, "retired": false, "published_before": true });
    let state_of = |s: &str, may: &str| {
        let mut h = head.clone();
        h["state"] = s.into();
        h["may_edit"] = (s == state::DRAFT || s == state::RETURNED).into();
        if !may.is_empty() {
            h[may] = true.into();
        }
        if s == state::PUBLISHED {
            h["published"] = 2.into();
        }
        if s == state::PUBLISHED || s == state::RETURNED {
            h["reviewer"] = "示例部门 发布员".into();
            h["opinion"] = "同意".into();
        }
        h
    };
    let lines = json!([{ "kind": "same", "old": 1, "new": 1, "text": "a" }, { "kind": "del", "old": 2, "new": null, "text": "b" },
        { "kind": "add", "old": null, "new": 2, "text": "c" }, { "kind": "gap", "old": null, "new": null, "text": "" }]);
    let changes = json!([{ "unit": "title", "name": "事项名称", "what": "changed", "old": "旧", "new": "新", "lines": [] },
        { "unit": "form.json", "name": "申请表单", "what": "changed", "old": "b", "new": "c", "lines": lines },
        { "unit": "words", "name": "搜索用词", "what": "added", "old": "", "new": "占道", "lines": [] }]);
    let finding = json!({ "place": "process.bpmn", "line": 12, "text": "no start event", "source": "<process id=\"x\">", "href": "/work/matters/editions/e/parts/process.bpmn" });
    let show = |e: Json, findings: Json, behind: Json, refused: &str, changes: Json| {
        json!({ "e": e, "changes": changes, "findings": findings, "behind": behind,
        "parts": [{ "name": "form.json", "label": "申请表单", "bytes": 10 }], "refused": refused })
    };
    let field = |name: &str, kind: &str, options: Json| {
        json!({ "name": name, "label": "示例", "kind": kind, "value": "1", "yes": true, "options": options, "required": true,
        "max": 20, "help": "怎么填", "errors": ["必须填写"], "rows": null })
    };
    let options =
        json!([{ "value": "a", "label": "甲", "on": true }, { "value": "b", "label": "乙", "on": false }]);
    let mut rows = field("material", "rows", json!([]));
    let row = |n: usize| {
        let one = |kind: &&str| field(&format!("material.{n}.{kind}"), kind, json!([]));
        Json::from(
            ["text", "yes", "long", "words"]
                .iter()
                .map(one)
                .collect::<Vec<_>>(),
        )
    };
    rows["rows"] = json!([row(0), row(1)]);
    let kinds = [
        "text", "long", "words", "whole", "money", "yes", "choice", "choices", "several",
    ];
    let mut all: Vec<Json> = kinds.iter().map(|k| field(k, k, options.clone())).collect();
    all.push(rows);
    let sheet = |errors: Json, theirs: Json, stale: bool| {
        json!({ "e": head, "sections": [{ "id": "basic", "title": "基本信息", "fields": all }],
        "errors": errors, "theirs": theirs, "stale": stale })
    };
    let part = |refused: &str, lines: Json| {
        json!({ "e": head, "part": "form.json", "label": "申请表单", "text": "{}",
        "findings": [finding], "lines": lines, "refused": refused, "max": 400 })
    };
    let version = |n: i64, edition: Json, publisher: Json| json!({ "version": n, "at": 1, "edition": edition, "authors": ["示例"], "publisher": publisher, "note": "", "current": n == 2 });
    let matter = |retired: bool, open: Json, pack: Json| {
        json!({ "m": { "id": "m", "title": "示例事项", "code": "1", "version": 2, "retired": retired, "organisation": "示例部门",
            "pack_version": pack, "versions": [version(2, json!("e"), json!("发布员")), version(1, Json::Null, Json::Null)],
            "editions": [state_of(state::DISCARDED, "")],
            "retirements": [{ "reason": "合并", "who": "发布员", "at": 1, "by": "发布员", "ended_at": 2 },
                { "reason": "合并", "who": "发布员", "at": 1, "by": null, "ended_at": null }],
            "open": open, "may_edit": true, "may_publish": true }, "refused": if retired { "请写明原因" } else { "" } })
    };
    let behind = json!({ "version": 4, "units": [{ "name": "事项名称", "side": "conflict", "long": false, "mine": "甲", "theirs": "乙" },
        { "name": "表单", "side": "pack", "long": true, "mine": "甲", "theirs": "乙" }] });
    let new = |refused: &str, matters: Json| {
        json!({ "organisations": [{ "id": "o", "name": "示例部门" }], "matters": matters, "refused": refused, "id": "x",
        "title": "", "organisation": "o", "like": "m" })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("services/edition/list.html", "none", list(json!([]), Json::Null)),
        sample(
            "services/edition/list.html",
            "three",
            list(json!([item, fresh, plain]), json!(1)),
        ),
        sample("services/edition/new.html", "fresh", new("", json!([]))),
        sample("services/edition/new.html", "refused", new("已有", json!([item]))),
        sample(
            "services/edition/matter.html",
            "force",
            matter(false, Json::Null, json!(1)),
        ),
        sample(
            "services/edition/matter.html",
            "retired",
            matter(true, json!("e"), Json::Null),
        ),
        sample(
            "services/edition/compare.html",
            "three",
            json!({ "id": "m", "title": "示例", "from": 1, "to": 2, "changes": changes }),
        ),
        sample(
            "services/edition/compare.html",
            "same",
            json!({ "id": "m", "title": "示例", "from": 1, "to": 1, "changes": [] }),
        ),
        sample(
            "services/edition/show.html",
            "draft",
            show(
                head.clone(),
                json!([finding]),
                Json::Null,
                "还有问题",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/show.html",
            "ready",
            show(head.clone(), json!([]), behind, "", changes.clone()),
        ),
        sample("services/edition/show.html", "retired", {
            let mut h = state_of(state::RETURNED, "");
            h["retired"] = true.into();
            show(h, json!([]), Json::Null, "", json!([]))
        }),
        sample(
            "services/edition/show.html",
            "review",
            show(
                state_of(state::REVIEW, "may_decide"),
                json!([]),
                Json::Null,
                "",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/show.html",
            "own",
            show(
                state_of(state::REVIEW, "own"),
                json!([]),
                Json::Null,
                "",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/show.html",
            "published",
            show(
                state_of(state::PUBLISHED, ""),
                json!([]),
                Json::Null,
                "",
                changes.clone(),
            ),
        ),
        sample(
            "services/edition/sheet.html",
            "fresh",
            sheet(json!([]), json!([]), false),
        ),
        sample(
            "services/edition/sheet.html",
            "wrong",
            sheet(
                json!([{ "field": "title", "place": "事项名称", "text": "必须填写" }]),
                json!([]),
                false,
            ),
        ),
        sample(
            "services/edition/sheet.html",
            "stale",
            sheet(json!([]), changes, true),
        ),
        sample("services/edition/part.html", "fresh", part("", json!([]))),
        sample("services/edition/part.html", "stale", part("他人已保存", lines)),
    ]
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
