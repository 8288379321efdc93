//! Building a package (a job, after the case has ended), handing it out, checking it. Nothing here removes anything.

use super::model::{self, Archive, BUILT, FAILED, Finding, LIMIT, Packed, hash};
use super::store;
use crate::case::model::{Case, state};
use crate::case::runtime::matter_of;
use crate::case::{materials, store as cases, view};
use kernel::fact::Recorded;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx, fact, job};
use serde_json::{Value as Json, json};

pub(crate) const BUILD: &str = "cases.archive";
const READ: &str = "cases.archive.read";
/// Bytes of a package in one sealed row.
const PART: usize = 1 << 20;

fn part_place(archive: &str, part: i64) -> String {
    format!("cases_archive_part.content:{archive}:{part}")
}

/// Consumer: a case has ended, or a certificate or paper that its package waits for was issued.
pub(crate) fn follow(ctx: &Ctx, tx: &mut Tx<'_>, f: &Recorded) -> Result<()> {
    let case = match f.kind.as_str() {
        "cases.case.ended" => f.subject.as_str(),
        _ => f.payload["case"].as_str().unwrap_or_default(),
    };
    if case.is_empty() {
        return Ok(());
    }
    // Most papers are issued while their case runs.
    let running = |c: Option<Case>| c.is_some_and(|c| !c.ended());
    if f.kind == "documents.paper.issued" && running(cases::load(ctx, tx, case)?) {
        return Ok(());
    }
    let key = format!("{case}:{}", f.id);
    job::enqueue(tx, ctx, BUILD, &key, ctx.now(), json!({ "case": case }))?;
    Ok(())
}

/// An archivist asks for a new build; the job makes it.
pub(crate) async fn rebuild(ctx: &Ctx, case: &str) -> Result<()> {
    let key = format!("{case}:{}", ctx.id());
    ctx.tx("cases.rebuild-archive", |tx| {
        let case = ended(ctx, tx, case, READ)?;
        ctx.may("cases.archive.build", &case.resource())?;
        job::enqueue(
            tx,
            ctx,
            BUILD,
            &key,
            ctx.now(),
            json!({ "case": case.id, "again": true }),
        )?;
        Ok(())
    })
    .await
}

/// The ended case, for those who may read its package; for others it is not there.
pub(crate) fn ended(ctx: &Ctx, tx: &mut Tx<'_>, id: &str, permission: &str) -> Result<Case> {
    let case = cases::load(ctx, tx, id)?.ok_or_else(Refusal::not_found)?;
    ctx.may(permission, &case.resource())
        .map_err(|_| Refusal::not_found())?;
    if !case.ended() || case.state == state::DRAFT {
        return Err(Refusal::not_found().into());
    }
    Ok(case)
}

fn json_file(path: &str, value: &Json) -> Result<Packed> {
    Ok(Packed {
        path: path.into(),
        media: "application/json".into(),
        content: serde_json::to_vec_pretty(value)?,
    })
}

/// What the rows say of a case, and what is to be fetched file by file.
struct Outline {
    case: Case,
    about: Json,
    texts: Vec<Packed>,
    materials: Vec<crate::case::model::MaterialRow>,
    certificates: Vec<documents::api::Certificate>,
    papers: Vec<documents::api::Paper>,
    /// Papers that are being printed.
    waiting: i64,
    retain_until: String,
}

