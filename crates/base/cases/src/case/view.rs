//! What the pages about a case show, as JSON in the reader's language.

use super::model::{Case, WorkRow, state};
use super::runtime::{self, matter_of};
use super::{service, store};
use crate::catalogue::{Catalogue, Matter};
use crate::clock;
use kernel::{Ctx, Locale, Result, Row, Tx, fact};
use process::{NodeKind, WorkStatus};
use serde_json::{Value as Json, json};

pub(crate) fn english(ctx: &Ctx) -> bool {
    ctx.locale == Locale::En
}

/// State with its colour: good, warn, bad, info or plain.
pub(crate) fn state_tag(ctx: &Ctx, s: &str) -> Json {
    let kind = match s {
        state::GRANTED => "good",
        state::REFUSED => "bad",
        state::CORRECTING | state::SUSPENDED => "warn",
        state::SUBMITTED | state::HANDLING => "info",
        _ => "plain",
    };
    json!({ "kind": kind, "text": ctx.t(&format!("cases-state-{s}"), &[]) })
}

/// Light and due date of a stored clock; null without one.
pub(crate) fn due(
    ctx: &Ctx,
    clock: Option<&str>,
    due_on: Option<&str>,
    provisional: bool,
    ended: bool,
) -> Result<Json> {
    let Some(text) = clock.filter(|_| !ended) else {
        return Ok(Json::Null);
    };
    let c: clock::CaseClock = serde_json::from_str(text)?;
    let shown = clock::light(ctx, &c)?;
    Ok(json!({
        "light": shown.light, "text": shown.text, "on": due_on, "provisional": provisional,
        "phase": ctx.t(&format!("cases-clock-{}", c.phase), &[]), "bar": clock::bar(ctx, &c)?,
    }))
}

/// One row of any list of cases.
pub(crate) fn row(ctx: &Ctx, r: &Row) -> Result<Json> {
    let (matter, version): (String, i64) = (r.get("matter")?, r.get("matter_version")?);
    let matter = ctx.service::<crate::Catalogue>()?.version(&matter, version)?;
    let state: String = r.get("state")?;
    let ended = r.get::<Option<i64>>("ended_at")?.is_some();
    let clock: Option<String> = r.get("clock")?;
    Ok(json!({
        "id": r.get::<String>("id")?, "number": r.get::<Option<String>>("number")?, "matter": matter.name(english(ctx)),
        "state": state_tag(ctx, &state), "draft": state == state::DRAFT, "correcting": state == state::CORRECTING, "ended": ended,
        "created_at": r.get::<i64>("created_at")?, "submitted_at": r.get::<Option<i64>>("submitted_at")?,
        "due": due(ctx, clock.as_deref(), r.get::<Option<String>>("due_on")?.as_deref(), r.get("provisional")?, ended)?,
    }))
}

pub(crate) fn node_name(ctx: &Ctx, matter: &Matter, node: &str) -> String {
    // A case that was moved to this version remembers steps that only an earlier one had.
    let earlier = || {
        let catalogue = ctx.service::<Catalogue>().ok()?;
        let mut before = (1..matter.version).rev();
        before.find_map(|v| {
            let old = catalogue.version(&matter.id, v).ok()?;
            old.process.nodes.get(node).cloned()
        })
    };
    matter
        .process
        .nodes
        .get(node)
        .cloned()
        .or_else(earlier)
        .map_or_else(
            || node.to_string(),
            |n| {
                if english(ctx) && !n.name_en.is_empty() {
                    n.name_en.clone()
                } else {
                    n.called().to_string()
                }
            },
        )
}

