//! The verbs of keys: making, rotating, disabling, destroying. Nothing here gives private material away.

use super::model::{self, DAY, Key, ROTATION, State, Version, WAIT, place};
use super::store;
use crate::algorithm::{Algorithm, Material, Purpose};
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

/// What the form of a new key says.
#[derive(Clone, Debug, Default)]
pub(crate) struct New {
    pub organisation: String,
    pub name: String,
    pub title: String,
    pub purpose: String,
    pub algorithm: String,
    pub rotate_days: i64,
    pub bound: bool,
    pub digests: bool,
}

fn at(ctx: &Ctx, field: &str, r: Refusal) -> Refusal {
    let text = ctx.says(&r);
    r.field(field, text)
}

fn days_of(ctx: &Ctx, days: i64) -> Result<i64, Refusal> {
    match days == 0 || ROTATION.contains(&days) {
        true => Ok(days),
        false => Err(at(ctx, "rotate_days", Refusal::new("cipher-rotate-days"))),
    }
}

fn title_of(ctx: &Ctx, title: &str) -> Result<String, Refusal> {
    let title = title.trim();
    match (1..=100).contains(&title.chars().count()) {
        true => Ok(title.to_string()),
        false => Err(at(ctx, "title", Refusal::new("cipher-title-missing"))),
    }
}

/// Makes a key with its first version.
///
/// # Errors
/// A refusal at the field that is wrong; 409 `cipher-alias-taken`.
pub(crate) async fn create(ctx: &Ctx, new: &New) -> Result<Key> {
    let title = title_of(ctx, &new.title)?;
    if !model::is_name(&new.name) {
        return Err(at(ctx, "name", Refusal::new("cipher-name")).into());
    }
    let purpose = Purpose::of(&new.purpose)
        .ok_or_else(|| at(ctx, "purpose", Refusal::new("cipher-purpose-missing")))?;
    let algorithm = Algorithm::of(&new.algorithm)
        .filter(|a| purpose.algorithms().contains(a))
        .ok_or_else(|| at(ctx, "algorithm", Refusal::new("cipher-algorithm-unfit")))?;
    let rotate_days = days_of(ctx, new.rotate_days)?;
    let id = ctx.id().simple().to_string();
    ctx.tx("cipher.create", |tx| {
        let organisation = identity::api::organisation(tx, &new.organisation)?
            .ok_or_else(|| at(ctx, "organisation", Refusal::new("cipher-no-organisation")))?;
        let key = Key {
            id: id.clone(),
            alias: format!("{}/{}", organisation.id, new.name),
            organisation: organisation.id,
            org_path: organisation.path,
            area_code: organisation.area_code,
            title: title.clone(),
            purpose,
            algorithm,
            state: State::Active,
            newest: 1,
            least: 1,
            rotate_days,
            rotated_at: ctx.now(),
            // A signature has no second text that it could be bound to.
            bound: new.bound && matches!(purpose, Purpose::Encrypt | Purpose::Envelope),
            digests: digests_of(ctx, algorithm, new.digests)?,
            destroy_at: None,
            owner: ctx.actor.subject.clone().unwrap_or_default(),
            version: 1,
            created_at: ctx.now(),
        };
        ctx.may(crate::MANAGE, &key.resource())?;
        if !store::insert(tx, &key)? {
            return Err(at(ctx, "name", Refusal::new("cipher-alias-taken").status(409)).into());
        }
        add_version(ctx, tx, &key)?;
        let payload = json!({ "alias": key.alias, "purpose": purpose.name(), "algorithm": algorithm.name(), "digests": key.digests });
        noted(ctx, tx, "cipher.key.created", &key, payload, true)?;
        policy_of_digests(ctx, tx, &key)?;
        Ok(key)
    })
    .await
}

/// Whether a key may sign digests, as it was asked for.
fn digests_of(ctx: &Ctx, algorithm: Algorithm, asked: bool) -> Result<bool, Refusal> {
    if asked && !model::signs_digests(algorithm) {
        return Err(at(ctx, "digests", Refusal::new("cipher-digests-unfit")));
    }
    Ok(asked)
}

/// Brings the policy of digests to what the key says; a fact of its own when that changes it.
fn policy_of_digests(ctx: &Ctx, tx: &mut Tx<'_>, key: &Key) -> Result<()> {
    if !store::set_digests(tx, &key.id, key.digests, ctx.now())? {
        return Ok(());
    }
    let fact = Fact::new("cipher.key.digests", &key.id)
        .payload(json!({ "alias": key.alias, "digests": key.digests }));
    let fact = match key.digests {
        true => fact.touch(&crate::DIGEST, &key.id),
        false => fact.gone(&crate::DIGEST, &key.id),
    };
    ctx.emit(tx, fact)?;
    Ok(())
}

