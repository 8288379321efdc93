//! Forms of the idioms. Each posts to a noun of the case or of one work item and goes back to the case.

use super::{Typed, after};
use crate::case::service::{self, Given, Giving};
use axum::Form;
use axum::extract::{Path, Query};
use axum::response::Response;
use kernel::module::Sample;
use kernel::{Ctx, Refusal, Result};
use process::Order;
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
pub(crate) struct At {
    version: i64,
}

/// To whom this work item may be given: 转办, 委托, 加签 and 会签 with the people who may be asked.
pub(crate) async fn giving(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Query(at): Query<At>,
) -> Result<Response> {
    let given = Given {
        case: &id,
        version: at.version,
        work,
    };
    let lists = cx
        .tx("cases.candidates", |tx| {
            let mut lists = Vec::new();
            for giving in [Giving::Sign, Giving::Transfer, Giving::Delegate] {
                let people = service::candidates(&cx, tx, given, giving)?;
                let people: Vec<Json> = people
                    .into_iter()
                    .map(|o| json!({ "id": o.actor, "label": format!("{} · {}", o.title, o.name) }))
                    .collect();
                lists.push(people);
            }
            Ok(lists)
        })
        .await?;
    let data = json!({ "case": id, "work": work, "version": at.version, "sign": lists[0], "transfer": lists[1],
        "delegate": lists[2] });
    cx.page("cases/work/giving.html", data)
}

/// Fields of one posted form; names may come more than once.
struct Sent(Vec<(String, String)>);

impl Sent {
    fn one(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v.as_str())
    }
    fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.clone())
            .collect()
    }
    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        self.one(name)
            .trim()
            .parse()
            .map_err(|_| Refusal::new("kernel-bad-form").status(400).into())
    }
    fn typed(&self, work: u32) -> Result<Typed<'_>> {
        Ok(Typed {
            work,
            outcome: "",
            opinion: self.one("reason"),
            version: self.number("version")?,
        })
    }
}

type Pairs = Form<Vec<(String, String)>>;

pub(crate) async fn sign(cx: Ctx, Path((id, work)): Path<(String, u32)>, Form(f): Pairs) -> Result<Response> {
    let f = Sent(f);
    let typed = f.typed(work)?;
    let order = match f.one("order") {
        "before" => Order::Before,
        "after" => Order::After,
        _ => Order::Beside,
    };
    let given = Given {
        case: &id,
        version: typed.version,
        work,
    };
    let done = service::sign(&cx, given, &f.all("to"), order, f.one("reason")).await;
    after(&cx, &id, done, typed).await
}

async fn give(cx: Ctx, id: String, work: u32, f: Sent, giving: Giving) -> Result<Response> {
    let typed = f.typed(work)?;
    let given = Given {
        case: &id,
        version: typed.version,
        work,
    };
    let done = service::assign(&cx, given, f.one("to"), giving, f.one("reason")).await;
    after(&cx, &id, done, typed).await
}

pub(crate) async fn transfer(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Form(f): Pairs,
) -> Result<Response> {
    give(cx, id, work, Sent(f), Giving::Transfer).await
}

pub(crate) async fn delegate(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Form(f): Pairs,
) -> Result<Response> {
    give(cx, id, work, Sent(f), Giving::Delegate).await
}

pub(crate) async fn recall(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Form(at): Form<At>,
) -> Result<Response> {
    let given = Given {
        case: &id,
        version: at.version,
        work,
    };
    after(&cx, &id, service::recall(&cx, given).await, Typed::default()).await
}

pub(crate) async fn let_through(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Form(f): Pairs,
) -> Result<Response> {
    let f = Sent(f);
    let typed = f.typed(work)?;
    let given = Given {
        case: &id,
        version: typed.version,
        work,
    };
    let done = service::let_through(&cx, given, &f.all("material")).await;
    after(&cx, &id, done, typed).await
}

pub(crate) async fn raise(
    cx: Ctx,
    Path((id, work)): Path<(String, u32)>,
    Form(f): Pairs,
) -> Result<Response> {
    let f = Sent(f);
    let typed = f.typed(work)?;
    let given = Given {
        case: &id,
        version: typed.version,
        work,
    };
    let done = service::raise(&cx, given, f.one("error"), f.one("reason")).await;
    after(&cx, &id, done, typed).await
}

pub(crate) async fn special(cx: Ctx, Path(id): Path<String>, Form(f): Pairs) -> Result<Response> {
    let f = Sent(f);
    let typed = f.typed(0)?;
    let days = f.number("days").unwrap_or(0);
    let done = service::special(&cx, &id, typed.version, f.one("name"), days, f.one("reason")).await;
    after(&cx, &id, done, typed).await
}

pub(crate) async fn extend(cx: Ctx, Path(id): Path<String>, Form(f): Pairs) -> Result<Response> {
    let f = Sent(f);
    let typed = f.typed(0)?;
    let days = f.number("days").unwrap_or(0);
    let done = service::extend(&cx, &id, typed.version, days, f.one("reason")).await;
    after(&cx, &id, done, typed).await
}

pub(crate) async fn urge(cx: Ctx, Path(id): Path<String>) -> Result<Response> {
    after(&cx, &id, service::urge(&cx, &id).await, Typed::default()).await
}

pub(crate) async fn message(cx: Ctx, Path(id): Path<String>, Form(f): Pairs) -> Result<Response> {
    let f = Sent(f);
    let typed = f.typed(0)?;
    let done = service::message(&cx, &id, typed.version, f.one("message"), json!({})).await;
    after(&cx, &id, done, typed).await
}

pub(crate) fn samples() -> Vec<Sample> {
    let people = json!([{ "id": "account:1", "label": "城管局 负责人 · 演示" }]);
    let sample = |name, sign: &Json, others: Json| Sample {
        template: "cases/work/giving.html",
        name,
        data: json!({ "case": "1", "work": 3, "version": 2, "sign": sign, "transfer": others, "delegate": others }),
    };
    vec![
        sample("some", &people, people.clone()),
        sample("nobody", &people, json!([])),
    ]
}
