//! SQL of certificates.

use super::model::Certificate;
use kernel::{Fault, Row, Scope, ScopeColumns, Tx, Value, params};

const COLUMNS: &str = "id, type, title, title_en, identifier, token, case_id, number, holder, issuer, org_path, area_code, \
     state, issued_on, valid_from, valid_until, pdf_sha256, reason, waiting";

fn certificate(r: &Row) -> Result<Certificate, Fault> {
    let state: String = r.get("state")?;
    Ok(Certificate {
        id: r.get("id")?,
        kind: r.get("type")?,
        title_zh: r.get("title")?,
        title_en: r.get("title_en")?,
        identifier: r.get("identifier")?,
        token: r.get("token")?,
        case_id: r.get("case_id")?,
        number: r.get("number")?,
        holder: r.get("holder")?,
        issuer: r.get("issuer")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        issued_on: r.get("issued_on")?,
        valid_from: r.get("valid_from")?,
        valid_until: r.get("valid_until")?,
        pdf_sha256: r.get("pdf_sha256")?,
        reason: r.get("reason")?,
        waiting: r.get("waiting")?,
        ready: state != "ordered",
        state,
    })
}

fn select(tx: &mut Tx<'_>, rest: &str, p: &[Value]) -> Result<Vec<Certificate>, Fault> {
    tx.query(&format!("SELECT {COLUMNS} FROM documents_certificate {rest}"), p)?
        .iter()
        .map(certificate)
        .collect()
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: &str) -> Result<Option<Certificate>, Fault> {
    Ok(select(tx, "WHERE id = $1", params![id])?.pop())
}
pub(crate) fn by_token(tx: &mut Tx<'_>, token: &str) -> Result<Option<Certificate>, Fault> {
    Ok(select(tx, "WHERE token = $1", params![token])?.pop())
}
pub(crate) fn by_identifier(tx: &mut Tx<'_>, identifier: &str) -> Result<Option<Certificate>, Fault> {
    Ok(select(tx, "WHERE identifier = $1", params![identifier])?.pop())
}
pub(crate) fn by_hash(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<Certificate>, Fault> {
    Ok(select(tx, "WHERE pdf_sha256 = $1", params![sha256])?.pop())
}
pub(crate) fn of_case(tx: &mut Tx<'_>, case: &str) -> Result<Vec<Certificate>, Fault> {
    select(tx, "WHERE case_id = $1 ORDER BY created_at", params![case])
}
pub(crate) fn of_holder(tx: &mut Tx<'_>, holder: &str) -> Result<Vec<Certificate>, Fault> {
    select(
        tx,
        "WHERE holder = $1 ORDER BY created_at DESC LIMIT 100",
        params![holder],
    )
}
pub(crate) fn list(tx: &mut Tx<'_>, scope: &Scope, q: &str) -> Result<Vec<Certificate>, Fault> {
    let mut p = Vec::new();
    let columns = ScopeColumns {
        owner: "holder",
        about: "",
        org_path: "org_path",
        area_code: "area_code",
    };
    let mut rest = format!("WHERE {}", scope.sql(columns, &mut p));
    if !q.is_empty() {
        p.push(q.into());
        rest.push_str(&format!(" AND (identifier = ${0} OR number = ${0})", p.len()));
    }
    select(tx, &format!("{rest} ORDER BY created_at DESC LIMIT 100"), &p)
}

pub(crate) fn insert(tx: &mut Tx<'_>, c: &Certificate, fields: Vec<u8>, at: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO documents_certificate(id, type, title, title_en, identifier, token, case_id, number, holder, issuer, \
         org_path, area_code, state, fields, issued_on, valid_from, valid_until, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'ordered', $13, $14, $15, $16, $17)",
        params![
            c.id.as_str(),
            c.kind.as_str(),
            c.title_zh.as_str(),
            c.title_en.as_str(),
            c.identifier.clone(),
            c.token.as_str(),
            c.case_id.as_str(),
            c.number.as_str(),
            c.holder.as_str(),
            c.issuer.as_str(),
            c.org_path.as_str(),
            c.area_code.as_str(),
            fields,
            c.issued_on.as_str(),
            c.valid_from.clone(),
            c.valid_until.clone(),
            at
        ],
    )?;
    Ok(())
}

/// Notes why a certificate cannot be sealed now (key of a text), unless it is issued.
pub(crate) fn wait(tx: &mut Tx<'_>, id: &str, why: &str) -> Result<(), Fault> {
    let sql = "UPDATE documents_certificate SET waiting = $2 WHERE id = $1 AND state = 'ordered'";
    tx.execute(sql, params![id, why])?;
    Ok(())
}

