//! Pages of the tree.

use super::model::{Node, Version};
use super::service::{self, Wish};
use super::store;
use crate::official::service::place;
use crate::official::web::view;
use crate::{OFFICIALS, STRUCTURE};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use kernel::http::{see, status};
use kernel::module::{MenuEntry, Place, Sample};
use kernel::{Ctx, Door, Problem, Refusal, Result, Route};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const TREE: &str = "identity/structure/tree.html";
const SHOW: &str = "identity/structure/show.html";
/// Kinds of organisations that are founded here.
const KINDS: [&str; 7] = [
    "department",
    "institution",
    "window",
    "town",
    "county",
    "park",
    "enterprise",
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Find {
    on: String,
}

/// Nested by the organisations above; whoever's is not in the list stands at the top.
fn nested(cx: &Ctx, nodes: &[Node]) -> Vec<Json> {
    let known: BTreeMap<&str, ()> = nodes.iter().map(|n| (n.id.as_str(), ())).collect();
    let mut below: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
    for n in nodes {
        let parent = n.parent.as_deref().filter(|p| known.contains_key(p));
        below.entry(parent.unwrap_or_default()).or_default().push(n);
    }
    fn level<'n>(cx: &Ctx, below: &BTreeMap<&'n str, Vec<&'n Node>>, at: &str, depth: usize) -> Vec<Json> {
        if depth > 20 {
            return Vec::new();
        }
        let here = below.get(at).map(Vec::as_slice).unwrap_or_default();
        here.iter()
            .map(|n| {
                json!({ "id": n.id, "name": cx.locale.pick(&n.name, &n.name_en), "children": level(cx, below, &n.id, depth + 1) })
            })
            .collect()
    }
    level(cx, &below, "", 0)
}

async fn tree(cx: Ctx, Query(f): Query<Find>) -> Result<Response> {
    let today = cx.today().to_string();
    let typed = f.on.trim();
    let day = typed.parse::<jiff::civil::Date>().ok().map(|d| d.to_string());
    let wrong = !typed.is_empty() && day.is_none();
    let day = day.unwrap_or_else(|| today.clone());
    let nodes = cx
        .read("identity.tree", |tx| service::tree(&cx, tx, &day))
        .await?;
    let data = json!({ "nodes": nested(&cx, &nodes), "n": nodes.len(), "on": day, "past": day != today, "wrong": wrong });
    let code = if wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    cx.page_with(code, TREE, data)
}

async fn show(cx: &Ctx, id: &str, typed: &Wish, refused: Option<&Refusal>) -> Result<Response> {
    let data = cx
        .read("identity.organisation", |tx| {
            let o = crate::api::organisation(tx, id)?.ok_or_else(Refusal::not_found)?;
            let here = place("Organisation", &o.id, &o.path, &o.area_code);
            if !cx.scope(OFFICIALS).holds(&here) {
                return Err(Refusal::not_found().into());
            }
            let retired = store::retired(tx, id)?;
            let roles: BTreeMap<String, String> = store::roles(tx)?
                .into_iter()
                .map(|(id, zh, en)| (id, cx.locale.pick(&zh, &en).to_string()))
                .collect();
            let posts: Vec<Json> = store::posts(tx, id, &cx.today().to_string())?
                .iter()
                .map(|p| {
                    let names: Vec<&str> = p
                        .roles
                        .iter()
                        .map(|r| roles.get(r).map_or(r.as_str(), String::as_str))
                        .collect();
                    json!({ "id": p.id, "title": cx.locale.pick(&p.title, &p.title_en), "roles": names, "retired": p.retired, "held": p.held,
                        "proposed": p.proposed })
                })
                .collect();
            let mut history = Vec::new();
            for v in store::history(tx, id)? {
                let v: Version = v;
                let above = match (&v.parent, v.kind) {
                    (Some(parent), "organisation") => crate::api::organisation_name(cx, tx, parent)?,
                    _ => String::new(),
                };
                history.push(json!({ "on": v.from_on, "change": cx.t(&format!("identity-structure-{}-{}", v.kind, v.change), &[]),
                    "name": cx.locale.pick(&v.name, &v.name_en), "above": above, "reason": v.reason, "who": view::who(cx, tx, &v.actor)?,
                    "at": v.at }));
            }
            let above = match &o.parent {
                Some(parent) => Some(json!({ "id": parent, "name": crate::api::organisation_name(cx, tx, parent)? })),
                None => None,
            };
            let targets: Vec<Json> = view::organisations(cx, tx, STRUCTURE)?
                .into_iter()
                .filter(|t| t["id"] != json!(o.id))
                .collect();
            let roles: Vec<Json> = roles
                .iter()
                .filter(|(id, _)| !["citizen", "agent"].contains(&id.as_str()))
                .map(|(id, title)| json!({ "id": id, "title": title, "chosen": typed.roles.contains(id) }))
                .collect();
            let kinds: Vec<Json> = KINDS
                .iter()
                .map(|k| json!({ "id": k, "text": cx.t(&format!("identity-structure-kind-{k}"), &[]) }))
                .collect();
            let may = !retired && cx.may(STRUCTURE, &here).is_ok();
            Ok(json!({ "organisation": { "id": o.id, "name": cx.locale.pick(&o.name, &o.name_en), "own_name": o.name, "name_en": o.name_en,
                    "short": o.short, "path": o.path, "area": o.area_code, "code": o.credit_code },
                "above": above, "retired": retired, "posts": posts, "history": history, "targets": targets, "roles": roles, "kinds": kinds,
                "may": may, "typed": typed, "wrong": view::wrong(cx, refused), "today": cx.today().to_string(),
                "error": refused.map(|r| cx.explains(r)) }))
        })
        .await?;
    cx.page_with(refused.map_or(StatusCode::OK, status), SHOW, data)
}

