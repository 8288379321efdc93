//! The verbs of stock phrases.

use super::store::{self, Phrase};
use kernel::{Ctx, Fact, Refusal, Resource, Result, Tx};
use serde_json::{Value as Json, json};

const MOST: usize = 50;
const LONGEST: usize = 200;

fn resource(p: &Phrase) -> Resource {
    Resource {
        kind: "Phrase",
        id: p.id.clone(),
        org_paths: vec![p.org_path.clone()],
        area_code: p.area_code.clone(),
        ..Resource::default()
    }
}

fn checked(words: &str) -> Result<String> {
    let words = words.trim();
    if words.is_empty() || words.chars().count() > LONGEST {
        return Err(Refusal::new("cases-phrase-words").arg("max", LONGEST).into());
    }
    Ok(words.into())
}

/// The own phrase with this id; whether others have it is nobody's business.
fn mine(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Phrase> {
    let p = store::get(ctx, tx, id)?
        .filter(|p| p.owner == ctx.actor.id)
        .ok_or_else(Refusal::not_found)?;
    ctx.may("cases.phrase.keep", &resource(&p))?;
    Ok(p)
}

fn emit(ctx: &Ctx, tx: &mut Tx<'_>, p: &Phrase, kind: &'static str) -> Result<()> {
    ctx.emit(
        tx,
        Fact::new(kind, &p.id)
            .payload(json!({ "shared": p.shared }))
            .touch(&crate::PHRASE, &p.id),
    )?;
    Ok(())
}

pub(crate) async fn add(ctx: &Ctx, words: &str) -> Result<()> {
    let words = checked(words)?;
    let post = ctx.actor.grants.first().ok_or_else(Refusal::forbidden)?;
    let (org_path, id) = (post.org_path.clone(), ctx.id().to_string());
    ctx.tx("cases.add-phrase", |tx| {
        tx.lock(&format!("phrases:{}", ctx.actor.id))?;
        let have = store::of(ctx, tx, &ctx.actor.id)?;
        if have.len() >= MOST {
            return Err(Refusal::new("cases-phrase-many")
                .arg("max", MOST)
                .status(409)
                .into());
        }
        if have.iter().any(|p| p.words == words) {
            return Err(Refusal::new("cases-phrase-twice").status(409).into());
        }
        let area_code =
            identity::api::organisation_at(tx, &org_path)?.map_or_else(String::new, |o| o.area_code);
        let p = Phrase {
            id: id.clone(),
            owner: ctx.actor.id.clone(),
            org_path: org_path.clone(),
            area_code,
            shared: false,
            position: have.iter().map(|p| p.position).max().unwrap_or(0) + 1,
            words: words.clone(),
        };
        ctx.may("cases.phrase.keep", &resource(&p))?;
        store::put(ctx, tx, &p)?;
        emit(ctx, tx, &p, "cases.phrase.kept")
    })
    .await
}

pub(crate) async fn edit(ctx: &Ctx, id: &str, words: &str) -> Result<()> {
    let words = checked(words)?;
    ctx.tx("cases.edit-phrase", |tx| {
        let mut p = mine(ctx, tx, id)?;
        // What the office sees in this name, only who may share may change.
        if p.shared {
            ctx.may("cases.phrase.share", &resource(&p))?;
        }
        p.words = words.clone();
        store::put(ctx, tx, &p)?;
        emit(ctx, tx, &p, "cases.phrase.kept")
    })
    .await
}

/// One place up.
pub(crate) async fn raise(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("cases.raise-phrase", |tx| {
        tx.lock(&format!("phrases:{}", ctx.actor.id))?;
        let mut p = mine(ctx, tx, id)?;
        let all = store::of(ctx, tx, &ctx.actor.id)?;
        let above = all
            .iter()
            .position(|o| o.id == p.id)
            .and_then(|n| n.checked_sub(1))
            .and_then(|n| all.get(n));
        let Some(mut above) = above.cloned() else {
            return Ok(());
        };
        std::mem::swap(&mut p.position, &mut above.position);
        store::put(ctx, tx, &p)?;
        store::put(ctx, tx, &above)?;
        let fact = Fact::new("cases.phrase.kept", &p.id)
            .touch(&crate::PHRASE, &p.id)
            .touch(&crate::PHRASE, &above.id);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}

pub(crate) async fn remove(ctx: &Ctx, id: &str) -> Result<()> {
    ctx.tx("cases.remove-phrase", |tx| {
        let p = mine(ctx, tx, id)?;
        store::remove(tx, id)?;
        ctx.emit(
            tx,
            Fact::new("cases.phrase.removed", &p.id).gone(&crate::PHRASE, &p.id),
        )?;
        Ok(())
    })
    .await
}

/// Shares an own phrase with the office, or takes it back.
pub(crate) async fn share(ctx: &Ctx, id: &str, shared: bool) -> Result<()> {
    ctx.tx("cases.share-phrase", |tx| {
        let mut p = mine(ctx, tx, id)?;
        ctx.may("cases.phrase.share", &resource(&p))?;
        p.shared = shared;
        store::put(ctx, tx, &p)?;
        emit(ctx, tx, &p, "cases.phrase.kept")
    })
    .await
}

fn paths(ctx: &Ctx) -> Vec<String> {
    ctx.actor.grants.iter().map(|g| g.org_path.clone()).collect()
}

/// What the actor is offered beside an opinion box; nothing for who keeps none.
pub(crate) fn offered(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Json>> {
    let all = store::offered(ctx, tx, &ctx.actor.id, &paths(ctx))?;
    Ok(all
        .iter()
        .map(|p| json!({ "id": p.id, "words": p.words }))
        .collect())
}

/// An opinion with an offered phrase added to it; unchanged when the phrase is not offered to the actor.
pub(crate) async fn added(ctx: &Ctx, opinion: &str, id: &str) -> Result<String> {
    let all = ctx
        .read("cases.phrases", |tx| {
            Ok(store::offered(ctx, tx, &ctx.actor.id, &paths(ctx))?)
        })
        .await?;
    Ok(match all.iter().find(|p| p.id == id) {
        Some(p) if opinion.trim().is_empty() => p.words.clone(),
        Some(p) => format!("{}\n{}", opinion.trim_end(), p.words),
        None => opinion.into(),
    })
}
