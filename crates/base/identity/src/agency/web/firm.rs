//! A firm's people.

use super::{Fields, Paging, happened, paged, row, text, wrong};
use crate::agency::matters::Matters;
use crate::agency::model::{self, VERBS, Wanted};
use crate::agency::service::{self, Act};
use crate::agency::store;
use crate::api;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The firm's people and cases, for everybody who has a power for it; what may be done depends on the own one.
async fn show(
    cx: &Ctx,
    firm: &str,
    at: &Paging,
    typed: &Fields,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let person = service::me(cx)?;
    let today = cx.today().to_string();
    let known = cx.service::<Matters>()?;
    let listed = cx.service::<api::FirmCases>()?;
    let mut data = cx
        .read("identity.firm", |tx| {
            let mine = store::in_force(tx, &person, firm, &today)?;
            let mine = mine
                .filter(|p| p.role != "guardian")
                .ok_or_else(Refusal::not_found)?;
            let heads = mine.heads();
            let party = api::party(cx, tx, firm)?.ok_or_else(Refusal::not_found)?;
            let own = (!heads).then_some(person.as_str());
            let mut powers =
                store::page_of(tx, firm, own, super::PAGE + 1, at.page.saturating_mul(super::PAGE))?;
            let pager = paged(&mut powers, at.page, false);
            let mut people = Vec::new();
            for p in &powers {
                let mut r = row(cx, tx, p)?;
                r["ruled"] = json!(heads && mine.appoints(&p.role) && p.live() && mine.state == "active");
                r["own"] = json!(p.holder == person);
                people.push(r);
            }
            let mut history = Vec::new();
            let mut log_pager = Json::Null;
            if heads {
                let mut all =
                    store::history(tx, firm, super::PAGE + 1, at.log.saturating_mul(super::PAGE))?;
                log_pager = paged(&mut all, at.log, false);
                for h in &all {
                    history.push(happened(cx, tx, h)?);
                }
            }
            // As whoever acts for the firm by this power, whether or not the session does so now.
            let mut theirs = cx.clone();
            theirs.actor.on_behalf = Some(firm.to_string());
            let mandate = mine.mandate(party.name.clone(), &known);
            let beyond = model::lacks(Some(&mandate), "read", None);
            theirs.actor.mandate = Some(mandate);
            let asked = api::Listing {
                whom: firm,
                q: at.q.trim(),
                page: at.more,
            };
            let cases = match &beyond {
                None => (listed.0)(&theirs, tx, &asked)?,
                Some(_) => json!({ "items": [], "more": false }),
            };
            let cases_pager = json!({ "previous": at.more.checked_sub(1),
                "next": (cases["more"] == true).then(|| at.more + 1) });
            Ok(json!({ "firm": { "id": firm, "name": party.name, "code": party.code }, "people": people, "history": history,
                "pager": pager, "log_pager": log_pager, "cases": cases["items"], "cases_pager": cases_pager, "q": at.q,
                "beyond": beyond.map(|key| cx.t(&key, &[])), "mine": row(cx, tx, &mine)?,
                "gives": heads && mine.state == "active", "manages": mine.role == "representative" }))
        })
        .await?;
    data["scope"] = scope(cx, typed)?;
    data["typed"] = json!(typed);
    data["wrong"] = wrong(cx, refused);
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/firm.html",
        data,
    )
}

/// The boxes of a form for scope, as they were ticked.
pub(super) fn scope(cx: &Ctx, typed: &Fields) -> Result<Json> {
    let ticked = |name: &str| typed.contains_key(name);
    let verbs: Vec<Json> = VERBS
        .iter()
        .map(|v| {
            let name = format!("verb-{v}");
            json!({ "name": name, "text": cx.t(&format!("identity-verb-{v}"), &[]), "chosen": ticked(&name) })
        })
        .collect();
    let themes: Vec<Json> = cx
        .service::<Matters>()?
        .themes()
        .into_iter()
        .map(|t| {
            let name = format!("theme-{t}");
            json!({ "text": t, "chosen": ticked(&name), "name": name })
        })
        .collect();
    Ok(
        json!({ "verbs": verbs, "themes": themes, "all_verbs": ticked("all-verbs"), "all_matters": ticked("all-matters") }),
    )
}

pub(crate) async fn firm(cx: Ctx, Path(id): Path<String>, Query(at): Query<Paging>) -> Result<Response> {
    show(&cx, &id, &at, &Fields::new(), None).await
}

/// Scope and term as the form sends them: a ticked box a verb or theme, matters by their ids or titles.
pub(super) fn wanted(cx: &Ctx, f: &Fields) -> Result<Wanted> {
    let ticked = |prefix: &str| -> Vec<String> {
        f.keys()
            .filter_map(|k| k.strip_prefix(prefix))
            .map(String::from)
            .collect()
    };
    Ok(Wanted {
        role: text(f, "role").into(),
        verbs: ticked("verb-"),
        matters: service::scope_of(cx, &ticked("theme-"), text(f, "matters"))?,
        until: text(f, "until").into(),
        all_verbs: f.contains_key("all-verbs"),
        all_matters: f.contains_key("all-matters"),
    })
}

pub(crate) async fn invite(cx: Ctx, Path(id): Path<String>, Form(f): Form<Fields>) -> Result<Response> {
    let done = match wanted(&cx, &f) {
        Ok(w) => service::invite(&cx, &id, text(&f, "number"), text(&f, "name"), &w).await,
        Err(e) => Err(e),
    };
    match done {
        Ok(()) => Ok(see(&format!("/me/firms/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            show(&cx, &id, &Paging::default(), &f, Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

#[derive(Deserialize)]
pub(crate) struct Doing {
    act: String,
}

pub(crate) async fn act(
    cx: Ctx,
    Path((firm, power)): Path<(String, String)>,
    Form(f): Form<Doing>,
) -> Result<Response> {
    let act = match f.act.as_str() {
        "suspend" => Act::Suspend,
        "resume" => Act::Resume,
        "confirm" => Act::Confirm,
        "resign" => Act::Resign,
        "end" => Act::End,
        _ => return Err(Refusal::not_found().into()),
    };
    service::act(&cx, &power, act).await?;
    Ok(see(&match act {
        Act::Resign => "/me/firms".to_string(),
        _ => format!("/me/firms/{firm}"),
    }))
}