/// The way of the case in words: each user task in drawing order, with where it stands.
fn steps(ctx: &Ctx, case: &Case, matter: &Matter) -> Vec<Json> {
    let Some(p) = &case.process else { return Vec::new() };
    let mut nodes: Vec<_> = matter
        .process
        .nodes
        .values()
        .filter(|n| n.kind == NodeKind::User)
        .collect();
    let at = |id: &str| {
        matter
            .process
            .shapes
            .get(id)
            .map_or(0.0, |s| s.x * 10_000.0 + s.y)
    };
    nodes.sort_by(|a, b| at(&a.id).total_cmp(&at(&b.id)));
    nodes
        .into_iter()
        .filter_map(|n| {
            let last = p.work.iter().rev().find(|w| w.node == n.id && w.status != WorkStatus::Cancelled);
            let class = match last.map(|w| w.status) {
                Some(WorkStatus::Open) => "now",
                Some(_) => "done",
                // A task that the route of this case leaves out is not shown once the case is past it.
                None if case.ended() => return None,
                None => "todo",
            };
            Some(json!({ "class": class, "name": node_name(ctx, matter, &n.id), "at": last.and_then(|w| w.closed_at) }))
        })
        .collect()
}

/// The drawn process with where the case is and was.
fn diagram(ctx: &Ctx, case: &Case, matter: &Matter) -> Json {
    let (Some(p), d) = (&case.process, &matter.process) else {
        return Json::Null;
    };
    if d.shapes.is_empty() {
        return Json::Null;
    }
    let left = d.shapes.values().map(|s| s.x).fold(f64::MAX, f64::min) - 16.0;
    let top = d.shapes.values().map(|s| s.y).fold(f64::MAX, f64::min) - 16.0;
    let right = d.shapes.values().map(|s| s.x + s.width).fold(0.0, f64::max) + 16.0;
    let bottom = d.shapes.values().map(|s| s.y + s.height).fold(0.0, f64::max) + 34.0;
    let nodes: Vec<Json> = d
        .nodes
        .values()
        .filter_map(|n| {
            let s = d.shapes.get(&n.id)?;
            let class = if p.open().any(|w| w.node == n.id) || p.tokens.iter().any(|t| t.node == n.id) {
                "now"
            } else if p.visited.contains(&n.id) {
                "done"
            } else {
                ""
            };
            let form = match n.kind {
                NodeKind::User | NodeKind::Service(_) | NodeKind::Rule(_) | NodeKind::Send(_) => "task",
                // A receive task is drawn as wide as a task, a catching event as a circle.
                NodeKind::Wait(_) if s.width > s.height => "task",
                NodeKind::Sub | NodeKind::Call(_) => "body",
                NodeKind::Exclusive(_) => "exclusive",
                NodeKind::Inclusive(_) => "inclusive",
                NodeKind::Parallel => "parallel",
                NodeKind::EventBased => "event-based",
                NodeKind::Boundary(_) => "boundary",
                NodeKind::End(_) => "end",
                NodeKind::Start(_) | NodeKind::Wait(_) | NodeKind::Pass => "event",
            };
            Some(json!({ "x": s.x - left, "y": s.y - top, "w": s.width, "h": s.height, "class": class, "form": form,
                "name": node_name(ctx, matter, &n.id) }))
        })
        .collect();
    let edges: Vec<String> = d
        .edges
        .values()
        .map(|points| {
            points
                .iter()
                .map(|(x, y)| format!("{},{}", x - left, y - top))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    json!({ "width": right - left, "height": bottom - top, "nodes": nodes, "edges": edges })
}

/// Who acted for the applicant of a case in a list, masked; null when nobody did.
pub(crate) fn by(ctx: &Ctx, tx: &mut Tx<'_>, r: &Row) -> Result<Json> {
    Ok(match r.get::<Option<String>>("agent")? {
        Some(agent) => identity::api::party(ctx, tx, &agent)?.map(|p| p.masked_name()),
        None => None,
    }
    .into())
}

/// For whom a case is and by whom: `{ whom, by, role }`, `by` null when the applicant acts in person. Names are whole for who
/// may see them so; else a person's is masked.
pub(crate) fn parties(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, whole: bool) -> Result<Json> {
    let named = |p: &identity::api::Party| match whole || p.kind == "legal" {
        true => p.name.clone(),
        false => p.masked_name(),
    };
    let applicant = identity::api::party(ctx, tx, &case.applicant)?;
    let agent = match &case.agent {
        Some(agent) => identity::api::party(ctx, tx, agent)?,
        None => None,
    };
    let role = match applicant.as_ref().is_some_and(|a| a.kind == "natural") {
        true => "cases-guardian",
        false => "cases-agent",
    };
    Ok(
        json!({ "whom": applicant.as_ref().map(named), "by": agent.as_ref().map(named), "role": ctx.t(role, &[]) }),
    )
}

/// The applicant, with the person who acted for a firm or a child.
fn by_applicant(ctx: &Ctx, tx: &mut Tx<'_>, e: &fact::Entry) -> Result<String> {
    let account = e.actor.strip_prefix("account:").and_then(|a| a.parse().ok());
    let subject = match (&e.on_behalf, account) {
        (Some(_), Some(account)) => identity::api::subject_of(tx, account)?,
        _ => None,
    };
    let agent = match subject {
        Some(subject) => identity::api::party(ctx, tx, &subject)?,
        None => None,
    };
    let whom = match &e.on_behalf {
        Some(whom) => identity::api::party(ctx, tx, whom)?,
        None => None,
    };
    let key = match whom.is_some_and(|w| w.kind == "natural") {
        true => "cases-by-guardian",
        false => "cases-by-agent",
    };
    Ok(match agent {
        Some(agent) => ctx.t(key, &[("agent", &agent.masked_name())]),
        None => ctx.t("cases-by-applicant", &[]),
    })
}

pub(crate) fn timeline(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter) -> Result<Vec<Json>> {
    let certificates = documents::api::of_case(tx, &case.id)?;
    let mut subjects = vec![case.id.as_str()];
    subjects.extend(certificates.iter().map(|c| c.id.as_str()));
    let papers = documents::api::papers_of(tx, &case.id)?;
    subjects.extend(papers.iter().map(|p| p.id.as_str()));
    let mut out = Vec::new();
    for e in fact::history(tx, &subjects)? {
        let who = match identity::api::post_title(ctx, tx, &e.actor)? {
            Some(post) => post,
            None if e.actor.starts_with("system:") => ctx.t("cases-by-system", &[]),
            None => by_applicant(ctx, tx, &e)?,
        };
        let node = e.payload["node"]
            .as_str()
            .map(|n| node_name(ctx, matter, n))
            .unwrap_or_default();
        let to = e.payload["to"]
            .as_str()
            .map(|n| node_name(ctx, matter, n))
            .unwrap_or_default();
        let outcome = match (e.payload["node"].as_str(), e.payload["outcome"].as_str()) {
            (Some(n), Some(o)) => outcome(ctx, matter, n, kind_of(matter, n), o),
            _ => String::new(),
        };
        let key = format!("cases-fact-{}", e.kind.replace('.', "-"));
        let plain = |k: &str| match &e.payload[k] {
            Json::String(s) => s.clone(),
            Json::Array(list) => list
                .iter()
                .filter_map(Json::as_str)
                .collect::<Vec<_>>()
                .join("、"),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        let post = plain("post") + &plain("posts");
        let (days, procedure) = (plain("working_days"), plain("procedure"));
        let titles: Vec<&str> = e.payload["materials"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&e.payload["material"]])
            .filter_map(|m| matter.material(m.as_str()?))
            .map(|m| m.name(english(ctx)))
            .collect();
        let text = ctx.t(
            &key,
            &[
                ("node", &node),
                ("to", &to),
                ("outcome", &outcome),
                ("post", &post),
                ("days", &days),
                ("procedure", &procedure),
                ("materials", &titles.join("、")),
                ("from_version", &plain("from")),
                ("to_version", &plain("to")),
                ("title", &plain("title")),
                ("number", &plain("number")),
            ],
        );
        out.push(json!({ "at": e.at, "who": who, "text": text, "seq": e.seq }));
    }
    Ok(out)
}

/// Keeps the beginning and end of a personal number.
fn mask(text: &str) -> String {
    let n = text.chars().count();
    let keep = if n > 11 { (6, 4) } else { (3, 4) };
    text.chars()
        .enumerate()
        .map(|(i, c)| {
            if i < keep.0.min(n) || i + keep.1 >= n {
                c
            } else {
                '*'
            }
        })
        .collect()
}

/// The form for reading; personal numbers masked unless `clear`.
pub(crate) fn summary(ctx: &Ctx, case: &Case, matter: &Matter, clear: bool) -> Json {
    let mut values = case.form.clone();
    if !clear {
        for f in &matter.form.fields {
            let personal = matches!(f.format.as_deref(), Some("citizen-id" | "phone"));
            if let (true, Some(Json::String(v))) = (personal, values.get(&f.name)) {
                let masked = mask(v);
                values.insert(f.name.clone(), masked.into());
            }
        }
    }
    let sections: Vec<Json> = matter
        .form
        .summary(&values, english(ctx))
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(title, rows)| {
            // Days in words; anything that is no day stays as it is.
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(name, value)| (name, kernel::page::date_text(ctx.locale, &value)))
                .collect();
            json!({ "title": title, "rows": rows })
        })
        .collect();
    sections.into()
}

