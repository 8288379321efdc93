//! The holder's page and files, public verification, the office's list with revocation.

use super::model::Certificate;
use super::{produce, store};
use crate::paper::{self, store as papers};
use axum::Form;
use axum::extract::{Multipart, Path, Query};
use axum::response::{IntoResponse, Response};
use kernel::http::{attachment, reply, see};
use kernel::module::Sample;
use kernel::{Ctx, Fact, Refusal, Result, Tx};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use trust::api::{Change, OfdSignature};

/// The holder's own certificate, or one that an official may read.
fn readable(cx: &Ctx, tx: &mut Tx<'_>, id: &str) -> Result<Certificate> {
    let c = store::by_id(tx, id)?.ok_or_else(Refusal::not_found)?;
    cx.may("documents.certificate.read", &c.resource()).map_err(|r| {
        match identity::api::beyond_scope(&r) {
            true => r,
            false => Refusal::not_found(),
        }
    })?;
    Ok(c)
}

fn shown(cx: &Ctx, tx: &mut Tx<'_>, c: &Certificate) -> Result<Json> {
    let holder = identity::api::party(cx, tx, &c.holder)?;
    let standing = c.standing(&cx.today().to_string());
    Ok(json!({
        "id": c.id, "title": c.title(cx), "identifier": c.identifier, "number": c.number, "token": c.token,
        "issuer": identity::api::organisation_name(cx, tx, &c.issuer)?, "issued_on": c.issued_on,
        "valid_from": c.valid_from, "valid_until": c.valid_until, "standing": standing,
        "standing_text": cx.t(&format!("documents-standing-{standing}"), &[]), "ready": c.ready, "reason": c.reason,
        "waiting": c.waiting.as_deref().filter(|_| !c.ready).map(|why| cx.t(why, &[])),
        "holder": holder.as_ref().map(|p| p.name.clone()),
        "holder_masked": holder.map(|p| if p.kind == "legal" { p.name } else { p.masked_name() }),
        "sha256": c.pdf_sha256, "seq": store::issue_seq(tx, &c.id)?,
    }))
}

/// The page of a certificate; with an ending, one of its files: an id has no dot, so `{id}.pdf` is no other id.
pub(crate) async fn page(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    if let Some((id, what)) = id.split_once('.') {
        return file(cx, id, what).await;
    }
    let c = cx
        .read("documents.page", |tx| {
            let c = readable(&cx, tx, &id)?;
            shown(&cx, tx, &c)
        })
        .await?;
    let url = format!(
        "{}/verify/{}",
        cx.app.config.url,
        c["token"].as_str().unwrap_or_default()
    );
    let qr = kernel::qr::svg(&url)?;
    cx.page(
        "documents/certificate/page.html",
        json!({ "cert": c, "verify_url": url, "qr": qr }),
    )
}

