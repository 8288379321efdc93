//! Papers follow the facts: a consumer orders each with what it says as of the event, documents' job prints it. A crash
//! between the two, or before either, loses nothing: the fact stays and is followed later. Officials may correct one.

use super::model::{self, Plan};
use crate::case::model::Case;
use crate::case::runtime::matter_of;
use crate::case::service::readable;
use crate::case::store as cases;
use crate::catalogue::Matter;
use crate::delivery;
use documents::api::{Content, Item, Paper, PaperOrder, Served, day_in_words};
use kernel::fact::Recorded;
use kernel::{Ctx, Fact, Locale, Refusal, Result, Tx};
use serde_json::{Value as Json, json};

/// Lets an official issue a corrected paper.
pub(crate) const CORRECT: &str = "cases.paper.correct";

/// Consumer: an event that calls for a paper.
pub(crate) fn follow(ctx: &Ctx, tx: &mut Tx<'_>, f: &Recorded) -> Result<()> {
    let Some(case) = cases::load(ctx, tx, &f.subject)? else {
        return Ok(());
    };
    let Some(plan) = model::plan(&f.kind, &case) else {
        return Ok(());
    };
    let content = content(ctx, tx, &case, plan, f)?;
    let alone = format!("{}:{}", plan.kind, f.id);
    let order = PaperOrder {
        kind: plan.kind,
        case: &case.id,
        series: plan.series.unwrap_or(&alone),
        recipient: &case.applicant,
        organisation: &case.organisation,
        day: ctx.date_of(f.at),
        cause: &f.id,
        why: None,
        content,
    };
    documents::api::order_paper(ctx, tx, order)?;
    Ok(())
}

/// What a paper says. What moves on with the case (the due day, what may follow later) stands in the fact; everything else is
/// read from rows that this event wrote and no later one rewrites.
fn content(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, plan: Plan, f: &Recorded) -> Result<Content> {
    let matter = matter_of(ctx, case)?;
    let on = |at: Option<i64>| at.map(|at| day_in_words(&ctx.date_of(at).to_string()));
    let mut c = Content {
        applicant: applicant(ctx, tx, case)?,
        matter: matter.title.clone(),
        matter_kind: matter.kind.clone(),
        case_number: case.number.clone().unwrap_or_default(),
        submitted: on(case.submitted_at),
        accepted: on(case.accepted_at),
        due: f.payload["due_on"].as_str().map(day_in_words),
        ..Content::default()
    };
    match plan.kind {
        "received" => c.materials = received(ctx, tx, case, &matter, f)?,
        "accepted" => c.materials = waived(ctx, &matter, &f.payload),
        "correction" => {
            let asked = cases::correction(ctx, tx, &case.id)?.unwrap_or_default();
            c.items = serde_json::from_value(asked["items"].clone()).unwrap_or_default();
            c.answer_by = asked["answer_by"].as_str().map(day_in_words);
        }
        "special" | "suspended" | "extended" => {
            c.reason = note(ctx, tx, case, f.payload["note"].as_str())?;
            c.procedure = f.payload["procedure"].as_str().map(|p| procedure(ctx, p));
            c.days = f.payload["working_days"]
                .as_u64()
                .and_then(|d| u32::try_from(d).ok());
        }
        "granted" | "refused" | "not-accepted" => {
            c.basis = matter.basis.clone();
            c.reason = reason(ctx, tx, case, plan.kind)?;
            let certificates = documents::api::of_case(tx, &case.id)?;
            let titles: Vec<String> = certificates.into_iter().map(|c| c.title_zh).collect();
            c.certificate = (!titles.is_empty()).then(|| titles.join("》《"));
        }
        "served" => (c.items, c.served) = served(ctx, tx, case)?,
        _ => {}
    }
    Ok(c)
}

fn applicant(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<String> {
    let party = identity::api::party(ctx, tx, &case.applicant)?;
    let key = match party.as_ref().is_some_and(|p| p.kind == "natural") {
        true => "cases-paper-guardian",
        false => "cases-paper-agent",
    };
    let name = party.map(|p| p.name).unwrap_or_default();
    let agent = match &case.agent {
        Some(agent) => identity::api::party(ctx, tx, agent)?,
        None => None,
    };
    Ok(match agent {
        Some(agent) => name + &chinese(ctx, key, &[("agent", &agent.name)]),
        None => name,
    })
}

/// Materials that had come in by the event, one line each, and those that follow or are promised.
fn received(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, matter: &Matter, f: &Recorded) -> Result<Vec<Item>> {
    let have = cases::materials(ctx, tx, &case.id)?;
    let mut out = vec![Item {
        title: chinese(ctx, "cases-paper-form", &[]),
        note: chinese(ctx, "cases-paper-online", &[]),
    }];
    for m in &matter.materials {
        let n = have
            .iter()
            .filter(|h| h.material == m.id && h.created_at <= f.at)
            .count();
        if n > 0 {
            out.push(Item {
                title: m.title.clone(),
                note: chinese(ctx, "cases-paper-files", &[("n", &n.to_string())]),
            });
        }
    }
    out.extend(waived(ctx, matter, &f.payload));
    Ok(out)
}

/// Papers are Chinese, whoever reads them and whoever acted.
fn chinese(ctx: &Ctx, key: &str, args: &[(&str, &str)]) -> String {
    ctx.app.texts.get(Locale::Zh, key, args)
}

/// Materials that a fact names as following later (容缺) or promised (告知承诺).
fn waived(ctx: &Ctx, matter: &Matter, payload: &Json) -> Vec<Item> {
    let mut out = Vec::new();
    for (key, note) in [("gaps", "cases-paper-gap"), ("promised", "cases-paper-promised")] {
        let ids = payload[key].as_array().into_iter().flatten();
        out.extend(ids.filter_map(|id| matter.material(id.as_str()?)).map(|m| Item {
            title: m.title.clone(),
            note: chinese(ctx, note, &[]),
        }));
    }
    out
}

/// The words of the note that a fact names.
fn note(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, id: Option<&str>) -> Result<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    let works = cases::works(ctx, tx, &case.id)?;
    Ok(works.into_iter().find(|w| w.id == id).and_then(|w| w.opinion))
}

