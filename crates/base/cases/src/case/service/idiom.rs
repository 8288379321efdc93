//! What the administration does to a case beside its process. The engine carries the commands out; here stands who may,
//! what is written down, and what the clock does.

use super::{Held, handled, holding, own, reason};
use crate::case::model::{Case, MaterialRow};
use crate::case::runtime::{self, Said, matter_of};
use crate::case::{materials, store};
use identity::api::Official;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use process::{Command, Order};
use serde_json::{Value as Json, json};

/// Names that one command may ask at once.
const SIGNERS: usize = 10;

/// A work item on the page an official sees.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub case: &'a str,
    pub version: i64,
    pub work: u32,
}

/// To whom a work item may be given, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Giving {
    /// 转办: to a colleague with the same role here; it is theirs from then on.
    Transfer,
    /// 委托: to somebody of the same office, who acts in the own name's stead.
    Delegate,
    /// 加签, 会签: anybody who may sign.
    Sign,
}

/// Officials to whom the item may be given, by organisation; the actor and parties to the case are not among them.
pub(crate) fn candidates(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    given: Given<'_>,
    giving: Giving,
) -> Result<Vec<Official>> {
    let Held { case, row, .. } = holding(ctx, tx, given.case, given.version, given.work)?;
    let mut out = Vec::new();
    for o in identity::api::officials(ctx, tx)? {
        if o.actor != ctx.actor.id && suits(ctx, &case, &row.role, &row.org_path, &o, giving) {
            out.push(o);
        }
    }
    Ok(out)
}

fn suits(ctx: &Ctx, case: &Case, role: &str, org_path: &str, o: &Official, giving: Giving) -> bool {
    if case.resource().owners.contains(&o.subject) {
        return false;
    }
    let mut theirs = ctx.clone();
    theirs.actor.id = o.actor.clone();
    theirs.actor.subject = Some(o.subject.clone());
    theirs.actor.on_behalf = None;
    theirs.actor.grants = o.grants.clone();
    match giving {
        Giving::Transfer => super::may_work(&theirs, role, org_path, &case.area_code),
        Giving::Delegate => o
            .grants
            .iter()
            .any(|g| g.org_path.starts_with(org_path) || org_path.starts_with(&g.org_path)),
        Giving::Sign => {
            // They take part from then on; the policies decide as if they already did.
            let mut resource = case.resource();
            resource.org_paths.push(o.org_path.clone());
            resource.area_code = o.area_code.clone();
            theirs.may("cases.case.sign", &resource).is_ok()
        }
    }
}

/// The officials of these account ids, each of whom must suit.
fn chosen(ctx: &Ctx, tx: &mut Tx<'_>, held: &Held, to: &[String], giving: Giving) -> Result<Vec<Official>> {
    let mut out: Vec<Official> = Vec::new();
    for id in to.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
        let o = identity::api::official(ctx, tx, id)?;
        let (case, row) = (&held.case, &held.row);
        let o = o.filter(|o| *id != ctx.actor.id && suits(ctx, case, &row.role, &row.org_path, o, giving));
        let o = o.ok_or_else(|| {
            Refusal::new("cases-not-a-candidate").field("to", ctx.t("cases-not-a-candidate", &[]))
        })?;
        if !out.contains(&o) {
            out.push(o);
        }
    }
    if out.is_empty() || out.len() > SIGNERS {
        return Err(Refusal::new("cases-nobody")
            .field("to", ctx.t("cases-nobody", &[]))
            .into());
    }
    Ok(out)
}

/// Runs a command and emits one fact over the case and the work rows it wrote.
fn carry_out(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &mut Case,
    command: Command,
    kind: &'static str,
    payload: Json,
) -> Result<()> {
    let rows = runtime::run(ctx, tx, case, command, Said::default())?;
    let fact = Fact::new(kind, &case.id).payload(payload);
    ctx.emit(tx, runtime::touched(fact, case, &rows))?;
    super::ended(ctx, tx, case)
}

