//! A firm's people.

use super::{Fields, row, text, wrong};
use crate::agency::model::{VERBS, Wanted};
use crate::agency::service::{self, Act};
use crate::agency::store;
use crate::api;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The firm's people, for everybody who has a power for it; what may be done depends on the own one.
async fn show(cx: &Ctx, firm: &str, typed: &Fields, refused: Option<&Refusal>) -> Result<Response> {
    let person = service::me(cx)?;
    let today = cx.today().to_string();
    let mut data = cx
        .read("identity.firm", |tx| {
            let mine = store::in_force(tx, &person, firm, &today)?;
            let mine = mine
                .filter(|p| p.role != "guardian")
                .ok_or_else(Refusal::not_found)?;
            let heads = matches!(mine.role.as_str(), "representative" | "manager");
            let party = api::party(cx, tx, firm)?.ok_or_else(Refusal::not_found)?;
            let mut people = Vec::new();
            for p in store::of_principal(tx, firm, 200)? {
                if heads || p.holder == person {
                    let mut r = row(cx, tx, &p)?;
                    r["ruled"] = json!(heads && mine.appoints(&p.role) && p.live() && mine.state == "active");
                    r["own"] = json!(p.holder == person);
                    people.push(r);
                }
            }
            let mut history = Vec::new();
            if heads {
                for (kind, at, actor, role) in store::history(tx, firm)? {
                    let what = kind.rsplit('.').next().unwrap_or_default();
                    let subject = actor.strip_prefix("account:").and_then(|a| a.parse().ok());
                    let subject = match subject {
                        Some(account) => api::subject_of(tx, account)?,
                        None => None,
                    };
                    let who = match subject {
                        Some(s) => api::party(cx, tx, &s)?.map(|p| p.masked_name()),
                        None => None,
                    };
                    history.push(json!({ "what": cx.t(&format!("identity-power-did-{what}"), &[]), "at": at, "who": who,
                        "role": cx.t(&format!("identity-role-{role}"), &[]) }));
                }
            }
            Ok(json!({ "firm": { "id": firm, "name": party.name, "code": party.code }, "people": people, "history": history,
                "mine": row(cx, tx, &mine)?, "gives": heads && mine.state == "active", "manages": mine.role == "representative" }))
        })
        .await?;
    data["verbs"] = verbs(cx, typed);
    data["typed"] = json!(typed);
    data["wrong"] = wrong(cx, refused);
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/firm.html",
        data,
    )
}

fn verbs(cx: &Ctx, typed: &Fields) -> Json {
    let all = VERBS.iter().map(|v| {
        json!({ "id": v, "text": cx.t(&format!("identity-verb-{v}"), &[]), "chosen": typed.contains_key(&format!("verb-{v}")) })
    });
    all.collect::<Vec<_>>().into()
}

pub(crate) async fn firm(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    show(&cx, &id, &Fields::new(), None).await
}

/// Scope and term as the form sends them: a ticked box a verb, none is everything; matters by their ids.
fn wanted(f: &Fields) -> Wanted {
    let named = text(f, "matters").replace(['，', ',', '、', ';', '；'], " ");
    let plain = |m: &&str| m.len() <= 80 && m.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    Wanted {
        role: text(f, "role").into(),
        verbs: f
            .keys()
            .filter_map(|k| k.strip_prefix("verb-"))
            .map(String::from)
            .collect(),
        matters: named
            .split_whitespace()
            .filter(plain)
            .take(50)
            .map(String::from)
            .collect(),
        until: text(f, "until").into(),
    }
}

pub(crate) async fn invite(cx: Ctx, Path(id): Path<String>, Form(f): Form<Fields>) -> Result<Response> {
    match service::invite(&cx, &id, text(&f, "number"), text(&f, "name"), &wanted(&f)).await {
        Ok(()) => Ok(see(&format!("/me/firms/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show(&cx, &id, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn change(
    cx: Ctx,
    Path((firm, power)): Path<(String, String)>,
    Form(f): Form<Fields>,
) -> Result<Response> {
    match service::change(&cx, &power, &wanted(&f)).await {
        Ok(()) => Ok(see(&format!("/me/firms/{firm}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show(&cx, &firm, &f, Some(&r)).await,
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