/// Materials with their uploaded files; `needed` says what the form's values call for.
pub(crate) fn materials(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter) -> Result<Vec<Json>> {
    let have = store::materials(ctx, tx, &case.id)?;
    let values = Json::Object(case.form.clone());
    Ok(matter
        .materials
        .iter()
        .map(|m| {
            let pick = |zh: &str, en: &str| {
                if english(ctx) && !en.is_empty() {
                    en.to_string()
                } else {
                    zh.to_string()
                }
            };
            let files: Vec<Json> = have
                .iter()
                .filter(|h| h.material == m.id)
                .map(|h| json!({ "id": h.id, "name": h.name, "size": h.size, "at": h.created_at }))
                .collect();
            let accept = m
                .accept
                .iter()
                .map(|a| format!(".{a}"))
                .collect::<Vec<_>>()
                .join(",");
            let waived = if case.waived.gaps.contains(&m.id) {
                "gap"
            } else if case.waived.promised.contains(&m.id) {
                "promise"
            } else {
                ""
            };
            let missing = case.process.as_ref().is_some_and(|p| p.gaps.contains(&m.id));
            json!({ "id": m.id, "title": pick(&m.title, &m.title_en), "note": pick(&m.note, &m.note_en),
                "required": matter.needs(m, &values), "files": files, "accept": accept, "max_mb": m.max_mb,
                "may_gap": m.gap, "may_promise": m.promise, "waived": waived, "missing": missing })
        })
        .collect())
}

