//! The verb of every operation: may the caller → reckon, outside any transaction → count and write down → answer.

use super::model::{Action, Asked, Item, Made, Output, What};
use super::reckon::{Materials, one};
use crate::algorithm::sha256_hex;
use crate::key::model::{Granted, Key, NONCES, OFFICE, Operation, State, Version, is_name, slots};
use crate::key::{service as keys, store as key_store};
use crate::usage::store::Use;
use crate::usage::{service as usage, store as usage_store};
use kernel::{Ctx, Fault, Problem, Refusal, Result, Tx};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is told: one result or refusal for each item, in their order.
pub(crate) struct Answer {
    pub key: Key,
    pub made: Vec<Result<Made, Refusal>>,
    pub batch: bool,
}

/// A caller that may, with what is needed for it.
pub(super) struct Admitted {
    pub(super) key: Key,
    grant: Granted,
    pub(super) versions: Vec<Version>,
}

/// Does something with a key, and writes one row about it, whatever comes of it.
///
/// # Errors
/// 403 `cipher-not-granted` for a key that is not there or not for this caller, 409 for one that is not active, 429 above the
/// caller's limits, and what is wrong with a single item.
pub(crate) async fn run(
    ctx: &Ctx,
    alias: &str,
    action: Action,
    asked: Result<Asked, Refusal>,
) -> Result<Answer> {
    let mut used = usage::begin(ctx, alias, action.name());
    match attempt(ctx, alias, action, asked, &mut used).await {
        // Its row is written and its use counted: guessing costs as much as knowing.
        Ok(Answer {
            mut made,
            batch: false,
            ..
        }) if matches!(made.first(), Some(Err(_))) => match made.swap_remove(0) {
            Err(refusal) => Err(refusal.into()),
            Ok(_) => Err(Fault::new("an item that failed and did not").into()),
        },
        Ok(answer) => Ok(answer),
        Err(problem) => {
            usage::refused(ctx, used, &problem).await?;
            Err(problem)
        }
    }
}

async fn attempt(
    ctx: &Ctx,
    alias: &str,
    action: Action,
    asked: Result<Asked, Refusal>,
    used: &mut Use,
) -> Result<Answer> {
    if let Ok(asked) = &asked {
        used.items = asked.items.len() as i64;
        let sizes = asked.items.iter().flatten().map(Item::size);
        used.size = sizes.sum::<usize>() as i64;
    }
    let n = used.items.max(1);
    let (key, admitted) = ctx
        .read("cipher.admit", |tx| {
            let Some(key) = find(tx, alias)? else {
                return Ok((None, Err(not_granted())));
            };
            let admitted = admit(ctx, tx, &key, action, n);
            match admitted {
                Err(Problem::Refusal(r)) => Ok((Some(key), Err(r))),
                Err(fault) => Err(fault),
                Ok(admitted) => Ok((Some(key), Ok(admitted))),
            }
        })
        .await?;
    if let Some(key) = key {
        used.key = key.id;
        used.org_path = key.org_path;
        used.area_code = key.area_code;
    }
    let admitted = Arc::new(admitted?);
    let asked = asked?;
    let (work, batch) = (admitted.clone(), asked.batch);
    let own = ctx.clone();
    let signs = matches!(action, Action::Sign | Action::SignDigest);
    let done = tokio::task::spawn_blocking(move || {
        let mut materials = Materials {
            ctx: &own,
            work: &work,
            open: BTreeMap::new(),
        };
        let mut out = Vec::with_capacity(asked.items.len());
        for item in asked.items {
            let digest = match &item {
                Ok(Item {
                    what: What::Message(m),
                    ..
                }) if signs => sha256_hex(m),
                // Of what it is a digest nobody here has seen; the operation in the row says so.
                Ok(Item {
                    what: What::Digest(d),
                    ..
                }) => hex::encode(d),
                _ => "-".into(),
            };
            let made = match item {
                Err(r) => Err(r),
                Ok(item) => match one(&mut materials, action, &item) {
                    Err(Problem::Refusal(r)) => Err(r),
                    Err(Problem::Fault(f)) => return Err(f),
                    Ok(made) => Ok(made),
                },
            };
            out.push((made, digest));
        }
        Ok(out)
    });
    let done = done.await.map_err(|e| Fault::of("cipher", e))??;
    let (made, digests): (Vec<_>, Vec<String>) = done.into_iter().unzip();
    tally(used, &made, batch, signs.then_some(digests));
    let key = &admitted.key;
    let kept = ctx
        .tx("cipher.use", |tx| record(ctx, tx, &admitted, action, used))
        .await?;
    kept?;
    Ok(Answer {
        key: key.clone(),
        made,
        batch,
    })
}

/// What the row says of the results.
fn tally(used: &mut Use, made: &[Result<Made, Refusal>], batch: bool, digests: Option<Vec<String>>) {
    let unfit = |m: &&Result<Made, Refusal>| {
        matches!(
            m,
            Err(_)
                | Ok(Made {
                    output: Output::Valid(false),
                    ..
                })
        )
    };
    used.failed = made.iter().filter(unfit).count() as i64;
    used.version = made.iter().flatten().map(|m| m.version).max().unwrap_or(0);
    if let Some(digests) = digests {
        used.digest = digests.join(" ");
    }
    used.result = match made.first() {
        Some(Err(r)) if !batch => r.key.clone(),
        _ if used.failed == 0 => "done".into(),
        _ if made.iter().any(Result::is_err) => "partial".into(),
        _ => "invalid".into(),
    };
}

