//! The life of an edition: begun, saved, handed in, returned or published; matters retired and put into force again.

use super::check::{self, Finding};
use super::fields::{self, Map_, Wrong};
use super::model::{Content, Edition, PART_MAX, PARTS, state};
use super::store;
use crate::matter::service as matters;
use kernel::{Ctx, Fact, Refusal, Resource, Result, Tx};
use serde_json::json;

pub(crate) const READ: &str = "services.edition.read";
pub(crate) const EDIT: &str = "services.edition.edit";
pub(crate) const PUBLISH: &str = "services.edition.publish";

/// The row that decisions are about: a matter belongs to its lead organisation.
pub(crate) fn place(tx: &mut Tx<'_>, matter: &str, organisation: &str) -> Result<Resource> {
    let org = identity::api::organisation(tx, organisation)?;
    Ok(Resource {
        kind: "Matter",
        id: matter.to_string(),
        org_paths: org.iter().map(|o| o.path.clone()).collect(),
        area_code: org.map(|o| o.area_code).unwrap_or_default(),
        ..Resource::default()
    })
}

fn may(ctx: &Ctx, tx: &mut Tx<'_>, permission: &str, matter: &str, organisation: &str) -> Result<()> {
    let place = place(tx, matter, organisation)?;
    Ok(ctx.may(permission, &place)?)
}

