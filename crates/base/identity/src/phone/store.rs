//! SQL of confirmed numbers and of codes that were sent.

use super::model::Sent;
use kernel::{Fault, Tx, Uuid, params};

/// Whose number this is.
pub(crate) fn owner(tx: &mut Tx<'_>, number_index: &str) -> Result<Option<String>, Fault> {
    tx.scalar(
        "SELECT subject FROM identity_phone WHERE number_index = $1",
        params![number_index],
    )
}

/// When a person's number was confirmed.
pub(crate) fn confirmed_at(tx: &mut Tx<'_>, subject: &str) -> Result<Option<i64>, Fault> {
    tx.scalar(
        "SELECT confirmed_at FROM identity_phone WHERE subject = $1",
        params![subject],
    )
}

/// Makes a number its confirmer's; `sealed` is the number for their own row.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    subject: &str,
    number_index: &str,
    sealed: Vec<u8>,
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_phone(subject, number_index, version, confirmed_at) VALUES ($1, $2, 1, $3) \
         ON CONFLICT (subject) DO UPDATE SET number_index = $2, version = identity_phone.version + 1, confirmed_at = $3",
        params![subject, number_index, now],
    )?;
    tx.execute(
        "UPDATE identity_subject SET phone = $2, version = version + 1 WHERE id = $1",
        params![subject, sealed],
    )?;
    Ok(())
}

/// Takes a number from whoever confirmed it.
pub(crate) fn remove(tx: &mut Tx<'_>, subject: &str) -> Result<bool, Fault> {
    let sql = "DELETE FROM identity_phone WHERE subject = $1";
    Ok(tx.execute(sql, params![subject])? == 1)
}

/// The account that a person signs in to with a phone: the resident's, else the official's.
pub(crate) fn account_of(tx: &mut Tx<'_>, subject: &str) -> Result<Option<Uuid>, Fault> {
    tx.scalar(
        "SELECT id FROM identity_account WHERE subject = $1 AND retired_at IS NULL \
         ORDER BY CASE WHEN kind = 'official' THEN 1 ELSE 0 END, created_at, id LIMIT 1",
        params![subject],
    )
}

/// Codes sent to a number: (within the window, the last one's time).
pub(crate) fn sent(tx: &mut Tx<'_>, number_index: &str, since: i64) -> Result<(i64, i64), Fault> {
    let row = tx.one(
        "SELECT COUNT(*) AS n, COALESCE(MAX(created_at), 0) AS last FROM identity_phone_code \
         WHERE number_index = $1 AND created_at > $2",
        params![number_index, since],
    )?;
    row.map_or(Ok((0, 0)), |r| Ok((r.get("n")?, r.get("last")?)))
}

pub(crate) fn insert(tx: &mut Tx<'_>, token: &str, s: &Sent, now: i64, expires_at: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_phone_code(token, account, number_index, parcel, tries, label, device, next, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9)",
        params![token, s.account, s.number_index.as_str(), s.parcel.clone(), s.label.as_str(), s.device.as_str(), s.next.as_str(), now, expires_at],
    )?;
    Ok(())
}

/// What the browser with this token waits for.
pub(crate) fn waiting(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<Option<Sent>, Fault> {
    tx.one(
        "SELECT account, number_index, parcel, tries, label, device, next FROM identity_phone_code \
         WHERE token = $1 AND expires_at > $2",
        params![token, now],
    )?
    .map(|r| {
        Ok(Sent {
            account: r.get("account")?,
            number_index: r.get("number_index")?,
            parcel: r.get("parcel")?,
            tries: r.get("tries")?,
            label: r.get("label")?,
            device: r.get("device")?,
            next: r.get("next")?,
        })
    })
    .transpose()
}

/// Counts a wrong try.
pub(crate) fn missed(tx: &mut Tx<'_>, token: &str) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_phone_code SET tries = tries + 1 WHERE token = $1",
        params![token],
    )?;
    Ok(())
}

/// Uses a code up; false when it was used before. The row stays for the day's count, the rest is swept.
pub(crate) fn end(tx: &mut Tx<'_>, token: &str, now: i64, sweep: i64) -> Result<bool, Fault> {
    let sql = "UPDATE identity_phone_code SET expires_at = $2 WHERE token = $1 AND expires_at > $2";
    let ended = tx.execute(sql, params![token, now])? == 1;
    tx.execute(
        "DELETE FROM identity_phone_code WHERE created_at < $1",
        params![sweep],
    )?;
    Ok(ended)
}
