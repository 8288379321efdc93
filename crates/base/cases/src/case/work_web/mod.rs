//! The officials' pages: queue, done, all cases, one case with its commands. The idioms are in [`idiom`], the counter in
//! [`intake`], lists for those who watch over others in [`watch`], many at once in [`batch`].

pub(crate) mod batch;
pub(crate) mod idiom;
pub(crate) mod intake;
pub(crate) mod watch;

use super::service::{self, Finish};
use super::store::Narrow;
use super::{runtime, store, view};
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const PAGE: u32 = 30;

#[derive(Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    /// `red` or `yellow`: overdue, or overdue and about to be.
    #[serde(default)]
    light: String,
    #[serde(default)]
    matter: String,
    #[serde(default)]
    page: u32,
}

fn pager(page: u32, shown: usize) -> Json {
    json!({ "page": page, "previous": page.checked_sub(1), "next": (shown > PAGE as usize).then_some(page + 1) })
}

/// Matters for a filter: (id, name).
fn matters(cx: &Ctx) -> Result<Vec<Json>> {
    let mut all: Vec<Json> = Vec::new();
    for m in cx.service::<crate::Catalogue>()?.all() {
        all.push(json!({ "id": m.id, "title": m.name(view::english(cx)) }));
    }
    Ok(all)
}

/// Open work for the posts the actor holds and what was given to the actor, the soonest due first.
pub(crate) async fn queue(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let grants: Vec<(String, String, String)> = cx
        .actor
        .grants
        .iter()
        .map(|g| (g.role.clone(), g.org_path.clone(), g.area_code.clone()))
        .collect();
    let narrow = Narrow {
        number: find.q.trim(),
        matter: &find.matter,
        due_by: runtime::due_by(&cx, &find.light)?,
    };
    let accounts = [cx.actor.id.clone()];
    let mut items = cx
        .read("cases.queue", |tx| {
            // Whoever stands in for others sees their work too.
            let (mut grants, mut accounts) = (grants.clone(), accounts.to_vec());
            for away in crate::absence::api::stands_in_for(&cx, tx)? {
                let theirs = identity::api::official(&cx, tx, &away)?.map(|o| o.grants).unwrap_or_default();
                grants.extend(theirs.into_iter().map(|g| (g.role, g.org_path, g.area_code)));
                accounts.push(away);
            }
            let rows = store::queue(tx, &grants, &accounts, &narrow, PAGE + 1, find.page.saturating_mul(PAGE))?;
            let mut items = Vec::new();
            for r in rows {
                let catalogue = cx.service::<crate::Catalogue>()?;
                let matter = catalogue.version(&r.get::<String>("matter")?, r.get("matter_version")?)?;
                let node: String = r.get("node")?;
                let clock: Option<String> = r.get("clock")?;
                let due_on: Option<String> = r.get("case_due")?;
                let party = identity::api::party(&cx, tx, &r.get::<String>("applicant")?)?;
                let (case, work): (String, u32) = (r.get("case_id")?, r.get("work")?);
                let version: i64 = r.get("case_version")?;
                items.push(json!({
                    "case": case, "number": r.get::<Option<String>>("number")?, "pick": format!("{case}:{work}:{version}"),
                    "matter": matter.name(view::english(&cx)), "task": view::node_name(&cx, &matter, &node),
                    "applicant": party.map(|p| if p.kind == "legal" { p.name } else { p.masked_name() }),
                    "by": view::by(&cx, tx, &r)?,
                    "state": view::state_tag(&cx, &r.get::<String>("state")?), "round": r.get::<i64>("round")?,
                    "given": r.get::<Option<String>>("assignee")?.is_some(), "urged": r.get::<i64>("urged")?,
                    "sign": r.get::<Option<i64>>("adds")?.is_some(), "submitted_at": r.get::<Option<i64>>("submitted_at")?,
                    "due": view::due(&cx, clock.as_deref(), due_on.as_deref(), r.get("provisional")?, false)?,
                }));
            }
            Ok(items)
        })
        .await?;
    let pager = pager(find.page, items.len());
    items.truncate(PAGE as usize);
    let find = json!({ "q": find.q, "light": find.light, "matter": find.matter });
    let data = json!({ "items": items, "pager": pager, "find": find, "matters": matters(&cx)?,
        "actions": batch::actions(&cx) });
    cx.page("cases/work/queue.html", data)
}

