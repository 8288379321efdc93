//! What officials do with a work item in the ordinary course: finish it, ask for a correction, send back, stop the clock.

use super::{Held, ended, handled, holding};
use crate::case::model::{Case, WorkRow, state};
use crate::case::runtime::{self, Said, matter_of};
use crate::case::store;
use crate::catalogue::Matter;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use process::Command;
use serde_json::json;

/// Working days that the applicant has to answer a correction notice, when the pack says nothing.
const ANSWER_DAYS: u32 = 30;

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
        let Held { mut case, row, .. } = holding(ctx, tx, f.case, f.version, f.work)?;
        let agrees = ["agree", "grant", "done"].contains(&f.outcome);
        if row.kind != "accept" && opinion.is_empty() && !agrees {
            return Err(Refusal::new("cases-opinion-needed")
                .field("opinion", ctx.t("cases-opinion-needed", &[]))
                .into());
        }
        let matter = matter_of(ctx, &case)?;
        distinct(ctx, tx, &case, &matter, &row)?;
        if row.kind == "accept" && row.adds.is_none() {
            // What the applicant asked to hand in later is decided with the acceptance.
            let undecided = |p: &process::State| case.waived.gaps.iter().any(|g| !p.gaps.contains(g));
            if f.outcome == "done" && case.process.as_ref().is_some_and(undecided) {
                return Err(Refusal::new("cases-gaps-undecided").status(409).into());
            }
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
        if let Some(principal) = &row.on_behalf {
            store::note_on_behalf(tx, &row.id, principal)?;
        }
        let kind = match row.kind.as_str() {
            "accept" => "cases.case.accepted",
            "decide" => "cases.case.decided",
            "sign" => "cases.case.signed",
            _ => "cases.case.reviewed",
        };
        let mut payload = json!({ "node": row.node, "outcome": f.outcome, "work": f.work,
            "round": row.round, "in_the_name_of": row.on_behalf });
        if row.kind == "accept" {
            // What the notice of acceptance says and later steps may change.
            payload["due_on"] = json!(case.due_on);
            payload["gaps"] = json!(case.process.as_ref().map(|p| &p.gaps));
            payload["promised"] = json!(case.waived.promised);
        }
        let fact = Fact::new(kind, &case.id).payload(payload);
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        ended(ctx, tx, &case)
    })
    .await
}

/// Where many are asked to sign (会签) without a list of offices, each of them is another person.
fn distinct(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter, row: &WorkRow) -> Result<()> {
    let many = matter
        .process
        .nodes
        .get(&row.node)
        .is_some_and(|n| n.multi.is_some());
    if !many || row.adds.is_some() {
        return Ok(());
    }
    let mine = |w: &WorkRow| {
        w.node == row.node
            && w.round == row.round
            && w.org_path == row.org_path
            && w.status == "done"
            && w.adds.is_none()
            && w.actor.as_deref() == Some(ctx.actor.id.as_str())
    };
    if store::works(ctx, tx, &case.id)?.iter().any(mine) {
        return Err(Refusal::new("cases-signed-already").status(409).into());
    }
    Ok(())
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
        let Held {
            mut case, mandate, ..
        } = holding(ctx, tx, id, version, work)?;
        mandate.may("cases.case.accept", &case.resource())?;
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
        let Held { mut case, row, .. } = holding(ctx, tx, id, version, from)?;
        let works = store::works(ctx, tx, id)?;
        let rows = runtime::run(
            ctx,
            tx,
            &mut case,
            Command::SendBack {
                from,
                to,
                at: ctx.now(),
            },
            Said::default(),
        )?;
        let target = works.iter().find(|w| w.work == to).map(|w| w.node.clone());
        let note = store::insert_note(ctx, tx, &case, &row, "sent-back", opinion)?;
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
        let mut note = None;
        let (command, kind, mut payload) = match reason {
            Some(r) if r.trim().is_empty() => return Err(Refusal::new("cases-reason-needed").into()),
            Some(r) => {
                let reason: String = r.trim().chars().take(200).collect();
                note = Some(store::insert_case_note(ctx, tx, &case, "suspended", &reason)?);
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
        payload["note"] = json!(note);
        let fact = Fact::new(kind, id).payload(payload);
        let fact = note.iter().fold(fact, |f, n| f.touch(&crate::WORK, n));
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        Ok(())
    })
    .await
}
