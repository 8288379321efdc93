//! SQL of devices.

use kernel::{Fault, Row, Tx, Uuid, params};

/// A device as it is stored. Instants in UTC milliseconds, but `not_after` in Unix seconds, as in its certificate.
#[derive(Clone)]
pub(crate) struct Device {
    pub id: String,
    pub account: Uuid,
    pub subject: String,
    pub on_behalf: Option<String>,
    pub kind: String,
    pub name: String,
    pub certificate: Vec<u8>,
    /// Of a key that the city keeps for browsers without one; sealed.
    pub private: Option<Vec<u8>>,
    pub not_after: i64,
    pub created_at: i64,
    pub revoked: bool,
}

impl Device {
    /// Whose code it shows.
    pub(crate) fn holder(&self) -> &str {
        self.on_behalf.as_deref().unwrap_or(&self.subject)
    }
}

const DEVICE: &str =
    "id, account, subject, on_behalf, kind, name, certificate, private, not_after, created_at, revoked_at";

fn device_of(r: &Row) -> Result<Device, Fault> {
    Ok(Device {
        id: r.get("id")?,
        account: r.get("account")?,
        subject: r.get("subject")?,
        on_behalf: r.get("on_behalf")?,
        kind: r.get("kind")?,
        name: r.get("name")?,
        certificate: r.get("certificate")?,
        private: r.get("private")?,
        not_after: r.get("not_after")?,
        created_at: r.get("created_at")?,
        revoked: r.get::<Option<i64>>("revoked_at")?.is_some(),
    })
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Device>, Fault> {
    let sql = format!("SELECT {DEVICE} FROM onecode_device WHERE id = $1");
    tx.one(&sql, params![id])?.map(|r| device_of(&r)).transpose()
}

/// The devices of an account, newest first; those whose key the city keeps are no devices to their owner.
pub(crate) fn of_account(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Device>, Fault> {
    let sql = format!(
        "SELECT {DEVICE} FROM onecode_device WHERE account = $1 AND private IS NULL ORDER BY created_at DESC LIMIT 100"
    );
    tx.query(&sql, params![account])?.iter().map(device_of).collect()
}

/// The key that the city keeps for an account, if it may still be used at this second.
pub(crate) fn kept(
    tx: &mut Tx<'_>,
    account: Uuid,
    holder: &str,
    until: i64,
) -> Result<Option<Device>, Fault> {
    let sql = format!(
        "SELECT {DEVICE} FROM onecode_device WHERE account = $1 AND private IS NOT NULL AND revoked_at IS NULL \
         AND COALESCE(on_behalf, subject) = $2 AND not_after > $3 ORDER BY created_at DESC LIMIT 1"
    );
    tx.one(&sql, params![account, holder, until])?
        .map(|r| device_of(&r))
        .transpose()
}

pub(crate) fn insert(tx: &mut Tx<'_>, d: &Device) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO onecode_device(id, account, subject, on_behalf, kind, name, certificate, private, not_after, version, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)",
        params![
            d.id.as_str(),
            d.account,
            d.subject.as_str(),
            d.on_behalf.as_deref(),
            d.kind.as_str(),
            d.name.as_str(),
            d.certificate.clone(),
            d.private.clone(),
            d.not_after,
            d.created_at
        ],
    )?;
    Ok(())
}

/// False when it was removed before.
pub(crate) fn revoke(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE onecode_device SET revoked_at = $2, version = version + 1 WHERE id = $1 AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![id, now])? == 1)
}

/// Devices that were removed and whose certificates would still hold at this second.
pub(crate) fn revoked(tx: &mut Tx<'_>, now: i64) -> Result<Vec<String>, Fault> {
    let sql = "SELECT id FROM onecode_device WHERE revoked_at IS NOT NULL AND not_after >= $1 ORDER BY id LIMIT 3000";
    tx.query(sql, params![now])?.iter().map(|r| r.get("id")).collect()
}