/// A special procedure by its Chinese name; the fact has the name that the official read.
fn procedure(ctx: &Ctx, name: &str) -> String {
    let known = ctx.app.city["acceptance"]["special"].as_array();
    let found = known.into_iter().flatten().find(|s| s["title_en"] == name);
    found
        .and_then(|s| s["title"].as_str())
        .unwrap_or(name)
        .to_string()
}

/// Why it was decided so: the opinion of whoever decided; of a case that was not accepted, what the clerk reported.
fn reason(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case, kind: &str) -> Result<Option<String>> {
    let works = cases::works(ctx, tx, &case.id)?;
    let said = works.into_iter().filter(|w| match kind {
        "not-accepted" => w.outcome.as_deref() == Some("raised") || w.kind == "accept",
        _ => w.kind == "decide" && w.status == "done",
    });
    let words = said.filter_map(|w| Some((w.closed_at.unwrap_or(w.opened_at), w.opinion?)));
    Ok(words
        .filter(|(_, text)| !text.trim().is_empty())
        .max_by_key(|(at, _)| *at)
        .map(|(_, text)| text))
}

/// What was served and how.
fn served(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<(Vec<String>, Option<Served>)> {
    let papers = documents::api::papers_in_force(ctx, tx, &case.id)?;
    let mut items: Vec<String> = papers
        .into_iter()
        .filter(|(kind, ..)| ["granted", "refused"].contains(&kind.as_str()))
        .map(|(_, title, number)| format!("《{title}》{number}"))
        .collect();
    let certificates = documents::api::of_case(tx, &case.id)?;
    items.extend(certificates.iter().map(|c| format!("《{}》", c.title_zh)));
    let Some(d) = delivery::store::get(ctx, tx, &case.id)? else {
        return Ok((items, None));
    };
    let window = match &d.window {
        Some(id) => crate::appointment::store::window(tx, id)?,
        None => None,
    };
    let place = match (d.address, window) {
        (Some(a), _) => Some(a.address),
        (None, Some(p)) => Some(format!("{}，{}", p.window.name(false), p.window.address(false))),
        (None, None) => None,
    };
    let how = Served {
        way: d.way,
        place,
        carrier: d.carrier,
        consignment: d.consignment,
        signed_by: d.signed_by,
    };
    Ok((items, Some(how)))
}

/// The free words of a paper, which an official may put right: the list of a correction, else the reason.
pub(crate) fn text(kind: &str, c: &Content) -> Option<String> {
    match kind {
        "correction" => Some(c.items.join("\n")),
        _ => c.reason.clone(),
    }
}

/// A paper of a case that the actor may read.
pub(crate) fn of_case(ctx: &Ctx, tx: &mut Tx<'_>, case: &str, paper: &str) -> Result<(Case, Paper)> {
    let case = readable(ctx, tx, case)?;
    let all = documents::api::papers_of(tx, &case.id)?;
    let found = all.into_iter().find(|p| p.id == paper);
    Ok((case, found.ok_or_else(Refusal::not_found)?))
}

/// 更正: a new paper with a number of its own takes the place of one that was wrong; the wrong one stays and says so. `words`
/// replaces what [`text`] gives; the applicant's name is read afresh.
pub(crate) async fn correct(ctx: &Ctx, case: &str, paper: &str, words: &str, why: &str) -> Result<()> {
    let (words, why) = (words.trim(), why.trim());
    if why.is_empty() || why.chars().count() > 200 {
        return Err(Refusal::new("cases-paper-why-needed").into());
    }
    if words.chars().count() > 3_000 {
        return Err(Refusal::new("cases-opinion-long").arg("max", 3_000).into());
    }
    ctx.tx("cases.correct-paper", |tx| {
        tx.lock(&format!("case:{case}"))?;
        let (case, paper) = of_case(ctx, tx, case, paper)?;
        ctx.may(CORRECT, &case.resource())?;
        if paper.superseded_by.is_some() {
            return Err(Refusal::new("cases-paper-superseded").status(409).into());
        }
        let mut content =
            documents::api::paper_content(ctx, tx, &paper.id)?.ok_or_else(Refusal::not_found)?;
        content.applicant = applicant(ctx, tx, &case)?;
        if text(&paper.kind, &content).is_some() {
            if words.is_empty() {
                return Err(Refusal::new("cases-paper-words-needed").into());
            }
            match paper.kind.as_str() {
                "correction" => content.items = model::lines(words),
                _ => content.reason = Some(words.to_string()),
            }
        }
        let fact = Fact::new("cases.paper.corrected", &case.id)
            .payload(json!({ "paper": paper.id, "number": paper.number }));
        let cause = ctx.emit(tx, fact)?;
        let order = PaperOrder {
            kind: &paper.kind,
            case: &case.id,
            series: &paper.series,
            recipient: &case.applicant,
            organisation: &case.organisation,
            day: ctx.today(),
            cause: &cause,
            why: Some(why),
            content,
        };
        documents::api::order_paper(ctx, tx, order)?;
        Ok(())
    })
    .await
}
