//! SQL of deliveries and the sink.

use super::model::{Delivery, State};
use crate::rules::Channel;
use kernel::{Fault, Row, Tx, Value, params};

const COLUMNS: &str = "id, message, recipient, channel, urgent, state, attempts, round, address, reason, detail, next_at, \
    created_at, sent_at, delivered_at";

pub(crate) fn insert(tx: &mut Tx<'_>, d: &Delivery) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO comms_delivery(id, message, recipient, channel, urgent, state, attempts, round, address, next_at, \
         created_at, sent_at, delivered_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 1, $7, $8, $9, $10, $11)",
        params![
            d.id.as_str(),
            d.message.as_str(),
            d.recipient.as_str(),
            d.channel.name(),
            d.urgent,
            d.state.name(),
            d.address.clone(),
            d.next_at,
            d.created_at,
            d.sent_at,
            d.delivered_at
        ],
    )?;
    Ok(())
}

/// Locked on PostgreSQL, so that two who change it do so in turn.
pub(crate) fn lock(tx: &mut Tx<'_>, id: &str) -> Result<Option<Delivery>, Fault> {
    tx.one(
        &format!("SELECT {COLUMNS} FROM comms_delivery WHERE id = $1 FOR UPDATE"),
        params![id],
    )?
    .map(|r| Delivery::of(&r))
    .transpose()
}

pub(crate) fn of_message(tx: &mut Tx<'_>, message: &str) -> Result<Vec<(String, State)>, Fault> {
    tx.query(
        "SELECT channel, state FROM comms_delivery WHERE message = $1 ORDER BY channel",
        params![message],
    )?
    .iter()
    .map(|r| {
        Ok((
            r.get("channel")?,
            State::parse(&r.get::<String>("state")?).unwrap_or(State::Queued),
        ))
    })
    .collect()
}

/// Writes where it stands now.
pub(crate) fn save(tx: &mut Tx<'_>, d: &Delivery, tried_at: Option<i64>) -> Result<(), Fault> {
    tx.execute(
        "UPDATE comms_delivery SET state = $2, attempts = $3, round = $4, reason = $5, detail = $6, next_at = $7, \
         sent_at = $8, delivered_at = $9, tried_at = COALESCE($10, tried_at) WHERE id = $1",
        params![
            d.id.as_str(),
            d.state.name(),
            d.attempts,
            d.round,
            d.reason.clone(),
            d.detail.clone(),
            d.next_at,
            d.sent_at,
            d.delivered_at,
            tried_at
        ],
    )?;
    Ok(())
}

/// Attempts over a channel since an instant.
pub(crate) fn tried_since(tx: &mut Tx<'_>, channel: Channel, since: i64) -> Result<i64, Fault> {
    let n = tx.scalar(
        "SELECT COUNT(*) FROM comms_delivery WHERE channel = $1 AND tried_at > $2",
        params![channel.name(), since],
    )?;
    Ok(n.unwrap_or(0))
}

/// What a person was sent over a channel since an instant.
pub(crate) fn sent_since(
    tx: &mut Tx<'_>,
    recipient: &str,
    channel: Channel,
    since: i64,
) -> Result<i64, Fault> {
    let n = tx.scalar(
        "SELECT COUNT(*) FROM comms_delivery WHERE recipient = $1 AND channel = $2 AND urgent = 0 AND sent_at >= $3",
        params![recipient, channel.name(), since],
    )?;
    Ok(n.unwrap_or(0))
}

/// What the administrator looks for; empty fields look for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub state: String,
    pub channel: String,
    /// UTC milliseconds, `from` included and `until` not.
    pub from: Option<i64>,
    pub until: Option<i64>,
    pub before: String,
}

/// Deliveries with the kind of their message, newest first.
pub(crate) fn search(tx: &mut Tx<'_>, s: &Search, limit: u32) -> Result<Vec<(Delivery, String)>, Fault> {
    let mut params: Vec<Value> = Vec::new();
    let mut conditions = vec!["1 = 1".to_string()];
    let mut add = |condition: &str, value: Value| {
        params.push(value);
        conditions.push(format!("{condition} ${}", params.len()));
    };
    if !s.state.is_empty() {
        add("d.state =", s.state.as_str().into());
    }
    if !s.channel.is_empty() {
        add("d.channel =", s.channel.as_str().into());
    }
    if let Some(from) = s.from {
        add("d.created_at >=", from.into());
    }
    if let Some(until) = s.until {
        add("d.created_at <", until.into());
    }
    if !s.before.is_empty() {
        add("d.id <", s.before.as_str().into());
    }
    let columns: Vec<String> = COLUMNS.split(',').map(|c| format!("d.{}", c.trim())).collect();
    let sql = format!(
        "SELECT {}, m.kind FROM comms_delivery d JOIN comms_message m ON m.id = d.message WHERE {} \
         ORDER BY d.id DESC LIMIT {limit}",
        columns.join(", "),
        conditions.join(" AND ")
    );
    tx.query(&sql, &params)?
        .iter()
        .map(|r| Ok((Delivery::of(r)?, r.get("kind")?)))
        .collect()
}

/// (channel, state, how many) since an instant.
pub(crate) fn statistics(tx: &mut Tx<'_>, since: i64) -> Result<Vec<(String, String, i64)>, Fault> {
    tx.query(
        "SELECT channel, state, COUNT(*) AS n FROM comms_delivery WHERE created_at >= $1 GROUP BY channel, state",
        params![since],
    )?
    .iter()
    .map(|r| Ok((r.get("channel")?, r.get("state")?, r.get("n")?)))
    .collect()
}

/// (listed, read) messages since an instant.
pub(crate) fn read_rate(tx: &mut Tx<'_>, since: i64) -> Result<(i64, i64), Fault> {
    let row = tx.one(
        "SELECT COUNT(*) AS all_of_them, COUNT(read_at) AS read FROM comms_message WHERE listed = 1 AND created_at >= $1",
        params![since],
    )?;
    row.map_or(Ok((0, 0)), |r| Ok((r.get("all_of_them")?, r.get("read")?)))
}

/// Once per delivery, however often the job runs.
pub(crate) fn put_into_sink(
    tx: &mut Tx<'_>,
    id: &str,
    channel: Channel,
    address: Vec<u8>,
    body: Vec<u8>,
    at: i64,
) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO comms_sink(id, channel, address, body, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
        params![id, channel.name(), address, body, at],
    )?;
    Ok(())
}

pub(crate) fn sink(tx: &mut Tx<'_>, before: &str, limit: u32) -> Result<Vec<Row>, Fault> {
    tx.query(
        &format!(
            "SELECT id, channel, address, body, at FROM comms_sink WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT {limit}"
        ),
        params![before],
    )
}
