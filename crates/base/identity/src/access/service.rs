//! The question, put to the policies for every official in office.

use crate::api::{self, Official};
use kernel::module::{JobFuture, boxed};
use kernel::{Actor, ActorKind, Ctx, Fault, Refusal, Resource, Result, Tx};

/// One official and what the policies say.
pub(crate) struct Answer {
    pub official: Official,
    /// The posts' roles that grant it, as `role @ organisation path`.
    pub through: Vec<String>,
    pub refusal: Option<Refusal>,
}

/// Permission names of all modules, in order.
pub(crate) fn permissions(ctx: &Ctx) -> Vec<(&'static str, &'static str)> {
    let all = ctx.app.modules.iter().flat_map(|m| &m.permissions);
    let mut all: Vec<_> = all.map(|p| (p.name, p.title)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Asks for everybody in office whose posts grant the permission somewhere: may they do it to a thing of this organisation?
/// Without an organisation the answer is where they hold it at all.
///
/// # Errors
/// `identity-access-permission`, `identity-access-organisation` for names that are none.
pub(crate) fn who(ctx: &Ctx, tx: &mut Tx<'_>, permission: &str, organisation: &str) -> Result<Vec<Answer>> {
    if !permissions(ctx).iter().any(|(name, _)| *name == permission) {
        let r = Refusal::new("identity-access-permission").arg("permission", permission);
        return Err(r.clone().field("permission", ctx.says(&r)).into());
    }
    let authorise = ctx.app.ports.authorise.clone();
    let place = match organisation {
        "" => None,
        id => {
            let found = api::organisation(tx, id)?;
            let r = Refusal::new("identity-access-organisation").arg("organisation", id);
            Some(found.ok_or_else(|| r.clone().field("organisation", ctx.says(&r)))?)
        }
    };
    let mut out = Vec::new();
    for official in api::officials(ctx, tx)? {
        let actor = Actor {
            id: official.actor.clone(),
            kind: ActorKind::Official,
            subject: Some(official.subject.clone()),
            grants: official.grants.clone(),
            ..Actor::default()
        };
        if !authorise.holds(&actor, permission) {
            continue;
        }
        let grants = official.grants.iter().filter(|g| {
            let alone = Actor {
                grants: vec![(*g).clone()],
                ..actor.clone()
            };
            authorise.holds(&alone, permission)
        });
        let through = grants.map(|g| format!("{} @ {}", g.role, g.org_path)).collect();
        let refusal = place.as_ref().and_then(|o| {
            let thing = Resource {
                kind: "Thing",
                about: Vec::new(),
                id: "any".into(),
                owners: Vec::new(),
                org_paths: vec![o.path.clone()],
                area_code: o.area_code.clone(),
                state: String::new(),
            };
            authorise.may(&actor, permission, &thing).err()
        });
        out.push(Answer {
            official,
            through,
            refusal,
        });
    }
    out.sort_by_key(|a| a.refusal.is_some());
    Ok(out)
}

/// `yiwang who PERMISSION [ORGANISATION]`
pub(crate) fn command(ctx: Ctx, words: Vec<String>) -> JobFuture {
    boxed(async move {
        let (permission, organisation) = match words.as_slice() {
            [permission] => (permission.clone(), String::new()),
            [permission, organisation] => (permission.clone(), organisation.clone()),
            _ => {
                for (name, title) in permissions(&ctx) {
                    println!("{name}\t{}", ctx.t(title, &[]));
                }
                return Err(Fault::new("usage: yiwang who PERMISSION [ORGANISATION]").into());
            }
        };
        let answers = ctx
            .read("identity.who", |tx| who(&ctx, tx, &permission, &organisation))
            .await;
        let answers = match answers {
            Err(kernel::Problem::Refusal(r)) => return Err(Fault::new(ctx.says(&r)).into()),
            answers => answers?,
        };
        for a in &answers {
            let says = a
                .refusal
                .as_ref()
                .map_or_else(|| "yes".to_string(), |r| format!("no: {}", ctx.says(r)));
            println!(
                "{}\t{}\t{}\t{says}",
                a.official.name,
                a.official.title,
                a.through.join(", ")
            );
        }
        Ok(())
    })
}
