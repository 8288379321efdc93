//! What the applicant does: begin, fill in, hand in, withdraw.

use super::{ended, held, own, said, signs, wrongs};
use crate::case::model::{Case, Waived, state};
use crate::case::runtime::{self, Said, matter_of};
use crate::case::{materials, store};
use crate::catalogue::{Catalogue, Matter};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use process::Command;
use serde_json::{Map, Value as Json, json};

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
        let by = Entered {
            applicant: &party,
            agent: ctx.actor.subject.clone().filter(|s| *s != party),
            clerk: None,
        };
        draft(ctx, tx, &id, &matter, &by, "cases.case.apply")
    })
    .await
}

/// Who a draft is for and who writes it.
pub(super) struct Entered<'a> {
    pub applicant: &'a str,
    /// The person who acts for a firm.
    pub agent: Option<String>,
    /// The clerk who enters it at the counter.
    pub clerk: Option<String>,
}

/// The draft of this applicant for this matter: the one that exists, else a new one with this id.
pub(super) fn draft(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    id: &str,
    matter: &Matter,
    by: &Entered<'_>,
    permission: &str,
) -> Result<String> {
    tx.lock(&format!("draft:{}:{}", by.applicant, matter.id))?;
    if let Some(known) = store::draft_of(tx, by.applicant, &matter.id, by.clerk.as_deref())? {
        return Ok(known);
    }
    let org = identity::api::organisation(tx, &matter.organisation)?
        .ok_or_else(|| kernel::Fault::new(format!("matter {}: organisation is unknown", matter.id)))?;
    let counter = by.clerk.is_some();
    let mut case = Case {
        id: id.to_string(),
        number: None,
        matter: matter.id.clone(),
        matter_version: matter.version,
        applicant: by.applicant.to_string(),
        agent: by.agent.clone(),
        organisation: org.id.clone(),
        org_path: org.path.clone(),
        area_code: org.area_code.clone(),
        state: state::DRAFT.into(),
        channel: if counter { "counter" } else { "online" }.into(),
        visits: i64::from(counter),
        form: Map::new(),
        waived: Waived::default(),
        clerk: by.clerk.clone(),
        urged_at: None,
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
    ctx.may(permission, &case.resource())?;
    for (field, value) in held(ctx, tx, matter, &case)? {
        case.form.insert(field, value.value.into());
    }
    store::insert(ctx, tx, &case)?;
    let fact = Fact::new("cases.case.drafted", &case.id)
        .payload(json!({ "matter": case.matter, "channel": case.channel }));
    ctx.emit(tx, fact.touch(&crate::CASE, &case.id))?;
    Ok(case.id)
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

/// What the form says of materials that are not handed in: to follow (容缺) or promised (告知承诺), where the matter lets
/// it. `None` when the form did not ask (the JSON API sends fields alone).
fn waived(matter: &Matter, posted: &[(String, String)]) -> Option<Waived> {
    let said = |m: &str| {
        posted
            .iter()
            .rev()
            .find(|(n, _)| n.strip_prefix("waive-") == Some(m))
    };
    if !matter.materials.iter().any(|m| said(&m.id).is_some()) {
        return None;
    }
    let chosen = |what: &str, may: fn(&crate::Material) -> bool| -> Vec<String> {
        let these = matter.materials.iter().filter(|m| may(m));
        these
            .filter(|m| said(&m.id).is_some_and(|(_, v)| v == what))
            .map(|m| m.id.clone())
            .collect()
    };
    Some(Waived {
        gaps: chosen("gap", |m| m.gap),
        promised: chosen("promise", |m| m.promise),
    })
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
        if let Some(waived) = waived(&matter, posted) {
            case.waived = waived;
        }
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
        let waived = case.waived.gaps.contains(&m.id) || case.waived.promised.contains(&m.id);
        if matter.needs(m, &values) && !waived && !have.iter().any(|h| h.material == m.id) {
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
    if !refusal.fields.is_empty() {
        return Err(refusal.into());
    }
    // A promise in place of a material binds the applicant: whoever makes it for another must be allowed to sign.
    let promises = |m: &String| !have.iter().any(|h| h.material == *m);
    if case.waived.promised.iter().any(promises) {
        signs(ctx, case)?;
    }
    Ok(())
}

/// Whether the draft could be handed in as it stands, before the applicant reads it through once more.
pub async fn check(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("cases.check", |tx| {
        let case = own(ctx, tx, id, "cases.case.apply")?;
        if !case.editable() {
            return Err(Refusal::new("cases-not-editable").status(409).into());
        }
        complete(ctx, tx, &case, &*matter_of(ctx, &case)?)
    })
    .await
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
        ctx.service::<Catalogue>()?.open(&matter.id)?;
        complete(ctx, tx, &case, &matter)?;
        // What was handed in after all is neither missing nor promised.
        let have = store::materials(ctx, tx, &case.id)?;
        case.waived.keep(|m| !have.iter().any(|h| h.material == m));
        let values = Json::Object(case.form.clone());
        if case.state == state::CORRECTING {
            store::answer_correction(tx, &case.id, ctx.now())?;
            runtime::begin_acceptance(ctx, &mut case, &matter);
            let command = Command::Correct {
                variables: values,
                at: ctx.now(),
            };
            let rows = runtime::run(ctx, tx, &mut case, command, Said::default())?;
            let fact = Fact::new("cases.case.corrected", &case.id)
                .payload(json!({ "due_on": case.due_on, "gaps": case.waived.gaps, "promised": case.waived.promised }))
                .touch(&crate::CORRECTION, &case.id);
            ctx.emit(tx, runtime::touched(fact, &case, &rows))?;
        } else {
            case.number = Some(number(ctx, tx, &matter)?);
            case.state = state::SUBMITTED.into();
            case.submitted_at = Some(ctx.now());
            runtime::begin_acceptance(ctx, &mut case, &matter);
            let command = Command::Start {
                variables: values,
                at: ctx.now(),
            };
            let mut rows = runtime::run(ctx, tx, &mut case, command, Said::default())?;
            if !case.waived.promised.is_empty() && !case.ended() {
                let items = case.waived.promised.clone();
                rows.extend(runtime::run(
                    ctx,
                    tx,
                    &mut case,
                    Command::Promise { items },
                    Said::default(),
                )?);
            }
            let fact = Fact::new("cases.case.submitted", &case.id).payload(
                json!({ "number": case.number, "matter": case.matter, "version": case.matter_version,
                    "channel": case.channel, "gaps": case.waived.gaps, "promised": case.waived.promised,
                    "due_on": case.due_on }),
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
            for m in &files {
                objects::api::discard(ctx, tx, &materials::place(&m.id))?;
            }
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
