//! The verbs that systems call directly: exchange, push, introspect, revoke, and what is told about a person.

use super::model::{ACCESS, CODE, GRANT, Grant, ID_TOKEN, Kind, REFRESH, Token};
use super::{own, person, store};
use crate::client::service::{Known, known};
use crate::key::service::keys;
use crate::provider::{INTROSPECTION, digest, provider, seconds};
use kernel::{Actor, Ctx, Fact, Result, Tx};
use oidc::authorize::{Asked, PUSHED_SECONDS, Pushed, pushed_answer};
use oidc::claims::{IdToken, id_token_facts, userinfo};
use oidc::client::AuthMethod;
use oidc::client_auth::{self, Authenticated};
use oidc::error::OAuthError;
use oidc::params::Params;
use oidc::secret::Opaque;
use oidc::token::{self as endpoint, TokenAnswer, TokenRequest, bad_grant};
use oidc::{bearer, introspect};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What a system is told: an answer, or an error of the protocol.
pub(crate) type Told<T> = std::result::Result<T, OAuthError>;

/// The system that calls, with what its proof must still be checked for.
struct Caller {
    client: Arc<Known>,
    proof: Authenticated,
}

/// Who calls, if it proves it.
fn caller(ctx: &Ctx, tx: &mut Tx<'_>, authorization: Option<&str>, params: &Params) -> Result<Told<Caller>> {
    let presented = match client_auth::read(authorization, params) {
        Ok(presented) => presented,
        Err(e) => return Ok(Err(e)),
    };
    let Some(client) = known(ctx, tx, presented.client_id())? else {
        return Ok(Err(client_auth::failed()));
    };
    let secrets = client.secrets(ctx.now());
    let proof = presented.check(&client.client, &secrets, &provider(ctx), seconds(ctx));
    Ok(proof.map(|proof| Caller { client, proof }))
}

impl Caller {
    /// Takes the assertion, if it was one; a second time it is refused.
    fn spend(&self, tx: &mut Tx<'_>) -> Result<Told<()>> {
        let Some(replay) = &self.proof.replay else {
            return Ok(Ok(()));
        };
        let new = store::insert_assertion(tx, self.client.client.id(), &replay.jti, replay.expires_at)?;
        Ok(if new { Ok(()) } else { Err(client_auth::replayed()) })
    }
}

/// Leaves a closure of a transaction with a protocol error, so that what was written stays.
macro_rules! told {
    ($value:expr) => {
        match $value {
            Ok(value) => value,
            Err(e) => return Ok(Err(e)),
        }
    };
}

/// A pushed authorization request (RFC 9126).
pub(crate) async fn push(ctx: &Ctx, authorization: Option<&str>, body: &str) -> Result<Told<Json>> {
    let params = told!(Params::parse(body));
    let name = Opaque::new(ctx.random());
    let provider = provider(ctx);
    ctx.tx("openid.push", |tx| {
        let caller = told!(caller(ctx, tx, authorization, &params)?);
        told!(caller.spend(tx)?);
        let asked = told!(Asked::pushed(params.clone()));
        let request = told!(
            asked
                .validate(&caller.client.client, &provider)
                .map_err(|p| p.error())
        );
        let pushed = Pushed {
            request,
            expires_at: seconds(ctx) + PUSHED_SECONDS,
        };
        store::insert_pushed(tx, &hex::encode(name.digest), &pushed)?;
        Ok(Ok(pushed_answer(&name.token)))
    })
    .await
}

/// What an exchange gave out, before the ID token is signed.
struct Given {
    client: Arc<Known>,
    scopes: Vec<String>,
    refresh: bool,
    grant: Grant,
    /// What is told of the person.
    facts: Map<String, Json>,
    /// The ID token names the nonce of the request only the first time (OpenID Connect Core §12.2).
    first: bool,
}