/// Everything a case page shows, for applicant and official alike.
pub(crate) fn case(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, clear: bool) -> Result<Json> {
    let matter = matter_of(ctx, case)?;
    let clock = case.clock.as_ref().map(serde_json::to_string).transpose()?;
    let rating = crate::rating::store::rating(ctx, tx, &case.id)?;
    let certificates: Vec<Json> = documents::api::of_case(tx, &case.id)?
        .into_iter()
        .map(|c| json!({ "id": c.id, "title": c.title(ctx), "identifier": c.identifier, "waiting": c.waiting, "ready": c.ready, "state": c.state }))
        .collect();
    let officials: Vec<Json> = works(ctx, tx, case, &matter)?;
    Ok(json!({
        "id": case.id, "number": case.number, "version": case.version, "state": state_tag(ctx, &case.state),
        "parties": parties(ctx, tx, case, service::owns(ctx, case) || service::entered(ctx, case))?,
        "state_id": case.state, "matter": { "id": matter.id, "title": matter.name(english(ctx)) },
        "organisation": identity::api::organisation_name(ctx, tx, &case.organisation)?,
        "created_at": case.created_at, "submitted_at": case.submitted_at, "accepted_at": case.accepted_at,
        "ended_at": case.ended_at, "ended": case.ended(), "editable": case.editable(),
        "due": due(ctx, clock.as_deref(), case.due_on.as_deref(), case.provisional, case.ended())?,
        "on_time": case.on_time, "summary": summary(ctx, case, &matter, clear), "steps": steps(ctx, case, &matter),
        "diagram": diagram(ctx, case, &matter), "timeline": timeline(ctx, tx, case, &matter)?,
        "materials": materials(ctx, tx, case, &matter)?,
        "correction": store::correction(ctx, tx, &case.id)?, "rating": rating, "certificates": certificates,
        "papers": crate::paper::view::of(ctx, tx, case)?,
        "works": officials, "may_rate": matches!(case.state.as_str(), state::GRANTED | state::REFUSED),
        "may_withdraw": !case.ended(), "delivery": crate::delivery::view::of(ctx, tx, case)?, "channel": case.channel,
        "may_urge": !case.ended() && case.process.as_ref().is_some_and(|p| !p.correcting && p.open().next().is_some()),
        "may_supply": !case.ended() && !case.editable() && !matter.materials.is_empty(),
        "stopped": case.process.as_ref().and_then(|p| p.suspended.as_ref()).filter(|_| !case.ended())
            .map(|(at, why)| json!({ "at": at, "why": if why == "correction" { ctx.t("cases-state-correcting", &[]) } else { why.clone() } })),
    }))
}

