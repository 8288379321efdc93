//! Ordering (a number and the words, in a transaction) and issuing (a job: print, seal, store). What an order says is
//! frozen: nothing that happens to the case afterwards changes its paper.

use super::model::{self, Content, Corrects, Draft, Paper};
use super::store::{self, File};
use crate::print;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Fact, Fault, Locale, Problem, Result, Tx, job};
use seals::api::{Occasion, OfdPlace, Place};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// The job that prints and seals.
pub(crate) const ISSUE: &str = "documents.paper";
/// The seal stands over the date, where the template sets `<seal>`.
const MARK: &str = "seal";
/// Where the seal stands when a template sets no mark: the middle, from the bottom left of the first page.
const ELSEWHERE: print::Spot = print::Spot {
    page: 1,
    x: 430.0,
    y: 190.0,
    height: 297.0 / 25.4 * 72.0,
};

/// What a case orders.
pub struct PaperOrder<'a> {
    /// Kind of paper of the pack.
    pub kind: &'a str,
    pub case: &'a str,
    /// See [`Draft::series`].
    pub series: &'a str,
    /// Subject id.
    pub recipient: &'a str,
    pub organisation: &'a str,
    pub day: jiff::civil::Date,
    /// Id of the fact that makes it.
    pub cause: &'a str,
    /// Why it corrects the newest paper of its series; `None` when it is a paper of its own.
    pub why: Option<&'a str>,
    pub content: Content,
}

fn file_place(id: &str) -> String {
    format!("documents_paper.pdf:{id}")
}

fn ofd_place(id: &str) -> String {
    format!("documents_paper_ofd.file:{id}")
}

/// Gives a paper its number and keeps what it says; the job prints it after the commit. `None` when the city's pack has no
/// such paper.
pub fn order(ctx: &Ctx, tx: &mut Tx<'_>, o: PaperOrder<'_>) -> Result<Option<String>> {
    let Some(rule) = store::rule(tx, o.kind)? else {
        return Ok(None);
    };
    let organisation = identity::api::organisation(tx, o.organisation)?
        .ok_or_else(|| Fault::new(format!("organisation {} is unknown", o.organisation)))?;
    let year = o.day.year();
    let serial = store::next_serial(tx, &format!("paper:{}:{year}", organisation.id))?;
    let short = if organisation.short.is_empty() {
        &organisation.name
    } else {
        &organisation.short
    };
    let before = match o.series {
        "" => None,
        series => store::newest(ctx, tx, o.case, series)?,
    };
    let id = ctx.id().to_string();
    let draft = Draft {
        kind: o.kind.into(),
        title: rule.kind.title(&o.content.matter_kind).into(),
        number: rule.number(short, year, serial),
        token: hex(&ctx.random::<16>()),
        case: o.case.into(),
        series: o.series.into(),
        recipient: o.recipient.into(),
        organisation: organisation.id,
        dated: o.day.to_string(),
        cause: o.cause.into(),
        supersedes: before.as_ref().map(|(id, ..)| id.clone()),
        corrects: before.map(|(_, number, dated)| Corrects {
            number,
            dated: words(&dated),
            why: o.why.unwrap_or_default().into(),
        }),
        content: o.content,
        id: id.clone(),
    };
    store::put_order(ctx, tx, &draft)?;
    job::enqueue(tx, ctx, ISSUE, &id, ctx.now(), json!({ "id": id }))?;
    Ok(Some(id))
}

