//! The authority's public addresses, and the pages of those who run it.

use super::model::{Asked, Entry, REASONS, Step, Use};
use super::service::register::{self, Decision, Wish};
use super::service::{answers, register as verbs};
use super::store::{self, Find};
use crate::crypto::x509::Certificate;
use axum::Form;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use kernel::http::{reply, see, status};
use kernel::module::Sample;
use kernel::{Ctx, Door, Problem, Refusal, Result, Route};
use serde::Deserialize;
use serde_json::{Value as Json, json};

pub(crate) const READ: &str = "trust.certificate.read";
pub(crate) const REQUEST: &str = "trust.certificate.request";
pub(crate) const APPROVE: &str = "trust.certificate.approve";
pub(crate) const REVOKE: &str = "trust.certificate.revoke";

const PAGE: i64 = 50;
/// Requests of OCSP and time-stamps are small.
const ASKED: usize = 32 << 10;

pub(crate) fn routes() -> Vec<Route> {
    use axum::routing::{get, post};
    let rate = kernel::rate::Rate::Lookup;
    let one = "/work/authority/{serial}";
    vec![
        Route::new("/pki/{file}", Door::Public, get(file)),
        Route::new("/pki/ocsp/{algorithm}", Door::Public, post(ocsp))
            .open()
            .body(ASKED)
            .rate(rate),
        Route::new("/pki/ocsp/{algorithm}/{*request}", Door::Public, get(ocsp_get)).rate(rate),
        Route::new("/pki/tsa", Door::Public, post(tsa))
            .open()
            .body(ASKED)
            .rate(rate),
        Route::new("/work/authority", Door::Official(READ), get(list)),
        Route::new(
            "/work/authority/requests",
            Door::Official(REQUEST),
            get(form).post(ask),
        )
        .body(64 << 10),
        Route::new("/work/authority/queue", Door::Official(READ), get(queue)),
        Route::new(
            "/work/authority/queue/{id}",
            Door::Official(READ),
            get(request_page),
        ),
        Route::new(
            "/work/authority/queue/{id}/approval",
            Door::Official(APPROVE),
            post(approve),
        ),
        Route::new(
            "/work/authority/queue/{id}/refusal",
            Door::Official(APPROVE),
            post(refuse),
        ),
        Route::new(one, Door::Official(READ), get(show)),
        Route::new(
            "/work/authority/{serial}/file/{name}",
            Door::Official(READ),
            get(download),
        ),
        Route::new(
            "/work/authority/{serial}/revocation",
            Door::Official(REVOKE),
            post(revoke),
        ),
        Route::new(
            "/work/authority/{serial}/hold",
            Door::Official(REVOKE),
            post(hold),
        ),
        Route::new(
            "/work/authority/{serial}/release",
            Door::Official(REVOKE),
            post(release),
        ),
        Route::new(
            "/work/authority/{serial}/renewal",
            Door::Official(APPROVE),
            post(renew),
        ),
        Route::new("/api/v1/pki/requests", Door::Official(REQUEST), post(api_ask)).doc(
            "POST",
            "Asks for a certificate: profile (node, person, seal), request (PKCS #10 as PEM or base64), names, reason",
            json!({ "type": "object" }),
            json!({ "type": "object" }),
        ),
        Route::new("/api/v1/pki/requests/{id}", Door::Official(REQUEST), get(api_request)).doc(
            "GET",
            "Where one's own request stands, with the certificate once it is issued",
            json!(null),
            json!({ "type": "object" }),
        ),
        Route::new("/api/v1/pki/certificates/{serial}", Door::Public, get(api_certificate))
            .rate(rate)
            .doc(
                "GET",
                "A certificate of this authority with its status",
                json!(null),
                json!({ "type": "object" }),
            ),
    ]
}