/// Certificates of an issuer that are not made yet, whether they wait for a seal or are on their way.
pub(crate) fn waiting(tx: &mut Tx<'_>, issuer: &str) -> Result<Vec<String>, Fault> {
    let sql =
        "SELECT id FROM documents_certificate WHERE issuer = $1 AND state = 'ordered' ORDER BY created_at";
    tx.query(sql, params![issuer])?
        .iter()
        .map(|r| r.get("id"))
        .collect()
}

/// A finished file as sealed, and its detached signature.
pub(crate) type Stored = (Vec<u8>, Vec<u8>);

/// The printed fields as sealed, and of a finished certificate the file and its detached signature.
pub(crate) fn fields(tx: &mut Tx<'_>, id: &str) -> Result<Option<Vec<u8>>, Fault> {
    tx.scalar(
        "SELECT fields FROM documents_certificate WHERE id = $1",
        params![id],
    )
}
pub(crate) fn file(tx: &mut Tx<'_>, id: &str) -> Result<Option<Stored>, Fault> {
    tx.one(
        "SELECT pdf, sm2 FROM documents_certificate WHERE id = $1 AND pdf IS NOT NULL",
        params![id],
    )?
    .map(|r| Ok((r.get("pdf")?, r.get("sm2")?)))
    .transpose()
}

/// The sealed OFD package of a certificate; those of long ago have none.
pub(crate) fn ofd(tx: &mut Tx<'_>, id: &str) -> Result<Option<Vec<u8>>, Fault> {
    tx.scalar(
        "SELECT file FROM documents_ofd WHERE certificate = $1",
        params![id],
    )
}

pub(crate) fn put_ofd(tx: &mut Tx<'_>, id: &str, file: Vec<u8>, sha256: &str) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO documents_ofd(certificate, file, sha256) VALUES ($1, $2, $3)",
        params![id, file, sha256],
    )?;
    Ok(())
}

/// The certificate whose OFD package has this SHA-256.
pub(crate) fn by_ofd(tx: &mut Tx<'_>, sha256: &str) -> Result<Option<Certificate>, Fault> {
    let sql = "SELECT certificate FROM documents_ofd WHERE sha256 = $1";
    let id: Option<String> = tx.scalar(sql, params![sha256])?;
    match id {
        Some(id) => by_id(tx, &id),
        None => Ok(None),
    }
}

pub(crate) fn issue(
    tx: &mut Tx<'_>,
    id: &str,
    pdf: Vec<u8>,
    sha256: &str,
    sm2: Vec<u8>,
    at: i64,
) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE documents_certificate SET state = 'valid', pdf = $2, pdf_sha256 = $3, sm2 = $4, issued_at = $5, waiting = NULL \
         WHERE id = $1 AND state = 'ordered'",
        params![id, pdf, sha256, sm2, at],
    )?;
    Ok(n == 1)
}

pub(crate) fn revoke(tx: &mut Tx<'_>, id: &str, reason: &str, at: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE documents_certificate SET state = 'revoked', reason = $2, revoked_at = $3 WHERE id = $1 AND state = 'valid'",
        params![id, reason, at],
    )?;
    Ok(n == 1)
}

/// Position in the log of the fact that issued a certificate.
pub(crate) fn issue_seq(tx: &mut Tx<'_>, id: &str) -> Result<Option<i64>, Fault> {
    tx.scalar(
        "SELECT seq FROM kernel_fact WHERE subject = $1 AND type = 'documents.certificate.issued' AND seq IS NOT NULL",
        params![id],
    )
}

/// Keeps a type of certificate with its Typst template; `body` is the type as JSON.
pub(crate) fn put_type(
    tx: &mut Tx<'_>,
    id: &str,
    titles: (&str, &str),
    body: &str,
    template: &str,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO documents_type(id, title, title_en, body, template) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (id) DO UPDATE SET title = $2, title_en = $3, body = $4, template = $5",
        params![id, titles.0, titles.1, body, template],
    )?;
    Ok(())
}

/// (type as JSON, template)
pub(crate) fn type_of(tx: &mut Tx<'_>, id: &str) -> Result<Option<(String, String)>, Fault> {
    let row = tx.one(
        "SELECT body, template FROM documents_type WHERE id = $1",
        params![id],
    )?;
    row.map(|r| Ok((r.get("body")?, r.get("template")?))).transpose()
}