/// An edition that the actor may see.
pub(crate) fn find(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Edition> {
    let e = store::get(tx, id)?.ok_or_else(Refusal::not_found)?;
    let place = place(tx, &e.matter, &e.organisation)?;
    ctx.may(READ, &place).map_err(|_| Refusal::not_found())?;
    Ok(e)
}

/// An edition in one of these states, at the version that the page showed.
fn load(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, version: i64, permission: &str) -> Result<Edition> {
    let e = find(ctx, tx, id)?;
    may(ctx, tx, permission, &e.matter, &e.organisation)?;
    if e.version != version {
        return Err(Refusal::stale().into());
    }
    Ok(e)
}

fn keep_author(ctx: &Ctx, e: &mut Edition) {
    if !e.authors.contains(&ctx.actor.id) {
        e.authors.push(ctx.actor.id.clone());
    }
}

/// Saves and says so; the version moves on.
fn save(ctx: &Ctx, tx: &mut Tx<'_>, e: &mut Edition, kind: &'static str) -> Result<()> {
    e.updated_at = ctx.now();
    let open = e.open();
    store::save(tx, e, open)?;
    e.version += 1;
    let fact =
        Fact::new(kind, &e.id).payload(json!({ "matter": e.matter, "state": e.state, "version": e.version }));
    ctx.emit(tx, fact.touch(&crate::EDITION, &e.id))?;
    Ok(())
}

/// A new edition in this transaction.
#[allow(clippy::too_many_arguments)]
pub(crate) fn start(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    id: &str,
    matter: &str,
    base_version: i64,
    origin: &str,
    content: Content,
    note: &str,
) -> Result<()> {
    let organisation = content.text("organisation").to_string();
    may(ctx, tx, EDIT, matter, &organisation)?;
    let e = Edition {
        id: id.to_string(),
        matter: matter.to_string(),
        base_version,
        state: state::DRAFT.into(),
        origin: origin.to_string(),
        organisation,
        content,
        note: note.to_string(),
        authors: vec![ctx.actor.id.clone()],
        reviewer: None,
        opinion: None,
        published_version: None,
        version: 1,
        created_at: ctx.now(),
        updated_at: ctx.now(),
        submitted_at: None,
        closed_at: None,
    };
    store::insert(tx, &e)?;
    let fact = Fact::new("services.edition.begun", id)
        .payload(json!({ "matter": matter, "base": base_version, "origin": origin }));
    ctx.emit(tx, fact.touch(&crate::EDITION, id))?;
    Ok(())
}

/// Opens the work on a matter, from the version in force or an older one; goes on with what is open already.
pub(crate) async fn begin(ctx: &Ctx, matter: &str, from: Option<i64>) -> Result<String> {
    let id = ctx.id().to_string();
    ctx.tx("services.begin", |tx| {
        let (head, _) = store::head(tx, matter)?.ok_or_else(Refusal::not_found)?;
        let version = from.unwrap_or(head);
        let mut content = store::version(tx, matter, version)?.ok_or_else(Refusal::not_found)?;
        if let Some(open) = store::open_for(tx, matter)? {
            find(ctx, tx, &open.id)?;
            return match from {
                // An older version would overwrite what somebody is working on.
                Some(_) => Err(Refusal::new("services-edition-open").status(409).into()),
                None => Ok(open.id),
            };
        }
        let current = store::version(tx, matter, head)?.ok_or_else(Refusal::not_found)?;
        may(ctx, tx, EDIT, matter, current.text("organisation"))?;
        if version != head {
            // Who leads a matter is decided today, not by an old version.
            content
                .sheet
                .insert("organisation".into(), current.text("organisation").into());
        }
        let origin = from.map_or("form".into(), |v| format!("version:{v}"));
        start(ctx, tx, &id, matter, head, &origin, content, "")?;
        Ok(id.clone())
    })
    .await
}

/// A new matter, empty or with the texts of another one as a beginning.
pub(crate) async fn create(
    ctx: &Ctx,
    id: &str,
    title: &str,
    organisation: &str,
    like: &str,
) -> Result<String> {
    let (id, title) = (id.trim(), title.trim());
    if !check::id_fits(id) {
        return Err(Refusal::new("services-wrong-id").into());
    }
    if title.is_empty() || title.chars().count() > 200 {
        return Err(Refusal::new("services-new-title").into());
    }
    let edition = ctx.id().to_string();
    ctx.tx("services.create", |tx| {
        if store::head(tx, id)?.is_some() || store::open_for(tx, id)?.is_some() {
            return Err(Refusal::new("services-new-taken")
                .arg("id", id)
                .status(409)
                .into());
        }
        let mut content = Content::blank(id);
        if !like.is_empty() {
            let (head, _) = store::head(tx, like)?.ok_or_else(Refusal::not_found)?;
            content = store::version(tx, like, head)?.ok_or_else(Refusal::not_found)?;
            content.sheet.insert("code".into(), "".into());
            content.sheet.insert("title_en".into(), "".into());
            content.sheet.insert("id".into(), id.into());
        }
        content.sheet.insert("title".into(), title.into());
        content.sheet.insert("organisation".into(), organisation.into());
        if identity::api::organisation(tx, organisation)?.is_none() {
            return Err(Refusal::new("services-new-organisation").into());
        }
        start(ctx, tx, &edition, id, 0, "form", content, "")?;
        Ok(edition.clone())
    })
    .await
}

/// What became of a posted form.
pub(crate) enum Saved {
    Yes,
    /// Nothing was saved; what was typed with its messages.
    Wrong(Box<Edition>, Map_, Vec<Wrong>),
    /// Somebody else saved first: their edition, and what was typed here.
    Stale(Box<Edition>, Map_),
}

pub(crate) async fn save_sheet(
    ctx: &Ctx,
    id: &str,
    version: i64,
    pairs: &[(String, String)],
) -> Result<Saved> {
    let posted = |name: &str| pairs.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.trim());
    ctx.tx("services.save", |tx| {
        let mut e = find(ctx, tx, id)?;
        may(ctx, tx, EDIT, &e.matter, &e.organisation)?;
        if !e.editable() {
            return Err(Refusal::new("services-edition-closed").status(409).into());
        }
        let (sheet, mut wrong) = fields::read(pairs, &e.content.sheet);
        let note: String = posted("note").unwrap_or(&e.note).to_string();
        if note.chars().count() > 500 {
            let n = note.chars().count();
            wrong.push(
                Wrong::new("note", "services-wrong-long")
                    .arg("max", 500)
                    .arg("n", n),
            );
        }
        if e.version != version {
            return Ok(Saved::Stale(Box::new(e), sheet));
        }
        let content = Content {
            sheet,
            parts: e.content.parts.clone(),
        };
        wrong.extend(check::organisations(tx, &content)?);
        if !wrong.is_empty() {
            return Ok(Saved::Wrong(Box::new(e), content.sheet, wrong));
        }
        let lead = content.text("organisation").to_string();
        if !lead.is_empty() {
            // Nobody gives a matter to an organisation beyond their reach.
            may(ctx, tx, EDIT, &e.matter, &lead)?;
            e.organisation = lead;
        }
        if e.content == content && e.note == note {
            return Ok(Saved::Yes);
        }
        e.content = content;
        e.note = note;
        keep_author(ctx, &mut e);
        save(ctx, tx, &mut e, "services.edition.saved")?;
        Ok(Saved::Yes)
    })
    .await
}

