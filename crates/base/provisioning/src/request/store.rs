//! SQL of the log of requests.

use kernel::{Fault, Row, Tx, params};

/// One request. It keeps names of attributes and ids, no value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Request {
    pub id: String,
    pub client: String,
    /// UTC milliseconds.
    pub at: i64,
    pub method: String,
    pub path: String,
    pub status: i64,
    /// Word of RFC 7644 or name of the refusal; empty when it was done.
    pub problem: String,
    pub detail: String,
    pub changed: String,
    pub ignored: String,
    /// Posts that wait for approval.
    pub waiting: String,
    /// Id of the request in the server's log.
    pub request: String,
}

const COLUMNS: &str =
    "id, client, at, method, path, status, problem, detail, changed, ignored, waiting, request";

fn of(r: &Row) -> Result<Request, Fault> {
    Ok(Request {
        id: r.get("id")?,
        client: r.get("client")?,
        at: r.get("at")?,
        method: r.get("method")?,
        path: r.get("path")?,
        status: r.get("status")?,
        problem: r.get("problem")?,
        detail: r.get("detail")?,
        changed: r.get("changed")?,
        ignored: r.get("ignored")?,
        waiting: r.get("waiting")?,
        request: r.get("request")?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, q: &Request) -> Result<(), Fault> {
    let sql = format!(
        "INSERT INTO provisioning_request({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    tx.execute(
        &sql,
        params![
            q.id.as_str(),
            q.client.as_str(),
            q.at,
            q.method.as_str(),
            q.path.as_str(),
            q.status,
            q.problem.as_str(),
            q.detail.as_str(),
            q.changed.as_str(),
            q.ignored.as_str(),
            q.waiting.as_str(),
            q.request.as_str()
        ],
    )?;
    Ok(())
}

/// What a reader looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Which {
    #[default]
    All,
    /// Those that wanted to change something.
    Writes,
    Refused,
}

/// Requests of a directory, the newest first; only those of ids below `before` when it says one.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    client: &str,
    which: Which,
    before: &str,
    limit: u32,
) -> Result<Vec<Request>, Fault> {
    let which = match which {
        Which::All => "",
        Which::Writes => "AND method <> 'GET'",
        Which::Refused => "AND status >= 400",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM provisioning_request WHERE client = $1 AND ($2 = '' OR id < $2) {which} ORDER BY id DESC LIMIT {limit}"
    );
    tx.query(&sql, params![client, before])?.iter().map(of).collect()
}

/// When a directory asked last.
pub(crate) fn last(tx: &mut Tx<'_>, client: &str) -> Result<Option<i64>, Fault> {
    let sql = "SELECT at FROM provisioning_request WHERE client = $1 ORDER BY id DESC LIMIT 1";
    tx.scalar(sql, params![client])
}

/// Refused requests of a directory since an instant.
pub(crate) fn refused(tx: &mut Tx<'_>, client: &str, since: i64) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM provisioning_request WHERE client = $1 AND at >= $2 AND status >= 400";
    Ok(tx.scalar(sql, params![client, since])?.unwrap_or(0))
}

/// Removes rows before an instant, at most a thousand; how many.
pub(crate) fn sweep(tx: &mut Tx<'_>, before: i64) -> Result<u64, Fault> {
    tx.execute(
        "DELETE FROM provisioning_request WHERE id IN (SELECT id FROM provisioning_request WHERE at < $1 ORDER BY at LIMIT 1000)",
        params![before],
    )
}
