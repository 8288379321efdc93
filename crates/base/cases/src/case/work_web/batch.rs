//! Many work items at once: one result a row, and what fails stops nothing else.

use crate::case::service::{self, Finish};
use axum::Form;
use axum::response::Response;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde_json::{Value as Json, json};

/// Rows of one batch.
const MOST: usize = 50;

/// What can be done to many at once, for those who may: the outcome's id and its words.
pub(super) fn actions(cx: &Ctx) -> Vec<Json> {
    [
        ("done", "cases-batch-accept", "cases.case.accept"),
        ("agree", "cases-batch-agree", "cases.case.review"),
        ("urge", "cases-batch-urge", "cases.case.urge"),
    ]
    .iter()
    .filter(|(_, _, permission)| cx.holds(permission))
    .map(|(id, key, _)| json!({ "id": id, "label": cx.t(key, &[]) }))
    .collect()
}

/// `case:work:version` of a picked row.
fn picked(text: &str) -> Option<(String, u32, i64)> {
    let mut parts = text.split(':');
    let (case, work, version) = (parts.next()?, parts.next()?, parts.next()?);
    Some((case.to_string(), work.parse().ok()?, version.parse().ok()?))
}

pub(crate) async fn act(cx: Ctx, Form(f): Form<Vec<(String, String)>>) -> Result<Response> {
    let one = |name: &str| f.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
    let rows: Vec<_> = f
        .iter()
        .filter(|(n, _)| n == "pick")
        .filter_map(|(_, v)| picked(v))
        .collect();
    let (action, opinion) = (one("action"), one("opinion"));
    if rows.is_empty() || rows.len() > MOST {
        return Err(Refusal::new("cases-batch-none").arg("max", MOST).into());
    }
    if !actions(&cx).iter().any(|a| a["id"] == action) {
        return Err(Refusal::new("cases-batch-action").into());
    }
    let (mut results, mut good) = (Vec::new(), 0);
    for (case, work, version) in &rows {
        let done = if action == "urge" {
            service::urge(&cx, case).await
        } else {
            let finish = Finish {
                case,
                version: *version,
                work: *work,
                outcome: action,
                opinion,
                in_person: false,
            };
            service::complete_work(&cx, &finish).await
        };
        let said = match done {
            Ok(()) => {
                good += 1;
                String::new()
            }
            Err(Problem::Refusal(r)) => cx.explains(&r),
            Err(e) => return Err(e),
        };
        let number = cx
            .read("cases.batch-number", |tx| {
                Ok(service::readable(&cx, tx, case).ok().and_then(|c| c.number))
            })
            .await?;
        results.push(json!({ "case": case, "number": number, "refused": said }));
    }
    let label = actions(&cx)
        .into_iter()
        .find(|a| a["id"] == action)
        .map(|a| a["label"].clone());
    let data = json!({ "results": results, "good": good, "bad": rows.len() - good, "action": label });
    cx.page("cases/work/batch.html", data)
}

pub(crate) fn samples() -> Vec<Sample> {
    let results = json!([{ "case": "1", "number": "2026-OR-000001", "refused": "" },
        { "case": "2", "number": null, "refused": "已被他人更新" }]);
    vec![Sample {
        template: "cases/work/batch.html",
        name: "mixed",
        data: json!({ "results": results, "good": 1, "bad": 1, "action": "受理" }),
    }]
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_picked_row_names_case_work_and_version() {
        assert_eq!(super::picked("a-b:3:7"), Some(("a-b".into(), 3, 7)));
        assert_eq!(super::picked("a-b:3"), None);
        assert_eq!(super::picked("a-b:x:7"), None);
    }
}
