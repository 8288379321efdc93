//! The applicant's pages: form, case, receipt, materials; and the JSON API.

use super::model::{self, state};
use super::runtime::matter_of;
use super::{materials, service, store, view};
use axum::Json as Body;
use axum::extract::{Multipart, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::http::{attachment, reply, reply_with, see};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A posted application form: its fields, its files by material, and what the button asked for.
#[derive(Default)]
struct Posted {
    pairs: Vec<(String, String)>,
    files: Vec<(String, String, Vec<u8>)>,
    action: String,
}

async fn posted(mut parts: Multipart) -> Result<Posted> {
    let mut out = Posted::default();
    let bad = |e: axum::extract::multipart::MultipartError| {
        let key = if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
            "kernel-too-large"
        } else {
            "kernel-bad-form"
        };
        Problem::from(Refusal::new(key).status(e.status().as_u16()))
    };
    while let Some(field) = parts.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_string();
        let file = field.file_name().map(String::from);
        let bytes = field.bytes().await.map_err(bad)?;
        match (name.strip_prefix("file-"), file) {
            (Some(material), Some(file)) if !bytes.is_empty() => {
                out.files.push((material.to_string(), file, bytes.to_vec()));
            }
            (Some(_), _) => {}
            (None, _) => {
                let text = String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::new("kernel-bad-form"))?;
                if name == "action" {
                    out.action = text
                } else {
                    out.pairs.push((name, text))
                }
            }
        }
    }
    Ok(out)
}

/// GET: the form with what is stored, what the city holds, and what is wrong.
pub(crate) async fn form(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    form_page(&cx, &id, StatusCode::OK, None).await
}

async fn form_page(cx: &Ctx, id: &str, status: StatusCode, refusal: Option<&Refusal>) -> Result<Response> {
    let data = cx
        .tx("cases.form", |tx| {
            let case = service::own(cx, tx, id, "cases.case.apply")?;
            if !case.editable() {
                return Ok(None);
            }
            let matter = matter_of(cx, &case)?;
            let mut errors: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (field, message) in refusal.map(|r| r.fields.as_slice()).unwrap_or_default() {
                errors.entry(field.clone()).or_default().push(message.clone());
            }
            let of = |name: &str| errors.get(name).cloned().unwrap_or_default();
            let sections: Vec<Json> = matter
                .form
                .views(&case.form, view::english(cx), &of)
                .into_iter()
                .map(|(title, fields)| json!({ "title": title, "fields": fields }))
                .collect();
            let sources: Map<String, Json> = service::held(cx, tx, &matter, &case)?
                .into_iter()
                .map(|(field, h)| {
                    let same = case.form.get(&field).and_then(Json::as_str) == Some(h.value.as_str());
                    (field, json!({ "source": h.source, "as_of": h.as_of, "same": same, "value": h.value }))
                })
                .collect();
            let message = refusal.map(|r| cx.says(r));
            let title = |name: &str| {
                let field = matter.form.field(name).map(|f| f.title.pick(view::english(cx)));
                field.map(|t| format!("{t}: ")).unwrap_or_default()
            };
            // In the order of the form, so that a person goes through it from top to bottom.
            let at = |name: &str| matter.form.sections.iter().flat_map(|s| &s.fields).position(|f| f == name).unwrap_or(usize::MAX);
            let mut named: Vec<(&String, &Vec<String>)> = errors.iter().collect();
            named.sort_by_key(|(f, _)| at(f));
            let summary: Vec<Json> = named
                .into_iter()
                .flat_map(|(f, list)| list.iter().map(move |m| (f, m)))
                .map(|(f, m)| json!({ "field": f, "text": format!("{}{m}", title(f)) }))
                .collect();
            Ok(Some(json!({
                "case": { "id": case.id, "number": case.number, "version": case.version, "updated_at": case.updated_at,
                    "state_id": case.state },
                "matter": { "id": matter.id, "title": matter.name(view::english(cx)) },
                "parties": view::parties(cx, tx, &case, true)?, "sections": sections, "sources": sources, "materials": view::materials(cx, tx, &case, &matter)?,
                "material_errors": errors.iter().filter_map(|(f, m)| Some((f.strip_prefix("material-")?.to_string(), json!(m)))).collect::<Map<_, _>>(),
                "correction": store::correction(cx, tx, &case.id)?, "message": message, "errors": summary,
            })))
        })
        .await?;
    match data {
        Some(data) => cx.page_with(status, "cases/case/form.html", data),
        None => Ok(see(&format!("/cases/{id}"))),
    }
}

