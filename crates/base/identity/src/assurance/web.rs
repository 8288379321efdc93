//! One's own real-name level, and the counter's page that raises somebody's.

use super::{service, store};
use crate::account::web::safe;
use crate::check;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{percent, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Next {
    next: String,
}

pub(crate) async fn page(cx: &Ctx, next: &str, refused: Option<&Refusal>) -> Result<Response> {
    let subject = cx.actor.subject.clone().unwrap_or_default();
    let (level, checks) = cx
        .read("identity.level", |tx| {
            let checks: Vec<Json> = store::checks(tx, &subject)?
                .iter()
                .map(|c| {
                    json!({ "method": cx.t(&format!("identity-method-{}", c.method), &[]), "level": c.level, "reference": c.reference, "at": c.at })
                })
                .collect();
            Ok((store::level(tx, &subject, &cx.today().to_string())?, checks))
        })
        .await?;
    let adapter = check::web::adapter(cx)?;
    let newest = check::web::newest(cx, &subject).await?;
    let data = json!({ "level": level, "checks": checks, "next": safe(next), "error": refused.map(|r| cx.explains(r)).unwrap_or_default(),
        "adapter": adapter.as_ref().map(|a| &a.title), "state": newest });
    let page = cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "identity/assurance/own.html",
        data,
    )?;
    match adapter {
        Some(a) => Ok(crate::account::onward::lead_to(page, &a.page)),
        None => Ok(crate::account::onward::allow(cx, next, page).await),
    }
}

pub(crate) async fn own(cx: Ctx, Query(q): Query<Next>) -> Result<Response> {
    page(&cx, &q.next, None).await
}

pub(crate) async fn compare(cx: Ctx, Form(f): Form<Next>) -> Result<Response> {
    match service::compare(&cx).await {
        Ok(()) => Ok(see(&match safe(&f.next) {
            "" => "/me/level".to_string(),
            next => next.to_string(),
        })),
        Err(Problem::Refusal(r)) if cx.html => page(&cx, &f.next, Some(&r)).await,
        Err(e) => Err(e),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Person {
    code: String,
    name: String,
    /// The name of whoever was confirmed last.
    done: String,
}

fn counter_data(p: &Person, error: &str) -> Json {
    json!({ "code": p.code, "name": p.name, "done": p.done, "error": error })
}

pub(crate) async fn counter(cx: Ctx, Query(p): Query<Person>) -> Result<Response> {
    let shown = Person {
        done: p.done.chars().take(40).collect(),
        ..Person::default()
    };
    cx.page("identity/assurance/counter.html", counter_data(&shown, ""))
}

pub(crate) async fn confirm(cx: Ctx, Form(p): Form<Person>) -> Result<Response> {
    match service::confirm(&cx, &p.code, &p.name).await {
        Ok(()) => {
            let name = crate::api::mask_name(p.name.trim());
            Ok(see(&format!("/work/real-names?done={}", percent(&name))))
        }
        Err(Problem::Refusal(r)) if cx.html && r.status == 422 => {
            let data = counter_data(&p, &cx.explains(&r));
            cx.page_with(status(&r), "identity/assurance/counter.html", data)
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let check =
        json!({ "method": "柜台核验", "level": 4, "reference": "综合窗口", "at": 1_795_000_000_000i64 });
    let own = |level: i64, checks: Json, error: &str| {
        json!({ "level": level, "checks": checks, "next": "", "error": error,
        "adapter": if level == 1 { json!("人脸核验") } else { Json::Null }, "state": if error.is_empty() { Json::Null } else { json!("failed") } })
    };
    vec![
        sample("identity/assurance/own.html", "first", own(1, json!([]), "")),
        sample(
            "identity/assurance/own.html",
            "refused",
            own(1, json!([]), "姓名不一致"),
        ),
        sample(
            "identity/assurance/own.html",
            "highest",
            own(4, json!([check]), ""),
        ),
        sample(
            "identity/assurance/counter.html",
            "fresh",
            counter_data(&Person::default(), ""),
        ),
        sample(
            "identity/assurance/counter.html",
            "refused",
            counter_data(&Person::default(), "没有这个人"),
        ),
    ]
}
