//! Carries the process engine's effects out on the rows of a case, in the transaction of the command that caused them.

use super::model::{Case, WorkRow, state};
use super::store;
use crate::catalogue::{Catalogue, Matter};
use crate::clock::{self, CaseClock};
use kernel::{Ctx, Fact, Fault, Problem, Refusal, Result, Tx, job};
use process::{Command, Effect, Reject};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The job that fires boundary timers.
pub(crate) const TIMER: &str = "cases.timer";

pub(crate) fn matter_of(ctx: &Ctx, case: &Case) -> Result<Arc<Matter>> {
    Ok(ctx
        .service::<Catalogue>()?
        .version(&case.matter, case.matter_version)?)
}

/// The engine's refusal in the person's language.
fn refused(e: Reject) -> Problem {
    let key = match &e {
        Reject::Ended => "cases-ended",
        Reject::NotOpen => "cases-not-open",
        Reject::Outcome(_) => "cases-outcome",
        Reject::Correcting => "cases-correcting",
        Reject::CorrectedOnce => "cases-corrected-once",
        Reject::NotCorrecting => "cases-not-correcting",
        Reject::Suspended => "cases-suspended",
        Reject::Running => "cases-running",
        Reject::NotBefore => "cases-not-before",
        Reject::Begun => "cases-begun",
        Reject::NotRecalled => "cases-not-recalled",
        Reject::Nobody => "cases-nobody",
        Reject::Added => "cases-added",
        Reject::NotAccepting => "cases-not-accepting",
        Reject::Gaps => "cases-gaps",
        Reject::NoGap(_) => "cases-no-gap",
        Reject::ExtendedOnce => "cases-extended-once",
        Reject::NotAwaited(_) => "cases-not-awaited",
        Reject::Model(m) => return Fault::new(format!("process model: {m}")).into(),
    };
    Refusal::new(key).status(409).into()
}

/// What a person added to a command.
#[derive(Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub outcome: Option<&'a str>,
    pub opinion: Option<&'a str>,
}

/// The outcome of the decision that was taken last: a matter without a certificate is granted by it. What later tasks said,
/// such as a hand-over, decides nothing.
fn decided<'p>(matter: &Matter, p: &'p process::State) -> Option<&'p str> {
    let decides = |w: &&process::Work| {
        let node = matter.process.nodes.get(&w.node);
        w.status == process::WorkStatus::Done
            && w.adds.is_none()
            && node.is_some_and(|n| n.hint("kind") == "decide")
    };
    p.work.iter().rev().find(decides)?.outcome.as_deref()
}

/// One command: engine step, effects on rows, the case itself saved. Returns the ids of the work rows it wrote; the
/// caller emits the fact over them with [`touched`].
pub(crate) fn run(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &mut Case,
    command: Command,
    said: Said<'_>,
) -> Result<Vec<String>> {
    let matter = matter_of(ctx, case)?;
    let mut engine = case.process.take().unwrap_or_default();
    let effects = engine
        .step(&matter.process, command, matter.as_ref())
        .map_err(refused)?;
    case.process = Some(engine);
    for effect in &effects {
        apply(ctx, tx, case, &matter, effect, said)?;
    }
    set_due(ctx, case)?;
    store::save(ctx, tx, case)?;
    case.version += 1;
    let mut rows: Vec<String> = effects
        .iter()
        .filter_map(|e| match e {
            Effect::Opened { work, .. }
            | Effect::Closed { work }
            | Effect::Cancelled { work }
            | Effect::Held { work }
            | Effect::Released { work }
            | Effect::Assigned { work, .. }
            | Effect::Urged { work } => Some(work_id(case, *work)),
            _ => None,
        })
        .collect();
    rows.sort();
    rows.dedup();
    Ok(rows)
}

/// The fact covers the case and every work row that the command wrote.
pub(crate) fn touched(fact: Fact, case: &Case, rows: &[String]) -> Fact {
    rows.iter().fold(fact.touch(&crate::CASE, &case.id), |f, id| {
        f.touch(&crate::WORK, id)
    })
}

/// Writes the due date that the clock gives today; provisional beyond the end of the holiday table.
pub(crate) fn set_due(ctx: &Ctx, case: &mut Case) -> Result<()> {
    let holidays = clock::table(ctx)?;
    match case.clock.as_ref().and_then(|c| c.due(&holidays.0)) {
        Some(due) => {
            case.due_on = Some(due.date.to_string());
            case.provisional = due.provisional;
        }
        None if case.clock.is_some() && !case.ended() => case.due_on = None,
        None => {}
    }
    Ok(())
}

fn work_id(case: &Case, work: u32) -> String {
    format!("{}:{work}", case.id)
}

