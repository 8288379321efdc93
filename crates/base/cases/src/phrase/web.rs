//! Keeping one's stock phrases.

use super::{service, store};
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::see;
use kernel::module::Sample;
use kernel::{Ctx, Problem, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

pub(crate) async fn list(cx: Ctx) -> Result<Response> {
    page(&cx, StatusCode::OK, "", "").await
}

async fn page(cx: &Ctx, status: StatusCode, refused: &str, typed: &str) -> Result<Response> {
    let paths: Vec<String> = cx.actor.grants.iter().map(|g| g.org_path.clone()).collect();
    let (own, office) = cx
        .read("cases.phrases", |tx| {
            let (mut own, mut office): (Vec<Json>, Vec<Json>) = (Vec::new(), Vec::new());
            for p in store::offered(cx, tx, &cx.actor.id, &paths)? {
                if p.owner == cx.actor.id {
                    own.push(json!({ "id": p.id, "words": p.words, "shared": p.shared }));
                } else {
                    let who = identity::api::post_title(cx, tx, &p.owner)?;
                    office.push(json!({ "words": p.words, "who": who }));
                }
            }
            Ok((own, office))
        })
        .await?;
    let data = json!({ "own": own, "office": office, "may_share": cx.holds("cases.phrase.share"), "refused": refused, "typed": typed });
    cx.page_with(status, "cases/phrase/list.html", data)
}

#[derive(Deserialize)]
pub(crate) struct Words {
    #[serde(default)]
    words: String,
}

async fn done(cx: &Ctx, outcome: Result<()>, typed: &str) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(see("/work/phrases")),
        Err(Problem::Refusal(r)) if matches!(r.status, 409 | 422) => {
            page(cx, kernel::http::status(&r), &cx.explains(&r), typed).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn add(cx: Ctx, Form(f): Form<Words>) -> Result<Response> {
    done(&cx, service::add(&cx, &f.words).await, &f.words).await
}
pub(crate) async fn edit(cx: Ctx, Path(id): Path<String>, Form(f): Form<Words>) -> Result<Response> {
    done(&cx, service::edit(&cx, &id, &f.words).await, "").await
}
pub(crate) async fn raise(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    done(&cx, service::raise(&cx, &id).await, "").await
}
pub(crate) async fn remove(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    done(&cx, service::remove(&cx, &id).await, "").await
}

#[derive(Deserialize)]
pub(crate) struct Share {
    #[serde(default)]
    shared: u8,
}

pub(crate) async fn share(cx: Ctx, Path(id): Path<String>, Form(f): Form<Share>) -> Result<Response> {
    done(&cx, service::share(&cx, &id, f.shared == 1).await, "").await
}

pub(crate) fn samples() -> Vec<Sample> {
    let sample = |name, data| Sample {
        template: "cases/phrase/list.html",
        name,
        data,
    };
    vec![
        sample(
            "none",
            json!({ "own": [], "office": [], "may_share": false, "refused": "", "typed": "" }),
        ),
        sample(
            "some",
            json!({ "own": [{ "id": "1", "words": "同意。", "shared": true }, { "id": "2", "words": "请核对尺寸。", "shared": false }],
                "office": [{ "words": "现场核验无误。", "who": "市城管局 负责人" }], "may_share": true, "refused": "已经有了", "typed": "同意。" }),
        ),
    ]
}