fn outline(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Outline>> {
    let Some(case) = cases::load(ctx, tx, id)? else {
        return Ok(None);
    };
    let Some(ended_at) = case.ended_at else {
        return Ok(None);
    };
    let matter = matter_of(ctx, &case)?;
    let years = ctx.app.city["acceptance"]["retention_years"]
        .as_i64()
        .unwrap_or(model::YEARS);
    let retain_until = model::retain_until(ctx.date_of(ended_at), years)?;
    let way: Vec<Json> = case
        .process
        .iter()
        .flat_map(|p| &p.visited)
        .map(|n| json!({ "node": n, "name": view::node_name(ctx, &matter, n) }))
        .collect();
    let opinions = view::works(ctx, tx, &case, &matter)?;
    let timeline = view::timeline(ctx, tx, &case, &matter)?;
    let mut texts = vec![
        json_file(
            "application.json",
            &json!({ "sections": view::summary(ctx, &case, &matter, true), "values": case.form,
            "waived": case.waived }),
        )?,
        json_file("opinions.json", &opinions.into())?,
        json_file("timeline.json", &timeline.into())?,
        json_file(
            "way.json",
            &json!({ "matter": matter.id, "version": matter.version, "visited": way,
            "ended": case.process.as_ref().and_then(|p| p.ended.clone()) }),
        )?,
    ];
    if let Some(correction) = cases::correction(ctx, tx, id)? {
        texts.push(json_file("correction.json", &correction)?);
    }
    let papers: Vec<Json> = documents::api::papers_of(tx, id)?
        .iter()
        .map(|p| json!({ "kind": p.kind, "title": p.title, "number": p.number, "dated": p.dated, "sha256": p.pdf_sha256,
            "superseded_by": p.superseded_by.is_some() }))
        .collect();
    let about = json!({
        "format": "yiwang-archive/1", "case": case.id, "number": case.number,
        "matter": { "id": matter.id, "version": matter.version, "title": matter.title },
        "organisation": { "id": case.organisation, "name": identity::api::organisation(tx, &case.organisation)?.map(|o| o.name) },
        "applicant": case.applicant, "agent": case.agent, "state": case.state, "channel": case.channel,
        "created_at": case.created_at, "submitted_at": case.submitted_at, "accepted_at": case.accepted_at, "ended_at": ended_at,
        "papers": papers, "due_on": case.due_on, "on_time": case.on_time, "retention_years": years, "retain_until": retain_until, "built_at": ctx.now(),
    });
    Ok(Some(Outline {
        about,
        texts,
        materials: cases::materials(ctx, tx, id)?,
        certificates: documents::api::of_case(tx, id)?,
        papers: documents::api::papers_of(tx, id)?,
        waiting: documents::api::papers_waiting(tx, id)?,
        retain_until,
        case,
    }))
}

/// Job: packs, seals, stores. A package that has everything already is left as it is, unless it was asked for again.
pub(crate) async fn build(ctx: Ctx, payload: Json) -> Result<()> {
    let id = payload["case"].as_str().unwrap_or_default().to_string();
    let again = payload["again"] == true;
    let found = ctx
        .read("cases.archive-outline", |tx| {
            Ok(outline(&ctx, tx, &id)?.map(|o| (o, store::of(tx, &id))))
        })
        .await?;
    let Some((o, before)) = found else { return Ok(()) };
    let before = before?;
    // The fact of its issue starts this job again.
    if o.waiting > 0 || o.certificates.iter().any(|c| !c.ready) {
        return Ok(());
    }
    let (many, papers) = (o.certificates.len() as i64, o.papers.len() as i64);
    let whole = |a: &Archive| a.certificates == many && a.papers == papers;
    if !again && before.first().is_some_and(whole) {
        return Ok(());
    }
    let mut archive = Archive {
        id: ctx.id().to_string(),
        case: id.clone(),
        version: before.first().map_or(0, |a| a.version) + 1,
        org_path: o.case.org_path.clone(),
        area_code: o.case.area_code.clone(),
        state: FAILED.into(),
        reason: None,
        sha256: None,
        size: 0,
        files: 0,
        certificates: many,
        papers,
        retain_until: o.retain_until.clone(),
        built_at: ctx.now(),
    };
    match pack(&ctx, &id, o).await? {
        None => {
            archive.reason = Some("cases-archive-too-large".into());
            keep(&ctx, &archive, "cases.archive.failed").await
        }
        Some((package, files)) => {
            archive.state = BUILT.into();
            archive.sha256 = Some(hash(&package));
            archive.size = package.len() as i64;
            archive.files = files as i64;
            // Each part in a transaction of its own: a large package must not hold up the others. Parts of a build that
            // was cut short belong to no row and are never read.
            for (n, piece) in package.chunks(PART).enumerate() {
                let n = n as i64;
                let place = part_place(&archive.id, n);
                let column = objects::api::put(&ctx, &place, piece).await?;
                ctx.tx("cases.archive-part", |tx| {
                    objects::api::keep(&ctx, tx, &place, &column)?;
                    Ok(store::put_part(tx, &archive.id, n, column.clone())?)
                })
                .await?;
            }
            keep(&ctx, &archive, "cases.archive.built").await
        }
    }
}

/// The package with the number of its files; `None` when it would be too large.
async fn pack(ctx: &Ctx, id: &str, o: Outline) -> Result<Option<(Vec<u8>, usize)>> {
    let mut files = o.texts;
    let uploads: i64 = o.materials.iter().map(|m| m.size).sum();
    if usize::try_from(uploads).map_or(true, |n| n > LIMIT) {
        return Ok(None);
    }
    for (n, m) in o.materials.iter().enumerate() {
        let column = ctx
            .read("cases.archive-material", |tx| {
                Ok(cases::material_content(tx, id, &m.id)?)
            })
            .await?
            .ok_or_else(|| Fault::new(format!("material {} has no content", m.id)))?;
        files.push(Packed {
            path: format!("materials/{}", model::file_name(n + 1, &m.material, &m.name)),
            media: m.media.clone(),
            content: objects::api::get(ctx, &materials::place(&m.id), &column).await?,
        });
    }
    for (n, c) in o.certificates.iter().enumerate() {
        let file = ctx
            .read("cases.archive-certificate", |tx| {
                documents::api::file(ctx, tx, &c.id)
            })
            .await?;
        let Some((pdf, sm2)) = file else { continue };
        let path = format!("certificates/{}", model::file_name(n + 1, &c.kind, ""));
        files.push(Packed {
            path: format!("{path}.pdf"),
            media: "application/pdf".into(),
            content: pdf,
        });
        files.push(Packed {
            path: format!("{path}.sm2"),
            media: "application/octet-stream".into(),
            content: sm2,
        });
    }
    for (n, p) in o.papers.iter().enumerate() {
        let file = ctx
            .read("cases.archive-paper", |tx| {
                documents::api::paper_file(ctx, tx, &p.id)
            })
            .await?;
        let Some((pdf, sm2)) = file else { continue };
        let path = format!("papers/{}", model::file_name(n + 1, &p.kind, &p.number));
        for (ending, media, content) in [
            ("pdf", "application/pdf", pdf),
            ("sm2", "application/octet-stream", sm2),
        ] {
            files.push(Packed {
                path: format!("{path}.{ending}"),
                media: media.into(),
                content,
            });
        }
    }
    if files.iter().map(|f| f.content.len()).sum::<usize>() > LIMIT {
        return Ok(None);
    }
    let many = files.len();
    Ok(Some((model::package(o.about, files)?, many)))
}

async fn keep(ctx: &Ctx, a: &Archive, kind: &'static str) -> Result<()> {
    ctx.tx("cases.keep-archive", |tx| {
        if !store::insert(tx, a)? {
            return Ok(());
        }
        // The timeline of the case shows it, so the case is the subject.
        let fact = Fact::new(kind, &a.case).payload(
            json!({ "archive": a.id, "version": a.version, "sha256": a.sha256, "reason": a.reason }),
        );
        ctx.emit(tx, fact.touch(&crate::ARCHIVE, &a.id))?;
        Ok(())
    })
    .await
}

async fn content(ctx: &Ctx, a: &Archive) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for n in 0.. {
        let column = ctx
            .read("cases.archive-part", |tx| Ok(store::part(tx, &a.id, n)?))
            .await?;
        let Some(column) = column else { break };
        out.extend(objects::api::get(ctx, &part_place(&a.id, n), &column).await?);
    }
    Ok(out)
}