/// Makes the material of `key.newest`.
fn add_version(ctx: &Ctx, tx: &mut Tx<'_>, key: &Key) -> Result<()> {
    let mut chance = |buffer: &mut [u8]| (ctx.app.chance)(buffer);
    let material = Material::generate(key.algorithm, &mut chance);
    let text = Zeroizing::new(hex::encode(&*material.to_bytes()));
    let version = Version {
        number: key.newest,
        sealed: Some(ctx.protect().seal(&place(&key.id, key.newest), &text)?),
        public: material.public_pem(),
        used: 0,
        created_at: ctx.now(),
    };
    Ok(store::insert_version(tx, &key.id, &version)?)
}

/// The secret of a version that is still there.
pub(crate) fn material(ctx: &Ctx, key: &Key, version: &Version) -> Result<Material, Fault> {
    let name = place(&key.id, version.number);
    let sealed = version
        .sealed
        .as_deref()
        .ok_or_else(|| Fault::new(format!("{name} was wiped")))?;
    let text = Zeroizing::new(ctx.protect().open(&name, sealed)?);
    let bytes = Zeroizing::new(hex::decode(&*text).map_err(|e| Fault::of(name.clone(), e))?);
    Material::from_bytes(key.algorithm, &bytes).map_err(|_| Fault::new(format!("{name} is no such key")))
}

fn noted(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    kind: &'static str,
    key: &Key,
    payload: Json,
    version_too: bool,
) -> Result<String> {
    let mut fact = Fact::new(kind, &key.id)
        .payload(payload)
        .touch(&crate::KEY, &key.id);
    if version_too {
        fact = fact.touch(&crate::VERSION, store::version_id(&key.id, key.newest));
    }
    Ok(ctx.emit(tx, fact)?)
}

/// A key that the actor may manage.
pub(crate) fn managed(ctx: &Ctx, tx: &mut Tx<'_>, alias: &str) -> Result<Key> {
    let key = store::by_alias(tx, alias)?.ok_or_else(Refusal::not_found)?;
    ctx.may(crate::MANAGE, &key.resource())?;
    Ok(key)
}

fn save(tx: &mut Tx<'_>, key: &Key) -> Result<()> {
    match store::update(tx, key)? {
        true => Ok(()),
        false => Err(Refusal::stale().into()),
    }
}

fn in_state(key: &Key, states: &[State]) -> Result<(), Refusal> {
    match states.contains(&key.state) {
        true => Ok(()),
        false => Err(Refusal::new("cipher-wrong-state").status(409)),
    }
}

/// The next version; it signs and encrypts from now on.
pub(crate) async fn rotate(ctx: &Ctx, alias: &str) -> Result<i64> {
    ctx.tx("cipher.rotate", |tx| {
        let key = managed(ctx, tx, alias)?;
        in_state(&key, &[State::Active])?;
        Ok(rotate_in(ctx, tx, &key, "asked")?.0.newest)
    })
    .await
}

/// The same within a transaction; also the fact's id.
pub(crate) fn rotate_in(ctx: &Ctx, tx: &mut Tx<'_>, key: &Key, why: &str) -> Result<(Key, String)> {
    let next = Key {
        newest: key.newest + 1,
        rotated_at: ctx.now(),
        ..key.clone()
    };
    save(tx, &next)?;
    add_version(ctx, tx, &next)?;
    let payload = json!({ "alias": next.alias, "version": next.newest, "why": why });
    let fact = noted(ctx, tx, "cipher.key.rotated", &next, payload, true)?;
    Ok((next, fact))
}

/// Title, rotation and the oldest version in use, of a key that is at this version.
pub(crate) struct Change {
    pub version: i64,
    pub title: String,
    pub rotate_days: i64,
    pub least: i64,
    pub bound: bool,
    pub digests: bool,
}

pub(crate) async fn change(ctx: &Ctx, alias: &str, c: &Change) -> Result<()> {
    let (title, rotate_days) = (title_of(ctx, &c.title)?, days_of(ctx, c.rotate_days)?);
    ctx.tx("cipher.change", |tx| {
        let key = managed(ctx, tx, alias)?;
        in_state(&key, &[State::Active, State::Disabled])?;
        if !(1..=key.newest).contains(&c.least) {
            let r = Refusal::new("cipher-least").arg("newest", key.newest);
            return Err(at(ctx, "least", r).into());
        }
        let next = Key {
            version: c.version,
            title: title.clone(),
            rotate_days,
            least: c.least,
            bound: c.bound && matches!(key.purpose, Purpose::Encrypt | Purpose::Envelope),
            digests: digests_of(ctx, key.algorithm, c.digests)?,
            ..key
        };
        save(tx, &next)?;
        let payload = json!({ "alias": next.alias, "rotate_days": rotate_days, "least": next.least, "bound": next.bound });
        noted(ctx, tx, "cipher.key.changed", &next, payload, false)?;
        policy_of_digests(ctx, tx, &next)?;
        Ok(())
    })
    .await
}