fn apply(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &mut Case,
    matter: &Matter,
    effect: &Effect,
    said: Said<'_>,
) -> Result<()> {
    match effect {
        Effect::Opened { work, node } => open(ctx, tx, case, matter, *work, node),
        Effect::Closed { work } => {
            let post = ctx.actor.grants.first().map(|g| g.post.clone());
            let closing = store::Closing {
                status: "done",
                outcome: said.outcome,
                opinion: said.opinion,
                actor: Some(&ctx.actor.id),
                post: post.as_deref(),
                at: ctx.now(),
            };
            Ok(store::close_work(ctx, tx, &work_id(case, *work), &closing)?)
        }
        Effect::Cancelled { work } => {
            let closing = store::Closing {
                status: "cancelled",
                outcome: None,
                opinion: None,
                actor: None,
                post: None,
                at: ctx.now(),
            };
            Ok(store::close_work(ctx, tx, &work_id(case, *work), &closing)?)
        }
        Effect::TimerSet { work, timer, due } => {
            let at = instant(ctx, case, due)?;
            let payload = json!({ "case": case.id, "work": work, "timer": timer });
            Ok(job::enqueue(
                tx,
                ctx,
                TIMER,
                &timer_key(case, *work, timer),
                at,
                payload,
            )?)
        }
        Effect::TimerCancelled { work, timer } => Ok(job::cancel(tx, TIMER, &timer_key(case, *work, timer))?),
        Effect::Perform { effect, .. } => perform(ctx, tx, case, matter, effect),
        Effect::Suspended => {
            if let Some(c) = &mut case.clock {
                c.stop(ctx.today());
            }
            let correcting = case.process.as_ref().is_some_and(|p| p.correcting);
            case.state = if correcting {
                state::CORRECTING
            } else {
                state::SUSPENDED
            }
            .into();
            Ok(())
        }
        Effect::Resumed => {
            if let Some(c) = &mut case.clock {
                c.go_on(ctx.today());
            }
            case.state = if case.accepted_at.is_some() {
                state::HANDLING
            } else {
                state::SUBMITTED
            }
            .into();
            Ok(())
        }
        Effect::Ended { node } => {
            let withdrawn = node == state::WITHDRAWN;
            let granted = !withdrawn
                && case.process.as_ref().is_some_and(|p| {
                    decided(matter, p) == Some("grant") || p.visited.iter().any(|n| issues(matter, n))
                });
            case.state = if withdrawn {
                state::WITHDRAWN
            } else if granted {
                state::GRANTED
            } else {
                state::REFUSED
            }
            .into();
            case.ended_at = Some(ctx.now());
            let due = case.due_on.clone();
            case.on_time = due.filter(|_| !withdrawn).map(|d| ctx.today().to_string() <= d);
            Ok(())
        }
        Effect::Held { work } => Ok(store::set_work(tx, &work_id(case, *work), "held")?),
        Effect::Released { work } => Ok(store::set_work(tx, &work_id(case, *work), "open")?),
        Effect::Assigned { work, to } => {
            let on_behalf = case
                .process
                .as_ref()
                .and_then(|p| p.work(*work))
                .and_then(|w| w.on_behalf.clone());
            if let Some(o) = identity::api::official(ctx, tx, to)? {
                takes_part(tx, case, &o.org_path)?;
            }
            Ok(store::assign_work(tx, &work_id(case, *work), to, on_behalf)?)
        }
        Effect::Urged { work } => Ok(store::urge_work(tx, &work_id(case, *work))?),
        Effect::Extended { working_days } => {
            if let Some(c) = &mut case.clock {
                c.extension += working_days;
            }
            Ok(())
        }
        Effect::Send { message, .. } => {
            let fact = Fact::new("cases.case.notified", &case.id).payload(json!({ "what": message }));
            ctx.emit(tx, fact)?;
            Ok(())
        }
        Effect::Decided { .. } | Effect::Remind { .. } => Ok(()),
    }
}

/// An organisation that has work in a case may read it from then on.
fn takes_part(tx: &mut Tx<'_>, case: &mut Case, org_path: &str) -> Result<()> {
    if !case.org_paths.iter().any(|p| p == org_path) {
        store::take_part(tx, &case.id, org_path)?;
        case.org_paths.push(org_path.to_string());
    }
    Ok(())
}

/// A procedure whose days do not count (特别程序), from the pack's `acceptance.special`.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Special {
    pub id: String,
    pub title: String,
    pub max_days: u32,
}