/// Finished work with outcome and opinion, in order.
pub(crate) fn works(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter) -> Result<Vec<Json>> {
    let mut out = Vec::new();
    for w in store::works(ctx, tx, &case.id)?
        .into_iter()
        .filter(|w| !["open", "held", "cancelled"].contains(&w.status.as_str()))
    {
        let who = match &w.actor {
            Some(a) => identity::api::post_title(ctx, tx, a)?.unwrap_or_default(),
            None => String::new(),
        };
        let for_whom = match &w.on_behalf {
            Some(principal) if w.status == "done" => identity::api::post_title(ctx, tx, principal)?,
            _ => None,
        };
        out.push(json!({
            "name": if w.node.is_empty() { String::new() } else { node_name(ctx, matter, &w.node) }, "signed": w.adds.is_some(),
            "in_the_name_of": for_whom,
            "outcome": w.outcome.as_deref().map(|o| outcome(ctx, matter, &w.node, &w.kind, o)), "opinion": w.opinion,
            "who": who, "at": w.closed_at, "round": w.round,
        }));
    }
    Ok(out)
}

/// An outcome in words: the model's own (`yw:label-<outcome>`), the usual ones, else its name.
pub(crate) fn outcome(ctx: &Ctx, matter: &Matter, node: &str, kind: &str, id: &str) -> String {
    if let Some(n) = matter.process.nodes.get(node) {
        let (zh, en) = (n.hint(&format!("label-{id}")), n.hint(&format!("label-{id}-en")));
        let label = if english(ctx) && !en.is_empty() { en } else { zh };
        if !label.is_empty() {
            return label.to_string();
        }
    }
    let key = match (kind, id) {
        ("accept", "done") => "cases-outcome-done".to_string(),
        (_, "done") => "cases-outcome-finished".to_string(),
        _ => format!("cases-outcome-{id}"),
    };
    if ctx.app.texts.has(&key) {
        ctx.t(&key, &[])
    } else {
        id.to_string()
    }
}

/// What kind of task a node is: accept, review, decide …
pub(crate) fn kind_of<'m>(matter: &'m Matter, node: &str) -> &'m str {
    matter.process.nodes.get(node).map_or("", |n| n.hint("kind"))
}

