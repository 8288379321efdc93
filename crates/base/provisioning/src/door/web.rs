//! The way of every request: who calls, which directory that is, what it sends; then the answer and a row in the log.

use super::answer::{self, Answer, no, refuse};
use crate::directory::store::{self as directories, Directory};
use crate::request::service as log;
use crate::request::store::Request as Row;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use kernel::rate::Rate;
use kernel::{App, Ctx, Locale, Refusal, Result};
use scim::{Error, ScimType, resources};
use serde_json::Value as Json;
use std::convert::Infallible;
use std::sync::Arc;

/// A directory that calls.
pub(crate) struct Call {
    /// The context of the system behind it.
    pub cx: Ctx,
    pub directory: Directory,
    /// Path of its organisation: `/shi/chengguan/`.
    pub path: String,
    /// Clients of the other directories that are in force.
    pub others: Vec<String>,
    /// Address of the service.
    pub base: String,
    pub headers: HeaderMap,
    /// Query as it was sent, without the question mark.
    pub query: String,
}

impl Call {
    /// What the query asks for.
    pub(crate) fn search(&self) -> Result<scim::message::Search> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(
            &format!("/?{}", self.query).parse().unwrap_or_default(),
        );
        let pairs = pairs.map_err(|_| no(Error::bad(ScimType::InvalidSyntax, "the query cannot be read")))?;
        scim::message::Search::query(pairs.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))).map_err(no)
    }

    /// Refuses a change of another version than the one that `If-Match` names.
    pub(crate) fn matches(&self, version: &str) -> Result<()> {
        match self.header(header::IF_MATCH) {
            Some(tags) if !scim::etag::names(tags, version) => Err(Refusal::stale().into()),
            _ => Ok(()),
        }
    }

    /// Whether the caller has this version already.
    pub(crate) fn has(&self, version: &str) -> bool {
        self.header(header::IF_NONE_MATCH)
            .is_some_and(|tags| scim::etag::names(tags, version))
    }

    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|h| h.to_str().ok())
    }
}

/// The last part of an address; empty when it is no text, so that it names nothing.
pub(crate) struct Id(pub String);

impl FromRequestParts<Arc<App>> for Id {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Self, Infallible> {
        let read = Path::<String>::from_request_parts(parts, state).await;
        Ok(Id(read.map(|p| p.0).unwrap_or_default()))
    }
}

/// The language of the caller; the protocol speaks English when nothing is said.
fn speaking(mut cx: Ctx, headers: &HeaderMap) -> Ctx {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok());
    cx.locale = asked.and_then(Locale::parse).unwrap_or(Locale::En);
    cx
}

/// The base address of the service.
pub(crate) fn base(cx: &Ctx) -> String {
    format!("{}{}", cx.app.config.url, crate::BASE)
}

async fn call(cx: &Ctx, headers: HeaderMap, query: String) -> Result<Call> {
    let given = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok());
    let cx = openid::api::caller(cx, given, crate::SCOPE).await?;
    // An account's own token has no scope; a directory is a registered system.
    let client = cx.actor.id.strip_prefix("client:").map(str::to_string);
    let client = client.ok_or_else(|| refuse("provisioning-no-system", 403))?;
    let found = cx
        .read("provisioning.call", |tx| {
            let Some(d) = directories::get(tx, &client)?.filter(|d| d.ended_at.is_none()) else {
                return Ok(None);
            };
            let running = directories::all(tx)?.into_iter().filter(|o| o.ended_at.is_none());
            let others = running.map(|o| o.client).filter(|c| *c != d.client).collect();
            let organisation = identity::api::organisation(tx, &d.organisation)?;
            Ok(organisation.map(|o| (d, o.path, others)))
        })
        .await?;
    let (directory, path, others) = found.ok_or_else(|| refuse("provisioning-no-directory", 403))?;
    let base = base(&cx);
    Ok(Call {
        cx,
        directory,
        path,
        others,
        base,
        headers,
        query,
    })
}