fn not_granted() -> Refusal {
    Refusal::new("cipher-not-granted").status(403)
}

fn find(tx: &mut Tx<'_>, alias: &str) -> Result<Option<Key>> {
    let plausible = alias
        .split_once('/')
        .is_some_and(|(o, n)| is_name(n) && is_name(o));
    match plausible {
        true => Ok(key_store::by_alias(tx, alias)?),
        false => Ok(None),
    }
}

/// Whose grant this caller uses.
pub(crate) fn holder(ctx: &Ctx, key: &Key) -> Result<String, Refusal> {
    if ctx.actor.id.starts_with("client:") {
        return Ok(ctx.actor.id.clone());
    }
    ctx.may(crate::USE, &key.resource()).map_err(|_| not_granted())?;
    Ok(OFFICE.into())
}

fn admit(ctx: &Ctx, tx: &mut Tx<'_>, key: &Key, action: Action, n: i64) -> Result<Admitted> {
    let grant = key_store::grant(tx, &key.id, &holder(ctx, key)?)?;
    let grant = grant.filter(|g| g.operations.contains(&action.needs()));
    let grant = grant.ok_or_else(not_granted)?;
    usable(key)?;
    if action.purpose() != key.purpose {
        return Err(Refusal::new("cipher-other-purpose").status(409).into());
    }
    if action == Action::SignDigest && !key.digests {
        return Err(Refusal::new("cipher-digests-off").status(409).into());
    }
    // Whoever is over the limit shall not cost us the reckoning; the count itself comes with the row.
    for (slot, ends_at, most) in slots(&grant, ctx.now()) {
        if key_store::counted(tx, &grant.id, &slot)? + n > most {
            return Err(over(ctx, ends_at).into());
        }
    }
    let from = match action {
        Action::Sign
        | Action::SignDigest
        | Action::Mac
        | Action::Encrypt
        | Action::Envelope
        | Action::DataKey
        | Action::Wrap
        | Action::AsymmetricEnvelope => key.newest,
        _ => key.least,
    };
    Ok(Admitted {
        versions: key_store::versions(tx, &key.id, from)?,
        key: key.clone(),
        grant,
    })
}

fn usable(key: &Key) -> Result<(), Refusal> {
    let why = match key.state {
        State::Active => return Ok(()),
        State::Disabled => "cipher-disabled",
        State::Scheduled => "cipher-scheduled",
        State::Destroyed => "cipher-destroyed",
    };
    Err(Refusal::new(why).status(409))
}

fn over(ctx: &Ctx, ends_at: i64) -> Refusal {
    let seconds = (ends_at - ctx.now()).max(0) / 1000 + 1;
    Refusal::new("cipher-limit").status(429).arg("seconds", seconds)
}

/// Counts the use and writes its row. What was reckoned is told only when this has been saved.
fn record(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    admitted: &Admitted,
    action: Action,
    used: &Use,
) -> Result<Result<(), Refusal>> {
    let (key, grant) = (&admitted.key, &admitted.grant);
    // Meanwhile it may have been disabled, or the grant taken back.
    let now = key_store::by_alias(tx, &key.alias)?.ok_or_else(not_granted)?;
    if let Err(refusal) = usable(&now) {
        return Ok(Err(refusal));
    }
    if action == Action::SignDigest && !now.digests {
        return Ok(Err(Refusal::new("cipher-digests-off").status(409)));
    }
    if key_store::grant(tx, &key.id, &grant.holder)?.is_none_or(|g| !g.operations.contains(&action.needs())) {
        return Ok(Err(not_granted()));
    }
    let slots = slots(grant, ctx.now());
    for (n, (slot, ends_at, most)) in slots.iter().enumerate() {
        if key_store::count(tx, &grant.id, slot, used.items, *ends_at)? > *most {
            for (slot, ends_at, _) in &slots[..=n] {
                key_store::count(tx, &grant.id, slot, -used.items, *ends_at)?;
            }
            return Ok(Err(over(ctx, *ends_at)));
        }
    }
    if action.seals() && !key_store::spend(tx, &key.id, key.newest, used.items, NONCES)? {
        if now.newest == key.newest {
            keys::rotate_in(ctx, tx, &now, "nonces")?;
        }
        return Ok(Err(Refusal::new("cipher-exhausted").status(409)));
    }
    usage_store::insert(tx, used)?;
    Ok(Ok(()))
}

/// Whether some key's policy lets this caller have time-stamps.
pub(crate) fn may_stamp(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<()> {
    let client = ctx.actor.id.starts_with("client:");
    let holder = if client { ctx.actor.id.as_str() } else { OFFICE };
    let stamps = |(g, k): &(Granted, Key)| {
        let may = client || ctx.may(crate::USE, &k.resource()).is_ok();
        may && k.state == State::Active && g.operations.contains(&Operation::Timestamp)
    };
    match key_store::of_holder(tx, holder)?.iter().any(stamps) {
        true => Ok(()),
        false => Err(not_granted().into()),
    }
}
