//! Publishing, loading into the catalogue, proof of online handling, search entries.

use super::model::{Parts, Sheet};
use super::{pack, store};
use crate::edition::store as editions;
use cases::Catalogue;
use kernel::pack::Pack;
use kernel::{Ctx, Fact, Locale, Recorded, Refusal, Result, Tx, search};
use serde_json::json;
use std::collections::BTreeMap;

/// Publishes one version of the pack: rows, search, fact.
pub(crate) async fn publish(ctx: &Ctx, parts: &Parts, version: i64) -> Result<()> {
    parts.build(version, false).map_err(pack::problem)?;
    kernel::search::warm();
    ctx.tx("services.publish", |tx| {
        let fact =
            Fact::new("services.matter.published", &parts.sheet.id).payload(json!({ "version": version }));
        put(ctx, tx, parts, version, false, fact)
    })
    .await
}

/// The rows of one version, and the fact that says so.
pub(crate) fn put(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    parts: &Parts,
    version: i64,
    retired: bool,
    fact: Fact,
) -> Result<()> {
    let s = &parts.sheet;
    store::put(tx, parts, version, ctx.now())?;
    if !retired {
        index(tx, s)?;
    }
    let row = store::version_id(&s.id, version);
    let fact = fact.touch(&crate::MATTER, &s.id).touch(&crate::VERSION, &row);
    ctx.emit(tx, fact.touch(&crate::STORY, row))?;
    Ok(())
}

/// What search finds of a matter in force.
pub(crate) fn index(tx: &mut Tx<'_>, s: &Sheet) -> Result<()> {
    for locale in [Locale::Zh, Locale::En] {
        let english = locale == Locale::En;
        let org = identity::api::organisation(tx, &s.organisation)?;
        let name = org
            .map(|o| {
                if english && !o.name_en.is_empty() {
                    o.name_en
                } else {
                    o.name
                }
            })
            .unwrap_or_default();
        let entry = search::Entry {
            source: "matter",
            id: s.id.clone(),
            locale,
            title: if english && !s.title_en.is_empty() {
                s.title_en.clone()
            } else {
                s.title.clone()
            },
            summary: name,
            href: format!("/matters/{}", s.id),
            words: s.words.clone(),
        };
        search::put(tx, &entry)?;
    }
    Ok(())
}

pub(crate) fn unindex(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    for locale in [Locale::Zh, Locale::En] {
        search::remove(tx, "matter", id, locale)?;
    }
    Ok(())
}

/// Brings this node's catalogue, and the names that powers use, up to date: versions published and matters retired, here or on another node.
pub(crate) async fn refresh(ctx: &Ctx) -> Result<()> {
    let Ok(catalogue) = ctx.service::<Catalogue>() else {
        return Ok(());
    };
    let mut named: BTreeMap<String, identity::Named> = BTreeMap::new();
    for (version, retired, parts) in ctx.read("services.refresh", store::versions).await? {
        // Versions come in order, so the newest is the one that stays.
        let s = &parts.sheet;
        let newest = identity::Named {
            id: s.id.clone(),
            title: s.title.clone(),
            title_en: s.title_en.clone(),
            themes: s.elements.themes.clone(),
            retired,
        };
        named.insert(s.id.clone(), newest);
        let known = catalogue.version(&parts.sheet.id, version);
        if known.is_ok_and(|m| m.retired == retired) {
            continue;
        }
        catalogue.put(parts.build(version, retired).map_err(pack::problem)?);
    }
    ctx.service::<identity::Matters>()?
        .replace(named.into_values().collect());
    Ok(())
}

/// The same for [`kernel::module::Watch`].
pub(crate) fn watch(ctx: Ctx) -> kernel::module::JobFuture {
    kernel::module::boxed(async move { refresh(&ctx).await })
}

/// Publishes the next version of a matter, which differs in its process alone, and puts it into force here at once; returns
/// its number. Cases that run go on by the version they began with.
pub async fn revise(ctx: &Ctx, matter: &str, process: &str) -> Result<i64> {
    let (version, content) = ctx
        .read("services.revise", |tx| {
            let (version, retired) = editions::head(tx, matter)?.ok_or_else(Refusal::not_found)?;
            let content = editions::version(tx, matter, version)?.filter(|_| !retired);
            Ok((version, content.ok_or_else(Refusal::not_found)?))
        })
        .await?;
    let mut parts = content.typed()?;
    parts.process = process.to_string();
    publish(ctx, &parts, version + 1).await?;
    refresh(ctx).await?;
    Ok(version + 1)
}

/// The Typst template of printed guides.
const GUIDE: &str = "guide.typ";

/// See [`GUIDE`].
pub(crate) struct GuideTemplate(pub String);

/// Fills the catalogue of the case runtime from the database, and puts the calendar into force.
pub async fn open(ctx: &Ctx, pack: &Pack) -> Result<()> {
    ctx.app.services.put(GuideTemplate(pack.text(GUIDE)?));
    ctx.app.services.put(Catalogue::default());
    refresh(ctx).await?;
    ctx.app
        .services
        .put(crate::edition::check::CityFiles(pack.clone()));
    cases::clock::open(ctx, pack).await
}

/// Consumer: the first finished case without a visit proves that a matter can be done online.
pub(crate) fn prove(ctx: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    let done = matches!(fact.payload["state"].as_str(), Some("granted" | "refused"));
    let Some(matter) = fact.payload["matter"]
        .as_str()
        .filter(|_| done && fact.payload["online"] == true)
    else {
        return Ok(());
    };
    if store::prove(tx, matter, &fact.subject, fact.at)? {
        let proven = Fact::new("services.matter.proven", matter)
            .payload(json!({ "case": fact.subject }))
            .cause(&fact.id);
        ctx.emit(tx, proven.touch(&crate::MATTER, matter))?;
    }
    Ok(())
}

/// Every matter in force.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Sheet>> {
    Ok(store::current(tx)?.into_iter().map(|(s, _)| s).collect())
}

/// One matter in force with its form.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<(Sheet, String)> {
    store::current(tx)?
        .into_iter()
        .find(|(s, _)| s.id == id)
        .ok_or_else(|| Refusal::not_found().into())
}
