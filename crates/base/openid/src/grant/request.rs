//! The verbs of an authorization request: from the browser that brings it to the code that answers it.

use super::model::{CODE, Grant, Kind, PENDING, Pending, Token};
use super::store;
use crate::client::service::{Known, known};
use crate::key::service::keys;
use crate::provider::{digest, provider, seconds};
use identity::api::Shown;
use kernel::{Ctx, Fact, Fault, Refusal, Result, Tx};
use oidc::authorize::{Answer, Asked, Problem, Request};
use oidc::decide::{Next, Session, decide};
use oidc::error::{Code, OAuthError, err};
use oidc::secret::Opaque;
use serde_json::json;
use std::sync::Arc;

/// What the browser is given next.
pub(crate) enum Step {
    /// An error for the person: nobody knows whether the address is the system's.
    Wrong(OAuthError),
    /// The answer to the system.
    Answer(Answer),
    /// Something for the person to do; the token names the waiting request.
    Ask(String, Box<Question>),
}

/// What the person is asked, by which system.
pub(crate) struct Question {
    pub client: Arc<Known>,
    pub request: Request,
    pub next: Next,
}

/// The `sub` that a system sees of a person.
pub(crate) fn sub(ctx: &Ctx, client: &Known, subject: &str) -> Result<String> {
    let Some(sector) = client.client.sector() else {
        return Ok(subject.to_string());
    };
    let key =
        hex::decode(ctx.protect().mac("openid.pairwise", "sub")).map_err(|e| Fault::of("pairwise key", e))?;
    let key: [u8; 32] = key.try_into().map_err(|_| Fault::new("pairwise key"))?;
    Ok(oidc::secret::pairwise(&key, sector, subject))
}

/// A request as it arrives at the authorization endpoint. `browser` is the cookie that the waiting request will belong to.
pub(crate) async fn begin(ctx: &Ctx, raw: &str, browser: &str) -> Result<Step> {
    let asked = match Asked::read(raw) {
        Ok(asked) => asked,
        Err(e) => return Ok(Step::Wrong(e)),
    };
    let id = match asked.client_id() {
        Ok(id) => id.to_string(),
        Err(e) => return Ok(Step::Wrong(e)),
    };
    let provider = provider(ctx);
    let pushed = asked.pushed_name().map(digest);
    let read = ctx
        .tx("openid.authorize", |tx| {
            let Some(client) = known(ctx, tx, &id)? else {
                return Ok(Err(Problem::Show(err(
                    Code::InvalidRequest,
                    "the client is not registered",
                ))));
            };
            let request = match &pushed {
                Some(name) => {
                    let pushed = store::take_pushed(tx, name)?;
                    asked
                        .resume(&client.client, pushed, seconds(ctx))
                        .map_err(Problem::Show)
                }
                None => asked.validate(&client.client, &provider),
            };
            Ok(request.map(|request| (client, request)))
        })
        .await?;
    let (client, request) = match read {
        Ok(read) => read,
        Err(Problem::Show(e)) => return Ok(Step::Wrong(e)),
        Err(Problem::Redirect(_, answer)) => return Ok(Step::Answer(*answer)),
    };
    // Without a page there is nothing to wait for.
    let pending = Pending {
        client: id,
        request,
        progress: Default::default(),
        created_at: ctx.now(),
    };
    match next(ctx, &client, &pending).await? {
        (Next::Issue { acr }, Some(shown)) => Ok(Step::Answer(
            issue(ctx, &client, &pending, &shown, acr, None).await?,
        )),
        (Next::Error(e), _) => Ok(Step::Answer(pending.request.answer_error(&provider.issuer, e))),
        (next, _) => {
            let token = Opaque::new(ctx.random());
            let browser = digest(browser);
            ctx.tx("openid.wait", |tx| {
                let until = ctx.now() + PENDING;
                let name = hex::encode(token.digest);
                Ok(store::insert_pending(
                    tx,
                    &name,
                    &browser,
                    &pending.request,
                    ctx.now(),
                    until,
                )?)
            })
            .await?;
            let question = Question {
                client,
                request: pending.request,
                next,
            };
            Ok(Step::Ask(token.token, Box::new(question)))
        }
    }
}

/// What must happen next, and who is in front of the browser.
async fn next(ctx: &Ctx, client: &Known, pending: &Pending) -> Result<(Next, Option<Shown>)> {
    let provider = provider(ctx);
    let keys = keys(ctx).await?;
    let hinted = match &pending.request.id_token_hint {
        None => None,
        Some(hint) => match oidc::logout::verify_hint(hint, &keys.ever(), &provider.issuer, seconds(ctx)) {
            Ok(hint) if hint.client_id == client.client.id() => Some(hint.sub),
            _ => {
                let e = err(
                    Code::InvalidRequest,
                    "id_token_hint is not one of ours for this client",
                );
                return Ok((Next::Error(e), None));
            }
        },
    };
    let (shown, granted) = ctx
        .read("openid.next", |tx| {
            let shown = identity::api::shown(ctx, tx)?;
            let granted = match &shown {
                Some(s) => store::consent(tx, s.account, client.client.id())?,
                None => Vec::new(),
            };
            Ok((shown, granted))
        })
        .await?;
    let sub = match &shown {
        Some(s) => sub(ctx, client, &s.subject)?,
        None => String::new(),
    };
    let session = shown.as_ref().map(|s| Session {
        sub: &sub,
        authenticated_at: s.shown_at.div_euclid(1000),
        level: s.level,
        granted: &granted,
    });
    let mut progress = pending.progress;
    progress.authenticated = shown.as_ref().is_some_and(|s| s.shown_at >= pending.created_at);
    let next = decide(
        &pending.request,
        &client.client,
        &provider,
        session,
        hinted.as_deref(),
        progress,
        seconds(ctx),
    );
    Ok((next, shown))
}

