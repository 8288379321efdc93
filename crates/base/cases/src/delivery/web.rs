//! Choosing how the result comes; the officials' list of deliveries.

use super::model::{Step, WAYS, state};
use super::service::{self, Choice, Entry};
use super::{store, view};
use crate::case::service::own_read;
use crate::case::view::{english, state_tag};
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

const PAGE: u32 = 30;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Wish {
    #[serde(default)]
    way: String,
    #[serde(default)]
    window: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    address: String,
}

pub(crate) async fn form(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    page(&cx, &id, None, StatusCode::OK, "", Map::new()).await
}

async fn page(
    cx: &Ctx,
    id: &str,
    typed: Option<&Wish>,
    status: StatusCode,
    refused: &str,
    errors: Map<String, Json>,
) -> Result<Response> {
    let data = cx
        .read("cases.delivery", |tx| {
            let case = own_read(cx, tx, id)?;
            let matter = crate::case::runtime::matter_of(cx, &case)?;
            let d = store::get(cx, tx, id)?;
            let windows: Vec<Json> = crate::appointment::service::windows_for(tx, &matter.organisation)?
                .iter()
                .map(|p| json!({ "id": p.window.id, "name": p.window.name(english(cx)), "address": p.window.address(english(cx)) }))
                .collect();
            let wish = match (typed, &d) {
                (Some(w), _) => w.clone(),
                (None, Some(d)) => {
                    let a = d.address.clone().unwrap_or_default();
                    Wish { way: d.way.clone(), window: d.window.clone().unwrap_or_default(), name: a.name, phone: a.phone, address: a.address }
                }
                (None, None) => Wish::default(),
            };
            Ok(json!({ "case": { "id": case.id, "number": case.number }, "matter": matter.name(english(cx)), "windows": windows,
                "wish": wish, "may_choose": service::may_choose(&case, d.as_ref()) }))
        })
        .await?;
    let mut data = data;
    data["refused"] = refused.into();
    data["errors"] = errors.into();
    cx.page_with(status, "cases/delivery/choose.html", data)
}

