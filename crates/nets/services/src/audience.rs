//! Whom a fact about the work on a matter concerns, for notices (see comms).

use crate::edition::store;
use comms::api::{Audience, Directory, Person, Told};
use kernel::{Ctx, Recorded, Result, Tx};
use std::collections::BTreeMap;

/// Facts of editions.
pub struct EditionAudience;

impl Audience for EditionAudience {
    fn about(
        &self,
        ctx: &Ctx,
        tx: &mut Tx<'_>,
        fact: &Recorded,
        wanted: &[String],
        directory: &dyn Directory,
    ) -> Result<Option<Told>> {
        let id = match fact.payload["edition"].as_str() {
            _ if fact.kind.starts_with("services.edition.") => fact.subject.as_str(),
            Some(edition) if fact.kind == "services.matter.published" => edition,
            // Out of a pack: there is no author to tell.
            None if fact.kind == "services.matter.published" => return Ok(Some(Told::default())),
            _ => return Ok(None),
        };
        let Some(e) = store::get(tx, id)? else {
            return Ok(None);
        };
        let mut authors = Vec::new();
        for author in &e.authors {
            authors.extend(directory.subject_of(tx, author)?);
        }
        let mut told = Told {
            reference: e.id.clone(),
            link: format!("/work/matters/editions/{}", e.id),
            work_link: format!("/work/matters/editions/{}", e.id),
            args: BTreeMap::from([
                ("matter".into(), e.content.text("title").to_string()),
                ("matter_en".into(), e.content.text("title_en").to_string()),
            ]),
            people: BTreeMap::new(),
        };
        for audience in wanted {
            let subjects = match audience.strip_prefix("role:") {
                Some(role) => {
                    let at = identity::api::organisation(tx, &e.organisation)?;
                    let (path, area) = at.map(|o| (o.path, o.area_code)).unwrap_or_default();
                    let mut holders = directory.holders(ctx, tx, role, &path, &area)?;
                    // Whoever wrote it is not asked to review it.
                    holders.retain(|h| !authors.contains(h));
                    holders
                }
                None if audience == "author" => authors.clone(),
                None => Vec::new(),
            };
            let official = |subject| Person {
                subject,
                official: true,
            };
            told.people
                .insert(audience.clone(), subjects.into_iter().map(official).collect());
        }
        Ok(Some(told))
    }
}
