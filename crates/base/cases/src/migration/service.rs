//! The verbs of migration.

use super::store;
use crate::case::model::Case;
use crate::case::service::{owns, said, wrongs};
use crate::case::{runtime, store as cases, view};
use crate::catalogue::{Catalogue, Matter};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use process::{State, Why};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const RUN: &str = "cases.migration.run";

/// A matter of which cases still run on earlier versions.
pub(crate) struct Behind {
    pub matter: Arc<Matter>,
    pub cases: i64,
}

/// Matters in scope with running cases on earlier versions.
pub(crate) fn behind(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Behind>> {
    let catalogue = ctx.service::<Catalogue>()?;
    let mut out: Vec<Behind> = Vec::new();
    for r in store::running(tx, &ctx.scope(RUN))? {
        // Nothing moves to a matter that is no longer offered.
        let Ok(matter) = catalogue.current(&r.get::<String>("matter")?) else {
            continue;
        };
        if r.get::<i64>("matter_version")? >= matter.version {
            continue;
        }
        let n: i64 = r.get("n")?;
        match out.iter_mut().find(|b| b.matter.id == matter.id) {
            Some(b) => b.cases += n,
            None => out.push(Behind { matter, cases: n }),
        }
    }
    Ok(out)
}

/// Running cases on earlier versions, each with what stands against its moving.
pub(crate) fn preview(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    to: &Matter,
    limit: u32,
    skip: u32,
) -> Result<Vec<(Case, Vec<String>)>> {
    let mut out = Vec::new();
    for id in store::older(tx, &ctx.scope(RUN), &to.id, to.version, limit, skip)? {
        if let Some(case) = cases::load(ctx, tx, &id)? {
            let against = match plan(ctx, &case, to)? {
                Ok(_) => Vec::new(),
                Err(why) => why,
            };
            out.push((case, against));
        }
    }
    Ok(out)
}

/// The case's state in the new version, or in words why it stays.
fn plan(ctx: &Ctx, case: &Case, to: &Matter) -> Result<std::result::Result<State, Vec<String>>> {
    let from = runtime::matter_of(ctx, case)?;
    let state = case.process.clone().unwrap_or_default();
    let moved = from.process.migrate(&state, &to.process, &BTreeMap::new());
    let mut against: Vec<String> = Vec::new();
    if owns(ctx, case) {
        against.push(ctx.t("cases-own-case", &[]));
    }
    for o in moved.as_ref().err().into_iter().flatten() {
        let key = match o.why {
            Why::NotRunning => "cases-migration-not-running",
            Why::Gone => "cases-migration-gone",
            Why::Kind => "cases-migration-kind",
            Why::Body => "cases-migration-body",
            Why::Join => "cases-migration-join",
            Why::Many => "cases-migration-many",
            Why::Event => "cases-migration-event",
            Why::Outcomes => "cases-migration-outcomes",
        };
        let known = from.process.nodes.contains_key(&o.node);
        let node = view::node_name(ctx, if known { &from } else { to }, &o.node);
        against.push(ctx.t(key, &[("node", &node)]));
    }
    // A form that was right must not become wrong under the applicant's hands.
    let before: BTreeSet<String> = wrongs(&from, &case.form).into_iter().map(|w| w.field).collect();
    for wrong in wrongs(to, &case.form) {
        if !before.contains(&wrong.field) {
            let (field, text) = said(ctx, &wrong);
            let label = to.form.fields.iter().find(|f| f.name == field);
            let label = label.map_or(field.clone(), |f| f.title.pick(view::english(ctx)).to_string());
            against.push(ctx.t("cases-migration-form", &[("field", &label), ("why", &text)]));
        }
    }
    Ok(match moved {
        Ok(state) if against.is_empty() => Ok(state),
        _ => Err(against),
    })
}

/// Moves one case to the version that the page showed. `Err` in the answer: it stays, and why.
pub(crate) async fn run(
    ctx: &Ctx,
    id: &str,
    version: i64,
    to: &Matter,
) -> Result<std::result::Result<(), Vec<String>>> {
    ctx.tx("cases.migrate", |tx| {
        tx.lock(&format!("case:{id}"))?;
        let mut case = cases::load(ctx, tx, id)?
            .filter(|c| c.matter == to.id && c.submitted_at.is_some())
            .ok_or_else(Refusal::not_found)?;
        ctx.may(RUN, &case.resource()).map_err(|_| Refusal::not_found())?;
        if case.version != version || case.matter_version >= to.version {
            return Err(Refusal::stale().into());
        }
        let state = match plan(ctx, &case, to)? {
            Ok(state) => state,
            Err(why) => return Ok(Err(why)),
        };
        let from = std::mem::replace(&mut case.matter_version, to.version);
        case.process = Some(state);
        cases::save(ctx, tx, &case)?;
        let fact = Fact::new("cases.case.migrated", id).payload(json!({ "from": from, "to": to.version }));
        ctx.emit(tx, fact.touch(&crate::CASE, id))?;
        Ok(Ok(()))
    })
    .await
}

/// Where a case stands, in words.
pub(crate) fn stands_at(ctx: &Ctx, case: &Case) -> Result<Json> {
    let matter = runtime::matter_of(ctx, case)?;
    let open = case.process.iter().flat_map(|p| p.open());
    let names: BTreeSet<String> = open.map(|w| view::node_name(ctx, &matter, &w.node)).collect();
    Ok(names.into_iter().collect())
}
