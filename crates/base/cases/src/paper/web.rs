//! A paper's files, and the form that corrects one.

use super::service;
use axum::Form;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kernel::http::{attachment, percent, see};
use kernel::{Ctx, Refusal, Result};
use serde::Deserialize;

/// `GET /cases/{id}/papers/{paper}.{pdf, ofd, sm2, sm2.pem or proof}`, for whoever may read the case; the look is recorded.
pub(crate) async fn file(cx: Ctx, Path((case, file)): Path<(String, String)>) -> Result<Response> {
    let (id, what) = file.split_once('.').ok_or_else(Refusal::not_found)?;
    let (paper, found, (ofd, key), seq) = cx
        .tx("cases.paper", |tx| {
            let (case, paper) = service::of_case(&cx, tx, &case, id)?;
            cx.accessed(tx, std::slice::from_ref(&case.applicant), &["name"], "paper")?;
            let seq = documents::api::paper_seq(tx, id)?;
            let ofd = match what {
                "ofd" => documents::api::paper_ofd(&cx, tx, id)?,
                _ => None,
            };
            let key = documents::api::paper_key(&cx, tx, &paper)?;
            let file = documents::api::paper_file(&cx, tx, id)?;
            Ok((paper, file, (ofd, key), seq))
        })
        .await?;
    let (pdf, sm2) = found.ok_or_else(Refusal::not_found)?;
    let name = format!("{}-{}", paper.title, paper.number);
    match what {
        "pdf" => {
            // Shown in the browser: from there it is printed or kept.
            let headers = [
                (header::CONTENT_TYPE, "application/pdf".to_string()),
                (
                    header::CONTENT_DISPOSITION,
                    format!("inline; filename*=UTF-8''{}", percent(&format!("{name}.pdf"))),
                ),
            ];
            Ok((headers, pdf).into_response())
        }
        "ofd" => {
            let ofd = ofd.ok_or_else(|| Refusal::new("cases-paper-no-ofd").status(404))?;
            Ok(attachment(&format!("{name}.ofd"), "application/ofd", ofd))
        }
        "sm2" => Ok(attachment(
            &format!("{name}.pdf.sm2"),
            "application/octet-stream",
            sm2,
        )),
        "sm2.pem" => {
            let pem = trust::api::sm2_public_pem(&cx, &key).await?;
            let kind = "application/x-pem-file";
            Ok(attachment("sm2-public.pem", kind, pem.into_bytes()))
        }
        "proof" => {
            let seq = seq.ok_or_else(|| Refusal::new("documents-not-ready").status(409))?;
            let proof = trust::api::proof(&cx, seq).await?.to_string();
            let name = format!("{name}.proof.json");
            Ok(attachment(&name, "application/json", proof.into_bytes()))
        }
        _ => Err(Refusal::not_found().into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct Correction {
    #[serde(default)]
    text: String,
    #[serde(default)]
    why: String,
}

/// `POST /work/cases/{id}/papers/{paper}/correction`.
pub(crate) async fn correct(
    cx: Ctx,
    Path((case, paper)): Path<(String, String)>,
    Form(f): Form<Correction>,
) -> Result<Response> {
    service::correct(&cx, &case, &paper, &f.text, &f.why).await?;
    Ok(see(&format!("/work/cases/{case}")))
}