/// The special procedures that the city knows, titles in the reader's language.
pub(crate) fn specials(ctx: &Ctx) -> Vec<Special> {
    let list = ctx.app.city["acceptance"]["special"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    list.iter()
        .filter_map(|s| {
            let title = match (ctx.locale, s["title_en"].as_str()) {
                (kernel::Locale::En, Some(en)) => en,
                _ => s["title"].as_str()?,
            };
            Some(Special {
                id: s["id"].as_str()?.to_string(),
                title: title.to_string(),
                max_days: s["max_days"].as_u64().unwrap_or(30) as u32,
            })
        })
        .collect()
}

/// The last due day that has this light today: `red` before today, `yellow` up to the pack's threshold; else no limit.
pub(crate) fn due_by(ctx: &Ctx, light: &str) -> Result<Option<String>> {
    let today = ctx.today();
    Ok(match light {
        "red" => Some(today.yesterday().unwrap_or(today).to_string()),
        "yellow" => {
            let days = ctx.app.city["lights"]["yellow_at_remaining"]
                .as_u64()
                .unwrap_or(2) as u32;
            let day = clock::table(ctx)?.0.add_working_days(today, days).date;
            Some(day.to_string())
        }
        _ => None,
    })
}

/// Working days by which the decision may be put off, once; ten when the pack says nothing.
pub(crate) fn extension_days(ctx: &Ctx) -> u32 {
    ctx.app.city["acceptance"]["extension_days"]
        .as_u64()
        .map_or(10, |d| d as u32)
}

fn issues(matter: &Matter, node: &str) -> bool {
    matter
        .process
        .nodes
        .get(node)
        .is_some_and(|n| matches!(&n.kind, process::NodeKind::Service(e) if e.starts_with("issue:")))
}

fn timer_key(case: &Case, work: u32, timer: &str) -> String {
    format!("{}:{work}:{timer}", case.id)
}

/// When a timer of the model falls due, in UTC milliseconds. A date may stand in one of the case's variables.
fn instant(ctx: &Ctx, case: &Case, due: &process::Due) -> Result<i64> {
    match due {
        process::Due::WorkingDays(days) => {
            let day = clock::table(ctx)?.0.add_working_days(ctx.today(), *days).date;
            Ok(morning(ctx, day))
        }
        process::Due::After(ms) => Ok(ctx.now().saturating_add(*ms)),
        process::Due::Date(text) => {
            let variable = case
                .process
                .as_ref()
                .and_then(|p| p.variables[text.as_str()].as_str());
            let written = variable.unwrap_or(text);
            if let Ok(at) = written.parse::<jiff::Timestamp>() {
                return Ok(at.as_millisecond());
            }
            let day = written.parse::<jiff::civil::Date>().map_err(|_| {
                Fault::new(format!(
                    "a timer is due on `{text}`, which is no date and no variable with one"
                ))
            })?;
            Ok(morning(ctx, day))
        }
    }
}

/// Nine in the morning of a legal day, in UTC milliseconds.
fn morning(ctx: &Ctx, day: jiff::civil::Date) -> i64 {
    let zone = jiff::tz::TimeZone::get(ctx.app.city["zone"].as_str().unwrap_or("Asia/Shanghai"))
        .unwrap_or(jiff::tz::TimeZone::UTC);
    zone.to_timestamp(day.at(9, 0, 0, 0))
        .map_or(ctx.now(), |t| t.as_millisecond())
}

fn open(ctx: &Ctx, tx: &mut Tx<'_>, case: &mut Case, matter: &Matter, work: u32, node: &str) -> Result<()> {
    let n = matter
        .process
        .nodes
        .get(node)
        .ok_or_else(|| Fault::new(format!("no node {node}")))?;
    let engine = case.process.as_ref().and_then(|p| p.work(work)).cloned();
    let adds = engine.as_ref().and_then(|w| w.adds);
    // An instance of many about an organisation is that organisation's work.
    let item = engine
        .as_ref()
        .and_then(|w| w.item.as_str())
        .filter(|_| n.multi.is_some());
    let about = match item {
        Some(id) => identity::api::organisation(tx, id)?,
        None => None,
    };
    let signer = match engine.as_ref().and_then(|w| w.assignee.as_deref()) {
        Some(account) => identity::api::official(ctx, tx, account)?,
        None => None,
    };
    let org_path = match (signer, about, n.hint("org")) {
        (Some(o), _, _) => o.org_path,
        (None, Some(o), _) => o.path,
        (None, None, "") => case.org_path.clone(),
        (None, None, id) => {
            let org = identity::api::organisation(tx, id)?;
            org.ok_or_else(|| Fault::new(format!("task {node}: organisation {id} is unknown")))?
                .path
        }
    };
    takes_part(tx, case, &org_path)?;
    // Back at the acceptance, its clock runs on.
    if n.hint("kind") == "accept" && adds.is_none() && case.accepted_at.take().is_some() {
        case.state = state::SUBMITTED.into();
        case.clock = case.clock.take().map(CaseClock::back);
    }
    let limit = n.hint("limit").parse::<u32>().ok();
    let due = match limit {
        Some(days) => Some(
            clock::table(ctx)?
                .0
                .add_working_days(ctx.today(), days)
                .date
                .to_string(),
        ),
        None => None,
    };
    let row = WorkRow {
        id: work_id(case, work),
        case_id: case.id.clone(),
        work,
        node: node.into(),
        kind: if adds.is_some() { "sign" } else { n.hint("kind") }.into(),
        role: n.hint("role").into(),
        org_path,
        status: "open".into(),
        outcome: None,
        opinion: None,
        actor: None,
        post: None,
        opened_at: ctx.now(),
        closed_at: None,
        due_on: due,
        round: engine.as_ref().map_or(1, |w| i64::from(w.round)),
        assignee: engine.as_ref().and_then(|w| w.assignee.clone()),
        on_behalf: None,
        adds,
        urged: 0,
    };
    Ok(store::insert_work(tx, &row, &case.area_code)?)
}

/// A service task: `issue:<certificate type>` orders a certificate; `notify:<what>` is shown to the applicant.
fn perform(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter, effect: &str) -> Result<()> {
    match effect.split_once(':') {
        Some(("issue", kind)) => {
            // A certificate prints the words of a choice, not its code.
            let mut printed = case.form.clone();
            for f in &matter.form.fields {
                if let (form::Kind::Choice(_), Some(v)) = (&f.kind, case.form.get(&f.name)) {
                    printed.insert(f.name.clone(), f.shown(v, false).into());
                }
            }
            let order = documents::api::Order {
                kind,
                case: &case.id,
                number: case.number.as_deref().unwrap_or_default(),
                holder: &case.applicant,
                organisation: &case.organisation,
                area_code: &case.area_code,
                form: &Json::Object(printed),
            };
            documents::api::order(ctx, tx, &order).map(|_| ())
        }
        Some(("notify", what)) => {
            let fact = Fact::new("cases.case.notified", &case.id).payload(json!({ "what": what }));
            ctx.emit(tx, fact)?;
            Ok(())
        }
        _ => Err(Fault::new(format!("service task with unknown effect `{effect}`")).into()),
    }
}

/// Job: a boundary timer is due. A timer that no longer stands (work done meanwhile) does nothing.
pub(crate) async fn fire(ctx: Ctx, payload: Json) -> Result<()> {
    let text = |k: &str| payload[k].as_str().unwrap_or_default().to_string();
    let (id, timer) = (text("case"), text("timer"));
    let work = payload["work"].as_u64().unwrap_or(0) as u32;
    ctx.tx("cases.fire-timer", |tx| {
        tx.lock(&format!("case:{id}"))?;
        let Some(mut case) = store::load(&ctx, tx, &id)? else {
            return Ok(());
        };
        let standing = case
            .process
            .as_ref()
            .is_some_and(|p| p.timers.contains(&(work, timer.clone())));
        if !standing {
            return Ok(());
        }
        let before = case.state.clone();
        let command = Command::Fire {
            work,
            timer: timer.clone(),
            at: ctx.now(),
        };
        let rows = run(&ctx, tx, &mut case, command, Said::default())?;
        let matter = matter_of(&ctx, &case)?;
        let node = case
            .process
            .as_ref()
            .and_then(|p| p.work(work))
            .map_or_else(|| timer.clone(), |w| w.node.clone());
        // A timer that only reminds has no way out of its own.
        let moves = matter
            .process
            .nodes
            .get(&timer)
            .is_some_and(|n| !n.outgoing.is_empty());
        let (kind, payload) = if timer == process::SPECIAL {
            ("cases.case.resumed", json!({}))
        } else if moves {
            ("cases.case.timed-out", json!({ "node": node, "timer": timer }))
        } else {
            ("cases.case.reminded", json!({ "node": node, "timer": timer }))
        };
        let fact = Fact::new(kind, &case.id).payload(payload);
        ctx.emit(tx, touched(fact, &case, &rows))?;
        if case.ended() && before != case.state {
            super::service::ended(&ctx, tx, &case)?;
        }
        Ok(())
    })
    .await
}

/// Starts the acceptance clock on the day of submission or of the answered correction.
pub(crate) fn begin_acceptance(ctx: &Ctx, case: &mut Case, matter: &Matter) {
    case.clock = Some(CaseClock::begin(
        "acceptance",
        ctx.today(),
        matter.acceptance_days,
    ));
}

/// Starts the decision clock on the day of acceptance.
pub(crate) fn begin_decision(ctx: &Ctx, case: &mut Case, matter: &Matter) {
    let before = case.clock.take();
    case.clock = Some(CaseClock::begin("decision", ctx.today(), matter.promised_days).after(before));
}
