//! The verbs of grants: who may do what with a key, and how often.

use super::model::{Granted, Key, OFFICE, OPERATIONS, Operation, State};
use super::{service, store};
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde_json::json;

/// A grant as its form says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub holder: String,
    pub operations: Vec<String>,
    pub per_minute: i64,
    pub per_day: i64,
}

/// No limit is larger; beyond it 0 says "no limit".
const MOST: i64 = 1_000_000_000;

/// Sets what a holder may do with a key; a grant that stands is replaced.
///
/// # Errors
/// `cipher-holder` for a system that is not registered with the scope, `cipher-operations` for none or a strange one.
pub(crate) async fn put(ctx: &Ctx, alias: &str, wish: &Wish) -> Result<()> {
    let id = ctx.id().simple().to_string();
    ctx.tx("cipher.grant", |tx| {
        let key = service::managed(ctx, tx, alias)?;
        if key.state == State::Destroyed {
            return Err(Refusal::new("cipher-wrong-state").status(409).into());
        }
        if !is_holder(tx, &wish.holder)? {
            return Err(Refusal::new("cipher-holder-unknown").into());
        }
        let fits = Operation::of_purpose(key.purpose);
        let wanted: Option<Vec<Operation>> = wish.operations.iter().map(|o| Operation::of(o)).collect();
        let wanted = wanted.filter(|all| !all.is_empty() && all.iter().all(|o| fits.contains(o)));
        let wanted = wanted.ok_or_else(|| Refusal::new("cipher-operations"))?;
        if ![wish.per_minute, wish.per_day]
            .iter()
            .all(|n| (0..=MOST).contains(n))
        {
            return Err(Refusal::new("cipher-limits").into());
        }
        let old = store::grant(tx, &key.id, &wish.holder)?;
        let grant = Granted {
            id: old.map_or_else(|| id.clone(), |g| g.id),
            key: key.id.clone(),
            holder: wish.holder.clone(),
            operations: OPERATIONS.into_iter().filter(|o| wanted.contains(o)).collect(),
            per_minute: wish.per_minute,
            per_day: wish.per_day,
            created_at: ctx.now(),
        };
        store::put_grant(tx, &grant)?;
        let operations: Vec<&str> = grant.operations.iter().map(|o| o.name()).collect();
        let fact = Fact::new("cipher.grant.changed", &key.id)
            .payload(json!({ "alias": key.alias, "holder": grant.holder,
            "operations": operations, "per_minute": grant.per_minute, "per_day": grant.per_day }));
        ctx.emit(tx, fact.touch(&crate::GRANT, &grant.id))?;
        Ok(())
    })
    .await
}

fn is_holder(tx: &mut Tx<'_>, holder: &str) -> Result<bool> {
    if holder == OFFICE {
        return Ok(true);
    }
    let Some(id) = holder.strip_prefix("client:") else {
        return Ok(false);
    };
    let systems = openid::api::systems(tx, crate::SCOPE)?;
    Ok(systems.iter().any(|s| s.id == id))
}

/// Takes a grant back, at once.
pub(crate) async fn remove(ctx: &Ctx, alias: &str, holder: &str) -> Result<()> {
    ctx.tx("cipher.ungrant", |tx| {
        let key: Key = service::managed(ctx, tx, alias)?;
        let grant = store::grant(tx, &key.id, holder)?.ok_or_else(Refusal::not_found)?;
        store::remove_grant(tx, &grant.id)?;
        let fact = Fact::new("cipher.grant.removed", &key.id)
            .payload(json!({ "alias": key.alias, "holder": holder }))
            .gone(&crate::GRANT, &grant.id);
        ctx.emit(tx, fact)?;
        Ok(())
    })
    .await
}
