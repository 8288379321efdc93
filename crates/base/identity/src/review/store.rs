//! SQL of reviews and of holdings that rest.

use super::model::{Item, Review};
use kernel::{Fault, Row, Tx, Uuid, Value, params};

const REVIEW: &str = "SELECT id, title, organisation, due_on, reviewer, suspends, state, started_by, started_at, closed_by, closed_at \
     FROM identity_review";

fn review_of(r: &Row) -> Result<Review, Fault> {
    Ok(Review {
        id: r.get("id")?,
        title: r.get("title")?,
        organisation: r.get("organisation")?,
        due_on: r.get("due_on")?,
        reviewer: r.get("reviewer")?,
        suspends: r.get::<i64>("suspends")? != 0,
        closed: r.get::<String>("state")? == "closed",
        started_by: r.get("started_by")?,
        started_at: r.get("started_at")?,
        closed_by: r.get("closed_by")?,
        closed_at: r.get("closed_at")?,
    })
}

pub(crate) fn review(tx: &mut Tx<'_>, id: &str) -> Result<Option<Review>, Fault> {
    tx.one(&format!("{REVIEW} WHERE id = $1"), params![id])?
        .map(|r| review_of(&r))
        .transpose()
}

/// Campaigns, the newest first; of one reviewer when an account is given.
pub(crate) fn reviews(
    tx: &mut Tx<'_>,
    of: Option<&str>,
    limit: u32,
    offset: u32,
) -> Result<Vec<Review>, Fault> {
    let mut p: Vec<Value> = Vec::new();
    let mut which = String::new();
    if let Some(account) = of {
        p.push(account.into());
        which = " WHERE EXISTS (SELECT 1 FROM identity_review_item i WHERE i.review = identity_review.id AND i.reviewer = $1)".into();
    }
    let sql = format!("{REVIEW}{which} ORDER BY started_at DESC, id LIMIT {limit} OFFSET {offset}");
    tx.query(&sql, &p)?.iter().map(review_of).collect()
}

/// Open campaigns whose due date has passed.
pub(crate) fn over(tx: &mut Tx<'_>, today: &str) -> Result<Vec<Review>, Fault> {
    let sql = format!("{REVIEW} WHERE state = 'open' AND suspends = 1 AND due_on < $1 ORDER BY id LIMIT 50");
    tx.query(&sql, params![today])?.iter().map(review_of).collect()
}

pub(crate) fn insert(tx: &mut Tx<'_>, r: &Review) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_review(id, title, organisation, due_on, reviewer, suspends, state, started_by, started_at, closed_by, \
         version) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, '', 1)",
        params![
            r.id.as_str(),
            r.title.as_str(),
            r.organisation.as_str(),
            r.due_on.as_str(),
            r.reviewer.as_str(),
            i64::from(r.suspends),
            r.started_by.as_str(),
            r.started_at
        ],
    )?;
    Ok(())
}

/// Closes a campaign; false when it was closed before.
pub(crate) fn close(tx: &mut Tx<'_>, id: &str, actor: &str, now: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE identity_review SET state = 'closed', closed_by = $2, closed_at = $3, version = version + 1 \
         WHERE id = $1 AND state = 'open'",
        params![id, actor, now],
    )?;
    Ok(n == 1)
}

const ITEM: &str = "SELECT id, review, holding, account, post, path, reviewer, answer, reason, answered_by, answered_at \
     FROM identity_review_item";

fn item_of(r: &Row) -> Result<Item, Fault> {
    Ok(Item {
        id: r.get("id")?,
        review: r.get("review")?,
        holding: r.get("holding")?,
        account: r.get("account")?,
        post: r.get("post")?,
        path: r.get("path")?,
        reviewer: r.get("reviewer")?,
        answer: r.get("answer")?,
        reason: r.get("reason")?,
        answered_by: r.get("answered_by")?,
        answered_at: r.get("answered_at")?,
    })
}

