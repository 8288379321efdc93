//! One official: posts with their history, what waits, what may be done.

use super::view;
use crate::OFFICIALS;
use crate::official::find::Person;
use crate::official::model::Proposal;
use crate::official::{held, service, store};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::status;
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result, Tx, Uuid};
use serde_json::{Value as Json, json};

const SHOW: &str = "identity/official/show.html";

pub(crate) async fn page(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    show(&cx, id, None).await
}

fn history(cx: &Ctx, tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for (kind, at, actor, payload) in store::history(tx, account)? {
        let what = cx.t(&kind.replace('.', "-"), &[]);
        let post = payload["post"].as_str().unwrap_or_default();
        let post = held::post(tx, post)?.map(|p| view::post(cx, &p));
        let who = view::who(cx, tx, &actor)?;
        out.push(json!({ "what": what, "at": at, "who": who, "post": post }));
    }
    Ok(out)
}

/// The page, with what could not be done.
pub(super) async fn show(cx: &Ctx, id: Uuid, refused: Option<&Refusal>) -> Result<Response> {
    let data = cx
        .read("identity.official", |tx| {
            let person: Person = service::seen(cx, tx, id, OFFICIALS)?;
            let may = service::may_manage(cx, tx, &person)?;
            let offers: serde_json::Map<String, Json> = service::offers(person.state)
                .into_iter()
                .map(|(verb, yes)| (verb.to_string(), json!(yes && may)))
                .collect();
            let paused = crate::review::store::paused(tx, id)?;
            let holdings: Vec<Json> = person
                .holdings
                .iter()
                .map(|h| {
                    let mut row = view::holding(cx, h);
                    row["paused"] = json!(paused.contains(&h.id));
                    row
                })
                .collect();
            let proposals: Vec<Proposal> = held::proposals(tx, id)?;
            let proposals: Result<Vec<Json>> = proposals.iter().map(|q| view::proposal(cx, tx, q)).collect();
            let link = store::activation_until(tx, id, cx.now())?;
            Ok(json!({ "person": view::row(cx, &person), "reason": person.reason, "source": person.source, "may": may, "offers": offers,
                "resumes": cx.holds(crate::APPROVE) && cx.actor.account != Some(id),
                "own": cx.actor.account == Some(id), "holdings": holdings, "proposals": proposals?, "link": link,
                "leaving": person.left_on.is_some() && person.state != crate::official::model::State::Left,
                "history": history(cx, tx, id)?, "error": refused.map(|r| cx.explains(r)) }))
        })
        .await?;
    cx.page_with(refused.map_or(StatusCode::OK, status), SHOW, data)
}

pub(crate) fn samples() -> Vec<Sample> {
    let at = 1_795_500_000_000_i64;
    let holding = |lasts: bool| {
        json!({ "id": "h", "post": "p", "title": "审查员", "organisation": "演示水利局", "from": "2026-11-24",
            "until": if lasts { Json::Null } else { json!("2026-11-25") }, "reason": if lasts { "" } else { "轮岗" }, "runs": lasts, "lasts": lasts, "paused": lasts })
    };
    let proposal = |state: &str| {
        json!({ "id": "q", "account": "a", "title": "负责人", "organisation": "演示水利局", "from": "2026-11-24", "until": null, "reason": "新录用",
            "state": state, "state_text": "等待审批", "kind": "warn", "by": "演示管理员", "at": at, "decided_by": "演示安全员",
            "decided_at": if state == "waiting" { Json::Null } else { json!(at) }, "answer": "材料不全" })
    };
    let page = |state: &str, full: bool| {
        json!({ "person": { "id": "a", "login": "newcomer", "name": "演示新人", "state": { "kind": "good", "name": state, "text": "在职" }, "posts": [],
            "waiting": 0, "joined_on": "2026-11-24", "left_on": if full { json!("2026-12-31") } else { Json::Null } },
            "reason": if full { "调离" } else { "" }, "source": if full { "directory" } else { "" }, "may": full, "own": !full, "resumes": full, "leaving": full,
            "offers": { "change": full, "move": full, "leave": full, "suspend": full, "resume": full, "rejoin": full },
            "holdings": if full { json!([holding(true), holding(false)]) } else { json!([]) },
            "proposals": if full { json!([proposal("waiting"), proposal("refused")]) } else { json!([]) },
            "link": if full { json!(at) } else { Json::Null },
            "history": if full { json!([{ "what": "入职", "at": at, "who": "演示管理员", "post": { "id": "p", "title": "审查员", "organisation": "演示水利局" } }]) } else { json!([]) },
            "error": if full { json!("这项申请已经处理过") } else { Json::Null } })
    };
    let sample = |name, data| Sample {
        template: SHOW,
        name,
        data,
    };
    vec![
        sample("everything", page("invited", true)),
        sample("nothing", page("active", false)),
    ]
}