pub(crate) async fn choose(cx: Ctx, Path(id): Path<String>, Form(w): Form<Wish>) -> Result<Response> {
    let c = Choice {
        way: &w.way,
        window: &w.window,
        name: &w.name,
        phone: &w.phone,
        address: &w.address,
    };
    match service::choose(&cx, &id, &c).await {
        Ok(()) => Ok(see(&format!("/cases/{id}#delivery"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            let errors = r.fields.iter().map(|(f, m)| (f.clone(), json!(m))).collect();
            let status = kernel::http::status(&r);
            page(&cx, &id, Some(&w), status, &cx.explains(&r), errors).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn confirm(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let done = service::confirm(&cx, &id).await;
    match done {
        // Beside the case, so that whoever may not sign reads who may.
        Err(Problem::Refusal(r)) if identity::api::beyond_scope(&r) => {
            crate::case::web::after(&cx, &id, Err(r.into())).await
        }
        done => done.map(|()| see(&format!("/cases/{id}#delivery"))),
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    way: String,
    #[serde(default)]
    page: u32,
}

pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    listed(&cx, &find, StatusCode::OK, "").await
}

async fn listed(cx: &Ctx, find: &Find, status: StatusCode, refused: &str) -> Result<Response> {
    let scope = cx.scope("cases.delivery.handle");
    let (items, more) = cx
        .tx("cases.deliveries", |tx| {
            let by = (find.state.as_str(), find.way.as_str(), find.q.trim());
            let mut rows = store::list(cx, tx, &scope, by, PAGE + 1, find.page.saturating_mul(PAGE))?;
            let more = rows.len() > PAGE as usize;
            rows.truncate(PAGE as usize);
            let subjects: Vec<String> = rows.iter().map(|r| r.applicant.clone()).collect();
            if !subjects.is_empty() {
                cx.accessed(tx, &subjects, &["name", "phone", "address"], "delivery")?;
            }
            let mut items = Vec::new();
            for r in &rows {
                let d = &r.delivery;
                let matter = cx.service::<crate::Catalogue>()?.version(&r.matter, r.matter_version)?;
                let who = identity::api::party(cx, tx, &r.applicant)?.map(|p| p.name);
                // An address is needed until the post is on its way, and no longer.
                let address = d.address.as_ref().filter(|_| d.state != state::DELIVERED);
                items.push(json!({
                    "case": d.case, "number": r.number, "matter": matter.name(english(cx)), "applicant": who,
                    "case_state": state_tag(cx, &r.case_state), "way": cx.t(&format!("cases-delivery-{}", d.way), &[]),
                    "way_id": d.way, "state": view::tag(cx, d), "state_id": d.state, "version": d.version, "address": address,
                    "window": view::window_name(cx, tx, d.window.as_deref())?, "carrier": d.carrier, "consignment": d.consignment,
                    "signed_by": d.signed_by, "reason": d.reason, "closed_at": d.closed_at,
                }));
            }
            Ok((items, more))
        })
        .await?;
    let choices = |all: &[&str], prefix: &str| -> Vec<Json> {
        all.iter()
            .map(|s| json!({ "id": s, "label": cx.t(&format!("{prefix}{s}"), &[]) }))
            .collect()
    };
    let data = json!({ "items": items, "more": more, "page": find.page, "q": find.q, "state": find.state, "way": find.way,
        "states": choices(&state::ALL, "cases-delivery-state-"), "ways": choices(&WAYS, "cases-delivery-"), "refused": refused });
    cx.page_with(status, "cases/delivery/list.html", data)
}

#[derive(Deserialize)]
pub(crate) struct Entered {
    version: i64,
    #[serde(default)]
    carrier: String,
    #[serde(default)]
    consignment: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    signed_by: String,
    #[serde(default)]
    reason: String,
}

async fn stepped(cx: Ctx, id: String, step: Step, e: Entered) -> Result<Response> {
    let entry = Entry {
        version: e.version,
        carrier: &e.carrier,
        consignment: &e.consignment,
        code: &e.code,
        signed_by: &e.signed_by,
        reason: &e.reason,
    };
    match service::step(&cx, &id, step, &entry).await {
        Ok(()) => Ok(see(&format!("/work/deliveries#d-{id}"))),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 412 | 422) => {
            let status = kernel::http::status(&r);
            listed(&cx, &Find::default(), status, &cx.explains(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn prepare(cx: Ctx, Path(id): Path<String>, Form(e): Form<Entered>) -> Result<Response> {
    stepped(cx, id, Step::Prepare, e).await
}
pub(crate) async fn send(cx: Ctx, Path(id): Path<String>, Form(e): Form<Entered>) -> Result<Response> {
    stepped(cx, id, Step::Send, e).await
}
pub(crate) async fn deliver(cx: Ctx, Path(id): Path<String>, Form(e): Form<Entered>) -> Result<Response> {
    stepped(cx, id, Step::Deliver, e).await
}
pub(crate) async fn back(cx: Ctx, Path(id): Path<String>, Form(e): Form<Entered>) -> Result<Response> {
    stepped(cx, id, Step::Return, e).await
}

pub(crate) fn samples() -> Vec<Sample> {
    let window = json!({ "id": "w", "name": "综合窗口", "address": "演示地址" });
    let wish = |way: &str| json!({ "way": way, "window": "w", "name": "", "phone": "", "address": "" });
    let case = json!({ "id": "1", "number": "2026-OR-000001" });
    let item = |way: &str, state: &str| {
        json!({ "case": format!("{way}-{state}"), "number": "2026-OR-000001", "matter": "示例", "applicant": "演示居民", "case_state": { "kind": "good", "text": "准予" },
            "way": way, "way_id": way, "state": { "kind": "info", "text": state }, "state_id": state, "version": 1,
            "address": { "name": "演示", "phone": "19900000001", "address": "演示路 1 号" }, "window": window, "carrier": "演示快递",
            "consignment": "YW0001", "signed_by": null, "reason": "查无此人", "closed_at": null })
    };
    let list = |items: Json| {
        json!({ "items": items, "more": true, "page": 1, "q": "", "state": "", "way": "post", "refused": "取件码不对",
        "states": [{ "id": "sent", "label": "已寄出" }], "ways": [{ "id": "post", "label": "邮寄" }] })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample(
            "cases/delivery/choose.html",
            "new",
            json!({ "case": case, "matter": "示例", "windows": [window], "wish": wish(""), "may_choose": true, "refused": "", "errors": {} }),
        ),
        sample(
            "cases/delivery/choose.html",
            "wrong address",
            json!({ "case": case, "matter": "示例", "windows": [], "wish": wish("post"), "may_choose": true, "refused": "请改正", "errors": { "name": "请填写" } }),
        ),
        sample(
            "cases/delivery/choose.html",
            "too late",
            json!({ "case": case, "matter": "示例", "windows": [], "wish": wish("post"), "may_choose": false, "refused": "", "errors": {} }),
        ),
        sample("cases/delivery/list.html", "none", list(json!([]))),
        sample(
            "cases/delivery/list.html",
            "all states",
            list(json!([
                item("post", "chosen"),
                item("post", "prepared"),
                item("post", "sent"),
                item("post", "returned"),
                item("pickup", "prepared"),
                item("pickup", "delivered"),
                item("download", "chosen")
            ])),
        ),
    ]
}
