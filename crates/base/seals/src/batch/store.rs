//! SQL of batches and their files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Ctx, Fault, Result, Row, Tx, params};

/// A batch.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub id: String,
    pub seal: String,
    pub actor: String,
    /// JSON of the place, without the keyword.
    pub place: String,
    pub keyword: String,
    pub purpose: String,
    /// `running`, `done`, `deleted`.
    pub state: String,
    pub files: i64,
    pub created_at: i64,
}

/// A file of a batch, without its content.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub position: i64,
    pub name: String,
    /// `waiting`, `done`, `refused`.
    pub result: String,
    pub why: Option<String>,
}

fn place(column: &str, batch: &str, position: i64) -> String {
    format!("seals_file.{column}:{batch}:{position}")
}

pub(crate) fn put(ctx: &Ctx, tx: &mut Tx<'_>, b: &Batch) -> Result<()> {
    let purpose = ctx
        .protect()
        .seal(&format!("seals_batch.purpose:{}", b.id), &b.purpose)?;
    let keyword = ctx
        .protect()
        .seal(&format!("seals_batch.keyword:{}", b.id), &b.keyword)?;
    tx.execute(
        "INSERT INTO seals_batch(id, seal, actor, place, purpose, state, files, created_at, keyword) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![
            b.id.as_str(),
            b.seal.as_str(),
            b.actor.as_str(),
            b.place.as_str(),
            purpose,
            b.state.as_str(),
            b.files,
            b.created_at,
            keyword
        ],
    )?;
    Ok(())
}

pub(crate) fn get(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Option<Batch>> {
    let sql = "SELECT id, seal, actor, place, purpose, state, files, created_at, keyword FROM seals_batch WHERE id = $1";
    let Some(r) = tx.one(sql, params![id])? else {
        return Ok(None);
    };
    let purpose: Vec<u8> = r.get("purpose")?;
    let keyword = match r.get::<Option<Vec<u8>>>("keyword")? {
        Some(sealed) => ctx
            .protect()
            .open(&format!("seals_batch.keyword:{id}"), &sealed)?,
        None => String::new(),
    };
    Ok(Some(Batch {
        id: r.get("id")?,
        seal: r.get("seal")?,
        actor: r.get("actor")?,
        place: r.get("place")?,
        keyword,
        purpose: ctx
            .protect()
            .open(&format!("seals_batch.purpose:{id}"), &purpose)?,
        state: r.get("state")?,
        files: r.get("files")?,
        created_at: r.get("created_at")?,
    }))
}

/// What a file looks like in its row: name and content, sealed. Made before the transaction.
pub(crate) struct Packed {
    name: Vec<u8>,
    input: Vec<u8>,
}

pub(crate) fn packed(ctx: &Ctx, batch: &str, position: i64, name: &str, content: &[u8]) -> Result<Packed> {
    Ok(Packed {
        name: ctx.protect().seal(&place("name", batch, position), name)?,
        input: ctx
            .protect()
            .seal(&place("input", batch, position), &STANDARD.encode(content))?,
    })
}

pub(crate) fn put_file(tx: &mut Tx<'_>, batch: &str, position: i64, p: &Packed) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO seals_file(batch, position, name, input, result) VALUES ($1, $2, $3, $4, 'waiting')",
        params![batch, position, p.name.clone(), p.input.clone()],
    )?;
    Ok(())
}

fn file_of(ctx: &Ctx, batch: &str, r: &Row) -> Result<File> {
    let position = r.get("position")?;
    let name: Vec<u8> = r.get("name")?;
    Ok(File {
        position,
        name: ctx.protect().open(&place("name", batch, position), &name)?,
        result: r.get("result")?,
        why: r.get("why")?,
    })
}

pub(crate) fn files(ctx: &Ctx, tx: &mut Tx<'_>, batch: &str) -> Result<Vec<File>> {
    let sql = "SELECT position, name, result, why FROM seals_file WHERE batch = $1 ORDER BY position";
    tx.query(sql, params![batch])?
        .iter()
        .map(|r| file_of(ctx, batch, r))
        .collect()
}

