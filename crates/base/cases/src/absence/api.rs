//! What the case's own verbs ask of absences.

use super::store;
use crate::case::model::WorkRow;
use identity::api::Official;
use kernel::{Ctx, Result, Tx};

/// The actor ids of those who are away today and for whom the actor stands in.
pub(crate) fn stands_in_for(ctx: &Ctx, tx: &mut Tx<'_>) -> Result<Vec<String>> {
    if !ctx.actor.is_official() {
        return Ok(Vec::new());
    }
    Ok(store::away_of(tx, &ctx.actor.id, &ctx.today().to_string())?)
}

/// The one who is away and whose item this would be, when the actor stands in for somebody.
pub(crate) fn principal_of(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    row: &WorkRow,
    area_code: &str,
) -> Result<Option<Official>> {
    for away in stands_in_for(ctx, tx)? {
        let Some(official) = identity::api::official(ctx, tx, &away)? else {
            continue;
        };
        let theirs = match &row.assignee {
            Some(a) => *a == away && row.on_behalf.is_none(),
            None => {
                let mut mandate = ctx.clone();
                mandate.actor.grants = official.grants.clone();
                crate::case::service::may_work(&mandate, &row.role, &row.org_path, area_code)
            }
        };
        if theirs {
            return Ok(Some(official));
        }
    }
    Ok(None)
}
