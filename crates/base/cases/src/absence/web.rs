//! Noting an absence, and the list that hands the work over on return.

use super::service::{self, Plan};
use super::store;
use crate::case::view::english;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Typed {
    #[serde(default)]
    away: String,
    #[serde(default)]
    stand_in: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    reason: String,
}

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    let typed = Typed {
        from: cx.today().to_string(),
        until: cx.today().to_string(),
        ..Typed::default()
    };
    page(&cx, &typed, StatusCode::OK, "").await
}

async fn page(cx: &Ctx, typed: &Typed, status: StatusCode, refused: &str) -> Result<Response> {
    let scope = cx.scope("cases.absence.manage");
    let today = cx.today().to_string();
    let mut data = cx
        .read("cases.absences", |tx| {
            let all = identity::api::officials(cx, tx)?;
            let name = |actor: &str| all.iter().find(|o| o.actor == actor).map(|o| format!("{} {}", o.title, o.name));
            let mut items = Vec::new();
            for a in store::list(cx, tx, &scope, &cx.actor.id)? {
                let state = match (&a.ended_at, a.from_on > today, a.until_on < today) {
                    (Some(_), _, _) | (None, _, true) => "over",
                    (None, true, _) => "coming",
                    _ => "now",
                };
                items.push(json!({
                    "id": a.id, "away": name(&a.away).unwrap_or_else(|| cx.t("cases-absence-gone", &[])),
                    "stand_in": name(&a.stand_in).unwrap_or_else(|| cx.t("cases-absence-gone", &[])), "from": a.from_on, "until": a.until_on,
                    "reason": a.reason, "state": state, "label": cx.t(&format!("cases-absence-{state}"), &[]),
                    "may_end": state != "over" && service::kept(cx, tx, &a.id).is_ok(), "may_see": service::kept(cx, tx, &a.id).is_ok(),
                }));
            }
            let me = all.iter().find(|o| o.actor == cx.actor.id);
            let who: Vec<&identity::api::Official> = all.iter().filter(|o| service::may_note(cx, o)).collect();
            // Whoever could stand in for one of them; the service decides on the pair.
            let others: Vec<Json> = all
                .iter()
                .filter(|o| who.iter().any(|w| service::near(w, o)))
                .map(|o| json!({ "id": o.actor, "name": format!("{} {}", o.title, o.name) }))
                .collect();
            let who: Vec<Json> = who.iter().map(|o| json!({ "id": o.actor, "name": format!("{} {}", o.title, o.name), "self": Some(&o.actor) == me.map(|m| &m.actor) })).collect();
            Ok(json!({ "items": items, "who": who, "others": others }))
        })
        .await?;
    data["typed"] = serde_json::to_value(typed)?;
    data["refused"] = refused.into();
    cx.page_with(status, "cases/absence/list.html", data)
}

pub(crate) async fn note(cx: Ctx, Form(f): Form<Typed>) -> Result<Response> {
    let plan = Plan {
        away: &f.away,
        stand_in: &f.stand_in,
        from: &f.from,
        until: &f.until,
        reason: &f.reason,
    };
    match service::note(&cx, &plan).await {
        Ok(_) => Ok(see("/work/absences")),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            page(&cx, &f, kernel::http::status(&r), &cx.explains(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn end(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::end(&cx, &id).await?;
    Ok(see(&format!("/work/absences/{id}")))
}

/// What was done meanwhile.
pub(crate) async fn handover(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let data = cx
        .read("cases.handover", |tx| {
            let a = service::kept(&cx, tx, &id)?;
            let morning = |d: &str, n: i64| {
                let day = d.parse().unwrap_or_else(|_| cx.today());
                let day: jiff::civil::Date = day;
                day.checked_add(jiff::Span::new().days(n)).map_or(0, |d| crate::appointment::service::instant(&cx, d, "00:00"))
            };
            let mut items = Vec::new();
            for r in store::done_for(tx, &a.away, morning(&a.from_on, 0), morning(&a.until_on, 1))? {
                let matter = cx.service::<crate::Catalogue>()?.version(&r.get::<String>("matter")?, r.get("matter_version")?)?;
                let (node, kind): (String, String) = (r.get("node")?, r.get("kind")?);
                let task = matter.process.nodes.get(&node).map(|n| if english(&cx) { n.name_en.clone() } else { n.name.clone() });
                let outcome: Option<String> = r.get("outcome")?;
                let actor: Option<String> = r.get("actor")?;
                let by = match &actor {
                    Some(who) => identity::api::official(&cx, tx, who)?.map(|o| o.name),
                    None => None,
                };
                items.push(json!({ "case": r.get::<String>("case_id")?, "number": r.get::<Option<String>>("number")?,
                    "matter": matter.name(english(&cx)), "task": task, "at": r.get::<Option<i64>>("closed_at")?, "by": by,
                    "outcome": outcome.map(|o| crate::case::view::outcome(&cx, &matter, &node, &kind, &o)) }));
            }
            Ok(json!({ "items": items, "from": a.from_on, "until": a.until_on }))
        })
        .await?;
    cx.page("cases/absence/handover.html", data)
}

pub(crate) fn samples() -> Vec<Sample> {
    let item = |state: &str| {
        json!({ "id": "1", "away": "审查员 演示甲", "stand_in": "负责人 演示乙", "from": "2026-11-26", "until": "2026-11-30", "reason": "外出",
        "state": state, "label": "外出中", "may_end": state != "over", "may_see": true })
    };
    let who = json!([{ "id": "account:1", "name": "审查员 演示甲", "self": true }, { "id": "account:2", "name": "审查员 演示丙", "self": false }]);
    let list = |items: Json, who: Json, refused: &str| {
        json!({ "items": items, "who": who, "others": [{ "id": "account:3", "name": "负责人 演示乙" }],
        "typed": { "away": "", "stand_in": "", "from": "2026-11-26", "until": "2026-11-26", "reason": "" }, "refused": refused })
    };
    let work = json!({ "case": "1", "number": "2026-OR-000001", "matter": "示例", "task": "审查", "at": 1, "by": "演示乙", "outcome": "同意" });
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(
            "cases/absence/list.html",
            "none",
            list(json!([]), json!([who[0]]), ""),
        ),
        sample(
            "cases/absence/list.html",
            "some",
            list(
                json!([item("now"), item("coming"), item("over")]),
                who,
                "日期不对",
            ),
        ),
        sample(
            "cases/absence/handover.html",
            "none",
            json!({ "items": [], "from": "2026-11-26", "until": "2026-11-26" }),
        ),
        sample(
            "cases/absence/handover.html",
            "one",
            json!({ "items": [work], "from": "2026-11-26", "until": "2026-11-26" }),
        ),
    ]
}