/// What was said with a command: kept sealed in a row of its own, since opinions may name people; the fact holds its hash.
fn carry_out_with_note(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    held: &mut Held,
    command: Command,
    (kind, outcome): (&'static str, &'static str),
    payload: Json,
    opinion: &str,
) -> Result<()> {
    let rows = runtime::run(ctx, tx, &mut held.case, command, Said::default())?;
    let mut fact = Fact::new(kind, &held.case.id).payload(payload);
    if !opinion.is_empty() {
        let note = store::insert_note(ctx, tx, &held.case, &held.row, outcome, opinion)?;
        fact = fact.touch(&crate::WORK, note);
    }
    ctx.emit(tx, runtime::touched(fact, &held.case, &rows))?;
    Ok(())
}

fn node_of(held: &Held) -> String {
    held.row.node.clone()
}

/// 加签 (before, after) and 会签 (beside): others sign too.
pub(crate) async fn sign(ctx: &Ctx, given: Given<'_>, to: &[String], order: Order, why: &str) -> Result<()> {
    let why = reason(why, ctx)?;
    ctx.tx("cases.sign", |tx| {
        let mut held = holding(ctx, tx, given.case, given.version, given.work)?;
        let to = chosen(ctx, tx, &held, to, Giving::Sign)?;
        let who: Vec<&str> = to.iter().map(|o| o.title.as_str()).collect();
        let order_name = match order {
            Order::Before => "before",
            Order::Beside => "beside",
            Order::After => "after",
        };
        let payload = json!({ "node": node_of(&held), "order": order_name, "posts": who });
        let command = Command::AddSign {
            work: given.work,
            to: to.iter().map(|o| o.actor.clone()).collect(),
            order,
            at: ctx.now(),
        };
        carry_out_with_note(
            ctx,
            tx,
            &mut held,
            command,
            ("cases.case.signatures-asked", "asked"),
            payload,
            why,
        )
    })
    .await
}

/// 转办 and 委托: somebody else does it, in the own name or in that of the giver.
pub(crate) async fn assign(ctx: &Ctx, given: Given<'_>, to: &str, giving: Giving, why: &str) -> Result<()> {
    let why = reason(why, ctx)?;
    ctx.tx("cases.assign", |tx| {
        let mut held = holding(ctx, tx, given.case, given.version, given.work)?;
        let to = chosen(ctx, tx, &held, &[to.to_string()], giving)?.remove(0);
        let payload = json!({ "node": node_of(&held), "post": to.title });
        let (command, kinds) = match giving {
            Giving::Delegate => (
                Command::Delegate {
                    work: given.work,
                    to: to.actor,
                    by: held.row.on_behalf.clone().unwrap_or_else(|| ctx.actor.id.clone()),
                },
                ("cases.case.delegated", "delegated"),
            ),
            _ => (
                Command::Transfer {
                    work: given.work,
                    to: to.actor,
                },
                ("cases.case.transferred", "transferred"),
            ),
        };
        carry_out_with_note(ctx, tx, &mut held, command, kinds, payload, why)
    })
    .await
}

/// 撤回: an official takes the own finished task back while nobody behind it has acted.
pub(crate) async fn recall(ctx: &Ctx, given: Given<'_>) -> Result<()> {
    ctx.tx("cases.recall", |tx| {
        let mut case = handled(ctx, tx, given.case, given.version, "cases.case.read")?;
        let row = store::works(ctx, tx, given.case)?
            .into_iter()
            .find(|w| w.work == given.work && w.kind != "note");
        let row = row.ok_or_else(Refusal::not_found)?;
        let command = Command::Recall {
            work: given.work,
            by: ctx.actor.id.clone(),
            at: ctx.now(),
        };
        carry_out(
            ctx,
            tx,
            &mut case,
            command,
            "cases.case.recalled",
            json!({ "node": row.node }),
        )
    })
    .await
}

