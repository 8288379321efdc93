//! The verbs of sealing by hand: ordering, the job that seals one file after another, collecting, deleting.

use super::look::{Form, Looked, look};
use super::model::{Wanted, places};
use super::store::{self, Batch, File};
use crate::api::{OfdPlace, Place};
use crate::seal::model::Seal;
use crate::seal::store as seals;
use crate::usage::model::{UPLOAD as KIND, Who};
use crate::usage::service::{self as usage, Occasion, Which, digests};
use kernel::ctx::{Actor, ActorKind};
use kernel::{Ctx, Fact, Fault, Problem, Refusal, Result, Tx, job};
use serde_json::{Value as Json, json};

pub(crate) const RUN: &str = "seals.batch";
/// Files in one batch, and bytes of one upload.
pub(crate) const FILES: usize = 200;
pub(crate) const UPLOAD: usize = 100 << 20;
/// Files sealed by one run of the job, so that it keeps its lease.
const RUNS: usize = 8;
/// Files are kept for a day.
pub(crate) const KEPT: i64 = 86_400_000;
const LONG: usize = 200;

/// What somebody wants sealed.
pub(crate) struct Order {
    pub wanted: Wanted,
    pub purpose: String,
    /// (name, content)
    pub files: Vec<(String, Vec<u8>)>,
}