/// The JSON of a request, read only when the caller is known.
async fn json(request: Request) -> Result<Json> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|h| h.to_str().ok()).unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if !matches!(kind.as_str(), "application/scim+json" | "application/json") {
        return Err(no(Error::new(415, "application/scim+json was expected")));
    }
    let bytes = Bytes::from_request(request, &()).await.map_err(|e| {
        no(match e.status().as_u16() {
            413 => Error::new(413, format!("the body has more than {} bytes", crate::BODY)),
            _ => Error::bad(ScimType::InvalidSyntax, "the body cannot be read"),
        })
    })?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let detail = format!("no JSON at line {}, column {}", e.line(), e.column());
        no(Error::bad(ScimType::InvalidSyntax, detail))
    })
}

/// Lets a request pass to `act` and answers it; `act` gets the body, null when the method has none.
pub(crate) async fn pass<F, W>(cx: Ctx, request: Request, act: F) -> Response
where
    F: FnOnce(Call, Json) -> W + Send,
    W: Future<Output = Result<Answer>> + Send,
{
    let cx = speaking(cx, request.headers());
    let query = request.uri().query().unwrap_or_default().to_string();
    let call = match call(&cx, request.headers().clone(), query).await {
        Ok(call) => call,
        Err(p) => return answer::error(&answer::say(&cx, &p)),
    };
    let mut row = Row {
        id: cx.id().to_string(),
        client: call.directory.client.clone(),
        at: cx.now(),
        method: request.method().to_string(),
        path: cx.path.chars().take(200).collect(),
        request: cx.request.to_string(),
        ..Row::default()
    };
    let bodied = matches!(request.method().as_str(), "POST" | "PUT" | "PATCH");
    let who = call.cx.clone();
    // Beside the allowance of the address each directory has one of its own: behind a proxy they share an address.
    let allowed = who.app.rates.take(Rate::Lookup, &who.actor.id, who.now());
    let done = match allowed {
        Err(seconds) => Err(Refusal::new("kernel-too-many")
            .status(429)
            .arg("seconds", seconds)
            .into()),
        Ok(()) => match bodied {
            true => match json(request).await {
                Ok(body) => act(call, body).await,
                Err(p) => Err(p),
            },
            false => act(call, Json::Null).await,
        },
    };
    let response = match &done {
        Ok(a) => {
            row.changed = a.changed.join(" ");
            row.ignored = a.ignored.join(" ").chars().take(500).collect();
            row.waiting = a.waiting.join(" ").chars().take(500).collect();
            answer::answer(a)
        }
        Err(p) => {
            let said = answer::say(&who, p);
            row.problem = said.name.clone();
            row.detail = said.error.detail.chars().take(500).collect();
            answer::error(&said)
        }
    };
    row.status = response.status().as_u16().into();
    if let Err(p) = log::note(&who, &row).await {
        tracing::warn!(request = %who.request, "a request of a directory was not written down: {p}");
    }
    response
}

/// `POST /.search` (RFC 7644 §3.4.3): users, then groups.
pub(crate) async fn search(cx: Ctx, request: Request) -> Response {
    pass(cx, request, async |call: Call, body: Json| {
        let mut search = scim::message::Search::body(&body).map_err(no)?;
        let (start, count) = (search.start, search.count);
        let users = crate::user::service::list(&call, &search).await?;
        let of = |list: &Json| -> (usize, Vec<Json>) {
            let total = list["totalResults"].as_u64().unwrap_or(0) as usize;
            (total, list["Resources"].as_array().cloned().unwrap_or_default())
        };
        let (first, mut all) = of(&users);
        search.start = start.saturating_sub(first).max(1);
        search.count = count - all.len();
        let groups = crate::group::service::list(&call, &search).await?;
        let (second, page) = of(&groups);
        all.extend(page);
        Ok(Answer::ok(scim::message::list(first + second, start, all)))
    })
    .await
}

