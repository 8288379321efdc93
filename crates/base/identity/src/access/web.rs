//! The page of the question.

use super::service;
use axum::extract::Query;
use axum::response::Response;
use kernel::http::status;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    permission: String,
    organisation: String,
}

pub(crate) async fn page(cx: Ctx, Query(q): Query<Asked>) -> Result<Response> {
    let permissions: Vec<Json> = service::permissions(&cx)
        .iter()
        .map(|(name, title)| json!({ "name": name, "title": cx.t(title, &[]) }))
        .collect();
    let found = cx
        .read("identity.who", |tx| {
            let organisations: Vec<Json> = crate::api::organisations(tx)?
                .iter()
                .map(|o| json!({ "id": o.id, "name": cx.locale.pick(&o.name, &o.name_en), "depth": o.path.matches('/').count() }))
                .collect();
            let answers = match q.permission.as_str() {
                "" => Ok(None),
                permission => service::who(&cx, tx, permission, &q.organisation).map(Some),
            };
            let answers = match answers {
                Err(Problem::Refusal(r)) => Err(r),
                answers => Ok(answers?),
            };
            Ok((organisations, answers))
        })
        .await?;
    let (organisations, answers) = found;
    let data = |items: Json, error: String| {
        json!({ "permissions": permissions, "organisations": organisations, "permission": q.permission, "organisation": q.organisation,
            "items": items, "error": error })
    };
    match answers {
        Err(r) => cx.page_with(
            status(&r),
            "identity/access/who.html",
            data(Json::Null, cx.says(&r)),
        ),
        Ok(None) => cx.page("identity/access/who.html", data(Json::Null, String::new())),
        Ok(Some(answers)) => {
            let items: Vec<Json> = answers
                .iter()
                .map(|a| {
                    json!({ "name": a.official.name, "title": a.official.title, "through": a.through,
                        "may": a.refusal.is_none(), "why": a.refusal.as_ref().map(|r| cx.says(r)).unwrap_or_default() })
                })
                .collect();
            cx.page("identity/access/who.html", data(json!(items), String::new()))
        }
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let page = |items: Json, error: &str| {
        json!({ "permissions": [{ "name": "cases.case.read", "title": "查看办件" }], "organisations": [{ "id": "shi", "name": "演示市", "depth": 2 }],
            "permission": "cases.case.read", "organisation": "shi", "items": items, "error": error })
    };
    let item = |may: bool| {
        json!({ "name": "演示审查", "title": "城管 审查", "through": ["reviewer @ /shi/chengguan/"], "may": may,
            "why": if may { "" } else { "这件事不在您的管辖范围内" } })
    };
    let sample = |name, data| Sample {
        template: "identity/access/who.html",
        name,
        data,
    };
    vec![
        sample("nothing asked", page(Json::Null, "")),
        sample("nobody", page(json!([]), "")),
        sample("two", page(json!([item(true), item(false)]), "")),
        sample("refused", page(Json::Null, "没有这项权限")),
    ]
}
