//! The background work of a rotation: every declared column, row by row, in short transactions that never overwrite what
//! somebody else wrote.
//!
//! `running`: a first pass. `settling`: waiting until no node can take the older key for the newest. `proving`: passes over
//! everything until one finds nothing under an older key; only then are older keys destroyed.

use super::model::{self, Part, Rotation};
use super::service::{self, GRACE, again, columns};
use super::store;
use crate::doctor::Word;
use kernel::module::{Sealed, SealedForm};
use kernel::{Ctx, Fact, Fault, Result, Table, Value};
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// Most rows of one transaction.
const ROWS: usize = 200;
/// Most bytes of one transaction; a single row may be larger.
const BYTES: i64 = 1 << 21;
/// How long one run goes on; well below the lease of a job.
const STRETCH: Duration = Duration::from_secs(15);

pub(crate) async fn run(ctx: Ctx, payload: Json) -> Result<()> {
    let begun = Instant::now();
    let mut word = None;
    loop {
        let Some((r, parts)) = service::status(&ctx).await?.rotation else {
            return Ok(());
        };
        if payload["rotation"] != r.id.as_str() || r.state == "done" {
            return Ok(());
        }
        let settled = r.started_at + GRACE;
        if r.state == "settling" && ctx.now() < settled {
            return ctx
                .tx("trust.reseal.wait", |tx| Ok(again(&ctx, tx, &r.id, settled)?))
                .await;
        }
        let open = parts.iter().find(|p| p.finished_at.is_none());
        match (r.state.as_str(), open) {
            ("settling", _) => turn(&ctx, &r, "proving", parts.clone()).await?,
            (_, Some(part)) => {
                let done = pass(&ctx, &r, part.clone(), &mut word, begun).await;
                match done {
                    Ok(true) => {}
                    Ok(false) => {
                        return ctx
                            .tx("trust.reseal.next", |tx| Ok(again(&ctx, tx, &r.id, ctx.now())?))
                            .await;
                    }
                    Err(e) => {
                        let why = e.to_string();
                        note(&ctx, &r, &part.part, &why).await?;
                        return Err(e);
                    }
                }
            }
            ("running", None) => turn(&ctx, &r, "settling", Vec::new()).await?,
            (_, None) if parts.iter().any(|p| p.last_error.is_some()) => {
                // What does not open would be lost for good with its key: somebody has to look first.
                turn(&ctx, &r, "settling", Vec::new()).await?;
                return Ok(());
            }
            (_, None) if parts.iter().any(|p| p.resealed > 0) => {
                turn(&ctx, &r, "proving", parts.clone()).await?
            }
            (_, None) => return service::finish(&ctx, &r).await,
        }
    }
}

/// Goes to the next state; the parts given begin anew.
async fn turn(ctx: &Ctx, r: &Rotation, state: &str, parts: Vec<Part>) -> Result<()> {
    ctx.tx("trust.reseal.turn", |tx| {
        store::set_state(tx, &r.id, state, None)?;
        for p in &parts {
            let fresh = Part {
                part: p.part.clone(),
                total: p.total,
                done: 0,
                resealed: 0,
                reached: None,
                last_error: None,
                finished_at: None,
            };
            store::save_part(tx, &r.id, &fresh)?;
        }
        Ok(())
    })
    .await
}

async fn note(ctx: &Ctx, r: &Rotation, part: &str, why: &str) -> Result<()> {
    ctx.tx("trust.reseal.error", |tx| {
        for mut p in store::parts(tx, &r.id)? {
            if p.part == part {
                p.last_error = Some(why.into());
                store::save_part(tx, &r.id, &p)?;
            }
        }
        Ok(())
    })
    .await
}

fn reached(p: &Part) -> Result<Option<Vec<Value>>, Fault> {
    let Some(text) = &p.reached else { return Ok(None) };
    let list: Vec<Json> = serde_json::from_str(text).map_err(|e| Fault::of("rotation", e))?;
    let value = |v: Json| match v {
        Json::Number(n) => Value::Int(n.as_i64().unwrap_or(0)),
        Json::String(s) => Value::Text(s),
        _ => Value::Null,
    };
    Ok(Some(list.into_iter().map(value).collect()))
}

/// One column to its end, or until the time is over (`false`).
async fn pass(
    ctx: &Ctx,
    r: &Rotation,
    mut part: Part,
    word: &mut Option<Word>,
    begun: Instant,
) -> Result<bool> {
    let column = columns(ctx).into_iter().find(|c| model::name(c) == part.part);
    let Some(c) = column else {
        // Declared by an earlier program; what it held, the present one does not read.
        return Err(Fault::new(format!("{} is declared by no module", part.part)).into());
    };
    // The hash of a row covers its sealed words: then sealing them anew is a change that a fact must cover.
    let tables = ctx.app.modules.iter().flat_map(|m| &m.tables);
    let covered = tables
        .copied()
        .find(|t| t.name == c.table && t.columns.contains(&c.column))
        .filter(|_| c.form != SealedForm::Bytes);
    while part.finished_at.is_none() {
        if begun.elapsed() > STRETCH {
            return Ok(false);
        }
        let started = Instant::now();
        part = batch(ctx, r, &c, covered, part, word).await?;
        // Half of the time belongs to the people.
        tokio::time::sleep(started.elapsed().max(Duration::from_millis(2))).await;
    }
    Ok(true)
}

