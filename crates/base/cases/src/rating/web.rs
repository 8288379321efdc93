//! Rating a case; the supervisor's list of follow-ups.

use super::{service, store};
use axum::Form;
use axum::extract::Path;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub(crate) struct Rating {
    #[serde(default)]
    grade: i64,
    #[serde(default)]
    comment: String,
}

pub(crate) async fn rate(cx: Ctx, Path(id): Path<String>, Form(f): Form<Rating>) -> Result<Response> {
    match service::rate(&cx, &id, f.grade, &f.comment).await {
        Ok(()) => Ok(see(&format!("/cases/{id}#rating"))),
        Err(Problem::Refusal(r)) if r.status == 422 => {
            let case = cx
                .read("cases.show", |tx| {
                    let case = crate::case::service::own_read(&cx, tx, &id)?;
                    crate::case::view::case(&cx, tx, &case, true)
                })
                .await?;
            let data = json!({ "case": case, "refused": cx.t(&r.key, &[]) });
            cx.page_with(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "cases/case/show.html",
                data,
            )
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn followups(cx: Ctx) -> Result<Response> {
    let scope = cx.scope("cases.followup.read");
    let items = cx
        .read("cases.followups", |tx| {
            let mut items = Vec::new();
            for r in store::list(tx, &scope, 100)? {
                let matter = cx
                    .service::<crate::Catalogue>()?
                    .version(&r.get::<String>("matter")?, r.get("matter_version")?)?;
                let case: String = r.get("case_id")?;
                let due: String = r.get("due_on")?;
                let open = r.get::<String>("state")? == "open";
                items.push(json!({
                    "case": case, "number": r.get::<Option<String>>("number")?,
                    "matter": matter.name(crate::case::view::english(&cx)), "grade": r.get::<i64>("grade")?,
                    "comment": store::comment(&cx, &case, &r)?, "open": open, "due_on": due,
                    "late": open && cx.today().to_string() > due, "outcome": store::outcome(&cx, &case, &r)?,
                    "opened_at": r.get::<i64>("opened_at")?, "closed_at": r.get::<Option<i64>>("closed_at")?,
                }));
            }
            Ok(items)
        })
        .await?;
    let may_close = cx.holds("cases.followup.close");
    cx.page(
        "cases/rating/followups.html",
        json!({ "items": items, "may_close": may_close }),
    )
}

#[derive(Deserialize)]
pub(crate) struct Outcome {
    #[serde(default)]
    outcome: String,
}

pub(crate) async fn close(cx: Ctx, Path(id): Path<String>, Form(f): Form<Outcome>) -> Result<Response> {
    service::close(&cx, &id, &f.outcome).await?;
    Ok(see("/work/followups"))
}

pub(crate) fn samples() -> Vec<Sample> {
    let item = json!({ "case": "1", "number": "2026-OR-000001", "matter": "示例", "grade": 1, "comment": "太慢", "open": true,
        "due_on": "2026-11-30", "late": true, "outcome": null, "opened_at": 1, "closed_at": null });
    let mut closed = item.clone();
    closed["open"] = false.into();
    closed["outcome"] = "已电话说明".into();
    closed["closed_at"] = 1.into();
    vec![
        Sample {
            template: "cases/rating/followups.html",
            name: "none",
            data: json!({ "items": [], "may_close": true }),
        },
        Sample {
            template: "cases/rating/followups.html",
            name: "two",
            data: json!({ "items": [item, closed], "may_close": true }),
        },
    ]
}