/// Saves one of the texts as it is; what is wrong with it is said by the check, not here.
pub(crate) async fn save_part(ctx: &Ctx, id: &str, version: i64, part: &str, text: &str) -> Result<Saved> {
    let at = PARTS
        .iter()
        .position(|p| *p == part)
        .ok_or_else(Refusal::not_found)?;
    if text.len() > PART_MAX {
        return Err(Refusal::new("services-part-large")
            .arg("max", PART_MAX / 1000)
            .into());
    }
    let text = text.replace("\r\n", "\n");
    ctx.tx("services.save-part", |tx| {
        let mut e = find(ctx, tx, id)?;
        may(ctx, tx, EDIT, &e.matter, &e.organisation)?;
        if !e.editable() {
            return Err(Refusal::new("services-edition-closed").status(409).into());
        }
        if e.version != version {
            return Ok(Saved::Stale(Box::new(e), Map_::new()));
        }
        if e.content.parts[at] != text {
            e.content.parts[at] = text.clone();
            keep_author(ctx, &mut e);
            save(ctx, tx, &mut e, "services.edition.saved")?;
        }
        Ok(Saved::Yes)
    })
    .await
}

/// Refuses an edition whose matter is out of force or has moved on.
fn in_step(tx: &mut Tx<'_>, e: &Edition) -> Result<()> {
    match store::head(tx, &e.matter)? {
        Some((_, true)) => Err(Refusal::new("services-edition-retired").status(409).into()),
        Some((head, false)) if head != e.base_version => {
            Err(Refusal::new("services-edition-behind").status(409).into())
        }
        _ => Ok(()),
    }
}

fn fit(findings: &[Finding]) -> Result<()> {
    match findings.len() {
        0 => Ok(()),
        n => Err(Refusal::new("services-edition-unfit").arg("n", n).into()),
    }
}

/// What the whole check finds. It plays stories, for which no writing transaction has the time.
async fn judged(ctx: &Ctx, id: &str, version: i64, permission: &str) -> Result<Vec<Finding>> {
    ctx.read("services.judged", |tx| {
        let e = load(ctx, tx, id, version, permission)?;
        check::check(ctx, tx, &e.content)
    })
    .await
}

/// Hands it in for review; all checks must pass.
pub(crate) async fn submit(ctx: &Ctx, id: &str, version: i64) -> Result<()> {
    let findings = judged(ctx, id, version, EDIT).await?;
    ctx.tx("services.submit", |tx| {
        let mut e = load(ctx, tx, id, version, EDIT)?;
        if !e.editable() {
            return Err(Refusal::new("services-edition-closed").status(409).into());
        }
        in_step(tx, &e)?;
        let same = match e.base_version {
            0 => false,
            v => store::version(tx, &e.matter, v)?.as_ref() == Some(&e.content),
        };
        if same {
            return Err(Refusal::new("services-edition-same").into());
        }
        fit(&findings)?;
        fit(&check::stored(tx, &e.content)?)?;
        e.state = state::REVIEW.into();
        e.submitted_at = Some(ctx.now());
        (e.reviewer, e.opinion) = (None, None);
        keep_author(ctx, &mut e);
        save(ctx, tx, &mut e, "services.edition.submitted")
    })
    .await
}

