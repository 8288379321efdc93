//! Joining, changing, moving, coming back: forms that keep what was typed.

use super::{show, view};
use crate::MANAGE;
use crate::official::change::Change;
use crate::official::find::Person;
use crate::official::join::{Join, Secret};
use crate::official::model::Term;
use crate::official::{find, service};
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kernel::http::{see, status};
use kernel::module::Sample;
use kernel::{Ctx, Problem, Refusal, Result, Uuid};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

const JOIN: &str = "identity/official/join.html";
const CHANGE: &str = "identity/official/change.html";
const MOVE: &str = "identity/official/move.html";
const SECRET: &str = "identity/official/secret.html";

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Typed {
    login: String,
    name: String,
    phone: String,
    number: String,
    post: String,
    from: String,
    until: String,
    reason: String,
}

impl Typed {
    fn term(&self) -> Term<'_> {
        Term {
            post: &self.post,
            from: &self.from,
            until: &self.until,
            reason: &self.reason,
        }
    }
}

/// What every form shows: the words typed, what is wrong with them, the posts to choose from.
async fn data(cx: &Ctx, typed: &Typed, refused: Option<&Refusal>) -> Result<Json> {
    let posts = cx
        .read("identity.posts-to-give", |tx| find::posts(tx, &cx.scope(MANAGE)))
        .await?;
    let mut groups: Vec<(String, Vec<Json>)> = Vec::new();
    for p in &posts {
        let post = view::post(cx, p);
        let name = post["organisation"].as_str().unwrap_or_default().to_string();
        match groups.last_mut() {
            Some((last, all)) if *last == name => all.push(post),
            _ => groups.push((name, vec![post])),
        }
    }
    let groups: Vec<Json> = groups
        .into_iter()
        .map(|(name, posts)| json!({ "name": name, "posts": posts }))
        .collect();
    Ok(
        json!({ "typed": typed, "groups": groups, "wrong": view::wrong(cx, refused), "error": refused.map(|r| cx.explains(r)) }),
    )
}

fn code(refused: Option<&Refusal>) -> StatusCode {
    refused.map_or(StatusCode::OK, status)
}

/// The one-time link, shown once.
fn secret(cx: &Ctx, id: Uuid, name: &str, s: &Secret, proposed: bool) -> Result<Response> {
    let link = format!("{}{}", cx.app.config.url, s.path);
    let mut page = cx.page(
        SECRET,
        json!({ "id": id, "name": name, "link": link, "until": s.until, "proposed": proposed }),
    )?;
    let never = axum::http::HeaderValue::from_static("no-store");
    page.headers_mut()
        .insert(axum::http::header::CACHE_CONTROL, never);
    Ok(page)
}

async fn join_page(cx: &Ctx, typed: &Typed, refused: Option<&Refusal>) -> Result<Response> {
    cx.page_with(code(refused), JOIN, data(cx, typed, refused).await?)
}

pub(crate) async fn join_form(cx: Ctx) -> Result<Response> {
    join_page(&cx, &Typed::default(), None).await
}

