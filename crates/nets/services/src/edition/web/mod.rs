//! 事项管理: the stewards' list and a matter with its versions. An edition has pages of its own.

pub(crate) mod draft;
mod samples;

pub(crate) use samples::samples;

use super::{living, service, store, view};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{percent, see, status};
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

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
