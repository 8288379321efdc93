//! SQL of papers.

use super::model::{Draft, Paper, Rule};
use kernel::{Ctx, Fault, Result, Row, Tx, params};

const COLUMNS: &str = "id, kind, title, number, token, case_id, series, recipient, organisation, dated, supersedes, superseded_by, \
     pdf_sha256, issued_at";

fn place(id: &str) -> String {
    format!("documents_paper.body:{id}")
}

fn paper(r: &Row) -> Result<Paper, Fault> {
    Ok(Paper {
        id: r.get("id")?,
        kind: r.get("kind")?,
        title: r.get("title")?,
        number: r.get("number")?,
        token: r.get("token")?,
        case_id: r.get("case_id")?,
        series: r.get("series")?,
        recipient: r.get("recipient")?,
        organisation: r.get("organisation")?,
        dated: r.get("dated")?,
        supersedes: r.get("supersedes")?,
        superseded_by: r.get("superseded_by")?,
        pdf_sha256: r.get("pdf_sha256")?,
        issued_at: r.get("issued_at")?,
    })
}

fn select(tx: &mut Tx<'_>, rest: &str, value: &str) -> Result<Vec<Paper>, Fault> {
    tx.query(
        &format!("SELECT {COLUMNS} FROM documents_paper {rest}"),
        params![value],
    )?
    .iter()
    .map(paper)
    .collect()
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: &str) -> Result<Option<Paper>, Fault> {
    Ok(select(tx, "WHERE id = $1", id)?.pop())
}
pub(crate) fn by_token(tx: &mut Tx<'_>, token: &str) -> Result<Option<Paper>, Fault> {
    Ok(select(tx, "WHERE token = $1", token)?.pop())
}
/// The paper whose PDF or OFD file has this SHA-256.
pub(crate) fn by_hash(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<Paper>, Fault> {
    let rest = "WHERE pdf_sha256 = $1 OR id IN (SELECT paper FROM documents_paper_ofd WHERE sha256 = $1)";
    Ok(select(tx, rest, sha256)?.pop())
}
/// Issued papers, oldest first.
pub(crate) fn of_case(tx: &mut Tx<'_>, case: &str) -> Result<Vec<Paper>, Fault> {
    select(tx, "WHERE case_id = $1 ORDER BY issued_at, id", case)
}

/// How many papers of a case wait to be printed.
pub(crate) fn waiting(tx: &mut Tx<'_>, case: &str) -> Result<i64, Fault> {
    let n = tx.scalar(
        "SELECT COUNT(*) FROM documents_paper_order WHERE case_id = $1",
        params![case],
    )?;
    Ok(n.unwrap_or(0))
}

/// What waits to be printed, in the order in which it was ordered.
pub(crate) fn orders(ctx: &Ctx, tx: &mut Tx<'_>, case: &str) -> Result<Vec<Draft>> {
    let sql = "SELECT id FROM documents_paper_order WHERE case_id = $1 ORDER BY ordered_at, id";
    let mut out = Vec::new();
    for r in tx.query(sql, params![case])? {
        out.extend(order(ctx, tx, &r.get::<String>("id")?)?);
    }
    Ok(out)
}

pub(crate) fn put_kind(tx: &mut Tx<'_>, rule: &Rule, template: &str) -> Result<()> {
    let body = serde_json::to_string(rule)?;
    tx.execute(
        "INSERT INTO documents_paper_kind(id, body, template) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET body = $2, template = $3",
        params![rule.kind.id.as_str(), body, template],
    )?;
    Ok(())
}

/// One kind, without its template.
pub(crate) fn rule(tx: &mut Tx<'_>, id: &str) -> Result<Option<Rule>> {
    let body: Option<String> =
        tx.scalar("SELECT body FROM documents_paper_kind WHERE id = $1", params![id])?;
    Ok(body.map(|b| serde_json::from_str(&b)).transpose()?)
}

pub(crate) fn template(tx: &mut Tx<'_>, id: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT template FROM documents_paper_kind WHERE id = $1",
        params![id],
    )
}

/// The next serial of a series of numbers. On PostgreSQL whoever comes second waits for the first: no number is lost.
pub(crate) fn next_serial(tx: &mut Tx<'_>, series: &str) -> Result<i64, Fault> {
    tx.execute(
        "INSERT INTO kernel_sequence(name, value) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING",
        params![series],
    )?;
    let sql = "UPDATE kernel_sequence SET value = value + 1 WHERE name = $1 RETURNING value";
    tx.scalar(sql, params![series])?
        .ok_or_else(|| Fault::new(format!("series {series} is gone")))
}

/// (id, number, dated) of the newest paper of a series, issued or about to be.
pub(crate) fn newest(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    case: &str,
    series: &str,
) -> Result<Option<(String, String, String)>> {
    let sql = "SELECT id FROM documents_paper_order WHERE case_id = $1 AND series = $2 ORDER BY ordered_at DESC, id DESC LIMIT 1";
    if let Some(id) = tx.scalar::<String>(sql, params![case, series])?
        && let Some(d) = order(ctx, tx, &id)?
    {
        return Ok(Some((d.id, d.number, d.dated)));
    }
    let all = of_case(tx, case)?;
    let last = all.into_iter().rfind(|p| p.series == series);
    Ok(last.map(|p| (p.id, p.number, p.dated)))
}

pub(crate) fn put_order(ctx: &Ctx, tx: &mut Tx<'_>, d: &Draft) -> Result<()> {
    let body = ctx.protect().seal(&place(&d.id), &serde_json::to_string(d)?)?;
    tx.execute(
        "INSERT INTO documents_paper_order(id, case_id, series, number, body, ordered_at, organisation) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            d.id.as_str(),
            d.case.as_str(),
            d.series.as_str(),
            d.number.as_str(),
            body,
            ctx.now(),
            d.organisation.as_str()
        ],
    )?;
    Ok(())
}