fn typed(kind: &'static str, body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// `{root|issuing}-{p256|sm2}.{cer|pem|crl}`.
async fn file(cx: Ctx, Path(name): Path<String>) -> Result<Response> {
    let (stem, ending) = name.rsplit_once('.').ok_or_else(Refusal::not_found)?;
    let (which, algorithm) = stem.rsplit_once('-').ok_or_else(Refusal::not_found)?;
    let kind = answers::algorithm(algorithm)?;
    match ending {
        "cer" => {
            let c = answers::certificate(&cx, which, kind).await?;
            Ok(typed("application/pkix-cert", c.der().to_vec()))
        }
        "pem" => {
            let c = answers::certificate(&cx, which, kind).await?;
            Ok(typed("application/x-pem-file", c.pem().into_bytes()))
        }
        "crl" => Ok(typed(
            "application/pkix-crl",
            answers::list(&cx, which, kind).await?,
        )),
        _ => Err(Refusal::not_found().into()),
    }
}

async fn ocsp(cx: Ctx, Path(algorithm): Path<String>, body: Bytes) -> Result<Response> {
    let kind = answers::algorithm(&algorithm)?;
    Ok(typed(
        "application/ocsp-response",
        answers::ocsp(&cx, kind, &body).await?,
    ))
}

/// The request in base64 behind the address (RFC 6960, A.1.1).
async fn ocsp_get(cx: Ctx, Path((algorithm, request)): Path<(String, String)>) -> Result<Response> {
    let kind = answers::algorithm(&algorithm)?;
    let engines = [STANDARD, URL_SAFE, URL_SAFE_NO_PAD];
    let request = engines.iter().find_map(|e| e.decode(request.trim()).ok());
    // What is no base64 is a malformed request, which the protocol answers itself.
    let body = request.unwrap_or_default();
    Ok(typed(
        "application/ocsp-response",
        answers::ocsp(&cx, kind, &body).await?,
    ))
}

async fn tsa(cx: Ctx, body: Bytes) -> Result<Response> {
    Ok(typed(
        "application/timestamp-reply",
        answers::timestamp(&cx, &body).await?,
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Search {
    q: String,
    profile: String,
    state: String,
    after: String,
}

fn row(cx: &Ctx, e: &Entry) -> Json {
    json!({ "serial": e.serial, "cn": e.cn, "o": e.o, "profile": cx.t(&format!("trust-profile-{}", e.used_for.name()), &[]),
        "algorithm": e.algorithm.to_uppercase(), "until": e.not_after, "since": e.issued_at, "state": e.state(cx.now()) })
}

async fn list(cx: Ctx, Query(q): Query<Search>) -> Result<Response> {
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

async fn entry(cx: &Ctx, serial: &str) -> Result<Entry> {
    let serial = serial.to_lowercase();
    let found = cx
        .read("trust.certificate", |tx| Ok(store::get(tx, &serial)?))
        .await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

async fn page(cx: &Ctx, serial: &str, refused: Option<&Refusal>) -> Result<Response> {
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

async fn show(cx: Ctx, Path(serial): Path<String>) -> Result<Response> {
    page(&cx, &serial, None).await
}

async fn download(cx: Ctx, Path((serial, name)): Path<(String, String)>) -> Result<Response> {
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
async fn chain(cx: &Ctx, e: &Entry, certificate: &Certificate) -> Result<String> {
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
struct Act {
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

async fn revoke(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    let reason = REASONS.iter().find(|(_, name)| *name == f.reason);
    let step = reason.map(|(reason, _)| Step::Revoke(*reason));
    stepped(cx, serial, f, step).await
}

async fn hold(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    stepped(cx, serial, f, Some(Step::Hold)).await
}

async fn release(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    stepped(cx, serial, f, Some(Step::Release)).await
}

async fn renew(cx: Ctx, Path(serial): Path<String>, Form(f): Form<Act>) -> Result<Response> {
    match verbs::renew(&cx, &serial, f.version).await {
        Ok(new) => Ok(see(&format!("/work/authority/{new}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => page(&cx, &serial, Some(&r)).await,
        Err(p) => Err(p),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asking {
    profile: String,
    request: String,
    names: String,
    reason: String,
    replaces: String,
}

impl Asking {
    fn wish(&self) -> Wish {
        Wish {
            profile: self.profile.clone(),
            request: self.request.clone(),
            names: self.names.clone(),
            reason: self.reason.clone(),
            replaces: self.replaces.clone(),
        }
    }
}

async fn form_page(cx: &Ctx, f: &Asking, refused: Option<&Refusal>) -> Result<Response> {
    let own = cx
        .read("trust.own-requests", |tx| {
            Ok(store::requests(tx, &cx.actor.id, 20)?)
        })
        .await?;
    let profiles: Vec<Json> = Use::ASKED
        .iter()
        .map(|u| json!({ "id": u.name(), "title": cx.t(&format!("trust-profile-{}", u.name()), &[]) }))
        .collect();
    let data = json!({ "profile": f.profile, "request": f.request, "names": f.names, "reason": f.reason, "replaces": f.replaces,
        "profiles": profiles, "own": own.iter().map(|a| line(cx, a)).collect::<Vec<_>>(),
        "error": refused.map(|r| cx.explains(r)).unwrap_or_default() });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "trust/authority/ask.html",
        data,
    )
}

async fn form(cx: Ctx, Query(f): Query<Asking>) -> Result<Response> {
    form_page(&cx, &f, None).await
}

async fn ask(cx: Ctx, Form(f): Form<Asking>) -> Result<Response> {
    match register::ask(&cx, &f.wish()).await {
        Ok(id) => Ok(see(&format!("/work/authority/queue/{id}"))),
        Err(Problem::Refusal(r)) if cx.html => form_page(&cx, &f, Some(&r)).await,
        Err(p) => Err(p),
    }
}

fn line(cx: &Ctx, a: &Asked) -> Json {
    json!({ "id": a.id, "cn": a.cn, "o": a.o, "profile": cx.t(&format!("trust-profile-{}", a.used_for.name()), &[]), "state": a.state,
        "at": a.created_at, "algorithm": a.algorithm.to_uppercase() })
}

async fn queue(cx: Ctx) -> Result<Response> {
    let all = cx
        .read("trust.requests", |tx| Ok(store::requests(tx, "", 200)?))
        .await?;
    let rows: Vec<Json> = all.iter().map(|a| line(&cx, a)).collect();
    cx.page("trust/authority/queue.html", json!({ "rows": rows }))
}

async fn asked(cx: &Ctx, id: &str) -> Result<Asked> {
    let found = cx.read("trust.request", |tx| Ok(store::request(tx, id)?)).await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

async fn request_with(
    cx: &Ctx,
    id: &str,
    typed: Option<&Deciding>,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let a = asked(cx, id).await?;
    let mut data = line(cx, &a);
    for (key, value) in [
        ("names", json!(a.names)),
        ("reason", json!(a.reason)),
        ("key_hash", json!(a.key_hash)),
        ("version", json!(a.version)),
        ("opinion", json!(a.opinion)),
        ("serial", json!(a.serial)),
        ("replaces", json!(a.replaces)),
        ("decided_at", json!(a.decided_at)),
    ] {
        data[key] = value;
    }
    let typed = json!({ "cn": typed.map_or(&a.cn, |t| &t.cn), "o": typed.map_or(&a.o, |t| &t.o),
        "opinion": typed.map_or("", |t| t.opinion.as_str()) });
    let data = json!({ "a": data, "typed": typed, "own": a.asked_by == cx.actor.id,
        "may": cx.holds(APPROVE) && a.state == "asked" && a.asked_by != cx.actor.id,
        "error": refused.map(|r| cx.explains(r)).unwrap_or_default() });
    cx.page_with(
        refused.map_or(StatusCode::OK, status),
        "trust/authority/request.html",
        data,
    )
}

async fn request_page(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    request_with(&cx, &id, None, None).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Deciding {
    version: i64,
    cn: String,
    o: String,
    opinion: String,
}

impl Deciding {
    fn decision(&self) -> Decision {
        Decision {
            version: self.version,
            cn: self.cn.clone(),
            o: self.o.clone(),
            opinion: self.opinion.clone(),
        }
    }
}

async fn approve(cx: Ctx, Path(id): Path<String>, Form(f): Form<Deciding>) -> Result<Response> {
    match register::approve(&cx, &id, &f.decision()).await {
        Ok(serial) => Ok(see(&format!("/work/authority/{serial}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            request_with(&cx, &id, Some(&f), Some(&r)).await
        }
        Err(p) => Err(p),
    }
}

async fn refuse(cx: Ctx, Path(id): Path<String>, Form(f): Form<Deciding>) -> Result<Response> {
    match register::refuse(&cx, &id, &f.decision()).await {
        Ok(()) => Ok(see(&format!("/work/authority/queue/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            request_with(&cx, &id, Some(&f), Some(&r)).await
        }
        Err(p) => Err(p),
    }
}

async fn api_ask(cx: Ctx, axum::Json(f): axum::Json<Asking>) -> Result<Response> {
    let id = register::ask(&cx, &f.wish()).await?;
    Ok((StatusCode::CREATED, reply(json!({ "id": id, "state": "asked" }))).into_response())
}

async fn api_request(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    let a = asked(&cx, &id).await?;
    if a.asked_by != cx.actor.id && !cx.holds(READ) {
        return Err(Refusal::not_found().into());
    }
    let mut data = json!({ "id": a.id, "state": a.state, "opinion": a.opinion, "serial": a.serial });
    if let Some(serial) = &a.serial {
        let e = entry(&cx, serial).await?;
        let certificate = Certificate::from_der(&e.der).map_err(|x| kernel::Fault::of("certificate", x))?;
        data["chain"] = json!(chain(&cx, &e, &certificate).await?);
    }
    Ok(reply(data))
}

async fn api_certificate(cx: Ctx, Path(serial): Path<String>) -> Result<Response> {
    let e = entry(&cx, &serial).await?;
    Ok(reply(
        json!({ "serial": e.serial, "profile": e.used_for.name(), "algorithm": e.algorithm, "cn": e.cn, "o": e.o,
        "not_before": e.not_before, "not_after": e.not_after, "state": e.state(cx.now()),
        "revoked_at": e.revoked.map(|(_, at)| at), "certificate": STANDARD.encode(&e.der) }),
    ))
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |template, name, data: Json| Sample { template, name, data };
    let row = |state: &str| {
        json!({ "serial": "4f00", "cn": "演示节点", "o": "演示局", "profile": "节点", "algorithm": "P256", "until": 1_895_000_000_000i64,
            "since": 1_795_000_000_000i64, "state": state })
    };
    let list = |rows: Json, next: Json| json!({ "rows": rows, "next": next, "q": "", "profile": "", "state": "", "profiles": [{ "id": "node", "title": "节点" }], "may_ask": true });
    let certificate = |state: &str, error: &str| {
        let mut e = row(state);
        for (k, v) in [
            ("from", json!(1_795_000_000_000i64)),
            ("names", json!(["node.example"])),
            ("holder", json!("")),
            ("key_hash", json!("ab")),
            ("version", json!(1)),
            (
                "revoked_at",
                if state == "good" {
                    Json::Null
                } else {
                    json!(1_795_000_000_000i64)
                },
            ),
            ("reason", json!("被取代")),
            ("replaces", json!("4e00")),
            ("next", Json::Null),
            ("history", json!([{ "what": "签发", "at": 1_795_000_000_000i64 }])),
        ] {
            e[k] = v;
        }
        json!({ "e": e, "reasons": [{ "id": "superseded", "title": "被取代" }], "error": error, "may_revoke": true, "may_renew": true })
    };
    let line = json!({ "id": "r", "cn": "演示节点", "o": "演示局", "profile": "节点", "state": "asked", "at": 1_795_000_000_000i64, "algorithm": "SM2" });
    let ask = |own: Json, error: &str| {
        json!({ "profile": "node", "request": "", "names": "", "reason": "", "replaces": "", "profiles": [{ "id": "node", "title": "节点" }],
            "own": own, "error": error })
    };
    let request = |may: bool, own: bool, error: &str| {
        let mut a = line.clone();
        for (k, v) in [
            ("names", json!(["node.example"])),
            ("reason", json!("新节点")),
            ("key_hash", json!("ab")),
            ("version", json!(1)),
            ("opinion", Json::Null),
            ("serial", Json::Null),
            ("replaces", Json::Null),
            ("decided_at", Json::Null),
        ] {
            a[k] = v;
        }
        json!({ "a": a, "typed": { "cn": "演示节点", "o": "演示局", "opinion": "" }, "own": own, "may": may, "error": error })
    };
    vec![
        sample(
            "trust/authority/list.html",
            "some",
            list(
                json!([
                    row("good"),
                    row("ending"),
                    row("held"),
                    row("revoked"),
                    row("ended")
                ]),
                json!("1.4f"),
            ),
        ),
        sample("trust/authority/list.html", "none", list(json!([]), Json::Null)),
        sample(
            "trust/authority/certificate.html",
            "good",
            certificate("good", ""),
        ),
        sample(
            "trust/authority/certificate.html",
            "held, refused",
            certificate("held", "已经吊销"),
        ),
        sample("trust/authority/ask.html", "fresh", ask(json!([]), "")),
        sample(
            "trust/authority/ask.html",
            "refused",
            ask(json!([line]), "无法读取"),
        ),
        sample("trust/authority/queue.html", "some", json!({ "rows": [line] })),
        sample("trust/authority/queue.html", "none", json!({ "rows": [] })),
        sample(
            "trust/authority/request.html",
            "to decide",
            request(true, false, ""),
        ),
        sample(
            "trust/authority/request.html",
            "own",
            request(false, true, "不能审批自己的申请"),
        ),
    ]
}

/// `yiwang ca …`; for the operator.
pub(crate) fn command(ctx: Ctx, words: Vec<String>) -> kernel::module::JobFuture {
    kernel::module::boxed(async move {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["show"] | ["init"] => {
                for kind in ["p256", "sm2"] {
                    for which in ["root", "issuing"] {
                        let c = answers::certificate(&ctx, which, answers::algorithm(kind)?).await?;
                        println!(
                            "{which}-{kind}\t{}\t{}\tsha256 {}",
                            hex::encode(&c.serial),
                            c.subject_cn,
                            hex::encode(c.digest())
                        );
                    }
                }
            }
            ["list"] => {
                let find = Find::default();
                let rows = ctx
                    .read("trust.register", |tx| {
                        Ok(store::find(tx, &find, ctx.now(), 1_000)?)
                    })
                    .await?;
                for e in rows {
                    println!(
                        "{}\t{}\t{}\t{}\t{}",
                        e.serial,
                        e.used_for.name(),
                        e.algorithm,
                        e.state(ctx.now()),
                        e.cn
                    );
                }
            }
            ["revoke", serial, reason] => {
                let reason = REASONS.iter().find(|(_, name)| *name == reason);
                let (reason, _) = reason.ok_or_else(|| {
                    let all: Vec<&str> = REASONS.iter().map(|(_, n)| *n).collect();
                    kernel::Fault::new(format!("the reason is one of {}", all.join(", ")))
                })?;
                ctx.tx("trust.revoke", |tx| {
                    verbs::revoke(&ctx, tx, serial, None, Step::Revoke(*reason))
                })
                .await?;
            }
            _ => {
                return Err(
                    kernel::Fault::new("usage: yiwang ca show | init | list | revoke SERIAL REASON").into(),
                );
            }
        }
        Ok(())
    })
}