/// `pdf`, `ofd`, `sm2`, `sm2.pem` or `proof`.
async fn file(cx: Ctx, id: &str, what: &str) -> Result<Response> {
    let (c, found, ofd, seq) = cx
        .tx("documents.file", |tx| {
            let c = readable(&cx, tx, id)?;
            cx.accessed(
                tx,
                std::slice::from_ref(&c.holder),
                &["certificate"],
                "certificate",
            )?;
            let seq = store::issue_seq(tx, id)?;
            let ofd = match what {
                "ofd" => produce::ofd(&cx, tx, id)?,
                _ => None,
            };
            Ok((c, produce::file(&cx, tx, id)?, ofd, seq))
        })
        .await?;
    let (pdf, sm2) = found.ok_or_else(|| Refusal::new("documents-not-ready").status(409))?;
    let name = format!("{}-{}", c.title(&cx), c.number);
    match what {
        "pdf" => Ok(attachment(&format!("{name}.pdf"), "application/pdf", pdf)),
        "ofd" => {
            let ofd = ofd.ok_or_else(|| Refusal::new("documents-no-ofd").status(404))?;
            Ok(attachment(&format!("{name}.ofd"), "application/ofd", ofd))
        }
        "sm2" => Ok(attachment(
            &format!("{name}.pdf.sm2"),
            "application/octet-stream",
            sm2,
        )),
        "sm2.pem" => {
            // The key of the seal that was used; files from before seals were records have the issuer's.
            let hash = c.pdf_sha256.clone().unwrap_or_default();
            let used = cx
                .read("documents.seal", |tx| seals::api::used(&cx, tx, &hash))
                .await?;
            let key = used.map_or_else(|| c.issuer.clone(), |u| u.key_name);
            let pem = trust::api::sm2_public_pem(&cx, &key).await?;
            Ok(attachment(
                "sm2-public.pem",
                "application/x-pem-file",
                pem.into_bytes(),
            ))
        }
        "proof" => {
            let seq = seq.ok_or_else(|| Refusal::new("documents-not-ready").status(409))?;
            let proof = trust::api::proof(&cx, seq).await?;
            Ok(attachment(
                &format!("{name}.proof.json"),
                "application/json",
                proof.to_string().into_bytes(),
            ))
        }
        _ => Err(Refusal::not_found().into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct Find {
    #[serde(default)]
    q: String,
}

/// The public page behind the QR code.
pub(crate) async fn verify_token(cx: Ctx, Path(token): Path<String>) -> Result<Response> {
    let found = cx
        .read("documents.verify", |tx| {
            let cert = match store::by_token(tx, &token)? {
                Some(c) if c.ready => Some(shown(&cx, tx, &c)?),
                _ => None,
            };
            let paper = match papers::by_token(tx, &token)? {
                Some(p) => Some(paper::service::shown(&cx, tx, &p)?),
                None => None,
            };
            Ok((cert, paper))
        })
        .await?;
    let (cert, paper) = found;
    let status = if cert.is_some() || paper.is_some() {
        axum::http::StatusCode::OK
    } else {
        axum::http::StatusCode::NOT_FOUND
    };
    cx.page_with(
        status,
        "documents/verify/result.html",
        json!({ "cert": cert, "paper": paper, "file": null }),
    )
}

pub(crate) async fn verify_form(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let q: String = find.q.chars().filter(|c| !c.is_whitespace()).collect();
    if q.is_empty() {
        return cx.page("documents/verify/form.html", json!({ "message": "" }));
    }
    if !codes::certificate_id_valid(&q) {
        let message = cx.t("documents-verify-identifier-wrong", &[]);
        let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return cx.page_with(
            status,
            "documents/verify/form.html",
            json!({ "message": message }),
        );
    }
    let found = cx
        .read("documents.verify", |tx| match store::by_identifier(tx, &q)? {
            Some(c) if c.ready => Ok(Some(shown(&cx, tx, &c)?)),
            _ => Ok(None),
        })
        .await?;
    cx.page(
        "documents/verify/result.html",
        json!({ "cert": found, "paper": null, "file": null }),
    )
}

/// Checks an uploaded PDF or OFD. Nothing of it is kept.
pub(crate) async fn verify_file(cx: Ctx, mut parts: Multipart) -> Result<Response> {
    let mut bytes = Vec::new();
    let bad = |_| Refusal::new("kernel-bad-form");
    while let Some(field) = parts.next_field().await.map_err(bad)? {
        if field.name() == Some("file") {
            bytes = field.bytes().await.map_err(bad)?.to_vec();
        }
    }
    let sha256: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let examined = match &bytes[..bytes.len().min(4)] {
        b"%PDF" => Ok(examine_pdf(&cx, &bytes).await?),
        [b'P', b'K', ..] => examine_ofd(&cx, bytes).await?,
        _ => Err("documents-verify-not-pdf"),
    };
    let mut file = match examined {
        Ok(file) => file,
        Err(key) => {
            let r = Refusal::new(key);
            if !cx.html {
                return Err(r.into());
            }
            let data = json!({ "message": cx.explains(&r) });
            return cx.page_with(kernel::http::status(&r), "documents/verify/form.html", data);
        }
    };
    let (found, paper, seal) = cx
        .read("documents.verify", |tx| {
            let cert = match store::by_hash(tx, &sha256)?.or(store::by_ofd(tx, &sha256)?) {
                Some(c) => Some(shown(&cx, tx, &c)?),
                None => None,
            };
            let paper = match papers::by_hash(tx, &sha256)? {
                Some(p) => Some(paper::service::shown(&cx, tx, &p)?),
                None => None,
            };
            let seal = seals::api::used(&cx, tx, &sha256)?;
            Ok((cert, paper, seal))
        })
        .await?;
    file["seal"] = seal.map_or(
        Json::Null,
        |s| json!({ "name": s.name, "at": s.at, "state": cx.t(&s.state, &[]) }),
    );
    file["sha256"] = sha256.into();
    file["known"] = (found.is_some() || paper.is_some()).into();
    if !cx.html {
        return Ok(reply(
            json!({ "file": file, "certificate": found, "paper": paper }),
        ));
    }
    cx.page(
        "documents/verify/result.html",
        json!({ "cert": found, "paper": paper, "file": file }),
    )
}

async fn examine_pdf(cx: &Ctx, pdf: &[u8]) -> Result<serde_json::Value> {
    let judged = trust::api::verify_pdf(cx, pdf).await?;
    let v = &judged.signature;
    let stamp = v.stamp.as_ref().filter(|s| s.trusted && s.problem.is_none());
    // What somebody did to the file after it was signed, in the reader's language.
    let mut later: Vec<String> = v.later.iter().filter_map(|c| later(cx, c)).collect();
    later.dedup();
    Ok(
        json!({ "kind": "PDF", "signatures": [], "intact": v.intact, "whole": v.covers_whole_file, "trusted": v.trusted, "signer": v.signer_cn,
        "at": stamp.map(|s| s.at).or(v.at), "proved": stamp.is_some(), "later": later, "revoked": judged.revoked.map(|(at, _)| at),
        "before": judged.revoked.is_some_and(|(_, before)| before) }),
    )
}

/// A change that a signature does not permit.
fn later(cx: &Ctx, change: &Change) -> Option<String> {
    let key = match change {
        _ if change.permitted() => return None,
        Change::Overlay { .. } => "documents-later-overlay",
        Change::Removed { .. } => "documents-later-removed",
        Change::Added { .. } | Change::Supplied { .. } => "documents-later-added",
        Change::Replaced { .. } | Change::Trailer { .. } => "documents-later-replaced",
        _ => "documents-later-bytes",
    };
    Some(cx.t(key, &[]))
}

/// The inner error is the key of a text.
async fn examine_ofd(cx: &Ctx, ofd: Vec<u8>) -> Result<std::result::Result<serde_json::Value, &'static str>> {
    let report = match trust::api::verify_ofd(cx, ofd).await? {
        Ok(report) => report,
        Err(why) => {
            tracing::info!("an OFD file cannot be read: {why}");
            return Ok(Err("documents-verify-not-ofd"));
        }
    };
    let all =
        |what: fn(&OfdSignature) -> bool| !report.signatures.is_empty() && report.signatures.iter().all(what);
    let last = report.signatures.last();
    let mut later: Vec<String> = Vec::new();
    for part in report.signatures.iter().flat_map(|s| &s.parts) {
        let text = cx.t("documents-later-part", &[("part", part)]);
        if !later.contains(&text) && later.len() < 20 {
            later.push(text);
        }
    }
    // Of several seals each is said for itself: a foreign one beside ours takes nothing from what ours proves.
    let each: Vec<Json> = report
        .signatures
        .iter()
        .map(|s| {
            json!({ "seal": s.seal, "signer": s.signer, "at": s.at, "proved": s.proved, "whole": s.whole, "trusted": s.stands,
                "revoked": s.revoked })
        })
        .collect();
    Ok(Ok(
        json!({ "kind": "OFD", "pages": report.pages, "signatures": each, "intact": all(|s| s.whole && !s.fails.contains(&"signature does not verify")), "whole": all(|s| s.whole),
        "trusted": all(|s| s.stands), "signer": last.map_or("", |s| s.seal.as_str()), "at": last.and_then(|s| s.at), "proved": all(|s| s.proved), "later": later, "revoked": last.and_then(|s| s.revoked), "before": last.is_some_and(|s| s.stands) }),
    ))
}

pub(crate) async fn list(cx: Ctx, Query(find): Query<Find>) -> Result<Response> {
    let scope = cx.scope("documents.certificate.read");
    let items = cx
        .read("documents.list", |tx| {
            let all = store::list(tx, &scope, find.q.trim())?;
            let mut items = Vec::new();
            for c in all {
                let may = cx.may("documents.certificate.revoke", &c.resource()).is_ok() && c.state == "valid";
                let mut item = shown(&cx, tx, &c)?;
                item["may_revoke"] = may.into();
                items.push(item);
            }
            Ok(items)
        })
        .await?;
    cx.page(
        "documents/certificate/list.html",
        json!({ "items": items, "q": find.q }),
    )
}

#[derive(Deserialize)]
pub(crate) struct Revocation {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn revoke(cx: Ctx, Path(id): Path<String>, Form(f): Form<Revocation>) -> Result<Response> {
    let reason: String = f.reason.trim().chars().take(200).collect();
    if reason.is_empty() {
        return Err(Refusal::new("documents-reason-needed").into());
    }
    cx.tx("documents.revoke", |tx| {
        let c = readable(&cx, tx, &id)?;
        cx.may("documents.certificate.revoke", &c.resource())?;
        if !store::revoke(tx, &id, &reason, cx.now())? {
            return Err(Refusal::new("documents-not-valid").status(409).into());
        }
        cx.emit(
            tx,
            Fact::new("documents.certificate.revoked", &id).touch(&crate::CERTIFICATE, &id),
        )?;
        Ok(())
    })
    .await?;
    Ok(see("/work/certificates"))
}

pub(crate) async fn api_verify(cx: Ctx, Path(identifier): Path<String>) -> Result<Response> {
    let found = cx
        .read("documents.verify", |tx| {
            match store::by_identifier(tx, &identifier)? {
                Some(c) if c.ready => Ok(shown(&cx, tx, &c)?),
                _ => Err(Refusal::not_found().into()),
            }
        })
        .await?;
    let keep = [
        "title",
        "identifier",
        "issuer",
        "issued_on",
        "valid_from",
        "valid_until",
        "standing",
        "holder_masked",
        "seq",
    ];
    Ok(reply(
        keep.iter()
            .map(|k| (k.to_string(), found[*k].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    )
    .into_response())
}

pub(crate) fn samples() -> Vec<Sample> {
    let c = json!({ "id": "1", "title": "许可证", "identifier": "1.2.156", "number": "2026-X-1", "token": "t", "issuer": "演示机关",
        "issued_on": "2026-11-24", "valid_from": "2026-11-24", "valid_until": null, "standing": "valid", "standing_text": "有效",
        "ready": true, "reason": null, "holder": "演示居民", "holder_masked": "演***", "sha256": "00", "seq": 3, "may_revoke": true, "waiting": null });
    let mut making = c.clone();
    making["ready"] = false.into();
    making["waiting"] = "印章已停用".into();
    making["valid_until"] = "2026-12-01".into();
    making["seq"] = Json::Null;
    let file = json!({ "intact": true, "whole": true, "trusted": true, "signer": "演示", "at": 1, "sha256": "00", "known": true, "kind": "PDF", "later": [], "signatures": [],
        "proved": true, "revoked": 2, "before": true, "seal": { "name": "演示机关 公章", "at": 1, "state": "使用中" } });
    let broken = json!({ "intact": false, "whole": false, "trusted": false, "signer": "", "at": null, "sha256": "00", "known": false, "kind": "OFD",
        "signatures": [{ "seal": "演示机关", "signer": "演示机关", "at": 1, "proved": true, "whole": true, "trusted": true, "revoked": null },
            { "seal": "他处", "signer": "他处", "at": null, "proved": false, "whole": false, "trusted": false, "revoked": 1 }],
        "later": ["替换了原有内容"], "proved": false, "revoked": 1, "before": false, "seal": null });
    let page = |c: &Json| json!({ "cert": c, "verify_url": "http://x/verify/t", "qr": "<svg></svg>" });
    let result = |c: Json, file: Json| json!({ "cert": c, "paper": null, "file": file });
    let paper = |newer: Json| {
        json!({ "cert": null, "file": null, "paper": { "title": "受理通知书", "number": "演示〔2026〕1号", "issuer": "演示机关",
            "dated": "2026-11-24", "superseded_by": newer, "sha256": "00", "seq": 3, "recipient_masked": "演***" } })
    };
    let sample = |template, name, data| Sample { template, name, data };
    vec![
        sample("documents/certificate/page.html", "ready", page(&c)),
        sample("documents/certificate/page.html", "being made", page(&making)),
        sample(
            "documents/certificate/list.html",
            "none",
            json!({ "items": [], "q": "" }),
        ),
        sample(
            "documents/certificate/list.html",
            "one",
            json!({ "items": [c], "q": "" }),
        ),
        sample("documents/verify/form.html", "fresh", json!({ "message": "" })),
        sample(
            "documents/verify/result.html",
            "by code",
            result(c.clone(), Json::Null),
        ),
        sample(
            "documents/verify/result.html",
            "unknown",
            result(Json::Null, Json::Null),
        ),
        sample("documents/verify/result.html", "paper", paper(Json::Null)),
        sample(
            "documents/verify/result.html",
            "superseded",
            paper("演示〔2026〕2号".into()),
        ),
        sample("documents/verify/result.html", "file", result(c.clone(), file)),
        sample(
            "documents/verify/result.html",
            "broken file",
            result(Json::Null, broken),
        ),
    ]
}