/// The token endpoint (RFC 6749 §3.2).
pub(crate) async fn exchange(
    ctx: &Ctx,
    authorization: Option<&str>,
    body: &str,
) -> Result<Told<TokenAnswer>> {
    let params = told!(Params::parse(body));
    if params.get("grant_type") == Some("client_credentials") {
        return exchange_for_itself(ctx, authorization, &params).await;
    }
    let (access, refresh) = (Opaque::new(ctx.random()), Opaque::new(ctx.random()));
    let given = ctx
        .tx("openid.exchange", |tx| {
            let caller = told!(caller(ctx, tx, authorization, &params)?);
            told!(caller.spend(tx)?);
            let client = caller.client;
            let given = match told!(endpoint::read(&params, &client.client)) {
                TokenRequest::Code {
                    code,
                    redirect_uri,
                    code_verifier,
                } => told!(by_code(ctx, tx, client, &code, &redirect_uri, &code_verifier)?),
                TokenRequest::Refresh {
                    refresh_token,
                    scopes,
                } => {
                    told!(by_refresh(ctx, tx, client, &refresh_token, scopes.as_deref())?)
                }
                TokenRequest::ClientCredentials { .. } => {
                    return Err(kernel::Fault::new("a system's own token was asked for twice").into());
                }
            };
            give(ctx, tx, &given, &access, &refresh)?;
            Ok(Ok(given))
        })
        .await?;
    let given = told!(given);
    let mut answer = TokenAnswer::new(access.token.clone(), ACCESS / 1000, &given.scopes);
    answer.refresh_token = given.refresh.then_some(refresh.token);
    if given.scopes.iter().any(|s| s == "openid") {
        answer.id_token = Some(id_token(ctx, &given, &access.token).await?);
    }
    Ok(Ok(answer))
}

/// A token for a system that acts for itself (RFC 6749 §4.4). Nothing is written for it but the assertion that must not come
/// again.
async fn exchange_for_itself(
    ctx: &Ctx,
    authorization: Option<&str>,
    params: &Params,
) -> Result<Told<TokenAnswer>> {
    let asks = |tx: &mut Tx<'_>, spend: bool| -> Result<Told<(Arc<Known>, Vec<String>)>> {
        let caller = told!(caller(ctx, tx, authorization, params)?);
        if spend {
            told!(caller.spend(tx)?);
        }
        match told!(endpoint::read(params, &caller.client.client)) {
            TokenRequest::ClientCredentials { scopes } => Ok(Ok((caller.client, scopes))),
            _ => Ok(Err(bad_grant())),
        }
    };
    let asked = match params.get("client_assertion") {
        None => ctx.read("openid.exchange", |tx| asks(tx, false)).await?,
        Some(_) => ctx.tx("openid.exchange", |tx| asks(tx, true)).await?,
    };
    let (client, scopes) = told!(asked);
    let access = own::issue(ctx, client.client.id(), &scopes);
    Ok(Ok(TokenAnswer::new(access, ACCESS / 1000, &scopes)))
}

async fn id_token(ctx: &Ctx, given: &Given, access: &str) -> Result<String> {
    let (provider, keys) = (provider(ctx), keys(ctx).await?);
    let (client, grant, facts) = (&given.client.client, &given.grant, &given.facts);
    let token = IdToken {
        issuer: &provider.issuer,
        sub: &grant.sub,
        client_id: client.id(),
        issued_at: seconds(ctx),
        lifetime: ID_TOKEN,
        auth_time: grant.shown_at.div_euclid(1000),
        nonce: grant.request.nonce.as_deref().filter(|_| given.first),
        acr: grant.acr.as_deref(),
        amr: &grant.methods,
        sid: Some(&grant.session),
        access_token: Some(access),
        facts: id_token_facts(&provider, client, &grant.scopes, &grant.request.claims, facts),
    };
    let signer = keys.signer(client.registration().id_token_signed_response_alg, ctx.now())?;
    Ok(token
        .sign(signer)
        .map_err(|e| kernel::Fault::of("ID token", e.to_string()))?)
}

/// Stores what is given out.
fn give(ctx: &Ctx, tx: &mut Tx<'_>, given: &Given, access: &Opaque, refresh: &Opaque) -> Result<()> {
    let now = ctx.now();
    let id = given.client.client.id();
    let grant = &given.grant;
    let token = |kind, secret: &Opaque, scopes: &[String], expires_at| Token {
        digest: hex::encode(secret.digest),
        kind,
        client: id.to_string(),
        grant: Some(grant.id.clone()),
        scopes: scopes.to_vec(),
        issued_at: now,
        expires_at,
        used: false,
    };
    store::insert_token(tx, &token(Kind::Access, access, &given.scopes, now + ACCESS))?;
    if given.refresh {
        let until = (now + REFRESH).min(grant.created_at + GRANT);
        store::insert_token(tx, &token(Kind::Refresh, refresh, &grant.request.scopes, until))?;
    }
    Ok(())
}

/// A sign-in that still stands: neither ended, nor its account closed.
fn standing(tx: &mut Tx<'_>, token: &Token) -> Result<Option<Grant>> {
    let Some(id) = &token.grant else { return Ok(None) };
    let grant = store::grant(tx, id)?.filter(|g| !g.ended);
    match grant {
        Some(g) if identity::api::open(tx, g.account)? => Ok(Some(g)),
        _ => Ok(None),
    }
}

