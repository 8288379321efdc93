//! The officials' page.

use super::{Fields, paged, row, text, wrong};
use crate::account::store as accounts;
use crate::agency::service::{self, Counter};
use crate::agency::{guard, store};
use crate::api;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Search {
    q: String,
    done: String,
    page: u32,
}

fn counter_of(f: &Fields) -> Counter {
    let t = |name: &str| text(f, name).to_string();
    Counter {
        code: t("code"),
        name: t("name"),
        number: t("number"),
        person: t("person"),
        document: t("document"),
        reason: t("reason"),
        until: t("until"),
    }
}

/// The officials' page: a firm by its code, its powers; a person's guardianships by the citizen number, which stands in no
/// address; forms to establish and to end.
async fn office(
    cx: &Ctx,
    q: &Search,
    number: &str,
    typed: &Fields,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let code = q.q.trim().to_uppercase();
    let guards = cx.holds(crate::GUARDIANSHIP);
    let (found, ward) = cx
        .tx("identity.agencies", |tx| {
            let subject = match code.is_empty() {
                true => None,
                false => accounts::subject_by_index(tx, &cx.protect().index("code", &code))?,
            };
            let firm = match &subject {
                Some(s) => api::party(cx, tx, s)?.filter(|p| p.kind == "legal"),
                None => None,
            };
            let ward = match guards && !number.trim().is_empty() {
                true => guardianships_of(cx, tx, number)?,
                false => Json::Null,
            };
            let Some(firm) = firm else {
                return Ok((Json::Null, ward));
            };
            let mut people = Vec::new();
            let skip = q.page.saturating_mul(super::PAGE);
            let mut powers = store::page_of(tx, &firm.id, None, super::PAGE + 1, skip)?;
            powers.retain(|p| p.role != "guardian");
            let pager = paged(&mut powers, q.page, false);
            let subjects: Vec<String> = powers
                .iter()
                .map(|p| p.holder.clone())
                .filter(|h| !h.is_empty())
                .collect();
            cx.accessed(tx, &subjects, &["name"], &cx.t("identity-power-counter", &[]))?;
            for p in &powers {
                people.push(masked(row(cx, tx, p)?));
            }
            let found = json!({ "name": firm.name, "code": firm.code, "people": people, "pager": pager });
            Ok((found, ward))
        })
        .await?;
    let data = json!({ "q": q.q, "done": !q.done.is_empty(), "found": found, "ward": ward, "asked": !number.is_empty(),
        "typed": typed, "wrong": wrong(cx, refused), "guards": guards, "establishes": cx.holds(crate::ESTABLISH) });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/office.html",
        data,
    )
}

fn masked(mut row: Json) -> Json {
    row["name"] = json!(api::mask_name(row["name"].as_str().unwrap_or_default()));
    row
}

fn guardianships_of(cx: &Ctx, tx: &mut Tx<'_>, number: &str) -> Result<Json> {
    let Some((person, powers)) = guard::found(cx, tx, number)? else {
        return Ok(Json::Null);
    };
    let mut rows = Vec::new();
    for p in &powers {
        let mut r = masked(row(cx, tx, p)?);
        r["whom"] = json!(api::mask_name(r["whom"].as_str().unwrap_or_default()));
        rows.push(r);
    }
    Ok(json!({ "name": person.masked_name(), "powers": rows }))
}

pub(crate) async fn agencies(cx: Ctx, Query(q): Query<Search>) -> Result<Response> {
    office(&cx, &q, "", &Fields::new(), None).await
}

async fn after(cx: &Ctx, f: &Fields, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see("/work/agencies?done=1")),
        Err(Problem::Refusal(r)) if cx.html && matches!(r.status, 409 | 422) => {
            office(cx, &Search::default(), "", f, Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn establish_at_counter(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    let done = service::establish_at_counter(&cx, &counter_of(&f)).await;
    after(&cx, &f, done.map(drop)).await
}

pub(crate) async fn confirm_guardian(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    let done = guard::confirm(&cx, &counter_of(&f)).await;
    after(&cx, &f, done).await
}

pub(crate) async fn end_by_official(
    cx: Ctx,
    Path(id): Path<String>,
    Form(f): Form<Fields>,
) -> Result<Response> {
    let done = service::end_by_official(&cx, &id, text(&f, "reason"), false).await;
    after(&cx, &f, done.map(drop)).await
}

/// POST: a citizen number is in no address and no log.
pub(crate) async fn guardianships(cx: Ctx, Form(f): Form<Fields>) -> Result<Response> {
    office(&cx, &Search::default(), text(&f, "ward"), &f, None).await
}

pub(crate) async fn end_guardianship(
    cx: Ctx,
    Path(id): Path<String>,
    Form(f): Form<Fields>,
) -> Result<Response> {
    let done = service::end_by_official(&cx, &id, text(&f, "reason"), true).await;
    after(&cx, &f, done.map(drop)).await
}
