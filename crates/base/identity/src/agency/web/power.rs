//! One power for a firm: what it holds, what happened to it, and the form that changes its scope and term.

use super::firm::{scope, wanted};
use super::{Fields, happened, row, wrong};
use crate::agency::model::Power;
use crate::agency::{service, store};
use crate::api;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde_json::json;

/// The form as the power stands.
fn standing(cx: &Ctx, p: &Power) -> Result<Fields> {
    let known = cx.service::<crate::Matters>()?;
    let mut f = Fields::new();
    let mut matters = Vec::new();
    for entry in &p.matters {
        match known.name(entry, cx.locale == kernel::Locale::En) {
            (theme, true) => drop(f.insert(format!("theme-{theme}"), "1".into())),
            (matter, false) => matters.push(matter),
        }
    }
    f.extend(p.verbs.iter().map(|v| (format!("verb-{v}"), "1".to_string())));
    for (name, empty) in [
        ("all-verbs", p.verbs.is_empty()),
        ("all-matters", p.matters.is_empty()),
    ] {
        if empty {
            f.insert(name.into(), "1".into());
        }
    }
    f.insert("matters".into(), matters.join("\n"));
    f.insert("until".into(), p.until_on.clone().unwrap_or_default());
    Ok(f)
}

/// For its holder, and for who rules over the firm's powers.
async fn show(
    cx: &Ctx,
    firm: &str,
    id: &str,
    typed: Option<&Fields>,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let person = service::me(cx)?;
    let today = cx.today().to_string();
    let data = cx
        .read("identity.power", |tx| {
            let p = store::get(tx, id)?
                .filter(|p| p.principal == firm && p.role != "guardian")
                .ok_or_else(Refusal::not_found)?;
            let mine = store::in_force(tx, &person, firm, &today)?;
            let heads = mine.as_ref().is_some_and(Power::heads);
            if !heads && p.holder != person {
                return Err(Refusal::not_found().into());
            }
            let ruled = p.live()
                && mine
                    .as_ref()
                    .is_some_and(|m| m.appoints(&p.role) && m.state == "active");
            let mut history = Vec::new();
            for h in store::history(tx, firm, 500, 0)? {
                if h.payload["power"] == p.id.as_str() {
                    history.push(happened(cx, tx, &h)?);
                }
            }
            let party = api::party(cx, tx, firm)?.ok_or_else(Refusal::not_found)?;
            let form = match typed {
                Some(typed) => typed.clone(),
                None => standing(cx, &p)?,
            };
            Ok(json!({ "firm": { "id": firm, "name": party.name, "code": party.code }, "power": row(cx, tx, &p)?,
                "ruled": ruled, "within": mine.is_some(), "own": p.holder == person && p.live(), "history": history,
                "scope": scope(cx, &form)?, "typed": form, "wrong": wrong(cx, refused) }))
        })
        .await?;
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/agency/power.html",
        data,
    )
}

pub(crate) async fn power(cx: Ctx, Path((firm, power)): Path<(String, String)>) -> Result<Response> {
    show(&cx, &firm, &power, None, None).await
}

pub(crate) async fn change(
    cx: Ctx,
    Path((firm, power)): Path<(String, String)>,
    Form(f): Form<Fields>,
) -> Result<Response> {
    let done = match wanted(&cx, &f) {
        Ok(w) => service::change(&cx, &power, &w).await,
        Err(e) => Err(e),
    };
    match done {
        Ok(()) => Ok(see(&service::place(&firm, &power))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            show(&cx, &firm, &power, Some(&f), Some(&r)).await
        }
        Err(e) => Err(e),
    }
}
