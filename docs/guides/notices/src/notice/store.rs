//! All SQL of notices.
use kernel::{Fault, Resource, Result, Row, Tx, Uuid, params};

/// One new row; `at` is UTC milliseconds.
pub(crate) fn insert(tx: &mut Tx<'_>, id: Uuid, title: &str, place: &Resource, at: i64) -> Result<(), Fault> {
    let org_path = place.org_paths.first().map_or("", String::as_str);
    tx.execute(
        "INSERT INTO notices_notice(id, title, org_path, area_code, version, published_at) VALUES ($1, $2, $3, $4, 1, $5)",
        params![id, title, org_path, &place.area_code, at],
    )?;
    Ok(())
}

/// The newest ones.
pub(crate) fn newest(tx: &mut Tx<'_>) -> Result<Vec<Row>, Fault> {
    tx.query(
        "SELECT id, title, published_at FROM notices_notice ORDER BY published_at DESC, id DESC LIMIT 50",
        &[],
    )
}
