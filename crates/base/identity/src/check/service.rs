//! The verbs of checks by an adapter.

use super::store;
use crate::settings::{RealName, Settings};
use crate::{api, assurance};
use kernel::{Ctx, Fact, Fault, Refusal, Result};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// How long an answer may take, in milliseconds.
const HOLDS: i64 = 15 * 60_000;
/// Checks that a person may ask for in a day: each one costs somebody money.
const MOST: i64 = 5;
const DAY: i64 = 86_400_000;
/// For one whole exchange with the adapter.
const LIMIT: Duration = Duration::from_secs(10);

/// The adapter that the operator set up.
pub(crate) fn adapter(ctx: &Ctx) -> Result<Option<RealName>> {
    Ok(ctx.service::<Settings>()?.real_name.clone())
}

/// Hands one's own name and number to the adapter; the address at which it looks at the person.
///
/// # Errors
/// `identity-check-closed` (409) without an adapter, `identity-check-many` (429), `identity-check-unreachable` (503).
pub(crate) async fn ask(ctx: &Ctx) -> Result<String> {
    let subject = ctx.actor.subject.clone().ok_or_else(Refusal::sign_in)?;
    let Some(adapter) = adapter(ctx)? else {
        return Err(Refusal::new("identity-check-closed").status(409).into());
    };
    let id = hex::encode(ctx.random::<16>());
    let person = ctx
        .tx("identity.ask-check", |tx| {
            tx.lock("identity-check")?;
            if store::since(tx, &subject, ctx.now() - DAY)? >= MOST {
                return Err(Refusal::new("identity-check-many").status(429).into());
            }
            let person = api::party(ctx, tx, &subject)?.ok_or_else(Refusal::not_found)?;
            store::insert(tx, &id, &subject, ctx.now(), ctx.now() + HOLDS)?;
            ctx.emit(
                tx,
                Fact::new("identity.check.asked", &subject).touch(&crate::CHECK, &id),
            )?;
            Ok(person)
        })
        .await?;
    let url = &ctx.app.config.url;
    let body =
        json!({ "id": id, "name": person.name, "number": person.code, "return": format!("{url}/me/level"),
        "receipt": format!("{url}/identity/checks/receipts") })
        .to_string();
    let sent = comms::api::post_signed(ctx, &adapter.url, &id, &adapter.secret, &body, LIMIT).await;
    match sent {
        Ok(status) if (200..300).contains(&status) => Ok(format!("{}?id={id}", adapter.page)),
        other => {
            tracing::warn!(?other, "the adapter of real-name checks did not take a request");
            ctx.tx("identity.drop-check", |tx| {
                settle(ctx, tx, &id, &subject, "unreachable")
            })
            .await?;
            Err(Refusal::new("identity-check-unreachable").status(503).into())
        }
    }
}

fn settle(ctx: &Ctx, tx: &mut kernel::Tx<'_>, id: &str, subject: &str, state: &'static str) -> Result<()> {
    if store::answer(tx, id, state, ctx.now())? {
        let fact = Fact::new("identity.check.answered", subject).payload(json!({ "state": state }));
        ctx.emit(tx, fact.touch(&crate::CHECK, id))?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipt {
    id: String,
    /// `passed` or `failed`.
    state: String,
    /// The adapter's own number of the check, for questions later.
    #[serde(default)]
    reference: String,
}

/// The adapter's answer. Said twice it changes nothing.
///
/// # Errors
/// 404 without an adapter or for an unknown check, 401 for a wrong or old signature, 400 for a body that is none.
pub(crate) async fn receive(ctx: &Ctx, timestamp: &str, signature: &str, body: &str) -> Result<bool> {
    let adapter = adapter(ctx)?.ok_or_else(Refusal::not_found)?;
    if !comms::api::signature_holds(ctx, &adapter.secret, timestamp, signature, body) {
        return Err(Refusal::new("identity-check-signature").status(401).into());
    }
    let wrong = || Refusal::new("identity-check-body").status(400);
    let receipt: Receipt = serde_json::from_str(body).map_err(|_| wrong())?;
    let passed = match receipt.state.as_str() {
        "passed" => true,
        "failed" => false,
        _ => return Err(wrong().into()),
    };
    let reference: String = receipt
        .reference
        .chars()
        .filter(|c| !c.is_control())
        .take(80)
        .collect();
    ctx.tx("identity.receive-check", |tx| {
        let Some(subject) = store::asked(tx, &receipt.id, ctx.now())? else {
            return Ok(false);
        };
        settle(
            ctx,
            tx,
            &receipt.id,
            &subject,
            if passed { "passed" } else { "failed" },
        )?;
        if passed {
            let until = ctx
                .today()
                .checked_add(jiff::Span::new().days(adapter.days))
                .map_err(|e| Fault::of("end of a real-name check", e))?;
            let reference = format!("{} {reference}", adapter.title);
            let terms = assurance::service::Terms {
                method: "adapter",
                level: 3,
                reference: reference.trim(),
                until: Some(&until.to_string()),
            };
            assurance::service::record(ctx, tx, &subject, &terms)?;
        }
        Ok(true)
    })
    .await
}

/// Where one's own newest check stands: `asked`, `passed`, `failed`, `late`, `unreachable`.
pub(crate) async fn newest(ctx: &Ctx, subject: &str) -> Result<Option<String>> {
    ctx.read("identity.newest-check", |tx| {
        Ok(store::newest(tx, subject, ctx.now())?)
    })
    .await
}
