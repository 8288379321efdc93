//! The requests about groups.

use super::service::{self, Kept};
use crate::door::answer::{Answer, no, refuse};
use crate::door::web::{Call, Id, pass};
use crate::user::service as users;
use axum::extract::Request;
use axum::response::Response;
use kernel::{Ctx, Result};
use scim::message::Search;
use scim::project::Projection;
use scim::resources::GROUPS_TYPE;
use serde_json::Value as Json;

fn told(kept: Kept, projection: &Projection, ignored: Vec<String>) -> Answer {
    Answer {
        changed: kept.changed,
        ignored,
        waiting: kept.waiting,
        ..Answer::resource(&GROUPS_TYPE, projection, &kept.seen.group, kept.seen.version)
    }
}

pub(crate) async fn list(cx: Ctx, request: Request) -> Response {
    pass(cx, request, async |call: Call, _| {
        let search = call.search()?;
        Ok(Answer::ok(service::list(&call, &search).await?))
    })
    .await
}

pub(crate) async fn search(cx: Ctx, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let search = Search::body(&body).map_err(no)?;
        Ok(Answer::ok(service::list(&call, &search).await?))
    })
    .await
}

pub(crate) async fn show(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, _| one(&call, &id).await).await
}

async fn one(call: &Call, id: &str) -> Result<Answer> {
    let projection = call.search()?.projection;
    let seen = call
        .cx
        .read("provisioning.group", |tx| service::find(call, tx, id))
        .await?;
    if call.has(&seen.version) {
        return Ok(Answer::unchanged(seen.version));
    }
    if projection.wants(&GROUPS_TYPE, "members") {
        users::accessed(call, seen.strangers).await?;
    }
    Ok(Answer::resource(
        &GROUPS_TYPE,
        &projection,
        &seen.group,
        seen.version,
    ))
}

pub(crate) async fn create(cx: Ctx, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let read = scim::document::read(&GROUPS_TYPE, &body).map_err(no)?;
        service::create(&call, &read.resource).await?;
        Err(refuse("provisioning-posts-here", 403))
    })
    .await
}

pub(crate) async fn replace(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let projection = call.search()?.projection;
        let read = scim::document::read(&GROUPS_TYPE, &body).map_err(no)?;
        let kept = service::replace(&call, &id, &read.resource).await?;
        Ok(told(kept, &projection, read.ignored))
    })
    .await
}

pub(crate) async fn patch(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let projection = call.search()?.projection;
        let operations = scim::patch::read(&body).map_err(no)?;
        let kept = service::patch(&call, &id, &operations).await?;
        Ok(told(kept, &projection, vec![]))
    })
    .await
}

pub(crate) async fn remove(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, _| {
        let found = call
            .cx
            .read("provisioning.group", |tx| service::find(&call, tx, &id))
            .await;
        found.and_then(|_| Err(refuse("provisioning-posts-here", 403)))
    })
    .await
}
