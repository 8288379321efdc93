//! The page of migrations: which matters have cases on earlier versions, which of these would move, and moving them.

use super::service;
use crate::case::view;
use crate::catalogue::Catalogue;
use axum::Form;
use axum::extract::Query;
use axum::response::Response;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::json;

const PAGE: u32 = 50;

#[derive(Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    matter: String,
    #[serde(default)]
    page: u32,
}

pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let english = view::english(&cx);
    let to = match find.matter.as_str() {
        "" => None,
        id => Some(cx.service::<Catalogue>()?.current(id)?),
    };
    let (matters, mut items) = cx
        .read("cases.migrations", |tx| {
            let matters: Vec<_> = service::behind(&cx, tx)?
                .iter()
                .map(|b| json!({ "id": b.matter.id, "title": b.matter.name(english), "version": b.matter.version, "n": b.cases }))
                .collect();
            let mut items = Vec::new();
            if let Some(to) = &to {
                for (case, against) in service::preview(&cx, tx, to, PAGE + 1, find.page.saturating_mul(PAGE))? {
                    items.push(json!({ "id": case.id, "number": case.number, "from": case.matter_version,
                        "pick": format!("{}:{}", case.id, case.version), "state": view::state_tag(&cx, &case.state),
                        "at": service::stands_at(&cx, &case)?, "against": against }));
                }
            }
            Ok((matters, items))
        })
        .await?;
    let next = (items.len() > PAGE as usize).then_some(find.page + 1);
    items.truncate(PAGE as usize);
    let chosen = to.map(|m| json!({ "id": m.id, "title": m.name(english), "version": m.version }));
    let movable = items.iter().any(|i| i["against"] == json!([]));
    let pager = json!({ "previous": find.page.checked_sub(1), "next": next });
    cx.page(
        "cases/migration/list.html",
        json!({ "matters": matters, "chosen": chosen, "items": items, "movable": movable, "pager": pager }),
    )
}

/// `case:version` of a picked row.
fn picked(text: &str) -> Option<(&str, i64)> {
    let (case, version) = text.rsplit_once(':')?;
    Some((case, version.parse().ok()?))
}

pub(crate) async fn run(cx: Ctx, Form(f): Form<Vec<(String, String)>>) -> Result<Response> {
    let one = |name: &str| f.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let rows: Vec<_> = f
        .iter()
        .filter(|(n, _)| n == "pick")
        .filter_map(|(_, v)| picked(v))
        .collect();
    if rows.is_empty() || rows.len() > PAGE as usize {
        return Err(Refusal::new("cases-batch-none").arg("max", PAGE).into());
    }
    let to = cx.service::<Catalogue>()?.current(one("matter"))?;
    // A still newer version was published since the page was shown: what it promised no longer holds.
    if one("to") != to.version.to_string() {
        return Err(Refusal::stale().into());
    }
    let (mut results, mut good) = (Vec::new(), 0);
    for (case, version) in &rows {
        let against = match service::run(&cx, case, *version, &to).await {
            Ok(Ok(())) => {
                good += 1;
                Vec::new()
            }
            Ok(Err(why)) => why,
            Err(Problem::Refusal(r)) => vec![cx.explains(&r)],
            Err(e) => return Err(e),
        };
        let number = cx
            .read("cases.migration-number", |tx| {
                let case = crate::case::service::readable(&cx, tx, case);
                Ok(case.ok().and_then(|c| c.number))
            })
            .await?;
        results.push(json!({ "case": case, "number": number, "against": against }));
    }
    let matter = json!({ "id": to.id, "title": to.name(view::english(&cx)), "version": to.version });
    let data = json!({ "results": results, "good": good, "bad": rows.len() - good, "matter": matter });
    cx.page("cases/migration/result.html", data)
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data| Sample { template, name, data };
    let chosen = json!({ "id": "example", "title": "示例事项", "version": 2 });
    let item = json!({ "id": "1", "number": "2026-EX-000001", "from": 1, "pick": "1:3", "at": ["审查", "复核"],
        "state": { "kind": "info", "text": "办理中" }, "against": [] });
    let mut stays = item.clone();
    stays["against"] = json!(["新版本中没有“审查”这一步", "“会审汇总”在新版本中将永远等不齐"]);
    let matters = json!([{ "id": "example", "title": "示例事项", "version": 2, "n": 2 }]);
    let pager = json!({ "previous": null, "next": null });
    let page = |matters, chosen, items, movable| json!({ "matters": matters, "chosen": chosen, "items": items, "movable": movable, "pager": pager });
    let results = json!([{ "case": "1", "number": "2026-EX-000001", "against": [] },
        { "case": "2", "number": null, "against": ["新版本中没有“审查”这一步"] }]);
    vec![
        sample(
            "cases/migration/list.html",
            "none",
            page(json!([]), json!(null), json!([]), false),
        ),
        sample(
            "cases/migration/list.html",
            "choose",
            page(matters.clone(), json!(null), json!([]), false),
        ),
        sample(
            "cases/migration/list.html",
            "all-moved",
            page(json!([]), chosen.clone(), json!([]), false),
        ),
        sample(
            "cases/migration/list.html",
            "two",
            page(matters, chosen.clone(), json!([item, stays]), true),
        ),
        sample(
            "cases/migration/result.html",
            "two",
            json!({ "results": results, "good": 1, "bad": 1, "matter": chosen }),
        ),
    ]
}
