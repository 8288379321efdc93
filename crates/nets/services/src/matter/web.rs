//! Matter list, guide, search, and the start of a case.

use super::model::Sheet;
use super::{elements, service, store};
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use codes::service as sets;
use kernel::http::{reply, see};
use kernel::module::Sample;
use kernel::{Ctx, Locale, Result, Tx, search as index};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    q: String,
    #[serde(default)]
    organisation: String,
    #[serde(default)]
    audience: String,
}

fn english(cx: &Ctx) -> bool {
    cx.locale == Locale::En
}

fn pick<'t>(cx: &Ctx, zh: &'t str, en: &'t str) -> &'t str {
    if english(cx) && !en.is_empty() { en } else { zh }
}

fn card(cx: &Ctx, tx: &mut Tx<'_>, s: &Sheet) -> Result<Json> {
    Ok(json!({
        "id": s.id, "title": pick(cx, &s.title, &s.title_en), "online": s.online, "promised_days": s.promised_days,
        "organisation": identity::api::organisation_name(cx, tx, &s.organisation)?, "organisation_id": s.organisation,
        "sample": s.sample, "free": s.fee.amount == 0,
    }))
}

async fn found(cx: &Ctx, find: &Find) -> Result<(Vec<Json>, Vec<Json>)> {
    cx.read("services.list", |tx| {
        let all = service::all(tx)?;
        let wanted: Option<Vec<String>> = match find.q.trim() {
            "" => None,
            q => Some(
                index::find(tx, q, cx.locale, 50)?
                    .into_iter()
                    .filter(|h| h.source == "matter")
                    .map(|h| h.id)
                    .collect(),
            ),
        };
        let mut organisations: Vec<Json> = Vec::new();
        let mut cards = Vec::new();
        for s in &all {
            let item = card(cx, tx, s)?;
            let org = json!({ "id": s.organisation, "name": item["organisation"] });
            if !organisations.contains(&org) {
                organisations.push(org);
            }
            let fits = (find.organisation.is_empty() || s.organisation == find.organisation)
                && (find.audience.is_empty() || s.audience.contains(&find.audience));
            if fits && wanted.as_ref().is_none_or(|w| w.contains(&s.id)) {
                cards.push((
                    wanted.as_ref().and_then(|w| w.iter().position(|i| *i == s.id)),
                    item,
                ));
            }
        }
        cards.sort_by_key(|(rank, _)| *rank);
        Ok((cards.into_iter().map(|(_, c)| c).collect(), organisations))
    })
    .await
}

pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let (items, organisations) = found(&cx, &find).await?;
    cx.page(
        "services/matter/list.html",
        json!({ "items": items, "organisations": organisations, "q": find.q, "organisation": find.organisation,
            "audience": find.audience }),
    )
}

/// `{ code, name }`, or `null` when the matter does not say.
fn named(cx: &Ctx, set: &'static [sets::Entry], code: &str) -> Json {
    sets::entry(set, code).map_or(Json::Null, |e| json!({ "code": e.0, "name": pick(cx, e.1, e.2) }))
}

/// The elements with the names of their codes.
fn elements_data(cx: &Ctx, e: &elements::Elements) -> Json {
    let all = |set, codes: &[String]| -> Vec<Json> { codes.iter().map(|c| named(cx, set, c)).collect() };
    let faq: Vec<Json> = e
        .faq
        .iter()
        .map(|f| json!({ "q": pick(cx, &f.q, &f.q_en), "a": pick(cx, &f.a, &f.a_en) }))
        .collect();
    json!({
        "item_type": named(cx, sets::MATTER_TYPES, &e.item_type), "level": named(cx, sets::LEVELS, &e.level),
        "nature": named(cx, sets::NATURES, &e.nature), "targets": all(sets::TARGETS, &e.targets),
        "channels": all(sets::CHANNELS, &e.channels), "case_kind": named(cx, sets::CASE_KINDS, &e.case_kind),
        "reach": named(cx, sets::REACHES, &e.reach), "visits": e.visits,
        "visit_reason": pick(cx, &e.visit_reason, &e.visit_reason_en), "power": pick(cx, &e.power, &e.power_en),
        "quota": pick(cx, &e.quota, &e.quota_en), "intermediary": pick(cx, &e.intermediary, &e.intermediary_en),
        "special": all(sets::SPECIAL, &e.special), "themes": e.themes, "hall": e.hall, "appointment": e.appointment,
        "payment": e.payment, "delivery": e.delivery, "kiosk": e.kiosk, "consult": e.consult, "complain": e.complain,
        "from": e.from, "until": e.until, "faq": faq,
    })
}