/// Somebody uses again what was used up: whoever holds the tokens that came of it may be a thief (RFC 9700 §2.2.2).
fn reused(ctx: &Ctx, tx: &mut Tx<'_>, token: &Token) -> Result<()> {
    let Some(grant) = &token.grant else { return Ok(()) };
    if store::end_grant(tx, grant, ctx.now())? {
        ended(ctx, tx, grant, "reused")?;
    }
    Ok(())
}

/// Notes that a sign-in has ended, and why.
pub(crate) fn ended(ctx: &Ctx, tx: &mut Tx<'_>, grant: &str, why: &str) -> Result<()> {
    let fact = Fact::new("openid.grant.ended", grant).payload(json!({ "why": why }));
    ctx.emit(tx, fact.touch(&crate::GRANT, grant))?;
    Ok(())
}

fn by_code(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    client: Arc<Known>,
    code: &str,
    redirect_uri: &str,
    verifier: &str,
) -> Result<Told<Given>> {
    let digest = digest(code);
    let token = store::token(tx, &digest)?.filter(|t| t.kind == Kind::Code && t.client == client.client.id());
    let Some(token) = token else {
        return Ok(Err(bad_grant()));
    };
    if token.used || !store::use_token(tx, &digest, ctx.now())? {
        reused(ctx, tx, &token)?;
        return Ok(Err(bad_grant()));
    }
    let Some(grant) = standing(tx, &token)? else {
        return Ok(Err(bad_grant()));
    };
    let until = token.expires_at.div_euclid(1000);
    let fits = endpoint::check_code(
        &grant.request,
        until,
        &client.client,
        redirect_uri,
        verifier,
        seconds(ctx),
    );
    told!(fits);
    debug_assert!(token.expires_at - token.issued_at == CODE);
    let facts = person::facts(ctx, tx, &grant)?;
    Ok(Ok(Given {
        refresh: endpoint::gives_refresh(&client.client, &token.scopes),
        scopes: token.scopes,
        grant,
        facts,
        client,
        first: true,
    }))
}

fn by_refresh(
    ctx: &Ctx,
    tx: &mut Tx<'_>,
    client: Arc<Known>,
    refresh: &str,
    asked: Option<&[String]>,
) -> Result<Told<Given>> {
    let digest = digest(refresh);
    let token =
        store::token(tx, &digest)?.filter(|t| t.kind == Kind::Refresh && t.client == client.client.id());
    let Some(token) = token else {
        return Ok(Err(bad_grant()));
    };
    if token.used {
        reused(ctx, tx, &token)?;
        return Ok(Err(bad_grant()));
    }
    let grant = standing(tx, &token)?.filter(|_| token.expires_at > ctx.now());
    let Some(grant) = grant else {
        return Ok(Err(bad_grant()));
    };
    // Asking for too much does not cost the token.
    let scopes = told!(endpoint::narrow(&token.scopes, asked));
    if !store::use_token(tx, &digest, ctx.now())? {
        reused(ctx, tx, &token)?;
        return Ok(Err(bad_grant()));
    }
    let facts = person::facts(ctx, tx, &grant)?;
    Ok(Ok(Given {
        scopes,
        refresh: true,
        grant,
        facts,
        client,
        first: false,
    }))
}

/// An access or refresh token that works now, with its sign-in.
pub(crate) fn working(ctx: &Ctx, tx: &mut Tx<'_>, text: &str) -> Result<Option<(Token, Option<Grant>)>> {
    if let Some(token) = own::read(ctx, text) {
        // What lies in the table of such a token says that it was revoked.
        let stands = token.expires_at > ctx.now()
            && store::token(tx, &token.digest)?.is_none()
            && known(ctx, tx, &token.client)?.is_some();
        return Ok(stands.then_some((token, None)));
    }
    let token = store::token(tx, &digest(text))?;
    let Some(token) = token.filter(|t| t.kind != Kind::Code && !t.used && t.expires_at > ctx.now()) else {
        return Ok(None);
    };
    if token.grant.is_none() {
        return Ok(Some((token, None)));
    }
    Ok(standing(tx, &token)?.map(|g| (token, Some(g))))
}