/// POST: everything typed is saved first, then what the button says.
pub(crate) async fn send_form(cx: Ctx, Path(id): Path<String>, parts: Multipart) -> Result<Response> {
    let p = posted(parts).await?;
    let saved = service::save(&cx, &id, &p.pairs).await;
    if let Err(Problem::Refusal(r)) = &saved
        && r.key == "cases-not-editable"
    {
        // The second click of a double submission: the case is in, show it.
        return Ok(see(&format!("/cases/{id}")));
    }
    saved?;
    for (material, name, bytes) in &p.files {
        match materials::attach(&cx, &id, material, name, bytes).await {
            Err(Problem::Refusal(r)) => {
                let text = cx.says(&r);
                // A store that is away is not the person's mistake.
                let status = match kernel::http::status(&r) {
                    s if s.is_server_error() => s,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                let r = r.field(format!("material-{material}"), text);
                return form_page(&cx, &id, status, Some(&r)).await;
            }
            other => other?,
        }
    }
    if let Some(file) = p.action.strip_prefix("remove:") {
        materials::detach(&cx, &id, file).await?;
        return Ok(see(&format!("/cases/{id}/form#materials")));
    }
    match p.action.as_str() {
        "submit" => match service::submit(&cx, &id, None).await {
            Ok(_) => Ok(see(&format!("/cases/{id}/receipt"))),
            Err(Problem::Refusal(r))
                if r.status == 422 || r.key == "cases-matter-retired" || identity::api::beyond_scope(&r) =>
            {
                let status = kernel::http::status(&r);
                form_page(&cx, &id, status, Some(&r)).await
            }
            Err(e) => Err(e),
        },
        "review" => match service::check(&cx, &id).await {
            Ok(()) => Ok(see(&format!("/cases/{id}/review"))),
            Err(Problem::Refusal(r)) if r.status == 422 || identity::api::beyond_scope(&r) => {
                form_page(&cx, &id, kernel::http::status(&r), Some(&r)).await
            }
            Err(e) => Err(e),
        },
        "upload" => Ok(see(&format!("/cases/{id}/form#materials"))),
        _ => Ok(see(&format!("/cases/{id}/form?saved=1"))),
    }
}

/// What is about to be handed in, to read through once more.
pub(crate) async fn review(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let data = cx
        .tx("cases.review", |tx| {
            let case = service::own(&cx, tx, &id, "cases.case.apply")?;
            if !case.editable() {
                return Ok(None);
            }
            Ok(Some(view::case(&cx, tx, &case, true)?))
        })
        .await?;
    match data {
        Some(case) => cx.page("cases/case/review.html", json!({ "case": case })),
        None => Ok(see(&format!("/cases/{id}"))),
    }
}

/// POST from that page: hands it in.
pub(crate) async fn submit(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    match service::submit(&cx, &id, None).await {
        Ok(_) => Ok(see(&format!("/cases/{id}/receipt"))),
        Err(Problem::Refusal(r)) if r.status == 422 || identity::api::beyond_scope(&r) => {
            form_page(&cx, &id, kernel::http::status(&r), Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

/// The latest day of the answer as an all-day entry for the applicant's own calendar (RFC 5545).
pub(crate) async fn diary(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let (number, title, due, accepted) = cx
        .read("cases.diary", |tx| {
            let case = service::own_read(&cx, tx, &id)?;
            let matter = matter_of(&cx, &case)?;
            let (Some(number), Some(due)) = (case.number.clone(), case.due_on.clone()) else {
                return Err(Refusal::not_found().into());
            };
            Ok((
                number,
                matter.name(view::english(&cx)).to_string(),
                due,
                case.accepted_at.is_some(),
            ))
        })
        .await?;
    let key = if accepted {
        "cases-due-decision"
    } else {
        "cases-due-acceptance"
    };
    let summary = format!("{} · {title} {number}", cx.t(key, &[]));
    let href = format!("{}/cases/{id}", cx.app.config.url);
    let text = model::diary_entry(&id, &due, &summary, &href, cx.now())?;
    Ok(attachment(
        &format!("{number}.ics"),
        "text/calendar; charset=utf-8",
        text.into_bytes(),
    ))
}

/// POST from the page's script, every few seconds while something was typed.
pub(crate) async fn autosave(cx: Ctx, Path(id): Path<String>, parts: Multipart) -> Result<Response> {
    let p = posted(parts).await?;
    service::save(&cx, &id, &p.pairs).await?;
    Ok(reply(json!({ "saved_at": cx.now() })))
}

/// The applicant's view of one case.
pub(crate) async fn show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let data = cx
        .read("cases.show", |tx| {
            let case = service::readable(&cx, tx, &id)?;
            Ok((view::case(&cx, tx, &case, true)?, case.state == state::DRAFT))
        })
        .await?;
    if cx.actor.is_official() {
        return Ok(see(&format!("/work/cases/{id}")));
    }
    if data.1 {
        return Ok(see(&format!("/cases/{id}/form")));
    }
    cx.page("cases/case/show.html", json!({ "case": data.0, "refused": "" }))
}

/// After a command of the applicant: back to the case, or the case with what was refused.
pub(crate) async fn after(cx: &Ctx, id: &str, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(see(&format!("/cases/{id}"))),
        Err(Problem::Refusal(r)) if r.status != 404 && cx.html => {
            let data = cx
                .read("cases.show", |tx| {
                    let case = service::own_read(cx, tx, id)?;
                    view::case(cx, tx, &case, true)
                })
                .await?;
            let status = kernel::http::status(&r);
            let refused = cx.explains(&r);
            cx.page_with(
                status,
                "cases/case/show.html",
                json!({ "case": data, "refused": refused }),
            )
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn urge(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    after(&cx, &id, service::urge(&cx, &id).await).await
}

/// Materials that follow the application.
pub(crate) async fn supply(cx: Ctx, Path(id): Path<String>, parts: Multipart) -> Result<Response> {
    let p = posted(parts).await?;
    if p.files.is_empty() {
        return after(&cx, &id, Err(Refusal::new("cases-supply-none").into())).await;
    }
    for (material, name, bytes) in &p.files {
        let done = service::supply(&cx, &id, material, name, bytes).await;
        if done.is_err() {
            return after(&cx, &id, done).await;
        }
    }
    Ok(see(&format!("/cases/{id}")))
}

/// The receipt: number, what was handed in, latest day of acceptance or correction notice.
pub(crate) async fn receipt(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let data = cx
        .read("cases.receipt", |tx| {
            let case = service::own_read(&cx, tx, &id)?;
            if case.number.is_none() {
                return Err(Refusal::not_found().into());
            }
            let mut data = view::case(&cx, tx, &case, false)?;
            data["parties"] = view::parties(&cx, tx, &case, true)?;
            data["due_on"] = case.due_on.clone().into();
            data["accepted"] = case.accepted_at.is_some().into();
            Ok(data)
        })
        .await?;
    cx.page("cases/case/receipt.html", json!({ "case": data }))
}

pub(crate) async fn withdraw(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let draft = service::withdraw(&cx, &id).await?;
    Ok(see(&if draft {
        "/me".to_string()
    } else {
        format!("/cases/{id}")
    }))
}

pub(crate) async fn material(cx: Ctx, Path((id, file)): Path<(String, String)>) -> Result<Response> {
    let (row, bytes) = materials::content(&cx, &id, &file).await?;
    let disposition = format!("inline; filename*=UTF-8''{}", kernel::http::percent(&row.name));
    // Shown in a sandbox of its own: whatever an upload contains, it runs nothing here.
    let headers = [
        (header::CONTENT_TYPE, row.media),
        (header::CONTENT_DISPOSITION, disposition),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; style-src 'unsafe-inline'".into(),
        ),
    ];
    Ok((headers, bytes).into_response())
}

// ---- JSON API ----

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCase {
    matter: String,
    #[serde(default)]
    form: Map<String, Json>,
    #[serde(default)]
    submit: bool,
}

fn pairs(form: &Map<String, Json>) -> Vec<(String, String)> {
    let text = |v: &Json| match v {
        Json::String(s) => s.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    form.iter().map(|(k, v)| (k.clone(), text(v))).collect()
}

/// POST /api/v1/cases: a draft, or a submitted case. With an `Idempotency-Key` a retry gets the first answer.
pub(crate) async fn api_create(cx: Ctx, headers: HeaderMap, Body(new): Body<NewCase>) -> Result<Response> {
    let key = headers
        .get("idempotency-key")
        .and_then(|k| k.to_str().ok())
        .map(|k| k.chars().take(200).collect::<String>());
    let body = serde_json::to_string(&json!([new.matter, new.form, new.submit]))?;
    if let Some(key) = &key
        && let Some(known) = kernel::http::answered(&cx, key, &body).await?
    {
        return Ok(reply(known));
    }
    let id = service::start(&cx, &new.matter).await?;
    service::amend(&cx, &id, &pairs(&new.form)).await?;
    let number = if new.submit {
        Some(service::submit(&cx, &id, None).await?)
    } else {
        None
    };
    let answer = json!({ "id": id, "number": number, "href": format!("/api/v1/cases/{id}") });
    if let Some(key) = &key {
        kernel::http::answer(&cx, key, &body, &answer).await?;
    }
    Ok(reply_with(StatusCode::CREATED, answer))
}

/// POST /api/v1/cases/{id}/materials/{material}: one file, multipart field `file`.
pub(crate) async fn api_material(
    cx: Ctx,
    Path((id, material)): Path<(String, String)>,
    mut parts: Multipart,
) -> Result<Response> {
    let bad = |_| Refusal::new("kernel-bad-form").status(400);
    while let Some(field) = parts.next_field().await.map_err(bad)? {
        if field.name() == Some("file") {
            let name = field.file_name().unwrap_or("file").to_string();
            let bytes = field.bytes().await.map_err(bad)?;
            materials::attach(&cx, &id, &material, &name, &bytes).await?;
            return api_show(cx, Path(id)).await;
        }
    }
    Err(Refusal::new("kernel-bad-form").status(400).into())
}

/// POST /api/v1/cases/{id}/submission: hands in a draft, or the answer to a correction.
pub(crate) async fn api_submit(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    service::submit(&cx, &id, None).await?;
    api_show(cx, Path(id)).await
}

pub(crate) async fn api_list(cx: Ctx) -> Result<Response> {
    let items = cx
        .read("cases.api-list", |tx| {
            let scope = cx.scope("cases.case.read");
            let rows = store::list(tx, &scope, "", "", 100, 0)?;
            let mut items = Vec::new();
            for r in &rows {
                let mut item = view::row(&cx, r)?;
                item["by"] = view::by(&cx, tx, r)?;
                items.push(item);
            }
            Ok(items)
        })
        .await?;
    Ok(reply(json!({ "items": items })))
}

pub(crate) async fn api_show(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let data = cx
        .read("cases.api-show", |tx| {
            let case = service::readable(&cx, tx, &id)?;
            let own = service::owns(&cx, &case);
            view::case(&cx, tx, &case, own)
        })
        .await?;
    Ok(reply(data))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finish {
    version: i64,
    outcome: String,
    #[serde(default)]
    opinion: String,
    #[serde(default)]
    in_person: bool,
}

pub(crate) async fn api_finish(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Body(f): Body<Finish>,
) -> Result<Response> {
    let finish = service::Finish {
        case: &id,
        version: f.version,
        work,
        outcome: &f.outcome,
        opinion: &f.opinion,
        in_person: f.in_person,
    };
    service::complete_work(&cx, &finish).await?;
    api_show(cx, Path(id)).await
}

/// A case as templates see it, for samples.
pub(crate) fn sample_case() -> Json {
    let at = 1_795_000_000_000i64;
    json!({
        "id": "1", "number": "2026-OR-000001", "version": 2, "state": { "kind": "info", "text": "审查中" },
        "parties": { "whom": "演示公司", "by": "演示经办人", "role": "经办人" },
        "state_id": "handling", "matter": { "id": "m", "title": "示例事项" }, "organisation": "示例部门",
        "created_at": at, "submitted_at": at, "accepted_at": at, "ended_at": null, "ended": false, "editable": false,
        "due": { "light": "green", "text": "剩 3 个工作日", "on": "2026-11-30", "provisional": true, "phase": "办理",
            "bar": { "used": 5, "paused": 2, "left": 3, "over": 0, "w_used": 50, "w_paused": 20 } },
        "due_on": "2026-11-30", "on_time": null, "accepted": true, "delivery": crate::delivery::view::sample(),
        "summary": [{ "title": "申请人", "rows": [["姓名", "演示"]] }],
        "steps": [{ "class": "done", "name": "受理", "at": at }, { "class": "now", "name": "审查", "at": null }],
        "diagram": { "width": 300, "height": 120, "edges": ["10,10 50,10"],
            "nodes": [{ "x": 1, "y": 1, "w": 100, "h": 60, "class": "now", "form": "task", "name": "审查" },
                { "x": 1, "y": 1, "w": 40, "h": 40, "class": "", "form": "exclusive", "name": "" },
                { "x": 1, "y": 1, "w": 40, "h": 40, "class": "done", "form": "parallel", "name": "" },
                { "x": 1, "y": 1, "w": 36, "h": 36, "class": "done", "form": "end", "name": "结束" }] },
        "timeline": [{ "at": at, "who": "申请人", "text": "提交申请", "seq": 1 }],
        "materials": [{ "id": "plan", "title": "平面图", "note": "", "required": true, "accept": ".pdf", "max_mb": 10,
            "may_gap": true, "may_promise": true, "waived": "gap", "missing": true, "files": [{ "id": "f", "name": "平面图.pdf", "size": 1000, "at": at }] }],
        "correction": { "items": ["补充平面图"], "answer_by": "2026-12-30", "asked_at": at, "answered_at": null },
        "rating": null, "may_rate": false, "may_withdraw": true, "may_urge": true, "may_supply": true, "channel": "counter",
        "stopped": { "at": at, "why": "听证" }, "papers": crate::paper::view::sample(),
        "certificates": [{ "id": "c", "title": "许可证", "identifier": "1.2", "ready": true, "state": "valid" }],
        "works": [{ "name": "受理", "outcome": "受理", "opinion": "材料齐全", "who": "综合窗口", "at": at, "round": 1,
            "signed": true, "in_the_name_of": "城管局 负责人" }],
    })
}

pub(crate) fn samples() -> Vec<Sample> {
    let mut rated = sample_case();
    rated["may_rate"] = true.into();
    rated["ended"] = true.into();
    let mut done = rated.clone();
    done["rating"] = json!({ "grade": 5, "comment": "好", "at": 1 });
    done["correction"] = Json::Null;
    let field = json!({ "name": "a", "title": "面积", "help": "", "unit": "平方米", "widget": "number", "required": true,
        "readonly": false, "value": "1", "choices": [], "max_length": null, "min": "1", "max": null, "step": "any", "errors": ["不对"] });
    let widget = |w: &str| {
        let mut f = field.clone();
        f["widget"] = w.into();
        f["choices"] = json!([{ "value": "x", "label": "甲", "chosen": true }]);
        f["max_length"] = 100.into();
        f["name"] = w.into();
        f
    };
    let fields: Vec<Json> = [
        "text", "textarea", "select", "radio", "date", "checkbox", "number",
    ]
    .map(widget)
    .into();
    vec![
        Sample {
            template: "cases/case/show.html",
            name: "handling",
            data: json!({ "case": sample_case(), "refused": "" }),
        },
        Sample {
            template: "cases/case/show.html",
            name: "to rate",
            data: json!({ "case": rated, "refused": "why" }),
        },
        Sample {
            template: "cases/case/show.html",
            name: "rated",
            data: json!({ "case": done, "refused": "" }),
        },
        Sample {
            template: "cases/case/review.html",
            name: "one",
            data: json!({ "case": sample_case() }),
        },
        Sample {
            template: "cases/case/receipt.html",
            name: "one",
            data: json!({ "case": sample_case() }),
        },
        Sample {
            template: "cases/case/form.html",
            name: "correcting",
            data: json!({ "case": { "id": "1", "number": null, "version": 1, "updated_at": 1, "state_id": "draft" },
                "matter": { "id": "m", "title": "示例" }, "parties": sample_case()["parties"], "sections": [{ "title": "一", "fields": fields }],
                "sources": { "text": { "source": "人口库", "as_of": "2026-01-01", "same": true, "value": "1" } },
                "materials": sample_case()["materials"], "material_errors": { "plan": ["缺少"] },
                "correction": sample_case()["correction"], "message": "请改正", "errors": [{ "field": "a", "text": "不对" }] }),
        },
    ]
}