/// 催办: the applicant, or an official who watches over the case, reminds those who have it. An applicant once a day.
pub(crate) async fn urge(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("cases.urge", |tx| {
        let official = ctx.actor.is_official();
        let mut case = if official {
            tx.lock(&format!("case:{id}"))?;
            let case = super::readable(ctx, tx, id)?;
            ctx.may("cases.case.urge", &case.resource())?;
            case
        } else {
            own(ctx, tx, id, "cases.case.urge")?
        };
        let today = ctx.today();
        if !official && case.urged_at.is_some_and(|at| ctx.date_of(at) == today) {
            return Err(Refusal::new("cases-urged-today").status(409).into());
        }
        let open: Vec<(u32, String)> = match &case.process {
            Some(p) if !p.correcting => p.open().map(|w| (w.id, w.node.clone())).collect(),
            _ => Vec::new(),
        };
        if open.is_empty() {
            return Err(Refusal::new("cases-nothing-to-urge").status(409).into());
        }
        if !official {
            case.urged_at = Some(ctx.now());
        }
        let mut rows = Vec::new();
        for (work, _) in &open {
            rows.extend(runtime::run(
                ctx,
                tx,
                &mut case,
                Command::Urge { work: *work },
                Said::default(),
            )?);
        }
        let fact =
            Fact::new("cases.case.urged", id).payload(json!({ "node": open[0].1, "by_official": official }));
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        Ok(())
    })
    .await
}

/// 容缺受理: the clerk lets the case go on without these minor materials. Which the matter allows, and the applicant asked for.
pub(crate) async fn let_through(ctx: &Ctx, given: Given<'_>, items: &[String]) -> Result<()> {
    ctx.tx("cases.let-through", |tx| {
        let Held { mut case, row, .. } = holding(ctx, tx, given.case, given.version, given.work)?;
        let matter = matter_of(ctx, &case)?;
        for i in items {
            if !matter.material(i).is_some_and(|m| m.gap) || !case.waived.gaps.contains(i) {
                return Err(Refusal::new("cases-no-gap").status(409).into());
            }
        }
        let command = Command::Gap {
            work: given.work,
            items: items.to_vec(),
        };
        let payload = json!({ "node": row.node, "materials": items });
        carry_out(ctx, tx, &mut case, command, "cases.case.let-through", payload)
    })
    .await
}

/// A material that follows: one that was let through as missing, or one the applicant adds of their own accord.
pub(crate) async fn supply(ctx: &Ctx, id: &str, material: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let (row, content) = materials::stored(ctx, material, name, bytes).await?;
    ctx.tx("cases.supply", |tx| supplied(ctx, tx, id, &row, &content))
        .await
}

fn supplied(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, row: &MaterialRow, content: &[u8]) -> Result<()> {
    let mut case = own(ctx, tx, id, "cases.case.apply")?;
    if case.ended() || case.process.is_none() {
        return Err(Refusal::new("cases-not-supplementable").status(409).into());
    }
    if case.editable() {
        // A correction is answered with the whole form.
        return Err(Refusal::new("cases-answer-the-correction").status(409).into());
    }
    if !materials::keep(ctx, tx, &case, row, content)? {
        return Ok(());
    }
    let missing = case
        .process
        .as_ref()
        .is_some_and(|p| p.gaps.contains(&row.material));
    let fact = Fact::new("cases.material.supplemented", id)
        .payload(json!({ "material": row.material, "sha256": row.sha256, "was_missing": missing }))
        .touch(&crate::MATERIAL, &row.id);
    case.waived.keep(|m| m != row.material);
    let rows = if missing {
        let items = vec![row.material.clone()];
        runtime::run(ctx, tx, &mut case, Command::Supply { items }, Said::default())?
    } else {
        store::save(ctx, tx, &case)?;
        Vec::new()
    };
    ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
    Ok(())
}