/// Notes why a paper cannot be sealed now: key of a text.
pub(crate) fn wait(tx: &mut Tx<'_>, id: &str, why: &str) -> Result<(), Fault> {
    let sql = "UPDATE documents_paper_order SET waiting = $2 WHERE id = $1";
    tx.execute(sql, params![id, why])?;
    Ok(())
}

/// Why papers of a case wait for a seal.
pub(crate) fn reasons(tx: &mut Tx<'_>, case: &str) -> Result<Vec<String>, Fault> {
    let sql = "SELECT DISTINCT waiting FROM documents_paper_order WHERE case_id = $1 AND waiting IS NOT NULL";
    tx.query(sql, params![case])?
        .iter()
        .map(|r| r.get("waiting"))
        .collect()
}

/// Papers of an organisation that are not issued, whether they wait for a seal or are on their way.
pub(crate) fn not_issued(tx: &mut Tx<'_>, organisation: &str) -> Result<Vec<String>, Fault> {
    let sql = "SELECT id FROM documents_paper_order WHERE organisation = $1 OR organisation = '' ORDER BY ordered_at, id";
    tx.query(sql, params![organisation])?
        .iter()
        .map(|r| r.get("id"))
        .collect()
}

fn opened(ctx: &Ctx, id: &str, body: Option<Vec<u8>>) -> Result<Option<Draft>> {
    let Some(body) = body else { return Ok(None) };
    let text = ctx.protect().open(&place(id), &body)?;
    Ok(Some(serde_json::from_str(&text)?))
}

/// A paper that waits to be printed.
pub(crate) fn order(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Draft>> {
    let body = tx.scalar(
        "SELECT body FROM documents_paper_order WHERE id = $1",
        params![id],
    )?;
    opened(ctx, id, body)
}

/// What an issued paper says.
pub(crate) fn draft(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Draft>> {
    let body = tx.scalar("SELECT body FROM documents_paper WHERE id = $1", params![id])?;
    opened(ctx, id, body)
}

/// File and detached signature of a paper that is issued now.
pub(crate) struct File {
    /// Sealed.
    pub pdf: Vec<u8>,
    pub sha256: String,
    pub sm2: Vec<u8>,
    /// Sealed.
    pub ofd: Vec<u8>,
    pub ofd_sha256: String,
}

/// Turns the order into an issued paper; false when that has been done already.
pub(crate) fn issue(ctx: &Ctx, tx: &mut Tx<'_>, d: &Draft, f: &File) -> Result<bool> {
    if tx.execute(
        "DELETE FROM documents_paper_order WHERE id = $1",
        params![d.id.as_str()],
    )? == 0
    {
        return Ok(false);
    }
    let body = ctx.protect().seal(&place(&d.id), &serde_json::to_string(d)?)?;
    // A print that failed and came late may already have its successor.
    tx.execute(
        "INSERT INTO documents_paper(id, kind, title, number, token, case_id, series, recipient, organisation, dated, cause, \
         supersedes, body, pdf, pdf_sha256, sm2, issued_at, superseded_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         (SELECT id FROM documents_paper WHERE supersedes = $1))",
        params![
            d.id.as_str(),
            d.kind.as_str(),
            d.title.as_str(),
            d.number.as_str(),
            d.token.as_str(),
            d.case.as_str(),
            d.series.as_str(),
            d.recipient.as_str(),
            d.organisation.as_str(),
            d.dated.as_str(),
            d.cause.as_str(),
            d.supersedes.clone(),
            body,
            f.pdf.clone(),
            f.sha256.as_str(),
            f.sm2.clone(),
            ctx.now()
        ],
    )?;
    tx.execute(
        "INSERT INTO documents_paper_ofd(paper, file, sha256) VALUES ($1, $2, $3)",
        params![d.id.as_str(), f.ofd.clone(), f.ofd_sha256.as_str()],
    )?;
    Ok(true)
}

/// Notes on a paper which one came in its place; false when it is not issued, or has been superseded before.
pub(crate) fn supersede(tx: &mut Tx<'_>, id: &str, by: &str) -> Result<bool, Fault> {
    let sql = "UPDATE documents_paper SET superseded_by = $2 WHERE id = $1 AND superseded_by IS NULL";
    Ok(tx.execute(sql, params![id, by])? == 1)
}

/// A file as sealed, and its detached signature.
pub(crate) type Stored = (Vec<u8>, Vec<u8>);

pub(crate) fn file(tx: &mut Tx<'_>, id: &str) -> Result<Option<Stored>, Fault> {
    tx.one("SELECT pdf, sm2 FROM documents_paper WHERE id = $1", params![id])?
        .map(|r| Ok((r.get("pdf")?, r.get("sm2")?)))
        .transpose()
}

/// The OFD package of a paper, as sealed.
pub(crate) fn ofd(tx: &mut Tx<'_>, id: &str) -> Result<Option<Vec<u8>>, Fault> {
    tx.scalar(
        "SELECT file FROM documents_paper_ofd WHERE paper = $1",
        params![id],
    )
}

/// Position in the log of the fact that issued a paper.
pub(crate) fn issue_seq(tx: &mut Tx<'_>, id: &str) -> Result<Option<i64>, Fault> {
    tx.scalar(
        "SELECT seq FROM kernel_fact WHERE subject = $1 AND type = 'documents.paper.issued' AND seq IS NOT NULL",
        params![id],
    )
}