/// A seal with which the actor might seal now.
///
/// # Errors
/// 404 for a seal that the actor may not see.
pub(crate) fn seal(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Seal> {
    let seal = seals::get(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    if ctx.may("seals.seal.read", &seal.resource()).is_err() {
        return Err(Refusal::not_found().into());
    }
    Ok(seal)
}

/// Takes files in; the job seals them. Returns the batch's id.
///
/// # Errors
/// `seals-files-needed`, `seals-files-many`, `seals-wrong-place`, `seals-purpose-needed`; what [`usage::admitted`] refuses.
pub(crate) async fn order(ctx: &Ctx, id: &str, o: &Order) -> Result<String> {
    ctx.read("seals.use-of", |tx| seal(ctx, tx, id)).await?;
    let purpose = o.purpose.trim();
    let count = o.files.len();
    let wrong = match () {
        () if count == 0 => Some("seals-files-needed"),
        () if count > FILES => Some("seals-files-many"),
        () if !o.wanted.is_sound() => Some("seals-wrong-place"),
        () if purpose.is_empty() || purpose.chars().count() > LONG => Some("seals-purpose-needed"),
        () => None,
    };
    if let Some(key) = wrong {
        return Err(Refusal::new(key).arg("n", FILES).into());
    }
    let first = occasion(&o.files[0].0, purpose);
    usage::admitted(ctx, id, &first, &digests(&o.files[0].1)).await?;
    let batch = Batch {
        id: ctx.id().to_string(),
        seal: id.into(),
        actor: ctx.actor.id.clone(),
        place: serde_json::to_string(&o.wanted)?,
        keyword: o.wanted.keyword.clone(),
        purpose: purpose.into(),
        state: "running".into(),
        files: i64::try_from(count).unwrap_or(i64::MAX),
        created_at: ctx.now(),
    };
    let mut packed = Vec::new();
    for (position, (name, content)) in (0..).zip(&o.files) {
        packed.push(store::packed(ctx, &batch.id, position, &named(name), content)?);
    }
    ctx.tx("seals.order", |tx| {
        store::put(ctx, tx, &batch)?;
        for (position, p) in (0..).zip(&packed) {
            store::put_file(tx, &batch.id, position, p)?;
        }
        let payload = json!({ "seal": id, "files": count });
        ctx.emit(tx, Fact::new("seals.batch.ordered", &batch.id).payload(payload))?;
        let key = format!("{}:0", batch.id);
        job::enqueue(
            tx,
            ctx,
            RUN,
            &key,
            ctx.now(),
            json!({ "batch": batch.id, "run": 0 }),
        )?;
        Ok(batch.id.clone())
    })
    .await
}

fn occasion(name: &str, purpose: &str) -> Occasion {
    Occasion {
        kind: KIND.into(),
        title: named(name),
        purpose: purpose.into(),
        ..Occasion::default()
    }
}

/// A file's name without folders and without signs that a file system or a ZIP would mind.
fn named(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| !c.is_control() && !"<>:\"|?*".contains(*c))
        .take(120)
        .collect();
    match plain.trim_matches(['.', ' ']) {
        "" => "file".into(),
        plain => plain.into(),
    }
}

/// Job: seals some files of a batch and asks for the next run. A file that has its result is left as it is.
pub(crate) async fn run(ctx: Ctx, payload: Json) -> Result<()> {
    let id = payload["batch"].as_str().unwrap_or_default().to_string();
    let run = payload["run"].as_i64().unwrap_or_default();
    let found = ctx
        .read("seals.batch", |tx| {
            let Some(b) = store::get(&ctx, tx, &id)?.filter(|b| b.state == "running") else {
                return Ok(None);
            };
            let who = actor(&ctx, tx, &b.actor)?;
            Ok(Some((b, who)))
        })
        .await?;
    let Some((batch, who)) = found else { return Ok(()) };
    let mut wanted: Wanted = serde_json::from_str(&batch.place)?;
    wanted.keyword.clone_from(&batch.keyword);
    let mut theirs = ctx.clone();
    theirs.actor = who;
    for _ in 0..RUNS {
        let next = ctx
            .read("seals.batch-next", |tx| store::next(&ctx, tx, &id))
            .await?;
        let Some((file, content)) = next else {
            return ctx
                .tx("seals.batch-done", |tx| Ok(store::end(tx, &id, ctx.now())?))
                .await;
        };
        let done = one(&theirs, &batch, &wanted, &file, content).await;
        let (output, why) = match done {
            Ok(pdf) => (Some(store::sealed_output(&ctx, &id, file.position, &pdf)?), None),
            Err(Problem::Refusal(r)) => (None, Some(r.key)),
            Err(e) => {
                tracing::warn!("a file of a batch was not sealed: {e}");
                (None, Some("seals-file-broken".into()))
            }
        };
        ctx.tx("seals.batch-file", |tx| {
            store::end_file(tx, (&id, file.position), output.clone(), why.as_deref())?;
            Ok(())
        })
        .await?;
    }
    ctx.tx("seals.batch-on", |tx| {
        let key = format!("{id}:{}", run + 1);
        job::enqueue(
            tx,
            &ctx,
            RUN,
            &key,
            ctx.now(),
            json!({ "batch": id, "run": run + 1 }),
        )?;
        Ok(())
    })
    .await
}

/// The official in whose name files are sealed, with the posts of today.
fn actor(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Actor> {
    let known = identity::api::official(ctx, tx, id)?;
    Ok(Actor {
        id: id.into(),
        kind: ActorKind::Official,
        account: id.strip_prefix("account:").and_then(|a| a.parse().ok()),
        subject: known.as_ref().map(|o| o.subject.clone()),
        grants: known.map(|o| o.grants).unwrap_or_default(),
        ..Actor::default()
    })
}

async fn one(ctx: &Ctx, batch: &Batch, wanted: &Wanted, file: &File, content: Vec<u8>) -> Result<Vec<u8>> {
    let o = occasion(&file.name, &batch.purpose);
    let hashes = digests(&content);
    let texts = wanted.place == "keyword";
    let (looked, content) = tokio::task::spawn_blocking(move || (look(&content, texts), content))
        .await
        .map_err(|e| Fault::of("reading a file", e))?;
    let (form, Looked { sheets, glyphs }) = match looked {
        Ok(looked) => looked,
        Err(key) => {
            usage::unfit(ctx, &batch.seal, &o, &hashes, key).await?;
            return Err(Refusal::new(key).into());
        }
    };
    let reserved = usage::reserve(
        ctx,
        Which::This(&batch.seal),
        Who::Person(&ctx.actor),
        &o,
        &hashes,
    )
    .await?;
    let picture = crate::api::drawn(ctx, &reserved.seal).await?;
    let size = (picture.drawing.width, picture.drawing.height);
    let found = match places(wanted, &sheets, &glyphs, size) {
        Ok(found) => found,
        Err(why) => {
            usage::failed(ctx, &reserved, why).await?;
            return Err(Refusal::new(why).into());
        }
    };
    let done = match form {
        Form::Pdf => {
            let at: Vec<Place> = found
                .into_iter()
                .map(|(page, centre)| Place { page, centre })
                .collect();
            let done = crate::api::pdf_with(ctx, &reserved, content, &batch.purpose, &at).await;
            done.map(|sealed| sealed.pdf)
        }
        Form::Ofd => {
            let at: Vec<OfdPlace> = found
                .into_iter()
                .filter_map(|(page, [x, y])| {
                    let page = usize::try_from(page).ok()?.checked_sub(1)?;
                    let [_, _, _, top] = sheets.get(page)?.area;
                    let centre = [x, top - y].map(|v| v * crate::api::MM);
                    Some(OfdPlace { page, centre })
                })
                .collect();
            crate::api::ofd_with(ctx, &reserved, content, &at).await
        }
    };
    crate::api::ended_as(ctx, &reserved, done, |file| file).await
}

/// A batch of the actor's own with its files.
pub(crate) async fn own(ctx: &Ctx, id: &str) -> Result<(Batch, Vec<File>)> {
    ctx.read("seals.own-batch", |tx| {
        let batch = store::get(ctx, tx, id)?.filter(|b| b.actor == ctx.actor.id);
        let batch = batch.ok_or_else(Refusal::not_found)?;
        let files = store::files(ctx, tx, id)?;
        Ok((batch, files))
    })
    .await
}

/// A sealed file of the actor's own: its name, media type and content.
pub(crate) async fn collect(ctx: &Ctx, id: &str, position: i64) -> Result<(String, &'static str, Vec<u8>)> {
    let (_, files) = own(ctx, id).await?;
    let file = files.into_iter().find(|f| f.position == position);
    let file = file.ok_or_else(Refusal::not_found)?;
    let found = ctx
        .read("seals.collect", |tx| store::output(ctx, tx, id, position))
        .await?;
    let content = found.ok_or_else(Refusal::not_found)?;
    let form = Form::of(&content).unwrap_or(Form::Pdf);
    Ok((sealed_name(&file.name, form), form.media(), content))
}

/// `contract.pdf` → `contract-sealed.pdf`; the ending says what the file is, whatever it was called.
fn sealed_name(name: &str, form: Form) -> String {
    let known = [".pdf", ".ofd"].iter().any(|e| name.to_lowercase().ends_with(e));
    let stem = if known { &name[..name.len() - 4] } else { name };
    format!("{stem}-sealed.{}", form.ending())
}

/// The sealed files of a batch and the list of results, as one ZIP.
pub(crate) async fn package(ctx: &Ctx, id: &str) -> Result<Vec<u8>> {
    let (_, files) = own(ctx, id).await?;
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let mut list = csv::Writer::from_writer(Vec::from("\u{feff}"));
    let wrong = |e: csv::Error| Fault::of("the list of results", e);
    let head = [
        "seals-file-number",
        "seals-file-name",
        "seals-use-result",
        "seals-use-why",
    ];
    list.write_record(head.map(|k| ctx.t(k, &[]))).map_err(wrong)?;
    for f in &files {
        let result = ctx.t(&format!("seals-file-{}", f.result), &[]);
        let why = f.why.as_deref().map(|w| ctx.t(w, &[])).unwrap_or_default();
        list.write_record([
            (f.position + 1).to_string(),
            crate::seal::web::inert(&f.name),
            result,
            why,
        ])
        .map_err(wrong)?;
        let sealed = ctx
            .read("seals.collect", |tx| store::output(ctx, tx, id, f.position))
            .await?;
        if let Some(content) = sealed {
            let name = sealed_name(&f.name, Form::of(&content).unwrap_or(Form::Pdf));
            entries.push((format!("{:03}-{name}", f.position + 1), content));
        }
    }
    let list = list.into_inner().map_err(|e| Fault::new(e.to_string()))?;
    entries.push(("results.csv".into(), list));
    let zip = move || -> std::io::Result<Vec<u8>> {
        use std::io::Write;
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        // The files are compressed already.
        let stored =
            zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, content) in entries {
            out.start_file(name, stored)?;
            out.write_all(&content)?;
        }
        Ok(out.finish()?.into_inner())
    };
    let zipped = tokio::task::spawn_blocking(zip)
        .await
        .map_err(|e| Fault::of("a ZIP", e))?;
    Ok(zipped.map_err(|e| Fault::of("a ZIP", e))?)
}

/// Job: deletes files that were kept for a day, ends uses that were broken off.
pub(crate) async fn sweep(ctx: Ctx) -> Result<()> {
    ctx.tx("seals.sweep", |tx| {
        store::delete(tx, ctx.now() - KEPT)?;
        usage::sweep(&ctx, tx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        assert_eq!(named("../../etc/passwd"), "passwd");
        assert_eq!(named("C:\\temp\\合同 1.pdf"), "合同 1.pdf");
        assert_eq!(named("a\u{0}b<c>.pdf"), "abc.pdf");
        assert_eq!(named(".."), "file");
        assert_eq!(sealed_name("合同.PDF", Form::Pdf), "合同-sealed.pdf");
        assert_eq!(sealed_name("合同.pdf", Form::Ofd), "合同-sealed.ofd");
        assert_eq!(sealed_name("x", Form::Pdf), "x-sealed.pdf");
    }
}
