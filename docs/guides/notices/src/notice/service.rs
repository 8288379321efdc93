//! The verbs of notices.
use super::store;
use kernel::{Ctx, Fact, Refusal, Resource, Result, Uuid};

const PUBLISH: &str = "notices.notice.publish";

/// Publishes a notice in the name of the actor's own post.
pub(crate) async fn publish(ctx: &Ctx, title: &str) -> Result<Uuid> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > 200 {
        return Err(Refusal::new("notices-title").into());
    }
    let post = ctx.actor.grants.first().ok_or_else(Refusal::forbidden)?;
    let (org_paths, area_code) = (vec![post.org_path.clone()], post.area_code.clone());
    let id = ctx.id(); // Before the body: it may be run again.
    let place = Resource {
        kind: "Notice",
        id: id.to_string(),
        org_paths,
        area_code,
        ..Resource::default()
    };
    ctx.may(PUBLISH, &place)?;
    ctx.tx("notices.publish", |tx| {
        store::insert(tx, id, title, &place, ctx.now())?;
        ctx.emit(
            tx,
            Fact::new("notices.notice.published", id).touch(&crate::NOTICE, id),
        )?;
        Ok(id)
    })
    .await
}