fn refused(cx: Ctx, request: &Request, status: u16, detail: &str) -> Response {
    let cx = speaking(cx, request.headers());
    answer::error(&answer::say(&cx, &no(Error::new(status, detail))))
}

pub(crate) async fn no_such_method(cx: Ctx, request: Request) -> Response {
    refused(cx, &request, 405, "this address does not take this method")
}

pub(crate) async fn not_implemented(cx: Ctx, request: Request) -> Response {
    refused(cx, &request, 501, "this service does not offer that")
}

pub(crate) async fn nothing(cx: Ctx, request: Request) -> Response {
    refused(cx, &request, 404, "there is nothing at this address")
}

/// Documents of discovery are the same for everybody; a filter on them is refused (RFC 7644 §4).
fn document(cx: Ctx, request: &Request, found: Option<Json>) -> Response {
    let filtered = request.uri().query().unwrap_or_default().split('&');
    if filtered
        .map(|p| p.split('=').next().unwrap_or_default())
        .any(|n| n.eq_ignore_ascii_case("filter"))
    {
        return refused(cx, request, 403, "documents of discovery take no filter");
    }
    match found {
        Some(json) => answer::body(200, &json),
        None => refused(cx, request, 404, "there is no such document"),
    }
}

fn list(all: Vec<Json>) -> Option<Json> {
    Some(scim::message::list(all.len(), 1, all))
}

pub(crate) async fn configuration(cx: Ctx, request: Request) -> Response {
    let found = resources::configuration(&base(&cx));
    document(cx, &request, Some(found))
}

pub(crate) async fn types(cx: Ctx, request: Request) -> Response {
    let base = base(&cx);
    document(
        cx,
        &request,
        list(resources::types().iter().map(|t| t.document(&base)).collect()),
    )
}

pub(crate) async fn one_type(cx: Ctx, Id(name): Id, request: Request) -> Response {
    let base = base(&cx);
    let found = resources::types().into_iter().find(|t| t.name == name);
    document(cx, &request, found.map(|t| t.document(&base)))
}

pub(crate) async fn schemas(cx: Ctx, request: Request) -> Response {
    let base = base(&cx);
    document(
        cx,
        &request,
        list(resources::schemas().iter().map(|s| s.document(&base)).collect()),
    )
}

pub(crate) async fn one_schema(cx: Ctx, Id(id): Id, request: Request) -> Response {
    let base = base(&cx);
    let found = resources::schemas().into_iter().find(|s| s.id == id);
    document(cx, &request, found.map(|s| s.document(&base)))
}

/// What a list answers: the resources that match, in order, the page of them that is asked for. Nothing tells what does not match.
pub(crate) fn listed(
    of: &scim::schema::ResourceType,
    search: &scim::message::Search,
    mut all: Vec<Json>,
) -> (usize, Vec<Json>) {
    if let Some(filter) = &search.filter {
        all.retain(|r| filter.matches(of, r));
    }
    if let Some(sort) = &search.sort {
        sort.apply(of, &mut all);
    }
    let total = all.len();
    (total, search.page(all))
}

/// The page as it is told.
pub(crate) fn told(
    of: &scim::schema::ResourceType,
    search: &scim::message::Search,
    total: usize,
    page: &[Json],
) -> Json {
    let told = page.iter().map(|r| search.projection.apply(of, r)).collect();
    scim::message::list(total, search.start, told)
}

/// An instant as SCIM writes it.
pub(crate) fn instant(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}

/// A version that changes when one of these does; none of them may be personal.
pub(crate) fn version(parts: &Json) -> String {
    use sha2::Digest;
    hex::encode(&sha2::Sha256::digest(parts.to_string().as_bytes())[..8])
}

/// The names of members of two resources that differ.
pub(crate) fn differing(before: &Json, after: &Json) -> Vec<String> {
    let names = |v: &Json| -> Vec<String> {
        v.as_object()
            .map(|o| o.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut all = names(before);
    all.extend(names(after));
    all.sort();
    all.dedup();
    all.retain(|n| before.get(n) != after.get(n));
    all
}
