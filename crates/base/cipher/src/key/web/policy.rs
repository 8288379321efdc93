//! Who may do what with a key.

use super::{Alias, alias_of, number, page, shown, who, word};
use crate::key::grant::{self, Wish};
use crate::key::model::{Key, OFFICE, Operation};
use crate::key::service;
use crate::key::store;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};

pub(super) fn granted(cx: &Ctx, tx: &mut Tx<'_>, key: &Key) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for g in store::grants(tx, &key.id)? {
        let name = match g.holder.as_str() {
            OFFICE => cx.t("cipher-holder-office", &[]),
            holder => who(cx, tx, holder)?,
        };
        let operations: Vec<Json> = Operation::of_purpose(key.purpose)
            .iter()
            .map(|o| {
                json!({ "id": o.name(), "label": word(cx, "operation", o.name()), "on": g.operations.contains(o) })
            })
            .collect();
        out.push(
            json!({ "holder": g.holder, "name": name, "operations": operations, "per_minute": g.per_minute, "per_day": g.per_day }),
        );
    }
    Ok(out)
}

async fn policy_page(cx: &Ctx, alias: &str, wish: &Wish, refused: Option<&Refusal>) -> Result<Response> {
    let (key, grants, holders) = cx
        .read("cipher.policy", |tx| {
            let key = service::managed(cx, tx, alias)?;
            let grants = granted(cx, tx, &key)?;
            let systems = openid::api::systems(tx, crate::SCOPE)?;
            let mut holders = vec![json!({ "id": OFFICE, "name": cx.t("cipher-holder-office", &[]) })];
            holders.extend(
                systems
                    .iter()
                    .map(|s| json!({ "id": format!("client:{}", s.id), "name": format!("{} · {}", s.name, s.operator) })),
            );
            Ok((key, grants, holders))
        })
        .await?;
    let operations: Vec<Json> = Operation::of_purpose(key.purpose)
        .iter()
        .map(|o| {
            let on = wish.operations.iter().any(|w| w == o.name());
            json!({ "id": o.name(), "label": word(cx, "operation", o.name()), "on": on })
        })
        .collect();
    let data = json!({ "key": shown(cx, &key), "grants": grants, "holders": holders, "operations": operations,
        "error": refused.map(|r| cx.says(r)),
        "wish": { "holder": wish.holder, "per_minute": wish.per_minute.max(0), "per_day": wish.per_day.max(0) } });
    let code = refused.map_or(StatusCode::OK, status);
    page(cx, code, "cipher/key/policy.html", data)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Holder {
    holder: String,
}

pub(crate) async fn policy(cx: Ctx, path: Alias, Query(h): Query<Holder>) -> Result<Response> {
    let alias = alias_of(path);
    let stands = cx
        .read("cipher.grant", |tx| {
            let key = service::managed(&cx, tx, &alias)?;
            Ok(store::grant(tx, &key.id, &h.holder.replace('\0', ""))?)
        })
        .await?;
    let wish = stands.map_or_else(Wish::default, |g| Wish {
        holder: g.holder,
        operations: g.operations.iter().map(|o| o.name().to_string()).collect(),
        per_minute: g.per_minute,
        per_day: g.per_day,
    });
    policy_page(&cx, &alias, &wish, None).await
}

/// A form with several boxes of one name.
pub(crate) async fn grant(
    cx: Ctx,
    path: Alias,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let alias = alias_of(path);
    let one = |name: &str| {
        let found = fields.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone()).unwrap_or_default()
    };
    let boxes = fields.iter().filter(|(n, _)| n == "operation");
    let wish = Wish {
        holder: one("holder").replace('\0', ""),
        operations: boxes.map(|(_, v)| v.clone()).collect(),
        per_minute: number(&one("per_minute")),
        per_day: number(&one("per_day")),
    };
    match grant::put(&cx, &alias, &wish).await {
        Ok(()) => Ok(see(&format!("/work/keys/{alias}/policy"))),
        Err(Problem::Refusal(r)) if r.status == 422 => policy_page(&cx, &alias, &wish, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) async fn ungrant(cx: Ctx, path: Alias, Form(h): Form<Holder>) -> Result<Response> {
    let alias = alias_of(path);
    grant::remove(&cx, &alias, &h.holder.replace('\0', "")).await?;
    Ok(see(&format!("/work/keys/{alias}/policy")))
}
