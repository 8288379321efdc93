//! What other crates may ask of documents.

pub use crate::certificate::model::Certificate;
pub use crate::certificate::produce::{Order, order};
use crate::certificate::{produce, store};
pub use crate::paper::model::{Content, Item, Law, Paper, Served};
pub use crate::paper::service::{PaperOrder, order as order_paper, words as day_in_words};
use crate::paper::{service as papers, store as paper_store};
use kernel::{Ctx, Fault, Result, Tx};

/// Certificates that a case led to.
pub fn of_case(tx: &mut Tx<'_>, case: &str) -> Result<Vec<Certificate>, Fault> {
    store::of_case(tx, case)
}

/// The actor's own certificates, newest first.
pub fn own(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<Certificate>, Fault> {
    match ctx.actor.party() {
        Some(party) => {
            let mut all = store::of_holder(tx, party)?;
            all.retain(|c| {
                ctx.actor.on_behalf.is_none() || ctx.may("documents.certificate.read", &c.resource()).is_ok()
            });
            Ok(all)
        }
        None => Ok(Vec::new()),
    }
}

/// Certificates of somebody, newest first, for those who may know them.
pub fn of_holder(tx: &mut Tx<'_>, holder: &str) -> Result<Vec<Certificate>, Fault> {
    store::of_holder(tx, holder)
}

/// The finished file of a certificate and its detached SM2 signature; `None` until it is issued.
pub fn file(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    produce::file(ctx, tx, id)
}

/// Issued papers of a case, oldest first.
pub fn papers_of(tx: &mut Tx<'_>, case: &str) -> Result<Vec<Paper>, Fault> {
    paper_store::of_case(tx, case)
}

/// (kind, title, number) of the papers of a case that hold, issued or being printed.
pub fn papers_in_force(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Vec<(String, String, String)>> {
    let waiting = paper_store::orders(ctx, tx, case)?;
    let mut issued = paper_store::of_case(tx, case)?;
    let superseded = |id: &str| waiting.iter().any(|d| d.supersedes.as_deref() == Some(id));
    issued.retain(|p| p.superseded_by.is_none() && !superseded(&p.id));
    let kept = issued.into_iter().map(|p| (p.kind, p.title, p.number));
    let coming = waiting.iter().filter(|d| !superseded(&d.id));
    Ok(kept
        .chain(coming.map(|d| (d.kind.clone(), d.title.clone(), d.number.clone())))
        .collect())
}

/// How many papers of a case have their number and are being printed.
pub fn papers_waiting(tx: &mut Tx<'_>, case: &str) -> Result<i64, Fault> {
    paper_store::waiting(tx, case)
}

/// Why papers of a case wait for a seal: keys of texts; empty when they are only being printed.
pub fn papers_unsealed(tx: &mut Tx<'_>, case: &str) -> Result<Vec<String>, Fault> {
    paper_store::reasons(tx, case)
}

/// What an issued paper says.
pub fn paper_content(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Content>> {
    Ok(paper_store::draft(ctx, tx, id)?.map(|d| d.content))
}

/// File and detached SM2 signature of an issued paper.
pub fn paper_file(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    papers::file(ctx, tx, id)
}

/// The sealed OFD package of an issued paper; `None` for one from before there were any.
pub fn paper_ofd(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Vec<u8>>> {
    papers::ofd(ctx, tx, id)
}

/// Name of the keys that sealed a paper; papers from before seals were records have the organisation's.
pub fn paper_key(ctx: &Ctx, tx: &mut Tx<'_>, paper: &Paper) -> Result<String> {
    let used = seals::api::used(ctx, tx, &paper.pdf_sha256)?;
    Ok(used.map_or_else(|| paper.organisation.clone(), |u| u.key_name))
}

/// Position in the log of the fact that issued a paper; `None` until it has one.
pub fn paper_seq(tx: &mut Tx<'_>, id: &str) -> Result<Option<i64>, Fault> {
    paper_store::issue_seq(tx, id)
}
