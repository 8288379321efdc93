//! SQL of messages and wishes.

use super::model::{Message, Preference};
use kernel::{Actor, Fault, Locale, Tx, params};

const COLUMNS: &str =
    "id, recipient, kind, category, urgent, listed, reference, link, args, cause, created_at, read_at";

/// False when this person was told of this cause already.
pub(crate) fn insert(tx: &mut Tx<'_>, m: &Message) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO comms_message(id, recipient, kind, category, urgent, listed, reference, link, args, cause, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (recipient, kind, cause) DO NOTHING",
        params![
            m.id.as_str(),
            m.recipient.as_str(),
            m.kind.as_str(),
            m.group.as_str(),
            m.urgent,
            m.listed,
            m.reference.as_str(),
            m.link.as_str(),
            &m.args,
            m.cause.as_str(),
            m.created_at
        ],
    )?;
    Ok(n == 1)
}

pub(crate) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Option<Message>, Fault> {
    tx.one(
        &format!("SELECT {COLUMNS} FROM comms_message WHERE id = $1"),
        params![id],
    )?
    .map(|r| Message::of(&r))
    .transpose()
}

/// A person's list, newest first, older than `before` when given.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    recipient: &str,
    unread: bool,
    before: &str,
    limit: u32,
) -> Result<Vec<Message>, Fault> {
    let only = if unread { "AND read_at IS NULL" } else { "" };
    tx.query(
        &format!(
            "SELECT {COLUMNS} FROM comms_message WHERE recipient = $1 AND listed = 1 {only} \
             AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT {limit}"
        ),
        params![recipient, before],
    )?
    .iter()
    .map(Message::of)
    .collect()
}

pub(crate) fn unread(tx: &mut Tx<'_>, recipient: &str) -> Result<i64, Fault> {
    let n = tx.scalar(
        "SELECT COUNT(*) FROM comms_message WHERE recipient = $1 AND listed = 1 AND read_at IS NULL",
        params![recipient],
    )?;
    Ok(n.unwrap_or(0))
}

/// Whose messages an actor reads. They tell of all matters, so a power for some of them, or without `read`, shows none; whom
/// it concerns is told in the own list.
pub(crate) fn reader(actor: &Actor) -> Option<&str> {
    let whole = actor
        .mandate
        .as_ref()
        .is_some_and(|m| m.about.is_none() && m.verbs.as_ref().is_none_or(|v| v.iter().any(|v| v == "read")));
    match whole {
        true => actor.party(),
        false => actor.subject.as_deref(),
    }
}

/// For the header of every page.
pub(crate) fn unread_of(tx: &mut Tx<'_>, actor: &Actor) -> kernel::Result<i64> {
    match reader(actor) {
        Some(party) => Ok(unread(tx, party)?),
        None => Ok(0),
    }
}

pub(crate) fn set_read(tx: &mut Tx<'_>, id: &str, recipient: &str, at: Option<i64>) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE comms_message SET read_at = $3 WHERE id = $1 AND recipient = $2 AND listed = 1",
        params![id, recipient, at],
    )
}

pub(crate) fn set_all_read(tx: &mut Tx<'_>, recipient: &str, at: i64) -> Result<u64, Fault> {
    tx.execute(
        "UPDATE comms_message SET read_at = $2 WHERE recipient = $1 AND listed = 1 AND read_at IS NULL",
        params![recipient, at],
    )
}

pub(crate) fn preference(tx: &mut Tx<'_>, subject: &str) -> Result<Preference, Fault> {
    let row = tx.one(
        "SELECT locale, off, mail, code, code_until, tries, confirmed_at, version FROM comms_preference WHERE subject = $1",
        params![subject],
    )?;
    let Some(r) = row else {
        return Ok(Preference::default());
    };
    let off: serde_json::Value = r.get("off")?;
    Ok(Preference {
        locale: Locale::parse(&r.get::<String>("locale")?).unwrap_or_default(),
        off: serde_json::from_value(off).unwrap_or_default(),
        mail: r.get("mail")?,
        code: r.get("code")?,
        code_until: r.get("code_until")?,
        tries: r.get("tries")?,
        confirmed_at: r.get("confirmed_at")?,
        version: r.get("version")?,
    })
}

/// Writes all of it, if the row still has the version that was read; false when it has not.
pub(crate) fn save_preference(tx: &mut Tx<'_>, subject: &str, p: &Preference) -> Result<bool, Fault> {
    let off = serde_json::to_value(&p.off).unwrap_or_default();
    let values = params![
        subject,
        p.locale.tag(),
        off,
        p.mail.clone(),
        p.code.clone(),
        p.code_until,
        p.tries,
        p.confirmed_at,
        p.version
    ];
    let n = if p.version == 0 {
        tx.execute(
            "INSERT INTO comms_preference(subject, locale, off, mail, code, code_until, tries, confirmed_at, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9 + 1) ON CONFLICT (subject) DO NOTHING",
            values,
        )?
    } else {
        tx.execute(
            "UPDATE comms_preference SET locale = $2, off = $3, mail = $4, code = $5, code_until = $6, tries = $7, \
             confirmed_at = $8, version = $9 + 1 WHERE subject = $1 AND version = $9",
            values,
        )?
    };
    Ok(n == 1)
}
