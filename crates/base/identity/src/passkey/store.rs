//! SQL of passkeys and their challenges.

use super::model::{Passkey, Purpose};
use kernel::{Fault, Row, Tx, Uuid, params};

const PASSKEY: &str = "id, account, credential, public_key, count, backup_eligible, backed_up, transports, aaguid, name, \
     created_at, used_at, used_with, suspected_at";

fn passkey_of(r: &Row) -> Result<Passkey, Fault> {
    let key = hex::decode(r.get::<String>("public_key")?).map_err(|e| Fault::of("passkey", e))?;
    let transports: String = r.get("transports")?;
    Ok(Passkey {
        id: r.get("id")?,
        account: r.get("account")?,
        credential: r.get("credential")?,
        key,
        count: u32::try_from(r.get::<i64>("count")?).map_err(|e| Fault::of("passkey", e))?,
        backup_eligible: r.get::<i64>("backup_eligible")? != 0,
        backed_up: r.get::<i64>("backed_up")? != 0,
        transports: transports.split_whitespace().map(String::from).collect(),
        aaguid: r.get("aaguid")?,
        name: r.get("name")?,
        created_at: r.get("created_at")?,
        used_at: r.get("used_at")?,
        used_with: r.get("used_with")?,
        suspected: r.get::<Option<i64>>("suspected_at")?.is_some(),
    })
}

/// Passkeys of an account that were not removed, the oldest first.
pub(crate) fn passkeys(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Passkey>, Fault> {
    let sql = format!(
        "SELECT {PASSKEY} FROM identity_passkey WHERE account = $1 AND removed_at IS NULL ORDER BY created_at, id"
    );
    tx.query(&sql, params![account])?.iter().map(passkey_of).collect()
}

/// The passkey with this credential id, unless it was removed.
pub(crate) fn by_credential(tx: &mut Tx<'_>, credential: &str) -> Result<Option<Passkey>, Fault> {
    let sql = format!("SELECT {PASSKEY} FROM identity_passkey WHERE credential = $1 AND removed_at IS NULL");
    tx.one(&sql, params![credential])?
        .map(|r| passkey_of(&r))
        .transpose()
}

/// False when the credential was ever known.
pub(crate) fn insert(tx: &mut Tx<'_>, p: &Passkey) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO identity_passkey(id, account, credential, public_key, count, backup_eligible, backed_up, transports, aaguid, \
         name, version, created_at, used_with) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12) \
         ON CONFLICT (credential) DO NOTHING",
        params![
            p.id.as_str(),
            p.account,
            p.credential.as_str(),
            hex::encode(&p.key),
            i64::from(p.count),
            i64::from(p.backup_eligible),
            i64::from(p.backed_up),
            p.transports.join(" "),
            p.aaguid.as_str(),
            p.name.clone(),
            p.created_at,
            p.used_with.as_str()
        ],
    )?;
    Ok(n == 1)
}

/// Notes a use; false when the passkey was used, marked or removed since it was read.
pub(crate) fn used(
    tx: &mut Tx<'_>,
    p: &Passkey,
    shown: webauthn::Shown,
    with: &str,
    now: i64,
) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE identity_passkey SET count = $3, backed_up = $4, used_at = $5, used_with = $6 \
         WHERE id = $1 AND count = $2 AND removed_at IS NULL AND suspected_at IS NULL",
        params![
            p.id.as_str(),
            i64::from(p.count),
            i64::from(shown.count),
            i64::from(shown.backed_up),
            now,
            with
        ],
    )?;
    Ok(n == 1)
}

/// False when it was marked before.
pub(crate) fn suspect(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<bool, Fault> {
    let sql = "UPDATE identity_passkey SET suspected_at = $2, version = version + 1 \
               WHERE id = $1 AND suspected_at IS NULL AND removed_at IS NULL";
    Ok(tx.execute(sql, params![id, now])? == 1)
}

pub(crate) fn rename(tx: &mut Tx<'_>, id: &str, name: &[u8]) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_passkey SET name = $2, version = version + 1 WHERE id = $1",
        params![id, name.to_vec()],
    )?;
    Ok(())
}

pub(crate) fn remove(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_passkey SET removed_at = $2, version = version + 1 WHERE id = $1 AND removed_at IS NULL",
        params![id, now],
    )?;
    Ok(())
}

/// Gives out a challenge, and sweeps those that ran out.
pub(crate) fn insert_challenge(
    tx: &mut Tx<'_>,
    challenge: &str,
    browser: &str,
    purpose: Purpose,
    now: i64,
    expires_at: i64,
) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM identity_ceremony WHERE expires_at <= $1",
        params![now],
    )?;
    tx.execute(
        "INSERT INTO identity_ceremony(challenge, browser, purpose, expires_at) VALUES ($1, $2, $3, $4)",
        params![challenge, browser, purpose.name(), expires_at],
    )?;
    Ok(())
}

/// Uses up a challenge; false when there is none like it for this browser.
pub(crate) fn take_challenge(
    tx: &mut Tx<'_>,
    challenge: &str,
    browser: &str,
    purpose: Purpose,
    now: i64,
) -> Result<bool, Fault> {
    let sql = "DELETE FROM identity_ceremony WHERE challenge = $1 AND browser = $2 AND purpose = $3 AND expires_at > $4";
    Ok(tx.execute(sql, params![challenge, browser, purpose.name(), now])? == 1)
}
