//! The verbs of signing out.

use crate::client::service::{Known, known};
use crate::grant::model::Grant;
use crate::grant::{request, store, token};
use crate::key::service::keys;
use crate::provider::{provider, seconds};
use kernel::module::{JobFuture, boxed};
use kernel::{Ctx, Fault, Recorded, Result, Tx, job};
use oidc::logout::{Asked, IdHint, LogoutToken, must_ask, read, verify_hint};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;

/// Job that tells one system of one ended sign-in.
pub(crate) const TELL: &str = "openid.logout.tell";
/// A system has so long to take it.
const LIMIT: Duration = Duration::from_secs(10);

/// What is to be done about a request to sign out.
pub(crate) struct Wish {
    /// Where to go afterwards; a page of ours when nowhere.
    pub to: Option<String>,
    pub client: Option<Arc<Known>>,
    /// Whether the person is asked first.
    pub ask: bool,
}

/// Reads a request; the inner error is for the person.
pub(crate) async fn wish(ctx: &Ctx, raw: &str) -> Result<Result<Wish, oidc::error::OAuthError>> {
    let (provider, keys) = (provider(ctx), keys(ctx).await?);
    let asked = match read(raw) {
        Ok(asked) => asked,
        Err(e) => return Ok(Err(e)),
    };
    let hint = asked
        .id_token_hint
        .as_deref()
        .and_then(|h| verify_hint(h, &keys.ever(), &provider.issuer, seconds(ctx)).ok());
    ctx.read("openid.logout", |tx| weigh(ctx, tx, &asked, hint.as_ref()))
        .await
}

fn weigh(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    asked: &Asked,
    hint: Option<&IdHint>,
) -> Result<Result<Wish, oidc::error::OAuthError>> {
    let id = match asked.client(hint) {
        Ok(id) => id,
        Err(e) => return Ok(Err(e)),
    };
    let client = match id {
        Some(id) => known(ctx, tx, id)?,
        None => None,
    };
    let to = match asked.destination(client.as_ref().map(|c| &c.client)) {
        Ok(to) => to,
        Err(e) => return Ok(Err(e)),
    };
    let shown = identity::api::shown(ctx, tx)?;
    let sub = match (&client, &shown) {
        (Some(c), Some(s)) => Some(request::sub(ctx, c, &s.subject)?),
        _ => None,
    };
    let sid = shown.as_ref().map(|s| s.session.as_str());
    let ask = shown.is_some() && must_ask(hint, sid, sub.as_deref());
    Ok(Ok(Wish { to, client, ask }))
}

/// Consumer of ended sessions: sign-ins that came of them end, unless they were to go on without the person, and the systems
/// are told.
pub(crate) fn follow(ctx: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    let sessions = fact.payload["sessions"].as_array().cloned().unwrap_or_default();
    for session in sessions.iter().filter_map(Json::as_str) {
        for g in store::of_session(tx, session)? {
            order(ctx, tx, &g)?;
            if !g.offline() {
                store::end_grant(tx, &g.id, ctx.now())?;
                token::ended(ctx, tx, &g.id, "signed-out")?;
            }
        }
    }
    Ok(())
}

/// Consumer of officials who leave: every sign-in of theirs ends, those too that were to go on without the person, so that none of
/// them comes back when the person does.
pub(crate) fn left(ctx: &Ctx, tx: &mut Tx<'_>, fact: &Recorded) -> Result<()> {
    let Ok(account) = fact.subject.parse() else {
        return Ok(());
    };
    loop {
        let page = store::of_account_anywhere(tx, account)?;
        if page.is_empty() {
            return Ok(());
        }
        for g in page {
            order(ctx, tx, &g)?;
            store::end_grant(tx, &g.id, ctx.now())?;
            token::ended(ctx, tx, &g.id, "left")?;
        }
    }
}

/// Has the system of a sign-in told that it is over, if it wants to know.
pub(crate) fn order(ctx: &Ctx, tx: &mut Tx<'_>, g: &Grant) -> Result<()> {
    let Some(client) = known(ctx, tx, &g.client)? else {
        return Ok(());
    };
    if client.client.registration().backchannel_logout_uri.is_some() {
        let payload = json!({ "client": g.client, "sub": g.sub, "sid": g.session });
        // One session of a person at a system is told of once, however many sign-ins it had there.
        let due = format!("{}:{}", g.session, g.client);
        job::enqueue(tx, ctx, TELL, &due, ctx.now(), payload)?;
    }
    Ok(())
}

/// Tells it.
pub(crate) fn tell(ctx: Ctx, payload: Json) -> JobFuture {
    boxed(async move {
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_string();
        let id = text("client");
        let client = ctx.read("openid.tell", |tx| known(&ctx, tx, &id)).await?;
        let Some(client) = client else { return Ok(()) };
        let Some(to) = client.client.registration().backchannel_logout_uri.clone() else {
            return Ok(());
        };
        let (sub, sid) = (text("sub"), text("sid"));
        let (provider, keys) = (provider(&ctx), keys(&ctx).await?);
        let token = LogoutToken {
            issuer: &provider.issuer,
            client_id: &id,
            sub: &sub,
            sid: Some(&sid),
            jti: &ctx.id().to_string(),
            issued_at: seconds(&ctx),
        };
        let signer = keys.signer(
            client.client.registration().id_token_signed_response_alg,
            ctx.now(),
        )?;
        let token = token
            .sign(signer)
            .map_err(|e| Fault::of("logout token", e.to_string()))?;
        let body = format!("logout_token={token}");
        let kind = "application/x-www-form-urlencoded";
        match comms::api::post(&to, kind, &body, LIMIT).await {
            Ok(200 | 204) => Ok(()),
            Ok(status) => Err(Fault::new(format!("{to} answered {status} to a logout token")).into()),
            Err(e) => Err(Fault::new(format!("{to} does not take a logout token: {e}")).into()),
        }
    })
}
