//! The verbs of the base library: save definitions, collect files, answer what is held.

use super::model::{self, Cell, Examined, Issue, Source};
use super::store::{self, NewValue, Run, Stored};
use crate::RUN;
use crate::pack::{self, Contents};
use identity::api::NewParty;
use kernel::ctx::Ask;
use kernel::pack::Pack;
use kernel::{Ctx, Fact, Fault, Held, Refusal, Result, Tx};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Subjects written in one transaction; each has about ten values.
const PAGE: usize = 20;
/// Issues written in one transaction.
const ISSUES: usize = 100;

/// What a collection did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// File and rules are those of the last run.
    Unchanged,
    Collected,
}

/// Writes the pack's elements and sources; what the pack no longer has is retired.
pub(crate) async fn save(ctx: &Ctx, contents: &Contents) -> Result<()> {
    ctx.tx("data.save", |tx| {
        for (n, e) in contents.elements.iter().enumerate() {
            store::put_element(tx, e, n)?;
        }
        for (n, s) in contents.sources.iter().enumerate() {
            store::put_source(tx, &s.source, n, &s.location.to_string_lossy())?;
        }
        let elements: Vec<&str> = contents.elements.iter().map(|e| e.id.as_str()).collect();
        let sources: Vec<&str> = contents.sources.iter().map(|s| s.source.id.as_str()).collect();
        store::retire_others(tx, "data_element", &elements, ctx.now())?;
        store::retire_others(tx, "data_source", &sources, ctx.now())?;
        Ok(())
    })
    .await
}

/// Collects every source of the pack whose file or rules differ from its last run. Elements and sources are
/// written first, since a file and its rules belong together.
///
/// # Errors
/// A fault with file and line when the pack's section is wrong; a refusal when a file lacks a column.
pub async fn collect_all(ctx: &Ctx, pack: &Pack) -> Result<()> {
    let contents = pack::sound(pack)?;
    save(ctx, &contents).await?;
    for s in contents.sources {
        collect(ctx, &s.source, s.bytes).await?;
    }
    Ok(())
}

/// Reads the source's file again and collects it. Goes on to the end even if the asker leaves.
pub(crate) async fn run(ctx: &Ctx, id: &str) -> Result<Outcome> {
    let Stored { source, location, .. } = ctx
        .read("data.source", |tx| Ok(store::source(tx, id)?))
        .await?
        .ok_or_else(Refusal::not_found)?;
    let bytes = tokio::fs::read(&location).await.map_err(|_| {
        Refusal::new("data-file-missing")
            .status(409)
            .arg("file", &source.file)
    })?;
    let ctx = ctx.clone();
    tokio::spawn(async move { collect(&ctx, &source, bytes).await })
        .await
        .map_err(|e| Fault::of("collecting a source", e))?
}

/// Collects one file. Every step can be repeated, so one that was cut short is simply begun again; the run
/// row and its fact come last.
async fn collect(ctx: &Ctx, source: &Source, bytes: Vec<u8>) -> Result<Outcome> {
    let begun_at = ctx.app.clock.now();
    let definition = serde_json::to_vec(source)?;
    let digest = Sha256::new()
        .chain_update(Sha256::digest(&definition))
        .chain_update(&bytes)
        .finalize();
    let hash = ctx.protect().mac("data.run", &hex::encode(digest));
    let last = ctx
        .read("data.last-run", |tx| Ok(store::last_hash(tx, &source.id)?))
        .await?;
    if last.as_ref() == Some(&hash) {
        return Ok(Outcome::Unchanged);
    }
    let found = {
        let source = source.clone();
        tokio::task::spawn_blocking(move || model::examine(&source, &bytes))
            .await
            .map_err(|e| Fault::of("examining a file", e))?
    };
    let found = found.map_err(|missing| {
        Refusal::new("data-columns-missing")
            .arg("file", &source.file)
            .arg("columns", missing.join(", "))
    })?;
    let id = ctx.id().to_string();
    keep(ctx, source, &id, &found).await?;
    for (n, page) in found.issues.chunks(ISSUES).enumerate() {
        note(ctx, &id, n * ISSUES, page).await?;
    }
    let run = Run {
        id,
        source: source.id.clone(),
        hash,
        read: found.read,
        accepted: found.accepted,
        rejected: found.rejected,
        warned: found.warned,
        as_of: found.as_of,
        begun_at,
        finished_at: ctx.app.clock.now(),
    };
    ctx.tx("data.finish-run", |tx| {
        store::put_run(tx, &run)?;
        let counts = json!({
            "source": run.source, "read": run.read, "accepted": run.accepted, "rejected": run.rejected,
            "warned": run.warned,
        });
        ctx.emit(
            tx,
            Fact::new("data.run.finished", &run.id)
                .payload(counts)
                .touch(&RUN, &run.id),
        )?;
        Ok(())
    })
    .await?;
    Ok(Outcome::Collected)
}