fn guide_data(cx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Json> {
    let (s, _) = service::find(tx, id)?;
    guide_of(cx, tx, &s)
}

/// The guide of any sheet: in force, or an edition's for a preview.
pub(crate) fn guide_of(cx: &Ctx, tx: &mut Tx<'_>, s: &Sheet) -> Result<Json> {
    let mut g = card(cx, tx, s)?;
    let lines = |list: &[super::model::Line]| -> Vec<String> {
        list.iter().map(|l| pick(cx, &l.zh, &l.en).to_string()).collect()
    };
    let windows: Vec<Json> = s
        .windows
        .iter()
        .map(|w| {
            json!({ "name": pick(cx, &w.name, &w.name_en), "address": pick(cx, &w.address, &w.address_en),
            "phone": w.phone, "hours": pick(cx, &w.hours, &w.hours_en) })
        })
        .collect();
    let basis: Vec<Json> = s
        .basis
        .iter()
        .map(|b| {
            json!({ "law": pick(cx, &b.law, &b.law_en), "article": pick(cx, &b.article, &b.article_en),
            "text": pick(cx, &b.zh, &b.en) })
        })
        .collect();
    let joint: Vec<String> = s
        .joint
        .iter()
        .map(|o| identity::api::organisation_name(cx, tx, o))
        .collect::<Result<_, kernel::Fault>>()?;
    let materials: Vec<Json> = s
        .material
        .iter()
        .map(|m| json!({ "title": pick(cx, &m.title, &m.title_en), "note": pick(cx, &m.note, &m.note_en),
            "required": m.required && m.when.is_none(), "conditional": m.when.is_some(), "accept": m.accept, "max_mb": m.max_mb,
            "source": named(cx, elements::SOURCES, &m.source), "form": named(cx, elements::FORMS, &m.form),
            "originals": m.originals, "copies": m.copies }))
        .collect();
    let organisation = identity::api::organisation(tx, &s.organisation)?;
    let credit = organisation.and_then(|o| o.credit_code).unwrap_or_default();
    let implementation = s.implementation_code(&credit).unwrap_or_default();
    for (key, value) in [
        ("code", json!(s.code)),
        ("kind", json!(pick(cx, &s.kind, &s.kind_en))),
        ("joint", json!(joint)),
        ("audience", json!(s.audience)),
        ("acceptance_days", json!(s.acceptance_days)),
        ("legal_days", json!(s.legal_days)),
        (
            "fee",
            json!({ "amount": s.fee.amount, "note": pick(cx, &s.fee.note, &s.fee.note_en) }),
        ),
        ("windows", json!(windows)),
        ("conditions", json!(lines(&s.conditions))),
        ("steps", json!(lines(&s.steps))),
        ("basis", json!(basis)),
        ("materials", json!(materials)),
        ("certificate", json!(s.result.certificate.is_some())),
        ("sample_note", json!(pick(cx, &s.sample_note, &s.sample_note_en))),
        ("implementation_code", json!(implementation)),
        ("elements", elements_data(cx, &s.elements)),
    ] {
        g[key] = value;
    }
    Ok(g)
}

pub(crate) async fn guide(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let make = || async {
        let g = cx.read("services.guide", |tx| guide_data(&cx, tx, &id)).await?;
        Ok(json!({ "g": g, "preview": null }))
    };
    cx.public_page("services/matter/guide.html", make).await
}

/// The guide as a numbered PDF: the number names the matter and the version that was in force when it was printed.
pub(crate) async fn paper(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let (g, version) = cx
        .read("services.guide-paper", |tx| {
            let version = crate::edition::store::head(tx, &id)?.map_or(1, |(v, _)| v);
            Ok((guide_data(&cx, tx, &id)?, version))
        })
        .await?;
    let (data, title) = (paper_data(&cx, g, version)?, id.clone());
    let template = cx.service::<service::GuideTemplate>()?;
    let now = cx.now();
    let printed =
        tokio::task::spawn_blocking(move || documents::print::render(&template.0, &data, &title, now));
    let pdf = printed
        .await
        .map_err(|e| kernel::Fault::of("printing a guide", e))?
        .map_err(|e| kernel::Fault::of("printing a guide", e))?;
    let kind = [(axum::http::header::CONTENT_TYPE, "application/pdf")];
    Ok((kind, pdf).into_response())
}

/// What the template prints: the guide with its words.
fn paper_data(cx: &Ctx, mut g: Json, version: i64) -> Result<Json> {
    let t = |key: &str| cx.t(&format!("services-{key}"), &[]);
    let days = |n: &Json| cx.t("services-days", &[("n", &n.to_string())]);
    let name = |v: &Json| v["name"].as_str().unwrap_or("—").to_string();
    for m in g["materials"].as_array_mut().into_iter().flatten() {
        let needed = match (m["required"] == true, m["conditional"] == true) {
            (true, _) => "needed-yes",
            (_, true) => "needed-when",
            _ => "needed-no",
        };
        let accept: Vec<&str> = m["accept"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let kinds = format!("{} {}", accept.join(" "), m["max_mb"]);
        (m["needed"], m["from"], m["kinds"]) = (
            json!(t(needed)),
            json!(name(&m["source"])),
            json!(format!("{kinds} MB")),
        );
    }
    for b in g["basis"].as_array_mut().into_iter().flatten() {
        let text = |key: &str| b[key].as_str().unwrap_or_default().to_string();
        let named = cx.t(
            "services-law",
            &[("law", &text("law")), ("article", &text("article"))],
        );
        b["name"] = json!(named);
    }
    let list = |v: &Json| -> String {
        let all = v.as_array().into_iter().flatten().filter_map(Json::as_str);
        all.map(|a| t(&format!("audience-{a}")))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let fee = match g["fee"]["amount"].as_i64() {
        Some(fen) if fen > 0 => format!("¥ {}.{:02}", fen / 100, fen % 100),
        _ => t("free"),
    };
    let code = match g["implementation_code"].as_str() {
        Some(code) if !code.is_empty() => code.to_string(),
        _ => g["code"].as_str().unwrap_or_default().to_string(),
    };
    let facts: Vec<Json> = [
        ("promised", days(&g["promised_days"])),
        ("legal", days(&g["legal_days"])),
        ("acceptance", days(&g["acceptance_days"])),
        ("fee", fee),
        ("audience", list(&g["audience"])),
        ("kind", g["kind"].as_str().unwrap_or("—").to_string()),
        (
            "online",
            t(&format!("online-{}", g["online"].as_str().unwrap_or_default())),
        ),
        (
            "consult",
            g["elements"]["consult"]
                .as_str()
                .filter(|s| !s.is_empty())
                .unwrap_or("—")
                .to_string(),
        ),
    ]
    .into_iter()
    .map(|(label, value)| json!({ "label": t(label), "value": value }))
    .collect();
    let url = format!(
        "{}/matters/{}",
        cx.app.config.url,
        g["id"].as_str().unwrap_or_default()
    );
    let words = json!({ "conditions": t("conditions"), "materials": t("materials"), "none": t("materials-none"), "material": t("material"),
        "needed": t("needed"), "source": t("material-source"), "format": t("format"), "steps": t("steps"), "basis": t("basis"),
        "windows": t("windows"), "number": t("paper-number"), "scan": t("paper-scan"), "valid": t("paper-valid") });
    Ok(
        json!({ "facts": facts, "t": words, "qr": kernel::qr::svg(&url)?, "url": url, "demo": cx.app.config.demo,
        "number": format!("{code}-v{version}"), "date": cx.today().to_string(), "lang": if cx.locale == Locale::En { "en" } else { "zh" },
        "g": g }),
    )
}

pub(crate) async fn start(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let case = cases::api::start(&cx, &id).await?;
    Ok(see(&format!("/cases/{case}/form")))
}

async fn hits(cx: &Ctx, q: &str) -> Result<Vec<index::Hit>> {
    let q: String = q.chars().take(100).collect();
    cx.read("services.search", |tx| Ok(index::find(tx, &q, cx.locale, 20)?))
        .await
}

pub(crate) async fn search(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let items = hits(&cx, &find.q).await?;
    cx.page(
        "services/matter/search.html",
        json!({ "items": items, "q": find.q }),
    )
}

pub(crate) async fn api_search(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    Ok(reply(json!({ "items": hits(&cx, &find.q).await? })))
}

pub(crate) async fn api_list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    Ok(reply(json!({ "items": found(&cx, &find).await?.0 })))
}

pub(crate) async fn api_guide(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let data = cx
        .read("services.api-guide", |tx| {
            let mut g = guide_data(&cx, tx, &id)?;
            g["form"] = serde_json::from_str(&service::find(tx, &id)?.1)?;
            g["cases"] = store::counts(tx)?[id.as_str()].clone();
            Ok(g)
        })
        .await?;
    Ok(reply(data))
}

pub(crate) fn samples() -> Vec<Sample> {
    let card = json!({ "id": "m", "title": "示例事项", "online": "full", "promised_days": 10, "organisation": "示例部门",
        "organisation_id": "o", "sample": true, "free": true });
    let code = |code: &str, name: &str| json!({ "code": code, "name": name });
    let mut g = card.clone();
    for (k, v) in [
        ("code", json!("1")),
        ("kind", json!("行政许可")),
        ("joint", json!(["交警"])),
        ("audience", json!(["natural", "legal"])),
        ("acceptance_days", json!(5)),
        ("legal_days", json!(20)),
        ("fee", json!({ "amount": 1200, "note": "样例" })),
        (
            "windows",
            json!([{ "name": "窗口", "address": "地址", "phone": "0", "hours": "9:00" }]),
        ),
        ("conditions", json!(["条件"])),
        ("steps", json!(["步骤"])),
        (
            "basis",
            json!([{ "law": "条例", "article": "第一条", "text": "内容" }]),
        ),
        (
            "materials",
            json!([{ "title": "图", "note": "注", "required": true, "conditional": false, "accept": ["pdf"], "max_mb": 10,
                "source": code("self", "申请人自备"), "form": code("both", "纸质或电子"), "originals": 1, "copies": 2 }]),
        ),
        ("implementation_code", json!("1")),
        (
            "elements",
            json!({ "item_type": code("01", "行政许可"), "level": code("3", "市级"), "nature": code("1", "法定机关"),
                "targets": [code("1", "自然人")], "channels": [code("1", "窗口办理")], "case_kind": code("2", "承诺件"),
                "reach": code("city", "跨县通办"), "visits": 1, "visit_reason": "需核验原件", "power": "法定本级行使", "quota": "",
                "intermediary": "", "special": [code("1", "延长审批")], "themes": ["市政公用"], "hall": true,
                "appointment": true, "payment": false, "delivery": true, "kiosk": false, "consult": "0", "complain": "12345",
                "from": "", "until": "", "faq": [{ "q": "问", "a": "答" }] }),
        ),
        ("certificate", json!(true)),
        ("sample_note", json!("样例")),
    ] {
        g[k] = v;
    }
    let list = |items: Json| json!({ "items": items, "organisations": [{ "id": "o", "name": "示例部门" }], "q": "x", "organisation": "o", "audience": "" });
    let hit = json!({ "title": "示例", "summary": "部门", "href": "/matters/m" });
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("services/matter/list.html", "none", list(json!([]))),
        sample("services/matter/list.html", "one", list(json!([card]))),
        sample(
            "services/matter/guide.html",
            "full",
            json!({ "g": g, "preview": null }),
        ),
        sample(
            "services/matter/guide.html",
            "preview",
            json!({ "g": g, "preview": "e" }),
        ),
        sample(
            "services/matter/search.html",
            "none",
            json!({ "items": [], "q": "x" }),
        ),
        sample(
            "services/matter/search.html",
            "one",
            json!({ "items": [hit], "q": "x" }),
        ),
    ]
}
