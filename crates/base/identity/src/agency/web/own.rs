//! One's firms and family.

use super::{Fields, row, text, wrong};
use crate::agency::model::Power;
use crate::agency::{guard, service, store};
use crate::api;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The own powers and invitations of one kind of principal.
async fn own(cx: &Ctx, guardian: bool, typed: &Fields, refused: Option<&Refusal>) -> Result<Response> {
    let person = service::me(cx)?;
    let mut data = cx
        .read("identity.own-powers", |tx| {
            let rows = |tx: &mut Tx<'_>, all: Vec<Power>| -> Result<Vec<Json>> {
                all.iter()
                    .filter(|p| (p.role == "guardian") == guardian)
                    .map(|p| row(cx, tx, p))
                    .collect()
            };
            let mine = store::of_holder(tx, &person)?;
            let mine = rows(tx, mine)?;
            let number = api::party(cx, tx, &person)?.map(|p| p.code).unwrap_or_default();
            let waiting = store::invitations(tx, &cx.protect().index("code", &number), cx.now())?;
            let waiting = rows(tx, waiting)?;
            let mut over_me = store::of_principal(tx, &person, 100)?;
            over_me.retain(Power::live);
            let over_me = rows(tx, over_me)?;
            Ok(json!({ "mine": mine, "invitations": waiting, "over_me": over_me, "level": api::level(cx, tx, &person)? }))
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

pub(crate) async fn firms(cx: Ctx) -> Result<Response> {
    own(&cx, false, &Fields::new(), None).await
}

pub(crate) async fn family(cx: Ctx) -> Result<Response> {
    own(&cx, true, &Fields::new(), None).await
}

pub(crate) async fn establish(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    match service::establish(&cx, text(&f, "code")).await {
        Ok(firm) => Ok(see(&format!("/me/firms/{firm}"))),
        Err(Problem::Refusal(r)) if cx.html => own(&cx, false, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn claim(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    match guard::claim(&cx, text(&f, "number"), text(&f, "name")).await {
        Ok(_) => Ok(see("/me/family")),
        Err(Problem::Refusal(r)) if cx.html => own(&cx, true, &f, Some(&r)).await,
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
