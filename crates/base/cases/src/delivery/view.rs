//! What the pages about a case show of its delivery.

use super::model::{Delivery, state};
use super::{service, store};
use crate::case::model::{Case, state as case_state};
use crate::case::view::english;
use kernel::{Ctx, Result, Tx};
use serde_json::{Value as Json, json};

pub(crate) fn tag(ctx: &Ctx, d: &Delivery) -> Json {
    let kind = match d.state.as_str() {
        state::DELIVERED => "good",
        state::RETURNED => "bad",
        state::CHOSEN => "plain",
        _ => "info",
    };
    json!({ "kind": kind, "text": ctx.t(&format!("cases-delivery-state-{}", d.state), &[]) })
}

pub(crate) fn window_name(ctx: &Ctx, tx: &mut Tx<'_>, id: Option<&str>) -> Result<Json> {
    let Some(id) = id else { return Ok(Json::Null) };
    let found = crate::appointment::store::window(tx, id)?;
    Ok(found.map_or(
        Json::Null,
        |p| json!({ "name": p.window.name(english(ctx)), "address": p.window.address(english(ctx)) }),
    ))
}

/// The delivery of a case for its page; `chosen` is null before the applicant has chosen. Code and address are for the
/// applicant's own eyes; officials see them in the list of deliveries, where it is recorded.
pub(crate) fn of(ctx: &Ctx, tx: &mut Tx<'_>, case: &Case) -> Result<Json> {
    let d = store::get(ctx, tx, &case.id)?;
    let mine = crate::case::service::owns(ctx, case);
    let ended = matches!(case.state.as_str(), case_state::GRANTED | case_state::REFUSED);
    let chosen = match &d {
        None => Json::Null,
        Some(d) => json!({
            "way": d.way, "state": tag(ctx, d), "window": window_name(ctx, tx, d.window.as_deref())?, "carrier": d.carrier,
            "consignment": d.consignment, "code": d.code.as_ref().filter(|_| mine && d.state == state::PREPARED),
            "address": d.address.as_ref().filter(|_| mine), "signed_by": d.signed_by.as_ref().filter(|_| mine),
            "reason": d.reason.as_ref().filter(|_| mine), "closed_at": d.closed_at, "done": d.state == state::DELIVERED,
            "may_confirm": mine && ended && d.way == "download" && d.state == state::CHOSEN,
        }),
    };
    Ok(
        json!({ "chosen": chosen, "may_choose": mine && service::may_choose(case, d.as_ref()), "case": case.id }),
    )
}

/// Invented data of the shape of [`of`], for samples of pages.
pub(crate) fn sample() -> Json {
    json!({ "may_choose": true, "case": "1", "chosen": { "way": "pickup", "state": { "kind": "info", "text": "已备好" },
        "window": { "name": "综合窗口", "address": "演示地址" }, "carrier": null, "consignment": null, "code": "123456", "address": null,
        "signed_by": null, "reason": null, "closed_at": null, "done": false, "may_confirm": false } })
}
