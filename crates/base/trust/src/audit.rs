//! The audit trail as an auditor reads it: every fact, newest first, found by what it is about, who did it or its type.

use axum::extract::Query;
use axum::response::Response;
use kernel::module::Sample;
use kernel::{Ctx, Recorded, Result, params};
use serde::Deserialize;
use serde_json::json;

const PAGE: usize = 50;

#[derive(Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    q: String,
    before: Option<i64>,
}

pub(crate) async fn page(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let q = find.q.trim().to_string();
    let before = find.before.unwrap_or(i64::MAX);
    let facts = cx
        .read("trust.audit", |tx| {
            let sql = format!(
                "SELECT {} FROM kernel_fact WHERE seq < $1 AND ($2 = '' OR subject = $2 OR actor = $2 OR type = $2) \
                 ORDER BY seq DESC LIMIT {PAGE}",
                Recorded::COLUMNS
            );
            tx.query(&sql, params![before, q.clone()])?.iter().map(|r| Ok(Recorded::from_row(r)?)).collect::<Result<Vec<_>>>()
        })
        .await?;
    let older = facts.last().filter(|_| facts.len() == PAGE).map(|f| f.seq);
    cx.page(
        "trust/audit/page.html",
        json!({ "facts": facts, "q": q, "older": older }),
    )
}

pub(crate) fn samples() -> Vec<Sample> {
    let fact = json!({ "seq": 1, "at": 1_795_000_000_000i64, "type": "cases.case.submitted", "actor": "account:1", "subject": "2" });
    vec![
        Sample {
            template: "trust/audit/page.html",
            name: "empty",
            data: json!({ "facts": [], "q": "x", "older": null }),
        },
        Sample {
            template: "trust/audit/page.html",
            name: "one",
            data: json!({ "facts": [fact], "q": "", "older": 1 }),
        },
    ]
}