/// What this official may do with the case now.
pub(crate) fn commands(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<Json> {
    let matter = matter_of(ctx, case)?;
    let resource = case.resource();
    let may = |p: &str| ctx.may(p, &resource).is_ok();
    let Some(engine) = &case.process else {
        return Ok(
            json!({ "works": [], "correction": null, "suspend": false, "resume": false, "gaps": [], "urge": false,
            "recall": [], "specials": [], "extend": null, "messages": [], "held": [] }),
        );
    };
    let definition = &matter.process;
    // Asked of a copy: the page offers what the engine would carry out, and nothing else.
    let would = |command: process::Command| engine.clone().step(definition, command, matter.as_ref()).is_ok();
    let own_case = service::owns(ctx, case);
    let mut mine: Vec<WorkRow> = Vec::new();
    let (mut held, mut recall) = (Vec::new(), Vec::new());
    for mut w in store::works(ctx, tx, &case.id)? {
        let name = node_name(ctx, &matter, &w.node);
        match w.status.clone().as_str() {
            "open" if !own_case && service::mandate(ctx, tx, &mut w, &case.area_code)?.is_some() => {
                mine.push(w)
            }
            "held" => held.push(json!({ "name": name })),
            "done" if w.actor.as_deref() == Some(ctx.actor.id.as_str()) => {
                let (work, by, at) = (w.work, ctx.actor.id.clone(), ctx.now());
                if would(process::Command::Recall { work, by, at }) {
                    recall.push(json!({ "work": work, "name": name }));
                }
            }
            _ => {}
        }
    }
    let running = engine.suspended.is_none();
    let mut works: Vec<Json> = Vec::new();
    for w in mine.iter().filter(|_| running) {
        let outcomes: Vec<Json> = engine
            .work(w.work)
            .map(|item| item.outcomes(definition))
            .unwrap_or_default()
            .into_iter()
            .map(|o| json!({ "id": o, "label": outcome(ctx, &matter, &w.node, &w.kind, o) }))
            .collect();
        let back: Vec<Json> = engine
            .may_send_back(definition, w.work)
            .into_iter()
            .filter_map(|id| engine.work(id))
            .filter(|_| w.kind != "accept" && w.adds.is_none())
            .map(|t| json!({ "id": t.id, "name": node_name(ctx, &matter, &t.node) }))
            .collect();
        let errors: Vec<Json> = definition
            .errors_at(&w.node)
            .into_iter()
            .map(|(code, n)| json!({ "id": code, "name": node_name(ctx, &matter, &n.id) }))
            .collect();
        let in_the_name_of = match &w.on_behalf {
            Some(principal) => {
                identity::api::official(ctx, tx, principal)?.map(|o| format!("{} {}", o.title, o.name))
            }
            None => None,
        };
        works.push(
            json!({ "work": w.work, "name": node_name(ctx, &matter, &w.node), "kind": w.kind,
            "outcomes": outcomes, "due_on": w.due_on, "round": w.round, "back": back, "errors": errors,
            "urged": w.urged, "may_give": w.adds.is_none(), "in_the_name_of": in_the_name_of }),
        );
    }
    let accepting = mine.iter().find(|w| w.kind == "accept" && running);
    let correction = accepting
        .filter(|_| engine.corrections == 0 && may("cases.case.accept"))
        .map(|w| w.work);
    let gaps: Vec<Json> = accepting
        .map(|w| {
            let asked = case.waived.gaps.iter().filter(|g| !engine.gaps.contains(g));
            asked
                .filter_map(|g| matter.material(g))
                .map(|m| json!({ "work": w.work, "id": m.id, "title": m.name(english(ctx)) }))
                .collect()
        })
        .unwrap_or_default();
    let messages: Vec<Json> = engine
        .messages
        .iter()
        .filter(|_| running && may("cases.case.inform"))
        .filter_map(|(_, node)| definition.nodes.get(node))
        .filter_map(|n| Some(json!({ "id": n.awaited()?, "name": node_name(ctx, &matter, &n.id) })))
        .collect();
    let handling = running && case.accepted_at.is_some() && !case.ended();
    let suspend = handling && may("cases.case.suspend");
    let extension = runtime::extension_days(ctx);
    let extend = handling && may("cases.case.extend") && would(process::Command::Extend { working_days: 1 });
    Ok(json!({
        "works": works, "correction": correction, "gaps": gaps, "held": held, "recall": recall, "messages": messages,
        "suspend": suspend, "specials": if suspend { json!(runtime::specials(ctx)) } else { json!([]) },
        "extend": extend.then_some(extension),
        "urge": !case.ended() && engine.open().next().is_some() && may("cases.case.urge"),
        "resume": !running && !engine.correcting && may("cases.case.suspend"),
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_masked_in_the_middle() {
        assert_eq!(super::mask("320899198001010011"), "320899********0011");
        assert_eq!(super::mask("19900000001"), "199****0001");
        assert_eq!(super::mask("12"), "12");
    }
}