/// Goes from one of these states to another.
async fn turn(
    ctx: &Ctx,
    alias: &str,
    from: &[State],
    to: State,
    days: i64,
    kind: &'static str,
) -> Result<()> {
    ctx.tx("cipher.turn", |tx| {
        let key = managed(ctx, tx, alias)?;
        in_state(&key, from)?;
        let next = Key {
            state: to,
            destroy_at: (to == State::Scheduled).then(|| ctx.now() + days * DAY),
            ..key
        };
        save(tx, &next)?;
        let payload = json!({ "alias": next.alias, "destroy_at": next.destroy_at });
        noted(ctx, tx, kind, &next, payload, false)?;
        Ok(())
    })
    .await
}

pub(crate) async fn disable(ctx: &Ctx, alias: &str) -> Result<()> {
    turn(
        ctx,
        alias,
        &[State::Active],
        State::Disabled,
        0,
        "cipher.key.disabled",
    )
    .await
}

pub(crate) async fn enable(ctx: &Ctx, alias: &str) -> Result<()> {
    turn(
        ctx,
        alias,
        &[State::Disabled],
        State::Active,
        0,
        "cipher.key.enabled",
    )
    .await
}

/// Destroys a key in so many days, until when it can be taken back; nobody uses it meanwhile.
///
/// # Errors
/// `cipher-wait` for too few or too many days, `cipher-alias-typed` when the alias was not typed as it is.
pub(crate) async fn schedule(ctx: &Ctx, alias: &str, days: i64, typed: &str) -> Result<()> {
    if !WAIT.contains(&days) {
        return Err(at(ctx, "days", Refusal::new("cipher-wait")).into());
    }
    if typed.trim() != alias {
        return Err(at(ctx, "typed", Refusal::new("cipher-alias-typed")).into());
    }
    let from = [State::Active, State::Disabled];
    turn(
        ctx,
        alias,
        &from,
        State::Scheduled,
        days,
        "cipher.key.destruction-scheduled",
    )
    .await
}

/// Takes a destruction back; the key rests disabled until somebody enables it.
pub(crate) async fn cancel(ctx: &Ctx, alias: &str) -> Result<()> {
    let kind = "cipher.key.destruction-cancelled";
    turn(ctx, alias, &[State::Scheduled], State::Disabled, 0, kind).await
}

/// Rotates and destroys what is due; each key in a transaction of its own.
pub(crate) async fn run_due(ctx: &Ctx) -> Result<()> {
    let due = ctx
        .read("cipher.due", |tx| Ok(store::to_look_at(tx, ctx.now())?))
        .await?;
    for key in due {
        ctx.tx("cipher.due", |tx| {
            // Another node may have been first, or somebody cancelled.
            let Some(now) = store::by_alias(tx, &key.alias)?.filter(|k| k.version == key.version) else {
                return Ok(());
            };
            match now.state {
                State::Scheduled => destroy(ctx, tx, &now),
                _ if now.is_due(ctx.now()) => {
                    let (next, fact) = rotate_in(ctx, tx, &now, "due")?;
                    told(ctx, tx, &next, &fact)
                }
                _ => Ok(()),
            }
        })
        .await?;
    }
    Ok(())
}

fn destroy(ctx: &Ctx, tx: &mut Tx<'_>, key: &Key) -> Result<()> {
    store::wipe(tx, &key.id, ctx.now())?;
    let next = Key {
        state: State::Destroyed,
        ..key.clone()
    };
    save(tx, &next)?;
    let mut fact = Fact::new("cipher.key.destroyed", &key.id)
        .payload(json!({ "alias": key.alias }))
        .touch(&crate::KEY, &key.id);
    for v in store::versions(tx, &key.id, 1)?.iter().take(200) {
        fact = fact.touch(&crate::VERSION, store::version_id(&key.id, v.number));
    }
    ctx.emit(tx, fact)?;
    Ok(())
}

/// Tells the owner that a version was made without anybody asking.
fn told(ctx: &Ctx, tx: &mut Tx<'_>, key: &Key, fact: &str) -> Result<()> {
    if key.owner.is_empty() {
        return Ok(());
    }
    let args = [
        ("alias".to_string(), key.alias.clone()),
        ("version".to_string(), key.newest.to_string()),
    ]
    .into();
    let notice = comms::api::Notice {
        to: &key.owner,
        kind: "cipher-rotated",
        reference: &key.id,
        link: &format!("/work/keys/{}", key.alias),
        args: &args,
        cause: fact,
    };
    comms::api::notify(ctx, tx, &notice)?;
    Ok(())
}