/// What the actor has finished.
pub(crate) async fn done(cx: Ctx) -> Result<Response> {
    let items = cx
        .read("cases.done", |tx| {
            let mut items = Vec::new();
            for r in store::done_by(tx, &cx.actor.id, 100)? {
                let catalogue = cx.service::<crate::Catalogue>()?;
                let matter = catalogue.version(&r.get::<String>("matter")?, r.get("matter_version")?)?;
                let node: String = r.get("node")?;
                let name = if node.is_empty() { String::new() } else { view::node_name(&cx, &matter, &node) };
                let (kind, outcome): (String, Option<String>) = (r.get("kind")?, r.get("outcome")?);
                items.push(json!({
                    "case": r.get::<String>("case_id")?, "number": r.get::<Option<String>>("number")?,
                    "matter": matter.name(view::english(&cx)), "task": name, "at": r.get::<Option<i64>>("closed_at")?,
                    "outcome": outcome.map(|o| view::outcome(&cx, &matter, &node, &kind, &o)),
                    "state": view::state_tag(&cx, &r.get::<String>("state")?),
                }));
            }
            Ok(items)
        })
        .await?;
    cx.page("cases/work/done.html", json!({ "items": items }))
}

/// All cases in the actor's scope.
pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let scope = cx.scope("cases.case.read");
    let mut items = cx
        .read("cases.list", |tx| {
            let rows = store::list(
                tx,
                &scope,
                find.q.trim(),
                &find.state,
                PAGE + 1,
                find.page.saturating_mul(PAGE),
            )?;
            // Drafts are their owners' alone.
            let mut items = Vec::new();
            for r in rows {
                let item = view::row(&cx, &r)?;
                if item["draft"] != true {
                    items.push(item);
                }
            }
            Ok(items)
        })
        .await?;
    let pager = pager(find.page, items.len());
    items.truncate(PAGE as usize);
    let states: Vec<Json> = [
        "submitted",
        "correcting",
        "handling",
        "suspended",
        "granted",
        "refused",
        "withdrawn",
    ]
    .iter()
    .map(|s| json!({ "id": s, "label": cx.t(&format!("cases-state-{s}"), &[]) }))
    .collect();
    let data = json!({ "items": items, "pager": pager, "q": find.q, "state": find.state, "states": states });
    cx.page("cases/work/list.html", data)
}

#[derive(Deserialize)]
pub(crate) struct Reveal {
    #[serde(default)]
    reveal: u8,
}

/// What an official had typed when a command was refused; given back, so that nothing is lost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Typed<'a> {
    pub work: u32,
    pub outcome: &'a str,
    pub opinion: &'a str,
    /// The version of the case that the page showed.
    pub version: i64,
}

/// One case for an official. Looking at it is recorded for the applicant; showing full numbers more so.
pub(crate) async fn show(cx: Ctx, Path(id): Path<String>, Query(q): Query<Reveal>) -> Result<Response> {
    page(
        &cx,
        &id,
        q.reveal == 1,
        axum::http::StatusCode::OK,
        "",
        Typed::default(),
    )
    .await
}