/// Takes it back from review.
pub(crate) async fn withdraw(ctx: &Ctx, id: &str, version: i64) -> Result<()> {
    ctx.tx("services.withdraw", |tx| {
        let mut e = load(ctx, tx, id, version, EDIT)?;
        if e.state != state::REVIEW {
            return Err(Refusal::new("services-edition-not-in-review").status(409).into());
        }
        e.state = state::DRAFT.into();
        save(ctx, tx, &mut e, "services.edition.withdrawn")
    })
    .await
}

/// In review, and not by one of its authors.
fn reviewed(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, version: i64) -> Result<Edition> {
    let e = load(ctx, tx, id, version, PUBLISH)?;
    if e.state != state::REVIEW {
        return Err(Refusal::new("services-edition-not-in-review").status(409).into());
    }
    if e.authors.contains(&ctx.actor.id) {
        return Err(Refusal::new("services-edition-four-eyes").status(403).into());
    }
    Ok(e)
}

fn opinion(text: &str, needed: bool) -> Result<Option<String>> {
    let text = text.trim();
    if text.chars().count() > 1000 {
        return Err(Refusal::new("services-opinion-long").into());
    }
    if text.is_empty() && needed {
        return Err(Refusal::new("services-opinion-needed").into());
    }
    Ok((!text.is_empty()).then(|| text.to_string()))
}

/// Gives it back to its authors with an opinion.
pub(crate) async fn give_back(ctx: &Ctx, id: &str, version: i64, words: &str) -> Result<()> {
    let words = opinion(words, true)?;
    ctx.tx("services.give-back", |tx| {
        let mut e = reviewed(ctx, tx, id, version)?;
        e.state = state::RETURNED.into();
        e.reviewer = Some(ctx.actor.id.clone());
        e.opinion = words.clone();
        save(ctx, tx, &mut e, "services.edition.returned")
    })
    .await
}

/// Makes it the version in force: new cases use it, running ones go on with theirs.
pub(crate) async fn publish(ctx: &Ctx, id: &str, version: i64, words: &str) -> Result<()> {
    let words = opinion(words, false)?;
    let findings = judged(ctx, id, version, PUBLISH).await?;
    kernel::search::warm();
    ctx.tx("services.publish-edition", |tx| {
        let mut e = reviewed(ctx, tx, id, version)?;
        in_step(tx, &e)?;
        fit(&findings)?;
        fit(&check::stored(tx, &e.content)?)?;
        let parts = e.content.typed()?;
        let next = e.base_version + 1;
        if e.base_version > 0 && !store::advance(tx, &e.matter, e.base_version)? {
            return Err(Refusal::new("services-edition-behind").status(409).into());
        }
        e.state = state::PUBLISHED.into();
        e.reviewer = Some(ctx.actor.id.clone());
        e.opinion = words.clone();
        e.published_version = Some(next);
        e.closed_at = Some(ctx.now());
        e.updated_at = ctx.now();
        store::save(tx, &e, false)?;
        let fact = Fact::new("services.matter.published", &e.matter)
            .payload(json!({ "version": next, "edition": e.id }))
            .touch(&crate::EDITION, &e.id);
        matters::put(ctx, tx, &parts, next, false, fact)
    })
    .await?;
    matters::refresh(ctx).await
}

/// Gives the work up.
pub(crate) async fn discard(ctx: &Ctx, id: &str, version: i64) -> Result<()> {
    ctx.tx("services.discard", |tx| {
        let mut e = load(ctx, tx, id, version, EDIT)?;
        if !e.editable() {
            return Err(Refusal::new("services-edition-closed").status(409).into());
        }
        e.state = state::DISCARDED.into();
        e.closed_at = Some(ctx.now());
        save(ctx, tx, &mut e, "services.edition.discarded")
    })
    .await
}

