//! The requests about users.

use super::keep::{self, Kept};
use super::service;
use crate::door::answer::{Answer, no};
use crate::door::web::{Call, Id, pass};
use axum::extract::Request;
use axum::response::Response;
use kernel::{Ctx, Refusal, Result};
use scim::message::Search;
use scim::project::Projection;
use scim::resources::USERS;
use serde_json::Value as Json;

fn told(kept: Kept, projection: &Projection, status: u16, ignored: Vec<String>) -> Answer {
    Answer {
        status,
        changed: kept.changed,
        ignored,
        waiting: kept.waiting,
        ..Answer::resource(&USERS, projection, &kept.seen.user, kept.seen.version)
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
    let found = call
        .cx
        .read("provisioning.user", |tx| service::find(call, tx, id))
        .await?;
    let seen = found.ok_or_else(Refusal::not_found)?;
    if call.has(&seen.version) {
        return Ok(Answer::unchanged(seen.version));
    }
    service::accessed(call, seen.stranger().into_iter().collect()).await?;
    Ok(Answer::resource(&USERS, &projection, &seen.user, seen.version))
}

pub(crate) async fn create(cx: Ctx, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let projection = call.search()?.projection;
        let read = scim::document::read(&USERS, &body).map_err(no)?;
        let kept = keep::join(&call, &read.resource).await?;
        Ok(told(kept, &projection, 201, read.ignored))
    })
    .await
}

pub(crate) async fn replace(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let projection = call.search()?.projection;
        let read = scim::document::read(&USERS, &body).map_err(no)?;
        let kept = keep::replace(&call, &id, &read.resource).await?;
        Ok(told(kept, &projection, 200, read.ignored))
    })
    .await
}

pub(crate) async fn patch(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let projection = call.search()?.projection;
        let operations = scim::patch::read(&body).map_err(no)?;
        let kept = keep::patch(&call, &id, &operations).await?;
        Ok(told(kept, &projection, 200, vec![]))
    })
    .await
}

pub(crate) async fn leave(cx: Ctx, Id(id): Id, request: Request) -> Response {
    pass(cx, request, async |call: Call, _| {
        keep::leave(&call, &id).await?;
        Ok(Answer {
            status: 204,
            ..Answer::default()
        })
    })
    .await
}
