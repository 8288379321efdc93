//! Administrative divisions: the tree by code, from the pack's `divisions.csv`.

use axum::extract::Query;
use axum::response::Response;
use kernel::http::reply;
use kernel::pack::Pack;
use kernel::{Ctx, Fault, Result, Tx, params};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Name of the pack's file.
pub(crate) const FILE: &str = "divisions.csv";
/// Rows of one transaction.
const PAGE: usize = 500;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DivisionRow {
    code: String,
    name: String,
    level: String,
    parent: String,
    statistical_only: i64,
    from: String,
    source: String,
}

/// Everything wrong with the file: malformed codes, unknown parents, a code that stands twice.
pub(crate) fn check(pack: &Pack) -> Vec<String> {
    let rows: Vec<DivisionRow> = match pack.csv(FILE) {
        Ok(rows) => rows,
        Err(e) => return vec![e.to_string()],
    };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut bad = Vec::new();
    for (n, r) in rows.iter().enumerate() {
        let mut wrong = |message: String| bad.push(pack.wrong(FILE, n + 2, message).to_string());
        let digits = r.code.chars().all(|c| c.is_ascii_digit());
        if !digits || codes::division_level(&r.code).is_none() {
            wrong(format!("{} is no division code", r.code));
        }
        if seen.insert(&r.code, n).is_some() {
            wrong(format!("{} stands twice", r.code));
        }
        if !r.parent.is_empty() && !seen.contains_key(r.parent.as_str()) {
            wrong(format!(
                "{}: the parent {} does not stand before it",
                r.code, r.parent
            ));
        }
    }
    bad
}

/// Loads the file, some hundred rows a transaction.
pub(crate) async fn load(ctx: &Ctx, pack: &Pack) -> Result<()> {
    let rows: Vec<DivisionRow> = pack.csv(FILE)?;
    for page in rows.chunks(PAGE) {
        ctx.tx("identity.load-divisions", |tx| {
            for r in page {
                tx.execute(
                    "INSERT INTO identity_division(code, name, level, parent, statistical_only, from_on, source) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (code) DO UPDATE SET name = $2, level = $3, \
                     parent = $4, statistical_only = $5, from_on = $6, source = $7",
                    params![
                        r.code.as_str(),
                        r.name.as_str(),
                        r.level.as_str(),
                        Some(r.parent.clone()).filter(|p| !p.is_empty()),
                        r.statistical_only,
                        r.from.as_str(),
                        r.source.as_str()
                    ],
                )?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

fn children(tx: &mut Tx<'_>, parent: &str) -> Result<Vec<Json>, Fault> {
    tx.query(
        "SELECT code, name, level, statistical_only FROM identity_division WHERE COALESCE(parent, '') = $1 ORDER BY code",
        params![parent],
    )?
    .iter()
    .map(|r| {
        Ok(json!({ "code": r.get::<String>("code")?, "name": r.get::<String>("name")?, "level": r.get::<String>("level")?,
            "statistical_only": r.get::<bool>("statistical_only")? }))
    })
    .collect()
}

#[derive(Deserialize)]
pub(crate) struct Below {
    #[serde(default)]
    parent: String,
}

/// GET /api/v1/divisions?parent=: the divisions directly below one; without a parent the topmost.
pub(crate) async fn api_children(cx: Ctx, Query(q): Query<Below>) -> Result<Response> {
    let items = cx
        .read("identity.divisions", |tx| Ok(children(tx, &q.parent)?))
        .await?;
    Ok(reply(json!({ "items": items })))
}
