//! Verbs of data keys: making the first ones, rotating, moving them under another master key.

use super::model::{self, DataKey, Part, Rotation};
use super::{DATA_KEY, PERMISSION, store};
use crate::vault::{self, Master, Secret, Vault};
use kernel::module::Sealed;
use kernel::{ActorKind, Ctx, Fact, Fault, Refusal, Result, Tx, job, setting};
use serde_json::json;
use zeroize::Zeroizing;

pub(crate) const JOB: &str = "trust.reseal";

/// How long after a new data key an older one is kept at least, in milliseconds: three times as long as a node may seal without
/// looking which key is the newest, so that nothing is sealed under the old one any more when the last pass begins.
pub(crate) const GRACE: i64 = 15 * 60_000;

/// Every declared column.
pub(crate) fn columns(ctx: &Ctx) -> Vec<Sealed> {
    let all = ctx.app.modules.iter().flat_map(|m| &m.sealed);
    all.copied().collect()
}

fn vault(ctx: &Ctx) -> Result<std::sync::Arc<Keys>> {
    Ok(ctx.app.services.get::<Keys>()?)
}

/// The opened vault as a service.
pub(crate) struct Keys(pub std::sync::Arc<Vault>);

fn made(ctx: &Ctx, master: &Master, purpose: &str, version: u32, key: &Secret) -> Result<DataKey, Fault> {
    let mut k = DataKey {
        purpose: purpose.into(),
        version,
        sealed: Vec::new(),
        state: "live".into(),
        created_at: ctx.now(),
        retired_at: None,
    };
    k.sealed = master.seal(&k.place(), &Zeroizing::new(hex::encode(**key)))?;
    Ok(k)
}

fn fresh(ctx: &Ctx) -> Secret {
    let mut key = Secret::default();
    (ctx.app.chance)(&mut *key);
    key
}

fn put(ctx: &Ctx, tx: &mut Tx<'_>, k: &DataKey) -> Result<bool> {
    if !store::put(tx, k)? {
        return Ok(false);
    }
    ctx.emit(
        tx,
        Fact::new("trust.data-key.made", k.id()).touch(&DATA_KEY, k.id()),
    )?;
    Ok(true)
}

/// Makes the first keys of a database that has none, and makes them known to the rest of the program.
pub async fn open_keys(ctx: &Ctx, opened: std::sync::Arc<Vault>) -> Result<()> {
    let master = opened.master();
    let (known, keys) = ctx
        .read("trust.keys", |tx| {
            Ok((setting::get(tx, vault::CHECK)?, store::all(tx)?))
        })
        .await?;
    if keys.is_empty() {
        // A database from before data keys was sealed and indexed under the master key: what it holds must go on being found.
        let legacy = known.is_some();
        let [index, mac] = match legacy {
            true => master.first_keys(),
            false => [fresh(ctx), fresh(ctx)],
        };
        let mut first = vec![DataKey {
            purpose: "column".into(),
            version: 0,
            sealed: Vec::new(),
            state: if legacy { "live" } else { "retired" }.into(),
            created_at: ctx.now(),
            retired_at: (!legacy).then(|| ctx.now()),
        }];
        first.push(made(ctx, master, "column", 1, &fresh(ctx))?);
        first.push(made(ctx, master, "index", 1, &index)?);
        first.push(made(ctx, master, "mac", 1, &mac)?);
        let check = hex::encode(master.seal(vault::CHECK_PLACE, "yiwang")?);
        let system = ctx.as_system("trust.keys");
        system
            .tx("trust.keys.first", |tx| {
                // Of two nodes that start at once the first one's keys stay, all of them.
                if store::all(tx)?.is_empty() {
                    setting::put_new(tx, vault::CHECK, &check)?;
                    for k in &first {
                        put(&system, tx, k)?;
                    }
                }
                Ok(())
            })
            .await?;
        vault::check_master(ctx, &opened).await?;
    }
    ctx.app.services.put(Keys(opened));
    Ok(())
}

/// Loads the keys anew.
pub(crate) async fn refresh(ctx: Ctx) -> Result<()> {
    let keys = ctx.read("trust.keys", |tx| Ok(store::all(tx)?)).await?;
    Ok(vault(&ctx)?.0.install(&keys)?)
}

/// The newest rotation with its parts, and all keys.
pub(crate) struct Status {
    pub rotation: Option<(Rotation, Vec<Part>)>,
    pub keys: Vec<DataKey>,
}

pub(crate) async fn status(ctx: &Ctx) -> Result<Status> {
    ctx.read("trust.keys.status", |tx| {
        let rotation = match store::rotation(tx)? {
            Some(r) => {
                let parts = store::parts(tx, &r.id)?;
                Some((r, parts))
            }
            None => None,
        };
        Ok(Status {
            rotation,
            keys: store::all(tx)?,
        })
    })
    .await
}

