//! The register and its certificates, for those who run the authority.

use super::{APPROVE, PAGE, REQUEST, REVOKE, typed};
use crate::authority::model::{Entry, REASONS, Step, Use};
use crate::authority::service::answers;
use crate::authority::service::register as verbs;
use crate::authority::store::{self, Find};
use crate::crypto::x509::Certificate;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::{Ctx, Problem, Refusal, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Search {
    q: String,
    profile: String,
    state: String,
    after: String,
}

pub(super) fn row(cx: &Ctx, e: &Entry) -> Json {
    json!({ "serial": e.serial, "cn": e.cn, "o": e.o, "profile": cx.t(&format!("trust-profile-{}", e.used_for.name()), &[]),
        "algorithm": e.algorithm.to_uppercase(), "until": e.not_after, "since": e.issued_at, "state": e.state(cx.now()) })
}

pub(super) async fn list(cx: Ctx, Query(q): Query<Search>) -> Result<Response> {
    let after = q
        .after
        .split_once('.')
        .and_then(|(at, s)| Some((at.parse().ok()?, s.to_string())));
    let find = Find {
        words: q.q.trim().chars().take(60).collect(),
        profile: q.profile.clone(),
        state: q.state.clone(),
        after,
    };
    let mut rows = cx
        .read("trust.register", |tx| Ok(store::find(tx, &find, cx.now(), PAGE)?))
        .await?;
    let more = rows.len() as i64 > PAGE;
    rows.truncate(PAGE as usize);
    let next = rows
        .last()
        .filter(|_| more)
        .map(|e| format!("{}.{}", e.issued_at, e.serial));
    let profiles: Vec<Json> = Use::ALL
        .iter()
        .map(|u| json!({ "id": u.name(), "title": cx.t(&format!("trust-profile-{}", u.name()), &[]) }))
        .collect();
    let data = json!({ "rows": rows.iter().map(|e| row(&cx, e)).collect::<Vec<_>>(), "next": next, "q": find.words,
        "profile": q.profile, "state": q.state, "profiles": profiles, "may_ask": cx.holds(REQUEST) });
    cx.page("trust/authority/list.html", data)
}

pub(super) async fn entry(cx: &Ctx, serial: &str) -> Result<Entry> {
    let serial = serial.to_lowercase();
    let found = cx
        .read("trust.certificate", |tx| Ok(store::get(tx, &serial)?))
        .await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

pub(super) async fn page(cx: &Ctx, serial: &str, refused: Option<&Refusal>) -> Result<Response> {
    let e = entry(cx, serial).await?;
    let (next, history) = cx
        .read("trust.certificate-history", |tx| {
            let history = kernel::fact::history(tx, &[e.serial.as_str()])?;
            Ok((store::successor(tx, &e.serial)?, history))
        })
        .await?;
    let history: Vec<Json> = history
        .iter()
        .map(|h| json!({ "what": cx.t(&h.kind.replace('.', "-"), &[]), "at": h.at }))
        .collect();
    let names = Certificate::from_der(&e.der).map(|c| c.names).unwrap_or_default();
    let reason = e
        .revoked
        .and_then(|(code, _)| REASONS.iter().find(|(r, _)| r.code() == code));
    let mut data = row(cx, &e);
    for (key, value) in [
        ("from", json!(e.not_before)),
        ("names", json!(names)),
        ("holder", json!(e.holder)),
        ("key_hash", json!(e.key_hash)),
        ("version", json!(e.version)),
        ("revoked_at", json!(e.revoked.map(|(_, at)| at))),
        (
            "reason",
            json!(reason.map(|(_, name)| cx.t(&format!("trust-reason-{name}"), &[]))),
        ),
        ("replaces", json!(e.replaces)),
        ("next", json!(next)),
        ("history", json!(history)),
    ] {
        data[key] = value;
    }
    let reasons: Vec<Json> = REASONS
        .iter()
        .map(|(_, name)| json!({ "id": name, "title": cx.t(&format!("trust-reason-{name}"), &[]) }))
        .collect();
    let own = matches!(e.used_for, Use::Root);
    let data = json!({ "e": data, "reasons": reasons, "error": refused.map(|r| cx.explains(r)).unwrap_or_default(),
        "may_revoke": cx.holds(REVOKE) && !own, "may_renew": cx.holds(APPROVE) && Use::ASKED.contains(&e.used_for) && next.is_none() });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "trust/authority/certificate.html",
        data,
    )
}

pub(super) async fn show(cx: Ctx, Path(serial): Path<String>) -> Result<Response> {
    page(&cx, &serial, None).await
}

pub(super) async fn download(cx: Ctx, Path((serial, name)): Path<(String, String)>) -> Result<Response> {
    let e = entry(&cx, &serial).await?;
    let certificate = Certificate::from_der(&e.der).map_err(|x| kernel::Fault::of("certificate", x))?;
    match name.as_str() {
        "certificate.cer" => Ok(typed("application/pkix-cert", e.der)),
        "certificate.pem" => Ok(typed("application/x-pem-file", certificate.pem().into_bytes())),
        "chain.pem" => Ok(typed(
            "application/x-pem-file",
            chain(&cx, &e, &certificate).await?.into_bytes(),
        )),
        _ => Err(Refusal::not_found().into()),
    }
}

/// The certificate and those above it, as PEM.
pub(super) async fn chain(cx: &Ctx, e: &Entry, certificate: &Certificate) -> Result<String> {
    let kind = answers::algorithm(&e.algorithm)?;
    let mut text = certificate.pem();
    for which in ["issuing", "root"] {
        let above = answers::certificate(cx, which, kind).await?;
        if above.der() != certificate.der() && e.used_for != Use::Root {
            text.push_str(&above.pem());
        }
    }
    Ok(text)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Act {
    version: i64,
    reason: String,
}

async fn stepped(cx: Ctx, serial: String, f: Act, step: Option<Step>) -> Result<Response> {
    let done = match step {
        Some(step) => verbs::step(&cx, &serial, f.version, step).await,
        None => Err(Refusal::new("trust-reason-unknown").into()),
    };
    match done {
        Ok(()) => Ok(see(&format!("/work/authority/{serial}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => page(&cx, &serial, Some(&r)).await,
        Err(p) => Err(p),
    }
}

pub(super) async fn revoke(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    let reason = REASONS.iter().find(|(_, name)| *name == f.reason);
    let step = reason.map(|(reason, _)| Step::Revoke(*reason));
    stepped(cx, serial, f, step).await
}

pub(super) async fn hold(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    stepped(cx, serial, f, Some(Step::Hold)).await
}

pub(super) async fn release(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    stepped(cx, serial, f, Some(Step::Release)).await
}

pub(super) async fn renew(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    match verbs::renew(&cx, &serial, f.version).await {
        Ok(new) => Ok(see(&format!("/work/authority/{new}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => page(&cx, &serial, Some(&r)).await,
        Err(p) => Err(p),
    }
}
