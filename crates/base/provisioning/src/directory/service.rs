//! The verbs of directories.

use super::store::{self, Directory};
use identity::api::{Organisation, official};
use kernel::ctx::{Scope, Term};
use kernel::{Ctx, Fact, Refusal, Resource, Result, Tx};
use serde_json::json;

/// What the right to declare a directory is asked about.
pub(crate) fn resource(o: &Organisation) -> Resource {
    Resource {
        kind: "Directory",
        id: o.id.clone(),
        org_paths: vec![o.path.clone()],
        area_code: o.area_code.clone(),
        ..Resource::default()
    }
}

/// The posts of an organisation and those below.
pub(crate) fn posts(tx: &mut Tx<'_>, o: &Organisation) -> Result<Vec<official::Post>> {
    let within = Term::Within {
        org_path: o.path.clone(),
        area_code: String::new(),
    };
    official::posts(tx, &Scope::Any(vec![within]))
}

fn organisation(ctx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Organisation> {
    let wrong =
        || Refusal::new("provisioning-organisation").field("organisation", "provisioning-organisation");
    let found = identity::api::organisation(tx, id)?.ok_or_else(wrong)?;
    ctx.may(crate::MANAGE, &resource(&found))?;
    Ok(found)
}

/// A directory that the actor may manage, with its organisation.
pub(crate) fn managed(ctx: &Ctx, tx: &mut Tx<'_>, client: &str) -> Result<(Directory, Organisation)> {
    let found = store::get(tx, client)?.ok_or_else(Refusal::not_found)?;
    let organisation =
        identity::api::organisation(tx, &found.organisation)?.ok_or_else(Refusal::not_found)?;
    ctx.may(crate::MANAGE, &resource(&organisation))?;
    Ok((found, organisation))
}

/// Declares that a registered system keeps the people of an organisation. A directory that has ended begins anew.
///
/// # Errors
/// `provisioning-system` for a system that is not registered with the scope or has a directory, `provisioning-organisation`.
pub(crate) async fn declare(ctx: &Ctx, client: &str, organisation: &str) -> Result<()> {
    ctx.tx("provisioning.declare", |tx| {
        tx.lock("provisioning")?;
        let organisation = self::organisation(ctx, tx, organisation)?;
        let known = openid::api::systems(tx, crate::SCOPE)?;
        let before = store::get(tx, client)?;
        let running = before.as_ref().is_some_and(|d| d.ended_at.is_none());
        if running || !known.iter().any(|s| s.id == client) {
            let refusal = Refusal::new("provisioning-system").field("client", "provisioning-system");
            return Err(refusal.into());
        }
        // Who had been noted for another organisation does not come along.
        if before.is_some_and(|d| d.organisation != organisation.id) && store::users(tx, client)? > 0 {
            let key = "provisioning-other-organisation";
            return Err(Refusal::new(key).status(409).field("organisation", key).into());
        }
        let new = Directory {
            client: client.into(),
            organisation: organisation.id.clone(),
            post: String::new(),
            version: 1,
            created_at: ctx.now(),
            ended_at: None,
        };
        store::put(tx, &new)?;
        let fact = Fact::new("provisioning.directory.declared", client)
            .payload(json!({ "organisation": organisation.id }))
            .touch(&crate::DIRECTORY, client);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}

/// Sets the post that is proposed for everybody who joins; empty for none.
///
/// # Errors
/// `provisioning-post` for a post outside the organisation; stale (412).
pub(crate) async fn change(ctx: &Ctx, client: &str, post: &str, version: i64) -> Result<()> {
    ctx.tx("provisioning.change", |tx| {
        let (_, organisation) = managed(ctx, tx, client)?;
        if !post.is_empty() && !posts(tx, &organisation)?.iter().any(|p| p.id == post) {
            let key = "provisioning-post";
            return Err(Refusal::new(key).field("post", key).into());
        }
        if !store::set_post(tx, client, post, version)? {
            return Err(Refusal::stale().into());
        }
        let fact = Fact::new("provisioning.directory.changed", client)
            .payload(json!({ "post": post }))
            .touch(&crate::DIRECTORY, client);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}

/// From now on the system is refused; officials stay as they are.
pub(crate) async fn end(ctx: &Ctx, client: &str) -> Result<()> {
    ctx.tx("provisioning.end", |tx| {
        managed(ctx, tx, client)?;
        if !store::end(tx, client, ctx.now())? {
            return Err(Refusal::stale().into());
        }
        let fact = Fact::new("provisioning.directory.ended", client).touch(&crate::DIRECTORY, client);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}
