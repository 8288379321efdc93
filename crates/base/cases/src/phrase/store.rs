//! SQL of stock phrases.

use crate::words;
use kernel::{Ctx, Fault, Result, Row, Tx, Value, params};

#[derive(Clone, Debug)]
pub(crate) struct Phrase {
    pub id: String,
    pub owner: String,
    pub org_path: String,
    pub area_code: String,
    pub shared: bool,
    pub position: i64,
    pub words: String,
}

fn place(id: &str) -> String {
    format!("cases_phrase.words:{id}")
}

fn phrase(ctx: &Ctx, r: &Row) -> Result<Phrase, Fault> {
    let id: String = r.get("id")?;
    Ok(Phrase {
        words: words::open(ctx, &place(&id), r.get("words")?)?,
        owner: r.get("owner")?,
        org_path: r.get("org_path")?,
        area_code: r.get("area_code")?,
        shared: r.get("shared")?,
        position: r.get("position")?,
        id,
    })
}

pub(crate) fn get(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Phrase>, Fault> {
    tx.one("SELECT * FROM cases_phrase WHERE id = $1", params![id])?
        .map(|r| phrase(ctx, &r))
        .transpose()
}

/// One's own phrases in their order, then what is shared by the offices at these paths or above them.
pub(crate) fn offered(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    owner: &str,
    org_paths: &[String],
) -> Result<Vec<Phrase>, Fault> {
    let mut p: Vec<Value> = vec![owner.into()];
    let mut any = String::new();
    for path in org_paths {
        p.push(path.as_str().into());
        any.push_str(&format!(" OR (shared = 1 AND ${} LIKE org_path || '%')", p.len()));
    }
    tx.query(
        &format!(
            "SELECT * FROM cases_phrase WHERE owner = $1{any} ORDER BY CASE WHEN owner = $1 THEN 0 ELSE 1 END, position, id LIMIT 200"
        ),
        &p,
    )?
    .iter()
    .map(|r| phrase(ctx, r))
    .collect()
}

pub(crate) fn of(ctx: &Ctx, tx: &mut Tx<'_>, owner: &str) -> Result<Vec<Phrase>, Fault> {
    offered(ctx, tx, owner, &[])
}

pub(crate) fn put(ctx: &Ctx, tx: &mut Tx<'_>, p: &Phrase) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO cases_phrase(id, owner, org_path, area_code, shared, position, words, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET shared = $5, position = $6, words = $7",
        params![
            p.id.as_str(),
            p.owner.as_str(),
            p.org_path.as_str(),
            p.area_code.as_str(),
            i64::from(p.shared),
            p.position,
            words::seal(ctx, &place(&p.id), &p.words)?,
            ctx.now()
        ],
    )?;
    Ok(())
}

pub(crate) fn remove(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    tx.execute("DELETE FROM cases_phrase WHERE id = $1", params![id])?;
    Ok(())
}
