//! One's firms and family.

use super::{Fields, Paging, happened, paged, row, text, wrong};
use crate::agency::model::Power;
use crate::agency::{guard, service, store};
use crate::api;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The own powers and invitations of one kind of principal.
async fn own(
    cx: &Ctx,
    guardian: bool,
    at: &Paging,
    typed: &Fields,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let person = service::me(cx)?;
    let mut data = cx
        .read("identity.own-powers", |tx| {
            let mine = |p: &Power| (p.role == "guardian") == guardian;
            let shown = |tx: &mut Tx<'_>, all: Vec<Power>, page: u32| -> Result<(Vec<Json>, Json)> {
                let mut all: Vec<Power> = all.into_iter().filter(mine).collect();
                let pager = paged(&mut all, page, true);
                let rows = all.iter().map(|p| row(cx, tx, p)).collect::<Result<_>>()?;
                Ok((rows, pager))
            };
            let held = store::of_holder(tx, &person)?;
            let (mine, pager) = shown(tx, held, at.page)?;
            let number = api::party(cx, tx, &person)?.map(|p| p.code).unwrap_or_default();
            let waiting = store::invitations(tx, &cx.protect().index("code", &number), cx.now())?;
            let (waiting, waiting_pager) = shown(tx, waiting, at.more)?;
            let over = store::live_of(tx, &person)?;
            let (over_me, over_pager) = shown(tx, over, at.more)?;
            Ok(json!({ "mine": mine, "pager": pager, "invitations": waiting, "waiting_pager": waiting_pager, "over_me": over_me,
                "over_pager": over_pager, "level": api::level(cx, tx, &person)? }))
        })
        .await?;
    data["typed"] = json!(typed);
    data["wrong"] = wrong(cx, refused);
    data["acting"] = json!(cx.actor.mandate.as_ref().map(|m| m.name.clone()));
    let template = match guardian {
        true => "identity/agency/family.html",
        false => "identity/agency/firms.html",
    };
    cx.page_with(refused.map_or(StatusCode::OK, status), template, data)
}

pub(crate) async fn firms(cx: Ctx, Query(at): Query<Paging>) -> Result<Response> {
    own(&cx, false, &at, &Fields::new(), None).await
}

pub(crate) async fn family(cx: Ctx, Query(at): Query<Paging>) -> Result<Response> {
    own(&cx, true, &at, &Fields::new(), None).await
}

/// One guardianship, for the guardian, who may give it up, and for the ward.
async fn guardianship(cx: &Ctx, id: &str, refused: Option<&Refusal>) -> Result<Response> {
    let person = service::me(cx)?;
    let data = cx
        .read("identity.guardianship", |tx| {
            let p = store::get(tx, id)?
                .filter(|p| p.role == "guardian" && (p.holder == person || p.principal == person))
                .ok_or_else(Refusal::not_found)?;
            let mut history = Vec::new();
            for h in store::history(tx, &p.principal, 500, 0)? {
                if h.payload["power"] == p.id.as_str() {
                    history.push(happened(cx, tx, &h)?);
                }
            }
            let alone = store::live_of(tx, &p.principal)?
                .iter()
                .all(|o| o.role != "guardian" || o.id == p.id);
            Ok(
                json!({ "power": row(cx, tx, &p)?, "history": history, "alone": alone,
                "may_leave": p.holder == person && p.live() }),
            )
        })
        .await?;
    let mut data = data;
    data["wrong"] = wrong(cx, refused);
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/guardian.html",
        data,
    )
}

pub(crate) async fn guardian(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    guardianship(&cx, &id, None).await
}

pub(crate) async fn leave(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    match guard::leave(&cx, &id).await {
        Ok(()) => Ok(see(&format!("/me/family/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => guardianship(&cx, &id, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn establish(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    match service::establish(&cx, text(&f, "code")).await {
        Ok(firm) => Ok(see(&format!("/me/firms/{firm}"))),
        Err(Problem::Refusal(r)) if cx.html => own(&cx, false, &Paging::default(), &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn claim(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    match guard::claim(&cx, text(&f, "number"), text(&f, "name")).await {
        Ok(_) => Ok(see("/me/family")),
        Err(Problem::Refusal(r)) if cx.html => own(&cx, true, &Paging::default(), &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    answer: String,
}

pub(crate) async fn answer(cx: Ctx, Path(id): Path<String>, Form(f): Form<Answer>) -> Result<Response> {
    service::answer(&cx, &id, f.answer == "yes").await?;
    Ok(see("/me/firms"))
}