async fn page(
    cx: &Ctx,
    id: &str,
    reveal: bool,
    status: axum::http::StatusCode,
    refused: &str,
    typed: Typed<'_>,
) -> Result<Response> {
    let data = cx
        .tx("cases.work-show", |tx| {
            let case = service::readable(cx, tx, id)?;
            if reveal {
                cx.may("cases.case.unmask", &case.resource())?;
            }
            let fields: &[&str] = if reveal {
                &["name", "code", "phone"]
            } else {
                &["name"]
            };
            cx.accessed(tx, std::slice::from_ref(&case.applicant), fields, "case")?;
            if let Some(agent) = &case.agent {
                cx.accessed(tx, std::slice::from_ref(agent), &["name"], "case")?;
            }
            let mut data = view::case(cx, tx, &case, reveal)?;
            data["parties"] = view::parties(cx, tx, &case, true)?;
            Ok((
                data,
                view::commands(cx, tx, &case)?,
                cx.may("cases.case.unmask", &case.resource()).is_ok(),
                crate::phrase::service::offered(cx, tx)?,
            ))
        })
        .await?;
    let mine = json!({ "work": typed.work, "outcome": typed.outcome, "opinion": typed.opinion,
        "stale": status == axum::http::StatusCode::PRECONDITION_FAILED });
    let context = json!({ "case": data.0, "commands": data.1, "may_reveal": data.2 && !reveal, "refused": refused,
        "typed": mine, "phrases": data.3 });
    cx.page_with(status, "cases/work/show.html", context)
}

/// After a command: back to the case, or the case with what was refused in plain words and what was typed.
pub(super) async fn after(cx: &Ctx, id: &str, outcome: Result<()>, typed: Typed<'_>) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(see(&format!("/work/cases/{id}"))),
        Err(Problem::Refusal(r)) if r.status != 404 && cx.html => {
            let status = kernel::http::status(&r);
            page(cx, id, false, status, &cx.explains(&r), typed).await
        }
        Err(e) => Err(e),
    }
}

#[derive(Deserialize)]
pub(crate) struct Done {
    version: i64,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    opinion: String,
    in_person: Option<String>,
    /// A stock phrase, and the button that puts it into the opinion instead of sending it.
    #[serde(default)]
    phrase: String,
    #[serde(rename = "use")]
    fill: Option<String>,
}

pub(crate) async fn finish(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Form(f): Form<Done>,
) -> Result<Response> {
    if f.fill.is_some() {
        let opinion = crate::phrase::service::added(&cx, &f.opinion, &f.phrase).await?;
        let typed = Typed {
            work,
            outcome: &f.outcome,
            opinion: &opinion,
            version: f.version,
        };
        return page(&cx, &id, false, axum::http::StatusCode::OK, "", typed).await;
    }
    let finish = Finish {
        case: &id,
        version: f.version,
        work,
        outcome: &f.outcome,
        opinion: &f.opinion,
        in_person: f.in_person.is_some(),
    };
    let done = if f.outcome.is_empty() {
        Err(Refusal::new("cases-outcome").into())
    } else {
        service::complete_work(&cx, &finish).await
    };
    let typed = Typed {
        work,
        outcome: &f.outcome,
        opinion: &f.opinion,
        version: f.version,
    };
    after(&cx, &id, done, typed).await
}

#[derive(Deserialize)]
pub(crate) struct Correction {
    version: i64,
    work: u32,
    #[serde(default)]
    items: String,
}

pub(crate) async fn correction(
    cx: Ctx,
    Path(id): Path<String>,
    Form(f): Form<Correction>,
) -> Result<Response> {
    let items: Vec<String> = f.items.lines().map(String::from).collect();
    let done = service::request_correction(&cx, &id, f.version, f.work, &items).await;
    let typed = Typed {
        work: f.work,
        outcome: "correction",
        opinion: &f.items,
        version: f.version,
    };
    after(&cx, &id, done, typed).await
}

#[derive(Deserialize)]
pub(crate) struct Back {
    version: i64,
    from: u32,
    to: Option<u32>,
    #[serde(default)]
    opinion: String,
}

pub(crate) async fn send_back(cx: Ctx, Path(id): Path<String>, Form(f): Form<Back>) -> Result<Response> {
    let done = match f.to {
        None => Err(Refusal::new("cases-not-before").into()),
        Some(to) => service::send_back(&cx, &id, f.version, f.from, to, &f.opinion).await,
    };
    let typed = Typed {
        work: f.from,
        outcome: "back",
        opinion: &f.opinion,
        version: f.version,
    };
    after(&cx, &id, done, typed).await
}

#[derive(Deserialize)]
pub(crate) struct Suspension {
    version: i64,
    reason: Option<String>,
}

