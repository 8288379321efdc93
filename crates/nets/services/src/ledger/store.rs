//! SQL of the ledger, over the public view of cases. `'' || state` keeps SQLite from the index over states: nearly all cases of
//! a city have been decided, and it is the time that narrows them down.

use kernel::{Fault, Row, Tx, params};

/// One page of the ledger.
pub(crate) const PAGE: i64 = 50;

/// Cases accepted since an instant.
pub(crate) fn accepted(tx: &mut Tx<'_>, since: i64) -> Result<i64, Fault> {
    Ok(tx
        .scalar(
            "SELECT COUNT(*) FROM pub_cases_case WHERE accepted_at >= $1",
            params![since],
        )?
        .unwrap_or(0))
}

/// Cases decided since an instant.
pub(crate) fn ended(tx: &mut Tx<'_>, since: i64) -> Result<i64, Fault> {
    Ok(tx
        .scalar(
            "SELECT COUNT(*) FROM pub_cases_case WHERE ended_at >= $1 AND accepted_at IS NOT NULL \
             AND '' || state IN ('granted', 'refused')",
            params![since],
        )?
        .unwrap_or(0))
}

/// The middle time from acceptance to decision of the `n` cases decided since an instant, in milliseconds.
pub(crate) fn median(tx: &mut Tx<'_>, since: i64, n: i64) -> Result<Option<i64>, Fault> {
    tx.scalar(
        "SELECT ended_at - accepted_at AS took FROM pub_cases_case WHERE ended_at >= $1 AND accepted_at IS NOT NULL \
         AND '' || state IN ('granted', 'refused') ORDER BY took, id LIMIT 1 OFFSET $2",
        params![since, (n - 1).max(0) / 2],
    )
}

/// Rows accepted since an instant, newest first, older than the cursor.
pub(crate) fn accepted_rows(tx: &mut Tx<'_>, since: i64, before: i64) -> Result<Vec<Row>, Fault> {
    tx.query(
        "SELECT id, number, matter, organisation, state, accepted_at, ended_at, on_time, accepted_at AS at \
         FROM pub_cases_case WHERE accepted_at >= $1 AND accepted_at < $2 ORDER BY accepted_at DESC, id LIMIT $3",
        params![since, before, PAGE + 1],
    )
}

/// Rows decided since an instant, newest first, older than the cursor.
pub(crate) fn ended_rows(tx: &mut Tx<'_>, since: i64, before: i64) -> Result<Vec<Row>, Fault> {
    tx.query(
        "SELECT id, number, matter, organisation, state, accepted_at, ended_at, on_time, ended_at AS at \
         FROM pub_cases_case WHERE ended_at >= $1 AND ended_at < $2 AND accepted_at IS NOT NULL \
         AND '' || state IN ('granted', 'refused') ORDER BY ended_at DESC, id LIMIT $3",
        params![since, before, PAGE + 1],
    )
}
