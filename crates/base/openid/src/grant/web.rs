//! Addresses of the protocol, and the pages on which a person is asked.

use super::model::words;
use super::request::{self, Question, Step, Word};
use super::{store, token};
use crate::provider::{digest, provider};
use axum::Form;
use axum::body::Bytes;
use axum::extract::{Path, RawForm, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::http::{cookie, policy, reply, reply_with, see, set_cookie};
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result};
use oidc::authorize::{Answer, ResponseMode};
use oidc::bearer;
use oidc::decide::Next;
use oidc::error::{OAuthError, Reply};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The cookie that ties a waiting request to its browser.
const BROWSER: &str = "yw_openid";

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok())
}

/// A body as text; what is no UTF-8 is no request.
fn body(raw: &[u8]) -> &str {
    std::str::from_utf8(raw).unwrap_or_default()
}

/// The origin of an absolute address.
pub(crate) fn origin(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{authority}"))
}

/// An answer of the protocol.
fn told(r: Reply) -> Response {
    let status = StatusCode::from_u16(r.status).unwrap_or(StatusCode::BAD_REQUEST);
    let empty = r.body.as_object().is_some_and(serde_json::Map::is_empty);
    let mut response = match empty {
        true => status.into_response(),
        false => reply_with(status, r.body),
    };
    let challenge = r.www_authenticate.and_then(|w| HeaderValue::from_str(&w).ok());
    if let Some(challenge) = challenge {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refused(cx: &Ctx, e: OAuthError) -> Response {
    told(e.reply(&provider(cx).issuer))
}

pub(crate) async fn discovery(cx: Ctx) -> Response {
    reply(oidc::discovery::document(&provider(&cx)))
}

pub(crate) async fn keys(cx: Ctx) -> Result<Response> {
    Ok(reply(crate::key::service::keys(&cx).await?.published().to_json()))
}

pub(crate) async fn push(cx: Ctx, headers: HeaderMap, raw: Bytes) -> Result<Response> {
    Ok(
        match token::push(&cx, authorization(&headers), body(&raw)).await? {
            Ok(answer) => reply_with(StatusCode::CREATED, answer),
            Err(e) => refused(&cx, e),
        },
    )
}

pub(crate) async fn exchange(cx: Ctx, headers: HeaderMap, raw: Bytes) -> Result<Response> {
    Ok(
        match token::exchange(&cx, authorization(&headers), body(&raw)).await? {
            Ok(answer) => reply(serde_json::to_value(answer)?),
            Err(e) => refused(&cx, e),
        },
    )
}

pub(crate) async fn introspect(cx: Ctx, headers: HeaderMap, raw: Bytes) -> Result<Response> {
    Ok(
        match token::introspection(&cx, authorization(&headers), body(&raw)).await? {
            Ok(answer) => reply(answer),
            Err(e) => refused(&cx, e),
        },
    )
}

pub(crate) async fn revoke(cx: Ctx, headers: HeaderMap, raw: Bytes) -> Result<Response> {
    Ok(
        match token::revoke(&cx, authorization(&headers), body(&raw)).await? {
            Ok(()) => StatusCode::OK.into_response(),
            Err(e) => refused(&cx, e),
        },
    )
}

pub(crate) async fn userinfo(cx: Ctx, headers: HeaderMap) -> Result<Response> {
    Ok(match token::person_info(&cx, authorization(&headers)).await? {
        Ok(told) => reply(told),
        Err(e) => told(bearer::refuse(&provider(&cx).issuer, e, Some("openid"))),
    })
}

/// An authorization request that came by a form of another site comes back by a link, with this browser's own cookies.
pub(crate) async fn authorize_form(RawForm(raw): RawForm) -> Response {
    see(&format!(
        "/openid/authorize?{}",
        body(&raw).replace(['\r', '\n'], "")
    ))
}

pub(crate) async fn authorize(cx: Ctx, headers: HeaderMap, RawQuery(raw): RawQuery) -> Result<Response> {
    let known = cookie(&headers, BROWSER).filter(|c| c.len() == 32);
    let browser = known.clone().unwrap_or_else(|| hex::encode(cx.random::<16>()));
    let step = request::begin(&cx, raw.as_deref().unwrap_or_default(), &browser).await?;
    let asks = matches!(step, Step::Ask(..));
    let mut response = match step {
        // On to an address of its own: loading this one again would use up a pushed request.
        Step::Ask(token, _) => see(&format!("/openid/requests/{token}")),
        step => answer(&cx, step).await?,
    };
    if asks && known.is_none() {
        let secure = if cx.app.config.secure() { "; Secure" } else { "" };
        let cookie =
            format!("{BROWSER}={browser}; Path=/openid; HttpOnly; SameSite=Lax; Max-Age=3600{secure}");
        set_cookie(&mut response, &cookie);
    }
    Ok(response)
}

fn browser(headers: &HeaderMap) -> String {
    cookie(headers, BROWSER).unwrap_or_default()
}

pub(crate) async fn resume(cx: Ctx, headers: HeaderMap, Path(token): Path<String>) -> Result<Response> {
    let step = request::resume(&cx, &token, &browser(&headers)).await?;
    answer(&cx, step).await
}

#[derive(Deserialize)]
pub(crate) struct Said {
    word: Word,
}

pub(crate) async fn say(
    cx: Ctx,
    headers: HeaderMap,
    Path(token): Path<String>,
    Form(said): Form<Said>,
) -> Result<Response> {
    let step = request::say(&cx, &token, &browser(&headers), said.word).await?;
    answer(&cx, step).await
}

async fn answer(cx: &Ctx, step: Step) -> Result<Response> {
    match step {
        Step::Wrong(e) => cx.page_with(
            StatusCode::BAD_REQUEST,
            "openid/grant/wrong.html",
            json!({ "code": e.code.as_str(), "why": e.why }),
        ),
        Step::Answer(a) => back(cx, &a),
        Step::Ask(token, question) => ask(cx, &token, &question),
    }
}

/// The browser goes back to the system.
fn back(cx: &Ctx, a: &Answer) -> Result<Response> {
    match a.mode {
        ResponseMode::Query => Ok(see(&a.location())),
        ResponseMode::FormPost => {
            let fields: Vec<Json> = a
                .params
                .iter()
                .map(|(n, v)| json!({ "name": n, "value": v }))
                .collect();
            let page = cx.page(
                "openid/grant/form-post.html",
                json!({ "action": a.redirect_uri, "fields": fields, "at_once": true }),
            )?;
            Ok(onward(page, &a.redirect_uri))
        }
    }
}

/// Lets this page's forms lead to the system.
fn onward(mut page: Response, redirect_uri: &str) -> Response {
    let to = origin(redirect_uri).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&policy(&to)) {
        page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    page
}

fn ask(cx: &Ctx, token: &str, q: &Question) -> Result<Response> {
    let here = format!("/openid/requests/{token}");
    let go_on = kernel::http::percent(&here);
    let client = json!({ "name": q.client.name, "operator": q.client.operator, "site": origin(&q.request.redirect_uri) });
    let page = match &q.next {
        Next::Login => {
            let hint = q.request.login_hint.as_deref().map(kernel::http::percent);
            let hint = hint.map(|h| format!("&login={h}")).unwrap_or_default();
            return Ok(see(&format!("/sign-in?next={go_on}{hint}")));
        }
        Next::ChooseAccount => cx.page(
            "openid/grant/account.html",
            json!({ "client": client, "here": here, "name": cx.actor.name, "other": format!("/sign-in?next={go_on}") }),
        )?,
        Next::StepUp(wanted) => {
            let may_go_without = !q.request.acr.essential;
            let data = json!({ "client": client, "here": here, "level": wanted, "without": may_go_without,
                "raise": format!("/me/level?next={go_on}") });
            cx.page("openid/grant/level.html", data)?
        }
        Next::Consent(scopes) => {
            let data = json!({ "client": client, "here": here, "elements": elements(cx, scopes), "name": cx.actor.name,
                "offline": scopes.iter().any(|s| s == "offline_access"), "firm": cx.actor.on_behalf.is_some() });
            cx.page("openid/grant/consent.html", data)?
        }
        // Decided before a question is asked.
        Next::Issue { .. } | Next::Error(_) => return Err(Refusal::not_found().into()),
    };
    Ok(onward(page, &q.request.redirect_uri))
}

/// The data elements that these scopes open, as people call them.
fn elements(cx: &Ctx, scopes: &[String]) -> Vec<String> {
    let provider = provider(cx);
    let opened = provider.scopes.all().iter().filter(|s| scopes.contains(&s.name));
    opened
        .flat_map(|s| &s.claims)
        .map(|claim| cx.t(&format!("openid-claim-{claim}"), &[]))
        .collect()
}

/// The systems that somebody let know something.
pub(crate) async fn consents(cx: Ctx) -> Result<Response> {
    let account = cx.actor.account.unwrap_or_default();
    let items = cx
        .read("openid.consents", |tx| {
            let rows = store::consents(tx, account)?;
            let all = rows.iter().map(|r| {
                let scopes = words(&r.get::<String>("scopes")?);
                Ok(json!({ "client": r.get::<String>("client")?, "name": r.get::<String>("name")?,
                    "operator": r.get::<String>("operator")?, "elements": elements(&cx, &scopes), "at": r.get::<i64>("at")?,
                    "last": r.get::<Option<i64>>("last")?, "offline": scopes.iter().any(|s| s == "offline_access") }))
            });
            all.collect::<Result<Vec<Json>>>()
        })
        .await?;
    cx.page("openid/grant/consents.html", json!({ "items": items }))
}

/// Takes a consent back: the system's sign-ins end.
pub(crate) async fn withdraw(cx: Ctx, Path(client): Path<String>) -> Result<Response> {
    let account = cx.actor.account.unwrap_or_default();
    cx.tx("openid.withdraw", |tx| {
        if !store::remove_consent(tx, account, &client)? {
            return Err(Refusal::not_found().into());
        }
        for g in store::of_account(tx, account, &client)? {
            store::end_grant(tx, &g.id, cx.now())?;
            token::ended(&cx, tx, &g.id, "withdrawn")?;
            crate::logout::service::order(&cx, tx, &g)?;
        }
        let fact = kernel::Fact::new("openid.consent.withdrawn", &client);
        cx.emit(tx, fact.payload(json!({ "account": account.to_string() })))?;
        Ok(())
    })
    .await?;
    Ok(see("/me/systems"))
}

/// For [`identity::api::Onward`]: the site behind a waiting request.
pub(crate) fn leads_to(cx: Ctx, next: String) -> identity::api::Origin {
    Box::pin(async move {
        let token = next
            .strip_prefix("/openid/requests/")?
            .split('?')
            .next()?
            .to_string();
        let uri = cx
            .read("openid.leads-to", |tx| {
                Ok(store::answers_to(tx, &digest(&token))?)
            })
            .await
            .ok()??;
        origin(&uri)
    })
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let client =
        json!({ "name": "演示停车系统", "operator": "演示城市停车公司", "site": "http://localhost:9000" });
    let item = json!({ "client": "c", "name": "演示停车系统", "operator": "演示城市停车公司", "elements": ["姓名", "手机号码"], "at": 1_795_000_000_000i64,
        "last": 1_795_000_000_000i64, "offline": true });
    vec![
        sample(
            "openid/grant/wrong.html",
            "address",
            json!({ "code": "invalid_request", "why": "redirect_uri is not registered" }),
        ),
        sample(
            "openid/grant/form-post.html",
            "code",
            json!({ "action": "http://localhost:9000/cb", "fields": [{ "name": "code", "value": "x" }], "at_once": false }),
        ),
        sample(
            "openid/grant/account.html",
            "one",
            json!({ "client": client, "here": "/openid/requests/x", "name": "演示居民", "other": "/sign-in" }),
        ),
        sample(
            "openid/grant/level.html",
            "must",
            json!({ "client": client, "here": "/openid/requests/x", "level": 2, "without": false, "raise": "/me/level" }),
        ),
        sample(
            "openid/grant/level.html",
            "may",
            json!({ "client": client, "here": "/openid/requests/x", "level": 4, "without": true, "raise": "/me/level" }),
        ),
        sample(
            "openid/grant/consent.html",
            "two",
            json!({ "client": client, "here": "/openid/requests/x", "elements": ["姓名", "手机号码"], "name": "演示居民",
            "offline": true, "firm": false }),
        ),
        sample(
            "openid/grant/consent.html",
            "none",
            json!({ "client": client, "here": "/openid/requests/x", "elements": [], "name": "演示居民",
            "offline": false, "firm": true }),
        ),
        sample("openid/grant/consents.html", "none", json!({ "items": [] })),
        sample("openid/grant/consents.html", "one", json!({ "items": [item] })),
    ]
}