/// Introspection (RFC 7662): of a system's own tokens, or of anybody's for one that guards data for others.
pub(crate) async fn introspection(ctx: &Ctx, authorization: Option<&str>, body: &str) -> Result<Told<Json>> {
    let params = told!(Params::parse(body));
    let asks = |tx: &mut Tx<'_>, spend: bool| -> Result<Told<Json>> {
        let caller = told!(caller(ctx, tx, authorization, &params)?);
        if spend {
            told!(caller.spend(tx)?);
        }
        if caller.proof.method == AuthMethod::None {
            return Ok(Err(client_auth::failed()));
        }
        let named = told!(introspect::read(&params));
        let mine = caller.client.client.id();
        let Some((token, grant)) = working(ctx, tx, &named.token)? else {
            return Ok(Ok(introspect::inactive()));
        };
        if token.client != mine && !caller.client.client.has_scope(INTROSPECTION) {
            return Ok(Ok(introspect::inactive()));
        }
        // A system that guards data sees its own name of the person, not the other system's.
        let sub = match &grant {
            None => token.client.clone(),
            Some(g) => super::request::sub(ctx, &caller.client, &g.subject)?,
        };
        let active = introspect::Active {
            iss: &provider(ctx).issuer,
            client_id: &token.client,
            sub: &sub,
            aud: None,
            scope: &token.scopes.join(" "),
            token_type: (token.kind == Kind::Access).then_some("Bearer"),
            exp: token.expires_at.div_euclid(1000),
            iat: token.issued_at.div_euclid(1000),
            jti: Some(&token.digest[..16]),
            acr: grant.as_ref().and_then(|g| g.acr.as_deref()),
            auth_time: grant.as_ref().map(|g| g.shown_at.div_euclid(1000)),
        };
        Ok(Ok(active.answer(seconds(ctx))))
    };
    // Only an assertion has to be remembered; all else is a look.
    match params.get("client_assertion") {
        None => ctx.read("openid.introspect", |tx| asks(tx, false)).await,
        Some(_) => ctx.tx("openid.introspect", |tx| asks(tx, true)).await,
    }
}

/// Revocation (RFC 7009): an access token alone, or with its refresh token the whole sign-in.
pub(crate) async fn revoke(ctx: &Ctx, authorization: Option<&str>, body: &str) -> Result<Told<()>> {
    let params = told!(Params::parse(body));
    ctx.tx("openid.revoke", |tx| {
        let caller = told!(caller(ctx, tx, authorization, &params)?);
        told!(caller.spend(tx)?);
        let named = told!(introspect::read(&params));
        if let Some(token) = own::read(ctx, &named.token) {
            let mine = token.client == caller.client.client.id();
            if mine && token.expires_at > ctx.now() && store::token(tx, &token.digest)?.is_none() {
                store::insert_token(tx, &token)?;
            }
            return Ok(Ok(()));
        }
        let token = store::token(tx, &digest(&named.token))?;
        let Some(token) = token.filter(|t| t.client == caller.client.client.id()) else {
            return Ok(Ok(()));
        };
        match (token.kind, &token.grant) {
            (Kind::Refresh, Some(grant)) if store::end_grant(tx, grant, ctx.now())? => {
                ended(ctx, tx, grant, "revoked")?;
            }
            (Kind::Access, _) => store::remove_token(tx, &token.digest)?,
            _ => {}
        }
        Ok(Ok(()))
    })
    .await
}

/// UserInfo (OpenID Connect Core §5.3): what the person consented to. They see who read it.
pub(crate) async fn person_info(
    ctx: &Ctx,
    authorization: Option<&str>,
) -> Result<Result<Json, Option<OAuthError>>> {
    let text = match bearer::read(authorization) {
        Ok(text) => text.to_string(),
        Err(e) => return Ok(Err(e)),
    };
    ctx.tx("openid.userinfo", |tx| {
        let Some((token, Some(grant))) = working(ctx, tx, &text)?.filter(|(t, _)| t.kind == Kind::Access)
        else {
            return Ok(Err(Some(bearer::invalid())));
        };
        if let Err(e) = bearer::require(&token.scopes.join(" "), "openid") {
            return Ok(Err(Some(e)));
        }
        let Some(client) = known(ctx, tx, &grant.client)? else {
            return Ok(Err(Some(bearer::invalid())));
        };
        let facts = person::facts(ctx, tx, &grant)?;
        let provider = provider(ctx);
        let wishes = &grant.request.claims;
        let told = userinfo(
            &provider,
            &client.client,
            &grant.sub,
            &token.scopes,
            &grant.scopes,
            wishes,
            &facts,
        );
        let names: Vec<&str> = told.keys().map(String::as_str).filter(|n| *n != "sub").collect();
        let mut reader = ctx.clone();
        reader.actor = Actor {
            id: format!("client:{}", grant.client),
            ..Actor::public()
        };
        if !names.is_empty() {
            let purpose = format!("openid: {}", client.name);
            reader.accessed(tx, std::slice::from_ref(&grant.subject), &names, &purpose)?;
        }
        Ok(Ok(Json::Object(told)))
    })
    .await
}