/// Makes the subjects known and keeps their values, a page at a time. Sealing stands between the two
/// transactions, not in them.
async fn keep(ctx: &Ctx, source: &Source, run: &str, found: &Examined) -> Result<()> {
    let all: Vec<(&String, &BTreeMap<String, Cell>)> = found.held.iter().collect();
    for page in all.chunks(PAGE) {
        let subjects = ctx
            .tx("data.know", |tx| {
                page.iter()
                    .map(|(code, cells)| identity::api::know(ctx, tx, &party(ctx, source, code, cells)))
                    .collect::<Result<Vec<String>>>()
            })
            .await?;
        let mut values = Vec::new();
        for (subject, (_, cells)) in subjects.iter().zip(page) {
            for (element, cell) in *cells {
                values.push(NewValue {
                    sealed: ctx
                        .protect()
                        .seal(&place(subject, element, &source.id), &cell.text)?,
                    index: ctx.protect().index(element, &cell.text),
                    subject: subject.clone(),
                    element: element.clone(),
                    as_of: cell.as_of.clone(),
                    line: cell.line,
                });
            }
        }
        ctx.tx("data.keep", |tx| {
            for v in &values {
                store::put_value(tx, &source.id, run, v)?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// The person or firm behind a code, as identity wants to know it.
fn party<'a>(ctx: &Ctx, source: &Source, code: &'a str, cells: &'a BTreeMap<String, Cell>) -> NewParty<'a> {
    let text = |element: &str| cells.get(element).map(|c| c.text.as_str());
    let area = source.key_kind.area(code);
    NewParty {
        kind: source.key_kind.subject(),
        name: text(source.key_kind.name_element()).unwrap_or_default(),
        code,
        phone: text(source.key_kind.phone_element()),
        area_code: text("division-code").unwrap_or(area),
        synthetic: ctx.app.city["synthetic_division"].as_str() == Some(area),
    }
}

async fn note(ctx: &Ctx, run: &str, first: usize, issues: &[Issue]) -> Result<()> {
    let mut sealed = Vec::new();
    for (n, issue) in issues.iter().enumerate() {
        let number = (first + n) as i64 + 1;
        let masked = issue
            .masked
            .as_ref()
            .map(|m| ctx.protect().seal(&issue_place(run, number), m))
            .transpose()?;
        sealed.push((number, masked));
    }
    ctx.tx("data.note", |tx| {
        for (issue, (number, masked)) in issues.iter().zip(&sealed) {
            store::put_issue(tx, run, *number, issue, masked.as_deref())?;
        }
        Ok(())
    })
    .await
}

fn place(subject: &str, element: &str, source: &str) -> String {
    format!("data_value.value:{subject}/{element}/{source}")
}

/// Where the masked value of an issue is sealed.
pub(crate) fn issue_place(run: &str, number: i64) -> String {
    format!("data_issue.masked:{run}/{number}")
}

/// The kernel's port [`Ask`]: values already held, so that nobody is asked twice.
///
/// Of several sources the newest value is answered, of equal dates the one whose authority the pack names
/// first. Elements of which nothing is held are left out. The caller has decided that the asker may know;
/// reading somebody else's data writes an access row with the purpose, so the transaction must be a writing
/// one then.
pub struct Library;

impl Ask for Library {
    fn ask(
        &self,
        tx: &mut Tx<'_>,
        ctx: &Ctx,
        subject: &str,
        elements: &[String],
        purpose: &str,
    ) -> Result<Vec<Held>> {
        let purpose = purpose.trim();
        if purpose.is_empty() {
            return Err(Refusal::new("data-purpose-needed")
                .field("purpose", "data-purpose-needed")
                .into());
        }
        let values = store::values(tx, subject)?;
        let mut out: Vec<Held> = Vec::new();
        for element in elements {
            let newest = values.iter().find(|v| v.element == *element);
            if let Some(v) = newest.filter(|_| out.iter().all(|h| h.element != *element)) {
                out.push(Held {
                    element: element.clone(),
                    value: ctx
                        .protect()
                        .open(&place(subject, element, &v.source), &v.sealed)?,
                    source: ctx.locale.pick(&v.source_name.0, &v.source_name.1).to_string(),
                    as_of: v.as_of.clone(),
                });
            }
        }
        let own = [&ctx.actor.subject, &ctx.actor.on_behalf]
            .into_iter()
            .flatten()
            .any(|s| s == subject);
        if !own && !out.is_empty() {
            let fields: Vec<&str> = out.iter().map(|h| h.element.as_str()).collect();
            ctx.accessed(tx, &[subject.to_string()], &fields, purpose)?;
        }
        Ok(out)
    }
}
