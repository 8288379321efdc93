//! The verbs of cases. Each is one transaction: authorise, engine, rows, fact.

use super::model::{Case, state};
use super::runtime::{self, Said, matter_of};
use super::store;
use crate::catalogue::{Catalogue, Matter};
use form::{Checks, Message, Wrong};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use process::Command;
use serde_json::{Map, Value as Json, json};

/// Working days that the applicant has to answer a correction notice, when the pack says nothing.
const ANSWER_DAYS: u32 = 30;

/// The case, when the actor is its owner and may do this.
pub(crate) fn own(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Case> {
    tx.lock(&format!("case:{id}"))?;
    let case = store::load(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    let owner = [&ctx.actor.subject, &ctx.actor.on_behalf]
        .into_iter()
        .flatten()
        .any(|s| case.resource().owners.contains(s));
    if !owner {
        return Err(Refusal::not_found().into());
    }
    ctx.may(permission, &case.resource())?;
    Ok(case)
}

/// The case, when the actor may read it. Who may not is told the same as for a case that is not there.
pub(crate) fn readable(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Case> {
    let case = store::load(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    let owner = [&ctx.actor.subject, &ctx.actor.on_behalf]
        .into_iter()
        .flatten()
        .any(|s| case.resource().owners.contains(s));
    // A draft is the applicant's own until it is submitted.
    if case.state == state::DRAFT && !owner {
        return Err(Refusal::not_found().into());
    }
    ctx.may("cases.case.read", &case.resource())
        .map_err(|_| Refusal::not_found())?;
    Ok(case)
}

/// The case for an official's command.
fn handled(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, version: i64, permission: &str) -> Result<Case> {
    tx.lock(&format!("case:{id}"))?;
    let case = readable(ctx, tx, id)?;
    ctx.may(permission, &case.resource())?;
    if case.version != version {
        return Err(Refusal::stale().into());
    }
    Ok(case)
}

fn format_check(format: &str, value: &str) -> Result<(), String> {
    match format {
        "citizen-id" => codes::citizen_id(value)
            .map(|_| ())
            .map_err(|e| e.key().to_string()),
        "credit-code" => codes::credit_code(value).map_err(|e| e.key().to_string()),
        "phone" => codes::phone(value).map(|_| ()).map_err(|e| e.key().to_string()),
        _ => Ok(()),
    }
}

/// Everything wrong with a form's values.
pub(crate) fn wrongs(matter: &Matter, values: &Map<String, Json>) -> Vec<Wrong> {
    let holds = |condition: &str, names: &Json| process::Environment::holds(matter, condition, names);
    matter.form.validate(
        values,
        &Checks {
            format: &format_check,
            holds: &holds,
        },
    )
}

/// A wrong as (field, text in the person's language).
pub(crate) fn said(ctx: &Ctx, w: &Wrong) -> (String, String) {
    let text = match &w.message {
        Message::Text(t) => t.pick(ctx.locale == kernel::Locale::En).to_string(),
        Message::Key { key, args } => {
            let args: Vec<(&str, &str)> = args.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            ctx.t(key, &args)
        }
    };
    (w.field.clone(), text)
}

/// Starts a draft for a matter, pre-filled with what the city already holds. One draft per person and matter: starting
/// again goes on with it.
pub async fn start(ctx: &Ctx, matter: &str) -> Result<String> {
    let matter = ctx.service::<Catalogue>()?.current(matter)?;
    let party = ctx.actor.party().ok_or_else(Refusal::sign_in)?.to_string();
    if ctx.actor.is_official() {
        return Err(Refusal::new("cases-officials-do-not-apply").status(403).into());
    }
    let id = ctx.id().to_string();
    ctx.tx("cases.start", |tx| {
        tx.lock(&format!("draft:{party}:{}", matter.id))?;
        let known: Option<String> = tx.scalar(
            "SELECT id FROM cases_case WHERE applicant = $1 AND matter = $2 AND state = 'draft'",
            kernel::params![party.as_str(), matter.id.as_str()],
        )?;
        if let Some(known) = known {
            return Ok(known);
        }
        let org = identity::api::organisation(tx, &matter.organisation)?
            .ok_or_else(|| kernel::Fault::new(format!("matter {}: organisation is unknown", matter.id)))?;
        let mut form = Map::new();
        for h in held(ctx, tx, &matter)? {
            form.insert(h.0, h.1.value.into());
        }
        let person = ctx.actor.subject.clone().filter(|s| *s != party);
        let case = Case {
            id: id.clone(),
            number: None,
            matter: matter.id.clone(),
            matter_version: matter.version,
            applicant: party.clone(),
            agent: person,
            organisation: org.id.clone(),
            org_path: org.path.clone(),
            area_code: org.area_code.clone(),
            state: state::DRAFT.into(),
            channel: "online".into(),
            visits: 0,
            form,
            process: None,
            clock: None,
            due_on: None,
            provisional: false,
            on_time: None,
            version: 1,
            created_at: ctx.now(),
            updated_at: ctx.now(),
            submitted_at: None,
            accepted_at: None,
            ended_at: None,
            org_paths: vec![org.path.clone()],
        };
        ctx.may("cases.case.apply", &case.resource())?;
        store::insert(ctx, tx, &case)?;
        let fact = Fact::new("cases.case.drafted", &case.id).payload(json!({ "matter": case.matter }));
        ctx.emit(tx, fact.touch(&crate::CASE, &case.id))?;
        Ok(id.clone())
    })
    .await
}

/// What the city holds for the form's fields: (field, value with source and date).
pub(crate) fn held(ctx: &Ctx, tx: &mut Tx<'_>, matter: &Matter) -> Result<Vec<(String, kernel::Held)>> {
    let mut out = Vec::new();
    for (whose, subject) in [
        ("applicant", ctx.actor.subject.clone()),
        ("firm", ctx.actor.on_behalf.clone()),
    ] {
        let Some(subject) = subject else { continue };
        let fields: Vec<_> = matter
            .form
            .fields
            .iter()
            .filter(|f| f.element.is_some() && f.prefill.as_deref() == Some(whose))
            .collect();
        let elements: Vec<String> = fields.iter().filter_map(|f| f.element.clone()).collect();
        if elements.is_empty() {
            continue;
        }
        let values = ctx.ask(tx, &subject, &elements, "prefill")?;
        for f in fields {
            if let Some(h) = values.iter().find(|h| Some(&h.element) == f.element.as_ref()) {
                out.push((f.name.clone(), h.clone()));
            }
        }
    }
    Ok(out)
}

/// Posted values over stored ones; fields that only the city fills in keep their value.
fn merged(matter: &Matter, stored: &Map<String, Json>, posted: &[(String, String)]) -> Map<String, Json> {
    let mut new = matter.form.read(posted);
    for f in matter.form.fields.iter().filter(|f| f.readonly) {
        match stored.get(&f.name) {
            Some(v) if !v.is_null() => drop(new.insert(f.name.clone(), v.clone())),
            _ => {}
        }
    }
    new
}

/// Puts single values into the form and leaves the others as they are; for programs, which send what they know.
pub async fn amend(ctx: &Ctx, id: &str, values: &[(String, String)]) -> Result<()> {
    ctx.tx("cases.amend", |tx| {
        let mut case = own(ctx, tx, id, "cases.case.apply")?;
        if !case.editable() {
            return Err(Refusal::new("cases-not-editable").status(409).into());
        }
        let matter = matter_of(ctx, &case)?;
        let named = |f: &String| values.iter().any(|(n, _)| n == f);
        let new = merged(&matter, &case.form, values);
        case.form.retain(|f, _| !named(f));
        case.form.extend(new.into_iter().filter(|(f, _)| named(f)));
        store::save(ctx, tx, &case)
    })
    .await
}

/// Saves the form as it is, right or wrong; nothing typed is lost.
pub async fn save(ctx: &Ctx, id: &str, posted: &[(String, String)]) -> Result<()> {
    ctx.tx("cases.save", |tx| {
        let mut case = own(ctx, tx, id, "cases.case.apply")?;
        if !case.editable() {
            return Err(Refusal::new("cases-not-editable").status(409).into());
        }
        let matter = matter_of(ctx, &case)?;
        case.form = merged(&matter, &case.form, posted);
        store::save(ctx, tx, &case)
    })
    .await
}

/// Refuses with every field that is wrong and every material that is missing.
fn complete(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter) -> Result<()> {
    let mut refusal = Refusal::new("cases-incomplete");
    for w in wrongs(matter, &case.form) {
        let (field, text) = said(ctx, &w);
        refusal = refusal.field(field, text);
    }
    let have = store::materials(ctx, tx, &case.id)?;
    let values = Json::Object(case.form.clone());
    for m in &matter.materials {
        if matter.needs(m, &values) && !have.iter().any(|h| h.material == m.id) {
            let title = if ctx.locale == kernel::Locale::En && !m.title_en.is_empty() {
                &m.title_en
            } else {
                &m.title
            };
            refusal = refusal.field(
                format!("material-{}", m.id),
                ctx.t("cases-material-missing", &[("title", title)]),
            );
        }
    }
    if refusal.fields.is_empty() {
        Ok(())
    } else {
        Err(refusal.into())
    }
}

/// Submits a draft, or the answer to a correction. Sending the same twice gives the same receipt.
pub async fn submit(ctx: &Ctx, id: &str, posted: Option<&[(String, String)]>) -> Result<String> {
    if let Some(posted) = posted {
        // Saved first and on its own: what was typed stays even when it cannot be submitted.
        match save(ctx, id, posted).await {
            Err(kernel::Problem::Refusal(r)) if r.key == "cases-not-editable" => {}
            other => other?,
        }
    }
    ctx.tx("cases.submit", |tx| {
        let mut case = own(ctx, tx, id, "cases.case.apply")?;
        if let (Some(number), false) = (&case.number, case.editable()) {
            return Ok(number.clone());
        }
        if !case.editable() {
            return Err(Refusal::new("cases-not-editable").status(409).into());
        }
        let matter = matter_of(ctx, &case)?;
        complete(ctx, tx, &case, &matter)?;
        let values = Json::Object(case.form.clone());
        if case.state == state::CORRECTING {
            store::answer_correction(tx, &case.id, ctx.now())?;
            runtime::begin_acceptance(ctx, &mut case, &matter);
            let command = Command::Correct {
                variables: values,
                at: ctx.now(),
            };
            let rows = runtime::run(ctx, tx, &mut case, command, Said::default())?;
            ctx.emit(
                tx,
                runtime::touched(
                    Fact::new("cases.case.corrected", &case.id).touch(&crate::CORRECTION, &case.id),
                    &case,
                    &rows,
                ),
            )?;
        } else {
            case.number = Some(number(ctx, tx, &matter)?);
            case.state = state::SUBMITTED.into();
            case.submitted_at = Some(ctx.now());
            runtime::begin_acceptance(ctx, &mut case, &matter);
            let command = Command::Start {
                variables: values,
                at: ctx.now(),
            };
            let rows = runtime::run(ctx, tx, &mut case, command, Said::default())?;
            let fact = Fact::new("cases.case.submitted", &case.id).payload(
                json!({ "number": case.number, "matter": case.matter, "version": case.matter_version }),
            );
            ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        }
        Ok(case.number.clone().unwrap_or_default())
    })
    .await
}

/// `{year}-{matter}-{serial:06}` by the pack; the serial counts within the year.
fn number(ctx: &Ctx, tx: &mut Tx<'_>, matter: &Matter) -> Result<String> {
    let pattern = ctx.app.city["numbers"]["case"]
        .as_str()
        .unwrap_or("{year}-{matter}-{serial:06}")
        .to_string();
    let year = ctx.today().year().to_string();
    let serial = store::next_serial(tx, &format!("case:{year}"))?;
    let code: String = matter
        .id
        .split('-')
        .filter_map(|w| w.chars().next())
        .collect::<String>()
        .to_uppercase();
    Ok(pattern
        .replace("{year}", &year)
        .replace("{matter}", &code)
        .replace("{serial:06}", &format!("{serial:06}"))
        .replace("{serial}", &serial.to_string()))
}

/// Throws a draft away, or withdraws a submitted case.
pub async fn withdraw(ctx: &Ctx, id: &str) -> Result<bool> {
    ctx.tx("cases.withdraw", |tx| {
        let mut case = own(ctx, tx, id, "cases.case.apply")?;
        if case.state == state::DRAFT {
            let files = store::materials(ctx, tx, id)?;
            store::remove_draft(tx, id)?;
            let fact = Fact::new("cases.case.discarded", id).gone(&crate::CASE, id);
            ctx.emit(
                tx,
                files.iter().fold(fact, |f, m| f.gone(&crate::MATERIAL, &m.id)),
            )?;
            return Ok(true);
        }
        let rows = runtime::run(
            ctx,
            tx,
            &mut case,
            Command::Withdraw { at: ctx.now() },
            Said::default(),
        )?;
        ctx.emit(
            tx,
            runtime::touched(Fact::new("cases.case.withdrawn", id), &case, &rows),
        )?;
        ended(ctx, tx, &case)?;
        Ok(false)
    })
    .await
}

fn ended(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<()> {
    if case.ended() {
        let fact = Fact::new("cases.case.ended", &case.id).payload(
            json!({ "state": case.state, "matter": case.matter, "on_time": case.on_time,
                "online": case.visits == 0 && case.channel == "online" }),
        );
        ctx.emit(tx, fact.touch(&crate::CASE, &case.id))?;
    }
    Ok(())
}

/// Which permission a task of this kind needs.
fn permission_for(kind: &str) -> &'static str {
    match kind {
        "accept" => "cases.case.accept",
        "decide" => "cases.case.decide",
        _ => "cases.case.review",
    }
}

/// Does the actor hold a post for this work item?
pub(crate) fn may_work(ctx: &Ctx, role: &str, org_path: &str, area_code: &str) -> bool {
    ctx.actor
        .grants
        .iter()
        .any(|g| g.role == role && org_path.starts_with(&g.org_path) && area_code.starts_with(&g.area_code))
}

/// What an official sends with a work item.
pub struct Finish<'a> {
    pub case: &'a str,
    pub version: i64,
    pub work: u32,
    pub outcome: &'a str,
    pub opinion: &'a str,
    /// The applicant had to come to the counter.
    pub in_person: bool,
}

/// Finishes a work item: accept, review or decide.
pub async fn complete_work(ctx: &Ctx, f: &Finish<'_>) -> Result<()> {
    let opinion = f.opinion.trim();
    if opinion.chars().count() > 1_000 {
        return Err(Refusal::new("cases-opinion-long").arg("max", 1_000).into());
    }
    ctx.tx("cases.complete-work", |tx| {
        let case = readable(ctx, tx, f.case)?;
        let row = store::works(ctx, tx, f.case)?
            .into_iter()
            .find(|w| w.work == f.work)
            .ok_or_else(Refusal::not_found)?;
        if row.status != "open" {
            return Err(Refusal::new("cases-not-open").status(409).into());
        }
        if !may_work(ctx, &row.role, &row.org_path, &case.area_code) {
            return Err(Refusal::new("cases-not-yours").status(403).into());
        }
        let mut case = handled(ctx, tx, f.case, f.version, permission_for(&row.kind))?;
        if row.kind != "accept" && opinion.is_empty() && f.outcome != "agree" && f.outcome != "grant" {
            return Err(Refusal::new("cases-opinion-needed")
                .field("opinion", ctx.t("cases-opinion-needed", &[]))
                .into());
        }
        let matter = matter_of(ctx, &case)?;
        if row.kind == "accept" {
            case.accepted_at = Some(ctx.now());
            case.state = state::HANDLING.into();
            case.visits += i64::from(f.in_person);
            runtime::begin_decision(ctx, &mut case, &matter);
        }
        let command = Command::Complete {
            work: f.work,
            outcome: f.outcome.into(),
            by: ctx.actor.id.clone(),
            at: ctx.now(),
        };
        let said = Said {
            outcome: Some(f.outcome),
            opinion: Some(opinion).filter(|o| !o.is_empty()),
        };
        let rows = runtime::run(ctx, tx, &mut case, command, said)?;
        let kind = match row.kind.as_str() {
            "accept" => "cases.case.accepted",
            "decide" => "cases.case.decided",
            _ => "cases.case.reviewed",
        };
        let fact = Fact::new(kind, &case.id)
            .payload(json!({ "node": row.node, "outcome": f.outcome, "work": f.work, "round": row.round }));
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        ended(ctx, tx, &case)
    })
    .await
}

/// 补正: one list, once, before acceptance or during handling; the clock stops until the answer.
pub async fn request_correction(
    ctx: &Ctx,
    id: &str,
    version: i64,
    work: u32,
    items: &[String],
) -> Result<()> {
    let items: Vec<String> = items
        .iter()
        .map(|i| i.trim().to_string())
        .filter(|i| !i.is_empty())
        .collect();
    if items.is_empty() {
        return Err(Refusal::new("cases-correction-empty").into());
    }
    if items.len() > 30 || items.iter().any(|i| i.chars().count() > 300) {
        return Err(Refusal::new("cases-correction-long").into());
    }
    ctx.tx("cases.request-correction", |tx| {
        let mut case = handled(ctx, tx, id, version, "cases.case.accept")?;
        let rows = runtime::run(
            ctx,
            tx,
            &mut case,
            Command::RequestCorrection { work, at: ctx.now() },
            Said::default(),
        )?;
        let days = ctx.app.city["acceptance"]["answer_days"]
            .as_u64()
            .map_or(ANSWER_DAYS, |d| d as u32);
        let by = crate::clock::table(ctx)?
            .0
            .add_working_days(ctx.today(), days)
            .date
            .to_string();
        store::ask_correction(ctx, tx, id, &items, &by, ctx.now())?;
        let fact = Fact::new("cases.case.correction-requested", id)
            .payload(json!({ "items": items.len() }))
            .touch(&crate::CORRECTION, id);
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        Ok(())
    })
    .await
}

/// 退回: sends a finished task back, with an opinion that says why.
pub async fn send_back(ctx: &Ctx, id: &str, version: i64, from: u32, to: u32, opinion: &str) -> Result<()> {
    let opinion = opinion.trim();
    if opinion.is_empty() || opinion.chars().count() > 1_000 {
        return Err(Refusal::new("cases-opinion-needed")
            .field("opinion", ctx.t("cases-opinion-needed", &[]))
            .into());
    }
    ctx.tx("cases.send-back", |tx| {
        let mut case = handled(ctx, tx, id, version, "cases.case.review")?;
        let works = store::works(ctx, tx, id)?;
        let row = works.iter().find(|w| w.work == from).ok_or_else(Refusal::not_found)?;
        if !may_work(ctx, &row.role, &row.org_path, &case.area_code) {
            return Err(Refusal::new("cases-not-yours").status(403).into());
        }
        let rows = runtime::run(ctx, tx, &mut case, Command::SendBack { from, to, at: ctx.now() }, Said::default())?;
        let target = works.iter().find(|w| w.work == to).map(|w| w.node.clone());
        // Opinions are work of the office and may name people: they stand in the row, the fact holds their hash.
        let note = format!("{id}:{from}:note:{}", case.version);
        tx.execute(
            "INSERT INTO cases_work(id, case_id, work, node, kind, role, org_path, area_code, status, outcome, opinion, \
             actor, post, opened_at, closed_at, round) VALUES ($1, $2, $3, $4, 'note', $5, $6, $7, 'note', 'sent-back', \
             $8, $9, $10, $11, $11, $12)",
            kernel::params![
                note.as_str(),
                id,
                from,
                row.node.as_str(),
                row.role.as_str(),
                row.org_path.as_str(),
                case.area_code.as_str(),
                store::sealed_opinion(ctx, &note, opinion)?,
                ctx.actor.id.as_str(),
                ctx.actor.grants.first().map(|g| g.post.clone()),
                ctx.now(),
                row.round
            ],
        )?;
        let fact = Fact::new("cases.case.sent-back", id).payload(json!({ "node": row.node, "to": target }));
        ctx.emit(tx, runtime::touched(fact, &case, &rows).touch(&crate::WORK, note))?;
        Ok(())
    })
    .await
}

/// 挂起计时 and its end.
pub async fn suspend(ctx: &Ctx, id: &str, version: i64, reason: Option<&str>) -> Result<()> {
    ctx.tx("cases.suspend", |tx| {
        let mut case = handled(ctx, tx, id, version, "cases.case.suspend")?;
        let (command, kind, payload) = match reason {
            Some(r) if r.trim().is_empty() => return Err(Refusal::new("cases-reason-needed").into()),
            Some(r) => {
                let reason: String = r.trim().chars().take(200).collect();
                (
                    Command::Suspend {
                        reason,
                        at: ctx.now(),
                    },
                    "cases.case.suspended",
                    json!({}),
                )
            }
            None => (Command::Resume { at: ctx.now() }, "cases.case.resumed", json!({})),
        };
        let rows = runtime::run(ctx, tx, &mut case, command, Said::default())?;
        ctx.emit(
            tx,
            runtime::touched(Fact::new(kind, id).payload(payload), &case, &rows),
        )?;
        Ok(())
    })
    .await
}

/// The case for reading, when the actor owns it.
pub(crate) fn own_read(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Case> {
    let case = readable(ctx, tx, id)?;
    let owner = [&ctx.actor.subject, &ctx.actor.on_behalf]
        .into_iter()
        .flatten()
        .any(|s| case.resource().owners.contains(s));
    if owner {
        Ok(case)
    } else {
        Err(Refusal::not_found().into())
    }
}