fn gone() -> Refusal {
    Refusal::new("openid-request-gone").status(404)
}

async fn waiting(ctx: &Ctx, token: &str, browser: &str) -> Result<(Pending, Arc<Known>)> {
    let (name, browser) = (digest(token), digest(browser));
    ctx.read("openid.waiting", |tx| {
        let pending = store::pending(tx, &name, &browser, ctx.now())?.ok_or_else(gone)?;
        let client = known(ctx, tx, &pending.client)?.ok_or_else(gone)?;
        // The address may have been taken out of the registration meanwhile.
        if !client.client.redirects_to(&pending.request.redirect_uri) {
            return Err(gone().into());
        }
        Ok((pending, client))
    })
    .await
}

/// A waiting request whose browser is back.
pub(crate) async fn resume(ctx: &Ctx, token: &str, browser: &str) -> Result<Step> {
    let (pending, client) = waiting(ctx, token, browser).await?;
    let name = digest(token);
    match next(ctx, &client, &pending).await? {
        (Next::Issue { acr }, Some(shown)) => {
            let answer = issue(ctx, &client, &pending, &shown, acr, Some(&name)).await?;
            Ok(Step::Answer(answer))
        }
        (Next::Error(e), _) => {
            ctx.tx("openid.end-request", |tx| Ok(store::end_pending(tx, &name)?))
                .await?;
            Ok(Step::Answer(
                pending.request.answer_error(&provider(ctx).issuer, e),
            ))
        }
        (next, _) => {
            let question = Question {
                client,
                request: pending.request,
                next,
            };
            Ok(Step::Ask(token.to_string(), Box::new(question)))
        }
    }
}

/// What a person says to a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    /// Tell the system what it asks for.
    Allow,
    Deny,
    /// Go on as the one who is signed in.
    Stay,
    /// Go on without the level that the system would like.
    Without,
}

/// Takes the person's word and goes on.
pub(crate) async fn say(ctx: &Ctx, token: &str, browser: &str, word: Word) -> Result<Step> {
    let (pending, client) = waiting(ctx, token, browser).await?;
    let name = digest(token);
    if word == Word::Deny {
        ctx.tx("openid.deny", |tx| Ok(store::end_pending(tx, &name)?))
            .await?;
        let e = err(Code::AccessDenied, "the person said no");
        return Ok(Step::Answer(
            pending.request.answer_error(&provider(ctx).issuer, e),
        ));
    }
    ctx.tx("openid.say", |tx| {
        let mut progress = pending.progress;
        match word {
            Word::Allow => {
                let shown = identity::api::shown(ctx, tx)?.ok_or_else(Refusal::sign_in)?;
                let mut scopes = store::consent(tx, shown.account, &pending.client)?;
                for scope in pending.request.needs(&provider(ctx).scopes, &client.client) {
                    if !scopes.contains(&scope) {
                        scopes.push(scope);
                    }
                }
                store::put_consent(tx, shown.account, &pending.client, &scopes, ctx.now())?;
                let fact = Fact::new("openid.consent.given", &pending.client)
                    .payload(json!({ "account": shown.account.to_string(), "scopes": scopes }));
                ctx.emit(tx, fact)?;
                progress.consented = true;
            }
            Word::Stay => progress.account_chosen = true,
            Word::Without => progress.step_up_refused = true,
            Word::Deny => {}
        }
        Ok(store::set_progress(tx, &name, progress)?)
    })
    .await?;
    resume(ctx, token, browser).await
}

/// Gives out a code. Of two windows that go on with one waiting request, one gets it.
async fn issue(
    ctx: &Ctx,
    client: &Known,
    pending: &Pending,
    shown: &Shown,
    acr: Option<String>,
    waiting: Option<&str>,
) -> Result<Answer> {
    let code = Opaque::new(ctx.random());
    let request = &pending.request;
    let grant = Grant {
        id: ctx.id().to_string(),
        client: pending.client.clone(),
        account: shown.account,
        subject: shown.subject.clone(),
        on_behalf: shown.on_behalf.clone(),
        session: shown.session.clone(),
        sub: sub(ctx, client, &shown.subject)?,
        request: request.clone(),
        scopes: request.needs(&provider(ctx).scopes, &client.client),
        shown_at: shown.shown_at,
        methods: shown.methods.clone(),
        acr,
        level: i64::from(shown.level),
        created_at: ctx.now(),
        ended: false,
    };
    ctx.tx("openid.issue-code", |tx| {
        if let Some(name) = waiting
            && !store::end_pending(tx, name)?
        {
            return Err(gone().into());
        }
        begun(ctx, tx, &grant)?;
        store::insert_token(
            tx,
            &Token {
                digest: hex::encode(code.digest),
                kind: Kind::Code,
                client: grant.client.clone(),
                grant: Some(grant.id.clone()),
                scopes: request.scopes.clone(),
                issued_at: ctx.now(),
                expires_at: ctx.now() + CODE,
                used: false,
            },
        )?;
        Ok(())
    })
    .await?;
    Ok(request.answer_code(&provider(ctx).issuer, &code.token))
}

fn begun(ctx: &Ctx, tx: &mut Tx<'_>, g: &Grant) -> Result<()> {
    store::insert_grant(tx, g)?;
    let fact = Fact::new("openid.grant.begun", &g.id).payload(
        json!({ "client": g.client, "account": g.account.to_string(), "scopes": g.scopes, "level": g.level,
            "on_behalf": g.on_behalf }),
    );
    ctx.emit(tx, fact.touch(&crate::GRANT, &g.id))?;
    Ok(())
}
