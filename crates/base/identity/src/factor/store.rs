//! SQL of factors, recovery codes, challenges and devices.

use super::model::{Challenge, Factor, Purpose};
use kernel::{Fault, Row, Tx, Uuid, params};

fn factor_of(r: &Row) -> Result<Factor, Fault> {
    Ok(Factor {
        id: r.get("id")?,
        account: r.get("account")?,
        kind: r.get("kind")?,
        secret: r.get("secret")?,
        created_at: r.get("created_at")?,
        confirmed: r.get::<Option<i64>>("confirmed_at")?.is_some(),
    })
}
const FACTOR: &str = "id, account, kind, secret, created_at, confirmed_at";

/// A factor that was not removed.
pub(crate) fn factor(tx: &mut Tx<'_>, id: &str) -> Result<Option<Factor>, Fault> {
    let sql = format!("SELECT {FACTOR} FROM identity_factor WHERE id = $1 AND removed_at IS NULL");
    tx.one(&sql, params![id])?.map(|r| factor_of(&r)).transpose()
}

/// The factors that an account may show.
pub(crate) fn factors(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<Factor>, Fault> {
    let sql = format!(
        "SELECT {FACTOR} FROM identity_factor WHERE account = $1 AND confirmed_at IS NOT NULL AND removed_at IS NULL \
         ORDER BY created_at"
    );
    tx.query(&sql, params![account])?.iter().map(factor_of).collect()
}

pub(crate) fn insert_factor(tx: &mut Tx<'_>, f: &Factor) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_factor(id, account, kind, secret, used, version, created_at) VALUES ($1, $2, $3, $4, 0, 1, $5)",
        params![f.id.as_str(), f.account, f.kind.as_str(), f.secret.clone(), f.created_at],
    )?;
    Ok(())
}

/// Marks a factor as its owner's.
pub(crate) fn confirm_factor(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_factor SET confirmed_at = $2, version = version + 1 WHERE id = $1 AND confirmed_at IS NULL",
        params![id, now],
    )?;
    Ok(())
}

/// Takes a time step of a factor; false when it or a later one was taken before.
pub(crate) fn take_step(tx: &mut Tx<'_>, id: &str, step: i64) -> Result<bool, Fault> {
    let sql = "UPDATE identity_factor SET used = $2 WHERE id = $1 AND used < $2 AND removed_at IS NULL";
    Ok(tx.execute(sql, params![id, step])? == 1)
}

pub(crate) fn remove_factor(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    tx.execute(
        "UPDATE identity_factor SET removed_at = $2, version = version + 1 WHERE id = $1 AND removed_at IS NULL",
        params![id, now],
    )?;
    Ok(())
}

/// Replaces an account's recovery codes.
pub(crate) fn put_recovery(tx: &mut Tx<'_>, account: Uuid, digests: &[String]) -> Result<(), Fault> {
    tx.execute(
        "DELETE FROM identity_recovery WHERE account = $1",
        params![account],
    )?;
    for digest in digests {
        tx.execute(
            "INSERT INTO identity_recovery(account, digest) VALUES ($1, $2)",
            params![account, digest.as_str()],
        )?;
    }
    Ok(())
}

/// Uses up a recovery code; false when there is none like it.
pub(crate) fn use_recovery(tx: &mut Tx<'_>, account: Uuid, digest: &str, now: i64) -> Result<bool, Fault> {
    let sql =
        "UPDATE identity_recovery SET used_at = $3 WHERE account = $1 AND digest = $2 AND used_at IS NULL";
    Ok(tx.execute(sql, params![account, digest, now])? == 1)
}

/// Recovery codes that are left.
pub(crate) fn recovery_left(tx: &mut Tx<'_>, account: Uuid) -> Result<i64, Fault> {
    let sql = "SELECT COUNT(*) FROM identity_recovery WHERE account = $1 AND used_at IS NULL";
    Ok(tx.scalar(sql, params![account])?.unwrap_or(0))
}

pub(crate) fn insert_challenge(
    tx: &mut Tx<'_>,
    token: &str,
    c: &Challenge,
    expires_at: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_challenge(token, account, purpose, factor, label, device, next, expires_at, first) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            token,
            c.account,
            c.purpose.name(),
            c.factor.as_deref(),
            c.label.as_str(),
            c.device.as_str(),
            c.next.as_str(),
            expires_at,
            c.first.as_str()
        ],
    )?;
    Ok(())
}

pub(crate) fn challenge(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<Option<Challenge>, Fault> {
    tx.one(
        "SELECT account, purpose, factor, label, device, next, first FROM identity_challenge WHERE token = $1 AND expires_at > $2",
        params![token, now],
    )?
    .map(|r| {
        Ok(Challenge {
            account: r.get("account")?,
            purpose: Purpose::of(&r.get::<String>("purpose")?),
            factor: r.get("factor")?,
            label: r.get("label")?,
            device: r.get("device")?,
            next: r.get("next")?,
            first: r.get("first")?,
        })
    })
    .transpose()
}

/// Ends a challenge, and sweeps those that ran out; false when it was ended before.
pub(crate) fn end_challenge(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<bool, Fault> {
    let ended = tx.execute("DELETE FROM identity_challenge WHERE token = $1", params![token])? == 1;
    tx.execute(
        "DELETE FROM identity_challenge WHERE expires_at <= $1",
        params![now],
    )?;
    Ok(ended)
}

/// What is known of a device and a network before this sign-in: (devices of the account, this device, this network).
pub(crate) fn known(
    tx: &mut Tx<'_>,
    account: Uuid,
    device: &str,
    network: &str,
) -> Result<(i64, bool, bool), Fault> {
    let row = tx.one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN device = $2 THEN 1 ELSE 0 END), 0) AS d, \
         COALESCE(SUM(CASE WHEN network = $3 THEN 1 ELSE 0 END), 0) AS w FROM identity_device WHERE account = $1",
        params![account, device, network],
    )?;
    let Some(r) = row else {
        return Ok((0, false, false));
    };
    Ok((r.get("n")?, r.get::<i64>("d")? > 0, r.get::<i64>("w")? > 0))
}

pub(crate) fn put_device(
    tx: &mut Tx<'_>,
    account: Uuid,
    device: &str,
    label: &str,
    network: &str,
    now: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_device(account, device, label, network, first_at, last_at) VALUES ($1, $2, $3, $4, $5, $5) \
         ON CONFLICT (account, device) DO UPDATE SET label = $3, network = $4, last_at = $5",
        params![account, device, label, network, now],
    )?;
    Ok(())
}
