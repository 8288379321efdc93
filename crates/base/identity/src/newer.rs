//! What a newer pack adds to a city that runs already: roles that it did not know, the posts that carry them, and which roles exclude
//! each other. Nothing that is there is changed: the database is the truth.

use crate::official::held;
use crate::organisation::store;
use crate::pack::{ORGANISATIONS, OrganisationFile, ROLES, RoleFile};
use kernel::pack::Pack;
use kernel::{Ctx, Fact, Result};
use std::collections::BTreeSet;

/// Takes them in; called at every start.
pub(crate) async fn take_in(ctx: &Ctx, pack: &Pack) -> Result<()> {
    if pack.file(ROLES).is_none() || pack.file(ORGANISATIONS).is_none() {
        return Ok(());
    }
    // A city that runs does not stand still because somebody writes at its pack; `pack check` says what is wrong.
    let (Ok(roles), Ok(tree)) = (
        pack.toml::<RoleFile>(ROLES),
        pack.toml::<OrganisationFile>(ORGANISATIONS),
    ) else {
        tracing::warn!("roles of the pack cannot be read; see `yiwang pack check`");
        return Ok(());
    };
    let pairs: BTreeSet<(&str, &str)> = roles
        .role
        .iter()
        .flat_map(|r| r.excludes.iter().map(|o| (r.id.as_str(), o.as_str())))
        .map(|(a, b)| if a < b { (a, b) } else { (b, a) })
        .collect();
    ctx.tx("identity.newer-pack", |tx| {
        tx.lock("identity-newer-pack")?;
        let known: BTreeSet<String> = store::roles(tx)?.into_iter().map(|(id, _)| id).collect();
        let excluded = held::exclusions(tx)?;
        let mut fact = Fact::new("identity.structure.loaded", "identity_role");
        let mut any = false;
        let new: Vec<_> = roles.role.iter().filter(|r| !known.contains(&r.id)).collect();
        for r in &new {
            store::put_role(tx, &r.id, (&r.title, &r.title_en), &r.permissions)?;
            fact = fact.touch(&crate::ROLE, &r.id);
            any = true;
        }
        let carries = |roles: &[String]| roles.iter().any(|r| new.iter().any(|n| n.id == *r));
        for p in tree.post.iter().filter(|p| carries(&p.roles)) {
            if held::post(tx, &p.id)?.is_none() && store::get(tx, &p.org)?.is_some() {
                store::put_post(tx, &p.id, &p.org, (&p.title, &p.title_en), &p.roles)?;
                fact = fact.touch(&crate::POST, &p.id);
            }
        }
        for (a, b) in &pairs {
            if !excluded.iter().any(|(x, y)| x == a && y == b) {
                fact = fact.touch(&crate::EXCLUSION, held::put_exclusion(tx, a, b)?);
                any = true;
            }
        }
        if any {
            ctx.emit(tx, fact)?;
        }
        Ok(())
    })
    .await
}
