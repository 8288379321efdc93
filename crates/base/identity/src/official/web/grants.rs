//! Posts that were proposed: what waits, what was decided.

use super::view;
use crate::official::model::Proposal;
use crate::official::{held, service};
use crate::{APPROVE, OFFICIALS};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 30;
const LIST: &str = "identity/official/proposals.html";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Find {
    decided: String,
    page: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    outcome: String,
    reason: String,
}

async fn list(cx: &Ctx, f: &Find, refused: Option<(&Refusal, &str, &str)>) -> Result<Response> {
    let decided = !f.decided.is_empty();
    let (items, more) = cx
        .read("identity.proposals", |tx| {
            let page = (PAGE + 1, f.page.saturating_mul(PAGE));
            let mut all: Vec<Proposal> = held::proposed(tx, &cx.scope(OFFICIALS), !decided, page)?;
            let more = all.len() > PAGE as usize;
            all.truncate(PAGE as usize);
            let mut items = Vec::new();
            for q in &all {
                let mut item = view::proposal(cx, tx, q)?;
                item["name"] = json!(view::who(cx, tx, &format!("account:{}", q.account))?);
                let own = q.proposed_by == cx.actor.id || cx.actor.account == Some(q.account);
                item["own"] = json!(own);
                if let Some((_, _, reason)) = refused.filter(|(_, id, _)| *id == q.id) {
                    item["typed"] = json!(reason);
                }
                items.push(item);
            }
            Ok((items, more))
        })
        .await?;
    let data = json!({ "items": items, "more": more, "page": f.page, "decided": decided, "may_approve": cx.holds(APPROVE),
        "error": refused.map(|(r, ..)| cx.explains(r)) });
    cx.page_with(refused.map_or(StatusCode::OK, |(r, ..)| status(r)), LIST, data)
}

pub(crate) async fn page(cx: Ctx, Query(f): Query<Find>) -> Result<Response> {
    list(&cx, &f, None).await
}

pub(crate) async fn decide(cx: Ctx, Path(id): Path<String>, Form(f): Form<Answer>) -> Result<Response> {
    match service::decide(&cx, &id, f.outcome == "approve", &f.reason).await {
        Ok(()) => Ok(see("/work/officials/proposals")),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            list(&cx, &Find::default(), Some((&r, &id, &f.reason))).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let at = 1_795_500_000_000_i64;
    let item = |state: &str, own: bool| {
        json!({ "id": "q", "account": "a", "name": "演示新人", "title": "负责人", "organisation": "演示水利局", "from": "2026-11-24", "until": "2027-11-24",
            "reason": "新录用", "state": state, "state_text": "等待审批", "kind": "warn", "by": "演示管理员", "at": at, "decided_by": "演示安全员",
            "decided_at": at, "answer": "材料不全", "own": own, "typed": "" })
    };
    let page = |items: Json, decided: bool, error: Json| json!({ "items": items, "more": decided, "page": u32::from(decided), "decided": decided, "may_approve": true, "error": error });
    let sample = |name, data| Sample {
        template: LIST,
        name,
        data,
    };
    vec![
        sample("nothing", page(json!([]), false, Json::Null)),
        sample(
            "waiting",
            page(
                json!([item("waiting", false), item("waiting", true)]),
                false,
                json!("请填写原因"),
            ),
        ),
        sample("decided", page(json!([item("refused", false)]), true, Json::Null)),
    ]
}