/// The newest package that was built, with the case's number; the look is recorded.
pub(crate) async fn download(ctx: &Ctx, case: &str) -> Result<(String, Vec<u8>)> {
    let (a, number) = ctx
        .tx("cases.download-archive", |tx| {
            let case = ended(ctx, tx, case, READ)?;
            let built = store::of(tx, &case.id)?.into_iter().find(|a| a.state == BUILT);
            ctx.accessed(
                tx,
                std::slice::from_ref(&case.applicant),
                &["application", "material", "opinion"],
                "archive",
            )?;
            Ok((
                built.ok_or_else(Refusal::not_found)?,
                case.number.unwrap_or_default(),
            ))
        })
        .await?;
    Ok((number, content(ctx, &a).await?))
}

/// Recomputes every hash of the newest built package: against its row, against the fact, against its own manifest.
pub(crate) async fn verify(ctx: &Ctx, case: &str) -> Result<Vec<Finding>> {
    let (a, said) = ctx
        .read("cases.verify-archive", |tx| {
            let case = ended(ctx, tx, case, READ)?;
            let a = store::of(tx, &case.id)?
                .into_iter()
                .find(|a| a.state == BUILT)
                .ok_or_else(Refusal::not_found)?;
            let said = fact::history(tx, &[&case.id])?
                .into_iter()
                .find(|e| e.kind == "cases.archive.built" && e.payload["archive"] == a.id)
                .and_then(|e| e.payload["sha256"].as_str().map(String::from));
            Ok((a, said))
        })
        .await?;
    let package = match content(ctx, &a).await {
        Ok(package) => package,
        // Sealed content that somebody changed does not open.
        Err(_) => return Ok(vec![("cases-archive-sealed-broken", a.id)]),
    };
    let real = hash(&package);
    let mut out = Vec::new();
    if a.sha256.as_deref() != Some(real.as_str()) || a.size != package.len() as i64 {
        out.push(("cases-archive-row-differs", a.sha256.unwrap_or_default()));
    }
    if said.as_deref() != Some(real.as_str()) {
        out.push(("cases-archive-fact-differs", said.unwrap_or_default()));
    }
    out.extend(model::inspect(&package));
    Ok(out)
}