pub(crate) async fn join(cx: Ctx, Form(f): Form<Typed>) -> Result<Response> {
    let new = Join {
        login: &f.login,
        name: &f.name,
        phone: &f.phone,
        number: &f.number,
        post: Some(f.term()),
        ..Join::default()
    };
    match service::join(&cx, &new).await {
        Ok(joined) => secret(&cx, joined.account, f.name.trim(), &joined.secret, true),
        Err(Problem::Refusal(r)) if cx.html => join_page(&cx, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

async fn them(cx: &Ctx, id: Uuid) -> Result<Person> {
    cx.read("identity.official", |tx| service::seen(cx, tx, id, MANAGE))
        .await
}

async fn change_page(cx: &Ctx, id: Uuid, typed: &Typed, refused: Option<&Refusal>) -> Result<Response> {
    let person = them(cx, id).await?;
    let data = json!({ "id": id, "called": person.name, "typed": typed, "wrong": view::wrong(cx, refused),
        "error": refused.map(|r| cx.explains(r)) });
    cx.page_with(code(refused), CHANGE, data)
}

pub(crate) async fn change_form(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    let typed = cx
        .tx("identity.official-for-change", |tx| {
            let person = service::seen(&cx, tx, id, MANAGE)?;
            let purpose = cx.t("identity-officials-purpose", &[]);
            cx.accessed(
                tx,
                std::slice::from_ref(&person.subject),
                &["name", "phone"],
                &purpose,
            )?;
            let phone = find::phone(&cx, tx, &person.subject)?.unwrap_or_default();
            Ok(Typed {
                login: person.login,
                name: person.name,
                phone,
                ..Typed::default()
            })
        })
        .await?;
    change_page(&cx, id, &typed, None).await
}

pub(crate) async fn change(cx: Ctx, Path(id): Path<Uuid>, Form(f): Form<Typed>) -> Result<Response> {
    let change = Change {
        login: Some(&f.login),
        name: Some(&f.name),
        phone: Some(&f.phone),
        external_id: None,
    };
    match service::change(&cx, id, &change).await {
        Ok(()) => Ok(see(&format!("/work/officials/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => change_page(&cx, id, &f, Some(&r)).await,
        Err(e) => Err(e),
    }
}

async fn move_page(
    cx: &Ctx,
    id: Uuid,
    back: bool,
    typed: &Typed,
    refused: Option<&Refusal>,
) -> Result<Response> {
    let person = them(cx, id).await?;
    let mut data = data(cx, typed, refused).await?;
    data["id"] = json!(id);
    data["called"] = json!(person.name);
    data["back"] = json!(back);
    data["posts"] = view::row(cx, &person)["posts"].clone();
    cx.page_with(code(refused), MOVE, data)
}

pub(crate) async fn move_form(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    move_page(&cx, id, false, &Typed::default(), None).await
}

pub(crate) async fn propose(cx: Ctx, Path(id): Path<Uuid>, Form(f): Form<Typed>) -> Result<Response> {
    match service::assign(&cx, id, &f.term()).await {
        Ok(_) => Ok(see(&format!("/work/officials/{id}"))),
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            move_page(&cx, id, false, &f, Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn return_form(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    move_page(&cx, id, true, &Typed::default(), None).await
}

pub(crate) async fn rejoin(cx: Ctx, Path(id): Path<Uuid>, Form(f): Form<Typed>) -> Result<Response> {
    let term = f.term();
    let term = Some(&term).filter(|t| !t.post.is_empty());
    match service::rejoin(&cx, id, term).await {
        Ok(joined) => {
            let name = them(&cx, id).await?.name;
            secret(&cx, id, &name, &joined.secret, joined.proposal.is_some())
        }
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => {
            move_page(&cx, id, true, &f, Some(&r)).await
        }
        Err(e) => Err(e),
    }
}

pub(crate) async fn invite(cx: Ctx, Path(id): Path<Uuid>) -> Result<Response> {
    match service::invite(&cx, id).await {
        Ok(s) => {
            let name = them(&cx, id).await?.name;
            secret(&cx, id, &name, &s, false)
        }
        Err(Problem::Refusal(r)) if cx.html && r.status != 404 => show::show(&cx, id, Some(&r)).await,
        Err(e) => Err(e),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let typed = Typed {
        login: "newcomer".into(),
        name: "演示新人".into(),
        post: "p".into(),
        ..Typed::default()
    };
    let groups = json!([{ "name": "演示水利局", "posts": [{ "id": "p", "title": "审查员", "organisation": "演示水利局" }] }]);
    let form = |bad: bool| {
        let (wrong, error) = match bad {
            true => {
                let all: serde_json::Map<String, Json> = [
                    "login", "name", "phone", "number", "post", "from", "until", "reason",
                ]
                .map(|f| (f.to_string(), json!("请核对")))
                .into_iter()
                .collect();
                (json!(all), json!("账号名已被使用"))
            }
            false => (json!({}), Json::Null),
        };
        json!({ "id": "a", "called": "演示新人", "back": bad, "typed": typed, "groups": groups, "wrong": wrong, "error": error,
            "posts": if bad { json!([]) } else { json!([{ "id": "h", "post": "p", "title": "审查员", "organisation": "演示水利局", "from": "2026-11-24", "until": null, "runs": true, "lasts": true, "reason": "" }]) } })
    };
    let sample = |template, name, data| Sample { template, name, data };
    let link = |proposed: bool| json!({ "id": "a", "name": "演示新人", "link": "http://localhost/activation?secret=0123", "until": 1_795_500_000_000_i64, "proposed": proposed });
    vec![
        sample(JOIN, "fresh", form(false)),
        sample(JOIN, "refused", form(true)),
        sample(CHANGE, "fresh", form(false)),
        sample(CHANGE, "refused", form(true)),
        sample(MOVE, "move", form(false)),
        sample(MOVE, "back, refused", form(true)),
        sample(SECRET, "joined", link(true)),
        sample(SECRET, "again", link(false)),
    ]
}