/// 特别程序: hearing, inspection, expert review. Its days do not count; the clock goes on after them at the latest.
pub(crate) async fn special(
    ctx: &Ctx,
    id: &str,
    version: i64,
    name: &str,
    days: u32,
    why: &str,
) -> Result<()> {
    let why = reason(why, ctx)?;
    ctx.tx("cases.special", |tx| {
        let mut case = handled(ctx, tx, id, version, "cases.case.suspend")?;
        let known = runtime::specials(ctx).into_iter().find(|s| s.id == name);
        let known = known.ok_or_else(|| {
            Refusal::new("cases-special-unknown").field("name", ctx.t("cases-special-unknown", &[]))
        })?;
        if days == 0 || days > known.max_days {
            let max = known.max_days.to_string();
            return Err(Refusal::new("cases-special-days")
                .arg("max", &max)
                .field("days", ctx.t("cases-special-days", &[("max", &max)]))
                .into());
        }
        let command = Command::Special {
            name: known.title.clone(),
            working_days: days,
            at: ctx.now(),
        };
        let note = store::insert_case_note(ctx, tx, &case, "special", why)?;
        let rows = runtime::run(ctx, tx, &mut case, command, Said::default())?;
        let fact = Fact::new("cases.case.special-procedure", id)
            .payload(json!({ "procedure": known.title, "working_days": days, "note": note }))
            .touch(&crate::WORK, note);
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        Ok(())
    })
    .await
}

/// 延长: the time limit, once, by whoever answers for it, with the reason that the applicant is told.
pub(crate) async fn extend(ctx: &Ctx, id: &str, version: i64, days: u32, why: &str) -> Result<()> {
    let why = reason(why, ctx)?;
    ctx.tx("cases.extend", |tx| {
        let mut case = handled(ctx, tx, id, version, "cases.case.extend")?;
        if case.accepted_at.is_none() {
            return Err(Refusal::new("cases-extend-early").status(409).into());
        }
        let max = runtime::extension_days(ctx);
        if days == 0 || days > max {
            let max = max.to_string();
            return Err(Refusal::new("cases-extend-days")
                .arg("max", &max)
                .field("days", ctx.t("cases-extend-days", &[("max", &max)]))
                .into());
        }
        let note = store::insert_case_note(ctx, tx, &case, "extended", why)?;
        let rows = runtime::run(
            ctx,
            tx,
            &mut case,
            Command::Extend { working_days: days },
            Said::default(),
        )?;
        let fact = Fact::new("cases.case.extended", id)
            .payload(json!({ "working_days": days, "due_on": case.due_on, "note": note }))
            .touch(&crate::WORK, note);
        ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        Ok(())
    })
    .await
}

/// A message that the process waits for has come in: a payment, a report of another office.
pub(crate) async fn message(ctx: &Ctx, id: &str, version: i64, name: &str, variables: Json) -> Result<()> {
    ctx.tx("cases.message", |tx| {
        let mut case = handled(ctx, tx, id, version, "cases.case.inform")?;
        let command = Command::Message {
            name: name.to_string(),
            variables: variables.clone(),
            at: ctx.now(),
        };
        carry_out(
            ctx,
            tx,
            &mut case,
            command,
            "cases.case.informed",
            json!({ "message": name }),
        )
    })
    .await
}

/// An official reports what the model foresees as an error at this task.
pub(crate) async fn raise(ctx: &Ctx, given: Given<'_>, error: &str, why: &str) -> Result<()> {
    let why = reason(why, ctx)?;
    ctx.tx("cases.raise", |tx| {
        let mut held = holding(ctx, tx, given.case, given.version, given.work)?;
        let matter = matter_of(ctx, &held.case)?;
        if !matter
            .process
            .errors_at(&held.row.node)
            .iter()
            .any(|(code, _)| *code == error)
        {
            return Err(Refusal::new("cases-outcome").status(409).into());
        }
        let command = Command::Raise {
            work: given.work,
            error: error.to_string(),
            by: ctx.actor.id.clone(),
            at: ctx.now(),
        };
        let payload = json!({ "node": node_of(&held), "error": error });
        carry_out_with_note(
            ctx,
            tx,
            &mut held,
            command,
            ("cases.case.error-raised", "raised"),
            payload,
            why,
        )?;
        super::ended(ctx, tx, &held.case)
    })
    .await
}