/// A day in words; papers are Chinese whatever the page is read in.
pub fn words(day: &str) -> String {
    kernel::page::date_text(Locale::Zh, day)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Job: prints, seals, stores. A paper that is issued already is left as it is.
pub(crate) async fn issue(ctx: Ctx, payload: Json) -> Result<()> {
    let id = payload["id"].as_str().unwrap_or_default().to_string();
    let found = ctx
        .read("documents.paper-order", |tx| {
            let Some(d) = store::order(&ctx, tx, &id)? else {
                return Ok(None);
            };
            let rule = store::rule(tx, &d.kind)?;
            let template = store::template(tx, &d.kind)?;
            let organisation = identity::api::organisation(tx, &d.organisation)?.map(|o| o.name);
            Ok(Some((d, rule.zip(template), organisation.unwrap_or_default())))
        })
        .await?;
    let Some((d, kind, organisation)) = found else {
        return Ok(());
    };
    let (rule, template) =
        kind.ok_or_else(|| Fault::new(format!("paper {} is gone from the pack", d.kind)))?;
    let demo = ctx.app.config.demo;
    let url = format!("{}/verify/{}", ctx.app.config.url, d.token);
    let qr = kernel::qr::svg(&url)?;
    let data = model::data(
        &d,
        &organisation,
        &words(&d.dated),
        &rule.remedies,
        &url,
        &qr,
        demo,
    );
    let (title, now) = (d.title.clone(), ctx.now());
    let printed =
        tokio::task::spawn_blocking(move || print::render_both(&template, &data, &title, now, MARK))
            .await
            .map_err(|e| Fault::of("printing", e))?;
    let printed = printed.map_err(|e| Fault::of(format!("paper {}", d.kind), e))?;
    let spot = printed.spot.unwrap_or(ELSEWHERE);
    let occasion = Occasion {
        kind: format!("paper:{}", d.kind),
        title: d.title.clone(),
        number: d.number.clone(),
        purpose: String::new(),
        for_whom: Some(d.recipient.clone()),
    };
    let place = Place {
        page: spot.page,
        centre: [spot.x, spot.y],
    };
    let above = OfdPlace {
        page: usize::try_from(spot.page.saturating_sub(1)).unwrap_or_default(),
        centre: spot.from_top(),
    };
    let done = async {
        let sealed = seals::api::seal_pdf(&ctx, &d.organisation, &occasion, printed.pdf, place).await?;
        let ofd = seals::api::seal_ofd(&ctx, &d.organisation, &occasion, printed.ofd, above).await?;
        Ok((sealed, ofd))
    };
    let (sealed, ofd) = match done.await {
        Err(Problem::Refusal(why)) => {
            return ctx
                .tx("documents.wait-paper", |tx| Ok(store::wait(tx, &id, &why.key)?))
                .await;
        }
        done => done?,
    };
    let file = File {
        ofd_sha256: hex(&Sha256::digest(&ofd)),
        ofd: ctx.protect().seal(&ofd_place(&id), &STANDARD.encode(&ofd))?,
        sha256: hex(&Sha256::digest(&sealed.pdf)),
        pdf: ctx
            .protect()
            .seal(&file_place(&id), &STANDARD.encode(&sealed.pdf))?,
        sm2: sealed.sm2,
    };
    ctx.tx("documents.issue-paper", |tx| {
        if !store::issue(&ctx, tx, &d, &file)? {
            return Ok(());
        }
        let mut fact = Fact::new("documents.paper.issued", &id)
            .payload(
                json!({ "paper": d.kind, "title": d.title, "number": d.number, "case": d.case,
                "pdf_sha256": file.sha256, "ofd_sha256": file.ofd_sha256, "supersedes": d.supersedes }),
            )
            .cause(&d.cause)
            .touch(&crate::PAPER, &id);
        if let Some(before) = &d.supersedes
            && store::supersede(tx, before, &id)?
        {
            fact = fact.touch(&crate::PAPER, before);
        }
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}

/// Tries the papers of an organisation anew that are not issued, after a fact.
pub(crate) fn try_again(ctx: &Ctx, tx: &mut Tx<'_>, organisation: &str, fact: &str) -> Result<()> {
    for id in store::not_issued(tx, organisation)? {
        let key = format!("{id}:{fact}");
        job::enqueue(tx, ctx, ISSUE, &key, ctx.now(), json!({ "id": id }))?;
    }
    Ok(())
}

/// File and detached SM2 signature of an issued paper.
pub(crate) fn file(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let Some((sealed, sm2)) = store::file(tx, id)? else {
        return Ok(None);
    };
    let text = ctx.protect().open(&file_place(id), &sealed)?;
    let pdf = STANDARD.decode(text).map_err(|e| Fault::of("paper file", e))?;
    Ok(Some((pdf, sm2)))
}

/// The sealed OFD package of a paper; `None` for one from before there were any.
pub(crate) fn ofd(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Vec<u8>>> {
    let Some(sealed) = store::ofd(tx, id)? else {
        return Ok(None);
    };
    let text = ctx.protect().open(&ofd_place(id), &sealed)?;
    let ofd = STANDARD.decode(text).map_err(|e| Fault::of("paper file", e))?;
    Ok(Some(ofd))
}

/// What the public page says of a paper: enough to recognise it, nobody's full name.
pub(crate) fn shown(ctx: &Ctx, tx: &mut Tx<'_>, p: &Paper) -> Result<Json> {
    let recipient = identity::api::party(ctx, tx, &p.recipient)?;
    let newer = match &p.superseded_by {
        Some(id) => store::by_id(tx, id)?.map(|n| n.number),
        None => None,
    };
    Ok(json!({
        "title": p.title, "number": p.number, "issuer": identity::api::organisation_name(ctx, tx, &p.organisation)?,
        "dated": p.dated, "superseded_by": newer, "sha256": p.pdf_sha256, "seq": store::issue_seq(tx, &p.id)?,
        "recipient_masked": recipient.map(|p| if p.kind == "legal" { p.name } else { p.masked_name() }),
    }))
}