/// Which rows of a campaign.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Which<'a> {
    /// Account of the reviewer.
    pub reviewer: Option<&'a str>,
    /// Only those that wait.
    pub waiting: bool,
}

pub(crate) fn items(
    tx: &mut Tx<'_>,
    review: &str,
    which: Which<'_>,
    page: Option<(u32, u32)>,
) -> Result<Vec<Item>, Fault> {
    let mut p: Vec<Value> = params![review].to_vec();
    let mut sql = format!("{ITEM} WHERE review = $1");
    if let Some(account) = which.reviewer {
        p.push(account.into());
        sql += " AND reviewer = $2";
    }
    if which.waiting {
        sql += " AND answer = ''";
    }
    sql += " ORDER BY path, id";
    if let Some((limit, offset)) = page {
        sql += &format!(" LIMIT {limit} OFFSET {offset}");
    }
    tx.query(&sql, &p)?.iter().map(item_of).collect()
}

pub(crate) fn item(tx: &mut Tx<'_>, id: &str) -> Result<Option<Item>, Fault> {
    tx.one(&format!("{ITEM} WHERE id = $1"), params![id])?
        .map(|r| item_of(&r))
        .transpose()
}

pub(crate) fn insert_item(tx: &mut Tx<'_>, i: &Item) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO identity_review_item(id, review, holding, account, post, path, reviewer, answer, reason, answered_by, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', 1)",
        params![
            i.id.as_str(),
            i.review.as_str(),
            i.holding.as_str(),
            i.account,
            i.post.as_str(),
            i.path.as_str(),
            i.reviewer.as_str()
        ],
    )?;
    Ok(())
}

/// Writes down an answer; false when there was one.
pub(crate) fn answer(
    tx: &mut Tx<'_>,
    id: &str,
    answer: &str,
    reason: &str,
    actor: &str,
    now: i64,
) -> Result<bool, Fault> {
    let n = tx.execute(
        "UPDATE identity_review_item SET answer = $2, reason = $3, answered_by = $4, answered_at = $5, version = version + 1 \
         WHERE id = $1 AND answer = ''",
        params![id, answer, reason, actor, now],
    )?;
    Ok(n == 1)
}

/// (reviewer, all, answered) of a campaign.
pub(crate) fn progress(tx: &mut Tx<'_>, review: &str) -> Result<Vec<(String, i64, i64)>, Fault> {
    tx.query(
        "SELECT reviewer, COUNT(*) AS n, COALESCE(SUM(CASE WHEN answer = '' THEN 0 ELSE 1 END), 0) AS done FROM identity_review_item \
         WHERE review = $1 GROUP BY reviewer ORDER BY reviewer",
        params![review],
    )?
    .iter()
    .map(|r| Ok((r.get("reviewer")?, r.get("n")?, r.get("done")?)))
    .collect()
}

/// Lets a holding rest; false when it does already.
pub(crate) fn pause(tx: &mut Tx<'_>, holding: &str, reason: &str, now: i64) -> Result<bool, Fault> {
    let n = tx.execute(
        "INSERT INTO identity_pause(holding, reason, at) VALUES ($1, $2, $3) ON CONFLICT (holding) DO NOTHING",
        params![holding, reason, now],
    )?;
    Ok(n == 1)
}

/// False when it does not rest.
pub(crate) fn unpause(tx: &mut Tx<'_>, holding: &str) -> Result<bool, Fault> {
    Ok(tx.execute("DELETE FROM identity_pause WHERE holding = $1", params![holding])? == 1)
}

/// Holdings of an account that rest.
pub(crate) fn paused(tx: &mut Tx<'_>, account: Uuid) -> Result<Vec<String>, Fault> {
    let sql = "SELECT x.holding FROM identity_pause x JOIN identity_holding h ON h.id = x.holding WHERE h.account = $1";
    tx.query(sql, params![account])?
        .iter()
        .map(|r| r.get("holding"))
        .collect()
}
