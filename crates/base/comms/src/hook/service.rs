//! Registering and removing hosts.

use super::store;
use crate::channel::guard::{self, Barred};
use crate::channel::http::Target;
use crate::delivery::service::may;
use crate::rules::Rules;
use crate::settings::Settings;
use kernel::{Ctx, Fact, Refusal, Result};

const MOST: i64 = 100;

/// Registers a host; returns the secret that signs what it is sent, shown this once.
pub(crate) async fn register(ctx: &Ctx, title: &str, url: &str, kinds: &[String]) -> Result<String> {
    may(ctx, crate::HOOKS)?;
    let (title, url) = (title.trim(), url.trim());
    if title.is_empty() || title.chars().count() > 80 {
        return Err(Refusal::new("comms-hook-title").into());
    }
    let target = Target::parse(url).ok().filter(|_| url.len() <= 500);
    let target = target.ok_or_else(|| Refusal::new("comms-hook-url"))?;
    let settings = ctx.service::<Settings>()?;
    match guard::resolve(&target, &settings.webhook.allow_private).await {
        Err(Barred::Private) => {
            return Err(Refusal::new("comms-hook-private")
                .arg("host", &target.host)
                .into());
        }
        Err(Barred::Unknown(_)) => {
            return Err(Refusal::new("comms-hook-unknown")
                .arg("host", &target.host)
                .into());
        }
        Ok(_) => {}
    }
    let rules = ctx.service::<Rules>()?;
    if let Some(kind) = kinds.iter().find(|k| rules.kind(k).is_none()) {
        return Err(Refusal::new("comms-hook-kind").arg("kind", kind).into());
    }
    let id = ctx.id().to_string();
    let secret = hex::encode(ctx.random::<32>());
    ctx.tx("comms.register-hook", |tx| {
        if store::count(tx)? >= MOST {
            return Err(Refusal::new("comms-hook-many")
                .status(409)
                .arg("max", MOST)
                .into());
        }
        let new = store::New {
            id: &id,
            title,
            url,
            kinds,
            secret: ctx.protect().seal(&store::place(&id), &secret)?,
            by: &ctx.actor.id,
        };
        store::insert(tx, &new, ctx.now())?;
        ctx.emit(
            tx,
            Fact::new("comms.hook.registered", &id).touch(&crate::HOOK, &id),
        )?;
        Ok(())
    })
    .await?;
    Ok(secret)
}

/// From now on it is told nothing; what waits for it is given up when its turn comes.
pub(crate) async fn remove(ctx: &Ctx, id: &str) -> Result<()> {
    may(ctx, crate::HOOKS)?;
    ctx.tx("comms.remove-hook", |tx| {
        if store::remove(tx, id, ctx.now())? == 0 {
            return Err(Refusal::not_found().into());
        }
        ctx.emit(tx, Fact::new("comms.hook.removed", id).touch(&crate::HOOK, id))?;
        Ok(())
    })
    .await
}