pub(crate) async fn suspension(
    cx: Ctx,
    Path(id): Path<String>,
    Form(f): Form<Suspension>,
) -> Result<Response> {
    let done = service::suspend(&cx, &id, f.version, f.reason.as_deref()).await;
    after(&cx, &id, done, Typed::default()).await
}

pub(crate) fn samples() -> Vec<Sample> {
    let due = json!({ "light": "red", "text": "超期 1 个工作日", "on": "2026-11-20", "provisional": false, "phase": "受理" });
    let item = json!({ "case": "1", "id": "1", "number": "2026-OR-000001", "matter": "示例", "task": "受理", "applicant": "演**", "by": "演**",
        "state": { "kind": "info", "text": "待受理" }, "round": 2, "submitted_at": 1, "due": due, "at": 1, "outcome": "同意",
        "created_at": 1, "draft": false,
        "pick": "1:1:1", "given": true, "urged": 2, "sign": true });
    let pager = json!({ "page": 1, "previous": 0, "next": 2 });
    let works = json!([{ "work": 3, "name": "审查", "kind": "review", "due_on": "2026-11-30", "round": 1, "urged": 1,
        "outcomes": [{ "id": "agree", "label": "同意" }, { "id": "disagree", "label": "不同意" }],
        "back": [{ "id": 2, "name": "受理" }], "errors": [{ "id": "e", "name": "现场不符" }], "may_give": true,
        "in_the_name_of": "城管局 负责人" },
        { "work": 1, "name": "受理", "kind": "accept", "due_on": null, "round": 2, "urged": 0,
        "outcomes": [{ "id": "done", "label": "受理" }], "back": [], "errors": [], "may_give": false, "in_the_name_of": null }]);
    let commands = json!({ "works": works, "correction": 1, "suspend": true, "resume": false, "urge": true, "extend": 10,
        "gaps": [{ "work": 1, "id": "plan", "title": "平面图" }], "held": [{ "name": "审查" }],
        "recall": [{ "work": 1, "name": "受理" }], "messages": [{ "id": "paid", "name": "收到缴费" }],
        "specials": [{ "id": "hearing", "title": "听证", "max_days": 20 }] });
    let none = json!({ "works": [], "correction": null, "suspend": false, "resume": true, "urge": false, "extend": null,
        "gaps": [], "held": [], "recall": [], "messages": [], "specials": [] });
    let typed = json!({ "work": 3, "outcome": "agree", "opinion": "同意", "stale": true });
    let nothing = json!({ "work": 0, "outcome": "", "opinion": "", "stale": false });
    let find = json!({ "q": "", "light": "red", "matter": "m" });
    let matters = json!([{ "id": "m", "title": "示例" }]);
    let actions = json!([{ "id": "done", "label": "受理" }]);
    let case = super::web::sample_case();
    vec![
        Sample {
            template: "cases/work/queue.html",
            name: "empty",
            data: json!({ "items": [], "pager": { "page": 0, "previous": null, "next": null }, "find": find, "matters": matters,
                "actions": actions }),
        },
        Sample {
            template: "cases/work/queue.html",
            name: "one",
            data: json!({ "items": [item], "pager": pager, "find": find, "matters": matters, "actions": actions }),
        },
        Sample {
            template: "cases/work/done.html",
            name: "one",
            data: json!({ "items": [item] }),
        },
        Sample {
            template: "cases/work/list.html",
            name: "one",
            data: json!({ "items": [item], "pager": pager, "q": "", "state": "handling", "states": [{ "id": "handling", "label": "审查中" }] }),
        },
        Sample {
            template: "cases/work/show.html",
            name: "mine",
            data: json!({ "case": case, "commands": commands, "may_reveal": true, "phrases": [{ "id": "1", "words": "同意。" }], "refused": "已被他人更新", "typed": typed }),
        },
        Sample {
            template: "cases/work/show.html",
            name: "others",
            data: json!({ "case": case, "commands": none, "may_reveal": false, "phrases": [{ "id": "1", "words": "同意。" }], "refused": "", "typed": nothing }),
        },
    ]
}
