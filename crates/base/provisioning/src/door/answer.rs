//! Answers and errors in the form of RFC 7644.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Ctx, Problem, Refusal};
use scim::project::Projection;
use scim::schema::ResourceType;
use scim::{Error, ScimType};
use serde_json::Value as Json;

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Option<Json>,
    pub location: Option<String>,
    /// Version of the resource.
    pub version: Option<String>,
    /// Names of attributes that became others.
    pub changed: Vec<String>,
    /// Names that were left out.
    pub ignored: Vec<String>,
    /// Posts that wait for approval.
    pub waiting: Vec<String>,
}

impl Answer {
    pub(crate) fn ok(body: Json) -> Answer {
        Answer {
            status: 200,
            body: Some(body),
            ..Answer::default()
        }
    }

    /// A resource as the caller wants to see it, with where it is and its version.
    pub(crate) fn resource(
        kind: &'static ResourceType,
        projection: &Projection,
        resource: &Json,
        version: String,
    ) -> Answer {
        Answer {
            location: resource["meta"]["location"].as_str().map(str::to_string),
            version: Some(version),
            ..Answer::ok(projection.apply(kind, resource))
        }
    }

    /// The caller has this version already.
    pub(crate) fn unchanged(version: String) -> Answer {
        Answer {
            status: 304,
            version: Some(version),
            ..Answer::default()
        }
    }
}

/// Name of the refusal that carries an error of the engine through a transaction.
const CARRIED: &str = "provisioning-scim";

/// An error of the engine as a refusal.
pub(crate) fn no(e: Error) -> Problem {
    let word = e.scim_type.map(ScimType::as_str).unwrap_or_default();
    Refusal::new(CARRIED)
        .status(e.status)
        .arg("type", word)
        .arg("detail", e.detail)
        .into()
}

/// A refusal of this room in the words of its text.
pub(crate) fn refuse(key: &str, status: u16) -> Problem {
    Refusal::new(key).status(status).into()
}

/// An error on the wire, and its name in the log.
pub(crate) struct Said {
    pub error: Error,
    pub name: String,
    /// Seconds after which another try is worth it.
    pub later: Option<String>,
}

/// Says a problem in the words of RFC 7644. Nothing that a person typed gets into the detail, which is kept in the log.
pub(crate) fn say(cx: &Ctx, problem: &Problem) -> Said {
    let said = |error: Error, name: &str| Said {
        error,
        name: name.into(),
        later: None,
    };
    let refusal = match problem {
        Problem::Refusal(r) => r,
        Problem::Fault(f) => {
            tracing::error!(request = %cx.request, path = %cx.path, "{f}");
            let (status, key, later) = match f.away() {
                Some(_) => (503, "kernel-away", Some("10".to_string())),
                None => (500, "kernel-fault", None),
            };
            return Said {
                error: Error::new(status, cx.t(key, &[])),
                name: key.into(),
                later,
            };
        }
    };
    let typed = |scim_type: Option<ScimType>, status: u16, key: &str| {
        let text = cx.says(&Refusal {
            key: key.into(),
            ..refusal.clone()
        });
        let error = Error {
            status,
            scim_type,
            detail: text,
        };
        let name = scim_type.map_or_else(|| refusal.key.clone(), |t| t.as_str().into());
        said(error, &name)
    };
    match refusal.key.as_str() {
        CARRIED => {
            let word = refusal.args.get("type").map(String::as_str).unwrap_or_default();
            let error = Error {
                status: refusal.status,
                scim_type: of_word(word),
                detail: refusal.args.get("detail").cloned().unwrap_or_default(),
            };
            let name = if word.is_empty() { "error" } else { word };
            said(error, name)
        }
        "kernel-not-found" => typed(None, 404, "provisioning-nothing"),
        "kernel-stale" => typed(None, 412, "provisioning-stale"),
        // Its own text repeats the login.
        "identity-login-taken" => typed(Some(ScimType::Uniqueness), 409, "provisioning-taken"),
        key @ ("identity-official-known"
        | "identity-official-again"
        | "provisioning-known"
        | "provisioning-left") => typed(Some(ScimType::Uniqueness), 409, key),
        key @ ("identity-official-name-shown" | "provisioning-title") => {
            typed(Some(ScimType::Mutability), 400, key)
        }
        "kernel-too-many" => Said {
            later: refusal.args.get("seconds").cloned(),
            ..typed(None, 429, "kernel-too-many")
        },
        key if refusal.status == 422 => typed(Some(ScimType::InvalidValue), 400, key),
        key => typed(None, refusal.status, key),
    }
}

fn of_word(word: &str) -> Option<ScimType> {
    use ScimType::*;
    [
        InvalidFilter,
        TooMany,
        Uniqueness,
        Mutability,
        InvalidSyntax,
        InvalidPath,
        NoTarget,
        InvalidValue,
    ]
    .into_iter()
    .find(|t| t.as_str() == word)
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A body with the media type of SCIM.
pub(crate) fn body(status: u16, body: &Json) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = "application/scim+json; charset=utf-8";
    (status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
}

pub(crate) fn error(said: &Said) -> Response {
    let mut response = body(said.error.status, &said.error.body());
    if said.error.status == 401 {
        put(&mut response, header::WWW_AUTHENTICATE, "Bearer");
    }
    if let Some(seconds) = &said.later {
        put(&mut response, header::RETRY_AFTER, seconds);
    }
    response
}

pub(crate) fn answer(a: &Answer) -> Response {
    let mut response = match &a.body {
        Some(json) => body(a.status, json),
        None => StatusCode::from_u16(a.status)
            .unwrap_or(StatusCode::NO_CONTENT)
            .into_response(),
    };
    if let Some(location) = &a.location {
        put(&mut response, header::LOCATION, location);
    }
    if let Some(version) = &a.version {
        put(&mut response, header::ETAG, &scim::etag::tag(version));
    }
    response
}
