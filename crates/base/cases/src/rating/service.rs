//! The verbs of ratings.

use super::store;
use crate::case::model::state;
use crate::case::service::own;
use kernel::{Ctx, Fact, Refusal, Resource, Result};
use serde_json::json;

/// Grades up to this open a follow-up (好差评: 不满意, 非常不满意).
const BAD: i64 = 2;
const FOLLOW_UP_DAYS: u32 = 3;

/// The applicant rates a finished case, once.
pub async fn rate(ctx: &Ctx, id: &str, grade: i64, comment: &str) -> Result<()> {
    let comment: String = comment.trim().chars().take(500).collect();
    if !(1..=5).contains(&grade) {
        return Err(Refusal::new("cases-rating-grade").into());
    }
    if grade <= BAD && comment.is_empty() {
        return Err(Refusal::new("cases-rating-why").into());
    }
    ctx.tx("cases.rate", |tx| {
        let case = own(ctx, tx, id, "cases.rating.give")?;
        if !matches!(case.state.as_str(), state::GRANTED | state::REFUSED) {
            return Err(Refusal::new("cases-rating-early").status(409).into());
        }
        if !store::insert_rating(ctx, tx, id, grade, &comment, ctx.now())? {
            return Err(Refusal::new("cases-rated").status(409).into());
        }
        let fact =
            Fact::new("cases.rating.given", id).payload(json!({ "grade": grade, "matter": case.matter }));
        let fact = ctx.emit(tx, fact.touch(&crate::RATING, id))?;
        if grade <= BAD {
            let days = ctx.app.city["rating"]["follow_up_working_days"]
                .as_u64()
                .map_or(FOLLOW_UP_DAYS, |d| d as u32);
            let due = crate::clock::table(ctx)?
                .0
                .add_working_days(ctx.today(), days)
                .date
                .to_string();
            store::open_followup(tx, id, &case.org_path, &case.area_code, &due, ctx.now())?;
            let opened = Fact::new("cases.followup.opened", id)
                .payload(json!({ "due_on": due }))
                .cause(fact);
            ctx.emit(tx, opened.touch(&crate::FOLLOWUP, id))?;
        }
        Ok(())
    })
    .await
}

/// The supervisor closes a follow-up with what was done.
pub async fn close(ctx: &Ctx, id: &str, outcome: &str) -> Result<()> {
    let outcome = outcome.trim();
    if outcome.is_empty() || outcome.chars().count() > 1_000 {
        return Err(Refusal::new("cases-followup-outcome").into());
    }
    ctx.tx("cases.close-followup", |tx| {
        let row = store::followup(tx, id)?.ok_or_else(Refusal::not_found)?;
        let resource = Resource {
            kind: "Followup",
            about: Vec::new(),
            id: id.to_string(),
            org_paths: vec![row.get("org_path")?],
            area_code: row.get("area_code")?,
            state: row.get("state")?,
            owners: Vec::new(),
        };
        ctx.may("cases.followup.close", &resource)?;
        if store::close_followup(ctx, tx, id, outcome, &ctx.actor.id, ctx.now())? == 0 {
            return Err(Refusal::new("cases-followup-closed").status(409).into());
        }
        ctx.emit(
            tx,
            Fact::new("cases.followup.closed", id).touch(&crate::FOLLOWUP, id),
        )?;
        Ok(())
    })
    .await
}