struct Change {
    key: Vec<Value>,
    old: Value,
    new: Value,
}

async fn batch(
    ctx: &Ctx,
    r: &Rotation,
    c: &Sealed,
    covered: Option<&'static Table>,
    part: Part,
    word: &mut Option<Word>,
) -> Result<Part> {
    let after = reached(&part)?;
    let mut next = part.clone();
    let (olds, looked, last) = ctx
        .read("trust.reseal.page", |tx| {
            let seen = store::page(tx, c, after.as_deref(), ROWS)?;
            let (mut olds, mut bytes, mut looked, mut last) = (Vec::new(), 0, 0, None);
            for s in seen {
                if s.version.is_some_and(|v| v != r.version) {
                    if bytes + s.size > BYTES && bytes > 0 {
                        break;
                    }
                    bytes += s.size;
                    if let Some(value) = store::value(tx, c, &s.key)? {
                        olds.push((s.key.clone(), value));
                    }
                }
                looked += 1;
                last = Some(s.key);
            }
            Ok((olds, looked, last))
        })
        .await?;
    let Some(last) = last else {
        next.finished_at = Some(ctx.now());
        next.total = next.done;
        save(ctx, r, &part, &next).await?;
        return Ok(next);
    };
    let (changes, unreadable) = reseal(ctx, c, olds).await?;
    if covered.is_some() && !changes.is_empty() && word.is_none() {
        *word = Some(Word::catch_up(ctx).await?);
    }
    next.done += looked;
    let key = last.iter().map(Value::to_json).collect::<Vec<_>>();
    next.reached = Some(Json::from(key).to_string());
    if let Some(why) = unreadable {
        next.last_error = Some(why);
    }
    let written = ctx
        .tx("trust.reseal", |tx| {
            let mut next = next.clone();
            if !same(tx, r, &part)? {
                return Ok(None);
            }
            let newest = match (covered, word.as_mut()) {
                (Some(_), Some(w)) => Some(w.follow(tx)?),
                _ => None,
            };
            let mut fact = Fact::new("trust.rows.resealed", part.part.as_str());
            let mut touched = 0;
            for change in &changes {
                let id = match change.key.first() {
                    Some(Value::Text(t)) => t.clone(),
                    _ => String::new(),
                };
                // A row that was altered by hand must not get a hash that fits: it is sealed anew and stays a finding.
                let sound = match (covered, &newest, word.as_ref()) {
                    (Some(table), Some(newest), Some(w)) => match store::covered(tx, table, &id)? {
                        Some(row) => w.fits(newest, table.name, &id, &row)?,
                        None => false,
                    },
                    _ => false,
                };
                if store::replace(tx, c, &change.key, &change.old, &change.new)? {
                    next.resealed += 1;
                    if let Some(table) = covered.filter(|_| sound) {
                        fact = fact.touch(table, id);
                        touched += 1;
                    }
                }
            }
            if touched > 0 {
                ctx.emit(tx, fact.payload(json!({ "version": r.version, "rows": touched })))?;
            }
            store::save_part(tx, &r.id, &next)?;
            Ok(Some(next))
        })
        .await;
    if written.is_err() {
        // It may have taken in what was rolled back.
        *word = None;
    }
    written?.ok_or_else(|| Fault::new("another run goes on with this rotation").into())
}

/// Whether this run is still the one that goes on: nobody else has moved the rotation or the part.
fn same(tx: &mut kernel::Tx<'_>, r: &Rotation, part: &Part) -> Result<bool> {
    let rotation = store::rotation(tx)?;
    let stands = rotation.is_some_and(|now| now.id == r.id && now.state == r.state);
    let parts = store::parts(tx, &r.id)?;
    Ok(stands
        && parts
            .iter()
            .any(|p| p.part == part.part && p.reached == part.reached && p.done == part.done))
}

async fn save(ctx: &Ctx, r: &Rotation, part: &Part, next: &Part) -> Result<()> {
    ctx.tx("trust.reseal.end", |tx| {
        if same(tx, r, part)? {
            store::save_part(tx, &r.id, next)?;
        }
        Ok(())
    })
    .await
}

/// Opens and seals outside of any transaction. Also says which row does not open.
async fn reseal(
    ctx: &Ctx,
    c: &Sealed,
    olds: Vec<(Vec<Value>, Value)>,
) -> Result<(Vec<Change>, Option<String>)> {
    if olds.is_empty() {
        return Ok((Vec::new(), None));
    }
    let (protect, c) = (ctx.app.ports.protect.clone(), *c);
    let work = move || -> Result<(Vec<Change>, Option<String>), Fault> {
        let (mut changes, mut unreadable) = (Vec::new(), None);
        for (key, old) in olds {
            let place = model::place(&c, &key);
            let opened = model::envelope(c.form, &old).and_then(|e| protect.open(&place, &e));
            match opened {
                Ok(plain) => {
                    let plain = zeroize::Zeroizing::new(plain);
                    let new = model::value(c.form, protect.seal(&place, &plain)?);
                    changes.push(Change { key, old, new });
                }
                Err(e) => unreadable = Some(format!("{place}: {e}")),
            }
        }
        Ok((changes, unreadable))
    };
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|e| Fault::of("sealing anew", e))??)
}