async fn page(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    show(&cx, &id, &Wish::default(), None).await
}

async fn act(cx: Ctx, Path(id): Path<String>, Form(fields): Form<Vec<(String, String)>>) -> Result<Response> {
    if !cx.holds(STRUCTURE) {
        return Err(Refusal::forbidden().into());
    }
    let text = |name: &str| {
        let found = fields.iter().find(|(n, _)| n == name);
        found.map_or_else(String::new, |(_, v)| v.clone())
    };
    let wish = Wish {
        act: text("act"),
        id: text("id"),
        name: text("name"),
        name_en: text("name_en"),
        short: text("short"),
        kind: text("kind"),
        parent: text("parent"),
        area: text("area"),
        credit_code: text("credit_code"),
        roles: fields
            .iter()
            .filter(|(n, _)| n == "role")
            .map(|(_, v)| v.clone())
            .collect(),
        on: text("on"),
        reason: text("reason"),
    };
    match service::act(&cx, &id, &wish).await {
        Ok(()) => Ok(see(&format!("/work/organisations/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show(&cx, &id, &wish, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("/work/organisations", Door::Official(OFFICIALS), get(tree)),
        Route::new(
            "/work/organisations/{id}",
            Door::Official(OFFICIALS),
            get(page).post(act),
        ),
    ]
}

pub(crate) fn menu() -> MenuEntry {
    MenuEntry {
        href: "/work/organisations",
        title: "identity-structure",
        icon: "building-2",
        place: Place::Workbench,
        permission: Some(OFFICIALS),
        order: 90,
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let at = 1_795_500_000_000_i64;
    let tree = |past: bool| {
        let leaf = json!({ "id": "b", "name": "演示科", "children": [] });
        let nodes = json!([{ "id": "a", "name": "演示市", "children": [leaf] }]);
        json!({ "nodes": if past { json!([]) } else { nodes }, "n": 2, "on": "2026-11-24", "past": past, "wrong": past })
    };
    let show = |full: bool| {
        let typed = Wish {
            act: if full { "post".into() } else { String::new() },
            ..Wish::default()
        };
        json!({ "organisation": { "id": "a", "name": "演示水利局", "own_name": "演示水利局", "name_en": "", "short": "水利局", "path": "/shi/a/", "area": "3208", "code": null },
            "above": if full { json!({ "id": "shi", "name": "演示市" }) } else { Json::Null }, "retired": !full,
            "posts": if full { json!([{ "id": "p", "title": "审查员", "roles": ["审查人员"], "retired": false, "held": 2, "proposed": 1 },
                { "id": "q", "title": "旧岗位", "roles": ["审查人员"], "retired": true, "held": 0, "proposed": 0 },
                { "id": "n", "title": "空岗位", "roles": ["审查人员"], "retired": false, "held": 0, "proposed": 0 }]) } else { json!([]) },
            "history": if full { json!([{ "on": "2026-11-24", "change": "更名", "name": "演示水利局", "above": "演示市", "reason": "机构改革", "who": "演示管理员", "at": at }]) } else { json!([]) },
            "targets": [{ "id": "shi", "name": "演示市" }], "roles": [{ "id": "reviewer", "title": "审查人员", "chosen": true }],
            "kinds": [{ "id": "department", "text": "部门" }], "may": full, "typed": typed, "today": "2026-11-24",
            "wrong": if full { json!({ "id": "不对", "roles": "请选择" }) } else { json!({}) }, "error": if full { json!("请选择") } else { Json::Null } })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(TREE, "today", tree(false)),
        sample(TREE, "no such day", tree(true)),
        sample(SHOW, "everything", show(true)),
        sample(SHOW, "retired", show(false)),
    ]
}
