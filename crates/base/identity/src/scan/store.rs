//! SQL of scan-to-login.

use super::model::{Scan, State};
use kernel::{Fault, Row, Tx, Uuid, params};

const SCAN: &str =
    "id, number, state, label, device, network, next, account, methods, shown_at, created_at, expires_at";

fn scan_of(r: &Row) -> Result<Scan, Fault> {
    Ok(Scan {
        id: r.get("id")?,
        number: r.get("number")?,
        state: State::of(&r.get::<String>("state")?),
        label: r.get("label")?,
        device: r.get("device")?,
        network: r.get("network")?,
        next: r.get("next")?,
        account: r.get("account")?,
        methods: r.get::<Option<String>>("methods")?.unwrap_or_default(),
        shown_at: r.get("shown_at")?,
        created_at: r.get("created_at")?,
        expires_at: r.get("expires_at")?,
    })
}

/// Begins one, and sweeps those of long ago.
pub(crate) fn insert(tx: &mut Tx<'_>, token: &str, s: &Scan) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM identity_scan WHERE expires_at < $1",
        params![s.created_at - 3_600_000],
    )?;
    tx.execute(
        "INSERT INTO identity_scan(id, token, number, state, label, device, network, next, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            s.id.as_str(),
            token,
            s.number,
            s.state.name(),
            s.label.as_str(),
            s.device.as_str(),
            s.network.as_str(),
            s.next.as_str(),
            s.created_at,
            s.expires_at
        ],
    )?;
    Ok(())
}

/// The one whose picture this is.
pub(crate) fn pictured(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<Option<Scan>, Fault> {
    let sql = format!("SELECT {SCAN} FROM identity_scan WHERE id = $1 AND expires_at > $2");
    tx.one(&sql, params![id, now])?.map(|r| scan_of(&r)).transpose()
}

/// The one whose browser this is.
pub(crate) fn waiting(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<Option<Scan>, Fault> {
    let sql = format!("SELECT {SCAN} FROM identity_scan WHERE token = $1 AND expires_at > $2");
    tx.one(&sql, params![token, now])?
        .map(|r| scan_of(&r))
        .transpose()
}

/// Who answers for a browser, and how they had shown who they are.
pub(crate) struct Answer<'a> {
    pub account: Uuid,
    pub methods: &'a str,
    pub shown_at: i64,
}

/// Moves on from one state; false when it was another by now.
pub(crate) fn move_on(tx: &mut Tx<'_>, id: &str, from: State, to: State) -> Result<bool, Fault> {
    let sql = "UPDATE identity_scan SET state = $3 WHERE id = $1 AND state = $2";
    Ok(tx.execute(sql, params![id, from.name(), to.name()])? == 1)
}

pub(crate) fn answer(tx: &mut Tx<'_>, id: &str, a: &Answer<'_>) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_scan SET account = $2, methods = $3, shown_at = $4 WHERE id = $1",
        params![id, a.account, a.methods, a.shown_at],
    )?;
    Ok(())
}