/// Takes in what was published since it began; where both changed something, the edition's value stays.
pub(crate) async fn rebase(ctx: &Ctx, id: &str, version: i64) -> Result<()> {
    ctx.tx("services.rebase", |tx| {
        let mut e = load(ctx, tx, id, version, EDIT)?;
        if !e.editable() {
            return Err(Refusal::new("services-edition-closed").status(409).into());
        }
        let (head, _) = store::head(tx, &e.matter)?.ok_or_else(Refusal::not_found)?;
        e.content = merged(tx, &e, head)?.0;
        e.base_version = head;
        keep_author(ctx, &mut e);
        save(ctx, tx, &mut e, "services.edition.saved")
    })
    .await
}

/// The edition merged with a newer version, and the units that differ.
pub(crate) fn merged(
    tx: &mut Tx<'_>,
    e: &Edition,
    head: i64,
) -> Result<(Content, Vec<kernel::living::Unit>)> {
    let body = |c: Option<Content>| c.map(|c| c.body(false)).unwrap_or_default();
    let base = body(store::version(tx, &e.matter, e.base_version)?);
    let theirs = body(store::version(tx, &e.matter, head)?);
    let m = kernel::living::three_way(&base, &e.content.body(false), &theirs);
    Ok((Content::of_body(&e.matter, &m.body), m.units))
}

/// Puts a matter out of force: no new cases; running ones go on.
pub(crate) async fn retire(ctx: &Ctx, matter: &str, reason: &str) -> Result<()> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 {
        return Err(Refusal::new("services-retire-reason").into());
    }
    let id = ctx.id().to_string();
    ctx.tx("services.retire", |tx| {
        let content = in_force(tx, matter)?;
        may(ctx, tx, PUBLISH, matter, content.text("organisation"))?;
        retire_in(ctx, tx, &id, matter, reason)
    })
    .await?;
    matters::refresh(ctx).await
}

fn in_force(tx: &mut Tx<'_>, matter: &str) -> Result<Content> {
    let (head, _) = store::head(tx, matter)?.ok_or_else(Refusal::not_found)?;
    Ok(store::version(tx, matter, head)?.ok_or_else(Refusal::not_found)?)
}

pub(crate) fn retire_in(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, matter: &str, reason: &str) -> Result<()> {
    if !store::set_retired(tx, matter, Some(ctx.now()))? {
        return Err(Refusal::new("services-retired-already").status(409).into());
    }
    store::open_retirement(tx, id, matter, reason, &ctx.actor.id, ctx.now())?;
    matters::unindex(tx, matter)?;
    let fact = Fact::new("services.matter.retired", matter).touch(&crate::MATTER, matter);
    ctx.emit(tx, fact.touch(&crate::RETIREMENT, id))?;
    Ok(())
}

/// Puts it into force again, as it was.
pub(crate) async fn reinstate(ctx: &Ctx, matter: &str) -> Result<()> {
    kernel::search::warm();
    ctx.tx("services.reinstate", |tx| {
        let content = in_force(tx, matter)?;
        may(ctx, tx, PUBLISH, matter, content.text("organisation"))?;
        reinstate_in(ctx, tx, matter, &content)
    })
    .await?;
    matters::refresh(ctx).await
}

pub(crate) fn reinstate_in(ctx: &Ctx, tx: &mut Tx<'_>, matter: &str, content: &Content) -> Result<()> {
    if !store::set_retired(tx, matter, None)? {
        return Err(Refusal::new("services-in-force-already").status(409).into());
    }
    let mut fact = Fact::new("services.matter.reinstated", matter).touch(&crate::MATTER, matter);
    if let Some(id) = store::close_retirement(tx, matter, &ctx.actor.id, ctx.now())? {
        fact = fact.touch(&crate::RETIREMENT, id);
    }
    matters::index(tx, &content.typed()?.sheet)?;
    ctx.emit(tx, fact)?;
    Ok(())
}