/// Makes a new data key and begins to seal every declared column under it; takes up again what stopped on an error.
pub(crate) async fn rotate(ctx: &Ctx) -> Result<Rotation> {
    if ctx.actor.kind != ActorKind::System && !ctx.holds(PERMISSION) {
        return Err(Refusal::forbidden().into());
    }
    let keys = vault(ctx)?;
    let before = status(ctx).await?;
    if let Some((r, _)) = before.rotation.filter(|(r, _)| r.state != "done") {
        ctx.tx("trust.keys.resume", |tx| Ok(again(ctx, tx, &r.id, ctx.now())?))
            .await?;
        return Ok(r);
    }
    let newest = before.keys.iter().filter(|k| k.purpose == "column");
    let version = newest.map(|k| k.version).max().unwrap_or(0) + 1;
    let key = made(ctx, keys.0.master(), "column", version, &fresh(ctx))?;
    let rotation = Rotation {
        id: key.id(),
        version,
        state: "running".into(),
        started_at: ctx.now(),
        finished_at: None,
    };
    let mut parts = Vec::new();
    for c in columns(ctx) {
        let total = ctx
            .read("trust.keys.count", |tx| Ok(store::total(tx, &c)?))
            .await?;
        parts.push(Part {
            part: model::name(&c),
            total,
            done: 0,
            resealed: 0,
            reached: None,
            last_error: None,
            finished_at: None,
        });
    }
    ctx.tx("trust.keys.rotate", |tx| {
        if !put(ctx, tx, &key)? {
            return Err(Refusal::stale().into());
        }
        store::begin(tx, &rotation)?;
        for p in &parts {
            store::save_part(tx, &rotation.id, p)?;
        }
        Ok(again(ctx, tx, &rotation.id, ctx.now())?)
    })
    .await?;
    refresh(ctx.clone()).await?;
    Ok(rotation)
}

/// Asks for the next stretch of work on a rotation.
pub(crate) fn again(ctx: &Ctx, tx: &mut Tx<'_>, rotation: &str, due: i64) -> Result<(), Fault> {
    let key = format!("{rotation}/{due}");
    job::enqueue(tx, ctx, JOB, &key, due, json!({ "rotation": rotation }))
}

/// Ends a rotation: nothing is sealed under an older key any more, so those are destroyed.
pub(crate) async fn finish(ctx: &Ctx, r: &Rotation) -> Result<()> {
    ctx.tx("trust.keys.retire", |tx| {
        let mut fact = Fact::new("trust.data-key.retired", r.id.as_str());
        for k in store::all(tx)? {
            if k.purpose == "column" && k.version < r.version && k.live() {
                store::retire(tx, &k, ctx.now())?;
                fact = fact.touch(&DATA_KEY, k.id());
            }
        }
        store::set_state(tx, &r.id, "done", Some(ctx.now()))?;
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await?;
    refresh(ctx.clone()).await
}

/// Seals every data key under another master key, in one transaction: from then on only that one opens the database. No
/// column is touched, so none may be left that the old master key sealed itself.
pub async fn change_master(ctx: &Ctx, new: &Master) -> Result<()> {
    let old = vault(ctx)?;
    ctx.tx("trust.master.change", |tx| {
        let keys = store::all(tx)?;
        if keys.iter().any(|k| k.version == 0 && k.live()) {
            return Err(Fault::new(
                "some columns are still sealed by the master key itself; run `yiwang keys rotate`, wait until `yiwang keys \
                 status` says done, and change the master key then",
            )
            .into());
        }
        for k in keys.iter().filter(|k| k.live()) {
            let text = old.0.master().open_sealed(&k.place(), &k.sealed)?;
            store::rewrap(tx, k, new.seal(&k.place(), &text)?)?;
        }
        let check = hex::encode(new.seal(vault::CHECK_PLACE, "yiwang")?);
        setting::put(tx, vault::CHECK, &check)?;
        ctx.emit(tx, Fact::new("trust.master.changed", "master"))?;
        Ok(())
    })
    .await
}

const USAGE: &str = "usage: yiwang keys rotate | status";

/// `yiwang keys …`.
pub(crate) async fn command(ctx: Ctx, words: Vec<String>) -> Result<()> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["rotate"] => {
            let r = rotate(&ctx).await?;
            println!(
                "data key {}: the serving nodes seal the columns under it; see `yiwang keys status`",
                r.version
            );
        }
        ["status"] => {
            let s = status(&ctx).await?;
            for k in &s.keys {
                println!("{}\t{}", k.id(), k.state);
            }
            if let Some((r, parts)) = s.rotation {
                println!("rotation to {}\t{}", r.version, r.state);
                for p in parts {
                    let error = p.last_error.map(|e| format!("\t{e}")).unwrap_or_default();
                    println!(
                        "  {}\t{} of {}, sealed anew {}{error}",
                        p.part, p.done, p.total, p.resealed
                    );
                }
            }
        }
        _ => return Err(Fault::new(USAGE).into()),
    }
    Ok(())
}