fn content(ctx: &Ctx, batch: &str, position: i64, column: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    let text = ctx.protect().open(&place(column, batch, position), sealed)?;
    Ok(STANDARD
        .decode(text)
        .map_err(|e| Fault::of("a file of a batch", e))?)
}

/// The first file that waits, with its content.
pub(crate) fn next(ctx: &Ctx, tx: &mut Tx<'_>, batch: &str) -> Result<Option<(File, Vec<u8>)>> {
    let sql = "SELECT position, name, input, result, why FROM seals_file WHERE batch = $1 AND result = 'waiting' \
         AND input IS NOT NULL ORDER BY position LIMIT 1";
    let Some(r) = tx.one(sql, params![batch])? else {
        return Ok(None);
    };
    let file = file_of(ctx, batch, &r)?;
    let bytes = content(ctx, batch, file.position, "input", &r.get::<Vec<u8>>("input")?)?;
    Ok(Some((file, bytes)))
}

pub(crate) fn output(ctx: &Ctx, tx: &mut Tx<'_>, batch: &str, position: i64) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT output FROM seals_file WHERE batch = $1 AND position = $2 AND output IS NOT NULL";
    match tx.scalar::<Vec<u8>>(sql, params![batch, position])? {
        Some(sealed) => Ok(Some(content(ctx, batch, position, "output", &sealed)?)),
        None => Ok(None),
    }
}

pub(crate) fn sealed_output(ctx: &Ctx, batch: &str, position: i64, pdf: &[u8]) -> Result<Vec<u8>, Fault> {
    ctx.protect()
        .seal(&place("output", batch, position), &STANDARD.encode(pdf))
}

/// Writes how a file ended; what was uploaded goes.
pub(crate) fn end_file(
    tx: &mut Tx<'_>,
    (batch, position): (&str, i64),
    output: Option<Vec<u8>>,
    why: Option<&str>,
) -> Result<(), Fault> {
    let result = if output.is_some() { "done" } else { "refused" };
    tx.execute(
        "UPDATE seals_file SET input = NULL, output = $3, result = $4, why = $5 WHERE batch = $1 AND position = $2",
        params![batch, position, output, result, why],
    )?;
    Ok(())
}

pub(crate) fn end(tx: &mut Tx<'_>, id: &str, now: i64) -> Result<(), Fault> {
    let sql = "UPDATE seals_batch SET state = 'done', done_at = $2 WHERE id = $1 AND state = 'running'";
    tx.execute(sql, params![id, now])?;
    Ok(())
}

/// Deletes the files of batches made before an instant.
pub(crate) fn delete(tx: &mut Tx<'_>, before: i64) -> Result<(), Fault> {
    let old = "SELECT id FROM seals_batch WHERE state <> 'deleted' AND created_at < $1";
    tx.execute(
        &format!("DELETE FROM seals_file WHERE batch IN ({old})"),
        params![before],
    )?;
    tx.execute(
        "UPDATE seals_batch SET state = 'deleted' WHERE state <> 'deleted' AND created_at < $1",
        params![before],
    )?;
    Ok(())
}

/// The actor's batches, the newest first.
pub(crate) fn own(ctx: &Ctx, tx: &mut Tx<'_>, seal: &str) -> Result<Vec<(String, String, i64, i64)>, Fault> {
    let sql = "SELECT id, state, files, created_at FROM seals_batch WHERE actor = $1 AND seal = $2 ORDER BY created_at DESC LIMIT 10";
    tx.query(sql, params![ctx.actor.id.as_str(), seal])?
        .iter()
        .map(|r| {
            Ok((
                r.get("id")?,
                r.get("state")?,
                r.get("files")?,
                r.get("created_at")?,
            ))
        })
        .collect()
}
